"""A rack that lives for a year in a running Home Assistant: two tanks, their pumps and sensors, and what breaks.

One tank hangs on other people's switches and a level sensor, the other one on a SmartAir board. Water is plain
arithmetic, and nothing here knows a rule of the integration.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pumps.pump import Pump
from custom_components.smartair.pysmartair import Alert, Change
from custom_components.smartair.pysmartair.safety import Role
from custom_components.smartair.zones.zone import Zone

from .pump_node import Node

FOREIGN: dict[str, Any] = {
    "pumps": {"recirculation": "switch.recirc", "fill": "switch.fill", "drain": "switch.drain"},
    "sensors": {"level": "sensor.level"},
    "limits": {"tank_volume": 60, "empty_level": 15, "target_level": 80},
    "water_cycle": {"stabilize_minutes": 1},
}
EVERY_S = 1
FULL = 100.0


@dataclass
class Tank:
    """Water, and what floor and sensor have of it."""

    level: float = 80.0
    floor: float = 0.0
    pace: float = 1.0
    leak: float = 0.0
    blocked: bool = False
    frozen: float | None = None
    silent: bool = False
    interval: int = EVERY_S
    steady: float | None = None

    def second(self, *, filling: bool, draining: bool) -> None:
        moved = 0.0 if self.blocked else self.pace * (filling - draining)
        self.level = max(0.0, self.level + moved + self.leak)
        if self.level > FULL:
            self.floor, self.level = self.floor + self.level - FULL, FULL

    @property
    def said(self) -> float:
        """What the sensor says: it knows no fractions, so that a calm tank repeats itself."""
        return round(self.level if self.frozen is None else self.frozen)


@dataclass
class House:
    """Both racks, and the time that passes for them."""

    hass: HomeAssistant
    freezer: FrozenDateTimeFactory
    entry: MockConfigEntry
    node: Node
    patch: pytest.MonkeyPatch
    tank: Tank = field(default_factory=Tank)
    board_tank: Tank = field(default_factory=Tank)
    hung: bool = False
    welded: set[str] = field(default_factory=set)
    away: set[str] = field(default_factory=set)
    liar: bool = False
    told: list[tuple[Change, Alert]] = field(default_factory=list)
    seconds: int = 0
    zones: dict[str, str] = field(default_factory=dict)
    off_for: Counter[str] = field(default_factory=Counter)

    # --- what can be asked of it ----------------------------------------------------------------

    @property
    def hub(self) -> SmartAirHub:
        hub: SmartAirHub = self.entry.runtime_data
        return hub

    def zone(self, name: str) -> Zone:
        return self.hub.zones[self.zones[name]]

    def pump(self, name: str, role: Role) -> Pump:
        return self.zone(name).pumps[role]

    def on(self, name: str) -> bool:
        state = self.hass.states.get(f"switch.{name}")
        return state is not None and state.state == "on"

    def codes(self) -> Counter[str]:
        """Return how often each code was raised or noted since the last look."""
        return Counter(str(alert.code) for change, alert in self.told if change in {Change.RAISED, Change.NOTED})

    def forget(self, code: str, most: int | None = None) -> None:
        """Take away what was expected, which may have been told at most so often."""
        assert most is None or self.codes()[code] <= most, f"{code} was told {self.codes()[code]} times"
        self.told = [one for one in self.told if str(one[1].code) != code]

    # --- other people's switches ----------------------------------------------------------------

    def furnish(self) -> None:
        """Put the switches there, and listen to what is told."""
        for name, on in (("recirc", "on"), ("fill", "off"), ("drain", "off")):
            self.hass.states.async_set(f"switch.{name}", on)
        for service in ("turn_on", "turn_off"):
            self.hass.services.async_register("switch", service, self._switch)
        self.report()

    async def _switch(self, call: ServiceCall) -> None:
        name = call.data["entity_id"].removeprefix("switch.")
        on = call.service == "turn_on"
        if self.hung and name == "drain" and not on:
            await asyncio.Event().wait()
        if name in self.away:
            raise HomeAssistantError("it is away")
        if name in self.welded and not on:
            return
        self.hass.states.async_set(f"switch.{name}", "on" if on else "off")

    def go_away(self, name: str) -> None:
        self.away.add(name)
        self.hass.states.async_set(f"switch.{name}", "unavailable")

    def come_back(self, name: str, state: str = "off") -> None:
        self.away.discard(name)
        self.hass.states.async_set(f"switch.{name}", state)

    @callback
    def listen(self) -> None:
        """Hear each alert, also after a restart."""
        self.hub.alerts.async_listen(lambda change, alert: self.told.append((change, alert)))

    # --- time -----------------------------------------------------------------------------------

    def report(self) -> None:
        if not self.tank.silent and self.seconds % self.tank.interval == 0:
            attributes = {"unit_of_measurement": "%", "state_class": "measurement"}
            self.hass.states.async_set("sensor.level", str(self.tank.said), attributes)
        if self.seconds % self.board_tank.interval == 0 and not self.board_tank.silent:
            node, moving = self.node, {**self.node.on, **dict.fromkeys(self.welded & set(self.node.on), True)}
            node.level = self.board_tank.said
            node.flow = {
                channel: 3.0 * (on and not self.board_tank.blocked)
                for channel, on in moving.items()
                if channel != "pump_recirc"
            }
            node.current = {channel: 700.0 * on for channel, on in moving.items()}
            truth, node.on = node.on, moving if self.liar else node.on
            node.tell(ph=6.0, ec=1.8, water_temperature=21.0)
            node.on = truth

    async def second(self, seconds: int = 1) -> None:
        """Let seconds pass one by one."""
        for _ in range(seconds):
            self.seconds += 1
            self.freezer.tick(1)
            self.tank.second(filling=self.on("fill"), draining=self.on("drain"))
            moving = {channel: on or channel in self.welded for channel, on in self.node.on.items()}
            self.board_tank.second(filling=moving["pump_fill"], draining=moving["pump_drain"])
            self.report()
            async_fire_time_changed(self.hass)
            await self.hass.async_block_till_done()
            for name, on in (("foreign", self.on("recirc")), ("board", self.node.on["pump_recirc"])):
                self.off_for[name] = 0 if on else self.off_for[name] + 1

    async def until(self, name: str, kind: str, at_most: int = 400) -> int:
        """Let seconds pass until a zone is in a state, and return how many."""
        for passed in range(at_most):
            if type(self.zone(name).memory.state).__name__ == kind:
                return passed
            await self.second()
        raise AssertionError(f"{kind} of {name} did not come: {self.zone(name).memory.state}; told {self.codes()}")

    async def told_within(self, *codes: str, seconds: int) -> int:
        """Let seconds pass until one of these is told, and return how many."""
        for passed in range(seconds + 1):
            if self.codes().keys() & set(codes):
                return passed
            await self.second()
        raise AssertionError(f"none of {codes} was told within {seconds} s; but {self.codes()}")

    async def correct_the_clock(self, seconds: float) -> None:
        """Set the clock, which changes nothing of what has passed."""
        before = time.monotonic
        self.freezer.move_to(datetime.fromtimestamp(time.time() + seconds, UTC))
        self.patch.setattr(time, "monotonic", lambda: before() - seconds)
        await self.second()

    async def restart(self, days: float = 0.0) -> None:
        """Have Home Assistant stop, and start again later."""
        assert await self.hass.config_entries.async_unload(self.entry.entry_id)
        await self.hass.async_block_till_done()
        self.freezer.tick(days * 86400)
        self.hass.states.async_remove("sensor.level")
        self.hass.states.async_remove("switch.drain")
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        self.listen()
        await self.hass.async_block_till_done()
        self.hass.states.async_set("switch.drain", "off")
        # As an entity is that its integration has restored, and that has not spoken yet.
        self.hass.states.async_set("sensor.level", "unknown", {"unit_of_measurement": "%"})
        self.hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
        self.node.say("status", "online", retain=True)
        await self.hass.async_block_till_done()
