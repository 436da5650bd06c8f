"""What the firmware's PumpRules do between two looks, upon the rules that integration and firmware share."""

from collections import deque
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from lab.simulator.rules import safety, still_water

if TYPE_CHECKING:
    from custom_components.smartair.pysmartair.guard.still_water import StillWater
    from custom_components.smartair.pysmartair.safety import (
        Dwell,
        Limits,
        Reading,
        Readings,
        Refused,
        Situation,
        Trip,
        Verdict,
        Watch,
    )

LEVEL_STEP = 1.0
"""Percent that a pump without a flow meter must move the level by."""
PROGRESS_S = 60.0
"""Seconds that it has for that."""


class Happened(Enum):
    """Why a run came to its end, or why circulation came back by itself."""

    NOTHING = auto()
    FINISHED = auto()
    TRIPPED = auto()
    CONTACT_LOST = auto()
    RELEASED_MAX_OFF = auto()
    RELEASED_CONTACT = auto()
    RUNS_OVER = auto()
    """A tank at rest is full, or fills by itself."""


@dataclass(slots=True)
class Channel:
    """One pump channel: what it does now, and what has to happen next. Times are seconds."""

    limits: Limits
    protected: bool = True
    """A plain node ends a run in time and knows no more."""

    running: bool = False
    lock: Refused | None = None
    trip: Refused | None = None
    """What ended the last run, where it was a fault."""
    started: float = 0.0
    stopped: float = 0.0
    updating: bool = False
    stuck: bool = False
    """Seen to run although it was switched off, beside whatever lock there is; until a reset."""
    _ends_at: float = 0.0
    _planned: bool = False
    _water_change: bool = False
    _off_until: float = 0.0
    _watch: Watch = field(default_factory=lambda: safety.Watch(since=0.0))
    _still_water: StillWater = field(default_factory=still_water.StillWater)
    _quiet_since: float = 0.0
    _idle: Dwell = field(default_factory=safety.Dwell)
    _progress: tuple[float, float | None, int] = (0.0, None, 0)
    _failed_at: deque[float] = field(default_factory=lambda: deque(maxlen=3))

    @property
    def held_off(self) -> bool:
        """Return whether it is off because it was told so: neither at rest nor locked."""
        return self.limits.circulates and not self.running and self.lock is None

    def begin(self, now: float) -> None:
        """Power up with the lock that flash has kept: circulation runs from here on, others stand still (S9)."""
        self._failed_at.clear()
        self._water_change = False
        self.stuck = self.lock is not None and self.lock.reason is safety.Reason.PUMP_STUCK_ON
        self.running = self.limits.circulates and safety.may_release(self.lock) == safety.ALLOWED
        self.started = self.stopped = self._quiet_since = now
        self._still_water = still_water.StillWater()
        self._off_until = safety.off_until(self.limits, now)
        self._watch = safety.Watch(since=now)

    # Orders

    def start(
        self, now: float, readings: Readings, around: Situation, *, bound: float | None, duration: float | None
    ) -> Verdict:
        """Run when the gate allows it: `bound` ends the run as a failure, `duration` as planned."""
        longest = max((limit for limit in (bound, duration) if limit is not None), default=None)
        situation = replace(around, lock=self.lock, updating=self.updating)
        if self.protected:
            verdict = safety.may_start(self.limits, readings, situation, now, longest)
            if verdict == safety.ALLOWED and not self.running:
                verdict = still_water.may_fill(self._still_water)
            if verdict != safety.ALLOWED:
                return verdict
        elif longest is None and not self.limits.circulates:
            return safety.Refused(safety.Reason.MAX_RUN_MISSING)
        if not self.running:
            self._set(now, on=True)
            self._mark_level(now, readings)
        if not self.limits.circulates:
            self._bound(now, bound, duration)
        return safety.ALLOWED

    def _bound(self, now: float, bound: float | None, duration: float | None) -> None:
        """Move the end of the run, but never past what the channel allows (S4)."""
        planned = duration is not None and (bound is None or duration <= bound)
        wanted = (duration if planned else bound) or 0.0
        self._ends_at = safety.run_until(self.limits, self.started, now, wanted)
        self._planned = planned and self._ends_at >= now + wanted

    def stop(self, now: float, off_s: float | None = None, *, water_change: bool = False) -> None:
        """Stop, whatever is the case (S1); circulation comes back by itself, counted from when it went off (S5)."""
        since = self.stopped if not self.running else now
        self._water_change = water_change and self.limits.circulates
        self._off_until = safety.off_until(self.limits, since, off_s, water_change=water_change)
        self._set(now, on=False)

    def reset(self, now: float, readings: Readings) -> Verdict:
        """Take the lock away when its cause is gone (S3)."""
        # While it runs by right, what flows is no proof that it cannot be switched off.
        unopened = safety.Refused(safety.Reason.PUMP_STUCK_ON, safety.Cause.MEASURED) if self.stuck else None
        for lock in (self.lock, unopened):
            if lock is None:
                continue
            verdict = safety.may_reset(lock, self.limits, readings, now, by_right=self.running)
            if verdict != safety.ALLOWED:
                return verdict
        self.lock, self.stuck = None, False
        self._failed_at.clear()
        if self.limits.circulates and not self._water_change:
            self._release(now)
        return safety.ALLOWED

    def stirred(self, now: float) -> None:
        """Learn that a pump of the same tank was switched: its water takes a while to come to rest."""
        self._quiet_since = now

    @property
    def trouble(self) -> Refused | None:
        """Return what is wrong with the tank at rest."""
        return self._still_water.trouble

    def to_fail_safe(self, now: float) -> None:
        """Let go of the relay."""
        self._water_change = False
        if self.limits.circulates:
            self._release(now)
        else:
            self._set(now, on=False)

    # Time

    def tick(self, now: float, readings: Readings, lost_at: float | None) -> Happened:
        """Look at the pump; `lost_at` is since when nobody is heard, None while somebody is."""
        lost = lost_at is not None and now - lost_at >= self.limits.contact_timeout_s
        if self.running:
            return self._watch_run(now, readings, lost=lost)
        return self._watch_rest(now, readings, lost=lost)

    def _watch_run(self, now: float, readings: Readings, *, lost: bool) -> Happened:
        if lost and not self.limits.circulates:
            self._set(now, on=False)
            return Happened.CONTACT_LOST
        if self.protected and (trip := self._trip(now, readings)) is not None:
            return self._fail(now, trip.verdict, locks=trip.locks)
        if self.limits.circulates or now < self._ends_at:
            return Happened.NOTHING
        if self._planned or not self.protected:
            self._set(now, on=False)
            return Happened.FINISHED
        ran, bound = now - self.started, self._ends_at - self.started
        over = safety.Refused(safety.Reason.MAX_RUN, safety.Cause.MEASURED, ran, bound)
        return self._fail(now, over, locks=False)

    def _trip(self, now: float, readings: Readings) -> Trip | None:
        self._watch, trip = safety.watch_run(self._watch, self.limits, readings, now, self.lock)
        if trip is not None:
            return trip
        if (still := self._still(now, readings)) is not None:
            return safety.Trip(still, locks=True)
        if (idle := self._draws_nothing(now, readings)) is not None:
            return safety.Trip(idle, locks=False)
        return None

    def _draws_nothing(self, now: float, readings: Readings) -> Refused | None:
        """Return what is wrong when a pump draws nothing: it is unplugged, or nothing would see an overcurrent."""
        limits, reading = self.limits, readings.current_ma
        if limits.circulates or now - self.started < limits.start_grace_s:
            return None
        drawn = safety.known_current(limits, readings, now)
        count = reading.count if reading is not None else 0
        idle = drawn is not None and drawn <= limits.idle_current_ma
        self._idle = self._idle.follow(now, count, holds=idle)
        if not idle or not self._idle.over(now, count, limits.stale_grace_s):
            return None
        return safety.Refused(safety.Reason.OVERCURRENT, safety.Cause.UNKNOWN, drawn, limits.idle_current_ma)

    def _still(self, now: float, readings: Readings) -> Refused | None:
        """Return what is wrong when a pump without a flow meter does not move the level."""
        at, before, count = self._progress
        if readings.flow is not None or readings.level is None or self.limits.circulates or now - at < PROGRESS_S:
            return None
        level = safety.known_level(self.limits, readings, now)
        counted = readings.level.count - count >= 2  # noqa: PLR2004 (a trip needs more than one reading, S7)
        self._mark_level(now, readings)
        if not counted or level is None or before is None:
            return None
        moved = before - level if self.limits.draws else level - before
        if moved >= LEVEL_STEP:
            return None
        return safety.Refused(safety.Reason.NO_FLOW, safety.Cause.MEASURED, moved, LEVEL_STEP)

    def _mark_level(self, now: float, readings: Readings) -> None:
        level: Reading | None = readings.level
        known = safety.known_level(self.limits, readings, now)
        self._progress = (now, known, level.count if level is not None else 0)

    def _watch_rest(self, now: float, readings: Readings, *, lost: bool) -> Happened:
        if self.protected and not self.stuck:
            self._watch, trip = safety.watch_rest(self._watch, self.limits, readings, now)
            if trip is not None:
                self.trip, self.stuck = trip.verdict, True
                # A lock that holds circulation off must not be replaced by one that does not.
                if not (self.limits.circulates and safety.holds_circulation(self.lock)):
                    self.lock = trip.verdict
                return Happened.TRIPPED
        if not self.limits.circulates:
            return self._look_at_tank(now, readings)
        if lost and not self._water_change and self._release(now):
            return Happened.RELEASED_CONTACT
        if now >= self._off_until and self._release(now):
            return Happened.RELEASED_MAX_OFF
        return Happened.NOTHING

    def _look_at_tank(self, now: float, readings: Readings) -> Happened:
        if not self.protected or self.limits.role is not safety.Role.FILL:
            return Happened.NOTHING
        before = self.trouble
        self._still_water = still_water.watch_still_water(
            self._still_water, self.limits, readings, now, self._quiet_since
        )
        # Its own overflow has been told already.
        told = before is not None or (self.lock is not None and self.lock.reason is safety.Reason.OVERFLOW)
        return Happened.NOTHING if told or self.trouble is None else Happened.RUNS_OVER

    # Changes

    def _set(self, now: float, *, on: bool) -> None:
        if on == self.running:
            return
        self.running, self._quiet_since = on, now
        if on:
            self.started, self._water_change = now, False
        else:
            self.stopped = now
        self._watch, self._idle = safety.Watch(since=now), safety.Dwell()

    def _release(self, now: float) -> bool:
        if self.running or safety.may_release(self.lock) != safety.ALLOWED:
            return False
        self._set(now, on=True)
        return True

    def _fail(self, now: float, why: Refused, *, locks: bool) -> Happened:
        self.trip = why
        self._set(now, on=False)
        self._off_until = safety.off_until(self.limits, now)
        if locks:
            self.lock = why
            return Happened.TRIPPED
        self._failed_at.append(now)
        self.lock = safety.lock_after(self.limits, self._failed_at, why.reason, now) or self.lock
        return Happened.TRIPPED
