"""Whose topic is it, and where does a message to a device go."""

import pytest

from custom_components.smartair.pysmartair import (
    DEFAULT_ROOT,
    Address,
    Channel,
    parse,
    parse_topic,
    subscription,
    topic_for,
    valid_root,
    valid_uid,
)
from custom_components.smartair.pysmartair.protocol.topics import bad_uid

GOOD_UIDS = ["a", "7", "co2_001", "CO2-Meter_7", "a" * 64, "0x", "A--__"]
BAD_UIDS = [
    "",
    "_co2",
    "-co2",
    "a" * 65,
    "co2 001",
    "co2_001\n",
    "\nco2_001",
    "co2_001\0",
    "co2/001",
    "..",
    "co2.001",
    "co2+",
    "#",
    "+",
    "$SYS",
    "co2_\u0660\u0660\u0661",  # Arabic digits
    "co2_１",  # noqa: RUF001 - a fullwidth digit
    "со2",  # noqa: RUF001 - Cyrillic letters
    "ö",
    "co2\u202e",
    "co2\ud800",
]
ROOTS = ["devices", "site1/devices", "a/b/c/d", "дом/устройства", "With-Signs_.~"]


@pytest.mark.parametrize("uid", GOOD_UIDS)
def test_a_uid_is_1_to_64_letters_digits_and_signs(uid: str) -> None:
    assert valid_uid(uid)


@pytest.mark.parametrize("uid", [*BAD_UIDS, None, 7, b"co2", ["co2"]])
def test_anything_else_is_no_uid(uid: object) -> None:
    assert not valid_uid(uid)


@pytest.mark.parametrize("uid", BAD_UIDS)
def test_a_topic_with_anything_else_in_place_of_the_uid_is_not_ours(uid: str) -> None:
    assert parse_topic("devices", f"devices/{uid}/telemetry") is None
    assert parse("devices", f"devices/{uid}/telemetry", b'{"co2": 920}') is None


@pytest.mark.parametrize("uid", BAD_UIDS)
def test_nothing_is_ever_published_to_what_is_no_uid(uid: str) -> None:
    with pytest.raises(ValueError, match="not a device uid"):
        topic_for("devices", uid, Channel.COMMANDS)


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("channel", Channel)
def test_every_topic_that_is_written_is_read_again(root: str, channel: Channel) -> None:
    assert parse_topic(root, topic_for(root, "co2_001", channel)) == Address("co2_001", channel)


def test_the_topics_are_those_of_the_protocol_page() -> None:
    assert {topic_for("devices", "u", channel) for channel in Channel} == {
        "devices/u/status",
        "devices/u/info",
        "devices/u/telemetry",
        "devices/u/data",
        "devices/u/config",
        "devices/u/config/state",
        "devices/u/commands",
        "devices/u/command_response",
        "devices/u/ota",
        "devices/u/ota/state",
        "devices/u/event",
    }


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "devices",
        "devices/",
        "devices/co2_001",
        "devices/co2_001/",
        "devices//telemetry",
        "devices/co2_001/telemetry/",
        "devices/co2_001/telemetry/more",
        "devices/co2_001//telemetry",
        "devices/co2_001/../co2_002/telemetry",
        "devices/x/../y/telemetry",
        "devices/x/../y",
        "devices/../co2_001/telemetry",
        "devices/co2_001/state/../telemetry",
        "devices/co2_001/TELEMETRY",
        "devices/co2_001/telemetry ",
        "devices/co2_001/config/",
        "devices/co2_001/state",
        "/devices/co2_001/telemetry",
        "Devices/co2_001/telemetry",
        "devices2/co2_001/telemetry",
        "site1/devices/co2_001/telemetry",
        "devices/site1/co2_001/telemetry",
        "homeassistant/sensor/co2_001/config",
    ],
)
def test_levels_are_exact_and_nothing_is_resolved_or_normalised(topic: str) -> None:
    assert parse_topic("devices", topic) is None


@pytest.mark.parametrize(
    ("text", "flaw", "signs"),
    [
        ("AA:BB:CC:11:22:33", "signs", ":"),
        ("soil.1", "signs", "."),
        ("soil 1", "signs", " "),
        ("почва", "signs", "почва"),
        ("_soil", "beginning", "_"),
        ("-", "beginning", "-"),
        ("", "length", ""),
        ("a" * 65, "length", ""),
        ("a\n", "signs", "\ufffd"),
    ],
)
def test_a_name_that_cannot_be_taken_is_told_with_what_is_wrong_with_it(text: str, flaw: str, signs: str) -> None:
    found = bad_uid("devices", f"devices/{text}/telemetry")
    assert found is not None
    assert (found.flaw, found.signs) == (flaw, signs)


@pytest.mark.parametrize(
    "topic",
    ["devices/co2/telemetry", "devices/a.b/lamp", "devices/a.b/commands", "other/a.b/info", "devices/a/b/info"],
)
def test_what_is_no_device_or_has_a_good_name_is_not_told(topic: str) -> None:
    assert bad_uid("devices", topic) is None


def test_roots_are_kept_apart() -> None:
    assert parse_topic("site1/devices", "site1/devices/a/status") == Address("a", Channel.STATUS)
    assert parse_topic("site1/devices", "site2/devices/a/status") is None
    assert parse_topic("site1", "site1/devices/a/status") is None


@pytest.mark.parametrize("root", [DEFAULT_ROOT, *ROOTS, "a" * 128, "a b", "..", "a/../b", "/devices", "a//b", "//a"])
def test_a_root_is_one_or_more_levels(root: str) -> None:
    assert valid_root(root)


@pytest.mark.parametrize(
    "root",
    [
        "",
        "/",
        "devices/",
        "a//",
        "a/ /b",
        " devices",
        "devices ",
        "a /b",
        "devices/+",
        "devices/#",
        "dev+ices",
        "#",
        "$SYS",
        "$share/devices",
        "devices\n",
        "devices\0",
        "dev\u202eices",
        "dev\ud800",
        "a" * 129,
    ],
)
def test_a_root_has_no_empty_end_no_wildcard_and_nothing_unseen(root: str) -> None:
    assert not valid_root(root)


def test_one_subscription_hears_every_device() -> None:
    assert subscription("site1/devices") == "site1/devices/#"


@pytest.mark.parametrize("channel", [Channel.CONFIG, Channel.COMMANDS, Channel.OTA])
def test_our_own_orders_that_come_back_by_the_wildcard_are_not_a_devices_words(channel: Channel) -> None:
    assert parse("devices", f"devices/co2_001/{channel}", b'{"command": "restart"}') is None
