"""What a device no longer offers is told once that lasts, and removed by its owner alone."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smartair import async_remove_config_entry_device
from custom_components.smartair.const import DOMAIN
from custom_components.smartair.hub import SmartAirHub

from .conftest import CO2_INFO, Say, Wait
from .pump_node import INFO, Node
from .zone_rack import add_zone, settings

LESS: dict[str, Any] = CO2_INFO | {
    "metrics": ["co2", "temperature"],
    "config": {"report_interval": {"min": 1, "max": 3600}, "led_colour": {"min": 0, "max": 9}},
    "commands": ["restart"],
}
GONE = {
    ("sensor", "humidity"),
    ("number", "setting_co2_threshold"),
    ("number", "setting_fan_speed"),
    ("select", "setting_led_colour"),
    ("switch", "setting_alerts_enabled"),
    ("switch", "night_mode"),
    ("time", "night_start"),
    ("time", "night_end"),
    ("button", "identify"),
    ("button", "live"),
}

type Fix = Callable[[str], Awaitable[None]]


@pytest.fixture
async def fix(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> Fix:
    """Click through the repair of a device."""
    assert await async_setup_component(hass, REPAIRS, {})
    client = await hass_client()

    async def click(issue_id: str) -> None:
        answer = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id})
        assert answer.status == HTTPStatus.OK
        form = await answer.json()
        assert form["description_placeholders"]["list"]
        answer = await client.post(f"/api/repairs/issues/fix/{form['flow_id']}", json={})
        assert (await answer.json())["type"] == "create_entry"
        await hass.async_block_till_done()

    return click


def _told(hass: HomeAssistant, hub: MockConfigEntry, uid: str) -> list[str] | None:
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"no_longer_offered/{hub.entry_id}/{uid}/")
    if issue is None:
        return None
    assert issue.translation_placeholders is not None
    return [line.removeprefix("- ") for line in issue.translation_placeholders["list"].split("\n")]


def _entities(hass: HomeAssistant, hub: MockConfigEntry, uid: str) -> set[tuple[str, str]]:
    entries = er.async_entries_for_config_entry(er.async_get(hass), hub.entry_id)
    return {(one.domain, one.unique_id.removeprefix(f"{uid}-")) for one in entries if one.unique_id.startswith(uid)}


async def _for_minutes(wait: Wait, say: Say, uid: str, minutes: int, **values: float) -> None:
    for _ in range(minutes):
        await wait(60)
        await say(uid, "telemetry", values)


async def test_what_a_device_no_longer_offers_is_told_and_removed_by_a_click(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait, fix: Fix
) -> None:
    before = _entities(hass, hub, co2)
    assert before >= GONE
    await say(co2, "info", LESS)
    await _for_minutes(wait, say, co2, 5, co2=700, temperature=21)
    told = _told(hass, hub, co2)
    assert told is not None
    assert {"Humidity", "Fan speed", "Night mode", "Identify"} <= set(told)
    assert len(told) == len(GONE)
    # By itself nothing goes.
    now_there = _entities(hass, hub, co2)
    assert now_there >= before
    await fix(f"no_longer_offered/{hub.entry_id}/{co2}/")
    assert _entities(hass, hub, co2) == now_there - GONE
    assert _told(hass, hub, co2) is None
    # Not even a reload brings it back; the device's own word does.
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert _entities(hass, hub, co2) == now_there - GONE


async def test_what_was_removed_and_comes_back_is_added_again(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait, fix: Fix
) -> None:
    await say(co2, "info", LESS)
    await _for_minutes(wait, say, co2, 5, co2=700, temperature=21)
    await fix(f"no_longer_offered/{hub.entry_id}/{co2}/")
    await say(co2, "telemetry", {"co2": 700, "humidity": 44})
    humidity = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{co2}-humidity")
    assert humidity is not None
    assert hass.states.get(humidity).state == "44"
    await say(co2, "info", CO2_INFO)
    assert _entities(hass, hub, co2) >= GONE


async def test_what_is_back_or_reported_all_the_same_is_not_told(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait
) -> None:
    await say(co2, "info", CO2_INFO | {"metrics": ["co2", "temperature"]})
    await _for_minutes(wait, say, co2, 6, co2=700, temperature=21, humidity=40)
    assert _told(hass, hub, co2) is None
    await _for_minutes(wait, say, co2, 6, co2=700, temperature=21)
    assert _told(hass, hub, co2) == ["Humidity"]
    await say(co2, "telemetry", {"co2": 700, "humidity": 40})
    await wait(60)
    assert _told(hass, hub, co2) is None


async def test_what_a_description_never_named_is_told_after_a_day_without_it(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait
) -> None:
    await say(co2, "telemetry", {"co2": 700, "pressure": 1000})
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    for hour in range(32):
        await wait(3600)
        await say(co2, "telemetry", {"co2": 700 + hour})
        await wait(60)
        if hour == 20:
            assert _told(hass, hub, co2) is None
    assert _told(hass, hub, co2) == ["Atmospheric pressure"]
    await hass.config_entries.async_unload(hub.entry_id)
    assert _told(hass, hub, co2) is None


async def test_a_device_that_is_deleted_or_never_described_itself_is_not_looked_at(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, co2: str, say: Say, wait: Wait
) -> None:
    await say("script_1", "telemetry", {"co2": 700, "humidity": 40})
    await house.async_approve(["script_1"])
    await hass.async_block_till_done()
    await say(co2, "info", LESS)
    await house.async_forget(co2)
    house.leftovers.async_remove(co2)
    await _for_minutes(wait, say, "script_1", 15, co2=700)
    assert _told(hass, hub, "script_1") is _told(hass, hub, co2) is None


async def test_a_pump_that_a_node_no_longer_has_goes_with_a_click_and_its_lock_is_remembered(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    house: SmartAirHub,
    node: Node,
    wait: Wait,
    fix: Fix,
    device_registry: dr.DeviceRegistry,
) -> None:
    node.locks["pump_drain"] = "dry_run"
    await node.report()
    node.say("info", INFO | {"channels": INFO["channels"][:1]})
    for channel in ("pump_fill", "pump_drain"):
        del node.on[channel]
    for _ in range(4):
        await wait(60)
        await node.report()
    # One that is locked is looked after.
    assert _told(hass, hub, node.uid) == ["Fill pump"]
    await fix(f"no_longer_offered/{hub.entry_id}/{node.uid}/")
    assert [channel for _, channel in house.pumps] == ["pump_recirc", "pump_drain"]
    children = dr.async_entries_for_parent_device(device_registry, house.devices[node.uid].device_id)
    assert sorted(child.name or "" for child in children) == ["Drain pump", "Recirculation pump"]
    # Deleted on its page, it is a new one when it comes back, and as locked as it was.
    drain = house.pumps[node.uid, "pump_drain"].device_id
    assert drain is not None
    entry = device_registry.async_get(drain)
    assert isinstance(entry, dr.ChildDeviceEntry)
    assert await async_remove_config_entry_device(hass, hub, entry)
    device_registry.async_remove_device(drain)
    await hass.async_block_till_done()
    assert [channel for _, channel in house.pumps] == ["pump_recirc"]
    node.say("info", INFO)
    await hass.async_block_till_done()
    await wait(6)
    assert house.pumps[node.uid, "pump_drain"].lock is not None
    assert house.pumps[node.uid, "pump_fill"].lock is None
    assert hass.states.get("switch.rack_a_drain_pump") is not None


async def test_the_device_of_a_pump_that_is_left_from_before_a_restart_is_told_unless_a_zone_uses_it(
    hass: HomeAssistant, hub: MockConfigEntry, node: Node, wait: Wait, fix: Fix
) -> None:
    await add_zone(hass, hub, settings(hass, hub, pumps={"drain": None}))
    node.say("info", INFO | {"channels": INFO["channels"][:1]})
    for channel in ("pump_fill", "pump_drain"):
        del node.on[channel]
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    for _ in range(12):
        await wait(60)
        await node.report()
    assert _told(hass, hub, node.uid) == ["Drain pump"]
    await fix(f"no_longer_offered/{hub.entry_id}/{node.uid}/")
    assert _told(hass, hub, node.uid) is None
