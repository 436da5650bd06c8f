"""What a guard's state means to those who look at its pump."""

from ..pysmartair.guard.model import Guard, Resting, Running, Starting, State, Stopping, Unknown


def is_on(state: State) -> bool | None:
    """Return whether the pump runs as it was reported, None when nobody knows."""
    match state:
        case Unknown():
            return None
        case Resting():
            return False
        case Running():
            return True
        case Starting(last=last):
            return is_on(last)
        case Stopping(run=run, shown_at=shown_at):
            return True if run is not None or shown_at is not None else None


def running_since(state: State) -> float | None:
    """Return since when the pump runs, None while it does not or nobody knows."""
    run = state.run if isinstance(state, Stopping) else state
    return run.since if isinstance(run, Running) else None


def shown(guard: Guard) -> tuple[object, ...]:
    """Return what listeners are told of."""
    state = guard.state
    litres = state.litres if isinstance(state, Running) else None
    device = (guard.contact, guard.protected, guard.unconfirmed)
    return (
        type(state),
        is_on(state),
        guard.lock,
        guard.device_lock,
        guard.stuck,
        guard.water.trouble,
        guard.readings,
        guard.limits,
        device,
        litres,
    )
