"""Selects: the settings of a device that are one of a few words."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import async_setup_entities
from .hub import SmartAirConfigEntry
from .pysmartair import ChoiceSetting
from .settings import SettingDescription, SettingEntity, offered

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class SelectSettingDescription(SelectEntityDescription, SettingDescription):
    """Describes a setting that is one of a few words."""


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the selects."""
    async_setup_entities(
        entry,
        async_add_entities,
        lambda device: offered(device, ChoiceSetting, SelectSettingDescription, SettingSelect),
    )


class SettingSelect(SettingEntity, SelectEntity):
    """A setting that is one of a few words."""

    entity_description: SelectSettingDescription

    @override
    def async_refresh(self) -> None:
        """Take over the value, and the words that the device offers."""
        setting = self.device.snapshot.settings.get(self.entity_description.setting)
        if isinstance(setting, ChoiceSetting):
            self._attr_options = list(setting.options)
        value = self.current
        self._attr_current_option = value if isinstance(value, str) and value in self.options else None

    @override
    async def async_select_option(self, option: str) -> None:
        """Ask for a word."""
        await self.async_configure(option)
