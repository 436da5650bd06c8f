"""Whom a trigger or a condition is about: the devices that its owner named, by area, label, entity or themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids

from ..const import DOMAIN
from ..hub import SmartAirConfigEntry, SmartAirHub, hub_of
from ..pumps.actuator import SwitchActuator
from ..pumps.pump import Pump
from ..pysmartair import Alert


def loaded_hubs(hass: HomeAssistant) -> list[SmartAirHub]:
    """Return the hubs that are loaded."""
    entries: list[SmartAirConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    return [entry.runtime_data for entry in entries]


@dataclass(frozen=True, slots=True)
class Targeted:
    """The devices and entities that a target names."""

    devices: set[str]
    entities: set[str]


def targeted(hass: HomeAssistant, target: Mapping[str, Any]) -> Targeted:
    """Return the devices and entities that a target names, as things stand now."""
    found = async_extract_referenced_entity_ids(hass, TargetSelection(dict(target)), primary_entities_only=False)
    entities = found.referenced | found.indirectly_referenced
    registry = er.async_get(hass)
    entries = [registry.async_get(entity_id) for entity_id in entities]
    of_entities = {entry.device_id for entry in entries if entry is not None and entry.device_id}
    return Targeted(found.referenced_devices | of_entities, entities)


def devices_of_alert(hub: SmartAirHub, alert: Alert) -> set[str]:
    """Return the ids of the devices that an alert is about: the hub's, the node's, the pump's, the zone's."""
    ids = {hub.device_id}
    if device := hub.devices.get(alert.uid or ""):
        ids.add(device.device_id)
    if pump := hub.pumps.get((alert.uid or "", alert.channel or "")):
        ids |= _devices_of_pump(pump)
    if alert.zone is not None:
        registered = dr.async_entries_for_config_entry(dr.async_get(hub.hass), hub.entry.entry_id)
        ids |= {one.id for one in registered if one.config_subentry_id == alert.zone}
    return {one for one in ids if one is not None}


def is_targeted(pump: Pump, target: Targeted) -> bool:
    """Tell whether a target names a pump, its node, its zone or the switch that it is."""
    if isinstance(pump.actuator, SwitchActuator):
        # A switch may have no device, and of one that has others beside it not all are pumps.
        by_name = pump.actuator.entity_id in target.entities
    else:
        by_name = bool(_devices_of_pump(pump) & target.devices)
    return by_name or bool(_devices_of_zone(pump) & target.devices)


def _devices_of_pump(pump: Pump) -> set[str]:
    ids = {pump.registered.id} if pump.registered else set()
    device = hub_of(pump.pumps).devices.get(pump.uid or "")
    return ids | ({device.device_id} if device and device.device_id else set())


def _devices_of_zone(pump: Pump) -> set[str]:
    zone = hub_of(pump.pumps).zones.get(pump.zone.zone) if pump.zone else None
    return {zone.device_id} if zone and zone.device_id else set()
