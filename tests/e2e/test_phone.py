"""A phone is told by a blueprint, over Home Assistant's own push, and what its buttons say is done."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
import pytest

from lab.broker import Broker
from lab.client import Client, eventually
from lab.hass import LEAN, Hass
from lab.requirements import PHONE

from .conftest import Script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(240)

UID = "shell-1"
FAN, MEMORY = "input_boolean.fan", "input_text.memory"
HELPERS: dict[str, Any] = {"input_boolean": {"fan": {}}, "input_text": {"memory": {}}}


@dataclass(slots=True)
class Push:
    """The server that takes pushes to phones, and what it was sent."""

    url: str = ""
    sent: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    async def next(self) -> dict[str, Any]:
        """Return the next push."""
        return await asyncio.wait_for(self.sent.get(), 30)


@asynccontextmanager
async def push_server() -> AsyncIterator[Push]:
    push = Push()

    async def take(request: web.Request) -> web.Response:
        push.sent.put_nowait(await request.json())
        limits = {"successful": 1, "errors": 0, "maximum": 500, "resetsAt": "2026-11-22T00:00:00.000Z"}
        return web.json_response({"target": "phone", "rateLimits": limits}, status=201)

    app = web.Application()
    app.router.add_post("/push", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    push.url = f"http://127.0.0.1:{runner.addresses[0][1]}/push"
    yield push
    await runner.cleanup()


async def register(client: Client, name: str, push_url: str) -> str:
    """Register a phone as the app does, and return its webhook."""
    about = {"app_id": "io.homeassistant.companion.android", "app_name": "Home Assistant", "app_version": "2026.11"}
    device = {"device_id": name, "device_name": name, "manufacturer": "Google", "model": "Pixel"}
    system = {"os_name": "Android", "os_version": "16", "supports_encryption": False}
    app_data = {"push_token": "token", "push_url": push_url}
    body = {**about, **device, **system, "app_data": app_data}
    return str((await client.request("POST", "/api/mobile_app/registrations", body))["webhook_id"])


async def press(client: Client, webhook: str, push: dict[str, Any], title: str) -> None:
    """Press a button of a notification, as the app says it."""
    [action] = [one["action"] for one in push["data"]["actions"] if one["title"] == title]
    event = {"event_type": "mobile_app_notification_action", "event_data": {"action": action}}
    await client.request("POST", f"/api/webhook/{webhook}", {"type": "fire_event", "data": event})


async def furnish(hass: Hass, broker: Broker, script: Script) -> str:
    """Add the hub and a shell that measures CO₂, and return its sensor."""
    await hass.add_mqtt(broker)
    flow = await hass.client.start_flow("smartair")
    await hass.client.continue_flow(flow["flow_id"], {"topic_root": "devices"})

    async def approved() -> list[str]:
        script.publish(f"devices/{UID}/telemetry", {"co2": 600})
        answer = await hass.client.action_response("smartair", "approve_devices", pattern=UID)
        return list(answer["approved"])

    await eventually(approved, what="the device is approved")

    return await breathe(hass.client, script, 600)


async def breathe(client: Client, script: Script, ppm: int) -> str:
    """Have the air measured until Home Assistant has heard of it, and return the sensor."""

    async def heard() -> str | None:
        script.publish(f"devices/{UID}/telemetry", {"co2": ppm})
        states = await client.states()
        return next(
            (one for one, state in states.items() if one.endswith("_co2") and state["state"] == f"{ppm}"), None
        )

    return str(await eventually(heard, what="the sensor lives"))


async def test_from_the_rise_to_the_clear_over_a_restart(tmp_path: Path) -> None:
    modules = (*LEAN, PHONE)
    async with push_server() as push, Broker(tmp_path / "broker") as broker:
        script = Script(broker.port)
        async with Hass(tmp_path / "hass", integrations=modules, configuration=HELPERS) as hass:
            sensor = await furnish(hass, broker, script)
            assert (tmp_path / "hass/blueprints/automation/smartair/air_quality_alert.yaml").exists()
            webhook = await register(hass.client, "Ann's Phone", push.url)
            await register(hass.client, "Bob's Phone", "http://127.0.0.1:9/gone")  # a server that nobody can reach
            phones = {one["name"]: one["id"] for one in await hass.client.call("config/device_registry/list")}

        chosen = [phones["Bob's Phone"], "0123456789abcdef0123456789abcdef", phones["Ann's Phone"]]
        inputs = {"sensors": [sensor], "memory": MEMORY, "phones": chosen, "ventilation": [FAN], "max_age": 0}
        inputs |= {"bad_for": 0, "good_for": 0, "critical_above": 1000, "bad_above": 1000, "good_below": 800}
        alert = {"path": "smartair/air_quality_alert.yaml", "input": inputs}
        automations = {"automation": [{"id": "air", "alias": "Air", "use_blueprint": alert}]}
        again = Hass(tmp_path / "hass", port=hass.port, integrations=modules, configuration=HELPERS | automations)
        async with again:
            assert await again.client.state("automation.air") == "on"
            await breathe(again.client, script, 1600)
            told = await push.next()
            assert (told["title"], told["data"]["tag"]) == ("The air is critical", "smartair-air")
            assert "1600 ppm" in told["message"]
            assert told["data"]["push"]["interruption-level"] == "critical"

            await press(again.client, webhook, told, "Start ventilation")

            async def blows() -> bool:
                return await again.client.state(FAN) == "on"

            await eventually(blows, what="the fan runs")

            await again.restart()  # a button of before the restart still acts
            await breathe(again.client, script, 1601)
            await eventually(lambda: kept(again.client, "critical "), what="the memory is back")
            while not push.sent.empty():
                assert push.sent.get_nowait()["data"]["alert_once"] is True  # shown again at most, without noise
            await press(again.client, webhook, told, "Acknowledge")
            while (cleared := await push.next())["message"] != "clear_notification":
                assert cleared["data"]["alert_once"] is True
            assert cleared["data"]["tag"] == "smartair-air"
            await eventually(lambda: kept(again.client, "99999999999"), what="the acknowledgement is kept")

            await breathe(again.client, script, 500)
            assert (await push.next())["message"] == "clear_notification"
            await eventually(lambda: kept(again.client, "good 0"), what="all is forgotten")
        script.stop()


async def kept(client: Client, text: str) -> bool:
    return text in (await client.state(MEMORY) or "")


RACK = {
    "protocol": 1,
    "device_type": "pump",
    "name": "Rack A",
    "area": "Greenhouse",
    "metrics": ["water_level"],
    "channels": [{"id": "pump_drain", "type": "pump", "role": "drain", "fail_safe_mode": "NO"}],
    "commands": ["run_pump", "stop_pump", "reset_safety_lock"],
}
ALERTS = {"path": "smartair/alerts_on_phone.yaml"}
ACKNOWLEDGE = "button.smartair_acknowledge_alerts"


async def test_a_locked_pump_tells_the_phone_where_and_why_and_hears_its_buttons(tmp_path: Path) -> None:
    modules = (*LEAN, PHONE)
    async with push_server() as push, Broker(tmp_path / "broker") as broker:
        script = Script(broker.port)
        async with Hass(tmp_path / "hass", integrations=modules) as hass:
            await furnish(hass, broker, script)
            script.publish("devices/rack_a/info", RACK, retain=True)
            script.publish("devices/rack_a/status", "online", retain=True)
            await eventually(lambda: approve(hass.client, "rack_a"), what="the rack is approved")
            webhook = await register(hass.client, "Ann's Phone", push.url)
            [phone] = [
                one["id"]
                for one in await hass.client.call("config/device_registry/list")
                if one["name"] == "Ann's Phone"
            ]

        inputs = {"phones": [phone], "quiet_start": "00:00:00", "quiet_end": "00:00:00"}
        automations = {"automation": [{"id": "tell", "alias": "Tell", "use_blueprint": ALERTS | {"input": inputs}}]}
        async with Hass(tmp_path / "hass", port=hass.port, integrations=modules, configuration=automations) as again:
            assert await again.client.state("automation.tell") == "on"

            async def dry() -> bool:
                channels = {"pump_drain": {"on": False, "lock": None}}
                script.publish("devices/rack_a/telemetry", {"water_level": 7.5, "channels": channels})
                states = await again.client.states()
                return any(one.endswith("_water_level") and state["state"] == "7.5" for one, state in states.items())

            await eventually(dry, what="the level is known")
            trip = {"code": "dry_run", "cause": "measured", "value": 7.5, "limit": 10, "locked": True}
            script.publish("devices/rack_a/event", {"event": "safety_trip", "channel": "pump_drain", **trip})
            told = await push.next()
            assert told["title"].startswith("Greenhouse")
            assert "Rack A" in told["title"]
            assert told["title"].endswith(": Pump would run dry")
            assert "water level 7.5 %, at least 10 % is needed." in told["message"]
            assert told["data"]["push"]["interruption-level"] == "critical"

            await press(again.client, webhook, told, "Reset lock")
            answer = await push.next()
            assert answer["data"]["tag"] == told["data"]["tag"]
            assert answer["message"].endswith("must not run dry: water level 7.5 %, at least 10 % is needed")

            assert await again.client.state(ACKNOWLEDGE) == "unknown"
            await press(again.client, webhook, told, "Acknowledge")
            cleared = await push.next()
            assert (cleared["message"], cleared["data"]["tag"]) == ("clear_notification", told["data"]["tag"])
            assert await again.client.state(ACKNOWLEDGE) == "unavailable"
            [alert] = [
                one
                for one in (await again.client.action_response("smartair", "get_alerts", active=True))["alerts"]
                if one["code"] == "biz_dry_run"
            ]
            assert alert["acknowledged_at"] is not None

            await again.restart()  # nothing of it is told once more

            async def leaked() -> bool:
                script.publish("devices/rack_a/event", {"event": "leak", "active": True})
                return not push.sent.empty()

            await eventually(leaked, what="the phone is told of the leak")
            assert (await push.next())["title"].endswith(": Leak")
        script.stop()


async def approve(client: Client, uid: str) -> bool:
    answer = await client.action_response("smartair", "approve_devices", pattern=uid)
    return uid in answer["approved"]
