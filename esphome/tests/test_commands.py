"""One running monitor that is only talked to: what it answers, and what it does not let itself be talked into."""

from collections.abc import Iterator
import json
from pathlib import Path
import time

import pytest
from test_protocol import GOOD, UID, Air

from lab.broker import Broker
from lab.device import Device
from lab.ears import Ears


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ({"start": 0, "end": 23}, True),
        ({"start": "21:45", "end": "06:15"}, True),
        (None, True),
        ({"start": 24, "end": 7}, False),
        ({"start": "7:5x", "end": 7}, False),
        ({"start": 22}, False),
        (5, False),
        (True, False),
    ],
)
def test_night_mode_takes_hours_or_clock_times_or_null(air_shared: Air, value: object, accepted: bool) -> None:
    since = air_shared.ears.mark()
    revision = time.time_ns() // 1000
    air_shared.ears.say("config", {"revision": revision, "night_mode": value})
    state = air_shared.ears.wait("config/state", {"revision": revision}, since=since)
    assert ("night_mode" in state["rejected"]) is not accepted


@pytest.fixture(scope="module")
def air_shared(tmp_path_factory: pytest.TempPathFactory, broker: Broker, air_image: Path) -> Iterator[Air]:
    """One monitor for tests that only talk to it."""
    device = Device(air_image, tmp_path_factory.mktemp("shared"), broker.port)
    device.set(**GOOD)
    ears = Ears(broker.port, UID)
    try:
        device.start()
        shared = Air(device, ears)
        shared.settle()
        yield shared
    finally:
        device.power_cut()
        ears.close()


@pytest.mark.parametrize(
    "payload", ["", "nonsense", "[1]", "7", '"x"', '{"revision": "seven"}', "{", "\x00\xff", "{}" * 3000]
)
def test_a_broken_configuration_changes_nothing(air_shared: Air, payload: str) -> None:
    before = air_shared.ears.all("config/state")[-1]["config"]
    since = air_shared.ears.mark()
    air_shared.ears.say("config", payload)
    if payload:
        state = air_shared.ears.wait("config/state", since=since)
        assert state["applied"] is False
        assert state["config"] == before
    assert air_shared.ears.command("identify")["status"] == "DONE", "it lives on"


@pytest.mark.parametrize(
    "strangers",
    [{f"stranger_{i}": i for i in range(400)}, {"x" * 6000: 1}, {f"{i:064}": "y" * 90 for i in range(100)}],
    ids=["many", "long", "many and long"],
)
def test_a_configuration_full_of_what_is_unknown_is_answered_with_json(air_shared: Air, strangers: dict) -> None:
    since = air_shared.ears.mark()
    revision = time.time_ns() // 1000
    air_shared.ears.say("config", {**strangers, "revision": revision, "report_interval": 1})
    state = air_shared.ears.wait("config/state", {"revision": revision}, since=since)
    assert state["config"]["report_interval"] == 1
    assert set(state["rejected"]) <= set(strangers)
    assert all(why == "unknown" for why in state["rejected"].values())


def test_what_is_harmless_makes_no_old_command_new(air_shared: Air) -> None:
    first = air_shared.ears.command("calibrate", cmd_id="kept-1", metric="co2", reference=500)
    assert first["status"] == "DONE"
    for _ in range(80):
        air_shared.ears.command("identify")
    again = air_shared.ears.command("calibrate", cmd_id="kept-1", metric="co2", reference=500)
    assert again["status"] == "DUPLICATE"


@pytest.mark.parametrize("word", ["command", "cmd"])
def test_a_command_is_answered_under_either_of_its_names(air_shared: Air, word: str) -> None:
    answer = air_shared.ears.command("identify", word=word)
    assert (answer["cmd"], answer["status"]) == ("identify", "DONE")
    air_shared.device.wait_pin(30, high=True)


def test_calibration_reaches_the_sensor_and_refuses_an_impossible_reference(air_shared: Air) -> None:
    assert air_shared.ears.command("calibrate", metric="co2", reference=420)["status"] == "DONE"
    air_shared.device.wait_line("calibrated to 420")
    wrong = air_shared.ears.command("calibrate", metric="co2", reference=4)
    assert (wrong["status"], wrong["error_code"]) == ("ERROR", "bad_reference")
    assert wrong["details"] == {"metric": "co2", "min": 380, "max": 2000}
    assert air_shared.ears.command("calibrate", metric="co2")["error_code"] == "bad_reference"
    assert air_shared.ears.command("calibrate", metric="humidity", reference=50)["error_code"] == "unknown_metric"


def test_an_unknown_command_is_an_error_and_not_silence(air_shared: Air) -> None:
    answer = air_shared.ears.command("dance")
    assert (answer["status"], answer["error_code"]) == ("ERROR", "unknown_command")
    assert air_shared.ears.command("run_pump", channel="x")["error_code"] == "unknown_command"


def test_the_same_cmd_id_is_carried_out_once_and_answered_again(air_shared: Air) -> None:
    device, ears = air_shared.device, air_shared.ears
    since = len(device.lines)
    first = ears.command("calibrate", cmd_id="same-1", metric="co2", reference=500)
    again = ears.command("calibrate", cmd_id="same-1", metric="co2", reference=600)
    assert first["status"] == "DONE"
    assert again["status"] == "DUPLICATE"
    assert again["details"]["first_status"] == "DONE"
    wrong = ears.command("calibrate", cmd_id="same-2", metric="co2", reference=1)
    repeated = ears.command("calibrate", cmd_id="same-2", metric="co2", reference=500)
    assert repeated["status"] == "DUPLICATE"
    assert repeated["error_code"] == wrong["error_code"]
    assert repeated["details"] == {**wrong["details"], "first_status": "ERROR"}
    time.sleep(0.3)
    assert sum("calibrated to" in line for line in device.lines[since:]) == 1


def test_an_expired_command_is_not_carried_out(air_shared: Air) -> None:
    since, lines = air_shared.ears.mark(), len(air_shared.device.lines)
    now = int(time.time())
    air_shared.ears.say(
        "commands",
        {"command": "calibrate", "cmd_id": "late", "timestamp": now - 60, "expires": now - 30,
         "params": {"metric": "co2", "reference": 421}},
    )  # fmt: skip
    assert air_shared.ears.wait("command_response", {"cmd_id": "late"}, since=since)["status"] == "EXPIRED"
    assert not any("calibrated to 421" in line for line in air_shared.device.lines[lines:])


@pytest.mark.parametrize("expires", ["soon", True, [], {}])
def test_an_expiry_that_is_no_time_counts_as_past(air_shared: Air, expires: object) -> None:
    since = air_shared.ears.mark()
    air_shared.ears.say("commands", {"command": "identify", "cmd_id": f"odd-{expires}", "expires": expires})
    assert air_shared.ears.wait("command_response", {"cmd_id": f"odd-{expires}"}, since=since)["status"] == "EXPIRED"


HOSTILE = [
    "",
    "{",
    "null",
    "[]",
    "true",
    "1e999",
    '{"command": 5, "cmd_id": "h1"}',
    '{"command": "identify"}',
    '{"command": "identify", "cmd_id": ""}',
    '{"command": "identify", "cmd_id": {"a": 1}}',
    '{"command": null, "cmd_id": null, "params": null}',
    json.dumps({"command": "identify", "cmd_id": "x" * 65}),
    json.dumps({"command": "x" * 3000, "cmd_id": "long"}),
    json.dumps({"command": "calibrate", "cmd_id": "p1", "params": [1, 2]}),
    json.dumps({"command": "calibrate", "cmd_id": "p2", "params": {"metric": ["co2"], "reference": "420"}}),
    json.dumps({"command": "live", "cmd_id": "p3", "params": {"seconds": 1e12, "interval": 0}}),
    json.dumps({"command": "live", "cmd_id": "p4", "params": {"seconds": -5}}),
    '{"command":"identify","cmd_id":"deep","params":' + '{"a":' * 200 + "1" + "}" * 200 + "}",
    "{" * 4000,
    "x" * 60000,
    "\x00" * 100,
    '{"command":"identify","cmd_id":"q\\"\\\\\\n"}',
]


@pytest.mark.parametrize("payload", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_commands_neither_crash_nor_confuse_it(air_shared: Air, payload: str) -> None:
    for topic in ("commands", "ota", "config"):
        air_shared.ears.say(topic, payload)
    assert air_shared.ears.command("live", seconds=0)["status"] == "DONE"
    assert all(m["cmd_id"] for m in air_shared.ears.all("command_response")), "what has no id is no answer"
    assert air_shared.device.process.poll() is None
