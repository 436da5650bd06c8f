"""What a pump's guard keeps over a restart, as JSON and back."""

from collections.abc import Mapping
from typing import Any

from ..protocol.fields import number
from ..safety import Cause, Reason, Refused
from .model import Memory

_MAX_FAILURES = 20
_MAX_ID = 64


def memory_as_dict(memory: Memory) -> dict[str, Any]:
    """Return what is kept as JSON can hold it."""
    return {
        "lock": lock_as_dict(memory.lock),
        "device_lock": lock_as_dict(memory.device_lock),
        "device_stuck": memory.device_stuck,
        "water": lock_as_dict(memory.water),
        "failures": list(memory.failures),
        "off_since": memory.off_since,
        "stuck": memory.stuck,
        "blind": memory.blind,
        "run_id": memory.run_id,
        "run_since": memory.run_since,
    }


def lock_as_dict(lock: Refused | None) -> dict[str, Any] | None:
    """Return a lock as JSON can hold it."""
    if lock is None:
        return None
    return {"reason": str(lock.reason), "cause": str(lock.cause), "value": lock.value, "limit": lock.limit}


def memory_from_dict(data: Mapping[str, Any]) -> Memory:
    """Return what was kept; of what is broken a lock stays a lock, for nobody has reset it."""
    run_id = data.get("run_id")
    failures = data.get("failures")
    return Memory(
        lock=_lock(data.get("lock")),
        device_lock=_lock(data.get("device_lock")),
        device_stuck=bool(data.get("device_stuck")),
        water=_lock(data.get("water")),
        failures=tuple(at for one in failures[:_MAX_FAILURES] if (at := number(one)) is not None)
        if isinstance(failures, list)
        else (),
        off_since=number(data.get("off_since")),
        stuck=bool(data.get("stuck")),
        blind=bool(data.get("blind")),
        run_id=run_id[:_MAX_ID] if isinstance(run_id, str) else None,
        run_since=number(data.get("run_since")),
    )


def _lock(data: object) -> Refused | None:
    if not data:
        return None
    if not isinstance(data, Mapping) or data.get("reason") not in set(Reason):
        return Refused(Reason.DEVICE_LOCK, Cause.UNKNOWN)
    cause = data.get("cause")
    return Refused(
        Reason(data["reason"]),
        Cause(cause) if cause in set(Cause) else Cause.UNKNOWN,
        number(data.get("value")),
        number(data.get("limit")),
    )
