"""A configuration that an earlier version stored starts under this one as it was."""

import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntryState, ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    RegistryEntryWithDefaults,
    mock_registry,
)
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pysmartair import Code, updating
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused
from custom_components.smartair.pysmartair.water.model import Failed, Step

from .pump_node import Node

STORED: dict[str, Any] = json.loads((Path(__file__).parent / "stored/first_version.json").read_text())
ENTITIES: list[tuple[str, str, str]] = [tuple(one) for one in STORED["entities"]]


@pytest.fixture
async def before(hass: HomeAssistant, broker: MqttMockHAClient, hass_storage: dict[str, Any]) -> SmartAirHub:
    """The hub, started from what was stored before."""
    node = Node(hass)
    broker.async_publish.side_effect = node.publish
    # As Home Assistant writes it, and not the same objects in each test.
    hass_storage |= json.loads(json.dumps(STORED["storage"]))
    entry = STORED["entry"]
    config = MockConfigEntry(
        domain=DOMAIN,
        **{name: entry[name] for name in ("entry_id", "title", "unique_id", "version", "minor_version")},
        data=entry["data"],
        options=entry["options"],
        subentries_data=[
            ConfigSubentryDataWithId(
                data=one["data"],
                subentry_id=one["subentry_id"],
                subentry_type=one["subentry_type"],
                title=one["title"],
                unique_id=one["unique_id"],
            )
            for one in entry["subentries"]
        ],
    )
    config.add_to_hass(hass)
    mock_registry(
        hass,
        {
            entity_id: RegistryEntryWithDefaults(
                entity_id=entity_id,
                unique_id=unique_id,
                id=registry_id,
                platform=DOMAIN,
                config_entry_id=config.entry_id,
            )
            for entity_id, unique_id, registry_id in ENTITIES
        },
    )
    assert await hass.config_entries.async_setup(config.entry_id)
    await hass.async_block_till_done()
    assert config.state is ConfigEntryState.LOADED
    hub: SmartAirHub = config.runtime_data
    return hub


async def test_devices_are_there_with_what_their_owner_wanted_of_them(before: SmartAirHub) -> None:
    assert set(before.devices) == {"co2_001", "rack_a"}
    assert before.devices["co2_001"].record.desired["co2_threshold"] == 900
    assert before.devices["co2_001"].snapshot.firmware_version == "1.0.0"


async def test_a_lock_holds(before: SmartAirHub) -> None:
    pump = before.pumps["rack_a", "pump_drain"]
    assert pump.lock == Refused(Reason.OVERCURRENT, Cause.MEASURED)
    assert isinstance(pump.async_verdict(), Refused)


async def test_a_water_change_that_failed_waits_for_its_owner(before: SmartAirHub) -> None:
    (zone,) = before.zones.values()
    assert isinstance(zone.memory.state, Failed)
    assert zone.memory.state.step is Step.DRAIN
    assert zone.name == "Tent"
    assert set(zone.pumps.values()) == set(before.pumps.values())


async def test_alerts_are_still_active(before: SmartAirHub) -> None:
    (zone,) = before.zones
    active = {(alert.code, alert.uid, alert.zone, alert.channel) for alert in before.alerts.active()}
    assert active >= {
        (Code.OVERCURRENT, "rack_a", zone, "pump_drain"),
        (Code.WATER_CHANGE_FAILED, None, zone, None),
    }


async def test_an_update_goes_on(before: SmartAirHub) -> None:
    update = before.updates.of(before.devices["co2_001"])
    assert update.busy
    order = updating.order_of(update.state)
    assert order is not None
    assert (order.version, order.previous) == ("2.0.0", "1.0.0")


async def test_what_was_measured_and_moved_is_remembered(before: SmartAirHub) -> None:
    assert before.devices["co2_001"].restored["co2"] == (640, 1_790_000_000.0)
    stored = STORED["storage"][f"{DOMAIN}.{before.entry.entry_id}.usage"]["data"]["runs"]
    assert [run.cmd_id for run in before.pumps.usage.runs()] == [one["cmd_id"] for one in stored]


async def test_every_entity_keeps_its_name(hass: HomeAssistant, before: SmartAirHub) -> None:
    registry = er.async_get(hass)
    found = {entry.entity_id: (entry.unique_id, entry.id) for entry in registry.entities.values()}
    assert {entity_id: found.get(entity_id) for entity_id, *_ in ENTITIES} == {
        entity_id: (unique_id, registry_id) for entity_id, unique_id, registry_id in ENTITIES
    }
    # What is there comes under its old name, and nothing as its own double.
    alive = {state.entity_id for state in hass.states.async_all() if not state.attributes.get("restored")}
    assert len(alive & {entity_id for entity_id, *_ in ENTITIES}) > len(ENTITIES) * 0.9
    assert not [
        entity_id for entity_id in alive if entity_id.removesuffix("_2") in found and entity_id.endswith("_2")
    ]
