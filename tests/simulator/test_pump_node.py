"""A pump node ends every run by itself."""

import json
from typing import Any

import pytest

from lab.simulator.device import Identity
from lab.simulator.household import settings_for
from lab.simulator.pump_node import PumpNode
from lab.simulator.sensors import ReservoirSensors
from lab.simulator.water import Reservoir

from .conftest import Wire

NOW = 1_800_000_000.0


@pytest.fixture
def node(wire: Wire) -> PumpNode:
    sensors = ReservoirSensors(reservoir=Reservoir(time=NOW))
    identity = Identity(uid="pump_001", device_type="pump")
    node = PumpNode(identity=identity, sensors=sensors, settings=settings_for("pump", 10), link=wire)
    node.connected(NOW)
    wire.sent.clear()
    return node


def command(node: PumpNode, name: str, now: float = NOW, **params: Any) -> None:
    content = {"command": name, "cmd_id": f"{name}{now}", "params": params}
    node.received(node.topic("commands"), json.dumps(content).encode(), now, retained=False)


def runs(node: PumpNode, channel: str) -> bool:
    return node.pumps[channel].on


def test_at_rest_the_circulation_runs_and_nothing_else_does(node: PumpNode) -> None:
    assert {channel: pump.on for channel, pump in node.pumps.items()} == {
        "pump_recirc": True,
        "pump_fill": False,
        "pump_drain": False,
    }


def test_the_descriptor_names_every_channel_with_its_rest(node: PumpNode) -> None:
    channels = {channel["id"]: channel for channel in node.descriptor()["channels"]}

    assert channels["pump_recirc"]["fail_safe_mode"] == "NC"
    assert channels["pump_fill"] == {
        "id": "pump_fill",
        "type": "pump",
        "role": "fill",
        "fail_safe_mode": "NO",
        "controlled_by": "relay",
        "relay_logic": "active_close",
    }


def test_a_run_ends_when_its_time_is_up_though_nobody_says_so(node: PumpNode, wire: Wire) -> None:
    command(node, "run_pump", channel="pump_fill", max_run_s=20)
    assert runs(node, "pump_fill")
    node.disconnected()

    node.tick(NOW + 19)
    assert runs(node, "pump_fill")
    node.tick(NOW + 20)

    assert not runs(node, "pump_fill")
    assert [answer["status"] for answer in wire.of("command_response")] == ["ACCEPTED", "DONE"]
    assert wire.of("command_response")[-1]["details"]["ended_by"] == "max_run"


def test_a_run_is_seen_in_telemetry(node: PumpNode, wire: Wire) -> None:
    command(node, "run_pump", channel="pump_drain", max_run_s=60)
    node.tick(NOW + 1)

    channel = wire.of("telemetry")[-1]["channels"]["pump_drain"]
    assert channel["on"] is True
    assert channel["flow_l_min"] > 5
    assert channel["current_ma"] > 500
    assert channel["lock"] is None


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"channel": "pump_nowhere", "max_run_s": 5}, "unknown_channel"),
        ({"channel": "pump_fill"}, "bad_params"),
        ({"channel": "pump_fill", "max_run_s": 0}, "bad_params"),
        ({"channel": "pump_fill", "max_run_s": 86400}, "bad_params"),
        ({"channel": "pump_fill", "max_run_s": True}, "bad_params"),
        ({}, "unknown_channel"),
    ],
)
def test_a_run_without_a_bound_or_a_channel_is_refused(
    node: PumpNode, wire: Wire, params: dict[str, Any], error: str
) -> None:
    command(node, "run_pump", **params)

    assert wire.of("command_response")[0]["error_code"] == error
    assert not runs(node, "pump_fill")


def test_filling_stops_when_the_reservoir_is_full(node: PumpNode, wire: Wire) -> None:
    node.sensors.reservoir.litres = 94.0
    command(node, "run_pump", channel="pump_fill", max_run_s=3000)
    for second in range(1, 60):
        node.tick(NOW + second)

    assert not runs(node, "pump_fill")
    assert wire.of("command_response")[-1]["details"]["ended_by"] == "overflow"
    assert node.sensors.reservoir.level < 97


def test_a_stop_is_never_refused(node: PumpNode, wire: Wire) -> None:
    command(node, "run_pump", channel="pump_fill", max_run_s=60)
    node.pumps["pump_fill"].lock = "overcurrent"
    command(node, "stop_pump", now=NOW + 1, channel="pump_fill")

    assert not runs(node, "pump_fill")
    assert wire.of("command_response")[-1]["status"] == "DONE"


def test_the_circulation_comes_back_by_itself_after_a_stop(node: PumpNode) -> None:
    command(node, "stop_pump", channel="pump_recirc", max_off_s=30)
    assert not runs(node, "pump_recirc")

    node.tick(NOW + 30)

    assert runs(node, "pump_recirc")


def test_a_trip_stops_and_locks_and_says_so(node: PumpNode, wire: Wire) -> None:
    command(node, "run_pump", channel="pump_fill", max_run_s=60)
    node.trip("pump_fill", "overcurrent", NOW + 1, current_ma=2300)

    assert wire.of("event")[-1] == {
        "event": "safety_trip",
        "channel": "pump_fill",
        "code": "overcurrent",
        "current_ma": 2300,
    }
    assert wire.of("telemetry")[-1]["channels"]["pump_fill"]["lock"] == "overcurrent"


def test_a_locked_pump_does_not_start_until_it_is_reset(node: PumpNode, wire: Wire) -> None:
    node.trip("pump_fill", "overcurrent", NOW)
    command(node, "run_pump", now=NOW + 1, channel="pump_fill", max_run_s=5)
    assert wire.of("command_response")[-1]["error_code"] == "locked"

    command(node, "reset_safety_lock", now=NOW + 2, channel="pump_fill")
    command(node, "run_pump", now=NOW + 3, channel="pump_fill", max_run_s=5)

    assert runs(node, "pump_fill")


def test_a_boot_leaves_every_relay_at_rest_and_every_lock_in_place(node: PumpNode) -> None:
    command(node, "run_pump", channel="pump_fill", max_run_s=600)
    node.trip("pump_recirc", "dry_run", NOW + 1)

    node.boot(NOW + 2)

    assert not runs(node, "pump_fill")
    assert not runs(node, "pump_recirc")
    assert node.pumps["pump_recirc"].lock == "dry_run"


def test_a_reset_does_not_start_a_pump_that_rests_open(node: PumpNode) -> None:
    node.trip("pump_drain", "no_flow", NOW)
    command(node, "reset_safety_lock", now=NOW + 1, channel="pump_drain")

    assert not runs(node, "pump_drain")
