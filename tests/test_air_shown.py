"""The word for the air of devices and rooms, as Home Assistant shows it."""

from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.hub import SmartAirHub

from .conftest import CO2_INFO, CO2_TELEMETRY, NOW, Say, Wait

_LIMIT = {
    "hysteresis": 100,
    "delay": 2,
    "severity": "warning",
    "night_quiet": False,
    "night_begin": "22:00:00",
    "night_end": "07:00:00",
}


def air(hass: HomeAssistant, uid: str = "co2_001") -> State:
    """Return the state of a device's word."""
    return shown(hass, f"{uid}-air")


def shown(hass: HomeAssistant, unique_id: str) -> State:
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, unique_id)
    assert entity_id is not None, unique_id
    state = hass.states.get(entity_id)
    assert state is not None
    return state


def room_sensor(hass: HomeAssistant, area: str) -> str | None:
    return er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"/hub-air/{area}")


async def measure(say: Say, co2: float, uid: str = "co2_001", **more: Any) -> None:
    await say(uid, "telemetry", {**CO2_TELEMETRY, "device_uid": uid, "co2": co2, **more})


def put(hass: HomeAssistant, house: SmartAirHub, area: str | None, uid: str = "co2_001") -> None:
    device_id = house.devices[uid].device_id
    assert device_id is not None
    dr.async_get(hass).async_update_device(device_id, area_id=area)


async def second(house: SmartAirHub, say: Say) -> None:
    await say("co2_002", "info", {**CO2_INFO, "device_uid": "co2_002"}, retain=True)
    await say("co2_002", "status", "online", retain=True)
    await house.async_approve(["co2_002"])


@pytest.fixture
def office(hass: HomeAssistant) -> str:
    return ar.async_get(hass).async_create("Office").id


async def test_the_word_follows_the_limits_in_force_and_says_what_for_and_what_helps(
    hass: HomeAssistant, co2: str, say: Say
) -> None:
    for value, word, cause, remedy in (
        (600, "fresh", None, None),
        (900, "fair", "co2", "ventilate"),
        (1200, "bad", "co2", "ventilate"),
        (950, "bad", "co2", "ventilate"),
        (700, "fresh", None, None),
    ):
        await measure(say, value)
        state = air(hass)
        assert (state.state, state.attributes["cause"], state.attributes["help"]) == (word, cause, remedy), value


async def test_the_threshold_that_is_set_on_the_device_counts(hass: HomeAssistant, co2: str, say: Say) -> None:
    await measure(say, 900)
    assert air(hass).state == "fair"
    await say(co2, "config/state", {"revision": 1, "applied": True, "config": {"co2_threshold": 800}})
    await measure(say, 905)
    assert air(hass).state == "bad"


async def test_a_limit_of_the_owner_counts_in_place_of_the_usual_one(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say
) -> None:
    await measure(say, 900)
    assert air(hass).state == "fair"
    data = {"metric": "co2", "high": 2000, **_LIMIT}
    limit = ConfigSubentry(data=MappingProxyType(data), subentry_type="alert_limit", title="CO₂", unique_id=None)
    hass.config_entries.async_add_subentry(hub, limit)
    await hass.async_block_till_done()
    await measure(say, 901)
    assert air(hass).state == "fresh"


async def test_a_device_that_is_away_has_no_word(hass: HomeAssistant, co2: str, say: Say) -> None:
    await measure(say, 1500)
    await say(co2, "status", "offline")
    assert air(hass).state == "unavailable"
    await say(co2, "status", "online")
    await measure(say, 600)
    assert air(hass).state == "fresh"


async def test_a_word_is_written_only_when_it_is_another(hass: HomeAssistant, co2: str, say: Say, wait: Wait) -> None:
    await measure(say, 600)
    before = air(hass)
    await wait(5)
    await measure(say, 640)
    assert air(hass).last_reported == before.last_reported


async def test_a_device_that_measures_no_air_has_no_word(hass: HomeAssistant, house: SmartAirHub, say: Say) -> None:
    await say("temp_001", "telemetry", {"device_uid": "temp_001", "timestamp": NOW, "temperature": 21.0})
    await house.async_approve(["temp_001"])
    await say("temp_001", "telemetry", {"device_uid": "temp_001", "timestamp": NOW, "temperature": 21.5})
    assert er.async_get(hass).async_get_entity_id("sensor", DOMAIN, "temp_001-air") is None


# --- rooms --------------------------------------------------------------------------------------


async def test_a_room_has_the_word_of_its_worst_device_and_stands_in_it(
    hass: HomeAssistant, house: SmartAirHub, co2: str, say: Say, office: str
) -> None:
    await second(house, say)
    for uid in ("co2_001", "co2_002"):
        put(hass, house, office, uid)
    await measure(say, 600)
    await measure(say, 1500, "co2_002")
    await hass.async_block_till_done()
    state = shown(hass, f"/hub-air/{office}")
    assert (state.state, state.attributes["cause"]) == ("bad", "co2")
    assert state.attributes["friendly_name"].endswith("Air in Office")
    entry = er.async_get(hass).async_get(state.entity_id)
    assert entry is not None
    assert entry.area_id == office
    await measure(say, 600, "co2_002")
    assert shown(hass, f"/hub-air/{office}").state == "fresh"


async def test_a_room_whose_last_device_is_moved_away_has_no_word_any_more(
    hass: HomeAssistant, house: SmartAirHub, co2: str, say: Say, office: str
) -> None:
    kitchen = ar.async_get(hass).async_create("Kitchen").id
    put(hass, house, office)
    await hass.async_block_till_done()
    assert room_sensor(hass, office)
    put(hass, house, kitchen)
    await hass.async_block_till_done()
    assert room_sensor(hass, office) is None
    assert room_sensor(hass, kitchen)
    put(hass, house, None)
    await hass.async_block_till_done()
    assert room_sensor(hass, kitchen) is None


async def test_a_room_goes_with_its_last_device_and_not_with_a_reload(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, co2: str, office: str
) -> None:
    put(hass, house, office)
    await hass.async_block_till_done()
    before = room_sensor(hass, office)
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert room_sensor(hass, office) == before is not None
    device_id = hub.runtime_data.devices[co2].device_id
    await hub.runtime_data.async_forget(co2)
    dr.async_get(hass).async_remove_device(device_id)
    await hass.async_block_till_done()
    assert room_sensor(hass, office) is None


async def test_the_word_of_a_room_that_was_deleted_meanwhile_is_removed(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, co2: str, office: str
) -> None:
    put(hass, house, office)
    await hass.async_block_till_done()
    assert await hass.config_entries.async_unload(hub.entry_id)
    ar.async_get(hass).async_delete(office)
    await hass.async_block_till_done()
    assert await hass.config_entries.async_setup(hub.entry_id)
    await hass.async_block_till_done()
    assert room_sensor(hass, office) is None


async def test_the_owner_may_put_the_sensor_of_a_room_elsewhere(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, co2: str, office: str
) -> None:
    put(hass, house, office)
    await hass.async_block_till_done()
    entity_id = room_sensor(hass, office)
    assert entity_id is not None
    elsewhere = ar.async_get(hass).async_create("Elsewhere").id
    er.async_get(hass).async_update_entity(entity_id, area_id=elsewhere)
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    entry = er.async_get(hass).async_get(entity_id)
    assert entry is not None
    assert entry.area_id == elsewhere


async def test_of_a_fleet_the_word_and_the_ventilation_of_a_device_are_there_but_disabled(
    hass: HomeAssistant, house: SmartAirHub, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.smartair.air.ventilation.HOME", 0)
    await second(house, say)
    await measure(say, 900, "co2_002")
    await hass.async_block_till_done()
    registry = er.async_get(hass)
    ids = [registry.async_get_entity_id("sensor", DOMAIN, f"co2_002-{key}") for key in ("air", "air_changes", "co2")]
    entries = [registry.async_get(one) for one in ids if one]
    assert [entry and entry.disabled for entry in entries] == [True, True, False]
