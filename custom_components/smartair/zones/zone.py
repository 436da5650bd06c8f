"""One zone at run time: the hands and eyes of the water cycle, which alone decides."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
import time
from typing import Any, Protocol

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import CALLBACK_TYPE, Event as HassEvent, EventStateChangedData, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util import dt as dt_util

from ..alerts.log import AlertLog
from ..connection import Connection
from ..const import DOMAIN
from ..devices.devices import Devices
from ..devices.place import place_of_device
from ..pumps.pump import Pump, ZoneContext
from ..pumps.pumps import Pumps
from ..pumps.refusals import change_refused
from ..pysmartair import Code, RunRecord
from ..pysmartair.guard.model import Running, Sense, Starting, Stopping
from ..pysmartair.hearing import fresh_for, stands, wait
from ..pysmartair.safety import Refused, Role, harm_s, watched
from ..pysmartair.water.change import ENDS
from ..pysmartair.water.cycle import hindrance, next_change, solution_age, step
from ..pysmartair.water.memory import unparse_memory
from ..pysmartair.water.model import (
    Abort,
    Automatic,
    Begin,
    Cause,
    Denied,
    Drain,
    Effect,
    Event,
    Failed,
    Fill,
    Happened,
    Happening,
    Hindrance,
    Interrupt,
    Memory,
    Refusal,
    Renew,
    Resume,
    RunEnded,
    Sight,
    Stabilize,
    Start,
    Tick,
    Why,
)
from ..pysmartair.water.schedule import Moment
from ..pysmartair.water.solution import Side, Standing, drift, follow
from .contacts import Contacts
from .hands import Hands, cause_of
from .settings import CONTACTS, POWER, ZoneSettings
from .sources import METRICS, Judged, MetricSource, Source, StateSource, Trouble, drawn_as, entity_id_of, source_of

# Age, today's litres and what else changes by itself is looked at this often.
_REFRESH_S = 60.0
_LENT = {"level": Sense.LEVEL, "flow": Sense.FLOW}
# What is wrong with a sensor and not with the way to it ends what needs it without waiting.
_UNREADABLE = (Trouble.MISSING, Trouble.UNIT, Trouble.MEASURES)
_BANDS = {
    ("ph", Side.HIGH): Code.HIGH_PH,
    ("ph", Side.LOW): Code.LOW_PH,
    ("ec", Side.HIGH): Code.HIGH_EC,
    ("ec", Side.LOW): Code.LOW_EC,
}

type Listener = Callable[[], None]
type HappeningListener = Callable[[Happened], None]


class Owner(Protocol):
    """What a zone needs of those who hold all zones of its hub."""

    connection: Connection
    alerts: AlertLog
    devices: Devices
    pumps: Pumps
    started: bool

    def is_ours(self, entity_id: str) -> bool:
        """Tell whether a switch belongs to this integration."""

    def pump_of(self, entity_id: str) -> Pump | None:
        """Return the pump of a SmartAir device that a switch is."""

    def pumps_around(self, zone: Zone) -> list[Pump]:
        """Return the pumps of the zone, and those of the zones that share its tank."""

    def other_change(self, zone: Zone) -> Zone | None:
        """Return another zone that changes its water, and excludes a change in this one."""

    def async_report_missing(self, zone: Zone) -> None:
        """Show a repair for each pump and sensor of the zone that is gone."""

    def async_keep(self, zone_id: str, memory: Memory) -> None:
        """Store where the zone is."""

    async def async_written(self) -> None:
        """Return when everything is on disk."""


class Zone:
    """A zone of a hub: its pumps, its sensors, and where its water is."""

    def __init__(self, zones: Owner, subentry: ConfigSubentry, memory: Memory) -> None:
        """Begin with what was stored; nothing is done before async_begin."""
        self.zones = zones
        self.connection = zones.connection
        self.alerts = zones.alerts
        self.devices = zones.devices
        self.zone_id = subentry.subentry_id
        self.name = subentry.title
        self.settings = ZoneSettings.from_data(subentry.data)
        self.memory = memory
        self.pumps: dict[Role, Pump] = {}
        self.sources: dict[str, Source] = {}
        self.missing: dict[str, str] = {}
        self._entity_ids: set[str] = set()
        self._references: dict[str, str] = {}
        self.device_id: str | None = None
        # What was raised before a restart stays raised until it is seen to be over.
        active = {alert.code for alert in self.alerts.active(zone=self.zone_id)}
        raised = {what: side for (what, side), code in _BANDS.items() if code in active}
        self._standing = {what: Standing(raised.get(what), raised.get(what)) for what in ("ph", "ec")}
        self._listeners: list[Listener] = []
        self._happening_listeners: list[HappeningListener] = []
        self._ends: list[CALLBACK_TYPE] = []
        self.hands = Hands(self)
        self.contacts = Contacts(self)
        self._stored: dict[str, Any] = unparse_memory(memory)
        self._refreshed = 0.0
        self._problem = False

    @property
    def unique_prefix(self) -> str:
        """What the unique ids of the zone's entities begin with; no uid of a device contains a slash."""
        return f"{self.connection.namespace}zone/{self.zone_id}-"

    # --- beginning and end ----------------------------------------------------------------------

    @callback
    def async_begin(self) -> None:
        """Take hold of pumps and sensors, and end what a restart interrupted."""
        self.async_bind()
        self._tell_trouble()
        self.async_take(Begin())

    @callback
    def async_bind(self) -> None:
        """Take hold of the pumps and sensors as they are named now; done again when one is renamed or appears."""
        before, contacts = dict(self.sources), dict[str, str]()
        self.async_let_go()
        self.missing = {}
        self._entity_ids.clear()
        for role, reference in self.settings.pumps.items():
            pump = self._find(role, reference)
            if pump is not None:
                self.pumps[role] = pump
        for what, reference in self.settings.sensors.items():
            entity_id = self._named(what, reference)
            if what in CONTACTS:
                contacts |= {} if entity_id is None else {what: entity_id}
            else:
                # What is gone is unknown, and not something that nobody chose (S6).
                entity_id = entity_id or reference
                heard, kind = partial(self._heard, what), self._kind(what, entity_id)
                source = self.sources[what] = source_of(self.zones, kind, entity_id, self.settings.tank, heard)
                # What was learned of a sensor outlives its new name.
                if (known := before.get(what)) is not None and self._references.get(what) == reference:
                    source.resume(known)
        self._references = dict(self.settings.sensors)
        for role, pump in self.pumps.items():
            self._ends += [pump.async_listen(self.async_tick), pump.async_listen_runs(partial(self._ended, role))]
            self._fit(role, pump)
            pump.async_restore_alert()
        self._lend()
        self.contacts.async_bind(contacts)
        self.async_register()
        self.zones.async_report_missing(self)
        # What is not in the registry appears there never, but as a state: its integration loads late, or once more.
        if late := [reference for reference in self.missing.values() if "." in reference]:
            self._ends.append(async_track_state_change_event(self.connection.hass, late, self._appeared))

    @callback
    def _appeared(self, event: HassEvent[EventStateChangedData]) -> None:
        if event.data["new_state"] is not None:
            self.async_bind()
            self.async_tick()

    def _named(self, what: str, reference: str) -> str | None:
        """Return the entity that a pump or sensor is now, and remember which are missing."""
        entity_id = entity_id_of(self.connection.hass, reference)
        if entity_id is None:
            self.missing[what] = reference
        else:
            self._entity_ids.add(entity_id)
        return entity_id

    def _kind(self, what: str, entity_id: str) -> str:
        """Return what a sensor measures: what a pump draws is told as a power or as a current."""
        return drawn_as(self.zones, entity_id) if what in POWER else what

    def _most_drawn(self, role: Role) -> dict[str, float]:
        """Return the limit of what a pump may draw, in the unit of its sensor."""
        most, reference = self.settings.max_power.get(role), self.settings.sensors.get(f"{role}_power")
        entity_id = entity_id_of(self.connection.hass, reference) if reference is not None else None
        if most is None or entity_id is None:
            return {}
        if drawn_as(self.zones, entity_id) == "current":
            return {"max_current_ma": most * 1000}
        return {"max_power_w": most}

    def _find(self, role: Role, reference: str) -> Pump | None:
        entity_id = self._named(str(role), reference)
        if entity_id is None:
            return None
        if (pump := self.zones.pump_of(entity_id)) is not None:
            return pump
        if self.zones.is_ours(entity_id):
            # A pump of a device that has not come yet, or is gone.
            self.missing[str(role)] = reference
            return None
        rules = self.settings.rules
        limits = {
            "min_level": self.settings.min_level,
            "max_level": rules.max_level,
            "stale_after_s": self.settings.stale_after,
            "max_off_s": rules.max_off_s,
            "drain_off_s": rules.change_off_s,
            **self._most_drawn(role),
        }
        inverted = role in self.settings.inverted
        return self.zones.pumps.async_switch_pump(entity_id, role, limits, inverted=inverted)

    @callback
    def async_let_go(self) -> None:
        """Let go of pumps and sensors."""
        for end in self._ends:
            end()
        self._ends.clear()
        for source in self.sources.values():
            source.async_end()
        self.sources.clear()
        self.contacts.async_end()
        for pump in self.pumps.values():
            pump.bind(None)
        self.pumps.clear()

    @callback
    def async_interrupt(self) -> list[asyncio.Task[None]]:
        """Interrupt a change that is under way, before the zone is let go of; return what to wait for."""
        return self.async_take(Interrupt())

    @callback
    def async_configure(self, subentry: ConfigSubentry) -> None:
        """Take over what the owner has changed."""
        self.name = subentry.title
        self.settings = ZoneSettings.from_data(subentry.data)
        self.async_bind()
        self.async_tick()
        self._call()

    @property
    def references(self) -> set[str]:
        """What its pumps and sensors are named by, and the entities that they are now."""
        return {*self.settings.pumps.values(), *self.settings.sensors.values(), *self._entity_ids}

    def is_not(self, subentry: ConfigSubentry) -> bool:
        """Tell whether the owner has changed something."""
        return self.name != subentry.title or self.settings != ZoneSettings.from_data(subentry.data)

    @callback
    def async_register(self) -> None:
        """Write the zone to the device registry, by way of the node of its first pump."""
        node = next((pump.uid for pump in self.pumps.values() if pump.uid is not None), None)
        device = self.devices.get(node) if node is not None else None
        entry = dr.async_get(self.connection.hass).async_get_or_create(
            config_entry_id=self.connection.entry.entry_id,
            config_subentry_id=self.zone_id,
            identifiers={(DOMAIN, f"{self.connection.namespace}zone/{self.zone_id}")},
            name=self.name,
            manufacturer="SmartAir",
            model="Hydroponic zone",
            via_device_id=device.device_id if device is not None else None,
        )
        self.device_id = entry.id

    @callback
    def async_set_area(self, area: str | None) -> None:
        """Put the zone into a room, or into none."""
        if self.device_id is not None:
            dr.async_get(self.connection.hass).async_update_device(self.device_id, area_id=area)

    @property
    def registered(self) -> dr.DeviceEntry | dr.ChildDeviceEntry | None:
        """The zone as it stands in the device registry."""
        return dr.async_get(self.connection.hass).async_get(self.device_id) if self.device_id else None

    @property
    def place(self) -> str:
        """Where it is, in its owner's words."""
        return place_of_device(self.connection.hass, self.device_id) or self.name

    # --- what is lent to its pumps --------------------------------------------------------------

    def _lent(self, role: Role, pump: Pump) -> frozenset[Sense]:
        """Return what the zone measures for a pump that its own device does not."""
        level = self.sources.get("level")
        # Circulation runs on while it is not heard yet whether there is water: not heard yet is not lost.
        heard = level is not None and not (role is Role.RECIRCULATION and self._waits(level))
        senses = {Sense.LEVEL} if heard else set()
        if "flow" in self.sources and role is self.settings.flow_of:
            senses.add(Sense.FLOW)
        if pump.uid is None and (drawn := self._drawn_by(role)) is not None:
            senses.add(drawn)
        own = [
            Sense.LEVEL if what == "level" else Sense.FLOW for what in ("level", "flow") if self._is_own(what, pump)
        ]
        return frozenset(senses.difference(own))

    def _drawn_by(self, role: Role) -> Sense | None:
        """Return as what it is measured what a pump draws, None where that is not measured."""
        source = self.sources.get(f"{role}_power")
        if source is None:
            return None
        power = isinstance(source, StateSource) and source.what == "power"
        return Sense.POWER_W if power else Sense.CURRENT_MA

    def _sense(self, what: str, role: Role) -> Sense | None:
        """Return what a source of the zone may tell a pump, None where that is nothing."""
        if what in POWER:
            return self._drawn_by(role) if POWER[what] is role else None
        return _LENT.get(what)

    def _fit(self, role: Role, pump: Pump) -> None:
        """Lend a pump what is measured for it, as far as it may go by it now."""
        lends = self._lent(role, pump)
        if pump.zone is None or pump.zone.lends != lends:
            limits = {"min_level": self.settings.min_level, "max_level": self.settings.rules.max_level}
            around = partial(self.zones.pumps_around, self)
            pump.bind(ZoneContext(zone=self.zone_id, pumps=around, lends=lends, limits=limits))

    def _is_own(self, what: str, pump: Pump) -> bool:
        if what in self.missing:
            # Its device may have the same value from elsewhere, and goes by that.
            device = self.devices.get(pump.uid) if pump.uid is not None else None
            return device is not None and METRICS[what] in device.snapshot.metrics
        source = self.sources.get(what)
        return isinstance(source, MetricSource) and source.device.uid == pump.uid

    def _lend(self, only: str | None = None) -> None:
        for what, source in tuple(self.sources.items()):
            if only not in {None, what}:
                continue
            for role, pump in self.pumps.items():
                if (sense := self._sense(what, role)) is None:
                    continue
                self._fit(role, pump)
                # What was never heard is not lent: the guard refuses a start, and has patience with what it found on.
                waits = source.hearing.heard_at is None and self._waits(source)
                if pump.zone is not None and sense in pump.zone.lends and not waits:
                    # Only what was heard just now is another reading, or what stands although it would be told of.
                    value = self._value_for(pump, what, source)
                    again = only is None and not self._stands(pump, what, source)
                    # What is drawn says nothing of the water, so that its pace holds up no run.
                    pace = None if what in POWER else source.hearing.pace
                    pump.async_sense(sense, value, again=again, pace=pace)

    def _term_for(self, pump: Pump, what: str, source: Source) -> float:
        """Return for how long a source is believed of a pump that moves water."""
        harm = None if what in POWER else harm_s(pump.limits, pump.guard.readings)
        return fresh_for(source.hearing, harm, self.settings.stale_after)

    def _value_for(self, pump: Pump, what: str, source: Source) -> float | None:
        """Return what holds for a pump: for a start only what holds now, for a run what held within its term.

        A run must change the level, whose silence is then none of a value that is steady.
        """
        if pump.limits.circulates:
            return source.value(self.settings.stale_after)
        term, changes = self._term_for(pump, what, source), what == "level"
        if not isinstance(pump.state, Starting | Running | Stopping):
            return None if source.trouble(term) is not None else source.value(term)
        if source.trouble(term) in _UNREADABLE:
            return None
        heard_at, since = source.hearing.heard_at, self._moving_since(pump)
        if changes and (heard_at is None or time.monotonic() - max(heard_at, since) > term):
            return None
        return source.value(term)

    def _moving_since(self, pump: Pump) -> float:
        return self._since(pump) if isinstance(pump.state, Running) else time.monotonic()

    def _since(self, pump: Pump) -> float:
        """Return since when a pump does what it does, by the clock of the sources."""
        return time.monotonic() - (self.zones.pumps.now - pump.state.since)

    def _stands(self, pump: Pump, what: str, source: Source) -> bool:
        term = self._fresh_for(source)
        if pump.limits.circulates:
            term = min(term, self.settings.stale_after)
        elif isinstance(pump.state, Starting | Running | Stopping):
            term = self._term_for(pump, what, source)
        return stands(source.hearing, self._since(pump), time.monotonic(), term)

    def _fresh_for(self, source: Source) -> float:
        return fresh_for(source.hearing, None, self.settings.stale_after)

    def _waits(self, source: Source) -> bool:
        """Tell whether a source that has not spoken since a start still has its term to do so (S6)."""
        term = self.settings.stale_after
        if source.value(term) is not None or not (source.hearing.heard_at is None or source.hearing.renewed):
            return False
        now = time.monotonic()
        if not self.connection.hass.is_running:
            source.hearing = wait(source.hearing, now)
        return now < source.hearing.due(term)

    # --- what is seen ---------------------------------------------------------------------------

    def value(self, what: str) -> float | None:
        """Return what a sensor of the zone says now, None where it says nothing that can be believed."""
        source = self.sources.get(what)
        return None if source is None else source.value(self.settings.stale_after)

    def _level(self) -> float | None:
        """Return the level as a step may go by it: what begins needs it now, what goes on within its term."""
        source = self.sources.get("level")
        if source is None:
            return None
        term = self._fresh_for(source)
        moves = isinstance(self.memory.state, Drain | Fill)
        if (trouble := source.trouble(term)) is not None and not (moves and trouble not in _UNREADABLE):
            return None
        return source.value(term)

    @property
    def hindrance(self) -> Hindrance | None:
        """What speaks against beginning a water change now."""
        return hindrance(self.settings.rules, self.memory, self.sight())

    def standing(self, what: str) -> tuple[Trouble | None, Judged, float | None] | None:
        """Return what is wrong with a sensor, by what its age is judged, and its interval."""
        source, term = self.sources.get(what), self.settings.stale_after
        return None if source is None else (source.trouble(term), source.judged(term), source.hearing.pace)

    @property
    def ec_drift(self) -> float | None:
        """By how many percent EC has left what it was when the solution was new."""
        made = self.memory.made
        return drift(made.ec if made is not None else None, self.value("ec"))

    @property
    def age(self) -> float | None:
        """The age of the solution in seconds."""
        return solution_age(self.memory, self.moment)

    @property
    def next_change_at(self) -> datetime | None:
        """When the next planned change is due; to the minute, for it is reckoned anew each time."""
        at = next_change(self.settings.rules, self.memory, self.moment)
        return None if at is None else datetime.fromtimestamp(round(at / 60) * 60, UTC)

    @property
    def moment(self) -> Moment:
        """Now, on all three clocks."""
        local = dt_util.now()
        of_day = local.hour * 3600 + local.minute * 60 + local.second + local.microsecond / 1e6
        return Moment(time.time(), time.monotonic(), of_day)

    def sight(self) -> Sight:
        """Return all that the water cycle may know of the zone now."""
        level = self.sources.get("level")
        return Sight(
            level=self._level(),
            level_count=level.count if level is not None else 0,
            level_pace=level.hearing.pace if level is not None else None,
            ph=self.value("ph"),
            ec=self.value("ec"),
            temperature=self.value("temperature"),
            recirculating=self.on(Role.RECIRCULATION),
            draining=self.on(Role.DRAIN),
            filling=self.on(Role.FILL),
            litres=self._litres(),
            hindrances=tuple(self._hindrances()),
        )

    def on(self, role: Role) -> bool | None:
        """Return whether a pump runs, None where nobody knows now; a pump that the zone has not got does not."""
        if role not in self.settings.pumps:
            return False
        pump = self.pumps.get(role)
        # A pump that is for something else by now is none of the zone's.
        if pump is None or pump.role is not role or not pump.guard.contact:
            return None
        # A device that is back has yet to say what it did meanwhile (S9).
        if pump.guard.heard_at < pump.guard.contact_at:
            return None
        return pump.is_on

    def _litres(self) -> float | None:
        pump = self.pumps.get(Role.FILL)
        return pump.state.litres if pump is not None and isinstance(pump.state, Running) else None

    def _hindrances(self) -> Iterator[Hindrance]:
        if (other := self.zones.other_change(self)) is not None:
            yield Hindrance(Refusal.OTHER_ZONE, None, other.place)
        for role in self.settings.pumps:
            if str(role) in self.missing:
                yield Hindrance(Refusal.PUMP_MISSING, role, self.missing[str(role)])
        for role, pump in self.pumps.items():
            if pump.role is not role:
                yield Hindrance(Refusal.PUMP_MISSING, role, pump.place)
            device = self.devices.get(pump.uid) if pump.uid is not None else None
            if device is not None and device.snapshot.ota is not None and device.snapshot.ota.under_way:
                yield Hindrance(Refusal.UPDATE_IN_PROGRESS, None, device.place)
            if pump.stuck:
                yield Hindrance(Refusal.PUMP_STUCK_ON, None, pump.place)
            if pump.lock is not None:
                yield Hindrance(Refusal.PUMP_LOCKED, role, pump.place, cause_of(str(pump.lock.reason)))
            if isinstance(watched(pump.limits, pump.guard.readings, self.zones.pumps.now), Refused):
                yield Hindrance(Refusal.PUMP_UNWATCHED, role, pump.place)

    @property
    def pump_problem(self) -> bool:
        """Whether a pump is locked, stuck or missing."""
        wrong = any(pump.lock is not None or pump.stuck or pump.role is not role for role, pump in self.pumps.items())
        return wrong or any(str(role) in self.missing for role in self.settings.pumps)

    # --- what is asked of it --------------------------------------------------------------------

    async def async_start_change(self) -> None:
        """Begin a water change; raise ServiceValidationError where something speaks against it."""
        self.async_take(Start(self.sight()))

    async def async_resume(self) -> None:
        """Begin the failed step anew; raise ServiceValidationError where something speaks against it."""
        self.async_take(Resume(self.sight()))

    async def async_abort(self) -> None:
        """Give a change up and stop all that moves water."""
        await asyncio.gather(*self.async_take(Abort()))

    async def async_renew(self) -> None:
        """Take it from the owner that the solution is new."""
        self.async_take(Renew(self.sight()))

    async def async_set_automatic(self, *, on: bool) -> None:
        """Switch planned changes and the duty cycle on or off."""
        self.async_take(Automatic(on))
        self.async_tick()

    async def async_reset(self) -> None:
        """Reset the locks of the zone's pumps; raise the first refusal after all were tried."""
        locked = [pump for pump in self.pumps.values() if pump.locked]
        results = await asyncio.gather(*(pump.async_reset() for pump in locked), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    # --- what happens to it ---------------------------------------------------------------------

    @callback
    def async_tick(self) -> None:
        """Look, and let time pass."""
        if not self.zones.started or self.connection.together.puts_off(self.async_tick, self.name):
            return
        self.async_take(Tick(self.sight()))
        self.hands.pay_circulation()
        self._watch()
        now = time.monotonic()
        if self.pump_problem != self._problem or now - self._refreshed >= _REFRESH_S:
            self._call()

    @callback
    def async_pass_time(self) -> None:
        """Let a second pass: what has fallen silent is lent no longer."""
        self._lend()
        self.contacts.async_lend()
        self.async_tick()

    def _heard(self, what: str) -> None:
        source = self.sources[what]
        if isinstance(source, StateSource) and self._kind(what, source.entity_id) != source.what:
            # Only now it is known as what its sensor tells what a pump draws.
            self.async_bind()
        self._lend(what)
        self.async_tick()

    @callback
    def _ended(self, role: Role, record: RunRecord) -> None:
        if isinstance(self.memory.state, Drain | Fill | Stabilize | Failed):
            self.async_take(RunEnded(role, record.litres, self._cause(record)))

    def _cause(self, record: RunRecord) -> Cause | None:
        """Return what the end of a run means for the step that is under way, None where it means nothing."""
        cause = cause_of(record.ended_by)
        if record.cmd_id == self.hands.run_id:
            return cause
        # The account of a run may come in the next step, or when its pump runs for the next change already: that it
        # was stopped is right then, that it tripped is not.
        return cause if record.cmd_id == self.hands.run_before and cause not in ENDS else None

    @callback
    def async_take(self, event: Event) -> list[asyncio.Task[None]]:
        """Tell the water cycle, and do what it wants; raise ServiceValidationError where it refuses the owner."""
        before = self.memory
        self.memory, effects = step(self.settings.rules, before, event, self.moment)
        stored = unparse_memory(self.memory)
        kept = stored == self._stored
        self._stored = stored
        if not kept:
            self.zones.async_keep(self.zone_id, self.memory)
        if type(self.memory.state) is not type(before.state):
            self.hands.turn += 1
            self.connection.isolation.call(f"The alert of {self.name}", self._tell_trouble)
        tasks = self._carry_out(effects)
        if not kept or effects:
            self._call()
        self._deny(effects)
        return tasks

    def _deny(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if not isinstance(effect, Denied):
                continue
            against = effect.hindrance
            numbers = {"value": against.value, "limit": against.limit}
            values: dict[str, float | str | None] = {
                "why": str(effect.why),
                "refusal": str(against.refusal),
                **({"pump": against.detail} if against.detail else {}),
                **{name: round(value, 1) for name, value in numbers.items() if value is not None},
            }
            self._tell(Happened(Happening.REFUSED, values))
            self.alerts.async_note(
                Code.RUN_REFUSED, zone=self.zone_id, cause=str(effect.hindrance.refusal), values=values
            )
            if effect.why is Why.OWNER:
                raise change_refused(effect.hindrance)

    def _carry_out(self, effects: tuple[Effect, ...]) -> list[asyncio.Task[None]]:
        for effect in effects:
            if isinstance(effect, Happened):
                self._tell(effect)
        return self.hands.carry_out(effects)

    # --- who listens ----------------------------------------------------------------------------

    @callback
    def async_listen(self, listener: Listener) -> CALLBACK_TYPE:
        """Call the listener when what the zone shows may have changed; return how to end that."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    @callback
    def async_listen_happenings(self, listener: HappeningListener) -> CALLBACK_TYPE:
        """Call the listener with what happens; return how to end that."""
        self._happening_listeners.append(listener)
        return partial(self._happening_listeners.remove, listener)

    def _call(self) -> None:
        self._problem = self.pump_problem
        self._refreshed = time.monotonic()
        for listener in tuple(self._listeners):
            self.connection.isolation.call(f"A listener of {self.name}", listener)

    def _tell(self, happened: Happened) -> None:
        for listener in tuple(self._happening_listeners):
            self.connection.isolation.call(f"A listener of {self.name}", listener, happened)

    # --- alerts ---------------------------------------------------------------------------------

    def _tell_trouble(self) -> None:
        """Raise the alert of a change that failed while it waits for a person, and resolve it after."""
        match self.memory.state:
            case Failed() as failed:
                self.alerts.async_raise(
                    Code.WATER_CHANGE_FAILED, zone=self.zone_id, cause=str(failed.cause), values=failed.facts()
                )
            case _:
                self.alerts.async_resolve(Code.WATER_CHANGE_FAILED, zone=self.zone_id)

    def _watch(self) -> None:
        """Follow pH and EC of the solution; while it is being changed they say nothing."""
        if isinstance(self.memory.state, Drain | Fill | Stabilize):
            return
        for what, band in (("ph", self.settings.ph), ("ec", self.settings.ec)):
            before = self._standing[what]
            value = self.value(what)
            # Where nothing measures it any more, nobody would ever see that it is over.
            measured = what in self.settings.sensors
            after = follow(before, band, value, time.monotonic()) if measured else Standing()
            self._standing[what] = after
            for side in Side:
                code = _BANDS[what, side]
                if after.raised is side and before.raised is not side:
                    limit = band.low if side is Side.LOW else band.high
                    self.alerts.async_raise(code, zone=self.zone_id, values={"value": value, "limit": limit})
                elif after.raised is not side:
                    self.alerts.async_resolve(code, zone=self.zone_id)
