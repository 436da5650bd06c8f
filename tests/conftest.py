"""What the tests of the integration share: a hub, a broker that is played, and devices that speak."""

from collections.abc import Awaitable, Callable, Generator
from datetime import UTC, datetime
import json
import logging
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_mqtt_message,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from pytest_homeassistant_custom_component.typing import MqttMockHAClient
from syrupy.assertion import SnapshotAssertion

from custom_components.smartair.const import (
    ADD_AUTOMATIC,
    CONF_ADD_NEW_DEVICES,
    CONF_NAMESPACE,
    CONF_ROOT,
    DOMAIN,
)
from custom_components.smartair.hub import SmartAirHub

from .pump_node import Node, begin

NOW = 1_790_000_000
"""The time at which every test begins: 2026-09-21, in Unix seconds."""

CO2_TELEMETRY = {
    "device_uid": "co2_001",
    "timestamp": NOW,
    "co2": 920,
    "temperature": 25.1,
    "humidity": 29,
    "firmware_version": "2.0.1",
    "ip": "192.168.1.50",
    "uptime": 3600,
}
CO2_INFO = {
    "protocol": 1,
    "device_type": "co2",
    "name": "Bedroom air",
    "model": "smartair-co2",
    "manufacturer": "SmartAir",
    "area": "Bedroom",
    "firmware_version": "2.1.0",
    "hardware_revision": "B",
    "chip": "ESP32-C3",
    "mac": "34:85:18:00:00:01",
    "ip": "192.168.1.51",
    "metrics": ["co2", "temperature", "humidity"],
    "config": {
        "report_interval": {"min": 1, "max": 3600},
        "co2_threshold": {"min": 400, "max": 5000},
        "alerts_enabled": True,
        "night_mode": True,
        "led_colour": {"options": ["green", "blue"]},
        "fan_speed": {"min": 0, "max": 100, "step": 5, "unit": "%"},
    },
    "commands": ["restart", "identify", "live", "calibrate"],
    "ota": {"signed": False},
}

type Say = Callable[..., Awaitable[None]]
type Wait = Callable[[float], Awaitable[None]]


@pytest.fixture
def hass_config_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A configuration folder of its own: the blueprints would be installed into the environment."""
    return str(tmp_path_factory.mktemp("config"))


@pytest.fixture(autouse=True)
def _custom_integrations(enable_custom_integrations: None) -> None:
    """Let Home Assistant load the integration from this repository."""


@pytest.fixture(autouse=True)
def _started_in_autumn(freezer: FrozenDateTimeFactory) -> None:
    """Stop the clock."""
    freezer.move_to(datetime.fromtimestamp(NOW, UTC))


@pytest.fixture
def expected_lingering_timers() -> bool:
    """Let the MQTT client's own timers linger; that none of ours does is a test of its own."""
    return True


@pytest.fixture(autouse=True)
def _no_errors_in_the_log(caplog: pytest.LogCaptureFixture) -> Generator[None]:
    """Fail a test in which anything at all was logged as an error."""
    yield
    errors = [
        record.getMessage()
        for record in caplog.get_records("call")
        # The web server cannot format a clock that stands still.
        if record.levelno >= logging.ERROR and record.name != "aiohttp.access"
    ]
    assert errors == []


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Write snapshots as Home Assistant's own tests do."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)


@pytest.fixture
def entity_registry_enabled_by_default() -> Generator[None]:
    """Enable the entities that are disabled by default."""
    with patch("homeassistant.helpers.entity.Entity.entity_registry_enabled_default", True):
        yield


@pytest.fixture
def broker(mqtt_mock: MqttMockHAClient) -> MqttMockHAClient:
    """A broker that MQTT 5 is spoken with, as every new installation does."""
    mqtt_mock.reset_mock()
    return mqtt_mock


@pytest.fixture
def entry() -> MockConfigEntry:
    """A hub on the default root."""
    return hub_entry()


def hub_entry(*, root: str = "devices", automatic: bool = False, **kwargs: Any) -> MockConfigEntry:
    """Return the config entry of a hub."""
    return MockConfigEntry(
        domain=DOMAIN,
        title="SmartAir",
        unique_id=f"{root}/#",
        data={CONF_ROOT: root, CONF_NAMESPACE: "" if root == "devices" else f"{root}/"},
        options={CONF_ADD_NEW_DEVICES: ADD_AUTOMATIC if automatic else "ask"},
        **kwargs,
    )


@pytest.fixture
async def hub(hass: HomeAssistant, broker: MqttMockHAClient, entry: MockConfigEntry) -> MockConfigEntry:
    """A hub that is loaded."""
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


@pytest.fixture
def say(hass: HomeAssistant) -> Say:
    """Have a device say something."""

    async def speak(uid: str, channel: str, content: Any, *, retain: bool = False, root: str = "devices") -> None:
        payload = content if isinstance(content, (str, bytes)) else json.dumps(content)
        async_fire_mqtt_message(hass, f"{root}/{uid}/{channel}", payload, 1, retain)
        await hass.async_block_till_done()

    return speak


@pytest.fixture
def wait(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> Wait:
    """Let time pass, in seconds."""

    async def pass_time(seconds: float) -> None:
        freezer.tick(seconds)
        async_fire_time_changed(hass)
        await hass.async_block_till_done()

    return pass_time


@pytest.fixture
async def co2(hass: HomeAssistant, hub: MockConfigEntry, say: Say) -> str:
    """A CO2 device that described itself, was approved and reported once."""
    await say("co2_001", "info", CO2_INFO, retain=True)
    await say("co2_001", "status", "online", retain=True)
    await hub.runtime_data.async_approve(["co2_001"])
    await hass.async_block_till_done()
    await say("co2_001", "telemetry", CO2_TELEMETRY)
    return "co2_001"


@pytest.fixture
async def node(hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry) -> Node:
    """A rack with circulation, a fill pump and a drain pump."""
    return await begin(hass, broker, hub.runtime_data)


@pytest.fixture
def house(hub: MockConfigEntry) -> SmartAirHub:
    """The hub at run time."""
    runtime: SmartAirHub = hub.runtime_data
    return runtime
