"""Every protection of safety.md, in the real firmware on the host, seen at the relays."""

from collections.abc import Callable
import json
from pathlib import Path
import signal
import time
from typing import Any

import pytest

from lab.broker import Broker
from lab.device import Device
from lab.ears import Ears

UID = "pump-025a00000001"
# Relay levels: recirculation hangs on the normally closed contact, so its coil is high when it stands still.
RECIRC, FILL, DRAIN = 21, 22, 23
GOOD = {
    "level": 50, "flow": 3, "flow_at_rest": 0, "current_recirc": 0.8, "current_at_rest": 0, "current_drain": 0.8,
    "current_fill": 0.8, "weld": 0, "float_low": 1, "leak": 0, "ph": 6, "ec": 1.8, "water_temperature": 20, "lux": 900,
}  # fmt: skip
REACTIONS: dict[str, float] = {}


class Zone:
    """One zone node with everything it needs."""

    def __init__(self, device: Device, ears: Ears) -> None:
        self.device = device
        self.ears = ears

    def settle(self) -> None:
        self.ears.wait("status", "online")
        time.sleep(1.2)

    def run(self, channel: str, **params: Any) -> Any:
        return self.ears.command("run_pump", channel=channel, **({"max_run_s": 15} | params))

    def start(self, channel: str, pin: int, **params: Any) -> Any:
        answer = self.run(channel, **params)
        assert answer["status"] == "ACCEPTED", answer
        self.device.wait_pin(pin, high=True, timeout=1)
        return answer

    def lock(self, channel: str) -> str | None:
        report = self.ears.wait("telemetry", lambda m: "buffered" not in m, since=self.ears.mark())
        return report["channels"][channel]["lock"]

    def trips(self, name: str, pin: int, *, high: bool, within: float, code: str, channel: str, **inputs: float | None) -> Any:
        since = self.ears.mark()
        self.device.set(**inputs)
        REACTIONS[name] = round(self.device.wait_pin(pin, high=high, timeout=within), 2)
        return self.ears.wait("event", {"event": "safety_trip", "channel": channel, "code": code}, since=since)


@pytest.fixture
def zone(make_device: Callable, make_ears: Callable, zone_image: Path) -> Zone:
    device = make_device(zone_image)
    device.set(**GOOD)
    ears = make_ears(UID)
    device.start()
    zone = Zone(device, ears)
    zone.settle()
    return zone


@pytest.fixture(scope="module", autouse=True)
def reactions() -> Any:
    """Print the measured reaction times at the end: they are what people ask for."""
    yield
    print("\nreaction times, s:", json.dumps(REACTIONS, indent=1))


# ---- fail-safe states -----------------------------------------------------------------------------------------------


def test_every_channel_is_in_its_fail_safe_state_before_there_is_a_network(make_device: Callable, zone_image: Path) -> None:
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


def test_in_a_boot_loop_no_relay_is_touched_at_all(make_device: Callable, zone_image: Path) -> None:
    device = make_device(zone_image)
    for _ in range(12):
        device.lines.clear()
        device.start()
        time.sleep(0.35)
        if any("Boot loop" in line for line in device.lines):
            break
        device.power_cut()
    device.wait_line("SAFE MODE IS ACTIVE")
    assert device.pins == {}, "what an ESP32 does then: pins float, and the pull-downs hold the relays off"


# ---- orders ---------------------------------------------------------------------------------------------------------


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


def test_filling_and_draining_at_once_is_refused(zone: Zone) -> None:
    zone.start("pump_fill", FILL)
    answer = zone.run("pump_drain")
    assert (answer["status"], answer["error_code"]) == ("ERROR", "interlock")
    assert zone.device.pins[DRAIN] is False


def test_an_unknown_channel_is_an_error(zone: Zone) -> None:
    assert zone.run("pump_x")["error_code"] == "unknown_channel"


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
    assert zone.run("pump_fill", cmd_id=answer["cmd_id"], duration_s=1)["status"] == "DUPLICATE", "also after a power cut"
    time.sleep(0.3)
    assert not any(pin == FILL and high for _, pin, high in device.history)


# ---- protections ----------------------------------------------------------------------------------------------------


def test_overcurrent_stops_and_locks_and_only_a_reset_opens(zone: Zone) -> None:
    since = zone.ears.mark()
    answer = zone.start("pump_fill", FILL)
    time.sleep(0.7)
    zone.trips("overcurrent, fill", FILL, high=False, within=1.5, code="overcurrent", channel="pump_fill", current_fill=2.3)
    end = zone.ears.wait("command_response", {"cmd_id": answer["cmd_id"], "status": "ERROR"}, since=since)
    assert end["error_code"] == "overcurrent"
    assert end["details"]["threshold_ma"] == 1500
    assert abs(end["details"]["current_ma"] - 2300) < 1
    refused = zone.run("pump_fill")
    assert refused["error_code"] == "overcurrent"
    assert zone.lock("pump_fill") == "overcurrent"
    zone.device.set(current_fill=0.8)
    assert zone.ears.command("reset_safety_lock", channel="pump_fill")["status"] == "DONE"
    zone.start("pump_fill", FILL)


def test_the_inrush_of_a_start_trips_nothing(zone: Zone) -> None:
    zone.device.set(current_fill=4)
    zone.start("pump_fill", FILL)
    time.sleep(0.25)
    zone.device.set(current_fill=0.8)
    time.sleep(1)
    assert zone.device.pins[FILL] is True


def test_a_glitch_shorter_than_the_dwell_trips_nothing(zone: Zone) -> None:
    zone.start("pump_fill", FILL)
    time.sleep(0.8)
    zone.device.set(current_fill=4)
    time.sleep(0.15)
    zone.device.set(current_fill=0.8, level=50)
    time.sleep(0.6)
    assert zone.device.pins[FILL] is True


def test_dry_run_stops_circulation_and_holds_it_off_beyond_the_longest_pause(zone: Zone) -> None:
    zone.trips("dry run, recirculation", RECIRC, high=True, within=6, code="dry_run", channel="pump_recirc", level=5)
    refused = zone.ears.command("reset_safety_lock", channel="pump_recirc")
    assert (refused["status"], refused["error_code"]) == ("ERROR", "dry_run"), "the cause is still there"
    time.sleep(9)
    assert zone.device.pins[RECIRC] is True, "max_off is 8 s; a measured dry run is its exception"
    zone.device.set(level=50)
    time.sleep(0.4)
    assert zone.ears.command("reset_safety_lock", channel="pump_recirc")["status"] == "DONE"
    zone.device.wait_pin(RECIRC, high=False, timeout=1)


def test_an_open_float_switch_stops_circulation(zone: Zone) -> None:
    event = zone.trips("float switch, recirculation", RECIRC, high=True, within=6, code="dry_run", channel="pump_recirc", float_low=0)
    assert event["cause"] == "float_open"


def test_a_lock_survives_a_power_cut_and_holds_the_relay_from_the_start(zone: Zone) -> None:
    zone.trips("overcurrent, recirculation", RECIRC, high=True, within=1.5, code="overcurrent", channel="pump_recirc", current_recirc=2.5)
    zone.device.power_cut()
    zone.device.history.clear()
    zone.device.set(current_recirc=0.8)
    zone.device.start()
    zone.device.wait_pin(RECIRC, high=True, timeout=1)
    assert zone.lock("pump_recirc") == "overcurrent"


def test_no_flow_locks_but_circulation_comes_back_after_the_longest_pause(zone: Zone) -> None:
    time.sleep(1)
    zone.trips("no flow, recirculation", RECIRC, high=True, within=4, code="no_flow", channel="pump_recirc", flow=0.1)
    back = zone.device.wait_pin(RECIRC, high=False, timeout=10)
    assert 7 < back < 9
    REACTIONS["circulation back after max_off (8 s)"] = round(back, 2)
    zone.ears.wait("event", {"event": "circulation_released", "cause": "max_off"})
    assert zone.lock("pump_recirc") == "no_flow", "the lock stays, the plants live"
    time.sleep(5)
    assert zone.device.pins[RECIRC] is False


def test_filling_stops_at_once_when_the_level_reaches_its_maximum(zone: Zone) -> None:
    zone.start("pump_fill", FILL)
    zone.trips("overflow", FILL, high=False, within=0.6, code="overflow", channel="pump_fill", level=95)
    assert zone.run("pump_fill")["error_code"] == "overflow"
    assert zone.ears.command("reset_safety_lock", channel="pump_fill")["error_code"] == "overflow"
    zone.device.set(level=60)
    time.sleep(0.3)
    assert zone.ears.command("reset_safety_lock", channel="pump_fill")["status"] == "DONE"


def test_a_leak_stops_filling_and_is_an_event(zone: Zone) -> None:
    zone.start("pump_fill", FILL)
    since = zone.ears.mark()
    event = zone.trips("leak", FILL, high=False, within=0.6, code="overflow", channel="pump_fill", leak=1)
    assert event["cause"] == "leak"
    zone.ears.wait("event", {"event": "leak"}, since=since)
    assert zone.device.pins[RECIRC] is False, "circulation goes on (S5)"


def test_a_level_that_does_not_move_while_filling_is_no_flow(zone: Zone) -> None:
    zone.start("pump_fill", FILL)
    zone.trips("no progress, fill", FILL, high=False, within=5, code="no_flow", channel="pump_fill")


def test_a_dead_level_sensor_refuses_a_start_and_ends_a_run(zone: Zone) -> None:
    zone.start("pump_fill", FILL)
    event = zone.trips("level sensor dead, fill", FILL, high=False, within=4, code="overflow", channel="pump_fill", level=None)
    assert event["cause"] == "unknown"
    refused = zone.run("pump_fill")
    assert refused["error_code"] == "overflow"
    assert refused["details"]["cause"] == "unknown"


def test_a_dead_current_sensor_refuses_a_start_and_ends_a_run(zone: Zone) -> None:
    zone.start("pump_drain", DRAIN)
    event = zone.trips("current sensor dead, drain", DRAIN, high=False, within=4, code="overcurrent", channel="pump_drain", current_drain=None)
    assert (event["cause"], event["locked"]) == ("unknown", False)
    assert zone.run("pump_drain")["status"] == "ACCEPTED", "the sensor of the simulation answers while the pump stands still"


def test_a_dead_level_sensor_stops_circulation_only_for_the_longest_pause(zone: Zone) -> None:
    time.sleep(1)
    event = zone.trips("level sensor dead, recirculation", RECIRC, high=True, within=5, code="dry_run", channel="pump_recirc", level=None)
    assert event["cause"] == "unknown"
    zone.device.wait_pin(RECIRC, high=False, timeout=9.5)
    time.sleep(4)
    assert zone.device.pins[RECIRC] is False, "a dead sensor must not kill the plants"


def test_dead_flow_and_current_sensors_never_stop_circulation(zone: Zone) -> None:
    zone.device.set(flow=None, current_recirc=None)
    time.sleep(6)
    assert zone.device.pins[RECIRC] is False


def test_a_welded_relay_is_reported_locks_and_bars_the_other_pumps(zone: Zone) -> None:
    since = zone.ears.mark()
    start = time.monotonic()
    zone.device.set(weld=0.9)
    zone.ears.wait("event", {"event": "safety_trip", "channel": "pump_fill", "code": "pump_stuck_on"}, since=since, timeout=6)
    REACTIONS["welded relay reported (2 s dwell)"] = round(time.monotonic() - start, 2)
    assert zone.run("pump_drain")["error_code"] == "pump_stuck_on"
    assert zone.ears.command("reset_safety_lock", channel="pump_fill")["error_code"] == "pump_stuck_on"
    assert zone.device.pins[RECIRC] is False
    zone.device.set(weld=0)
    time.sleep(0.4)
    assert zone.ears.command("reset_safety_lock", channel="pump_fill")["status"] == "DONE"
    assert zone.run("pump_drain")["status"] == "ACCEPTED"


def test_the_third_run_in_an_hour_that_exceeds_its_bound_locks(zone: Zone) -> None:
    for _ in range(3):
        zone.start("pump_fill", FILL, max_run_s=1)
        zone.device.wait_pin(FILL, high=False, timeout=3)
    assert zone.lock("pump_fill") == "max_run"
    assert zone.run("pump_fill")["error_code"] == "max_run"


def test_a_loop_that_stands_still_cannot_keep_a_pump_on(zone: Zone) -> None:
    zone.start("pump_fill", FILL)
    zone.device.set(stall=4)
    took = zone.device.wait_pin(FILL, high=False, timeout=5)
    assert took < 3, "while the loop still stands"
    REACTIONS["main loop blocked (2 s limit)"] = round(took, 2)
    zone.ears.wait("event", {"event": "safety_trip", "channel": "pump_fill"}, timeout=8)
    time.sleep(1)
    assert zone.device.pins[FILL] is False


# ---- circulation ----------------------------------------------------------------------------------------------------


def test_circulation_that_was_switched_off_comes_back_by_itself(zone: Zone) -> None:
    assert zone.ears.command("stop_pump", channel="pump_recirc")["status"] == "DONE"
    zone.device.wait_pin(RECIRC, high=True, timeout=1)
    assert 7 < zone.device.wait_pin(RECIRC, high=False, timeout=10) < 9


def test_a_repeated_stop_does_not_prolong_the_pause(zone: Zone) -> None:
    zone.ears.command("stop_pump", channel="pump_recirc")
    zone.device.wait_pin(RECIRC, high=True, timeout=1)
    start = time.monotonic()
    for _ in range(5):
        time.sleep(1)
        zone.ears.command("stop_pump", channel="pump_recirc")
    zone.device.wait_pin(RECIRC, high=False, timeout=6)
    assert time.monotonic() - start < 9


def test_a_shorter_pause_may_be_asked_for_and_a_longer_one_may_not(zone: Zone) -> None:
    zone.ears.command("stop_pump", channel="pump_recirc", max_off_s=2)
    zone.device.wait_pin(RECIRC, high=True, timeout=1)
    assert 1.5 < zone.device.wait_pin(RECIRC, high=False, timeout=4) < 3
    zone.ears.command("stop_pump", channel="pump_recirc", max_off_s=3600)
    zone.device.wait_pin(RECIRC, high=True, timeout=1)
    assert zone.device.wait_pin(RECIRC, high=False, timeout=10) < 9


def test_the_drain_step_of_a_water_change_has_a_bound_of_its_own(zone: Zone) -> None:
    zone.ears.command("stop_pump", channel="pump_recirc", purpose="water_change")
    zone.device.wait_pin(RECIRC, high=True, timeout=1)
    assert 11 < zone.device.wait_pin(RECIRC, high=False, timeout=14) < 13


def test_lost_contact_ends_runs_and_brings_circulation_back(zone: Zone, broker: Broker) -> None:
    zone.start("pump_drain", DRAIN)
    zone.ears.command("stop_pump", channel="pump_recirc")
    zone.device.wait_pin(RECIRC, high=True)
    broker.stop()
    start = time.monotonic()
    level, pins = 50.0, zone.device.pins
    while time.monotonic() - start < 6 and (pins[DRAIN] or pins[RECIRC]):
        level -= 0.5
        zone.device.set(level=level)
        time.sleep(0.1)
    took = time.monotonic() - start
    REACTIONS["contact lost (4 s timeout)"] = round(took, 2)
    assert 3 < took < 5.5
    assert (pins[DRAIN], pins[RECIRC]) == (False, False)
    since = zone.ears.mark()
    broker.start()
    zone.ears.wait("event", {"event": "circulation_released", "cause": "contact_lost"}, since=since, timeout=20)
    time.sleep(1)
    assert pins[DRAIN] is False, "contact that comes back starts nothing"


def test_lost_contact_does_not_end_the_drain_step_of_a_water_change(zone: Zone, broker: Broker) -> None:
    zone.ears.command("stop_pump", channel="pump_recirc", purpose="water_change")
    zone.device.wait_pin(RECIRC, high=True)
    broker.stop()
    time.sleep(6)
    assert zone.device.pins[RECIRC] is True
    zone.device.wait_pin(RECIRC, high=False, timeout=8)
    broker.start()


# ---- limits from Home Assistant -------------------------------------------------------------------------------------


def test_limits_may_be_tightened_but_never_loosened_and_survive_a_power_cut(zone: Zone) -> None:
    zone.ears.say("config", {"revision": 1, "pump_fill_max_current_ma": 1000, "pump_fill_max_level": 99, "pump_recirc_min_level": 5,
                             "pump_recirc_max_off_s": 3})  # fmt: skip
    state = zone.ears.wait("config/state", {"revision": 1})
    assert state["rejected"] == {"pump_fill_max_level": "above 95", "pump_recirc_min_level": "below 10"}
    zone.device.power_cut()
    since = zone.ears.mark()
    zone.device.start()
    zone.ears.wait("status", "online", since=since)
    time.sleep(1.2)
    zone.start("pump_fill", FILL)
    time.sleep(0.7)
    zone.trips("overcurrent by a tightened limit", FILL, high=False, within=1.5, code="overcurrent", channel="pump_fill", current_fill=1.2)
    zone.ears.command("stop_pump", channel="pump_recirc")
    zone.device.wait_pin(RECIRC, high=True, timeout=1)
    assert zone.device.wait_pin(RECIRC, high=False, timeout=4) < 3.6
