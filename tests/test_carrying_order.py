"""Orders of a step that is over, what is written before a pump runs, and who starts in the same second."""

import asyncio
from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pumps.pump import Pump
from custom_components.smartair.pysmartair.guard.model import Sense
from custom_components.smartair.pysmartair.water.model import NormalRecirc
from custom_components.smartair.zones.zone import Zone

from .conftest import Wait
from .foreign_rack import ZONE, ForeignRack, breathe
from .pump_node import INFO, Node
from .test_carrying_out import begin
from .zone_rack import add_zone, rack_of


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


def pump(house: SmartAirHub, channel: str) -> Pump:
    return house.pumps["rack_a", channel]


# --- turns ------------------------------------------------------------------------------------------


async def test_a_change_that_is_aborted_while_it_is_written_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, rack: ForeignRack, zone: Zone
) -> None:
    written = asyncio.Event()

    async def slow() -> None:
        await written.wait()

    monkeypatch.setattr(zone.zones, "async_written", slow)
    await zone.async_start_change()
    await breathe()
    await zone.async_abort()
    await breathe()
    assert isinstance(zone.memory.state, NormalRecirc)
    written.set()
    await breathe()
    assert ("turn_on", "drain") not in rack.calls, "an order of a step that is over"
    assert not rack.contact["drain"]


async def test_no_pump_of_a_change_runs_before_it_is_written_where_the_zone_is(
    monkeypatch: pytest.MonkeyPatch, rack: ForeignRack, zone: Zone
) -> None:
    written = asyncio.Event()

    async def slow() -> None:
        await written.wait()

    monkeypatch.setattr(zone.zones, "async_written", slow)
    await zone.async_start_change()
    await breathe()
    early = rack.contact["drain"]
    written.set()
    assert not early, "a power cut now would find no change on disk and a pump running"
    await breathe()
    assert rack.contact["drain"]


async def test_a_zone_that_has_ended_starts_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, rack: ForeignRack, zone: Zone
) -> None:
    clock = zone.memory.clock
    zone.zones.async_interrupt()
    await rack.wait(5)
    clock = zone.memory.clock
    told = list(rack.calls)
    zone.async_tick()
    assert zone.memory.clock == clock
    assert rack.calls == told


# --- who starts in the same second --------------------------------------------------------------------


async def test_fill_and_drain_that_are_started_in_the_same_second_do_not_both_run(
    hass: HomeAssistant, house: SmartAirHub, node: Node
) -> None:
    node.mute = True
    fill = begin(hass, pump(house, "pump_fill").async_run(seconds=10))
    drain = begin(hass, pump(house, "pump_drain").async_run(seconds=10))
    await breathe()
    assert [one["channel"] for one in node.orders("run_pump")] == ["pump_fill"]
    assert isinstance(drain.exception(), HomeAssistantError)
    node.mute = False
    await pump(house, "pump_fill").async_stop()
    await breathe()
    assert isinstance(fill.exception(), HomeAssistantError)


async def test_an_opposite_of_which_nothing_is_known_counts_as_running(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    node.on.pop("pump_drain")
    for _ in range(20):
        await wait(10)
        await node.report()
    assert pump(house, "pump_drain").is_on is None
    with pytest.raises(HomeAssistantError) as error:
        await pump(house, "pump_fill").async_run(seconds=10)
    assert error.value.translation_key == "refused_interlock"


async def test_the_one_flow_meter_of_a_node_speaks_of_a_pump_only_while_that_runs_alone(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait
) -> None:
    rack = await rack_of(hass, broker, hub, wait)
    fill, recirc = (pump(hub.runtime_data, one) for one in ("pump_fill", "pump_recirc"))
    await rack.node.report(flow_rate=5.0)
    assert recirc.is_on
    assert fill.reading(Sense.FLOW) is None, "what circulates hides that the fill pump moves nothing"
    rack.node.on["pump_recirc"] = False
    await rack.node.report(flow_rate=5.0)
    await rack.node.report(flow_rate=5.0)
    assert fill.reading(Sense.FLOW) is not None


async def test_a_device_is_asked_for_fast_reports_while_a_pump_runs(
    hass: HomeAssistant, house: SmartAirHub, node: Node
) -> None:
    node.say("info", INFO | {"commands": [*INFO["commands"], "live"]})
    await node.report()
    await pump(house, "pump_fill").async_run(seconds=10)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert {"seconds": 60, "interval": 1} in node.orders("live")


# --- who is left --------------------------------------------------------------------------------------


async def test_who_waits_for_a_start_is_answered_when_the_hub_is_reloaded(
    hass: HomeAssistant, hub: MockConfigEntry, node: Node
) -> None:
    node.on["pump_recirc"] = False
    await node.report()
    node.mute = True
    start = begin(hass, pump(hub.runtime_data, "pump_recirc").async_run())
    await breathe()
    assert not start.done()
    hub.runtime_data.pumps.async_leave()
    await breathe()
    assert start.done(), "an automation hangs over a reload"
    assert isinstance(start.exception(), HomeAssistantError)
    node.mute = False


async def test_circulation_of_a_device_that_is_deleted_is_started_by_nobody(
    hass: HomeAssistant, house: SmartAirHub, node: Node
) -> None:
    recirc = pump(house, "pump_recirc")
    await house.async_forget("rack_a")
    told = len(node.sent)
    with pytest.raises(HomeAssistantError) as error:
        await recirc.async_run()
    assert error.value.translation_key == "run_stopped"
    assert len(node.sent) == told


async def test_a_zone_that_raises_at_the_end_keeps_no_pump_running(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    node: Node,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await pump(hub.runtime_data, "pump_fill").async_run(seconds=30)
    await node.report()

    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(hub.runtime_data.zones, "async_interrupt", broken)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not node.on["pump_fill"]
    caplog.clear()
