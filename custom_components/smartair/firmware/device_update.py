"""The update of one device at run time: what it could run, what it was ordered to, and how far it has come."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
import logging
import time
from typing import Any, Protocol

from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util.ulid import ulid_now

from ..alerts.log import AlertLog
from ..connection import Connection
from ..const import DOMAIN
from ..devices.device import SmartAirDevice
from ..issues import Issues
from ..pysmartair import (
    KEY_DESCRIPTOR,
    KEY_FACTS,
    KEY_OTA,
    Code,
    Descriptor,
    DeviceEvent,
    Message,
    OtaState,
    Status,
    Telemetry,
    firmware,
    update_order,
    updating,
    versions,
)
from .folder import FirmwareFolder
from .serving import LIFETIME, async_address, async_grant, async_revoke, new_token

_LOGGER = logging.getLogger(__name__)

# A timer that rings while nothing can be decided looks again after these seconds.
_LOOK_AGAIN = 15

_DENIED = {
    firmware.Denied.UNKNOWN_VERSION: "update_unknown_version",
    firmware.Denied.WRONG_CHIP: "update_wrong_chip",
    firmware.Denied.TAKES_NO_UPDATES: "update_takes_no_updates",
    firmware.Denied.WRONG_DEVICE_TYPE: "update_wrong_device_type",
    firmware.Denied.WRONG_MODEL: "update_wrong_model",
    firmware.Denied.WRONG_HARDWARE: "update_wrong_hardware",
    firmware.Denied.UNSIGNED: "update_unsigned",
    firmware.Denied.KNOWN_BAD: "update_known_bad",
    firmware.Denied.INSTALLED: "update_already_installed",
}
_EVENTS = {
    updating.Outcome.CONFIRMED: "updated",
    updating.Outcome.FAILED: "update_failed",
    updating.Outcome.ROLLED_BACK: "update_rolled_back",
}

_ALERTS = {
    updating.Outcome.FAILED: Code.OTA_FAILED,
    updating.Outcome.ROLLED_BACK: Code.OTA_ROLLED_BACK,
}

type Listener = Callable[[], None]


def updatable(device: SmartAirDevice) -> bool:
    """Tell whether a device takes updates, and images can be matched to it: it has to say which chip it has."""
    descriptor = device.snapshot.descriptor
    return descriptor is not None and descriptor.chip is not None and device.snapshot.takes_updates


class Owner(Protocol):
    """What an update needs of the updates of its hub."""

    connection: Connection
    alerts: AlertLog
    issues: Issues
    folder: FirmwareFolder

    @property
    def images(self) -> tuple[firmware.Image, ...]:
        """All images that there are."""

    async def async_fetch(self, image: firmware.Image) -> None:
        """Have an image at hand; raise a translated error where that fails."""

    async def async_save(self) -> None:
        """Write before going on."""

    def async_save_soon(self) -> None:
        """Write within seconds."""

    def async_finished(self, uid: str, ended: updating.Ended) -> None:
        """Tell of an end."""


class DeviceUpdate:
    """The update of one device at run time."""

    def __init__(self, updates: Owner, device: SmartAirDevice, data: Mapping[str, Any] | None = None) -> None:
        """Begin with what was stored; raise ValueError, KeyError or TypeError if it is broken."""
        data = data or {}
        self._updates = updates
        self.device = device
        self.state: updating.Update = updating.load(data["state"]) if data else updating.IDLE
        self.channel = firmware.ReleaseChannel(data.get("channel", firmware.ReleaseChannel.STABLE))
        self.bad: dict[str, str] = dict(data.get("bad", {}))
        self._token: str = data.get("token", "")
        self._until: float = data.get("until", 0.0)
        self._preparing = False
        self._stopped = False
        self._listeners: list[Listener] = []
        self._timer: CALLBACK_TYPE | None = None
        self._timer_job = HassJob(self._ring, cancel_on_shutdown=True)
        self._ears = [
            device.async_listen((KEY_OTA,), self._ota_changed),
            device.async_listen((KEY_DESCRIPTOR, KEY_FACTS), self.async_compare),
        ]
        order = updating.order_of(self.state)
        if self._token and order is not None:
            async_grant(updates.connection.hass, self._token, order.sha256, self._until)
        self._follow()

    @property
    def busy(self) -> bool:
        """Whether an update is under way or being prepared."""
        return self._preparing or updating.busy(self.state)

    @property
    def subject(self) -> firmware.Subject:
        """What decides which images fit the device."""
        order = updating.order_of(self.state)
        return firmware.subject(self.device.snapshot, previous=order.previous if order else None, bad=self.bad)

    @property
    def latest(self) -> firmware.Image | None:
        """The image that is offered, or None where the device has the newest."""
        return firmware.latest(self._updates.images, self.subject, self.channel)

    @property
    def unordered(self) -> firmware.Image | None:
        """The newest image for a device whose version cannot be compared with it."""
        return firmware.unordered(self._updates.images, self.subject, self.channel)

    @property
    def has_choice(self) -> bool:
        """Whether there is any release for the device that is not a stable one."""
        beta = firmware.ReleaseChannel.BETA
        return self.channel is beta or any(
            image.channel is beta for image in firmware.fitting(self._updates.images, self.subject)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored."""
        return {
            "state": updating.dump(self.state),
            "channel": self.channel.value,
            "bad": self.bad,
            "token": self._token,
            "until": self._until,
        }

    @callback
    def async_listen(self, listener: Listener) -> CALLBACK_TYPE:
        """Call the listener when the update has come further; return how to end that."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    @callback
    def async_compare(self) -> None:
        """Say in a repair where the version of the device cannot be compared with what there is for it."""
        image = self.unordered
        if image is None:
            self._updates.issues.async_delete("version_not_comparable", self.device.uid)
            return
        self._updates.issues.async_create(
            "version_not_comparable",
            self.device.uid,
            installed=self.device.snapshot.firmware_version or "–",
            latest=image.version,
        )

    @callback
    def async_notify(self) -> None:
        """Tell those who listen."""
        for listener in tuple(self._listeners):
            listener()

    async def async_choose_channel(self, channel: firmware.ReleaseChannel) -> None:
        """Offer the releases of a channel from now on."""
        self.channel = channel
        await self._updates.async_save()
        self.async_notify()

    # --- orders ---------------------------------------------------------------------------------

    async def async_install(
        self,
        version: str | None = None,
        *,
        force: bool = False,
        rollout: str | None = None,
        sha256: str | None = None,
    ) -> None:
        """Order a version, or the newest on offer; raise a translated error where the device would not get it.

        `force` gives it what failed on it before, or what it runs already. A `rollout` means one image and no other
        of that version.
        """
        if self.busy:
            raise self._error("update_busy")
        if not self.device.available:
            raise self._error("device_unavailable")
        image = self._choose(version, sha256, force=force)
        self._preparing = True
        try:
            await self._updates.async_fetch(image)
            # That may have taken minutes, in which the device was deleted, or its hub reloaded.
            if self._stopped or not self.device.available:
                raise self._error("device_unavailable")
            # Only now it is known of an image from far away whether it is signed.
            at_hand = self._updates.folder.image(image.sha256)
            self._judge(image if at_hand is None else replace(image, signed=at_hand.signed))
            await self._async_order(image, force=force, rollout=rollout)
        finally:
            self._preparing = False
            self.async_notify()

    def _choose(self, version: str | None, sha256: str | None, *, force: bool) -> firmware.Image:
        offered = self.latest
        # Whoever names the version on offer means what is offered, not another image of that version.
        if offered is not None and version in {None, offered.version} and sha256 in {None, offered.sha256}:
            return offered
        if version is None:
            raise self._error("no_update")
        images = tuple(one for one in self._updates.images if sha256 in {None, one.sha256})
        found = firmware.wanted(images, self.subject, version, force=force)
        if isinstance(found, firmware.Denied):
            raise self._denied(found, version)
        return found

    def _judge(self, image: firmware.Image) -> None:
        denied = firmware.unfit(image, self.subject)
        if denied is not None:
            raise self._denied(denied, image.version)

    def _denied(self, why: firmware.Denied, version: str) -> ServiceValidationError:
        return ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key=_DENIED[why],
            translation_placeholders={"device": self.device.place, "version": version},
        )

    async def _async_order(self, image: firmware.Image, *, force: bool, rollout: str | None) -> None:
        hass, now = self._updates.connection.hass, time.time()
        token = new_token()
        if async_address(hass, token) is None:
            raise self._error("no_plain_http")
        order = updating.Order(
            cmd_id=ulid_now(),
            version=image.version,
            sha256=image.sha256,
            at=now,
            previous=self.device.snapshot.firmware_version,
            force=force,
            rollout=rollout,
        )
        self._token, self._until = token, now + LIFETIME
        async_grant(hass, token, image.sha256, self._until)
        self.state, _ = updating.step(self.state, updating.Begin(order), now)
        self._follow()
        # From now on there is a stage to be shown.
        self.device.async_grow()
        # Stored before it is sent: a power cut in between must not leave a device updating that nobody follows.
        await self._updates.async_save()
        try:
            await self._async_send(order)
        except HomeAssistantError:
            self._apply(updating.NotSent())
            self._revoke()
            raise

    async def _async_send(self, order: updating.Order) -> None:
        connection = self._updates.connection
        # After a start the folder may still be being looked through, for which a reader waits.
        at_hand = await self._updates.folder.async_has(order.sha256)
        image = self._updates.folder.image(order.sha256)
        url = async_address(connection.hass, self._token)
        if image is None or url is None or not at_hand:
            raise self._error("firmware_gone")
        await connection.async_publish(
            update_order(connection.root, self.device.uid, order=order, image=image, url=url, now=time.time())
        )

    async def _async_send_again(self, order: updating.Order) -> None:
        try:
            await self._async_send(order)
        except HomeAssistantError as err:
            # The term runs; without an answer the update fails by itself.
            _LOGGER.debug("The order for %s was not sent again: %s", self.device.uid, err)

    def _error(self, key: str) -> HomeAssistantError:
        return HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders={"device": self.device.place},
        )

    # --- what the device says -------------------------------------------------------------------

    @callback
    def _ota_changed(self) -> None:
        """Hear what is said while nobody watches: a version that was confirmed may still be lost."""
        ota = self.device.snapshot.ota
        if ota is not None and self.device.watcher is None:
            self._said(ota, kept=False)

    def _said(self, ota: OtaState, *, kept: bool) -> None:
        self._apply(
            updating.Said(
                cmd_id=ota.cmd_id,
                state=ota.state,
                percent=ota.progress,
                error=ota.error_code,
                running=self.device.snapshot.firmware_version,
                kept=kept,
            )
        )

    @callback
    def _heard(self, message: Message, retained: bool) -> None:  # noqa: FBT001 - as the device calls it
        """Look for signs of a restart, and for the version that runs after it."""
        match message:
            case Status():
                if message.online and not retained:
                    self._apply(updating.Returned())
            case DeviceEvent():
                if message.event == "boot" and not retained:
                    self._apply(updating.Returned())
            case Telemetry() | Descriptor():
                if isinstance(message, Telemetry) and not retained:
                    self._look_at_uptime(message.uptime)
                version = message.firmware_version
                # A retained descriptor may be as old as the version that it names; the new version it cannot invent.
                order = updating.order_of(self.state)
                other = order is not None and not versions.same_version(version, order.version)
                if version is not None and not (retained and other):
                    self._apply(updating.Reported(version, kept=retained))
            case OtaState():
                # Not left to the listeners of keys, who may be called late when a device has much to say.
                self._said(message, kept=retained)
            case _:
                pass

    def _look_at_uptime(self, uptime: float | None) -> None:
        rebooting = isinstance(self.state, updating.Rebooting) and not self.state.returned
        if rebooting and uptime is not None and time.time() - uptime > self._since:
            self._apply(updating.Returned())

    @property
    def _since(self) -> float:
        return self.state.since if isinstance(self.state, updating.Rebooting) else 0.0

    @callback
    def async_resume(self) -> None:
        """Let the terms begin anew after a time in which the device could not be heard."""
        self._apply(updating.Resumed())

    @callback
    def _ring(self, _now: datetime) -> None:
        self._timer = None
        if self._updates.connection.connected:
            self._look_at_version()
            self._apply(updating.Tick())
        self._follow()

    def _look_at_version(self) -> None:
        """Take the version that was said last for that of a device on trial which has been heard since."""
        state, snapshot = self.state, self.device.snapshot
        if not isinstance(state, updating.OnTrial) or not self.device.available:
            return
        heard = snapshot.last_seen is not None and snapshot.last_seen >= max(state.since, state.resumed)
        if heard and snapshot.firmware_version is not None:
            self._apply(updating.Reported(snapshot.firmware_version))

    # --- what becomes of it ---------------------------------------------------------------------

    def _apply(self, event: updating.Event) -> None:
        before = self.state
        self.state, effects = updating.step(before, event, time.time())
        for effect in effects:
            match effect:
                case updating.Send(order=order):
                    self._updates.connection.async_create_task(
                        self._async_send_again(order), f"order {self.device.uid} again"
                    )
                case updating.Finish(ended=ended):
                    self._finish(ended)
        if self.state == before:
            return
        self._follow()
        self._updates.async_save_soon()
        if not isinstance(event, updating.Reported) or type(self.state) is not type(before):
            self.async_notify()

    def _follow(self) -> None:
        """Keep watch and time for as long as the update is open."""
        self.device.watcher = self._heard if updating.undecided(self.state) else None
        if self._timer is not None:
            self._timer()
            self._timer = None
        due = updating.deadline(self.state)
        if due is not None:
            when = datetime.fromtimestamp(max(due, time.time() + _LOOK_AGAIN), UTC)
            self._timer = async_track_point_in_utc_time(self._updates.connection.hass, self._timer_job, when)

    def _finish(self, ended: updating.Ended) -> None:
        self._revoke()
        order = ended.order
        if ended.outcome is updating.Outcome.CONFIRMED:
            self.bad.pop(order.sha256, None)
        elif ended.images_fault:
            self.bad[order.sha256] = ended.error or ""
        _LOGGER.info(
            "Update of %s from %s to %s: %s %s",
            self.device.uid, order.previous, order.version, ended.outcome, ended.error or "",
        )  # fmt: skip
        facts = {"version": order.version, "previous": order.previous, "error": ended.error}
        self._alert(ended)
        self.device.async_happened(
            DeviceEvent(
                uid=self.device.uid,
                event=_EVENTS[ended.outcome],
                data={name: value for name, value in facts.items() if value is not None},
            )
        )
        self._updates.async_finished(self.device.uid, ended)

    def _alert(self, ended: updating.Ended) -> None:
        """Raise the alert of how it ended, and take back what an earlier end raised."""
        alerts, uid = self._updates.alerts, self.device.uid
        raised = _ALERTS.get(ended.outcome)
        for code in _ALERTS.values():
            if code is not raised:
                alerts.async_resolve(code, uid=uid)
        self._updates.issues.async_delete("firmware_rolled_back", uid)
        if raised is not None:
            values = {"version": ended.order.version, "previous": ended.order.previous}
            alerts.async_raise(raised, uid=uid, cause=ended.error, values=values)
        if ended.outcome is updating.Outcome.ROLLED_BACK:
            self._updates.issues.async_create(
                "firmware_rolled_back",
                uid,
                fixable=True,
                persistent=True,
                version=ended.order.version,
                previous=ended.order.previous or "–",
            )

    def _revoke(self) -> None:
        async_revoke(self._updates.connection.hass, self._token)
        self._token = ""

    @callback
    def async_forget(self) -> None:
        """End all that there is for a device that is gone, its address included."""
        self.async_stop()
        self._revoke()

    @callback
    def async_stop(self) -> None:
        """End the timer and the listening; what is being prepared is not ordered any more."""
        self._stopped = True
        self.device.watcher = None
        for end in self._ears:
            end()
        if self._timer is not None:
            self._timer()
            self._timer = None
