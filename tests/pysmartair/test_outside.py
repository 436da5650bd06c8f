"""Air from outside is better where it makes right what is asked about, and not where that is unknown."""

import pytest

from custom_components.smartair.pysmartair.air.outside import QUESTIONS, Place, is_better

WISH = 21.0


@pytest.mark.parametrize(
    ("question", "inside", "outside", "better"),
    [
        ("co2", Place(co2=900), Place(co2=430), True),
        ("co2", Place(co2=900), Place(), True),
        ("co2", Place(co2=500), Place(), False),
        ("co2", Place(), Place(co2=430), None),
        ("pm25", Place(pm25=30), Place(pm25=8), True),
        ("pm25", Place(pm25=10), Place(pm25=60), False),
        ("pm25", Place(pm25=10), Place(), None),
        ("temperature", Place(temperature=27), Place(temperature=18), True),
        ("temperature", Place(temperature=27), Place(temperature=33), False),
        ("temperature", Place(temperature=17), Place(temperature=22), True),
        ("temperature", Place(temperature=17), Place(temperature=5), False),
        ("temperature", Place(temperature=21.2), Place(temperature=10), False),
        ("temperature", Place(temperature=21), Place(), None),
    ],
)
def test_it_is_better_outside(question: str, inside: Place, outside: Place, better: bool | None) -> None:
    assert is_better(question, inside, outside, WISH) is better


def test_cold_and_wet_air_dries_a_warm_room() -> None:
    bathroom = Place(temperature=23, humidity=75)
    assert is_better("humidity", bathroom, Place(temperature=5, humidity=95), WISH) is True
    assert is_better("humidity", bathroom, Place(temperature=26, humidity=70), WISH) is False
    assert is_better("humidity", bathroom, Place(humidity=50), WISH) is None


def test_saturated_air_holds_as_much_water_as_tables_say() -> None:
    assert Place(temperature=20, humidity=100).water == pytest.approx(17.3, abs=0.2)
    assert Place(temperature=0, humidity=100).water == pytest.approx(4.85, abs=0.1)


def test_every_question_has_an_answer() -> None:
    known = Place(co2=2000, pm25=80, temperature=28, humidity=80)
    fresh = Place(co2=420, pm25=2, temperature=15, humidity=50)
    assert [is_better(one, known, fresh, WISH) for one in QUESTIONS] == [True] * 4
