"""What the guard of a pump knows, is told and wants done: closed unions of frozen values.

Times are in seconds of a clock that only goes forward within one run of Home Assistant.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum, auto

from ..safety import Contact, Limits, Reading, Readings, Refused, Watch, holds_circulation
from .still_water import StillWater

LEASE_S = 60.0
"""Longest time that one command keeps a pump running: so long does a run outlive a Home Assistant that died."""
RENEW_S = 20.0
"""Seconds after which a lease is renewed: two renewals may get lost before a run ends early."""
CONFIRM_S = 10.0
"""Seconds that a device has to confirm the state that was asked for (safety contract)."""
ACCOUNT_S = 3.0
"""Seconds that are waited for a device's own account of a run that ended."""
OVERRUN_S = 2.0
"""Seconds past its bound after which a run that its device does not end is stopped from here."""
STUCK_TRIES = 3
"""Stops without effect after which a pump counts as stuck, whatever its sensors say."""


class Sense(StrEnum):
    """What can be measured of a pump."""

    LEVEL = auto()
    FLOW = auto()
    CURRENT_MA = auto()
    POWER_W = auto()


def reading_of(readings: Readings, sense: Sense) -> Reading | None:
    """Return the last value of a sense, None where nothing measures it."""
    match sense:
        case Sense.LEVEL:
            return readings.level
        case Sense.FLOW:
            return readings.flow
        case Sense.CURRENT_MA:
            return readings.current_ma
        case Sense.POWER_W:  # pragma: no branch - the union is closed
            return readings.power_w


def with_reading(readings: Readings, sense: Sense, reading: Reading | None) -> Readings:
    """Return the readings with another value of a sense, or with none."""
    match sense:
        case Sense.LEVEL:
            return replace(readings, level=reading)
        case Sense.FLOW:
            return replace(readings, flow=reading)
        case Sense.CURRENT_MA:
            return replace(readings, current_ma=reading)
        case Sense.POWER_W:  # pragma: no branch - the union is closed
            return replace(readings, power_w=reading)


# --- states: what the pump does, as far as it is known ---------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for: a run of at most `bound_s`, ending as planned or else by its bound."""

    run_id: str
    bound_s: float
    planned: bool = False
    litres: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nobody knows; `stopped` where the last word to the pump was a stop, `lost` where it was known before."""

    since: float
    stopped: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """Off. `told` while only an answer says so, and no report has yet; `stopping` is the stop that was answered."""

    watch: Watch
    told: bool = False
    stopping: Stopping | None = None

    @property
    def since(self) -> float:
        """Since when."""
        return self.watch.since


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """Asked to run, not answered yet."""

    order: Order
    asked_at: float
    lease: int
    last: Unknown | Resting

    @property
    def since(self) -> float:
        """Since when."""
        return self.asked_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """On. `until` is when it must be off again, None where running is its rest; `order` None if it was found so.

    `ends_at` is when circulation ends at a device that ends each run by its command, and `climb` the level from which
    it is measured how fast the pump moves it.
    """

    run_id: str
    watch: Watch
    until: float | None
    order: Order | None = None
    first_lease: int = 0
    lease: int = 0
    accepted: int = 0
    renew_at: float | None = None
    seen: bool = False
    litres: float | None = None
    flowed_at: float | None = None
    ends_at: float | None = None
    climb: Climb | None = None

    @property
    def since(self) -> float:
        """Since when."""
        return self.watch.since


@dataclass(frozen=True, slots=True)
class Climb:
    """Where the level was when a run was first seen to move it, and how fast it moved by the last reading."""

    at: float
    level: float
    rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """Told to stop, and not known to have stopped.

    `first_at` is when that was asked for first: no retry and no answer begins its term anew. `shown_at` is when the
    device last reported it on in spite of it, and `contradicted` that it had answered that it stopped.
    """

    watch: Watch
    asked_at: float
    first_at: float
    by: str
    run: Running | None = None
    tries: int = 1
    shown_at: float | None = None
    contradicted: bool = False

    @property
    def since(self) -> float:
        """Since when."""
        return self.watch.since


type State = Unknown | Resting | Starting | Running | Stopping


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A run that ended, while its device may still account for it."""

    run_id: str
    lease: int
    by: str
    since: float
    ended: float
    litres: float | None
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is kept over a restart: the locks of both owners, and what was wrong with the water at rest."""

    lock: Refused | None = None
    device_lock: Refused | None = None
    device_stuck: bool = False
    water: Refused | None = None
    failures: tuple[float, ...] = ()
    off_since: float | None = None
    stuck: bool = False
    blind: bool = False
    run_id: str | None = None
    run_since: float | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """A run from before a restart, of which it is not known yet whether it goes on."""

    run_id: str
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One pump and all that its guard knows of it.

    `protected` where the firmware keeps the rules too, `ends_itself` where the actuator ends each run by itself.
    `blind` where circulation was stopped, or refused, because nobody knows whether there is water, and `comes_back`
    where it runs again as soon as that is known.

    Locks have owners: `own_lock` is Home Assistant's, `their_lock` the device's, and a reset of one clears no other;
    so with `own_stuck` and `their_stuck`. `device_lock` is the lock that the device has, by its last word,
    `device_was` the one that it had before, and `reset_said` that the device says it was reset, which its next report
    has to bear out. `opposed` is that the pump that works against it is known to run, and began before; `quiet_since`
    when a pump of the same water was last switched; `skewed` that the device took a command for expired.
    """

    limits: Limits
    state: State
    protected: bool = False
    ends_itself: bool = True
    contact: bool = False
    contact_at: float = 0.0
    heard_at: float = 0.0
    readings: Readings = field(default_factory=Readings)
    own_lock: Refused | None = None
    their_lock: Refused | None = None
    device_lock: str | None = None
    device_was: str | None = None
    reset_said: bool = False
    own_stuck: bool = False
    their_stuck: bool = False
    blind: bool = False
    comes_back: bool = False
    leases: int = 0
    failures: tuple[float, ...] = ()
    failed_run: str | None = None
    interlocked: bool = False
    opposed: bool = False
    zone_stuck: bool = False
    zone_locked: bool = False
    updating: bool = False
    water: StillWater = field(default_factory=StillWater)
    quiet_since: float = 0.0
    skewed: bool = False
    off_since: float | None = None
    off_asked_s: float | None = None
    water_change: bool = False
    released_at: float | None = None
    unconfirmed: bool = False
    resetting: bool = False
    closing: Closing | None = None
    earlier: Earlier | None = None
    kept: Memory = field(default_factory=Memory)

    @property
    def lock(self) -> Refused | None:
        """The lock that is in force: of two that which holds circulation off (S5), or else its own."""
        if self.own_lock is None or (holds_circulation(self.their_lock) and not holds_circulation(self.own_lock)):
            return self.their_lock
        return self.own_lock

    @property
    def stuck(self) -> bool:
        """Whether it could not be switched off, by whoever noticed."""
        return self.own_stuck or self.their_stuck


# --- events: what the guard is told ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Configured:
    """The limits are these, and the firmware keeps rules of its own or not."""

    limits: Limits
    protected: bool


@dataclass(frozen=True, slots=True)
class Fitted:
    """These can be measured of this pump now; what another pump disturbs is none of them.

    Those that are `live` are reported each second while the pump runs.
    """

    senses: frozenset[Sense]
    live: frozenset[Sense] = frozenset()


@dataclass(frozen=True, slots=True)
class Sensed:
    """One value has arrived; None where its source has none.

    `again` tells that it is the one of before: it is no second reading (S7), and no younger (S6) unless `alive` tells
    that who lends it has judged that it holds now, and `pace` how often its source speaks where something changes.
    """

    sense: Sense
    value: float | None
    again: bool = False
    alive: bool = False
    pace: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What the contacts say that somebody lends the pump: whether there is water, and whether there is a leak."""

    float_switch: Contact = Contact.ABSENT
    leak: Contact = Contact.ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the other pumps and the device do that concerns this pump.

    `interlocked` where the pump that works against it runs or may run, `opposed` where it is known to, and began
    before.
    """

    interlocked: bool = False
    opposed: bool = False
    zone_stuck: bool = False
    zone_locked: bool = False
    updating: bool = False


@dataclass(frozen=True, slots=True)
class Disturbed:
    """Another pump of the same water was switched: the level moves for a while, whoever fills or not."""


@dataclass(frozen=True, slots=True)
class Contacted:
    """The device can be reached, or no longer."""

    contact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """The device says what the pump does, and its lock's code; `run_id` names the run if this is how one is found."""

    on: bool | None
    lock: str | None = None
    run_id: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAsked:
    """Somebody wants the pump to run: for a time, for litres, or as long as it may."""

    run_id: str
    seconds: float | None = None
    litres: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsked:
    """Somebody wants the pump to stop; circulation for at most `off_s`."""

    off_s: float | None = None
    water_change: bool = False


@dataclass(frozen=True, slots=True)
class ResetAsked:
    """Somebody wants the lock gone."""


class Answer(StrEnum):
    """What a device made of a run command."""

    ACCEPTED = auto()
    DONE = auto()
    ERROR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAnswered:
    """The device answered one of the run commands, at first or at the end."""

    lease: int
    answer: Answer
    code: str | None = None
    trip: Refused | None = None
    seconds: float | None = None
    litres: float | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True)
class StopAnswered:
    """The device says that it stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetAnswered:
    """The device reset its own lock, or says why not."""

    done: bool
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """A run command could not be sent."""

    lease: int


@dataclass(frozen=True, slots=True)
class Tripped:
    """The device's own protection struck."""

    verdict: Refused
    locked: bool


@dataclass(frozen=True, slots=True)
class DeviceReset:
    """Somebody reset the lock at the device itself."""

    code: str | None


@dataclass(frozen=True, slots=True)
class Leaving:
    """Home Assistant stops or lets go of the pump."""


type Event = (
    Configured
    | Fitted
    | Sensed
    | Touched
    | Around
    | Disturbed
    | Contacted
    | Reported
    | Tick
    | RunAsked
    | StopAsked
    | ResetAsked
    | RunAnswered
    | StopAnswered
    | ResetAnswered
    | NotSent
    | Tripped
    | DeviceReset
    | Leaving
)


# --- effects: what the guard wants done ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendRun:
    """Send a run command: bounded by `seconds`, its end being planned or else a failure."""

    lease: int
    seconds: float
    planned: bool


@dataclass(frozen=True, slots=True)
class SendStop:
    """Send a stop."""

    off_s: float | None = None
    water_change: bool = False


@dataclass(frozen=True, slots=True)
class SendReset:
    """Ask the device to reset its lock."""


@dataclass(frozen=True, slots=True)
class Accept:
    """What was asked for has begun; `run_id` is another's where that run went on already."""

    asked_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The run that was asked for must not be."""

    run_id: str
    verdict: Refused


@dataclass(frozen=True, slots=True)
class Fail:
    """The run that was asked for did not come about, for a reason in the words of the device or the guard's own."""

    run_id: str
    why: str


@dataclass(frozen=True, slots=True)
class WasReset:
    """The lock is gone."""


@dataclass(frozen=True, slots=True)
class ResetRefused:
    """The lock stays, because of this."""

    verdict: Refused


class Kind(StrEnum):
    """What becomes of an alert."""

    RAISE = auto()
    RESOLVE = auto()
    NOTE = auto()


@dataclass(frozen=True, slots=True)
class Alarm:
    """Raise, resolve or note an alert."""

    kind: Kind
    code: str
    verdict: Refused | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run is over; its seconds are None where nobody saw its end."""

    run_id: str
    since: float
    seconds: float | None
    litres: float | None
    by: str


@dataclass(frozen=True, slots=True)
class Save:
    """Write this to disk before anything else."""

    memory: Memory


type Effect = SendRun | SendStop | SendReset | Accept | Refuse | Fail | WasReset | ResetRefused | Alarm | Ended | Save
