"""Child processes and the broker, which everything else stands on."""

import asyncio
from pathlib import Path
import queue
import subprocess
import sys
from typing import TYPE_CHECKING

from paho.mqtt.client import Client as MqttClient
from paho.mqtt.enums import CallbackAPIVersion
import psutil
import pytest

from lab.broker import Broker
from lab.client import eventually
from lab.process import Child, ProcessError, is_listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.timeout(60)

REPOSITORY = Path(__file__).resolve().parents[2]

# Starts a child, says which, and waits for its own end.
PARENT = """
import sys, time
from pathlib import Path
from lab.process import Child
child = Child(["sleep", "600"], Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def test_a_child_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", PARENT, str(tmp_path / "log")]
    parent = await asyncio.create_subprocess_exec(
        *argv, stdout=subprocess.PIPE, env={"PYTHONPATH": str(REPOSITORY / "script"), "PATH": "/usr/bin:/bin"}
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert alive(pid)

    parent.kill()
    await parent.wait()

    async def gone() -> bool:
        return not alive(pid)

    await eventually(gone, within=5, what="the end of the child")


async def test_a_child_that_does_not_want_to_end_is_made_to(tmp_path: Path) -> None:
    child = Child([sys.executable, "-c", STUBBORN], tmp_path / "log")
    child.start()
    pid = child.pid

    async def ready() -> bool:
        return child.tail() == "ready"

    await eventually(ready, within=10, what="a stubborn child")
    await child.stop(within=0.2)

    assert not alive(pid)


async def test_a_child_that_is_asked_to_end_ends(tmp_path: Path) -> None:
    child = Child(["sleep", "600"], tmp_path / "log")
    child.start()

    await child.stop()

    assert not child.running


async def test_what_is_not_started_cannot_be_asked_for_its_number(tmp_path: Path) -> None:
    with pytest.raises(ProcessError):
        _ = Child(["sleep", "600"], tmp_path / "log").pid


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    async with Broker(persistence=True) as one:
        yield one


def publish_retained(port: int) -> None:
    client = MqttClient(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish("a", "kept", qos=1, retain=True).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


async def test_a_restarted_broker_is_on_the_same_port_and_keeps_what_is_retained(broker: Broker) -> None:
    await asyncio.to_thread(publish_retained, broker.port)
    port = broker.port

    await broker.restart()

    heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    client = MqttClient(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: heard.put(message.payload)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("a")
    assert await asyncio.to_thread(heard.get, timeout=5) == b"kept"
    client.disconnect()
    client.loop_stop()


async def test_a_killed_broker_can_be_started_again(broker: Broker) -> None:
    await broker.kill()
    assert not broker.running
    assert not is_listening(broker.port)

    await broker.start()

    assert is_listening(broker.port)


async def test_a_broker_whose_port_is_taken_says_so(broker: Broker, tmp_path: Path) -> None:
    second = Broker(tmp_path, port=broker.port)

    with pytest.raises(ProcessError, match=f"port {broker.port} is in use"):
        await second.start()
