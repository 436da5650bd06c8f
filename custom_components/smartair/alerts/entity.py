"""What the entities of alerts share: one for the hub, and one for a device from its first alert on.

Most devices never have an alert, and a thousand entities that never change cost as much as those that do.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, override

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from ..const import DOMAIN
from ..devices.device import SmartAirDevice
from ..hub import SmartAirConfigEntry, SmartAirHub, hub_of
from ..pysmartair import Alert, Change

type Owner = SmartAirDevice | SmartAirHub


class AlertEntity[DescriptionT: EntityDescription](Entity):
    """An entity about the alerts of a device, or of all there are; it is always known."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    entity_description: DescriptionT

    def __init__(self, owner: Owner, description: DescriptionT) -> None:
        """Belong to a device or to the hub."""
        self.entity_description = description
        self._attr_unique_id = f"{owner.unique_prefix}{description.key}"
        self.device_entry = owner.registered
        self._uid = owner.uid if isinstance(owner, SmartAirDevice) else None
        self._alerts = hub_of(owner).alerts
        self._told: list[tuple[Change, Alert]] = []
        self._there = False
        self.gone: Callable[[], object] | None = None
        self.async_refresh()

    def active(self) -> list[Alert]:
        """Return the active alerts that the entity is about."""
        return self._alerts.active(self._uid)

    @callback
    def async_tell(self, change: Change, alert: Alert) -> None:
        """Take in a change; what comes before the entity is there is shown when it is."""
        if self._there:
            self.async_take(change, alert)
        else:
            self._told.append((change, alert))

    @override
    async def async_added_to_hass(self) -> None:
        """Show what was told meanwhile, once Home Assistant has written the entity for the first time."""
        self.async_on_remove(self.hass.loop.call_soon(self._async_there).cancel)

    @callback
    def _async_there(self) -> None:
        self._there = True
        for change, alert in self._told:
            self.async_take(change, alert)
        self._told.clear()

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Be told nothing more."""
        if self.gone is not None:
            self.gone()

    @callback
    def async_take(self, _change: Change, _alert: Alert) -> None:
        """Show a change: how things are after it."""
        self.async_refresh()
        self.async_write_ha_state()

    @callback
    def async_refresh(self) -> None:
        """Take over how things are."""


@callback
def async_setup_alert_entities(
    entry: SmartAirConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    platform: Platform,
    key: str,
    make: Callable[[Owner], AlertEntity[Any]],
) -> None:
    """Add the hub's entity, and that of each device that has or had an alert, now and as alerts come."""
    hub = entry.runtime_data
    whole = make(hub)
    entities: dict[str, AlertEntity[Any]] = {}

    def entity_of(device: SmartAirDevice) -> AlertEntity[Any]:
        entity = entities[device.uid] = make(device)
        entity.gone = partial(entities.pop, device.uid, None)
        return entity

    @callback
    def changed(change: Change, alert: Alert) -> None:
        if entry.state is ConfigEntryState.UNLOAD_IN_PROGRESS:
            # What the end itself brings is in the book; an entity made now would outlive its platform.
            return
        whole.async_tell(change, alert)
        device = hub.devices.get(alert.uid or "")
        if device is None:
            return
        entity = entities.get(device.uid)
        if entity is None:
            entity = entity_of(device)
            async_add_entities([entity])
        entity.async_tell(change, alert)

    registry = er.async_get(hub.hass)
    known = {alert.uid for alert in (*hub.alerts.active(), *hub.alerts.book.past)}
    async_add_entities(
        [
            whole,
            *(
                entity_of(device)
                for device in hub.devices.values()
                if device.uid in known
                or registry.async_get_entity_id(platform, DOMAIN, f"{device.unique_prefix}{key}")
            ),
        ]
    )
    entry.async_on_unload(hub.alerts.async_listen(changed))
