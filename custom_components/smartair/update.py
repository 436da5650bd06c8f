"""Updates: the firmware of a device, what is newer, and how far an installation has come."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.update import (
    UpdateDeviceClass,
    UpdateEntity,
    UpdateEntityDescription,
    UpdateEntityFeature,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .devices.device import SmartAirDevice
from .devices.entity import SmartAirEntity, SmartAirEntityDescription, async_setup_entities
from .firmware.device_update import updatable
from .firmware.sensors import stage_of
from .hub import SmartAirConfigEntry, hub_of
from .pysmartair import KEY_DESCRIPTOR, KEY_FACTS, updating, versions

# A device takes one update at a time; a fleet may take many.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class SmartAirUpdateDescription(UpdateEntityDescription, SmartAirEntityDescription):
    """Describes the update of a device."""

    listens_to: tuple[str, ...] = (KEY_DESCRIPTOR, KEY_FACTS)


FIRMWARE = SmartAirUpdateDescription(
    key="update", translation_key="firmware", device_class=UpdateDeviceClass.FIRMWARE
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the updates."""
    async_setup_entities(
        entry, async_add_entities, lambda device: [FirmwareUpdate(device, FIRMWARE)] if updatable(device) else []
    )


class FirmwareUpdate(SmartAirEntity, UpdateEntity):
    """The firmware of a device."""

    entity_description: SmartAirUpdateDescription
    _attr_supported_features = (
        UpdateEntityFeature.INSTALL
        | UpdateEntityFeature.SPECIFIC_VERSION
        | UpdateEntityFeature.PROGRESS
        | UpdateEntityFeature.RELEASE_NOTES
    )

    def __init__(self, device: SmartAirDevice, description: SmartAirUpdateDescription) -> None:
        """Belong to the update of a device."""
        self.update = hub_of(device).updates.of(device)
        self._notes = ""
        super().__init__(device, description)

    @property
    @override
    def available(self) -> bool:
        """Whether the device is there, or away because it restarts into its new version."""
        return self.device.available or (self.device.connection.connected and self.update.busy)

    @property
    @override
    def in_progress(self) -> bool:
        """Whether the device is being updated; ordering ends long before that."""
        return self.update.busy

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the update as well."""
        await super().async_added_to_hass()
        self.async_on_remove(self.update.async_listen(self._async_changed))

    @override
    def async_refresh(self) -> None:
        """Take over what runs, what is on offer, and how far it has come."""
        image = self.update.latest
        installed = self.device.snapshot.firmware_version
        self._attr_installed_version = installed
        unordered = self.update.unordered
        # What cannot be compared is not up to date, only unknown.
        self._attr_latest_version = image.version if image else None if unordered else installed
        self._attr_title = image.title if image else None
        self._attr_release_url = image.release_url if image else None
        self._notes = image.changelog if image else ""
        self._attr_release_summary = self._notes or None
        state = self.update.state
        self._attr_update_percentage = state.percent if isinstance(state, updating.Working) else None
        self._attr_extra_state_attributes = _details(state) | (
            {"not_comparable_with": unordered.version} if unordered else {}
        )

    @override
    def version_is_newer(self, latest_version: str, installed_version: str) -> bool:
        """Compare as the catalogue does, so that what is offered is shown as newer."""
        return versions.newer(latest_version, installed_version)

    @override
    async def async_release_notes(self) -> str | None:
        """Return the changelog of the version on offer."""
        return self._notes or None

    @override
    async def async_install(self, version: str | None, backup: bool, **kwargs: Any) -> None:
        """Order a version; how it goes is shown, and it has succeeded when the device has proven it."""
        await self.update.async_install(version)

    async def async_update(self) -> None:
        """Look into the firmware folder, when a person asks for it."""
        await hub_of(self.device).updates.folder.async_scan()


def _details(state: updating.Update) -> dict[str, Any]:
    """Return how far an update has come: the stage, why it waits or failed, and for which version."""
    stage, reason = stage_of(state)
    order = updating.order_of(state)
    return {"stage": stage, "reason": reason, "target_version": order.version if order else None}
