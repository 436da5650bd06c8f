"""What the pumps have done: the last runs, and what every day and all days together came to.

A book is a value; each run is entered once, whatever comes twice. Circulation moves water in a circle: its time
counts, but it is no water used.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from math import isfinite
from typing import Any

from .safety import Role

KEPT_RUNS = 1_000
"""Runs that are kept one by one."""
KEPT_DAYS = 400
"""Days whose totals are kept: a year, and the same month of the year before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run that is over. Litres are None where nothing could know them, seconds where nobody saw the end.

    `zone` and `uid` are None where there is none; `mean_flow` is in L/min, `started` and `ended` are Unix seconds.
    """

    cmd_id: str
    uid: str | None
    channel: str
    zone: str | None
    role: Role
    litres: float | None
    seconds: float | None
    mean_flow: float | None
    started: float
    ended: float
    ended_by: str


@dataclass(frozen=True, slots=True)
class Sum:
    """What several runs came to."""

    litres: float = 0.0
    seconds: float = 0.0
    runs: int = 0

    def plus(self, record: RunRecord) -> Sum:
        """Return the sum with one more run."""
        return Sum(self.litres + (record.litres or 0.0), self.seconds + (record.seconds or 0.0), self.runs + 1)

    def __add__(self, other: Sum) -> Sum:
        """Return two sums as one."""
        return Sum(self.litres + other.litres, self.seconds + other.seconds, self.runs + other.runs)


@dataclass(frozen=True, slots=True)
class Place:
    """Whose sum it is: the zone that the pump served then, the pump, and what it was for."""

    zone: str | None
    uid: str | None
    channel: str
    role: Role

    def fits(self, *, zone: str | None, uid: str | None, channel: str | None, role: Role | None) -> bool:
        """Whether it is one of those that are asked for; None asks for any."""
        asked = ((zone, self.zone), (uid, self.uid), (channel, self.channel), (role, self.role))
        return all(want is None or want == have for want, have in asked)


type Sums = Mapping[Place, Sum]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageBook:
    """The last runs, oldest first; sums by day (ISO date) and place; and sums of all time."""

    runs: tuple[RunRecord, ...] = ()
    days: Mapping[str, Sums] = field(default_factory=dict)
    total: Sums = field(default_factory=dict)


def enter(book: UsageBook, record: RunRecord, day: str) -> UsageBook:
    """Return the book with a run that ended on a day (ISO date of the owner's time zone)."""
    if any(known.cmd_id == record.cmd_id for known in book.runs):
        return book
    place = Place(record.zone, record.uid, record.channel, record.role)
    days = {**book.days, day: _plus(book.days.get(day, {}), place, record)}
    # Circulation comes and goes by the hour, and would push out every run that moved water.
    runs = book.runs if record.role is Role.RECIRCULATION else (*book.runs, record)[-KEPT_RUNS:]
    return replace(
        book,
        runs=runs,
        days={name: days[name] for name in sorted(days)[-KEPT_DAYS:]},
        total=_plus(book.total, place, record),
    )


def _plus(sums: Sums, place: Place, record: RunRecord) -> Sums:
    return {**sums, place: sums.get(place, Sum()).plus(record)}


def total(
    sums: Sums,
    *,
    zone: str | None = None,
    uid: str | None = None,
    channel: str | None = None,
    role: Role | None = None,
) -> Sum:
    """Return the sum over the places that are asked for; circulation only where it is asked for by name."""
    fit = (
        one
        for place, one in sums.items()
        if place.fits(zone=zone, uid=uid, channel=channel, role=role)
        and (place.role is not Role.RECIRCULATION or role is not None or channel is not None)
    )
    return sum(fit, Sum())


# --- JSON and back ------------------------------------------------------------------------------------


def usage_as_dict(book: UsageBook) -> dict[str, Any]:
    """Return a book as JSON can hold it."""
    return {
        "runs": [asdict(record) for record in book.runs],
        "days": {day: _sums_as_list(sums) for day, sums in book.days.items()},
        "total": _sums_as_list(book.total),
    }


def usage_from_dict(data: Mapping[str, Any]) -> tuple[UsageBook, int]:
    """Return a book that was stored, and how many of its entries were broken and are left out."""
    broken = 0
    runs: list[RunRecord] = []
    for raw in _items(data.get("runs")):
        try:
            runs.append(_record(raw))
        except KeyError, TypeError, ValueError:
            broken += 1
    days: dict[str, Sums] = {}
    stored = data.get("days")
    for day, raw_sums in stored.items() if isinstance(stored, Mapping) else ():
        days[str(day)], missing = _sums(raw_sums)
        broken += missing
    whole, missing = _sums(data.get("total"))
    return UsageBook(runs=tuple(runs[-KEPT_RUNS:]), days=days, total=whole), broken + missing


def _items(value: object) -> Iterable[Any]:
    return value if isinstance(value, list) else ()


_NUMBERS = ("litres", "seconds", "mean_flow")


def _record(raw: Mapping[str, Any]) -> RunRecord:
    content = {one.name: raw[one.name] for one in fields(RunRecord)}
    content["role"] = Role(content["role"])
    content |= {name: None if content[name] is None else _finite(content[name]) for name in _NUMBERS}
    content |= {name: _finite(content[name]) for name in ("started", "ended")}
    return RunRecord(**content)


def _finite(value: Any) -> float:
    number = float(value)
    if not isfinite(number):
        raise ValueError(value)
    return number


def _sums_as_list(sums: Sums) -> list[dict[str, Any]]:
    return [asdict(place) | asdict(one) for place, one in sums.items()]


def _sums(raw: object) -> tuple[Sums, int]:
    sums: dict[Place, Sum] = {}
    broken = 0
    for one in _items(raw):
        try:
            place = Place(one["zone"], one["uid"], one["channel"], Role(one["role"]))
            sums[place] = Sum(_finite(one["litres"]), _finite(one["seconds"]), int(one["runs"]))
        except KeyError, TypeError, ValueError:
            broken += 1
    return sums, broken
