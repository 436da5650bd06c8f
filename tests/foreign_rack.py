"""A rack that is not SmartAir's: three switches of Home Assistant that may hang, break or be away, and their tank."""

import asyncio
from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall

from .conftest import Wait

ZONE: dict[str, Any] = {
    "pumps": {"recirculation": "switch.recirc", "fill": "switch.fill", "drain": "switch.drain"},
    "sensors": {"level": "sensor.level", "flow_of": "fill"},
    "limits": {"stale_after": 30},
    "water_cycle": {"stabilize_minutes": 1},
}


async def breathe() -> None:
    """Let everything run that can, without waiting for what hangs."""
    for _ in range(50):
        await asyncio.sleep(0)


class ForeignRack:
    """Switches that switch, unless they hang, and a tank that follows them."""

    def __init__(self, hass: HomeAssistant, wait: Wait) -> None:
        """Begin with a tank that is nearly full."""
        self.hass = hass
        self.wait = wait
        self.level: float | None = 80.0
        self.calls: list[tuple[str, str]] = []
        self.hanging: set[tuple[str, str]] = set()
        self.stubborn = False
        self.alive = 0
        self.contact = {"recirc": True, "fill": False, "drain": False}
        self.away: set[str] = set()
        for name in self.contact:
            self.show(name)
        for service in ("turn_on", "turn_off"):
            hass.services.async_register("switch", service, self._switch)
        self.report()

    async def _switch(self, call: ServiceCall) -> None:
        name = call.data["entity_id"].removeprefix("switch.")
        self.calls.append((call.service, name))
        if (call.service, name) in self.hanging:
            self.alive += 1
            try:
                await self._hang()
            finally:
                self.alive -= 1
        if name not in self.away:
            self.contact[name] = call.service == "turn_on"
            self.show(name)

    async def _hang(self) -> None:
        while True:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise

    def show(self, name: str) -> None:
        """Show what a switch is."""
        state = "unavailable" if name in self.away else "on" if self.contact[name] else "off"
        self.hass.states.async_set(f"switch.{name}", state)

    def leave(self, name: str) -> None:
        """Have a switch go away, as it is."""
        self.away.add(name)
        self.show(name)

    def come_back(self, name: str) -> None:
        """Have a switch be there again, as it was."""
        self.away.discard(name)
        self.show(name)

    def report(self) -> None:
        """Have the level told."""
        if self.level is not None:
            self.hass.states.async_set("sensor.level", f"{self.level:.1f}", {"unit_of_measurement": "%"})

    async def second(self, seconds: int = 1, *, silent: bool = False) -> None:
        """Let seconds pass, one by one."""
        for _ in range(seconds):
            if self.level is not None:
                self.level += self.contact["fill"] - self.contact["drain"]
            await self.wait(1)
            if not silent:
                self.report()
            await breathe()

    def count(self, service: str, name: str) -> int:
        """Return how often a switch was told something."""
        return self.calls.count((service, name))
