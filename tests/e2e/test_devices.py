"""Approved devices in daily use: settings, commands, events, and the truth about what is measured."""

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from lab.client import HassError, eventually
from lab.hass import DOMAIN

from .conftest import EMPTY

if TYPE_CHECKING:
    from .conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

CO2 = "co2_001"
PUMP = "pump_001"
MULTI = "multi_001"


async def registry_id(house: House, uid: str) -> str:
    return str((await house.client.devices(DOMAIN))[uid]["id"])


async def set_number(house: House, unique_id: str, value: float) -> None:
    target = {"entity_id": (await house.entity_ids())[unique_id]}
    await house.client.action("number", "set_value", target, value=value)


async def until_settled(house: House, uid: str) -> None:
    await house.until(f"{uid}-settings_pending", lambda value: value == "off")


async def test_a_house_is_furnished(house: House) -> None:
    household = house.household
    await house.add(
        household.identity("co2", "Office"),
        household.identity("pump", "Greenhouse"),
        household.identity("multi", "Kitchen"),
    )
    await house.add_hub()
    for uid in house.identities:
        await house.approve(uid)

    await house.until_live(f"{CO2}-co2", f"{PUMP}-ph", f"{MULTI}-pm25")


async def test_every_metric_of_every_device_is_shown(house: House) -> None:
    for uid in house.identities:
        await house.until_live(*(f"{uid}-{metric}" for metric in house.device(uid).sensors.names))


async def test_a_changed_setting_reaches_the_device_and_is_confirmed(house: House) -> None:
    await set_number(house, f"{CO2}-setting_report_interval", 2)

    await until_settled(house, CO2)
    assert house.device(CO2).settings.report_interval == 2
    state = await house.state(f"{CO2}-setting_report_interval")
    assert state is not None
    assert (float(state["state"]), state["attributes"]["pending"]) == (2, False)


async def test_a_setting_is_kept_by_the_broker(house: House) -> None:
    kept = json.loads(house.script.retained(f"devices/{CO2}/config")[f"devices/{CO2}/config"])

    assert kept["report_interval"] == 2
    assert kept["revision"] == house.device(CO2).settings.revision


async def test_a_setting_is_pending_until_an_absent_device_returns(house: House) -> None:
    connection = house.fleet.connections[CO2]
    await house.do(connection.switch_off)
    await house.until(f"{CO2}-online", lambda value: value == "off")
    await set_number(house, f"{CO2}-setting_report_interval", 1)
    await house.until(f"{CO2}-settings_pending", lambda value: value == "on")
    assert house.device(CO2).settings.report_interval == 2

    await house.do(connection.switch_on)

    await until_settled(house, CO2)
    assert house.device(CO2).settings.report_interval == 1


async def test_a_setting_that_the_device_refuses_goes_back_and_says_why(house: House) -> None:
    device = house.device(CO2)
    # A firmware that is stricter than it said.
    offer = device.settings.offer
    offer["co2_threshold"] = {"min": 400, "max": 1200}
    await set_number(house, f"{CO2}-setting_co2_threshold", 3000)

    async def complaint() -> list[dict[str, Any]]:
        issues = (await house.client.issues(DOMAIN)).values()
        return [issue for issue in issues if issue["translation_key"] == "config_rejected"]

    (issue,) = await eventually(complaint, what="a repair that says why")
    assert issue["translation_placeholders"]["reason"] == "above 1200"
    await house.until(f"{CO2}-setting_co2_threshold", lambda value: float(value or 0) == 1000)
    await until_settled(house, CO2)
    assert device.settings.values["co2_threshold"] == 1000

    await set_number(house, f"{CO2}-setting_co2_threshold", 1100)
    await house.until(f"{CO2}-setting_co2_threshold", lambda value: float(value or 0) == 1100)
    await until_settled(house, CO2)
    assert await complaint() == []


async def test_night_mode_is_switched_and_timed(house: House) -> None:
    ids = await house.entity_ids()
    start = {"entity_id": ids[f"{CO2}-night_start"]}
    await house.client.action("time", "set_value", start, time="21:30:00")
    await house.client.action("switch", "turn_on", {"entity_id": ids[f"{CO2}-night_mode"]})
    await until_settled(house, CO2)

    night = house.device(CO2).settings.values["night_mode"]
    assert night["start"] == "21:30"
    assert night["end"] in {7, "07:00"}

    await house.client.action("switch", "turn_off", {"entity_id": ids[f"{CO2}-night_mode"]})
    await until_settled(house, CO2)
    assert house.device(CO2).settings.values["night_mode"] is None


async def test_a_setting_that_is_a_choice_is_a_select(house: House) -> None:
    target = {"entity_id": (await house.entity_ids())[f"{MULTI}-setting_display"]}
    await house.client.action("select", "select_option", target, option="bright")

    await until_settled(house, MULTI)

    assert house.device(MULTI).settings.values["display"] == "bright"
    assert await house.value(f"{MULTI}-setting_display") == "bright"


async def test_a_command_is_answered(house: House) -> None:
    before = house.device(CO2).identified

    response = await house.client.action_response(
        DOMAIN, "send_command", device_id=await registry_id(house, CO2), command="identify"
    )

    assert response["status"] == "DONE"
    assert house.device(CO2).identified == before + 1


async def test_a_calibration_changes_what_the_device_measures(house: House) -> None:
    response = await house.client.action_response(
        DOMAIN, "calibrate", device_id=await registry_id(house, MULTI), metric="pressure", reference=990
    )

    assert response["details"]["reference"] == 990
    await house.until(f"{MULTI}-pressure", lambda value: value not in EMPTY and abs(float(value or 0) - 990) < 1)


async def test_a_refused_command_fails_with_the_devices_reason(house: House) -> None:
    with pytest.raises(HassError) as refusal:
        await house.client.action(
            DOMAIN,
            "send_command",
            device_id=await registry_id(house, CO2),
            command="calibrate",
            params={"metric": "ph", "reference": 7},
        )

    assert refusal.value.translation_key == "command_failed"
    assert refusal.value.placeholders["error"] == "unknown_metric"


async def test_a_button_works(house: House) -> None:
    before = house.device(CO2).identified
    target = {"entity_id": (await house.entity_ids())[f"{CO2}-identify"]}

    await house.client.action("button", "press", target)

    assert house.device(CO2).identified == before + 1


async def test_buttons_are_available_while_their_device_is(house: House) -> None:
    for key in ("identify", "restart", "live"):
        await house.until(f"{CO2}-{key}", lambda value: value != "unavailable", within=5)


async def test_what_happens_on_a_device_is_an_event(house: House) -> None:
    await house.do(lambda: house.device(CO2).happened("button", presses=2))

    async def pressed() -> bool:
        state = await house.state(f"{CO2}-activity")
        return state is not None and state["attributes"].get("event_type") == "button"

    await eventually(pressed, what="the button's event")


async def test_a_restarted_device_comes_back(house: House) -> None:
    device = house.device(CO2)
    await house.reports(CO2, 3)
    before = device.seq
    await house.client.action(DOMAIN, "send_command", device_id=await registry_id(house, CO2), command="restart")

    await house.until(f"{CO2}-online", lambda value: value == "off")
    await house.until(f"{CO2}-online", lambda value: value == "on")

    await house.until_live(f"{CO2}-co2")
    assert device.seq < before


async def test_a_device_that_loses_power_is_unavailable_by_its_last_will(house: House) -> None:
    connection = house.fleet.connections[CO2]
    await house.do(connection.switch_off)
    began = time.monotonic()

    await house.until(f"{CO2}-co2", lambda value: value == "unavailable", within=5)
    assert time.monotonic() - began < 5
    assert await house.value(f"{PUMP}-ph") not in EMPTY

    await house.do(connection.switch_on)
    await house.until_live(f"{CO2}-co2")


async def test_a_command_to_an_absent_device_fails_at_once_and_says_so(house: House) -> None:
    connection = house.fleet.connections[CO2]
    await house.do(connection.switch_off)
    await house.until(f"{CO2}-online", lambda value: value == "off")

    with pytest.raises(HassError) as refusal:
        await house.client.action(DOMAIN, "send_command", device_id=await registry_id(house, CO2), command="identify")

    assert refusal.value.translation_key == "device_unavailable"
    await house.do(connection.switch_on)
    await house.until_live(f"{CO2}-co2")


async def test_what_was_measured_while_offline_never_becomes_a_live_value(house: House) -> None:
    device, connection = house.device(CO2), house.fleet.connections[CO2]
    async with house.client.events("state_changed") as changes:
        await house.do(connection.lose_network)
        device.offsets["co2"] = 20_000
        await house.reports(CO2, 3)
        device.offsets["co2"] = 0
        await house.do(connection.regain_network)
        await house.until_live(f"{CO2}-co2")
        await house.reports(CO2, 2)
        await house.until_live(f"{CO2}-co2")
        entity_id = (await house.entity_ids())[f"{CO2}-co2"]
        shown = [
            event["data"]["new_state"]["state"]
            for event in (changes.queue.get_nowait() for _ in range(changes.queue.qsize()))
            if event["data"]["entity_id"] == entity_id
        ]

    assert "unavailable" in shown
    numbers = [float(value) for value in shown if value not in EMPTY]
    assert numbers
    assert max(numbers) < 10_000


async def test_a_value_that_cannot_be_rejects_itself_and_not_its_neighbours(house: House) -> None:
    # Its own reports must not cover what is sent in its name.
    await house.do(house.fleet.connections[CO2].switch_off)
    await house.until(f"{CO2}-online", lambda value: value == "off")
    house.script.publish(f"devices/{CO2}/status", "online", retain=True)
    await house.until(f"{CO2}-online", lambda value: value == "on")

    for wrong in (0, 99_999, True, "600", None, -5):
        house.script.publish(f"devices/{CO2}/telemetry", {"co2": wrong, "temperature": 44.5})
    await house.until(f"{CO2}-temperature", lambda value: value == "44.5")

    value = await house.value(f"{CO2}-co2")
    assert value in EMPTY or 400 < float(value or 0) < 10_000
    await house.do(house.fleet.connections[CO2].switch_on)
    await house.until_live(f"{CO2}-co2")


async def test_diagnostics_can_be_downloaded_without_secrets(house: House) -> None:
    (entry,) = await house.client.entries(DOMAIN)

    content = await house.client.request("GET", f"/api/diagnostics/config_entry/{entry['entry_id']}")

    text = json.dumps(content)
    assert '"device_type": "multi"' in text
    pairing = house.device(PUMP).descriptor()["pairing"]
    secrets = (pairing["salt"], pairing["sha256"], "34:85:18", "192.168.", "Office")
    assert [secret for secret in secrets if secret in text] == []


async def test_the_log_holds_no_error(house: House) -> None:
    # Home Assistant logs what it tells the person who asked for too much.
    assert house.hass.errors(allowed=["Error during service call to smartair.send_command"]) == []
