"""The floodgate: nobody's words may keep those of others from being heard."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from time import monotonic

from homeassistant.components.mqtt import ReceiveMessage
from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.helpers.event import async_call_later

from ..connection import Connection
from ..pysmartair import Channel, parse_topic
from ..pysmartair.protocol.budget import ALLOWANCES, STRANGERS, Bucket
from ..pysmartair.protocol.parser import MAX_PAYLOAD
from .devices import Devices

HELD_FOR = 1
"""Seconds after which the last of what was held back is taken in."""
DRAIN = 0.1
AT_ONCE = 30
"""Messages of strangers that are taken in every DRAIN seconds while more wait: as many as a fleet can be added."""
MAX_WAITING = 10_000
MAX_WAITING_BYTES = 4 * 1024 * 1024
MAX_TRIPS = 32
CALM = 300
"""Seconds of silence after which a device is no longer said to flood."""
# What a pump says of danger is never lost to what comes after it.
_DANGER = (b'"safety_', b'"leak"', b'"circulation_released"', b'"run_refused"')

type Take = Callable[[ReceiveMessage], None]


class Floodgate:
    """Holds back what one device, or all strangers together, say beyond their allowance."""

    def __init__(self, connection: Connection, devices: Devices, take: Take) -> None:
        """Hold nothing back; `take` takes in what passes later."""
        self._connection = connection
        self._devices = devices
        self._issues = devices.issues
        self._take = take
        self._buckets: dict[str, Bucket] = {}
        self._strangers = Bucket(STRANGERS, monotonic())
        self._held: dict[tuple[str, bytes], ReceiveMessage] = {}
        self._waiting: OrderedDict[str, ReceiveMessage] = OrderedDict()
        self._waiting_bytes = 0
        self._flooding: dict[str, float] = {}
        self._ends: dict[Callable[[datetime], None], CALLBACK_TYPE] = {}

    @callback
    def async_admit(self, received: ReceiveMessage) -> bool:
        """Tell whether a message is to be taken in now; another one is held back, or replaces what was."""
        size = len(received.payload)
        bucket = self._buckets.get(received.topic)
        if bucket is not None:
            if size > MAX_PAYLOAD or bucket.take(monotonic(), size):
                # What is too large is not even looked into.
                return True
            self._hold(received)
            return False
        return self._admit_first(received, size)

    def _admit_first(self, received: ReceiveMessage, size: int) -> bool:
        address = parse_topic(self._connection.root, received.topic)
        if address is None or (allowance := ALLOWANCES.get(address.channel)) is None or size > MAX_PAYLOAD:
            return True
        now = monotonic()
        if address.uid in self._devices:
            bucket = self._buckets[received.topic] = Bucket(allowance, now)
            return bucket.take(now, size)
        # What the broker kept comes once, and is all that some devices ever say of themselves.
        if received.retain or (not self._waiting and self._strangers.take(now, size)):
            return True
        self._wait(received)
        return False

    # --- devices --------------------------------------------------------------------------------

    def _hold(self, received: ReceiveMessage) -> None:
        self._connection.counts["held_back"] += 1
        address = parse_topic(self._connection.root, received.topic)
        if address is None:  # pragma: no cover - only topics of devices have a bucket
            return
        payload = received.payload if isinstance(received.payload, bytes) else b""
        danger = address.channel is Channel.EVENT and any(word in payload for word in _DANGER)
        if (danger or address.channel is Channel.COMMAND_RESPONSE) and len(self._held) < MAX_TRIPS:
            self._held[received.topic, payload] = received
        else:
            self._held[received.topic, b""] = received
        if address.uid not in self._flooding:
            self._issues.async_create("device_floods", address.uid)
            self._later(CALM, self._async_calm)
        self._flooding[address.uid] = monotonic()
        self._later(HELD_FOR, self._async_release)

    @callback
    def _async_release(self, _now: datetime) -> None:
        del self._ends[self._async_release]
        held, self._held = self._held, {}
        for received in held.values():
            self._take(received)

    @callback
    def _async_calm(self, _now: datetime) -> None:
        """Take back the repair of whoever has become quiet."""
        del self._ends[self._async_calm]
        now = monotonic()
        for uid, last in list(self._flooding.items()):
            if now - last >= CALM:
                del self._flooding[uid]
                self._issues.async_delete("device_floods", uid)
        if self._flooding:
            self._later(CALM, self._async_calm)

    @callback
    def async_forget(self, uid: str) -> None:
        """Keep nothing of a device that is gone."""
        self._flooding.pop(uid, None)
        prefix = f"{self._connection.root}/{uid}/"
        for topic in [topic for topic in self._buckets if topic.startswith(prefix)]:
            del self._buckets[topic]

    # --- strangers ------------------------------------------------------------------------------

    def _wait(self, received: ReceiveMessage) -> None:
        """Have a stranger's word wait for its turn: the last of its kind, and the oldest give way."""
        if (before := self._waiting.get(received.topic)) is not None:
            self._waiting_bytes -= len(before.payload)
        self._waiting[received.topic] = received
        self._waiting_bytes += len(received.payload)
        while len(self._waiting) > MAX_WAITING or self._waiting_bytes > MAX_WAITING_BYTES:
            self._next()
            self._connection.counts["strangers_dropped"] += 1
        self._later(DRAIN, self._async_drain)

    def _next(self) -> ReceiveMessage:
        _, received = self._waiting.popitem(last=False)
        self._waiting_bytes -= len(received.payload)
        return received

    @callback
    def _async_drain(self, _now: datetime) -> None:
        del self._ends[self._async_drain]
        for _ in range(min(AT_ONCE, len(self._waiting))):
            self._take(self._next())
        if self._waiting:
            self._later(DRAIN, self._async_drain)

    # --- time -----------------------------------------------------------------------------------

    def _later(self, seconds: float, work: Callable[[datetime], None]) -> None:
        if work not in self._ends:
            job = HassJob(work, cancel_on_shutdown=True)
            self._ends[work] = async_call_later(self._connection.hass, seconds, job)

    @callback
    def async_stop(self) -> None:
        """End the timers; what is held back is of no use any more."""
        for end in self._ends.values():
            end()
        self._ends.clear()
        for uid in self._flooding:
            self._issues.async_delete("device_floods", uid)
        self._held.clear()
        self._waiting.clear()
