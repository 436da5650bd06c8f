"""The devices of one hub that their owner approved: which there are, and how they stand in the device registry."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
import logging
from typing import TypedDict, override

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers import device_registry as dr

from ..connection import Connection
from ..const import DOMAIN
from ..isolation import Listeners
from ..issues import Issues
from ..store import DeviceRecord, HubStore
from .device import SmartAirDevice

_LOGGER = logging.getLogger(__name__)

type DevicesListener = Callable[[Iterable[SmartAirDevice]], None]
type DeviceListener = Callable[[SmartAirDevice], None]


class _Facts(TypedDict):
    """What the device registry shows of a device."""

    name: str
    manufacturer: str
    model: str | None
    model_id: str
    serial_number: str
    sw_version: str | None
    hw_version: str | None


class Devices(Mapping[str, SmartAirDevice]):
    """The devices of a hub by their uid."""

    def __init__(self, connection: Connection, store: HubStore) -> None:
        """Initialize with none."""
        self.connection = connection
        self.store = store
        self.issues = Issues(connection, self)
        self.import_turn = asyncio.Lock()
        self._all: dict[str, SmartAirDevice] = {}
        self._added = Listeners[Iterable[SmartAirDevice]]()
        self._grown = Listeners[SmartAirDevice]()
        self._available = Listeners[SmartAirDevice]()
        self._clocks = Listeners[SmartAirDevice]()
        self._unknown = Listeners[SmartAirDevice]()

    @override
    def __getitem__(self, uid: str) -> SmartAirDevice:
        return self._all[uid]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    @override
    def __len__(self) -> int:
        return len(self._all)

    # --- which there are ------------------------------------------------------------------------

    @callback
    def async_adopt(self, record: DeviceRecord) -> SmartAirDevice:
        """Make the device of a record; it is registered once it is known what it said before."""
        device = self._all[record.uid] = SmartAirDevice(self, record)
        return device

    @callback
    def async_remove(self, uid: str) -> SmartAirDevice:
        """Remove a device and return it."""
        return self._all.pop(uid)

    @callback
    def async_show_added(self, devices: Iterable[SmartAirDevice]) -> None:
        """Tell which devices were added."""
        self._added.call(devices)

    @callback
    def async_listen(self, listener: DevicesListener) -> CALLBACK_TYPE:
        """Call the listener with the devices there are, and with those that are added; return how to end that."""
        remove = self._added.add(listener)
        listener(self.values())
        return remove

    # --- what changes about them ----------------------------------------------------------------

    @callback
    def async_listen_growth(self, listener: DeviceListener) -> CALLBACK_TYPE:
        """Call the listener with each device that may have more to show than before; return how to end that."""
        return self._grown.add(listener)

    @callback
    def async_show_growth(self, device: SmartAirDevice) -> None:
        """Tell that a device may have more to show than before."""
        self._grown.call(device)

    @callback
    def async_listen_availability(self, listener: DeviceListener) -> CALLBACK_TYPE:
        """Call the listener with each device that went or came; return how to end that."""
        return self._available.add(listener)

    @callback
    def async_availability_changed(self, device: SmartAirDevice) -> None:
        """Log once that a device went or came; that the broker did is the MQTT integration's to log."""
        self._available.call(device)
        if self.connection.connected:
            _LOGGER.info("Device %s is %s", device.uid, "available" if device.available else "unavailable")

    @callback
    def async_listen_clocks(self, listener: DeviceListener) -> CALLBACK_TYPE:
        """Call the listener with each device whose clock became wrong or right; return how to end that."""
        return self._clocks.add(listener)

    @callback
    def async_clock_changed(self, device: SmartAirDevice) -> None:
        """Tell that the clock of a device became wrong or right."""
        self._clocks.call(device)

    @callback
    def async_listen_unknown(self, listener: DeviceListener) -> CALLBACK_TYPE:
        """Call the listener with each device that has more unknown metrics than before; return how to end that."""
        return self._unknown.add(listener)

    @callback
    def async_unknown_grew(self, device: SmartAirDevice) -> None:
        """Tell that a device has more unknown metrics than before."""
        self._unknown.call(device)

    # --- the device registry --------------------------------------------------------------------

    def identifier(self, uid: str) -> tuple[str, str]:
        """Return what names a device in the device registry."""
        return DOMAIN, f"{self.connection.namespace}{uid}"

    def by_id(self, device_id: str) -> SmartAirDevice | None:
        """Return the device with this id in the device registry, if it is this hub's."""
        return next((device for device in self._all.values() if device.device_id == device_id), None)

    @callback
    def async_register(self, device: SmartAirDevice) -> None:
        """Write what a device says of itself to the device registry."""
        descriptor = device.snapshot.descriptor
        registry = dr.async_get(self.connection.hass)
        facts = _Facts(
            name=device.name,
            manufacturer=(descriptor and descriptor.manufacturer) or "SmartAir",
            model=descriptor.model if descriptor else None,
            model_id=device.snapshot.device_type,
            serial_number=(descriptor and descriptor.serial) or device.uid,
            sw_version=device.snapshot.firmware_version,
            hw_version=descriptor.hardware_revision if descriptor else None,
        )
        if device.device_id is None:
            entry = registry.async_get_or_create(
                config_entry_id=self.connection.entry.entry_id,
                identifiers={self.identifier(device.uid)},
                suggested_area=descriptor.area if descriptor else None,
                **facts,
            )
            device.device_id = entry.id
            device.disabled = entry.disabled
        else:
            registry.async_update_device(device.device_id, **facts)
