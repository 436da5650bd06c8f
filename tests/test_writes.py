"""New values are written into the last state; what is shown is as if Home Assistant had written all of it."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.smartair.const import DOMAIN

from .conftest import CO2_INFO, CO2_TELEMETRY, Say

TEMPERATURE = "sensor.bedroom_bedroom_air_temperature"


@pytest.mark.parametrize("value", [21.5, 22.0, 23, 20.1 + 0.2, 1 / 3, -0.0, 1e-7])
async def test_a_new_value_has_the_digits_that_home_assistant_would_write(
    hass: HomeAssistant, co2: str, say: Say, value: float
) -> None:
    await say(co2, "telemetry", CO2_TELEMETRY | {"temperature": value})
    shown = hass.states.get(TEMPERATURE)
    entity = hass.data["entity_components"]["sensor"].get_entity(TEMPERATURE)
    entity.async_write_ha_state()
    written = hass.states.get(TEMPERATURE)
    assert shown is not None
    assert written is not None
    assert (shown.state, shown.attributes, shown.state_info) == (
        written.state,
        written.attributes,
        written.state_info,
    )


async def test_a_new_value_is_shown_in_the_unit_that_its_owner_chose(hass: HomeAssistant, co2: str, say: Say) -> None:
    options = {"unit_of_measurement": "°F"}
    er.async_get(hass).async_update_entity_options(TEMPERATURE, "sensor", options)
    await hass.async_block_till_done()
    await say(co2, "telemetry", CO2_TELEMETRY | {"temperature": 20})
    shown = hass.states.get(TEMPERATURE)
    assert shown is not None
    assert (float(shown.state), shown.attributes["unit_of_measurement"]) == (68, "°F")


async def test_a_new_value_is_shown_under_the_name_that_its_owner_gave(
    hass: HomeAssistant, co2: str, say: Say
) -> None:
    er.async_get(hass).async_update_entity(TEMPERATURE, name="Warmth", icon="mdi:fire")
    await hass.async_block_till_done()
    await say(co2, "telemetry", CO2_TELEMETRY | {"temperature": 20})
    shown = hass.states.get(TEMPERATURE)
    assert shown is not None
    assert (shown.state, shown.attributes["icon"]) == ("20", "mdi:fire")
    assert shown.attributes["friendly_name"].endswith("Warmth")


async def test_entities_belong_to_the_device_that_the_hub_registered(hass: HomeAssistant, co2: str) -> None:
    entries = er.async_get(hass).entities.values()
    registered = {one.device_id for one in entries if one.platform == DOMAIN and one.unique_id.startswith(co2)}
    assert len(registered) == 1
    device = dr.async_get(hass).async_get(registered.pop() or "")
    assert device is not None
    assert device.identifiers == {(DOMAIN, co2)}


async def test_the_values_of_one_message_share_a_context_that_no_other_message_has(
    hass: HomeAssistant, co2: str, say: Say
) -> None:
    async def contexts(temperature: float) -> set[str]:
        values = {"co2": temperature * 20, "temperature": temperature, "humidity": temperature}
        await say(co2, "telemetry", CO2_TELEMETRY | values)
        shown = [hass.states.get(f"sensor.bedroom_bedroom_air_{name}") for name in ("temperature", "humidity")]
        return {state.context.id for state in shown if state is not None}

    first, second = await contexts(21), await contexts(22)
    assert len(first) == len(second) == 1
    assert first != second


async def test_a_value_returns_after_its_device_was_away(hass: HomeAssistant, co2: str, say: Say) -> None:
    await say(co2, "telemetry", CO2_TELEMETRY | {"temperature": 20})
    await say(co2, "status", "offline")
    away = hass.states.get(TEMPERATURE)
    await say(co2, "telemetry", CO2_TELEMETRY | {"temperature": 20})
    back = hass.states.get(TEMPERATURE)
    assert away is not None
    assert back is not None
    assert (away.state, back.state, back.attributes["unit_of_measurement"]) == ("unavailable", "20", "°C")


async def test_a_sensor_is_registered_with_its_decimals_and_not_registered_again(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say
) -> None:
    events = async_capture_events(hass, er.EVENT_ENTITY_REGISTRY_UPDATED)
    await say("co2_001", "info", CO2_INFO, retain=True)
    await hub.runtime_data.async_approve(["co2_001"])
    await hass.async_block_till_done()
    entry = er.async_get(hass).async_get(TEMPERATURE)
    assert entry is not None
    assert entry.options["sensor"] == {"suggested_display_precision": 1}
    assert {event.data["action"] for event in events if event.data["entity_id"] == TEMPERATURE} == {"create"}
