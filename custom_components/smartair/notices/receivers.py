"""Who wants to be told of alerts: the automations with the trigger, whichever hubs are loaded."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..pysmartair.alerts.notices import Receiver

type Told = Callable[[Mapping[str, Any]], object]

_RECEIVERS: HassKey[Receivers] = HassKey(f"{DOMAIN}_receivers")


class Receivers:
    """The receivers that there are now, and those who tell them."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._told: dict[Receiver, list[Told]] = {}
        self._listeners: list[Callable[[], object]] = []

    @property
    def all(self) -> tuple[Receiver, ...]:
        """The receivers; automations with the same wishes are one."""
        return tuple(self._told)

    @callback
    def async_join(self, receiver: Receiver, told: Told) -> CALLBACK_TYPE:
        """Tell somebody from now on; return how to end that."""
        self._told.setdefault(receiver, []).append(told)
        for listener in tuple(self._listeners):
            listener()
        return partial(self._leave, receiver, told)

    def _leave(self, receiver: Receiver, told: Told) -> None:
        self._told[receiver].remove(told)
        if not self._told[receiver]:
            del self._told[receiver]

    @callback
    def async_listen(self, listener: Callable[[], object]) -> CALLBACK_TYPE:
        """Call the listener when somebody joins; return how to end that."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    @callback
    def async_tell(self, receiver: Receiver, message: Mapping[str, Any]) -> None:
        """Tell everybody with these wishes."""
        for told in tuple(self._told.get(receiver, ())):
            told(message)


def receivers(hass: HomeAssistant) -> Receivers:
    """Return the receivers; automations may join before any hub is there."""
    return hass.data.setdefault(_RECEIVERS, Receivers())
