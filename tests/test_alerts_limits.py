"""Limits of measurements: raised when it lasts, resolved when it is over, by the limits that hold for the device."""

import json
from typing import Any

from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util.unit_system import US_CUSTOMARY_SYSTEM
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.alerts.log import AlertLog
from custom_components.smartair.const import EVENT_ALERT, SUBENTRY_ALERT_LIMIT
from custom_components.smartair.pysmartair import Change, Code, Severity

from .conftest import CO2_INFO, NOW, Say, Wait

LIMIT = {
    "hysteresis": 100,
    "delay": 0,
    "severity": "warning",
    "night_quiet": False,
    "night_begin": "22:00:00",
    "night_end": "07:00:00",
}


@pytest.fixture
def alerts(hub: MockConfigEntry) -> AlertLog:
    return hub.runtime_data.alerts  # type: ignore[no-any-return]


def _codes(alerts: AlertLog) -> list[str]:
    return [alert.code.value for alert in alerts.active()]


async def _measure(say: Say, wait: Wait, uid: str, minutes: float, **values: float) -> None:
    """Report the same once a minute."""
    for _ in range(round(minutes)):
        await say(uid, "telemetry", values)
        await wait(60)


async def _set_limit(hass: HomeAssistant, hub: MockConfigEntry, metric: str, **values: Any) -> Any:
    """Set a limit as its owner does."""
    form = await hass.config_entries.subentries.async_init(
        (hub.entry_id, SUBENTRY_ALERT_LIMIT), context={"source": "user"}
    )
    form = await hass.config_entries.subentries.async_configure(form["flow_id"], {"metric": metric})
    assert form["step_id"] == "bounds"
    result = await hass.config_entries.subentries.async_configure(form["flow_id"], LIMIT | values)
    await hass.async_block_till_done()
    return result


# --- the usual limits ---------------------------------------------------------------------------


async def test_much_co2_is_raised_when_it_lasts_and_is_normal_when_that_is_over(
    hass: HomeAssistant, co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    events = async_capture_events(hass, EVENT_ALERT)
    await _measure(say, wait, co2, 2, co2=1500)
    assert _codes(alerts) == ["co2_high"]
    alert = alerts.active()[0]
    assert (alert.severity, alert.uid, alert.values) == (
        Severity.WARNING,
        co2,
        {"value": 1500, "limit": 1000, "known": True},
    )
    assert alert.raised_at == NOW + 120
    await _measure(say, wait, co2, 5, co2=950)
    assert _codes(alerts) == ["co2_high"]
    await _measure(say, wait, co2, 2, co2=800)
    assert _codes(alerts) == []
    assert [event.data["event"] for event in events] == ["co2_high", "co2_normal"]


@pytest.mark.parametrize("humidity", [100.4, 101, 101.9])
async def test_humidity_a_little_above_its_end_is_shown_as_the_end_and_alerted_at_once(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, say: Say, humidity: float
) -> None:
    await _set_limit(hass, hub, "humidity", high=85, hysteresis=3)
    await say(co2, "telemetry", {"humidity": 79.5})
    assert _codes(alerts) == []
    await say(co2, "telemetry", {"humidity": humidity})
    assert float(hass.states.get("sensor.bedroom_bedroom_air_humidity").state) == 100
    assert [(alert.code.value, alert.values["value"]) for alert in alerts.active()] == [("humidity_high", humidity)]


async def test_what_lasts_is_raised_though_the_value_never_changes_again(
    co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    await say(co2, "telemetry", {"co2": 1500})
    await wait(60)
    await say(co2, "telemetry", {"co2": 1500})
    assert _codes(alerts) == []
    await wait(60)
    assert _codes(alerts) == ["co2_high"]


async def test_a_limit_that_waits_is_not_forgotten_when_another_measurement_changes(
    co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    await say(co2, "telemetry", {"co2": 1500, "temperature": 30, "humidity": 50})
    for second in range(119):
        await wait(1)
        # That the one is too high and is not again takes nothing from the others.
        await say(co2, "telemetry", {"co2": 1500 + second, "temperature": 30, "humidity": 50 + 30 * (second % 2)})
    assert _codes(alerts) == []
    await wait(1)
    assert _codes(alerts) == ["co2_high"]
    for _ in range(8):
        await say(co2, "telemetry", {"co2": 1500, "temperature": 30, "humidity": 50})
        await wait(60)
    assert _codes(alerts) == ["co2_high", "temperature_high"]


async def test_values_that_flap_about_the_level_raise_one_alert(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, say: Say
) -> None:
    await _set_limit(hass, hub, "co2", high=1000)
    told: list[Change] = []
    end = alerts.async_listen(lambda change, _: told.append(change))
    for value in (1100, 950, 1050, 910, 1200, 901, 1001) * 5:
        await say(co2, "telemetry", {"co2": value})
    assert told == [Change.RAISED]
    end()


async def test_buffered_and_retained_values_raise_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    await _set_limit(hass, hub, "co2", high=1000)
    samples = [{"timestamp": NOW - 600 + 60 * minute, "co2": 3000} for minute in range(10)]
    await say(co2, "telemetry", {"buffered": True, "samples": samples})
    await say(co2, "telemetry", {"timestamp": NOW - 500, "co2": 3000})
    await say(co2, "telemetry", {"co2": 3000}, retain=True)
    await wait(60)
    assert alerts.book.past == ()
    assert _codes(alerts) == []


async def test_every_measurement_of_a_device_has_its_limits(
    alerts: AlertLog, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    await hub.runtime_data.async_approve(["multi"])
    air = {
        "temperature": 35,
        "humidity": 20,
        "pm25": 100,
        "pm10": 200,
        "voc": 900,
        "voc_index": 400,
        "nox_index": 200,
    }
    await _measure(say, wait, "multi", 16, **air, pressure=900, pm1=500, battery=5)
    assert sorted(_codes(alerts)) == [
        "battery_low",
        "humidity_low",
        "nox_index_high",
        "pm10_high",
        "pm25_high",
        "temperature_high",
        "voc_high",
        "voc_index_high",
    ]


# --- what is not known --------------------------------------------------------------------------


async def test_a_device_that_falls_silent_neither_raises_nor_resolves_and_that_is_marked(
    co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    await _measure(say, wait, co2, 2, co2=1500)
    await wait(3600)
    assert next((one.code, one.values["known"]) for one in alerts.active(co2)) == (Code.CO2_HIGH, False)
    await say(co2, "telemetry", {"co2": 1500})
    assert [one.values["known"] for one in alerts.active(co2) if one.code is Code.CO2_HIGH] == [True]
    assert alerts.book.past == ()


async def test_a_broker_that_is_away_marks_nothing(
    hass: HomeAssistant, co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    await _measure(say, wait, co2, 2, co2=1500)
    told: list[tuple[Change, Code]] = []
    end = alerts.async_listen(lambda change, alert: told.append((change, alert.code)))
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, False)
    await wait(3600)
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, True)
    await say(co2, "telemetry", {"co2": 1500})
    assert told == [(Change.RAISED, Code.MQTT_DOWN), (Change.RESOLVED, Code.MQTT_DOWN)]
    end()


async def test_after_a_restart_the_first_values_say_what_is(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    await _measure(say, wait, co2, 2, co2=1500)
    raised = alerts.active()
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    after: AlertLog = hub.runtime_data.alerts
    told: list[Change] = []
    after.async_listen(lambda change, _: told.append(change))
    await _measure(say, wait, co2, 3, co2=1500)
    assert after.active() == raised
    assert told == []
    await _measure(say, wait, co2, 3, co2=700)
    assert told == [Change.RESOLVED]


async def test_an_alert_survives_a_crash_after_which_nobody_knows_what_the_device_measures(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    await _measure(say, wait, co2, 2, co2=1500)
    raised = alerts.active()
    hub.runtime_data.store.devices[co2].metrics.clear()
    hub.runtime_data.store.devices[co2].descriptor = None
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    after: AlertLog = hub.runtime_data.alerts
    assert "co2" not in hub.runtime_data.devices[co2].snapshot.metrics
    assert after.active() == raised
    await _measure(say, wait, co2, 3, co2=1600)
    assert after.active() == raised
    await _measure(say, wait, co2, 3, co2=700)
    assert after.active() == []


# --- whose limits hold --------------------------------------------------------------------------


async def test_the_threshold_of_the_device_is_its_limit_where_its_owner_set_no_other(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    await say(co2, "config/state", {"revision": 1, "applied": True, "config": {"co2_threshold": 1600}})
    await _measure(say, wait, co2, 4, co2=1500)
    assert _codes(alerts) == []
    await _measure(say, wait, co2, 3, co2=1650)
    assert _codes(alerts) == ["co2_high"]
    await _set_limit(hass, hub, "co2", high=2000)
    await _measure(say, wait, co2, 1, co2=1650)
    assert _codes(alerts) == []


async def test_a_device_whose_alerts_are_off_raises_none_and_keeps_none(
    co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    await _measure(say, wait, co2, 2, co2=1500)
    await say(co2, "config/state", {"revision": 1, "applied": True, "config": {"alerts_enabled": False}})
    assert _codes(alerts) == []
    await _measure(say, wait, co2, 3, co2=1600)
    assert _codes(alerts) == []
    await say(co2, "config/state", {"revision": 2, "applied": True, "config": {"alerts_enabled": True}})
    await _measure(say, wait, co2, 3, co2=1600)
    assert _codes(alerts) == ["co2_high"]


async def test_a_limit_for_a_device_counts_before_one_for_its_type_and_that_before_one_for_all(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say
) -> None:
    hub_now = hub.runtime_data
    await say("other", "info", CO2_INFO)
    await hub_now.async_approve(["other", "third"])
    await say("third", "telemetry", {"co2": 500, "pm25": 3})
    device, other, third = (hub_now.devices[uid] for uid in (co2, "other", "third"))
    titles = [
        (await _set_limit(hass, hub, "co2", high=high, **whom))["title"]
        for high, whom in (
            (1100, {"devices": [device.device_id]}),
            (1200, {"types": ["co2"]}),
            (1250, {}),
            (1300, {}),
        )
    ]
    assert [hub_now.limits.bounds(one, "co2").high for one in (device, other, third)] == [1100, 1200, 1300]
    assert hub_now.limits.bounds(device, "humidity").high == 70
    assert titles == ["CO₂: Bedroom air", "CO₂: CO₂ sensor", "CO₂: all devices", "CO₂: all devices"]


async def test_no_limits_mean_no_alerts(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    await _measure(say, wait, co2, 3, co2=1500)
    assert _codes(alerts) == ["co2_high"]
    await _set_limit(hass, hub, "co2")
    assert _codes(alerts) == []
    await _measure(say, wait, co2, 3, co2=3000)
    assert _codes(alerts) == []


async def test_a_quiet_night_raises_nothing_but_what_is_critical(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    # The clock stands at 07:13 of the house.
    night = {"night_begin": "07:00:00", "night_end": "07:20:00", "night_quiet": True}
    await _set_limit(hass, hub, "co2", high=1000, **night)
    await _set_limit(hass, hub, "temperature", high=27, severity="critical", **night | {"hysteresis": 1})
    await _measure(say, wait, co2, 1, co2=1500, temperature=40)
    assert [(one.code, one.severity) for one in alerts.active()] == [(Code.TEMPERATURE_HIGH, Severity.CRITICAL)]
    await wait(600)
    await say(co2, "telemetry", {"co2": 1500, "temperature": 40})
    assert _codes(alerts) == ["temperature_high", "co2_high"]


async def test_the_hours_of_a_devices_night_mode_count(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, say: Say
) -> None:
    await _set_limit(hass, hub, "co2", high=1000, night_high=2000)
    night = {"start": "07:00", "end": "08:00"}
    await say(co2, "config/state", {"revision": 1, "applied": True, "config": {"night_mode": night}})
    await say(co2, "telemetry", {"co2": 1500})
    assert _codes(alerts) == []
    await say(co2, "config/state", {"revision": 2, "applied": True, "config": {"night_mode": None}})
    assert _codes(alerts) == ["co2_high"]
    assert alerts.active()[0].values["limit"] == 1000


async def test_a_device_that_is_forgotten_is_watched_no_more(
    hub: MockConfigEntry, co2: str, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    await say(co2, "telemetry", {"co2": 1500})
    await hub.runtime_data.async_forget(co2)
    await wait(600)
    assert _codes(alerts) == []


# --- the form -----------------------------------------------------------------------------------


async def test_a_form_shows_the_usual_limits_and_says_what_cannot_be(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    form = await hass.config_entries.subentries.async_init(
        (hub.entry_id, SUBENTRY_ALERT_LIMIT), context={"source": "user"}
    )
    assert form["step_id"] == "user"
    form = await hass.config_entries.subentries.async_configure(form["flow_id"], {"metric": "temperature"})
    suggested = {key.schema: (key.description or {}).get("suggested_value") for key in form["data_schema"].schema}
    assert (suggested["high"], suggested["low"], suggested["hysteresis"], suggested["delay"]) == (27, 18, 0.5, 10)
    assert form["description_placeholders"]["metric"] == "Temperature"
    for wrong, reason in (
        ({"high": 20, "low": 19, "hysteresis": 1}, "band_too_wide"),
        ({"high": 20, "low": 10, "hysteresis": 1, "night_high": 5}, "night_below_low"),
        ({"high": 20, "hysteresis": "nan"}, "not_a_number"),
    ):
        form = await hass.config_entries.subentries.async_configure(form["flow_id"], LIMIT | wrong)
        assert (form["type"], form["errors"]) == (FlowResultType.FORM, {"base": reason})
    right = LIMIT | {"high": 30, "low": 10, "hysteresis": 1}
    result = await hass.config_entries.subentries.async_configure(form["flow_id"], right)
    assert (result["type"], result["title"]) == (FlowResultType.CREATE_ENTRY, "Temperature: all devices")
    assert result["data"] == {"metric": "temperature", **right}


async def test_a_night_may_begin_at_an_hour_of_one_digit(hass: HomeAssistant, hub: MockConfigEntry) -> None:
    result = await _set_limit(hass, hub, "co2", night_begin="9:30", night_end="7:05:00")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert await hass.config_entries.async_reload(hub.entry_id)


async def test_a_limit_is_changed_and_holds_at_once(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, alerts: AlertLog, say: Say
) -> None:
    await _set_limit(hass, hub, "co2", high=2000)
    await say(co2, "telemetry", {"co2": 1500})
    (subentry,) = hub.subentries.values()
    form = await hub.start_subentry_reconfigure_flow(hass, subentry.subentry_id)
    suggested = {key.schema: (key.description or {}).get("suggested_value") for key in form["data_schema"].schema}
    assert (form["step_id"], suggested["high"]) == ("bounds", 2000)
    result = await hass.config_entries.subentries.async_configure(form["flow_id"], LIMIT | {"high": 1200})
    await hass.async_block_till_done()
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert _codes(alerts) == ["co2_high"]
    assert hass.config_entries.async_remove_subentry(hub, subentry.subentry_id)
    await hass.async_block_till_done()
    assert hub.runtime_data.limits.bounds(hub.runtime_data.devices[co2], "co2").high == 1000


async def test_a_limit_of_temperature_is_asked_for_in_the_unit_of_the_house_and_stored_in_degrees_celsius(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    hass.config.units = US_CUSTOMARY_SYSTEM
    result = await _set_limit(hass, hub, "temperature", high=86, low=50, hysteresis=1.8)
    assert {name: result["data"][name] for name in ("high", "low", "hysteresis")} == {
        "high": 30,
        "low": 10,
        "hysteresis": 1,
    }
    (subentry,) = hub.subentries.values()
    hass.config_entries.async_update_subentry(hub, subentry, data={**subentry.data, "high": 30.03})
    form = await hub.start_subentry_reconfigure_flow(hass, subentry.subentry_id)
    fields = form["data_schema"].schema
    assert (fields["high"].config["unit_of_measurement"], fields["hysteresis"].config["max"]) == ("°F", 324.0)
    shown = {str(key): (key.description or {}).get("suggested_value") for key in fields}
    assert (shown["high"], shown["low"], shown["hysteresis"]) == (86.1, 50, 1.8)
    given = {name: value for name, value in shown.items() if value is not None} | {"low": 32}
    await hass.config_entries.subentries.async_configure(form["flow_id"], given)
    stored = hub.subentries[subentry.subentry_id].data
    # What was left as it was shown is what it was.
    assert (stored["high"], stored["low"], stored["hysteresis"]) == (30.03, 0, 1)


async def test_the_form_of_a_measurement_has_only_the_sides_that_it_has(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    fields = {}
    for metric in ("battery", "pm25", "voc_index"):
        form = await hass.config_entries.subentries.async_init(
            (hub.entry_id, SUBENTRY_ALERT_LIMIT), context={"source": "user"}
        )
        form = await hass.config_entries.subentries.async_configure(form["flow_id"], {"metric": metric})
        fields[metric] = {key.schema for key in form["data_schema"].schema} & {"high", "low", "night_high"}
    assert fields == {
        "battery": {"low"},
        "pm25": {"high", "night_high"},
        "voc_index": {"high", "night_high"},
    }


# --- one CO₂ threshold --------------------------------------------------------------------------

THRESHOLD = "number.bedroom_bedroom_air_co2_threshold"


def _asked(broker: MqttMockHAClient) -> list[float]:
    """Return which CO₂ thresholds the device was asked for."""
    published = [json.loads(call.args[1]) for call in broker.async_publish.call_args_list if call.args[1]]
    return [one["co2_threshold"] for one in published if "co2_threshold" in one]


async def _apply(say: Say, uid: str, revision: int, level: float) -> None:
    state = {"revision": revision, "applied": True, "config": {"co2_threshold": level}}
    await say(uid, "config/state", state)


async def test_a_limit_for_co2_is_the_threshold_of_the_device_as_well(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, co2: str, say: Say
) -> None:
    await _apply(say, co2, 0, 1600)
    broker.reset_mock()
    await _set_limit(hass, hub, "co2", high=1200)
    assert _asked(broker) == [1200]
    await _apply(say, co2, 1, 1200)
    assert hass.states.get(THRESHOLD).state == "1200"
    with pytest.raises(ServiceValidationError) as refused:
        await hass.services.async_call("number", "set_value", {"entity_id": THRESHOLD, "value": 900}, blocking=True)
    assert refused.value.translation_key == "threshold_by_limit"
    assert refused.value.translation_placeholders == {"limit": "CO₂: all devices", "value": "1200"}
    await hass.services.async_call("number", "set_value", {"entity_id": THRESHOLD, "value": 1200}, blocking=True)


async def test_without_the_limit_the_device_has_its_own_threshold_again_after_a_restart_too(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, co2: str, say: Say
) -> None:
    await _apply(say, co2, 0, 1600)
    await _set_limit(hass, hub, "co2", high=1200)
    await _apply(say, co2, 1, 1200)
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    broker.reset_mock()
    [limit] = hub.subentries
    hass.config_entries.async_remove_subentry(hub, limit)
    await hass.async_block_till_done()
    assert _asked(broker) == [1600]
    await _apply(say, co2, 2, 1600)
    assert hub.runtime_data.limits.bounds(hub.runtime_data.devices[co2], "co2").high == 1600
    assert _asked(broker) == [1600]


async def test_a_device_that_takes_another_threshold_is_not_asked_for_ever(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, co2: str, say: Say
) -> None:
    await _apply(say, co2, 0, 1600)
    broker.reset_mock()
    await _set_limit(hass, hub, "co2", high=1210)
    for revision in range(1, 6):
        await _apply(say, co2, revision, 1200)
    assert _asked(broker) == [1210, 1210]


async def test_without_a_broker_the_threshold_is_set_later(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, co2: str, say: Say
) -> None:
    await _apply(say, co2, 0, 1600)
    broker.reset_mock()
    hub.runtime_data.connection.connected = False
    await _set_limit(hass, hub, "co2", high=1200)
    assert _asked(broker) == []
    hub.runtime_data.connection.connected = True
    await _apply(say, co2, 1, 1601)
    assert _asked(broker) == [1200]


@pytest.mark.parametrize("level", [300, 5001, None])
async def test_what_the_device_cannot_take_is_left_to_the_limit(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, co2: str, say: Say, level: float | None
) -> None:
    await _apply(say, co2, 0, 1600)
    broker.reset_mock()
    await _set_limit(hass, hub, "co2", **({"high": level} if level else {}))
    assert _asked(broker) == []
    await hass.services.async_call("number", "set_value", {"entity_id": THRESHOLD, "value": 900}, blocking=True)


async def _in_force(hass: HomeAssistant, hub: MockConfigEntry, metric: str) -> str:
    form = await hass.config_entries.subentries.async_init(
        (hub.entry_id, SUBENTRY_ALERT_LIMIT), context={"source": "user"}
    )
    form = await hass.config_entries.subentries.async_configure(form["flow_id"], {"metric": metric})
    hass.config_entries.subentries.async_abort(form["flow_id"])
    shown: str = form["description_placeholders"]["in_force"]
    return shown


async def test_the_form_says_which_limit_is_in_force_and_why(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say
) -> None:
    assert (await _in_force(hass, hub, "co2")).endswith("Bedroom air: 1,000 ppm (usual limit)")
    assert (await _in_force(hass, hub, "humidity")).endswith("Bedroom air: 25 % – 70 % (usual limit)")
    assert await _in_force(hass, hub, "pm25") == "–"
    await _apply(say, co2, 0, 1600)
    assert (await _in_force(hass, hub, "co2")).endswith("Bedroom air: 1,600 ppm (CO₂ threshold of the device)")
    await _set_limit(hass, hub, "co2", high=1200)
    assert (await _in_force(hass, hub, "co2")).endswith("Bedroom air: 1,200 ppm (CO₂: all devices)")
    await hass.config_entries.async_unload(hub.entry_id)
    assert await _in_force(hass, hub, "co2") == "–"


async def test_of_many_devices_the_form_lists_some(hass: HomeAssistant, hub: MockConfigEntry, say: Say) -> None:
    uids = [f"air_{number:02}" for number in range(15)]
    await hub.runtime_data.async_approve(uids)
    for uid in uids:
        await say(uid, "telemetry", {"co2": 600})
    lines = (await _in_force(hass, hub, "co2")).splitlines()
    assert (len(lines), lines[-1]) == (13, "- … 3")


async def test_night_mode_says_what_it_does(hass: HomeAssistant, co2: str) -> None:
    assert hass.states.get("switch.bedroom_bedroom_air_night_mode").attributes["effect"] == "dark_and_quiet"
