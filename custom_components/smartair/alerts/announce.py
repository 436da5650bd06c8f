"""An alert in the words of its owner: what it is called, where it is, and what automations are told of it."""

from collections.abc import Mapping
from typing import Any, Protocol

from homeassistant.core import valid_entity_id

from ..connection import Connection
from ..devices.devices import Devices
from ..devices.place import place_of_entity
from ..pysmartair import Alert, Change, unparse_alert
from .log import AlertLog


class Placed(Protocol):
    """Something that an alert is about."""

    @property
    def place(self) -> str:
        """Where it is."""


class House(Protocol):
    """What alerts are about: the devices, pumps and zones of one hub."""

    @property
    def connection(self) -> Connection:
        """The connection of the hub."""

    @property
    def alerts(self) -> AlertLog:
        """The alerts of the hub."""

    @property
    def devices(self) -> Devices:
        """The devices of the hub."""

    @property
    def pumps(self) -> Mapping[tuple[str, str], Placed]:
        """The pumps of its devices."""

    @property
    def zones(self) -> Mapping[str, Placed]:
        """The zones of the hub."""


def zone_name(hub: House, zone: str | None) -> str | None:
    """Return what the owner calls a zone."""
    found = hub.connection.entry.subentries.get(zone or "")
    return found.title if found else zone


def place_of_alert(hub: House, alert: Alert) -> str:
    """Return where an alert is: at a pump, a device or a zone, else at the hub."""
    uid, zone, channel = alert.uid or "", alert.zone or "", alert.channel or ""
    if not uid and valid_entity_id(channel):
        # A switch that is not ours, which a zone uses as a pump.
        return place_of_entity(hub.connection.hass, channel)
    thing = hub.pumps.get((uid, channel)) or hub.devices.get(uid) or hub.zones.get(zone)
    return thing.place if thing is not None else uid or zone_name(hub, alert.zone) or hub.connection.entry.title


def describe(hub: House, change: Change, alert: Alert) -> dict[str, Any]:
    """Return an alert as automations get it, with what it is called as this change is told."""
    device = hub.devices.get(alert.uid or "")
    return {
        "change": change.value,
        "event": alert.event(change),
        "config_entry_id": hub.connection.entry.entry_id,
        "device_id": device.device_id if device else None,
        "name": place_of_alert(hub, alert),
        **unparse_alert(alert),
    }
