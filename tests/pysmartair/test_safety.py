"""The rules that the integration and the firmware share, against the same situations and verdicts."""

from dataclasses import replace
import json
from pathlib import Path
from typing import Any

import pytest

from custom_components.smartair.pysmartair.guard.still_water import StillWater, may_fill, watch_still_water
from custom_components.smartair.pysmartair.safety import (
    ALLOWED,
    Allowed,
    Cause,
    Contact,
    Limits,
    Reading,
    Readings,
    Reason,
    Refused,
    Role,
    Situation,
    Trip,
    Verdict,
    Watch,
    holds_circulation,
    known_level,
    lock_after,
    may_go_on,
    may_release,
    may_reset,
    may_run,
    may_start,
    off_until,
    run_until,
    term,
    watch_rest,
    watch_run,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/pump_safety.json").read_text())
NOW = 10_000.0
FLOAT = {"absent": Contact.ABSENT, "unknown": Contact.UNKNOWN, "closed": Contact.ON, "open": Contact.OFF}
LEAK = {"absent": Contact.ABSENT, "unknown": Contact.UNKNOWN, "wet": Contact.ON, "dry": Contact.OFF}


def limits(raw: dict[str, Any]) -> Limits:
    return Limits(**(raw | {"role": Role(raw["role"])}))


def reading(raw: Any, before: Reading | None = None, now: float = NOW) -> Reading | None:
    before = before or Reading()
    known: dict[Any, Reading | None] = {
        "absent": None,
        "never": Reading(),
        "stale": replace(
            before, value=before.value or 50.0, at=min(before.at, now - 15.1), count=max(before.count, 1)
        ),
    }
    return known[raw] if isinstance(raw, str) else Reading(raw, now, before.count + 1)


def readings(raw: dict[str, Any], before: Readings | None = None, now: float = NOW) -> Readings:
    before = before or Readings()
    return Readings(
        level=reading(raw["level"], before.level, now),
        flow=reading(raw["flow"], before.flow, now),
        current_ma=reading(raw["current_ma"], before.current_ma, now),
        float_switch=FLOAT[raw["float_switch"]],
        leak=LEAK[raw["leak"]],
    )


def said(verdict: Verdict) -> Any:
    match verdict:
        case Allowed():
            return "allowed"
        case Refused(reason, cause):
            return {"refused": str(reason), "cause": str(cause)}


def lock_of(raw: dict[str, Any]) -> Refused | None:
    return Refused(Reason(raw["lock"]), Cause(raw["lock_cause"]), raw.get("lock_value")) if raw.get("lock") else None


def situation_of(raw: dict[str, Any]) -> Situation:
    return Situation(
        lock=lock_of(raw),
        interlocked=raw.get("interlocked", False),
        zone_stuck=raw.get("zone_stuck", False),
        zone_locked=raw.get("zone_locked", False),
        updating=raw.get("updating", False),
    )


@pytest.mark.parametrize("case", VECTORS["start"], ids=lambda c: c["name"])
def test_the_gate_says_what_the_shared_vectors_say(case: dict[str, Any]) -> None:
    raw = case["situation"]
    situation = situation_of(raw)
    gate = {
        False: may_run(limits(case["limits"]), readings(case["readings"]), situation, NOW),
        True: may_release(situation.lock),
    }
    assert said(gate[raw.get("fail_safe", False)]) == case["verdict"]


@pytest.mark.parametrize("case", VECTORS["found"], ids=lambda c: c["name"])
def test_a_run_that_is_found_is_judged_as_the_shared_vectors_say(case: dict[str, Any]) -> None:
    assert said(may_go_on(limits(case["limits"]), situation_of(case["situation"]))) == case["verdict"]


@pytest.mark.parametrize("case", VECTORS["freshness"], ids=lambda c: c["name"])
def test_a_source_is_believed_for_as_long_as_the_shared_vectors_say(case: dict[str, Any]) -> None:
    bounds = limits(case["limits"])
    gaps = () if case["interval_s"] is None else (float(case["interval_s"]),)
    source = Reading(50.0, NOW, 9, gaps)
    seen = Readings(level=source, rate=case["measured_rate"])
    assert term(bounds, seen, source) == pytest.approx(case["term_s"], rel=1e-4)
    slow = Reason.OVERFLOW if bounds.role is Role.FILL else Reason.DRY_RUN
    verdict = may_run(bounds, seen, Situation(), NOW)
    assert said(verdict) == ({"refused": slow, "cause": "slow"} if case["slow"] else "allowed")
    for late, known in ((-0.1, 50.0), (0.1, None)):
        assert known_level(bounds, seen, NOW + case["term_s"] + late) == known


@pytest.mark.parametrize("case", VECTORS["reset"], ids=lambda c: c["name"])
def test_a_reset_is_allowed_exactly_where_the_shared_vectors_allow_it(case: dict[str, Any]) -> None:
    lock = lock_of(case)
    assert lock is not None
    verdict = may_reset(
        lock, limits(case["limits"]), readings(case["readings"]), NOW, by_right=case.get("running", False)
    )
    assert said(verdict) == case["verdict"]


def first_trip(case: dict[str, Any]) -> tuple[Trip, float] | None:
    bounds = limits(case["limits"])
    look = {"run": watch_run, "rest": watch_rest}[case["kind"]]
    watch, seen, at = Watch(since=NOW), Readings(), NOW
    for segment in case["segments"]:
        for _ in range(round(segment["for_s"] * 10)):
            seen = readings(segment["readings"], seen, at)
            watch, trip = look(watch, bounds, seen, at)
            if trip is not None:
                return trip, at - NOW
            at += 0.1
    return None


@pytest.mark.parametrize("case", [c for c in VECTORS["run"] if c["trip"]], ids=lambda c: c["name"])
def test_a_fault_trips_when_the_shared_vectors_say(case: dict[str, Any]) -> None:
    found = first_trip(case)
    assert found is not None
    trip, at = found
    want = case["trip"]
    assert (trip.verdict.reason, trip.verdict.cause, trip.locks) == (
        want["code"],
        want["cause"],
        want["locks"],
    )
    low, high = want["between_s"]
    assert low - 0.01 <= at <= high + 0.01


@pytest.mark.parametrize("case", [c for c in VECTORS["run"] if not c["trip"]], ids=lambda c: c["name"])
def test_what_is_no_fault_trips_nothing(case: dict[str, Any]) -> None:
    assert first_trip(case) is None


def first_alert(case: dict[str, Any]) -> tuple[Refused, float] | None:
    bounds, water = limits(case["limits"]), StillWater()
    at, level, begun, turn = 0.0, Reading(), 0.0, 1.0
    for segment in case["segments"]:
        while at < begun + segment["for_s"]:
            if level.count == 0 or at - level.at >= segment["every_s"]:
                share = (at - begun) / segment["for_s"]
                value = segment["from"] + (segment["to"] - segment["from"]) * share
                level, turn = level.heard(value + turn * segment["noise"], at), -turn
            water = watch_still_water(water, bounds, Readings(level=level), at, case["quiet_from_s"])
            if water.trouble is not None:
                assert may_fill(water) == water.trouble
                return water.trouble, at
            at += 1.0
        begun += segment["for_s"]
    assert may_fill(water) == ALLOWED
    return None


@pytest.mark.parametrize("case", VECTORS["tank"], ids=lambda c: c["name"])
def test_a_tank_that_fills_by_itself_is_told_when_the_shared_vectors_say(case: dict[str, Any]) -> None:
    found, want = first_alert(case), case["alert"]
    assert (found is None) == (want is None), found
    for trouble, at in [found] if found is not None else []:
        assert (trouble.reason, trouble.cause) == (Reason.OVERFLOW, want["cause"])
        low, high = want["between_s"]
        assert low <= at <= high


FILL = Limits(role=Role.FILL)
DRAIN = Limits(role=Role.DRAIN)
RECIRCULATION = Limits(role=Role.RECIRCULATION)
GOOD = Readings(
    level=Reading(50.0, NOW, 1),
    flow=Reading(3.0, NOW, 1),
    current_ma=Reading(800.0, NOW, 1),
    float_switch=Contact.ON,
    leak=Contact.OFF,
)


@pytest.mark.parametrize("bound", [None, 0.0, -1.0])
def test_a_run_without_a_bound_is_refused_unless_running_is_its_rest(bound: float | None) -> None:
    assert may_start(FILL, GOOD, Situation(), NOW, bound) == Refused(Reason.MAX_RUN_MISSING)
    assert may_start(RECIRCULATION, GOOD, Situation(), NOW, bound) == ALLOWED


def test_a_bounded_run_is_allowed_and_a_refusal_comes_before_the_bound() -> None:
    assert may_start(DRAIN, GOOD, Situation(), NOW, 60) == ALLOWED
    assert may_start(DRAIN, GOOD, Situation(updating=True), NOW, None) == Refused(Reason.UPDATE_IN_PROGRESS)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_what_is_not_a_number_is_not_known(value: float | None) -> None:
    blind = replace(GOOD, level=Reading(value, NOW, 1))
    assert may_run(DRAIN, blind, Situation(), NOW) == Refused(Reason.DRY_RUN, Cause.UNKNOWN, None, 10.0)


def test_nothing_holds_circulation_that_is_not_locked() -> None:
    assert not holds_circulation(None)
    assert may_release(None) == ALLOWED


@pytest.mark.parametrize(
    ("asked", "water_change", "until"),
    [(None, False, 1800), (0, False, 1800), (60, False, 60), (1e6, False, 1800), (None, True, 2400)],
)
def test_circulation_has_an_end_to_its_pause_whatever_was_asked(
    asked: float | None,
    water_change: bool,
    until: float,
) -> None:
    bounds = replace(RECIRCULATION, drain_off_s=2400)
    assert off_until(bounds, NOW, asked, water_change=water_change) == NOW + until


def test_a_renewed_run_never_passes_the_end_that_its_channel_has() -> None:
    assert run_until(FILL, NOW, NOW + 10, 60) == NOW + 70
    assert run_until(FILL, NOW, NOW + 1190, 60) == NOW + 1200


def test_the_third_failure_within_an_hour_locks_wherever_the_hour_began() -> None:
    assert lock_after(FILL, [NOW - 3601, NOW - 10, NOW], Reason.NO_FLOW, NOW) is None
    locked = lock_after(FILL, [NOW - 3600, NOW - 10, NOW], Reason.NO_FLOW, NOW)
    assert locked is not None
    assert locked.reason is Reason.TOO_MANY_FAILURES
    locked = lock_after(FILL, [NOW - 5, NOW - 3, NOW], Reason.MAX_RUN, NOW)
    assert locked is not None
    assert locked.reason is Reason.MAX_RUN


def test_circulation_that_runs_in_spite_of_its_lock_is_stopped_only_by_what_may_hold_it_off() -> None:
    lock = Refused(Reason.NO_FLOW, Cause.MEASURED)
    watch, trips = Watch(since=NOW), []
    for step in range(600):
        at = NOW + step / 10
        seen = replace(GOOD, level=Reading(50.0, at, step + 1), flow=Reading(0.0, at, step + 1), current_ma=None)
        watch, trip = watch_run(watch, RECIRCULATION, seen, at, lock)
        trips.append(trip)
    assert not any(trips)
    for step in range(600, 700):
        at = NOW + step / 10
        seen = replace(seen, level=Reading(5.0, at, step + 1))
        watch, trip = watch_run(watch, RECIRCULATION, seen, at, lock)
        trips.append(trip)
    assert Trip(Refused(Reason.DRY_RUN, Cause.MEASURED, 5.0, 10.0), locks=True) in trips


def test_one_low_reading_that_is_only_old_trips_nothing() -> None:
    watch = Watch(since=NOW)
    frozen = replace(GOOD, level=Reading(5.0, NOW, 7))
    for step in range(100):
        watch, trip = watch_run(watch, DRAIN, frozen, NOW + step / 10)
        assert trip is None
