"""People are told of alerts by automations: where, what, how much and what to do, and what they answer is done."""

from datetime import timedelta
from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import Context, EventOrigin, HomeAssistant, ServiceCall
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.unit_system import US_CUSTOMARY_SYSTEM
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser, async_mock_service

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.notices.receivers import receivers
from custom_components.smartair.pysmartair import Code, Severity
from custom_components.smartair.pysmartair.alerts.notices import Receiver
from custom_components.smartair.pysmartair.guard.model import Tripped
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused

from .conftest import CO2_TELEMETRY, Say, Wait
from .pump_node import Node
from .test_translations import EN, RU

BUTTON = "mobile_app_notification_action"
DRAIN = "pump_drain"


@pytest.fixture
def calls(hass: HomeAssistant) -> list[ServiceCall]:
    mocked: list[ServiceCall] = async_mock_service(hass, "test", "send")
    return mocked


@pytest.fixture
def owner(hass: HomeAssistant) -> User:
    user: User = MockUser(is_owner=True).add_to_hass(hass)
    return user


async def automate(hass: HomeAssistant, name: str = "ann", **options: Any) -> None:
    """Have an automation that sends what it is told."""
    config = {
        "id": name,
        "alias": name,
        "mode": "queued",
        "max": 50,
        "triggers": [{"trigger": "smartair.notification_due", "options": options}],
        "actions": [{"action": "test.send", "data": {"to": name, "notice": "{{ trigger.notice }}"}}],
    }
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    await hass.async_block_till_done()
    state = hass.states.get(f"automation.{name}")
    assert state is not None
    assert state.state == "on"


def told(calls: list[ServiceCall]) -> list[dict[str, Any]]:
    """Return what was sent since the last look, and forget it."""
    notices = [call.data["notice"] for call in calls]
    calls.clear()
    return notices


async def press(hass: HomeAssistant, notice: dict[str, Any], title: str, user: User | None) -> None:
    """Press a button of a message on the phone of a user."""
    [action] = [one["action"] for one in notice["buttons"] if one["title"] == title]
    context = Context(user_id=user.id if user else None)
    hass.bus.async_fire(BUTTON, {"action": action}, EventOrigin.remote, context)
    await hass.async_block_till_done()


async def speak(hass: HomeAssistant, language: str) -> None:
    """Let the house speak a language."""
    await hass.config.async_update(language=language)
    # Home Assistant does so whenever the language changes; its test harness does not.
    await async_get_translations(hass, language, "selector", [DOMAIN])


async def foul(say: Say, wait: Wait, uid: str = "co2_001", ppm: int = 1394) -> None:
    """Have bad air for long enough."""
    for _ in range(3):
        await say(uid, "telemetry", CO2_TELEMETRY | {"device_uid": uid, "co2": ppm})
        await wait(60)
    await wait(1)


async def test_a_message_says_where_what_how_much_and_what_to_do(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait, calls: list[ServiceCall]
) -> None:
    await automate(hass)
    await foul(say, wait)
    [notice] = told(calls)
    alert_id = notice["alert_id"]
    assert notice["title"].endswith("Bedroom air: CO₂ high")
    assert notice["message"] == "1,394 ppm, the limit is 1,000 ppm. Open a window."
    assert (notice["action"], notice["severity"], notice["critical"], notice["silent"]) == (
        "told",
        "warning",
        False,
        False,
    )
    assert notice["tag"] == f"smartair-{alert_id}"
    assert notice["url"] == f"/config/devices/device/{hub.runtime_data.devices[co2].device_id}"
    assert notice["ventilate"] is True
    assert [one["title"] for one in notice["buttons"]] == ["Acknowledge", "Snooze for 1 h", "Open"]
    assert (notice["alert"]["code"], notice["alert"]["uid"]) == ("co2_high", co2)
    await foul(say, wait, ppm=500)
    assert [(one["action"], one["tag"]) for one in told(calls)] == [("resolved", f"smartair-{alert_id}")]


@pytest.mark.parametrize(
    ("outdoors", "advice"),
    [
        ("420", "It is better outside: open the window."),
        ("1500", "It is not better outside: keep the window closed."),
        # Without a number outdoors, CO₂ is lower there than in any room that is too full of it.
        ("unknown", "It is better outside: open the window."),
    ],
)
async def test_a_message_says_by_the_sensors_outdoors_whether_a_window_helps(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    co2: str,
    say: Say,
    wait: Wait,
    calls: list[ServiceCall],
    outdoors: str,
    advice: str,
) -> None:
    hass.states.async_set("sensor.garden", outdoors, {"device_class": "carbon_dioxide"})
    hass.config_entries.async_update_entry(hub, options={"outdoor": ["sensor.garden"]})
    await automate(hass)
    await foul(say, wait)
    [notice] = told(calls)
    assert notice["message"] == f"1,394 ppm, the limit is 1,000 ppm. {advice}"


async def test_of_what_no_sensor_outdoors_measures_the_usual_advice_is_given(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait, calls: list[ServiceCall]
) -> None:
    hass.states.async_set("sensor.garden", "420", {"device_class": "carbon_dioxide"})
    hass.config_entries.async_update_entry(hub, options={"outdoor": ["sensor.garden"]})
    await automate(hass)
    hub.runtime_data.alerts.async_raise(Code.HUMIDITY_HIGH, uid=co2, values={"value": 75, "limit": 70, "known": True})
    await wait(1)
    [notice] = told(calls)
    assert "outside" not in notice["message"]


async def test_the_message_is_in_the_language_of_the_house(
    hass: HomeAssistant, co2: str, say: Say, wait: Wait, calls: list[ServiceCall]
) -> None:
    await speak(hass, "ru")
    await automate(hass)
    await foul(say, wait)
    [notice] = told(calls)
    assert notice["title"].endswith("Bedroom air: Высокий CO₂")
    assert notice["message"] == "1\N{NO-BREAK SPACE}394 ppm, порог 1\N{NO-BREAK SPACE}000 ppm. Откройте окно."
    assert [one["title"] for one in notice["buttons"]] == ["Принято", "Отложить на 1 ч", "Открыть"]


async def test_a_reminder_has_the_value_as_it_is_now_and_since_when(
    hass: HomeAssistant, co2: str, say: Say, wait: Wait, calls: list[ServiceCall]
) -> None:
    await automate(hass, quiet_start="22:00:00", quiet_end="22:00:00")
    await foul(say, wait)
    told(calls)
    await say(co2, "telemetry", CO2_TELEMETRY | {"co2": 2100})
    await wait(1)
    assert told(calls) == []
    for _ in range(60):
        await say(co2, "telemetry", CO2_TELEMETRY | {"co2": 2100})
        await wait(60)
    [notice] = told(calls)
    assert notice["action"] == "reminded"
    assert notice["message"].startswith("2,100 ppm, the limit is 1,000 ppm. Open a window. Since ")


@pytest.mark.parametrize("system", [None, US_CUSTOMARY_SYSTEM])
async def test_a_temperature_is_in_the_unit_of_the_house(
    hass: HomeAssistant, house: SmartAirHub, co2: str, wait: Wait, calls: list[ServiceCall], system: Any
) -> None:
    hass.config.units = system or hass.config.units
    await automate(hass)
    values = {"value": 30, "limit": 25, "known": True}
    await hass.services.async_call(DOMAIN, "get_alerts", {}, blocking=True, return_response=True)
    house.devices[co2].snapshot.values.pop("temperature")
    house.alerts.async_raise(Code.TEMPERATURE_HIGH, uid=co2, values=values)
    await wait(1)
    [notice] = told(calls)
    written = "86.0 °F, the limit is 77.0 °F." if system else "30.0 °C, the limit is 25.0 °C."
    assert notice["message"].startswith(written)


async def test_nothing_is_told_again_after_a_restart(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait, calls: list[ServiceCall]
) -> None:
    await automate(hass)
    await foul(say, wait)
    assert len(told(calls)) == 1
    await hass.services.async_call("automation", "turn_off", {"entity_id": "automation.ann"}, blocking=True)
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.services.async_call("automation", "turn_on", {"entity_id": "automation.ann"}, blocking=True)
    await wait(5)
    assert told(calls) == []
    hub.runtime_data.alerts.async_resolve(Code.CO2_HIGH, uid=co2)
    await wait(1)
    assert [one["action"] for one in told(calls)] == ["resolved"]


async def test_who_joins_late_is_told_what_is_active(
    hass: HomeAssistant, house: SmartAirHub, co2: str, wait: Wait, calls: list[ServiceCall]
) -> None:
    house.alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await wait(10)
    await automate(hass)
    await wait(1)
    assert [one["title"].partition(": ")[2] for one in told(calls)] == ["CO₂ high"]


async def test_each_automation_is_told_by_its_own_wishes(
    hass: HomeAssistant, house: SmartAirHub, co2: str, wait: Wait, calls: list[ServiceCall]
) -> None:
    def automation(name: str, **options: Any) -> dict[str, Any]:
        return {
            "id": name,
            "alias": name,
            "triggers": [{"trigger": "smartair.notification_due", "options": options}],
            "actions": [{"action": "test.send", "data": {"to": name}}],
        }

    automations = [
        automation("warned"),
        automation("same"),
        automation("sure", severity="critical"),
        automation("day", quiet_start=0, quiet_end=1439),
    ]
    assert await async_setup_component(hass, "automation", {"automation": automations})
    await hass.async_block_till_done()
    house.alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await wait(1)
    assert sorted(call.data["to"] for call in calls) == ["same", "warned"]
    calls.clear()
    house.alerts.async_raise(Code.CO2_HIGH, uid=co2, severity=Severity.CRITICAL)
    await wait(1)
    assert sorted(call.data["to"] for call in calls) == ["day", "same", "sure", "warned"]


async def test_quiet_hours_may_be_seconds_of_the_day_as_yaml_reads_them(
    hass: HomeAssistant, house: SmartAirHub, co2: str, wait: Wait, calls: list[ServiceCall]
) -> None:
    await automate(hass, quiet_start=1440, quiet_end=86399)
    house.alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await wait(1)
    assert told(calls) == []


async def test_at_night_of_a_device_only_what_is_critical_is_pushed(
    hass: HomeAssistant,
    house: SmartAirHub,
    co2: str,
    say: Say,
    wait: Wait,
    calls: list[ServiceCall],
) -> None:
    await automate(hass, quiet_start="00:00", quiet_end="00:00")
    end = (dt_util.now() + timedelta(minutes=3)).strftime("%H:%M")
    night = {"revision": 0, "applied": True, "config": {"night_mode": {"start": "00:00", "end": end}}}
    await say(co2, "config/state", night, retain=True)
    assert house.devices[co2].setting("night_mode")
    house.alerts.async_raise(Code.CO2_HIGH, uid=co2)
    house.alerts.async_raise(Code.MQTT_DOWN)
    house.alerts.async_raise(Code.HUMIDITY_HIGH, uid=co2, severity=Severity.CRITICAL)
    await wait(1)
    assert [one["alert"]["code"] for one in told(calls)] == ["infra_mqtt_down", "humidity_high"]
    for _ in range(4):
        await wait(60)
    assert [one["alert"]["code"] for one in told(calls)] == ["co2_high"]


async def test_forty_devices_that_fall_silent_are_one_message(
    hass: HomeAssistant, house: SmartAirHub, wait: Wait, calls: list[ServiceCall]
) -> None:
    await automate(hass)
    for number in range(12):
        house.alerts.async_raise(Code.DEVICE_OFFLINE, uid=f"d{number}")
    await wait(1)
    [notice] = told(calls)
    assert (notice["title"], notice["alert"], notice["severity"]) == ("12 more alerts", None, "warning")
    lines = notice["message"].splitlines()
    assert lines[0] == "d0: Device offline"
    assert (len(lines), lines[-1]) == (9, "and 4 more")
    assert [one["title"] for one in notice["buttons"]] == ["Open"]
    for number in range(12):
        house.alerts.async_resolve(Code.DEVICE_OFFLINE, uid=f"d{number}")
    await wait(61)
    assert [(one["action"], one["tag"]) for one in told(calls)] == [("resolved", notice["tag"])]


# --- buttons ------------------------------------------------------------------------------------


async def test_acknowledge_on_the_phone_is_seen_in_the_hub_and_takes_the_message_back(
    hass: HomeAssistant, house: SmartAirHub, co2: str, wait: Wait, calls: list[ServiceCall], owner: User
) -> None:
    await automate(hass)
    house.alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await wait(1)
    [notice] = told(calls)
    await press(hass, notice, "Acknowledge", owner)
    [alert] = house.alerts.active()
    assert alert.acknowledged_at is not None
    await wait(1)
    assert [(one["action"], one["tag"]) for one in told(calls)] == [("cleared", notice["tag"])]


async def test_snooze_is_for_an_hour(
    hass: HomeAssistant, house: SmartAirHub, co2: str, wait: Wait, calls: list[ServiceCall], owner: User
) -> None:
    await automate(hass, quiet_start="00:00", quiet_end="00:00")
    house.alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await wait(1)
    [notice] = told(calls)
    await press(hass, notice, "Snooze for 1 h", owner)
    await wait(1)
    assert [one["action"] for one in told(calls)] == ["cleared"]
    await wait(3500)
    assert told(calls) == []
    await wait(100)
    assert [one["action"] for one in told(calls)] == ["reminded"]


@pytest.mark.parametrize("whose", ["nobody", "guest", "gone"])
@pytest.mark.parametrize("title", ["Acknowledge", "Snooze for 1 h"])
async def test_who_may_not_control_it_answers_nothing(
    hass: HomeAssistant,
    house: SmartAirHub,
    co2: str,
    wait: Wait,
    calls: list[ServiceCall],
    hass_read_only_user: User,
    whose: str,
    title: str,
) -> None:
    await automate(hass)
    house.alerts.async_raise(Code.CO2_HIGH, uid=co2)
    await wait(1)
    [notice] = told(calls)
    users = {"nobody": None, "guest": hass_read_only_user, "gone": MockUser(id="0" * 32)}
    await press(hass, notice, title, users[whose])
    await wait(1)
    [alert] = house.alerts.active()
    assert (alert.acknowledged_at, house.alerts.notices.snoozed, told(calls)) == (None, {}, [])


@pytest.mark.parametrize("action", ["ACKNOWLEDGE_x", "RESET_", "DELETE_", "OTHER", ""])
async def test_a_button_of_something_else_does_nothing(
    hass: HomeAssistant, house: SmartAirHub, co2: str, owner: User, action: str
) -> None:
    house.alerts.async_raise(Code.CO2_HIGH, uid=co2)
    [alert] = house.alerts.active()
    for one in (f"SMARTAIR_ALERT_{action}", f"SMARTAIR_ALERT_RESET_{alert.id}", f"SMARTAIR_ALERT_OPEN_{alert.id}"):
        hass.bus.async_fire(BUTTON, {"action": one}, EventOrigin.remote, Context(user_id=owner.id))
    await hass.async_block_till_done()
    assert house.alerts.active() == [alert]


async def test_a_locked_pump_is_told_with_its_reason_and_reset_from_the_phone(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait, calls: list[ServiceCall], owner: User
) -> None:
    await automate(hass)
    pump = house.pumps["rack_a", DRAIN]
    node.level = 7.5
    await node.report()
    pump.async_take(Tripped(Refused(Reason.DRY_RUN, Cause.MEASURED, 7.5, 10), locked=True))
    await wait(1)
    [notice] = [one for one in told(calls) if one["alert"]["code"] == "biz_dry_run"]
    assert notice["critical"] is True
    assert "water level 7.5 %, at least 10 % is needed. Fill up the reservoir" in notice["message"]
    assert notice["url"] == f"/config/devices/device/{pump.device_id}"
    assert [one["title"] for one in notice["buttons"]] == ["Reset lock", "Acknowledge", "Snooze for 1 h", "Open"]

    await press(hass, notice, "Reset lock", owner)
    [answer] = told(calls)
    assert (answer["action"], answer["tag"], answer["silent"]) == ("refused", notice["tag"], False)
    assert answer["message"].endswith("must not run dry: water level 7.5 %, at least 10 % is needed")

    node.level = 50.0
    await node.report()
    await press(hass, notice, "Reset lock", owner)
    await wait(2)
    assert ("resolved", notice["tag"]) in [(one["action"], one["tag"]) for one in told(calls)]
    assert pump.lock is None


async def test_the_answer_to_a_reset_is_in_the_language_of_the_house(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait, calls: list[ServiceCall], owner: User
) -> None:
    await speak(hass, "ru")
    await automate(hass)
    node.level = 7.5
    await node.report()
    pump = house.pumps["rack_a", DRAIN]
    pump.async_take(Tripped(Refused(Reason.DRY_RUN, Cause.MEASURED, 7.5, 10), locked=True))
    await wait(1)
    [notice] = [one for one in told(calls) if one["alert"]["code"] == "biz_dry_run"]
    await press(hass, notice, "Снять блокировку", owner)
    [answer] = told(calls)
    assert "уровень 7.5 %, нужно не меньше 10 %" in answer["message"]


async def test_a_phone_whose_user_may_not_control_the_pump_resets_nothing(
    hass: HomeAssistant,
    house: SmartAirHub,
    node: Node,
    wait: Wait,
    calls: list[ServiceCall],
    hass_read_only_user: User,
) -> None:
    await automate(hass)
    pump = house.pumps["rack_a", DRAIN]
    pump.async_take(Tripped(Refused(Reason.DRY_RUN, Cause.MEASURED, 7.5, 10), locked=True))
    await wait(1)
    [notice] = [one for one in told(calls) if one["alert"]["code"] == "biz_dry_run"]
    await press(hass, notice, "Reset lock", hass_read_only_user)
    assert pump.lock is not None
    assert told(calls) == []


# --- the button in Home Assistant ---------------------------------------------------------------


async def test_alerts_are_acknowledged_with_a_button_of_the_hub_and_of_the_device(
    hass: HomeAssistant, house: SmartAirHub, co2: str
) -> None:
    everything, device = "button.smartair_acknowledge_alerts", "button.bedroom_bedroom_air_acknowledge_alerts"

    def state(entity_id: str) -> str | None:
        found = hass.states.get(entity_id)
        return found.state if found else None

    assert (state(everything), state(device)) == ("unavailable", None)
    house.alerts.async_raise(Code.CO2_HIGH, uid=co2)
    house.alerts.async_raise(Code.MQTT_DOWN)
    await hass.async_block_till_done()
    assert (state(everything), state(device)) == ("unknown", "unknown")
    await hass.services.async_call("button", "press", {"entity_id": device}, blocking=True)
    assert state(device) == "unavailable"
    assert state(everything) != "unavailable"
    await hass.services.async_call("button", "press", {"entity_id": everything}, blocking=True)
    assert state(everything) == "unavailable"
    assert all(alert.acknowledged_at is not None for alert in house.alerts.active())


# --- texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("texts", [EN, RU], ids=["en", "ru"])
def test_every_alert_has_something_to_do(texts: dict[str, Any]) -> None:
    advice = texts["selector"]["alert_advice"]["options"]
    assert set(advice) == {code.value for code in Code}
    assert all(text[-1] in ".?" for text in advice.values())


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_no_message_shows_a_code(
    hass: HomeAssistant, house: SmartAirHub, co2: str, wait: Wait, calls: list[ServiceCall], language: str
) -> None:
    await speak(hass, language)
    await automate(hass, severity="info", quiet_start="00:00", quiet_end="00:00")
    strange = {"value": 1.5, "limit": 2, "silent_for": 600, "reason": "x_y"}
    for values in ({}, {"value": None, "limit": None}, strange):
        for code in Code:
            house.alerts.async_raise(code, uid=co2, cause="strange_word", values=values, severity=Severity.WARNING)
            await wait(61)
            house.alerts.async_resolve(code, uid=co2)
            await wait(2)
    texts = [f"{one['title']} {one['message']}" for one in told(calls)]
    assert len(texts) >= 6 * len(Code) - 6
    assert not [text for text in texts if "_" in text or "None" in text or "{" in text]


def test_who_leaves_leaves_those_with_the_same_wishes(hass: HomeAssistant) -> None:
    everybody, heard = receivers(hass), list[str]()
    leave = everybody.async_join(Receiver(), lambda _: heard.append("ann"))
    everybody.async_join(Receiver(), lambda _: heard.append("bob"))
    leave()
    everybody.async_tell(Receiver(), {})
    assert (heard, everybody.all) == (["bob"], (Receiver(),))


async def test_a_refusal_is_told_to_those_who_know_of_the_lock(
    hass: HomeAssistant, house: SmartAirHub, node: Node, wait: Wait, calls: list[ServiceCall], owner: User
) -> None:
    await automate(hass)
    node.level = 7.5
    await node.report()
    pump = house.pumps["rack_a", DRAIN]
    pump.async_take(Tripped(Refused(Reason.DRY_RUN, Cause.MEASURED, 7.5, 10), locked=True))
    await wait(1)
    [notice] = [one for one in told(calls) if one["alert"]["code"] == "biz_dry_run"]
    late: list[Any] = []
    receivers(hass).async_join(Receiver(Severity.CRITICAL), late.append)
    await press(hass, notice, "Reset lock", owner)
    assert [one["action"] for one in told(calls)] == ["refused"]
    assert late == []
