"""May the pump run? The pump safety contract as pure rules; the firmware keeps the same ones (pump_rules.h).

Time is an argument, in seconds of any clock that only goes forward. Nothing here remembers anything.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum, auto
from math import isfinite
from typing import TYPE_CHECKING, assert_never

from .metrics import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Sequence


class Role(StrEnum):
    """What a pump channel is for."""

    RECIRCULATION = auto()
    FILL = auto()
    DRAIN = auto()
    OTHER = auto()


class Reason(StrEnum):
    """Why a pump may not run."""

    DRY_RUN = auto()
    NO_FLOW = auto()
    OVERCURRENT = auto()
    PUMP_STUCK_ON = auto()
    OVERFLOW = auto()
    MAX_RUN = auto()
    TOO_MANY_FAILURES = auto()
    INTERLOCK = auto()
    UPDATE_IN_PROGRESS = auto()
    MAX_RUN_MISSING = auto()
    # What only Home Assistant can have to say.
    DEVICE_LOCK = auto()
    NO_CONTACT = auto()
    STATE_UNKNOWN = auto()


class Cause(StrEnum):
    """What about the reason is the case."""

    NONE = auto()
    MEASURED = auto()
    FLOAT_OPEN = auto()
    LEAK = auto()
    UNKNOWN = auto()
    FROZEN = auto()


@dataclass(frozen=True, slots=True)
class Allowed:
    """Nothing speaks against it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It must not be, and why."""

    reason: Reason
    cause: Cause = Cause.NONE
    value: float | None = None
    limit: float | None = None


type Verdict = Allowed | Refused

ALLOWED = Allowed()


class Contact(StrEnum):
    """A switch input: a float switch is on while there is water, a leak detector while there is a leak."""

    ABSENT = auto()
    UNKNOWN = auto()
    ON = auto()
    OFF = auto()


@dataclass(frozen=True, slots=True)
class Reading:
    """The last value of an input. `count` grows with each report: a trip needs more than one (S7)."""

    value: float | None = None
    at: float = 0.0
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """All inputs of one channel; an input that is not fitted is None."""

    level: Reading | None = None
    flow: Reading | None = None
    current_ma: Reading | None = None
    float_switch: Contact = Contact.ABSENT
    leak: Contact = Contact.ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one channel. Times are in seconds; defaults are those of safety.md."""

    role: Role
    min_level: float | None = 10.0
    max_level: float | None = 95.0
    min_flow: float = 0.3
    max_current_ma: float = 1500.0
    idle_current_ma: float = 50.0
    max_run_s: float = 1200.0
    max_off_s: float = 1800.0
    drain_off_s: float = 1800.0
    contact_timeout_s: float = 120.0
    start_grace_s: float = 10.0
    flow_dwell_s: float = 5.0
    dry_dwell_s: float = 3.0
    inrush_s: float = 0.5
    current_dwell_s: float = 0.3
    stuck_dwell_s: float = 5.0
    stale_after_s: float = 15.0
    stale_grace_s: float = 5.0
    level_step: float = 1.0
    progress_s: float = 60.0
    frozen_s: float = 300.0
    failures: int = 3
    failures_window_s: float = 3600.0

    @property
    def draws(self) -> bool:
        """Whether it takes water out of the reservoir."""
        return self.role is not Role.FILL

    @property
    def circulates(self) -> bool:
        """Whether running is its rest: it hangs on a normally closed contact."""
        return self.role is Role.RECIRCULATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the gate must know beside limits and readings."""

    lock: Refused | None = None
    interlocked: bool = False
    zone_stuck: bool = False
    updating: bool = False


FLOAT_CAUSES = {Contact.UNKNOWN: Cause.UNKNOWN, Contact.OFF: Cause.FLOAT_OPEN}
LEAK_CAUSES = {Contact.UNKNOWN: Cause.UNKNOWN, Contact.ON: Cause.LEAK}
# What the parser takes, judged as it was measured.
LEVEL_RANGE = CATALOGUE["water_level"].taken
FLOW_RANGE = CATALOGUE["flow_rate"].taken
CURRENT_RANGE = CATALOGUE["pump_current"].taken


def known(reading: Reading | None, limits: Limits, plausible: tuple[float, float], now: float) -> float | None:
    """Return the value if it is fresh and could be true, else None (S6)."""
    if reading is None or reading.count == 0 or reading.value is None or not isfinite(reading.value):
        return None
    if now - reading.at > limits.stale_after_s:
        return None
    low, high = plausible
    return reading.value if low <= reading.value <= high else None


def reservoir(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse to draw where there is no water, or where nobody knows."""
    if not limits.draws:
        return ALLOWED
    if (cause := FLOAT_CAUSES.get(readings.float_switch)) is not None:
        return Refused(Reason.DRY_RUN, cause)
    if readings.level is None or limits.min_level is None:
        return ALLOWED
    level = known(readings.level, limits, LEVEL_RANGE, now)
    if level is None:
        return Refused(Reason.DRY_RUN, Cause.UNKNOWN, None, limits.min_level)
    if level < limits.min_level:
        return Refused(Reason.DRY_RUN, Cause.MEASURED, level, limits.min_level)
    return ALLOWED


def room(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse to fill where there is no room, or where nobody knows."""
    if limits.role is not Role.FILL:
        return ALLOWED
    if (cause := LEAK_CAUSES.get(readings.leak)) is not None:
        return Refused(Reason.OVERFLOW, cause)
    if limits.max_level is None:
        return ALLOWED
    level = known(readings.level, limits, LEVEL_RANGE, now)
    if level is None:
        return Refused(Reason.OVERFLOW, Cause.UNKNOWN, None, limits.max_level)
    if level >= limits.max_level:
        return Refused(Reason.OVERFLOW, Cause.MEASURED, level, limits.max_level)
    return ALLOWED


def watched(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse a run that no sensor watches. Circulation goes on without them (S5)."""
    if limits.circulates:
        return ALLOWED
    if readings.current_ma is not None and known(readings.current_ma, limits, CURRENT_RANGE, now) is None:
        return Refused(Reason.OVERCURRENT, Cause.UNKNOWN, None, limits.max_current_ma)
    if readings.flow is not None and known(readings.flow, limits, FLOW_RANGE, now) is None:
        return Refused(Reason.NO_FLOW, Cause.UNKNOWN, None, limits.min_flow)
    return ALLOWED


def overcurrent(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse a current that is too high."""
    current = known(readings.current_ma, limits, CURRENT_RANGE, now)
    if current is not None and current > limits.max_current_ma:
        return Refused(Reason.OVERCURRENT, Cause.MEASURED, current, limits.max_current_ma)
    return ALLOWED


def no_flow(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse a run that moves no water."""
    flow = known(readings.flow, limits, FLOW_RANGE, now)
    if flow is not None and flow < limits.min_flow:
        return Refused(Reason.NO_FLOW, Cause.MEASURED, flow, limits.min_flow)
    return ALLOWED


def stuck(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse that something still flows although the pump is off."""
    current = known(readings.current_ma, limits, CURRENT_RANGE, now)
    if current is not None and current > limits.idle_current_ma:
        return Refused(Reason.PUMP_STUCK_ON, Cause.MEASURED, current, limits.idle_current_ma)
    flow = known(readings.flow, limits, FLOW_RANGE, now)
    if flow is not None and flow > limits.min_flow:
        return Refused(Reason.PUMP_STUCK_ON, Cause.MEASURED, flow, limits.min_flow)
    return ALLOWED


def may_run(limits: Limits, readings: Readings, situation: Situation, now: float) -> Verdict:
    """Answer for the one gate that every path asks before it energises a pump (S2)."""
    if situation.lock is not None:
        return situation.lock
    if situation.updating:
        return Refused(Reason.UPDATE_IN_PROGRESS)
    if situation.zone_stuck:
        return Refused(Reason.PUMP_STUCK_ON)
    if situation.interlocked:
        return Refused(Reason.INTERLOCK)
    checks = (rule(limits, readings, now) for rule in (reservoir, room, watched))
    return next((verdict for verdict in checks if verdict != ALLOWED), ALLOWED)


def may_start(
    limits: Limits, readings: Readings, situation: Situation, now: float, max_run_s: float | None
) -> Verdict:
    """Answer for an order to run: like may_run, and the run must be bounded (S4)."""
    match may_run(limits, readings, situation, now):
        case Refused() as refused:
            return refused
        case Allowed():
            bounded = limits.circulates or (max_run_s is not None and max_run_s > 0)
            return ALLOWED if bounded else Refused(Reason.MAX_RUN_MISSING)
        case unreachable:
            assert_never(unreachable)


def holds_circulation(lock: Refused | None) -> bool:
    """Tell the locks that keep circulation off beyond max_off_s (S5).

    That nothing is known of the level is none of them: a dead sensor must not kill the plants.
    """
    if lock is None:
        return False
    return lock.reason is Reason.OVERCURRENT or (lock.reason is Reason.DRY_RUN and lock.cause is not Cause.UNKNOWN)


def may_release(lock: Refused | None) -> Verdict:
    """Answer whether circulation may go back to its fail-safe state, which is running."""
    return lock if lock is not None and holds_circulation(lock) else ALLOWED


def may_reset(lock: Refused, limits: Limits, readings: Readings, now: float) -> Verdict:
    """Answer for a reset: refused with the cause while the cause is still there (S3)."""
    match lock.reason:
        case Reason.DRY_RUN:
            return reservoir(limits, readings, now)
        case Reason.OVERFLOW:
            return room(limits, readings, now)
        case Reason.OVERCURRENT:
            if readings.current_ma is not None and known(readings.current_ma, limits, CURRENT_RANGE, now) is None:
                return Refused(Reason.OVERCURRENT, Cause.UNKNOWN, None, limits.max_current_ma)
            return overcurrent(limits, readings, now)
        case Reason.PUMP_STUCK_ON:
            return stuck(limits, readings, now)
        case (
            Reason.NO_FLOW
            | Reason.MAX_RUN
            | Reason.TOO_MANY_FAILURES
            | Reason.INTERLOCK
            | Reason.UPDATE_IN_PROGRESS
            | Reason.MAX_RUN_MISSING
            | Reason.DEVICE_LOCK
            | Reason.NO_CONTACT
            | Reason.STATE_UNKNOWN
        ):
            return ALLOWED
        case unreachable:
            assert_never(unreachable)


def off_until(limits: Limits, off_since: float, asked_s: float | None = None, *, water_change: bool = False) -> float:
    """When circulation must run again, whoever switched it off and however often (S5)."""
    longest = limits.drain_off_s if water_change else limits.max_off_s
    return off_since + (min(asked_s, longest) if asked_s is not None and asked_s > 0 else longest)


def run_until(limits: Limits, started: float, now: float, max_run_s: float) -> float:
    """When a run must end: a renewed order moves the end, but never past what the channel allows (S4)."""
    return min(now + max_run_s, started + limits.max_run_s)


def lock_after(limits: Limits, failed_at: Sequence[float], reason: Reason, now: float) -> Refused | None:
    """Return the lock that a failed run brings, if it is one too many within the sliding window."""
    recent = sum(now - at <= limits.failures_window_s for at in failed_at)
    if recent < limits.failures:
        return None
    code = Reason.MAX_RUN if reason is Reason.MAX_RUN else Reason.TOO_MANY_FAILURES
    return Refused(code, Cause.MEASURED, float(recent), float(limits.failures))


# ---- trips: a condition must hold for a time and over several readings (S7) -----


@dataclass(frozen=True, slots=True)
class Dwell:
    """Since when a condition holds, and what the count of readings was then."""

    since: float | None = None
    count: int = 0

    def follow(self, now: float, count: int, *, holds: bool) -> Dwell:
        """Return the dwell after one more look."""
        if not holds:
            return Dwell()
        return self if self.since is not None else Dwell(now, count)

    def over(self, now: float, count: int, seconds: float) -> bool:
        """Whether it has held long enough, and for more than one reading."""
        return self.since is not None and now - self.since >= seconds and count != self.count


@dataclass(frozen=True, slots=True)
class Trip:
    """A protection that has struck: the pump stops, and is locked where `locks` says so."""

    verdict: Refused
    locks: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """The level from which a run's work is measured, when it was that, and the count of readings then."""

    at: float
    level: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is remembered of one channel between two looks at it."""

    since: float
    looks: int = 0
    current: Dwell = field(default=Dwell())
    dry: Dwell = field(default=Dwell())
    blind: Dwell = field(default=Dwell())
    flow: Dwell = field(default=Dwell())
    stuck: Dwell = field(default=Dwell())
    mark: Mark | None = None


def _refused(verdict: Verdict, *causes: Cause) -> Refused | None:
    match verdict:
        case Refused() as refused if not causes or refused.cause in causes:
            return refused
        case _:
            return None


def _count(reading: Reading | None) -> int:
    return 0 if reading is None else reading.count


def watch_run(
    watch: Watch, limits: Limits, readings: Readings, now: float, lock: Refused | None = None
) -> tuple[Watch, Trip | None]:
    """Look at a running pump.

    Circulation that runs in spite of a lock is stopped only by what may hold it off.
    """
    ran = now - watch.since
    high = _refused(overcurrent(limits, readings, now)) if ran >= limits.inrush_s else None
    full = _refused(room(limits, readings, now), Cause.MEASURED, Cause.LEAK)
    dry = _refused(reservoir(limits, readings, now), Cause.MEASURED, Cause.FLOAT_OPEN)
    blind = _blind(limits, readings, ran, now)
    still = _refused(no_flow(limits, readings, now)) if ran >= limits.start_grace_s else None

    looks = watch.looks + 1
    level_count = looks if dry is not None and dry.cause is Cause.FLOAT_OPEN else _count(readings.level)
    watch = replace(
        watch,
        looks=looks,
        current=watch.current.follow(now, _count(readings.current_ma), holds=high is not None),
        dry=watch.dry.follow(now, level_count, holds=dry is not None),
        blind=watch.blind.follow(now, looks, holds=blind is not None),
        flow=watch.flow.follow(now, _count(readings.flow), holds=still is not None),
    )
    trips = (
        Trip(high, locks=True)
        if high is not None and watch.current.over(now, _count(readings.current_ma), limits.current_dwell_s)
        else None,
        Trip(full, locks=True) if full is not None else None,
        Trip(dry, locks=True) if dry is not None and watch.dry.over(now, level_count, limits.dry_dwell_s) else None,
    )
    hard = next((trip for trip in trips if trip is not None), None)
    if hard is not None or (limits.circulates and lock is not None):
        return watch, hard
    if blind is not None and watch.blind.over(now, looks, limits.stale_grace_s):
        return watch, Trip(blind, locks=blind.reason is Reason.DRY_RUN)
    if still is not None and watch.flow.over(now, _count(readings.flow), limits.flow_dwell_s):
        return watch, Trip(still, locks=True)
    return _progress(watch, limits, readings, ran, now)


RIGHT_WAY = {Role.FILL: 1.0, Role.DRAIN: -1.0}
MARK_READINGS = 2


def _progress(watch: Watch, limits: Limits, readings: Readings, ran: float, now: float) -> tuple[Watch, Trip | None]:
    """Judge a run that fills or drains by the level, which must move where water does, and only there."""
    level = known(readings.level, limits, LEVEL_RANGE, now)
    way = RIGHT_WAY.get(limits.role)
    if level is None or way is None or ran < limits.start_grace_s:
        return watch, None
    mark = watch.mark
    fresh = replace(watch, mark=Mark(now, level, _count(readings.level)))
    window = limits.progress_s if readings.flow is None else limits.frozen_s
    if mark is None:
        return fresh, None
    if now - mark.at < window or _count(readings.level) - mark.count < MARK_READINGS:
        return watch, None
    moved = way * (level - mark.level)
    if readings.flow is None:
        still = Refused(Reason.NO_FLOW, Cause.MEASURED, moved, limits.level_step)
        return fresh, Trip(still, locks=True) if moved < limits.level_step else None
    flow = known(readings.flow, limits, FLOW_RANGE, now)
    frozen = abs(moved) < limits.level_step and flow is not None and flow >= limits.min_flow
    reason = Reason.OVERFLOW if limits.role is Role.FILL else Reason.DRY_RUN
    return fresh, Trip(Refused(reason, Cause.FROZEN, level), locks=True) if frozen else None


def _blind(limits: Limits, readings: Readings, ran: float, now: float) -> Refused | None:
    """Return what the run needs to know and does not.

    Circulation runs from power up, before any sensor speaks.
    """
    if limits.circulates and ran < limits.start_grace_s:
        return None
    for rule in (reservoir, room, watched):
        if (refused := _refused(rule(limits, readings, now), Cause.UNKNOWN)) is not None:
            return refused
    return None


def watch_rest(watch: Watch, limits: Limits, readings: Readings, now: float) -> tuple[Watch, Trip | None]:
    """Look at a pump that has been switched off."""
    moving = _refused(stuck(limits, readings, now))
    count = _count(readings.current_ma) + _count(readings.flow)
    watch = replace(watch, looks=watch.looks + 1, stuck=watch.stuck.follow(now, count, holds=moving is not None))
    if moving is not None and watch.stuck.over(now, count, limits.stuck_dwell_s):
        return watch, Trip(moving, locks=True)
    return watch, None
