"""The word for the air comes from the limits in force, and does not flutter on their borders."""

from datetime import time
from itertools import pairwise

from hypothesis import given, strategies as st
import pytest

from custom_components.smartair.pysmartair.air.word import HELP, UNKNOWN, Help, Verdict, Word, room, verdict, words
from custom_components.smartair.pysmartair.alerts.limits import USUAL, Limit, Side

NOON, MIDNIGHT = time(12), time(0)
CO2 = Limit(metric="co2", side=Side.HIGH, level=1000, hysteresis=100)
DUST = Limit(metric="pm25", side=Side.HIGH, level=25, hysteresis=5)


def follow(values: list[float], limit: Limit = CO2, now: time = NOON) -> list[Word]:
    """Return the words for one value after the other."""
    found: list[Word] = []
    before: dict[str, Word] = {}
    for value in values:
        before = words(before, [limit], {limit.metric: value}, now)
        found.append(before[limit.metric])
    return found


@pytest.mark.parametrize(
    ("value", "word"), [(420, "fresh"), (800, "fresh"), (801, "fair"), (1000, "fair"), (1001, "bad"), (5000, "bad")]
)
def test_a_first_value_has_the_word_of_where_it_lies(value: float, word: str) -> None:
    assert follow([value]) == [word]


def test_a_word_is_left_later_than_it_was_come_to() -> None:
    assert follow([700, 801, 799, 751, 750]) == ["fresh", "fair", "fair", "fair", "fresh"]
    assert follow([1001, 999, 901, 900, 751, 750]) == ["bad", "bad", "bad", "fair", "fair", "fresh"]


def test_a_value_may_pass_both_borders_at_once() -> None:
    assert follow([420, 1500, 420]) == ["fresh", "bad", "fresh"]


@given(st.floats(0, 3000), st.lists(st.floats(-24, 24), min_size=2, max_size=30))
def test_noise_of_less_than_the_band_changes_the_word_once_at_most(around: float, noise: list[float]) -> None:
    found = follow([around + one for one in noise])
    changes = sum(one is not other for one, other in pairwise(found))
    assert changes <= 1


def test_at_night_the_limit_of_the_night_counts() -> None:
    limit = Limit(metric="co2", side=Side.HIGH, level=1000, hysteresis=100, night_level=800)
    assert follow([850], limit, NOON) == ["fair"]
    assert follow([850], limit, MIDNIGHT) == ["bad"]


def test_a_limit_without_a_band_knows_no_fair() -> None:
    limit = Limit(metric="co2", side=Side.HIGH, level=1000)
    assert follow([1000, 1001, 1000], limit) == ["fresh", "bad", "fresh"]


def test_the_worst_measurement_gives_the_word_and_is_its_cause() -> None:
    found = words({}, [CO2, DUST], {"co2": 900, "pm25": 40}, NOON)
    assert verdict(found, [CO2, DUST]) == Verdict(Word.BAD, "pm25")
    assert verdict(found, [CO2, DUST]).help is Help.FILTER


def test_fresh_air_has_no_cause_and_needs_no_help() -> None:
    found = words({}, [CO2, DUST], {"co2": 420, "pm25": 2}, NOON)
    assert verdict(found, [CO2, DUST]) == Verdict(Word.FRESH, None)
    assert verdict(found, [CO2, DUST]).help is None


def test_air_is_not_fresh_while_something_of_it_is_unknown() -> None:
    assert verdict(words({}, [CO2, DUST], {"co2": 420}, NOON), [CO2, DUST]) is UNKNOWN
    assert verdict(words({}, [CO2, DUST], {"co2": 1500}, NOON), [CO2, DUST]).word is Word.BAD
    assert verdict({}, [CO2]) is UNKNOWN


def test_a_room_is_as_its_worst_device_that_is_known() -> None:
    fresh, bad = Verdict(Word.FRESH), Verdict(Word.BAD, "co2")
    assert room([fresh, UNKNOWN]) == fresh
    assert room([fresh, bad, UNKNOWN]) == bad
    assert room([UNKNOWN]) is UNKNOWN
    assert room([]) is UNKNOWN


def test_something_helps_against_everything_that_has_a_limit_of_the_air() -> None:
    assert set(USUAL) - set(HELP) == {"temperature", "humidity", "battery", "pressure"}
