"""Updates: the images that a hub has for its devices, and the updates of them all."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_time_interval

from ..alerts.log import AlertLog
from ..connection import Connection
from ..const import CONF_CATALOGUES, DOMAIN
from ..devices.device import SmartAirDevice
from ..devices.devices import Devices
from ..issues import Issues
from ..pysmartair import firmware, updating
from ..store import SharedSave, concern_store
from .device_update import DeviceUpdate
from .folder import async_get_folder
from .remote import RemoteCatalogues, RemoteError
from .rollouts import Rollouts

_LOGGER = logging.getLogger(__name__)

_SAVE_DELAY = 10
_SCAN_INTERVAL = timedelta(hours=1)

type FinishListener = Callable[[str, updating.Ended], None]


class Updates:
    """The updates of a hub's devices."""

    def __init__(self, connection: Connection, devices: Devices, alerts: AlertLog) -> None:
        """Begin with no device and no image."""
        self.connection = connection
        self.devices = devices
        self.issues: Issues = devices.issues
        self.alerts = alerts
        self.folder = async_get_folder(connection.hass)
        self._updates: dict[str, DeviceUpdate] = {}
        self._file = SharedSave(concern_store(connection.hass, connection.entry.entry_id, "firmware"), self._data)
        self._finish_listeners: list[FinishListener] = []
        self.rollouts = Rollouts(self)
        self.remote = RemoteCatalogues(connection.hass, self._remote_changed)
        self.looked = asyncio.Event()
        self._download_turn = asyncio.Lock()

    @property
    def images(self) -> tuple[firmware.Image, ...]:
        """All images that there are for the devices of this hub; what is at hand comes before what is far away."""
        at_hand = self.folder.images
        here = {firmware.identity(image) for image in at_hand}
        far = (image for image in self.remote.images if firmware.identity(image) not in here)
        # Of bytes that are at hand, it is known whether they are signed.
        return at_hand + tuple(
            image if (known := self.folder.image(image.sha256)) is None else replace(image, signed=known.signed)
            for image in far
        )

    async def async_start(self) -> None:
        """Bring back what was ordered, and look for images beside."""
        data = await self._file.async_load()
        for uid, stored in data.get("devices", {}).items():
            if (device := self.devices.get(uid)) is not None:
                try:
                    self._updates[uid] = DeviceUpdate(self, device, stored)
                except (ValueError, KeyError, TypeError, AttributeError) as err:
                    _LOGGER.warning("The stored update of %s cannot be read and is left out: %s", uid, err)
        self.rollouts.async_start(data.get("rollout"))
        self.remote.restore(data.get("remote", {}))
        unload = self.connection.entry.async_on_unload
        unload(self.folder.async_listen(self._images_changed))
        unload(
            async_track_time_interval(self.connection.hass, self.async_look, _SCAN_INTERVAL, cancel_on_shutdown=True)
        )
        self.connection.async_create_task(self.async_look(), "look for firmware")

    async def async_stop(self) -> None:
        """End every timer, and keep how far the updates have come."""
        self.rollouts.async_stop()
        for update in self._updates.values():
            update.async_stop()
        await self._file.async_save()

    def of(self, device: SmartAirDevice) -> DeviceUpdate:
        """Return the update of a device."""
        update = self._updates.get(device.uid)
        if update is None:
            update = self._updates[device.uid] = DeviceUpdate(self, device)
        return update

    @callback
    def async_forget(self, uid: str) -> None:
        """Forget a device."""
        if (update := self._updates.pop(uid, None)) is not None:
            update.async_forget()
            self.async_save_soon()

    @callback
    def async_resume(self) -> None:
        """Take up again what could not be followed for a while."""
        for update in self._updates.values():
            update.async_resume()
        self.rollouts.async_resume()

    async def async_fetch(self, image: firmware.Image) -> None:
        """Have an image at hand, whole and unchanged; raise a translated error where it is not."""
        if self.folder.image(image.sha256) is None:
            async with self._download_turn:
                await self._async_download(image)
        if not await self.folder.async_has(image.sha256):
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="firmware_unreadable",
                translation_placeholders={"file": image.file},
            )

    async def _async_download(self, image: firmware.Image) -> None:
        # Meanwhile another device may have wanted the same.
        if self.folder.image(image.sha256) is not None:
            return
        try:
            await self.folder.async_add(image, await self.remote.async_fetch(image))
        except (RemoteError, OSError) as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="firmware_not_fetched",
                translation_placeholders={"title": image.title, "version": image.version, "error": str(err)},
            ) from err

    @callback
    def async_listen_finished(self, listener: FinishListener) -> CALLBACK_TYPE:
        """Call the listener when the update of a device ends; return how to end that."""
        self._finish_listeners.append(listener)
        return partial(self._finish_listeners.remove, listener)

    @callback
    def async_finished(self, uid: str, ended: updating.Ended) -> None:
        """Tell of an end, which is stored at once."""
        self.connection.async_create_task(self.async_save(), "keep the end of an update")
        for listener in tuple(self._finish_listeners):
            listener(uid, ended)

    # --- what is kept ---------------------------------------------------------------------------

    async def async_save(self) -> None:
        """Write before going on."""
        await self._file.async_save()

    @callback
    def async_save_soon(self) -> None:
        """Write within seconds."""
        self._file.async_save_soon(_SAVE_DELAY)

    def _data(self) -> dict[str, Any]:
        return {
            "devices": {uid: update.as_dict() for uid, update in self._updates.items()},
            "remote": self.remote.as_dict(),
            "rollout": self.rollouts.as_dict(),
        }

    async def async_look(self, _now: datetime | None = None) -> None:
        """Look for images, and let go of those that nobody needs any more."""
        try:
            await self.folder.async_scan()
        finally:
            self.looked.set()
        await self.remote.async_refresh(self.connection.entry.options.get(CONF_CATALOGUES, ()))
        await self._async_prune()

    async def _async_prune(self) -> None:
        """Delete superseded images; while a hub is not loaded, nobody knows what its devices need."""
        entries = self.connection.hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        if any(entry.state is not ConfigEntryState.LOADED for entry in entries):
            return
        everyone: list[Updates] = [entry.runtime_data.updates for entry in entries]
        subjects = [subject for updates in everyone for subject in updates.subjects]
        await self.folder.async_prune(subjects, {sha256 for updates in everyone for sha256 in updates.ordered})

    @property
    def subjects(self) -> list[firmware.Subject]:
        """What each device is, runs, and might return to."""
        return [
            update.subject if (update := self._updates.get(uid)) else firmware.subject(device.snapshot)
            for uid, device in self.devices.items()
        ]

    @property
    def ordered(self) -> set[str]:
        """The checksums of the images that are on their way, or promised."""
        orders = (updating.order_of(update.state) for update in self._updates.values() if update.busy)
        return {order.sha256 for order in orders if order is not None} | self.rollouts.needed

    @callback
    def _remote_changed(self) -> None:
        self.async_save_soon()
        self._images_changed()

    @callback
    def _images_changed(self) -> None:
        for update in tuple(self._updates.values()):
            if update.has_choice:
                update.device.async_grow()
            update.async_compare()
            update.async_notify()
