"""The descriptor: what a device says that it is and can do, read and written."""

from collections.abc import Mapping
import re
from typing import Any

from .fields import (
    MAX_NAMES,
    MAX_TEXT,
    NAME,
    NOT_SETTINGS,
    ParseError,
    channel_id,
    clean_text,
    integer_meant,
    json_object,
    number_meant,
    objects,
    strings,
    text_or_number,
    word,
)
from .messages import (
    ChoiceSetting,
    Descriptor,
    NightSetting,
    NumberSetting,
    Pairing,
    PumpChannel,
    Setting,
    ToggleSetting,
)
from .metrics import metric_named
from .profiles import KNOWN_SETTINGS

PROTOCOL_VERSION = 1
# Nothing that sleeps for longer than a month is waited for.
MAX_SLEEP = 31 * 86_400

_HEX_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


def parse_descriptor(uid: str, payload: bytes) -> Descriptor:
    """Return what a device says that it is, or raise ParseError."""
    content = json_object(uid, payload)
    protocol = integer_meant(content.get("protocol"))
    if protocol != PROTOCOL_VERSION:
        raise ParseError("unsupported_protocol", detail="" if protocol is None else str(protocol))
    device_type = word(content.get("device_type"))
    if device_type is None:
        raise ParseError("no_device_type")
    named = _metrics(content.get("metrics"))
    ota = content.get("ota")
    commands = content.get("commands")
    return Descriptor(
        uid=uid,
        device_type=device_type,
        **{field: _text(field, content.get(field)) for field in _DESCRIPTOR_TEXTS},
        metrics=tuple(dict.fromkeys(metric.name for name in named if (metric := metric_named(name)))),
        unknown_metrics=tuple(name for name in named if metric_named(name) is None and NAME.fullmatch(name)),
        channels=_channels(content.get("channels")),
        settings=_settings(content["config"]) if "config" in content else None,
        commands=_commands(commands) if isinstance(commands, list) else None,
        pairing=_pairing(content.get("pairing")),
        updates=ota is True or isinstance(ota, dict),
        signed_ota=isinstance(ota, dict) and ota.get("signed") is True,
        sleep_s=number_meant(content.get("sleep_s"), 0, MAX_SLEEP),
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


# What may look like a number and be none.
_NUMBERED = frozenset({"firmware_version", "hardware_revision", "model", "serial"})


def _text(field: str, value: object) -> str | None:
    return text_or_number(value) if field in _NUMBERED else clean_text(value)


def _metrics(value: object) -> tuple[str, ...]:
    """Return the names of what is measured, which may be the keys of an object as well."""
    names = list(value)[:MAX_NAMES] if isinstance(value, (list, dict)) else []
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))


def _commands(value: list[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for item in value[:MAX_NAMES] if (name := word(item))))


def _channels(value: object) -> tuple[PumpChannel, ...]:
    """Return the pumps; each is an object with its id, or stands under it."""
    if isinstance(value, dict):
        value = [{"id": name, **one} for name, one in list(value.items())[:MAX_NAMES] if isinstance(one, dict)]
    found: dict[str, dict[str, Any]] = {}
    for item in objects(value):
        if (channel := channel_id(item.get("id"))) is not None:
            found[channel] = item
    return tuple(
        PumpChannel(
            id=channel,
            type=word(item.get("type")) or "pump",
            role=word(item.get("role")),
            fail_safe_mode=clean_text(item.get("fail_safe_mode")),
        )
        for channel, item in found.items()
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
        value = dict.fromkeys(strings(value))
    if not isinstance(value, dict):
        return {}
    found = {
        name: _setting(name, limits)
        for name, limits in list(value.items())[:MAX_NAMES]
        if NAME.fullmatch(name) and name not in NOT_SETTINGS
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
    if known is None and isinstance(limits.get("options"), list):
        options = tuple(dict.fromkeys(text for item in limits["options"][:MAX_NAMES] if (text := clean_text(item))))
        return ChoiceSetting(options=options) if options else None
    if known is None and (offer is True or word(limits.get("type")) in ("bool", "boolean")):
        return ToggleSetting()
    return _number_setting(known, limits)


def _number_setting(known: NumberSetting | None, limits: Mapping[str, Any]) -> NumberSetting | None:
    minimum = number_meant(limits.get("min"), -1e9, 1e9)
    maximum = number_meant(limits.get("max"), -1e9, 1e9)
    step = number_meant(limits.get("step"), 1e-6, 1e9)
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
    if descriptor.sleep_s is not None:
        content["sleep_s"] = descriptor.sleep_s
    if descriptor.updates:
        content["ota"] = {"signed": descriptor.signed_ota}
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
