"""The device's side of the protocol."""

import hashlib
import json
from typing import Any

import pytest

from lab.simulator.device import BATCH, WARM_UP, Device, Identity
from lab.simulator.household import settings_for

from .conftest import Wire

NOW = 1_800_000_000.0
UID = "co2_001"


class Thermometer:
    """Reads 20 and a little more each time."""

    names = ("temperature", "co2")

    def __init__(self) -> None:
        self.reads = 0

    def read(self, _now: float) -> dict[str, float]:
        self.reads += 1
        return {"temperature": 20.0, "co2": 400.0 + self.reads}


@pytest.fixture
def device(wire: Wire) -> Device:
    identity = Identity(uid=UID, device_type="co2", name="Office", code="12345678", mac="34:85:18:00:00:01")
    return Device(identity=identity, sensors=Thermometer(), settings=settings_for("co2", 10), link=wire)


@pytest.fixture
def online(device: Device, wire: Wire) -> Device:
    device.connected(NOW)
    wire.sent.clear()
    return device


def command(device: Device, name: str, cmd_id: str = "1", now: float = NOW, **more: Any) -> None:
    content = {"command": name, "cmd_id": cmd_id, **more}
    device.received(device.topic("commands"), json.dumps(content).encode(), now, retained=False)


def test_a_device_introduces_itself_before_it_reports(device: Device, wire: Wire) -> None:
    device.connected(NOW)
    device.tick(NOW)

    assert wire.topics == ["status", "info", "config/state", "event", "telemetry"]


def test_what_describes_a_device_is_retained_and_what_happens_is_not(device: Device, wire: Wire) -> None:
    device.connected(NOW)
    device.tick(NOW)

    kept = {topic: retain for topic, _content, _qos, retain in wire.sent}
    assert kept == {"status": True, "info": True, "config/state": True, "event": False, "telemetry": False}


def test_the_last_will_says_offline(device: Device) -> None:
    assert device.will == (f"devices/{UID}/status", "offline")


def test_the_descriptor_shows_that_there_is_a_code_and_not_which(device: Device) -> None:
    info = device.descriptor()

    pairing = info["pairing"]
    assert pairing["sha256"] == hashlib.sha256((pairing["salt"] + "12345678").encode()).hexdigest()
    assert "12345678" not in json.dumps(info)


def test_a_device_without_a_code_asks_for_none(wire: Wire) -> None:
    identity = Identity(uid=UID, device_type="co2")
    device = Device(identity=identity, sensors=Thermometer(), settings=settings_for("co2", 10), link=wire)

    assert "pairing" not in device.descriptor()


def test_a_report_says_when_and_by_whom_it_was_made(online: Device, wire: Wire) -> None:
    online.tick(NOW)

    (report,) = wire.of("telemetry")
    assert (report["device_uid"], report["timestamp"], report["seq"], report["uptime"]) == (UID, NOW, 1, 0)
    assert report["temperature"] == 20.0
    assert {"boot_id", "rssi", "ip", "firmware_version"} <= set(report)


def test_reports_come_at_the_interval_and_not_more_often(online: Device, wire: Wire) -> None:
    for second in range(35):
        online.tick(NOW + second)

    assert [report["timestamp"] - NOW for report in wire.of("telemetry")] == [0, 10, 20, 30]


def test_after_a_pause_there_is_no_burst(online: Device, wire: Wire) -> None:
    online.tick(NOW)
    for tenth in range(60):
        online.tick(NOW + 1000 + tenth / 10)

    assert len(wire.of("telemetry")) == 3


def test_a_device_without_a_clock_gives_no_time(online: Device, wire: Wire) -> None:
    online.has_clock = False
    online.tick(NOW)

    assert "timestamp" not in wire.of("telemetry")[0]


def test_a_plain_script_sends_telemetry_and_nothing_else(device: Device, wire: Wire) -> None:
    device.announces = False
    device.connected(NOW)
    device.tick(NOW)

    assert wire.topics == ["telemetry"]
    assert device.will is None
    assert device.subscriptions == ()


def test_what_is_measured_offline_is_sent_later_oldest_first(online: Device, wire: Wire) -> None:
    online.disconnected()
    for second in range(0, 50, 10):
        online.tick(NOW + second)
    assert wire.sent == []

    online.connected(NOW + 60)

    (message,) = wire.of("telemetry")
    assert message["buffered"] is True
    assert [sample["timestamp"] - NOW for sample in message["samples"]] == [0, 10, 20, 30, 40]


def test_a_long_absence_is_sent_in_batches(online: Device, wire: Wire) -> None:
    online.disconnected()
    for count in range(BATCH + 50):
        online.tick(NOW + 10 * count)

    online.connected(NOW + 9999)

    assert [len(message["samples"]) for message in wire.of("telemetry")] == [BATCH, 50]


def test_a_device_without_a_clock_keeps_nothing_while_offline(online: Device, wire: Wire) -> None:
    online.has_clock = False
    online.disconnected()
    online.tick(NOW)

    online.connected(NOW + 60)

    assert wire.of("telemetry") == []


def test_sensors_warm_up_before_they_are_believed_offline(device: Device) -> None:
    device.boot(NOW)
    device.tick(NOW + WARM_UP / 2)
    assert device.seq == 0

    device.tick(NOW + WARM_UP)
    assert device.seq == 1


def test_a_configuration_is_confirmed_and_kept_over_a_power_cut(online: Device, wire: Wire) -> None:
    online.received(online.topic("config"), b'{"revision": 7, "report_interval": 30}', NOW, retained=True)
    assert wire.of("config/state")[0]["revision"] == 7

    online.boot(NOW + 100)
    online.connected(NOW + 100)

    assert wire.of("config/state")[-1]["config"]["report_interval"] == 30


def test_a_command_is_done_and_answered(online: Device, wire: Wire) -> None:
    command(online, "identify")

    assert online.identified == 1
    assert wire.of("command_response") == [{"cmd": "identify", "cmd_id": "1", "status": "DONE"}]


def test_a_command_may_also_be_called_cmd(online: Device) -> None:
    online.received(online.topic("commands"), b'{"cmd": "identify", "cmd_id": "1"}', NOW, retained=False)

    assert online.identified == 1


def test_a_command_that_arrives_twice_is_done_once(online: Device, wire: Wire) -> None:
    command(online, "identify")
    command(online, "identify")

    assert online.identified == 1
    assert [answer["status"] for answer in wire.of("command_response")] == ["DONE", "DUPLICATE"]


def test_a_command_that_comes_too_late_is_not_done(online: Device, wire: Wire) -> None:
    command(online, "identify", expires=NOW - 1)

    assert online.identified == 0
    assert wire.of("command_response")[0]["status"] == "EXPIRED"


def test_a_retained_command_is_not_done(online: Device, wire: Wire) -> None:
    online.received(online.topic("commands"), b'{"command": "identify", "cmd_id": "1"}', NOW, retained=True)

    assert online.identified == 0
    assert wire.of("command_response")[0]["error_code"] == "maybe_retained"


def test_an_unknown_command_is_refused(online: Device, wire: Wire) -> None:
    command(online, "fly")

    assert (wire.of("command_response")[0]["status"], wire.of("command_response")[0]["error_code"]) == (
        "ERROR",
        "unknown_command",
    )


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff", b'{"command": "identify"}', b'{"cmd_id": "1"}', b"1"])
def test_nonsense_is_neither_done_nor_answered(online: Device, wire: Wire, payload: bytes) -> None:
    online.received(online.topic("commands"), payload, NOW, retained=False)

    assert wire.sent == []


def test_live_mode_reports_fast_and_ends_by_itself(online: Device, wire: Wire) -> None:
    online.tick(NOW)
    command(online, "live", params={"seconds": 5, "interval": 1})
    for tenth in range(300):
        online.tick(NOW + tenth / 10)

    times = [report["timestamp"] - NOW for report in wire.of("telemetry")]
    assert sum(time <= 5 for time in times) >= 5
    assert sum(5 < time < 30 for time in times) <= 3


def test_a_calibration_moves_the_reading_to_the_reference(online: Device, wire: Wire) -> None:
    command(online, "calibrate", params={"metric": "temperature", "reference": 21.5})
    online.tick(NOW)

    assert wire.of("command_response")[0]["status"] == "DONE"
    assert wire.of("telemetry")[0]["temperature"] == 21.5


@pytest.mark.parametrize(
    ("params", "error"),
    [({"metric": "ph", "reference": 7}, "unknown_metric"), ({"metric": "co2", "reference": "much"}, "bad_params")],
)
def test_a_calibration_that_makes_no_sense_is_refused(
    online: Device, wire: Wire, params: dict[str, Any], error: str
) -> None:
    command(online, "calibrate", params=params)

    assert wire.of("command_response")[0]["error_code"] == error


def test_a_restart_answers_first_and_begins_anew(online: Device, wire: Wire) -> None:
    online.tick(NOW)
    first = wire.of("telemetry")[0]["boot_id"]
    command(online, "restart")
    assert wire.topics[-1] == "command_response"
    assert wire.reboots == 1

    online.connected(NOW + 5)
    online.tick(NOW + 5)

    report = wire.of("telemetry")[-1]
    assert (report["seq"], report["uptime"]) == (1, 0)
    assert report["boot_id"] != first
    assert wire.of("event")[-1]["event"] == "boot"


def test_a_reconnection_is_not_a_boot(online: Device, wire: Wire) -> None:
    online.disconnected()
    online.connected(NOW + 5)

    assert wire.of("event") == []


def test_something_that_happens_is_reported(online: Device, wire: Wire) -> None:
    online.happened("button", presses=2)

    assert wire.of("event") == [{"event": "button", "presses": 2}]


def test_a_device_that_is_switched_off_says_so(online: Device, wire: Wire) -> None:
    online.leave()

    assert wire.sent == [("status", "offline", 1, True)]
