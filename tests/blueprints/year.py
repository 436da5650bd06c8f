"""A year that passes through a house: what is true in it, what Home Assistant sees of that, and what it does.

Hypothesis draws what happens in four seasons, two of which begin in a night in which the clock changes. What was done
and told is judged after each step, by what is true and not by what Home Assistant believes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
import os
from typing import Any, ClassVar
from unittest.mock import patch
from zoneinfo import ZoneInfo

from homeassistant.core import Context, CoreState, ServiceCall, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from hypothesis import HealthCheck, given, settings, strategies as st
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from .conftest import COMMANDS, House

DEEP = os.environ.get("SMARTAIR_HYPOTHESIS") == "deep"
YEARS = int(os.environ.get("SMARTAIR_YEARS") or (300 if DEEP else 6))
"""How many years pass through each blueprint."""
HERE = ZoneInfo("Europe/Berlin")
SEASONS = (("09-21 06:10", 0), ("10-31 01:40", 0), ("01-15 21:50", 1), ("03-31 01:40", 1))
"""When seasons begin, and how many years later; the last of a month is its last Sunday, when the clock changes."""

NO_NEWS = ("wait", "deaf", "reload", "phone")
"""What gives nobody a reason to say anything again; a restart after which all is seen at once is none either."""

type Events = dict[str, st.SearchStrategy[Any]]
type Event = tuple[str, Any]


@dataclass
class Thing:
    """What is true of something, and whether it can be reached."""

    entity_id: str
    truth: str
    attributes: dict[str, Any] = field(default_factory=dict)
    there: bool = True
    late: bool = False
    since: float = 0.0
    shown: str = ""
    shown_since: float = 0.0
    seen_since: float = 0.0
    """Since when Home Assistant has known what is true now; a blink or a restart makes it forget nothing."""

    @property
    def seen(self) -> bool:
        """Whether Home Assistant sees what is true."""
        return self.there and not self.late


class Year(House):
    """One year of one automation. What may happen are the methods that begin with on_."""

    blueprint: ClassVar[str]
    step: ClassVar[float] = 60
    choices: ClassVar[st.SearchStrategy[Any]] = st.none()
    events: ClassVar[Events] = {}
    names = count()
    first = count(2026)

    def __init__(self, house: House) -> None:
        """Begin in the house of a test, whose clock only goes forward."""
        super().__init__(house.hass, house.freezer)
        self.things: dict[str, Thing] = {}
        self.inputs: dict[str, Any] = {}
        self.up = False
        self.stopping = False
        self.booted = 0.0
        self.name = ""
        self.story: list[str] = []
        self.faults: list[str] = []
        self.news: list[float] = []
        self.told: list[tuple[float, str, str, dict[str, Any]]] = []
        self.done: list[tuple[float, str, str]] = []
        self.devices: dict[str, str] = {}
        self.away: set[str] = set()

    # --- what is there --------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """What time it is."""
        return self.freezer().replace(tzinfo=UTC).timestamp()

    async def own(self, entity_id: str, truth: Any, **attributes: Any) -> Thing:
        """Have something in the house."""
        thing = self.things[entity_id] = Thing(entity_id, str(truth), attributes, since=self.now)
        await self.show(thing)
        return thing

    async def make(self, thing: Thing, truth: Any, context: Context | None = None) -> None:
        """Let something become true."""
        if thing.truth != str(truth):
            thing.truth, thing.since = str(truth), self.now
        await self.show(thing, context)

    async def show(self, thing: Thing, context: Context | None = None, word: str = "unavailable") -> None:
        """Let Home Assistant see what there is to see."""
        self._show(thing, context, word)
        await self.settle()

    @callback
    def _show(self, thing: Thing, context: Context | None = None, word: str = "unavailable") -> None:
        if not self.up:
            return  # It is shown when Home Assistant has started.
        if thing.seen and thing.shown != thing.truth:
            thing.shown, thing.shown_since = thing.truth, self.now
        thing.seen_since = (thing.seen_since or self.now) if thing.seen else 0.0
        state = thing.truth if thing.seen else word
        self.hass.states.async_set(thing.entity_id, state, thing.attributes, context=context)

    @callback
    def _obey(self, call: ServiceCall) -> None:
        told = COMMANDS[f"{call.domain}.{call.service}"]
        for entity_id in call.data["entity_id"]:
            self.done.append((self.now, f"{call.domain}.{call.service}", entity_id))
            self.heard(told)
            thing = self.things.get(entity_id)
            if thing is None or not thing.seen or self.deaf:
                continue
            if thing.truth != told:
                thing.truth, thing.since = told, self.now
            self._show(thing, call.context)
            self.outside()

    def heard(self, told: str) -> None:
        """Judge a command by what is true in the moment in which it is given."""

    async def someone(self, name: str) -> str:
        """Have a phone, and return its device."""
        device = await super().phone(name)
        self.devices[name] = device
        self.hass.services.async_register("notify", f"mobile_app_{name}", self._ring(name))
        return device

    def _ring(self, name: str) -> Callable[[ServiceCall], Awaitable[None]]:
        async def ring(call: ServiceCall) -> None:
            # A message that is only brought up to date makes no sound.
            if call.data["message"] != "clear_notification" and not call.data["data"]["alert_once"]:
                self.told.append((self.now, name, call.data["title"], dict(call.data)))

        return ring

    def rings(self, name: str = "ann") -> list[tuple[float, str, str]]:
        """Return what a phone was told: when, title and message."""
        return [(at, title, data["message"]) for at, who, title, data in self.told if who == name]

    def told_again(self, least: float) -> list[str]:
        """Return what phones were told again within so many seconds, without any news in between."""
        found = []
        for name in self.devices:
            rings = self.rings(name)
            for (before, title, _), (at, again, _) in pairwise(rings):
                news = any(before - 1 <= one <= at for one in self.news)
                if title == again and at - before < least and not news:
                    found.append(f"{name}: {title} again after {at - before} s")
        return found

    # --- what happens in every house ------------------------------------------------------------

    async def on_wait(self, minutes: int) -> None:
        """Nothing happens for a while."""
        await self.go(minutes * 60)

    async def on_blink(self, what: tuple[int, str, int]) -> None:
        """Something is away for some seconds."""
        number, word, seconds = what
        thing = self._one(number)
        if thing.there:
            thing.there = False
            await self.show(thing, word=word)
            await self.go(seconds, seconds)
            thing.there = True
            await self.show(thing)

    async def on_go_away(self, number: int) -> None:
        """Something can be reached no more."""
        thing = self._one(number)
        thing.there = False
        await self.show(thing)

    async def on_come_back(self, number: int) -> None:
        """Something can be reached again."""
        thing = self._one(number)
        thing.there = True
        await self.show(thing)

    async def on_deaf(self, deaf: bool) -> None:
        """Commands get lost, or no longer."""
        self.deaf = deaf

    async def on_restart(self, how: tuple[bool, int, int]) -> None:
        """Home Assistant stops, or dies, and is back after some minutes; what is late is seen a minute after."""
        orderly, minutes, late = how
        if orderly:
            self.stopping = True
            for job in self.hass._shutdown_jobs:  # noqa: SLF001
                self.hass.async_run_hass_job(job.job, *job.args)
            await self.settle()
            self.stopping = False
        await self._down()
        self.freezer.tick(minutes * 60)
        self.outside()
        await self._boot(late)
        await self.go(60, self.step)
        for thing in self.things.values():
            thing.late = False
            await self.show(thing)

    async def on_reload(self, _: None) -> None:
        """Somebody reloads automations."""
        await self._load([self.config])

    async def on_phone(self, name: str) -> None:
        """A phone goes for good, if it is not the last."""
        if not self.away:
            self.away.add(name)
            dr.async_get(self.hass).async_remove_device(self.devices[name])
            self.hass.services.async_remove("notify", f"mobile_app_{name}")

    def _one(self, number: int) -> Thing:
        return list(self.things.values())[number % len(self.things)]

    # --- the course of time ---------------------------------------------------------------------

    async def go(self, seconds: float, step: float | None = None) -> None:
        """Let time pass, and judge after each step."""
        left = seconds
        while left > 0:
            passing = min(step or self.step, left)
            self.freezer.tick(passing)
            self.outside()
            async_fire_time_changed(self.hass)
            await self.settle()
            self.judge()
            left -= passing

    def outside(self) -> None:
        """Let the world go on by itself."""

    def blame(self, what: str) -> None:
        """Note a fault: who raises it in the midst of an action only ends that action."""
        self.faults.append(f"{datetime.fromtimestamp(self.now, HERE):%d %b %H:%M:%S} {what}")

    def judge(self) -> None:
        """Judge what is, and what was done since the last time."""
        self.check()
        assert not self.faults, "; ".join(self.faults)

    def check(self) -> None:
        """Judge what is."""

    async def prepare(self, draw: Any) -> None:
        """Furnish the house, and choose the inputs of the automation."""
        raise NotImplementedError

    @property
    def config(self) -> dict[str, Any]:
        """The automation, as it stands in its file."""
        path = f"smartair/{self.blueprint}.yaml"
        return {"id": self.name, "alias": self.name, "use_blueprint": {"path": path, "input": self.inputs}}

    async def _load(self, configs: list[dict[str, Any]]) -> None:
        with patch("homeassistant.config.load_yaml_config_file", return_value={"automation": configs}):
            await self.hass.services.async_call("automation", "reload", blocking=True)
        await self.settle()

    async def _down(self) -> None:
        await self._load([])
        self.up = False
        for entity_id in self.things:
            self.hass.states.async_remove(entity_id)
        self.hass.set_state(CoreState.not_running)

    async def _boot(self, late: int = 0) -> None:
        self.up = True
        self.booted = self.now
        for number, thing in enumerate(self.things.values()):
            thing.late = bool(late >> number & 1)
            self._show(thing)
        self.hass._startup_jobs.clear()  # noqa: SLF001 - of the automations that were before
        await self._load([self.config])
        await self.started()
        assert self.state(f"automation.{self.name}") == "on"

    async def pass_through(self, plan: tuple[list[Event], ...], inputs: Any) -> None:
        """Let a year pass."""
        self.name = f"year_{next(self.names)}"
        year = next(self.first)
        for season, ((begins, later), events) in enumerate(zip(SEASONS, plan, strict=True)):
            at = datetime.fromisoformat(f"{year + later}-{begins}").replace(tzinfo=HERE)
            at -= timedelta(days=at.isoweekday() % 7 if at.day == 31 else 0)
            if season == 0:
                await self._jump(at)
                await self.prepare(inputs)
                await self._boot()
            else:
                await self._down()
                await self._jump(at)
                await self._boot()
            await self.go(120)
            for name, what in events:
                self.story.append(f"{datetime.fromtimestamp(self.now, HERE):%d %b %H:%M:%S} {name} {what}")
                if name not in NO_NEWS and (name != "restart" or what[2]):
                    self.news.append(self.now)
                await getattr(self, f"on_{name}")(what)
                self.judge()
                await self.go(self.step)
        self.finish()
        assert not self.faults, "; ".join(self.faults)

    async def _jump(self, at: datetime) -> None:
        seconds = (at - datetime.fromtimestamp(self.now, UTC)).total_seconds()
        self.freezer.tick(seconds)
        if self.things:
            self.outside()

    def finish(self) -> None:
        """Judge the year as a whole."""

    async def clear(self) -> None:
        """Leave the house as it was."""
        self.deaf = False
        await self._load([])
        er.async_get(self.hass).async_remove(f"automation.{self.name}")
        for entity_id in self.things:
            self.hass.states.async_remove(entity_id)
        for name, device in self.devices.items():
            if name not in self.away:
                dr.async_get(self.hass).async_remove_device(device)
        await self.settle()


async def live(house: House, kind: type[Year]) -> None:
    """Let years pass through a blueprint: as many as are wanted, and the same each time unless they are many."""
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.remembers()
    assert await async_setup_component(house.hass, "automation", {})
    loop = asyncio.get_running_loop()
    event = st.one_of(*(st.tuples(st.just(name), what) for name, what in kind.events.items()))
    season = st.lists(event, min_size=5, max_size=10)

    async def one(plan: tuple[list[Event], ...], inputs: Any) -> None:
        year = kind(house)
        try:
            await year.pass_through(plan, inputs)
        except Exception as error:
            error.add_note("\n".join(year.story))
            raise
        finally:
            await year.clear()

    @settings(
        max_examples=YEARS,
        deadline=None,
        database=None,
        derandomize=not DEEP,
        suppress_health_check=list(HealthCheck),
    )
    @given(plan=st.tuples(season, season, season, season), inputs=kind.choices)
    def years(plan: tuple[list[Event], ...], inputs: Any) -> None:
        asyncio.run_coroutine_threadsafe(one(plan, inputs), loop).result()

    await loop.run_in_executor(None, years)
