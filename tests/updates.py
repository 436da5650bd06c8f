"""What the tests of updates share: a firmware folder, a device that updates, and what it is ordered."""

from collections.abc import Callable
import json
from pathlib import Path
from typing import Any

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from .conftest import CO2_INFO, Say, hub_entry
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
def entry(images: dict[str, bytes]) -> MockConfigEntry:
    """A hub that finds the images when it is set up."""
    return hub_entry()


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


async def tell(say: Say, order: dict[str, Any], state: str, progress: int = 100, error: str | None = None) -> None:
    """Have the device say how far it has come."""
    content = {"cmd_id": order["cmd_id"], "state": state, "progress": progress, "version": order["version"]}
    await say(UID, "ota/state", {**content, "error_code": error} if error else content)


async def look(hass: HomeAssistant) -> None:
    """Have the folder looked at, as a person does."""
    await async_setup_component(hass, "homeassistant", {})
    await hass.services.async_call("homeassistant", "update_entity", {ATTR_ENTITY_ID: UPDATE}, blocking=True)
    await hass.async_block_till_done(wait_background_tasks=True)
