"""Circulation that nobody can switch off for long, and the limits that Home Assistant may tighten."""

import time

from lab.broker import Broker
from lab.zone import DRAIN, FILL, REACTIONS, RECIRC, Zone

# ---- circulation -----------------------------------------------------------------------------------------


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


def test_a_run_that_lost_contact_ended_is_accounted_for_when_it_is_back(zone: Zone, broker: Broker) -> None:
    answer = zone.start("pump_fill", FILL)
    since = zone.ears.mark()
    broker.stop()
    level, start = 50.0, time.monotonic()
    while zone.device.pins[FILL] and time.monotonic() - start < 8:
        level += 0.5
        zone.device.set(level=level)
        time.sleep(0.1)
    broker.start()
    cmd_id = answer["cmd_id"]
    event = zone.ears.wait("event", {"event": "contact_lost", "cmd_id": cmd_id}, since=since, timeout=20)
    assert (event["channel"], 3 < event["seconds"] < 7) == ("pump_fill", True)
    end = zone.ears.wait("command_response", {"cmd_id": cmd_id, "status": "DONE"}, since=since, timeout=20)
    assert end["details"]["ended_by"] == "contact_lost"


def test_what_ends_a_run_while_nobody_listens_is_answered_afterwards(zone: Zone, broker: Broker) -> None:
    planned = zone.start("pump_fill", FILL, duration_s=2)
    broker.stop()
    zone.device.wait_pin(FILL, high=False, timeout=4)
    since = zone.ears.mark()
    broker.start()
    end = zone.ears.wait("command_response", {"cmd_id": planned["cmd_id"], "status": "DONE"}, since=since, timeout=20)
    assert end["details"]["ended_by"] == "finished"
    time.sleep(2)
    tripped = zone.start("pump_fill", FILL)
    broker.stop()
    zone.device.set(leak=1)
    zone.device.wait_pin(FILL, high=False, timeout=4)
    since = zone.ears.mark()
    broker.start()
    cmd_id = tripped["cmd_id"]
    end = zone.ears.wait("command_response", {"cmd_id": cmd_id, "status": "ERROR"}, since=since, timeout=20)
    assert end["error_code"] == "overflow"
    zone.ears.wait("event", {"event": "safety_trip", "cmd_id": cmd_id}, since=since, timeout=20)


def test_a_plain_stop_ends_the_exemption_of_the_drain_step(zone: Zone, broker: Broker) -> None:
    zone.ears.command("stop_pump", channel="pump_recirc", purpose="water_change")
    zone.device.wait_pin(RECIRC, high=True)
    zone.ears.command("stop_pump", channel="pump_recirc")
    broker.stop()
    took = zone.device.wait_pin(RECIRC, high=False, timeout=8)
    broker.start()
    assert took < 6, "contact is given four seconds"


def test_lost_contact_does_not_end_the_drain_step_of_a_water_change(zone: Zone, broker: Broker) -> None:
    zone.ears.command("stop_pump", channel="pump_recirc", purpose="water_change")
    zone.device.wait_pin(RECIRC, high=True)
    broker.stop()
    time.sleep(6)
    assert zone.device.pins[RECIRC] is True
    zone.device.wait_pin(RECIRC, high=False, timeout=8)
    broker.start()


# ---- limits from Home Assistant --------------------------------------------------------------------------


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
    zone.trips(
        "overcurrent by a tightened limit",
        FILL,
        high=False,
        within=1.5,
        code="overcurrent",
        channel="pump_fill",
        current_fill=1.2,
    )
    zone.ears.command("stop_pump", channel="pump_recirc")
    zone.device.wait_pin(RECIRC, high=True, timeout=1)
    assert zone.device.wait_pin(RECIRC, high=False, timeout=4) < 3.6
