"""An alert in the words of its owner: what it is called, where it is, and what automations are told of it."""

from typing import TYPE_CHECKING, Any

from homeassistant.core import valid_entity_id
from homeassistant.helpers.translation import async_get_cached_translations

from ..const import DOMAIN
from ..devices.place import place_of_entity
from ..pysmartair import Alert, Change, unparse_alert

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from ..hub import SmartAirHub


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
