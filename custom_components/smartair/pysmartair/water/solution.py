"""What is in the tank: its age, how far it has drifted, and whether pH and EC are where they should be."""

from dataclasses import dataclass
from enum import StrEnum, auto

# pH and EC move slowly and their probes are noisy: what does not last this long is not worth waking anybody.
DELAY_S = 600.0
# An alert ends only when the value is back inside by this much, or it would flap.
PH_HYSTERESIS = 0.1
EC_HYSTERESIS = 0.1
# Water begins no day over one EC reading: the drift must last this long.
DRIFT_DWELL_S = 1800.0


class Side(StrEnum):
    """Where a value lies against its band."""

    LOW = auto()
    HIGH = auto()


@dataclass(frozen=True, slots=True)
class Band:
    """The limits of a value, either of which may be missing, and its hysteresis."""

    low: float | None
    high: float | None
    hysteresis: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Which side is raised, and which it has been moving to since when, in seconds that only go forward."""

    raised: Side | None = None
    toward: Side | None = None
    since: float = 0.0


def follow(standing: Standing, band: Band, value: float | None, elapsed: float) -> Standing:
    """Return the standing after one more look; a value that is unknown begins every wait anew."""
    if value is None:
        return Standing(standing.raised, standing.raised, elapsed)
    side = _side(band, value, standing.raised)
    if side == standing.raised:
        return Standing(side, side, elapsed)
    if side != standing.toward:
        return Standing(standing.raised, side, elapsed)
    return Standing(side, side, elapsed) if elapsed - standing.since >= DELAY_S else standing


def _side(band: Band, value: float, raised: Side | None) -> Side | None:
    """Return the side on which a value lies; a side that is raised is left only beyond the hysteresis."""
    low_by = band.hysteresis if raised is Side.LOW else 0.0
    high_by = band.hysteresis if raised is Side.HIGH else 0.0
    if band.low is not None and value < band.low + low_by:
        return Side.LOW
    if band.high is not None and value > band.high - high_by:
        return Side.HIGH
    return None


def drift(reference: float | None, value: float | None) -> float | None:
    """Return by how many percent EC has left what it was when the solution was new, or None when nobody knows."""
    if reference is None or value is None or reference <= 0:
        return None
    return (value - reference) / reference * 100
