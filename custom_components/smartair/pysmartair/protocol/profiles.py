"""The device types of the product: what each measures, lets itself be told, and answers to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .messages import NightSetting, NumberSetting, Setting, ToggleSetting

KNOWN_SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "report_interval": NumberSetting(minimum=1, maximum=3600, unit="s"),
        "co2_threshold": NumberSetting(minimum=400, maximum=5000, step=50, unit="ppm"),
        "alerts_enabled": ToggleSetting(),
        "night_mode": NightSetting(),
    }
)
"""Settings whose kind the protocol itself fixes; a descriptor may narrow their limits."""

_COMMON = ("report_interval", "alerts_enabled", "night_mode")
DEFAULT_COMMANDS = ("restart", "identify")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A type of device: what tells it from others, and its settings where the descriptor names none."""

    code: str
    hallmarks: frozenset[str] = frozenset()
    settings: tuple[str, ...] = _COMMON


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.code: profile
        for profile in (
            Profile(code="multi"),
            Profile(code="pump", hallmarks=frozenset({"flow_rate", "pump_current", "water_level"})),
            Profile(code="vibration", hallmarks=frozenset({"vibration_rms", "vibration_peak"})),
            Profile(code="host", hallmarks=frozenset({"cpu_percent", "memory_percent", "load_1m"})),
            Profile(code="dust", hallmarks=frozenset({"pm1", "pm25", "pm4", "pm10"})),
            Profile(
                code="co2",
                hallmarks=frozenset({"co2"}),
                settings=("report_interval", "co2_threshold", "alerts_enabled", "night_mode"),
            ),
            Profile(code="temp", hallmarks=frozenset({"temperature"})),
        )
    }
)


def guess_type(metrics: Collection[str]) -> str:
    """Return the type of a device that never said what it is, from what it measures."""
    if {"co2", "pm25"} <= set(metrics):
        return "multi"
    for profile in PROFILES.values():
        if profile.hallmarks & set(metrics):
            return profile.code
    return "multi"


def default_settings(device_type: str) -> Mapping[str, Setting]:
    """Return the settings of a type for descriptors that name none; an unknown type has the common ones."""
    profile = PROFILES.get(device_type)
    return {name: KNOWN_SETTINGS[name] for name in (profile.settings if profile else _COMMON)}
