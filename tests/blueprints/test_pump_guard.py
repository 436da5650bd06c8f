"""The pump guard: off when in doubt, again and again until the pump shows it, and people are told once."""

from datetime import UTC, datetime
from typing import Any

from homeassistant.core import HomeAssistant, State
import pytest
from pytest_homeassistant_custom_component.common import mock_restore_cache

from .conftest import House

PUMP = "switch.pump"
LEVEL, FLOAT, FLOW, CURRENT = "sensor.level", "binary_sensor.float", "sensor.flow", "sensor.current"
OFF = ("switch.turn_off", PUMP)
ALL = {"level": LEVEL, "float_switch": FLOAT, "flow": FLOW, "current": CURRENT}
GOOD = {LEVEL: "80", FLOAT: "on", FLOW: "5.0", CURRENT: "900"}


async def begin(house: House, pump: str = "on", **inputs: object) -> None:
    for sensor, value in GOOD.items():
        await house.put(sensor, value if pump == "on" or sensor in {LEVEL, FLOAT} else 0)
    await house.put(PUMP, pump)
    house.rest_with[PUMP] = [FLOW, CURRENT]
    phone = await house.phone("Ann's Phone")
    await house.boot("pump_guard", **{"pump": PUMP, **ALL, "phones": [phone], **inputs})
    await house.wait(seconds=60, step=30)
    house.calls()


async def after(house: House, seconds: float) -> list[tuple[str, Any]]:
    await house.wait(seconds=seconds, step=1)
    return house.calls()


async def test_a_good_run_is_left_alone_and_nothing_is_written(hass: HomeAssistant, house: House) -> None:
    await begin(house)
    assert await after(house, 300) == []
    assert house.pushes() == []
    assert hass.states.get("automation.try").attributes["last_triggered"] is None


FAULTS = [
    (LEVEL, "9.9", "Pump stopped: no water"),
    (FLOAT, "off", "Pump stopped: no water"),
    (FLOW, "0.2", "Pump stopped: no flow"),
    (FLOW, "0", "Pump stopped: no flow"),
    (CURRENT, "1501", "Pump stopped: too much current"),
]


@pytest.mark.parametrize(("sensor", "value", "title"), FAULTS)
async def test_a_fault_that_stays_stops_the_pump_and_is_told_once(
    house: House, sensor: str, value: str, title: str
) -> None:
    await begin(house)
    await house.put(sensor, value)
    assert await after(house, 2) == []
    assert await after(house, 2) == [OFF]
    assert await after(house, 120) == []
    assert [push["title"] for push in house.pushes()] == [title]
    assert house.on_screen() == {"smartair-try": title}


@pytest.mark.parametrize(("sensor", "value", "title"), FAULTS)
async def test_a_glitch_of_two_seconds_stops_nothing(house: House, sensor: str, value: str, title: str) -> None:
    await begin(house)
    for _ in range(10):
        await house.put(sensor, value)
        assert await after(house, 2) == []
        await house.put(sensor, GOOD[sensor])
        assert await after(house, 8) == []
    assert house.pushes() == []
    await house.put(sensor, value)
    assert await after(house, 4) == [OFF]
    assert [push["title"] for push in house.pushes()] == [title]


async def test_fifty_flaps_on_the_good_side_stop_nothing(house: House) -> None:
    await begin(house)
    for _ in range(25):
        await house.put(LEVEL, 10)
        await house.put(LEVEL, 10.5)
        await house.wait(seconds=1, step=1)
    assert house.calls() == []


async def test_the_lowest_level_itself_is_enough(house: House) -> None:
    await begin(house)
    await house.put(LEVEL, 10)
    assert await after(house, 30) == []


@pytest.mark.parametrize("bad", ["unavailable", "unknown", "error", "", "nan"])
@pytest.mark.parametrize("sensor", [LEVEL, FLOAT, FLOW, CURRENT])
async def test_a_sensor_that_does_not_answer_is_unsafe_after_its_grace(house: House, sensor: str, bad: str) -> None:
    await begin(house)
    await house.put(sensor, bad)
    assert await after(house, 29) == []
    assert await after(house, 20) == [OFF]


@pytest.mark.parametrize("sensor", [LEVEL, FLOAT, FLOW, CURRENT])
async def test_a_sensor_that_blinks_is_not_unsafe(house: House, sensor: str) -> None:
    await begin(house)
    for _ in range(10):
        await house.put(sensor, "unavailable")
        assert await after(house, 10) == []
        await house.put(sensor, GOOD[sensor])
    assert await after(house, 60) == []


@pytest.mark.parametrize("sensor", [LEVEL, FLOAT, FLOW, CURRENT])
async def test_a_sensor_that_is_gone_is_unsafe(house: House, sensor: str) -> None:
    await begin(house)
    await house.remove(sensor)
    assert await after(house, 20) == [OFF]


async def test_a_reading_that_nobody_repeats_is_unsafe_where_an_age_is_set(house: House) -> None:
    await begin(house, max_age=5)
    assert await after(house, 230) == []
    assert await after(house, 40) == [OFF]


async def test_what_starts_in_an_unsafe_state_is_stopped(house: House) -> None:
    await begin(house, "off")
    await house.put(LEVEL, 5)
    assert await after(house, 60) == []
    await house.put(PUMP, "on")
    assert await after(house, 4) == [OFF]


async def test_flow_and_current_have_their_time_to_come_to_rest_after_a_start(house: House) -> None:
    await begin(house, "off")
    await house.put(CURRENT, 6000)
    await house.put(PUMP, "on")
    await house.wait(seconds=8, step=1)
    await house.put(CURRENT, 900)
    await house.put(FLOW, 5)
    assert await after(house, 60) == []


async def test_a_pump_that_never_moves_water_is_stopped_within_half_a_minute(house: House) -> None:
    await begin(house, "off")
    await house.put(PUMP, "on")
    assert await after(house, 10) == []
    assert await after(house, 20) == [OFF]


async def test_the_longest_run_ends(house: House) -> None:
    await begin(house, max_run=30)
    await house.wait(minutes=28)
    assert house.calls() == []
    await house.wait(seconds=90, step=15)
    assert house.calls() == [OFF]
    assert [push["title"] for push in house.pushes()] == ["Pump stopped: ran too long"]


async def test_a_pump_without_a_bound_runs_on(house: House) -> None:
    await begin(house, max_run=0)
    await house.wait(minutes=600)
    assert house.state(PUMP) == "on"


@pytest.mark.parametrize(("sensor", "value"), [(FLOW, "2"), (CURRENT, "400")])
async def test_a_pump_that_runs_while_off_is_told_and_told_again(house: House, sensor: str, value: str) -> None:
    await begin(house, "off")
    house.rest_with.clear()
    await house.put(sensor, value)
    assert set(await after(house, 20)) == {OFF}
    assert [push["title"] for push in house.pushes()] == ["Pump does not stop"]
    await after(house, 600)
    assert len(house.pushes()) == 2
    await house.put(sensor, 0)
    await after(house, 30)
    assert await after(house, 300) == []


async def test_a_command_that_was_lost_is_repeated_until_the_pump_is_off(house: House) -> None:
    await begin(house)
    house.deaf = True
    await house.put(LEVEL, 5)
    assert len(await after(house, 64)) == 5
    assert len(house.pushes()) == 1
    await after(house, 600)
    assert len(house.pushes()) == 2
    house.deaf = False
    assert await after(house, 20) == [OFF]
    assert await after(house, 120) == []


async def test_off_is_repeated_even_if_the_fault_is_over_before_the_pump_obeys(house: House) -> None:
    await begin(house)
    house.deaf = True
    await house.put(LEVEL, 5)
    await after(house, 4)
    await house.put(LEVEL, 80)
    house.deaf = False
    assert await after(house, 20) == [OFF]


async def test_a_pump_that_was_away_is_stopped_when_it_is_back(house: House) -> None:
    await begin(house)
    await house.put(PUMP, "unavailable")
    await house.put(LEVEL, 5)
    assert await after(house, 60) == []
    await house.put(PUMP, "on")
    assert await after(house, 4) == [OFF]


async def test_a_pump_of_unknown_state_is_stopped_when_it_is_unsafe(house: House) -> None:
    await begin(house, "off")
    await house.put(LEVEL, 5)
    await house.put(PUMP, "unknown")
    assert await after(house, 4) == [OFF]


@pytest.mark.parametrize("level", ["5", "unavailable"])
async def test_after_a_restart_with_the_pump_on_it_acts_again(house: House, level: str) -> None:
    for sensor, value in GOOD.items():
        await house.put(sensor, value)
    await house.put(LEVEL, level)
    await house.put(PUMP, "on")
    house.rest_with[PUMP] = [FLOW, CURRENT]
    await house.boot("pump_guard", pump=PUMP, **ALL)
    await house.wait(seconds=50, step=1)
    assert house.calls() == [OFF]


async def test_it_acts_at_the_start_itself_not_at_the_next_tick(house: House) -> None:
    for sensor, value in GOOD.items():
        await house.put(sensor, value)
    await house.put(LEVEL, 5)
    await house.put(PUMP, "on")
    house.rest_with[PUMP] = [FLOW, CURRENT]
    await house.boot("pump_guard", pump=PUMP, **ALL)
    assert await after(house, 4) == [OFF]


async def test_a_missing_phone_stops_neither_the_pump_guard_nor_the_other_phone(house: House) -> None:
    there = await house.phone("Bob's Phone")
    lost = await house.phone("Lost Phone")
    await house.remove("notify.lost_phone")
    house.hass.services.async_remove("notify", "mobile_app_lost_phone")
    await begin(house, phones=["0123456789abcdef", lost, there])
    await house.put(LEVEL, 5)
    assert await after(house, 4) == [OFF]
    assert [push["title"] for push in house.pushes("Bob's Phone")] == ["Pump stopped: no water"]


async def test_the_alarm_is_critical_on_both_kinds_of_phone(house: House) -> None:
    await begin(house)
    await house.put(LEVEL, 5)
    await after(house, 4)
    [push] = house.pushes()
    data = push["data"]
    assert (data["tag"], data["channel"], data["importance"], data["priority"], data["ttl"]) == (
        "smartair-try",
        "alarm_stream",
        "high",
        "high",
        0,
    )
    assert data["push"]["interruption-level"] == "critical"
    assert data["push"]["sound"]["critical"] == 1
    assert data["url"] == data["clickAction"] == "/home"
    assert push["message"] == "try: the tank is empty" or "level 5.0" in push["message"]


async def test_acknowledged_on_the_phone_it_is_cleared_everywhere(house: House) -> None:
    await begin(house)
    await house.put(LEVEL, 5)
    await after(house, 4)
    [push] = house.pushes()
    await house.press("SMARTAIR_ACK_smartair-other")
    assert house.pushes() == []
    await house.press(push["data"]["actions"][0]["action"])
    assert [(push["message"], push["data"]["tag"]) for push in house.pushes()] == [
        ("clear_notification", "smartair-try")
    ]
    assert house.on_screen() == {}


async def test_two_faults_at_once_are_one_stop_and_one_message(house: House) -> None:
    await begin(house)
    house.hass.states.async_set(LEVEL, "5")
    house.hass.states.async_set(CURRENT, "4000")
    assert await after(house, 30) == [OFF]
    assert len(house.pushes()) == 1


async def test_each_stop_is_told_even_shortly_after_another(house: House) -> None:
    await begin(house)
    await house.put(LEVEL, 5)
    await after(house, 4)
    await house.put(PUMP, "on")
    assert await after(house, 4) == [OFF]
    assert len(house.pushes()) == 2


async def test_an_automation_that_was_switched_off_does_nothing_until_it_is_on_again(house: House) -> None:
    await begin(house)
    await house.hass.services.async_call("automation", "turn_off", {"entity_id": "automation.try"}, blocking=True)
    await house.put(LEVEL, 5)
    assert await after(house, 60) == []
    await house.hass.services.async_call("automation", "turn_on", {"entity_id": "automation.try"}, blocking=True)
    assert await after(house, 20) == [OFF]


async def test_started_by_hand_it_only_looks(house: House) -> None:
    await begin(house)
    await house.hass.services.async_call("automation", "trigger", {"entity_id": "automation.try"}, blocking=False)
    assert await after(house, 10) == []
    assert house.pushes() == []


async def test_an_old_run_of_the_automation_does_not_hide_a_new_alarm(hass: HomeAssistant, house: House) -> None:
    before = State("automation.try", "on", {"last_triggered": datetime(2026, 9, 21, 14, 13, tzinfo=UTC)})
    mock_restore_cache(hass, [before])
    await begin(house)
    await house.put(LEVEL, 5)
    assert await after(house, 4) == [OFF]
    assert len(house.pushes()) == 1


async def test_inputs_of_the_wrong_type_do_not_disarm_it(house: House) -> None:
    await begin(
        house, dwell="x", blink=None, max_age="y", min_level="z", max_run="w", phones="gone", notifiers="none"
    )
    await house.put(LEVEL, 9)
    assert await after(house, 4) == [OFF]
