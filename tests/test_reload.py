"""After a reload nothing of the old hub is alive, whatever is said meanwhile."""

import gc
from typing import Any
from unittest.mock import NonCallableMock
import weakref

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.alerts.log import AlertLog
from custom_components.smartair.devices.approval import Approval

from .conftest import CO2_INFO, Say, Wait


async def test_nothing_of_a_hub_is_alive_after_a_reload_while_messages_flow(
    hass: HomeAssistant,
    broker: MqttMockHAClient,
    hub: MockConfigEntry,
    co2: str,
    say: Say,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await say("waiting_1", "info", CO2_INFO)
    await wait(1)
    house = hub.runtime_data
    dead: list[weakref.ref[Any]] = [
        weakref.ref(one) for one in (house, house.devices[co2], house.approval, house.flood, house.limits)
    ]
    stop = AlertLog.async_stop
    heard: list[int] = []

    def approval() -> dict[str, Any]:
        one = dead[2]()
        assert isinstance(one, Approval)
        return dict(one.candidates)

    async def talk(log: AlertLog) -> None:
        """Say something at the very end of the unload."""
        for number in range(60):
            async_fire_mqtt_message(hass, f"devices/{co2}/telemetry", f'{{"co2": {600 + number}}}')
            async_fire_mqtt_message(hass, f"devices/stranger_{number}/status", "online")
        heard.append(len(approval()))
        await stop(log)

    with monkeypatch.context() as patched:
        patched.setattr(AlertLog, "async_stop", talk)
        assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hub.runtime_data is not house
    del house
    for _ in range(3):
        await wait(120)
    # What is played remembers with whom it was called.
    broker.reset_mock()
    for played in vars(Store).values():
        if isinstance(mock := getattr(played, "mock", None), NonCallableMock):
            mock.reset_mock()
    gc.collect()
    assert heard == [0]
    assert [one() for one in dead] == [None] * len(dead)


async def test_one_line_an_hour_tells_of_broken_messages_of_a_device(
    hass: HomeAssistant, co2: str, say: Say, wait: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    def lines() -> list[Any]:
        return [one.getMessage() for one in caplog.records if "cannot be understood" in one.getMessage()]

    for number in range(30):
        await say(co2, "telemetry", "garbage" if number % 2 else "[1]")
    assert len(lines()) == 1
    await wait(3600)
    await say(co2, "telemetry", "garbage")
    assert lines()[1].endswith("(29 more since the last such line)")
