"""What of a zone is kept over a restart, and how far it is believed when it is read again."""

from collections.abc import Mapping
from dataclasses import replace
import math
from typing import Any, assert_never

from .model import (
    Cause,
    Change,
    Drain,
    Failed,
    Fill,
    Memory,
    NormalRecirc,
    Recorded,
    Stabilize,
    State,
    Step,
    Why,
)

_VALUES = ("ph", "ec", "temperature", "drained_l", "filled_l")


def unparse_memory(memory: Memory) -> dict[str, Any]:
    """Return what is stored of a zone; it changes with each transition and with nothing less."""
    return {
        "state": _unparse_state(memory.state),
        "automatic": memory.automatic,
        "solution_started_at": memory.solution_started_at,
        "made": None if memory.made is None else {"at": memory.made.at, **memory.made.facts()},
        "aborted_at": memory.aborted_at,
        **({} if memory.fill_rate is None else {"fill_rate": memory.fill_rate}),
    }


def _unparse_state(state: State) -> dict[str, Any]:
    match state:
        case NormalRecirc():
            return {"kind": "normal_recirc"}
        case Drain() | Fill() | Stabilize():
            return {"kind": str(state.step), "since": state.since, "change": _unparse_change(state.change)}
        case Failed():
            return {
                "kind": "failed",
                "step": str(state.step),
                "cause": str(state.cause),
                "since": state.since,
                "change": _unparse_change(state.change),
                "values": dict(state.values),
            }
        case unreachable:
            assert_never(unreachable)


def _unparse_change(change: Change) -> dict[str, Any]:
    return {
        "why": str(change.why),
        "started_at": change.started_at,
        "drained_l": change.drained_l,
        "filled_l": change.filled_l,
        "done": [str(one) for one in change.done],
    }


def parse_memory(content: object) -> Memory:
    """Return a stored memory; a step that was under way is interrupted. Raise ValueError if it is broken."""
    stored = _mapping(content)
    automatic = stored.get("automatic", False)
    if not isinstance(automatic, bool):
        raise ValueError("automatic is on or off")  # noqa: TRY004 - one error for whatever is broken
    return Memory(
        state=_parse_state(_mapping(stored.get("state"))),
        automatic=automatic,
        solution_started_at=_number(stored.get("solution_started_at")),
        made=None if stored.get("made") is None else _parse_recorded(_mapping(stored["made"])),
        aborted_at=_number(stored.get("aborted_at")),
        fill_rate=_number(stored.get("fill_rate")),
    )


def _parse_state(stored: Mapping[str, Any]) -> State:
    match stored.get("kind"):
        case "normal_recirc":
            return NormalRecirc()
        case "failed":
            failed = _parse_failed(stored, Step(str(stored.get("step"))), Cause(str(stored.get("cause"))))
            values = {str(name): _number(value) for name, value in _mapping(stored.get("values")).items()}
            return replace(failed, values=values)
        case kind:
            return replace(_parse_failed(stored, Step(str(kind)), Cause.INTERRUPTED), announced=False)


def _parse_failed(stored: Mapping[str, Any], step: Step, cause: Cause) -> Failed:
    change = _mapping(stored.get("change"))
    return Failed(
        step,
        cause,
        _present(stored.get("since")),
        Change(
            Why(str(change.get("why"))),
            _present(change.get("started_at")),
            _number(change.get("drained_l")),
            _number(change.get("filled_l")),
            tuple(Step(str(one)) for one in change.get("done") or ()),
        ),
    )


def _parse_recorded(stored: Mapping[str, Any]) -> Recorded:
    return Recorded(_present(stored.get("at")), **{name: _number(stored.get(name)) for name in _VALUES})


def _mapping(content: object) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise ValueError("not an object")  # noqa: TRY004 - one error for whatever is broken
    return content


def _number(content: object) -> float | None:
    if content is None:
        return None
    if isinstance(content, bool) or not isinstance(content, int | float) or not math.isfinite(content):
        raise ValueError("not a number")
    return float(content)


def _present(content: object) -> float:
    number = _number(content)
    if number is None:
        raise ValueError("a number is missing")
    return number
