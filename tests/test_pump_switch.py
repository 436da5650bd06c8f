"""Any switch of Home Assistant as a pump: Home Assistant alone ends its runs, also after a restart."""

from copy import deepcopy
from typing import Any

from homeassistant.components.input_boolean import DOMAIN as INPUT_BOOLEAN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pumps.pump import Pump, ZoneContext
from custom_components.smartair.pumps.refusals import PumpRefusedError
from custom_components.smartair.pysmartair import RunRecord
from custom_components.smartair.pysmartair.guard.model import Reported, Sense
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused, Role

from .conftest import Wait
from .pump_node import Node

SWITCH = "input_boolean.drain"


@pytest.fixture
async def drain(hass: HomeAssistant, house: SmartAirHub) -> Pump:
    """A drain pump on a foreign switch, whose longest run is a minute and a half."""
    assert await async_setup_component(hass, INPUT_BOOLEAN, {INPUT_BOOLEAN: {"drain": {}}})
    return house.pumps.async_switch_pump(SWITCH, Role.DRAIN, {"max_run_s": 90.0})


async def test_home_assistant_ends_the_run(hass: HomeAssistant, drain: Pump, wait: Wait) -> None:
    records: list[RunRecord] = []
    drain.async_listen_runs(records.append)
    await drain.async_run(seconds=70)
    assert drain.is_on
    await wait(69)
    assert hass.states.get(SWITCH).state == "on"
    await wait(1)
    assert hass.states.get(SWITCH).state == "off"
    assert [(one.seconds, one.ended_by, one.uid, one.channel) for one in records] == [(70, "finished", None, SWITCH)]


async def test_a_switch_that_is_found_on_is_bounded(hass: HomeAssistant, drain: Pump, wait: Wait) -> None:
    hass.states.async_set(SWITCH, "on")
    await hass.async_block_till_done()
    assert drain.is_on
    await wait(89)
    assert drain.is_on
    await wait(1)
    await wait(0)
    assert hass.states.get(SWITCH).state == "off"


async def test_a_run_from_before_a_restart_is_bounded_from_its_beginning(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    drain: Pump,
    house: SmartAirHub,
    hub: MockConfigEntry,
    wait: Wait,
) -> None:
    hass.states.async_set(SWITCH, "on")
    await wait(60)
    # As after a crash: nobody said goodbye.
    house.pumps.switches.pop(SWITCH)
    stored = hass_storage[f"{DOMAIN}.{hub.entry_id}.pumps"]["data"]
    house.pumps._kept = deepcopy(stored["pumps"])  # noqa: SLF001 - as it is read
    again = house.pumps.async_switch_pump(SWITCH, Role.DRAIN, {"max_run_s": 90.0})
    assert again.is_on
    await wait(30)
    await wait(0)
    assert hass.states.get(SWITCH).state == "off"


async def test_a_switch_that_is_away_fails_aloud(hass: HomeAssistant, drain: Pump, wait: Wait) -> None:
    hass.states.async_set(SWITCH, "unavailable")
    await hass.async_block_till_done()
    with pytest.raises(PumpRefusedError) as refused:
        await drain.async_run(seconds=10)
    assert refused.value.verdict.reason is Reason.NO_CONTACT
    with pytest.raises(HomeAssistantError) as error:
        await drain.async_stop()
    assert error.value.translation_key == "switch_unavailable"


async def test_a_zone_lends_its_level_and_its_interlock(
    hass: HomeAssistant, node: Node, drain: Pump, house: SmartAirHub
) -> None:
    fill = house.pumps["rack_a", "pump_fill"]
    zone = ZoneContext(zone="zone_1", pumps=lambda: [fill, drain], lends=frozenset({Sense.LEVEL}))
    for pump in (fill, drain):
        pump.bind(zone)
    with pytest.raises(PumpRefusedError) as error:
        await drain.async_run(seconds=10)
    assert error.value.verdict == Refused(Reason.DRY_RUN, Cause.UNKNOWN, None, 10)
    for pump in (fill, drain):
        pump.async_sense(Sense.LEVEL, 60)
    # The node's own sensor is in another tank.
    node.level = 3
    await node.report()
    await drain.async_run(seconds=10)
    with pytest.raises(PumpRefusedError) as error:
        await fill.async_run(seconds=10)
    assert error.value.verdict == Refused(Reason.INTERLOCK)
    await drain.async_stop()
    # No zone of the hub uses the switch, which was let go of when the node came: its state has to be told.
    drain.async_take(Reported(on=False, run_id="-"))
    await fill.async_run(seconds=10)
    assert [record.zone for record in house.pumps.usage.runs()] == ["zone_1"]


async def test_letting_go_stops_the_run(hass: HomeAssistant, drain: Pump, hub: MockConfigEntry) -> None:
    await drain.async_run()
    assert hass.states.get(SWITCH).state == "on"
    await hass.config_entries.async_unload(hub.entry_id)
    await hass.async_block_till_done()
    assert hass.states.get(SWITCH).state == "off"


async def test_circulation_is_not_left_off(hass: HomeAssistant, house: SmartAirHub) -> None:
    assert await async_setup_component(hass, INPUT_BOOLEAN, {INPUT_BOOLEAN: {"drain": {"initial": True}}})
    pump = house.pumps.async_switch_pump(SWITCH, Role.RECIRCULATION, {})
    await pump.async_stop()
    assert hass.states.get(SWITCH).state == "off"
    house.pumps.async_release_switch(SWITCH)
    await hass.async_block_till_done()
    assert hass.states.get(SWITCH).state == "on"
