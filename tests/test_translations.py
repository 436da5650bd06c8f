"""Texts, icons and actions agree with each other, with the code, and in both languages."""

import ast
import json
from pathlib import Path
import re
from typing import TYPE_CHECKING, Any

from homeassistant.const import Platform
from homeassistant.util.yaml import load_yaml_dict
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

INTEGRATION = Path(__file__).resolve().parent.parent / "custom_components" / "smartair"
PLATFORMS = {str(platform) for platform in Platform}

PLACEHOLDER = re.compile(r"\{(\w+)\}")
KEY = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
ADDRESS = re.compile(r"(?:https?|ftp|mqtts?)://|www\.")
HTML = re.compile(r"<[a-z!/][^>]*>", re.IGNORECASE)
LATIN_WORD = re.compile(r"[A-Za-z]{3,}")
CYRILLIC = re.compile(r"[\u0400-\u04ff]")

type Texts = dict[str, str]


def load(name: str) -> Any:
    return json.loads((INTEGRATION / name).read_text())


def flat(tree: dict[str, Any], prefix: str = "") -> Texts:
    texts: Texts = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            texts |= flat(value, f"{prefix}{key}.")
        else:
            texts[f"{prefix}{key}"] = value
    return texts


def sections(tree: dict[str, Any], *path: str) -> set[str]:
    for step in path:
        tree = tree.get(step, {})
    return set(tree)


EN = load("translations/en.json")
RU = load("translations/ru.json")
ICONS = load("icons.json")
SERVICES: dict[str, Any] = load_yaml_dict(INTEGRATION / "services.yaml")
FLAT = {"en": flat(EN), "ru": flat(RU)}


def test_both_languages_have_the_same_keys() -> None:
    assert set(FLAT["en"]) == set(FLAT["ru"])


def test_both_languages_have_the_same_placeholders() -> None:
    def placeholders(texts: Texts) -> dict[str, set[str]]:
        return {key: set(PLACEHOLDER.findall(text)) for key, text in texts.items()}

    assert placeholders(FLAT["en"]) == placeholders(FLAT["ru"])


@pytest.mark.parametrize("language", FLAT)
def test_texts_are_as_home_assistant_accepts_them(language: str) -> None:
    texts = FLAT[language]
    assert not [key for key, text in texts.items() if not text.strip()]
    assert not [key for key, text in texts.items() if text != text.strip()]
    assert not [key for key, text in texts.items() if ADDRESS.search(text)]
    assert not [key for key, text in texts.items() if HTML.search(text)]
    assert not [key for key, text in texts.items() if re.search(r"'\{\w+\}'", text)]
    assert not [key for key, text in texts.items() if text.count("{") != len(PLACEHOLDER.findall(text))]
    assert not [key for key in texts for part in key.split(".") if not KEY.fullmatch(part)]


@pytest.mark.parametrize("language", FLAT)
def test_states_and_units_have_no_placeholders(language: str) -> None:
    fixed = re.compile(r"entity\..*\.(?:state(?:\.[^.]+)?|unit_of_measurement)")
    assert not [key for key, text in FLAT[language].items() if fixed.fullmatch(key) and "{" in text]


def test_russian_is_russian() -> None:
    """A text of several words without a Cyrillic letter was forgotten."""
    assert not [
        key
        for key, text in FLAT["ru"].items()
        if len(LATIN_WORD.findall(PLACEHOLDER.sub("", text))) > 1 and not CYRILLIC.search(text)
    ]


def flows() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from ((name, EN[name]) for name in ("config", "options") if name in EN)
    yield from EN.get("config_subentries", {}).items()
    yield from ((name, issue["fix_flow"]) for name, issue in EN.get("issues", {}).items() if "fix_flow" in issue)


@pytest.mark.parametrize(("name", "flow"), flows())
def test_every_field_of_a_form_is_explained(name: str, flow: dict[str, Any]) -> None:
    for step in flow["step"].values():
        assert set(step.get("data", {})) == set(step.get("data_description", {}))


def test_a_repair_is_either_told_or_fixed() -> None:
    for name, issue in EN.get("issues", {}).items():
        assert "title" in issue, name
        assert ("description" in issue) != ("fix_flow" in issue), name


def test_icons_are_of_entities_that_have_a_text() -> None:
    for platform, icons in ICONS["entity"].items():
        assert platform in PLATFORMS
        assert set(icons) <= sections(EN, "entity", platform), platform


def test_icons_of_states_are_of_states_that_have_a_text() -> None:
    for platform, icons in ICONS["entity"].items():
        for key, icon in icons.items():
            known = sections(EN, "entity", platform, key, "state")
            assert not known or sections(icon, "state") <= known, f"{platform}.{key}"


def test_icons_are_material_design_icons() -> None:
    assert not [key for key, icon in flat(ICONS).items() if not re.fullmatch(r"mdi:[a-z0-9]+(?:-[a-z0-9]+)*", icon)]


def test_actions_have_texts_and_icons() -> None:
    assert set(SERVICES) == sections(EN, "services") == sections(ICONS, "services")
    for name, action in SERVICES.items():
        texts = EN["services"][name]
        fields = (action or {}).get("fields", {})
        assert {"name", "description"} <= set(texts), name
        assert set(fields) == set(texts.get("fields", {})), name
        assert not [key for key, text in texts.get("fields", {}).items() if not {"name", "description"} <= set(text)]


def calls() -> Iterator[tuple[str, ast.Call, dict[str, ast.expr]]]:
    """Yield all calls in the integration with their module and keyword arguments."""
    for path in sorted(INTEGRATION.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path.stem, node, {word.arg: word.value for word in node.keywords if word.arg}


def used_keys() -> list[tuple[str, str, set[str] | None]]:
    """Return where each text that the code names must be, its key, and the placeholders filled in."""
    found: list[tuple[str, str, set[str] | None]] = []
    for module, call, words in calls():
        match words.get("translation_key"):
            case ast.Constant(value=str(key)):
                pass
            case _:
                continue
        filled: set[str] | None = set()
        match words.get("translation_placeholders"):
            case ast.Dict(keys=names):
                filled = {name.value if isinstance(name, ast.Constant) else "" for name in names}
            case None:
                pass
            case _:
                filled = None
        function = ast.unparse(call.func)
        if re.search(r"(?:Error|Exception|NotReady|AuthFailed)$", function):
            found.append(("exceptions", key, filled))
        elif function.endswith("create_issue"):
            found.append(("issues", key, filled))
        elif module in PLATFORMS:
            found.append((f"entity.{module}", key, None))
    return found


def test_every_text_that_the_code_asks_for_exists() -> None:
    assert not [(place, key) for place, key, _ in used_keys() if key not in sections(EN, *place.split("."))]


def test_every_placeholder_is_filled_in() -> None:
    for place, key, filled in used_keys():
        if place != "exceptions" or filled is None:
            continue
        assert set(PLACEHOLDER.findall(EN["exceptions"][key]["message"])) == filled, key


def test_every_exception_that_has_a_text_is_raised() -> None:
    code = "\n".join(path.read_text() for path in INTEGRATION.rglob("*.py"))
    assert not [key for key in sections(EN, "exceptions") if f'"{key}"' not in code]


TWO_WORDS = {
    "замен[аыуе] воды": "смена раствора",
    "(?:сливн|наполняющ|циркуляционн)\\w+ насос": "насос слива, наполнения, циркуляции",
    "(?:нет|отсутстви\\w+) потока": "нет протока",
    "утечк": "протечка",
    "сброс": "снять блокировку",  # noqa: RUF001 - Russian has these letters
    "тревог": "оповещение",
    "уход\\w* EC": "дрейф EC",
    "встречн\\w+ насос": "противоположный насос",
}


def test_one_thing_has_one_russian_word() -> None:
    wrong = {
        key: better
        for key, text in FLAT["ru"].items()
        for word, better in TWO_WORDS.items()
        if re.search(word, text, re.IGNORECASE)
    }
    assert wrong == {}


AWKWARD = ('Quoted "office"', "{area} %s 100 %", "🌱 Grow", "O'Brien's", "a\\b", "Кабинет · 2", "$& \\1")


@pytest.mark.parametrize("language", FLAT)
@pytest.mark.parametrize("name", AWKWARD)
def test_every_text_shows_any_name_as_it_is_written(language: str, name: str) -> None:
    """Nothing of a name is taken for a placeholder, and nothing of a text is lost."""
    for text in FLAT[language].values():
        names = set(PLACEHOLDER.findall(text))
        assert text.format_map(dict.fromkeys(names, name)).count(name) >= len(names)


# Words of the protocol, in texts for who writes a device's firmware or an automation.
_FOR_MAKERS = {"approve_devices", "device_uid", "fail_safe_mode"}


@pytest.mark.parametrize("language", FLAT)
def test_no_text_shows_a_code(language: str) -> None:
    """Such as pump_recirc, co2_threshold or connect_failed."""
    codes = re.compile(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b")
    found = {code for text in FLAT[language].values() for code in codes.findall(PLACEHOLDER.sub("", text))}
    assert found <= _FOR_MAKERS
