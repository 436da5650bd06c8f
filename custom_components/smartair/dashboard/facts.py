"""What the dashboard cannot see in Home Assistant's registries: zones, limits in force, and what comes first."""

from collections.abc import Callable, Iterable
from datetime import time
from typing import Any

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components import websocket_api
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from ..automations.target import loaded_hubs
from ..const import DOMAIN
from ..devices.device import SmartAirDevice
from ..hub import SmartAirHub, hub_of
from ..pysmartair import USUAL, Bounds
from ..zones.sources import entity_id_of
from ..zones.zone import Zone

type Facts = dict[str, Any]
type May = Callable[[str], bool]

FIRST = 24
"""Devices that are shown first where there are too many for one view."""


@callback
def async_setup_facts(hass: HomeAssistant) -> None:
    """Answer the dashboard's question."""
    websocket_api.async_register_command(hass, _ws_dashboard)


@websocket_api.websocket_command({"type": f"{DOMAIN}/dashboard"})
@callback
def _ws_dashboard(hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]) -> None:
    connection.send_result(msg["id"], facts(hass, connection.user))


def facts(hass: HomeAssistant, user: User) -> Facts:
    """Return what the dashboard of a user is made of, and nothing that this user may not read."""
    may = _reads(user)
    hubs = loaded_hubs(hass)
    return {
        "hidden": _hidden(hass, may),
        "zones": [_zone(zone, may) for hub in hubs for zone in hub.zones.values() if _visible(zone, may)],
        "limits": {entity: bounds for hub in hubs for entity, bounds in _limits(hub) if may(entity)},
        "first": [device.device_id for device in _first(hubs)],
    }


def _reads(user: User) -> May:
    permissions = user.permissions
    if user.is_admin or permissions.access_all_entities(POLICY_READ):
        return lambda _entity: True
    return lambda entity: permissions.check_entity(entity, POLICY_READ)


def _hidden(hass: HomeAssistant, may: May) -> list[str]:
    """Return our entities that the user may not read: every browser is told which entities there are."""
    registry = er.async_get(hass)
    ours = (
        entity
        for entry in hass.config_entries.async_entries(DOMAIN)
        for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
    )
    return sorted(one.entity_id for one in ours if not may(one.entity_id))


# --- zones --------------------------------------------------------------------------------------


def _entities(zone: Zone) -> list[str]:
    registry = er.async_get(zone.connection.hass)
    device_id = zone.device_id
    return [] if device_id is None else [one.entity_id for one in er.async_entries_for_device(registry, device_id)]


def _visible(zone: Zone, may: May) -> bool:
    return any(map(may, _entities(zone)))


def _zone(zone: Zone, may: May) -> Facts:
    settings = zone.settings

    def named(references: Iterable[tuple[str, str]]) -> dict[str, str]:
        found = ((what, entity_id_of(zone.connection.hass, reference)) for what, reference in references)
        return {what: entity for what, entity in found if entity is not None and may(entity)}

    return {
        "name": zone.name,
        "device_id": zone.device_id,
        "pumps": named((str(role), reference) for role, reference in settings.pumps.items()),
        "sensors": named(settings.sensors.items()),
        "level": {
            "low": settings.min_level,
            "empty": settings.rules.empty_level,
            "target": settings.rules.target_level,
            "high": settings.rules.max_level,
        },
        "ph": {"low": settings.ph.low, "high": settings.ph.high},
        "ec": {"low": settings.ec.low, "high": settings.ec.high},
    }


# --- limits -------------------------------------------------------------------------------------


def _limits(hub: SmartAirHub) -> Iterable[tuple[str, Facts]]:
    """Yield the limits in force by the sensor that they are of."""
    registry = er.async_get(hub.hass)
    for device in hub.devices.values():
        for metric in USUAL.keys() & device.snapshot.metrics:
            entity = registry.async_get_entity_id(Platform.SENSOR, DOMAIN, f"{device.unique_prefix}{metric}")
            bounds = hub.limits.bounds(device, metric)
            if entity is not None and (bounds.high is not None or bounds.low is not None):
                yield entity, _bounds(bounds)


def _bounds(bounds: Bounds) -> Facts:
    night = {
        "night_high": bounds.night_high,
        "night_begin": _hour(bounds.night_begin),
        "night_end": _hour(bounds.night_end),
    }
    return {
        "high": bounds.high,
        "low": bounds.low,
        "hysteresis": bounds.hysteresis,
        **({} if bounds.night_high is None else night),
    }


def _hour(moment: time) -> str:
    return moment.strftime("%H:%M")


# --- what comes first ---------------------------------------------------------------------------


def _first(hubs: Iterable[SmartAirHub]) -> list[SmartAirDevice]:
    """Return the devices with the worst alerts, and after them those that were added last."""

    def worst(device: SmartAirDevice) -> int:
        return max((alert.severity.rank + 1 for alert in hub_of(device).alerts.active(device.uid)), default=0)

    # The store keeps devices in the order in which they came.
    newest = [device for hub in hubs for device in reversed(tuple(hub.devices.values()))]
    return sorted(newest, key=worst, reverse=True)[:FIRST]
