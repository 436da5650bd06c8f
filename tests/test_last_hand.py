"""What the switch of a pump tells about its run: since when it goes on, and who switched it last."""

from copy import deepcopy
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pumps.last_hand import Hand, LastHand
from custom_components.smartair.pysmartair.safety import Role
from custom_components.smartair.pysmartair.water.model import Run, Stop
from custom_components.smartair.zones.hands import Hands

from .conftest import Wait
from .pump_node import Node

FILL = "switch.rack_a_fill_pump"


def told(hass: HomeAssistant, entity_id: str = FILL) -> tuple[Any, Any]:
    attributes = hass.states.get(entity_id).attributes
    return attributes["running_since"], attributes["last_hand"]


async def call(hass: HomeAssistant, domain: str, action: str, user: MockUser | None = None, **data: Any) -> None:
    context = Context(user_id=user.id if user else None)
    await hass.services.async_call(domain, action, {ATTR_ENTITY_ID: FILL, **data}, blocking=True, context=context)
    await hass.async_block_till_done()


@pytest.fixture
def person(hass: HomeAssistant) -> MockUser:
    return MockUser(is_owner=True).add_to_hass(hass)


async def test_a_switch_that_nobody_touched_tells_of_nobody(hass: HomeAssistant, node: Node) -> None:
    assert told(hass) == (None, None)


async def test_who_switches_is_told_by_the_users_of_the_orders(
    hass: HomeAssistant, node: Node, person: MockUser
) -> None:
    begun = dt_util.utcnow().replace(microsecond=0)
    await call(hass, "switch", "turn_on", person)
    await node.report()
    assert told(hass)[1] == "person"
    assert abs(told(hass)[0] - begun) <= timedelta(seconds=1)
    await call(hass, "switch", "turn_off")
    await node.report()
    assert told(hass) == (None, "automation")
    await call(hass, DOMAIN, "run_pump", person, seconds=20)
    await node.report()
    assert told(hass)[1] == "person"
    await call(hass, DOMAIN, "stop_pump")
    await node.report()
    assert told(hass)[1] == "automation"


async def test_a_command_to_the_device_is_an_order_of_whoever_sends_it(
    hass: HomeAssistant, node: Node, house: SmartAirHub, person: MockUser
) -> None:
    async def send(command: str) -> None:
        await hass.services.async_call(
            DOMAIN,
            "send_command",
            {
                "device_id": house.devices["rack_a"].device_id,
                "command": command,
                "params": {"channel": "pump_fill", "duration_s": 20},
            },
            blocking=True,
            return_response=True,
            context=Context(user_id=person.id),
        )
        await node.report()

    await send("run_pump")
    assert told(hass)[1] == "person"
    await call(hass, "switch", "turn_off")
    await node.report()
    await send("run_pump")
    await send("stop_pump")
    assert told(hass) == (None, "person")


async def test_a_zone_is_told_as_such(hass: HomeAssistant, node: Node, house: SmartAirHub) -> None:
    zone = SimpleNamespace(name="Rack", hub=house, pumps={Role.FILL: house.pumps["rack_a", "pump_fill"]})
    hands = Hands(zone)
    assert await hands._async_run_pump(Run(Role.FILL, 20), hands.turn) is None  # noqa: SLF001
    await node.report()
    assert told(hass)[1] == "zone"
    await call(hass, "switch", "turn_off")
    await node.report()
    await hands._async_run_pump(Run(Role.FILL, 20), hands.turn)  # noqa: SLF001
    assert await hands._async_stop_pump(Stop(Role.FILL)) is None  # noqa: SLF001
    await node.report()
    assert told(hass) == (None, "zone")


async def test_what_nobody_ordered_is_the_doing_of_the_device(
    hass: HomeAssistant, node: Node, person: MockUser
) -> None:
    await call(hass, "switch", "turn_on", person)
    node.end("pump_fill")
    await node.report()
    assert told(hass) == (None, "person")
    node.on["pump_fill"] = True
    await node.report()
    assert told(hass)[1] == "device"


async def test_an_order_that_was_refused_is_nobodys_later(hass: HomeAssistant, node: Node, person: MockUser) -> None:
    node.on["pump_drain"] = True
    await node.report()
    with pytest.raises(HomeAssistantError):
        await call(hass, "switch", "turn_on", person)
    node.on["pump_drain"] = False
    await node.report()
    node.on["pump_fill"] = True
    await node.report()
    assert told(hass)[1] == "device"


async def test_since_when_does_not_move_while_the_run_goes_on(
    hass: HomeAssistant, node: Node, wait: Wait, freezer: FrozenDateTimeFactory
) -> None:
    await call(hass, "switch", "turn_on")
    await node.report()
    seen = set()
    for turn in range(20):
        await wait(1)
        node.flow["pump_fill"] = float(turn)
        await node.report()
        seen.add(told(hass)[0])
    assert len(seen) == 1


async def test_a_clock_that_was_set_moves_the_time_of_day_with_it(house: SmartAirHub) -> None:
    pumps = house.pumps
    now = pumps.now
    at = pumps.time_of(now)
    pumps._epoch -= 1.5  # noqa: SLF001 - the clocks differ a little
    assert pumps.time_of(now) == at
    pumps._epoch -= 3600  # noqa: SLF001 - somebody set one of them
    assert abs(pumps.time_of(now) - at - timedelta(seconds=3601.5)) <= timedelta(seconds=1)


async def test_a_run_from_before_a_restart_has_its_beginning_and_its_hand(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    node: Node,
    hub: MockConfigEntry,
    person: MockUser,
    wait: Wait,
) -> None:
    await call(hass, "switch", "turn_on", person)
    await node.report()
    await wait(5)
    before = told(hass)
    # As after a crash: nobody said goodbye, and the pump runs on.
    stored = deepcopy(hass_storage[f"{DOMAIN}.{hub.entry_id}.pumps"])
    node.mute = True
    await hass.config_entries.async_unload(hub.entry_id)
    await hass.async_block_till_done()
    hass_storage[f"{DOMAIN}.{hub.entry_id}.pumps"] = stored
    node.mute = False
    await hass.config_entries.async_setup(hub.entry_id)
    await hass.async_block_till_done()
    await node.report()
    assert told(hass) == before


@pytest.mark.parametrize("kept", [None, 7, "", "a ghost", ["person"]])
def test_a_hand_that_cannot_be_read_is_nobodys(kept: object) -> None:
    last = LastHand(on=False)
    last.restore(kept)
    assert last.hand is None


def test_what_is_not_known_changes_nothing_and_a_later_order_counts() -> None:
    last = LastHand(on=False)
    last.restore("zone")
    last.ordered(Hand.AUTOMATION, on=True, run_id="1")
    last.ordered(Hand.PERSON, on=True, run_id="2")
    last.failed("1")
    assert not last.seen(None)
    assert last.seen(True)
    assert last.hand is Hand.PERSON
    # Nothing changes by an order for what is so already, and it waits for no later change.
    last.ordered(Hand.AUTOMATION, on=True, run_id="3")
    assert not last.seen(True)
    assert not last.seen(False)
    assert last.seen(True)
    assert last.hand is Hand.DEVICE
