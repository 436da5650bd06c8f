"""Planned water changes: when it is time, once a day, by the zone's own button, and never into the unknown."""

from datetime import UTC, datetime
from typing import Any

from homeassistant.const import UnitOfTime
from homeassistant.core import HomeAssistant, ServiceCall, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.unit_conversion import DurationConverter
import pytest
from pytest_homeassistant_custom_component.common import mock_restore_cache

from .conftest import House

START, ZONE, AGE, DRIFT = "button.start", "sensor.zone", "sensor.age", "sensor.drift"
PRESS = ("button.press", START)
TUESDAY = "2026-09-22"


async def begin(house: House, at: str = f"{TUESDAY} 09:00:00", *, boot: bool = False, **inputs: Any) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(at)
    if house.state(ZONE) is None:
        await house.put(ZONE, "normal")
    await house.put(START, "unknown")
    phone = await house.phone("Ann's Phone")
    use = house.boot if boot else house.use
    await use("planned_water_change", **{"begin": START, "zone_state": ZONE, "phones": [phone], **inputs})


def told(house: House) -> list[str]:
    return [push["title"] for push in house.pushes()]


async def changed(house: House) -> None:
    """The zone takes the start, changes the water and is ready again."""
    await house.put(ZONE, "drain")
    await house.wait(minutes=20)
    await house.put(ZONE, "normal")


async def test_on_its_day_it_starts_once_at_its_time(house: House) -> None:
    await begin(house, weekdays=["2"])
    await house.wait(minutes=59)
    assert house.calls() == []
    await house.wait(minutes=2)
    assert house.calls() == [PRESS]
    assert told(house) == ["Water change"]
    await changed(house)
    await house.wait(minutes=60 * 24, step=300)
    assert (house.calls(), told(house)) == ([], [])
    await house.wait(minutes=60 * 24 * 6, step=600)
    assert set(house.calls()) == {PRESS}


@pytest.mark.parametrize(
    ("age", "unit", "expected"),
    [
        (14, "d", [PRESS]),
        (13.9, "d", []),
        (336, "h", [PRESS]),
        (335, "h", []),
        (20160, "min", [PRESS]),
        (2, "w", [PRESS]),
    ],
)
async def test_an_old_solution_is_changed(house: House, age: float, unit: str, expected: list[Any]) -> None:
    await house.put(AGE, age, unit_of_measurement=unit, device_class="duration")
    await begin(house, f"{TUESDAY} 10:00:30", age=AGE)
    await house.wait(minutes=2)
    assert house.calls() == expected


@pytest.mark.parametrize(
    ("made", "expected"), [("2026-09-07T08:00:00+00:00", [PRESS]), ("2026-09-20T08:00:00+00:00", [])]
)
async def test_the_age_may_be_the_time_at_which_it_was_made(house: House, made: str, expected: list[Any]) -> None:
    await house.put(AGE, made, device_class="timestamp")
    await begin(house, f"{TUESDAY} 10:00:30", age=AGE)
    await house.wait(minutes=2)
    assert house.calls() == expected


@pytest.mark.parametrize(
    ("drift", "expected"), [("30", [PRESS]), ("-31", [PRESS]), ("29.9", []), ("unavailable", [])]
)
async def test_a_solution_that_has_drifted_is_changed(house: House, drift: str, expected: list[Any]) -> None:
    await house.put(DRIFT, drift, unit_of_measurement="%")
    await begin(house, f"{TUESDAY} 10:00:30", drift=DRIFT)
    await house.wait(minutes=2)
    assert house.calls() == expected


@pytest.mark.parametrize("bad", ["unavailable", "unknown", "error", ""])
async def test_an_age_that_is_not_known_starts_nothing(house: House, bad: str) -> None:
    await house.put(AGE, bad, unit_of_measurement="d")
    await begin(house, f"{TUESDAY} 10:00:30", age=AGE)
    await house.wait(minutes=60)
    assert house.calls() == []


@pytest.mark.parametrize("state", ["drain", "failed", "unavailable", "unknown"])
async def test_a_zone_that_is_not_ready_is_left_alone_and_it_is_told_at_the_end(house: House, state: str) -> None:
    await house.put(ZONE, state)
    await begin(house, weekdays=["2"])
    await house.wait(minutes=238)
    assert (house.calls(), told(house)) == ([], [])
    await house.wait(minutes=300)
    assert (house.calls(), told(house)) == ([], ["Water change is due, and the zone is not ready"])


async def test_a_change_that_takes_until_the_end_was_not_missed(house: House) -> None:
    await begin(house, f"{TUESDAY} 10:00:00", weekdays=["2"])
    await house.wait(minutes=1)
    await house.put(ZONE, "drain")
    told(house)
    await house.wait(minutes=300)
    assert told(house) == []


async def test_a_zone_that_becomes_ready_in_time_is_started(house: House) -> None:
    await house.put(ZONE, "unavailable")
    await begin(house, f"{TUESDAY} 10:30:00", weekdays=["2"])
    await house.wait(minutes=10)
    assert house.calls() == []
    await house.put(ZONE, "normal")
    assert house.calls() == [PRESS]


async def test_a_zone_that_blinks_after_the_time_starts_nothing_twice(house: House) -> None:
    await begin(house, f"{TUESDAY} 10:00:00", weekdays=["2"])
    await house.wait(minutes=1)
    house.calls()
    for _ in range(25):
        await house.put(ZONE, "unavailable")
        await house.put(ZONE, "normal")
    await house.wait(minutes=120)
    assert house.calls() == []


async def test_a_start_that_was_not_taken_is_repeated_and_told(house: House) -> None:
    await begin(house, f"{TUESDAY} 10:00:00", weekdays=["2"])
    await house.wait(minutes=1)
    assert house.calls() == [PRESS]
    await house.wait(minutes=9)
    assert house.calls() == []
    await house.wait(minutes=2)
    assert house.calls() == [PRESS]
    assert told(house) == ["Water change", "Water change did not start"]
    await changed(house)
    await house.wait(minutes=60)
    assert house.calls() == []


async def test_a_restart_after_the_start_does_not_start_again(hass: HomeAssistant, house: House) -> None:
    pressed = datetime(2026, 9, 22, 8, 0, tzinfo=UTC)  # 10:00 in Berlin
    mock_restore_cache(hass, [State("automation.try", "on", {"last_triggered": pressed.isoformat()})])
    await begin(house, f"{TUESDAY} 10:20:00", boot=True, weekdays=["2"])
    await house.wait(minutes=120)
    assert house.calls() == []


async def test_a_restart_over_the_time_starts_late(house: House) -> None:
    await begin(house, f"{TUESDAY} 11:00:00", boot=True, weekdays=["2"])
    assert house.calls() == [PRESS]


async def test_too_late_is_too_late(house: House) -> None:
    await begin(house, f"{TUESDAY} 13:00:01", boot=True, weekdays=["2"])
    await house.wait(minutes=600)
    assert house.calls() == []


@pytest.mark.parametrize("day", ["2026-10-25", "2027-03-28"])
async def test_on_the_day_the_clock_changes_it_starts_once(house: House, day: str) -> None:
    await begin(house, f"{day} 00:30:00", weekdays=["7"], time_of_day="02:30:00")
    await house.wait(minutes=180)
    assert set(house.calls()) == {PRESS}
    await changed(house)
    await house.wait(minutes=300)
    assert house.calls() == []


@pytest.mark.parametrize(
    ("entity", "call"), [("script.change", "script.turn_on"), ("input_button.change", "input_button.press")]
)
async def test_scripts_and_helper_buttons_start_it_too(house: House, entity: str, call: str) -> None:
    house.hass.services.async_register(*call.split("."), lambda _: None)
    await house.put(entity, "off")
    await begin(house, f"{TUESDAY} 10:00:30", begin=entity, weekdays=["2"])
    await house.wait(minutes=1)
    assert house.calls(call) == [(call, entity)]


async def test_two_triggers_at_once_press_once(house: House) -> None:
    await house.put(ZONE, "unavailable")
    await begin(house, f"{TUESDAY} 10:30:00", weekdays=["2"])
    for _ in range(3):
        house.hass.states.async_set(ZONE, "normal", {"n": _})
    await house.settle()
    assert house.calls() == [PRESS]


async def test_started_by_hand_it_does_only_what_is_due(house: House) -> None:
    await begin(house, weekdays=["2"])
    await house.hass.services.async_call("automation", "trigger", {"entity_id": "automation.try"}, blocking=True)
    assert house.calls() == []
    await house.wait(minutes=61)
    assert house.calls() == [PRESS]


async def test_switched_off_and_on_again_it_catches_up(house: House) -> None:
    await begin(house, f"{TUESDAY} 09:59:00", weekdays=["2"])
    await house.hass.services.async_call("automation", "turn_off", {"entity_id": "automation.try"}, blocking=True)
    await house.wait(minutes=20)
    assert house.calls() == []
    await house.hass.services.async_call("automation", "turn_on", {"entity_id": "automation.try"}, blocking=True)
    await house.wait(minutes=1)
    assert house.calls() == [PRESS]


async def test_inputs_of_the_wrong_type_fall_back_to_the_defaults(house: House) -> None:
    await house.put(AGE, 15, unit_of_measurement="d")
    await begin(house, f"{TUESDAY} 10:00:30", age=AGE, max_age_days="x", max_drift=None, window="y", weekdays=[2])
    await house.wait(minutes=1)
    assert house.calls() == [PRESS]


async def test_a_window_over_midnight_is_one_window(house: House) -> None:
    await house.remembers()
    await house.put(ZONE, "failed")
    await begin(house, f"{TUESDAY} 22:00:00", weekdays=["2"], time_of_day="23:00:00")
    await house.wait(minutes=120)
    assert told(house) == []
    await house.put(ZONE, "normal")
    await house.wait(minutes=1)
    assert house.calls() == [PRESS]
    await changed(house)
    await house.wait(minutes=24 * 60, step=300)
    assert house.calls() == []


async def test_what_was_missed_after_midnight_is_told(house: House) -> None:
    await house.put(ZONE, "failed")
    await begin(house, f"{TUESDAY} 22:00:00", weekdays=["2"], time_of_day="23:00:00")
    await house.wait(minutes=5 * 60)
    assert told(house) == ["Water change is due, and the zone is not ready"]


@pytest.mark.parametrize("other", ["unavailable", "normal_recirc"])
async def test_a_zone_that_did_something_else_has_not_taken_the_start(house: House, other: str) -> None:
    await house.remembers()
    await begin(house, f"{TUESDAY} 10:00:00", weekdays=["2"])
    await house.wait(minutes=1)
    house.calls()
    await house.put(ZONE, other)
    await house.put(ZONE, "normal")
    await house.wait(minutes=12)
    assert house.calls() == [PRESS]
    assert told(house) == ["Water change", "Water change did not start"]


async def test_a_change_that_was_taken_is_not_repeated_after_a_restart(house: House) -> None:
    await house.remembers()
    await begin(house, f"{TUESDAY} 10:00:00", weekdays=["2"])
    await house.wait(minutes=1)
    await changed(house)
    house.calls()
    await house.remove(ZONE)
    await house.put(ZONE, "normal")
    await house.started()
    await house.wait(minutes=150)
    assert house.calls() == []


async def test_a_start_that_is_refused_is_not_told_as_started(house: House, caplog: pytest.LogCaptureFixture) -> None:
    @callback
    def refuse(_call: ServiceCall) -> None:
        raise HomeAssistantError("locked")

    await house.remembers()
    house.hass.services.async_register("input_button", "press", refuse)
    await house.put("input_button.change", "unknown")
    await begin(house, f"{TUESDAY} 10:00:00", begin="input_button.change", weekdays=["2"])
    await house.wait(minutes=5)
    assert told(house) == []
    caplog.clear()  # Home Assistant logs the refusal as an error, which is right


@pytest.mark.parametrize("unit", [one for one in UnitOfTime if one in DurationConverter.VALID_UNITS])
async def test_the_age_is_read_in_every_unit_of_time(house: House, unit: str) -> None:
    for age, expected in ((13, []), (15, [PRESS])):
        value = DurationConverter.convert(age, UnitOfTime.DAYS, unit)
        await house.put(AGE, value, unit_of_measurement=unit, device_class="duration")
        if not house.hass.states.async_entity_ids("automation"):
            await begin(house, f"{TUESDAY} 10:00:30", age=AGE)
        await house.wait(minutes=2)
        assert house.calls() == expected


async def test_an_age_in_no_unit_of_time_starts_nothing_and_is_told_once_a_day(house: House) -> None:
    await house.remembers()
    await house.put(AGE, 9999, unit_of_measurement="bananas")
    await begin(house, f"{TUESDAY} 10:00:30", age=AGE)
    await house.wait(minutes=60)
    assert (house.calls(), told(house)) == ([], ["Water change cannot read the age"])


@pytest.mark.parametrize("time", [36000, 600, "10:00", "10:0:0"])
async def test_a_time_typed_by_hand_means_what_it_says(house: House, time: object) -> None:
    await begin(house, f"{TUESDAY} 09:59:00", weekdays=["2"], time_of_day=time)
    assert house.calls() == []
    await house.wait(minutes=2)
    assert house.calls() == [PRESS]
