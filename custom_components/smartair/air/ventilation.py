"""How well a room ventilates: air changes per hour from CO₂ that decays, and when CO₂ will reach its limit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
import time
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.restore_state import ExtraStoredData, RestoreEntity
from homeassistant.util import dt as dt_util

from ..const import CONF_OUTDOOR
from ..devices.device import SmartAirDevice
from ..devices.entity import SmartAirEntity, SmartAirEntityDescription
from ..hub import SmartAirConfigEntry, hub_of
from ..pysmartair import KEY_CONFIG, Telemetry, is_night
from ..pysmartair.air.ventilation import Decay, Ventilation
from .outdoor import outdoors


@dataclass(frozen=True, kw_only=True)
class VentilationDescription(SensorEntityDescription, SmartAirEntityDescription):
    """Describes what is known of the ventilation of a room."""


AIR_CHANGES = VentilationDescription(
    key="air_changes",
    translation_key="air_changes",
    state_class=SensorStateClass.MEASUREMENT,
    suggested_display_precision=1,
    entity_category=EntityCategory.DIAGNOSTIC,
    listens_to=(),
)
LIMIT_IN = VentilationDescription(
    key="co2_limit_in",
    translation_key="co2_limit_in",
    device_class=SensorDeviceClass.DURATION,
    native_unit_of_measurement=UnitOfTime.MINUTES,
    suggested_display_precision=0,
    entity_category=EntityCategory.DIAGNOSTIC,
    listens_to=(KEY_CONFIG,),
)


HOME = 100
"""So many devices are looked at one by one; of more, Home Assistant takes no more entities than it must."""


def is_at_home(device: SmartAirDevice) -> bool:
    """Tell whether a device is one of those that get more than what they measure without being asked."""
    return len(hub_of(device).devices) <= HOME


def ventilation_of(device: SmartAirDevice) -> list[SmartAirEntity]:
    """Return the sensors of a device that measures CO₂."""
    if "co2" not in device.snapshot.metrics:
        return []
    return [AirChangesSensor(device, AIR_CHANGES), LimitInSensor(device, LIMIT_IN)]


def _outdoor_co2(hass: HomeAssistant, entry: SmartAirConfigEntry) -> float | None:
    """Return the CO₂ outdoors where a sensor for it was chosen."""
    chosen = entry.options.get(CONF_OUTDOOR)
    return outdoors(hass, chosen).co2 if chosen else None


@dataclass(frozen=True, slots=True)
class _Kept(ExtraStoredData):
    """What outlives a restart."""

    per_hour: float
    began: float
    seconds: float
    straightness: float
    lowest: float

    @override
    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class CO2Sensor(SmartAirEntity, SensorEntity):
    """A sensor that follows the CO₂ of a device."""

    entity_description: VentilationDescription

    @property
    @override
    def entity_registry_enabled_default(self) -> bool:
        """Whether the house is one in which somebody looks at each device."""
        return is_at_home(self.device)

    def __init__(self, device: SmartAirDevice, description: VentilationDescription) -> None:
        """Know nothing of the room yet."""
        self._room = Ventilation()
        super().__init__(device, description)

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to each report: a value that stands is one too."""
        await super().async_added_to_hass()
        self.async_on_remove(self.device.async_listen_reports(self._async_reported))

    @callback
    def _async_reported(self, message: Telemetry) -> None:
        co2 = message.sample.values.get("co2")
        if co2 is not None:
            self._async_fed(self._room.feed(co2, time.time(), _outdoor_co2(self.hass, self.device.connection.entry)))

    @callback
    def _async_fed(self, decay: Decay | None) -> None:
        """Show what a value has brought."""


class AirChangesSensor(CO2Sensor, RestoreEntity):
    """The air changes per hour, as they were measured last."""

    _decay: Decay | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Bring back the last measurement, and what was lowest."""
        if (kept := await self.async_get_last_extra_data()) is not None:
            stored = kept.as_dict()
            try:
                lowest = float(stored.pop("lowest"))
                self._decay = Decay(**{name: float(value) for name, value in stored.items()})
            except KeyError, TypeError, ValueError:
                self._decay = None
            else:
                self._room = Ventilation(lowest, self._decay.began)
        await super().async_added_to_hass()

    @property
    @override
    def available(self) -> bool:
        """Always: what was measured stays so while the device is away."""
        return True

    @property
    @override
    def extra_restore_state_data(self) -> ExtraStoredData | None:
        """The last measurement, and the lowest value of the week."""
        decay = self._decay
        if decay is None:
            return None
        return _Kept(decay.per_hour, decay.began, decay.seconds, decay.straightness, self._room.lowest)

    @callback
    @override
    def _async_fed(self, decay: Decay | None) -> None:
        if decay is not None:
            self._decay = decay
            self.async_write_ha_state()

    @property
    @override
    def native_value(self) -> float | None:
        """The air changes per hour."""
        return None if self._decay is None else round(self._decay.per_hour, 2)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """When it was measured, over how long, and how straight the line was."""
        if self._decay is None:
            return None
        return {
            "measured_from": datetime.fromtimestamp(self._decay.began, UTC).isoformat(),
            "minutes": round(self._decay.seconds / 60),
            "r_squared": round(self._decay.straightness, 3),
        }


class LimitInSensor(CO2Sensor):
    """In how many minutes CO₂ reaches its limit, while it rises steadily."""

    _seen = 0

    @callback
    @override
    def _async_fed(self, decay: Decay | None) -> None:
        if self._room.taken == self._seen:
            return
        self._seen = self._room.taken
        before = self._attr_native_value
        limit = self._limit()
        minutes = None if limit is None else self._room.limit_in(limit)
        self._attr_native_value = None if minutes is None else round(minutes)
        if self._attr_native_value != before:
            self.async_write_ha_state()

    def _limit(self) -> float | None:
        now = dt_util.now().time()
        limits = (one for one in hub_of(self.device).limits.air(self.device) if one.metric == "co2")
        levels = (one.level_at(night=is_night(now, one.night_begin, one.night_end)) for one in limits)
        return next(levels, None)
