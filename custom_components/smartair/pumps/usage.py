"""The usage record of a hub: every run of its pumps, on disk."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
import logging
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..pysmartair import RunRecord
from ..pysmartair.safety import Role
from ..pysmartair.usage import Sum, UsageBook, enter, total, usage_as_dict, usage_from_dict
from ..store import SharedSave, concern_store

_LOGGER = logging.getLogger(__name__)

# A run is written within this time; after a crash its pump is found as it is, and counted anew.
_SAVE_DELAY = 5

type UsageListener = Callable[[RunRecord], None]


class UsageLog:
    """What the pumps of one hub have done."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Begin empty."""
        self._file = SharedSave(concern_store(hass, entry_id, "usage"), lambda: usage_as_dict(self.book))
        self._listeners: list[UsageListener] = []
        self.book = UsageBook()

    async def async_load(self) -> None:
        """Read what was stored; what is broken is left out."""
        self.book, broken = usage_from_dict(await self._file.async_load())
        if broken:
            _LOGGER.warning("%s stored entries of the usage record cannot be read and are left out", broken)

    async def async_stop(self) -> None:
        """Write what is not written yet."""
        await self._file.async_save()

    @callback
    def async_add(self, record: RunRecord) -> None:
        """Enter a run that is over."""
        before = self.book
        self.book = enter(before, record, _day(record.ended))
        if self.book is before:
            return
        self._file.async_save_soon(_SAVE_DELAY)
        for listener in tuple(self._listeners):
            listener(record)

    @callback
    def async_listen(self, listener: UsageListener) -> CALLBACK_TYPE:
        """Call the listener with each run that is entered; return how to end that."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    def runs(
        self,
        *,
        zone: str | None = None,
        uid: str | None = None,
        channel: str | None = None,
        since: float | None = None,
    ) -> list[RunRecord]:
        """Return the last runs, oldest first, of a zone, a device or a channel; `since` is Unix seconds."""
        return [
            one
            for one in self.book.runs
            if zone in {None, one.zone}
            and uid in {None, one.uid}
            and channel in {None, one.channel}
            and (since is None or one.ended >= since)
        ]

    def days(
        self,
        *,
        zone: str | None = None,
        uid: str | None = None,
        channel: str | None = None,
        role: Role | None = None,
    ) -> Mapping[date, Sum]:
        """Return the sums of the days on which something ran."""
        sums = {
            date.fromisoformat(day): total(one, zone=zone, uid=uid, channel=channel, role=role)
            for day, one in self.book.days.items()
        }
        return {day: one for day, one in sums.items() if one.runs}

    def today(
        self,
        *,
        zone: str | None = None,
        uid: str | None = None,
        channel: str | None = None,
        role: Role | None = None,
    ) -> Sum:
        """Return the sum of the day that it is in the owner's time zone."""
        sums = self.book.days.get(dt_util.now().date().isoformat(), {})
        return total(sums, zone=zone, uid=uid, channel=channel, role=role)

    def total(
        self,
        *,
        zone: str | None = None,
        uid: str | None = None,
        channel: str | None = None,
        role: Role | None = None,
    ) -> Sum:
        """Return the sum of all time."""
        return total(self.book.total, zone=zone, uid=uid, channel=channel, role=role)

    def _data(self) -> dict[str, Any]:
        return usage_as_dict(self.book)


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, dt_util.get_default_time_zone()).date().isoformat()
