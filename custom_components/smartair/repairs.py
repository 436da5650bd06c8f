"""Repairs that a click can fix."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .hub import SmartAirConfigEntry, SmartAirHub
from .pysmartair import Channel, Publish, topic_for

type Act = Callable[[SmartAirHub], Coroutine[Any, Any, None]]


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that fixes an issue."""
    facts = cast("dict[str, str]", data or {})
    entry: SmartAirConfigEntry | None = hass.config_entries.async_get_entry(facts.get("entry_id", ""))
    if issue_id.startswith("devices_waiting/"):
        return HubRepair(entry, _async_approve_waiting)

    async def clear(hub: SmartAirHub) -> None:
        await _async_clear_retained(hub, facts["uid"])

    return HubRepair(entry, clear)


class HubRepair(RepairsFlow):
    """A repair that asks once and then acts on a hub."""

    def __init__(self, entry: SmartAirConfigEntry | None, act: Act) -> None:
        """Keep what is to be done, and where."""
        self._entry = entry
        self._act = act

    async def async_step_init(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin by asking."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Act when the owner has agreed."""
        if user_input is None:
            issue = ir.async_get(self.hass).async_get_issue(self.handler, self.issue_id)
            return self.async_show_form(
                step_id="confirm",
                description_placeholders=issue.translation_placeholders if issue else None,
            )
        if self._entry is None or self._entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="hub_not_loaded")
        await self._act(self._entry.runtime_data)
        return self.async_create_entry(data={})


async def _async_approve_waiting(hub: SmartAirHub) -> None:
    free, _ = hub.approval.matching("*")
    await hub.async_approve(free)


async def _async_clear_retained(hub: SmartAirHub, uid: str) -> None:
    for channel in (Channel.COMMANDS, Channel.OTA):
        await hub.async_publish(Publish(topic=topic_for(hub.root, uid, channel), payload="", retain=True))
