"""The access list of docs/broker.md, run by a real mosquitto against real clients."""

import base64
import getpass
import hashlib
from pathlib import Path
import queue
import re
import time
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
import pytest

from lab.broker import find_mosquitto
from lab.process import Child, free_port, is_listening, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

PAGE = Path(__file__).resolve().parents[2] / "docs" / "broker.md"

WRITTEN = ["status", "info", "telemetry", "data", "config/state", "command_response", "ota/state", "event"]
READ = ["config", "commands", "ota"]
USERS = ("homeassistant", "co2_001", "pump_001")

NOT_AUTHORIZED = 135
SETTLED = 0.3
"""Seconds after which something that mosquitto would have delivered on this machine has arrived."""


def password_line(user: str) -> str:
    """Return a user's line as mosquitto_passwd writes it; the password is the name, backwards."""
    salt = b"twelve bytes"
    digest = hashlib.pbkdf2_hmac("sha512", user[::-1].encode(), salt, 101, 64)
    return f"{user}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


class Device:
    """An MQTT 5 client that keeps all that it receives and knows what the broker refused."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connected: queue.Queue[ReasonCode] = queue.Queue()
        self._published: queue.Queue[tuple[int, ReasonCode]] = queue.Queue()
        self._subscribed: queue.Queue[int] = queue.Queue()
        self.received: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.client: paho.Client | None = None

    def connect(
        self, user: str | None, password: str | None = None, *, client_id: str = "", will: str | None = None
    ) -> int:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
        if user:
            client.username_pw_set(user, user[::-1] if password is None else password)
        if will:
            client.will_set(will, "offline", qos=1, retain=True)
        client.on_connect = lambda _c, _u, _f, code, _p: self._connected.put(code)
        client.on_connect_fail = lambda _c, _u: None
        client.on_publish = self._on_publish
        client.on_subscribe = lambda _c, _u, mid, _codes, _p: self._subscribed.put(mid)
        client.on_message = lambda _c, _u, message: self.received.put((message.topic, message.payload))
        client.reconnect_delay_set(60, 60)
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        self.client = client
        code: int = self._connected.get(timeout=5).value
        return code

    def _on_publish(
        self, _client: paho.Client, _data: object, mid: int, code: ReasonCode, _properties: Properties
    ) -> None:
        self._published.put((mid, code))

    @property
    def connected(self) -> bool:
        return self.client is not None and self.client.is_connected()

    def publish(self, topic: str, payload: str = "x", *, retain: bool = False) -> bool:
        """Publish and return whether the broker took it."""
        assert self.client
        sent = self.client.publish(topic, payload, qos=1, retain=retain).mid
        mid, code = self._published.get(timeout=5)
        assert mid == sent
        assert code.value in {0, 16, NOT_AUTHORIZED}  # 16: taken, and nobody listens
        return bool(code.value != NOT_AUTHORIZED)

    def subscribe(self, topic: str) -> None:
        assert self.client
        self.client.subscribe(topic, qos=1)
        self._subscribed.get(timeout=5)

    def drop(self) -> None:
        """Lose the connection as a power cut would."""
        assert self.client
        connection = self.client.socket()
        assert connection
        self.client.loop_stop()
        connection.close()

    def close(self) -> None:
        if self.client:
            self.client.disconnect()
            self.client.loop_stop()

    def topics(self) -> list[str]:
        """Return the topics of what has arrived since the last call, sorted."""
        time.sleep(SETTLED)
        found = []
        while not self.received.empty():
            found.append(self.received.get()[0])
        return sorted(found)


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """Run mosquitto with the files of the page, as they are but for their places."""
    configuration, acl = re.findall(r"^```conf\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)[:2]
    number = free_port()
    for old, new in (
        ("listener 1883", f"listener {number} 127.0.0.1"),
        ("/etc/mosquitto/passwords", str(tmp_path / "passwords")),
        ("/etc/mosquitto/acl", str(tmp_path / "acl")),
    ):
        assert old in configuration
        configuration = configuration.replace(old, new)
    (tmp_path / "mosquitto.conf").write_text(f"{configuration}user {getpass.getuser()}\nlog_dest stdout\n")
    (tmp_path / "acl").write_text(acl)
    (tmp_path / "passwords").write_text("".join(map(password_line, USERS)))
    for name in ("acl", "passwords"):
        (tmp_path / name).chmod(0o600)
    program = find_mosquitto()
    if program is None:
        pytest.skip("there is no mosquitto on this machine and none could be fetched")
    broker = Child([program, "-c", str(tmp_path / "mosquitto.conf")], tmp_path / "broker.log")
    broker.start()
    await until(lambda: is_listening(number), within=10, what="mosquitto listens")
    yield number
    await broker.stop()


@pytest.fixture
def devices(port: int) -> Iterator[list[Device]]:
    made = [Device(port) for _ in range(4)]
    yield made
    for device in made:
        device.close()


@pytest.fixture
def hub(devices: list[Device]) -> Device:
    assert devices[0].connect("homeassistant") == 0
    devices[0].subscribe("devices/#")
    return devices[0]


@pytest.fixture
def sensor(devices: list[Device]) -> Device:
    assert devices[1].connect("co2_001", client_id="co2_001", will="devices/co2_001/status") == 0
    return devices[1]


@pytest.fixture
def pump(devices: list[Device]) -> Device:
    assert devices[2].connect("pump_001") == 0
    return devices[2]


@pytest.mark.parametrize(("user", "password"), [(None, None), ("co2_001", "wrong"), ("stranger", "regnarts")])
def test_strangers_are_refused(devices: list[Device], user: str | None, password: str | None) -> None:
    assert devices[0].connect(user, password) == NOT_AUTHORIZED


def test_device_says_what_it_has_to_say(hub: Device, sensor: Device) -> None:
    assert [part for part in WRITTEN if not sensor.publish(f"devices/co2_001/{part}")] == []
    assert hub.topics() == sorted(f"devices/co2_001/{part}" for part in WRITTEN)


def test_device_hears_what_it_is_told(hub: Device, sensor: Device) -> None:
    for part in READ:
        sensor.subscribe(f"devices/co2_001/{part}")
        hub.publish(f"devices/co2_001/{part}")
    assert sensor.topics() == sorted(f"devices/co2_001/{part}" for part in READ)


@pytest.mark.parametrize("pattern", ["#", "devices/#", "devices/+/commands", "devices/pump_001/#"])
def test_device_hears_nothing_of_others(hub: Device, sensor: Device, pump: Device, pattern: str) -> None:
    sensor.subscribe(pattern)
    for part in WRITTEN:
        pump.publish(f"devices/pump_001/{part}", retain=True)
    for part in READ:
        hub.publish(f"devices/pump_001/{part}", retain=True)
    hub.publish("homeassistant/status", "online", retain=True)
    sensor.subscribe(pattern)
    assert sensor.topics() == []


@pytest.mark.parametrize("retain", [False, True])
def test_device_cannot_speak_for_others(hub: Device, sensor: Device, retain: bool) -> None:
    foreign = [
        *(f"devices/pump_001/{part}" for part in [*WRITTEN, *READ]),
        *(f"devices/co2_001/{part}" for part in READ),
        "devices/co2_001",
        "devices/co2_001/telemetry/more",
        "devices/co2_001/../pump_001/telemetry",
        "homeassistant/status",
        "homeassistant/sensor/invented/config",
        "elsewhere",
    ]
    hub.subscribe("homeassistant/#")
    assert [topic for topic in foreign if sensor.publish(topic, retain=retain)] == []
    assert hub.topics() == []


def test_last_will_of_a_device_arrives(hub: Device, sensor: Device) -> None:
    sensor.drop()
    assert hub.received.get(timeout=5) == ("devices/co2_001/status", b"offline")


def test_device_leaves_no_last_will_for_another(hub: Device, devices: list[Device]) -> None:
    if devices[3].connect("co2_001", will="devices/pump_001/status") == 0:
        devices[3].drop()
    assert hub.topics() == []


def test_client_id_of_another_ends_nobody_elses_connection(sensor: Device, devices: list[Device]) -> None:
    assert devices[3].connect("pump_001", client_id="co2_001") == 0
    time.sleep(SETTLED)
    assert sensor.connected
    assert devices[3].connected


def test_hub_removes_what_a_deleted_device_left(hub: Device, sensor: Device, devices: list[Device]) -> None:
    sensor.publish("devices/co2_001/info", "{}", retain=True)
    assert hub.topics() == ["devices/co2_001/info"]
    hub.publish("devices/co2_001/info", "", retain=True)
    hub.topics()
    hub.subscribe("devices/co2_001/info")
    assert hub.topics() == []
