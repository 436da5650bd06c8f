"""The closed union of what a device can say, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

NONE: Mapping[str, Any] = MappingProxyType({})
"""What a message that says nothing of a kind has in its place; one for all, as a fleet says nothing very often."""


class Rejection(StrEnum):
    """Why one metric of a good message was not taken."""

    NOT_A_NUMBER = "not_a_number"
    OUT_OF_RANGE = "out_of_range"
    # A comma that may stand before decimals or after thousands.
    AMBIGUOUS = "ambiguous"


class Odd(NamedTuple):
    """What of a good message could not be taken: why, and what was said, as people can read it."""

    reason: Rejection
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """What a pump channel reports of itself: `on` as it really is, current in mA, flow in L/min, its lock's code."""

    on: bool | None = None
    current_ma: float | None = None
    flow_l_min: float | None = None
    lock: str | None = None


# This and the next are named tuples, which are made in half the time: they are what a fleet says all day.
class Sample(NamedTuple):
    """One set of measurements by canonical name, with the device's own time (Unix seconds) where it has a clock."""

    values: Mapping[str, float]
    timestamp: float | None = None
    rejected: Mapping[str, Rejection] = NONE
    unknown: tuple[str, ...] = ()
    # Of measurements by name, of `timestamp`, and of pumps as `channel.field`.
    odd: Mapping[str, Odd] = NONE


class Telemetry(NamedTuple):
    """A set of measurements as of now, and what the device says of itself beside them."""

    uid: str
    sample: Sample
    channels: Mapping[str, ChannelState] = NONE
    firmware_version: str | None = None
    ip: str | None = None
    uptime: float | None = None
    seq: int | None = None
    boot_id: str | None = None
    device_type: str | None = None
    sleep_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffered:
    """Measurements that a device kept while it was offline, oldest first: history, never the present."""

    uid: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Birth or last will: whether the device is connected to the broker; `asleep`, it is not, and will be back."""

    uid: str
    online: bool
    asleep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSetting:
    """A setting that is a number between two limits."""

    minimum: float
    maximum: float
    step: float = 1
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceSetting:
    """A setting that is one of a few words."""

    options: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToggleSetting:
    """A setting that is on or off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightSetting:
    """Night mode: two times of day, or off."""


Setting = NumberSetting | ChoiceSetting | ToggleSetting | NightSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpChannel:
    """A channel that a descriptor offers, as the device wired it."""

    id: str
    type: str
    role: str | None = None
    fail_safe_mode: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What a code is checked against: sha256 of the salt followed by the code, in hexadecimal."""

    salt: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What a device is and can do. None means that the device left it open; empty, that it has none."""

    uid: str
    device_type: str
    name: str | None = None
    model: str | None = None
    manufacturer: str | None = None
    area: str | None = None
    serial: str | None = None
    firmware_version: str | None = None
    hardware_revision: str | None = None
    chip: str | None = None
    mac: str | None = None
    ip: str | None = None
    metrics: tuple[str, ...] = ()
    unknown_metrics: tuple[str, ...] = ()
    channels: tuple[PumpChannel, ...] = ()
    settings: Mapping[str, Setting] | None = None
    commands: tuple[str, ...] | None = None
    pairing: Pairing | None = None
    updates: bool = False
    signed_ota: bool = False
    sleep_s: float | None = None


ConfigValue = bool | int | float | str | Mapping[str, str] | None
"""A value of a device's configuration; night mode is `start` and `end` as HH:MM, or None for off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigState:
    """The configuration that a device applied, and what of the desired one it refused and why."""

    uid: str
    revision: int
    applied: bool
    config: Mapping[str, ConfigValue]
    rejected: Mapping[str, str] = NONE


class ResponseStatus(StrEnum):
    """What became of a command."""

    ACCEPTED = "ACCEPTED"
    DONE = "DONE"
    ERROR = "ERROR"
    EXPIRED = "EXPIRED"
    DUPLICATE = "DUPLICATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResponse:
    """A device's answer to a command."""

    uid: str
    command: str
    cmd_id: str
    status: ResponseStatus
    error_code: str | None = None
    details: Mapping[str, object] = NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class OtaState:
    """How far an update has come: progress in percent."""

    uid: str
    state: str
    cmd_id: str | None = None
    progress: float | None = None
    version: str | None = None
    error_code: str | None = None

    @property
    def under_way(self) -> bool:
        """Whether an update is being carried out; one that is deferred is not."""
        return self.state in _UNDER_WAY


_UNDER_WAY = frozenset({"accepted", "downloading", "verifying", "installing", "rebooting"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEvent:
    """Something that happened on a device."""

    uid: str
    event: str
    data: Mapping[str, object] = NONE
    timestamp: float | None = None


Message = Telemetry | Buffered | Status | Descriptor | ConfigState | CommandResponse | OtaState | DeviceEvent
