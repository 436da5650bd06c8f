"""The actions of the integration."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.service import async_register_admin_service
import voluptuous as vol

from .const import DOMAIN
from .device import SmartAirDevice
from .hub import SmartAirConfigEntry, SmartAirHub
from .pysmartair import CATALOGUE, CommandName, CommandResponse
from .rollout_action import ROLLOUT_FIRMWARE, async_rollout

ATTR_COMMAND = "command"
ATTR_PARAMS = "params"
ATTR_METRIC = "metric"
ATTR_REFERENCE = "reference"
ATTR_PATTERN = "pattern"
ATTR_CODE = "code"

_SEND_COMMAND = vol.Schema(
    {
        vol.Required(ATTR_DEVICE_ID): cv.string,
        vol.Required(ATTR_COMMAND): vol.Match(r"^[a-z][a-z0-9_]{0,47}$"),
        vol.Optional(ATTR_PARAMS, default=dict): {cv.string: vol.Any(bool, int, float, str, None)},
    }
)
_CALIBRATE = vol.Schema(
    {
        vol.Required(ATTR_DEVICE_ID): cv.string,
        vol.Required(ATTR_METRIC): vol.In(sorted(CATALOGUE)),
        vol.Required(ATTR_REFERENCE): vol.Coerce(float),
    }
)
_APPROVE = vol.Schema(
    {
        vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
        vol.Required(ATTR_PATTERN): vol.All(cv.string, vol.Length(min=1, max=64)),
        vol.Optional(ATTR_CODE): cv.string,
    }
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    hass.services.async_register(
        DOMAIN, "send_command", _async_send_command, _SEND_COMMAND, SupportsResponse.OPTIONAL
    )
    hass.services.async_register(DOMAIN, "calibrate", _async_calibrate, _CALIBRATE, SupportsResponse.OPTIONAL)
    async_register_admin_service(
        hass,
        DOMAIN,
        "approve_devices",
        _async_approve_devices,
        _APPROVE,
        supports_response=SupportsResponse.OPTIONAL,
    )
    async_register_admin_service(
        hass,
        DOMAIN,
        "rollout_firmware",
        _async_rollout_firmware,
        ROLLOUT_FIRMWARE,
        supports_response=SupportsResponse.OPTIONAL,
    )


def _error(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )


def _hubs(hass: HomeAssistant) -> list[SmartAirHub]:
    entries: list[SmartAirConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    return [entry.runtime_data for entry in entries if entry.state is ConfigEntryState.LOADED]


def _device(call: ServiceCall) -> SmartAirDevice:
    device_id: str = call.data[ATTR_DEVICE_ID]
    for hub in _hubs(call.hass):
        if (device := hub.device_by_id(device_id)) is not None:
            return device
    entry = dr.async_get(call.hass).async_get(device_id)
    raise _error("not_a_device", device=(entry and (entry.name_by_user or entry.name)) or device_id)


def _response(answer: CommandResponse) -> ServiceResponse:
    details: dict[str, Any] = dict(answer.details)
    return {"cmd_id": answer.cmd_id, "status": answer.status.value, "details": details}


async def _async_send_command(call: ServiceCall) -> ServiceResponse:
    return _response(await _device(call).async_command(call.data[ATTR_COMMAND], call.data[ATTR_PARAMS]))


async def _async_calibrate(call: ServiceCall) -> ServiceResponse:
    device = _device(call)
    metric = CATALOGUE[call.data[ATTR_METRIC]]
    reference: float = call.data[ATTR_REFERENCE]
    if not metric.plausible(reference):
        raise _error(
            "reference_out_of_range",
            metric=metric.name,
            minimum=f"{metric.minimum:g}",
            maximum=f"{metric.maximum:g}",
            unit=metric.unit or "",
        )
    return _response(
        await device.async_command(CommandName.CALIBRATE, {"metric": metric.name, "reference": reference})
    )


async def _async_rollout_firmware(call: ServiceCall) -> ServiceResponse:
    return await async_rollout(call, _hubs(call.hass))


async def _async_approve_devices(call: ServiceCall) -> ServiceResponse:
    wanted = call.data.get(ATTR_CONFIG_ENTRY_ID)
    hubs = [hub for hub in _hubs(call.hass) if wanted in {None, hub.entry.entry_id}]
    if not hubs:
        raise _error("no_hub")
    approved: list[str] = []
    locked: list[str] = []
    for hub in hubs:
        free, coded = hub.approval.matching(call.data[ATTR_PATTERN])
        opened = [uid for uid in coded if _opens(hub, uid, call.data.get(ATTR_CODE))]
        await hub.async_approve([*free, *opened])
        approved += [*free, *opened]
        locked += [uid for uid in coded if uid not in opened]
    return {"approved": [*sorted(approved)], "code_needed": [*sorted(locked)]}


def _opens(hub: SmartAirHub, uid: str, code: str | None) -> bool:
    return code is not None and not hub.approval.wait_for_tries(uid) and hub.approval.check_code(uid, code)
