"""What the tests of updates share: a firmware folder, a look at the update entity, devices that take updates."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.client import eventually
from lab.simulator.device import Device, Identity
from lab.simulator.ota import Updater
from tests.firmware import catalogue, entry

if TYPE_CHECKING:
    from pathlib import Path

    from lab.simulator.device import Link
    from lab.simulator.ota import Fault

    from .conftest import House

type Json = dict[str, Any]

ENDS = {"confirmed", "failed", "rolled_back"}


@dataclass(slots=True, kw_only=True)
class Pumping(Device):
    """A device with a pump that is told from outside whether it runs."""

    pumping: bool = False

    def channel_states(self) -> Json:
        """Return what the pump does."""
        return {"pump_fill": {"on": self.pumping}}


def folder(house: House) -> Path:
    return house.hass.folder / "smartair" / "firmware"


def put(house: House, images: dict[str, bytes], **changes: Any) -> None:
    """Put a catalogue of these versions into the firmware folder."""
    folder(house).mkdir(parents=True, exist_ok=True)
    entries = []
    for version, data in images.items():
        one = entry(version, data, **changes)
        file = f"{one['name']}-{version}.bin"
        (folder(house) / file).write_bytes(data)
        entries.append({**one, "url": file})
    (folder(house) / f"{entries[0]['name']}.json").write_text(catalogue(*entries))


async def reachable(house: House) -> None:
    """Tell Home Assistant under which address devices reach it."""
    await house.client.call("config/core/update", internal_url=house.hass.url)


async def look(house: House, uid: str) -> None:
    """Have Home Assistant look into the folder, as a person does with `homeassistant.update_entity`."""
    entity_id = await entity(house, uid)
    await house.client.action("homeassistant", "update_entity", {"entity_id": entity_id})


async def entity(house: House, uid: str) -> str:
    async def find() -> str | None:
        return (await house.entity_ids()).get(f"{uid}-update")

    return str(await eventually(find, what=f"the update entity of {uid}"))


async def install(house: House, uid: str, **data: Any) -> None:
    await house.client.action("update", "install", {"entity_id": await entity(house, uid)}, **data)


async def stage(house: House, uid: str) -> Json:
    state = await house.state(f"{uid}-update")
    return dict(state["attributes"]) if state else {}


async def until_stage(house: House, uid: str, *stages: str, within: float = 30) -> Json:
    async def ask() -> Json | None:
        found = await stage(house, uid)
        return found if found.get("stage") in stages else None

    found = await eventually(ask, within=within, what=f"{uid} {' or '.join(stages)}")
    assert found is not None
    return found


async def updatable(house: House, identity: Identity, fault: Fault | None = None) -> Updater:
    """Add a device of the simulator that takes updates, and approve it."""

    def make(who: Identity, link: Link) -> Device:
        plain = house.household.make(who, link)
        device = Pumping(
            identity=who, sensors=plain.sensors, settings=plain.settings, link=link, firmware_version="1.0.0"
        )
        device.channels = ({"id": "pump_fill", "fail_safe_mode": "NO"},)
        device.updater = Updater(device, fault)
        return device

    house.identities[identity.uid] = identity
    await house.fleet.add([identity], make)
    await house.approve(identity.uid)
    await house.until_live(f"{identity.uid}-co2")
    found = house.device(identity.uid).updater
    assert found is not None
    return found


def pump(house: House, uid: str, *, on: bool) -> None:
    """Run the pump of a device, or let it rest."""
    device = house.device(uid)
    assert isinstance(device, Pumping)
    device.pumping = on
