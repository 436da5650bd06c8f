"""The water cycle: whole courses against a rack, each fault in its step, and each guard that is taken away."""

from collections.abc import Callable
from dataclasses import replace
import json
from pathlib import Path
import sys
from typing import Any

import pytest

from .rack import DAY, PACKAGE, Engine, Rack, source

ENGINE = Engine.of(PACKAGE)

type Course = Callable[[Engine], None]
COURSES: dict[str, Course] = {}


def course(function: Course) -> Course:
    """Make a course a test of its own, and one that the mutants have to pass."""
    COURSES[function.__name__] = function
    return function


def failed(rack: Rack, step: str, cause: str) -> None:
    assert rack.kind == "Failed"
    assert (str(rack.state.step), str(rack.state.cause)) == (step, cause)
    rack.wait(30)
    assert not rack.drain.on
    assert not rack.fill.on
    assert rack.told[-1] == "water_change_failed"


# --- whole courses ------------------------------------------------------------------------------


@course
def a_change_drains_fills_mixes_and_takes_down_what_the_new_solution_is(engine: Engine) -> None:
    rack = Rack(engine)
    rack.tick()
    rack.start()
    assert rack.kind == "Drain"
    assert rack.drain.on
    assert not rack.circulation.on
    rack.until("Fill")
    assert 10 <= rack.level <= 15
    assert not rack.drain.on
    assert rack.fill.on
    assert not rack.circulation.on
    rack.until("Stabilize")
    assert 80 <= rack.level <= 90
    assert not rack.fill.on
    rack.tick()
    assert rack.circulation.on
    began = rack.elapsed
    rack.until("NormalRecirc")
    assert rack.elapsed - began >= 598
    made = rack.memory.made
    assert (made.ph, made.ec, made.temperature) == (6.0, 1.8, 21.0)
    assert made.drained_l == pytest.approx(65, abs=5)
    assert made.filled_l == pytest.approx(68, abs=6)
    assert rack.memory.solution_started_at == rack.now.at
    assert rack.told == [
        "water_change_started",
        "water_change_step",
        "water_change_step",
        "water_change_step",
        "water_change_completed",
    ]
    assert [str(one.values["step"]) for one in rack.happened[1:4]] == ["drain", "fill", "stabilize"]


@course
def a_tank_that_is_empty_already_is_only_filled(engine: Engine) -> None:
    rack = Rack(engine, level=12.0)
    rack.tick()
    rack.start()
    rack.until("Fill")
    rack.until("NormalRecirc")
    runs = [effect for effect in rack.done if isinstance(effect, engine.model.Run)]
    assert [str(run.role) for run in runs] == ["fill"]


@course
def a_tank_that_is_full_when_filling_is_resumed_goes_on_to_mixing(engine: Engine) -> None:
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.until("Fill")
    rack.faults.add("fill_blocked")
    rack.until("Failed")
    rack.faults.clear()
    rack.level = 85.0
    rack.tick()
    rack.resume()
    rack.until("Stabilize")
    rack.until("NormalRecirc")
    assert rack.told[-1] == "water_change_completed"


@course
def the_level_must_have_arrived_for_a_while_and_in_more_than_one_reading(engine: Engine) -> None:
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.wait(10)
    rack.heard, rack.count = 5.0, rack.count + 1
    rack.elapsed += 0.1
    for _ in range(40):
        rack.elapsed += 0.1
        rack.send(engine.model.Tick(rack.sight()))
    assert rack.drain.on
    rack.until("Fill")
    assert rack.level <= 15


# --- faults -------------------------------------------------------------------------------------

FAULTS = [
    ("drain", "drain_blocked", "level_not_falling"),
    ("drain", "drain_refused", "no_answer"),
    ("drain", "drain_dead", "pump_off"),
    ("drain", "drain_stop_lost", "stop_unconfirmed"),
    ("drain", "level_frozen", "level_not_falling"),
    ("drain", "level_silent", "level_unknown"),
    ("fill", "fill_blocked", "level_not_rising"),
    ("fill", "fill_refused", "no_answer"),
    ("fill", "fill_dead", "pump_off"),
    ("fill", "fill_stop_lost", "stop_unconfirmed"),
    ("fill", "level_frozen", "too_much_water"),
    ("fill", "level_silent", "level_unknown"),
    ("fill", "leak", "too_much_water"),
    ("stabilize", "circulation_dead", "circulation_off"),
]


def _meets(engine: Engine, step: str, fault: str, cause: str) -> None:
    rack = Rack(engine)
    rack.tick()
    if step == "drain":
        rack.faults.add(fault)
    rack.start()
    if step == "fill":
        rack.wait(30)
        if fault.endswith(("refused", "dead")):
            rack.faults.add(fault)
        else:
            rack.until("Fill")
    rack.faults.add(fault)
    began = rack.elapsed
    rack.until("Failed")
    assert rack.elapsed - began <= 1300
    lost = fault.endswith("stop_lost")
    if lost:
        rack.faults.clear()
    failed(rack, step, cause)
    runs = len([effect for effect in rack.done if isinstance(effect, engine.model.Run)])
    rack.wait(300)
    assert runs == len([effect for effect in rack.done if isinstance(effect, engine.model.Run)])
    assert rack.kind == "Failed"


for _step, _fault, _cause in FAULTS:
    COURSES[f"{_fault}_in_{_step}_fails_it"] = lambda engine, step=_step, fault=_fault, cause=_cause: _meets(
        engine, step, fault, cause
    )


@course
def a_pump_that_cannot_be_switched_off_fails_every_step_and_no_rest(engine: Engine) -> None:
    model = engine.model
    stuck = (model.Hindrance(model.Refusal.PUMP_STUCK_ON, None, "Drain pump"),)
    for kind in ("Drain", "Fill", "Stabilize"):
        rack = Rack(engine)
        rack.tick()
        rack.start()
        rack.until(kind)
        rack.wait(3)
        rack.hindrances = stuck
        rack.tick()
        failed(rack, kind.lower(), "pump_stuck_on")
    rack = Rack(engine, hindrances=stuck)
    rack.wait(5)
    assert rack.kind == "NormalRecirc"
    assert rack.circulation.on


@course
def the_end_of_a_run_that_another_step_began_is_counted_and_fails_nothing(engine: Engine) -> None:
    model = engine.model
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.wait(3)
    rack.send(model.RunEnded(engine.water.Role.DRAIN, 2.0, None))
    assert rack.kind == "Drain"
    assert rack.state.change.drained_l == 2.0
    rack.send(model.RunEnded(engine.water.Role.DRAIN, 1.0, model.Cause.STOPPED))
    failed(rack, "drain", "stopped")


@course
def a_leak_in_a_tank_of_unknown_size_shows_in_its_level(engine: Engine) -> None:
    rack = Rack(engine)
    rack.set(tank_l=None)
    rack.tick()
    rack.start()
    rack.until("Fill")
    rack.faults.add("leak")
    rack.until("Failed")
    failed(rack, "fill", "level_not_rising")


@course
def more_water_than_the_tank_holds_is_a_leak_even_when_the_level_rises(engine: Engine) -> None:
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.until("Fill")
    rack.set(tank_l=30.0)
    rack.until("Failed")
    failed(rack, "fill", "too_much_water")


@course
def a_step_that_takes_too_long_fails_by_its_timeout(engine: Engine) -> None:
    for step, rules in (("drain", {"drain_timeout_s": 20.0}), ("fill", {"fill_timeout_s": 20.0})):
        rack = Rack(engine)
        rack.set(**rules)
        rack.tick()
        rack.start()
        rack.until("Failed")
        failed(rack, step, "timeout")


@course
def a_pump_that_does_not_keep_its_bound_is_stopped_by_the_timeout(engine: Engine) -> None:
    rack = Rack(engine)
    rack.set(drain_timeout_s=20.0)
    rack.tick()
    rack.start()
    rack.drain.until = 1e12
    rack.wait(25)
    failed(rack, "drain", "timeout")


@course
def draining_lasts_no_longer_than_circulation_may_be_off(engine: Engine) -> None:
    rack = Rack(engine)
    rack.set(change_off_s=20.0)
    rack.tick()
    rack.start()
    rack.drain.until = 1e12
    rack.wait(22)
    failed(rack, "drain", "timeout")
    assert rack.circulation.on


@course
def a_level_that_moves_the_wrong_way_fails_the_step_at_once_but_one_glitch_does_not(engine: Engine) -> None:
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.wait(20)
    rack.count, rack.heard = rack.count + 1, 99.0
    rack.send(engine.model.Tick(rack.sight()))
    rack.wait(2)
    rack.count, rack.heard = rack.count + 1, 20.0
    rack.send(engine.model.Tick(rack.sight()))
    rack.wait(5)
    assert rack.kind == "Drain"
    rack.level = 90.0
    rack.wait(6)
    failed(rack, "drain", "level_not_falling")


@course
def somebody_elses_stop_ends_the_change(engine: Engine) -> None:
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.wait(5)
    rack.end("drain", engine.model.Cause.STOPPED)
    failed(rack, "drain", "stopped")


@course
def a_pump_that_goes_off_without_a_word_ends_the_change(engine: Engine) -> None:
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.wait(5)
    rack.drain.on = False
    rack.wait(16)
    failed(rack, "drain", "pump_off")


@course
def a_pump_out_of_sight_ends_the_change_although_the_level_still_moves(engine: Engine) -> None:
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.wait(5)
    rack.faults.add("away")
    rack.until("Failed", at_most=40)
    assert str(rack.state.cause) == "contact_lost"
    assert rack.drain.on
    rack.faults.clear()
    failed(rack, "drain", "contact_lost")


@course
def the_other_pump_on_ends_the_change(engine: Engine) -> None:
    for step, other in (("Drain", "fill"), ("Fill", "drain"), ("Stabilize", "drain")):
        rack = Rack(engine)
        rack.tick()
        rack.start()
        rack.until(step)
        rack.pump(other).on, rack.pump(other).until = True, 1e12
        rack.tick()
        failed(rack, step.lower(), "interlock")


@course
def a_pump_that_is_started_by_hand_after_the_failure_is_left_alone(engine: Engine) -> None:
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.wait(5)
    rack.end("drain", engine.model.Cause.STOPPED)
    rack.wait(5)
    rack.drain.on, rack.drain.until = True, 1e12
    rack.wait(20)
    assert rack.drain.on


# --- restarts -----------------------------------------------------------------------------------


@course
def a_restart_in_any_step_interrupts_it_and_the_owner_resumes_from_there(engine: Engine) -> None:
    for step in ("Drain", "Fill", "Stabilize"):
        rack = Rack(engine)
        rack.tick()
        rack.start()
        rack.until(step)
        rack.wait(5)
        rack.restart(away_s=5)
        failed(rack, step.lower(), "interrupted")
        assert rack.circulation.on
        rack.wait(200)
        assert rack.kind == "Failed"
        rack.restart()
        assert rack.told.count("water_change_failed") == 1
        rack.tick()
        rack.resume()
        rack.until("NormalRecirc")
        assert rack.told[-1] == "water_change_completed"


@course
def an_unload_in_a_step_interrupts_it_and_ends_a_rest(engine: Engine) -> None:
    for step in ("Drain", "Fill", "Stabilize"):
        rack = Rack(engine)
        rack.tick()
        rack.start()
        rack.until(step)
        rack.send(engine.model.Interrupt())
        failed(rack, step.lower(), "interrupted")
    rack = Rack(engine)
    rack.send(engine.model.Automatic(on=True))
    rack.wait(1000)
    assert not rack.circulation.on
    rack.send(engine.model.Interrupt())
    assert rack.circulation.on
    assert rack.state == engine.model.NormalRecirc()
    rack.send(engine.model.Interrupt())
    assert rack.circulation.on


@course
def what_is_stored_comes_back_and_a_first_start_begins_the_age(engine: Engine) -> None:
    rack = Rack(engine)
    assert rack.memory.solution_started_at == rack.now.at
    rack.send(engine.model.Automatic(on=True))
    rack.tick()
    rack.send(engine.model.Renew(rack.sight()))
    made = rack.memory.made
    rack.restart(away_s=100)
    assert rack.memory.automatic
    assert rack.memory.made == made
    assert engine.water.solution_age(rack.memory, rack.now) == pytest.approx(100)


# --- abort, resume, refusals --------------------------------------------------------------------


@course
def an_abort_stops_everything_and_nothing_planned_begins_before_the_next_day(engine: Engine) -> None:
    for step in ("Drain", "Fill", "Stabilize", "Failed"):
        rack = Rack(engine)
        rack.send(engine.model.Automatic(on=True))
        rack.wait(1200, each=10)
        rack.memory = replace(rack.memory, solution_started_at=rack.now.at - 20 * DAY)
        rack.tick()
        assert rack.kind == "Drain"
        if step == "Failed":
            rack.end("drain", engine.model.Cause.STOPPED)
        rack.until(step)
        rack.send(engine.model.Abort())
        assert rack.kind == "NormalRecirc"
        assert rack.told[-1] == "water_change_aborted"
        assert (rack.drain.on, rack.fill.on, rack.circulation.on) == (False, False, True)
        assert rack.memory.solution_started_at < rack.now.at - 19 * DAY
        rack.wait(22 * 3600, each=60)
        assert rack.kind == "NormalRecirc"
        for _ in range(240):
            if rack.kind == "NormalRecirc":
                rack.tick(60)
        assert rack.kind == "Drain"


@course
def a_stop_that_is_lost_is_told_again_until_the_pump_is_seen_off(engine: Engine) -> None:
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.wait(5)
    rack.faults.add("drain_stop_lost")
    rack.send(engine.model.Abort())
    rack.wait(5)
    assert rack.drain.on
    rack.faults.clear()
    rack.wait(11)
    assert not rack.drain.on


@course
def an_abort_stops_the_water_also_where_there_is_no_change(engine: Engine) -> None:
    rack = Rack(engine)
    rack.drain.on, rack.drain.until = True, 1e12
    rack.circulation.on = False
    rack.send(engine.model.Abort())
    assert (rack.drain.on, rack.circulation.on) == (False, True)
    assert rack.told == []
    assert rack.memory.aborted_at is None


def _denied(rack: Rack, refusal: str) -> None:
    rack.start()
    assert rack.kind != "Drain"
    assert str(rack.denied[-1].hindrance.refusal) == refusal


@course
def a_change_is_refused_when_anything_it_needs_is_missing_unknown_or_at_work(engine: Engine) -> None:
    model = engine.model
    for lacking, refusal in (("drains", "no_drain"), ("fills", "no_fill"), ("measures_level", "no_level")):
        rack = Rack(engine)
        rack.set(**{lacking: False})
        rack.tick()
        _denied(rack, refusal)
    rack = Rack(engine, heard_at=-1000.0)
    _denied(rack, "level_unknown")
    rack = Rack(engine)
    rack.tick()
    rack.drain.on = True
    _denied(rack, "pump_running")
    rack.drain.on, rack.fill.on = False, True
    _denied(rack, "pump_running")
    rack.fill.on = False
    rack.faults.add("away")
    _denied(rack, "pump_unknown")
    rack.faults.clear()
    rack.hindrances = (model.Hindrance(model.Refusal.OTHER_ZONE, None, "Rack B"),)
    _denied(rack, "other_zone")
    rack.hindrances = (model.Hindrance(model.Refusal.PUMP_LOCKED, engine.water.Role.FILL, "overflow"),)
    _denied(rack, "pump_locked")
    rack.hindrances = ()
    rack.rules = replace(rack.rules)
    sight = replace(rack.sight(), recirculating=None)
    rack.send(model.Start(sight))
    assert str(rack.denied[-1].hindrance.refusal) == "pump_unknown"
    rack.start()
    assert rack.kind == "Drain"
    rack.start()
    assert str(rack.denied[-1].hindrance.refusal) == "change_running"
    rack.denied.clear()
    rack.send(model.Renew(rack.sight()))
    assert [str(one.hindrance.refusal) for one in rack.denied] == ["change_running"]
    rack.end("drain", model.Cause.NO_FLOW)
    assert rack.kind == "Failed"
    _denied(rack, "failed")


@course
def a_resume_asks_the_same_questions_but_only_about_what_is_still_needed(engine: Engine) -> None:
    model, role = engine.model, engine.water.Role
    rack = Rack(engine)
    rack.tick()
    rack.resume()
    assert str(rack.denied[-1].hindrance.refusal) == "nothing_to_resume"
    rack.start()
    rack.until("Fill")
    rack.end("fill", model.Cause.NO_FLOW)
    rack.tick()
    rack.hindrances = (model.Hindrance(model.Refusal.PUMP_LOCKED, role.FILL, "no_flow"),)
    rack.resume()
    assert rack.kind == "Failed"
    rack.hindrances = (model.Hindrance(model.Refusal.PUMP_LOCKED, role.DRAIN, "no_flow"),)
    rack.resume()
    assert rack.kind == "Fill"
    assert rack.told[-2:] == ["water_change_resumed", "water_change_step"]
    rack.until("NormalRecirc")
    assert rack.memory.made.filled_l == pytest.approx(68, abs=6)


@course
def a_zone_without_circulation_changes_its_water_too(engine: Engine) -> None:
    rack = Rack(engine)
    rack.set(recirculates=False)
    rack.circulation.on = False
    rack.tick()
    rack.start()
    rack.until("Stabilize")
    rack.until("NormalRecirc")
    assert not any(isinstance(effect, engine.model.StopCirculation) for effect in rack.done)


@course
def litres_that_nobody_measured_are_not_invented(engine: Engine) -> None:
    model, role = engine.model, engine.water.Role
    change = model.Change(model.Why.OWNER, 0.0)
    assert change.moved(role.DRAIN, None) is change
    assert change.moved(role.RECIRCULATION, 5.0) is change
    rack = Rack(engine)
    rack.send(model.RunEnded(role.FILL, 5.0, model.Cause.STOPPED))
    assert rack.kind == "NormalRecirc"
    rack.send(model.RunFailed(role.FILL, model.Cause.NO_FLOW))
    assert rack.kind == "NormalRecirc"


# --- circulation --------------------------------------------------------------------------------


def _off_periods(rack: Rack, seconds: float, each: float = 10) -> list[float]:
    periods: list[float] = []
    off = 0.0
    for _ in range(int(seconds / each)):
        rack.tick(each)
        if rack.circulation.on and off:
            periods.append(off)
        off = 0.0 if rack.circulation.on else off + each
    return periods


@course
def circulation_runs_and_rests_in_turn_only_in_automatic_operation(engine: Engine) -> None:
    rack = Rack(engine)
    assert _off_periods(rack, 2 * 3600) == []
    rack.send(engine.model.Automatic(on=True))
    periods = _off_periods(rack, 8 * 3600)
    assert len(periods) >= 14
    assert all(off == pytest.approx(900, abs=20) for off in periods)
    while rack.circulation.on:
        rack.tick(10)
    rack.send(engine.model.Automatic(on=False))
    rack.tick()
    assert rack.circulation.on
    assert _off_periods(rack, 2 * 3600) == []


@course
def a_rest_ends_with_its_window(engine: Engine) -> None:
    rack = Rack(engine)
    rack.set(windows=(engine.schedule.Window(0, 8 * 60, 0.0),), max_off_s=1800.0)
    rack.send(engine.model.Automatic(on=True))
    while rack.now.second_of_day < 8 * 3600 - 100:
        rack.tick(10)
    while rack.circulation.on:
        rack.tick(1)
    rack.wait(300, each=10)
    assert rack.circulation.on


@course
def a_shorter_allowance_ends_a_rest_that_is_already_longer(engine: Engine) -> None:
    rack = Rack(engine)
    rack.send(engine.model.Automatic(on=True))
    while rack.circulation.on:
        rack.tick(10)
    rack.wait(300, each=10)
    rack.set(max_off_s=200.0)
    rack.tick()
    assert rack.circulation.on


@course
def whoever_switches_circulation_off_it_comes_back(engine: Engine) -> None:
    for automatic in (False, True):
        rack = Rack(engine)
        rack.send(engine.model.Automatic(on=automatic))
        rack.tick()
        rack.circulation.on, rack.circulation.off_since = False, rack.elapsed
        rack.wait(890, each=10)
        assert not rack.circulation.on
        rack.wait(20, each=10)
        assert rack.circulation.on


@course
def circulation_that_does_not_come_is_asked_for_again_but_not_all_the_time(engine: Engine) -> None:
    rack = Rack(engine)
    rack.send(engine.model.Automatic(on=True))
    while rack.circulation.on:
        rack.tick(10)
    rack.faults.add("circulation_dead")
    rack.wait(895, each=5)
    before = len(rack.done)
    rack.wait(600, each=5)
    asked = [effect for effect in rack.done[before:] if isinstance(effect, engine.model.Circulate)]
    assert 9 <= len(asked) <= 11
    rack.faults.clear()
    rack.wait(65, each=5)
    assert rack.circulation.on


@course
def circulation_out_of_sight_is_asked_for_when_its_rest_is_over(engine: Engine) -> None:
    rack = Rack(engine)
    rack.send(engine.model.Automatic(on=True))
    while rack.circulation.on:
        rack.tick(10)
    rack.faults.add("away")
    before = len(rack.done)
    rack.wait(1100, each=10)
    asked = [effect for effect in rack.done[before:] if isinstance(effect, engine.model.Circulate)]
    assert len(asked) >= 3
    rack.faults.clear()
    rack.wait(65, each=5)
    assert rack.circulation.on


@course
def a_rest_that_somebody_ends_is_not_begun_again_before_its_turn(engine: Engine) -> None:
    rack = Rack(engine)
    rack.send(engine.model.Automatic(on=True))
    while rack.circulation.on:
        rack.tick(10)
    rack.wait(60, each=10)
    rack.circulation.on = True
    rack.wait(800, each=10)
    assert rack.circulation.on
    rack.wait(150, each=10)
    assert not rack.circulation.on


@course
def a_stop_of_circulation_that_takes_a_moment_still_is_a_rest(engine: Engine) -> None:
    rack = Rack(engine)
    rack.send(engine.model.Automatic(on=True))
    while rack.circulation.on:
        rack.tick(10)
    rack.circulation.on = True
    rack.tick(5)
    rack.circulation.on = False
    rack.wait(600, each=10)
    assert not rack.circulation.on
    assert rack.state.rest is not None


@course
def circulation_returns_while_water_comes_in_slowly(engine: Engine) -> None:
    rack = Rack(engine)
    # From the fill step on the plain longest rest holds, not that of the drain step (S5).
    rack.set(max_off_s=300.0, progress_s=1e6)
    rack.tick()
    rack.start()
    rack.until("Fill")
    rack.faults.add("fill_blocked")
    rack.wait(240)
    assert rack.circulation.on
    assert rack.kind == "Fill"


@course
def the_stop_of_circulation_is_a_plain_one_from_the_fill_step_on(engine: Engine) -> None:
    model = engine.model
    for max_off_s, at_once in ((900.0, False), (30.0, True)):
        rack = Rack(engine)
        rack.set(max_off_s=max_off_s)
        rack.tick()
        rack.start()
        assert [one for one in rack.done if isinstance(one, model.StopCirculation)][-1].water_change
        rack.until("Fill")
        plain = model.StopCirculation(max_off_s, water_change=False)
        assert (rack.done[-2], rack.circulation.on) == ((model.Circulate(), True) if at_once else (plain, False))


@course
def a_zone_whose_circulation_is_on_when_filling_is_resumed_leaves_it_on(engine: Engine) -> None:
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.until("Fill")
    rack.faults.add("fill_blocked")
    rack.until("Failed")
    rack.faults.clear()
    rack.wait(5)
    assert rack.circulation.on
    rack.resume()
    assert rack.circulation.on


# --- trips, and levels that come too seldom -----------------------------------------------------


@course
def a_trip_fails_the_step_although_the_level_has_arrived(engine: Engine) -> None:
    model = engine.model
    for role, step, level, cause in (
        ("fill", "fill", 80.0, model.Cause.OVERFLOW),
        ("drain", "drain", 15.0, model.Cause.DRY_RUN),
    ):
        rack = Rack(engine)
        rack.tick()
        rack.start()
        rack.until("Fill" if role == "fill" else "Drain")
        pump = rack.pump(role)
        while (rack.level < level) if role == "fill" else (rack.level > level):
            rack.tick()
        rack.faults.add(f"{role}_stop_lost")
        while rack.state.stopping is None:
            rack.tick()
        pump.on = False
        rack.send(model.RunEnded(engine.water.Role(role), 1.0, cause))
        rack.faults.clear()
        failed(rack, step, str(cause))


@course
def a_trip_that_is_told_of_when_the_next_step_has_begun_fails_the_change_all_the_same(engine: Engine) -> None:
    model = engine.model
    for kind, role, cause in (("Stabilize", "fill", "overflow"), ("Fill", "drain", "dry_run")):
        rack = Rack(engine)
        rack.tick()
        rack.start()
        rack.until(kind)
        rack.send(model.RunEnded(engine.water.Role(role), 1.0, model.Cause(cause)))
        failed(rack, kind.lower(), cause)


@course
def a_run_that_ended_as_the_step_wanted_or_of_circulation_fails_nothing(engine: Engine) -> None:
    model, role = engine.model, engine.water.Role
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.until("Stabilize")
    for cause in (model.Cause.STOPPED, model.Cause.TIMEOUT, model.Cause.PUMP_OFF):
        rack.send(model.RunEnded(role.FILL, 1.0, cause))
    rack.send(model.RunEnded(role.RECIRCULATION, None, model.Cause.NO_FLOW))
    assert rack.kind == "Stabilize"


@course
def a_lock_of_the_pump_that_moves_water_fails_its_step_before_its_run_is_told_to_be_over(engine: Engine) -> None:
    model, role = engine.model, engine.water.Role
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.until("Fill")
    locked = model.Hindrance(model.Refusal.PUMP_LOCKED, role.DRAIN, "Drain", model.Cause.OVERCURRENT)
    rack.hindrances = (locked,)
    rack.tick()
    assert rack.kind == "Fill", "it is not the pump of this step"
    rack.hindrances = (replace(locked, role=role.FILL, cause=model.Cause.OVERFLOW),)
    rack.tick()
    failed(rack, "fill", "overflow")


def _slow(engine: Engine, after: int, **rules: Any) -> Rack:
    """Return a rack in its fill step whose level reports once more, after so many seconds."""
    rack = Rack(engine)
    rack.set(tank_l=None, **rules)
    rack.tick()
    rack.start()
    rack.until("Fill")
    rack.faults.add("level_silent")
    speaks = rack.elapsed + after

    def flow(seconds: float) -> None:
        Rack.flow(rack, seconds)
        if rack.elapsed == speaks:
            rack.count, rack.heard = rack.count + 1, rack.level
        # It is fresh by its own interval.
        rack.heard_at = rack.elapsed

    rack.flow = flow
    return rack


@course
def a_level_that_comes_too_seldom_fails_a_fill_before_it_overflows(engine: Engine) -> None:
    for stated in (None, 1.0):
        rack = _slow(engine, 60, fill_rate=stated)
        rack.until("Failed", at_most=300)
        assert rack.level <= 97
        failed(rack, "fill", "level_too_slow")
        assert rack.state.values["expected_level"] >= 95


@course
def a_fill_that_has_arrived_does_not_wait_for_another_report_that_would_come_too_late(engine: Engine) -> None:
    rack = _slow(engine, 70)
    rack.until("Stabilize", at_most=300)
    assert rack.level <= 97


@course
def a_level_that_stands_still_fails_a_fill_when_the_tank_would_be_full(engine: Engine) -> None:
    rack = Rack(engine)
    # What is stated is a little high, as pumps never do quite what is written on them.
    rack.set(tank_l=None, fill_rate=1.1)
    rack.tick()
    rack.start()
    rack.until("Fill")
    rack.faults.add("level_frozen")
    rack.until("Failed")
    assert rack.level < 100
    failed(rack, "fill", "too_much_water")


@course
def a_level_that_creeps_fails_a_fill_when_the_tank_would_be_full(engine: Engine) -> None:
    rack = Rack(engine)
    rack.set(tank_l=None, fill_rate=2.0)
    rack.tick()
    rack.start()
    rack.until("Failed")
    failed(rack, "fill", "too_much_water")


@course
def how_fast_a_fill_went_is_remembered_and_a_level_that_is_slower_refuses_the_next_change(engine: Engine) -> None:
    model = engine.model
    rack = Rack(engine)
    rack.tick()
    rack.start()
    rack.until("NormalRecirc")
    assert rack.memory.fill_rate == pytest.approx(1.0, abs=0.1)
    rack.restart()
    assert rack.memory.fill_rate == pytest.approx(1.0, abs=0.1)
    sight = replace(rack.sight(), level_pace=20.0)
    rack.send(model.Start(sight))
    told = [one.hindrance for one in rack.denied]
    assert [(str(one.refusal), one.value) for one in told] == [("level_too_slow", 20.0)]
    assert told[0].limit == pytest.approx(15.0, abs=2)
    rack.send(model.Start(replace(sight, level_pace=10.0)))
    assert rack.kind == "Drain"


@course
def a_drain_begins_with_a_stop_of_the_pump_that_fills(engine: Engine) -> None:
    model, role = engine.model, engine.water.Role
    rack = Rack(engine)
    rack.tick()
    rack.start()
    first = next(index for index, one in enumerate(rack.done) if isinstance(one, model.Run))
    assert model.Stop(role.FILL) in rack.done[first - 3 : first]


# --- planned changes ----------------------------------------------------------------------------


def _planned(engine: Engine, age_days: float, **plan: Any) -> Rack:
    rack = Rack(engine)
    rack.set(plan=engine.schedule.Plan(**({"interval_days": None} | plan)), windows=())
    rack.send(engine.model.Automatic(on=True))
    rack.wait(1000, each=20)
    rack.memory = replace(rack.memory, solution_started_at=rack.now.at - age_days * DAY)
    return rack


@course
def an_interval_ends_at_its_time_of_day(engine: Engine) -> None:
    rack = _planned(engine, 6.9, interval_days=7, time_of_day=10 * 60)
    due = engine.water.next_change(rack.rules, rack.memory, rack.now)
    rack.until("Drain", at_most=6 * 3600, each=20)
    assert rack.happened[0].values["why"] == "interval"
    assert rack.now.at == pytest.approx(due, abs=60)
    assert rack.now.second_of_day == pytest.approx(10 * 3600, abs=60)


@course
def nothing_planned_begins_without_automatic_operation_or_before_its_day(engine: Engine) -> None:
    for age, automatic in ((20, False), (5, True)):
        rack = _planned(engine, age, interval_days=7, max_age_days=14, time_of_day=10 * 60)
        rack.send(engine.model.Automatic(on=automatic))
        rack.wait(8 * 3600, each=30)
        assert rack.told == []


@course
def a_time_of_day_that_was_missed_waits_for_the_next_day(engine: Engine) -> None:
    rack = _planned(engine, 6.9, interval_days=7, time_of_day=3 * 60)
    rack.wait(8 * 3600, each=30)
    assert rack.told == []
    rack.wait(14 * 3600, each=30)
    assert rack.told[0] == "water_change_started"


@course
def a_solution_that_is_too_old_is_changed_at_any_time(engine: Engine) -> None:
    rack = _planned(engine, 13.999, max_age_days=14)
    assert engine.water.next_change(rack.rules, rack.memory, rack.now) == pytest.approx(rack.now.at + 86.4)
    rack.wait(80, each=20)
    assert rack.kind == "NormalRecirc"
    rack.wait(40, each=20)
    assert rack.kind == "Drain"
    assert str(rack.state.change.why) == "max_age"


@course
def ec_that_has_drifted_for_long_begins_a_change_and_one_that_came_back_does_not(engine: Engine) -> None:
    for back in (True, False):
        rack = _planned(engine, 1, ec_drift_percent=20)
        rack.ec = 2.0
        rack.send(engine.model.Renew(rack.sight()))
        rack.ec = 1.5
        rack.wait(1700, each=20)
        assert rack.kind == "NormalRecirc"
        rack.ec = 1.9 if back else 1.5
        rack.wait(20)
        rack.ec = 1.5
        rack.wait(120, each=20)
        assert rack.kind == ("NormalRecirc" if back else "Drain")


@course
def a_planned_change_that_is_refused_says_so_once_and_tries_again(engine: Engine) -> None:
    model = engine.model
    rack = _planned(engine, 15, max_age_days=14)
    rack.hindrances = (model.Hindrance(model.Refusal.UPDATE_IN_PROGRESS, None, "node"),)
    rack.wait(2.5 * 3600, each=20)
    assert [str(one.why) for one in rack.denied] == ["max_age"]
    for _ in range(40):
        if rack.memory.retry_at - rack.elapsed < 580:
            rack.tick(20)
    rack.hindrances = ()
    rack.wait(400, each=20)
    assert rack.told == []
    rack.wait(300, each=20)
    assert rack.told[0] == "water_change_started"


@course
def a_zone_that_cannot_change_its_water_has_nothing_due(engine: Engine) -> None:
    rack = _planned(engine, 15, max_age_days=14)
    rack.set(drains=False)
    rack.wait(3600, each=20)
    assert rack.denied == []
    assert engine.water.next_change(rack.rules, rack.memory, rack.now) is None


@course
def nothing_planned_begins_right_after_a_start(engine: Engine) -> None:
    rack = _planned(engine, 15, max_age_days=14)
    rack.memory = replace(rack.memory, clock=None)
    rack.wait(880, each=20)
    assert rack.kind == "NormalRecirc"
    rack.wait(60, each=20)
    assert rack.kind == "Drain"


# --- clocks that are set ------------------------------------------------------------------------


@course
def nothing_planned_begins_right_after_a_leap_of_the_clock(engine: Engine) -> None:
    rack = _planned(engine, 15, max_age_days=None)
    rack.offset += 3600
    rack.tick()
    rack.set(plan=engine.schedule.Plan(interval_days=None, max_age_days=14))
    rack.wait(880, each=20)
    assert rack.kind == "NormalRecirc"
    rack.wait(60, each=20)
    assert rack.kind == "Drain"


@course
def a_clock_that_leaps_ages_no_solution(engine: Engine) -> None:
    for leap in (-400 * DAY, -3600, 3600, 400 * DAY):
        rack = _planned(engine, 2, max_age_days=14, interval_days=7)
        rack.tick()
        rack.offset += leap
        rack.tick()
        assert engine.water.solution_age(rack.memory, rack.now) == pytest.approx(2 * DAY, abs=5)
        rack.wait(3600, each=30)
        assert rack.told == []


@course
def a_clock_that_is_set_after_the_start_leaves_alone_what_was_stored(engine: Engine) -> None:
    rack = Rack(engine)
    rack.tick()
    before = rack.memory.solution_started_at
    rack.offset -= 5 * DAY
    rack.restart()
    rack.tick()
    rack.offset += 5 * DAY
    rack.tick()
    assert rack.memory.solution_started_at == before
    rack.send(engine.model.Renew(rack.sight()))
    rack.offset += 3 * DAY
    rack.tick()
    assert engine.water.solution_age(rack.memory, rack.now) == pytest.approx(1)


@course
def a_solution_that_was_begun_in_the_future_begins_now(engine: Engine) -> None:
    rack = Rack(engine)
    rack.offset += 900 * DAY
    rack.tick()
    rack.send(engine.model.Renew(rack.sight()))
    rack.offset -= 900 * DAY
    rack.restart()
    rack.wait(880, each=20)
    assert engine.water.solution_age(rack.memory, rack.now) == 0
    rack.wait(100, each=20)
    assert engine.water.solution_age(rack.memory, rack.now) > 0


@course
def a_clock_that_leaps_in_a_change_changes_nothing_about_it(engine: Engine) -> None:
    for leap in (-30 * DAY, 30 * DAY):
        rack = Rack(engine)
        rack.tick()
        rack.start()
        rack.wait(5)
        rack.offset += leap
        rack.until("Fill")
        rack.offset -= leap
        rack.until("Stabilize")
        rack.offset += leap
        rack.until("NormalRecirc")
        assert rack.told[-1] == "water_change_completed"
        assert engine.water.solution_age(rack.memory, rack.now) == 0


@course
def only_what_could_be_done_is_told_as_next(engine: Engine) -> None:
    rack = Rack(engine)
    assert engine.water.next_change(rack.rules, rack.memory, rack.now) is None
    rack.send(engine.model.Automatic(on=True))
    assert engine.water.next_change(rack.rules, rack.memory, rack.now) > rack.now.at
    rack.set(plan=engine.schedule.Plan())
    assert engine.water.next_change(rack.rules, rack.memory, rack.now) is None
    rack.memory = engine.model.Memory()
    assert engine.water.solution_age(rack.memory, rack.now) is None
    rack.send(engine.model.Tick(rack.sight()))
    assert rack.kind == "NormalRecirc"


@pytest.mark.parametrize("name", COURSES)
def test_course(name: str) -> None:
    COURSES[name](ENGINE)


# --- what is stored -----------------------------------------------------------------------------

GOOD: dict[str, Any] = {
    "state": {
        "kind": "failed",
        "step": "fill",
        "cause": "no_flow",
        "since": 5.0,
        "change": {"why": "owner", "started_at": 1.0, "drained_l": 3.0, "filled_l": None, "done": ["drain"]},
        "values": {"level": 20.0},
    },
    "automatic": True,
    "solution_started_at": 7.0,
    "made": {"at": 1.0, "ph": 6.0, "ec": 1.0, "temperature": None, "drained_l": None, "filled_l": 2.0},
    "aborted_at": None,
}


def test_what_is_stored_is_what_is_read() -> None:
    memory = ENGINE.record.parse_memory(GOOD)
    assert ENGINE.record.unparse_memory(memory) == GOOD
    assert json.loads(json.dumps(ENGINE.record.unparse_memory(ENGINE.model.Memory()))) == {
        "state": {"kind": "normal_recirc"},
        "automatic": False,
        "solution_started_at": None,
        "made": None,
        "aborted_at": None,
    }


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {},
        GOOD | {"state": {"kind": "swimming"}},
        GOOD | {"state": {"kind": "drain"}},
        GOOD | {"state": {"kind": "fill", "since": 1.0, "change": {"why": "owner"}}},
        GOOD | {"state": GOOD["state"] | {"cause": "magic"}},
        GOOD | {"state": GOOD["state"] | {"values": {"level": "high"}}},
        GOOD | {"automatic": "yes"},
        GOOD | {"solution_started_at": float("nan")},
        GOOD | {"solution_started_at": True},
        GOOD | {"made": {"ph": 6.0}},
        GOOD | {"made": 7},
    ],
)
def test_what_is_broken_is_not_believed(broken: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        ENGINE.record.parse_memory(broken)


# --- guards that are taken away -----------------------------------------------------------------

MUTATIONS: list[tuple[str, str, str]] = [
    ("water.change", "effects = (*stop_water(), Circulate(), Happened", "effects = (Circulate(), Happened"),
    ("water.change", "effects = (*stop_water(), Circulate(), Happened", "effects = (*stop_water(), Happened"),
    ("water.change", "return Cause.TIMEOUT", "pass"),
    ("water.change", "return Cause.LEVEL_UNKNOWN", "pass"),
    ("water.change", "if wrong or now.elapsed", "if now.elapsed"),
    ("water.change", "if wrong or now.elapsed - state.marked_at >= rules.progress_s:", "if wrong:"),
    ("water.change", "return Cause.TOO_MUCH_WATER", "pass"),
    ("water.change", "return Cause.PUMP_OFF if", "return None if"),
    ("water.change", "return Cause.CONTACT_LOST if", "return None if"),
    ("water.change", "if _seen(state, sight) is False and", "if"),
    (
        "water.change",
        "return fail(memory, Cause.INTERLOCK, now)\n    if (cause",
        "pass\n    if (cause",
    ),
    ("water.change", "if sight.draining or sight.filling:", "if False:"),
    ("water.change", "if now.elapsed - state.seen_at >= CIRCULATION_S:", "if False:"),
    ("water.change", "if state.stopping is not None and now.elapsed - state.stopping >= CONFIRM_S:", "if False:"),
    ("water.change", "state.arrived.over(now.elapsed, sight.level_count, ARRIVED_DWELL_S)", "state.arrived.since"),
    ("water.change", "return min(rules.drain_timeout_s, rules.change_off_s)", "return (rules.drain_timeout_s)"),
    ("water.change", "steady = max(previous, level)", "steady = level"),
    (
        "water.change",
        "wrong = state.wrong_way.over(now.elapsed, sight.level_count, WRONG_WAY_DWELL_S)",
        "wrong = state.wrong_way.since is not None",
    ),
    ("water.change", "again = bool(unseen) and", "again = False and"),
    (
        "water.change",
        "unseen = tuple(role for role in memory.stopping.unseen if",
        "unseen = tuple(role for role in on if",
    ),
    (
        "water.change",
        "    return insist(rules, memory, now, _allowed_off(rules, state))\n\n\ndef _allowed",
        "    return memory, ()\n\n\ndef _allowed",
    ),
    ("water.change", "now.elapsed - seen.asked_at < REMIND_S", "False"),
    ("water.change", "if now.elapsed - state.began < rules.stabilize_s:", "if False:"),
    ("water.memory", "Cause.INTERRUPTED), announced=False)", "Cause.TIMEOUT), announced=False)"),
    ("water.memory", "Cause.INTERRUPTED), announced=False)", "Cause.INTERRUPTED))"),
    ("water.cycle", "return memory, (*stop_water(), Circulate(), *told)", "return memory, told"),
    (
        "water.cycle",
        "Stabilize() | Failed():\n            return fail(memory, Cause.INTERRUPTED, now)",
        "Stabilize() | Failed():\n            return memory, ()",
    ),
    ("water.cycle", "case NormalRecirc(rest=Rest()):", "case NormalRecirc(rest=3):"),
    ("water.cycle", "return Hindrance(rules.lacks)", "pass"),
    ("water.cycle", "            return one", "            pass"),
    ("water.cycle", "if one.role is None or one.role in _NEEDS[first]:", "if True:"),
    ("water.cycle", "if on is not False:", "if False:"),
    ("water.cycle", "if on is not False:", "if on is None:"),
    ("water.cycle", "if rules.recirculates and sight.recirculating is None:", "if False:"),
    ("water.cycle", "        return Hindrance(Refusal.LEVEL_UNKNOWN)\n", "        return None\n"),
    ("water.cycle", "return Hindrance(Refusal.FAILED)", "return _against(rules, Step.DRAIN, sight)"),
    ("water.cycle", "return Hindrance(Refusal.CHANGE_RUNNING)\n", "return _against(rules, Step.DRAIN, sight)\n"),
    ("water.cycle", "effects = (*stop_water(), Circulate())\n", "effects = (Circulate(),)\n"),
    ("water.cycle", "aborted_at=now.at)\n", "aborted_at=None)\n"),
    ("water.cycle", "if memory.clock is None or now.elapsed < memory.clock.settled_at:", "if False:"),
    ("water.cycle", "if memory.retry_at is not None and now.elapsed < memory.retry_at:", "if False:"),
    (
        "water.cycle",
        "solution_started_at=_moved(memory.solution_started_at, clock, leap)",
        "solution_started_at=memory.solution_started_at",
    ),
    ("water.cycle", "if at is None or (clock.fresh and not clock.since <= at <= clock.at):", "if at is None:"),
    ("water.cycle", "return memory if fresh else _not_ahead(memory, now)", "return memory"),
    (
        "water.cycle",
        "or not memory.automatic or rules.lacks is not None or _held",
        "or rules.lacks is not None or _held",
    ),
    ("water.cycle", "rules.lacks is not None or _held(memory, now)", "_held(memory, now)"),
    ("water.cycle", "DRIFT_DWELL_S else None", "0 else None"),
    ("water.cycle", "if memory.automatic else None", "if True else None"),
    ("water.cycle", "rested < min(state.rest.off_s, rules.max_off_s)", "rested < state.rest.off_s"),
    ("water.cycle", "return memory, () if sight.recirculating else (Circulate(),)", "return memory, ()"),
    ("water.cycle", "running is None or now.elapsed - running < turn.on_s", "running is None"),
    ("water.cycle", "        return insist(rules, memory, now, rules.max_off_s)", "        return memory, ()"),
    (
        "water.cycle",
        "    memory = replace(memory, state=rest, circulation=Circulation(off_since=now.elapsed))",
        "    memory = replace(memory, state=rest, circulation=Circulation())",
    ),
    (
        "water.cycle",
        "return fail(memory, cause, now) if own or tripped",
        "return (memory, ()) if own or tripped",
    ),
    ("water.cycle", " and role is state.role and state.stopping is None", " and role is state.role"),
    ("water.cycle", "    if cause is None:\n        return memory, ()\n", ""),
    ("water.cycle", " if own or tripped else", " if own else"),
    ("water.cycle", "cause not in ENDS and role is not Role.RECIRCULATION", "cause not in ENDS"),
    ("water.cycle", "if sight.level_pace <= longest:", "if True:"),
    ("water.cycle", "now.elapsed + SETTLE_S, fresh=clock.fresh)", "clock.settled_at, fresh=clock.fresh)"),
    ("water.change", "= (told, Stop(Role.FILL))", "= (told,)"),
    ("water.change", "if (cause := _tripped(state, sight)) is not None:", "if (cause := None) is not None:"),
    ("water.change", "return Cause.LEVEL_TOO_SLOW", "pass"),
    ("water.change", "ARRIVED_DWELL_S) or full:", "ARRIVED_DWELL_S):"),
    ("water.change", "    return rate * (now.elapsed - state.on_since) > fits", "    return False"),
    ("water.change", "rules.change_off_s if isinstance(state, Drain) else rules.max_off_s", "rules.change_off_s"),
    ("water.change", "        *told_circulation,\n", ""),
    ("water.cycle", "if any(one.refusal is Refusal.PUMP_STUCK_ON for one in sight.hindrances):", "if False:"),
    (
        "water.cycle",
        "            return fail(memory, cause, now)\n        case unreachable",
        "            return memory, ()\n        case unreachable",
    ),
    ("water.cycle", "isinstance(memory.state, Drain | Fill | Stabilize)", "False"),
    ("water.schedule", "since <= LATEST_S and ", ""),
    ("water.schedule", "off_s = min(max_off_s, ", "off_s = max(0.0, "),
]


@pytest.mark.parametrize("number", range(len(MUTATIONS)))
def test_a_guard_that_is_taken_away_is_missed(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where, guard, without = MUTATIONS[number]
    name = f"mutant_{number}"
    package = tmp_path / name
    package.mkdir()
    (package / "__init__.py").touch()
    for module in (
        "protocol.metrics",
        "freshness",
        "safety",
        "water.schedule",
        "water.solution",
        "water.model",
        "water.change",
        "water.memory",
        "water.cycle",
    ):
        text = source(module)
        if module == where:
            assert text.count(guard) == 1, "the guard is there, once"
            text = text.replace(guard, without)
        path = package / f"{module.replace('.', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    mutant = Engine.of(name)
    caught = any(_complains(run, mutant) for run in COURSES.values())
    for loaded in [each for each in sys.modules if each.startswith(name)]:
        del sys.modules[loaded]
    assert caught


def _complains(run: Course, mutant: Engine) -> bool:
    try:
        run(mutant)
    except AssertionError, RecursionError, TypeError, AttributeError:
        return True
    return False
