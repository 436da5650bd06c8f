"""One topic root: its single subscription, the messages' way to their devices, and what all devices share."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from itertools import batched
import logging
import time
from typing import Any, TypedDict, cast

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryError, HomeAssistantError, UnsupportedStorageVersionError
from homeassistant.helpers import device_registry as dr, issue_registry as ir

from .alerts.announcer import Announcer
from .alerts.infrastructure import Infrastructure
from .alerts.limits import Limits
from .alerts.log import AlertLog
from .const import CONF_NAMESPACE, CONF_ROOT, DOMAIN
from .devices.approval import Approval, Candidate
from .devices.device import SmartAirDevice
from .devices.flood import Floodgate
from .devices.leftovers import Leftovers
from .devices.readings import Readings, read
from .devices.silence import Silence
from .devices.unheard import Unheard, Vain, says_nothing_known
from .firmware.updates import Updates
from .isolation import Isolation, Together, async_bounded
from .notices.notifier import Notifier
from .pumps.pumps import Pumps
from .pumps.usage import UsageLog
from .pysmartair import (
    Channel,
    ParseError,
    Publish,
    forget,
    parse,
    parse_topic,
    subscription,
    without_markup,
)
from .pysmartair.protocol.topics import misspelt
from .store import DeviceRecord, HubStore
from .zones.zones import Zones

_LOGGER = logging.getLogger(__name__)

MAX_RECENT_ERRORS = 20
_LOG_PAUSE = 3600
APPROVED_AT_ONCE = 20

type SmartAirConfigEntry = ConfigEntry[SmartAirHub]
type DevicesListener = Callable[[Iterable[SmartAirDevice]], None]
type GrowthListener = Callable[[SmartAirDevice], None]


class _Facts(TypedDict):
    """What the device registry shows of a device."""

    name: str
    manufacturer: str
    model: str | None
    model_id: str
    serial_number: str
    sw_version: str | None
    hw_version: str | None


class SmartAirHub:
    """What a config entry is at run time."""

    def __init__(self, hass: HomeAssistant, entry: SmartAirConfigEntry) -> None:
        """Begin with no devices and no subscription."""
        self.hass = hass
        self.entry = entry
        self.root: str = entry.data[CONF_ROOT]
        self.namespace: str = entry.data[CONF_NAMESPACE]
        self.store = HubStore(hass, entry.entry_id)
        self.isolation = Isolation()
        self.together = Together(self.isolation)
        self.devices: dict[str, SmartAirDevice] = {}
        self.readings = Readings(self)
        self.approval = Approval(self)
        self.updates = Updates(self)
        self.alerts = AlertLog(hass, entry.entry_id, self.async_create_task)
        self.infra = Infrastructure(self)
        self.limits = Limits(self)
        self.device_id: str | None = None
        self.pumps = Pumps(self)
        self.zones = Zones(self)
        self.silence = Silence(self)
        self.unheard = Unheard(self)
        self.leftovers = Leftovers(self)
        self.flood = Floodgate(self, self._take_in)
        self.import_turn = asyncio.Lock()
        self.connected = False
        self.counts: Counter[str] = Counter()
        self.recent_errors: deque[dict[str, Any]] = deque(maxlen=MAX_RECENT_ERRORS)
        self._complained: dict[str, tuple[float, int]] = {}
        self._leaving: set[str] = set()
        self._ear: CALLBACK_TYPE | None = None
        self._device_listeners: list[DevicesListener] = []
        self._growth_listeners: list[GrowthListener] = []

    @property
    def usage(self) -> UsageLog:
        """The record of what the pumps have done."""
        return self.pumps.usage

    # --- beginning and end ----------------------------------------------------------------------

    async def async_start(self) -> None:
        """Bring back the stored devices; raise ConfigEntryError if a later version of SmartAir stored them."""
        try:
            await self.store.async_load()
            await self.alerts.async_load()
            await self.pumps.async_load()
            readings = await self.readings.async_load()
        except UnsupportedStorageVersionError as err:
            raise ConfigEntryError(translation_domain=DOMAIN, translation_key="stored_by_later_version") from err
        self.connected = mqtt.is_connected(self.hass)
        self._register_hub()
        for record in self.store.devices.values():
            device = self._adopt(record)
            device.restored = read(readings.get(record.uid))
            self.readings.async_recall(device)
        self.silence.async_start()
        self.readings.async_start()
        Announcer(self).async_start()
        Notifier(self).async_start()
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
        self._ear = await mqtt.async_subscribe(self.hass, subscription(self.root), self._async_receive, 1, None)
        unload(self._async_deafen)
        self.approval.async_start()
        # The connection may have changed while the platforms were being set up.
        self._async_connection_changed(mqtt.is_connected(self.hass))
        self.infra.async_start()
        if self.connected:
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
            self.async_delete_issue("clock_skew", device.uid)
            self.async_delete_issue("unknown_metric", device.uid)
            self.async_delete_issue("values_rejected", device.uid)
            self.async_delete_issue("time_unreadable", device.uid)
            self.async_delete_issue("no_values", device.uid)
        await self.updates.async_stop()
        await self.alerts.async_stop()
        await self.store.async_save_now()

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
        self.isolation.call("The end of the zones", interrupt)
        self.pumps.async_leave()
        await async_bounded(interrupted, "the stops of its zones")

    def async_create_task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something beside, ended with the entry."""
        self.entry.async_create_background_task(self.hass, work, f"{DOMAIN} {name}")

    # --- what is heard --------------------------------------------------------------------------

    @callback
    def _async_receive(self, received: mqtt.ReceiveMessage) -> None:
        self.counts["received"] += 1
        if self.flood.async_admit(received):
            self._take_in(received)

    @callback
    def _take_in(self, received: mqtt.ReceiveMessage) -> None:
        try:
            # The subscription asks for no decoding, so that a payload that is not text is ours to judge.
            message = parse(self.root, received.topic, cast("bytes", received.payload))
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
            together = self.together
            together.depth += 1
            try:
                device.async_handle(message, now=now, retained=received.retain)
            finally:
                together.depth -= 1
                if together.due:
                    together.end()
        elif message.uid not in self._leaving:
            self.counts["not_approved"] += 1
            if message.uid not in self.approval.candidates and says_nothing_known(message):
                self.unheard.async_broken(message.uid, Vain.NAMES)
            self.approval.async_consider(message, now=now, size=len(received.payload), retained=received.retain)

    def _look_at_foreign(self, received: mqtt.ReceiveMessage) -> None:
        """Our own messages come back to us by the wildcard; a retained command among them is a danger."""
        self.counts["not_ours"] += 1
        address = parse_topic(self.root, received.topic)
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
            self.async_create_issue(
                "retained_command", address.uid, suffix=address.channel, fixable=True, topic=received.topic
            )
        else:
            # Whoever has cleared it, it is gone.
            self.async_delete_issue("retained_command", address.uid, address.channel)

    def _look_at_topic(self, topic: str) -> None:
        uid = misspelt(self.root, topic)
        if uid is None:
            self.unheard.async_look(topic)
        elif self._was_never_heard(uid):
            self.unheard.async_broken(uid, Vain.CASE)

    def _was_never_heard(self, uid: str) -> bool:
        device = self.devices.get(uid)
        return device is None or (device.snapshot.last_seen is None and not device.disabled)

    def _count_error(self, topic: str, err: ParseError) -> None:
        self.counts[f"error_{err.reason}"] += 1
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
        if connected == self.connected:
            return
        self.connected = connected
        for device in self.devices.values():
            device.async_connection_changed()
        self.infra.async_connection_changed()
        if connected:
            self._remind_all()
            for uid in tuple(self._leaving):
                self.async_create_task(self._async_clear(uid), f"forget {uid}")

    @callback
    def async_log_availability(self, device: SmartAirDevice) -> None:
        """Log once that a device went or came; that the broker did is the MQTT integration's to log."""
        self.infra.async_look(device)
        if self.connected:
            _LOGGER.info("Device %s is %s", device.uid, "available" if device.available else "unavailable")

    # --- what is said ---------------------------------------------------------------------------

    def _expiry_supported(self) -> bool:
        """Tell whether MQTT 5 is spoken now: older versions know no expiry, which the payload then carries alone."""
        entries = self.hass.config_entries.async_entries(mqtt.DOMAIN)
        return bool(entries) and entries[0].data.get(mqtt.CONF_PROTOCOL) == mqtt.PROTOCOL_5

    async def async_publish(self, message: Publish) -> None:
        """Publish at QoS 1; raise a translated HomeAssistantError when the broker cannot be reached."""
        if not self.connected:
            raise HomeAssistantError(translation_domain=DOMAIN, translation_key="broker_unavailable")
        await mqtt.async_publish(
            self.hass,
            message.topic,
            message.payload,
            qos=1,
            retain=message.retain,
            message_expiry_interval=message.expiry if self._expiry_supported() else None,
        )

    # --- the hub in the device registry ---------------------------------------------------------

    @property
    def unique_prefix(self) -> str:
        """What the unique ids of the hub's own entities begin with; no uid contains the first sign."""
        return f"{self.namespace}/hub-"

    @property
    def registered(self) -> dr.DeviceEntry | dr.ChildDeviceEntry | None:
        """The hub as it stands in the device registry."""
        return dr.async_get(self.hass).async_get(self.device_id) if self.device_id else None

    def _register_hub(self) -> None:
        self.device_id = (
            dr.async_get(self.hass)
            .async_get_or_create(
                config_entry_id=self.entry.entry_id,
                identifiers={self.identifier("/hub")},
                entry_type=dr.DeviceEntryType.SERVICE,
                name=self.entry.title,
                manufacturer="SmartAir",
                model="Hub",
            )
            .id
        )

    # --- devices --------------------------------------------------------------------------------

    @callback
    def async_listen_devices(self, listener: DevicesListener) -> CALLBACK_TYPE:
        """Call the listener with the devices there are, and with those that are added; return how to end that."""
        self._device_listeners.append(listener)
        listener(self.devices.values())
        return partial(self._device_listeners.remove, listener)

    @callback
    def async_listen_growth(self, listener: GrowthListener) -> CALLBACK_TYPE:
        """Call the listener with each device that may have more to show than before; return how to end that."""
        self._growth_listeners.append(listener)
        return partial(self._growth_listeners.remove, listener)

    @callback
    def async_show_growth(self, device: SmartAirDevice) -> None:
        """Tell that a device may have more to show than before."""
        for listener in tuple(self._growth_listeners):
            listener(device)

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
            for listener in tuple(self._device_listeners):
                listener(added)
            # A fleet that is let in at once must not hold up everything else.
            await asyncio.sleep(0)
        if self.approval.automatic:
            # Whoever is let in by itself would be let in again.
            self.store.async_save_soon()
        else:
            await self.store.async_save_now()

    def _adopt(self, record: DeviceRecord, candidate: Candidate | None = None) -> SmartAirDevice:
        device = self.devices[record.uid] = SmartAirDevice(self, record)
        if candidate is not None:
            device.async_begin(candidate.known, candidate.last)
        self.async_register(device)
        self.pumps.async_add_device(device)
        return device

    async def async_forget(self, uid: str) -> None:
        """Forget a device and have the broker forget it, so that only what it says anew brings it back."""
        # Let in again by itself before it has left the device registry, it would go from there with its entities.
        self._leaving.add(uid)
        device = self.devices.pop(uid)
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
        self.async_delete_issues(uid)
        await self._async_clear(uid)

    async def _async_clear(self, uid: str) -> None:
        """Have the broker forget a device; one that is away does so when it is back, before it can bring it back."""
        try:
            for message in forget(self.root, uid):
                await self.async_publish(message)
        except HomeAssistantError as err:
            _LOGGER.warning("The broker still keeps the retained messages of %s: %s", uid, err)
        else:
            self._leaving.discard(uid)

    def identifier(self, uid: str) -> tuple[str, str]:
        """Return what names a device in the device registry."""
        return DOMAIN, f"{self.namespace}{uid}"

    def device_by_id(self, device_id: str) -> SmartAirDevice | None:
        """Return the device with this id in the device registry, if it is this hub's."""
        return next((device for device in self.devices.values() if device.device_id == device_id), None)

    def holds(self, device_id: str) -> bool:
        """Tell whether a device of the registry is the hub's own, a zone, or a pump that its node still has."""
        pumps = (pump.device_id for pump in self.pumps.values() if pump.offered)
        return device_id in {self.device_id, *pumps, *(zone.device_id for zone in self.zones.values())}

    @callback
    def async_register(self, device: SmartAirDevice) -> None:
        """Write what a device says of itself to the device registry."""
        descriptor = device.snapshot.descriptor
        registry = dr.async_get(self.hass)
        facts = _Facts(
            name=device.name,
            manufacturer=(descriptor and descriptor.manufacturer) or "SmartAir",
            model=descriptor.model if descriptor else None,
            model_id=device.snapshot.device_type,
            serial_number=(descriptor and descriptor.serial) or device.uid,
            sw_version=device.snapshot.firmware_version,
            hw_version=descriptor.hardware_revision if descriptor else None,
        )
        if device.device_id is None:
            entry = registry.async_get_or_create(
                config_entry_id=self.entry.entry_id,
                identifiers={self.identifier(device.uid)},
                suggested_area=descriptor.area if descriptor else None,
                **facts,
            )
            device.device_id = entry.id
            device.disabled = entry.disabled
        else:
            registry.async_update_device(device.device_id, **facts)

    # --- repairs --------------------------------------------------------------------------------

    @callback
    def async_create_issue(
        self,
        key: str,
        uid: str,
        *,
        suffix: str = "",
        fixable: bool = False,
        persistent: bool = False,
        text: str | None = None,
        placeholders: Mapping[str, str] | None = None,
        **more: str,
    ) -> None:
        """Show a repair about a device; a `persistent` one outlives a restart, as nothing would raise it again."""
        device = self.devices.get(uid)
        if device is not None and device.disabled:
            return
        ir.async_create_issue(
            self.hass,
            DOMAIN,
            self._issue_id(key, uid, suffix),
            is_fixable=fixable,
            is_persistent=persistent,
            severity=ir.IssueSeverity.WARNING,
            translation_key=text or key,
            translation_placeholders={
                "device": without_markup(device.place) if device else uid,
                **{name: without_markup(text) for name, text in {**(placeholders or {}), **more}.items()},
            },
            data={"entry_id": self.entry.entry_id, "uid": uid},
        )

    @callback
    def async_delete_issue(self, key: str, uid: str, suffix: str = "") -> None:
        """Take back a repair about a device."""
        ir.async_delete_issue(self.hass, DOMAIN, self._issue_id(key, uid, suffix))

    @callback
    def async_delete_issues(self, uid: str) -> None:
        """Take back every repair about a device."""
        marker = f"/{self.entry.entry_id}/{uid}/"
        for domain, issue_id in list(ir.async_get(self.hass).issues):
            if domain == DOMAIN and marker in issue_id:
                ir.async_delete_issue(self.hass, DOMAIN, issue_id)

    def _issue_id(self, key: str, uid: str, suffix: str) -> str:
        return f"{key}/{self.entry.entry_id}/{uid}/{suffix}"

    @callback
    def async_report_rejections(self, device: SmartAirDevice, refused: Mapping[str, str]) -> None:
        """Tell the owner which settings a device refused and why."""
        for name, reason in refused.items():
            self.async_create_issue("config_rejected", device.uid, suffix=name, setting=name, reason=reason or "–")

    @callback
    def async_withdraw_rejections(self, device: SmartAirDevice, names: Iterable[str]) -> None:
        """Take back the repairs about settings that the owner sets anew."""
        for name in names:
            self.async_delete_issue("config_rejected", device.uid, name)
