"""Whoever speaks in vain is seen by a person, with the reason; and names that were made up take nobody's place."""

from typing import Any

from homeassistant.config_entries import SOURCE_INTEGRATION_DISCOVERY
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.devices.unheard import Vain
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pysmartair.protocol.topics import Flaw
from custom_components.smartair.system_health import _async_info

from .conftest import CO2_INFO, Say, Wait
from .test_translations import EN, INTEGRATION


def shown(hass: HomeAssistant, key: str) -> str | None:
    """Return what the repair of this kind lists."""
    for (domain, _), issue in ir.async_get(hass).issues.items():
        if domain == DOMAIN and issue.translation_key == key:
            assert issue.translation_placeholders is not None
            return issue.translation_placeholders["list"]
    return None


def cards(hass: HomeAssistant) -> list[Any]:
    return [
        flow["context"]["unique_id"]
        for flow in hass.config_entries.flow.async_progress_by_handler(
            DOMAIN, match_context={"source": SOURCE_INTEGRATION_DISCOVERY}
        )
    ]


@pytest.mark.parametrize(
    ("uid", "said"),
    [
        ("AA:BB:CC:11:22:33", "- AA:BB:CC:11:22:33: has signs that an id cannot have: „:“"),
        ("soil.1", "- soil.1: has signs that an id cannot have: „.“"),
        ("soil 1", "- soil 1: has signs that an id cannot have: „ “"),
        ("почва", "- почва: has signs that an id cannot have: „почва“"),
        ("_soil", "- _soil: begins with a sign that may only follow: „_“"),
        ("a" * 65, f"- {'a' * 64}: is empty or longer than 64 signs"),
    ],
)
async def test_an_id_that_cannot_be_taken_is_told_with_the_reason(
    hass: HomeAssistant, house: SmartAirHub, say: Say, uid: str, said: str
) -> None:
    await say(uid, "telemetry", {"temperature": 20})
    await say(uid, "telemetry", {"temperature": 21})
    assert shown(hass, "names_not_taken") == said
    info = await _async_info(hass)
    assert info["names_not_taken"] == uid[:64]
    assert info["messages_broken"] == 2


async def test_of_many_ids_that_cannot_be_taken_some_are_told_and_the_rest_costs_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, say: Say
) -> None:
    for number in range(30):
        await say(f"soil.{number}", "info", CO2_INFO)
    assert len(house.unheard.names) == 10
    assert len((shown(hass, "names_not_taken") or "").splitlines()) == 10
    await hass.config_entries.async_unload(hub.entry_id)
    assert shown(hass, "names_not_taken") is None


async def test_markup_in_an_id_stays_text(hass: HomeAssistant, house: SmartAirHub, say: Say) -> None:
    await say("[x](http:)", "telemetry", {"temperature": 20})
    assert "[" not in (shown(hass, "names_not_taken") or "")


async def test_what_is_empty_or_is_not_said_by_a_device_is_not_told(
    hass: HomeAssistant, house: SmartAirHub, say: Say
) -> None:
    await say("soil.1", "telemetry", "")
    await say("soil.1", "commands", "{}")
    await say("soil.1", "weather", "{}")
    assert shown(hass, "names_not_taken") is None


async def test_a_hub_whose_messages_are_all_broken_says_so_until_one_is_understood(
    hass: HomeAssistant, house: SmartAirHub, say: Say
) -> None:
    for _ in range(2):
        await say("soil_1", "telemetry", "temperature=20")
    assert shown(hass, "nothing_understood") is None
    await say("soil_1", "telemetry", "temperature=20")
    assert shown(hass, "nothing_understood") == "- soil_1: the message is no valid JSON"
    await say("soil_1", "telemetry", "[20]")
    assert shown(hass, "nothing_understood") == "- soil_1: the message is no JSON object"
    await say("soil_1", "telemetry", {"temperature": 20})
    assert shown(hass, "nothing_understood") is None


@pytest.mark.parametrize(
    ("channel", "content", "why"),
    [
        ("telemetry", {"luftfeuchte": 50, "temperatur": 20}, "none of its values has a name that is known here"),
        ("Telemetry", {"temperature": 20}, "its topics are not written in lower case"),
        ("STATUS", "online", "its topics are not written in lower case"),
    ],
)
async def test_a_device_that_speaks_past_us_is_told(
    hass: HomeAssistant, house: SmartAirHub, say: Say, channel: str, content: Any, why: str
) -> None:
    for _ in range(2):
        await say("soil_1", channel, content)
    assert shown(hass, "nothing_understood") is None
    await say("soil_1", channel, content)
    told = shown(hass, "nothing_understood")
    assert told is not None
    assert told.startswith(f"- soil_1: {why}")
    await say("soil_1", "telemetry", {"temperature": 20})
    assert shown(hass, "nothing_understood") is None
    await say("soil_1", channel, content)
    assert shown(hass, "nothing_understood") is None


async def test_an_approved_device_that_never_said_anything_sensible_is_told_as_well(
    hass: HomeAssistant, house: SmartAirHub, say: Say
) -> None:
    await house.async_approve(["soil_1"])
    for _ in range(3):
        await say("soil_1", "telemetry", "temperature=20")
    assert shown(hass, "nothing_understood") == "- soil_1: the message is no valid JSON"


async def test_a_slip_of_a_device_that_is_understood_is_not_told(
    hass: HomeAssistant, house: SmartAirHub, co2: str, say: Say
) -> None:
    for _ in range(5):
        await say(co2, "telemetry", "garbage")
    assert shown(hass, "nothing_understood") is None


async def test_those_who_are_not_understood_are_no_more_than_are_shown(
    hass: HomeAssistant, house: SmartAirHub, say: Say
) -> None:
    for number in range(20):
        for _ in range(3):
            await say(f"soil_{number}", "telemetry", "garbage")
    assert len(house.unheard.broken) == 10


async def test_a_name_that_was_heard_once_takes_no_card_from_a_device(
    hass: HomeAssistant, house: SmartAirHub, say: Say, wait: Wait
) -> None:
    for number in range(25):
        await say(f"phantom_{number}", "status", "online")
    await wait(1)
    assert len(cards(hass)) == 20
    await say("co2_001", "info", CO2_INFO, retain=True)
    await say("script_1", "telemetry", {"co2": 500})
    await wait(1)
    assert len(cards(hass)) == 20
    assert "co2_001" in cards(hass)
    assert "script_1" not in cards(hass)
    await say("script_1", "telemetry", {"co2": 501})
    await wait(1)
    assert len(cards(hass)) == 20
    assert {"co2_001", "script_1"} <= set(cards(hass))
    # They wait behind, and can be let in by a pattern.
    assert len(house.approval.matching("phantom_*")[0]) == 25


async def test_a_single_line_of_a_script_is_enough_for_a_card(
    hass: HomeAssistant, house: SmartAirHub, say: Say, wait: Wait
) -> None:
    await say("balcony_1", "telemetry", {"co2": 920, "temperature": 25.1, "humidity": 41})
    await wait(1)
    assert cards(hass) == ["balcony_1"]


def test_every_reason_has_words() -> None:
    sources = [path.read_text() for path in (INTEGRATION / "pysmartair").rglob("*.py")]
    reasons = {part.split('"')[0] for text in sources for part in text.split('ParseError("')[1:]}
    assert reasons | {one.value for one in Vain} == set(EN["selector"]["broken_message"]["options"])
    assert {flaw.value for flaw in Flaw} == set(EN["selector"]["name_flaw"]["options"])
