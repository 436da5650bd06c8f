"""A house and the people in it, from hour to hour."""

from dataclasses import dataclass, field, replace
import math

from lab.simulator.air import Activity, Air, Outdoors, Room, step

DAY = 86400.0

_ACT = 30.0
"""Seconds of simulated time after which people look around and may do something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """People who are in a room between two hours of the day."""

    start: float
    end: float
    people: int = 1
    asleep: bool = False
    cooking: bool = False

    def covers(self, hour: float) -> bool:
        """Return whether this hour lies within; a stay may go past midnight."""
        if self.start <= self.end:
            return self.start <= hour < self.end
        return hour >= self.start or hour < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What happens in a room every day, and when somebody awake there opens and shuts the window."""

    stays: tuple[Stay, ...]
    stuffy: float = 1400.0
    fresh: float = 700.0

    def activity(self, hour: float, air: Air, *, window: bool, dark: bool) -> Activity:
        """Return what goes on at this hour of the day."""
        present = [stay for stay in self.stays if stay.covers(hour)]
        awake = sum(stay.people for stay in present if not stay.asleep)
        return Activity(
            awake=awake,
            asleep=sum(stay.people for stay in present if stay.asleep),
            cooking=any(stay.cooking for stay in present),
            window=air.co2 > (self.fresh if window else self.stuffy) if awake else window and air.co2 > self.fresh,
            lamp=dark and awake > 0,
        )


PLANS: dict[str, tuple[Room, Habits]] = {
    "Living room": (
        Room(volume=62.0, windows_south=0.05),
        Habits(
            stays=(
                Stay(start=7.5, end=8.5),
                Stay(start=16.0, end=18.0, people=2),
                Stay(start=19.0, end=23.0, people=3),
            )
        ),
    ),
    "Bedroom": (
        Room(volume=34.0, setpoint=19.5, windows_south=0.02),
        Habits(
            stays=(
                Stay(start=23.0, end=7.0, people=2, asleep=True),
                Stay(start=7.0, end=7.4, people=2),
            ),
            stuffy=1100.0,
        ),
    ),
    "Office": (
        Room(volume=30.0, windows_south=0.04),
        Habits(stays=(Stay(start=8.5, end=12.5), Stay(start=13.25, end=18.0))),
    ),
    "Kitchen": (
        Room(volume=38.0, windows_south=0.03),
        Habits(
            stays=(
                Stay(start=7.0, end=7.3, people=2, cooking=True),
                Stay(start=7.3, end=7.8, people=2),
                Stay(start=12.5, end=12.8, cooking=True),
                Stay(start=12.8, end=13.25),
                Stay(start=18.0, end=18.6, people=2, cooking=True),
                Stay(start=18.6, end=19.0, people=3),
            )
        ),
    ),
    "Guest room": (
        Room(volume=36.0, setpoint=19.0),
        Habits(stays=(Stay(start=22.0, end=8.0, asleep=True), Stay(start=8.0, end=9.0))),
    ),
    "Workshop": (
        Room(volume=80.0, setpoint=18.0, windows_south=0.02),
        Habits(stays=(Stay(start=9.0, end=11.5), Stay(start=14.0, end=15.5))),
    ),
}
"""The rooms that the demo's devices hang in."""


def is_night(hour: float) -> bool:
    """Return whether the heating is turned down."""
    return hour >= 22.5 or hour < 6.0  # noqa: PLR2004 (habits are made of hours)


def weather(time: float) -> Outdoors:
    """Return the weather of a mild spring at a time in seconds since a midnight."""
    hour = time % DAY / 3600.0
    days = time / DAY
    sun = max(0.0, math.sin((hour - 6.0) / 12.0 * math.pi))
    clouds = 0.65 + 0.35 * math.sin(days * 5.3) * math.cos(days * 1.7)
    return Outdoors(
        temperature=10.0 + 5.0 * math.sin((hour - 9.0) / 12.0 * math.pi) + 2.0 * math.sin(days * 0.9),
        humidity=70.0 - 15.0 * math.sin((hour - 9.0) / 12.0 * math.pi),
        # Morning and evening traffic and stoves, and a town's background.
        pm25=8.0 + 4.0 * math.exp(-((hour - 8.0) ** 2)) + 6.0 * math.exp(-((hour - 19.0) ** 2) / 2.0),
        pressure=1013.0 + 8.0 * math.sin(days * 1.3),
        lux=60_000.0 * sun**1.3 * clouds,
    )


LAMP_LUX = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What happens in a room instead of its habits: so many people, and the window as they want it."""

    people: int
    window: bool


@dataclass(slots=True)
class LivedRoom:
    """A room with its air and people, moved forward in time by whoever asks."""

    room: Room
    habits: Habits
    time: float
    """Simulated seconds since a midnight."""
    air: Air = field(default_factory=Air)
    activity: Activity = field(default_factory=Activity)
    occasion: Occasion | None = None

    @property
    def hour(self) -> float:
        """Return the hour of the day."""
        return self.time % DAY / 3600.0

    @property
    def lux(self) -> float:
        """Return the light at the sensor."""
        return weather(self.time).lux * self.room.windows_south + (LAMP_LUX if self.activity.lamp else 0.3)

    def advance(self, time: float) -> None:
        """Live on until a time; going back does nothing."""
        while self.time < time:
            outdoors = weather(self.time)
            self.activity = self.habits.activity(
                self.hour,
                self.air,
                window=self.activity.window,
                dark=outdoors.lux < 3000.0,  # noqa: PLR2004 (dusk under clouds)
            )
            if self.occasion is not None:
                people, window = self.occasion.people, self.occasion.window
                self.activity = replace(self.activity, awake=people, asleep=0, cooking=False, window=window)
            part = min(_ACT, time - self.time)
            self.air = step(self.room, self.air, self.activity, outdoors, part, night=is_night(self.hour))
            self.time += part


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Simulated time, which runs faster than the real one so that a person sees something happen."""

    started: float
    """Real time of the start, Unix seconds."""
    start_at: float = 6.75 * 3600.0
    """Simulated time of the start, seconds since a midnight: before the house gets up."""
    speed: float = 60.0

    def at(self, now: float) -> float:
        """Return the simulated time at a real one."""
        return self.start_at + max(0.0, now - self.started) * self.speed
