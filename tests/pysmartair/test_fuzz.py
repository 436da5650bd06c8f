"""Whatever a device sends: no exception but ParseError, nothing unsafe that comes out, no lie that is kept.

`SMARTAIR_HYPOTHESIS=deep` runs a million examples, the default `ci` some twenty thousand.
"""

from collections.abc import Mapping
from copy import replace
import dataclasses
from enum import Enum
import json
import math
from typing import Any, get_args

from hypothesis import example, given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
import pytest

from custom_components.smartair.pysmartair import (
    CATALOGUE,
    KEY_CHANNELS,
    KEY_CONFIG,
    KEY_DESCRIPTOR,
    KEY_OTA,
    KEY_STATUS,
    PROFILES,
    Address,
    Buffered,
    Channel,
    Descriptor,
    Message,
    ParseError,
    Snapshot,
    Telemetry,
    expire,
    fold,
    next_expiry,
    parse,
    parse_topic,
    topic_for,
    unparse_descriptor,
    valid_root,
    valid_uid,
)
from custom_components.smartair.pysmartair.protocol.metrics import BY_ANY_NAME

from . import NOW, UID

# A million examples take their time.
pytestmark = pytest.mark.timeout(0)

# One example of the machine is a life of many messages.
_LIVES = settings.default.max_examples // 10 if settings.default else 10
STEPS = 30

# --- what may be sent ----------------------------------------------------------------------------

FIELDS: Mapping[str, tuple[str, ...]] = {
    "status": ("online",),
    "telemetry": (
        *("device_uid", "timestamp", "buffered", "samples", "seq", "boot_id", "channels"),
        *("firmware_version", "ip", "uptime", "device_type"),
        *BY_ANY_NAME,
    ),
    "info": (
        *("protocol", "device_type", "device_uid", "name", "model", "manufacturer", "area", "serial", "chip", "mac"),
        *(
            "firmware_version",
            "hardware_revision",
            "ip",
            "metrics",
            "channels",
            "config",
            "commands",
            "pairing",
            "ota",
        ),
    ),
    "config/state": ("revision", "applied", "config", "rejected", "device_uid"),
    "command_response": ("cmd", "command", "cmd_id", "status", "error_code", "details", "device_uid"),
    "ota/state": ("cmd_id", "state", "progress", "version", "error_code", "device_uid"),
    "event": ("event", "type", "data", "details", "device_uid", "code", "channel"),
}
INNER = (
    *("min", "max", "step", "unit", "options", "type", "id", "role", "fail_safe_mode", "salt", "sha256", "signed"),
    *("on", "current_ma", "flow_l_min", "lock", "start", "end", "timestamp", "co2", "temperature", "revision", "a"),
    *("report_interval", "co2_threshold", "alerts_enabled", "night_mode", "pump_recirc"),
)
WORDS = (
    UID,
    "online",
    "co2",
    "pump",
    "bool",
    "22:30",
    "24:00",
    "DONE",
    "done",
    "boot",
    "a" * 64,
    "a" * 63 + " b",
    "NC",
    "recirculation",
    "\ud800",
    "\udfff\ud800",
    "\u202e\0\x07",
    "0" * 64,
    "9f" * 32,
    " ",
    "\u0661\u0662",
)
NUMBERS = (
    0,
    1,
    -1,
    True,
    22,
    920,
    1e300,
    5e-324,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    10**400,
    int(NOW),
    NOW - 119.5,
    NOW - 3600,
    NOW + 3600,
    math.nan,
    math.inf,
    -math.inf,
)

any_text = st.text(st.characters(), max_size=80) | st.sampled_from(WORDS)
any_number = st.sampled_from(NUMBERS) | st.integers() | st.floats()
scalars = st.none() | st.booleans() | any_number | any_text
any_json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(INNER) | any_text, inner, max_size=6),
    max_leaves=6,
)


def plain(value: Any) -> Any:
    """Return a message or a snapshot as what JSON knows."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (tuple, frozenset)) else value


def some_of(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with some of these names and anything behind them."""
    return st.dictionaries(
        st.sampled_from(names), scalars | st.just([]) | st.just({}) | st.just(["a", 7]), max_size=4
    )


words = st.sampled_from(INNER) | any_text
# Anything rarely comes deep enough to be looked at; these do.
SHAPES: tuple[tuple[str, st.SearchStrategy[Any]], ...] = (
    ("config", st.dictionaries(words, some_of("min", "max", "step", "unit", "options", "type"), max_size=3)),
    ("config", some_of("night_mode", "report_interval", "fan", "led")),
    ("config", st.fixed_dictionaries({"night_mode": some_of("start", "end")})),
    ("pairing", st.fixed_dictionaries({"salt": any_text, "sha256": st.sampled_from(["0" * 64, "9f" * 32, "g", 7])})),
    ("channels", st.lists(some_of("id", "type", "role", "fail_safe_mode"), max_size=3)),
    ("channels", st.dictionaries(words, some_of("on", "current_ma", "flow_l_min", "lock"), max_size=3)),
    ("samples", st.lists(some_of("timestamp", "co2", "temp", "radon"), max_size=3)),
    ("metrics", st.lists(st.sampled_from(list(BY_ANY_NAME)) | any_text, max_size=4)),
    ("rejected", st.dictionaries(words, scalars, max_size=3)),
    ("details", st.dictionaries(words, scalars, max_size=3)),
    ("data", st.dictionaries(words, scalars, max_size=3)),
    ("name", any_text),
    ("protocol", scalars),
)


def written(pairs: list[tuple[str, Any]]) -> bytes:
    """Return an object as it is written, names that come twice included."""
    return ("{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}").encode()


def objects(channel: str) -> st.SearchStrategy[bytes]:
    """Return payloads that are nearly right: what a message must have, and then anything."""
    must = {
        "info": [("protocol", 1), ("device_type", "pump")],
        "config/state": [("revision", 1)],
        "command_response": [("cmd_id", "1"), ("status", "DONE")],
        "ota/state": [("state", "downloading")],
        "event": [("event", "boot")],
    }.get(channel, [])
    names = st.sampled_from(FIELDS[channel]) | any_text
    shaped = [st.tuples(st.just(name), shape) for name, shape in SHAPES if name in FIELDS[channel]]
    pairs = st.one_of(*shaped, st.tuples(names, scalars), st.tuples(names, any_json))
    return st.lists(pairs, max_size=5).map(lambda pairs: written([*must, *pairs]))


CHANNELS = tuple(FIELDS)
nearly_right = st.one_of(*(st.tuples(st.just(channel), objects(channel)) for channel in CHANNELS))


def nested(depth: int, signs: tuple[bytes, bytes], name: str, *, closed: bool) -> bytes:
    opening, closing = signs
    inner = opening * depth + (b"1" + closing * depth if closed else b"")
    return b'{"protocol":1,"revision":1,"cmd_id":"1","' + name.encode() + b'":' + inner + b"}"


# --- what may come out ---------------------------------------------------------------------------

_LIMITS = {"salt": 256, "rejected": 120, "details": 200, "data": 200}


def assert_safe(thing: object, limit: int = 64) -> None:
    """Assert that this can be shown, stored and sent: printable texts that are not long, and finite numbers."""
    match thing:
        case Enum() | None | bool():
            pass
        case str():
            assert thing.isprintable()
            assert len(thing.encode()) <= 4 * limit
            assert len(thing) <= limit
        case int() | float():
            assert math.isfinite(thing)
            # A whole number of more than 64 bits can be neither stored nor shown.
            assert isinstance(thing, float) or abs(thing) < 2**63
        case Mapping():
            assert len(thing) <= 128
            for name, value in thing.items():
                assert_safe(name)
                assert_safe(value, limit)
        case tuple() | frozenset():
            assert len(thing) <= 200
            for one in thing:
                assert_safe(one, limit)
        case _:
            assert dataclasses.is_dataclass(thing)
            for field in dataclasses.fields(thing):
                assert_safe(getattr(thing, field.name), _LIMITS.get(field.name, limit))


def assert_parses(channel: str, payload: bytes | str, uid: str = UID) -> Message | None:
    """Assert that a payload is understood or refused, and that what is understood is safe."""
    try:
        message = parse("devices", f"devices/{uid}/{channel}", payload)
    except ParseError as err:
        refused = err
    else:
        refused = None
    if refused is not None:
        assert refused.uid == uid
        assert refused.reason.isidentifier()
        assert_safe(str(refused), 300)
        return None
    assert message is None or isinstance(message, get_args(Message))
    if message is not None:
        assert message.uid == uid
        assert_safe(message)
        json.dumps(plain(message), allow_nan=False).encode()
    return message


# --- the parser ----------------------------------------------------------------------------------


@given(channel=st.sampled_from(CHANNELS), payload=st.binary(max_size=200) | any_text)
@example(channel="telemetry", payload='{"co2": nan, ' + '"\\' * 30_000)
@example(channel="telemetry", payload='{"co2": ' + "9" * 5000 + "}")
@example(channel="info", payload='{"protocol": ' + "9" * 5000 + "}")
@example(channel="info", payload='{"protocol": ' + "9" * 4299 + "}")
def test_any_bytes_and_any_text_are_understood_or_refused(channel: str, payload: bytes | str) -> None:
    assert_parses(channel, payload)


@given(channel=st.sampled_from(CHANNELS), value=any_json)
def test_any_json_is_understood_or_refused(channel: str, value: Any) -> None:
    assert_parses(channel, json.dumps(value))


@given(nearly_right)
@example(("info", b'{"protocol":1,"device_type":"a","config":{"x":{"type":[]}}}'))
@example(("info", b'{"protocol":1,"device_type":"a","name":"' + b"a" * 63 + b' b"}'))
@example(("info", rb'{"protocol":1,"device_type":"a","pairing":{"salt":"\ud800","sha256":"%s"}}' % (b"0" * 64)))
def test_what_is_nearly_right_is_understood_or_refused(said: tuple[str, bytes]) -> None:
    message = assert_parses(*said)
    if isinstance(message, Telemetry):
        assert all(CATALOGUE[name].plausible(value) for name, value in message.sample.values.items())
        assert not set(message.sample.values) & set(message.sample.rejected) - {"temperature"}
    if isinstance(message, Descriptor):
        kept = json.dumps(unparse_descriptor(message), allow_nan=False)
        assert parse("devices", f"devices/{UID}/info", kept) == message


@given(
    channel=st.sampled_from(CHANNELS),
    depth=st.integers(1, 2000),
    signs=st.sampled_from([(b"[", b"]"), (b'{"a":', b"}")]),
    name=st.sampled_from(["protocol", "device_type", "config", "channels", "samples", "co2", "details", "data"]),
    closed=st.booleans(),
)
def test_any_depth_is_understood_or_refused(
    channel: str,
    depth: int,
    signs: tuple[bytes, bytes],
    name: str,
    closed: bool,
) -> None:
    assert_parses(channel, nested(depth, signs, name, closed=closed))


# --- topics --------------------------------------------------------------------------------------

levels = (
    st.sampled_from(
        [
            "devices",
            "site1",
            UID,
            "..",
            ".",
            "",
            "+",
            "#",
            "$SYS",
            "\0",
            "\u0660\u0660",
            *(one.value for one in Channel),
        ]
    )
    | any_text
)


@given(root=st.lists(levels, min_size=1, max_size=3).map("/".join), topic=st.lists(levels, max_size=5).map("/".join))
def test_any_topic_is_a_devices_word_for_word_or_nobodys(root: str, topic: str) -> None:
    for one in (topic, f"{root}/{topic}"):
        address = parse_topic(root, one)
        assert address is None or (valid_uid(address.uid) and topic_for(root, *address) == one)


@given(
    root=levels, uid=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z") | any_text, channel=st.sampled_from(Channel)
)
def test_a_topic_is_made_only_of_a_uid_and_leads_back_to_it(root: str, uid: str, channel: Channel) -> None:
    if not valid_uid(uid):
        assert parse_topic(root, f"{root}/{uid}/{channel}") is None
        return
    topic = topic_for(root, uid, channel)
    assert parse_topic(root, topic) == Address(uid, channel)
    assert not valid_root(root) or not set(topic) & set("+#\0")


# --- folding -------------------------------------------------------------------------------------

metric_values = st.dictionaries(
    st.sampled_from(["co2", "temperature", "humidity", "ph", "pm25", "temp"]),
    st.sampled_from([1, 7.5, 21, 40, 900, 1200.5, -500, 1e9, math.nan, True, "x", None]),
    max_size=4,
)
ages = st.none() | st.sampled_from([0, 30, 119, 121, 5000, -119, -121, -9999])
channel_states = st.dictionaries(
    st.sampled_from(["a", "b", "c d"]),
    st.fixed_dictionaries({"on": st.booleans(), "lock": st.sampled_from([None, "biz_dry_run", 3])}),
    max_size=2,
)


class Life(RuleBasedStateMachine):
    """A device that says anything at any time."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        super().__init__()
        self.now = NOW
        self.snapshot = Snapshot(uid=UID)

    def hear(self, channel: str, content: Any, *, retained: bool = False) -> None:
        """Fold what is said, and compare what changed with what is said to have changed."""
        payload = content if isinstance(content, bytes) else json.dumps(content)
        message = assert_parses(channel, payload)
        if message is None:
            return
        before = self.snapshot
        self.snapshot, changed = fold(before, message, now=self.now, retained=retained)
        assert_changes(before, self.snapshot, changed)
        if isinstance(message, Buffered) or (retained and isinstance(message, Telemetry)):
            assert self.snapshot.values == before.values
            assert self.snapshot.measured == before.measured
            assert self.snapshot.channels == before.channels
        if retained:
            assert self.snapshot.last_seen == before.last_seen
            assert self.snapshot.buffered == before.buffered
        assert fold(before, message, now=self.now, retained=retained) == (self.snapshot, changed)

    @rule(seconds=st.sampled_from([0, 0.5, 1, 29, 60, 89, 90, 91, 300, 4000, 86_400, -1, -200]))
    def time_passes(self, seconds: float) -> None:
        """Let time pass, or a clock be set back, and forget what is stale."""
        self.now += seconds
        before = self.snapshot
        self.snapshot, changed = expire(before, now=self.now)
        assert_changes(before, self.snapshot, changed)
        after = self.snapshot
        oldest = self.now - after.stale_after
        assert all(at > oldest for at in after.measured.values())
        assert all(at > oldest for at in after.channels_seen.values())
        assert set(after.values.items()) <= set(before.values.items())
        due = next_expiry(after)
        assert due is None or due > self.now
        assert expire(after, now=self.now) == (after, frozenset())

    @rule(values=metric_values, age=ages, retained=st.booleans(), channels=channel_states)
    def reports(self, values: dict[str, Any], age: float | None, channels: dict[str, Any], *, retained: bool) -> None:
        """Report."""
        timestamp = {} if age is None else {"timestamp": self.now - age}
        self.hear("telemetry", {**timestamp, **values, "channels": channels}, retained=retained)
        if not retained and (age is None or age <= 120):
            for name, value in values.items():
                if name in CATALOGUE and CATALOGUE[name].plausible(value):
                    assert self.snapshot.values[name] == value
                    assert self.snapshot.measured[name] == self.now

    @rule(values=metric_values, seq=st.integers(0, 5), boot_id=st.sampled_from(["x", "y"]))
    def reports_by_number(self, values: dict[str, Any], seq: int, boot_id: str) -> None:
        """Report, perhaps again."""
        self.hear("telemetry", {**values, "seq": seq, "boot_id": boot_id})
        self.hear_again({**values, "seq": seq, "boot_id": boot_id})

    def hear_again(self, content: dict[str, Any]) -> None:
        """Hear what was just heard a second time."""
        before = self.snapshot
        self.hear("telemetry", content)
        assert self.snapshot == replace(before, duplicates=before.duplicates + 1)

    @rule(samples=st.lists(metric_values, max_size=3), age=ages, retained=st.booleans())
    def sends_history(self, samples: list[dict[str, Any]], age: float | None, *, retained: bool) -> None:
        """Send what was kept."""
        timestamp = {} if age is None else {"timestamp": self.now - age}
        content = {"buffered": True, "samples": [{**timestamp, **one} for one in samples]}
        self.hear("telemetry", content, retained=retained)

    @rule(status=st.sampled_from(["online", "offline"]), retained=st.booleans())
    def comes_or_goes(self, status: str, *, retained: bool) -> None:
        """Be born or die."""
        self.hear("status", status.encode(), retained=retained)
        assert self.snapshot.online is (status == "online")

    @rule(
        kind=st.sampled_from([*PROFILES, "aquarium"]),
        metrics=st.lists(st.sampled_from(list(BY_ANY_NAME)), max_size=4),
    )
    def describes_itself(self, kind: str, metrics: list[str]) -> None:
        """Say what it is."""
        self.hear("info", {"protocol": 1, "device_type": kind, "metrics": metrics}, retained=True)

    @rule(interval=st.sampled_from([1, 30, 120, 3600, 86_400, 0, None, "x"]), revision=st.integers(0, 3))
    def applies(self, interval: Any, revision: int) -> None:
        """Say what it applied."""
        self.hear("config/state", {"revision": revision, "config": {"report_interval": interval}}, retained=True)

    @rule(said=nearly_right, retained=st.booleans())
    def says_anything(self, said: tuple[str, bytes], *, retained: bool) -> None:
        """Say anything at all."""
        self.hear(*said, retained=retained)

    @precondition(lambda self: self.snapshot.descriptor is not None)
    @rule()
    def is_kept_over_a_restart(self) -> None:
        """Be read again from what is stored of it."""
        descriptor = self.snapshot.descriptor
        assert descriptor is not None
        kept = json.dumps(unparse_descriptor(descriptor), allow_nan=False)
        assert parse("devices", f"devices/{UID}/info", kept) == descriptor

    @invariant()
    def only_what_is_plausible_is_known(self) -> None:
        """Check every value."""
        assert all(CATALOGUE[name].plausible(value) for name, value in self.snapshot.values.items())

    @invariant()
    def every_value_has_its_time(self) -> None:
        """Check the keys."""
        snapshot = self.snapshot
        assert snapshot.measured.keys() == snapshot.values.keys()
        assert snapshot.channels_seen.keys() == snapshot.channels.keys()
        assert snapshot.values.keys() <= snapshot.metrics <= CATALOGUE.keys()
        assert 90 <= snapshot.stale_after <= 93 * 86_400

    @invariant()
    def nothing_grows_for_ever_and_all_can_be_told(self) -> None:
        """Check sizes, texts and numbers, and that diagnostics can show it."""
        snapshot = self.snapshot
        assert len(snapshot.unknown) <= 32
        assert len(snapshot.gaps) <= 5
        assert len(snapshot.channels) <= 64
        assert_safe(snapshot._asdict())
        json.dumps(plain(snapshot._asdict()), default=str, allow_nan=False).encode()


def assert_changes(before: Snapshot, after: Snapshot, changed: frozenset[str]) -> None:
    """Assert that the keys say exactly which metrics differ, and no less of the rest."""
    differ = {name for name in CATALOGUE if before.values.get(name) != after.values.get(name)}
    assert changed & CATALOGUE.keys() == differ
    for key, of in (
        (KEY_CHANNELS, lambda one: one.channels),
        (KEY_CONFIG, lambda one: one.applied),
        (KEY_OTA, lambda one: one.ota),
        (KEY_STATUS, lambda one: one.available),
        (KEY_DESCRIPTOR, lambda one: one.descriptor),
    ):
        assert of(before) == of(after) or key in changed
    assert (before.firmware_version, before.ip) == (after.firmware_version, after.ip) or changed


Life.TestCase.settings = settings(max_examples=_LIVES, stateful_step_count=STEPS)
TestLife = Life.TestCase
