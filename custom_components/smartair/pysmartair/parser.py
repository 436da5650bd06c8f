"""From a topic and a payload to a message: the one place where what devices send is judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
import re
from typing import Any

from .descriptor import parse_descriptor
from .fields import (
    CHANNEL_ID,
    MAX_NAMES,
    NAME,
    NOT_SETTINGS,
    ParseError,
    clean_text,
    integer,
    json_object,
    number,
    objects,
    type_code,
)
from .messages import (
    NONE,
    Buffered,
    ChannelState,
    CommandResponse,
    ConfigState,
    ConfigValue,
    DeviceEvent,
    Message,
    OtaState,
    Rejection,
    ResponseStatus,
    Sample,
    Status,
    Telemetry,
)
from .metrics import BY_ANY_NAME, CATALOGUE
from .topics import Channel, parse_topic

MAX_PAYLOAD = 64 * 1024
MAX_SAMPLES = 200

# 2020-01-01: a clock that shows less was never set.
EARLIEST_TIMESTAMP = 1_577_836_800
# 2106-02-07: where 32 bits end; what lies beyond is not a time but noise, often milliseconds.
LATEST_TIMESTAMP = 4_294_967_295

# A channel measures what a device does.
_CURRENT, _FLOW = CATALOGUE["pump_current"].taken, CATALOGUE["flow_rate"].taken

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_TELEMETRY_FIELDS = frozenset(
    {
        "boot_id",
        "buffered",
        "channels",
        "device_type",
        "device_uid",
        "firmware_version",
        "ip",
        "samples",
        "seq",
        "timestamp",
        "uptime",
    }
)


def parse(root: str, topic: str, payload: bytes | str) -> Message | None:
    """Return what a device said, None when the topic is not a device's or nothing was said, or raise ParseError."""
    route = _route(root, topic)
    if route is None or not payload:
        return None
    uid, read = route
    if isinstance(payload, str):
        payload = payload.encode("utf-8", "surrogatepass")
    if len(payload) > MAX_PAYLOAD:
        raise ParseError("too_large", uid, f"{len(payload)} bytes")
    try:
        return read(uid, payload)
    except ParseError as err:
        err.uid = uid
        raise


# A fleet says the same few things over and over; invented topics push out one another.
@lru_cache(maxsize=16_384)
def _route(root: str, topic: str) -> tuple[str, Callable[[str, bytes], Message]] | None:
    """Return whom a topic is about and what reads it, or None when nothing on it is for us."""
    address = parse_topic(root, topic)
    if address is None or (read := _READERS.get(address.channel)) is None:
        return None
    return address.uid, read


# --- status ------------------------------------------------------------------------------------


def _status(uid: str, payload: bytes) -> Status:
    match payload.decode("utf-8", "replace").strip().lower():
        case "online":
            return Status(uid=uid, online=True)
        case "offline":
            return Status(uid=uid, online=False)
        case other:
            raise ParseError("not_a_status", detail=other)


# --- telemetry ---------------------------------------------------------------------------------


def _timestamp(value: object) -> float | None:
    return number(value, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the names in a message stand for: each metric as sent, its name, what is taken; and unknown names."""

    metrics: tuple[tuple[str, str, float, float], ...]
    unknown: tuple[str, ...]


# Devices of one make send the same names with each message. Names can fill a payload, so no more than 8 MiB of them.
@lru_cache(maxsize=128)
def _shape(names: tuple[str, ...]) -> _Shape:
    known = {name: BY_ANY_NAME[name] for name in names if name in BY_ANY_NAME}
    unknown = [name for name in names if name not in known and name not in _TELEMETRY_FIELDS]
    return _Shape(
        tuple(
            (name, metric.name, metric.lowest, metric.highest)
            for name, metric in known.items()
            # A canonical name outranks its alias, whichever comes first.
            if name == metric.name or metric.name not in known
        ),
        tuple(clean_text(name) or "?" for name in unknown[:MAX_NAMES]),
    )


def _sample(content: Mapping[str, Any]) -> Sample:
    shape = _shape(tuple(content))
    values: dict[str, float] = {}
    rejected: dict[str, Rejection] = {}
    for sent_as, name, minimum, maximum in shape.metrics:
        value = content[sent_as]
        if (type(value) is int or type(value) is float) and minimum <= value <= maximum:
            values[name] = value
        elif value is not None:
            # A null is a sensor's honest way to have no value; it rejects nothing.
            numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
            rejected[name] = Rejection.OUT_OF_RANGE if numeric else Rejection.NOT_A_NUMBER
    return Sample(
        values=values,
        timestamp=_timestamp(content.get("timestamp")),
        rejected=rejected or NONE,
        unknown=shape.unknown,
    )


def _telemetry(uid: str, payload: bytes) -> Telemetry | Buffered:
    content = json_object(uid, payload)
    if content.get("buffered") or "samples" in content:
        return _buffered(uid, content)
    return Telemetry(
        uid=uid,
        sample=_sample(content),
        channels=_channel_states(content["channels"]) if "channels" in content else NONE,
        firmware_version=clean_text(content.get("firmware_version")),
        ip=clean_text(content.get("ip")),
        uptime=number(content.get("uptime"), 0, 1e10),
        seq=integer(content.get("seq")),
        boot_id=_boot_id(content.get("boot_id")),
        device_type=type_code(content.get("device_type")),
    )


def _buffered(uid: str, content: Mapping[str, Any]) -> Buffered:
    samples = content.get("samples")
    if not isinstance(samples, list):
        # One late sample, marked as such but not wrapped.
        return Buffered(uid=uid, samples=(_sample(content),))
    if len(samples) > MAX_SAMPLES:
        raise ParseError("too_many_samples", detail=str(len(samples)))
    return Buffered(uid=uid, samples=tuple(_sample(item) for item in objects(samples, MAX_SAMPLES)))


def _boot_id(value: object) -> str | None:
    return str(value) if integer(value) is not None else clean_text(value)


def _channel_states(value: object) -> dict[str, ChannelState]:
    if not isinstance(value, dict):
        return {}
    return {
        name: ChannelState(
            on=state["on"] if isinstance(state.get("on"), bool) else None,
            current_ma=number(state.get("current_ma"), *_CURRENT),
            flow_l_min=number(state.get("flow_l_min"), *_FLOW),
            lock=_lock(state.get("lock")),
        )
        for name, state in list(value.items())[:MAX_NAMES]
        if CHANNEL_ID.fullmatch(name) and isinstance(state, dict)
    }


def _lock(value: object) -> str | None:
    """Return a safety lock's code; one that cannot be read is a lock all the same."""
    return (clean_text(value) or "unknown") if value else None


# --- configuration -----------------------------------------------------------------------------


def _config_state(uid: str, payload: bytes) -> ConfigState:
    content = json_object(uid, payload)
    revision = integer(content.get("revision"))
    if revision is None:
        raise ParseError("no_revision")
    config = content.get("config")
    rejected = content.get("rejected")
    return ConfigState(
        uid=uid,
        revision=revision,
        applied=content.get("applied", True) in (True, 1),
        config=config_values(config) if isinstance(config, dict) else {},
        rejected={
            name: clean_text(reason, 120) or "?"
            for name, reason in list(rejected.items())[:MAX_NAMES]
            if NAME.fullmatch(name)
        }
        if isinstance(rejected, dict)
        else {},
    )


def config_values(config: Mapping[str, Any]) -> dict[str, ConfigValue]:
    """Return the settings of a configuration that can be shown, leaving out what cannot."""
    return {
        name: value
        for name, raw in list(config.items())[:MAX_NAMES]
        if NAME.fullmatch(name)
        and name not in NOT_SETTINGS
        and (value := _config_value(name, raw)) is not _UNREADABLE
    }


_UNREADABLE = "\0"


def _config_value(name: str, raw: object) -> ConfigValue:
    if name == "night_mode":
        return _night(raw)
    if raw is None or isinstance(raw, bool):
        return raw
    if isinstance(raw, str):
        return clean_text(raw) or _UNREADABLE
    exact = number(raw)
    if exact is None:
        return _UNREADABLE
    # A whole number stays one, as the owner typed it and the device will show it.
    return int(exact) if exact.is_integer() else exact


def _night(raw: object) -> ConfigValue:
    if raw is None or raw is False:
        return None
    if not isinstance(raw, dict):
        return _UNREADABLE
    start, end = parse_clock(raw.get("start")), parse_clock(raw.get("end"))
    if start is None or end is None:
        return _UNREADABLE
    return {"start": start, "end": end}


def parse_clock(value: object) -> str | None:
    """Return an hour (22) or a time of day ("22:30") as HH:MM, or None when it is neither."""
    if type(value) is int and 0 <= value <= 23:  # noqa: PLR2004 - hours of a day
        return f"{value:02}:00"
    if isinstance(value, str) and (found := _CLOCK.fullmatch(value)):
        return f"{int(found[1]):02}:{found[2]}"
    return None


# --- answers and events ------------------------------------------------------------------------


def _command_response(uid: str, payload: bytes) -> CommandResponse:
    content = json_object(uid, payload)
    cmd_id = clean_text(content.get("cmd_id"))
    if cmd_id is None:
        raise ParseError("no_cmd_id")
    said = clean_text(content.get("status")) or ""
    try:
        status = ResponseStatus(said.upper())
    except ValueError as err:
        raise ParseError("unknown_response", detail=said) from err
    return CommandResponse(
        uid=uid,
        command=clean_text(content.get("cmd") or content.get("command")) or "",
        cmd_id=cmd_id,
        status=status,
        error_code=clean_text(content.get("error_code")),
        details=_details(content.get("details")),
    )


def _details(value: object) -> dict[str, object]:
    """Return the flat part of what a device adds to an answer or event; deeper things are left out."""
    if not isinstance(value, dict):
        return {}
    found: dict[str, object] = {}
    for name, raw in list(value.items())[:MAX_NAMES]:
        if NAME.fullmatch(name) and not isinstance(raw, (dict, list)):
            flat = raw if isinstance(raw, bool) else number(raw)
            found[name] = clean_text(raw, 200) if isinstance(raw, str) else flat
    return found


def _ota_state(uid: str, payload: bytes) -> OtaState:
    content = json_object(uid, payload)
    state = type_code(content.get("state"))
    if state is None:
        raise ParseError("no_ota_state")
    return OtaState(
        uid=uid,
        state=state,
        cmd_id=clean_text(content.get("cmd_id")),
        progress=number(content.get("progress"), 0, 100),
        version=clean_text(content.get("version")),
        error_code=clean_text(content.get("error_code")),
    )


def _event(uid: str, payload: bytes) -> DeviceEvent:
    content = json_object(uid, payload)
    event = type_code(content.get("event", content.get("type")))
    if event is None:
        raise ParseError("no_event")
    rest = {name: value for name, value in content.items() if name not in {"event", "type", "device_uid"}}
    nested = rest.pop("data", rest.pop("details", None))
    return DeviceEvent(uid=uid, event=event, data=_details(rest) | _details(nested))


_READERS: Mapping[Channel, Callable[[str, bytes], Message]] = {
    Channel.STATUS: _status,
    Channel.INFO: parse_descriptor,
    Channel.TELEMETRY: _telemetry,
    Channel.DATA: _telemetry,
    Channel.CONFIG_STATE: _config_state,
    Channel.COMMAND_RESPONSE: _command_response,
    Channel.OTA_STATE: _ota_state,
    Channel.EVENT: _event,
}
