"""How well a room ventilates, from the decay of CO₂ after its people have left, and when CO₂ reaches a limit.

In an empty room, what there is more of than outdoors falls by the same share in the same time: its logarithm is a
straight line, and the slope is the air changes per hour. While somebody breathes in it or a window is moved the line
is bent, and a bent line is no measurement. Times are Unix seconds.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Final

MINUTE: Final = 60.0
HOUR: Final = 3600.0
_DAY: Final = 86_400.0
_WEEK_DAYS: Final = 7

OUTDOOR, OUTDOOR_MOST = 400.0, 500.0
"""Between these lies outdoor air; a room whose lowest lies above was never aired through."""

_GAP: Final = 10 * MINUTE
_BINS: Final = 96
_SHORTEST: Final = 20 * MINUTE
# Until the air of the room is mixed, and a sensor behind its grid has followed.
_MIXING: Final = 3 * MINUTE
_LEAST_EXCESS: Final = 200.0
_NOISE, _NOISE_SHARE = 30.0, 0.04
# Below, the sensor's noise and what is assumed of outdoors are too large a part of what is left.
_FLOOR, _FLOOR_SHARE = 50.0, 0.1
# One who breathes holds a room above this: 18 l/h into 50 m³ that are changed three times an hour.
_EMPTY: Final = 120.0
_STRAIGHT: Final = 0.95
_BENT, _ERRORS = 0.2, 1.0
_LEAST_BINS: Final = 8

_RISING_BINS: Final = 10
_RISING: Final = 0.8
_SOON_MIN: Final = 120.0


@dataclass(frozen=True, slots=True)
class Decay:
    """A decay that was measured: air changes per hour, when it began, how long it lasted, and how straight it was."""

    per_hour: float
    began: float
    seconds: float
    straightness: float


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through points: its slope, the standard error of that, and R²."""

    slope: float
    error: float
    straightness: float


def fit(xs: Sequence[float], ys: Sequence[float], weights: Sequence[float]) -> Line:
    """Return the line of least weighted squares through points that are not all at one place."""
    total = sum(weights)
    x = sum(w * one for w, one in zip(weights, xs, strict=True)) / total
    y = sum(w * one for w, one in zip(weights, ys, strict=True)) / total
    points = [(w, one - x, other - y) for w, one, other in zip(weights, xs, ys, strict=True)]
    sxx = sum(w * dx * dx for w, dx, _ in points)
    sxy = sum(w * dx * dy for w, dx, dy in points)
    syy = sum(w * dy * dy for w, _, dy in points)
    slope = sxy / sxx
    left = max(0.0, syy - slope * sxy)
    error = sqrt(left / max(1, len(points) - 2) / sxx)
    return Line(slope, error, 1 - left / syy if syy else 0.0)


class Ventilation:
    """Follows the CO₂ of one room."""

    __slots__ = ("_count", "_last", "_lows", "_since", "_sum", "_times", "_values", "_width", "taken")

    def __init__(self, lowest: float | None = None, at: float = 0.0) -> None:
        """Begin with nothing but the lowest value that was known before a restart."""
        self._lows: dict[int, float] = {} if lowest is None else {int(at // _DAY): lowest}
        self._last: float | None = None
        # How many means were taken in: between two of them nothing can have changed.
        self.taken = 0
        self._times, self._values = array("d"), array("d")
        self._width, self._sum, self._count, self._since = MINUTE, 0.0, 0, 0.0

    @property
    def lowest(self) -> float:
        """What is taken for outdoors where no sensor says it: the lowest of the week."""
        return min(OUTDOOR_MOST, max(OUTDOOR, min(self._lows.values(), default=OUTDOOR)))

    def feed(self, co2: float, now: float, outdoor: float | None = None) -> Decay | None:
        """Take in a value; return the decay that ended with it, if it was one of an empty room."""
        found = None
        if self._last is not None and not 0 <= now - self._last < _GAP:
            found = self._judge(outdoor)
            self._clear()
        if self._count == 0:
            self._since = now
        self._last = now
        self._sum += co2
        self._count += 1
        if now - self._since < self._width:
            return found
        mean, at = self._sum / self._count, (self._since + now) / 2
        self._sum, self._count = 0.0, 0
        return self._take(mean, at, outdoor) or found

    def limit_in(self, limit: float) -> float | None:
        """Return in how many minutes CO₂ reaches a limit, if it rises steadily towards it."""
        times, values = self._times[-_RISING_BINS:], self._values[-_RISING_BINS:]
        if len(values) < _RISING_BINS or values[-1] >= limit:
            return None
        line = fit(times, values, [1.0] * len(times))
        if line.slope <= 0 or line.straightness < _RISING:
            return None
        minutes = (limit - values[-1]) / line.slope / MINUTE
        return minutes if minutes <= _SOON_MIN else None

    def _clear(self, keep: int = 0) -> None:
        """Forget what was, but for the last few minutes."""
        self._times = self._times[-keep:] if keep else array("d")
        self._values = self._values[-keep:] if keep else array("d")
        self._width, self._sum, self._count, self._since = MINUTE, 0.0, 0, 0.0

    def _take(self, mean: float, at: float, outdoor: float | None) -> Decay | None:
        """Take in the mean of a minute, or of several where a decay lasts for hours."""
        self.taken += 1
        self._remember_low(mean, at)
        least = min(self._values, default=mean)
        highest = max(self._values, default=mean)
        self._times.append(at)
        self._values.append(mean)
        base = self.lowest if outdoor is None else outdoor
        noise = _noise(least - base)
        if highest - least > noise and mean > least + noise:
            # It fell and rises again.
            found = self._judge(outdoor, until=self._values.index(least) + 1)
            self._clear(keep=_RISING_BINS)
            return found
        if mean - base <= max(_FLOOR, min(_EMPTY, _FLOOR_SHARE * (highest - base))):
            found = self._judge(outdoor)
            self._clear(keep=1)
            return found
        self._thin()
        return None

    def _thin(self) -> None:
        """Keep little: of what has not fallen yet the last minutes, of a long decay the means of more of them."""
        if self._left(self._values) >= len(self._values) - 2:
            keep = _RISING_BINS
            self._times, self._values, self._width = self._times[-keep:], self._values[-keep:], MINUTE
        elif len(self._values) >= _BINS:
            for kept in (self._times, self._values):
                kept[:] = array("d", [(kept[n] + kept[n + 1]) / 2 for n in range(0, len(kept) - 1, 2)])
            self._width *= 2

    def _left(self, values: Sequence[float]) -> int:
        """Return the last place at which CO₂ was still as high as it had been: then its people left."""
        highest = max(values)
        edge = highest - _noise(highest - self.lowest)
        return next(n for n in range(len(values) - 1, -1, -1) if values[n] >= edge)

    def _judge(self, outdoor: float | None, until: int | None = None) -> Decay | None:
        """Return the air changes of what fell, if that is a measurement."""
        values, times = self._values[:until], self._times[:until]
        if len(values) < _LEAST_BINS:
            return None
        base = self.lowest if outdoor is None else outdoor
        left = self._left(values)
        points = [
            (time, value - base)
            for time, value in zip(times[left:], values[left:], strict=True)
            if time - times[left] >= _MIXING
        ]
        # What is below outdoors ends no decay, and has no logarithm.
        return _measure(points) if len(points) >= _LEAST_BINS and min(points, key=_excess)[1] > 0 else None

    def _remember_low(self, value: float, at: float) -> None:
        day = int(at // _DAY)
        self._lows[day] = min(value, self._lows.get(day, value))
        for old in [one for one in self._lows if not day - _WEEK_DAYS < one <= day]:
            del self._lows[old]


def _noise(excess: float) -> float:
    """Return by how much values differ that are the same."""
    return _NOISE + _NOISE_SHARE * max(0.0, excess)


def _excess(point: tuple[float, float]) -> float:
    return point[1]


def _measure(points: list[tuple[float, float]]) -> Decay | None:
    began, first = points[0]
    ended, last = points[-1]
    if ended - began < _SHORTEST or first < _LEAST_EXCESS or last > _EMPTY:
        return None
    whole = _log_line(points)
    if whole.slope >= 0 or whole.straightness <= _STRAIGHT:
        return None
    # Who leaves later, or moves a window, bends the line: its halves then have slopes of their own.
    middle = len(points) // 2
    early, late = _log_line(points[:middle]), _log_line(points[middle:])
    if abs(early.slope - late.slope) > max(_BENT * -whole.slope, _ERRORS * (early.error + late.error)):
        return None
    return Decay(-whole.slope * HOUR, began, ended - began, whole.straightness)


def _log_line(points: Sequence[tuple[float, float]]) -> Line:
    # The noise of a sensor is a larger part of what is small, and as much larger in its logarithm.
    return fit([time for time, _ in points], [log(excess) for _, excess in points], [one * one for _, one in points])
