"""A staged rollout: first a few, then batch after batch, and a stop that comes by itself."""

from dataclasses import replace
from datetime import time

from hypothesis import given, strategies as st
import pytest

from custom_components.smartair.pysmartair.updates.rollout import (
    OVER,
    Abort,
    Device,
    End,
    Event,
    Finished,
    Hours,
    NotBegun,
    Pause,
    Phase,
    Plan,
    Resume,
    Rollout,
    Stage,
    Start,
    Target,
    Tick,
    Unordered,
    begin,
    dump,
    load,
    stages,
    step,
)

NOW = 1_790_000_000.0
OPEN, CLOSED = Tick(open=True), Tick(open=False)


def plan(count: int = 10, **changes: object) -> Plan:
    targets = tuple(Target(uid=f"d{number}", version="2.0.0", sha256="ab" * 32) for number in range(count))
    return Plan(**{"id": "r1", "targets": targets, "canary": 2, "batch": 3, "threshold": 2, **changes})


def run(state: Rollout, *events: Event) -> tuple[Rollout, list[str], list[Phase]]:
    started, ends = [], []
    for event in events:
        state, effects = step(state, event, NOW)
        started += [effect.target.uid for effect in effects if isinstance(effect, Start)]
        ends += [effect.phase for effect in effects if isinstance(effect, End)]
    return state, started, ends


def good(*uids: str) -> list[Event]:
    return [Finished(uid=uid, error=None) for uid in uids]


def bad(*uids: str) -> list[Event]:
    return [Finished(uid=uid, error="checksum_mismatch") for uid in uids]


def test_the_first_devices_go_alone_and_the_batches_follow_when_all_of_them_have_succeeded() -> None:
    state, started, _ = run(begin(plan(), NOW), OPEN, OPEN)
    assert started == ["d0", "d1"]
    state, started, _ = run(state, *good("d0"), OPEN)
    assert started == []
    state, started, _ = run(state, *good("d1"), OPEN)
    assert started == ["d2", "d3", "d4"]
    assert state.counts == {
        Stage.WAITING: 5,
        Stage.UPDATING: 3,
        Stage.UPDATED: 2,
        Stage.FAILED: 0,
        Stage.SKIPPED: 0,
    }
    assert state.percent == 20
    assert stages(plan()) == [["d0", "d1"], ["d2", "d3", "d4"], ["d5", "d6", "d7"], ["d8", "d9"]]
    assert stages(plan(2, canary=0)) == [["d0", "d1"]]


def test_it_completes_when_nobody_is_left() -> None:
    state, _, ends = run(begin(plan(2), NOW), OPEN, *good("d0"), NotBegun(uid="d1", reason="device_unavailable"))
    assert (state.phase, ends, state.percent) == (Phase.COMPLETED, [Phase.COMPLETED], 100)
    assert state.device("d1") == Device(stage=Stage.SKIPPED, error="device_unavailable")
    assert state.ended == NOW


def test_one_failure_among_the_first_stops_it() -> None:
    state, _, ends = run(begin(plan(threshold=5), NOW), OPEN, *good("d0"), *bad("d1"))
    assert (state.phase, ends) == (Phase.STOPPED, [Phase.STOPPED])
    assert state.uids(Stage.FAILED) == ("d1",)
    _, started, _ = run(state, OPEN)
    assert started == []


def test_it_stops_at_the_threshold_and_notes_what_is_still_under_way() -> None:
    state, _, ends = run(begin(plan(), NOW), OPEN, *good("d0", "d1"), OPEN, *bad("d2"))
    assert (state.phase, ends) == (Phase.RUNNING, [])
    state, _, ends = run(state, *bad("d3"))
    assert (state.phase, ends) == (Phase.STOPPED, [Phase.STOPPED])
    state, started, ends = run(state, *good("d4"), OPEN, Resume(), Pause(), Abort(), OPEN)
    assert (state.phase, started, ends) == (Phase.STOPPED, [], [])
    assert state.device("d4").stage is Stage.UPDATED


def test_a_first_device_that_was_skipped_proves_nothing_so_another_goes_first() -> None:
    state, _, _ = run(begin(plan(), NOW), OPEN, *good("d0"), NotBegun(uid="d1", reason="device_unavailable"))
    _, started, _ = run(state, OPEN)
    assert started == ["d2"]


def test_without_first_devices_the_batches_begin_at_once() -> None:
    _, started, _ = run(begin(plan(canary=0), NOW), OPEN)
    assert started == ["d0", "d1", "d2"]


def test_a_pause_holds_until_it_is_taken_back() -> None:
    state, started, _ = run(begin(plan(), NOW), Pause(), OPEN)
    assert (state.phase, started) == (Phase.PAUSED, [])
    state, started, _ = run(state, Resume(), OPEN)
    assert (state.phase, started) == (Phase.RUNNING, ["d0", "d1"])
    assert run(state, Resume())[0] == state


def test_an_abort_is_for_ever() -> None:
    state, _, ends = run(begin(plan(), NOW), OPEN, Abort())
    assert (state.phase, ends) == (Phase.ABORTED, [Phase.ABORTED])
    state, started, ends = run(state, *good("d0", "d1"), OPEN, Resume())
    assert (state.phase, started, ends) == (Phase.ABORTED, [], [])
    assert state.device("d0").stage is Stage.UPDATED


def test_outside_its_hours_it_waits() -> None:
    state, started, _ = run(begin(plan(), NOW), CLOSED)
    assert (state.phase, started) == (Phase.WAITING, [])
    state, _, _ = run(state, Pause())
    assert state.phase is Phase.PAUSED
    state, started, _ = run(state, Resume(), OPEN)
    assert (state.phase, started) == (Phase.RUNNING, ["d0", "d1"])


def test_who_was_chosen_and_not_ordered_before_a_power_cut_waits_again() -> None:
    state, _, _ = run(begin(plan(), NOW), OPEN, Unordered(uid="d0"), Unordered(uid="d9"))
    assert (state.device("d0").stage, state.device("d9").stage) == (Stage.WAITING, Stage.WAITING)
    _, started, _ = run(state, *good("d1"), OPEN)
    assert started == ["d0"]


def test_news_of_devices_that_are_not_under_way_change_nothing() -> None:
    state = begin(plan(), NOW)
    assert run(state, *good("d0"), NotBegun(uid="d1", reason="x"))[0] == state


def test_nobody_at_all_is_done_with() -> None:
    assert begin(plan(0), NOW).percent == 100


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        (Hours(start=time(1), end=time(5)), [time(1), time(4, 59)], [time(0, 59), time(5), time(13)]),
        (Hours(start=time(22), end=time(6)), [time(22), time(0), time(5, 59)], [time(6), time(21, 59)]),
        (Hours(start=time(22), end=time(22)), [time(22), time(0), time(21, 59)], []),
    ],
)
def test_hours_may_lead_over_midnight(hours: Hours, inside: list[time], outside: list[time]) -> None:
    assert all(hours.allow(one) for one in inside)
    assert not any(hours.allow(one) for one in outside)
    state = replace(begin(plan(hours=hours), NOW), phase=Phase.PAUSED)
    assert load(dump(state)) == state


UIDS = st.sampled_from([f"d{number}" for number in range(9)])
EVENTS = st.one_of(
    st.builds(Finished, uid=UIDS, error=st.sampled_from([None, None, None, "no_return"])),
    st.builds(NotBegun, uid=UIDS, reason=st.just("device_unavailable")),
    st.builds(Tick, open=st.booleans()),
    st.sampled_from([OPEN, OPEN, Pause(), Resume(), Abort()]),
)


@given(st.integers(0, 4), st.integers(1, 4), st.integers(1, 4), st.lists(EVENTS, max_size=60))
def test_whatever_happens_it_keeps_to_its_plan(canary: int, batch: int, threshold: int, history: list[Event]) -> None:
    state = begin(plan(9, canary=canary, batch=batch, threshold=threshold), NOW)
    started: list[str] = []
    for event in history:
        before = state
        state, effects = step(before, event, NOW)
        new = [effect.target.uid for effect in effects if isinstance(effect, Start)]
        started += new
        counts, was = state.counts, before.counts
        assert sum(counts.values()) == 9
        assert counts[Stage.UPDATING] <= max(batch, canary)
        if new:
            assert was[Stage.UPDATING] == 0
            assert event == OPEN
            assert before.phase in {Phase.RUNNING, Phase.WAITING}
            assert was[Stage.FAILED] < threshold
            assert was[Stage.UPDATED] >= canary or len(new) <= canary - was[Stage.UPDATED]
        ends = [effect.phase for effect in effects if isinstance(effect, End)]
        assert ends == ([state.phase] if state.phase in OVER and before.phase not in OVER else [])
        if before.phase in OVER:
            assert state.phase is before.phase
        if state.phase is Phase.COMPLETED:
            assert counts[Stage.WAITING] == counts[Stage.UPDATING] == 0
        assert load(dump(state)) == state
    assert len(started) == len(set(started))
