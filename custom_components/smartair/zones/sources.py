"""Where a zone's values come from: a metric of a SmartAir device, or any sensor of Home Assistant."""

from collections.abc import Callable, Mapping
from enum import StrEnum, auto
import time
from typing import Protocol, override

from homeassistant.const import (
    ATTR_UNIT_OF_MEASUREMENT,
    PERCENTAGE,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    UnitOfConductivity,
    UnitOfElectricCurrent,
    UnitOfLength,
    UnitOfPower,
    UnitOfTemperature,
    UnitOfVolume,
    UnitOfVolumeFlowRate,
)
from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    EventStateChangedData,
    EventStateReportedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event, async_track_state_report_event
from homeassistant.util.unit_conversion import (
    BaseUnitConverter,
    ConductivityConverter,
    DistanceConverter,
    ElectricCurrentConverter,
    PowerConverter,
    TemperatureConverter,
    VolumeConverter,
    VolumeFlowRateConverter,
)

from ..connection import Connection
from ..const import DOMAIN
from ..devices.device import SmartAirDevice
from ..pysmartair import CATALOGUE, Telemetry
from ..pysmartair.hearing import Hearing, begin, hear, lose, renew
from ..pysmartair.safety import POWER_RANGE
from ..pysmartair.water.tank import Tank

# What a zone reckons in, and how a sensor of another unit is understood.
CONVERTERS: dict[str, tuple[type[BaseUnitConverter], str]] = {
    "ec": (ConductivityConverter, UnitOfConductivity.MILLISIEMENS_PER_CM),
    "flow": (VolumeFlowRateConverter, UnitOfVolumeFlowRate.LITERS_PER_MINUTE),
    "temperature": (TemperatureConverter, UnitOfTemperature.CELSIUS),
    "power": (PowerConverter, UnitOfPower.WATT),
    "current": (ElectricCurrentConverter, UnitOfElectricCurrent.MILLIAMPERE),
}
# pH has no unit; some write its name there.
PH_UNITS = {None, "", "pH"}
# There are two signs that look the same, and Home Assistant reckons with the second alone.
_MICRO_SIGN, _GREEK_MU = "\u00b5", "\u03bc"
METRICS = {
    "level": "water_level",
    "flow": "flow_rate",
    "ph": "ph",
    "ec": "ec",
    "temperature": "water_temperature",
    "current": "pump_current",
}
_RANGES = {what: CATALOGUE[metric].taken for what, metric in METRICS.items()} | {"power": POWER_RANGE}

type Heard = Callable[[], None]


class Trouble(StrEnum):
    """Why a source has no value."""

    MISSING = auto()
    UNAVAILABLE = auto()
    NO_VALUE = auto()
    NO_NUMBER = auto()
    UNIT = auto()
    MEASURES = auto()
    RANGE = auto()
    SILENT = auto()


class Judged(StrEnum):
    """By what the age of a source is judged."""

    DEVICE = auto()
    REPEATS = auto()
    CHANGES = auto()


class Source(Protocol):
    """One value of a zone. `count` grows with each report, also of an unchanged value."""

    count: int
    hearing: Hearing

    def trouble(self, term: float) -> Trouble | None:
        """Return why it has no value now, or None where it has one."""

    def judged(self, term: float) -> Judged:
        """Return by what its age is judged."""
        if self.hearing.always:
            return Judged.DEVICE
        return Judged.REPEATS if self.hearing.repeats(term) else Judged.CHANGES

    def value(self, term: float) -> float | None:
        """Return the value in the zone's unit, None where it has not been borne out for longer than the term."""

    def resume(self, before: Source) -> None:
        """Go on where another one of the same left off."""

    def async_end(self) -> None:
        """Listen no longer."""


class MetricSource(Source):
    """A metric of a SmartAir device, straight from its reports: an unchanged value is written to no state."""

    def __init__(self, device: SmartAirDevice, metric: str, heard: Heard) -> None:
        """Listen to the device."""
        self.device = device
        self.metric = metric
        self.count = 0
        self.hearing = begin(time.monotonic(), always=True)
        self._heard = heard
        self.said = device.snapshot.values.get(metric)
        measured = device.snapshot.measured.get(metric)
        # A value is as old as it is, whoever begins to listen when; one from the future has no age.
        if measured is not None and (age := time.time() - measured) >= 0:
            self.hearing = hear(self.hearing, time.monotonic() - age, equal=False)
        self._end = device.async_listen_reports(self._report)

    @override
    def trouble(self, term: float) -> Trouble | None:
        if not self.device.available:
            return Trouble.UNAVAILABLE
        age = self.hearing.age(time.monotonic(), term)
        if age is None:
            return Trouble.NO_VALUE
        return Trouble.SILENT if age > term else None

    @override
    def value(self, term: float) -> float | None:
        age = self.hearing.age(time.monotonic(), term)
        return None if age is None or age > term else self.said

    @override
    def resume(self, before: Source) -> None:
        if isinstance(before, MetricSource) and (before.device, before.metric) == (self.device, self.metric):
            self.count, self.hearing, self.said = before.count, before.hearing, before.said

    @override
    def async_end(self) -> None:
        self._end()

    @callback
    def _report(self, message: Telemetry) -> None:
        if (value := message.sample.values.get(self.metric)) is not None:
            self.said = value
            self.count += 1
            self.hearing = hear(self.hearing, time.monotonic(), equal=False)
            self._heard()


class StateSource(Source):
    """Any sensor of Home Assistant, judged by its unit, its age and what it measures.

    Many integrations write nothing where nothing changes. Steady is not silent: until it was seen to report equal
    values as well, its owner alone, who makes it unavailable, tells that it is lost.
    """

    def __init__(self, hass: HomeAssistant, entity_id: str, what: str, tank: Tank, heard: Heard) -> None:
        """Listen to the entity."""
        self.entity_id = entity_id
        self.count = 0
        self.hearing = begin(time.monotonic())
        self._hass = hass
        self.what = what
        self.tank = tank
        self._heard = heard
        self.said: float | None = None
        self._trouble: Trouble | None = None
        self._take(hass.states.get(entity_id), equal=False)
        self._ends: list[CALLBACK_TYPE] = [
            async_track_state_change_event(hass, entity_id, self._changed),
            async_track_state_report_event(hass, entity_id, self._reported),
        ]

    @override
    def trouble(self, term: float) -> Trouble | None:
        age = self.hearing.age(time.monotonic(), term)
        return self._trouble or (Trouble.SILENT if age is not None and age > term else None)

    @override
    def value(self, term: float) -> float | None:
        age = self.hearing.age(time.monotonic(), term)
        return None if age is None or age > term else self.said

    @override
    def resume(self, before: Source) -> None:
        if not isinstance(before, StateSource) or (before.what, before.tank) != (self.what, self.tank):
            return
        self.count, self.hearing = before.count, before.hearing
        if self._trouble is not None:
            self.said = before.said
            self.hearing = lose(self.hearing, time.monotonic())

    @override
    def async_end(self) -> None:
        for end in self._ends:
            end()

    @callback
    def _changed(self, event: Event[EventStateChangedData]) -> None:
        before, after = event.data["old_state"], event.data["new_state"]
        if _is_away(before) and not _is_away(after):
            self.hearing = renew(self.hearing, time.monotonic())
        self._take(after, equal=before is not None and after is not None and before.state == after.state)
        self._heard()

    @callback
    def _reported(self, event: Event[EventStateReportedData]) -> None:
        self._take(event.data["new_state"], equal=True)
        self._heard()

    def _take(self, state: State | None, *, equal: bool) -> None:
        found = Trouble.MISSING if state is None else read(self.what, state, self.tank)
        now = time.monotonic()
        if isinstance(found, Trouble):
            self._trouble = found
            self.hearing = lose(self.hearing, now)
            return
        self.said, self._trouble = found, None
        self.count += 1
        self.hearing = hear(self.hearing, now, equal=equal)


def _is_away(state: State | None) -> bool:
    return state is None or state.state == STATE_UNAVAILABLE


def read(what: str, state: State, tank: Tank) -> float | Trouble:
    """Return what a sensor says in the zone's unit, or why that is no value."""
    if state.state == STATE_UNAVAILABLE:
        return Trouble.UNAVAILABLE
    if state.state == STATE_UNKNOWN:
        return Trouble.NO_VALUE
    try:
        said = float(state.state)
    except ValueError:
        return Trouble.NO_NUMBER
    value = converted(what, said, state.attributes.get(ATTR_UNIT_OF_MEASUREMENT), tank)
    if isinstance(value, Trouble):
        return value
    low, high = _RANGES[what]
    # A number that is none lies in no range.
    return value if low <= value <= high else Trouble.RANGE


def converted(what: str, value: float, unit: object, tank: Tank) -> float | Trouble:
    """Return a value in the zone's unit; a unit that is not understood is never taken for the right one."""
    if what == "ph":
        return value if unit in PH_UNITS else Trouble.UNIT
    if not isinstance(unit, str):
        return Trouble.UNIT
    unit = _plain(unit)
    if what == "level":
        return _level(value, unit, tank)
    converter, wanted = CONVERTERS[what]
    return converter.convert(value, unit, wanted) if unit in converter.VALID_UNITS else Trouble.UNIT


def _plain(unit: str) -> str:
    return unit.strip().replace(_MICRO_SIGN, _GREEK_MU)


def unit_trouble(hass: HomeAssistant, what: str, entity_id: str, tank: Tank) -> Trouble | None:
    """Return what is wrong with the unit of a sensor, as far as it can be seen now."""
    unit = unit_of(hass, entity_id)
    state = hass.states.get(entity_id)
    if unit is None and (state is None or state.state in {STATE_UNAVAILABLE, STATE_UNKNOWN}):
        return None
    found = converted(what, 1.0, unit, tank)
    return found if isinstance(found, Trouble) else None


def unit_of(hass: HomeAssistant, entity_id: str) -> str | None:
    """Return the unit of a sensor, also of one that is not there just now."""
    state = hass.states.get(entity_id)
    if state is not None and (unit := state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)) is not None:
        return str(unit)
    entry = er.async_get(hass).async_get(entity_id)
    return entry.unit_of_measurement if entry is not None else None


class House(Protocol):
    """Where the sensors of SmartAir are looked for: a hub, or what belongs to one."""

    @property
    def connection(self) -> Connection:
        """The connection of the hub."""

    @property
    def devices(self) -> Mapping[str, SmartAirDevice]:
        """Its devices."""


def drawn_as(house: House, entity_id: str) -> str:
    """Return whether a sensor tells what a pump draws as a power or as a current."""
    unit = _plain(unit_of(house.connection.hass, entity_id) or "")
    ours = metric_of(house, entity_id) is not None
    return "current" if ours or unit in ElectricCurrentConverter.VALID_UNITS else "power"


def is_length(unit: str | None) -> bool:
    """Tell whether a unit is one of a length."""
    return unit in DistanceConverter.VALID_UNITS


def _level(value: float, unit: str, tank: Tank) -> float | Trouble:
    level: float | None
    if unit == PERCENTAGE:
        level = value
    elif unit in DistanceConverter.VALID_UNITS:
        level = tank.level_of_length(DistanceConverter.convert(value, unit, UnitOfLength.CENTIMETERS))
    elif unit in VolumeConverter.VALID_UNITS:
        level = tank.level_of_volume(VolumeConverter.convert(value, unit, UnitOfVolume.LITERS))
    else:
        return Trouble.UNIT
    return Trouble.MEASURES if level is None else level


def entity_id_of(hass: HomeAssistant, reference: str) -> str | None:
    """Return the entity id that a registry id, or an entity id, now stands for; None where the entity is gone."""
    registry = er.async_get(hass)
    if (entry := registry.entities.get_entry(reference)) is not None:
        return entry.entity_id
    if "." not in reference:
        return None
    return reference if registry.async_get(reference) or hass.states.get(reference) or not hass.is_running else None


def reference_of(hass: HomeAssistant, entity_id: str) -> str:
    """Return what outlives a rename: the registry id, where the entity has one."""
    entry = er.async_get(hass).async_get(entity_id)
    return entry.id if entry is not None else entity_id


def metric_of(house: House, entity_id: str) -> tuple[SmartAirDevice, str] | None:
    """Return the device and metric that a sensor of a hub shows, or None where it shows none."""
    entry = er.async_get(house.connection.hass).async_get(entity_id)
    if entry is None or entry.platform != DOMAIN:
        return None
    for device in _house_of(house, entry).devices.values():
        metric = entry.unique_id.removeprefix(device.unique_prefix)
        if metric in CATALOGUE and metric != entry.unique_id:
            return device, metric
    return None


def _house_of(house: House, entry: er.RegistryEntry) -> House:
    """Return the hub that an entity belongs to: one on another root does not say the same twice either."""
    owner = house.connection.hass.config_entries.async_get_entry(entry.config_entry_id or "")
    found: House = getattr(owner, "runtime_data", house)
    return found


def source_of(house: House, what: str, entity_id: str, tank: Tank, heard: Heard) -> Source:
    """Return the source that an entity is."""
    if (found := metric_of(house, entity_id)) is not None:
        return MetricSource(*found, heard)
    return StateSource(house.connection.hass, entity_id, what, tank, heard)
