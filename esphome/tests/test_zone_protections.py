"""Every protection of safety.md, in the real firmware on the host, with its reaction time at the relays."""

import time

from lab.broker import Broker
from lab.zone import DRAIN, FILL, REACTIONS, RECIRC, Zone


def test_overcurrent_stops_and_locks_and_only_a_reset_opens(zone: Zone) -> None:
    since = zone.ears.mark()
    answer = zone.start("pump_fill", FILL)
    time.sleep(0.7)
    zone.trips(
        "overcurrent, fill",
        FILL,
        high=False,
        within=1.5,
        code="overcurrent",
        channel="pump_fill",
        current_fill=2.3,
    )
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
    event = zone.trips(
        "float switch, recirculation",
        RECIRC,
        high=True,
        within=6,
        code="dry_run",
        channel="pump_recirc",
        float_low=0,
    )
    assert event["cause"] == "float_open"


def test_a_lock_survives_a_power_cut_and_holds_the_relay_from_the_start(zone: Zone) -> None:
    zone.trips(
        "overcurrent, recirculation",
        RECIRC,
        high=True,
        within=1.5,
        code="overcurrent",
        channel="pump_recirc",
        current_recirc=2.5,
    )
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
    event = zone.trips(
        "level sensor dead, fill",
        FILL,
        high=False,
        within=4,
        code="overflow",
        channel="pump_fill",
        level=None,
    )
    assert event["cause"] == "unknown"
    refused = zone.run("pump_fill")
    assert refused["error_code"] == "overflow"
    assert refused["details"]["cause"] == "unknown"


def test_a_dead_current_sensor_refuses_a_start_and_ends_a_run(zone: Zone) -> None:
    zone.start("pump_drain", DRAIN)
    event = zone.trips(
        "current sensor dead, drain",
        DRAIN,
        high=False,
        within=4,
        code="overcurrent",
        channel="pump_drain",
        current_drain=None,
    )
    assert (event["cause"], event["locked"]) == ("unknown", False)
    # What it said last was that it cannot tell, which holds until it says something else.
    time.sleep(0.4)
    assert zone.run("pump_drain")["status"] == "ACCEPTED", (
        "the sensor of the simulation answers while the pump stands still"
    )


def test_a_dead_level_sensor_stops_circulation_only_for_the_longest_pause(zone: Zone) -> None:
    time.sleep(1)
    event = zone.trips(
        "level sensor dead, recirculation",
        RECIRC,
        high=True,
        within=5,
        code="dry_run",
        channel="pump_recirc",
        level=None,
    )
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
    zone.ears.wait(
        "event",
        {"event": "safety_trip", "channel": "pump_fill", "code": "pump_stuck_on"},
        since=since,
        timeout=6,
    )
    REACTIONS["welded relay reported (2 s dwell)"] = round(time.monotonic() - start, 2)
    assert zone.run("pump_drain")["error_code"] == "pump_stuck_on"
    assert zone.ears.command("reset_safety_lock", channel="pump_fill")["error_code"] == "pump_stuck_on"
    assert zone.device.pins[RECIRC] is False
    zone.device.set(weld=0)
    time.sleep(0.4)
    assert zone.ears.command("reset_safety_lock", channel="pump_fill")["status"] == "DONE"
    assert zone.run("pump_drain")["status"] == "ACCEPTED"


def test_a_relay_that_an_overcurrent_has_welded_is_told_once_and_bars_the_other_pumps(
    zone: Zone, broker: Broker
) -> None:
    zone.start("pump_fill", FILL)
    time.sleep(0.7)
    zone.trips("overcurrent before a weld", FILL, high=False, within=1.5, code="overcurrent", channel="pump_fill",
               current_fill=2.3)  # fmt: skip
    since = zone.ears.mark()
    zone.device.set(weld=0.9)
    zone.ears.wait("event", {"event": "safety_trip", "code": "pump_stuck_on"}, since=since, timeout=6)
    assert zone.run("pump_drain")["error_code"] == "pump_stuck_on"
    report = zone.ears.wait("telemetry", {"channels": {"pump_fill": {"on": True}}}, since=since)
    assert report["channels"]["pump_fill"] == {"on": True, "current_ma": 900, "lock": "pump_stuck_on"}
    broker.stop()
    time.sleep(3)
    zone.device.set(leak=1)
    time.sleep(1)
    broker.start()
    zone.ears.wait("event", {"event": "leak"}, since=since, timeout=20)
    assert len(zone.ears.all("event", {"event": "safety_trip"}, since=since)) == 1
    assert not zone.ears.all("event", lambda e: "dropped" in e, since=since)
    zone.device.set(weld=0)
    off = zone.ears.mark()
    assert zone.ears.wait("telemetry", {"channels": {"pump_fill": {"on": False}}}, since=off)


def test_circulation_whose_relay_stuck_is_reset_while_it_runs(zone: Zone) -> None:
    zone.ears.command("stop_pump", channel="pump_recirc")
    zone.device.wait_pin(RECIRC, high=True, timeout=1)
    zone.device.set(current_at_rest=0.8)
    zone.ears.wait("event", {"event": "safety_trip", "channel": "pump_recirc", "code": "pump_stuck_on"})
    refused = zone.ears.command("reset_safety_lock", channel="pump_recirc")
    assert (refused["status"], refused["error_code"]) == ("ERROR", "pump_stuck_on")
    zone.device.set(current_at_rest=0)
    zone.device.wait_pin(RECIRC, high=False, timeout=10)
    time.sleep(0.5)
    assert zone.run("pump_fill")["error_code"] == "pump_stuck_on"
    assert zone.ears.command("reset_safety_lock", channel="pump_recirc")["status"] == "DONE"
    zone.start("pump_fill", FILL)


def test_a_sensor_that_says_that_it_cannot_tell_is_not_believed_a_moment_longer(zone: Zone) -> None:
    zone.device.set(level=None)
    since = zone.ears.mark()
    time.sleep(0.25)
    refused = zone.run("pump_fill")
    assert (refused["status"], refused["error_code"], refused["details"]["cause"]) == ("ERROR", "overflow", "unknown")
    assert zone.device.pins[FILL] is False
    time.sleep(1.1)
    since = zone.ears.mark()
    assert "water_level" not in zone.ears.wait("telemetry", since=since)
    zone.device.set(level=50)
    assert zone.ears.wait("telemetry", {"water_level": 50}, since=since)


def test_a_pump_that_draws_nothing_has_its_run_ended(zone: Zone) -> None:
    zone.start("pump_drain", DRAIN)
    since, level = zone.ears.mark(), 50.0
    zone.device.set(current_drain=0.01)
    while zone.device.pins[DRAIN] and level > 40:
        level -= 0.1
        zone.device.set(level=level)
        time.sleep(0.1)
    event = zone.ears.wait("event", {"event": "safety_trip", "channel": "pump_drain"}, since=since)
    assert event["code"] == "overcurrent"
    assert (event["cause"], event["locked"], event["limit"]) == ("unknown", False, 50)


def test_a_lock_that_becomes_a_graver_one_is_kept_as_that(zone: Zone) -> None:
    time.sleep(1)
    zone.trips("level lost, recirculation", RECIRC, high=True, within=5, code="dry_run", channel="pump_recirc",
               level=None)  # fmt: skip
    zone.device.wait_pin(RECIRC, high=False, timeout=9.5)
    since = zone.ears.mark()
    zone.device.set(level=5)
    event = zone.ears.wait("event", {"event": "safety_trip", "channel": "pump_recirc"}, since=since)
    assert event["cause"] == "measured"
    zone.device.power_cut()
    zone.device.history.clear()
    zone.device.start()
    zone.device.wait_pin(RECIRC, high=True, timeout=1)
    time.sleep(9)
    assert zone.device.pins[RECIRC] is True, "a measured dry run holds beyond the longest pause"


def test_a_damaged_lock_in_flash_is_no_lock_and_no_crash(zone: Zone) -> None:
    zone.trips("overcurrent, to be damaged", RECIRC, high=True, within=1.5, code="overcurrent",
               channel="pump_recirc", current_recirc=2.5)  # fmt: skip
    zone.device.power_cut()
    zone.device.set(current_recirc=0.8)
    [flash] = (zone.device.folder / "flash").iterdir()
    # Reason and cause of an overcurrent that was measured, before the two numbers.
    content = flash.read_bytes()
    assert content.count(b"\x0a\x03\x01") == 1
    flash.write_bytes(content.replace(b"\x0a\x03\x01", b"\x0a\xc8\xc8"))
    since = zone.ears.mark()
    zone.device.start()
    zone.ears.wait("status", "online", since=since)
    assert zone.lock("pump_recirc") is None
    assert zone.device.pins[RECIRC] is False


def test_a_tank_that_is_full_at_rest_is_told_and_not_filled(zone: Zone) -> None:
    since = zone.ears.mark()
    zone.device.set(level=96)
    event = zone.ears.wait("event", {"event": "overflow_at_rest", "channel": "pump_fill"}, since=since, timeout=6)
    assert (event["cause"], event["value"], event["limit"]) == ("measured", 96, 95)
    # A moment below the limit makes no room.
    zone.device.set(level=94.5)
    time.sleep(0.3)
    assert zone.run("pump_fill")["error_code"] == "overflow"
    assert (zone.lock("pump_fill"), zone.device.pins[RECIRC]) == (None, False)
    zone.device.set(level=90)
    time.sleep(0.3)
    zone.start("pump_fill", FILL)
    assert len(zone.ears.all("event", {"event": "overflow_at_rest"}, since=since)) == 1


def test_a_lock_by_a_fault_of_one_pump_bars_fill_and_drain_of_its_zone(zone: Zone) -> None:
    time.sleep(1)
    zone.trips("no flow, for the zone", RECIRC, high=True, within=5, code="no_flow", channel="pump_recirc", flow=0.1)
    for channel in ("pump_fill", "pump_drain"):
        answer = zone.run(channel)
        assert (answer["status"], answer["error_code"]) == ("ERROR", "zone_locked")
    zone.device.set(flow=3)
    assert zone.ears.command("reset_safety_lock", channel="pump_recirc")["status"] == "DONE"
    zone.start("pump_fill", FILL)


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
    # Told as what it was: a run that nobody could end in time, and not what its sensors say three seconds later.
    event = zone.ears.wait("event", {"event": "safety_trip", "channel": "pump_fill"}, timeout=8)
    assert (event["code"], event["cause"]) == ("max_run", "unknown")
    time.sleep(1)
    assert zone.device.pins[FILL] is False
