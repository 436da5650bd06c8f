"""Pumps: one gate in front of every start, stops that wait for nothing, and the state that the device reports."""

import asyncio
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pumps.pump import Pump
from custom_components.smartair.pumps.refusals import PumpRefusedError
from custom_components.smartair.pysmartair import Code, RunRecord
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused

from .conftest import Wait
from .pump_node import Node


def pump(house: SmartAirHub, channel: str) -> Pump:
    return house.pumps["rack_a", channel]


async def test_a_pump_shows_what_its_device_reports(house: SmartAirHub, node: Node) -> None:
    assert {channel: one.is_on for (_, channel), one in house.pumps.items()} == {
        "pump_recirc": True,
        "pump_fill": False,
        "pump_drain": False,
    }


async def test_a_run_is_bounded_by_its_command_and_accounted_for(house: SmartAirHub, node: Node, wait: Wait) -> None:
    records: list[RunRecord] = []
    fill = pump(house, "pump_fill")
    fill.async_listen_runs(records.append)
    run = await fill.async_run(seconds=30)
    assert node.orders("run_pump") == [{"channel": "pump_fill", "max_run_s": 30, "duration_s": 30}]
    await node.report()
    assert fill.is_on
    await wait(30)
    node.end("pump_fill", seconds=30.1, litres=2.5)
    await node.report()
    assert fill.is_on is False
    assert [(one.cmd_id, one.litres, one.seconds, one.ended_by) for one in records] == [
        (run.cmd_id, 2.5, 30.1, "finished")
    ]
    assert house.pumps.usage.total(channel="pump_fill").litres == 2.5
    assert node.orders("stop_pump") == []


async def test_a_long_run_is_renewed_by_short_leases_and_ends_when_it_was_to(
    house: SmartAirHub, node: Node, wait: Wait
) -> None:
    fill = pump(house, "pump_fill")
    await fill.async_run(seconds=100)
    for _ in range(10):
        await wait(10)
        node.level = (node.level or 0) + 1
        await node.report()
    assert [order["max_run_s"] for order in node.orders("run_pump")] == [60, 60, 60]
    assert all(order["duration_s"] == order["max_run_s"] for order in node.orders("run_pump"))


async def test_a_refused_start_says_why_and_sends_nothing(house: SmartAirHub, node: Node) -> None:
    node.level = 97
    await node.report()
    with pytest.raises(PumpRefusedError) as error:
        await pump(house, "pump_fill").async_run(seconds=10)
    assert error.value.verdict == Refused(Reason.OVERFLOW, Cause.MEASURED, 97, 95)
    assert error.value.translation_key == "refused_overflow"
    assert node.sent == []
    assert [alert.code for alert in house.alerts.book.past] == [Code.RUN_REFUSED]


async def test_a_lock_survives_a_restart_and_only_a_reset_clears_it(
    hass: HomeAssistant, house: SmartAirHub, node: Node, hub: MockConfigEntry
) -> None:
    node.say("event", {"event": "safety_trip", "channel": "pump_drain", "code": "dry_run", "cause": "measured"})
    await hass.async_block_till_done()
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    house = hub.runtime_data
    await node.report()
    drain = pump(house, "pump_drain")
    assert drain.lock == Refused(Reason.DRY_RUN, Cause.MEASURED)
    with pytest.raises(PumpRefusedError):
        await drain.async_run(seconds=10)
    node.level = 3
    await node.report()
    with pytest.raises(PumpRefusedError) as error:
        await drain.async_reset()
    assert error.value.verdict == Refused(Reason.DRY_RUN, Cause.MEASURED, 3, 10)
    node.level = 50
    await node.report()
    await drain.async_reset()
    assert drain.lock is None
    await drain.async_run(seconds=10)


async def test_a_stop_waits_for_nothing(hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait) -> None:
    fill = pump(house, "pump_fill")
    node.mute = True
    starting = hass.async_create_background_task(fill.async_run(seconds=10), "start")
    await wait(0)
    stopping = hass.async_create_background_task(fill.async_stop(), "stop")
    await wait(0)
    assert [order["command"] for order in node.sent] == ["run_pump", "stop_pump"]
    with pytest.raises(HomeAssistantError) as error:
        await starting
    assert error.value.translation_key == "run_stopped"
    await wait(10)
    with pytest.raises(HomeAssistantError) as error:
        await stopping
    assert error.value.translation_key == "no_answer"


async def test_a_stop_is_sent_to_a_device_that_is_away(house: SmartAirHub, node: Node, hass: HomeAssistant) -> None:
    node.say("status", "offline")
    await hass.async_block_till_done()
    await pump(house, "pump_drain").async_stop()
    assert node.orders("stop_pump") == [{"channel": "pump_drain"}]


async def test_a_command_that_is_not_confirmed_is_stopped_and_told(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    fill = pump(house, "pump_fill")
    node.mute = True
    starting = hass.async_create_background_task(fill.async_run(seconds=10), "start")
    await wait(0)
    await wait(10)
    with pytest.raises(HomeAssistantError) as error:
        await starting
    assert error.value.translation_key == "run_no_answer"
    assert fill.is_on is False
    assert [alert.code for alert in house.alerts.active("rack_a")] == [Code.COMMAND_UNCONFIRMED]
    assert [order["command"] for order in node.sent] == ["run_pump", "stop_pump"]


async def test_who_is_cancelled_leaves_no_pump_running(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    running = hass.async_create_background_task(pump(house, "pump_fill").async_run_to_end(seconds=50), "run")
    await wait(1)
    await node.report()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert node.orders("stop_pump") == [{"channel": "pump_fill"}]


@pytest.mark.parametrize("order", [{}, {"seconds": 10}, {"litres": 5.0}])
async def test_circulation_that_was_stopped_is_released_when_its_pause_is_over(
    house: SmartAirHub, node: Node, wait: Wait, order: dict[str, Any]
) -> None:
    recirc = pump(house, "pump_recirc")
    await recirc.async_stop(off_s=60)
    assert node.orders("stop_pump") == [{"channel": "pump_recirc", "max_off_s": 60}]
    for _ in range(4):
        await wait(20)
        await node.report()
    assert [one["channel"] for one in node.orders("run_pump")] == ["pump_recirc"]
    assert recirc.is_on
    assert Code.CIRCULATION_RELEASED in [alert.code for alert in house.alerts.book.past]
