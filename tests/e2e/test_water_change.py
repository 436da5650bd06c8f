"""A whole water change with real hydraulics, and a Home Assistant that is killed in each of its steps."""

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from lab.client import HassError, eventually
from lab.hass import DOMAIN
from lab.simulator.pump_node import PumpNode
from lab.zone import PUMPS, Zone, add_zone

from .conftest import House, furnished
from .wire import Ear

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# A small rack with the pumps of a large one: a change takes two minutes, half of them to settle. The drain pump runs
# on while Home Assistant is dead, and needs some 50 s to where circulation would be dry: a restart must be shorter.
SIZE = 0.1
UID = "pump_001"
LIVE = [f"{UID}-{key}" for key in ("water_level", "flow_rate", "ph", "ec", "water_temperature")]
LIVE += [f"{UID}-{channel}:pump" for channel in PUMPS.values()]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with furnished() as one:
        one.household.rack_size = SIZE
        await one.add(one.household.identity("pump", "Greenhouse", code="12345678"))
        await one.add_hub()
        await one.approve(UID)
        await one.until_live(*LIVE)
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ear(house: House) -> AsyncIterator[Ear]:
    one = Ear(house.broker.port)
    yield one
    one.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zone_id(house: House) -> str:
    limits = {"tank_volume": 10, "min_level": 10, "empty_level": 40, "target_level": 70, "max_level": 95}
    zone = await add_zone(house.client, UID, "Rack A", limits=limits, cycle={"stabilize_minutes": 1})
    # Home Assistant writes its registries ten seconds late; what is killed here has lived longer than that.
    await house.hass.restart()
    await Zone(client=house.client, zone_id=zone.zone_id).until("normal_recirc", within=30)
    # The zone knows its state at once, and its sensors only when the node has reported again.
    await house.until_live(*LIVE, within=30)
    return zone.zone_id


@pytest.fixture
def zone(house: House, zone_id: str) -> Zone:
    """The zone by the connection of the Home Assistant that lives just now."""
    return Zone(client=house.client, zone_id=zone_id)


def node(house: House) -> PumpNode:
    device = house.device(UID)
    assert isinstance(device, PumpNode)
    return device


async def kill_and_look(house: House, zone: Zone, ear: Ear, step: str) -> Zone:
    """Kill Home Assistant in a step, start it again, and see what it makes of that."""
    await house.hass.kill()
    # What it ordered while it lived may still be on its way to the ear.
    mark = await ear.caught_up()
    await house.hass.start()
    again = Zone(client=house.client, zone_id=zone.zone_id)
    await again.until("failed", within=30)
    assert await again.state("step") == step
    assert await again.state("failure") == "interrupted"
    pumps = node(house).pumps

    async def at_rest() -> bool:
        return not pumps["pump_drain"].on and not pumps["pump_fill"].on and pumps["pump_recirc"].on

    await eventually(at_rest, within=30, what="drain and fill off, circulation in its fail-safe state")
    started = [order["params"]["channel"] for order in ear.orders(mark)]
    assert not {"pump_drain", "pump_fill"} & set(started), "nothing starts from memory (S9)"
    # The zone knows its state at once; what a person may do with it, only when the node has reported again.
    await house.until_live(*LIVE, within=30)
    return again


async def test_at_first_the_zone_circulates(zone: Zone) -> None:
    await zone.until("normal_recirc")


async def test_killed_while_it_drains_it_fails_and_waits_for_a_person(house: House, zone: Zone, ear: Ear) -> None:
    await zone.press("start")
    await zone.until("water_change_drain")
    pumps = node(house).pumps

    async def draining() -> bool:
        return pumps["pump_drain"].on and not pumps["pump_recirc"].on

    await eventually(draining, within=10, what="the drain runs and circulation stands")

    again = await kill_and_look(house, zone, ear, "drain")

    with pytest.raises(HassError, match="failed"):
        await again.press("start")
    await asyncio.sleep(2)
    assert await again.state() == "failed"


async def test_killed_while_it_fills_it_fails_and_waits_for_a_person(house: House, zone: Zone, ear: Ear) -> None:
    await zone.press("resume")
    await zone.until("water_change_fill", within=60)
    assert node(house).sensors.rack.level < 45
    pumps = node(house).pumps

    async def filling() -> bool:
        return pumps["pump_fill"].on

    await eventually(filling, within=10, what="the fill pump runs")

    await kill_and_look(house, zone, ear, "fill")


async def test_killed_while_it_settles_it_fails_and_waits_for_a_person(house: House, zone: Zone, ear: Ear) -> None:
    await zone.press("resume")
    await zone.until("water_change_stabilize", within=60)

    async def kept() -> bool:
        stored = (house.hass.folder / ".storage").glob(f"{DOMAIN}.*.zones")
        return any('"stabilize"' in file.read_text() for file in stored)

    # Nothing is started in this step, so nothing waits for it to be written; before that, the fill step is on disk.
    await eventually(kept, within=10, what="the step on disk")
    assert 65 < node(house).sensors.rack.level < 95

    await kill_and_look(house, zone, ear, "stabilize")


async def test_resumed_it_comes_to_its_end_and_the_new_solution_is_on_record(house: House, zone: Zone) -> None:
    async with house.client.events("state_changed") as events:
        activity = await zone.entity("activity")
        await zone.press("resume")
        event = await events.first(
            lambda one: (
                one["data"]["entity_id"] == activity
                and one["data"]["new_state"]["attributes"].get("event_type") == "water_change_completed"
            ),
            within=100,
        )
    assert event["data"]["new_state"]["state"] not in {"unknown", "unavailable"}
    await zone.until("normal_recirc")

    made = (await house.client.states())[await zone.entity("solution_made")]
    assert made["state"] != "unknown"
    assert made["attributes"]["ec"] == pytest.approx(node(house).sensors.rack.probe_ec, abs=0.1)
    assert made["attributes"]["ph"] == pytest.approx(node(house).sensors.rack.probe_ph, abs=0.1)


async def test_the_litres_of_the_change_are_counted_once(house: House, zone: Zone) -> None:
    rack = node(house).sensors.rack
    filled = 400 * SIZE - rack.fresh.litres

    counted = float(await zone.state("water_total") or 0)

    # A run that a killed Home Assistant did not see to its end is known to the device alone.
    assert 0 <= counted <= filled * 1.1


async def test_aborted_after_a_kill_it_circulates_again(house: House, zone: Zone, ear: Ear) -> None:
    await zone.press("start")
    await zone.until("water_change_drain")
    pump = node(house).pumps["pump_drain"]

    async def draining() -> bool:
        return pump.on

    # Nothing runs before the step is on disk; a change that was killed before that has not begun.
    await eventually(draining, within=10, what="the drain runs")
    again = await kill_and_look(house, zone, ear, "drain")

    await again.press("abort")

    await again.until("normal_recirc", within=10)
    pumps = node(house).pumps
    assert not pumps["pump_drain"].on
    assert not pumps["pump_fill"].on
    assert pumps["pump_recirc"].on


async def test_the_log_holds_no_error(house: House) -> None:
    # Home Assistant logs an action that is refused as an error, as the start of a change that has failed was.
    own = ["[paho.mqtt.client]", "homeassistant/components/mqtt/client.py", "resume or abort it first"]
    assert house.hass.errors(allowed=own) == []
    assert DOMAIN in {one["domain"] for one in await house.client.entries(DOMAIN)}
