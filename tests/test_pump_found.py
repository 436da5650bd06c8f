"""What feeds the guards of pumps: who runs beside whom, whose limits hold, and how orders reach their device."""

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pumps.pump import Pump
from custom_components.smartair.pumps.refusals import PumpRefusedError
from custom_components.smartair.pysmartair import Code
from custom_components.smartair.pysmartair.channels import LIMIT_RANGES, limits_of, within
from custom_components.smartair.pysmartair.safety import Cause, Limits, Reason, Refused, Role, Verdict

from .conftest import Wait
from .pump_node import INFO, Node, begin
from .zone_rack import add_zone, settings


def pump(house: SmartAirHub, channel: str) -> Pump:
    return house.pumps["rack_a", channel]


async def test_a_fill_that_is_switched_on_by_hand_while_a_drain_runs_is_stopped(
    house: SmartAirHub, node: Node, wait: Wait
) -> None:
    await pump(house, "pump_drain").async_run(seconds=60)
    await node.report()
    await wait(1)
    node.on["pump_fill"] = True
    await node.report()
    assert node.orders("stop_pump") == [{"channel": "pump_fill"}]
    assert pump(house, "pump_drain").is_on, "it was there first, and by an order"
    [alert] = [alert for alert in house.alerts.book.past if alert.code is Code.RUN_REFUSED]
    assert alert.values["reason"] == "interlock"


async def test_two_runs_that_are_found_after_a_restart_are_told_apart_by_what_both_report(
    house: SmartAirHub, node: Node, hub: MockConfigEntry, hass: HomeAssistant, wait: Wait
) -> None:
    node.on["pump_fill"] = True
    await node.report()
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    node.sent.clear()
    await node.report()
    await wait(1)
    assert node.orders("stop_pump") == [], "that of the drain was not known yet, and then it was off"


async def test_a_foreign_run_beside_a_stuck_pump_is_stopped(
    house: SmartAirHub, node: Node, hass: HomeAssistant
) -> None:
    trip = {"event": "safety_trip", "channel": "pump_drain", "code": "pump_stuck_on", "cause": "measured"}
    node.say("event", trip)
    await hass.async_block_till_done()
    node.on["pump_fill"] = True
    await node.report()
    assert {"channel": "pump_fill"} in node.orders("stop_pump")


@pytest.mark.parametrize("code", ["overcurrent", "no_flow", "dry_run"])
async def test_a_zone_neither_fills_nor_drains_while_one_of_its_pumps_is_locked(
    house: SmartAirHub, node: Node, hass: HomeAssistant, code: str
) -> None:
    node.say("event", {"event": "safety_trip", "channel": "pump_drain", "code": code, "cause": "measured"})
    await hass.async_block_till_done()
    with pytest.raises(PumpRefusedError) as error:
        await pump(house, "pump_fill").async_run(seconds=10)
    assert error.value.verdict == Refused(Reason.ZONE_LOCKED)
    assert error.value.translation_key == "refused_zone_locked"
    await pump(house, "pump_recirc").async_run()


async def test_only_the_release_of_circulation_never_expires(house: SmartAirHub, node: Node) -> None:
    await pump(house, "pump_recirc").async_run()
    await pump(house, "pump_drain").async_run(seconds=10)
    recirc, drain = node.sent
    assert "expires" not in recirc
    assert drain["expires"] == drain["timestamp"] + 30


async def test_circulation_asked_for_in_the_middle_of_a_message_is_judged_by_the_level_of_that_message(
    house: SmartAirHub, node: Node, wait: Wait, hass: HomeAssistant
) -> None:
    recirc = pump(house, "pump_recirc")
    asked: list[Verdict] = []

    def ask() -> None:
        if recirc.is_on is False and not asked:
            asked.append(recirc.async_verdict())

    node.say("status", "offline", retain=True)
    await wait(100)
    node.say("status", "online", retain=True)
    await hass.async_block_till_done()
    recirc.async_listen(ask)
    node.on["pump_recirc"] = False
    await node.report()
    assert [type(one).__name__ for one in asked] == ["Allowed"]


async def test_the_highest_level_of_a_zone_holds_for_a_pump_of_a_board(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, node: Node
) -> None:
    fill = pump(house, "pump_fill")
    assert fill.limits.max_level == 95
    data = settings(hass, hub, limits={"max_level": 70, "target_level": 60})
    await add_zone(hass, hub, data)
    assert fill.limits.max_level == 70
    node.level = 75
    await node.report()
    with pytest.raises(PumpRefusedError) as error:
        await fill.async_run(seconds=10)
    assert error.value.verdict == Refused(Reason.OVERFLOW, Cause.MEASURED, 75, 70)


async def test_a_fill_pump_on_a_relay_that_is_closed_at_rest_says_why_it_does_not_run(
    hass: HomeAssistant, broker: MqttMockHAClient, house: SmartAirHub
) -> None:
    channels = [dict(one) for one in INFO["channels"]]
    channels[1]["fail_safe_mode"] = "nc"
    await begin(hass, broker, house, INFO | {"channels": channels})
    with pytest.raises(PumpRefusedError) as error:
        await pump(house, "pump_fill").async_run(seconds=10)
    assert error.value.translation_key == "refused_wrong_relay"
    await pump(house, "pump_recirc").async_run()
    await pump(house, "pump_drain").async_run(seconds=10)


def test_no_rest_is_longer_than_roots_bear_and_what_was_set_longer_is_held_to_that() -> None:
    assert LIMIT_RANGES["max_off_s"][1] == 1800
    assert limits_of(Role.RECIRCULATION, {"max_off_s": 86_400}).max_off_s == 1800
    assert limits_of(Role.RECIRCULATION, {"max_off_s": 600}).max_off_s == 600


def test_of_the_limits_of_a_device_and_a_zone_the_stricter_holds() -> None:
    fill, drain = Limits(role=Role.FILL), Limits(role=Role.DRAIN, min_level=3.0)
    zone = {"min_level": 10.0, "max_level": 70.0}
    assert within(fill, zone, lent=False).max_level == 70
    assert within(Limits(role=Role.FILL, max_level=60.0), zone, lent=False).max_level == 60
    assert within(Limits(role=Role.FILL, max_level=None), zone, lent=False).max_level is None
    assert within(Limits(role=Role.FILL, max_level=None), zone, lent=True).max_level == 70
    assert within(Limits(role=Role.FILL, max_level=None), {}, lent=True).max_level == 95
    assert within(drain, zone, lent=False).min_level == 10
    assert within(Limits(role=Role.DRAIN, min_level=None), {}, lent=False).min_level is None
