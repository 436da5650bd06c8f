"""A house in which blueprints are tried: their own files, Home Assistant's own engine, and things that may obey."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
import logging
import os
from pathlib import Path
import shutil
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import EVENT_CALL_SERVICE, EVENT_HOMEASSISTANT_START, EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import Context, CoreState, Event, HomeAssistant, ServiceCall, State, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.entity import entity_sources
from homeassistant.setup import async_setup_component
from homeassistant.util import slugify
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    mock_restore_cache,
)

from custom_components.smartair.automations.memory import async_setup_memory
from custom_components.smartair.automations.memory_actions import async_setup_memory_services

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "blueprints" / "automation" / "smartair"

COMMANDS = {
    "switch.turn_on": "on",
    "switch.turn_off": "off",
    "fan.turn_on": "on",
    "fan.turn_off": "off",
    "fan.set_percentage": "on",
    "climate.set_hvac_mode": "fan_only",
    "climate.turn_off": "off",
}
HEARD = ("button.press", "update.install")
"""What has no state to change by itself; a test says what comes of it."""
OWNER = Context(user_id="owner")


class House:
    """Entities that are told and that obey, and a clock."""

    def __init__(self, hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
        self.hass = hass
        self.freezer = freezer
        self.deaf = False
        self.rest_with: dict[str, list[str]] = {}
        self.line = asyncio.Event()
        """Whether phones and updates answer; else what calls them waits."""
        self.line.set()
        self.pushed: dict[str, list[dict[str, Any]]] = {}
        self._calls: list[tuple[str, dict[str, Any]]] = []
        for command in COMMANDS:
            hass.services.async_register(*command.split("."), self._obey)
        for command in HEARD:
            hass.services.async_register(*command.split("."), self._answer)
        hass.bus.async_listen(EVENT_CALL_SERVICE, self._note)

    @callback
    def _obey(self, call: ServiceCall) -> None:
        for entity_id in call.data["entity_id"]:
            if not self.deaf and (state := self.hass.states.get(entity_id)):
                more = {key: value for key, value in call.data.items() if key == "percentage"}
                told = COMMANDS[f"{call.domain}.{call.service}"]
                self.hass.states.async_set(entity_id, told, {**state.attributes, **more}, context=call.context)
                for sensor in self.rest_with.get(entity_id, ()) if told == "off" else ():
                    self.hass.states.async_set(sensor, "0")

    async def _answer(self, _call: ServiceCall) -> None:
        await self.line.wait()

    @callback
    def _note(self, event: Event) -> None:
        name = f"{event.data['domain']}.{event.data['service']}"
        if name not in {"homeassistant.turn_on", "homeassistant.turn_off"}:
            self._calls.append((name, event.data["service_data"]))

    async def settle(self) -> None:
        """Let everything run that is ready; async_block_till_done would wait for delays too."""
        for _ in range(25):
            await asyncio.sleep(0)

    async def put(self, entity_id: str, state: Any, context: Context | None = None, **attributes: Any) -> None:
        """Give an entity a state; what it was before otherwise stays."""
        before = self.hass.states.get(entity_id)
        kept = dict(before.attributes) if before else {}
        self.hass.states.async_set(entity_id, str(state), {**kept, **attributes}, context=context)
        await self.settle()

    async def remove(self, entity_id: str) -> None:
        """Take an entity away."""
        self.hass.states.async_remove(entity_id)
        await self.settle()

    async def use(self, blueprint: str, alias: str = "try", **inputs: Any) -> None:
        """Make an automation of a blueprint, as the screen does."""
        config = {
            "id": alias,
            "alias": alias,
            "use_blueprint": {"path": f"smartair/{blueprint}.yaml", "input": inputs},
        }
        assert await async_setup_component(self.hass, "automation", {"automation": [config]})
        await self.settle()
        assert self.state(f"automation.{alias}") in {"on", "off"}  # unavailable is a blueprint that is broken

    async def boot(self, blueprint: str, **inputs: Any) -> None:
        """Start Home Assistant with an automation."""
        self.hass.set_state(CoreState.not_running)
        await self.use(blueprint, **inputs)
        await self.started()

    async def started(self) -> None:
        """Go through the end of Home Assistant's start."""
        self.hass.set_state(CoreState.starting)
        self.hass.bus.async_fire(EVENT_HOMEASSISTANT_START)
        await self.settle()
        for job in self.hass._startup_jobs:  # noqa: SLF001
            self.hass.async_run_hass_job(job.job, *job.args)
        await self.settle()
        self.hass.set_state(CoreState.running)
        self.hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
        await self.settle()

    async def wait(self, *, seconds: float = 0, minutes: float = 0, step: float = 60) -> None:
        """Let time pass, in steps that a clock which ticks each minute notices."""
        left = seconds + minutes * 60
        while left > 0:
            self.freezer.tick(min(step, left))
            async_fire_time_changed(self.hass)
            await self.settle()
            left -= step

    async def at(self, local: str) -> None:
        """Set the clock to a local date and time (2026-10-25 02:30) and let it tick."""
        zone = ZoneInfo(self.hass.config.time_zone)
        self.freezer.move_to(datetime.fromisoformat(local).replace(tzinfo=zone).astimezone(UTC))
        async_fire_time_changed(self.hass)
        await self.settle()

    def state(self, entity_id: str) -> str | None:
        """Return the state of an entity."""
        found = self.hass.states.get(entity_id)
        return found.state if found else None

    async def memory(self, text: str | None = None, **config: Any) -> str:
        """Make a text helper, as the screen does; with what it held before a restart."""
        if text is not None:
            mock_restore_cache(self.hass, [State("input_text.memory", text)])
        assert await async_setup_component(self.hass, "input_text", {"input_text": {"memory": config}})
        await self.settle()
        return "input_text.memory"

    async def remembers(self) -> None:
        """Set up the part of SmartAir with which automations remember."""
        await async_setup_memory(self.hass)
        async_setup_memory_services(self.hass)
        await self.settle()

    def remembered(self, key: str = "try") -> Any:
        """Return what an automation remembers with SmartAir."""
        return self.hass.states.get("smartair.memory").attributes.get(f"automation_{key}")

    async def phone(self, name: str) -> str:
        """Register a phone, and return its device's id; what it is sent is kept in `pushed`."""
        entry = MockConfigEntry(domain="mobile_app", title=name)
        entry.add_to_hass(self.hass)
        device = dr.async_get(self.hass).async_get_or_create(
            config_entry_id=entry.entry_id, identifiers={("mobile_app", name)}, name=name
        )
        slug = slugify(f"mobile_app_{name}")  # as the app's own integration does
        entity = er.async_get(self.hass).async_get_or_create(
            "notify", "mobile_app", name, device_id=device.id, suggested_object_id=slugify(name)
        )
        await self.put(entity.entity_id, "unknown")
        self.pushed[name] = []
        self.hass.services.async_register("notify", slug, self._push(name))
        return device.id

    async def ours(self, domain: str, name: str, state: Any, **attributes: Any) -> str:
        """Register an entity of SmartAir on a device of its own."""
        entry = MockConfigEntry(domain="smartair")
        entry.add_to_hass(self.hass)
        device = dr.async_get(self.hass).async_get_or_create(
            config_entry_id=entry.entry_id, identifiers={("smartair", name)}, name=name.partition("_")[0].title()
        )
        entity = er.async_get(self.hass).async_get_or_create(
            domain, "smartair", name, config_entry=entry, device_id=device.id, suggested_object_id=name
        )
        entity_sources(self.hass)[entity.entity_id] = {"domain": "smartair"}
        await self.put(entity.entity_id, state, **attributes)
        return entity.entity_id

    def _push(self, name: str) -> Callable[[ServiceCall], Awaitable[None]]:
        async def push(call: ServiceCall) -> None:
            self.pushed[name].append(dict(call.data))
            await self.line.wait()

        return push

    def pushes(self, name: str = "Ann's Phone") -> list[dict[str, Any]]:
        """Return what a phone was sent since the last look, and forget it."""
        sent, self.pushed[name] = self.pushed[name], []
        return sent

    async def press(self, action: str) -> None:
        """Press a button of a notification."""
        self.hass.bus.async_fire("mobile_app_notification_action", {"action": action}, context=OWNER)
        await self.settle()

    def on_screen(self) -> dict[str, str]:
        """Return the notifications on the screen of Home Assistant: titles by id."""
        return {one["notification_id"]: one["title"] for one in self.hass.data["persistent_notification"].values()}

    def calls(self, *prefixes: str) -> list[tuple[str, Any]]:
        """Return what was called since the last look, as (action, entity), and forget it."""
        calls = [
            (name, data)
            for name, data in self._calls
            if name.startswith(prefixes or ("switch.", "fan.", "climate.", "button.", "update.", "script."))
        ]
        self._calls.clear()
        return [(name, _one(data.get("entity_id"))) for name, data in calls]


def _one(entities: Any) -> Any:
    return entities[0] if isinstance(entities, list) and len(entities) == 1 else entities


@pytest.fixture(autouse=True)
def _no_debug_lines(caplog: pytest.LogCaptureFixture) -> None:
    """Write no debug lines: each look of an automation would print all its variables."""
    for name in ("", "homeassistant", "homeassistant.components.automation"):
        caplog.set_level(logging.INFO, name)


@pytest.fixture
async def house(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncGenerator[House]:
    """A house with the blueprints of this repository."""
    # The mutation check puts broken copies in their place.
    shutil.copytree(
        os.environ.get("SMARTAIR_BLUEPRINTS", SOURCE), hass.config.path("blueprints", "automation", "smartair")
    )
    hass.loop.set_debug(False)  # it would note the stack of every step of every automation
    for needed in ("homeassistant", "persistent_notification"):
        assert await async_setup_component(hass, needed, {})
    yield House(hass, freezer)
    if hass.services.has_service("automation", "turn_off"):
        await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
