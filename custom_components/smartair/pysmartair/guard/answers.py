"""How the guard of a pump takes its device's answers, the device's own trips, and resets."""

from dataclasses import replace

from ..safety import (
    Allowed,
    Cause,
    Reason,
    Refused,
    Verdict,
    holds_circulation,
    may_reset,
)
from .model import (
    CONFIRM_S,
    Accept,
    Alarm,
    Answer,
    Fail,
    Kind,
    Refuse,
    ResetAnswered,
    ResetRefused,
    Resting,
    RunAnswered,
    Running,
    SendReset,
    Starting,
    Stopping,
    Tripped,
    Unknown,
    WasReset,
)
from .transition import REFUSED, Turn, alarm_code

EXPIRED = "expired"
EARLY_S = 1.0
"""Seconds before its end at which a run that its device ended has run its course: clocks differ."""


def came_to_its_bound(turn: Turn, run: Running) -> bool:
    """Count the run as failed if it went on until its bound, whatever its device calls that."""
    planned = run.order is not None and run.order.planned
    if planned or run.until is None or turn.now < run.until - EARLY_S:
        return False
    bound = run.order.bound_s if run.order is not None else turn.limits.max_run_s
    turn.fail(run.run_id, Refused(Reason.MAX_RUN, Cause.MEASURED, turn.now - run.since, bound))
    return True


def goes_on(turn: Turn) -> None:
    """Have circulation back at once that its device ended although nobody stopped it: running is its rest (S5)."""
    turn.guard = replace(turn.guard, off_asked_s=EARLY_S)


# --- answers ------------------------------------------------------------------------------------------


def answered(turn: Turn, event: RunAnswered) -> None:
    """Take in an answer to a run command, the first one or a later one."""
    turn.skew(expired=event.answer is Answer.ERROR and event.code == EXPIRED)
    state, guard = turn.guard.state, turn.guard
    accounts = event.ended_by is not None or event.seconds is not None
    if guard.closing is not None and event.lease == guard.closing.lease:
        if accounts or event.answer is Answer.ERROR:
            turn.account((event.seconds, event.litres, event.ended_by or event.code))
        return
    match state:
        case Starting(lease=lease) if lease == event.lease:
            _first_answer(turn, event, state, accounts=accounts)
        case Running(first_lease=first, lease=last) if first <= event.lease <= last:
            _later_answer(turn, event, state, accounts=accounts)
        case Stopping(run=Running(lease=last) as run, by=by) if last == event.lease and accounts:
            turn.close(run, by)
            turn.account((event.seconds, event.litres, event.ended_by))
            turn.rest(told=True)
        case Resting() if turn.circulates and event.lease == guard.leases and guard.released_at is not None:
            if event.answer is not Answer.ERROR:
                # An answer is no report: until there is one, its pause goes on, and so does the term of the release.
                turn.found(f"released-{turn.now:.0f}", seen=False)
        case _:
            pass


def _first_answer(turn: Turn, event: RunAnswered, state: Starting, *, accounts: bool) -> None:
    order = state.order
    match event.answer:
        case Answer.ERROR:
            turn.state = state.last
            if event.trip is not None:
                turn.do(Refuse(order.run_id, event.trip), Alarm(Kind.NOTE, REFUSED, event.trip))
            else:
                turn.do(Fail(order.run_id, event.code or "error"), Alarm(Kind.NOTE, REFUSED, cause=event.code))
        case Answer.ACCEPTED | Answer.DONE:  # pragma: no branch - the union is closed
            turn.do(Accept(order.run_id, order.run_id))
            turn.began(order, event.lease, seen=False)
            if accounts and isinstance(turn.guard.state, Running):
                _account(turn, event, turn.guard.state)


def _later_answer(turn: Turn, event: RunAnswered, run: Running, *, accounts: bool) -> None:
    # Of a run that was found, the first order from here began nothing: that it is refused ends nothing.
    began = run.order is not None and run.order.run_id == run.run_id and event.lease == run.first_lease
    match event.answer:
        case Answer.ERROR if event.lease <= run.accepted or (run.seen and began):
            # The answer that ends a run, where its first one accepted it: the device's own protection struck.
            _device_trip(turn, run, event.trip or Refused(Reason.DEVICE_LOCK))
            turn.account((event.seconds, event.litres, event.code))
        case Answer.ERROR:
            again = turn.renewal(None) if turn.circulates else None
            turn.state = replace(run, renew_at=again)
            turn.do(Alarm(Kind.NOTE, REFUSED, event.trip, cause=event.code))
        case Answer.DONE if accounts and event.lease == run.lease:
            _account(turn, event, run)
        case Answer.ACCEPTED | Answer.DONE:  # pragma: no branch - the union is closed
            turn.guard = replace(
                turn.guard, state=replace(run, accepted=max(run.accepted, event.lease)), heard_at=turn.now
            )


def _account(turn: Turn, event: RunAnswered, run: Running) -> None:
    """Take over the device's account of a run that it ended."""
    turn.rest(told=True)
    if turn.circulates:
        goes_on(turn)
    turn.close(run, Reason.MAX_RUN if came_to_its_bound(turn, run) else "device")
    turn.account((event.seconds, event.litres, event.ended_by or "finished"))


def stopped(turn: Turn) -> None:
    """Take in that the device says that it stopped."""
    state = turn.guard.state
    # Of a switch only its state says that it is off: that it was told so is no news of it.
    # What it reports on in spite of such an answer is not off before it reports that.
    if isinstance(state, Stopping) and turn.guard.ends_itself and not state.contradicted:
        turn.close(state.run, state.by)
        turn.rest(told=True)
        turn.guard = replace(turn.guard, heard_at=turn.now)


# --- the device's own protections, and resets -----------------------------------------------------------


def _device_trip(turn: Turn, run: Running, verdict: Refused) -> None:
    turn.fail(run.run_id, verdict)
    turn.rest(told=True)
    turn.close(run, verdict.reason)


def tripped(turn: Turn, event: Tripped) -> None:
    """Take in that a protection of the device has struck."""
    state = turn.guard.state
    if event.locked:
        turn.latch(event.verdict, device=True)
        turn.guard = replace(turn.guard, device_lock=str(event.verdict.reason), reset_said=False)
    if event.verdict.reason is Reason.PUMP_STUCK_ON:
        turn.latch_stuck(event.verdict, device=True)
        return
    match state:
        case Running() as run:
            if not event.locked:
                turn.fail(run.run_id, event.verdict)
            turn.rest(told=True)
            turn.close(run, event.verdict.reason)
        case Starting(order=order):
            turn.do(Fail(order.run_id, event.verdict.reason))
            turn.rest(told=True)
        case Stopping(run=run, by=by):
            turn.close(run, by)
            turn.rest(told=True)
        case Resting() | Unknown():  # pragma: no branch - the union is closed
            pass


def cause_of_lock(turn: Turn) -> Verdict:
    """Return what still speaks against a reset (S3)."""
    guard = turn.guard
    # While circulation runs by right, what flows is no sign that it cannot be switched off.
    by_right = turn.circulates and isinstance(guard.state, Running)
    locks = [lock for lock in (guard.own_lock, guard.their_lock) if lock is not None]
    if guard.stuck and not any(lock.reason is Reason.PUMP_STUCK_ON for lock in locks):
        locks.append(Refused(Reason.PUMP_STUCK_ON))
    for lock in locks:
        match may_reset(lock, guard.limits, guard.readings, turn.now, by_right=by_right):
            case Refused() as refused:
                return refused
            case Allowed():  # pragma: no branch - the union is closed
                pass
    if guard.stuck and not by_right and not (isinstance(guard.state, Resting) and not guard.state.told):
        return Refused(Reason.PUMP_STUCK_ON, Cause.UNKNOWN)
    return Allowed()


def reset(turn: Turn) -> None:
    """Reset the lock, by the rule here and then by the device where that keeps one too (S3)."""
    guard = turn.guard
    locked = guard.lock is not None or guard.device_lock is not None or guard.stuck
    verdict = cause_of_lock(turn)
    if isinstance(verdict, Allowed) and guard.protected and not guard.contact:
        verdict = Refused(Reason.NO_CONTACT)
    match verdict:
        case Refused() as refused:
            _refuse_reset(turn, refused)
        case Allowed():  # pragma: no branch - the union is closed
            if guard.protected:
                turn.guard = replace(turn.guard, resetting=True)
                turn.do(SendReset())
            else:
                if locked:
                    _unlock(turn)
                turn.do(WasReset())


def _refuse_reset(turn: Turn, refused: Refused) -> None:
    lock = turn.guard.lock
    turn.do(ResetRefused(refused))
    if lock is not None:
        turn.do(Alarm(Kind.RAISE, alarm_code(lock.reason), refused, cause="reset_refused"))


def reset_answered(turn: Turn, event: ResetAnswered) -> None:
    """Take in what the device made of a reset."""
    if not turn.guard.resetting:
        return
    turn.guard = replace(turn.guard, resetting=False)
    if event.done:
        _unlock(turn)
        turn.do(WasReset())
    elif event.refused is not None:
        _refuse_reset(turn, event.refused)


def device_reset(turn: Turn, code: str | None) -> None:
    """Take in that the lock was reset at the device itself, which has no lock any more if that is true.

    A copy that comes late must not take away a lock of another kind, nor a new one of the same kind: as long as the
    device's last word is that it is locked, its next report decides.
    """
    guard = turn.guard
    device = {guard.device_lock or guard.device_was} - {None}
    if guard.their_lock is None or not device or code not in {None, str(guard.their_lock.reason)} | device:
        return
    if guard.device_lock is None:
        turn.unlock_device()
    else:
        turn.guard = replace(turn.guard, reset_said=True)


def _unlock(turn: Turn) -> None:
    held = turn.guard.lock is not None and holds_circulation(turn.guard.lock)
    turn.unlock()
    if held and turn.circulates and isinstance(turn.guard.state, Resting) and not turn.guard.protected:
        # Running is its rest: it has been off for its lock alone.
        turn.guard = replace(turn.guard, off_asked_s=CONFIRM_S)
