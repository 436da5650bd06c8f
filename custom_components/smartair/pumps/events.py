"""What a device says that happened to its pumps and to the water around them."""

from ..alerts.log import AlertLog
from ..devices.device import SmartAirDevice
from ..pysmartair import Code, DeviceEvent, boolean, without_markup
from ..pysmartair.guard.guard import refusal_of
from ..pysmartair.guard.model import DeviceReset, Tripped
from .pump import Pump


def happened(alerts: AlertLog, device: SmartAirDevice, pump: Pump | None, event: DeviceEvent) -> None:
    """Take in an event of a device: what no pump is told of is an alert, for nothing is lost silently (S10)."""
    match event.event:
        case "safety_trip" if pump is not None:
            verdict = refusal_of(_text(event, "code") or "unknown", event.data, locked=True)
            if verdict is not None:
                pump.async_take(Tripped(verdict, locked=boolean(event.data.get("locked")) is not False))
        case "safety_reset" if pump is not None:
            pump.async_take(DeviceReset(_text(event, "code")))
        case "circulation_released" if pump is not None:
            cause = _text(event, "cause")
            alerts.async_note(Code.CIRCULATION_RELEASED, uid=device.uid, channel=pump.channel, cause=cause)
        case "run_refused":
            _run_refused(alerts, device, pump, event)
        case "leak":
            _leak(alerts, device, event)
        case "sensor_frozen":
            alerts.async_note(
                Code.SENSOR_FROZEN,
                uid=device.uid,
                channel=_text(event, "channel"),
                cause=_text(event, "metric"),
                values=_values(event),
            )
        case _:
            pass


def _run_refused(alerts: AlertLog, device: SmartAirDevice, pump: Pump | None, event: DeviceEvent) -> None:
    cmd_id = event.data.get("cmd_id")
    # Of an order that came from here, the device's answer tells the same.
    if pump is None or not (isinstance(cmd_id, str) and pump.sent(cmd_id)):
        alerts.async_note(
            Code.RUN_REFUSED,
            uid=device.uid,
            channel=_text(event, "channel"),
            cause=_text(event, "cause"),
            values={**_values(event), "reason": _text(event, "code")},
        )


def _leak(alerts: AlertLog, device: SmartAirDevice, event: DeviceEvent) -> None:
    """Raise a leak; it is over when the device says so, or when somebody resets a pump of the device."""
    if boolean(event.data.get("active")) is False:
        alerts.async_resolve(Code.LEAK, uid=device.uid)
    else:
        cause = _text(event, "cause") or _text(event, "channel")
        alerts.async_raise(Code.LEAK, uid=device.uid, cause=cause, values=_values(event))


def _text(event: DeviceEvent, name: str) -> str | None:
    """Return a device's word, fit to be shown wherever alerts are."""
    value = event.data.get(name)
    return without_markup(value) if isinstance(value, str) else None


def _values(event: DeviceEvent) -> dict[str, object]:
    return {name: value for name, value in event.data.items() if name not in _SAID and value is not None}


_SAID = frozenset({"channel", "cause", "code", "cmd_id", "active"})
