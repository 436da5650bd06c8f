"""The pump nodes that a zone can be made of: what each declares says what its pumps and sensors are for."""

from collections.abc import Iterator, Mapping
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from ..const import DOMAIN, SUBENTRY_ZONE
from ..devices.device import SmartAirDevice
from ..hub import SmartAirHub
from ..pysmartair import without_markup
from .settings import CONF_AREA, PUMPS, SECTION_PUMPS, SECTION_SENSORS, SENSORS
from .sources import METRICS


def zones_of(hass: HomeAssistant) -> Iterator[ConfigSubentry]:
    """Return the zones of all hubs."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        yield from (one for one in entry.subentries.values() if one.subentry_type == SUBENTRY_ZONE)


class Nodes:
    """The devices of a hub that have pumps of a zone."""

    def __init__(self, hass: HomeAssistant, hub: SmartAirHub | None) -> None:
        """Look at the devices that there are now; a hub that is not loaded has none."""
        self._hass = hass
        self._hub = hub
        self._registry = er.async_get(hass)
        devices = () if hub is None else hub.devices.values()
        self._nodes = {one.uid: one for one in devices if self._pumps(one)}

    @property
    def labels(self) -> Mapping[str, str]:
        """What each node is called, with its room."""
        return {uid: device.place for uid, device in self._nodes.items()}

    @property
    def switches(self) -> tuple[str, ...]:
        """The switches of all pumps of a zone, by node."""
        return tuple(one for device in self._nodes.values() for one in self._pumps(device).values())

    @property
    def unused(self) -> str | None:
        """The first node with no pump in any zone."""
        taken = {
            reference
            for zone in zones_of(self._hass)
            for role in PUMPS
            if (reference := zone.data[SECTION_PUMPS].get(role))
        }
        for uid, device in self._nodes.items():
            known = {entry.id for one in self._pumps(device).values() if (entry := self._registry.async_get(one))}
            if taken.isdisjoint(known):
                return uid
        return None

    def draft(self, uid: str) -> dict[str, Any]:
        """Return what a node fills in of a zone: name, area, pumps and sensors; nothing for a node that is gone."""
        if (device := self._nodes.get(uid)) is None:
            return {}
        metrics = {what: METRICS[what] for what in SENSORS}
        sensors = {what: self._entity(device, "sensor", metric) for what, metric in metrics.items()}
        registered = device.registered
        name = (registered.name_by_user if registered is not None else None) or device.name
        return {
            CONF_NAME: self._free(without_markup(name)),
            SECTION_PUMPS: self._pumps(device),
            SECTION_SENSORS: {what: one for what, one in sensors.items() if one is not None},
            **({CONF_AREA: registered.area_id} if registered is not None and registered.area_id else {}),
        }

    def _pumps(self, device: SmartAirDevice) -> dict[str, str]:
        """Return the switches of a node's pumps by what they are for, the first of each."""
        pumps: dict[str, str] = {}
        for pump in self._hub.pumps.of(device) if self._hub is not None else ():
            role = str(pump.role)
            switch = self._entity(device, "switch", f"{pump.channel}:pump")
            if role in PUMPS and role not in pumps and pump.offered and switch is not None:
                pumps[role] = switch
        return pumps

    def _entity(self, device: SmartAirDevice, platform: str, key: str) -> str | None:
        return self._registry.async_get_entity_id(platform, DOMAIN, f"{device.unique_prefix}{key}")

    def _free(self, name: str) -> str:
        """Return a name that no zone has, with a number where one has it."""
        taken = {zone.title.casefold() for zone in zones_of(self._hass)}
        number = 2
        found = name
        while found.casefold() in taken:
            found, number = f"{name} {number}", number + 1
        return found
