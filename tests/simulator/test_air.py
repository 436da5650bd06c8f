"""The physics of a room."""

import math

import pytest

from lab.simulator.air import (
    CO2_AWAKE,
    INFILTRATION,
    OUTDOOR_CO2,
    PM_DEPOSITION,
    Activity,
    Air,
    Outdoors,
    Room,
    air_changes,
    step,
    vapour,
)

ROOM = Room(volume=30.0)
MILD = Outdoors(temperature=10.0, humidity=70.0, pm25=8.0, pressure=1013.0, lux=10_000.0)
EMPTY = Activity()


def test_one_person_settles_where_breath_and_ventilation_balance() -> None:
    air = step(ROOM, Air(co2=OUTDOOR_CO2), Activity(awake=1), MILD, 48 * 3600)

    assert air.co2 == pytest.approx(OUTDOOR_CO2 + 1000 * CO2_AWAKE / (ROOM.volume * INFILTRATION))


def test_an_empty_room_loses_half_of_its_excess_in_the_half_life_of_its_air() -> None:
    half_life = math.log(2) / INFILTRATION * 3600

    air = step(ROOM, Air(co2=OUTDOOR_CO2 + 1000), EMPTY, MILD, half_life)

    assert air.co2 == pytest.approx(OUTDOOR_CO2 + 500)


def test_people_who_sleep_give_off_less_than_people_awake() -> None:
    awake = step(ROOM, Air(), Activity(awake=2), MILD, 3600)
    asleep = step(ROOM, Air(), Activity(asleep=2), MILD, 3600)

    assert Air().co2 < asleep.co2 < awake.co2


def test_one_long_step_equals_many_short_ones() -> None:
    activity = Activity(awake=1, cooking=True)
    long = step(ROOM, Air(), activity, MILD, 3600)
    short = Air()
    for _ in range(3600 // 20):
        short = step(ROOM, short, activity, MILD, 20)

    for name in ("co2", "temperature", "vapour", "pm25", "voc"):
        assert getattr(long, name) == pytest.approx(getattr(short, name))


def test_an_open_window_clears_the_air_and_cools_the_room() -> None:
    stuffy = Air(co2=2000, temperature=22)

    shut = step(ROOM, stuffy, EMPTY, MILD, 600)
    opened = step(ROOM, stuffy, Activity(window=True), MILD, 600)

    assert opened.co2 < 1150 < shut.co2
    assert opened.temperature < shut.temperature


def test_cooking_raises_dust_moisture_and_odours() -> None:
    before = Air()

    after = step(ROOM, before, Activity(awake=1, cooking=True), MILD, 1200)

    assert after.pm25 > before.pm25 + 50
    assert after.vapour > before.vapour
    assert after.voc > before.voc


def test_dust_goes_with_the_air_and_settles() -> None:
    clean = Outdoors(temperature=10.0, humidity=70.0, pm25=0.0, pressure=1013.0, lux=0.0)

    air = step(ROOM, Air(pm25=100.0), EMPTY, clean, 3600)

    assert air.pm25 == pytest.approx(100 * math.exp(-(INFILTRATION + PM_DEPOSITION)))


def test_air_at_twenty_degrees_holds_seventeen_grams_of_water() -> None:
    assert vapour(20.0, 100.0) == pytest.approx(17.3, abs=0.1)


def test_relative_humidity_falls_when_the_same_air_is_warmed() -> None:
    assert Air(temperature=18, vapour=8).humidity > Air(temperature=24, vapour=8).humidity


def test_relative_humidity_never_exceeds_saturation() -> None:
    assert Air(temperature=5, vapour=30).humidity == 100


def test_a_window_and_a_hood_add_to_the_cracks() -> None:
    assert air_changes(EMPTY) < air_changes(Activity(cooking=True)) < air_changes(Activity(cooking=True, window=True))
