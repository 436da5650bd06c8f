"""A sensor for every metric that a device names."""

from typing import Any

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorStateClass
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import FloorConfigEntry, MetricEntity

_KINDS: dict[str, tuple[SensorDeviceClass | None, str | None]] = {
    "co2": (SensorDeviceClass.CO2, "ppm"),
    "temperature": (SensorDeviceClass.TEMPERATURE, "°C"),
    "humidity": (SensorDeviceClass.HUMIDITY, "%"),
    "pm1": (SensorDeviceClass.PM1, "µg/m³"),
    "pm25": (SensorDeviceClass.PM25, "µg/m³"),
    "pm10": (SensorDeviceClass.PM10, "µg/m³"),
    "voc_index": (None, None),
    "pressure": (SensorDeviceClass.ATMOSPHERIC_PRESSURE, "hPa"),
}


class FloorSensor(MetricEntity, SensorEntity):
    """A metric."""

    _attr_state_class = SensorStateClass.MEASUREMENT

    def __init__(self, uid: str, info: dict[str, Any], key: str) -> None:
        """Take class and unit from the table."""
        super().__init__(uid, info, key)
        self._attr_device_class, self._attr_native_unit_of_measurement = _KINDS[key]


async def async_setup_entry(
    _hass: HomeAssistant, entry: FloorConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Say how sensors are made and added."""
    floor = entry.runtime_data
    floor.adders[Platform.SENSOR] = async_add_entities
    floor.factories[Platform.SENSOR] = lambda uid, info: [FloorSensor(uid, info, key) for key in info["metrics"]]
