"""A pump, its water, its device, the network and Home Assistant, as a machine that hypothesis drives.

The device has no protections of its own but that it ends each run: what holds here, the guard holds alone. What must
hold is said in plain arithmetic and never by the rules that are tested, so that a rule that is taken out is missed.
"""

from dataclasses import dataclass, field
import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from custom_components.smartair.pysmartair.guard import guard as rules
from custom_components.smartair.pysmartair.guard.memory import memory_as_dict, memory_from_dict
from custom_components.smartair.pysmartair.guard.model import (
    Alarm,
    Answer,
    Around,
    Contacted,
    DeviceReset,
    Effect,
    Ended,
    Event,
    Fitted,
    Guard,
    Kind,
    Memory,
    Refuse,
    Reported,
    ResetAnswered,
    ResetAsked,
    Resting,
    RunAnswered,
    RunAsked,
    Running,
    Save,
    SendReset,
    SendRun,
    SendStop,
    Sense,
    Sensed,
    StopAnswered,
    StopAsked,
    Stopping,
    Tick,
    Tripped,
    WasReset,
)
from custom_components.smartair.pysmartair.safety import Cause, Limits, Reason, Refused, Role

MEASURED = (Sense.LEVEL, Sense.FLOW, Sense.CURRENT_MA)
"""What a board measures; power is what sockets measure."""
MAX_RUN = 100.0
MAX_OFF = 60.0
STALE = 15.0
EXPIRY = 30.0
LEASE = 60.0
FULL, EMPTY, MIN_FLOW, MAX_CURRENT = 95.0, 10.0, 0.3, 1500.0
# Until a fault must have tripped: its grace and dwell, a report a second, and a look or two to notice.
PATIENCE = {"current": 6.0, "flow": 20.0, "dry": 8.0, "full": 4.0}
LATEST = EXPIRY + 15.0


@dataclass
class Device:
    """A relay on a wire, which ends each run by itself and executes a command once, and only in time."""

    circulates: bool
    on: bool = False
    ends: float | None = None
    done: set[int] = field(default_factory=set)
    lease: int = 0
    changed: float = 0.0
    welded: bool = False
    lock: str | None = None

    def set(self, on: bool, now: float) -> None:
        if on != self.on:
            self.on, self.changed = on, now
        if not on:
            self.ends = None


class PumpWorld(RuleBasedStateMachine):
    """Everything around one pump."""

    roles: tuple[Role, ...] = (Role.FILL, Role.DRAIN, Role.RECIRCULATION)
    steps = 0
    """Rules that were played since it was set to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0
        self.outbox: list[tuple[float, int, Effect]] = []
        self.inbox: list[Event] = []
        self.held = False
        self.contact = True
        self.guard: Guard | None = None
        self.disk: dict[str, Any] = {}
        self.sent = 0
        self.asked = 0
        self.heard = False
        self.level, self.flow, self.current = 50.0, 3.0, 800.0
        self.mute: set[Sense] = set()
        self.silent = False
        self.bad: dict[str, tuple[float, int]] = {}
        self.fresh: dict[Sense, float] = {}
        self.values: dict[Sense, float] = {}
        self.recorded: set[str] = set()
        self.raised: set[str] = set()
        self.around = Around()
        self.failures: list[float] = []
        self.off_by_order = 0.0
        self.stopped_at: float | None = None
        self.was_locked: Refused | None = None
        self.told_lock: str | None = None

    @initialize(role=st.runner().flatmap(lambda world: st.sampled_from(world.roles)))
    def begin(self, role: Role) -> None:
        self.limits = Limits(
            role=role, max_run_s=MAX_RUN, max_off_s=MAX_OFF, drain_off_s=MAX_OFF, stale_after_s=STALE
        )
        self.device = Device(role is Role.RECIRCULATION, on=role is Role.RECIRCULATION, changed=self.now)
        self._boot()
        self._pass(2)

    def _boot(self) -> None:
        memory = memory_from_dict(json.loads(json.dumps(self.disk))) if self.disk else Memory()
        self.guard = rules.begin(self.limits, memory, self.now)
        self.heard = False
        self.tell(Fitted(frozenset(MEASURED)))
        self.tell(Contacted(self.contact))
        # As Home Assistant looks around before each order.
        self.tell(self.around)

    # --- the network ----------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """Home Assistant takes in an event; what it does is judged, and carried out."""
        before = self.guard
        if before is None:
            return
        self._learn(event)
        self.guard, effects = rules.step(before, event, self.now)
        self._judge(before, event, effects)
        for effect in effects:
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Save(memory):
                self.disk = memory_as_dict(memory)
            case SendRun() | SendStop():
                self.sent += 1
                if self.contact:
                    self.outbox.append((self.now, self.sent, effect))
                    if not self.held:
                        self._deliver(0)
            case SendReset():
                self.tell(ResetAnswered(done=True))
            case _:
                pass

    def _deliver(self, index: int, *, keep: bool = False) -> None:
        sent_at, number, effect = self.outbox[index]
        if not keep:
            del self.outbox[index]
        device = self.device
        if number in device.done or self.now - sent_at > EXPIRY:
            return
        device.done.add(number)
        match effect:
            case SendRun():
                device.set(True, self.now)
                device.lease = effect.lease
                if not device.circulates:
                    device.ends = self.now + effect.seconds
                answer = Answer.DONE if device.circulates else Answer.ACCEPTED
                self._to_ha(RunAnswered(lease=effect.lease, answer=answer))
            case _:
                device.set(False, self.now)
                self._to_ha(StopAnswered())

    def _to_ha(self, event: Event) -> None:
        if not self.contact:
            return
        if self.held:
            self.inbox.append(event)
        else:
            self.tell(event)

    # --- time -----------------------------------------------------------------------------------

    def _pass(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            device = self.device
            if device.ends is not None and self.now >= device.ends:
                device.set(False, self.now)
                self._to_ha(
                    RunAnswered(lease=device.lease, answer=Answer.DONE, seconds=1.0, litres=1.0, ended_by="finished")
                )
            if not self.silent:
                self._report()
            self.tell(Tick())
            self._look()

    def _report(self) -> None:
        moving = self.device.on or self.device.welded
        self._to_ha(Reported(on=self.device.on, lock=self.device.lock, run_id=f"found-{self.now}"))
        told = {
            Sense.LEVEL: self.level,
            Sense.FLOW: self.flow if moving else 0.0,
            Sense.CURRENT_MA: self.current if moving else 0.0,
        }
        for sense, value in told.items():
            if sense not in self.mute:
                self._to_ha(Sensed(sense, value))

    @rule(seconds=st.sampled_from([1, 2, 4, 7, 12, 21, 35, 70]))
    def time_passes(self, seconds: int) -> None:
        self._pass(seconds)

    @rule(on=st.booleans())
    def network_holds_back(self, on: bool) -> None:
        self.held = on
        while not self.held and (self.outbox or self.inbox):
            if self.outbox:
                self._deliver(0)
            if self.inbox:
                self.tell(self.inbox.pop(0))

    @precondition(lambda self: self.outbox)
    @rule(index=st.integers(0, 3), twice=st.booleans())
    def network_delivers_an_order(self, index: int, twice: bool) -> None:
        index = min(index, len(self.outbox) - 1)
        if twice:
            self._deliver(index, keep=True)
        self._deliver(index)

    @precondition(lambda self: self.outbox)
    @rule(index=st.integers(0, 3))
    def network_drops_an_order(self, index: int) -> None:
        del self.outbox[min(index, len(self.outbox) - 1)]

    @precondition(lambda self: self.inbox)
    @rule(index=st.integers(0, 3), twice=st.booleans(), lose=st.booleans())
    def network_delivers_news(self, index: int, twice: bool, lose: bool) -> None:
        event = self.inbox.pop(min(index, len(self.inbox) - 1))
        if not lose:
            self.tell(event)
        if twice:
            self.inbox.append(event)

    @rule(contact=st.booleans())
    def broker_comes_and_goes(self, contact: bool) -> None:
        self.contact = contact
        if not contact:
            self.outbox.clear()
            self.inbox.clear()
        self.tell(Contacted(contact))

    # --- people ---------------------------------------------------------------------------------

    @rule(
        seconds=st.one_of(st.none(), st.sampled_from([5.0, 40.0, 90.0, 1e9, 0.0, -1.0, float("nan"), float("inf")])),
        litres=st.one_of(st.none(), st.sampled_from([0.5, float("nan"), -1.0])),
    )
    def somebody_runs_it(self, seconds: float | None, litres: float | None) -> None:
        self.asked += 1
        self.tell(RunAsked(run_id=f"run-{self.asked}", seconds=seconds, litres=litres))

    @rule(off_s=st.sampled_from([None, 5.0, 30.0, 1e9]))
    def somebody_stops_it(self, off_s: float | None) -> None:
        self.tell(StopAsked(off_s=off_s))

    @rule()
    def somebody_resets_it(self) -> None:
        self.tell(ResetAsked())

    @rule(again=st.just(1))
    def somebody_runs_it_again_and_again(self, again: int) -> None:
        for _ in range(again):
            self.somebody_runs_it(None, None)
            self._pass(int(MAX_RUN) + 5)

    @rule(seconds=st.sampled_from([None, 40.0, 90.0]))
    def all_is_well_and_somebody_runs_it(self, seconds: float | None) -> None:
        """From nearly everywhere a run begins in a moment, so that the next rules befall one."""
        self.held = self.silent = self.device.welded = False
        self.device.lock = None
        self.mute = set()
        self.level, self.flow, self.current = 50.0, 3.0, 800.0
        self.outbox.clear()
        self.inbox.clear()
        self.broker_comes_and_goes(True)
        self.things_happen_around(interlocked=False, stuck=False, updating=False)
        self._pass(2)
        self.somebody_resets_it()
        self.somebody_runs_it(seconds, None)

    @rule(on=st.booleans())
    def somebody_presses_the_button_on_the_device(self, on: bool) -> None:
        self.device.set(on, self.now)

    @rule(interlocked=st.booleans(), stuck=st.booleans(), updating=st.booleans())
    def things_happen_around(self, interlocked: bool, stuck: bool, updating: bool) -> None:
        self.around = Around(interlocked=interlocked, zone_stuck=stuck, updating=updating)
        self.tell(self.around)

    @rule(down=st.sampled_from([0, 3, 50]))
    def home_assistant_dies(self, down: int) -> None:
        self.guard = None
        self.outbox = [one for one in self.outbox if self.held]
        self.inbox.clear()
        self._pass(down)
        self._boot()

    @rule()
    def the_device_reboots(self) -> None:
        self.device.set(self.device.circulates, self.now)
        self.device.ends = None

    # --- faults ---------------------------------------------------------------------------------

    @rule(level=st.sampled_from([5.0, 50.0, 97.0]))
    def water_rises_or_falls(self, level: float) -> None:
        self.level = level

    @rule(flow=st.sampled_from([0.0, 3.0]), current=st.sampled_from([800.0, 2300.0]))
    def the_pump_is_blocked(self, flow: float, current: float) -> None:
        self.flow, self.current = flow, current

    @rule(welded=st.booleans())
    def the_relay_welds(self, welded: bool) -> None:
        self.device.welded = welded

    @rule(sense=st.sampled_from([None, *MEASURED]))
    def a_sensor_falls_silent(self, sense: Sense | None) -> None:
        self.mute = set() if sense is None else self.mute | {sense}

    @rule(silent=st.booleans())
    def the_device_falls_silent(self, silent: bool) -> None:
        self.silent = silent

    @rule(sense=st.sampled_from(MEASURED), value=st.sampled_from([5000.0, 0.0, float("nan"), None]))
    def a_sensor_glitches(self, sense: Sense, value: float | None) -> None:
        self._to_ha(Sensed(sense, value))

    @rule(reason=st.sampled_from([Reason.DRY_RUN, Reason.OVERCURRENT, Reason.MAX_RUN]), locked=st.booleans())
    def the_device_says_that_it_tripped(self, reason: Reason, locked: bool) -> None:
        self.device.set(False, self.now)
        self._to_ha(Tripped(Refused(reason, Cause.MEASURED), locked))

    @rule(code=st.sampled_from(["overcurrent", "dry_run", "no_flow"]))
    def an_old_reset_of_the_device_arrives(self, code: str) -> None:
        self._to_ha(DeviceReset(code))

    @rule(code=st.sampled_from(["overcurrent", "no_flow"]))
    def the_device_reports_a_lock(self, code: str) -> None:
        self.device.set(self.device.circulates and code != "overcurrent", self.now)
        self.device.lock = code

    @rule()
    def somebody_resets_it_at_the_device(self) -> None:
        lock, self.device.lock = self.device.lock, None
        if lock is not None:
            self._to_ha(DeviceReset(lock))

    # --- what must always hold --------------------------------------------------------------------

    def _learn(self, event: Event) -> None:
        """Remember what Home Assistant has been told, as plainly as it can be remembered."""
        match event:
            case Reported(on=on, lock=lock):
                self.heard |= on is not None
                self.told_lock = lock
            case Tripped(locked=True):
                self.told_lock = "tripped"
            case RunAnswered() | StopAnswered():
                self.heard = True
            case Sensed(sense, value) if value is not None and value == value:  # noqa: PLR0124 - NaN
                self.fresh[sense] = self.now
                self.values[sense] = value
                self._bad("full", sense is Sense.LEVEL and value >= FULL, sense is Sense.LEVEL)
                self._bad("dry", sense is Sense.LEVEL and value < EMPTY, sense is Sense.LEVEL)
                self._bad("flow", sense is Sense.FLOW and value < MIN_FLOW, sense is Sense.FLOW)
                self._bad("current", sense is Sense.CURRENT_MA and value > MAX_CURRENT, sense is Sense.CURRENT_MA)
            case Sensed(sense, _):
                self.values.pop(sense, None)
                self.bad = {name: one for name, one in self.bad.items() if _SENSE[name] is not sense}
            case _:
                pass

    def _bad(self, name: str, is_bad: bool, concerned: bool) -> None:
        if not concerned:
            return
        if not is_bad:
            self.bad.pop(name, None)
        else:
            since, count = self.bad.get(name, (self.now, 0))
            self.bad[name] = (since, count + 1)

    def _known(self, sense: Sense) -> float | None:
        return self.values.get(sense) if self.now - self.fresh.get(sense, -1e9) <= STALE else None

    def _judge(self, before: Guard, event: Event, effects: tuple[Effect, ...]) -> None:
        after = self.guard
        assert after is not None
        if isinstance(event, StopAsked):
            assert any(isinstance(one, SendStop) for one in effects), "S1 a stop was not sent"
        for effect in effects:
            match effect:
                case SendRun():
                    self._judge_run(before, event, effect)
                case Refuse():
                    assert any(isinstance(one, Alarm) for one in effects), "S10 a refusal that nobody is told of"
                case Ended(run_id=run_id):
                    assert run_id not in self.recorded, "S10 a run was recorded twice"
                    self.recorded.add(run_id)
                case Alarm(kind=Kind.RAISE, code=code):
                    self.raised.add(code)
                case _:
                    pass
        if isinstance(event, Tripped) and event.locked:
            assert after.lock is not None, "S3 a trip of the device that is not kept"
        if isinstance(after.state, Stopping) and after.state.tries == 1 and isinstance(before.state, Running):
            name = _LOCKING.get(after.state.by, "")
            measured = name in self.bad and self._known(_SENSE[name]) is not None
            assert not measured or after.lock is not None, "S3 a trip that is not kept"
        self._judge_lock(before, event, effects)

    def _judge_run(self, before: Guard, event: Event, effect: SendRun) -> None:
        """S2: whatever the path, these hold before a pump is energised."""
        role, circulates = self.limits.role, self.device.circulates
        release = circulates and not isinstance(event, RunAsked)
        assert isinstance(event, RunAsked) or circulates or _goes_on(before), "S8 it started unasked"
        reset = isinstance(event, (ResetAsked, DeviceReset))
        lock = self.guard.lock if reset and self.guard is not None else before.lock
        assert release or lock is None, "S2 a locked pump was started"
        assert before.contact or event == Contacted(True), "S9 a pump was started out of reach"
        assert self.heard, "S9 a pump was started before it was known what it does"
        assert not _holds(lock), "S5 circulation was released in spite of a lock that holds it off"
        if not release:
            assert self.around == Around(), "S2 a pump was started against an interlock, a stuck pump or an update"
        if not circulates:
            assert 0 < effect.seconds <= LEASE, "S4 a run that its command does not bound"
        level = self._known(Sense.LEVEL)
        if role is Role.FILL:
            assert level is not None, "S6 filled with an unknown level"
            assert level < FULL, "S2 filled what is full"
        elif not release:
            assert level is not None, "S6 drawn from an unknown level"
            assert level >= EMPTY, "S2 drawn from what is empty"
        if not circulates:
            assert self._known(Sense.FLOW) is not None, "S6 run without its flow"
            assert self._known(Sense.CURRENT_MA) is not None, "S6 run without its current"

    def _judge_lock(self, before: Guard, event: Event, effects: tuple[Effect, ...]) -> None:
        after = self.guard
        assert after is not None
        if before.lock is not None and after.lock is None:
            told = isinstance(event, Reported) and before.reset_said
            assert told or isinstance(event, (ResetAsked, ResetAnswered, DeviceReset)), "S3 a lock is gone, unreset"
            if told or isinstance(event, DeviceReset):
                assert self.told_lock is None, "S3 the device says that it is locked"
        if before.lock is not None and any(isinstance(one, WasReset) for one in effects):
            self._judge_reset(before.lock)
        if after.lock is not None and after.lock != before.lock:
            assert any(isinstance(one, Alarm) and one.kind is Kind.RAISE for one in effects), "S10 a silent lock"
            self._judge_trip(after.lock, event)
        if isinstance(event, DeviceReset) and before.lock is not None and after.lock is None:
            assert event.code in {None, before.lock.reason, before.device_lock, before.device_was}, (
                "S3 reset by another"
            )

    def _judge_reset(self, lock: Refused) -> None:
        level, current = self._known(Sense.LEVEL), self._known(Sense.CURRENT_MA)
        if lock.reason is Reason.DRY_RUN:
            assert self.device.circulates or self.limits.role is Role.FILL or (level or 0) >= EMPTY, "S3 still dry"
        if lock.reason is Reason.OVERFLOW:
            assert level is not None, "S3 reset while the level is not known"
            assert level < FULL, "S3 reset while it is full"
        if lock.reason is Reason.OVERCURRENT:
            assert current is not None, "S3 reset while the current is not known"
            assert current <= MAX_CURRENT, "S3 reset while the current is too high"
        if lock.reason is Reason.PUMP_STUCK_ON:
            assert (current or 0) <= 50, "S3 reset while it still draws current"

    def _judge_trip(self, lock: Refused, event: Event) -> None:
        """S7: what was measured twice, and for its time."""
        if lock.cause is not Cause.MEASURED or isinstance(event, Tripped):
            return
        name, dwell = {
            Reason.DRY_RUN: ("dry", 3.0),
            Reason.NO_FLOW: ("flow", 5.0),
            Reason.OVERCURRENT: ("current", 0.3),
        }.get(lock.reason, ("", 0.0))
        if name:
            since, count = self.bad.get(name, (self.now, 0))
            assert count > 1, "S7 tripped by a single reading"
            assert self.now - since >= dwell, "S7 tripped before its time"

    def _look(self) -> None:
        """Judge what a second of the world has brought."""
        device, guard = self.device, self.guard
        if not device.circulates and device.on and device.ends is not None:
            assert self.now - device.changed <= MAX_RUN + LATEST, "S4 a run without end"
        if guard is None:
            return
        state = guard.state
        if isinstance(state, Running) and not device.circulates:
            ran = self.now - state.since
            assert guard.lock is None, "S2 a locked pump goes on running"
            assert ran <= MAX_RUN + LATEST, "S4 a run that goes on past its bound"
            for name, patience in PATIENCE.items():
                if name == ("dry" if self.limits.role is Role.FILL else "full"):
                    continue
                since, count = self.bad.get(name, (self.now, 0))
                real = self.now - self.fresh.get(_SENSE[name], -1e9) <= 2 and count > 2
                bad_for = min(self.now - since, ran)
                assert not (real and bad_for > patience), f"a real fault did not trip: {name}"
            for sense in MEASURED:
                blind = self.now - self.fresh.get(sense, -1e9) > STALE + 8
                assert not (blind and ran > 8), f"S6 a run goes on without its {sense}"
        if isinstance(state, (Running, Resting, Stopping)):
            assert self.now - guard.heard_at <= STALE + 2, "S6 the state of a silent device is believed"
        if isinstance(state, Resting):
            self._look_at_rest(guard, state)

    def _look_at_rest(self, guard: Guard, state: Resting) -> None:
        rested = self.now - state.since
        current = self._known(Sense.CURRENT_MA)
        moving = current is not None and current > 50 and self.device.welded and Sense.CURRENT_MA not in self.mute
        self.stopped_at = (self.stopped_at or self.now) if moving and rested > 2 else None
        if self.stopped_at is not None and self.now - max(self.stopped_at, state.since) > 12:
            assert guard.stuck, "a pump that cannot be switched off was not noticed"
        if not self.device.circulates or not guard.contact or self.held:
            return
        if not _holds(guard.lock) and guard.released_at is None:
            assert rested <= MAX_OFF + 3, "S5 circulation was left off"

    @invariant()
    def a_step_is_counted(self) -> None:
        # Hypothesis asks after the beginning of each example as well, which is no step.
        self.stepped = hasattr(self, "stepped")
        if self.stepped:
            type(self).steps += 1

    @invariant()
    def a_lock_is_on_disk(self) -> None:
        if self.guard is not None:
            kept = memory_from_dict(self.disk) if self.disk else Memory()
            held = (self.guard.own_lock, self.guard.their_lock)
            assert (kept.lock, kept.device_lock) == held, "S3 a lock that a restart would take away"

    @invariant()
    def failures_lock(self) -> None:
        if self.guard is not None and self.guard.lock is None:
            recent = [at for at in self.guard.failures if self.now - at <= 3600]
            assert len(recent) < 3, "three failures in an hour, and no lock"


_LOCKING = {"dry_run": "dry", "no_flow": "flow", "overflow": "full"}
_SENSE = {"full": Sense.LEVEL, "dry": Sense.LEVEL, "flow": Sense.FLOW, "current": Sense.CURRENT_MA}


def _goes_on(guard: Guard) -> bool:
    return isinstance(guard.state, Running) and guard.state.order is not None


def _holds(lock: Refused | None) -> bool:
    if lock is None:
        return False
    return lock.reason is Reason.OVERCURRENT or (lock.reason is Reason.DRY_RUN and lock.cause is not Cause.UNKNOWN)
