"""Whether a device is online."""

from typing import override

from homeassistant.components.binary_sensor import BinarySensorDeviceClass, BinarySensorEntity
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import FloorConfigEntry, FloorEntity


class FloorOnline(FloorEntity, BinarySensorEntity):
    """Whether a device is online, which is known of one that is not there, too."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_available = True
    _attr_is_on = False

    @override
    def set_online(self, *, online: bool) -> None:
        self._attr_is_on = online
        self.online = online
        if self.added:
            self.async_write_ha_state()


async def async_setup_entry(
    _hass: HomeAssistant, entry: FloorConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Say how binary sensors are made and added."""
    floor = entry.runtime_data
    floor.adders[Platform.BINARY_SENSOR] = async_add_entities
    floor.factories[Platform.BINARY_SENSOR] = lambda uid, info: [FloorOnline(uid, info, "online")]
