"""The air of a room, as a mass balance of what people, stoves and windows do to it."""

from dataclasses import dataclass, replace
import math

OUTDOOR_CO2 = 420.0
"""Parts per million; the yearly mean at Mauna Loa passed it in 2023."""

# Persily and de Jonge, "Carbon dioxide generation rates for building occupants", Indoor Air 27 (2017):
# 0.0048 to 0.0052 L/s for adults who sit, about 0.0036 L/s asleep.
CO2_AWAKE = 18.0
CO2_ASLEEP = 13.0
"""Litres of carbon dioxide an hour from one person."""

INFILTRATION = 0.5
"""Air changes an hour through cracks and doors ajar, in a house that is neither new nor draughty."""
OPEN_WINDOW = 5.0
"""Air changes an hour through a window that stands open."""
COOKER_HOOD = 3.0
"""Air changes an hour that a hood adds while somebody cooks."""

# He et al., "Contribution from indoor sources to particle number and mass concentrations in residential
# houses", Atmospheric Environment 38 (2004): frying gives 2.7 mg of PM2.5 a minute, cooking in general
# some tenths of a milligram.
PM25_COOKING = 0.4e3 * 60
"""Micrograms of PM2.5 an hour from a stove in use."""
PM_DEPOSITION = 0.4
"""Share of fine dust that settles in an hour."""
PM_PENETRATION = 0.8
"""Share of the dust outside that comes in with the air."""

VAPOUR_AWAKE = 50.0
VAPOUR_ASLEEP = 30.0
"""Grams of water an hour that one person breathes and sweats out at rest."""
VAPOUR_COOKING = 600.0
"""Grams of water an hour from pots on a stove."""

VOC_PERSON = 900.0
VOC_COOKING = 9000.0
VOC_FURNITURE = 400.0
"""Parts per billion times cubic metres an hour of organic compounds; magnitudes, not measurements."""
OUTDOOR_VOC = 30.0

_LONGEST_STEP = 60.0
"""Seconds; the solution of a step is exact, but people act between steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What happens in a room at a moment."""

    awake: int = 0
    asleep: int = 0
    cooking: bool = False
    window: bool = False
    lamp: bool = False

    @property
    def people(self) -> int:
        """Return how many people are in the room."""
        return self.awake + self.asleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdoors:
    """The weather."""

    temperature: float
    humidity: float
    pm25: float
    pressure: float
    lux: float

    @property
    def vapour(self) -> float:
        """Return the water in the air, in grams per cubic metre."""
        return vapour(self.temperature, self.humidity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """The air of a room: ppm, °C, grams of water per cubic metre, µg/m³, ppb."""

    co2: float = 600.0
    temperature: float = 21.0
    vapour: float = 8.5
    pm25: float = 6.0
    voc: float = 90.0

    @property
    def humidity(self) -> float:
        """Return the relative humidity in percent."""
        return min(100.0, 100.0 * self.vapour / vapour(self.temperature, 100.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A room's unchanging side."""

    volume: float
    """Cubic metres."""
    setpoint: float = 21.5
    """What the thermostat wants in the daytime, in °C."""
    windows_south: float = 0.03
    """Share of the daylight outside that reaches the sensor."""


def vapour(temperature: float, humidity: float) -> float:
    """Return the water in the air in grams per cubic metre, by Magnus' formula and the gas law."""
    saturation = 611.2 * math.exp(17.62 * temperature / (243.12 + temperature))
    return humidity / 100.0 * saturation / (461.5 * (273.15 + temperature)) * 1000.0


def air_changes(activity: Activity) -> float:
    """Return how often in an hour the room's air is exchanged."""
    return (
        INFILTRATION + (OPEN_WINDOW if activity.window else 0.0) + (COOKER_HOOD if activity.cooking else 0.0)
    )


def _approach(value: float, source: float, loss: float, hours: float) -> float:
    """Solve dx/dt = source - loss * x exactly over a time in which neither changes."""
    settled = source / loss
    return settled + (value - settled) * math.exp(-loss * hours)


def _warmth(room: Room, activity: Activity, outdoors: Outdoors, *, night: bool) -> tuple[float, float]:
    """Return the temperature that the room drifts to, and how fast, per hour."""
    heated = room.setpoint - (2.0 if night else 0.0)
    # About 80 W from a person and 1 kW from a stove, against the losses of a room of this size.
    target = heated + 0.4 * activity.people + (2.0 if activity.cooking else 0.0)
    if not activity.window:
        return target, 0.5
    return 0.4 * target + 0.6 * outdoors.temperature, 0.9


def _step(room: Room, air: Air, activity: Activity, outdoors: Outdoors, hours: float, *, night: bool) -> Air:
    exchange = air_changes(activity)
    litres = CO2_AWAKE * activity.awake + CO2_ASLEEP * activity.asleep
    target, speed = _warmth(room, activity, outdoors, night=night)
    water = VAPOUR_AWAKE * activity.awake + VAPOUR_ASLEEP * activity.asleep
    water += VAPOUR_COOKING if activity.cooking else 0.0
    dust = PM25_COOKING if activity.cooking else 0.0
    organic = VOC_FURNITURE + VOC_PERSON * activity.people + (VOC_COOKING if activity.cooking else 0.0)
    return Air(
        # A litre in a cubic metre is a thousand parts in a million.
        co2=_approach(air.co2, exchange * OUTDOOR_CO2 + 1000.0 * litres / room.volume, exchange, hours),
        temperature=_approach(air.temperature, speed * target, speed, hours),
        vapour=_approach(air.vapour, exchange * outdoors.vapour + water / room.volume, exchange, hours),
        pm25=_approach(
            air.pm25,
            exchange * PM_PENETRATION * outdoors.pm25 + dust / room.volume,
            exchange + PM_DEPOSITION,
            hours,
        ),
        voc=_approach(air.voc, exchange * OUTDOOR_VOC + organic / room.volume, exchange, hours),
    )


def step(
    room: Room, air: Air, activity: Activity, outdoors: Outdoors, seconds: float, *, night: bool = False
) -> Air:
    """Return the air after some seconds of the same activity and weather."""
    result = replace(air)
    while seconds > 0:
        part = min(seconds, _LONGEST_STEP)
        result = _step(room, result, activity, outdoors, part / 3600.0, night=night)
        seconds -= part
    return result
