"""A hydroponic rack: tanks, pumps that obey their curves, a solution that changes, and what goes wrong."""

from dataclasses import dataclass, field
from enum import StrEnum
import math
from typing import Literal

Role = Literal["recirculation", "fill", "drain"]

DRY_LEVEL = 5.0
"""Percent of the reservoir; below, the circulating pump draws air. The drain's foot valve lies lower."""
_INTAKE: dict[Role, float] = {"recirculation": DRY_LEVEL, "fill": 1.0, "drain": 1.0}
_LIFT: dict[Role, float] = {"recirculation": 1.2, "fill": 0.7, "drain": 0.5}
"""Metres from the floor of the tank that a pump draws from to the mouth of its pipe."""

INRUSH_S = 0.3
"""Seconds that a starting motor draws more than a running one."""
_INRUSH, _STALLED, _CHURNING, _DRY = 2.2, 2.9, 0.6, 0.4
"""What a motor draws against its rating when it starts, is held fast, moves no water, or turns in air."""

_TRANSPIRATION = 0.35
"""Litres an hour that the plants drink in the light; a fifth of it in the dark."""
_EVAPORATION = 0.02
"""Litres an hour from an open reservoir of 100 litres."""
_ALKALISATION = 0.2 / 86400.0
"""A second: roots take up nitrate and give off hydroxide, about 0.2 pH a day."""
_PUDDLE = 0.2
"""Litres on the floor that a leak detector feels."""

_MIXED_MOVING, _MIXED_STILL = 40.0, 600.0
"""Seconds in which 100 litres, moving or still, come two thirds of the way to the mixture at the probes."""


class Fault(StrEnum):
    """What can go wrong in the rack on demand; those of a pump name their channel."""

    DRY = "dry"
    """The outlet of the reservoir stands open: it runs empty into the drain."""
    BLOCKED = "blocked"
    """Roots have grown into a pump's pipe."""
    STALLED = "stalled"
    """A pump's rotor is held fast."""
    WELDED = "welded"
    """A relay's contacts have welded together: its pump runs whatever the coil does."""
    OVERFLOW = "overflow"
    """A float valve beside the fill pump does not close: mains water keeps coming."""
    FROZEN_SENSOR = "frozen-sensor"
    """The level sensor repeats itself."""
    LEAK = "leak"
    """A hose has come off: the reservoir empties onto the floor."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A centrifugal pump and its pipe, as two numbers of its data sheet and one of its plumbing."""

    shut_off: float
    """Metres of head at which it moves nothing."""
    free_flow: float
    """Litres a minute without any head or pipe."""
    rated: float
    """Milliamperes at its usual flow."""
    resistance: float = 0.5
    """Head that the pipe takes at free flow, as a part of the shut-off head."""

    def flow(self, head: float, blockage: float) -> float:
        """Return litres a minute against a head in metres with a part of the pipe's width blocked."""
        if blockage >= 1.0 or head >= self.shut_off:
            return 0.0
        # Where the falling curve of the pump meets the rising one of its pipe.
        pipe = self.resistance / (1.0 - blockage) ** 2
        return self.free_flow * math.sqrt((self.shut_off - head) / (self.shut_off * (1.0 + pipe)))


CURVES: dict[Role, Curve] = {
    "recirculation": Curve(shut_off=2.8, free_flow=5.0, rated=812.0),
    "fill": Curve(shut_off=2.5, free_flow=8.2, rated=640.0),
    "drain": Curve(shut_off=2.5, free_flow=10.5, rated=905.0),
}


@dataclass(slots=True, kw_only=True)
class Pump:
    """A channel that drives one pump; `on` is what its relay is told, whatever the contact is."""

    id: str
    role: Role
    normally_closed: bool = False
    on: bool = False
    blockage: float = 0.0
    stalled: bool = False
    welded: bool = False
    ran: float = 0.0
    """Seconds since it has had power."""

    @property
    def powered(self) -> bool:
        """Return whether current reaches the motor."""
        return self.on or self.welded

    @property
    def descriptor(self) -> dict[str, object]:
        """Return what the device's descriptor says of this channel."""
        return {
            "id": self.id,
            "type": "pump",
            "role": self.role,
            "fail_safe_mode": "NC" if self.normally_closed else "NO",
            "controlled_by": "relay",
            "relay_logic": "active_open" if self.normally_closed else "active_close",
        }


@dataclass(slots=True, kw_only=True)
class Tank:
    """Water with its salts and its acidity."""

    capacity: float
    litres: float
    ph: float
    ec: float
    height: float = 0.4

    @property
    def level(self) -> float:
        """Return the level in percent."""
        return 100.0 * self.litres / self.capacity

    def mix(self, litres: float, *, ph: float, ec: float) -> None:
        """Take in water; salts and, near enough, acidity average."""
        total = self.litres + litres
        if litres <= 0 or total <= 0:
            return
        self.ph = (self.ph * self.litres + ph * litres) / total
        self.ec = (self.ec * self.litres + ec * litres) / total
        self.litres = total


@dataclass(slots=True, kw_only=True)
class Books:
    """Where water came from and went to, so that none is lost: litres."""

    mains: float = 0.0
    floor: float = 0.0
    drunk: float = 0.0
    evaporated: float = 0.0


def _pumps() -> dict[str, Pump]:
    pumps = (
        # Plants die without circulation: its relay is closed at rest, so it runs unless it is held off.
        Pump(id="pump_recirc", role="recirculation", normally_closed=True, on=True),
        Pump(id="pump_drain", role="drain"),
        Pump(id="pump_fill", role="fill"),
    )
    return {pump.id: pump for pump in pumps}


@dataclass(slots=True)
class Rack:
    """A rack of plants over a reservoir, moved forward in time by whoever asks."""

    size: float = 1.0
    """Its tanks against those of a rack with 100 litres; the pumps stay what they are."""
    time: float = 0.0
    pace: float = 1.0
    """How much faster plants drink and salts drift than in life; water and pumps keep their time."""

    reservoir: Tank = field(init=False)
    fresh: Tank = field(init=False)
    waste: Tank = field(init=False)
    pumps: dict[str, Pump] = field(default_factory=_pumps, init=False)
    books: Books = field(default_factory=Books, init=False)
    faults: set[Fault] = field(default_factory=set, init=False)
    probe_ph: float = field(init=False)
    probe_ec: float = field(init=False)

    def __post_init__(self) -> None:
        """Fill the tanks: a solution in use, a fresh one, and an empty drain."""
        self.reservoir = Tank(capacity=100.0 * self.size, litres=78.0 * self.size, ph=5.9, ec=1.8)
        self.fresh = Tank(capacity=400.0 * self.size, litres=400.0 * self.size, ph=5.8, ec=1.6)
        self.waste = Tank(capacity=1000.0 * self.size, litres=0.0, ph=7.0, ec=0.0)
        self.probe_ph, self.probe_ec = self.reservoir.ph, self.reservoir.ec

    @property
    def level(self) -> float:
        """Return the level of the reservoir in percent."""
        return self.reservoir.level

    @property
    def temperature(self) -> float:
        """Return the water's temperature in °C, which follows the hours."""
        return 20.5 + 1.2 * math.sin((self.time / 3600.0 - 10.0) / 12.0 * math.pi)

    @property
    def wet_floor(self) -> bool:
        """Return whether a leak detector feels water."""
        return self.books.floor > _PUDDLE

    @property
    def water(self) -> float:
        """Return every litre that has ever been in the rack, less what came from outside: it never changes."""
        books = self.books
        gone = books.floor + books.drunk + books.evaporated - books.mains
        return self.reservoir.litres + self.fresh.litres + self.waste.litres + gone

    # Pumps

    def flow(self, pump: Pump) -> float:
        """Return what a pump moves now, in litres a minute."""
        if not pump.powered or pump.stalled:
            return 0.0
        source = self.fresh if pump.role == "fill" else self.reservoir
        head = _LIFT[pump.role] - source.height * source.level / 100.0
        return CURVES[pump.role].flow(head, pump.blockage) * self._drawn(pump, source)

    def current(self, pump: Pump) -> float:
        """Return what a pump draws now, in milliamperes: more the more water it moves."""
        if not pump.powered:
            return 0.0
        curve = CURVES[pump.role]
        if pump.stalled:
            return curve.rated * _STALLED
        if pump.ran < INRUSH_S:
            return curve.rated * _INRUSH
        source = self.fresh if pump.role == "fill" else self.reservoir
        wet = self._drawn(pump, source)
        load = min(1.0, self.flow(pump) / curve.flow(_LIFT[pump.role] - source.height / 2, 0.0))
        return curve.rated * (_DRY + wet * (_CHURNING - _DRY) + (1.0 - _CHURNING) * load)

    @staticmethod
    def _drawn(pump: Pump, source: Tank) -> float:
        """Return how much of what a pump draws is water: less and less over the last percent above its intake."""
        return min(1.0, max(0.0, source.level - _INTAKE[pump.role]))

    # Faults

    def break_(self, fault: Fault, channel: str | None = None) -> None:
        """Let something go wrong, at a pump where it belongs to one."""
        if fault in {Fault.BLOCKED, Fault.STALLED, Fault.WELDED}:
            pump = self.pumps[channel or "pump_recirc"]
            pump.blockage = 1.0 if fault is Fault.BLOCKED else pump.blockage
            pump.stalled = pump.stalled or fault is Fault.STALLED
            pump.welded = pump.welded or fault is Fault.WELDED
        self.faults.add(fault)

    def repair(self) -> None:
        """Put everything right: the person has cleaned, tightened and mopped, and refilled what ran out."""
        self.faults.clear()
        for pump in self.pumps.values():
            pump.blockage, pump.stalled, pump.welded = 0.0, False, False
        self.waste.litres += self.books.floor
        self.books.floor = 0.0
        usual = 78.0 * self.size - self.reservoir.litres
        self.reservoir.mix(usual, ph=5.8, ec=1.6)
        self.reservoir.litres = 78.0 * self.size
        self.books.mains += usual

    # Time

    def advance(self, time: float, *, daylight: bool = True) -> None:
        """Let the water flow until a time in seconds; going back does nothing."""
        left = time - self.time
        moved = (pump for pump in self.pumps.values() if pump.role != "recirculation")
        moving = bool(self.faults) or any(pump.powered for pump in moved)
        # So short that what moves in it is small against the smallest tank.
        longest = min(5.0, 10.0 * self.size) if moving else 60.0
        while left > 0:
            seconds = min(left, longest)
            self.time += seconds
            left -= seconds
            self._step(seconds, daylight=daylight)

    def _step(self, seconds: float, *, daylight: bool) -> None:
        for pump in self.pumps.values():
            litres = self.flow(pump) * seconds / 60.0
            pump.ran = pump.ran + seconds if pump.powered else 0.0
            match pump.role:
                case "fill":
                    self._pour(self.fresh, litres)
                case "drain":
                    self._drain(litres)
                case _:
                    # Up to the plants and back again.
                    pass
        self._misfortune(seconds)
        self._live(seconds * self.pace, daylight=daylight)
        self._stir(seconds)

    def _pour(self, source: Tank, litres: float) -> None:
        litres = min(litres, source.litres)
        source.litres -= litres
        self._receive(litres, ph=source.ph, ec=source.ec)

    def _receive(self, litres: float, *, ph: float, ec: float) -> None:
        """Take in what is poured; what does not fit runs over."""
        self.reservoir.mix(litres, ph=ph, ec=ec)
        over = max(0.0, self.reservoir.litres - self.reservoir.capacity)
        self.reservoir.litres -= over
        self.books.floor += over

    def _drain(self, litres: float) -> None:
        litres = min(litres, self.reservoir.litres)
        self.reservoir.litres -= litres
        self.waste.mix(litres, ph=self.reservoir.ph, ec=self.reservoir.ec)
        over = max(0.0, self.waste.litres - self.waste.capacity)
        self.waste.litres -= over
        self.books.floor += over

    def _misfortune(self, seconds: float) -> None:
        minutes = seconds / 60.0
        tank = self.reservoir
        if Fault.DRY in self.faults:
            self._drain(min(60.0 * self.size * minutes, max(0.0, tank.litres - 0.02 * tank.capacity)))
        if Fault.LEAK in self.faults:
            lost = min(10.0 * self.size * minutes, tank.litres)
            tank.litres -= lost
            self.books.floor += lost
        if Fault.OVERFLOW in self.faults:
            self.books.mains += (came := 15.0 * self.size * minutes)
            self._receive(came, ph=7.2, ec=0.4)

    def _live(self, seconds: float, *, daylight: bool) -> None:
        """Plants take more water than salts, and air takes water only, so what stays behind is stronger."""
        hours, tank = seconds / 3600.0, self.reservoir
        drunk = min(_TRANSPIRATION * self.size * (1.0 if daylight else 0.2) * hours, tank.litres * 0.5)
        dried = min(_EVAPORATION * self.size * hours, tank.litres * 0.1)
        if tank.litres - drunk - dried <= 0:
            return
        salts = tank.ec * (tank.litres - 0.6 * drunk)
        tank.litres -= drunk + dried
        tank.ec = min(10.0, salts / tank.litres)
        tank.ph = min(8.5, tank.ph + _ALKALISATION * seconds)
        self.books.drunk += drunk
        self.books.evaporated += dried

    def _stir(self, seconds: float) -> None:
        """Let the water at the probes become the mixture."""
        moving = any(self.flow(pump) > 0 for pump in self.pumps.values() if pump.role == "recirculation")
        time = (_MIXED_MOVING if moving else _MIXED_STILL) * self.size
        part = 1.0 - math.exp(-seconds / time)
        self.probe_ph += (self.reservoir.ph - self.probe_ph) * part
        self.probe_ec += (self.reservoir.ec - self.probe_ec) * part
