"""What a device measured while it was offline is in Home Assistant's own statistics, and only there."""

from datetime import UTC, datetime
import time
from typing import TYPE_CHECKING, Any

import pytest

from lab.client import eventually

if TYPE_CHECKING:
    from .conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

UID = "shell-1"
HOUR = 3600


def burst(start: float, *values: float) -> dict[str, Any]:
    return {"buffered": True, "samples": [{"timestamp": start + 60 * i, "co2": one} for i, one in enumerate(values)]}


async def test_samples_from_an_outage_become_hours_of_the_statistics(house: House) -> None:
    house.script.publish(f"devices/{UID}/status", "online", retain=True)
    await house.add_hub()
    house.script.publish(f"devices/{UID}/telemetry", {"co2": 611})
    await house.approve(UID)
    house.script.publish(f"devices/{UID}/telemetry", {"co2": 612})
    await house.until(f"{UID}-co2", lambda value: value == "612")
    entity_id = (await house.entity_ids())[f"{UID}-co2"]
    first = int(time.time() // HOUR - 5) * HOUR

    for batch in (burst(first, 900, 1000, 1400), burst(first, 900, 1000, 1400), burst(first + HOUR, 800)):
        house.script.publish(f"devices/{UID}/telemetry", batch)

    async def statistics() -> list[dict[str, Any]]:
        found = await house.client.call(
            "recorder/statistics_during_period",
            start_time=datetime.fromtimestamp(first, UTC).isoformat(),
            statistic_ids=[entity_id],
            period="hour",
        )
        rows: list[dict[str, Any]] = found.get(entity_id, [])
        # The recorder enters them one hour after the other.
        return rows if len(rows) > 1 else []

    rows = await eventually(statistics, within=60, what="the statistics of the outage")
    assert [(row["start"] / 1000, row["mean"], row["min"], row["max"]) for row in rows] == [
        (first, 1100, 900, 1400),
        (first + HOUR, 800, 800, 800),
    ]
    assert await house.value(f"{UID}-co2") == "612"
