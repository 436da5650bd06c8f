"""Settings: what the owner wants, until the device has confirmed it or said why not."""

import json
from typing import Any

from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.const import ATTR_ENTITY_ID, STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_send
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.const import DOMAIN
from lab.simulator.settings import Settings

from .conftest import CO2_INFO, Say, Wait

PREFIX = "bedroom_bedroom_air"
THRESHOLD = f"number.{PREFIX}_co2_threshold"
NIGHT = f"switch.{PREFIX}_night_mode"
NIGHT_START = f"time.{PREFIX}_night_mode_start"
PENDING = f"binary_sensor.{PREFIX}_settings_pending"


async def _act(hass: HomeAssistant, domain: str, action: str, entity_id: str, **data: Any) -> None:
    await hass.services.async_call(domain, action, {ATTR_ENTITY_ID: entity_id, **data}, blocking=True)
    await hass.async_block_till_done()


def _published(broker: MqttMockHAClient, topic: str = "devices/co2_001/config") -> list[dict[str, Any]]:
    calls = [call for call in broker.async_publish.call_args_list if call.args[0] == topic]
    assert all(call.args[2:4] == (1, True) for call in calls)
    return [json.loads(call.args[1]) for call in calls]


async def test_a_setting_is_published_retained_and_pending_until_the_device_confirms(
    hass: HomeAssistant, co2: str, say: Say, broker: MqttMockHAClient
) -> None:
    await _act(hass, "number", "set_value", THRESHOLD, value=1200)
    assert _published(broker) == [{"revision": 1, "co2_threshold": 1200}]
    state = hass.states.get(THRESHOLD)
    assert (state.state, state.attributes["pending"]) == ("1200", True)
    assert hass.states.get(PENDING).state == STATE_ON

    await say(co2, "config/state", {"revision": 1, "applied": True, "config": {"co2_threshold": 1200}})
    state = hass.states.get(THRESHOLD)
    assert (state.state, state.attributes["pending"]) == ("1200", False)
    assert hass.states.get(PENDING).state == STATE_OFF


async def test_every_publication_carries_all_that_was_ever_set_and_a_later_revision_than_any(
    hass: HomeAssistant, co2: str, say: Say, broker: MqttMockHAClient
) -> None:
    await say(co2, "config/state", {"revision": 7, "config": {"report_interval": 30, "co2_threshold": 1000}})
    assert hass.states.get(THRESHOLD).state == "1000"
    await _act(hass, "number", "set_value", THRESHOLD, value=1200)
    await _act(hass, "switch", "turn_off", f"switch.{PREFIX}_send_alerts")
    await _act(hass, "select", "select_option", f"select.{PREFIX}_led_colour", option="blue")
    assert _published(broker)[-1] == {
        "revision": 10,
        "co2_threshold": 1200,
        "alerts_enabled": False,
        "led_colour": "blue",
    }
    assert hass.states.get(f"select.{PREFIX}_led_colour").state == "blue"
    await _act(hass, "switch", "turn_on", f"switch.{PREFIX}_send_alerts")
    assert hass.states.get(f"switch.{PREFIX}_send_alerts").state == STATE_ON


async def test_a_rejected_setting_goes_back_with_a_repair_that_says_why(
    hass: HomeAssistant, co2: str, say: Say, broker: MqttMockHAClient, issue_registry: ir.IssueRegistry
) -> None:
    await say(co2, "config/state", {"revision": 1, "config": {"co2_threshold": 1000}})
    await _act(hass, "number", "set_value", THRESHOLD, value=4900)
    rejected = {"co2_threshold": "above 4000"}
    await say(
        co2, "config/state", {"revision": 2, "applied": True, "config": {"co2_threshold": 1000}, "rejected": rejected}
    )
    assert hass.states.get(THRESHOLD).state == "1000"
    assert _published(broker)[-1] == {"revision": 3}
    issue = next(one for one in issue_registry.issues.values() if one.domain == DOMAIN)
    assert issue.translation_key == "config_rejected"
    assert issue.translation_placeholders == {
        "device": "Bedroom air",
        "setting": "co2_threshold",
        "reason": "above 4000",
    }

    await say(co2, "config/state", {"revision": 3, "applied": True, "config": {"co2_threshold": 1000}})
    assert [one for one in issue_registry.issues.values() if one.domain == DOMAIN]
    await _act(hass, "number", "set_value", THRESHOLD, value=3000)
    assert not [one for one in issue_registry.issues.values() if one.domain == DOMAIN]


async def test_a_configuration_that_is_refused_as_a_whole_is_taken_back_as_a_whole(
    hass: HomeAssistant, co2: str, say: Say, broker: MqttMockHAClient
) -> None:
    await _act(hass, "number", "set_value", THRESHOLD, value=1200)
    await say(co2, "config/state", {"revision": 1, "applied": False, "config": {"co2_threshold": 900}})
    assert hass.states.get(THRESHOLD).state == "900"
    assert _published(broker)[-1] == {"revision": 2}
    await say(co2, "config/state", {"revision": 2, "applied": False, "config": {"co2_threshold": 900}})
    assert len(_published(broker)) == 2


async def test_a_device_that_came_back_without_its_settings_is_told_again(
    hass: HomeAssistant, co2: str, say: Say, wait: Wait, broker: MqttMockHAClient
) -> None:
    await _act(hass, "number", "set_value", THRESHOLD, value=1200)
    await say(co2, "config/state", {"revision": 1, "config": {"co2_threshold": 1200}})
    await wait(60)
    await say(co2, "config/state", {"revision": 0, "config": {"co2_threshold": 800}})
    assert _published(broker)[-1] == {"revision": 1, "co2_threshold": 1200}
    await say(co2, "config/state", {"revision": 0, "config": {"co2_threshold": 801}})
    assert len(_published(broker)) == 2


async def test_a_setting_of_a_device_that_is_away_goes_and_comes_with_the_broker(
    hass: HomeAssistant, co2: str, say: Say, broker: MqttMockHAClient
) -> None:
    await say(co2, "status", "offline")
    shown = hass.states.get(THRESHOLD).state
    assert shown != STATE_UNAVAILABLE, "the wish would wait for the device"
    for connected in (False, True):
        broker.connected = connected
        async_dispatcher_send(hass, MQTT_CONNECTION_STATE, connected)
        await hass.async_block_till_done()
        assert hass.states.get(THRESHOLD).state == (shown if connected else STATE_UNAVAILABLE)


async def test_a_wish_that_is_not_confirmed_is_repeated_when_the_broker_is_back_and_after_a_restart(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, broker: MqttMockHAClient
) -> None:
    await _act(hass, "number", "set_value", THRESHOLD, value=1200)
    for connected in (False, True):
        async_dispatcher_send(hass, MQTT_CONNECTION_STATE, connected)
        await hass.async_block_till_done(wait_background_tasks=True)
    wish = {"revision": 1, "co2_threshold": 1200}
    assert _published(broker) == [wish, wish]
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert _published(broker) == [wish, wish, wish]

    await say(co2, "config/state", {"revision": 1, "config": {"co2_threshold": 1200}})
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(_published(broker)) == 3


async def test_a_wish_is_kept_when_the_broker_fails_while_it_is_repeated(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait
) -> None:
    await _act(hass, "number", "set_value", THRESHOLD, value=1200)
    await wait(60)
    hub.runtime_data.connection.connected = False
    await say(co2, "config/state", {"revision": 0, "config": {}})
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hub.runtime_data.devices[co2].record.desired == {"co2_threshold": 1200}


async def test_a_setting_can_be_chosen_while_its_device_is_away(
    hass: HomeAssistant, co2: str, say: Say, broker: MqttMockHAClient
) -> None:
    await say(co2, "status", "offline")
    assert hass.states.get(THRESHOLD).state == STATE_UNKNOWN
    await _act(hass, "number", "set_value", THRESHOLD, value=1500)
    assert _published(broker)[-1]["co2_threshold"] == 1500


async def test_a_setting_that_cannot_be_published_fails_aloud_and_changes_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str
) -> None:
    device = hub.runtime_data.devices[co2]
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, False)
    await hass.async_block_till_done()
    with pytest.raises(HomeAssistantError) as error:
        await device.async_configure({"co2_threshold": 1200})
    assert error.value.translation_key == "broker_unavailable"
    assert (device.record.desired, device.record.revision) == ({}, 0)


async def test_night_mode_is_switched_and_its_hours_are_kept_while_it_is_off(
    hass: HomeAssistant, co2: str, say: Say, broker: MqttMockHAClient
) -> None:
    assert (hass.states.get(NIGHT).state, hass.states.get(NIGHT_START).state) == (STATE_UNKNOWN, "22:00:00")
    await _act(hass, "time", "set_value", NIGHT_START, time="21:30")
    assert _published(broker) == []
    await _act(hass, "switch", "turn_on", NIGHT)
    assert _published(broker)[-1]["night_mode"] == {"start": "21:30", "end": 7}
    await say(co2, "config/state", {"revision": 1, "config": {"night_mode": {"start": "21:30", "end": 7}}})
    assert (hass.states.get(NIGHT).state, hass.states.get(NIGHT).attributes["pending"]) == (STATE_ON, False)

    await _act(hass, "time", "set_value", f"time.{PREFIX}_night_mode_end", time="06:00")
    assert _published(broker)[-1]["night_mode"] == {"start": "21:30", "end": 6}
    await _act(hass, "switch", "turn_off", NIGHT)
    assert _published(broker)[-1]["night_mode"] is None
    await say(co2, "config/state", {"revision": 3, "config": {"night_mode": None}})
    assert (hass.states.get(NIGHT).state, hass.states.get(NIGHT_START).state) == (STATE_OFF, "21:30:00")


async def test_limits_follow_the_descriptor_and_a_setting_that_is_no_longer_offered_is_unavailable(
    hass: HomeAssistant, co2: str, say: Say
) -> None:
    await say(co2, "info", CO2_INFO | {"config": {"co2_threshold": {"min": 600, "max": 2000}}})
    state = hass.states.get(THRESHOLD)
    assert (state.attributes["min"], state.attributes["max"]) == (600, 2000)
    for gone in (f"number.{PREFIX}_report_interval", f"select.{PREFIX}_led_colour", NIGHT, NIGHT_START):
        assert hass.states.get(gone).state == STATE_UNAVAILABLE


async def test_a_setting_of_another_kind_than_its_value_is_unknown(hass: HomeAssistant, co2: str, say: Say) -> None:
    values = {"co2_threshold": True, "alerts_enabled": 3, "led_colour": "plaid", "fan_speed": "fast"}
    await say(co2, "config/state", {"revision": 1, "config": values})
    for entity_id in (
        THRESHOLD,
        f"switch.{PREFIX}_send_alerts",
        f"select.{PREFIX}_led_colour",
        f"number.{PREFIX}_fan_speed",
    ):
        assert hass.states.get(entity_id).state == STATE_UNKNOWN


OWN: dict[str, Any] = CO2_INFO | {
    "config": {
        "beeper": True,
        "fan_speed": {"min": 0, "max": 100, "unit": "%"},
        "offset": {"min": -5, "max": 5, "step": 0.1},
        "led_colour": {"options": ["green", "blue"]},
    }
}


@pytest.mark.parametrize("revision", [4, "4", 3])
@pytest.mark.parametrize(
    ("beeper", "fan", "offset", "colour"),
    [
        ("ON", "50", "1.5", "BLUE"),
        (1, "50 %", "1,5", "Blue"),
        ("true", 50.0, 1.5000000596046448, "blue"),
        ("yes", "50.0", 1.5, "blue"),
    ],
)
async def test_what_a_device_confirms_in_another_form_is_confirmed(
    hass: HomeAssistant,
    co2: str,
    say: Say,
    broker: MqttMockHAClient,
    revision: Any,
    beeper: Any,
    fan: Any,
    offset: Any,
    colour: str,
) -> None:
    await say(co2, "info", OWN)
    await _act(hass, "switch", "turn_on", f"switch.{PREFIX}_beeper")
    await _act(hass, "number", "set_value", f"number.{PREFIX}_fan_speed", value=50)
    await _act(hass, "number", "set_value", f"number.{PREFIX}_offset", value=1.5)
    await _act(hass, "select", "select_option", f"select.{PREFIX}_led_colour", option="blue")
    values = {"beeper": beeper, "fan_speed": fan, "offset": offset, "led_colour": colour}
    await say(co2, "config/state", {"revision": revision, "applied": True, "config": values})
    for entity_id, shown in (
        (f"switch.{PREFIX}_beeper", STATE_ON),
        (f"number.{PREFIX}_fan_speed", "50"),
        (f"number.{PREFIX}_offset", "1.5"),
        (f"select.{PREFIX}_led_colour", "blue"),
    ):
        state = hass.states.get(entity_id)
        assert (state.state, state.attributes["pending"]) == (shown, False)
    assert hass.states.get(PENDING).state == STATE_OFF
    # What is published next is again what was wanted, and no word of the device's.
    await say(co2, "config/state", {"revision": 4, "applied": True, "config": values})
    await _act(hass, "number", "set_value", f"number.{PREFIX}_fan_speed", value=60)
    assert _published(broker)[-1] == {
        "revision": 5,
        "beeper": True,
        "fan_speed": 60,
        "offset": 1.5,
        "led_colour": "blue",
    }


async def test_a_simulated_device_that_keeps_texts_confirms_what_was_wanted(
    hass: HomeAssistant, co2: str, say: Say, broker: MqttMockHAClient
) -> None:
    device = Settings(offer=OWN["config"] | {"beeper": {}}, values={}, as_text=True)
    await say(co2, "info", OWN)
    await _act(hass, "switch", "turn_on", f"switch.{PREFIX}_beeper")
    await _act(hass, "number", "set_value", f"number.{PREFIX}_fan_speed", value=50)
    device.apply(_published(broker)[-1])
    assert device.state["config"] == {"beeper": "ON", "fan_speed": "50"}
    await say(co2, "config/state", device.state, retain=True)
    assert hass.states.get(f"switch.{PREFIX}_beeper").state == STATE_ON
    assert hass.states.get(f"number.{PREFIX}_fan_speed").state == "50"
    assert hass.states.get(PENDING).state == STATE_OFF


async def test_a_number_with_decimals_is_sent_with_them(
    hass: HomeAssistant, co2: str, say: Say, broker: MqttMockHAClient
) -> None:
    await say(co2, "info", CO2_INFO | {"config": {"offset": {"min": -5, "max": 5, "step": 0.1}}})
    await _act(hass, "number", "set_value", f"number.{PREFIX}_offset", value=-1.5)
    assert _published(broker)[-1]["offset"] == -1.5


async def test_what_was_changed_on_the_device_itself_is_not_undone_by_the_next_setting(
    hass: HomeAssistant, co2: str, say: Say, broker: MqttMockHAClient
) -> None:
    await _act(hass, "number", "set_value", THRESHOLD, value=1200)
    await _act(hass, "switch", "turn_on", NIGHT)
    night = {"start": 22, "end": 7}
    await say(co2, "config/state", {"revision": 2, "config": {"co2_threshold": 1200, "night_mode": night}})
    await say(co2, "config/state", {"revision": 2, "config": {"co2_threshold": 900, "night_mode": None}})
    assert (hass.states.get(THRESHOLD).state, hass.states.get(NIGHT).state) == ("900", STATE_OFF)
    await _act(hass, "switch", "turn_off", f"switch.{PREFIX}_send_alerts")
    assert _published(broker)[-1] == {
        "revision": 3,
        "co2_threshold": 900,
        "night_mode": None,
        "alerts_enabled": False,
    }


async def test_a_wish_of_which_the_device_says_nothing_is_still_one(
    hass: HomeAssistant, co2: str, say: Say, broker: MqttMockHAClient
) -> None:
    await _act(hass, "number", "set_value", THRESHOLD, value=1200)
    await _act(hass, "number", "set_value", f"number.{PREFIX}_fan_speed", value=50)
    await say(co2, "config/state", {"revision": 2, "config": {"co2_threshold": None}})
    await _act(hass, "switch", "turn_off", f"switch.{PREFIX}_send_alerts")
    assert _published(broker)[-1] == {
        "revision": 3,
        "co2_threshold": 1200,
        "fan_speed": 50,
        "alerts_enabled": False,
    }


async def test_a_setting_that_becomes_one_of_another_kind_leaves_the_old_entity_unavailable(
    hass: HomeAssistant, co2: str, say: Say
) -> None:
    old = f"number.{PREFIX}_fan_speed"
    assert hass.states.get(old).state == STATE_UNKNOWN
    offers: Any = CO2_INFO["config"]
    await say(co2, "info", CO2_INFO | {"config": offers | {"fan_speed": {"options": ["low", "high"]}}})
    assert hass.states.get(old).state == STATE_UNAVAILABLE
    assert hass.states.get(f"select.{PREFIX}_fan_speed").attributes["options"] == ["low", "high"]
    await say(co2, "info", CO2_INFO)
    assert hass.states.get(old).state == STATE_UNKNOWN
    assert hass.states.get(f"select.{PREFIX}_fan_speed").state == STATE_UNAVAILABLE
