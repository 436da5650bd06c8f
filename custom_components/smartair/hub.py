"""One topic root: its single subscription, the messages' way to their devices, and what all devices share."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from itertools import batched
import logging
import time
from typing import Any, Protocol, cast

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryError, HomeAssistantError, UnsupportedStorageVersionError
from homeassistant.helpers import device_registry as dr

from .alerts.infrastructure import Infrastructure
from .alerts.limits import Limits
from .alerts.log import AlertLog
from .connection import Connection
from .const import DOMAIN
from .devices.approval import Approval, Candidate
from .devices.device import SmartAirDevice
from .devices.devices import Devices
from .devices.flood import Floodgate
from .devices.leftovers import Leftovers
from .devices.readings import Readings, read
from .devices.silence import Silence
from .devices.unheard import Unheard, Vain, says_nothing_known
from .firmware.updates import Updates
from .isolation import async_bounded
from .pumps.pumps import Pumps
from .pumps.usage import UsageLog
from .pysmartair import (
    Channel,
    ParseError,
    forget,
    parse,
    parse_topic,
    subscription,
)
from .pysmartair.protocol.topics import misspelt
from .store import DeviceRecord, HubStore
from .zones.zones import Zones

_LOGGER = logging.getLogger(__name__)

MAX_RECENT_ERRORS = 20
_LOG_PAUSE = 3600
APPROVED_AT_ONCE = 20

type SmartAirConfigEntry = ConfigEntry[SmartAirHub]


class Connected(Protocol):
    """A part of a hub that knows its connection."""

    @property
    def connection(self) -> Connection:
        """The connection of the hub."""


def hub_of(part: Connected) -> SmartAirHub:
    """Return the hub that a device, a pump or a zone belongs to."""
    hub: SmartAirHub = part.connection.entry.runtime_data
    return hub


class SmartAirHub:
    """What a config entry is at run time."""

    def __init__(self, hass: HomeAssistant, entry: SmartAirConfigEntry) -> None:
        """Begin with no devices and no subscription."""
        self.hass = hass
        self.entry = entry
        self.connection = connection = Connection(hass, entry)
        self.store = HubStore(hass, entry.entry_id)
        self.alerts = alerts = AlertLog(hass, entry.entry_id, connection.async_create_task)
        self.devices = devices = Devices(connection, self.store)
        self.readings = Readings(connection, devices)
        self.approval = Approval(connection, self.store, self.async_approve)
        self.infra = Infrastructure(connection, devices, alerts)
        self.limits = Limits(connection, devices, alerts)
        self.pumps = Pumps(connection, devices, alerts)
        self.zones = Zones(connection, devices, alerts, self.pumps)
        self.updates = Updates(connection, devices, alerts)
        self.silence = Silence(connection, devices, self.pumps, self._hush, self._look_again)
        alerts.muted = self.silence.muted
        self.unheard = Unheard(connection)
        self.leftovers = Leftovers(connection, devices, self.pumps, self.zones.switches)
        self.flood = Floodgate(connection, devices, self._take_in)
        self.device_id: str | None = None
        self.recent_errors: deque[dict[str, Any]] = deque(maxlen=MAX_RECENT_ERRORS)
        self._complained: dict[str, tuple[float, int]] = {}
        self._leaving: set[str] = set()
        self._ear: CALLBACK_TYPE | None = None

    @property
    def usage(self) -> UsageLog:
        """The record of what the pumps have done."""
        return self.pumps.usage

    # --- beginning and end ----------------------------------------------------------------------

    async def async_start(self, *alerted: Callable[[], None]) -> None:
        """Bring back the stored devices; raise ConfigEntryError if a later version of SmartAir stored them.

        `alerted` are called once the stored alerts are known, and before there are others.
        """
        try:
            await self.store.async_load()
            await self.alerts.async_load()
            await self.pumps.async_load()
            readings = await self.readings.async_load()
        except UnsupportedStorageVersionError as err:
            raise ConfigEntryError(translation_domain=DOMAIN, translation_key="stored_by_later_version") from err
        self.connection.connected = mqtt.is_connected(self.hass)
        self._register_hub()
        for record in self.store.devices.values():
            device = self._adopt(record)
            device.restored = read(readings.get(record.uid))
            self.readings.async_recall(device)
        self.silence.async_start()
        self.readings.async_start()
        for begin in alerted:
            begin()
        self.limits.async_start()
        self.pumps.async_start()
        self.leftovers.async_start()
        await self.zones.async_load()
        self.entry.async_on_unload(self.hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, self._async_leave))
        await self.updates.async_start()

    async def async_listen(self) -> None:
        """Subscribe, once every platform is ready for what will be heard."""
        unload = self.entry.async_on_unload
        unload(mqtt.async_subscribe_connection_status(self.hass, self._async_connection_changed))
        self._ear = await mqtt.async_subscribe(
            self.hass, subscription(self.connection.root), self._async_receive, 1, None
        )
        unload(self._async_deafen)
        self.approval.async_start()
        # The connection may have changed while the platforms were being set up.
        self._async_connection_changed(mqtt.is_connected(self.hass))
        self.infra.async_start()
        if self.connection.connected:
            self._remind_all()
        self.zones.async_begin()

    def _remind_all(self) -> None:
        for device in self.devices.values():
            device.async_remind()
        self.updates.async_resume()

    async def async_stop(self) -> None:
        """End all that the hub began, after the platforms have gone, and keep what its devices said last."""
        await self._async_leave()
        await self.readings.async_save()
        await self.zones.async_stop()
        self.infra.async_stop()
        self.limits.async_stop()
        await self.pumps.async_stop()
        # Answers to the stops have been heard; what would be heard from now on would wake what has ended.
        self._async_deafen()
        self.approval.async_stop()
        self.unheard.async_stop()
        self.leftovers.async_stop()
        self.flood.async_stop()
        for device in self.devices.values():
            device.async_stop()
            # Whether these still hold is seen by what the device says next, which is then compared with nothing.
            self.devices.issues.async_delete("clock_skew", device.uid)
            self.devices.issues.async_delete("unknown_metric", device.uid)
            self.devices.issues.async_delete("values_rejected", device.uid)
            self.devices.issues.async_delete("time_unreadable", device.uid)
            self.devices.issues.async_delete("no_values", device.uid)
        await self.updates.async_stop()
        await self.alerts.async_stop()
        await self.store.async_save_now()

    def _hush(self, device: SmartAirDevice) -> None:
        """Take back what is said of a device that its owner disabled."""
        self.alerts.async_forget(device.uid)
        self.devices.issues.async_delete_all(device.uid)

    def _look_again(self, device: SmartAirDevice) -> None:
        """Look at a device from the beginning after its owner disabled or enabled it."""
        if not device.disabled:
            self.infra.async_look(device)
        self.limits.async_begin_again(device)

    @callback
    def _async_deafen(self) -> None:
        ear, self._ear = self._ear, None
        if ear is not None:
            ear()

    async def _async_leave(self, _event: Event | None = None) -> None:
        """Stop what nobody else would end: every pump at once, and first of all the changes that want them to run."""
        interrupted: list[asyncio.Task[None]] = []

        def interrupt() -> None:
            interrupted.extend(self.zones.async_interrupt())

        # Whatever goes wrong with a zone holds up no stop (S1), and no unload.
        self.connection.isolation.call("The end of the zones", interrupt)
        self.pumps.async_leave()
        await async_bounded(interrupted, "the stops of its zones")

    # --- what is heard --------------------------------------------------------------------------

    @callback
    def _async_receive(self, received: mqtt.ReceiveMessage) -> None:
        self.connection.counts["received"] += 1
        if self.flood.async_admit(received):
            self._take_in(received)

    @callback
    def _take_in(self, received: mqtt.ReceiveMessage) -> None:
        try:
            # The subscription asks for no decoding, so that a payload that is not text is ours to judge.
            message = parse(self.connection.root, received.topic, cast("bytes", received.payload))
        except ParseError as err:
            self._count_error(received.topic, err)
            return
        if message is None:
            self._look_at_foreign(received)
            return
        if message.uid in self.unheard.broken and not says_nothing_known(message):
            self.unheard.async_understood(message.uid)
        now = time.time()
        device = self.devices.get(message.uid)
        if device is not None:
            together = self.connection.together
            together.depth += 1
            try:
                device.async_handle(message, now=now, retained=received.retain)
            finally:
                together.depth -= 1
                if together.due:
                    together.end()
        elif message.uid not in self._leaving:
            self.connection.counts["not_approved"] += 1
            if message.uid not in self.approval.candidates and says_nothing_known(message):
                self.unheard.async_broken(message.uid, Vain.NAMES)
            self.approval.async_consider(message, now=now, size=len(received.payload), retained=received.retain)

    def _look_at_foreign(self, received: mqtt.ReceiveMessage) -> None:
        """Our own messages come back to us by the wildcard; a retained command among them is a danger."""
        self.connection.counts["not_ours"] += 1
        address = parse_topic(self.connection.root, received.topic)
        if address is None:
            if received.payload:
                self._look_at_topic(received.topic)
            return
        if not received.retain and received.payload:
            return
        orders = {Channel.COMMANDS, Channel.OTA}
        if address.channel not in orders or address.uid not in self.devices:
            return
        if received.payload:
            self.devices.issues.async_create(
                "retained_command", address.uid, suffix=address.channel, fixable=True, topic=received.topic
            )
        else:
            # Whoever has cleared it, it is gone.
            self.devices.issues.async_delete("retained_command", address.uid, address.channel)

    def _look_at_topic(self, topic: str) -> None:
        uid = misspelt(self.connection.root, topic)
        if uid is None:
            self.unheard.async_look(topic)
        elif self._was_never_heard(uid):
            self.unheard.async_broken(uid, Vain.CASE)

    def _was_never_heard(self, uid: str) -> bool:
        device = self.devices.get(uid)
        return device is None or (device.snapshot.last_seen is None and not device.disabled)

    def _count_error(self, topic: str, err: ParseError) -> None:
        self.connection.counts[f"error_{err.reason}"] += 1
        self.recent_errors.append({"topic": topic, "reason": err.reason, "at": time.time()})
        if err.uid is not None and self._was_never_heard(err.uid):
            self.unheard.async_broken(err.uid, err.reason)
        if err.uid is not None and err.uid in self.devices:
            self._log_broken(err.uid, topic, err)

    def _log_broken(self, uid: str, topic: str, err: ParseError) -> None:
        """Write one line an hour of each kind of message of a device, with how many there were since the last."""
        now = time.time()
        last, count = self._complained.get(topic, (0.0, 0))
        if 0 <= now - last < _LOG_PAUSE:
            self._complained[topic] = last, count + 1
            return
        self._complained[topic] = now, 0
        _LOGGER.warning(
            "A message of device %s on %s cannot be understood: %s (%s more since the last such line)",
            uid, topic, err, count,
        )  # fmt: skip

    @callback
    def _async_connection_changed(self, connected: bool) -> None:  # noqa: FBT001 - Home Assistant's signature
        if connected == self.connection.connected:
            return
        self.connection.connected = connected
        for device in self.devices.values():
            device.async_connection_changed()
        self.infra.async_connection_changed()
        if connected:
            self._remind_all()
            for uid in tuple(self._leaving):
                self.connection.async_create_task(self._async_clear(uid), f"forget {uid}")

    # --- the hub in the device registry ---------------------------------------------------------

    @property
    def unique_prefix(self) -> str:
        """What the unique ids of the hub's own entities begin with; no uid contains the first sign."""
        return f"{self.connection.namespace}/hub-"

    @property
    def registered(self) -> dr.DeviceEntry | dr.ChildDeviceEntry | None:
        """The hub as it stands in the device registry."""
        return dr.async_get(self.hass).async_get(self.device_id) if self.device_id else None

    def _register_hub(self) -> None:
        self.device_id = (
            dr.async_get(self.hass)
            .async_get_or_create(
                config_entry_id=self.entry.entry_id,
                identifiers={self.devices.identifier("/hub")},
                entry_type=dr.DeviceEntryType.SERVICE,
                name=self.entry.title,
                manufacturer="SmartAir",
                model="Hub",
            )
            .id
        )

    # --- devices --------------------------------------------------------------------------------

    async def async_approve(
        self,
        uids: Iterable[str],
        *,
        flow_id: str | None = None,
        settle: Callable[[SmartAirDevice], None] | None = None,
    ) -> None:
        """Make devices the owner's; a card that is just being answered is named by its flow and left to itself.

        `settle` names and places a device before it has entities, whose ids are made of that.
        """
        for some in batched(uids, APPROVED_AT_ONCE, strict=False):
            added: list[SmartAirDevice] = []
            for uid in some:
                if uid not in self.devices:
                    self._leaving.discard(uid)
                    record = self.store.devices[uid] = DeviceRecord(uid)
                    candidate = self.approval.async_release(uid, flow_id)
                    self.store.deleted.pop(uid, None)
                    added.append(self._adopt(record, candidate))
                    if settle is not None:
                        settle(added[-1])
            self.devices.async_show_added(added)
            # A fleet that is let in at once must not hold up everything else.
            await asyncio.sleep(0)
        if self.approval.automatic:
            # Whoever is let in by itself would be let in again.
            self.store.async_save_soon()
        else:
            await self.store.async_save_now()

    def _adopt(self, record: DeviceRecord, candidate: Candidate | None = None) -> SmartAirDevice:
        device = self.devices.async_adopt(record)
        if candidate is not None:
            device.async_begin(candidate.known, candidate.last)
        self.devices.async_register(device)
        self.pumps.async_add_device(device)
        return device

    async def async_forget(self, uid: str) -> None:
        """Forget a device and have the broker forget it, so that only what it says anew brings it back."""
        # Let in again by itself before it has left the device registry, it would go from there with its entities.
        self._leaving.add(uid)
        device = self.devices.async_remove(uid)
        self.pumps.async_remove_device(uid)
        self.flood.async_forget(uid)
        self.leftovers.async_forget(uid)
        device.async_stop()
        self.updates.async_forget(uid)
        record = self.store.devices.pop(uid)
        if device.snapshot.available:
            record.learn(device.snapshot)
            self.store.keep_deleted(record)
        self.limits.async_forget(uid)
        self.alerts.async_forget(uid)
        await self.store.async_save_now()
        self.devices.issues.async_delete_all(uid)
        await self._async_clear(uid)

    async def _async_clear(self, uid: str) -> None:
        """Have the broker forget a device; one that is away does so when it is back, before it can bring it back."""
        try:
            for message in forget(self.connection.root, uid):
                await self.connection.async_publish(message)
        except HomeAssistantError as err:
            _LOGGER.warning("The broker still keeps the retained messages of %s: %s", uid, err)
        else:
            self._leaving.discard(uid)

    def holds(self, device_id: str) -> bool:
        """Tell whether a device of the registry is the hub's own, a zone, or a pump that its node still has."""
        pumps = (pump.device_id for pump in self.pumps.values() if pump.offered)
        return device_id in {self.device_id, *pumps, *(zone.device_id for zone in self.zones.values())}
