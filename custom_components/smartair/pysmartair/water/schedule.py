"""When a zone rests its circulation, and when its water is due: elapsed time, and the local time of day as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math
import re

DAY_S = 86400.0
# The duty cycle takes at most this long for one round, so that a high duty cycle rests shortly rather than rarely.
ROUND_S = 3600.0
# A pump that is started for less than this only heats its winding.
MIN_ON_S = 60.0
# A rest below this wears the relay and rests nothing.
MIN_OFF_S = 10.0
# The change that is due after whole days comes at the time of day that is nearest to the end of the last of them.
HALF_DAY_S = DAY_S / 2
# Missed by more than this, as while Home Assistant was off, the change waits for the next day.
LATEST_S = 7200.0

_SHARE, _MINUTES = {"duty_cycle"}, {"on_minutes", "off_minutes"}
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on three clocks: Unix seconds, seconds that only go forward, and seconds since local midnight."""

    at: float
    elapsed: float
    second_of_day: float


@dataclass(frozen=True, slots=True)
class Window:
    """Minutes of the local day, both inclusive, and how much of them circulation runs; it may cross midnight.

    Runs and rests are given in seconds, or follow from the share.
    """

    start: int
    end: int
    duty_cycle: float
    on_s: float | None = None
    off_s: float | None = None

    def covers(self, second_of_day: float) -> bool:
        """Tell whether a time of day lies inside; from a minute to the same minute is the whole day."""
        minute = int(second_of_day // 60)
        if self.start == self.end:
            return True
        if self.start < self.end:
            return self.start <= minute <= self.end
        return minute >= self.start or minute <= self.end


def minute_of_day(text: object) -> int | None:
    """Return the minute of the day that HH:MM names, or None."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    return int(found[1]) * 60 + int(found[2]) if found else None


def parse_windows(content: object) -> tuple[Window, ...]:
    """Return the windows of a list of from, to, and minutes or duty_cycle; raise ValueError for anything else."""
    if not isinstance(content, Sequence) or isinstance(content, str):
        raise ValueError("windows must be a list")  # noqa: TRY004 - one error for whoever reads a list
    return tuple(_parse_window(one) for one in content)


def _parse_window(content: object) -> Window:
    if not isinstance(content, Mapping) or set(content) - {"from", "to"} not in (_SHARE, _MINUTES):
        raise ValueError("a window has from, to, and on_minutes and off_minutes or duty_cycle")
    start, end = minute_of_day(content.get("from")), minute_of_day(content.get("to"))
    if start is None or end is None:
        raise ValueError("a time of day is HH:MM")
    if "duty_cycle" not in content:
        on, off = _minutes(content["on_minutes"]), _minutes(content["off_minutes"])
        if on == 0:
            raise ValueError("circulation runs for a while between two rests")
        return Window(start, end, on / (on + off), on * 60, off * 60)
    duty = content["duty_cycle"]
    if isinstance(duty, bool) or not isinstance(duty, int | float) or not 0 <= duty <= 1:
        raise ValueError("a duty cycle is between 0 and 1")
    return Window(start, end, float(duty))


def _minutes(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= DAY_S / 60:
        raise ValueError("minutes are at most those of a day")
    return float(value)


def in_minutes(content: object, max_off_minutes: float) -> object:
    """Return a window with the minutes that circulation runs and rests in it, as people think of it.

    What cannot be read is returned as it is.
    """
    try:
        window = _parse_window(content)
    except ValueError:
        return content
    if not isinstance(content, Mapping) or window.on_s is not None:
        return content
    turn = _turns(window, max_off_minutes * 60) or Turns(ROUND_S, 0)
    minutes = {"on_minutes": round(turn.on_s / 60, 1), "off_minutes": round(turn.off_s / 60, 1)}
    return {"from": content["from"], "to": content["to"], **minutes}


@dataclass(frozen=True, slots=True)
class Turns:
    """How long circulation runs and rests in turn, in seconds."""

    on_s: float
    off_s: float


def turns(windows: Sequence[Window], second_of_day: float, max_off_s: float) -> Turns | None:
    """Return the turns of this time of day, by the first window that covers it, or None where circulation runs on."""
    window = next((one for one in windows if one.covers(second_of_day)), None)
    return None if window is None else _turns(window, max_off_s)


def _turns(window: Window, max_off_s: float) -> Turns | None:
    duty = window.duty_cycle
    off_s = min(max_off_s, (1 - duty) * ROUND_S if window.off_s is None else window.off_s)
    if off_s < MIN_OFF_S:
        return None
    return Turns(max(MIN_ON_S, off_s * duty / (1 - duty) if window.on_s is None else window.on_s), off_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When water is changed without being asked for; what is None is not looked at."""

    interval_days: float | None = None
    time_of_day: int = 10 * 60
    max_age_days: float | None = None
    ec_drift_percent: float | None = None


def interval_due(plan: Plan, age_s: float, second_of_day: float) -> bool:
    """Tell whether the time of day has come on which the interval ends."""
    if plan.interval_days is None:
        return False
    since = (second_of_day - plan.time_of_day * 60) % DAY_S
    return since <= LATEST_S and age_s - since >= plan.interval_days * DAY_S - HALF_DAY_S


def too_old(plan: Plan, age_s: float) -> bool:
    """Tell whether the solution is older than it may be."""
    return plan.max_age_days is not None and age_s > plan.max_age_days * DAY_S


def next_due(plan: Plan, age_s: float, second_of_day: float) -> float | None:
    """Return in how many seconds the next change is due by the clock, or None; EC cannot be foretold."""
    if interval_due(plan, age_s, second_of_day):
        return 0.0
    due: list[float] = []
    if plan.interval_days is not None:
        earliest = plan.interval_days * DAY_S - HALF_DAY_S - age_s
        upcoming = (plan.time_of_day * 60 - second_of_day) % DAY_S
        days = max(0, math.ceil((earliest - upcoming) / DAY_S))
        due.append(upcoming + days * DAY_S)
    if plan.max_age_days is not None:
        due.append(max(0.0, plan.max_age_days * DAY_S - age_s))
    return min(due, default=None)
