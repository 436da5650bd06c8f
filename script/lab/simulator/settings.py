"""A device's configuration: what it offers, and what it makes of what it is sent."""

from dataclasses import dataclass, field
import re
from typing import Any

type Json = dict[str, Any]

_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")


@dataclass(slots=True, kw_only=True)
class Settings:
    """The applied configuration; it survives a power cut."""

    offer: Json
    values: Json
    revision: int = 0
    rejected: dict[str, str] = field(default_factory=dict)
    applied: bool = True
    as_text: bool = False
    """Some firmware keeps its settings as texts, and confirms them so."""

    @property
    def report_interval(self) -> float:
        """Return the seconds between two reports."""
        return float(self.values["report_interval"])

    @property
    def state(self) -> Json:
        """Return what goes to `config/state`."""
        values = {name: _text(value) for name, value in self.values.items()} if self.as_text else self.values
        state: Json = {"revision": self.revision, "applied": self.applied, "config": values}
        return {**state, "rejected": self.rejected} if self.rejected else state

    def apply(self, desired: Json) -> None:
        """Take over what is allowed, and remember why the rest is not."""
        wanted = {name: value for name, value in desired.items() if name != "revision"}
        reasons = {name: self._objection(name, value) for name, value in wanted.items()}
        self.rejected = {name: reason for name, reason in reasons.items() if reason}
        accepted = {name: value for name, value in wanted.items() if name not in self.rejected}
        self.values = {**self.values, **accepted}
        self.applied = bool(accepted) or not wanted
        revision = desired.get("revision")
        self.revision = revision if type(revision) is int else self.revision

    def _objection(self, name: str, value: object) -> str | None:
        if name not in self.offer:
            return "unknown setting"
        if name == "night_mode":
            return None if _is_night_mode(value) else "not a night mode"
        limits = self.offer[name]
        if "options" in limits:
            return None if value in limits["options"] else "not an option"
        if "min" not in limits:
            return None if isinstance(value, bool) else "not true or false"
        return _outside(value, limits["min"], limits["max"])


def _text(value: object) -> object:
    """Return a value as a text, in words where it is a yes or no."""
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    return f"{value:g}" if isinstance(value, (int, float)) else value


def _outside(value: object, low: float, high: float) -> str | None:
    """Return what is wrong with a number, as a device with a small display would say it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "not a number"
    if value < low:
        return f"below {low:g}"
    return f"above {high:g}" if value > high else None


def _is_night_mode(value: object) -> bool:
    """Return whether this switches night mode off or gives its start and end."""
    if value is None:
        return True
    return isinstance(value, dict) and set(value) == {"start", "end"} and all(map(_is_time, value.values()))


def _is_time(value: object) -> bool:
    if isinstance(value, str):
        return _CLOCK.fullmatch(value) is not None
    return type(value) is int and 0 <= value < 24  # noqa: PLR2004 (hours of a day)
