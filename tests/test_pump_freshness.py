"""A pump that fills or drains is guarded by what is fresh for it, not by what is fresh enough to show (S6)."""

from collections.abc import Callable
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pumps.pump import Pump
from custom_components.smartair.pumps.refusals import PumpRefusedError
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused

from .conftest import Wait
from .pump_node import INFO, Node, begin

type Reports = Callable[[int, int], Any]


def fill(house: SmartAirHub) -> Pump:
    return house.pumps["rack_a", "pump_fill"]


async def reports(node: Node, wait: Wait, times: int, every: int = 1) -> None:
    """Let a node report some times, and time pass as it does: second by second."""
    for _ in range(times):
        for _ in range(every):
            await wait(1)
        await node.report()


@pytest.mark.parametrize("every", [1, 3])
async def test_a_fill_is_stopped_soon_after_its_level_falls_silent_though_its_node_goes_on_reporting(
    house: SmartAirHub, node: Node, wait: Wait, every: int
) -> None:
    await reports(node, wait, 4, every)
    await fill(house).async_run(seconds=600)
    for _ in range(3):
        node.level = (node.level or 0) + 1
        await reports(node, wait, 1, every)
    node.level = None
    blind = 0
    while not node.orders("stop_pump") and blind < 200:
        await reports(node, wait, 1)
        blind += 1
    # Fifteen seconds, the grace of five, and a look.
    assert blind <= 21
    assert fill(house).lock is None, "nothing was measured to be wrong"


async def test_a_fill_does_not_start_on_the_level_of_a_node_that_speaks_once_an_hour(
    house: SmartAirHub, node: Node, wait: Wait
) -> None:
    for _ in range(3):
        await wait(3600)
        await node.report()
    with pytest.raises(PumpRefusedError) as error:
        await fill(house).async_run(seconds=60)
    assert error.value.verdict == Refused(Reason.OVERFLOW, Cause.SLOW, 3600.0, 48.0)
    assert error.value.translation_key == "refused_level_slow"
    assert error.value.translation_placeholders is not None
    assert (error.value.translation_placeholders["value"], error.value.translation_placeholders["limit"]) == (
        "3600",
        "48",
    )
    assert "pump_fill" not in [order["channel"] for order in node.orders("run_pump")]


async def test_a_node_that_can_report_fast_is_asked_to_and_starts_then(
    hass: HomeAssistant, broker: MqttMockHAClient, house: SmartAirHub, wait: Wait
) -> None:
    info = INFO | {"commands": [*INFO["commands"], "live"]}
    node = await begin(hass, broker, house, info)
    for _ in range(3):
        await wait(600)
        await node.report()
    await wait(120)
    with pytest.raises(PumpRefusedError) as error:
        await fill(house).async_run(seconds=60)
    assert error.value.verdict.cause is Cause.UNKNOWN
    await hass.async_block_till_done()
    assert node.orders("live"), "so that the next attempt does not fail as well"
    await node.report()
    await fill(house).async_run(seconds=60)
    assert [order["channel"] for order in node.orders("run_pump")].count("pump_fill") == 1


async def test_circulation_is_not_stopped_for_a_slow_node(house: SmartAirHub, node: Node, wait: Wait) -> None:
    for _ in range(4):
        for _ in range(60):
            await wait(1)
        await node.report()
    assert house.pumps["rack_a", "pump_recirc"].is_on
    assert node.orders("stop_pump") == []
