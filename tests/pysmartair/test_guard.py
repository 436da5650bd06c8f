"""The guard of a pump, event by event: what the machine of hypothesis reaches by chance is written out here."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.smartair.pysmartair.guard.guard import begin, lock_of, refusal_of, step
from custom_components.smartair.pysmartair.guard.memory import lock_as_dict, memory_as_dict, memory_from_dict
from custom_components.smartair.pysmartair.guard.model import (
    Accept,
    Alarm,
    Answer,
    Around,
    Configured,
    Contacted,
    DeviceReset,
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
    Refuse,
    Reported,
    ResetAnswered,
    ResetAsked,
    ResetRefused,
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
    Starting,
    StopAnswered,
    StopAsked,
    Stopping,
    Tick,
    Tripped,
    Unknown,
    WasReset,
)
from custom_components.smartair.pysmartair.safety import Cause, Limits, Reading, Readings, Reason, Refused, Role

NOW = 1_000.0


class Told:
    """A guard that is told one thing after another, and what it wanted last."""

    def __init__(self, role: Role = Role.DRAIN, memory: Memory | None = None, **kwargs: Any) -> None:
        self.now = NOW
        self.guard: Guard = begin(Limits(role=role), memory or Memory(), NOW, **kwargs)
        self.effects: tuple[Effect, ...] = ()
        self(Contacted(True))

    def __call__(self, event: Event, after: float = 0.0) -> tuple[Effect, ...]:
        self.now += after
        self.guard, self.effects = step(self.guard, event, self.now)
        return self.effects

    def wanted[T](self, kind: type[T]) -> list[T]:
        return [one for one in self.effects if isinstance(one, kind)]

    @property
    def state(self) -> Any:
        return self.guard.state


def on(run_id: str = "found") -> Reported:
    return Reported(on=True, run_id=run_id)


def off(lock: str | None = None) -> Reported:
    return Reported(on=False, lock=lock, run_id="never")


def resting(role: Role = Role.DRAIN, **kwargs: Any) -> Told:
    told = Told(role, **kwargs)
    told(off())
    return told


def running(role: Role = Role.DRAIN, *, seconds: float | None = None, **kwargs: Any) -> Told:
    told = resting(role, **kwargs)
    told(RunAsked(run_id="run", seconds=seconds))
    told(RunAnswered(lease=1, answer=Answer.ACCEPTED))
    return told


# --- orders -------------------------------------------------------------------------------------------


def test_a_run_is_accepted_once_its_device_says_so() -> None:
    told = resting()
    assert told(RunAsked(run_id="run", seconds=30)) == (SendRun(1, 30, planned=True),)
    assert told(RunAnswered(lease=9, answer=Answer.ACCEPTED)) == ()
    assert Accept("run", "run") in told(RunAnswered(lease=1, answer=Answer.ACCEPTED))
    assert isinstance(told.state, Running)
    assert told(RunAnswered(lease=1, answer=Answer.ACCEPTED)) == ()


def test_a_report_may_come_before_the_answer() -> None:
    told = Told()
    told(off())
    told(RunAsked(run_id="run"))
    assert Accept("run", "run") in told(on())
    assert told.state.seen


def test_a_run_that_ended_before_it_was_seen_is_accounted_for() -> None:
    told = resting()
    told(RunAsked(run_id="run", seconds=2))
    told(RunAnswered(lease=1, answer=Answer.DONE, seconds=2.0, litres=0.1, ended_by="finished"))
    assert told.wanted(Ended) == [Ended(run_id="run", since=NOW, seconds=2.0, litres=0.1, by="finished")]


@pytest.mark.parametrize("code", [None, "busy"])
def test_a_device_that_does_not_run_is_believed(code: str | None) -> None:
    told = resting()
    told(RunAsked(run_id="run"))
    told(RunAnswered(lease=1, answer=Answer.ERROR, code=code))
    assert told.wanted(Fail) == [Fail("run", code or "error")]
    assert isinstance(told.state, Resting)


def test_a_device_that_refuses_gives_its_reason() -> None:
    told = resting()
    told(RunAsked(run_id="run"))
    verdict = Refused(Reason.DRY_RUN, Cause.FLOAT_OPEN)
    told(RunAnswered(lease=1, answer=Answer.ERROR, code="dry_run", trip=verdict))
    assert told.wanted(Refuse) == [Refuse("run", verdict)]
    assert told.guard.lock is None


def test_what_could_not_be_sent_did_not_start() -> None:
    told = resting()
    told(RunAsked(run_id="run"))
    assert told(NotSent(7)) == ()
    noted = Alarm(Kind.NOTE, "biz_run_refused", cause="not_sent")
    assert told(NotSent(1)) == (Fail("run", "not_sent"), noted)
    assert isinstance(told.state, Resting)


def test_a_later_order_replaces_one_that_is_not_answered() -> None:
    told = resting()
    told(RunAsked(run_id="one", seconds=30))
    told(RunAsked(run_id="two", seconds=20))
    assert told.wanted(Fail) == [Fail("one", "replaced")]
    assert told(off()) == ()
    assert told.state.order.run_id == "two"


def test_an_order_to_a_pump_that_runs_moves_its_end_and_no_further_than_it_may() -> None:
    told = running(seconds=30)
    told(RunAsked(run_id="two", seconds=1100), 200 * 0)
    assert told.wanted(Accept) == [Accept("two", "run")]
    assert told.state.until == NOW + 1100
    told(on(), 60)
    for _ in range(9):
        told(on(), 10)
    told(RunAsked(run_id="three", seconds=1200))
    assert told.state.until == NOW + 1200
    assert not told.state.order.planned


def test_a_pump_that_is_just_being_stopped_may_be_started_again() -> None:
    told = running()
    told(on())
    told(StopAsked())
    told(RunAsked(run_id="two", seconds=10))
    assert isinstance(told.state, Starting)
    told(off())
    assert isinstance(told.state.last, Resting)
    told(RunAnswered(lease=2, answer=Answer.ACCEPTED))
    assert isinstance(told.state, Running)


def test_a_pump_that_does_not_stop_is_not_started_again() -> None:
    told = running()
    told(on())
    told(StopAsked())
    told(on(), 10)
    assert told.guard.unconfirmed
    told(RunAsked(run_id="two", seconds=10))
    assert told.wanted(Refuse)[0].verdict == Refused(Reason.STATE_UNKNOWN)


def test_litres_need_a_flow() -> None:
    told = resting()
    told(RunAsked(run_id="run", litres=5))
    assert told.wanted(Refuse)[0].verdict == Refused(Reason.NO_FLOW, Cause.UNKNOWN)


def test_a_run_ends_when_its_litres_have_flowed() -> None:
    told = resting()
    told(Fitted(frozenset({Sense.FLOW})))
    told(Sensed(Sense.FLOW, 6.0))
    told(RunAsked(run_id="run", litres=1))
    told(on())
    told(Sensed(Sense.FLOW, 6.0), 5)
    assert told.wanted(SendStop) == []
    told(Sensed(Sense.FLOW, 6.0), 5)
    assert told.wanted(SendStop) == [SendStop()]
    told(StopAnswered())
    told(Tick(), 3)
    assert told.wanted(Ended) == [Ended(run_id="run", since=NOW, seconds=10.0, litres=1.0, by="finished")]


# --- leases and ends ----------------------------------------------------------------------------------


def test_a_device_that_refuses_to_renew_is_asked_no_more() -> None:
    told = running()
    told(on(), 20)
    assert told.wanted(SendRun) == [SendRun(2, 60, planned=True)]
    told(RunAnswered(lease=2, answer=Answer.ERROR, code="busy"))
    assert told.state.renew_at is None
    assert told.wanted(Alarm)[0].cause == "busy"


def test_a_lease_is_not_renewed_against_the_gate() -> None:
    told = running()
    told(on())
    told.guard = replace(told.guard, updating=True)
    told(on(), 20)
    assert told.wanted(SendRun) == []
    assert told.state.renew_at == told.now + 20


def test_the_earlier_command_of_a_renewed_run_is_answered_and_ends_nothing() -> None:
    told = running()
    told(on(), 20)
    told(RunAnswered(lease=1, answer=Answer.DONE))
    assert isinstance(told.state, Running)


def test_the_protection_of_the_device_ends_a_run() -> None:
    told = running()
    told(on())
    told(RunAnswered(lease=1, answer=Answer.ERROR, code="no_flow", trip=Refused(Reason.NO_FLOW, Cause.MEASURED)))
    assert told.wanted(Ended)[0].by == "no_flow"
    assert len(told.guard.failures) == 1


def test_an_error_without_a_reason_ends_a_run_too() -> None:
    told = running()
    told(RunAnswered(lease=1, answer=Answer.ERROR))
    assert told.wanted(Ended)[0].by == "device_lock"


@pytest.mark.parametrize(
    ("seconds", "after", "by"), [(10, 10, "finished"), (None, 1200, "max_run"), (90, 5, "device")]
)
def test_a_run_that_the_device_ended_is_judged_by_its_time(seconds: float | None, after: float, by: str) -> None:
    told = running(seconds=seconds)
    told.guard = replace(told.guard, limits=replace(told.guard.limits, stale_after_s=5000.0))
    told(on())
    told(off(), after)
    told(Tick(), 3)
    assert told.wanted(Ended)[0].by == by
    assert bool(told.guard.failures) == (by == "max_run")


def test_a_run_that_was_accepted_and_is_off_is_not_confirmed() -> None:
    told = running(seconds=90)
    told(off(), 2)
    assert told.guard.unconfirmed
    told(RunAnswered(lease=1, answer=Answer.ERROR, code="no_flow"))
    assert told.wanted(Ended)[0].by == "no_flow"
    assert told(RunAnswered(lease=1, answer=Answer.DONE)) == ()


def test_an_answer_without_an_account_leaves_the_record_open() -> None:
    told = running(seconds=10)
    told(on())
    told(off(), 10)
    assert told(RunAnswered(lease=1, answer=Answer.DONE)) == ()
    told(RunAnswered(lease=1, answer=Answer.DONE, seconds=9.5, ended_by="finished"))
    assert told.wanted(Ended)[0].seconds == 9.5


def test_the_account_of_a_run_that_is_being_stopped_says_that_it_stopped() -> None:
    told = running()
    told(on())
    told(StopAsked())
    told(RunAnswered(lease=1, answer=Answer.DONE, seconds=1.0, ended_by="stopped"))
    assert told.wanted(Ended)[0].by == "stopped"
    assert told.state.told


def test_a_run_that_goes_past_its_bound_is_stopped_and_counts_as_failed() -> None:
    told = resting(ends_itself=False)
    told(RunAsked(run_id="run"))
    told(RunAnswered(lease=1, answer=Answer.ACCEPTED))
    told(on())
    told(Tick(), 1200)
    assert told.wanted(SendStop) == [SendStop()]
    assert told.state.by == "max_run"
    assert len(told.guard.failures) == 1
    assert told(Tick(), 1) == ()


def test_a_planned_run_that_nobody_else_ends_is_ended() -> None:
    told = resting(ends_itself=False)
    told(RunAsked(run_id="run", seconds=40))
    told(on())
    told(Tick(), 40)
    told(off())
    assert told.wanted(Ended)[0].by == "finished"


# --- stops --------------------------------------------------------------------------------------------


def test_a_stop_that_shows_nothing_is_repeated_and_then_the_pump_is_stuck() -> None:
    told = running()
    told(on())
    told(StopAsked())
    for _ in range(3):
        assert told(on(), 10)
        assert SendStop() in told.effects
    assert told.guard.stuck
    told(ResetAsked())
    assert told.wanted(ResetRefused)[0].verdict == Refused(Reason.PUMP_STUCK_ON, Cause.UNKNOWN)
    told(off())
    told(ResetAsked())
    assert told.wanted(WasReset)
    assert not told.guard.stuck


def test_what_runs_after_its_last_word_was_a_stop_is_stopped() -> None:
    told = Told()
    told(StopAsked())
    assert told.state.stopped
    told(on())
    assert told.wanted(SendStop) == [SendStop()]
    told(StopAnswered())
    assert told.state.told
    told(StopAnswered())
    told(on())
    assert told.wanted(SendStop) == [SendStop()]


def test_contact_that_is_lost_ends_what_was_going_on() -> None:
    for told in (running(), resting(), resting(Role.RECIRCULATION), running(Role.RECIRCULATION)):
        told(Contacted(False))
        told(Tick(), 5)
        assert isinstance(told.state, Unknown)
        told(Tick(), 5)
        assert told(Tick(), 5) == ()
    told = resting()
    told(RunAsked(run_id="run"))
    told(Contacted(False))
    told(Tick(), 6)
    assert told.wanted(Fail) == [Fail("run", "contact_lost")]
    told = running()
    told(StopAsked())
    told(Contacted(False))
    told(Tick(), 6)
    assert told.state.stopped


def test_circulation_that_is_just_being_started_is_not_stopped_for_a_lost_contact() -> None:
    told = resting(Role.RECIRCULATION)
    told(RunAsked(run_id="run"))
    told(Contacted(False))
    told(Tick(), 6)
    assert told.wanted(SendStop) == []
    assert told.wanted(Fail) == [Fail("run", "contact_lost")]


def test_circulation_that_does_not_answer_is_not_stopped() -> None:
    told = resting(Role.RECIRCULATION)
    told(RunAsked(run_id="run"))
    told(Tick(), 10)
    assert told.wanted(Fail) == [Fail("run", "no_answer")]
    assert told.wanted(SendStop) == []


def test_a_start_that_is_not_answered_from_a_state_that_was_not_known_is_stopped_there_too() -> None:
    told = running()
    told(on())
    told(StopAsked())
    told(RunAsked(run_id="two", seconds=10))
    told(Tick(), 10)
    assert isinstance(told.state, Unknown)
    assert told.state.stopped


# --- circulation --------------------------------------------------------------------------------------


def paused(**kwargs: Any) -> Told:
    told = Told(Role.RECIRCULATION, **kwargs)
    told.guard = replace(told.guard, limits=replace(told.guard.limits, stale_after_s=50_000.0))
    told(on())
    told(StopAsked(off_s=60))
    told(StopAnswered())
    return told


def test_circulation_is_released_again_and_again_until_it_runs() -> None:
    told = paused()
    told(off(), 60)
    assert [one.lease for one in told.wanted(SendRun)] == [1]
    assert told(Tick(), 9) == ()
    told(Tick(), 1)
    assert [one.lease for one in told.wanted(SendRun)] == [2]
    assert told.guard.unconfirmed
    told(RunAnswered(lease=2, answer=Answer.ERROR, code="busy"))
    assert isinstance(told.state, Resting)
    told(RunAnswered(lease=2, answer=Answer.DONE))
    assert isinstance(told.state, Running)
    # An answer alone had ended the pause and its term: a relay that never closed began a new one each time (D1).
    assert told.guard.off_since is not None
    told(on())
    assert told.guard.off_since is None
    assert not told.guard.unconfirmed


def test_circulation_that_is_only_answered_to_run_is_asked_for_again_and_told_once() -> None:
    told = paused()
    told(off(), 60)
    alarms: list[Alarm] = []
    sent = 0
    for _ in range(60):
        for lease in [one.lease for one in told.wanted(SendRun)]:
            sent += 1
            told(RunAnswered(lease=lease, answer=Answer.DONE))
        told(off(), 1)
        alarms += told.wanted(Alarm)
        assert told.wanted(Ended) == []
    assert sent >= 5
    assert [one.kind for one in alarms if one.code == "biz_command_unconfirmed"] == [Kind.RAISE]


def test_a_device_that_keeps_the_rule_has_the_first_word() -> None:
    told = paused(protected=True)
    told(off(), 61)
    assert told.wanted(SendRun) == []
    told(off(), 1)
    assert len(told.wanted(SendRun)) == 1


def test_a_lock_that_may_hold_circulation_off_replaces_one_that_may_not() -> None:
    told = Told(Role.RECIRCULATION)
    told(on())
    told(Tripped(Refused(Reason.NO_FLOW, Cause.MEASURED), locked=True))
    told(Tripped(Refused(Reason.OVERCURRENT, Cause.MEASURED), locked=True))
    assert told.guard.lock == Refused(Reason.OVERCURRENT, Cause.MEASURED)
    assert Alarm(Kind.RESOLVE, "biz_no_flow") in told.effects
    told(on())
    assert told.wanted(SendStop)


def test_circulation_that_was_locked_off_is_released_by_its_reset() -> None:
    told = Told(Role.RECIRCULATION)
    told(on())
    told(Tripped(Refused(Reason.OVERCURRENT, Cause.MEASURED), locked=True))
    told(off())
    told(ResetAsked())
    assert told.wanted(WasReset)
    told(off(), 10)
    assert len(told.wanted(SendRun)) == 1


@pytest.mark.parametrize("protected", [True, False])
def test_whoever_leaves_lets_circulation_run(protected: bool) -> None:
    told = paused(protected=protected)
    told(Leaving())
    assert bool(told.wanted(SendRun)) is not protected
    told = Told(Role.RECIRCULATION)
    assert told(Leaving()) == ()


def test_whoever_leaves_stops_what_was_ordered_and_nothing_else() -> None:
    told = running()
    told(Leaving())
    assert told.wanted(SendStop) == [SendStop()]
    assert told.wanted(Ended)[0].by == "stopped"
    told = resting()
    told(RunAsked(run_id="run"))
    told(Leaving())
    assert told.wanted(SendStop) == [SendStop()]
    told = Told()
    told(on())
    assert told(Leaving()) == ()


# --- locks and resets ---------------------------------------------------------------------------------


def test_a_protected_pump_is_reset_by_its_device() -> None:
    told = resting(protected=True)
    told(off("dry_run"))
    assert told.guard.lock == Refused(Reason.DRY_RUN)
    assert told(ResetAnswered(done=True)) == ()
    assert told(ResetAsked()) == (SendReset(),)
    verdict = Refused(Reason.DRY_RUN, Cause.FLOAT_OPEN)
    told(ResetAnswered(done=False, refused=verdict))
    assert told.wanted(ResetRefused) == [ResetRefused(verdict)]
    told(ResetAsked())
    assert told(ResetAnswered(done=False)) == ()
    told(ResetAsked())
    told(ResetAnswered(done=True))
    assert told.wanted(WasReset)
    assert told.guard.lock is None


def test_a_protected_pump_that_cannot_be_reached_keeps_its_lock() -> None:
    told = resting(protected=True)
    told(Contacted(False))
    told(ResetAsked())
    assert told.wanted(ResetRefused) == [ResetRefused(Refused(Reason.NO_CONTACT))]
    assert told.wanted(Alarm) == []


def test_a_reset_of_nothing_is_no_trouble() -> None:
    told = resting()
    assert told(ResetAsked()) == (WasReset(),)


def test_the_reset_at_the_device_clears_its_lock_and_no_other() -> None:
    told = resting()
    told(off("overcurrent"))
    told(DeviceReset("dry_run"))
    assert told.guard.lock is not None
    told(DeviceReset("overcurrent"))
    told(off())
    assert told.guard.lock is None
    assert told(DeviceReset(None)) == ()


def test_an_order_that_is_refused_ends_no_run_that_was_found() -> None:
    told = Told(Role.RECIRCULATION)
    told(on())
    told(RunAsked(run_id="run", seconds=0))
    assert told.wanted(Refuse) == [Refuse("run", Refused(Reason.MAX_RUN_MISSING))]
    told(RunAsked(run_id="again"))
    told(RunAnswered(lease=told.state.lease, answer=Answer.ERROR, code="bad_params"))
    assert isinstance(told.state, Running)
    assert told.guard.failures == ()


def test_a_channel_that_becomes_circulation_or_ceases_to_be_keeps_its_run_in_bounds() -> None:
    told = running(Role.DRAIN)
    told(Configured(Limits(role=Role.RECIRCULATION), protected=False))
    assert told.state.until is None
    told(Configured(Limits(role=Role.DRAIN), protected=False))
    assert told.state.until == told.state.since + told.guard.limits.max_run_s
    told(Configured(Limits(role=Role.DRAIN, max_run_s=7), protected=False))
    assert told.state.until == told.state.since + 7


def test_a_stop_that_may_be_lost_is_sent_again_when_the_contact_is_back() -> None:
    told = running()
    told(StopAsked())
    told(Contacted(False))
    told(Contacted(True), 1)
    assert told.wanted(SendStop) == [SendStop()]
    assert told.state.asked_at == told.now
    told(Contacted(False))
    told(Tick(), 60)
    assert told.state == Unknown(since=told.now, stopped=True, lost=True)
    told(Contacted(True))
    assert told.wanted(SendStop) == [SendStop()]


def test_whoever_leaves_says_once_more_what_may_not_have_been_heard() -> None:
    told = running()
    told(StopAsked())
    told(Leaving())
    assert told.wanted(SendStop) == [SendStop()]
    assert [one.by for one in told.wanted(Ended)] == ["stopped"]


def test_a_switch_that_accepts_and_does_nothing_is_found_out() -> None:
    told = resting(ends_itself=False)
    told(RunAsked(run_id="run"))
    told(RunAnswered(lease=1, answer=Answer.ACCEPTED))
    told(Tick(), 10)
    assert told.wanted(SendStop) == [SendStop()]
    assert told.wanted(Alarm) == [Alarm(Kind.RAISE, "biz_command_unconfirmed", cause="start")]
    told(StopAnswered())
    assert isinstance(told.state, Stopping), "that it was told so is no news of it"


def test_a_reset_at_the_device_is_believed_once_its_report_bears_it_out() -> None:
    told = resting()
    told(off("overcurrent"))
    told(DeviceReset("overcurrent"))
    assert told.guard.lock == Refused(Reason.OVERCURRENT)
    told(off("overcurrent"))
    told(off())
    assert told.guard.lock == Refused(Reason.OVERCURRENT), "a late copy took the lock away"
    told(DeviceReset("overcurrent"))
    assert told.guard.lock is None, "the report came first, and then the event"


def test_a_reset_that_a_new_trip_overtakes_leaves_the_lock() -> None:
    told = resting()
    trip = Tripped(Refused(Reason.NO_FLOW, Cause.MEASURED), locked=True)
    told(trip)
    told(DeviceReset("no_flow"))
    told(trip)
    told(off("no_flow"))
    assert told.guard.lock == Refused(Reason.NO_FLOW, Cause.MEASURED)
    told(off())
    assert told.guard.lock == Refused(Reason.NO_FLOW, Cause.MEASURED)


def test_no_reset_at_the_device_clears_a_lock_that_only_home_assistant_has() -> None:
    told = resting(memory=Memory(lock=Refused(Reason.NO_FLOW)))
    told(DeviceReset("no_flow"))
    told(DeviceReset(None))
    told(off())
    assert told.guard.lock == Refused(Reason.NO_FLOW)


def test_a_lock_that_nobody_knows_is_told_by_the_words_of_its_device() -> None:
    told = resting()
    told(off("gremlins"))
    assert told.wanted(Alarm) == [
        Alarm(Kind.RAISE, "biz_device_lock", Refused(Reason.DEVICE_LOCK), "gremlins"),
    ]


def test_a_stuck_pump_that_was_locked_before_is_stuck_beside_its_lock() -> None:
    told = resting()
    told(off("dry_run"))
    told(Tripped(Refused(Reason.PUMP_STUCK_ON, Cause.MEASURED), locked=True))
    assert told.guard.stuck
    assert told.guard.lock == Refused(Reason.DRY_RUN)
    told(ResetAsked())
    assert Alarm(Kind.RESOLVE, "biz_pump_stuck_on") in told.effects
    told(off("pump_stuck_on"))
    assert told.guard.stuck


def test_a_trip_of_the_device_finds_the_pump_in_any_state() -> None:
    trip = Tripped(Refused(Reason.MAX_RUN, Cause.MEASURED), locked=False)
    told = running()
    told(trip)
    assert len(told.guard.failures) == 1
    told = resting()
    told(RunAsked(run_id="run"))
    told(trip)
    assert told.wanted(Fail) == [Fail("run", "max_run")]
    told = running()
    told(StopAsked())
    told(trip)
    assert isinstance(told.state, Resting)
    assert Told()(trip) == ()


def test_a_lock_of_the_device_stops_what_runs() -> None:
    told = running()
    told(Reported(on=True, lock="gremlins", run_id="x"))
    assert told.guard.lock == Refused(Reason.DEVICE_LOCK)
    assert told.wanted(SendStop) == [SendStop()]


def test_a_report_without_a_state_is_a_report_of_its_lock_alone() -> None:
    told = Told()
    told(Reported(on=None, lock="dry_run", run_id="x"))
    assert isinstance(told.state, Unknown)
    assert told.guard.lock is not None


# --- over a restart -----------------------------------------------------------------------------------


def test_a_run_from_before_a_restart_goes_on_being_watched_or_is_written_down() -> None:
    memory = Memory(run_id="old", run_since=NOW - 100, off_since=NOW + 50, failures=(NOW + 99,))
    told = Told(memory=memory)
    assert told.guard.failures == (NOW,)
    assert told.guard.off_since == NOW
    told(on())
    assert (told.state.run_id, told.state.until) == ("old", NOW + 1100)
    told = Told(memory=memory)
    told(off())
    assert told.wanted(Ended) == [Ended(run_id="old", since=NOW - 100, seconds=None, litres=None, by="interrupted")]


def test_what_is_kept_comes_back_as_it_was() -> None:
    memory = Memory(
        lock=Refused(Reason.DRY_RUN, Cause.MEASURED, 3.0, 10.0),
        failures=(1.0,),
        off_since=2.0,
        stuck=True,
        run_id="r",
    )
    assert memory_from_dict(memory_as_dict(memory)) == memory
    assert memory_from_dict({}) == Memory()
    assert lock_as_dict(None) is None


@pytest.mark.parametrize("lock", ["x", {"reason": "?"}, ["dry_run"], 1])
def test_a_lock_that_cannot_be_read_is_a_lock(lock: object) -> None:
    assert memory_from_dict({"lock": lock}).lock == Refused(Reason.DEVICE_LOCK, Cause.UNKNOWN)


def test_of_what_is_broken_the_rest_is_kept() -> None:
    kept = memory_from_dict(
        {"lock": {"reason": "dry_run", "cause": "?", "value": "3"}, "failures": [1, "x", True], "run_id": 7}
    )
    assert kept == Memory(lock=Refused(Reason.DRY_RUN, Cause.UNKNOWN), failures=(1.0,))


def test_codes_and_details_are_read_with_care() -> None:
    assert lock_of("no_flow") is Reason.NO_FLOW
    assert lock_of("interlock") is Reason.DEVICE_LOCK
    assert refusal_of(None, {}) is None
    assert refusal_of("gremlins", {}) is None
    assert refusal_of("gremlins", {}, locked=True) == Refused(Reason.DEVICE_LOCK)
    details = {"cause": "measured", "current_ma": 2300, "threshold_ma": 1500}
    assert refusal_of("overcurrent", details) == Refused(Reason.OVERCURRENT, Cause.MEASURED, 2300, 1500)
    assert refusal_of("overcurrent", {"cause": 7, "value": True}) == Refused(Reason.OVERCURRENT)


# --- what is measured ---------------------------------------------------------------------------------


def test_what_is_not_fitted_is_not_measured() -> None:
    told = resting()
    told(Sensed(Sense.LEVEL, 50.0))
    assert told.guard.readings == Readings()
    told(Fitted(frozenset(Sense)))
    for sense in Sense:
        told(Sensed(sense, 1.0))
    one = Reading(1.0, NOW, 1)
    assert told.guard.readings == Readings(level=one, flow=one, current_ma=one, power_w=one)
    told(Configured(Limits(role=Role.DRAIN, min_level=20.0), protected=True))
    assert told.guard.protected


def test_a_value_that_is_said_again_is_no_second_reading_and_grows_no_younger() -> None:
    told = resting()
    told(Fitted(frozenset({Sense.LEVEL})))
    told(Sensed(Sense.LEVEL, 50.0, again=True))
    assert told.guard.readings.level == Reading(50.0, NOW, 1), "the first is one, whatever it is to others"
    # It had made the value of a dead sensor fresh: a zone lends what it knows each second.
    told(Sensed(Sense.LEVEL, 50.0, again=True), 10)
    assert told.guard.readings.level == Reading(50.0, NOW, 1)
    told(Sensed(Sense.LEVEL, None, again=True))
    assert told.guard.readings.level == Reading(None, NOW, 1), "its source says that it holds no longer"
    told(Sensed(Sense.LEVEL, 50.0, again=True, alive=True))
    assert told.guard.readings.level == Reading(50.0, NOW + 10, 1)
    told(Sensed(Sense.LEVEL, 50.0), 10)
    assert told.guard.readings.level == Reading(50.0, NOW + 20, 2)


def test_a_source_that_speaks_only_of_changes_has_the_pace_that_its_zone_saw() -> None:
    told = resting(Role.FILL)
    told(Fitted(frozenset({Sense.LEVEL})))
    for _ in range(3):
        told(Sensed(Sense.LEVEL, 50.0, alive=True, pace=4.0), 7200)
    told(off())
    told(RunAsked(run_id="run"))
    assert told.wanted(SendRun)


@pytest.mark.parametrize(
    ("gaps", "interval"),
    [((), None), ((5,), 5), ((1, 5), 5), ((5, 1, 5), 5), ((1, 1, 90), 1), ((9, 9, 9, 1, 1), 1), ((0.1, 0.1), None)],
)
def test_the_interval_of_a_source_is_the_one_that_is_seen_lately(
    gaps: tuple[float, ...], interval: float | None
) -> None:
    told = resting()
    told(Fitted(frozenset({Sense.LEVEL})))
    told(Sensed(Sense.LEVEL, 50.0))
    for gap in gaps:
        told(Sensed(Sense.LEVEL, 50.0), gap)
    reading = told.guard.readings.level
    assert reading is not None
    assert reading.interval == pytest.approx(interval)


def test_what_ran_before_a_start_goes_on_until_its_sources_have_had_their_term() -> None:
    for role in (Role.FILL, Role.DRAIN, Role.RECIRCULATION):
        told = Told(role)
        told(Configured(replace(told.guard.limits, stale_after_s=60.0), protected=False))
        told(Fitted(frozenset({Sense.LEVEL})))
        told(on())
        for _ in range(60):
            told(on(), 1)
            assert told.wanted(SendStop) == []
        told(on(), 1)
        told(on(), 5)
        assert told.wanted(SendStop), "and no longer"


def test_a_source_that_spoke_once_since_a_start_may_take_its_time_to_speak_again() -> None:
    told = Told(Role.FILL)
    told(Configured(replace(told.guard.limits, stale_after_s=60.0), protected=False))
    told(Fitted(frozenset({Sense.LEVEL})))
    told(Sensed(Sense.LEVEL, 50.0))
    told(on())
    for _ in range(40):
        told(on(), 1)
        assert told.wanted(SendStop) == []
    # A new run is not begun on what may be as old as the term of another source.
    told = resting(Role.FILL)
    told(Configured(replace(told.guard.limits, stale_after_s=60.0), protected=False))
    told(Fitted(frozenset({Sense.LEVEL})))
    told(Sensed(Sense.LEVEL, 50.0))
    told(off(), 16)
    told(RunAsked(run_id="run"))
    assert told.wanted(Refuse)[0].verdict == Refused(Reason.OVERFLOW, Cause.UNKNOWN, None, 95.0)


def test_a_device_that_is_back_has_its_term_again() -> None:
    told = Told(Role.RECIRCULATION)
    told(Configured(replace(told.guard.limits, stale_after_s=60.0), protected=False))
    told(Fitted(frozenset({Sense.LEVEL})))
    told(on())
    told(Sensed(Sense.LEVEL, 50.0))
    told(Sensed(Sense.LEVEL, 50.0), 1)
    told(Contacted(False))
    told(Contacted(True), 300)
    for _ in range(40):
        told(on(), 1)
        assert told.wanted(SendStop) == []
    assert told.guard.lock is None


def test_a_run_is_stopped_before_harm_by_what_was_measured_of_its_pace() -> None:
    told = running(Role.FILL, seconds=600)
    told(Configured(replace(told.guard.limits, rate=0.5), protected=False))
    told(Fitted(frozenset({Sense.LEVEL})))
    level = 20.0
    for _ in range(4):
        level += 1.0
        told(Sensed(Sense.LEVEL, level), 2)
        told(on())
    silent = 0
    while not told.wanted(SendStop):
        told(on(), 1)
        silent += 1
    # 5 % of the tank at 0.5 % a second; the grace has no room in it.
    assert silent <= 12
    assert told.guard.lock is None


def filling(flow: float | None) -> tuple[Told, list[Effect]]:
    told = resting(Role.FILL)
    told.guard = replace(told.guard, limits=replace(told.guard.limits, stale_after_s=100.0))
    told(Fitted(frozenset({Sense.LEVEL} if flow is None else {Sense.LEVEL, Sense.FLOW})))
    told(Sensed(Sense.LEVEL, 50.0))
    if flow is not None:
        told(Sensed(Sense.FLOW, flow))
    told(RunAsked(run_id="run"))
    effects: list[Effect] = []
    for _ in range(40):
        told(on(), 10)
        effects += told.effects
        if flow is not None:
            effects += told(Sensed(Sense.FLOW, flow))
        effects += told(Sensed(Sense.LEVEL, 50.0))
    return told, effects


def test_where_there_is_no_flow_sensor_the_level_tells_whether_water_moves() -> None:
    told, _ = filling(None)
    assert told.guard.lock == Refused(Reason.NO_FLOW, Cause.MEASURED, 0.0, 1.0)


def test_a_level_that_stands_still_while_water_flows_is_none() -> None:
    told, effects = filling(3.0)
    assert told.guard.lock == Refused(Reason.OVERFLOW, Cause.FROZEN, 50.0)
    assert [one.code for one in effects if isinstance(one, Alarm) and one.kind is Kind.NOTE] == ["biz_sensor_frozen"]


def test_what_is_locked_is_written_before_anything_else() -> None:
    told = running()
    told(Tripped(Refused(Reason.OVERCURRENT, Cause.MEASURED), locked=True))
    assert isinstance(told.effects[0], Save)
    assert isinstance(told.state, Resting)
    assert not isinstance(told.state, Stopping)


def test_where_no_highest_level_is_kept_there_is_always_room() -> None:
    told = resting(Role.FILL)
    told(Configured(replace(told.guard.limits, max_level=None), protected=True))
    told(RunAsked(run_id="run"))
    assert told.wanted(SendRun)


def test_what_happens_around_is_kept_for_the_gate() -> None:
    told = resting()
    told(Around(interlocked=True))
    told(RunAsked(run_id="run"))
    assert told.wanted(Refuse)[0].verdict == Refused(Reason.INTERLOCK)
    assert told(Contacted(True)) == ()


def test_a_run_fails_once_however_often_it_is_said() -> None:
    told = running()
    told(on())
    trip = Refused(Reason.MAX_RUN, Cause.MEASURED)
    told(RunAnswered(lease=1, answer=Answer.ERROR, code="max_run", trip=trip))
    before = told.guard.failures
    told.guard = replace(told.guard, state=replace(running().guard.state, run_id="run"))
    told(Tripped(trip, locked=False))
    assert told.guard.failures == before


def test_a_reset_at_the_device_ends_what_was_stuck_without_a_lock() -> None:
    told = resting()
    told.guard = replace(told.guard, own_stuck=True)
    told(ResetAsked())
    assert told.wanted(WasReset)
    assert not told.guard.stuck


def test_a_found_run_that_is_stopped_is_written_down_at_once() -> None:
    told = Told()
    told(on("found"))
    told(StopAsked())
    told(StopAnswered())
    assert [one.run_id for one in told.wanted(Ended)] == ["found"]


def test_what_can_be_known_of_the_flow_is_added_up_and_no_more() -> None:
    told = resting()
    told(Fitted(frozenset({Sense.FLOW})))
    told(Sensed(Sense.FLOW, 6.0))
    told(RunAsked(run_id="run"))
    told(on())
    told(Sensed(Sense.FLOW, None), 10)
    told(on(), 4)
    assert told.state.litres == 1.0


def test_a_restart_in_the_second_of_the_stop_makes_circulations_pause_no_longer() -> None:
    told = Told(Role.RECIRCULATION)
    told(on())
    told(StopAsked())
    (save,) = told.wanted(Save)
    assert save.memory.off_since == told.now
    again = Told(Role.RECIRCULATION, save.memory)
    again(Reported(on=False, run_id=""), after=90.0)
    longest = again.guard.limits.max_off_s
    again(Reported(on=False, run_id=""), after=longest - 91.0)
    assert again.wanted(SendRun) == []
    again(Reported(on=False, run_id=""), after=1.0)
    assert len(again.wanted(SendRun)) == 1
