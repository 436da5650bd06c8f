"""What is remembered of a source: what its silence says, and how long its word guards a pump."""

from hypothesis import given, strategies as st
import pytest

from custom_components.smartair.pysmartair.hearing import (
    FRESH_S,
    GAPS,
    Hearing,
    begin,
    fresh_for,
    hear,
    lose,
    renew,
    stands,
    wait,
)
from custom_components.smartair.pysmartair.water.tank import Tank

TERM = 60.0


def heard(*gaps: float, equal: bool = False, always: bool = False) -> tuple[Hearing, float]:
    """Return a source that was heard with these distances, and the time of its last word."""
    now = 100.0
    hearing = hear(begin(now, always=always), now, equal=equal)
    for gap in gaps:
        now += gap
        hearing = hear(hearing, now, equal=equal)
    return hearing, now


def test_a_source_that_was_never_heard_has_no_age_and_is_waited_for() -> None:
    hearing = begin(100.0)
    assert hearing.age(1000.0, TERM) is None
    assert hearing.due(TERM) == 160.0


def test_what_only_changes_tell_of_counts_as_said_again_once_it_has_stood_for_its_term() -> None:
    hearing, now = heard(5.0, 5.0, 5.0)
    assert not stands(hearing, 0.0, now + 14.9, 15.0)
    assert stands(hearing, 0.0, now + 15.0, 15.0)
    assert not stands(hearing, now + 1.0, now + 15.0, 15.0), "it has yet to answer to what began a second later"
    assert not stands(lose(hearing, now), 0.0, now + 15.0, 15.0)
    assert not stands(begin(now), 0.0, now + 15.0, 15.0)


def test_what_repeats_itself_does_not_stand_but_is_late() -> None:
    hearing, now = heard(5.0, 5.0, 5.0, equal=True)
    assert not stands(hearing, 0.0, now + 600.0, 15.0)


def test_a_source_that_speaks_only_of_changes_is_never_too_old() -> None:
    hearing, now = heard(*[5.0] * 10)
    assert hearing.age(now + 86_400, TERM) == 0.0


@pytest.mark.parametrize(("times", "age"), [(2, 0.0), (3, 500.0)])
def test_a_source_that_was_seen_to_repeat_itself_is_as_old_as_its_last_word(times: int, age: float) -> None:
    hearing, now = heard(*[5.0] * times, equal=True)
    assert hearing.age(now + 500, TERM) == age


def test_repeats_that_lie_further_apart_than_the_term_say_nothing_of_a_silence() -> None:
    hearing, now = heard(*[600.0] * 5, equal=True)
    assert hearing.age(now + 500, TERM) == 0.0


def test_a_burst_is_one_report() -> None:
    hearing, now = heard(0.2, 0.2, 0.2, equal=True)
    assert not hearing.repeats(TERM)
    assert hearing.age(now + 500, TERM) == 0.0


def test_a_device_is_as_old_as_its_last_report_whatever_it_said() -> None:
    hearing, now = heard(always=True)
    assert hearing.age(now + 7, TERM) == 7.0


def test_what_cannot_be_read_grows_older_until_it_can() -> None:
    hearing, now = heard(5.0)
    lost = lose(hearing, now + 10)
    assert lose(lost, now + 30) == lost
    assert lost.age(now + 25, TERM) == 15.0
    assert lost.due(TERM) == now + 70
    again = hear(lost, now + 40, equal=False)
    assert (again.lost_at, again.age(now + 50, TERM)) == (None, 0.0)
    assert again.gaps == hearing.gaps, "an absence is no interval"


def test_a_start_gives_the_term_once_more_and_only_once() -> None:
    hearing, now = heard(5.0)
    assert renew(hearing, now) == hearing
    lost = renew(lose(hearing, now), now + 50)
    assert lost.due(TERM) == now + 110
    assert renew(lost, now + 100) == lost


def test_nothing_is_expected_of_what_is_only_being_started() -> None:
    hearing, now = heard()
    assert wait(hearing, now + 5) == hearing
    assert wait(begin(0.0), 200.0).due(TERM) == 260.0


@pytest.mark.parametrize(
    ("gaps", "equal", "pace"),
    [((), True, None), ((5.0, 5.0), True, None), ((5.0, 6.0, 90.0), True, 6.0), ((3600.0, 5.0, 7.0), False, 5.0)],
)
def test_the_pace_is_the_usual_interval_or_the_fastest_of_what_speaks_of_changes_alone(
    gaps: tuple[float, ...], equal: bool, pace: float | None
) -> None:
    assert heard(*gaps, equal=equal)[0].pace == pace


def test_a_source_guards_a_pump_for_three_of_its_intervals_and_never_past_harm() -> None:
    slow, fast = heard(*[40.0] * 3, equal=True)[0], heard(*[1.0] * 3, equal=True)[0]
    assert fresh_for(slow, None, TERM) == 120.0
    assert fresh_for(slow, 30.0, TERM) == 30.0
    assert fresh_for(fast, None, TERM) == FRESH_S
    assert fresh_for(begin(0.0), None, TERM) == TERM


@given(st.lists(st.floats(0.1, 5000), max_size=60), st.lists(st.booleans(), min_size=60, max_size=60))
def test_what_is_remembered_stays_small_and_no_value_is_younger_than_its_last_word(
    gaps: list[float], equal: list[bool]
) -> None:
    now, hearing = 0.0, hear(begin(0.0), 0.0, equal=False)
    for gap, same in zip(gaps, equal, strict=False):
        now += gap
        hearing = hear(hearing, now, equal=same)
        age = hearing.age(now + 500, TERM)
        assert age is not None
        assert age == 0.0 or age > 499.999  # sums of fractions
    assert len(hearing.gaps) == len(hearing.equal) <= GAPS


def test_a_level_needs_the_measure_that_its_unit_is_of() -> None:
    assert Tank().level_of_length(10) is None
    assert Tank().level_of_volume(10) is None
    assert Tank(height_cm=50).level_of_length(25) == 50
    assert Tank(height_cm=50, above_cm=10).level_of_length(10) == 100
    assert Tank(volume_l=40).level_of_volume(10) == 25


def test_a_flow_is_a_share_of_the_tank_a_second() -> None:
    assert Tank(volume_l=20).rate(6.0) == 0.5
    assert Tank().rate(6.0) is None
    assert Tank(volume_l=20).rate(None) is None
