"""What the water cycle of a zone is made of: its rules, states, events and effects; all of it is data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, auto
from types import MappingProxyType
from typing import ClassVar

from ..safety import Dwell, Reason, Role
from .schedule import Plan, Window


class Step(StrEnum):
    """The steps of a water change, in their order."""

    DRAIN = auto()
    FILL = auto()
    STABILIZE = auto()


class Why(StrEnum):
    """What a water change was begun for."""

    OWNER = auto()
    INTERVAL = auto()
    MAX_AGE = auto()
    EC_DRIFT = auto()


class Cause(StrEnum):
    """Why a step failed: what the zone saw itself, and then what stopped one of its pumps."""

    INTERRUPTED = auto()
    TIMEOUT = auto()
    LEVEL_UNKNOWN = auto()
    LEVEL_NOT_FALLING = auto()
    LEVEL_NOT_RISING = auto()
    TOO_MUCH_WATER = auto()
    LEVEL_TOO_SLOW = auto()
    CIRCULATION_OFF = auto()
    STOP_UNCONFIRMED = auto()
    PUMP_OFF = auto()
    STOPPED = auto()
    CONTACT_LOST = auto()
    NO_ANSWER = auto()
    PUMP_MISSING = auto()
    DRY_RUN = Reason.DRY_RUN
    NO_FLOW = Reason.NO_FLOW
    OVERCURRENT = Reason.OVERCURRENT
    PUMP_STUCK_ON = Reason.PUMP_STUCK_ON
    OVERFLOW = Reason.OVERFLOW
    MAX_RUN = Reason.MAX_RUN
    TOO_MANY_FAILURES = Reason.TOO_MANY_FAILURES
    INTERLOCK = Reason.INTERLOCK
    UPDATE_IN_PROGRESS = Reason.UPDATE_IN_PROGRESS
    MAX_RUN_MISSING = Reason.MAX_RUN_MISSING
    DEVICE_LOCK = Reason.DEVICE_LOCK
    NO_CONTACT = Reason.NO_CONTACT
    STATE_UNKNOWN = Reason.STATE_UNKNOWN


class Refusal(StrEnum):
    """Why a change does not begin, or does not go on."""

    NO_DRAIN = auto()
    NO_FILL = auto()
    NO_LEVEL = auto()
    LEVEL_UNKNOWN = auto()
    LEVEL_TOO_SLOW = auto()
    CHANGE_RUNNING = auto()
    FAILED = auto()
    NOTHING_TO_RESUME = auto()
    PUMP_MISSING = auto()
    PUMP_UNKNOWN = auto()
    PUMP_RUNNING = auto()
    PUMP_LOCKED = auto()
    PUMP_UNWATCHED = auto()
    PUMP_STUCK_ON = auto()
    OTHER_ZONE = auto()
    UPDATE_IN_PROGRESS = auto()


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What speaks against a change; with a role, only against one that needs this pump.

    `cause` is what locked the pump; `value` and `limit` are the numbers of it, in seconds.
    """

    refusal: Refusal
    role: Role | None = None
    detail: str = ""
    cause: Cause | None = None
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the owner set for a zone. Levels are in percent, volumes in litres, times in seconds.

    `fill_rate` is how fast the fill pump fills the tank, in percent a second, where that is stated.
    """

    recirculates: bool = True
    drains: bool = True
    fills: bool = True
    measures_level: bool = True
    empty_level: float = 15.0
    target_level: float = 80.0
    max_level: float = 95.0
    tank_l: float | None = None
    fill_rate: float | None = None
    drain_timeout_s: float = 1200.0
    fill_timeout_s: float = 1200.0
    stabilize_s: float = 600.0
    progress_s: float = 180.0
    stale_grace_s: float = 5.0
    max_off_s: float = 900.0
    change_off_s: float = 1800.0
    windows: tuple[Window, ...] = ()
    plan: Plan = field(default=Plan())

    @property
    def lacks(self) -> Refusal | None:
        """What the zone has not got that a water change needs, or None."""
        if not self.drains:
            return Refusal.NO_DRAIN
        if not self.fills:
            return Refusal.NO_FILL
        return None if self.measures_level else Refusal.NO_LEVEL


# --- states -------------------------------------------------------------------------------------

type Values = Mapping[str, float | str | None]

NOTHING: Values = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Change:
    """One water change: why and when it began, what it has moved, and which steps it has behind it."""

    why: Why
    started_at: float
    drained_l: float | None = None
    filled_l: float | None = None
    done: tuple[Step, ...] = ()

    def moved(self, role: Role, litres: float | None) -> Change:
        """Return the change with the litres of one more run; litres that nobody measured count for nothing."""
        if litres is None or role is Role.RECIRCULATION:
            return self
        if role is Role.DRAIN:
            return replace(self, drained_l=(self.drained_l or 0.0) + litres)
        return replace(self, filled_l=(self.filled_l or 0.0) + litres)

    def facts(self) -> Values:
        """Return what an event tells of the change."""
        return {"why": self.why, "drained_l": self.drained_l, "filled_l": self.filled_l}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the solution was when it was new; a value that nobody knew then is None."""

    at: float
    ph: float | None = None
    ec: float | None = None
    temperature: float | None = None
    drained_l: float | None = None
    filled_l: float | None = None

    def facts(self) -> Values:
        """Return what an event tells of it."""
        return {
            "ph": self.ph,
            "ec": self.ec,
            "temperature": self.temperature,
            "drained_l": self.drained_l,
            "filled_l": self.filled_l,
        }


@dataclass(frozen=True, slots=True)
class Rest:
    """A rest of circulation that the duty cycle inserted, on the clock that only goes forward."""

    since: float
    off_s: float


@dataclass(frozen=True, slots=True)
class NormalRecirc:
    """Circulation, with or without its rests."""

    rest: Rest | None = None


@dataclass(frozen=True, slots=True)
class Pumping:
    """A step that moves water until the level is there; `since` is in Unix seconds, other times only go forward.

    `rate` is how fast the level has moved since the pump was first seen on, in percent a second.
    """

    since: float
    began: float
    change: Change
    level: float | None = None
    mark: float | None = None
    marked_at: float = 0.0
    previous: float | None = None
    count: int = 0
    arrived: Dwell = field(default=Dwell())
    wrong_way: Dwell = field(default=Dwell())
    blind_since: float | None = None
    seen_on: bool = False
    seen_at: float = 0.0
    on_since: float | None = None
    level_at: float = 0.0
    rate: float | None = None
    stopping: float | None = None


@dataclass(frozen=True, slots=True)
class Drain(Pumping):
    """The old solution goes out."""

    step: ClassVar[Step] = Step.DRAIN
    role: ClassVar[Role] = Role.DRAIN


@dataclass(frozen=True, slots=True)
class Fill(Pumping):
    """The new solution comes in."""

    step: ClassVar[Step] = Step.FILL
    role: ClassVar[Role] = Role.FILL


@dataclass(frozen=True, slots=True)
class Stabilize:
    """The new solution is mixed before it is measured."""

    since: float
    began: float
    change: Change
    seen_at: float

    step: ClassVar[Step] = Step.STABILIZE


@dataclass(frozen=True, slots=True)
class Failed:
    """A step failed, and a person must resume from it or abort."""

    step: Step
    cause: Cause
    since: float
    change: Change
    values: Values = NOTHING
    announced: bool = True

    def facts(self) -> Values:
        """Return what an event and an alert tell of it."""
        return {"step": self.step, "cause": self.cause, **self.change.facts(), **self.values}


type State = NormalRecirc | Drain | Fill | Stabilize | Failed


@dataclass(frozen=True, slots=True)
class Clock:
    """The last moment that was seen, the first one, and from when on planned changes may begin."""

    since: float
    at: float
    elapsed: float
    settled_at: float
    fresh: bool


@dataclass(frozen=True, slots=True)
class Circulation:
    """Since when circulation is seen running or standing, and when it was last asked to run."""

    running_since: float | None = None
    off_since: float | None = None
    asked_at: float | None = None


@dataclass(frozen=True, slots=True)
class Stopping:
    """The pumps that were stopped and not seen off since, and when they were last told."""

    unseen: tuple[Role, ...] = ()
    told_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """All that is remembered of a zone; what only goes forward is not kept over a restart.

    `fill_rate` is how fast the last fill went, in percent a second.
    """

    state: State = field(default=NormalRecirc())
    automatic: bool = False
    solution_started_at: float | None = None
    made: Recorded | None = None
    aborted_at: float | None = None
    fill_rate: float | None = None
    clock: Clock | None = None
    circulation: Circulation = field(default=Circulation())
    stopping: Stopping = field(default=Stopping())
    denied: Hindrance | None = None
    retry_at: float | None = None
    drifting_since: float | None = None


# --- events -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is seen of a zone now; None is not known.

    `level_count` grows with each report of the level, and `level_pace` is the interval in which these come.
    """

    level: float | None = None
    level_count: int = 0
    level_pace: float | None = None
    ph: float | None = None
    ec: float | None = None
    temperature: float | None = None
    recirculating: bool | None = None
    draining: bool | None = None
    filling: bool | None = None
    litres: float | None = None
    hindrances: tuple[Hindrance, ...] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed, or something is seen anew."""

    sight: Sight


@dataclass(frozen=True, slots=True)
class Begin:
    """The zone was loaded."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The zone is about to be unloaded."""


@dataclass(frozen=True, slots=True)
class Start:
    """The owner asks for a water change."""

    sight: Sight


@dataclass(frozen=True, slots=True)
class Resume:
    """The owner has a failed step begin anew."""

    sight: Sight


@dataclass(frozen=True, slots=True)
class Abort:
    """The owner gives the change up."""


@dataclass(frozen=True, slots=True)
class Automatic:
    """The owner switches planned changes and the duty cycle on or off."""

    on: bool


@dataclass(frozen=True, slots=True)
class Renew:
    """The owner has made the solution new by hand."""

    sight: Sight


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run of one of the zone's pumps is over; without a cause where it is none of the step that is under way."""

    role: Role
    litres: float | None
    cause: Cause | None


@dataclass(frozen=True, slots=True)
class RunFailed:
    """One of the zone's pumps would not run, or not stop."""

    role: Role
    cause: Cause


type Event = Tick | Begin | Interrupt | Start | Resume | Abort | Automatic | Renew | RunEnded | RunFailed


# --- effects ------------------------------------------------------------------------------------


class Happening(StrEnum):
    """What the owner may want to hear of."""

    STARTED = "water_change_started"
    STEP = "water_change_step"
    COMPLETED = "water_change_completed"
    FAILED = "water_change_failed"
    RESUMED = "water_change_resumed"
    ABORTED = "water_change_aborted"
    REFUSED = "water_change_refused"
    RENEWED = "solution_renewed"


@dataclass(frozen=True, slots=True)
class Run:
    """Have a pump run for at most this many seconds."""

    role: Role
    seconds: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Have a pump that moves water in or out stop, whether or not it runs."""

    role: Role


@dataclass(frozen=True, slots=True)
class Circulate:
    """Have circulation run."""


@dataclass(frozen=True, slots=True)
class StopCirculation:
    """Have circulation rest for at most this many seconds."""

    off_s: float
    water_change: bool


@dataclass(frozen=True, slots=True)
class Denied:
    """A change does not begin, or does not go on."""

    why: Why
    hindrance: Hindrance


@dataclass(frozen=True, slots=True)
class Happened:
    """Tell the owner."""

    what: Happening
    values: Values = NOTHING


type Effect = Run | Stop | Circulate | StopCirculation | Denied | Happened
