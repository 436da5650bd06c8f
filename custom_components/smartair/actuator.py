"""What a pump is switched by: a channel of a SmartAir device, or any switch of Home Assistant."""

from typing import Any, Protocol, override

from homeassistant.const import ATTR_ENTITY_ID, SERVICE_TURN_OFF, SERVICE_TURN_ON, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant, split_entity_id
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN
from .device import SmartAirDevice
from .pysmartair import CommandName, without_markup


class Actuator(Protocol):
    """What a pump is switched by."""

    ends_itself: bool
    key: str
    """By what the pump is remembered, whatever it is called."""

    @property
    def name(self) -> str:
        """What people call it."""

    async def async_run(self, cmd_id: str, seconds: float, *, planned: bool) -> None:
        """Switch on for at most so many seconds; raise HomeAssistantError where that did not work."""

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
    def name(self) -> str:
        return f"{self.device.name} {self.channel}"

    @override
    async def async_run(self, cmd_id: str, seconds: float, *, planned: bool) -> None:
        params: dict[str, Any] = {"channel": self.channel, "max_run_s": _whole(seconds)}
        if planned:
            params["duration_s"] = params["max_run_s"]
        await self.device.async_command(CommandName.RUN_PUMP, params, cmd_id=cmd_id)

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

    def __init__(self, hass: HomeAssistant, entity_id: str) -> None:
        """Name the switch."""
        self.hass = hass
        self._entity_id = entity_id
        registered = er.async_get(hass).async_get(entity_id)
        self.key = registered.id if registered else entity_id

    @property
    def entity_id(self) -> str:
        """What the switch is called now: the stop of one that was renamed meanwhile has to find it (S1)."""
        registered = er.async_get(self.hass).entities.get_entry(self.key)
        return registered.entity_id if registered else self._entity_id

    @property
    @override
    def name(self) -> str:
        state = self.hass.states.get(self.entity_id)
        return state.name if state else self.entity_id

    @override
    async def async_run(self, cmd_id: str, seconds: float, *, planned: bool) -> None:
        await self._async_call(SERVICE_TURN_ON)

    @override
    async def async_stop(self, off_s: float | None, *, water_change: bool) -> None:
        await self._async_call(SERVICE_TURN_OFF)

    @override
    async def async_reset(self) -> None:
        """Nothing: its lock is Home Assistant's alone."""

    async def _async_call(self, service: str) -> None:
        # Off is tried even so: what Home Assistant believes of a switch may be wrong (S1).
        state = self.hass.states.get(self.entity_id)
        away = state is None or state.state == STATE_UNAVAILABLE
        error = HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="switch_unavailable",
            translation_placeholders={"entity": self.entity_id},
        )
        if away and service == SERVICE_TURN_ON:
            raise error
        domain, _ = split_entity_id(self.entity_id)
        try:
            await self.hass.services.async_call(domain, service, {ATTR_ENTITY_ID: self.entity_id}, blocking=True)
        except HomeAssistantError:
            raise
        except Exception as err:
            # Other people's integrations raise whatever their libraries do.
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="switch_failed",
                translation_placeholders={
                    "entity": self.entity_id,
                    "error": without_markup(str(err) or type(err).__name__),
                },
            ) from err
        if away:
            raise error


def _whole(seconds: float) -> float:
    """Return seconds as every device can read them, never more than asked."""
    return int(seconds) if seconds >= 1 else round(seconds, 3)
