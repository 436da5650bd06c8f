"""When a source of values was heard, how far apart, and what its silence means (S6); times only go forward."""

from dataclasses import dataclass, replace
from statistics import median

# What is remembered of a source: so many distances between two reports.
GAPS = 20
# So many reports of an equal value show that a source repeats itself; one or two may have had another reason.
REPEATS = 3
# What comes closer together than this is one report in several parts.
SHORTEST_S = 1.0
# While a pump moves water, a source is fresh for this many of its own intervals, and for this long at least.
INTERVALS = 3.0
FRESH_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What is remembered of one source. `always` where each report is heard, whatever it says.

    It counts as lost since `lost_at` while it cannot be read, and is expected until its term from `due_from` is over.
    """

    lost_at: float | None
    due_from: float
    heard_at: float | None = None
    gaps: tuple[float, ...] = ()
    equal: tuple[bool, ...] = ()
    renewed: bool = False
    always: bool = False

    @property
    def pace(self) -> float | None:
        """The interval at which it was seen to report, None while that is not known.

        One that speaks only of changes was seen as fast as it was at its fastest.
        """
        if len(self.gaps) < REPEATS:
            return None
        return median(self.gaps) if self.always or sum(self.equal) >= REPEATS else min(self.gaps)

    def repeats(self, term: float) -> bool:
        """Tell whether it was seen to report equal values too: only then its silence says anything."""
        told = sum(equal and gap <= term for equal, gap in zip(self.equal, self.gaps, strict=True))
        return self.always or told >= REPEATS

    def age(self, now: float, term: float) -> float | None:
        """Return for how long its value has not been borne out, None where it never had one."""
        if self.heard_at is None:
            return None
        silent = now - self.heard_at if self.repeats(term) else 0.0
        return silent if self.lost_at is None else max(silent, now - self.lost_at)

    def due(self, term: float) -> float:
        """Return until when it is waited for, while it cannot be read."""
        return self.due_from + term


def stands(hearing: Hearing, since: float, now: float, term: float) -> bool:
    """Tell whether a value counts as another reading because its source, which speaks only of changes, says nothing.

    Without that, a tank that ran empty and stays so would be one reading for ever, and trip nothing (S7). `since` is
    when something else began to which the value must answer.
    """
    if hearing.heard_at is None or hearing.lost_at is not None or hearing.repeats(term):
        return False
    return now - max(hearing.heard_at, since) >= term


def begin(now: float, *, always: bool = False) -> Hearing:
    """Return what is remembered of a source that is listened to from now on."""
    return Hearing(lost_at=now, due_from=now, always=always)


def hear(hearing: Hearing, now: float, *, equal: bool) -> Hearing:
    """Take in that it reported something readable."""
    if hearing.heard_at is None or hearing.lost_at is not None:
        # What lies between is an absence, and no interval.
        return replace(hearing, heard_at=now, lost_at=None, due_from=now, renewed=False)
    gap = now - hearing.heard_at
    if gap < SHORTEST_S:
        return replace(hearing, due_from=now)
    gaps, told = (*hearing.gaps, gap)[-GAPS:], (*hearing.equal, equal)[-GAPS:]
    return replace(hearing, heard_at=now, due_from=now, gaps=gaps, equal=told)


def lose(hearing: Hearing, now: float) -> Hearing:
    """Take in that it cannot be read any more."""
    if hearing.lost_at is not None:
        return hearing
    return replace(hearing, lost_at=now, due_from=now, renewed=False)


def wait(hearing: Hearing, now: float) -> Hearing:
    """Take in that nothing can have been heard of it so far: what it comes from is only being started."""
    return hearing if hearing.lost_at is None else replace(hearing, due_from=now)


def renew(hearing: Hearing, now: float) -> Hearing:
    """Take in that it has started again, and has its term once more; only once, or one that flaps is never lost."""
    if hearing.lost_at is None or hearing.renewed:
        return hearing
    return replace(hearing, due_from=now, renewed=True)


def fresh_for(hearing: Hearing, harm_s: float | None, otherwise: float) -> float:
    """Return for how long its value guards a pump that moves water, `harm_s` from where that must have stopped."""
    pace = hearing.pace
    term = otherwise if pace is None else max(FRESH_S, INTERVALS * pace)
    return term if harm_s is None else min(term, harm_s)
