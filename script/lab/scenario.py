"""Scenarios of the demo: something happens, mostly to the rack, and the screen says what the browser shows."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lab import firmware
from lab.client import Client, HassError, eventually
from lab.hass import DOMAIN
from lab.process import ProcessError
from lab.room import Office, open_office
from lab.simulator.house import Occasion
from lab.simulator.pump_node import PumpNode
from lab.simulator.water import Fault
from lab.zone import STEPS, find_zone

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.demo import Demo

type Json = dict[str, Any]

UID = "pump_001"
RACK = "Rack A"

_CALM, _CALM_CHECK = 30.0, 5.0
"""Seconds in which all is well at first, and those when nobody watches."""
_PATIENCE = 3600.0
"""Seconds that the scenario waits for a person to press a button."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One thing that goes wrong, and what comes of it."""

    title: str
    fault: Fault
    channel: str = "pump_recirc"
    runs: bool = False
    """Whether the pump is ordered to run first; circulation runs anyway."""
    stops: bool = False
    """Whether it is ordered to stop after the fault."""
    code: str | None
    """The lock that comes, if one does."""
    happens: str
    shows: str
    persists: bool = False
    """Whether a reset is refused until the rack has been repaired."""
    repair: str
    within: float = 60.0
    """Seconds from the fault to the lock, at most."""


SCENARIOS: dict[str, Scenario] = {
    "blocked-pump": Scenario(
        title="a blocked pump",
        fault=Fault.BLOCKED,
        code="no_flow",
        happens="Roots have grown into the pipe of the circulating pump: it turns, and no water moves.",
        shows="The flow falls to nothing. Five seconds later the pump is stopped and locked: no flow.",
        repair="The roots are cut out of the pipe.",
    ),
    "dry": Scenario(
        title="a reservoir that runs dry",
        fault=Fault.DRY,
        code="dry_run",
        happens="Somebody has left the outlet open: the reservoir runs empty.",
        shows="The level falls. Below 10 % the circulating pump is stopped and locked before it draws air.",
        persists=True,
        repair="The outlet is shut and the reservoir is filled by hand.",
        within=120.0,
    ),
    "stalled": Scenario(
        title="a stalled pump",
        fault=Fault.STALLED,
        channel="pump_drain",
        runs=True,
        code="overcurrent",
        happens="A stone holds the rotor of the drain pump while it runs.",
        shows="The current jumps to 2.6 A, and within a second the pump is stopped and locked.",
        repair="The stone is taken out.",
    ),
    "welded": Scenario(
        title="a relay that welds",
        fault=Fault.WELDED,
        channel="pump_drain",
        runs=True,
        stops=True,
        code="pump_stuck_on",
        happens="The contacts of the drain pump's relay weld together. It is told to stop, and runs on.",
        shows="Current still flows: a critical alert that asks for a person, and no other pump may start.",
        persists=True,
        repair="The relay is replaced.",
    ),
    "overflow": Scenario(
        title="a valve that leaks",
        fault=Fault.OVERFLOW,
        channel="pump_fill",
        runs=True,
        code="overflow",
        happens="The reservoir is being filled, and the mains' float valve beside the pump does not close.",
        shows="The level climbs faster than the pump can have filled. At 95 % filling is stopped and locked.",
        persists=True,
        repair="The valve is shut, and what is too much is taken out.",
        within=90.0,
    ),
    "frozen-sensor": Scenario(
        title="a level sensor that repeats itself",
        fault=Fault.FROZEN_SENSOR,
        code=None,
        happens="The level sensor hangs: it says the same number for ever.",
        shows="After a minute the node says so, and reports no level any more: an old value is not a safe one.",
        repair="The sensor is plugged in again.",
        within=120.0,
    ),
}
WATER_CHANGE = "water-change"
STUFFY_ROOM = "stuffy-room"
UPDATE = "update"
ROLLOUT = "rollout"
FIRMWARE = (UPDATE, ROLLOUT)
NAMES = (*SCENARIOS, WATER_CHANGE, STUFFY_ROOM, *FIRMWARE)
REFUSED = ("Error during service call to button.press", "[homeassistant.components.websocket_api.http.connection]")
"""What Home Assistant itself logs when a reset is refused, as some scenarios want it."""


def rack_size(name: str | None) -> float:
    """Return how large the rack is: what fills and empties it is small, so that a person can wait for it."""
    return 0.15 if name in {WATER_CHANGE, "overflow"} else 1.0


def say(text: str = "") -> None:
    """Show what happens, with the time of day."""
    stamp = f"{datetime.now().astimezone():%H:%M:%S}  " if text else ""
    print(f"  {stamp}{text}", flush=True)


@dataclass(frozen=True, kw_only=True)
class Rack:
    """The rack as Home Assistant shows it, and the simulated one behind it."""

    demo: Demo
    entities: dict[str, str]

    @property
    def client(self) -> Client:
        """Return the connection to Home Assistant."""
        return self.demo.hass.client

    async def do(self, what: Callable[[PumpNode], None]) -> None:
        """Do something to the simulated node."""
        node = self.demo.fleet.device(UID)
        if not isinstance(node, PumpNode):
            raise ProcessError(f"{UID} is no pump node")
        await self.demo.fleet.do(lambda: what(node))

    async def until(self, key: str, state: str, *, within: float) -> None:
        """Wait until an entity shows a state."""
        entity = self.entities[key]

        async def shown() -> bool:
            return await self.client.state(entity) == state

        await eventually(shown, within=within, what=f"{entity} {state}")

    async def press(self, key: str) -> None:
        """Press a button, as a person does in the browser; raise HassError when Home Assistant refuses."""
        await self.client.action("button", "press", {"entity_id": self.entities[key]})

    async def order(self, action: str, channel: str, **data: Any) -> None:
        """Order something of a pump, as a person does in the browser."""
        await self.client.action(DOMAIN, action, {"entity_id": self.entities[f"{channel}:pump"]}, **data)


async def find_rack(demo: Demo) -> Rack:
    """Return the rack, with its entities by channel and key."""
    found = await demo.hass.client.entities(DOMAIN)
    own = {entity["unique_id"]: entity_id for entity_id, entity in found.items()}
    prefix = f"{UID}-"
    return Rack(
        demo=demo,
        entities={name.removeprefix(prefix): one for name, one in own.items() if name.startswith(prefix)},
    )


async def play(demo: Demo, name: str, *, check: bool) -> None:
    """Play a scenario; with `check` every button is pressed by the script itself."""
    if name == STUFFY_ROOM:
        await _fill_room(await open_office(demo.hass.client, demo.fleet, demo.hass.url), check=check)
        return
    if name == UPDATE:
        await _update(demo, check=check)
        return
    if name == ROLLOUT:
        await _roll_out(demo, check=check)
        return
    rack = await find_rack(demo)
    if name == WATER_CHANGE:
        await _change_water(rack, check=check)
        return
    scenario = SCENARIOS[name]
    calm = _CALM_CHECK if check else _CALM
    say()
    say(f"Scenario: {scenario.title}. Open the dashboard and look at {RACK}; in {calm:.0f} s it begins.")
    await asyncio.sleep(calm)
    if scenario.runs:
        say(f"Home Assistant is asked to run {scenario.channel}.")
        await rack.order("run_pump", scenario.channel, seconds=300)
        await rack.until(f"{scenario.channel}:pump", "on", within=15)
        await asyncio.sleep(calm / 2)
    say(scenario.happens)
    await rack.do(lambda node: node.sensors.rack.break_(scenario.fault, scenario.channel))
    if scenario.stops:
        await _stop(rack, scenario.channel)
    say(f"What is to be seen: {scenario.shows}")
    if scenario.code is None:
        await _doubt(rack, scenario, calm)
    else:
        await _lock(rack, scenario, scenario.code, check=check)


async def _stop(rack: Rack, channel: str) -> None:
    try:
        await rack.order("stop_pump", channel)
    except HassError as error:
        say(f"The stop is not confirmed: {error.message}")


async def _lock(rack: Rack, scenario: Scenario, code: str, *, check: bool) -> None:
    """See the pump locked, refused, repaired and reset."""
    lock, reset = f"{scenario.channel}:safety_lock", f"{scenario.channel}:reset_safety_lock"
    await rack.until(lock, "on", within=scenario.within)
    say(f"Home Assistant shows the lock of {scenario.channel}: {code}. Its switch and every action are refused.")
    if scenario.persists:
        say("Press the reset: it is refused with the cause, because that is still there.")
        if check:
            await _refused(rack, reset)
    await asyncio.sleep(3 if check else _CALM)
    await rack.do(lambda node: node.sensors.rack.repair())
    say(f"{scenario.repair} Now press the reset.")
    if check:
        # The device has to have seen that it is well again.
        await asyncio.sleep(8)
        await rack.press(reset)
    await rack.until(lock, "off", within=_PATIENCE)
    say("The lock is gone." + (" Water moves again." if scenario.channel == "pump_recirc" else ""))


async def _refused(rack: Rack, reset: str) -> None:
    try:
        await rack.press(reset)
    except HassError as error:
        say(f"Refused: {error.message}")
    else:
        raise ProcessError("the reset was not refused while the cause was there")


async def _doubt(rack: Rack, scenario: Scenario, calm: float) -> None:
    """See a value that is not believed."""
    events = rack.entities["activity"]

    async def told() -> bool:
        state = (await rack.client.states()).get(events)
        attributes = {} if state is None else state["attributes"]
        return "sensor_frozen" in {attributes.get("event_type"), attributes.get("event")}

    await eventually(told, within=scenario.within, what="the event sensor_frozen")
    say("The node has said that its level sensor is frozen: see its events.")
    await asyncio.sleep(calm)
    await rack.do(lambda node: node.sensors.rack.repair())
    say(scenario.repair)


async def _change_water(rack: Rack, *, check: bool) -> None:
    """See a whole water change, from the button to the recorded solution."""
    zone = await find_zone(rack.client)
    if zone is None:
        raise ProcessError("there is no zone")
    say()
    say(f"Scenario: a water change. Open the dashboard and press Change water at {RACK}.")
    if check:
        await zone.press("start")
    for step, sentence in STEPS.items():
        await zone.until(step, within=_PATIENCE)
        say(sentence)
    await zone.until("normal_recirc", within=600)
    made = await rack.client.states()
    solution = made[await zone.entity("solution_made")]["attributes"]
    shown = ", ".join(f"{name} {value}" for name, value in solution.items() if name in {"ph", "ec", "temperature"})
    say(f"The water is changed. The new solution is on record: {shown}.")


async def _update(demo: Demo, *, check: bool) -> None:
    """See one device update itself, from the button to the version that has vouched for itself."""
    client, uid = demo.hass.client, "co2_001"
    say()
    say(f"Scenario: an update. Firmware {firmware.VERSION} for the CO₂ meters lies in the firmware folder.")
    say(f"Open {demo.hass.url}/config/updates, choose the CO₂ meter of the Living room, and press Update.")
    update = await _update_of(demo, uid)
    if check:
        await client.action("update", "install", {"entity_id": update})
    await _until_stage(client, update, "downloading", within=_PATIENCE)
    say("The device has its order and downloads, as its update shows in percent.")
    await _until_stage(client, update, "rebooting", "on_trial", "confirmed")
    say("It has checked what it downloaded and restarts into it. It counts as done when the new version reports.")
    await _until_stage(client, update, "confirmed")
    say(f"It runs {firmware.VERSION}.")


async def _roll_out(demo: Demo, *, check: bool) -> None:
    """See the CO₂ meters update themselves in stages: one first, then the others."""
    client = demo.hass.client
    meters = [identity.uid for identity in demo.housed if identity.device_type == firmware.DEVICE_TYPE]
    say()
    say(f"Scenario: a rollout. Firmware {firmware.VERSION} is there for the {len(meters)} CO₂ meters of the house.")
    say("Open Developer tools > Actions, choose SmartAir: Roll out firmware, tick Device type, choose CO₂, and")
    say("perform it. The hub's page (Settings > Devices & services > SmartAir) has Firmware rollout then.")
    updates = [await _update_of(demo, uid) for uid in meters]
    if check:
        await client.action_response(DOMAIN, "rollout_firmware", device_type=[firmware.DEVICE_TYPE])

    async def begun() -> list[str]:
        return [one for one in updates if await _stage(client, one) not in {None, "idle"}]

    await eventually(begun, within=_PATIENCE, what="the first device of the rollout")
    say("One device goes first, and the others follow when it has vouched for its new version.")
    for update in updates:
        await _until_stage(client, update, "confirmed", within=120)
    say(f"All {len(meters)} run {firmware.VERSION}: the rollout is completed.")


async def _update_of(demo: Demo, uid: str) -> str:
    client = demo.hass.client

    async def find() -> str | None:
        entities = (await client.entities(DOMAIN)).items()
        return next((name for name, one in entities if one["unique_id"] == f"{uid}-update"), None)

    return str(await eventually(find, what=f"the update of {uid}"))


async def _stage(client: Client, update: str) -> str | None:
    state = (await client.states()).get(update)
    return None if state is None else state["attributes"].get("stage")


async def _until_stage(client: Client, update: str, *stages: str, within: float = 60) -> None:
    async def reached() -> bool:
        return await _stage(client, update) in stages

    await eventually(reached, within=within, what=f"{update} {' or '.join(stages)}")


async def _fill_room(office: Office, *, check: bool) -> None:
    """See an alert from its rise to its end: stuffy air, a notification, an open window, fresh air."""
    calm = _CALM_CHECK if check else _CALM
    say()
    say("Scenario: a stuffy room. CO₂ above 1000 ppm in the Office is an alert, and the blueprint Air quality")
    say(f"alert makes a notification of it. Open {office.page}; in {calm:.0f} s it begins.")
    await office.hold(Occasion(people=0, window=True))
    await asyncio.sleep(calm)
    await office.until_quiet()
    say("Six people meet in the Office, and the window is shut.")
    await office.hold(Occasion(people=6, window=False))
    await office.until(alert="on", event="co2_high", notified=True)
    say(f"CO₂ is at {await office.co2()} ppm: co2_high is raised. What is to be seen on this page: Alert is Problem,")
    say("Alerts is Raised, Activity has CO₂ high: raised; and under Notifications, the blueprint's: The air is bad.")
    await asyncio.sleep(calm)
    say(f"The people go, and leave the window open. CO₂ falls from {await office.co2()} ppm.")
    await office.hold(Occasion(people=0, window=True))
    await office.until(alert="off", event="co2_normal", notified=False)
    say(f"CO₂ is at {await office.co2()} ppm: co2_normal. Alert is OK, Alerts is Resolved, the notification is gone.")
    await office.hold(None)
