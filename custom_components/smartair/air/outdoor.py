"""What sensors outdoors and the weather say of the air, by whatever integration."""

from collections.abc import Iterable
from math import isfinite

from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.const import (
    ATTR_DEVICE_CLASS,
    ATTR_TEMPERATURE,
    ATTR_UNIT_OF_MEASUREMENT,
    Platform,
    UnitOfTemperature,
)
from homeassistant.core import HomeAssistant, State
from homeassistant.util.unit_conversion import TemperatureConverter

from ..devices.device import SmartAirDevice
from ..pysmartair.air.outside import Place

_HUMIDITY = "humidity"
_WEATHER_UNIT = "temperature_unit"
_MEASURED = {
    SensorDeviceClass.CO2: "co2",
    SensorDeviceClass.PM25: "pm25",
    SensorDeviceClass.TEMPERATURE: "temperature",
    SensorDeviceClass.HUMIDITY: "humidity",
}


def outdoors(hass: HomeAssistant, entities: Iterable[str]) -> Place:
    """Return what is known of the air outdoors; where two say the same, the first counts."""
    found: dict[str, float] = {}
    for entity_id in entities:
        state = hass.states.get(entity_id)
        for name, value in _read(state) if state is not None else ():
            found.setdefault(name, value)
    return Place(**found)


def indoors(device: SmartAirDevice) -> Place:
    """Return what a device knows of the air around it."""
    values = device.snapshot.values if device.available else {}
    return Place(**{name: values[name] for name in _MEASURED.values() if name in values})


def _read(state: State) -> Iterable[tuple[str, float]]:
    if state.domain == Platform.WEATHER:
        unit = state.attributes.get(_WEATHER_UNIT)
        yield from _value("temperature", state.attributes.get(ATTR_TEMPERATURE), unit)
        yield from _value("humidity", state.attributes.get(_HUMIDITY), None)
    elif (name := _MEASURED.get(state.attributes.get(ATTR_DEVICE_CLASS, ""))) is not None:
        yield from _value(name, state.state, state.attributes.get(ATTR_UNIT_OF_MEASUREMENT))


def _value(name: str, said: object, unit: str | None) -> Iterable[tuple[str, float]]:
    try:
        value = float(said)  # type: ignore[arg-type]
    except TypeError, ValueError:
        return
    if name == "temperature" and unit in TemperatureConverter.VALID_UNITS:
        value = TemperatureConverter.convert(value, unit, UnitOfTemperature.CELSIUS)
    if isfinite(value):
        yield name, value
