"""What helps when something is wrong: repairs, diagnostics, system health, and texts for all of it."""

from http import HTTPStatus
import json
from pathlib import Path
from typing import Any

from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.components.repairs import DOMAIN as REPAIRS_DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, get_system_health_info
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, MqttMockHAClient
from syrupy.assertion import SnapshotAssertion

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.pysmartair import CATALOGUE
from custom_components.smartair.pysmartair.channels import Fault
from custom_components.smartair.sensor import METRICS

from .conftest import CO2_INFO, CO2_TELEMETRY, Say, Wait
from .test_config_flow import CODED

TRANSLATIONS = Path("custom_components/smartair/translations")


async def _fix(hass: HomeAssistant, hass_client: ClientSessionGenerator, issue_id: str) -> dict[str, Any]:
    """Press the button of a repair and agree."""
    assert await async_setup_component(hass, REPAIRS_DOMAIN, {})
    await hass.async_block_till_done()
    client = await hass_client()
    answer = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id})
    assert answer.status == HTTPStatus.OK
    form = await answer.json()
    assert form["step_id"] == "confirm"
    answer = await client.post(f"/api/repairs/issues/fix/{form['flow_id']}", json={})
    assert answer.status == HTTPStatus.OK
    return {"form": form, "result": await answer.json()}


async def test_the_repair_approves_all_who_wait_and_need_no_code(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait, hass_client: ClientSessionGenerator
) -> None:
    await say("coded", "info", CODED, retain=True)
    for number in [*range(22), *range(22)]:
        await say(f"co2_{number}", "telemetry", {"co2": 500})
    await wait(1)
    fixed = await _fix(hass, hass_client, f"devices_waiting/{hub.entry_id}")
    assert fixed["form"]["description_placeholders"] == {"count": "3", "shown": "20"}
    assert fixed["result"]["type"] == "create_entry"
    assert len(hub.runtime_data.devices) == 22
    assert set(hub.runtime_data.approval.candidates) == {"coded"}


async def test_a_retained_command_is_reported_and_a_click_clears_it(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    co2: str,
    say: Say,
    broker: MqttMockHAClient,
    hass_client: ClientSessionGenerator,
    issue_registry: ir.IssueRegistry,
) -> None:
    await say("stranger", "commands", {"command": "run_pump"}, retain=True)
    await say(co2, "commands", {"command": "restart"})
    assert issue_registry.issues == {}
    await say(co2, "commands", {"command": "run_pump"}, retain=True)
    fixed = await _fix(hass, hass_client, f"retained_command/{hub.entry_id}/co2_001/commands")
    assert fixed["form"]["description_placeholders"]["topic"] == "devices/co2_001/commands"
    assert [call.args[:4] for call in broker.async_publish.call_args_list] == [
        ("devices/co2_001/commands", "", 1, True),
        ("devices/co2_001/ota", "", 1, True),
    ]
    assert issue_registry.issues == {}


async def test_a_repair_of_a_hub_that_is_not_loaded_says_so(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, hass_client: ClientSessionGenerator
) -> None:
    await say(co2, "commands", {"command": "run_pump"}, retain=True)
    await hass.config_entries.async_unload(hub.entry_id)
    fixed = await _fix(hass, hass_client, f"retained_command/{hub.entry_id}/co2_001/commands")
    assert (fixed["result"]["type"], fixed["result"]["reason"]) == ("abort", "hub_not_loaded")


async def test_a_repair_says_so_when_the_broker_cannot_be_told(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, hass_client: ClientSessionGenerator
) -> None:
    await say(co2, "commands", {"command": "run_pump"}, retain=True)
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, False)
    fixed = await _fix(hass, hass_client, f"retained_command/{hub.entry_id}/co2_001/commands")
    assert (fixed["result"]["type"], fixed["result"]["reason"]) == ("abort", "broker_unavailable")


async def test_a_retained_command_that_somebody_cleared_is_reported_no_more(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, issue_registry: ir.IssueRegistry
) -> None:
    for channel in ("commands", "ota"):
        await say(co2, channel, {"command": "run_pump"}, retain=True)
    assert len(issue_registry.issues) == 2
    for channel in ("commands", "ota"):
        await say(co2, channel, "")
    assert issue_registry.issues == {}


async def test_the_repairs_of_a_device_go_with_it(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, issue_registry: ir.IssueRegistry
) -> None:
    await say(co2, "telemetry", {"co2": 500, "colour": 3})
    await say(co2, "commands", {"command": "run_pump"}, retain=True)
    assert len(issue_registry.issues) == 2
    await hub.runtime_data.async_forget(co2)
    assert issue_registry.issues == {}


async def test_a_device_is_forgotten_even_when_the_broker_cannot_be_told(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, caplog: pytest.LogCaptureFixture
) -> None:
    hub.runtime_data.connection.connected = False
    await hub.runtime_data.async_forget(co2)
    assert hub.runtime_data.devices == {}
    assert "still keeps the retained messages of co2_001" in caplog.text


async def test_a_device_that_was_deleted_without_the_broker_is_forgotten_by_it_when_it_is_back(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, broker: MqttMockHAClient
) -> None:
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, False)
    await hass.async_block_till_done()
    await hub.runtime_data.async_forget(co2)
    broker.async_publish.reset_mock()
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, True)
    await say(co2, "info", CO2_INFO, retain=True)
    assert hub.runtime_data.approval.candidates == {}
    await hass.async_block_till_done(wait_background_tasks=True)
    cleared = [call.args for call in broker.async_publish.call_args_list]
    assert ("devices/co2_001/info", "", 1, True) in cleared
    assert ("devices/co2_001/config", "", 1, True) in cleared
    await say(co2, "telemetry", {"co2": 500})
    assert set(hub.runtime_data.approval.candidates) == {co2}


async def test_diagnostics_tell_all_that_helps_and_nothing_that_identifies(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    co2: str,
    say: Say,
    hass_client: ClientSessionGenerator,
    snapshot: SnapshotAssertion,
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    await say(co2, "info", CODED | {"serial": "canary-serial", "area": "canary-area"})
    await say(co2, "telemetry", "garbage")
    client = await hass_client()
    device_id = hub.runtime_data.devices[co2].device_id
    base = f"/api/diagnostics/config_entry/{hub.entry_id}"
    whole = (await (await client.get(base)).json())["data"]
    one = (await (await client.get(f"{base}/device/{device_id}")).json())["data"]
    for canary in ("co2_001", "Bedroom", "192.168", "34:85", "9f2c", CODED["pairing"]["sha256"], "canary"):
        assert canary not in json.dumps([whole, one])
    assert whole["counts"]["error_not_json"] == 1
    assert one == whole["devices"][0] | {"alerts": []}
    assert whole == snapshot


async def test_diagnostics_keep_back_what_a_device_tells_of_its_configuration_beyond_what_it_offers(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    hass.config_entries.async_update_entry(
        hub, options={**hub.options, "catalogues": ["https://canary:secret@example.com/firmware.json"]}
    )
    config = {"co2_threshold": 900, "wifi_password": "canary"}
    await say(co2, "config/state", {"revision": 1, "config": config})
    client = await hass_client()
    whole = (await (await client.get(f"/api/diagnostics/config_entry/{hub.entry_id}")).json())["data"]
    assert "canary" not in json.dumps(whole)
    assert whole["devices"][0]["snapshot"]["applied"]["config"] == {
        "co2_threshold": 900,
        "wifi_password": "**REDACTED**",
    }


async def test_diagnostics_of_a_hub_that_is_not_loaded_say_so(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    device_id = hub.runtime_data.devices[co2].device_id
    await hass.config_entries.async_unload(hub.entry_id)
    client = await hass_client()
    base = f"/api/diagnostics/config_entry/{hub.entry_id}"
    assert (await (await client.get(base)).json())["data"]["state"] == "not_loaded"
    assert (await (await client.get(f"{base}/device/{device_id}")).json())["data"] == {}


async def test_diagnostics_of_a_device_that_is_no_longer_loaded_are_empty(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    device_registry: dr.DeviceRegistry,
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    left_over = device_registry.async_get_or_create(config_entry_id=hub.entry_id, identifiers={(DOMAIN, "left_over")})
    client = await hass_client()
    answer = await client.get(f"/api/diagnostics/config_entry/{hub.entry_id}/device/{left_over.id}")
    assert (await answer.json())["data"] == {}


async def test_system_health_shows_the_fleet(hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say) -> None:
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    await say("co2_002", "telemetry", {"co2": 500})
    await say(co2, "telemetry", "garbage")
    assert await get_system_health_info(hass, DOMAIN) == {
        "connected": True,
        "devices": 1,
        "devices_online": 1,
        "devices_waiting": 1,
        "messages": 5,
        "messages_broken": 1,
    }
    await hass.config_entries.async_unload(hub.entry_id)
    assert (await get_system_health_info(hass, DOMAIN))["connected"] is False


# --- guards -------------------------------------------------------------------------------------


def test_every_metric_of_the_catalogue_has_a_sensor_in_its_unit() -> None:
    assert {one.key for one in METRICS} == set(CATALOGUE)
    for one in METRICS:
        unit = str(one.native_unit_of_measurement or "").replace("μ", "µ")
        assert unit == (CATALOGUE[one.key].unit or "")


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_every_entity_and_exception_has_a_text(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, language: str, entity_registry: er.EntityRegistry
) -> None:
    texts = json.loads((TRANSLATIONS / f"{language}.json").read_text(encoding="utf-8"))
    await say(co2, "telemetry", CO2_TELEMETRY | dict.fromkeys(CATALOGUE, 1) | {"co2": 900, "pressure": 1000})
    keys = {
        (one.domain, one.translation_key)
        for one in er.async_entries_for_config_entry(entity_registry, hub.entry_id)
        if one.translation_key
    }
    assert len(keys) > len(CATALOGUE)
    missing = [(domain, key) for domain, key in keys if not texts["entity"].get(domain, {}).get(key, {}).get("name")]
    assert missing == []
    source = "".join(path.read_text() for path in Path("custom_components/smartair").rglob("*.py"))
    assert [key for key in texts["exceptions"] if f'"{key}"' not in source] == []
    faults = {f"pump_{fault}" for fault in Fault}
    assert [key for key in texts["issues"] if f'"{key}"' not in source and key not in faults] == []


# --- every entity -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "platform", ["binary_sensor", "button", "event", "number", "select", "sensor", "switch", "time"]
)
@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_every_entity_is_as_it_was_agreed(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    say: Say,
    platform: str,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    everything = dict.fromkeys(CATALOGUE, 1) | {"co2": 900, "pressure": 1000}
    await say("all", "info", CO2_INFO | {"name": "All", "area": None}, retain=True)
    await say("all", "status", "online", retain=True)
    await hub.runtime_data.async_approve(["all"])
    await hass.async_block_till_done()
    await say("all", "telemetry", {**CO2_TELEMETRY, "device_uid": "all", **everything})
    agreed = {
        one.entity_id: {
            "unique_id": one.unique_id,
            "name": one.original_name,
            "translation_key": one.translation_key,
            "category": one.entity_category,
            "device_class": one.original_device_class,
            "capabilities": one.capabilities,
            "precision": one.options.get("sensor", {}).get("suggested_display_precision"),
            "state": hass.states.get(one.entity_id).state,
            "attributes": dict(hass.states.get(one.entity_id).attributes),
        }
        for one in entity_registry.entities.values()
        if one.domain == platform
    }
    assert agreed == snapshot
