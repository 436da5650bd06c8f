"""The blueprints in Russian: the same inputs, the same logic, and no English word that people read."""

import json
from pathlib import Path
import re
from typing import Any

from homeassistant.components.automation.helpers import async_get_blueprints
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict, parse_yaml
import pytest

from .conftest import ROOT, SOURCE

RUSSIAN = ROOT / "blueprints" / "ru" / "automation" / "smartair"
PHRASES: dict[str, str] = json.loads((ROOT / "blueprints" / "russian.json").read_text())["phrases"]
FILES = sorted(SOURCE.glob("*.yaml"))
every = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)

TEXTS = {"name", "description", "label", "source_url"}
LITERAL = re.compile(r"'(?:[^'\\\n]|\\.)*'")
WORDS = re.compile(r"[A-Za-z]{3,}")
NAMES = {"SmartAir", "Home", "Assistant", "PM2", "ppm", "firmware", "smartair", "rollout"}


def logic(part: Any, key: str = "") -> Any:
    """Return a blueprint without its texts: of templates, what is not between quotes."""
    if isinstance(part, dict):
        return {
            name: logic(value, name) for name, value in part.items() if name not in TEXTS or isinstance(value, dict)
        }
    if isinstance(part, list):
        return [logic(value, key) for value in part]
    return LITERAL.sub("''", part) if isinstance(part, str) and "{" in part else part


def texts(part: Any, key: str = "") -> list[str]:
    """Return the texts of the form."""
    if isinstance(part, dict):
        return [text for name, value in part.items() for text in texts(value, name)]
    if isinstance(part, list):
        return [text for value in part for text in texts(value, key)]
    return [part] if key in TEXTS - {"source_url"} else []


@every
def test_inputs_and_logic_are_the_same_in_both_languages(path: Path) -> None:
    text = path.read_text()
    for english, russian in PHRASES.items():
        text = text.replace(english, russian)
    assert logic(parse_yaml(text)) == logic(load_yaml_dict(str(RUSSIAN / path.name)))


@every
def test_what_people_read_in_a_russian_form_is_russian(path: Path) -> None:
    found = texts(load_yaml_dict(str(RUSSIAN / path.name))["blueprint"])
    assert found
    assert not [text for text in found if set(WORDS.findall(text)) - NAMES]


@every
async def test_home_assistant_loads_the_russian_file(hass: HomeAssistant, path: Path) -> None:
    folder = Path(hass.config.path("blueprints", "automation", "smartair"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / path.name).write_bytes((RUSSIAN / path.name).read_bytes())
    assert await async_setup_component(hass, "automation", {})
    loaded = await async_get_blueprints(hass).async_get_blueprint(f"smartair/{path.name}")
    assert isinstance(loaded, Blueprint)
    assert loaded.validate() is None
    assert re.search(r"Версия \d+\.\d+\.\d+$", loaded.data["blueprint"]["description"])
