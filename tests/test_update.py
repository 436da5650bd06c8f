"""Updates: offered where they fit, ordered once, and believed when the device has proven them."""

from collections.abc import Callable
import json
from pathlib import Path
from typing import Any

from homeassistant.components.update import ATTR_VERSION
from homeassistant.const import ATTR_ENTITY_ID, STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from .conftest import CO2_INFO, NOW, Say, Wait
from .firmware import fill

UID = "co2_001"
INFO = {**CO2_INFO, "firmware_version": "1.0.0", "ota": {"signed": True}}
UPDATE = "update.bedroom_bedroom_air_firmware"

type Orders = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def folder(hass: HomeAssistant, tmp_path: Path) -> Path:
    """The firmware folder, not yet made."""
    hass.config.config_dir = str(tmp_path)
    hass.config.internal_url = "http://192.168.1.10:8123"
    return tmp_path / "smartair" / "firmware"


@pytest.fixture
def images(folder: Path) -> dict[str, bytes]:
    """Three versions of the firmware of the CO2 device."""
    return fill(folder, "0.9.0", "1.0.0", "2.0.0")


@pytest.fixture
async def device(hass: HomeAssistant, images: dict[str, bytes], hub: MockConfigEntry, say: Say) -> str:
    """The CO2 device with version 1.0.0, approved."""
    await say(UID, "info", INFO, retain=True)
    await say(UID, "status", "online", retain=True)
    await hub.runtime_data.async_approve([UID])
    await hass.async_block_till_done(wait_background_tasks=True)
    await report(say, "1.0.0")
    return UID


@pytest.fixture
def orders(broker: MqttMockHAClient) -> Orders:
    """The orders that were published."""

    def published() -> list[dict[str, Any]]:
        calls = [call for call in broker.async_publish.call_args_list if call.args[0] == f"devices/{UID}/ota"]
        assert all(call.args[2:4] == (1, False) for call in calls)
        return [json.loads(call.args[1]) for call in calls]

    return published


async def report(say: Say, version: str, **more: Any) -> None:
    await say(UID, "telemetry", {"device_uid": UID, "co2": 640, "firmware_version": version, **more})


async def install(hass: HomeAssistant, **data: Any) -> None:
    await hass.services.async_call("update", "install", {ATTR_ENTITY_ID: UPDATE, **data}, blocking=True)
    await hass.async_block_till_done(wait_background_tasks=True)


def shown(hass: HomeAssistant) -> tuple[str, bool, float | None, str]:
    state = hass.states.get(UPDATE)
    attributes = state.attributes
    return state.state, attributes["in_progress"], attributes["update_percentage"], attributes["stage"]


async def test_a_newer_version_is_offered_with_its_notes(hass: HomeAssistant, device: str) -> None:
    state = hass.states.get(UPDATE)
    assert state.state == STATE_ON
    assert (state.attributes["installed_version"], state.attributes["latest_version"]) == ("1.0.0", "2.0.0")
    assert state.attributes["title"] == "Air monitor"
    assert state.attributes["release_summary"] == "What is new in 2.0.0"


async def test_an_update_goes_through_its_stages_and_is_confirmed_by_the_version_that_is_reported(
    hass: HomeAssistant, device: str, say: Say, orders: Orders, images: dict[str, bytes]
) -> None:
    await install(hass)
    (order,) = orders()
    assert order["version"] == "2.0.0"
    assert order["size"] == len(images["2.0.0"])
    assert (order["timestamp"], order["expires"]) == (NOW, NOW + 60)
    assert order["url"].startswith("http://192.168.1.10:8123/api/smartair/firmware/")
    assert shown(hass) == (STATE_ON, True, None, "ordered")

    async def says(state: str, progress: int, **more: Any) -> None:
        content = {"cmd_id": order["cmd_id"], "state": state, "progress": progress, "version": "2.0.0", **more}
        await say(UID, "ota/state", content)

    await says("accepted", 0)
    await says("deferred", 0)
    assert shown(hass) == (STATE_ON, True, 0, "deferred")
    assert hass.states.get(UPDATE).attributes["reason"] == "pump_running"
    await says("downloading", 40)
    assert shown(hass) == (STATE_ON, True, 40, "downloading")
    for state in ("verifying", "installing", "rebooting"):
        await says(state, 100)
        assert shown(hass)[3] == state
    await report(say, "1.0.0")
    assert shown(hass)[3] == "rebooting"
    await say(UID, "status", "offline")
    assert hass.states.get(UPDATE).state == STATE_ON
    await say(UID, "status", "online")
    await say(UID, "info", {**INFO, "firmware_version": "2.0.0"})
    assert shown(hass)[3] == "on_trial"
    await says("confirmed", 100)
    assert shown(hass) == (STATE_OFF, False, None, "confirmed")
    assert hass.states.get(UPDATE).attributes["installed_version"] == "2.0.0"


async def test_only_one_update_at_a_time(hass: HomeAssistant, device: str, orders: Orders) -> None:
    await install(hass)
    with pytest.raises(HomeAssistantError):
        await install(hass, **{ATTR_VERSION: "0.9.0"})
    assert len(orders()) == 1


async def test_without_an_answer_it_fails_and_may_be_tried_again(
    hass: HomeAssistant, device: str, orders: Orders, wait: Wait
) -> None:
    await install(hass)
    await wait(75)
    assert shown(hass) == (STATE_ON, False, None, "failed")
    assert hass.states.get(UPDATE).attributes["reason"] == "no_answer"
    await install(hass)
    assert len(orders()) == 2
