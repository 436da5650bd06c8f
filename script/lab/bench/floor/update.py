"""The firmware of a device; in this measurement, there is no other."""

from typing import Any

from homeassistant.components.update import UpdateDeviceClass, UpdateEntity
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import FloorConfigEntry, FloorEntity


class FloorUpdate(FloorEntity, UpdateEntity):
    """The firmware of a device."""

    _attr_device_class = UpdateDeviceClass.FIRMWARE
    _attr_entity_category = EntityCategory.CONFIG

    def __init__(self, uid: str, info: dict[str, Any], key: str) -> None:
        """Take the version that the device described itself with."""
        super().__init__(uid, info, key)
        self._attr_installed_version = self._attr_latest_version = info["firmware_version"]


async def async_setup_entry(
    _hass: HomeAssistant, entry: FloorConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Say how updates are made and added."""
    floor = entry.runtime_data
    floor.adders[Platform.UPDATE] = async_add_entities
    floor.factories[Platform.UPDATE] = lambda uid, info: [FloorUpdate(uid, info, "firmware")]
