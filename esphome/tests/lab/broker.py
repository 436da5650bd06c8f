"""A mosquitto of our own, on a free port."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path


def find_mosquitto() -> str | None:
    """The system's, or the one that script/bootstrap has unpacked."""
    cache = (
        os.environ.get("SMARTAIR_CACHE")
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smartair"
    )
    unpacked = Path(cache) / "debian/mosquitto/usr/sbin/mosquitto"
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which("mosquitto", path=path) or (str(unpacked) if unpacked.exists() else None)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Broker:
    """Can be stopped and started again; keeps what is retained, as a real one does."""

    def __init__(self, folder: Path) -> None:
        program = find_mosquitto()
        assert program, "no mosquitto: run script/bootstrap broker"
        self.program = program
        self.port = free_port()
        self.folder = folder
        self.process: subprocess.Popen | None = None
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/\nmax_queued_messages 10000\nset_tcp_nodelay true\n"
            # Started by root, it would change to a user who cannot write into this folder.
            f"log_type error\nuser {getpass.getuser()}\n"
        )
        self.start()

    def start(self) -> None:
        """Start and wait until it listens."""
        self.process = subprocess.Popen(
            [self.program, "-c", str(self.folder / "mosquitto.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise TimeoutError("mosquitto does not listen")

    def stop(self) -> None:
        """Stop in order, so that retained messages reach the disk."""
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None
