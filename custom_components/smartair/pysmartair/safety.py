"""May the pump run? The pump safety contract as pure rules; the firmware keeps the same ones (pump_rules.h).

Time is an argument, in seconds of any clock that only goes forward. Nothing here remembers anything.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum, auto
from typing import TYPE_CHECKING, assert_never

from .freshness import (
    FRESH_S,
    INTERVALS,
    LATE,
    Reading as Reading,  # noqa: PLC0414 - whoever asks these rules gives them readings
    believed,
    fresh_for,
    longest_interval,
    seconds_to_harm,
)
from .protocol.metrics import CATALOGUE

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
    ZONE_LOCKED = auto()
    WRONG_RELAY = auto()
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
    SLOW = auto()
    RISING = auto()
    POWER = auto()


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

ZONE_LOCKS = frozenset({Reason.OVERCURRENT, Reason.NO_FLOW, Reason.DRY_RUN})
"""Locks of one pump while which the zone neither fills nor drains (safety contract)."""

ALLOWED = Allowed()


class Contact(StrEnum):
    """A switch input: a float switch is on while there is water, a leak detector while there is a leak."""

    ABSENT = auto()
    UNKNOWN = auto()
    ON = auto()
    OFF = auto()


DEFAULT_MIN_LEVEL, DEFAULT_MAX_LEVEL = 10.0, 95.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """All inputs of one channel; an input that is not fitted is None.

    What a pump draws is known as its current or, of a switch that measures it so, as its power: the firmware knows
    only the current. `rate` is how fast the pump was measured to move the level, in percent of the tank a second.
    """

    level: Reading | None = None
    flow: Reading | None = None
    current_ma: Reading | None = None
    power_w: Reading | None = None
    float_switch: Contact = Contact.ABSENT
    leak: Contact = Contact.ABSENT
    rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one channel. Times are in seconds; defaults are those of safety.md.

    `fresh_s` is the shortest term of a source while the pump fills or drains. `stale_after_s` is the term where no
    water is spilled: of circulation, of a device's word on its pump, of a source's first word after a start.
    """

    role: Role
    min_level: float | None = DEFAULT_MIN_LEVEL
    max_level: float | None = DEFAULT_MAX_LEVEL
    min_flow: float = 0.3
    max_current_ma: float = 1500.0
    idle_current_ma: float = 50.0
    max_power_w: float | None = None
    idle_power_w: float = 2.0
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
    fresh_s: float = FRESH_S
    stale_after_s: float = 15.0
    stale_grace_s: float = 5.0
    level_step: float = 1.0
    progress_s: float = 60.0
    frozen_s: float = 300.0
    failures: int = 3
    failures_window_s: float = 3600.0
    rate: float | None = None
    wrong_relay: bool = False

    @property
    def draws(self) -> bool:
        """Whether it takes water out of the reservoir."""
        return self.role is not Role.FILL

    @property
    def circulates(self) -> bool:
        """Whether running is its rest: it hangs on a normally closed contact."""
        return self.role is Role.RECIRCULATION

    @property
    def margin(self) -> float:
        """Percent of the tank between where it should stop and where harm begins: an overflow, or air in the pump."""
        if self.role is Role.FILL:
            return 100.0 - (DEFAULT_MAX_LEVEL if self.max_level is None else self.max_level)
        return DEFAULT_MIN_LEVEL if self.min_level is None else self.min_level


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the gate must know beside limits and readings."""

    lock: Refused | None = None
    interlocked: bool = False
    zone_stuck: bool = False
    zone_locked: bool = False
    updating: bool = False


FLOAT_CAUSES = {Contact.UNKNOWN: Cause.UNKNOWN, Contact.OFF: Cause.FLOAT_OPEN}
LEAK_CAUSES = {Contact.UNKNOWN: Cause.UNKNOWN, Contact.ON: Cause.LEAK}
# What the parser takes, judged as it was measured.
LEVEL_RANGE = CATALOGUE["water_level"].taken
FLOW_RANGE = CATALOGUE["flow_rate"].taken
CURRENT_RANGE = CATALOGUE["pump_current"].taken
# A socket's meter is off by a watt or two around zero.
POWER_RANGE = (-10.0, 100_000.0)


def harm_s(limits: Limits, readings: Readings) -> float:
    """Return the seconds in which a pump that fills or drains passes from where it should stop to harm."""
    return seconds_to_harm(limits.margin, limits.rate, readings.rate)


def term(limits: Limits, readings: Readings, reading: Reading) -> float:
    """Return the seconds for which a reading is believed (S6)."""
    if limits.circulates:
        return max(limits.stale_after_s, INTERVALS * (reading.interval or 0.0))
    return fresh_for(reading.interval, harm_s(limits, readings), limits.fresh_s)


def _known(
    limits: Limits, readings: Readings, reading: Reading | None, plausible: tuple[float, float], now: float
) -> float | None:
    return None if reading is None else believed(reading, plausible, now, term(limits, readings, reading))


def known_level(limits: Limits, readings: Readings, now: float) -> float | None:
    """Return the level if it is fresh and could be true, else None (S6)."""
    return _known(limits, readings, readings.level, LEVEL_RANGE, now)


def known_flow(limits: Limits, readings: Readings, now: float) -> float | None:
    """Return the flow if it is fresh and could be true, else None (S6)."""
    return _known(limits, readings, readings.flow, FLOW_RANGE, now)


def known_current(limits: Limits, readings: Readings, now: float) -> float | None:
    """Return the current if it is fresh and could be true, else None (S6)."""
    return _known(limits, readings, readings.current_ma, CURRENT_RANGE, now)


def known_power(limits: Limits, readings: Readings, now: float) -> float | None:
    """Return the power if it is fresh and could be true, else None (S6)."""
    return _known(limits, readings, readings.power_w, POWER_RANGE, now)


def reservoir(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse to draw where there is no water, or where nobody knows."""
    if not limits.draws:
        return ALLOWED
    if (cause := FLOAT_CAUSES.get(readings.float_switch)) is not None:
        return Refused(Reason.DRY_RUN, cause)
    if readings.level is None or limits.min_level is None:
        return ALLOWED
    level = known_level(limits, readings, now)
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
    level = known_level(limits, readings, now)
    if level is None:
        return Refused(Reason.OVERFLOW, Cause.UNKNOWN, None, limits.max_level)
    if level >= limits.max_level:
        return Refused(Reason.OVERFLOW, Cause.MEASURED, level, limits.max_level)
    return ALLOWED


def watched(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse a run that no sensor watches. Circulation goes on without them (S5)."""
    if limits.circulates:
        return ALLOWED
    if (unknown := _unmeasured(limits, readings, now)) != ALLOWED:
        return unknown
    if readings.flow is not None and known_flow(limits, readings, now) is None:
        return Refused(Reason.NO_FLOW, Cause.UNKNOWN, None, limits.min_flow)
    return ALLOWED


def _unmeasured(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse where it is not known what the pump draws, although that is measured."""
    if readings.current_ma is not None and known_current(limits, readings, now) is None:
        return Refused(Reason.OVERCURRENT, Cause.UNKNOWN, None, limits.max_current_ma)
    if readings.power_w is not None and known_power(limits, readings, now) is None:
        return Refused(Reason.OVERCURRENT, Cause.UNKNOWN, None, limits.max_power_w)
    return ALLOWED


def paced(limits: Limits, readings: Readings) -> Verdict:
    """Refuse a run that is faster than what guards it: a source has to speak before harm is done."""
    if limits.circulates:
        return ALLOWED
    harm = harm_s(limits, readings)
    # A rate that was measured needs no room for what is only assumed.
    longest = longest_interval(harm) if readings.rate is None else harm
    reason, guarded = (
        (Reason.OVERFLOW, limits.max_level is not None)
        if limits.role is Role.FILL
        else (Reason.DRY_RUN, limits.min_level is not None)
    )
    for slow, reading in (
        (reason, readings.level if guarded else None),
        (Reason.OVERCURRENT, readings.current_ma),
        (Reason.NO_FLOW, readings.flow),
    ):
        if reading is None or reading.interval is None or reading.live:
            continue
        if reading.interval > longest:
            return Refused(slow, Cause.SLOW, reading.interval, longest)
    return ALLOWED


def overcurrent(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse a current, or a power, that is too high."""
    current = known_current(limits, readings, now)
    if current is not None and current > limits.max_current_ma:
        return Refused(Reason.OVERCURRENT, Cause.MEASURED, current, limits.max_current_ma)
    power = known_power(limits, readings, now)
    if power is not None and limits.max_power_w is not None and power > limits.max_power_w:
        return Refused(Reason.OVERCURRENT, Cause.POWER, power, limits.max_power_w)
    return ALLOWED


def no_flow(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse a run that moves no water."""
    flow = known_flow(limits, readings, now)
    if flow is not None and flow < limits.min_flow:
        return Refused(Reason.NO_FLOW, Cause.MEASURED, flow, limits.min_flow)
    return ALLOWED


def stuck(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse that something still flows although the pump is off."""
    current = known_current(limits, readings, now)
    if current is not None and current > limits.idle_current_ma:
        return Refused(Reason.PUMP_STUCK_ON, Cause.MEASURED, current, limits.idle_current_ma)
    power = known_power(limits, readings, now)
    if power is not None and power > limits.idle_power_w:
        return Refused(Reason.PUMP_STUCK_ON, Cause.MEASURED, power, limits.idle_power_w)
    flow = known_flow(limits, readings, now)
    if flow is not None and flow > limits.min_flow:
        return Refused(Reason.PUMP_STUCK_ON, Cause.MEASURED, flow, limits.min_flow)
    return ALLOWED


def may_run(limits: Limits, readings: Readings, situation: Situation, now: float) -> Verdict:
    """Answer for the one gate that every path asks before it energises a pump (S2)."""
    if situation.lock is not None:
        return situation.lock
    if limits.wrong_relay:
        return Refused(Reason.WRONG_RELAY)
    if situation.updating:
        return Refused(Reason.UPDATE_IN_PROGRESS)
    if (around := _around(limits, situation)) != ALLOWED:
        return around
    checks = (rule(limits, readings, now) for rule in (reservoir, room, watched))
    verdict = next((verdict for verdict in checks if verdict != ALLOWED), ALLOWED)
    if isinstance(verdict, Refused) and verdict.cause is not Cause.UNKNOWN:
        return verdict
    # That a source is too slow says more than that it is not heard just now.
    slow = paced(limits, readings)
    return verdict if slow == ALLOWED else slow


def _around(limits: Limits, situation: Situation) -> Verdict:
    """Refuse what the other pumps of the zone speak against."""
    if situation.zone_stuck:
        return Refused(Reason.PUMP_STUCK_ON)
    if situation.interlocked:
        return Refused(Reason.INTERLOCK)
    if situation.zone_locked and limits.role in {Role.FILL, Role.DRAIN}:
        return Refused(Reason.ZONE_LOCKED)
    return ALLOWED


def may_go_on(limits: Limits, situation: Situation) -> Verdict:
    """Answer for a run that was found: by hand, by voice or by another automation there is no second way (S2)."""
    if limits.circulates:
        return may_release(situation.lock)
    return situation.lock if situation.lock is not None else _around(limits, situation)


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


def may_reset(lock: Refused, limits: Limits, readings: Readings, now: float, *, by_right: bool = False) -> Verdict:
    """Answer for a reset: refused with the cause while the cause is still there, or cannot be seen to be gone (S3).

    `by_right` is that circulation runs as it should, so that what flows says nothing.
    """
    match lock.reason:
        case Reason.DRY_RUN:
            return _thawed(lock, limits, readings, now, reservoir(limits, readings, now))
        case Reason.OVERFLOW:
            return _thawed(lock, limits, readings, now, room(limits, readings, now))
        case Reason.OVERCURRENT:
            return _drawn(limits, readings, now)
        case Reason.PUMP_STUCK_ON:
            return ALLOWED if by_right else _let_go(lock, limits, readings, now)
        case Reason.NO_FLOW:
            return _metered(limits, readings, now)
        case (
            Reason.MAX_RUN
            | Reason.TOO_MANY_FAILURES
            | Reason.INTERLOCK
            | Reason.UPDATE_IN_PROGRESS
            | Reason.MAX_RUN_MISSING
            | Reason.ZONE_LOCKED
            | Reason.WRONG_RELAY
            | Reason.DEVICE_LOCK
            | Reason.NO_CONTACT
            | Reason.STATE_UNKNOWN
        ):
            return ALLOWED
        case unreachable:
            assert_never(unreachable)


def _drawn(limits: Limits, readings: Readings, now: float) -> Verdict:
    unknown = _unmeasured(limits, readings, now)
    return overcurrent(limits, readings, now) if unknown == ALLOWED else unknown


def _metered(limits: Limits, readings: Readings, now: float) -> Verdict:
    """Only a run can show whether water flows again; a meter that is silent could not show even that."""
    blind = readings.flow is not None and known_flow(limits, readings, now) is None
    return Refused(Reason.NO_FLOW, Cause.UNKNOWN, None, limits.min_flow) if blind else ALLOWED


def _thawed(lock: Refused, limits: Limits, readings: Readings, now: float, verdict: Verdict) -> Verdict:
    """Refuse while a level that was found frozen stands where it stood: only one that moves is seen to be alive."""
    if verdict != ALLOWED or lock.cause is not Cause.FROZEN:
        return verdict
    level = known_level(limits, readings, now)
    moved = level is not None and (lock.value is None or abs(level - lock.value) >= limits.level_step)
    return ALLOWED if moved else Refused(lock.reason, Cause.FROZEN, level, lock.limit)


def _let_go(lock: Refused, limits: Limits, readings: Readings, now: float) -> Verdict:
    """Refuse while a pump still moves, or while what saw it move does not see that it no longer does."""
    moving = stuck(limits, readings, now)
    if moving != ALLOWED:
        return moving
    unseen = Refused(Reason.PUMP_STUCK_ON, Cause.UNKNOWN, None, lock.limit)
    fitted = [
        seen
        for reading, seen in (
            (readings.current_ma, known_current(limits, readings, now)),
            (readings.power_w, known_power(limits, readings, now)),
            (readings.flow, known_flow(limits, readings, now)),
        )
        if reading is not None
    ]
    if None in fitted or (lock.cause is Cause.MEASURED and not fitted):
        return unseen
    return ALLOWED


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
    found: bool = False
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
    blind = _blind(watch, limits, readings, now)
    still = _refused(no_flow(limits, readings, now)) if ran >= limits.start_grace_s else None

    looks = watch.looks + 1
    drawn_count = _count(readings.current_ma) + _count(readings.power_w)
    level_count = looks if dry is not None and dry.cause is Cause.FLOAT_OPEN else _count(readings.level)
    watch = replace(
        watch,
        looks=looks,
        current=watch.current.follow(now, drawn_count, holds=high is not None),
        dry=watch.dry.follow(now, level_count, holds=dry is not None),
        blind=watch.blind.follow(now, looks, holds=blind is not None),
        flow=watch.flow.follow(now, _count(readings.flow), holds=still is not None),
    )
    trips = (
        Trip(high, locks=True)
        if high is not None and watch.current.over(now, drawn_count, limits.current_dwell_s)
        else None,
        Trip(full, locks=True) if full is not None else None,
        Trip(dry, locks=True) if dry is not None and watch.dry.over(now, level_count, limits.dry_dwell_s) else None,
    )
    hard = next((trip for trip in trips if trip is not None), None)
    if hard is not None or (limits.circulates and lock is not None):
        return watch, hard
    if blind is not None and watch.blind.over(now, looks, _grace(blind, limits, readings)):
        return watch, Trip(blind, locks=blind.reason is Reason.DRY_RUN and blind.cause is Cause.UNKNOWN)
    if still is not None and watch.flow.over(now, _count(readings.flow), limits.flow_dwell_s):
        return watch, Trip(still, locks=True)
    return _progress(watch, limits, readings, ran, now)


RIGHT_WAY = {Role.FILL: 1.0, Role.DRAIN: -1.0}
MARK_READINGS = 2


def _progress(watch: Watch, limits: Limits, readings: Readings, ran: float, now: float) -> tuple[Watch, Trip | None]:
    """Judge a run that fills or drains by the level, which must move where water does, and only there."""
    level = known_level(limits, readings, now)
    way = RIGHT_WAY.get(limits.role)
    if level is None or way is None or ran < limits.start_grace_s:
        return watch, None
    mark = watch.mark
    fresh = replace(watch, mark=Mark(now, level, _count(readings.level)))
    window = limits.progress_s if readings.flow is None else limits.frozen_s
    if mark is None:
        return fresh, None
    count = _count(readings.level)
    # Whoever is listened to anew counts from nothing.
    readings_since = count - mark.count if count >= mark.count else count
    if now - mark.at < window or readings_since < MARK_READINGS:
        return watch, None
    moved = way * (level - mark.level)
    if readings.flow is None:
        still = Refused(Reason.NO_FLOW, Cause.MEASURED, moved, limits.level_step)
        return fresh, Trip(still, locks=True) if moved < limits.level_step else None
    flow = known_flow(limits, readings, now)
    frozen = abs(moved) < limits.level_step and flow is not None and flow >= limits.min_flow
    reason = Reason.OVERFLOW if limits.role is Role.FILL else Reason.DRY_RUN
    return fresh, Trip(Refused(reason, Cause.FROZEN, level), locks=True) if frozen else None


def _blind(watch: Watch, limits: Limits, readings: Readings, now: float) -> Refused | None:
    """Return what the run needs to know and does not, or not often enough.

    Circulation runs from power up, before any sensor speaks; and what ran before a start goes on until each source
    has had its term.
    """
    if limits.circulates and now - watch.since < limits.start_grace_s:
        return None
    for rule in (reservoir, room, watched, _slow):
        refused = _refused(rule(limits, readings, now), Cause.UNKNOWN, Cause.SLOW)
        if refused is not None and not _awaited(watch, limits, _source(refused, readings), now):
            return refused
    return None


def _slow(limits: Limits, readings: Readings, _now: float) -> Verdict:
    return paced(limits, readings)


def _source(refused: Refused, readings: Readings) -> Reading | None:
    drawn = readings.power_w if readings.current_ma is None else readings.current_ma
    by_reason = {Reason.OVERCURRENT: drawn, Reason.NO_FLOW: readings.flow}
    return by_reason.get(refused.reason, readings.level)


def _awaited(watch: Watch, limits: Limits, reading: Reading | None, now: float) -> bool:
    patient = watch.found or limits.circulates
    return patient and reading is not None and reading.awaited(now, limits.stale_after_s)


def _grace(blind: Refused, limits: Limits, readings: Readings) -> float:
    """Return the patience with a source that is silent: it ends before harm begins, or as late as a report may be."""
    reading = _source(blind, readings)
    if limits.circulates or reading is None:
        return limits.stale_grace_s
    late = (LATE - 1.0) * (reading.interval or 0.0)
    left = harm_s(limits, readings) - term(limits, readings, reading)
    return min(limits.stale_grace_s, max(late, left))


def watch_rest(watch: Watch, limits: Limits, readings: Readings, now: float) -> tuple[Watch, Trip | None]:
    """Look at a pump that has been switched off."""
    moving = _refused(stuck(limits, readings, now))
    count = _count(readings.current_ma) + _count(readings.power_w) + _count(readings.flow)
    watch = replace(watch, looks=watch.looks + 1, stuck=watch.stuck.follow(now, count, holds=moving is not None))
    if moving is not None and watch.stuck.over(now, count, limits.stuck_dwell_s):
        return watch, Trip(moving, locks=True)
    return watch, None
