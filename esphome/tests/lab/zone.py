"""One zone node of the simulation, and what is known of it."""

import time
from typing import Any

from .device import Device
from .ears import Ears

UID = "pump-025a00000001"
# Relay levels: recirculation hangs on the normally closed contact, so its coil is high when it stands still.
RECIRC, FILL, DRAIN = 21, 22, 23
GOOD = {
    "level": 50, "flow": 3, "flow_at_rest": 0, "current_recirc": 0.8, "current_at_rest": 0, "current_drain": 0.8,
    "current_fill": 0.8, "weld": 0, "float_low": 1, "leak": 0, "ph": 6, "ec": 1.8, "water_temperature": 20, "lux": 900,
}  # fmt: skip
# What was measured, printed at the end: reaction times are what people ask for.
REACTIONS: dict[str, float] = {}


class Zone:
    """One zone node with everything it needs."""

    def __init__(self, device: Device, ears: Ears) -> None:
        self.device = device
        self.ears = ears

    def settle(self) -> None:
        self.ears.wait("status", "online")
        time.sleep(1.2)

    def run(self, channel: str, **params: Any) -> Any:
        return self.ears.command("run_pump", channel=channel, **({"max_run_s": 15} | params))

    def start(self, channel: str, pin: int, **params: Any) -> Any:
        answer = self.run(channel, **params)
        assert answer["status"] == "ACCEPTED", answer
        self.device.wait_pin(pin, high=True, timeout=1)
        return answer

    def lock(self, channel: str) -> str | None:
        report = self.ears.wait("telemetry", lambda m: "buffered" not in m, since=self.ears.mark())
        return report["channels"][channel]["lock"]

    def trips(
        self,
        name: str,
        pin: int,
        *,
        high: bool,
        within: float,
        code: str,
        channel: str,
        **inputs: float | None,
    ) -> Any:
        since = self.ears.mark()
        self.device.set(**inputs)
        REACTIONS[name] = round(self.device.wait_pin(pin, high=high, timeout=within), 2)
        return self.ears.wait(
            "event", {"event": "safety_trip", "channel": channel, "code": code}, since=since
        )
