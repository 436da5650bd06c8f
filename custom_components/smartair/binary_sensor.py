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

from .alerts.entity import AlertEntity, async_setup_alert_entities
from .devices.device import SmartAirDevice
from .devices.entity import SmartAirEntity, SmartAirEntityDescription, async_setup_entities
from .hub import SmartAirConfigEntry
from .pumps.entity import PumpEntity, PumpEntityDescription, async_setup_pump_entities
from .pumps.pump import Pump
from .pysmartair import KEY_CONFIG, KEY_STATUS, worst
from .zones.entities import async_setup_zones, zone_binary_sensors

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


@dataclass(frozen=True, kw_only=True)
class PumpBinarySensorDescription(BinarySensorEntityDescription, PumpEntityDescription):
    """Describes a binary sensor of a pump."""

    value_fn: Callable[[Pump], bool]
    attributes_fn: Callable[[Pump], dict[str, Any]] = lambda pump: {}


def _lock(pump: Pump) -> dict[str, Any]:
    lock = pump.lock
    if lock is None:
        return {"reason": "pump_stuck_on" if pump.stuck else None, "cause": None, "value": None, "limit": None}
    return {"reason": str(lock.reason), "cause": str(lock.cause), "value": lock.value, "limit": lock.limit}


PUMP_BINARY_SENSORS: tuple[PumpBinarySensorDescription, ...] = (
    PumpBinarySensorDescription(
        key="safety_lock",
        translation_key="safety_lock",
        device_class=BinarySensorDeviceClass.PROBLEM,
        # A lock is Home Assistant's too, and holds while the device is away.
        always_there=True,
        value_fn=lambda pump: pump.lock is not None or pump.stuck,
        attributes_fn=_lock,
    ),
    PumpBinarySensorDescription(
        key="runs_although_off",
        translation_key="runs_although_off",
        device_class=BinarySensorDeviceClass.PROBLEM,
        always_there=True,
        value_fn=lambda pump: pump.runs_although_off,
    ),
    PumpBinarySensorDescription(
        key="guarded_by_home_assistant_only",
        translation_key="guarded_by_home_assistant_only",
        entity_category=EntityCategory.DIAGNOSTIC,
        always_there=True,
        value_fn=lambda pump: not pump.protected,
    ),
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
    async_setup_pump_entities(
        entry, async_add_entities, lambda pump: [PumpBinarySensor(pump, one) for one in PUMP_BINARY_SENSORS]
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


class PumpBinarySensor(PumpEntity, BinarySensorEntity):
    """A yes or no about a pump."""

    entity_description: PumpBinarySensorDescription

    @override
    def async_refresh(self) -> None:
        """Take over the answer."""
        self._attr_is_on = self.entity_description.value_fn(self.pump)
        self._attr_extra_state_attributes = self.entity_description.attributes_fn(self.pump)
