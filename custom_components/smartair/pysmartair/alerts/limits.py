"""Is a measurement too high or too low? A level with a band, a time that it must last, and a night of its own.

Everything is told by level and not by edge: what holds is found out anew with each value, after a restart as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time
from enum import StrEnum, auto
from functools import lru_cache
from math import inf, isfinite, nextafter
from types import MappingProxyType

from .book import Code, Severity

MINUTE = 60


class Side(StrEnum):
    """Which side of a level is the wrong one."""

    HIGH = auto()
    LOW = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a measurement may not pass, in its own unit, and for how many seconds it may."""

    metric: str
    side: Side
    level: float
    hysteresis: float = 0
    delay: float = 0
    severity: Severity = Severity.WARNING
    night_level: float | None = None
    night_quiet: bool = False
    night_begin: time = time(22)
    night_end: time = time(7)

    @property
    def nightly(self) -> bool:
        """Whether the night is other than the day."""
        return self.night_quiet or self.night_level is not None

    @property
    def code(self) -> Code:
        """The code of the alert."""
        return LIMIT_CODES[self.metric, self.side]

    def level_at(self, *, night: bool) -> float:
        """Return the level by day or by night."""
        return self.night_level if night and self.night_level is not None else self.level

    def beyond(self, value: float, *, night: bool) -> bool:
        """Tell whether a value is on the wrong side."""
        level = self.level_at(night=night)
        return value > level if self.side is Side.HIGH else value < level

    def back(self, value: float, *, night: bool) -> bool:
        """Tell whether a value is on the right side by more than the band."""
        level = self.level_at(night=night)
        if self.side is Side.HIGH:
            return value <= level - self.hysteresis
        return value >= level + self.hysteresis

    def silent(self, *, night: bool) -> bool:
        """Tell whether nothing is raised now; what is critical is raised at any hour."""
        return night and self.night_quiet and self.severity is not Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Watched:
    """Where a measurement stands: raised or not, since when it has been otherwise, and since when it is unknown."""

    raised: bool = False
    since: float | None = None
    gap: float | None = None


CALM = Watched()


class Turn(StrEnum):
    """What a value means."""

    RAISE = auto()
    RESOLVE = auto()


def watch(
    before: Watched, limit: Limit, value: float | None, *, now: float, night: bool
) -> tuple[Watched, Turn | None]:
    """Take in what a measurement is, or None where it is not known; return where it stands and what that means."""
    if value is None:
        # What is not known is neither good nor bad: what was raised stays, and nothing is raised.
        return (before if before.gap is not None else replace(before, gap=now)), None
    turning = limit.back(value, night=night) if before.raised else limit.beyond(value, night=night)
    if not turning or (not before.raised and limit.silent(night=night)):
        return (CALM if not before.raised else _RAISED), None
    since = _since(before, limit, now)
    if now - since < limit.delay:
        return Watched(before.raised, since), None
    return (CALM, Turn.RESOLVE) if before.raised else (_RAISED, Turn.RAISE)


_RAISED = Watched(raised=True)


def _since(before: Watched, limit: Limit, now: float) -> float:
    """Return since when it has been so; after an absence longer than the delay, that begins anew."""
    if before.since is None or before.since > now:
        return now
    if before.gap is not None and not now - limit.delay <= before.gap <= now:
        return now
    return before.since


def due(state: Watched, limit: Limit) -> float | None:
    """Return when it will have lasted long enough if nothing changes, or None where nothing is to be waited for."""
    return None if state.since is None or state.gap is not None else state.since + limit.delay


type Steady = tuple[str, float, float]
"""A metric, and the lowest and the highest value that leave it where it stands, or the higher first where that is not
to be known. No value is infinite."""


def steady(state: Watched, limit: Limit) -> Steady:
    """Return which values change nothing at any hour, until the limit is due."""
    if state.gap is not None:
        return limit.metric, inf, -inf
    if limit.nightly and state.since is not None:
        return limit.metric, inf, inf
    return _steady(limit, (state.since is None) is state.raised, limit.hysteresis if state.raised else 0)


@lru_cache(maxsize=1024)
def _steady(limit: Limit, wrong: bool, band: float) -> Steady:  # noqa: FBT001 - the key of a cache
    """Return the values beyond every level, or back from them all; the devices of a fleet share it."""
    levels = [level for level in (limit.level, limit.night_level) if level is not None]
    high = limit.side is Side.HIGH
    edges = [level - band if high else level + band for level in levels]
    # Beyond is beyond the outermost of them, and back is within the innermost.
    edge = max(edges) if wrong is high else min(edges)
    if wrong:
        return (limit.metric, nextafter(edge, inf), inf) if high else (limit.metric, -inf, nextafter(edge, -inf))
    return (limit.metric, -inf, edge) if high else (limit.metric, edge, inf)


def is_night(moment: time, begin: time, end: time) -> bool:
    """Tell whether a time of day lies in a night, which may pass midnight; a night without length is none."""
    return begin <= moment < end if begin <= end else moment >= begin or moment < end


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits of one measurement: either side, or neither where it raises nothing."""

    high: float | None = None
    low: float | None = None
    hysteresis: float = 0
    delay: float = 2 * MINUTE
    severity: Severity = Severity.WARNING
    night_high: float | None = None
    night_quiet: bool = False
    night_begin: time = time(22)
    night_end: time = time(7)

    def limits(self, metric: str) -> tuple[Limit, ...]:
        """Return the limits that there are."""
        sides = ((Side.HIGH, self.high, self.night_high), (Side.LOW, self.low, None))
        return tuple(
            Limit(
                metric=metric,
                side=side,
                level=level,
                hysteresis=self.hysteresis,
                delay=self.delay,
                severity=self.severity,
                night_level=night_level,
                night_quiet=self.night_quiet,
                night_begin=self.night_begin,
                night_end=self.night_end,
            )
            for side, level, night_level in sides
            if level is not None and (metric, side) in LIMIT_CODES
        )

    def fault(self, metric: str) -> str | None:
        """Return what about these bounds cannot be, or None."""
        numbers = (self.high, self.low, self.night_high, self.hysteresis, self.delay)
        if not all(isfinite(one) for one in numbers if one is not None):
            return "not_a_number"
        if any(one is not None and (metric, side) not in LIMIT_CODES for side, one in self._levels()):
            return "side_unknown"
        if self.high is not None and self.low is not None and self.high - self.low <= 2 * self.hysteresis:
            return "band_too_wide"
        night = self.high if self.night_high is None else self.night_high
        if self.high is not None and self.low is not None and night is not None and night <= self.low:
            return "night_below_low"
        return None

    def _levels(self) -> tuple[tuple[Side, float | None], ...]:
        return (Side.HIGH, self.high), (Side.LOW, self.low)


LIMIT_CODES: Mapping[tuple[str, Side], Code] = MappingProxyType(
    {
        ("co2", Side.HIGH): Code.CO2_HIGH,
        ("co2", Side.LOW): Code.CO2_LOW,
        ("temperature", Side.HIGH): Code.TEMPERATURE_HIGH,
        ("temperature", Side.LOW): Code.TEMPERATURE_LOW,
        ("humidity", Side.HIGH): Code.HUMIDITY_HIGH,
        ("humidity", Side.LOW): Code.HUMIDITY_LOW,
        ("pm1", Side.HIGH): Code.PM1_HIGH,
        ("pm25", Side.HIGH): Code.PM25_HIGH,
        ("pm4", Side.HIGH): Code.PM4_HIGH,
        ("pm10", Side.HIGH): Code.PM10_HIGH,
        ("voc", Side.HIGH): Code.VOC_HIGH,
        ("voc_index", Side.HIGH): Code.VOC_INDEX_HIGH,
        ("nox_index", Side.HIGH): Code.NOX_INDEX_HIGH,
        ("pressure", Side.HIGH): Code.PRESSURE_HIGH,
        ("pressure", Side.LOW): Code.PRESSURE_LOW,
        ("battery", Side.LOW): Code.BATTERY_LOW,
    }
)
"""The code of each limit that there can be."""

USUAL: Mapping[str, Bounds] = MappingProxyType(
    {
        # Umweltbundesamt 2008: up to 1000 ppm hygienically safe, above 2000 unacceptable.
        "co2": Bounds(high=1000, hysteresis=100),
        # EN 16798-1, category III: 18 °C in winter (WHO 2018 says so too) to 27 °C in summer.
        "temperature": Bounds(high=27, low=18, hysteresis=0.5, delay=10 * MINUTE),
        # Our own choice between the categories of EN 16798-1: III dehumidifies from 70 %, II humidifies below 25 %.
        "humidity": Bounds(high=70, low=25, hysteresis=3, delay=10 * MINUTE),
        # WHO 2021, mean of a day, interim target 4: a pan on the stove for a quarter of an hour is no such day.
        "pm25": Bounds(high=25, hysteresis=5, delay=15 * MINUTE),
        "pm10": Bounds(high=50, hysteresis=10, delay=15 * MINUTE),
        # Umweltbundesamt 2007: hygienically objectionable from 3 mg/m³, which is 660 ppb at 110 g/mol.
        "voc": Bounds(high=660, hysteresis=110, delay=5 * MINUTE),
        # Sensirion's indices have no guideline: the mean of the last day is 100, or 1. These are SmartAir's own.
        "voc_index": Bounds(high=250, hysteresis=50, delay=5 * MINUTE),
        "nox_index": Bounds(high=100, hysteresis=20, delay=5 * MINUTE),
        # What most devices with a battery call low; it jumps when a radio sends.
        "battery": Bounds(low=20, hysteresis=5, delay=10 * MINUTE),
        # No guideline: they raise nothing until the owner sets a limit.
        "pm1": Bounds(hysteresis=5, delay=15 * MINUTE),
        "pm4": Bounds(hysteresis=5, delay=15 * MINUTE),
        "pressure": Bounds(hysteresis=2, delay=10 * MINUTE),
    }
)
"""The bounds of each measurement that can raise an alert, where its owner set none."""
