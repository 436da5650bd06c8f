"""What is known of a device, and how each message changes it: values in, values out, and no clock."""

from collections.abc import Collection, Mapping
from copy import replace
from itertools import islice
from statistics import median_low
from typing import Any, NamedTuple

from .protocol.fields import integer, number
from .protocol.messages import (
    NONE,
    Buffered,
    ChannelState,
    CommandResponse,
    ConfigState,
    Descriptor,
    DeviceEvent,
    Message,
    Odd,
    OtaState,
    Rejection,
    Setting,
    Status,
    Telemetry,
)
from .protocol.profiles import DEFAULT_COMMANDS, default_settings, guess_type

LIVE_WINDOW = 120
"""Seconds by which a device's time may differ from ours for a measurement to be of now (protocol, "Time")."""

STALE_INTERVALS = 3
STALE_MINIMUM = 90
"""A value is stale after three report intervals, at least 90 seconds (protocol, "Truth rules")."""

# A report each day is a pace; who is silent for a month is not believed to keep one.
MAX_INTERVAL = 31 * 86_400

DOUBT = 3600
"""Seconds for which a device whose pace is not known may be silent before it is said to be offline."""

# A wake may be missed once, for want of a network, before a device that said when it wakes is overdue.
_WAKES = 2
# Who is awake for longer than this does not sleep between its reports.
_NAP = 120
# A connection that breaks is back sooner.
_NAP_LEAST = 30
MAX_UNKNOWN = 32
MAX_CHANNELS = 64
_GAPS = 5
# Nobody reports more often than each second (protocol, "config"): what comes sooner is a second copy.
_SHORTEST_GAP = 0.5
# A pause that differs from the last by less than a twentieth is the same pause.
_STEADY = 20
# A clock that is ahead by less than this, or a tenth, more or less than it was is as far ahead: each message takes
# another while to arrive, and a clock that stands still would be news with each.
_SAME_SKEW = 60
# A broker repeats what was not confirmed when the connection is back, within seconds; so many messages at most.
_COPY_TERM = 10
_COPIES = 4
# What is overtaken on its way comes in the same second and is a few numbers behind; else a counter went back.
_OVERTAKEN = 8
# So steadily behind, and for so long, is no backlog, whose lag dwindles as it is sent, but a wrong clock.
_LAG_TOLERANCE = 5
_LAG_TOLERANCE_MOST = 60
_STEADILY_BEHIND = ((3, 10), (2, 60))
# A float of Unix seconds is this exact, and a clock that stands still shows the same.
_INSTANT = 1e-3
# A clock that was wrong is right again when it is this near.
_RIGHT_AGAIN = 90
# What is rejected this often in a row, and for longer than this, is no glitch.
_STEADY_ODD, _STEADY_ODD_FOR = 3, 60
MAX_ODD = 32

# Keys of what can change beside the metrics, which go by their own names.
KEY_STATUS = "$status"
KEY_DESCRIPTOR = "$descriptor"
KEY_CONFIG = "$config"
KEY_CHANNELS = "$channels"
KEY_FACTS = "$facts"
KEY_UPTIME = "$uptime"
KEY_LAST_SEEN = "$last_seen"
KEY_SKEW = "$skew"
KEY_UNKNOWN = "$unknown"
KEY_OTA = "$ota"
KEY_ODD = "$odd"

NOTHING: frozenset[str] = frozenset()
_HEARD = frozenset({KEY_LAST_SEEN})
_HEARD_UP = frozenset({KEY_LAST_SEEN, KEY_UPTIME})


class Trouble(NamedTuple):
    """What a device says again and again that cannot be taken: why, what it said last, since when and how often."""

    reason: Rejection
    said: str
    since: float
    last: float
    often: int

    @property
    def steady(self) -> bool:
        """Whether this is no glitch."""
        return self.often >= _STEADY_ODD and self.last - self.since >= _STEADY_ODD_FOR


# A named tuple, where all else here is a frozen dataclass: one is made with every message, and a dataclass sets its
# fields one by one by way of object.__setattr__, which takes three times as long.
class Snapshot(NamedTuple):
    """All that is known of a device at one moment; times are Unix seconds by the receiver's clock.

    Values came at `told_at`, when the device last measured, or else at their own of the `times`; those remember
    what is past its term as well, for how often a slow device reports is only seen by its next report. `heard` is
    what `fresh` is measured from: the last sign of life, or a birth message that the broker kept and that must soon
    be followed by one.
    """

    uid: str
    online: bool | None = None
    fresh: bool = False
    values: Mapping[str, float] = NONE
    told_at: float = 0
    times: Mapping[str, float] = NONE
    metrics: frozenset[str] = frozenset()
    channels: Mapping[str, ChannelState] = NONE
    channels_seen: Mapping[str, float] = NONE
    descriptor: Descriptor | None = None
    applied: ConfigState | None = None
    ota: OtaState | None = None
    hinted_type: str | None = None
    firmware_version: str | None = None
    ip: str | None = None
    uptime: float | None = None
    last_seen: float | None = None
    heard: float | None = None
    skew: float | None = None
    seq: int | None = None
    boot_id: str | None = None
    gaps: tuple[float, ...] = ()
    unknown: Mapping[str, int] = NONE
    rejected: Mapping[str, int] = NONE
    buffered: int = 0
    duplicates: int = 0
    # Asleep is away until the next wake; `naps` counts how often it went in a row as a device does that sleeps.
    asleep: bool = False
    sleep_s: float | None = None
    woke_at: float | None = None
    slept_at: float | None = None
    naps: int = 0
    # By how much the last live message was behind; and the run of late ones: first arrival, first time, how many.
    lag: float | None = None
    late: tuple[float, float, int] | None = None
    recent: tuple[tuple[float, Telemetry], ...] = ()
    odd: Mapping[str, Trouble] = NONE

    @property
    def troubles(self) -> Mapping[str, Trouble]:
        """What the device steadily says that cannot be taken, by name."""
        return {name: one for name, one in self.odd.items() if one.steady}

    @property
    def measured(self) -> Mapping[str, float]:
        """When each of the values was measured."""
        return {name: self.times.get(name, self.told_at) for name in self.values}

    @property
    def reported(self) -> Mapping[str, float]:
        """When each metric was last reported, its value still being true or not."""
        return {**dict.fromkeys(self.values, self.told_at), **self.times}

    @property
    def device_type(self) -> str:
        """The type that the device claims, or else the one that its measurements suggest."""
        if self.descriptor is not None:
            return self.descriptor.device_type
        return self.hinted_type or guess_type(self.metrics)

    @property
    def takes_updates(self) -> bool:
        """Whether the device says that it takes updates, or has carried out an order of one."""
        return self.ota is not None or (self.descriptor is not None and self.descriptor.updates)

    @property
    def settings(self) -> Mapping[str, Setting]:
        """What can be configured; nothing on a device that never described itself."""
        if self.descriptor is None:
            return {}
        if self.descriptor.settings is None:
            return default_settings(self.descriptor.device_type)
        return self.descriptor.settings

    @property
    def commands(self) -> tuple[str, ...]:
        """What the device can be told to do; nothing when it never described itself."""
        if self.descriptor is None:
            return ()
        return DEFAULT_COMMANDS if self.descriptor.commands is None else self.descriptor.commands

    @property
    def available(self) -> bool:
        """Whether the device itself can be believed to be there, the broker aside."""
        return self.fresh and (self.online is not False or self.asleep)

    @property
    def report_interval(self) -> float | None:
        """Seconds between reports: as configured, else as observed, else None."""
        if self.applied is not None:
            interval = self.applied.config.get("report_interval")
            if isinstance(interval, (int, float)) and not isinstance(interval, bool) and interval > 0:
                return min(float(interval), MAX_INTERVAL)
        return min(median_low(self.gaps), MAX_INTERVAL) if self.gaps else None

    @property
    def stale_after(self) -> float:
        """Seconds after which a value no longer says how things are."""
        interval = self.report_interval or 0
        sleep = self.sleep_s or 0
        term = max(STALE_MINIMUM, STALE_INTERVALS * interval, _WAKES * sleep + STALE_MINIMUM if sleep else 0)
        # Who is asleep and never said for how long, nor was heard often enough to tell.
        return max(term, DOUBT) if self.asleep and not interval and not sleep else term

    @property
    def doubtful(self) -> bool:
        """Whether the device may be silent because that is its pace: it was not heard often enough to tell."""
        return self.online is not False and self.report_interval is None and not self.sleep_s


def fold(  # noqa: C901, PLR0911 - one for each kind of message
    before: Snapshot, message: Message, *, now: float, retained: bool = False
) -> tuple[Snapshot, frozenset[str]]:
    """Return what is known after a message, and the keys of what it changed; `now` is the time of arrival."""
    match message:
        case Telemetry() | Buffered() if retained:
            return _learn_metrics(before, message, now)
        case Telemetry():
            return _fold_telemetry(before, message, now)
        case Status():
            return _fold_status(before, message, now, retained=retained)
        case Descriptor():
            return _fold_descriptor(before, message)
        case ConfigState():
            if before.applied == message:
                return before, NOTHING
            return replace(before, applied=message), frozenset({KEY_CONFIG})
        case Buffered():
            return _fold_buffered(before, message, now)
        case OtaState():
            if before.ota == message:
                return before, NOTHING
            return replace(before, ota=message), frozenset({KEY_OTA})
        case CommandResponse() | DeviceEvent():  # pragma: no branch - the union is closed
            return before, NOTHING


def _fold_status(before: Snapshot, message: Status, now: float, *, retained: bool) -> tuple[Snapshot, frozenset[str]]:
    if not message.online:
        return _fold_going(before, message, now, retained=retained)
    changed = {KEY_STATUS} if not (before.online and before.fresh) else set()
    if not retained:
        changed.add(KEY_LAST_SEEN)
    # A birth message begins a new term of grace: the first telemetry is still to come.
    # One that the broker kept may be of any age, and says nothing about when the device was seen.
    last_seen = before.last_seen if retained else now
    woke_at = now if before.online is False and not retained else before.woke_at
    after = replace(before, online=True, asleep=False, fresh=True, heard=now, last_seen=last_seen, woke_at=woke_at)
    return after, frozenset(changed)


def _fold_going(before: Snapshot, message: Status, now: float, *, retained: bool) -> tuple[Snapshot, frozenset[str]]:
    """Take leave of a device; a sleep that was not announced looks like a last will, but comes again and again."""
    if before.online is False and (before.asleep or not message.asleep):
        return before, NOTHING
    naps = before.naps if retained or before.online is False else _naps(before, now)
    after = replace(before, online=False, asleep=message.asleep or naps > 0, naps=naps)
    if not retained:
        after = replace(after, slept_at=now)
    if message.asleep and (not retained or before.heard is None):
        # It spoke just now, or the broker kept it and its age is not known: the wake is awaited from here on.
        after = replace(after, fresh=True, heard=now, last_seen=before.last_seen if retained else now)
    return after, frozenset({KEY_STATUS})


def _naps(before: Snapshot, now: float) -> int:
    """Return how often in a row the device was awake for a moment, and for shorter than it had been away."""
    if before.woke_at is None or before.slept_at is None:
        return 0
    awake, away = now - before.woke_at, before.woke_at - before.slept_at
    return before.naps + 1 if 0 <= awake <= min(_NAP, away) and away >= _NAP_LEAST else 0


def _fold_descriptor(before: Snapshot, message: Descriptor) -> tuple[Snapshot, frozenset[str]]:
    if before.descriptor == message:
        return before, NOTHING
    metrics = before.metrics | frozenset(message.metrics)
    after = replace(
        before,
        descriptor=message,
        metrics=metrics,
        firmware_version=message.firmware_version or before.firmware_version,
        ip=message.ip or before.ip,
        sleep_s=before.sleep_s if message.sleep_s is None else message.sleep_s,
    )
    return after, frozenset({KEY_DESCRIPTOR, KEY_FACTS})


def _is_copy(before: Snapshot, message: Telemetry, now: float) -> bool:
    """Tell whether a numbered message is one that was had just before, or was overtaken by a later one.

    Only for a moment: whoever goes on speaking is alive, whatever its counter does (one of a byte begins anew often).
    """
    if message.seq is None or before.seq is None or message.boot_id is None or message.boot_id != before.boot_id:
        return False
    behind = before.seq - message.seq
    if behind < 0:
        return False
    if behind < _OVERTAKEN and 0 <= now - before.told_at < 1:
        return True
    return any(0 <= now - at <= _COPY_TERM and one == message for at, one in before.recent)


def _lag_of(before: Snapshot, timestamp: float, now: float) -> tuple[bool, tuple[float, float, int] | None]:
    """Return whether a late message is of now, by a clock that is wrong, and the run of late ones that it is of."""
    lag = now - timestamp
    if before.lag is not None:
        tolerance = min(max(_LAG_TOLERANCE, (now - before.told_at) / 10), _LAG_TOLERANCE_MOST)
        stands = before.skew is not None and abs(before.told_at - before.lag - timestamp) < _INSTANT
        if stands or abs(lag - before.lag) <= tolerance:
            return True, None
    if before.late is None:
        return False, (now, timestamp, 1)
    at, first, count = before.late
    span = now - at
    if span < 0 or (abs(lag - (at - first)) > min(max(2, span / 10), _LAG_TOLERANCE_MOST) and timestamp != first):
        return False, (now, timestamp, 1)
    count += 1
    return any(count >= least and span >= term for least, term in _STEADILY_BEHIND), (at, first, count)


def _skew(before: Snapshot, lag: float) -> float | None:
    """Return by how much a clock is ahead, or behind by a negative number, or None where it is right."""
    # Near the border, a clock that was told of is not right and wrong by turns.
    return -lag if abs(lag) > (LIVE_WINDOW if before.skew is None else _RIGHT_AGAIN) else None


def _note_odd(before: Mapping[str, Trouble], message: Telemetry, now: float) -> Mapping[str, Trouble]:
    """Return what is odd about a device after a message: what it now says well is odd no more."""
    sample = message.sample
    kept = {name: one for name, one in before.items() if name in sample.odd or not _taken(name, message)}
    return _add_odd(kept, sample.odd, now)


def _add_odd(before: Mapping[str, Trouble], odd: Mapping[str, Odd], now: float) -> Mapping[str, Trouble]:
    after = dict(before)
    for name, one in odd.items():
        known = after.get(name)
        if known is not None or len(after) < MAX_ODD:
            since, often = (known.since, known.often) if known else (now, 0)
            after[name] = Trouble(one.reason, one.said, since, now, often + 1)
    return after


def _taken(name: str, message: Telemetry) -> bool:
    channel, of_channel, _ = name.partition(".")
    if of_channel:
        return channel in message.channels
    return message.sample.timestamp is not None if name == "timestamp" else name in message.sample.values


def _fold_telemetry(before: Snapshot, message: Telemetry, now: float) -> tuple[Snapshot, frozenset[str]]:
    sample = message.sample
    if _is_copy(before, message, now):
        return replace(before, duplicates=before.duplicates + 1), NOTHING
    lag, skew = before.lag, None
    if sample.timestamp is not None:
        lag = now - sample.timestamp
        if lag > LIVE_WINDOW:
            live, late = _lag_of(before, sample.timestamp, now)
            if not live:
                after, changed = _fold_buffered(before, Buffered(uid=message.uid, samples=(sample,)), now)
                return replace(after, late=late), changed
        if before.skew is not None or not -LIVE_WINDOW <= lag <= LIVE_WINDOW:
            skew = _skew(before, lag)
    firmware = message.firmware_version or before.firmware_version
    ip = message.ip or before.ip
    unknown, rejected = before.unknown, before.rejected
    if sample.unknown or sample.rejected:
        unknown, rejected = _count(unknown, sample.unknown), _count(rejected, sample.rejected)

    values, times, gaps = _with_values(before, sample.values, now)
    channels, channels_seen = before.channels, before.channels_seen
    if message.channels:
        channels, channels_seen = _with_channels(before, message.channels, now)
    odd = before.odd
    if odd or sample.odd:
        odd = _note_odd(odd, message, now)
    after = Snapshot(
        uid=before.uid,
        # Whoever speaks is there, whatever a last will that came late has said.
        online=True if before.online is False else before.online,
        fresh=True,
        values=values,
        told_at=now,
        times=times,
        metrics=before.metrics if values is before.values else _with_metrics(before.metrics, sample.values),
        channels=channels,
        channels_seen=channels_seen,
        descriptor=before.descriptor,
        applied=before.applied,
        ota=before.ota,
        hinted_type=message.device_type or before.hinted_type,
        firmware_version=firmware,
        ip=ip,
        uptime=message.uptime if message.uptime is not None else before.uptime,
        last_seen=now,
        heard=now,
        skew=skew,
        seq=message.seq,
        boot_id=message.boot_id,
        gaps=gaps,
        unknown=unknown,
        rejected=rejected,
        buffered=before.buffered,
        duplicates=before.duplicates,
        sleep_s=before.sleep_s if message.sleep_s is None else message.sleep_s,
        woke_at=now if before.online is False else before.woke_at,
        slept_at=before.slept_at,
        naps=before.naps,
        lag=lag,
        recent=before.recent if message.boot_id is None else (*before.recent[1 - _COPIES :], (now, message)),
        odd=odd,
    )
    return after, _telemetry_changes(before, after, message)


def _telemetry_changes(before: Snapshot, after: Snapshot, message: Telemetry) -> frozenset[str]:
    changed: set[str] = set()
    if after.values is not before.values:
        old = before.values
        changed.update([name for name, value in message.sample.values.items() if old.get(name) != value])
    if not before.fresh or before.online is False:
        changed.add(KEY_STATUS)
    if _another_skew(before.skew, after.skew):
        changed.add(KEY_SKEW)
    if after.channels is not before.channels and after.channels != before.channels:
        changed.add(KEY_CHANNELS)
    if (
        after.firmware_version != before.firmware_version
        or after.ip != before.ip
        or after.hinted_type != before.hinted_type
    ):
        changed.add(KEY_FACTS)
    if after.unknown is not before.unknown and after.unknown.keys() != before.unknown.keys():
        changed.add(KEY_UNKNOWN)
    if after.odd is not before.odd and after.troubles.keys() != before.troubles.keys():
        changed.add(KEY_ODD)
    heard = _HEARD if message.uptime is None else _HEARD_UP
    return heard.union(changed) if changed else heard


def _another_skew(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is not after
    return abs(after - before) >= max(_SAME_SKEW, abs(before) / 10)


def _with_values(
    before: Snapshot, told: Mapping[str, float], now: float
) -> tuple[Mapping[str, float], Mapping[str, float], tuple[float, ...]]:
    """Return the values, the times of those that were not told of now, and the last pauses between reports."""
    same = told == before.values
    if not before.times and (same or told.keys() == before.values.keys()):
        # Nearly every report is of all that was ever reported, and then nothing has to be merged.
        values = before.values if same else told
        return values, NONE, _next_gaps(before.gaps, now - before.told_at if told else 0)
    reported = before.reported
    latest = max((at for name in told if (at := reported.get(name, now)) < now), default=now)
    times = {name: at for name, at in reported.items() if name not in told}
    return {**before.values, **told}, times, _next_gaps(before.gaps, now - latest)


def _next_gaps(gaps: tuple[float, ...], gap: float) -> tuple[float, ...]:
    """Return the last pauses between two reports of the same, their median being robust against one long absence."""
    if gap < _SHORTEST_GAP or (len(gaps) == _GAPS and abs(gap - gaps[-1]) * _STEADY < gap):
        return gaps
    return (*gaps[1 - _GAPS :], gap)


def _with_channels(
    before: Snapshot, told: Mapping[str, ChannelState], now: float
) -> tuple[Mapping[str, ChannelState], Mapping[str, float]]:
    """Return the channels and when each was told of: those that a message leaves out grow stale as any value does."""
    channels = dict(islice({**before.channels, **told}.items(), MAX_CHANNELS))
    return channels, {name: now if name in told else before.channels_seen[name] for name in channels}


def _with_metrics(known: frozenset[str], names: Collection[str]) -> frozenset[str]:
    return known if known.issuperset(names) else known | frozenset(names)


def _odd_in(message: Telemetry | Buffered) -> Mapping[str, Odd]:
    """Return what is odd in a message, without what is well said by another of its samples."""
    samples = message.samples if isinstance(message, Buffered) else (message.sample,)
    well = _measured_by(message)
    return {name: one for sample in samples for name, one in sample.odd.items() if name not in well}


def _learn_metrics(before: Snapshot, message: Telemetry | Buffered, now: float) -> tuple[Snapshot, frozenset[str]]:
    """Take from a retained message that a device exists and what it can measure, never what it measures now."""
    metrics = _with_metrics(before.metrics, _measured_by(message))
    if isinstance(message, Telemetry):
        odd = _note_odd(before.odd, message, now)
    else:
        odd = _add_odd(before.odd, _odd_in(message), now)
    if metrics is before.metrics and odd == before.odd:
        return before, NOTHING
    return replace(before, metrics=metrics, odd=odd), frozenset({KEY_DESCRIPTOR})


def _measured_by(message: Telemetry | Buffered) -> frozenset[str]:
    samples = message.samples if isinstance(message, Buffered) else (message.sample,)
    return frozenset(name for sample in samples for name in sample.values)


def _fold_buffered(before: Snapshot, message: Buffered, now: float) -> tuple[Snapshot, frozenset[str]]:
    """History proves that the device is there again, and touches no live value."""
    changed = {KEY_LAST_SEEN}
    if not before.fresh or before.online is False:
        changed.add(KEY_STATUS)
    after = replace(
        before,
        online=True if before.online is False else before.online,
        asleep=False,
        woke_at=now if before.online is False else before.woke_at,
        fresh=True,
        last_seen=now,
        heard=now,
        metrics=_with_metrics(before.metrics, _measured_by(message)),
        buffered=before.buffered + len(message.samples),
    )
    if odd := _odd_in(message):
        after = replace(after, odd=_add_odd(before.odd, odd, now))
        if after.troubles.keys() != before.troubles.keys():
            changed.add(KEY_ODD)
    return after, frozenset(changed)


def _count(counts: Mapping[str, int], names: Collection[str]) -> Mapping[str, int]:
    after = dict(counts)
    for name in names:
        if name in after or len(after) < MAX_UNKNOWN:
            after[name] = after.get(name, 0) + 1
    return after


def expire(before: Snapshot, *, now: float) -> tuple[Snapshot, frozenset[str]]:
    """Return what is still true at `now`: values past their term are gone, and so is a device that fell silent."""
    oldest = now - before.stale_after
    # A moment ahead of now is from before our own clock was set back: how old it really is, nobody knows.
    newest = now + LIVE_WINDOW

    def past(times: Mapping[str, float]) -> set[str]:
        return {name for name, at in times.items() if not oldest < at < newest}

    measured = before.measured
    gone, mute = past(measured), past(before.channels_seen)
    silent = before.fresh and (before.heard is None or not oldest < before.heard < newest)
    if not gone and not mute and not silent:
        return before, NOTHING
    after = replace(
        before,
        fresh=before.fresh and not silent,
        values=_without(before.values, gone),
        times={**before.times, **{name: measured[name] for name in gone}},
        channels=_without(before.channels, mute),
        channels_seen=_without(before.channels_seen, mute),
    )
    return after, frozenset(gone | ({KEY_CHANNELS} if mute else set()) | ({KEY_STATUS} if silent else set()))


def _without[T](things: Mapping[str, T], names: Collection[str]) -> Mapping[str, T]:
    return {name: thing for name, thing in things.items() if name not in names}


def next_expiry(snapshot: Snapshot) -> float | None:
    """Return the time at which something of this becomes stale, or None when nothing can."""
    times = [*snapshot.measured.values(), *snapshot.channels_seen.values()]
    if snapshot.fresh and snapshot.heard is not None:
        times.append(snapshot.heard)
    return min(times) + snapshot.stale_after if times else None


def habits(snapshot: Snapshot) -> dict[str, Any]:
    """Return what is worth remembering of a device over a restart: its pace, its clock, and when it was heard."""
    return {
        "gaps": list(snapshot.gaps),
        "heard": snapshot.heard if snapshot.fresh else None,
        "lag": snapshot.lag,
        "naps": snapshot.naps,
        "sleep_s": snapshot.sleep_s,
    }


def with_habits(snapshot: Snapshot, stored: object, *, now: float) -> Snapshot:
    """Return what is known of a device with its habits from before the restart, whatever was stored."""
    if not isinstance(stored, Mapping):
        return snapshot
    gaps = stored.get("gaps")
    found = [gap for one in (gaps if isinstance(gaps, list) else ()) if (gap := number(one, 0, MAX_INTERVAL))]
    after = replace(
        snapshot,
        gaps=tuple(found[-_GAPS:]),
        lag=number(stored.get("lag")),
        naps=integer(stored.get("naps")) or 0,
        sleep_s=number(stored.get("sleep_s"), 0, MAX_INTERVAL),
    )
    heard = number(stored.get("heard"))
    if heard is not None and 0 <= now - heard < after.stale_after:
        # It keeps its pace: nothing is lost yet.
        after = replace(after, fresh=True, heard=heard, last_seen=heard)
    return after
