"""What a device measured while it was offline, on its way into the recorder's long-term statistics.

An hour of it becomes one row of the measurement's sensor, once the hour is over and if the recorder has none. So
nothing that was recorded live is ever touched: where a device was online for a part of an hour, that part alone
makes the row, and hours in which Home Assistant was down keep the flat rows that the recorder makes of them when it
starts. The current hour waits for its end, in memory; what waits when the hub is unloaded is lost.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
import logging
import time

from homeassistant.components.recorder import DOMAIN as RECORDER, get_instance
from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import (
    STATISTIC_UNIT_TO_UNIT_CONVERTER,
    UNIT_CLASS_TO_UNIT_CONVERTER,
    async_import_statistics,
    get_metadata,
    statistics_during_period,
)
from homeassistant.components.recorder.tasks import SynchronizeTask
from homeassistant.components.sensor import SensorEntity, SensorStateClass
from homeassistant.components.sensor.const import UNIT_CONVERTERS
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_track_point_in_utc_time

from ..connection import Connection
from ..pysmartair import HOUR, PAUSE, Backlog, Hours, HourStatistics, Sample

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorded:
    """What the recorder has of a statistic: what it is, and the Unix times of the hours that have a row."""

    metadata: StatisticMetaData | None
    hours: frozenset[float]


class DeviceHistory:
    """The way of one device's past into the statistics of its sensors."""

    def __init__(
        self, connection: Connection, turn: asyncio.Lock, uid: str, sensors: Mapping[str, SensorEntity]
    ) -> None:
        """Begin with nothing to import; the sensors, by metric, are those there are at any moment."""
        self.counts: Counter[str] = Counter()
        self._connection = connection
        self._turn = turn
        self._uid = uid
        self._backlog = Backlog()
        self._sensors = sensors
        self._due = 0.0
        self._timer: CALLBACK_TYPE | None = None
        self._job = HassJob(self._async_ring, cancel_on_shutdown=True)

    @callback
    def async_add(self, samples: Iterable[Sample], now: float, pause: float = PAUSE) -> None:
        """Keep what was measured in the past until its hours can be imported."""
        self.counts += self._backlog.add(samples, now=now, pause=pause)
        self._schedule(now + pause)

    @callback
    def async_drop(self, first: float, last: float) -> None:
        """Forget what was dated between two times by a clock that turned out to be wrong: it was of now."""
        self.counts["misdated"] += self._backlog.drop(first, last)

    @callback
    def async_stop(self) -> None:
        """End the timer; what still waits is lost, for its sensors are gone."""
        if self._timer is not None:
            self._timer()
            self._timer = None

    def _schedule(self, due: float) -> None:
        """Look at what waits at this time at the latest."""
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer()
        self._due = due
        when = datetime.fromtimestamp(due, UTC)
        self._timer = async_track_point_in_utc_time(self._connection.hass, self._job, when)

    @callback
    def _async_ring(self, _now: datetime) -> None:
        self._timer = None
        now = time.time()
        if found := self._backlog.take(now=now):
            self._connection.async_create_task(self._async_import(found), f"import history of {self._uid}")
        if (due := self._backlog.due(now=now)) is not None:
            # Never in a tight circle, whatever the clock does.
            self._schedule(max(due, now + 1))

    async def _async_import(self, found: Hours) -> None:
        """Give the recorder the hours that it has no row for."""
        hass = self._connection.hass
        if RECORDER not in hass.config.components:
            self.counts["hours_without_recorder"] += sum(map(len, found.values()))
            return
        # One device after the other: after an outage of the broker a whole fleet has something to tell.
        async with self._turn:
            await _async_caught_up(hass)
            sensors = self._wanted(found)
            begins = [begin for metric in sensors for begin in found[metric]]
            if not begins:
                return
            recorded = await get_instance(hass).async_add_executor_job(
                _recorded, hass, frozenset(sensor.entity_id for sensor in sensors.values()), min(begins), max(begins)
            )
            for metric, sensor in sensors.items():
                self._import(sensor, found[metric], recorded[sensor.entity_id])

    def _wanted(self, found: Hours) -> dict[str, SensorEntity]:
        """Return the sensors by metric; none that is disabled, or that the owner keeps out of the recorder."""
        wanted = get_instance(self._connection.hass).entity_filter
        sensors = {
            metric: sensor
            for metric in found
            if (sensor := self._sensors.get(metric)) is not None
            and sensor.state_class is SensorStateClass.MEASUREMENT
            and (wanted is None or wanted(sensor.entity_id))
        }
        self.counts["hours_without_sensor"] += sum(len(found[metric]) for metric in found.keys() - sensors.keys())
        return sensors

    def _import(self, sensor: SensorEntity, found: Mapping[int, HourStatistics], recorded: _Recorded) -> None:
        missing = {begin: hour for begin, hour in found.items() if begin not in recorded.hours}
        self.counts["hours_recorded"] += len(found) - len(missing)
        if not missing:
            return
        metadata = recorded.metadata.copy() if recorded.metadata else _metadata(sensor)
        convert = _converter(sensor, metadata)
        if convert is None:
            self.counts["hours_in_another_unit"] += len(missing)
            _LOGGER.debug(
                "History of %s in %s does not fit its statistics: %s",
                sensor.entity_id,
                sensor.native_unit_of_measurement,
                metadata,
            )
            return
        rows = [
            StatisticData(
                start=datetime.fromtimestamp(begin, UTC),
                mean=convert(hour.mean),
                min=convert(hour.minimum),
                max=convert(hour.maximum),
            )
            for begin, hour in sorted(missing.items())
        ]
        async_import_statistics(self._connection.hass, metadata, rows)
        self.counts["hours_imported"] += len(rows)


async def _async_caught_up(hass: HomeAssistant) -> None:
    """Wait until the recorder has made every row of its own that it has to make of hours that are over.

    A row of ours that was there before would make it lose what it compiles for all sensors. It queues the rows it
    missed while Home Assistant was down before it calls itself ready, and handles its queue in order.
    """
    instance = get_instance(hass)
    await instance.async_recorder_ready.wait()
    done = hass.loop.create_future()
    instance.queue_task(SynchronizeTask(done))
    await done


def _recorded(hass: HomeAssistant, statistic_ids: frozenset[str], first: int, last: int) -> dict[str, _Recorded]:
    """Return what the recorder has from the first to the last hour; to be run in its executor."""
    ids = set(statistic_ids)
    metadata = get_metadata(hass, statistic_ids=ids)
    start, end = datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last + HOUR, UTC)
    rows = statistics_during_period(hass, start, end, ids, "hour", None, {"mean"})
    return {
        one: _Recorded(
            metadata=metadata[one][1] if one in metadata else None,
            hours=frozenset(row["start"] for row in rows.get(one, ())),
        )
        for one in ids
    }


def _metadata(sensor: SensorEntity) -> StatisticMetaData:
    """Return what a statistic is that the recorder does not know yet, as the recorder itself would say it."""
    unit = sensor.native_unit_of_measurement
    converter = UNIT_CONVERTERS.get(sensor.device_class)
    if converter is None or unit not in converter.VALID_UNITS:
        converter = STATISTIC_UNIT_TO_UNIT_CONVERTER.get(unit)
    return StatisticMetaData(
        mean_type=StatisticMeanType.ARITHMETIC,
        has_sum=False,
        name=None,
        source=RECORDER,
        statistic_id=sensor.entity_id,
        unit_class=converter.UNIT_CLASS if converter else None,
        unit_of_measurement=unit,
    )


def _converter(sensor: SensorEntity, metadata: StatisticMetaData) -> Callable[[float], float] | None:
    """Return what brings a value into a statistic's unit (Fahrenheit, say), or None where nothing can."""
    unit, wanted = sensor.native_unit_of_measurement, metadata["unit_of_measurement"]
    if metadata["mean_type"] is not StatisticMeanType.ARITHMETIC or metadata["has_sum"]:
        return None
    if unit == wanted:
        return float
    converter = UNIT_CLASS_TO_UNIT_CONVERTER.get(metadata["unit_class"])
    if converter is None or not {unit, wanted} <= converter.VALID_UNITS:
        return None
    return converter.converter_factory(unit, wanted)
