"""Devices that their owner has disabled in Home Assistant: silent in every way until they are enabled again."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from homeassistant.core import Event, callback
from homeassistant.helpers import device_registry as dr

from ..pysmartair.guard.model import StopAsked

if TYPE_CHECKING:
    from ..hub import SmartAirHub
    from ..pumps.pump import Pump
    from .device import SmartAirDevice

type Changed = Event[dr.EventDeviceRegistryUpdatedData]


class Silence:
    """Which devices and pumps of a hub are disabled."""

    def __init__(self, hub: SmartAirHub) -> None:
        """Know of none yet."""
        self._hub = hub
        hub.alerts.muted = self.muted

    @callback
    def async_start(self) -> None:
        """Listen to the device registry, and look which of the devices were disabled meanwhile."""
        for device in self._hub.devices.values():
            if device.disabled:
                self._hush(device)
        self._hub.entry.async_on_unload(
            self._hub.hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._async_changed)
        )

    def muted(self, uid: str | None, channel: str | None) -> bool:
        """Tell whether nothing is said of a device, or of a pump of it."""
        device = self._hub.devices.get(uid or "")
        if device is None:
            return False
        pump = self._hub.pumps.get((device.uid, channel or ""))
        return device.disabled or (pump is not None and pump.disabled)

    @callback
    def _async_changed(self, event: Changed) -> None:
        if event.data["action"] != "update" or "disabled_by" not in event.data["changes"]:
            return
        device_id = event.data["device_id"]
        if (device := self._hub.device_by_id(device_id)) is not None:
            self._device_changed(device)
        for pump in self._hub.pumps.values():
            if pump.device_id == device_id:
                self._pump_changed(pump)

    def _device_changed(self, device: SmartAirDevice) -> None:
        entry = device.registered
        disabled = entry is not None and entry.disabled
        if disabled:
            # While it can still be reached by those who ask whether it is there.
            self._stop(self._hub.pumps.of(device))
        device.disabled = disabled
        device.async_refresh_availability()
        if disabled:
            self._hush(device)
        else:
            device.async_complain_again()
            self._hub.infra.async_look(device)
        self._hub.limits.async_begin_again(device)

    def _pump_changed(self, pump: Pump) -> None:
        if pump.disabled:
            self._stop([pump])
        self._hub.pumps.async_refresh(pump)

    def _hush(self, device: SmartAirDevice) -> None:
        self._hub.alerts.async_forget(device.uid)
        self._hub.async_delete_issues(device.uid)

    def _stop(self, pumps: Iterable[Pump]) -> None:
        """Stop what fills or drains; circulation is left to the device, for plants live on it (S5)."""
        for pump in pumps:
            if not pump.limits.circulates and (pump.is_on or pump.starting):
                pump.async_take(StopAsked())
