"""A pump node keeps the rules of its firmware: orders, protections, locks, loss of contact, restarts."""

from collections.abc import Callable
import json
import random
from typing import Any

import pytest

from lab.simulator.device import Identity
from lab.simulator.household import settings_for
from lab.simulator.pump_node import PumpNode
from lab.simulator.rack_sensors import FROZEN_S, RackSensors
from lab.simulator.water import Fault, Rack

from .conftest import Wire

NOW = 1_800_000_000.0


class Story:
    """A node and its clock."""

    def __init__(self, wire: Wire, size: float = 1.0, **more: Any) -> None:
        self.wire = wire
        self.now = NOW
        self.rack = Rack(size, NOW)
        chance = random.Random(7)  # noqa: S311 (noise, not secrets)
        sensors = RackSensors(rack=self.rack, chance=chance, unmetered=more.pop("unmetered", frozenset()))
        identity = Identity(uid="pump_001", device_type="pump")
        self.node = PumpNode(identity=identity, sensors=sensors, settings=settings_for("pump", 10), link=wire, **more)
        self.node.boot(NOW)
        self.node.connected(NOW)
        self.pass_(2)
        wire.sent.clear()

    def pass_(self, seconds: float) -> None:
        """Let time pass as the fleet does, four looks a second."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + 0.25, end)
            self.node.tick(self.now)

    def order(
        self, name: str, *, cmd_id: str | None = None, retained: bool = False, lives: float = 30, **params: Any
    ) -> dict[str, Any]:
        """Give an order and return the answer to it."""
        cmd_id = cmd_id or f"{name}-{self.now}-{len(self.wire.sent)}"
        content = {"command": name, "cmd_id": cmd_id, "expires": self.now + lives, "params": params}
        self.node.received(self.node.topic("commands"), json.dumps(content).encode(), self.now, retained=retained)
        return self.answers(cmd_id)[-1]

    def answers(self, cmd_id: str) -> list[dict[str, Any]]:
        return [answer for answer in self.wire.of("command_response") if answer["cmd_id"] == cmd_id]

    def runs(self, channel: str) -> bool:
        """What the relay does; the report says the same, or that it does not open."""
        state = self.node.channel_states()[channel]
        assert state["on"] == self.rack.pumps[channel].on or state["lock"] == "pump_stuck_on"
        return self.rack.pumps[channel].on

    def lock(self, channel: str) -> str | None:
        told: str | None = self.node.channel_states()[channel]["lock"]
        return told

    def events(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.wire.of("event") if event["event"] == name]

    def restart(self) -> None:
        """Cut the power and give it back."""
        self.node.disconnected()
        self.node.boot(self.now)
        self.node.connected(self.now)


@pytest.fixture
def story(wire: Wire) -> Story:
    return Story(wire)


# ---- the descriptor ----------------------------------------------------------------------------------------------


def test_at_rest_the_circulation_runs_and_nothing_else_does(story: Story) -> None:
    assert {channel: story.runs(channel) for channel in story.rack.pumps} == {
        "pump_recirc": True,
        "pump_drain": False,
        "pump_fill": False,
    }


def test_the_descriptor_names_every_channel_with_its_rest_and_what_can_be_ordered(story: Story) -> None:
    descriptor = story.node.descriptor()
    channels = {channel["id"]: channel for channel in descriptor["channels"]}

    assert channels["pump_recirc"]["fail_safe_mode"] == "NC"
    assert channels["pump_fill"] == {
        "id": "pump_fill",
        "type": "pump",
        "role": "fill",
        "fail_safe_mode": "NO",
        "controlled_by": "relay",
        "relay_logic": "active_close",
    }
    assert {"run_pump", "stop_pump", "reset_safety_lock"} < set(descriptor["commands"])


def test_limits_are_offered_only_to_be_tightened(story: Story) -> None:
    offer = story.node.descriptor()["config"]

    assert offer["pump_fill_max_run_s"] == {"min": 1.0, "max": 1200.0, "step": 1.0}
    assert offer["pump_drain_min_level"] == {"min": 3.0, "max": 100.0, "step": 0.1}
    assert "pump_recirc_max_run_s" not in offer
    assert "pump_fill_max_off_s" not in offer
    assert "pump_fill_min_level" not in offer


def test_a_tightened_limit_holds_and_a_loosened_one_is_rejected(story: Story) -> None:
    wanted = {"revision": 2, "pump_fill_max_run_s": 5, "pump_drain_max_run_s": 7200}
    story.node.received(story.node.topic("config"), json.dumps(wanted).encode(), story.now, retained=True)
    story.restart()
    story.order("run_pump", channel="pump_fill", duration_s=60)
    story.pass_(6)

    assert story.wire.of("config/state")[-1]["rejected"] == {"pump_drain_max_run_s": "above 1200"}
    assert not story.runs("pump_fill")


# ---- orders ------------------------------------------------------------------------------------------------------


def test_a_run_ends_at_its_bound_though_nobody_says_so_and_that_is_a_failure(story: Story) -> None:
    assert story.order("run_pump", cmd_id="a", channel="pump_fill", max_run_s=20)["status"] == "ACCEPTED"
    story.node.disconnected()
    story.pass_(19.5)
    assert story.runs("pump_fill")
    story.pass_(0.5)

    assert not story.runs("pump_fill")
    # The answer waits for somebody who hears it: what is sent into nothing is lost (H6).
    story.node.connected(story.now)
    assert [(one["status"], one.get("error_code")) for one in story.answers("a")] == [
        ("ACCEPTED", None),
        ("ERROR", "max_run"),
    ]
    assert story.events("safety_trip")[0]["locked"] is False


def test_a_planned_run_ends_as_done_with_what_it_moved(story: Story) -> None:
    before = story.rack.level
    story.order("run_pump", cmd_id="a", channel="pump_fill", duration_s=30)
    story.pass_(31)

    end = story.answers("a")[-1]
    assert end["status"] == "DONE"
    assert end["details"]["ended_by"] == "finished"
    assert end["details"]["seconds"] == pytest.approx(30, abs=0.3)
    # The meter's wheel needs a moment, so it counts a little less than what came.
    assert end["details"]["litres"] == pytest.approx(story.rack.level - before, rel=0.05)


def test_a_run_that_is_stopped_says_so_with_what_it_moved(story: Story) -> None:
    story.order("run_pump", cmd_id="a", channel="pump_drain", max_run_s=60)
    story.pass_(10)
    assert story.order("stop_pump", channel="pump_drain")["status"] == "DONE"

    details = story.answers("a")[-1]["details"]
    assert details["ended_by"] == "stopped"
    assert details["litres"] == pytest.approx(1.33, rel=0.15)


def test_a_renewed_run_goes_on_and_the_earlier_order_is_answered(story: Story) -> None:
    story.order("run_pump", cmd_id="a", channel="pump_drain", max_run_s=5)
    story.pass_(3)
    story.order("run_pump", cmd_id="b", channel="pump_drain", max_run_s=5)
    story.pass_(4)

    assert story.runs("pump_drain")
    assert [one["status"] for one in story.answers("a")] == ["ACCEPTED", "DONE"]
    story.pass_(2)
    assert story.answers("b")[-1]["error_code"] == "max_run"


def test_no_renewal_makes_a_run_longer_than_its_channel_allows(wire: Wire) -> None:
    story = Story(wire, size=10.0)
    story.order("run_pump", channel="pump_drain", max_run_s=60)
    for _ in range(45):
        story.pass_(30)
        if story.runs("pump_drain"):
            story.order("run_pump", channel="pump_drain", max_run_s=60)

    assert story.now - NOW > 1200
    assert not story.runs("pump_drain")
    assert story.events("safety_trip")[0]["code"] == "max_run"


def test_an_order_to_circulate_needs_no_bound_and_is_done_at_once(story: Story) -> None:
    story.order("stop_pump", channel="pump_recirc")

    assert story.order("run_pump", channel="pump_recirc")["status"] == "DONE"
    assert story.runs("pump_recirc")


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"channel": "pump_nowhere", "max_run_s": 5}, "unknown_channel"),
        ({}, "unknown_channel"),
        ({"channel": "pump_fill"}, "max_run_missing"),
        ({"channel": "pump_fill", "max_run_s": 0}, "bad_params"),
        ({"channel": "pump_fill", "max_run_s": 86401}, "bad_params"),
        ({"channel": "pump_fill", "max_run_s": True}, "bad_params"),
        ({"channel": "pump_fill", "duration_s": "20"}, "bad_params"),
    ],
)
def test_a_run_without_a_bound_or_a_channel_is_refused(story: Story, params: dict[str, Any], error: str) -> None:
    assert story.order("run_pump", **params)["error_code"] == error
    assert not story.runs("pump_fill")


def test_filling_while_draining_is_refused_and_told(story: Story) -> None:
    story.order("run_pump", channel="pump_drain", max_run_s=60)
    answer = story.order("run_pump", cmd_id="b", channel="pump_fill", max_run_s=60)

    assert answer["error_code"] == "interlock"
    assert story.events("run_refused") == [
        {"event": "run_refused", "channel": "pump_fill", "code": "interlock", "cause": "none", "cmd_id": "b"}
    ]


def test_an_order_that_comes_twice_is_done_once_also_over_a_power_cut(story: Story) -> None:
    story.order("run_pump", cmd_id="a", channel="pump_fill", max_run_s=60)
    again = story.order("run_pump", cmd_id="a", channel="pump_fill", max_run_s=60)
    assert (again["status"], again["details"]["first_status"]) == ("DUPLICATE", "ACCEPTED")
    story.restart()

    assert story.order("run_pump", cmd_id="a", channel="pump_fill", max_run_s=60)["status"] == "DUPLICATE"
    assert not story.runs("pump_fill")


def test_an_order_that_comes_too_late_starts_nothing_but_a_late_stop_stops(story: Story) -> None:
    assert story.order("run_pump", channel="pump_fill", max_run_s=60, lives=-1)["status"] == "EXPIRED"
    assert not story.runs("pump_fill")
    story.order("run_pump", channel="pump_fill", max_run_s=60)
    assert story.order("stop_pump", channel="pump_fill", lives=-1)["status"] == "DONE"
    assert not story.runs("pump_fill")


def test_a_retained_order_starts_nothing_but_a_retained_stop_stops(story: Story) -> None:
    refused = story.order("run_pump", channel="pump_fill", max_run_s=60, retained=True)
    assert refused["error_code"] == "maybe_retained"
    assert not story.runs("pump_fill")
    story.order("run_pump", channel="pump_fill", max_run_s=60)

    assert story.order("stop_pump", channel="pump_fill", retained=True)["status"] == "DONE"
    assert not story.runs("pump_fill")


def test_a_stop_is_obeyed_as_often_as_it_comes_and_makes_no_old_start_new(story: Story) -> None:
    for _ in range(20):
        story.order("run_pump", channel="pump_fill", max_run_s=60)
        assert story.order("stop_pump", cmd_id="s", channel="pump_fill")["status"] == "DONE"
        assert not story.runs("pump_fill")
    story.order("run_pump", cmd_id="once", channel="pump_fill", max_run_s=60)
    for _ in range(40):
        story.order("stop_pump", cmd_id="s", channel="pump_fill")

    assert story.order("run_pump", cmd_id="once", channel="pump_fill", max_run_s=60)["status"] == "DUPLICATE"


@pytest.mark.parametrize(
    "order",
    [
        {"params": {"channel": "pump_fill"}},
        {"cmd_id": 7, "params": {"channel": "pump_fill"}},
        {"cmd_id": "a"},
        {"cmd_id": "a", "params": {"channel": None}},
        {"params": []},
    ],
    ids=json.dumps,
)
def test_a_stop_without_an_id_or_without_a_channel_stops_all_the_same(story: Story, order: dict[str, Any]) -> None:
    story.order("run_pump", channel="pump_fill", max_run_s=60)
    content = json.dumps({"command": "stop_pump", **order}).encode()
    story.node.received(story.node.topic("commands"), content, story.now, retained=False)

    assert not story.runs("pump_fill")
    assert story.runs("pump_recirc") is (order.get("params") == {"channel": "pump_fill"})


# ---- circulation -------------------------------------------------------------------------------------------------


def test_circulation_comes_back_when_it_has_been_off_as_long_as_was_asked(story: Story) -> None:
    story.order("stop_pump", channel="pump_recirc", max_off_s=30)
    story.pass_(29.5)
    assert not story.runs("pump_recirc")
    story.pass_(1)

    assert story.runs("pump_recirc")
    assert story.events("circulation_released") == [
        {"event": "circulation_released", "channel": "pump_recirc", "cause": "max_off"}
    ]


def test_no_string_of_stops_keeps_circulation_off_for_longer_than_its_limit(story: Story) -> None:
    for _ in range(31):
        story.order("stop_pump", channel="pump_recirc")
        assert not story.runs("pump_recirc") or story.now - NOW > 1800
        story.pass_(60)

    assert story.events("circulation_released")[0]["cause"] == "max_off"


def test_circulation_comes_back_when_nobody_is_heard_but_not_in_a_water_change(story: Story) -> None:
    story.order("stop_pump", channel="pump_recirc")
    story.node.disconnected()
    story.pass_(121)
    assert story.runs("pump_recirc")
    story.node.connected(story.now)
    story.order("stop_pump", channel="pump_recirc", purpose="water_change")
    story.node.disconnected()
    story.pass_(121)

    assert not story.runs("pump_recirc")
    story.pass_(1700)
    assert story.runs("pump_recirc")


def test_a_plain_stop_ends_the_exemption_of_the_drain_step(story: Story) -> None:
    story.order("stop_pump", channel="pump_recirc", purpose="water_change")
    story.pass_(60)
    story.order("stop_pump", channel="pump_recirc")
    story.node.disconnected()
    story.pass_(119)
    assert not story.runs("pump_recirc")
    story.pass_(2)

    assert story.runs("pump_recirc")


def test_circulation_does_not_end_at_the_bound_of_its_order(story: Story) -> None:
    story.order("stop_pump", channel="pump_recirc")
    story.order("run_pump", channel="pump_recirc", max_run_s=5, duration_s=5)
    story.pass_(1800)

    assert story.runs("pump_recirc")


def test_a_run_ends_when_nobody_is_heard_for_long(wire: Wire) -> None:
    story = Story(wire, size=10.0)
    story.order("run_pump", cmd_id="a", channel="pump_drain", duration_s=600)
    story.node.disconnected()
    story.pass_(119)
    assert story.runs("pump_drain")
    story.pass_(2)
    assert not story.runs("pump_drain")
    assert story.answers("a")[-1]["status"] == "ACCEPTED"
    story.node.connected(story.now)

    assert story.answers("a")[-1]["details"]["ended_by"] == "contact_lost"
    [told] = story.events("contact_lost")
    assert (told["channel"], told["cmd_id"], told["seconds"]) == ("pump_drain", "a", pytest.approx(120, abs=1))
    assert told["litres"] > 1


# ---- protections: each fault has its trip ------------------------------------------------------------------------


def drained(story: Story) -> None:
    story.order("run_pump", channel="pump_drain", max_run_s=600)


def filled(story: Story) -> None:
    story.order("run_pump", channel="pump_fill", max_run_s=600)


def resting(_story: Story) -> None:
    """Nothing is ordered."""


@pytest.mark.parametrize(
    ("fault", "channel", "before", "within", "code"),
    [
        (Fault.DRY, "pump_recirc", resting, (60, 90), "dry_run"),
        (Fault.BLOCKED, "pump_recirc", resting, (4, 8), "no_flow"),
        (Fault.BLOCKED, "pump_drain", drained, (5, 8), "no_flow"),
        (Fault.STALLED, "pump_drain", drained, (0.2, 2), "overcurrent"),
        (Fault.STALLED, "pump_recirc", resting, (0.2, 2), "overcurrent"),
        (Fault.WELDED, "pump_fill", resting, (5, 8), "pump_stuck_on"),
        (Fault.OVERFLOW, "pump_fill", filled, (30, 60), "overflow"),
        (Fault.LEAK, "pump_fill", filled, (0.5, 5), "overflow"),
    ],
)
def test_a_fault_trips_within_its_limit_and_locks(
    story: Story, fault: Fault, channel: str, before: Callable[[Story], None], within: tuple[float, float], code: str
) -> None:
    before(story)
    story.pass_(12)
    assert story.events("safety_trip") == []
    story.rack.break_(fault, channel)
    began = story.now
    while not story.events("safety_trip") and story.now - began < 200:
        story.pass_(0.25)

    assert within[0] <= story.now - began <= within[1]
    trip = story.events("safety_trip")[0]
    assert (trip["channel"], trip["code"], trip["locked"]) == (channel, code, True)
    assert story.lock(channel) == code
    assert not story.runs(channel)
    story.pass_(10)
    assert story.wire.of("telemetry")[-1]["channels"][channel]["lock"] == code


def test_a_healthy_rack_trips_nothing_in_hours_of_work(story: Story) -> None:
    for _ in range(4):
        story.order("run_pump", channel="pump_drain", duration_s=240)
        story.pass_(300)
        story.order("run_pump", channel="pump_fill", duration_s=300)
        story.pass_(600)

    assert story.events("safety_trip") == story.events("run_refused") == []
    assert story.wire.of("command_response")[-1]["details"]["ended_by"] == "finished"


def test_a_pump_without_a_meter_is_seen_to_move_nothing_by_the_level(wire: Wire) -> None:
    story = Story(wire, unmetered=frozenset({"pump_fill"}))
    assert "flow_l_min" not in story.node.channel_states()["pump_fill"]
    story.rack.break_(Fault.BLOCKED, "pump_fill")
    story.order("run_pump", cmd_id="a", channel="pump_fill", max_run_s=600)
    story.pass_(59)
    assert story.runs("pump_fill")
    story.pass_(3)

    assert story.lock("pump_fill") == "no_flow"


def test_a_welded_pump_is_told_and_stops_the_others_but_not_the_circulation(story: Story) -> None:
    story.rack.break_(Fault.WELDED, "pump_drain")
    story.pass_(8)

    assert story.lock("pump_drain") == "pump_stuck_on"
    assert story.order("run_pump", channel="pump_fill", max_run_s=5)["error_code"] == "pump_stuck_on"
    assert story.runs("pump_recirc")
    state = story.node.channel_states()["pump_drain"]
    assert (state["on"], state["flow_l_min"] > 5) == (True, True), "what really flows, whatever it was told"
    assert len(story.events("safety_trip")) == 1


def test_a_pump_that_an_overcurrent_has_welded_is_told_once_and_bars_the_others(story: Story) -> None:
    # Circulation, whose lock by overcurrent stays.
    story.rack.break_(Fault.STALLED, "pump_recirc")
    story.pass_(3)
    assert story.lock("pump_recirc") == "overcurrent"
    story.rack.break_(Fault.WELDED, "pump_recirc")
    story.pass_(60)

    assert story.lock("pump_recirc") == "overcurrent"
    assert [event["code"] for event in story.events("safety_trip")] == ["overcurrent", "pump_stuck_on"]
    assert story.order("run_pump", channel="pump_fill", max_run_s=5)["error_code"] == "pump_stuck_on"
    assert story.order("reset_safety_lock", channel="pump_recirc")["error_code"] in {"overcurrent", "pump_stuck_on"}


def test_a_tank_that_fills_by_itself_is_told_and_not_filled(story: Story) -> None:
    story.rack.break_(Fault.OVERFLOW)
    story.pass_(240)

    assert story.events("overflow_at_rest")[0]["channel"] == "pump_fill"
    assert story.order("run_pump", channel="pump_fill", max_run_s=5)["error_code"] == "overflow"
    assert (story.lock("pump_fill"), story.runs("pump_recirc")) == (None, True)


def test_a_lock_by_a_fault_of_one_pump_bars_fill_and_drain_of_its_zone(story: Story) -> None:
    story.rack.break_(Fault.STALLED, "pump_recirc")
    story.pass_(3)

    for channel in ("pump_fill", "pump_drain"):
        assert story.order("run_pump", channel=channel, max_run_s=5)["error_code"] == "zone_locked"


def test_the_third_run_that_fails_within_an_hour_locks(story: Story) -> None:
    for _ in range(3):
        assert story.lock("pump_fill") is None
        story.order("run_pump", channel="pump_fill", max_run_s=3)
        story.pass_(5)

    assert story.lock("pump_fill") == "max_run"
    assert story.order("run_pump", channel="pump_fill", max_run_s=3)["error_code"] == "max_run"


def test_a_level_that_repeats_itself_is_told_and_left_out(story: Story) -> None:
    story.rack.break_(Fault.FROZEN_SENSOR)
    story.pass_(FROZEN_S + 12)

    assert [event["metric"] for event in story.events("sensor_frozen")] == ["water_level"]
    assert "water_level" not in story.wire.of("telemetry")[-1]
    story.rack.repair()
    story.pass_(11)
    assert "water_level" in story.wire.of("telemetry")[-1]


def test_a_leak_is_told_once_each_time_and_so_is_its_end(story: Story) -> None:
    story.rack.break_(Fault.LEAK)
    story.pass_(30)
    assert len(story.events("leak")) == 1
    story.rack.repair()
    story.pass_(1)
    story.rack.break_(Fault.LEAK)
    story.pass_(5)

    assert [event.get("active", True) for event in story.events("leak")] == [True, False, True]


# ---- locks -------------------------------------------------------------------------------------------------------


def test_a_locked_pump_does_not_start_until_it_is_reset(story: Story) -> None:
    story.rack.break_(Fault.STALLED, "pump_drain")
    drained(story)
    story.pass_(3)
    assert story.order("run_pump", channel="pump_drain", max_run_s=5)["error_code"] == "overcurrent"

    assert story.order("reset_safety_lock", channel="pump_drain")["status"] == "DONE"
    assert story.events("safety_reset") == [{"event": "safety_reset", "channel": "pump_drain", "code": "overcurrent"}]
    assert not story.runs("pump_drain")
    story.rack.repair()
    story.order("run_pump", channel="pump_drain", max_run_s=5)
    assert story.runs("pump_drain")


def test_a_reset_is_refused_with_the_cause_while_it_is_there(story: Story) -> None:
    story.rack.break_(Fault.DRY)
    story.pass_(90)
    answer = story.order("reset_safety_lock", channel="pump_recirc")
    assert (answer["error_code"], answer["details"]["cause"]) == ("dry_run", "measured")
    assert answer["details"]["level"] < 5
    assert story.lock("pump_recirc") == "dry_run"

    story.rack.repair()
    story.pass_(1)
    assert story.order("reset_safety_lock", channel="pump_recirc")["status"] == "DONE"
    assert story.runs("pump_recirc")


def test_a_power_cut_keeps_locks_and_stops_runs(story: Story) -> None:
    filled(story)
    story.rack.break_(Fault.STALLED, "pump_recirc")
    story.pass_(3)
    story.restart()
    story.pass_(3)

    assert story.lock("pump_recirc") == "overcurrent"
    assert not story.runs("pump_recirc")
    assert not story.runs("pump_fill")


def test_what_happened_while_nobody_listened_is_told_afterwards(story: Story) -> None:
    story.node.disconnected()
    story.rack.break_(Fault.STALLED, "pump_recirc")
    story.pass_(3)
    assert story.wire.of("event") == []
    story.node.connected(story.now)

    assert [event["event"] for event in story.wire.of("event")] == ["safety_trip"]


# ---- reports, updates, plain nodes -------------------------------------------------------------------------------


def test_a_node_may_report_each_second_while_water_moves(wire: Wire) -> None:
    story = Story(wire, reports_runs=True)
    story.order("run_pump", channel="pump_drain", duration_s=10)
    story.pass_(10)
    during = len(story.wire.of("telemetry"))
    story.pass_(40)

    assert 10 <= during <= 13
    assert len(story.wire.of("telemetry")) - during <= 6
    assert story.wire.of("telemetry")[2]["channels"]["pump_drain"]["flow_l_min"] > 5


def test_a_node_as_the_firmware_is_reports_faster_only_when_it_is_told(wire: Wire) -> None:
    story = Story(wire)
    story.order("run_pump", channel="pump_drain", duration_s=20)
    story.pass_(30)
    assert 2 <= len(wire.of("telemetry")) <= 4

    story.order("live", seconds=10, interval=1)
    story.pass_(10)
    assert 12 <= len(wire.of("telemetry")) <= 15


def test_an_update_waits_for_a_run_and_holds_pumps_at_rest(story: Story) -> None:
    assert not story.node.busy
    drained(story)
    assert story.node.busy
    story.node.hold(held=True)

    assert not story.runs("pump_drain")
    assert story.order("run_pump", channel="pump_drain", max_run_s=5)["error_code"] == "update_in_progress"
    story.node.hold(held=False)
    assert story.order("run_pump", channel="pump_drain", max_run_s=5)["status"] == "ACCEPTED"


def test_a_device_that_is_switched_off_in_order_lets_go_of_its_relays(story: Story) -> None:
    story.order("stop_pump", channel="pump_recirc")
    drained(story)
    story.node.leave()

    assert story.rack.pumps["pump_recirc"].on
    assert not story.rack.pumps["pump_drain"].on


def test_a_plain_node_offers_no_reset_and_protects_nothing_but_ends_a_run_in_time(wire: Wire) -> None:
    story = Story(wire, protections=False)
    descriptor = story.node.descriptor()
    assert "reset_safety_lock" not in descriptor["commands"]
    assert not [name for name in descriptor["config"] if name.startswith("pump_")]
    story.rack.break_(Fault.STALLED, "pump_drain")
    story.order("run_pump", cmd_id="a", channel="pump_drain", max_run_s=20)
    story.pass_(19)

    assert story.runs("pump_drain") is True
    assert "lock" not in story.node.channel_states()["pump_drain"]
    story.pass_(2)
    assert not story.rack.pumps["pump_drain"].on
    assert wire.of("event") == []
