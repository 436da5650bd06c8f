"""The gate: who may wait before it, and what a flood of strangers cannot do."""

from unittest.mock import patch

from homeassistant.config_entries import SOURCE_INTEGRATION_DISCOVERY, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.const import DOMAIN

from .conftest import CO2_INFO, NOW, Say, Wait
from .test_config_flow import CODED


@pytest.mark.parametrize(
    ("channel", "content", "waits"),
    [
        ("info", CO2_INFO, True),
        ("status", "online", True),
        ("status", "offline", False),
        ("telemetry", {"co2": 500}, True),
        ("telemetry", {"channels": {"pump": {"on": True}}}, True),
        ("telemetry", {"buffered": True, "samples": [{"timestamp": NOW - 500, "co2": 500}]}, True),
        ("telemetry", {"buffered": True, "samples": [{"nonsense": 1}]}, False),
        ("telemetry", {"nonsense": 1}, False),
        # Its card says why nothing of it can be taken; before, such a device was seen nowhere.
        ("telemetry", {"co2": "many"}, True),
        ("status", "asleep", True),
        ("telemetry", "garbage", False),
        ("config/state", {"revision": 1}, False),
        ("event", {"event": "boot"}, False),
        ("ota/state", {"state": "failed"}, False),
        ("command_response", {"cmd": "restart", "cmd_id": "1", "status": "DONE"}, False),
        ("chatter", {"co2": 500}, False),
    ],
)
async def test_only_what_one_of_our_devices_would_say_makes_a_stranger_wait(
    hub: MockConfigEntry, say: Say, channel: str, content: object, waits: bool
) -> None:
    await say("stranger", channel, content)
    assert ("stranger" in hub.runtime_data.approval.candidates) is waits


@pytest.mark.parametrize("uid", ["-a", "a b", "ä", "a" * 65, "a\u0660", "..", "a.b", "devices/x"])
async def test_a_uid_that_is_none_is_dropped(hub: MockConfigEntry, say: Say, uid: str) -> None:
    await say(uid, "telemetry", {"co2": 500})
    assert hub.runtime_data.approval.candidates == {}


async def test_a_flood_of_invented_devices_fills_no_memory_and_shows_no_more_than_twenty_cards(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    with patch("custom_components.smartair.devices.approval.MAX_CANDIDATES", 30):
        for number in range(60):
            await say(f"flood_{number}", "telemetry", {"co2": 500})
            await say(f"flood_{number}", "telemetry", {"co2": 501})
            await wait(0.3)
    candidates = hub.runtime_data.approval.candidates
    assert len(candidates) == 30
    assert "flood_59" in candidates
    cards = hass.config_entries.flow.async_progress_by_handler(
        DOMAIN, match_context={"source": SOURCE_INTEGRATION_DISCOVERY}
    )
    assert len(cards) == 20
    assert {card["context"]["unique_id"] for card in cards} <= set(candidates)


async def test_what_a_device_said_of_itself_while_it_waited_holds_once_it_is_approved(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say
) -> None:
    await say("co2_001", "telemetry", {"pm25": 5})
    await say("co2_001", "telemetry", {"lux": 100})
    await say("co2_001", "info", CO2_INFO, retain=True)
    await say("co2_001", "config/state", {"revision": 3, "config": {"co2_threshold": 1100}}, retain=True)
    await say("co2_001", "status", "online", retain=True)
    await say("co2_001", "event", {"event": "button"})
    await hub.runtime_data.async_approve(["co2_001", "co2_001"])
    await hass.async_block_till_done()
    assert hass.states.get("number.bedroom_bedroom_air_co2_threshold").state == "1100"
    assert hass.states.get("sensor.bedroom_bedroom_air_pm2_5").state == "unknown"
    # Only the last of what it measured is of now.
    assert hass.states.get("sensor.bedroom_bedroom_air_illuminance").state == "100"
    assert hass.states.get("event.bedroom_bedroom_air_activity").state == "unknown"


async def test_a_device_can_be_approved_before_it_has_spoken(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say
) -> None:
    await hub.runtime_data.async_approve(["co2_001"])
    await say("co2_001", "telemetry", {"co2": 500})
    assert hass.states.get("sensor.co2_001_co2").state == "500"


async def test_a_device_that_waited_for_long_is_there_once_it_is_approved_as_its_birth_message_says(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    await say("co2_001", "status", "online", retain=True)
    await say("co2_001", "telemetry", {"co2": 500})
    await wait(3600)
    await hub.runtime_data.async_approve(["co2_001"])
    await hass.async_block_till_done()
    await wait(60)
    assert hass.states.get("binary_sensor.co2_001_online").state == "on"
    assert hass.states.get("sensor.co2_001_co2").state == "unknown"
    await wait(40)
    assert hass.states.get("binary_sensor.co2_001_online").state == "off"


async def test_what_a_device_measured_last_before_it_was_approved_is_shown_at_once_until_it_is_stale(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    await say("co2_001", "telemetry", {"co2": 500, "channels": {"pump": {"on": True}}})
    await wait(60)
    await hub.runtime_data.async_approve(["co2_001"])
    await hass.async_block_till_done()
    assert hass.states.get("sensor.co2_001_co2").state == "500"
    assert hass.states.get("binary_sensor.co2_001_online").state == "on"
    # What a pump does is believed only as its device says it now.
    assert hub.runtime_data.devices["co2_001"].snapshot.channels == {}
    await wait(40)
    assert hass.states.get("sensor.co2_001_co2").state == "unavailable"


async def test_what_a_device_measured_too_long_before_its_approval_or_retained_is_not_shown(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    await say("co2_001", "telemetry", {"co2": 500})
    await wait(100)
    await say("co2_002", "telemetry", {"co2": 500}, retain=True)
    await hub.runtime_data.async_approve(["co2_001", "co2_002"])
    await hass.async_block_till_done()
    assert hass.states.get("sensor.co2_001_co2").state == "unavailable"
    assert hass.states.get("sensor.co2_002_co2").state == "unavailable"


async def test_a_code_is_judged_even_when_nobody_waits(hub: MockConfigEntry, say: Say) -> None:
    approval = hub.runtime_data.approval
    assert approval.wait_for_tries("nobody") == 0
    await say("open", "telemetry", {"co2": 500})
    assert approval.check_code("open", "anything")
    await say("coded", "info", CODED, retain=True)
    assert not approval.check_code("coded", "\ud800")


async def test_nothing_is_offered_before_home_assistant_has_started(
    hass: HomeAssistant, broker: MqttMockHAClient, entry: MockConfigEntry, say: Say, wait: Wait
) -> None:
    hass.set_state(CoreState.starting)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await say("co2_001", "telemetry", {"co2": 500})
    await say("co2_001", "telemetry", {"co2": 501})
    await wait(1)
    assert not hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await wait(1)
    assert len(hass.config_entries.flow.async_progress_by_handler(DOMAIN)) == 1


async def test_a_hub_that_cannot_unload_its_platforms_stays_as_it_is(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, caplog: pytest.LogCaptureFixture
) -> None:
    with patch.object(hass.config_entries, "async_unload_platforms", return_value=False):
        assert not await hass.config_entries.async_unload(hub.entry_id)
    assert hub.state is ConfigEntryState.FAILED_UNLOAD
    assert hub.runtime_data.devices[co2].available


async def test_stopping_ends_what_is_held_back_and_what_is_about_to_be_offered(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say
) -> None:
    runtime = hub.runtime_data
    for value in range(1000, 1030):
        await say(co2, "telemetry", {"co2": value})
    await say("stranger", "telemetry", {"co2": 500})
    await hass.config_entries.async_unload(hub.entry_id)
    assert runtime.devices[co2]._flush is None  # noqa: SLF001 - the timer itself
    assert runtime.approval.candidates == {}


async def test_the_card_of_a_device_whose_values_cannot_be_taken_says_so_and_adds_it_all_the_same(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    for _ in range(3):
        await say("words", "telemetry", {"temperature": "warm", "humidity": 255})
        await wait(1)
    (card,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    form = await hass.config_entries.flow.async_configure(card["flow_id"])
    assert form["step_id"] == "device_odd"
    assert form["description_placeholders"]["values"] == (
        'humidity: 255 (-5 … 110 %); temperature: "warm" (-55 … 125 °C)'
    )
    await hass.config_entries.flow.async_configure(card["flow_id"], {})
    assert set(hub.runtime_data.devices) == {"words"}


async def test_a_glitch_before_approval_is_forgotten_with_the_first_good_value(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    for value in (0, 700, 701):
        await say("calm", "telemetry", {"co2": value, "timestamp": "noon"})
        await wait(1)
    (card,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert (await hass.config_entries.flow.async_configure(card["flow_id"]))["step_id"] == "device"
