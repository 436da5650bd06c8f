"""A pump, its water and a board that may be hostile, in plain arithmetic; nothing of the rules that are judged.

What is broken is a set of words, so that a story reads as what happened:

* `says_nothing` answers no command, `says_it_late` after eight seconds, `says_it_twice` each answer again
* `deaf` does nothing that it is told, `welded` goes on moving water, `shows_coil` reports the coil, not the contact
* `literal` ends circulation after its time too, as the protocol's page can be read
* `garbage` reports a state that is none, `silent` reports nothing at all
* `blocked` moves no water, `stalled` draws too much, `frozen`, `level_gone`, `flow_gone`, `current_gone`, `leaks`
"""

from dataclasses import dataclass, field

from custom_components.smartair.pysmartair.guard.model import (
    Answer,
    Effect,
    Event,
    Reported,
    ResetAnswered,
    RunAnswered,
    SendReset,
    SendRun,
    SendStop,
    Sense,
    Sensed,
    StopAnswered,
)
from custom_components.smartair.pysmartair.safety import Role

MEASURED = (Sense.LEVEL, Sense.FLOW, Sense.CURRENT_MA)
"""What a board measures; power is what sockets measure."""
BOARD_FAULTS = ("says_nothing", "says_it_late", "says_it_twice", "deaf", "welded", "literal", "garbage", "silent")
WATER_FAULTS = ("blocked", "stalled", "frozen", "level_gone", "flow_gone", "current_gone", "leaks")
PACE = 0.2
"""Percent of the tank that a pump moves in a second."""
LATE_S = 8.0
RUN_DOWN_S = 2.0
"""How long a motor still turns after its relay has opened."""


@dataclass
class Board:
    """One channel of a board, whatever that is worth."""

    role: Role
    now: float
    interval: int = 1
    senses: frozenset[Sense] = frozenset(MEASURED)
    ends_itself: bool = True
    level: float = 50.0
    coil: bool = False
    ends: float | None = None
    lease: int = 0
    lock: str | None = None
    faults: set[str] = field(default_factory=set)
    pending: list[tuple[float, Event]] = field(default_factory=list)
    level_due: float = 0.0
    level_said: float | None = None
    moved_at: float = -1e9
    moving_since: float | None = None
    still_since: float | None = None
    by_order: bool = False

    def __post_init__(self) -> None:
        """Begin at rest, which of circulation is running."""
        self.coil = self.circulates
        self._follow()

    @property
    def circulates(self) -> bool:
        return self.role is Role.RECIRCULATION

    @property
    def moving(self) -> bool:
        """Whether the motor really turns."""
        return self.coil or "welded" in self.faults

    @property
    def obeys(self) -> bool:
        return not self.faults & {"deaf", "welded"}

    def _follow(self) -> None:
        if self.moving:
            self.still_since = None
            self.moving_since = self.now if self.moving_since is None else self.moving_since
        else:
            self.moving_since = None
            self.still_since = self.now if self.still_since is None else self.still_since

    def switch(self, on: bool, seconds: float | None = None) -> None:
        """Switch the coil."""
        self.coil = on
        self.ends = None if not on or seconds is None else self.now + seconds
        self._follow()

    def break_(self, fault: str) -> None:
        self.faults.add(fault)
        self._follow()

    def repair(self) -> None:
        self.faults.clear()
        self._follow()

    # --- what it is told, and what it says ------------------------------------------------------

    def obey(self, effect: Effect) -> None:
        """Take a command."""
        if "deaf" in self.faults:
            return
        match effect:
            case SendRun():
                if self.lock is not None and not self.circulates:
                    self._answer(RunAnswered(lease=effect.lease, answer=Answer.ERROR, code=self.lock))
                    return
                bounded = self.ends_itself and (not self.circulates or "literal" in self.faults)
                self.lease = effect.lease
                self.by_order = True
                self.switch(True, effect.seconds if bounded else None)
                answer = Answer.DONE if self.circulates else Answer.ACCEPTED
                self._answer(RunAnswered(lease=effect.lease, answer=answer))
            case SendStop():
                self.switch(False)
                self._answer(StopAnswered())
            case SendReset():
                self.lock = None
                self._answer(ResetAnswered(done=True))
            case _:
                pass

    def _answer(self, event: Event) -> None:
        if "says_nothing" in self.faults:
            return
        due = self.now + (LATE_S if "says_it_late" in self.faults else 0.0)
        self.pending.append((due, event))
        if "says_it_twice" in self.faults:
            self.pending.append((due + 3.0, event))

    def answers(self) -> list[Event]:
        """Return what it answers by now."""
        due = [event for at, event in self.pending if at <= self.now]
        self.pending = [one for one in self.pending if one[0] > self.now]
        return due

    def second(self) -> None:
        """Let a second pass: water moves, and what has its time ends."""
        self.now += 1.0
        if self.moving:
            self.moved_at = self.now
            if "blocked" not in self.faults and not self.circulates:
                way = 1.0 if self.role is Role.FILL else -1.0
                self.level = min(110.0, max(0.0, self.level + way * PACE))
        if self.ends is not None and self.now >= self.ends and "deaf" not in self.faults:
            self.switch(False)
            if not self.circulates:
                self._answer(
                    RunAnswered(lease=self.lease, answer=Answer.DONE, seconds=1.0, litres=1.0, ended_by="finished")
                )
        self._follow()

    def report(self, run_id: str) -> list[Event]:
        """Return what it reports of itself in this second."""
        if "silent" in self.faults:
            return []
        shown = self.coil if "shows_coil" in self.faults else self.moving
        events: list[Event] = [
            Reported(on=None if "garbage" in self.faults else shown, lock=self.lock, run_id=run_id)
        ]
        if Sense.LEVEL in self.senses and "level_gone" not in self.faults and self.now >= self.level_due:
            self.level_due = self.now + self.interval
            frozen = "frozen" in self.faults and self.level_said is not None
            self.level_said = self.level_said if frozen else round(self.level, 3)
            events.append(Sensed(Sense.LEVEL, self.level_said))
        turns = self.now - self.moved_at <= RUN_DOWN_S
        if Sense.FLOW in self.senses and "flow_gone" not in self.faults:
            events.append(Sensed(Sense.FLOW, 3.0 if turns and "blocked" not in self.faults else 0.0))
        if Sense.CURRENT_MA in self.senses and "current_gone" not in self.faults:
            drawn = 2300.0 if "stalled" in self.faults else 800.0
            events.append(Sensed(Sense.CURRENT_MA, drawn if turns else 0.0))
        return events
