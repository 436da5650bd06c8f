"""Times: when a device's night begins and ends."""

from dataclasses import dataclass, replace
from datetime import time
from typing import Literal, override

from homeassistant.components.time import TimeEntity, TimeEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .devices.device import SmartAirDevice
from .devices.entity import SmartAirEntity, async_setup_entities
from .devices.setting_entity import SettingDescription, SettingEntity
from .hub import SmartAirConfigEntry
from .pysmartair import NightSetting

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class NightTimeDescription(TimeEntityDescription, SettingDescription):
    """Describes one end of the night."""

    setting: str = "night_mode"
    end: Literal["start", "end"]


NIGHT_TIMES: tuple[NightTimeDescription, ...] = (
    NightTimeDescription(key="night_start", translation_key="night_start", end="start"),
    NightTimeDescription(key="night_end", translation_key="night_end", end="end"),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the times."""
    async_setup_entities(entry, async_add_entities, _times)


def _times(device: SmartAirDevice) -> list[SmartAirEntity]:
    if not isinstance(device.snapshot.settings.get("night_mode"), NightSetting):
        return []
    return [NightTime(device, one) for one in NIGHT_TIMES]


class NightTime(SettingEntity, TimeEntity):
    """One end of the night, kept while night mode is off."""

    entity_description: NightTimeDescription
    _kind = NightSetting

    @override
    def async_refresh(self) -> None:
        """Take over the time."""
        self._attr_native_value = getattr(self.device.night, self.entity_description.end)

    @override
    async def async_set_value(self, value: time) -> None:
        """Change one end of the night."""
        await self.device.async_set_night(replace(self.device.night, **{self.entity_description.end: value}))
