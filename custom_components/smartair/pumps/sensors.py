"""Sensors of pumps: what they draw and move, what they do, and what they have done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfElectricCurrent, UnitOfTime, UnitOfVolume, UnitOfVolumeFlowRate

from ..pysmartair import CATALOGUE, Metric
from ..pysmartair.freshness import believed
from ..pysmartair.guard.model import Resting, Running, Sense, Starting, Stopping, Unknown
from ..pysmartair.safety import Reason, Role
from .entity import PumpEntity, PumpEntityDescription
from .pump import Pump

STATES = ("locked", "off", "running", "runs_although_off", "starting", "stopping", "unconfirmed", "unknown")
NOT_LOCKED = "none"
RUN_ENDS = ("ended_by", "seconds", "started", "cmd_id")


@dataclass(frozen=True, kw_only=True)
class PumpSensorDescription(SensorEntityDescription, PumpEntityDescription):
    """Describes a sensor of a pump."""

    value_fn: Callable[[Pump], float | str | None]
    attributes_fn: Callable[[Pump], dict[str, Any]] = lambda pump: {}


def pump_state(pump: Pump) -> str:
    """Return what the pump does, in one word."""
    if pump.runs_although_off or pump.guard.unconfirmed:
        return "runs_although_off" if pump.runs_although_off else "unconfirmed"
    match pump.state:
        case Unknown():
            return "unknown"
        case Resting():
            return "locked" if pump.lock else "off"
        case Starting():
            return "starting"
        case Running():
            return "running"
        case Stopping():  # pragma: no branch - the union is closed
            return "stopping"


def lock_reason(pump: Pump) -> str:
    """Return why the pump is locked, in one word; that it does not switch off comes before all else."""
    if pump.stuck:
        return str(Reason.PUMP_STUCK_ON)
    return NOT_LOCKED if pump.lock is None else str(pump.lock.reason)


def _measured(sense: Sense, metric: Metric) -> Callable[[Pump], float | None]:
    def shown(pump: Pump) -> float | None:
        value = believed(pump.reading(sense), metric.taken, pump.pumps.now, pump.limits.stale_after_s)
        return None if value is None else metric.shown(value)

    return shown


def _fitted(sense: Sense) -> Callable[[Pump], bool]:
    return lambda pump: sense in pump.own_senses or pump.reading(sense) is not None


def _moves_water(pump: Pump) -> bool:
    return pump.role is not Role.RECIRCULATION


def _last_run(pump: Pump) -> dict[str, Any]:
    run = pump.last_run
    return {name: None if run is None else getattr(run, name) for name in RUN_ENDS}


PUMP_SENSORS: tuple[PumpSensorDescription, ...] = (
    PumpSensorDescription(
        key="state",
        translation_key="pump_state",
        device_class=SensorDeviceClass.ENUM,
        options=[*STATES],
        value_fn=pump_state,
    ),
    PumpSensorDescription(
        key="lock_reason",
        translation_key="pump_lock_reason",
        device_class=SensorDeviceClass.ENUM,
        options=[NOT_LOCKED, *map(str, Reason)],
        entity_category=EntityCategory.DIAGNOSTIC,
        # A lock is Home Assistant's too, and holds while the device is away.
        always_there=True,
        value_fn=lock_reason,
    ),
    PumpSensorDescription(
        key="current",
        translation_key="pump_channel_current",
        device_class=SensorDeviceClass.CURRENT,
        native_unit_of_measurement=UnitOfElectricCurrent.MILLIAMPERE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=_measured(Sense.CURRENT_MA, CATALOGUE["pump_current"]),
        exists_fn=_fitted(Sense.CURRENT_MA),
    ),
    PumpSensorDescription(
        key="flow",
        translation_key="pump_channel_flow",
        device_class=SensorDeviceClass.VOLUME_FLOW_RATE,
        native_unit_of_measurement=UnitOfVolumeFlowRate.LITERS_PER_MINUTE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        value_fn=_measured(Sense.FLOW, CATALOGUE["flow_rate"]),
        exists_fn=_fitted(Sense.FLOW),
    ),
    PumpSensorDescription(
        key="running_time",
        translation_key="pump_running_time",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_unit_of_measurement=UnitOfTime.HOURS,
        state_class=SensorStateClass.TOTAL_INCREASING,
        suggested_display_precision=1,
        entity_category=EntityCategory.DIAGNOSTIC,
        always_there=True,
        value_fn=lambda pump: round(pump.pumps.usage.total(uid=pump.uid, channel=pump.channel).seconds, 1),
    ),
    PumpSensorDescription(
        key="last_run",
        translation_key="pump_last_run",
        device_class=SensorDeviceClass.VOLUME,
        native_unit_of_measurement=UnitOfVolume.LITERS,
        suggested_display_precision=2,
        always_there=True,
        value_fn=lambda pump: None if pump.last_run is None else pump.last_run.litres,
        attributes_fn=_last_run,
        exists_fn=_moves_water,
    ),
    PumpSensorDescription(
        key="water_total",
        translation_key="pump_water_total",
        device_class=SensorDeviceClass.WATER,
        native_unit_of_measurement=UnitOfVolume.LITERS,
        state_class=SensorStateClass.TOTAL_INCREASING,
        suggested_display_precision=1,
        always_there=True,
        value_fn=lambda pump: round(pump.pumps.usage.total(uid=pump.uid, channel=pump.channel).litres, 3),
        exists_fn=_moves_water,
    ),
)


def pump_sensors(pump: Pump) -> list[PumpEntity]:
    """Return the sensors that a pump has."""
    return [PumpSensor(pump, one) for one in PUMP_SENSORS if one.exists_fn(pump)]


class PumpSensor(PumpEntity, SensorEntity):
    """A sensor of a pump."""

    entity_description: PumpSensorDescription

    @override
    def async_refresh(self) -> None:
        """Take over the value."""
        self._attr_native_value = self.entity_description.value_fn(self.pump)
        self._attr_extra_state_attributes = self.entity_description.attributes_fn(self.pump)

    @property
    @override
    def showing(self) -> tuple[Any, ...]:
        """The value as it is measured, in whatever unit it is shown."""
        return (self.available, self._attr_native_value, self._attr_extra_state_attributes)
