"""Commands: sent once, answered within ten seconds or failed aloud."""

import json
from typing import Any

from homeassistant.components.event import ATTR_EVENT_TYPE
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message
from pytest_homeassistant_custom_component.typing import MqttMockHAClient
import voluptuous as vol

from custom_components.smartair.const import DOMAIN

from .conftest import NOW, Say, Wait
from .test_config_flow import CODE, CODED

BUTTON = "button.bedroom_bedroom_air_restart"


@pytest.fixture
def answers(hass: HomeAssistant, broker: MqttMockHAClient) -> list[dict[str, Any]]:
    """Answer each command as this list says, and keep the commands in it."""
    given: list[dict[str, Any]] = []
    publish = broker.async_publish

    async def answer(topic: str, payload: str, *args: Any, **kwargs: Any) -> None:
        if topic.endswith("/commands"):
            command = json.loads(payload)
            reply = given.pop(0) if given else {"status": "DONE"}
            given.append({"sent": command, "args": args, "kwargs": kwargs})
            for one in reply.get("all", [reply]):
                content = {"cmd": command["command"], "cmd_id": command["cmd_id"], **one}
                async_fire_mqtt_message(hass, topic.replace("commands", "command_response"), json.dumps(content))

    publish.side_effect = answer
    return given


async def _press(hass: HomeAssistant, entity_id: str = BUTTON) -> None:
    await hass.services.async_call("button", "press", {ATTR_ENTITY_ID: entity_id}, blocking=True)


async def test_a_button_sends_a_command_that_expires_and_is_never_retained(
    hass: HomeAssistant, co2: str, answers: list[dict[str, Any]]
) -> None:
    await _press(hass)
    sent = answers[-1]
    assert len(sent["sent"].pop("cmd_id")) == 26
    assert sent["sent"] == {"command": "restart", "timestamp": NOW, "expires": NOW + 30}
    assert sent["args"][:2] == (1, False)
    assert sent["kwargs"] == {"message_expiry_interval": 30}


@pytest.mark.parametrize("mqtt_config_entry_data", [{"broker": "mock-broker", "protocol": "3.1.1"}])
async def test_on_mqtt_3_the_expiry_is_in_the_payload_alone(
    hass: HomeAssistant, co2: str, answers: list[dict[str, Any]]
) -> None:
    await _press(hass)
    assert answers[-1]["sent"]["expires"] == NOW + 30
    assert answers[-1]["kwargs"] == {"message_expiry_interval": None}


async def test_a_command_goes_out_after_the_owner_has_changed_the_version_of_mqtt(
    hass: HomeAssistant, co2: str, answers: list[dict[str, Any]]
) -> None:
    mqtt_entry = hass.config_entries.async_entries("mqtt")[0]
    hass.config_entries.async_update_entry(mqtt_entry, data={**mqtt_entry.data, "protocol": "3.1.1"})
    await _press(hass)
    assert answers[-1]["kwargs"] == {"message_expiry_interval": None}
    answers.clear()
    hass.config_entries.async_update_entry(mqtt_entry, data={**mqtt_entry.data, "protocol": "5"})
    await _press(hass)
    assert answers[-1]["kwargs"] == {"message_expiry_interval": 30}


async def test_live_mode_asks_for_a_minute_of_fast_reports(
    hass: HomeAssistant, co2: str, answers: list[dict[str, Any]]
) -> None:
    await _press(hass, "button.bedroom_bedroom_air_live_mode_for_a_minute")
    assert answers[-1]["sent"]["params"] == {"seconds": 60, "interval": 1}


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ({"status": "ERROR", "error_code": "busy"}, "command_failed"),
        ({"status": "EXPIRED"}, "command_expired"),
    ],
)
async def test_a_refusal_fails_aloud(
    hass: HomeAssistant, co2: str, answers: list[dict[str, Any]], answer: dict[str, str], key: str
) -> None:
    answers.append(answer)
    with pytest.raises(HomeAssistantError) as error:
        await _press(hass)
    assert error.value.translation_key == key
    assert error.value.translation_placeholders["device"] == "Bedroom air"


@pytest.mark.parametrize("answer", [{"all": []}, {"cmd_id": "of another"}, {"status": "PERHAPS"}])
async def test_a_command_without_an_answer_fails_after_ten_seconds(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    co2: str,
    answers: list[dict[str, Any]],
    wait: Wait,
    answer: dict[str, Any],
) -> None:
    answers.append(answer)
    asking = hass.async_create_background_task(hub.runtime_data.devices[co2].async_command("restart"), "ask")
    await wait(9)
    assert not asking.done()
    await wait(2)
    with pytest.raises(HomeAssistantError) as error:
        await asking
    assert error.value.translation_key == "no_answer"
    assert error.value.translation_placeholders["seconds"] == "10"


async def test_a_retained_answer_answers_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait, broker: MqttMockHAClient
) -> None:
    asking = hass.async_create_background_task(hub.runtime_data.devices[co2].async_command("restart"), "ask")
    await wait(0)
    cmd_id = json.loads(broker.async_publish.call_args.args[1])["cmd_id"]
    await say(co2, "command_response", {"cmd": "restart", "cmd_id": cmd_id, "status": "DONE"}, retain=True)
    assert not asking.done()
    await say(co2, "command_response", {"cmd": "restart", "cmd_id": cmd_id, "status": "DONE"})
    assert (await asking).cmd_id == cmd_id


async def test_a_command_to_a_device_that_is_away_fails_at_once(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say
) -> None:
    await say(co2, "status", "offline")
    with pytest.raises(HomeAssistantError) as error:
        await hub.runtime_data.devices[co2].async_command("restart")
    assert error.value.translation_key == "device_unavailable"


async def test_a_stop_is_sent_to_a_device_that_seems_away_and_never_said_that_it_has_a_pump(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, answers: list[dict[str, Any]]
) -> None:
    await say(co2, "status", "offline")
    await hub.runtime_data.devices[co2].async_command("stop_pump", {"channel": "pump_fill"})
    assert answers[-1]["sent"]["command"] == "stop_pump"


async def test_who_waits_for_an_answer_is_told_when_the_hub_is_unloaded(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, wait: Wait
) -> None:
    asking = hass.async_create_background_task(hub.runtime_data.devices[co2].async_command("restart"), "ask")
    await wait(0)
    await hass.config_entries.async_unload(hub.entry_id)
    with pytest.raises(HomeAssistantError):
        await asking


# --- actions ------------------------------------------------------------------------------------


async def _call(hass: HomeAssistant, action: str, **data: Any) -> Any:
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)


async def test_any_command_can_be_sent_by_an_action_that_returns_the_answer(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, answers: list[dict[str, Any]]
) -> None:
    answers.append({"all": [{"status": "ACCEPTED", "details": {"blinks": 3}}, {"status": "DONE"}]})
    device_id = hub.runtime_data.devices[co2].device_id
    answer = await _call(hass, "send_command", device_id=device_id, command="identify", params={"colour": "blue"})
    assert answer == {
        "cmd_id": answers[-1]["sent"]["cmd_id"],
        "status": "ACCEPTED",
        "details": {"blinks": 3.0},
    }
    assert answers[-1]["sent"]["params"] == {"colour": "blue"}


async def test_a_command_that_the_device_does_not_offer_is_refused_with_what_it_offers(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str
) -> None:
    device_id = hub.runtime_data.devices[co2].device_id
    with pytest.raises(ServiceValidationError) as error:
        await _call(hass, "send_command", device_id=device_id, command="run_pump")
    assert error.value.translation_key == "command_not_offered"
    assert error.value.translation_placeholders["offered"] == "restart, identify, live, calibrate"


async def test_a_command_with_a_name_that_is_none_is_refused(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str
) -> None:
    with pytest.raises(vol.Invalid):
        await _call(hass, "send_command", device_id=hub.runtime_data.devices[co2].device_id, command="../restart")


async def test_a_sensor_is_calibrated_to_a_true_value(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, answers: list[dict[str, Any]]
) -> None:
    device_id = hub.runtime_data.devices[co2].device_id
    await _call(hass, "calibrate", device_id=device_id, metric="co2", reference=420)
    assert answers[-1]["sent"]["params"] == {"metric": "co2", "reference": 420}
    with pytest.raises(ServiceValidationError) as error:
        await _call(hass, "calibrate", device_id=device_id, metric="ph", reference=70)
    assert error.value.translation_placeholders == {"metric": "ph", "minimum": "0", "maximum": "14", "unit": ""}


async def test_an_action_on_a_device_that_is_none_of_ours_says_so(
    hass: HomeAssistant, hub: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    lamp = device_registry.async_get_or_create(
        config_entry_id=other.entry_id, identifiers={("other", "lamp")}, name="Lamp"
    )
    for device_id, name in ((lamp.id, "Lamp"), ("nothing", "nothing")):
        with pytest.raises(ServiceValidationError) as error:
            await _call(hass, "send_command", **{ATTR_DEVICE_ID: device_id}, command="restart")
        assert error.value.translation_placeholders == {"device": name}


async def test_devices_are_approved_by_a_pattern_and_those_with_codes_only_with_theirs(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    for uid in ("co2_1", "co2_2", "dust_1"):
        await say(uid, "telemetry", {"co2": 500})
    await say("co2_3", "info", CODED, retain=True)
    assert await _call(hass, "approve_devices", pattern="co2_?") == {
        "approved": ["co2_1", "co2_2"],
        "code_needed": ["co2_3"],
    }
    assert (await _call(hass, "approve_devices", pattern="co2_3", code="1"))["code_needed"] == ["co2_3"]
    answer = await _call(hass, "approve_devices", pattern="*_3", code=CODE, config_entry_id=hub.entry_id)
    assert answer["approved"] == ["co2_3"]
    assert set(hub.runtime_data.devices) == {"co2_1", "co2_2", "co2_3"}
    with pytest.raises(ServiceValidationError) as error:
        await _call(hass, "approve_devices", pattern="*", config_entry_id="no such hub")
    assert error.value.translation_key == "no_hub"


# --- events -------------------------------------------------------------------------------------


async def test_what_happens_on_a_device_is_an_event(hass: HomeAssistant, co2: str, say: Say) -> None:
    await say(co2, "event", {"event": "button", "presses": 2})
    state = hass.states.get("event.bedroom_bedroom_air_activity")
    assert (state.attributes[ATTR_EVENT_TYPE], state.attributes["presses"]) == ("button", 2)
    await say(co2, "event", {"event": "door_opened"})
    state = hass.states.get("event.bedroom_bedroom_air_activity")
    assert (state.attributes[ATTR_EVENT_TYPE], state.attributes["event"]) == ("other", "door_opened")


async def test_the_words_of_an_event_do_not_pass_for_those_of_home_assistant(
    hass: HomeAssistant, co2: str, say: Say
) -> None:
    before = hass.states.get("event.bedroom_bedroom_air_activity").attributes
    evil = {"event_type": "boot", "event_types": 1, "latitude": 52.5, "longitude": 13.4, "restored": True}
    evil |= {"entity_picture": "https://evil/x.png", "icon": "mdi:skull", "friendly_name": "Front door"}
    await say(co2, "event", {"event": "button", "data": {"presses": 2, "device_class": "doorbell"}} | evil)
    state = hass.states.get("event.bedroom_bedroom_air_activity")
    assert dict(state.attributes) == {**before, ATTR_EVENT_TYPE: "button", "presses": 2}


async def test_a_retained_event_did_not_happen_now(hass: HomeAssistant, co2: str, say: Say) -> None:
    await say(co2, "event", {"event": "button"}, retain=True)
    assert hass.states.get("event.bedroom_bedroom_air_activity").state == "unknown"
