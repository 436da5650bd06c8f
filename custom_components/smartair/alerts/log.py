"""The alert log of a hub: what is wrong and what was, on disk, and told to whoever listens."""

from collections.abc import Callable, Mapping
from functools import partial
import logging
import time
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.util.ulid import ulid_now

from ..isolation import Isolation
from ..pysmartair import (
    Alert,
    Book,
    Change,
    Code,
    Place,
    Report,
    Severity,
    Step,
    acknowledge_alert,
    note_alert,
    prune_alerts,
    raise_alert,
    read_alerts,
    resolve_alert,
    unparse_alerts,
)
from ..pysmartair.alerts.notices import Notices, read_notices, unparse_notices
from ..store import SharedSave, concern_store

_LOGGER = logging.getLogger(__name__)

# What is critical is written at once; the rest within this time.
_SAVE_DELAY = 10

type AlertListener = Callable[[Change, Alert], None]
type RunInBackground = Callable[[Any, str], None]


class AlertLog:
    """Every alert of one hub, its devices and its zones."""

    def __init__(self, hass: HomeAssistant, entry_id: str, run: RunInBackground) -> None:
        """Begin empty; `run` runs a coroutine beside, under a name."""
        self._file = SharedSave(concern_store(hass, entry_id, "alerts"), self._data)
        self._run = run
        self._listeners: list[AlertListener] = []
        self._isolation = Isolation()
        # Whether nothing is said of a device, or of a channel of it.
        self.muted: Callable[[str | None, str | None], bool] = _nobody
        self.book = Book()
        self.notices = Notices()

    async def async_load(self) -> None:
        """Read what was stored; a broken alert is left out, and the others stay as they were, active ones too."""
        data = await self._file.async_load()
        book, broken = read_alerts(data.get("alerts", []))
        for reason in broken:
            _LOGGER.warning("A stored alert cannot be read and is left out: %s", reason)
        self.book = prune_alerts(book, now=time.time())
        self.notices = read_notices(data.get("notices"))

    async def async_stop(self) -> None:
        """Write what is not written yet."""
        await self._file.async_save()

    # --- what is entered ------------------------------------------------------------------------

    @callback
    def async_raise(
        self,
        code: Code,
        *,
        uid: str | None = None,
        zone: str | None = None,
        channel: str | None = None,
        cause: str | None = None,
        severity: Severity | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Say that a trouble is there: once raised, it is updated where it is said otherwise."""
        if self.muted(uid, channel):
            return
        report = Report(place=Place(code, uid, zone, channel), cause=cause, severity=severity, values=values or {})
        self._take(raise_alert(self.book, report, alert_id=ulid_now(), now=time.time()))

    @callback
    def async_resolve(
        self, code: Code, *, uid: str | None = None, zone: str | None = None, channel: str | None = None
    ) -> None:
        """Say that a trouble is over, if it was there."""
        place = Place(code, uid, zone, channel)
        if place in self.book.active:
            self._take(resolve_alert(self.book, place, now=time.time()))

    @callback
    def async_note(
        self,
        code: Code,
        *,
        uid: str | None = None,
        zone: str | None = None,
        channel: str | None = None,
        cause: str | None = None,
        severity: Severity | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Say that something happened that is over as it is said: a refusal, a command that failed, a reset."""
        if self.muted(uid, channel):
            return
        report = Report(place=Place(code, uid, zone, channel), cause=cause, severity=severity, values=values or {})
        self._take(note_alert(self.book, report, alert_id=ulid_now(), now=time.time()))

    @callback
    def async_acknowledge(self, alert_id: str) -> Alert | None:
        """Say that somebody knows of an active alert; return it, or None where none of this id is active."""
        step = acknowledge_alert(self.book, alert_id, now=time.time())
        self._take(step)
        return step.alert

    @callback
    def async_forget(self, uid: str) -> None:
        """Resolve what is active of a device that is gone."""
        for alert in self.active(uid):
            self._take(resolve_alert(self.book, alert.place, now=time.time()))

    @callback
    def async_keep_notices(self, notices: Notices, *, soon: bool) -> None:
        """Keep what people were told of alerts; what they were not told anew is written with the next alert."""
        self.notices = notices
        if soon:
            self._file.async_save_soon(_SAVE_DELAY)

    # --- what is there --------------------------------------------------------------------------

    def active(self, uid: str | None = None, zone: str | None = None) -> list[Alert]:
        """Return the active alerts, of a device or of a zone where one is named, the oldest first."""
        return [
            alert
            for alert in self.book.active.values()
            if (uid is None or alert.uid == uid) and (zone is None or alert.zone == zone)
        ]

    @callback
    def async_listen(self, listener: AlertListener) -> CALLBACK_TYPE:
        """Call the listener with each change of an alert; return how to end that."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    # --- where it goes --------------------------------------------------------------------------

    def _take(self, step: Step) -> None:
        if step.book is self.book:
            return
        self.book = step.book
        if step.alert is None or step.change is None:
            self._file.async_save_soon(_SAVE_DELAY)
            return
        if step.alert.severity is Severity.CRITICAL and step.change is not Change.NOTED:
            self._run(self._file.async_save(), "write alerts")
        else:
            self._file.async_save_soon(_SAVE_DELAY)
        for listener in tuple(self._listeners):
            self._isolation.call("A listener for alerts", listener, step.change, step.alert)

    def _data(self) -> dict[str, Any]:
        return {"alerts": unparse_alerts(self.book), "notices": unparse_notices(self.notices)}


def _nobody(_uid: str | None, _channel: str | None) -> bool:
    return False
