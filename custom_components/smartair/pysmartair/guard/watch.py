"""What a pump's guard sees when it looks at the pump, on every event and as time passes."""

from dataclasses import replace

from ..safety import (
    RIGHT_WAY,
    Allowed,
    Cause,
    Reading,
    Readings,
    Reason,
    Refused,
    Role,
    Watch,
    holds_circulation,
    may_release,
    off_until,
    reservoir,
    run_until,
    watch_rest,
    watch_run,
)
from .model import (
    CONFIRM_S,
    OVERRUN_S,
    RENEW_S,
    STUCK_TRIES,
    Alarm,
    Climb,
    Fail,
    Kind,
    Resting,
    Running,
    Starting,
    Stopping,
    Unknown,
)
from .still_water import watch_still_water
from .transition import REFUSED, RELEASED, Turn


def look(turn: Turn) -> None:
    """Look at the pump once."""
    _listen(turn)
    match turn.state:
        case Unknown():
            pass
        case Resting() as resting:
            _look_at_rest(turn, resting)
        case Starting() as starting:
            _look_at_start(turn, starting)
        case Running() as running:
            _look_at_run(turn, running)
        case Stopping() as stopping:  # pragma: no branch - the union is closed
            _look_at_stop(turn, stopping)
    _see_again(turn)
    _look_at_water(turn)
    _release(turn)
    closing = turn.guard.closing
    if closing is not None and turn.now >= closing.deadline:
        turn.account(None)


def _listen(turn: Turn) -> None:
    """Notice that nothing is heard of the pump any more (S6)."""
    guard, now = turn.guard, turn.now
    silent = guard.ends_itself and now - guard.heard_at > guard.limits.stale_after_s
    gone = not guard.contact and now - guard.contact_at >= guard.limits.stale_grace_s
    if not silent and not gone:
        return
    match guard.state:
        case Unknown():
            return
        case Resting(told=told):
            stopped = told
        case Starting() as starting:
            stopped = not turn.circulates
            if stopped:
                turn.stop("contact_lost")
            else:
                turn.do(Fail(starting.order.run_id, "contact_lost"))
        case Running() as run:
            # Circulation that nothing is heard of may well run: it must.
            stopped = not turn.circulates
            if stopped:
                turn.stop("contact_lost")
            turn.close(run, "contact_lost")
        case Stopping() as stopping:  # pragma: no branch - the union is closed
            stopped = True
            turn.close(stopping.run, stopping.by)
    turn.state = Unknown(since=now, stopped=stopped, lost=True)


def _look_at_start(turn: Turn, state: Starting) -> None:
    if turn.now - state.asked_at < CONFIRM_S:
        return
    turn.unconfirmed("no_answer")
    if turn.circulates:
        turn.do(Fail(state.order.run_id, "no_answer"))
        turn.state = state.last
        return
    # The command may still arrive; the stop arrives after it.
    turn.stop("no_answer")
    last = state.last
    turn.state = replace(last, told=True) if isinstance(last, Resting) else replace(last, stopped=True)


def _look_at_run(turn: Turn, state: Running) -> None:
    guard, now = turn.guard, turn.now
    if guard.lock is not None and (not turn.circulates or holds_circulation(guard.lock)):
        turn.stop(guard.lock.reason)
        return
    if state.order is None and isinstance(verdict := turn.may_go_on(), Refused):
        turn.do(Alarm(Kind.NOTE, REFUSED, verdict))
        turn.stop(verdict.reason)
        return
    # What was stopped for an unknown level and runs all the same is not stopped for it again.
    lock = guard.lock or (Refused(Reason.DRY_RUN, Cause.UNKNOWN) if guard.blind else None)
    watch, trip = watch_run(state.watch, guard.limits, guard.readings, now, lock)
    state = replace(state, watch=watch)
    turn.state = state
    if trip is not None:
        turn.trip(state, trip.verdict, locks=trip.locks)
        return
    if not guard.ends_itself and not state.seen and now - state.since >= CONFIRM_S:
        # A switch of which nothing was seen since does not do what it accepted.
        _not_seen(turn, state)
        return
    if state.until is None:
        _keep_circulating(turn, state)
        return
    wanted = state.order.litres if state.order else None
    if wanted is not None and state.litres is not None and state.litres >= wanted:
        turn.stop("finished")
    elif now >= state.until + (OVERRUN_S if guard.ends_itself and state.order else 0):
        _bound(turn, state)
    elif state.renew_at is not None and now >= state.renew_at:
        _renew(turn, state, state.until)


def _not_seen(turn: Turn, state: Running) -> None:
    turn.unconfirmed("start")
    if not turn.circulates:
        turn.stop("unconfirmed")
        return
    # Nobody stops circulation: it is asked for again.
    turn.rest(since=turn.guard.off_since)
    turn.close(state if state.order is not None else None, "unconfirmed")


def _keep_circulating(turn: Turn, state: Running) -> None:
    """Ask again for circulation that a device might end by its command (S5); a lock of its own it must not meet."""
    if state.renew_at is None or turn.now < state.renew_at:
        return
    guard = turn.guard
    if not guard.contact or guard.lock is not None:
        turn.state = replace(state, renew_at=turn.now + RENEW_S)
        return
    lease = turn.send_run(guard.limits.max_run_s, planned=False)
    turn.state = replace(
        state,
        first_lease=state.first_lease or lease,
        lease=lease,
        renew_at=turn.renewal(None),
        ends_at=turn.circulation_ends(),
    )


def _bound(turn: Turn, state: Running) -> None:
    """End a run that has come to its bound."""
    if state.order is not None and state.order.planned:
        turn.stop("finished")
        return
    bound = state.order.bound_s if state.order is not None else turn.limits.max_run_s
    turn.trip(state, Refused(Reason.MAX_RUN, Cause.MEASURED, turn.now - state.since, bound), locks=False)


def _renew(turn: Turn, state: Running, until: float) -> None:
    """Renew the lease of a long run, through the gate, and never past its own end (S4)."""
    end = min(until, run_until(turn.limits, state.since, turn.now, until - turn.now))
    if not isinstance(turn.gate(end - turn.now), Allowed):
        # What speaks against it now, the watch judges with its patience; meanwhile the lease runs out.
        turn.state = replace(state, renew_at=turn.now + RENEW_S)
        return
    planned = state.order is not None and state.order.planned
    lease = turn.send_run(end - turn.now, planned=planned)
    turn.state = replace(state, lease=lease, renew_at=turn.renewal(end))


def _look_at_stop(turn: Turn, state: Stopping) -> None:
    _look_for_stuck(turn, state.watch)
    state = replace(state, watch=turn.guard.state.watch) if isinstance(turn.guard.state, Stopping) else state
    now = turn.now
    if pause_is_over(turn, state):
        # It was asked to rest and did not; now it may run, and whether it does its next report tells.
        turn.close(state.run, state.by)
        turn.state = Unknown(since=now, lost=True)
        return
    if now - state.first_at >= CONFIRM_S:
        turn.unconfirmed("stop")
    if now - state.asked_at < CONFIRM_S:
        return
    # Reported on, again and again, in spite of it: nothing is left but to call a person.
    # A switch that shows on all the time does not say so again.
    shown = state.shown_at is not None and state.shown_at > state.asked_at
    heard = shown or (not turn.guard.ends_itself and turn.guard.contact)
    if state.tries >= STUCK_TRIES and heard and not turn.guard.stuck:
        turn.latch_stuck(Refused(Reason.PUMP_STUCK_ON, Cause.UNKNOWN))
    turn.stop(state.by)
    turn.state = replace(state, asked_at=now, tries=state.tries + 1)


def pause_is_over(turn: Turn, state: Stopping) -> bool:
    """Tell whether circulation that was told to stop may run again by now, whether it ever stopped or not."""
    guard = turn.guard
    if not turn.circulates or not isinstance(may_release(guard.lock), Allowed):
        return False
    return turn.now >= off_until(guard.limits, state.first_at, guard.off_asked_s, water_change=guard.water_change)


def _look_at_rest(turn: Turn, state: Resting) -> None:
    _look_for_stuck(turn, state.watch)


def _look_for_stuck(turn: Turn, before: Watch) -> None:
    """See whether something still moves although the pump was switched off."""
    guard, state = turn.guard, turn.guard.state
    assert isinstance(state, (Resting, Stopping))  # noqa: S101 - for the type checker
    watch, trip = watch_rest(before, guard.limits, _later(guard.readings, before.since), turn.now)
    turn.state = replace(state, watch=watch)
    if trip is not None and not guard.stuck:
        turn.latch_stuck(trip.verdict)
        turn.stop(trip.verdict.reason)


def _later(readings: Readings, since: float) -> Readings:
    """Leave out what was measured before: a pump that runs down is not stuck."""

    def later(reading: Reading | None) -> Reading | None:
        return reading if reading is not None and reading.said_at > since else None

    return replace(
        readings,
        flow=later(readings.flow),
        current_ma=later(readings.current_ma),
        power_w=later(readings.power_w),
    )


def _see_again(turn: Turn) -> None:
    """Let circulation run again that was stopped only because nobody knew whether there is water."""
    guard = turn.guard
    if not guard.blind:
        return
    verdict = reservoir(guard.limits, guard.readings, turn.now)
    if turn.circulates and isinstance(verdict, Refused) and verdict.cause is Cause.UNKNOWN:
        return
    comes_back = guard.comes_back and turn.circulates
    if isinstance(guard.state, Stopping | Unknown) and comes_back:
        # It is first learnt what the pump does (S9).
        return
    turn.seen_again()
    if comes_back and isinstance(guard.state, Resting) and isinstance(turn.gate(turn.limits.max_run_s), Allowed):
        turn.send_run(turn.limits.max_run_s, planned=False)


def _look_at_water(turn: Turn) -> None:
    """See whether a tank that no pump fills is full, or fills all the same."""
    guard = turn.guard
    if guard.limits.role is not Role.FILL:
        return
    match guard.state:
        case Resting():
            water = watch_still_water(guard.water, guard.limits, guard.readings, turn.now, guard.quiet_since)
            turn.notice_water(water)
        case Running() | Starting() | Stopping():
            turn.guard = replace(turn.guard, quiet_since=turn.now)
        case Unknown():  # pragma: no branch - the union is closed
            pass


RATE_PERCENT, RATE_S, RATE_LEAST_PERCENT = 20.0, 60.0, 5.0
"""How far a level must have moved for its rate to be told from its noise, and how far in a minute."""


def measure_rate(turn: Turn, level: float) -> None:
    """Learn how fast a pump moves the level: by the slower of two readings, for one alone may be a glitch (S7)."""
    state, now = turn.guard.state, turn.now
    way = RIGHT_WAY.get(turn.limits.role)
    if not isinstance(state, Running) or way is None:
        return
    if state.climb is None:
        turn.state = replace(state, climb=Climb(now, level))
        return
    passed, moved = now - state.climb.at, way * (level - state.climb.level)
    rate = moved / passed if passed > 0 else 0.0
    far = moved >= RATE_PERCENT or (passed >= RATE_S and moved >= RATE_LEAST_PERCENT)
    known = min(rate, state.climb.rate)
    turn.state = replace(state, climb=replace(state.climb, rate=rate))
    if far and known > 0:
        turn.guard = replace(turn.guard, readings=replace(turn.guard.readings, rate=known))


def _release(turn: Turn) -> None:
    """Let circulation run again when its longest pause is over, whoever should have done it (S5)."""
    guard, now = turn.guard, turn.now
    # After a restart it is first learnt what the pump does (S9).
    learnt = isinstance(guard.state, Resting) or (isinstance(guard.state, Unknown) and guard.state.lost)
    if guard.off_since is None or not learnt:
        return
    due = off_until(guard.limits, guard.off_since, guard.off_asked_s, water_change=guard.water_change)
    # The device has the first word where it keeps the rule by itself.
    due += OVERRUN_S if guard.protected else 0
    if now < due or not guard.contact or not isinstance(may_release(guard.lock), Allowed):
        return
    if guard.released_at is None:
        turn.do(Alarm(Kind.NOTE, RELEASED, cause="max_off"))
    elif now - guard.released_at < CONFIRM_S:
        return
    else:
        turn.unconfirmed("release")
    turn.send_run(guard.limits.max_run_s, planned=False)
    turn.guard = replace(turn.guard, released_at=now)
