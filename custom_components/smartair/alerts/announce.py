"""What the house hears of an alert: an event on the bus for the logbook, and a repair where a person must act."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from homeassistant.core import callback, valid_entity_id
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_get_cached_translations

from ..const import DOMAIN, EVENT_ALERT
from ..devices.place import place_of_entity
from ..pysmartair import Alert, Change, Code, Severity, unparse_alert, without_markup

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from ..hub import SmartAirHub

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


def word(hass: HomeAssistant, selector: str, option: str) -> str:
    """Return what something is called in the language of the house, or its own name where it has no other."""
    texts = async_get_cached_translations(hass, hass.config.language, "selector", DOMAIN)
    return texts.get(f"component.{DOMAIN}.selector.{selector}.options.{option}", option)


def zone_error(hass: HomeAssistant, error: str) -> str:
    """Return what is wrong with a setting of a zone, as its form says it."""
    texts = async_get_cached_translations(hass, hass.config.language, "config_subentries", DOMAIN)
    return texts.get(f"component.{DOMAIN}.config_subentries.zone.error.{error}", error)


def zone_name(hub: SmartAirHub, zone: str | None) -> str | None:
    """Return what the owner calls a zone."""
    found = hub.entry.subentries.get(zone or "")
    return found.title if found else zone


def place_of_alert(hub: SmartAirHub, alert: Alert) -> str:
    """Return where an alert is: at a pump, a device or a zone, else at the hub."""
    uid, zone, channel = alert.uid or "", alert.zone or "", alert.channel or ""
    if not uid and valid_entity_id(channel):
        # A switch that is not ours, which a zone uses as a pump.
        return place_of_entity(hub.hass, channel)
    thing = hub.pumps.get((uid, channel)) or hub.devices.get(uid) or hub.zones.get(zone)
    return thing.place if thing is not None else uid or zone_name(hub, alert.zone) or hub.entry.title


def describe(hub: SmartAirHub, change: Change, alert: Alert) -> dict[str, Any]:
    """Return an alert as automations get it, with what it is called as this change is told."""
    device = hub.devices.get(alert.uid or "")
    return {
        "change": change.value,
        "event": alert.event(change),
        "config_entry_id": hub.entry.entry_id,
        "device_id": device.device_id if device else None,
        "name": place_of_alert(hub, alert),
        **unparse_alert(alert),
    }


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
            is_fixable=False,
            severity=ir.IssueSeverity.ERROR if alert.severity is Severity.CRITICAL else ir.IssueSeverity.WARNING,
            translation_key=key,
            translation_placeholders={
                "device": without_markup(place_of_alert(self._hub, alert)),
                "channel": without_markup(alert.channel or "–"),
                "cause": without_markup(word(hass, "alert_cause", alert.cause) if alert.cause else "–"),
            },
        )

    def _issue_id(self, alert: Alert) -> str:
        return f"alert/{self._hub.entry.entry_id}/{alert.uid or ''}/{alert.id}"
