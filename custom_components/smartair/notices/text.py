"""What a message about an alert says, in the language of the house: where, what, how much, and what to do."""

from collections.abc import Mapping
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_cached_translations
from homeassistant.util import dt as dt_util

from ..air.outdoor import indoors, outdoors
from ..alerts.announce import describe
from ..const import CONF_OUTDOOR, DOMAIN
from ..hub import SmartAirHub
from ..issues import word
from ..pumps.refusals import PumpRefusedError
from ..pysmartair import CATALOGUE, LIMIT_CODES, Alert, Change, Code, Severity
from ..pysmartair.air.outside import is_better
from ..pysmartair.alerts.notices import Kind, Notice
from ..pysmartair.guard.transition import LOCKS as _REASONS, alarm_code
from ..pysmartair.safety import Cause, Reason, Refused

LOCKS = frozenset(Code(alarm_code(reason)) for reason in (*_REASONS, Reason.DEVICE_LOCK))
"""The alerts that are active for as long as a pump is locked; where it is not, they are noted and never raised."""

BUTTON_PREFIX = "SMARTAIR_ALERT_"
ACKNOWLEDGE, SNOOZE, RESET = "ACKNOWLEDGE", "SNOOZE", "RESET"
SUMMARY_TAG = "smartair-more"

_MOST_LISTED = 8
_METRICS = {code: metric for (metric, _side), code in LIMIT_CODES.items()}
_AIR = frozenset({Code.CO2_HIGH, Code.HUMIDITY_HIGH, Code.TEMPERATURE_HIGH, Code.VOC_HIGH, Code.VOC_INDEX_HIGH,
                  Code.NOX_INDEX_HIGH, Code.PM1_HIGH, Code.PM25_HIGH, Code.PM4_HIGH, Code.PM10_HIGH})  # fmt: skip
_OUTSIDE = {
    Code.CO2_HIGH: "co2",
    Code.PM25_HIGH: "pm25",
    Code.HUMIDITY_HIGH: "humidity",
    Code.TEMPERATURE_HIGH: "temperature",
}
_SOLUTION = {Code.HIGH_PH: "", Code.LOW_PH: "", Code.HIGH_EC: " mS/cm", Code.LOW_EC: " mS/cm"}
_LANGUAGES_WITH_COMMA = frozenset({"ru"})


def compose(hub: SmartAirHub, notice: Notice, *, refusal: str | None = None) -> dict[str, Any]:
    """Return a message as automations get it, ready to be sent."""
    alert = notice.alert
    concerned = (alert,) if alert else notice.others
    severity = max((one.severity for one in concerned), key=lambda one: one.rank, default=Severity.INFO)
    url = page_of(hub, alert)
    return {
        "action": notice.kind.value,
        "alert_id": notice.alert_id,
        "config_entry_id": hub.entry.entry_id,
        "tag": f"smartair-{notice.alert_id}" if notice.alert_id else f"{SUMMARY_TAG}-{hub.entry.entry_id[-6:]}",
        "title": _title(hub, notice),
        "message": refusal or _message(hub, notice),
        "severity": severity.value,
        "critical": severity is Severity.CRITICAL,
        "silent": not notice.loud,
        "url": url,
        "ventilate": any(one.code in _AIR for one in concerned),
        "buttons": _buttons(hub, notice, url),
        "alert": describe(hub, Change.RAISED if alert.active else Change.RESOLVED, alert) if alert else None,
    }


def page_of(hub: SmartAirHub, alert: Alert | None) -> str:
    """Return the page of the pump, device or zone that an alert is about, or of the hub."""
    found = None
    if alert is not None:
        uid, zone, channel = alert.uid or "", alert.zone or "", alert.channel or ""
        found = hub.pumps.get((uid, channel)) or hub.devices.get(uid) or hub.zones.get(zone)
    device_id = (found and found.device_id) or hub.device_id
    return f"/config/devices/device/{device_id}"


def text(hass: HomeAssistant, key: str, **placeholders: str) -> str:
    """Return one of the texts of messages."""
    return word(hass, "notice", key).format_map(placeholders)


def exception_text(hass: HomeAssistant, err: HomeAssistantError) -> str:
    """Return what an error says, in the language of the house and not of whoever caused it."""
    texts = async_get_cached_translations(hass, hass.config.language, "exceptions", DOMAIN)
    found = texts.get(f"component.{DOMAIN}.exceptions.{err.translation_key}.message")
    return found.format_map(err.translation_placeholders or {}) if found else str(err)


# --- the parts ----------------------------------------------------------------------------------


def _headline(hub: SmartAirHub, alert: Alert) -> str:
    name: str = describe(hub, Change.RAISED, alert)["name"]
    return f"{name}: {word(hub.hass, 'alert_event', alert.code.value)}"


def _title(hub: SmartAirHub, notice: Notice) -> str:
    if notice.alert is not None:
        return _headline(hub, notice.alert)
    return text(hub.hass, "more_alerts", count=str(len(notice.others)))


def _message(hub: SmartAirHub, notice: Notice) -> str:
    alert = notice.alert
    if alert is None:
        listed = [_headline(hub, one) for one in notice.others[:_MOST_LISTED]]
        if (rest := len(notice.others) - _MOST_LISTED) > 0:
            listed.append(text(hub.hass, "and_more", count=str(rest)))
        return "\n".join(listed)
    parts = [what_is(hub, alert), _advice(hub, alert)]
    if notice.kind is Kind.REMINDED:
        parts.append(text(hub.hass, "since", time=_when(alert.raised_at)))
    return " ".join(part for part in parts if part)


def _advice(hub: SmartAirHub, alert: Alert) -> str:
    """Return what to do; of a window, by what the sensors outdoors say, where there are any."""
    question, device = _OUTSIDE.get(alert.code), hub.devices.get(alert.uid or "")
    chosen = hub.entry.options.get(CONF_OUTDOOR)
    if question is not None and device is not None and chosen:
        wish = _number(alert.values, "limit") or 0.0
        better = is_better(question, indoors(device), outdoors(hub.hass, chosen), wish)
        if better is not None:
            return text(hub.hass, "open_window" if better else "close_window")
    return word(hub.hass, "alert_advice", alert.code.value)


def _when(moment: float) -> str:
    begun, now = dt_util.as_local(dt_util.utc_from_timestamp(moment)), dt_util.now()
    return begun.strftime("%H:%M") if begun.date() == now.date() else begun.strftime("%d.%m. %H:%M")


def what_is(hub: SmartAirHub, alert: Alert) -> str:
    """Return what was measured, against which limit, or else what is known of the cause."""
    hass = hub.hass
    if (numbers := _numbers(hub, alert)) is not None:
        return text(hass, "value_limit", value=numbers[0], limit=numbers[1])
    if (verdict := _verdict(alert)) is not None:
        pump = hub.pumps.get((alert.uid or "", alert.channel or ""))
        err = PumpRefusedError(verdict, pump.place if pump else alert.channel or "")
        return _sentence(exception_text(hass, err))
    if alert.code is Code.DEVICE_OFFLINE and isinstance(silent := alert.values.get("silent_for"), (int, float)):
        return text(hass, "silent_for", minutes=number_text(hass, silent / 60, 0))
    cause = word(hass, "alert_cause", alert.cause) if alert.cause else None
    # A device's own word that has no translation says nothing to people.
    return "" if cause is None or cause == alert.cause else _sentence(cause)


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."


def _verdict(alert: Alert) -> Refused | None:
    reason, cause = alert.values.get("reason"), alert.cause
    if not isinstance(reason, str) or reason not in list(Reason):
        return None
    why = Cause(cause) if cause in list(Cause) else Cause.NONE
    return Refused(Reason(reason), why, _number(alert.values, "value"), _number(alert.values, "limit"))


def _number(values: Mapping[str, Any], name: str) -> float | None:
    value = values.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _numbers(hub: SmartAirHub, alert: Alert) -> tuple[str, str] | None:
    """Return the value as it is now, and the limit, with their unit."""
    value, limit = _number(alert.values, "value"), _number(alert.values, "limit")
    if value is None or limit is None:
        return None
    if alert.code in _SOLUTION:
        unit = _SOLUTION[alert.code]
        return f"{number_text(hub.hass, value, 2)}{unit}", f"{number_text(hub.hass, limit, 2)}{unit}"
    metric = _METRICS.get(alert.code)
    if metric is None:
        return None
    device = hub.devices.get(alert.uid or "")
    if alert.active and device is not None and device.available:
        value = device.snapshot.values.get(metric, value)
    return measured_text(hub.hass, metric, value), measured_text(hub.hass, metric, limit)


def measured_text(hass: HomeAssistant, metric: str, value: float) -> str:
    """Return a measurement with its unit, in the unit system of the house."""
    about = CATALOGUE[metric]
    unit = about.unit or ""
    shown = about.shown(value)
    if metric == "temperature":
        shown, unit = hass.config.units.temperature(shown, "°C"), hass.config.units.temperature_unit
    return f"{number_text(hass, shown, about.precision)} {unit}".rstrip()


def number_text(hass: HomeAssistant, value: float, digits: int) -> str:
    """Return a number as the language of the house writes it."""
    written = f"{value:,.{digits}f}"
    if hass.config.language.partition("-")[0] in _LANGUAGES_WITH_COMMA:
        return written.replace(",", "\N{NO-BREAK SPACE}").replace(".", ",")
    return written


def _buttons(hub: SmartAirHub, notice: Notice, url: str) -> list[dict[str, str]]:
    """Return the buttons, what is most needed first: Android shows three."""
    hass, alert = hub.hass, notice.alert
    kinds: list[str] = []
    if alert is not None and alert.active:
        pump = hub.pumps.get((alert.uid or "", alert.channel or ""))
        kinds = [RESET] if alert.code in LOCKS and pump is not None else []
        kinds += [ACKNOWLEDGE, SNOOZE]
    buttons = [
        {"action": f"{BUTTON_PREFIX}{kind}_{notice.alert_id}", "title": text(hass, f"button_{kind.lower()}")}
        for kind in kinds
    ]
    return [*buttons, {"action": "URI", "title": text(hass, "button_open"), "uri": url}]
