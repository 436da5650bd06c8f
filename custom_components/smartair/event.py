"""Events: what happened on a device, a reset or a press of its button, and what became of alerts."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.event import ATTR_EVENT_TYPE, ATTR_EVENT_TYPES, EventEntity, EventEntityDescription
from homeassistant.components.logbook import async_log_entry
from homeassistant.const import (
    ATTR_ASSUMED_STATE,
    ATTR_ATTRIBUTION,
    ATTR_DEVICE_CLASS,
    ATTR_ENTITY_ID,
    ATTR_ENTITY_PICTURE,
    ATTR_FRIENDLY_NAME,
    ATTR_ICON,
    ATTR_LATITUDE,
    ATTR_LONGITUDE,
    ATTR_RESTORED,
    ATTR_SUPPORTED_FEATURES,
    ATTR_UNIT_OF_MEASUREMENT,
    EntityCategory,
    Platform,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.translation import async_get_cached_translations
from homeassistant.util import dt as dt_util

from .alerts.entity import AlertEntity, Owner, async_setup_alert_entities
from .const import DOMAIN
from .devices.device import SmartAirDevice
from .devices.entity import SmartAirEntity, SmartAirEntityDescription, async_setup_entities
from .hub import SmartAirConfigEntry
from .pysmartair import Alert, Change, DeviceEvent, unparse_alert
from .pysmartair.alerts.book import EVENTS
from .zones.entities import async_setup_zones, zone_events

PARALLEL_UPDATES = 0


OTHER = "other"

# What Home Assistant says of an entity beside its state. A device that used these words could show a picture from
# anywhere, stand on the map, or give an event another type than it has.
_RESERVED = frozenset(
    {
        ATTR_ASSUMED_STATE,
        ATTR_ATTRIBUTION,
        ATTR_DEVICE_CLASS,
        ATTR_ENTITY_ID,
        ATTR_ENTITY_PICTURE,
        ATTR_EVENT_TYPE,
        ATTR_EVENT_TYPES,
        ATTR_FRIENDLY_NAME,
        ATTR_ICON,
        ATTR_LATITUDE,
        ATTR_LONGITUDE,
        ATTR_RESTORED,
        ATTR_SUPPORTED_FEATURES,
        ATTR_UNIT_OF_MEASUREMENT,
    }
)

# What is of use in the file alone.
_NOT_TOLD = frozenset({"momentary", "updated_at"})


@dataclass(frozen=True, kw_only=True)
class SmartAirEventDescription(EventEntityDescription, SmartAirEntityDescription):
    """Describes an event entity."""

    listens_to: tuple[str, ...] = ()


ALERT_HISTORY = EventEntityDescription(
    key="alert_history",
    translation_key="alert_history",
    event_types=sorted(EVENTS | {Change.UPDATED, Change.RESOLVED, Change.ACKNOWLEDGED}),
)
# As versions up to 1 had it, for automations that were made then: its types were the changes.
ALERTS = EventEntityDescription(
    key="alerts",
    translation_key="alerts",
    event_types=[change.value for change in Change],
)

ACTIVITY = SmartAirEventDescription(
    key="activity",
    translation_key="activity",
    # On the page of a room, what is measured comes first.
    entity_category=EntityCategory.DIAGNOSTIC,
    # A closed list, for automations to choose from; what a device adds to the protocol comes as the last.
    event_types=["boot", "button", "safety_trip", "update_failed", "update_rolled_back", "updated", OTHER],
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the events."""
    async_setup_entities(entry, async_add_entities, _events)
    async_setup_zones(entry, async_add_entities, zone_events)
    async_setup_alert_entities(
        entry, async_add_entities, Platform.EVENT, ALERT_HISTORY.key, lambda owner: AlertHistory(owner, ALERT_HISTORY)
    )
    registry = er.async_get(hass)
    unique_id = f"{entry.runtime_data.unique_prefix}{ALERTS.key}"
    if registry.async_get_entity_id(Platform.EVENT, DOMAIN, unique_id) is not None:
        async_setup_alert_entities(
            entry, async_add_entities, Platform.EVENT, ALERTS.key, lambda owner: AlertEvent(owner, ALERTS)
        )


def _events(device: SmartAirDevice) -> list[SmartAirEntity]:
    # A device that never described itself is a plain script, which has nothing happen to it.
    return [] if device.snapshot.descriptor is None else [ActivityEvent(device, ACTIVITY)]


class ActivityEvent(SmartAirEntity, EventEntity):
    """What happened on a device."""

    entity_description: SmartAirEventDescription

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for events as well."""
        await super().async_added_to_hass()
        self.async_on_remove(self.device.async_listen_events(self._async_happened))

    @callback
    def _async_happened(self, event: DeviceEvent) -> None:
        if event.timestamp is not None:
            # It happened long ago and was kept: it is recorded, and no automation is to act on it now.
            when = dt_util.as_local(dt_util.utc_from_timestamp(event.timestamp))
            told = f"{self._called(event.event)} ({when:%Y-%m-%d %H:%M})"
            async_log_entry(self.hass, self.device.place, told, DOMAIN, self.entity_id)
            return
        known = event.event in self.event_types
        attributes = {name: value for name, value in event.data.items() if name not in _RESERVED}
        if not known:
            attributes["event"] = event.event
        self._trigger_event(event.event if known else OTHER, attributes)
        self.async_write_ha_state()

    def _called(self, event: str) -> str:
        """Return what an event is called in the language of the house, or else by its device."""
        texts = async_get_cached_translations(self.hass, self.hass.config.language, "entity", DOMAIN)
        key = f"component.{DOMAIN}.entity.event.{ACTIVITY.key}.state_attributes.event_type.state.{event}"
        return texts.get(key) or event.replace("_", " ").capitalize()


class AlertHistory(AlertEntity[EventEntityDescription], EventEntity):
    """What was wrong on a device, or anywhere: the type says what."""

    def __init__(self, owner: Owner, description: EventEntityDescription) -> None:
        """Belong to a device, or to the hub, whose log of all alerts would tell of each a second time."""
        super().__init__(owner, description)
        self._attr_entity_registry_enabled_default = isinstance(owner, SmartAirDevice)

    @callback
    @override
    def async_take(self, change: Change, alert: Alert) -> None:
        """Tell what it is; where a code alone would say that it begins, that it is over or known."""
        event = alert.event(change)
        begins = change in {Change.RAISED, Change.NOTED}
        self._trigger_event(event if begins or event != alert.code else change.value, _told(change, alert))
        self.async_write_ha_state()


class AlertEvent(AlertEntity[EventEntityDescription], EventEntity):
    """What became of the alerts of a device, or of all there are: the type says what became of it."""

    @callback
    @override
    def async_take(self, change: Change, alert: Alert) -> None:
        """Tell a change."""
        self._trigger_event(change.value, _told(change, alert))
        self.async_write_ha_state()


def _told(change: Change, alert: Alert) -> dict[str, Any]:
    attributes = {name: value for name, value in unparse_alert(alert).items() if name not in _NOT_TOLD}
    return {"event": alert.event(change), "change": change.value, **attributes}
