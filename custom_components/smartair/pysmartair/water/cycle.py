"""The water cycle of a zone: what comes after what. `step` answers an event with the new memory and its effects.

Nothing continues after a failed step, and nothing that was interrupted goes on by itself: a person resumes or aborts.
"""

from dataclasses import replace
from typing import assert_never

from ..safety import Role
from .change import (
    ENDS,
    Outcome,
    enter,
    fail,
    fill_rate,
    insist,
    pump,
    stabilize,
    stop_again,
    stop_water,
    stopped,
)
from .model import (
    Abort,
    Automatic,
    Begin,
    Cause,
    Change,
    Circulate,
    Circulation,
    Clock,
    Denied,
    Drain,
    Event,
    Failed,
    Fill,
    Happened,
    Happening,
    Hindrance,
    Interrupt,
    Memory,
    NormalRecirc,
    Recorded,
    Refusal,
    Renew,
    Rest,
    Resume,
    Rules,
    RunEnded,
    RunFailed,
    Sight,
    Stabilize,
    Start,
    Step,
    StopCirculation,
    Tick,
    Why,
)
from .schedule import Moment, interval_due, next_due, too_old, turns
from .solution import DRIFT_DWELL_S, drift

# A clock that leaps by more than this was set; below it, it was only late.
JUMP_S = 60.0
# After a start, or a leap of the clock, nothing planned begins until the clock has been right for this long.
SETTLE_S = 900.0
# A planned change that was refused is tried again after this.
RETRY_S = 600.0
# What was due when a change was given up is due still; it waits for the same time of the next day.
HOLD_AFTER_ABORT_S = 23 * 3600.0

_NEEDS = {
    Step.DRAIN: {Role.DRAIN, Role.FILL, Role.RECIRCULATION},
    Step.FILL: {Role.FILL, Role.RECIRCULATION},
    Step.STABILIZE: {Role.RECIRCULATION},
}


def step(  # noqa: C901, PLR0911 - one line for each event
    rules: Rules, memory: Memory, event: Event, now: Moment
) -> Outcome:
    """Return what an event makes of a zone, and what is to be done about it, in this order."""
    memory = _keep_time(memory, now)
    match event:
        case Tick(sight):
            return _tick(rules, _see_circulation(memory, sight, now), sight, now)
        case Begin():
            return _begin(memory, now)
        case Start(sight):
            return _start(rules, memory, Why.OWNER, sight, now)
        case Resume(sight):
            return _resume(rules, memory, sight, now)
        case Abort():
            return _abort(memory, now)
        case Interrupt():
            return _interrupt(memory, now)
        case Automatic(on):
            return replace(memory, automatic=on, denied=None, retry_at=None), ()
        case Renew(sight):
            return _renew(memory, sight, now)
        case RunEnded(role, litres, cause):
            return _run_ended(memory, role, litres, cause, now)
        case RunFailed(cause=cause):
            # In NORMAL_RECIRC and FAILED the pump's own alert tells, and circulation is asked for again.
            return fail(memory, cause, now)
        case unreachable:
            assert_never(unreachable)


# --- time ---------------------------------------------------------------------------------------


def _keep_time(memory: Memory, now: Moment) -> Memory:
    """Notice that the clock was set: what lasts keeps its length, and nothing planned begins for a while."""
    clock = memory.clock
    if clock is None:
        return replace(memory, clock=Clock(now.at, now.at, now.elapsed, now.elapsed + SETTLE_S, fresh=True))
    leap = (now.at - clock.at) - (now.elapsed - clock.elapsed)
    if abs(leap) <= JUMP_S:
        fresh = clock.fresh and now.elapsed < clock.settled_at
        memory = replace(memory, clock=replace(clock, at=now.at, elapsed=now.elapsed, fresh=fresh))
        return memory if fresh else _not_ahead(memory, now)
    return replace(
        memory,
        clock=Clock(clock.since + leap, now.at, now.elapsed, now.elapsed + SETTLE_S, fresh=clock.fresh),
        solution_started_at=_moved(memory.solution_started_at, clock, leap),
        aborted_at=_moved(memory.aborted_at, clock, leap),
    )


def _moved(at: float | None, clock: Clock, leap: float) -> float | None:
    """Move a time with the clock that it was read from.

    A computer without a clock of its own is told the time soon after its start: what it believed until then was
    wrong, and what was stored before was right.
    """
    if at is None or (clock.fresh and not clock.since <= at <= clock.at):
        return at
    return at + leap


def _not_ahead(memory: Memory, now: Moment) -> Memory:
    """Let no solution begin in a future that a wrong clock once believed in."""
    started = memory.solution_started_at
    return replace(memory, solution_started_at=now.at) if started is not None and started > now.at else memory


def solution_age(memory: Memory, now: Moment) -> float | None:
    """Return the age of the solution in seconds, never below 0, or None before the zone has begun."""
    started = memory.solution_started_at
    return None if started is None else max(0.0, now.at - started)


def next_change(rules: Rules, memory: Memory, now: Moment) -> float | None:
    """Return the Unix time of the next change that the clock brings, or None."""
    age = solution_age(memory, now)
    if age is None or not memory.automatic or rules.lacks is not None:
        return None
    due = next_due(rules.plan, age, now.second_of_day)
    return None if due is None else now.at + due


# --- beginning and end --------------------------------------------------------------------------


def _begin(memory: Memory, now: Moment) -> Outcome:
    """Have the pumps of a change that failed off, and tell of one that a restart interrupted."""
    if memory.solution_started_at is None:
        memory = replace(memory, solution_started_at=now.at)
    match memory.state:
        case Failed() as failed:
            memory = replace(memory, state=replace(failed, announced=True), stopping=stopped(now))
            told = () if failed.announced else (Happened(Happening.FAILED, failed.facts()),)
            return memory, (*stop_water(), Circulate(), *told)
        case NormalRecirc() | Drain() | Fill() | Stabilize():
            return fail(memory, Cause.INTERRUPTED, now)
        case unreachable:
            assert_never(unreachable)


def _interrupt(memory: Memory, now: Moment) -> Outcome:
    """End before the zone is unloaded: no pump is left to itself, and no rest to whoever comes next."""
    match memory.state:
        case NormalRecirc(rest=Rest()):
            return replace(memory, state=NormalRecirc()), (Circulate(),)
        case NormalRecirc() | Drain() | Fill() | Stabilize() | Failed():
            return fail(memory, Cause.INTERRUPTED, now)
        case unreachable:
            assert_never(unreachable)


# --- what people do -----------------------------------------------------------------------------


def hindrance(rules: Rules, memory: Memory, sight: Sight) -> Hindrance | None:
    """Return what speaks against beginning a change now, or None."""
    match memory.state:
        case NormalRecirc():
            return _against(rules, memory, Step.DRAIN, sight)
        case Failed():
            return Hindrance(Refusal.FAILED)
        case Drain() | Fill() | Stabilize():
            return Hindrance(Refusal.CHANGE_RUNNING)
        case unreachable:
            assert_never(unreachable)


def _against(rules: Rules, memory: Memory, first: Step, sight: Sight) -> Hindrance | None:
    """Return what speaks against a change from this step on: what it needs must be there, known and at rest."""
    if rules.lacks is not None:
        return Hindrance(rules.lacks)
    for one in sight.hindrances:
        if one.role is None or one.role in _NEEDS[first]:
            return one
    for role, on in ((Role.DRAIN, sight.draining), (Role.FILL, sight.filling)):
        if on is not False:
            return Hindrance(Refusal.PUMP_UNKNOWN if on is None else Refusal.PUMP_RUNNING, role)
    if rules.recirculates and sight.recirculating is None:
        return Hindrance(Refusal.PUMP_UNKNOWN, Role.RECIRCULATION)
    if sight.level is None:
        return Hindrance(Refusal.LEVEL_UNKNOWN)
    return _too_slow(rules, memory, sight) if Role.FILL in _NEEDS[first] else None


def _too_slow(rules: Rules, memory: Memory, sight: Sight) -> Hindrance | None:
    """Return that the level comes too seldom for this pump and tank: it would be told of an overflow afterwards."""
    rate = fill_rate(rules, memory)
    if rate is None or sight.level_pace is None:
        return None
    longest = (rules.max_level - rules.target_level) / rate
    if sight.level_pace <= longest:
        return None
    return Hindrance(Refusal.LEVEL_TOO_SLOW, Role.FILL, value=sight.level_pace, limit=longest)


def _start(rules: Rules, memory: Memory, why: Why, sight: Sight, now: Moment) -> Outcome:
    against = hindrance(rules, memory, sight)
    if against is not None:
        return memory, (Denied(why, against),)
    memory = replace(memory, denied=None, retry_at=None, drifting_since=None)
    memory, effects = enter(rules, memory, sight, now, first=Step.DRAIN, change=Change(why, now.at))
    return memory, (Happened(Happening.STARTED, {"why": why}), *effects)


def _resume(rules: Rules, memory: Memory, sight: Sight, now: Moment) -> Outcome:
    failed = memory.state
    if not isinstance(failed, Failed):
        return memory, (Denied(Why.OWNER, Hindrance(Refusal.NOTHING_TO_RESUME)),)
    against = _against(rules, memory, failed.step, sight)
    if against is not None:
        return memory, (Denied(Why.OWNER, against),)
    memory, effects = enter(rules, memory, sight, now, first=failed.step, change=failed.change)
    return memory, (Happened(Happening.RESUMED, {"step": failed.step}), *effects)


def _abort(memory: Memory, now: Moment) -> Outcome:
    """Stop all that moves water, whether or not there is a change: off is never gated (S1)."""
    effects = (*stop_water(), Circulate())
    state = memory.state
    if isinstance(state, NormalRecirc):
        return replace(memory, state=NormalRecirc(), stopping=stopped(now)), effects
    told = Happened(Happening.ABORTED, {"step": state.step, **state.change.facts()})
    memory = replace(memory, state=NormalRecirc(), stopping=stopped(now), aborted_at=now.at)
    return memory, (*effects, told)


def _renew(memory: Memory, sight: Sight, now: Moment) -> Outcome:
    """Take it from the owner that the solution is new; refused while the zone is changing it itself."""
    if isinstance(memory.state, Drain | Fill | Stabilize):
        return memory, (Denied(Why.OWNER, Hindrance(Refusal.CHANGE_RUNNING)),)
    made = Recorded(now.at, sight.ph, sight.ec, sight.temperature)
    memory = replace(memory, solution_started_at=now.at, made=made, drifting_since=None)
    return memory, (Happened(Happening.RENEWED, made.facts()),)


# --- what pumps do ------------------------------------------------------------------------------


def _run_ended(memory: Memory, role: Role, litres: float | None, cause: Cause | None, now: Moment) -> Outcome:
    """Count the water of a run; one that ended before its step did ends the change."""
    state = memory.state
    if isinstance(state, NormalRecirc):
        return memory, ()
    memory = replace(memory, state=replace(state, change=state.change.moved(role, litres)))
    if cause is None:
        return memory, ()
    own = isinstance(state, Drain | Fill) and role is state.role and state.stopping is None
    # A run that is over as the step wanted it fails nothing; a trip does, whichever of the two was heard first.
    tripped = cause not in ENDS and role is not Role.RECIRCULATION
    return fail(memory, cause, now) if own or tripped else (memory, ())


def _see_circulation(memory: Memory, sight: Sight, now: Moment) -> Memory:
    """Follow since when circulation runs or stands; while nobody knows, it counts as standing on, not as running."""
    seen = memory.circulation
    match sight.recirculating:
        case True:
            seen = seen if seen.running_since is not None else Circulation(running_since=now.elapsed)
        case False:
            off = seen.off_since if seen.off_since is not None else now.elapsed
            seen = Circulation(off_since=off, asked_at=seen.asked_at)
        case None:
            seen = replace(seen, running_since=None)
        case unreachable:
            assert_never(unreachable)
    return replace(memory, circulation=seen)


# --- one look -----------------------------------------------------------------------------------


def _tick(rules: Rules, memory: Memory, sight: Sight, now: Moment) -> Outcome:
    state = memory.state
    if any(one.refusal is Refusal.PUMP_STUCK_ON for one in sight.hindrances):
        # It moves water that nobody ordered, whatever it says of itself.
        memory, effects = fail(memory, Cause.PUMP_STUCK_ON, now)
        if effects:
            return memory, effects
    if isinstance(state, Drain | Fill):
        return pump(rules, memory, state, sight, now)
    memory, again = stop_again(memory, sight, now)
    match state:
        case NormalRecirc():
            memory, effects = _normal(rules, memory, sight, now)
        case Stabilize():
            memory, effects = stabilize(rules, memory, state, sight, now)
        case Failed():
            memory, effects = insist(rules, memory, now, rules.max_off_s)
        case unreachable:
            assert_never(unreachable)
    return memory, (*again, *effects)


def _normal(rules: Rules, memory: Memory, sight: Sight, now: Moment) -> Outcome:
    memory = _follow_drift(rules, memory, sight, now)
    why = _due(rules, memory, now)
    denied: tuple[Denied, ...] = ()
    if why is not None:
        against = hindrance(rules, memory, sight)
        if against is None:
            return _start(rules, memory, why, sight, now)
        denied = () if memory.denied == against else (Denied(why, against),)
        memory = replace(memory, denied=against, retry_at=now.elapsed + RETRY_S)
    memory, effects = _take_turns(rules, memory, sight, now)
    return memory, (*denied, *effects)


def _follow_drift(rules: Rules, memory: Memory, sight: Sight, now: Moment) -> Memory:
    limit = rules.plan.ec_drift_percent
    drifted = drift(memory.made.ec if memory.made else None, sight.ec)
    if limit is None or drifted is None or abs(drifted) <= limit:
        return replace(memory, drifting_since=None)
    return memory if memory.drifting_since is not None else replace(memory, drifting_since=now.elapsed)


def _due(rules: Rules, memory: Memory, now: Moment) -> Why | None:
    """Return why a change is due now, or None; what the zone cannot do is never due."""
    age = solution_age(memory, now)
    if age is None or not memory.automatic or rules.lacks is not None or _held(memory, now):
        return None
    if interval_due(rules.plan, age, now.second_of_day):
        return Why.INTERVAL
    if too_old(rules.plan, age):
        return Why.MAX_AGE
    drifting = memory.drifting_since
    return Why.EC_DRIFT if drifting is not None and now.elapsed - drifting >= DRIFT_DWELL_S else None


def _held(memory: Memory, now: Moment) -> bool:
    """Tell whether nothing planned may begin: the clock was set, a try was refused, or a change was given up."""
    if memory.clock is None or now.elapsed < memory.clock.settled_at:
        return True
    if memory.retry_at is not None and now.elapsed < memory.retry_at:
        return True
    return memory.aborted_at is not None and abs(now.at - memory.aborted_at) < HOLD_AFTER_ABORT_S


def _take_turns(rules: Rules, memory: Memory, sight: Sight, now: Moment) -> Outcome:
    """Let circulation run and rest in turn; whoever else switched it off, it does not stay so."""
    state, seen = memory.state, memory.circulation
    turn = turns(rules.windows, now.second_of_day, rules.max_off_s) if memory.automatic else None
    if isinstance(state, NormalRecirc) and state.rest is not None:
        rested = now.elapsed - state.rest.since
        if turn is not None and rested < min(state.rest.off_s, rules.max_off_s):
            return memory, ()
        memory = replace(memory, state=NormalRecirc(), circulation=replace(seen, asked_at=now.elapsed))
        return memory, () if sight.recirculating else (Circulate(),)
    running = seen.running_since
    if turn is None or running is None or now.elapsed - running < turn.on_s:
        return insist(rules, memory, now, rules.max_off_s)
    rest = NormalRecirc(Rest(now.elapsed, turn.off_s))
    memory = replace(memory, state=rest, circulation=Circulation(off_since=now.elapsed))
    return memory, (StopCirculation(turn.off_s, water_change=False),)
