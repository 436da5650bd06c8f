"""What a person or a browser can ask of Home Assistant, over its REST and WebSocket APIs."""

import asyncio
from collections import defaultdict
import contextlib
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

type Json = dict[str, Any]


class HassError(Exception):
    """Home Assistant refused, and said why."""

    def __init__(self, error: Json) -> None:
        """Keep the code and the key of the translation, which tests compare."""
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.code: str = error.get("code", "")
        self.message: str = error.get("message", "")
        self.translation_key: str | None = error.get("translation_key")
        self.placeholders: dict[str, str] = error.get("translation_placeholders") or {}


class Subscription:
    """A stream of events from Home Assistant, in the order of their arrival."""

    def __init__(self, message_id: int) -> None:
        """Remember which subscription this is."""
        self.message_id = message_id
        self.queue: asyncio.Queue[Any] = asyncio.Queue()

    async def first(self, wanted: Callable[[Any], bool], *, within: float = 15) -> Any:
        """Return the first event that is wanted, dropping those before it."""
        async with asyncio.timeout(within):
            while not wanted(event := await self.queue.get()):
                pass
        return event


async def _authenticate(socket: aiohttp.ClientWebSocketResponse, token: str) -> None:
    """Show the token, and raise when it is refused."""
    await socket.receive_json()
    await socket.send_json({"type": "auth", "access_token": token})
    answer = await socket.receive_json()
    if answer["type"] != "auth_ok":
        raise HassError({"code": answer["type"], "message": answer.get("message")})


class Client:
    """One logged-in connection."""

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Take over an authenticated connection."""
        self._session = session
        self._socket = socket
        self._next_id = 1
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._subscriptions: dict[int, Subscription] = {}
        self._reader = asyncio.create_task(self._read(), name="lab: Home Assistant's messages")

    @classmethod
    async def connect(cls, url: str, token: str) -> Self:
        """Log in with an access token."""
        session = aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {token}"})
        try:
            socket = await session.ws_connect("/api/websocket", max_msg_size=0)
            await _authenticate(socket, token)
        except BaseException:
            await session.close()
            raise
        return cls(session, socket)

    async def close(self) -> None:
        """Hang up."""
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        await self._socket.close()
        await self._session.close()

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                self._route(message.json())
        finally:
            for future in self._results.values():
                if not future.done():
                    future.set_exception(ConnectionError("Home Assistant hung up"))

    def _route(self, message: Json) -> None:
        match message["type"]:
            case "event":
                if subscription := self._subscriptions.get(message["id"]):
                    subscription.queue.put_nowait(message["event"])
            case "result":
                future = self._results.pop(message["id"], None)
                if future is None or future.done():
                    return
                if message["success"]:
                    future.set_result(message["result"])
                else:
                    future.set_exception(HassError(message["error"]))
            case _:
                pass

    async def _send(self, kind: str, payload: Json, subscription: Subscription | None = None) -> Any:
        if self._reader.done():
            raise ConnectionError("Home Assistant hung up")
        message_id, self._next_id = self._next_id, self._next_id + 1
        future = asyncio.get_running_loop().create_future()
        self._results[message_id] = future
        if subscription is not None:
            subscription.message_id = message_id
            self._subscriptions[message_id] = subscription
        await self._socket.send_json({"id": message_id, "type": kind, **payload})
        return await future

    async def call(self, kind: str, **payload: Any) -> Any:
        """Send one WebSocket command and return its result."""
        return await self._send(kind, payload)

    async def subscribe(self, kind: str, **payload: Any) -> Subscription:
        """Send one WebSocket command that answers with a stream of events."""
        subscription = Subscription(0)
        await self._send(kind, payload, subscription)
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a stream of events."""
        await self.call("unsubscribe_events", subscription=subscription.message_id)
        del self._subscriptions[subscription.message_id]

    @contextlib.asynccontextmanager
    async def events(self, event_type: str) -> AsyncIterator[Subscription]:
        """Follow one type of event on Home Assistant's bus for a while."""
        subscription = await self.subscribe("subscribe_events", event_type=event_type)
        yield subscription
        await self.unsubscribe(subscription)

    async def request(self, method: str, path: str, body: Json | None = None) -> Any:
        """Make one REST request and return its JSON."""
        async with self._session.request(method, path, json=body) as answer:
            if answer.status >= 400:  # noqa: PLR2004 (HTTP's own border between success and failure)
                raise HassError({"code": str(answer.status), "message": await answer.text()})
            return await answer.json()

    # States and actions

    async def states(self) -> dict[str, Json]:
        """Return the states of all entities by entity id."""
        return {state["entity_id"]: state for state in await self.call("get_states")}

    async def state(self, entity_id: str) -> str | None:
        """Return the state of one entity, or None when there is no such entity."""
        found = (await self.states()).get(entity_id)
        return None if found is None else str(found["state"])

    async def action(self, domain: str, name: str, target: Json | None = None, **data: Any) -> None:
        """Perform an action."""
        payload: Json = {"domain": domain, "service": name, "service_data": data}
        await self.call("call_service", **payload, **({"target": target} if target else {}))

    async def action_response(self, domain: str, name: str, target: Json | None = None, **data: Any) -> Any:
        """Perform an action and return its response."""
        payload: Json = {"domain": domain, "service": name, "service_data": data, "return_response": True}
        result = await self.call("call_service", **payload, **({"target": target} if target else {}))
        return result["response"]

    # Config flows

    async def start_flow(self, handler: str, **more: Any) -> Json:
        """Start a flow as a person does who presses *Add integration*."""
        body = {"handler": handler, "show_advanced_options": False, **more}
        return dict(await self.request("POST", "/api/config/config_entries/flow", body))

    async def read_flow(self, flow_id: str) -> Json:
        """Return the step that a flow stands at, as a person sees who opens a discovered card."""
        return dict(await self.request("GET", f"/api/config/config_entries/flow/{flow_id}"))

    async def continue_flow(self, flow_id: str, data: Json) -> Json:
        """Fill in a flow's step."""
        return dict(await self.request("POST", f"/api/config/config_entries/flow/{flow_id}", data))

    async def discovered(self, handler: str) -> list[Json]:
        """Return the cards that Home Assistant shows for an integration."""
        flows = await self.call("config_entries/flow/progress")
        return [flow for flow in flows if flow["handler"] == handler]

    async def start_options(self, entry_id: str) -> Json:
        """Open the options of a config entry."""
        body = {"handler": entry_id}
        return dict(await self.request("POST", "/api/config/config_entries/options/flow", body))

    async def continue_options(self, flow_id: str, data: Json) -> Json:
        """Fill in a step of the options."""
        return dict(await self.request("POST", f"/api/config/config_entries/options/flow/{flow_id}", data))

    async def start_subentry(self, entry_id: str, kind: str) -> Json:
        """Start adding a subentry to a config entry."""
        body = {"handler": [entry_id, kind]}
        return dict(await self.request("POST", "/api/config/config_entries/subentries/flow", body))

    async def continue_subentry(self, flow_id: str, data: Json) -> Json:
        """Fill in a step of a subentry's flow."""
        path = f"/api/config/config_entries/subentries/flow/{flow_id}"
        return dict(await self.request("POST", path, data))

    # Registries

    async def entries(self, domain: str) -> list[Json]:
        """Return the config entries of an integration."""
        return list(await self.call("config_entries/get", domain=domain))

    async def remove_entry(self, entry_id: str) -> None:
        """Delete a config entry."""
        await self.request("DELETE", f"/api/config/config_entries/entry/{entry_id}")

    async def reload_entry(self, entry_id: str) -> None:
        """Reload a config entry."""
        await self.request("POST", f"/api/config/config_entries/entry/{entry_id}/reload")

    async def devices(self, domain: str) -> dict[str, Json]:
        """Return an integration's devices by their identifier in it."""
        found: dict[str, Json] = {}
        for device in await self.call("config/device_registry/list"):
            found |= {identifier: device for owner, identifier in device["identifiers"] if owner == domain}
        return found

    async def entities(self, platform: str) -> dict[str, Json]:
        """Return an integration's entities by entity id, those that are disabled as well."""
        listed = await self.call("config/entity_registry/list")
        return {entity["entity_id"]: entity for entity in listed if entity["platform"] == platform}

    async def entities_by_device(self, platform: str) -> dict[str, list[Json]]:
        """Return an integration's entities by the id of their device."""
        found: dict[str, list[Json]] = defaultdict(list)
        for entity in (await self.entities(platform)).values():
            found[entity["device_id"]].append(entity)
        return found

    async def remove_device(self, device: Json) -> None:
        """Delete a device, as a person does on its page."""
        await self.call("config/device_registry/remove", device_id=device["id"])

    async def issues(self, domain: str) -> dict[str, Json]:
        """Return an integration's repairs by their id."""
        result = await self.call("repairs/list_issues")
        return {issue["issue_id"]: issue for issue in result["issues"] if issue["domain"] == domain}


async def eventually[T](ask: Callable[[], Awaitable[T]], *, within: float = 15, what: str) -> T:
    """Ask again and again until the answer is true, and return it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not (answer := await ask()):
        if loop.time() > deadline:
            raise TimeoutError(f"{what} not within {within:g} s; last answer: {answer!r}")
        await asyncio.sleep(0.1)
    return answer
