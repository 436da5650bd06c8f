"""What a device makes of the configuration that it is sent."""

from typing import Any

import pytest

from lab.simulator.household import settings_for
from lab.simulator.settings import Settings


@pytest.fixture
def settings() -> Settings:
    return settings_for("co2", 30)


def test_an_allowed_setting_is_applied_and_confirmed(settings: Settings) -> None:
    settings.apply({"revision": 7, "report_interval": 10})

    assert settings.report_interval == 10
    assert settings.state == {
        "revision": 7,
        "applied": True,
        "config": {"report_interval": 10, "alerts_enabled": True, "night_mode": None, "co2_threshold": 1000},
    }


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("report_interval", 0, "below 1"),
        ("report_interval", 3601, "above 3600"),
        ("report_interval", "30", "not a number"),
        ("report_interval", True, "not a number"),
        ("co2_threshold", 399, "below 400"),
        ("alerts_enabled", 1, "not true or false"),
        ("night_mode", 22, "not a night mode"),
        ("night_mode", {"start": 24, "end": 7}, "not a night mode"),
        ("night_mode", {"start": "25:00", "end": 7}, "not a night mode"),
        ("night_mode", {"start": 22}, "not a night mode"),
        ("colour", "red", "unknown setting"),
    ],
)
def test_a_setting_that_cannot_be_is_rejected_with_a_reason(
    settings: Settings, name: str, value: object, reason: str
) -> None:
    before = dict(settings.values)

    settings.apply({"revision": 3, name: value})

    assert settings.rejected == {name: reason}
    assert (settings.values, settings.applied, settings.revision) == (before, False, 3)


def test_firmware_that_keeps_texts_confirms_in_texts(settings: Settings) -> None:
    settings.as_text = True
    settings.apply({"revision": 2, "report_interval": 10, "alerts_enabled": False})

    assert settings.state["config"] == {
        "report_interval": "10",
        "alerts_enabled": "OFF",
        "night_mode": None,
        "co2_threshold": "1000",
    }
    assert settings.report_interval == 10


def test_one_rejected_setting_does_not_hold_up_the_others(settings: Settings) -> None:
    settings.apply({"revision": 4, "report_interval": 0, "co2_threshold": 900})

    assert settings.state["applied"] is True
    assert settings.state["rejected"] == {"report_interval": "below 1"}
    assert settings.values["co2_threshold"] == 900


@pytest.mark.parametrize("night", [None, {"start": 22, "end": 7}, {"start": "22:30", "end": "7:00"}])
def test_night_mode_takes_hours_times_or_nothing(settings: Settings, night: Any) -> None:
    settings.apply({"revision": 5, "night_mode": night})

    assert settings.values["night_mode"] == night
    assert settings.rejected == {}


def test_a_choice_is_one_of_its_options() -> None:
    settings = settings_for("multi", 30)
    settings.apply({"revision": 1, "display": "bright"})
    assert settings.values["display"] == "bright"

    settings.apply({"revision": 2, "display": "blinding"})
    assert settings.rejected == {"display": "not an option"}


def test_an_earlier_rejection_is_forgotten_when_the_next_configuration_is_good(settings: Settings) -> None:
    settings.apply({"revision": 1, "report_interval": 0})
    settings.apply({"revision": 2, "report_interval": 5})

    assert "rejected" not in settings.state
