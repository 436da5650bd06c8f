"""The alert log of a hub: told once, on disk in time, the same after a restart."""

import asyncio
from collections.abc import Generator
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.alerts.log import AlertLog
from custom_components.smartair.const import DOMAIN
from custom_components.smartair.pysmartair import Alert, Change, Code, Severity

from .conftest import NOW, Wait


class Told:
    """What a listener heard."""

    def __init__(self, alerts: AlertLog) -> None:
        self.changes: list[tuple[Change, Code]] = []
        self.alerts: list[Alert] = []
        self.end = alerts.async_listen(self._hear)

    @callback
    def _hear(self, change: Change, alert: Alert) -> None:
        self.changes.append((change, alert.code))
        self.alerts.append(alert)


@pytest.fixture
def alerts(hub: MockConfigEntry) -> AlertLog:
    return hub.runtime_data.alerts  # type: ignore[no-any-return]


@pytest.fixture
def told(alerts: AlertLog) -> Generator[Told]:
    heard = Told(alerts)
    yield heard
    heard.end()


def _stored(hass_storage: dict[str, Any], hub: MockConfigEntry) -> list[tuple[str, str | None]] | None:
    found = hass_storage.get(f"{DOMAIN}.{hub.entry_id}.alerts")
    return found and [(one["code"], one["resolved_at"]) for one in found["data"]["alerts"]]


async def test_a_trouble_is_told_once_when_it_comes_and_once_when_it_goes(alerts: AlertLog, told: Told) -> None:
    for _ in range(3):
        alerts.async_raise(Code.CO2_HIGH, uid="co2_001", values={"value": 1600.0})
    for _ in range(3):
        alerts.async_resolve(Code.CO2_HIGH, uid="co2_001")
    assert told.changes == [(Change.RAISED, Code.CO2_HIGH), (Change.RESOLVED, Code.CO2_HIGH)]
    assert alerts.active() == []


async def test_active_alerts_are_found_by_device_and_by_zone(alerts: AlertLog) -> None:
    alerts.async_raise(Code.CO2_HIGH, uid="co2_001")
    alerts.async_raise(Code.DRY_RUN, uid="pump_001", zone="tent", channel="fill")
    alerts.async_raise(Code.WATER_CHANGE_FAILED, zone="tent", cause="interrupted")
    assert [one.code for one in alerts.active()] == [Code.CO2_HIGH, Code.DRY_RUN, Code.WATER_CHANGE_FAILED]
    assert [one.code for one in alerts.active(uid="pump_001")] == [Code.DRY_RUN]
    assert [one.code for one in alerts.active(zone="tent")] == [Code.DRY_RUN, Code.WATER_CHANGE_FAILED]


async def test_a_moment_is_told_and_never_active(alerts: AlertLog, told: Told) -> None:
    alerts.async_note(Code.RUN_REFUSED, uid="pump_001", channel="fill", cause="interlock", severity=Severity.WARNING)
    assert told.changes == [(Change.NOTED, Code.RUN_REFUSED)]
    assert told.alerts[0].severity is Severity.WARNING
    assert alerts.active() == []


async def test_an_alert_is_acknowledged_by_its_id(alerts: AlertLog, told: Told) -> None:
    alerts.async_raise(Code.LEAK, uid="pump_001")
    alert = alerts.async_acknowledge(alerts.active()[0].id)
    assert alert is not None
    assert alert.acknowledged_at == NOW
    assert told.changes[-1] == (Change.ACKNOWLEDGED, Code.LEAK)
    assert alerts.async_acknowledge("unheard of") is None


async def test_what_is_critical_is_on_disk_at_once_and_the_rest_in_time(
    hass: HomeAssistant, hub: MockConfigEntry, alerts: AlertLog, hass_storage: dict[str, Any], wait: Wait
) -> None:
    alerts.async_raise(Code.CO2_HIGH, uid="co2_001")
    await hass.async_block_till_done()
    assert _stored(hass_storage, hub) is None
    await wait(11)
    assert _stored(hass_storage, hub) == [("co2_high", None)]
    alerts.async_raise(Code.LEAK, uid="co2_001")
    alerts.async_raise(Code.OVERFLOW, uid="co2_001")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert _stored(hass_storage, hub) == [("co2_high", None), ("biz_leak", None), ("biz_overflow", None)]
    alerts.async_resolve(Code.LEAK, uid="co2_001")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert _stored(hass_storage, hub) == [("biz_leak", NOW + 11), ("co2_high", None), ("biz_overflow", None)]


async def test_a_storm_of_critical_alerts_is_two_files_and_the_last_holds_all(
    hass: HomeAssistant, alerts: AlertLog, hass_storage: dict[str, Any], hub: MockConfigEntry
) -> None:
    save = Store.async_save
    written: list[int] = []

    async def slow_disk(self: Store[Any], data: Any) -> None:
        written.append(len(data["alerts"]))
        await asyncio.sleep(0)
        await save(self, data)

    with patch.object(Store, "async_save", slow_disk):
        for number in range(500):
            alerts.async_raise(Code.LEAK, uid=f"pump_{number}")
        await hass.async_block_till_done(wait_background_tasks=True)
    assert written == [1, 500]
    stored = _stored(hass_storage, hub)
    assert stored is not None
    assert len(stored) == 500


async def test_alerts_that_never_end_are_written_all_the_same(
    hub: MockConfigEntry, alerts: AlertLog, hass_storage: dict[str, Any], wait: Wait
) -> None:
    for second in range(12):
        alerts.async_note(Code.RUN_REFUSED, uid="pump_001", channel=str(second))
        await wait(1)
    stored = _stored(hass_storage, hub)
    assert stored is not None
    assert len(stored) >= 10


async def test_a_value_that_moves_is_taken_over_without_being_told(alerts: AlertLog, told: Told) -> None:
    alerts.async_raise(Code.CO2_HIGH, uid="co2_001", values={"value": 1600.0})
    alerts.async_raise(Code.CO2_HIGH, uid="co2_001", values={"value": 1650.0})
    assert [change for change, _ in told.changes] == [Change.RAISED]
    assert alerts.active()[0].values == {"value": 1650.0}


async def test_after_a_restart_an_alert_is_the_same_and_not_raised_again(
    hass: HomeAssistant, hub: MockConfigEntry, alerts: AlertLog
) -> None:
    alerts.async_raise(Code.DRY_RUN, uid="pump_001", channel="fill", cause="measured")
    alerts.async_note(Code.RUN_REFUSED, uid="pump_001", channel="fill", cause="measured")
    before = alerts.book
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    after: AlertLog = hub.runtime_data.alerts
    assert after is not alerts
    assert after.book == before
    told = Told(after)
    after.async_raise(Code.DRY_RUN, uid="pump_001", channel="fill", cause="measured")
    assert told.changes == []
    after.async_resolve(Code.DRY_RUN, uid="pump_001", channel="fill")
    assert [alert.id for alert in told.alerts] == [before.active[alerts.active()[0].place].id]


async def test_a_broken_stored_alert_is_left_out_and_the_others_stay(
    hass: HomeAssistant,
    broker: MqttMockHAClient,
    entry: MockConfigEntry,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = {
        "id": "01",
        "code": "biz_leak",
        "severity": "critical",
        "uid": "pump_001",
        "values": {},
        "raised_at": NOW - 60,
        "updated_at": NOW - 60,
        "count": 1,
    }
    key = f"{DOMAIN}.{entry.entry_id}.alerts"
    content = {"alerts": [good | {"code": "biz_rain"}, good]}
    hass_storage[key] = {"version": 1, "minor_version": 1, "key": key, "data": content}
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert [one.code for one in entry.runtime_data.alerts.active()] == [Code.LEAK]
    assert "cannot be read and is left out: 'biz_rain' is not a valid Code" in caplog.text


async def test_what_is_active_of_a_device_that_is_forgotten_is_resolved(
    hub: MockConfigEntry, co2: str, alerts: AlertLog, told: Told
) -> None:
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    alerts.async_raise(Code.CO2_HIGH, uid="other")
    await hub.runtime_data.async_forget(co2)
    assert told.changes[-1] == (Change.RESOLVED, Code.CO2_HIGH)
    assert [one.uid for one in alerts.active()] == ["other"]


async def test_the_alerts_go_with_the_hub(
    hass: HomeAssistant, hub: MockConfigEntry, alerts: AlertLog, hass_storage: dict[str, Any]
) -> None:
    alerts.async_raise(Code.LEAK)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert _stored(hass_storage, hub)
    assert await hass.config_entries.async_remove(hub.entry_id)
    await hass.async_block_till_done()
    assert _stored(hass_storage, hub) is None
