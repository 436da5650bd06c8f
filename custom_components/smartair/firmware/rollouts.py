"""The staged rollout of a hub: one at a time, kept over a restart, stopped by itself when too much fails."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
import logging
import time
from typing import Any, Protocol

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util import dt as dt_util

from ..alerts.log import AlertLog
from ..connection import Connection
from ..const import DOMAIN
from ..devices.device import SmartAirDevice
from ..devices.devices import Devices
from ..pysmartair import Code, firmware, rollout, updating
from .device_update import DeviceUpdate

_LOGGER = logging.getLogger(__name__)

_TICK = timedelta(seconds=30)
# After a start or an outage the retained birth messages come first; a device must not be skipped before.
_GRACE = 15

type Listener = Callable[[], None]


class Owner(Protocol):
    """What a rollout needs of the updates of its hub."""

    connection: Connection
    alerts: AlertLog
    devices: Devices
    looked: asyncio.Event

    @property
    def images(self) -> tuple[firmware.Image, ...]:
        """All images that there are."""

    async def async_fetch(self, image: firmware.Image) -> None:
        """Have an image at hand; raise a translated error where that fails."""

    async def async_save(self) -> None:
        """Write before going on."""

    def of(self, device: SmartAirDevice) -> DeviceUpdate:
        """Return the update of a device."""

    def async_listen_finished(self, listener: Callable[[str, updating.Ended], None]) -> CALLBACK_TYPE:
        """Call the listener when the update of a device ends."""


class Rollouts:
    """The rollout that runs, or that ran last."""

    def __init__(self, updates: Owner) -> None:
        """Begin with none."""
        self._updates = updates
        self.current: rollout.Rollout | None = None
        self._listeners: list[Listener] = []
        self._ticks: CALLBACK_TYPE | None = None
        self._not_before = 0.0
        # Who was chosen and is not ordered yet, by rollout and device.
        self._beginning: set[tuple[str, str]] = set()

    # --- beginning and end ----------------------------------------------------------------------

    @callback
    def async_start(self, stored: Mapping[str, Any] | None) -> None:
        """Bring back a rollout."""
        if stored:
            try:
                self.current = rollout.load(stored)
            except (ValueError, KeyError, TypeError, AttributeError) as err:
                _LOGGER.warning("The stored rollout cannot be read and is left out: %s", err)
        self._updates.connection.entry.async_on_unload(self._updates.async_listen_finished(self._finished))
        self._not_before = time.time() + _GRACE
        self._watch()

    @callback
    def async_stop(self) -> None:
        """End the timer."""
        if self._ticks is not None:
            self._ticks()
            self._ticks = None

    @callback
    def async_resume(self) -> None:
        """Wait until the devices can have been heard again."""
        self._not_before = time.time() + _GRACE

    def as_dict(self) -> dict[str, Any] | None:
        """Return what is stored."""
        return rollout.dump(self.current) if self.current else None

    @callback
    def async_listen(self, listener: Listener) -> CALLBACK_TYPE:
        """Call the listener when the rollout has come further; return how to end that."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    # --- what is asked --------------------------------------------------------------------------

    def targets(
        self, devices: Iterable[SmartAirDevice], version: str | None, *, force: bool
    ) -> tuple[tuple[rollout.Target, ...], dict[str, str]]:
        """Return what each device would get, and why the others would get nothing."""
        targets: list[rollout.Target] = []
        left_out: dict[str, str] = {}
        for device in devices:
            update = self._updates.of(device)
            image: firmware.Image | firmware.Denied | None = (
                update.latest
                if version is None
                else firmware.wanted(self._updates.images, update.subject, version, force=force)
            )
            if isinstance(image, firmware.Image):
                targets.append(rollout.Target(uid=device.uid, version=image.version, sha256=image.sha256))
            else:
                left_out[device.uid] = image.value if image else "not_comparable" if update.unordered else "no_update"
        return tuple(targets), left_out

    @callback
    def async_check_free(self) -> None:
        """Raise a translated error while a rollout runs."""
        if self.running:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="rollout_running")

    async def async_begin(self, plan: rollout.Plan) -> None:
        """Begin; raise a translated error while another one runs."""
        self.async_check_free()
        self._updates.alerts.async_resolve(Code.OTA_FAILED)
        self.current = rollout.begin(plan, time.time())
        await self._updates.async_save()
        self._watch()
        self._go_on()

    @property
    def needed(self) -> set[str]:
        """The checksums of the images that devices are still to get."""
        current = self.current
        if current is None or not self.running:
            return set()
        open_still = {*current.uids(rollout.Stage.WAITING), *current.uids(rollout.Stage.UPDATING)}
        return {target.sha256 for target in current.plan.targets if target.uid in open_still}

    @property
    def running(self) -> bool:
        """Whether a rollout is not over yet."""
        return self.current is not None and self.current.phase not in rollout.OVER

    @callback
    def async_tell(self, event: rollout.Pause | rollout.Resume | rollout.Abort) -> None:
        """Pause, resume or abort; raise a translated error where that means nothing."""
        before = self.current
        self._apply(event)
        if self.current == before:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="rollout_not_possible")
        self._go_on()

    # --- how it goes ----------------------------------------------------------------------------

    def _watch(self) -> None:
        self.async_stop()
        if self.running:
            self._ticks = async_track_time_interval(
                self._updates.connection.hass, self._async_tick, _TICK, cancel_on_shutdown=True
            )

    @callback
    def _async_tick(self, _now: datetime | None = None) -> None:
        self._reconcile()
        self._go_on()

    def _go_on(self) -> None:
        """Begin with the next devices, if this is the time."""
        current = self.current
        if current is None or not self._updates.connection.connected or self._too_early():
            return
        hours = current.plan.hours
        self._apply(rollout.Tick(open=hours is None or hours.allow(dt_util.now().time())))

    def _too_early(self) -> bool:
        # More than the whole term is left only where the clock was set back.
        return 0 < self._not_before - time.time() <= _GRACE

    def _reconcile(self) -> None:
        """Compare what is believed of the devices under way with what their updates came to."""
        if self.current is None or self._too_early():
            return
        for uid in self.current.uids(rollout.Stage.UPDATING):
            device = self._updates.devices.get(uid)
            if device is None:
                self._apply(rollout.NotBegun(uid=uid, reason="deleted"))
                continue
            update = self._updates.of(device)
            order = updating.order_of(update.state)
            if order is None or order.rollout != self.current.plan.id:
                if not update.busy and (self.current.plan.id, uid) not in self._beginning:
                    self._apply(rollout.Unordered(uid=uid))
            elif isinstance(update.state, updating.Ended):
                self._finished(uid, update.state)

    @callback
    def _finished(self, uid: str, ended: updating.Ended) -> None:
        if self.current is not None and ended.order.rollout == self.current.plan.id:
            confirmed = ended.outcome is updating.Outcome.CONFIRMED
            self._apply(rollout.Finished(uid=uid, error=None if confirmed else ended.error or "unknown"))
            self._go_on()

    def _apply(self, event: rollout.Event) -> None:
        before = self.current
        if before is None:
            return
        self.current, effects = rollout.step(before, event, time.time())
        if self.current == before:
            return
        starts = [effect.target for effect in effects if isinstance(effect, rollout.Start)]
        self._beginning.update((before.plan.id, target.uid) for target in starts)
        self._updates.connection.async_create_task(self._async_perform(before.plan, starts), "go on with the rollout")
        for effect in effects:
            if isinstance(effect, rollout.End):
                self._end(effect.phase)
        for listener in tuple(self._listeners):
            listener()

    async def _async_perform(self, plan: rollout.Plan, targets: list[rollout.Target]) -> None:
        # Who was chosen is on disk before anybody is told: after a power cut nobody is forgotten or told twice.
        await self._updates.async_save()
        # After a start, nobody is skipped for an image that has only not been seen yet.
        await self._updates.looked.wait()
        await asyncio.gather(*(self._async_begin_with(plan, target) for target in targets))

    async def _async_begin_with(self, plan: rollout.Plan, target: rollout.Target) -> None:
        event: rollout.Event | None
        try:
            event = await self._async_order(plan, target)
        except HomeAssistantError as err:
            # A broker that is gone says nothing of the devices.
            lost = not self._updates.connection.connected
            reason = err.translation_key or str(err)
            event = rollout.Unordered(uid=target.uid) if lost else rollout.NotBegun(uid=target.uid, reason=reason)
        self._beginning.discard((plan.id, target.uid))
        if event is not None and self.current is not None and self.current.plan.id == plan.id:
            self._apply(event)
            self._go_on()

    async def _async_order(
        self, plan: rollout.Plan, target: rollout.Target
    ) -> rollout.NotBegun | rollout.Unordered | None:
        """Order a device to update, or return why it was not."""
        device = self._updates.devices.get(target.uid)
        if device is None:
            return rollout.NotBegun(uid=target.uid, reason="deleted")
        image = next((one for one in self._updates.images if one.sha256 == target.sha256), None)
        if image is not None:
            await self._updates.async_fetch(image)
        current = self.current
        # Fetching may take minutes, in which somebody pauses or aborts, others fail, or the night ends.
        if current is None or current.plan.id != plan.id or current.phase is not rollout.Phase.RUNNING:
            return rollout.Unordered(uid=target.uid)
        await self._updates.of(device).async_install(
            target.version, force=plan.force, rollout=plan.id, sha256=target.sha256
        )
        return None

    def _end(self, phase: rollout.Phase) -> None:
        current = self.current
        if current is None:
            return
        self.async_stop()
        counts = current.counts
        _LOGGER.info("The rollout is %s: %s", phase, {stage.value: count for stage, count in counts.items()})
        if phase is rollout.Phase.STOPPED:
            failed = counts[rollout.Stage.FAILED]
            values = {"failed": failed, "updated": counts[rollout.Stage.UPDATED]}
            self._updates.alerts.async_raise(Code.OTA_FAILED, cause="rollout_stopped", values=values)
