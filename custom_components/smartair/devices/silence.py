"""Devices that their owner has disabled in Home Assistant: silent in every way until they are enabled again."""

from collections.abc import Iterable
from typing import Protocol

from homeassistant.core import Event, callback
from homeassistant.helpers import device_registry as dr

from ..connection import Connection
from ..pysmartair.guard.model import StopAsked
from ..pysmartair.safety import Limits
from .device import SmartAirDevice
from .devices import DeviceListener, Devices

type Changed = Event[dr.EventDeviceRegistryUpdatedData]


class Pump(Protocol):
    """What is needed of a pump."""

    device_id: str | None

    @property
    def disabled(self) -> bool:
        """Whether its owner disabled it."""

    @property
    def limits(self) -> Limits:
        """Its limits in force."""

    @property
    def is_on(self) -> bool | None:
        """Whether it runs."""

    @property
    def starting(self) -> bool:
        """Whether it was told to run."""

    def async_take(self, event: StopAsked) -> None:
        """Handle an event."""


class Pumps[P: Pump](Protocol):
    """What is needed of those who hold the pumps."""

    def get(self, key: tuple[str, str], /) -> P | None:
        """Return a pump by uid and channel."""

    def values(self) -> Iterable[P]:
        """Return all pumps."""

    def of(self, device: SmartAirDevice) -> Iterable[P]:
        """Return the pumps of a device."""

    def async_refresh(self, pump: P) -> None:
        """Look again at what is known of a pump."""


class Silence[P: Pump]:
    """Which devices and pumps of a hub are disabled."""

    def __init__(
        self, connection: Connection, devices: Devices, pumps: Pumps[P], hush: DeviceListener, again: DeviceListener
    ) -> None:
        """Know of none yet; `hush` takes back what is said of a device, `again` looks at it from the beginning."""
        self._connection = connection
        self._devices = devices
        self._pumps = pumps
        self._hush = hush
        self._again = again

    @callback
    def async_start(self) -> None:
        """Listen to the device registry, and look which of the devices were disabled meanwhile."""
        for device in self._devices.values():
            if device.disabled:
                self._hush(device)
        self._connection.entry.async_on_unload(
            self._connection.hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._async_changed)
        )

    def muted(self, uid: str | None, channel: str | None) -> bool:
        """Tell whether nothing is said of a device, or of a pump of it."""
        device = self._devices.get(uid or "")
        if device is None:
            return False
        pump = self._pumps.get((device.uid, channel or ""))
        return device.disabled or (pump is not None and pump.disabled)

    @callback
    def _async_changed(self, event: Changed) -> None:
        if event.data["action"] != "update" or "disabled_by" not in event.data["changes"]:
            return
        device_id = event.data["device_id"]
        if (device := self._devices.by_id(device_id)) is not None:
            self._device_changed(device)
        for pump in self._pumps.values():
            if pump.device_id == device_id:
                self._pump_changed(pump)

    def _device_changed(self, device: SmartAirDevice) -> None:
        entry = device.registered
        disabled = entry is not None and entry.disabled
        if disabled:
            # While it can still be reached by those who ask whether it is there.
            self._stop(self._pumps.of(device))
        device.disabled = disabled
        device.async_refresh_availability()
        if disabled:
            self._hush(device)
        else:
            device.async_complain_again()
        self._again(device)

    def _pump_changed(self, pump: P) -> None:
        if pump.disabled:
            self._stop([pump])
        self._pumps.async_refresh(pump)

    def _stop(self, pumps: Iterable[Pump]) -> None:
        """Stop what fills or drains; circulation is left to the device, for plants live on it (S5)."""
        for pump in pumps:
            if not pump.limits.circulates and (pump.is_on or pump.starting):
                pump.async_take(StopAsked())
