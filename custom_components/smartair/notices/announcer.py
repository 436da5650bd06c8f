"""What Home Assistant hears of an alert: an event on the bus, and a repair where a person must act."""

from collections.abc import Mapping
from types import MappingProxyType

from homeassistant.core import callback
from homeassistant.helpers import issue_registry as ir

from ..alerts.announce import describe, place_of_alert
from ..const import DOMAIN, EVENT_ALERT
from ..hub import SmartAirHub
from ..pysmartair import Alert, Change, Code, Severity, without_markup
from .text import what_is

REPAIRS: Mapping[Code, str] = MappingProxyType(
    {
        Code.DRY_RUN: "alert_dry_run",
        Code.NO_FLOW: "alert_no_flow",
        Code.OVERCURRENT: "alert_overcurrent",
        Code.PUMP_STUCK_ON: "alert_pump_stuck_on",
        Code.OVERFLOW: "alert_overflow",
        Code.MAX_RUN: "alert_max_run",
        Code.TOO_MANY_FAILURES: "alert_too_many_failures",
        Code.DEVICE_LOCK: "alert_device_lock",
        Code.LEAK: "alert_leak",
        Code.WATER_CHANGE_FAILED: "alert_water_change_failed",
    }
)
"""What does not end by itself: a lock wants a reset, a water change a decision, water on the floor a cloth."""


class Announcer:
    """Tells the house of the alerts of a hub."""

    def __init__(self, hub: SmartAirHub) -> None:
        """Tell nothing yet."""
        self._hub = hub

    @callback
    def async_start(self) -> None:
        """Listen from now on, and show the repairs of what is active from before."""
        self._hub.entry.async_on_unload(self._hub.alerts.async_listen(self._async_changed))
        for alert in self._hub.alerts.active():
            self._show(alert)

    @callback
    def _async_changed(self, change: Change, alert: Alert) -> None:
        self._hub.hass.bus.async_fire(EVENT_ALERT, describe(self._hub, change, alert))
        if change is Change.RESOLVED:
            ir.async_delete_issue(self._hub.hass, DOMAIN, self._issue_id(alert))
        elif alert.active:
            self._show(alert)

    def _show(self, alert: Alert) -> None:
        if (key := REPAIRS.get(alert.code)) is None:
            return
        hass = self._hub.hass
        ir.async_create_issue(
            hass,
            DOMAIN,
            self._issue_id(alert),
            is_fixable=True,
            severity=ir.IssueSeverity.ERROR if alert.severity is Severity.CRITICAL else ir.IssueSeverity.WARNING,
            translation_key=key,
            translation_placeholders={
                "device": without_markup(place_of_alert(self._hub, alert)),
                "cause": without_markup(_why(self._hub, alert)),
            },
            data={"entry_id": self._hub.entry.entry_id, "alert_id": alert.id},
        )

    def _issue_id(self, alert: Alert) -> str:
        return f"alert/{self._hub.entry.entry_id}/{alert.uid or ''}/{alert.id}"


def _why(hub: SmartAirHub, alert: Alert) -> str:
    """Return why it is so; of a lock of its own, a device alone knows, and its manual says what its word means."""
    own = f"“{alert.cause}”" if alert.code is Code.DEVICE_LOCK and alert.cause else ""
    return what_is(hub, alert) or own
