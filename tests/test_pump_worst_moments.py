"""Odd devices, clumsy scripts and the worst moments: what a pump does then, and what people are told."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
import time
from typing import Any

from homeassistant.components.input_boolean import DOMAIN as INPUT_BOOLEAN
from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient
import voluptuous as vol

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pumps.pump import Pump
from custom_components.smartair.pysmartair import Code, RunRecord
from custom_components.smartair.pysmartair.channels import MAX_PUMPS
from custom_components.smartair.pysmartair.guard.model import Sense, Tripped
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused, Role

from .conftest import Wait
from .pump_node import INFO, Node

SWITCH = "input_boolean.drain"


def pump(house: SmartAirHub, channel: str = "pump_fill") -> Pump:
    return house.pumps["rack_a", channel]


def begin[T](hass: HomeAssistant, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    return hass.async_create_background_task(work, "somebody", eager_start=True)


def active(house: SmartAirHub) -> set[Code]:
    return {alert.code for alert in house.alerts.active()}


async def act(hass: HomeAssistant, action: str, **data: Any) -> Any:
    target = hass.states.async_entity_ids("switch")
    fill = next(one for one in target if "fill" in one)
    answer = action == "run_pump"
    return await hass.services.async_call(
        DOMAIN, action, {"entity_id": fill, **data}, blocking=True, return_response=answer
    )


# --- odd devices --------------------------------------------------------------------------------------


@pytest.mark.parametrize("on", [7, "perhaps", None, [], {}, -1, ""])
async def test_what_is_neither_on_nor_off_is_no_state(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait, on: Any
) -> None:
    node.on["pump_fill"] = on
    for _ in range(20):
        await node.report()
        await wait(30)
    assert pump(house).is_on is None
    with pytest.raises(HomeAssistantError) as error:
        await pump(house).async_run(seconds=5)
    assert error.value.translation_key == "refused_state_unknown"
    # Circulation that runs is renewed meanwhile.
    assert {order["channel"] for order in node.orders("run_pump")} <= {"pump_recirc"}


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1000", "1e300", '"many"', "true", "[800]", "{}"])
async def test_a_current_that_is_none_is_none(house: SmartAirHub, node: Node, value: str) -> None:
    node.current["pump_fill"] = 700.0
    await node.report()
    node.say("telemetry", f'{{"channels": {{"pump_fill": {{"on": false, "current_ma": {value}}}}}}}')
    await node.hass.async_block_till_done()
    assert pump(house).reading(Sense.CURRENT_MA).value in {None, 700.0}
    assert pump(house).lock is None


@pytest.mark.parametrize("lock", [5, True, "x" * 5000, "<script>alert(1)</script>", ["a"], {"b": 1}, "dry_run\n\0"])
async def test_a_lock_that_cannot_be_read_is_a_lock_all_the_same(house: SmartAirHub, node: Node, lock: Any) -> None:
    node.locks["pump_fill"] = lock
    await node.report()
    assert pump(house).lock is not None
    assert len(active(house)) == 1
    (alert,) = house.alerts.active()
    assert len(alert.cause or "") <= 64
    with pytest.raises(HomeAssistantError):
        await pump(house).async_run(seconds=5)
    assert node.orders("run_pump") == []
    await pump(house).async_stop()


@pytest.mark.parametrize("channel", ["", "a b", "../../etc", "<b>", "ä", "x" * 33, "a-b", "a:b", "pump/1"])
async def test_a_channel_with_a_hostile_name_is_none(house: SmartAirHub, node: Node, channel: str) -> None:
    channels = [*INFO["channels"], {"id": channel, "type": "pump", "role": "fill"}]
    node.say("info", INFO | {"channels": channels})
    node.on[channel] = True
    await node.report()
    assert len(house.pumps) == 3


async def test_more_channels_than_anybody_has_are_left_out(house: SmartAirHub, node: Node) -> None:
    channels = [{"id": f"p{number}", "type": "pump", "role": "drain"} for number in range(200)]
    node.say("info", INFO | {"channels": channels})
    node.on = {f"p{number}": False for number in range(200)}
    await node.report()
    assert len(house.pumps) <= MAX_PUMPS + 3


async def test_two_devices_may_call_their_channels_the_same(
    hass: HomeAssistant, house: SmartAirHub, node: Node
) -> None:
    other = Node(hass, uid="rack_b")
    other.say("info", INFO | {"name": "Rack B"}, retain=True)
    other.say("status", "online", retain=True)
    await hass.async_block_till_done()
    await house.async_approve(["rack_b"])
    other.locks["pump_fill"] = "overflow"
    await other.report()
    assert house.pumps["rack_b", "pump_fill"].lock is not None
    await pump(house).async_run(seconds=5)
    assert [order["params"]["channel"] for order in node.sent if order["command"] == "run_pump"] == ["pump_fill"]
    assert other.sent == []


def described(**change: Any) -> dict[str, Any]:
    recirc = {"id": "pump_recirc", "type": "pump", "role": "recirculation", "fail_safe_mode": "NC"} | change
    return INFO | {"channels": [recirc, *INFO["channels"][1:]]}


async def test_circulation_that_becomes_a_drain_pump_while_it_runs_is_bounded(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    recirc = pump(house, "pump_recirc")
    node.say("info", described(role="drain", fail_safe_mode="NO"))
    await node.report()
    assert recirc.role is Role.DRAIN
    for _ in range(int(recirc.limits.max_run_s // 20) + 2):
        await wait(20)
        await node.report()
    assert node.orders("stop_pump")[0]["channel"] == "pump_recirc"
    assert recirc.is_on is False


async def test_a_drain_pump_that_becomes_circulation_is_not_stopped_at_its_bound(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    drain = pump(house, "pump_drain")
    await drain.async_run(seconds=40)
    changed = {"id": "pump_drain", "type": "pump", "fail_safe_mode": "NC"}
    node.say("info", INFO | {"channels": [*INFO["channels"][:2], changed]})
    await node.report()
    assert drain.limits.circulates
    for _ in range(8):
        await wait(10)
        await node.report()
    assert node.orders("stop_pump") == []
    assert drain.is_on


async def test_a_channel_that_disappears_while_it_runs_is_stopped_and_unknown(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    await pump(house).async_run(seconds=50)
    node.say("info", INFO | {"channels": [one for one in INFO["channels"] if one["id"] != "pump_fill"]})
    del node.on["pump_fill"]
    for _ in range(4):
        await node.report()
        await wait(10)
    assert node.orders("stop_pump")
    assert pump(house).is_on is None
    node.say("info", INFO)
    node.on["pump_fill"] = False
    await node.report()
    assert pump(house).is_on is False


# --- odd answers --------------------------------------------------------------------------------------


def answer(node: Node, cmd_id: str, status: str, *, retain: bool = False, **more: Any) -> None:
    node.say("command_response", {"cmd": "run_pump", "cmd_id": cmd_id, "status": status, **more}, retain=retain)


def cmd_id(node: Node) -> str:
    return str([order["cmd_id"] for order in node.sent if order["command"] == "run_pump"][-1])


async def test_an_answer_to_another_order_and_a_retained_one_are_no_answer(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    node.mute = True
    run = begin(hass, pump(house).async_run(seconds=5))
    await wait(0)
    answer(node, "somebody-elses", "DONE")
    answer(node, cmd_id(node), "ACCEPTED", retain=True)
    await wait(1)
    assert not run.done()
    assert pump(house).is_on is False
    await wait(9)
    with pytest.raises(HomeAssistantError) as error:
        await run
    assert error.value.translation_key == "run_no_answer"
    assert Code.COMMAND_UNCONFIRMED in active(house)
    assert node.orders("stop_pump") == [{"channel": "pump_fill"}]


async def test_the_end_is_told_before_the_beginning_and_twice(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    node.mute = True
    run = begin(hass, pump(house).async_run_to_end(seconds=5))
    await wait(0)
    details = {"channel": "pump_fill", "seconds": 4.9, "litres": 1.5, "ended_by": "finished"}
    for status in ("DONE", "DONE", "ACCEPTED", "DONE"):
        answer(node, cmd_id(node), status, details=details if status == "DONE" else {})
    await wait(4)
    record = await run
    assert (record.seconds, record.litres, record.ended_by) == (4.9, 1.5, "finished")
    assert pump(house).is_on is False
    assert len(house.pumps.usage.runs()) == 1
    assert house.pumps.usage.total().litres == 1.5


@pytest.mark.parametrize("code", ["overcurrent", "gremlins", None, "x" * 900])
async def test_an_error_after_it_was_accepted_ends_the_run(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait, code: str | None
) -> None:
    run = begin(hass, pump(house).async_run_to_end(seconds=50))
    await wait(1)
    node.on["pump_fill"] = False
    for _ in range(2):
        answer(node, cmd_id(node), "ERROR", error_code=code, details={"seconds": "long", "litres": [1]})
    await node.report()
    await wait(4)
    record = await run
    assert record.ended_by not in {"finished", "stopped"}
    assert pump(house).is_on is False
    assert len(pump(house).guard.failures) == 1
    assert len(house.pumps.usage.runs()) == 1


async def test_retained_telemetry_says_nothing_of_a_pump(hass: HomeAssistant, house: SmartAirHub, node: Node) -> None:
    channels = {"pump_fill": {"on": True, "lock": "overflow"}}
    node.say("telemetry", {"device_uid": "rack_a", "channels": channels}, retain=True)
    await hass.async_block_till_done()
    assert pump(house).is_on is False
    assert pump(house).lock is None


async def test_a_device_that_reboots_in_a_run_ends_it(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    run = begin(hass, pump(house).async_run_to_end(seconds=50))
    await wait(1)
    await node.report(boot_id="one", seq=7)
    node.on["pump_fill"] = False
    node.say("event", {"event": "boot", "reason": "brownout"})
    await node.report(boot_id="two", seq=1)
    await wait(4)
    assert (await run).ended_by == "device"
    assert [order["channel"] for order in node.orders("run_pump")] == ["pump_fill"]


async def test_a_reset_that_is_never_answered_leaves_the_lock_and_can_be_tried_again(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    node.locks["pump_fill"] = "no_flow"
    await node.report()
    node.mute = True
    tries = [begin(hass, pump(house).async_reset()) for _ in range(2)]
    await wait(10)
    for one in tries:
        with pytest.raises(HomeAssistantError) as error:
            await one
        assert error.value.translation_key == "no_answer"
    assert pump(house).lock is not None
    node.mute = False
    await pump(house).async_reset()
    assert pump(house).lock is None


# --- the worst moments --------------------------------------------------------------------------------


async def broker_goes(hass: HomeAssistant, broker: MqttMockHAClient, *, back: bool) -> None:
    broker.connected = back
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, back)
    await hass.async_block_till_done()


async def test_who_wants_a_pump_to_run_while_home_assistant_stops_is_refused(
    hass: HomeAssistant, house: SmartAirHub, node: Node
) -> None:
    begin(hass, pump(house).async_run(seconds=60))
    await node.report()
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert not node.on["pump_fill"]
    asked = node.orders("run_pump")
    with pytest.raises(HomeAssistantError) as error:
        await pump(house).async_run(seconds=60)
    assert error.value.translation_key == "run_stopped"
    assert node.orders("run_pump") == asked, "nobody would end it"


@pytest.mark.parametrize("away", [3, 300])
async def test_a_stop_while_the_broker_is_away_fails_aloud_and_is_sent_again(
    hass: HomeAssistant, broker: MqttMockHAClient, house: SmartAirHub, node: Node, wait: Wait, away: float
) -> None:
    await pump(house).async_run(seconds=600)
    await node.report()
    send, lost = broker.async_publish.side_effect, []

    async def fail(topic: str, payload: str, *_: Any, **__: Any) -> None:
        lost.append(topic)
        raise HomeAssistantError("away")

    await broker_goes(hass, broker, back=False)
    broker.async_publish.side_effect = fail
    with pytest.raises(HomeAssistantError) as error:
        await pump(house).async_stop()
    assert error.value.translation_key is not None
    await wait(away)
    broker.async_publish.side_effect = send
    assert node.orders("stop_pump") == []
    await broker_goes(hass, broker, back=True)
    node.say("status", "online")
    await hass.async_block_till_done()
    assert {"channel": "pump_fill"} in node.orders("stop_pump")
    await node.report()
    assert pump(house).is_on is False


@pytest.mark.parametrize("moment", ["starting", "running", "stopping", "locked"])
async def test_a_restart_in_the_worst_moment_starts_nothing(
    hass: HomeAssistant, house: SmartAirHub, node: Node, hub: MockConfigEntry, wait: Wait, moment: str
) -> None:
    fill = pump(house)
    stops: list[asyncio.Task[None]] = []
    node.mute = moment == "starting"
    asked = begin(hass, fill.async_run(seconds=500))
    await wait(0)
    match moment:
        case "stopping":
            node.mute = True
            stops.append(begin(hass, fill.async_stop()))
            await wait(0)
        case "locked":
            node.on["pump_fill"] = False
            node.say(
                "event", {"event": "safety_trip", "channel": "pump_fill", "code": "no_flow", "cause": "measured"}
            )
            await wait(0)
        case _:
            pass
    node.mute = False
    await hass.config_entries.async_unload(hub.entry_id)
    await asyncio.gather(asked, *stops, return_exceptions=True)
    assert node.on["pump_fill"] is False
    begun = len(node.orders("run_pump"))
    await wait(100)
    await hass.config_entries.async_setup(hub.entry_id)
    await hass.async_block_till_done()
    fill = hub.runtime_data.pumps["rack_a", "pump_fill"]
    assert fill.is_on is None
    await node.report()
    await wait(30)
    await node.report()
    assert fill.is_on is False
    assert (fill.lock is not None) == (moment == "locked")
    assert len(node.orders("run_pump")) == begun


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_clock_that_jumps_neither_shortens_nor_lengthens_a_run(
    hass: HomeAssistant,
    house: SmartAirHub,
    node: Node,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
) -> None:
    real = time.time
    fill, recirc = pump(house), pump(house, "pump_recirc")
    begin(hass, recirc.async_stop(off_s=50))
    run = begin(hass, fill.async_run_to_end(seconds=30))
    await wait(10)
    await node.report()
    monkeypatch.setattr(time, "time", lambda: real() + hours * 3600)
    for _ in range(3):
        await wait(6)
        await node.report()
    assert fill.is_on
    assert recirc.is_on is False
    await wait(2)
    node.end("pump_fill", seconds=30.0, litres=1.0)
    await node.report()
    record = await run
    assert record.seconds == 30.0
    assert record.ended_by == "finished"
    for _ in range(4):
        await wait(10)
        await node.report()
    assert recirc.is_on, "its pause was not over in time"


@pytest.mark.parametrize(
    "data",
    [{"seconds": 0}, {"seconds": -1}, {"seconds": "NaN"}, {"seconds": 1e9}, {"litres": 0}, {"litres": "nan"}],
)
async def test_nonsense_is_refused_before_anything_is_sent(hass: HomeAssistant, node: Node, data: Any) -> None:
    with pytest.raises((vol.Invalid, HomeAssistantError)):
        await act(hass, "run_pump", **data)
    assert node.orders("run_pump") == []


async def test_litres_want_a_flow_meter(hass: HomeAssistant, node: Node) -> None:
    with pytest.raises(HomeAssistantError) as error:
        await act(hass, "run_pump", litres=2)
    assert error.value.translation_key == "refused_no_flow_unknown"
    with pytest.raises(HomeAssistantError):
        await act(hass, "run_pump", litres=2, seconds=5)
    assert node.orders("run_pump") == []


async def test_two_that_ask_at_once_get_one_run(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    runs = [begin(hass, pump(house).async_run_to_end(seconds=20)) for _ in range(2)]
    await wait(20)
    node.end("pump_fill", seconds=20.0)
    await node.report()
    await wait(4)
    first, second = await asyncio.gather(*runs)
    assert first == second
    assert len(house.pumps.usage.runs()) == 1


async def test_a_caller_that_is_cancelled_leaves_nothing_running(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    node.mute = True
    run = begin(hass, pump(house).async_run(seconds=20))
    await wait(0)
    run.cancel()
    await wait(0)
    assert [order["command"] for order in node.sent][-1] == "stop_pump"
    node.mute = False
    run = begin(hass, pump(house).async_run_to_end(seconds=20))
    await wait(0)
    run.cancel()
    await wait(0)
    assert node.on["pump_fill"] is False


async def test_a_script_that_asks_each_second_does_not_outlive_the_bound(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    fill = pump(house)
    await house.pumps.async_set_limit(fill, "max_run_s", 60)
    records: list[RunRecord] = []
    fill.async_listen_runs(records.append)
    for _ in range(61):
        begin(hass, _quietly(fill.async_run(seconds=30)))
        node.level = (node.level or 0) + 0.5
        await node.report()
        await wait(1)
    for _ in range(6):
        await wait(1)
    assert records
    assert (records[0].seconds or 0) <= 63


async def test_a_script_that_asks_each_second_does_not_hide_that_nobody_answers(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    node.mute = True
    for _ in range(13):
        begin(hass, _quietly(pump(house).async_run(seconds=30)))
        await wait(1)
        await node.report()
    assert Code.COMMAND_UNCONFIRMED in active(house)
    assert {"channel": "pump_fill"} in node.orders("stop_pump")


async def _quietly(work: Coroutine[Any, Any, Any]) -> None:
    with suppress(HomeAssistantError):
        await work


@pytest.mark.parametrize(("limit", "value"), [("max_current_ma", 100), ("min_flow", 50), ("max_run_s", 5)])
async def test_a_limit_that_is_set_below_what_is_measured_stops_the_run(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait, limit: str, value: float
) -> None:
    drain = pump(house, "pump_drain")
    node.flow["pump_drain"], node.current["pump_drain"] = 0.0, 0.0
    await node.report()
    await drain.async_run(seconds=55)
    node.flow["pump_drain"], node.current["pump_drain"] = 3.0, 800.0
    for _ in range(15):
        await wait(1)
        await node.report()
    assert drain.is_on
    await house.pumps.async_set_limit(drain, limit, value)
    for _ in range(8):
        await wait(1)
        await node.report()
    assert node.orders("stop_pump")[0] == {"channel": "pump_drain"}
    assert drain.last_run is None or drain.last_run.ended_by in {"overcurrent", "no_flow", "finished"}


# --- foreign switches ---------------------------------------------------------------------------------


@pytest.fixture
async def drain(hass: HomeAssistant, house: SmartAirHub) -> Pump:
    """A drain pump on a foreign switch."""
    assert await async_setup_component(hass, INPUT_BOOLEAN, {INPUT_BOOLEAN: {"drain": {}}})
    return house.pumps.async_switch_pump(SWITCH, Role.DRAIN, {"max_run_s": 90.0})


def lie(hass: HomeAssistant, service: str, domain: str = INPUT_BOOLEAN) -> list[ServiceCall]:
    calls: list[ServiceCall] = []

    @callback
    def hear(call: ServiceCall) -> None:
        calls.append(call)

    hass.services.async_register(domain, service, hear)
    return calls


async def test_a_switch_that_only_says_that_it_switched_on_is_found_out(
    hass: HomeAssistant, house: SmartAirHub, drain: Pump, wait: Wait
) -> None:
    lie(hass, "turn_on")
    await drain.async_run(seconds=60)
    for _ in range(11):
        await wait(1)
    assert drain.is_on is False
    assert Code.COMMAND_UNCONFIRMED in {alert.code for alert in house.alerts.book.past}


async def test_a_switch_that_stays_on_is_stuck(
    hass: HomeAssistant, house: SmartAirHub, drain: Pump, wait: Wait
) -> None:
    await drain.async_run(seconds=60)
    calls = lie(hass, "turn_off")
    await drain.async_stop()
    for _ in range(45):
        await wait(1)
    assert len(calls) >= 3
    assert drain.stuck
    assert Code.PUMP_STUCK_ON in active(house)
    with pytest.raises(HomeAssistantError):
        await drain.async_run(seconds=5)


async def test_a_switch_that_goes_away_and_comes_back_on_is_stopped(
    hass: HomeAssistant, house: SmartAirHub, drain: Pump, wait: Wait
) -> None:
    await drain.async_run(seconds=60)
    calls = lie(hass, "turn_off")
    hass.states.async_set(SWITCH, "unavailable")
    for _ in range(40):
        await wait(1)
    calls.clear()
    hass.states.async_set(SWITCH, "on")
    await wait(1)
    assert calls


async def test_a_switch_that_is_removed_is_unknown(hass: HomeAssistant, drain: Pump, wait: Wait) -> None:
    await drain.async_run(seconds=60)
    lie(hass, "turn_off")
    hass.states.async_remove(SWITCH)
    for _ in range(40):
        await wait(1)
    assert drain.is_on is None


async def test_a_switch_that_is_renamed_is_stopped_and_keeps_its_lock(
    hass: HomeAssistant, house: SmartAirHub, drain: Pump, wait: Wait
) -> None:
    registry = er.async_get(hass)
    house.pumps.async_release_switch(SWITCH)
    registered = registry.async_get_or_create("switch", "plug", "one")
    old = registered.entity_id
    hass.states.async_set(old, "off")
    calls = lie(hass, "turn_off", "switch")
    plug = house.pumps.async_switch_pump(old, Role.DRAIN, {})
    hass.states.async_set(old, "on")
    await wait(1)
    plug.async_take(Tripped(Refused(Reason.OVERCURRENT, Cause.MEASURED), locked=True))
    await wait(1)
    hass.states.async_remove(old)
    calls.clear()
    registry.async_update_entity(old, new_entity_id="switch.cellar")
    hass.states.async_set("switch.cellar", "on")
    if old in house.pumps.switches:
        house.pumps.async_release_switch(old)
    again = house.pumps.async_switch_pump("switch.cellar", Role.DRAIN, {})
    await wait(1)
    assert {call.data["entity_id"] for call in calls} == {"switch.cellar"}
    assert again.lock == Refused(Reason.OVERCURRENT, Cause.MEASURED)
