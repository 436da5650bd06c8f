"""The actions with which automations remember and recall."""

from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import config_validation as cv
import voluptuous as vol

from ..const import DOMAIN
from .memory import DATA_MEMORIES, MOST_AUTOMATIONS, MOST_BYTES, Memories, memory_size

REMEMBER = "remember"
RECALL = "recall"
ATTR_AUTOMATION = "automation"
ATTR_MEMORY = "memory"

_WHOSE = {vol.Required(ATTR_AUTOMATION): vol.All(cv.string, vol.Length(min=1, max=255))}
_RECALL = vol.Schema(_WHOSE)
_REMEMBER = vol.Schema({**_WHOSE, vol.Required(ATTR_MEMORY): vol.Any(str, {str: object})})


@callback
def async_setup_memory_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    hass.services.async_register(DOMAIN, REMEMBER, _async_remember, _REMEMBER, SupportsResponse.OPTIONAL)
    hass.services.async_register(DOMAIN, RECALL, _async_recall, _RECALL, SupportsResponse.ONLY)


def _error(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )


async def _async_remember(call: ServiceCall) -> ServiceResponse:
    # Who may write the memory of a guard may clear its lock: an automation, which has no user, or an administrator.
    user = await call.hass.auth.async_get_user(call.context.user_id) if call.context.user_id else None
    if call.context.user_id and (user is None or not user.is_admin):
        raise Unauthorized(context=call.context)
    memories, key, memory = call.hass.data[DATA_MEMORIES], _key(call), call.data[ATTR_MEMORY]
    try:
        size = memory_size(memory)
    except (TypeError, ValueError) as err:
        raise _error("memory_not_plain") from err
    if size > MOST_BYTES:
        raise _error("memory_too_large", size=str(size), most=str(MOST_BYTES))
    if memories.is_full_for(key):
        await memories.async_forget_the_gone()
    if memories.is_full_for(key):
        raise _error("too_many_memories", most=str(MOST_AUTOMATIONS))
    await memories.async_remember(key, memory)
    return _answer(memories, key)


async def _async_recall(call: ServiceCall) -> ServiceResponse:
    return _answer(call.hass.data[DATA_MEMORIES], _key(call))


def _key(call: ServiceCall) -> str:
    automation: str = call.data[ATTR_AUTOMATION]
    key = call.hass.data[DATA_MEMORIES].key_of(automation)
    if key is None:
        raise _error("no_such_automation", automation=automation)
    return key


def _answer(memories: Memories, key: str) -> dict[str, Any]:
    return {ATTR_AUTOMATION: key, ATTR_MEMORY: memories.recall(key)}
