"""Devices that go and come back: one message for all of them, none for those that blink, none twice."""

from collections.abc import Sequence
from hashlib import md5
from typing import Any

from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers.entity import entity_sources
import pytest

from .conftest import House

NAMES = ("Attic", "Bath", "Cellar")
ONLINE = {name: f"binary_sensor.{name.lower()}_online" for name in NAMES}
NOON = "2026-09-22 12:00:00"


async def begin(house: House, *, memory: str | None = "told", at: str = NOON, **inputs: Any) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(at)
    for name, entity in ONLINE.items():
        if house.state(entity) is None:
            await house.put(entity, "on", device_class="connectivity", friendly_name=name)
    phone = await house.phone("Ann's Phone")
    helper = await house.memory(memory)
    await house.boot(
        "device_offline", **{"watched": list(ONLINE.values()), "memory": helper, "phones": [phone], **inputs}
    )


async def down(house: House, *names: str, state: str = "off") -> None:
    for name in names:
        house.hass.states.async_set(ONLINE[name], state, house.hass.states.get(ONLINE[name]).attributes)
    await house.settle()


def told(house: House) -> list[tuple[str, str]]:
    return [
        ("clear", "") if push["message"] == "clear_notification" else (push["title"], push["message"])
        for push in house.pushes()
    ]


BACK = ("All devices are back", "Every device that was offline answers again.")


@pytest.mark.parametrize("state", ["off", "unavailable"])
async def test_a_device_is_told_after_its_grace_and_again_when_it_is_back(house: House, state: str) -> None:
    await begin(house)
    await down(house, "Bath", state=state)
    await house.wait(minutes=9)
    assert told(house) == []
    await house.wait(minutes=2)
    assert told(house) == [("One device is offline", "Bath.")]
    await house.wait(minutes=300)
    assert told(house) == []
    await down(house, "Bath", state="on")
    await house.wait(minutes=1)
    assert told(house) == []
    await house.wait(minutes=2)
    assert told(house) == [BACK]
    await house.wait(minutes=30)
    assert told(house) == []


async def test_many_at_once_are_one_message(house: House) -> None:
    await begin(house)
    await down(house, *NAMES)
    await house.wait(minutes=12)
    assert told(house) == [("3 devices are offline", "Attic, Bath, Cellar.")]
    await down(house, "Attic", state="on")
    await house.wait(minutes=3)
    [push] = house.pushes()
    assert (push["message"], push["data"]["alert_once"]) == ("Bath, Cellar.", True)
    await down(house, *NAMES, state="on")
    await house.wait(minutes=3)
    assert told(house) == [BACK]


async def test_a_device_that_joins_later_is_told_in_the_same_message(house: House) -> None:
    await begin(house)
    await down(house, "Attic")
    await house.wait(minutes=12)
    told(house)
    await down(house, "Cellar")
    await house.wait(minutes=12)
    assert told(house) == [("2 devices are offline", "Attic, Cellar.")]


async def test_fifty_blinks_are_not_worth_a_word(house: House) -> None:
    await begin(house)
    for _ in range(50):
        await down(house, "Bath", state="unavailable")
        await house.wait(minutes=2)
        await down(house, "Bath", state="on")
        await house.wait(minutes=1)
    assert told(house) == []


async def test_a_short_sign_of_life_is_not_yet_back(house: House) -> None:
    await begin(house, back_for=5)
    await down(house, "Bath")
    await house.wait(minutes=12)
    told(house)
    for _ in range(10):
        await down(house, "Bath", state="on")
        await house.wait(minutes=3)
        await down(house, "Bath")
        await house.wait(minutes=1)
    assert told(house) == []


async def test_unknown_is_neither_offline_nor_back(house: House) -> None:
    await begin(house)
    await down(house, "Attic", state="unknown")
    await house.wait(minutes=60)
    assert told(house) == []
    await down(house, "Bath")
    await house.wait(minutes=12)
    told(house)
    await down(house, "Bath", state="unknown")
    await house.wait(minutes=60)
    assert told(house) == []


async def test_a_restart_repeats_nothing_and_forgets_nothing(house: House) -> None:
    await begin(house)
    await down(house, "Bath")
    await house.wait(minutes=12)
    kept = house.state("input_text.memory")
    assert kept.startswith("told ")
    await restart(house, kept, {"Bath": "off"})
    assert [push["data"]["alert_once"] for push in house.pushes()] == [True]
    await house.wait(minutes=60)
    assert told(house) == []
    await down(house, "Bath", state="on")
    await house.wait(minutes=3)
    assert told(house) == [BACK]


async def restart(house: House, kept: str, states: dict[str, str]) -> None:
    """Begin again with what was kept: the states are as if they had just changed."""
    for name in NAMES:
        await house.remove(ONLINE[name])
        await house.put(ONLINE[name], states.get(name, "on"), device_class="connectivity", friendly_name=name)
    await house.hass.services.async_call(
        "input_text", "set_value", {"entity_id": "input_text.memory", "value": kept}, blocking=True
    )
    house.pushes()
    await house.hass.services.async_call("automation", "turn_off", {"entity_id": "automation.try"}, blocking=True)
    house.hass.set_state(CoreState.not_running)
    await house.hass.services.async_call("automation", "turn_on", {"entity_id": "automation.try"}, blocking=True)
    await house.started()


async def test_what_came_back_while_home_assistant_was_down_is_told(house: House) -> None:
    await begin(house)
    await down(house, "Bath")
    await house.wait(minutes=12)
    kept = house.state("input_text.memory")
    await restart(house, kept, {})
    await house.wait(minutes=4)
    assert told(house)[-1] == BACK


async def test_all_devices_of_smartair_are_watched_without_naming_them(hass: HomeAssistant, house: House) -> None:
    await house.ours("binary_sensor", "greenhouse_online", "off", device_class="connectivity")
    await begin(house, watched=[])
    await house.wait(minutes=12)
    assert [title for title, _ in told(house)] == ["One device is offline"]


async def test_of_smartair_nothing_is_watched_when_it_is_not_wanted(house: House) -> None:
    await house.ours("binary_sensor", "greenhouse_online", "off", device_class="connectivity")
    await begin(house, watched=[], all_smartair=False)
    await house.wait(minutes=12)
    assert told(house) == []


async def test_an_entity_that_is_gone_is_offline(house: House) -> None:
    await begin(house)
    await house.remove(ONLINE["Bath"])
    await house.wait(minutes=2)
    assert [title for title, _ in told(house)] == ["One device is offline"]


def fleet(number: int) -> Sequence[str]:
    return [f"sensor.node_{index}" for index in range(number)]


async def test_more_than_the_memory_holds_are_told_once_as_well(house: House) -> None:
    for entity in fleet(30):
        await house.put(entity, "unavailable")
    await begin(house, watched=fleet(30))
    await house.wait(minutes=120)
    assert [title for title, _ in told(house)] == ["30 devices are offline"]
    for entity in fleet(30)[:10]:
        await house.put(entity, "5")
    await house.wait(minutes=4)
    assert [title for title, _ in told(house)] == ["20 devices are offline"]
    for entity in fleet(30):
        await house.put(entity, "5")
    await house.wait(minutes=4)
    assert told(house) == [BACK]


async def test_quiet_hours_hold_back_and_end_by_themselves(house: House) -> None:
    await begin(house, at="2026-09-22 23:00:00")
    await down(house, "Bath")
    await house.wait(minutes=7 * 60 + 55)
    assert told(house) == []
    await house.wait(minutes=6)
    assert told(house) == [("One device is offline", "Bath.")]


async def test_the_way_back_may_be_silent(house: House) -> None:
    await begin(house, tell_back=False)
    await down(house, "Bath")
    await house.wait(minutes=12)
    told(house)
    await down(house, "Bath", state="on")
    await house.wait(minutes=4)
    assert told(house) == [("clear", "")]
    assert house.on_screen() == {}


async def test_acknowledged_it_disappears_and_the_way_back_is_still_told(house: House) -> None:
    await begin(house)
    await down(house, "Bath")
    await house.wait(minutes=12)
    [push] = house.pushes()
    await house.press(push["data"]["actions"][0]["action"])
    assert told(house) == [("clear", "")]
    await down(house, "Bath", state="on")
    await house.wait(minutes=4)
    assert told(house) == [BACK]


async def test_a_missing_memory_is_told_once(house: House) -> None:
    await begin(house)
    await house.remove("input_text.memory")
    await down(house, "Bath")
    await house.wait(minutes=60)
    assert [title for title, _ in told(house)] == ["Device watch does not work"]


@pytest.mark.parametrize("text", ["", "told xyz", "told 12"])
async def test_a_memory_with_something_else_in_it_begins_anew(house: House, text: str) -> None:
    await begin(house, memory=text)
    await down(house, "Bath")
    await house.wait(minutes=12)
    assert told(house) == [("One device is offline", "Bath.")]


async def test_started_by_hand_or_switched_on_again_it_tells_only_what_is_due(house: House) -> None:
    await begin(house)
    await house.hass.services.async_call("automation", "turn_off", {"entity_id": "automation.try"}, blocking=True)
    await down(house, "Bath")
    await house.wait(minutes=12)
    assert told(house) == []
    await house.hass.services.async_call("automation", "turn_on", {"entity_id": "automation.try"}, blocking=True)
    await house.hass.services.async_call("automation", "trigger", {"entity_id": "automation.try"}, blocking=True)
    await house.wait(minutes=5)
    assert told(house) == [("One device is offline", "Bath.")]


async def test_nothing_is_written_while_all_are_there(hass: HomeAssistant, house: House) -> None:
    await begin(house, memory="told")
    await house.wait(minutes=30)
    assert hass.states.get("automation.try").attributes["last_triggered"] is None


async def test_inputs_of_the_wrong_type_fall_back_to_the_defaults(house: House) -> None:
    await begin(house, grace="x", back_for=None, watched=ONLINE["Bath"])
    await down(house, "Bath")
    await house.wait(minutes=12)
    assert told(house) == [("One device is offline", "Bath.")]


async def test_a_device_whose_name_is_a_number_is_told_too(house: House) -> None:
    await house.put(ONLINE["Attic"], "on", device_class="connectivity", friendly_name="42")
    await begin(house)
    await down(house, "Attic")
    await house.wait(minutes=12)
    [(title, message)] = told(house)
    # Home Assistant itself makes a number of it.
    assert (title, str(message)) == ("One device is offline", "42.0")


async def test_a_device_that_is_deleted_while_it_is_offline_is_taken_back(hass: HomeAssistant, house: House) -> None:
    names = [await house.ours("binary_sensor", f"{name}_online", "off", device_class="connectivity") for name in "ab"]
    await house.ours("binary_sensor", "c_online", "on", device_class="connectivity")
    await begin(house, watched=[])
    await house.wait(minutes=12)
    assert [title for title, _ in told(house)] == ["2 devices are offline"]
    for name, expected in zip(names, [("One device is offline", "B."), ("clear", "")], strict=True):
        del entity_sources(hass)[name]
        await house.remove(name)
        await house.wait(minutes=1)
        assert told(house) == [expected]
    await house.wait(minutes=30)
    assert told(house) == []


async def test_while_smartair_is_not_loaded_nothing_is_forgotten(hass: HomeAssistant, house: House) -> None:
    name = await house.ours("binary_sensor", "a_online", "off", device_class="connectivity")
    await begin(house, watched=[])
    await house.wait(minutes=12)
    assert len(told(house)) == 1
    source = entity_sources(hass).pop(name)
    await house.wait(minutes=20)
    entity_sources(hass)[name] = source
    await house.wait(minutes=30)
    assert told(house) == []
    await house.put(name, "on")
    await house.wait(minutes=4)
    assert told(house) == [BACK]


def colliding(number: int) -> tuple[str, str]:
    """Return two names whose digests begin with the same four letters."""
    seen: dict[str, str] = {}
    for index in range(number):
        name = f"sensor.node_{index}"
        code = md5(name.encode(), usedforsecurity=False).hexdigest()[:4]
        if code in seen:
            return seen[code], name
        seen[code] = name
    raise AssertionError


@pytest.mark.parametrize("with_smartair", [True, False])
async def test_devices_with_like_digests_are_told_apart(house: House, with_smartair: bool) -> None:
    if with_smartair:
        await house.remembers()
    pair = colliding(5000)
    for entity in pair:
        await house.put(entity, "5")
    await begin(house, watched=list(pair), memory=None)
    for entity in pair:
        await house.put(entity, "unavailable")
        await house.wait(minutes=30)
        assert len(house.pushes()) == 1


@pytest.mark.parametrize("with_smartair", [True, False])
async def test_with_thirty_off_for_the_winter_the_freezer_is_told(house: House, with_smartair: bool) -> None:
    if with_smartair:
        await house.remembers()
    for entity in fleet(30):
        await house.put(entity, "unavailable")
    await house.put("sensor.freezer", "-18", friendly_name="Freezer")
    await begin(house, watched=[*fleet(30), "sensor.freezer"])
    await house.wait(minutes=60)
    assert [title for title, _ in told(house)] == ["30 devices are offline"]
    await house.put("sensor.freezer", "unavailable")
    await house.wait(minutes=60)
    [(title, message)] = told(house)
    assert title == "31 devices are offline"
    assert "Freezer" in message


async def test_a_device_that_restarts_again_and_again_is_told(house: House) -> None:
    await house.remembers()
    await begin(house)
    for turn in range(45):
        await down(house, "Bath", state=["unavailable", "off"][turn % 2])
        await house.wait(seconds=20, step=20)
    assert told(house) == [("One device is offline", "Bath.")]


async def test_what_an_earlier_version_told_is_not_told_again(house: House) -> None:
    code = md5(ONLINE["Bath"].encode(), usedforsecurity=False).hexdigest()[:4]
    await house.remembers()
    await house.put(ONLINE["Bath"], "off", device_class="connectivity", friendly_name="Bath")
    await begin(house, memory=f"told {code}")
    await house.wait(minutes=60)
    assert [push["data"]["alert_once"] for push in house.pushes()] == [True]
    await down(house, "Attic")
    await house.wait(minutes=12)
    assert told(house) == [("2 devices are offline", "Attic, Bath.")]
