"""Alerts in the logbook, in the language of the house: the logbook itself knows no other."""

from collections.abc import Callable

from homeassistant.components.logbook import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback

from .const import DOMAIN, EVENT_ALERT
from .notices.summary import summary

type Describe = Callable[[Event], dict[str, str]]


@callback
def async_describe_events(hass: HomeAssistant, async_describe_event: Callable[[str, str, Describe], None]) -> None:
    """Say what the events on the bus mean."""

    @callback
    def describe(event: Event) -> dict[str, str]:
        return {LOGBOOK_ENTRY_NAME: event.data["name"], LOGBOOK_ENTRY_MESSAGE: summary(hass, event.data)}

    async_describe_event(DOMAIN, EVENT_ALERT, describe)
