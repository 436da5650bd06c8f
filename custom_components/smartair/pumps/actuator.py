"""What a pump is switched by: a channel of a SmartAir device, or any switch of Home Assistant."""

import asyncio
from typing import Any, Protocol, override

from homeassistant.const import ATTR_ENTITY_ID, SERVICE_TURN_OFF, SERVICE_TURN_ON, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant, split_entity_id
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from ..const import DOMAIN
from ..devices.device import SmartAirDevice
from ..devices.place import place_of_entity
from ..pysmartair import CommandName, place_text, without_markup
from ..pysmartair.guard.model import CONFIRM_S

# A call that hangs has this many tries of the guard to come to its end, for some radios take half a minute.
_CALLS = 4
# Of calls that not even cancelling ends there are never more than this.
_DEAD_CALLS = 8


class Actuator(Protocol):
    """What a pump is switched by."""

    ends_itself: bool
    key: str
    """By what the pump is remembered, whatever it is called."""

    @property
    def place(self) -> str:
        """Where it is, in its owner's words."""

    async def async_run(self, cmd_id: str, seconds: float, *, planned: bool, lasting: bool = False) -> None:
        """Switch on for at most so many seconds, by an order that may last; raise HomeAssistantError where not."""

    async def async_stop(self, off_s: float | None, *, water_change: bool) -> None:
        """Switch off; raise HomeAssistantError where that did not work."""

    async def async_reset(self) -> None:
        """Have the device reset its lock; raise HomeAssistantError where it does not."""


class ChannelActuator(Actuator):
    """A channel of a SmartAir device, which ends each run by itself (safety contract, S4)."""

    ends_itself = True

    def __init__(self, device: SmartAirDevice, channel: str) -> None:
        """Name the channel."""
        self.device = device
        self.channel = self.key = channel

    @property
    @override
    def place(self) -> str:
        return place_text(self.device.place, self.channel)

    @override
    async def async_run(self, cmd_id: str, seconds: float, *, planned: bool, lasting: bool = False) -> None:
        params: dict[str, Any] = {"channel": self.channel, "max_run_s": _whole(seconds)}
        if planned:
            params["duration_s"] = params["max_run_s"]
        await self.device.async_command(CommandName.RUN_PUMP, params, cmd_id=cmd_id, lasting=lasting)

    @override
    async def async_stop(self, off_s: float | None, *, water_change: bool) -> None:
        params: dict[str, Any] = {"channel": self.channel}
        if off_s is not None:
            params["max_off_s"] = _whole(off_s)
        if water_change:
            params["purpose"] = "water_change"
        await self.device.async_command(CommandName.STOP_PUMP, params)

    @override
    async def async_reset(self) -> None:
        await self.device.async_command(CommandName.RESET_SAFETY_LOCK, {"channel": self.channel})


class SwitchActuator(Actuator):
    """Any switch of Home Assistant, which nothing but Home Assistant ends a run of."""

    ends_itself = False

    def __init__(self, hass: HomeAssistant, entity_id: str, *, inverted: bool = False) -> None:
        """Name the switch; with `inverted` its coil opens the contact, and the pump runs while the switch is off."""
        self.hass = hass
        self.inverted = inverted
        self._entity_id = entity_id
        self._calls: dict[asyncio.Task[None], bool] = {}
        registered = er.async_get(hass).async_get(entity_id)
        self.key = registered.id if registered else entity_id

    @property
    def entity_id(self) -> str:
        """What the switch is called now: the stop of one that was renamed meanwhile has to find it (S1)."""
        registered = er.async_get(self.hass).entities.get_entry(self.key)
        return registered.entity_id if registered else self._entity_id

    @property
    @override
    def place(self) -> str:
        return place_of_entity(self.hass, self.entity_id)

    @override
    async def async_run(self, cmd_id: str, seconds: float, *, planned: bool, lasting: bool = False) -> None:
        await self._async_switch(on=True)

    @override
    async def async_stop(self, off_s: float | None, *, water_change: bool) -> None:
        await self._async_switch(on=False)

    @override
    async def async_reset(self) -> None:
        """Nothing: its lock is Home Assistant's alone."""

    async def _async_switch(self, *, on: bool) -> None:
        """Have it switched, and wait for that no longer than a device has to confirm."""
        # Off is tried even so: what Home Assistant believes of a switch may be wrong (S1).
        state = self.hass.states.get(self.entity_id)
        away = state is None or state.state == STATE_UNAVAILABLE
        if (away and on) or not self._make_room(on=on):
            raise self._error("switch_unavailable") if away else self._no_answer()
        service = SERVICE_TURN_ON if on is not self.inverted else SERVICE_TURN_OFF
        call = self.hass.async_create_background_task(
            self._async_call(service), f"smartair switch {self.entity_id}", eager_start=True
        )
        self._calls[call] = on
        call.add_done_callback(self._forget)
        if not call.done():
            # It goes on when nobody waits any more: other people's integrations may take their time (S1).
            await asyncio.wait({call}, timeout=CONFIRM_S)
        if not call.done() or call.cancelled():
            raise self._no_answer()
        if (error := call.exception()) is not None:
            raise error
        if away:
            raise self._error("switch_unavailable")

    def _make_room(self, *, on: bool) -> bool:
        """Give up what a new order replaces; tell whether there is room for another call."""
        for call, was_on in self._calls.items():
            # The last word counts: what still hangs must not come true after it.
            if was_on is not on:
                call.cancel()
        waiting = [call for call in self._calls if not call.cancelling()]
        if len(waiting) >= _CALLS:
            waiting[0].cancel()
        return len(self._calls) < _DEAD_CALLS

    def _forget(self, call: asyncio.Task[None]) -> None:
        del self._calls[call]
        if not call.cancelled():
            # Nobody may be there any more to look at what went wrong.
            call.exception()

    async def _async_call(self, service: str) -> None:
        domain, _ = split_entity_id(self.entity_id)
        try:
            await self.hass.services.async_call(domain, service, {ATTR_ENTITY_ID: self.entity_id}, blocking=True)
        except HomeAssistantError:
            raise
        except Exception as err:
            # Other people's integrations raise whatever their libraries do.
            raise self._error("switch_failed", error=without_markup(str(err) or type(err).__name__)) from err

    def _no_answer(self) -> HomeAssistantError:
        return self._error("switch_no_answer", seconds=f"{CONFIRM_S:g}")

    def _error(self, key: str, **placeholders: str) -> HomeAssistantError:
        return HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders={"entity": self.entity_id, **placeholders},
        )


def _whole(seconds: float) -> float:
    """Return seconds as every device can read them, never more than asked."""
    return int(seconds) if seconds >= 1 else round(seconds, 3)
