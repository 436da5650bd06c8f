"""What all blueprints have in common: what people see of them, and what makes them outlive a restart."""

from pathlib import Path
import re
from typing import Any

from homeassistant.components.automation.helpers import async_get_blueprints
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import validate_selector
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import extract_inputs, load_yaml_dict
import pytest
from syrupy.assertion import SnapshotAssertion

from .conftest import SOURCE, House

FILES = sorted(SOURCE.glob("*.yaml"))
TELLING = [path for path in FILES if "phones" in path.read_text()]
SAFE_WAITS = {"pump_guard.yaml": 2}
"""Where something waits: the guard looks twice before it stops a pump, and waits for the pump to show it."""


def blueprint(path: Path) -> dict[str, Any]:
    return load_yaml_dict(str(path))


def inputs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, one in blueprint(path)["blueprint"]["input"].items():
        found |= one.get("input", {name: one})
    return found


def steps(part: Any) -> list[dict[str, Any]]:
    """Return every mapping of a blueprint, at any depth."""
    if isinstance(part, dict):
        return [part, *(step for value in part.values() for step in steps(value))]
    return [step for value in part for step in steps(value)] if isinstance(part, list) else []


SENDING = "alerts_on_phone"
"""It only sends what SmartAir's own trigger says, which looks at the start and again and again by itself."""

every = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
deciding = pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem != SENDING], ids=lambda path: path.stem
)


def test_there_are_ten() -> None:
    assert [path.stem for path in FILES] == [
        "air_quality_alert",
        "alerts_on_phone",
        "device_offline",
        "ec_ph_watch",
        "firmware_rollout",
        "morning_digest",
        "planned_water_change",
        "pump_guard",
        "recirculation_duty_cycle",
        "ventilation",
    ]


@every
async def test_home_assistant_itself_loads_it(hass: HomeAssistant, house: House, path: Path) -> None:
    assert await async_setup_component(hass, "automation", {})
    loaded = await async_get_blueprints(hass).async_get_blueprint(f"smartair/{path.name}")
    assert isinstance(loaded, Blueprint)
    assert loaded.validate() is None


@every
def test_it_says_what_it_is_where_it_is_from_and_what_it_needs(path: Path) -> None:
    about = blueprint(path)["blueprint"]
    assert about["name"].startswith("SmartAir – ")
    assert about["homeassistant"]["min_version"] == "2026.10.0"
    assert about["source_url"].endswith(f"/smartair/blob/main/blueprints/automation/smartair/{path.name}")
    assert re.search(r"Version \d+\.\d+\.\d+$", about["description"])


@every
def test_every_input_has_a_name_a_selector_and_is_used(path: Path) -> None:
    used = extract_inputs({key: value for key, value in blueprint(path).items() if key != "blueprint"})
    assert set(inputs(path)) == used
    for name, one in inputs(path).items():
        assert one["name"], name
        assert validate_selector(one["selector"]), name
        assert "description" in one or len(one["name"]) > 4, name


@every
def test_only_what_an_owner_must_choose_has_no_default(path: Path) -> None:
    required = {name for name, one in inputs(path).items() if "default" not in one}
    assert required <= {"sensors", "ventilators", "memory", "pump", "begin", "zone_state", "updates"}


@every
def test_defaults_fit_their_selectors(path: Path) -> None:
    for name, one in inputs(path).items():
        number = one["selector"].get("number")
        if number and "default" in one:
            assert number.get("min", 0) <= one["default"] <= number["max"], name


@deciding
def test_it_looks_at_the_start_of_home_assistant_and_again_and_again(path: Path) -> None:
    triggers = blueprint(path)["triggers"]
    assert {"trigger": "homeassistant", "event": "start"}.items() <= next(
        one for one in triggers if one["id"] == "start"
    ).items()
    assert next(one for one in triggers if one["id"] == "tick")["trigger"] == "time_pattern"
    assert all("alias" in one and "for" not in one for one in triggers)


@deciding
def test_it_decides_on_states_and_once_more_when_its_turn_comes(path: Path) -> None:
    automation = blueprint(path)
    assert automation["mode"] == ("single" if path.stem == "morning_digest" else "queued")
    assert automation["max_exceeded"] == "silent"
    assert len(automation["conditions"]) == 1
    assert path.stem == "morning_digest" or {"variables": automation["variables"]} in automation["actions"]


@every
def test_it_waits_for_nothing_that_a_restart_would_forget(path: Path) -> None:
    waits = [
        one
        for one in steps(blueprint(path)["actions"])
        if {"delay", "wait_template", "wait_for_trigger"} & one.keys()
    ]
    assert len(waits) == SAFE_WAITS.get(path.name, 0)


@every
def test_no_device_action_can_make_it_unavailable(path: Path) -> None:
    assert not [one for one in steps(blueprint(path)["actions"]) if "device_id" in one]


@every
def test_what_may_fail_does_not_stop_the_rest(path: Path) -> None:
    sure = {"persistent_notification.create", "persistent_notification.dismiss", "input_text.set_value"}
    if path.stem == "planned_water_change":
        sure |= {
            "script.turn_on",
            "input_button.press",
            "button.press",
        }  # what was refused must not be told as started
    for one in steps(blueprint(path)["actions"]):
        assert "action" not in one or "title" in one or one.get("continue_on_error") or one["action"] in sure, one


def test_people_are_told_in_the_same_way_by_all() -> None:
    def telling(path: Path) -> Any:
        [block] = [one for one in steps(blueprint(path)["actions"]) if one.get("alias") == "Tell people"]
        return block

    assert len(TELLING) == 8
    assert all(telling(path) == telling(TELLING[0]) for path in TELLING)


def test_the_inputs_are_a_contract_with_automations_that_exist(snapshot: SnapshotAssertion) -> None:
    contract = {
        path.stem: {name: [one.get("default", "required"), one["selector"]] for name, one in inputs(path).items()}
        for path in FILES
    }
    assert contract == snapshot


def test_what_is_shared_is_the_same_in_all() -> None:
    def block(path: Path, begins: str, ends: str) -> str | None:
        text = path.read_text()
        return text[text.index(begins) : text.index(ends, text.index(begins))] if begins in text else None

    for begins, ends in (
        ("  # memory: ", "\n  tag:"),
        ("  # remember: ", "\n      remembered:"),
        ("  # home: ", "\n  memo:"),
    ):
        blocks = {block(path, begins, ends) for path in FILES} - {None}
        assert len(blocks) == 1, begins


@every
def test_no_age_is_asked_of_own_sensors_and_no_literal_micro_sign_is_compared(path: Path) -> None:
    text = path.read_text()
    assert "\u00b5S/cm" not in text
    assert "last_reported" not in text or "integration_entities('smartair')" in text
