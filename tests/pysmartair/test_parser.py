"""What a message means, rule by rule as the protocol page has them."""

import json
from typing import Any

import pytest

from custom_components.smartair.pysmartair import (
    Buffered,
    ChannelState,
    ChoiceSetting,
    CommandResponse,
    ConfigState,
    Descriptor,
    DeviceEvent,
    NightSetting,
    NumberSetting,
    Odd,
    OtaState,
    Pairing,
    ParseError,
    PumpChannel,
    Rejection,
    ResponseStatus,
    Status,
    Telemetry,
    ToggleSetting,
    parse,
    parse_clock,
    unparse_descriptor,
)
from custom_components.smartair.pysmartair.protocol.parser import MAX_PAYLOAD

from . import UID, hear, refusal

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LEAST = {"protocol": 1, "device_type": "co2"}
PUMP_INFO: dict[str, Any] = {
    "protocol": 1,
    "device_type": "pump",
    "name": "Rack A pumps",
    "model": "smartair-pump",
    "manufacturer": "SmartAir",
    "area": "Greenhouse",
    "serial": "SA-1",
    "firmware_version": "2.1.0",
    "hardware_revision": "B",
    "chip": "ESP32-C3",
    "mac": "34:85:18:00:00:01",
    "ip": "192.168.1.51",
    "metrics": ["water_level", "flow_rate", "ph", "ec", "sap_flow"],
    "channels": [
        {
            "id": "pump_recirc",
            "type": "pump",
            "role": "recirculation",
            "fail_safe_mode": "NC",
            "controlled_by": "relay",
            "relay_logic": "active_open",
        },
        {"id": "pump_drain", "type": "pump", "role": "drain", "fail_safe_mode": "NO"},
    ],
    "config": {
        "report_interval": {"min": 1, "max": 3600},
        "co2_threshold": {"min": 400, "max": 5000},
        "night_mode": True,
        "alerts_enabled": {},
        "led": {"options": ["green", "blue"]},
        "fan": {"min": 0, "max": 100, "step": 5, "unit": "%"},
        "buzzer": True,
    },
    "commands": ["restart", "identify", "run_pump", "stop_pump", "reset_safety_lock"],
    "pairing": {"salt": "9f2c", "sha256": SHA256},
    "ota": {"signed": True},
}


def settings(offer: Any) -> Any:
    return hear("info", {**LEAST, "config": offer}).settings


def config(content: Any) -> Any:
    return hear("config/state", {"revision": 1, "config": content}).config


# --- any payload ---------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["status", "info", "telemetry", "data", "config/state", "event", "ota/state"])
def test_an_empty_payload_is_what_clears_a_retained_topic_and_says_nothing(channel: str) -> None:
    assert hear(channel, b"") is None


@pytest.mark.parametrize("payload", [b"x" * (MAX_PAYLOAD + 1), "x" * (MAX_PAYLOAD + 1), "€" * (MAX_PAYLOAD // 2)])
def test_more_than_64_kib_is_dropped_measured_in_bytes(payload: bytes | str) -> None:
    with pytest.raises(ParseError) as caught:
        parse("devices", "devices/co2_001/telemetry", payload)
    assert (caught.value.reason, caught.value.uid) == ("too_large", UID)


def test_64_kib_are_read() -> None:
    content = b'{"co2": 920}'
    assert hear("telemetry", content + b" " * (MAX_PAYLOAD - len(content))).sample.values == {"co2": 920}


@pytest.mark.parametrize("content", [b"[]", b"920", b'"online"', b"null", b"true", b"NaN", b"[" * 500 + b"]" * 500])
def test_json_that_is_no_object_is_refused(content: bytes) -> None:
    assert refusal("telemetry", content) == "not_an_object"


@pytest.mark.parametrize(
    "content", [b"{", b"co2=920", b'{"co2": 920,}', b"{'co2': 920}", b"[" * 60_000, b'{"co2": --nan}']
)
def test_what_is_no_json_is_refused(content: bytes) -> None:
    assert refusal("telemetry", content) == "not_json"


@pytest.mark.parametrize("content", [b'{"co2": 920, "name": "\xff"}', b"\xff\xfe", "{}".encode("utf-16")])
def test_what_is_not_utf_8_is_refused(content: bytes) -> None:
    assert refusal("telemetry", content) == "not_utf8"


def test_a_byte_order_mark_and_text_are_read_too() -> None:
    assert hear("telemetry", b'\xef\xbb\xbf{"co2": 920}').sample.values == {"co2": 920}
    message = parse("devices", "devices/co2_001/telemetry", '{"co2": 920}')
    assert message == hear("telemetry", {"co2": 920})


def test_a_text_with_half_a_character_is_refused() -> None:
    with pytest.raises(ParseError, match="not_utf8"):
        parse("devices", "devices/co2_001/telemetry", '{"co2": "\ud800"}')


def test_of_a_name_that_comes_twice_the_last_counts() -> None:
    assert hear("telemetry", b'{"co2": 920, "co2": 930}').sample.values == {"co2": 930}


@pytest.mark.parametrize("depth", [10, 1000, 2000, 20_000])
def test_deep_nesting_spoils_at_most_its_own_message(depth: int) -> None:
    nest = b"[" * depth + b"]" * depth
    assert refusal("info", b'{"device_type": "co2", "protocol": ' + nest + b"}") in {
        "unsupported_protocol",
        "not_json",
    }


@pytest.mark.parametrize(
    "channel", ["info", "telemetry", "data", "config/state", "command_response", "ota/state", "event"]
)
def test_a_device_speaks_for_nobody_else(channel: str) -> None:
    everything = {**LEAST, "revision": 1, "cmd_id": "1", "status": "DONE", "state": "failed", "event": "boot"}
    assert hear(channel, {**everything, "device_uid": UID}).uid == UID
    assert hear(channel, {**everything, "device_uid": None}).uid == UID
    assert refusal(channel, {**everything, "device_uid": "co2_002"}) == "foreign_uid"
    assert refusal(channel, {**everything, "device_uid": 7}) == "foreign_uid"
    assert refusal(channel, {**everything, "device_uid": "co2-001"}) == "foreign_uid"


@pytest.mark.parametrize(
    ("uid", "written"),
    [
        ("co2_001", '"CO2_001"'),
        ("co2_001", '" co2_001"'),
        ("A1B2C3", '"a1b2c3"'),
        ("4909223", "4909223"),
        ("4909223", "4909223.0"),
        ("0", "0"),
    ],
)
def test_a_uid_in_another_case_or_as_the_number_that_it_is_speaks_for_its_topic(uid: str, written: str) -> None:
    message = parse("devices", f"devices/{uid}/telemetry", f'{{"device_uid": {written}, "co2": 700}}')
    assert isinstance(message, Telemetry)
    assert (message.uid, message.sample.values) == (uid, {"co2": 700})


@pytest.mark.parametrize("written", ["4909224", "490922.3", "true", "1e400", "[4909223]", '"04909223"', "-4909223"])
def test_another_number_is_another_device(written: str) -> None:
    with pytest.raises(ParseError, match="foreign_uid"):
        parse("devices", "devices/4909223/telemetry", f'{{"device_uid": {written}, "co2": 700}}')


def test_an_error_says_why_and_whose() -> None:
    error = ParseError("not_json", "co2_001", "line 1")
    assert (str(error), error.reason, error.uid) == ("not_json: line 1", "not_json", "co2_001")
    assert str(ParseError("no_event")) == "no_event"


@pytest.mark.parametrize(
    ("channel", "content"),
    [("status", "\nERROR (MainThread) \x1b[31mfire"), ("info", {"protocol": "\nERROR", "device_type": "co2"})],
)
def test_no_device_writes_lines_of_its_own_into_the_log(channel: str, content: object) -> None:
    with pytest.raises(ParseError) as caught:
        hear(channel, content)
    assert str(caught.value).isprintable()


# --- status --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("payload", "online"), [("online", True), ("offline", False), ("Online\r\n", True)])
def test_a_device_is_online_or_offline(payload: str, online: bool) -> None:
    assert hear("status", payload) == Status(uid=UID, online=online)


@pytest.mark.parametrize("payload", ["asleep", "Asleep\n"])
def test_a_device_that_is_asleep_is_not_online_and_says_that_it_will_be_back(payload: str) -> None:
    assert hear("status", payload) == Status(uid=UID, online=False, asleep=True)


@pytest.mark.parametrize(
    "payload", ["perhaps", "2", "truth", '{"status": "online"}', "onlin", "\xff", " ", "online" * 9]
)
def test_any_other_status_is_refused(payload: str) -> None:
    assert refusal("status", payload) == "not_a_status"


# --- telemetry -----------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["telemetry", "data"])
def test_telemetry_is_flat_numbers_by_name_under_either_topic(channel: str) -> None:
    message = hear(
        channel,
        {
            "device_uid": "co2_001",
            "timestamp": 1733612400,
            "co2": 920,
            "temperature": 25.1,
            "humidity": 29,
            "firmware_version": "2.0.1",
            "ip": "192.168.1.50",
            "uptime": 3600,
            "seq": 17,
            "boot_id": "c44b",
            "device_type": "co2",
        },
    )
    assert message.sample.values == {"co2": 920, "temperature": 25.1, "humidity": 29}
    assert message.sample.timestamp == 1733612400
    assert (message.sample.rejected, message.sample.unknown, message.channels) == ({}, (), {})
    assert (message.firmware_version, message.ip, message.uptime) == ("2.0.1", "192.168.1.50", 3600)
    assert (message.seq, message.boot_id, message.device_type) == (17, "c44b", "co2")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("NaN", Rejection.OUT_OF_RANGE),
        ("Infinity", Rejection.OUT_OF_RANGE),
        ("-Infinity", Rejection.OUT_OF_RANGE),
        ("nan", Rejection.OUT_OF_RANGE),
        ("-nan", Rejection.OUT_OF_RANGE),
        ("inf", Rejection.OUT_OF_RANGE),
        ("-INF", Rejection.OUT_OF_RANGE),
        ("1e999", Rejection.OUT_OF_RANGE),
        ("-1e999", Rejection.OUT_OF_RANGE),
        ("9" * 400, Rejection.OUT_OF_RANGE),
        ("0", Rejection.OUT_OF_RANGE),
        ("60000.1", Rejection.OUT_OF_RANGE),
        ("true", Rejection.NOT_A_NUMBER),
        ("false", Rejection.NOT_A_NUMBER),
        ('""', Rejection.NOT_A_NUMBER),
        ('"920 ppb"', Rejection.NOT_A_NUMBER),
        ('"nan"', Rejection.NOT_A_NUMBER),
        ('"inf"', Rejection.NOT_A_NUMBER),
        ('"9 20"', Rejection.NOT_A_NUMBER),
        ('"9_20"', Rejection.NOT_A_NUMBER),
        ('"0x398"', Rejection.NOT_A_NUMBER),
        ('"1.23,5"', Rejection.NOT_A_NUMBER),
        ('"' + "9" * 400 + '"', Rejection.NOT_A_NUMBER),
        ('"60001"', Rejection.OUT_OF_RANGE),
        ('"1e999"', Rejection.OUT_OF_RANGE),
        ("[920]", Rejection.NOT_A_NUMBER),
        ('{"value": 920, "unit": "ppb"}', Rejection.NOT_A_NUMBER),
    ],
)
def test_a_bad_value_rejects_its_metric_and_never_the_message(written: str, why: Rejection) -> None:
    sample = hear("telemetry", f'{{"co2": {written}, "temperature": 25.1}}').sample
    assert sample.values == {"temperature": 25.1}
    assert sample.rejected == {"co2": why}


# Some devices write each number as a text, as their owner's printf or a spreadsheet did.
@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("temperature", "24.1", 24.1),
        ("humidity", "51", 51),
        ("co2", " 612 ", 612),
        ("temperature", "22,5", 22.5),
        ("temperature", "-3,25", -3.25),
        ("temperature", "+7", 7),
        ("pm25", ".5", 0.5),
        ("pm25", ",5", 0.5),
        ("co2", "9.2e2", 920),
        ("humidity", "100.4", 100.4),
        # A comma before three digits can mean two numbers, of which only one can be.
        ("co2", "1,234", 1234),
        ("temperature", "22,125", 22.125),
        ("ph", "6,125", 6.125),
        ("pressure", "1,013", 1013),
        ("ec", "0,125", 0.125),
    ],
)
def test_a_text_that_can_mean_one_number_only_is_that_number(name: str, text: str, value: float) -> None:
    sample = hear("telemetry", {name: text}).sample
    assert (sample.values, sample.rejected, sample.odd) == ({name: value}, {}, {})


@pytest.mark.parametrize(("name", "text"), [("lux", "1,234"), ("net_rx", "12,500"), ("vibration_peak", "1,500")])
def test_a_comma_that_may_part_decimals_or_thousands_is_named_and_not_guessed(name: str, text: str) -> None:
    sample = hear("telemetry", {name: text}).sample
    assert (sample.values, sample.rejected) == ({}, {name: Rejection.AMBIGUOUS})
    assert sample.odd == {name: Odd(Rejection.AMBIGUOUS, f'"{text}"')}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('"warm"', '"warm"'),
        ('"a\u202eb\\n"', '"ab"'),
        ("true", "true"),
        ("NaN", "nan"),
        ("140", "140"),
        ("-1e999", "-inf"),
        ("[1, 2]", "[…]"),
        ('{"a": 1}', "{…}"),
        ('"' + "x" * 99 + '"', '"' + "x" * 32 + '"'),
        ("9" * 400, "9" * 32),
    ],
)
def test_what_could_not_be_taken_is_kept_as_people_can_read_it(written: str, said: str) -> None:
    odd = hear("telemetry", f'{{"humidity": {written}}}').sample.odd
    assert {name: one.said for name, one in odd.items()} == {"humidity": said}


def test_only_a_bare_nan_is_no_number_one_in_a_text_stays_text() -> None:
    message = hear("telemetry", r'{"co2": nan, "boot_id": "nan, \"inf\": -nan", "firmware_version": "inf"}')
    assert (message.boot_id, message.firmware_version) == ('nan, "inf": -nan', "inf")


def test_a_payload_made_of_quotation_marks_takes_no_longer_than_others() -> None:
    assert refusal("telemetry", b'{"co2": nan, ' + b'"\\' * 32_000) == "not_json"


def test_null_is_a_sensors_way_to_have_no_value_and_rejects_nothing() -> None:
    sample = hear("telemetry", {"co2": None, "temperature": 25.1}).sample
    assert (sample.values, sample.rejected) == ({"temperature": 25.1}, {})


@pytest.mark.parametrize(
    "content", ['{"temp": 20, "temperature": 25}', '{"temperature": 25, "temp": 20, "temp_air": "x"}']
)
def test_a_canonical_name_outranks_its_alias_whichever_comes_first(content: str) -> None:
    sample = hear("telemetry", content).sample
    assert (sample.values, sample.rejected) == ({"temperature": 25}, {})


def test_a_bad_alias_rejects_the_metric_by_its_canonical_name() -> None:
    assert hear("telemetry", {"pm2_5": -1}).sample.rejected == {"pm25": Rejection.OUT_OF_RANGE}


def test_unknown_names_are_no_error_and_are_named() -> None:
    sample = hear("telemetry", {"co2": 920, "radon": 7, "Co2": 1, "note": "hello", "": 1, "a\u202eb": 2}).sample
    assert sample.values == {"co2": 920}
    assert sample.unknown == ("radon", "Co2", "note", "?", "ab")


def test_no_message_brings_more_than_64_unknown_names_of_64_letters() -> None:
    sample = hear("telemetry", {f"{'x' * 100}{number}": 1 for number in range(400)}).sample
    assert len(sample.unknown) == 64
    assert {len(name) for name in sample.unknown} == {64}


@pytest.mark.parametrize(
    "timestamp",
    [0, 1, -1, 0.0, 1_577_836_799, None, "0", "", "2019-12-31T23:59:59Z", -1e300],
)
def test_what_is_before_2020_means_that_there_is_no_clock_and_is_no_fault(timestamp: object) -> None:
    sample = hear("telemetry", {"co2": 920, "timestamp": timestamp}).sample
    assert (sample.timestamp, sample.odd) == (None, {})
    assert hear("telemetry", {"co2": 920}).sample.timestamp is None


# 2024-12-08, a little before midnight in Greenwich.
MOMENT = 1_733_612_400


@pytest.mark.parametrize(
    ("timestamp", "moment"),
    [
        (str(MOMENT), MOMENT),
        (f"{MOMENT}.25", MOMENT + 0.25),
        (f" {MOMENT},5 ", MOMENT + 0.5),
        (MOMENT * 10**3 + 534, MOMENT + 0.534),
        (MOMENT * 10**6, MOMENT),
        (MOMENT * 10**9, MOMENT),
        (float(MOMENT * 1000), MOMENT),
        (f"{MOMENT * 1000}", MOMENT),
        ("2024-12-07T23:00:00Z", MOMENT),
        ("2024-12-07T23:00:00z", MOMENT),
        ("2024-12-08T00:00:00+01:00", MOMENT),
        ("2024-12-08T00:00:00+0100", MOMENT),
        ("2024-12-07T18:00:00.5-05:00", MOMENT + 0.5),
        ("2024-12-08 00:00:00 +0100", MOMENT),
        ("2024-12-07 23:00:00 UTC", MOMENT),
        ("20241207T230000Z", MOMENT),
    ],
)
def test_a_time_in_any_form_that_means_one_moment_is_that_moment(timestamp: object, moment: float) -> None:
    sample = hear("telemetry", {"co2": 920, "timestamp": timestamp}).sample
    assert (sample.timestamp, sample.odd) == (pytest.approx(moment, abs=1e-6), {})


@pytest.mark.parametrize(
    ("timestamp", "said"),
    [
        ("yesterday", '"yesterday"'),
        # Of which place?
        ("2024-12-08T00:00:00", '"2024-12-08T00:00:00"'),
        ("2024-12-08", '"2024-12-08"'),
        ("2024-13-08T00:00:00Z", '"2024-13-08T00:00:00Z"'),
        (True, "true"),
        (float("nan"), "nan"),
        (float("inf"), "nan"),
        ([], "[…]"),
        (5_000_000_000, "5000000000"),
        (10**400, "1" + "0" * 31),
        ("Z" * 5000, '"' + "Z" * 32 + '"'),
    ],
)
def test_a_time_that_cannot_be_read_is_none_and_is_named(timestamp: object, said: str) -> None:
    sample = hear("telemetry", {"co2": 920, "timestamp": timestamp}).sample
    assert (sample.timestamp, sample.values, sample.rejected) == (None, {"co2": 920}, {})
    assert sample.odd == {"timestamp": Odd(Rejection.NOT_A_NUMBER, said)}


@pytest.mark.parametrize("timestamp", [1_577_836_800, 1_733_612_400, 1_733_612_400.25, 4_294_967_295])
def test_a_timestamp_is_whole_or_a_fraction(timestamp: float) -> None:
    assert hear("telemetry", {"co2": 920, "timestamp": timestamp}).sample.timestamp == timestamp


@pytest.mark.parametrize(
    ("seq", "kept"),
    [
        (0, 0),
        (7, 7),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (-1, None),
        (1.0, 1),
        (1.5, None),
        ("7", 7),
        ("7a", None),
        (True, None),
        (float("inf"), None),
    ],
)
def test_seq_is_a_whole_number_of_64_bits(seq: object, kept: int | None) -> None:
    assert hear("telemetry", {"co2": 920, "seq": seq}).seq == kept


def test_the_number_of_a_message_may_be_called_sequence() -> None:
    message = hear("telemetry", {"co2": 920, "sequence": 7})
    assert (message.seq, message.sample.unknown) == (7, ())
    assert hear("telemetry", {"co2": 920, "sequence": 7, "seq": 8}).seq == 8


@pytest.mark.parametrize(
    ("boot_id", "kept"), [("c44b", "c44b"), (7, "7"), (-1, None), (None, None), ("", None), ([], None)]
)
def test_boot_id_is_a_word_or_a_number(boot_id: object, kept: str | None) -> None:
    assert hear("telemetry", {"co2": 920, "boot_id": boot_id}).boot_id == kept


@pytest.mark.parametrize(("uptime", "kept"), [(60, 60), ("60", 60), ("1.5", 1.5)])
def test_an_uptime_is_a_number_also_as_a_text(uptime: object, kept: float) -> None:
    assert hear("telemetry", {"co2": 920, "uptime": uptime}).uptime == kept


@pytest.mark.parametrize(("sleep", "kept"), [(150, 150), ("150", 150), (-1, None), (10**9, None), ("long", None)])
def test_how_long_a_device_sleeps_is_said_in_seconds(sleep: object, kept: float | None) -> None:
    message = hear("telemetry", {"co2": 920, "sleep_s": sleep})
    assert (message.sleep_s, message.sample.unknown) == (kept, ())
    descriptor = hear("info", {**LEAST, "sleep_s": sleep})
    assert descriptor.sleep_s == kept
    assert hear("info", unparse_descriptor(descriptor)) == descriptor


@pytest.mark.parametrize("uptime", [-1, "1 day", True, float("nan"), 1e11, None])
def test_an_uptime_that_cannot_be_is_none(uptime: object) -> None:
    assert hear("telemetry", {"co2": 920, "uptime": uptime}).uptime is None


@pytest.mark.parametrize("code", ["CO2", "my type", 7, "", "ä", "a" * 49])
def test_a_type_that_is_no_word_is_none(code: object) -> None:
    assert hear("telemetry", {"co2": 920, "device_type": code}).device_type is None


# --- channels in telemetry -----------------------------------------------------------------------


def test_channels_report_inside_the_same_message() -> None:
    state = {"on": True, "current_ma": 812, "flow_l_min": 3.2, "lock": None}
    message = hear("telemetry", {"water_level": 78, "channels": {"pump_recirc": state}})
    assert message.channels == {"pump_recirc": ChannelState(on=True, current_ma=812, flow_l_min=3.2)}
    assert message.sample.values == {"water_level": 78}
    assert message.sample.unknown == ()


@pytest.mark.parametrize("yes", [True, 1, 1.0, "1", "on", "ON", "true", "True", "yes", " YES "])
@pytest.mark.parametrize("no", [False, 0, 0.0, "0", "off", "OFF", "false", "no"])
def test_a_pump_that_runs_or_rests_says_so_in_any_form_of_yes_and_no(yes: object, no: object) -> None:
    channels = hear("telemetry", {"channels": {"a": {"on": yes}, "b": {"on": no}}}).channels
    assert (channels["a"].on, channels["b"].on) == (True, False)


@pytest.mark.parametrize("bad", [2, -1, 0.5, "maybe", "", [], {}, float("nan")])
def test_a_pump_is_on_or_off_or_nobody_knows_and_that_is_named(bad: object) -> None:
    message = hear("telemetry", {"channels": {"a": {"on": bad}}})
    assert message.channels["a"].on is None
    assert set(message.sample.odd) == {"a.on"}


def test_a_pump_that_says_nothing_of_its_state_is_not_at_fault() -> None:
    message = hear("telemetry", {"channels": {"a": {"on": None}, "b": {"lock": None}}})
    assert ({name: one.on for name, one in message.channels.items()}, message.sample.odd) == (
        {"a": None, "b": None},
        {},
    )


def test_a_current_and_a_flow_are_read_from_texts_too() -> None:
    state = hear("telemetry", {"channels": {"a": {"current_ma": "812", "flow_l_min": "3,2"}}}).channels["a"]
    assert state == ChannelState(current_ma=812, flow_l_min=3.2)


def test_what_a_pump_says_that_cannot_be_is_named() -> None:
    message = hear("telemetry", {"channels": {"a": {"current_ma": 99_999, "flow_l_min": "much"}}, "co2": 0})
    assert message.sample.odd == {
        "co2": Odd(Rejection.OUT_OF_RANGE, "0"),
        "a.current_ma": Odd(Rejection.OUT_OF_RANGE, "99999"),
        "a.flow_l_min": Odd(Rejection.NOT_A_NUMBER, '"much"'),
    }
    assert message.sample.rejected == {"co2": Rejection.OUT_OF_RANGE}


def test_a_flow_whose_comma_means_two_numbers_is_not_guessed() -> None:
    message = hear("telemetry", {"channels": {"a": {"current_ma": "1,234"}}})
    assert message.channels["a"].current_ma is None
    assert message.sample.odd == {"a.current_ma": Odd(Rejection.AMBIGUOUS, '"1,234"')}


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1000, True, "much", None, 1e9])
def test_a_current_or_a_flow_that_cannot_be_is_none(bad: object) -> None:
    state = hear("telemetry", {"channels": {"a": {"on": True, "current_ma": bad, "flow_l_min": bad}}}).channels["a"]
    assert state == ChannelState(on=True)


@pytest.mark.parametrize(("current", "flow"), [(0, 0), (-200, -5), (60_000, 500)])
def test_both_ends_of_what_a_pump_can_draw_and_move_are_taken(current: float, flow: float) -> None:
    state = {"current_ma": current, "flow_l_min": flow}
    assert hear("telemetry", {"channels": {"a": state}}).channels["a"] == ChannelState(
        current_ma=current, flow_l_min=flow
    )
    for beyond in ({"current_ma": 60_000.1, "flow_l_min": 500.1}, {"current_ma": -200.1, "flow_l_min": -5.1}):
        assert hear("telemetry", {"channels": {"a": beyond}}).channels["a"] == ChannelState()


@pytest.mark.parametrize(
    "lock",
    [None, False, "", 0, 0.0, [], " ", "none", "None", "ok", "OK", "off", "false", "0", "no", "null", "unlocked"],
)
def test_a_channel_without_a_lock_has_none(lock: object) -> None:
    assert hear("telemetry", {"channels": {"a": {"lock": lock}}}).channels["a"].lock is None


@pytest.mark.parametrize(
    ("lock", "code"),
    [
        ("biz_overcurrent", "biz_overcurrent"),
        (True, "unknown"),
        (3, "unknown"),
        ("\u202e", "unknown"),
        ({"a": 1}, "unknown"),
    ],
)
def test_a_lock_that_cannot_be_read_is_a_lock_all_the_same(lock: object, code: str) -> None:
    assert hear("telemetry", {"channels": {"a": {"lock": lock}}}).channels["a"].lock == code


@pytest.mark.parametrize("channels", [None, [], "a", 7, {"a b": {"on": True}}, {"a": 1}, {"-": {}}, {"a" * 33: {}}])
def test_channels_that_are_none_are_left_out(channels: object) -> None:
    message = hear("telemetry", {"co2": 920, "channels": channels})
    assert (message.channels, message.sample.values) == ({}, {"co2": 920})


def test_no_message_brings_more_than_64_channels() -> None:
    assert len(hear("telemetry", {"channels": {f"c{number}": {"on": True} for number in range(99)}}).channels) == 64


# --- buffered ------------------------------------------------------------------------------------


def test_a_buffered_message_is_history_sample_by_sample() -> None:
    message = hear(
        "telemetry",
        {
            "device_uid": "co2_001",
            "buffered": True,
            "samples": [
                {"timestamp": 1733612400, "co2": 920, "radon": 1},
                {"timestamp": 1733612430, "co2": 0},
                {"co2": 931},
                7,
            ],
        },
    )
    assert isinstance(message, Buffered)
    assert [(one.timestamp, dict(one.values)) for one in message.samples] == [
        (1733612400, {"co2": 920}),
        (1733612430, {}),
        (None, {"co2": 931}),
    ]
    assert message.samples[0].unknown == ("radon",)
    assert message.samples[1].rejected == {"co2": Rejection.OUT_OF_RANGE}


@pytest.mark.parametrize("mark", [True, 1, 1.0, "yes", "true", "ON"])
def test_a_sample_that_is_marked_as_buffered_is_history_wrapped_or_not(mark: object) -> None:
    message = hear("telemetry", {"buffered": mark, "timestamp": 1733612400, "co2": 920})
    assert isinstance(message, Buffered)
    assert [dict(one.values) for one in message.samples] == [{"co2": 920}]


def test_samples_are_history_even_where_the_mark_is_missing() -> None:
    assert isinstance(hear("telemetry", {"samples": [{"co2": 920}]}), Buffered)
    assert isinstance(hear("telemetry", {"samples": [7, {"co2": 920}]}), Buffered)


@pytest.mark.parametrize(
    ("content", "unknown"),
    [
        ({"samples": 5_063_245}, ("samples",)),
        ({"samples": "many"}, ("samples",)),
        ({"samples": [612, 613]}, ("samples",)),
        ({"samples": {"co2": 1}}, ("samples",)),
        ({"samples": None}, ()),
        ({"samples": []}, ()),
        ({"buffered": 12}, ("buffered",)),
        ({"buffered": "queue"}, ("buffered",)),
        ({"buffered": None}, ()),
        ({"buffered": False}, ()),
        ({"buffered": 0}, ()),
        ({"buffered": "no"}, ()),
        ({"buffered": 12, "samples": 7}, ("buffered", "samples")),
    ],
)
def test_a_marker_is_known_by_what_it_is_and_not_by_its_being_there(
    content: dict[str, object], unknown: tuple[str, ...]
) -> None:
    message = hear("telemetry", {"pm25": 6.2, **content})
    assert isinstance(message, Telemetry)
    assert (message.sample.values, message.sample.unknown) == ({"pm25": 6.2}, unknown)


@pytest.mark.parametrize("mark", [False, None, 0])
def test_what_is_marked_as_not_buffered_is_of_now(mark: object) -> None:
    assert hear("telemetry", {"buffered": mark, "co2": 920}).sample.values == {"co2": 920}


def test_a_message_holds_200_samples_and_not_one_more() -> None:
    assert len(hear("telemetry", {"buffered": True, "samples": [{"co2": 920}] * 200}).samples) == 200
    assert refusal("telemetry", {"buffered": True, "samples": [{"co2": 920}] * 201}) == "too_many_samples"


# --- info ----------------------------------------------------------------------------------------


def test_only_the_protocol_and_the_type_are_required() -> None:
    assert hear("info", LEAST) == Descriptor(uid=UID, device_type="co2")


@pytest.mark.parametrize("protocol", [0, 2, 1.5, "2", True, None, [1], 10**30, float("nan")])
def test_another_protocol_is_refused(protocol: object) -> None:
    assert refusal("info", {"protocol": protocol, "device_type": "co2"}) == "unsupported_protocol"
    assert refusal("info", {"device_type": "co2"}) == "unsupported_protocol"


@pytest.mark.parametrize("device_type", [None, "", "co-2", "co2 meter", "2co", 7, True, ["co2"], "co2\0", "со2"])  # noqa: RUF001
def test_a_device_without_a_type_is_refused(device_type: object) -> None:
    assert refusal("info", {"protocol": 1, "device_type": device_type}) == "no_device_type"
    assert refusal("info", {"protocol": 1}) == "no_device_type"


def test_a_type_of_the_owners_is_taken_as_it_is() -> None:
    assert hear("info", {"protocol": 1, "device_type": "aquarium"}).device_type == "aquarium"


def test_a_whole_descriptor_is_understood() -> None:
    assert hear("info", PUMP_INFO) == Descriptor(
        uid=UID,
        device_type="pump",
        name="Rack A pumps",
        model="smartair-pump",
        manufacturer="SmartAir",
        area="Greenhouse",
        serial="SA-1",
        firmware_version="2.1.0",
        hardware_revision="B",
        chip="ESP32-C3",
        mac="34:85:18:00:00:01",
        ip="192.168.1.51",
        metrics=("water_level", "flow_rate", "ph", "ec"),
        unknown_metrics=("sap_flow",),
        channels=(
            PumpChannel(id="pump_recirc", type="pump", role="recirculation", fail_safe_mode="NC"),
            PumpChannel(id="pump_drain", type="pump", role="drain", fail_safe_mode="NO"),
        ),
        settings={
            "report_interval": NumberSetting(minimum=1, maximum=3600, unit="s"),
            "co2_threshold": NumberSetting(minimum=400, maximum=5000, step=50, unit="ppm"),
            "night_mode": NightSetting(),
            "alerts_enabled": ToggleSetting(),
            "led": ChoiceSetting(options=("green", "blue")),
            "fan": NumberSetting(minimum=0, maximum=100, step=5, unit="%"),
            "buzzer": ToggleSetting(),
        },
        commands=("restart", "identify", "run_pump", "stop_pump", "reset_safety_lock"),
        pairing=Pairing(salt="9f2c", sha256=SHA256),
        updates=True,
        signed_ota=True,
    )


@pytest.mark.parametrize(
    "content", [PUMP_INFO, LEAST, {**LEAST, "commands": [], "config": {}}, {**LEAST, "config": {"x": 1}}]
)
def test_a_descriptor_that_is_kept_parses_to_itself(content: dict[str, Any]) -> None:
    descriptor = hear("info", content)
    assert hear("info", unparse_descriptor(descriptor)) == descriptor


@pytest.mark.parametrize(
    "field", ["name", "metrics", "channels", "config", "commands", "ota", "mac", "ip", "firmware_version", "area"]
)
@pytest.mark.parametrize("bad", [7, "\x07", [7], [None], {"a": []}, True, 1e999, [[[]]], {"": {}}])
def test_a_field_that_is_wrong_costs_only_itself(field: str, bad: object) -> None:
    if (field, bad) == ("firmware_version", 7):
        bad = True  # Some write their version as a number.
    descriptor = hear("info", {**LEAST, "model": "smartair-co2", field: bad})
    assert (descriptor.device_type, descriptor.model) == ("co2", "smartair-co2")
    assert getattr(descriptor, field, None) in (None, (), {})


def test_texts_are_cut_trimmed_and_printable() -> None:
    descriptor = hear(
        "info", {**LEAST, "name": "  \x1b[31mB\u202ead\r\nroom  ", "model": "m" * 300, "area": "a" * 63 + " b"}
    )
    assert descriptor.name == "[31mBadroom"
    assert descriptor.model == "m" * 64
    assert descriptor.area == "a" * 63
    assert hear("info", {**LEAST, "name": "Спальня 卧室 🌱"}).name == "Спальня 卧室 🌱"


def test_metrics_are_canonical_and_each_once() -> None:
    descriptor = hear(
        "info", {**LEAST, "metrics": ["temp", "temperature", "co2", "temp_air", "radon", "radon", "X", 7]}
    )
    assert descriptor.metrics == ("temperature", "co2")
    assert descriptor.unknown_metrics == ("radon",)


def test_a_channel_needs_an_id_and_each_comes_once() -> None:
    channels = [
        {"id": "a", "role": "drain"},
        {"role": "fill"},
        {"id": "a b"},
        {"id": 7.5},
        "a",
        {"id": "a", "type": "VALVE"},
    ]
    assert hear("info", {**LEAST, "channels": channels}).channels == (PumpChannel(id="a", type="valve"),)


@pytest.mark.parametrize("commands", [None, "restart", {"restart": 1}])
def test_a_device_that_does_not_list_its_commands_left_them_open(commands: object) -> None:
    assert hear("info", {**LEAST, "commands": commands}).commands is None


def test_a_device_may_have_no_command_at_all() -> None:
    assert hear("info", {**LEAST, "commands": []}).commands == ()


@pytest.mark.parametrize("ota", [{"signed": False}, {"signed": 1}, {}, True, None])
def test_only_a_device_that_says_so_checks_signatures(ota: object) -> None:
    assert hear("info", {**LEAST, "ota": ota}).signed_ota is False


@pytest.mark.parametrize(("ota", "updates"), [({}, True), ({"signed": False}, True), (True, True), (False, False)])
def test_a_device_takes_updates_where_it_says_anything_of_them(ota: object, updates: bool) -> None:
    descriptor = hear("info", {**LEAST, "ota": ota})
    assert descriptor.updates is updates
    assert hear("info", unparse_descriptor(descriptor)) == descriptor
    assert hear("info", LEAST).updates is False


# --- info: pairing -------------------------------------------------------------------------------


def test_a_device_that_asks_for_no_code_has_no_pairing() -> None:
    assert hear("info", {**LEAST, "pairing": None}).pairing is None


def test_a_salt_has_up_to_256_letters() -> None:
    assert hear("info", {**LEAST, "pairing": {"salt": "s" * 256, "sha256": SHA256}}).pairing is not None


def test_a_checksum_is_compared_in_lower_case() -> None:
    assert hear("info", {**LEAST, "pairing": {"salt": "s", "sha256": SHA256.upper()}}).pairing == Pairing(
        salt="s", sha256=SHA256
    )


@pytest.mark.parametrize(
    "pairing",
    [
        True,
        {},
        [],
        "12345678",
        {"salt": "s"},
        {"sha256": SHA256},
        {"salt": 7, "sha256": SHA256},
        {"salt": "s", "sha256": 7},
        {"salt": "s", "sha256": SHA256[:-1]},
        {"salt": "s", "sha256": SHA256 + "\n"},
        {"salt": "s", "sha256": "g" * 64},
        {"salt": "s" * 257, "sha256": SHA256},
        {"salt": "\ud800", "sha256": SHA256},
        {"salt": "\0", "sha256": SHA256},
    ],
)
def test_a_pairing_that_cannot_be_read_is_never_taken_for_none(pairing: object) -> None:
    assert refusal("info", {**LEAST, "pairing": pairing}) == "bad_pairing"


# --- info: settings ------------------------------------------------------------------------------


def test_settings_may_be_a_plain_list_of_what_the_protocol_knows() -> None:
    assert settings(["report_interval", "night_mode", "warp"]) == {
        "report_interval": NumberSetting(minimum=1, maximum=3600, unit="s"),
        "night_mode": NightSetting(),
    }


@pytest.mark.parametrize(
    ("offer", "limits"),
    [
        ({"min": 10, "max": 600}, (10, 600)),
        ({"min": 10}, (10, 3600)),
        ({"max": 600}, (1, 600)),
        ({}, (1, 3600)),
        (True, (1, 3600)),
        (None, (1, 3600)),
        ({"min": 0, "max": 1e9}, (1, 3600)),
        ({"min": float("nan"), "max": "much"}, (1, 3600)),
    ],
)
def test_a_descriptor_narrows_what_the_protocol_fixes_and_never_widens_it(offer: object, limits: object) -> None:
    setting = settings({"report_interval": offer})["report_interval"]
    assert (setting.minimum, setting.maximum) == limits


@pytest.mark.parametrize(
    "offer",
    [
        {"min": 1},
        {"max": 1},
        {"min": 2, "max": 1},
        {"min": 1, "max": 1},
        {"min": float("nan"), "max": 1},
        {"min": 0, "max": 1e300},
        {"options": []},
        {"options": [7, None, "\x07"]},
        {"options": "ab"},
        {"type": []},
        {"type": {}},
        {"type": "text"},
        {},
        None,
        7,
        "on",
        [],
        False,
    ],
)
def test_a_setting_whose_kind_cannot_be_told_is_not_offered(offer: object) -> None:
    assert settings({"fan": offer, "night_mode": True}) == {"night_mode": NightSetting()}


@pytest.mark.parametrize("name", ["report_interval", "night_mode", "alerts_enabled"])
def test_a_setting_that_the_device_denies_is_not_offered(name: str) -> None:
    assert settings({name: False}) == {}


@pytest.mark.parametrize("name", ["revision", "timestamp", "device_uid", "Fan", "fan speed", "", "1st", "é"])
def test_what_is_no_name_of_a_setting_is_not_offered(name: str) -> None:
    assert settings({name: {"min": 0, "max": 1}}) == {}


@pytest.mark.parametrize("offer", [True, {"type": "bool"}, {"type": "boolean"}])
def test_a_setting_is_a_switch_when_the_device_says_so(offer: object) -> None:
    assert settings({"buzzer": offer}) == {"buzzer": ToggleSetting()}


def test_a_setting_of_the_protocol_stays_of_its_kind_whatever_a_device_offers() -> None:
    assert settings({"report_interval": {"options": ["fast", "slow"]}}) == {
        "report_interval": NumberSetting(minimum=1, maximum=3600, unit="s")
    }


def test_the_options_of_a_choice_are_words_each_once() -> None:
    assert settings({"led": {"options": ["green", "green", " blue ", 7, "\x07"]}}) == {
        "led": ChoiceSetting(options=("green", "blue"))
    }


@pytest.mark.parametrize("offer", ["all", 7, None, True])
def test_a_config_that_is_none_offers_nothing(offer: object) -> None:
    assert settings(offer) == {}


def test_a_device_without_config_left_its_settings_open() -> None:
    assert hear("info", LEAST).settings is None


# --- config/state --------------------------------------------------------------------------------


def test_a_device_says_what_it_applied_and_what_it_refused() -> None:
    state = {
        "revision": 7,
        "applied": True,
        "config": {
            "report_interval": 30,
            "alerts_enabled": True,
            "night_mode": {"start": 22, "end": 7},
            "led": "blue",
        },
        "rejected": {"report_interval": "below 1", "co2_threshold": None, "No!": "x", "a": "r" * 500},
    }
    assert hear("config/state", state) == ConfigState(
        uid=UID,
        revision=7,
        applied=True,
        config={
            "report_interval": 30,
            "alerts_enabled": True,
            "night_mode": {"start": "22:00", "end": "07:00"},
            "led": "blue",
        },
        rejected={"report_interval": "below 1", "co2_threshold": "?", "a": "r" * 120},
    )


@pytest.mark.parametrize("revision", [None, -1, 1.5, "seven", True, [], 2**63])
def test_a_state_without_a_revision_is_refused(revision: object) -> None:
    assert refusal("config/state", {"revision": revision, "config": {}}) == "no_revision"


@pytest.mark.parametrize(
    ("said", "applied"),
    [(True, True), (1, True), (False, False), (0, False), (None, False), ("no", False), ("yes", True), ("?", False)],
)
def test_applied_is_applied_only_when_the_device_says_so(said: object, applied: bool) -> None:
    assert hear("config/state", {"revision": 1, "applied": said}).applied is applied


def test_a_device_that_answers_with_a_revision_alone_has_applied_it() -> None:
    assert hear("config/state", {"revision": 1}) == ConfigState(uid=UID, revision=1, applied=True, config={})


@pytest.mark.parametrize("bad", [None, [], "x", 7])
def test_a_config_or_a_list_of_reasons_that_is_none_is_empty(bad: object) -> None:
    state = hear("config/state", {"revision": 1, "config": bad, "rejected": bad})
    assert (state.config, state.rejected) == ({}, {})


@pytest.mark.parametrize(
    ("night", "shown"),
    [
        ({"start": 22, "end": 7}, {"start": "22:00", "end": "07:00"}),
        ({"start": "22:30", "end": "7:05"}, {"start": "22:30", "end": "07:05"}),
        ({"start": 0, "end": "23:59"}, {"start": "00:00", "end": "23:59"}),
        ({"start": 22, "end": 22, "more": 1}, {"start": "22:00", "end": "22:00"}),
        (None, None),
        (False, None),
    ],
)
def test_night_mode_is_two_times_of_day_or_off(night: object, shown: object) -> None:
    assert config({"night_mode": night}) == {"night_mode": shown}


@pytest.mark.parametrize(
    "night",
    [
        True,
        22,
        "22-7",
        [],
        {},
        {"start": 22},
        {"start": 24, "end": 7},
        {"start": -1, "end": 7},
        {"start": True, "end": 7},
    ],
)
def test_a_night_that_cannot_be_read_is_not_shown(night: object) -> None:
    assert config({"night_mode": night}) == {}


@pytest.mark.parametrize(
    "clock",
    [
        "24:00",
        "22:60",
        "24",
        "22.5",
        "22:0",
        " 22:00",
        "22:00\n",
        "\u0662\u0662:\u0660\u0660",
        "",
        None,
        1.5,
        [],
        "-1:00",
    ],
)
def test_what_is_no_time_of_day_is_none(clock: object) -> None:
    assert parse_clock(clock) is None


@pytest.mark.parametrize("clock", [7, "7", "07", 7.0, "7:00", "07:00:00"])
def test_an_hour_in_another_form_is_that_hour(clock: object) -> None:
    assert parse_clock(clock) == "07:00"


@pytest.mark.parametrize("revision", ["7", 7.0, " 7 "])
def test_a_revision_in_another_form_is_that_revision(revision: object) -> None:
    assert hear("config/state", {"revision": revision, "config": {}}).revision == 7


@pytest.mark.parametrize("value", [30, -3, 0.5, 2**53, True, None, "blue", 1_790_000_000])
def test_a_value_is_shown_as_it_is_a_whole_number_whole(value: object) -> None:
    shown = config({"fan": value})["fan"]
    assert (shown, type(shown)) == (value, type(value))
    assert type(config({"fan": 30.0})["fan"]) is int


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "\x07", "", [], {}, {"start": 1}, 10**400, 2**53 + 1])
def test_a_value_that_cannot_be_shown_is_left_out(bad: object) -> None:
    assert config({"fan": bad, "led": "blue", "revision": 7, "timestamp": 8, "NO": 1}) == {"led": "blue"}


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ResponseStatus)
@pytest.mark.parametrize("key", ["cmd", "command"])
def test_an_answer_names_its_command_under_either_name(key: str, status: str) -> None:
    answer = {
        key: "run_pump",
        "cmd_id": "01JD",
        "status": status,
        "error_code": "overcurrent",
        "details": {
            "channel": "a",
            "current_ma": 2300,
            "safe": False,
            "deep": {"x": 1},
            "list": [1],
            "no": None,
            "N": 1,
        },
    }
    assert hear("command_response", answer) == CommandResponse(
        uid=UID,
        command="run_pump",
        cmd_id="01JD",
        status=ResponseStatus(status),
        error_code="overcurrent",
        details={"channel": "a", "current_ma": 2300, "safe": False, "no": None},
    )


def test_an_answer_in_small_letters_without_its_command_is_understood() -> None:
    answer = hear("command_response", {"cmd_id": "01JD", "status": "done", "details": "none"})
    assert (answer.command, answer.status, answer.error_code, answer.details) == ("", ResponseStatus.DONE, None, {})


@pytest.mark.parametrize("cmd_id", [None, "", 7, [], "\x07"])
def test_an_answer_to_nothing_is_refused(cmd_id: object) -> None:
    assert refusal("command_response", {"cmd": "restart", "cmd_id": cmd_id, "status": "DONE"}) == "no_cmd_id"


@pytest.mark.parametrize("status", [None, "", "OK", 7, [], "DONE!"])
def test_an_answer_that_says_nothing_is_refused(status: object) -> None:
    assert refusal("command_response", {"cmd_id": "01JD", "status": status}) == "unknown_response"


# --- ota/state -----------------------------------------------------------------------------------


def test_an_update_says_how_far_it_is() -> None:
    state = {
        "cmd_id": "01JD",
        "state": "failed",
        "progress": 42,
        "version": "2.0.2",
        "error_code": "checksum_mismatch",
    }
    assert hear("ota/state", state) == OtaState(uid=UID, **state)


@pytest.mark.parametrize("progress", [-1, 101, float("nan"), True, "half", None])
def test_a_progress_that_cannot_be_is_none(progress: object) -> None:
    assert hear("ota/state", {"state": "downloading", "progress": progress}).progress is None


@pytest.mark.parametrize("state", [None, "", "Down loading", 7, []])
def test_an_update_without_a_state_is_refused(state: object) -> None:
    assert refusal("ota/state", {"state": state}) == "no_ota_state"


# --- event ---------------------------------------------------------------------------------------


def test_an_event_has_a_name_and_what_belongs_to_it() -> None:
    event = {"event": "safety_trip", "device_uid": UID, "channel": "a", "code": "biz_dry_run", "data": {"level": 4}}
    assert hear("event", event) == DeviceEvent(
        uid=UID, event="safety_trip", data={"channel": "a", "code": "biz_dry_run", "level": 4}
    )
    assert hear("event", {"type": "button", "details": {"presses": 2}}).data == {"presses": 2}
    assert hear("event", {"event": "button", "text": "x" * 500}).data == {"text": "x" * 200}


@pytest.mark.parametrize("event", [None, "", "Button 1", 7, []])
def test_an_event_without_a_name_is_refused(event: object) -> None:
    assert refusal("event", {"event": event}) == "no_event"


def test_no_event_carries_more_than_64_things() -> None:
    assert len(hear("event", {"event": "boot", **{f"x{number}": number for number in range(99)}}).data) == 64


def test_the_example_of_the_protocol_page_is_read_to_the_last_field() -> None:
    text = json.dumps({"co2": 920, "temperature": 25.1})
    assert hear("telemetry", text) == hear("data", text)


def test_a_number_too_large_for_any_machine_is_none() -> None:
    config = "1" + "0" * 400
    said = parse(
        "devices", "devices/co2_001/config/state", f'{{"revision": 1, "config": {{"gain": {config}}}}}'.encode()
    )
    assert isinstance(said, ConfigState)
    assert said.config == {}
