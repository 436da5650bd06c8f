"""The zones of a hub: which there are, what is kept of them, and the time that passes for them."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
import logging
from typing import Any, override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.event import async_track_time_interval

from ..alerts.log import AlertLog
from ..connection import Connection
from ..const import DOMAIN, SUBENTRY_ZONE
from ..devices.devices import Devices
from ..isolation import async_bounded
from ..issues import word, zone_error
from ..pumps.pump import Pump
from ..pumps.pumps import Pumps
from ..pysmartair import without_markup
from ..pysmartair.water.memory import parse_memory, unparse_memory
from ..pysmartair.water.model import Drain, Fill, Memory, Stabilize
from ..store import SharedSave, concern_store
from .settings import CONF_AREA, CONF_AUTOMATIC, SECTION_CYCLE, judge
from .sources import entity_id_of
from .zone import Zone

_LOGGER = logging.getLogger(__name__)

_TICK = timedelta(seconds=1)

type ZonesListener = Callable[[Iterable[Zone]], None]


class Zones(Mapping[str, Zone]):
    """Every zone of a hub, by the id of its subentry."""

    def __init__(self, connection: Connection, devices: Devices, alerts: AlertLog, pumps: Pumps) -> None:
        """Begin with none."""
        self.connection = connection
        self.devices = devices
        self.alerts = alerts
        self.pumps = pumps
        self._all: dict[str, Zone] = {}
        self.started = False
        self._file = SharedSave(
            concern_store(connection.hass, connection.entry.entry_id, "zones"), lambda: {"zones": self._kept}
        )
        self._kept: dict[str, Any] = {}
        self._ends: list[CALLBACK_TYPE] = []
        self._listeners: list[ZonesListener] = []

    @override
    def __getitem__(self, zone_id: str) -> Zone:
        return self._all[zone_id]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    @override
    def __len__(self) -> int:
        return len(self._all)

    @property
    def hass(self) -> HomeAssistant:
        """Home Assistant."""
        return self.connection.hass

    # --- beginning and end ----------------------------------------------------------------------

    async def async_load(self) -> None:
        """Bring back the zones as they were stored; what was under way is interrupted by that."""
        kept = (await self._file.async_load()).get("zones")
        self._kept = dict(kept) if isinstance(kept, dict) else {}
        for subentry_id in self._subentries():
            self._try_add(subentry_id)

    @callback
    def async_begin(self) -> None:
        """Take hold of pumps and sensors, once every platform is there and the devices can be heard."""
        self.started = True
        for zone in self.values():
            zone.async_begin()
        listen = self.hass.bus.async_listen
        self._ends += [
            async_track_time_interval(self.hass, self._pass_time, _TICK, name="smartair zones"),
            listen(er.EVENT_ENTITY_REGISTRY_UPDATED, self._registry_updated),
            listen(EVENT_HOMEASSISTANT_STARTED, self._look_for_missing),
            self.pumps.async_listen_pumps(self._look_for_missing),
        ]

    @callback
    def async_interrupt(self) -> list[asyncio.Task[None]]:
        """Interrupt what is under way, and let nothing begin any more; return what to wait for."""
        self.started = False
        for end in self._ends:
            end()
        self._ends.clear()
        tasks: list[asyncio.Task[None]] = []

        def interrupt(zone: Zone) -> None:
            tasks.extend(zone.async_interrupt())

        # One that fails keeps no other from being interrupted.
        for zone in self.values():
            self.connection.isolation.call(f"The zone {zone.name}", interrupt, zone)
        return tasks

    async def async_stop(self) -> None:
        """Let go of everything, and write what is not written yet."""
        for zone in self.values():
            zone.async_let_go()
        await self.async_written()

    # --- which there are ------------------------------------------------------------------------

    def _subentries(self) -> dict[str, ConfigSubentry]:
        return {
            one.subentry_id: one
            for one in self.connection.entry.subentries.values()
            if one.subentry_type == SUBENTRY_ZONE
        }

    def _add(self, subentry_id: str) -> Zone:
        stored, subentry = self._kept.get(subentry_id), self._subentries()[subentry_id]
        zone = self._all[subentry_id] = Zone(self, subentry, self._remembered(stored, subentry))
        zone.async_register()
        if stored is None and (area := subentry.data.get(CONF_AREA)) is not None:
            zone.async_set_area(area)
        self._tell_faults(subentry_id)
        return zone

    def _try_add(self, subentry_id: str) -> Zone | None:
        """Add a zone; one whose settings cannot be read keeps no other from its work, and is told."""
        try:
            return self._add(subentry_id)
        except Exception:
            _LOGGER.exception("The settings of a zone cannot be read")
            self._tell_faults(subentry_id, unreadable=True)
            return None

    def _set_up(self, subentry_id: str) -> str:
        return f"zone_set_up/{self.connection.entry.entry_id}/{subentry_id}"

    def _tell_faults(self, subentry_id: str, *, unreadable: bool = False) -> None:
        """Show a repair for settings that an earlier version stored and that are refused today."""
        subentry = self._subentries()[subentry_id]
        issue_id = self._set_up(subentry_id)
        faults = [] if unreadable else sorted(set(judge(subentry.data).values()))
        if not faults and not unreadable:
            ir.async_delete_issue(self.hass, DOMAIN, issue_id)
            return
        ir.async_create_issue(
            self.hass,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.ERROR if unreadable else ir.IssueSeverity.WARNING,
            translation_key="zone_unreadable" if unreadable else "zone_set_up",
            translation_placeholders={
                "zone": subentry.title,
                **({} if unreadable else {"faults": "\n".join(f"- {zone_error(self.hass, one)}" for one in faults)}),
            },
        )

    def _forget_faults(self) -> None:
        """Take back the repairs of zones that were deleted, also of those that never worked."""
        prefix = self._set_up("")
        for _, issue_id in list(ir.async_get(self.hass).issues):
            if issue_id.startswith(prefix) and issue_id.removeprefix(prefix) not in self._subentries():
                ir.async_delete_issue(self.hass, DOMAIN, issue_id)

    def _remembered(self, stored: object, subentry: ConfigSubentry) -> Memory:
        if stored is None:
            return Memory(automatic=subentry.data[SECTION_CYCLE].get(CONF_AUTOMATIC) is True)
        try:
            return parse_memory(stored)
        except ValueError as err:
            # Nothing begins by itself in a zone without automatic operation.
            _LOGGER.warning("What was stored of a zone cannot be read, and it begins anew: %s", err)
            return Memory()

    @callback
    def async_listen_zones(self, listener: ZonesListener) -> CALLBACK_TYPE:
        """Call the listener with the zones there are, and with those that are added; return how to end that."""
        self._listeners.append(listener)
        listener(self.values())
        return partial(self._listeners.remove, listener)

    async def async_reconcile(self) -> None:
        """Follow what the owner added, changed or deleted; the other zones go on meanwhile."""
        self._forget_faults()
        for subentry_id in self.keys() - self._subentries().keys():
            # Its pumps may take their time to stop, and the owner may go on meanwhile.
            if subentry_id in self:
                await self._async_remove(subentry_id)
        if not self.started:
            # The hub was unloaded meanwhile, and the next one sees to the rest.
            return
        for subentry_id, subentry in self._subentries().items():
            if (zone := self.get(subentry_id)) is None:
                if (zone := self._try_add(subentry_id)) is None:
                    continue
                zone.async_begin()
                for listener in tuple(self._listeners):
                    listener([zone])
            elif zone.is_not(subentry):
                zone.async_configure(subentry)
                self._tell_faults(subentry_id)
        self._release_switches()

    async def _async_remove(self, subentry_id: str) -> None:
        zone = self._all.pop(subentry_id)
        await async_bounded(zone.async_interrupt(), f"the stops of {zone.name}")
        zone.async_let_go()
        for alert in self.alerts.active(zone=subentry_id):
            # A pump of a device stays locked, whatever it served.
            if alert.uid is None:
                self.alerts.async_resolve(alert.code, zone=subentry_id, channel=alert.channel)
        zone.missing = {}
        self.async_report_missing(zone)
        self._kept.pop(subentry_id, None)
        await self._file.async_save()

    def _release_switches(self) -> None:
        used = {pump.channel for zone in self.values() for pump in zone.pumps.values() if pump.uid is None}
        for entity_id in self.pumps.switches.keys() - used:
            self.pumps.async_release_switch(entity_id)

    def switches(self) -> set[str]:
        """Return what the zones use as pumps, by registry id or entity id."""
        return {name for zone in self.values() for name in zone.settings.pumps.values()}

    def other_change(self, zone: Zone) -> Zone | None:
        """Return another zone that changes its water in the same tank, or with one of this zone's pumps."""
        mine = list(zone.pumps.values())
        for other in self.values():
            busy = isinstance(other.memory.state, Drain | Fill | Stabilize)
            shared = any(pump in mine for pump in other.pumps.values()) or self._same_tank(zone, other)
            if other is not zone and busy and shared:
                return other
        return None

    def pumps_around(self, zone: Zone) -> list[Pump]:
        """Return the pumps of a zone, and those of the zones that share its tank."""
        return [
            pump
            for other in self.values()
            if other is zone or self._same_tank(zone, other)
            for pump in other.pumps.values()
        ]

    def _same_tank(self, one: Zone, other: Zone) -> bool:
        """Tell whether two zones are of one tank, which is what their level sensor measures."""
        tanks = [self._tank(zone) for zone in (one, other)]
        return tanks[0] is not None and tanks[0] == tanks[1]

    def _tank(self, zone: Zone) -> str | None:
        reference = zone.settings.sensors.get("level")
        return None if reference is None else entity_id_of(self.hass, reference) or reference

    # --- pumps by their switches ----------------------------------------------------------------

    def is_ours(self, entity_id: str) -> bool:
        """Tell whether a switch belongs to this integration, and is thus a pump of a device or none at all."""
        entry = er.async_get(self.hass).async_get(entity_id)
        return entry is not None and entry.platform == DOMAIN

    def pump_of(self, entity_id: str) -> Pump | None:
        """Return the pump of a SmartAir device that a switch is, or None."""
        entry = er.async_get(self.hass).async_get(entity_id)
        if entry is None or entry.platform != DOMAIN or entry.config_entry_id != self.connection.entry.entry_id:
            return None
        for (uid, channel), pump in self.pumps.items():
            if entry.unique_id == f"{self.connection.namespace}{uid}-{channel}:pump":
                return pump
        return None

    # --- what happens ---------------------------------------------------------------------------

    @callback
    def _pass_time(self, _now: datetime) -> None:
        # What goes wrong in one zone keeps no other from its second.
        for zone in tuple(self.values()):
            self.connection.isolation.call(f"The zone {zone.name}", zone.async_pass_time)

    @callback
    def _registry_updated(self, event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        if not self:
            return
        data = event.data
        names = {data["entity_id"], str(data.get("old_entity_id"))}
        if data["action"] == "update" and "old_entity_id" not in data:
            return
        if (entry := er.async_get(self.hass).async_get(data["entity_id"])) is not None:
            names.add(entry.id)
        for zone in self.values():
            if not names.isdisjoint(zone.references):
                self.connection.isolation.call(f"The zone {zone.name}", zone.async_bind)
                self.connection.isolation.call(f"The zone {zone.name}", zone.async_tick)
        self._release_switches()

    @callback
    def _look_for_missing(self, _: object) -> None:
        for zone in self.values():
            if zone.missing:
                self.connection.isolation.call(f"The zone {zone.name}", zone.async_bind)
                self.connection.isolation.call(f"The zone {zone.name}", zone.async_tick)

    @callback
    def async_report_missing(self, zone: Zone) -> None:
        """Show a repair for each pump and sensor of a zone that is gone, and take back the others."""
        names = [*zone.settings.pumps, *zone.settings.sensors]
        for name in map(str, names):
            issue_id = f"zone_entity_missing/{self.connection.entry.entry_id}/{zone.zone_id}/{name}"
            if name not in zone.missing:
                ir.async_delete_issue(self.hass, DOMAIN, issue_id)
                continue
            ir.async_create_issue(
                self.hass,
                DOMAIN,
                issue_id,
                is_fixable=False,
                severity=ir.IssueSeverity.WARNING,
                translation_key="zone_pump_missing"
                if name in map(str, zone.settings.pumps)
                else "zone_sensor_missing",
                translation_placeholders={
                    "zone": without_markup(zone.place),
                    "what": word(self.hass, "zone_part", name),
                },
            )

    # --- what is kept ---------------------------------------------------------------------------

    @callback
    def async_keep(self, zone_id: str, memory: Memory) -> None:
        """Write where a zone is, at once, and without anybody waiting for the disk."""
        self._kept[zone_id] = unparse_memory(memory)
        self.pumps.async_task(self._file.async_save(), "keep zones")

    async def async_written(self) -> None:
        """Return when everything is on disk."""
        await self._file.async_written()
