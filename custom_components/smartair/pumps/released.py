"""Switches that no zone uses any more, and what is owed to those that were away then, over a restart too."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import asdict, dataclass
import logging
from typing import Any, Protocol

from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from ..alerts.log import AlertLog
from ..connection import Connection
from ..pysmartair import Code
from ..pysmartair.guard.model import CONFIRM_S, Resting, Running, Starting, Stopping, Unknown
from ..pysmartair.safety import Allowed, may_release
from .actuator import SwitchActuator
from .pump import Pump

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Debt:
    """What a switch is to do when it is back: `run` is true for circulation, which is not to stand (S5)."""

    entity_id: str
    run: bool
    inverted: bool


def debt_of(pump: Pump) -> Debt | None:
    """Return what is owed to a switch that is released now, None where it is known to be as it should."""
    guard, actuator, circulates = pump.guard, pump.actuator, pump.limits.circulates
    if not isinstance(actuator, SwitchActuator) or (guard.contact and pump.is_on is circulates):
        return None
    match guard.state:
        case Starting() | Running():
            ours = not circulates
        case Stopping():
            ours = True
        case Resting():
            ours = circulates
        case Unknown() as unknown:
            moved = unknown.stopped or unknown.lost or guard.earlier is not None
            ours = guard.off_since is not None if circulates else moved
    if circulates and not isinstance(may_release(guard.lock), Allowed):
        return None
    return Debt(pump.channel, run=circulates, inverted=actuator.inverted) if ours else None


class Owner(Protocol):
    """What is needed of those who hold the pumps."""

    connection: Connection
    alerts: AlertLog

    @property
    def now(self) -> float:
        """Seconds of the clock of the pumps."""

    def async_save(self) -> None:
        """Write what is kept."""

    def async_task[T](self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task that not even the end of the hub cancels."""


class Released:
    """The debts to switches that were released, by what outlives a rename."""

    def __init__(self, pumps: Owner) -> None:
        """Begin with none."""
        self.pumps = pumps
        self._debts: dict[str, Debt] = {}
        self._sent: dict[str, float] = {}

    @callback
    def async_load(self, stored: object) -> None:
        """Take over what was owed before a restart; what cannot be read is left out."""
        for key, one in stored.items() if isinstance(stored, Mapping) else ():
            if isinstance(one, Mapping) and isinstance(one.get("entity_id"), str) and "." in one["entity_id"]:
                self._debts[str(key)] = Debt(one["entity_id"], one.get("run") is True, one.get("inverted") is True)

    def as_dict(self) -> dict[str, Any]:
        """Return what is owed as it is stored."""
        return {key: asdict(debt) for key, debt in self._debts.items()}

    @callback
    def async_owe(self, key: str, debt: Debt) -> None:
        """Remember what a switch is to do."""
        self._debts[key] = debt
        self._sent[key] = self.pumps.now
        self.async_tick()

    @callback
    def async_forget(self, key: str) -> None:
        """Owe a switch nothing any more: it is as it should be, a zone uses it again, or it is gone."""
        if (debt := self._debts.pop(key, None)) is None:
            return
        self._sent.pop(key, None)
        self.pumps.alerts.async_resolve(_code(debt), channel=debt.entity_id)
        self.pumps.async_save()

    @callback
    def async_tick(self) -> None:
        """Look at each switch, and tell it again what it is to do."""
        for key, debt in tuple(self._debts.items()):
            self.pumps.connection.isolation.call(f"The stop of {debt.entity_id}", self._look, key, debt)

    def _look(self, key: str, debt: Debt) -> None:
        hass, now = self.pumps.connection.hass, self.pumps.now
        if key != debt.entity_id and er.async_get(hass).entities.get_entry(key) is None:
            self.async_forget(key)
            return
        actuator = SwitchActuator(hass, debt.entity_id, inverted=debt.inverted)
        state = hass.states.get(actuator.entity_id)
        there = state is not None and state.state in {STATE_ON, STATE_OFF}
        wanted = STATE_ON if debt.run is not debt.inverted else STATE_OFF
        if there and state is not None and state.state == wanted:
            self.async_forget(key)
            return
        # One that is there was told at once, and has its time to follow before anybody is alarmed.
        waited = now - self._sent.get(key, -CONFIRM_S)
        if not there or waited >= CONFIRM_S:
            self.pumps.alerts.async_raise(_code(debt), channel=debt.entity_id, cause="switch_released")
        if there and waited >= CONFIRM_S:
            self._sent[key] = now
            self.pumps.async_task(self._async_pay(actuator, debt), f"release {debt.entity_id}")
        elif not there:
            # The moment it is back it is told.
            self._sent.pop(key, None)

    async def _async_pay(self, actuator: SwitchActuator, debt: Debt) -> None:
        try:
            if debt.run:
                await actuator.async_run("", 0.0, planned=False)
            else:
                await actuator.async_stop(None, water_change=False)
        except HomeAssistantError as err:
            _LOGGER.warning("%s does not follow yet, and is told again: %s", debt.entity_id, err)


def _code(debt: Debt) -> Code:
    return Code.COMMAND_UNCONFIRMED if debt.run else Code.STOP_NOT_SENT
