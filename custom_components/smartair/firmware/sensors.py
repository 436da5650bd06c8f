"""How far the update of a device has come, and why it waits or failed, as states that people see.

A device has them from its first order on: most are never updated, and a fleet has thousands.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import EntityCategory, Platform
from homeassistant.helpers import entity_registry as er

from ..const import DOMAIN
from ..devices.device import SmartAirDevice
from ..devices.entity import SmartAirEntity, SmartAirEntityDescription
from ..hub import hub_of
from ..pysmartair import updating
from .device_update import updatable

NO_REASON, OTHER_REASON = "none", "other"
STAGES = (
    "idle", "ordered", "accepted", "deferred", "downloading", "verifying", "installing", "rebooting", "on_trial",
    "confirmed", "failed", "rolled_back",
)  # fmt: skip
REASONS = (
    "bad_order", "busy", "checksum_mismatch", "checksum_missing", "connect_failed", "deferred_too_long", "downgrade",
    "download_failed", "download_timeout", "expired", "flash_error", "http_404", "image_invalid", "known_bad",
    "length_unknown", "maybe_retained", "no_answer", "no_progress", "no_return", "no_space", "pump_running",
    "rolled_back", "signature_invalid", "size_mismatch", "unsupported_url",
)  # fmt: skip
"""What a device, or the lack of it, can be told to be; another word of a device is `other`."""


def stage_of(state: updating.Update) -> tuple[str, str | None]:
    """Return how far an update has come, and why it waits or failed."""
    match state:
        case updating.Idle():
            return "idle", None
        case updating.Working():
            return state.phase.value, state.reason
        case updating.Rebooting():
            return "rebooting", None
        case updating.OnTrial():
            return "on_trial", None
        case updating.Ended():  # pragma: no branch - the union is closed
            return state.outcome.value, state.error


def known_reason(reason: str | None) -> str:
    """Return a reason as one of those that have a text."""
    if reason is None:
        return NO_REASON
    return reason if reason in REASONS else OTHER_REASON


@dataclass(frozen=True, kw_only=True)
class UpdateSensorDescription(SensorEntityDescription, SmartAirEntityDescription):
    """Describes a sensor of an update."""

    listens_to: tuple[str, ...] = ()
    value_fn: Callable[[updating.Update], str]


SENSORS = (
    UpdateSensorDescription(
        key="update_stage",
        translation_key="update_stage",
        device_class=SensorDeviceClass.ENUM,
        options=[*STAGES],
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda state: stage_of(state)[0],
    ),
    UpdateSensorDescription(
        key="update_reason",
        translation_key="update_reason",
        device_class=SensorDeviceClass.ENUM,
        options=[NO_REASON, OTHER_REASON, *REASONS],
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda state: known_reason(stage_of(state)[1]),
    ),
)


def update_sensors(device: SmartAirDevice) -> list[SmartAirEntity]:
    """Return the sensors of a device that was ever told to update."""
    return [UpdateSensor(device, one) for one in SENSORS] if _ordered(device) else []


def _ordered(device: SmartAirDevice) -> bool:
    if not updatable(device):
        return False
    unique_id = f"{device.unique_prefix}{SENSORS[0].key}"
    known = er.async_get(device.connection.hass).async_get_entity_id(Platform.SENSOR, DOMAIN, unique_id)
    return known is not None or not isinstance(hub_of(device).updates.of(device).state, updating.Idle)


class UpdateSensor(SmartAirEntity, SensorEntity):
    """Stage or reason of an update."""

    entity_description: UpdateSensorDescription

    @property
    @override
    def available(self) -> bool:
        """Always: what is known of an order holds while the device is away, as it is when it restarts."""
        return True

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the update as well."""
        await super().async_added_to_hass()
        self.async_on_remove(hub_of(self.device).updates.of(self.device).async_listen(self._async_changed))

    @override
    def async_refresh(self) -> None:
        """Show how far the update is."""
        self._attr_native_value = self.entity_description.value_fn(hub_of(self.device).updates.of(self.device).state)
