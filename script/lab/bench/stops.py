"""How soon a stop is with its device while all the others talk."""

import asyncio
import json
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from paho.mqtt.client import Client as MqttClient, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from lab.bench import devices
from lab.hass import DOMAIN

if TYPE_CHECKING:
    from types import TracebackType

    from lab.client import Client

PAUSE = 0.02
"""Seconds between two stops, whether or not the one before has been heard."""
_CONNECT = 10.0


class Listener:
    """All devices at once: hears what each is told, notes when, and answers that it was done."""

    def __init__(self, port: int) -> None:
        """Have heard nothing."""
        self.heard: dict[str, float] = {}
        self._port = port
        self._ready = threading.Event()
        self._client = MqttClient(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(devices.topic("+", "commands"), 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._hear

    def __enter__(self) -> Self:
        """Connect, and wait until the broker has taken the subscription."""
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if not self._ready.wait(_CONNECT):
            raise TimeoutError("the broker did not take the subscription")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave in order."""
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, client: MqttClient, _: Any, message: MQTTMessage) -> None:
        now = time.perf_counter()
        told = json.loads(message.payload)
        self.heard.setdefault(told["params"]["channel"], now)
        answer = {"cmd": told["command"], "cmd_id": told["cmd_id"], "status": "DONE"}
        client.publish(message.topic.removesuffix("commands") + "command_response", json.dumps(answer), qos=1)


async def stop_many(client: Client, listener: Listener, count: int) -> list[float]:
    """Stop one device after another; return the seconds from each call to its message, or infinity for none."""
    found = await client.devices(DOMAIN)
    # The hub is a device, too, and has nothing to stop.
    ids = [device["id"] for uid, device in found.items() if uid.startswith(devices.PREFIX)]
    asked: dict[str, float] = {}
    calls = []
    for number in range(count):
        channel = f"pump_{number}"
        data = {"device_id": ids[number % len(ids)], "command": "stop_pump", "params": {"channel": channel}}
        asked[channel] = time.perf_counter()
        calls.append(asyncio.create_task(client.action_response(DOMAIN, "send_command", **data)))
        await asyncio.sleep(PAUSE)
    await asyncio.gather(*calls, return_exceptions=True)
    return [listener.heard.get(channel, float("inf")) - at for channel, at in asked.items()]
