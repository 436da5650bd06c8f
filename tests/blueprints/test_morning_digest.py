"""The morning digest: one readable message a day, late rather than never, and never twice."""

from datetime import UTC, datetime
from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall, State, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import mock_restore_cache

from .conftest import House

CO2, WATER = "sensor.co2", "sensor.water"
HOURS = [(0, 600.0), (1, 900.0), (2, 1300.0), (3, 700.0)]


async def begin(house: House, at: str = "2026-09-22 07:00:00", *, boot: bool = False, **inputs: Any) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(at)
    if house.state(CO2) is None:
        await house.put(CO2, 600, friendly_name="Bedroom", unit_of_measurement="ppm")
        await house.put(WATER, 500, friendly_name="Rack", unit_of_measurement="L")

    @callback
    def statistics(call: ServiceCall) -> dict[str, Any]:
        if house.deaf:
            raise HomeAssistantError("the recorder is busy")
        rows: list[dict[str, Any]] = [
            {"start": f"2026-09-22T{hour:02}:00:00+00:00", "end": "", "mean": mean, "max": mean, "change": 2.5}
            for hour, mean in HOURS
        ]
        return {"statistics": {sensor: rows for sensor in call.data["statistic_ids"] if sensor in {CO2, WATER}}}

    house.hass.services.async_register(
        "recorder", "get_statistics", statistics, supports_response=SupportsResponse.ONLY
    )
    phone = await house.phone("Ann's Phone")
    use = house.boot if boot else house.use
    await use("morning_digest", **{"phones": [phone], **inputs})


def told(house: House) -> list[str]:
    return [f"{push['title']}\n{push['message']}" for push in house.pushes()]


async def test_it_comes_once_at_its_time_and_again_the_next_day(house: House) -> None:
    await begin(house)
    await house.wait(minutes=29)
    assert told(house) == []
    await house.wait(minutes=1)
    assert told(house) == ["Good morning\nNothing is wrong."]
    await house.wait(minutes=60 * 24 - 5, step=300)
    assert told(house) == []
    await house.wait(minutes=6)
    assert len(told(house)) == 1


async def test_it_is_readable(house: House) -> None:
    await house.ours("binary_sensor", "greenhouse_online", "off", device_class="connectivity")
    await house.ours("binary_sensor", "tank_lock", "on", device_class="problem", friendly_name="Tank lock")
    await house.put("binary_sensor.leak", "on", device_class="moisture", friendly_name="Kitchen leak")
    await house.put("sensor.remote_battery", 7, device_class="battery", friendly_name="Remote battery")
    await house.put("sensor.full_battery", 90, device_class="battery", friendly_name="Full battery")
    await house.put("update.node", "on", device_class="firmware", friendly_name="Node firmware")
    await house.put("update.core", "on", friendly_name="Home Assistant")
    await begin(house, air=[CO2], water=[WATER], problems=["binary_sensor.leak"])
    await house.wait(minutes=30)
    [message] = told(house)
    assert message == (
        "Good morning: 2 to look at\n"
        "Air of the night:\n"
        "- Bedroom: 875.0 ppm on average, worst hour 04:00 with 1300.0 ppm\n"
        "Water used:\n"
        "- Rack: 10.0 L\n"
        "Wrong: Kitchen leak, Tank lock\n"
        "Offline: Greenhouse\n"
        "Low batteries: Remote battery 7 %\n"
        "Firmware waiting: Node firmware"
    )


async def test_a_device_has_the_name_that_its_owner_gave_it(hass: HomeAssistant, house: House) -> None:
    await house.ours("binary_sensor", "greenhouse_online", "off", device_class="connectivity")
    registry = dr.async_get(hass)
    device = registry.async_get(er.async_get(hass).async_get("binary_sensor.greenhouse_online").device_id)
    registry.async_update_device(device.id, name_by_user="Granny's glass house")
    await begin(house)
    await house.wait(minutes=30)
    assert told(house) == ["Good morning\nOffline: Granny's glass house"]


async def test_long_lists_are_cut(house: House) -> None:
    for index in range(20):
        await house.put(f"update.node_{index}", "on", device_class="firmware", friendly_name=f"Node {index:02}")
    await begin(house)
    await house.wait(minutes=30)
    assert told(house)[0].endswith("Node 06, Node 07 and 12 more")


async def test_what_is_not_wanted_is_left_out(house: House) -> None:
    await house.put("update.node", "on", device_class="firmware", friendly_name="Node firmware")
    await house.put("sensor.remote_battery", 7, device_class="battery", friendly_name="Remote battery")
    await begin(house, firmware=False, low_battery=0)
    await house.wait(minutes=30)
    assert told(house) == ["Good morning\nNothing is wrong."]


@pytest.mark.parametrize("bad", ["unavailable", "unknown", "error", ""])
async def test_batteries_and_problems_that_are_not_known_are_not_made_up(house: House, bad: str) -> None:
    await house.put("sensor.remote_battery", bad, device_class="battery", friendly_name="Remote battery")
    await house.put("binary_sensor.leak", bad, device_class="moisture", friendly_name="Kitchen leak")
    await begin(house, problems=["binary_sensor.leak", "binary_sensor.gone"])
    await house.wait(minutes=30)
    assert told(house) == ["Good morning\nNothing is wrong."]


async def test_a_sensor_without_history_and_a_busy_recorder_do_not_stop_the_rest(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await begin(house, air=["sensor.gone"])
    await house.wait(minutes=30)
    assert told(house) == ["Good morning\nAir of the night:\n- sensor.gone: nothing recorded"]
    house.deaf = True
    await house.wait(minutes=60 * 24, step=300)
    assert told(house) == ["Good morning\nAir of the night:\n- sensor.gone: nothing recorded"]
    caplog.clear()  # Home Assistant logs what went wrong, as it should


async def test_a_morning_without_home_assistant_is_made_up_for(house: House) -> None:
    await begin(house, "2026-09-22 09:00:00", boot=True)
    assert len(told(house)) == 1


async def test_at_noon_nobody_wants_it_any_more(house: House) -> None:
    await begin(house, "2026-09-22 10:30:01", boot=True)
    await house.wait(minutes=60)
    assert told(house) == []


async def test_a_restart_after_it_was_sent_does_not_send_it_again(hass: HomeAssistant, house: House) -> None:
    sent = datetime(2026, 9, 22, 5, 30, tzinfo=UTC)  # 07:30 in Berlin
    mock_restore_cache(hass, [State("automation.try", "on", {"last_triggered": sent.isoformat()})])
    await begin(house, "2026-09-22 08:00:00", boot=True)
    await house.wait(minutes=60)
    assert told(house) == []


async def test_yesterdays_digest_does_not_stand_for_todays(hass: HomeAssistant, house: House) -> None:
    sent = datetime(2026, 9, 21, 5, 30, tzinfo=UTC)
    mock_restore_cache(hass, [State("automation.try", "on", {"last_triggered": sent.isoformat()})])
    await begin(house, "2026-09-22 08:00:00", boot=True)
    assert len(told(house)) == 1


@pytest.mark.parametrize("day", ["2026-10-25", "2027-03-28"])
@pytest.mark.parametrize("time", ["02:30:00", "07:30:00"])
async def test_on_the_day_the_clock_changes_it_comes_once(house: House, day: str, time: str) -> None:
    await begin(house, f"{day} 00:00:00", time_of_day=time)
    await house.wait(minutes=12 * 60)
    assert len(told(house)) == 1


async def test_by_hand_it_comes_at_once(house: House) -> None:
    await begin(house, "2026-09-22 15:00:00")
    await house.hass.services.async_call("automation", "trigger", {"entity_id": "automation.try"}, blocking=True)
    assert len(told(house)) == 1


async def test_switched_off_it_does_not_come_and_on_again_it_does(house: House) -> None:
    await begin(house)
    await house.hass.services.async_call("automation", "turn_off", {"entity_id": "automation.try"}, blocking=True)
    await house.wait(minutes=60)
    assert told(house) == []
    await house.hass.services.async_call("automation", "turn_on", {"entity_id": "automation.try"}, blocking=True)
    await house.wait(minutes=1)
    assert len(told(house)) == 1


async def test_a_missing_phone_does_not_stop_the_other(house: House) -> None:
    there = await house.phone("Bob's Phone")
    await begin(house, phones=["gone", there])
    await house.wait(minutes=30)
    assert len(house.pushes("Bob's Phone")) == 1


async def test_inputs_of_the_wrong_type_fall_back_to_the_defaults(house: House) -> None:
    await begin(house, night_hours="x", low_battery=None, air=CO2, water=WATER, problems="binary_sensor.x")
    await house.wait(minutes=30)
    assert len(told(house)) == 1


async def test_devices_may_come_back_after_a_late_start_before_they_are_called_offline(house: House) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at("2026-09-22 07:44:50")
    online = await house.ours("binary_sensor", "greenhouse_online", "unavailable", device_class="connectivity")
    await begin(house, "2026-09-22 07:45:00", boot=True)
    await house.wait(minutes=2)
    assert told(house) == []
    await house.put(online, "on")
    await house.wait(minutes=1)
    assert told(house) == ["Good morning\nNothing is wrong."]


async def test_a_device_that_stays_away_after_a_late_start_is_called_offline(house: House) -> None:
    await house.ours("binary_sensor", "greenhouse_online", "off", device_class="connectivity")
    await begin(house, "2026-09-22 07:45:00", boot=True)
    await house.wait(minutes=6)
    assert told(house) == ["Good morning\nOffline: Greenhouse"]


async def test_a_battery_that_only_says_that_it_is_low_is_in_it(house: House) -> None:
    await house.put("binary_sensor.door", "on", device_class="battery", friendly_name="Front door battery")
    await begin(house)
    await house.wait(minutes=31)
    assert told(house) == ["Good morning\nLow batteries: Front door battery"]


async def test_two_hundred_rooms_are_a_message_that_a_phone_takes(house: House) -> None:
    await begin(house, air=[f"sensor.room_{number}_with_a_long_name" for number in range(200)])
    await house.wait(minutes=31)
    assert len(house.pushes()[0]["message"]) < 4000


@pytest.mark.parametrize("time", [27000, 450, "7:30"])
async def test_a_time_typed_by_hand_means_what_it_says(house: House, time: object) -> None:
    await begin(house, time_of_day=time)
    await house.wait(minutes=29)
    assert told(house) == []
    await house.wait(minutes=2)
    assert len(told(house)) == 1


async def test_without_a_recorder_it_comes_without_the_past_and_once_a_day(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.remembers()
    await begin(house, air=[CO2], water=[WATER])
    house.hass.services.async_remove("recorder", "get_statistics")
    await house.wait(minutes=33)
    assert told(house) == [
        "Good morning\nAir of the night:\n- Bedroom: nothing recorded\nWater used:\n- Rack: nothing recorded"
    ]
    await house.wait(minutes=60 * 24, step=60)
    assert len(told(house)) == 1
    caplog.clear()  # Home Assistant logs that there is no such action, as it should
