"""One pump at run time: the hands of its guard, which alone decides."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
import logging
import time
from typing import Any, Protocol

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.util.ulid import ulid_now

from ..alerts.log import AlertLog
from ..connection import Connection
from ..devices.device import CommandRefusedError
from ..devices.place import place_of_device
from ..pysmartair import Alert, Code, CommandResponse, ResponseStatus, RunRecord, Telemetry
from ..pysmartair.guard.guard import refusal_of, step
from ..pysmartair.guard.model import (
    Accept,
    Alarm,
    Answer,
    Effect,
    Ended,
    Event,
    Fail,
    Guard,
    Kind,
    Leaving,
    Memory,
    NotSent,
    Refuse,
    ResetAnswered,
    ResetAsked,
    ResetRefused,
    RunAnswered,
    RunAsked,
    Running,
    Save,
    SendReset,
    SendRun,
    SendStop,
    Sense,
    Sensed,
    Starting,
    State,
    StopAnswered,
    StopAsked,
    Stopping,
    Tick,
    WasReset,
    reading_of,
)
from ..pysmartair.guard.transition import Turn, alarm_code
from ..pysmartair.protocol.fields import number
from ..pysmartair.safety import Cause, Limits, Reading, Reason, Refused, Role, Verdict
from .actuator import Actuator
from .last_hand import Hand, LastHand
from .refusals import PumpRefusedError, run_failure
from .state import is_on, running_since, shown
from .usage import UsageLog

_LOGGER = logging.getLogger(__name__)

STOP_S = 15.0
"""Seconds for which anybody waits for the answer to a stop: a device has 10 s, and its broker takes some."""
OPPOSITE = {Role.FILL: Role.DRAIN, Role.DRAIN: Role.FILL}

type RunListener = Callable[[RunRecord], None]


@dataclass(frozen=True, slots=True)
class Run:
    """A run that its device accepted."""

    cmd_id: str
    pump: Pump


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneContext:
    """What a zone means to its pumps: its name, its other pumps, what it measures for them, and its limits."""

    zone: str
    pumps: Callable[[], Iterable[Pump]]
    lends: frozenset[Sense] = frozenset()
    limits: Mapping[str, float] = field(default_factory=dict)


class Owner(Protocol):
    """What a pump needs of those who hold all pumps of its hub."""

    connection: Connection
    alerts: AlertLog
    usage: UsageLog

    @property
    def now(self) -> float:
        """Seconds of a clock that only goes forward."""

    def time_of(self, at: float) -> datetime:
        """Return the time of day of a moment of this clock."""

    def async_task[T](self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task that not even the end of the hub cancels."""

    def async_look_around(self, pump: Pump, message: Telemetry | None = None) -> None:
        """Tell the pump what the others and its device do."""

    def async_neighbours_changed(self, pump: Pump) -> None:
        """Tell the others that the pump started or stopped."""

    def async_refresh(self, pump: Pump) -> None:
        """Look again at what is measured of the pump, and what it is."""

    def async_follow(self, pump: Pump) -> None:
        """Look again at the switch that the pump is."""

    def async_wake(self, pump: Pump) -> None:
        """Have its device report every second."""

    def async_keep(self, pump: Pump, memory: Memory) -> None:
        """Store what must survive a restart."""

    def async_keep_hand(self, pump: Pump) -> None:
        """Store who last switched it."""

    def async_record(self, record: RunRecord) -> None:
        """Enter a run that is over."""

    async def async_set_limit(self, pump: Pump, name: str, value: float) -> None:
        """Set a limit that its device does not offer."""


class Pump:
    """One pump, by whatever it is switched."""

    def __init__(self, pumps: Owner, *, uid: str | None, channel: str, guard: Guard, actuator: Actuator) -> None:
        """Begin with what its guard knows."""
        self.pumps = pumps
        self.uid = uid
        self.channel = channel
        self.guard = guard
        self.actuator = actuator
        self.zone: ZoneContext | None = None
        self.own_senses: frozenset[Sense] = frozenset()
        self.last_run: RunRecord | None = None
        self.last_hand = LastHand(on=guard.earlier is not None)
        self._listeners: list[Callable[[], None]] = []
        self._run_listeners: list[RunListener] = []
        self._growth_listeners: list[Callable[[], None]] = []
        self.offered_limits: frozenset[str] = frozenset()
        self.offered = True
        self.left = False
        self.gone = False
        self._fresh: frozenset[Sense] = frozenset()
        self.device_id: str | None = None
        self.entity_id: str | None = None
        self._asked: dict[str, asyncio.Future[str]] = {}
        self._leases: dict[str, int] = {}
        self._not_sent: HomeAssistantError | None = None
        self._stopping: asyncio.Task[HomeAssistantError | None] | None = None
        # Whether a stop is owed that could not even be sent.
        self._stop_not_sent = False
        self._resetting: asyncio.Future[None] | None = None

    # --- what is known --------------------------------------------------------------------------

    @property
    def place(self) -> str:
        """Where it is, in its owner's words, for every text that people read."""
        own = None if self.uid is None else place_of_device(self.pumps.connection.hass, self.device_id)
        return own or self.actuator.place

    @property
    def disabled(self) -> bool:
        """Whether its owner has disabled it, or the device that it is a part of, in Home Assistant."""
        registered = self.registered
        return registered is not None and registered.disabled

    @property
    def role(self) -> Role:
        """What it is for."""
        return self.guard.limits.role

    @property
    def limits(self) -> Limits:
        """Its limits, as they are in force."""
        return self.guard.limits

    @property
    def state(self) -> State:
        """What it does, as far as it is known."""
        return self.guard.state

    @property
    def lock(self) -> Refused | None:
        """Its safety lock."""
        return self.guard.lock

    @property
    def stuck(self) -> bool:
        """Whether it could not be switched off."""
        return self.guard.stuck

    @property
    def runs_although_off(self) -> bool:
        """Whether the pump was told to be off, and was seen to run on: its relay may be welded."""
        return self.stuck and not isinstance(self.state, (Starting, Running))

    @property
    def is_on(self) -> bool | None:
        """Whether it runs as its device reports it, None when nobody knows."""
        return is_on(self.guard.state)

    @property
    def running_since(self) -> float | None:
        """Since when it runs without a break, by the clock of the pumps; None while it does not."""
        return running_since(self.guard.state)

    @property
    def starting(self) -> bool:
        """Whether it has been asked to run and has not answered yet."""
        return isinstance(self.guard.state, Starting)

    @property
    def protected(self) -> bool:
        """Whether its firmware keeps the safety rules as well."""
        return self.guard.protected

    @property
    def unanswered(self) -> bool:
        """Whether its last stop was not answered, or did not work."""
        stopping = self._stopping
        return stopping is not None and (not stopping.done() or stopping.result() is not None)

    def reading(self, sense: Sense) -> Reading | None:
        """Return the last value of a sense, None where nothing measures it."""
        return reading_of(self.guard.readings, sense)

    @callback
    def async_verdict(self) -> Verdict:
        """Answer whether it may run now, by the gate that an order has to pass."""
        self.pumps.async_look_around(self)
        return Turn(self.guard, self.pumps.now).gate(self.guard.limits.max_run_s)

    # --- orders ---------------------------------------------------------------------------------

    async def async_run(
        self,
        *,
        seconds: float | None = None,
        litres: float | None = None,
        run_id: str | None = None,
        hand: Hand = Hand.AUTOMATION,
    ) -> Run:
        """Run for seconds, until litres have flowed, or as long as the pump may.

        Return once the device accepted; a run that begins has `run_id`, where one is given. Raise PumpRefusedError
        if the pump must not run, and HomeAssistantError if the device does not do it.
        """
        if self.gone or (self.left and not self.limits.circulates):
            # Nobody would end it (S4).
            raise self._failure("stopped")
        run_id = run_id or ulid_now()
        asked = self._asked[run_id] = self.pumps.connection.hass.loop.create_future()
        self.pumps.async_look_around(self)
        self.last_hand.ordered(hand, on=True, run_id=run_id)
        try:
            self.async_take(RunAsked(run_id=run_id, seconds=seconds, litres=litres))
            return Run(await asked, self)
        except asyncio.CancelledError:
            # Who no longer waits for the start cannot see to the end.
            if not self.limits.circulates:
                self.last_hand.ordered(hand, on=False)
                self.async_take(StopAsked())
            raise
        finally:
            self._asked.pop(run_id, None)

    async def async_run_to_end(
        self, *, seconds: float | None = None, litres: float | None = None, hand: Hand = Hand.AUTOMATION
    ) -> RunRecord:
        """Run as async_run does, wait for the end and return what happened; a caller that is cancelled stops it."""
        ended: list[RunRecord] = []
        wake = asyncio.Event()

        def remember(record: RunRecord) -> None:
            ended.append(record)
            wake.set()

        unlisten = self.async_listen_runs(remember)
        try:
            run = await self.async_run(seconds=seconds, litres=litres, hand=hand)
            try:
                while not (mine := [record for record in ended if record.cmd_id == run.cmd_id]):
                    wake.clear()
                    await wake.wait()
            except asyncio.CancelledError:
                self.last_hand.ordered(hand, on=False)
                self.async_take(StopAsked())
                raise
            return mine[0]
        finally:
            unlisten()

    async def async_stop(
        self, *, water_change: bool = False, off_s: float | None = None, hand: Hand = Hand.AUTOMATION
    ) -> None:
        """Stop, whatever is the case (S1); raise HomeAssistantError when the device does not confirm it.

        Circulation runs again after `off_s` seconds, and after its longest pause at the latest (S5).
        """
        self.last_hand.ordered(hand, on=False)
        self.async_take(StopAsked(off_s=off_s, water_change=water_change))
        if (stopping := self._stopping) is None:
            return
        if not stopping.done():
            # Whoever waits has more to do, and whatever switches the pump may never say a word.
            await asyncio.wait({stopping}, timeout=STOP_S)
        error = stopping.result() if stopping.done() else run_failure("stop_no_answer", self.place)
        if error is not None:
            raise error

    @property
    def locked(self) -> bool:
        """Whether it is locked, by Home Assistant or by its device, or could not be switched off."""
        return self.guard.lock is not None or self.guard.device_lock is not None or self.stuck

    @property
    def resettable(self) -> bool:
        """Whether there is anything that a reset may take away; of a leak of its device, too."""
        leaks = self.uid is not None and any(one.code is Code.LEAK for one in self.pumps.alerts.active(uid=self.uid))
        return self.locked or leaks

    async def async_reset(self) -> None:
        """Reset the lock; raise PumpRefusedError with the cause while that is still there."""
        if self._resetting is None:
            self._resetting = self.pumps.connection.hass.loop.create_future()
            # Whoever asks may be gone when the answer comes.
            self._resetting.add_done_callback(_retrieve)
            waiting = self._resetting
            self.async_take(ResetAsked())
        else:
            waiting = self._resetting
        await asyncio.shield(waiting)

    # --- who listens ----------------------------------------------------------------------------

    @callback
    def async_listen(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Call the listener when state, lock, limits or readings have changed; return how to end that."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    @callback
    def async_listen_runs(self, listener: RunListener) -> CALLBACK_TYPE:
        """Call the listener with each run that ended; return how to end that."""
        self._run_listeners.append(listener)
        return partial(self._run_listeners.remove, listener)

    @callback
    def async_listen_growth(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Call the listener when more is measured of the pump, or offered for it; return how to end that."""
        self._growth_listeners.append(listener)
        return partial(self._growth_listeners.remove, listener)

    @callback
    def async_grown(self) -> None:
        """Tell that more is measured of the pump, or offered for it."""
        for listener in tuple(self._growth_listeners):
            listener()

    @property
    def registered(self) -> dr.DeviceEntry | dr.ChildDeviceEntry | None:
        """The child device of its channel, as it stands in the device registry."""
        return dr.async_get(self.pumps.connection.hass).async_get(self.device_id) if self.device_id else None

    @callback
    def bind(self, zone: ZoneContext | None) -> None:
        """Belong to a zone, which lends its readings, its interlocks and its care, or to none."""
        self.zone = zone
        self.pumps.async_refresh(self)

    @callback
    def async_sense(
        self, sense: Sense, value: float | None, *, again: bool = False, pace: float | None = None
    ) -> None:
        """Take in a value that the pump's zone measured, or measured before and still takes for true."""
        self.async_take(Sensed(sense, value, again, alive=True, pace=pace))

    # --- the guard and its effects --------------------------------------------------------------

    @callback
    def async_take(self, *events: Event) -> None:
        """Tell the guard, and do what it wants."""
        before, last_run = self.guard, self.last_run
        now = self.pumps.now
        for event in events:
            self.guard, effects = step(self.guard, event, now)
            for effect in effects:
                # A stop comes after its alarm, and whatever goes wrong with that, it goes out.
                self.pumps.connection.isolation.call(f"The pump {self.channel}", self._do, effect)
        if self.last_hand.seen(self.is_on):
            self.pumps.async_keep_hand(self)
        if shown(before) != shown(self.guard) or self.last_run is not last_run:
            if is_on(before.state) != self.is_on:
                if is_on(before.state) is None and not self.guard.unconfirmed:
                    # What was asked for before a restart is asked for no more, and nobody else would take it back.
                    self._alarm(Alarm(Kind.RESOLVE, Code.COMMAND_UNCONFIRMED))
                self.pumps.async_neighbours_changed(self)
            self._call()
        self._look_for_owed_stop()

    def _call(self) -> None:
        if self.pumps.connection.together.puts_off(self._call, self.channel):
            return
        for listener in tuple(self._listeners):
            self.pumps.connection.isolation.call(f"A listener of {self.channel}", listener)

    @callback
    def async_tick(self) -> None:
        """Let time pass."""
        state = self.guard.state
        if isinstance(state, Running) and (state.renew_at is not None or state.order is None):
            # A renewal passes the gate as a start does, and a run that was found goes on by how things are now (S2).
            self.pumps.async_look_around(self)
        self.async_take(Tick())
        now, term = self.pumps.now, self.guard.limits.stale_after_s
        readings = {sense: self.reading(sense) for sense in Sense}
        fresh = frozenset(sense for sense, one in readings.items() if one is not None and now - one.at <= term)
        if fresh != self._fresh:
            self._fresh = fresh
            self._call()

    def _do(self, effect: Effect) -> None:  # noqa: C901 - one for each kind of effect
        match effect:
            case SendStop():
                self._stopping = self.pumps.async_task(self._async_send_stop(effect), f"stop {self.channel}")
            case SendRun():
                self.pumps.async_task(self._async_send_run(effect), f"run {self.channel}")
            case SendReset():
                self.pumps.async_task(self._async_send_reset(), f"reset {self.channel}")
            case Accept(asked_id, run_id):
                self._answer(asked_id, run_id)
            case Refuse(run_id, verdict):
                self.last_hand.failed(run_id)
                if verdict.cause in {Cause.UNKNOWN, Cause.SLOW}:
                    # Whoever tries again finds a device that reports each second, where it can.
                    self.pumps.async_wake(self)
                self._answer(run_id, PumpRefusedError(verdict, self.place))
            case Fail(run_id, why):
                self.last_hand.failed(run_id)
                self._answer(run_id, self._failure(why))
            case WasReset():
                self.pumps.alerts.async_resolve(Code.LEAK, uid=self.uid)
                self._reset_over(None)
            case ResetRefused(verdict):
                self._reset_over(PumpRefusedError(verdict, self.place))
            case Alarm():
                self._alarm(effect)
            case Ended():
                self._ended(effect)
            case Save(memory):  # pragma: no branch - the union is closed
                self.pumps.async_keep(self, memory)

    def _owe_stop(self, why: str | None) -> None:
        """Tell that a stop could not be sent, which the guard sends when its pump can be reached again (S10)."""
        self._stop_not_sent = True
        self._alarm(Alarm(Kind.RAISE, Code.STOP_NOT_SENT, cause=why))

    def _stop_went_out(self) -> None:
        self._stop_not_sent = False
        self._alarm(Alarm(Kind.RESOLVE, Code.STOP_NOT_SENT))

    def _look_for_owed_stop(self) -> None:
        """Send a stop that is owed once its pump is heard again; one that is seen as it should be is owed none."""
        guard = self.guard
        if not self._stop_not_sent or not guard.contact or guard.heard_at < guard.contact_at or self.is_on is None:
            return
        if self.is_on is self.limits.circulates and not isinstance(guard.state, Stopping):
            self._stop_went_out()
        elif isinstance(guard.state, Running) and not self.left:
            self.async_take(StopAsked())

    @callback
    def async_restore_alert(self) -> None:
        """Say again that the pump is locked, where that is said no more: after a restart, or under a new name."""
        self._stop_not_sent |= bool(self._raised(Code.STOP_NOT_SENT))
        if self.guard.lock is not None:
            code = alarm_code(self.guard.lock.reason)
            if not self._raised(Code(code)):
                self._alarm(Alarm(Kind.RAISE, code, self.guard.lock))

    def _raised(self, code: Code) -> list[Alert]:
        """Return its active alerts of a code, which stay where they were raised, whatever zone it is in by now."""
        return [
            alert
            for alert in self.pumps.alerts.active(self.uid)
            if (alert.code, alert.uid, alert.channel) == (code, self.uid, self.channel)
        ]

    def _answer(self, run_id: str, answer: str | HomeAssistantError) -> None:
        asked = self._asked.pop(run_id, None)
        if asked is None or asked.done():
            return
        if isinstance(answer, str):
            asked.set_result(answer)
        else:
            asked.set_exception(answer)

    def _failure(self, why: str) -> HomeAssistantError:
        if why == "not_sent" and self._not_sent is not None:
            return self._not_sent
        return run_failure(why, self.place)

    def _reset_over(self, error: HomeAssistantError | None) -> None:
        waiting, self._resetting = self._resetting, None
        if waiting is None or waiting.done():
            return
        if error is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(error)

    async def _async_send_run(self, effect: SendRun) -> None:
        cmd_id = ulid_now()
        self._leases = {**dict(list(self._leases.items())[-_LEASES:]), cmd_id: effect.lease}
        self.pumps.async_wake(self)
        try:
            await self.actuator.async_run(
                cmd_id, effect.seconds, planned=effect.planned, lasting=self.limits.circulates
            )
        except CommandRefusedError:
            pass  # The guard has been told with the answer itself.
        except HomeAssistantError as err:
            if err.translation_key in {"no_answer", "switch_no_answer"}:
                return  # The guard counts these seconds too, and sends the stop.
            self._not_sent = err
            self.async_take(NotSent(effect.lease))
        else:
            if not self.actuator.ends_itself:
                self.async_take(RunAnswered(lease=effect.lease, answer=Answer.ACCEPTED))

    async def _async_send_stop(self, effect: SendStop) -> HomeAssistantError | None:
        """Send a stop, and return what went wrong: most stops have nobody to raise it to."""
        limit = self.limits.drain_off_s if effect.water_change else self.limits.max_off_s
        asked = effect.off_s if effect.off_s is not None and effect.off_s > 0 else limit
        off_s = min(asked, limit) if self.limits.circulates else None
        try:
            await self.actuator.async_stop(off_s, water_change=effect.water_change)
        except HomeAssistantError as err:
            _LOGGER.warning("The stop of %s is not confirmed: %s", self.place, err)
            if not isinstance(err, CommandRefusedError) and err.translation_key not in _UNANSWERED:
                self._owe_stop(err.translation_key)
            return err
        self._stop_went_out()
        self.async_take(StopAnswered())
        self.pumps.async_follow(self)
        return None

    async def _async_send_reset(self) -> None:
        try:
            await self.actuator.async_reset()
        except CommandRefusedError as err:
            refused = refusal_of(err.response.error_code, err.response.details)
            self.async_take(ResetAnswered(done=False, refused=refused))
            self._reset_over(err)
        except HomeAssistantError as err:
            self.async_take(ResetAnswered(done=False))
            self._reset_over(err)
        else:
            self.async_take(ResetAnswered(done=True))

    def sent(self, cmd_id: str) -> bool:
        """Whether a run command of this id came from here, which its answer ends."""
        return cmd_id in self._leases

    @callback
    def async_response(self, response: CommandResponse) -> None:
        """Take in an answer of the device, if it is to a run command of this pump."""
        lease = self._leases.get(response.cmd_id)
        if lease is None:
            return
        details = response.details
        self.async_take(
            RunAnswered(
                lease=lease,
                answer=_ANSWERS[response.status],
                code=response.error_code or ("expired" if response.status is ResponseStatus.EXPIRED else None),
                trip=refusal_of(response.error_code, details),
                seconds=number(details.get("seconds"), 0, _LONGEST_RUN_S),
                litres=number(details.get("litres"), 0, _LARGEST_RUN_L),
                ended_by=ended if isinstance(ended := details.get("ended_by"), str) else None,
            )
        )

    def _alarm(self, alarm: Alarm) -> None:
        alerts, code = self.pumps.alerts, Code(alarm.code)
        place: dict[str, Any] = {
            "uid": self.uid,
            "zone": self.zone.zone if self.zone else None,
            "channel": self.channel,
        }
        verdict = alarm.verdict
        values: dict[str, Any] = {}
        cause = alarm.cause
        if verdict is not None:
            cause = cause or str(verdict.cause)
            values = {"reason": str(verdict.reason), "value": verdict.value, "limit": verdict.limit}
        match alarm.kind:
            case Kind.RAISE:
                place |= {"zone": raised[0].zone} if (raised := self._raised(code)) else {}
                alerts.async_raise(code, **place, cause=cause, values=values)
            case Kind.RESOLVE:
                for alert in self._raised(code):
                    alerts.async_resolve(code, **(place | {"zone": alert.zone}))
            case Kind.NOTE:
                alerts.async_note(code, **place, cause=cause, values=values)
                if code is Code.LOCK_RESET and verdict is not None and verdict.reason is Reason.OVERFLOW:
                    alerts.async_resolve(Code.LEAK, uid=self.uid)

    def _ended(self, ended: Ended) -> None:
        seconds, litres = ended.seconds, ended.litres
        flowed = litres is not None and seconds is not None and seconds > 0
        # The guard's clock goes evenly; a record tells the time of day, and the clock may have been set since.
        started = ended.since + time.time() - self.pumps.now
        record = self.last_run = RunRecord(
            cmd_id=ended.run_id,
            uid=self.uid,
            channel=self.channel,
            zone=self.zone.zone if self.zone else None,
            role=self.role,
            litres=litres,
            seconds=seconds,
            mean_flow=litres / seconds * 60 if flowed and litres is not None and seconds else None,
            started=started,
            ended=started + (seconds or 0.0),
            ended_by=ended.by,
        )
        self.pumps.async_record(record)
        for listener in tuple(self._run_listeners):
            self.pumps.connection.isolation.call(f"A listener of {self.channel}", listener, record)

    # --- beginning and end ----------------------------------------------------------------------

    @callback
    def async_leave(self, *, for_good: bool = False) -> None:
        """Let go of the pump, having stopped what nobody would end (S4); `for_good` where it is ours no more."""
        self.left = True
        self.async_take(Leaving())
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(self._failure("stopped"))
        self.gone = for_good


def _retrieve(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()


_ANSWERS = {
    ResponseStatus.ACCEPTED: Answer.ACCEPTED,
    ResponseStatus.DUPLICATE: Answer.ACCEPTED,
    ResponseStatus.DONE: Answer.DONE,
    ResponseStatus.ERROR: Answer.ERROR,
    ResponseStatus.EXPIRED: Answer.ERROR,
}
_LEASES = 50
# What went out and was not answered; whatever else goes wrong with a stop, it has not reached its pump.
_UNANSWERED = frozenset({"no_answer", "switch_no_answer"})
# What a device's account of a run can be at most; a lifetime counter must not believe just anything.
_LONGEST_RUN_S = 86_400.0
_LARGEST_RUN_L = 100_000.0
