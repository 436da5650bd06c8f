"""What a level says while no pump fills: that a tank is full, or that water comes from somewhere."""

from dataclasses import dataclass, field, replace
from statistics import median

from ..safety import ALLOWED, Cause, Dwell, Limits, Readings, Reason, Refused, Verdict, known_level

RISE_PERCENT = 2.0
"""Percent of the tank in a minute by which a level rises that nothing fills (safety contract)."""
CALM_PERCENT = 1.0
"""Percent in a minute below which it rises no more; and so far below its highest level a tank is full no more."""
SETTLE_S = 60.0
"""Seconds that water takes to run back from pipes and channels once a pump was switched."""
STEP_S = 20.0
"""Seconds between two samples of the level: three and three of them lie a minute apart."""
_SAMPLES = 6
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class StillWater:
    """What is remembered of a tank between two looks, and what is wrong with it."""

    full: Dwell = field(default=Dwell())
    samples: tuple[tuple[float, float], ...] = ()
    trouble: Refused | None = None


def watch_still_water(
    water: StillWater, limits: Limits, readings: Readings, now: float, quiet_since: float
) -> StillWater:
    """Look at a tank that no pump fills; `quiet_since` is when the last pump of it was switched.

    A person who fills by hand is told as well. What is told refuses fills; it locks nothing and stops no circulation.
    """
    level = known_level(limits, readings, now)
    if limits.max_level is None or readings.level is None:
        return StillWater()
    if level is None:
        return replace(water, full=Dwell())
    at, count = readings.level.at, readings.level.count
    water = replace(
        water,
        full=water.full.follow(now, count, holds=level >= limits.max_level),
        samples=_sampled(water.samples, at, level, quiet_since),
    )
    return replace(water, trouble=_trouble(water, limits, level, now, count))


def _sampled(
    samples: tuple[tuple[float, float], ...], at: float, level: float, quiet_since: float
) -> tuple[tuple[float, float], ...]:
    if at < quiet_since + SETTLE_S:
        return ()
    if samples and at - samples[-1][0] < STEP_S:
        return samples
    return (*samples, (at, level))[-_SAMPLES:]


def _rise(water: StillWater) -> float | None:
    """Return by how many percent a minute the level rises; by medians, for a level is restless."""
    if len(water.samples) < _SAMPLES:
        return None
    middle = _SAMPLES // 2
    before, after = water.samples[:middle], water.samples[middle:]
    rise = median(level for _, level in after) - median(level for _, level in before)
    a_minute = rise * _MINUTE / (median(at for at, _ in after) - median(at for at, _ in before))
    # A sensor that speaks each few minutes drifts by as much with the warmth of the day.
    return min(rise, a_minute) if a_minute > 0 else a_minute


def _trouble(water: StillWater, limits: Limits, level: float, now: float, count: int) -> Refused | None:
    highest = limits.max_level
    assert highest is not None  # noqa: S101 - for the type checker: a tank without one is not looked at
    if water.full.over(now, count, limits.dry_dwell_s):
        return Refused(Reason.OVERFLOW, Cause.MEASURED, level, highest)
    rise = _rise(water)
    if rise is not None and rise >= RISE_PERCENT:
        return Refused(Reason.OVERFLOW, Cause.RISING, rise, RISE_PERCENT)
    before = water.trouble
    if before is None:
        return None
    full = before.cause is Cause.MEASURED and level >= highest - CALM_PERCENT
    rising = before.cause is Cause.RISING and (rise is None or rise >= CALM_PERCENT)
    return before if full or rising else None


def may_fill(water: StillWater) -> Verdict:
    """Refuse to fill a tank that is full, or fills by itself."""
    return ALLOWED if water.trouble is None else water.trouble
