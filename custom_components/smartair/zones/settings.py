"""What the owner set for a zone: how it is stored, what it means, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Self

from ..pysmartair.safety import Role
from ..pysmartair.water.model import Rules
from ..pysmartair.water.schedule import Plan, minute_of_day, parse_windows
from ..pysmartair.water.solution import EC_HYSTERESIS, PH_HYSTERESIS, Band
from ..pysmartair.water.tank import Tank

SECTION_PUMPS = "pumps"
SECTION_SENSORS = "sensors"
SECTION_LIMITS = "limits"
SECTION_CYCLE = "water_cycle"

CONF_NODE = "node"
# These two are only how a new zone begins: from then on they are kept where people change them.
CONF_AREA = "area"
CONF_AUTOMATIC = "automatic"
CONF_FLOW_OF = "flow_of"
# What of the pumps is no pump: those whose switch opens the contact when it is on.
CONF_INVERTED = "pumps_inverted"
# What of the sensors is no sensor.
CONF_FROM_ABOVE = "level_from_above"
CONF_TANK = "tank_volume"
CONF_HEIGHT = "tank_height"
CONF_GAP = "sensor_gap"
CONF_FILL_RATE = "fill_rate"
CONF_MIN = "min_level"
CONF_EMPTY = "empty_level"
CONF_TARGET = "target_level"
CONF_MAX = "max_level"
CONF_STALE = "stale_after"
CONF_PH_LOW = "ph_low"
CONF_PH_HIGH = "ph_high"
CONF_EC_LOW = "ec_low"
CONF_EC_HIGH = "ec_high"
CONF_INTERVAL = "interval_days"
CONF_TIME = "time_of_day"
CONF_MAX_AGE = "max_solution_age_days"
CONF_DRIFT = "ec_drift_threshold"
CONF_MAX_OFF = "max_recirc_off_minutes"
CONF_SCHEDULE = "schedule"
CONF_DRAIN_TIMEOUT = "drain_timeout_minutes"
CONF_FILL_TIMEOUT = "fill_timeout_minutes"
CONF_STABILIZE = "stabilize_minutes"

PUMPS = {str(role): role for role in (Role.RECIRCULATION, Role.FILL, Role.DRAIN)}
SENSORS = ("level", "flow", "ph", "ec", "temperature")
CONF_LEAK = "leak"
CONF_FLOAT = "float_switch"
CONTACTS = {CONF_LEAK: "leak_inverted", CONF_FLOAT: "float_inverted"}
"""What is on or off, each with the name of the field that says that off means what on does for others."""
POWER = {f"{name}_power": role for name, role in PUMPS.items()}
"""What measures what a pump draws, as a power or as a current."""
MAX_POWER = {f"{name}_max_power": role for name, role in PUMPS.items()}
"""The most that a pump may draw, in watts, or in amperes where its sensor measures a current."""
MEASURED = (*SENSORS, *CONTACTS, *POWER)
"""All that the owner may choose as a sensor."""
FLOW_OF = "fill"

# What a zone has that its owner never looked at.
DEFAULTS: dict[str, bool | float | str] = {
    CONF_AUTOMATIC: False,
    CONF_MIN: 10,
    CONF_EMPTY: 15,
    CONF_TARGET: 80,
    CONF_MAX: 95,
    CONF_STALE: 60,
    CONF_GAP: 0,
    CONF_TIME: "10:00:00",
    CONF_MAX_OFF: 15,
    CONF_DRAIN_TIMEOUT: 20,
    CONF_FILL_TIMEOUT: 20,
    CONF_STABILIZE: 10,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneSettings:
    """A zone as its owner set it; pumps and sensors are named by what outlives a rename."""

    pumps: Mapping[Role, str]
    sensors: Mapping[str, str]
    flow_of: Role
    stale_after: float
    min_level: float
    ph: Band
    ec: Band
    rules: Rules
    tank: Tank
    inverted: frozenset[Role] = frozenset()
    inverted_contacts: frozenset[str] = frozenset()
    max_power: Mapping[Role, float] = field(default_factory=dict)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return what a subentry holds; it was judged before it was stored."""
        pumps = {role: data[SECTION_PUMPS][name] for name, role in PUMPS.items() if data[SECTION_PUMPS].get(name)}
        chosen = data[SECTION_SENSORS]
        sensors = {name: chosen[name] for name in MEASURED if chosen.get(name)}
        limits = DEFAULTS | data[SECTION_LIMITS]
        return cls(
            pumps=pumps,
            sensors=sensors,
            flow_of=Role(data[SECTION_SENSORS].get(CONF_FLOW_OF, FLOW_OF)),
            stale_after=limits[CONF_STALE],
            min_level=limits[CONF_MIN],
            ph=Band(limits.get(CONF_PH_LOW), limits.get(CONF_PH_HIGH), PH_HYSTERESIS),
            ec=Band(limits.get(CONF_EC_LOW), limits.get(CONF_EC_HIGH), EC_HYSTERESIS),
            inverted=frozenset(
                role for name, role in PUMPS.items() if name in data[SECTION_PUMPS].get(CONF_INVERTED, ())
            ),
            rules=_rules(pumps, sensors, limits, DEFAULTS | data[SECTION_CYCLE], tank_of(data)),
            tank=tank_of(data),
            inverted_contacts=frozenset(name for name, inverted in CONTACTS.items() if chosen.get(inverted)),
            max_power={role: limits[name] for name, role in MAX_POWER.items() if limits.get(name) is not None},
        )


def tank_of(data: Mapping[str, Any]) -> Tank:
    """Return the measures of the tank."""
    limits = DEFAULTS | data[SECTION_LIMITS]
    above = data[SECTION_SENSORS].get(CONF_FROM_ABOVE, False)
    return Tank(
        volume_l=limits.get(CONF_TANK),
        height_cm=limits.get(CONF_HEIGHT),
        above_cm=limits[CONF_GAP] if above else None,
    )


def _rules(
    pumps: Mapping[Role, str],
    sensors: Mapping[str, str],
    limits: Mapping[str, Any],
    cycle: Mapping[str, Any],
    tank: Tank,
) -> Rules:
    return Rules(
        recirculates=Role.RECIRCULATION in pumps,
        drains=Role.DRAIN in pumps,
        fills=Role.FILL in pumps,
        measures_level="level" in sensors,
        empty_level=limits[CONF_EMPTY],
        target_level=limits[CONF_TARGET],
        max_level=limits[CONF_MAX],
        tank_l=limits.get(CONF_TANK),
        fill_rate=tank.rate(limits.get(CONF_FILL_RATE)),
        drain_timeout_s=cycle[CONF_DRAIN_TIMEOUT] * 60,
        fill_timeout_s=cycle[CONF_FILL_TIMEOUT] * 60,
        stabilize_s=cycle[CONF_STABILIZE] * 60,
        max_off_s=cycle[CONF_MAX_OFF] * 60,
        windows=parse_windows(cycle.get(CONF_SCHEDULE, ())),
        plan=Plan(
            interval_days=cycle.get(CONF_INTERVAL),
            time_of_day=minute_of_day(cycle[CONF_TIME]) or 0,
            max_age_days=cycle.get(CONF_MAX_AGE),
            ec_drift_percent=cycle.get(CONF_DRIFT),
        ),
    )


type Errors = dict[str, str]


def judge(data: Mapping[str, Any]) -> Errors:
    """Return what is wrong with settings, by the name of their field."""
    limits = DEFAULTS | data[SECTION_LIMITS]
    cycle = DEFAULTS | data[SECTION_CYCLE]
    errors = _judge_pumps(data[SECTION_PUMPS]) | _judge_limits(limits) | _judge_cycle(cycle, data[SECTION_SENSORS])
    errors |= _judge_power(data[SECTION_PUMPS], data[SECTION_SENSORS], limits)
    return errors | _judge_numbers(limits) | _judge_numbers(cycle)


def _judge_power(pumps: Mapping[str, Any], sensors: Mapping[str, Any], limits: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    for name, power, highest in zip(PUMPS, POWER, MAX_POWER, strict=True):
        if sensors.get(power) and not pumps.get(name):
            errors[power] = "power_without_pump"
        if limits.get(highest) is not None and not sensors.get(power):
            # A limit that has no effect is not shown as if it had one.
            errors[highest] = "limit_without_power"
    return errors


def _judge_pumps(pumps: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    seen: set[str] = set()
    for name in PUMPS:
        entity = pumps.get(name)
        if entity in seen:
            errors[name] = "pump_twice"
        if entity:
            seen.add(entity)
    return errors


def _judge_limits(limits: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    if limits[CONF_EMPTY] <= limits[CONF_MIN]:
        errors[CONF_EMPTY] = "empty_not_above_min"
    if limits[CONF_TARGET] <= limits[CONF_EMPTY]:
        errors[CONF_TARGET] = "target_not_above_empty"
    if limits.get(CONF_FILL_RATE) and not limits.get(CONF_TANK):
        errors[CONF_TANK] = "volume_for_rate"
    if limits[CONF_TARGET] >= limits[CONF_MAX]:
        errors[CONF_TARGET] = "target_not_below_max"
    for low, high in ((CONF_PH_LOW, CONF_PH_HIGH), (CONF_EC_LOW, CONF_EC_HIGH)):
        if None not in {limits.get(low), limits.get(high)} and limits[low] >= limits[high]:
            errors[high] = "high_not_above_low"
    return errors


def _judge_cycle(cycle: Mapping[str, Any], sensors: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    if cycle.get(CONF_DRIFT) is not None and not sensors.get("ec"):
        errors[CONF_DRIFT] = "drift_without_ec"
    # Home Assistant's own fields let more pass than can be read again.
    if minute_of_day(cycle[CONF_TIME]) is None:
        errors[CONF_TIME] = "time_unreadable"
    try:
        parse_windows(cycle.get(CONF_SCHEDULE, ()))
    except ValueError:
        errors[CONF_SCHEDULE] = "schedule_unreadable"
    return errors


def _judge_numbers(fields: Mapping[str, Any]) -> Errors:
    """Find what is no number although it is of their kind, and would be nothing at all once it is stored."""
    return {name: "not_a_number" for name, one in fields.items() if isinstance(one, float) and not isfinite(one)}
