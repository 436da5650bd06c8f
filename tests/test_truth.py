"""What is shown is true now, or it is not shown: time, retained messages, staleness, restarts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.logbook import EVENT_LOGBOOK_ENTRY
from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE, STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.event import async_track_state_change_event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.pysmartair import Code

from .conftest import CO2_INFO, CO2_TELEMETRY, NOW, Say, Wait, hub_entry
from .pump_node import INFO, Node, begin

CO2 = "sensor.bedroom_bedroom_air_co2"
TEMPERATURE = "sensor.bedroom_bedroom_air_temperature"
ONLINE = "binary_sensor.bedroom_bedroom_air_online"


async def _switch(hass: HomeAssistant, what: str, entity_id: str) -> None:
    await hass.services.async_call("switch", f"turn_{what}", {"entity_id": entity_id}, blocking=True)
    await hass.async_block_till_done()


def _state(hass: HomeAssistant, entity_id: str) -> str:
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


async def test_the_telemetry_example_of_the_protocol_is_shown(hass: HomeAssistant, co2: str) -> None:
    shown = {one: _state(hass, f"sensor.bedroom_bedroom_air_{one}") for one in ("co2", "temperature", "humidity")}
    assert shown == {"co2": "920", "temperature": "25.1", "humidity": "29"}


@pytest.mark.parametrize("topic", ["telemetry", "data"])
async def test_a_plain_script_that_only_ever_sends_telemetry_works(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, topic: str
) -> None:
    await say("co2_001", topic, CO2_TELEMETRY)
    await hub.runtime_data.async_approve(["co2_001"])
    await hass.async_block_till_done()
    assert _state(hass, "sensor.co2_001_co2") == "920"
    await say("co2_001", topic, CO2_TELEMETRY | {"co2": 930})
    assert _state(hass, "sensor.co2_001_co2") == "930"
    assert _state(hass, "binary_sensor.co2_001_online") == STATE_ON
    # The hub's own button is no device's.
    theirs = hass.states.async_entity_ids(("number", "switch", "time", "button", "event"))
    assert theirs == ["button.smartair_acknowledge_alerts"]


async def test_telemetry_of_a_device_that_is_not_approved_changes_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, broker: MqttMockHAClient
) -> None:
    broker.async_publish.reset_mock()
    before = hass.states.async_all()
    await say("co2_001", "info", CO2_INFO, retain=True)
    await say("co2_001", "telemetry", CO2_TELEMETRY)
    await say("co2_001", "config/state", {"revision": 1, "config": {"report_interval": 5}})
    await say("co2_001", "event", {"event": "button"})
    assert hass.states.async_all() == before
    assert hub.runtime_data.devices == {}
    broker.async_publish.assert_not_called()


async def test_a_value_that_cannot_be_true_rejects_itself_and_nothing_else(
    hass: HomeAssistant, co2: str, say: Say
) -> None:
    await say(co2, "telemetry", '{"co2": NaN, "temperature": 22.5, "humidity": 140}')
    assert (_state(hass, CO2), _state(hass, TEMPERATURE)) == ("920", "22.5")
    assert _state(hass, "sensor.bedroom_bedroom_air_humidity") == "29"


async def test_a_pump_whose_current_is_a_little_below_nothing_at_rest_shows_none_and_starts_again(
    hass: HomeAssistant, node: Node, wait: Wait
) -> None:
    current, fill = "sensor.rack_a_fill_pump_current", "switch.rack_a_fill_pump"
    node.current = {"pump_fill": -0.4}
    await node.report()
    await _switch(hass, "on", fill)
    node.current = {"pump_fill": 812}
    await node.report()
    assert float(_state(hass, current)) == 812
    await _switch(hass, "off", fill)
    node.current = {"pump_fill": -0.4}
    await node.report()
    assert float(_state(hass, current)) == 0
    for _ in range(22):
        await wait(5)
        await node.report()
    await _switch(hass, "on", fill)
    assert node.on["pump_fill"]


@pytest.mark.parametrize(("off", "on"), [(0, 1), ("OFF", "ON"), ("false", "true"), (0.0, 1.0)])
async def test_a_pump_whose_state_is_yes_or_no_in_another_form_is_switched_and_bounded(
    hass: HomeAssistant, node: Node, wait: Wait, off: Any, on: Any
) -> None:
    fill = "switch.rack_a_fill_pump"

    def report(state: Any) -> None:
        channels = {"pump_fill": {"on": state}, "pump_drain": {"on": off}}
        node.say("telemetry", {"water_level": 50, "channels": channels})

    # Until what the fixture reported is stale, so that only this form tells the state.
    for _ in range(22):
        await wait(5)
        report(off)
        await hass.async_block_till_done()
    assert _state(hass, fill) == STATE_OFF
    await _switch(hass, "on", fill)
    assert node.orders("run_pump")
    report(on)
    await hass.async_block_till_done()
    assert _state(hass, fill) == STATE_ON


async def test_numbers_that_come_as_texts_are_shown(hass: HomeAssistant, hub: MockConfigEntry, say: Say) -> None:
    await say("slow", "telemetry", {"temperature": "24.1", "humidity": "51", "co2": "612"})
    await hub.runtime_data.async_approve(["slow"])
    await hass.async_block_till_done()
    await say("slow", "telemetry", {"temperature": "22,5", "humidity": "51", "co2": "612"})
    shown = {one: _state(hass, f"sensor.slow_{one}") for one in ("temperature", "humidity", "co2")}
    assert shown == {"temperature": "22.5", "humidity": "51", "co2": "612"}


@pytest.mark.parametrize(
    "form",
    [
        lambda at: datetime.fromtimestamp(at, timezone(timedelta(hours=1))).strftime("%Y-%m-%dT%H:%M:%S%z"),
        lambda at: at * 1000 + 534,
        str,
    ],
)
async def test_kept_values_whose_time_is_in_another_form_are_history(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, form: Callable[[int], Any]
) -> None:
    for minute in range(60):
        await say(co2, "telemetry", {"co2": 2000 + minute, "timestamp": form(NOW - 7200 + 60 * minute)})
    assert _state(hass, CO2) == "920"
    assert hub.runtime_data.devices[co2].snapshot.buffered == 60


async def test_a_clock_that_is_steadily_behind_is_reported_in_its_direction_and_the_values_are_shown(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait, issue_registry: ir.IssueRegistry
) -> None:
    for index in range(6):
        await wait(5)
        await say(co2, "telemetry", {"co2": 700 + index, "timestamp": NOW + 5 * (index + 1) - 28_800})
    assert _state(hass, CO2) == "705"
    issue = issue_registry.issues["smartair", f"clock_skew/{hub.entry_id}/co2_001/"]
    assert issue.translation_key == "clock_behind"
    assert issue.translation_placeholders == {"device": "Bedroom air", "seconds": "28800"}
    (alert,) = hub.runtime_data.alerts.active()
    assert (alert.code, alert.values) == (Code.CLOCK_SKEW, {"seconds": -28_800})


async def test_what_is_rejected_again_and_again_is_a_repair_with_name_value_and_range(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait, issue_registry: ir.IssueRegistry
) -> None:
    odd = {"humidity": 255, "temperature": "72.5 F", "timestamp": "noon", "channels": {"a": {"on": "?"}}}
    for _ in range(4):
        await wait(25)
        await say(co2, "telemetry", {"co2": 700, **odd})
    key = "smartair", f"values_rejected/{hub.entry_id}/co2_001/"
    assert issue_registry.issues[key].translation_placeholders == {
        "device": "Bedroom air",
        "values": 'a.on: "?" (true / false); humidity: 255 (-5 … 110 %); temperature: "72.5 F" (-55 … 125 °C)',
    }
    of_time = "smartair", f"time_unreadable/{hub.entry_id}/co2_001/"
    assert issue_registry.issues[of_time].translation_placeholders == {"device": "Bedroom air", "value": '"noon"'}
    shown = "sensor.bedroom_bedroom_air_rejected_values"
    assert _state(hass, shown) == (
        'a.on: "?" (true / false); humidity: 255 (-5 … 110 %); temperature: "72.5 F" (-55 … 125 °C); '
        'timestamp: "noon" (Unix s / ISO 8601 + UTC)'
    )
    good = {"humidity": 55, "temperature": 22.5, "channels": {"a": {"on": False}}}
    await say(co2, "telemetry", {"co2": 700, "timestamp": NOW + 100, **good})
    assert not {key, of_time} & issue_registry.issues.keys()
    assert _state(hass, shown) == "none"
    # It stays on the page of a device that once sent such values, and is on no other.
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    await say(co2, "telemetry", {"co2": 700, "timestamp": NOW + 100, **good})
    assert _state(hass, shown) == "none"


async def test_a_device_that_sends_nothing_odd_has_no_sensor_for_that_and_a_long_list_is_cut(
    hass: HomeAssistant, co2: str, say: Say, wait: Wait
) -> None:
    shown = "sensor.bedroom_bedroom_air_rejected_values"
    assert hass.states.get(shown) is None
    odd = dict.fromkeys(
        ("humidity", "temperature", "pm1", "pm25", "pm4", "pm10", "voc", "lux", "ph", "ec"), "nothing"
    )
    for _ in range(4):
        await wait(25)
        await say(co2, "telemetry", {"co2": 700, **odd})
    assert len(_state(hass, shown)) == 255
    assert _state(hass, shown).endswith("…")


@pytest.mark.parametrize("pace", [300, 600, 1800])
async def test_a_slow_reporter_keeps_its_pace_over_a_reload(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait, pace: int
) -> None:
    await say("slow", "telemetry", {"temperature": 20.5})
    await hub.runtime_data.async_approve(["slow"])
    for _ in range(5):
        await say("slow", "telemetry", {"temperature": 20.5})
        await wait(pace)
    await say("slow", "telemetry", {"temperature": 20.5})
    assert await hass.config_entries.async_reload(hub.entry_id)
    for _ in range(pace // 50):
        await wait(50)
        assert _state(hass, "sensor.slow_temperature") == "20.5"
    assert hub.runtime_data.alerts.active() == []


async def test_a_rare_reporter_is_available_while_it_keeps_its_pace(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    await say("slow", "telemetry", {"temperature": 20.5})
    await hub.runtime_data.async_approve(["slow"])
    for _ in range(2):
        await say("slow", "telemetry", {"temperature": 20.5})
        for _ in range(24):
            await wait(900)
    await say("slow", "telemetry", {"temperature": 20.5})
    for _ in range(23):
        await wait(900)
        assert _state(hass, "sensor.slow_temperature") == "20.5"
    assert hub.runtime_data.alerts.active() == []


async def test_offline_is_not_said_for_an_hour_of_a_device_whose_pace_is_not_known(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    await say("slow", "telemetry", {"temperature": 20.5})
    await hub.runtime_data.async_approve(["slow"])
    await say("slow", "telemetry", {"temperature": 20.5})
    for _ in range(30):
        await wait(120)
    assert hub.runtime_data.alerts.active() == []
    for _ in range(5):
        await wait(120)
    assert [alert.code for alert in hub.runtime_data.alerts.active()] == [Code.DEVICE_OFFLINE]


async def test_a_device_that_announced_its_sleep_is_shown_until_its_wake_is_overdue(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    await say("owl", "status", "online", retain=True)
    await say("owl", "telemetry", {"temperature": 20})
    await hub.runtime_data.async_approve(["owl"])
    for _ in range(3):
        await say("owl", "status", "online")
        await say("owl", "telemetry", {"temperature": 20, "sleep_s": 600})
        await say("owl", "status", "asleep")
        for _ in range(10):
            await wait(60)
            assert _state(hass, "sensor.owl_temperature") == "20"
    assert hub.runtime_data.alerts.active() == []
    for _ in range(30):
        await wait(60)
    assert _state(hass, "sensor.owl_temperature") == STATE_UNAVAILABLE
    assert [alert.code for alert in hub.runtime_data.alerts.active()] == [Code.DEVICE_OFFLINE]


async def test_a_button_that_was_pressed_long_ago_is_recorded_and_no_automation_acts_on_it(
    hass: HomeAssistant, co2: str, say: Say
) -> None:
    recorded = async_capture_events(hass, EVENT_LOGBOOK_ENTRY)
    await say(co2, "event", {"event": "button", "timestamp": NOW - 600})
    (entity_id,) = [one for one in hass.states.async_entity_ids("event") if one.endswith("_activity")]
    assert _state(hass, entity_id) == STATE_UNKNOWN
    assert [event.data["entity_id"] for event in recorded] == [entity_id]
    assert [event.data["message"] for event in recorded] == ["Button pressed (2026-09-21 07:03)"]
    await say(co2, "event", {"event": "lid_open", "timestamp": NOW - 600})
    assert recorded[-1].data["message"] == "Lid open (2026-09-21 07:03)"
    await say(co2, "event", {"event": "button", "timestamp": NOW - 60})
    assert hass.states.get(entity_id).attributes["event_type"] == "button"


@pytest.mark.parametrize("lag", [8 * 3600, -5400])
async def test_a_button_is_dated_by_our_clock_where_the_devices_is_known_to_be_wrong(
    hass: HomeAssistant, co2: str, say: Say, wait: Wait, lag: int
) -> None:
    recorded = async_capture_events(hass, EVENT_LOGBOOK_ENTRY)
    for _ in range(4):
        await wait(30)
        await say(co2, "telemetry", {"co2": 700, "timestamp": time.time() - lag})
    (entity_id,) = [one for one in hass.states.async_entity_ids("event") if one.endswith("_activity")]
    await say(co2, "event", {"event": "button", "timestamp": time.time() - lag - 600})
    assert _state(hass, entity_id) == STATE_UNKNOWN
    assert len(recorded) == 1
    await say(co2, "event", {"event": "button", "timestamp": time.time() - lag - 10})
    assert hass.states.get(entity_id).attributes["event_type"] == "button"


async def test_a_tank_that_is_a_little_emptier_than_empty_can_be_filled(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait
) -> None:
    # Without circulation, which would rightly be locked for want of water.
    channels = [one for one in INFO["channels"] if one["role"] != "recirculation"]
    node = await begin(hass, broker, hub.runtime_data, INFO | {"channels": channels})
    node.level = -0.8
    for _ in range(22):
        await wait(5)
        await node.report()
    assert float(_state(hass, "sensor.rack_a_water_level")) == 0
    await _switch(hass, "on", "switch.rack_a_fill_pump")
    assert node.on["pump_fill"]


@pytest.mark.parametrize(
    "payload",
    [b"\xff\xfe", "", "[]", "null", "{", '"co2"', "9" * 70_000, '{"device_uid": "other", "co2": 5000}', "[" * 50_000],
)
async def test_garbage_is_counted_and_harms_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, payload: bytes | str
) -> None:
    before = hass.states.async_all()
    await say(co2, "telemetry", payload)
    assert hass.states.async_all() == before
    broken = sum(count for key, count in hub.runtime_data.connection.counts.items() if key.startswith("error_"))
    assert broken == (1 if payload else 0)


async def test_a_device_that_sends_garbage_is_complained_of_once(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await say(co2, "telemetry", "garbage")
        await say("stranger", "telemetry", "garbage")
    complaints = [one.getMessage() for one in caplog.records if one.name.endswith("smartair.hub")]
    assert [("co2_001" in one, "stranger" in one) for one in complaints if "understood" in one] == [(True, False)]
    assert len(hub.runtime_data.recent_errors) == 6


async def test_a_buffered_sample_never_becomes_live(hass: HomeAssistant, co2: str, say: Say) -> None:
    samples = [{"timestamp": NOW - 60, "co2": 1500}, {"timestamp": NOW - 30, "co2": 1600}]
    await say(co2, "telemetry", {"buffered": True, "samples": samples})
    await say(co2, "telemetry", CO2_TELEMETRY | {"timestamp": NOW - 121, "co2": 1700})
    assert _state(hass, CO2) == "920"


async def test_a_device_without_a_clock_is_taken_at_its_arrival(hass: HomeAssistant, co2: str, say: Say) -> None:
    for index, timestamp in enumerate((0, None, 1_000_000_000, "yesterday")):
        await say(co2, "telemetry", {"timestamp": timestamp, "co2": 1000 + index})
        assert _state(hass, CO2) == str(1000 + index)


async def test_a_clock_that_runs_ahead_is_reported_and_the_value_shown(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, issue_registry: object
) -> None:
    issue = ("smartair", f"clock_skew/{hub.entry_id}/co2_001/")
    await say(co2, "telemetry", {"timestamp": NOW + 3600, "co2": 1111})
    assert _state(hass, CO2) == "1111"
    assert issue_registry.issues[issue].translation_placeholders == {"device": "Bedroom air", "seconds": "3600"}
    await say(co2, "telemetry", {"timestamp": NOW, "co2": 1112})
    assert issue not in issue_registry.issues


async def test_a_clock_that_was_put_right_while_the_hub_was_reloaded_is_reported_no_more(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, issue_registry: object
) -> None:
    await say(co2, "telemetry", {"timestamp": NOW + 3600, "co2": 1111, "colour": 3})
    assert len(issue_registry.issues) == 2
    assert await hass.config_entries.async_reload(hub.entry_id)
    await say(co2, "telemetry", {"timestamp": NOW, "co2": 1112})
    assert issue_registry.issues == {}
    await say(co2, "telemetry", {"timestamp": NOW + 3600, "co2": 1111, "colour": 3})
    assert len(issue_registry.issues) == 2


async def test_retained_telemetry_says_what_exists_and_not_what_is(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say
) -> None:
    await say("co2_001", "telemetry", CO2_TELEMETRY, retain=True)
    await hub.runtime_data.async_approve(["co2_001"])
    await hass.async_block_till_done()
    assert _state(hass, "sensor.co2_001_co2") == STATE_UNAVAILABLE
    await say("co2_001", "status", "online", retain=True)
    assert _state(hass, "sensor.co2_001_co2") == STATE_UNKNOWN


async def test_an_unknown_name_is_counted_and_reported_once(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, issue_registry: object
) -> None:
    for _ in range(3):
        await say(co2, "telemetry", CO2_TELEMETRY | {"temprature": 25})
    assert hub.runtime_data.devices[co2].snapshot.unknown == {"temprature": 3}
    issue = issue_registry.issues["smartair", f"unknown_metric/{hub.entry_id}/co2_001/"]
    assert issue.translation_placeholders["names"] == "temprature"
    assert not any("temprature" in one for one in hass.states.async_entity_ids())


async def test_a_metric_that_a_device_gains_becomes_an_entity_at_once(
    hass: HomeAssistant, co2: str, say: Say
) -> None:
    await say(co2, "telemetry", CO2_TELEMETRY | {"pm2_5": 12})
    assert _state(hass, "sensor.bedroom_bedroom_air_pm2_5") == "12"


async def test_a_device_is_unavailable_when_its_will_says_so_and_back_when_it_speaks(
    hass: HomeAssistant, co2: str, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    await say(co2, "status", "offline")
    await say(co2, "status", "offline")
    assert (_state(hass, CO2), _state(hass, ONLINE)) == (STATE_UNAVAILABLE, STATE_OFF)
    await say(co2, "status", "online")
    assert (_state(hass, CO2), _state(hass, ONLINE)) == ("920", STATE_ON)
    await say(co2, "status", "offline")
    await say(co2, "telemetry", CO2_TELEMETRY | {"co2": 940})
    assert (_state(hass, CO2), _state(hass, ONLINE)) == ("940", STATE_ON)
    said = [one.getMessage() for one in caplog.records if "Device co2_001 is" in one.getMessage()]
    assert said[-4:] == [f"Device co2_001 is {one}" for one in ("unavailable", "available") * 2]


async def test_silence_makes_values_stale_after_ninety_seconds_at_least(
    hass: HomeAssistant, co2: str, wait: Wait
) -> None:
    await wait(85)
    assert _state(hass, CO2) == "920"
    await wait(10)
    assert (_state(hass, CO2), _state(hass, ONLINE)) == (STATE_UNAVAILABLE, STATE_OFF)


async def test_a_slow_device_has_three_of_its_own_intervals(
    hass: HomeAssistant, co2: str, say: Say, wait: Wait
) -> None:
    await say(co2, "config/state", {"revision": 1, "config": {"report_interval": 600}})
    await wait(1700)
    assert _state(hass, CO2) == "920"
    await wait(150)
    await wait(1)
    assert _state(hass, CO2) == STATE_UNAVAILABLE


async def test_a_script_that_reports_every_five_minutes_does_not_flap(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    await say("slow", "telemetry", {"co2": 500})
    await hub.runtime_data.async_approve(["slow"])
    for _ in range(4):
        await say("slow", "telemetry", {"co2": 500})
        await wait(300)
    await say("slow", "telemetry", {"co2": 510})
    changes: list[str] = []

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        changes.append(event.data["new_state"].state)

    async_track_state_change_event(hass, "sensor.slow_co2", note)
    for value in (520, 530):
        await wait(150)
        await wait(150)
        await say("slow", "telemetry", {"co2": value})
    assert changes == ["520", "530"]


async def test_one_metric_that_falls_silent_becomes_unknown_while_the_others_go_on(
    hass: HomeAssistant, co2: str, say: Say, wait: Wait
) -> None:
    for _ in range(4):
        await wait(30)
        await say(co2, "telemetry", '{"co2": Infinity, "temperature": 21}')
    assert (_state(hass, CO2), _state(hass, TEMPERATURE)) == (STATE_UNKNOWN, "21")


async def test_a_clock_that_is_set_back_does_not_keep_an_old_value_alive(
    hass: HomeAssistant, co2: str, wait: Wait, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to(datetime.fromtimestamp(NOW - 7200, UTC))
    await wait(0)
    device = hass.config_entries.async_entries("smartair")[0].runtime_data.devices[co2]
    device._async_expire(datetime.now(UTC))  # noqa: SLF001 - the timer rings by the loop's clock, which nobody sets
    assert _state(hass, CO2) == STATE_UNAVAILABLE


async def test_everything_is_unavailable_without_the_broker_and_back_with_it(
    hass: HomeAssistant, co2: str, say: Say
) -> None:
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, False)
    await hass.async_block_till_done()
    assert (_state(hass, CO2), _state(hass, ONLINE)) == (STATE_UNAVAILABLE, STATE_OFF)
    assert _state(hass, "number.bedroom_bedroom_air_report_interval") == STATE_UNAVAILABLE
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, True)
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, True)
    await hass.async_block_till_done()
    assert (_state(hass, CO2), _state(hass, ONLINE)) == ("920", STATE_ON)


async def test_unchanged_values_write_nothing(hass: HomeAssistant, co2: str, say: Say, wait: Wait) -> None:
    before = hass.states.get(CO2).last_reported
    await wait(30)
    await say(co2, "telemetry", CO2_TELEMETRY)
    assert hass.states.get(CO2).last_reported == before


async def test_a_chatty_device_is_held_to_twenty_writes_a_second_and_its_last_value_is_not_lost(
    hass: HomeAssistant, co2: str, say: Say, wait: Wait
) -> None:
    changes: list[str] = []

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        changes.append(event.data["new_state"].state)

    async_track_state_change_event(hass, CO2, note)
    for value in range(1000, 1100):
        await say(co2, "telemetry", {"co2": value})
    assert len(changes) <= 20
    await wait(2)
    assert changes[-1] == _state(hass, CO2) == "1099"
    assert len(changes) <= 21


async def test_a_doubled_or_overtaken_message_is_not_counted_twice(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say
) -> None:
    await say(co2, "telemetry", {"boot_id": "a", "seq": 5, "co2": 1005})
    await say(co2, "telemetry", {"boot_id": "a", "seq": 4, "co2": 1004})
    await say(co2, "telemetry", {"boot_id": "a", "seq": 5, "co2": 1005})
    assert _state(hass, CO2) == "1005"
    assert hub.runtime_data.devices[co2].snapshot.duplicates == 2
    await say(co2, "telemetry", {"boot_id": "b", "seq": 0, "co2": 1010})
    assert _state(hass, CO2) == "1010"


# --- restarts -----------------------------------------------------------------------------------


async def _restart(hass: HomeAssistant, age: float | None) -> None:
    """Begin a new life of Home Assistant in which a hub knows one device from before."""
    entry = hub_entry()
    entry.add_to_hass(hass)
    store = entry.entry_id
    readings = None if age is None else {"co2": [920, NOW - age], "humidity": None}
    hass.data["test_storage"][f"smartair.{store}.readings"] = {
        "version": 1,
        "minor_version": 1,
        "key": f"smartair.{store}.readings",
        "data": {"devices": {"co2_001": readings}},
    }
    hass.data["test_storage"][f"smartair.{store}"] = {
        "version": 1,
        "minor_version": 1,
        "key": f"smartair.{store}",
        "data": {"devices": {"co2_001": {"metrics": ["co2"]}}},
    }
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


@pytest.fixture
def _storage(hass: HomeAssistant, hass_storage: dict[str, object]) -> None:
    hass.data["test_storage"] = hass_storage


@pytest.mark.usefixtures("_storage", "broker")
async def test_after_a_restart_the_last_value_is_back_with_its_age_until_the_device_speaks(
    hass: HomeAssistant, say: Say
) -> None:
    await _restart(hass, age=30)
    assert _state(hass, "sensor.co2_001_co2") == STATE_UNAVAILABLE
    await say("co2_001", "status", "online", retain=True)
    restored = hass.states.get("sensor.co2_001_co2")
    assert restored.state == "920"
    assert restored.attributes["measured_at"] == datetime.fromtimestamp(NOW - 30, UTC).isoformat()
    await say("co2_001", "telemetry", {"co2": 930})
    live = hass.states.get("sensor.co2_001_co2")
    assert live.state == "930"
    assert "measured_at" not in live.attributes


@pytest.mark.usefixtures("_storage", "broker")
@pytest.mark.parametrize("age", [100, -30, None])
async def test_a_value_that_grew_stale_over_the_restart_is_not_brought_back(
    hass: HomeAssistant, say: Say, age: float | None
) -> None:
    await _restart(hass, age=age)
    await say("co2_001", "status", "online", retain=True)
    assert _state(hass, "sensor.co2_001_co2") == STATE_UNKNOWN


async def test_what_was_measured_is_kept_for_the_next_start_until_it_is_stale(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, hass_storage: dict[str, Any], say: Say, wait: Wait
) -> None:
    def kept() -> Any:
        return hass_storage[f"smartair.{hub.entry_id}.readings"]["data"]["devices"][co2]

    await say(co2, "telemetry", {"co2": 930})
    assert await hass.config_entries.async_reload(hub.entry_id)
    assert kept()["co2"] == [930, NOW]
    await say(co2, "status", "online", retain=True)
    assert _state(hass, CO2) == "930"
    # What is brought back is kept again while it holds, and what grew stale is not.
    await wait(60)
    assert await hass.config_entries.async_reload(hub.entry_id)
    assert kept()["co2"] == [930, NOW]
    await wait(60)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()
    assert kept() == {}


async def test_readings_are_written_now_and_then_for_a_power_cut(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, hass_storage: dict[str, Any], say: Say, wait: Wait
) -> None:
    await wait(14 * 60)
    await say(co2, "telemetry", {"co2": 930})
    await wait(60)
    stored = hass_storage[f"smartair.{hub.entry_id}.readings"]["data"]["devices"]
    assert stored[co2]["co2"] == [930, NOW + 14 * 60]


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_what_changes_with_every_message_is_written_once_a_minute(
    hass: HomeAssistant, co2: str, say: Say, wait: Wait
) -> None:
    last_seen = "sensor.bedroom_bedroom_air_last_seen"
    uptime = "sensor.bedroom_bedroom_air_uptime"
    written = {_state(hass, last_seen)}
    for _ in range(10):
        await wait(15)
        await say(co2, "telemetry", CO2_TELEMETRY | {"timestamp": 0})
        written.add(_state(hass, last_seen))
    assert len(written) == 3
    await say(co2, "status", "offline")
    assert (_state(hass, last_seen), _state(hass, uptime)) == (STATE_UNAVAILABLE, STATE_UNAVAILABLE)


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_facts_that_a_device_has_not_told_are_unknown(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say
) -> None:
    await say("co2_001", "status", "online", retain=True)
    await hub.runtime_data.async_approve(["co2_001"])
    await hass.async_block_till_done()
    shown = {one: _state(hass, f"sensor.co2_001_{one}") for one in ("uptime", "last_seen", "clock_skew")}
    assert shown == {"uptime": STATE_UNKNOWN, "last_seen": STATE_UNKNOWN, "clock_skew": "0"}
    await say("co2_001", "telemetry", {"uptime": 60, "co2": 500})
    assert _state(hass, "sensor.co2_001_uptime") == datetime.fromtimestamp(NOW - 60, UTC).isoformat()


@pytest.mark.usefixtures("_storage", "broker")
async def test_a_value_from_before_the_restart_grows_stale_while_its_device_speaks_of_other_things(
    hass: HomeAssistant, say: Say, wait: Wait
) -> None:
    await _restart(hass, age=30)
    for _ in range(5):
        await say("co2_001", "telemetry", {"temperature": 21})
        await wait(20)
    assert _state(hass, "sensor.co2_001_temperature") == "21"
    assert _state(hass, "sensor.co2_001_co2") == STATE_UNKNOWN
