"""A zone, added as a person adds it, and its entities."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.client import eventually
from lab.hass import DOMAIN
from lab.process import ProcessError

if TYPE_CHECKING:
    from lab.client import Client

type Json = dict[str, Any]

KIND = "zone"
PUMPS = {"recirculation": "pump_recirc", "drain": "pump_drain", "fill": "pump_fill"}
STEPS = {
    "water_change_drain": "The old solution is drained. Circulation stands still meanwhile, for so long as it may.",
    "water_change_fill": "Fresh solution is filled in.",
    "water_change_stabilize": "Circulation runs again and mixes; pH, EC and temperature settle.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A zone as Home Assistant shows it."""

    client: Client
    zone_id: str

    async def entity(self, key: str) -> str:
        """Return the entity id of one of its entities."""
        unique_id = f"zone/{self.zone_id}-{key}"
        entities = (await self.client.entities(DOMAIN)).items()
        found = [entity_id for entity_id, entity in entities if entity["unique_id"] == unique_id]
        if not found:
            raise ProcessError(f"the zone has no entity {key}")
        return found[0]

    async def state(self, key: str = "state") -> str | None:
        """Return what one of its entities shows; by default where its water is."""
        try:
            if key == "step":
                told = (await self.client.states())[await self.entity("state")]
                return str(told["attributes"].get("step", "none"))
            return await self.client.state(await self.entity(key))
        except ProcessError:
            return None

    async def until(self, wanted: str, *, key: str = "state", within: float = 60) -> None:
        """Wait until one of its entities shows what is wanted."""

        async def shown() -> bool:
            return await self.state(key) == wanted

        try:
            await eventually(shown, within=within, what=f"{key} of the zone {wanted}")
        except TimeoutError as error:
            # One line that says where it stands instead, and why, saves a day of guessing.
            told = {name: await self.state(name) for name in ("state", "step", "failure")}
            raise TimeoutError(f"{error}; the zone shows {told}") from error

    async def press(self, key: str) -> None:
        """Press one of its buttons; the start, which wants a second press of a person, as the dashboard does."""
        domain, action = (DOMAIN, "start_water_change") if key == "start" else ("button", "press")
        await self.client.action(domain, action, {"entity_id": await self.entity(key)})


async def find_zone(client: Client) -> Zone | None:
    """Return the hub's first zone, if there is one."""
    (hub,) = await client.entries(DOMAIN)
    listed = await client.call("config_entries/subentries/list", entry_id=hub["entry_id"])
    zones = [one for one in listed if one["subentry_type"] == KIND]
    return Zone(client=client, zone_id=zones[0]["subentry_id"]) if zones else None


def suggested(form: Json) -> Json:
    """Return what a form has filled in."""
    shown = {field["name"]: (field.get("description") or {}).get("suggested_value") for field in form["data_schema"]}
    return {name: value for name, value in shown.items() if value is not None}


async def add_zone(
    client: Client, uid: str, name: str, *, limits: Json | None = None, cycle: Json | None = None
) -> Zone:
    """Add a zone of a node by the flow that a person goes through: the node fills in its pumps and sensors."""
    (hub,) = await client.entries(DOMAIN)
    flow_id = (await client.start_subentry(hub["entry_id"], KIND))["flow_id"]
    form = await client.continue_subentry(flow_id, {"node": uid})
    form = await client.continue_subentry(flow_id, suggested(form) | {"name": name})
    form = await client.continue_subentry(flow_id, suggested(form) | (limits or {}))
    answer = await client.continue_subentry(flow_id, suggested(form) | (cycle or {}))
    if answer["type"] != "create_entry":
        raise ProcessError(f"the zone was not added: {answer}")
    found = await eventually(lambda: find_zone(client), what="the zone")
    assert found is not None  # noqa: S101 (for the type checker: eventually returns what is true)
    await eventually(found.state, what="the state of the zone")
    return found
