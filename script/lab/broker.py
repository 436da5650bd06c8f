"""An MQTT broker on a free port of the loopback interface: mosquitto, or amqtt where there is none."""

import getpass
import os
from pathlib import Path
import resource
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Self

from lab.process import Child, ProcessError, free_port, is_listening, require_free, until

if TYPE_CHECKING:
    from types import TracebackType

AMQTT = "amqtt==0.12.1"
"""The fallback; it speaks MQTT 3.1.1 and nothing newer."""

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(
    os.environ.get("SMARTAIR_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smartair"
)

_MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
user {user}
# A fleet of thousands, each with a burst of retained messages at the start.
max_connections -1
max_queued_messages 0
set_tcp_nodelay true
log_dest stdout
log_type error
log_type warning
log_type notice
persistence {persistence}
persistence_location {folder}/
autosave_interval 1
"""

_AMQTT = """\
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:{port}
    max_connections: 10000
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


def find_mosquitto() -> str | None:
    """Return the path of a mosquitto that can be run, wherever script/bootstrap may have put it."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    if found := shutil.which("mosquitto", path=path):
        return found
    unpacked = CACHE / "debian/mosquitto/usr/sbin/mosquitto"
    return str(unpacked) if os.access(unpacked, os.X_OK) else None


def raise_file_limit() -> None:
    """Allow as many open files as the machine lets us; every client of a broker is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _amqtt_program() -> str:
    """Return the path of amqtt's broker in an environment of its own, made once."""
    folder = CACHE / AMQTT.replace("==", "-")
    program = folder / "bin/amqtt"
    if not program.exists():
        uv = subprocess.run([REPOSITORY / "script/uv"], check=True, capture_output=True, text=True)
        path = uv.stdout.strip()
        base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        python = str(base) if base.exists() else sys.executable
        subprocess.run([path, "venv", "--quiet", "--clear", "--python", python, str(folder)], check=True)
        install = [path, "pip", "install", "--quiet", "--python", str(folder), AMQTT]
        subprocess.run(install, check=True)
    return str(program)


class Broker:
    """A broker that can be stopped, killed and started again on the same port."""

    def __init__(self, folder: Path | None = None, *, port: int | None = None, persistence: bool = False) -> None:
        """Choose a port and a folder; without one, a temporary folder is made and removed again."""
        self._temporary = tempfile.TemporaryDirectory(prefix="smartair-broker-") if folder is None else None
        self.folder = folder or Path(self._temporary.name if self._temporary else "")
        self.port = port or self._kept_port() or free_port()
        self._persistence = persistence
        self._child: Child | None = None
        mosquitto = find_mosquitto()
        self.program = "amqtt" if mosquitto is None else "mosquitto"
        self._path = mosquitto

    @property
    def protocol(self) -> str:
        """Return the newest MQTT protocol this broker speaks, by Home Assistant's name for it."""
        return "3.1.1" if self.program == "amqtt" else "5"

    @property
    def running(self) -> bool:
        """Return whether the broker process is alive."""
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int:
        """Return the broker's process id."""
        return self._started().pid

    @property
    def log(self) -> Path:
        """Return the file that the broker's output goes to."""
        return self.folder / "broker.log"

    async def start(self) -> None:
        """Start the broker and return as soon as it accepts connections."""
        raise_file_limit()
        if self._child is None:
            self._child = Child(self._prepare(), self.log)
        child = self._child
        require_free(self.port)
        child.start()
        await until(lambda: is_listening(self.port) or not child.running, within=20, what="the broker listens")
        if not child.running:
            raise ProcessError(f"{self.program} ended at once:\n{child.tail()}")

    async def stop(self) -> None:
        """End the broker gracefully: retained messages are kept when persistence is on."""
        if self._child is not None:
            await self._child.stop(10)

    async def kill(self) -> None:
        """End the broker as a power cut would."""
        await self._started().kill()

    async def restart(self) -> None:
        """Stop the broker and start it on the same port."""
        await self.stop()
        await self.start()

    async def __aenter__(self) -> Self:
        """Start the broker."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the broker and remove its temporary folder."""
        await self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _started(self) -> Child:
        if self._child is None:
            raise ProcessError("the broker is not started")
        return self._child

    def _kept_port(self) -> int | None:
        """Return the port of the last time in this folder, which Home Assistant remembers too."""
        kept = self.folder / "port"
        return int(kept.read_text()) if kept.exists() else None

    def _prepare(self) -> list[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "port").write_text(str(self.port))
        if self._path is None:
            config = self.folder / "amqtt.yaml"
            config.write_text(_AMQTT.format(port=self.port))
            return [_amqtt_program(), "-c", str(config)]
        config = self.folder / "mosquitto.conf"
        text = _MOSQUITTO.format(
            port=self.port,
            user=getpass.getuser(),
            persistence=str(self._persistence).lower(),
            folder=self.folder,
        )
        config.write_text(text)
        return [self._path, "-c", str(config)]
