"""Fixtures of the firmware tests. Nothing here touches Home Assistant."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.broker import Broker, find_mosquitto
from lab.build import BUILD, host_image
from lab.device import Device
from lab.ears import Ears
from lab.zone import GOOD, REACTIONS, UID, Zone


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of one test module."""
    if not find_mosquitto():
        pytest.skip("mosquitto is missing: run script/bootstrap broker")
    broker = Broker(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.stop()


@pytest.fixture
def make_device(tmp_path: Path, broker: Broker) -> Iterator[Callable[..., Device]]:
    """Builds devices; all are switched off at the end."""
    made: list[Device] = []

    def make(image: Path, **environment: str) -> Device:
        device = Device(image, tmp_path / f"device{len(made)}", broker.port, **environment)
        made.append(device)
        return device

    yield make
    for device in made:
        device.power_cut()


@pytest.fixture
def make_ears(broker: Broker) -> Iterator[Callable[..., Ears]]:
    """Ears on the broker; all retained topics of the device are taken away at the end."""
    made: list[Ears] = []

    def make(uid: str, root: str = "devices") -> Ears:
        made.append(Ears(broker.port, uid, root))
        return made[-1]

    yield make
    for ears in made:
        for topic in ("status", "info", "config", "config/state", "ota/state", "commands", "ota"):
            ears.say(topic, b"", retain=True)
        ears.close()


@pytest.fixture(scope="session")
def air_image() -> Path:
    """The air monitor."""
    return host_image("air")


@pytest.fixture(scope="session")
def zone_image() -> Path:
    """The zone node."""
    return host_image("zone")


@pytest.fixture
def zone(make_device: Callable, make_ears: Callable, zone_image: Path) -> Zone:
    """A zone node that runs, with good values, and is heard."""
    device = make_device(zone_image)
    device.set(**GOOD)
    ears = make_ears(UID)
    device.start()
    zone = Zone(device, ears)
    zone.settle()
    return zone


@pytest.fixture(scope="session", autouse=True)
def reactions() -> Iterator[None]:
    """Leave the measured reaction times where a person can read them."""
    yield
    if REACTIONS:
        file = BUILD / "reaction-times.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(known | REACTIONS, indent=1) + "\n")
