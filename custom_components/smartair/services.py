"""The actions of the integration."""

from collections.abc import Callable
from datetime import datetime

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
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .alerts.announce import describe, zone_name
from .automations.rights import Rights
from .automations.target import loaded_hubs
from .blueprints import async_install
from .const import DOMAIN
from .devices.device import SmartAirDevice
from .firmware.rollout_action import ROLLOUT_FIRMWARE, async_rollout
from .hub import SmartAirHub, hub_of
from .pumps.actions import PUMP_COMMANDS, async_pump_command, async_setup_pump_services, command_response
from .pumps.usage_action import async_setup_usage_service
from .pysmartair import CATALOGUE, Alert, Change, CommandName, Severity
from .zones.actions import async_setup_zone_services

ATTR_COMMAND = "command"
ATTR_PARAMS = "params"
ATTR_METRIC = "metric"
ATTR_REFERENCE = "reference"
ATTR_PATTERN = "pattern"
ATTR_CODE = "code"
ATTR_OVERWRITE = "overwrite"
ATTR_ALERT_ID = "alert_id"
ATTR_ACTIVE = "active"
ATTR_ZONE = "zone"
ATTR_SINCE = "since"
ATTR_SEVERITY = "severity"

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
_GET_ALERTS = vol.Schema(
    {
        vol.Optional(ATTR_ACTIVE, default=False): cv.boolean,
        vol.Optional(ATTR_DEVICE_ID): cv.string,
        vol.Optional(ATTR_ZONE): cv.string,
        vol.Optional(ATTR_SINCE): cv.datetime,
        vol.Optional(ATTR_SEVERITY, default=Severity.INFO): vol.Coerce(Severity),
    }
)
_ACKNOWLEDGE = vol.All(
    vol.Schema(
        {
            vol.Exclusive(ATTR_ALERT_ID, "which"): vol.All(cv.ensure_list, [cv.string]),
            vol.Exclusive(ATTR_DEVICE_ID, "which"): cv.string,
        }
    ),
    cv.has_at_least_one_key(ATTR_ALERT_ID, ATTR_DEVICE_ID),
)
_INSTALL_BLUEPRINTS = vol.Schema({vol.Optional(ATTR_OVERWRITE, default=False): cv.boolean})


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    hass.services.async_register(
        DOMAIN, "send_command", _async_send_command, _SEND_COMMAND, SupportsResponse.OPTIONAL
    )
    hass.services.async_register(DOMAIN, "calibrate", _async_calibrate, _CALIBRATE, SupportsResponse.OPTIONAL)
    async_setup_usage_service(hass)
    hass.services.async_register(DOMAIN, "get_alerts", _async_get_alerts, _GET_ALERTS, SupportsResponse.ONLY)
    hass.services.async_register(
        DOMAIN, "acknowledge_alert", _async_acknowledge_alert, _ACKNOWLEDGE, SupportsResponse.OPTIONAL
    )
    async_setup_pump_services(hass)
    async_setup_zone_services(hass)
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
        "install_blueprints",
        _async_install_blueprints,
        _INSTALL_BLUEPRINTS,
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


def _device(call: ServiceCall) -> SmartAirDevice:
    device_id: str = call.data[ATTR_DEVICE_ID]
    for hub in loaded_hubs(call.hass):
        if (device := hub.devices.by_id(device_id)) is not None:
            return device
    entry = dr.async_get(call.hass).async_get(device_id)
    raise _error("not_a_device", device=(entry and (entry.name_by_user or entry.name)) or device_id)


async def _async_send_command(call: ServiceCall) -> ServiceResponse:
    device, command, params = _device(call), call.data[ATTR_COMMAND], call.data[ATTR_PARAMS]
    rights = await Rights.async_of(call)
    if command in PUMP_COMMANDS:
        return await async_pump_command(rights, device, command, params)
    rights.check_device(device)
    return command_response(await device.async_command(command, params))


async def _async_calibrate(call: ServiceCall) -> ServiceResponse:
    device = _device(call)
    (await Rights.async_of(call)).check_device(device)
    metric = CATALOGUE[call.data[ATTR_METRIC]]
    reference: float = call.data[ATTR_REFERENCE]
    # Nothing that a sensor is calibrated against lies beyond what there can be.
    if not metric.minimum <= reference <= metric.maximum:
        raise _error(
            "reference_out_of_range",
            metric=metric.name,
            minimum=f"{metric.minimum:g}",
            maximum=f"{metric.maximum:g}",
            unit=metric.unit or "",
        )
    return command_response(
        await device.async_command(CommandName.CALIBRATE, {"metric": metric.name, "reference": reference})
    )


async def _async_rollout_firmware(call: ServiceCall) -> ServiceResponse:
    return await async_rollout(call, loaded_hubs(call.hass))


async def _async_approve_devices(call: ServiceCall) -> ServiceResponse:
    wanted = call.data.get(ATTR_CONFIG_ENTRY_ID)
    hubs = [hub for hub in loaded_hubs(call.hass) if wanted in {None, hub.entry.entry_id}]
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


async def _async_get_alerts(call: ServiceCall) -> ServiceResponse:
    uid = _device(call).uid if ATTR_DEVICE_ID in call.data else None
    wanted = _wanted(call, uid)
    rights = await Rights.async_of(call)
    found = [
        describe(hub, Change.RAISED if alert.active else Change.RESOLVED, alert)
        for hub in loaded_hubs(call.hass)
        for alert in (*hub.alerts.book.past, *hub.alerts.active())
        if wanted(hub, alert) and rights.reads_alert(hub, alert)
    ]
    found.sort(key=lambda alert: alert["raised_at"], reverse=True)
    return {"alerts": [{name: value for name, value in alert.items() if name != "change"} for alert in found]}


def _wanted(call: ServiceCall, uid: str | None) -> Callable[[SmartAirHub, Alert], bool]:
    data = call.data
    zone: str | None = data.get(ATTR_ZONE)
    since = _timestamp(data[ATTR_SINCE]) if ATTR_SINCE in data else None

    def wanted(hub: SmartAirHub, alert: Alert) -> bool:
        return (
            (alert.active or not data[ATTR_ACTIVE])
            and (uid is None or alert.uid == uid)
            and (zone is None or zone in {alert.zone, zone_name(hub, alert.zone)})
            # What lasts into the time that is asked for belongs to it.
            and (since is None or alert.active or alert.updated_at >= since)
            and alert.severity.rank >= data[ATTR_SEVERITY].rank
        )

    return wanted


def _timestamp(at: datetime) -> float:
    """Return a time in Unix seconds; without a time zone it is in that of the house, not of the machine."""
    return (at if at.tzinfo is not None else at.replace(tzinfo=dt_util.get_default_time_zone())).timestamp()


async def _async_acknowledge_alert(call: ServiceCall) -> ServiceResponse:
    if ATTR_DEVICE_ID in call.data:
        device = _device(call)
        alerts = [(hub_of(device), alert) for alert in hub_of(device).alerts.active(device.uid)]
    else:
        alerts = [_active_alert(call, alert_id) for alert_id in call.data[ATTR_ALERT_ID]]
    rights = await Rights.async_of(call)
    for hub, alert in alerts:
        rights.check_alert(hub, alert)
    for hub, alert in alerts:
        hub.alerts.async_acknowledge(alert.id)
    return {"acknowledged": [alert.id for _, alert in alerts]}


def _active_alert(call: ServiceCall, alert_id: str) -> tuple[SmartAirHub, Alert]:
    for hub in loaded_hubs(call.hass):
        for alert in hub.alerts.active():
            if alert.id == alert_id:
                return hub, alert
    raise _error("alert_not_active", alert=alert_id)


async def _async_install_blueprints(call: ServiceCall) -> ServiceResponse:
    report = await async_install(call.hass, overwrite=call.data[ATTR_OVERWRITE])
    return {outcome: [*names] for outcome, names in report.as_response().items()}
