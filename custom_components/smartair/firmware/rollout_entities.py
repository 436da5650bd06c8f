"""The entities of a hub's rollout, which are there once there has been one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import PERCENTAGE, EntityCategory
from homeassistant.core import callback
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from ..hub import SmartAirConfigEntry, SmartAirHub
from ..issues import word
from ..pysmartair import rollout
from .sensors import known_reason

NO_FAILURE = "none"
MAX_STATE = 255
"""Characters that a state may have."""

MAX_SHOWN = 20
"""Failed devices that are named; a state is no place for thousands."""


@dataclass(frozen=True, kw_only=True)
class RolloutSensorDescription(SensorEntityDescription):
    """Describes a sensor of a rollout."""

    value_fn: Callable[[SmartAirHub, rollout.Rollout], str | int]
    attributes_fn: Callable[[SmartAirHub, rollout.Rollout], dict[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class RolloutButtonDescription(ButtonEntityDescription):
    """Describes a button of a rollout."""

    event: rollout.Pause | rollout.Resume | rollout.Abort = field(default_factory=rollout.Pause)


def _details(hub: SmartAirHub, current: rollout.Rollout) -> dict[str, Any]:
    failed = current.uids(rollout.Stage.FAILED)
    return {
        "versions": sorted({target.version for target in current.plan.targets}),
        **{stage.value: count for stage, count in current.counts.items()},
        "failures": {uid: current.device(uid).error for uid in failed[:MAX_SHOWN]},
        "rollout_id": current.plan.id,
    }


def _failures(hub: SmartAirHub, current: rollout.Rollout) -> str:
    """Return which devices failed and why, as far as a state can hold them."""
    lines = [_failure(hub, uid, current.device(uid).error) for uid in current.uids(rollout.Stage.FAILED)]
    text = "; ".join(lines)
    return (text if len(text) <= MAX_STATE else f"{text[: MAX_STATE - 1]}…") or NO_FAILURE


def _failure(hub: SmartAirHub, uid: str, error: str | None) -> str:
    device = hub.devices.get(uid)
    place = device.place if device else uid
    return f"{place}: {word(hub.hass, 'update_reason', known_reason(error))}"


SENSORS = (
    RolloutSensorDescription(
        key="rollout",
        translation_key="rollout",
        device_class=SensorDeviceClass.ENUM,
        options=[phase.value for phase in rollout.Phase],
        value_fn=lambda _, current: current.phase.value,
        attributes_fn=_details,
    ),
    RolloutSensorDescription(
        key="rollout_failures",
        translation_key="rollout_failures",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=_failures,
    ),
    RolloutSensorDescription(
        key="rollout_progress",
        translation_key="rollout_progress",
        native_unit_of_measurement=PERCENTAGE,
        value_fn=lambda _, current: current.percent,
    ),
)
BUTTONS = (
    RolloutButtonDescription(key="rollout_pause", translation_key="rollout_pause", event=rollout.Pause()),
    RolloutButtonDescription(key="rollout_resume", translation_key="rollout_resume", event=rollout.Resume()),
    RolloutButtonDescription(key="rollout_abort", translation_key="rollout_abort", event=rollout.Abort()),
)


class RolloutEntity[DescriptionT: EntityDescription](Entity):
    """An entity of a hub's rollout."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, hub: SmartAirHub, description: DescriptionT) -> None:
        """Belong to the hub's own device."""
        self.hub = hub
        self.entity_description: DescriptionT = description
        self._attr_unique_id = f"{hub.unique_prefix}{description.key}"
        self.device_entry = hub.registered
        self.async_refresh()

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the rollout from now on."""
        self.async_on_remove(self.hub.updates.rollouts.async_listen(self._async_changed))

    @callback
    def _async_changed(self) -> None:
        self.async_refresh()
        self.async_write_ha_state()

    @callback
    def async_refresh(self) -> None:
        """Take over what the entity shows."""


class RolloutSensor(RolloutEntity[RolloutSensorDescription], SensorEntity):
    """What a rollout does, or how far it is."""

    entity_description: RolloutSensorDescription

    @override
    def async_refresh(self) -> None:
        """Take over the value."""
        current = self.hub.updates.rollouts.current
        if current is not None:
            self._attr_native_value = self.entity_description.value_fn(self.hub, current)
            if self.entity_description.attributes_fn is not None:
                self._attr_extra_state_attributes = self.entity_description.attributes_fn(self.hub, current)


class RolloutButton(RolloutEntity[RolloutButtonDescription], ButtonEntity):
    """Pauses, resumes or aborts a rollout."""

    entity_description: RolloutButtonDescription
    _attr_entity_category = EntityCategory.CONFIG

    @property
    @override
    def available(self) -> bool:
        """Whether there is anything to pause, resume or abort."""
        return self.hub.updates.rollouts.running

    @override
    async def async_press(self) -> None:
        """Tell the rollout."""
        self.hub.updates.rollouts.async_tell(self.entity_description.event)


@callback
def async_setup_rollout[DescriptionT: EntityDescription](
    entry: SmartAirConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    entity: Callable[[SmartAirHub, DescriptionT], Entity],
    descriptions: tuple[DescriptionT, ...],
) -> None:
    """Add the entities of the rollout, as soon as there is one."""
    hub = entry.runtime_data
    added = False

    @callback
    def add() -> None:
        nonlocal added
        if not added and hub.updates.rollouts.current is not None:
            added = True
            async_add_entities([entity(hub, one) for one in descriptions])

    entry.async_on_unload(hub.updates.rollouts.async_listen(add))
    add()
