"""Repairs that a click can fix."""

from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, cast

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir

from .blueprints import Outcome, async_install, async_keep
from .hub import SmartAirConfigEntry, SmartAirHub
from .notices.text import exception_text
from .pysmartair import Alert, Channel, Code, Publish, topic_for

ISSUE_TRACKER = "https://github.com/smartair/smartair/issues"

# Where it is not the lock of a pump.
_CLICKS: Mapping[Code, list[str]] = MappingProxyType(
    {Code.LEAK: ["clear"], Code.WATER_CHANGE_FAILED: ["resume", "abort"]}
)

type Act = Callable[[SmartAirHub], Coroutine[Any, Any, None]]


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that fixes an issue."""
    facts = cast("dict[str, str]", data or {})
    entry: SmartAirConfigEntry | None = hass.config_entries.async_get_entry(facts.get("entry_id", ""))
    if issue_id.startswith("firmware_rolled_back/"):
        return RollbackRepair(entry, facts["uid"])
    if issue_id.startswith("blueprint_edited/"):
        return BlueprintRepair(facts["file"])
    if issue_id.startswith("alert/"):
        return AlertRepair(entry, facts["alert_id"])
    if issue_id.startswith("devices_waiting/"):
        return HubRepair(entry, _async_approve_waiting)

    if issue_id.startswith("no_longer_offered/"):

        async def remove(hub: SmartAirHub) -> None:
            hub.leftovers.async_remove(facts["uid"])

        return HubRepair(entry, remove)

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
        try:
            await self._act(self._entry.runtime_data)
        except HomeAssistantError:
            return self.async_abort(reason="broker_unavailable")
        return self.async_create_entry(data={})


class AlertRepair(RepairsFlow):
    """A repair about an alert that waits for a person: reset the lock, go on with a water change or end it."""

    def __init__(self, entry: SmartAirConfigEntry | None, alert_id: str) -> None:
        """Keep which alert it is."""
        self._entry = entry
        self._alert_id = alert_id

    async def async_step_init(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Say what to look at, and ask what to do."""
        found = self._found()
        if found is None:
            return self.async_abort(reason="hub_not_loaded")
        issue = ir.async_get(self.hass).async_get_issue(self.handler, self.issue_id)
        return self.async_show_menu(
            step_id="init",
            menu_options=_CLICKS.get(found[1].code, ["reset"]),
            description_placeholders=issue.translation_placeholders if issue else None,
        )

    async def async_step_reset(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Reset the lock of the pump, or be told with numbers why it must stay."""

        async def reset(hub: SmartAirHub, alert: Alert) -> None:
            key, channel = (alert.uid or "", alert.channel or ""), alert.channel or ""
            if (pump := hub.pumps.get(key) or hub.pumps.switches.get(channel)) is not None:
                await pump.async_reset()

        return await self._async_do(reset)

    async def async_step_clear(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Take a person's word that it is dry."""

        async def clear(hub: SmartAirHub, alert: Alert) -> None:
            hub.alerts.async_resolve(alert.code, uid=alert.uid, zone=alert.zone, channel=alert.channel)

        return await self._async_do(clear)

    async def async_step_resume(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Go on with the water change."""

        async def resume(hub: SmartAirHub, alert: Alert) -> None:
            if (zone := hub.zones.get(alert.zone or "")) is not None:
                await zone.async_resume()

        return await self._async_do(resume)

    async def async_step_abort(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """End the water change."""

        async def abort(hub: SmartAirHub, alert: Alert) -> None:
            if (zone := hub.zones.get(alert.zone or "")) is not None:
                await zone.async_abort()

        return await self._async_do(abort)

    def _found(self) -> tuple[SmartAirHub, Alert] | None:
        if self._entry is None or self._entry.state is not ConfigEntryState.LOADED:
            return None
        hub = self._entry.runtime_data
        alert = hub.alerts.book.find(self._alert_id)
        return None if alert is None else (hub, alert)

    async def _async_do(self, act: Callable[[SmartAirHub, Alert], Coroutine[Any, Any, None]]) -> RepairsFlowResult:
        found = self._found()
        if found is None:
            return self.async_abort(reason="hub_not_loaded")
        try:
            await act(*found)
        except HomeAssistantError as err:
            return self.async_abort(
                reason="refused", description_placeholders={"error": exception_text(self.hass, err)}
            )
        return self.async_create_entry(data={})


class RollbackRepair(RepairsFlow):
    """A repair about a firmware that did not hold: try it again, wait for the next, or tell who makes it."""

    def __init__(self, entry: SmartAirConfigEntry | None, uid: str) -> None:
        """Keep which device it is."""
        self._entry = entry
        self._uid = uid

    async def async_step_init(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask what to do."""
        return self.async_show_menu(
            step_id="init", menu_options=["retry", "wait", "report"], description_placeholders=self._placeholders
        )

    @property
    def _placeholders(self) -> dict[str, str]:
        issue = ir.async_get(self.hass).async_get_issue(self.handler, self.issue_id)
        return {**(issue.translation_placeholders or {} if issue else {}), "address": ISSUE_TRACKER}

    async def async_step_retry(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Order the same version once more."""
        if self._entry is None or self._entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="hub_not_loaded")
        hub = self._entry.runtime_data
        try:
            await hub.updates.of(hub.devices[self._uid]).async_install(self._placeholders["version"], force=True)
        except HomeAssistantError as err:
            return self.async_abort(reason="not_ordered", description_placeholders={"error": str(err)})
        return self.async_create_entry(data={})

    async def async_step_wait(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Leave it at that: this image is not offered to the device again, a later one is."""
        return self.async_create_entry(data={})

    async def async_step_report(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Show where, and what, to report."""
        if user_input is None:
            return self.async_show_form(step_id="report", description_placeholders=self._placeholders)
        return self.async_create_entry(data={})


class BlueprintRepair(RepairsFlow):
    """A repair about a blueprint that its owner edited, and of which there is a new version."""

    def __init__(self, file: str) -> None:
        """Keep which file it is."""
        self._file = file

    async def async_step_init(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask which of the two is to stay."""
        issue = ir.async_get(self.hass).async_get_issue(self.handler, self.issue_id)
        return self.async_show_menu(
            step_id="init",
            menu_options=["replace", "keep"],
            description_placeholders=issue.translation_placeholders if issue else None,
        )

    async def async_step_replace(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Write the new version, and leave the edited one beside it."""
        report = await async_install(self.hass, replace={self._file})
        if report.outcomes.get(self._file) is Outcome.FAILED:
            return self.async_abort(reason="not_written")
        return self.async_create_entry(data={})

    async def async_step_keep(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Leave the edited file, until the next version."""
        await async_keep(self.hass, self._file)
        return self.async_create_entry(data={})


async def _async_approve_waiting(hub: SmartAirHub) -> None:
    free, _ = hub.approval.matching("*")
    await hub.async_approve(free)


async def _async_clear_retained(hub: SmartAirHub, uid: str) -> None:
    for channel in (Channel.COMMANDS, Channel.OTA):
        await hub.connection.async_publish(
            Publish(topic=topic_for(hub.connection.root, uid, channel), payload="", retain=True)
        )
