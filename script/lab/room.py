"""The demo's Office: its limit of CO₂, the automation that tells of it, and the people who meet there."""

from dataclasses import dataclass
import time
from typing import TYPE_CHECKING, Any

from lab.client import eventually
from lab.hass import DOMAIN
from lab.process import ProcessError
from lab.simulator.sensors import RoomSensors

if TYPE_CHECKING:
    from lab.client import Client
    from lab.simulator.fleet import Fleet
    from lab.simulator.house import Occasion

type Json = dict[str, Any]

UID = "co2_003"
AUTOMATION = "smartair_office_air"
NOTIFICATION = f"smartair-{AUTOMATION}"
"""The blueprint names its notification after the automation."""

CONFIGURATION: Json = {
    "automation": "!include automations.yaml",
    "input_text": {"office_air": {"name": "Memory of the air quality alert"}},
}
"""What Home Assistant needs so that automations can be added in the browser, and the blueprint's memory."""

_HIGH, _BAND = 1000, 100
# 2 minutes are usual; nobody wants to watch them pass.
_LIMIT: Json = {
    "high": _HIGH,
    "hysteresis": _BAND,
    "delay": 0.1,
    "severity": "warning",
    "night_quiet": False,
    "night_begin": "22:00:00",
    "night_end": "07:00:00",
}
_SLACK = 60.0
"""Seconds for delays, reports and a busy machine."""
_HOUR = 3600.0
"""Simulated seconds in which the air has certainly turned."""


@dataclass(frozen=True, kw_only=True)
class Office:
    """The room as Home Assistant shows it, and the simulated one behind it."""

    client: Client
    fleet: Fleet
    page: str
    """Where the browser shows its device."""
    sensors: RoomSensors

    async def hold(self, occasion: Occasion | None) -> None:
        """Let something happen in the room from now on."""
        await self.fleet.do(lambda: self.sensors.take_place(occasion, time.time()))

    async def co2(self) -> str:
        """Return what Home Assistant shows of its CO₂."""
        return str((await self._states())[f"{UID}-co2"]["state"])

    async def until_quiet(self) -> None:
        """Wait until there is neither an alert nor a notification, so that what comes is new."""

        async def quiet() -> bool:
            alert, _event, notified = await self._shown()
            return alert != "on" and not notified

        await eventually(quiet, within=_SLACK + _HOUR / self.sensors.clock.speed, what="fresh air in the Office")

    async def until(self, *, alert: str, event: str, notified: bool) -> None:
        """Wait until the alert, its last event and the notification are as wanted."""
        wanted = (alert, event, notified)
        seen: list[tuple[str | None, str | None, bool]] = []

        async def shown() -> bool:
            seen[:] = [await self._shown()]
            return seen == [wanted]

        try:
            await eventually(shown, within=_SLACK + _HOUR / self.sensors.clock.speed, what="the alert")
        except TimeoutError:
            raise ProcessError(f"the Office does not show {wanted} but {seen[0]}") from None

    async def _shown(self) -> tuple[str | None, str | None, bool]:
        states = await self._states()
        # The entities of its alerts come with the first alert.
        alert, events = states.get(f"{UID}-alert"), states.get(f"{UID}-alerts")
        notifications = await self.client.call("persistent_notification/get")
        return (
            None if alert is None else alert["state"],
            None if events is None else events["attributes"].get("event"),
            any(one["notification_id"] == NOTIFICATION for one in notifications),
        )

    async def _states(self) -> dict[str, Json]:
        """Return the states of its entities by unique id."""
        states = await self.client.states()
        entities = await self.client.entities(DOMAIN)
        return {one["unique_id"]: states[name] for name, one in entities.items() if name in states}


async def open_office(client: Client, fleet: Fleet, url: str) -> Office:
    """Return the Office, with a limit and an automation made the way a person makes them."""
    sensors = fleet.device(UID).sensors
    if not isinstance(sensors, RoomSensors):
        raise ProcessError(f"{UID} hangs in no room")
    device = (await client.devices(DOMAIN))[UID]["id"]
    await _limit(client, device)
    await _automate(client)
    return Office(client=client, fleet=fleet, page=f"{url}/config/devices/device/{device}", sensors=sensors)


async def _limit(client: Client, device: str) -> None:
    (hub,) = await client.entries(DOMAIN)
    listed = await client.call("config_entries/subentries/list", entry_id=hub["entry_id"])
    if any(one["subentry_type"] == "alert_limit" for one in listed):
        return
    form = await client.start_subentry(hub["entry_id"], "alert_limit")
    await client.continue_subentry(form["flow_id"], {"metric": "co2"})
    answer = await client.continue_subentry(form["flow_id"], {"devices": [device], **_LIMIT})
    if answer["type"] != "create_entry":
        raise ProcessError(f"the limit was not added: {answer}")


async def _automate(client: Client) -> None:
    """Make an automation of the blueprint that the integration has installed."""
    entities = (await client.entities(DOMAIN)).items()
    (sensor,) = (entity_id for entity_id, entity in entities if entity["unique_id"] == f"{UID}-co2")
    given = {
        "sensors": [sensor],
        "memory": "input_text.office_air",
        "bad_above": _HIGH,
        "good_below": _HIGH - _BAND,
        "bad_for": 0,
        "good_for": 0,
        # The demo is shown at night as well.
        "quiet_start": "00:00:00",
        "quiet_end": "00:00:00",
    }
    await client.request(
        "POST",
        f"/api/config/automation/config/{AUTOMATION}",
        {
            "alias": "SmartAir office air",
            "use_blueprint": {"path": "smartair/air_quality_alert.yaml", "input": given},
        },
    )

    async def runs() -> bool:
        return await client.state(f"automation.{AUTOMATION}") == "on"

    await eventually(runs, what="the automation of the blueprint")
