"""The triggers and conditions that SmartAir ships, in automations that Home Assistant itself runs."""

from typing import Any

from homeassistant.components.websocket_api.automation import (
    async_get_conditions_for_target,
    async_get_triggers_for_target,
)
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.helpers.condition import async_get_all_descriptions as condition_descriptions
from homeassistant.helpers.trigger import async_get_all_descriptions as trigger_descriptions
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.alerts.log import AlertLog
from custom_components.smartair.condition import CONDITIONS
from custom_components.smartair.const import DOMAIN
from custom_components.smartair.pysmartair import Code, Severity
from custom_components.smartair.pysmartair.guard.model import Tripped
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused
from custom_components.smartair.trigger import LOCKS, TRIGGERS

from .conftest import Say, Wait
from .pump_node import begin
from .test_translations import EN, ICONS, RU
from .zone_rack import add_zone, rack_of, settings

WHOLE_HOUSE = {"smartair.notification_due"}
"""What is about all there is, and is offered for nothing in particular."""


@pytest.fixture
def alerts(hub: MockConfigEntry) -> AlertLog:
    return hub.runtime_data.alerts  # type: ignore[no-any-return]


@pytest.fixture
def calls(hass: HomeAssistant) -> list[ServiceCall]:
    mocked: list[ServiceCall] = async_mock_service(hass, "test", "act")
    return mocked


async def _automate(hass: HomeAssistant, trigger: dict[str, Any], *conditions: dict[str, Any]) -> None:
    """Set up an automation, which must be in force."""
    said = "{{ trigger.alert.name }}: {{ trigger.alert.event }} {{ trigger.alert.severity }}"
    config = {
        "alias": "Test",
        "triggers": [trigger],
        "conditions": list(conditions),
        "actions": [{"action": "test.act", "data": {"said": said if "alert" in str(trigger) else "yes"}}],
    }
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    await hass.async_block_till_done()
    state = hass.states.get("automation.test")
    assert state is not None
    assert state.state == "on"


def _said(calls: list[ServiceCall]) -> list[str]:
    return [call.data["said"] for call in calls]


# --- triggers -----------------------------------------------------------------------------------


async def test_an_alert_anywhere_triggers_once_when_it_is_raised(
    hass: HomeAssistant, co2: str, alerts: AlertLog, calls: list[ServiceCall]
) -> None:
    await _automate(hass, {"trigger": "smartair.alert_raised"})
    for _ in range(2):
        alerts.async_raise(Code.CO2_HIGH, uid=co2, values={"value": 1500})
    alerts.async_note(Code.RUN_REFUSED, uid=co2)
    alerts.async_raise(Code.MQTT_DOWN)
    alerts.async_resolve(Code.CO2_HIGH, uid=co2)
    await hass.async_block_till_done()
    assert _said(calls) == ["Bedroom air: co2_high warning", "SmartAir: infra_mqtt_down warning"]


async def test_what_is_over_triggers_once(
    hass: HomeAssistant, co2: str, alerts: AlertLog, calls: list[ServiceCall]
) -> None:
    await _automate(hass, {"trigger": "smartair.alert_resolved", "options": {"code": ["co2_high"]}})
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    alerts.async_raise(Code.HUMIDITY_HIGH, uid=co2)
    alerts.async_resolve(Code.HUMIDITY_HIGH, uid=co2)
    alerts.async_resolve(Code.CO2_HIGH, uid=co2)
    await hass.async_block_till_done()
    assert _said(calls) == ["Bedroom air: co2_normal warning"]


async def test_what_is_less_severe_than_asked_for_does_not_trigger(
    hass: HomeAssistant, co2: str, alerts: AlertLog, calls: list[ServiceCall]
) -> None:
    await _automate(hass, {"trigger": "smartair.alert_raised", "options": {"severity": "critical"}})
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    alerts.async_raise(Code.HUMIDITY_HIGH, uid=co2, severity=Severity.CRITICAL)
    await hass.async_block_till_done()
    assert _said(calls) == ["Bedroom air: humidity_high critical"]


@pytest.mark.parametrize("by", ["device", "area", "entity", "hub"])
async def test_alerts_of_what_is_targeted_trigger(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    co2: str,
    alerts: AlertLog,
    calls: list[ServiceCall],
    area_registry: ar.AreaRegistry,
    by: str,
) -> None:
    area = area_registry.async_get_area_by_name("Bedroom")
    assert area is not None
    target = {
        "device": {"device_id": hub.runtime_data.devices[co2].device_id},
        "area": {"area_id": area.id},
        "entity": {"entity_id": "sensor.bedroom_bedroom_air_co2"},
        "hub": {"device_id": hub.runtime_data.device_id},
    }[by]
    await _automate(hass, {"trigger": "smartair.alert_raised", "target": target})
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await hass.async_block_till_done()
    assert len(calls) == 1


async def test_alerts_of_others_do_not_trigger(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, calls: list[ServiceCall]
) -> None:
    await hub.runtime_data.async_approve(["other"])
    target = {"device_id": hub.runtime_data.devices["other"].device_id}
    await _automate(hass, {"trigger": "smartair.alert_raised", "target": target})
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    alerts.async_raise(Code.WATER_CHANGE_FAILED, zone="tent")
    await hass.async_block_till_done()
    assert calls == []


async def test_alerts_of_a_zone_trigger_for_the_device_of_the_zone(
    hass: HomeAssistant,
    broker: MqttMockHAClient,
    entry: MockConfigEntry,
    calls: list[ServiceCall],
    device_registry: dr.DeviceRegistry,
) -> None:
    zone = {"subentry_id": "tent", "subentry_type": "alert_limit", "title": "Tent", "unique_id": None}
    data = {"metric": "co2", "hysteresis": 1, "delay": 1, "severity": "info", "night_quiet": False}
    hours = {"night_begin": "22:00:00", "night_end": "07:00:00"}
    hub = MockConfigEntry(
        domain=DOMAIN,
        title=entry.title,
        data=entry.data,
        options=entry.options,
        subentries_data=[{**zone, "data": data | hours}],
    )
    hub.add_to_hass(hass)
    assert await hass.config_entries.async_setup(hub.entry_id)
    device = device_registry.async_get_or_create(
        config_entry_id=hub.entry_id, config_subentry_id="tent", identifiers={(DOMAIN, "tent")}
    )
    await _automate(hass, {"trigger": "smartair.water_change_failed", "target": {"device_id": device.id}})
    hub.runtime_data.alerts.async_raise(Code.WATER_CHANGE_FAILED, zone="tent", cause="interrupted")
    hub.runtime_data.alerts.async_raise(Code.LEAK, zone="tent")
    await hass.async_block_till_done()
    assert len(calls) == 1


@pytest.mark.parametrize("code", sorted(LOCKS))
async def test_a_pump_that_is_locked_triggers(
    hass: HomeAssistant, co2: str, alerts: AlertLog, calls: list[ServiceCall], code: Code
) -> None:
    await _automate(hass, {"trigger": "smartair.pump_locked"})
    alerts.async_note(code, uid=co2, channel="fill")
    alerts.async_raise(Code.LEAK, uid=co2)
    alerts.async_raise(code, uid=co2, channel="fill")
    await hass.async_block_till_done()
    assert len(calls) == 1


async def test_a_locked_pump_triggers_for_its_own_device_and_not_for_others(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, calls: list[ServiceCall]
) -> None:
    await begin(hass, broker, hub.runtime_data)
    pump = hub.runtime_data.pumps["rack_a", "pump_drain"]
    await _automate(hass, {"trigger": "smartair.pump_locked", "target": {"device_id": pump.registered.id}})
    hub.runtime_data.alerts.async_raise(Code.DRY_RUN, uid="rack_a", channel="pump_fill")
    hub.runtime_data.alerts.async_raise(Code.DRY_RUN, uid="rack_a", channel="pump_drain")
    await hass.async_block_till_done()
    assert len(calls) == 1


async def test_a_locked_pump_triggers_for_its_zone(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait, calls: list[ServiceCall]
) -> None:
    rack = await rack_of(hass, broker, hub, wait)
    zone = await add_zone(hass, hub, settings(hass, hub))
    await rack.second(2)
    await _automate(hass, {"trigger": "smartair.pump_locked", "target": {"device_id": zone.device_id}})
    hub.runtime_data.pumps["rack_a", "pump_drain"].async_take(Tripped(Refused(Reason.OVERCURRENT), locked=True))
    await hass.async_block_till_done()
    assert len(calls) == 1


async def test_an_automation_goes_on_when_the_hub_is_loaded_again(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, calls: list[ServiceCall]
) -> None:
    target = {"device_id": hub.runtime_data.devices[co2].device_id}
    await _automate(hass, {"trigger": "smartair.alert_raised", "target": target})
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    hub.runtime_data.alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await hass.async_block_till_done()
    assert len(calls) == 1


# --- conditions ---------------------------------------------------------------------------------


async def _is(hass: HomeAssistant, condition: str, target: dict[str, Any], calls: list[ServiceCall]) -> bool:
    """Tell whether a condition lets an automation pass."""
    if hass.states.get("automation.test") is None:
        await _automate(
            hass,
            {"trigger": "event", "event_type": "asked"},
            {"condition": f"smartair.{condition}", "target": target},
        )
    calls.clear()
    hass.bus.async_fire("asked")
    await hass.async_block_till_done()
    return bool(calls)


async def test_air_is_fresh_where_all_is_known_and_within_its_limits(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait, calls: list[ServiceCall]
) -> None:
    target = {"device_id": hub.runtime_data.devices[co2].device_id}
    assert await _is(hass, "air_is_fresh", target, calls)
    await say(co2, "telemetry", {"co2": 1001})
    assert not await _is(hass, "air_is_fresh", target, calls)
    await say(co2, "telemetry", {"co2": 999, "temperature": 40})
    assert await _is(hass, "air_is_fresh", target, calls)
    await say(co2, "status", "offline")
    assert not await _is(hass, "air_is_fresh", target, calls)
    await say(co2, "status", "online")
    await wait(3600)
    assert not await _is(hass, "air_is_fresh", target, calls)


async def test_air_is_not_fresh_until_its_alert_is_resolved(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, calls: list[ServiceCall]
) -> None:
    target = {"device_id": hub.runtime_data.devices[co2].device_id}
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    assert not await _is(hass, "air_is_fresh", target, calls)


async def test_where_nothing_measures_the_air_it_is_not_fresh(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, calls: list[ServiceCall]
) -> None:
    await hub.runtime_data.async_approve(["climate"])
    await say("climate", "telemetry", {"temperature": 20})
    target = {"device_id": hub.runtime_data.devices["climate"].device_id}
    assert not await _is(hass, "air_is_fresh", target, calls)


@pytest.mark.parametrize("whole", [True, False])
async def test_a_pump_may_run_while_nothing_speaks_against_it(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, calls: list[ServiceCall], whole: bool
) -> None:
    node = await begin(hass, broker, hub.runtime_data)
    pump = hub.runtime_data.pumps["rack_a", "pump_drain"]
    target = {"device_id": hub.runtime_data.devices[node.uid].device_id if whole else pump.registered.id}
    await node.report()
    assert await _is(hass, "pump_may_run", target, calls)
    node.level = 1.0
    for _ in range(3):
        await node.report()
    assert not await _is(hass, "pump_may_run", target, calls)


@pytest.mark.parametrize("by", ["zone", "entity of the zone"])
async def test_a_zone_may_run_its_pumps_while_nothing_speaks_against_any_of_them(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait, calls: list[ServiceCall], by: str
) -> None:
    rack = await rack_of(hass, broker, hub, wait)
    zone = await add_zone(hass, hub, settings(hass, hub))
    await rack.second(2)
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{zone.unique_prefix}state")
    target = {"device_id": zone.device_id} if by == "zone" else {"entity_id": entity_id}
    assert await _is(hass, "pump_may_run", target, calls)
    hub.runtime_data.pumps["rack_a", "pump_drain"].async_take(Tripped(Refused(Reason.OVERCURRENT), locked=True))
    assert not await _is(hass, "pump_may_run", target, calls)


@pytest.mark.parametrize("by", ["entity", "zone"])
async def test_a_switch_that_a_zone_uses_as_a_pump_may_run_while_nothing_speaks_against_it(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait, calls: list[ServiceCall], by: str
) -> None:
    rack = await rack_of(hass, broker, hub, wait)
    # As an integration that has no device for it shows a switch.
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": {"drain": {}}})
    pumps = {"drain": "input_boolean.drain"}
    zone = await add_zone(hass, hub, settings(hass, hub, pumps=pumps))
    await rack.second(2)
    target = {"entity_id": "input_boolean.drain"} if by == "entity" else {"device_id": zone.device_id}
    assert await _is(hass, "pump_may_run", target, calls)
    hub.runtime_data.pumps.switches["input_boolean.drain"].async_take(
        Tripped(Refused(Reason.OVERCURRENT), locked=True)
    )
    assert not await _is(hass, "pump_may_run", target, calls)


async def test_where_there_is_no_pump_none_may_run(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, calls: list[ServiceCall]
) -> None:
    target = {"device_id": hub.runtime_data.devices[co2].device_id}
    assert not await _is(hass, "pump_may_run", target, calls)


# --- descriptions -------------------------------------------------------------------------------


async def test_only_for_entities_of_smartair_are_its_triggers_and_conditions_offered(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str
) -> None:
    for domain in ("automation", "sun"):
        assert await async_setup_component(hass, domain, {})
    await hass.async_block_till_done()
    ours = {"entity_id": ["sensor.bedroom_bedroom_air_co2"]}
    foreign = {"entity_id": ["sun.sun"]}

    async def offered(target: dict[str, Any]) -> set[str]:
        found = {
            *await async_get_triggers_for_target(hass, target, expand_group=True),
            *await async_get_conditions_for_target(hass, target, expand_group=True),
        }
        return {name for name in found if name.startswith(f"{DOMAIN}.")}

    assert await offered(foreign) == set()
    assert await offered(ours) >= {f"{DOMAIN}.{name}" for name in (*TRIGGERS, *CONDITIONS)} - WHOLE_HOUSE


async def test_home_assistant_reads_the_descriptions_of_all_triggers_and_conditions(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    assert await async_setup_component(hass, "automation", {})
    triggers = await trigger_descriptions(hass)
    conditions = await condition_descriptions(hass)
    for name in TRIGGERS:
        assert triggers[f"{DOMAIN}.{name}"], name
    for name in CONDITIONS:
        assert conditions[f"{DOMAIN}.{name}"], name
    described = triggers[f"{DOMAIN}.alert_raised"]["fields"]
    assert described["code"]["selector"]["select"]["options"] == list(Code)
    for texts in (EN, RU):
        assert {name: set(one.get("fields", {})) for name, one in texts["triggers"].items()} == {
            name: set(triggers[f"{DOMAIN}.{name}"].get("fields", {})) for name in TRIGGERS
        }
        assert set(texts["conditions"]) == set(CONDITIONS)
        assert set(Cause) <= set(texts["selector"]["alert_cause"]["options"])
    assert (set(ICONS["triggers"]), set(ICONS["conditions"])) == (set(TRIGGERS), set(CONDITIONS))
