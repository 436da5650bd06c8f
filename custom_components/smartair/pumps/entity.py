"""What the entities of pumps share: the child device of their channel, and their way into the world."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, override

from homeassistant.core import callback
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from ..hub import SmartAirConfigEntry
from .pump import Pump


@dataclass(frozen=True, kw_only=True)
class PumpEntityDescription(EntityDescription):
    """Describes an entity of a pump: whether it needs the device to be there, and which pumps have it."""

    always_there: bool = False
    exists_fn: Callable[[Pump], bool] = lambda pump: True


class PumpEntity(Entity):
    """An entity of one pump, written when what it shows has changed."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    entity_description: PumpEntityDescription

    def __init__(self, pump: Pump, description: PumpEntityDescription) -> None:
        """Belong to a pump."""
        self.pump = pump
        self.entity_description = description
        self._attr_unique_id = f"{pump.pumps.connection.namespace}{pump.uid}-{pump.channel}:{description.key}"
        self.device_entry = pump.registered
        self._shown: object = None
        # Home Assistant asks for options and limits before the entity is added.
        self.async_refresh()

    @property
    @override
    def available(self) -> bool:
        """Whether the device can be believed to be there, and still has the channel."""
        return self.entity_description.always_there or self.pump.guard.contact

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the pump from now on."""
        self.async_refresh()
        self._shown = self.showing
        self.async_on_remove(self.pump.async_listen(self._async_changed))

    @callback
    def _async_changed(self) -> None:
        self.async_refresh()
        if self.showing != self._shown:
            self._shown = self.showing
            self.async_write_ha_state()

    @property
    def showing(self) -> tuple[Any, ...]:
        """What is written, and written again only when it has changed."""
        return (self.available, self.state, self.extra_state_attributes)

    @callback
    def async_refresh(self) -> None:
        """Take over from the pump what the entity shows."""


type PumpEntityFactory = Callable[[Pump], Iterable[PumpEntity]]


@callback
def async_setup_pump_entities(
    entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback, factory: PumpEntityFactory
) -> None:
    """Add what the factory makes of each pump, now, when a pump comes, and when more of it is measured."""
    pumps = entry.runtime_data.pumps

    def missing(pump: Pump, known: set[str]) -> list[PumpEntity]:
        found = [entity for entity in factory(pump) if entity.entity_description.key not in known]
        known.update(entity.entity_description.key for entity in found)
        return found

    @callback
    def add_grown(pump: Pump, known: set[str]) -> None:
        if entities := missing(pump, known):
            async_add_entities(entities)

    @callback
    def add_pumps(added: Iterable[Pump]) -> None:
        entities: list[PumpEntity] = []
        for pump in added:
            known: set[str] = set()
            entities += missing(pump, known)
            entry.async_on_unload(pump.async_listen_growth(partial(add_grown, pump, known)))
        if entities:
            async_add_entities(entities)

    entry.async_on_unload(pumps.async_listen_pumps(add_pumps))
