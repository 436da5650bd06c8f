"""Numbers: the settings of a device that lie between two limits, and the limits of its pumps."""

from dataclasses import dataclass
from math import isfinite
from typing import override

from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberEntityDescription, NumberMode
from homeassistant.const import (
    CONF_UNIT_OF_MEASUREMENT,
    EntityCategory,
    UnitOfElectricCurrent,
    UnitOfRatio,
    UnitOfTime,
    UnitOfVolumeFlowRate,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .alerts.limits import CO2_THRESHOLD
from .const import DOMAIN
from .devices.device import SmartAirDevice
from .devices.entity import SmartAirEntity, async_setup_entities
from .devices.setting_entity import SettingDescription, SettingEntity, offered
from .hub import SmartAirConfigEntry, hub_of
from .pumps.entity import PumpEntity, PumpEntityDescription, async_setup_pump_entities
from .pumps.pump import Pump
from .pysmartair import NumberSetting
from .pysmartair.channels import LIMIT_RANGES, limit_of_setting, limit_value, role_limits

PARALLEL_UPDATES = 1

_UNITS: dict[str, str] = {
    "min_level": UnitOfRatio.PERCENTAGE,
    "max_level": UnitOfRatio.PERCENTAGE,
    "min_flow": UnitOfVolumeFlowRate.LITERS_PER_MINUTE,
    "start_grace_s": UnitOfTime.SECONDS,
    "max_current_ma": UnitOfElectricCurrent.MILLIAMPERE,
    "max_run_s": UnitOfTime.SECONDS,
    "max_off_s": UnitOfTime.SECONDS,
}


_DEVICE_CLASSES: dict[str, NumberDeviceClass] = {
    "min_flow": NumberDeviceClass.VOLUME_FLOW_RATE,
    "start_grace_s": NumberDeviceClass.DURATION,
    "max_current_ma": NumberDeviceClass.CURRENT,
    "max_run_s": NumberDeviceClass.DURATION,
    "max_off_s": NumberDeviceClass.DURATION,
}
# What people think of in minutes; what is stored, and said by devices, stays in seconds.
_IN_MINUTES = frozenset({"max_run_s", "max_off_s"})


def _first_shown(limit: str | None) -> er.EntityOptionsType | None:
    """Return in which unit a limit is shown at first.

    Automations that set one of earlier versions in seconds go on to do so: its entity keeps the unit that it has.
    """
    return {"number": {CONF_UNIT_OF_MEASUREMENT: UnitOfTime.MINUTES}} if limit in _IN_MINUTES else None


@dataclass(frozen=True, kw_only=True)
class NumberSettingDescription(NumberEntityDescription, SettingDescription):
    """Describes a setting that is a number."""


@dataclass(frozen=True, kw_only=True)
class LimitDescription(NumberEntityDescription, PumpEntityDescription):
    """Describes a limit of a pump that Home Assistant alone keeps; its key is the limit's name."""


LIMITS: dict[str, LimitDescription] = {
    name: LimitDescription(
        key=name,
        translation_key=f"limit_{name}",
        entity_category=EntityCategory.CONFIG,
        device_class=_DEVICE_CLASSES.get(name),
        native_unit_of_measurement=_UNITS[name],
        native_min_value=low,
        native_max_value=high,
        native_step=0.01 if name == "min_flow" else 1,
        mode=NumberMode.BOX,
        always_there=True,
    )
    for name, (low, high) in LIMIT_RANGES.items()
}


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the numbers."""
    async_setup_entities(entry, async_add_entities, _settings)
    async_setup_pump_entities(entry, async_add_entities, _limits)


def _settings(device: SmartAirDevice) -> list[SmartAirEntity]:
    return offered(device, NumberSetting, NumberSettingDescription, SettingNumber)


def _limits(pump: Pump) -> list[PumpEntity]:
    # What the device offers as a setting is that setting, for both to keep the same limit.
    return [LimitNumber(pump, LIMITS[name]) for name in role_limits(pump.role) if name not in pump.offered_limits]


def _judge(value: float) -> None:
    """Refuse what is no number, which lies between any two limits for Home Assistant and would unset this one."""
    if not isfinite(value):
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="not_a_number")


def _within(number: NumberEntity, value: float) -> float:
    """Return a value within what is allowed: Home Assistant rounds the ends of a range that it shows in minutes."""
    return min(max(value, number.native_min_value), number.native_max_value)


class SettingNumber(SettingEntity, NumberEntity):
    """A setting that is a number."""

    entity_description: NumberSettingDescription
    _kind = NumberSetting

    _attr_mode = NumberMode.BOX

    def __init__(self, device: SmartAirDevice, description: NumberSettingDescription) -> None:
        """Belong to the pump whose limit it is, or else to the device itself."""
        self._limit: str | None = None
        super().__init__(device, description)
        for pump in hub_of(device).pumps.of(device):
            limit = limit_of_setting(pump.channel, description.setting)
            if limit is not None:
                del self._attr_name
                self._limit = limit
                self._attr_translation_key = f"limit_{limit}"
                self.device_entry = pump.registered
                self.async_refresh()
                if self.native_unit_of_measurement == _UNITS[limit]:
                    self._attr_device_class = _DEVICE_CLASSES.get(limit)

    @override
    def get_initial_entity_options(self) -> er.EntityOptionsType | None:
        return _first_shown(self._limit) or super().get_initial_entity_options()

    @override
    def async_refresh(self) -> None:
        """Take over the value, and the limits that the device sets."""
        setting = self.device.snapshot.settings.get(self.entity_description.setting)
        if isinstance(setting, NumberSetting):
            self._attr_native_min_value = setting.minimum
            self._attr_native_max_value = setting.maximum
            self._attr_native_step = setting.step
            # Of a limit it is known also where the device does not say it.
            self._attr_native_unit_of_measurement = setting.unit or _UNITS.get(self._limit or "")
        value = self.current
        self._attr_native_value = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Ask for a value; whole numbers are sent as such, for many a device reads no others."""
        _judge(value)
        value = _within(self, value)
        self._heed_limit(value)
        await self.async_configure(int(value) if value == int(value) else value)

    def _heed_limit(self, value: float) -> None:
        """Refuse another CO₂ threshold than that of the alert limit in force: there is one, and that is set there."""
        if self.entity_description.setting != CO2_THRESHOLD:
            return
        limits = hub_of(self.device).limits
        level = limits.threshold_by_rule(self.device)
        if level is None:
            # Whoever sets it now wants no earlier one back.
            self.device.record.own_threshold = None
        if level in {None, value}:
            return
        rule = limits.rule(self.device, "co2")
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="threshold_by_limit",
            translation_placeholders={"limit": rule.title if rule else "–", "value": f"{level:g}"},
        )


class LimitNumber(PumpEntity, NumberEntity):
    """A limit of a pump that its device does not offer, kept by Home Assistant alone."""

    entity_description: LimitDescription

    @override
    def get_initial_entity_options(self) -> er.EntityOptionsType | None:
        return _first_shown(self.entity_description.key) or super().get_initial_entity_options()

    @override
    def async_refresh(self) -> None:
        """Take over the limit that is in force."""
        self._attr_native_value = limit_value(self.pump.limits, self.entity_description.key)

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Set the limit."""
        _judge(value)
        await self.pump.pumps.async_set_limit(self.pump, self.entity_description.key, _within(self, value))
