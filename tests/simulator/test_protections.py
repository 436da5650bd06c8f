"""The simulator's channel does what the firmware's rules do, whatever is ordered and whatever the sensors say."""

import math
from pathlib import Path
import random
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from lab.simulator.protections import Channel, Happened
from lab.simulator.rules import safety

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
STORIES, DEEDS_EACH = 60, 50
ROLES = (safety.Role.RECIRCULATION, safety.Role.FILL, safety.Role.DRAIN)
KEPT = (
    (safety.Reason.DRY_RUN, safety.Cause.MEASURED),
    (safety.Reason.DRY_RUN, safety.Cause.UNKNOWN),
    (safety.Reason.OVERCURRENT, safety.Cause.MEASURED),
    (safety.Reason.PUMP_STUCK_ON, safety.Cause.MEASURED),
    (safety.Reason.TOO_MANY_FAILURES, safety.Cause.MEASURED),
)
HAPPENED = (
    Happened.NOTHING,
    None,
    Happened.FINISHED,
    Happened.TRIPPED,
    Happened.CONTACT_LOST,
    Happened.RELEASED_MAX_OFF,
    Happened.RELEASED_CONTACT,
    Happened.RUNS_OVER,
)


def limits(role: Any) -> Any:
    return safety.Limits(role=role, progress_s=math.inf, frozen_s=math.inf)


class Pair:
    """The firmware's rules and the simulator's, told the same."""

    def __init__(self, firmware: subprocess.Popen[str], role: Any, kept: Any, *, metered: bool) -> None:
        self.firmware, self.role, self.metered = firmware, role, metered
        # Quarters of a second, so that no rounding decides; as on a device that has just been switched on.
        self.now = 0.0
        self.lost_at: float | None = None
        self.readings: dict[str, Any] = {"level": safety.Reading(), "current": safety.Reading()}
        self.readings |= {"flow": safety.Reading()} if metered else {}
        self.leak = False
        self.said: list[str] = []
        self.channel = Channel(limits(role), lock=kept)
        self.channel.begin(self.now)
        reason, cause = (kept.reason, kept.cause) if kept else (None, None)
        numbers = (1 + [*safety.Reason].index(reason), [*safety.Cause].index(cause)) if kept else (0, 0)
        self.agree("new", ROLES.index(role), int(metered), *numbers)

    def agree(self, word: str, *values: Any, verdict: Any = safety.ALLOWED, happened: Any = Happened.NOTHING) -> None:
        """Tell the firmware as well, and compare what both have come to."""
        line = " ".join(map(str, (word, round(self.now * 1000), *values)))
        self.said.append(line)
        self.firmware.stdin.write(line + "\n")
        self.firmware.stdin.flush()
        running, lock, cause, refused, why, number = self.firmware.stdout.readline().split()
        expected = (bool(int(running)), (lock, cause), (refused, why), HAPPENED[int(number)])
        own = (self.channel.running, _words(self.channel.lock), _words(verdict), happened)
        assert own == expected, "\n".join(self.said[-25:])

    def read(self, what: str, value: float) -> None:
        if what not in self.readings:
            return
        self.readings[what] = self.readings[what].heard(value, self.now)
        self.agree(what, value)

    @property
    def inputs(self) -> Any:
        return safety.Readings(
            level=self.readings["level"],
            flow=self.readings.get("flow"),
            current_ma=self.readings["current"],
            leak=safety.Contact.ON if self.leak else safety.Contact.OFF,
        )

    def tick(self) -> None:
        happened = self.channel.tick(self.now, self.inputs, self.lost_at)
        self.agree("tick", int(self.lost_at is None), round((self.lost_at or 0) * 1000), happened=happened)


def _ms(*seconds: float | None) -> tuple[int, ...]:
    return tuple(round((each or 0) * 1000) for each in seconds)


def _words(verdict: Any) -> tuple[str, str]:
    if not isinstance(verdict, safety.Refused):
        return ("none", "none")
    return (str(verdict.reason), str(verdict.cause))


def starts(pair: Pair, chance: random.Random) -> None:
    bound, duration = (chance.choice([None, None, 2.0, 20.0, 300.0, 2000.0]) for _ in range(2))
    around = safety.Situation(
        interlocked=chance.random() < 0.1,
        zone_stuck=chance.random() < 0.05,
        zone_locked=chance.random() < 0.05,
        updating=chance.random() < 0.05,
    )
    pair.channel.updating = around.updating
    verdict = pair.channel.start(pair.now, pair.inputs, around, bound=bound, duration=duration)
    flags = (int(around.interlocked), int(around.zone_stuck), int(around.zone_locked), int(around.updating))
    pair.agree("start", *_ms(bound, duration), *flags, verdict=verdict)


def stops(pair: Pair, chance: random.Random) -> None:
    off, change = chance.choice([None, 5.0, 600.0, 9000.0]), chance.random() < 0.3
    pair.channel.stop(pair.now, off, water_change=change)
    pair.agree("stop", *_ms(off), int(change))


def resets(pair: Pair, _chance: random.Random) -> None:
    pair.agree("reset", verdict=pair.channel.reset(pair.now, pair.inputs))


def lets_go(pair: Pair, _chance: random.Random) -> None:
    pair.channel.to_fail_safe(pair.now)
    pair.agree("safe")


def leaks(pair: Pair, chance: random.Random) -> None:
    pair.leak = chance.random() < 0.3
    pair.agree("leak", int(pair.leak))


def loses_contact(pair: Pair, chance: random.Random) -> None:
    pair.lost_at = pair.now if chance.random() < 0.5 else None


def lives(pair: Pair, chance: random.Random) -> None:
    """Time passes with sensors that speak, some of them strange things, or fall silent."""
    level = chance.choice([50, 50, 50, 9.5, 97, 120])
    flow = chance.choice([3, 3, 3, 0, 0.2])
    current = chance.choice([800, 800, 800, 20, 2400])
    silent = chance.random() < 0.2
    drift = chance.choice([-0.4, 0, 0.4])
    step = chance.choice([0.25, 0.25, 1, 8])
    for _ in range(chance.choice([2, 10, 30, 80, 400])):
        pair.now += step
        if not silent:
            running = pair.channel.running or chance.random() < 0.01
            level += drift * step
            pair.read("level", round(level, 1) + 0.05)
            pair.read("flow", flow if running or flow > 3 else 0)
            pair.read("current", current if running else 0)
        pair.tick()


def works(pair: Pair, chance: random.Random) -> None:
    """A run in a healthy rack, to its bound or as planned, in which the level moves or does not."""
    if chance.random() < 0.3:
        resets(pair, chance)
    moves = chance.choice([0.05, 0.05, 0.001, -0.05]) * (1 if pair.role is safety.Role.FILL else -1)
    level = 50.05
    for what, value in (("level", level), ("flow", 3), ("current", 800)):
        pair.read(what, value)
    pair.channel.updating = False
    bound, duration = chance.choice([(2.0, None), (None, 2.0), (9.0, 70.0), (3000.0, 2000.0)])
    verdict = pair.channel.start(pair.now, pair.inputs, safety.Situation(), bound=bound, duration=duration)
    pair.agree("start", *_ms(bound, duration), 0, 0, 0, 0, verdict=verdict)
    for _ in range(chance.choice([3, 10, 80, 1300])):
        pair.now += 1
        level = min(90.0, max(15.0, level + moves))
        pair.read("level", round(level, 2))
        pair.read("flow", 3 if pair.channel.running else 0)
        pair.read("current", 800 if pair.channel.running else 0)
        pair.tick()


def sticks(pair: Pair, chance: random.Random) -> None:
    for _ in range(chance.choice([10, 30])):
        pair.now += 0.25
        pair.read("current", 700)
        pair.tick()


def waits_long(pair: Pair, _chance: random.Random) -> None:
    for _ in range(60):
        pair.now += 60
        pair.read("level", 50)
        pair.tick()


DEEDS: dict[Callable[[Pair, random.Random], None], int] = {
    starts: 6,
    stops: 3,
    resets: 3,
    lets_go: 1,
    leaks: 1,
    loses_contact: 2,
    lives: 9,
    works: 6,
    sticks: 1,
    waits_long: 1,
}


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    program = tmp_path_factory.mktemp("rules") / "driver"
    include = ROOT / "esphome/components/smartair_pump"
    source = Path(__file__).parent / "pump_rules_driver.cpp"
    compiler = shutil.which("g++")
    assert compiler
    subprocess.run(  # noqa: S603 (the compiler)
        [compiler, "-std=c++17", "-O1", f"-I{include}", source, "-o", program], check=True, timeout=100
    )
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        yield process
        process.stdin.close()


@pytest.mark.skipif(shutil.which("g++") is None, reason="the firmware's rules need a compiler")
@pytest.mark.parametrize("role", ROLES, ids=str)
def test_the_simulator_and_the_firmware_agree_on_every_step(firmware: subprocess.Popen[str], role: Any) -> None:
    chance = random.Random(20261121)  # noqa: S311 (the same stories each time)
    seen = set[Any]()
    for _ in range(STORIES // len(ROLES)):
        kept = safety.Refused(*chance.choice(KEPT)) if chance.random() < 0.3 else None
        pair = Pair(firmware, role, kept, metered=chance.random() < 0.6)
        for deed in chance.choices([*DEEDS], weights=[*DEEDS.values()], k=DEEDS_EACH):
            deed(pair, chance)
            seen.add(pair.channel.lock and pair.channel.lock.reason)

    # Stories in which nothing happens would prove nothing.
    assert {None, safety.Reason.OVERCURRENT, safety.Reason.PUMP_STUCK_ON} <= seen
    assert len(seen) >= 5
