"""The steps of a water change, each with its own end, its own bound and its own protections."""

from dataclasses import replace
from typing import Any, assert_never

from ..safety import Dwell, Role
from .model import (
    Cause,
    Change,
    Circulate,
    Circulation,
    Drain,
    Effect,
    Failed,
    Fill,
    Happened,
    Happening,
    Memory,
    NormalRecirc,
    Recorded,
    Rules,
    Run,
    Sight,
    Stabilize,
    Step,
    Stop,
    StopCirculation,
    Stopping,
)
from .schedule import Moment

# The level must have arrived for this long, and in more than one reading.
ARRIVED_DWELL_S = 2.0
# How long a pump may take to be seen off after a stop.
CONFIRM_S = 15.0
# How long a pump may take to be seen on after its run was ordered, which may take two commands of ten seconds.
START_S = 30.0
# How long a pump that moves water may be out of sight; the device bounds the run meanwhile.
UNSEEN_S = 30.0
# What a level must move by, within rules.progress_s, to count as moving, and what is too much the wrong way.
PROGRESS_PERCENT = 1.0
WRONG_WAY_PERCENT = 5.0
WRONG_WAY_DWELL_S = 3.0
# What is measured over less than this, or of less than this many percent, is no rate yet.
RATE_S = 10.0
RATE_PERCENT = 2.0
# Circulation must be seen again within this after the tank is full.
CIRCULATION_S = 60.0
# What a flow meter may be off by before the water that went in counts as more than the tank can hold.
METER_ERROR = 1.15
# Closer to the brim nothing is filled that only time and rate speak of.
BRIM_PERCENT = 98.0
# How often circulation that does not come back is asked for again.
REMIND_S = 60.0
# How often a pump that is not seen off after a step failed is stopped again.
STOP_AGAIN_S = 10.0

# How a run ends that did what was wanted of it, or was ended by somebody; every other end is a trip.
ENDS = frozenset({Cause.TIMEOUT, Cause.STOPPED, Cause.PUMP_OFF})

type Outcome = tuple[Memory, tuple[Effect, ...]]
type Pumping = Drain | Fill


def stop_water() -> tuple[Stop, Stop]:
    """Return what stops all that moves water into the zone or out of it."""
    return Stop(Role.DRAIN), Stop(Role.FILL)


def stopped(now: Moment) -> Stopping:
    """Return what is remembered of that: a pump counts as stopped when it is seen off."""
    return Stopping((Role.DRAIN, Role.FILL), now.elapsed)


def stop_again(memory: Memory, sight: Sight, now: Moment) -> Outcome:
    """Stop again what was not seen off since; whoever starts a pump after that is left alone."""
    on = {Role.DRAIN: sight.draining, Role.FILL: sight.filling}
    unseen = tuple(role for role in memory.stopping.unseen if on[role] is not False)
    again = bool(unseen) and now.elapsed - memory.stopping.told_at >= STOP_AGAIN_S
    told_at = now.elapsed if again else memory.stopping.told_at
    return replace(memory, stopping=Stopping(unseen, told_at)), tuple(Stop(role) for role in unseen if again)


def fail(memory: Memory, cause: Cause, now: Moment, **values: float | None) -> Outcome:
    """Fail the step that is under way: its pumps stop, and a person is waited for. Without a step, do nothing."""
    state = memory.state
    if isinstance(state, NormalRecirc | Failed):
        return memory, ()
    failed = Failed(state.step, cause, now.at, state.change, values)
    # Circulation is asked for here, and again only when it does not come.
    circulation = replace(memory.circulation, asked_at=now.elapsed)
    effects = (*stop_water(), Circulate(), Happened(Happening.FAILED, failed.facts()))
    return replace(memory, state=failed, circulation=circulation, stopping=stopped(now)), effects


def insist(rules: Rules, memory: Memory, now: Moment, allowed_off_s: float) -> Outcome:
    """Ask for circulation that has been off for longer than allowed, now and then until it comes (S5)."""
    seen = memory.circulation
    if not rules.recirculates or seen.off_since is None or now.elapsed - seen.off_since < allowed_off_s:
        return memory, ()
    if seen.asked_at is not None and now.elapsed - seen.asked_at < REMIND_S:
        return memory, ()
    return replace(memory, circulation=replace(seen, asked_at=now.elapsed)), (Circulate(),)


# --- beginning a step ---------------------------------------------------------------------------


def enter(rules: Rules, memory: Memory, sight: Sight, now: Moment, *, first: Step, change: Change) -> Outcome:
    """Begin a step; a pump whose level is there already is not started. What is told and stopped comes first."""
    told = Happened(Happening.STEP, {"step": first})
    match first:
        case Step.DRAIN:
            drain = Drain(now.at, now.elapsed, change, **_outset(sight, now))
            return _begin_drain(rules, memory, drain, told)
        case Step.FILL:
            fill = Fill(now.at, now.elapsed, change, **_outset(sight, now))
            return _begin_fill(rules, memory, fill, told)
        case Step.STABILIZE:
            memory = replace(memory, stopping=stopped(now))
            stabilizing = Stabilize(now.at, now.elapsed, change, seen_at=now.elapsed)
            return replace(memory, state=stabilizing), (told, *stop_water(), Circulate())
        case unreachable:
            assert_never(unreachable)


def _outset(sight: Sight, now: Moment) -> dict[str, Any]:
    return {"level": sight.level, "marked_at": now.elapsed, "seen_at": now.elapsed, "level_at": now.elapsed}


def _begin_drain(rules: Rules, memory: Memory, drain: Drain, told: Happened) -> Outcome:
    effects: tuple[Effect, ...] = (told, Stop(Role.FILL))
    if rules.recirculates:
        effects += (StopCirculation(rules.change_off_s, water_change=True),)
        off_since = memory.circulation.off_since
        # It counts as off from the order on, for nobody may ever see it.
        memory = replace(memory, circulation=Circulation(off_since=drain.began if off_since is None else off_since))
    if _is_there(rules, drain, drain.level):
        return replace(memory, state=replace(drain, stopping=drain.began)), (*effects, Stop(Role.DRAIN))
    return replace(memory, state=drain), (*effects, Run(Role.DRAIN, _timeout(rules, drain)))


def _begin_fill(rules: Rules, memory: Memory, fill: Fill, told: Happened) -> Outcome:
    if _is_there(rules, fill, fill.level):
        return replace(memory, state=replace(fill, stopping=fill.began)), (told, *stop_water())
    told_circulation = _end_exemption(rules, memory, fill.began)
    return replace(memory, state=fill), (
        told,
        Stop(Role.DRAIN),
        *told_circulation,
        Run(Role.FILL, _timeout(rules, fill)),
    )


def _end_exemption(rules: Rules, memory: Memory, now: float) -> tuple[Effect, ...]:
    """Make the stop of circulation a plain one again: only while water goes out it may last longer (S5)."""
    off_since = memory.circulation.off_since
    if not rules.recirculates or off_since is None:
        return ()
    over = now - off_since >= rules.max_off_s
    return (Circulate(),) if over else (StopCirculation(rules.max_off_s, water_change=False),)


def _is_there(rules: Rules, state: Pumping, level: float | None) -> bool:
    arrived = rules.empty_level if isinstance(state, Drain) else rules.target_level
    return level is not None and (level <= arrived if isinstance(state, Drain) else level >= arrived)


def _timeout(rules: Rules, state: Pumping) -> float:
    # While water goes out circulation is off on purpose, and it may not be so for longer than this (S5).
    return min(rules.drain_timeout_s, rules.change_off_s) if isinstance(state, Drain) else rules.fill_timeout_s


# --- moving water -------------------------------------------------------------------------------


def pump(rules: Rules, memory: Memory, state: Pumping, sight: Sight, now: Moment) -> Outcome:
    """Look at a step that moves water: what speaks against it comes before what ends it."""
    if (sight.filling if isinstance(state, Drain) else sight.draining) is True:
        return fail(memory, Cause.INTERLOCK, now)
    if (cause := _tripped(state, sight)) is not None:
        return fail(memory, cause, now, level=sight.level)
    if state.stopping is not None:
        return _stop(rules, memory, state, sight, now)
    state = _look(rules, state, sight, now)
    memory = replace(memory, state=state)
    cause = _fault(rules, memory, state, sight, now)
    if cause is not None:
        return fail(memory, cause, now, **_numbers(rules, memory, state, sight, now))
    full = _full_by_now(rules, memory, state, now)
    if state.arrived.over(now.elapsed, sight.level_count, ARRIVED_DWELL_S) or full:
        return replace(memory, state=replace(state, stopping=now.elapsed)), (Stop(state.role),)
    return insist(rules, memory, now, _allowed_off(rules, state))


def _allowed_off(rules: Rules, state: Pumping) -> float:
    return rules.change_off_s if isinstance(state, Drain) else rules.max_off_s


def _tripped(state: Pumping, sight: Sight) -> Cause | None:
    """Return what locked the pump of the step: its lock may be seen before its run is told to be over."""
    locks = (one.cause for one in sight.hindrances if one.role is state.role and one.cause is not None)
    return next(locks, None)


def fill_rate(rules: Rules, memory: Memory) -> float | None:
    """Return how fast the tank fills at most, as far as that is stated or was learned, in percent a second."""
    state = memory.state
    now = state.rate if isinstance(state, Fill) else None
    return max((one for one in (rules.fill_rate, memory.fill_rate, now) if one), default=None)


def _expected(rules: Rules, memory: Memory, state: Pumping, now: Moment) -> float | None:
    """Return where the level of a fill may be by now, going by its last report and the rate."""
    rate = fill_rate(rules, memory)
    if not isinstance(state, Fill) or rate is None or state.previous is None or state.on_since is None:
        return None
    return state.previous + rate * (now.elapsed - max(state.level_at, state.on_since))


def _full_by_now(rules: Rules, memory: Memory, state: Pumping, now: Moment) -> bool:
    """Tell whether a fill that has arrived cannot wait for another report."""
    expected = _expected(rules, memory, state, now)
    return expected is not None and expected >= rules.max_level and state.arrived.since is not None


def _numbers(rules: Rules, memory: Memory, state: Pumping, sight: Sight, now: Moment) -> dict[str, float | None]:
    """Return what a person is told of a fault."""
    expected = _expected(rules, memory, state, now)
    told = {} if expected is None else {"expected_level": round(expected, 1)}
    return {"level": sight.level, **told}


def _seen(state: Pumping, sight: Sight) -> bool | None:
    return sight.draining if isinstance(state, Drain) else sight.filling


def _look(rules: Rules, state: Pumping, sight: Sight, now: Moment) -> Pumping:
    """Return the step with what this look adds to what is known of level and pump."""
    on = _seen(state, sight)
    if on:
        since = now.elapsed if state.on_since is None else state.on_since
        state = replace(state, seen_on=True, seen_at=now.elapsed, on_since=since)
    if sight.level is None:
        blind = now.elapsed if state.blind_since is None else state.blind_since
        return replace(state, blind_since=blind, arrived=Dwell(), wrong_way=Dwell())
    if sight.level_count != state.count:
        state = _follow_level(state, sight.level, sight.level_count, now)
    wrong = state.mark is not None and _gained(state, state.mark, sight.level) <= -WRONG_WAY_PERCENT
    there = _is_there(rules, state, sight.level)
    return replace(
        state,
        blind_since=None,
        level=sight.level if state.level is None else state.level,
        arrived=state.arrived.follow(now.elapsed, sight.level_count, holds=there),
        wrong_way=state.wrong_way.follow(now.elapsed, sight.level_count, holds=wrong),
    )


def _gained(state: Pumping, before: float, level: float) -> float:
    return before - level if isinstance(state, Drain) else level - before


def _follow_level(state: Pumping, level: float, count: int, now: Moment) -> Pumping:
    """Move the mark to where two readings in succession have come, so that a single wrong one moves nothing."""
    previous = level if state.previous is None else state.previous
    steady = max(previous, level) if isinstance(state, Drain) else min(previous, level)
    state = replace(state, previous=level, count=count, level_at=now.elapsed, rate=_rate(state, level, now))
    if state.mark is None or _gained(state, state.mark, steady) >= PROGRESS_PERCENT:
        return replace(state, mark=steady, marked_at=now.elapsed)
    return state


def _rate(state: Pumping, level: float, now: Moment) -> float | None:
    """Return how fast the level has moved since the pump was seen on, where that can be told."""
    if state.level is None or state.on_since is None or now.elapsed - state.on_since < RATE_S:
        return state.rate
    gained = _gained(state, state.level, level)
    return gained / (now.elapsed - state.on_since) if gained >= RATE_PERCENT else state.rate


def _fault(rules: Rules, memory: Memory, state: Pumping, sight: Sight, now: Moment) -> Cause | None:
    """Return why the step cannot go on, or None."""
    if now.elapsed - state.began >= _timeout(rules, state):
        return Cause.TIMEOUT
    if state.blind_since is not None and now.elapsed - state.blind_since >= rules.stale_grace_s:
        return Cause.LEVEL_UNKNOWN
    wrong = state.wrong_way.over(now.elapsed, sight.level_count, WRONG_WAY_DWELL_S)
    if wrong or now.elapsed - state.marked_at >= rules.progress_s:
        return Cause.LEVEL_NOT_FALLING if isinstance(state, Drain) else Cause.LEVEL_NOT_RISING
    if isinstance(state, Fill) and _too_much(rules, memory, state, sight, now):
        return Cause.TOO_MUCH_WATER
    expected = _expected(rules, memory, state, now)
    if expected is not None and expected >= rules.max_level and state.arrived.since is None:
        return Cause.LEVEL_TOO_SLOW
    return _pump_fault(state, sight, now)


def _too_much(rules: Rules, memory: Memory, state: Fill, sight: Sight, now: Moment) -> bool:
    """Tell whether more went in than the tank can hold, as metered or else by its rate: it runs out somewhere."""
    level = state.level or 0.0
    fits = min((rules.max_level - level) * METER_ERROR, BRIM_PERCENT - level)
    if rules.tank_l is not None and sight.litres is not None:
        return sight.litres > rules.tank_l * fits / 100
    rate = max((one for one in (rules.fill_rate, memory.fill_rate) if one), default=None)
    if rate is None or state.on_since is None:
        return False
    return rate * (now.elapsed - state.on_since) > fits


def _pump_fault(state: Pumping, sight: Sight, now: Moment) -> Cause | None:
    unseen = now.elapsed - state.seen_at
    match _seen(state, sight):
        case True:
            return None
        case False:
            patience = CONFIRM_S if state.seen_on else START_S
            return Cause.PUMP_OFF if unseen >= patience else None
        case None:
            return Cause.CONTACT_LOST if unseen >= UNSEEN_S else None
        case unreachable:
            assert_never(unreachable)


def _stop(rules: Rules, memory: Memory, state: Pumping, sight: Sight, now: Moment) -> Outcome:
    """Go on only when the pump is seen off: drain and fill never run together."""
    if _seen(state, sight) is False and sight.level is not None:
        done = replace(state.change, done=(*state.change.done, state.step))
        if isinstance(state, Fill) and state.rate is not None:
            memory = replace(memory, fill_rate=state.rate)
        following = Step.FILL if isinstance(state, Drain) else Step.STABILIZE
        return enter(rules, memory, sight, now, first=following, change=done)
    if state.stopping is not None and now.elapsed - state.stopping >= CONFIRM_S:
        cause = Cause.STOP_UNCONFIRMED if _seen(state, sight) is not False else Cause.LEVEL_UNKNOWN
        return fail(memory, cause, now)
    return insist(rules, memory, now, _allowed_off(rules, state))


# --- the new solution ---------------------------------------------------------------------------


def stabilize(rules: Rules, memory: Memory, state: Stabilize, sight: Sight, now: Moment) -> Outcome:
    """Wait until the new solution is mixed, then take down what it is."""
    if sight.draining or sight.filling:
        return fail(memory, Cause.INTERLOCK, now)
    if sight.recirculating or not rules.recirculates:
        state = replace(state, seen_at=now.elapsed)
    if now.elapsed - state.seen_at >= CIRCULATION_S:
        return fail(memory, Cause.CIRCULATION_OFF, now)
    if now.elapsed - state.began < rules.stabilize_s:
        return replace(memory, state=state), ()
    change = replace(state.change, done=(*state.change.done, Step.STABILIZE))
    made = Recorded(now.at, sight.ph, sight.ec, sight.temperature, change.drained_l, change.filled_l)
    told = Happened(Happening.COMPLETED, {"why": change.why, **made.facts()})
    memory = replace(memory, state=NormalRecirc(), solution_started_at=now.at, made=made, aborted_at=None)
    return memory, (told,)
