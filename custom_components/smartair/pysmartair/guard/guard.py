"""The guard of one pump: data in, data out. It never sends, waits or reads a clock.

Every path that energises a pump ends here (safety contract, S2), and what it decides comes out as effects.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import inf, isfinite

from ..protocol.fields import number
from ..safety import (
    Allowed,
    Cause,
    Limits,
    Reading,
    Reason,
    Refused,
    Watch,
    may_release,
    run_until,
)
from .answers import (
    EARLY_S,
    answered,
    came_to_its_bound,
    device_reset,
    goes_on,
    reset,
    reset_answered,
    stopped,
    tripped,
)
from .model import (
    Accept,
    Alarm,
    Around,
    Configured,
    Contacted,
    DeviceReset,
    Disturbed,
    Earlier,
    Effect,
    Ended,
    Event,
    Fail,
    Fitted,
    Guard,
    Kind,
    Leaving,
    Memory,
    NotSent,
    Order,
    Refuse,
    Reported,
    ResetAnswered,
    ResetAsked,
    Resting,
    RunAnswered,
    RunAsked,
    Running,
    Sense,
    Sensed,
    Starting,
    StopAnswered,
    StopAsked,
    Stopping,
    Tick,
    Touched,
    Tripped,
    Unknown,
    reading_of,
    with_reading,
)
from .still_water import StillWater
from .transition import LOCKS, REFUSED, Turn
from .watch import look, measure_rate, pause_is_over


def begin(limits: Limits, memory: Memory, now: float, *, protected: bool = False, ends_itself: bool = True) -> Guard:
    """Return a guard that has yet to learn what its pump does; its lock is what it was (S3, S9)."""
    earlier = None
    if memory.run_id is not None and memory.run_since is not None:
        earlier = Earlier(memory.run_id, min(memory.run_since, now))
    return Guard(
        limits=limits,
        state=Unknown(since=now),
        protected=protected,
        ends_itself=ends_itself,
        contact_at=now,
        heard_at=now,
        own_lock=memory.lock,
        their_lock=memory.device_lock,
        own_stuck=memory.stuck,
        their_stuck=memory.device_stuck,
        water=StillWater(trouble=memory.water),
        quiet_since=now,
        blind=memory.blind,
        comes_back=memory.blind,
        failures=tuple(min(at, now) for at in memory.failures),
        off_since=None if memory.off_since is None else min(memory.off_since, now),
        earlier=earlier,
        kept=memory,
    )


def lock_of(code: str) -> Reason:
    """Return the reason for a lock that a device reports; a code that nobody knows is a lock all the same."""
    return Reason(code) if code in LOCKS else Reason.DEVICE_LOCK


def refusal_of(code: str | None, details: Mapping[str, object], *, locked: bool = False) -> Refused | None:
    """Return what a device's code and its details say; None where the code is no reason of the contract.

    With `locked` a code that is no lock of the contract is a lock all the same.
    """
    if code is None or code not in (LOCKS if locked else _REASONS):
        return Refused(Reason.DEVICE_LOCK) if locked else None
    cause = details.get("cause")
    return Refused(
        Reason(code),
        Cause(cause) if isinstance(cause, str) and cause in _CAUSES else Cause.NONE,
        _first(details, "value", "level", "current_ma", "flow_l_min"),
        _first(details, "limit", "threshold", "threshold_ma"),
    )


def _first(details: Mapping[str, object], *names: str) -> float | None:
    found = (number(details.get(name)) for name in names)
    return next((one for one in found if one is not None), None)


_REASONS = frozenset(Reason)
_CAUSES = frozenset(Cause)


def step(guard: Guard, event: Event, now: float) -> tuple[Guard, tuple[Effect, ...]]:
    """Return the guard after an event, and what is to be done, in this order."""
    turn = Turn(guard, now)
    turn.pour()
    _take(turn, event)
    look(turn)
    turn.settle()
    return turn.guard, tuple(turn.effects)


def _take(turn: Turn, event: Event) -> None:  # noqa: C901, PLR0912 - one for each kind of event
    match event:
        case Tick():
            pass
        case Sensed():
            _sense(turn, event)
        case Touched(float_switch=float_switch, leak=leak):
            turn.guard = replace(
                turn.guard, readings=replace(turn.guard.readings, float_switch=float_switch, leak=leak)
            )
        case Reported():
            _report(turn, event)
        case Configured():
            _configure(turn, event)
        case Fitted():
            _fit(turn, event)
        case Around():
            turn.guard = replace(
                turn.guard,
                interlocked=event.interlocked,
                opposed=event.opposed,
                zone_stuck=event.zone_stuck,
                zone_locked=event.zone_locked,
                updating=event.updating,
            )
        case Disturbed():
            turn.guard = replace(turn.guard, quiet_since=turn.now)
        case Contacted(contact):
            if contact != turn.guard.contact:
                turn.guard = replace(turn.guard, contact=contact, contact_at=turn.now)
                if contact:
                    _await(turn)
                    _stop_again(turn)
        case RunAsked():
            _ask(turn, event)
        case StopAsked():
            _stop(turn, event)
        case ResetAsked():
            reset(turn)
        case RunAnswered():
            answered(turn, event)
        case StopAnswered():
            stopped(turn)
        case ResetAnswered():
            reset_answered(turn, event)
        case NotSent(lease):
            _not_sent(turn, lease)
        case Tripped():
            tripped(turn, event)
        case DeviceReset(code):
            device_reset(turn, code)
        case Leaving():  # pragma: no branch - the union is closed
            _leave(turn)


def _configure(turn: Turn, event: Configured) -> None:
    """Take over limits, which hold for a run that goes on as well, and for what a channel has become (S4)."""
    limits, state = event.limits, turn.guard.state
    turn.guard = replace(turn.guard, limits=limits, protected=event.protected)
    if not isinstance(state, Running):
        return
    if limits.circulates:
        turn.state = replace(state, until=None, renew_at=turn.renewal(None))
        return
    turn.guard = replace(turn.guard, off_since=None, off_asked_s=None, water_change=False)
    latest = state.since + limits.max_run_s
    until = latest if state.until is None else min(state.until, latest)
    turn.state = replace(state, until=until, renew_at=state.renew_at if state.order else None)


def _stop_again(turn: Turn) -> None:
    """Send the stop that may have been lost while nobody was there; circulation that is unknown must run (S5)."""
    match turn.state:
        case Stopping() as stopping:
            turn.stop(stopping.by)
            turn.state = replace(stopping, asked_at=turn.now)
        case Unknown(stopped=True) if not turn.circulates:
            turn.stop("stopped")
        case _:
            pass


# --- what is measured and reported --------------------------------------------------------------------


def _fit(turn: Turn, event: Fitted) -> None:
    readings = turn.guard.readings

    def fitted(sense: Sense, reading: Reading | None) -> Reading | None:
        if sense not in event.senses:
            return None
        return replace(reading or Reading(since=turn.now), live=sense in event.live)

    for sense in Sense:
        readings = with_reading(readings, sense, fitted(sense, reading_of(readings, sense)))
    turn.guard = replace(turn.guard, readings=readings)


def _sense(turn: Turn, event: Sensed) -> None:
    before = reading_of(turn.guard.readings, event.sense)
    if before is None:
        return
    if not event.again or before.count == 0:
        reading = before.heard(event.value, turn.now)
    else:
        # What is only said again is as old as it was, unless its source is known to live.
        reading = replace(before, value=event.value, at=turn.now if event.alive else before.at)
    if event.alive:
        # A source that speaks only of changes is silent for hours at rest, and that is not its pace; and it has had
        # its term where it was judged.
        reading = replace(reading, gaps=() if event.pace is None else (event.pace,), since=-inf)
    turn.guard = replace(turn.guard, readings=with_reading(turn.guard.readings, event.sense, reading))
    if event.sense is Sense.LEVEL and not event.again and event.value is not None:
        measure_rate(turn, event.value)


def _await(turn: Turn) -> None:
    """Give each source its term for the first word after a start of its device (S6)."""
    readings = turn.guard.readings
    for sense in Sense:
        if (reading := reading_of(readings, sense)) is not None:
            readings = with_reading(readings, sense, replace(reading, since=turn.now))
    turn.guard = replace(turn.guard, readings=readings)


def _report(turn: Turn, event: Reported) -> None:
    _report_lock(turn, event.lock)
    if event.on is None:
        return
    turn.guard = replace(turn.guard, heard_at=turn.now)
    if event.on:
        _reported_on(turn, event.run_id)
    else:
        _reported_off(turn)


def _report_lock(turn: Turn, lock: str | None) -> None:
    guard = turn.guard
    if lock is None:
        turn.guard = replace(turn.guard, device_lock=None, device_was=guard.device_lock or guard.device_was)
        if guard.reset_said:
            turn.unlock_device()
        return
    turn.guard = replace(turn.guard, device_lock=lock, reset_said=False)
    reason = lock_of(lock)
    turn.latch(Refused(reason), lock if reason is Reason.DEVICE_LOCK else None, device=True)
    if reason is Reason.PUMP_STUCK_ON:
        turn.guard = replace(turn.guard, their_stuck=True)


def _reported_on(turn: Turn, run_id: str) -> None:
    match turn.state:
        case Resting(stopping=Stopping() as stopping) if not pause_is_over(turn, stopping):
            _contradict(turn, stopping)
        case Unknown(stopped=True) | Resting(told=True) if not turn.circulates:
            turn.found(run_id)
            turn.stop("stopped")
        case Unknown() | Resting():
            turn.found(run_id)
            turn.confirmed()
        case Starting(order=order, lease=lease):
            turn.began(order, lease, seen=True)
            turn.do(Accept(order.run_id, order.run_id))
        case Running() as run:
            turn.state = replace(run, seen=True)
            turn.confirmed()
        case Stopping() as stopping:  # pragma: no branch - the union is closed
            turn.state = replace(stopping, shown_at=turn.now)


def _contradict(turn: Turn, stopping: Stopping) -> None:
    """Believe the report and not the answer: it runs on, and the term of its stop with it."""
    turn.state = replace(stopping, shown_at=turn.now, contradicted=True)
    # A run command that was late may have come after the stop.
    turn.stop(stopping.by)


def _reported_off(turn: Turn) -> None:
    match turn.state:
        case Unknown():
            _forget_run(turn)
            turn.rest(since=turn.guard.off_since)
            turn.confirmed()
        case Resting() as resting:
            turn.state = replace(resting, told=False, stopping=None)
            if resting.stopping is not None:
                turn.confirmed()
        case Starting() as starting:
            if isinstance(starting.last, Unknown):
                turn.state = replace(starting, last=Resting(watch=Watch(since=turn.now)))
        case Running() as run:
            _ended_by_device(turn, run)
        case Stopping(run=run, by=by):  # pragma: no branch - the union is closed
            turn.close(run, by)
            turn.rest()
            turn.confirmed()


def _forget_run(turn: Turn) -> None:
    """Write down a run from before a restart whose end nobody saw."""
    earlier = turn.guard.earlier
    if earlier is not None:
        turn.do(Ended(run_id=earlier.run_id, since=earlier.since, seconds=None, litres=None, by="interrupted"))
        turn.guard = replace(turn.guard, earlier=None)


def _ended_by_device(turn: Turn, run: Running) -> None:
    """Judge a run that the device ended without having been told to."""
    turn.rest(since=turn.guard.off_since)
    if turn.circulates and not run.seen and run.order is None:
        # The device only answered that it runs; the term of its release goes on.
        return
    if run.ends_at is not None and turn.now >= run.ends_at - EARLY_S:
        goes_on(turn)
    if came_to_its_bound(turn, run):
        turn.close(run, Reason.MAX_RUN)
    elif run.until is not None and turn.now >= run.until - EARLY_S:
        turn.close(run, "finished")
    elif run.seen:
        turn.close(run, "device")
    else:
        turn.unconfirmed("start")
        turn.close(run, "unconfirmed")


# --- orders -------------------------------------------------------------------------------------------


def _ask(turn: Turn, event: RunAsked) -> None:
    order = _order(turn, event)
    verdict = turn.gate(order.bound_s)
    if isinstance(verdict, Allowed) and event.litres is not None and turn.guard.readings.flow is None:
        verdict = Refused(Reason.NO_FLOW, Cause.UNKNOWN)
    if isinstance(verdict, Allowed) and order.bound_s <= 0:
        # Circulation needs no bound, but what is no time is no order either.
        verdict = Refused(Reason.MAX_RUN_MISSING)
    state = turn.guard.state
    if isinstance(verdict, Allowed) and isinstance(state, Stopping) and turn.guard.unconfirmed:
        verdict = Refused(Reason.STATE_UNKNOWN)
    match verdict:
        case Refused() as refused:
            turn.do(Refuse(event.run_id, refused), Alarm(Kind.NOTE, REFUSED, refused))
            unseen = refused.reason is Reason.DRY_RUN and refused.cause is Cause.UNKNOWN
            if turn.circulates and unseen and turn.guard.lock is None:
                turn.blinded(refused)
        case Allowed():  # pragma: no branch - the union is closed
            _order_run(turn, order)


def _order(turn: Turn, event: RunAsked) -> Order:
    longest = turn.limits.max_run_s
    asked = event.seconds if event.seconds is not None else longest
    sound = event.litres is None or (isfinite(event.litres) and event.litres > 0)
    return Order(
        run_id=event.run_id,
        # What is not a time or an amount bounds nothing, and is refused as such.
        bound_s=min(asked, longest) if sound and asked > 0 else 0.0,
        planned=event.seconds is not None and asked <= longest,
        litres=None if turn.circulates else event.litres,
    )


def _order_run(turn: Turn, order: Order) -> None:
    state = turn.guard.state
    # Circulation has no bound: a device that took one at its word would end what must go on (S5).
    bound_s, planned = (turn.limits.max_run_s, False) if turn.circulates else (order.bound_s, order.planned)
    lease = turn.send_run(bound_s, planned=planned)
    match state:
        case Running():
            _reorder(turn, state, order, lease)
        case Starting(order=before) as starting:
            turn.do(Fail(before.run_id, "replaced"))
            # It is asked since the first time: who asks again each second must not put off that nobody answers.
            turn.state = replace(starting, order=order, lease=lease)
        case Resting() | Unknown():
            turn.state = Starting(order=order, asked_at=turn.now, lease=lease, last=state)
        case Stopping(run=run, by=by):  # pragma: no branch - the union is closed
            turn.close(run, by)
            last = Unknown(since=turn.now, stopped=True)
            turn.state = Starting(order=order, asked_at=turn.now, lease=lease, last=last)


def _reorder(turn: Turn, run: Running, order: Order, lease: int) -> None:
    """Give a run that goes on a new end, which is never past what the channel allows."""
    turn.do(Accept(order.run_id, run.run_id))
    until = None if turn.circulates else run_until(turn.limits, run.since, turn.now, order.bound_s)
    planned = order.planned and until == turn.now + order.bound_s
    turn.state = replace(
        run,
        until=until,
        order=replace(order, planned=planned),
        first_lease=run.first_lease or lease,
        lease=lease,
        renew_at=turn.renewal(until),
        ends_at=turn.circulation_ends(),
    )


def _stop(turn: Turn, event: StopAsked) -> None:
    turn.guard = replace(
        turn.guard, off_asked_s=event.off_s, water_change=event.water_change and turn.circulates, comes_back=False
    )
    turn.stop("stopped")


def _not_sent(turn: Turn, lease: int) -> None:
    state = turn.guard.state
    if isinstance(state, Starting) and state.lease == lease:
        turn.do(Fail(state.order.run_id, "not_sent"), Alarm(Kind.NOTE, REFUSED, cause="not_sent"))
        turn.state = state.last


def _leave(turn: Turn) -> None:
    """Leave no pump running that only Home Assistant would have stopped, and no plants without water."""
    state, guard = turn.guard.state, turn.guard
    if turn.circulates:
        idle = isinstance(state, (Resting, Stopping)) and not guard.protected
        if idle and guard.contact and isinstance(may_release(guard.lock), Allowed):
            turn.send_run(guard.limits.max_run_s, planned=False)
    elif isinstance(state, Stopping):
        # What is not known to have been heard is said once more.
        turn.stop(state.by)
        turn.close(state.run, state.by)
        turn.state = Unknown(since=turn.now, stopped=True)
    elif isinstance(state, Starting) or (
        isinstance(state, Running) and (state.order is not None or not guard.ends_itself)
    ):
        turn.stop("stopped")
        turn.close(state if isinstance(state, Running) else None, "stopped")
        turn.state = Unknown(since=turn.now, stopped=True)
    turn.account(None)
