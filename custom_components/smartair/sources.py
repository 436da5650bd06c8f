"""Where a zone's values come from: a metric of a SmartAir device, or any sensor of Home Assistant."""

from collections.abc import Callable
import math
import time
from typing import TYPE_CHECKING, Protocol, override

from homeassistant.const import (
    ATTR_UNIT_OF_MEASUREMENT,
    UnitOfConductivity,
    UnitOfTemperature,
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
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event, async_track_state_report_event
from homeassistant.util.unit_conversion import (
    BaseUnitConverter,
    ConductivityConverter,
    TemperatureConverter,
    VolumeFlowRateConverter,
)

from .const import DOMAIN
from .device import SmartAirDevice
from .pysmartair import CATALOGUE, Telemetry

if TYPE_CHECKING:
    from .hub import SmartAirHub

# What a zone reckons in, and how a sensor of another unit is understood; what is not here has no other unit.
CONVERTERS: dict[str, tuple[type[BaseUnitConverter], str]] = {
    "ec": (ConductivityConverter, UnitOfConductivity.MILLISIEMENS_PER_CM),
    "flow": (VolumeFlowRateConverter, UnitOfVolumeFlowRate.LITERS_PER_MINUTE),
    "temperature": (TemperatureConverter, UnitOfTemperature.CELSIUS),
}
# There are two signs that look the same, and Home Assistant reckons with the second alone.
_MICRO_SIGN, _GREEK_MU = "\u00b5", "\u03bc"
METRICS = {"level": "water_level", "flow": "flow_rate", "ph": "ph", "ec": "ec", "temperature": "water_temperature"}

type Heard = Callable[[], None]


class Source(Protocol):
    """One value of a zone. `count` grows with each report, also of an unchanged value."""

    count: int

    def value(self, stale_after: float) -> float | None:
        """Return the value in the zone's unit, or None where nobody knows it now."""

    def async_end(self) -> None:
        """Listen no longer."""


class MetricSource(Source):
    """A metric of a SmartAir device, straight from its reports: an unchanged value is written to no state."""

    def __init__(self, device: SmartAirDevice, metric: str, heard: Heard) -> None:
        """Listen to the device."""
        self.device = device
        self.metric = metric
        self.count = 0
        measured = device.snapshot.measured.get(metric)
        # A value is as old as it is, whoever begins to listen when.
        age = math.inf if measured is None else max(0.0, time.time() - measured)
        self._reported = time.monotonic() - age
        self._heard = heard
        self._end = device.async_listen_reports(self._report)

    @override
    def value(self, stale_after: float) -> float | None:
        if not self.device.available or time.monotonic() - self._reported > stale_after:
            return None
        return self.device.snapshot.values.get(self.metric)

    @override
    def async_end(self) -> None:
        self._end()

    @callback
    def _report(self, message: Telemetry) -> None:
        if self.metric in message.sample.values:
            self.count += 1
            self._reported = time.monotonic()
            self._heard()


class StateSource(Source):
    """Any sensor of Home Assistant, judged by its unit, its age and what it measures."""

    def __init__(self, hass: HomeAssistant, entity_id: str, what: str, heard: Heard) -> None:
        """Listen to the entity."""
        self.entity_id = entity_id
        self.count = 0
        self._hass = hass
        self._what = what
        self._heard = heard
        self._ends: list[CALLBACK_TYPE] = [
            async_track_state_change_event(hass, entity_id, self._changed),
            async_track_state_report_event(hass, entity_id, self._changed),
        ]

    @override
    def value(self, stale_after: float) -> float | None:
        state = self._hass.states.get(self.entity_id)
        # A sensor that says the same again is alive: what counts is when it last said anything.
        if state is None or time.time() - state.last_reported_timestamp > stale_after:
            return None
        return understood(self._what, state)

    @override
    def async_end(self) -> None:
        for end in self._ends:
            end()

    @callback
    def _changed(self, _event: Event[EventStateChangedData] | Event[EventStateReportedData]) -> None:
        self.count += 1
        self._heard()


def understood(what: str, state: State) -> float | None:
    """Return what a sensor says in the zone's unit, or None where that is no number or cannot be true."""
    try:
        value = float(state.state)
    except ValueError:
        return None
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    if what in CONVERTERS and isinstance(unit, str):
        converter, wanted = CONVERTERS[what]
        try:
            value = converter.convert(value, unit.replace(_MICRO_SIGN, _GREEK_MU), wanted)
        except HomeAssistantError:
            return None
    low, high = CATALOGUE[METRICS[what]].taken
    # A number that is none lies in no range.
    return value if low <= value <= high else None


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


def metric_of(hub: SmartAirHub, entity_id: str) -> tuple[SmartAirDevice, str] | None:
    """Return the device and metric that a sensor of this hub shows, or None where it shows none."""
    entry = er.async_get(hub.hass).async_get(entity_id)
    if entry is None or entry.platform != DOMAIN:
        return None
    for device in hub.devices.values():
        metric = entry.unique_id.removeprefix(device.unique_prefix)
        if metric in CATALOGUE and metric != entry.unique_id:
            return device, metric
    return None


def source_of(hub: SmartAirHub, what: str, entity_id: str, heard: Heard) -> Source:
    """Return the source that an entity is."""
    if (found := metric_of(hub, entity_id)) is not None:
        return MetricSource(*found, heard)
    return StateSource(hub.hass, entity_id, what, heard)
