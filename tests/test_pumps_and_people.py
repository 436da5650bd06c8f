"""What people and other programs do to pumps and zones in the worst moment: deletions, odd targets, hasty hands."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair import async_remove_config_entry_device
from custom_components.smartair.const import DOMAIN
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pumps.pump import Pump
from custom_components.smartair.pysmartair import Code
from custom_components.smartair.pysmartair.channels import MAX_PUMPS
from custom_components.smartair.pysmartair.guard.model import Tripped
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused, Role
from custom_components.smartair.pysmartair.water.model import Failed

from .conftest import Say, Wait
from .pump_node import INFO, Node
from .zone_rack import Rack, add_zone, rack_of, settings

FILL, DRAIN, RECIRC = "pump_fill", "pump_drain", "pump_recirc"


def pump(house: SmartAirHub, channel: str = FILL) -> Pump:
    return house.pumps["rack_a", channel]


def somebody[T](hass: HomeAssistant, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    return hass.async_create_background_task(work, "somebody", eager_start=True)


async def call(hass: HomeAssistant, action: str, **data: Any) -> Any:
    return await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=action in {"run_pump", "get_alerts", "get_water_usage"}
    )


async def breathe() -> None:
    """Let everything run that can: who waits for a pump that says nothing would wait for ever for the clock."""
    for _ in range(50):
        await asyncio.sleep(0)


def shown(hass: HomeAssistant, platform: str, key: str) -> str:
    entity_id = er.async_get(hass).async_get_entity_id(platform, DOMAIN, f"rack_a-{key}")
    assert entity_id is not None
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


async def trip(hass: HomeAssistant, node: Node, channel: str = DRAIN) -> None:
    node.say("event", {"event": "safety_trip", "channel": channel, "code": "overcurrent", "cause": "measured"})
    await hass.async_block_till_done()


def active(house: SmartAirHub, code: Code) -> list[tuple[str | None, str | None]]:
    """Return the zone and the channel of each active alert of a code."""
    return [(alert.zone, alert.channel) for alert in house.alerts.active() if alert.code is code]


# --- deletions ----------------------------------------------------------------------------------------


async def test_a_device_that_is_deleted_while_its_pump_runs_has_it_stopped_first(
    hass: HomeAssistant, house: SmartAirHub, node: Node
) -> None:
    fill = pump(house)
    run = somebody(hass, fill.async_run_to_end(seconds=300))
    await hass.async_block_till_done()
    await node.report()
    assert fill.is_on
    await house.async_forget("rack_a")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert node.orders("stop_pump") == [{"channel": FILL}]
    assert not node.on[FILL]
    assert run.done(), "who waits for the end of a run of a device that is gone waits for ever"
    assert run.result().ended_by == "stopped"
    assert [one.ended_by for one in house.usage.runs(channel=FILL)] == ["stopped"]


async def test_a_device_that_is_deleted_while_its_pump_starts_keeps_nobody_waiting(
    hass: HomeAssistant, house: SmartAirHub, node: Node
) -> None:
    node.mute = True
    starting = somebody(hass, pump(house).async_run(seconds=30))
    await hass.async_block_till_done()
    await house.async_forget("rack_a")
    await hass.async_block_till_done()
    assert [order["command"] for order in node.sent] == ["run_pump", "stop_pump"]
    assert starting.done()
    with pytest.raises(HomeAssistantError) as error:
        await starting
    assert error.value.translation_key == "run_stopped"


async def test_a_device_that_is_deleted_while_its_zone_changes_water_fails_the_change(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Any
) -> None:
    await zone.async_start_change()
    await hass.async_block_till_done(wait_background_tasks=True)
    await rack.second(2)
    assert rack.node.on[DRAIN]
    device_id = hub.runtime_data.devices["rack_a"].device_id
    await hub.runtime_data.async_forget("rack_a")
    dr.async_get(hass).async_remove_device(device_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not rack.node.on[DRAIN]
    assert isinstance(zone.memory.state, Failed)
    assert zone.memory.state.cause == "stopped"


async def test_what_is_still_there_cannot_be_deleted_alone(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Any
) -> None:
    """The child device of a pump, and the device of a zone: their entities would be gone, and they would go on."""
    registry = dr.async_get(hass)
    for device_id in (pump(hub.runtime_data).device_id, zone.device_id):
        device = registry.async_get(device_id)
        assert device is not None
        assert not await async_remove_config_entry_device(hass, hub, device)
    rack.node.say("info", INFO | {"channels": INFO["channels"][:1]})
    await hass.async_block_till_done()
    device = registry.async_get(pump(hub.runtime_data).device_id)
    assert device is not None
    assert await async_remove_config_entry_device(hass, hub, device), "the channel is not there any more"


async def test_a_zone_that_is_deleted_does_not_undo_what_another_was_set_to_meanwhile(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Any, freezer: FrozenDateTimeFactory
) -> None:
    """Its pumps may take ten seconds to say nothing."""
    hass.states.async_set("switch.other", "off")
    hass.states.async_set("switch.third", "off")

    def only(switch: str, **more: Any) -> dict[str, Any]:
        return settings(hass, hub, pumps={"recirculation": None, "fill": switch, "drain": None}, **more)

    other = await add_zone(hass, hub, only("switch.other"), "Other")
    third = await add_zone(hass, hub, only("switch.third"), "Third")
    await zone.async_start_change()
    await hass.async_block_till_done(wait_background_tasks=True)
    await rack.second(2)
    rack.node.mute = True
    hass.config_entries.async_remove_subentry(hub, zone.zone_id)
    await breathe()
    changed = only("switch.other", limits={"target_level": 60})
    hass.config_entries.async_update_subentry(hub, hub.subentries[other.zone_id], data=changed)
    hass.config_entries.async_remove_subentry(hub, third.zone_id)
    await breathe()
    assert other.settings.rules.target_level == 60
    for _ in range(30):
        freezer.tick(1)
        async_fire_time_changed(hass)
        await breathe()
    assert set(hub.runtime_data.zones) == {other.zone_id}
    assert other.settings.rules.target_level == 60


# --- locks and their alerts ---------------------------------------------------------------------------


@pytest.fixture
async def rack(hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait) -> Rack:
    """A node with its pumps and sensors."""
    return await rack_of(hass, broker, hub, wait)


@pytest.fixture
async def zone(hass: HomeAssistant, hub: MockConfigEntry, rack: Rack) -> Any:
    """A zone of this node."""
    return await add_zone(hass, hub, settings(hass, hub))


async def test_a_lock_in_a_zone_is_one_alert_over_a_restart_and_is_over_with_its_reset(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Any
) -> None:
    await trip(hass, rack.node)
    assert active(hub.runtime_data, Code.OVERCURRENT) == [(zone.zone_id, DRAIN)]
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    house: SmartAirHub = hub.runtime_data
    await rack.second(2)
    assert active(house, Code.OVERCURRENT) == [(zone.zone_id, DRAIN)]
    await pump(house, DRAIN).async_reset()
    assert active(house, Code.OVERCURRENT) == []


async def test_a_lock_from_before_a_zone_came_is_over_with_its_reset(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack
) -> None:
    await trip(hass, rack.node)
    await add_zone(hass, hub, settings(hass, hub))
    assert active(hub.runtime_data, Code.OVERCURRENT) == [(None, DRAIN)]
    await rack.second()
    await pump(hub.runtime_data, DRAIN).async_reset()
    assert active(hub.runtime_data, Code.OVERCURRENT) == []


async def test_a_lock_outlives_the_zone_of_its_pump_and_so_does_its_alert(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Any
) -> None:
    await trip(hass, rack.node)
    hass.config_entries.async_remove_subentry(hub, zone.zone_id)
    await hass.async_block_till_done()
    house: SmartAirHub = hub.runtime_data
    assert pump(house, DRAIN).lock is not None
    assert [channel for _, channel in active(house, Code.OVERCURRENT)] == [DRAIN]
    await rack.second()
    await pump(house, DRAIN).async_reset()
    assert active(house, Code.OVERCURRENT) == []


async def test_a_limit_of_ph_is_watched_no_more_where_its_sensor_was_taken_away(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack
) -> None:
    data = settings(hass, hub, limits={"ph_low": 5.5, "ph_high": 6.5})
    zone = await add_zone(hass, hub, data)
    rack.values["ph"] = 7.5
    for _ in range(25):
        await rack.wait(30)
        await rack.second()
    assert active(hub.runtime_data, Code.HIGH_PH) == [(zone.zone_id, None)]
    without = settings(hass, hub, sensors={"ph": None}, limits={"ph_low": 5.5, "ph_high": 6.5})
    hass.config_entries.async_update_subentry(hub, hub.subentries[zone.zone_id], data=without)
    await hass.async_block_till_done()
    await rack.second()
    assert active(hub.runtime_data, Code.HIGH_PH) == []


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("locked", [True, False])
async def test_a_device_that_trips_for_any_reason_there_is_is_understood_and_survives_a_restart(
    hass: HomeAssistant, hub: MockConfigEntry, node: Node, reason: Reason, locked: bool
) -> None:
    await pump(hub.runtime_data, DRAIN).async_run(seconds=30)
    await node.report()
    event = {"event": "safety_trip", "channel": DRAIN, "code": str(reason), "cause": "none", "locked": locked}
    node.say("event", event)
    await hass.async_block_till_done()
    drain = pump(hub.runtime_data, DRAIN)
    assert (drain.lock is not None) == (locked or reason is Reason.PUMP_STUCK_ON)
    alerts = hub.runtime_data.alerts
    assert [alert for alert in (*alerts.active("rack_a"), *alerts.book.past) if alert.channel == DRAIN]
    assert await hass.config_entries.async_reload(hub.entry_id)
    assert (pump(hub.runtime_data, DRAIN).lock is None) == (drain.lock is None)


@pytest.mark.parametrize("code", ["interlock", "update_in_progress", "state_unknown", "gremlins"])
async def test_a_run_that_ends_with_any_error_is_an_entry_in_the_log(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait, code: str
) -> None:
    run = await pump(house, DRAIN).async_run(seconds=30)
    await node.report()
    node.on[DRAIN] = False
    cmd_id = node.running[DRAIN]
    node.say("command_response", {"cmd": "run_pump", "cmd_id": cmd_id, "status": "ERROR", "error_code": code})
    await node.report()
    await wait(5)
    assert [one.cmd_id for one in house.usage.runs(channel=DRAIN)] == [run.cmd_id]
    assert Code.RUN_REFUSED in {alert.code for alert in house.alerts.book.past}


@pytest.mark.parametrize(
    ("said", "litres"), [({"litres": -5}, None), ({"litres": 1e12}, None), ({"seconds": -3, "litres": 2.0}, 2.0)]
)
async def test_an_account_that_cannot_be_does_not_spoil_the_counters(
    house: SmartAirHub, node: Node, wait: Wait, said: dict[str, float], litres: float | None
) -> None:
    await pump(house).async_run(seconds=30)
    await node.report()
    await wait(10)
    node.end(FILL, **said)
    await node.report()
    for _ in range(5):
        await wait(1)
        await node.report()
    (record,) = house.usage.runs(channel=FILL)
    assert record.litres == litres
    assert record.seconds == pytest.approx(10, abs=1)
    assert record.started <= record.ended


# --- targets of actions -------------------------------------------------------------------------------


async def test_stop_all_stops_all(hass: HomeAssistant, house: SmartAirHub, node: Node) -> None:
    await call(hass, "stop_pump", entity_id="all")
    assert sorted(order["channel"] for order in node.orders("stop_pump")) == [DRAIN, FILL, RECIRC]


@pytest.mark.parametrize("target", ["device_id", "area_id", "floor_id", "label_id"])
@pytest.mark.parametrize("action", ["run_pump", "stop_pump", "reset_safety_lock"])
async def test_a_target_that_does_not_exist_is_an_error_and_no_success(
    hass: HomeAssistant, node: Node, action: str, target: str
) -> None:
    with pytest.raises(ServiceValidationError) as error:
        await call(hass, action, **{target: "nowhere"})
    assert error.value.translation_key == "not_a_pump"
    assert error.value.translation_placeholders == {"entity": "nowhere"}


async def test_a_target_that_does_not_exist_keeps_no_pump_running(
    hass: HomeAssistant, house: SmartAirHub, node: Node
) -> None:
    await pump(house).async_run(seconds=30)
    with pytest.raises(ServiceValidationError):
        await call(hass, "stop_pump", device_id=[house.devices["rack_a"].device_id, "nowhere"])
    assert {"channel": FILL} in node.orders("stop_pump")


async def test_a_pause_that_is_none_is_the_longest(house: SmartAirHub, node: Node) -> None:
    recirc = pump(house, RECIRC)
    for pause in (-5.0, float("nan"), 0.0):
        node.sent.clear()
        await recirc.async_stop(off_s=pause)
        assert node.orders("stop_pump") == [{"channel": RECIRC, "max_off_s": 1800}]


@pytest.mark.parametrize("key", [f"{DRAIN}:min_level", f"setting_{FILL}_max_run_s"])
async def test_a_limit_that_is_no_number_leaves_the_one_before(
    hass: HomeAssistant, house: SmartAirHub, node: Node, key: str
) -> None:
    entity_id = er.async_get(hass).async_get_entity_id("number", DOMAIN, f"rack_a-{key}")
    assert entity_id is not None

    async def set_to(value: float | str) -> None:
        await hass.services.async_call("number", "set_value", {"entity_id": entity_id, "value": value}, blocking=True)

    await set_to(5)
    with pytest.raises(ServiceValidationError) as error:
        await set_to("nan")
    assert error.value.translation_key == "not_a_number"
    state = hass.states.get(entity_id)
    assert state is not None
    assert float(state.state) == 5


# --- hasty hands --------------------------------------------------------------------------------------


async def test_a_change_that_is_begun_right_after_an_abort_is_not_failed_by_the_end_of_the_run_before(
    hass: HomeAssistant, rack: Rack, zone: Any
) -> None:
    await zone.async_start_change()
    await hass.async_block_till_done(wait_background_tasks=True)
    await rack.second(3)
    await zone.async_abort()
    await rack.second()
    await zone.async_start_change()
    await hass.async_block_till_done(wait_background_tasks=True)
    await rack.second(5)
    assert type(zone.memory.state).__name__ == "Drain", zone.memory.state
    await rack.until(zone, "NormalRecirc")


async def test_a_trip_that_the_device_accounts_for_only_in_the_next_step_fails_the_change(
    hass: HomeAssistant, rack: Rack, zone: Any
) -> None:
    """It locks nothing, so that nobody else would hear of it (D5)."""
    await zone.async_start_change()
    await hass.async_block_till_done(wait_background_tasks=True)
    await rack.until(zone, "Fill")
    rack.node.say(
        "command_response",
        {
            "cmd": "run_pump",
            "cmd_id": rack.node.running[DRAIN],
            "status": "DONE",
            "details": {"channel": DRAIN, "ended_by": "no_flow"},
        },
    )
    await rack.second(2)
    assert isinstance(zone.memory.state, Failed)
    assert zone.memory.state.cause == "no_flow"
    assert not rack.node.on[FILL]


async def test_a_drain_pump_that_goes_on_drawing_fails_the_change(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Any
) -> None:
    """Its relay is welded: the device says off, and the current says on."""
    rack.node.current[DRAIN] = 600.0
    await zone.async_start_change()
    await hass.async_block_till_done(wait_background_tasks=True)
    await rack.until(zone, "Fill")
    await rack.second(15)
    assert pump(hub.runtime_data, DRAIN).stuck
    assert isinstance(zone.memory.state, Failed)
    assert zone.memory.state.cause == "pump_stuck_on"
    assert not rack.node.on[FILL]


async def test_an_opposite_that_was_switched_on_at_the_device_is_stopped_and_the_run_goes_on(
    house: SmartAirHub, node: Node, wait: Wait
) -> None:
    await pump(house).async_run(seconds=300)
    await node.report()
    node.on[DRAIN] = True
    for _ in range(6):
        await wait(10)
        node.level = (node.level or 0) + 2
        await node.report()
    # Only the run was not renewed before, and both went on for a minute (D14).
    assert node.orders("stop_pump") == [{"channel": DRAIN}]
    assert {order["channel"] for order in node.orders("run_pump")} == {FILL}
    assert pump(house).is_on


# --- what is shown ------------------------------------------------------------------------------------


async def test_a_run_without_an_account_is_shown_when_it_is_written_down(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait
) -> None:
    node = Node(hass, level=None)
    broker.async_publish.side_effect = node.publish
    node.say("info", INFO | {"metrics": [], "channels": [{"id": FILL, "type": "pump", "role": "other"}]}, retain=True)
    node.say("status", "online", retain=True)
    node.on = {FILL: False}
    await hass.async_block_till_done()
    await hub.runtime_data.async_approve([node.uid])
    await hass.async_block_till_done()
    await node.report()
    await pump(hub.runtime_data).async_run(seconds=30)
    await node.report()
    await wait(10)
    await node.report()
    await pump(hub.runtime_data).async_stop()
    await node.report()
    for _ in range(5):
        await wait(1)
        await node.report()
    assert [one.seconds for one in hub.runtime_data.usage.runs(channel=FILL)] == [pytest.approx(10, abs=1)]
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"rack_a-{FILL}:last_run")
    assert entity_id is not None
    last = hass.states.get(entity_id)
    assert last is not None
    assert last.attributes["ended_by"] == "stopped"


async def test_a_flow_that_is_reported_no_more_is_unknown_once_it_is_stale(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait
) -> None:
    node = Node(hass, level=None)
    broker.async_publish.side_effect = node.publish
    node.say("info", INFO | {"metrics": []}, retain=True)
    node.say("status", "online", retain=True)
    await hass.async_block_till_done()
    await hub.runtime_data.async_approve([node.uid])
    await hass.async_block_till_done()
    node.flow[RECIRC] = 4.2
    await node.report()
    assert shown(hass, "sensor", f"{RECIRC}:flow") == "4.2"
    node.flow[RECIRC] = None
    for _ in range(11):
        await wait(10)
        await node.report()
    assert shown(hass, "sensor", f"{RECIRC}:flow") == "unknown"


async def test_water_of_today_is_water_of_today_after_the_clock_was_set(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A computer without a clock of its own is told the time some while after its start."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 2 * 86_400)
    before = real() + 2 * 86_400
    run = await pump(house).async_run(seconds=30)
    await node.report()
    await wait(30)
    node.end(FILL, seconds=30.0, litres=2.5)
    await node.report()
    (record,) = house.usage.runs(channel=FILL)
    assert record.cmd_id == run.cmd_id
    assert record.started == pytest.approx(before, abs=1)
    assert record.ended == pytest.approx(before + 30, abs=1)


# --- foreign switches ---------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [TimeoutError(), OSError("cable"), ValueError("bug")])
async def test_a_switch_whose_integration_breaks_is_an_error_and_an_entry_in_the_log(
    hass: HomeAssistant, house: SmartAirHub, wait: Wait, error: Exception
) -> None:
    async def broken(_: ServiceCall) -> None:
        raise error

    hass.states.async_set("switch.plug", "off")
    hass.services.async_register("switch", "turn_on", broken)
    hass.services.async_register("switch", "turn_off", broken)
    plug = house.pumps.async_switch_pump("switch.plug", Role.DRAIN, {})
    with pytest.raises(HomeAssistantError) as failed:
        await plug.async_run(seconds=5)
    assert failed.value.translation_key == "switch_failed"
    noted = [alert for alert in house.alerts.book.past if alert.code is Code.RUN_REFUSED]
    assert [(alert.channel, alert.cause) for alert in noted] == [("switch.plug", "not_sent")]
    with pytest.raises(HomeAssistantError):
        await plug.async_stop()


async def test_a_renamed_switch_takes_the_alert_of_its_lock_along(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, wait: Wait
) -> None:
    registry = er.async_get(hass)
    plug = registry.async_get_or_create("switch", "plug", "one")
    hass.states.async_set(plug.entity_id, "off")
    pumps = {"recirculation": None, "fill": None, "drain": plug.id}
    zone = await add_zone(hass, hub, settings(hass, hub, pumps=pumps))
    house: SmartAirHub = hub.runtime_data
    drain = zone.pumps[Role.DRAIN]
    drain.async_take(Tripped(Refused(Reason.OVERCURRENT, Cause.MEASURED), locked=True))
    assert active(house, Code.OVERCURRENT) == [(zone.zone_id, plug.entity_id)]
    hass.states.async_remove(plug.entity_id)
    registry.async_update_entity(plug.entity_id, new_entity_id="switch.cellar")
    hass.states.async_set("switch.cellar", "off")
    await hass.async_block_till_done()
    assert zone.pumps[Role.DRAIN].lock is not None
    assert active(house, Code.OVERCURRENT) == [(zone.zone_id, "switch.cellar")]
    await zone.async_reset()
    assert active(house, Code.OVERCURRENT) == []


# --- odd questions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"end": "0001-01-01 00:00:00"}, "time_out_of_range"),
        ({"start": "9999-12-31 23:59:59"}, "end_before_start"),
        ({"start": "0001-01-01 00:00:00+14:00", "end": "9999-12-31 23:59:59-14:00"}, "time_out_of_range"),
    ],
)
async def test_a_time_that_cannot_be_is_an_error_and_no_crash(
    hass: HomeAssistant, node: Node, data: dict[str, str], error: str
) -> None:
    assert await call(hass, "get_water_usage", start="0001-01-01 00:00:00") == {"runs": [], "days": []}
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "get_water_usage", **data)
    assert refused.value.translation_key == error


async def test_alerts_since_a_time_of_the_house_are_those_since_then(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    await hass.config.async_set_time_zone("Asia/Vladivostok")
    house.alerts.async_note(Code.RUN_REFUSED, uid="rack_a")

    def local(hours: float) -> str:
        return (dt_util.now() + timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S")

    assert len((await call(hass, "get_alerts", since=local(-1)))["alerts"]) == 1
    assert (await call(hass, "get_alerts", since=local(1)))["alerts"] == []
    assert len((await call(hass, "get_alerts", since="0001-01-01 00:00:00"))["alerts"]) == 1


# --- channels that change -----------------------------------------------------------------------------


async def test_a_pump_that_learns_what_it_is_for_is_called_and_limited_so(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry
) -> None:
    """The first report may come before the description."""
    node = Node(hass)
    broker.async_publish.side_effect = node.publish
    await node.report()
    await hub.runtime_data.async_approve([node.uid])
    await hass.async_block_till_done()
    # One report may be garbled; two in a row that speak of a channel are not.
    await node.report()
    await node.report()
    recirc = pump(hub.runtime_data, RECIRC)
    assert recirc.role is Role.OTHER
    node.say("info", INFO, retain=True)
    await hass.async_block_till_done()
    assert recirc.role is Role.RECIRCULATION
    registered = recirc.registered
    assert registered is not None
    assert registered.name == "Recirculation pump"
    registry = er.async_get(hass)
    assert registry.async_get_entity_id("number", DOMAIN, f"rack_a-{RECIRC}:max_off_s") is not None


async def test_a_zone_does_not_drain_by_a_pump_that_fills_since_its_device_was_flashed_anew(
    hass: HomeAssistant, rack: Rack, zone: Any
) -> None:
    other = {RECIRC: "recirculation", FILL: "drain", DRAIN: "fill"}
    channels = [{"id": channel, "type": "pump", "role": role} for channel, role in other.items()]
    rack.node.say("info", INFO | {"channels": channels})
    await rack.second(2)
    with pytest.raises(ServiceValidationError) as refused:
        await zone.async_start_change()
    assert refused.value.translation_key == "change_refused_pump_missing"
    assert zone.pump_problem
    assert rack.node.orders("run_pump") == []


async def test_a_change_fails_whose_drain_pump_becomes_something_else(
    hass: HomeAssistant, rack: Rack, zone: Any
) -> None:
    await zone.async_start_change()
    await hass.async_block_till_done(wait_background_tasks=True)
    await rack.second(3)
    channels = [{"id": DRAIN, "type": "pump", "role": "other"}, *INFO["channels"][:2]]
    rack.node.say("info", INFO | {"channels": channels})
    await rack.second(40)
    assert isinstance(zone.memory.state, Failed)
    assert not rack.node.on[DRAIN]


def _pumps(prefix: str, count: int) -> list[dict[str, str]]:
    return [{"id": f"{prefix}_{index}", "type": "pump", "role": "other"} for index in range(count)]


async def test_channels_that_change_all_the_time_are_no_more_pumps_than_a_device_can_have_in_its_life(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    node: Node,
    wait: Wait,
    issue_registry: ir.IssueRegistry,
    device_registry: dr.DeviceRegistry,
) -> None:
    issue_id = f"too_many_pumps/{hub.entry_id}/rack_a/"
    for turn in range(4):
        node.say("info", INFO | {"channels": _pumps(f"turn{turn}", 30)})
        await hass.async_block_till_done()
        await wait(6)
        if turn == 1:
            assert len(hub.runtime_data.pumps) == 63
            assert issue_registry.async_get_issue(DOMAIN, issue_id) is None
    assert len(hub.runtime_data.pumps) == MAX_PUMPS
    issue = issue_registry.async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    assert issue.translation_placeholders == {
        "device": "Rack A",
        "most": "64",
        "channels": "turn3_0, turn3_1, turn3_2, turn3_3, turn3_4, …",
    }
    # Nor are there more after a reload; what was there before is, and so it is when the device is itself again.
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    node.say("info", INFO | {"channels": [*_pumps("turn9", 30), *INFO["channels"]]})
    await hass.async_block_till_done()
    await wait(6)
    house = hub.runtime_data
    assert [channel for _, channel in house.pumps] == ["pump_recirc", "pump_fill", "pump_drain"]
    assert len(dr.async_entries_for_parent_device(device_registry, house.devices["rack_a"].device_id)) == MAX_PUMPS
    assert issue_registry.async_get_issue(DOMAIN, issue_id) is not None
    node.say("info", INFO)
    await hass.async_block_till_done()
    assert issue_registry.async_get_issue(DOMAIN, issue_id) is None


async def test_a_garbled_description_makes_no_pump(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait
) -> None:
    for word in ("NaN", "id", "constructor"):
        node.say("info", INFO | {"channels": [{"id": word, "type": "pump"}]})
        await hass.async_block_till_done()
        await wait(2)
        node.say("info", INFO)
        await hass.async_block_till_done()
        await wait(6)
    assert len(house.pumps) == 3
    # What stands is believed, whatever it is called.
    node.say("info", INFO | {"channels": [*INFO["channels"], {"id": "constructor", "type": "pump"}]})
    await hass.async_block_till_done()
    assert len(house.pumps) == 3
    await wait(6)
    assert house.pumps["rack_a", "constructor"].offered


async def test_of_a_device_without_a_description_a_channel_is_believed_that_two_reports_in_a_row_speak_of(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, say: Say
) -> None:
    await say("script_1", "telemetry", {"water_level": 50})
    await house.async_approve(["script_1"])
    await hass.async_block_till_done()
    for channel in ("NaN", "id", "pump_fill"):
        await say("script_1", "telemetry", {"channels": {channel: {"on": True}}})
        assert not house.pumps
    await say("script_1", "telemetry", {"channels": {"pump_fill": {"on": True}}})
    assert house.pumps["script_1", "pump_fill"].is_on is True
    # After a restart it is known, and seen to run with the first word of it.
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    await say("script_1", "telemetry", {"channels": {"pump_fill": {"on": True}}})
    assert hub.runtime_data.pumps["script_1", "pump_fill"].is_on is True


async def test_a_level_that_is_silent_does_not_live_longer_because_something_was_renamed(
    hass: HomeAssistant, rack: Rack, zone: Any
) -> None:
    assert zone.value("level") == 80
    await rack.wait(50)
    assert zone.value("level") == 80
    registry = er.async_get(hass)
    entity_id = registry.async_get_entity_id("sensor", DOMAIN, "rack_a-ph")
    assert entity_id is not None
    registry.async_update_entity(entity_id, new_entity_id="sensor.renamed")
    await hass.async_block_till_done()
    await rack.wait(20)
    assert zone.value("level") is None
