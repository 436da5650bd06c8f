"""What automations remember: a text or a mapping each, which survives restarts and goes with the automation."""

from collections.abc import Mapping
import json
import logging
from typing import Any, override

from homeassistant.components.automation import DOMAIN as AUTOMATION, EVENT_AUTOMATION_RELOADED
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED, MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_component import EntityComponent
from homeassistant.util.hass_dict import HassKey

from ..careful_store import CarefulStore
from ..const import DOMAIN
from ..store import STORAGE_VERSION, SharedSave

_LOGGER = logging.getLogger(__name__)

type Memory = str | dict[str, Any]

DATA_MEMORIES: HassKey[Memories] = HassKey(f"{DOMAIN}_memories")
MOST_BYTES = 4096
"""What one automation may keep: 400 devices of the offline watch need 3.6 kB."""
MOST_AUTOMATIONS = 200
_PREFIX = f"{AUTOMATION}."


def memory_file(hass: HomeAssistant) -> CarefulStore:
    """Return the file of all memories."""
    return CarefulStore(hass, STORAGE_VERSION, f"{DOMAIN}.memory", private=False)


def memory_size(memory: Memory) -> int:
    """Return how many bytes a memory takes."""
    return len(json.dumps(memory, ensure_ascii=False).encode())


class Memories(Entity):
    """The memories by the id of their automation, and the entity in which templates read them.

    There is one entity for all, which has no state of its own to wait for: what writes it is woken by nothing.
    """

    entity_id = f"{DOMAIN}.memory"
    _attr_has_entity_name = True
    _attr_should_poll = False
    _attr_translation_key = "memory"
    # The history of what automations remember is of no use to anyone, and would be written to an SD card.
    _unrecorded_attributes = frozenset({MATCH_ALL})

    def __init__(self, hass: HomeAssistant) -> None:
        """Name the file; nothing is read yet."""
        self.hass = hass
        self._file = SharedSave(memory_file(hass), lambda: {"memories": self._kept})
        self._kept: dict[str, Memory] = {}

    async def async_load(self) -> None:
        """Read the file; what is broken in it is left out."""
        stored = (await self._file.async_load()).get("memories")
        for key, memory in stored.items() if isinstance(stored, dict) else ():
            if isinstance(memory, (str, dict)) and len(self._kept) < MOST_AUTOMATIONS:
                self._kept[key] = memory

    @property
    @override
    def state(self) -> int:
        """Return how many automations remember something."""
        return len(self._kept)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return the memories, each under a name that no attribute of Home Assistant has."""
        return {f"{AUTOMATION}_{key}": memory for key, memory in self._kept.items()}

    def key_of(self, automation: str) -> str | None:
        """Return the id of an automation that is named by it or by its entity, or None where there is none."""
        registry = er.async_get(self.hass)
        entity_id = registry.async_get_entity_id(AUTOMATION, AUTOMATION, automation) or automation
        entry = registry.async_get(entity_id)
        if entry is not None and entry.domain == AUTOMATION:
            return entry.unique_id
        # An automation of YAML may have no id; its entity then keeps its name.
        return entity_id if entity_id.startswith(_PREFIX) and self.hass.states.get(entity_id) else None

    def is_full_for(self, key: str) -> bool:
        """Return whether there is no room for one more automation."""
        return key not in self._kept and len(self._kept) >= MOST_AUTOMATIONS

    def recall(self, key: str) -> Memory:
        """Return what an automation remembers."""
        return self._kept.get(key, {})

    async def async_remember(self, key: str, memory: Memory) -> None:
        """Keep something in place of what was kept, and return once it is on the disk; nothing is forgotten."""
        if memory == self._kept.get(key, {}):
            return
        if memory:
            self._kept[key] = memory
        else:
            self._kept.pop(key, None)
        self.async_write_ha_state()
        await self._file.async_save()

    async def async_forget_the_gone(self, _event: Event[Any] | None = None) -> None:
        """Forget what was kept for automations that are no more."""
        if gone := [key for key in self._kept if self.key_of(key) is None]:
            for key in gone:
                del self._kept[key]
            self.async_write_ha_state()
            await self._file.async_save()


@callback
def _an_automation_was_deleted(data: Mapping[str, Any]) -> bool:
    return data["action"] == "remove" and str(data["entity_id"]).startswith(_PREFIX)


async def async_setup_memory(hass: HomeAssistant) -> None:
    """Have the memories ready before any automation runs."""
    memories = hass.data[DATA_MEMORIES] = Memories(hass)
    await memories.async_load()
    await EntityComponent[Entity](_LOGGER, DOMAIN, hass).async_add_entities([memories])
    hass.bus.async_listen(
        er.EVENT_ENTITY_REGISTRY_UPDATED, memories.async_forget_the_gone, event_filter=_an_automation_was_deleted
    )
    hass.bus.async_listen(EVENT_AUTOMATION_RELOADED, memories.async_forget_the_gone)
    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STARTED, memories.async_forget_the_gone)
