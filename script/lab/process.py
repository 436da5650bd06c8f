"""Child processes that never outlive the one that started them."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


class ProcessError(Exception):
    """A child process did not do what it was started for."""


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Return whether somebody accepts connections on this port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def require_free(port: int) -> None:
    """Raise when somebody listens on this port already: their answers would be taken for a child's."""
    if is_listening(port):
        raise ProcessError(f"port {port} is in use")


async def until(condition: Callable[[], bool], *, within: float, what: str, interval: float = 0.05) -> None:
    """Wait until a condition holds, or raise TimeoutError saying what was waited for."""
    deadline = asyncio.get_running_loop().time() + within
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"{what} not within {within:g} s")
        await asyncio.sleep(interval)


def _die_with_parent() -> list[str]:
    """Return the prefix that makes the kernel end a child when its parent dies, `kill -9` included."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


class Child:
    """One child process in a session of its own, its output in a file."""

    def __init__(
        self,
        argv: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Describe the process; nothing runs yet."""
        self._folder = folder
        self._argv = [*argv]
        self._env = {**os.environ, **(env or {})}
        self._popen: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self.log = log

    @property
    def pid(self) -> int:
        """Return the process id of the running child."""
        if self._popen is None:
            raise ProcessError(f"{self._argv[0]} is not started")
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Return whether the child is alive."""
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> None:
        """Start the child; its output is appended to the log file."""
        if self.running:
            raise ProcessError(f"{self._argv[0]} runs already")
        self._close_output()
        self._output = self.log.open("ab")
        # A session of its own: Ctrl-C in the terminal reaches only us, and we end the children in order.
        self._popen = subprocess.Popen(
            [*_die_with_parent(), *self._argv],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=self._env,
            cwd=self._folder,
            start_new_session=True,
        )

    async def wait(self, within: float) -> int:
        """Wait for the child's end and return its exit code."""
        if self._popen is None:
            raise ProcessError(f"{self._argv[0]} is not started")
        code = await asyncio.to_thread(self._popen.wait, within)
        self._close_output()
        return code

    async def stop(self, within: float = 30) -> None:
        """Ask the child to end, and make it end when it does not."""
        if not self.running:
            self._close_output()
            return
        self._signal(signal.SIGTERM)
        try:
            await self.wait(within)
        except subprocess.TimeoutExpired:
            await self.kill()

    async def kill(self) -> None:
        """End the child at once, with everything in its session, without a chance to clean up."""
        if self._popen is None:
            return
        self._signal(signal.SIGKILL)
        await self.wait(10)

    def tail(self, lines: int = 20) -> str:
        """Return the last lines of the child's output."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _close_output(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None
