"""What really goes over the broker's wires, heard by nobody but the tests."""

import contextlib
import json
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from paho.mqtt.client import Client as MqttClient, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from lab.client import eventually

if TYPE_CHECKING:
    from types import TracebackType

type Json = dict[str, Any]


class Ear:
    """Hears every command and every answer, and goes on when the broker comes back."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[float, str, Json]] = []
        self._client = MqttClient(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._take
        self._client.on_connect = lambda client, *_rest: client.subscribe("devices/+/+", qos=1)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, _client: Any, _data: Any, message: MQTTMessage) -> None:
        with contextlib.suppress(ValueError):
            content = json.loads(message.payload)
            if isinstance(content, dict):
                self.heard.append((time.time(), message.topic.rpartition("/")[2], content))

    def since(self, mark: int, name: str) -> list[Json]:
        """Return what was heard of one kind after a mark, which is how much had been heard then."""
        return [content for _, kind, content in self.heard[mark:] if kind == name]

    def orders(self, mark: int, command: str = "run_pump") -> list[Json]:
        """Return the commands of one kind after a mark."""
        return [content for content in self.since(mark, "commands") if content.get("command") == command]

    @property
    def mark(self) -> int:
        return len(self.heard)

    async def caught_up(self) -> int:
        """Return the mark behind which nothing is heard that the broker had before: it hands out in order."""
        token = secrets.token_hex(8)
        self._client.publish("devices/nobody/commands", json.dumps({"command": token}), qos=1)

        async def heard() -> int | None:
            return next((at for at, one in enumerate(self.heard, 1) if one[2].get("command") == token), None)

        mark = await eventually(heard, what="an own message")
        assert mark
        return mark

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Flood:
    """Somebody who publishes as much as they can, up to a rate."""

    def __init__(self, port: int, rate: float, devices: int = 50) -> None:
        self.sent = 0
        self._rate, self._devices = rate, devices
        self._client = MqttClient(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.connect("127.0.0.1", port)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join(5)
        self._client.disconnect()
        self._client.loop_stop()

    def _run(self) -> None:
        while not self._ending.is_set():
            while self.sent < (time.monotonic() - self._began) * self._rate:
                content = json.dumps({"co2": 400 + self.sent % 1000, "temperature": 20 + self.sent % 10})
                self._client.publish(f"devices/co2_{self.sent % self._devices + 1:03}/telemetry", content)
                self.sent += 1
            time.sleep(0.002)

    @property
    def achieved(self) -> float:
        """Return how many messages a second were sent."""
        return self.sent / (time.monotonic() - self._began)
