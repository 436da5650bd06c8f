"""The topic grammar of the protocol, read and written in this one place."""

from enum import StrEnum
import re
from typing import NamedTuple

DEFAULT_ROOT = "devices"
MAX_ROOT_LENGTH = 128

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


class Address(NamedTuple):
    """A device and what is said about it."""

    uid: str
    channel: Channel


def valid_uid(uid: object) -> bool:
    """Tell whether this names a device: 1 to 64 letters, digits, `_` and `-`, beginning with neither sign."""
    return isinstance(uid, str) and _UID.fullmatch(uid) is not None


def valid_root(root: str) -> bool:
    """Tell whether this can stand in front of the uid in a topic: one or more levels, none empty, no wildcard."""
    return (
        0 < len(root) <= MAX_ROOT_LENGTH
        and not root.startswith("$")
        and all(level and level == level.strip() for level in root.split("/"))
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


def topic_for(root: str, uid: str, channel: Channel) -> str:
    """Return the topic of a device, refusing with ValueError any uid that could lead elsewhere."""
    if not valid_uid(uid):
        raise ValueError(f"not a device uid: {uid!r}")
    return f"{root}/{uid}/{channel}"


def subscription(root: str) -> str:
    """Return the one subscription that hears every device below a root."""
    return f"{root}/#"
