"""A whole update, and every way in which one can fail. The host has one slot, so the boot loader is played here."""

from collections.abc import Callable, Iterator
import hashlib
import itertools
from pathlib import Path
import shutil
import threading
import time
from typing import Any

import pytest

from lab.build import host_image
from lab.device import Device
from lab.ears import Ears
from lab.server import ImageServer
from lab.zone import DRAIN, FILL, GOOD, REACTIONS, RECIRC, UID

NUMBERS = itertools.count(1)


class BootLoader:
    """Two slots: a new image that stops before it was confirmed is not started again."""

    def __init__(self, device: Device, ears: Ears) -> None:
        self.device = device
        self.ears = ears
        self.kept = device.folder / "slot0"
        shutil.copy(device.image, self.kept)
        self.stop = threading.Event()
        self.rollbacks = 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self.stop.wait(0.05):
            process = self.device.process
            if process is None or process.poll() is None:
                continue
            if self.device.image.read_bytes() != self.kept.read_bytes():
                shutil.copy(self.kept, self.device.image)
                self.rollbacks += 1
            self.device.start()


class Updated:
    """A zone node that can be updated."""

    def __init__(self, device: Device, ears: Ears, server: ImageServer) -> None:
        self.device = device
        self.ears = ears
        self.server = server
        self.old = device.image.read_bytes()

    def order(
        self, where: str, data: bytes, *, version: str = "2.0.0", since: int | None = None, **more: Any
    ) -> tuple[str, int]:
        since = self.ears.mark() if since is None else since
        cmd_id = more.pop("cmd_id", None) or f"o{next(NUMBERS)}-{time.time_ns()}"
        order = {"cmd_id": cmd_id, "version": version, "url": where, "checksum": "sha256:" + hashlib.sha256(data).hexdigest(),
                 "size": len(data), "timestamp": time.time(), "expires": time.time() + 60}  # fmt: skip
        order.update(more)
        self.ears.say("ota", {k: v for k, v in order.items() if v is not None})
        return cmd_id, since

    def ends(self, cmd_id: str, since: int, timeout: float = 30) -> Any:
        final = ("failed", "confirmed", "rolled_back")
        return self.ears.wait(
            "ota/state", lambda s: s["cmd_id"] == cmd_id and s["state"] in final, since=since, timeout=timeout
        )

    def fails(self, error_code: str, where: str, data: bytes, **more: Any) -> None:
        cmd_id, since = self.order(where, data, **more)
        end = self.ends(cmd_id, since)
        assert (end["state"], end["error_code"]) == ("failed", error_code)
        self.is_unharmed()

    def is_unharmed(self) -> None:
        assert self.device.image.read_bytes() == self.old
        assert self.device.process.poll() is None
        answer = self.ears.command("run_pump", channel="pump_fill", duration_s=0.3)
        assert answer["status"] == "ACCEPTED", "pumps are released after a failed update"
        self.ears.wait("command_response", {"cmd_id": answer["cmd_id"], "status": "DONE"})


@pytest.fixture(scope="session")
def new_image() -> bytes:
    return host_image("zone", version="2.0.0").read_bytes()


@pytest.fixture(scope="module")
def server(new_image: bytes) -> Iterator[ImageServer]:
    server = ImageServer()
    server.files = {
        "v2": new_image,
        "half": new_image[: len(new_image) // 2],
        "junk": b"junk" * 5000,
        "empty": b"",
        "flipped": new_image[:100_000] + bytes([new_image[100_000] ^ 1]) + new_image[100_001:],
    }
    yield server
    server.close()


@pytest.fixture
def zone(make_device: Callable, make_ears: Callable, zone_image: Path, server: ImageServer) -> Updated:
    device = make_device(zone_image)
    device.set(**GOOD)
    ears = make_ears(UID)
    device.start()
    ears.wait("status", "online")
    time.sleep(1.2)
    return Updated(device, ears, server)


@pytest.fixture
def loader(zone: Updated) -> Iterator[BootLoader]:
    loader = BootLoader(zone.device, zone.ears)
    loader.thread.start()
    yield loader
    loader.stop.set()
    loader.thread.join()


def test_an_update_passes_through_all_its_states_and_ends_when_the_new_version_has_proven_itself(
    zone: Updated, new_image: bytes
) -> None:
    began = time.monotonic()
    cmd_id, since = zone.order(zone.server.url("good", "v2"), new_image)
    zone.ears.wait("ota/state", {"state": "rebooting"}, since=since, timeout=20)
    zone.ears.wait("info", {"firmware_version": "2.0.0"}, since=since, timeout=20)
    new_version_at = time.monotonic() - began
    end = zone.ends(cmd_id, since)
    assert end["state"] == "confirmed"
    states = [s["state"] for s in zone.ears.all("ota/state", since=since)]
    order = [k for k, _ in itertools.groupby(states)]
    assert order == ["accepted", "downloading", "verifying", "installing", "rebooting", "confirmed"]
    progress = [s["progress"] for s in zone.ears.all("ota/state", {"state": "downloading"}, since=since)]
    assert progress == sorted(progress)
    assert progress[0] == 0
    assert len(progress) > 1
    assert all(s["cmd_id"] == cmd_id and s["version"] == "2.0.0" for s in zone.ears.all("ota/state", since=since))
    confirmed_at = time.monotonic() - began
    assert confirmed_at - new_version_at > 1.5, "only after contact for the time of the self test"
    REACTIONS["update ordered to new version running"] = round(new_version_at, 2)
    late = Ears(zone.device.port, UID)
    assert late.wait("ota/state")["state"] == "confirmed", "retained"
    late.close()


def test_the_version_that_runs_already_is_confirmed_without_a_download(zone: Updated) -> None:
    requests = len(zone.server.requests)
    cmd_id, since = zone.order(zone.server.url("good", "v2"), b"x", version="1.0.0")
    assert zone.ends(cmd_id, since)["state"] == "confirmed"
    assert len(zone.server.requests) == requests


def test_pumps_stand_in_their_fail_safe_state_and_are_locked_during_an_update(
    zone: Updated, new_image: bytes
) -> None:
    cmd_id, since = zone.order(zone.server.url("slow", "v2"), new_image)
    zone.ears.wait("ota/state", {"state": "downloading", "progress": 10}, since=since)
    refused = zone.ears.command("run_pump", channel="pump_fill", max_run_s=5)
    assert refused["error_code"] == "update_in_progress"
    assert zone.ears.command("restart")["error_code"] == "update_in_progress"
    assert (zone.device.pins[RECIRC], zone.device.pins[FILL], zone.device.pins[DRAIN]) == (
        False,
        False,
        False,
    )
    zone.ears.wait("telemetry", lambda m: m["water_level"] == 50, since=zone.ears.mark(), timeout=3)
    assert zone.ends(cmd_id, since, timeout=40)["state"] == "confirmed"


def test_circulation_is_supervised_while_a_slow_download_goes_on(zone: Updated, new_image: bytes) -> None:
    _, since = zone.order(zone.server.url("slow", "v2"), new_image)
    zone.ears.wait("ota/state", {"state": "downloading", "progress": 20}, since=since)
    zone.device.set(current_recirc=3)
    took = zone.device.wait_pin(RECIRC, high=True, timeout=2)
    assert took < 1
    REACTIONS["overcurrent during a download"] = round(took, 2)
    assert zone.ears.all("ota/state", since=since)[-1]["state"] == "downloading"
    zone.ears.wait("event", {"event": "safety_trip", "code": "overcurrent"}, since=since)


def test_circulation_is_supervised_while_a_server_says_nothing(zone: Updated, new_image: bytes) -> None:
    cmd_id, since = zone.order(zone.server.url("silent", "v2"), new_image)
    time.sleep(1)
    zone.device.set(current_recirc=3)
    assert zone.device.wait_pin(RECIRC, high=True, timeout=2) < 1
    zone.device.set(current_recirc=0.8)
    end = zone.ends(cmd_id, since, timeout=30)
    assert (end["state"], end["error_code"]) == ("failed", "download_timeout")


def test_an_update_waits_until_a_pump_has_finished(zone: Updated, new_image: bytes) -> None:
    zone.ears.command("run_pump", channel="pump_fill", duration_s=2)
    zone.device.wait_pin(FILL, high=True)
    cmd_id, since = zone.order(zone.server.url("good", "v2"), new_image)
    zone.ears.wait("ota/state", {"state": "deferred"}, since=since)
    time.sleep(0.8)
    assert zone.device.pins[FILL] is True
    assert zone.ears.all("ota/state", since=since)[-1]["state"] == "deferred"
    zone.ears.wait("ota/state", {"state": "downloading"}, since=since)
    assert zone.device.pins[FILL] is False
    assert zone.ends(cmd_id, since)["state"] == "confirmed"


def test_an_update_waits_for_the_end_of_a_pause_in_circulation(zone: Updated, new_image: bytes) -> None:
    zone.ears.command("stop_pump", channel="pump_recirc", max_off_s=3)
    zone.device.wait_pin(RECIRC, high=True)
    _, since = zone.order(zone.server.url("good", "v2"), new_image)
    zone.ears.wait("ota/state", {"state": "deferred"}, since=since)
    zone.ears.wait("ota/state", {"state": "downloading"}, since=since)
    # The log of the relay and the broker's message come by different ways.
    zone.device.wait_pin(RECIRC, high=False, timeout=1)


@pytest.mark.parametrize(
    ("error_code", "habit", "name", "change"),
    [
        ("http_404", "good", "missing", {}),
        ("http_302", "moved", "v2", {}),
        ("length_unknown", "chunked", "v2", {}),
        ("download_failed", "cut", "v2", {}),
        ("download_failed", "good", "empty", {"size": 0}),
        ("size_mismatch", "good", "half", {}),
        ("checksum_mismatch", "good", "half", {"size": None}),
        ("checksum_mismatch", "good", "flipped", {}),
        ("checksum_missing", "good", "v2", {"checksum": None}),
        ("checksum_missing", "good", "v2", {"checksum": "md5:0123"}),
        ("checksum_missing", "good", "v2", {"checksum": "sha256:" + "z" * 64}),
        ("bad_order", "good", "v2", {"version": ""}),
        ("bad_order", "good", "v2", {"version": "9" * 40}),
        ("expired", "good", "v2", {"expires": 1000000000}),
        ("unsupported_url", "good", "v2", {"url": "https://127.0.0.1/x"}),
        ("unsupported_url", "good", "v2", {"url": "ftp://127.0.0.1/x"}),
        ("unsupported_url", "good", "v2", {"url": "http://user@127.0.0.1/x"}),
        ("unsupported_url", "good", "v2", {"url": "http://127.0.0.1/x HTTP/1.1\r\nX: y"}),
        ("unsupported_url", "good", "v2", {"url": "http://:80/"}),
        ("unsupported_url", "good", "v2", {"url": "http://127.0.0.1:80abc/"}),
        ("unsupported_url", "good", "v2", {"url": "http://127.0.0.1:/"}),
        ("unsupported_url", "good", "v2", {"url": "http://127.0.0.1:+80/"}),
        ("connect_failed", "good", "v2", {"url": "http://127.0.0.1:9/x"}),
    ],
)
def test_what_cannot_be_an_update_changes_nothing(
    zone: Updated, new_image: bytes, error_code: str, habit: str, name: str, change: dict[str, Any]
) -> None:
    zone.fails(error_code, zone.server.url(habit, name), new_image, **change)


def test_junk_with_the_right_checksum_is_not_installed(zone: Updated) -> None:
    junk = zone.server.files["junk"]
    zone.fails("image_invalid", zone.server.url("good", "junk"), junk)


def test_a_checksum_that_failed_is_remembered_over_a_power_cut_and_refused(zone: Updated, new_image: bytes) -> None:
    zone.fails("checksum_mismatch", zone.server.url("good", "flipped"), new_image)
    zone.device.power_cut()
    since = zone.ears.mark()
    zone.device.start()
    zone.ears.wait("status", "online", since=since)
    time.sleep(1.2)
    requests = len(zone.server.requests)
    zone.fails("known_bad", zone.server.url("good", "v2"), new_image)
    assert len(zone.server.requests) == requests
    cmd_id, since = zone.order(zone.server.url("good", "v2"), new_image, retry=True)
    assert zone.ends(cmd_id, since)["state"] == "confirmed", "unless a person says so"


def test_a_connection_that_broke_may_be_tried_again(zone: Updated, new_image: bytes) -> None:
    zone.fails("download_failed", zone.server.url("cut", "v2"), new_image)
    cmd_id, since = zone.order(zone.server.url("good", "v2"), new_image)
    assert zone.ends(cmd_id, since)["state"] == "confirmed"


def test_a_second_order_is_refused_while_one_runs_and_a_repeated_one_is_not_carried_out_twice(
    zone: Updated, new_image: bytes
) -> None:
    cmd_id, since = zone.order(zone.server.url("slow", "v2"), new_image)
    zone.ears.wait("ota/state", {"state": "downloading", "progress": 5}, since=since)
    other, _ = zone.order(zone.server.url("good", "v2"), new_image, version="3.0.0")
    busy = zone.ears.wait("ota/state", {"cmd_id": other}, since=since)
    assert (busy["state"], busy["error_code"]) == ("failed", "busy")
    zone.order(zone.server.url("slow", "v2"), new_image, cmd_id=cmd_id)
    assert zone.ends(cmd_id, since, timeout=40)["state"] == "confirmed"
    requests = len(zone.server.requests)
    time.sleep(1)
    zone.order(zone.server.url("good", "v2"), new_image, cmd_id=cmd_id)
    time.sleep(1)
    assert len(zone.server.requests) == requests


def test_a_retained_order_is_not_carried_out(
    make_device: Callable, make_ears: Callable, zone_image: Path, server: ImageServer, new_image: bytes
) -> None:
    ears = make_ears(UID)
    order = {
        "cmd_id": "kept",
        "version": "2.0.0",
        "url": server.url("good", "v2"),
        "checksum": hashlib.sha256(new_image).hexdigest(),
    }
    ears.say("ota", order, retain=True)
    device = make_device(zone_image)
    device.set(**GOOD)
    device.start()
    state = ears.wait("ota/state", {"cmd_id": "kept"})
    assert (state["state"], state["error_code"]) == ("failed", "maybe_retained")
    time.sleep(1)
    assert ears.all("ota/state", {"state": "downloading"}) == []


def test_a_power_cut_during_the_download_leaves_the_old_version(zone: Updated, new_image: bytes) -> None:
    _, since = zone.order(zone.server.url("slow", "v2"), new_image)
    zone.ears.wait("ota/state", {"state": "downloading", "progress": 30}, since=since)
    zone.device.power_cut()
    since = zone.ears.mark()
    zone.device.start()
    assert zone.ears.wait("info", since=since)["firmware_version"] == "1.0.0"
    time.sleep(1.2)
    zone.is_unharmed()


def test_a_new_version_that_crashes_is_rolled_back_reported_and_refused(
    zone: Updated, loader: BootLoader, new_image: bytes
) -> None:
    cmd_id, since = zone.order(zone.server.url("good", "v2"), new_image)
    zone.ears.wait("info", {"firmware_version": "2.0.0"}, since=since, timeout=20)
    zone.device.power_cut()
    end = zone.ends(cmd_id, since)
    assert (end["state"], end["version"]) == ("rolled_back", "2.0.0")
    assert loader.rollbacks == 1
    assert zone.ears.wait("info", lambda i: i["firmware_version"] == "1.0.0", since=since)
    time.sleep(1.2)
    zone.fails("known_bad", zone.server.url("good", "v2"), new_image)


def test_a_new_version_whose_sensors_do_not_answer_goes_back_by_itself(
    zone: Updated, loader: BootLoader, new_image: bytes
) -> None:
    cmd_id, since = zone.order(zone.server.url("good", "v2"), new_image)
    zone.ears.wait("ota/state", {"state": "rebooting"}, since=since, timeout=20)
    zone.device.set(ph=None)
    end = zone.ends(cmd_id, since, timeout=25)
    assert end["state"] == "rolled_back"
    assert loader.rollbacks == 1


def test_a_probe_that_was_dead_before_does_not_hold_up_an_update(
    zone: Updated, loader: BootLoader, new_image: bytes
) -> None:
    zone.device.set(ph=None)
    time.sleep(4)
    cmd_id, since = zone.order(zone.server.url("good", "v2"), new_image)
    assert zone.ends(cmd_id, since)["state"] == "confirmed"
    assert loader.rollbacks == 0


def test_a_new_version_that_does_not_reach_the_broker_goes_back_by_itself(
    zone: Updated, loader: BootLoader, new_image: bytes
) -> None:
    cmd_id, since = zone.order(zone.server.url("good", "v2"), new_image)
    # The new image cannot find the broker any more.
    zone.ears.wait("ota/state", {"state": "installing"}, since=since, timeout=20)
    assert zone.device.environment == {}
    (zone.device.inputs / "broker_gone").write_text("1")
    end = zone.ends(cmd_id, since, timeout=30)
    assert end["state"] == "rolled_back"
    assert loader.rollbacks == 1


def test_a_server_that_trickles_ends_an_update_and_not_the_pumps(zone: Updated, new_image: bytes) -> None:
    cmd_id, since = zone.order(zone.server.url("trickle", "v2"), new_image)
    end = zone.ends(cmd_id, since, timeout=40)
    assert (end["state"], end["error_code"]) == ("failed", "download_timeout")
    answer = zone.ears.command("run_pump", channel="pump_fill", max_run_s=5)
    assert answer["status"] == "ACCEPTED"


def test_an_update_is_cancelled_by_the_order_that_names_it_and_by_no_other(zone: Updated, new_image: bytes) -> None:
    cmd_id, since = zone.order(zone.server.url("trickle", "v2"), new_image)
    zone.ears.wait("ota/state", {"cmd_id": cmd_id, "state": "downloading"}, since=since)
    zone.ears.say("ota", {"cmd_id": "another", "cancel": True})
    assert zone.ears.find("ota/state", {"state": "failed"}, since=since, timeout=1) is None
    # As a stop, it is obeyed however late it is.
    zone.ears.say("ota", {"cmd_id": cmd_id, "cancel": True, "expires": 1})
    end = zone.ends(cmd_id, since, timeout=3)
    assert (end["state"], end["error_code"]) == ("failed", "cancelled")
    answer = zone.ears.command("run_pump", channel="pump_fill", max_run_s=5)
    assert answer["status"] == "ACCEPTED"
