"""The devices of the demo's house, and as many more as are asked for."""

from dataclasses import dataclass, field
import itertools
import random
from typing import TYPE_CHECKING, Any

from lab.simulator.device import Device, Identity
from lab.simulator.house import PLANS, Clock, LivedRoom
from lab.simulator.ota import Fault, Updater
from lab.simulator.pump_node import PumpNode
from lab.simulator.rack_sensors import RackSensors
from lab.simulator.sensors import HostSensors, RoomSensors, VibrationSensors
from lab.simulator.settings import Settings
from lab.simulator.water import Rack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.simulator.device import Link
    from lab.simulator.sensors import Sensors

type Json = dict[str, Any]

MEASURED: dict[str, tuple[str, ...]] = {
    "co2": ("co2", "temperature", "humidity"),
    "temp": ("temperature", "humidity"),
    "dust": ("pm1", "pm25", "pm4", "pm10"),
    "multi": (
        "co2",
        "temperature",
        "humidity",
        "pm25",
        "pm10",
        "voc",
        "voc_index",
        "nox_index",
        "pressure",
        "lux",
    ),
}
"""What the devices that hang on a wall measure, by their type."""

_KINDS = (
    ("co2", "Living room"),
    ("co2", "Bedroom"),
    ("co2", "Office"),
    ("temp", "Workshop"),
    ("dust", "Kitchen"),
    ("multi", "Kitchen"),
    ("pump", "Greenhouse"),
    ("vibration", "Greenhouse"),
)

_NAMES = {
    "co2": "CO₂ meter",
    "temp": "Thermometer",
    "dust": "Dust meter",
    "multi": "Air monitor",
    "vibration": "Pump vibration",
    "host": "Lab computer",
}

_UIDS = {"vibration": "vib"}

OFFER: Json = {"report_interval": {"min": 1, "max": 3600}, "alerts_enabled": {}, "night_mode": {}}
"""The settings that every device has."""


def settings_for(device_type: str, report_interval: float) -> Settings:
    """Return the settings of a new device of this type."""
    offer: Json = dict(OFFER)
    values: Json = {"report_interval": report_interval, "alerts_enabled": True, "night_mode": None}
    if "co2" in MEASURED.get(device_type, ()):
        offer["co2_threshold"] = {"min": 400, "max": 5000}
        values["co2_threshold"] = 1000
    if device_type == "multi":
        offer["display"] = {"options": ["off", "dim", "bright"]}
        values["display"] = "dim"
    return Settings(offer=offer, values=values)


@dataclass(slots=True, kw_only=True)
class Household:
    """Makes devices that share rooms, water and a clock."""

    clock: Clock
    root: str = "devices"
    report_interval: float = 5.0
    chance: random.Random = field(default_factory=random.Random)
    _rooms: dict[str, LivedRoom] = field(default_factory=dict)
    rack_size: float = 1.0
    """The tanks of its racks against those of one with 100 litres."""
    protections: bool = True
    """Whether its pump nodes know the safety contract."""
    updates: bool = False
    """Whether its devices take updates, over a network as slow as that of a house."""
    _racks: dict[int, Rack] = field(default_factory=dict)
    _counts: dict[str, Iterator[int]] = field(default_factory=dict)

    def identities(self, count: int) -> list[Identity]:
        """Return who the first devices are, in the order in which a house buys them."""
        return [self.identity(*kind) for kind in itertools.islice(itertools.cycle(_KINDS), count)]

    def identity(self, device_type: str, area: str, *, code: str | None = None) -> Identity:
        """Return the next device of a type."""
        number = next(self._counts.setdefault(device_type, itertools.count(1)))
        address = 20 + sum(map(ord, device_type)) % 80
        name = _rack_name(number) if device_type == "pump" else _NAMES[device_type]
        namesakes = next(self._counts.setdefault(f"{area} {name}", itertools.count(1)))
        return Identity(
            uid=f"{_UIDS.get(device_type, device_type)}_{number:03}",
            device_type=device_type,
            name=name if namesakes == 1 else f"{name} {namesakes}",
            area=area,
            mac=f"34:85:18:{address:02x}:{number // 256:02x}:{number % 256:02x}",
            ip=f"192.168.{number // 250 + 1}.{number % 250 + 2}",
            code=code or (self.new_code() if device_type == "pump" else None),
        )

    def host(self) -> Identity:
        """Return the identity of the machine that the lab runs on."""
        return Identity(uid="host_001", device_type="host", name=_NAMES["host"], chip="host", ip="127.0.0.1")

    def new_code(self) -> str:
        """Return 8 digits as they are printed on a label."""
        return f"{self.chance.randrange(10**8):08}"

    def make(self, identity: Identity, link: Link) -> Device:
        """Return the device."""
        device = self._make(identity, link)
        # This computer's firmware is not ours.
        if self.updates and identity.device_type != "host":
            device.updater = Updater(device, Fault.SLOW)
        return device

    def _make(self, identity: Identity, link: Link) -> Device:
        settings = settings_for(identity.device_type, self.report_interval)
        if identity.device_type == "pump":
            return PumpNode(
                identity=identity,
                sensors=RackSensors(rack=self.rack(_number(identity)), clock=self.clock, chance=self._dice()),
                settings=settings,
                link=link,
                root=self.root,
                protections=self.protections,
            )
        sensors = self._sensors(identity)
        return Device(identity=identity, sensors=sensors, settings=settings, link=link, root=self.root)

    def _sensors(self, identity: Identity) -> Sensors:
        if identity.device_type == "host":
            return HostSensors()
        if identity.device_type == "vibration":
            pump = self.rack(_number(identity)).pumps["pump_recirc"]
            return VibrationSensors(clock=self.clock, pump=pump, chance=self._dice())
        return RoomSensors(
            room=self.room(identity.area),
            clock=self.clock,
            names=MEASURED[identity.device_type],
            chance=self._dice(),
        )

    def room(self, name: str | None) -> LivedRoom:
        """Return a room of the house; devices in the same room measure the same air."""
        key = name if name in PLANS else "Office"
        if key not in self._rooms:
            room, habits = PLANS[key]
            lived = LivedRoom(room=room, habits=habits, time=self.clock.start_at - 86400.0)
            # A day's life beforehand, so that nothing starts from nowhere.
            lived.advance(self.clock.start_at)
            self._rooms[key] = lived
        return self._rooms[key]

    def rack(self, number: int = 1) -> Rack:
        """Return a rack, which the pump node and the vibration node of that number share."""
        if number not in self._racks:
            # Plants that drink at the speed of the demo's day would empty the reservoir in an afternoon.
            pace = max(1.0, self.clock.speed / 10.0)
            self._racks[number] = Rack(self.rack_size, self.clock.started, pace)
        return self._racks[number]

    def _dice(self) -> random.Random:
        return random.Random(self.chance.random())  # noqa: S311 (noise, not secrets)


def _rack_name(number: int) -> str:
    """Return a rack's name: its letter while there are any."""
    return f"Rack {chr(64 + number) if number <= 26 else number} pumps"  # noqa: PLR2004 (letters of the alphabet)


def _number(identity: Identity) -> int:
    return int(identity.uid.rpartition("_")[2])
