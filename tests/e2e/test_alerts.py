"""An alert from its rise to its end in a real Home Assistant: limit, trigger, condition, a kill in the middle."""

from typing import TYPE_CHECKING, Any

import pytest

from lab.client import eventually
from lab.hass import DOMAIN

if TYPE_CHECKING:
    from .conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

DESK = "desk"
LIMIT = {
    "high": 1000,
    "hysteresis": 100,
    "delay": 0,
    "severity": "critical",
    "night_quiet": False,
    "night_begin": "22:00:00",
    "night_end": "07:00:00",
}


async def _target(house: House) -> dict[str, Any]:
    return {"device_id": (await house.client.devices(DOMAIN))[DESK]["id"]}


def _measure(house: House, co2: float) -> None:
    house.script.publish(f"devices/{DESK}/telemetry", {"co2": co2})


async def _fresh(house: House) -> bool:
    condition = {"condition": "smartair.air_is_fresh", "target": await _target(house)}
    return bool((await house.client.call("test_condition", condition=condition))["result"])


async def _alerts(house: House) -> list[dict[str, Any]]:
    found: dict[str, Any] = await house.client.action_response(DOMAIN, "get_alerts", active=True)
    return list(found["alerts"])


async def test_an_owner_sets_a_limit(house: House) -> None:
    house.script.publish(f"devices/{DESK}/status", "online", retain=True)
    await house.add_hub()
    _measure(house, 500)
    await house.approve(DESK)
    (entry,) = await house.client.entries(DOMAIN)
    form = await house.client.start_subentry(entry["entry_id"], "alert_limit")
    form = await house.client.continue_subentry(form["flow_id"], {"metric": "co2"})
    result = await house.client.continue_subentry(form["flow_id"], LIMIT)
    assert (result["type"], result["title"]) == ("create_entry", "CO₂: all devices")
    _measure(house, 600)
    await house.until(f"{DESK}-co2", lambda value: value == "600")
    assert await _fresh(house)


async def test_bad_air_triggers_once_and_is_seen(house: House) -> None:
    trigger = {"trigger": "smartair.alert_raised", "target": await _target(house)}
    raised = await house.client.subscribe("subscribe_trigger", trigger=trigger)
    _measure(house, 1500)
    event = await raised.first(lambda event: "variables" in event)
    alert = event["variables"]["trigger"]["alert"]
    assert (alert["event"], alert["severity"], alert["values"]["value"]) == ("co2_high", "critical", 1500)
    await house.until(f"{DESK}-alert", lambda value: value == "on")
    await house.until("/hub-active_alerts", lambda value: value == "1")
    assert not await _fresh(house)
    await house.client.unsubscribe(raised)


async def test_an_alert_survives_a_kill_and_is_not_raised_again(house: House) -> None:
    (before,) = await _alerts(house)

    async def limit_is_on_disk() -> bool:
        entries = house.hass.folder / ".storage/core.config_entries"
        return entries.exists() and '"alert_limit"' in entries.read_text()

    # Home Assistant writes its entries a second late, and a kill before that would take the limit with it.
    await eventually(limit_is_on_disk, what="the limit on disk")
    await house.hass.kill()
    await house.hass.start()
    await house.until(f"{DESK}-alert", lambda value: value == "on", within=60)
    # Only then does the hub listen: the alert is shown before.
    await house.until(f"{DESK}-online", lambda value: value == "on")
    async with house.client.events("smartair_alert") as events:
        _measure(house, 1600)
        await house.until(f"{DESK}-co2", lambda value: value == "1600")
        (after,) = await _alerts(house)
        assert (after["id"], after["raised_at"]) == (before["id"], before["raised_at"])
        _measure(house, 700)
        told = await events.first(bool)
        assert (told["data"]["change"], told["data"]["event"]) == ("resolved", "co2_normal")
    await house.until(f"{DESK}-alert", lambda value: value == "off")

    async def none() -> bool:
        return not await _alerts(house)

    await eventually(none, what="no active alerts")
    assert await _fresh(house)


async def test_nothing_was_logged_as_an_error(house: House) -> None:
    assert house.hass.errors() == []
