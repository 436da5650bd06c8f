"""What a device measured while it was offline becomes history: rows where the recorder has none, and nothing else."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
import json
import logging
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder import Recorder, get_instance
from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import (
    async_import_statistics,
    get_metadata,
    statistics_during_period,
)
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_block_recorder,
    async_wait_recording_done,
    do_adhoc_statistics,
)

from custom_components.smartair.const import DOMAIN

from . import recordings
from .conftest import CO2_TELEMETRY, NOW, Say, Wait

CO2 = "sensor.bedroom_bedroom_air_co2"
TEMPERATURE = "sensor.bedroom_bedroom_air_temperature"

# The hour in which a test begins, 800 seconds before it does, and a whole one before.
CURRENT = NOW // 3600 * 3600
TEN = CURRENT - 3 * 3600

type Rows = Callable[..., Awaitable[dict[int, tuple[float | None, ...]]]]


@pytest.fixture(autouse=True)
def _custom_integrations(recorder_mock: Recorder, enable_custom_integrations: None) -> None:
    """Have a recorder, which must be there before everything else."""


@pytest.fixture
def rows(hass: HomeAssistant, wait: Wait) -> Rows:
    """Let the time of an import come, and return mean, minimum and maximum of each hour that has a row."""

    async def read(entity_id: str = CO2, seconds: float = 31) -> dict[int, tuple[float | None, ...]]:
        await wait(seconds)
        await hass.async_block_till_done(wait_background_tasks=True)
        await async_wait_recording_done(hass)
        start = datetime.fromtimestamp(NOW - 40 * 86_400, UTC)
        found = await get_instance(hass).async_add_executor_job(
            statistics_during_period, hass, start, None, {entity_id}, "hour", None, {"mean", "min", "max"}
        )
        return {
            int(row["start"]): (row.get("mean"), row.get("min"), row.get("max")) for row in found.get(entity_id, ())
        }

    return read


def _burst(hour: int, *values: float, metric: str = "co2") -> dict[str, Any]:
    samples = [{"timestamp": hour + 60 * index, metric: value} for index, value in enumerate(values)]
    return {"buffered": True, "samples": samples}


def _record(hass: HomeAssistant, entity_id: str, unit: str | None, unit_class: str | None, **values: Any) -> None:
    """Have a row there that was recorded before."""
    metadata = StatisticMetaData(
        mean_type=StatisticMeanType.ARITHMETIC,
        has_sum=False,
        name=None,
        source="recorder",
        statistic_id=entity_id,
        unit_class=unit_class,
        unit_of_measurement=unit,
    )
    row = StatisticData(start=datetime.fromtimestamp(TEN, UTC), mean=1, min=1, max=1)
    async_import_statistics(hass, metadata | values, [row])


def _counts(hub: MockConfigEntry) -> dict[str, int]:
    return dict(+hub.runtime_data.devices["co2_001"].history.counts)


async def _known(hass: HomeAssistant, entity_id: str) -> StatisticMetaData:
    found = await get_instance(hass).async_add_executor_job(lambda: get_metadata(hass, statistic_ids={entity_id}))
    return found[entity_id][1]


async def test_what_was_measured_offline_becomes_a_row_of_each_hour_that_is_over(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, rows: Rows
) -> None:
    await say(co2, "telemetry", _burst(TEN, 900, 1000, 1400))
    await say(co2, "telemetry", _burst(TEN + 3600, 800))
    assert await rows() == {TEN: (1100, 900, 1400), TEN + 3600: (800, 800, 800)}
    known = await _known(hass, CO2)
    assert (known["unit_of_measurement"], known["unit_class"]) == ("ppm", "unitless")
    assert (known["mean_type"], known["has_sum"]) == (StatisticMeanType.ARITHMETIC, False)
    assert _counts(hub) == {"kept": 4, "hours_imported": 2}


async def test_telemetry_that_comes_too_late_to_be_live_is_history_too(
    hass: HomeAssistant, co2: str, say: Say, rows: Rows
) -> None:
    await say(co2, "telemetry", CO2_TELEMETRY | {"timestamp": TEN, "co2": 1700})
    # Three of them at one pace would be a clock that is late.
    assert await rows(seconds=151) == {TEN: (1700, 1700, 1700)}
    assert await rows(TEMPERATURE) == {TEN: (25.1, 25.1, 25.1)}


BEHIND, AHEAD = 8 * 3600, -5400


@pytest.fixture
async def by_a_wrong_clock(co2: str, say: Say, wait: Wait, lag: int) -> str:
    """A device that is known to be behind, or ahead, by so many seconds."""
    for _ in range(4):
        await wait(30)
        await say(co2, "telemetry", {"co2": 700, "timestamp": time.time() - lag})
    return co2


@pytest.mark.parametrize(("lag", "marked"), [(BEHIND, True), (AHEAD, False)])
async def test_what_a_wrong_clock_kept_is_placed_by_ours(
    hub: MockConfigEntry, by_a_wrong_clock: str, say: Say, rows: Rows, lag: int, marked: bool
) -> None:
    samples = [{"timestamp": TEN + 60 * one - lag, "co2": 900 + one} for one in range(3)]
    for late in [_burst(TEN - lag, 900, 901, 902)] if marked else samples:
        await say(by_a_wrong_clock, "telemetry", late)
    assert await rows(seconds=151) == {TEN: (901, 900, 902)}


@pytest.mark.parametrize("lag", [BEHIND])
async def test_what_a_clock_dates_that_was_put_right_stays_where_it_is(
    by_a_wrong_clock: str, say: Say, rows: Rows, lag: int
) -> None:
    await say(by_a_wrong_clock, "telemetry", _burst(TEN, 900, 901, 902))
    assert await rows(seconds=151) == {TEN: (901, 900, 902)}


@pytest.mark.parametrize("lag", [BEHIND])
async def test_a_lag_is_remembered_over_a_reload_for_what_was_kept_meanwhile(
    hass: HomeAssistant, hub: MockConfigEntry, by_a_wrong_clock: str, say: Say, rows: Rows, lag: int
) -> None:
    await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done()
    await say(by_a_wrong_clock, "telemetry", _burst(TEN - lag, 900, 901, 902))
    assert await rows(seconds=151) == {TEN: (901, 900, 902)}


# A clock that was right has had its hours by then.
@pytest.mark.parametrize(("pace", "proven"), [(30, True), (3600, False)])
async def test_live_values_of_a_clock_that_turns_out_to_be_behind_leave_nothing_in_the_past(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait, rows: Rows, pace: int, proven: bool
) -> None:
    uid = "slow_001"
    await say(uid, "telemetry", {"co2": 650})
    await hub.runtime_data.async_approve([uid])
    await hass.async_block_till_done()
    if proven:
        await say(uid, "telemetry", {"co2": 650, "timestamp": time.time()})
    for _ in range(4):
        await wait(pace)
        await say(uid, "telemetry", {"co2": 700, "timestamp": time.time() - BEHIND})
    assert hub.runtime_data.devices[uid].snapshot.values == {"co2": 700}
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{uid}-co2")
    past = {hour for hour in await rows(entity_id, seconds=4 * 3600) if hour < CURRENT}
    assert past == set()


async def test_history_writes_no_state_and_fires_no_event(
    hass: HomeAssistant, co2: str, say: Say, rows: Rows
) -> None:
    before = {state.entity_id: state.last_reported for state in hass.states.async_all()}
    changes: list[Event] = []

    @callback
    def note(event: Event) -> None:
        changes.append(event)

    hass.bus.async_listen("state_changed", note)
    await say(co2, "telemetry", _burst(TEN, 900))
    assert await rows()
    assert changes == []
    assert {state.entity_id: state.last_reported for state in hass.states.async_all()} == before


async def test_a_batch_that_comes_twice_counts_once(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, rows: Rows
) -> None:
    await say(co2, "telemetry", _burst(TEN, 900, 1000))
    await say(co2, "telemetry", _burst(TEN, 900, 1000))
    await say(co2, "telemetry", _burst(TEN + 120, 1100))
    assert await rows() == {TEN: (1000, 900, 1100)}
    await say(co2, "telemetry", _burst(TEN, 5000))
    assert await rows() == {TEN: (1000, 900, 1100)}
    assert _counts(hub) == {"kept": 4, "duplicate": 2, "hours_imported": 1, "hours_recorded": 1}


async def test_a_row_that_is_there_is_never_touched(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, rows: Rows
) -> None:
    _record(hass, CO2, "ppm", "unitless")
    await say(co2, "telemetry", _burst(TEN, 900))
    await say(co2, "telemetry", _burst(TEN + 3600, 800))
    assert await rows() == {TEN: (1, 1, 1), TEN + 3600: (800, 800, 800)}
    assert _counts(hub) == {"kept": 2, "hours_imported": 1, "hours_recorded": 1}


async def test_the_current_hour_waits_for_its_end_and_gives_way_to_what_was_live_in_it(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, rows: Rows, freezer: FrozenDateTimeFactory
) -> None:
    await say(co2, "telemetry", _burst(CURRENT, 700))
    await say(co2, "telemetry", _burst(CURRENT, 21, metric="water_temperature"))
    assert await rows() == {}
    # What the recorder makes of the last five minutes of an hour, and with them of the hour.
    freezer.move_to(datetime.fromtimestamp(CURRENT + 3600 + 10, UTC))
    await say(co2, "telemetry", CO2_TELEMETRY | {"co2": 950, "timestamp": 0})
    do_adhoc_statistics(hass, start=datetime.fromtimestamp(CURRENT + 3300, UTC))
    await async_wait_recording_done(hass)
    live = await rows(seconds=0)
    assert live == {CURRENT: (920, 920, 920)}
    assert await rows(seconds=60) == live
    assert await rows("sensor.bedroom_bedroom_air_water_temperature") == {CURRENT: (21, 21, 21)}
    assert _counts(hub) == {"kept": 2, "hours_imported": 1, "hours_recorded": 1}


async def test_a_burst_need_not_wait_for_the_end_of_the_current_hour(
    hass: HomeAssistant, co2: str, say: Say, rows: Rows
) -> None:
    await say(co2, "telemetry", _burst(CURRENT, 700))
    assert await rows() == {}
    await say(co2, "telemetry", _burst(TEN, 900))
    assert await rows() == {TEN: (900, 900, 900)}


async def test_a_row_comes_in_the_unit_that_the_statistic_has(
    hass: HomeAssistant, co2: str, say: Say, rows: Rows
) -> None:
    _record(hass, TEMPERATURE, "°F", "temperature")
    await say(co2, "telemetry", _burst(TEN + 3600, 20, 30, metric="temperature"))
    await rows(TEMPERATURE)
    assert (await _known(hass, TEMPERATURE))["unit_of_measurement"] == "°F"
    hass.states.async_remove(TEMPERATURE)
    assert (await rows(TEMPERATURE))[TEN + 3600] == pytest.approx((77, 68, 86))


@pytest.mark.parametrize(
    ("unit", "unit_class", "values"),
    [
        ("grains", None, {}),
        ("ppm", "unitless", {"has_sum": True}),
        ("ppm", "unitless", {"mean_type": StatisticMeanType.NONE}),
        ("°F", "temperature", {}),
    ],
)
async def test_a_statistic_of_another_kind_is_left_alone(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    co2: str,
    say: Say,
    rows: Rows,
    unit: str,
    unit_class: str | None,
    values: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.smartair")
    _record(hass, CO2, unit, unit_class, **values)
    await async_wait_recording_done(hass)
    before = await _known(hass, CO2)
    await say(co2, "telemetry", _burst(TEN + 3600, 900))
    assert TEN + 3600 not in await rows()
    assert await _known(hass, CO2) == before
    assert _counts(hub) == {"kept": 1, "hours_in_another_unit": 1}
    assert f"History of {CO2} in ppm does not fit its statistics" in caplog.text


async def test_what_is_no_history_is_counted_and_left_out(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, rows: Rows
) -> None:
    times = [None, 0, NOW + 121, NOW - 31 * 86_400, TEN]
    samples = [{"timestamp": one, "co2": 900} for one in times]
    await say(co2, "telemetry", {"buffered": True, "samples": samples})
    assert await rows() == {TEN: (900, 900, 900)}
    assert _counts(hub) == {"no_time": 2, "future": 1, "too_old": 1, "kept": 1, "hours_imported": 1}


async def test_a_retained_burst_is_no_history(hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say) -> None:
    await say(co2, "telemetry", _burst(TEN, 900), retain=True)
    assert hub.runtime_data.devices[co2].history is None


async def test_a_sensor_that_is_disabled_gets_no_row(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, rows: Rows, entity_registry: er.EntityRegistry
) -> None:
    entity_registry.async_update_entity(CO2, disabled_by=er.RegistryEntryDisabler.USER)
    await hass.async_block_till_done()
    await say(co2, "telemetry", _burst(TEN, 900) | {"rssi": -60})
    await say(co2, "telemetry", _burst(TEN, -60, metric="rssi"))
    assert await rows() == {}
    assert _counts(hub) == {"kept": 2, "hours_without_sensor": 2}


@pytest.mark.parametrize("recorder_config", [{"exclude": {"entities": [CO2]}}])
async def test_a_sensor_that_the_owner_keeps_out_of_the_recorder_gets_no_row(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, rows: Rows
) -> None:
    await say(co2, "telemetry", _burst(TEN, 900))
    await say(co2, "telemetry", _burst(TEN, 20, metric="temperature"))
    assert await rows() == {}
    assert await rows(TEMPERATURE) == {TEN: (20, 20, 20)}
    assert _counts(hub) == {"kept": 2, "hours_without_sensor": 1, "hours_imported": 1}


async def test_the_recorders_own_rows_come_first_whatever_waits_in_its_queue(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait, rows: Rows
) -> None:
    await async_wait_recording_done(hass)
    await say(co2, "telemetry", _burst(CURRENT, 700))
    await wait(CURRENT + 3600 + 59 - NOW)
    await async_block_recorder(hass, 0.5)
    do_adhoc_statistics(hass, start=datetime.fromtimestamp(CURRENT + 3300, UTC))
    assert await rows() == {CURRENT: (920, 920, 920)}
    assert _counts(hub) == {"kept": 1, "hours_recorded": 1}


async def test_without_a_recorder_history_is_counted_and_dropped(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, rows: Rows
) -> None:
    hass.config.components.remove("recorder")
    await say(co2, "telemetry", _burst(TEN, 900))
    assert await rows() == {}
    assert _counts(hub) == {"kept": 1, "hours_without_recorder": 1}


async def test_nothing_is_imported_before_the_recorder_is_ready(
    hass: HomeAssistant, co2: str, say: Say, wait: Wait, rows: Rows
) -> None:
    ready = get_instance(hass).async_recorder_ready
    ready.clear()
    await say(co2, "telemetry", _burst(TEN, 900))
    await wait(31)
    await async_wait_recording_done(hass)
    assert not await get_instance(hass).async_add_executor_job(lambda: get_metadata(hass, statistic_ids={CO2}))
    ready.set()
    assert await rows() == {TEN: (900, 900, 900)}


async def test_no_timer_outlives_the_hub_or_a_device(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, rows: Rows
) -> None:
    await say(co2, "telemetry", _burst(TEN, 900))
    history = hub.runtime_data.devices[co2].history
    assert await hass.config_entries.async_unload(hub.entry_id)
    assert history._timer is None  # noqa: SLF001 - that nothing rings is all there is to see
    assert await rows() == {}


async def test_a_recorded_outage_ends_in_the_statistics(
    hass: HomeAssistant, hub: MockConfigEntry, rows: Rows, freezer: FrozenDateTimeFactory
) -> None:
    measured: dict[float, float] = {}
    messages = recordings.load("outage")
    # As if the broker had kept all of it from Home Assistant for two hours, and gave it out at once; at the pace of
    # the device, as this was played before, it would be a device whose clock is two hours behind.
    freezer.move_to(datetime.fromtimestamp(messages[-1].at + 7200, UTC))
    for message in messages:
        async_fire_mqtt_message(hass, message.topic, message.payload, message.qos, message.retain)
        await hass.async_block_till_done()
        await hub.runtime_data.async_approve({"multi_001"} - hub.runtime_data.devices.keys())
        said = json.loads(message.payload) if message.topic.endswith("/telemetry") else {"samples": []}
        for sample in said.get("samples", [said]):
            measured.setdefault(sample["timestamp"], sample["co2"])
    device = hub.runtime_data.devices["multi_001"]
    ((hour, found),) = (await rows("sensor.living_room_air_monitor_co2")).items()
    values = measured.values()
    assert (hour, *found[1:]) == (CURRENT, min(values), max(values))
    assert found[0] == pytest.approx(sum(values) / len(values))
    assert device.snapshot.values == {}
    assert device.history.counts["kept"] == device.snapshot.buffered > len(measured)
