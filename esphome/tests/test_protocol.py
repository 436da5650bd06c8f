"""The real firmware on the host against a real broker: everything protocol.md promises of a device."""

from collections.abc import Callable
import hashlib
from itertools import pairwise
from pathlib import Path
import signal
import time

import pytest

from lab.broker import Broker
from lab.device import Device
from lab.ears import Ears

UID = "multi-025a00000001"
GOOD = {
    "co2": 640, "temperature": 21.5, "humidity": 44, "pm1": 3, "pm25": 5, "pm10": 8, "voc_index": 100, "nox_index": 1,
}  # fmt: skip


class Air:
    """One air monitor with everything it needs."""

    def __init__(self, device: Device, ears: Ears) -> None:
        self.device = device
        self.ears = ears

    def settle(self) -> None:
        """Until commands are no longer taken for retained ones."""
        self.ears.wait("status", "online")
        time.sleep(2.3)


@pytest.fixture
def air(make_device: Callable, make_ears: Callable, air_image: Path) -> Air:
    """Running, with good values, and heard."""
    device = make_device(air_image)
    device.set(**GOOD)
    ears = make_ears(UID)
    device.start()
    return Air(device, ears)


def test_a_new_device_says_who_it_is_and_hides_its_pairing_code(air: Air) -> None:
    assert air.ears.wait("status") == "online"
    info = air.ears.wait("info")
    assert info["protocol"] == 1
    assert info["device_type"] == "multi"
    assert info["firmware_version"] == "1.0.0"
    assert info["mac"] == "02:5A:00:00:00:01"
    assert info["metrics"] == [
        "co2",
        "temperature",
        "humidity",
        "pm1",
        "pm25",
        "pm10",
        "voc_index",
        "nox_index",
    ]
    assert info["config"]["report_interval"] == {"min": 1, "max": 3600}
    assert info["config"]["co2_threshold"] == {"min": 400, "max": 5000, "step": 1}
    assert {"restart", "identify", "live", "calibrate"} <= set(info["commands"])
    line = air.device.wait_line("Pairing code")
    code = line.split("Pairing code: ")[1][:8]
    assert len(code) == 8
    assert code.isdigit()
    pairing = info["pairing"]
    assert hashlib.sha256((pairing["salt"] + code).encode()).hexdigest() == pairing["sha256"]
    assert all(code.encode() not in heard.payload for heard in air.ears.heard)


def test_the_pairing_code_survives_a_power_cut(air: Air) -> None:
    first = air.ears.wait("info")["pairing"]
    air.device.power_cut()
    since = air.ears.mark()
    air.device.start()
    assert air.ears.wait("info", since=since)["pairing"] == first


def test_measurements_come_under_their_canonical_names(air: Air) -> None:
    message = air.ears.wait("telemetry", {"seq": 3})
    assert message["device_uid"] == UID
    assert abs(message["timestamp"] - time.time()) < 3
    assert {k: message[k] for k in GOOD} == GOOD
    assert message["firmware_version"] == "1.0.0"
    assert message["uptime"] < 30
    first = air.ears.all("telemetry")[0]
    assert first["boot_id"] == message["boot_id"]


def test_a_dead_sensor_disappears_and_the_others_stay(air: Air) -> None:
    air.ears.wait("telemetry", {"co2": 640})
    air.device.set(co2=None)
    # A machine that stood still for seconds lets every value grow stale for a moment.
    air.ears.wait("telemetry", lambda m: "co2" not in m and m.get("temperature") == 21.5, since=air.ears.mark())


def test_a_value_that_never_moves_is_reported_as_frozen_and_no_longer_sent(air: Air) -> None:
    event = air.ears.wait("event", {"event": "sensor_frozen"}, timeout=15)
    assert (event["metric"], event["value"]) == ("co2", 640)
    # Temperature may stand still for hours.
    air.ears.wait("telemetry", lambda m: "co2" not in m and m.get("temperature") == 21.5, since=air.ears.mark())
    air.device.set(co2=655)
    air.ears.wait("telemetry", {"co2": 655})


def test_a_power_cut_shows_as_offline_by_the_last_will(air: Air) -> None:
    air.ears.wait("status", "online")
    since = air.ears.mark()
    air.device.power_cut()
    air.ears.wait("status", "offline", since=since)


def test_an_orderly_shutdown_says_offline_itself(air: Air) -> None:
    air.ears.wait("status", "online")
    since = air.ears.mark()
    air.device.stop(signal.SIGTERM)
    air.ears.wait("status", "offline", since=since)


def test_status_and_descriptor_are_retained_and_telemetry_is_not(air: Air, make_ears: Callable) -> None:
    air.ears.wait("status", "online")
    air.ears.wait("telemetry")
    late = make_ears(UID)
    late.wait("config/state")
    late.wait("status")
    retained = {h.topic for h in late.heard if h.retained}
    assert {"status", "info", "config/state"} <= retained
    assert not retained & {"telemetry", "event", "command_response"}


# ---- offline ------------------------------------------------------------------------------------------------------


def test_what_is_measured_while_the_broker_is_away_comes_later_with_its_own_time(air: Air, broker: Broker) -> None:
    air.ears.wait("telemetry", {"seq": 2})
    broker.stop()
    away = time.time()
    time.sleep(7)
    back = time.time()
    since = air.ears.mark()
    broker.start()
    batch = air.ears.wait("telemetry", {"buffered": True}, since=since, timeout=20)
    stamps = [s["timestamp"] for s in batch["samples"]]
    assert stamps == sorted(stamps), "oldest first"
    assert len(stamps) >= 5
    assert stamps[0] <= away + 3
    assert all(away - 2 <= s <= back + 12 for s in stamps)
    assert max(b - a for a, b in pairwise(stamps)) <= 2
    assert batch["samples"][0]["co2"] == 640
    assert batch["device_uid"] == UID
    air.ears.wait("telemetry", lambda m: "buffered" not in m, since=since)


def test_a_long_backlog_is_split_by_bytes_and_bounded_with_a_count_of_what_was_lost(
    make_device: Callable, make_ears: Callable, air_image: Path, broker: Broker
) -> None:
    broker.stop()
    device = make_device(air_image, SMARTAIR_TIME_SPEED="100")
    device.environment["LD_PRELOAD"] = str(fake_clock())
    device.set(**{k: v + 0.125 for k, v in GOOD.items()})
    device.start()
    time.sleep(20)  # many minutes of the device's time, also on a busy machine; its ring holds 200 samples
    broker.start()
    ears = make_ears(UID)
    ears.wait("telemetry", {"buffered": True}, timeout=20)
    ears.wait("telemetry", lambda m: "buffered" not in m, timeout=20)
    time.sleep(1)
    batches = ears.all("telemetry", {"buffered": True})
    assert len(batches) > 5
    sizes = [len(h.payload) for h in ears.heard if b'"buffered"' in h.payload]
    assert max(sizes) < 4096
    assert all(len(b["samples"]) <= 200 for b in batches)
    samples = [s["timestamp"] for b in batches for s in b["samples"]]
    assert samples == sorted(samples)
    assert sum(b.get("dropped", 0) for b in batches) >= 50
    assert len(samples) >= 200


def test_without_a_clock_there_is_no_timestamp_and_the_backlog_waits_for_it(
    make_device: Callable, make_ears: Callable, air_image: Path, broker: Broker, tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("unset")
    device = make_device(air_image, LD_PRELOAD=str(fake_clock()), SMARTAIR_CLOCK=str(clock))
    device.set(**GOOD)
    ears = make_ears(UID)
    broker.stop()
    started = time.time()
    device.start()
    time.sleep(3)
    broker.start()
    live = ears.wait("telemetry", timeout=20)
    assert "timestamp" not in live
    time.sleep(2)
    assert not ears.all("telemetry", {"buffered": True})
    clock.unlink()
    batch = ears.wait("telemetry", {"buffered": True}, timeout=10)
    assert all(started - 2 <= s["timestamp"] <= time.time() for s in batch["samples"]), (
        "stamped as if it always had one"
    )
    assert "timestamp" in ears.wait("telemetry", lambda m: "buffered" not in m, since=ears.mark())


# ---- configuration ------------------------------------------------------------------------------------------------


def test_a_retained_configuration_is_applied_and_each_wrong_key_rejected_with_its_reason(air: Air) -> None:
    air.ears.wait("status", "online")
    wanted = {
        "revision": 7, "report_interval": 0, "alerts_enabled": False, "co2_threshold": 1200, "pm25_threshold": "many",
        "night_mode": {"start": 22, "end": "07:30"}, "colour": 3,
    }  # fmt: skip
    since = air.ears.mark()
    air.ears.say("config", wanted, retain=True)
    state = air.ears.wait("config/state", {"revision": 7}, since=since)
    assert state["applied"] is True
    assert state["rejected"] == {
        "report_interval": "below 1",
        "pm25_threshold": "not a number",
        "colour": "unknown",
    }
    assert state["config"]["report_interval"] == 1
    assert state["config"]["alerts_enabled"] is False
    assert state["config"]["co2_threshold"] == 1200
    assert state["config"]["night_mode"] == {"start": 22, "end": "07:30"}


def test_the_configuration_survives_a_power_cut_without_the_broker(air: Air, broker: Broker) -> None:
    air.ears.wait("status", "online")
    air.ears.say(
        "config",
        {"revision": 9, "report_interval": 2, "co2_threshold": 1500, "night_mode": {"start": 1, "end": 2}},
    )
    air.ears.wait("config/state", {"revision": 9})
    air.device.power_cut()
    since = air.ears.mark()
    air.device.start()
    state = air.ears.wait("config/state", since=since)
    assert state["revision"] == 9
    assert state["config"]["report_interval"] == 2
    assert state["config"]["co2_threshold"] == 1500
    assert state["config"]["night_mode"] == {"start": 1, "end": 2}


def test_a_configuration_that_was_retained_before_the_device_came_is_taken(
    make_device: Callable, make_ears: Callable, air_image: Path
) -> None:
    ears = make_ears(UID)
    ears.say("config", {"revision": 3, "report_interval": 5}, retain=True)
    device = make_device(air_image)
    device.set(**GOOD)
    device.start()
    ears.wait("config/state", {"revision": 3, "applied": True, "config": {"report_interval": 5}})


def test_the_lamp_warns_with_home_assistant_away_and_is_dark_at_night(air: Air) -> None:
    lamp = 30
    air.ears.wait("status", "online")
    air.device.set(co2=1100)
    air.device.wait_pin(lamp, high=True)
    now = time.gmtime().tm_hour
    air.ears.say("config", {"revision": 1, "night_mode": {"start": now, "end": (now + 2) % 24}})
    air.device.wait_pin(lamp, high=False)
    air.ears.say("config", {"revision": 2, "night_mode": None})
    air.device.wait_pin(lamp, high=True)
    air.ears.say("config", {"revision": 3, "alerts_enabled": False})
    air.device.wait_pin(lamp, high=False)
    air.ears.say("config", {"revision": 4, "alerts_enabled": True, "co2_threshold": 1300})
    time.sleep(0.6)
    assert air.device.pins[lamp] is False


# ---- commands -----------------------------------------------------------------------------------------------------


def test_live_mode_reports_fast_for_a_while(air: Air) -> None:
    air.settle()
    air.ears.say("config", {"revision": 1, "report_interval": 60})
    air.ears.wait("config/state", {"revision": 1})
    time.sleep(1.2)
    since = air.ears.mark()
    assert air.ears.command("live", seconds=4, interval=1)["status"] == "DONE"
    time.sleep(7)
    assert 3 <= len(air.ears.all("telemetry", since=since)) <= 6


def test_a_retained_command_is_never_carried_out(make_device: Callable, make_ears: Callable, air_image: Path) -> None:
    ears = make_ears(UID)
    old = {
        "command": "calibrate",
        "cmd_id": "old",
        "timestamp": time.time() - 5,
        "params": {"metric": "co2", "reference": 422},
    }
    ears.say("commands", old, retain=True)
    device = make_device(air_image)
    device.set(**GOOD)
    device.start()
    answer = ears.wait("command_response", {"cmd_id": "old"})
    assert (answer["status"], answer["error_code"]) == ("ERROR", "maybe_retained")
    time.sleep(2.5)
    assert not any("calibrated to 422" in line for line in device.lines)
    assert ears.command("calibrate", metric="co2", reference=423)["status"] == "DONE", "live ones are taken"


def test_a_retained_command_without_any_time_is_not_carried_out_either(
    make_device: Callable, make_ears: Callable, air_image: Path
) -> None:
    ears = make_ears(UID)
    ears.say("commands", {"cmd": "restart", "cmd_id": "loop"}, retain=True)
    device = make_device(air_image)
    device.start()
    assert ears.wait("command_response", {"cmd_id": "loop"})["error_code"] == "maybe_retained"
    time.sleep(1.5)
    assert device.process.poll() is None, "or it would restart for ever"


def test_a_fresh_command_right_after_the_connection_is_taken_by_its_timestamp(air: Air) -> None:
    air.ears.wait("config/state")
    assert air.ears.command("identify")["status"] == "DONE"


def test_restart_is_answered_then_done_once_also_when_the_command_comes_again(air: Air) -> None:
    air.settle()
    first = air.ears.wait("telemetry")["boot_id"]
    assert air.ears.command("restart", cmd_id="again")["status"] == "ACCEPTED"
    air.device.wait_exit()
    since = air.ears.mark()
    air.device.start()
    assert air.ears.wait("telemetry", since=since)["boot_id"] != first
    time.sleep(2.3)
    assert air.ears.command("restart", cmd_id="again")["status"] == "DUPLICATE"
    time.sleep(1)
    assert air.device.process.poll() is None


def test_events_wait_for_contact_and_carry_the_time_at_which_they_happened(
    make_device: Callable, make_ears: Callable, air_image: Path, broker: Broker
) -> None:
    ears = make_ears(UID)
    broker.stop()
    device = make_device(air_image)
    device.set(**GOOD)
    started = time.time()
    device.start()
    time.sleep(4)
    broker.start()
    event = ears.wait("event", {"event": "boot"}, timeout=20)
    assert abs(event["timestamp"] - started) < 2


def test_an_image_as_products_are_tells_its_pairing_code_and_has_the_topic_root_it_was_given(
    make_device: Callable, make_ears: Callable
) -> None:
    from lab.build import host_image  # noqa: PLC0415 - a build of its own, only for this test

    # Products log at INFO: what is said at a lower level is compiled out.
    image = host_image("air", topic_root="site1/devices", uid="rack_1", log_level="INFO")
    ears = make_ears("rack_1", "site1/devices")
    device = make_device(image)
    device.set(**GOOD)
    device.start()
    info = ears.wait("info")
    assert info["device_type"] == "multi"
    line = device.wait_line("Pairing code: ")
    assert "site1/devices/rack_1" in line
    salted = info["pairing"]["salt"] + line.split("Pairing code: ")[1][:8]
    assert hashlib.sha256(salted.encode()).hexdigest() == info["pairing"]["sha256"]
    said = len(device.lines)
    ears.command("identify")
    device.wait_line("Pairing code: ", since=said)


def fake_clock() -> Path:
    """A library that gives the device another clock; see host/fake_clock.c."""
    from lab.preload import library  # noqa: PLC0415

    return library("fake_clock")
