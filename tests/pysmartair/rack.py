"""A rack with one tank and three pumps, and whatever can go wrong with them, around the rules of the water cycle."""

from dataclasses import dataclass, field, replace
import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "custom_components.smartair.pysmartair"
NOW = 1_790_000_000.0
DAY = 86400.0
MORNING = 6 * 3600.0
"""The local time of day at which every test begins."""
FLOW = 1.0
"""Percent of the tank that drain and fill move in a second."""
STALE_S = 15.0


@dataclass(frozen=True)
class Engine:
    """The rules under test, which a mutant brings along as modules of its own."""

    water: Any
    model: Any
    record: Any
    schedule: Any
    solution: Any

    @classmethod
    def of(cls, package: str) -> Engine:
        names = ("water.cycle", "water.model", "water.memory", "water.schedule", "water.solution")
        return cls(*(importlib.import_module(f"{package}.{name}") for name in names))


def source(module: str) -> str:
    package: ModuleType = importlib.import_module(PACKAGE)
    return (Path(str(package.__file__)).parent / f"{module.replace('.', '/')}.py").read_text()


@dataclass
class Pump:
    on: bool = False
    until: float = 0.0
    litres: float = 0.0
    off_since: float | None = None


@dataclass
class Rack:
    """One zone: its water as it is, its sensors as they say, its memory as it is stored."""

    engine: Engine
    rules: Any = None
    level: float = 80.0
    ec: float | None = 1.8
    elapsed: float = 5000.0
    offset: float = 0.0
    faults: set[str] = field(default_factory=set)
    happened: list[Any] = field(default_factory=list)
    denied: list[Any] = field(default_factory=list)
    done: list[Any] = field(default_factory=list)
    hindrances: tuple[Any, ...] = ()
    count: int = 0
    heard_at: float = 0.0
    heard: float = 80.0

    def __post_init__(self) -> None:
        model, schedule = self.engine.model, self.engine.schedule
        self.rules = self.rules or model.Rules(
            tank_l=100.0,
            windows=(schedule.Window(0, 23 * 60 + 59, 0.5),),
            plan=schedule.Plan(interval_days=7, max_age_days=14, ec_drift_percent=30),
        )
        self.drain, self.fill, self.circulation = Pump(), Pump(), Pump(on=True)
        self.memory = model.Memory()
        self.stored = self._written()
        self.send(model.Begin())

    # --- time and telling -----------------------------------------------------------------------

    @property
    def now(self) -> Any:
        at = NOW + self.elapsed + self.offset
        return self.engine.schedule.Moment(at, self.elapsed, (MORNING + self.elapsed + self.offset) % DAY)

    @property
    def state(self) -> Any:
        return self.memory.state

    @property
    def kind(self) -> str:
        return type(self.state).__name__

    @property
    def told(self) -> list[str]:
        return [str(one.what) for one in self.happened]

    def _written(self) -> str:
        return json.dumps(self.engine.record.unparse_memory(self.memory))

    def sight(self) -> Any:
        away = "away" in self.faults
        fresh = self.elapsed - self.heard_at <= STALE_S
        return self.engine.model.Sight(
            level=self.heard if fresh else None,
            level_count=self.count,
            ph=6.0,
            ec=self.ec,
            temperature=21.0,
            recirculating=None if away else self.circulation.on,
            draining=None if away else self.drain.on,
            filling=None if away else self.fill.on,
            litres=self.fill.litres,
            hindrances=self.hindrances,
        )

    def send(self, event: Any) -> None:
        self.memory, effects = self.engine.water.step(self.rules, self.memory, event, self.now)
        self.stored = self._written()
        for effect in effects:
            self.perform(effect)

    # --- what is done ---------------------------------------------------------------------------

    def pump(self, role: Any) -> Pump:
        return {"drain": self.drain, "fill": self.fill, "recirculation": self.circulation}[str(role)]

    def perform(self, effect: Any) -> None:
        model = self.engine.model
        self.done.append(effect)
        match effect:
            case model.Run(role, seconds):
                self.run(role, seconds)
            case model.Stop(role):
                self.stop(role)
            case model.Circulate():
                if not self.faults & {"circulation_dead", "away"}:
                    self.circulation.on, self.circulation.off_since = True, None
            case model.StopCirculation(off_s):
                assert 0 < off_s <= max(self.rules.max_off_s, self.rules.change_off_s)
                if "away" not in self.faults:
                    self.circulation.on = False
                    self.circulation.off_since = self.circulation.off_since or self.elapsed
            case model.Happened():
                self.happened.append(effect)
            case model.Denied():
                self.denied.append(effect)
            case _:
                raise AssertionError(effect)

    def run(self, role: Any, seconds: float) -> None:
        model = self.engine.model
        assert self.kind in {"Drain", "Fill"}, "only these steps move water"
        assert not self.drain.on, "nothing starts while water goes out"
        assert not self.fill.on, "nothing starts while water comes in"
        assert seconds <= 1800
        pump = self.pump(role)
        if f"{role}_refused" in self.faults or "away" in self.faults:
            self.send(model.RunFailed(role, model.Cause.NO_ANSWER))
            return
        pump.on, pump.until, pump.litres = f"{role}_dead" not in self.faults, self.elapsed + seconds, 0.0

    def stop(self, role: Any) -> None:
        if self.faults & {f"{role}_stop_lost", "away"}:
            return
        self.end(role, self.engine.model.Cause.STOPPED)

    def end(self, role: Any, cause: Any) -> None:
        pump = self.pump(role)
        if pump.on:
            pump.on = False
            self.send(self.engine.model.RunEnded(self.engine.water.Role(str(role)), pump.litres, cause))

    # --- what passes ----------------------------------------------------------------------------

    def flow(self, seconds: float) -> None:
        """Let the water move, and the devices end their runs by themselves."""
        self.elapsed += seconds
        before = self.level
        if self.drain.on and "drain_blocked" not in self.faults:
            self.level = max(0.0, self.level - FLOW * seconds)
            self.drain.litres += before - self.level
        if self.fill.on and "fill_blocked" not in self.faults:
            self.fill.litres += FLOW * seconds
            if "leak" not in self.faults:
                self.level = min(100.0, self.level + FLOW * seconds)
        if "level_silent" not in self.faults:
            self.count, self.heard_at = self.count + 1, self.elapsed
            self.heard = self.heard if "level_frozen" in self.faults else self.level

    def devices(self) -> None:
        cause = self.engine.model.Cause
        dry, full = self.heard < 10, self.heard >= 95
        if (dry or self.elapsed >= self.drain.until) and "drain_stop_lost" not in self.faults:
            self.end("drain", cause.DRY_RUN if dry else cause.TIMEOUT)
        if (full or self.elapsed >= self.fill.until) and "fill_stop_lost" not in self.faults:
            self.end("fill", cause.OVERFLOW if full else cause.TIMEOUT)

    def tick(self, seconds: float = 1.0) -> None:
        self.flow(seconds)
        self.devices()
        self.send(self.engine.model.Tick(self.sight()))

    def wait(self, seconds: float, each: float = 1.0) -> None:
        for _ in range(int(seconds / each)):
            self.tick(each)

    def until(self, kind: str, at_most: float = 4000, each: float = 1.0) -> None:
        for _ in range(int(at_most / each)):
            if self.kind == kind:
                return
            self.tick(each)
        raise AssertionError(f"{kind} did not come; it is {self.state}")

    def start(self) -> None:
        self.send(self.engine.model.Start(self.sight()))

    def resume(self) -> None:
        self.send(self.engine.model.Resume(self.sight()))

    def restart(self, away_s: float = 30.0) -> None:
        """Kill what holds the memory, with the devices going on, and begin again from what was stored."""
        for _ in range(int(away_s)):
            self.flow(1)
            self.drain.on = self.drain.on and self.elapsed < self.drain.until and self.level >= 10
            self.fill.on = self.fill.on and self.elapsed < self.fill.until and self.level < 95
        self.memory = self.engine.record.parse_memory(json.loads(self.stored))
        self.send(self.engine.model.Begin())

    def set(self, **changes: Any) -> None:
        self.rules = replace(self.rules, **changes)
