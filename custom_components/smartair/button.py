"""Buttons: the commands of a device that need nothing further, and what people answer to alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, override

from homeassistant.components.button import ButtonDeviceClass, ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .alerts.entity import AlertEntity, async_setup_alert_entities
from .devices.entity import SmartAirEntity, SmartAirEntityDescription, async_setup_entities
from .firmware import rollout_entities
from .hub import SmartAirConfigEntry
from .pumps.entity import PumpEntity, PumpEntityDescription, async_setup_pump_entities
from .pysmartair import Alert, Change, CommandName
from .zones.entities import async_setup_zones, zone_buttons

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class SmartAirButtonDescription(ButtonEntityDescription, SmartAirEntityDescription):
    """Describes a button: the command and its parameters."""

    listens_to: tuple[str, ...] = ()
    command: CommandName
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


BUTTONS: tuple[SmartAirButtonDescription, ...] = (
    SmartAirButtonDescription(
        key="restart",
        translation_key="restart",
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        command=CommandName.RESTART,
    ),
    SmartAirButtonDescription(
        key="identify",
        translation_key="identify",
        device_class=ButtonDeviceClass.IDENTIFY,
        entity_category=EntityCategory.DIAGNOSTIC,
        command=CommandName.IDENTIFY,
    ),
    SmartAirButtonDescription(
        key="live",
        translation_key="live",
        entity_category=EntityCategory.DIAGNOSTIC,
        command=CommandName.LIVE,
        params=MappingProxyType({"seconds": 60, "interval": 1}),
    ),
)


ACKNOWLEDGE = ButtonEntityDescription(key="acknowledge", translation_key="acknowledge")


@dataclass(frozen=True, kw_only=True)
class PumpButtonDescription(ButtonEntityDescription, PumpEntityDescription):
    """Describes a button of a pump."""


RESET = PumpButtonDescription(key="reset_safety_lock", translation_key="reset_safety_lock")


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the buttons."""
    async_setup_entities(
        entry,
        async_add_entities,
        lambda device: [CommandButton(device, one) for one in BUTTONS if one.command in device.snapshot.commands],
    )
    async_setup_zones(entry, async_add_entities, zone_buttons)
    async_setup_alert_entities(
        entry,
        async_add_entities,
        Platform.BUTTON,
        ACKNOWLEDGE.key,
        lambda owner: AcknowledgeButton(owner, ACKNOWLEDGE),
    )
    async_setup_pump_entities(entry, async_add_entities, lambda pump: [ResetButton(pump, RESET)])
    rollout_entities.async_setup_rollout(
        entry, async_add_entities, rollout_entities.RolloutButton, rollout_entities.BUTTONS
    )


class CommandButton(SmartAirEntity, ButtonEntity):
    """A command of a device."""

    entity_description: SmartAirButtonDescription

    @override
    async def async_press(self) -> None:
        """Send the command and wait for the device's answer."""
        await self.device.async_command(self.entity_description.command, self.entity_description.params)


class ResetButton(PumpEntity, ButtonEntity):
    """The reset of a pump's safety lock, there while it is locked, and refused while the cause is still there."""

    entity_description: PumpButtonDescription

    @property
    @override
    def available(self) -> bool:
        """Whether there is anything to reset; while the device is away too, to say that it cannot be reached."""
        return self.pump.resettable

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to leaks as well, which are no matter of the pump alone."""
        await super().async_added_to_hass()
        self.async_on_remove(self.pump.pumps.alerts.async_listen(self._alert_changed))

    @callback
    def _alert_changed(self, _change: Change, alert: Alert) -> None:
        if alert.uid == self.pump.uid:
            self._async_changed()

    @override
    async def async_press(self) -> None:
        """Reset the lock."""
        await self.pump.async_reset()


class AcknowledgeButton(AlertEntity[ButtonEntityDescription], ButtonEntity):
    """Says that somebody knows of the alerts of a device, or of all there are; there while one is not known."""

    @callback
    @override
    def async_refresh(self) -> None:
        """Take over whether there is anything to acknowledge."""
        self._attr_available = any(alert.acknowledged_at is None for alert in self.active())

    @override
    async def async_press(self) -> None:
        """Acknowledge them."""
        for alert in self.active():
            self._alerts.async_acknowledge(alert.id)
