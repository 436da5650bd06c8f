"""One turn of a pump's guard: what every way of starting, stopping and tripping has in common."""

from dataclasses import replace

from ..safety import (
    Allowed,
    Cause,
    Limits,
    Reason,
    Refused,
    Situation,
    Verdict,
    Watch,
    holds_circulation,
    known_flow,
    lock_after,
    may_go_on,
    may_start,
    run_until,
)
from .model import (
    ACCOUNT_S,
    LEASE_S,
    RENEW_S,
    Alarm,
    Closing,
    Earlier,
    Effect,
    Ended,
    Fail,
    Guard,
    Kind,
    Memory,
    Order,
    Resting,
    Running,
    Save,
    SendRun,
    SendStop,
    Starting,
    State,
    Stopping,
    Unknown,
)
from .still_water import StillWater, may_fill

UNCONFIRMED = "biz_command_unconfirmed"
REFUSED = "biz_run_refused"
RELEASED = "biz_circulation_released"
FROZEN = "biz_sensor_frozen"
SKEWED = "infra_clock_skew"
RESET = "biz_lock_reset"


LOCKS = frozenset(
    {
        Reason.DRY_RUN,
        Reason.NO_FLOW,
        Reason.OVERCURRENT,
        Reason.PUMP_STUCK_ON,
        Reason.OVERFLOW,
        Reason.MAX_RUN,
        Reason.TOO_MANY_FAILURES,
    }
)
"""What locks a pump until somebody resets it, as the safety contract names it; devices may know of more."""


def alarm_code(reason: Reason) -> str:
    """Return the code of the alert that a reason brings; what the contract has no name for is the device's own."""
    return f"biz_{reason if reason in LOCKS else Reason.DEVICE_LOCK}"


class Turn:
    """A guard while it takes in one event, and the effects so far."""

    def __init__(self, guard: Guard, now: float) -> None:
        """Begin with the guard as it was."""
        self.guard = guard
        self.now = now
        self.effects: list[Effect] = []

    @property
    def limits(self) -> Limits:
        """The limits of the pump."""
        return self.guard.limits

    @property
    def circulates(self) -> bool:
        """Whether running is the pump's rest."""
        return self.guard.limits.circulates

    def do(self, *effects: Effect) -> None:
        """Want something done."""
        self.effects += effects

    @property
    def state(self) -> State:
        """What the pump does, as far as it is known."""
        return self.guard.state

    @state.setter
    def state(self, state: State) -> None:
        self.guard = replace(self.guard, state=state)

    # --- locks and failures ---------------------------------------------------------------------

    def latch(self, verdict: Refused, word: str | None = None, *, device: bool = False) -> None:
        """Lock; a lock that holds circulation off is never replaced by one that lets it go (S5).

        `device` is that the lock is the device's own, and `word` what the device calls it, where the safety contract
        has no name for that.
        """
        guard = self.guard
        before = guard.their_lock if device else guard.own_lock
        stronger = before is not None and holds_circulation(verdict) and not holds_circulation(before)
        if before is not None and not stronger:
            return
        codes = self.codes()
        if device:
            self.guard = replace(self.guard, their_lock=verdict)
        else:
            self.guard = replace(self.guard, own_lock=verdict)
        self._resolve(codes - self.codes())
        self.do(Alarm(Kind.RAISE, alarm_code(verdict.reason), verdict, word))
        if verdict.cause is Cause.FROZEN:
            self.do(Alarm(Kind.NOTE, FROZEN, verdict))

    def latch_stuck(self, verdict: Refused, *, device: bool = False) -> None:
        """Remember that the pump cannot be switched off, beside whatever lock there is."""
        if device:
            self.guard = replace(self.guard, their_stuck=True)
        else:
            self.guard = replace(self.guard, own_stuck=True)
        if (self.guard.their_lock if device else self.guard.own_lock) is None:
            self.latch(verdict, device=device)
        else:
            self.do(Alarm(Kind.RAISE, alarm_code(verdict.reason), verdict))

    def codes(self) -> frozenset[str]:
        """Return the alerts that are active as long as this is so."""
        guard = self.guard
        blind = Refused(Reason.DRY_RUN, Cause.UNKNOWN) if guard.blind else None
        held = (guard.own_lock, guard.their_lock, guard.water.trouble, blind)
        reasons = [one.reason for one in held if one is not None]
        return frozenset(alarm_code(one) for one in (*reasons, *([Reason.PUMP_STUCK_ON] if guard.stuck else [])))

    def _resolve(self, codes: frozenset[str]) -> None:
        self.do(*(Alarm(Kind.RESOLVE, code) for code in sorted(codes)))

    def unlock(self) -> None:
        """Take both owners' locks away, and the failures that led to them."""
        codes, lock = self.codes(), self.guard.lock
        self.guard = replace(self.guard, own_lock=None, own_stuck=False, failures=(), failed_run=None)
        self._forget_device_lock()
        self._resolve(codes - self.codes())
        self.do(Alarm(Kind.NOTE, RESET, lock))

    def unlock_device(self) -> None:
        """Take the device's lock away, which was reset there; what Home Assistant locked stays locked (S3)."""
        codes, lock = self.codes(), self.guard.their_lock
        self._forget_device_lock()
        self._resolve(codes - self.codes())
        self.do(Alarm(Kind.NOTE, RESET, lock))

    def _forget_device_lock(self) -> None:
        self.guard = replace(
            self.guard, their_lock=None, their_stuck=False, device_lock=None, device_was=None, reset_said=False
        )

    def notice_water(self, water: StillWater) -> None:
        """Take in what the level says at rest, and tell what is wrong with it once."""
        codes, before = self.codes(), self.guard.water.trouble
        self.guard = replace(self.guard, water=water)
        trouble = water.trouble
        if trouble is not None and (before is None or trouble.cause is not before.cause):
            self.do(Alarm(Kind.RAISE, alarm_code(trouble.reason), trouble))
        self._resolve(codes - self.codes())

    def fail(self, run_id: str, verdict: Refused) -> None:
        """Count a failed run, once; lock if it is one too many."""
        if self.guard.failed_run == run_id:
            return
        window = self.limits.failures_window_s
        failures = (*(at for at in self.guard.failures if self.now - at <= window), self.now)
        self.guard = replace(self.guard, failures=failures[-self.limits.failures :], failed_run=run_id)
        lock = lock_after(self.limits, failures, verdict.reason, self.now)
        if lock is None:
            # What ended it is no lock, and has no name: it is told as any other failed run.
            nameless = verdict.reason not in LOCKS
            self.do(Alarm(Kind.NOTE, REFUSED if nameless else alarm_code(verdict.reason), verdict))
        else:
            self.latch(lock)

    # --- beginning ------------------------------------------------------------------------------

    def gate(self, bound_s: float) -> Verdict:
        """Answer for every path that energises the pump (S2)."""
        guard = self.guard
        situation = Situation(
            lock=guard.lock,
            interlocked=guard.interlocked,
            zone_stuck=guard.zone_stuck or guard.stuck,
            zone_locked=guard.zone_locked,
            updating=guard.updating,
        )
        if guard.lock is None and not guard.contact:
            return Refused(Reason.NO_CONTACT)
        if guard.lock is None and isinstance(guard.state, Unknown):
            return Refused(Reason.STATE_UNKNOWN)
        verdict = may_start(guard.limits, guard.readings, situation, self.now, bound_s)
        return may_fill(guard.water) if isinstance(verdict, Allowed) else verdict

    def may_go_on(self) -> Verdict:
        """Answer for a run that was found, by whomever it was begun (S2)."""
        guard = self.guard
        situation = Situation(
            lock=guard.lock,
            interlocked=guard.opposed,
            zone_stuck=guard.zone_stuck or guard.stuck,
            zone_locked=guard.zone_locked,
        )
        return may_go_on(guard.limits, situation)

    def send_run(self, seconds: float, *, planned: bool) -> int:
        """Send a run command, never longer than a lease where its device ends it by itself (S4)."""
        lease = self.guard.leases + 1
        self.guard = replace(self.guard, leases=lease)
        # A lease that is shorter than the run ends as planned: its end is no fault of the pump.
        short = self.guard.ends_itself and not self.circulates and seconds > LEASE_S
        self.do(SendRun(lease, LEASE_S if short else seconds, planned or short))
        return lease

    def circulation_ends(self) -> float | None:
        """Return when circulation ends at a device that ends each run by its command, as the protocol has it."""
        return self.now + self.limits.max_run_s if self.circulates and self.guard.ends_itself else None

    def renewal(self, until: float | None) -> float | None:
        """Return when the lease must be renewed, or None where one covers the rest of the run.

        Circulation has no end, and is renewed well before a device would end it by its command, also where that was
        sent before a restart (S5).
        """
        if until is None:
            return self.now + self.limits.max_run_s / 4 if self.guard.ends_itself else None
        return self.now + RENEW_S if self.guard.ends_itself and until - self.now > LEASE_S else None

    def began(self, order: Order, lease: int, *, seen: bool) -> None:
        """Go over to running, as ordered."""
        until = None if self.circulates else run_until(self.limits, self.now, self.now, order.bound_s)
        self.guard = replace(
            self.guard,
            heard_at=self.now,
            state=Running(
                run_id=order.run_id,
                watch=Watch(since=self.now),
                until=until,
                order=order,
                first_lease=lease,
                lease=lease,
                accepted=0 if seen else lease,
                renew_at=self.renewal(until),
                seen=seen,
                ends_at=self.circulation_ends(),
            ),
        )
        if seen:
            self.confirmed()

    def found(self, run_id: str, *, seen: bool = True) -> None:
        """Go over to running that nobody ordered: watched and bounded all the same (S9)."""
        earlier = self.guard.earlier or Earlier(run_id, self.now)
        self.guard = replace(
            self.guard,
            earlier=None,
            state=Running(
                run_id=earlier.run_id,
                watch=Watch(since=earlier.since, found=True),
                until=None if self.circulates else earlier.since + self.limits.max_run_s,
                seen=seen,
                renew_at=self.renewal(None) if self.circulates else None,
            ),
        )

    # --- ending ---------------------------------------------------------------------------------

    def stop(self, by: str) -> None:
        """Send a stop, at once, and wait for its effect. Circulation begins its longest pause."""
        state = self.guard.state
        self.do(SendStop(self.guard.off_asked_s, self.guard.water_change))
        match state:
            case Running():
                self._stopping(by, state)
            case Starting():
                self.do(Fail(state.order.run_id, by))
                self._stopping(by, None)
            case Unknown():
                self.state = replace(state, stopped=True)
            case Resting() if self.guard.ends_itself and not self.circulates:
                # Its next report says whether it obeyed; of a switch none comes while nothing changes.
                self.state = replace(state, told=True)
            case Resting() | Stopping():  # pragma: no branch - the union is closed
                pass

    def _stopping(self, by: str, run: Running | None) -> None:
        now = self.now
        self.state = Stopping(watch=Watch(since=now), asked_at=now, first_at=now, by=by, run=run)

    def trip(self, run: Running, verdict: Refused, *, locks: bool) -> None:
        """Stop a run, and lock or count a failure."""
        if self.circulates and verdict.cause is Cause.UNKNOWN:
            # What is not known may be known again: only what was measured locks circulation.
            self.blinded(verdict)
        elif locks:
            self.latch(verdict)
        else:
            self.fail(run.run_id, verdict)
        self.guard = replace(self.guard, off_asked_s=None, water_change=False)
        self.stop(verdict.reason)

    def rest(self, *, told: bool = False, since: float | None = None) -> None:
        """Go over to rest; where only an answer tells so, the stop that it answers is not forgotten."""
        state = self.guard.state
        stopping = replace(state, run=None) if told and isinstance(state, Stopping) else None
        watch = Watch(since=self.now if since is None else since)
        self.state = Resting(watch=watch, told=told, stopping=stopping)

    def close(self, run: Running | None, by: str) -> None:
        """End the record of a run, giving its device a moment to account for it."""
        if run is None:
            return
        self.account(None)
        closing = Closing(
            run_id=run.run_id,
            lease=run.lease,
            by=by,
            since=run.since,
            ended=self.now,
            litres=run.litres,
            deadline=self.now + ACCOUNT_S,
        )
        self.guard = replace(self.guard, closing=closing)
        if not self.guard.ends_itself or run.order is None or self.circulates:
            self.account(None)

    def account(self, said: tuple[float | None, float | None, str | None] | None) -> None:
        """Write down the run that ended: by its device's account of seconds, litres and end, where there is one."""
        closing = self.guard.closing
        if closing is None:
            return
        seconds, litres, by = said or (None, None, None)
        self.guard = replace(self.guard, closing=None)
        self.do(
            Ended(
                run_id=closing.run_id,
                since=closing.since,
                seconds=closing.ended - closing.since if seconds is None else seconds,
                litres=closing.litres if litres is None else litres,
                by=by if by is not None and closing.by in WEAK_WORDS else closing.by,
            )
        )

    def blinded(self, verdict: Refused) -> None:
        """Remember that circulation waits until it is known whether there is water."""
        if not self.guard.blind:
            self.do(Alarm(Kind.RAISE, alarm_code(verdict.reason), verdict))
        self.guard = replace(self.guard, blind=True, comes_back=True)

    def seen_again(self) -> None:
        """Take back that nobody knows whether there is water; a lock that came meanwhile has the alert from here."""
        codes = self.codes()
        self.guard = replace(self.guard, blind=False, comes_back=False)
        self._resolve(codes - self.codes())

    # --- what is known --------------------------------------------------------------------------

    def unconfirmed(self, cause: str) -> None:
        """Raise, once, that the device does not do what it was asked for."""
        if not self.guard.unconfirmed:
            self.do(Alarm(Kind.RAISE, UNCONFIRMED, cause=cause))
        self.guard = replace(self.guard, unconfirmed=True)

    def confirmed(self) -> None:
        """Take back that the device does not do what it was asked for."""
        if self.guard.unconfirmed:
            self.guard = replace(self.guard, unconfirmed=False)
            self.do(Alarm(Kind.RESOLVE, UNCONFIRMED))

    def skew(self, *, expired: bool) -> None:
        """Raise that the device takes what was just sent for expired (a clock is wrong), or take that back."""
        if expired != self.guard.skewed:
            self.guard = replace(self.guard, skewed=expired)
            self.do(Alarm(Kind.RAISE if expired else Kind.RESOLVE, SKEWED, cause="expired" if expired else None))

    def pour(self) -> None:
        """Add up what has flowed since the last look."""
        state = self.guard.state
        if not isinstance(state, Running) or self.guard.readings.flow is None:
            return
        flow = known_flow(self.limits, self.guard.readings, self.now)
        since = state.flowed_at if state.flowed_at is not None else max(state.since, self.guard.readings.flow.at)
        litres = state.litres
        if flow is not None and self.now > since:
            litres = (litres or 0.0) + flow * (self.now - since) / 60
        self.state = replace(state, litres=litres, flowed_at=self.now)

    def settle(self) -> None:
        """Keep the clock of circulation's pause (S5), and have written down what must survive."""
        guard = self.guard
        if self.circulates:
            match guard.state:
                case Running(seen=True):
                    self.guard = replace(
                        self.guard, off_since=None, off_asked_s=None, water_change=False, released_at=None
                    )
                case Resting(watch=watch) | Stopping(watch=watch) if guard.off_since is None:
                    # From the order on: a restart before it is seen off would begin the longest pause once more.
                    self.guard = replace(self.guard, off_since=watch.since)
                case _:
                    pass
        memory = self.memory()
        if memory != self.guard.kept:
            self.guard = replace(self.guard, kept=memory)
            self.effects.insert(0, Save(memory))

    def memory(self) -> Memory:
        """Return what must survive a restart."""
        guard = self.guard
        state = guard.state
        run = state if isinstance(state, Running) else state.run if isinstance(state, Stopping) else None
        # Until it is known whether a run of before the restart goes on, it is not forgotten.
        going = run or guard.earlier
        return Memory(
            lock=guard.own_lock,
            device_lock=guard.their_lock,
            device_stuck=guard.their_stuck,
            water=guard.water.trouble,
            failures=guard.failures,
            off_since=guard.off_since,
            stuck=guard.own_stuck,
            blind=guard.blind,
            run_id=going.run_id if going else None,
            run_since=going.since if going else None,
        )


WEAK_WORDS = frozenset({"device", "finished", "stopped", "unconfirmed"})
"""Ends that the device knows better."""
