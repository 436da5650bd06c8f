"""Numbers: the settings of a device that lie between two limits."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.number import NumberEntity, NumberEntityDescription, NumberMode
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import async_setup_entities
from .hub import SmartAirConfigEntry
from .pysmartair import NumberSetting
from .settings import SettingDescription, SettingEntity, offered

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class NumberSettingDescription(NumberEntityDescription, SettingDescription):
    """Describes a setting that is a number."""


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the numbers."""
    async_setup_entities(
        entry,
        async_add_entities,
        lambda device: offered(device, NumberSetting, NumberSettingDescription, SettingNumber),
    )


class SettingNumber(SettingEntity, NumberEntity):
    """A setting that is a number."""

    entity_description: NumberSettingDescription

    _attr_mode = NumberMode.BOX

    @override
    def async_refresh(self) -> None:
        """Take over the value, and the limits that the device sets."""
        setting = self.device.snapshot.settings.get(self.entity_description.setting)
        if isinstance(setting, NumberSetting):
            self._attr_native_min_value = setting.minimum
            self._attr_native_max_value = setting.maximum
            self._attr_native_step = setting.step
            self._attr_native_unit_of_measurement = setting.unit
        value = self.current
        self._attr_native_value = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Ask for a value; whole numbers are sent as such, for many a device reads no others."""
        await self.async_configure(int(value) if value == int(value) else value)
