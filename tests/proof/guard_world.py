"""A guard among hostile boards, judged by the words of the safety contract and by nothing of its own rules."""

from dataclasses import dataclass, field
import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from custom_components.smartair.pysmartair.guard import guard as rules
from custom_components.smartair.pysmartair.guard.memory import memory_as_dict, memory_from_dict
from custom_components.smartair.pysmartair.guard.model import (
    Alarm,
    Around,
    Contacted,
    DeviceReset,
    Effect,
    Ended,
    Event,
    Fitted,
    Guard,
    Kind,
    Leaving,
    Memory,
    NotSent,
    Refuse,
    Reported,
    ResetAnswered,
    ResetAsked,
    RunAnswered,
    RunAsked,
    Save,
    SendReset,
    SendRun,
    SendStop,
    Sense,
    Sensed,
    StopAnswered,
    StopAsked,
    Tick,
    Tripped,
    WasReset,
)
from custom_components.smartair.pysmartair.safety import Cause, Limits, Reason, Refused, Role

from .board import BOARD_FAULTS, MEASURED, WATER_FAULTS, Board

MAX_RUN, MAX_OFF, MIN_LEVEL, MAX_LEVEL, MIN_FLOW = 300.0, 120.0, 10.0, 95.0, 0.3
LEASE_S = 60.0
"""The longest that a run may outlive Home Assistant (design: one command keeps a pump running for a minute)."""
FRESH_S, GRACE_S, CONFIRM_S = 15.0, 5.0, 10.0
LOOK_S = 3.0
"""What a report a second and a look a second add to any limit."""
SLOW = 45.0
"""What asking again, answers that come late and a retry add to what a device has to confirm."""
LOCKING = {"biz_dry_run", "biz_no_flow", "biz_overcurrent", "biz_overflow", "biz_max_run", "biz_too_many_failures"}
INTERVALS = (1, 2, 5, 10, 20, 45)


@dataclass
class Heard:
    """What Home Assistant has been told of one input, in plain words."""

    value: float | None = None
    at: float = -1e9
    good_at: float = -1e9
    bad_since: float | None = None
    bad_count: int = 0
    values: list[float] = field(default_factory=list)

    def tell(self, value: float | None, now: float, *, bad: bool) -> None:
        self.value, self.at = value, now
        good = value is not None and value == value and abs(value) < 1e5  # noqa: PLR0124 - NaN
        self.good_at = now if good else self.good_at
        if good:
            self.values.append(value)
        if not bad:
            self.bad_since, self.bad_count = None, 0
        else:
            self.bad_since = now if self.bad_since is None else self.bad_since
            self.bad_count += 1


class GuardWorld(RuleBasedStateMachine):
    """One pump."""

    roles: tuple[Role, ...] = (Role.FILL, Role.DRAIN, Role.RECIRCULATION)

    def __init__(self) -> None:
        super().__init__()
        self.now = 500_000.0
        self.guard: Guard | None = None
        self.disk: dict[str, Any] = {}
        self.contact = True
        self.around = Around()
        self.asked = 0
        self.clean = True
        """Nothing has happened yet that may stop or lock anything."""
        self.heard = {sense: Heard() for sense in MEASURED}
        self.shown: bool | None = None
        self.shown_at = -1e9
        self.learnt = False
        self.booted = self.contact_since = self.now
        self.died: float | None = None
        self.wished: bool | None = None
        self.wished_at = self.now
        self.against_since: float | None = None
        self.raised: set[tuple[str, bool]] = set()
        self.recorded: set[str] = set()
        self.begun = 0
        self.own_lock: Refused | None = None
        self.frozen_lock = False
        self.well_since = self.now
        self.sense_stuck_since: float | None = None
        self.wants_circulation = True
        self.pressed_off = False
        self.held_at = 0.0
        self.said: list[Event] = []

    @initialize(
        role=st.runner().flatmap(lambda world: st.sampled_from(world.roles)),
        interval=st.sampled_from(INTERVALS),
        senses=st.sampled_from(
            [frozenset(MEASURED), frozenset({Sense.LEVEL}), frozenset({Sense.LEVEL, Sense.CURRENT_MA})]
        ),
    )
    def begin(self, role: Role, interval: int, senses: frozenset[Sense]) -> None:
        # What is shown is believed for ninety seconds at least, which circulation may live with and no other pump.
        self.shown_s = max(90.0, 3.0 * interval)
        self.limits = Limits(
            role=role, max_run_s=MAX_RUN, max_off_s=MAX_OFF, drain_off_s=MAX_OFF, stale_after_s=self.shown_s
        )
        self.board = Board(role, self.now, interval, senses)
        self._boot()
        self._pass(3 * interval)

    # --- between Home Assistant and the board ---------------------------------------------------

    def _boot(self) -> None:
        memory = memory_from_dict(json.loads(json.dumps(self.disk))) if self.disk else Memory()
        self.guard = rules.begin(self.limits, memory, self.now)
        assert self.own_lock is None or self.guard.lock is not None, "S3 a lock did not survive a restart"
        self.booted, self.learnt, self.died = self.now, False, None
        self.heard = {sense: Heard() for sense in MEASURED}
        self.wished, self.against_since, self.sense_stuck_since = None, None, None
        if self.pressed_off:
            self.held_at = self.now  # what was done by hand, and never seen, is only known from here on
        for event in (Fitted(self.board.senses), Contacted(self.contact), self.around):
            self.tell(event)

    def tell(self, event: Event) -> None:
        before = self.guard
        if before is None:
            return
        self._hear(event)
        self.guard, effects = rules.step(before, event, self.now)
        self._judge(before, event, effects)
        for effect in effects:
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Save(memory):
                self.disk = memory_as_dict(memory)
            case SendRun() | SendStop() | SendReset() if self.contact:
                self.board.obey(effect)
            case SendRun(lease=lease):
                self.tell(NotSent(lease))
            case SendReset():
                self.tell(ResetAnswered(done=False))
            case _:
                pass

    def _to_ha(self, event: Event) -> None:
        if self.contact and self.guard is not None:
            if isinstance(event, (RunAnswered, StopAnswered)):
                self.said = [*self.said[-4:], event]
            self.tell(event)

    def _pass(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            self.board.second()
            for event in [*self.board.answers(), *self.board.report(f"found-{self.now:.0f}")]:
                self._to_ha(event)
            self.tell(Tick())
            self._look()

    def _dirty(self) -> None:
        self.clean = False

    # --- what happens ---------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 2, 5, 12, 25, 70, 150]))
    def time_passes(self, seconds: int) -> None:
        self._pass(seconds)

    @rule(
        seconds=st.one_of(
            st.sampled_from([20.0, 100.0, 290.0]), st.sampled_from([None, 0.0, -1.0, 1e9, float("nan")])
        )
    )
    def somebody_runs_it(self, seconds: float | None) -> None:
        self.asked += 1
        self.tell(RunAsked(run_id=f"run-{self.asked}", seconds=seconds))
        # A run without an end that is planned ends by its bound, which is a fault of its own.
        anew = self.board.circulates or not self.board.moving
        self.clean = self.clean and anew and seconds in {20.0, 100.0, 290.0}

    @rule(off_s=st.sampled_from([None, 10.0, 60.0, 1e9]), change=st.booleans())
    def somebody_stops_it(self, off_s: float | None, change: bool) -> None:
        self.tell(StopAsked(off_s=off_s, water_change=change))

    @rule()
    def somebody_resets_it(self) -> None:
        self.tell(ResetAsked())

    @rule(seconds=st.sampled_from([100.0, 290.0]))
    def all_is_repaired_and_somebody_runs_it(self, seconds: float) -> None:
        self.board.repair()
        self.board.lock = None
        self.clean = self.clean and abs(self.board.level - 50.0) < 1.0
        self.board.level = 50.0
        self._contact(True)
        self.around = Around()
        self.tell(self.around)
        self._pass(2 * self.board.interval + 2)
        self.tell(ResetAsked())
        self._pass(2)
        self.somebody_runs_it(seconds)
        self._pass(3)

    @rule(on=st.booleans())
    def somebody_presses_the_button_on_the_board(self, on: bool) -> None:
        self._dirty()
        self.wants_circulation = on
        self.pressed_off = not on
        self.wished = None  # somebody else wishes otherwise
        self.board.by_order = False
        self.board.switch(on, MAX_RUN if not self.board.circulates else None)

    @rule(down=st.sampled_from([0, 4, 90]), orderly=st.booleans())
    def home_assistant_restarts(self, down: int, orderly: bool) -> None:
        if orderly:
            self.tell(Leaving())
        self.guard, self.died = None, self.now
        self._pass(down)
        self._boot()

    @rule(contact=st.booleans())
    def the_broker_comes_and_goes(self, contact: bool) -> None:
        self._dirty()
        self._contact(contact)

    @rule(seconds=st.sampled_from([1, 3]))
    def the_network_blinks(self, seconds: int) -> None:
        """Shorter than any grace: it must stop nothing (S6, S7)."""
        self._contact(False)
        self._pass(seconds)
        self._contact(True)

    def _contact(self, contact: bool) -> None:
        self.contact_since = self.now if contact and not self.contact else self.contact_since
        self.contact = contact
        self.tell(Contacted(contact))

    @rule()
    def the_board_reboots(self) -> None:
        self._dirty()
        self.wished = None  # what it does now is its rest, and no answer to what it was told before
        self.board.switch(self.board.circulates)
        self.board.pending.clear()

    @rule(fault=st.sampled_from(BOARD_FAULTS))
    def the_board_goes_wrong(self, fault: str) -> None:
        self._dirty()
        self.board.break_(fault)

    @rule(fault=st.sampled_from(WATER_FAULTS))
    def water_or_a_sensor_goes_wrong(self, fault: str) -> None:
        self._dirty()
        self.board.break_(fault)

    @rule()
    def all_is_repaired(self) -> None:
        self.board.repair()

    @rule(level=st.sampled_from([5.0, 12.0, 50.0, 90.0, 97.0]))
    def water_comes_or_goes(self, level: float) -> None:
        self._dirty()
        self.board.level = level

    @rule(
        sense=st.sampled_from(MEASURED),
        value=st.sampled_from([5000.0, 0.0, 5.0, float("nan"), float("inf"), -40.0, None]),
    )
    def a_sensor_glitches(self, sense: Sense, value: float | None) -> None:
        """Say something wrong, once; the next report is right again."""
        if sense not in self.board.senses:
            return
        if sense is Sense.LEVEL and self.board.interval > 1:
            self._dirty()
        self._to_ha(Sensed(sense, value))

    @rule(code=st.sampled_from(["overcurrent", "dry_run", "no_flow", "a_word_of_its_own"]))
    def the_board_locks_itself(self, code: str) -> None:
        self._dirty()
        self.board.lock = code
        self.board.switch(self.board.circulates and code not in {"overcurrent", "dry_run"})

    @rule(reason=st.sampled_from([Reason.OVERCURRENT, Reason.MAX_RUN, Reason.NO_FLOW]), locked=st.booleans())
    def the_board_says_that_it_tripped(self, reason: Reason, locked: bool) -> None:
        self._dirty()
        self.board.switch(False)
        if locked:
            self.board.lock = str(reason)
        self._to_ha(Tripped(Refused(reason, Cause.MEASURED), locked))

    @precondition(lambda self: self.board.lock is not None)
    @rule()
    def somebody_resets_the_lock_at_the_board(self) -> None:
        code, self.board.lock = self.board.lock, None
        self._to_ha(DeviceReset(code))

    @rule(code=st.sampled_from([None, "overcurrent", "dry_run", "no_flow", "overflow"]))
    def an_old_reset_arrives(self, code: str | None) -> None:
        self._dirty()
        self._to_ha(DeviceReset(code))

    @precondition(lambda self: self.said)
    @rule(index=st.integers(0, 4))
    def an_old_answer_arrives(self, index: int) -> None:
        self._dirty()
        self._to_ha(self.said[min(index, len(self.said) - 1)])

    @rule(interlocked=st.booleans(), stuck=st.booleans(), updating=st.booleans())
    def things_happen_around(self, interlocked: bool, stuck: bool, updating: bool) -> None:
        self.around = Around(interlocked=interlocked, zone_stuck=stuck, updating=updating)
        self._dirty()
        self.tell(self.around)

    # --- what Home Assistant knows, in plain words ----------------------------------------------

    def _hear(self, event: Event) -> None:
        match event:
            case Reported(on=bool() as on):
                self.begun += on and self.shown is not True
                self.shown, self.shown_at, self.learnt = on, self.now, True
            case RunAnswered() | StopAnswered():
                self.learnt = True
            case Sensed(sense, value):
                self.heard[sense].tell(value, self.now, bad=self._is_bad(sense, value))
            case Contacted() | Leaving():
                self.shown = None
            case _:
                pass

    def _is_bad(self, sense: Sense, value: float | None) -> bool:
        if value is None:
            return False
        match sense:
            case Sense.LEVEL:
                full = self.limits.role is Role.FILL
                return MAX_LEVEL <= value <= 110 if full else 0 <= value < MIN_LEVEL
            case Sense.FLOW:
                return 0 <= value < MIN_FLOW
            case Sense.CURRENT_MA:
                return 1500 < value < 60_000
            case Sense.POWER_W:
                # No board measures it: the rules of a current hold, which the zones' tests show.
                return False

    def _fresh_s(self, sense: Sense) -> float:
        """How old a value may be: three times the interval that its source keeps (S6)."""
        if self.board.circulates:
            return self.shown_s
        return max(FRESH_S, 3.0 * self.board.interval) if sense is Sense.LEVEL else FRESH_S

    def _known(self, sense: Sense) -> float | None:
        heard = self.heard[sense]
        return heard.value if heard.good_at == heard.at and self.now - heard.at <= self._fresh_s(sense) else None

    # --- judged at each event -------------------------------------------------------------------

    def _judge(self, before: Guard, event: Event, effects: tuple[Effect, ...]) -> None:
        after = self.guard
        assert after is not None
        if isinstance(event, StopAsked):
            assert any(isinstance(one, SendStop) for one in effects), "S1 a stop was not sent"
            self.wants_circulation = False
        for effect in effects:
            match effect:
                case SendRun():
                    self._judge_run(before, event, effect)
                    self._wish(True)
                case SendStop() if self.contact:
                    # One that cannot be sent is told by who sends it.
                    self._wish(False)
                case Refuse():
                    assert any(isinstance(one, Alarm) for one in effects), "S10 a refusal that nobody is told of"
                case WasReset():
                    self._judge_reset()
                case Ended():
                    self._judge_record(effect)
                case Alarm():
                    self._judge_alarm(effect, theirs=before.their_lock != after.their_lock)
                case _:
                    pass
        self._judge_lock(before, event, effects)
        if after.their_lock is None:
            # What was reset at the board may be tripped there again.
            self.raised = {(code, theirs) for code, theirs in self.raised if not theirs}

    def _wish(self, on: bool) -> None:
        if self.wished is not on:
            self.wished, self.wished_at, self.against_since = on, self.now, None
        self.wants_circulation = self.wants_circulation or on

    def _judge_run(self, before: Guard, event: Event, effect: SendRun) -> None:
        circulates = self.board.circulates
        asked = isinstance(event, RunAsked)
        assert asked or circulates or _ordered(before), "S8 it was energised without having been asked for"
        assert self.contact, "S9 it was energised out of reach"
        assert self.learnt or isinstance(event, Leaving), "S9 it was energised before it was known what it does"
        lock = None if isinstance(event, (ResetAsked, ResetAnswered, DeviceReset, Reported)) else before.lock
        assert not _holds(lock), "S5 circulation was released in spite of what holds it off"
        assert circulates or 0 < effect.seconds <= LEASE_S, "S4 a run that its command does not bound"
        if circulates and not asked:
            return
        assert lock is None, "S2 a locked pump was energised"
        assert self.own_lock is None, "S2 a pump was energised in spite of Home Assistant's lock"
        assert self.around == Around(), "S2 it was energised against an interlock, a stuck pump or an update"
        level = self._known(Sense.LEVEL)
        assert level is not None, "S6 energised while its level was unknown"
        if self.limits.role is Role.FILL:
            assert level < MAX_LEVEL, "S2 filled what is full"
        else:
            assert level >= MIN_LEVEL, "S2 drawn from what is empty"
        if not circulates:
            for sense in self.board.senses:
                assert self._known(sense) is not None, f"S6 energised while its {sense} was unknown"

    def _judge_record(self, effect: Ended) -> None:
        assert effect.run_id not in self.recorded, "S10 a run was recorded twice"
        self.recorded.add(effect.run_id)
        assert effect.seconds is None or effect.seconds >= 0

    def _judge_alarm(self, alarm: Alarm, *, theirs: bool) -> None:
        match alarm.kind:
            case Kind.RAISE if alarm.cause != "reset_refused":
                # Locks have owners: what both found is one alert, which the second brings up to date.
                # Water that is too high may be told at rest, and then again for the run that it forbids or ends.
                again = alarm.code != "biz_overflow" and (alarm.code, theirs) in self.raised
                assert not again, f"S10 {alarm.code} was told again although it was never over"
                self.raised.add((alarm.code, theirs))
            case Kind.RESOLVE:
                self.raised -= {(alarm.code, True), (alarm.code, False)}
            case _:
                pass
        locks = alarm.kind is Kind.RAISE and alarm.code in LOCKING | {"biz_pump_stuck_on"}
        assert not (self.clean and locks), f"a false {alarm.code}: nothing was wrong"
        told = alarm.kind is not Kind.RESOLVE and alarm.code in LOCKING
        assert not (self.clean and told), f"a false {alarm.code}: nothing was wrong"

    def _judge_lock(self, before: Guard, event: Event, effects: tuple[Effect, ...]) -> None:
        after = self.guard
        assert after is not None
        disk = memory_from_dict(self.disk) if self.disk else Memory()
        for effect in effects:
            disk = effect.memory if isinstance(effect, Save) else disk
        kept = disk.lock if disk.lock is not None else disk.device_lock
        assert (kept is None) == (after.lock is None), "S3 what is on disk is not what is locked"
        reset = any(isinstance(one, WasReset) for one in effects)
        said = isinstance(event, (Tripped, RunAnswered)) or (isinstance(event, Reported) and event.lock is not None)
        if reset:
            self.own_lock, self.frozen_lock = None, False
        if after.lock is not None and before.lock is None and not said:
            self.own_lock = after.lock
            self.frozen_lock = after.lock.cause is Cause.FROZEN
            assert any(isinstance(one, Alarm) and one.kind is Kind.RAISE for one in effects), "S10 a silent lock"
        if self.own_lock is not None:
            assert after.lock is not None, "S3 Home Assistant's lock is gone without a reset of Home Assistant's"

    def _judge_reset(self) -> None:
        """S3: what is there still, or cannot be seen now, is not gone."""
        lock = self.own_lock
        if lock is None:
            return
        level, current, flow = (self._known(one) for one in (Sense.LEVEL, Sense.CURRENT_MA, Sense.FLOW))
        match lock.reason:
            case Reason.DRY_RUN if self.limits.role is not Role.FILL:
                assert level is not None, "S3 reset while the level was unknown"
                assert level >= MIN_LEVEL, "S3 reset while it was dry"
            case Reason.OVERFLOW:
                assert level is not None, "S3 reset while the level was unknown"
                assert level < MAX_LEVEL, "S3 reset while it was full"
            case Reason.OVERCURRENT:
                assert current is not None, "S3 reset while the current was unknown"
                assert current <= 1500, "S3 reset while the current was too high"
            case Reason.PUMP_STUCK_ON if self.board.circulates and self.wished is not False:
                pass  # it was asked to run again: what moves by right is no sign that it cannot be switched off
            case Reason.PUMP_STUCK_ON:
                for sense, value, limit in ((Sense.CURRENT_MA, current, 50.0), (Sense.FLOW, flow, MIN_FLOW)):
                    if sense in self.board.senses:
                        assert value is not None, f"S3 reset of a stuck pump while its {sense} was unknown"
                        assert value <= limit, "S3 reset while it still moved water"
            case _:
                pass
        assert not (self.frozen_lock and "frozen" in self.board.faults), "S3 reset while the sensor was still frozen"

    # --- judged each second ---------------------------------------------------------------------

    def _look(self) -> None:
        board = self.board
        moving_for = 0.0 if board.moving_since is None else self.now - board.moving_since
        if self.guard is None:
            assert self.died is not None
            alone = min(moving_for, self.now - self.died)
            bounded = board.by_order and board.obeys and not board.circulates
            assert not bounded or alone <= LEASE_S + LOOK_S, "S4 it outlived its lease"
            return
        well = self.contact and not board.faults & {"garbage", "silent", "deaf", "welded", "says_nothing"}
        self.well_since = self.well_since if well else self.now
        # Since when Home Assistant could see and do all that is asked of it.
        able_for = self.now - max(self.well_since, self.booted, self.contact_since)
        if board.circulates:
            self._look_at_circulation(able_for)
        else:
            self._look_at_bounds(min(able_for, moving_for))
        self._look_at_fault(min(able_for, moving_for))
        self._look_at_wish()
        self._look_at_stuck()

    def _look_at_bounds(self, ran: float) -> None:
        assert ran <= MAX_RUN + SLOW, "S4 it runs past its bound"
        for sense in self.board.senses:
            blind = min(ran, self.now - max(self.heard[sense].good_at, self.booted))
            assert blind <= self._fresh_s(sense) + GRACE_S + 2 * LOOK_S, f"S6 it runs without its {sense}"

    def _look_at_circulation(self, able_for: float) -> None:
        board, guard = self.board, self.guard
        assert guard is not None
        if board.still_since is None or _holds(guard.lock) or board.lock in {"overcurrent", "dry_run"}:
            self.held_at = self.now
            return
        still = self.now - max(board.still_since, self.held_at)
        assert not (able_for > SLOW and still > MAX_OFF + SLOW), "S5 circulation was left off"
        if self.wants_circulation and "literal" in board.faults and self.around == Around():
            assert not (able_for > SLOW and still > SLOW), "S5 a run of circulation was not renewed"

    def _look_at_fault(self, ran: float) -> None:
        """A real fault trips within its limit (S7)."""
        guard, board = self.guard, self.board
        assert guard is not None
        level, flow, current = (self.heard[one] for one in (Sense.LEVEL, Sense.FLOW, Sense.CURRENT_MA))
        shown = self.shown is True and self.now - self.shown_at <= LOOK_S
        if not shown or guard.lock is not None or board.circulates != (self.limits.role is Role.RECIRCULATION):
            return
        pace = 2.0 * board.interval
        self._trips("full" if self.limits.role is Role.FILL else "dry", level, ran, pace + 3.0 + LOOK_S, 3)
        self._trips("stalled", current, ran, 0.5 + LOOK_S, 3)
        self._trips("still", flow, ran, 10.0 + 5.0 + LOOK_S, 3)

    def _trips(self, what: str, heard: Heard, ran: float, limit: float, count: int) -> None:
        if heard.bad_since is None or self.now - heard.at > 2 * self.board.interval:
            return
        bad_for = min(self.now - heard.bad_since, ran)
        assert not (heard.bad_count >= count and bad_for > limit + 2 * LOOK_S), f"S7 it runs on while it is {what}"

    def _look_at_wish(self) -> None:
        """What was asked for is confirmed within its time, counted from the first request, or it is told."""
        guard = self.guard
        assert guard is not None
        says = self.contact and self.shown is not None and self.now - self.shown_at <= LOOK_S
        against = self.wished is not None and says and self.shown is not self.wished
        # Only a stop is contradicted for certain: a run may have ended by now for many a reason.
        if not against or self.wished or self.board.lock is not None:
            self.against_since = None
            return
        self.against_since = self.now if self.against_since is None else self.against_since
        late = self.now - max(self.against_since, self.wished_at) > CONFIRM_S + 2 * LOOK_S
        told = guard.unconfirmed or guard.stuck
        assert not late or told, "S10 it does not do what it was told, and nobody hears of it"

    def _look_at_stuck(self) -> None:
        """Water that goes on moving after a stop is told (S7), whatever the board says of its relay."""
        guard, board = self.guard, self.board
        assert guard is not None
        seen = any(
            self.heard[sense].at == self.now and (self.heard[sense].value or 0.0) > limit
            for sense, limit in ((Sense.CURRENT_MA, 50.0), (Sense.FLOW, MIN_FLOW))
        )
        off = self.wished is False and self.shown is False and self.contact and "welded" in board.faults
        if not (seen and off):
            self.sense_stuck_since = None
            return
        since = self.sense_stuck_since = self.now if self.sense_stuck_since is None else self.sense_stuck_since
        late = self.now - since > 5.0 + 3 * LOOK_S
        assert not late or guard.stuck, "S7 a pump that cannot be switched off was not noticed"


def _ordered(guard: Guard) -> bool:
    return getattr(guard.state, "order", None) is not None


def _holds(lock: Refused | None) -> bool:
    """Say which locks may hold circulation off: an overcurrent, and a dry run that was measured (S5)."""
    if lock is None:
        return False
    return lock.reason is Reason.OVERCURRENT or (lock.reason is Reason.DRY_RUN and lock.cause is not Cause.UNKNOWN)
