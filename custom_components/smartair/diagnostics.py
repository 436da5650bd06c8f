"""Diagnostics, free of what would tell where somebody lives or how to reach their devices."""

from collections.abc import Mapping
from copy import replace
from dataclasses import fields, is_dataclass
from typing import Any

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry

from .const import CONF_CATALOGUES, CONF_NAMESPACE, CONF_ROOT
from .devices.device import SmartAirDevice
from .hub import SmartAirConfigEntry, SmartAirHub, hub_of
from .pysmartair import Alert, unparse_alert

TO_REDACT = frozenset(
    {
        "area",
        "boot_id",
        "ip",
        "mac",
        "name",
        "pairing",
        "serial",
        "topic",
        "uid",
        "zone",
        CONF_CATALOGUES,
        CONF_NAMESPACE,
        CONF_ROOT,
    }
)

RECENT_ALERTS = 50


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: SmartAirConfigEntry) -> dict[str, Any]:
    """Return what helps to understand a hub."""
    about = async_redact_data({"data": dict(entry.data), "options": dict(entry.options)}, TO_REDACT)
    if entry.state is not ConfigEntryState.LOADED:
        # Why it is not is what a report is about.
        return {"entry": about, "state": entry.state.value, "reason": entry.error_reason_translation_key}
    hub = entry.runtime_data
    return {
        "entry": about,
        "connected": hub.connection.connected,
        "counts": dict(hub.connection.counts),
        "recent_errors": [async_redact_data(error, TO_REDACT) for error in hub.recent_errors],
        "waiting": len(hub.approval.waiting()),
        "alerts": [_alert(alert) for alert in _recent(hub)],
        "devices": [_device(device) for device in hub.devices.values()],
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: SmartAirConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return what helps to understand a device."""
    found = entry.runtime_data.devices.by_id(device.id) if entry.state is ConfigEntryState.LOADED else None
    if found is None:
        return {}
    return {**_device(found), "alerts": [_alert(alert) for alert in _recent(hub_of(found)) if alert.uid == found.uid]}


def _recent(hub: SmartAirHub) -> list[Alert]:
    return [*hub.alerts.active(), *reversed(hub.alerts.book.past)][:RECENT_ALERTS]


def _alert(alert: Alert) -> dict[str, Any]:
    return async_redact_data(unparse_alert(alert), TO_REDACT)


def _device(device: SmartAirDevice) -> dict[str, Any]:
    snapshot = device.snapshot
    if snapshot.applied is not None:
        # What a device tells of its configuration beyond what it offers may be the password of a network.
        known = {
            name: value if name in snapshot.settings else REDACTED for name, value in snapshot.applied.config.items()
        }
        snapshot = replace(snapshot, applied=replace(snapshot.applied, config=known))
    return {
        "available": device.available,
        "device_type": snapshot.device_type,
        "report_interval": snapshot.report_interval,
        "stale_after": snapshot.stale_after,
        "pending": sorted(device.pending),
        "desired": device.record.desired,
        "desired_revision": device.record.revision,
        "history": dict(device.history.counts) if device.history else {},
        # What it said last is kept to know copies, and says nothing that the values do not.
        "snapshot": async_redact_data(_plain(replace(snapshot, recent=())._asdict()), TO_REDACT),
    }


def _plain(value: Any) -> Any:
    """Return a value that JSON can carry, keeping whether there was an identity to redact."""
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: REDACTED if key in TO_REDACT and item else _plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
