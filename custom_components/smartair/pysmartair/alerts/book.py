"""What is wrong, what was, and what merely happened: the book of alerts as a value, with no clock and no storage.

Each function takes a book and returns what became of it: one alert per trouble, raised once, updated, resolved once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, auto
from types import MappingProxyType
from typing import Any

from ..protocol.topics import valid_uid

KEPT_FOR = 90 * 24 * 3600
"""Seconds for which an alert that is over is kept."""

KEPT_AT_MOST = 5_000
"""Alerts in a book, about 2 MB on disk; what is active is kept whatever its number."""

SAME_MOMENT = 60
"""Seconds within which the same note again is counted and not kept anew: an automation may retry every second."""

_LONGEST_TEXT = 500
_LONGEST_NAME = 128
# What no measurement reaches, and every file can carry.
_LARGEST = 1e18

type Value = float | str | bool | None


class Source(StrEnum):
    """Who must look after it: who grows plants and breathes the air, or who runs the machines."""

    BIZ = auto()
    INFRA = auto()


class Severity(StrEnum):
    """How bad it is."""

    INFO = auto()
    WARNING = auto()
    CRITICAL = auto()

    @property
    def rank(self) -> int:
        """A number that grows with the severity."""
        return _RANKS[self]


# The pumps' codes say it the other way round, and are over without a word of their own.
_SIDES = frozenset({"high", "low"})
_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Code(StrEnum):
    """Every trouble that has a name; those of the pumps are the safety contract's."""

    DRY_RUN = "biz_dry_run"
    NO_FLOW = "biz_no_flow"
    OVERCURRENT = "biz_overcurrent"
    PUMP_STUCK_ON = "biz_pump_stuck_on"
    OVERFLOW = "biz_overflow"
    MAX_RUN = "biz_max_run"
    TOO_MANY_FAILURES = "biz_too_many_failures"
    DEVICE_LOCK = "biz_device_lock"
    COMMAND_UNCONFIRMED = "biz_command_unconfirmed"
    STOP_NOT_SENT = "biz_stop_not_sent"
    RUN_REFUSED = "biz_run_refused"
    LOCK_RESET = "biz_lock_reset"
    CIRCULATION_RELEASED = "biz_circulation_released"
    LEAK = "biz_leak"
    SENSOR_FROZEN = "biz_sensor_frozen"
    WATER_CHANGE_FAILED = "biz_water_change_failed"
    HIGH_PH = "biz_high_ph"
    LOW_PH = "biz_low_ph"
    HIGH_EC = "biz_high_ec"
    LOW_EC = "biz_low_ec"
    CO2_HIGH = "co2_high"
    CO2_LOW = "co2_low"
    TEMPERATURE_HIGH = "temperature_high"
    TEMPERATURE_LOW = "temperature_low"
    HUMIDITY_HIGH = "humidity_high"
    HUMIDITY_LOW = "humidity_low"
    PM1_HIGH = "pm1_high"
    PM25_HIGH = "pm25_high"
    PM4_HIGH = "pm4_high"
    PM10_HIGH = "pm10_high"
    VOC_HIGH = "voc_high"
    VOC_INDEX_HIGH = "voc_index_high"
    NOX_INDEX_HIGH = "nox_index_high"
    PRESSURE_HIGH = "pressure_high"
    PRESSURE_LOW = "pressure_low"
    BATTERY_LOW = "battery_low"
    MQTT_DOWN = "infra_mqtt_down"
    DEVICE_OFFLINE = "infra_device_offline"
    UNKNOWN_METRIC = "infra_unknown_metric"
    CLOCK_SKEW = "infra_clock_skew"
    OTA_FAILED = "infra_ota_failed"
    OTA_ROLLED_BACK = "infra_ota_rolled_back"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a code stands for, unless who raises it knows better."""

    source: Source
    severity: Severity


_BIZ_CRITICAL = Trouble(Source.BIZ, Severity.CRITICAL)
_BIZ_WARNING = Trouble(Source.BIZ, Severity.WARNING)
_BIZ_INFO = Trouble(Source.BIZ, Severity.INFO)
_INFRA_WARNING = Trouble(Source.INFRA, Severity.WARNING)
_INFRA_INFO = Trouble(Source.INFRA, Severity.INFO)

TROUBLES: Mapping[Code, Trouble] = MappingProxyType(
    dict.fromkeys(Code, _BIZ_WARNING)
    | dict.fromkeys(
        (
            Code.DRY_RUN,
            Code.NO_FLOW,
            Code.OVERCURRENT,
            Code.PUMP_STUCK_ON,
            Code.OVERFLOW,
            Code.TOO_MANY_FAILURES,
            Code.DEVICE_LOCK,
            Code.LEAK,
            Code.STOP_NOT_SENT,
            Code.WATER_CHANGE_FAILED,
        ),
        _BIZ_CRITICAL,
    )
    | dict.fromkeys((Code.RUN_REFUSED, Code.LOCK_RESET), _BIZ_INFO)
    | dict.fromkeys(
        (Code.MQTT_DOWN, Code.DEVICE_OFFLINE, Code.OTA_FAILED, Code.OTA_ROLLED_BACK, Code.BATTERY_LOW),
        _INFRA_WARNING,
    )
    | dict.fromkeys((Code.UNKNOWN_METRIC, Code.CLOCK_SKEW), _INFRA_INFO)
)
"""Of each code, its source and its usual severity."""


class Change(StrEnum):
    """What became of an alert."""

    RAISED = auto()
    UPDATED = auto()
    RESOLVED = auto()
    ACKNOWLEDGED = auto()
    NOTED = auto()


@dataclass(frozen=True, slots=True)
class Place:
    """Where the trouble is: of one code there is one active alert in one place."""

    code: Code
    uid: str | None = None
    zone: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One trouble from its beginning to its end, or a moment; times are Unix seconds."""

    id: str
    code: Code
    severity: Severity
    uid: str | None = None
    zone: str | None = None
    channel: str | None = None
    cause: str | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    raised_at: float
    updated_at: float
    resolved_at: float | None = None
    acknowledged_at: float | None = None
    count: int = 1
    momentary: bool = False

    @property
    def source(self) -> Source:
        """Who must look after it."""
        return TROUBLES[self.code].source

    @property
    def place(self) -> Place:
        """Where the trouble is."""
        return Place(self.code, self.uid, self.zone, self.channel)

    @property
    def active(self) -> bool:
        """Whether the trouble is still there."""
        return self.resolved_at is None

    def event(self, change: Change) -> str:
        """Return what a change is called: a measurement that was high or low is normal when that is over."""
        return _event(self.code, change)


def _event(code: Code, change: Change) -> str:
    kind, _, side = code.value.rpartition("_")
    over = change is Change.RESOLVED and side in _SIDES
    return f"{kind}_normal" if over else code.value


EVENTS = frozenset(_event(code, change) for code in Code for change in Change)
"""All that a change of an alert can be called."""


@dataclass(frozen=True, slots=True)
class Book:
    """The active alerts by their place, and those that are over, by the time at which they ended."""

    active: Mapping[Place, Alert] = field(default_factory=dict)
    past: tuple[Alert, ...] = ()

    def find(self, alert_id: str) -> Alert | None:
        """Return the alert of this id."""
        return next((alert for alert in (*self.active.values(), *self.past) if alert.id == alert_id), None)


@dataclass(frozen=True, slots=True)
class Step:
    """A book after something was entered, the alert that this concerns, and what there is to tell of it."""

    book: Book
    alert: Alert | None = None
    change: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is said of a trouble; where no severity is named, the usual one holds."""

    place: Place
    cause: str | None = None
    severity: Severity | None = None
    values: Mapping[str, Value] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """Return what of an alert this says anew; a number that is none becomes unknown."""
        return {
            "severity": self.severity or TROUBLES[self.place.code].severity,
            "cause": self.cause and self.cause[:_LONGEST_TEXT],
            "values": {name: _value(value) for name, value in self.values.items()},
        }

    def begin(self, alert_id: str, now: float) -> Alert:
        """Return a new alert of this."""
        place = self.place
        return Alert(
            id=alert_id,
            code=place.code,
            uid=place.uid,
            zone=place.zone,
            channel=place.channel,
            raised_at=now,
            updated_at=now,
            **self.content(),
        )


def raise_alert(book: Book, report: Report, *, alert_id: str, now: float) -> Step:
    """Enter a trouble: raised under this id where it is new, updated where it is active and said otherwise."""
    before = book.active.get(report.place)
    if before is None:
        return _entered(book, report.begin(alert_id, now), Change.RAISED)
    content = report.content()
    after = replace(before, **content)
    if after == before:
        return Step(book, before)
    # Who said that they know of a warning said nothing of what it has become since.
    worse = after.severity.rank > before.severity.rank
    after = replace(
        after,
        updated_at=max(now, before.updated_at),
        acknowledged_at=None if worse else before.acknowledged_at,
        count=before.count + 1,
    )
    # Values alone may change with every reading.
    same = (after.severity, after.cause) == (before.severity, before.cause)
    quiet = same and before.updated_at <= now < before.updated_at + SAME_MOMENT
    if quiet:
        after = replace(after, updated_at=before.updated_at, count=before.count)
    return _entered(book, after, None if quiet else Change.UPDATED)


def _entered(book: Book, alert: Alert, change: Change | None) -> Step:
    return Step(replace(book, active={**book.active, alert.place: alert}), alert, change)


def resolve_alert(book: Book, place: Place, *, now: float) -> Step:
    """Enter that a trouble is over; nothing happens where there was none."""
    before = book.active.get(place)
    if before is None:
        return Step(book)
    # A clock that was set back ends nothing before it began.
    ended = max(now, before.updated_at)
    alert = replace(before, resolved_at=ended, updated_at=ended)
    active = {one: other for one, other in book.active.items() if one != place}
    return Step(prune_alerts(Book(active, (*book.past, alert)), now=now), alert, Change.RESOLVED)


def note_alert(book: Book, report: Report, *, alert_id: str, now: float) -> Step:
    """Enter what happened in a moment and is over; the same again within a minute is counted with it."""
    new = replace(report.begin(alert_id, now), resolved_at=now, momentary=True)
    before = _same_moment(book, new, now)
    if before is None:
        return Step(prune_alerts(replace(book, past=(*book.past, new)), now=now), new, Change.NOTED)
    again = replace(before, values=new.values, updated_at=now, resolved_at=now, count=before.count + 1)
    past = (*(alert for alert in book.past if alert is not before), again)
    return Step(replace(book, past=past), again, Change.NOTED)


def _same_moment(book: Book, new: Alert, now: float) -> Alert | None:
    for alert in reversed(book.past):
        if not now - SAME_MOMENT < alert.updated_at <= now:
            return None
        if alert.momentary and (alert.place, alert.cause, alert.severity) == (new.place, new.cause, new.severity):
            return alert
    return None


def acknowledge_alert(book: Book, alert_id: str, *, now: float) -> Step:
    """Enter that somebody knows of an active alert; nothing happens where that is known, or it is not active."""
    before = next((alert for alert in book.active.values() if alert.id == alert_id), None)
    if before is None or before.acknowledged_at is not None:
        return Step(book, before)
    return _entered(book, replace(before, acknowledged_at=max(now, before.raised_at)), Change.ACKNOWLEDGED)


def prune_alerts(book: Book, *, now: float) -> Book:
    """Drop what is over for too long, and the oldest of what is too much; never what is active."""
    room = max(KEPT_AT_MOST - len(book.active), 0)
    past = book.past
    excess = max(len(past) - room, 0)
    # Entered by the time of their end: where the first is young, so are all.
    while excess < len(past) and _too_old(past[excess], now):
        excess += 1
    return replace(book, past=past[excess:]) if excess else book


def _too_old(alert: Alert, now: float) -> bool:
    return alert.updated_at < now - KEPT_FOR


def unparse_alert(alert: Alert) -> dict[str, Any]:
    """Return an alert as it is stored and answered with."""
    return {
        "id": alert.id,
        "code": alert.code.value,
        "source": alert.source.value,
        "severity": alert.severity.value,
        "uid": alert.uid,
        "zone": alert.zone,
        "channel": alert.channel,
        "cause": alert.cause,
        "values": dict(alert.values),
        "raised_at": alert.raised_at,
        "updated_at": alert.updated_at,
        "resolved_at": alert.resolved_at,
        "acknowledged_at": alert.acknowledged_at,
        "count": alert.count,
        "momentary": alert.momentary,
    }


def unparse_alerts(book: Book) -> list[dict[str, Any]]:
    """Return a book as it is stored."""
    return [unparse_alert(alert) for alert in (*book.past, *book.active.values())]


def read_alerts(stored: object) -> tuple[Book, tuple[str, ...]]:
    """Return a stored book, and of each alert that cannot be read and is left out, why."""
    active: dict[Place, Alert] = {}
    past: list[Alert] = []
    broken: list[str] = []
    seen: set[str] = set()
    for content in stored if isinstance(stored, list) else [stored]:
        try:
            alert = read_alert(content)
        except ValueError as err:
            broken.append(str(err))
            continue
        if alert.id in seen or (alert.active and alert.place in active):
            broken.append("is there twice")
            continue
        seen.add(alert.id)
        if alert.active:
            active[alert.place] = alert
        else:
            past.append(alert)
    return Book(active, tuple(sorted(past, key=lambda alert: alert.updated_at))), tuple(broken)


def read_alert(content: object) -> Alert:
    """Return a stored alert; raise ValueError if it is broken."""
    if not isinstance(content, Mapping):
        raise ValueError("not an alert")  # noqa: TRY004 - one kind of error for all that is wrong with it
    uid = _text(content, "uid", _LONGEST_NAME)
    if uid is not None and not valid_uid(uid):
        raise ValueError("uid is none")
    raised = _moment(content, "raised_at")
    updated = _moment(content, "updated_at")
    if raised is None or updated is None or not raised <= updated:
        raise ValueError("no time, or it ended before it began")
    resolved = _moment(content, "resolved_at")
    if resolved is not None and resolved != updated:
        raise ValueError("changed after its end")
    return Alert(
        id=_text(content, "id", _LONGEST_NAME) or _missing("id"),
        code=Code(_text(content, "code", _LONGEST_NAME) or _missing("code")),
        severity=Severity(_text(content, "severity", _LONGEST_NAME) or _missing("severity")),
        uid=uid,
        zone=_text(content, "zone", _LONGEST_NAME),
        channel=_text(content, "channel", _LONGEST_NAME),
        cause=_text(content, "cause", _LONGEST_TEXT),
        values=_values(content.get("values")),
        raised_at=raised,
        updated_at=updated,
        resolved_at=resolved,
        acknowledged_at=_moment(content, "acknowledged_at"),
        count=_count(content.get("count")),
        momentary=content.get("momentary") is True,
    )


def _missing(name: str) -> str:
    raise ValueError(f"{name} is missing")


def _text(content: Mapping[str, object], name: str, longest: int) -> str | None:
    value = content.get(name)
    if value is None or (isinstance(value, str) and len(value) <= longest):
        return value
    raise ValueError(f"{name} is no text, or too long")


def _value(value: Value) -> Value:
    if isinstance(value, str):
        return value[:_LONGEST_TEXT]
    return value if _storable(value) else None


def _storable(value: object) -> bool:
    """Tell whether a value is text, a yes or no, nothing, or a number that is one."""
    return value is None or isinstance(value, str) or (isinstance(value, (int, float)) and abs(value) <= _LARGEST)


def _moment(content: Mapping[str, Any], name: str) -> float | None:
    value = content.get(name)
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return value
    raise ValueError(f"{name} is no time")


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("count is none")
    return value


def _values(content: object) -> Mapping[str, Value]:
    if not isinstance(content, Mapping) or not all(map(_storable, content.values())):
        raise ValueError("values are none")
    return dict(content)


def worst(alerts: Iterable[Alert]) -> Severity | None:
    """Return the highest severity among alerts, or None where there are none."""
    return max((alert.severity for alert in alerts), key=lambda one: one.rank, default=None)
