"""A rack of other people's switches, and a tank whose level comes through a real integration of Home Assistant."""

from collections.abc import Callable
import json
from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message

from custom_components.smartair.zones.zone import Zone

from .conftest import Wait

LEVEL = "sensor.tank_level"
DATA: dict[str, Any] = {
    "pumps": {"recirculation": "switch.recirc", "fill": "switch.fill", "drain": "switch.drain"},
    "sensors": {"level": LEVEL, "flow_of": "fill"},
    "limits": {"stale_after": 60},
    "water_cycle": {"stabilize_minutes": 1},
}


async def discover(hass: HomeAssistant, key: str = "tank_level", **config: Any) -> None:
    """Have Home Assistant's own MQTT integration find a sensor."""
    content = {"unique_id": key, "name": key.replace("_", " "), "state_topic": f"x/{key}", **config}
    content = {name: value for name, value in content.items() if value is not None}
    async_fire_mqtt_message(hass, f"homeassistant/sensor/{key}/config", json.dumps(content))
    await hass.async_block_till_done(wait_background_tasks=True)


class TankHouse:
    """Switches that switch, a tank that follows them, and what its sensor says."""

    def __init__(self, hass: HomeAssistant, wait: Wait) -> None:
        """Begin with a tank that is three quarters full."""
        self.hass = hass
        self.wait = wait
        self.level = 72.0
        self.fill_rate = 1.0
        self.drain_rate = 1.0
        self.every = 5
        self.silent = False
        self.spilled = 0.0
        self.elapsed = 0
        self.shown: Callable[[float], str] = "{:.1f}".format
        for name, on in (("recirc", "on"), ("fill", "off"), ("drain", "off")):
            hass.states.async_set(f"switch.{name}", on)
        for service in ("turn_on", "turn_off"):
            hass.services.async_register("switch", service, self._switch)

    async def _switch(self, call: ServiceCall) -> None:
        ids = call.data["entity_id"]
        for entity_id in [ids] if isinstance(ids, str) else ids:
            self.hass.states.async_set(entity_id, call.service.removeprefix("turn_"))

    def on(self, name: str) -> bool:
        """Tell whether a switch is on."""
        state = self.hass.states.get(f"switch.{name}")
        return state is not None and state.state == "on"

    def say(self) -> None:
        """Have the sensor report."""
        async_fire_mqtt_message(self.hass, "x/tank_level", self.shown(min(self.level, 100.0)))

    async def second(self, seconds: int = 1) -> None:
        """Let seconds pass, one by one."""
        for _ in range(seconds):
            self.level += self.fill_rate * self.on("fill") - self.drain_rate * self.on("drain")
            self.spilled += max(0.0, self.level - 100.0)
            self.level = min(100.0, max(0.0, self.level))
            self.elapsed += 1
            await self.wait(1)
            if not self.silent and self.elapsed % self.every == 0:
                self.say()
            await self.hass.async_block_till_done(wait_background_tasks=True)

    async def until(self, zone: Zone, *kinds: str, at_most: int = 900) -> str:
        """Let seconds pass until the zone is in one of these states, and return which."""
        for _ in range(at_most):
            if (kind := type(zone.memory.state).__name__) in kinds:
                return kind
            await self.second()
        raise AssertionError(f"{kinds} did not come: {zone.memory.state}")
