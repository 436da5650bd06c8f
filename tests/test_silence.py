"""A device that its owner disabled in Home Assistant is silent, is not energised, and can be stopped."""

from typing import Any

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.smartair.const import DOMAIN, EVENT_ALERT
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pysmartair.safety import Role
from custom_components.smartair.system_health import _async_info

from .conftest import NOW, Say, Wait
from .pump_node import Node
from .zone_rack import Rack, add_zone, settings

USER = dr.DeviceEntryDisabler.USER
FILL = "pump_fill"
HUB_ALERT = "binary_sensor.smartair_alert"


async def able(hass: HomeAssistant, device_id: str | None, *, disabled: bool) -> None:
    """Disable or enable a device, as its page does."""
    assert device_id is not None
    registry = dr.async_get(hass)
    child = isinstance(registry.async_get(device_id), dr.ChildDeviceEntry)
    update = registry.async_update_child_device if child else registry.async_update_device
    update(device_id, disabled_by=USER if disabled else None)
    await hass.async_block_till_done()


@pytest.fixture
def told(hass: HomeAssistant) -> list[Event[Any]]:
    """What is said of alerts on the bus."""
    captured: list[Event[Any]] = async_capture_events(hass, EVENT_ALERT)
    return captured


def repairs(hass: HomeAssistant) -> list[str]:
    return [issue_id for domain, issue_id in ir.async_get(hass).issues if domain == DOMAIN]


async def speak(say: Say, wait: Wait, seconds: int, **content: Any) -> None:
    """Have the device say something every five seconds."""
    for _ in range(seconds // 5):
        await wait(5)
        await say("co2_001", "telemetry", {"co2": 3000, "wifi": -60, **content})


async def test_a_disabled_device_raises_nothing_whatever_it_sends(
    hass: HomeAssistant, house: SmartAirHub, co2: str, say: Say, wait: Wait, told: list[Event[Any]]
) -> None:
    await able(hass, house.devices[co2].device_id, disabled=True)
    await speak(say, wait, 140)
    await say(co2, "telemetry", {"co2": 900, "timestamp": NOW + 9000})
    await say(co2, "event", {"event": "sensor_frozen", "metric": "co2"})
    await say(co2, "event", {"event": "leak"})
    await say(co2, "status", "offline")
    await wait(400)
    assert told == []
    assert repairs(hass) == []
    assert hass.states.get(HUB_ALERT).state == "off"
    info = await _async_info(hass)
    assert (info["devices"], info["devices_online"]) == (0, 0)


async def test_what_was_wrong_is_over_when_the_device_is_disabled_and_told_again_when_it_is_enabled(
    hass: HomeAssistant, house: SmartAirHub, co2: str, say: Say, wait: Wait, told: list[Event[Any]]
) -> None:
    device_id = house.devices[co2].device_id
    await speak(say, wait, 400, timestamp=NOW + 9000)
    assert {event.data["code"] for event in told} == {"co2_high", "infra_unknown_metric", "infra_clock_skew"}
    assert len(repairs(hass)) == 2
    await able(hass, device_id, disabled=True)
    assert repairs(hass) == []
    assert hass.states.get(HUB_ALERT).state == "off"
    told.clear()
    await speak(say, wait, 400, timestamp=NOW + 9000)
    assert told == []
    await able(hass, device_id, disabled=False)
    assert len(repairs(hass)) == 2
    # Half a minute later Home Assistant loads the hub anew, for the entities that are enabled again.
    await speak(say, wait, 400, timestamp=NOW + 9000)
    assert {"co2_high", "infra_clock_skew"} <= {event.data["code"] for event in told}
    assert hass.states.get("sensor.bedroom_bedroom_air_co2").state == "3000"
    assert hass.states.get(HUB_ALERT).state == "on"


async def test_a_device_that_was_disabled_while_the_hub_was_not_loaded_is_silent_from_the_start(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    house: SmartAirHub,
    co2: str,
    say: Say,
    wait: Wait,
    told: list[Event[Any]],
) -> None:
    await speak(say, wait, 400)
    device_id = house.devices[co2].device_id
    await hass.config_entries.async_unload(hub.entry_id)
    await able(hass, device_id, disabled=True)
    told.clear()
    await hass.config_entries.async_setup(hub.entry_id)
    await hass.async_block_till_done()
    told.clear()
    await speak(say, wait, 400)
    assert told == []
    assert hass.states.get(HUB_ALERT).state == "off"


@pytest.mark.parametrize("whole", [True, False])
async def test_the_pumps_of_a_disabled_device_are_not_started_and_can_be_stopped(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, node: Node, *, whole: bool
) -> None:
    pump = house.pumps["rack_a", FILL]
    entity_id = pump.entity_id
    await able(hass, house.devices["rack_a"].device_id if whole else pump.device_id, disabled=True)
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call(DOMAIN, "run_pump", {ATTR_ENTITY_ID: entity_id}, blocking=True)
    assert node.orders("run_pump") == []
    await hass.services.async_call(DOMAIN, "stop_pump", {ATTR_ENTITY_ID: entity_id}, blocking=True)
    assert len(node.orders("stop_pump")) == 1
    # The entity of a disabled switch is not there at all after a restart.
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    node.sent.clear()
    await hass.services.async_call(DOMAIN, "stop_pump", {ATTR_ENTITY_ID: entity_id}, blocking=True)
    assert len(node.orders("stop_pump")) == 1
    await able(hass, house.devices["rack_a"].device_id if whole else pump.device_id, disabled=False)


async def test_a_pump_that_runs_is_stopped_when_its_device_is_disabled(
    hass: HomeAssistant, house: SmartAirHub, node: Node, told: list[Event[Any]]
) -> None:
    await house.pumps["rack_a", FILL].async_run(seconds=60)
    await node.report()
    await able(hass, house.devices["rack_a"].device_id, disabled=True)
    assert [order["channel"] for order in node.orders("stop_pump")] == [FILL]
    assert node.on["pump_recirc"]
    assert told == []


async def test_a_zone_orders_nothing_of_a_disabled_node(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    zone = await add_zone(hass, hub, settings(hass, hub))
    rack = Rack(node, wait)
    await rack.second(5)
    await able(hass, house.devices["rack_a"].device_id, disabled=True)
    node.sent.clear()
    with pytest.raises(HomeAssistantError):
        await zone.async_start_change()
    await rack.second(100)
    assert node.sent == []
    assert zone.pumps[Role.FILL].disabled
