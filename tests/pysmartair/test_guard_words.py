"""Whose word counts: a device's answers against its reports, its locks against ours, and runs that nobody ordered."""

from dataclasses import replace
import json
from pathlib import Path
from typing import Any

import pytest

from custom_components.smartair.pysmartair.guard.memory import memory_as_dict, memory_from_dict
from custom_components.smartair.pysmartair.guard.model import (
    Alarm,
    Answer,
    Around,
    Configured,
    Contacted,
    DeviceReset,
    Disturbed,
    Effect,
    Ended,
    Fitted,
    Kind,
    Memory,
    Refuse,
    Reported,
    ResetAsked,
    ResetRefused,
    Resting,
    RunAnswered,
    RunAsked,
    Running,
    SendRun,
    SendStop,
    Sense,
    Sensed,
    StopAnswered,
    StopAsked,
    Stopping,
    Tick,
    Touched,
    Tripped,
    WasReset,
)
from custom_components.smartair.pysmartair.safety import Cause, Contact, Reason, Refused, Role

from .test_guard import NOW, Told, off, on, resting, running

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/pump_safety.json").read_text())
UNCONFIRMED = "biz_command_unconfirmed"
STUCK = "biz_pump_stuck_on"


def raised(effects: list[Effect], code: str) -> int:
    return sum(isinstance(one, Alarm) and (one.kind, one.code) == (Kind.RAISE, code) for one in effects)


def welded(told: Told, seconds: int) -> list[Effect]:
    """Let a board answer each stop with DONE, and report on all the same."""
    effects: list[Effect] = []
    for _ in range(seconds):
        if told.wanted(SendStop):
            effects += told(StopAnswered())
        effects += told(on("again"), 1)
    return effects


# --- a contact that is welded, on a board that answers all the same -----------------------------------


@pytest.mark.parametrize("role", [Role.DRAIN, Role.RECIRCULATION])
def test_a_stop_that_is_answered_and_contradicted_is_told_after_ten_seconds_and_once(role: Role) -> None:
    told = running(role) if role is Role.DRAIN else Told(role)
    told(on())
    told(StopAsked())
    effects = welded(told, 9)
    assert raised(effects, UNCONFIRMED) == 0
    effects += welded(told, 3)
    assert raised(effects, UNCONFIRMED) == 1
    effects += welded(told, 60)
    assert (raised(effects, UNCONFIRMED), raised(effects, STUCK)) == (1, 1)
    assert told.guard.stuck
    assert sum(isinstance(one, Ended) for one in effects) == 1, "one run, one record"
    assert sum(isinstance(one, SendStop) for one in effects) <= 9, "each ten seconds, and no more"


def test_a_stop_at_rest_is_contradicted_by_the_next_report_as_any_other() -> None:
    told = resting()
    told(StopAsked())
    effects = welded(told, 15)
    assert raised(effects, UNCONFIRMED) == 1
    assert told.guard.unconfirmed


def test_a_pump_that_was_seen_off_after_a_stop_may_be_switched_on_by_hand() -> None:
    told = resting()
    told(StopAsked())
    told(off(), 1)
    told(on("by hand"), 1)
    assert isinstance(told.state, Running)


def test_a_contact_that_lets_go_at_last_is_told_to_be_well() -> None:
    told = running()
    told(on())
    told(StopAsked())
    welded(told, 15)
    told(off())
    assert Alarm(Kind.RESOLVE, UNCONFIRMED) in told.effects
    assert isinstance(told.state, Resting)


def test_an_answer_that_no_report_followed_for_long_is_borne_out_by_the_next() -> None:
    told = running()
    told(on())
    told(StopAsked())
    told(on(), 10)
    told(StopAnswered())
    assert told.state.told
    told(off(), 3)
    assert Alarm(Kind.RESOLVE, UNCONFIRMED) in told.effects


def test_a_report_long_after_the_answer_counts_from_the_first_request() -> None:
    told = running()
    told(on())
    told(StopAsked())
    told(StopAnswered())
    told(on(), 12)
    assert raised(list(told.effects), UNCONFIRMED) == 1


def test_a_late_run_that_overtakes_an_answered_stop_is_stopped_again_at_once() -> None:
    told = running()
    told(on())
    told(StopAsked())
    told(StopAnswered())
    told(on(), 1)
    assert told.wanted(SendStop) == [SendStop()]
    assert isinstance(told.state, Stopping)


def test_circulation_that_did_not_rest_runs_by_right_once_its_pause_is_over() -> None:
    told = Told(Role.RECIRCULATION)
    told(on())
    told(StopAsked(off_s=20))
    welded(told, 19)
    assert isinstance(told.state, Stopping)
    told(on(), 1)
    told(on(), 1)
    assert isinstance(told.state, Running)
    assert not told.guard.unconfirmed
    assert not any(isinstance(one, SendStop) for one in welded(told, 30))


def test_circulation_that_answers_a_short_pause_and_is_on_after_it_runs() -> None:
    told = Told(Role.RECIRCULATION)
    told(on())
    told(StopAsked(off_s=5))
    told(StopAnswered())
    told(on(), 8)
    assert isinstance(told.state, Running)


def test_a_trip_while_it_starts_leaves_a_rest_that_only_an_answer_tells_of() -> None:
    told = resting()
    told(RunAsked(run_id="run"))
    told(Tripped(Refused(Reason.MAX_RUN, Cause.MEASURED), locked=False))
    # The run command was late, and arrives after the trip: it must not become a found run of twenty minutes.
    told(on("late"), 1)
    assert told.wanted(SendStop) == [SendStop()]


def test_a_pump_that_runs_down_after_a_stop_is_not_stuck() -> None:
    told = running()
    told(Fitted(frozenset({Sense.CURRENT_MA})))
    told(on())
    told(StopAsked())
    # Measured before the stop: the last word of a sensor that speaks each ten seconds.
    told(Sensed(Sense.CURRENT_MA, 800.0))
    told(StopAnswered())
    told(off(), 1)
    for _ in range(3):
        told(off(), 3)
    assert not told.guard.stuck
    told(Sensed(Sense.CURRENT_MA, 0.0))
    told = running()
    told(Fitted(frozenset({Sense.CURRENT_MA})))
    told(Sensed(Sense.CURRENT_MA, 800.0))
    told(on())
    told(StopAsked())
    told(StopAnswered())
    told(off(), 1)
    for _ in range(3):
        told(Sensed(Sense.CURRENT_MA, 800.0), 3)
    assert told.guard.stuck, "measured after it"


# --- circulation at a device that ends each run by its command ----------------------------------------


def test_circulation_is_renewed_before_a_literal_device_would_end_it() -> None:
    told = resting(Role.RECIRCULATION)
    told(RunAsked(run_id="run", seconds=30))
    assert told.wanted(SendRun) == [SendRun(1, 1200.0, planned=False)], "thirty seconds would be its end there"
    told(RunAnswered(lease=1, answer=Answer.ACCEPTED))
    ends_at = told.now + 1200
    for _ in range(7200 // 10):
        told(on(), 10)
        for run in told.wanted(SendRun):
            told(RunAnswered(lease=run.lease, answer=Answer.ACCEPTED))
            ends_at = told.now + run.seconds
        assert told.now < ends_at, "the device has ended it"


def test_circulation_that_was_found_is_renewed_too_before_an_order_of_before_a_restart_would_end() -> None:
    told = Told(Role.RECIRCULATION)
    told(on())
    sent: list[SendRun] = []
    for _ in range(30):
        told(on(), 10)
        sent += told.wanted(SendRun)
    assert sent == [SendRun(1, 1200.0, planned=False)]


@pytest.mark.parametrize("answered", [True, False])
def test_circulation_that_its_device_ended_at_its_bound_comes_back_at_once(answered: bool) -> None:
    told = resting(Role.RECIRCULATION)
    told.guard = replace(told.guard, limits=replace(told.guard.limits, stale_after_s=5000.0))
    told(RunAsked(run_id="run"))
    told(on())
    lease = told.state.lease
    told(Contacted(False))
    told.guard = replace(told.guard, state=replace(told.state, renew_at=None))
    told(Contacted(True), 1)
    told(on())
    if answered:
        told(RunAnswered(lease=lease, answer=Answer.DONE, seconds=1200.0, ended_by="max_run"), 1200)
    told(off(), 0 if answered else 1200)
    told(off(), 3)
    assert len(told.wanted(SendRun)) == 1


def test_a_lock_of_circulation_or_a_lost_contact_puts_its_renewal_off() -> None:
    told = Told(Role.RECIRCULATION)
    told(on())
    told(Tripped(Refused(Reason.NO_FLOW, Cause.MEASURED), locked=True))
    told(Configured(replace(told.guard.limits, stale_after_s=5000.0), protected=False))
    told(on())
    told(on(), 301)
    assert told.wanted(SendRun) == []
    assert isinstance(told.state, Running)


def test_circulation_whose_renewal_is_refused_is_asked_for_again_later() -> None:
    told = Told(Role.RECIRCULATION)
    told(Configured(replace(told.guard.limits, stale_after_s=5000.0), protected=False))
    told(on())
    told(on(), 300)
    assert told.wanted(SendRun)
    told(RunAnswered(lease=told.state.lease, answer=Answer.ERROR, code="busy"))
    assert told.state.renew_at == told.now + 300


def test_a_switch_of_circulation_that_shows_nothing_is_asked_again_and_never_stopped() -> None:
    told = Told(Role.RECIRCULATION, ends_itself=False)
    told(off())
    told(RunAsked(run_id="run"))
    told(RunAnswered(lease=1, answer=Answer.ACCEPTED))
    told(Tick(), 10)
    assert told.wanted(SendStop) == []
    assert raised(list(told.effects), UNCONFIRMED) == 1
    assert isinstance(told.state, Resting)


def test_a_command_that_is_taken_for_expired_tells_that_the_clocks_differ() -> None:
    told = resting()
    told(RunAsked(run_id="run"))
    told(RunAnswered(lease=1, answer=Answer.ERROR, code="expired"))
    assert Alarm(Kind.RAISE, "infra_clock_skew", cause="expired") in told.effects
    told(RunAsked(run_id="run"))
    told(RunAnswered(lease=2, answer=Answer.ACCEPTED))
    assert Alarm(Kind.RESOLVE, "infra_clock_skew") in told.effects


# --- locks have owners --------------------------------------------------------------------------------


def _lock(told: Told, event: dict[str, str]) -> None:
    [(who, code)] = event.items()
    match who:
        case "home_assistant":
            told.guard = replace(told.guard, own_lock=Refused(Reason(code), Cause.MEASURED))
        case "device":
            told(off(code))
        case _:
            told(off(None))
            told(DeviceReset(code))


@pytest.mark.parametrize("case", VECTORS["owners"], ids=lambda c: c["name"])
def test_whose_locks_are_left_is_what_the_shared_vectors_say(case: dict[str, Any]) -> None:
    told = resting(protected=True)
    for event in case["events"]:
        _lock(told, event)
    assert (None if told.guard.lock is None else told.guard.lock.reason) == case["left"]


def test_the_reset_at_the_device_releases_no_circulation_that_is_held_for_a_dry_tank() -> None:
    told = Told(Role.RECIRCULATION)
    told(Fitted(frozenset({Sense.LEVEL})))
    told(on())
    for _ in range(6):
        told(Sensed(Sense.LEVEL, 3.0), 1)
    assert told.guard.lock is not None
    assert told.guard.lock.reason is Reason.DRY_RUN
    told(off("no_flow"))
    told(off(None), 1)
    told(DeviceReset("no_flow"))
    assert told.guard.lock.reason is Reason.DRY_RUN
    for _ in range(10):
        told(Sensed(Sense.LEVEL, 3.0))
        told(off(), 10)
        assert told.wanted(SendRun) == []
    told(ResetAsked())
    assert told.wanted(ResetRefused)[0].verdict == Refused(Reason.DRY_RUN, Cause.MEASURED, 3.0, 10.0)


def test_of_two_locks_that_holds_which_holds_circulation_off_and_both_are_told() -> None:
    told = Told(Role.RECIRCULATION)
    told.guard = replace(told.guard, own_lock=Refused(Reason.NO_FLOW, Cause.MEASURED))
    told(off("overcurrent"))
    assert told.guard.lock == Refused(Reason.OVERCURRENT)
    assert raised(list(told.effects), "biz_overcurrent") == 1
    told(off(None))
    told(DeviceReset("overcurrent"))
    assert Alarm(Kind.RESOLVE, "biz_overcurrent") in told.effects
    assert told.guard.lock == Refused(Reason.NO_FLOW, Cause.MEASURED)
    told(off("no_flow"))
    told(off(None))
    told(DeviceReset("no_flow"))
    assert Alarm(Kind.RESOLVE, "biz_no_flow") not in told.effects, "one of the two is still there"


def test_what_is_kept_names_the_owners() -> None:
    memory = Memory(
        lock=Refused(Reason.DRY_RUN, Cause.MEASURED, 3.0, 10.0),
        device_lock=Refused(Reason.NO_FLOW),
        device_stuck=True,
        water=Refused(Reason.OVERFLOW, Cause.RISING, 3.0, 2.0),
    )
    assert memory_from_dict(memory_as_dict(memory)) == memory
    told = Told(memory=memory)
    assert told.guard.stuck
    assert not told.guard.own_stuck
    assert told.guard.their_lock == Refused(Reason.NO_FLOW)
    old = memory_from_dict({"lock": {"reason": "no_flow", "cause": "measured"}, "stuck": True})
    assert old.lock == Refused(Reason.NO_FLOW, Cause.MEASURED)
    assert old.device_lock is None


# --- resets judge the cause ---------------------------------------------------------------------------


def test_a_stuck_pump_is_not_reset_while_its_probe_is_unplugged() -> None:
    told = resting()
    told(Fitted(frozenset({Sense.CURRENT_MA})))
    for _ in range(8):
        told(Sensed(Sense.CURRENT_MA, 700.0), 1)
    assert told.guard.stuck
    told(off(), 60)
    told(ResetAsked())
    assert told.wanted(ResetRefused)[0].verdict == Refused(Reason.PUMP_STUCK_ON, Cause.UNKNOWN, None, 50.0)
    told(Sensed(Sense.CURRENT_MA, 0.0))
    told(ResetAsked())
    assert told.wanted(WasReset)


def test_circulation_that_runs_by_right_can_be_reset() -> None:
    told = Told(Role.RECIRCULATION)
    told(Fitted(frozenset({Sense.CURRENT_MA})))
    told(on())
    told(StopAsked(off_s=60))
    told(StopAnswered())
    told(off())
    for _ in range(8):
        told(Sensed(Sense.CURRENT_MA, 700.0), 1)
    assert told.guard.stuck
    told(ResetAsked())
    assert told.wanted(ResetRefused)
    told(on(), 60)
    told(Sensed(Sense.CURRENT_MA, 700.0))
    told(ResetAsked())
    assert told.wanted(WasReset)
    assert not told.guard.stuck


# --- runs that nobody ordered -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("around", "reason"),
    [
        (Around(opposed=True, interlocked=True), Reason.INTERLOCK),
        (Around(zone_stuck=True), Reason.PUMP_STUCK_ON),
        (Around(zone_locked=True), Reason.ZONE_LOCKED),
    ],
)
def test_a_run_that_is_found_where_none_may_be_is_stopped_and_told(around: Around, reason: Reason) -> None:
    told = resting(Role.FILL)
    told(around)
    told(on("by hand"))
    assert told.wanted(SendStop) == [SendStop()]
    assert told.wanted(Alarm) == [Alarm(Kind.NOTE, "biz_run_refused", Refused(reason))]


def test_a_run_that_is_found_beside_a_pump_of_which_nothing_is_known_yet_goes_on() -> None:
    told = Told(Role.FILL)
    told(Around(interlocked=True))
    told(on())
    assert told.wanted(SendStop) == [], "first it is learnt what the other does (S9)"
    told(Around(interlocked=True, opposed=True))
    assert told.wanted(SendStop) == [SendStop()]


def test_circulation_that_is_found_goes_on_beside_a_stuck_pump() -> None:
    told = Told(Role.RECIRCULATION)
    told(Around(zone_stuck=True, zone_locked=True))
    told(on())
    assert told.wanted(SendStop) == []


def test_a_locked_pump_of_the_zone_refuses_fills_and_no_circulation() -> None:
    for role, refused in ((Role.FILL, True), (Role.DRAIN, True), (Role.RECIRCULATION, False)):
        told = resting(role)
        if role is Role.FILL:
            told(Configured(replace(told.guard.limits, max_level=None), protected=False))
        told(Around(zone_locked=True))
        told(RunAsked(run_id="run"))
        assert bool(told.wanted(Refuse)) is refused


def test_a_fill_pump_on_a_relay_that_is_closed_at_rest_is_refused() -> None:
    told = resting()
    told(Configured(replace(told.guard.limits, wrong_relay=True), protected=False))
    told(RunAsked(run_id="run"))
    assert told.wanted(Refuse)[0].verdict == Refused(Reason.WRONG_RELAY)


def test_a_pump_out_of_reach_or_unknown_is_refused_and_the_third_failure_locks() -> None:
    told = Told()
    told(RunAsked(run_id="run"))
    assert told.wanted(Refuse)[0].verdict == Refused(Reason.STATE_UNKNOWN)
    told(Contacted(False))
    told(RunAsked(run_id="run"))
    assert told.wanted(Refuse)[0].verdict == Refused(Reason.NO_CONTACT)
    told = resting()
    since = told.state.since
    assert since == NOW
    for number in range(3):
        told(RunAsked(run_id=f"run {number}"))
        told(on())
        told(Tripped(Refused(Reason.MAX_RUN, Cause.MEASURED), locked=False))
        told(off(), 1)
    assert told.guard.lock == Refused(Reason.MAX_RUN, Cause.MEASURED, 3.0, 3.0)


# --- water at rest ------------------------------------------------------------------------------------


def still(level: float = 50.0) -> Told:
    told = resting(Role.FILL)
    told(Fitted(frozenset({Sense.LEVEL})))
    told(Sensed(Sense.LEVEL, level))
    return told


def rise(told: Told, seconds: int, a_minute: float) -> list[Effect]:
    effects: list[Effect] = []
    for _ in range(seconds):
        level = told.guard.readings.level
        assert level is not None
        assert level.value is not None
        effects += told(Sensed(Sense.LEVEL, level.value + a_minute / 60), 1)
        effects += told(off())
    return effects


def test_a_tank_that_fills_by_itself_is_told_once_refuses_fills_and_locks_nothing() -> None:
    told = still()
    effects = rise(told, 400, 4.0)
    assert raised(effects, "biz_overflow") == 1
    assert told.guard.lock is None
    told(RunAsked(run_id="run"))
    verdict = told.wanted(Refuse)[0].verdict
    assert (verdict.reason, verdict.cause) == (Reason.OVERFLOW, Cause.RISING)
    assert verdict.value == pytest.approx(4.0, rel=0.01)
    effects = rise(told, 300, 0.0)
    assert Alarm(Kind.RESOLVE, "biz_overflow") in effects
    told(RunAsked(run_id="run"))
    assert told.wanted(SendRun)


def test_a_tank_that_is_full_at_rest_is_told_and_well_again_when_it_has_sunk() -> None:
    told = still(96.0)
    effects = rise(told, 10, 0.0)
    assert raised(effects, "biz_overflow") == 1
    told(Sensed(Sense.LEVEL, 94.5), 1)
    assert told.wanted(Alarm) == []
    told(Sensed(Sense.LEVEL, 93.0), 1)
    assert Alarm(Kind.RESOLVE, "biz_overflow") in told.effects


def test_what_runs_back_when_another_pump_was_switched_is_no_rise() -> None:
    told = still()
    rise(told, 120, 0.0)
    told(Disturbed())
    assert raised(rise(told, 55, 8.0) + rise(told, 300, 0.0), "biz_overflow") == 0


def test_the_trouble_of_a_tank_outlives_a_restart_and_its_alert_is_the_locks_as_well() -> None:
    trouble = Refused(Reason.OVERFLOW, Cause.MEASURED, 97.0, 95.0)
    told = Told(Role.FILL, Memory(water=trouble, lock=trouble))
    told(off())
    told(Fitted(frozenset({Sense.LEVEL})))
    told(Sensed(Sense.LEVEL, 80.0))
    assert told.guard.water.trouble is None
    assert Alarm(Kind.RESOLVE, "biz_overflow") not in told.effects, "the lock is still there"
    told(ResetAsked())
    assert Alarm(Kind.RESOLVE, "biz_overflow") in told.effects


def test_a_leak_and_a_float_switch_speak_to_the_gate() -> None:
    told = still()
    told(Touched(float_switch=Contact.ABSENT, leak=Contact.ON))
    told(RunAsked(run_id="run"))
    assert told.wanted(Refuse)[0].verdict == Refused(Reason.OVERFLOW, Cause.LEAK)
    told = resting()
    told(Touched(float_switch=Contact.OFF, leak=Contact.ABSENT))
    told(RunAsked(run_id="run"))
    assert told.wanted(Refuse)[0].verdict == Refused(Reason.DRY_RUN, Cause.FLOAT_OPEN)


# --- how fast a pump is -------------------------------------------------------------------------------


def test_a_source_that_turns_out_to_be_too_slow_for_its_pump_stops_the_run_before_harm() -> None:
    told = still(14.0)
    told(Sensed(Sense.LEVEL, 14.0), 30)
    told(off())
    told(RunAsked(run_id="run"))
    told(on())
    level = 14.0
    while not told.wanted(SendStop):
        level += 0.667
        told(on(), 1)
        if (told.now - NOW) % 30 == 0 and not told.wanted(SendStop):
            told(Sensed(Sense.LEVEL, level))
    assert level < 80
    assert told.guard.lock is None
    told(off())
    told(Sensed(Sense.LEVEL, level))
    told(RunAsked(run_id="again"))
    verdict = told.wanted(Refuse)[0].verdict
    assert (verdict.reason, verdict.cause, verdict.value) == (Reason.OVERFLOW, Cause.SLOW, 30.0)


def test_one_glitch_of_the_level_makes_no_pump_fast() -> None:
    told = still(40.0)
    told(RunAsked(run_id="run"))
    told(on())
    for second in range(60):
        told(Sensed(Sense.LEVEL, 90.0 if second == 20 else 40.0 + second / 20), 1)
        told(on())
    rate = told.guard.readings.rate
    assert rate is None or rate < 0.2
    assert isinstance(told.state, Running)


@pytest.mark.parametrize("case", [c for c in VECTORS["pause"] if not c.get("device_only")], ids=lambda c: c["name"])
def test_circulation_is_back_when_the_shared_vectors_say(case: dict[str, Any]) -> None:
    told = Told(Role.RECIRCULATION)
    bounds = {name: float(value) for name, value in case["limits"].items()}
    told(Configured(replace(told.guard.limits, stale_after_s=5000.0, **bounds), protected=False))
    told(on())
    events = {event["at"]: event["stop"] for event in case["events"]}
    low, high = case["released_between_s"]
    for second in range(int(high) + 5):
        if second in events:
            told(StopAsked(off_s=events[second].get("off_s"), water_change=events[second].get("water_change", False)))
            if not told.wanted(SendRun):
                told(StopAnswered())
        if told.wanted(SendRun):
            break
        told(Reported(on=False, run_id="never"), 1)
        if told.wanted(SendRun):
            break
    assert low <= told.now - NOW <= high
