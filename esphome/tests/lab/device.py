"""The firmware as a process: its inputs are files, its relays are read from its log."""

import contextlib
import os
from pathlib import Path
import re
import shutil
import signal
import subprocess
import threading
import time

PIN = re.compile(r"\[host:\d+\]: Setting pin (\d+) to (HIGH|LOW)")


class Device:
    """One board. What it keeps in flash lives in its folder, as does the image that runs."""

    def __init__(self, image: Path, folder: Path, port: int, **environment: str) -> None:
        self.folder = folder
        self.port = port
        self.environment = environment
        self.image = folder / "image"
        self.inputs = folder / "inputs"
        self.inputs.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, self.image)
        self.lines: list[str] = []
        self.pins: dict[int, bool] = {}
        self.history: list[tuple[float, int, bool]] = []
        self.process: subprocess.Popen | None = None
        self._news = threading.Condition()

    def start(self, *, crashed: bool = False) -> Device:
        """Power on; after a crash the chip's pins have kept their levels, as an ESP32's do."""
        with self._news:
            self.pins = self.pins if crashed else {}
        self.process = subprocess.Popen(
            [str(self.image)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={
                **os.environ,
                "ESPHOME_PREFDIR": str(self.folder / "flash"),
                "SMARTAIR_SIM": str(self.inputs),
                "SMARTAIR_MQTT_PORT": str(self.port),
                **self.environment,
            },
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        return self

    def _read(self, process: subprocess.Popen) -> None:
        for line in process.stdout:
            with self._news:
                self.lines.append(line.rstrip())
                if m := PIN.search(line):
                    self.pins[int(m[1])] = m[2] == "HIGH"
                    self.history.append((time.time(), int(m[1]), m[2] == "HIGH"))
                self._news.notify_all()

    def stop(self, how: int = signal.SIGTERM) -> None:
        """SIGTERM is an orderly shutdown, SIGKILL a power cut."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(10)

    def power_cut(self) -> None:
        """Nothing gets the chance to say goodbye."""
        self.stop(signal.SIGKILL)

    def set(self, **values: float | None) -> None:
        """Set inputs; None is a sensor that has stopped answering."""
        for name, value in values.items():
            new = self.inputs / f".{name}"
            new.write_text("nan" if value is None else str(float(value)))
            new.replace(self.inputs / name)

    def wait_pin(self, pin: int, *, high: bool, timeout: float = 5) -> float:
        """Wait for a relay level; returns how long it took."""
        start = time.monotonic()
        with self._news:
            done = self._news.wait_for(lambda: self.pins.get(pin) is high, timeout)
        assert done, f"pin {pin} is {self.pins.get(pin)} after {timeout} s; last lines:\n" + "\n".join(
            self.lines[-15:]
        )
        return time.monotonic() - start

    def wait_line(self, text: str, timeout: float = 5, since: int = 0) -> str:
        """Wait for a line of the log."""
        with self._news:
            found: list[str] = []
            done = self._news.wait_for(
                lambda: found.extend(x for x in self.lines[since:] if text in x) or bool(found), timeout
            )
        assert done, f"no {text!r} in the log; last lines:\n" + "\n".join(self.lines[-15:])
        return found[0]

    def wait_exit(self, timeout: float = 10) -> int:
        """Wait until the process has ended."""
        assert self.process
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(timeout)
        raise AssertionError("the device still runs")
