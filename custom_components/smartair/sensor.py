"""Sensors: one for every metric of the catalogue, and what is to be known of the device itself."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
import sys
import time
from typing import Any, override

from homeassistant.components.sensor import (
    DOMAIN as SENSOR_DOMAIN,
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    ATTR_UNIT_OF_MEASUREMENT,
    LIGHT_LUX,
    MAX_LENGTH_STATE_STATE,
    SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
    EntityCategory,
    UnitOfConductivity,
    UnitOfDataRate,
    UnitOfDensity,
    UnitOfElectricCurrent,
    UnitOfFrequency,
    UnitOfPressure,
    UnitOfRatio,
    UnitOfSpeed,
    UnitOfTemperature,
    UnitOfTime,
    UnitOfVolumeFlowRate,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.entity_registry import EntityOptionsType

from .air.sensors import async_setup_air
from .alerts.announce import describe
from .alerts.entity import AlertEntity
from .const import DOMAIN
from .devices.device import Reading, SmartAirDevice, list_troubles
from .devices.entity import SmartAirEntity, SmartAirEntityDescription, async_setup_entities
from .firmware import rollout_entities
from .firmware.sensors import update_sensors
from .hub import SmartAirConfigEntry, SmartAirHub
from .notices.summary import summary
from .pumps.entity import async_setup_pump_entities
from .pumps.sensors import pump_sensors
from .pysmartair import (
    CATALOGUE,
    KEY_FACTS,
    KEY_LAST_SEEN,
    KEY_ODD,
    KEY_SKEW,
    KEY_UPTIME,
    Alert,
    Change,
    Code,
    Severity,
    Snapshot,
)
from .zones.entities import async_setup_zones, zone_sensors

PARALLEL_UPDATES = 0

# The recorder is somebody's SD card: what changes with every message is written once a minute.
CHATTY_PAUSE = 60

_DIGITS = sys.float_info.dig


@dataclass(frozen=True, kw_only=True)
class MetricDescription(SensorEntityDescription, SmartAirEntityDescription):
    """Describes the sensor of a metric; its key is the metric's name."""

    shown: Callable[[float], float]


def _metric(
    name: str,
    device_class: SensorDeviceClass | None,
    unit: str | None,
    *,
    diagnostic: bool = False,
    enabled: bool = True,
) -> MetricDescription:
    return MetricDescription(
        key=name,
        listens_to=(name,),
        translation_key=name,
        device_class=device_class,
        native_unit_of_measurement=unit,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=CATALOGUE[name].precision,
        shown=CATALOGUE[name].shown,
        entity_category=EntityCategory.DIAGNOSTIC if diagnostic else None,
        entity_registry_enabled_default=enabled,
    )


_DUST = UnitOfDensity.MICROGRAMS_PER_CUBIC_METER
_PERCENT = UnitOfRatio.PERCENTAGE
_PER_SECOND = UnitOfDataRate.BYTES_PER_SECOND

METRICS: tuple[MetricDescription, ...] = (
    _metric("co2", SensorDeviceClass.CO2, UnitOfRatio.PARTS_PER_MILLION),
    _metric("temperature", SensorDeviceClass.TEMPERATURE, UnitOfTemperature.CELSIUS),
    _metric("humidity", SensorDeviceClass.HUMIDITY, _PERCENT),
    _metric("pm1", SensorDeviceClass.PM1, _DUST),
    _metric("pm25", SensorDeviceClass.PM25, _DUST),
    _metric("pm4", SensorDeviceClass.PM4, _DUST),
    _metric("pm10", SensorDeviceClass.PM10, _DUST),
    _metric("voc", SensorDeviceClass.VOLATILE_ORGANIC_COMPOUNDS_PARTS, UnitOfRatio.PARTS_PER_BILLION),
    _metric("voc_index", None, None),
    _metric("nox_index", None, None),
    _metric("pressure", SensorDeviceClass.ATMOSPHERIC_PRESSURE, UnitOfPressure.HPA),
    _metric("lux", SensorDeviceClass.ILLUMINANCE, LIGHT_LUX),
    _metric("ph", SensorDeviceClass.PH, None),
    _metric("ec", SensorDeviceClass.CONDUCTIVITY, UnitOfConductivity.MILLISIEMENS_PER_CM),
    _metric("water_temperature", SensorDeviceClass.TEMPERATURE, UnitOfTemperature.CELSIUS),
    _metric("water_level", None, _PERCENT),
    _metric("flow_rate", SensorDeviceClass.VOLUME_FLOW_RATE, UnitOfVolumeFlowRate.LITERS_PER_MINUTE),
    _metric("pump_current", SensorDeviceClass.CURRENT, UnitOfElectricCurrent.MILLIAMPERE),
    _metric("vibration_rms", SensorDeviceClass.SPEED, UnitOfSpeed.MILLIMETERS_PER_SECOND),
    _metric("vibration_peak", SensorDeviceClass.SPEED, UnitOfSpeed.MILLIMETERS_PER_SECOND),
    _metric("vibration_crest", None, None),
    _metric("vibration_frequency", SensorDeviceClass.FREQUENCY, UnitOfFrequency.HERTZ),
    _metric("battery", SensorDeviceClass.BATTERY, _PERCENT, diagnostic=True),
    _metric(
        "rssi",
        SensorDeviceClass.SIGNAL_STRENGTH,
        SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
        diagnostic=True,
        enabled=False,
    ),
    _metric("cpu_percent", None, _PERCENT),
    _metric("memory_percent", None, _PERCENT),
    _metric("disk_percent", None, _PERCENT),
    _metric("load_1m", None, None),
    _metric("net_rx", SensorDeviceClass.DATA_RATE, _PER_SECOND),
    _metric("net_tx", SensorDeviceClass.DATA_RATE, _PER_SECOND),
    _metric("cpu_temperature", SensorDeviceClass.TEMPERATURE, UnitOfTemperature.CELSIUS),
)


@dataclass(frozen=True, kw_only=True)
class FactDescription(SensorEntityDescription, SmartAirEntityDescription):
    """Describes a fact about the device, and what sets it apart from a write too many."""

    value_fn: Callable[[Snapshot], str | float | datetime | None]
    exists_fn: Callable[[Snapshot], bool]
    chatty: bool = False


def _started(snapshot: Snapshot) -> datetime | None:
    if snapshot.uptime is None or snapshot.last_seen is None:
        return None
    return datetime.fromtimestamp(snapshot.last_seen - snapshot.uptime, UTC)


FACTS: tuple[FactDescription, ...] = (
    FactDescription(
        key="firmware_version",
        listens_to=(KEY_FACTS,),
        translation_key="firmware_version",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda snapshot: snapshot.firmware_version,
        exists_fn=lambda snapshot: snapshot.descriptor is not None or snapshot.firmware_version is not None,
    ),
    FactDescription(
        key="ip",
        listens_to=(KEY_FACTS,),
        translation_key="ip",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda snapshot: snapshot.ip,
        # Who describes itself says its address sooner or later, and is then not to be looked through once more.
        exists_fn=lambda snapshot: snapshot.descriptor is not None or snapshot.ip is not None,
    ),
    FactDescription(
        key="uptime",
        listens_to=(KEY_UPTIME,),
        translation_key="uptime",
        device_class=SensorDeviceClass.UPTIME,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=_started,
        exists_fn=lambda snapshot: True,
        chatty=True,
    ),
    FactDescription(
        key="last_seen",
        listens_to=(KEY_LAST_SEEN,),
        translation_key="last_seen",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda snapshot: (
            None if snapshot.last_seen is None else datetime.fromtimestamp(snapshot.last_seen, UTC)
        ),
        exists_fn=lambda snapshot: True,
        chatty=True,
    ),
    FactDescription(
        key="clock_skew",
        listens_to=(KEY_SKEW,),
        translation_key="clock_skew",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda snapshot: snapshot.skew or 0,
        exists_fn=lambda snapshot: True,
    ),
)

ACTIVE_ALERTS = SensorEntityDescription(
    key="active_alerts",
    translation_key="active_alerts",
    state_class=SensorStateClass.MEASUREMENT,
)


LATEST_ALERT = SensorEntityDescription(
    key="latest_alert",
    translation_key="latest_alert",
)

MAX_STATE = 255
"""Characters that a state may have."""


@dataclass(frozen=True, kw_only=True)
class RejectedDescription(SensorEntityDescription, SmartAirEntityDescription):
    """Describes the sensor of what cannot be taken."""


REJECTED = RejectedDescription(
    key="rejected_values",
    listens_to=(KEY_ODD,),
    translation_key="rejected_values",
    entity_category=EntityCategory.DIAGNOSTIC,
)
NOTHING_REJECTED = "none"


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the sensors."""
    async_setup_entities(entry, async_add_entities, _sensors)
    async_setup_entities(entry, async_add_entities, update_sensors)
    async_setup_air(entry, async_add_entities)
    async_setup_zones(entry, async_add_entities, zone_sensors)
    hub = entry.runtime_data
    async_add_entities([ActiveAlertsSensor(hub, ACTIVE_ALERTS), LatestAlertSensor(hub, LATEST_ALERT)])
    async_setup_pump_entities(entry, async_add_entities, pump_sensors)
    rollout_entities.async_setup_rollout(
        entry, async_add_entities, rollout_entities.RolloutSensor, rollout_entities.SENSORS
    )


def _sensors(device: SmartAirDevice) -> list[SmartAirEntity]:
    snapshot = device.snapshot
    return [
        *(MetricSensor(device, one) for one in METRICS if one.key in snapshot.metrics),
        *(FactSensor(device, one) for one in FACTS if one.exists_fn(snapshot)),
        *([RejectedSensor(device, REJECTED)] if _has_rejected(device) else []),
    ]


def _has_rejected(device: SmartAirDevice) -> bool:
    """Tell whether the device sends what cannot be taken, or has done so: most never do."""
    unique_id = f"{device.unique_prefix}{REJECTED.key}"
    registry = er.async_get(device.connection.hass)
    return (
        bool(device.snapshot.troubles) or registry.async_get_entity_id(SENSOR_DOMAIN, DOMAIN, unique_id) is not None
    )


class MetricSensor(SmartAirEntity, SensorEntity):
    """What a device measures, shown for as long as it says how things are."""

    entity_description: MetricDescription

    # These, too, are not kept in each; with them, its dictionary would be of twice the size.
    device_info = None
    entity_picture = None
    icon = None
    internal_integration_suggested_object_id = None
    last_reset = None
    options = None
    supported_features = None

    _restored: Reading | None = None
    _attributes: Mapping[str, Any] | None = None

    @override
    def get_initial_entity_options(self) -> EntityOptionsType:
        """Register the entity with its decimals: to have them added afterwards would be a second registration."""
        decimals = {"suggested_display_precision": self.suggested_display_precision}
        return {**(super().get_initial_entity_options() or {}), SENSOR_DOMAIN: decimals}

    @override
    async def async_added_to_hass(self) -> None:
        """Bring back the last value, which holds until it is stale or the device speaks."""
        if (reading := self.device.restored.get(self.entity_description.key)) is not None:
            self._restored = reading
        self.device.sensors[self.entity_description.key] = self
        await super().async_added_to_hass()

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Be the metric's sensor no longer."""
        del self.device.sensors[self.entity_description.key]

    @callback
    @override
    def _async_changed(self) -> None:
        if not self._write_value():
            super()._async_changed()
            self._remember_attributes()

    def _write_value(self) -> bool:
        """Write a new value beside the attributes of the last whole write; return False where that does not do.

        A fleet's messages bring little but new values, and this is a fifth of the work of a whole write. Whatever
        else changes what is shown (a name, a unit, the availability) makes Home Assistant write it all, and the
        attributes are others from then on.
        """
        value = self.device.snapshot.values.get(self.entity_description.key)
        if value is None or self._attributes is None or not self.device.available:
            return False
        states = self.hass.states
        state = states.get(self.entity_id)
        if state is None or state.attributes is not self._attributes:
            return False
        # As many digits as Home Assistant writes: all that a float is sure of.
        value = self.entity_description.shown(value)
        text = f"{value:.{_DIGITS}}" if type(value) is float else str(value)
        states.async_set(
            self.entity_id, text, self._attributes, context=self.device.context, state_info=state.state_info
        )
        return True

    def _remember_attributes(self) -> None:
        """Keep the attributes just written, if they are what any value of now is shown with, and as it is."""
        state = self.hass.states.get(self.entity_id)
        as_is = (
            state is not None
            and self._restored is None
            and state.attributes.get(ATTR_UNIT_OF_MEASUREMENT) == self.native_unit_of_measurement
        )
        self._attributes = state.attributes if state is not None and as_is else None

    @property
    @override
    def native_value(self) -> float | None:
        """The value of now, or else the one from before the restart while that holds."""
        value = self.device.snapshot.values.get(self.entity_description.key)
        if value is None and self._restored is not None:
            value = self._restored[0]
        return None if value is None else self.entity_description.shown(value)

    @override
    def async_refresh(self) -> None:
        """Let go of the value from before the restart where there is one of now, or it has grown stale."""
        restored = self._restored
        if restored is None:
            return
        snapshot = self.device.snapshot
        name, age = self.entity_description.key, time.time() - restored[1]
        if name in snapshot.values or not 0 <= age < snapshot.stale_after:
            self._restored = None
            self.device.restored.pop(name, None)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """The age of a value from before the restart; a value of now needs none."""
        if self._restored is None:
            return None
        return {"measured_at": datetime.fromtimestamp(self._restored[1], UTC).isoformat()}


class FactSensor(SmartAirEntity, SensorEntity):
    """What is to be known of the device itself."""

    entity_description: FactDescription

    _written = 0.0

    @override
    def _async_changed(self) -> None:
        now = time.time()
        if self.entity_description.chatty and 0 <= now - self._written < CHATTY_PAUSE and self._shows_now():
            return
        self._written = now
        super()._async_changed()

    def _shows_now(self) -> bool:
        """Tell whether the state machine already has the availability right."""
        state = self.hass.states.get(self.entity_id)
        return state is not None and (state.state != "unavailable") == self.available

    @override
    def async_refresh(self) -> None:
        """Take over the fact."""
        self._attr_native_value = self.entity_description.value_fn(self.device.snapshot)


class RejectedSensor(SmartAirEntity, SensorEntity):
    """What a device sends again and again that cannot be taken: name, value and range, where people look for it."""

    entity_description: RejectedDescription

    @override
    def async_refresh(self) -> None:
        """Take over what cannot be taken."""
        troubles = self.device.snapshot.troubles
        text = list_troubles(troubles) or NOTHING_REJECTED
        if len(text) > MAX_LENGTH_STATE_STATE:
            text = f"{text[: MAX_LENGTH_STATE_STATE - 1]}…"
        self._attr_native_value = text


class LatestAlertSensor(AlertEntity[SensorEntityDescription], SensorEntity):
    """What happened last, and where: "Office · CO₂ meter: CO₂ high, 1,394 ppm"."""

    def __init__(self, hub: SmartAirHub, description: SensorEntityDescription) -> None:
        """Show what happened last before the restart."""
        self._hub = hub
        super().__init__(hub, description)
        book = hub.alerts.book
        alerts = (*book.active.values(), *book.past)
        if (last := max(alerts, key=lambda alert: alert.updated_at, default=None)) is not None:
            self._show(Change.RAISED if last.active or last.momentary else Change.RESOLVED, last)

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to all alerts."""
        await super().async_added_to_hass()
        self.async_on_remove(self._alerts.async_listen(self.async_tell))

    @callback
    @override
    def async_take(self, change: Change, alert: Alert) -> None:
        """Show what happened; that a person knows of it is no news."""
        if change is not Change.ACKNOWLEDGED:
            self._show(change, alert)
            self.async_write_ha_state()

    def _show(self, change: Change, alert: Alert) -> None:
        told = describe(self._hub, change, alert)
        text = f"{told['name']}: {summary(self._hub.hass, told)}"
        self._attr_native_value = text if len(text) <= MAX_STATE else f"{text[: MAX_STATE - 1]}…"
        self._attr_extra_state_attributes = {"code": told["code"], "severity": told["severity"]}


class ActiveAlertsSensor(AlertEntity[SensorEntityDescription], SensorEntity):
    """How many alerts are active."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to all alerts."""
        await super().async_added_to_hass()
        self.async_on_remove(self._alerts.async_listen(self.async_tell))

    @callback
    @override
    def async_refresh(self) -> None:
        """Count what is active."""
        active = self.active()
        severities = Counter(alert.severity for alert in active)
        self._attr_native_value = len(active)
        self._attr_extra_state_attributes: dict[str, Any] = {
            **{str(severity): severities[severity] for severity in Severity},
            "offline": sum(alert.code is Code.DEVICE_OFFLINE for alert in active),
        }
