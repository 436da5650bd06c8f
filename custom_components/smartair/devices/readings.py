"""What the devices measured last, brought back after a restart.

Not left to Home Assistant's own store of states: that keeps every state that it brought back, as long as it runs, and
the JSON of each beside it, which is as much again as all else that there is of a device.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
import time
from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import Event
from homeassistant.helpers.event import async_track_time_interval

from ..connection import Connection
from ..pysmartair import habits, with_habits
from ..store import concern_store
from .device import Reading, SmartAirDevice
from .devices import Devices

# As often as Home Assistant keeps states; after a crash, most of what is older than that is stale.
_SAVE_INTERVAL = timedelta(minutes=15)


class Readings:
    """The last readings of a hub's devices, on disk."""

    def __init__(self, connection: Connection, devices: Devices) -> None:
        """Name the file; nothing is read yet."""
        self._connection = connection
        self._devices = devices
        self._store = concern_store(connection.hass, connection.entry.entry_id, "readings")
        self._habits: Mapping[str, Any] = {}

    async def async_load(self) -> Mapping[str, Any]:
        """Return what was stored, by device."""
        match await self._store.async_load():
            case {"devices": dict() as stored, **more}:
                habits_of = more.get("habits")
                self._habits = habits_of if isinstance(habits_of, dict) else {}
                return stored
            case _:
                return {}

    def async_recall(self, device: SmartAirDevice) -> None:
        """Give a device back its pace: what was observed over days must not be forgotten with each restart."""
        device.async_resume(with_habits(device.snapshot, self._habits.get(device.uid), now=time.time()))

    def async_start(self) -> None:
        """Begin to keep what is measured."""
        unload = self._connection.entry.async_on_unload
        unload(
            async_track_time_interval(self._connection.hass, self.async_save, _SAVE_INTERVAL, cancel_on_shutdown=True)
        )
        unload(self._connection.hass.bus.async_listen(EVENT_HOMEASSISTANT_FINAL_WRITE, self.async_save))

    async def async_save(self, _when: datetime | Event | None = None) -> None:
        """Write what holds now."""
        now = time.time()
        await self._store.async_save(
            {
                "devices": {uid: _current(device, now) for uid, device in self._devices.items()},
                "habits": {uid: habits(device.snapshot) for uid, device in self._devices.items()},
            }
        )


def read(stored: object) -> dict[str, Reading]:
    """Return the readings of a device that were stored, without what is none."""
    readings: dict[str, Reading] = {}
    for name, one in stored.items() if isinstance(stored, dict) else ():
        match one:
            case [int() | float() as value, int() | float() as measured]:
                readings[name] = value, measured
            case _:
                pass
    return readings


def _current(device: SmartAirDevice, now: float) -> dict[str, Reading]:
    """Return what a device measured, and what was brought back and still holds."""
    snapshot = device.snapshot
    kept = {
        name: reading for name, reading in device.restored.items() if 0 <= now - reading[1] < snapshot.stale_after
    }
    measured = snapshot.measured
    return kept | {name: (value, measured[name]) for name, value in snapshot.values.items()}
