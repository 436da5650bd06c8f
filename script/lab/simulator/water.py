"""A nutrient reservoir with its pumps."""

from dataclasses import dataclass, field
import math
from typing import Literal

Role = Literal["recirculation", "fill", "drain"]

RATED_FLOW: dict[Role, float] = {"recirculation": 3.2, "fill": 6.0, "drain": 8.0}
"""Litres a minute."""
RATED_CURRENT: dict[Role, float] = {"recirculation": 812.0, "fill": 640.0, "drain": 905.0}
"""Milliamperes."""

DRY_LEVEL = 5.0
"""Percent; below, the pumps draw air."""
TAP_EC = 0.4
"""mS/cm of the water that fills the reservoir."""
TAP_PH = 7.2

_TRANSPIRATION = 0.35
"""Litres an hour that the plants drink in the light."""


@dataclass(slots=True, kw_only=True)
class Pump:
    """A channel that drives one pump; `on` is what the pump does, whatever its relay needs for it."""

    id: str
    role: Role
    normally_closed: bool = False
    on: bool = False
    lock: str | None = None

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


def _pumps() -> dict[str, Pump]:
    pumps = (
        # Plants die without circulation: its relay is closed at rest, so it runs unless it is held off.
        Pump(id="pump_recirc", role="recirculation", normally_closed=True, on=True),
        Pump(id="pump_fill", role="fill"),
        Pump(id="pump_drain", role="drain"),
    )
    return {pump.id: pump for pump in pumps}


@dataclass(slots=True, kw_only=True)
class Reservoir:
    """Litres of solution, its acidity and its salts, moved forward in time by whoever asks."""

    capacity: float = 100.0
    litres: float = 78.0
    ph: float = 5.9
    ec: float = 1.8
    temperature: float = 20.5
    time: float = 0.0
    pumps: dict[str, Pump] = field(default_factory=_pumps)

    @property
    def level(self) -> float:
        """Return the level in percent."""
        return 100.0 * self.litres / self.capacity

    def flow(self, pump: Pump) -> float:
        """Return what a pump moves, in litres a minute."""
        if not pump.on or (pump.role != "fill" and self.level < DRY_LEVEL):
            return 0.0
        return RATED_FLOW[pump.role]

    def current(self, pump: Pump) -> float:
        """Return what a pump draws, in milliamperes; one that draws air draws less."""
        if not pump.on:
            return 0.0
        return RATED_CURRENT[pump.role] * (1.0 if self.flow(pump) > 0 else 0.45)

    def advance(self, time: float, *, daylight: bool = True) -> None:
        """Let the water flow until a time in seconds; going back does nothing."""
        minutes = max(0.0, time - self.time) / 60.0
        self.time = max(time, self.time)
        drunk = (_TRANSPIRATION if daylight else _TRANSPIRATION / 5.0) / 60.0 * minutes
        self._drink(min(drunk, self.litres * 0.5))
        flows = {pump.role: self.flow(pump) for pump in self.pumps.values()}
        self._fill(min(flows.get("fill", 0.0) * minutes, self.capacity - self.litres))
        self.litres = max(0.0, self.litres - flows.get("drain", 0.0) * minutes)
        # Roots take up nitrate and give off hydroxide: the solution turns alkaline by about 0.2 a day.
        self.ph = min(8.5, self.ph + 0.2 / 1440.0 * minutes)
        self.temperature = 20.5 + 1.2 * math.sin((self.time / 3600.0 - 10.0) / 12.0 * math.pi)

    def _drink(self, litres: float) -> None:
        """Plants take more water than salts, so what stays behind is stronger."""
        if self.litres <= 0:
            return
        salts = self.ec * self.litres - 0.6 * self.ec * litres
        self.litres -= litres
        self.ec = min(10.0, salts / self.litres)

    def _fill(self, litres: float) -> None:
        total = self.litres + litres
        if litres <= 0 or total <= 0:
            return
        self.ec = (self.ec * self.litres + TAP_EC * litres) / total
        self.ph = (self.ph * self.litres + TAP_PH * litres) / total
        self.litres = total
