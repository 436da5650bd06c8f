"""One update of one device, as it goes: step(state, event, now) -> (state, effects). Times are Unix seconds.

An update has succeeded when the device reports the new version after its restart, and either vouches for it or keeps
it for longer than its self test may take. It is never believed because an upload ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, assert_never

from .versions import same_version

ORDER_LIFETIME = 60
"""Seconds after which an order that has not arrived must not be carried out any more."""
ANSWER_WITHIN = ORDER_LIFETIME + 10
NO_PROGRESS = 600
NO_RETURN = 300
DEFERRED_FOR = 3600 + NO_PROGRESS
"""The firmware gives up after an hour of deferring and says so."""
TRIAL = 240
"""The firmware's self test ends after 180 s: what runs longer has passed it, whether or not it says so."""
STILL_THERE = 120

NO_ANSWER, STALLED, LOST = "no_answer", "no_progress", "no_return"
# Our own verdicts, for want of news: what a device says afterwards counts more.
_OURS = frozenset({NO_ANSWER, STALLED, LOST, "deferred_too_long"})
# What the image is to blame for; a connection that broke is not held against it.
_IMAGES_FAULT = frozenset(
    {"checksum_mismatch", "downgrade", "image_invalid", "known_bad", "rolled_back", "signature_invalid", LOST}
)


class Phase(StrEnum):
    """How far an update has come before the restart."""

    ORDERED = "ordered"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    INSTALLING = "installing"


class Outcome(StrEnum):
    """How an update ended."""

    CONFIRMED = "confirmed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was ordered: the version, its checksum, and the version that ran when it was."""

    cmd_id: str
    version: str
    sha256: str
    at: float
    previous: str | None = None
    force: bool = False
    rollout: str | None = None
    """The rollout that ordered it, where one did."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing was ever ordered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """Before the restart; `seen` is when it last came further, `reason` why it waits."""

    order: Order
    phase: Phase = Phase.ORDERED
    percent: float | None = None
    seen: float
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebooting:
    """Restarting; `vouched`: the device says that the new version holds, but has not reported it yet.

    `resumed` is when whoever watches could last begin to listen.
    """

    order: Order
    since: float
    returned: bool = False
    vouched: bool = False
    resumed: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OnTrial:
    """The new version runs and has to prove itself; `heard` is when it was last reported.

    `resumed` is when whoever watches could last begin to listen, which is no sign of life.
    """

    order: Order
    since: float
    heard: float
    resumed: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Over; `error` is a word of the protocol or one of ours."""

    order: Order
    outcome: Outcome
    at: float
    error: str | None = None

    @property
    def images_fault(self) -> bool:
        """Whether the image must not be offered to this device again."""
        return self.outcome is not Outcome.CONFIRMED and self.error in _IMAGES_FAULT


type Update = Idle | Working | Rebooting | OnTrial | Ended


@dataclass(frozen=True, slots=True)
class Begin:
    """Somebody wants a version."""

    order: Order


@dataclass(frozen=True, slots=True)
class NotSent:
    """The order could not be published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the device said of the update, and the version that it reports at this moment.

    What the broker had `kept` may be as old as the update itself.
    """

    cmd_id: str | None
    state: str
    percent: float | None = None
    error: str | None = None
    running: str | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """The device reported the version that runs; what the broker had `kept`, it reported at some time."""

    version: str
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Returned:
    """The device started anew."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Whoever watches can hear the device again, after a restart or without its broker: the terms begin anew."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


type Event = Begin | NotSent | Said | Reported | Returned | Resumed | Tick


@dataclass(frozen=True, slots=True)
class Send:
    """Publish the order; the same one may be sent again, as a device carries it out once."""

    order: Order


@dataclass(frozen=True, slots=True)
class Finish:
    """Tell how it ended; said once for each end."""

    ended: Ended


type Effect = Send | Finish
type Step = tuple[Update, tuple[Effect, ...]]

IDLE = Idle()


def busy(state: Update) -> bool:
    """Tell whether an update is under way, so that no other may begin."""
    return not isinstance(state, (Idle, Ended))


def order_of(state: Update) -> Order | None:
    """Return what was ordered last."""
    return None if isinstance(state, Idle) else state.order


def undecided(state: Update) -> bool:
    """Tell whether the next report of the device may still change how the update ends."""
    return busy(state) or (isinstance(state, Ended) and state.error in _OURS)


def step(state: Update, event: Event, now: float) -> Step:  # noqa: PLR0911 - one for each event
    """Return what becomes of an update, and what is to be done."""
    match event:
        case Begin():
            if busy(state):
                return state, ()
            return Working(order=event.order, seen=now), (Send(event.order),)
        case NotSent():
            return (IDLE, ()) if isinstance(state, Working) and state.phase is Phase.ORDERED else (state, ())
        case Said():
            return _said(state, event, now)
        case Reported():
            return _reported(state, event, now)
        case Returned():
            return (replace(state, returned=True), ()) if isinstance(state, Rebooting) else (state, ())
        case Resumed():
            return _resumed(state, now)
        case Tick():
            return _tick(state, now)
        case _:
            assert_never(event)


def deadline(state: Update) -> float | None:
    """Return when a Tick can change something at the earliest, or None while only the device can."""
    match state:
        case Working():
            return state.seen + _patience(state.phase)
        case Rebooting():
            return max(state.since, state.resumed) + NO_RETURN
        case OnTrial():
            return min(max(state.since + TRIAL, state.heard), max(state.heard, state.resumed) + NO_RETURN)
        case Idle() | Ended():
            return None
        case _:
            assert_never(state)


def _finish(order: Order, outcome: Outcome, now: float, error: str | None = None) -> Step:
    ended = Ended(order=order, outcome=outcome, at=now, error=error)
    return ended, (Finish(ended),)


def _patience(phase: Phase) -> float:
    match phase:
        case Phase.ORDERED:
            return ANSWER_WITHIN
        case Phase.DEFERRED:
            return DEFERRED_FOR
        case _:
            return NO_PROGRESS


def _said(state: Update, said: Said, now: float) -> Step:
    if isinstance(state, Idle) or said.cmd_id != state.order.cmd_id:
        return state, ()
    if not isinstance(state, Ended):
        return _took(state, said, now)
    if state.error in _OURS:
        # What the broker kept is the very word that we have given up on.
        stale = said.kept and said.state not in set(Outcome)
        return (state, ()) if stale else _took(state, said, now)
    lost = said.state == Outcome.ROLLED_BACK and state.outcome is Outcome.CONFIRMED
    return _finish(state.order, Outcome.ROLLED_BACK, now, "rolled_back") if lost else (state, ())


def _took(  # noqa: PLR0911 - one for each word of the protocol
    state: Working | Rebooting | OnTrial | Ended, said: Said, now: float
) -> Step:
    match said.state:
        case Outcome.CONFIRMED:
            if same_version(said.running, state.order.version):
                return _finish(state.order, Outcome.CONFIRMED, now)
            rebooting = state if isinstance(state, Rebooting) else Rebooting(order=state.order, since=now)
            return replace(rebooting, vouched=True), ()
        case Outcome.FAILED:
            return _finish(state.order, Outcome.FAILED, now, said.error or "unknown")
        case Outcome.ROLLED_BACK:
            return _finish(state.order, Outcome.ROLLED_BACK, now, "rolled_back")
        case "rebooting":
            if isinstance(state, (Rebooting, OnTrial)):
                return state, ()
            # What the broker kept may have been said at any time since the order.
            since = state.order.at if said.kept else now
            return Rebooting(order=state.order, since=since, resumed=now if said.kept else 0), ()
        case "accepted" | "deferred" | "downloading" | "verifying" | "installing":
            return _went_on(state, Phase(said.state), said, now), ()
        case _:
            return state, ()


def _went_on(state: Working | Rebooting | OnTrial | Ended, phase: Phase, said: Said, now: float) -> Update:
    """Note progress; a repetition, as the broker keeps it, is none."""
    if isinstance(state, (Rebooting, OnTrial)):
        return state
    reason = (said.error or "pump_running") if phase is Phase.DEFERRED else None
    after = Working(order=state.order, phase=phase, percent=said.percent, seen=now, reason=reason)
    return state if isinstance(state, Working) and replace(after, seen=state.seen) == state else after


def _reported(state: Update, said: Reported, now: float) -> Step:  # noqa: PLR0911 - one for each state
    if isinstance(state, Idle):
        return state, ()
    order = state.order
    as_ordered = same_version(said.version, order.version)
    on_trial = OnTrial(order=order, since=now, heard=now)
    match state:
        case OnTrial():
            if not as_ordered:
                return _finish(order, Outcome.ROLLED_BACK, now, "rolled_back")
            return (state if said.kept else replace(state, heard=now)), ()
        case Rebooting():
            if not as_ordered:
                return _finish(order, Outcome.ROLLED_BACK, now, "rolled_back") if state.returned else (state, ())
            return _finish(order, Outcome.CONFIRMED, now) if state.vouched else (on_trial, ())
        case Working() | Ended():
            if isinstance(state, Ended) and state.error == LOST and not as_ordered and not said.kept:
                return _finish(order, Outcome.ROLLED_BACK, now, "rolled_back")
            # The restart itself may have gone unheard; a version that ran before as well proves nothing.
            open_still = isinstance(state, Working) or state.error in _OURS
            ran_before = same_version(said.version, order.previous)
            return (on_trial, ()) if open_still and as_ordered and not ran_before else (state, ())
        case _:
            assert_never(state)


def _resumed(state: Update, now: float) -> Step:
    match state:
        case Working():
            again = (Send(state.order),) if state.phase is Phase.ORDERED else ()
            return replace(state, seen=now), again
        case Rebooting() | OnTrial():
            return replace(state, resumed=now), ()
        case Idle() | Ended():
            return state, ()
        case _:
            assert_never(state)


def _tick(state: Update, now: float) -> Step:  # noqa: PLR0911 - one for each state
    match state:
        case Working():
            if now < state.seen + _patience(state.phase):
                return state, ()
            error = {Phase.ORDERED: NO_ANSWER, Phase.DEFERRED: "deferred_too_long"}.get(state.phase, STALLED)
            return _finish(state.order, Outcome.FAILED, now, error)
        case Rebooting():
            gone = now >= max(state.since, state.resumed) + NO_RETURN
            return _finish(state.order, Outcome.FAILED, now, LOST) if gone else (state, ())
        case OnTrial():
            if now >= max(state.heard, state.resumed) + NO_RETURN:
                return _finish(state.order, Outcome.FAILED, now, LOST)
            if now >= state.since + TRIAL and now <= state.heard + STILL_THERE:
                return _finish(state.order, Outcome.CONFIRMED, now)
            return state, ()
        case Idle() | Ended():
            return state, ()
        case _:
            assert_never(state)


# --- over a restart ----------------------------------------------------------------------------


def dump(state: Update) -> dict[str, Any]:
    """Return an update as it is stored."""
    match state:
        case Idle():
            return {"is": "idle"}
        case Working():
            rest = {"phase": state.phase.value, "percent": state.percent, "seen": state.seen, "reason": state.reason}
            return {"is": "working", "order": _dump_order(state.order), **rest}
        case Rebooting():
            rest = {"since": state.since, "returned": state.returned, "vouched": state.vouched}
            return {"is": "rebooting", "order": _dump_order(state.order), **rest, "resumed": state.resumed}
        case OnTrial():
            rest = {"since": state.since, "heard": state.heard, "resumed": state.resumed}
            return {"is": "on_trial", "order": _dump_order(state.order), **rest}
        case Ended():
            rest = {"outcome": state.outcome.value, "at": state.at, "error": state.error}
            return {"is": "ended", "order": _dump_order(state.order), **rest}
        case _:
            assert_never(state)


def _dump_order(order: Order) -> dict[str, Any]:
    return {
        "cmd_id": order.cmd_id,
        "version": order.version,
        "sha256": order.sha256,
        "at": order.at,
        "previous": order.previous,
        "force": order.force,
        "rollout": order.rollout,
    }


def load(data: Mapping[str, Any]) -> Update:
    """Return a stored update; raise ValueError, KeyError or TypeError if it is broken."""
    kind = data["is"]
    if kind == "idle":
        return IDLE
    order = Order(**data["order"])
    rest = {name: value for name, value in data.items() if name not in {"is", "order"}}
    match kind:
        case "working":
            return Working(order=order, **{**rest, "phase": Phase(rest["phase"])})
        case "rebooting":
            return Rebooting(order=order, **rest)
        case "on_trial":
            return OnTrial(order=order, **rest)
        case "ended":
            return Ended(order=order, **{**rest, "outcome": Outcome(rest["outcome"])})
        case _:
            raise ValueError(f"no state of an update: {kind!r}")
