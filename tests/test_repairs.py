"""Repairs of alerts that act: a click resets, resumes, aborts or clears, or says why it cannot."""

from http import HTTPStatus
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.components.repairs import DOMAIN as REPAIRS_DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.notices.announcer import REPAIRS
from custom_components.smartair.pumps.refusals import PumpRefusedError
from custom_components.smartair.pysmartair import Code
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused
from custom_components.smartair.repairs import AlertRepair

from .pump_node import Node
from .test_translations import EN, RU

CHANNEL = "pump_drain"


async def _open(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> tuple[Any, dict[str, Any]]:
    """Open the only repair there is; return the client and the menu."""
    assert await async_setup_component(hass, REPAIRS_DOMAIN, {})
    await hass.async_block_till_done()
    (issue_id,) = (key[1] for key in ir.async_get(hass).issues if key[0] == DOMAIN)
    client = await hass_client()
    answer = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id})
    assert answer.status == HTTPStatus.OK
    return client, await answer.json()


async def _press(client: Any, menu: dict[str, Any], option: str) -> dict[str, Any]:
    path = f"/api/repairs/issues/fix/{menu['flow_id']}"
    answer = await client.post(path, json={"next_step_id": option})
    assert answer.status == HTTPStatus.OK
    found: dict[str, Any] = await answer.json()
    return found


async def test_a_lock_is_reset_where_it_is_explained(
    hass: HomeAssistant, node: Node, house: SmartAirHub, hass_client: ClientSessionGenerator
) -> None:
    """The repair says which pump and what to look at; the click asks the pump's own gate."""
    pump = house.pumps[node.uid, CHANNEL]
    house.alerts.async_raise(Code.DRY_RUN, uid=node.uid, channel=CHANNEL)
    client, menu = await _open(hass, hass_client)
    assert (menu["type"], menu["menu_options"]) == ("menu", ["reset"])
    assert menu["description_placeholders"]["device"] == pump.place
    with patch.object(type(pump), "async_reset", AsyncMock()) as reset:
        assert (await _press(client, menu, "reset"))["type"] == "create_entry"
    reset.assert_awaited_once()


async def test_a_reset_that_is_refused_says_why_with_the_number(
    hass: HomeAssistant, node: Node, house: SmartAirHub, hass_client: ClientSessionGenerator
) -> None:
    """The repair stays, for what it says is still so."""
    pump = house.pumps[node.uid, CHANNEL]
    house.alerts.async_raise(Code.DRY_RUN, uid=node.uid, channel=CHANNEL)
    client, menu = await _open(hass, hass_client)
    refused = PumpRefusedError(Refused(Reason.DRY_RUN, Cause.MEASURED, 3.7, 10.0), pump.place)
    with patch.object(type(pump), "async_reset", AsyncMock(side_effect=refused)):
        answer = await _press(client, menu, "reset")
    assert (answer["type"], answer["reason"]) == ("abort", "refused")
    assert "3.7" in answer["description_placeholders"]["error"]
    assert any(key[0] == DOMAIN for key in ir.async_get(hass).issues)


async def test_a_leak_is_cleared_on_a_persons_word(
    hass: HomeAssistant, node: Node, house: SmartAirHub, hass_client: ClientSessionGenerator
) -> None:
    house.alerts.async_raise(Code.LEAK, uid=node.uid)
    client, menu = await _open(hass, hass_client)
    assert menu["menu_options"] == ["clear"]
    assert (await _press(client, menu, "clear"))["type"] == "create_entry"
    assert house.alerts.active() == []


@pytest.mark.parametrize("option", ["resume", "abort"])
async def test_a_water_change_goes_on_or_ends_with_a_click(
    hass: HomeAssistant, house: SmartAirHub, hass_client: ClientSessionGenerator, option: str
) -> None:
    """By the zone itself, which may refuse; one that is deleted meanwhile has nothing to end."""
    house.alerts.async_raise(Code.WATER_CHANGE_FAILED, zone="tent", cause="stopped")
    client, menu = await _open(hass, hass_client)
    assert menu["menu_options"] == ["resume", "abort"]
    zone = AsyncMock()
    getattr(zone, f"async_{option}").side_effect = ServiceValidationError("not now")
    with patch.object(house, "zones", {"tent": zone}):
        answer = await _press(client, menu, option)
    assert answer["description_placeholders"] == {"error": "not now"}
    client, menu = await _open(hass, hass_client)
    assert (await _press(client, menu, option))["type"] == "create_entry"


async def test_a_repair_that_is_over_or_whose_hub_is_away_does_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, node: Node, hass_client: ClientSessionGenerator
) -> None:
    house.alerts.async_raise(Code.DRY_RUN, uid=node.uid, channel=CHANNEL)
    client, menu = await _open(hass, hass_client)
    await hass.config_entries.async_unload(hub.entry_id)
    assert (await _press(client, menu, "reset"))["reason"] == "hub_not_loaded"
    assert (await AlertRepair(hub, "gone").async_step_init())["reason"] == "hub_not_loaded"
    assert (await AlertRepair(None, "gone").async_step_clear())["reason"] == "hub_not_loaded"


@pytest.mark.parametrize("texts", [EN, RU], ids=["en", "ru"])
def test_each_repair_of_an_alert_has_its_buttons(texts: dict[str, Any]) -> None:
    for code, key in REPAIRS.items():
        options = texts["issues"][key]["fix_flow"]["step"]["init"]["menu_options"]
        wanted = {Code.LEAK: {"clear"}, Code.WATER_CHANGE_FAILED: {"resume", "abort"}}.get(code, {"reset"})
        assert set(options) == wanted
