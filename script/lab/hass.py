"""A real Home Assistant in a process of its own, made ready for use."""

from dataclasses import dataclass
import json
from pathlib import Path
import re
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from lab.client import Client, HassError, Json, eventually
from lab.process import Child, ProcessError, free_port, require_free
from lab.requirements import CONFIGURED, LEAN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from lab.broker import Broker

REPOSITORY = Path(__file__).resolve().parents[2]
DOMAIN = "smartair"

__all__ = ["CONFIGURED", "LEAN", "Hass", "Owner"]

# Home Assistant always loads cameras and a voice assistant; what they miss on a bare machine is not ours.
_MACHINE = ("haffmpeg", "libturbojpeg", "assist_pipeline", "assist_satellite")

_INCLUDE = re.compile(r'"!include ([\w.]+)"')

# `2026-11-21 03:00:00.123 ERROR (MainThread) [homeassistant.components.mqtt] …`
_LOG_LINE = re.compile(r"^\S+ \S+ (?P<level>[A-Z]+) \(.*?\) \[(?P<logger>[^]]+)\] ")


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The account that is made when Home Assistant starts for the first time."""

    name: str = "SmartAir"
    username: str = "smartair"
    password: str = "smartair"  # noqa: S105 (it is printed on the screen and serves on loopback only)


def _program() -> str:
    """Return the path of `hass`, beside the Python that runs us or in the environment made for it."""
    beside = Path(sys.executable).with_name("hass")
    return str(beside if beside.exists() else REPOSITORY / ".venv-hass/bin/hass")


class Hass:
    """A Home Assistant that can be stopped, killed and started again on the same configuration and port."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        owner: Owner | None = None,
        integrations: Iterable[str] = LEAN,
        configuration: Mapping[str, Any] | None = None,
        custom_components: Path | None = REPOSITORY / "custom_components" / DOMAIN,
    ) -> None:
        """Choose a port and a configuration folder; without one, a temporary folder is made and removed."""
        self._temporary = tempfile.TemporaryDirectory(prefix="smartair-hass-") if folder is None else None
        self.folder = folder or Path(self._temporary.name if self._temporary else "")
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.owner = owner or Owner()
        # MQTT is set up by its config flow, as everywhere.
        self._integrations = [domain for domain in integrations if domain != "mqtt"]
        self._configuration = configuration or {}
        self._component = custom_components
        self._child: Child | None = None
        self._token: str | None = None
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """Return the logged-in connection."""
        if self._client is None:
            raise ProcessError("Home Assistant is not started")
        return self._client

    @property
    def log(self) -> Path:
        """Return the file that Home Assistant's output goes to."""
        return self.folder / "console.log"

    @property
    def pid(self) -> int:
        """Return Home Assistant's process id."""
        return self._process().pid

    @property
    def running(self) -> bool:
        """Return whether the process is alive."""
        return self._child is not None and self._child.running

    # Life and death

    async def start(self, *, within: float = 120) -> Client:
        """Start, make the owner's account at the first start, log in, and return when it runs."""
        if self._child is None:
            self._prepare()
            self._child = self._make_child()
        require_free(self.port)
        self._child.start()
        try:
            await self._serving(within)
            if self._token is None:
                self._token = await self._first_token()
            self._client = await Client.connect(self.url, self._token)
            await eventually(self._is_running, within=within, what="Home Assistant running")
        except BaseException:
            await self.kill()
            raise
        return self._client

    async def stop(self) -> None:
        """Stop gracefully, as a restart of the machine does."""
        await self._hang_up()
        if self._child is not None:
            await self._child.stop(60)

    async def kill(self) -> None:
        """End the process at once, as a power cut does."""
        await self._hang_up()
        if self._child is not None:
            await self._child.kill()

    async def restart(self) -> Client:
        """Stop gracefully and start again."""
        await self.stop()
        return await self.start()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and remove the temporary folder."""
        await self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    # What the tests and the demo need at once

    async def add_mqtt(self, broker: Broker) -> str:
        """Connect Home Assistant to a broker as a person would, and return the config entry's id."""
        step = await self.client.start_flow("mqtt")
        settings = {
            "broker": "127.0.0.1",
            "port": broker.port,
            "protocol": broker.protocol,
            "other_settings": {"set_client_cert": False, "set_ca_cert": "off", "transport": "tcp"},
        }
        result = await self.client.continue_flow(step["flow_id"], settings)
        if result["type"] != "create_entry":
            raise ProcessError(f"MQTT was not set up: {result.get('errors')}")
        entry_id: str = result["result"]["entry_id"]

        async def loaded() -> bool:
            entries = await self.client.entries("mqtt")
            return any(entry["state"] == "loaded" for entry in entries)

        await eventually(loaded, what="MQTT set up")
        return entry_id

    def log_lines(self, *levels: str) -> list[str]:
        """Return the log's lines of these levels, each with what follows it (a traceback)."""
        found: list[str] = []
        wanted = False
        for line in self.log.read_text(errors="replace").splitlines():
            if match := _LOG_LINE.match(line):
                wanted = match["level"] in levels
                if wanted:
                    found.append(line)
            elif wanted:
                found[-1] += f"\n{line}"
        return found

    def errors(self, allowed: Iterable[str] = ()) -> list[str]:
        """Return the errors in the log, except those that hold one of the allowed words."""
        words = (*_MACHINE, *allowed)
        return [line for line in self.log_lines("ERROR", "CRITICAL") if not any(word in line for word in words)]

    # Inside

    def _process(self) -> Child:
        if self._child is None:
            raise ProcessError("Home Assistant is not started")
        return self._child

    def _make_child(self) -> Child:
        argv = [
            _program(),
            "--config",
            str(self.folder),
            # All that is needed is installed before; nothing may be fetched while it runs.
            "--skip-pip",
            "--log-no-color",
        ]
        # The repository on the path would hide the configuration's own custom_components.
        return Child(argv, self.log, env={"PYTHONPATH": "", "PYTHONUNBUFFERED": "1"}, folder=self.folder)

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / ".storage").mkdir(exist_ok=True)
        settings = {domain: {} for domain in self._integrations} | dict(self._configuration)
        # JSON is YAML, but for its tags.
        text = _INCLUDE.sub(r"!include \1", json.dumps(settings, indent=2))
        (self.folder / "configuration.yaml").write_text(text)
        for name in _INCLUDE.findall(json.dumps(settings)):
            self._make_list(name)
        # Since 2026.11 HA only tries a port that YAML names and goes back to the stable one after five
        # minutes. Version 1 held the bare settings; HA completes them and takes them for stable.
        self._store("http", 1, {"server_host": ["127.0.0.1"], "server_port": self.port})
        onboarding = self.folder / ".storage/onboarding"
        if not onboarding.exists():
            # Only the account is left to make: the step that sets the place would start integrations that
            # ask the internet for weather and radio stations.
            self._store("onboarding", 4, {"done": ["core_config", "analytics", "integration"]})
        self._link_component()

    def _make_list(self, name: str) -> None:
        """Make a file for what is added in the browser, as a new Home Assistant has it."""
        if not (self.folder / name).exists():
            (self.folder / name).write_text("[]\n")

    def _store(self, key: str, version: int, data: Json) -> None:
        content = {"version": version, "minor_version": 1, "key": key, "data": data}
        (self.folder / ".storage" / key).write_text(json.dumps(content))

    def _link_component(self) -> None:
        if self._component is None or not self._component.exists():
            return
        link = self.folder / "custom_components" / self._component.name
        link.parent.mkdir(exist_ok=True)
        if not link.exists():
            link.symlink_to(self._component, target_is_directory=True)

    async def _serving(self, within: float) -> None:
        """Wait until Home Assistant answers."""

        async def answers() -> bool:
            if not self._process().running:
                raise ProcessError(f"Home Assistant ended at once:\n{self._process().tail()}")
            try:
                async with aiohttp.ClientSession() as session, session.get(f"{self.url}/auth/providers"):
                    return True
            except aiohttp.ClientError, OSError:
                return False

        await eventually(answers, within=within, what="an answer from Home Assistant")

    async def _is_running(self) -> bool:
        config = await self.client.call("get_config")
        if config["recovery_mode"]:
            raise ProcessError(f"Home Assistant is in recovery mode:\n{self._process().tail(40)}")
        return bool(config["state"] == "RUNNING")

    async def _hang_up(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _first_token(self) -> str:
        """Return a token that outlives the half hour of an ordinary login."""
        async with aiohttp.ClientSession(self.url) as session:
            code = await self._make_owner(session) or await self._log_in(session)
            form = {"grant_type": "authorization_code", "code": code, "client_id": f"{self.url}/"}
            async with session.post("/auth/token", data=form) as answer:
                token: str = (await answer.json())["access_token"]
        client = await Client.connect(self.url, token)
        name = f"lab {time.time()}"
        lasting = await client.call("auth/long_lived_access_token", client_name=name, lifespan=365)
        await client.close()
        return str(lasting)

    async def _make_owner(self, session: aiohttp.ClientSession) -> str | None:
        """Make the owner's account and return a login code, or None when there is one already."""
        body = {
            "client_id": f"{self.url}/",
            "name": self.owner.name,
            "username": self.owner.username,
            "password": self.owner.password,
            "language": "en",
        }
        async with session.post("/api/onboarding/users", json=body) as answer:
            return str((await answer.json())["auth_code"]) if answer.ok else None

    async def _log_in(self, session: aiohttp.ClientSession) -> str:
        """Log in with name and password and return the login code."""
        ask = {
            "client_id": f"{self.url}/",
            "handler": ["homeassistant", None],
            "redirect_uri": f"{self.url}/?auth_callback=1",
        }
        async with session.post("/auth/login_flow", json=ask) as answer:
            flow_id = (await answer.json())["flow_id"]
        body = {
            "client_id": f"{self.url}/",
            "username": self.owner.username,
            "password": self.owner.password,
        }
        async with session.post(f"/auth/login_flow/{flow_id}", json=body) as answer:
            result = await answer.json()
        if result.get("type") != "create_entry":
            raise HassError({"code": "login", "message": f"{result.get('errors')}"})
        return str(result["result"])
