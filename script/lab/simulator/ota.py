"""The device's side of an update: it downloads over HTTP, checks, restarts into the new version, answers for it."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
import hashlib
import time
from typing import TYPE_CHECKING, Any
import urllib.error
import urllib.request

if TYPE_CHECKING:
    from lab.simulator.device import Device

type Json = dict[str, Any]

SELF_TEST = 1.0
"""Seconds that a new version runs before it vouches for itself; 30 on a real device."""
REBOOT = 1.0
FAREWELL = 0.3
DEFER_FOR = 3600.0
SILENCE = 20.0
NEVER = 10 * 365 * 86400.0
_CHUNK = 32 * 1024
# Devices download side by side, but a lab has two processors.
_POOL = ThreadPoolExecutor(max_workers=24, thread_name_prefix="download")


class Fault(StrEnum):
    """What goes wrong with an update of a device."""

    CORRUPTED = "corrupted"
    TRUNCATED = "truncated"
    SLOW = "slow"
    DEAF = "deaf"
    DIES_AT_BOOT = "dies_at_boot"
    NEVER_RETURNS = "never_returns"


@dataclass(slots=True)
class Download:
    """A download in a thread of its own."""

    url: str
    size: int
    fault: Fault | None
    received: int = 0
    stopped: bool = False

    def run(self) -> bytes:
        """Return what the server sends, or raise ConnectionError with the word that a device would use."""
        request = urllib.request.Request(self.url, headers={"User-Agent": "SmartAir"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=SILENCE) as answer:  # noqa: S310 (the broker's address)
                return self._read(answer)
        except urllib.error.HTTPError as err:
            raise ConnectionError(f"http_{err.code}") from err
        except TimeoutError as err:
            raise ConnectionError("download_timeout") from err
        except (urllib.error.URLError, OSError) as err:
            if isinstance(err, ConnectionError) and err.args[0] in {"size_mismatch", "download_failed"}:
                raise
            raise ConnectionError("connect_failed" if not self.received else "download_failed") from err

    def _read(self, answer: Any) -> bytes:
        length = int(answer.headers.get("Content-Length") or 0)
        if self.size and length != self.size:
            raise ConnectionError("size_mismatch")
        data = bytearray()
        while not self.stopped and (chunk := answer.read(_CHUNK)):
            data += chunk
            self.received = len(data)
            if self.fault is Fault.TRUNCATED and len(data) * 2 > length:
                raise ConnectionError("download_failed")
            if self.fault is Fault.SLOW:
                time.sleep(0.25)
        if len(data) != length:
            raise ConnectionError("download_failed")
        if self.fault is Fault.CORRUPTED:
            data[len(data) // 2] ^= 1
        return bytes(data)


@dataclass(slots=True)
class Updater:
    """Carries out the orders of one device; driven by the device's own clock."""

    device: Device
    fault: Fault | None = None
    signed: bool = False
    orders: list[Json] = field(default_factory=list)
    installed: bytes | None = None

    _order: Json | None = None
    _since: float = 0.0
    _download: Download | None = None
    _result: Future[bytes] | None = None
    _said_percent: int = -1
    _report: Json | None = None
    _trial_from: str | None = None
    _trial_until: float | None = None
    _reboot_at: float | None = None
    _bad: set[str] = field(default_factory=set)

    @property
    def busy(self) -> bool:
        """Whether an order is being carried out."""
        return self._order is not None

    def received(self, order: Json, now: float, *, retained: bool) -> None:
        """Take an order, or say why not."""
        self.orders.append(order)
        if self.fault is Fault.DEAF:
            return
        known = [one for one in self.orders[:-1] if one.get("cmd_id") == order.get("cmd_id")]
        if known:
            self.connected(now)
        elif retained:
            self._refuse(order, "maybe_retained")
        elif order.get("expires", now) < now:
            self._refuse(order, "expired")
        elif self._order is not None:
            self._refuse(order, "busy")
        elif not str(order.get("checksum", "")).startswith("sha256:"):
            self._refuse(order, "checksum_missing")
        elif not str(order.get("url", "")).startswith("http://"):
            self._refuse(order, "unsupported_url")
        elif order["checksum"] in self._bad and not order.get("retry"):
            self._refuse(order, "known_bad")
        else:
            self._accept(order, now)

    def _accept(self, order: Json, now: float) -> None:
        self._order, self._since, self._said_percent = order, now, -1
        if order["version"] == self.device.firmware_version:
            self._say("confirmed", 100)
            self._order = None
            return
        self._say("accepted", 0)
        if self._pumps_busy():
            self._say("deferred", 0)

    def _refuse(self, order: Json, error: str) -> None:
        report, running = self._report, self._order
        self._order = order
        self._say("failed", 0, error)
        self._order = running
        if running is not None:
            self._report = report

    def _pumps_busy(self) -> bool:
        """Tell whether a pump is in a state that is not its resting one."""
        rest = {one["id"]: one.get("fail_safe_mode") == "NC" for one in self.device.channels}
        states = self.device.channel_states()
        return any(state.get("on") is not rest[name] and not state.get("lock") for name, state in states.items())

    def connected(self, _now: float) -> None:
        """Say again how far it has come, as after every time without a connection."""
        if self._report is not None:
            self._publish(self._report)

    def booted(self, now: float) -> None:
        """Answer for the version that was installed, or for its loss."""
        if self._trial_from is None or self._order is None:
            # A power cut in the middle of a download: the old version runs as if nothing had been.
            self._order = self._download = self._result = None
            return
        if self.device.firmware_version == self._order["version"]:
            self._trial_until = now + SELF_TEST
            return
        self._bad.add(self._order["checksum"])
        self._trial_from = None
        self._say("rolled_back", 100, "rolled_back")
        self._order = None

    def tick(self, now: float) -> None:
        """Go on with what is going on."""
        if self._order is None:
            return
        if self._reboot_at is not None:
            if now >= self._reboot_at:
                self._reboot()
        elif self._trial_until is not None:
            if now >= self._trial_until and self.device.online:
                self._trial_until = self._trial_from = None
                self._say("confirmed", 100)
                self._order = None
        elif self._download is None:
            self._try_to_begin(now)
        else:
            self._look_at_download(now)

    def _try_to_begin(self, now: float) -> None:
        assert self._order is not None  # noqa: S101 (only an order is tried to begin)
        if self._pumps_busy():
            if now - self._since > DEFER_FOR:
                self._fail("deferred_too_long")
            return
        self._download = Download(self._order["url"], int(self._order.get("size", 0)), self.fault)
        self._result = _POOL.submit(self._download.run)
        self._say("downloading", 0)

    def _look_at_download(self, now: float) -> None:
        assert self._order is not None  # noqa: S101
        assert self._download is not None  # noqa: S101
        assert self._result is not None  # noqa: S101
        if not self._result.done():
            percent = 5 * (self._download.received * 20 // max(int(self._order.get("size", 0)), 1))
            if percent > self._said_percent:
                self._said_percent = percent
                self._say("downloading", min(percent, 100))
            return
        error = self._result.exception()
        if error is not None:
            self._fail(str(error))
            return
        data = self._result.result()
        self._say("verifying", 100)
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != self._order["checksum"]:
            self._bad.add(self._order["checksum"])
            self._fail("checksum_mismatch")
            return
        self._say("installing", 100)
        self.installed = data
        self._say("rebooting", 100)
        self._reboot_at = now + FAREWELL

    def _reboot(self) -> None:
        assert self._order is not None  # noqa: S101
        self._reboot_at = self._download = self._result = None
        self._trial_from = self.device.firmware_version
        if self.fault is not Fault.DIES_AT_BOOT:
            self.device.firmware_version = self._order["version"]
        self.device.restart(NEVER if self.fault is Fault.NEVER_RETURNS else REBOOT)

    def _fail(self, error: str) -> None:
        self._say("failed", max(self._said_percent, 0), error)
        self._order = self._download = self._result = None

    def _say(self, state: str, percent: int, error: str | None = None) -> None:
        order = self._order or {}
        report = {
            "cmd_id": order.get("cmd_id"),
            "state": state,
            "progress": percent,
            "version": order.get("version"),
        }
        self._report = {**report, "error_code": error} if error else report
        self._publish(self._report)

    def _publish(self, report: Json) -> None:
        self.device.send("ota/state", report, retain=True)
