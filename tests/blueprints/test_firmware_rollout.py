"""A rollout at night: one device first, the others when it has proven itself, and a stop at the first that fails."""

from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from .conftest import House

FLEET = ("update.a", "update.b", "update.c")
PUMP = "switch.pump"
NIGHT = "2026-09-22 02:30:00"
RESTING = "resting d- v- 0 0"


async def offer(
    house: House,
    *entities: str,
    state: str = "on",
    version: str = "2.0",
    runs: str | None = None,
    busy: bool = False,
) -> None:
    for entity in entities:
        await house.put(
            entity,
            state,
            installed_version=runs or (version if state == "off" else "1.0"),
            latest_version=version,
            in_progress=busy,
            device_class="firmware",
            friendly_name=entity[-1],
        )


async def begin(house: House, at: str = NIGHT, memory: str | None = RESTING, **inputs: Any) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(at)
    for entity in FLEET:
        if house.state(entity) is None:
            await offer(house, entity)
    phone = await house.phone("Ann's Phone")
    helper = await house.memory(memory)
    await house.boot(
        "firmware_rollout", **{"updates": list(FLEET), "memory": helper, "phones": [phone], "soak": 1, **inputs}
    )


def installs(house: House) -> list[str]:
    return [entity for name, entity in house.calls("update.") if name == "update.install"]


def told(house: House) -> list[str]:
    return [push["title"] for push in house.pushes()]


async def test_one_first_then_the_others_one_after_the_other(house: House) -> None:
    await begin(house)
    assert installs(house) == ["update.a"]
    await offer(house, "update.a", busy=True)
    await house.wait(minutes=5)
    await offer(house, "update.a", state="off")
    await house.wait(minutes=58)
    assert installs(house) == []
    await house.wait(minutes=8)
    assert installs(house) == ["update.b"]
    await offer(house, "update.b", state="off")
    await house.wait(minutes=4)
    assert installs(house) == ["update.c"]
    await offer(house, "update.c", state="off")
    await house.wait(minutes=4)
    assert (installs(house), told(house)) == ([], ["Firmware is up to date"])
    await house.wait(minutes=30)
    assert told(house) == []


async def test_by_day_nothing_is_installed(house: House) -> None:
    await begin(house, "2026-09-22 12:00:00")
    await house.wait(minutes=600, step=300)
    assert installs(house) == []


async def test_at_the_same_hour_means_at_any_time(house: House) -> None:
    await begin(house, "2026-09-22 12:00:00", night_start="02:00:00", night_end="02:00:00")
    assert installs(house) == ["update.a"]


@pytest.mark.parametrize("state", ["on", "unavailable", "unknown"])
async def test_it_waits_until_the_pumps_rest(house: House, state: str) -> None:
    await house.put(PUMP, state)
    await begin(house, pumps=[PUMP])
    await house.wait(minutes=30)
    assert installs(house) == []
    await house.put(PUMP, "off")
    assert installs(house) == ["update.a"]


async def test_a_pump_that_is_gone_does_not_count_as_resting(house: House) -> None:
    await begin(house, pumps=[PUMP])
    await house.wait(minutes=30)
    assert installs(house) == []


async def test_it_stops_at_a_device_that_does_not_come_back_with_the_new_version(house: House) -> None:
    await begin(house)
    assert installs(house) == ["update.a"]
    await offer(house, "update.a", busy=True)
    await house.put("update.a", "unavailable")
    await house.wait(minutes=10)
    await offer(house, "update.a", state="on", busy=False)  # back, with the old version
    await house.wait(minutes=22)
    assert told(house) == ["Firmware rollout stopped"]
    await house.wait(minutes=60 * 24 * 3, step=600)
    assert (installs(house), told(house)) == ([], [])


async def test_a_device_that_comes_back_for_a_moment_only_has_not_proven_itself(house: House) -> None:
    await begin(house, soak=0)
    installs(house)
    for _ in range(40):
        await offer(house, "update.a", state="off")
        await house.wait(seconds=60)
        await house.put("update.a", "unavailable")
        await house.wait(seconds=20, step=20)
    assert (installs(house), told(house)) == ([], ["Firmware rollout stopped"])


async def test_after_a_stop_a_person_lets_it_go_on(house: House) -> None:
    await begin(house)
    await house.wait(minutes=32)
    installs(house)
    [push] = house.pushes()
    await house.press("SMARTAIR_RESUME_smartair-other")
    assert installs(house) == []
    await house.press(push["data"]["actions"][0]["action"])
    assert installs(house) == ["update.a"]
    assert [one["message"] for one in house.pushes()] == ["clear_notification"]


async def test_after_a_stop_a_newer_version_begins_anew_with_one_device(house: House) -> None:
    await begin(house)
    await house.wait(minutes=32)
    installs(house)
    await offer(house, *FLEET, version="2.1")
    await house.wait(minutes=1)
    assert installs(house) == ["update.a"]
    await house.wait(minutes=10)
    assert installs(house) == []


async def test_a_restart_goes_on_where_it_was(house: House) -> None:
    await begin(house)
    kept = house.state("input_text.memory")
    assert kept.startswith("installing ")
    installs(house)
    await house.wait(minutes=5)
    # As at a start: the device comes back up to date, and the automation begins anew.
    await house.put("update.a", "unavailable")
    await house.hass.services.async_call("automation", "turn_off", {"entity_id": "automation.try"}, blocking=True)
    await offer(house, "update.a", state="off")
    await house.hass.services.async_call("automation", "turn_on", {"entity_id": "automation.try"}, blocking=True)
    await house.wait(minutes=60)
    assert installs(house) == []
    await house.wait(minutes=6)
    assert installs(house) == ["update.b"]


async def test_nothing_is_ordered_twice_by_two_triggers_at_once(house: House) -> None:
    await house.put(PUMP, "on")
    await begin(house, pumps=[PUMP])
    house.hass.states.async_set(PUMP, "off")
    for entity in FLEET:
        house.hass.states.async_set(entity, "on", {**house.hass.states.get(entity).attributes, "n": 1})
    await house.settle()
    assert installs(house) == ["update.a"]


async def test_what_was_decided_is_decided_anew_when_its_turn_has_come(house: House) -> None:
    await house.put(PUMP, "off")
    house.line.clear()  # the installation takes its time
    await begin(house, pumps=[PUMP], soak=0)
    await offer(house, "update.a", state="off")
    await house.wait(minutes=4)
    assert installs(house) == ["update.a"]
    await house.put(PUMP, "on")
    house.line.set()
    await house.wait(minutes=4)
    assert installs(house) == []
    await house.put(PUMP, "off")
    assert installs(house) == ["update.b"]


async def test_a_newer_version_after_a_whole_rollout_begins_with_one_device_again(house: House) -> None:
    await begin(house, memory="proven d1234 v1234 1790000000 3")
    assert installs(house) == ["update.a"]
    await offer(house, "update.a", state="off")
    await house.wait(minutes=30)
    assert installs(house) == []


async def test_an_update_that_somebody_else_began_is_waited_for(house: House) -> None:
    await offer(house, "update.c", busy=True)
    await begin(house)
    await house.wait(minutes=20)
    assert installs(house) == []


async def test_devices_that_are_away_or_skipped_are_left_out(house: House) -> None:
    await offer(house, "update.a", state="unavailable")
    await offer(house, "update.b", state="off")
    await begin(house)
    assert installs(house) == ["update.c"]


async def test_without_a_memory_nothing_is_installed_and_it_is_told(house: House) -> None:
    await begin(house, "2026-09-22 12:00:00")
    await house.remove("input_text.memory")
    await house.at(NIGHT.replace("22", "23", 1))
    await house.wait(minutes=10)
    assert (installs(house), told(house)) == ([], ["Firmware rollout does not work"])


@pytest.mark.parametrize("text", ["", "installing a b c d", "stopped 1 2 3"])
async def test_a_memory_with_something_else_in_it_begins_anew(house: House, text: str) -> None:
    await begin(house, memory=text)
    assert installs(house) == ["update.a"]


async def test_switched_off_or_by_hand_it_does_only_what_is_due(house: House) -> None:
    await begin(house, "2026-09-22 12:00:00")
    await house.hass.services.async_call("automation", "trigger", {"entity_id": "automation.try"}, blocking=True)
    await house.hass.services.async_call("automation", "turn_off", {"entity_id": "automation.try"}, blocking=True)
    await house.at("2026-09-23 02:30:00")
    await house.wait(minutes=5)
    assert installs(house) == []
    await house.hass.services.async_call("automation", "turn_on", {"entity_id": "automation.try"}, blocking=True)
    await house.wait(minutes=1)
    assert installs(house) == ["update.a"]


@pytest.mark.parametrize("day", ["2026-10-25", "2027-03-28"])
async def test_in_the_night_in_which_the_clock_changes_one_device_is_enough(house: House, day: str) -> None:
    await begin(house, f"{day} 00:00:00")
    await house.wait(minutes=6 * 60)
    assert installs(house) == ["update.a"]


async def test_nothing_is_written_while_nothing_waits(hass: HomeAssistant, house: House) -> None:
    await offer(house, *FLEET, state="off")
    await begin(house)
    await house.wait(minutes=30)
    assert hass.states.get("automation.try").attributes["last_triggered"] is None


async def test_inputs_of_the_wrong_type_fall_back_to_the_defaults(house: House) -> None:
    await begin(house, soak="x", patience=None, updates="update.a", pumps=PUMP)
    assert installs(house) == []
    await house.put(PUMP, "off")
    assert installs(house) == ["update.a"]


async def test_a_device_that_went_back_to_its_old_version_stops_the_rollout(house: House) -> None:
    await begin(house)
    assert installs(house) == ["update.a"]
    await offer(house, "update.a", state="off", runs="1.0", busy=True)
    await house.wait(minutes=5)
    assert told(house) == []
    # What failed on a device is not offered to it again.
    await offer(house, "update.a", state="off", version="1.0")
    await house.wait(minutes=4)
    assert (installs(house), told(house)) == ([], ["Firmware rollout stopped"])
    await house.wait(minutes=90)
    assert installs(house) == []


async def test_a_device_on_trial_has_proven_nothing(house: House) -> None:
    await begin(house, soak=0)
    assert installs(house) == ["update.a"]
    await offer(house, "update.a", state="off", busy=True)
    await house.wait(minutes=10)
    assert installs(house) == []
    await offer(house, "update.a", state="off")
    await house.wait(minutes=4)
    assert installs(house) == ["update.b"]


async def test_an_update_that_still_installs_is_waited_for_but_not_for_ever(house: House) -> None:
    await begin(house)
    assert installs(house) == ["update.a"]
    await offer(house, "update.a", busy=True)
    await house.wait(minutes=120)
    assert told(house) == []
    await house.wait(minutes=300)
    assert (installs(house), told(house)) == ([], ["Firmware rollout stopped"])


@pytest.mark.parametrize("longest", [10, 40, 51])
async def test_nothing_is_ordered_twice_when_it_cannot_be_remembered(house: House, longest: int) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(NIGHT)
    await offer(house, *FLEET)
    phone = await house.phone("Ann's Phone")
    helper = await house.memory(max=longest)
    await house.boot("firmware_rollout", updates=list(FLEET), memory=helper, phones=[phone])
    await house.wait(minutes=60)
    assert installs(house) == []
    assert told(house) == ["Firmware rollout does not work"]


async def test_hours_typed_by_hand_mean_what_they_say(house: House) -> None:
    await begin(house, "2026-09-22 12:00:00", night_start=120, night_end="5:00:00")
    await house.wait(minutes=60)
    assert installs(house) == []
    await house.at("2026-09-23 02:30:00")
    assert installs(house) == ["update.a"]
