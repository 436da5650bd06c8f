"""The entities and actions of pumps."""

import asyncio
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import ATTR_ENTITY_ID, STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import MqttMockHAClient
from syrupy.assertion import SnapshotAssertion

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pumps.refusals import PumpRefusedError

from .conftest import NOW, Say, Wait
from .pump_node import INFO, Node, begin

FILL = "switch.fill_pump"
DRAIN = "switch.drain_pump"


def entity(hass: HomeAssistant, platform: str, channel: str, key: str) -> str:
    found = er.async_get(hass).async_get_entity_id(platform, DOMAIN, f"rack_a-{channel}:{key}")
    assert found is not None
    return found


def state(hass: HomeAssistant, platform: str, channel: str, key: str) -> str:
    return hass.states.get(entity(hass, platform, channel, key)).state


async def breathe() -> None:
    """Let everything run that can: who waits for an action to end would wait for ever for the clock."""
    for _ in range(50):
        await asyncio.sleep(0)


async def tick(hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float) -> None:
    freezer.tick(seconds)
    async_fire_time_changed(hass)
    await breathe()


async def act(hass: HomeAssistant, action: str, entity_id: str | list[str], **data: Any) -> Any:
    return await hass.services.async_call(
        DOMAIN, action, {ATTR_ENTITY_ID: entity_id, **data}, blocking=True, return_response=action == "run_pump"
    )


async def turn(hass: HomeAssistant, how: str, entity_id: str) -> None:
    await hass.services.async_call("switch", f"turn_{how}", {ATTR_ENTITY_ID: entity_id}, blocking=True)


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_the_entities_of_pumps(
    hass: HomeAssistant, node: Node, hub: MockConfigEntry, snapshot: SnapshotAssertion
) -> None:
    node.flow["pump_fill"] = 0.0
    node.current["pump_fill"] = 12.0
    await node.report()
    registry = er.async_get(hass)
    entries = [one for one in er.async_entries_for_config_entry(registry, hub.entry_id) if ":" in one.unique_id]
    assert entries
    for one in sorted(entries, key=lambda one: one.entity_id):
        assert one == snapshot(name=f"{one.entity_id}-entry")
        assert hass.states.get(one.entity_id) == snapshot(name=f"{one.entity_id}-state")


async def test_each_pump_is_a_child_of_its_node(hass: HomeAssistant, node: Node, hub: MockConfigEntry) -> None:
    registry = dr.async_get(hass)
    parent = hub.runtime_data.devices["rack_a"].device_id
    names = {pump.channel: registry.async_get(pump.device_id).name for pump in hub.runtime_data.pumps.values()}
    assert names == {"pump_recirc": "Recirculation pump", "pump_fill": "Fill pump", "pump_drain": "Drain pump"}
    assert {pump.registered.parent_device_id for pump in hub.runtime_data.pumps.values()} == {parent}


async def test_a_switch_shows_what_is_reported_and_never_what_is_hoped_for(
    hass: HomeAssistant, node: Node, freezer: FrozenDateTimeFactory
) -> None:
    switch = entity(hass, "switch", "pump_fill", "pump")
    node.mute = True
    turning = hass.async_create_background_task(turn(hass, "on", switch), "turn")
    await breathe()
    assert hass.states.get(switch).state == STATE_OFF
    assert state(hass, "sensor", "pump_fill", "state") == "starting"
    await tick(hass, freezer, 10)
    with pytest.raises(HomeAssistantError):
        await turning
    assert hass.states.get(switch).state == STATE_OFF
    assert state(hass, "sensor", "pump_fill", "state") == "unconfirmed"
    node.mute = False
    await turn(hass, "on", switch)
    assert hass.states.get(switch).state == STATE_ON
    assert node.orders("run_pump")[-1] == {"channel": "pump_fill", "max_run_s": 60, "duration_s": 60}


async def test_a_stop_overtakes_a_start_that_waits_for_its_answer(
    hass: HomeAssistant, node: Node, wait: Wait
) -> None:
    switch = entity(hass, "switch", "pump_fill", "pump")
    node.mute = True
    turning = hass.async_create_background_task(turn(hass, "on", switch), "turn")
    await breathe()
    node.mute = False
    await turn(hass, "off", switch)
    assert [order["command"] for order in node.sent] == ["run_pump", "stop_pump"]
    with pytest.raises(HomeAssistantError):
        await turning


async def test_run_pump_tells_what_happened(hass: HomeAssistant, node: Node, freezer: FrozenDateTimeFactory) -> None:
    switch = entity(hass, "switch", "pump_fill", "pump")
    running = hass.async_create_background_task(act(hass, "run_pump", switch, seconds=20), "run")
    await breathe()
    await tick(hass, freezer, 20)
    node.end("pump_fill", seconds=20.0, litres=1.5)
    await breathe()
    answer = (await running)[switch]
    assert {key: answer[key] for key in ("status", "seconds", "litres", "ended_by")} == {
        "status": "DONE",
        "seconds": 20.0,
        "litres": 1.5,
        "ended_by": "finished",
    }
    assert float(state(hass, "sensor", "pump_fill", "water_total")) == 1.5
    assert float(state(hass, "sensor", "pump_fill", "last_run")) == 1.5


async def test_run_pump_runs_until_litres_have_flowed(
    hass: HomeAssistant, node: Node, freezer: FrozenDateTimeFactory
) -> None:
    node.flow["pump_fill"] = 0.0
    await node.report()
    switch = entity(hass, "switch", "pump_fill", "pump")
    running = hass.async_create_background_task(act(hass, "run_pump", switch, litres=1), "run")
    await breathe()
    node.flow["pump_fill"] = 6.0
    for _ in range(12):
        await tick(hass, freezer, 1)
        node.tell()
        await breathe()
    await tick(hass, freezer, 3)
    answer = (await running)[switch]
    assert node.orders("stop_pump") == [{"channel": "pump_fill"}]
    assert answer["ended_by"] == "finished"
    assert answer["litres"] == pytest.approx(1, abs=0.15)


async def test_a_switch_that_is_no_pump_is_refused_by_name(hass: HomeAssistant, node: Node, say: Say) -> None:
    await say("rack_a", "info", INFO | {"config": {"alerts_enabled": True}})
    other = er.async_get(hass).async_get_entity_id("switch", DOMAIN, "rack_a-setting_alerts_enabled")
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "run_pump", other)
    assert error.value.translation_key == "not_a_pump"


async def test_a_wrong_name_among_the_pumps_keeps_none_of_them_running(hass: HomeAssistant, node: Node) -> None:
    switch = entity(hass, "switch", "pump_fill", "pump")
    await turn(hass, "on", switch)
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "stop_pump", [switch, "switch.pump_that_was_renamed"])
    assert error.value.translation_key == "not_a_pump"
    assert error.value.translation_placeholders == {"entity": "switch.pump_that_was_renamed"}
    assert node.orders("stop_pump") == [{"channel": "pump_fill"}]


async def test_a_wrong_name_among_the_pumps_starts_none_of_them(hass: HomeAssistant, node: Node) -> None:
    with pytest.raises(ServiceValidationError):
        await act(hass, "run_pump", [entity(hass, "switch", "pump_fill", "pump"), "switch.who"], seconds=5)
    assert node.sent == []


async def test_send_command_passes_the_same_gate(hass: HomeAssistant, node: Node, house: SmartAirHub) -> None:
    async def send(command: str, **params: Any) -> Any:
        device_id = house.devices["rack_a"].device_id
        data = {"device_id": device_id, "command": command, "params": params}
        return await hass.services.async_call(DOMAIN, "send_command", data, blocking=True, return_response=True)

    node.level = 99
    await node.report()
    with pytest.raises(PumpRefusedError):
        await send("run_pump", channel="pump_fill", max_run_s=10)
    with pytest.raises(ServiceValidationError) as error:
        await send("run_pump", channel="pump_nobody_knows", max_run_s=10)
    assert error.value.translation_key == "unknown_channel"
    assert node.sent == []
    node.level = 50
    await node.report()
    assert (await send("run_pump", channel="pump_fill", max_run_s=10))["status"] == "ACCEPTED"
    assert (await send("stop_pump", channel="pump_fill"))["status"] == "DONE"
    assert (await send("stop_pump", channel="pump_nobody_knows"))["status"] == "DONE"
    assert (await send("reset_safety_lock", channel="pump_fill"))["status"] == "DONE"
    assert [order["command"] for order in node.sent] == ["run_pump", "stop_pump", "stop_pump", "reset_safety_lock"]


async def test_a_lock_is_shown_with_its_reason_and_goes_with_its_button(
    hass: HomeAssistant, node: Node, house: SmartAirHub
) -> None:
    trip = {"channel": "pump_fill", "code": "overcurrent", "cause": "measured", "value": 2300, "limit": 1500}
    node.say("event", {"event": "safety_trip", "locked": True, **trip})
    await hass.async_block_till_done()
    lock = entity(hass, "binary_sensor", "pump_fill", "safety_lock")
    assert hass.states.get(lock).state == STATE_ON
    assert hass.states.get(lock).attributes["reason"] == "overcurrent"
    assert hass.states.get(lock).attributes["value"] == 2300
    assert state(hass, "sensor", "pump_fill", "state") == "locked"
    assert state(hass, "sensor", "pump_fill", "lock_reason") == "overcurrent"
    assert state(hass, "sensor", "pump_drain", "lock_reason") == "none"
    assert state(hass, "button", "pump_drain", "reset_safety_lock") == STATE_UNAVAILABLE
    button = entity(hass, "button", "pump_fill", "reset_safety_lock")
    assert hass.states.get(button).state != STATE_UNAVAILABLE
    await hass.services.async_call("button", "press", {ATTR_ENTITY_ID: button}, blocking=True)
    assert hass.states.get(lock).state == STATE_OFF
    assert state(hass, "sensor", "pump_fill", "lock_reason") == "none"
    assert hass.states.get(button).state == STATE_UNAVAILABLE
    assert house.alerts.active("rack_a") == []
    # There is nothing to reset any more, but for a leak that is no matter of one pump.
    assert hass.states.get(button).state == STATE_UNAVAILABLE
    node.say("event", {"event": "leak", "active": True})
    await hass.async_block_till_done()
    assert hass.states.get(button).state != STATE_UNAVAILABLE


async def test_a_pump_that_runs_although_off_never_looks_calm(
    hass: HomeAssistant, node: Node, house: SmartAirHub
) -> None:
    """Its state says so, a problem stands beside it, and its switch is not off, until it is reset."""
    trip = {"channel": "pump_drain", "code": "pump_stuck_on", "cause": "measured", "value": 8.3, "limit": 0.3}
    assert state(hass, "binary_sensor", "pump_drain", "runs_although_off") == STATE_OFF
    assert state(hass, "switch", "pump_drain", "pump") == STATE_OFF
    node.say("event", {"event": "safety_trip", "locked": True, **trip})
    await hass.async_block_till_done()
    problem = hass.states.get(entity(hass, "binary_sensor", "pump_drain", "runs_although_off"))
    assert (problem.state, problem.attributes["device_class"]) == ("on", "problem")
    assert state(hass, "sensor", "pump_drain", "state") == "runs_although_off"
    assert state(hass, "sensor", "pump_drain", "lock_reason") == "pump_stuck_on"
    assert state(hass, "switch", "pump_drain", "pump") == STATE_UNKNOWN
    button = entity(hass, "button", "pump_drain", "reset_safety_lock")
    assert hass.states.get(button).state != STATE_UNAVAILABLE


async def test_a_limit_of_home_assistant_is_kept_over_a_restart(
    hass: HomeAssistant, node: Node, house: SmartAirHub, hub: MockConfigEntry
) -> None:
    number = entity(hass, "number", "pump_fill", "max_level")
    await hass.services.async_call("number", "set_value", {ATTR_ENTITY_ID: number, "value": 80}, blocking=True)
    assert house.pumps["rack_a", "pump_fill"].limits.max_level == 80
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert hub.runtime_data.pumps["rack_a", "pump_fill"].limits.max_level == 80
    assert float(hass.states.get(number).state) == 80


async def test_a_limit_that_the_device_offers_is_its_setting_on_the_device_of_the_pump(
    hass: HomeAssistant, node: Node, house: SmartAirHub
) -> None:
    registry = er.async_get(hass)
    number = registry.async_get_entity_id("number", DOMAIN, "rack_a-setting_pump_fill_max_run_s")
    pump = house.pumps["rack_a", "pump_fill"]
    assert registry.async_get(number).device_id == pump.device_id
    assert registry.async_get_entity_id("number", DOMAIN, "rack_a-pump_fill:max_run_s") is None
    await hass.services.async_call("number", "set_value", {ATTR_ENTITY_ID: number, "value": 0.5}, blocking=True)
    assert pump.limits.max_run_s == 30
    assert hass.states.get(number).attributes["pending"] is True


async def test_limits_are_shown_in_units_and_minutes_and_entities_of_earlier_versions_in_seconds(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry
) -> None:
    registry = er.async_get(hass)
    before = registry.async_get_or_create("number", DOMAIN, "rack_a-pump_recirc:max_off_s", config_entry=hub)
    info = INFO | {
        "config": {"pump_fill_max_run_s": {"min": 1, "max": 600}, "pump_fill_min_flow": {"min": 1, "max": 5}}
    }
    await begin(hass, broker, hub.runtime_data, info)

    def shown(unique_id: str) -> tuple[str, str, float]:
        state = hass.states.get(str(registry.async_get_entity_id("number", DOMAIN, f"rack_a-{unique_id}")))
        assert state is not None
        return state.state, state.attributes["unit_of_measurement"], state.attributes["max"]

    # The device says neither unit; its highest value is the most that can be set.
    assert shown("setting_pump_fill_max_run_s")[1:] == ("min", 10)
    assert shown("setting_pump_fill_min_flow")[1:] == ("L/min", 5)
    assert shown("pump_drain:max_run_s") == ("20.0", "min", 1440)
    assert shown("pump_drain:max_current_ma") == ("1500.0", "mA", 30_000)
    # As a screen shows it, the shortest run is 0 min; it is a second.
    number = registry.async_get_entity_id("number", DOMAIN, "rack_a-pump_drain:max_run_s")
    await hass.services.async_call("number", "set_value", {ATTR_ENTITY_ID: number, "value": 0}, blocking=True)
    assert hub.runtime_data.pumps["rack_a", "pump_drain"].limits.max_run_s == 1
    # An automation that sets it in seconds goes on to mean them.
    assert shown(before.unique_id.removeprefix("rack_a-"))[1] == "s"


async def test_a_limit_that_is_confirmed_as_a_text_is_in_force(node: Node, house: SmartAirHub, say: Say) -> None:
    await say("rack_a", "config/state", {"revision": 1, "config": {"pump_fill_max_run_s": "40 s"}})
    assert house.pumps["rack_a", "pump_fill"].limits.max_run_s == 40


async def test_a_channel_that_is_gone_is_unavailable(hass: HomeAssistant, node: Node, say: Say) -> None:
    await say("rack_a", "info", INFO | {"channels": INFO["channels"][:2]})
    assert state(hass, "switch", "pump_drain", "pump") == STATE_UNAVAILABLE
    assert state(hass, "switch", "pump_fill", "pump") == STATE_OFF
    with pytest.raises(PumpRefusedError) as error:
        await act(hass, "run_pump", entity(hass, "switch", "pump_drain", "pump"))
    assert error.value.translation_key == "refused_no_contact"
    await act(hass, "stop_pump", entity(hass, "switch", "pump_drain", "pump"))
    assert node.orders("stop_pump") == [{"channel": "pump_drain"}]


async def test_a_pump_without_protections_in_its_firmware_says_so(hass: HomeAssistant, node: Node, say: Say) -> None:
    assert state(hass, "binary_sensor", "pump_fill", "guarded_by_home_assistant_only") == STATE_OFF
    await say("rack_a", "info", INFO | {"commands": ["run_pump", "stop_pump"]})
    assert state(hass, "binary_sensor", "pump_fill", "guarded_by_home_assistant_only") == STATE_ON


ODD: dict[str, Any] = {
    "no role": {"channels": [{"id": "p1"}]},
    "unknown role and type": {"channels": [{"id": "p1", "type": "pump", "role": "dosing"}]},
    "no channels": {"channels": None},
    "many channels": {"channels": [{"id": f"p{number}", "type": "pump"} for number in range(1, 80)]},
}


@pytest.mark.parametrize("info", ODD.values(), ids=ODD)
@pytest.mark.parametrize("told", [{"on": True}, {}, {"on": None, "lock": "gremlins"}, {"on": "perhaps", "lock": 7}])
async def test_odd_clients_crash_nothing_and_run_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, info: dict[str, Any], told: dict[str, Any], wait: Wait
) -> None:
    await say("odd", "info", {"protocol": 1, "device_type": "pump", **info}, retain=True)
    await hub.runtime_data.async_approve(["odd"])
    await say("odd", "telemetry", {"channels": {"p1": told, "p99": {"on": False}}})
    await say("odd", "telemetry", {"water_level": 50})
    await wait(1)
    pumps = hub.runtime_data.pumps
    assert len(pumps) <= 64
    one = pumps.get(("odd", "p1"))
    assert one is None or one.is_on is (True if told.get("on") is True else None)
    assert one is None or (one.lock is not None) == ("lock" in told)


async def test_a_script_that_never_describes_itself_has_the_pumps_that_it_reports(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say
) -> None:
    await hub.runtime_data.async_approve(["plain"])
    for _ in range(2):
        await say("plain", "telemetry", {"channels": {"fill": {"on": False, "current_ma": 3}}})
    pump = hub.runtime_data.pumps["plain", "fill"]
    assert pump.is_on is False
    assert not pump.protected


async def test_pumps_come_back_from_the_store_and_know_nothing_until_they_are_heard(
    hass: HomeAssistant, node: Node, hub: MockConfigEntry
) -> None:
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert state(hass, "switch", "pump_fill", "pump") == STATE_UNKNOWN
    assert state(hass, "sensor", "pump_fill", "state") == STATE_UNAVAILABLE
    node.say("status", "online")
    await hass.async_block_till_done()
    assert state(hass, "switch", "pump_fill", "pump") == STATE_UNKNOWN
    with pytest.raises(PumpRefusedError) as error:
        await turn(hass, "on", entity(hass, "switch", "pump_fill", "pump"))
    assert error.value.translation_key == "refused_state_unknown"
    assert node.sent == []


async def test_the_record_of_runs_is_kept_by_day_and_over_a_restart(
    hass: HomeAssistant, node: Node, hub: MockConfigEntry, house: SmartAirHub, wait: Wait
) -> None:
    heard: list[str] = []
    end = house.pumps.usage.async_listen(lambda record: heard.append(record.channel))
    await house.pumps["rack_a", "pump_fill"].async_run(seconds=20)
    await wait(20)
    node.end("pump_fill", seconds=20.0, litres=1.5)
    await hass.async_block_till_done()
    end()
    house.pumps.usage.async_add(house.pumps.usage.runs()[0])
    assert heard == ["pump_fill"]
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    usage = hub.runtime_data.usage
    assert [record.litres for record in usage.runs(channel="pump_fill", since=NOW)] == [1.5]
    assert usage.runs(zone="nowhere") == []
    assert usage.today(uid="rack_a").litres == 1.5
    assert [one.litres for one in usage.days(channel="pump_fill").values()] == [1.5]
    assert usage.days(channel="pump_drain") == {}
    assert usage.total().runs == 1
