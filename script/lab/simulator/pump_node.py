"""A pump node: a device whose channels move water, and which ends every run by itself."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.simulator.device import Answer, Device, refused

if TYPE_CHECKING:
    from lab.simulator.sensors import ReservoirSensors
    from lab.simulator.water import Pump

type Json = dict[str, Any]

LONGEST_RUN = 3600.0
"""Seconds that a single command may keep a pump in a state that is not its resting one."""
FULL = 95.0
"""Percent, at which a pump that fills stops."""


@dataclass(frozen=True, slots=True)
class Run:
    """A channel held in a state until a time."""

    command: str
    cmd_id: str
    until: float


@dataclass(slots=True, kw_only=True)
class PumpNode(Device):
    """A device with a reservoir."""

    sensors: ReservoirSensors
    _runs: dict[str, Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Add what a pump node can do, and its channels."""
        self.handlers = {
            **self.handlers,
            "run_pump": self._run,
            "stop_pump": self._stop,
            "reset_safety_lock": self._reset,
        }
        super(PumpNode, self).__post_init__()
        self.channels = tuple(pump.descriptor for pump in self.pumps.values())

    @property
    def pumps(self) -> dict[str, Pump]:
        """Return the pumps by their channel."""
        return self.sensors.reservoir.pumps

    def boot(self, now: float) -> None:
        """Start with every relay at rest: only locks are kept in flash."""
        super(PumpNode, self).boot(now)
        self._runs.clear()
        for pump in self.pumps.values():
            pump.on = pump.normally_closed and pump.lock is None

    def tick(self, now: float) -> None:
        """End what has run long enough, whether or not anybody still listens."""
        self.sensors.reservoir.advance(now)
        for channel, run in [*self._runs.items()]:
            pump = self.pumps[channel]
            full = pump.role == "fill" and pump.on and self.sensors.reservoir.level >= FULL
            if now >= run.until or full:
                self._rest(channel, now)
                reason = "overflow" if full else "max_run"
                self.respond(
                    run.command, run.cmd_id, Answer(details={"channel": channel, "ended_by": reason})
                )
        super(PumpNode, self).tick(now)

    def trip(self, channel: str, code: str, now: float, **details: object) -> None:
        """Lock a channel, as the firmware does when it sees a fault."""
        self._runs.pop(channel, None)
        pump = self.pumps[channel]
        pump.on, pump.lock = False, code
        self.happened("safety_trip", channel=channel, code=code, **details)
        self.report(now)

    def channel_states(self) -> Json:
        """Return what each pump does."""
        return {channel: self.sensors.channel(pump) for channel, pump in self.pumps.items()}

    def _rest(self, channel: str, now: float) -> None:
        """Release the relay."""
        self._runs.pop(channel, None)
        pump = self.pumps[channel]
        pump.on = pump.normally_closed and pump.lock is None
        self.report(now)

    def _run(self, params: Json, now: float) -> Answer:
        pump = self.pumps.get(str(params.get("channel")))
        if pump is None:
            return refused("unknown_channel", channel=params.get("channel"))
        if pump.lock:
            return refused("locked", channel=pump.id, lock=pump.lock)
        limit = params.get("max_run_s")
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 < limit <= LONGEST_RUN:
            return refused("bad_params", channel=pump.id)
        pump.on = True
        self._runs[pump.id] = Run("run_pump", params["cmd_id"], now + limit)
        self._due = now
        return Answer("ACCEPTED", details={"channel": pump.id, "max_run_s": limit})

    def _stop(self, params: Json, now: float) -> Answer:
        pump = self.pumps.get(str(params.get("channel")))
        if pump is None:
            return refused("unknown_channel", channel=params.get("channel"))
        pump.on = False
        self._runs.pop(pump.id, None)
        if pump.normally_closed:
            # Its relay must not be held open for ever: without circulation the plants die.
            limit = params.get("max_off_s")
            seconds = float(limit) if isinstance(limit, (int, float)) and 0 < limit <= LONGEST_RUN else 900.0
            self._runs[pump.id] = Run("stop_pump", params["cmd_id"], now + seconds)
        self._due = now
        return Answer(details={"channel": pump.id})

    def _reset(self, params: Json, now: float) -> Answer:
        pump = self.pumps.get(str(params.get("channel")))
        if pump is None:
            return refused("unknown_channel", channel=params.get("channel"))
        pump.lock = None
        pump.on = pump.normally_closed
        self._due = now
        return Answer(details={"channel": pump.id})
