"""From the first message of an unknown device to its values, and back."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from lab.client import eventually
from lab.hass import DOMAIN

from .conftest import EMPTY

if TYPE_CHECKING:
    from .conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

CODED = "pump_001"
OPEN = "co2_001"


async def test_home_assistant_offers_one_card_for_all_devices_together(house: House) -> None:
    household = house.household
    await house.add(
        household.identity("co2", "Office"),
        household.identity("pump", "Greenhouse", code="20262711"),
        household.identity("dust", "Kitchen"),
    )

    await eventually(lambda: house.client.discovered(DOMAIN), what="the hub's card")
    for uid in house.identities:
        await house.reports(uid)

    (card,) = await house.client.discovered(DOMAIN)
    assert card["context"]["source"] == "mqtt"
    assert await house.client.entries(DOMAIN) == []


async def test_the_hub_is_added_by_its_card(house: House) -> None:
    result = await house.add_hub()

    assert result["type"] == "create_entry"
    (entry,) = await house.client.entries(DOMAIN)
    assert entry["state"] == "loaded"


async def test_each_new_device_becomes_a_card_of_its_own(house: House) -> None:
    async def all_have_cards() -> bool:
        return set(await house.cards()) == set(house.identities)

    await eventually(all_have_cards, what="a card for each device")
    cards = await house.cards()
    assert {card["context"]["source"] for card in cards.values()} == {"integration_discovery"}
    assert cards[OPEN]["context"]["title_placeholders"]["name"].endswith(f"{OPEN})")


async def test_telemetry_of_a_device_that_nobody_approved_changes_nothing(house: House) -> None:
    before = await house.inventory(), set(await house.client.states())
    async with house.client.events("state_changed") as changes:
        for uid in house.identities:
            await house.reports(uid, 3)

        assert changes.queue.empty() or not [
            event for event in _drain(changes.queue) if "co2" in event["data"]["entity_id"]
        ]
    assert (await house.inventory(), set(await house.client.states())) == before
    entities, devices = before[0]
    assert devices == ["/hub"]
    assert {unique_id.partition("-")[0] for unique_id, _ in entities} == {"/hub"}


def _drain(events: asyncio.Queue[dict[str, dict[str, str]]]) -> list[dict[str, dict[str, str]]]:
    return [events.get_nowait() for _ in range(events.qsize())]


async def test_a_device_that_is_not_approved_is_sent_nothing(house: House) -> None:
    assert not [topic for topic in house.script.retained("devices/#") if topic.endswith("/config")]


async def test_a_device_without_a_code_is_approved_by_one_click(house: House) -> None:
    card = await house.card(OPEN)
    step = await house.client.read_flow(card["flow_id"])
    assert step["step_id"] == "device"

    result = await house.client.continue_flow(card["flow_id"], {})

    assert (result["type"], result["reason"]) == ("abort", "device_added")


async def test_values_arrive_as_the_device_measured_them(house: House) -> None:
    async def equal() -> bool:
        shown = {name: await house.value(f"{OPEN}-{name}") for name in ("co2", "temperature", "humidity")}
        measured = house.device(OPEN).last_values
        return all(value not in EMPTY and float(value or 0) == measured[name] for name, value in shown.items())

    await eventually(equal, what="the values that the device measured")


async def test_the_device_is_described_in_the_registry(house: House) -> None:
    device = (await house.client.devices(DOMAIN))[OPEN]

    assert (device["manufacturer"], device["model"], device["name"]) == (
        "SmartAir",
        "smartair-co2",
        "CO₂ meter",
    )
    assert (device["sw_version"], device["hw_version"], device["serial_number"]) == ("2.0.1", "B", "SA-CO2_001")
    areas = {area["area_id"]: area["name"] for area in await house.client.call("config/area_registry/list")}
    assert areas[device["area_id"]] == "Office"


async def test_a_wrong_code_is_refused_with_a_reason_and_the_right_one_opens(house: House) -> None:
    card = await house.card(CODED)
    step = await house.client.read_flow(card["flow_id"])
    assert step["step_id"] == "code"

    wrong = await house.client.continue_flow(card["flow_id"], {"code": "00000000"})
    assert (wrong["type"], wrong["errors"]) == ("form", {"code": "wrong_code"})
    assert CODED not in await house.client.devices(DOMAIN)

    right = await house.client.continue_flow(card["flow_id"], {"code": "20262711"})
    assert (right["type"], right["reason"]) == ("abort", "device_added")
    await house.until_live(f"{CODED}-water_level", f"{CODED}-ph", f"{CODED}-ec")


async def test_a_plain_script_that_only_sends_telemetry_becomes_a_device(house: House) -> None:
    topic = "devices/shell-1/telemetry"
    house.script.publish(topic, {"co2": 611, "temp": 20.5})
    assert (await house.approve("shell-1"))["reason"] == "device_added"
    await house.until("shell-1-co2", lambda value: value == "611")

    house.script.publish(topic, {"co2": 634, "temp": 20.5})

    await house.until("shell-1-co2", lambda value: value not in EMPTY and float(value or 0) == 634)
    await house.until("shell-1-temperature", lambda value: value == "20.5")


async def test_an_ignored_device_shows_no_card_and_no_entity(house: House) -> None:
    card = await house.card("dust_001")
    await house.client.call("config_entries/ignore_flow", flow_id=card["flow_id"], title="Dust meter")

    await house.reports("dust_001", 3)

    assert "dust_001" not in await house.cards()
    assert "dust_001" not in await house.client.devices(DOMAIN)


async def test_a_deleted_device_is_forgotten_by_the_broker_too(house: House) -> None:
    await house.client.remove_device((await house.client.devices(DOMAIN))[OPEN])

    async def forgotten() -> bool:
        return not house.script.retained(f"devices/{OPEN}/#")

    assert not [unique_id for unique_id in await house.entity_ids() if unique_id.startswith(f"{OPEN}-")]
    await eventually(forgotten, what="no retained message of the deleted device")


async def test_a_deleted_device_may_be_found_again(house: House) -> None:
    connection = house.fleet.connections[OPEN]
    await house.do(connection.switch_off)
    await house.do(connection.switch_on)

    assert (await house.approve(OPEN))["reason"] == "device_added"

    await house.until_live(f"{OPEN}-co2", f"{OPEN}-temperature")


async def test_what_cannot_be_understood_makes_no_entity_and_breaks_nothing(house: House) -> None:
    before = await house.inventory()
    for payload in ("", "{", "[]", '{"co2": "NaN"}', "\x00", '{"co2": 1e999}', '{"device_uid": "other", "co2": 500}'):
        house.script.publish(f"devices/{OPEN}/telemetry", payload)
        house.script.publish("devices/-bad uid-/telemetry", payload)
    await house.reports(OPEN)

    assert await house.inventory() == before
    assert await house.value(f"{OPEN}-co2") not in EMPTY


async def test_the_log_holds_no_error(house: House) -> None:
    assert house.hass.errors() == []
