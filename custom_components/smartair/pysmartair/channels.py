"""Which channels of a device are pumps, what they are for, and which limits hold for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, auto

from .device import Snapshot
from .protocol.fields import number
from .protocol.messages import NumberSetting, PumpChannel
from .safety import DEFAULT_MAX_LEVEL, Limits, Role

MAX_PUMPS = 64
"""Channels of one device that are taken for pumps; more is a mistake or an attack."""

LONGEST_OFF_S = 1800.0
"""Seconds that roots bear without circulation (safety contract)."""

# Lowest and highest value that an owner may set here; what is in force by default is in Limits.
LIMIT_RANGES: Mapping[str, tuple[float, float]] = {
    "min_level": (0.0, 100.0),
    "max_level": (1.0, 100.0),
    "min_flow": (0.01, 100.0),
    "start_grace_s": (1.0, 120.0),
    "max_current_ma": (10.0, 30_000.0),
    "max_run_s": (1.0, 86_400.0),
    "max_off_s": (10.0, LONGEST_OFF_S),
}
_FOR_ROLE: Mapping[str, frozenset[Role]] = {
    "min_level": frozenset(Role) - {Role.FILL},
    "max_level": frozenset({Role.FILL}),
    "max_run_s": frozenset(Role) - {Role.RECIRCULATION},
    "max_off_s": frozenset({Role.RECIRCULATION}),
}
_READ: Mapping[str, Callable[[Limits], float | None]] = {
    "min_level": lambda limits: limits.min_level,
    "max_level": lambda limits: limits.max_level,
    "min_flow": lambda limits: limits.min_flow,
    "start_grace_s": lambda limits: limits.start_grace_s,
    "max_current_ma": lambda limits: limits.max_current_ma,
    "max_run_s": lambda limits: limits.max_run_s,
    "max_off_s": lambda limits: limits.max_off_s,
}
# What a device or its owner sets, and what a zone sets besides.
_WRITE: Mapping[str, Callable[[Limits, float], Limits]] = {
    "min_level": lambda limits, value: replace(limits, min_level=value),
    "max_level": lambda limits, value: replace(limits, max_level=value),
    "min_flow": lambda limits, value: replace(limits, min_flow=value),
    "start_grace_s": lambda limits, value: replace(limits, start_grace_s=value),
    "max_current_ma": lambda limits, value: replace(limits, max_current_ma=value),
    "max_run_s": lambda limits, value: replace(limits, max_run_s=value),
    "max_off_s": lambda limits, value: replace(limits, max_off_s=value),
    "stale_after_s": lambda limits, value: replace(limits, stale_after_s=value),
    "drain_off_s": lambda limits, value: replace(limits, drain_off_s=value),
    "max_power_w": lambda limits, value: replace(limits, max_power_w=value),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpSpec:
    """A channel that is a pump; `limits` names those that the device offers as settings.

    `wrong_relay` is that it fills or drains by a relay that is closed at rest: each power cut would switch it on.
    """

    channel: str
    role: Role
    limits: frozenset[str] = frozenset()
    wrong_relay: bool = False


def limit_of_setting(channel: str, setting: str) -> str | None:
    """Return the limit of a channel that a setting of its device is, None where it is none."""
    return next((name for name in LIMIT_RANGES if setting == f"{channel}_{name}"), None)


def role_limits(role: Role) -> tuple[str, ...]:
    """Return the limits that an owner can set for a pump of a role."""
    return tuple(name for name in LIMIT_RANGES if role in _FOR_ROLE.get(name, frozenset(Role)))


def limit_value(limits: Limits, name: str) -> float | None:
    """Return the limit of a name that an owner can set."""
    return _READ[name](limits)


def limits_of(role: Role, overrides: Mapping[str, object]) -> Limits:
    """Return the limits of a role with those that were set; what is no sensible number is left out."""
    limits = Limits(role=role)
    for name, value in overrides.items():
        low, high = LIMIT_RANGES.get(name, (0.0, 86_400.0))
        known = number(value, low, high)
        if name == "max_off_s" and (longer := number(value)) is not None and longer > high:
            # What was set when more was allowed is held to what is allowed now.
            known = high
        if known is not None and (write := _WRITE.get(name)) is not None:
            limits = write(limits, known)
    return limits


class Fault(StrEnum):
    """What is wrong with how a pump is set up."""

    WRONG_RELAY = auto()
    LONG_PAUSE = auto()


def faults_of(spec: PumpSpec, overrides: Mapping[str, object]) -> dict[Fault, float | None]:
    """Return what is wrong with how a pump is set up, with the value that was set where it is one.

    None of it does harm: such a relay is never energised, and such a pause is held to what roots bear.
    """
    faults: dict[Fault, float | None] = {}
    if spec.wrong_relay:
        faults[Fault.WRONG_RELAY] = None
    pause = number(overrides.get("max_off_s"))
    if spec.role is Role.RECIRCULATION and pause is not None and pause > LONGEST_OFF_S:
        faults[Fault.LONG_PAUSE] = pause
    return faults


def within(limits: Limits, zone: Mapping[str, float], *, lent: bool) -> Limits:
    """Return the limits of a device's pump in a zone: the stricter of two, where both have one.

    `lent` is that the zone measures the level for it, which a device that knows none cannot judge by itself.
    """
    highest = [one for one in (limits.max_level, zone.get("max_level")) if one is not None]
    lowest = [one for one in (limits.min_level, zone.get("min_level")) if one is not None]
    if limits.role is not Role.FILL:
        return replace(limits, min_level=max(lowest)) if lowest else limits
    if limits.max_level is None and not lent:
        # Nothing that Home Assistant hears of measures its level.
        return limits
    return replace(limits, max_level=min(highest, default=DEFAULT_MAX_LEVEL))


def pump_specs(snapshot: Snapshot) -> tuple[PumpSpec, ...]:
    """Return the pumps of a device: those of its descriptor, or of its telemetry where it has none."""
    if snapshot.descriptor is not None and snapshot.descriptor.channels:
        channels = tuple(one for one in snapshot.descriptor.channels if _is_pump(one))
    else:
        channels = tuple(PumpChannel(id=name, type="pump") for name in snapshot.channels)
    settings = {name for name, one in snapshot.settings.items() if isinstance(one, NumberSetting)}
    return tuple(
        PumpSpec(
            channel=one.id,
            role=_role(one),
            limits=frozenset(name for name in LIMIT_RANGES if f"{one.id}_{name}" in settings),
            wrong_relay=_normally_closed(one) and _role(one) in {Role.FILL, Role.DRAIN},
        )
        for one in channels[:MAX_PUMPS]
    )


_KNOWN_ROLES = frozenset(Role)


def _is_pump(channel: PumpChannel) -> bool:
    return channel.type == "pump" or channel.role in _KNOWN_ROLES


def _role(channel: PumpChannel) -> Role:
    """Return what a pump is for. One that runs when nothing drives its relay circulates, whatever it is called."""
    if channel.role in _KNOWN_ROLES:
        return Role(channel.role)
    return Role.RECIRCULATION if _normally_closed(channel) else Role.OTHER


def _normally_closed(channel: PumpChannel) -> bool:
    return channel.fail_safe_mode is not None and channel.fail_safe_mode.upper() == "NC"
