"""A year through each blueprint that switches something: never energised beyond its bounds, nor at rest beyond."""

from datetime import datetime, time, timedelta
from typing import Any, ClassVar

from homeassistant.core import CoreState, ServiceCall
from hypothesis import strategies as st

from .conftest import OWNER, House
from .year import HERE, Events, Year, live

NONE = st.none()
NUMBER = st.integers(0, 7)
WORD = st.sampled_from(["unavailable", "unknown"])
MINUTES = st.sampled_from([1, 3, 7, 16, 31, 61])
RESTART = st.tuples(st.booleans(), st.sampled_from([1, 5, 20, 90]), NUMBER)
EVERYWHERE: Events = {
    "wait": MINUTES,
    "blink": st.tuples(NUMBER, WORD, st.sampled_from([1, 20, 50])),
    "go_away": NUMBER,
    "come_back": NUMBER,
    "deaf": st.booleans(),
    "restart": RESTART,
    "reload": NONE,
}


class Cycle(Year):
    """A duty cycle on a pump whose zone changes its water, with a lock."""

    blueprint = "recirculation_duty_cycle"
    choices = st.fixed_dictionaries(
        {
            "run": st.sampled_from([5, 15]),
            "rest": st.sampled_from([0, 5, 20]),
            "max_off": st.sampled_from([10, 30]),
            "busy_most": st.sampled_from([20, 60]),
        }
    )
    events: ClassVar[Events] = {
        **EVERYWHERE,
        "hand": st.sampled_from(["on", "off"]),
        "zone": st.sampled_from(["normal", "drain"]),
        "lock": st.sampled_from(["on", "off"]),
    }

    async def prepare(self, inputs: Any) -> None:
        self.pump = await self.own("switch.pump", "on")
        self.zone = await self.own("sensor.zone", "normal")
        self.lock = await self.own("binary_sensor.lock", "off")
        self.busy_since = 0.0
        self.free_since = 0.0
        self.inputs = {"pump": "switch.pump", "busy": "sensor.zone", "lock": "binary_sensor.lock", **inputs}

    async def on_hand(self, to: str) -> None:
        """A person switches the pump."""
        await self.make(self.pump, to, OWNER)

    async def on_zone(self, to: str) -> None:
        """The zone changes its water, or has done so."""
        await self.make(self.zone, to)
        self.look()

    async def on_lock(self, to: str) -> None:
        """The pump is locked, or no longer."""
        await self.make(self.lock, to)

    def held(self, more: float = 0) -> bool:
        """Whether it has to keep its hands off, as far as Home Assistant can see."""
        locked = self.lock.seen and self.lock.truth == "on"
        return locked or (self.busy_since > 0 and self.now - self.busy_since < self.inputs["busy_most"] * 60 + more)

    def look(self) -> None:
        """See what the zone does; while it is away it has ended nothing."""
        if self.up and self.zone.seen:
            self.busy_since = (self.busy_since or self.now) if self.zone.truth == "drain" else 0.0
        free = self.up and self.pump.seen and not self.deaf and not self.held(60)
        self.free_since = (self.free_since or self.now) if free and self.booted <= self.now else 0.0

    def outside(self) -> None:
        self.look()

    def heard(self, told: str) -> None:
        self.look()
        if not self.pump.seen or self.pump.truth == told:
            return
        if self.held(-60):
            self.blame(f"switched {told} while hands are to be kept off")
        so_long = self.now - self.pump.shown_since + 61
        if told == "off" and so_long < self.inputs["run"] * 60:
            self.blame("the run was cut")
        if told == "on" and self.hass.state is CoreState.running and self.now > self.booted + 1:
            least = min(self.inputs["rest"], self.inputs["max_off"]) * 60
            if so_long < least and not self.stopping:
                self.blame("the rest was cut")

    def check(self) -> None:
        self.look()
        if not self.free_since or self.now - max(self.free_since, self.booted) < 120:
            return
        if self.pump.truth == "off":
            assert self.now - self.pump.since <= self.inputs["max_off"] * 60 + 120, "it rests for too long"
        elif self.inputs["rest"]:
            assert self.now - self.pump.shown_since <= self.inputs["run"] * 60 + 120, "it runs for too long"


async def test_a_year_of_a_duty_cycle(house: House) -> None:
    await live(house, Cycle)


LOCKS = {"dry_run", "no_flow", "overcurrent"}


class Guard(Year):
    """A pump guard with a level, a flow and a current, on a pump that anybody may switch."""

    blueprint = "pump_guard"
    step = 15
    choices = st.fixed_dictionaries({"max_run": st.sampled_from([0, 5, 30]), "blink": st.sampled_from([0, 30])})
    events: ClassVar[Events] = {
        **EVERYWHERE,
        "wait": st.sampled_from([1, 2, 4, 7, 31]),
        "hand": st.sampled_from(["on", "off"]),
        "robot": st.just("on"),
        "level": st.sampled_from([5, 80]),
        "broken": st.sampled_from(["nothing", "blocked", "jammed"]),
        "press": st.sampled_from(["RESET", "ACK"]),
        "phone": st.sampled_from(["ann", "bob"]),
    }

    async def prepare(self, inputs: Any) -> None:
        self.pump = await self.own("switch.pump", "off")
        self.level = await self.own("sensor.level", 80)
        self.flow = await self.own("sensor.flow", 0)
        self.current = await self.own("sensor.current", 0)
        self.broken = "nothing"
        self.since: dict[str, float] = {}
        self.calm_at = self.calm_before = self.stopped_at = 0.0
        phones = [await self.someone("ann"), await self.someone("bob")]
        self.inputs = {
            "pump": "switch.pump",
            "level": "sensor.level",
            "flow": "sensor.flow",
            "current": "sensor.current",
            "phones": phones,
            **inputs,
        }

    def outside(self) -> None:
        """Let the water follow the pump."""
        on = self.pump.truth == "on"
        moves = on and self.broken == "nothing" and float(self.level.truth) > 0
        for thing, value in (
            (self.flow, 5 if moves else 0),
            (self.current, 4000 if self.broken == "jammed" else 900),
        ):
            thing.truth = str(value if on else 0)
            self._show(thing)

    async def on_hand(self, to: str) -> None:
        """A person switches the pump."""
        await self.make(self.pump, to, OWNER)
        self.outside()

    async def on_robot(self, to: str) -> None:
        """Another automation switches the pump, and again if it did not help."""
        for _ in range(3):
            await self.make(self.pump, to)
            self.outside()
            await self.go(60)

    async def on_level(self, to: int) -> None:
        """The tank runs empty, or is filled."""
        await self.make(self.level, to)

    async def on_broken(self, to: str) -> None:
        """The pump breaks, or is mended."""
        self.broken = to
        self.outside()
        await self.settle()

    async def on_press(self, button: str) -> None:
        """A person presses a button of the message."""
        await self.press(f"SMARTAIR_{button}_smartair-{self.name}")

    @property
    def word(self) -> str:
        """What the guard holds against the pump."""
        return str(self.remembered(self.name) or "free").split(" ", maxsplit=1)[0]

    def heard(self, told: str) -> None:
        if told == "on":
            self.blame("a guard switched a pump on")
        elif self.pump.seen and self.pump.truth == "on":
            self.stopped_at, self.calm_before = self.stopped_at or self.now, self.calm_at
            ran = self.now - self.pump.since
            long = self.inputs["max_run"] and ran > self.inputs["max_run"] * 60 - 30
            if self.now - self.calm_at > 0 or long or self.now < self.trouble_at + 300:
                return
            self.blame("stopped for nothing")

    trouble_at = 0.0

    def check(self) -> None:
        self.outside()
        can = self.up and self.pump.seen and not self.deaf
        runs = can and self.pump.truth == "on"
        senses = (self.level, self.flow, self.current)
        blind = any(not one.seen for one in senses)
        bad = {
            "dry": runs and self.level.seen and float(self.level.truth) < 10,
            "blocked": runs and self.flow.seen and self.flow.truth == "0",
            "jammed": runs and self.current.seen and self.current.truth == "4000",
            "blind": runs and blind,
            "locked": runs and self.word in LOCKS,
            "long": runs,
        }
        self.since = {name: max(self.since.get(name, self.now), self.booted) for name, is_so in bad.items() if is_so}
        most = {"dry": 35, "blocked": 65, "jammed": 65, "blind": 95, "locked": 35}
        for name, since in self.since.items():
            if name in most:
                assert self.now - since <= most[name], f"it runs {name} for {self.now - since} s"
        if "long" in self.since and self.inputs["max_run"] and self.now - self.since["long"] >= 45:
            assert self.now - self.pump.since <= self.inputs["max_run"] * 60 + 45, "it runs for too long"
        low = float(self.level.truth) < 10
        if low or blind or self.broken != "nothing" or self.word != "free" or not can:
            self.trouble_at = self.now
        else:
            self.calm_at = self.now
        if self.stopped_at and self.now - self.stopped_at >= 60:
            for name in self.devices:
                if name not in self.away:
                    assert any(at >= self.calm_before - 60 for at, *_ in self.rings(name)), f"{name} is not told"
            self.stopped_at = 0.0

    def finish(self) -> None:
        assert self.told_again(180) == []


async def test_a_year_of_a_pump_guard(house: House) -> None:
    await live(house, Guard)


class Ventilation(Year):
    """A fan that people switch as well, two sensors and a window."""

    blueprint = "ventilation"
    choices = st.fixed_dictionaries(
        {
            "min_on": st.sampled_from([2, 10]),
            "min_off": st.sampled_from([2, 5]),
            "override": st.sampled_from([10, 60]),
            "on_missing": st.sampled_from(["leave", "off", "on"]),
            "night_mode": st.sampled_from(["normal", "quiet"]),
        }
    )
    events: ClassVar[Events] = {
        **EVERYWHERE,
        "hand": st.sampled_from(["on", "off"]),
        "robot": st.sampled_from(["on", "off"]),
        "air": st.tuples(st.integers(0, 1), st.sampled_from([500, 900, 1500, 4000])),
        "window": st.sampled_from(["on", "off"]),
        "blinks": st.sampled_from([4, 14]),
    }

    async def prepare(self, inputs: Any) -> None:
        self.fan = await self.own("fan.fan", "off", percentage_step=10)
        self.air = [await self.own(f"sensor.air_{one}", 500, unit_of_measurement="ppm") for one in range(2)]
        self.window = await self.own("binary_sensor.window", "off")
        self.wanted, self.wanted_since, self.hand_at = "stop", 0.0, 0.0
        self.mine = False
        self.inputs = {
            "sensors": [one.entity_id for one in self.air],
            "ventilators": "fan.fan",
            "windows": "binary_sensor.window",
            **inputs,
        }

    async def on_hand(self, to: str) -> None:
        """A person switches the fan."""
        if self.fan.seen and self.fan.truth != to:
            self.hand_at = self.now
        await self.make(self.fan, to, OWNER if self.fan.seen else None)

    async def on_robot(self, to: str) -> None:
        """Another automation switches the fan."""
        await self.make(self.fan, to)

    async def on_air(self, what: tuple[int, int]) -> None:
        """The air changes."""
        await self.make(self.air[what[0]], what[1])

    async def on_window(self, to: str) -> None:
        """A window is opened or closed."""
        await self.make(self.window, to)

    async def on_blinks(self, times: int) -> None:
        """The fan is away for a second each minute."""
        for _ in range(times):
            self.fan.late = True
            await self.show(self.fan)
            self.freezer.tick(1)
            self.fan.late = False
            await self.show(self.fan)
            await self.go(60)

    def held(self) -> bool:
        """Whether a person's hand counts, or may still do so."""
        return self.hand_at > 0 and self.now - self.hand_at < self.inputs["override"] * 60 + 120

    def wants(self) -> str:
        """What the air asks for, as far as it is known."""
        if self.window.seen and self.window.truth == "on":
            return "stop"
        values = [int(one.truth) for one in self.air if one.seen]
        if not values:
            return "unknown"
        return "run" if max(values) > 1000 else "stop" if max(values) < 800 else "leave"

    def heard(self, told: str) -> None:
        if not self.fan.seen or self.fan.truth == told:
            return
        wants = self.wants()
        if told == "on" and wants in {"stop", "leave"}:
            self.blame("started in good air")
        if told == "off" and wants in {"run", "leave"}:
            self.blame("stopped in bad air")
        if self.hand_at > 0 and self.now - self.hand_at < self.inputs["override"] * 60 - 61:
            self.blame(f"switched {told} against a person")
        least = self.inputs["min_on" if told == "off" else "min_off"] * 60
        if self.now - self.fan.shown_since + 61 < least:
            self.blame(f"switched {told} too soon")
        if told == "off" and not self.mine:
            self.blame("stopped what it did not start")

    def check(self) -> None:
        wants = self.wants()
        free = self.up and self.fan.seen and not self.deaf and not self.held()
        self.mine = self.fan.truth == "on" and (self.mine or wants in {"run", "unknown"} or self.hand_at > 0)
        if wants != self.wanted or not free:
            self.wanted, self.wanted_since = wants, self.now
        for_s = self.now - max(self.wanted_since, self.booted)
        if wants == "run" and for_s > self.inputs["min_off"] * 60 + 120:
            assert self.fan.truth == "on", "bad air, and it does not run"
        if wants == "stop" and for_s > self.inputs["min_on"] * 60 + 120 and self.started_it():
            assert self.fan.truth == "off", "good air, and it runs"

    def started_it(self) -> bool:
        """Whether the fan runs because the automation switched it on."""
        last = [what for _, what, _ in self.done]
        return bool(last) and last[-1] == "fan.turn_on" and self.fan.since <= self.done[-1][0]


async def test_a_year_of_a_ventilation(house: House) -> None:
    await live(house, Ventilation)


class WaterChange(Year):
    """A water change on every day, of a zone that takes a start or does not."""

    blueprint = "planned_water_change"
    choices = st.fixed_dictionaries(
        {
            "time_of_day": st.sampled_from(["06:30:00", "02:30:00", "22:00:00"]),
            "window": st.sampled_from([1, 3]),
        }
    )
    events: ClassVar[Events] = {
        **EVERYWHERE,
        "wait": st.sampled_from([3, 16, 61, 180]),
        "zone": st.sampled_from(["normal", "normal_recirc", "failed", "drain"]),
        "phone": st.sampled_from(["ann", "bob"]),
    }
    took_at = 0.0

    async def prepare(self, inputs: Any) -> None:
        self.zone = await self.own("sensor.zone", "normal")
        self.pressed_at = self.ready_since = self.unready_since = 0.0
        self.taken: dict[float, int] = {}
        self.due_told = 0.0
        phones = [await self.someone("ann"), await self.someone("bob")]
        self.inputs = {
            "begin": "button.zone",
            "zone_state": "sensor.zone",
            "weekdays": [str(one) for one in range(1, 8)],
            "phones": phones,
            **inputs,
        }

    def opened(self) -> tuple[float, float]:
        """Return the window that is open or comes next."""
        at = time.fromisoformat(self.inputs["time_of_day"])
        today = datetime.combine(datetime.fromtimestamp(self.now, HERE).date(), at, HERE)
        long = self.inputs["window"] * 3600
        before = (today - timedelta(days=1)).timestamp()
        opens = before if self.now < before + long else today.timestamp()
        return opens, opens + long

    async def _answer(self, _call: ServiceCall) -> None:
        opens, closes = self.opened()
        if not opens <= self.now < closes:
            self.blame("started outside of its hours")
        if not self.zone.seen or not self.zone.truth.startswith("normal"):
            self.blame("started a zone that is not ready")
        if self.now - self.pressed_at < 600:
            self.blame("pressed again too soon")
        if self.taken.get(opens):
            self.blame("started twice in one window")
        self.pressed_at = self.now
        if not self.deaf:
            self.taken[opens] = 1
            self.took_at = self.now
            self.zone.truth, self.zone.since = "drain", self.now
            self._show(self.zone)

    async def on_zone(self, to: str) -> None:
        """Somebody else has the zone do something."""
        self.took_at = self.now if to == "drain" else 0.0
        await self.make(self.zone, to)

    def outside(self) -> None:
        if self.took_at and self.now - self.took_at > 1200:
            self.took_at = 0.0
            self.zone.truth = "normal_recirc"
            self._show(self.zone)

    def check(self) -> None:
        opens, closes = self.opened()
        ready = self.zone.seen and self.zone.truth.startswith("normal")
        self.ready_since = (self.ready_since or self.now) if ready and self.up else 0.0
        for_s = self.now - max(self.ready_since, self.booted, opens)
        if self.ready_since and opens <= self.now < closes and for_s > 130:
            assert self.pressed_at >= opens, "a change was due, and nothing was done"
        for name in self.devices:
            if name not in self.away:
                seen = [title for at, title, _ in self.rings(name) if at >= opens]
                assert len(seen) <= 8 * self.inputs["window"], "told too often"
                if self.pressed_at >= opens:
                    assert seen, f"{name} is not told of a start"

    def finish(self) -> None:
        assert self.told_again(590) == []


async def test_a_year_of_a_planned_water_change(house: House) -> None:
    await live(house, WaterChange)
