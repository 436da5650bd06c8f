"""The water meter of a zone in the recorder's own statistics: one that begins again gives no water back."""

from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder import Recorder, get_instance
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

from custom_components.smartair.pysmartair import RunRecord
from custom_components.smartair.pysmartair.safety import Role
from custom_components.smartair.zones.zone import Zone

from .conftest import NOW
from .zone_house import DATA
from .zone_rack import add_zone

METER = "sensor.tent_water_used"
START = datetime.fromtimestamp(NOW // 300 * 300, UTC)


@pytest.fixture(autouse=True)
def _custom_integrations(recorder_mock: Recorder, enable_custom_integrations: None) -> None:
    """Have a recorder, which must be there before everything else."""


def fill(zone: Zone, litres: float) -> None:
    """Enter a run that brought water in."""
    now = datetime.now(UTC).timestamp()
    record = RunRecord(
        cmd_id=f"run {now}",
        uid=None,
        channel="switch.fill",
        zone=zone.zone_id,
        role=Role.FILL,
        litres=litres,
        seconds=60.0,
        mean_flow=litres,
        started=now - 60,
        ended=now,
        ended_by="finished",
    )
    zone.zones.pumps.async_record(record)
    zone.async_tick()


async def period(hass: HomeAssistant, freezer: FrozenDateTimeFactory, number: int) -> None:
    """Let five minutes end and be compiled."""
    freezer.move_to(START + timedelta(minutes=5 * number + 4, seconds=50))
    async_fire_time_changed(hass)
    await hass.async_block_till_done(wait_background_tasks=True)
    await async_wait_recording_done(hass)
    do_adhoc_statistics(hass, start=START + timedelta(minutes=5 * number))
    freezer.move_to(START + timedelta(minutes=5 * number + 5, seconds=1))
    await async_wait_recording_done(hass)


async def changes(hass: HomeAssistant) -> list[float]:
    found: dict[str, Any] = await get_instance(hass).async_add_executor_job(
        statistics_during_period, hass, START, None, {METER}, "5minute", None, {"change"}
    )
    return [round(row["change"], 2) for row in found[METER] if row.get("change") is not None]


async def test_a_zone_that_is_deleted_and_added_again_gives_no_water_back(
    hass: HomeAssistant, hub: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    assert er.async_get(hass).async_get(METER) is None
    zone = await add_zone(hass, hub, DATA)
    await period(hass, freezer, 0)
    fill(zone, 8.48)
    await period(hass, freezer, 1)
    hass.config_entries.async_remove_subentry(hub, zone.zone_id)
    await hass.async_block_till_done()
    zone = await add_zone(hass, hub, DATA)
    await period(hass, freezer, 2)
    fill(zone, 2.0)
    await period(hass, freezer, 3)
    told = await changes(hass)
    assert min(told) >= 0, told
    assert sum(told) == pytest.approx(10.48)
