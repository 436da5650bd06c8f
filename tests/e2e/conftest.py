"""A house with a broker, Home Assistant and devices, shared by the tests of one module."""

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
import json
import queue
import time
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client as MqttClient, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
import pytest_asyncio

from lab.bench.variants import PROBE, install_probe
from lab.broker import Broker
from lab.client import Client, eventually
from lab.hass import DOMAIN, LEAN, Hass
from lab.simulator.fleet import Fleet
from lab.simulator.house import Clock
from lab.simulator.household import Household

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection

    from lab.simulator.device import Device, Identity

type Json = dict[str, Any]

EMPTY = {None, "unknown", "unavailable"}


class Script:
    """A person with a shell: publishes what it likes, and hears what is retained."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._client = MqttClient(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def publish(self, topic: str, content: Json | str, *, retain: bool = False) -> None:
        payload = content if isinstance(content, str) else json.dumps(content)
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def retained(self, pattern: str) -> dict[str, bytes]:
        """Return what the broker keeps under these topics."""
        heard: queue.SimpleQueue[MQTTMessage] = queue.SimpleQueue()
        client = MqttClient(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.on_message = lambda _client, _data, message: heard.put(message)
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        client.subscribe(pattern, qos=1)
        # The end of the retained messages cannot be seen; one of our own comes after them.
        marker = pattern.split("/", maxsplit=1)[0] + f"/marker/{time.time_ns()}"
        client.subscribe(marker, qos=1)
        client.publish(marker, b"end", qos=1)
        found: dict[str, bytes] = {}
        while (message := heard.get(timeout=5)).topic != marker:
            found[message.topic] = message.payload
        client.loop_stop()
        client.disconnect()
        return found

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@dataclass(slots=True, kw_only=True)
class House:
    """What a module's tests share."""

    broker: Broker
    hass: Hass
    fleet: Fleet
    household: Household
    script: Script
    identities: dict[str, Identity] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        return self.hass.client

    def device(self, uid: str) -> Device:
        return self.fleet.device(uid)

    async def add(self, *identities: Identity) -> None:
        self.identities |= {identity.uid: identity for identity in identities}
        await self.fleet.add([*identities], self.household.make)

    async def do[T](self, what: Callable[[], T]) -> T:
        return await self.fleet.do(what)

    async def cards(self) -> dict[str, Json]:
        """Return the cards by unique id."""
        return {card["context"]["unique_id"]: card for card in await self.client.discovered(DOMAIN)}

    async def card(self, unique_id: str) -> Json:
        async def find() -> Json | None:
            return (await self.cards()).get(unique_id)

        found = await eventually(find, what=f"a card of {unique_id}")
        assert found is not None
        return found

    async def add_hub(self) -> Json:
        (card,) = await eventually(lambda: self.client.discovered(DOMAIN), what="the hub's card")
        return await self.client.continue_flow(card["flow_id"], {})

    async def approve(self, uid: str) -> Json:
        card = await self.card(uid)
        identity = self.identities.get(uid)
        answer = {"code": identity.code} if identity and identity.code else {}
        return await self.client.continue_flow(card["flow_id"], answer)

    async def entity_ids(self) -> dict[str, str]:
        """Return the entity ids by unique id."""
        entities = await self.client.entities(DOMAIN)
        return {entity["unique_id"]: entity_id for entity_id, entity in entities.items()}

    async def state(self, unique_id: str) -> Json | None:
        entity_id = (await self.entity_ids()).get(unique_id)
        return (await self.client.states()).get(entity_id or "")

    async def value(self, unique_id: str) -> str | None:
        state = await self.state(unique_id)
        return None if state is None else str(state["state"])

    async def until(self, unique_id: str, wanted: Callable[[str | None], bool], *, within: float = 20) -> str:
        """Wait until an entity shows what is wanted, and return that."""

        async def shown() -> tuple[bool, str | None]:
            value = await self.value(unique_id)
            return wanted(value), value

        async def ask() -> str | None:
            good, value = await shown()
            return (value or " ") if good else None

        found = await eventually(ask, within=within, what=f"the wanted state of {unique_id}")
        return str(found)

    async def until_live(self, *unique_ids: str, within: float = 20) -> None:
        for unique_id in unique_ids:
            await self.until(unique_id, lambda value: value not in EMPTY, within=within)

    async def reports(self, uid: str, count: int = 2) -> None:
        """Wait until a device has reported a few more times."""
        device = self.device(uid)
        goal = device.seq + count

        async def reported() -> bool:
            return device.seq >= goal

        await eventually(reported, what=f"{count} reports of {uid}")

    async def inventory(self) -> tuple[list[tuple[str, str]], list[str]]:
        """Return every entity and every device, to compare before and after."""
        devices = await self.client.devices(DOMAIN)
        return sorted((await self.entity_ids()).items()), sorted(devices)


@asynccontextmanager
async def furnished(integrations: Collection[str] = LEAN) -> AsyncIterator[House]:
    """Start a house without devices."""
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Broker(persistence=True))
        one = Hass(integrations=integrations)
        if PROBE in integrations:
            install_probe(one.folder)
        hass = await stack.enter_async_context(one)
        await hass.add_mqtt(broker)
        fleet = Fleet(broker.port)
        fleet.start()
        stack.push_async_callback(fleet.stop)
        script = Script(broker.port)
        stack.callback(script.stop)
        household = Household(clock=Clock(started=time.time()), report_interval=1.0)
        yield House(broker=broker, hass=hass, fleet=fleet, household=household, script=script)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    """A house whose hub nobody has added yet."""
    async with furnished() as one:
        yield one
