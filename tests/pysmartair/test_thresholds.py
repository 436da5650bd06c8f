"""A limit: a band, a time, a night; what is unknown neither raises nor resolves; nothing is raised twice."""

from datetime import time

from hypothesis import given, strategies as st
import pytest

from custom_components.smartair.pysmartair import (
    CALM,
    CATALOGUE,
    LIMIT_CODES,
    TROUBLES,
    USUAL,
    Bounds,
    Code,
    Limit,
    Severity,
    Side,
    Turn,
    Watched,
    due,
    is_night,
    steady,
    watch,
)

from . import NOW

CO2 = Limit(metric="co2", side=Side.HIGH, level=1000, hysteresis=100, delay=120)
COLD = Limit(metric="temperature", side=Side.LOW, level=18, hysteresis=0.5)


def _run(
    limit: Limit, values: list[tuple[float, float | None]], *, before: Watched = CALM, night: bool = False
) -> list[tuple[float, Turn]]:
    """Return when something turned, of values by the seconds since now."""
    turns = []
    for at, value in values:
        before, turn = watch(before, limit, value, now=NOW + at, night=night)
        turns += [(at, turn)] if turn else []
    return turns


def test_what_lasts_is_raised_once_and_what_is_over_is_resolved_once() -> None:
    values = [
        (0, 900),
        (10, 1100),
        (100, 1200),
        (130, 1100),
        (200, 1500),
        (300, 800),
        (419, 700),
        (420, 700),
        (600, 700),
    ]
    assert _run(CO2, values) == [(130, Turn.RAISE), (420, Turn.RESOLVE)]


_LEVELS = st.floats(-100, 100)
_TIMES = st.one_of(st.none(), st.floats(NOW - 50, NOW))


@st.composite
def _limits(draw: st.DrawFn) -> Limit:
    return Limit(
        metric="temperature",
        side=draw(st.sampled_from(Side)),
        level=draw(_LEVELS),
        hysteresis=draw(st.floats(0, 10)),
        delay=100,
        severity=draw(st.sampled_from(Severity)),
        night_level=draw(st.one_of(st.none(), _LEVELS)),
        night_quiet=draw(st.booleans()),
    )


@given(
    limit=_limits(),
    before=st.builds(Watched, st.booleans(), _TIMES, _TIMES),
    value=st.one_of(st.none(), _LEVELS),
    night=st.booleans(),
)
def test_a_value_that_is_called_steady_changes_nothing_before_the_limit_is_due(
    limit: Limit, before: Watched, value: float | None, night: bool
) -> None:
    metric, lowest, highest = steady(before, limit)
    assert metric == "temperature"
    if lowest > highest if value is None else lowest <= value <= highest:
        assert watch(before, limit, value, now=NOW, night=night) == (before, None)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("raised", [False, True])
@pytest.mark.parametrize("waiting", [False, True])
@given(value=_LEVELS)
def test_a_value_that_is_not_called_steady_changes_something(
    side: Side, raised: bool, waiting: bool, value: float
) -> None:
    limit = Limit(metric="temperature", side=side, level=20, hysteresis=2, delay=100)
    before = Watched(raised, NOW - 50 if waiting else None)
    _, lowest, highest = steady(before, limit)
    changed = watch(before, limit, value, now=NOW, night=False) != (before, None)
    assert changed is not (lowest <= value <= highest)


def test_a_spike_raises_nothing_and_a_dip_resolves_nothing() -> None:
    assert _run(CO2, [(0, 1500), (119, 1500), (119.5, 1000), (130, 1500), (249, 1500)]) == []
    assert _run(CO2, [(0, 800), (119, 800), (119.5, 950), (130, 800), (249, 800)], before=Watched(raised=True)) == []


def test_a_value_on_the_level_is_not_beyond_it() -> None:
    assert not CO2.beyond(1000, night=False)
    assert CO2.back(900, night=False)
    assert not CO2.back(901, night=False)
    assert not COLD.beyond(18, night=False)
    assert COLD.beyond(17.9, night=False)
    assert COLD.back(18.5, night=False)
    assert not COLD.back(18.4, night=False)


def test_without_a_delay_the_first_value_counts() -> None:
    assert _run(COLD, [(0, 17), (1, 18), (2, 18.5)]) == [(0, Turn.RAISE), (2, Turn.RESOLVE)]


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(900.1, 2000)), max_size=50))
def test_flapping_inside_the_band_never_raises_twice(steps: list[tuple[float, float]]) -> None:
    at, values = 0.0, []
    for later, value in steps:
        at += later
        values.append((at, value))
    assert [turn for _, turn in _run(CO2, values)] in ([], [Turn.RAISE])


@given(st.lists(st.tuples(st.floats(0, 300), st.none() | st.floats(0, 2000)), max_size=60))
def test_raised_and_resolved_take_turns_and_the_unknown_does_neither(steps: list[tuple[float, float | None]]) -> None:
    before, now, turns = CALM, NOW, []
    for later, value in steps:
        now += later
        after, turn = watch(before, CO2, value, now=now, night=False)
        if value is None:
            assert (turn, after.raised) == (None, before.raised)
        if turn is Turn.RAISE:
            assert value is not None
            assert value > 1000
        if turn is Turn.RESOLVE:
            assert value is not None
            assert value <= 900
        turns += [turn] if turn else []
        before = after
    assert turns == [Turn.RAISE, Turn.RESOLVE] * (len(turns) // 2) + [Turn.RAISE] * (len(turns) % 2)
    assert before.raised is bool(len(turns) % 2)


def test_what_was_raised_before_a_restart_is_not_raised_again() -> None:
    restored = Watched(raised=True)
    assert _run(CO2, [(0, 1500), (500, 1600)], before=restored) == []
    assert _run(CO2, [(0, 950), (500, 950)], before=restored) == []
    assert _run(CO2, [(0, 800), (500, 800)], before=restored) == [(500, Turn.RESOLVE)]


def test_an_absence_shorter_than_the_delay_does_not_begin_the_wait_anew() -> None:
    assert _run(CO2, [(0, 1500), (60, None), (70, None), (130, 1500)]) == [(130, Turn.RAISE)]
    assert _run(CO2, [(0, 1500), (60, None), (200, 1500), (319, 1500), (320, 1500)]) == [(320, Turn.RAISE)]


def test_a_clock_that_is_set_back_begins_the_wait_anew() -> None:
    assert _run(CO2, [(0, 1500), (-1000, 1500), (-881, 1500), (-880, 1500)]) == [(-880, Turn.RAISE)]


def test_at_night_another_level_may_hold() -> None:
    limit = Limit(metric="co2", side=Side.HIGH, level=1000, night_level=1400)
    assert _run(limit, [(0, 1300)], night=True) == []
    assert _run(limit, [(0, 1500)], night=True) == [(0, Turn.RAISE)]
    assert _run(limit, [(0, 1300)]) == [(0, Turn.RAISE)]


def test_at_night_only_what_is_critical_is_raised_where_the_night_is_quiet() -> None:
    quiet = Limit(metric="co2", side=Side.HIGH, level=1000, night_quiet=True)
    critical = Limit(metric="co2", side=Side.HIGH, level=1000, night_quiet=True, severity=Severity.CRITICAL)
    assert _run(quiet, [(0, 1500)], night=True) == []
    assert _run(quiet, [(0, 1500)]) == [(0, Turn.RAISE)]
    assert _run(critical, [(0, 1500)], night=True) == [(0, Turn.RAISE)]
    assert _run(quiet, [(0, 900)], night=True, before=Watched(raised=True)) == [(0, Turn.RESOLVE)]


def test_it_is_known_when_a_wait_is_over() -> None:
    waiting, _ = watch(CALM, CO2, 1500, now=NOW, night=False)
    assert due(waiting, CO2) == NOW + 120
    unknown, _ = watch(waiting, CO2, None, now=NOW + 1, night=False)
    assert due(unknown, CO2) is None
    assert due(CALM, CO2) is None


@pytest.mark.parametrize(
    ("moment", "begin", "end", "night"),
    [
        (time(23), time(22), time(7), True),
        (time(3), time(22), time(7), True),
        (time(7), time(22), time(7), False),
        (time(22), time(22), time(7), True),
        (time(12), time(22), time(7), False),
        (time(13), time(12), time(14), True),
        (time(14), time(12), time(14), False),
        (time(11), time(12), time(14), False),
        (time(12), time(12), time(12), False),
    ],
)
def test_a_night_may_pass_midnight(moment: time, begin: time, end: time, night: bool) -> None:
    assert is_night(moment, begin, end) is night


def test_bounds_become_the_limits_that_there_are() -> None:
    high, low = USUAL["temperature"].limits("temperature")
    assert (high.side, high.level, high.code) == (Side.HIGH, 27, Code.TEMPERATURE_HIGH)
    assert (low.side, low.level, low.code) == (Side.LOW, 18, Code.TEMPERATURE_LOW)
    assert USUAL["pressure"].limits("pressure") == ()
    (only,) = Bounds(high=30, low=5).limits("pm25")
    assert only.side is Side.HIGH


@pytest.mark.parametrize(
    ("metric", "bounds", "fault"),
    [
        ("co2", Bounds(high=1000, hysteresis=100), None),
        ("co2", Bounds(), None),
        ("co2", Bounds(high=1000, low=600, hysteresis=100), None),
        ("co2", Bounds(high=1000, low=800, hysteresis=100), "band_too_wide"),
        ("co2", Bounds(high=800, low=1000), "band_too_wide"),
        ("co2", Bounds(high=1000, low=600, night_high=500), "night_below_low"),
        ("temperature", Bounds(high=27, low=18, night_high=0), "night_below_low"),
        ("co2", Bounds(high=float("nan")), "not_a_number"),
        ("co2", Bounds(high=1000, hysteresis=float("inf")), "not_a_number"),
        ("pm25", Bounds(low=5), "side_unknown"),
        ("battery", Bounds(high=5), "side_unknown"),
    ],
)
def test_bounds_that_cannot_be_say_why(metric: str, bounds: Bounds, fault: str | None) -> None:
    assert bounds.fault(metric) == fault


def test_the_usual_bounds_are_of_measurements_that_there_are_and_can_be() -> None:
    assert set(USUAL) == {metric for metric, _ in LIMIT_CODES}
    assert set(USUAL) <= set(CATALOGUE)
    assert {code for code in Code if code.rpartition("_")[2] in {"high", "low"}} == set(LIMIT_CODES.values())
    for metric, bounds in USUAL.items():
        assert bounds.fault(metric) is None
        assert all(CATALOGUE[metric].plausible(limit.level) for limit in bounds.limits(metric))
        assert all(TROUBLES[limit.code].severity is limit.severity for limit in bounds.limits(metric))
