"""What a device's sensors read: physics with the noise, the resolution and the offsets of real parts."""

from dataclasses import dataclass, field
import math
import random
import time
from typing import TYPE_CHECKING, ClassVar, Protocol

from lab.simulator.house import Clock, LivedRoom, Occasion, weather

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.simulator.water import Pump

type Values = dict[str, float]


class Sensors(Protocol):
    """Whatever can be measured at a moment."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return what is measured."""
        ...

    def read(self, now: float) -> Values:
        """Return what the sensors read at a real time in Unix seconds."""
        ...


DECIMALS = {
    "co2": 0,
    "temperature": 1,
    "humidity": 1,
    "pm1": 1,
    "pm25": 1,
    "pm4": 1,
    "pm10": 1,
    "voc": 0,
    "voc_index": 0,
    "nox_index": 0,
    "pressure": 1,
    "lux": 0,
    "ph": 2,
    "ec": 2,
    "water_temperature": 1,
    "water_level": 1,
    "flow_rate": 2,
    "pump_current": 0,
    "vibration_rms": 2,
    "vibration_peak": 2,
    "vibration_crest": 2,
    "vibration_frequency": 1,
}

# Repeatability as the data sheets of common parts give it (SCD41, SHT41, SPS30, EZO pH).
NOISE = {
    "co2": 4.0,
    "temperature": 0.03,
    "humidity": 0.15,
    "pm1": 0.25,
    "pm25": 0.3,
    "pm4": 0.35,
    "pm10": 0.4,
    "voc": 2.0,
    "voc_index": 1.0,
    "lux": 1.0,
    "ph": 0.01,
    "ec": 0.01,
    "water_level": 0.1,
    "flow_rate": 0.03,
    "pump_current": 4.0,
    "vibration_rms": 0.02,
    "vibration_peak": 0.06,
    "vibration_frequency": 0.1,
}


_FLOORS = {"temperature": -40.0}


def measured(values: Mapping[str, float], names: Sequence[str], chance: random.Random) -> Values:
    """Return the named values with each sensor's noise and resolution."""
    found: Values = {}
    for name in names:
        noise = NOISE.get(name)
        value = values[name] + (chance.gauss(0.0, noise) if noise and values[name] else 0.0)
        # Without an argument, `round` makes whole numbers, as a device without decimals sends them.
        found[name] = round(max(value, _FLOORS.get(name, 0.0)), DECIMALS[name] or None)
    return found


@dataclass(slots=True, kw_only=True)
class RoomSensors:
    """Sensors on the wall of a room."""

    room: LivedRoom
    clock: Clock
    names: tuple[str, ...]
    chance: random.Random = field(default_factory=random.Random)

    def take_place(self, occasion: Occasion | None, now: float) -> None:
        """Let something happen in the room from a real time on, or its habits again."""
        self.room.advance(self.clock.at(now))
        self.room.occasion = occasion

    def read(self, now: float) -> Values:
        """Return what hangs on this wall."""
        self.room.advance(self.clock.at(now))
        air = self.room.air
        values = {
            "co2": air.co2,
            "temperature": air.temperature,
            "humidity": air.humidity,
            "pm1": air.pm25 * 0.72,
            "pm25": air.pm25,
            "pm4": air.pm25 * 1.12,
            "pm10": air.pm25 * 1.25 + 1.5 * self.room.activity.awake,
            "voc": air.voc,
            # Sensirion's index is 100 in the air of the last day, and more in worse.
            "voc_index": min(500.0, max(1.0, air.voc)),
            "nox_index": min(500.0, 1.0 + 0.6 * max(0.0, air.pm25 - 10.0)),
            "pressure": weather(self.room.time).pressure,
            "lux": self.room.lux,
        }
        return measured(values, self.names, self.chance)


@dataclass(slots=True, kw_only=True)
class VibrationSensors:
    """An accelerometer on a pump's body, whose bearing wears slowly."""

    clock: Clock
    pump: Pump | None = None
    chance: random.Random = field(default_factory=random.Random)

    names: ClassVar = (
        "vibration_rms",
        "vibration_peak",
        "vibration_crest",
        "vibration_frequency",
        "temperature",
    )

    def read(self, now: float) -> Values:
        """Return the vibration of the pump, or the stillness of one that stands."""
        at = self.clock.at(now)
        worn = 1.0 + 0.15 * at / 86400.0 / 30.0
        runs = self.pump is None or (self.pump.powered and not self.pump.stalled)
        rms = (1.8 if runs else 0.05) * worn * (1.0 + 0.05 * math.sin(at / 900.0))
        crest = 3.2 * worn
        values = {
            "vibration_rms": rms,
            "vibration_peak": rms * crest,
            "vibration_crest": crest,
            # A two-pole motor on a 50 Hz mains, with its slip.
            "vibration_frequency": 48.9 if runs else 0.0,
            "temperature": 38.0 if runs else 24.0,
        }
        return measured(values, self.names, self.chance)


@dataclass(slots=True)
class HostSensors:
    """The machine that the lab runs on."""

    _last: tuple[float, int, int] | None = None

    names: ClassVar = ("cpu_percent", "memory_percent", "disk_percent", "load_1m", "net_rx", "net_tx")

    def read(self, now: float) -> Values:
        """Return how busy the machine is."""
        # Only a host needs it, and the tests of the physics run where it is not installed.
        import psutil  # noqa: PLC0415

        net = psutil.net_io_counters()
        then, received, sent = self._last or (now, net.bytes_recv, net.bytes_sent)
        self._last = (now, net.bytes_recv, net.bytes_sent)
        seconds = max(now - then, 1.0)
        return {
            "cpu_percent": round(psutil.cpu_percent(), 1),
            "memory_percent": round(psutil.virtual_memory().percent, 1),
            "disk_percent": round(psutil.disk_usage("/").percent, 1),
            "load_1m": round(psutil.getloadavg()[0], 2),
            "net_rx": round((net.bytes_recv - received) / seconds),
            "net_tx": round((net.bytes_sent - sent) / seconds),
        }

    def uptime(self) -> float:
        """Return the seconds since the machine was started."""
        import psutil  # noqa: PLC0415

        return time.time() - float(psutil.boot_time())
