"""What hangs on a rack: level, flow, current, acidity, salts and a leak detector, with their noise and their lag."""

from dataclasses import dataclass, field
import math
import random
from typing import TYPE_CHECKING, ClassVar

from lab.simulator.rules import safety
from lab.simulator.sensors import NOISE, Values, measured
from lab.simulator.water import Fault

if TYPE_CHECKING:
    from custom_components.smartair.pysmartair.safety import Reading, Readings
    from lab.simulator.house import Clock
    from lab.simulator.water import Pump, Rack

FROZEN_S = 60.0
"""Seconds without any change after which the device says that its level sensor repeats itself."""
_METER_LAG = 0.7
"""Seconds in which a paddle wheel comes two thirds of the way to a new speed."""
_DAY = (6.0, 22.0)
"""Hours between which the lamps over the plants are lit."""


@dataclass(slots=True, kw_only=True)
class RackSensors:
    """The sensors of one rack; its pumps run in real time, whatever the speed of the day."""

    rack: Rack
    clock: Clock | None = None
    chance: random.Random = field(default_factory=random.Random)
    unmetered: frozenset[str] = frozenset()
    """Channels whose pipe has no flow meter."""

    names: ClassVar = ("water_level", "flow_rate", "pump_current", "ph", "ec", "water_temperature")

    _level: Reading = field(default_factory=safety.Reading)
    _flow: dict[str, Reading] = field(default_factory=dict)
    _current: dict[str, Reading] = field(default_factory=dict)
    _wheel: dict[str, float] = field(default_factory=dict)
    _looked: float | None = None
    _changed: float = 0.0

    @property
    def frozen(self) -> bool:
        """Return whether the level has not changed by its last digit for long."""
        return self._looked is not None and self._looked - self._changed > FROZEN_S

    def sample(self, now: float) -> None:
        """Let the water flow until now and look at every sensor once."""
        self.rack.advance(now, daylight=self._daylight(now))
        seconds = 0.0 if self._looked is None else max(0.0, now - self._looked)
        self._looked = now
        self._look_at_level(now)
        for pump in self.rack.pumps.values():
            self._look_at(pump, now, seconds)

    def _daylight(self, now: float) -> bool:
        if self.clock is None:
            return True
        hour = self.clock.at(now) / 3600.0 % 24.0
        return _DAY[0] <= hour < _DAY[1]

    def _look_at_level(self, now: float) -> None:
        before = self._level
        stuck = Fault.FROZEN_SENSOR in self.rack.faults and before.value is not None
        value = before.value if stuck else round(self.rack.level + self.chance.gauss(0.0, NOISE["water_level"]), 1)
        if value != before.value:
            self._changed = now
        self._level = safety.Reading(value, now, before.count + 1)

    def _look_at(self, pump: Pump, now: float, seconds: float) -> None:
        count = self._current[pump.id].count + 1 if pump.id in self._current else 1
        before = self._wheel.get(pump.id, self.rack.flow(pump))
        turning = before + (self.rack.flow(pump) - before) * (1.0 - math.exp(-seconds / _METER_LAG))
        self._wheel[pump.id] = turning
        self._flow[pump.id] = safety.Reading(self._noisy(turning, "flow_rate"), now, count)
        current = self._noisy(self.rack.current(pump), "pump_current")
        self._current[pump.id] = safety.Reading(current, now, count)

    def _noisy(self, value: float, name: str) -> float:
        """Add noise, which a wheel that stands and a wire without current do not have."""
        return max(0.0, value + self.chance.gauss(0.0, NOISE[name])) if value > 0.01 else 0.0  # noqa: PLR2004

    def readings(self, channel: str) -> Readings:
        """Return what the rules of one channel see."""
        fitted = channel not in self.unmetered
        return safety.Readings(
            level=self._level,
            flow=self._flow.get(channel, safety.Reading()) if fitted else None,
            current_ma=self._current.get(channel, safety.Reading()),
            leak=safety.Contact.ON if self.rack.wet_floor else safety.Contact.OFF,
        )

    def flow(self, channel: str) -> float:
        """Return what the meter of a channel shows, in litres a minute."""
        reading = self._flow.get(channel)
        return 0.0 if reading is None or channel in self.unmetered else reading.value or 0.0

    def read(self, now: float) -> Values:
        """Return one report; a level that repeats itself is left out, as the firmware does."""
        self.sample(now)
        values = {
            "ph": self.rack.probe_ph,
            "ec": self.rack.probe_ec,
            "water_temperature": self.rack.temperature,
        }
        circulating = (self.flow(pump.id) for pump in self.rack.pumps.values() if pump.role == "recirculation")
        found: Values = {} if self.frozen else {"water_level": self._level.value or 0.0}
        found["flow_rate"] = round(sum(circulating), 2)
        found["pump_current"] = round(sum(reading.value or 0.0 for reading in self._current.values()))
        return found | measured(values, tuple(values), self.chance)
