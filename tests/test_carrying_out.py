"""What stands between a decision and its pump: switches that hang, break or are away, and debts that are kept."""

import asyncio
from typing import Any

from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.pysmartair import Code
from custom_components.smartair.pysmartair.safety import Role
from custom_components.smartair.pysmartair.water.model import Drain, Failed
from custom_components.smartair.zones.zone import Zone

from .conftest import Wait
from .foreign_rack import ZONE, ForeignRack, breathe
from .pump_node import Node
from .zone_rack import Rack, add_zone, rack_of, settings


@pytest.fixture
def rack(hass: HomeAssistant, hub: MockConfigEntry, wait: Wait) -> ForeignRack:
    """Three switches and a tank."""
    return ForeignRack(hass, wait)


@pytest.fixture
async def zone(hass: HomeAssistant, hub: MockConfigEntry, rack: ForeignRack) -> Zone:
    """A zone of them."""
    zone = await add_zone(hass, hub, ZONE)
    await rack.second(2)
    return zone


def begin(hass: HomeAssistant, work: Any) -> asyncio.Task[Any]:
    return hass.async_create_background_task(work, "somebody", eager_start=True)


async def draining(rack: ForeignRack, zone: Zone) -> None:
    await zone.async_start_change()
    await rack.second(5)
    assert isinstance(zone.memory.state, Drain)
    assert rack.contact == {"recirc": False, "fill": False, "drain": True}


# --- what hangs -------------------------------------------------------------------------------------


async def test_a_stop_that_never_returns_does_not_hold_up_circulation(
    hass: HomeAssistant, rack: ForeignRack, zone: Zone
) -> None:
    await draining(rack, zone)
    rack.hanging = {("turn_off", "drain")}
    begin(hass, zone.async_abort())
    await breathe()
    assert ("turn_off", "drain") in rack.calls
    assert rack.contact["recirc"], "circulation waits for a stop that never returns"


async def test_who_presses_a_button_is_told_within_seconds_that_a_stop_hangs(
    hass: HomeAssistant, rack: ForeignRack, zone: Zone
) -> None:
    await draining(rack, zone)
    rack.hanging = {("turn_off", "drain")}
    pressed = begin(hass, zone.async_abort())
    stopped = begin(hass, zone.pumps[Role.DRAIN].async_stop())
    await rack.second(16)
    assert pressed.done(), "the button never returns"
    assert stopped.done()
    with pytest.raises(HomeAssistantError) as error:
        stopped.result()
    assert error.value.translation_key == "switch_no_answer"
    assert Code.COMMAND_UNCONFIRMED in {alert.code for alert in zone.alerts.active(zone=zone.zone_id)}


@pytest.mark.parametrize("stubborn", [False, True])
async def test_stops_that_hang_do_not_pile_up(
    hass: HomeAssistant, rack: ForeignRack, zone: Zone, *, stubborn: bool
) -> None:
    await draining(rack, zone)
    rack.hanging = {("turn_off", "drain")}
    rack.stubborn = stubborn
    begin(hass, zone.async_abort())
    await rack.second(40)
    told, before = rack.count("turn_off", "drain"), len(asyncio.all_tasks())
    await rack.second(160)
    assert rack.alive <= 8
    assert len(asyncio.all_tasks()) <= before + 4
    assert stubborn or rack.count("turn_off", "drain") >= told + 10, "it is tried again"
    rack.stubborn = False
    for task in asyncio.all_tasks():
        if "smartair switch" in task.get_name():
            task.cancel()


async def test_a_stop_that_takes_its_time_is_not_cut_off(hass: HomeAssistant, rack: ForeignRack, zone: Zone) -> None:
    await draining(rack, zone)
    rack.hanging = {("turn_off", "drain")}
    begin(hass, zone.async_abort())
    await rack.second(12)
    assert rack.alive >= 1, "a slow radio would never be done"


async def test_a_start_that_hangs_does_not_come_true_after_the_stop(
    hass: HomeAssistant, rack: ForeignRack, zone: Zone
) -> None:
    rack.hanging = {("turn_on", "fill")}
    starting = begin(hass, zone.pumps[Role.FILL].async_run(seconds=30))
    await breathe()
    assert rack.alive == 1
    await zone.pumps[Role.FILL].async_stop()
    await breathe()
    assert rack.alive == 0
    assert isinstance(starting.exception(), HomeAssistantError)
    assert not rack.contact["fill"]


async def test_a_zone_of_a_switch_that_hangs_is_deleted_and_its_hub_reloaded(
    hass: HomeAssistant, hub: MockConfigEntry, rack: ForeignRack, zone: Zone
) -> None:
    await draining(rack, zone)
    rack.hanging = {("turn_off", "drain"), ("turn_off", "fill"), ("turn_on", "recirc")}
    reload = begin(hass, hass.config_entries.async_reload(hub.entry_id))
    await rack.second(40)
    assert reload.done(), "a reload of the hub never ends"
    assert reload.result()
    noted = [alert for alert in hub.runtime_data.alerts.book.past if alert.code is Code.COMMAND_UNCONFIRMED]
    assert "switch.drain" in {alert.channel for alert in noted}
    hass.config_entries.async_remove_subentry(hub, zone.zone_id)
    await rack.second(40)
    assert zone.zone_id not in hub.runtime_data.zones
    assert "switch.drain" not in hub.runtime_data.pumps.switches


# --- debts ------------------------------------------------------------------------------------------


def connect(hass: HomeAssistant, *, up: bool) -> None:
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, up)


async def board_draining(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait
) -> tuple[Rack, Zone]:
    """Return a zone of a board that drains, and its rack."""
    rack = await rack_of(hass, broker, hub, wait)
    zone = await add_zone(hass, hub, settings(hass, hub))
    await rack.second(2)
    await zone.async_start_change()
    await hass.async_block_till_done(wait_background_tasks=True)
    await rack.second(3)
    assert rack.node.on["pump_drain"]
    assert not rack.node.on["pump_recirc"]
    return rack, zone


@pytest.mark.parametrize("outage", [30, 95, 150, 400])
async def test_circulation_comes_back_with_the_first_report_after_an_outage(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait, outage: int
) -> None:
    """The level comes in the same message as the pumps' states; a refusal in the middle of it was the last word."""
    rack, zone = await board_draining(hass, broker, hub, wait)
    connect(hass, up=False)
    await rack.wait(0)
    rack.node.on["pump_drain"] = False
    for _ in range(outage):
        await rack.wait(1)
    assert isinstance(zone.memory.state, Failed)
    connect(hass, up=True)
    await rack.wait(0)
    await rack.second(2)
    assert rack.node.on["pump_recirc"], "the debt was forgotten"
    refused = [one for one in zone.alerts.book.past if one.code is Code.RUN_REFUSED]
    assert refused == []


async def test_circulation_that_is_refused_is_owed_until_it_runs(rack: ForeignRack, zone: Zone) -> None:
    await draining(rack, zone)
    await rack.second(45, silent=True)
    assert isinstance(zone.memory.state, Failed)
    assert not rack.contact["recirc"], "it must not run while nobody knows the level"
    await rack.second(2)
    assert rack.contact["recirc"], "the debt was cleared before it was paid"


async def test_circulation_that_could_not_be_sent_is_owed_until_it_is_accepted(
    hass: HomeAssistant, rack: ForeignRack, zone: Zone
) -> None:
    await draining(rack, zone)
    rack.hanging = {("turn_on", "recirc")}
    begin(hass, zone.async_abort())
    await rack.second(15)
    assert not rack.contact["recirc"]
    rack.hanging = set()
    await rack.second(11)
    assert rack.contact["recirc"]


async def test_a_command_that_was_not_confirmed_before_a_restart_is_no_trouble_after_it(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, node: Node, wait: Wait
) -> None:
    hub.runtime_data.alerts.async_raise(Code.COMMAND_UNCONFIRMED, uid="rack_a", channel="pump_fill", cause="stop")
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert hub.runtime_data.alerts.active("rack_a") != []
    node.say("status", "online", retain=True)
    await node.report()
    assert hub.runtime_data.alerts.active("rack_a") == []
