"""The pump guard left alone: blinks, restarts, clocks and relays that chatter, and locks that only a person opens."""

from datetime import UTC, timedelta
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from .conftest import OWNER, House
from .test_pump_guard import ALL, CURRENT, FLOAT, FLOW, GOOD, LEVEL, OFF, PUMP, after, begin

START_AGAIN = ["unavailable", "unknown"]


async def watched(house: House, pump: str = "on", **inputs: Any) -> None:
    await house.remembers()
    await begin(house, pump, **inputs)


def word(house: House) -> str:
    return str(house.remembered() or "free").split(" ", maxsplit=1)[0]


async def start(house: House) -> None:
    """The pump starts, and what it moves is measured."""
    await house.put(PUMP, "on")
    for sensor in (FLOW, CURRENT):
        await house.put(sensor, GOOD[sensor])


async def energised(house: House, minutes: int, blink: str, every: int) -> int:
    """Return for how many minutes the pump runs, when it blinks every so many minutes."""
    for minute in range(1, minutes + 1):
        await house.wait(minutes=1, step=15)
        if house.state(PUMP) == "off":
            return minute
        if minute % every == 0:
            await house.put(PUMP, blink)
            await house.wait(seconds=1, step=1)
            await house.put(PUMP, "on")
    return minutes


@pytest.mark.parametrize("blink", ["unavailable", "unknown", "off"])
async def test_the_longest_run_is_counted_over_blinks(house: House, blink: str) -> None:
    await watched(house, max_run=30)
    assert await energised(house, 60, blink, 20) in {29, 30}
    assert [push["title"] for push in house.pushes()] == ["Pump stopped: ran too long"]


async def test_the_longest_run_is_counted_over_restarts(house: House) -> None:
    await watched(house, max_run=30)
    for _ in range(3):
        await house.wait(minutes=9)
        await house.remove(PUMP)
        await house.put(PUMP, "on")
        await house.started()
    assert house.calls() == []
    await house.wait(minutes=3)
    assert house.calls() == [OFF]


async def test_a_rest_ends_a_run(house: House) -> None:
    await watched(house, max_run=30)
    for _ in range(3):
        await house.wait(minutes=25)
        for sensor in (FLOW, CURRENT):
            await house.put(sensor, 0)
        await house.put(PUMP, "off")
        await house.wait(minutes=2)
        await start(house)
    assert house.calls() == []


@pytest.mark.parametrize("sensor", [LEVEL, FLOAT, FLOW, CURRENT])
async def test_a_sensor_whose_device_restarts_again_and_again_is_not_just_away(house: House, sensor: str) -> None:
    await watched(house)
    for turn in range(4):
        await house.put(sensor, START_AGAIN[turn % 2])
        await house.wait(seconds=20, step=5)
    assert house.calls() == [OFF]


@pytest.mark.parametrize(("on", "off"), [(12, 2), (6, 3), (20, 5)])
async def test_a_pump_that_chatters_without_moving_water_is_stopped_and_told(house: House, on: int, off: int) -> None:
    await watched(house, "off")
    for _ in range(30):
        await house.put(PUMP, "on")
        await house.wait(seconds=on, step=1)
        await house.put(PUMP, "off")
        await house.wait(seconds=off, step=1)
    assert next(push["title"] for push in house.pushes()) == "Pump stopped: no flow"
    assert word(house) == "no_flow"


async def test_what_was_dry_stays_locked_whatever_switches_it_on(house: House) -> None:
    await watched(house)
    await house.put(LEVEL, 5)
    await after(house, 4)
    dry = 0
    for _ in range(30):  # a duty cycle, on an empty tank and on a full one again
        await house.put(LEVEL, 80)
        await house.put(PUMP, "on")
        dry += house.state(PUMP) == "on"
        await house.wait(minutes=1)
    assert dry == 0
    assert len(house.pushes()) == 4  # at 0, 3, 9 and 21 minutes


async def test_a_lock_outlives_a_restart(house: House) -> None:
    await watched(house)
    await house.put(CURRENT, 4000)
    await after(house, 4)
    house.calls()
    await house.put(PUMP, "on")
    await house.started()
    assert OFF in house.calls()
    assert word(house) == "overcurrent"


@pytest.mark.parametrize("how", ["button", "by hand"])
async def test_a_person_opens_the_lock_when_the_cause_is_gone(house: House, how: str) -> None:
    await watched(house)
    await house.put(LEVEL, 5)
    await after(house, 4)
    [push] = house.pushes()
    assert [one["title"] for one in push["data"]["actions"]] == ["Acknowledge", "Reset lock", "Open"]

    async def reset() -> None:
        if how == "button":
            await house.press(push["data"]["actions"][1]["action"])
        else:
            data = {"entity_id": "automation.try"}
            await house.hass.services.async_call("automation", "trigger", {**data, "skip_condition": False})
            await house.settle()

    await reset()
    assert "the cause is still there" in house.pushes()[0]["message"]
    assert word(house) == "dry_run"
    await house.put(LEVEL, 80)
    await reset()
    assert [one["message"] for one in house.pushes()] == ["clear_notification"]
    house.calls()
    await house.put(PUMP, "on")
    assert await after(house, 5) == []


async def test_the_button_of_another_guard_opens_nothing(house: House) -> None:
    await watched(house)
    await house.put(CURRENT, 4000)
    await after(house, 4)
    await house.press("SMARTAIR_RESET_smartair-other")
    assert word(house) == "overcurrent"


async def test_a_person_who_starts_a_locked_pump_is_told_why_not(house: House) -> None:
    await watched(house)
    await house.put(LEVEL, 5)
    await after(house, 4)
    house.pushes()
    await house.put(PUMP, "on", context=OWNER)
    assert [push["title"] for push in house.pushes()] == ["Pump stopped: no water"]
    assert house.state(PUMP) == "off"


async def test_what_could_not_be_read_is_no_lock_once_it_can(house: House) -> None:
    await watched(house)
    await house.put(LEVEL, "unavailable")
    await after(house, 50)
    assert house.calls() == []
    assert word(house) == "dry_unknown"
    await house.put(PUMP, "on")
    assert house.state(PUMP) == "off"  # at once, not after a second look
    house.calls()
    await house.put(LEVEL, 80)
    await start(house)
    assert await after(house, 20) == []
    assert house.on_screen() == {}


async def test_an_alarm_that_lasts_is_reminded_of_with_growing_pauses_and_acknowledged_for_good(house: House) -> None:
    await watched(house)
    await house.put(PUMP, "unknown")
    await house.put(LEVEL, "unavailable")
    await house.wait(minutes=120, step=15)
    pushes = house.pushes()
    assert len(pushes) == 6
    await house.press(pushes[0]["data"]["actions"][0]["action"])
    house.pushes()
    await house.wait(minutes=8 * 60)
    assert house.pushes() == []


async def test_a_pump_that_is_gone_is_told_once(house: House) -> None:
    await watched(house)
    await house.remove(PUMP)
    await house.wait(minutes=5)
    assert house.pushes() == []
    await house.wait(minutes=3)
    assert [push["title"] for push in house.pushes()] == ["Pump guard guards nothing"]
    await house.put(PUMP, "off")
    assert [push["message"] for push in house.pushes()] == ["clear_notification"]


async def test_a_clock_that_is_set_back_hides_nothing(house: House) -> None:
    await watched(house, "off")
    await start(house)
    await house.wait(seconds=30, step=15)
    house.freezer.tick(timedelta(hours=-1))
    async_fire_time_changed(house.hass)
    await house.put(FLOW, 0)
    assert await after(house, 20) == [OFF]


async def test_a_welded_relay_is_told_however_long_the_second_look_takes(house: House) -> None:
    await watched(house, "off", dwell=20)
    house.rest_with.clear()
    await house.put(FLOW, 2)
    await house.wait(minutes=30, step=5)
    assert len(house.pushes()) == 4


async def test_own_sensors_are_not_asked_for_the_age_of_a_steady_value(hass: HomeAssistant, house: House) -> None:
    level = await house.ours("sensor", "tank_level", 80, unit_of_measurement="%")
    await watched(house, level=level, float_switch=[], flow=[], current=[], max_age=5)
    await house.wait(minutes=20)
    assert house.state(PUMP) == "on"


async def test_nothing_is_written_while_a_pump_rests_and_once_while_it_runs(house: House) -> None:
    await watched(house, "off")
    await house.wait(minutes=10, step=15)
    assert house.remembered() is None
    await start(house)
    kept = house.remembered()
    await house.wait(minutes=10, step=15)
    assert house.remembered() == kept


async def test_without_smartair_a_text_helper_keeps_the_lock(house: House) -> None:
    helper = await house.memory(None, max=255)
    await begin(house, memory=helper)
    await house.put(LEVEL, 5)
    await after(house, 4)
    assert house.state(helper).startswith("dry_run ")
    house.calls()
    await house.put(LEVEL, 80)
    await house.put(PUMP, "on")
    assert house.state(PUMP) == "off"


async def test_the_message_says_where(house: House) -> None:
    await watched(house)
    await house.put(PUMP, "on", friendly_name="Circulation")
    await house.put(LEVEL, 5, unit_of_measurement="%")
    await after(house, 4)
    assert "Circulation" in house.pushes()[0]["message"]
    assert set(ALL) == {"level", "float_switch", "flow", "current"}


@pytest.mark.parametrize("every", [8, 12])
async def test_blinks_do_not_give_a_dry_pump_time_to_get_going_again_and_again(house: House, every: int) -> None:
    await watched(house)
    await house.wait(minutes=3, step=15)
    await house.put(FLOW, 0)
    for _ in range(12):
        await house.put(PUMP, "unavailable")
        await house.wait(seconds=1, step=1)
        if house.state(PUMP) != "off":
            await house.put(PUMP, "on")
        await house.wait(seconds=every, step=1)
    assert word(house) == "no_flow"


async def test_a_pump_that_mists_has_its_time_to_get_going_at_each_start_and_no_long_run(house: House) -> None:
    await watched(house, "off", max_run=10)
    for _ in range(15):
        await house.put(PUMP, "on")
        await house.wait(seconds=5, step=1)
        for sensor in (FLOW, CURRENT):
            await house.put(sensor, GOOD[sensor])
        await house.wait(seconds=10, step=5)
        for sensor in (FLOW, CURRENT):
            await house.put(sensor, 0)
        await house.put(PUMP, "off")
        await house.wait(seconds=45, step=15)
    assert house.calls() == []
    assert house.pushes() == []


async def test_a_smartair_pump_says_itself_since_when_it_runs(house: House) -> None:
    await watched(house, max_run=30)
    begun = house.freezer().replace(tzinfo=UTC) - timedelta(minutes=28)
    await house.put(PUMP, "unavailable")
    await house.put(PUMP, "on", running_since=begun)
    assert await after(house, 60) == []
    await house.wait(minutes=2, step=15)
    assert house.calls() == [OFF]


async def test_a_person_who_starts_a_locked_smartair_pump_is_told_why_not(house: House) -> None:
    await watched(house)
    await house.put(LEVEL, 5)
    await after(house, 4)
    house.pushes()
    await house.put(PUMP, "on", last_hand="automation")
    assert house.pushes() == []
    await house.put(PUMP, "on", last_hand="person")
    assert [push["title"] for push in house.pushes()] == ["Pump stopped: no water"]
