"""Days in a house."""

import pytest

from lab.simulator.house import DAY, PLANS, Clock, LivedRoom, Occasion, Stay, is_night, weather

HOUR = 3600.0


def lived(name: str) -> LivedRoom:
    room, habits = PLANS[name]
    one = LivedRoom(room=room, habits=habits, time=0.0)
    one.advance(DAY)
    return one


def test_a_bedroom_is_stuffy_in_the_morning_and_fresh_in_the_evening() -> None:
    bedroom = lived("Bedroom")
    bedroom.advance(DAY + 6.9 * HOUR)
    morning = bedroom.air.co2
    bedroom.advance(DAY + 22.5 * HOUR)

    assert morning > 1500
    assert bedroom.air.co2 < 600


def test_an_office_fills_with_breath_in_working_hours_until_somebody_airs_it() -> None:
    office = lived("Office")
    peaks, windows = [], set()
    for minute in range(int(8.5 * 60), 18 * 60):
        office.advance(DAY + minute * 60)
        peaks.append(office.air.co2)
        windows.add(office.activity.window)

    assert 1000 < max(peaks) < 1500
    assert windows == {False, True}


def test_dust_in_the_kitchen_spikes_when_dinner_is_cooked_and_decays_afterwards() -> None:
    kitchen = lived("Kitchen")
    kitchen.advance(DAY + 17.9 * HOUR)
    before = kitchen.air.pm25
    kitchen.advance(DAY + 18.6 * HOUR)
    dinner = kitchen.air.pm25
    kitchen.advance(DAY + 22.5 * HOUR)

    assert dinner > 5 * before
    assert kitchen.air.pm25 < dinner / 4


def test_nights_are_dark_and_days_are_bright() -> None:
    office = lived("Office")
    office.advance(DAY + 3 * HOUR)
    night = office.lux
    office.advance(DAY + 12 * HOUR)

    assert night < 1
    assert office.lux > 300


def test_somebody_who_is_there_in_the_dark_switches_the_lamp_on() -> None:
    living = lived("Living room")
    living.advance(DAY + 21 * HOUR)

    assert living.activity.lamp
    assert living.lux > 100


def test_air_stays_within_what_houses_have() -> None:
    for name in PLANS:
        room = lived(name)
        for quarter in range(4 * 24 * 3):
            room.advance(DAY + quarter * 900.0)
            assert 400 <= room.air.co2 < 3000, name
            assert 10 < room.air.temperature < 27, name
            assert 15 < room.air.humidity < 90, name
            assert 0 < room.air.pm25 < 300, name


def test_an_occasion_takes_the_place_of_a_rooms_habits_until_it_is_over() -> None:
    plan, habits = PLANS["Office"]
    room = LivedRoom(room=plan, habits=habits, time=3 * HOUR, occasion=Occasion(people=6, window=False))
    room.advance(3.5 * HOUR)
    crowded = room.air.co2
    room.occasion = Occasion(people=0, window=True)
    room.advance(4 * HOUR)
    aired = room.air.co2
    room.occasion = None
    room.advance(4.1 * HOUR)

    assert crowded > 2000
    assert aired < 700
    assert (room.activity.people, room.activity.window) == (0, False)


def test_time_does_not_go_back() -> None:
    office = lived("Office")
    office.advance(DAY + 12 * HOUR)
    air, time = office.air, office.time

    office.advance(DAY + 9 * HOUR)

    assert (office.air, office.time) == (air, time)


def test_asking_often_changes_nothing() -> None:
    seldom, often = lived("Kitchen"), lived("Kitchen")
    seldom.advance(DAY + 9 * HOUR)
    for half_minute in range(9 * 120 + 1):
        often.advance(DAY + half_minute * 30.0)

    assert often.air.co2 == pytest.approx(seldom.air.co2)


@pytest.mark.parametrize(("hour", "inside"), [(22.9, False), (23.0, True), (2.0, True), (6.9, True), (7.0, False)])
def test_a_stay_may_go_past_midnight(hour: float, *, inside: bool) -> None:
    assert Stay(start=23.0, end=7.0).covers(hour) is inside


def test_afternoons_are_warmer_than_mornings() -> None:
    assert weather(15 * HOUR).temperature > weather(5 * HOUR).temperature
    assert weather(15 * HOUR).humidity < weather(5 * HOUR).humidity


def test_the_heating_is_turned_down_at_night() -> None:
    assert [is_night(hour) for hour in (5.9, 6.0, 22.4, 22.5)] == [True, False, False, True]


def test_a_day_passes_in_twenty_four_minutes_by_default() -> None:
    clock = Clock(started=1000.0)

    assert clock.at(1000.0 + 24 * 60) - clock.at(1000.0) == DAY
    assert clock.at(0.0) == clock.at(1000.0)
