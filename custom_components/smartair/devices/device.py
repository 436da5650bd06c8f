"""One approved device at run time: what is known of it, who listens, what is wanted of it, what was asked of it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from copy import replace
from datetime import UTC, datetime
from functools import partial
import logging
import time
from typing import Any, Protocol

from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN, SensorEntity
from homeassistant.core import CALLBACK_TYPE, Context, HassJob, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util.ulid import ulid_now

from ..connection import Connection
from ..const import DOMAIN
from ..issues import Issues
from ..pysmartair import (
    ANSWER_TIMEOUT,
    CATALOGUE,
    DOUBTFUL_PAUSE,
    KEY_CHANNELS,
    KEY_CONFIG,
    KEY_DESCRIPTOR,
    KEY_FACTS,
    KEY_ODD,
    KEY_OTA,
    KEY_SKEW,
    KEY_UNKNOWN,
    LIVE_WINDOW,
    PAUSE,
    STALE_MINIMUM,
    UNPROVEN_PAUSE,
    CommandName,
    CommandResponse,
    ConfigValue,
    DeviceEvent,
    Message,
    NightSetting,
    ResponseStatus,
    Snapshot,
    Telemetry,
    Trouble,
    agrees,
    by_our_clock,
    command,
    configuration,
    expire,
    fold,
    in_kind,
    next_expiry,
    placed,
    samples_of,
    without_markup,
)
from ..pysmartair.protocol.budget import CHANGES, Bucket
from ..store import DeviceRecord, HubStore, Night
from .history import DeviceHistory
from .place import place_of_device

_LOGGER = logging.getLogger(__name__)

# A chatty device may write this often in a second; more is held back and its last values written a second later,
# because the recorder of its owner may be an SD card.
MAX_WRITES_PER_SECOND = 20

# A configuration that was published this recently is still on its way.
_REPUBLISH_PAUSE = 10

# Whoever listens for anything listens for the availability too.
_KEY_AVAILABLE = "$available"

_STORED = frozenset({KEY_DESCRIPTOR, KEY_FACTS, KEY_CONFIG})
_REPORTED = frozenset({KEY_ODD, KEY_SKEW, KEY_UNKNOWN})
_SELDOM = _STORED | _REPORTED

type Reading = tuple[float, float]
"""A value and when it was measured: a value without its age would pass for one of now."""

type Listener = Callable[[], None]
type EventListener = Callable[[DeviceEvent], None]
type ReportListener = Callable[[Telemetry], None]
type ResponseListener = Callable[[CommandResponse], None]
type Watcher = Callable[[Message, bool], None]


class CommandRefusedError(HomeAssistantError):
    """The device answered that it did not do what it was asked for."""

    def __init__(self, response: CommandResponse, **kwargs: Any) -> None:
        """Keep the answer."""
        super().__init__(**kwargs)
        self.response = response


_TIMES = "Unix s / ISO 8601 + UTC"


def list_troubles(troubles: Mapping[str, Trouble]) -> str:
    """Return what cannot be taken, each with its name, what was said and what is taken."""
    return "; ".join(f"{name}: {one.said} ({_wanted(name)})" for name, one in sorted(troubles.items()))


_OF_CHANNEL = {"current_ma": "pump_current", "flow_l_min": "flow_rate"}


def _wanted(name: str) -> str:
    """Return what is taken of a measurement, or of a field of a pump."""
    if name == "timestamp":
        return _TIMES
    field = name.rpartition(".")[2]
    metric = CATALOGUE.get(_OF_CHANNEL.get(field, name))
    return (
        "true / false"
        if metric is None
        else f"{metric.lowest:.12g} … {metric.highest:.12g} {metric.unit or ''}".strip()
    )


def _with_last(known: Snapshot, message: Telemetry, at: float, now: float) -> Snapshot:
    """Return what is known with a measurement of before the approval, unless that is stale by now.

    What a pump does is believed only as its device says it now.
    """
    after, _ = fold(known, replace(message, channels={}), now=at, retained=False)
    return after if 0 <= now - at < after.stale_after else known


class Owner(Protocol):
    """What a device needs of those who hold all devices of its hub."""

    connection: Connection
    issues: Issues
    store: HubStore
    import_turn: asyncio.Lock

    def async_register(self, device: SmartAirDevice) -> None:
        """Write what the device says of itself to the device registry."""

    def async_show_growth(self, device: SmartAirDevice) -> None:
        """Tell that the device may have more to show than before."""

    def async_availability_changed(self, device: SmartAirDevice) -> None:
        """Tell that the device went or came."""

    def async_clock_changed(self, device: SmartAirDevice) -> None:
        """Tell that its clock became wrong or right."""

    def async_unknown_grew(self, device: SmartAirDevice) -> None:
        """Tell that it has more unknown metrics than before."""


class SmartAirDevice:
    """A device that its owner approved."""

    def __init__(self, owner: Owner, record: DeviceRecord) -> None:
        """Begin with what was stored of the device."""
        self._owner = owner
        self.connection = owner.connection
        self.issues = owner.issues
        self.uid = record.uid
        self.record = record
        self.snapshot = record.snapshot()
        self.available = False
        # By its owner, in Home Assistant: then it is neither seen nor told what to do, but for a stop.
        self.disabled = False
        # What was measured before the restart, until it is stale or there is a value of now.
        self.restored: dict[str, Reading] = {}
        self.sensors: dict[str, SensorEntity] = {}
        # Entities that its owner has removed because it no longer offers them, by platform and key.
        self.dropped: set[tuple[str, str]] = set()
        self.context: Context | None = None
        self.history: DeviceHistory | None = None
        self.device_id: str | None = None
        # Whoever follows an update hears every message, for a version that is reported anew changes nothing else.
        self.watcher: Watcher | None = None
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)
        self._event_listeners: list[EventListener] = []
        self._report_listeners: list[ReportListener] = []
        self._response_listeners: list[ResponseListener] = []
        self._waiting: dict[str, asyncio.Future[CommandResponse]] = {}
        self._expiry: CALLBACK_TYPE | None = None
        self._expiry_job = HassJob(self._async_expire, cancel_on_shutdown=True)
        self._second = 0.0
        self._writes = 0
        self._held: set[str] = set()
        self._flush: asyncio.TimerHandle | None = None
        self._published = 0.0
        self._changes = Bucket(CHANGES, time.monotonic())
        self._put_off: tuple[Snapshot, frozenset[str]] | None = None
        self._settle: asyncio.TimerHandle | None = None

    @property
    def unique_prefix(self) -> str:
        """What the unique ids of the device begin with; no metric's name contains its last sign."""
        return f"{self.connection.namespace}{self.uid}-"

    @property
    def registered(self) -> dr.DeviceEntry | dr.ChildDeviceEntry | None:
        """The device as it stands in the device registry."""
        return dr.async_get(self.connection.hass).async_get(self.device_id) if self.device_id else None

    @callback
    def async_begin(self, known: Snapshot, last: tuple[Telemetry, float] | None = None) -> None:
        """Begin with what the device said of itself before it was approved, and with what it measured last."""
        now = time.time()
        self.snapshot = _with_last(known, *last, now) if last is not None else known
        if known.online:
            # Its birth message still stands: had Home Assistant started just now, the broker would repeat it.
            self.snapshot = replace(self.snapshot, heard=now)
        self.record.learn(self.snapshot)
        self.async_refresh_availability()
        self._schedule_expiry(now)

    @callback
    def async_resume(self, known: Snapshot) -> None:
        """Go on with a device that was heard before the restart and keeps its pace."""
        self.snapshot = known
        self.available = self.connection.connected and known.available
        self._schedule_expiry(time.time())

    # --- what the device says -------------------------------------------------------------------

    @callback
    def async_handle(self, message: Message, *, now: float, retained: bool) -> None:
        """Take in one message and tell those whom its changes concern."""
        match message:
            case CommandResponse():
                self._handle_response(message, retained=retained)
            case DeviceEvent():
                if not retained:
                    self.async_happened(self._dated(message, now))
            case _:
                if not self._take_in(message, now, retained=retained):
                    return
        if self.watcher is not None:
            self.watcher(message, retained)

    def _take_in(self, message: Message, now: float, *, retained: bool) -> bool:
        """Fold a message into what is known; return False for a late report and a copy, which are not of now."""
        before = self.snapshot
        self.snapshot, changed = fold(before, message, now=now, retained=retained)
        after = self.snapshot
        if after.buffered > before.buffered:
            if self.history is None:
                # Most devices are never offline.
                self.history = DeviceHistory(self.connection, self._owner.import_turn, self.uid, self.sensors)
            self._keep_history(self.history, before, message, now)
        elif before.late is not None:
            self._drop_misdated(before, before.late, now)
        if changed:
            self._after_change(before, changed, now)
        if after.buffered > before.buffered or after.duplicates > before.duplicates:
            return False
        if self._report_listeners and isinstance(message, Telemetry) and not retained:
            for listener in tuple(self._report_listeners):
                try:
                    listener(message)
                except Exception as err:  # noqa: BLE001 - whatever it is, the next one must have its turn
                    self.connection.isolation.async_say(f"The report of {self.uid}", err)
        return True

    def _keep_history(self, history: DeviceHistory, before: Snapshot, message: Message, now: float) -> None:
        lag, late = self.snapshot.lag, self.snapshot.late
        # Without a mark, it may also be of now by a clock that is wrong, unless another lag has just been seen.
        doubtful = isinstance(message, Telemetry) and (before.late is None or (late is not None and late[2] > 1))
        pause = UNPROVEN_PAUSE if lag is None else DOUBTFUL_PAUSE
        history.async_add(placed(samples_of(message), lag, now=now), now, pause if doubtful else PAUSE)

    def _drop_misdated(self, before: Snapshot, late: tuple[float, float, int], now: float) -> None:
        """Take back what was kept as history before it was seen that the clock is steadily behind."""
        if self.history is not None and self.snapshot.late is None and (self.snapshot.lag or 0) > LIVE_WINDOW:
            since, first, _ = late
            first = by_our_clock(first, before.lag, now=since)
            self.history.async_drop(first, first + now - since)

    def _dated(self, event: DeviceEvent, now: float) -> DeviceEvent:
        """Return an event with its time, by our clock, only where that is past."""
        if event.timestamp is None:
            return event
        at = by_our_clock(event.timestamp, self.snapshot.lag, now=now)
        return replace(event, timestamp=at if now - at > LIVE_WINDOW else None)

    @callback
    def async_happened(self, event: DeviceEvent) -> None:
        """Tell those who listen for events of one."""
        if self.disabled:
            return
        for listener in tuple(self._event_listeners):
            self.connection.isolation.call(f"The event of {self.uid}", listener, event)

    @callback
    def async_drop(self, entities: Iterable[tuple[str, str]]) -> None:
        """Forget what its owner has removed, so that only the device's own word brings it back."""
        self.dropped.update(entities)
        gone = {key for domain, key in self.dropped if domain == SENSOR_DOMAIN}
        times = {name: at for name, at in self.snapshot.times.items() if name not in gone}
        self.snapshot = replace(self.snapshot, metrics=self.snapshot.metrics - gone, times=times)
        self.record.learn(self.snapshot)
        self._owner.store.async_save_soon()

    @callback
    def async_connection_changed(self) -> None:
        """Look again at everything: a setting and an update go by the broker even while the device is away."""
        before = self.available
        self.async_refresh_availability()
        if self.available is before:
            self._call(tuple(self._listeners[_KEY_AVAILABLE]))

    @callback
    def async_refresh_availability(self) -> None:
        """Look again whether the device can be believed."""
        available = self.connection.connected and self.snapshot.available and not self.disabled
        if available != self.available:
            self.available = available
            self._call(tuple(self._listeners[_KEY_AVAILABLE]))
            self._owner.async_availability_changed(self)

    def _after_change(self, before: Snapshot, changed: frozenset[str], now: float) -> None:
        after = self.snapshot
        if after.metrics is not before.metrics or not changed.isdisjoint(_SELDOM):
            self._change_seldom(before, changed)
        more_channels = KEY_CHANNELS in changed and not after.channels.keys() <= before.channels.keys()
        if more_channels or (KEY_OTA in changed and before.ota is None):
            self.async_grow()
        if self._expiry is None:
            self._schedule_expiry(now)
        if (self.connection.connected and after.available and not self.disabled) != self.available:
            self.async_refresh_availability()
        else:
            self._notify(changed, now)

    def _change_seldom(self, before: Snapshot, changed: frozenset[str]) -> None:
        """Change what registry, store and repairs hold of the device: at once, or each second if it never rests."""
        if self._put_off is None and self._changes.take(time.monotonic(), 0):
            self._keep(before, changed)
            self._complain(changed)
        elif self._put_off is None:
            self._put_off = before, changed
            self._settle = self.connection.hass.loop.call_later(1, self._change_now)
        else:
            since, more = self._put_off
            self._put_off = since, more | changed

    @callback
    def _change_now(self) -> None:
        if self._put_off is not None:
            before, changed = self._put_off
            self._put_off = self._settle = None
            self._keep(before, changed)
            self._complain(changed)

    @callback
    def async_complain_again(self) -> None:
        """Say again what is wrong with what the device sends, after nothing could be said for a while."""
        wrong = {KEY_SKEW: self.snapshot.skew is not None, KEY_UNKNOWN: bool(self.snapshot.unknown)}
        self._complain(frozenset(key for key, is_so in wrong.items() if is_so))

    def _complain(self, changed: frozenset[str]) -> None:
        """Raise, or take back, the repairs about what the device sends."""
        snapshot = self.snapshot
        if KEY_SKEW in changed:
            if snapshot.skew is None:
                self.issues.async_delete("clock_skew", self.uid)
            else:
                self.issues.async_create(
                    "clock_skew",
                    self.uid,
                    text="clock_skew" if snapshot.skew > 0 else "clock_behind",
                    seconds=str(round(abs(snapshot.skew))),
                )
            self._owner.async_clock_changed(self)
        if KEY_ODD in changed:
            self._tell_troubles()
        if KEY_UNKNOWN in changed:
            self.issues.async_create("unknown_metric", self.uid, names=", ".join(sorted(snapshot.unknown)))
            self._owner.async_unknown_grew(self)

    def _tell_troubles(self) -> None:
        """Say what the device sends again and again that cannot be taken, or no more if there is nothing."""
        troubles = dict(self.snapshot.troubles)
        time_of = troubles.pop("timestamp", None)
        if time_of is None:
            self.issues.async_delete("time_unreadable", self.uid)
        else:
            self.issues.async_create("time_unreadable", self.uid, value=time_of.said)
        if troubles:
            self.issues.async_create("values_rejected", self.uid, values=list_troubles(troubles))
            # It is on the device's page as well.
            self.async_grow()
        else:
            self.issues.async_delete("values_rejected", self.uid)

    def _keep(self, before: Snapshot, changed: frozenset[str]) -> None:
        """Bring registry, store and settings up to date with what the device now says of itself."""
        if self.snapshot.metrics is before.metrics and changed.isdisjoint(_STORED):
            return
        self.record.learn(self.snapshot)
        self._owner.store.async_save_soon()
        # A device that never said its type is taken for what it measures.
        if not changed.isdisjoint((KEY_DESCRIPTOR, KEY_FACTS)) or self.snapshot.device_type != before.device_type:
            self._owner.async_register(self)
        if self.snapshot.metrics != before.metrics or not changed.isdisjoint((KEY_DESCRIPTOR, KEY_FACTS)):
            self.async_grow()
        if KEY_CONFIG in changed:
            self._settle_config()

    # --- who listens ----------------------------------------------------------------------------

    @callback
    def async_listen(self, keys: Iterable[str], listener: Listener) -> CALLBACK_TYPE:
        """Call the listener when one of these keys, or the availability, has changed; return how to end that."""
        keys = (*keys, _KEY_AVAILABLE)
        for key in keys:
            self._listeners[key].append(listener)

        return partial(self._end, keys, listener)

    def _end(self, keys: tuple[str, ...], listener: Listener) -> None:
        for key in keys:
            self._listeners[key].remove(listener)

    @callback
    def async_listen_events(self, listener: EventListener) -> CALLBACK_TYPE:
        """Call the listener with each event of the device; return how to end that."""
        self._event_listeners.append(listener)
        return lambda: self._event_listeners.remove(listener)

    @callback
    def async_listen_reports(self, listener: ReportListener) -> CALLBACK_TYPE:
        """Call the listener with each live report as it arrives, none held back; return how to end that."""
        self._report_listeners.append(listener)
        return lambda: self._report_listeners.remove(listener)

    @callback
    def async_listen_responses(self, listener: ResponseListener) -> CALLBACK_TYPE:
        """Call the listener with each answer of the device, first and later ones; return how to end that."""
        self._response_listeners.append(listener)
        return lambda: self._response_listeners.remove(listener)

    @callback
    def async_grow(self) -> None:
        """Tell those who listen that the device may have more to show."""
        self._owner.async_show_growth(self)

    def _notify(self, changed: Iterable[str], now: float) -> None:
        listeners = self._listeners
        # Each is called once, however many of its keys have changed.
        called = {listener: None for key in changed if key in listeners for listener in listeners[key]}
        if not called:
            return
        if not -1 < self._second - now <= 0:
            self._second, self._writes = now, 0
        self._writes += 1
        if self._writes > MAX_WRITES_PER_SECOND:
            self._held.update(changed)
            if self._flush is None:
                self._flush = self.connection.hass.loop.call_later(1, self._release)
            return
        self._call(called)

    @callback
    def _release(self) -> None:
        """Write the last of the values that were held back."""
        self._flush = None
        held, self._held = self._held, set()
        self._call(dict.fromkeys(listener for key in held for listener in self._listeners.get(key, ())))

    def _call(self, listeners: Iterable[Listener]) -> None:
        """Call listeners, who may end themselves or others meanwhile, and let them share one context."""
        self.context = Context()
        for listener in listeners:
            # As Isolation.call does, which is a third of the work of a listener itself.
            try:
                listener()
            except Exception as err:  # noqa: BLE001 - whatever it is, the next one must have its turn
                self.connection.isolation.async_say(f"A listener of {self.uid}", err)
        self.context = None

    # --- what grows stale -----------------------------------------------------------------------

    def _schedule_expiry(self, now: float) -> None:
        """Set one timer for the next value to grow stale; it looks again when it rings, so no message moves it."""
        dues = [self.snapshot.stale_after + measured for _, measured in self.restored.values()]
        if (live := next_expiry(self.snapshot)) is not None:
            dues.append(live)
        if dues:
            # Never further ahead than the shortest term, for a device may begin to report more often meanwhile.
            due = min(max(min(dues), now), now + STALE_MINIMUM) + 1
            when = datetime.fromtimestamp(due, UTC)
            self._expiry = async_track_point_in_utc_time(self.connection.hass, self._expiry_job, when)

    @callback
    def _async_expire(self, _now: datetime) -> None:
        self._expiry = None
        now = time.time()
        before = self.snapshot
        self.snapshot, changed = expire(before, now=now)
        changed |= self._expire_restored(now)
        self._schedule_expiry(now)
        if changed:
            self._after_change(before, changed, now)

    def _expire_restored(self, now: float) -> frozenset[str]:
        """Let go of what was measured before the restart and says no longer how things are."""
        term = self.snapshot.stale_after
        gone = frozenset(name for name, (_, at) in self.restored.items() if not 0 <= now - at < term)
        for name in gone:
            del self.restored[name]
        return gone

    # --- what the owner wants -------------------------------------------------------------------

    @property
    def pending(self) -> frozenset[str]:
        """The settings that the device has not confirmed yet."""
        applied = self.snapshot.applied
        if applied is not None and applied.revision >= self.record.revision:
            return frozenset()
        return frozenset(
            name for name, value in self.record.desired.items() if not agrees(value, self._confirmed(name, ...))
        )

    def setting(self, name: str) -> ConfigValue:
        """Return a setting as it is wanted, while that is pending, or else as the device applied it."""
        applied = self.snapshot.applied
        if name in self.pending or applied is None:
            return self.record.desired.get(name)
        wanted = self.record.desired.get(name)
        told = self._confirmed(name, wanted)
        return wanted if agrees(wanted, told) else told

    def _confirmed[T](self, name: str, otherwise: T) -> ConfigValue | T:
        """Return a setting as the device applied it, in the form of its kind, or else what is given."""
        applied = self.snapshot.applied
        if applied is None or name not in applied.config:
            return otherwise
        return in_kind(self.snapshot.settings.get(name), applied.config[name])

    @property
    def night(self) -> Night:
        """The night as it is wanted or was last in force."""
        return Night.from_setting(self.setting("night_mode")) or self.record.night

    async def async_set_night(self, night: Night) -> None:
        """Choose the hours of the night; while night mode is off, the device hears of them when it is switched on."""
        on = self.setting("night_mode") is not None
        if on:
            await self.async_configure({"night_mode": night.as_setting()})
        self.record.night = night
        await self._owner.store.async_save_now()
        self._notify((KEY_CONFIG,), time.time())

    async def async_configure(self, changes: Mapping[str, ConfigValue]) -> None:
        """Ask for settings; they are pending until the device has confirmed them."""
        record = self.record
        applied = self.snapshot.applied
        old = record.desired, record.revision
        self.issues.async_withdraw_rejections(self.uid, changes)
        record.desired = {**record.desired, **changes}
        record.revision = max(record.revision, applied.revision if applied else 0) + 1
        try:
            await self._async_publish_config()
        except HomeAssistantError:
            record.desired, record.revision = old
            raise
        await self._owner.store.async_save_now()
        self._notify((KEY_CONFIG,), time.time())

    async def _async_publish_config(self) -> None:
        self._published = time.time()
        await self.connection.async_publish(
            configuration(self.connection.root, self.uid, revision=self.record.revision, config=self.record.desired)
        )

    def _settle_config(self) -> None:
        """Compare what the device applied with what is wanted, and set right what the two do not share."""
        applied, record = self.snapshot.applied, self.record
        if applied is None or not record.desired:
            return
        if applied.revision < record.revision:
            # The device came back older than what it was told, as after a flash, or the broker forgot: tell it again.
            if time.time() - self._published > _REPUBLISH_PAUSE:
                self.connection.async_create_task(self._async_republish_config(), f"configure {self.uid}")
            return
        refused = applied.rejected if applied.applied or applied.rejected else dict.fromkeys(record.desired, "")
        refused = {name: reason for name, reason in refused.items() if name in record.desired}
        # A wish that was confirmed is over: who then changes the device on the spot has the last word, and the next
        # wish, which is published with all others, must not undo that.
        record.desired = {
            name: self._in_force(name, value) for name, value in record.desired.items() if name not in refused
        }
        if not refused:
            return
        self.issues.async_report_rejections(self.uid, refused)
        record.revision = applied.revision + 1
        self.connection.async_create_task(self._async_republish_config(), f"take back settings of {self.uid}")

    def _in_force(self, name: str, wanted: ConfigValue) -> ConfigValue:
        """Return a setting as the device applied it, or as it was wanted where the device does not say."""
        told = self._confirmed(name, wanted)
        if agrees(wanted, told):
            return wanted
        # Off is a value of the night alone.
        return wanted if told is None and not isinstance(self.snapshot.settings.get(name), NightSetting) else told

    @callback
    def async_remind(self) -> None:
        """Publish the wanted configuration again where it is not confirmed, for it may never have gone out."""
        if self.pending:
            self.connection.async_create_task(self._async_republish_config(), f"remind {self.uid}")

    async def _async_republish_config(self) -> None:
        try:
            await self._async_publish_config()
        except HomeAssistantError as err:
            # The device will say again what it applied when it is back, and this is tried again then.
            _LOGGER.debug("The configuration of %s was not published: %s", self.uid, err)

    # --- what is asked of the device ------------------------------------------------------------

    async def async_command(
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        *,
        cmd_id: str | None = None,
        lasting: bool = False,
    ) -> CommandResponse:
        """Send a command and return the first answer; raise HomeAssistantError when there is none, or a refusal.

        One that is `lasting` never expires.
        """
        # A stop is tried whatever is believed of the device (safety contract, S1): a silent one may well hear it.
        is_stop = name == CommandName.STOP_PUMP
        if not self.available and not is_stop:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="device_unavailable",
                translation_placeholders={"device": self.place},
            )
        offered = self.snapshot.commands
        if self.snapshot.descriptor is not None and name not in offered and not is_stop:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="command_not_offered",
                translation_placeholders={
                    "device": self.place,
                    "command": name,
                    "offered": ", ".join(offered) or "–",
                },
            )
        cmd_id = cmd_id or ulid_now()
        answer = self._waiting[cmd_id] = self.connection.hass.loop.create_future()
        try:
            await self.connection.async_publish(
                command(
                    self.connection.root,
                    self.uid,
                    name,
                    cmd_id=cmd_id,
                    now=time.time(),
                    params=params,
                    lasting=lasting,
                )
            )
            async with asyncio.timeout(ANSWER_TIMEOUT):
                response = await answer
        except TimeoutError as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="no_answer",
                translation_placeholders={
                    "device": self.place,
                    "command": name,
                    "seconds": str(ANSWER_TIMEOUT),
                },
            ) from err
        finally:
            del self._waiting[cmd_id]
        return self._judge(name, response)

    def _judge(self, name: str, response: CommandResponse) -> CommandResponse:
        match response.status:
            case ResponseStatus.ACCEPTED | ResponseStatus.DONE | ResponseStatus.DUPLICATE:
                return response
            case ResponseStatus.EXPIRED:
                key = "command_expired"
            case ResponseStatus.ERROR:
                key = "command_failed"
        raise CommandRefusedError(
            response,
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders={
                "device": self.place,
                "command": name,
                "error": without_markup(response.error_code or "–"),
            },
        )

    def _handle_response(self, response: CommandResponse, *, retained: bool) -> None:
        answer = self._waiting.get(response.cmd_id)
        if retained:
            return
        if answer is not None and not answer.done():
            answer.set_result(response)
        for listener in tuple(self._response_listeners):
            self.connection.isolation.call(f"The answer of {self.uid}", listener, response)

    @property
    def name(self) -> str:
        """The name that the device gives itself, or its uid."""
        descriptor = self.snapshot.descriptor
        return without_markup((descriptor.name if descriptor else None) or self.uid)

    @property
    def place(self) -> str:
        """Where it is, in its owner's words, for every text that people read."""
        return place_of_device(self.connection.hass, self.device_id) or self.name

    @callback
    def async_stop(self) -> None:
        """End every timer, and tell those who wait for an answer that none will come."""
        if self.history is not None:
            self.history.async_stop()
        if self._expiry is not None:
            self._expiry()
            self._expiry = None
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._settle is not None:
            self._settle.cancel()
            self.record.learn(self.snapshot)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(TimeoutError())
