"""A zone of a running hub: whole water changes, what stops them, and what a restart makes of them."""

from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_STOP, STATE_UNAVAILABLE
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import MqttMockHAClient
from syrupy.assertion import SnapshotAssertion

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.pysmartair import Code
from custom_components.smartair.pysmartair.guard.model import RunAsked
from custom_components.smartair.pysmartair.safety import Role
from custom_components.smartair.pysmartair.water.model import Drain, Failed, NormalRecirc
from custom_components.smartair.zones.zone import Zone

from .conftest import Wait
from .zone_rack import CYCLE, Rack, add_zone, rack_of, settings


@pytest.fixture
async def rack(hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait) -> Rack:
    """A node with its pumps and sensors."""
    return await rack_of(hass, broker, hub, wait)


@pytest.fixture
async def zone(hass: HomeAssistant, hub: MockConfigEntry, rack: Rack) -> Zone:
    """A zone of this node."""
    return await add_zone(hass, hub, settings(hass, hub))


def state(hass: HomeAssistant, entity_id: str) -> str:
    found = hass.states.get(entity_id)
    assert found is not None, entity_id
    return found.state


async def press(hass: HomeAssistant, button: str) -> None:
    await hass.services.async_call("button", "press", {"entity_id": f"button.tent_{button}"}, blocking=True)
    # What is written before a pump starts is written beside.
    await hass.async_block_till_done(wait_background_tasks=True)


def last_event(hass: HomeAssistant) -> str:
    found = hass.states.get("event.tent_activity")
    assert found is not None
    return str(found.attributes["event_type"])


def orders(rack: Rack, since: int = 0) -> list[tuple[str, str]]:
    """Return what the node was told of its pumps, renewals left out."""
    told = [(order["command"], order["params"]["channel"]) for order in rack.node.sent[since:]]
    return [one for index, one in enumerate(told) if index == 0 or told[index - 1] != one]


# --- a whole change -----------------------------------------------------------------------------


async def test_who_has_the_sensor_of_the_step_keeps_it(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Zone
) -> None:
    """Automations were made on it; a new zone has its state alone, which says the same."""
    registry = er.async_get(hass)
    unique_id = f"{zone.unique_prefix}step"
    assert registry.async_get_entity_id("sensor", DOMAIN, unique_id) is None
    registry.async_get_or_create(
        "sensor", DOMAIN, unique_id, config_entry=hub, config_subentry_id=zone.zone_id, suggested_object_id="kept"
    )
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert state(hass, "sensor.kept") == "none"


async def test_a_water_change_from_the_button_to_the_new_solution(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Zone
) -> None:
    await press(hass, "start_water_change")
    assert state(hass, "sensor.tent_state") == "water_change_drain"
    assert hass.states.get("sensor.tent_state").attributes["step"] == "drain"
    assert hass.states.get("sensor.tent_step") is None
    assert not rack.node.on["pump_recirc"]
    assert rack.node.on["pump_drain"]
    recirc = rack.node.orders("stop_pump")
    assert {"channel": "pump_recirc", "max_off_s": 1800, "purpose": "water_change"} in recirc
    await rack.until(zone, "Fill")
    assert state(hass, "sensor.tent_state") == "water_change_fill"
    assert rack.level <= 15
    assert not rack.node.on["pump_drain"]
    await rack.second()
    assert rack.node.on["pump_fill"]
    await rack.until(zone, "Stabilize")
    assert not rack.node.on["pump_fill"]
    assert rack.level >= 80
    await rack.until(zone, "NormalRecirc")
    assert rack.node.on["pump_recirc"]
    assert last_event(hass) == "water_change_completed"
    made = hass.states.get("sensor.tent_solution_made")
    assert made is not None
    assert (made.attributes["ph"], made.attributes["ec"], made.attributes["temperature"]) == (6.0, 1.8, 21.0)
    assert state(hass, "sensor.tent_solution_age") == "0.0"
    assert hub.runtime_data.alerts.active(zone=zone.zone_id) == []


async def test_pumps_are_told_to_stop_before_the_next_is_told_to_run(
    hass: HomeAssistant, rack: Rack, zone: Zone
) -> None:
    before = len(rack.node.sent)
    await press(hass, "start_water_change")
    await rack.until(zone, "NormalRecirc")
    told = [one for one in orders(rack, before) if one[0] in {"run_pump", "stop_pump"}]
    first_fill = told.index(("run_pump", "pump_fill"))
    assert ("stop_pump", "pump_drain") in told[:first_fill]
    assert told.index(("stop_pump", "pump_recirc")) < told.index(("run_pump", "pump_drain"))
    assert ("run_pump", "pump_recirc") in told[first_fill:]


async def test_water_that_was_filled_in_is_water_used(
    hass: HomeAssistant, rack: Rack, zone: Zone, hub: MockConfigEntry
) -> None:
    assert state(hass, "sensor.tent_water_used") == "0.0"
    rack.node.flow = {"pump_fill": 6.0}
    fill = zone.pumps[Role.FILL]
    rack.level = 50.0
    await rack.second(2)
    await fill.async_run(seconds=30)
    await rack.second(5)
    rack.node.end("pump_fill", seconds=5.0, litres=2.5)
    await rack.second(61)
    assert state(hass, "sensor.tent_water_used") == "2.5"
    assert state(hass, "sensor.tent_water_used_today") == "2.5"
    await rack.wait(24 * 3600)
    await rack.second(61)
    assert state(hass, "sensor.tent_water_used_today") == "0.0"
    assert state(hass, "sensor.tent_water_used") == "2.5"
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert state(hass, "sensor.tent_water_used") == "2.5"


# --- what stops it ------------------------------------------------------------------------------


async def test_a_trip_of_the_drain_pump_fails_the_change_and_a_person_resumes_it(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Zone
) -> None:
    await press(hass, "start_water_change")
    await rack.second(10)
    rack.node.locks["pump_drain"] = "overcurrent"
    rack.node.on["pump_drain"] = False
    rack.node.say("event", {"event": "safety_trip", "channel": "pump_drain", "code": "overcurrent", "locked": True})
    rack.node.say(
        "command_response",
        {
            "cmd": "run_pump",
            "cmd_id": rack.node.running["pump_drain"],
            "status": "ERROR",
            "error_code": "overcurrent",
            "details": {"channel": "pump_drain", "cause": "measured", "value": 2300, "limit": 1500},
        },
    )
    await rack.second(2)
    assert isinstance(zone.memory.state, Failed)
    assert state(hass, "sensor.tent_state") == "failed"
    assert state(hass, "sensor.tent_failure") == "overcurrent"
    assert state(hass, "binary_sensor.tent_water_change") == "on"
    assert state(hass, "binary_sensor.tent_pumps") == "on"
    await rack.second(2)
    assert rack.node.on == {"pump_recirc": True, "pump_fill": False, "pump_drain": False}
    (alert,) = [one for one in hub.runtime_data.alerts.active(zone=zone.zone_id) if one.uid is None]
    assert (alert.code, alert.cause) == (Code.WATER_CHANGE_FAILED, "overcurrent")
    with pytest.raises(ServiceValidationError) as refused:
        await press(hass, "resume_water_change")
    assert refused.value.translation_key == "change_refused_pump_locked"
    await press(hass, "reset_safety_locks")
    await rack.second(2)
    assert state(hass, "binary_sensor.tent_pumps") == "off"
    await press(hass, "resume_water_change")
    assert state(hass, "sensor.tent_state") == "water_change_drain"
    await rack.until(zone, "NormalRecirc")
    assert [one for one in hub.runtime_data.alerts.active(zone=zone.zone_id) if one.uid is None] == []


async def test_a_level_that_falls_silent_fails_the_change(hass: HomeAssistant, rack: Rack, zone: Zone) -> None:
    await press(hass, "start_water_change")
    await rack.second(5)
    rack.silent = True
    await rack.second(70)
    assert isinstance(zone.memory.state, Failed)
    assert not rack.node.on["pump_drain"]


async def test_a_blocked_drain_fails_the_change(hass: HomeAssistant, rack: Rack, zone: Zone) -> None:
    rack.blocked = True
    await press(hass, "start_water_change")
    await rack.until(zone, "Failed")
    await rack.second(2)
    assert not rack.node.on["pump_drain"]
    assert last_event(hass) == "water_change_failed"


async def test_a_drain_pump_that_does_not_answer_fails_the_change(
    hass: HomeAssistant, rack: Rack, zone: Zone
) -> None:
    rack.node.answer = {"status": "ERROR", "error_code": "no_flow", "details": {"cause": "unknown"}}
    await press(hass, "start_water_change")
    assert isinstance(zone.memory.state, Failed)
    rack.node.answer = None
    await rack.second(15)
    assert rack.node.on == {"pump_recirc": True, "pump_fill": False, "pump_drain": False}


async def test_an_abort_stops_everything(hass: HomeAssistant, rack: Rack, zone: Zone) -> None:
    await press(hass, "start_water_change")
    await rack.second(5)
    await press(hass, "abort_water_change")
    await rack.second(2)
    assert state(hass, "sensor.tent_state") == "normal_recirc"
    assert rack.node.on == {"pump_recirc": True, "pump_fill": False, "pump_drain": False}
    assert last_event(hass) == "water_change_aborted"


async def _refused(hass: HomeAssistant) -> str:
    with pytest.raises(ServiceValidationError) as refused:
        await press(hass, "start_water_change")
    assert last_event(hass) == "water_change_refused"
    return str(refused.value.translation_key)


async def test_a_change_is_refused_with_its_reason(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Zone
) -> None:
    rack.node.say("ota/state", {"cmd_id": "1", "state": "downloading", "progress": 5})
    await rack.second()
    assert await _refused(hass) == "change_refused_update_in_progress"
    rack.node.say("ota/state", {"cmd_id": "1", "state": "confirmed", "progress": 100})
    await rack.second()
    await zone.pumps[Role.FILL].async_run(seconds=30)
    await rack.second()
    assert await _refused(hass) == "change_refused_pump_running"
    await zone.pumps[Role.FILL].async_stop()
    await rack.second()
    rack.silent = True
    await rack.second(61)
    assert await _refused(hass) == "change_refused_level_unknown"
    rack.node.say("status", "offline")
    await hass.async_block_till_done()
    assert (await _refused(hass)).startswith("change_refused_pump_un")
    assert zone.memory.state == NormalRecirc()
    noted = [one for one in hub.runtime_data.alerts.book.past if one.code is Code.RUN_REFUSED]
    assert len(noted) >= 4


async def test_a_zone_without_a_drain_pump_says_so(hass: HomeAssistant, hub: MockConfigEntry, rack: Rack) -> None:
    await add_zone(hass, hub, settings(hass, hub, pumps={"drain": None}))
    assert await _refused(hass) == "change_refused_no_drain"


async def test_a_zone_knows_its_run_before_the_device_has_accepted_it(
    hass: HomeAssistant, rack: Rack, zone: Zone
) -> None:
    """What is over before anybody was told that it began is the step's own end all the same."""
    asked: list[str | None] = []
    begin, drain = type(zone.pumps[Role.DRAIN]).async_take, zone.pumps[Role.DRAIN]

    def listen(*events: Any) -> None:
        asked.extend(zone.hands.run_id for event in events if isinstance(event, RunAsked) and event.run_id)
        begin(drain, *events)

    drain.async_take = listen
    await press(hass, "start_water_change")
    await rack.until(zone, "Drain")
    await rack.second(2)
    assert asked == [zone.hands.run_id]
    assert asked[0] is not None


# --- restarts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["Drain", "Fill", "Stabilize"])
async def test_home_assistant_that_stops_in_a_step_interrupts_it_and_stops_its_pumps(
    hass: HomeAssistant, rack: Rack, zone: Zone, step: str
) -> None:
    await press(hass, "start_water_change")
    await rack.until(zone, step)
    await rack.second(2)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert isinstance(zone.memory.state, Failed)
    assert (str(zone.memory.state.step), str(zone.memory.state.cause)) == (step.lower(), "interrupted")
    assert not rack.node.on["pump_drain"]
    assert not rack.node.on["pump_fill"]


@pytest.mark.parametrize("step", ["Drain", "Fill", "Stabilize"])
async def test_a_reload_in_a_step_interrupts_it_and_stops_its_pumps(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Zone, step: str
) -> None:
    await press(hass, "start_water_change")
    await rack.until(zone, step)
    await rack.second(2)
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert not rack.node.on["pump_drain"]
    assert not rack.node.on["pump_fill"]
    again: Zone = hub.runtime_data.zones[zone.zone_id]
    assert isinstance(again.memory.state, Failed)
    assert (str(again.memory.state.step), str(again.memory.state.cause)) == (step.lower(), "interrupted")
    rack.node.say("status", "online", retain=True)
    await rack.second(3)
    assert rack.node.on["pump_recirc"]
    await press(hass, "resume_water_change")
    await rack.until(again, "NormalRecirc")
    assert last_event(hass) == "water_change_completed"


@pytest.mark.parametrize("step", ["drain", "fill", "stabilize"])
async def test_a_power_cut_in_a_step_is_found_on_disk(
    hass: HomeAssistant,
    broker: MqttMockHAClient,
    entry: MockConfigEntry,
    wait: Wait,
    hass_storage: dict[str, Any],
    step: str,
) -> None:
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    rack = await rack_of(hass, broker, entry, wait)
    zone = await add_zone(hass, entry, settings(hass, entry))
    await press(hass, "start_water_change")
    await rack.until(zone, step.capitalize())
    key = f"{DOMAIN}.{entry.entry_id}.zones"
    stored = hass_storage[key]["data"]["zones"][zone.zone_id]
    assert stored["state"]["kind"] == step
    stored = {"zones": {zone.zone_id: dict(stored)}}
    await hass.config_entries.async_unload(entry.entry_id)
    hass_storage[key]["data"] = stored
    rack.node.on["pump_drain"] = step == "drain"
    assert await hass.config_entries.async_setup(entry.entry_id)
    rack.node.say("status", "online", retain=True)
    await rack.second(3)
    again: Zone = entry.runtime_data.zones[zone.zone_id]
    assert isinstance(again.memory.state, Failed)
    assert str(again.memory.state.cause) == "interrupted"
    assert last_event(hass) == "water_change_failed"
    assert rack.node.on == {"pump_recirc": True, "pump_fill": False, "pump_drain": False}
    (alert,) = entry.runtime_data.alerts.active(zone=zone.zone_id)
    assert (alert.code, alert.cause) == (Code.WATER_CHANGE_FAILED, "interrupted")


async def test_what_was_stored_and_is_broken_begins_anew_without_automatic_operation(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    zone: Zone,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await zone.async_set_automatic(on=True)
    await hass.async_block_till_done()
    assert await hass.config_entries.async_unload(hub.entry_id)
    hass_storage[f"{DOMAIN}.{hub.entry_id}.zones"]["data"]["zones"][zone.zone_id]["state"] = {"kind": "swimming"}
    assert await hass.config_entries.async_setup(hub.entry_id)
    await hass.async_block_till_done()
    assert "cannot be read" in caplog.text
    assert state(hass, "switch.tent_automatic_operation") == "off"
    assert state(hass, "sensor.tent_state") == "normal_recirc"


async def test_settings_of_a_zone_survive_a_restart(hass: HomeAssistant, hub: MockConfigEntry, zone: Zone) -> None:
    await hass.services.async_call(
        "switch", "turn_on", {"entity_id": "switch.tent_automatic_operation"}, blocking=True
    )
    await press(hass, "solution_renewed_by_hand")
    assert last_event(hass) == "solution_renewed"
    made = zone.memory.solution_started_at
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert state(hass, "switch.tent_automatic_operation") == "on"
    assert hub.runtime_data.zones[zone.zone_id].memory.solution_started_at == made
    await hass.services.async_call(
        "switch", "turn_off", {"entity_id": "switch.tent_automatic_operation"}, blocking=True
    )
    assert state(hass, "switch.tent_automatic_operation") == "off"


# --- automatic operation ------------------------------------------------------------------------


async def test_circulation_rests_in_turn_and_returns_with_the_end_of_automatic_operation(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack
) -> None:
    schedule = [{"from": "00:00:00", "to": "23:59:00", "duty_cycle": 0.5}]
    zone = await add_zone(hass, hub, settings(hass, hub, water_cycle={"schedule": schedule, "interval_days": None}))
    await zone.async_set_automatic(on=True)
    await rack.second(60)
    assert rack.node.on["pump_recirc"]
    for _ in range(84):
        await rack.wait(9)
        await rack.second()
    for _ in range(20):
        if rack.node.on["pump_recirc"]:
            await rack.wait(9)
            await rack.second()
    assert not rack.node.on["pump_recirc"]
    assert {"channel": "pump_recirc", "max_off_s": 900} in rack.node.orders("stop_pump")
    await zone.async_set_automatic(on=False)
    await rack.second(2)
    assert rack.node.on["pump_recirc"]


async def test_a_planned_change_begins_at_its_time(hass: HomeAssistant, hub: MockConfigEntry, rack: Rack) -> None:
    await hass.config.async_set_time_zone("UTC")
    # The tests begin at 14:13 UTC.
    zone = await add_zone(hass, hub, settings(hass, hub, water_cycle=CYCLE | {"interval_days": 1}))
    await zone.async_set_automatic(on=True)
    await rack.second()
    assert state(hass, "sensor.tent_next_water_change") == "2026-09-22T10:00:00+00:00"
    await rack.wait(19.5 * 3600)
    await rack.second(2)
    assert zone.memory.state == NormalRecirc()
    for _ in range(60):
        if zone.memory.state == NormalRecirc():
            await rack.wait(29)
            await rack.second()
    assert state(hass, "sensor.tent_state") == "water_change_drain"
    assert zone.moment.second_of_day == pytest.approx(10 * 3600, abs=60)


async def test_a_planned_change_that_is_refused_is_told_once(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack
) -> None:
    zone = await add_zone(hass, hub, settings(hass, hub, water_cycle={"max_solution_age_days": 1}))
    await zone.async_set_automatic(on=True)
    await rack.second()
    await rack.wait(2 * 86400)
    rack.silent = True
    for _ in range(100):
        await rack.wait(20)
    assert last_event(hass) == "water_change_refused"
    found = hass.states.get("event.tent_activity")
    assert found is not None
    assert found.attributes["why"] == "max_age"


# --- pH and EC ----------------------------------------------------------------------------------


async def test_ph_and_ec_outside_their_limits_are_alerts_until_they_are_back(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack
) -> None:
    zone = await add_zone(hass, hub, settings(hass, hub, limits={"ph_high": 6.5, "ec_low": 1.5}))
    rack.values |= {"ph": 7.0, "ec": 1.0}

    def active() -> set[str]:
        return {str(one.code) for one in hub.runtime_data.alerts.active(zone=zone.zone_id)}

    await rack.second(2)
    for _ in range(23):
        await rack.wait(24)
        assert active() == set()
        await rack.second()
    for _ in range(3):
        await rack.wait(24)
        await rack.second()
    assert active() == {"biz_high_ph", "biz_low_ec"}
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    rack.node.say("status", "online", retain=True)
    await rack.second(2)
    assert active() == {"biz_high_ph", "biz_low_ec"}
    rack.values |= {"ph": 6.0, "ec": 1.8}
    for _ in range(26):
        await rack.wait(24)
        await rack.second()
    assert active() == set()


async def test_ec_that_leaves_its_beginning_shows_as_drift(hass: HomeAssistant, rack: Rack, zone: Zone) -> None:
    assert state(hass, "sensor.tent_ec_drift") == "unknown"
    await press(hass, "solution_renewed_by_hand")
    rack.values["ec"] = 1.62
    await rack.second(61)
    assert state(hass, "sensor.tent_ec_drift") == "-10.0"


# --- what is gone -------------------------------------------------------------------------------


async def test_a_pump_that_is_gone_is_a_repair_and_a_refusal_until_it_is_back(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Zone, issue_registry: Any
) -> None:
    registry = er.async_get(hass)
    fill = registry.async_get(zone.settings.pumps[Role.FILL])
    entity = registry.async_get_or_create("switch", DOMAIN, "rack_a-pump_fill:pump", config_entry=hub)
    assert fill is None or fill.entity_id == entity.entity_id
    registry.async_remove(entity.entity_id)
    await hass.async_block_till_done()
    issue_id = f"zone_entity_missing/{hub.entry_id}/{zone.zone_id}/fill"
    issue = issue_registry.async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    assert issue.translation_key == "zone_pump_missing"
    await rack.second()
    assert await _refused(hass) == "change_refused_pump_missing"
    assert state(hass, "binary_sensor.tent_pumps") == "on"
    back = registry.async_get_or_create("switch", DOMAIN, "rack_a-pump_fill:pump", config_entry=hub)
    await hass.async_block_till_done()
    assert back.id == zone.settings.pumps[Role.FILL]
    assert issue_registry.async_get_issue(DOMAIN, issue_id) is None
    assert state(hass, "binary_sensor.tent_pumps") == "off"


async def test_a_rename_breaks_nothing(hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Zone) -> None:
    registry = er.async_get(hass)
    for what, domain in (("pump_drain:pump", "switch"), ("water_level", "sensor")):
        entity = registry.async_get_entity_id(domain, DOMAIN, f"rack_a-{what}")
        assert entity is not None
        registry.async_update_entity(entity, new_entity_id=f"{domain}.renamed")
    await hass.async_block_till_done()
    assert zone.missing == {}
    await rack.second()
    await press(hass, "start_water_change")
    await rack.until(zone, "Fill")


async def test_a_zone_that_is_deleted_in_a_change_stops_its_pumps(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Zone
) -> None:
    await press(hass, "start_water_change")
    await rack.second(2)
    assert rack.node.on["pump_drain"]
    hass.config_entries.async_remove_subentry(hub, zone.zone_id)
    await hass.async_block_till_done()
    assert not rack.node.on["pump_drain"]
    assert hub.runtime_data.alerts.active(zone=zone.zone_id) == []


async def test_a_change_goes_on_while_another_zone_is_added(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Zone
) -> None:
    await press(hass, "start_water_change")
    await rack.second(2)
    hass.states.async_set("switch.other", "off")
    await add_zone(
        hass,
        hub,
        settings(hass, hub, pumps={"recirculation": None, "fill": "switch.other", "drain": None}),
        "Other",
    )
    assert state(hass, "sensor.tent_state") == "water_change_drain"
    assert state(hass, "sensor.other_state") == "normal_recirc"
    await rack.until(zone, "NormalRecirc")
    assert last_event(hass) == "water_change_completed"


async def test_two_zones_do_not_change_their_water_with_the_same_pump(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Zone
) -> None:
    other = await add_zone(hass, hub, settings(hass, hub), "Other")
    await press(hass, "start_water_change")
    with pytest.raises(ServiceValidationError) as refused:
        await other.async_start_change()
    assert refused.value.translation_key == "change_refused_other_zone"
    assert refused.value.translation_placeholders == {"pump": "Tent"}


async def test_a_pump_of_a_device_that_comes_later_is_taken_when_it_is_there(
    hass: HomeAssistant, hub: MockConfigEntry, broker: MqttMockHAClient, wait: Wait
) -> None:
    zone = await add_zone(hass, hub, settings(hass, hub))
    assert set(zone.missing) == {"recirculation", "fill", "drain"}
    await press(hass, "abort_water_change")
    rack = await rack_of(hass, broker, hub, wait)
    await rack.second(2)
    assert zone.missing == {}
    assert set(zone.pumps) == {Role.RECIRCULATION, Role.FILL, Role.DRAIN}


async def test_a_reset_that_is_refused_says_so(hass: HomeAssistant, rack: Rack, zone: Zone) -> None:
    rack.node.locks["pump_drain"] = "dry_run"
    rack.level = 5.0
    await rack.second(2)
    with pytest.raises(HomeAssistantError) as refused:
        await press(hass, "reset_safety_locks")
    assert str(refused.value.translation_key).startswith("refused_dry_run")


async def test_a_zone_whose_broker_is_away_fails_its_change_and_stops_when_it_is_back(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Zone
) -> None:
    await press(hass, "start_water_change")
    await rack.second(5)
    hub.runtime_data._async_connection_changed(False)  # noqa: SLF001 - the broker is played
    rack.silent = True
    await rack.second(70)
    assert isinstance(zone.memory.state, Failed)
    hub.runtime_data._async_connection_changed(True)  # noqa: SLF001 - the broker is played
    rack.silent = False
    rack.level = 50.0
    await rack.second(15)
    assert rack.node.on == {"pump_recirc": True, "pump_fill": False, "pump_drain": False}


async def test_a_person_starts_a_change_by_a_second_press_soon_after_the_first_or_by_the_action(
    hass: HomeAssistant, rack: Rack, zone: Zone, hass_owner_user: MockUser
) -> None:
    person = Context(user_id=hass_owner_user.id)
    start = {"entity_id": "button.tent_start_water_change"}

    async def touch() -> None:
        await hass.services.async_call("button", "press", start, blocking=True, context=person)

    with pytest.raises(ServiceValidationError) as asked:
        await touch()
    assert asked.value.translation_key == "confirm_water_change"
    assert asked.value.translation_placeholders == {"zone": "Tent", "seconds": "10"}
    await rack.wait(11)
    with pytest.raises(ServiceValidationError):
        await touch()
    assert isinstance(zone.memory.state, NormalRecirc)
    await rack.wait(5)
    await touch()
    assert isinstance(zone.memory.state, Drain)
    # What is refused anyway is so at once, with its reason; and the action asks for no second time.
    with pytest.raises(ServiceValidationError) as refused:
        await touch()
    assert refused.value.translation_key != "confirm_water_change"
    await zone.async_abort()
    await rack.second(5)
    await hass.services.async_call(DOMAIN, "start_water_change", start, blocking=True, context=person)
    assert isinstance(zone.memory.state, Drain)
    renew = {"entity_id": "button.tent_solution_renewed_by_hand"}
    with pytest.raises(ServiceValidationError) as refused:
        await hass.services.async_call(DOMAIN, "start_water_change", renew, blocking=True, context=person)
    assert refused.value.translation_key == "not_a_start_button"


async def test_circulation_that_nobody_can_see_is_asked_for_when_it_is_seen_off(
    hass: HomeAssistant, hub: MockConfigEntry, rack: Rack, zone: Zone
) -> None:
    rack.node.say("status", "offline")
    await hass.async_block_till_done()
    # Its button is there only while there is a change to give up.
    assert hass.states.get("button.tent_abort_water_change").state == STATE_UNAVAILABLE
    await zone.async_abort()
    rack.node.on["pump_recirc"] = False
    await rack.wait(1)
    rack.node.say("status", "online")
    await rack.second(3)
    assert rack.node.on["pump_recirc"]


async def test_the_zones_entities_are_as_they_were_agreed(
    hass: HomeAssistant, zone: Zone, snapshot: SnapshotAssertion
) -> None:
    registry = er.async_get(hass)
    found = [one for one in registry.entities.values() if one.unique_id.startswith(zone.unique_prefix)]
    agreed = {
        one.entity_id: {
            "key": one.unique_id.removeprefix(zone.unique_prefix),
            "device_class": one.original_device_class,
            "name": one.original_name,
            "category": one.entity_category,
            "unit": one.unit_of_measurement,
            "capabilities": one.capabilities,
            "subentry": one.config_subentry_id == zone.zone_id,
        }
        for one in sorted(found, key=lambda one: one.entity_id)
    }
    assert agreed == snapshot
