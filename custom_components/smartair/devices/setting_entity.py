"""What the entities of settings share: a wish that is pending until the device has confirmed it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, override

from homeassistant.const import EntityCategory

from ..pysmartair import KEY_CONFIG, KEY_DESCRIPTOR, ConfigValue, Setting
from .device import SmartAirDevice
from .entity import SmartAirEntity, SmartAirEntityDescription

# Settings that the protocol names have a translated name and an icon; others go by what the device calls them.
TRANSLATED = frozenset({"report_interval", "co2_threshold", "alerts_enabled"})


@dataclass(frozen=True, kw_only=True)
class SettingDescription(SmartAirEntityDescription):
    """Describes the entity of a setting that devices offer under the name `setting`."""

    setting: str
    listens_to: tuple[str, ...] = (KEY_CONFIG, KEY_DESCRIPTOR)


class SettingEntity(SmartAirEntity):
    """One setting of a device."""

    entity_description: SettingDescription
    _attr_entity_category = EntityCategory.CONFIG
    _kind: ClassVar[type[Setting]]

    def __init__(self, device: SmartAirDevice, description: SettingDescription) -> None:
        """Take the name from the device where there is no translation of it."""
        super().__init__(device, description)
        if description.translation_key is None:
            self._attr_name = description.setting.replace("_", " ").capitalize()

    @property
    @override
    def available(self) -> bool:
        """Whether the device still offers the setting, as this kind; one that is offline finds the wish later."""
        setting = self.device.snapshot.settings.get(self.entity_description.setting)
        return self.device.connection.connected and isinstance(setting, self._kind)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Whether the device has yet to confirm the value."""
        return {"pending": self.entity_description.setting in self.device.pending}

    @property
    def current(self) -> ConfigValue:
        """The value as it is wanted or, where nothing else is, as the device applied it."""
        return self.device.setting(self.entity_description.setting)

    async def async_configure(self, value: ConfigValue) -> None:
        """Ask the device for a value."""
        await self.device.async_configure({self.entity_description.setting: value})


def offered[KindT: Setting, DescriptionT: SettingDescription](
    device: SmartAirDevice,
    kind: type[KindT],
    description: type[DescriptionT],
    entity: Callable[[SmartAirDevice, DescriptionT], SmartAirEntity],
) -> list[SmartAirEntity]:
    """Return an entity for each setting of a kind that the device offers."""
    return [
        entity(
            device,
            description(
                key=f"setting_{name}",
                setting=name,
                translation_key=name if name in TRANSLATED else None,
            ),
        )
        for name, setting in device.snapshot.settings.items()
        if isinstance(setting, kind)
    ]
