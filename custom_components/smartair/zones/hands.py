"""The hands of a zone: what the water cycle wants of its pumps, in the order that is safe."""

import asyncio
import logging
import time
from typing import Protocol

from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.ulid import ulid_now

from ..pumps.last_hand import Hand
from ..pumps.pump import Pump
from ..pumps.pumps import Pumps
from ..pumps.refusals import PumpRefusedError
from ..pysmartair.guard.model import CONFIRM_S, Stopping
from ..pysmartair.safety import Allowed, Role
from ..pysmartair.water.model import Cause, Circulate, Effect, Event, Run, RunFailed, Stop, StopCirculation
from .settings import ZoneSettings

_LOGGER = logging.getLogger(__name__)

_ENDS = {"finished": Cause.TIMEOUT, "stopped": Cause.STOPPED, "replaced": Cause.STOPPED}


def cause_of(word: str) -> Cause:
    """Return the cause that a pump's word for the end of a run, or for a refusal, stands for."""
    if word in _ENDS:
        return _ENDS[word]
    return Cause(word) if word in Cause else Cause.PUMP_OFF


class Tasks(Protocol):
    """What is needed of those who hold all zones."""

    pumps: Pumps

    async def async_written(self) -> None:
        """Return when everything is on disk."""


class Owner(Protocol):
    """What the hands need of their zone."""

    name: str
    settings: ZoneSettings
    pumps: dict[Role, Pump]

    @property
    def place(self) -> str:
        """Where it is."""

    @property
    def zones(self) -> Tasks:
        """Those who hold all zones."""

    def on(self, role: Role) -> bool | None:
        """Tell whether a pump runs."""

    def async_take(self, event: Event) -> list[asyncio.Task[None]]:
        """Handle an event of the water cycle."""


class Hands:
    """What is done about the pumps of one zone.

    `turn` counts its steps: an order of an earlier one is void. `run_id` is the run that the step began, and
    `run_before` that of the step before, whose end may be told late.
    """

    def __init__(self, zone: Owner) -> None:
        """Belong to a zone."""
        self.zone = zone
        self.turn = 0
        self.run_id: str | None = None
        self.run_before: str | None = None
        self._owed = False
        self._ask_at = 0.0

    def carry_out(self, effects: tuple[Effect, ...]) -> list[asyncio.Task[None]]:
        """Begin what is wanted of the pumps, stops at once."""
        stops = [effect for effect in effects if isinstance(effect, Stop | StopCirculation)]
        runs = [effect for effect in effects if isinstance(effect, Run | Circulate)]
        if not stops and not runs:
            return []
        if any(isinstance(effect, Run) for effect in runs):
            self.run_before, self.run_id = self.run_id, None
        work = self._async_carry_out(stops, runs, self.turn)
        return [self.zone.zones.pumps.async_task(work, f"zone {self.zone.name}")]

    def pay_circulation(self) -> None:
        """Have circulation run that is owed, as soon as its gate lets it; seen running, it is owed no more (S5)."""
        pump = self.zone.pumps.get(Role.RECIRCULATION)
        if not self._owed or pump is None or self.zone.on(Role.RECIRCULATION) is None:
            return
        if self._circulates(pump):
            self._owed = False
        elif time.monotonic() >= self._ask_at and isinstance(pump.async_verdict(), Allowed):
            self.carry_out((Circulate(),))

    def _circulates(self, pump: Pump) -> bool:
        return self.zone.on(Role.RECIRCULATION) is True and not isinstance(pump.state, Stopping)

    async def _async_carry_out(
        self, stops: list[Stop | StopCirculation], runs: list[Run | Circulate], turn: int
    ) -> None:
        """Stop at once and all together; then have written where the zone is; and only then start anything (S2).

        Circulation waits for nothing: it moves no water into the zone or out of it, and roots cannot wait (S5).
        """
        stopping = [asyncio.create_task(self._async_stop_pump(one)) for one in stops]
        beside = [asyncio.create_task(self._async_start(one, turn)) for one in runs if isinstance(one, Circulate)]
        failed = [one for one in await asyncio.gather(*stopping) if one is not None]
        if failed and turn == self.turn:
            self.zone.async_take(failed[0])
        moving = [one for one in runs if isinstance(one, Run)]
        if moving:
            await self.zone.zones.async_written()
        for one in moving:
            await self._async_start(one, turn)
        await asyncio.gather(*beside)

    async def _async_start(self, effect: Run | Circulate, turn: int) -> None:
        # What came meanwhile may have ended the step that wanted this run.
        if turn == self.turn and (failure := await self._async_run_pump(effect, turn)) is not None:
            self.zone.async_take(failure)

    async def _async_stop_pump(self, effect: Stop | StopCirculation) -> RunFailed | None:
        role = effect.role if isinstance(effect, Stop) else Role.RECIRCULATION
        pump = self.zone.pumps.get(role)
        if pump is None:
            return RunFailed(role, Cause.PUMP_MISSING) if role in self.zone.settings.pumps else None
        try:
            if isinstance(effect, Stop):
                await pump.async_stop(hand=Hand.ZONE)
            else:
                self._owed = False
                await pump.async_stop(water_change=effect.water_change, off_s=effect.off_s, hand=Hand.ZONE)
        except HomeAssistantError:
            return RunFailed(role, Cause.STOP_UNCONFIRMED)
        return None

    async def _async_run_pump(self, effect: Run | Circulate, turn: int) -> RunFailed | None:
        role = effect.role if isinstance(effect, Run) else Role.RECIRCULATION
        pump = self.zone.pumps.get(role)
        if pump is None:
            return RunFailed(role, Cause.PUMP_MISSING) if role in self.zone.settings.pumps else None
        if isinstance(effect, Circulate):
            # It is owed until it is seen, or accepted: what is not known of a pump is learned first (S9), and what
            # refuses it now may not do so in a second. A lock is told of by the pump itself.
            self._owed = not self._circulates(pump)
            unknown = self.zone.on(role) is None and not isinstance(pump.state, Stopping)
            if not self._owed or unknown or pump.lock is not None:
                return None
            self._ask_at = time.monotonic() + CONFIRM_S
        try:
            run_id = ulid_now()
            if isinstance(effect, Run):
                # Known before it begins: it may be over before anybody is told that it has begun.
                self.run_id = run_id
            seconds = effect.seconds if isinstance(effect, Run) else None
            run = await pump.async_run(seconds=seconds, run_id=run_id, hand=Hand.ZONE)
            if isinstance(effect, Circulate):
                self._owed = False
            elif turn == self.turn:
                self.run_id = run.cmd_id
        except PumpRefusedError as err:
            return RunFailed(role, cause_of(str(err.verdict.reason)))
        except HomeAssistantError as err:
            # The zone only knows that nothing runs; why, is known here alone.
            _LOGGER.warning("%s: the pump %s did not start: %s", self.zone.place, pump.place, err)
            return RunFailed(role, Cause.NO_ANSWER)
        return None
