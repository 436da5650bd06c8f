"""Air changes, the time to the limit and the question whether it is better outside, as Home Assistant shows them."""

from collections.abc import Callable
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.automation import DOMAIN as AUTOMATION
from homeassistant.core import HomeAssistant, ServiceCall, State
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
    mock_restore_cache_with_extra_data,
)

from custom_components.smartair.air.outdoor import outdoors
from custom_components.smartair.const import CONF_OUTDOOR, DOMAIN
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pysmartair.air.outside import Place

from .conftest import CO2_TELEMETRY, Say

OUTDOOR = "sensor.garden_co2"


def shown(hass: HomeAssistant, key: str) -> State:
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"co2_001-{key}")
    assert entity_id is not None
    state = hass.states.get(entity_id)
    assert state is not None
    return state


async def live(
    say: Say, freezer: FrozenDateTimeFactory, co2: float, minutes: int, after: Callable[[float], float]
) -> float:
    """Let a room live, with a report a minute, and return its CO₂."""
    for _ in range(minutes):
        freezer.tick(60)
        await say("co2_001", "telemetry", {**CO2_TELEMETRY, "co2": round(co2, 1), "timestamp": None})
        co2 = after(co2)
    return co2


def decay(co2: float) -> float:
    """Two air changes an hour, with 420 ppm outdoors."""
    return co2 - (co2 - 420) * 2 / 60


async def test_the_air_changes_of_a_room_are_shown_after_its_people_have_left(
    hass: HomeAssistant, co2: str, say: Say, freezer: FrozenDateTimeFactory
) -> None:
    assert shown(hass, "air_changes").state == "unknown"
    hass.states.async_set(OUTDOOR, "420", {"device_class": "carbon_dioxide", "unit_of_measurement": "ppm"})
    hass.config_entries.async_update_entry(
        hass.config_entries.async_entries(DOMAIN)[0], options={CONF_OUTDOOR: [OUTDOOR]}
    )
    await live(say, freezer, 1400, 95, decay)
    state = shown(hass, "air_changes")
    assert float(state.state) == pytest.approx(2, abs=0.1)
    assert state.attributes["minutes"] > 20
    assert state.attributes["r_squared"] > 0.95
    assert state.attributes["measured_from"].startswith("2026-")
    await say(co2, "status", "offline")
    assert float(shown(hass, "air_changes").state) == pytest.approx(2, abs=0.1)


async def test_the_last_measurement_outlives_a_restart(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, freezer: FrozenDateTimeFactory
) -> None:
    entity_id = shown(hass, "air_changes").entity_id
    kept = {"per_hour": 1.25, "began": 1_789_990_000.0, "seconds": 3000.0, "straightness": 0.99, "lowest": 430.0}
    await restart(hass, hub, entity_id, kept)
    assert shown(hass, "air_changes").state == "1.25"


@pytest.mark.parametrize("kept", [{"per_hour": 1.25}, {"lowest": 430.0, "per_hour": "much"}, {"lowest": None}])
async def test_a_measurement_that_cannot_be_read_is_left_out(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, kept: dict[str, Any]
) -> None:
    await restart(hass, hub, shown(hass, "air_changes").entity_id, kept)
    assert shown(hass, "air_changes").state == "unknown"


async def restart(hass: HomeAssistant, hub: MockConfigEntry, entity_id: str, kept: dict[str, Any]) -> None:
    assert await hass.config_entries.async_unload(hub.entry_id)
    mock_restore_cache_with_extra_data(hass, [(State(entity_id, "unavailable"), kept)])
    assert await hass.config_entries.async_setup(hub.entry_id)
    await hass.async_block_till_done()


async def test_a_steady_rise_is_told_when_it_reaches_the_limit(
    hass: HomeAssistant, co2: str, say: Say, freezer: FrozenDateTimeFactory
) -> None:
    await live(say, freezer, 500, 25, lambda co2: co2 + 10)
    assert 20 <= float(shown(hass, "co2_limit_in").state) <= 32
    await live(say, freezer, 740, 12, lambda co2: co2 - 20)
    assert shown(hass, "co2_limit_in").state == "unknown"


async def test_without_a_limit_there_is_none_to_reach(
    hass: HomeAssistant,
    house: SmartAirHub,
    co2: str,
    say: Say,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(house.limits, "air", lambda _device: ())
    await live(say, freezer, 500, 25, lambda co2: co2 + 10)
    assert shown(hass, "co2_limit_in").state == "unknown"


# --- outdoors -----------------------------------------------------------------------------------


async def test_the_sensors_outdoors_are_chosen_in_the_options(hass: HomeAssistant, hub: MockConfigEntry) -> None:
    menu = await hass.config_entries.options.async_init(hub.entry_id)
    form = await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "outdoor"})
    result = await hass.config_entries.options.async_configure(form["flow_id"], {CONF_OUTDOOR: [OUTDOOR]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert hub.options[CONF_OUTDOOR] == [OUTDOOR]


def test_outdoors_is_read_from_sensors_and_weather_in_any_unit(hass: HomeAssistant) -> None:
    hass.states.async_set("weather.home", "sunny", {"temperature": 50, "temperature_unit": "°F", "humidity": 80})
    hass.states.async_set("sensor.t", "12", {"device_class": "temperature", "unit_of_measurement": "°C"})
    hass.states.async_set(OUTDOOR, "431", {"device_class": "carbon_dioxide", "unit_of_measurement": "ppm"})
    hass.states.async_set("sensor.dust", "unknown", {"device_class": "pm25"})
    hass.states.async_set("sensor.other", "5", {"device_class": "voltage"})
    hass.states.async_set("sensor.nan", "nan", {"device_class": "pm25"})
    hass.states.async_set("weather.empty", "sunny", {})
    found = outdoors(
        hass,
        [
            "weather.home",
            "sensor.t",
            OUTDOOR,
            "sensor.dust",
            "sensor.other",
            "sensor.nan",
            "weather.empty",
            "sensor.no",
        ],
    )
    assert found == Place(temperature=pytest.approx(10), humidity=80, co2=431)


async def holds(hass: HomeAssistant, calls: list[ServiceCall], options: dict[str, Any] | None, device: str) -> bool:
    """Ask the condition by an automation, as Home Assistant does."""
    condition = {"condition": "smartair.outside_is_better", "target": {"device_id": device}}
    automation = {
        "alias": "ask",
        "triggers": {"trigger": "event", "event_type": "ask"},
        "conditions": condition if options is None else {**condition, "options": options},
        "actions": {"action": "test.yes"},
    }
    assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: automation})
    await hass.async_block_till_done()
    hass.bus.async_fire("ask")
    await hass.async_block_till_done()
    return bool(calls)


@pytest.mark.parametrize(
    ("options", "better"),
    [
        (None, True),
        ({"question": "co2", "outdoor": [OUTDOOR]}, False),
        ({"question": "temperature", "outdoor": ["weather.home"], "wish": 20}, True),
        ({"question": "temperature", "outdoor": ["weather.home"], "wish": 30}, False),
        ({"question": "humidity", "outdoor": ["weather.home"]}, False),
        ({"question": "pm25", "outdoor": ["weather.home"]}, False),
    ],
)
async def test_it_is_better_outside(
    hass: HomeAssistant,
    house: SmartAirHub,
    co2: str,
    options: dict[str, Any] | None,
    better: bool,
) -> None:
    hass.states.async_set("weather.home", "sunny", {"temperature": 15, "temperature_unit": "°C", "humidity": 60})
    hass.states.async_set(OUTDOOR, "900", {"device_class": "carbon_dioxide"})
    calls = async_mock_service(hass, "test", "yes")
    device = house.devices[co2].device_id
    assert device is not None
    assert await holds(hass, calls, options, device) is better


async def test_sensors_of_the_hub_are_asked_where_the_condition_names_none(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, co2: str
) -> None:
    hass.states.async_set(OUTDOOR, "900", {"device_class": "carbon_dioxide"})
    hass.config_entries.async_update_entry(hub, options={CONF_OUTDOOR: [OUTDOOR]})
    calls = async_mock_service(hass, "test", "yes")
    device = house.devices[co2].device_id
    assert device is not None
    assert not await holds(hass, calls, None, device)


async def test_of_a_device_that_is_away_nothing_is_known(
    hass: HomeAssistant, house: SmartAirHub, co2: str, say: Say
) -> None:
    await say(co2, "status", "offline")
    calls = async_mock_service(hass, "test", "yes")
    device = house.devices[co2].device_id
    assert device is not None
    assert not await holds(hass, calls, None, device)
