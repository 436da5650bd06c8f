"""What all entities share: their device, their availability, and their way into the world."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import override

from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback, async_get_current_platform

from ..hub import SmartAirConfigEntry
from .device import SmartAirDevice

MAX_ENTITIES = 256
"""Entities of a device over its life: everything that is in the catalogue and 64 settings come to half of it."""


@dataclass(frozen=True, kw_only=True)
class SmartAirEntityDescription(EntityDescription):
    """Describes an entity: what must change for it to be written anew."""

    listens_to: tuple[str, ...]


class SmartAirEntity(Entity):
    """An entity of one device, written when a key that it listens to has changed."""

    _attr_has_entity_name = True
    # What is so of every entity, and Home Assistant would otherwise keep in each: thousands in a fleet.
    assumed_state = False
    attribution = None
    force_update = False
    should_poll = False
    entity_description: SmartAirEntityDescription

    def __init__(self, device: SmartAirDevice, description: SmartAirEntityDescription) -> None:
        """Belong to a device."""
        self.device = device
        self.entity_description = description
        self._attr_unique_id = f"{device.unique_prefix}{description.key}"
        # The hub has registered the device; to describe it again with each of its entities would be to register it
        # fifteen times over.
        self.device_entry = device.registered
        # Home Assistant asks for options and limits before the entity is added.
        self.async_refresh()

    @property
    @override
    def available(self) -> bool:
        """Whether the device can be believed to be there."""
        return self.device.available

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the device from now on."""
        self.async_refresh()
        self.async_on_remove(self.device.async_listen(self.entity_description.listens_to, self._async_changed))

    @callback
    def _async_changed(self) -> None:
        self.async_refresh()
        self.async_write_ha_state()

    @callback
    def async_refresh(self) -> None:
        """Take over from the device what the entity shows."""


type EntityFactory = Callable[[SmartAirDevice], Iterable[SmartAirEntity]]


def _within_reason(device: SmartAirDevice, entities: list[SmartAirEntity]) -> list[SmartAirEntity]:
    """Leave out what would be more than a device can have in its life, and tell the owner."""
    if not entities or device.device_id is None:
        return entities
    registry = er.async_get(device.connection.hass)
    known = er.async_entries_for_device(registry, device.device_id, include_disabled_entities=True)
    had = {one.unique_id for one in known}
    new = [one for one in entities if one.unique_id not in had]
    refused = {one.unique_id for one in new[max(0, MAX_ENTITIES - len(had)) :]}
    if refused:
        device.issues.async_create("too_many_entities", device.uid, most=str(MAX_ENTITIES))
    return [one for one in entities if one.unique_id not in refused]


@callback
def async_setup_entities(
    entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback, factory: EntityFactory
) -> None:
    """Add what the factory makes of each device, now, when a device comes, and when it has more to show."""
    known: dict[str, tuple[str, ...]] = {}
    domain = async_get_current_platform().domain

    def missing(device: SmartAirDevice) -> list[SmartAirEntity]:
        there = known[device.uid]
        if device.dropped:
            # What its owner has removed comes back with the device's next word of it.
            gone = {(domain, key) for key in there} & device.dropped
            device.dropped -= gone
            there = known[device.uid] = tuple(key for key in there if (domain, key) not in gone)
        return [entity for entity in factory(device) if entity.entity_description.key not in there]

    def note(device: SmartAirDevice, added: Iterable[SmartAirEntity]) -> None:
        known[device.uid] += tuple(entity.entity_description.key for entity in added)

    @callback
    def add_devices(devices: Iterable[SmartAirDevice]) -> None:
        entities: list[SmartAirEntity] = []
        for device in devices:
            # A device that was forgotten and is back begins anew.
            known[device.uid] = ()
            found = missing(device)
            note(device, found)
            entities += found
        if entities:
            async_add_entities(entities)

    @callback
    def add_grown(device: SmartAirDevice) -> None:
        if entities := _within_reason(device, missing(device)):
            note(device, entities)
            async_add_entities(entities)

    entry.async_on_unload(entry.runtime_data.devices.async_listen_growth(add_grown))
    entry.async_on_unload(entry.runtime_data.devices.async_listen(add_devices))
