"""The machinery's own alerts: after a grace, one for each trouble, and never a storm."""

from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_send
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smartair.alerts.infrastructure import BROKER_GRACE, DEVICE_GRACE
from custom_components.smartair.alerts.log import AlertLog
from custom_components.smartair.pysmartair import Change, Code

from .conftest import CO2_TELEMETRY, NOW, Say, Wait


@pytest.fixture
def alerts(hub: MockConfigEntry) -> AlertLog:
    return hub.runtime_data.alerts  # type: ignore[no-any-return]


def _codes(alerts: AlertLog) -> list[tuple[Code, str | None]]:
    return [(alert.code, alert.uid) for alert in alerts.active()]


async def _broker(hass: HomeAssistant, *, up: bool) -> None:
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, up)
    await hass.async_block_till_done()


async def test_a_broker_that_is_away_for_a_moment_raises_nothing(
    hass: HomeAssistant, alerts: AlertLog, wait: Wait
) -> None:
    await _broker(hass, up=False)
    await wait(BROKER_GRACE - 5)
    await _broker(hass, up=True)
    await wait(BROKER_GRACE * 2)
    assert alerts.book.active == {}
    assert alerts.book.past == ()


async def test_a_broker_that_stays_away_is_raised_once_and_resolved(
    hass: HomeAssistant, alerts: AlertLog, wait: Wait
) -> None:
    await _broker(hass, up=False)
    await wait(BROKER_GRACE + 1)
    await wait(3600)
    assert _codes(alerts) == [(Code.MQTT_DOWN, None)]
    await _broker(hass, up=True)
    assert alerts.active() == []
    assert len(alerts.book.past) == 1


async def test_a_broker_that_dies_with_500_devices_is_one_alert(
    hass: HomeAssistant, hub: MockConfigEntry, alerts: AlertLog, say: Say, wait: Wait
) -> None:
    uids = [f"co2_{number}" for number in range(500)]
    await hub.runtime_data.async_approve(uids)
    for uid in uids:
        await say(uid, "status", "online")
    assert all(device.available for device in hub.runtime_data.devices.values())
    changes: list[Change] = []
    end = alerts.async_listen(lambda change, _: changes.append(change))
    await _broker(hass, up=False)
    for _ in range(4):
        await wait(DEVICE_GRACE)
    assert _codes(alerts) == [(Code.MQTT_DOWN, None)]
    await _broker(hass, up=True)
    for uid in uids[1:]:
        await say(uid, "status", "online")
    await say(uids[0], "status", "offline")
    await wait(DEVICE_GRACE + 1)
    assert _codes(alerts) == [(Code.DEVICE_OFFLINE, uids[0])]
    assert changes == [Change.RAISED, Change.RESOLVED, Change.RAISED]
    end()


async def test_a_device_that_comes_back_in_time_raises_nothing(
    alerts: AlertLog, co2: str, say: Say, wait: Wait
) -> None:
    for _ in range(3):
        await say(co2, "status", "offline")
        await wait(DEVICE_GRACE - 10)
        await say(co2, "status", "online")
        await wait(20)
    assert alerts.book.active == {}
    assert alerts.book.past == ()


async def test_a_device_that_stays_away_is_raised_and_resolved_when_it_is_back(
    alerts: AlertLog, co2: str, say: Say, wait: Wait
) -> None:
    await say(co2, "status", "offline")
    await wait(DEVICE_GRACE + 1)
    await wait(3600)
    assert _codes(alerts) == [(Code.DEVICE_OFFLINE, co2)]
    assert alerts.active()[0].raised_at == NOW + DEVICE_GRACE + 1
    await say(co2, "status", "online")
    assert alerts.active() == []


async def test_devices_that_go_one_after_the_other_are_raised_in_their_own_time(
    hub: MockConfigEntry, alerts: AlertLog, co2: str, say: Say, wait: Wait
) -> None:
    await hub.runtime_data.async_approve(["later"])
    await say("later", "status", "online")
    await say(co2, "status", "offline")
    await wait(DEVICE_GRACE / 2)
    await say("later", "status", "offline")
    await wait(DEVICE_GRACE / 2 + 1)
    assert _codes(alerts) == [(Code.DEVICE_OFFLINE, co2)]
    await wait(DEVICE_GRACE / 2)
    assert _codes(alerts) == [(Code.DEVICE_OFFLINE, co2), (Code.DEVICE_OFFLINE, "later")]


async def test_after_a_restart_a_device_that_is_still_away_is_not_raised_again(
    hass: HomeAssistant, hub: MockConfigEntry, alerts: AlertLog, co2: str, say: Say, wait: Wait
) -> None:
    await say(co2, "status", "offline")
    await wait(DEVICE_GRACE + 1)
    raised = alerts.active()
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    await wait(DEVICE_GRACE + 1)
    after: AlertLog = hub.runtime_data.alerts
    assert [alert.id for alert in after.active()] == [alert.id for alert in raised]
    assert after.book.past == ()
    await say(co2, "status", "online", retain=True)
    assert after.active() == []


async def test_a_device_that_its_owner_disabled_or_forgot_is_not_missed(
    hub: MockConfigEntry,
    alerts: AlertLog,
    co2: str,
    say: Say,
    wait: Wait,
    device_registry: dr.DeviceRegistry,
) -> None:
    await hub.runtime_data.async_approve(["gone"])
    device_id = hub.runtime_data.devices[co2].device_id
    await say(co2, "status", "offline")
    device_registry.async_update_device(device_id, disabled_by=dr.DeviceEntryDisabler.USER)
    await hub.runtime_data.async_forget("gone")
    await wait(DEVICE_GRACE + 1)
    assert alerts.active() == []


async def test_a_clock_that_is_wrong_is_an_alert_until_it_is_right(alerts: AlertLog, co2: str, say: Say) -> None:
    await say(co2, "telemetry", CO2_TELEMETRY | {"timestamp": NOW + 3600})
    assert [(one.code, one.values) for one in alerts.active()] == [(Code.CLOCK_SKEW, {"seconds": 3600})]
    await say(co2, "telemetry", CO2_TELEMETRY)
    assert alerts.active() == []


async def test_a_clock_that_was_set_right_during_a_restart_is_resolved_by_the_first_measurement(
    hass: HomeAssistant, hub: MockConfigEntry, alerts: AlertLog, co2: str, say: Say
) -> None:
    await say(co2, "telemetry", CO2_TELEMETRY | {"timestamp": NOW + 3600})
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    after: AlertLog = hub.runtime_data.alerts
    await say(co2, "status", "online", retain=True)
    assert _codes(after) == [(Code.CLOCK_SKEW, co2)]
    await say(co2, "telemetry", CO2_TELEMETRY)
    assert after.active() == []
    await say(co2, "telemetry", CO2_TELEMETRY | {"co2": 921})


async def test_a_clock_that_is_still_wrong_after_a_restart_is_not_raised_again(
    hass: HomeAssistant, hub: MockConfigEntry, alerts: AlertLog, co2: str, say: Say
) -> None:
    await say(co2, "telemetry", CO2_TELEMETRY | {"timestamp": NOW + 3600})
    raised = alerts.active()[0].id
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    await say(co2, "telemetry", CO2_TELEMETRY | {"timestamp": NOW + 3600})
    after: AlertLog = hub.runtime_data.alerts
    assert [alert.id for alert in after.active()] == [raised]
    assert after.book.past == ()


async def test_values_that_nobody_knows_are_noted_once_for_each_set_of_names(
    hass: HomeAssistant, hub: MockConfigEntry, alerts: AlertLog, co2: str, say: Say, wait: Wait
) -> None:
    for _ in range(2):
        await say(co2, "telemetry", CO2_TELEMETRY | {"temprature": 20})
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    after: AlertLog = hub.runtime_data.alerts
    await say(co2, "telemetry", CO2_TELEMETRY | {"temprature": 20})
    assert [(one.code, one.values) for one in after.book.past] == [(Code.UNKNOWN_METRIC, {"names": "temprature"})]
    await wait(60)
    await say(co2, "telemetry", CO2_TELEMETRY | {"temprature": 20, "humid": 1})
    assert [one.values["names"] for one in after.book.past] == ["temprature", "humid, temprature"]


async def _minutes(say: Say, wait: Wait, uid: str, minutes: int, **content: object) -> None:
    for minute in range(minutes):
        await say(uid, "telemetry", {**content, "uptime": minute})
        await wait(60)


@pytest.mark.parametrize(
    ("content", "text"),
    [({"uptime": 1}, "no_values"), ({"buffered": True, "timestamp": NOW - 7200, "co2": 700}, "no_values_late")],
)
async def test_a_device_that_is_online_without_one_value_is_told_of_until_there_is_one(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    say: Say,
    wait: Wait,
    issue_registry: ir.IssueRegistry,
    content: dict[str, object],
    text: str,
) -> None:
    key = "smartair", f"no_values/{hub.entry_id}/mute/"
    await say("mute", "status", "online", retain=True)
    await hub.runtime_data.async_approve(["mute"])
    await _minutes(say, wait, "mute", 15, **content)
    assert key not in issue_registry.issues
    await _minutes(say, wait, "mute", 10, **content)
    assert issue_registry.issues[key].translation_key == text
    await _minutes(say, wait, "mute", 6, co2=700)
    assert key not in issue_registry.issues


async def test_a_device_with_nothing_to_measure_is_not_told_of(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait, issue_registry: ir.IssueRegistry
) -> None:
    await say("bell", "info", {"protocol": 1, "device_type": "multi"}, retain=True)
    await hub.runtime_data.async_approve(["bell"])
    await _minutes(say, wait, "bell", 30)
    assert not [key for key in issue_registry.issues if "no_values" in key[1]]
