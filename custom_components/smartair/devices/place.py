"""Where a thing of Home Assistant is, for every text that people read: "Office · CO₂ meter"."""

from typing import Any

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..pysmartair import Thing, place_text, places

_PLACES: HassKey[_Places] = HassKey(f"{DOMAIN}_places")


@callback
def place_of_device(hass: HomeAssistant, device_id: str | None) -> str | None:
    """Return where a device is: area, device and, for a part of one, the part; None where it is not registered."""
    if device_id is None:
        return None
    known = _places(hass).texts.get(device_id)
    if known is not None:
        return known
    device = dr.async_get(hass).async_get(device_id)
    # Not one of ours.
    return None if device is None else place_text(_area_of(hass, device), device.name_by_user or device.name)


@callback
def place_of_entity(hass: HomeAssistant, entity_id: str) -> str:
    """Return where an entity is, with its name."""
    state = hass.states.get(entity_id)
    name = state.name if state else entity_id
    entry = er.async_get(hass).async_get(entity_id)
    if entry is None:
        return name
    device = dr.async_get(hass).async_get(entry.device_id) if entry.device_id else None
    area = _area_name(hass, entry.area_id) or (_area_of(hass, device) if device is not None else None)
    return place_text(area, name)


class _Places:
    """The places of all devices of SmartAir, computed again only after a change of a registry."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Follow the registries for as long as Home Assistant runs."""
        self._hass = hass
        self._texts: dict[str, str] | None = None
        hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._async_changed)
        hass.bus.async_listen(ar.EVENT_AREA_REGISTRY_UPDATED, self._async_changed)

    @callback
    def _async_changed(self, _event: Event[Any]) -> None:
        self._texts = None

    @property
    def texts(self) -> dict[str, str]:
        """Return the place of each device by its id in the registry."""
        if self._texts is None:
            self._texts = places(self._things())
        return self._texts

    def _things(self) -> list[Thing]:
        """Return the devices, the oldest first: a number that one has got stays with it."""
        registry = dr.async_get(self._hass)
        entries = self._hass.config_entries.async_entries(DOMAIN)
        whole = [one for entry in entries for one in dr.async_entries_for_config_entry(registry, entry.entry_id)]
        parts = [part for one in whole for part in dr.async_entries_for_parent_device(registry, one.id)]
        return [self._thing(one) for group in (whole, parts) for one in sorted(group, key=_age)]

    def _thing(self, device: dr.DeviceEntry | dr.ChildDeviceEntry) -> Thing:
        parent = device.parent_device_id if isinstance(device, dr.ChildDeviceEntry) else None
        name = device.name_by_user or device.name or device.id
        return Thing(device.id, name, _area_of(self._hass, device), parent)


def _age(device: dr.DeviceEntry | dr.ChildDeviceEntry) -> float:
    return device.created_at.timestamp()


def _places(hass: HomeAssistant) -> _Places:
    found = hass.data.get(_PLACES)
    if found is None:
        found = hass.data[_PLACES] = _Places(hass)
    return found


def _area_of(hass: HomeAssistant, device: dr.DeviceEntry | dr.ChildDeviceEntry) -> str | None:
    return _area_name(hass, dr.async_get_effective_area_id(hass, device))


def _area_name(hass: HomeAssistant, area_id: str | None) -> str | None:
    area = ar.async_get(hass).async_get_area(area_id) if area_id else None
    return area.name if area else None
