"""The action that tells how much water was used."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.util import dt as dt_util
import voluptuous as vol

from ..automations.rights import Rights
from ..automations.target import loaded_hubs
from ..const import DOMAIN
from ..hub import SmartAirHub
from ..pysmartair import RunRecord
from ..pysmartair.safety import Role
from ..pysmartair.usage import Place, Sum

SERVICE = "get_water_usage"
ATTR_START = "start"
ATTR_END = "end"

_SPAN = timedelta(days=7)
_SCHEMA = vol.Schema(
    {
        vol.Optional(ATTR_DEVICE_ID): vol.All(cv.ensure_list, [cv.string]),
        vol.Optional(ATTR_START): cv.datetime,
        vol.Optional(ATTR_END): cv.datetime,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a hub's record: all of it, a zone, a device, or one pump of it."""

    hub: SmartAirHub
    zone: str | None = None
    uid: str | None = None
    channel: str | None = None

    def runs(self, since: float) -> list[RunRecord]:
        """Return its runs that ended since a time in Unix seconds."""
        return self.hub.pumps.usage.runs(zone=self.zone, uid=self.uid, channel=self.channel, since=since)

    def sums(self) -> Iterator[tuple[tuple[str, str, Place], Sum]]:
        """Return its sums by hub, day and place, so that none counts twice; circulation only of a pump by name."""
        for day, sums in self.hub.pumps.usage.book.days.items():
            for place, one in sums.items():
                fits = place.fits(zone=self.zone, uid=self.uid, channel=self.channel, role=None)
                if fits and (place.role is not Role.RECIRCULATION or self.channel is not None):
                    yield (self.hub.entry.entry_id, day, place), one


@callback
def async_setup_usage_service(hass: HomeAssistant) -> None:
    """Register the action."""
    hass.services.async_register(DOMAIN, SERVICE, _async_get_water_usage, _SCHEMA, SupportsResponse.ONLY)


async def _async_get_water_usage(call: ServiceCall) -> ServiceResponse:
    try:
        end = _local(call.data.get(ATTR_END) or dt_util.now())
        start = _local(call.data.get(ATTR_START) or end - _SPAN)
    except OverflowError as err:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="time_out_of_range") from err
    if end < start:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="end_before_start")
    hubs = loaded_hubs(call.hass)
    devices: list[str] = call.data.get(ATTR_DEVICE_ID, [])
    parts = [_part(call.hass, hubs, one) for one in devices] if devices else [Part(hub=hub) for hub in hubs]
    rights = await Rights.async_of(call)

    @cache
    def readable(hub: SmartAirHub, zone: str | None, uid: str | None, channel: str) -> bool:
        return rights.reads_water(hub, uid=uid, channel=channel, zone=zone)

    runs = {
        run.cmd_id: (part, run)
        for part in parts
        for run in part.runs(start.timestamp())
        if readable(part.hub, run.zone, run.uid, run.channel)
    }
    sums = {
        key: one
        for part in parts
        for key, one in part.sums()
        if readable(part.hub, key[2].zone, key[2].uid, key[2].channel)
    }
    days: dict[str, Sum] = {}
    for (_, day, _), one in sums.items():
        if start.date().isoformat() <= day <= end.date().isoformat():
            days[day] = days.get(day, Sum()) + one
    return {
        "runs": [_run(part.hub, run) for part, run in runs.values() if run.ended <= end.timestamp()],
        "days": [_day(day, days[day]) for day in sorted(days)],
    }


def _local(at: datetime) -> datetime:
    return dt_util.as_local(at)


def _part(hass: HomeAssistant, hubs: Iterable[SmartAirHub], device_id: str) -> Part:
    """Return the part that a device is: a zone, a node, or a pump of a node."""
    entry = dr.async_get(hass).async_get(device_id)
    names = {name for domain, name in entry.identifiers if domain == DOMAIN} if entry is not None else set()
    for hub in hubs:
        for zone in hub.zones.values():
            if zone.device_id == device_id:
                return Part(hub=hub, zone=zone.zone_id)
        if (device := hub.devices.by_id(device_id)) is not None:
            return Part(hub=hub, uid=device.uid)
        for uid, channel in hub.pumps:
            if f"{hub.connection.namespace}{uid}:{channel}" in names:
                return Part(hub=hub, uid=uid, channel=channel)
    raise ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="not_a_water_device",
        translation_placeholders={"device": (entry and (entry.name_by_user or entry.name)) or device_id},
    )


def _run(hub: SmartAirHub, run: RunRecord) -> dict[str, Any]:
    zone = hub.zones.get(run.zone) if run.zone is not None else None
    return {
        "cmd_id": run.cmd_id,
        "zone": zone.name if zone is not None else run.zone,
        "device": run.uid,
        "channel": run.channel,
        "role": str(run.role),
        "litres": run.litres,
        "seconds": run.seconds,
        "mean_flow": run.mean_flow,
        "start": dt_util.utc_from_timestamp(run.started).isoformat(),
        "end": dt_util.utc_from_timestamp(run.ended).isoformat(),
        "ended_by": run.ended_by,
    }


def _day(day: str, one: Sum) -> dict[str, Any]:
    return {"date": day, "litres": round(one.litres, 3), "seconds": one.seconds, "runs": one.runs}
