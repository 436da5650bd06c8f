"""Switches: the settings of a device that are on or off, and its night mode."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .devices.device import SmartAirDevice
from .devices.entity import SmartAirEntity, async_setup_entities
from .devices.setting_entity import SettingDescription, SettingEntity, offered
from .hub import SmartAirConfigEntry
from .pumps.entity import PumpEntity, PumpEntityDescription, async_setup_pump_entities
from .pumps.last_hand import hand_of
from .pysmartair import NightSetting, ToggleSetting
from .zones.entities import async_setup_zones, zone_switches

# A stop must not wait until another pump has answered (safety contract, S1).
PARALLEL_UPDATES = 0

ATTR_RUNNING_SINCE = "running_since"
ATTR_LAST_HAND = "last_hand"
ATTR_EFFECT = "effect"


@dataclass(frozen=True, kw_only=True)
class SwitchSettingDescription(SwitchEntityDescription, SettingDescription):
    """Describes a setting that is on or off."""


@dataclass(frozen=True, kw_only=True)
class PumpSwitchDescription(SwitchEntityDescription, PumpEntityDescription):
    """Describes the switch of a pump."""


PUMP = PumpSwitchDescription(key="pump", translation_key="pump")
NIGHT = SwitchSettingDescription(key="night_mode", setting="night_mode", translation_key="night_mode")


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the switches."""
    async_setup_entities(entry, async_add_entities, _switches)
    async_setup_zones(entry, async_add_entities, zone_switches)
    async_setup_pump_entities(entry, async_add_entities, lambda pump: [PumpSwitch(pump, PUMP)])


def _switches(device: SmartAirDevice) -> list[SmartAirEntity]:
    toggles = offered(device, ToggleSetting, SwitchSettingDescription, SettingSwitch)
    night = isinstance(device.snapshot.settings.get(NIGHT.setting), NightSetting)
    return [*toggles, NightSwitch(device, NIGHT)] if night else toggles


class SettingSwitch(SettingEntity, SwitchEntity):
    """A setting that is on or off."""

    entity_description: SwitchSettingDescription
    _kind = ToggleSetting

    @override
    def async_refresh(self) -> None:
        """Take over the value."""
        value = self.current
        self._attr_is_on = value if isinstance(value, bool) else None

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Ask for on."""
        await self.async_configure(True)  # noqa: FBT003 - the value itself

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Ask for off."""
        await self.async_configure(False)  # noqa: FBT003 - the value itself


class NightSwitch(SettingEntity, SwitchEntity):
    """Night mode; off on the device is no night at all, so its hours are kept here."""

    entity_description: SwitchSettingDescription
    _kind = NightSetting

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Tell what it does, where it is switched on."""
        return {**super().extra_state_attributes, ATTR_EFFECT: "dark_and_quiet"}

    @override
    def async_refresh(self) -> None:
        """Take over whether there is a night."""
        known = self.device.snapshot.applied is not None or self.device.record.desired
        self._attr_is_on = isinstance(self.current, dict) if known else None

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Ask for a night between the hours that were last chosen."""
        await self.async_configure(self.device.night.as_setting())

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Ask for no night."""
        await self.async_configure(None)


class PumpSwitch(PumpEntity, SwitchEntity):
    """A pump: what its device reports, never what was hoped for."""

    entity_description: PumpSwitchDescription
    _attr_name = None

    @property
    @override
    def available(self) -> bool:
        """Whether the device has the channel.

        While the device is away the switch is unknown and not unavailable: Home Assistant would not let a stop pass
        to what is unavailable, and off is never gated (safety contract, S1).
        """
        return self.pump.offered

    @override
    async def async_added_to_hass(self) -> None:
        """Let actions find the pump."""
        await super().async_added_to_hass()
        self.pump.entity_id = self.entity_id

    @override
    def async_refresh(self) -> None:
        """Take over whether the pump runs."""
        since = self.pump.running_since
        # What its device calls off and water is seen to leave is no calm off.
        self._attr_is_on = None if self.pump.runs_although_off and not self.pump.is_on else self.pump.is_on
        self._attr_extra_state_attributes = {
            ATTR_RUNNING_SINCE: None if since is None else self.pump.pumps.time_of(since),
            ATTR_LAST_HAND: self.pump.last_hand.hand,
        }

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Run for as long as the pump may at most; circulation for good."""
        await self.pump.async_run(hand=hand_of(self._context))

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Stop; circulation for its longest pause at most."""
        await self.pump.async_stop(hand=hand_of(self._context))
