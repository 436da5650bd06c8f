"""Alerts in the logbook, in the language of the house: the logbook itself knows no other."""

from collections.abc import Callable

from homeassistant.components.logbook import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback

from .alerts.announce import word
from .const import DOMAIN, EVENT_ALERT
from .pysmartair import Change

type Describe = Callable[[Event], dict[str, str]]


@callback
def async_describe_events(hass: HomeAssistant, async_describe_event: Callable[[str, str, Describe], None]) -> None:
    """Say what the events on the bus mean."""

    @callback
    def describe(event: Event) -> dict[str, str]:
        data = event.data
        said = word(hass, "alert_event", data["event"])
        # That something is normal again says what became of it.
        if data["change"] != Change.NOTED and data["event"] == data["code"]:
            said = f"{said}: {word(hass, 'alert_change', data['change'])}"
        details = [data["channel"], data["cause"] and word(hass, "alert_cause", data["cause"])]
        if known := ", ".join(detail for detail in details if detail):
            said = f"{said} ({known})"
        return {LOGBOOK_ENTRY_NAME: data["name"], LOGBOOK_ENTRY_MESSAGE: said}

    async_describe_event(DOMAIN, EVENT_ALERT, describe)
