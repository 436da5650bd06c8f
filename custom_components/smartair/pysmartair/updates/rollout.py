"""A staged rollout: a few devices first, then batch after batch, and a stop when too many fail.

step(state, event, now) -> (state, effects). Times are Unix seconds; whether the hour is allowed comes with the tick.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from enum import StrEnum
from types import MappingProxyType
from typing import Any, assert_never


class Phase(StrEnum):
    """What a rollout as a whole does."""

    RUNNING = "running"
    WAITING = "waiting"
    """For the hours in which it may begin with further devices."""
    PAUSED = "paused"
    STOPPED = "stopped"
    """By itself: too many devices failed, or one of the first."""
    ABORTED = "aborted"
    COMPLETED = "completed"


class Stage(StrEnum):
    """How far one device has come."""

    WAITING = "waiting"
    UPDATING = "updating"
    UPDATED = "updated"
    FAILED = "failed"
    SKIPPED = "skipped"
    """It could not be begun with, as when it is offline; that is no fault of the image."""


OVER = frozenset({Phase.STOPPED, Phase.ABORTED, Phase.COMPLETED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Times of day, local, between which devices may be begun with; over midnight where the end is earlier.

    Where both are the same, that is the whole day, as in the blueprints.
    """

    start: time
    end: time

    def allow(self, now: time) -> bool:
        """Tell whether the time lies between them."""
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A device and the image for it."""

    uid: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was asked for: `canary` devices first, then `batch` at a time, until `threshold` have failed.

    A failure among the first stops a rollout whatever the threshold.
    """

    id: str
    targets: tuple[Target, ...]
    canary: int = 1
    batch: int = 5
    threshold: int = 1
    hours: Hours | None = None
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """How far one device has come, and what went wrong with it."""

    stage: Stage = Stage.WAITING
    error: str | None = None


_WAITING = Device()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A rollout at one moment; devices that are not named wait."""

    plan: Plan
    phase: Phase = Phase.RUNNING
    devices: Mapping[str, Device] = field(default_factory=lambda: MappingProxyType({}))
    began: float
    ended: float | None = None

    def device(self, uid: str) -> Device:
        """Return how far a device has come."""
        return self.devices.get(uid, _WAITING)

    def uids(self, stage: Stage) -> tuple[str, ...]:
        """Return the devices of a stage, in their order."""
        return tuple(target.uid for target in self.plan.targets if self.device(target.uid).stage is stage)

    @property
    def counts(self) -> Mapping[Stage, int]:
        """How many devices there are of each stage."""
        found = Counter(self.device(target.uid).stage for target in self.plan.targets)
        return {stage: found[stage] for stage in Stage}

    @property
    def percent(self) -> int:
        """How many of the devices are done with, in percent."""
        counts = self.counts
        done = counts[Stage.UPDATED] + counts[Stage.FAILED] + counts[Stage.SKIPPED]
        return 100 * done // len(self.plan.targets) if self.plan.targets else 100

    @property
    def canaries_left(self) -> int:
        """How many devices have yet to succeed before the batches begin; one that is skipped proves nothing."""
        return max(self.plan.canary - self.counts[Stage.UPDATED], 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The update of a device ended; `error` is None where it is confirmed."""

    uid: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBegun:
    """A device could not be begun with."""

    uid: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unordered:
    """A device was chosen, but a power cut came before the order: it waits again."""

    uid: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Begin with no further devices until told."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on after a pause."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Begin with no further devices ever; what has begun goes on, for a device cannot be called back."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; `open`: this is an hour in which devices may be begun with."""

    open: bool


type Event = Finished | NotBegun | Unordered | Pause | Resume | Abort | Tick


@dataclass(frozen=True, slots=True)
class Start:
    """Begin with a device."""

    target: Target


@dataclass(frozen=True, slots=True)
class End:
    """Tell that it is over."""

    phase: Phase


type Effect = Start | End
type Step = tuple[Rollout, tuple[Effect, ...]]


def begin(plan: Plan, now: float) -> Rollout:
    """Return a rollout that has not begun with any device."""
    return Rollout(plan=plan, began=now)


def step(state: Rollout, event: Event, now: float) -> Step:  # noqa: PLR0911 - one for each event
    """Return what becomes of a rollout, and what is to be done."""
    match event:
        case Finished():
            if state.device(event.uid).stage is not Stage.UPDATING:
                return state, ()
            stage = Stage.UPDATED if event.error is None else Stage.FAILED
            return _judge(_with(state, event.uid, Device(stage=stage, error=event.error)), now)
        case NotBegun():
            if state.device(event.uid).stage is not Stage.UPDATING:
                return state, ()
            return _judge(_with(state, event.uid, Device(stage=Stage.SKIPPED, error=event.reason)), now)
        case Unordered():
            updating = state.device(event.uid).stage is Stage.UPDATING
            return (_with(state, event.uid, _WAITING) if updating else state), ()
        case Pause():
            running = state.phase in {Phase.RUNNING, Phase.WAITING}
            return (replace(state, phase=Phase.PAUSED) if running else state), ()
        case Resume():
            return (replace(state, phase=Phase.RUNNING) if state.phase is Phase.PAUSED else state), ()
        case Abort():
            return (state, ()) if state.phase in OVER else _end(state, Phase.ABORTED, now)
        case Tick():
            return _tick(state, open_now=event.open)
        case _:
            assert_never(event)


def _with(state: Rollout, uid: str, device: Device) -> Rollout:
    return replace(state, devices=MappingProxyType({**state.devices, uid: device}))


def _end(state: Rollout, phase: Phase, now: float) -> Step:
    return replace(state, phase=phase, ended=now), (End(phase),)


def _judge(state: Rollout, now: float) -> Step:
    """Stop at the threshold; complete when nobody is left."""
    if state.phase in OVER:
        return state, ()
    counts = state.counts
    if counts[Stage.FAILED] >= state.plan.threshold or (counts[Stage.FAILED] and state.canaries_left):
        return _end(state, Phase.STOPPED, now)
    if counts[Stage.WAITING] == counts[Stage.UPDATING] == 0:
        return _end(state, Phase.COMPLETED, now)
    return state, ()


def _tick(state: Rollout, *, open_now: bool) -> Step:
    """Begin with the next devices once none of the last ones is left."""
    if state.phase not in {Phase.RUNNING, Phase.WAITING}:
        return state, ()
    # Devices that are on their way may end at any hour.
    state = replace(state, phase=Phase.RUNNING if open_now else Phase.WAITING)
    if not open_now or state.uids(Stage.UPDATING):
        return state, ()
    waiting = [target for target in state.plan.targets if state.device(target.uid).stage is Stage.WAITING]
    chosen = waiting[: state.canaries_left or state.plan.batch]
    updating = {target.uid: Device(stage=Stage.UPDATING) for target in chosen}
    after = replace(state, devices=MappingProxyType({**state.devices, **updating}))
    return after, tuple(Start(target) for target in chosen)


def stages(plan: Plan) -> Sequence[Sequence[str]]:
    """Return the devices in the groups in which they would be begun with, were none skipped."""
    uids = [target.uid for target in plan.targets]
    groups = [uids[: plan.canary]] if plan.canary else []
    rest = uids[plan.canary :]
    return groups + [rest[at : at + plan.batch] for at in range(0, len(rest), plan.batch)]


# --- over a restart ----------------------------------------------------------------------------


def dump(state: Rollout) -> dict[str, Any]:
    """Return a rollout as it is stored."""
    plan, hours = state.plan, state.plan.hours
    return {
        "id": plan.id,
        "targets": [[one.uid, one.version, one.sha256] for one in plan.targets],
        "canary": plan.canary,
        "batch": plan.batch,
        "threshold": plan.threshold,
        "hours": [hours.start.isoformat(), hours.end.isoformat()] if hours else None,
        "force": plan.force,
        "phase": state.phase.value,
        "devices": {uid: [one.stage.value, one.error] for uid, one in state.devices.items()},
        "began": state.began,
        "ended": state.ended,
    }


def load(data: Mapping[str, Any]) -> Rollout:
    """Return a stored rollout; raise ValueError, KeyError or TypeError if it is broken."""
    hours = data["hours"]
    plan = Plan(
        id=data["id"],
        targets=tuple(Target(uid=uid, version=version, sha256=sha256) for uid, version, sha256 in data["targets"]),
        canary=data["canary"],
        batch=data["batch"],
        threshold=data["threshold"],
        hours=Hours(start=time.fromisoformat(hours[0]), end=time.fromisoformat(hours[1])) if hours else None,
        force=data["force"],
    )
    return Rollout(
        plan=plan,
        phase=Phase(data["phase"]),
        devices=MappingProxyType(
            {uid: Device(stage=Stage(stage), error=error) for uid, (stage, error) in data["devices"].items()}
        ),
        began=data["began"],
        ended=data["ended"],
    )
