"""What was measured offline becomes hours: each sample once, each hour once, and nothing without a time."""

from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smartair.pysmartair import (
    Backlog,
    HourStatistics,
    Sample,
    by_our_clock,
    placed,
    samples_of,
)
from custom_components.smartair.pysmartair.history import (
    HOUR,
    MAX_AGE,
    MAX_KEPT,
    PAUSE,
    SETTLE,
    hour_of,
    hours,
)

from . import NOW, told

# A whole hour, some while before now.
TEN = hour_of(NOW) - 5 * HOUR


def _sample(timestamp: float | None, **values: float) -> Sample:
    return Sample(values=values or {"co2": 900}, timestamp=timestamp)


def _after(*batches: list[Sample], now: float = NOW) -> Backlog:
    backlog = Backlog()
    for batch in batches:
        backlog.add(batch, now=now)
    return backlog


@pytest.mark.parametrize(
    ("at", "lag", "placed_at"),
    [
        (NOW - 7200, None, NOW - 7200),
        (NOW - 7200, 100, NOW - 7200),
        (NOW - 36_000, 28_800, NOW - 7200),
        (NOW - 3600, -5400, NOW - 9000),
        (NOW + 1800, -5400, NOW - 3600),
        # It would lie ahead of now: its clock has been put right meanwhile.
        (NOW - 7200, 28_800, NOW - 7200),
    ],
)
def test_a_time_of_a_wrong_clock_is_placed_by_ours(at: float, lag: float | None, placed_at: float) -> None:
    assert by_our_clock(at, lag, now=NOW) == placed_at
    samples = [_sample(at - 60), _sample(None), _sample(at)]
    expected = [placed_at - 60, None, placed_at]
    assert [one.timestamp for one in placed(samples, lag, now=NOW)] == expected


def test_samples_without_any_time_stay_so() -> None:
    assert placed([_sample(None)], 28_800, now=NOW) == (_sample(None),)


def test_what_is_dropped_makes_no_hour_and_room_for_others() -> None:
    backlog = _after([_sample(TEN + second) for second in range(0, 3600, 600)])
    assert backlog.drop(TEN, TEN + 1200) == 3
    assert backlog.drop(TEN, TEN + 1200) == 0
    assert backlog.take(now=NOW + PAUSE)["co2"][TEN].count == 3


def test_samples_of_an_hour_become_its_mean_minimum_maximum_and_count() -> None:
    samples = {TEN: {"co2": 900.0}, TEN + 1800: {"co2": 1000.0, "temperature": 21.5}, TEN + 3599.5: {"co2": 1100.0}}
    assert hours(samples) == {
        "co2": {TEN: HourStatistics(mean=1000, minimum=900, maximum=1100, count=3)},
        "temperature": {TEN: HourStatistics(mean=21.5, minimum=21.5, maximum=21.5, count=1)},
    }


def test_what_lies_a_little_beyond_the_end_goes_into_the_statistics_as_it_was_shown() -> None:
    found = hours({TEN: {"humidity": 98.0}, TEN + 60: {"humidity": 104.0}})
    assert found == {"humidity": {TEN: HourStatistics(mean=99, minimum=98, maximum=100, count=2)}}


def test_a_sample_on_the_hour_belongs_to_the_hour_that_begins() -> None:
    assert list(hours({TEN - 0.5: {"co2": 1.0}, TEN: {"co2": 2.0}})["co2"]) == [TEN - HOUR, TEN]


@given(st.dictionaries(st.integers(TEN, TEN + 2 * HOUR), st.floats(-55, 125), min_size=1))
def test_every_sample_counts_once_and_a_mean_lies_between_minimum_and_maximum(values: dict[float, float]) -> None:
    found = hours({timestamp: {"temperature": value} for timestamp, value in values.items()})["temperature"].values()
    assert sum(one.count for one in found) == len(values)
    assert all(one.minimum <= one.mean <= one.maximum for one in found)


@pytest.mark.parametrize(
    ("channel", "content", "times"),
    [
        ("telemetry", {"timestamp": TEN, "co2": 900}, [TEN]),
        ("telemetry", {"samples": [{"timestamp": TEN, "co2": 900}, {"co2": 901}]}, [TEN, None]),
        ("status", "online", []),
    ],
)
def test_samples_of_a_message_are_all_that_it_measured(channel: str, content: Any, times: list[float]) -> None:
    assert [sample.timestamp for sample in samples_of(told(channel, content))] == times


def test_a_batch_that_comes_twice_counts_once() -> None:
    batch = [_sample(TEN), _sample(TEN + 30, co2=1000)]
    backlog = Backlog()
    assert backlog.add(batch, now=NOW) == {"kept": 2}
    assert backlog.add(batch, now=NOW) == {"duplicate": 2}
    assert backlog.take(now=NOW + PAUSE)["co2"][TEN].count == 2


def test_two_messages_of_one_moment_complete_each_other_and_the_first_stands() -> None:
    backlog = _after([_sample(TEN, co2=900)], [_sample(TEN, co2=1000, humidity=40)])
    found = backlog.take(now=NOW + PAUSE)
    assert {name: one[TEN].mean for name, one in found.items()} == {"co2": 900, "humidity": 40}


def test_what_cannot_be_history_is_refused_with_its_reason() -> None:
    backlog = Backlog()
    times = [None, NOW + 121, NOW - MAX_AGE - 1, NOW - MAX_AGE, NOW + 120]
    samples = [*map(_sample, times), Sample(values={}, timestamp=TEN)]
    assert backlog.add(samples, now=NOW) == {"no_time": 1, "future": 1, "too_old": 1, "kept": 2, "empty": 1}


def test_a_device_can_fill_its_own_share_of_memory_and_no_more() -> None:
    backlog = Backlog()
    samples = [_sample(TEN + index / 10) for index in range(MAX_KEPT + 5)]
    assert backlog.add(samples, now=NOW) == {"kept": MAX_KEPT, "too_many": 5}
    backlog.take(now=NOW + PAUSE)
    assert backlog.add(samples[:1], now=NOW) == {"kept": 1}


def test_an_hour_goes_out_once_and_only_when_nothing_more_came_for_a_while() -> None:
    backlog = _after([_sample(TEN)])
    backlog.add([_sample(TEN + 30)], now=NOW + 20)
    assert backlog.due(now=NOW + 20) == NOW + 20 + PAUSE
    assert backlog.take(now=NOW + PAUSE) == {}
    assert backlog.take(now=NOW + 20 + PAUSE)["co2"][TEN].count == 2
    assert backlog.take(now=NOW + 20 + PAUSE) == {}
    assert backlog.due(now=NOW + 20 + PAUSE) is None


def test_a_long_burst_does_not_hold_back_the_hours_that_it_has_left_behind() -> None:
    backlog = _after([_sample(TEN)])
    backlog.add([_sample(TEN + HOUR)], now=NOW + PAUSE)
    assert list(backlog.take(now=NOW + PAUSE)["co2"]) == [TEN]
    assert backlog.due(now=NOW + PAUSE) == NOW + 2 * PAUSE


def test_the_current_hour_waits_until_home_assistant_has_made_its_own_row_of_it() -> None:
    current = hour_of(NOW)
    backlog = _after([_sample(TEN), _sample(current)])
    end = current + HOUR + SETTLE
    assert list(backlog.take(now=NOW + PAUSE)["co2"]) == [TEN]
    assert backlog.due(now=NOW) == end
    assert backlog.take(now=end - 1) == {}
    assert list(backlog.take(now=end)["co2"]) == [current]


def test_a_clock_of_ours_that_is_set_back_holds_nothing_back() -> None:
    backlog = _after([_sample(TEN)], now=NOW + 7200)
    assert backlog.due(now=NOW) == NOW
    assert list(backlog.take(now=NOW)["co2"]) == [TEN]
