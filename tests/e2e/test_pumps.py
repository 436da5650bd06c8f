"""Pumps with a real broker and a real Home Assistant: killed, cut off and flooded, they stay bounded and safe."""

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from lab.client import HassError, eventually
from lab.hass import DOMAIN
from lab.simulator.pump_node import PumpNode
from lab.simulator.water import Fault

from .conftest import House, furnished
from .wire import Ear, Flood

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

type Json = dict[str, Any]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

UID = "pump_001"
MAX_RUN = 20
"""Seconds to which the owner has tightened the longest run of the fill pump."""


class Rack:
    """The house's rack: what its relays do, what went over the wire, and what Home Assistant shows."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.ear = Ear(house.broker.port)

    @property
    def node(self) -> PumpNode:
        node = self.house.device(UID)
        assert isinstance(node, PumpNode)
        return node

    def runs(self, channel: str) -> bool:
        """Return what the relay does."""
        return self.node.pumps[channel].on

    async def shown(self, key: str) -> str | None:
        return await self.house.value(f"{UID}-{key}")

    async def until(self, key: str, wanted: str, *, within: float = 20) -> None:
        await self.house.until(f"{UID}-{key}", lambda value: value == wanted, within=within)

    async def target(self, channel: str) -> Json:
        return {"entity_id": (await self.house.entity_ids())[f"{UID}-{channel}:pump"]}

    async def do(self, action: str, channel: str, **data: Any) -> None:
        await self.house.client.action(DOMAIN, action, await self.target(channel), **data)

    async def press(self, channel: str) -> None:
        button = (await self.house.entity_ids())[f"{UID}-{channel}:reset_safety_lock"]
        await self.house.client.action("button", "press", {"entity_id": button})

    async def break_(self, fault: Fault, channel: str) -> None:
        await self.house.do(lambda: self.node.sensors.rack.break_(fault, channel))

    async def repair(self) -> None:
        await self.house.do(self.node.sensors.rack.repair)

    async def until_relay(self, channel: str, *, on: bool, within: float = 10) -> None:
        async def is_so() -> bool:
            return self.runs(channel) is on

        await eventually(is_so, within=within, what=f"the relay of {channel} {'on' if on else 'off'}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with furnished() as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rack(house: House) -> AsyncIterator[Rack]:
    await house.add(house.household.identity("pump", "Greenhouse", code="12345678"))
    await house.add_hub()
    await house.approve(UID)
    await house.until_live(f"{UID}-water_level", f"{UID}-pump_fill:pump")
    one = Rack(house)
    yield one
    one.ear.stop()


async def test_a_pump_shows_what_its_device_does(rack: Rack) -> None:
    await rack.until("pump_recirc:pump", "on")
    await rack.until("pump_fill:pump", "off")
    assert await rack.shown("pump_recirc:safety_lock") == "off"


async def test_a_run_in_litres_ends_by_itself_and_is_accounted_for(rack: Rack) -> None:
    before = rack.node.sensors.rack.level

    answer = await rack.house.client.action_response(DOMAIN, "run_pump", await rack.target("pump_fill"), litres=0.5)

    (told,) = answer.values()
    moved = rack.node.sensors.rack.level - before
    assert told["status"] == "DONE"
    assert 0.4 < told["litres"] < 0.8
    # What is left in the pipe of a stop that takes a moment, and the noise of a meter.
    assert abs(told["litres"] - moved) < 0.3
    await rack.until("pump_fill:pump", "off")


async def test_the_owner_tightens_the_longest_run_and_the_device_takes_it_over(rack: Rack) -> None:
    target = {"entity_id": (await rack.house.entity_ids())[f"{UID}-setting_pump_fill_max_run_s"]}
    await rack.house.client.action("number", "set_value", target, value=MAX_RUN / 60)

    async def taken_over() -> bool:
        return rack.node.rules["pump_fill"].limits.max_run_s == MAX_RUN

    await eventually(taken_over, what="the tightened limit in the device")


async def test_an_order_that_is_repeated_or_retained_starts_nothing(rack: Rack) -> None:
    mark = rack.ear.mark
    await rack.do("run_pump", "pump_fill", seconds=1)
    await rack.until_relay("pump_fill", on=True)
    await rack.until_relay("pump_fill", on=False)
    (order, *_) = rack.ear.orders(mark)
    topic = f"devices/{UID}/commands"
    starts = _count_starts(rack)

    rack.house.script.publish(topic, order)
    rack.house.script.publish(topic, {**order, "cmd_id": "late", "expires": time.time() - 1})
    rack.house.script.publish(topic, {**order, "cmd_id": "kept", "expires": time.time() + 60}, retain=True)
    await rack.house.do(rack.house.fleet.connections[UID].lose_network)
    # Unknown and not unavailable, which would not let a stop pass.
    await rack.until("pump_fill:pump", "unknown")
    await rack.house.do(rack.house.fleet.connections[UID].regain_network)
    await rack.until("pump_fill:pump", "off")
    await asyncio.sleep(1)

    rack.house.script.publish(topic, "", retain=True)
    answers = {one["cmd_id"]: one["status"] for one in rack.ear.since(mark, "command_response")}
    assert answers[order["cmd_id"]] == "DUPLICATE"
    assert answers["late"] == "EXPIRED"
    # It was live when it was published, and that it comes again from the broker starts nothing.
    assert starts() <= 1


def _count_starts(rack: Rack) -> Callable[[], int]:
    """Return a count of the fill pump's runs from now on, by the time at which the last one began."""
    began = {rack.node.rules["pump_fill"].started}

    def count() -> int:
        began.add(rack.node.rules["pump_fill"].started)
        return len(began) - 1

    return count


async def test_a_stop_comes_through_a_flood(rack: Rack) -> None:
    await rack.do("run_pump", "pump_drain", seconds=60)
    await rack.until("pump_drain:pump", "on")
    target = await rack.target("pump_drain")

    with Flood(rack.house.broker.port, rate=1000) as flood:
        await asyncio.sleep(2)
        began = time.monotonic()
        await rack.house.client.action("switch", "turn_off", target)
        await rack.until_relay("pump_drain", on=False, within=2)
        took = time.monotonic() - began
        achieved = flood.achieved

    assert achieved > 700, "no flood"
    assert took < 1.5
    await rack.until("pump_drain:pump", "off")


async def test_a_run_outlives_the_broker_by_no_more_than_was_asked(rack: Rack) -> None:
    mark = rack.ear.mark
    await rack.do("run_pump", "pump_drain", seconds=8)
    await rack.until_relay("pump_drain", on=True)
    began = time.monotonic()

    await rack.house.broker.kill()

    await rack.until("water_level", "unavailable")
    await rack.until_relay("pump_drain", on=False, within=10)
    assert 5 < time.monotonic() - began < 10
    await rack.house.broker.start()
    await rack.until("pump_drain:pump", "off", within=30)
    await rack.until("pump_recirc:pump", "on")
    await asyncio.sleep(2)
    assert not rack.runs("pump_drain")
    assert len(rack.ear.orders(mark)) == 1


async def test_when_home_assistant_is_killed_its_run_ends_and_nothing_starts(rack: Rack) -> None:
    # Longer than the pump may run at all, so its end is a bound and no plan.
    await rack.do("run_pump", "pump_fill", seconds=300)
    await rack.until_relay("pump_fill", on=True)
    began = time.monotonic()
    mark = rack.ear.mark

    await rack.house.hass.kill()
    await rack.house.hass.start()

    await rack.until("pump_fill:pump", "off", within=30)
    assert not rack.runs("pump_fill")
    assert time.monotonic() - began < MAX_RUN + 30
    assert rack.ear.orders(mark) == [], "nothing is started from memory (S9)"
    ended = rack.node.rules["pump_fill"]
    assert ended.stopped - ended.started <= MAX_RUN + 1, "the device ends the run (S4)"


async def test_when_home_assistant_is_killed_locks_stay_and_hold_the_zone(rack: Rack) -> None:
    await rack.break_(Fault.STALLED, "pump_drain")
    await rack.do("run_pump", "pump_drain", seconds=60)
    await rack.until("pump_drain:safety_lock", "on")
    await rack.repair()

    await rack.house.hass.kill()
    await rack.house.hass.start()

    await rack.until("pump_drain:safety_lock", "on", within=30)
    await rack.until("pump_fill:pump", "off", within=30)
    await rack.house.reports(UID, 3)
    with pytest.raises(HassError):
        await rack.do("run_pump", "pump_drain", seconds=5)
    with pytest.raises(HassError, match="another pump of the zone is locked"):
        await rack.do("run_pump", "pump_fill", seconds=5)


async def test_a_reset_is_refused_with_the_cause_while_that_is_there(rack: Rack) -> None:
    await rack.press("pump_drain")
    await rack.until("pump_drain:safety_lock", "off")
    await rack.break_(Fault.WELDED, "pump_drain")
    await rack.until("pump_drain:safety_lock", "on", within=30)

    with pytest.raises(HassError, match=r"(?i)current|flow|stuck|switched off"):
        await rack.press("pump_drain")
    with pytest.raises(HassError):
        await rack.do("run_pump", "pump_fill", seconds=5)
    assert await rack.shown("pump_drain:safety_lock") == "on"

    await rack.repair()
    await rack.house.reports(UID, 3)
    await rack.press("pump_drain")
    await rack.until("pump_drain:safety_lock", "off")
    await rack.do("run_pump", "pump_drain", seconds=2)
    await rack.until_relay("pump_drain", on=True)


async def test_every_trip_and_refusal_is_in_the_list_of_alerts(rack: Rack) -> None:
    answer = await rack.house.client.action_response(DOMAIN, "get_alerts", None)

    codes = {alert["code"] for alert in json.loads(json.dumps(answer))["alerts"]}
    assert {"biz_overcurrent", "biz_pump_stuck_on", "biz_run_refused"} <= codes


async def test_the_log_holds_no_error(rack: Rack) -> None:
    # Home Assistant itself writes down every action that was refused.
    own = ["[paho.mqtt.client]", "homeassistant/components/mqtt/client.py", "Error during service call"]
    own.append("[homeassistant.components.websocket_api.http.connection]")
    assert rack.house.hass.errors(allowed=own) == []
