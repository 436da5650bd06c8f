"""Whatever is restarted or loses power: values come back, and nothing is doubled."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from lab.client import eventually
from lab.hass import DOMAIN

from .conftest import EMPTY

if TYPE_CHECKING:
    from .conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

CO2 = "co2_001"
SILENT = "temp_001"
SCRIPT = "shell-1"


async def until_all_are_live(house: House) -> None:
    for uid in house.identities:
        await house.until_live(*(f"{uid}-{metric}" for metric in house.device(uid).sensors.names))


async def test_a_house_is_furnished(house: House) -> None:
    household = house.household
    await house.add(
        household.identity("co2", "Office"),
        household.identity("temp", "Workshop"),
        household.identity("pump", "Greenhouse", code="12345678"),
        household.identity("dust", "Kitchen"),
    )
    await house.add_hub()
    for uid in house.identities:
        await house.approve(uid)
    house.script.publish(f"devices/{SCRIPT}/telemetry", {"co2": 611})
    await house.approve(SCRIPT)
    house.script.publish(f"devices/{SCRIPT}/telemetry", {"co2": 612})

    await until_all_are_live(house)
    await house.until(f"{SCRIPT}-co2", lambda value: value not in EMPTY and float(value or 0) == 612)


async def test_while_the_broker_is_away_everything_is_unavailable(house: House) -> None:
    await house.broker.stop()

    await house.until(f"{CO2}-co2", lambda value: value == "unavailable")


async def test_after_a_restart_of_the_broker_everything_is_back_once(house: House) -> None:
    before = await house.inventory()

    await house.broker.start()

    await until_all_are_live(house)
    assert await house.inventory() == before
    assert await house.client.discovered(DOMAIN) == []


async def test_after_a_power_cut_of_the_broker_everything_is_back_once(house: House) -> None:
    before = await house.inventory()

    await house.broker.kill()
    await house.until(f"{CO2}-co2", lambda value: value == "unavailable")
    await house.broker.start()

    await until_all_are_live(house)
    assert await house.inventory() == before
    assert await house.client.discovered(DOMAIN) == []


async def test_after_a_power_cut_of_home_assistant_everything_is_back_once(house: House) -> None:
    before = await house.inventory()

    await house.hass.kill()
    # What is retained says that a device exists, never what it measures now.
    house.script.publish(f"devices/{CO2}/telemetry", {"device_uid": CO2, "co2": 7777}, retain=True)
    await house.do(house.fleet.connections[SILENT].switch_off)
    await house.hass.start()

    assert await house.inventory() == before
    await house.until_live(f"{CO2}-co2", f"{CO2}-temperature", "dust_001-pm25", "pump_001-ph")
    await house.until(f"{SILENT}-temperature", lambda value: value == "unavailable")
    assert await house.inventory() == before
    assert await house.client.discovered(DOMAIN) == []


async def test_a_retained_measurement_is_never_shown(house: House) -> None:
    history = await house.client.call(
        "history/history_during_period",
        start_time="2020-01-01T00:00:00+00:00",
        entity_ids=[(await house.entity_ids())[f"{CO2}-co2"]],
        minimal_response=True,
        no_attributes=True,
    )

    values = [point["s"] for points in history.values() for point in points]
    assert [value for value in values if value not in EMPTY]
    assert "7777" not in {value.split(".")[0] for value in values}
    house.script.publish(f"devices/{CO2}/telemetry", "", retain=True)


async def test_the_last_value_is_restored_and_marked_by_its_age(house: House) -> None:
    interval = {"entity_id": (await house.entity_ids())["dust_001-setting_report_interval"]}
    await house.client.action("number", "set_value", interval, value=600)
    await house.until("dust_001-settings_pending", lambda value: value == "off")
    await house.reports("dust_001", 1)
    measured = house.device("dust_001").last_values["pm25"]
    await house.until("dust_001-pm25", lambda value: value not in EMPTY and float(value or 0) == measured)
    house.script.publish(f"devices/{SCRIPT}/telemetry", {"co2": 613})

    await house.hass.restart()

    await house.until("dust_001-pm25", lambda value: value not in EMPTY and float(value or 0) == measured)
    state = await house.state("dust_001-pm25")
    assert state is not None
    assert "measured_at" in state["attributes"]
    # A plain script has no will, and its pace may be slow: what it said last stays, with its age, while it is fresh.
    said = await house.state(f"{SCRIPT}-co2")
    assert said is not None
    assert said["state"] == "613"
    assert "measured_at" in said["attributes"]

    async def spoken() -> bool:
        # What it says before Home Assistant listens again is lost, as it sends at QoS 0.
        house.script.publish(f"devices/{SCRIPT}/telemetry", {"co2": 614})
        await asyncio.sleep(0.5)
        return await house.value(f"{SCRIPT}-co2") == "614"

    await eventually(spoken, within=20, what="the script's next value")
    await house.client.action("number", "set_value", interval, value=1)
    await house.reports("dust_001", 2)


async def test_a_device_that_was_off_is_back_when_it_is_switched_on(house: House) -> None:
    await house.do(house.fleet.connections[SILENT].switch_on)

    await house.until_live(f"{SILENT}-temperature")


async def test_settings_survive_a_power_cut_of_home_assistant(house: House) -> None:
    assert float(await house.value(f"{CO2}-setting_report_interval") or 0) == 1
    target = {"entity_id": (await house.entity_ids())[f"{CO2}-setting_co2_threshold"]}
    await house.client.action("number", "set_value", target, value=1500)
    await house.until(f"{CO2}-settings_pending", lambda value: value == "off")

    await house.hass.kill()
    await house.hass.start()

    await house.until(f"{CO2}-setting_co2_threshold", lambda value: value not in EMPTY)
    assert float(await house.value(f"{CO2}-setting_co2_threshold") or 0) == 1500
    assert house.device(CO2).settings.values["co2_threshold"] == 1500


async def test_after_a_reload_everything_is_back_once(house: House) -> None:
    before = await house.inventory()
    (entry,) = await house.client.entries(DOMAIN)

    await house.client.reload_entry(entry["entry_id"])

    await until_all_are_live(house)
    assert await house.inventory() == before


async def test_when_the_hub_is_removed_nothing_is_left_and_it_is_found_again(house: House) -> None:
    (entry,) = await house.client.entries(DOMAIN)

    await house.client.remove_entry(entry["entry_id"])

    assert await house.inventory() == ([], [])
    assert await house.client.issues(DOMAIN) == {}
    for uid, connection in house.fleet.connections.items():
        await house.do(connection.switch_off)
        await house.do(connection.switch_on)
        await house.reports(uid, 1)
    await eventually(lambda: house.client.discovered(DOMAIN), what="the hub's card")


async def test_the_log_holds_no_error(house: House) -> None:
    # What Home Assistant's own MQTT says, and does not catch, when the broker is gone.
    own = ["[paho.mqtt.client]", "homeassistant/components/mqtt/client.py"]
    assert house.hass.errors(allowed=own) == []
