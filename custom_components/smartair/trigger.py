"""Triggers for automations: an alert is raised or resolved, people are to be told, a pump is locked.

Most listen to the event on the bus, not to entities: a device has none of alerts before its first.
"""

from collections.abc import Mapping
from datetime import time
from typing import Any, ClassVar, override

from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.trigger import Trigger, TriggerActionRunner, TriggerConfig, TriggerNotTriggeredReporter
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

from .automations.target import devices_of_alert, loaded_hubs, targeted
from .const import EVENT_ALERT
from .notices.receivers import receivers
from .notices.text import LOCKS
from .pysmartair import Change, Code, Severity
from .pysmartair.alerts.notices import Receiver

_SCHEMA = vol.Schema({vol.Optional(CONF_TARGET): cv.TARGET_FIELDS, vol.Optional(CONF_OPTIONS, default=dict): {}})
_CHOOSING_SCHEMA = vol.Schema(
    {
        vol.Optional(CONF_TARGET): cv.TARGET_FIELDS,
        vol.Optional(CONF_OPTIONS, default=dict): {
            vol.Optional("severity", default=Severity.INFO.value): vol.In(list(Severity)),
            vol.Optional("code", default=list): vol.All(cv.ensure_list, [vol.In(list(Code))]),
        },
    }
)


_MINUTES_OF_DAY = 24 * 60


def _time(value: object) -> time:
    """Return a time of day; one without quotes in YAML is a number, of minutes or of seconds."""
    if isinstance(value, int) and not isinstance(value, bool):
        minutes, seconds = (value, 0) if value < _MINUTES_OF_DAY else divmod(value, 60)
        value = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return cv.time(value)


_NOTIFICATION_SCHEMA = vol.Schema(
    {
        vol.Optional(CONF_OPTIONS, default=dict): {
            vol.Optional("severity", default=Severity.WARNING.value): vol.Coerce(Severity),
            vol.Optional("quiet_start", default=time(22)): _time,
            vol.Optional("quiet_end", default=time(7)): _time,
        },
    }
)


class AlertTrigger(Trigger):
    """Fires when something became of an alert."""

    schema: ClassVar[vol.Schema] = _SCHEMA
    change: ClassVar[Change]
    codes: ClassVar[frozenset[Code]] = frozenset()

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Validate the target and the options."""
        validated: ConfigType = cls.schema(config)
        return validated

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Keep what is asked for; without a target, every alert is."""
        super().__init__(hass, config)
        options = config.options or {}
        self._target = config.target
        self._severity = Severity(options.get("severity", Severity.INFO))
        self._codes = self.codes | set(options.get("code", ()))

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run the action with each alert that fits."""

        @callback
        def fits(data: Any) -> bool:
            return bool(data["change"] == self.change) and self._fits(data)

        @callback
        def fired(event: Event[dict[str, Any]]) -> None:
            run_action({"alert": event.data}, f"{event.data['event']} of {event.data['name']}", event.context)

        return self._hass.bus.async_listen(EVENT_ALERT, fired, event_filter=fits)

    def _fits(self, data: dict[str, Any]) -> bool:
        if Severity(data["severity"]).rank < self._severity.rank:
            return False
        if self._codes and data["code"] not in self._codes:
            return False
        return not self._target or bool(self._about(data) & targeted(self._hass, self._target).devices)

    def _about(self, data: dict[str, Any]) -> set[str]:
        hub = next((one for one in loaded_hubs(self._hass) if one.entry.entry_id == data["config_entry_id"]), None)
        alert = hub.alerts.book.find(data["id"]) if hub else None
        return devices_of_alert(hub, alert) if hub and alert else set()


class AlertRaised(AlertTrigger):
    """An alert was raised."""

    schema = _CHOOSING_SCHEMA
    change = Change.RAISED


class AlertResolved(AlertTrigger):
    """An alert was resolved."""

    schema = _CHOOSING_SCHEMA
    change = Change.RESOLVED


class PumpLocked(AlertTrigger):
    """A pump was locked."""

    change = Change.RAISED
    codes = LOCKS


class WaterChangeFailed(AlertTrigger):
    """A water change failed."""

    change = Change.RAISED
    codes = frozenset({Code.WATER_CHANGE_FAILED})


class NotificationDue(Trigger):
    """Fires when there is something to tell people of an alert, or something to take back."""

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Validate the options."""
        validated: ConfigType = _NOTIFICATION_SCHEMA(config)
        return validated

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Keep the wishes."""
        super().__init__(hass, config)
        options = config.options or {}
        self._receiver = Receiver(options["severity"], options["quiet_start"], options["quiet_end"])

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run the action with each message."""

        @callback
        def tell(message: Mapping[str, Any]) -> None:
            run_action({"notice": dict(message)}, f"{message['action']}: {message['title']}")

        return receivers(self._hass).async_join(self._receiver, tell)


TRIGGERS: dict[str, type[Trigger]] = {
    "alert_raised": AlertRaised,
    "alert_resolved": AlertResolved,
    "notification_due": NotificationDue,
    "pump_locked": PumpLocked,
    "water_change_failed": WaterChangeFailed,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return TRIGGERS
