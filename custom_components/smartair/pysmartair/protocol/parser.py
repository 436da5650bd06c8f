"""From a topic and a payload to a message: the one place where what devices send is judged."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from itertools import islice
import re
from typing import Any

from .descriptor import MAX_SLEEP, parse_descriptor
from .fields import (
    MAX_NAMES,
    MAX_TEXT,
    NAME,
    NOT_SETTINGS,
    ParseError,
    boolean,
    channel_id,
    clean_text,
    integer_meant,
    json_object,
    number,
    number_meant,
    objects,
    readings,
    said,
    strings,
    text_or_number,
    type_code,
    word,
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
    Odd,
    OtaState,
    Rejection,
    ResponseStatus,
    Sample,
    Status,
    Telemetry,
)
from .metrics import BY_ANY_NAME, CATALOGUE, metric_named
from .profiles import KNOWN_SETTINGS
from .settings import in_kind
from .topics import Channel, parse_topic

MAX_PAYLOAD = 64 * 1024
MAX_SAMPLES = 200

# 2020-01-01: a clock that shows less was never set.
EARLIEST_TIMESTAMP = 1_577_836_800
# 2106-02-07: where 32 bits end; what lies beyond is counted in something smaller than seconds, or noise.
LATEST_TIMESTAMP = 4_294_967_295
# Milliseconds, microseconds and nanoseconds: between these two ends, no two of them can be mistaken for each other.
_SMALLER = (10**3, 10**6, 10**9)

# A channel measures what a device does.
_CURRENT, _FLOW = CATALOGUE["pump_current"].taken, CATALOGUE["flow_rate"].taken

# A number and what stands behind it.
_WITH_UNIT = re.compile(r"(.*?[\d.,])\s*([^\d\s.,+-][^\d]{0,15}\d?)")

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?", re.ASCII)
_ZONE = re.compile(r"\s*(?:Z|UTC|GMT)$", re.ASCII | re.IGNORECASE)
_LEAP_SECOND = re.compile(r"(\d\d:\d\d):60(?!\d)", re.ASCII)
_DAY_WITH_STROKES = re.compile(r"^(\d{4})/(\d\d)/(\d\d)(?=[ Tt])", re.ASCII)
_GAP_BEFORE_ZONE = re.compile(r"\s+(?=[-+]\d\d:?\d\d$)", re.ASCII)
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
        "sequence",
        "sleep_s",
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
    text = payload.rstrip(b"\0").decode("utf-8-sig", "replace").strip().strip("\"'").strip().lower()
    match text:
        case "online":
            return Status(uid=uid, online=True)
        case "offline":
            return Status(uid=uid, online=False)
        case "asleep":
            return Status(uid=uid, online=False, asleep=True)
        case _ if (online := boolean(text)) is not None:
            return Status(uid=uid, online=online)
        case _:
            raise ParseError("not_a_status", detail=text)


# --- telemetry ---------------------------------------------------------------------------------


def parse_time(value: object) -> float | None:
    """Return a moment in Unix seconds from any form that means one moment only, 0 for no clock, None for no time."""
    if isinstance(value, str):
        value = _time_of_text(value)
    if type(value) is not int and type(value) is not float:
        return None
    if value < EARLIEST_TIMESTAMP:
        return 0
    # What is not a number is less than nothing, and no more either.
    for parts in (1, *_SMALLER):
        if value <= LATEST_TIMESTAMP * parts:
            return value / parts if value >= EARLIEST_TIMESTAMP * parts else None
    return None


def _time_of_text(text: str) -> float | None:
    if len(text) > MAX_TEXT:
        return None
    if meant := readings(text):
        return meant[0]
    iso = _GAP_BEFORE_ZONE.sub("", _ZONE.sub("+00:00", text.strip()))
    # A leap second is the end of the one before it.
    iso = _LEAP_SECOND.sub(r"\1:59", _DAY_WITH_STROKES.sub(r"\1-\2-\3", iso))
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError, IndexError, OverflowError:
            return None
    # A time of day without its zone may be that of any place.
    return moment.timestamp() if moment.tzinfo is not None else None


def _odd_time(value: object) -> tuple[float | None, Mapping[str, Odd]]:
    """Return the time of a sample where it is no plain number of seconds, and what was wrong with it."""
    if value is None or value == "":
        return None, NONE
    moment = parse_time(value)
    if moment is None:
        return None, {"timestamp": Odd(Rejection.NOT_A_NUMBER, said(value))}
    return moment or None, NONE


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the names in a message stand for: each metric as sent, its name, what is taken; and unknown names."""

    metrics: tuple[tuple[str, str, float, float], ...]
    unknown: tuple[str, ...]


# Devices of one make send the same names with each message. Names can fill a payload, so no more than 8 MiB of them.
@lru_cache(maxsize=128)
def _shape(names: tuple[str, ...]) -> _Shape:
    known = {name: BY_ANY_NAME[name] for name in names if name in BY_ANY_NAME}
    exact = {metric.name for metric in known.values()}
    # As `CO2` or `PM2.5` only where nothing in the message has the name itself.
    known |= {
        name: metric
        for name in names[: 2 * MAX_NAMES]
        if name not in known and (metric := metric_named(name)) is not None and metric.name not in exact
    }
    # What is beyond the cap is not even looked at.
    unknown = islice((name for name in names if name not in known and name not in _TELEMETRY_FIELDS), MAX_NAMES)
    return _Shape(
        tuple(
            (name, metric.name, metric.lowest, metric.highest)
            for name, metric in known.items()
            # A canonical name outranks its alias, whichever comes first.
            if name == metric.name or metric.name not in known
        ),
        tuple(clean_text(name) or "?" for name in unknown),
    )


def _sample(content: Mapping[str, Any]) -> Sample:
    shape = _shape(tuple(content))
    values: dict[str, float] = {}
    odd: dict[str, Odd] | None = None
    for sent_as, name, minimum, maximum in shape.metrics:
        value = content[sent_as]
        if (type(value) is int or type(value) is float) and minimum <= value <= maximum:
            values[name] = value
        elif value is not None:
            # A null is a sensor's honest way to have no value; it rejects nothing.
            found = _meant(value, minimum, maximum, CATALOGUE[name].unit)
            if isinstance(found, Rejection):
                odd = {**(odd or {}), name: Odd(found, said(value))}
            else:
                values[name] = found
    rejected = NONE if odd is None else {name: one.reason for name, one in odd.items()}
    timestamp = content.get("timestamp")
    if type(timestamp) is int and EARLIEST_TIMESTAMP <= timestamp <= LATEST_TIMESTAMP:
        moment: float | None = float(timestamp)
    else:
        moment, wrong = _odd_time(timestamp)
        if wrong:
            odd = {**(odd or {}), **wrong}
    return Sample(values, moment, rejected, shape.unknown, odd or NONE)


def _meant(value: object, minimum: float, maximum: float, unit: str | None = None) -> float | Rejection:
    """Return the number that a value means where it is not simply one in its range, or why it means none."""
    meant = _numbers(value, unit)
    if not meant:
        return Rejection.NOT_A_NUMBER
    match [one for one in meant if minimum <= one <= maximum]:
        case [one]:
            return one
        case []:
            return Rejection.OUT_OF_RANGE
        case _:
            return Rejection.AMBIGUOUS


def _numbers(value: object, unit: str | None) -> tuple[float, ...]:
    """Return what a value can mean: it may stand in an object, and have the unit that it is measured in here.

    Another unit means another value.
    """
    if isinstance(value, dict):
        in_unit = value.get("unit")
        if in_unit is not None and not (isinstance(in_unit, str) and _same_unit(in_unit, unit)):
            return ()
        value = value.get("value")
    if isinstance(value, str):
        if (meant := readings(value)) or len(value) > MAX_TEXT:
            return meant
        found = _WITH_UNIT.fullmatch(value.strip())
        return readings(found[1]) if found is not None and _same_unit(found[2], unit) else ()
    return (value,) if isinstance(value, (int, float)) and not isinstance(value, bool) else ()


def _same_unit(text: str, unit: str | None) -> bool:
    return unit is not None and _plain_unit(text) == _plain_unit(unit)


def _plain_unit(unit: str) -> str:
    """Return a unit without what is written in more than one way: the two signs for micro, case, degrees, gaps."""
    plain = unit.casefold().replace("\u00b5", "\u03bc").replace("deg", "").replace("°", "").replace(" ", "")
    return plain.removesuffix(".")


def _telemetry(uid: str, payload: bytes) -> Telemetry | Buffered:
    content = json_object(uid, payload)
    unmarked: tuple[str, ...] = ()
    if "buffered" in content or "samples" in content:
        if _is_history(content):
            return _buffered(uid, content)
        unmarked = _unmarked(content)
    sample = _sample(content)
    channels: Mapping[str, ChannelState] = NONE
    if "channels" in content:
        channels, odd = _channel_states(content["channels"])
        if odd:
            sample = sample._replace(odd={**sample.odd, **odd})
    if unmarked:
        sample = sample._replace(unknown=(*sample.unknown, *unmarked)[:MAX_NAMES])
    seq = content.get("seq")
    return Telemetry(
        uid=uid,
        sample=sample,
        channels=channels,
        firmware_version=text_or_number(content.get("firmware_version")),
        ip=clean_text(content.get("ip")),
        uptime=number_meant(content.get("uptime"), 0, 1e10),
        seq=integer_meant(content.get("sequence") if seq is None else seq),
        boot_id=_boot_id(content.get("boot_id")),
        device_type=type_code(content.get("device_type")),
        sleep_s=number_meant(content.get("sleep_s"), 0, MAX_SLEEP),
    )


def _is_history(content: Mapping[str, Any]) -> bool:
    """Tell whether a message is marked as late, by what its markers are and not by their being there."""
    return boolean(content.get("buffered")) is True or _wrapped(content.get("samples"))


def _wrapped(samples: object) -> bool:
    return isinstance(samples, list) and any(isinstance(item, dict) for item in samples)


def _unmarked(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which markers are none: a number of samples, say, is a measurement that has no name here."""
    mark, samples = content.get("buffered"), content.get("samples")
    buffered = ("buffered",) if mark is not None and boolean(mark) is None else ()
    return buffered if samples is None or samples == [] else (*buffered, "samples")


def _buffered(uid: str, content: Mapping[str, Any]) -> Buffered:
    samples = content.get("samples")
    if not isinstance(samples, list):
        # One late sample, marked as such but not wrapped.
        return Buffered(uid=uid, samples=(_sample(content),))
    if len(samples) > MAX_SAMPLES:
        raise ParseError("too_many_samples", detail=str(len(samples)))
    return Buffered(uid=uid, samples=tuple(_sample(item) for item in objects(samples, MAX_SAMPLES)))


def _boot_id(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return clean_text(value)
    whole = integer_meant(value)
    return None if whole is None else str(whole)


def _channel_states(value: object) -> tuple[dict[str, ChannelState], dict[str, Odd]]:
    """Return what the pumps report, and what of it cannot be read."""
    states: dict[str, ChannelState] = {}
    odd: dict[str, Odd] = {}
    for name, state in _channels_told(value):
        channel = channel_id(name)
        # A channel that says nothing else may say yes or no; a number may be anything.
        fields = {"on": state} if isinstance(state, (bool, str)) else state
        if channel is None or not isinstance(fields, dict):
            if channel is None or state is not None:
                odd["channels"] = Odd(Rejection.NOT_A_NUMBER, said(state if channel else name))
            continue
        states[channel] = _channel_state(channel, fields, odd)
    return states, odd


def _channels_told(value: object) -> Iterable[tuple[object, object]]:
    """Return the channels of a message by their ids, which may stand in a list as they do in a description."""
    if isinstance(value, dict):
        return islice(value.items(), MAX_NAMES)
    if isinstance(value, list):
        return [(one.get("id"), one) if isinstance(one, dict) else (None, one) for one in value[:MAX_NAMES]]
    return () if value is None else ((None, value),)


def _channel_state(name: str, state: Mapping[str, Any], odd: dict[str, Odd]) -> ChannelState:
    on, current, flow = state.get("on"), state.get("current_ma"), state.get("flow_l_min")
    if on is None and isinstance(state.get("state"), (str, bool)):
        on = boolean(state["state"])
    found = ChannelState(
        on=on if on is True or on is False else boolean(on),
        current_ma=number_meant(current, *_CURRENT),
        flow_l_min=number_meant(flow, *_FLOW),
        lock=_lock(state.get("lock")),
    )
    if found.on is None and on is not None:
        odd[f"{name}.on"] = Odd(Rejection.NOT_A_NUMBER, said(on))
    if found.current_ma is None and current is not None:
        odd[f"{name}.current_ma"] = _odd_number(current, *_CURRENT)
    if found.flow_l_min is None and flow is not None:
        odd[f"{name}.flow_l_min"] = _odd_number(flow, *_FLOW)
    return found


def _odd_number(value: object, minimum: float, maximum: float) -> Odd:
    reason = _meant(value, minimum, maximum)
    return Odd(reason if isinstance(reason, Rejection) else Rejection.NOT_A_NUMBER, said(value))


# How devices say in a word that nothing is locked.
_NO_LOCK = frozenset(
    {
        *(
            "-",
            "--",
            "clear",
            "cleared",
            "free",
            "good",
            "idle",
            "inactive",
            "n/a",
            "na",
            "nil",
            "no lock",
            "no_lock",
        ),
        *("none", "normal", "not locked", "not_locked", "null", "ok", "okay", "ready", "released", "unlocked"),
    }
)


def _lock(value: object) -> str | None:
    """Return a safety lock's code; one that cannot be read is a lock all the same."""
    if isinstance(value, dict) and value:
        active = [boolean(value[name]) for name in ("active", "locked") if name in value]
        code = next((value[name] for name in ("code", "reason", "cause") if value.get(name)), None)
        return None if active == [False] else _lock(code) or "unknown"
    if not value or boolean(value) is False:
        return None
    if isinstance(value, str) and (not value.strip() or value.strip().lower() in _NO_LOCK):
        return None
    return "unknown" if boolean(value) else clean_text(value) or "unknown"


# --- configuration -----------------------------------------------------------------------------


def _config_state(uid: str, payload: bytes) -> ConfigState:
    content = json_object(uid, payload)
    revision = integer_meant(content.get("revision"))
    if revision is None:
        raise ParseError("no_revision")
    config = content.get("config")
    rejected = content.get("rejected")
    if isinstance(rejected, list):
        rejected = dict.fromkeys(strings(rejected))
    return ConfigState(
        uid=uid,
        revision=revision,
        applied=boolean(content.get("applied", True)) is True,
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
    raw = in_kind(KNOWN_SETTINGS.get(name), raw)
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str):
        return clean_text(raw) or _UNREADABLE
    exact = number(raw)
    if exact is None:
        return _UNREADABLE
    # A whole number stays one, as the owner typed it and the device will show it.
    return int(exact) if exact.is_integer() else exact


def _night(raw: object) -> ConfigValue:
    if raw is None or boolean(raw) is False:
        return None
    if not isinstance(raw, dict):
        return _UNREADABLE
    start, end = parse_clock(raw.get("start")), parse_clock(raw.get("end"))
    if start is None or end is None:
        return _UNREADABLE
    return {"start": start, "end": end}


def parse_clock(value: object) -> str | None:
    """Return an hour (22) or a time of day ("22:30") as HH:MM, or None when it is neither."""
    hour = integer_meant(value)
    if hour is not None and hour <= 23:  # noqa: PLR2004 - hours of a day
        return f"{hour:02}:00"
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
    state = word(content.get("state"))
    if state is None:
        raise ParseError("no_ota_state")
    return OtaState(
        uid=uid,
        state=state,
        cmd_id=clean_text(content.get("cmd_id")),
        progress=_percent(content.get("progress")),
        version=text_or_number(content.get("version")),
        error_code=clean_text(content.get("error_code")),
    )


def _percent(value: object) -> float | None:
    return number_meant(value.strip().removesuffix("%") if isinstance(value, str) else value, 0, 100)


def _event(uid: str, payload: bytes) -> DeviceEvent:
    content = json_object(uid, payload)
    event = word(content.get("event", content.get("type")))
    if event is None:
        raise ParseError("no_event")
    rest = {name: value for name, value in content.items() if name not in {"event", "type", "device_uid"}}
    nested = rest.pop("data", rest.pop("details", None))
    return DeviceEvent(
        uid=uid,
        event=event,
        data=_details(rest) | _details(nested),
        timestamp=parse_time(content.get("timestamp")) or None,
    )


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
