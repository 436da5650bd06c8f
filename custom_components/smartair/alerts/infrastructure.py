"""Alerts about the machinery: a broker or a device that is away for longer than a blip, a clock, a spelling."""

from collections.abc import Iterable
from datetime import datetime, timedelta
import time

from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.helpers.event import async_call_later, async_track_time_interval

from ..connection import Connection
from ..devices.device import SmartAirDevice
from ..devices.devices import Devices
from ..pysmartair import DOUBT, KEY_LAST_SEEN, Code, Place
from .log import AlertLog

BROKER_GRACE = 30
"""Seconds for which a broker may be away: a restart of Mosquitto takes a few."""

DEVICE_GRACE = 120
"""Seconds for which a device may be away: it restarts in ten, and waits up to a minute to try the broker again."""


LOOK = timedelta(minutes=5)
WITHOUT_VALUES = 900
"""Seconds for which a device may be online without one value: some sensors warm up for minutes."""


class Infrastructure:
    """Watches over the broker and the devices of a hub."""

    def __init__(self, connection: Connection, devices: Devices, alerts: AlertLog) -> None:
        """Watch nothing yet."""
        self._connection = connection
        self._devices = devices
        self._issues = devices.issues
        self._alerts = alerts
        devices.async_listen_availability(self.async_look)
        devices.async_listen_clocks(self.async_clock_changed)
        devices.async_listen_unknown(self.async_unknown_grew)
        self._broker: CALLBACK_TYPE | None = None
        self._away: dict[str, float] = {}
        self._empty: dict[str, float] = {}
        self._timer: CALLBACK_TYPE | None = None
        self._job = HassJob(self._async_ring, cancel_on_shutdown=True)
        self._broker_job = HassJob(self._async_broker_down, cancel_on_shutdown=True)

    @callback
    def async_start(self) -> None:
        """Look at how things are: an alert from before the restart may be over."""
        self._connection.entry.async_on_unload(self._devices.async_listen(self._async_added))
        for alert in self._alerts.active():
            if alert.code is Code.CLOCK_SKEW and (device := self._devices.get(alert.uid or "")):
                self._await_clock(device)
        self._connection.entry.async_on_unload(
            async_track_time_interval(
                self._connection.hass, self._async_look_for_values, LOOK, cancel_on_shutdown=True
            )
        )
        self.async_connection_changed()

    @callback
    def async_stop(self) -> None:
        """End the timers."""
        self._stop_broker_timer()
        if self._timer is not None:
            self._timer()
            self._timer = None

    # --- the broker -----------------------------------------------------------------------------

    @callback
    def async_connection_changed(self) -> None:
        """Wait for a broker that went; when it is back, wait for its devices from the beginning."""
        self._stop_broker_timer()
        self._away.clear()
        if self._connection.connected:
            self._alerts.async_resolve(Code.MQTT_DOWN)
            self._async_added(self._devices.values())
        else:
            self._broker = async_call_later(self._connection.hass, BROKER_GRACE, self._broker_job)

    @callback
    def _async_broker_down(self, _now: datetime) -> None:
        self._broker = None
        self._alerts.async_raise(Code.MQTT_DOWN)

    def _stop_broker_timer(self) -> None:
        if self._broker is not None:
            self._broker()
            self._broker = None

    # --- the devices ----------------------------------------------------------------------------

    @callback
    def _async_added(self, devices: Iterable[SmartAirDevice]) -> None:
        for device in devices:
            self.async_look(device)

    @callback
    def async_look(self, device: SmartAirDevice) -> None:
        """Take note of a device that went or came; while the broker is away, nothing is known of any."""
        if device.available:
            self._away.pop(device.uid, None)
            self._alerts.async_resolve(Code.DEVICE_OFFLINE, uid=device.uid)
        elif self._connection.connected:
            self._away.setdefault(device.uid, time.time())
            self._schedule(DEVICE_GRACE)

    def _grace(self, uid: str) -> float:
        """Return for how long a device may be away: one whose pace is not known yet may simply be slow."""
        device = self._devices.get(uid)
        return DOUBT if device is not None and device.snapshot.doubtful else DEVICE_GRACE

    def _schedule(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = async_call_later(self._connection.hass, seconds, self._job)

    @callback
    def _async_ring(self, _now: datetime) -> None:
        """Raise what is away for too long; one timer serves all, so it looks again for those that went later."""
        self._timer = None
        now = time.time()
        for uid, since in list(self._away.items()):
            # What went after now did so before the clock was set back.
            if not now - self._grace(uid) < since <= now:
                del self._away[uid]
                self._raise_offline(uid, now)
        if self._away:
            # A last will may end a doubt at any time.
            due = min(since + self._grace(uid) for uid, since in self._away.items())
            self._schedule(min(due - now, DEVICE_GRACE))

    def _raise_offline(self, uid: str, now: float) -> None:
        device = self._devices.get(uid)
        if device is None:
            return
        seen = device.snapshot.last_seen
        values = {} if seen is None else {"silent_for": round(now - seen)}
        self._alerts.async_raise(Code.DEVICE_OFFLINE, uid=uid, values=values)

    # --- what is there without being seen -----------------------------------------------------------

    @callback
    def _async_look_for_values(self, _now: datetime) -> None:
        """Tell of devices that are online for long and show nothing: nobody would be told why."""
        now = time.time()
        for device in self._devices.values():
            if not _shows_nothing(device):
                if self._empty.pop(device.uid, None) is not None:
                    self._issues.async_delete("no_values", device.uid)
            elif now - self._empty.setdefault(device.uid, now) >= WITHOUT_VALUES:
                text = "no_values_late" if device.snapshot.buffered else "no_values"
                self._issues.async_create("no_values", device.uid, text=text)

    # --- what a device sends --------------------------------------------------------------------

    @callback
    def async_clock_changed(self, device: SmartAirDevice) -> None:
        """Raise or resolve that the clock of a device is wrong: ahead, or behind by a negative number."""
        skew = device.snapshot.skew
        if skew is None:
            self._alerts.async_resolve(Code.CLOCK_SKEW, uid=device.uid)
        else:
            self._alerts.async_raise(Code.CLOCK_SKEW, uid=device.uid, values={"seconds": round(skew)})

    def _await_clock(self, device: SmartAirDevice) -> None:
        """Resolve what was raised before the restart with the first measurement whose time is right."""

        @callback
        def look() -> None:
            if device.snapshot.values:
                end()
                self.async_clock_changed(device)

        end = device.async_listen((KEY_LAST_SEEN,), look)

    @callback
    def async_unknown_grew(self, device: SmartAirDevice) -> None:
        """Note values that nobody knows, once for each set of names that is still in the book."""
        names = ", ".join(sorted(device.snapshot.unknown))
        place = Place(Code.UNKNOWN_METRIC, device.uid)
        if not any(alert.place == place and alert.values.get("names") == names for alert in self._alerts.book.past):
            self._alerts.async_note(Code.UNKNOWN_METRIC, uid=device.uid, values={"names": names})


def _shows_nothing(device: SmartAirDevice) -> bool:
    """Tell whether a device is there and has not one value, although it should and no other repair says why not."""
    snapshot = device.snapshot
    if not device.available or device.disabled or snapshot.asleep or snapshot.troubles:
        return False
    measures = snapshot.descriptor is None or snapshot.metrics or snapshot.descriptor.channels
    return bool(measures) and not snapshot.values and not snapshot.channels
