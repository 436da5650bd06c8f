"""The action that begins a staged rollout."""

from typing import Any

from homeassistant.const import ATTR_AREA_ID, ATTR_DEVICE_ID, ATTR_ENTITY_ID, ATTR_FLOOR_ID, ATTR_LABEL_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids
from homeassistant.util.ulid import ulid_now
import voluptuous as vol

from ..const import DOMAIN
from ..devices.device import SmartAirDevice
from ..hub import SmartAirHub
from ..pysmartair import rollout

ATTR_DEVICE_TYPE = "device_type"
ATTR_VERSION = "version"
ATTR_CANARY = "canary"
ATTR_BATCH_SIZE = "batch_size"
ATTR_FAILURE_THRESHOLD = "failure_threshold"
ATTR_START_TIME = "start_time"
ATTR_END_TIME = "end_time"
ATTR_DRY_RUN = "dry_run"
ATTR_FORCE = "force"

_SOME = vol.All(cv.ensure_list, [cv.string])

ROLLOUT_FIRMWARE = vol.Schema(
    {
        **{
            vol.Optional(target): _SOME
            for target in (ATTR_AREA_ID, ATTR_DEVICE_ID, ATTR_ENTITY_ID, ATTR_FLOOR_ID, ATTR_LABEL_ID)
        },
        vol.Optional(ATTR_DEVICE_TYPE): _SOME,
        vol.Optional(ATTR_VERSION): cv.string,
        vol.Optional(ATTR_CANARY, default=1): vol.All(vol.Coerce(int), vol.Range(min=0, max=100)),
        vol.Optional(ATTR_BATCH_SIZE, default=10): vol.All(vol.Coerce(int), vol.Range(min=1, max=100)),
        vol.Optional(ATTR_FAILURE_THRESHOLD, default=1): vol.All(vol.Coerce(int), vol.Range(min=1, max=10_000)),
        vol.Inclusive(ATTR_START_TIME, "hours"): cv.time,
        vol.Inclusive(ATTR_END_TIME, "hours"): cv.time,
        vol.Optional(ATTR_DRY_RUN, default=False): cv.boolean,
        vol.Optional(ATTR_FORCE, default=False): cv.boolean,
    }
)


async def async_rollout(call: ServiceCall, hubs: list[SmartAirHub]) -> ServiceResponse:
    """Begin a rollout on each hub that has some of the devices, and return who gets what when."""
    chosen = _chosen(call, hubs)
    if not chosen:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="rollout_no_devices")
    answers: list[Any] = []
    plans: list[tuple[SmartAirHub, rollout.Plan]] = []
    for hub in hubs:
        devices = [device for device in chosen if hub.devices.get(device.uid) is device]
        if not devices:
            continue
        targets, left_out = hub.updates.rollouts.targets(
            devices, call.data.get(ATTR_VERSION), force=call.data[ATTR_FORCE]
        )
        plan = _plan(call, targets)
        if targets:
            plans.append((hub, plan))
        answers.append(
            {
                "hub": hub.entry.title,
                "rollout_id": plan.id,
                "stages": [list(group) for group in rollout.stages(plan)],
                "versions": {one.uid: one.version for one in targets},
                "left_out": left_out,
            }
        )
    if not call.data[ATTR_DRY_RUN]:
        if not plans:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="rollout_nothing")
        # All of them or none: half of an order is one that nobody gave.
        for hub, _ in plans:
            hub.updates.rollouts.async_check_free()
        for hub, plan in plans:
            await hub.updates.rollouts.async_begin(plan)
    return {"dry_run": call.data[ATTR_DRY_RUN], "rollouts": answers}


def _plan(call: ServiceCall, targets: tuple[rollout.Target, ...]) -> rollout.Plan:
    data = call.data
    hours = None
    if ATTR_START_TIME in data:
        hours = rollout.Hours(start=data[ATTR_START_TIME], end=data[ATTR_END_TIME])
    return rollout.Plan(
        id=ulid_now(),
        targets=targets,
        canary=data[ATTR_CANARY],
        batch=data[ATTR_BATCH_SIZE],
        threshold=data[ATTR_FAILURE_THRESHOLD],
        hours=hours,
        force=data[ATTR_FORCE],
    )


def _chosen(call: ServiceCall, hubs: list[SmartAirHub]) -> list[SmartAirDevice]:
    """Return the devices that are meant: those of the targets, of the types, or both where both are given."""
    selection = TargetSelection(call.data)
    types = call.data.get(ATTR_DEVICE_TYPE)
    if not selection.has_any_target and types is None:
        return []
    named = _named(call.hass, selection) if selection.has_any_target else None
    return [
        device
        for hub in hubs
        for device in hub.devices.values()
        if (named is None or device.device_id in named) and (types is None or device.snapshot.device_type in types)
    ]


def _named(hass: HomeAssistant, selection: TargetSelection) -> set[str | None]:
    """Return the ids of the devices that are targeted, by themselves or by one of their entities."""
    found = async_extract_referenced_entity_ids(hass, selection, primary_entities_only=False)
    registry = er.async_get(hass)
    entities = found.referenced | (found.indirectly_referenced if selection.label_ids else set())
    entries = (registry.async_get(entity_id) for entity_id in entities)
    return set(found.referenced_devices) | {entry.device_id for entry in entries if entry}
