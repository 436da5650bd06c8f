"""Conditions for automations: the air is fresh, a pump may run. What is not known is not the case."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Unpack, override

from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.condition import Condition, ConditionCheckParams, ConditionConfig
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

from .air.outdoor import indoors, outdoors
from .automations.target import Targeted, is_targeted, loaded_hubs, targeted
from .const import CONF_OUTDOOR
from .pysmartair.air.outside import QUESTIONS, is_better
from .pysmartair.safety import Allowed

CONF_QUESTION = "question"
CONF_WISH = "wish"

_SCHEMA = vol.Schema({vol.Required(CONF_TARGET): cv.TARGET_FIELDS, vol.Optional(CONF_OPTIONS, default=dict): {}})


class EveryTargeted(Condition):
    """Holds when it is the case for all that is targeted, and something is."""

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Validate the target."""
        validated: ConfigType = _SCHEMA(config)
        return validated

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Keep the target."""
        super().__init__(hass, config)
        self._target: dict[str, Any] = config.target or {}

    @override
    def _async_check(self, **kwargs: Unpack[ConditionCheckParams]) -> bool:
        """Look at each; where there is none, whoever asks has made a mistake, and nothing is the case."""
        answers = list(self._answers(targeted(self._hass, self._target)))
        return bool(answers) and all(answers)

    @abstractmethod
    def _answers(self, target: Targeted) -> Iterator[bool]:
        """Say of each that is targeted whether it is the case."""


class AirIsFresh(EveryTargeted):
    """What the devices measure of the air lies within its limits, and is known."""

    @override
    def _answers(self, target: Targeted) -> Iterator[bool]:
        for hub in loaded_hubs(self._hass):
            for device in hub.devices.values():
                if device.disabled or device.device_id not in target.devices:
                    continue
                if (fresh := hub.limits.fresh(device)) is not None:
                    yield fresh


class PumpMayRun(EveryTargeted):
    """No lock, no lack of water, nothing else speaks against it."""

    @override
    def _answers(self, target: Targeted) -> Iterator[bool]:
        for hub in loaded_hubs(self._hass):
            for pump in (*hub.pumps.values(), *hub.pumps.switches.values()):
                if is_targeted(pump, target):
                    yield isinstance(pump.async_verdict(), Allowed)


_OUTSIDE_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_TARGET): cv.TARGET_FIELDS,
        vol.Required(CONF_OPTIONS): {
            vol.Optional(CONF_QUESTION, default="co2"): vol.In(QUESTIONS),
            vol.Optional(CONF_OUTDOOR, default=list): cv.entity_ids,
            vol.Optional(CONF_WISH, default=21): vol.All(vol.Coerce(float), vol.Range(min=5, max=35)),
        },
    }
)


class OutsideIsBetter(EveryTargeted):
    """Air from outdoors makes right what is asked about, wherever a device measures it."""

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Validate target and options."""
        validated: ConfigType = _OUTSIDE_SCHEMA({CONF_OPTIONS: {}, **config})
        return validated

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Keep the options."""
        super().__init__(hass, config)
        self._options: dict[str, Any] = config.options or {}

    @override
    def _answers(self, target: Targeted) -> Iterator[bool]:
        question, wish = self._options[CONF_QUESTION], self._options[CONF_WISH]
        for hub in loaded_hubs(self._hass):
            # Without sensors of its own it goes by those of the hub.
            outside = outdoors(self._hass, self._options[CONF_OUTDOOR] or hub.entry.options.get(CONF_OUTDOOR, ()))
            for device in hub.devices.values():
                # Of a device that does not measure it nothing can be said, and it is not asked.
                if device.device_id in target.devices and question in device.snapshot.metrics:
                    yield is_better(question, indoors(device), outside, wish) is True


CONDITIONS: dict[str, type[Condition]] = {
    "air_is_fresh": AirIsFresh,
    "outside_is_better": OutsideIsBetter,
    "pump_may_run": PumpMayRun,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions."""
    return CONDITIONS
