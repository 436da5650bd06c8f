"""Alerts as the house sees them: entities, events, logbook, repairs, actions, diagnostics, in both languages."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
import json
from typing import Any
from unittest.mock import patch

from homeassistant.components.event import EventEntity
from homeassistant.core import Event, HomeAssistant, State, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from custom_components.smartair import async_remove_config_entry_device
from custom_components.smartair.alerts.log import AlertLog
from custom_components.smartair.const import DOMAIN, EVENT_ALERT
from custom_components.smartair.event import ALERT_HISTORY, ALERTS
from custom_components.smartair.logbook import async_describe_events
from custom_components.smartair.notices.announcer import REPAIRS
from custom_components.smartair.notices.summary import summary
from custom_components.smartair.pysmartair import Change, Code, Severity

from .conftest import NOW, Wait
from .test_translations import EN, RU

HUB_ALERT = "binary_sensor.smartair_alert"
HUB_EVENTS = "event.smartair_alert_history"
LATEST = "sensor.smartair_latest_alert"
HUB_COUNT = "sensor.smartair_active_alerts"
ALERT = "binary_sensor.bedroom_bedroom_air_alert"
EVENTS = "event.bedroom_bedroom_air_alert_history"


@pytest.fixture
def alerts(hub: MockConfigEntry) -> AlertLog:
    return hub.runtime_data.alerts  # type: ignore[no-any-return]


def _shown(hass: HomeAssistant, entity_id: str) -> State:
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state


async def _act(hass: HomeAssistant, action: str, data: Mapping[str, Any]) -> Any:
    return await hass.services.async_call(DOMAIN, action, dict(data), blocking=True, return_response=True)


# --- entities -----------------------------------------------------------------------------------


async def test_the_hub_shows_all_alerts(hass: HomeAssistant, alerts: AlertLog) -> None:
    assert (_shown(hass, HUB_ALERT).state, _shown(hass, HUB_COUNT).state) == ("off", "0")
    alerts.async_raise(Code.CO2_HIGH, uid="co2_001", values={"value": 1600})
    alerts.async_raise(Code.LEAK, zone="tent")
    alerts.async_note(Code.RUN_REFUSED, zone="tent")
    shown = _shown(hass, HUB_ALERT)
    assert (shown.state, shown.attributes["codes"], shown.attributes["severity"]) == (
        "on",
        ["biz_leak", "co2_high"],
        "critical",
    )
    assert _shown(hass, HUB_COUNT).state == "2"
    alerts.async_resolve(Code.LEAK, zone="tent")
    alerts.async_resolve(Code.CO2_HIGH, uid="co2_001")
    assert (_shown(hass, HUB_ALERT).state, _shown(hass, HUB_COUNT).state) == ("off", "0")
    assert _shown(hass, HUB_ALERT).attributes["severity"] is None


async def test_the_hub_has_a_device_that_only_goes_with_it(
    hass: HomeAssistant, hub: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    device = device_registry.async_get(hub.runtime_data.device_id)
    assert device is not None
    assert (device.name, device.entry_type) == ("SmartAir", dr.DeviceEntryType.SERVICE)
    assert not await async_remove_config_entry_device(hass, hub, device)


async def test_a_device_has_no_entities_of_alerts_until_it_has_one(
    hass: HomeAssistant, co2: str, alerts: AlertLog
) -> None:
    assert hass.states.get(ALERT) is None
    assert hass.states.get(EVENTS) is None
    alerts.async_raise(Code.CO2_HIGH, uid=co2, cause="measured", values={"value": 1600})
    await hass.async_block_till_done()
    assert _shown(hass, ALERT).state == "on"
    event = _shown(hass, EVENTS).attributes
    assert (event["event_type"], event["code"], event["event"], event["severity"]) == (
        "co2_high",
        "co2_high",
        "co2_high",
        "warning",
    )
    assert (event["source"], event["values"], event["cause"]) == ("biz", {"value": 1600}, "measured")
    alerts.async_resolve(Code.CO2_HIGH, uid=co2)
    assert _shown(hass, ALERT).state == "off"
    event = _shown(hass, EVENTS).attributes
    assert (event["event_type"], event["code"], event["event"]) == ("co2_normal", "co2_high", "co2_normal")


async def test_what_happens_while_the_entities_are_being_made_is_told_by_them(
    hass: HomeAssistant, co2: str, alerts: AlertLog
) -> None:
    told: list[str | None] = []

    @callback
    def hear(event: Event[Any]) -> None:
        if event.data["entity_id"] == EVENTS and event.data["new_state"]:
            told.append(event.data["new_state"].attributes["event_type"])

    end = hass.bus.async_listen("state_changed", hear)
    added = EventEntity.async_internal_added_to_hass

    async def take_a_while(self: EventEntity) -> None:
        await asyncio.sleep(0)
        await added(self)

    with patch.object(EventEntity, "async_internal_added_to_hass", take_a_while):
        alerts.async_raise(Code.CO2_HIGH, uid=co2)
        alerts.async_resolve(Code.CO2_HIGH, uid=co2)
        assert told == []
        await hass.async_block_till_done()
    assert _shown(hass, ALERT).state == "off"
    assert told == [None, "co2_high", "co2_normal"]
    end()


async def test_the_alerts_of_others_do_not_concern_a_device(hass: HomeAssistant, co2: str, alerts: AlertLog) -> None:
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await hass.async_block_till_done()
    alerts.async_resolve(Code.CO2_HIGH, uid=co2)
    alerts.async_raise(Code.CO2_HIGH, uid="other")
    alerts.async_raise(Code.MQTT_DOWN)
    assert _shown(hass, ALERT).state == "off"
    assert _shown(hass, EVENTS).attributes["event_type"] == "co2_normal"
    assert hass.states.get(HUB_EVENTS) is None


async def test_the_entities_of_a_device_are_back_after_a_restart(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog
) -> None:
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await hass.async_block_till_done()
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert (_shown(hass, ALERT).state, _shown(hass, HUB_ALERT).state) == ("on", "on")
    after: AlertLog = hub.runtime_data.alerts
    after.async_resolve(Code.CO2_HIGH, uid=co2)
    assert _shown(hass, ALERT).state == "off"


async def test_the_entities_stay_when_the_alerts_are_long_forgotten(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, wait: Wait
) -> None:
    alerts.async_note(Code.RUN_REFUSED, uid=co2)
    await hass.async_block_till_done()
    await wait(91 * 24 * 3600)
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert hub.runtime_data.alerts.book.past == ()
    assert _shown(hass, ALERT).state == "off"


async def test_a_device_that_is_approved_again_has_entities_again(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    co2: str,
    alerts: AlertLog,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
) -> None:
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await hass.async_block_till_done()
    device_id = hub.runtime_data.devices[co2].device_id
    await hub.runtime_data.async_forget(co2)
    device_registry.async_remove_device(device_id)
    await hass.async_block_till_done()
    assert hass.states.get(ALERT) is None
    await hub.runtime_data.async_approve([co2])
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await hass.async_block_till_done()
    entity_id = entity_registry.async_get_entity_id("binary_sensor", DOMAIN, f"{co2}-alert")
    assert _shown(hass, entity_id or "").state == "on"


async def test_the_hub_says_what_happened_last_and_where(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog
) -> None:
    """With the number that raised it; that somebody knows of it is no news, and a restart forgets nothing."""
    assert _shown(hass, LATEST).state == "unknown"
    alerts.async_raise(Code.CO2_HIGH, uid=co2, cause="measured", values={"value": 1394, "limit": 1000})
    assert _shown(hass, LATEST).state == "Bedroom air: CO₂ high, 1,394 ppm"
    alerts.async_acknowledge(alerts.active()[0].id)
    assert _shown(hass, LATEST).state == "Bedroom air: CO₂ high, 1,394 ppm"
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert _shown(hass, LATEST).state == "Bedroom air: CO₂ high, 1,394 ppm"
    alerts = hub.runtime_data.alerts
    alerts.async_resolve(Code.CO2_HIGH, uid=co2)
    assert _shown(hass, LATEST).state == "Bedroom air: CO₂ normal again"
    alerts.async_raise(Code.LEAK, uid=co2, cause="a word of its own", values={"value": True})
    assert _shown(hass, LATEST).state == "Bedroom air: Leak"
    alerts.async_resolve(Code.LEAK, uid=co2)
    assert _shown(hass, LATEST).state == "Bedroom air: Leak: resolved"
    alerts.async_note(Code.WATER_CHANGE_FAILED, zone="z" * 300, cause="stopped")
    assert len(_shown(hass, LATEST).state) == 255


async def test_automations_made_with_the_types_of_before_go_on_working(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, entity_registry: er.EntityRegistry
) -> None:
    """Where the entity of the version before is registered, it stays, and tells the changes as it did."""
    prefix = hub.runtime_data.unique_prefix
    assert entity_registry.async_get_entity_id("event", DOMAIN, f"{prefix}alerts") is None
    entity_registry.async_get_or_create("event", DOMAIN, f"{prefix}alerts", config_entry=hub)
    before = entity_registry.async_get_entity_id("event", DOMAIN, f"{prefix}alerts")
    assert before is not None
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    hub.runtime_data.alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await hass.async_block_till_done()
    assert _shown(hass, before).attributes["event_type"] == "raised"
    assert _shown(hass, before).attributes["event_types"] == ALERTS.event_types
    hub.runtime_data.alerts.async_resolve(Code.CO2_HIGH, uid=co2)
    assert _shown(hass, before).attributes["event_type"] == "resolved"
    assert _shown(hass, EVENTS).attributes["event_type"] == "co2_normal"


# --- bus, logbook, repairs ----------------------------------------------------------------------


async def test_each_change_is_an_event_on_the_bus(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog
) -> None:
    events = async_capture_events(hass, EVENT_ALERT)
    alerts.async_raise(Code.CO2_HIGH, uid=co2, values={"value": 1600})
    alerts.async_resolve(Code.CO2_HIGH, uid=co2)
    assert [(one.data["change"], one.data["event"], one.data["name"]) for one in events] == [
        ("raised", "co2_high", "Bedroom air"),
        ("resolved", "co2_normal", "Bedroom air"),
    ]
    assert events[0].data["device_id"] == hub.runtime_data.devices[co2].device_id


@pytest.mark.parametrize(
    ("language", "raised", "leak", "over"),
    [
        ("en", "No flow", "Leak", "CO₂ normal again"),
        ("ru", "Нет протока", "Протечка", "CO₂ снова в норме"),
    ],
)
async def test_the_logbook_tells_of_alerts_in_the_language_of_the_house(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    co2: str,
    alerts: AlertLog,
    language: str,
    raised: str,
    leak: str,
    over: str,
) -> None:
    await hass.config.async_update(language=language)
    # Home Assistant does so whenever the language changes; its test harness does not.
    await async_get_translations(hass, language, "selector", [DOMAIN])
    described: list[tuple[str, str, Any]] = []
    async_describe_events(hass, lambda *args: described.append(args))
    ((domain, name, describe),) = described
    assert (domain, name) == (DOMAIN, EVENT_ALERT)
    events = async_capture_events(hass, EVENT_ALERT)
    alerts.async_raise(Code.NO_FLOW, uid=co2, channel="fill", cause="measured")
    alerts.async_note(Code.LEAK, zone="Tent")
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    alerts.async_resolve(Code.CO2_HIGH, uid=co2)
    lines = [describe(event) for event in events]
    assert [(line["name"], line["message"]) for line in (lines[0], lines[1], lines[3])] == [
        ("Bedroom air", raised),
        ("Tent", leak),
        ("Bedroom air", over),
    ]


def test_every_alert_and_every_repair_has_a_text_in_both_languages() -> None:
    for texts in (EN, RU):
        events = texts["selector"]["alert_event"]["options"]
        assert texts["entity"]["event"]["alerts"]["state_attributes"]["event"]["state"] == events
        types = texts["entity"]["event"]["alert_history"]["state_attributes"]["event_type"]["state"]
        assert set(types) == set(ALERT_HISTORY.event_types or ())
        assert types.items() >= events.items()
        normal = {code.rpartition("_")[0] + "_normal" for code in Code if code.rpartition("_")[2] in {"high", "low"}}
        assert set(events) == set(Code) | normal
        assert set(texts["selector"]["alert_change"]["options"]) == set(Change)
        assert set(texts["selector"]["alert_severity"]["options"]) == set(Severity)
        assert {key for key in texts["issues"] if key.startswith("alert_")} == set(REPAIRS.values())


@pytest.mark.parametrize("code", REPAIRS)
async def test_a_repair_is_shown_for_as_long_as_a_person_must_act(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    co2: str,
    alerts: AlertLog,
    issue_registry: ir.IssueRegistry,
    code: Code,
) -> None:
    alerts.async_raise(code, uid=co2, channel="fill", cause="measured")
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    alerts.async_note(code, uid=co2, channel="drain")
    (issue,) = issue_registry.issues.values()
    assert issue.translation_key == REPAIRS[code]
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["device"] == "Bedroom air"
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    assert [one.issue_id for one in issue_registry.issues.values()] == [issue.issue_id]
    hub.runtime_data.alerts.async_resolve(code, uid=co2, channel="fill")
    assert issue_registry.issues == {}


async def test_a_repair_shows_the_cause_that_holds_now(
    co2: str, alerts: AlertLog, issue_registry: ir.IssueRegistry
) -> None:
    alerts.async_raise(Code.DRY_RUN, uid=co2, channel="fill", cause="float_open")
    alerts.async_raise(Code.DRY_RUN, uid=co2, channel="fill", cause="dry_run", severity=Severity.WARNING)
    (issue,) = issue_registry.issues.values()
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["cause"] == "Pump ran dry."
    assert issue.severity is ir.IssueSeverity.WARNING


async def test_a_repair_of_a_device_goes_with_it(
    hub: MockConfigEntry, co2: str, alerts: AlertLog, issue_registry: ir.IssueRegistry
) -> None:
    alerts.async_raise(Code.DRY_RUN, uid=co2, channel="fill")
    await hub.runtime_data.async_forget(co2)
    assert issue_registry.issues == {}


# --- actions ------------------------------------------------------------------------------------


@pytest.fixture
async def several(hub: MockConfigEntry, co2: str, alerts: AlertLog, wait: Wait) -> None:
    alerts.async_note(Code.RUN_REFUSED, uid="pump_001", channel="fill", cause="interlock")
    await wait(10)
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await wait(10)
    alerts.async_raise(Code.WATER_CHANGE_FAILED, zone="tent")
    await wait(3600)


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    ("filters", "codes"),
    [
        ({}, ["biz_water_change_failed", "co2_high", "biz_run_refused"]),
        ({"active": True}, ["biz_water_change_failed", "co2_high"]),
        ({"zone": "tent"}, ["biz_water_change_failed"]),
        ({"severity": "warning"}, ["biz_water_change_failed", "co2_high"]),
        ({"severity": "critical"}, ["biz_water_change_failed"]),
        ({"since": "2026-09-21 14:13:25+00:00"}, ["biz_water_change_failed", "co2_high"]),
        ({"since": "2026-09-21 14:13:15+00:00"}, ["biz_water_change_failed", "co2_high", "biz_run_refused"]),
    ],
)
async def test_alerts_are_got_by_what_is_asked_for(
    hass: HomeAssistant, filters: Mapping[str, Any], codes: list[str]
) -> None:
    assert [one["code"] for one in (await _act(hass, "get_alerts", filters))["alerts"]] == codes


@pytest.mark.usefixtures("several")
async def test_alerts_are_got_by_device(hass: HomeAssistant, hub: MockConfigEntry, co2: str) -> None:
    device_id = hub.runtime_data.devices[co2].device_id
    (alert,) = (await _act(hass, "get_alerts", {"device_id": device_id}))["alerts"]
    assert (alert["code"], alert["name"], alert["device_id"], alert["raised_at"], alert["resolved_at"]) == (
        "co2_high",
        "Bedroom air",
        device_id,
        NOW + 10,
        None,
    )
    assert json.loads(json.dumps(alert)) == alert


async def test_an_alert_is_acknowledged_by_its_id_or_with_its_device(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog
) -> None:
    for code in (Code.CO2_HIGH, Code.HUMIDITY_HIGH, Code.TEMPERATURE_HIGH):
        alerts.async_raise(code, uid=co2)
    await hass.async_block_till_done()
    ids = [alert.id for alert in alerts.active()]
    assert await _act(hass, "acknowledge_alert", {"alert_id": ids[0]}) == {"acknowledged": ids[:1]}
    assert _shown(hass, EVENTS).attributes["event_type"] == "acknowledged"
    assert [alert.acknowledged_at for alert in alerts.active()] == [NOW, None, None]
    device_id = hub.runtime_data.devices[co2].device_id
    assert await _act(hass, "acknowledge_alert", {"device_id": device_id}) == {"acknowledged": ids}
    assert [alert.acknowledged_at for alert in alerts.active()] == [NOW, NOW, NOW]
    assert _shown(hass, ALERT).state == "on"


async def test_an_alert_that_is_not_active_cannot_be_acknowledged_and_nothing_else_is_then(
    hass: HomeAssistant, co2: str, alerts: AlertLog
) -> None:
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    with pytest.raises(ServiceValidationError) as caught:
        await _act(hass, "acknowledge_alert", {"alert_id": [alerts.active()[0].id, "unheard_of"]})
    assert caught.value.translation_key == "alert_not_active"
    assert alerts.active()[0].acknowledged_at is None


@pytest.mark.parametrize("data", [{}, {"alert_id": "1", "device_id": "2"}])
async def test_either_alerts_or_a_device_are_acknowledged(
    hass: HomeAssistant, alerts: AlertLog, data: Mapping[str, str]
) -> None:
    with pytest.raises(vol.Invalid):
        await _act(hass, "acknowledge_alert", data)


# --- diagnostics --------------------------------------------------------------------------------


async def test_diagnostics_hold_the_recent_alerts_and_not_where_they_were(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    for number in range(60):
        alerts.async_note(Code.RUN_REFUSED, zone="canary", cause=str(number))
    client = await hass_client()
    base = f"/api/diagnostics/config_entry/{hub.entry_id}"
    answer = await client.get(base)
    assert answer.status == HTTPStatus.OK
    found = (await answer.json())["data"]["alerts"]
    assert len(found) == 50
    assert [(one["code"], one["cause"]) for one in found[:2]] == [("co2_high", None), ("biz_run_refused", "59")]
    assert "canary" not in json.dumps(found)
    device_id = hub.runtime_data.devices[co2].device_id
    of_device = (await (await client.get(f"{base}/device/{device_id}")).json())["data"]["alerts"]
    assert [one["code"] for one in of_device] == ["co2_high"]
    assert co2 not in json.dumps(of_device)


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_no_line_of_the_logbook_shows_a_code(hass: HomeAssistant, hub: MockConfigEntry, language: str) -> None:
    """Whatever becomes of an alert, whatever a device gives as its cause."""
    await hass.config.async_update(language=language)
    await async_get_translations(hass, language, "selector", [DOMAIN])
    for code in Code:
        for change in Change:
            for cause in (None, "measured", "a_word_of_its_own", "float_open"):
                kind, _, side = code.value.rpartition("_")
                normal = change is Change.RESOLVED and side in {"high", "low"}
                event = f"{kind}_normal" if normal else code.value
                told = {"change": change, "event": event, "code": code, "cause": cause, "values": {"value": 2}}
                line = summary(hass, told)
                assert "_" not in line
                assert "measured" not in line
                assert not line.endswith((" ", ",", ":"))
