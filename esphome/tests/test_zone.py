"""A zone node in the real firmware on the host: fail-safe states and orders, seen at the relays."""

from collections.abc import Callable
import json
from pathlib import Path
import signal
import time

import pytest

from lab.zone import DRAIN, FILL, GOOD, REACTIONS, RECIRC, UID, Zone

# ---- fail-safe states ------------------------------------------------------------------------------------


def test_every_channel_is_in_its_fail_safe_state_before_there_is_a_network(
    make_device: Callable, zone_image: Path
) -> None:
    device = make_device(zone_image)
    start = time.monotonic()
    device.start()
    for pin in (RECIRC, FILL, DRAIN):
        device.wait_pin(pin, high=False, timeout=1)
    REACTIONS["power up to safe state"] = round(time.monotonic() - start, 2)
    device.wait_line("setup() finished")
    assert not any(high for _, _, high in device.history), "not even a glitch"


def test_the_descriptor_names_channels_and_their_contacts(zone: Zone) -> None:
    info = zone.ears.wait("info")
    assert info["channels"] == [
        {"id": "pump_recirc", "type": "pump", "role": "recirculation", "fail_safe_mode": "NC", "controlled_by": "relay", "relay_logic": "active_open"},
        {"id": "pump_drain", "type": "pump", "role": "drain", "fail_safe_mode": "NO", "controlled_by": "relay", "relay_logic": "active_close"},
        {"id": "pump_fill", "type": "pump", "role": "fill", "fail_safe_mode": "NO", "controlled_by": "relay", "relay_logic": "active_close"},
    ]  # fmt: skip
    assert {"run_pump", "stop_pump", "reset_safety_lock"} <= set(info["commands"])
    assert len(json.dumps(info)) < 4096


def test_channels_report_what_they_really_do(zone: Zone) -> None:
    report = zone.ears.wait("telemetry", {"channels": {"pump_recirc": {"current_ma": 800}}})
    assert report["channels"]["pump_recirc"] == {"on": True, "current_ma": 800, "flow_l_min": 3, "lock": None}
    assert report["channels"]["pump_fill"]["on"] is False
    assert report["water_level"] == 50
    zone.start("pump_fill", FILL)
    zone.ears.wait("telemetry", {"channels": {"pump_fill": {"on": True, "current_ma": 800}}})


def test_an_orderly_shutdown_leaves_the_fail_safe_state(zone: Zone) -> None:
    zone.start("pump_fill", FILL)
    zone.ears.command("stop_pump", channel="pump_recirc")
    zone.device.wait_pin(RECIRC, high=True)
    zone.device.stop(signal.SIGTERM)
    time.sleep(0.1)
    assert zone.device.pins[RECIRC] is False
    assert zone.device.pins[FILL] is False


def test_a_crash_takes_every_relay_down_also_where_it_ends_in_safe_mode(zone: Zone) -> None:
    device = zone.device
    zone.start("pump_drain", DRAIN)
    zone.ears.command("stop_pump", channel="pump_recirc")
    device.wait_pin(RECIRC, high=True)
    device.power_cut()
    for _ in range(12):
        device.lines.clear()
        device.start(crashed=True)
        time.sleep(0.35)
        if any("Boot loop" in line for line in device.lines):
            break
        assert (device.pins[DRAIN], device.pins[RECIRC]) == (False, False)
        device.pins |= {DRAIN: True, RECIRC: True}
        device.power_cut()
    device.wait_line("SAFE MODE IS ACTIVE")
    # Fill has no pin on the host. Nobody would take the others down for the whole of safe mode.
    assert device.pins == {DRAIN: False, RECIRC: False, FILL: False}


# ---- orders ----------------------------------------------------------------------------------------------


def test_a_run_is_bounded_by_the_device_and_its_end_is_answered(zone: Zone) -> None:
    since = zone.ears.mark()
    answer = zone.start("pump_fill", FILL, max_run_s=2)
    took = zone.device.wait_pin(FILL, high=False, timeout=4)
    assert 1.5 < took < 2.5
    end = zone.ears.wait("command_response", {"cmd_id": answer["cmd_id"], "status": "ERROR"}, since=since)
    assert end["error_code"] == "max_run"
    zone.ears.wait("event", {"event": "safety_trip", "code": "max_run", "locked": False}, since=since)


def test_a_planned_duration_ends_as_done_with_what_it_moved(zone: Zone) -> None:
    since = zone.ears.mark()
    answer = zone.start("pump_fill", FILL, duration_s=1.5)
    zone.device.wait_pin(FILL, high=False, timeout=4)
    end = zone.ears.wait("command_response", {"cmd_id": answer["cmd_id"], "status": "DONE"}, since=since)
    assert end["details"]["ended_by"] == "finished"
    assert 1.2 < end["details"]["seconds"] < 2


def test_a_run_without_a_bound_is_refused(zone: Zone) -> None:
    answer = zone.ears.command("run_pump", channel="pump_fill")
    assert (answer["status"], answer["error_code"]) == ("ERROR", "max_run_missing")
    assert zone.device.pins[FILL] is False


@pytest.mark.parametrize("bound", [-5, 0, "20", True, None, 1e9, [20]])
def test_a_bound_that_is_no_bound_starts_nothing(zone: Zone, bound: object) -> None:
    answer = zone.ears.command("run_pump", channel="pump_fill", max_run_s=bound)
    assert answer["status"] == "ERROR"
    time.sleep(0.2)
    assert zone.device.pins[FILL] is False


def test_a_renewed_run_goes_on_but_never_past_what_the_channel_allows(zone: Zone) -> None:
    began = time.monotonic()
    zone.start("pump_drain", DRAIN, max_run_s=3)
    level = 50.0
    while zone.device.pins[DRAIN] and time.monotonic() - began < 25:
        level -= 0.8
        zone.device.set(level=level)
        if zone.device.pins[DRAIN]:
            zone.run("pump_drain", max_run_s=3)
        time.sleep(0.8)
    assert 18 < time.monotonic() - began < 23, "the channel's max_run is 20 s"


def test_stop_is_never_gated(zone: Zone) -> None:
    zone.start("pump_fill", FILL)
    zone.device.set(level=None, current_fill=None)
    answer = zone.ears.command("stop_pump", channel="pump_fill")
    assert answer["status"] == "DONE"
    assert zone.device.wait_pin(FILL, high=False, timeout=1) < 0.3


def test_a_stop_that_comes_too_late_stops_all_the_same(zone: Zone) -> None:
    zone.start("pump_fill", FILL)
    late = {"cmd_id": "late-stop", "expires": int(time.time()) - 30, "params": {"channel": "pump_fill"}}
    zone.ears.say("commands", {"command": "stop_pump", **late})
    assert zone.ears.wait("command_response", {"cmd_id": "late-stop"})["status"] == "DONE"
    assert zone.device.wait_pin(FILL, high=False, timeout=1) < 1


def test_a_stop_is_obeyed_whatever_its_id_and_as_often_as_it_comes(zone: Zone) -> None:
    assert zone.ears.command("stop_pump", cmd_id="s1", channel="pump_fill")["status"] == "DONE"
    zone.start("pump_fill", FILL)
    assert zone.ears.command("stop_pump", cmd_id="s1", channel="pump_fill")["status"] == "DONE"
    assert zone.device.wait_pin(FILL, high=False, timeout=1) < 0.5


@pytest.mark.parametrize(
    "order",
    [
        {"params": {"channel": "pump_fill"}},
        {"cmd_id": None, "params": {"channel": "pump_fill"}},
        {"cmd_id": 7, "params": {"channel": "pump_fill"}},
        {"cmd_id": "x" * 65, "params": {"channel": "pump_fill"}},
        {"cmd_id": "all-1"},
        {"cmd_id": "all-2", "params": {"channel": None}},
        {"cmd_id": "all-3", "params": []},
        {"cmd_id": "all-4", "timestamp": 1, "expires": 2, "params": {}},
    ],
    ids=json.dumps,
)
def test_a_stop_without_an_id_or_without_a_channel_stops_all_the_same(zone: Zone, order: dict) -> None:
    zone.start("pump_fill", FILL)
    zone.ears.say("commands", {"command": "stop_pump", **order})
    assert zone.device.wait_pin(FILL, high=False, timeout=1) < 1
    assert not zone.ears.all("event", {"event": "command_rejected"})
    if order.get("params", {}) in ({}, [], {"channel": None}):
        zone.device.wait_pin(RECIRC, high=True, timeout=1)
        answer = zone.ears.wait("command_response", {"cmd_id": order["cmd_id"]})
        assert (answer["status"], answer.get("details")) == ("DONE", None)


def test_a_stop_sent_over_and_over_does_not_make_an_old_start_new(zone: Zone) -> None:
    zone.start("pump_fill", FILL, cmd_id="once", duration_s=1)
    for _ in range(20):
        zone.ears.command("stop_pump", cmd_id="s1", channel="pump_fill")
    assert zone.run("pump_fill", cmd_id="once", duration_s=1)["status"] == "DUPLICATE"
    assert zone.device.pins[FILL] is False


def test_circulation_does_not_end_at_the_bound_of_its_order(zone: Zone) -> None:
    zone.ears.command("stop_pump", channel="pump_recirc")
    zone.device.wait_pin(RECIRC, high=True, timeout=1)
    time.sleep(1.5)
    # As Home Assistant releases it: without `expires`, so that a clock that is behind cannot keep it off.
    order = {
        "cmd_id": "release",
        "timestamp": int(time.time()) - 90,
        "params": {"channel": "pump_recirc", "max_run_s": 1},
    }
    zone.ears.say("commands", {"command": "run_pump", **order})
    assert zone.ears.wait("command_response", {"cmd_id": "release"})["status"] == "DONE"
    zone.device.wait_pin(RECIRC, high=False, timeout=1)
    time.sleep(3)
    assert zone.device.pins[RECIRC] is False


def test_filling_and_draining_at_once_is_refused(zone: Zone) -> None:
    zone.start("pump_fill", FILL)
    answer = zone.run("pump_drain")
    assert (answer["status"], answer["error_code"]) == ("ERROR", "interlock")
    assert zone.device.pins[DRAIN] is False


def test_an_unknown_channel_is_an_error(zone: Zone) -> None:
    assert zone.run("pump_x")["error_code"] == "unknown_channel"


@pytest.mark.parametrize("ahead", [3600, 30, -3600])
def test_a_retained_run_starts_nothing_whatever_its_clock_says(
    make_device: Callable, make_ears: Callable, zone_image: Path, ahead: int
) -> None:
    ears = make_ears(UID)
    order = {"command": "run_pump", "cmd_id": "r2", "timestamp": int(time.time()) + ahead}
    ears.say("commands", order | {"params": {"channel": "pump_fill", "max_run_s": 5}}, retain=True)
    device = make_device(zone_image)
    device.set(**GOOD)
    device.start()
    assert ears.wait("command_response", {"cmd_id": "r2"})["error_code"] == "maybe_retained"
    time.sleep(0.5)
    assert not any(pin == FILL and high for _, pin, high in device.history)


def test_a_retained_run_starts_nothing_and_a_repeated_one_only_once(
    make_device: Callable, make_ears: Callable, zone_image: Path
) -> None:
    ears = make_ears(UID)
    order = {"command": "run_pump", "cmd_id": "r1", "params": {"channel": "pump_fill", "max_run_s": 5}}
    ears.say("commands", order, retain=True)
    device = make_device(zone_image)
    device.set(**GOOD)
    device.start()
    assert ears.wait("command_response", {"cmd_id": "r1"})["error_code"] == "maybe_retained"
    time.sleep(2.5)
    assert not any(pin == FILL and high for _, pin, high in device.history)
    zone = Zone(device, ears)
    answer = zone.start("pump_fill", FILL, cmd_id="twice", duration_s=1)
    ears.wait("command_response", {"cmd_id": "twice", "status": "DONE"})
    assert zone.run("pump_fill", cmd_id="twice", duration_s=1)["status"] == "DUPLICATE"
    device.power_cut()
    device.history.clear()
    since = ears.mark()
    device.start()
    ears.wait("status", "online", since=since)
    time.sleep(1.2)
    assert zone.run("pump_fill", cmd_id=answer["cmd_id"], duration_s=1)["status"] == "DUPLICATE", (
        "also after a power cut"
    )
    time.sleep(0.3)
    assert not any(pin == FILL and high for _, pin, high in device.history)
