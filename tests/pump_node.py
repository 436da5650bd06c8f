"""A pump node as the tests play it: it answers as the firmware does, and reports when it is told to."""

from dataclasses import dataclass, field
import json
from typing import Any

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

INFO = {
    "protocol": 1,
    "device_type": "pump",
    "name": "Rack A",
    "model": "smartair-pump",
    "firmware_version": "2.1.0",
    "metrics": ["water_level"],
    "channels": [
        {"id": "pump_recirc", "type": "pump", "role": "recirculation", "fail_safe_mode": "NC"},
        {"id": "pump_fill", "type": "pump", "role": "fill", "fail_safe_mode": "NO"},
        {"id": "pump_drain", "type": "pump", "role": "drain", "fail_safe_mode": "NO"},
    ],
    "config": {
        "report_interval": {"min": 1, "max": 3600},
        "pump_fill_max_run_s": {"min": 1, "max": 600, "unit": "s"},
    },
    "commands": ["run_pump", "stop_pump", "reset_safety_lock"],
}


@dataclass
class Node:
    """A pump node: what it was told, what it does, and how it answers."""

    hass: HomeAssistant
    uid: str = "rack_a"
    on: dict[str, bool] = field(
        default_factory=lambda: {"pump_recirc": True, "pump_fill": False, "pump_drain": False}
    )
    locks: dict[str, str | None] = field(default_factory=dict)
    flow: dict[str, float | None] = field(default_factory=dict)
    current: dict[str, float | None] = field(default_factory=dict)
    level: float | None = 50.0
    mute: bool = False
    answer: dict[str, Any] | None = None
    sent: list[dict[str, Any]] = field(default_factory=list)
    running: dict[str, str] = field(default_factory=dict)

    async def publish(self, topic: str, payload: str, *_: Any, **__: Any) -> None:
        """Take what Home Assistant publishes."""
        # What is empty has the broker forget, and tells the device nothing.
        if not topic.endswith(f"{self.uid}/commands") or not payload:
            return
        order = json.loads(payload)
        self.sent.append(order)
        if self.mute:
            return
        channel = order.get("params", {}).get("channel")
        reply = self.answer or getattr(self, f"_{order['command']}")(channel, order)
        content = {"cmd": order["command"], "cmd_id": order["cmd_id"], **reply}
        self.say("command_response", content)

    def _run_pump(self, channel: str, order: dict[str, Any]) -> dict[str, Any]:
        if self.locks.get(channel):
            return {"status": "ERROR", "error_code": self.locks[channel], "details": {"channel": channel}}
        self.on[channel] = True
        self.running[channel] = order["cmd_id"]
        return {"status": "DONE" if channel == "pump_recirc" else "ACCEPTED", "details": {"channel": channel}}

    def _stop_pump(self, channel: str, _order: dict[str, Any]) -> dict[str, Any]:
        self.on[channel] = False
        return {"status": "DONE", "details": {"channel": channel}}

    def _reset_safety_lock(self, channel: str, _order: dict[str, Any]) -> dict[str, Any]:
        self.locks[channel] = None
        return {"status": "DONE", "details": {"channel": channel}}

    def _live(self, _channel: str, _order: dict[str, Any]) -> dict[str, Any]:
        return {"status": "DONE"}

    def say(self, channel: str, content: Any, *, retain: bool = False) -> None:
        """Say something."""
        payload = content if isinstance(content, str) else json.dumps(content)
        async_fire_mqtt_message(self.hass, f"devices/{self.uid}/{channel}", payload, 1, retain)

    async def report(self, **more: Any) -> None:
        """Report how things are, and let it be taken in."""
        self.tell(**more)
        await self.hass.async_block_till_done()

    def tell(self, **more: Any) -> None:
        """Report how things are."""
        channels = {
            channel: {
                "on": on,
                "lock": self.locks.get(channel),
                **({"flow_l_min": flow} if (flow := self.flow.get(channel)) is not None else {}),
                **({"current_ma": current} if (current := self.current.get(channel)) is not None else {}),
            }
            for channel, on in self.on.items()
        }
        level = {} if self.level is None else {"water_level": self.level}
        self.say("telemetry", {"device_uid": self.uid, **level, "channels": channels, **more})

    def end(self, channel: str, **details: Any) -> None:
        """End a run and account for it."""
        self.on[channel] = False
        details = {"channel": channel, "ended_by": "finished", **details}
        cmd_id = self.running.pop(channel)
        self.say("command_response", {"cmd": "run_pump", "cmd_id": cmd_id, "status": "DONE", "details": details})

    def orders(self, command: str) -> list[dict[str, Any]]:
        """Return the parameters of the commands of a kind."""
        return [order.get("params", {}) for order in self.sent if order["command"] == command]


async def begin(hass: HomeAssistant, broker: MqttMockHAClient, hub: Any, info: dict[str, Any] = INFO) -> Node:
    """Return a node that described itself, was approved and reported once."""
    node = Node(hass)
    broker.async_publish.side_effect = node.publish
    node.say("info", info, retain=True)
    node.say("status", "online", retain=True)
    await hass.async_block_till_done()
    await hub.async_approve([node.uid])
    await hass.async_block_till_done()
    await node.report()
    return node
