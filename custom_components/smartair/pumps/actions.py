"""The actions on pumps.

They find their pumps by themselves: Home Assistant's way to entities passes over what is unavailable, and a stop is
sent even so (safety contract, S1), while a start fails aloud.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from homeassistant.const import ATTR_ENTITY_ID, ENTITY_MATCH_ALL
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids
from homeassistant.util.json import JsonObjectType
import voluptuous as vol

from ..automations.rights import Rights
from ..automations.target import loaded_hubs
from ..const import DOMAIN
from ..devices.device import SmartAirDevice
from ..hub import hub_of
from ..pysmartair import CommandName, CommandResponse, without_markup
from .last_hand import hand_of
from .pump import Pump

ATTR_SECONDS = "seconds"
ATTR_LITRES = "litres"

PUMP_COMMANDS = frozenset({CommandName.RUN_PUMP, CommandName.STOP_PUMP, CommandName.RESET_SAFETY_LOCK})
"""Commands of a device that concern a pump, and pass its gate whoever sends them."""

_SECONDS = vol.All(vol.Coerce(float), vol.Range(min=0, min_included=False, max=86_400))
_RUN = cv.make_entity_service_schema(
    {
        vol.Optional(ATTR_SECONDS): _SECONDS,
        vol.Optional(ATTR_LITRES): vol.All(vol.Coerce(float), vol.Range(min=0, min_included=False, max=10_000)),
    }
)
_STOP = cv.make_entity_service_schema({vol.Optional(ATTR_SECONDS): _SECONDS})
_RESET = cv.make_entity_service_schema({})


@callback
def async_setup_pump_services(hass: HomeAssistant) -> None:
    """Register the actions on pumps."""
    hass.services.async_register(DOMAIN, "run_pump", _async_run, _RUN, SupportsResponse.OPTIONAL)
    hass.services.async_register(DOMAIN, "stop_pump", _async_stop, _STOP)
    hass.services.async_register(DOMAIN, "reset_safety_lock", _async_reset, _RESET)


def _error(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )


def _targets(call: ServiceCall) -> tuple[dict[str, Pump], list[str]]:
    """Return the pumps that an action names, by their switches, and what it names that is none."""
    pumps = {
        pump.entity_id: pump
        for hub in loaded_hubs(call.hass)
        for pump in hub.pumps.values()
        if pump.entity_id is not None
    }
    data = dict(call.data)
    if data.get(ATTR_ENTITY_ID) == ENTITY_MATCH_ALL:
        data[ATTR_ENTITY_ID] = [*pumps]
    selection = TargetSelection(data)
    selected = async_extract_referenced_entity_ids(call.hass, selection)
    chosen = sorted(selected.referenced | selected.indirectly_referenced)
    targets = {entity_id: pumps[entity_id] for entity_id in chosen if entity_id in pumps}
    missing = selected.missing_devices | selected.missing_areas | selected.missing_floors | selected.missing_labels
    strangers = (selected.referenced - pumps.keys()) | missing
    if not targets and not strangers:
        # What is there and has no pump: that nothing was done must not look like success.
        strangers = selection.device_ids | selection.area_ids | selection.floor_ids | selection.label_ids
    return targets, sorted(strangers)


def _refuse(strangers: Sequence[str]) -> None:
    if strangers:
        raise _error("not_a_pump", entity=", ".join(strangers))


async def _async_controlled(call: ServiceCall) -> dict[str, Pump]:
    """Return the pumps that an action names; raise Unauthorized where the caller may not control one of them."""
    rights = await Rights.async_of(call)
    targets, strangers = _targets(call)
    if call.data.get(ATTR_ENTITY_ID) == ENTITY_MATCH_ALL:
        # As with Home Assistant's own actions; but that nothing at all was done must not look like success.
        some = {entity_id: pump for entity_id, pump in targets.items() if rights.controls_pump(pump)}
        targets = some or targets
    for pump in targets.values():
        rights.check_pump(pump)
    _refuse(strangers)
    return targets


async def _async_each[T](targets: Mapping[str, Pump], work: Callable[[Pump], Coroutine[Any, Any, T]]) -> dict[str, T]:
    """Do something with each pump at the same time; the first failure is raised once all have been tried."""
    results = await asyncio.gather(*(work(pump) for pump in targets.values()), return_exceptions=True)
    done: dict[str, T] = {}
    for entity_id, result in zip(targets, results, strict=True):
        if isinstance(result, BaseException):
            raise result
        done[entity_id] = result
    return done


async def _async_run(call: ServiceCall) -> ServiceResponse:
    seconds, litres, hand = call.data.get(ATTR_SECONDS), call.data.get(ATTR_LITRES), hand_of(call.context)

    async def run(pump: Pump) -> JsonObjectType:
        # Circulation has no end to wait for, and who wants no answer is not kept waiting for one.
        if not call.return_response or pump.limits.circulates:
            begun = await pump.async_run(seconds=seconds, litres=litres, hand=hand)
            return {"cmd_id": begun.cmd_id, "status": "ACCEPTED"}
        record = await pump.async_run_to_end(seconds=seconds, litres=litres, hand=hand)
        return {
            "cmd_id": record.cmd_id,
            "status": "DONE",
            "seconds": record.seconds,
            "litres": record.litres,
            "ended_by": record.ended_by,
        }

    targets = await _async_controlled(call)
    return {**await _async_each(targets, run)}


async def _async_stop(call: ServiceCall) -> None:
    (await Rights.async_of(call)).check_stop()
    targets, strangers = _targets(call)
    off_s, hand = call.data.get(ATTR_SECONDS), hand_of(call.context)
    await _async_each(targets, lambda pump: pump.async_stop(off_s=off_s, hand=hand))
    # Only now: a name that is wrong must not keep the other pumps running (S1).
    _refuse(strangers)


async def _async_reset(call: ServiceCall) -> None:
    targets = await _async_controlled(call)
    await _async_each(targets, lambda pump: pump.async_reset())


async def async_pump_command(
    rights: Rights, device: SmartAirDevice, command: str, params: Mapping[str, Any]
) -> ServiceResponse:
    """Send a command that concerns a pump through its gate: there is no second path (safety contract, S2)."""
    channel, hand = str(params.get("channel")), hand_of(rights.call.context)
    pump = hub_of(device).pumps.get((device.uid, channel))
    if command == CommandName.STOP_PUMP:
        rights.check_stop()
    elif pump is not None:
        rights.check_pump(pump)
    else:
        rights.check_device(device)
    if pump is None:
        described = device.snapshot.descriptor is not None
        if command == CommandName.STOP_PUMP or (described and command not in device.snapshot.commands):
            # The one is never gated, and of the other the device itself says that it does not offer it.
            return command_response(await device.async_command(command, params))
        raise _error("unknown_channel", device=device.place, channel=without_markup(channel))
    if command == CommandName.RUN_PUMP:
        given = [one for name in ("duration_s", "max_run_s") if (one := _seconds(params, name)) is not None]
        run = await pump.async_run(seconds=min(given, default=None), hand=hand)
        return {"cmd_id": run.cmd_id, "status": "ACCEPTED", "details": {"channel": channel}}
    if command == CommandName.STOP_PUMP:
        water_change = params.get("purpose") == "water_change"
        await pump.async_stop(off_s=_seconds(params, "max_off_s"), water_change=water_change, hand=hand)
    else:
        await pump.async_reset()
    return {"cmd_id": None, "status": "DONE", "details": {"channel": channel}}


def command_response(answer: CommandResponse) -> ServiceResponse:
    """Return a device's answer as an action gives it back."""
    details: dict[str, Any] = dict(answer.details)
    return {"cmd_id": answer.cmd_id, "status": answer.status.value, "details": details}


def _seconds(params: Mapping[str, Any], name: str) -> float | None:
    value = params.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
