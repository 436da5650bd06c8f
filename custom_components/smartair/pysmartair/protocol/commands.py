"""From an intention to what is published: the topics, the payloads and how a broker must treat them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
import json
from typing import Any

from .messages import ConfigValue
from .topics import Channel, topic_for

COMMAND_LIFETIME = 30
"""Seconds after which a command that has not arrived must not be executed any more."""

ANSWER_TIMEOUT = 10
"""Seconds that a device has for its first answer."""


class CommandName(StrEnum):
    """The commands of the protocol."""

    RESTART = "restart"
    IDENTIFY = "identify"
    LIVE = "live"
    RUN_PUMP = "run_pump"
    STOP_PUMP = "stop_pump"
    RESET_SAFETY_LOCK = "reset_safety_lock"
    CALIBRATE = "calibrate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """A message to publish at QoS 1; `expiry` in seconds where the broker may forget it."""

    topic: str
    payload: str
    retain: bool = False
    expiry: int | None = None


def command(
    root: str,
    uid: str,
    name: str,
    *,
    cmd_id: str,
    now: float,
    params: Mapping[str, Any] | None = None,
    lasting: bool = False,
) -> Publish:
    """Return a command: never retained, and past its use after COMMAND_LIFETIME seconds from `now` (Unix time).

    A stop, and what is `lasting`, names no time after which it is void: where two clocks differ it would be none. So
    with the release of circulation (safety contract, S1 and S5).
    """
    content: dict[str, Any] = {"command": name, "cmd_id": cmd_id, "timestamp": int(now)}
    if name != CommandName.STOP_PUMP and not lasting:
        content["expires"] = int(now) + COMMAND_LIFETIME
    if params:
        content["params"] = dict(params)
    return Publish(topic=topic_for(root, uid, Channel.COMMANDS), payload=compact(content), expiry=COMMAND_LIFETIME)


def configuration(root: str, uid: str, *, revision: int, config: Mapping[str, ConfigValue]) -> Publish:
    """Return the whole desired configuration, retained so that a device that is offline finds it on its return."""
    return Publish(
        topic=topic_for(root, uid, Channel.CONFIG),
        payload=compact({"revision": revision, **{name: _wire(value) for name, value in config.items()}}),
        retain=True,
    )


def _wire(value: ConfigValue) -> Any:
    """Return a value as every device can read it: a time of day on the hour is a whole number, as in version 1.0."""
    if not isinstance(value, Mapping):
        return value
    return {name: int(clock[:2]) if clock.endswith(":00") else clock for name, clock in value.items()}


def forget(root: str, uid: str) -> tuple[Publish, ...]:
    """Return the empty retained messages that make a broker forget a device, whatever it kept by whose mistake."""
    return tuple(Publish(topic=topic_for(root, uid, channel), payload="", retain=True) for channel in Channel)


def compact(content: Mapping[str, Any]) -> str:
    """Return the JSON of a payload."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False)
