"""The catalogue, against the list of the protocol page."""

import pytest

from custom_components.smartair.pysmartair import CATALOGUE, Rejection
from custom_components.smartair.pysmartair.protocol.metrics import BY_ANY_NAME
from custom_components.smartair.pysmartair.safety import CURRENT_RANGE, FLOW_RANGE, LEVEL_RANGE

from . import hear

# Word for word what the protocol page names, so that neither can change alone.
UNITS = {
    "co2": "ppm",
    "temperature": "°C",
    "humidity": "%",
    "pm1": "µg/m³",
    "pm25": "µg/m³",
    "pm4": "µg/m³",
    "pm10": "µg/m³",
    "voc": "ppb",
    "voc_index": None,
    "nox_index": None,
    "pressure": "hPa",
    "lux": "lx",
    "ph": None,
    "ec": "mS/cm",
    "water_temperature": "°C",
    "water_level": "%",
    "flow_rate": "L/min",
    "pump_current": "mA",
    "vibration_rms": "mm/s",
    "vibration_peak": "mm/s",
    "vibration_crest": None,
    "vibration_frequency": "Hz",
    "battery": "%",
    "rssi": "dBm",
    "cpu_percent": "%",
    "memory_percent": "%",
    "disk_percent": "%",
    "load_1m": None,
    "net_rx": "B/s",
    "net_tx": "B/s",
    "cpu_temperature": "°C",
}
ALIASES = {"temp": "temperature", "temp_air": "temperature", "pm1_0": "pm1", "pm2_5": "pm25"}

# Agreed with the guard and the firmware: what there can be, and what is taken of it.
AGREED = {
    "water_level": ((0, 100), (-10, 120)),
    "pump_current": ((0, 60_000), (-200, 60_000)),
    "flow_rate": ((0, 500), (-5, 500)),
    "humidity": ((0, 100), (-5, 110)),
    "battery": ((0, 100), (-5, 115)),
}

# A little beyond the end of a range, as sensors say that end, and what is shown of it.
BEYOND = [
    ("humidity", 100.4, 100),
    ("humidity", 101.9, 100),
    ("humidity", -0.3, 0),
    ("water_level", -0.8, 0),
    ("water_level", 100.6, 100),
    ("pump_current", -0.4, 0),
    ("pump_current", -180, 0),
    ("flow_rate", -0.02, 0),
    ("battery", 104, 100),
    ("battery", -2, 0),
    ("ph", 14.03, 14),
    ("ph", -0.1, 0),
    ("ec", -0.02, 0),
    ("pm25", -0.2, 0),
    ("voc", -0.4, 0),
    ("lux", -0.5, 0),
    ("vibration_rms", -0.01, 0),
    ("cpu_percent", 100.1, 100),
    ("memory_percent", 100.2, 100),
    ("disk_percent", -0.1, 0),
]

# One ordinary value of each, and what a broken sensor of that kind is known to send: far outside, since what lies a
# little beyond an end is a measurement of that end.
ORDINARY = {
    "co2": (420, 0),
    "temperature": (21.5, -127),
    "humidity": (45.2, 255),
    "pm1": (3, -1),
    "pm25": (5.5, 65535),
    "pm4": (6, 65535),
    "pm10": (8, 65535),
    "voc": (120, 65535),
    "voc_index": (100, 65535),
    "nox_index": (1, 32767),
    "pressure": (1013.2, 0),
    "lux": (54612.5, 1e9),
    "ph": (5.9, 21),
    "ec": (1.8, -1),
    "water_temperature": (20.1, 850),
    "water_level": (78.5, 255),
    "flow_rate": (3.2, -32),
    "pump_current": (812, -32_768),
    "vibration_rms": (1.8, -1),
    "vibration_peak": (5.8, 1e9),
    "vibration_crest": (3.2, -1),
    "vibration_frequency": (48.9, 1e6),
    "battery": (87, 255),
    "rssi": (-61, 127),
    "cpu_percent": (3.5, 390),
    "memory_percent": (41, -1),
    "disk_percent": (63, 200),
    "load_1m": (0.42, -1),
    "net_rx": (530_143, -1),
    "net_tx": (125_000_000, 1e13),
    "cpu_temperature": (48.5, 999),
}


def test_the_catalogue_names_what_the_protocol_names_in_the_same_units() -> None:
    assert {name: metric.unit for name, metric in CATALOGUE.items()} == UNITS


def test_every_alias_of_the_protocol_is_known_and_no_other() -> None:
    assert {name: metric.name for name, metric in BY_ANY_NAME.items() if name != metric.name} == ALIASES


@pytest.mark.parametrize("name", UNITS)
def test_every_metric_has_its_own_name_a_range_and_decimals(name: str) -> None:
    metric = CATALOGUE[name]
    assert metric.name == name
    assert metric.lowest <= metric.minimum < metric.maximum <= metric.highest
    assert 0 <= metric.precision <= 3


@pytest.mark.parametrize("name", UNITS)
def test_an_ordinary_value_is_plausible_and_that_of_a_broken_sensor_is_not(name: str) -> None:
    good, broken = ORDINARY[name]
    metric = CATALOGUE[name]
    assert metric.plausible(good)
    assert not metric.plausible(broken)
    assert hear("telemetry", {name: good}).sample.values == {name: good}
    assert hear("telemetry", {name: broken}).sample.values == {}


@pytest.mark.parametrize("name", UNITS)
def test_both_ends_of_what_is_taken_are_plausible(name: str) -> None:
    metric = CATALOGUE[name]
    ends = metric.taken
    assert [hear("telemetry", {name: end}).sample.values for end in ends] == [{name: end} for end in ends]


@pytest.mark.parametrize("name", UNITS)
def test_beyond_what_is_taken_is_no_measurement(name: str) -> None:
    low, high = CATALOGUE[name].taken
    for value in (low - 0.001, high + 0.001):
        assert not CATALOGUE[name].plausible(value)
        assert hear("telemetry", {name: value}).sample.rejected == {name: Rejection.OUT_OF_RANGE}


@pytest.mark.parametrize(("name", "ranges"), AGREED.items())
def test_guard_and_firmware_rely_on_these_ranges(name: str, ranges: tuple[tuple[float, float], ...]) -> None:
    metric = CATALOGUE[name]
    assert ((metric.minimum, metric.maximum), metric.taken) == ranges


def test_the_guard_judges_by_what_the_parser_takes() -> None:
    names = ("water_level", "flow_rate", "pump_current")
    assert tuple(CATALOGUE[name].taken for name in names) == (LEVEL_RANGE, FLOW_RANGE, CURRENT_RANGE)


@pytest.mark.parametrize(("name", "value", "shown"), BEYOND)
def test_a_little_beyond_the_end_is_taken_as_measured_and_shown_as_the_end(
    name: str, value: float, shown: float
) -> None:
    assert hear("telemetry", {name: value}).sample.values == {name: value}
    assert CATALOGUE[name].shown(value) == shown


@pytest.mark.parametrize("name", UNITS)
def test_what_lies_inside_is_shown_as_it_was_measured(name: str) -> None:
    metric = CATALOGUE[name]
    inside = (metric.minimum, ORDINARY[name][0], metric.maximum)
    assert tuple(metric.shown(value) for value in inside) == inside


@pytest.mark.parametrize("value", [-1, -1.0])
@pytest.mark.parametrize("name", ["pm1", "pm25", "pm4", "pm10", "voc", "lux"])
def test_what_libraries_return_in_place_of_a_value_is_no_clean_air_and_no_darkness(name: str, value: float) -> None:
    assert hear("telemetry", {name: value}).sample.values == {}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), True, False, "21", None, [21], 10**400])
@pytest.mark.parametrize("name", UNITS)
def test_what_is_not_a_finite_number_is_never_plausible(name: str, value: object) -> None:
    assert not CATALOGUE[name].plausible(value)


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_an_alias_is_shown_by_its_canonical_name(alias: str, name: str) -> None:
    assert hear("telemetry", {alias: 21.5}).sample.values == {name: 21.5}
    assert hear("info", {"protocol": 1, "device_type": "multi", "metrics": [alias]}).metrics == (name,)
