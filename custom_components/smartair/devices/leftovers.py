"""What a device no longer offers: told when that has lasted, and removed only when its owner says so."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
import time
from typing import NamedTuple, Protocol

from homeassistant.const import Platform
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.event import async_track_time_interval

from ..connection import Connection
from ..const import DOMAIN
from ..pysmartair import CATALOGUE, ChoiceSetting, CommandName, NightSetting, NumberSetting, Setting, ToggleSetting
from ..pysmartair.channels import LIMIT_RANGES, role_limits
from ..pysmartair.safety import Role
from .device import SmartAirDevice
from .devices import Devices

STANDS_S = 120
"""Seconds for which a description must stand before it is told what it no longer names."""
SETTLED_S = 600
"""Seconds after a start of the hub until it is looked: devices are still coming back."""
UNHEARD_S = 86_400
"""Seconds without a report after which a measurement is gone that a description never named, or named before."""
_LOOK = timedelta(seconds=60)
# A look at a device goes through its entities; a fleet is looked through in portions.
_AT_ONCE = 40
_NAMED = 20

_SETTING = "setting_"
_NIGHT = frozenset({"night_mode", "night_start", "night_end"})
_KINDS: dict[type[Setting], str] = {
    ChoiceSetting: Platform.SELECT,
    NumberSetting: Platform.NUMBER,
    ToggleSetting: Platform.SWITCH,
}
_BUTTONS = frozenset({CommandName.RESTART, CommandName.IDENTIFY, CommandName.LIVE})


class Left(NamedTuple):
    """What is left over of a device: entities of its own, and devices of pumps."""

    entities: tuple[er.RegistryEntry, ...] = ()
    pumps: tuple[dr.ChildDeviceEntry, ...] = ()


class Pump(Protocol):
    """What is needed of a pump."""

    offered: bool
    offered_limits: frozenset[str]

    @property
    def zone(self) -> object | None:
        """The zone that uses it."""

    @property
    def role(self) -> Role:
        """What it is for."""

    @property
    def lock(self) -> object | None:
        """Its safety lock."""

    @property
    def stuck(self) -> bool:
        """Whether it could not be switched off."""

    @property
    def unanswered(self) -> bool:
        """Whether an order of it waits for its answer."""

    @property
    def is_on(self) -> bool | None:
        """Whether it runs."""


class Pumps(Protocol):
    """What is needed of those who hold the pumps."""

    def get(self, key: tuple[str, str], /) -> Pump | None:
        """Return a pump by uid and channel."""

    def async_remove_channel(self, device: SmartAirDevice, channel: str | None) -> None:
        """Remove the pump of a channel."""


class Leftovers:
    """Watches what the devices of a hub no longer offer."""

    def __init__(self, connection: Connection, devices: Devices, pumps: Pumps, used: Callable[[], set[str]]) -> None:
        """Watch nothing yet; `used` returns the switches that zones use as pumps."""
        self._connection = connection
        self._devices = devices
        self._issues = devices.issues
        self._pumps = pumps
        self._used = used
        self._began = time.monotonic()
        self._due: dict[str, float] = {}
        self._listed: dict[str, frozenset[str]] = {}
        # Measurements whose end was seen, and devices of which something is told.
        self._dropped: dict[str, frozenset[str]] = {}
        self._told: set[str] = set()

    @callback
    def async_start(self) -> None:
        """Look at all devices once they are back, and at each again when it describes itself otherwise."""
        unload = self._connection.entry.async_on_unload
        unload(self._devices.async_listen(self._async_added))
        unload(self._devices.async_listen_growth(self._async_changed))
        unload(async_track_time_interval(self._connection.hass, self._async_look, _LOOK, cancel_on_shutdown=True))

    @callback
    def async_stop(self) -> None:
        """Take back what is told: it is seen again after the next start."""
        for uid in self._told:
            self._issues.async_delete("no_longer_offered", uid)

    @callback
    def async_forget(self, uid: str) -> None:
        """Keep nothing of a device that is gone."""
        self._told.discard(uid)
        for kept in (self._due, self._listed, self._dropped):
            kept.pop(uid, None)

    # --- when to look ---------------------------------------------------------------------------

    @callback
    def _async_added(self, devices: Iterable[SmartAirDevice]) -> None:
        for device in devices:
            self._listed[device.uid] = _listed(device)
            self._due[device.uid] = time.monotonic() + SETTLED_S

    @callback
    def _async_changed(self, device: SmartAirDevice) -> None:
        listed = _listed(device)
        before = self._listed.get(device.uid, frozenset())
        if listed != before:
            self._dropped[device.uid] = (self._dropped.get(device.uid, frozenset()) | before) - listed
            self._listed[device.uid] = listed
        self._due[device.uid] = time.monotonic() + STANDS_S

    @callback
    def _async_look(self, _now: datetime) -> None:
        now = time.monotonic()
        due = [uid for uid, at in self._due.items() if at <= now][:_AT_ONCE]
        for uid in due:
            device = self._devices.get(uid)
            if device is None:
                self.async_forget(uid)
                continue
            left = self.of(device)
            self._tell(device, left)
            if left.entities or left.pumps:
                # What comes back is told no more.
                self._due[uid] = now
            elif self._dropped.get(uid):
                # It is silent, or its last value still holds.
                self._due[uid] = now + STANDS_S
            elif device.snapshot.told_at and now - self._began > UNHEARD_S:
                del self._due[uid]
            else:
                self._due[uid] = now + UNHEARD_S / 4

    # --- what is left over ----------------------------------------------------------------------

    def of(self, device: SmartAirDevice) -> Left:
        """Return what is left over of a device."""
        if device.snapshot.descriptor is None or device.device_id is None or device.disabled:
            return Left()
        devices, entities = dr.async_get(self._connection.hass), er.async_get(self._connection.hass)
        children = dr.async_entries_for_parent_device(devices, device.device_id)
        pumps = tuple(child for child in children if self._is_gone(device, child))
        gone = {child.id for child in pumps}
        kept = (device.device_id, *(child.id for child in children if child.id not in gone))
        left = tuple(
            entry
            for device_id in kept
            for entry in er.async_entries_for_device(entities, device_id)
            if entry.unique_id.startswith(device.unique_prefix)
            and self._no_longer_offers(device, entry.domain, entry.unique_id.removeprefix(device.unique_prefix))
        )
        return Left(left, pumps)

    def _is_gone(self, device: SmartAirDevice, child: dr.ChildDeviceEntry) -> bool:
        """Tell whether the device of a pump is left over; one that is locked, runs or is in a zone is not."""
        channel = self._channel(device, child)
        descriptor = device.snapshot.descriptor
        if channel is None or descriptor is None or channel in {one.id for one in descriptor.channels}:
            return False
        if not descriptor.channels and channel in device.snapshot.channels:
            return False
        pump = self._pumps.get((device.uid, channel))
        if pump is not None:
            return not pump.offered and pump.zone is None and _is_idle(pump)
        used = self._used()
        entries = er.async_entries_for_device(
            er.async_get(self._connection.hass), child.id, include_disabled_entities=True
        )
        return used.isdisjoint(name for entry in entries for name in (entry.id, entry.entity_id))

    def _channel(self, device: SmartAirDevice, child: dr.ChildDeviceEntry) -> str | None:
        prefix = self._devices.identifier(f"{device.uid}:")[1]
        names = (name for domain, name in child.identifiers if domain == DOMAIN and name.startswith(prefix))
        return next((name.removeprefix(prefix) for name in names), None)

    def _no_longer_offers(self, device: SmartAirDevice, domain: str, key: str) -> bool:
        snapshot = device.snapshot
        if domain == Platform.SENSOR and key in CATALOGUE:
            return self._no_longer_measures(device, key)
        if key.startswith(_SETTING):
            setting = snapshot.settings.get(key.removeprefix(_SETTING))
            return setting is None or _KINDS.get(type(setting)) != domain
        if key in _NIGHT:
            return not isinstance(snapshot.settings.get("night_mode"), NightSetting)
        if domain == Platform.BUTTON and key in _BUTTONS:
            return key not in snapshot.commands
        channel, is_pump, limit = key.partition(":")
        pump = self._pumps.get((device.uid, channel)) if is_pump and limit in LIMIT_RANGES else None
        return pump is not None and (limit in pump.offered_limits or limit not in role_limits(pump.role))

    def _no_longer_measures(self, device: SmartAirDevice, metric: str) -> bool:
        """Tell whether a measurement is gone: no longer named, or never, and not reported for long."""
        snapshot = device.snapshot
        listed = _listed(device)
        if not listed or metric in listed or metric in snapshot.values or metric in device.restored:
            return False
        if not (snapshot.told_at and device.available):
            return False
        if metric in self._dropped.get(device.uid, frozenset()):
            return True
        reported = snapshot.times.get(metric)
        silent = time.monotonic() - self._began if reported is None else time.time() - reported
        return silent > UNHEARD_S

    # --- what becomes of it ---------------------------------------------------------------------

    def _tell(self, device: SmartAirDevice, left: Left) -> None:
        if names := sorted(self._names(left)):
            self._told.add(device.uid)
            more = ["…"] if len(names) > _NAMED else []
            listed = "\n".join(f"- {name}" for name in (*names[:_NAMED], *more))
            self._issues.async_create("no_longer_offered", device.uid, fixable=True, list=listed)
        elif device.uid in self._told:
            self._told.discard(device.uid)
            self._issues.async_delete("no_longer_offered", device.uid)

    def _names(self, left: Left) -> Iterator[str]:
        for entry in left.entities:
            yield entry.name or entry.original_name or entry.entity_id
        for child in left.pumps:
            yield child.name_by_user or child.name or child.id

    @callback
    def async_remove(self, uid: str) -> None:
        """Remove what is still left over of a device, as its owner has said."""
        device = self._devices.get(uid)
        if device is None:
            return
        left = self.of(device)
        entities, devices = er.async_get(self._connection.hass), dr.async_get(self._connection.hass)
        for entry in left.entities:
            entities.async_remove(entry.entity_id)
        keys = [(one.domain, one.unique_id.removeprefix(device.unique_prefix)) for one in left.entities]
        device.async_drop(keys)
        self._dropped.pop(uid, None)
        for child in left.pumps:
            self._pumps.async_remove_channel(device, self._channel(device, child))
            devices.async_remove_device(child.id)
        self._told.discard(uid)
        self._issues.async_delete("no_longer_offered", uid)
        # There may be room for others now.
        device.async_grow()


def _listed(device: SmartAirDevice) -> frozenset[str]:
    descriptor = device.snapshot.descriptor
    return frozenset(descriptor.metrics) if descriptor is not None else frozenset()


def _is_idle(pump: Pump) -> bool:
    return pump.lock is None and not pump.stuck and not pump.unanswered and pump.is_on is not True
