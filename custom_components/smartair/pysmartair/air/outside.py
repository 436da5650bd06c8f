"""Is it better outside? For one measurement, so that a window does what is wanted of it."""

from dataclasses import dataclass
from math import exp

USUAL_CO2 = 420.0
"""Carbon dioxide outdoors where no sensor says it."""
_BETTER = {"co2": 100.0, "pm25": 3.0, "humidity": 0.5, "temperature": 1.0}
"""By how much it must be better: ppm, µg/m³, g/m³ of water, K."""
_CONTENT = 0.5
"""So close to the wish there is nothing to be done, in K."""

QUESTIONS = tuple(_BETTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is known of the air of a place: ppm, µg/m³, °C, and percent of what air of this warmth can hold."""

    co2: float | None = None
    pm25: float | None = None
    temperature: float | None = None
    humidity: float | None = None

    @property
    def water(self) -> float | None:
        """The water in a cubic metre, in g: cold and wet air is drier than warm and dry air (Magnus formula)."""
        if self.temperature is None or self.humidity is None:
            return None
        pressure = 6.112 * exp(17.67 * self.temperature / (self.temperature + 243.5))
        return 2.1674 * pressure * self.humidity / (273.15 + self.temperature)


def is_better(question: str, inside: Place, outside: Place, wish: float) -> bool | None:
    """Tell whether air from outside makes it better, None where that is not known."""
    if question == "temperature":
        return _nearer(inside.temperature, outside.temperature, wish)
    there: dict[str, tuple[float | None, float | None]] = {
        "co2": (inside.co2, USUAL_CO2 if outside.co2 is None else outside.co2),
        "pm25": (inside.pm25, outside.pm25),
        "humidity": (inside.water, outside.water),
    }
    here, beyond = there[question]
    return None if here is None or beyond is None else beyond <= here - _BETTER[question]


def _nearer(here: float | None, beyond: float | None, wish: float) -> bool | None:
    if here is None or beyond is None:
        return None
    if here > wish + _CONTENT:
        return beyond <= here - _BETTER["temperature"]
    return here < wish - _CONTENT and beyond >= here + _BETTER["temperature"]
