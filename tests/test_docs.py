"""What the pages for device makers say is what the code does."""

import hashlib
import json
import os
from pathlib import Path
import re
import shlex

from homeassistant.util.yaml import load_yaml_dict
import pytest

from custom_components.smartair.pysmartair import Code
from custom_components.smartair.pysmartair.protocol.commands import ANSWER_TIMEOUT, COMMAND_LIFETIME, CommandName
from custom_components.smartair.pysmartair.protocol.messages import Descriptor, ResponseStatus
from custom_components.smartair.pysmartair.protocol.metrics import CATALOGUE
from custom_components.smartair.pysmartair.protocol.parser import parse
from custom_components.smartair.pysmartair.protocol.profiles import PROFILES
from custom_components.smartair.pysmartair.protocol.topics import Channel, parse_topic

ROOT = Path(__file__).resolve().parent.parent
INTEGRATION = ROOT / "custom_components" / "smartair"
EN = json.loads((INTEGRATION / "translations" / "en.json").read_text())
DOCS = ROOT / "docs"
PROTOCOL = (DOCS / "protocol.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
PICTURES = "https://raw.githubusercontent.com/smartair/smartair/main/"
FILES = "https://github.com/smartair/smartair/blob/main/"

FROM_HUB = {Channel.CONFIG, Channel.COMMANDS, Channel.OTA}
RETAINED = {Channel.STATUS, Channel.INFO, Channel.CONFIG, Channel.CONFIG_STATE, Channel.OTA_STATE}


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PROTOCOL, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def rows(text: str, columns: int) -> list[list[str]]:
    """Return the cells of all table rows of that width, without the backquotes."""
    table = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in row] for row in table if len(row) == columns]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PROTOCOL, re.MULTILINE | re.DOTALL)


def published() -> list[tuple[str, str, bool]]:
    """Return topic, payload and the retain flag of every command line of the page."""
    lines = [shlex.split(block) for block in blocks("sh") if block.startswith("mosquitto_pub")]
    return [(words[words.index("-t") + 1], words[words.index("-m") + 1], "-r" in words) for words in lines]


def shown() -> list[tuple[str, str]]:
    """Return topic and payload of every message that the page shows as such."""
    return re.findall(r"`(devices/[\w/]+)`[^`]*:\n\n```json\n(.*?)^```", PROTOCOL, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("topic", "payload", "retain"), published())
def test_command_lines_are_understood(topic: str, payload: str, retain: bool) -> None:
    address = parse_topic("devices", topic)
    assert address
    assert retain == (address.channel in RETAINED)
    assert (parse("devices", topic, payload.encode()) is None) == (address.channel in FROM_HUB)


@pytest.mark.parametrize(("topic", "payload"), shown())
def test_shown_messages_are_understood(topic: str, payload: str) -> None:
    address = parse_topic("devices", topic)
    assert address
    assert json.loads(payload)
    assert (parse("devices", topic, payload.encode()) is None) == (address.channel in FROM_HUB)


def test_every_message_is_shown() -> None:
    """Only `data` has no example, because it is `telemetry` by its older name."""
    topics = [topic for topic, _, _ in published()] + [topic for topic, _ in shown()]
    addresses = [parse_topic("devices", topic) for topic in topics]
    assert {address.channel for address in addresses if address} == {*Channel} - {Channel.DATA}


def test_topics_are_those_of_the_code() -> None:
    table = {row[0]: row for row in rows(section("Topics"), 5)[2:]}
    assert set(table) == {str(channel) for channel in Channel}
    assert {name for name, row in table.items() if row[1] == "Home Assistant"} == FROM_HUB
    assert {name for name, row in table.items() if row[3] == "yes"} == RETAINED


def test_measurements_are_those_of_the_catalogue() -> None:
    listed = rows(section("`telemetry`: measurements"), 5)[2:]
    known = [
        [
            metric.name,
            metric.unit or "",
            f"{metric.minimum:.0f} to {metric.maximum:.0f}",
            "" if metric.taken == (metric.minimum, metric.maximum) else "{:.12g} to {:.12g}".format(*metric.taken),
            ", ".join(metric.aliases),
        ]
        for metric in CATALOGUE.values()
    ]
    assert listed == known


def test_commands_and_answers_are_those_of_the_code() -> None:
    text = section("`commands`")
    assert {row[0] for row in rows(text, 3)[2:]} == {*CommandName}
    assert {row[0] for row in rows(text, 2)[2:]} == {*ResponseStatus}
    assert ANSWER_TIMEOUT == 10
    assert COMMAND_LIFETIME == 30


def test_device_types_are_those_of_the_code() -> None:
    types = next(row[1] for row in rows(PROTOCOL, 2) if row[0] == "device_type")
    assert set(types.removesuffix(", or a code of your own").split(", ")) == set(PROFILES)


def test_example_of_pairing_fits_its_code() -> None:
    salt, code = re.search(r"printf '%s%s' (\w+) (\w+)", PROTOCOL).groups()
    info = next(block for block in blocks("json") if '"pairing"' in block)
    message = parse("devices", "devices/co2_001/info", info.encode())
    assert isinstance(message, Descriptor)
    assert message.pairing
    assert message.pairing.salt == salt
    assert message.pairing.sha256 == hashlib.sha256(f"{salt}{code}".encode()).hexdigest()
    assert re.fullmatch(r"\d{8}", code)


def test_example_of_info_is_read_whole() -> None:
    topic, payload = next((topic, payload) for topic, payload, _ in published() if topic.endswith("/info"))
    message = parse("devices", topic, payload.encode())
    assert isinstance(message, Descriptor)
    missing = [name for name in json.loads(payload) if getattr(message, name, "another name") in {None, ()}]
    assert missing == []
    assert message.settings
    assert message.signed_ota
    assert message.unknown_metrics == ()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_inside_the_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        if path.startswith((PICTURES, FILES)):
            path = os.path.relpath(ROOT / path.removeprefix(PICTURES).removeprefix(FILES), page.parent)
        elif path.startswith("https:"):
            continue
        other = page.parent / path if path else page
        assert other.exists(), target
        headings = re.findall(r"^#+ (.+)$", other.read_text(), re.MULTILINE) if other.suffix == ".md" else []
        slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, target


def test_the_readme_is_short_and_its_pictures_are_seen_outside_of_the_repository() -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(readme.encode()) <= 12_000
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", readme)
    assert pictures
    assert [one for one in pictures if not one.startswith("https://")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_pages_exist(page: Path) -> None:
    named = set(re.findall(r"(?<![\w/.])script/[a-z][\w-]*", page.read_text()))
    assert [one for one in sorted(named) if not (ROOT / one).exists()] == []


def test_the_pages_tell_when_each_alert_is_raised() -> None:
    codes = {code for row in rows((DOCS / "alerts.md").read_text(), 2) for code in row[0].split(", ")}
    assert [code for code in Code if code not in codes] == []


def test_the_pages_name_every_action_trigger_and_condition() -> None:
    text = "".join(page.read_text() for page in PAGES)
    names = [
        name
        for part in ("services", "triggers", "conditions")
        for name in load_yaml_dict(INTEGRATION / f"{part}.yaml")
    ]
    assert [name for name in names if not name.startswith(".") and f"smartair.{name}`" not in text] == []


def test_the_pages_name_every_entity_of_a_zone() -> None:
    zone = (DOCS / "pumps-and-zones.md").read_text()
    zone = zone[zone.index("## Zones") :]
    entities = [one["name"] for part in EN["entity"].values() for key, one in part.items() if key.startswith("zone_")]
    named = " ".join(re.findall(r"\*\*(.+?)\*\*", zone))
    # "Start", "Resume" and "Abort water change" share their last words.
    assert [one for one in entities if one.removesuffix(" water change") not in named] == []
