"""What a device says that happened is told to people, once and by its right name."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pysmartair import Code
from custom_components.smartair.pysmartair.safety import Reason

from .conftest import Wait
from .pump_node import Node


async def tell(node: Node, event: str, **data: Any) -> None:
    node.say("event", {"event": event, **data})
    await node.hass.async_block_till_done()


def codes(house: SmartAirHub) -> list[tuple[Code, str | None]]:
    return [(alert.code, alert.channel) for alert in house.alerts.active(uid="rack_a")]


async def test_a_leak_is_an_alert_until_the_device_says_that_it_is_dry(house: SmartAirHub, node: Node) -> None:
    await tell(node, "leak")
    await tell(node, "leak")
    assert codes(house) == [(Code.LEAK, None)]
    await tell(node, "leak", active=False)
    assert codes(house) == []
    assert [alert.code for alert in house.alerts.book.past] == [Code.LEAK]


async def test_a_leak_is_over_when_somebody_resets_a_pump_of_the_device(house: SmartAirHub, node: Node) -> None:
    await tell(node, "leak", channel="pump_fill")
    await house.pumps["rack_a", "pump_drain"].async_reset()
    assert codes(house) == []


async def test_a_leak_is_over_when_its_lock_is_reset_at_the_device(house: SmartAirHub, node: Node) -> None:
    await tell(node, "leak")
    await tell(node, "safety_trip", channel="pump_fill", code="overflow", cause="leak")
    assert set(codes(house)) == {(Code.LEAK, None), (Code.OVERFLOW, "pump_fill")}
    await tell(node, "safety_reset", channel="pump_fill", code="overflow")
    await node.report()
    assert codes(house) == []


async def test_a_frozen_sensor_is_noted_with_what_it_shows(house: SmartAirHub, node: Node) -> None:
    await tell(node, "sensor_frozen", metric="water_level", value=41.5)
    (alert,) = house.alerts.book.past
    assert (alert.code, alert.cause, alert.values["value"]) == (Code.SENSOR_FROZEN, "water_level", 41.5)


async def test_a_refusal_that_the_answer_tells_of_is_told_once(house: SmartAirHub, node: Node) -> None:
    node.mute = True
    running = house.pumps["rack_a", "pump_fill"].async_run(seconds=5)
    task = node.hass.async_create_background_task(running, "run")
    await node.hass.async_block_till_done()
    cmd_id = next(order["cmd_id"] for order in node.sent if order["command"] == "run_pump")
    await tell(node, "run_refused", channel="pump_fill", code="interlock", cause="none", cmd_id=cmd_id)
    answer = {"cmd": "run_pump", "cmd_id": cmd_id, "status": "ERROR", "error_code": "interlock"}
    node.say("command_response", answer)
    with pytest.raises(HomeAssistantError):
        await task
    assert [alert.code for alert in house.alerts.book.past] == [Code.RUN_REFUSED]


async def test_a_refusal_of_what_somebody_else_ordered_is_noted(house: SmartAirHub, node: Node) -> None:
    for channel in ("pump_fill", "<b>nowhere</b>"):
        await tell(node, "run_refused", channel=channel, code="interlock", cause="none", cmd_id="their-own")
    told = [(alert.code, alert.channel, alert.values["reason"]) for alert in house.alerts.book.past]
    assert told == [
        (Code.RUN_REFUSED, "pump_fill", "interlock"),
        (Code.RUN_REFUSED, "‹b›nowhere‹/b›", "interlock"),
    ]


async def test_circulation_that_the_device_released_is_noted(house: SmartAirHub, node: Node) -> None:
    await tell(node, "circulation_released", channel="pump_recirc", cause="contact_lost")
    (alert,) = house.alerts.book.past
    assert (alert.code, alert.channel, alert.cause) == (Code.CIRCULATION_RELEASED, "pump_recirc", "contact_lost")


async def test_an_event_that_makes_no_sense_changes_nothing(house: SmartAirHub, node: Node) -> None:
    for data in ({}, {"channel": 7}, {"channel": "pump_nobody"}, {"channel": ["pump_fill"], "code": {"a": 1}}):
        for event in ("safety_trip", "safety_reset", "circulation_released", "a_word_of_its_own"):
            await tell(node, event, **data)
    assert codes(house) == []
    assert [pump.lock for pump in house.pumps.values()] == [None] * 3


async def test_a_retained_event_tells_nothing(hass: HomeAssistant, house: SmartAirHub, node: Node) -> None:
    node.say("event", {"event": "safety_trip", "channel": "pump_fill", "code": "overflow"}, retain=True)
    node.say("event", {"event": "leak"}, retain=True)
    await hass.async_block_till_done()
    assert codes(house) == []


async def test_a_lock_of_a_foreign_firmware_is_told_as_a_lock(
    hass: HomeAssistant, house: SmartAirHub, node: Node, hub: MockConfigEntry
) -> None:
    node.locks["pump_fill"] = "<b>gremlins</b>"
    await node.report()
    (alert,) = house.alerts.active(uid="rack_a")
    assert (alert.code, alert.channel, alert.cause) == (Code.DEVICE_LOCK, "pump_fill", "<b>gremlins</b>")
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    house = hub.runtime_data
    assert codes(house) == [(Code.DEVICE_LOCK, "pump_fill")]
    node.locks.clear()
    await node.report()
    assert house.pumps["rack_a", "pump_fill"].lock.reason is Reason.DEVICE_LOCK
    await house.pumps["rack_a", "pump_fill"].async_reset()
    assert codes(house) == []


async def test_a_late_copy_of_a_reset_leaves_the_lock(house: SmartAirHub, node: Node, wait: Wait) -> None:
    fill = house.pumps["rack_a", "pump_fill"]
    trip = {"channel": "pump_fill", "code": "overflow", "cause": "measured", "locked": True}
    await tell(node, "safety_trip", **trip)
    node.locks["pump_fill"] = "overflow"
    await node.report()
    await tell(node, "safety_reset", channel="pump_fill", code="overflow")
    assert fill.lock is not None
    await node.report()
    assert fill.lock is not None
    node.locks.clear()
    await node.report()
    assert fill.lock is not None, "the copy has been denied by a report"
    await tell(node, "safety_reset", channel="pump_fill", code="overflow")
    assert fill.lock is None
