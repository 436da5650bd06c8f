"""Odd but real: what devices write for the same thing is read where it can mean one thing only, and named else."""

from typing import Any

import pytest

from custom_components.smartair.pysmartair import (
    CATALOGUE,
    Buffered,
    ChoiceSetting,
    ConfigState,
    Descriptor,
    DeviceEvent,
    Message,
    NumberSetting,
    OtaState,
    ParseError,
    Status,
    Telemetry,
    ToggleSetting,
    parse,
)
from custom_components.smartair.pysmartair.protocol.parser import parse_time
from custom_components.smartair.pysmartair.protocol.topics import misspelt

from . import NOW as BEGIN, encode

NOW = int(BEGIN)


def hear(channel: str, content: Any) -> Message | None:
    return parse("devices", f"devices/d1/{channel}", encode(content))


def report(content: Any) -> Telemetry:
    message = hear("telemetry", content)
    assert isinstance(message, Telemetry)
    return message


LEAST = {"protocol": 1, "device_type": "pump"}


def info(**content: Any) -> Descriptor:
    message = hear("info", LEAST | content)
    assert isinstance(message, Descriptor)
    return message


# --- numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said", "value"),
    [
        ("co2", "700 ppm", 700),
        ("co2", "700PPM", 700),
        ("temperature", "24.1 °C", 24.1),
        ("temperature", "24,1°C", 24.1),
        ("temperature", "24.1 C", 24.1),
        ("temperature", "24.1degC", 24.1),
        ("temperature", "-5 deg C", -5),
        ("temperature", "\u22125", -5),
        ("temperature", {"value": 24.1}, 24.1),
        ("temperature", {"value": "24.1", "unit": "°C"}, 24.1),
        ("humidity", "51 %", 51),
        ("rssi", "-60 dBm", -60),
        ("battery", "80%", 80),
        ("pm25", "5 µg/m³", 5),
        ("pm25", "5 \u03bcg/m³", 5),
        ("ec", "1.6 mS/cm", 1.6),
        ("pressure", "1 013.2", 1013.2),
        ("pressure", "1\u00a0013,2 hPa", 1013.2),
        ("pressure", "1.013,2", 1013.2),
        ("pressure", "1,013.2", 1013.2),
        ("lux", "1'234", 1234),
        ("lux", "1\u2019234", 1234),
        ("net_rx", "1,234,567", 1_234_567),
        ("net_rx", "1.234.567", 1_234_567),
        ("co2", "7e2", 700),
        ("co2", " 700\n", 700),
    ],
)
def test_a_number_is_read_in_each_form_that_means_one(name: str, said: Any, value: float) -> None:
    sample = report({name: said}).sample
    assert sample.values == {name: value}
    assert sample.odd == {}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("temperature", "75.2 °F"),
        ("temperature", {"value": 75.2, "unit": "°F"}),
        ("temperature", {"value": True}),
        ("temperature", {"value": 24, "unit": 5}),
        ("temperature", {"reading": 24}),
        ("temperature", "\u0662\u0664"),
        ("temperature", "24 .1"),
        ("temperature", "2 4"),
        ("temperature", [24.1]),
        ("ec", "1600 µS/cm"),
        ("ph", "6.1 pH"),
        ("co2", "0x2BC"),
        ("co2", "1_000"),
        ("co2", "12 34"),
        ("co2", "unavailable"),
        ("co2", "--"),
        ("co2", "NaN"),
        ("co2", ""),
        ("co2", True),
        pytest.param("co2", "7" * 60_000, id="digits"),
        pytest.param("co2", "1" + " " * 60_000 + "ppm", id="spaces"),
        ("co2", {"value": {"value": 700}}),
        pytest.param("co2", 10**400, id="huge"),
    ],
)
def test_what_could_be_another_value_is_named(name: str, said: Any) -> None:
    sample = report({name: said, "lux": 5}).sample
    assert sample.values == {"lux": 5}
    assert list(sample.odd) == [name]


@pytest.mark.parametrize(
    "payload",
    [
        b'{"co2": 700}\x00',
        b'{"co2": 700}\r\n\x00\x00',
        b'\xef\xbb\xbf{"co2": 700}',
        b'\r\n\t{"co2": 700}',
        b'{"co2": 650, "co2": 700}',
        b'{"co2": 700, "x": nan(0x7ff8)}',
        b'{"co2": 700, "x": -nan(ind)}',
        b'{"co2": 700, "x": 1.#QNAN}',
        b'{"co2": 700, "x": -1.#IND00}',
        b'{"co2": 700, "x": ovf}',
        b'{"co2": 700, "x": undefined}',
        b'{"co2": 700, "x": -Infinity, "y": "nan inf \\" ovf"}',
        b'{"co2": 700, "x": 1e400}',
        pytest.param(b'{"co2": 700, "x": ' + b"[" * 900 + b"]" * 900 + b"}", id="nested"),
    ],
)
def test_a_payload_is_read_whatever_stands_beside_its_numbers(payload: bytes) -> None:
    assert report(payload).sample.values == {"co2": 700}


@pytest.mark.parametrize(
    "payload", [b" ", b"null", b"700", b'"co2"', b"[]", b'[{"co2": 700}]', b"{'co2': 700}", b"\x00", b'{"co2": 700',
                b"[" * 30_000, b"\xff\xfe{\x00}\x00"], ids=range(11)
)  # fmt: skip
def test_what_is_no_object_of_json_is_an_error_with_a_reason(payload: bytes) -> None:
    with pytest.raises(ParseError):
        hear("telemetry", payload)


def test_a_quarter_of_a_megabyte_is_not_even_read() -> None:
    with pytest.raises(ParseError, match="too_large"):
        hear("telemetry", b'{"co2": 700, "x": "' + b"x" * 256 * 1024 + b'"}')


def test_nothing_is_shown_with_a_minus_in_front_of_it() -> None:
    assert str(CATALOGUE["humidity"].shown(-0.0)) == "0.0"


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ({"CO2": 700, "Temperature": 24, "PM2.5": 5}, {"co2": 700, "temperature": 24, "pm25": 5}),
        ({"Water level": 50, " co2 ": 700}, {"water_level": 50, "co2": 700}),
        ({"CO2": 1, "co2": 700}, {"co2": 700}),
        ({"TEMP": 1, "temperature": 24}, {"temperature": 24}),
        ({"Temp": 24}, {"temperature": 24}),
    ],
)
def test_a_name_is_read_in_another_case_unless_something_has_it_already(
    content: dict[str, Any], values: dict[str, float]
) -> None:
    assert report(content).sample.values == values


# --- times ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        NOW * 1000,
        NOW * 10**6,
        NOW * 10**9,
        float(NOW),
        str(NOW),
        f"{NOW}.0",
        f" {NOW * 1000} ",
        "1,790,000,000",
        "2026-09-21T14:13:20Z",
        "2026-09-21t14:13:20z",
        "2026-09-21 14:13:20 UTC",
        "2026-09-21T16:13:20+02:00",
        "2026-09-21 16:13:20 +0200",
        "20260921T141320Z",
        "2026-W39-1T14:13:20Z",
        "2026/09/21 14:13:20Z",
        "Mon, 21 Sep 2026 14:13:20 GMT",
        "2026-09-21T14:13:20,000Z",
        "2026-09-21T14:13:20.000000000Z",
    ],
)
def test_a_time_is_read_in_each_form_that_means_one_moment(said: Any) -> None:
    assert parse_time(said) == NOW


def test_a_leap_second_is_the_end_of_the_one_before_it() -> None:
    assert parse_time("2026-12-31T23:59:60Z") == parse_time("2026-12-31T23:59:59Z")


@pytest.mark.parametrize(
    "said",
    [
        "2026-09-21T14:13:20",
        "Mon, 21 Sep 2026 14:13:20",
        "09/21/2026 14:13:20Z",
        "2026-09-21",
        "14:13:20Z",
        "soon",
        "@1790000000",
        True,
        {"sec": NOW},
        [NOW],
        pytest.param("1" * 60_000, id="digits"),
        float("inf"),
        "Mon, 99 Sep 2026 14:13:20 GMT",
        "Mon, 21 Sep 99999 14:13:20 +9999",
    ],
)
def test_a_time_of_any_place_or_none_is_named(said: Any) -> None:
    assert parse_time(said) is None
    assert "timestamp" in report({"co2": 700, "timestamp": "soon"}).sample.odd


# --- channels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "channels",
    [
        {"p": {"on": "ON"}},
        {"p": {"on": 1.0}},
        {"p": {"on": "1.0"}},
        {"p": {"state": "on"}},
        {"p": True},
        {"p": "on"},
        [{"id": "p", "on": True}],
        [{"id": "q!", "on": True}, {"id": "p", "on": "yes"}],
    ],
)
def test_that_a_pump_runs_is_read_in_each_form(channels: Any) -> None:
    assert report({"channels": channels}).channels["p"].on is True


@pytest.mark.parametrize(
    ("channels", "named"),
    [
        ({"p": {"on": "running"}}, "p.on"),
        ({"p": {"on": 2}}, "p.on"),
        ({"p": "running"}, "p.on"),
        ({"p": 812}, "channels"),
        ({"pump fill": {"on": True}}, "channels"),
        (["p"], "channels"),
        (5, "channels"),
        ("on", "channels"),
        ({"p": [1]}, "channels"),
    ],
)
def test_what_cannot_be_read_of_a_pump_is_named(channels: Any, named: str) -> None:
    assert list(report({"channels": channels}).sample.odd) == [named]


def test_a_channel_without_anything_says_nothing() -> None:
    assert report({"channels": {"p": None}}) == report({}) == report({"channels": None})
    assert report({"channels": [{"id": 1, "on": False}]}).channels["1"].on is False


@pytest.mark.parametrize(
    "lock",
    [None, "", "  ", "none", "OK", "off", 0, 0.0, False, "0.0", "N/A", "-", "no_lock", "Not locked", "normal", [], {},
     {"active": False}, {"locked": "no", "reason": "dry_run"}],
)  # fmt: skip
def test_that_nothing_is_locked_is_read_in_each_form(lock: Any) -> None:
    assert report({"channels": {"p": {"on": False, "lock": lock}}}).channels["p"].lock is None


@pytest.mark.parametrize(
    ("lock", "code"),
    [
        ("dry_run", "dry_run"),
        (True, "unknown"),
        ("true", "unknown"),
        (1, "unknown"),
        ("locked", "locked"),
        ({"active": True, "reason": "dry_run"}, "dry_run"),
        ({"code": "overflow"}, "overflow"),
        ({"active": "perhaps"}, "unknown"),
        ({"b": 1}, "unknown"),
        (["dry"], "unknown"),
    ],
)
def test_that_something_is_locked_is_never_lost(lock: Any, code: str) -> None:
    assert report({"channels": {"p": {"on": False, "lock": lock}}}).channels["p"].lock == code


# --- what a device says of itself ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Online", (True, False)),
        ('"online"', (True, False)),
        ("'OFFLINE'", (False, False)),
        ("online\0", (True, False)),
        ("\ufeffonline\r\n", (True, False)),
        ("1", (True, False)),
        ("false", (False, False)),
        ("Asleep ", (False, True)),
    ],
)
def test_a_status_is_read_in_each_form(said: str, status: tuple[bool, bool]) -> None:
    message = hear("status", said)
    assert isinstance(message, Status)
    assert (message.online, message.asleep) == status


@pytest.mark.parametrize("protocol", [1, 1.0, "1"])
@pytest.mark.parametrize("device_type", ["pump", "Pump", " PUMP "])
def test_a_description_is_read_in_another_form(protocol: Any, device_type: str) -> None:
    assert info(protocol=protocol, device_type=device_type).device_type == "pump"


@pytest.mark.parametrize(
    "channels",
    [
        [{"id": "fill", "type": "Pump", "role": "FILL "}],
        {"fill": {"role": "Fill", "type": "pump"}},
        {"fill": {"id": "fill", "role": "fill"}},
    ],
)
def test_what_a_pump_is_for_is_read_in_another_form(channels: Any) -> None:
    (channel,) = info(channels=channels).channels
    assert (channel.id, channel.type, channel.role) == ("fill", "pump", "fill")


def test_a_channel_may_be_a_number_and_needs_to_be_described() -> None:
    assert [one.id for one in info(channels=[1, "fill", {"id": 2}, True, "a b", None]).channels] == ["2"]
    assert info(channels="fill").channels == info(channels=5).channels == info(channels={"fill": 1}).channels == ()


def test_what_is_measured_is_read_in_another_form() -> None:
    assert info(metrics=["CO2", "PM2.5", "co2", "radon", "Ra don", 5]).metrics == ("co2", "pm25")
    assert info(metrics=["CO2", "radon", "Ra don"]).unknown_metrics == ("radon",)
    assert info(metrics={"co2": {"unit": "ppm"}}).metrics == ("co2",)
    assert info(metrics="co2").metrics == ()


def test_settings_commands_and_facts_are_read_in_another_form() -> None:
    found = info(
        config={"fan": {"min": "0", "max": "100", "step": "5"}, "led": {"type": "Bool"}, "mode": {"options": ["a"]}},
        commands=["Restart", "IDENTIFY", 5],
        firmware_version=2.1,
        serial=12345,
    )
    assert found.settings == {
        "fan": NumberSetting(minimum=0, maximum=100, step=5),
        "led": ToggleSetting(),
        "mode": ChoiceSetting(options=("a",)),
    }
    assert found.commands == ("restart", "identify")
    assert (found.firmware_version, found.serial) == ("2.1", "12345")


@pytest.mark.parametrize("claimed", ["d1", "D1", " d1 ", "", None])
def test_a_message_may_name_its_device_in_another_form_or_leave_it_empty(claimed: Any) -> None:
    assert report({"device_uid": claimed, "co2": 700}).sample.values == {"co2": 700}


@pytest.mark.parametrize("claimed", ["d2", ["d1"], {"d1": 1}, 1, True])
def test_a_message_that_names_another_device_is_refused(claimed: Any) -> None:
    with pytest.raises(ParseError, match="foreign_uid"):
        report({"device_uid": claimed, "co2": 700})


# --- confirmations, updates, events -------------------------------------------------------------------


def test_refused_settings_may_be_listed_without_reasons() -> None:
    for rejected, refused in ((["fan", 5], {"fan": "?"}), ("fan", {}), (5, {})):
        message = hear("config/state", {"revision": 1, "config": {}, "rejected": rejected})
        assert isinstance(message, ConfigState)
        assert message.rejected == refused


def test_an_update_is_followed_in_another_form() -> None:
    message = hear("ota/state", {"state": "Downloading", "progress": "42 %", "version": 2.1})
    assert isinstance(message, OtaState)
    assert (message.state, message.progress, message.version) == ("downloading", 42, "2.1")


def test_an_event_is_named_in_another_case() -> None:
    message = hear("event", {"event": "Button"})
    assert isinstance(message, DeviceEvent)
    assert message.event == "button"


@pytest.mark.parametrize(
    "content",
    [{"buffered": "yes"}, {"buffered": 1}, {"buffered": "1.0"}, {"samples": [{"co2": 1}], "buffered": False}],
)
def test_what_was_kept_is_known_by_any_form_of_its_mark(content: Any) -> None:
    assert isinstance(hear("telemetry", {"co2": 700, "timestamp": NOW - 7200} | content), Buffered)


@pytest.mark.parametrize(
    ("topic", "uid"),
    [
        ("devices/d1/Telemetry", "d1"),
        ("devices/d1/CONFIG/STATE", "d1"),
        ("devices/d1/telemetry", None),
        ("devices/d1/Commands", None),
        ("devices/d 1/Telemetry", None),
        ("Devices/d1/Telemetry", None),
        ("devices/d1/Sensor", None),
    ],
)
def test_a_topic_in_another_case_is_seen(topic: str, uid: str | None) -> None:
    assert misspelt("devices", topic) == uid
