"""The pumps of a hub: which there are, what reaches them, and what is kept of them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
import logging
import time
from typing import Any, override

from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN, Platform
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event, async_track_time_interval
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now

from ..alerts.log import AlertLog
from ..connection import Connection
from ..const import DOMAIN
from ..devices.device import SmartAirDevice
from ..devices.devices import Devices
from ..pysmartair import (
    KEY_CONFIG,
    KEY_DESCRIPTOR,
    KEY_OTA,
    KEY_STATUS,
    Code,
    CommandName,
    CommandResponse,
    DeviceEvent,
    RunRecord,
    Telemetry,
)
from ..pysmartair.channels import LONGEST_OFF_S, Fault, PumpSpec, faults_of, limits_of, pump_specs, within
from ..pysmartair.guard.guard import begin
from ..pysmartair.guard.memory import memory_as_dict, memory_from_dict
from ..pysmartair.guard.model import (
    Around,
    Configured,
    Contacted,
    Disturbed,
    Event as GuardEvent,
    Fitted,
    Memory,
    Reported,
    Running,
    Sense,
    Sensed,
)
from ..pysmartair.protocol.fields import number
from ..pysmartair.safety import ZONE_LOCKS, Limits, Role
from ..store import SharedSave, concern_store
from .actuator import ChannelActuator, SwitchActuator
from .belief import Belief
from .events import happened
from .pump import OPPOSITE, Pump
from .released import Released, debt_of
from .usage import UsageLog

_LOGGER = logging.getLogger(__name__)

_TICK = timedelta(seconds=1)
_LEVEL = "water_level"
_NODE = {Sense.LEVEL: _LEVEL, Sense.FLOW: "flow_rate", Sense.CURRENT_MA: "pump_current"}
_CLOCK_WAS_SET_S = 2.0
_LIVE = {"seconds": 60, "interval": 1}

type PumpKey = tuple[str, str]
type PumpsListener = Callable[[Iterable[Pump]], None]

_FAULTS = {Fault.WRONG_RELAY: "pump_wrong_relay", Fault.LONG_PAUSE: "pump_long_pause"}


class Pumps(Mapping[PumpKey, Pump]):
    """Every pump of the hub's devices, by uid and channel; and the switches that zones use as pumps."""

    def __init__(self, connection: Connection, devices: Devices, alerts: AlertLog) -> None:
        """Begin with none."""
        self.connection = connection
        self.devices = devices
        self.alerts = alerts
        self.hass: HomeAssistant = connection.hass
        self._all: dict[PumpKey, Pump] = {}
        self.usage = UsageLog(connection.hass, connection.entry.entry_id)
        self.switches: dict[str, Pump] = {}
        self.released = Released(self)
        self._file = SharedSave(concern_store(connection.hass, connection.entry.entry_id, "pumps"), self._data)
        self._kept: dict[str, dict[str, Any]] = {}
        self._ends: dict[str, list[CALLBACK_TYPE]] = {}
        self._of: dict[str, list[Pump]] = {}
        self._listeners: list[PumpsListener] = []
        self._belief = Belief(connection, devices.issues, lambda device: (pump.channel for pump in self.of(device)))
        # A clock that only goes forward, and shows the time of day of when it was started.
        self._epoch = time.time() - time.monotonic()
        self._offset = 0.0

    @override
    def __getitem__(self, key: PumpKey) -> Pump:
        return self._all[key]

    @override
    def __iter__(self) -> Iterator[PumpKey]:
        return iter(self._all)

    @override
    def __len__(self) -> int:
        return len(self._all)

    @property
    def now(self) -> float:
        """Seconds, near Unix time, that no correction of the clock moves."""
        return self._epoch + time.monotonic()

    def time_of(self, at: float) -> datetime:
        """Return the time of day of a moment of this clock, which does not change with each look at both clocks."""
        offset = time.time() - self.now
        if abs(offset - self._offset) > _CLOCK_WAS_SET_S:
            self._offset = offset
        return dt_util.utc_from_timestamp(round(at + self._offset))

    # --- beginning and end ----------------------------------------------------------------------

    async def async_load(self) -> None:
        """Read locks, limits and the record of runs; before any pump is made."""
        stored = await self._file.async_load()
        self.released.async_load(stored.get("released"))
        kept = stored.get("pumps")
        self._kept = {name: one for name, one in kept.items() if isinstance(one, dict)} if kept else {}
        await self.usage.async_load()

    @callback
    def async_start(self) -> None:
        """Begin to let time pass."""
        ends = self._ends.setdefault("", [])
        ends.append(self.devices.async_listen_growth(self._grow))
        ends.append(async_track_time_interval(self.hass, self._tick, _TICK, name="smartair pumps"))

    @callback
    def async_leave(self) -> None:
        """Let go of every pump, and start none any more that nobody would end."""
        for pump in self.all():
            self.connection.isolation.call(f"Leaving {pump.channel}", pump.async_leave)

    async def async_stop(self) -> None:
        """End all listening, and write what is not written yet."""
        for pump in self.all():
            if pump.unanswered and pump.is_on is not False:
                # Nobody will look any more whether it stops: a person must.
                zone = pump.zone.zone if pump.zone else None
                self.alerts.async_note(
                    Code.COMMAND_UNCONFIRMED, uid=pump.uid, zone=zone, channel=pump.channel, cause="stop"
                )
        for ends in self._ends.values():
            for end in ends:
                end()
        self._ends.clear()
        await self._file.async_save()
        await self.usage.async_stop()

    def all(self) -> list[Pump]:
        """Return every pump, switches of zones included."""
        return [*self.values(), *self.switches.values()]

    @callback
    def _tick(self, _now: datetime) -> None:
        # What goes wrong with one pump keeps no other from its second.
        for pump in self.all():
            self.connection.isolation.call(f"The pump {pump.channel}", pump.async_tick)
        self.released.async_tick()
        for uid in self._belief.due(self.now):
            if (device := self.devices.get(uid)) is not None:
                self._grow(device)

    @callback
    def async_task[T](self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Begin something at once; not even the end of the hub cancels it, for it may be a stop."""
        return self.hass.async_create_background_task(work, f"smartair {name}", eager_start=True)

    # --- which there are ------------------------------------------------------------------------

    @callback
    def async_add_device(self, device: SmartAirDevice) -> None:
        """Make the pumps of a device."""
        self._grow(device, approved=True)

    def _happened(self, device: SmartAirDevice, event: DeviceEvent) -> None:
        channel = event.data.get("channel")
        pump = self.get((device.uid, channel)) if isinstance(channel, str) else None
        happened(self.alerts, device, pump, event)

    def _hear(self, device: SmartAirDevice) -> None:
        """Listen to a device, which is not done before it has a pump: most devices never have one."""
        self._ends[device.uid] = [
            device.async_listen_reports(partial(self._report, device)),
            device.async_listen_responses(partial(self._answered, device)),
            device.async_listen_events(partial(self._happened, device)),
            device.async_listen(
                (KEY_STATUS, KEY_DESCRIPTOR, KEY_CONFIG, KEY_OTA), partial(self._refresh_device, device)
            ),
        ]

    @callback
    def async_remove_device(self, uid: str) -> None:
        """Stop what the pumps of a device do for us, and forget them, their locks and limits included."""
        for end in self._ends.pop(uid, ()):
            end()
        self._belief.async_forget(uid)
        for pump in self._of.pop(uid, ()):
            pump.async_leave(for_good=True)
            del self._all[uid, pump.channel]
            self._kept.pop(_name(uid, pump.channel), None)
        self.async_save()

    @callback
    def async_remove_channel(self, device: SmartAirDevice, channel: str | None) -> None:
        """Have the pump of a channel no more that its owner has removed; its lock and limits are kept."""
        pump = self._all.pop((device.uid, channel or ""), None)
        if pump is not None:
            self._of[device.uid].remove(pump)
            pump.async_leave(for_good=True)

    def of(self, device: SmartAirDevice) -> Sequence[Pump]:
        """Return the pumps of a device."""
        return self._of.get(device.uid, ())

    @callback
    def async_listen_pumps(self, listener: PumpsListener) -> CALLBACK_TYPE:
        """Call the listener with the pumps there are, and with those that are added; return how to end that."""
        self._listeners.append(listener)
        listener(self.values())
        return partial(self._listeners.remove, listener)

    @callback
    def async_switch_pump(
        self, entity_id: str, role: Role, limits: Mapping[str, float], *, inverted: bool = False
    ) -> Pump:
        """Return the pump that a switch of Home Assistant is, which Home Assistant alone guards."""
        if (pump := self.switches.get(entity_id)) is not None:
            pump.async_take(Configured(limits_of(role, limits), protected=False))
            if isinstance(pump.actuator, SwitchActuator) and pump.actuator.inverted is not inverted:
                pump.actuator.inverted = inverted
                self.async_follow(pump)
            return pump
        actuator = SwitchActuator(self.hass, entity_id, inverted=inverted)
        self.released.async_forget(actuator.key)
        guard = begin(limits_of(role, limits), self._memory(_name("", actuator.key)), self.now, ends_itself=False)
        pump = Pump(self, uid=None, channel=entity_id, guard=guard, actuator=actuator)
        self.switches[entity_id] = pump
        self._ends[_name("", entity_id)] = [
            async_track_state_change_event(self.hass, entity_id, partial(self._switch_changed, pump))
        ]
        self._follow_switch(pump, self.hass.states.get(entity_id))
        return pump

    @callback
    def async_release_switch(self, entity_id: str) -> None:
        """Let go of a switch that no zone uses any more."""
        pump = self.switches.pop(entity_id)
        for end in self._ends.pop(_name("", entity_id)):
            end()
        debt = debt_of(pump)
        pump.async_leave(for_good=True)
        # Nobody looks after it any more, or under another name.
        for alert in self.alerts.active():
            if (alert.uid, alert.channel) == (None, entity_id):
                self.alerts.async_resolve(alert.code, zone=alert.zone, channel=entity_id)
        renamed = any(one.actuator.key == pump.actuator.key for one in self.switches.values())
        if debt is not None and not renamed:
            self.released.async_owe(pump.actuator.key, debt)
            self.async_save()

    def _grow(self, device: SmartAirDevice, *, approved: bool = False, message: Telemetry | None = None) -> None:
        added: list[Pump] = []
        new = [spec for spec in pump_specs(device.snapshot) if (device.uid, spec.channel) not in self]
        for spec in self._belief.judge(device, new, now=self.now, approved=approved, message=message):
            key = (device.uid, spec.channel)
            guard = begin(self._limits(device, spec), self._memory(_name(*key)), self.now)
            pump = self._all[key] = Pump(
                self,
                uid=device.uid,
                channel=spec.channel,
                guard=guard,
                actuator=ChannelActuator(device, spec.channel),
            )
            self._of.setdefault(device.uid, []).append(pump)
            pump.own_senses = self._kept_senses(_name(*key))
            pump.last_hand.restore(self._kept.get(_name(*key), {}).get("hand"))
            pump.offered_limits = spec.limits
            pump.device_id = self._register(device, spec)
            # A switch that is disabled is never added, and its pump can be stopped all the same (S1).
            pump.entity_id = er.async_get(self.hass).async_get_entity_id(
                Platform.SWITCH, DOMAIN, f"{device.unique_prefix}{spec.channel}:pump"
            )
            pump.last_run = next(reversed(self.usage.runs(uid=device.uid, channel=spec.channel)), None)
            pump.async_restore_alert()
            added.append(pump)
        if (added or new) and device.uid not in self._ends:
            self._hear(device)
        self._refresh_device(device)
        if added:
            for listener in tuple(self._listeners):
                listener(added)

    def _register(self, device: SmartAirDevice, spec: PumpSpec) -> str | None:
        """Have a child device of the pump's node, named by what the pump is for."""
        if device.device_id is None:
            return None
        same = sum(one.role is spec.role for one in pump_specs(device.snapshot))
        child = dr.async_get(self.hass).async_get_or_create_child(
            config_entry_id=self.connection.entry.entry_id,
            identifiers={(DOMAIN, f"{self.connection.namespace}{device.uid}:{spec.channel}")},
            parent_device_id=device.device_id,
            translation_key=f"pump_{spec.role}_of_several" if same > 1 else f"pump_{spec.role}",
            translation_placeholders={"channel": spec.channel},
        )
        return child.id

    def _kept_senses(self, name: str) -> frozenset[Sense]:
        kept = self._kept.get(name, {}).get("senses")
        return frozenset(Sense(one) for one in kept if one in set(Sense)) if isinstance(kept, list) else frozenset()

    # --- what reaches them ----------------------------------------------------------------------

    def _set(self, device: SmartAirDevice, spec: PumpSpec) -> dict[str, float]:
        """Return the limits that were set, here or at the device."""
        overrides = dict(self.own_limits(device.uid, spec.channel))
        for name in spec.limits:
            value = device.setting(f"{spec.channel}_{name}")
            if (known := number(value)) is not None:
                overrides[name] = known
        return overrides

    def _tell_faults(self, device: SmartAirDevice, spec: PumpSpec) -> None:
        """Show a repair for each thing that is wrong with how a pump is set up."""
        faults = faults_of(spec, self._set(device, spec))
        for fault, key in _FAULTS.items():
            if fault not in faults:
                self.devices.issues.async_delete(key, device.uid, spec.channel)
                continue
            pump, pause = self[device.uid, spec.channel], faults[fault]
            told = {"pump": pump.place}
            if pause is not None:
                told |= {"minutes": f"{pause / 60:.0f}", "most": f"{LONGEST_OFF_S / 60:.0f}"}
            self.devices.issues.async_create(key, device.uid, suffix=spec.channel, placeholders=told)

    def _limits(self, device: SmartAirDevice, spec: PumpSpec) -> Limits:
        limits = replace(
            limits_of(spec.role, self._set(device, spec)),
            stale_after_s=device.snapshot.stale_after,
            wrong_relay=spec.wrong_relay,
        )
        blind = "water_level" not in device.snapshot.metrics
        # A device that measures the level for itself alone judges it by itself, too.
        return replace(limits, max_level=None) if blind and self._protected(device) else limits

    @staticmethod
    def _protected(device: SmartAirDevice) -> bool:
        return device.snapshot.descriptor is not None and CommandName.RESET_SAFETY_LOCK in device.snapshot.commands

    @callback
    def _refresh_device(self, device: SmartAirDevice) -> None:
        specs = {spec.channel: spec for spec in pump_specs(device.snapshot)}
        roles = {pump.channel: pump.role for pump in self.of(device)}
        for pump in self.of(device):
            if (spec := specs.get(pump.channel)) is not None:
                limits = self._limits(device, spec)
                protected = self._protected(device)
                self._tell_faults(device, spec)
                if pump.zone is not None:
                    limits = within(limits, pump.zone.limits, lent=Sense.LEVEL in pump.zone.lends)
                if (limits, protected) != (pump.limits, pump.protected):
                    pump.async_take(Configured(limits, protected))
                if pump.offered_limits != spec.limits or roles[pump.channel] is not spec.role:
                    pump.offered_limits = spec.limits
                    pump.async_grown()
            pump.offered = spec is not None
            contact = device.available and pump.offered and not pump.disabled
            if contact != pump.guard.contact:
                pump.async_take(Contacted(contact))
            self._refit(pump)
        if any(roles[pump.channel] is not pump.role for pump in self.of(device)):
            # How one is called depends on what the others are for.
            for pump in self.of(device):
                if (spec := specs.get(pump.channel)) is not None:
                    self._register(device, spec)

    @callback
    def async_refresh(self, pump: Pump) -> None:
        """Look again at what is measured of a pump, and what it is."""
        if pump.uid is not None and (device := self.devices.get(pump.uid)) is not None:
            self._refresh_device(device)
        else:
            self._refit(pump)

    def _senses(self, pump: Pump) -> frozenset[Sense]:
        senses = set(pump.own_senses)
        lends = pump.zone.lends if pump.zone is not None else frozenset()
        if pump.uid is not None and (device := self.devices.get(pump.uid)) is not None:
            alone = not any(other.is_on is not False for other in self.of(device) if other is not pump)
            metrics = device.snapshot.metrics
            senses |= {
                sense for sense, metric in _NODE.items() if metric in metrics and (alone or sense is Sense.LEVEL)
            }
        return frozenset(senses | lends)

    def _refit(self, pump: Pump) -> None:
        senses = self._senses(pump)
        live = (senses & set(_NODE)) - self._lent(pump) if self._live(pump) is not None else frozenset[Sense]()
        fitted = {sense: reading for sense in Sense if (reading := pump.reading(sense)) is not None}
        if senses != fitted.keys() or live != {sense for sense, reading in fitted.items() if reading.live}:
            pump.async_take(Fitted(senses, live))

    @staticmethod
    def _lent(pump: Pump) -> frozenset[Sense]:
        return pump.zone.lends if pump.zone is not None else frozenset()

    @callback
    def async_neighbours_changed(self, pump: Pump) -> None:
        """Look again at which of the node's sensors speak of which pump, and let the water come to rest."""
        for other in self._near(pump):
            other.async_take(Disturbed())
            if other.uid is not None and other.uid == pump.uid:
                self._refit(other)

    @callback
    def _report(self, device: SmartAirDevice, message: Telemetry) -> None:
        descriptor = device.snapshot.descriptor
        if message.channels and (descriptor is None or not descriptor.channels):
            self._grow(device, message=message)
        # A pump that is asked for in the middle of a message is judged by the level of that message, not of the last.
        if (level := message.sample.values.get(_LEVEL)) is not None:
            for pump in self.of(device):
                self.connection.isolation.call(f"The level of {pump.channel}", self._level_of, pump, level)
        for pump in self.of(device):
            self.connection.isolation.call(f"The report of {pump.channel}", self._report_pump, pump, message)

    def _level_of(self, pump: Pump, level: float) -> None:
        if Sense.LEVEL not in self._lent(pump):
            pump.async_take(Sensed(Sense.LEVEL, level))

    def _report_pump(self, pump: Pump, message: Telemetry) -> None:
        values = message.sample.values
        events: list[GuardEvent] = []
        state = message.channels.get(pump.channel)
        lends = self._lent(pump)
        if state is not None:
            told = {Sense.FLOW: state.flow_l_min, Sense.CURRENT_MA: state.current_ma}
            own = {sense for sense, value in told.items() if value is not None}
            if not own <= pump.own_senses:
                self._learn_senses(pump, own)
            if state.on:
                self._found_on(pump, message)
            # What is reported first is what the readings are of.
            events.append(Reported(on=state.on, lock=state.lock, run_id=ulid_now()))
            pump.async_take(*events)
            self._refit(pump)
            events = [Sensed(sense, told[sense]) for sense in own - lends]
        events += [
            Sensed(sense, values[metric])
            for sense, metric in _NODE.items()
            if metric in values and sense not in {Sense.LEVEL, *lends, *pump.own_senses}
        ]
        if events:
            pump.async_take(*events)

    def _learn_senses(self, pump: Pump, own: set[Sense]) -> None:
        """Remember what a channel measures by itself: when it no longer does, that is no answer but a lack (S6)."""
        pump.own_senses |= own
        kept = self._kept.setdefault(_name(pump.uid or "", pump.channel), {})
        kept["senses"] = sorted(pump.own_senses)
        self.async_save()
        self._refit(pump)
        pump.async_grown()

    @callback
    def _answered(self, device: SmartAirDevice, response: CommandResponse) -> None:
        for pump in self.of(device):
            pump.async_response(response)

    @callback
    def _switch_changed(self, pump: Pump, event: Event[EventStateChangedData]) -> None:
        self._follow_switch(pump, event.data["new_state"])

    @callback
    def async_follow(self, pump: Pump) -> None:
        """Look at a switch again, which says nothing where nothing changes."""
        if pump.uid is None and not pump.left:
            self._follow_switch(pump, self.hass.states.get(pump.channel))

    def _follow_switch(self, pump: Pump, state: State | None) -> None:
        inverted = isinstance(pump.actuator, SwitchActuator) and pump.actuator.inverted
        known = {STATE_ON: not inverted, STATE_OFF: inverted}
        if state is None or state.state in {STATE_UNAVAILABLE, STATE_UNKNOWN}:
            pump.async_take(Contacted(contact=False))
        elif state.state in known:
            if known[state.state]:
                self._found_on(pump)
            pump.async_take(Contacted(contact=True), Reported(on=known[state.state], run_id=ulid_now()))

    @callback
    def async_look_around(self, pump: Pump, message: Telemetry | None = None) -> None:
        """Tell a pump what the others and its device do, before it asks its gate."""
        updating = False
        if pump.uid is not None and (device := self.devices.get(pump.uid)) is not None:
            ota = device.snapshot.ota
            updating = ota is not None and ota.under_way
        others = self._near(pump)
        against = [other for other in others if other.role is OPPOSITE.get(pump.role)]
        since = pump.state.since if isinstance(pump.state, Running) else self.now
        pump.async_take(
            Around(
                interlocked=any(_may_run(other, message) or other.starting for other in against),
                opposed=any(isinstance(other.state, Running) and other.state.since <= since for other in against),
                zone_stuck=any(other.stuck for other in others),
                zone_locked=any(other.lock is not None and other.lock.reason in ZONE_LOCKS for other in others),
                updating=updating,
            )
        )

    def _near(self, pump: Pump) -> list[Pump]:
        """Return the other pumps of the same node and of the same zone."""
        near: dict[int, Pump] = {}
        if pump.uid is not None and (device := self.devices.get(pump.uid)) is not None:
            near |= {id(other): other for other in self.of(device)}
        if pump.zone is not None:
            near |= {id(other): other for other in pump.zone.pumps()}
        return [other for other in near.values() if other is not pump]

    def _found_on(self, pump: Pump, message: Telemetry | None = None) -> None:
        """Look around before a pump is told that it runs: whoever began it, it must be allowed to go on (S2)."""
        if pump.is_on is not True:
            self.async_look_around(pump, message)

    @callback
    def async_wake(self, pump: Pump) -> None:
        """Have a device report every second while a pump of it runs, where it can."""
        device = self._live(pump)
        if device is not None and device.available:
            self.async_task(_quietly(device.async_command(CommandName.LIVE, _LIVE)), f"watch {pump.uid}")

    def _live(self, pump: Pump) -> SmartAirDevice | None:
        """Return the device that reports each second while a pump of it runs, None where it does not."""
        if pump.uid is None or pump.limits.circulates:
            return None
        device = self.devices.get(pump.uid)
        return device if device is not None and CommandName.LIVE in device.snapshot.commands else None

    # --- what is kept ---------------------------------------------------------------------------

    def own_limits(self, uid: str, channel: str) -> Mapping[str, float]:
        """Return the limits that the owner set here, for a device that does not offer them."""
        limits = self._kept.get(_name(uid, channel), {}).get("limits")
        return limits if isinstance(limits, dict) else {}

    async def async_set_limit(self, pump: Pump, name: str, value: float) -> None:
        """Set a limit that the device does not offer, and write it before going on."""
        uid = pump.uid or ""
        kept = self._kept.setdefault(_name(uid, pump.channel), {})
        kept["limits"] = {**self.own_limits(uid, pump.channel), name: value}
        self.async_refresh(pump)
        await self._file.async_save()

    @callback
    def async_keep(self, pump: Pump, memory: Memory) -> None:
        """Write what must survive, at once, and without anybody waiting for the disk."""
        name = _name(pump.uid or "", pump.actuator.key)
        self._kept[name] = self._kept.get(name, {}) | memory_as_dict(memory)
        self.async_save()

    @callback
    def async_keep_hand(self, pump: Pump) -> None:
        """Write who last switched a pump; of a foreign switch nobody is told."""
        if pump.uid is not None:
            self._kept.setdefault(_name(pump.uid, pump.channel), {})["hand"] = pump.last_hand.hand
            self.async_save()

    @callback
    def async_record(self, record: RunRecord) -> None:
        """Enter a run that is over."""
        self.usage.async_add(record)

    def _memory(self, name: str) -> Memory:
        return memory_from_dict(self._kept.get(name, {}))

    @callback
    def async_save(self) -> None:
        """Write what is kept, at once, and without anybody waiting for the disk."""
        self.async_task(self._file.async_save(), "keep pumps")

    def _data(self) -> dict[str, Any]:
        return {"pumps": self._kept, "released": self.released.as_dict()}


def _may_run(pump: Pump, message: Telemetry | None) -> bool:
    """Tell whether a pump may be running; of one of which nothing is known, its device may say so just now."""
    if pump.is_on is None and message is not None and pump.uid == message.uid:
        said = message.channels.get(pump.channel)
        return said is None or said.on is not False
    return pump.is_on is not False


def _name(uid: str, channel: str) -> str:
    return f"{uid}/{channel}"


async def _quietly(work: Coroutine[Any, Any, Any]) -> None:
    try:
        await work
    except HomeAssistantError as err:
        _LOGGER.debug("A device does not report faster: %s", err)
