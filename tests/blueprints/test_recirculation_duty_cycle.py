"""The duty cycle: the pump runs and rests in turn, and never rests for too long, whatever happens."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.core import HomeAssistant, State
import pytest
from pytest_homeassistant_custom_component.common import mock_restore_cache

from .conftest import OWNER, House

PUMP = "switch.pump"
ON, OFF = ("switch.turn_on", PUMP), ("switch.turn_off", PUMP)


async def begin(house: House, pump: str = "on", **inputs: Any) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.put(PUMP, pump)
    await house.use("recirculation_duty_cycle", pump=PUMP, **inputs)
    house.calls()


async def spans(house: House, minutes: int) -> list[tuple[int, str]]:
    """Return in which minute which command came."""
    seen = []
    for minute in range(1, minutes + 1):
        await house.wait(minutes=1)
        seen += [(minute, name.removeprefix("switch.turn_")) for name, _ in house.calls()]
    return seen


async def test_it_runs_and_rests_in_turn(house: House) -> None:
    await begin(house, run=10, rest=5)
    assert await spans(house, 32) == [(10, "off"), (15, "on"), (25, "off"), (30, "on")]


async def test_the_rest_is_cut_to_what_is_allowed(house: House) -> None:
    await begin(house, run=10, rest=90, max_off=30)
    assert await spans(house, 41) == [(10, "off"), (40, "on")]


async def test_without_a_rest_it_always_runs(house: House) -> None:
    await begin(house, "off", rest=0)
    assert await spans(house, 300) == [(1, "on")]


async def test_what_somebody_switched_off_runs_again_in_time(house: House) -> None:
    await begin(house, run=600, rest=20, max_off=30)
    await house.put(PUMP, "off", context=OWNER)
    assert await spans(house, 25) == [(20, "on")]


async def test_a_rest_is_cut_even_if_somebody_began_it(house: House) -> None:
    await begin(house, run=600, rest=90, max_off=30)
    await house.put(PUMP, "off", context=OWNER)
    assert await spans(house, 31) == [(30, "on")]


async def test_a_pump_that_is_found_off_after_a_restart_runs_at_once(hass: HomeAssistant, house: House) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    mock_restore_cache(hass, [State("automation.try", "on", {"last_triggered": before.isoformat()})])
    await house.put(PUMP, "off")
    await house.boot("recirculation_duty_cycle", pump=PUMP)
    assert house.calls() == [ON]


async def test_restarts_cannot_add_up_to_a_long_rest(hass: HomeAssistant, house: House) -> None:
    before = datetime.now(UTC) - timedelta(minutes=29, seconds=30)
    mock_restore_cache(hass, [State("automation.try", "on", {"last_triggered": before.isoformat()})])
    await begin(house, "off", rest=30, max_off=30)  # the start itself was missed
    assert await spans(house, 3) == [(1, "on")]


async def test_blinking_cannot_add_up_to_a_long_rest(house: House) -> None:
    await begin(house, run=10, rest=20, max_off=30)
    await house.wait(minutes=10)
    assert house.calls() == [OFF]
    on_after = None
    for minute in range(1, 40):
        await house.put(PUMP, "unavailable")
        await house.put(PUMP, "off")
        await house.wait(minutes=1)
        if house.calls() == [ON]:
            on_after = minute
            break
    assert on_after == 30


async def test_a_command_that_was_lost_is_repeated(house: House) -> None:
    await begin(house, run=10, rest=5)
    await house.wait(minutes=10)
    house.calls()
    house.deaf = True
    assert await spans(house, 8) == [(5, "on"), (6, "on"), (7, "on"), (8, "on")]
    house.deaf = False
    assert await spans(house, 3) == [(1, "on")]


async def test_a_pump_that_was_away_is_told_when_it_is_back(house: House) -> None:
    await begin(house, run=10, rest=5, max_off=10)
    await house.wait(minutes=10)
    house.calls()
    await house.put(PUMP, "unavailable")
    await house.wait(minutes=20)
    house.calls()
    await house.put(PUMP, "off")
    assert house.calls() == [ON]


async def test_it_lets_the_pump_run_when_home_assistant_stops(house: House) -> None:
    await house.put(PUMP, "off")
    await begin(house, "off")
    for job in house.hass._shutdown_jobs:  # noqa: SLF001
        house.hass.async_run_hass_job(job.job, *job.args)
    await house.settle()
    assert house.calls() == [ON]


async def test_while_water_is_changed_it_keeps_its_hands_off_but_not_for_ever(house: House) -> None:
    await house.put("sensor.zone", "drain")
    await begin(house, "off", busy="sensor.zone", rest=10, busy_most=60)
    assert await spans(house, 59) == []
    assert await spans(house, 2) == [(1, "on")]


async def test_after_the_water_change_it_runs_at_once(house: House) -> None:
    await house.put("sensor.zone", "drain")
    await begin(house, "off", busy="sensor.zone", rest=10)
    await house.wait(minutes=30)
    await house.put("sensor.zone", "normal")
    assert house.calls() == [ON]


@pytest.mark.parametrize("state", ["unavailable", "unknown", "normal"])
async def test_a_zone_that_cannot_be_read_does_not_hold_the_pump_off(house: House, state: str) -> None:
    await house.put("sensor.zone", state)
    await begin(house, "off", busy="sensor.zone", rest=10)
    assert await spans(house, 11) == [(1, "on")]


async def test_a_locked_pump_is_left_alone(house: House) -> None:
    await house.put("binary_sensor.lock", "on")
    await begin(house, "off", lock="binary_sensor.lock")
    assert await spans(house, 120) == []
    await house.put("binary_sensor.lock", "unavailable")
    assert house.calls() == [ON]


async def test_at_night_it_rests_as_long_as_it_may(house: House) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at("2026-09-22 23:00:00")
    await begin(house, run=10, rest=5, max_off=30, night_start="22:00:00", night_end="06:00:00")
    assert await spans(house, 41) == [(10, "off"), (40, "on")]


@pytest.mark.parametrize("day", ["2026-10-25", "2027-03-28"])
async def test_a_change_of_the_clock_shifts_nothing(house: House, day: str) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(f"{day} 01:50:00")
    await begin(house, run=10, rest=10)
    assert await spans(house, 100) == [(10 * turn, "off" if turn % 2 else "on") for turn in range(1, 11)]


async def test_two_triggers_at_once_give_one_command(house: House) -> None:
    await house.put("sensor.zone", "drain")
    await begin(house, "off", busy="sensor.zone", rest=5)
    await house.wait(minutes=10)
    house.hass.states.async_set("sensor.zone", "normal")
    house.hass.states.async_set(PUMP, "off", {"touched": True})
    await house.settle()
    assert house.calls() == [ON]


async def test_started_by_hand_it_does_only_what_is_due(house: House) -> None:
    await begin(house)
    await house.hass.services.async_call("automation", "trigger", {"entity_id": "automation.try"}, blocking=True)
    assert house.calls() == []


async def test_switched_off_it_leaves_the_pump_alone_and_on_again_it_goes_on(house: House) -> None:
    await begin(house, run=10)
    await house.hass.services.async_call("automation", "turn_off", {"entity_id": "automation.try"}, blocking=True)
    assert await spans(house, 30) == []
    await house.hass.services.async_call("automation", "turn_on", {"entity_id": "automation.try"}, blocking=True)
    assert await spans(house, 1) == [(1, "off")]


async def test_inputs_of_the_wrong_type_fall_back_to_the_defaults(house: House) -> None:
    await begin(house, run="x", rest=None, max_off="y", busy_most="z")
    assert await spans(house, 31) == [(15, "off"), (30, "on")]


async def test_a_run_of_no_length_still_moves_water(house: House) -> None:
    await begin(house, "off", run=0, rest=5, max_off=0)
    assert await spans(house, 4) == [(1, "on"), (2, "off"), (3, "on"), (4, "off")]


@pytest.mark.parametrize("away", ["unavailable", "unknown", "gone"])
async def test_a_zone_that_blinks_while_it_drains_does_not_start_the_pump(house: House, away: str) -> None:
    await house.remembers()
    await house.put("sensor.zone", "drain")
    await begin(house, "off", busy="sensor.zone", rest=10, busy_most=60)
    await house.wait(minutes=20)
    if away == "gone":
        await house.remove("sensor.zone")
    else:
        await house.put("sensor.zone", away)
    await house.started()  # as after a restart in which the zone comes late
    await house.wait(seconds=30, step=30)
    await house.put("sensor.zone", "drain")
    assert await spans(house, 38) == []
    assert (await spans(house, 4))[0][1] == "on"


async def test_blinks_do_not_make_a_run_longer(house: House) -> None:
    await house.remembers()
    await begin(house, run=15, rest=5)
    minutes = 0
    while house.state(PUMP) == "on":
        await house.put(PUMP, "unavailable")
        await house.put(PUMP, "on")
        await house.wait(minutes=1)
        minutes += 1
    assert minutes in {15, 16}


async def test_a_helper_that_is_on_keeps_its_hands_off_by_default(house: House) -> None:
    await house.put("input_boolean.busy", "on")
    await begin(house, "off", busy="input_boolean.busy", rest=5)
    assert await spans(house, 20) == []


@pytest.mark.parametrize("begins", [79200, 1320, "22:00"])
async def test_a_night_typed_by_hand_means_what_it_says(house: House, begins: object) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at("2026-09-22 23:00:00")
    await begin(house, run=10, rest=5, max_off=30, night_start=begins, night_end="6:00:00")
    assert await spans(house, 41) == [(10, "off"), (40, "on")]


async def test_a_smartair_pump_says_itself_since_when_it_runs(house: House) -> None:
    await house.remembers()
    begun = datetime.now(UTC) - timedelta(minutes=10)
    await house.put(PUMP, "on", running_since=begun)
    await house.use("recirculation_duty_cycle", pump=PUMP, run=15, rest=5)
    assert (await spans(house, 7))[0][0] in {4, 5}
