"""The topic grammar of the protocol, read and written in this one place."""

from enum import StrEnum
import re
from typing import NamedTuple

DEFAULT_ROOT = "devices"
MAX_ROOT_LENGTH = 128

_SIGN = re.compile(r"[A-Za-z0-9_-]", re.ASCII)
_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


class Channel(StrEnum):
    """What a topic below a device's uid is for."""

    STATUS = "status"
    INFO = "info"
    TELEMETRY = "telemetry"
    DATA = "data"
    CONFIG = "config"
    CONFIG_STATE = "config/state"
    COMMANDS = "commands"
    COMMAND_RESPONSE = "command_response"
    OTA = "ota"
    OTA_STATE = "ota/state"
    EVENT = "event"


_CHANNELS = {channel.value: channel for channel in Channel}
_SAID = frozenset(_CHANNELS) - {Channel.CONFIG, Channel.COMMANDS, Channel.OTA}
MAX_UID = 64


class Address(NamedTuple):
    """A device and what is said about it."""

    uid: str
    channel: Channel


def valid_uid(uid: object) -> bool:
    """Tell whether this names a device: 1 to 64 letters, digits, `_` and `-`, beginning with neither sign."""
    return isinstance(uid, str) and _UID.fullmatch(uid) is not None


def valid_root(root: str) -> bool:
    """Tell whether this can stand in front of the uid in a topic: one or more levels without a wildcard.

    A level may be empty, as in `/garden/devices`; but not the last one, for a slash follows it anyway.
    """
    return (
        0 < len(root) <= MAX_ROOT_LENGTH
        and not root.startswith("$")
        and not root.endswith("/")
        and all(level == level.strip() for level in root.split("/"))
        and not any(sign in root for sign in "+#")
        and root.isprintable()
    )


def parse_topic(root: str, topic: str) -> Address | None:
    """Return whom a topic is about, or None when it is not one of the protocol's."""
    prefix = len(root) + 1
    if topic[:prefix] != f"{root}/":
        return None
    uid, _, rest = topic[prefix:].partition("/")
    channel = _CHANNELS.get(rest)
    if channel is None or not valid_uid(uid):
        return None
    return Address(uid, channel)


class Flaw(StrEnum):
    """Why a text cannot name a device."""

    LENGTH = "length"
    BEGINNING = "beginning"
    SIGNS = "signs"


class BadUid(NamedTuple):
    """What stands in a topic where the uid of a device should, what is wrong with it, and where."""

    text: str
    flaw: Flaw
    signs: str


def bad_uid(root: str, topic: str) -> BadUid | None:
    """Return whom a topic is about where something speaks like a device and has no name that can be taken."""
    prefix = len(root) + 1
    text, _, rest = topic[prefix:].partition("/")
    if topic[:prefix] != f"{root}/" or rest not in _SAID or valid_uid(text):
        return None
    shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in text[:MAX_UID])
    signs = "".join(dict.fromkeys(sign for sign in shown if not _SIGN.fullmatch(sign)))
    if signs:
        return BadUid(shown, Flaw.SIGNS, signs)
    # What is left has too many signs, none, or begins with one that may only follow.
    return BadUid(shown, Flaw.BEGINNING, text[0]) if 0 < len(text) <= MAX_UID else BadUid(shown, Flaw.LENGTH, "")


def misspelt(root: str, topic: str) -> str | None:
    """Return whom a topic is about where it would be a device's in lower case, and is none as it is."""
    prefix = len(root) + 1
    uid, _, rest = topic[prefix:].partition("/")
    wrong = topic[:prefix] == f"{root}/" and rest not in _CHANNELS and rest.lower() in _SAID
    return uid if wrong and valid_uid(uid) else None


def topic_for(root: str, uid: str, channel: Channel) -> str:
    """Return the topic of a device, refusing with ValueError any uid that could lead elsewhere."""
    if not valid_uid(uid):
        raise ValueError(f"not a device uid: {uid!r}")
    return f"{root}/{uid}/{channel}"


def subscription(root: str) -> str:
    """Return the one subscription that hears every device below a root."""
    return f"{root}/#"
