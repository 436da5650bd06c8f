"""What people are told of alerts and when: once, again with growing pauses, in place, and taken back when it is over.

Pure values with no clock and no storage. Each receiver (Ann, who wants everything at any hour, and Bob, who sleeps)
has a standing of its own; acknowledging and snoozing hold for all of them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import time
from enum import StrEnum, auto
from math import isfinite
from typing import Any

from .book import Alert, Book, Severity

FIRST_PAUSE = 3600
LONGEST_PAUSE = 12 * 3600
SNOOZE = 3600
NOTE_PAUSE = 3600
"""Seconds within which the same note of the same place is told once: an automation may try again every minute."""

MOST_AT_ONCE = 5
"""Messages within AT_ONCE seconds; what is more becomes one message for all: a power cut silences forty devices."""
AT_ONCE = 60
HELD_LOOK = 60
FORGET_AFTER = 30 * 24 * 3600


class Kind(StrEnum):
    """What is to be done with a message."""

    TOLD = auto()
    REMINDED = auto()
    UPDATED = auto()
    RESOLVED = auto()
    CLEARED = auto()
    NOTED = auto()
    REFUSED = auto()


LOUD = frozenset({Kind.TOLD, Kind.REMINDED, Kind.NOTED, Kind.REFUSED})
TAKEN_BACK = frozenset({Kind.RESOLVED, Kind.CLEARED})


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who wants to be told what; two with the same wishes are told the same."""

    severity: Severity = Severity.WARNING
    quiet_start: time = time(22)
    quiet_end: time = time(7)

    @property
    def key(self) -> str:
        """Return the name under which the standing is stored."""
        return f"{self.severity}/{self.quiet_start:%H:%M:%S}/{self.quiet_end:%H:%M:%S}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a receiver was told of an active alert."""

    severity: Severity
    cause: str | None
    at: float
    times: int = 1
    together: bool = False
    hidden: bool = False

    @property
    def due(self) -> float:
        """Return when it is time for a reminder."""
        return self.at + min(FIRST_PAUSE * 2.0 ** min(self.times - 1, 30), LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Summary:
    """The one message for what was too much at once."""

    at: float = 0
    due: float | None = None
    loud: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a receiver knows."""

    seen: float
    told: Mapping[str, Told] = field(default_factory=dict)
    held: tuple[str, ...] = ()
    noted: Mapping[str, float] = field(default_factory=dict)
    recent: tuple[float, ...] = ()
    summary: Summary = field(default_factory=Summary)


@dataclass(frozen=True, slots=True)
class Notices:
    """The standing of every receiver, and until when an alert is snoozed."""

    standings: Mapping[str, Standing] = field(default_factory=dict)
    snoozed: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to send or to take back; without an alert of its own it is the summary."""

    kind: Kind
    alert_id: str | None
    alert: Alert | None = None
    others: tuple[Alert, ...] = ()
    loud: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a receiver looks at."""

    book: Book
    snoozed: Mapping[str, float]
    now: float
    quiet: Callable[[Alert], bool]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What there is to tell now, what is known after that, and when to look again."""

    standing: Standing
    notices: tuple[Notice, ...] = ()
    due: float | None = None


def look(before: Standing, receiver: Receiver, scene: Scene) -> Outlook:
    """Return what a receiver is to be told now."""
    return _Look(before, receiver, scene).outlook()


class _Look:
    """One look under way."""

    def __init__(self, before: Standing, receiver: Receiver, scene: Scene) -> None:
        self.before = before
        self.receiver = receiver
        self.scene = scene
        self.now = scene.now
        self.active = {alert.id: alert for alert in scene.book.active.values()}
        self.told: dict[str, Told] = {}
        self.notices: list[Notice] = []
        self.recent = [at for at in before.recent if self.now - AT_ONCE < at <= self.now]
        self.summary = before.summary
        self.waits = False
        self.held: list[str] = []
        self.noted = {key: at for key, at in before.noted.items() if self.now - NOTE_PAUSE < at <= self.now}

    def outlook(self) -> Outlook:
        self._tell([*self._known(), *self._new()])
        self._note()
        self._summarize()
        after = Standing(
            seen=self.now,
            told=self.told,
            held=tuple(self.held),
            noted=self.noted,
            recent=tuple(self.recent),
            summary=self.summary,
        )
        return Outlook(after, tuple(self.notices), self._due())

    # --- what was told before -------------------------------------------------------------------

    def _known(self) -> list[tuple[Alert, Kind]]:
        """Take back what is over or known, and return what is to be said once more."""
        loud: list[tuple[Alert, Kind]] = []
        for alert_id, one in self.before.told.items():
            alert = self.active.get(alert_id)
            if alert is None:
                self._take_back(Kind.RESOLVED, alert_id, one)
                continue
            # A clock that was set back puts no reminder off for ever.
            told = self.told[alert_id] = replace(one, at=min(one.at, self.now))
            kind = self._turn(alert, told)
            if kind is Kind.CLEARED:
                self._take_back(kind, alert_id, told)
                self.told[alert_id] = replace(told, hidden=True)
            elif kind is Kind.UPDATED:
                self._update(alert, told)
            elif kind is not None and self._allowed(alert):
                loud.append((alert, kind))
        return loud

    def _turn(self, alert: Alert, told: Told) -> Kind | None:
        if alert.severity.rank > told.severity.rank and alert.acknowledged_at is None:
            return Kind.TOLD
        if self._silenced(alert):
            return None if told.hidden else Kind.CLEARED
        if told.hidden or self.now >= told.due:
            return Kind.REMINDED
        changed = (alert.severity, alert.cause) != (told.severity, told.cause)
        return Kind.UPDATED if changed else None

    def _silenced(self, alert: Alert) -> bool:
        return alert.acknowledged_at is not None or self.scene.snoozed.get(alert.id, 0) > self.now

    def _take_back(self, kind: Kind, alert_id: str, told: Told) -> None:
        if told.hidden:
            return
        if told.together:
            self._plan_summary(loud=False)
        else:
            self.notices.append(Notice(kind, alert_id, self.scene.book.find(alert_id)))

    def _update(self, alert: Alert, told: Told) -> None:
        self.told[alert.id] = replace(told, severity=alert.severity, cause=alert.cause)
        if told.together:
            self._plan_summary(loud=False)
        else:
            self.notices.append(Notice(Kind.UPDATED, alert.id, alert))

    # --- what is new ----------------------------------------------------------------------------

    def _new(self) -> Iterable[tuple[Alert, Kind]]:
        for alert in self.active.values():
            fits = alert.id not in self.before.told and self._wanted(alert) and not self._silenced(alert)
            if fits and self._allowed(alert):
                yield alert, Kind.TOLD

    def _wanted(self, alert: Alert) -> bool:
        return alert.severity.rank >= self.receiver.severity.rank

    def _allowed(self, alert: Alert) -> bool:
        """Tell whether it may be said aloud now; what waits is looked at again."""
        if alert.severity is Severity.CRITICAL or not self.scene.quiet(alert):
            return True
        self.waits = True
        return False

    def _tell(self, loud: list[tuple[Alert, Kind]]) -> None:
        """Tell each by itself where these are few, and else what is critical by itself and the rest together."""
        alone = [one for one in loud if not self._is_together(one[0])]
        room = MOST_AT_ONCE - len(self.recent)
        if len(alone) > room:
            alone = [one for one in alone if one[0].severity is Severity.CRITICAL][: max(room, 0)]
        for alert, kind in loud:
            before = self.told.get(alert.id)
            together = (alert, kind) not in alone
            again = before is not None and kind is Kind.REMINDED
            self.told[alert.id] = Told(
                severity=alert.severity,
                cause=alert.cause,
                at=self.now,
                times=before.times + 1 if again and before else 1,
                together=together,
            )
            if together:
                self._plan_summary(loud=True)
            else:
                self.recent.append(self.now)
                self.notices.append(Notice(kind, alert.id, alert, loud=True))
            if before is not None and together and not before.together and not before.hidden:
                # It is in the summary from now on.
                self.notices.append(Notice(Kind.CLEARED, alert.id, alert))

    def _is_together(self, alert: Alert) -> bool:
        before = self.told.get(alert.id)
        return before is not None and before.together and not before.hidden

    # --- what only happened ---------------------------------------------------------------------

    def _note(self) -> None:
        for note in self._notes():
            key = "|".join(part or "" for part in (note.code.value, note.uid, note.zone, note.channel))
            if key in self.noted:
                continue
            if not self._allowed(note) or len(self.recent) >= MOST_AT_ONCE:
                self.held.append(note.id)
                self.waits = True
                continue
            self.noted[key] = self.now
            self.recent.append(self.now)
            self.notices.append(Notice(Kind.NOTED, note.id, note, loud=True))

    def _notes(self) -> list[Alert]:
        """Return the notes that waited and those that are new, the oldest first."""
        new: list[Alert] = []
        for one in reversed(self.scene.book.past):
            if one.updated_at < self.before.seen:
                break
            # What happened in the very moment of the last look is not told twice: it is among the noted.
            if one.momentary and one.raised_at >= self.before.seen and self._wanted(one):
                new.append(one)
        waited = [note for held in self.before.held if (note := self.scene.book.find(held)) is not None]
        return [*waited, *reversed(new)]

    # --- the summary ----------------------------------------------------------------------------

    def _plan_summary(self, *, loud: bool) -> None:
        due = max(self.now, self.summary.at + AT_ONCE) if self.summary.at <= self.now else self.now
        self.summary = replace(self.summary, due=self.summary.due or due, loud=self.summary.loud or loud)

    def _summarize(self) -> None:
        if self.summary.due is None or self.summary.due > self.now:
            return
        others = tuple(self.active[one] for one, told in self.told.items() if told.together and not told.hidden)
        loud = self.summary.loud and bool(others)
        kind = Kind.RESOLVED if not others else Kind.TOLD if loud else Kind.UPDATED
        self.notices.append(Notice(kind, None, others=others, loud=loud))
        self.summary = Summary(at=self.now)

    # --- when to look again ---------------------------------------------------------------------

    def _due(self) -> float | None:
        moments = [self.scene.snoozed.get(one, 0) if told.hidden else told.due for one, told in self.told.items()]
        moments += [self.scene.snoozed[one] for one in self.active if one in self.scene.snoozed]
        moments += [self.now + HELD_LOOK] if self.waits else []
        moments += [self.summary.due] if self.summary.due is not None else []
        later = [moment for moment in moments if moment > self.now]
        return min(later, default=None)


# --- what is stored -----------------------------------------------------------------------------


def prune_notices(notices: Notices, book: Book, *, now: float) -> Notices:
    """Drop what no receiver asked for in a long time, and the snoozes of what is over."""
    active = {alert.id for alert in book.active.values()}
    return Notices(
        {key: one for key, one in notices.standings.items() if now - one.seen < FORGET_AFTER},
        {key: until for key, until in notices.snoozed.items() if key in active and now < until <= now + SNOOZE},
    )


def unparse_notices(notices: Notices) -> dict[str, Any]:
    """Return the notices as they are stored."""
    return {
        "standings": {
            key: {
                "seen": one.seen,
                "told": {
                    alert: {
                        "severity": told.severity.value,
                        "cause": told.cause,
                        "at": told.at,
                        "times": told.times,
                        "together": told.together,
                        "hidden": told.hidden,
                    }
                    for alert, told in one.told.items()
                },
                "held": [*one.held],
                "noted": dict(one.noted),
                "summary": one.summary.at,
            }
            for key, one in notices.standings.items()
        },
        "snoozed": dict(notices.snoozed),
    }


def read_notices(stored: object) -> Notices:
    """Return stored notices; what cannot be read is left out, for it is told again at worst."""
    content = stored if isinstance(stored, Mapping) else {}
    standings: dict[str, Standing] = {}
    for key, one in _mapping(content.get("standings")).items():
        try:
            standings[str(key)] = _read_standing(one)
        except ValueError, TypeError, KeyError, AttributeError:
            continue
    return Notices(standings, _times(content.get("snoozed")))


def _read_standing(stored: Mapping[str, Any]) -> Standing:
    return Standing(
        seen=_time(stored["seen"]),
        told={str(alert): _read_told(told) for alert, told in stored["told"].items()},
        held=tuple(str(one) for one in stored["held"]),
        noted=_times(stored["noted"]),
        summary=Summary(at=_time(stored["summary"])),
    )


def _read_told(stored: Mapping[str, Any]) -> Told:
    cause = stored["cause"]
    return Told(
        severity=Severity(stored["severity"]),
        cause=None if cause is None else str(cause),
        at=_time(stored["at"]),
        times=int(stored["times"]),
        together=bool(stored["together"]),
        hidden=bool(stored["hidden"]),
    )


def _mapping(stored: object) -> Mapping[Any, Any]:
    return stored if isinstance(stored, Mapping) else {}


def _times(stored: object) -> dict[str, float]:
    found = _mapping(stored).items()
    return {str(key): float(at) for key, at in found if isinstance(at, (int, float)) and isfinite(at)}


def _time(stored: object) -> float:
    if isinstance(stored, bool) or not isinstance(stored, (int, float)) or not isfinite(stored):
        raise ValueError("no time")
    return float(stored)
