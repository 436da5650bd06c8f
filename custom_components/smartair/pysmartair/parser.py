"""From a topic and a payload to a message: the one place where what devices send is judged."""

from collections.abc import Callable, Iterable, Mapping
import json
import re
from typing import Any

import orjson

from .messages import (
    Buffered,
    ChannelState,
    ChoiceSetting,
    CommandResponse,
    ConfigState,
    ConfigValue,
    Descriptor,
    DeviceEvent,
    Message,
    NightSetting,
    NumberSetting,
    OtaState,
    Pairing,
    PumpChannel,
    Rejection,
    ResponseStatus,
    Sample,
    Setting,
    Status,
    Telemetry,
    ToggleSetting,
)
from .metrics import BY_ANY_NAME
from .profiles import KNOWN_SETTINGS
from .topics import Channel, parse_topic

PROTOCOL_VERSION = 1
MAX_PAYLOAD = 64 * 1024
MAX_TEXT = 64
MAX_NAMES = 64
MAX_SAMPLES = 200
# Up to here every whole number is exactly itself, in JSON as in a float.
MAX_EXACT = 2**53

# 2020-01-01: a clock that shows less was never set.
EARLIEST_TIMESTAMP = 1_577_836_800
# 2106-02-07: where 32 bits end; what lies beyond is not a time but noise, often milliseconds.
LATEST_TIMESTAMP = 4_294_967_295

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}", re.ASCII)
_CHANNEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,31}", re.ASCII)
_HEX_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
# What printf makes of no number, and, so as to be passed over, any text in quotation marks.
_NOT_A_NUMBER = re.compile(
    r'"(?:[^"\\]|\\.)*+"?|[-+]?\b(?:nan|inf(?:inity)?)\b', re.ASCII | re.DOTALL | re.IGNORECASE
)
_NOT_SETTINGS = frozenset({"device_uid", "revision", "timestamp"})
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


class ParseError(ValueError):
    """A message on one of our topics that cannot be understood; `reason` is a fixed word for counting."""

    def __init__(self, reason: str, uid: str | None = None, detail: str = "") -> None:
        """Keep the reason, whose message it was, and a detail for people."""
        detail = clean_text(detail) or ""
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.uid = uid


def parse(root: str, topic: str, payload: bytes | str) -> Message | None:
    """Return what a device said, None when the topic is not a device's or nothing was said, or raise ParseError."""
    address = parse_topic(root, topic)
    if address is None:
        return None
    read = _READERS.get(address.channel)
    if read is None or not payload:
        return None
    if isinstance(payload, str):
        payload = payload.encode("utf-8", "surrogatepass")
    if len(payload) > MAX_PAYLOAD:
        raise ParseError("too_large", address.uid, f"{len(payload)} bytes")
    try:
        return read(address.uid, payload)
    except ParseError as err:
        err.uid = address.uid
        raise


def clean_text(value: object, limit: int = MAX_TEXT) -> str | None:
    """Return a text that is safe to show and store, at most `limit` characters, or None when there is none."""
    if not isinstance(value, str):
        return None
    if len(value) <= limit and value.isprintable():
        return value.strip() or None
    text = "".join(sign for sign in value[: 4 * limit] if sign.isprintable()).strip()[:limit].rstrip()
    return text or None


# What makes a link, a picture, a tag or code of a text where Home Assistant shows Markdown.
_MARKUP = str.maketrans("[]<>`|", "()‹›'¦")


def without_markup(text: str) -> str:
    """Return a device's words so that they stay words wherever they are shown."""
    return text.translate(_MARKUP)


def _json_object(uid: str, payload: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(payload)
    except orjson.JSONDecodeError:
        content = _lenient_json(payload)
    if type(content) is not dict:
        raise ParseError("not_an_object")
    said = content.get("device_uid")
    if said is not None and said != uid:
        raise ParseError("foreign_uid", detail=f"{clean_text(said)} on the topic of {uid}")
    return content


def _lenient_json(payload: bytes) -> object:
    """Read what many a device's C library writes: NaN and infinity spoil one metric, not the message."""
    try:
        text = payload.decode("utf-8-sig")
        return json.loads(_NOT_A_NUMBER.sub(lambda found: found[0] if found[0][0] == '"' else "NaN", text))
    except UnicodeDecodeError as err:
        raise ParseError("not_utf8") from err
    except (ValueError, RecursionError) as err:
        raise ParseError("not_json", detail=str(err)) from err


def _number(value: object, minimum: float = -MAX_EXACT, maximum: float = MAX_EXACT) -> float | None:
    """Return a number inside the limits, which are finite, or None."""
    if (type(value) is not float and type(value) is not int) or not minimum <= value <= maximum:
        return None
    return float(value)


def _integer(value: object) -> int | None:
    """Return a whole number that fits 64 bits and is not negative, or None."""
    return value if type(value) is int and 0 <= value < 2**63 else None


def _objects(value: object, limit: int = MAX_NAMES) -> Iterable[dict[str, Any]]:
    return (item for item in value[:limit] if isinstance(item, dict)) if isinstance(value, list) else ()


def _strings(value: object, pattern: re.Pattern[str] = _NAME) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    good = (item for item in value[:MAX_NAMES] if isinstance(item, str) and pattern.fullmatch(item))
    return tuple(dict.fromkeys(good))


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
    return _number(value, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP)


def _sample(content: Mapping[str, Any]) -> Sample:
    values: dict[str, float] = {}
    rejected: dict[str, Rejection] = {}
    unknown: list[str] = []
    for name, value in content.items():
        metric = BY_ANY_NAME.get(name)
        if metric is None:
            if name not in _TELEMETRY_FIELDS:
                unknown.append(name)
        elif name != metric.name and metric.name in content:
            # A canonical name outranks its alias, whichever comes first.
            continue
        elif (type(value) is int or type(value) is float) and metric.minimum <= value <= metric.maximum:
            values[metric.name] = value
        elif value is not None:
            # A null is a sensor's honest way to have no value; it rejects nothing.
            numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
            rejected[metric.name] = Rejection.OUT_OF_RANGE if numeric else Rejection.NOT_A_NUMBER
    return Sample(
        values=values,
        timestamp=_timestamp(content.get("timestamp")),
        rejected=rejected,
        unknown=tuple(clean_text(name) or "?" for name in unknown[:MAX_NAMES]),
    )


def _telemetry(uid: str, payload: bytes) -> Telemetry | Buffered:
    content = _json_object(uid, payload)
    if content.get("buffered") or "samples" in content:
        return _buffered(uid, content)
    return Telemetry(
        uid=uid,
        sample=_sample(content),
        channels=_channel_states(content["channels"]) if "channels" in content else {},
        firmware_version=clean_text(content.get("firmware_version")),
        ip=clean_text(content.get("ip")),
        uptime=_number(content.get("uptime"), 0, 1e10),
        seq=_integer(content.get("seq")),
        boot_id=_boot_id(content.get("boot_id")),
        device_type=_type_code(content.get("device_type")),
    )


def _buffered(uid: str, content: Mapping[str, Any]) -> Buffered:
    samples = content.get("samples")
    if not isinstance(samples, list):
        # One late sample, marked as such but not wrapped.
        return Buffered(uid=uid, samples=(_sample(content),))
    if len(samples) > MAX_SAMPLES:
        raise ParseError("too_many_samples", detail=str(len(samples)))
    return Buffered(uid=uid, samples=tuple(_sample(item) for item in _objects(samples, MAX_SAMPLES)))


def _boot_id(value: object) -> str | None:
    return str(value) if _integer(value) is not None else clean_text(value)


def _type_code(value: object) -> str | None:
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def _channel_states(value: object) -> dict[str, ChannelState]:
    if not isinstance(value, dict):
        return {}
    return {
        name: ChannelState(
            on=state["on"] if isinstance(state.get("on"), bool) else None,
            current_ma=_number(state.get("current_ma"), 0, 100_000),
            flow_l_min=_number(state.get("flow_l_min"), 0, 1_000),
            lock=_lock(state.get("lock")),
        )
        for name, state in list(value.items())[:MAX_NAMES]
        if _CHANNEL_ID.fullmatch(name) and isinstance(state, dict)
    }


def _lock(value: object) -> str | None:
    """Return a safety lock's code; one that cannot be read is a lock all the same."""
    return (clean_text(value) or "unknown") if value else None


# --- info --------------------------------------------------------------------------------------


def _descriptor(uid: str, payload: bytes) -> Descriptor:
    content = _json_object(uid, payload)
    protocol = content.get("protocol")
    if type(protocol) is not int or protocol != PROTOCOL_VERSION:
        raise ParseError("unsupported_protocol", detail=str(protocol) if isinstance(protocol, int) else "")
    device_type = _type_code(content.get("device_type"))
    if device_type is None:
        raise ParseError("no_device_type")
    named = _strings(content.get("metrics"))
    ota = content.get("ota")
    commands = content.get("commands")
    return Descriptor(
        uid=uid,
        device_type=device_type,
        **{field: clean_text(content.get(field)) for field in _DESCRIPTOR_TEXTS},
        metrics=tuple(dict.fromkeys(BY_ANY_NAME[name].name for name in named if name in BY_ANY_NAME)),
        unknown_metrics=tuple(name for name in named if name not in BY_ANY_NAME),
        channels=_channels(content.get("channels")),
        settings=_settings(content["config"]) if "config" in content else None,
        commands=_strings(commands) if isinstance(commands, list) else None,
        pairing=_pairing(content.get("pairing")),
        signed_ota=isinstance(ota, dict) and ota.get("signed") is True,
    )


_DESCRIPTOR_TEXTS = (
    "area",
    "chip",
    "firmware_version",
    "hardware_revision",
    "ip",
    "mac",
    "manufacturer",
    "model",
    "name",
    "serial",
)


def _channels(value: object) -> tuple[PumpChannel, ...]:
    return tuple(
        PumpChannel(
            id=item["id"],
            type=_type_code(item.get("type")) or "pump",
            role=_type_code(item.get("role")),
            fail_safe_mode=clean_text(item.get("fail_safe_mode")),
        )
        for item in {
            item["id"]: item
            for item in _objects(value)
            if isinstance(item.get("id"), str) and _CHANNEL_ID.fullmatch(item["id"])
        }.values()
    )


def _pairing(value: object) -> Pairing | None:
    """Return what a code is checked against; one that cannot be read spoils the descriptor, as none is not meant."""
    if value is None:
        return None
    salt = value.get("salt") if isinstance(value, dict) else None
    digest = value.get("sha256") if isinstance(value, dict) else None
    if not (isinstance(salt, str) and salt.isprintable() and len(salt) <= MAX_TEXT * 4):
        raise ParseError("bad_pairing")
    if not (isinstance(digest, str) and _HEX_SHA256.fullmatch(digest)):
        raise ParseError("bad_pairing")
    return Pairing(salt=salt, sha256=digest.lower())


def _settings(value: object) -> dict[str, Setting]:
    if isinstance(value, list):
        value = dict.fromkeys(_strings(value))
    if not isinstance(value, dict):
        return {}
    found = {
        name: _setting(name, limits)
        for name, limits in list(value.items())[:MAX_NAMES]
        if _NAME.fullmatch(name) and name not in _NOT_SETTINGS
    }
    return {name: setting for name, setting in found.items() if setting is not None}


def _setting(name: str, offer: object) -> Setting | None:
    """Return the kind of a setting from what the descriptor offers, narrowing what the protocol fixes."""
    if offer is False:
        return None
    known = KNOWN_SETTINGS.get(name)
    limits = offer if isinstance(offer, dict) else {}
    if known is not None and not isinstance(known, NumberSetting):
        return known
    if isinstance(limits.get("options"), list):
        options = tuple(dict.fromkeys(text for item in limits["options"][:MAX_NAMES] if (text := clean_text(item))))
        return ChoiceSetting(options=options) if options else None
    if known is None and (offer is True or limits.get("type") in ("bool", "boolean")):
        return ToggleSetting()
    return _number_setting(known, limits)


def _number_setting(known: NumberSetting | None, limits: Mapping[str, Any]) -> NumberSetting | None:
    minimum = _number(limits.get("min"), -1e9, 1e9)
    maximum = _number(limits.get("max"), -1e9, 1e9)
    step = _number(limits.get("step"), 1e-6, 1e9)
    if known is not None:
        minimum = known.minimum if minimum is None else max(minimum, known.minimum)
        maximum = known.maximum if maximum is None else min(maximum, known.maximum)
        step = step or known.step
    if minimum is None or maximum is None or minimum >= maximum:
        return None
    unit = clean_text(limits.get("unit"), 16) or (known.unit if known else None)
    return NumberSetting(minimum=minimum, maximum=maximum, step=step or 1, unit=unit)


def unparse_descriptor(descriptor: Descriptor) -> dict[str, Any]:
    """Return a descriptor as the payload that parses to it again, for keeping it over a restart."""
    content: dict[str, Any] = {"protocol": PROTOCOL_VERSION, "device_type": descriptor.device_type}
    content |= {name: text for name in _DESCRIPTOR_TEXTS if (text := getattr(descriptor, name)) is not None}
    if named := (*descriptor.metrics, *descriptor.unknown_metrics):
        content["metrics"] = list(named)
    if descriptor.channels:
        content["channels"] = [
            {"id": one.id, "type": one.type, "role": one.role, "fail_safe_mode": one.fail_safe_mode}
            for one in descriptor.channels
        ]
    if descriptor.settings is not None:
        content["config"] = {name: _unparse_setting(one) for name, one in descriptor.settings.items()}
    if descriptor.commands is not None:
        content["commands"] = list(descriptor.commands)
    if descriptor.pairing is not None:
        content["pairing"] = {"salt": descriptor.pairing.salt, "sha256": descriptor.pairing.sha256}
    if descriptor.signed_ota:
        content["ota"] = {"signed": True}
    return content


def _unparse_setting(setting: Setting) -> dict[str, Any] | bool:
    match setting:
        case NumberSetting():
            return {
                "min": setting.minimum,
                "max": setting.maximum,
                "step": setting.step,
                "unit": setting.unit,
            }
        case ChoiceSetting():
            return {"options": list(setting.options)}
        case ToggleSetting() | NightSetting():  # pragma: no branch - the union is closed
            return True


# --- configuration -----------------------------------------------------------------------------


def _config_state(uid: str, payload: bytes) -> ConfigState:
    content = _json_object(uid, payload)
    revision = _integer(content.get("revision"))
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
            if _NAME.fullmatch(name)
        }
        if isinstance(rejected, dict)
        else {},
    )


def config_values(config: Mapping[str, Any]) -> dict[str, ConfigValue]:
    """Return the settings of a configuration that can be shown, leaving out what cannot."""
    return {
        name: value
        for name, raw in list(config.items())[:MAX_NAMES]
        if _NAME.fullmatch(name)
        and name not in _NOT_SETTINGS
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
    number = _number(raw)
    if number is None:
        return _UNREADABLE
    # A whole number stays one, as the owner typed it and the device will show it.
    return int(number) if number.is_integer() else number


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
    content = _json_object(uid, payload)
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
        if _NAME.fullmatch(name) and not isinstance(raw, (dict, list)):
            flat = raw if isinstance(raw, bool) else _number(raw)
            found[name] = clean_text(raw, 200) if isinstance(raw, str) else flat
    return found


def _ota_state(uid: str, payload: bytes) -> OtaState:
    content = _json_object(uid, payload)
    state = _type_code(content.get("state"))
    if state is None:
        raise ParseError("no_ota_state")
    return OtaState(
        uid=uid,
        state=state,
        cmd_id=clean_text(content.get("cmd_id")),
        progress=_number(content.get("progress"), 0, 100),
        version=clean_text(content.get("version")),
        error_code=clean_text(content.get("error_code")),
    )


def _event(uid: str, payload: bytes) -> DeviceEvent:
    content = _json_object(uid, payload)
    event = _type_code(content.get("event", content.get("type")))
    if event is None:
        raise ParseError("no_event")
    rest = {name: value for name, value in content.items() if name not in {"event", "type", "device_uid"}}
    nested = rest.pop("data", rest.pop("details", None))
    return DeviceEvent(uid=uid, event=event, data=_details(rest) | _details(nested))


_READERS: Mapping[Channel, Callable[[str, bytes], Message]] = {
    Channel.STATUS: _status,
    Channel.INFO: _descriptor,
    Channel.TELEMETRY: _telemetry,
    Channel.DATA: _telemetry,
    Channel.CONFIG_STATE: _config_state,
    Channel.COMMAND_RESPONSE: _command_response,
    Channel.OTA_STATE: _ota_state,
    Channel.EVENT: _event,
}
