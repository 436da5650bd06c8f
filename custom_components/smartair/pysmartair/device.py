"""What is known of a device, and how each message changes it: values in, values out, and no clock."""

from collections.abc import Collection, Mapping
from copy import replace
from itertools import islice
from statistics import median_low
from typing import NamedTuple

from .messages import (
    NONE,
    Buffered,
    ChannelState,
    CommandResponse,
    ConfigState,
    Descriptor,
    DeviceEvent,
    Message,
    OtaState,
    Setting,
    Status,
    Telemetry,
)
from .profiles import DEFAULT_COMMANDS, default_settings, guess_type

LIVE_WINDOW = 120
"""Seconds by which a device's time may differ from ours for a measurement to be of now (protocol, "Time")."""

STALE_INTERVALS = 3
STALE_MINIMUM = 90
"""A value is stale after three report intervals, at least 90 seconds (protocol, "Truth rules")."""

MAX_INTERVAL = 3600
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
# A sequence that is this far behind the last one has begun anew; anything nearer is a late or second copy.
_SEQUENCE_WINDOW = 1000

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

NOTHING: frozenset[str] = frozenset()
_HEARD = frozenset({KEY_LAST_SEEN})
_HEARD_UP = frozenset({KEY_LAST_SEEN, KEY_UPTIME})


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
        if self.online is None:
            return self.fresh
        return self.online and self.fresh

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
        return max(STALE_MINIMUM, STALE_INTERVALS * (self.report_interval or 0))


def fold(  # noqa: C901, PLR0911 - one for each kind of message
    before: Snapshot, message: Message, *, now: float, retained: bool = False
) -> tuple[Snapshot, frozenset[str]]:
    """Return what is known after a message, and the keys of what it changed; `now` is the time of arrival."""
    match message:
        case Telemetry() | Buffered() if retained:
            return _learn_metrics(before, message)
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
        if before.online is False:
            return before, NOTHING
        return replace(before, online=False), frozenset({KEY_STATUS})
    changed = {KEY_STATUS} if not (before.online and before.fresh) else set()
    if not retained:
        changed.add(KEY_LAST_SEEN)
    # A birth message begins a new term of grace: the first telemetry is still to come.
    # One that the broker kept may be of any age, and says nothing about when the device was seen.
    last_seen = before.last_seen if retained else now
    return replace(before, online=True, fresh=True, heard=now, last_seen=last_seen), frozenset(changed)


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
    )
    return after, frozenset({KEY_DESCRIPTOR, KEY_FACTS})


def _is_copy(before: Snapshot, message: Telemetry) -> bool:
    """Tell whether a numbered message is one that was had before, or was overtaken by a later one."""
    if message.seq is None or before.seq is None or message.boot_id is None:
        return False
    return message.boot_id == before.boot_id and 0 <= before.seq - message.seq < _SEQUENCE_WINDOW


def _fold_telemetry(before: Snapshot, message: Telemetry, now: float) -> tuple[Snapshot, frozenset[str]]:
    sample = message.sample
    if _is_copy(before, message):
        return replace(before, duplicates=before.duplicates + 1), NOTHING
    age = 0.0 if sample.timestamp is None else now - sample.timestamp
    if age > LIVE_WINDOW:
        return _fold_buffered(before, Buffered(uid=message.uid, samples=(sample,)), now)

    skew = None if sample.timestamp is None or age >= -LIVE_WINDOW else -age
    firmware = message.firmware_version or before.firmware_version
    ip = message.ip or before.ip
    unknown, rejected = before.unknown, before.rejected
    if sample.unknown or sample.rejected:
        unknown, rejected = _count(unknown, sample.unknown), _count(rejected, sample.rejected)

    values, times, gaps = _with_values(before, sample.values, now)
    channels, channels_seen = before.channels, before.channels_seen
    if message.channels:
        channels, channels_seen = _with_channels(before, message.channels, now)
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
    heard = _HEARD if message.uptime is None else _HEARD_UP
    return heard.union(changed) if changed else heard


def _another_skew(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is not after
    return abs(after - before) >= max(_SAME_SKEW, before / 10)


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


def _learn_metrics(before: Snapshot, message: Telemetry | Buffered) -> tuple[Snapshot, frozenset[str]]:
    """Take from a retained message that a device exists and what it can measure, never what it measures now."""
    metrics = _with_metrics(before.metrics, _measured_by(message))
    if metrics is before.metrics:
        return before, NOTHING
    return replace(before, metrics=metrics), frozenset({KEY_DESCRIPTOR})


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
        fresh=True,
        last_seen=now,
        heard=now,
        metrics=_with_metrics(before.metrics, _measured_by(message)),
        buffered=before.buffered + len(message.samples),
    )
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
