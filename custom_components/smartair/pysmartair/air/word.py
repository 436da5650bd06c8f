"""One word for the air: fresh, fair or bad, by the limits that are in force and nothing else.

Beyond a limit the air is bad; in the last part before it, measured in the limit's own hysteresis, it is fair. A word
that was reached is left a little later than it was come to, so that a value on a border does not flutter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum, auto
from types import MappingProxyType

from ..alerts.limits import Limit, is_night

FAIR_FROM = 2.0
"""How many times its hysteresis before a limit the air is no longer fresh."""
FRESH_FROM = 2.5
"""How many times its hysteresis before a limit the air is fresh again."""


class Word(StrEnum):
    """How the air is, from best to worst."""

    FRESH = auto()
    FAIR = auto()
    BAD = auto()

    @property
    def rank(self) -> int:
        """A number that grows as the air gets worse."""
        return _RANKS[self]


_RANKS = {word: rank for rank, word in enumerate(Word)}


class Help(StrEnum):
    """What makes the air better."""

    VENTILATE = auto()
    FILTER = auto()


HELP: Mapping[str, Help] = MappingProxyType(
    {
        "co2": Help.VENTILATE,
        "voc": Help.VENTILATE,
        "voc_index": Help.VENTILATE,
        "nox_index": Help.VENTILATE,
        # A window brings in as much dust as it lets out.
        "pm1": Help.FILTER,
        "pm25": Help.FILTER,
        "pm4": Help.FILTER,
        "pm10": Help.FILTER,
    }
)
"""What helps against each measurement of the air, warmth and moisture being no matter of fresh air."""

type Words = Mapping[str, Word]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word for the air, or None where it is not known, and the measurement that it is for."""

    word: Word | None = None
    cause: str | None = None

    @property
    def help(self) -> Help | None:
        """What makes it better, if it is not fresh."""
        return None if self.cause is None else HELP.get(self.cause)


UNKNOWN = Verdict()


def words(before: Words, limits: Iterable[Limit], values: Mapping[str, float], now: time) -> dict[str, Word]:
    """Return the word for each measurement that has a limit and a value, from the words before."""
    return {
        limit.metric: _word(before.get(limit.metric), limit, values[limit.metric], now)
        for limit in limits
        if limit.metric in values
    }


def _word(before: Word | None, limit: Limit, value: float, now: time) -> Word:
    level = limit.level_at(night=limit.nightly and is_night(now, limit.night_begin, limit.night_end))
    band = limit.hysteresis
    if value > (level - band if before is Word.BAD else level):
        return Word.BAD
    steps = FAIR_FROM if before in {None, Word.FRESH} else FRESH_FROM
    return Word.FAIR if value > level - steps * band else Word.FRESH


def verdict(found: Words, limits: Iterable[Limit]) -> Verdict:
    """Return the worst word of a device; it is fresh only where nothing of it is unknown."""
    worst = max(found.items(), key=lambda one: one[1].rank, default=None)
    if worst is None:
        return UNKNOWN
    if worst[1] is not Word.FRESH:
        return Verdict(worst[1], worst[0])
    return Verdict(Word.FRESH) if all(limit.metric in found for limit in limits) else UNKNOWN


def room(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict of a room's devices, as far as they are known."""
    known = (one for one in verdicts if one.word is not None)
    return max(known, key=lambda one: one.word.rank if one.word else -1, default=UNKNOWN)
