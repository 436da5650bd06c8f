"""Setting up, unloading and removing a hub."""

import asyncio
from datetime import timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_mqtt_message,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import MqttMockHAClient, WebSocketGenerator

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.store import CONCERNS, DeviceRecord

from .conftest import CO2_INFO, CO2_TELEMETRY, Say, Wait, hub_entry


async def test_a_hub_waits_for_mqtt_to_be_set_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is not ConfigEntryState.LOADED


async def test_a_hub_listens_with_one_subscription(
    hass: HomeAssistant, hub: MockConfigEntry, broker: MqttMockHAClient
) -> None:
    ours = [call.args[0] for call in broker.async_subscribe.call_args_list if call.args[0].startswith("devices/")]
    assert ours == ["devices/#"]


async def test_unloading_leaves_no_timer_and_no_ear(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say
) -> None:
    runtime = hub.runtime_data
    assert await hass.config_entries.async_unload(hub.entry_id)
    assert hub.state is ConfigEntryState.NOT_LOADED
    received = runtime.connection.counts["received"]
    await say(co2, "telemetry", {"co2": 999})
    assert runtime.connection.counts["received"] == received
    ours = [
        handle
        for handle in hass.loop._scheduled  # noqa: SLF001 - where a loop keeps its timers
        if not handle.cancelled() and "smartair" in repr(handle)
    ]
    assert ours == []


async def test_a_reload_keeps_devices_entities_and_settings(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, entity_registry: er.EntityRegistry
) -> None:
    await hub.runtime_data.devices[co2].async_configure({"co2_threshold": 1200})
    before = {one.entity_id for one in er.async_entries_for_config_entry(entity_registry, hub.entry_id)}
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    after = {one.entity_id for one in er.async_entries_for_config_entry(entity_registry, hub.entry_id)}
    assert after == before
    assert hub.runtime_data.devices[co2].record.desired == {"co2_threshold": 1200}
    assert hass.states.get("number.bedroom_bedroom_air_co2_threshold").state == "1200"


async def test_removing_a_hub_deletes_what_was_stored(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, hass_storage: dict[str, Any]
) -> None:
    assert f"{DOMAIN}.{hub.entry_id}" in hass_storage
    await hass.config_entries.async_remove(hub.entry_id)
    await hass.async_block_till_done()
    assert f"{DOMAIN}.{hub.entry_id}" not in hass_storage


async def test_a_deleted_device_is_forgotten_by_the_broker_too_and_may_be_found_again(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    co2: str,
    say: Say,
    broker: MqttMockHAClient,
    device_registry: dr.DeviceRegistry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    device_id = hub.runtime_data.devices[co2].device_id
    broker.async_publish.reset_mock()
    await _delete(hass, hass_ws_client, device_id)
    cleared = {(call.args[0], call.args[1], call.args[3]) for call in broker.async_publish.call_args_list}
    assert {("devices/co2_001/status", "", True), ("devices/co2_001/info", "", True)} <= cleared
    assert all(payload == "" and retain for _, payload, retain in cleared)
    assert hass.states.get("sensor.bedroom_bedroom_air_co2") is None
    assert device_registry.async_get(device_id) is None

    await say(co2, "info", "", retain=True)
    assert co2 not in hub.runtime_data.approval.candidates
    await say(co2, "telemetry", CO2_TELEMETRY)
    assert co2 in hub.runtime_data.approval.candidates
    assert co2 not in hub.runtime_data.devices


async def test_a_device_that_is_deleted_while_it_is_online_is_whole_when_it_is_added_again(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, hass_ws_client: WebSocketGenerator
) -> None:
    await _delete(hass, hass_ws_client, hub.runtime_data.devices[co2].device_id)
    # It goes on speaking by the connection that it has, and says nothing of itself; also over a restart.
    assert await hass.config_entries.async_reload(hub.entry_id)
    await say(co2, "telemetry", CO2_TELEMETRY)
    assert hub.runtime_data.approval.candidates[co2].name == "Bedroom air"
    await hub.runtime_data.async_approve([co2])
    await hass.async_block_till_done()
    assert hass.states.get("sensor.bedroom_bedroom_air_co2").state == "920"
    assert hass.states.get("number.bedroom_bedroom_air_co2_threshold") is not None
    assert hub.runtime_data.store.deleted == {}


async def test_what_a_deleted_device_was_is_kept_until_it_goes_and_of_the_last_twenty(
    hub: MockConfigEntry, co2: str, say: Say, hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    store = hub.runtime_data.store
    for number in range(30):
        store.keep_deleted(DeviceRecord(f"old_{number}"))
    await _delete(hass, hass_ws_client, hub.runtime_data.devices[co2].device_id)
    assert list(store.deleted) == [*(f"old_{number}" for number in range(11, 30)), co2]
    await say(co2, "status", "offline")
    assert co2 not in store.deleted


async def test_a_device_that_is_deleted_while_it_is_away_is_forgotten_altogether(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, hass_ws_client: WebSocketGenerator
) -> None:
    await say(co2, "status", "offline")
    await _delete(hass, hass_ws_client, hub.runtime_data.devices[co2].device_id)
    assert hub.runtime_data.store.deleted == {}


async def test_a_device_that_speaks_while_it_is_deleted_is_found_again_only_once_it_is_gone(
    hass: HomeAssistant,
    broker: MqttMockHAClient,
    say: Say,
    wait: Wait,
    device_registry: dr.DeviceRegistry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    entry = hub_entry(automatic=True)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await say("co2_001", "telemetry", {"co2": 500})
    await wait(1)
    before = entry.runtime_data.devices["co2_001"].device_id

    async def speak(*_args: Any, **_kwargs: Any) -> None:
        async_fire_mqtt_message(hass, "devices/co2_001/telemetry", '{"co2": 510}')
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=1))
        for _ in range(10):
            await asyncio.sleep(0)

    broker.async_publish.side_effect = speak
    await _delete(hass, hass_ws_client, before)
    broker.async_publish.side_effect = None
    assert (entry.runtime_data.devices, device_registry.async_get(before)) == ({}, None)
    await say("co2_001", "telemetry", {"co2": 520})
    await wait(1)
    await say("co2_001", "telemetry", {"co2": 530})
    assert device_registry.async_get(entry.runtime_data.devices["co2_001"].device_id) is not None
    assert hass.states.get("sensor.co2_001_co2").state == "530"


async def test_a_device_of_a_hub_that_is_not_loaded_cannot_be_deleted_and_the_reason_is_said(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    co2: str,
    device_registry: dr.DeviceRegistry,
    hass_ws_client: WebSocketGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    device_id = hub.runtime_data.devices[co2].device_id
    await hass.config_entries.async_unload(hub.entry_id)
    assert await async_setup_component(hass, "config", {})
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "config/device_registry/remove", "device_id": device_id})
    answer = await client.receive_json()
    assert (answer["success"], answer["error"].get("translation_key")) == (False, "no_hub")
    # Home Assistant logs each refusal as an error.
    caplog.clear()
    assert device_registry.async_get(device_id) is not None


async def test_the_repairs_about_its_devices_go_with_the_hub(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, issue_registry: ir.IssueRegistry
) -> None:
    await hub.runtime_data.devices[co2].async_configure({"co2_threshold": 4900})
    await say(co2, "config/state", {"revision": 1, "config": {}, "rejected": {"co2_threshold": "above 4000"}})
    await say(co2, "commands", {"command": "run_pump"}, retain=True)
    assert len(issue_registry.issues) == 2
    await hass.config_entries.async_remove(hub.entry_id)
    await hass.async_block_till_done()
    assert issue_registry.issues == {}


async def test_the_device_of_another_integration_is_none_of_ours(
    hass: HomeAssistant, hub: MockConfigEntry, device_registry: dr.DeviceRegistry, hass_ws_client: WebSocketGenerator
) -> None:
    left_over = device_registry.async_get_or_create(config_entry_id=hub.entry_id, identifiers={(DOMAIN, "left_over")})
    await _delete(hass, hass_ws_client, left_over.id)
    assert device_registry.async_get(left_over.id) is None


async def _delete(hass: HomeAssistant, hass_ws_client: WebSocketGenerator, device_id: str) -> None:
    """Delete a device as the button on its page does."""
    assert await async_setup_component(hass, "config", {})
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "config/device_registry/remove", "device_id": device_id})
    answer = await client.receive_json()
    assert answer["success"], answer
    await hass.async_block_till_done()


async def test_a_device_is_described_in_the_registry_as_it_describes_itself(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, device_registry: dr.DeviceRegistry
) -> None:
    device = device_registry.async_get(hub.runtime_data.devices[co2].device_id)
    assert (device.name, device.manufacturer, device.model) == ("Bedroom air", "SmartAir", "smartair-co2")
    assert (device.sw_version, device.hw_version, device.serial_number) == ("2.0.1", "B", "co2_001")
    assert device.area_id == "bedroom"

    await say(co2, "info", {**CO2_INFO, "firmware_version": "2.2.0", "name": "Big bedroom"})
    device = device_registry.async_get(device.id)
    assert (device.name, device.sw_version) == ("Big bedroom", "2.2.0")


async def test_a_script_that_begins_to_measure_more_is_taken_for_what_it_then_is(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, device_registry: dr.DeviceRegistry
) -> None:
    await hub.runtime_data.async_approve(["script"])
    device = hub.runtime_data.devices["script"]
    for content, taken_for in (({"temperature": 20}, "temp"), ({"co2": 500}, "co2"), ({"pm25": 5}, "multi")):
        await say("script", "telemetry", content)
        assert device_registry.async_get(device.device_id).model_id == taken_for


async def test_two_hubs_keep_devices_of_one_uid_apart(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say
) -> None:
    other = hub_entry(root="site1/devices")
    other.add_to_hass(hass)
    assert await hass.config_entries.async_setup(other.entry_id)
    await say("co2_001", "telemetry", {"co2": 555}, root="site1/devices")
    await other.runtime_data.async_approve(["co2_001"])
    await hass.async_block_till_done()
    await say("co2_001", "telemetry", {"co2": 560}, root="site1/devices")
    assert hass.states.get("sensor.bedroom_bedroom_air_co2").state == "920"
    assert hass.states.get("sensor.co2_001_co2").state == "560"


async def test_what_was_stored_by_a_later_version_is_left_alone(
    hass: HomeAssistant,
    broker: MqttMockHAClient,
    entry: MockConfigEntry,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = f"{DOMAIN}.{entry.entry_id}"
    stored = {"version": 99, "minor_version": 1, "key": key, "data": {"devices": {"co2_001": {}}}}
    hass_storage[key] = stored
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "stored_by_later_version"
    assert hass_storage[key] == stored
    assert "later version of SmartAir" in caplog.text
    caplog.clear()


@pytest.mark.parametrize("data", [["devices"], {"devices": ["co2_001"]}, {"devices": None}, "devices", None])
async def test_a_file_of_another_shape_is_taken_for_an_empty_one(
    hass: HomeAssistant, broker: MqttMockHAClient, entry: MockConfigEntry, hass_storage: dict[str, Any], data: Any
) -> None:
    for name in ("", *(f".{concern}" for concern in CONCERNS if concern != "firmware")):
        key = f"{DOMAIN}.{entry.entry_id}{name}"
        hass_storage[key] = {"version": 1, "minor_version": 1, "key": key, "data": data}
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert entry.runtime_data.devices == {}


async def test_one_broken_record_costs_one_device_and_not_the_others(
    hass: HomeAssistant, broker: MqttMockHAClient, entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    key = f"{DOMAIN}.{entry.entry_id}"
    devices = {
        "good": {"metrics": ["co2", "no_such_metric"], "desired": {"report_interval": 30}, "revision": 4},
        "bad uid": {},
        "bad_info": {"info": {"protocol": 9}},
        "bad_revision": {"revision": "many"},
        "no_record": None,
    }
    hass_storage[key] = {"version": 1, "minor_version": 1, "key": key, "data": {"devices": devices}}
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert set(entry.runtime_data.devices) == {"good"}
    assert entry.runtime_data.devices["good"].record.metrics == ["co2"]


async def test_the_device_is_told_apart_from_one_whose_uid_continues_its_own(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, entity_registry: er.EntityRegistry
) -> None:
    await say("rack", "telemetry", {"temperature": 20, "water_temperature": 18})
    await say("rack_water", "telemetry", {"temperature": 19})
    await hub.runtime_data.async_approve(["rack", "rack_water"])
    await hass.async_block_till_done()
    unique_ids = [one.unique_id for one in entity_registry.entities.values() if "temperature" in one.unique_id]
    assert sorted(unique_ids) == ["rack-temperature", "rack-water_temperature", "rack_water-temperature"]
