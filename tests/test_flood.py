"""Whoever says too much is heard once a second, and is told of; nobody loses a trip to it."""

import json
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_mqtt_message,
)

from custom_components.smartair.const import DOMAIN, EVENT_ALERT
from custom_components.smartair.devices import approval
from custom_components.smartair.devices.flood import MAX_WAITING
from custom_components.smartair.hub import SmartAirHub

from .conftest import CO2_INFO, Say, Wait
from .pump_node import Node


def flooded(hass: HomeAssistant, hub: MockConfigEntry, uid: str) -> bool:
    return ir.async_get(hass).async_get_issue(DOMAIN, f"device_floods/{hub.entry_id}/{uid}/") is not None


def shout(hass: HomeAssistant, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
    async_fire_mqtt_message(hass, f"devices/{topic}", payload, 1, retain)


async def test_of_what_is_too_much_the_last_counts_a_second_later_and_the_owner_is_told(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, co2: str, wait: Wait
) -> None:
    for number in range(3_100):
        shout(hass, f"{co2}/telemetry", f'{{"co2": {400 + number}}}')
    assert house.connection.counts["held_back"] > 0
    assert house.devices[co2].snapshot.values["co2"] < 3_499
    assert flooded(hass, hub, co2)
    await wait(1)
    assert house.devices[co2].snapshot.values["co2"] == 3_499
    await wait(301)
    assert not flooded(hass, hub, co2)


async def test_a_device_that_goes_on_stays_told(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, co2: str, wait: Wait
) -> None:
    for _ in range(4):
        for number in range(400):
            shout(hass, f"{co2}/event", f'{{"event": "button", "n": {number}}}')
        await wait(150)
    assert flooded(hass, hub, co2)


@pytest.mark.parametrize(
    "channel", ["info", "status", "config/state", "ota/state", "event", "command_response", "data"]
)
async def test_every_kind_has_a_budget_of_its_own(
    hass: HomeAssistant, house: SmartAirHub, co2: str, say: Say, channel: str
) -> None:
    for number in range(3_050):
        shout(hass, f"{co2}/{channel}", f'{{"n": {number}}}')
    assert house.connection.counts["held_back"] > 0
    await say(co2, "telemetry", {"co2": 555})
    assert house.devices[co2].snapshot.values["co2"] == 555


async def test_bytes_count_and_what_is_too_large_is_not_looked_into(
    hass: HomeAssistant, house: SmartAirHub, co2: str
) -> None:
    large = b'{"' + b"x" * 60_000 + b'": 1}'
    for _ in range(50):
        shout(hass, f"{co2}/telemetry", large)
    assert house.connection.counts["held_back"] > 10
    before = house.connection.counts["held_back"]
    shout(hass, f"{co2}/telemetry", b"x" * 70_000)
    assert house.connection.counts["error_too_large"] == 1
    assert house.connection.counts["held_back"] == before


async def test_trips_and_answers_of_pumps_are_not_lost_in_a_flood(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    for number in range(3_200):
        shout(hass, "rack_a/telemetry", f'{{"water_level": {number % 100}}}')
    for number in range(200):
        shout(hass, "rack_a/event", f'{{"event": "button", "n": {number}}}')
    told: list[Event[Any]] = async_capture_events(hass, EVENT_ALERT)
    for channel in ("pump_fill", "pump_drain"):
        trip = f'{{"event": "safety_trip", "code": "overcurrent", "channel": "{channel}", "locked": true}}'
        shout(hass, "rack_a/event", trip)
    shout(hass, "rack_a/event", '{"event": "button"}')
    await house.pumps["rack_a", "pump_recirc"].async_run()
    await wait(1)
    assert house.pumps["rack_a", "pump_fill"].lock is not None
    assert house.pumps["rack_a", "pump_drain"].lock is not None
    assert {"pump_fill", "pump_drain"} <= {event.data["channel"] for event in told}


async def test_what_registries_hold_changes_once_a_second_at_most(
    hass: HomeAssistant, house: SmartAirHub, co2: str, wait: Wait, device_registry: dr.DeviceRegistry
) -> None:
    changes: list[Event[Any]] = async_capture_events(hass, dr.EVENT_DEVICE_REGISTRY_UPDATED)
    for number in range(500):
        shout(hass, f"{co2}/telemetry", f'{{"co2": 500, "firmware_version": "1.0.{number}"}}')
    await hass.async_block_till_done()
    assert len(changes) <= 21
    house.devices[co2]._change_now()  # noqa: SLF001 - the loop's own clock is not frozen
    assert device_registry.async_get(house.devices[co2].device_id).sw_version == "1.0.499"


async def test_what_was_put_off_is_kept_when_the_hub_is_unloaded(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, co2: str
) -> None:
    for number in range(50):
        shout(hass, f"{co2}/telemetry", f'{{"co2": 500, "firmware_version": "1.0.{number}"}}')
    await hass.config_entries.async_reload(hub.entry_id)
    assert hub.runtime_data.devices[co2].snapshot.firmware_version == "1.0.49"


async def test_strangers_share_a_budget_and_wait_their_turn(
    hass: HomeAssistant, house: SmartAirHub, wait: Wait, freezer: FrozenDateTimeFactory
) -> None:
    for number in range(800):
        shout(hass, f"new_{number}/status", "online")
    assert len(house.approval.candidates) == 500
    shout(hass, "real_1/info", '{"protocol": 1, "device_type": "co2"}', retain=True)
    assert "real_1" in house.approval.candidates
    for _ in range(11):
        await wait(0.11)
    assert len(house.approval.candidates) == 801
    assert not any(house.flood._ends)  # noqa: SLF001 - nothing waits any more


async def test_what_waits_is_bounded_and_the_last_of_each_kind(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub
) -> None:
    for number in range(500 + MAX_WAITING + 50):
        shout(hass, f"new_{number}/status", "online")
    for number in range(200):
        shout(hass, "new_x/info", b"y" * (30_000 + number))
    assert house.connection.counts["strangers_dropped"] == 51
    for number in range(200):
        shout(hass, f"large_{number}/info", b"y" * 60_000)
    assert house.flood._waiting_bytes <= 4 * 1024 * 1024  # noqa: SLF001
    await hass.config_entries.async_unload(hub.entry_id)
    assert house.flood._waiting == {}  # noqa: SLF001


async def test_a_device_that_describes_itself_otherwise_all_the_time_does_not_grow_without_end(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, co2: str, entity_registry: er.EntityRegistry
) -> None:
    for number in range(12):
        config = {f"word_{number}_{one}": {"min": 0, "max": 9} for one in range(50)}
        shout(hass, f"{co2}/info", json.dumps(CO2_INFO | {"config": config}))
        await hass.async_block_till_done()
    entities = er.async_entries_for_device(
        entity_registry, house.devices[co2].device_id, include_disabled_entities=True
    )
    # Others of the hub's entities of a device (alerts, updates) come by other ways.
    assert len(entities) <= 260
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"too_many_entities/{hub.entry_id}/{co2}/")
    assert issue is not None


async def test_a_device_that_is_deleted_has_no_budget_any_more(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, co2: str
) -> None:
    for number in range(400):
        shout(hass, f"{co2}/event", f'{{"event": "button", "n": {number}}}')
    await house.async_forget(co2)
    assert not flooded(hass, hub, co2)
    assert house.flood._buckets == {}  # noqa: SLF001


async def test_a_flood_that_lasts_until_the_end_is_not_told_after_it(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str
) -> None:
    for number in range(400):
        shout(hass, f"{co2}/event", f'{{"event": "button", "n": {number}}}')
    assert flooded(hass, hub, co2)
    await hass.config_entries.async_unload(hub.entry_id)
    assert not flooded(hass, hub, co2)


async def test_what_strangers_say_of_themselves_is_bounded_in_bytes(
    hass: HomeAssistant, house: SmartAirHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "MAX_BYTES", 10_000)
    shout(hass, "real/info", '{"protocol": 1, "device_type": "co2"}')
    for number in range(20):
        shout(hass, f"name_{number}/telemetry", f'{{"co2": 500, "x": "{"y" * 1_000}"}}')
    assert "real" in house.approval.candidates
    assert "name_19" in house.approval.candidates
    assert 8 <= len(house.approval.candidates) <= 10


async def test_mere_names_are_forgotten_after_a_day_and_devices_after_a_week(
    hass: HomeAssistant, house: SmartAirHub, say: Say, wait: Wait
) -> None:
    await say("name", "status", "online")
    await say("co2_009", "info", CO2_INFO)
    await wait(86_500)
    assert list(house.approval.candidates) == ["co2_009"]
    await wait(7 * 86_400)
    assert list(house.approval.candidates) == []
