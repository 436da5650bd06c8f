"""A pump node: a device whose channels move water, under the rules of its firmware."""

from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any

from lab.simulator.device import Answer, Device, Handler, refused
from lab.simulator.protections import Channel, Happened
from lab.simulator.rules import safety

if TYPE_CHECKING:
    from collections.abc import Iterator

    from custom_components.smartair.pysmartair.safety import Limits, Reading, Refused, Situation
    from lab.simulator.rack_sensors import RackSensors
    from lab.simulator.settings import Settings
    from lab.simulator.water import Pump

type Json = dict[str, Any]

RUN_INTERVAL = 1.0
"""Seconds between two reports while water is moved on order."""
_LOOK = 0.25
"""Seconds between two looks of the rules; the firmware takes fifty milliseconds."""
_LONG_LOOK = 1.0
"""The same in a stretch that is caught up with at once."""
_LONGEST_ORDER = 86400.0

_FIRMWARE: Json = {"progress_s": inf, "frozen_s": inf}
"""Home Assistant alone doubts a level that does not move; the channel has the firmware's own way of it."""

COMPILED: dict[str, Limits] = {
    "pump_recirc": safety.Limits(role=safety.Role.RECIRCULATION, **_FIRMWARE),
    # The drain step of a water change goes lower than circulation may.
    "pump_drain": safety.Limits(role=safety.Role.DRAIN, min_level=3.0, **_FIRMWARE),
    "pump_fill": safety.Limits(role=safety.Role.FILL, **_FIRMWARE),
}
"""The limits as the firmware of the zone node compiles them in (esphome/packages/logic/zone.yaml)."""

# What Home Assistant may tighten: by name, the tightest value that makes sense, and for which roles.
_ALL = frozenset(safety.Role)
_TIGHTEST: dict[str, tuple[float, frozenset[safety.Role]]] = {
    "max_current_ma": (10.0, _ALL),
    "min_flow": (100.0, _ALL),
    "min_level": (100.0, frozenset({safety.Role.RECIRCULATION, safety.Role.DRAIN})),
    "max_level": (1.0, frozenset({safety.Role.FILL})),
    "max_off_s": (1.0, frozenset({safety.Role.RECIRCULATION})),
    "max_run_s": (1.0, frozenset({safety.Role.FILL, safety.Role.DRAIN})),
}
_OPPOSITE = {"fill": "drain", "drain": "fill"}
_BAR_THE_ZONE = frozenset({safety.Reason.OVERCURRENT, safety.Reason.NO_FLOW, safety.Reason.DRY_RUN})
"""Locks of one pump that also speak against filling and draining in its zone."""
_VALUE_KEYS = {
    safety.Reason.OVERCURRENT: "current_ma",
    safety.Reason.NO_FLOW: "flow_l_min",
    safety.Reason.DRY_RUN: "level",
    safety.Reason.OVERFLOW: "level",
}


@dataclass(slots=True, kw_only=True)
class Run:
    """An order that a channel carries out."""

    cmd_id: str
    litres: float = 0.0


@dataclass(slots=True, kw_only=True)
class PumpNode(Device):
    """A device with a rack."""

    sensors: RackSensors
    protections: bool = True
    """Whether its firmware knows the safety contract; a plain one only ends each run in time."""
    reports_runs: bool = False
    """Whether it reports at once and fast while water moves on order; the firmware does so only when told `live`."""

    rules: dict[str, Channel] = field(default_factory=dict)
    _runs: dict[str, Run] = field(default_factory=dict)
    _looked: float | None = None
    _lost_at: float | None = None
    _reported: float = 0.0
    _said_frozen: bool = False
    _said_leak: bool = False

    def __post_init__(self) -> None:
        """Add what a pump node can do, its channels, and the limits that may be tightened."""
        own: dict[str, Handler] = {"run_pump": self._run, "stop_pump": self._stop}
        if self.protections:
            own["reset_safety_lock"] = self._reset
            offer_limits(self.settings, self.pumps)
        self.handlers = {**self.handlers, **own}
        super(PumpNode, self).__post_init__()
        self.channels = tuple(pump.descriptor for pump in self.pumps.values())
        self.rules = {channel: Channel(COMPILED[channel], self.protections) for channel in self.pumps}

    @property
    def pumps(self) -> dict[str, Pump]:
        """Return the pumps by their channel."""
        return self.sensors.rack.pumps

    @property
    def busy(self) -> bool:
        """Return whether an update would have to wait: a pump runs on order, or circulation is held off."""
        return any(rule.held_off if rule.limits.circulates else rule.running for rule in self.rules.values())

    def hold(self, *, held: bool) -> None:
        """Keep every channel in its fail-safe state during an update."""
        for rule in self.rules.values():
            rule.updating = held
            if held and self._looked is not None:
                rule.to_fail_safe(self._looked)
        self._drive()

    # The life of a device

    def boot(self, now: float) -> None:
        """Start with every relay at rest: only locks and limits are kept in flash."""
        super(PumpNode, self).boot(now)
        self._runs.clear()
        self._lost_at = self._looked = now
        self._limit()
        for rule in self.rules.values():
            rule.begin(now)
        self._drive()
        self.sensors.sample(now)

    def connected(self, now: float) -> None:
        """Find somebody who listens."""
        super(PumpNode, self).connected(now)
        self._lost_at = None

    def disconnected(self) -> None:
        """Remember since when nobody listens."""
        super(PumpNode, self).disconnected()
        self._lost_at = self._lost_at if self._lost_at is not None else self._looked

    def leave(self) -> None:
        """Let go of every relay before the end."""
        if self._looked is not None:
            for rule in self.rules.values():
                rule.to_fail_safe(self._looked)
            self._drive()
        super(PumpNode, self).leave()

    def tick(self, now: float) -> None:
        """Look at water and pumps up to now, then report when it is time."""
        if self._booted_at is None:
            self.boot(now)
        self._catch_up(now)
        if self.reports_runs and self.busy:
            self._due = min(self._due, self._reported + RUN_INTERVAL)
        super(PumpNode, self).tick(now)

    def report(self, now: float) -> None:
        """Remember when it was."""
        self._reported = now
        super(PumpNode, self).report(now)

    def channel_states(self) -> Json:
        """Return what each channel does and measures."""
        return {channel: self._state(channel) for channel in self.rules}

    def _state(self, channel: str) -> Json:
        rule, readings = self.rules[channel], self.sensors.readings(channel)
        # What really flows, where that can be measured: a welded relay is not off because it was told so.
        flows = rule.stuck and safety.stuck(rule.limits, readings, self._looked or 0.0) != safety.ALLOWED
        state: Json = {"on": rule.running or flows}
        if (current := _known(readings.current_ma)) is not None:
            state["current_ma"] = round(current)
        if (flow := _known(readings.flow)) is not None:
            state["flow_l_min"] = round(flow, 2)
        return {**state, "lock": rule.lock and rule.lock.reason} if self.protections else state

    def _configure(self, desired: Json, now: float) -> None:
        super(PumpNode, self)._configure(desired, now)
        self._limit()

    def _limit(self) -> None:
        """Take over the limits that were tightened."""
        for channel, rule in self.rules.items():
            own: Json = {
                name: float(self.settings.values[key])
                for name in _TIGHTEST
                if (key := f"{channel}_{name}") in self.settings.values
            }
            rule.limits = replace(COMPILED[channel], **own)

    # What happens by itself

    def _catch_up(self, now: float) -> None:
        for moment in self._moments(now):
            seconds, self._looked = moment - (self._looked or moment), moment
            self.sensors.sample(moment)
            for channel in self.rules:
                self._look(channel, moment, seconds)
            self._watch_sensors()

    def _moments(self, now: float) -> Iterator[float]:
        """Yield the moments between the last look and now at which the rules look."""
        moment = self._looked if self._looked is not None else now
        step = _LOOK if now - moment <= 60 * _LOOK else _LONG_LOOK
        while now - moment > 1.5 * step:
            moment += step
            yield moment
        if now > moment:
            yield now

    def _look(self, channel: str, now: float, seconds: float) -> None:
        rule = self.rules[channel]
        if rule.running and channel in self._runs:
            self._runs[channel].litres += self.sensors.flow(channel) * seconds / 60.0
        happened = rule.tick(now, self.sensors.readings(channel), self._lost_at)
        if happened is Happened.NOTHING:
            return
        # The relay first: telling people about it can wait.
        self._drive()
        self._tell(channel, happened)
        self._hurry(now)

    def _tell(self, channel: str, happened: Happened) -> None:
        rule = self.rules[channel]
        match happened:
            case Happened.FINISHED:
                self._end(channel, "finished")
            case Happened.CONTACT_LOST:
                if (run := self._runs.get(channel)) is not None:
                    self.happened("contact_lost", cmd_id=run.cmd_id, **self._record(channel, run))
                self._end(channel, "contact_lost")
            case Happened.TRIPPED if rule.trip is not None:
                trip = rule.trip
                values = {"value": trip.value, "limit": trip.limit}
                known = {key: round(value, 2) for key, value in values.items() if value is not None}
                ran = {"cmd_id": run.cmd_id} if (run := self._runs.get(channel)) is not None else {}
                told = {"code": trip.reason, "cause": trip.cause, **known, "locked": rule.lock is not None, **ran}
                self.happened("safety_trip", channel=channel, **told)
                self._end(channel, "tripped", trip)
            case Happened.RUNS_OVER if (trouble := rule.trouble) is not None:
                values = {"value": trouble.value, "limit": trouble.limit}
                self.happened("overflow_at_rest", channel=channel, cause=trouble.cause, **values)
            case Happened.RELEASED_MAX_OFF:
                self.happened("circulation_released", channel=channel, cause="max_off")
            case Happened.RELEASED_CONTACT:
                self.happened("circulation_released", channel=channel, cause="contact_lost")
            case _:
                pass

    def _end(self, channel: str, how: str, trip: Refused | None = None) -> None:
        """Give the later answer to the order that began a run: what it moved, or what was wrong."""
        if self.rules[channel].running or (run := self._runs.pop(channel, None)) is None:
            return
        if trip is not None:
            self.respond("run_pump", run.cmd_id, Answer("ERROR", trip.reason, self._details(channel, trip)))
            return
        self.respond("run_pump", run.cmd_id, Answer(details={**self._record(channel, run), "ended_by": how}))

    def _record(self, channel: str, run: Run) -> Json:
        """Return what a run was, for whoever books it."""
        rule = self.rules[channel]
        details: Json = {"channel": channel, "seconds": round(rule.stopped - rule.started, 2)}
        if channel not in self.sensors.unmetered:
            details["litres"] = round(run.litres, 3)
        return details

    def _watch_sensors(self) -> None:
        """Tell what the sensors themselves show, once each time it begins."""
        if self.sensors.frozen != self._said_frozen:
            self._said_frozen = self.sensors.frozen
            if self._said_frozen:
                level = self.sensors.readings("pump_recirc").level
                self.happened("sensor_frozen", metric="water_level", value=level and level.value)
        if self.sensors.rack.wet_floor != self._said_leak:
            self._said_leak = self.sensors.rack.wet_floor
            self.happened("leak", **({} if self._said_leak else {"active": False}))

    def _drive(self) -> None:
        """Let the relays be what the rules say."""
        for channel, rule in self.rules.items():
            if self.pumps[channel].on != rule.running and self._looked is not None:
                for other in self.rules.values():
                    other.stirred(self._looked)
            self.pumps[channel].on = rule.running

    def _hurry(self, now: float) -> None:
        if self.reports_runs:
            self._due = now

    # Orders

    def _situation(self, channel: str) -> Situation:
        opposite = _OPPOSITE.get(self.pumps[channel].role)
        others = [rule for name, rule in self.rules.items() if name != channel]
        return safety.Situation(
            interlocked=any(rule.running and rule.limits.role == opposite for rule in others),
            zone_stuck=any(rule.stuck for rule in others),
            zone_locked=any(rule.lock is not None and rule.lock.reason in _BAR_THE_ZONE for rule in others),
        )

    def _run(self, params: Json, now: float) -> Answer:
        channel = params.get("channel")
        if channel not in self.rules:
            return refused("unknown_channel")
        self._catch_up(now)
        try:
            bound, duration = _seconds(params, "max_run_s"), _seconds(params, "duration_s")
        except ValueError:
            return refused("bad_params", channel=channel)
        rule = self.rules[channel]
        readings, around = self.sensors.readings(channel), self._situation(channel)
        ran = rule.running
        verdict = rule.start(now, readings, around, bound=bound, duration=duration)
        if isinstance(verdict, safety.Refused):
            cmd_id = params["cmd_id"]
            self.happened("run_refused", channel=channel, code=verdict.reason, cause=verdict.cause, cmd_id=cmd_id)
            return Answer("ERROR", verdict.reason, self._details(channel, verdict))
        before = self._runs.pop(channel, None)
        if before is not None and ran:
            self.respond("run_pump", before.cmd_id, Answer(details={"channel": channel}))
        self._drive()
        self._hurry(now)
        if rule.limits.circulates:
            return Answer(details={"channel": channel})
        self._runs[channel] = Run(cmd_id=params["cmd_id"], litres=before.litres if before and ran else 0.0)
        return Answer("ACCEPTED", details={"channel": channel})

    def _stop(self, params: Json, now: float) -> Answer:
        channel = params.get("channel")
        if channel is None:
            # A stop that names no channel means all of them.
            for each in self.rules:
                self._stop({**params, "channel": each}, now)
            return Answer()
        if not isinstance(channel, str) or channel not in self.rules:
            return refused("unknown_channel")
        self._catch_up(now)
        try:
            off = _seconds(params, "max_off_s")
        except ValueError:
            # A nonsensical pause is no reason to let the pump run: the longest one that is allowed holds then.
            off = None
        self.rules[channel].stop(now, off, water_change=params.get("purpose") == "water_change")
        self._end(channel, "stopped")
        self._drive()
        self._hurry(now)
        return Answer(details={"channel": channel})

    def _reset(self, params: Json, now: float) -> Answer:
        channel = params.get("channel")
        if channel not in self.rules:
            return refused("unknown_channel")
        self._catch_up(now)
        rule = self.rules[channel]
        before = rule.lock
        verdict = rule.reset(now, self.sensors.readings(channel))
        if isinstance(verdict, safety.Refused):
            return Answer("ERROR", verdict.reason, self._details(channel, verdict))
        if before is not None:
            self.happened("safety_reset", channel=channel, code=before.reason)
        self._drive()
        self._hurry(now)
        return Answer(details={"channel": channel})

    @staticmethod
    def _details(channel: str, verdict: Refused) -> Json:
        details: Json = {"channel": channel, "cause": verdict.cause}
        if verdict.value is not None:
            details[_VALUE_KEYS.get(verdict.reason, "value")] = round(verdict.value, 2)
        if verdict.limit is not None:
            key = "threshold_ma" if verdict.reason is safety.Reason.OVERCURRENT else "threshold"
            details[key] = verdict.limit
        return details


def offer_limits(settings: Settings, pumps: dict[str, Pump]) -> None:
    """Offer the limits of each channel, only ever to be tightened; what was tightened stays."""
    for channel in pumps:
        limits = COMPILED[channel]
        for name, (tightest, roles) in _TIGHTEST.items():
            if limits.role not in roles:
                continue
            loosest = float(getattr(limits, name))
            key = f"{channel}_{name}"
            whole = name.endswith("_s")
            offer = {"min": min(loosest, tightest), "max": max(loosest, tightest), "step": 1.0 if whole else 0.1}
            settings.offer[key] = offer
            settings.values.setdefault(key, loosest)


def _known(reading: Reading | None) -> float | None:
    return None if reading is None or not reading.count else reading.value


def _seconds(params: Json, key: str) -> float | None:
    """Return a parameter in seconds, or raise where it makes no sense."""
    value = params.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _LONGEST_ORDER:
        raise ValueError(key)
    return float(value)
