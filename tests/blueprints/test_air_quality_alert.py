"""The air quality alert: raised once, reminded with growing pauses, taken back in place, quiet when it may be."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.const import UnitOfDensity, UnitOfRatio
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
import pytest

from .conftest import House

CO2, OTHER, FAN = "sensor.co2", "sensor.other", "switch.fan"
MEMORY = "input_text.memory"
NOON = "2026-09-22 12:00:00"


async def begin(house: House, co2: object = 600, *, memory: str | None = None, at: str = NOON, **inputs: Any) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(at)
    await house.put(CO2, co2, unit_of_measurement="ppm", friendly_name="Bedroom")
    await house.put(OTHER, 500, unit_of_measurement="ppm", friendly_name="Kitchen")
    await house.put(FAN, "off")
    phone = await house.phone("Ann's Phone")
    helper = await house.memory(memory)
    await house.boot(
        "air_quality_alert", **{"sensors": [CO2, OTHER], "memory": helper, "phones": [phone], "max_age": 0, **inputs}
    )
    house.calls()


def told(house: House) -> list[tuple[str, str]]:
    """Return what the phone was told: title and message, or that it is to clear."""
    return [
        ("clear", "") if push["message"] == "clear_notification" else (push["title"], push["message"])
        for push in house.pushes()
    ]


BAD = ("The air is bad", "Bedroom 1500 ppm.")
CRITICAL = ("The air is critical", "Bedroom 3500 ppm.")
CLEAR = ("clear", "")


async def test_it_is_told_after_a_while_and_taken_back_after_a_while(house: House) -> None:
    await begin(house)
    await house.put(CO2, 1500)
    await house.wait(minutes=4)
    assert told(house) == []
    await house.wait(minutes=2)
    assert told(house) == [BAD]
    assert house.on_screen() == {"smartair-try": "The air is bad"}
    await house.put(CO2, 900)
    await house.wait(minutes=4)
    assert told(house) == []
    await house.wait(minutes=2)
    assert told(house) == [CLEAR]
    assert house.on_screen() == {}
    await house.wait(minutes=60)
    assert told(house) == []


async def test_the_edges_belong_to_neither_side(house: House) -> None:
    await begin(house, bad_for=0, good_for=0)
    seen = []
    for value in (1400, 1400.5, 1000, 999.5):
        await house.put(CO2, value)
        seen.append(len(told(house)))
    assert seen == [0, 1, 0, 1]


async def test_fifty_flaps_in_the_band_are_one_message(house: House) -> None:
    await begin(house, 1500, bad_for=0, remind=0)
    assert told(house) == [BAD]
    for _ in range(25):
        await house.put(CO2, 1390)
        await house.put(CO2, 1010)
        await house.wait(seconds=30, step=30)
    assert told(house) == []


async def test_flapping_over_the_whole_band_is_one_message(house: House) -> None:
    await begin(house, 1500, bad_for=0, remind=0)
    told(house)
    for _ in range(50):
        await house.put(CO2, 900)
        await house.wait(minutes=2)
        await house.put(CO2, 1500)
        await house.wait(minutes=1)
    assert told(house) == []


async def test_a_peak_that_sinks_into_the_band_is_not_told(house: House) -> None:
    await begin(house)
    await house.put(CO2, 1500)
    await house.put(CO2, 1200)
    await house.wait(minutes=30)
    assert told(house) == []


async def test_swapped_values_are_put_in_order(house: House) -> None:
    await begin(house, 1200, bad_above=1000, good_below=1400, bad_for=0)
    assert told(house) == []
    await house.put(CO2, 1401)
    assert len(told(house)) == 1


async def test_reminders_come_with_growing_pauses_up_to_the_longest(house: House) -> None:
    await begin(house, 1500, bad_for=0, remind=30, remind_most=2, quiet_start="00:00:00", quiet_end="00:00:00")
    minutes = []
    for minute in range(9 * 60):
        minutes += [minute for _ in told(house)]
        await house.wait(minutes=1)
    assert minutes == [0, 30, 90, 210, 330, 450]


async def test_without_reminders_it_is_told_once(house: House) -> None:
    await begin(house, 1500, bad_for=0, remind=0)
    await house.wait(minutes=60 * 30, step=600)
    assert told(house) == [BAD]


async def test_several_rooms_are_one_message_that_is_kept_up_to_date_without_noise(house: House) -> None:
    await begin(house, 1500, bad_for=0)
    assert told(house) == [BAD]
    await house.put(OTHER, 1600)
    [push] = house.pushes()
    assert push["message"] == "Bedroom 1500 ppm, Kitchen 1600 ppm."
    assert (push["data"]["tag"], push["data"]["alert_once"], push["data"]["push"]["interruption-level"]) == (
        "smartair-try",
        True,
        "passive",
    )
    await house.put(CO2, 800)
    assert told(house) == [("The air is bad", "Kitchen 1600 ppm.")]


async def test_of_a_hundred_rooms_the_last_one_is_told_too(house: House) -> None:
    rooms = [f"sensor.room_{number}" for number in range(100)]
    for room in rooms:
        await house.put(room, 600, unit_of_measurement="ppm", friendly_name=room[7:])
    await begin(house, sensors=rooms)
    await house.put(rooms[-1], 1500)
    await house.wait(minutes=7)
    assert told(house) == [("The air is bad", "room_99 1500 ppm.")]
    await house.put(rooms[-1], 900)
    await house.wait(minutes=7)
    assert told(house) == [CLEAR]


async def test_quiet_hours_hold_back_what_can_wait_and_end_by_themselves(house: House) -> None:
    await begin(house, at="2026-09-22 23:00:00")
    await house.put(CO2, 1500)
    await house.wait(minutes=7 * 60)
    assert told(house) == []
    await house.at("2026-09-23 06:59:30")
    assert told(house) == []
    await house.at("2026-09-23 07:00:00")
    assert told(house) == [BAD]


async def test_what_is_over_before_the_quiet_hours_end_is_not_told(house: House) -> None:
    await begin(house, at="2026-09-22 23:00:00")
    await house.put(CO2, 1500)
    await house.wait(minutes=60)
    await house.put(CO2, 600)
    await house.at("2026-09-23 07:00:10")
    await house.wait(minutes=10)
    assert told(house) == []


async def test_quiet_hours_never_hold_back_what_is_critical(house: House) -> None:
    await begin(house, at="2026-09-22 23:00:00")
    await house.put(CO2, 3500)
    await house.wait(seconds=50, step=10)
    assert told(house) == []
    await house.wait(seconds=20, step=10)
    [push] = house.pushes()
    assert (push["title"], push["message"]) == CRITICAL
    assert push["data"]["push"]["interruption-level"] == "critical"
    assert push["data"]["channel"] == "alarm_stream"


async def test_quiet_hours_without_length_never_come(house: House) -> None:
    await begin(house, 1500, bad_for=0, at="2026-09-22 23:00:00", quiet_start="23:00:00", quiet_end="23:00:00")
    assert told(house) == [BAD]


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 5), ("2027-03-28", 3)])
async def test_quiet_hours_end_by_the_clock_on_the_wall_when_it_changes(house: House, day: str, hours: int) -> None:
    await begin(house, 1500, at=f"{day} 00:00:00", quiet_end="04:00:00")
    await house.wait(minutes=hours * 60 - 1)
    assert told(house) == []
    await house.wait(minutes=2)
    assert told(house) == [BAD]


async def test_it_is_told_anew_when_it_becomes_critical_even_if_acknowledged(house: House) -> None:
    await begin(house, 1500, bad_for=0)
    told(house)
    await house.press("SMARTAIR_ACK_smartair-try")
    assert told(house) == [CLEAR]
    await house.put(CO2, 3500)
    assert told(house) == [CRITICAL]
    await house.put(CO2, 2900)
    await house.put(CO2, 3500)
    await house.wait(minutes=5)
    assert told(house) == []


async def test_snoozed_it_is_silent_for_an_hour(house: House) -> None:
    await begin(house, 1500, bad_for=0, remind=10)
    told(house)
    await house.press("SMARTAIR_SNOOZE_smartair-try")
    await house.wait(minutes=59)
    assert told(house) == []
    await house.wait(minutes=2)
    assert told(house) == [BAD]


async def test_acknowledged_it_is_silent_until_it_is_over_and_comes_again(house: House) -> None:
    await begin(house, 1500, bad_for=0, remind=10, good_for=0)
    told(house)
    await house.press("SMARTAIR_ACK_smartair-try")
    await house.wait(minutes=300)
    assert told(house) == [CLEAR]
    await house.put(CO2, 600)
    told(house)
    await house.put(CO2, 1500)
    assert told(house) == [BAD]


async def test_the_button_starts_the_ventilation(house: House) -> None:
    await begin(house, 1500, bad_for=0, ventilation=[FAN])
    [push] = house.pushes()
    titles = [button["title"] for button in push["data"]["actions"]]
    assert titles == ["Start ventilation", "Snooze for 1 h", "Acknowledge", "Open"]
    house.calls()
    await house.press(push["data"]["actions"][0]["action"])
    assert house.calls() == [("switch.turn_on", FAN)]


async def test_the_buttons_of_other_messages_do_nothing(house: House) -> None:
    await begin(house, 1500, bad_for=0, ventilation=[FAN], remind=30)
    told(house)
    for other in ("SMARTAIR_ACK_smartair-other", "SMARTAIR_AIR_smartair-other", "SMARTAIR_SNOOZE_", "x"):
        await house.press(other)
    await house.wait(minutes=31)
    assert (told(house), house.calls()) == ([BAD], [])


def clock(house: House) -> int:
    return int(datetime.now(UTC).timestamp())


async def test_a_restart_forgets_nothing(house: House) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(NOON)
    now = clock(house)
    await begin(house, 1500, memory=f"bad {now - 600} {now + 1200} 1 0 1")
    assert [push["data"]["alert_once"] for push in house.pushes()] == [True]  # shown again, without noise
    await house.wait(minutes=19)
    assert told(house) == []
    await house.wait(minutes=2)
    assert told(house) == [BAD]


async def test_a_snooze_survives_a_restart(house: House) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(NOON)
    now = clock(house)
    await begin(house, 1500, memory=f"bad {now - 600} {now + 3600} 1 0 1")
    house.pushes()
    await house.wait(minutes=59)
    assert told(house) == []


async def test_an_acknowledgement_survives_a_restart(house: House) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(NOON)
    now = clock(house)
    await begin(house, 1500, memory=f"bad {now - 600} 99999999999 1 0 1")
    await house.wait(minutes=1000, step=600)
    assert told(house) == []


async def test_a_button_pressed_after_a_restart_still_acts(house: House) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(NOON)
    now = clock(house)
    await begin(house, 1500, memory=f"bad {now - 600} {now + 60} 1 0 1")
    house.pushes()
    await house.press("SMARTAIR_SNOOZE_smartair-try")
    await house.wait(minutes=30)
    assert told(house) == []


async def test_what_ended_while_home_assistant_was_down_is_taken_back(house: House) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(NOON)
    now = clock(house)
    await begin(house, 600, memory=f"bad {now - 600} {now + 60} 1 0 1")
    await house.wait(minutes=6)
    assert told(house)[-1] == CLEAR


async def test_what_began_while_home_assistant_was_down_is_told(house: House) -> None:
    await begin(house, 1500, memory="good 0 0 0 0 0")
    await house.wait(minutes=6)
    assert told(house) == [BAD]


@pytest.mark.parametrize("text", ["", "bad x 0 0 0 0", "bad 1 2 3", "bad 1.5 0 0 0 0"])
async def test_a_memory_with_something_else_in_it_begins_anew(house: House, text: str) -> None:
    await begin(house, 1500, memory=text, bad_for=0)
    assert told(house) == [BAD]


async def test_a_missing_memory_is_told_and_not_every_minute(house: House) -> None:
    await begin(house, 1500, memory="good 0 0 0 0 0")
    await house.remove(MEMORY)
    await house.wait(minutes=30)
    assert [title for title, _ in told(house)] == ["Air quality alert does not work"]


@pytest.mark.parametrize("bad", ["unavailable", "unknown", "error", ""])
async def test_without_a_reading_nothing_is_raised_and_nothing_taken_back(house: House, bad: str) -> None:
    await begin(house, 1500, bad_for=0, remind=0)
    assert told(house) == [BAD]
    await house.put(CO2, bad)
    await house.wait(minutes=60)
    assert told(house) == []
    await house.put(CO2, 1500)
    await house.wait(minutes=5)
    assert told(house) == []


async def test_an_old_reading_raises_nothing(house: House) -> None:
    await begin(house, max_age=5, bad_for=10)
    await house.put(CO2, 1500)
    await house.wait(minutes=30)
    assert told(house) == []


async def test_two_triggers_at_once_are_one_message(house: House) -> None:
    await begin(house, bad_for=0)
    house.hass.states.async_set(CO2, "1500", house.hass.states.get(CO2).attributes)
    house.hass.states.async_set(OTHER, "1600", house.hass.states.get(OTHER).attributes)
    await house.settle()
    assert len([push for push in house.pushes() if not push["data"]["alert_once"]]) == 1


async def test_started_by_hand_it_tells_only_what_is_due(house: House) -> None:
    await begin(house, 1500, bad_for=0)
    told(house)
    await house.hass.services.async_call("automation", "trigger", {"entity_id": "automation.try"}, blocking=True)
    assert told(house) == []


async def test_switched_off_and_on_again_it_tells_what_is_due(house: House) -> None:
    await begin(house)
    await house.hass.services.async_call("automation", "turn_off", {"entity_id": "automation.try"}, blocking=True)
    await house.put(CO2, 1500)
    await house.wait(minutes=30)
    assert told(house) == []
    await house.hass.services.async_call("automation", "turn_on", {"entity_id": "automation.try"}, blocking=True)
    await house.wait(minutes=7)
    assert told(house) == [BAD]


async def test_a_missing_phone_stops_neither_the_other_nor_the_memory(house: House) -> None:
    there = await house.phone("Bob's Phone")
    await begin(house, 1500, bad_for=0, phones=["gone", there], notifiers=["notify.gone"])
    assert len(house.pushes("Bob's Phone")) == 1
    assert house.state(MEMORY).startswith("bad ")


async def test_other_notifiers_are_told_too_but_not_the_updates(house: House) -> None:
    sent: list[dict[str, Any]] = []
    house.hass.services.async_register("notify", "send_message", callback(lambda call: sent.append(dict(call.data))))
    await house.put("notify.mail", "unknown")
    await begin(house, 1500, bad_for=0, notifiers=["notify.mail"], phones=[])
    await house.put(OTHER, 1600)
    assert [(one["title"], one["message"], one["entity_id"]) for one in sent] == [(*BAD, ["notify.mail"])]


async def test_nothing_is_written_while_the_air_is_good(hass: HomeAssistant, house: House) -> None:
    await begin(house, memory="good 0 0 0 0 0")
    await house.wait(minutes=30)
    assert hass.states.get("automation.try").attributes["last_triggered"] is None


async def test_inputs_of_the_wrong_type_fall_back_to_the_defaults(house: House) -> None:
    wrong = dict.fromkeys(
        ("bad_above", "good_below", "critical_above", "bad_for", "good_for", "remind", "remind_most"), "x"
    )
    await begin(house, 1500, **wrong)
    await house.wait(minutes=6)
    assert told(house) == [BAD]


async def test_what_was_decided_is_decided_anew_when_its_turn_has_come(house: House) -> None:
    await begin(house, 600, bad_for=0, good_for=0)
    house.line.clear()  # the push server takes its time
    await house.put(CO2, 1500)
    assert len(told(house)) == 1
    await house.put(CO2, 600)
    await house.put(CO2, 1500)
    house.line.set()
    await house.settle()
    assert told(house) == []


async def test_what_stays_critical_is_reminded_of_at_night(house: House) -> None:
    await begin(house, 3200, at="2026-09-22 22:30:00")
    await house.wait(minutes=8 * 60)
    assert [title for title, _ in told(house)] == ["The air is critical"] * 4


async def test_in_quiet_hours_nothing_rings_for_what_is_only_bad_again(house: House) -> None:
    await begin(house, 3200, at="2026-09-22 22:30:00")
    await house.wait(minutes=3)
    told(house)
    await house.put(CO2, 1600)
    await house.wait(minutes=8 * 60 + 25)
    assert told(house) == []
    await house.wait(minutes=3)
    assert [title for title, _ in told(house)] == ["The air is bad"]


async def test_what_flaps_around_critical_is_told_once(house: House) -> None:
    await begin(house, 3200, remind=0)
    await house.wait(minutes=3)
    for _ in range(20):
        await house.put(CO2, 2900)
        await house.wait(minutes=1)
        await house.put(CO2, 3100)
        await house.wait(minutes=1)
    assert len(told(house)) == 1


@pytest.mark.parametrize("button", ["ACK", "SNOOZE"])
@pytest.mark.parametrize(("value", "title"), [(2900, "The air is bad"), (3500, "The air is critical")])
async def test_a_room_that_joins_is_told_although_another_was_acknowledged(
    house: House, button: str, value: int, title: str
) -> None:
    await begin(house, 1500, bad_for=5)
    await house.wait(minutes=6)
    told(house)
    await house.press(f"SMARTAIR_{button}_smartair-try")
    await house.wait(minutes=2)
    house.pushes()
    await house.put(OTHER, value)
    await house.wait(minutes=6)
    loud = [push for push in house.pushes() if not push["data"]["alert_once"]]
    assert [push["title"] for push in loud] == [title]
    assert f"Kitchen {value} ppm" in loud[0]["message"]


async def test_a_room_that_was_acknowledged_stays_silent_when_the_other_is_good_again(house: House) -> None:
    await begin(house, 1500, bad_for=0, remind=10)
    told(house)
    await house.press("SMARTAIR_ACK_smartair-try")
    await house.put(OTHER, 1600)
    await house.wait(minutes=1)
    assert (
        len([push for push in house.pushes() if not push["data"]["alert_once"]]) == 2
    )  # that it clears, and the other
    await house.put(OTHER, 600)
    await house.wait(minutes=300)
    assert [push for push in house.pushes() if not push["data"]["alert_once"]] == []


async def test_a_second_room_that_becomes_critical_is_told_aloud(house: House) -> None:
    await begin(house, 3500, bad_for=0)
    told(house)
    await house.put(OTHER, 3500)
    await house.wait(minutes=2)
    assert [push["title"] for push in house.pushes() if not push["data"]["alert_once"]] == ["The air is critical"]


@pytest.mark.parametrize("index", [179, 180, 199])
async def test_of_two_hundred_rooms_each_is_told(house: House, index: int) -> None:
    rooms = [f"sensor.room_{number}" for number in range(200)]
    for room in rooms:
        house.hass.states.async_set(room, "600", {"unit_of_measurement": "ppm", "friendly_name": room[7:]})
    await begin(house, sensors=rooms, quiet_start="00:00:00", quiet_end="00:00:00", remind_most=1)
    await house.put(rooms[index], 3500)
    await house.wait(minutes=7)
    assert [message for _, message in told(house)] == [f"room_{index} 3500 ppm."]
    await house.wait(minutes=200)
    assert len(told(house)) == 3
    await house.put(rooms[index], 600)
    await house.wait(minutes=7)
    assert told(house) == [CLEAR]


async def test_two_hundred_bad_rooms_are_a_message_that_a_phone_takes(house: House) -> None:
    rooms = [f"sensor.room_{number}" for number in range(200)]
    for room in rooms:
        house.hass.states.async_set(room, "1500", {"unit_of_measurement": "ppm", "friendly_name": room[7:] * 10})
    await begin(house, sensors=rooms, bad_for=0)
    [(_, message)] = told(house)
    assert len(message.encode()) < 4000
    assert message.endswith("and 180 more.")


async def test_own_sensors_are_not_asked_for_the_age_of_a_steady_value(house: House) -> None:
    own = await house.ours("sensor", "bedroom_co2", 1500, unit_of_measurement="ppm")
    await begin(house, sensors=[own], max_age=2, bad_for=10)
    await house.wait(minutes=11)
    assert [title for title, _ in told(house)] == ["The air is bad"]


async def test_a_steady_value_is_no_old_value_unless_the_owner_says_so(house: House) -> None:
    helper = await house.memory()
    await house.put(CO2, 1500, unit_of_measurement="ppm")
    await house.at(NOON)
    phone = await house.phone("Ann's Phone")
    await house.boot("air_quality_alert", sensors=[CO2], memory=helper, phones=[phone], bad_for=90)
    await house.wait(minutes=92)
    assert len(told(house)) == 1


@pytest.mark.parametrize(("unit", "value"), [(UnitOfRatio.PARTS_PER_BILLION, 1_500_000), ("ppm", 1500)])
async def test_another_unit_is_converted_to_that_of_the_first(house: House, unit: str, value: int) -> None:
    await begin(house, bad_for=0)
    await house.put(OTHER, value, unit_of_measurement=unit)
    assert [title for title, _ in told(house)] == ["The air is bad"]


async def test_a_unit_that_cannot_be_read_is_told_once_and_taken_back(house: House) -> None:
    await begin(house, bad_for=0)
    await house.put(OTHER, 5000, unit_of_measurement="bananas")
    assert [title for title, _ in told(house)] == ["The air cannot be read"]
    await house.wait(minutes=200)
    assert told(house) == []
    await house.put(OTHER, 600, unit_of_measurement="ppm")
    assert told(house) == [CLEAR]


async def test_the_two_micro_signs_are_one_unit(house: House) -> None:
    dust = ["sensor.dust_1", "sensor.dust_2"]
    await house.put(dust[0], 10, unit_of_measurement=UnitOfDensity.MICROGRAMS_PER_CUBIC_METER)
    await house.put(dust[1], 10, unit_of_measurement="\u00b5g/m\u00b3")
    await begin(house, sensors=dust, bad_above=35, good_below=20, critical_above=0, bad_for=0)
    assert told(house) == []
    await house.put(dust[1], 40)
    assert [title for title, _ in told(house)] == ["The air is bad"]


@pytest.mark.parametrize(("begins", "ends"), [(79200, 25200), (1320, 420), ("22:00", "7:00:00"), ("22:0:0", "7:00")])
async def test_times_typed_by_hand_mean_what_they_say(house: House, begins: object, ends: object) -> None:
    await begin(house, 1500, bad_for=0, at="2026-09-22 23:00:00", quiet_start=begins, quiet_end=ends)
    await house.wait(minutes=7 * 60 + 55)
    assert told(house) == []
    await house.wait(minutes=10)
    assert told(house) == [BAD]


async def test_the_message_says_where(house: House, area_registry: ar.AreaRegistry) -> None:
    own = await house.ours("sensor", "meter_co2", 1500, unit_of_measurement="ppm", friendly_name="CO₂ meter CO₂")
    device = er.async_get(house.hass).async_get(own).device_id
    dr.async_get(house.hass).async_update_device(device, area_id=area_registry.async_create("Office").id)
    await begin(house, sensors=[own], bad_for=0)
    assert told(house) == [("The air is bad", "Office: CO₂ meter CO₂ 1500 ppm.")]


async def test_a_clock_that_is_set_back_holds_back_no_reminder(house: House) -> None:
    await begin(house, 1500, bad_for=0, remind=30, remind_most=1)
    told(house)
    house.freezer.tick(timedelta(hours=-4))
    await house.put(OTHER, 501)
    assert len(told(house)) == 1


# --- several kinds at once ----------------------------------------------------------------------

DUST, DAMP = "sensor.kitchen_pm25", "sensor.bathroom_humidity"


async def begin_all(house: House, **inputs: Any) -> str:
    phone = await house.phone("Ann's Phone")
    await house.put(DUST, 5, unit_of_measurement="μg/m³", friendly_name="Kitchen dust")
    await house.put(DAMP, 50, unit_of_measurement="%", friendly_name="Bathroom humidity")
    await begin(house, 600, phones=[phone], bad_for=0, good_for=0, dust=[DUST], damp=DAMP, **inputs)
    return phone


async def test_several_kinds_are_one_message_each_by_its_own_values(house: House) -> None:
    await begin_all(house)
    assert house.pushes() == []
    await house.put(DUST, 35.1)
    [push] = house.pushes()
    assert (push["title"], push["message"]) == ("The air is bad", "Kitchen dust 35.1 μg/m³.")
    await house.put(DAMP, 71)
    assert house.pushes()[-1]["message"] == "Kitchen dust 35.1 μg/m³, Bathroom humidity 71 %."
    await house.put(DUST, 25)
    await house.put(DAMP, 65)
    assert not [push for push in house.pushes() if push["message"] == "clear_notification"]
    await house.put(DAMP, 64.9)
    await house.put(DUST, 24.9)
    assert house.pushes()[-1]["message"] == "clear_notification"


@pytest.mark.parametrize(
    ("critical", "value", "title"), [(150, 150, "bad"), (150, 151, "critical"), (0, 9000, "bad")]
)
async def test_each_kind_is_critical_by_its_own_value(
    house: House, critical: float, value: float, title: str
) -> None:
    await begin_all(house, dust_critical=critical)
    await house.put(DUST, value)
    await house.wait(minutes=2)
    assert house.pushes()[-1]["title"] == f"The air is {title}"


async def test_values_of_another_kind_that_are_swapped_or_equal_are_put_in_order(house: House) -> None:
    await begin_all(house, dust_bad=20, dust_good=30, damp_bad=60, damp_good=60)
    await house.put(DUST, 29)
    assert house.pushes() == []
    await house.put(DAMP, 61)
    assert house.pushes()[-1]["message"] == "Bathroom humidity 61 %."
