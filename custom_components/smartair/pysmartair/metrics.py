"""The catalogue of measurements: every name, unit and plausible range is derived from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measurement: its canonical name, unit, plausible range (both ends included) and useful decimals."""

    name: str
    unit: str | None
    minimum: float
    maximum: float
    precision: int
    aliases: tuple[str, ...] = ()

    def plausible(self, value: object) -> bool:
        """Tell whether this can be a measurement: a finite number (never a boolean) inside the range."""
        return (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            # Not a number compares false with everything, and no range here reaches infinity.
            and self.minimum <= value <= self.maximum
        )


def _metric(
    name: str,
    unit: str | None,
    minimum: float,
    maximum: float,
    precision: int = 0,
    *aliases: str,
) -> Metric:
    return Metric(name=name, unit=unit, minimum=minimum, maximum=maximum, precision=precision, aliases=aliases)


# Ranges are what the sensors of the field can report, a little wider than any of their data sheets,
# so that a power-on or error value (0 ppm, -127 °C, 65535) falls outside.
_TABLE = (
    _metric("co2", "ppm", 150, 60_000),  # outdoor air of glacial times was 180; SCD4x ends at 40,000
    _metric("temperature", "°C", -55, 125, 1, "temp", "temp_air"),  # DS18B20: -55 to 125, -127 is an error
    _metric("humidity", "%", 0, 100),
    _metric("pm1", "µg/m³", 0, 10_000, 0, "pm1_0"),
    _metric("pm25", "µg/m³", 0, 10_000, 0, "pm2_5"),
    _metric("pm4", "µg/m³", 0, 10_000),
    _metric("pm10", "µg/m³", 0, 10_000),
    _metric("voc", "ppb", 0, 60_000),  # SGP30 ends at 60,000
    _metric("voc_index", None, 0, 500),  # Sensirion's index is 1 to 500, 0 while it learns
    _metric("nox_index", None, 0, 500),
    _metric("pressure", "hPa", 300, 1_200, 1),  # BME280: 300 to 1,100
    _metric("lux", "lx", 0, 200_000),  # full sun is about 120,000
    _metric("ph", None, 0, 14, 2),
    _metric("ec", "mS/cm", 0, 200, 2),  # Atlas EZO with a K 1.0 cell ends at 200
    _metric("water_temperature", "°C", -20, 100, 1),
    _metric("water_level", "%", 0, 100),
    _metric("flow_rate", "L/min", 0, 1_000, 2),
    _metric("pump_current", "mA", 0, 100_000),
    _metric("vibration_rms", "mm/s", 0, 2_000, 2),
    _metric("vibration_peak", "mm/s", 0, 10_000, 2),
    _metric("vibration_crest", None, 0, 1_000, 2),
    _metric("vibration_frequency", "Hz", 0, 20_000, 1),
    _metric("battery", "%", 0, 100),
    _metric("rssi", "dBm", -140, 20),
    _metric("cpu_percent", "%", 0, 100, 1),
    _metric("memory_percent", "%", 0, 100, 1),
    _metric("disk_percent", "%", 0, 100, 1),
    _metric("load_1m", None, 0, 100_000, 2),
    _metric("net_rx", "B/s", 0, 1e12),
    _metric("net_tx", "B/s", 0, 1e12),
    _metric("cpu_temperature", "°C", -55, 150, 1),
)

CATALOGUE: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _TABLE})
"""Every metric by its canonical name."""

BY_ANY_NAME: Mapping[str, Metric] = {name: metric for metric in _TABLE for name in (metric.name, *metric.aliases)}
"""Every metric by its canonical name and by each alias."""
