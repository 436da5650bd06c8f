"""A year through each blueprint that tells: never silent on what is critical, and nothing is told twice."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from homeassistant.core import ServiceCall
from hypothesis import strategies as st

from .conftest import House
from .test_a_year import EVERYWHERE
from .year import HERE, Events, Year, live

QUIET = st.sampled_from([(22, 7), (0, 0), (3, 5)])
"""From which hour to which it is to be quiet."""
PHONES: Events = {"phone": st.sampled_from(["ann", "bob"])}


class Telling(Year):
    """What all that tell have in common: two phones, and hours in which they are to be quiet."""

    hours = (0, 0)

    async def people(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Have two phones, and quiet hours where they are among the inputs."""
        phones = {"phones": [await self.someone("ann"), await self.someone("bob")]}
        if (hours := inputs.get("quiet")) is None:
            return {**phones, **inputs}
        self.hours = hours
        times = {"quiet_start": f"{hours[0]:02}:00:00", "quiet_end": f"{hours[1]:02}:00:00"}
        return {**phones, **times, **{name: value for name, value in inputs.items() if name != "quiet"}}

    @property
    def quiet(self) -> bool:
        """Whether it is one of the quiet hours."""
        hour, (begins, ends) = datetime.fromtimestamp(self.now, HERE).hour, self.hours
        return begins <= hour < ends if begins <= ends else hour >= begins or hour < ends

    def all_told(self, since: float, what: str = "") -> bool:
        """Tell whether each phone that is there was told of something since a time."""
        return all(
            any(at >= since and what in message for at, _, message in self.rings(name))
            for name in self.devices
            if name not in self.away
        )

    async def on_press(self, button: str) -> None:
        """A person presses a button of the message."""
        self.pressed_at = self.now
        await self.press(f"SMARTAIR_{button}_smartair-{self.name}")

    pressed_at = 0.0


class Alert(Telling):
    """An alert for two rooms."""

    blueprint = "air_quality_alert"
    choices = st.fixed_dictionaries(
        {"bad_for": st.sampled_from([1, 5]), "good_for": st.sampled_from([2, 5]), "quiet": QUIET}
    )
    events: ClassVar[Events] = {
        **EVERYWHERE,
        **PHONES,
        "air": st.tuples(st.integers(0, 1), st.sampled_from([500, 1200, 1600, 3500])),
        "press": st.sampled_from(["SNOOZE", "ACK"]),
    }
    worst: ClassVar[int] = 3000

    async def prepare(self, inputs: Any) -> None:
        self.rooms = [await self.own(f"sensor.{one}", 500, unit_of_measurement="ppm") for one in ("bed", "nursery")]
        self.hot_since = [0.0, 0.0]
        self.cool_since = [0.0, 0.0]
        self.counted = 0
        self.inputs = {"sensors": [one.entity_id for one in self.rooms], **await self.people(inputs)}

    async def on_air(self, what: tuple[int, int]) -> None:
        """The air of a room changes."""
        await self.make(self.rooms[what[0]], what[1])

    def critical(self, number: int) -> bool:
        """Whether a room is critical, in truth."""
        return float(self.rooms[number].truth) > self.worst

    def check(self) -> None:
        for number, room in enumerate(self.rooms):
            if self.critical(number):
                self.hot_since[number] = self.hot_since[number] or room.since
                self.cool_since[number] = 0.0
                seen_for = self.now - max(room.shown_since, self.booted, room.seen_since)
                if room.seen and seen_for > 130 and self.pressed_at < self.hot_since[number]:
                    assert self.all_told(self.hot_since[number]), f"{room.entity_id} is critical, and nobody is told"
            else:
                self.cool_since[number] = self.cool_since[number] or self.now
                if self.now - self.cool_since[number] > self.inputs["good_for"] * 60 + 120:
                    self.hot_since[number] = 0.0
        fresh, self.counted = self.told[self.counted :], len(self.told)
        if fresh and self.quiet and all(room.seen for room in self.rooms):
            assert any(self.critical(number) for number in range(2)), "a quiet hour was broken"

    def finish(self) -> None:
        assert self.told_again(3500) == []


async def test_a_year_of_an_air_quality_alert(house: House) -> None:
    await live(house, Alert)


class Watch(Alert):
    """A watch of pH and EC that stops dosing, which somebody else begins again and again."""

    blueprint = "ec_ph_watch"
    choices = st.fixed_dictionaries(
        {"bad_for": st.sampled_from([1, 15]), "good_for": st.sampled_from([2, 15]), "quiet": QUIET}
    )
    events: ClassVar[Events] = {
        **EVERYWHERE,
        **PHONES,
        "air": st.tuples(st.integers(0, 1), st.sampled_from([0, 1, 2])),
        "press": st.sampled_from(["SNOOZE", "ACK"]),
        "dose": st.just("on"),
    }
    values = (("6.0", "6.9", "8.2"), ("1800", "2600", "4000"))

    async def prepare(self, inputs: Any) -> None:
        ph = await self.own("sensor.ph", "6.0")
        ec = await self.own("sensor.ec", "1800", unit_of_measurement="μS/cm")
        self.rooms = [ph, ec]
        self.dosing = await self.own("switch.dosing", "off")
        self.hot_since = [0.0, 0.0]
        self.cool_since = [0.0, 0.0]
        self.counted, self.wrong_since = 0, 0.0
        self.inputs = {
            "ph": "sensor.ph",
            "ec": "sensor.ec",
            "dosing": "switch.dosing",
            **await self.people(inputs),
        }

    async def on_air(self, what: tuple[int, int]) -> None:
        """The solution changes."""
        await self.make(self.rooms[what[0]], self.values[what[0]][what[1]])

    async def on_dose(self, to: str) -> None:
        """Another automation doses."""
        await self.make(self.dosing, to)

    def critical(self, number: int) -> bool:
        return self.rooms[number].truth == self.values[number][2]

    def check(self) -> None:
        super().check()
        out = any(one.seen and one.truth != self.values[number][0] for number, one in enumerate(self.rooms))
        wrong = self.up and self.dosing.seen and not self.deaf and out and self.dosing.truth == "on"
        self.wrong_since = (self.wrong_since or self.now) if wrong else 0.0
        if wrong and self.now > self.booted + 60:
            assert self.now - self.wrong_since <= 61, "it doses although a value is out of its range"


async def test_a_year_of_an_ec_ph_watch(house: House) -> None:
    await live(house, Watch)


class Offline(Telling):
    """Three devices that come and go."""

    blueprint = "device_offline"
    choices = st.fixed_dictionaries({"grace": st.sampled_from([2, 10]), "tell_back": st.booleans(), "quiet": QUIET})
    events: ClassVar[Events] = {
        **EVERYWHERE,
        **PHONES,
        "link": st.tuples(st.integers(0, 2), st.sampled_from(["on", "off"])),
        "press": st.just("ACK"),
    }

    async def prepare(self, inputs: Any) -> None:
        for one in ("Tent", "Rack", "Hall"):
            name = f"binary_sensor.{one.lower()}"
            await self.own(name, "on", device_class="connectivity", friendly_name=one)
        self.counted, self.loud_since = 0, 0.0
        self.down_since = dict.fromkeys(self.things, 0.0)
        self.inputs = {"watched": [*self.things], "all_smartair": False, **await self.people(inputs)}

    async def on_link(self, what: tuple[int, str]) -> None:
        """A device loses its link, or finds it again."""
        await self.make(self._one(what[0]), what[1])

    def check(self) -> None:
        self.loud_since = 0.0 if self.quiet else self.loud_since or self.now
        for name, thing in self.things.items():
            down = not thing.seen or thing.truth == "off"
            self.down_since[name] = (self.down_since[name] or self.now) if down else 0.0
            for_s = self.now - max(self.down_since[name], self.booted)
            loud_for = self.now - self.loud_since if self.loud_since else 0
            if down and min(for_s, loud_for) > self.inputs["grace"] * 60 + 130:
                word = str(thing.attributes["friendly_name"])
                assert self.all_told(self.down_since[name] - 3600, word), f"{word} is away, and nobody is told"
        fresh, self.counted = self.told[self.counted :], len(self.told)
        assert not (fresh and self.quiet), "a quiet hour was broken"

    def finish(self) -> None:
        assert self.told_again(1e9) == []


async def test_a_year_of_a_device_offline(house: House) -> None:
    await live(house, Offline)


class Digest(Telling):
    """A digest of every morning."""

    blueprint = "morning_digest"
    choices = st.fixed_dictionaries({"time_of_day": st.sampled_from(["02:30:00", "07:30:00", "22:00:00"])})
    events: ClassVar[Events] = {**EVERYWHERE, **PHONES, "wait": st.sampled_from([3, 61, 300, 700])}
    step = 60

    async def prepare(self, inputs: Any) -> None:
        await self.own("binary_sensor.leak", "off", device_class="problem", friendly_name="Leak")
        self.inputs = {"problems": ["binary_sensor.leak"], **await self.people(inputs)}

    async def on_wait(self, minutes: int) -> None:
        await self.go(minutes * 60, 60 if minutes < 60 else 300)

    def due(self) -> datetime:
        """Return when the last digest was due."""
        now = datetime.fromtimestamp(self.now, HERE)
        hour, minute, _ = map(int, self.inputs["time_of_day"].split(":"))
        at = now.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
        return at if at <= now else at - timedelta(days=1)

    def check(self) -> None:
        due = self.due().timestamp()
        sent = [at for at, *_ in self.rings("bob" if "ann" in self.away else "ann") if at >= due]
        assert len(sent) <= 1, "two digests of one morning"
        up_for = self.now - max(due, self.booted)
        today = due > self.booted or due + 10_800 - 700 > self.booted
        if (
            today
            and up_for > 700
            and datetime.fromtimestamp(due, HERE).day == datetime.fromtimestamp(self.now, HERE).day
        ):
            assert sent, "no digest"


async def test_a_year_of_a_morning_digest(house: House) -> None:
    await live(house, Digest)


class Rollout(Telling):
    """Three devices with firmware to install, a pump that must rest, and updates that may fail."""

    blueprint = "firmware_rollout"
    choices = st.fixed_dictionaries({"soak": st.sampled_from([1, 20]), "patience": st.sampled_from([10, 30])})
    events: ClassVar[Events] = {
        "wait": st.sampled_from([3, 61, 300]),
        "restart": EVERYWHERE["restart"],
        "reload": EVERYWHERE["reload"],
        "blink": EVERYWHERE["blink"],
        "phone": PHONES["phone"],
        "pump": st.sampled_from(["on", "off"]),
        "release": st.sampled_from(["2", "3"]),
        "fails": st.booleans(),
        "press": st.just("RESUME"),
    }

    async def prepare(self, inputs: Any) -> None:
        self.boards = [
            await self.own(f"update.board_{one}", "on", installed_version="1", latest_version="2", in_progress=False)
            for one in range(3)
        ]
        self.pump = await self.own("switch.pump", "off")
        self.fails = False
        self.ordered: dict[str, float] = {}
        self.failed_at = 0.0
        self.inputs = {
            "updates": [one.entity_id for one in self.boards],
            "pumps": "switch.pump",
            **await self.people(inputs),
        }

    async def on_wait(self, minutes: int) -> None:
        await self.go(minutes * 60, 60 if minutes < 60 else 300)

    async def on_pump(self, to: str) -> None:
        """The pump runs, or rests."""
        await self.make(self.pump, to)

    async def on_release(self, version: str) -> None:
        """There is new firmware."""
        for board in self.boards:
            board.attributes = {**board.attributes, "latest_version": version}
            await self.make(board, "off" if board.attributes["installed_version"] == version else "on")

    async def on_fails(self, fails: bool) -> None:
        """Updates fail from now on, or no longer."""
        self.fails = fails

    async def _answer(self, call: ServiceCall) -> None:
        for entity_id in call.data["entity_id"]:
            board = self.things[entity_id]
            if not 2 <= datetime.fromtimestamp(self.now, HERE).hour < 5:
                self.blame("installed by day")
            if self.pump.seen and self.pump.truth != "off":
                self.blame("installed while a pump runs")
            if any(one.attributes["in_progress"] for one in self.boards):
                self.blame("two at once")
            if self.failed_at and self.pressed_at < self.failed_at and self.failed_version == self.version(board):
                self.blame("went on after a failure")
            self.ordered[entity_id] = self.now
            board.attributes = {**board.attributes, "in_progress": True}
            self._show(board)

    def version(self, board: Any) -> str:
        """Return what would be installed on a board."""
        return str(board.attributes["latest_version"])

    failed_version = ""

    def outside(self) -> None:
        for board in self.boards if len(self.things) > 3 else ():
            at = self.ordered.get(board.entity_id)
            if at is None or self.now - at < 240:
                continue
            del self.ordered[board.entity_id]
            version = board.attributes["installed_version" if self.fails else "latest_version"]
            if self.fails:
                self.failed_version, self.fail_due = self.version(board), self.now
            board.attributes = {**board.attributes, "in_progress": False, "installed_version": version}
            truth = "on" if version != self.version(board) else "off"
            if board.truth != truth:
                board.truth, board.since = truth, self.now
            self._show(board)

    fail_due = 0.0

    def check(self) -> None:
        self.outside()
        if self.fail_due and self.now - max(self.fail_due, self.booted) > self.inputs["patience"] * 60 + 400:
            self.failed_at, self.fail_due = self.fail_due, 0.0
            if self.now - self.failed_at < 20_000:
                assert self.all_told(self.failed_at - 60), "an update failed, and nobody is told"


async def test_a_year_of_a_firmware_rollout(house: House) -> None:
    await live(house, Rollout)
