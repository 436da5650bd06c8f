"""A device of one's own in the running demo: one line of JSON is enough."""

from contextlib import contextmanager
import json
import os
from pathlib import Path
import shlex
import tempfile
from typing import TYPE_CHECKING

from paho.mqtt.client import Client as MqttClient
from paho.mqtt.enums import CallbackAPIVersion

from lab.process import ProcessError

if TYPE_CHECKING:
    from collections.abc import Iterator

UID = "my_sensor"
EXAMPLE = '{"co2": 920}'
_PATIENCE = 10.0


def _whereabouts() -> Path:
    """Return the file in which the demo says where its broker is: it is the user's own, and gone with the demo."""
    folder = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(folder) / f"smartair-demo-{os.getuid()}.port"


@contextmanager
def audible(port: int) -> Iterator[None]:
    """Let the demo be found by --say while it runs."""
    file = _whereabouts()
    file.write_text(str(port))
    try:
        yield
    finally:
        # Another demo may have been started since.
        if file.exists() and file.read_text() == str(port):
            file.unlink()


def lines(port: int) -> tuple[str, str]:
    """Return what a person types to publish a device of his own: by the demo itself, and by mosquitto's client."""
    payload = shlex.quote(EXAMPLE)
    return (
        f"script/demo --say {payload}",
        f"mosquitto_pub -h 127.0.0.1 -p {port} -t devices/{UID}/telemetry -m {payload}",
    )


def publish(text: str, uid: str) -> str:
    """Say something as a device, and return what was said where; raise ProcessError where nobody would hear it."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ProcessError(f"{text} is not JSON: {error}") from None
    file = _whereabouts()
    if not file.exists():
        raise ProcessError("No demo is running here. Start script/demo in another terminal first.")
    port = int(file.read_text())
    client = MqttClient(CallbackAPIVersion.VERSION2)
    try:
        client.connect("127.0.0.1", port)
    except OSError:
        raise ProcessError(f"No broker answers on port {port}: the demo has ended.") from None
    client.loop_start()
    try:
        topic = f"devices/{uid}/telemetry"
        client.publish(topic, json.dumps(content), qos=1).wait_for_publish(_PATIENCE)
    finally:
        client.disconnect()
        client.loop_stop()
    return f"Said on {topic}: {json.dumps(content)}"
