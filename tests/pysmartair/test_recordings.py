"""What is known of each device after a burst that a broker really delivered."""

from collections import Counter
from copy import replace

import pytest

from custom_components.smartair.pysmartair import (
    CommandResponse,
    DeviceEvent,
    Message,
    NightSetting,
    ParseError,
    Snapshot,
    expire,
    fold,
    parse,
)
from tests.recordings import NAMES, START, load


class Played:
    """A recording, folded."""

    def __init__(self, name: str) -> None:
        self.devices: dict[str, Snapshot] = {}
        self.refused: Counter[str] = Counter()
        self.foreign: list[str] = []
        self.said: list[Message] = []
        for one in load(name):
            self.end = one.at
            try:
                message = parse("devices", one.topic, one.payload)
            except ParseError as err:
                self.refused[err.reason] += 1
                continue
            if message is None:
                self.foreign.append(one.topic)
                continue
            self.said.append(message)
            before = self.devices.get(message.uid, Snapshot(uid=message.uid))
            self.devices[message.uid], _ = fold(before, message, now=one.at, retained=one.retain)


def test_the_recordings_are_all_played_by_a_test() -> None:
    assert set(NAMES) == {"broker_restart", "co2_device", "host", "hostile", "outage", "plain_script", "pump_node"}


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_begins_at_its_start_and_is_in_order(name: str) -> None:
    times = [one.at for one in load(name)]
    assert times == sorted(times)
    assert START <= times[0] <= times[-1] < START + 60


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"hostile"}))
def test_nothing_that_our_own_devices_say_is_refused_unknown_or_rejected(name: str) -> None:
    played = Played(name)
    assert played.refused == {}
    assert [one.unknown or one.rejected for one in played.devices.values()] == [{}] * len(played.devices)
    assert all(topic.endswith(("/config", "/commands")) for topic in played.foreign)


def test_a_plain_script_works_without_ever_describing_itself() -> None:
    (device,) = Played("plain_script").devices.values()
    assert device.values == {"co2": 1916, "temperature": 19.0, "humidity": 58.8}
    assert (device.device_type, device.descriptor, device.online, device.available) == ("co2", None, None, True)
    assert (device.firmware_version, device.ip) == ("2.0.1", "192.168.1.50")
    assert device.report_interval == pytest.approx(1, abs=0.01)
    assert (device.settings, device.commands) == ({}, ())


def test_a_device_is_born_configured_commanded_and_dies() -> None:
    played = Played("co2_device")
    (device,) = played.devices.values()
    assert device.values == {"co2": 1918, "temperature": 18.9, "humidity": 59.1, "rssi": -55}
    assert (device.online, device.available, device.device_type) == (False, False, "co2")
    assert device.descriptor is not None
    assert (device.descriptor.name, device.descriptor.area) == ("Bedroom CO₂ meter", "Bedroom")
    assert device.settings["night_mode"] == NightSetting()
    assert device.applied is not None
    assert device.applied.revision == 1
    assert device.applied.rejected == {"co2_threshold": "below 400"}
    assert device.applied.config == {
        "report_interval": 2,
        "alerts_enabled": True,
        "night_mode": {"start": "22:00", "end": "07:30"},
        "co2_threshold": 1000,
    }
    answers = [one for one in played.said if isinstance(one, CommandResponse)]
    assert [(one.cmd_id, one.status, one.error_code) for one in answers] == [
        ("01JD4Q0001", "DONE", None),
        ("01JD4Q0002", "ERROR", "unknown_command"),
    ]
    assert played.foreign == ["devices/co2_001/config", *["devices/co2_001/commands"] * 2]


def test_after_an_outage_history_is_history_and_the_present_is_the_present() -> None:
    (device,) = Played("outage").devices.values()
    assert device.buffered == 8
    assert device.values["co2"] == 441
    assert min(device.measured.values()) == device.last_seen
    assert (device.available, device.duplicates, device.skew) == (True, 0, None)


def test_after_a_restart_of_the_broker_every_device_is_back_and_what_it_kept_was_believed_only_for_what_it_is() -> (
    None
):
    played = Played("broker_restart")
    assert len(played.devices) == 20
    assert all(device.available and device.values and device.descriptor for device in played.devices.values())
    assert all(device.last_seen > START + 0.5 for device in played.devices.values() if device.last_seen)
    retained = [one for one in load("broker_restart") if one.retain]
    assert len(retained) == 60
    gone = [expire(device, now=played.end + 90)[0] for device in played.devices.values()]
    assert not any(device.available or device.values or device.channels for device in gone)


def test_a_pump_node_tells_what_its_channels_do() -> None:
    played = Played("pump_node")
    (device,) = played.devices.values()
    assert {name: (one.on, one.lock) for name, one in device.channels.items()} == {
        "pump_recirc": (True, None),
        "pump_fill": (False, None),
        "pump_drain": (False, "biz_overcurrent"),
    }
    assert device.descriptor is not None
    assert [(one.id, one.role, one.fail_safe_mode) for one in device.descriptor.channels] == [
        ("pump_recirc", "recirculation", "NC"),
        ("pump_fill", "fill", "NO"),
        ("pump_drain", "drain", "NO"),
    ]
    assert device.descriptor.pairing is not None
    answers = [one for one in played.said if isinstance(one, CommandResponse)]
    assert [(one.status, one.details.get("ended_by"), one.error_code) for one in answers] == [
        ("ACCEPTED", None, None),
        ("DONE", "max_run", None),
        ("ERROR", None, "locked"),
    ]
    events = [one for one in played.said if isinstance(one, DeviceEvent)]
    assert [one.event for one in events] == ["boot", "safety_trip"]
    assert events[1].data == {"channel": "pump_drain", "code": "biz_overcurrent", "current_ma": 2300}


def test_a_host_is_a_device_as_any_other() -> None:
    (device,) = Played("host").devices.values()
    assert device.device_type == "host"
    assert {"cpu_percent", "memory_percent", "disk_percent", "load_1m", "net_rx", "net_tx"} <= set(device.values)


def test_of_a_hostile_mix_only_what_is_true_is_taken() -> None:
    played = Played("hostile")
    assert set(played.devices) == {"co2_001", "ghost"}
    device = played.devices["co2_001"]
    assert device.values == {"co2": 930, "temperature": 25.1, "humidity": 41}
    assert device.rejected == {"co2": 4, "temperature": 2, "humidity": 3, "pressure": 1}
    assert device.unknown == {"radon": 1}
    assert device.buffered == 0
    assert device.descriptor is not None
    assert device.descriptor.settings == {}
    assert played.refused == {
        "not_utf8": 2,
        "foreign_uid": 1,
        "too_large": 1,
        "too_many_samples": 1,
        "not_json": 2,
        "not_an_object": 1,
        "not_a_status": 1,
        "unsupported_protocol": 1,
        "no_device_type": 1,
        "bad_pairing": 1,
        "no_revision": 1,
        "no_cmd_id": 1,
        "no_event": 1,
        "no_ota_state": 1,
    }
    assert len(played.foreign) == 10
    ghost = played.devices["ghost"]
    assert replace(ghost, heard=None) == Snapshot(uid="ghost", online=True, fresh=True)
