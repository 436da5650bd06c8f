"""Ventilation: on above, off below, and nothing in between, whatever happens in the house."""

import hashlib

from homeassistant.core import HomeAssistant, State
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import mock_restore_cache

from .conftest import OWNER, House

CO2 = "sensor.co2"
FAN = "switch.fan"
ON, OFF = ("switch.turn_on", FAN), ("switch.turn_off", FAN)
QUICK = {"min_on": 0, "min_off": 0}


async def begin(house: House, co2: object = 700, fan: str = "off", **inputs: object) -> None:
    await house.put(FAN, fan)
    await house.put(CO2, co2, unit_of_measurement="ppm")
    await house.use("ventilation", **{"sensors": [CO2], "ventilators": [FAN], **QUICK, **inputs})
    house.calls()


async def test_it_starts_above_the_upper_value_and_stops_below_the_lower(house: House) -> None:
    await begin(house)
    seen = []
    for value in (900, 1000, 1000.5, 900, 800, 799.9, 999, 1000, 1001):
        await house.put(CO2, value)
        seen.append(house.calls())
    assert seen == [[], [], [ON], [], [], [OFF], [], [], [ON]]


async def test_fifty_flaps_inside_the_band_move_nothing(house: House) -> None:
    await begin(house)
    await house.put(CO2, 1200)
    assert house.calls() == [ON]
    for _ in range(25):
        await house.put(CO2, 990)
        await house.put(CO2, 810)
    assert house.calls() == []


async def test_flapping_over_the_whole_band_is_held_by_the_shortest_times(house: House) -> None:
    await begin(house, min_on=10, min_off=5)
    await house.wait(minutes=10)
    for _ in range(25):
        await house.put(CO2, 1200)
        await house.put(CO2, 700)
    assert house.calls() == [ON]
    await house.wait(minutes=9)
    assert house.calls() == []
    await house.wait(minutes=1)
    assert house.calls() == [OFF]
    await house.put(CO2, 1200)
    await house.wait(minutes=4)
    assert house.calls() == []
    await house.wait(minutes=1)
    assert house.calls() == [ON]


async def test_swapped_values_are_put_in_order(house: House) -> None:
    await begin(house, on_above=800, off_below=1000)
    seen = []
    for value in (900, 1001, 900, 799):
        await house.put(CO2, value)
        seen.append(house.calls())
    assert seen == [[], [ON], [], [OFF]]


async def test_equal_values_still_leave_a_band(house: House) -> None:
    await begin(house, on_above=1000, off_below=1000)
    await house.put(CO2, 1001)
    assert house.calls() == [ON]
    await house.put(CO2, 950)
    assert house.calls() == []
    await house.put(CO2, 899)
    assert house.calls() == [OFF]


@pytest.mark.parametrize("bad", ["unavailable", "unknown", "error", "", "nan"])
async def test_a_blink_changes_nothing_and_a_missing_reading_stops(house: House, bad: str) -> None:
    await begin(house, 1200, "on")
    await house.put(CO2, bad)
    await house.wait(minutes=4)
    assert house.calls() == []
    await house.wait(minutes=2)
    assert house.calls() == [OFF]
    await house.put(CO2, 1200)
    assert house.calls() == [ON]


@pytest.mark.parametrize(
    ("choice", "fan", "expected"), [("on", "off", [ON]), ("keep", "on", []), ("keep", "off", [])]
)
async def test_the_owner_says_what_happens_without_a_reading(
    house: House, choice: str, fan: str, expected: list[object]
) -> None:
    await begin(house, "unavailable", fan, on_missing=choice)
    await house.wait(minutes=6)
    assert house.calls() == expected


async def test_a_sensor_that_is_gone_counts_as_missing(house: House) -> None:
    await begin(house, 1200, "on")
    await house.remove(CO2)
    assert house.calls() == [OFF]


async def test_a_reading_that_nobody_repeats_gets_too_old(house: House) -> None:
    await begin(house, 1200, "on", max_age=15)
    await house.wait(minutes=14)
    assert house.calls() == []
    await house.wait(minutes=2)
    assert house.calls() == [OFF]


async def test_the_same_reading_again_keeps_it_young(house: House) -> None:
    await begin(house, 1200, "on", max_age=15)
    for _ in range(4):
        await house.wait(minutes=10)
        await house.put(CO2, 1200)
    assert house.calls() == []


async def test_age_zero_trusts_the_sensor(house: House) -> None:
    await begin(house, 1200, "on", max_age=0)
    await house.wait(minutes=300, step=600)
    assert house.calls() == []


async def test_the_worst_of_several_sensors_counts(house: House) -> None:
    await house.put("sensor.other", 600)
    await begin(house, sensors=[CO2, "sensor.other"])
    await house.put("sensor.other", 1300)
    assert house.calls() == [ON]
    await house.put("sensor.other", "unavailable")
    assert house.calls() == [OFF]  # the one that still speaks says that the air is good


async def test_a_command_that_was_lost_is_repeated_until_it_is_obeyed(house: House) -> None:
    await begin(house, 1200, "on")
    house.deaf = True
    await house.put(CO2, 500)
    assert house.calls() == [OFF]
    await house.wait(minutes=2)
    assert house.calls() == [OFF, OFF]
    house.deaf = False
    await house.wait(minutes=3)
    assert house.calls() == [OFF]


async def test_a_relay_that_was_away_is_told_when_it_is_back(house: House) -> None:
    await begin(house, 1200, "on")
    await house.put(FAN, "unavailable")
    await house.put(CO2, 500)
    await house.wait(minutes=2)
    assert house.calls() == []
    await house.put(FAN, "on")
    assert house.calls() == [OFF]


@pytest.mark.parametrize("co2_is_there", [True, False])
@pytest.mark.parametrize(("co2", "fan", "expected"), [(500, "on", [OFF]), (1500, "off", [ON]), (900, "on", [])])
async def test_a_restart_in_the_middle_is_made_good(
    house: House, co2_is_there: bool, co2: int, fan: str, expected: list[object]
) -> None:
    await house.put(FAN, fan)
    await house.put(CO2, co2 if co2_is_there else "unavailable")
    await house.boot("ventilation", sensors=[CO2], ventilators=[FAN], **QUICK)
    await house.put(CO2, co2)
    assert house.calls() == expected


async def test_an_automation_that_was_switched_off_does_nothing_until_it_is_on_again(house: House) -> None:
    await begin(house)
    await house.hass.services.async_call("automation", "turn_off", {"entity_id": "automation.try"}, blocking=True)
    await house.put(CO2, 1300)
    await house.wait(minutes=3)
    assert house.calls() == []
    await house.hass.services.async_call("automation", "turn_on", {"entity_id": "automation.try"}, blocking=True)
    await house.wait(minutes=1)
    assert house.calls() == [ON]


async def test_an_automation_that_was_off_stays_off_over_a_restart(hass: HomeAssistant, house: House) -> None:
    mock_restore_cache(hass, [State("automation.try", "off")])
    await house.put(FAN, "off")
    await house.put(CO2, 1500)
    await house.boot("ventilation", sensors=[CO2], ventilators=[FAN], **QUICK)
    await house.wait(minutes=3)
    assert house.calls() == []


async def test_two_triggers_at_once_give_one_command(house: House) -> None:
    await house.put("sensor.other", 600)
    await begin(house, sensors=[CO2, "sensor.other"])
    house.hass.states.async_set(CO2, "1200")
    house.hass.states.async_set("sensor.other", "1300")
    await house.settle()
    assert house.calls() == [ON]


async def test_started_by_hand_it_does_only_what_is_due(house: House) -> None:
    await begin(house, 900)
    await house.hass.services.async_call("automation", "trigger", {"entity_id": "automation.try"}, blocking=True)
    assert house.calls() == []


async def test_nothing_is_written_while_nothing_is_to_be_done(hass: HomeAssistant, house: House) -> None:
    await begin(house, 900)
    await house.wait(minutes=10)
    assert hass.states.get("automation.try").attributes["last_triggered"] is None


async def test_an_open_window_rests_the_ventilation(house: House) -> None:
    await house.put("binary_sensor.window", "off")
    await begin(house, 1500, "on", windows=["binary_sensor.window"])
    await house.put("binary_sensor.window", "on")
    assert house.calls() == [OFF]
    await house.put("binary_sensor.window", "off")
    assert house.calls() == [ON]


async def test_what_somebody_switched_is_left_alone_for_a_while(house: House) -> None:
    await begin(house, 500, override=60)
    await house.put(FAN, "on", context=OWNER)
    await house.wait(minutes=59)
    assert house.calls() == []
    await house.wait(minutes=2)
    assert house.calls() == [OFF]


async def test_what_a_relay_does_by_itself_is_put_right(house: House) -> None:
    await begin(house, 500)
    await house.put(FAN, "on")
    assert house.calls() == [OFF]


async def test_override_zero_takes_back_at_once(house: House) -> None:
    await begin(house, 500, override=0)
    await house.put(FAN, "on", context=OWNER)
    assert house.calls() == [OFF]


async def test_at_night_it_may_rest_until_the_air_is_really_bad(house: House) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await begin(house, 1500, "on", night_mode="off", night_above=2000, max_age=0)
    await house.at("2026-09-22 21:59:30")
    assert house.calls() == []
    await house.at("2026-09-22 22:00:10")
    assert house.calls() == [OFF]
    await house.put(CO2, 2100)
    assert house.calls() == [ON]
    await house.put(CO2, 1900)
    assert house.calls() == []
    await house.put(CO2, 1700)
    assert house.calls() == [OFF]
    await house.at("2026-09-23 07:00:10")
    assert house.calls() == [ON]


async def test_a_night_without_length_never_comes(house: House) -> None:
    await begin(house, 700, night_mode="off", night_start="00:00:00", night_end="00:00:00")
    await house.put(CO2, 1200)
    assert house.calls() == [ON]


@pytest.mark.parametrize("day", ["2026-10-25", "2027-03-28"])  # 25 and 23 hours long
async def test_a_change_of_the_clock_moves_nothing_by_itself(house: House, day: str) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await begin(house, 1500, "off", night_mode="off", night_start="01:00:00", night_end="04:00:00", max_age=0)
    house.calls()
    await house.at(f"{day} 00:59:00")
    assert house.calls() == [ON]
    await house.wait(minutes=5 * 60)
    assert house.calls() == [OFF, ON]


async def test_fans_get_a_speed_by_the_air_and_by_night(house: House) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at("2026-09-22 12:00")
    fan = "fan.attic"
    await house.put(fan, "off", percentage=0, percentage_step=25.0)
    await begin(house, ventilators=[fan], use_speeds=True, night_mode="quiet")
    speeds = []
    for value in (1100, 1600, 1400, 1250, 700):
        await house.put(CO2, value)
        speeds.append((house.state(fan), house.hass.states.get(fan).attributes["percentage"]))
    assert speeds == [("on", 50), ("on", 100), ("on", 100), ("on", 50), ("off", 50)]
    house.calls()
    await house.at("2026-09-22 23:00")
    await house.put(CO2, 1100)
    assert house.calls() == [("fan.turn_on", fan)]
    assert house.hass.states.get(fan).attributes["percentage"] == 25
    await house.put(CO2, 2100)
    assert house.hass.states.get(fan).attributes["percentage"] == 100


async def test_a_fan_with_coarse_speeds_is_not_told_for_ever(house: House) -> None:
    await house.put("fan.attic", "on", percentage=66, percentage_step=33.3)
    await begin(house, 1200, ventilators=["fan.attic"], use_speeds=True)
    await house.wait(minutes=5)
    assert house.calls() == []


async def test_a_climate_device_only_ventilates(house: House) -> None:
    await house.put("climate.room", "off", hvac_modes=["off", "heat", "fan_only"])
    await begin(house, ventilators=["climate.room"])
    await house.put(CO2, 1200)
    assert house.calls() == [("climate.set_hvac_mode", "climate.room")]
    await house.put(CO2, 700)
    assert house.calls() == [("climate.turn_off", "climate.room")]


async def test_inputs_of_the_wrong_type_fall_back_to_what_is_safe(house: House) -> None:
    await begin(
        house, on_above="abc", off_below=None, max_age="x", override="y", night_mode=7, sensors=CO2, ventilators=FAN
    )
    await house.put(CO2, 1200)
    assert house.calls() == [ON]
    await house.put(CO2, 500)
    assert house.calls() == [OFF]


async def remembering(house: House, co2: object = 700, fan: str = "off", **inputs: object) -> None:
    await house.remembers()
    await begin(house, co2, fan, **inputs)


async def test_a_steady_bad_value_is_no_missing_one(house: House) -> None:
    co2 = await house.ours("sensor", "office_co2", 5000, unit_of_measurement="ppm")
    await begin(house, sensors=[co2])
    await house.wait(minutes=180)
    assert house.state(FAN) == "on"


async def test_own_sensors_are_not_asked_for_the_age_of_a_steady_value(house: House) -> None:
    humidity = await house.ours("sensor", "tent_humidity", 90, unit_of_measurement="%")
    await begin(house, sensors=[humidity], on_above=65, off_below=60, max_age=2)
    await house.wait(minutes=10)
    assert house.state(FAN) == "on"


async def test_a_sensor_that_restarts_again_and_again_counts_as_missing(house: House) -> None:
    await remembering(house, 1200)
    assert house.calls() == []
    await house.wait(minutes=1)
    for turn in range(24):
        await house.put(CO2, ["unavailable", "unknown"][turn % 2])
        await house.wait(seconds=20, step=20)
    assert house.state(FAN) == "off"


async def test_a_hand_is_remembered_for_its_time_whatever_attributes_do(house: House) -> None:
    await remembering(house, 500)
    await house.put(FAN, "on", context=OWNER)
    for minute in range(58):
        await house.put(FAN, "on", current_temperature=minute)
        await house.wait(minutes=1)
    assert house.calls() == []
    await house.wait(minutes=4)
    assert house.calls() == [OFF]


@pytest.mark.parametrize("with_smartair", [True, False])
async def test_a_thermostat_that_heats_is_left_alone(house: House, with_smartair: bool) -> None:
    if with_smartair:
        await house.remembers()
    await house.put("climate.room", "heat", hvac_modes=["off", "heat", "fan_only"])
    await begin(house, 500, ventilators=["climate.room"])
    for value in (1500, 500):
        await house.put(CO2, value)
        await house.wait(minutes=30)
    assert house.state("climate.room") == "heat"


async def test_what_it_did_not_switch_on_is_not_switched_off(house: House) -> None:
    await remembering(house, 500)
    await house.put(FAN, "on")
    await house.wait(minutes=300, step=600)
    assert house.calls() == []


@pytest.mark.parametrize("after", ["unavailable", "on"])
async def test_what_it_switched_on_it_switches_off_after_a_restart(house: House, after: str) -> None:
    await remembering(house, 1200)
    await house.put(CO2, 1300)
    assert house.calls() == [] or house.state(FAN) == "on"
    await house.put(FAN, after)
    await house.put(FAN, "on")
    await house.started()
    await house.put(CO2, 500)
    assert house.calls()[-1] == OFF


async def test_two_automations_of_one_fan_agree(house: House) -> None:
    await house.remembers()
    await house.put(FAN, "off")
    await house.put(CO2, 1500, unit_of_measurement="ppm")
    await house.put("sensor.humidity", 50, unit_of_measurement="%")
    shared = {"ventilators": [FAN], "min_on": 10, "min_off": 5}
    inputs = {
        "air": {"sensors": [CO2], **shared},
        "damp": {"sensors": ["sensor.humidity"], "on_above": 65, "off_below": 60, **shared},
    }
    config = [
        {"id": name, "alias": name, "use_blueprint": {"path": "smartair/ventilation.yaml", "input": one}}
        for name, one in inputs.items()
    ]
    assert await async_setup_component(house.hass, "automation", {"automation": config})
    await house.wait(minutes=240)
    assert house.calls() == [ON]
    await house.put("sensor.humidity", 80)
    await house.put(CO2, 500)
    await house.wait(minutes=30)
    assert house.calls() == []  # the other one still asks for it
    await house.put("sensor.humidity", 50)
    await house.wait(minutes=2)
    assert house.calls() == [OFF]


async def test_a_unit_that_cannot_be_read_is_left_out_and_told(house: House) -> None:
    await house.put("sensor.other", 9000, unit_of_measurement="bananas")
    await remembering(house, sensors=[CO2, "sensor.other"])
    await house.wait(minutes=2)
    assert house.calls() == []
    assert house.on_screen() == {"smartair-try": "Ventilation cannot read a sensor"}
    await house.put("sensor.other", 9000, unit_of_measurement="ppm")
    assert (house.calls(), house.on_screen()) == ([ON], {})


async def test_nights_typed_by_hand_mean_what_they_say(house: House) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await begin(house, 1500, "on", night_mode="off", night_above=2000, night_start=79200, night_end="7:00")
    await house.at("2026-09-22 22:00:10")
    assert house.calls() == [OFF]
    await house.at("2026-09-23 07:00:10")
    assert house.calls() == [ON]


async def test_a_fan_that_blinks_each_minute_is_off_again_in_its_time(house: House) -> None:
    await house.remembers()
    await begin(house, 500, "off", min_on=5)
    await house.put(CO2, 1500)
    await house.wait(minutes=2)
    for _ in range(5):
        await house.put(FAN, "unavailable")
        await house.put(FAN, "on")
        await house.wait(minutes=1)
    house.calls()
    await house.put(CO2, 500)
    await house.wait(minutes=1)
    assert OFF in house.calls()


async def test_what_an_earlier_version_remembered_goes_on(house: House) -> None:
    await house.remembers()
    await begin(house, 1500, "on")
    code = hashlib.md5(FAN.encode(), usedforsecurity=False).hexdigest()[:8]
    await house.hass.services.async_call(
        "smartair", "remember", {"automation": "automation.try", "memory": f"vent run 0 0 {code}:1:0"}, blocking=True
    )
    await house.wait(minutes=1)
    assert house.remembered().startswith(f"vent run 0 0 {code}:1:0:0")
    await house.wait(minutes=60)
    await house.put(CO2, 500)
    assert house.calls() == [OFF]
