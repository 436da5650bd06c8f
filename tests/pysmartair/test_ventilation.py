"""Air changes are measured from the CO₂ of empty rooms, and never while somebody breathes in them."""

from collections.abc import Callable, Iterator
import random
from statistics import median

import pytest

from custom_components.smartair.pysmartair.air.ventilation import HOUR, MINUTE, Decay, Ventilation

BEGIN = 1_790_000_000.0
OUTDOOR = 420.0
NOISE = 10.0
VOLUME = 40.0
BREATH = 18.0
"""Litres of CO₂ that one person breathes out in an hour."""

type People = Callable[[float], float]


def room(
    changes: float, hours: float, people: People, *, seed: int = 1, every: float = 30
) -> Iterator[tuple[float, float]]:
    """Yield what a sensor reads in a room with so many air changes per hour, and people by the hour."""
    noise, every = random.Random(seed), 30  # noqa: S311 - a room is no secret
    co2, now = OUTDOOR, BEGIN
    while now < BEGIN + hours * HOUR:
        breathed = people((now - BEGIN) / HOUR) * BREATH * 1000 / VOLUME
        co2 += (changes * (OUTDOOR - co2) + breathed) * every / HOUR
        yield now, co2 + noise.gauss(0, NOISE)
        now += every


def measure(values: Iterator[tuple[float, float]], outdoor: float | None = None) -> list[Decay]:
    meter = Ventilation()
    return [decay for now, co2 in values if (decay := meter.feed(co2, now, outdoor)) is not None]


def by_day(count: float) -> People:
    """Return people who are in for eight hours and away for sixteen."""
    return lambda hour: count if 2 <= hour % 24 < 10 else 0


def coming_and_going(seed: int, *counts: int) -> People:
    """Return people of whom somebody comes or goes every now and then."""
    chance = random.Random(seed)  # noqa: S311 - people are no secret
    until, count = 0.0, 0

    def people(hour: float) -> float:
        nonlocal until, count
        if hour >= until:
            until, count = hour + chance.uniform(0.2, 2.5), chance.choice(counts)
        return count

    return people


@pytest.mark.parametrize("changes", [0.3, 0.5, 1, 2, 3, 4.5, 6])
def test_the_air_changes_of_a_room_are_measured_to_15_percent(changes: float) -> None:
    errors = [
        abs(decay.per_hour - changes) / changes
        for seed in range(3)
        for decay in measure(room(changes, 72, by_day(max(2, round(3 * changes))), seed=seed))
    ]
    assert len(errors) >= 5
    assert median(errors) <= 0.15
    assert max(errors) <= 0.30


def test_a_room_that_is_never_empty_is_never_measured() -> None:
    for seed in range(10):
        changes = (0.3, 0.5, 1, 2, 3)[seed % 5]
        assert measure(room(changes, 48, coming_and_going(seed, 1, 2, 3, 4), seed=seed)) == []


def test_people_who_leave_one_by_one_make_no_wrong_value() -> None:
    errors = [
        abs(decay.per_hour - changes) / changes
        for seed in range(10)
        for changes in ((0.5, 1, 2, 3)[seed % 4],)
        for decay in measure(room(changes, 48, coming_and_going(seed, 0, 0, 1, 2, 3), seed=seed))
    ]
    assert errors
    assert max(errors) <= 0.30


def test_a_sensor_outdoors_makes_it_right_from_the_first_decay_on() -> None:
    found = measure(room(4, 14, by_day(12)), OUTDOOR)
    assert [round(decay.per_hour) for decay in found] == [4]


def test_a_window_that_is_opened_on_the_way_is_no_measurement() -> None:
    def values() -> Iterator[tuple[float, float]]:
        co2, now = 2000.0, BEGIN
        for step in range(240):
            co2 += (0.3 if step < 90 else 5) * (OUTDOOR - co2) * 30 / HOUR
            yield now + 30 * step, co2

    assert measure(values(), OUTDOOR) == []


def test_a_decay_is_told_with_when_it_began_and_how_long_it_lasted() -> None:
    (decay,) = measure(room(1, 16, by_day(3)), OUTDOOR)
    assert decay.began == pytest.approx(BEGIN + 10 * HOUR, abs=15 * MINUTE)
    assert 2 * HOUR < decay.seconds < 3 * HOUR
    assert decay.straightness > 0.95


def test_a_decay_that_is_interrupted_by_silence_is_judged_by_what_was_heard() -> None:
    quiet = (one for one in room(2, 16, by_day(4)) if not BEGIN + 10.2 * HOUR < one[0] < BEGIN + 10.9 * HOUR)
    assert measure(quiet, OUTDOOR) == []


def test_a_clock_that_goes_back_begins_a_new_room() -> None:
    meter = Ventilation()
    for now, co2 in room(2, 11, by_day(4)):
        meter.feed(co2, now, OUTDOOR)
    assert meter.feed(600, BEGIN, OUTDOOR) is None
    assert meter.limit_in(1000) is None


def test_what_is_below_outdoors_is_no_decay() -> None:
    values = ((BEGIN + 30 * step, 900 - 10 * step) for step in range(80))
    assert measure(values, 600.0) == []


def test_outdoors_is_the_lowest_of_the_week_between_what_it_can_be() -> None:
    assert Ventilation().lowest == 400
    assert Ventilation(450, BEGIN).lowest == 450
    assert Ventilation(300, BEGIN).lowest == 400
    assert Ventilation(700, BEGIN).lowest == 500
    meter = Ventilation(410, BEGIN)
    for step in range(10):
        meter.feed(460, BEGIN + 8 * 24 * HOUR + 30 * step)
    assert meter.lowest == pytest.approx(460)


# --- the limit ------------------------------------------------------------------------------------


def rising(per_minute: float, minutes: int = 15, noise: float = 0) -> Ventilation:
    meter = Ventilation()
    chance = random.Random(1)  # noqa: S311 - noise is no secret
    for step in range(2 * minutes):
        meter.feed(600 + per_minute * step / 2 + chance.gauss(0, noise), BEGIN + 30 * step)
    return meter


def test_a_steady_rise_is_told_how_long_it_takes_to_the_limit() -> None:
    assert rising(10, noise=3).limit_in(1000) == pytest.approx(26, abs=3)


@pytest.mark.parametrize("per_minute", [0, -10, 0.5])
def test_nothing_is_told_of_what_does_not_rise_or_takes_hours(per_minute: float) -> None:
    assert rising(per_minute).limit_in(1000) is None


def test_nothing_is_told_of_noise_of_too_little_and_beyond_the_limit() -> None:
    assert rising(1, noise=40).limit_in(1000) is None
    assert rising(10, minutes=5).limit_in(1000) is None
    assert rising(30).limit_in(1000) is None
