"""What is published to devices, and how a broker must treat it."""

import json

import pytest

from custom_components.smartair.pysmartair import (
    ANSWER_TIMEOUT,
    COMMAND_LIFETIME,
    Channel,
    CommandName,
    command,
    configuration,
    forget,
    topic_for,
)

from . import NOW


def test_a_command_says_what_to_do_which_it_is_and_until_when() -> None:
    order = command("devices", "pump_001", "run_pump", cmd_id="01JD", now=NOW + 0.9, params={"channel": "a"})
    assert order.topic == "devices/pump_001/commands"
    assert json.loads(order.payload) == {
        "command": "run_pump",
        "cmd_id": "01JD",
        "timestamp": 1_790_000_000,
        "expires": 1_790_000_030,
        "params": {"channel": "a"},
    }


@pytest.mark.parametrize("name", CommandName)
def test_no_command_is_ever_retained_and_every_one_but_a_stop_expires(name: str) -> None:
    order = command("devices", "co2_001", name, cmd_id="01JD", now=NOW)
    assert order.retain is False
    assert order.expiry == COMMAND_LIFETIME
    content = json.loads(order.payload)
    if name == CommandName.STOP_PUMP:
        assert "expires" not in content, "a device whose clock differs would not stop (S1)"
    else:
        assert content["expires"] - content["timestamp"] == order.expiry
    assert "params" not in content


def test_the_commands_are_those_of_the_protocol() -> None:
    assert set(CommandName) == {
        "restart",
        "identify",
        "live",
        "run_pump",
        "stop_pump",
        "reset_safety_lock",
        "calibrate",
    }


def test_an_answer_is_waited_for_less_long_than_the_command_lives() -> None:
    assert ANSWER_TIMEOUT == 10
    assert ANSWER_TIMEOUT < COMMAND_LIFETIME


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_json_cannot_carry_is_not_sent(bad: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        command("devices", "co2_001", "calibrate", cmd_id="01JD", now=NOW, params={"reference": bad})


def test_a_configuration_is_whole_retained_and_does_not_expire() -> None:
    wish = configuration(
        "site1/devices", "co2_001", revision=7, config={"report_interval": 30, "alerts_enabled": True}
    )
    assert wish.topic == "site1/devices/co2_001/config"
    assert (wish.retain, wish.expiry) == (True, None)
    assert json.loads(wish.payload) == {"revision": 7, "report_interval": 30, "alerts_enabled": True}


@pytest.mark.parametrize(
    ("night", "wire"),
    [
        ({"start": "22:00", "end": "07:00"}, {"start": 22, "end": 7}),
        ({"start": "22:30", "end": "07:00"}, {"start": "22:30", "end": 7}),
        ({"start": "00:00", "end": "00:05"}, {"start": 0, "end": "00:05"}),
        (None, None),
    ],
)
def test_hours_of_the_night_are_whole_numbers_where_they_can_be(night: dict[str, str] | None, wire: object) -> None:
    wish = configuration("devices", "co2_001", revision=1, config={"night_mode": night})
    assert json.loads(wish.payload)["night_mode"] == wire


def test_forgetting_a_device_clears_everything_that_a_broker_may_keep_of_it() -> None:
    messages = forget("devices", "co2_001")
    assert {message.topic for message in messages} == {topic_for("devices", "co2_001", one) for one in Channel}
    assert all(message.payload == "" and message.retain for message in messages)


@pytest.mark.parametrize("uid", ["x/../y", "", "+", "#", "a/b", "co2_001\n"])
def test_no_uid_leads_a_message_elsewhere(uid: str) -> None:
    with pytest.raises(ValueError, match="uid"):
        command("devices", uid, "restart", cmd_id="01JD", now=NOW)
    with pytest.raises(ValueError, match="uid"):
        configuration("devices", uid, revision=1, config={})
    with pytest.raises(ValueError, match="uid"):
        forget("devices", uid)
