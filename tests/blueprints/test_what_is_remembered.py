"""What the blueprints remember: with SmartAir by itself, in a text helper of their own, and never in another's."""

from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

from homeassistant.core import State
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events, mock_restore_cache

from .conftest import House

CO2, PH, ONLINE, UPDATE = "sensor.co2", "sensor.ph", "binary_sensor.online", "update.a"
HELPER = "input_text.memory"
NOON = "2026-09-22 12:00:00"
ALARMS: dict[str, dict[str, Any]] = {
    "air_quality_alert": {"sensors": [CO2], "bad_for": 0},
    "ec_ph_watch": {"ph": [PH], "bad_for": 0},
    "device_offline": {"watched": [ONLINE], "grace": 1, "all_smartair": False},
    "firmware_rollout": {"updates": [UPDATE], "night_start": "00:00:00", "night_end": "00:00:00"},
}
TITLES = {
    "air_quality_alert": "The air is bad",
    "ec_ph_watch": "The nutrient solution is out of its range",
    "device_offline": "One device is offline",
}


async def furnish(house: House) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(NOON)
    await house.put(CO2, 600, unit_of_measurement="ppm")
    await house.put(PH, 6.0)
    await house.put(ONLINE, "on", device_class="connectivity")
    await house.put(UPDATE, "off", installed_version="1.0", latest_version="1.0", device_class="firmware")


async def trouble(house: House) -> None:
    await house.put(CO2, 1500)
    await house.put(PH, 5.2)
    await house.put(ONLINE, "off")
    await house.put(UPDATE, "on", latest_version="2.0")


async def use_both(house: House, first: str, second: str, **inputs: Any) -> None:
    config = [
        {
            "id": name,
            "alias": name,
            "use_blueprint": {"path": f"smartair/{kind}.yaml", "input": {**ALARMS[kind], **inputs}},
        }
        for name, kind in (("one", first), ("two", second))
    ]
    assert await async_setup_component(house.hass, "automation", {"automation": config})
    await house.settle()
    await house.started()


type Told = Callable[[], Awaitable[list[str]]]


@pytest.mark.parametrize(("first", "second"), list(product(ALARMS, ALARMS)))
@pytest.mark.parametrize("with_smartair", [True, False])
async def test_two_on_one_helper_never_storm(house: House, first: str, second: str, with_smartair: bool) -> None:
    await furnish(house)
    if with_smartair:
        await house.remembers()
    await house.memory()
    phone = await house.phone("Ann's Phone")
    await use_both(house, first, second, memory=HELPER, phones=[phone])
    written = async_capture_events(house.hass, "state_changed")
    await trouble(house)
    await house.wait(minutes=10)
    memories = [event for event in written if event.data["entity_id"] in {HELPER, "smartair.memory"}]
    assert len(memories) <= 8
    if with_smartair:
        titles = [push["title"] for push in house.pushes()]
        assert sorted(title for title in titles if title in TITLES.values()) == sorted(
            TITLES[kind] for kind in (first, second) if kind in TITLES
        )


@pytest.mark.parametrize("kind", ALARMS)
@pytest.mark.parametrize("text", ["milk, bread", "told 1234 #0000", "bad 1 2 3 0 1 #0000", "3", "resting"])
async def test_a_text_of_somebody_else_is_left_as_it_is_and_told_once(house: House, kind: str, text: str) -> None:
    await furnish(house)
    await house.memory(text)
    phone = await house.phone("Ann's Phone")
    await house.boot(kind, **ALARMS[kind], memory=HELPER, phones=[phone])
    await trouble(house)
    await house.wait(minutes=20)
    await house.hass.services.async_call("input_text", "set_value", {"entity_id": HELPER, "value": "eggs"})
    await house.wait(minutes=2)
    assert house.state(HELPER) == "eggs"
    told = [push for push in house.pushes() if push["title"].endswith("does not work")]
    assert ["holds something else" in push["message"] for push in told] == [True]


@pytest.mark.parametrize("kind", ALARMS)
async def test_with_smartair_a_text_of_somebody_else_costs_nothing(house: House, kind: str) -> None:
    await furnish(house)
    await house.remembers()
    await house.memory("milk, bread")
    await house.boot(kind, **ALARMS[kind], memory=HELPER)
    await trouble(house)
    await house.wait(minutes=5)
    assert house.state(HELPER) == "milk, bread"
    assert house.remembered().split(" ")[0] in {"bad", "told", "installing"}


@pytest.mark.parametrize("kind", ALARMS)
async def test_without_smartair_and_without_a_helper_it_says_so_once(house: House, kind: str) -> None:
    await furnish(house)
    phone = await house.phone("Ann's Phone")
    await house.use(kind, **ALARMS[kind], phones=[phone])
    await house.wait(minutes=60)
    assert ["nothing to remember with" in push["message"] for push in house.pushes()] == [True]


@pytest.mark.parametrize("kind", ALARMS)
async def test_a_helper_that_is_too_short_is_told(house: House, kind: str) -> None:
    await furnish(house)
    await house.memory(max=20)
    phone = await house.phone("Ann's Phone")
    await house.boot(kind, **ALARMS[kind], memory=HELPER, phones=[phone])
    await trouble(house)
    await house.wait(minutes=60)
    told = [push for push in house.pushes() if push["title"].endswith("does not work")]
    assert ["too short" in push["message"] for push in told] == [True]


@pytest.mark.parametrize("kind", TITLES)
@pytest.mark.parametrize("place", ["smartair", "helper"])
async def test_wherever_it_remembers_it_tells_once(house: House, kind: str, place: str) -> None:
    await furnish(house)
    inputs = ALARMS[kind] | {"phones": [await house.phone("Ann's Phone")]}
    if place == "smartair":
        await house.remembers()
    else:
        inputs["memory"] = await house.memory()
    await house.boot(kind, **inputs)
    await trouble(house)
    await house.wait(minutes=50)
    assert [push["title"] for push in house.pushes()] == [TITLES[kind]]


OLD = {
    "air_quality_alert": "bad 1790000000 99999999998 1 0 1",
    "ec_ph_watch": "bad 1790000000 99999999998 1 0 1",
}


@pytest.mark.parametrize("kind", OLD)
@pytest.mark.parametrize("longest", [100, 30])
async def test_what_an_earlier_version_kept_is_not_told_again(house: House, kind: str, longest: int) -> None:
    await furnish(house)
    await house.remembers()
    mock_restore_cache(house.hass, [State(HELPER, OLD[kind])])
    await house.memory(OLD[kind], max=max(longest, len(OLD[kind])))
    await trouble(house)
    phone = await house.phone("Ann's Phone")
    await house.boot(kind, **ALARMS[kind], memory=HELPER, phones=[phone])
    await house.wait(minutes=120)
    assert [push["data"]["alert_once"] for push in house.pushes()] == [True]  # shown again, without noise
