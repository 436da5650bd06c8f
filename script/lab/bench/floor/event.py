"""What happens on a device; in this measurement, nothing does."""

from homeassistant.components.event import EventEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import FloorConfigEntry, FloorEntity


class FloorEvent(FloorEntity, EventEntity):
    """What happens on a device."""

    _attr_event_types = ["boot", "button", "safety_trip", "other"]  # noqa: RUF012 (Home Assistant's signature)


async def async_setup_entry(
    _hass: HomeAssistant, entry: FloorConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Say how events are made and added."""
    floor = entry.runtime_data
    floor.adders[Platform.EVENT] = async_add_entities
    floor.factories[Platform.EVENT] = lambda uid, info: [FloorEvent(uid, info, "activity")]
