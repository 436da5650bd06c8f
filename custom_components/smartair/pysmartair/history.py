"""What a device measured while nobody heard it, gathered by the hour; samples and times in, hours out, and no clock.

A burst comes as many batches, and a batch may come twice. So samples are kept until their hour is over and nothing
was added to it for a while; only then does the hour go out, and it goes out once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import fsum

from .device import LIVE_WINDOW
from .protocol.messages import Buffered, Message, Sample, Telemetry
from .protocol.metrics import CATALOGUE

HOUR = 3600

PAUSE = 30
"""Seconds for which nothing more must have come for an hour: batches of one burst follow each other closely."""

DOUBTFUL_PAUSE = 150
"""Seconds for the same of a late report without a mark: the next ones tell whether it is the clock that is late."""

UNPROVEN_PAUSE = 3 * HOUR
"""Seconds for the same of a device whose clock was never seen to be right: its next words tell whether it is."""

SETTLE = 60
"""Seconds after its end for which an hour is left alone: Home Assistant makes its own row ten seconds after it."""

MAX_AGE = 30 * 24 * HOUR
"""No device keeps more, and a clock that is a month behind was never set."""

MAX_KEPT = 10_000
"""Samples kept of one device, about 10 MB with a dozen measurements each: a week of one a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourStatistics:
    """What the samples of one measurement say of one hour; each counts alike, for how long it held nobody knows."""

    mean: float
    minimum: float
    maximum: float
    count: int


type Hours = Mapping[str, Mapping[int, HourStatistics]]
"""Of each metric, its hours by the Unix time of their beginning."""


def samples_of(message: Message) -> tuple[Sample, ...]:
    """Return the measurements in a message."""
    match message:
        case Telemetry():
            return (message.sample,)
        case Buffered():
            return message.samples
        case _:
            return ()


def by_our_clock(timestamp: float, lag: float | None, *, now: float) -> float:
    """Return a time of a device by our clock, where its own is known to be wrong by a lag (negative: ahead)."""
    if lag is None or -LIVE_WINDOW <= lag <= LIVE_WINDOW:
        return timestamp
    shifted = timestamp + lag
    # What would lie ahead of now was told by a clock that has been put right.
    return timestamp if shifted > now + LIVE_WINDOW >= timestamp else shifted


def placed(samples: Iterable[Sample], lag: float | None, *, now: float) -> tuple[Sample, ...]:
    """Return the samples of one message with their times by our clock."""
    samples = tuple(samples)
    newest = max((one.timestamp for one in samples if one.timestamp is not None), default=None)
    if newest is None or (shift := by_our_clock(newest, lag, now=now) - newest) == 0:
        return samples
    return tuple(one if one.timestamp is None else one._replace(timestamp=one.timestamp + shift) for one in samples)


def hour_of(timestamp: float) -> int:
    """Return when the hour of a time begins; both are Unix seconds, whose hours are those of UTC."""
    return int(timestamp // HOUR) * HOUR


def hours(samples: Mapping[float, Mapping[str, float]]) -> Hours:
    """Return the hours of samples by their time, of what was shown of them."""
    grouped: dict[str, dict[int, list[float]]] = {}
    for timestamp, values in samples.items():
        for name, value in values.items():
            grouped.setdefault(name, {}).setdefault(hour_of(timestamp), []).append(CATALOGUE[name].shown(value))
    return {name: {hour: _statistics(found) for hour, found in one.items()} for name, one in grouped.items()}


def _statistics(values: list[float]) -> HourStatistics:
    low, high = min(values), max(values)
    # The last digit of a sum must not lift the mean out of what was measured.
    mean = min(max(fsum(values) / len(values), low), high)
    return HourStatistics(mean=mean, minimum=low, maximum=high, count=len(values))


@dataclass(slots=True)
class _Hour:
    """The samples of one hour by their time, when the last of them came, and for how long to wait for more."""

    touched: float
    pause: float = PAUSE
    samples: dict[float, Mapping[str, float]] = field(default_factory=dict)

    def rests_at(self, begin: int, now: float) -> float:
        """Return when the hour that begins then can go out, if nothing more comes."""
        # What was touched after now was so before our own clock was set back.
        quiet = self.touched + self.pause if self.touched <= now else now
        return max(quiet, begin + HOUR + SETTLE)


class Backlog:
    """The samples of one device that wait for their hour to go out."""

    def __init__(self) -> None:
        """Begin with none."""
        self._hours: dict[int, _Hour] = {}
        self._kept = 0

    def add(self, samples: Iterable[Sample], *, now: float, pause: float = PAUSE) -> Counter[str]:
        """Keep samples that came now; return how many were kept, and how many were not and why."""
        counts: Counter[str] = Counter()
        for sample in samples:
            counts[self._add(sample, now, pause)] += 1
        return counts

    def drop(self, first: float, last: float) -> int:
        """Keep no sample any more that is dated between two times; return how many there were."""
        dropped = 0
        for hour in self._hours.values():
            misdated = [at for at in hour.samples if first <= at <= last]
            for at in misdated:
                del hour.samples[at]
            dropped += len(misdated)
        self._kept -= dropped
        return dropped

    def _add(self, sample: Sample, now: float, pause: float) -> str:
        timestamp, values = sample.timestamp, sample.values
        if timestamp is None or not values:
            return "no_time" if values else "empty"
        if not now - MAX_AGE <= timestamp <= now + LIVE_WINDOW:
            return "future" if timestamp > now else "too_old"
        return self._keep(timestamp, values, now, pause)

    def _keep(self, timestamp: float, values: Mapping[str, float], now: float, pause: float) -> str:
        hour = self._hours.setdefault(hour_of(timestamp), _Hour(now))
        hour.touched, hour.pause = now, pause
        before = hour.samples.get(timestamp)
        if before is None:
            if self._kept >= MAX_KEPT:
                return "too_many"
            self._kept += 1
            hour.samples[timestamp] = values
            return "kept"
        # One moment may be told in two messages, each with other measurements; what was told first stands.
        if before.keys() >= values.keys():
            return "duplicate"
        hour.samples[timestamp] = {**values, **before}
        return "kept"

    def take(self, *, now: float) -> Hours:
        """Return the hours that can go out, and keep them no longer."""
        ready = [begin for begin, hour in self._hours.items() if hour.rests_at(begin, now) <= now]
        samples: dict[float, Mapping[str, float]] = {}
        for begin in ready:
            samples |= self._hours.pop(begin).samples
        self._kept -= len(samples)
        return hours(samples)

    def due(self, *, now: float) -> float | None:
        """Return when the next hour can go out if nothing more comes, or None when none waits."""
        return min((hour.rests_at(begin, now) for begin, hour in self._hours.items()), default=None)
