"""One line for what became of an alert: what it is, how much was measured, and why."""

from collections.abc import Mapping
from typing import Any

from homeassistant.core import HomeAssistant

from ..issues import word
from ..pysmartair import LIMIT_CODES, Change
from .text import measured_text

_METRICS: dict[str, str] = {code: metric for (metric, _side), code in LIMIT_CODES.items()}
# That something is so is said by the change itself.
_SELF_EVIDENT = {Change.RAISED, Change.UPDATED, Change.NOTED}
# It says that a number is known, which is shown where it is.
_MEASURED = "measured"


def summary(hass: HomeAssistant, told: Mapping[str, Any]) -> str:
    """Return what became of an alert, in the language of Home Assistant, such as "CO₂ high, 1,394 ppm"."""
    said = word(hass, "alert_event", told["event"])
    if told["change"] not in _SELF_EVIDENT:
        # That something is normal again says what became of it.
        return said if told["event"] != told["code"] else f"{said}: {word(hass, 'alert_change', told['change'])}"
    known = measured(hass, told["code"], told["values"]) or cause_text(hass, told["cause"])
    return f"{said}, {known}" if known else said


def measured(hass: HomeAssistant, code: str, values: Mapping[str, Any]) -> str | None:
    """Return the measurement that raised an alert, where a limit did."""
    metric, value = _METRICS.get(code), values.get("value")
    if metric is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return measured_text(hass, metric, value)


def cause_text(hass: HomeAssistant, cause: str | None) -> str | None:
    """Return a cause as people call it; a device's own word that has no translation says nothing to them."""
    if cause is None or cause == _MEASURED:
        return None
    words = (word(hass, selector, cause) for selector in ("alert_cause", "alert_metric"))
    return next((text for text in words if text != cause), None)
