"""How long a measurement may be believed while a pump moves water (safety contract, S6).

A pump passes in a certain time from where it should stop to where harm begins. What guards it must speak more often.
"""

from dataclasses import dataclass, field
from math import isfinite
from statistics import median_high

FRESH_S = 15.0
"""Seconds for which any source is believed while a pump fills or drains (safety contract)."""
INTERVALS = 3
"""Intervals of a source, as they are seen, for which it is believed (safety contract)."""
LATE = 1.25
"""A report comes late by a quarter of its interval now and then: a source needs that much room."""
LIVE_S = 1.0
"""Seconds between the reports of a device that is asked to report fast while its pump runs."""
RATE_UNKNOWN_S = 60.0
"""Seconds to harm of a pump that was never measured: 5 % of a tank of 60 l at 3 l/min, which is a small pump's."""
LEAST_MARGIN = 2.0
"""Percent of the tank between where a pump should stop and harm, however close to it the owner set the limit."""
_GAPS = 3
# What comes sooner is a second copy: nobody reports more often than each second (protocol, "config").
_SHORTEST_GAP = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """The last value of an input. `count` grows with each report: a trip needs more than one (S7).

    `gaps` are the last pauses between its reports, `since` is when it was begun to be listened to, `live` tells that
    its source reports each second while a pump runs, and `said_at` when its source last spoke: a value that is known
    to hold is as young as `at`, and was measured no later than that.
    """

    value: float | None = None
    at: float = 0.0
    count: int = 0
    gaps: tuple[float, ...] = field(default=(), compare=False)
    since: float = field(default=0.0, compare=False)
    live: bool = field(default=False, compare=False)
    said_at: float = field(default=0.0, compare=False)

    @property
    def interval(self) -> float | None:
        """The interval in which its source is seen to speak: one lucky or one lost report changes nothing."""
        return median_high(self.gaps) if self.gaps else None

    def heard(self, value: float | None, now: float) -> Reading:
        """Return the reading after another report."""
        gap = now - self.at
        counts = self.count > 0 and gap >= _SHORTEST_GAP
        gaps = (*self.gaps, gap)[-_GAPS:] if counts else self.gaps
        return Reading(value, now, self.count + 1, gaps, self.since, self.live, now)

    def awaited(self, now: float, term: float) -> bool:
        """Tell whether its source has yet to speak since a start, or to speak again, and may take its time."""
        return (self.at <= self.since or not self.gaps) and now - self.since <= term


def believed(reading: Reading | None, plausible: tuple[float, float], now: float, term: float) -> float | None:
    """Return the value if it is no older than the term and could be true, else None."""
    if reading is None or reading.count == 0 or reading.value is None or not isfinite(reading.value):
        return None
    if now - reading.at > term:
        return None
    low, high = plausible
    return reading.value if low <= reading.value <= high else None


def seconds_to_harm(margin: float, *rates: float | None) -> float:
    """Return how long a pump takes over a margin, in percent, at the fastest of the rates that are known."""
    known = [rate for rate in rates if rate is not None and rate > 0]
    return max(margin, LEAST_MARGIN) / max(known) if known else RATE_UNKNOWN_S


def fresh_for(interval: float | None, harm_s: float, shortest: float = FRESH_S) -> float:
    """Return the seconds for which a source is believed while a pump fills or drains."""
    return min(max(shortest, INTERVALS * (interval or 0.0)), harm_s)


def longest_interval(harm_s: float) -> float:
    """Return the longest interval of a source that can still guard a pump."""
    return harm_s / LATE
