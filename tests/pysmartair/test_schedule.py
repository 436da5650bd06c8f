"""Duty cycles, due dates, and the watch over pH and EC."""

from typing import Any

import pytest

from custom_components.smartair.pysmartair.water.schedule import (
    Plan,
    Turns,
    Window,
    in_minutes,
    interval_due,
    minute_of_day,
    next_due,
    parse_windows,
    turns,
)
from custom_components.smartair.pysmartair.water.solution import Band, Side, Standing, drift, follow

DAY = 86400.0
HOUR = 3600.0


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        (Window(8 * 60, 20 * 60, 0.5), [8 * HOUR, 12 * HOUR, 20 * HOUR + 59], [8 * HOUR - 1, 20 * HOUR + 60]),
        (Window(22 * 60, 6 * 60, 0.5), [22 * HOUR, 0.0, 6 * HOUR], [21 * HOUR, 7 * HOUR]),
        (Window(0, 23 * 60 + 59, 0.5), [0.0, 12 * HOUR, DAY - 0.1], []),
        (Window(60, 60, 0.5), [0.0, 12 * HOUR, DAY - 0.1], []),
    ],
)
def test_a_window_holds_its_last_minute_and_may_cross_midnight(
    window: Window, inside: list[float], outside: list[float]
) -> None:
    assert all(window.covers(at) for at in inside)
    assert not any(window.covers(at) for at in outside)


def test_a_duty_cycle_rests_at_most_as_long_as_it_may_and_runs_in_proportion() -> None:
    assert turns([Window(0, 0, 0.5)], 0, 900) == Turns(900, 900)
    assert turns([Window(0, 0, 0.75)], 0, 900) == Turns(2700, 900)
    assert turns([Window(0, 0, 0.9)], 0, 900) == Turns(pytest.approx(3240), pytest.approx(360))
    assert turns([Window(0, 0, 0.0)], 0, 900) == Turns(60, 900)


def test_without_a_window_or_a_rest_worth_its_name_circulation_runs_on() -> None:
    assert turns([], 0, 900) is None
    assert turns([Window(60, 120, 0.5)], 0, 900) is None
    assert turns([Window(0, 0, 1.0)], 0, 900) is None
    assert turns([Window(0, 0, 0.999)], 0, 900) is None
    assert turns([Window(0, 0, 0.5)], 0, 5) is None


def test_the_first_window_that_covers_a_time_counts() -> None:
    assert turns([Window(0, 120, 1.0), Window(0, 0, 0.5)], HOUR, 900) is None
    assert turns([Window(0, 120, 1.0), Window(0, 0, 0.5)], 5 * HOUR, 900) == Turns(900, 900)


def test_windows_are_read_as_the_owner_wrote_them() -> None:
    written = [{"from": "22:30", "to": "06:00:00", "duty_cycle": 1}]
    assert parse_windows(written) == (Window(22 * 60 + 30, 360, 1.0),)
    assert parse_windows([]) == ()


@pytest.mark.parametrize(
    "broken",
    [
        None,
        "all day",
        {},
        ["all day"],
        [{"from": "00:00", "to": "23:59"}],
        [{"from": "24:00", "to": "23:59", "duty_cycle": 0.5}],
        [{"from": "00:00", "to": 5, "duty_cycle": 0.5}],
        [{"from": "00:00", "to": "23:59", "duty_cycle": 1.1}],
        [{"from": "00:00", "to": "23:59", "duty_cycle": True}],
        [{"from": "00:00", "to": "23:59", "duty_cycle": float("nan")}],
        [{"from": "00:00", "to": "23:59", "duty_cycle": "half"}],
        [{"from": "00:00", "to": "23:59", "duty_cycle": 0.5, "speed": 2}],
        [{"from": "00:00", "to": "23:59", "on_minutes": 5}],
        [{"on_minutes": 5, "off_minutes": 5}],
        [{"from": "00:00", "to": "23:59", "on_minutes": 0, "off_minutes": 5}],
        [{"from": "00:00", "to": "23:59", "on_minutes": True, "off_minutes": 5}],
        [{"from": "00:00", "to": "23:59", "on_minutes": "5", "off_minutes": 5}],
        [{"from": "00:00", "to": "23:59", "on_minutes": 5, "off_minutes": -1}],
        [{"from": "00:00", "to": "23:59", "on_minutes": 5, "off_minutes": float("nan")}],
    ],
)
def test_windows_that_are_none_are_refused(broken: Any) -> None:
    with pytest.raises(ValueError, match=r"window|time|duty|minutes|circulation"):
        parse_windows(broken)


def test_a_window_in_minutes_runs_and_rests_as_it_says_and_rests_no_longer_than_it_may() -> None:
    window = {"from": "22:00", "to": "06:00", "on_minutes": 30, "off_minutes": 10}
    (read,) = windows = parse_windows([window])
    assert (read.on_s, read.off_s, read.duty_cycle) == (1800, 600, 0.75)
    assert turns(windows, 23 * 3600, 900) == Turns(1800, 600)
    assert turns(windows, 23 * 3600, 300) == Turns(1800, 300)
    assert turns(windows, 12 * 3600, 900) is None
    assert turns(parse_windows([{**window, "off_minutes": 0}]), 23 * 3600, 900) is None


@pytest.mark.parametrize(
    ("share", "runs", "rests"), [(0.5, 15.0, 15.0), (0.0, 1.0, 15.0), (0.9, 54.0, 6.0), (1.0, 60.0, 0.0)]
)
def test_a_share_is_shown_in_the_minutes_that_come_of_it(share: float, runs: float, rests: float) -> None:
    window = {"from": "22:00:00", "to": "06:00:00", "duty_cycle": share}
    shown = in_minutes(window, 15)
    assert shown == {"from": "22:00:00", "to": "06:00:00", "on_minutes": runs, "off_minutes": rests}
    assert in_minutes(shown, 15) == shown
    after, before = (turns(parse_windows([one]), 0, 900) for one in (shown, window))
    assert (after is None) is (before is None)
    if after is not None and before is not None:
        assert (after.on_s, after.off_s) == (pytest.approx(before.on_s), pytest.approx(before.off_s))


def test_a_window_that_cannot_be_read_is_shown_as_it_is() -> None:
    assert in_minutes({"from": "soon"}, 15) == {"from": "soon"}


def test_a_time_of_day_is_hours_and_minutes() -> None:
    assert minute_of_day("07:05") == 425
    assert minute_of_day("7:05") is None
    assert minute_of_day(None) is None


def test_an_interval_comes_due_at_the_nearest_time_of_day_and_for_two_hours() -> None:
    plan = Plan(interval_days=7, time_of_day=10 * 60)
    assert not interval_due(plan, 7 * DAY, 9 * HOUR)
    assert interval_due(plan, 7 * DAY - 600, 10 * HOUR + 60)
    assert interval_due(plan, 6.6 * DAY, 10 * HOUR)
    assert not interval_due(plan, 6.4 * DAY, 10 * HOUR)
    assert interval_due(plan, 30 * DAY, 12 * HOUR)
    assert not interval_due(plan, 30 * DAY, 12 * HOUR + 1)
    assert not interval_due(Plan(), 30 * DAY, 10 * HOUR)


@pytest.mark.parametrize("age_days", [0.0, 0.3, 3.0, 6.2, 6.49, 6.51, 7.0, 9.0])
@pytest.mark.parametrize("hour", [0.0, 9.9, 10.1, 23.0])
def test_what_is_told_as_next_is_when_it_comes_due(age_days: float, hour: float) -> None:
    plan = Plan(interval_days=7, time_of_day=10 * 60)
    due = next_due(plan, age_days * DAY, hour * HOUR)
    assert due is not None
    assert interval_due(plan, age_days * DAY + due, (hour * HOUR + due + 1) % DAY)
    assert not any(
        interval_due(plan, age_days * DAY + at, (hour * HOUR + at) % DAY) for at in range(0, int(due), 600)
    )


def test_the_sooner_of_interval_and_age_is_next() -> None:
    assert next_due(Plan(interval_days=7, max_age_days=3), 2 * DAY, 0.0) == DAY
    assert next_due(Plan(max_age_days=3), 4 * DAY, 0.0) == 0
    assert next_due(Plan(ec_drift_percent=5), 4 * DAY, 0.0) is None


BAND = Band(5.5, 6.5, 0.1)


def _follow(*looks: tuple[float, float | None], standing: Standing | None = None) -> Standing:
    standing = standing or Standing()
    for at, value in looks:
        standing = follow(standing, BAND, value, at)
    return standing


def test_a_value_outside_its_band_is_raised_after_the_delay_and_ends_beyond_the_hysteresis() -> None:
    high = _follow((0, 6.0), (1, 6.6), (600, 6.7))
    assert high.raised is None
    high = _follow((601, 6.6), standing=high)
    assert high.raised is Side.HIGH
    high = _follow((700, 6.45), (2000, 6.45), standing=high)
    assert high.raised is Side.HIGH
    assert _follow((2001, 6.39), (2602, 6.3), standing=high).raised is None


def test_a_value_below_its_band_is_raised_and_may_turn_into_the_other() -> None:
    low = _follow((0, 5.4), (600, 5.4))
    assert low.raised is Side.LOW
    assert _follow((700, 5.55), (1400, 5.55), standing=low).raised is Side.LOW
    assert _follow((700, 7.0), (1300, 7.0), standing=low).raised is Side.HIGH


def test_a_glitch_and_an_unknown_value_begin_the_wait_anew() -> None:
    assert _follow((0, 7.0), (300, 6.0), (301, 7.0), (700, 7.0)).raised is None
    assert _follow((0, 7.0), (300, None), (700, 7.0)).raised is None
    raised = _follow((0, 7.0), (600, 7.0), (601, None), (5000, None))
    assert raised.raised is Side.HIGH


def test_a_band_may_lack_either_limit() -> None:
    assert follow(Standing(), Band(None, None, 0.1), 99.0, 0) == Standing()
    assert follow(Standing(toward=Side.LOW), Band(5.0, None, 0.1), 1.0, 600).raised is Side.LOW


def test_drift_is_told_in_percent_or_not_at_all() -> None:
    assert drift(2.0, 1.5) == -25
    assert drift(2.0, 2.5) == 25
    assert drift(None, 1.5) is None
    assert drift(2.0, None) is None
    assert drift(0.0, 1.5) is None
