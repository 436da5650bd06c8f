"""The catalogue of measurements: every name, unit and plausible range is derived from it."""

from collections.abc import Mapping
from dataclasses import dataclass
import re
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measurement: its name, unit, useful decimals and its two ranges, all ends included.

    Between `minimum` and `maximum` lies what there can be, and what is shown. Between `lowest` and `highest` lies
    what is taken: what a noisy sensor says of the end lies a little beyond it, and is judged as it was measured.
    What lies beyond that is no measurement.
    """

    name: str
    unit: str | None
    minimum: float
    maximum: float
    lowest: float
    highest: float
    precision: int
    aliases: tuple[str, ...] = ()

    @property
    def taken(self) -> tuple[float, float]:
        """The lowest and the highest value that is taken as a measurement."""
        return self.lowest, self.highest

    def plausible(self, value: object) -> bool:
        """Tell whether this can be a measurement: a finite number (never a boolean) inside the range taken."""
        return (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            # Not a number compares false with everything, and no range here reaches infinity.
            and self.lowest <= value <= self.highest
        )

    def shown(self, value: float) -> float:
        """Return a measurement as people see it: what lies a little beyond an end is that end."""
        if value < self.minimum:
            return self.minimum
        # Nothing is shown with a minus in front of it.
        return min(value, self.maximum) + 0


def _metric(
    name: str,
    unit: str | None,
    minimum: float,
    maximum: float,
    precision: int = 0,
    *aliases: str,
    below: float = 0,
    above: float = 0,
) -> Metric:
    return Metric(
        name=name,
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        lowest=minimum - below,
        highest=maximum + above,
        precision=precision,
        aliases=aliases,
    )


# Noise and the offset of a calibration at zero. Not as far as -1, which many a library returns in place of a value:
# those of the common dust sensors where they have none, that of the TSL2591 where it is dazzled.
_NOISE = 0.9

# Ranges are what the sensors of the field can report, a little wider than any of their data sheets,
# so that a power-on or error value (0 ppm, -127 °C, 65535) falls outside. Where an end is one of nature and not of a
# sensor (no less than nothing, no more than full), a margin lets in what a sensor makes of that end.
_TABLE = (
    _metric("co2", "ppm", 150, 60_000),  # outdoor air of glacial times was 180; SCD4x ends at 40,000
    _metric("temperature", "°C", -55, 125, 1, "temp", "temp_air"),  # DS18B20: -55 to 125, -127 is an error
    # SHT and HTU chips calculate from -6 to 119, and those two are what they make of a broken line.
    _metric("humidity", "%", 0, 100, below=5, above=10),
    _metric("pm1", "µg/m³", 0, 10_000, 0, "pm1_0", below=_NOISE),
    _metric("pm25", "µg/m³", 0, 10_000, 0, "pm2_5", below=_NOISE),
    _metric("pm4", "µg/m³", 0, 10_000, below=_NOISE),
    _metric("pm10", "µg/m³", 0, 10_000, below=_NOISE),
    _metric("voc", "ppb", 0, 60_000, below=_NOISE),  # SGP30 ends at 60,000
    _metric("voc_index", None, 0, 500),  # Sensirion's index is 1 to 500, 0 while it learns
    _metric("nox_index", None, 0, 500),
    _metric("pressure", "hPa", 300, 1_200, 1),  # BME280: 300 to 1,100
    _metric("lux", "lx", 0, 200_000, below=_NOISE),  # full sun is about 120,000
    # Half a step is what two buffers of a calibration may be off; an open input reads far outside.
    _metric("ph", None, 0, 14, 2, below=0.5, above=0.5),
    _metric(
        "ec", "mS/cm", 0, 200, 2, below=0.5
    ),  # Atlas EZO with a K 1.0 cell ends at 200; a dry one is a little off
    _metric("water_temperature", "°C", -20, 100, 1),
    # A tank that was measured a tenth too low or too high, and an overflow, which must be seen as one.
    _metric("water_level", "%", 0, 100, below=10, above=20),
    # What flows back through a pump at rest; no pump of these nodes moves 500 litres in a minute.
    _metric("flow_rate", "L/min", 0, 500, 2, below=5),
    # A Hall sensor (ACS712, 30 A) is off by up to 200 mA at rest, and ends long before 60 A.
    _metric("pump_current", "mA", 0, 60_000, below=200),
    _metric("vibration_rms", "mm/s", 0, 2_000, 2, below=_NOISE),
    _metric("vibration_peak", "mm/s", 0, 10_000, 2, below=_NOISE),
    _metric("vibration_crest", None, 0, 1_000, 2),
    _metric("vibration_frequency", "Hz", 0, 20_000, 1),
    # Calculated from a voltage: a full cell on its charger, and an empty one under load, lie beyond the line.
    _metric("battery", "%", 0, 100, below=5, above=15),
    _metric("rssi", "dBm", -140, 20),
    # Two counters that are not read in the same moment.
    _metric("cpu_percent", "%", 0, 100, 1, below=_NOISE, above=5),
    _metric("memory_percent", "%", 0, 100, 1, below=_NOISE, above=5),
    _metric("disk_percent", "%", 0, 100, 1, below=_NOISE, above=5),
    _metric("load_1m", None, 0, 100_000, 2),
    _metric("net_rx", "B/s", 0, 1e12),
    _metric("net_tx", "B/s", 0, 1e12),
    _metric("cpu_temperature", "°C", -55, 150, 1),
)

CATALOGUE: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _TABLE})
"""Every metric by its canonical name."""

BY_ANY_NAME: Mapping[str, Metric] = {name: metric for metric in _TABLE for name in (metric.name, *metric.aliases)}
"""Every metric by its canonical name and by each alias."""

_NO_WORD = re.compile(r"[\s.-]+")


def metric_named(name: str) -> Metric | None:
    """Return the metric of a name, also where it is written otherwise: `CO2`, `PM2.5`, `Water level`."""
    return BY_ANY_NAME.get(name) or BY_ANY_NAME.get(_NO_WORD.sub("_", name.strip().lower()))
