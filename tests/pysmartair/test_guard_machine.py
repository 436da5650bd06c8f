"""Whatever happens to a pump, the safety contract holds; and each rule that is taken out is missed."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
import os
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
import pytest

from custom_components.smartair.pysmartair import guard, guard_data, guard_turn, guard_watch, safety
from custom_components.smartair.pysmartair.guard_turn import Turn
from custom_components.smartair.pysmartair.safety import ALLOWED, Dwell

from .pump_world import PumpWorld

DEEP = os.environ.get("SMARTAIR_HYPOTHESIS") == "deep"
STEPS = 40


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=not DEEP,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )


def test_the_safety_contract_holds_whatever_happens() -> None:
    run_state_machine_as_test(PumpWorld, settings=_settings(20_000 if DEEP else 260))


def _allowed(*_: Any, **__: Any) -> safety.Verdict:
    return ALLOWED


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _no_trip(watch: safety.Watch, *_: Any, **__: Any) -> tuple[safety.Watch, None]:
    return watch, None


def _hasty(self: Dwell, now: float, count: int, seconds: float) -> bool:
    return self.since is not None and count != self.count


def _gullible(self: Dwell, now: float, count: int, seconds: float) -> bool:
    return self.since is not None and now - self.since >= seconds


def _lease_without_end(self: Turn, seconds: float, *, planned: bool) -> int:
    lease = self.guard.leases + 1
    self.set(leases=lease)
    self.do(guard_data.SendRun(lease, seconds, planned))
    return lease


def _any_reset(turn: Turn, event: guard_data.Event) -> None:
    if isinstance(event, guard_data.DeviceReset):
        turn.unlock()
    else:
        TAKE(turn, event)


def _begin_unlocked(limits: safety.Limits, memory: guard_data.Memory, now: float) -> guard_data.Guard:
    return replace(BEGIN(limits, memory, now), lock=None, kept=replace(memory, lock=None))


def _begin_knowing(limits: safety.Limits, memory: guard_data.Memory, now: float) -> guard_data.Guard:
    resting = guard_data.Resting(watch=safety.Watch(since=now))
    return replace(BEGIN(limits, memory, now), state=resting)


def _deaf_stop(turn: Turn, event: guard_data.StopAsked) -> None:
    if isinstance(turn.guard.state, guard_data.Running):
        turn.stop("stopped")


def _silent_gate(turn: Turn, event: guard_data.RunAsked) -> None:
    before = list(turn.effects)
    ASK(turn, event)
    turn.effects = [*before, *(one for one in turn.effects if not isinstance(one, guard_data.Alarm))]


TAKE, BEGIN, ASK = guard._take, guard.begin, guard._ask  # noqa: SLF001 - each is taken out in turn

# Two rules that back each other up hide one another: such are taken out together.
MUTATIONS: dict[str, list[tuple[Any, str, Callable[..., Any]]]] = {
    "the gate": [(safety, "may_run", _allowed)],
    "the gate's contact": [
        (
            Turn,
            "gate",
            lambda turn, bound: guard_turn.may_start(
                turn.guard.limits,
                turn.guard.readings,
                safety.Situation(lock=turn.guard.lock),
                turn.now,
                bound,
            ),
        )
    ],
    "reservoir": [(safety, "reservoir", _allowed)],
    "room": [(safety, "room", _allowed)],
    "sensors that watch": [(safety, "watched", _allowed)],
    "overcurrent": [(safety, "overcurrent", _allowed)],
    "no flow and progress": [(safety, "no_flow", _allowed), (safety, "_progress", _no_trip)],
    "the watch": [(guard_watch, "watch_run", _no_trip)],
    "stuck": [(guard_watch, "watch_rest", _no_trip)],
    "reset with the cause": [(guard, "may_reset", _allowed)],
    "reset while stuck": [(guard, "_cause_of_lock", _allowed)],
    "two readings": [(Dwell, "over", _hasty)],
    "dwell": [(Dwell, "over", _gullible)],
    "longest pause": [(guard_watch, "off_until", lambda *_, **__: float("inf"))],
    "what holds circulation": [(guard_watch, "may_release", _allowed)],
    "bound of a run": [(guard_watch, "_bound", _nothing), (guard_turn, "run_until", lambda *_: float("inf"))],
    "short leases": [(Turn, "send_run", _lease_without_end)],
    "three failures": [(guard_turn, "lock_after", _nothing)],
    "the lock": [(Turn, "latch", _nothing)],
    "the lock on disk": [(guard, "begin", _begin_unlocked)],
    "learning first": [(guard, "begin", _begin_knowing)],
    "silence": [(guard_watch, "_listen", _nothing)],
    "reset of another lock": [(guard, "_take", _any_reset)],
    "off is never gated": [(guard, "_stop", _deaf_stop)],
    "refusals are told": [(guard, "_ask", _silent_gate)],
    "keeping": [(Turn, "memory", lambda turn: guard_data.Memory())],
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_rule_that_is_taken_out_is_missed(name: str) -> None:
    with ExitStack() as stack:
        for owner, attribute, instead in MUTATIONS[name]:
            stack.enter_context(patch.object(owner, attribute, instead))
        with pytest.raises(AssertionError):
            run_state_machine_as_test(PumpWorld, settings=_settings(400))
