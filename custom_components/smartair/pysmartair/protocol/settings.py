"""The value of a setting in the form that its kind has, however the device wrote it."""

from math import isclose

from .fields import boolean, number_meant
from .messages import ChoiceSetting, ConfigValue, NumberSetting, Setting, ToggleSetting

# What a device keeps as a float of 32 bits comes back a little different.
_FLOAT32 = 1e-6


def in_kind[T](setting: Setting | None, raw: T) -> T | ConfigValue:
    """Return a setting's value in the form that its kind has, where it means that and came in another."""
    found: ConfigValue = None
    match setting:
        case ToggleSetting():
            found = boolean(raw)
        case NumberSetting() if isinstance(raw, str):
            found = _number_of(setting, raw)
        case ChoiceSetting() if raw not in setting.options:
            found = _option_of(setting.options, raw)
        case _:
            pass
    return raw if found is None else found


def _number_of(setting: NumberSetting, raw: str) -> float | None:
    text = raw.strip().removesuffix(setting.unit or "").strip()
    found = number_meant(text, setting.minimum, setting.maximum)
    if found is None:
        found = number_meant(text)
    # A whole number stays one, as the owner typed it and the device will show it.
    return int(found) if found is not None and found.is_integer() else found


def _option_of(options: tuple[str, ...], raw: object) -> str | None:
    """Return the only option that a value can mean: in another case, as a number, or as a yes or no."""
    meant = boolean(raw)
    for same in (
        [one for one in options if isinstance(raw, str) and one.casefold() == raw.casefold()],
        [one for one in options if isinstance(raw, (int, float)) and number_meant(one) == raw],
        [one for one in options if meant is not None and boolean(one) is meant],
    ):
        if len(same) == 1:
            return same[0]
    return None


def agrees(wanted: ConfigValue, told: object) -> bool:
    """Tell whether a device applied what was wanted."""
    if isinstance(wanted, float) and isinstance(told, float):
        return isclose(wanted, told, rel_tol=_FLOAT32)
    return wanted == told
