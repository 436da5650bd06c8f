"""Makes the recordings anew: a real broker, the lab's simulator, and a client that writes down what it hears.

Run from the repository, with the environment of the demo:
PYTHONPATH=script .venv-hass/bin/python tests/recordings/capture.py
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
import json
from pathlib import Path
import random
import re
import sys
import time

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from lab.broker import Broker
from lab.simulator.device import Device, Identity, Link
from lab.simulator.fleet import Fleet
from lab.simulator.house import Clock
from lab.simulator.household import Household
from lab.simulator.pump_node import PumpNode
from lab.simulator.water import Fault

FOLDER = Path(__file__).parent
START = 1_790_000_000
"""Unix time at which every recording begins; the devices' own times are moved by as much as the arrival."""
_TIMES = re.compile(rb'("(?:timestamp|expires)": ?)(\d{10})')


class Recorder:
    """A client that subscribes as Home Assistant does, and keeps what arrives."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.lines: list[dict[str, object]] = []
        self.began = time.time()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("devices/#", qos=1)
        self._client.on_message = self._received

    def listen(self) -> None:
        self.began = time.time()
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, topic: str, content: object, *, retain: bool = False) -> None:
        payload = content if isinstance(content, (bytes, str)) else json.dumps(content)
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def _received(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        moved = START - round(self.began)
        payload = _TIMES.sub(lambda found: found[1] + str(int(found[2]) + moved).encode(), message.payload)
        line: dict[str, object] = {"t": round(time.time() - self.began, 3), "topic": message.topic}
        try:
            line["payload"] = payload.decode()
        except UnicodeDecodeError:
            line["payload_hex"] = payload.hex()
        self.lines.append({**line, "retain": message.retain, "qos": message.qos})


class Scene:
    """What a recording is made with."""

    def __init__(self, broker: Broker, interval: float) -> None:
        self.broker = broker
        self.recorder = Recorder(broker.port)
        self.fleet = Fleet(broker.port)
        self.household = Household(
            clock=Clock(started=time.time(), speed=1),
            report_interval=interval,
            chance=random.Random(7),  # noqa: S311 (noise)
        )

    async def add(self, *identities: Identity) -> None:
        await self.fleet.add(list(identities), self.household.make)


@asynccontextmanager
async def scene(interval: float) -> AsyncIterator[Scene]:
    async with Broker(persistence=True) as broker:
        stage = Scene(broker, interval)
        stage.fleet.start()
        yield stage
        stage.recorder.close()
        await stage.fleet.stop()


async def plain_script(stage: Scene) -> None:
    """A script with telemetry and nothing else, every second."""

    def make(identity: Identity, link: Link) -> Device:
        device = stage.household.make(identity, link)
        device.announces = False
        return device

    stage.recorder.listen()
    await stage.fleet.add([Identity(uid="co2_001", device_type="co2", area="Bedroom")], make)
    await asyncio.sleep(4.5)


async def co2_device(stage: Scene) -> None:
    """Birth, telemetry, a configuration of which one setting is refused, two commands, and the end by power cut."""
    stage.recorder.listen()
    identity = stage.household.identity("co2", "Bedroom")
    await stage.add(identity)
    await asyncio.sleep(2.5)
    wanted = {"revision": 1, "report_interval": 2, "co2_threshold": 90, "night_mode": {"start": 22, "end": "07:30"}}
    stage.recorder.send(f"devices/{identity.uid}/config", wanted, retain=True)
    await asyncio.sleep(2)
    for name, cmd_id in (("identify", "01JD4Q0001"), ("self_destruct", "01JD4Q0002")):
        now = round(time.time())
        order = {"command": name, "cmd_id": cmd_id, "timestamp": now, "expires": now + 30}
        stage.recorder.send(f"devices/{identity.uid}/commands", order)
    await asyncio.sleep(3)
    await stage.fleet.do(stage.fleet.connections[identity.uid].switch_off)
    await asyncio.sleep(1)


async def outage(stage: Scene) -> None:
    """A device loses the Wi-Fi for eight seconds, measures on, and sends what it kept."""
    stage.recorder.listen()
    identity = stage.household.identity("multi", "Living room")
    await stage.add(identity)
    await asyncio.sleep(3.5)
    connection = stage.fleet.connections[identity.uid]
    await stage.fleet.do(connection.lose_network)
    await asyncio.sleep(8)
    await stage.fleet.do(connection.regain_network)
    await asyncio.sleep(3)


async def broker_restart(stage: Scene) -> None:
    """Twenty devices; the broker restarts, and whoever subscribes then hears what it kept and then the devices."""
    await stage.add(*stage.household.identities(20))
    await asyncio.sleep(4)
    await stage.broker.restart()
    stage.recorder.listen()
    await asyncio.sleep(5)


async def pump_node(stage: Scene) -> None:
    """A pump node: a run that ends by its bound, a trip of overcurrent, and a run that the lock refuses."""
    stage.recorder.listen()
    identity = stage.household.identity("pump", "Greenhouse", code="31415926")
    await stage.add(identity)
    await asyncio.sleep(2.5)

    def order(name: str, cmd_id: str, **params: object) -> None:
        now = round(time.time())
        content = {"command": name, "cmd_id": cmd_id, "timestamp": now, "expires": now + 30, "params": params}
        stage.recorder.send(f"devices/{identity.uid}/commands", content)

    order("run_pump", "01JD4Q0001", channel="pump_fill", max_run_s=2)
    await asyncio.sleep(4)
    node = stage.fleet.device(identity.uid)
    assert isinstance(node, PumpNode)
    await stage.fleet.do(lambda: node.sensors.rack.break_(Fault.STALLED, "pump_drain"))
    order("run_pump", "01JD4Q0002", channel="pump_drain", max_run_s=60)
    await asyncio.sleep(2)
    order("run_pump", "01JD4Q0003", channel="pump_drain", max_run_s=60)
    await asyncio.sleep(2)


async def host(stage: Scene) -> None:
    """The machine that the recording was made on."""
    stage.recorder.listen()
    await stage.add(stage.household.host())
    await asyncio.sleep(3.5)


async def hostile(stage: Scene) -> None:
    """What nobody should send, some of it kept by the broker; one good message at the beginning and the end."""
    now = round(time.time())
    good = {"device_uid": "co2_001", "timestamp": now, "co2": 920, "temperature": 25.1}
    order = {"command": "restart", "cmd_id": "01JD4Q0001", "timestamp": now, "expires": now + 30}
    sender = Recorder(stage.broker.port)
    sender.listen()
    await asyncio.sleep(0.5)
    sender.send("devices/co2_001/telemetry", {**good, "co2": 4000}, retain=True)
    sender.send("devices/co2_001/commands", order, retain=True)
    sender.send("devices/co2_001/info", b"\xff\xfe\x00", retain=True)
    sender.send("devices/ghost/status", "online", retain=True)
    await asyncio.sleep(0.3)
    stage.recorder.listen()
    await asyncio.sleep(0.5)
    for topic, content in (
        ("co2_001/telemetry", good),
        ("co2_001/telemetry", b'{"co2": NaN, "temperature": -Infinity, "humidity": 41}'),
        ("co2_001/telemetry", b'{"co2": nan, "temperature": 25.2, "humidity": -inf}'),
        ("co2_001/telemetry", b'{"co2": 1e999, "temperature": "25.3", "humidity": true, "pressure": [1]}'),
        ("co2_001/telemetry", {"co2": -5, "temperature": -127, "humidity": 65535, "radon": 7}),
        ("co2_001/telemetry", {"device_uid": "co2_002", "co2": 5000}),
        ("co2_001/telemetry", {"co2": 5000, "padding": "x" * 65536}),
        ("co2_001/telemetry", {"buffered": True, "samples": [{"timestamp": now, "co2": 5000}] * 201}),
        ("co2_001/telemetry", b"[1, 2"),
        ("co2_001/telemetry", b"[]"),
        ("co2_001/telemetry", b"\x00\xff"),
        ("co2_001/telemetry", b""),
        ("co2_001/telemetry", b"[" * 5000),
        ("co2_001/status", "perhaps"),
        ("co2_001/info", {"protocol": 2, "device_type": "co2"}),
        ("co2_001/info", {"protocol": 1}),
        ("co2_001/info", {"protocol": 1, "device_type": "co2", "config": {"mode": {"type": []}}}),
        ("co2_001/info", b'{"protocol": 1, "device_type": "co2", "pairing": {"salt": "\\ud800", "sha256": "00"}}'),
        ("co2_001/config/state", {"applied": True}),
        ("co2_001/command_response", {"status": "DONE"}),
        ("co2_001/event", {"event": 7}),
        ("co2_001/ota/state", {"state": None}),
        ("../co2_001/telemetry", {"co2": 5000}),
        ("co2_001/../co2_002/telemetry", {"co2": 5000}),
        ("co2 001/telemetry", {"co2": 5000}),
        ("co2_\u0660\u0660\u0661/telemetry", {"co2": 5000}),
        ("-co2/telemetry", {"co2": 5000}),
        (f"{'a' * 65}/telemetry", {"co2": 5000}),
        ("co2_001/telemetry/more", {"co2": 5000}),
        ("co2_001", {"co2": 5000}),
        ("co2_001/telemetry", {**good, "co2": 930}),
    ):
        sender.send(f"devices/{topic}", content)
    await asyncio.sleep(1)
    sender.close()


SCENES: dict[str, tuple[Callable[[Scene], Awaitable[None]], float]] = {
    "plain_script": (plain_script, 1),
    "co2_device": (co2_device, 1),
    "outage": (outage, 1),
    "broker_restart": (broker_restart, 2),
    "pump_node": (pump_node, 1),
    "host": (host, 1),
    "hostile": (hostile, 1),
}


async def main() -> None:
    for name in sys.argv[1:] or SCENES:
        play, interval = SCENES[name]
        async with scene(interval) as stage:
            await play(stage)
        lines = [json.dumps(line, ensure_ascii=False) for line in stage.recorder.lines]
        header = f"# Captured from mosquitto by capture.py: {' '.join((play.__doc__ or '').split())}"
        (FOLDER / f"{name}.jsonl").write_text("\n".join([header, *lines, ""]), encoding="utf-8")
        sys.stderr.write(f"{name}: {len(lines)} messages\n")


asyncio.run(main())
