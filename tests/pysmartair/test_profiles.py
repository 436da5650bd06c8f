"""Device types: what each lets itself be told, and how one is guessed."""

import pytest

from custom_components.smartair.pysmartair import (
    PROFILES,
    NightSetting,
    NumberSetting,
    ToggleSetting,
    guess_type,
)
from custom_components.smartair.pysmartair.protocol.profiles import KNOWN_SETTINGS, default_settings


def test_the_types_are_those_of_the_protocol() -> None:
    assert set(PROFILES) == {"co2", "temp", "dust", "multi", "pump", "vibration", "host"}


@pytest.mark.parametrize(
    ("metrics", "device_type"),
    [
        (["co2", "temperature", "humidity"], "co2"),
        (["temperature"], "temp"),
        (["temperature", "humidity"], "temp"),
        (["pm25"], "dust"),
        (["pm10", "temperature"], "dust"),
        (["co2", "pm25", "temperature"], "multi"),
        (["water_level", "ph", "ec"], "pump"),
        (["vibration_rms", "temperature"], "vibration"),
        (["cpu_percent", "cpu_temperature"], "host"),
        (["pressure"], "multi"),
        ([], "multi"),
    ],
)
def test_a_device_that_never_said_what_it_is_is_known_by_what_it_measures(
    metrics: list[str], device_type: str
) -> None:
    assert guess_type(metrics) == device_type


@pytest.mark.parametrize("device_type", PROFILES)
def test_every_type_has_settings_whose_kind_is_known(device_type: str) -> None:
    settings = default_settings(device_type)
    assert {"report_interval", "alerts_enabled", "night_mode"} <= set(settings)
    assert all(settings[name] == KNOWN_SETTINGS[name] for name in settings)


def test_only_a_co2_device_has_a_co2_threshold() -> None:
    assert [name for name in PROFILES if "co2_threshold" in default_settings(name)] == ["co2"]


def test_a_type_of_the_owner_has_what_all_have() -> None:
    assert set(default_settings("aquarium")) == {"report_interval", "alerts_enabled", "night_mode"}


def test_the_kinds_of_the_protocols_settings() -> None:
    assert KNOWN_SETTINGS["report_interval"] == NumberSetting(minimum=1, maximum=3600, unit="s")
    assert KNOWN_SETTINGS["co2_threshold"] == NumberSetting(minimum=400, maximum=5000, step=50, unit="ppm")
    assert KNOWN_SETTINGS["alerts_enabled"] == ToggleSetting()
    assert KNOWN_SETTINGS["night_mode"] == NightSetting()
