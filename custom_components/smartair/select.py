"""Selects: the settings of a device that are one of a few words."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .devices.device import SmartAirDevice
from .devices.entity import SmartAirEntity, SmartAirEntityDescription, async_setup_entities
from .devices.setting_entity import SettingDescription, SettingEntity, offered
from .firmware.device_update import updatable
from .hub import SmartAirConfigEntry, hub_of
from .pysmartair import ChoiceSetting, firmware

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class SelectSettingDescription(SelectEntityDescription, SettingDescription):
    """Describes a setting that is one of a few words."""


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the selects."""
    async_setup_entities(entry, async_add_entities, _selects)


def _selects(device: SmartAirDevice) -> list[SmartAirEntity]:
    settings = offered(device, ChoiceSetting, SelectSettingDescription, SettingSelect)
    # Where every release is a stable one there is nothing to choose.
    choice = updatable(device) and hub_of(device).updates.of(device).has_choice
    return [*settings, ChannelSelect(device, CHANNEL)] if choice else settings


@dataclass(frozen=True, kw_only=True)
class SmartAirSelectDescription(SelectEntityDescription, SmartAirEntityDescription):
    """Describes a select that is no setting of the device itself."""

    listens_to: tuple[str, ...] = ()


CHANNEL = SmartAirSelectDescription(
    key="update_channel",
    translation_key="update_channel",
    entity_category=EntityCategory.CONFIG,
    options=[channel.value for channel in firmware.ReleaseChannel],
)


class ChannelSelect(SmartAirEntity, SelectEntity):
    """Which releases are offered to a device."""

    entity_description: SmartAirSelectDescription

    @property
    @override
    def available(self) -> bool:
        """Whether it can be chosen: always, as the device itself is not asked."""
        return True

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the update as well."""
        await super().async_added_to_hass()
        self.async_on_remove(hub_of(self.device).updates.of(self.device).async_listen(self._async_changed))

    @override
    def async_refresh(self) -> None:
        """Take over the channel."""
        self._attr_current_option = hub_of(self.device).updates.of(self.device).channel.value

    @override
    async def async_select_option(self, option: str) -> None:
        """Choose a channel."""
        channel = firmware.ReleaseChannel(option)
        await hub_of(self.device).updates.of(self.device).async_choose_channel(channel)


class SettingSelect(SettingEntity, SelectEntity):
    """A setting that is one of a few words."""

    entity_description: SelectSettingDescription
    _kind = ChoiceSetting

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
