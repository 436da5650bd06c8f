"""The entities of a zone, by platform."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
import time
from typing import Any, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory, Platform, UnitOfRatio, UnitOfTime, UnitOfVolume
from homeassistant.core import callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from ..const import DOMAIN
from ..hub import SmartAirConfigEntry
from ..pumps.last_hand import Hand, hand_of
from ..pysmartair.safety import Role
from ..pysmartair.water.model import Cause, Failed, Happened, Happening, NormalRecirc, State, Step
from ..pysmartair.water.schedule import DAY_S
from .zone import Zone

STATE_NORMAL = "normal_recirc"
STATE_FAILED = "failed"
STATES = [STATE_NORMAL, *(f"water_change_{one}" for one in Step), STATE_FAILED]
NO_STEP = "none"


class ZoneEntity(Entity):
    """An entity of a zone, which is there whatever becomes of its pumps and sensors."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, zone: Zone, description: EntityDescription) -> None:
        """Belong to a zone."""
        self.zone = zone
        self.entity_description = description
        self._attr_unique_id = f"{zone.unique_prefix}{description.key}"
        self.device_entry = zone.registered
        self.async_refresh()

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the zone from now on."""
        self.async_refresh()
        self.async_on_remove(self.zone.async_listen(self._async_changed))

    @callback
    def _async_changed(self) -> None:
        self.async_refresh()
        self.async_write_ha_state()

    @callback
    def async_refresh(self) -> None:
        """Take over from the zone what the entity shows."""


type ZoneFactory = Callable[[Zone], Iterable[ZoneEntity]]


@callback
def async_setup_zones(
    entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback, factory: ZoneFactory
) -> None:
    """Add what the factory makes of each zone, now and when one is added."""

    @callback
    def add_zones(zones: Iterable[Zone]) -> None:
        for zone in zones:
            async_add_entities(factory(zone), config_subentry_id=zone.zone_id)

    entry.async_on_unload(entry.runtime_data.zones.async_listen_zones(add_zones))


# --- sensors ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ZoneSensorDescription(SensorEntityDescription):
    """Describes a sensor of a zone."""

    value_fn: Callable[[Zone], float | str | datetime | None]
    attributes_fn: Callable[[Zone], Mapping[str, Any] | None] = lambda zone: None


def _state(state: State) -> str:
    match state:
        case NormalRecirc():
            return STATE_NORMAL
        case Failed():
            return STATE_FAILED
        case _:
            return f"water_change_{state.step}"


def _step(state: State) -> str:
    return NO_STEP if isinstance(state, NormalRecirc) else str(state.step)


def _since(state: State) -> datetime | None:
    return None if isinstance(state, NormalRecirc) else _time(state.since)


def _cause(state: State) -> str:
    return str(state.cause) if isinstance(state, Failed) else NO_STEP


def _time(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _days(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / DAY_S, 1)


def _litres(zone: Zone, *, today: bool) -> float:
    usage = zone.zones.pumps.usage
    fetch = usage.today if today else usage.total
    # What is filled in is used; what is drained was counted when it came in.
    return round(fetch(zone=zone.zone_id, role=Role.FILL).litres, 2)


def _drift(zone: Zone) -> float | None:
    drifted = zone.ec_drift
    return None if drifted is None else round(drifted, 1)


def _reasons(zone: Zone) -> dict[str, Any]:
    """Return why no water change could begin now, and how well the level is known."""
    against, level = zone.hindrance, zone.standing("level")
    told: dict[str, Any] = {"hindrance": NO_STEP if against is None else str(against.refusal)}
    if not isinstance(zone.memory.state, NormalRecirc):
        # Of a change that failed, the step in which it did.
        told["step"] = _step(zone.memory.state)
    if against is not None:
        told |= {"pump": against.detail or None, "value": _rounded(against.value), "limit": _rounded(against.limit)}
    if level is not None:
        trouble, judged, pace = level
        told["level_problem"] = NO_STEP if trouble is None else str(trouble)
        told |= {"level_judged_by": str(judged), "level_interval": _rounded(pace)}
    return {name: value for name, value in told.items() if value is not None}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


SENSORS: tuple[ZoneSensorDescription, ...] = (
    ZoneSensorDescription(
        key="state",
        translation_key="zone_state",
        device_class=SensorDeviceClass.ENUM,
        options=STATES,
        value_fn=lambda zone: _state(zone.memory.state),
        attributes_fn=_reasons,
    ),
    ZoneSensorDescription(
        key="step",
        translation_key="zone_step",
        device_class=SensorDeviceClass.ENUM,
        options=[NO_STEP, *Step],
        value_fn=lambda zone: _step(zone.memory.state),
    ),
    ZoneSensorDescription(
        # A time that the screen counts from itself: the recorder has one row for each step.
        key="step_since",
        translation_key="zone_step_since",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda zone: _since(zone.memory.state),
    ),
    ZoneSensorDescription(
        key="failure",
        translation_key="zone_failure",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[NO_STEP, *Cause],
        value_fn=lambda zone: _cause(zone.memory.state),
    ),
    ZoneSensorDescription(
        key="solution_age",
        translation_key="zone_solution_age",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.DAYS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        value_fn=lambda zone: _days(zone.age),
    ),
    ZoneSensorDescription(
        key="next_change",
        translation_key="zone_next_change",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda zone: zone.next_change_at,
    ),
    ZoneSensorDescription(
        key="ec_drift",
        translation_key="zone_ec_drift",
        native_unit_of_measurement=UnitOfRatio.PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        value_fn=_drift,
    ),
    ZoneSensorDescription(
        key="water_today",
        translation_key="zone_water_today",
        device_class=SensorDeviceClass.WATER,
        native_unit_of_measurement=UnitOfVolume.LITERS,
        state_class=SensorStateClass.TOTAL_INCREASING,
        suggested_display_precision=1,
        value_fn=lambda zone: _litres(zone, today=True),
    ),
    ZoneSensorDescription(
        key="water_total",
        translation_key="zone_water_total",
        device_class=SensorDeviceClass.WATER,
        native_unit_of_measurement=UnitOfVolume.LITERS,
        # Of a zone that is deleted and added again it begins at nothing, and that is no water given back.
        state_class=SensorStateClass.TOTAL_INCREASING,
        suggested_display_precision=1,
        value_fn=lambda zone: _litres(zone, today=False),
    ),
    ZoneSensorDescription(
        key="solution_made",
        translation_key="zone_solution_made",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda zone: _time(zone.memory.solution_started_at),
        attributes_fn=lambda zone: zone.memory.made.facts() if zone.memory.made is not None else None,
    ),
)


class ZoneSensor(ZoneEntity, SensorEntity):
    """What is to be known of a zone."""

    entity_description: ZoneSensorDescription
    # It moves all the time, and nobody looks for it in the past.
    _unrecorded_attributes = frozenset({"level_interval"})

    @override
    def async_refresh(self) -> None:
        """Take over the value."""
        self._attr_native_value = self.entity_description.value_fn(self.zone)
        self._attr_extra_state_attributes = dict(self.entity_description.attributes_fn(self.zone) or {})


def zone_sensors(zone: Zone) -> list[ZoneEntity]:
    """Return the sensors of a zone."""
    registry = er.async_get(zone.connection.hass)
    # The state says the step by now; who has the sensor of before, and automations on it, keeps it.
    gone = {
        one.key
        for one in SENSORS
        if one.key == "step"
        and registry.async_get_entity_id(Platform.SENSOR, DOMAIN, f"{zone.unique_prefix}{one.key}") is None
    }
    return [ZoneSensor(zone, one) for one in SENSORS if one.key not in gone]


# --- binary sensors -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ZoneBinarySensorDescription(BinarySensorEntityDescription):
    """Describes a yes or no about a zone."""

    value_fn: Callable[[Zone], bool]


BINARY_SENSORS: tuple[ZoneBinarySensorDescription, ...] = (
    ZoneBinarySensorDescription(
        key="change_failed",
        translation_key="zone_change_failed",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value_fn=lambda zone: isinstance(zone.memory.state, Failed),
    ),
    ZoneBinarySensorDescription(
        key="pump_problem",
        translation_key="zone_pump_problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value_fn=lambda zone: zone.pump_problem,
    ),
)


class ZoneBinarySensor(ZoneEntity, BinarySensorEntity):
    """A yes or no about a zone."""

    entity_description: ZoneBinarySensorDescription

    @override
    def async_refresh(self) -> None:
        """Take over the answer."""
        self._attr_is_on = self.entity_description.value_fn(self.zone)


def zone_binary_sensors(zone: Zone) -> list[ZoneEntity]:
    """Return the binary sensors of a zone."""
    return [ZoneBinarySensor(zone, one) for one in BINARY_SENSORS]


# --- buttons ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ZoneButtonDescription(ButtonEntityDescription):
    """Describes what a person can have a zone do."""

    press_fn: Callable[[Zone], Coroutine[Any, Any, None]]
    available_fn: Callable[[Zone], bool] = lambda zone: True


CONFIRM_WITHIN_S = 10
"""Seconds between the two presses of a person who starts a water change."""
START = ZoneButtonDescription(key="start", translation_key="zone_start", press_fn=Zone.async_start_change)
BUTTONS: tuple[ZoneButtonDescription, ...] = (
    ZoneButtonDescription(
        key="resume",
        translation_key="zone_resume",
        press_fn=Zone.async_resume,
        available_fn=lambda zone: isinstance(zone.memory.state, Failed),
    ),
    ZoneButtonDescription(
        key="abort",
        translation_key="zone_abort",
        press_fn=Zone.async_abort,
        available_fn=lambda zone: not isinstance(zone.memory.state, NormalRecirc),
    ),
    ZoneButtonDescription(
        key="reset",
        translation_key="zone_reset",
        press_fn=Zone.async_reset,
        available_fn=lambda zone: any(pump.locked for pump in zone.pumps.values()),
    ),
    ZoneButtonDescription(key="renew", translation_key="zone_renew", press_fn=Zone.async_renew),
)


class ZoneButton(ZoneEntity, ButtonEntity):
    """What a person can have a zone do."""

    entity_description: ZoneButtonDescription

    @override
    async def async_press(self) -> None:
        """Do it, or say why not."""
        await self.entity_description.press_fn(self.zone)

    @callback
    @override
    def _async_changed(self) -> None:
        """Write only whether a press does anything: else a button shows nothing of the zone."""
        if self.available is not self._attr_available:
            self.async_refresh()
            self.async_write_ha_state()

    @property
    @override
    def available(self) -> bool:
        """Whether a press does anything now."""
        return self.entity_description.available_fn(self.zone)

    @callback
    @override
    def async_refresh(self) -> None:
        """Remember what is shown."""
        self._attr_available = self.available


class StartButton(ZoneButton):
    """The start of a water change, which empties a tank: a person presses it twice, within some seconds."""

    _asked_at: float | None = None

    @override
    async def async_press(self) -> None:
        """Ask a person for a second press; begin for that, and for an automation, or say why not."""
        asked, now = self._asked_at, time.monotonic()
        self._asked_at = None
        sure = asked is not None and now - asked <= CONFIRM_WITHIN_S
        # What is refused anyway is refused at once, with its reason.
        if sure or hand_of(self._context) is not Hand.PERSON or self.zone.hindrance is not None:
            await super().async_press()
            return
        self._asked_at = now
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="confirm_water_change",
            translation_placeholders={"zone": self.zone.place, "seconds": str(CONFIRM_WITHIN_S)},
        )


def zone_buttons(zone: Zone) -> list[ZoneEntity]:
    """Return the buttons of a zone."""
    return [StartButton(zone, START), *(ZoneButton(zone, one) for one in BUTTONS)]


# --- the switch and the event -------------------------------------------------------------------

AUTOMATIC = SwitchEntityDescription(key="automatic", translation_key="zone_automatic")
ACTIVITY = EventEntityDescription(
    key="activity", translation_key="zone_activity", event_types=[str(one) for one in Happening]
)


class AutomaticSwitch(ZoneEntity, SwitchEntity):
    """Whether planned changes and the duty cycle happen."""

    @override
    def async_refresh(self) -> None:
        """Take over the answer."""
        self._attr_is_on = self.zone.memory.automatic

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Let them happen."""
        await self.zone.async_set_automatic(on=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Let circulation run on and no change begin by itself."""
        await self.zone.async_set_automatic(on=False)


class ZoneEvent(ZoneEntity, EventEntity):
    """What happens in a zone."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for what happens as well."""
        await super().async_added_to_hass()
        self.async_on_remove(self.zone.async_listen_happenings(self._async_happened))

    @callback
    @override
    def _async_changed(self) -> None:
        """Write nothing: an event is written when it happens."""

    @callback
    def _async_happened(self, happened: Happened) -> None:
        self._trigger_event(str(happened.what), dict(happened.values))
        self.async_write_ha_state()


def zone_switches(zone: Zone) -> list[ZoneEntity]:
    """Return the switches of a zone."""
    return [AutomaticSwitch(zone, AUTOMATIC)]


def zone_events(zone: Zone) -> list[ZoneEntity]:
    """Return the events of a zone."""
    return [ZoneEvent(zone, ACTIVITY)]
