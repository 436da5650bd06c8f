"""Tells people of the alerts of a hub, by automations, and does what the buttons of the messages say."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
import logging
import time
from typing import Any

from homeassistant.core import CALLBACK_TYPE, Context, Event, HassJob, ServiceCall, callback
from homeassistant.exceptions import HomeAssistantError, Unauthorized, UnknownUser
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..automations.rights import Rights
from ..const import DOMAIN
from ..hub import SmartAirHub
from ..pysmartair import Alert, Change, is_night
from ..pysmartair.alerts.notices import (
    SNOOZE as SNOOZE_S,
    Kind,
    Notice,
    Notices,
    Receiver,
    Scene,
    Standing,
    look,
    prune_notices,
)
from ..store import Night
from .receivers import receivers
from .text import BUTTON_PREFIX, LOCKS, compose, exception_text

_LOGGER = logging.getLogger(__name__)

EVENT_BUTTON = "mobile_app_notification_action"
TOGETHER_S = 1.0
"""Seconds for which alerts are gathered: of forty that come at once, people get one message."""


class Notifier:
    """Looks, for each receiver, at what there is to tell."""

    def __init__(self, hub: SmartAirHub) -> None:
        """Tell nothing yet."""
        self._hub = hub
        self._receivers = receivers(hub.hass)
        self._job = HassJob(self._async_ring, cancel_on_shutdown=True)
        self._timer: CALLBACK_TYPE | None = None
        self._due: float | None = None

    @callback
    def async_start(self) -> None:
        """Follow the alerts, those who join, and the buttons of phones."""
        unload = self._hub.entry.async_on_unload
        unload(self._hub.alerts.async_listen(self._async_changed))
        unload(self._receivers.async_listen(self._async_soon))
        unload(self._hub.hass.bus.async_listen(EVENT_BUTTON, self._async_pressed, event_filter=_is_ours))
        unload(self._stop_timer)
        self._async_soon()

    # --- when to look ---------------------------------------------------------------------------

    @callback
    def _async_changed(self, _change: Change, _alert: Alert) -> None:
        self._async_soon()

    @callback
    def _async_soon(self) -> None:
        self._wait_until(time.time() + TOGETHER_S)

    def _wait_until(self, due: float) -> None:
        now = time.time()
        if self._timer is not None and self._due is not None and now < self._due <= due:
            return
        self._stop_timer()
        self._due = due
        self._timer = async_call_later(self._hub.hass, max(due - now, 0), self._job)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer()
        self._timer = self._due = None

    @callback
    def _async_ring(self, _now: datetime) -> None:
        self._timer = self._due = None
        self._async_look()

    # --- what there is to tell ------------------------------------------------------------------

    @callback
    def _async_look(self) -> None:
        alerts, now = self._hub.alerts, time.time()
        before = prune_notices(alerts.notices, alerts.book, now=now)
        standings = dict(before.standings)
        dues: list[float] = []
        told: list[tuple[Receiver, Notice]] = []
        for receiver in self._receivers.all:
            scene = Scene(book=alerts.book, snoozed=before.snoozed, now=now, quiet=partial(self._quiet, receiver))
            seen = look(standings.get(receiver.key, Standing(seen=now)), receiver, scene)
            standings[receiver.key] = seen.standing
            told += [(receiver, notice) for notice in seen.notices]
            dues += [seen.due] if seen.due is not None else []
        alerts.async_keep_notices(Notices(standings, before.snoozed), soon=bool(told))
        if dues:
            self._wait_until(min(dues))
        for receiver, notice in told:
            self._hub.connection.isolation.call("A message about an alert", self._tell, receiver, notice)

    def _tell(self, receiver: Receiver, notice: Notice) -> None:
        self._receivers.async_tell(receiver, compose(self._hub, notice))

    def _quiet(self, receiver: Receiver, alert: Alert) -> bool:
        """Tell whether it is night for the receiver, or for the device that the alert is about."""
        moment = dt_util.now().time()
        if is_night(moment, receiver.quiet_start, receiver.quiet_end):
            return True
        device = self._hub.devices.get(alert.uid or "")
        night = Night.from_setting(device.setting("night_mode")) if device else None
        return night is not None and is_night(moment, night.start, night.end)

    # --- what people answer ---------------------------------------------------------------------

    async def _async_pressed(self, event: Event[dict[str, Any]]) -> None:
        """Do what the button of a message says, by the rights of whoever owns the phone."""
        kind, _, alert_id = str(event.data["action"]).removeprefix(BUTTON_PREFIX).partition("_")
        alert = next((one for one in self._hub.alerts.active() if one.id == alert_id), None)
        # What an automation fires in the name of a phone has no user.
        if alert is None or event.context.user_id is None:
            return
        try:
            await self._async_act(kind, alert, event.context)
        except Unauthorized, UnknownUser:
            _LOGGER.warning("A button about an alert was pressed on a phone whose user may not control it")
        except HomeAssistantError as err:
            self._refuse(alert, exception_text(self._hub.hass, err))

    async def _async_act(self, kind: str, alert: Alert, context: Context) -> None:
        hub = self._hub
        rights = await Rights.async_of(ServiceCall(hub.hass, DOMAIN, "acknowledge_alert", context=context))
        match kind:
            case "ACKNOWLEDGE":
                rights.check_alert(hub, alert)
                hub.alerts.async_acknowledge(alert.id)
            case "SNOOZE":
                rights.check_alert(hub, alert)
                self.async_snooze(alert)
            case "RESET":
                pump = hub.pumps.get((alert.uid or "", alert.channel or ""))
                if pump is not None and alert.code in LOCKS:
                    rights.check_pump(pump)
                    await pump.async_reset()
            case _:
                pass

    @callback
    def async_snooze(self, alert: Alert) -> None:
        """Say nothing of an alert for an hour, unless it becomes worse."""
        notices = self._hub.alerts.notices
        snoozed = {**notices.snoozed, alert.id: time.time() + SNOOZE_S}
        self._hub.alerts.async_keep_notices(Notices(notices.standings, snoozed), soon=True)
        self._async_soon()

    def _refuse(self, alert: Alert, why: str) -> None:
        """Answer those who know of an alert that its lock stays, and why."""
        notice = Notice(Kind.REFUSED, alert.id, alert, loud=True)
        message = compose(self._hub, notice, refusal=why)
        for receiver in self._receivers.all:
            standing = self._hub.alerts.notices.standings.get(receiver.key)
            if standing is not None and alert.id in standing.told:
                self._receivers.async_tell(receiver, message)


@callback
def _is_ours(data: Mapping[str, Any]) -> bool:
    return str(data.get("action", "")).startswith(BUTTON_PREFIX)
