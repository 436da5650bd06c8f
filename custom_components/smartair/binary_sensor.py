"""Binary sensors: whether a device is connected, has yet to take over its settings, or has an alert."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .alert_entity import AlertEntity, async_setup_alert_entities
from .device import SmartAirDevice
from .entity import SmartAirEntity, SmartAirEntityDescription, async_setup_entities
from .hub import SmartAirConfigEntry
from .pysmartair import KEY_CONFIG, KEY_STATUS, worst
from .zone_entities import async_setup_zones, zone_binary_sensors

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class SmartAirBinarySensorDescription(BinarySensorEntityDescription, SmartAirEntityDescription):
    """Describes a binary sensor."""

    value_fn: Callable[[SmartAirDevice], bool]
    exists_fn: Callable[[SmartAirDevice], bool] = lambda device: True


BINARY_SENSORS: tuple[SmartAirBinarySensorDescription, ...] = (
    SmartAirBinarySensorDescription(
        key="online",
        listens_to=(KEY_STATUS,),
        translation_key="online",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda device: device.available,
    ),
    SmartAirBinarySensorDescription(
        key="settings_pending",
        listens_to=(KEY_CONFIG,),
        translation_key="settings_pending",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda device: bool(device.pending),
        exists_fn=lambda device: bool(device.snapshot.settings),
    ),
)

ALERT = BinarySensorEntityDescription(
    key="alert",
    translation_key="alert",
    device_class=BinarySensorDeviceClass.PROBLEM,
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the binary sensors."""
    async_setup_entities(
        entry,
        async_add_entities,
        lambda device: [SmartAirBinarySensor(device, one) for one in BINARY_SENSORS if one.exists_fn(device)],
    )
    async_setup_zones(entry, async_add_entities, zone_binary_sensors)
    async_setup_alert_entities(
        entry, async_add_entities, Platform.BINARY_SENSOR, ALERT.key, lambda owner: AlertBinarySensor(owner, ALERT)
    )


class SmartAirBinarySensor(SmartAirEntity, BinarySensorEntity):
    """A yes or no about a device, which can be told whether or not the device is there."""

    entity_description: SmartAirBinarySensorDescription

    @property
    @override
    def available(self) -> bool:
        """Always: that a device is not there is an answer too."""
        return True

    @override
    def async_refresh(self) -> None:
        """Take over the answer."""
        self._attr_is_on = self.entity_description.value_fn(self.device)


class AlertBinarySensor(AlertEntity[BinarySensorEntityDescription], BinarySensorEntity):
    """Whether there is an active alert."""

    @callback
    @override
    def async_refresh(self) -> None:
        """Take over what is active."""
        active = self.active()
        severity = worst(active)
        self._attr_is_on = bool(active)
        self._attr_extra_state_attributes: dict[str, Any] = {
            "codes": sorted({alert.code.value for alert in active}),
            "severity": severity and severity.value,
        }
