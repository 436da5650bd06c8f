"""The demo: a broker, Home Assistant with SmartAir, and a house full of simulated devices."""

import argparse
import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.util import find_spec
import os
from pathlib import Path
import re
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from lab import dashboard, firmware, room, scenario, voice
from lab.broker import AMQTT, Broker
from lab.client import Client, eventually
from lab.hass import CONFIGURED, DOMAIN, Hass
from lab.process import ProcessError, free_port, is_listening
from lab.simulator.fleet import Fleet
from lab.simulator.house import Clock
from lab.simulator.household import Household
from lab.zone import add_zone, find_zone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.simulator.device import Identity

type Json = dict[str, Any]

USUAL_PORT = 8123
"""Where people expect Home Assistant."""
CARDS = 20
"""Cards that the integration shows at a time."""

_WITH_RACK = 7
"""Devices of which one is the rack's."""

# No reading: an entity without a value, or without a device behind it.
_EMPTY = {"unknown", "unavailable"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    devices: int
    port: int
    speed: float
    check: bool
    keep: Path | None
    scenario: str | None
    say: str | None
    uid: str


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Everything that runs."""

    broker: Broker
    hass: Hass
    fleet: Fleet
    housed: list[Identity]
    """Devices that the demo approves."""
    rack_size: float
    guest: Identity
    """The device that is left for the person to approve."""


def say(text: str = "") -> None:
    """Show progress."""
    print(text, flush=True)


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("--devices", type=int, default=8, metavar="N", help="simulated devices (default 8)")
    parser.add_argument("--port", type=int, help=f"Home Assistant's port (default {USUAL_PORT} or a free one)")
    parser.add_argument("--speed", type=float, default=60.0, help="how fast a day passes (default 60)")
    parser.add_argument("--check", action="store_true", help="wait for live values, print them, and end")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep everything in DIR for the next time")
    parser.add_argument(
        "--scenario", choices=scenario.NAMES, help="what happens to the rack or in a room, with words to it"
    )
    parser.add_argument(
        "--say", metavar="JSON", help=f"publish into the demo that runs already, as a device would: {voice.EXAMPLE}"
    )
    parser.add_argument("--as", dest="uid", default=voice.UID, metavar="UID", help="which device says it")
    given = parser.parse_args(arguments)
    if given.devices < 1 or given.speed <= 0:
        parser.error("there must be a device, and time must pass")
    if given.scenario and given.devices < _WITH_RACK:
        parser.error(f"a scenario needs the rack, which is among the first {_WITH_RACK} devices")
    return Options(
        devices=given.devices,
        port=given.port or _port(check=given.check or given.say is not None),
        speed=given.speed,
        check=given.check,
        keep=given.keep and given.keep.resolve(),
        scenario=given.scenario,
        say=given.say,
        uid=given.uid,
    )


def _port(*, check: bool) -> int:
    return free_port() if check or is_listening(USUAL_PORT) else USUAL_PORT


def _time_zone() -> str:
    """Return the name of this machine's time zone."""
    name = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    return name or "UTC"


def _country() -> str:
    """Return the country that the language of this machine names; without one, HA asks for a repair."""
    named = re.match(r"[a-z]{2,3}_([A-Z]{2})", os.environ.get("LANG", ""))
    return named[1] if named else "GB"


async def start(options: Options, stack: AsyncExitStack) -> Demo:
    """Start everything, in the order in which it is needed."""
    keep = options.keep
    broker = Broker(keep and keep / "broker", persistence=True)
    if broker.program == "amqtt":
        say("No mosquitto here: an embedded broker takes its place.")
        say(f"It is {AMQTT} and speaks only MQTT 3.1.1, which Home Assistant no longer recommends.")
    say("Starting the broker …")
    await stack.enter_async_context(broker)
    home = {
        "name": "SmartAir",
        "unit_system": "metric",
        "time_zone": _time_zone(),
        "country": _country(),
        # From where the devices fetch their updates; this machine's own address they would not reach it by.
        "internal_url": f"http://127.0.0.1:{options.port}",
    }
    hass = Hass(
        keep and keep / "homeassistant",
        port=options.port,
        integrations=CONFIGURED,
        configuration={"homeassistant": home, **room.CONFIGURATION},
    )
    say("Starting Home Assistant (ten seconds or so) …")
    if options.scenario in scenario.FIRMWARE:
        firmware.put_firmware(hass.folder / DOMAIN / "firmware")
    await stack.enter_async_context(hass)
    if not await hass.client.entries("mqtt"):
        await hass.add_mqtt(broker)
    await excuse_voice(hass.client)
    clock = Clock(started=time.time(), speed=options.speed)
    household = Household(clock=clock, rack_size=scenario.rack_size(options.scenario), updates=True)
    housed = [*household.identities(options.devices), household.host()]
    guest = household.identity("co2", "Guest room", code=household.new_code())
    fleet = Fleet(broker.port)
    fleet.start()
    stack.push_async_callback(fleet.stop)
    say(f"Switching on {options.devices} simulated devices and this computer's own …")
    await fleet.add(housed, household.make)
    demo = Demo(broker=broker, hass=hass, fleet=fleet, housed=housed, guest=guest, rack_size=household.rack_size)
    await add_hub(hass.client)
    await approve(demo)
    await fleet.add([guest], household.make)
    return demo


async def add_rack(demo: Demo) -> None:
    """Make a zone of the rack, by the flow that a person goes through."""
    if scenario.UID not in {identity.uid for identity in demo.housed} or await find_zone(demo.hass.client):
        return
    say("Adding a zone for the rack …")
    tank = round(100 * demo.rack_size)
    # The shortest that the form takes: nobody wants to watch water settle for ten minutes.
    await add_zone(
        demo.hass.client,
        scenario.UID,
        scenario.RACK,
        limits={"tank_volume": tank},
        cycle={"stabilize_minutes": 1, "interval_days": 14},
    )


async def excuse_voice(client: Client) -> None:
    """Take back what Home Assistant says of its voice assistant where that could not be compiled."""
    if find_spec("pyspeex_noise") is None:
        await client.action("persistent_notification", "dismiss", notification_id="invalid_config")


async def add_hub(client: Client) -> None:
    """Add the hub by the card on which Home Assistant offers it."""
    if await client.entries(DOMAIN):
        return

    async def card() -> Json | None:
        cards = await client.discovered(DOMAIN)
        return next((card for card in cards if card["context"]["source"] == "mqtt"), None)

    found = await eventually(card, within=30, what="Home Assistant's card for SmartAir")
    assert found is not None  # noqa: S101 (for the type checker: eventually returns what is true)
    say("Home Assistant has found SmartAir; adding it …")
    result = await client.continue_flow(found["flow_id"], {})
    if result["type"] != "create_entry":
        raise ProcessError(f"the hub was not added: {result}")


async def approve(demo: Demo) -> None:
    """Approve the devices by their cards, and what exceeds the cards by the action."""
    client = demo.hass.client
    waiting = {identity.uid: identity for identity in demo.housed}

    async def nobody_waits() -> bool:
        for uid in await client.devices(DOMAIN):
            waiting.pop(uid, None)
        for card in await client.discovered(DOMAIN):
            identity = waiting.get(str(card["context"].get("unique_id")))
            if identity is not None:
                await approve_card(client, card, identity)
        if len(demo.housed) > CARDS:
            await client.action(DOMAIN, "approve_devices", pattern="*")
        return not waiting

    say(f"Approving {len(waiting)} devices …")
    await eventually(nobody_waits, within=60 + len(waiting) / 5, what="every device approved")


async def approve_card(client: Client, card: Json, identity: Identity) -> None:
    """Approve one device by its card, with its code where it asks for one."""
    step = await client.read_flow(card["flow_id"])
    answer = {"code": identity.code} if step["step_id"] == "code" else {}
    result = await client.continue_flow(card["flow_id"], answer)
    if result.get("reason") != "device_added":
        raise ProcessError(f"{identity.uid} was not approved: {result}")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One measurement as Home Assistant shows it."""

    uid: str
    metric: str
    state: Json | None

    @property
    def shown(self) -> bool:
        """Return whether there is a value."""
        return self.state is not None and self.state["state"] not in _EMPTY

    def __str__(self) -> str:
        """Return the name, the value and the unit."""
        state = self.state or {"state": "unknown", "attributes": {}}
        unit = state["attributes"].get("unit_of_measurement", "")
        return f"{self.metric} {state['state']} {unit}".rstrip()


async def readings(demo: Demo) -> list[Reading]:
    """Return what Home Assistant shows of what the devices measure."""
    client = demo.hass.client
    entities = {entity["unique_id"]: entity["entity_id"] for entity in (await client.entities(DOMAIN)).values()}
    states = await client.states()
    measured = [
        (identity.uid, metric) for identity in demo.housed for metric in demo.fleet.device(identity.uid).sensors.names
    ]
    return [
        Reading(uid=uid, metric=metric, state=states.get(entities.get(f"{uid}-{metric}", "")))
        for uid, metric in measured
    ]


def missing(found: Sequence[Reading]) -> list[str]:
    """Return what the devices measured and Home Assistant does not show."""
    return [f"{reading.uid} {reading.metric}" for reading in found if not reading.shown]


async def live(demo: Demo) -> list[Reading]:
    """Wait until every measurement of every device is shown, and return them."""
    found: list[Reading] = []

    async def complete() -> bool:
        found[:] = await readings(demo)
        return not missing(found)

    try:
        await eventually(complete, within=60 + len(demo.housed) / 5, what="live values")
    except TimeoutError:
        raise ProcessError(f"no live value of: {', '.join(missing(found))}") from None
    return found


def full_name(identity: Identity) -> str:
    """Return the name of a device with its room."""
    return f"{identity.name}, {identity.area}" if identity.area else f"{identity.name}"


def table(found: Sequence[Reading], demo: Demo) -> str:
    """Return the readings as a table."""
    rows = []
    for identity in demo.housed:
        cells = [str(reading) for reading in found if reading.uid == identity.uid]
        rows.append(f"  {identity.uid:<11}{full_name(identity):<28}{'  '.join(cells)}")
    return "\n".join(rows)


def welcome(demo: Demo) -> None:
    """Print what a person needs to know."""
    owner = demo.hass.owner
    say()
    say(f"  Home Assistant   {demo.hass.url}/{dashboard.PATH}")
    say(f"  user name        {owner.username}")
    say(f"  password         {owner.password}")
    say(f"  MQTT broker      127.0.0.1:{demo.broker.port} ({demo.broker.program})")
    say()
    say("  Under Settings > Devices & services, a card waits for you:")
    say(f"  {full_name(demo.guest)} ({demo.guest.uid}), pairing code {demo.guest.code}")
    for identity in demo.housed:
        if identity.code:
            say(f"  (already added: {full_name(identity)}, pairing code {identity.code})")
    say()
    say("  A device of your own is one line away, typed in another terminal; it becomes a card as well:")
    for line in voice.lines(demo.broker.port):
        say(f"  {line}")
    say()
    say("  Ctrl-C ends everything.")


def dead_part(demo: Demo) -> str | None:
    """Return what has ended though nobody asked it to."""
    alive = {
        "The broker": demo.broker.running,
        "Home Assistant": demo.hass.running,
        "The fleet of devices": demo.fleet.running,
    }
    return next((name for name, runs in alive.items() if not runs), None)


async def watch(demo: Demo, name: str | None) -> int:
    """Play the scenario, and wait until somebody ends the demo or a part of it dies."""
    playing = asyncio.create_task(scenario.play(demo, name, check=False)) if name else None
    try:
        return await _until_dead(demo)
    finally:
        if playing is not None:
            playing.cancel()
            await asyncio.wait([playing])


async def _until_dead(demo: Demo) -> int:
    while (dead := dead_part(demo)) is None:  # noqa: ASYNC110 (processes have no event to wait for)
        await asyncio.sleep(0.5)
    logs = [log.read_text(errors="replace").splitlines()[-10:] for log in (demo.broker.log, demo.hass.log)]
    say(f"{dead} has ended. What was said last:\n" + "\n".join(line for log in logs for line in log))
    return 1


async def run(options: Options) -> int:
    """Run the demo and return the exit code."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        demo = await start(options, stack)
        found = await live(demo)
        await add_rack(demo)
        if not options.check:
            await dashboard.install(demo.hass.client)
            with voice.audible(demo.broker.port):
                welcome(demo)
                return await watch(demo, options.scenario)
        if options.scenario:
            await scenario.play(demo, options.scenario, check=True)
        say()
        say(table(found, demo))
        errors = demo.hass.errors(scenario.REFUSED if options.scenario else ())
        for error in errors[:5]:
            say(error)
        seconds = time.monotonic() - began
        say(f"{len(found)} live values of {len(demo.housed)} devices after {seconds:.0f} s.")
        return 1 if errors else 0


async def main(options: Options) -> int:
    """Run the demo until it ends or somebody ends it."""
    if options.say is not None:
        try:
            say(voice.publish(options.say, options.uid))
        except ProcessError as error:
            say(str(error))
            return 1
        return 0
    task = asyncio.create_task(run(options))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        say("\nEnded.")
        return 1 if options.check else 0
    except (ProcessError, TimeoutError) as error:
        say(f"\n{error}")
        return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(parse(sys.argv[1:]))))
