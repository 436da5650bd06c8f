"""What is wrong with how a pump or a zone was set up is a repair, which goes when it is put right."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.hub import SmartAirHub

from .conftest import Wait
from .pump_node import INFO, Node, begin
from .zone_house import DATA, TankHouse, discover
from .zone_rack import add_zone


def issue(registry: ir.IssueRegistry, *parts: str) -> ir.IssueEntry | None:
    return registry.async_get_issue(DOMAIN, "/".join(parts))


def wired(contact: str) -> dict[str, Any]:
    channels: list[dict[str, Any]] = [dict(one) for one in INFO["channels"]]
    channels[1]["fail_safe_mode"] = contact
    return INFO | {"channels": channels}


async def test_a_fill_pump_that_each_power_cut_switches_on_is_a_repair_until_it_is_wired_otherwise(
    hass: HomeAssistant,
    broker: MqttMockHAClient,
    hub: MockConfigEntry,
    house: SmartAirHub,
    issue_registry: ir.IssueRegistry,
) -> None:
    node = await begin(hass, broker, house, wired("NC"))
    told = issue(issue_registry, "pump_wrong_relay", hub.entry_id, "rack_a", "pump_fill")
    assert told is not None
    assert told.translation_placeholders is not None
    assert told.translation_placeholders["pump"] == house.pumps["rack_a", "pump_fill"].place
    assert issue(issue_registry, "pump_wrong_relay", hub.entry_id, "rack_a", "pump_recirc") is None
    node.say("info", wired("NO"))
    await hass.async_block_till_done()
    assert issue(issue_registry, "pump_wrong_relay", hub.entry_id, "rack_a", "pump_fill") is None


async def test_a_pause_that_was_set_when_more_was_allowed_is_a_repair_that_says_what_holds(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, node: Node, issue_registry: ir.IssueRegistry
) -> None:
    recirc = house.pumps["rack_a", "pump_recirc"]
    await house.pumps.async_set_limit(recirc, "max_off_s", 86_400)
    told = issue(issue_registry, "pump_long_pause", hub.entry_id, "rack_a", "pump_recirc")
    assert told is not None
    assert told.translation_placeholders is not None
    assert (told.translation_placeholders["minutes"], told.translation_placeholders["most"]) == ("1440", "30")
    assert recirc.limits.max_off_s == 1800
    await house.pumps.async_set_limit(recirc, "max_off_s", 1800)
    assert issue(issue_registry, "pump_long_pause", hub.entry_id, "rack_a", "pump_recirc") is None


@pytest.mark.usefixtures("broker")
async def test_settings_of_a_zone_that_are_refused_today_are_a_repair_until_it_is_changed(
    hass: HomeAssistant, hub: MockConfigEntry, wait: Wait, issue_registry: ir.IssueRegistry
) -> None:
    TankHouse(hass, wait)
    await discover(hass, unit_of_measurement="%")
    zone = await add_zone(hass, hub, DATA | {"limits": {"min_level": 20, "empty_level": 15}})
    told = issue(issue_registry, "zone_set_up", hub.entry_id, zone.zone_id)
    assert told is not None
    assert told.translation_placeholders == {
        "zone": "Tent",
        "faults": "- Empty must lie above the lowest level at which a pump may draw water",
    }
    hass.config_entries.async_update_subentry(hub, hub.subentries[zone.zone_id], data=DATA)
    await hass.async_block_till_done()
    assert issue(issue_registry, "zone_set_up", hub.entry_id, zone.zone_id) is None


@pytest.mark.usefixtures("broker")
async def test_a_zone_that_cannot_be_read_is_told_and_keeps_no_other_from_its_work(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    wait: Wait,
    issue_registry: ir.IssueRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    TankHouse(hass, wait)
    await discover(hass, unit_of_measurement="%")
    zone = await add_zone(hass, hub, DATA)
    assert await hass.config_entries.async_unload(hub.entry_id)
    broken = DATA | {"water_cycle": {"schedule": [{"from": "breakfast"}]}}
    hass.config_entries.async_update_subentry(hub, hub.subentries[zone.zone_id], data=broken)
    assert await hass.config_entries.async_setup(hub.entry_id)
    with pytest.raises(KeyError):
        await add_zone(hass, hub, broken | {"pumps": {}}, "Shed")
    shed = list(hub.subentries)[-1]
    other = DATA | {"pumps": {}, "sensors": {"ec": "sensor.ec"}}
    assert (await add_zone(hass, hub, other, "Balcony")).name == "Balcony"
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert [one.name for one in hub.runtime_data.zones.values()] == ["Balcony"]
    told = issue(issue_registry, "zone_set_up", hub.entry_id, shed)
    assert told is not None
    assert told.translation_key == "zone_unreadable"
    hass.config_entries.async_update_subentry(hub, hub.subentries[zone.zone_id], data=DATA)
    hass.config_entries.async_remove_subentry(hub, shed)
    await hass.async_block_till_done()
    assert {one.name for one in hub.runtime_data.zones.values()} == {"Balcony", "Tent"}
    assert not [one for _, one in issue_registry.issues if one.startswith("zone_set_up/")]
    caplog.clear()
