"""Blueprints are installed, updated while nobody edited them, and never lost."""

from collections.abc import Callable
import json
from pathlib import Path
import subprocess
from unittest.mock import patch

from homeassistant.components.blueprint import DomainBlueprints
from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, MqttMockHAClient

from custom_components.smartair import blueprints
from custom_components.smartair.blueprints import BUNDLED, SHIPPED, digest
from custom_components.smartair.const import DOMAIN

from .conftest import hub_entry

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "blueprints" / "automation" / "smartair"
NAME = "ventilation.yaml"
VERSION = blueprints.version((SOURCE / NAME).read_bytes())
FILES = sorted(path.name for path in SOURCE.glob("*.yaml"))
OLD = b"blueprint: {name: old, domain: automation}\nactions: []\n"

type Place = Callable[[bytes], Path]


@pytest.fixture
def installed(hass: HomeAssistant) -> Path:
    """The folder of the owner."""
    return Path(hass.config.path("blueprints", "automation", "smartair"))


@pytest.fixture
def place(installed: Path) -> Place:
    """Put a file where the ventilation's is."""

    def write(content: bytes) -> Path:
        installed.mkdir(parents=True, exist_ok=True)
        (installed / NAME).write_bytes(content)
        return installed / NAME

    return write


async def set_up(hass: HomeAssistant) -> MockConfigEntry:
    entry = hub_entry()
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def test_home_assistants_own_examples_are_put_in_place_by_one_alone(
    hass: HomeAssistant, installed: Path, broker: MqttMockHAClient
) -> None:
    put = DomainBlueprints.async_populate
    with patch.object(DomainBlueprints, "async_populate", autospec=True, side_effect=put) as populated:
        assert await async_setup_component(hass, "automation", {})
        await set_up(hass)
    assert populated.call_count == 1
    assert list((installed.parent / "homeassistant").glob("*.yaml"))
    assert sorted(path.name for path in installed.glob("*.yaml")) == FILES


async def test_without_automations_their_examples_are_put_in_place_all_the_same(
    hass: HomeAssistant, installed: Path, broker: MqttMockHAClient
) -> None:
    await set_up(hass)
    assert list((installed.parent / "homeassistant").glob("*.yaml"))


async def test_a_folder_that_does_not_appear_is_made(
    hass: HomeAssistant, installed: Path, broker: MqttMockHAClient
) -> None:
    with patch.object(blueprints, "_LOOKS", 1), patch.object(DomainBlueprints, "async_populate"):
        assert await async_setup_component(hass, "automation", {})
        await set_up(hass)
    assert sorted(path.name for path in installed.glob("*.yaml")) == FILES


def issues(hass: HomeAssistant) -> list[str]:
    return [
        issue for domain, issue in ir.async_get(hass).issues if domain == DOMAIN and issue.startswith("blueprint")
    ]


def test_the_copy_that_is_installed_is_the_original() -> None:
    assert FILES
    assert {path.name: path.read_bytes() for path in BUNDLED.iterdir()} == {
        path.name: path.read_bytes() for path in SOURCE.iterdir()
    }


def test_what_was_shipped_is_known_by_its_digest() -> None:
    shipped = json.loads(SHIPPED.read_text())
    assert set(shipped) <= {*FILES}
    assert all(len(one) == 64 and int(one, 16) for digests in shipped.values() for one in digests)


def test_a_release_records_what_it_ships(tmp_path: Path) -> None:
    script = tmp_path / "script" / "blueprints"
    script.parent.mkdir()
    script.write_text((ROOT / "script" / "blueprints").read_text())
    source = tmp_path / "blueprints" / "automation" / "smartair"
    source.mkdir(parents=True)
    room = tmp_path / "custom_components" / "smartair" / "blueprints"
    room.mkdir(parents=True)
    for content in (OLD, OLD + b"# new\n", OLD + b"# new\n"):
        (source / NAME).write_bytes(content)
        subprocess.run(["/usr/bin/env", "python3", str(script), "--release"], check=True)  # noqa: S603
        assert (room / "automation" / "smartair" / NAME).read_bytes() == content
    assert json.loads((room / "shipped.json").read_text()) == {NAME: [digest(OLD), digest(OLD + b"# new\n")]}


async def test_they_are_there_when_the_integration_is_set_up(
    hass: HomeAssistant, broker: MqttMockHAClient, installed: Path
) -> None:
    await set_up(hass)
    assert sorted(path.name for path in installed.iterdir()) == FILES
    assert (installed / NAME).read_bytes() == (SOURCE / NAME).read_bytes()
    assert (installed.parent / "homeassistant").is_dir()  # Home Assistant's own are not kept away by ours


async def test_a_version_that_was_shipped_is_updated(
    hass: HomeAssistant, broker: MqttMockHAClient, place: Place
) -> None:
    path = place(OLD.replace(b"\n", b"\r\n"))
    with patch.object(blueprints.json, "loads", return_value={NAME: [digest(OLD)]}):
        await set_up(hass)
    assert path.read_bytes() == (SOURCE / NAME).read_bytes()
    assert issues(hass) == []


async def test_what_the_owner_edited_stays_and_a_repair_tells_what_is_new(
    hass: HomeAssistant, broker: MqttMockHAClient, place: Place, installed: Path
) -> None:
    path = place(OLD)
    await set_up(hass)
    assert path.read_bytes() == OLD
    assert sorted(one.name for one in installed.iterdir()) == FILES
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"blueprint_edited/{NAME}")
    assert issue.translation_placeholders == {"name": NAME, "version": VERSION}


async def test_an_edit_after_the_installation_is_no_news(
    hass: HomeAssistant, broker: MqttMockHAClient, place: Place
) -> None:
    entry = await set_up(hass)
    path = place(OLD)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.services.async_call(DOMAIN, "install_blueprints", {}, blocking=True)
    assert path.read_bytes() == OLD
    assert issues(hass) == []


async def choose(hass: HomeAssistant, hass_client: ClientSessionGenerator, choice: str) -> dict[str, str]:
    assert await async_setup_component(hass, REPAIRS, {})
    client = await hass_client()
    begun = await client.post(
        "/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": f"blueprint_edited/{NAME}"}
    )
    flow = await begun.json()
    assert flow["menu_options"] == ["replace", "keep"]
    assert flow["description_placeholders"]["version"] == VERSION
    ended = await client.post(f"/api/repairs/issues/fix/{flow['flow_id']}", json={"next_step_id": choice})
    await hass.async_block_till_done()
    result: dict[str, str] = await ended.json()
    return result


async def fix(hass: HomeAssistant, hass_client: ClientSessionGenerator, choice: str) -> None:
    assert (await choose(hass, hass_client, choice))["type"] == "create_entry"


async def test_the_repair_replaces_and_leaves_a_backup(
    hass: HomeAssistant, broker: MqttMockHAClient, place: Place, installed: Path, hass_client: ClientSessionGenerator
) -> None:
    path = place(OLD)
    await set_up(hass)
    await fix(hass, hass_client, "replace")
    assert path.read_bytes() == (SOURCE / NAME).read_bytes()
    [backup] = installed.glob(f"{NAME}.before-*")
    assert backup.read_bytes() == OLD
    assert issues(hass) == []


async def test_a_repair_that_cannot_write_says_so_and_stays(
    hass: HomeAssistant, broker: MqttMockHAClient, place: Place, installed: Path, hass_client: ClientSessionGenerator
) -> None:
    path = place(OLD)
    await set_up(hass)
    (installed / f".{NAME}.new").mkdir()
    ended = await choose(hass, hass_client, "replace")
    assert (ended["type"], ended["reason"]) == ("abort", "not_written")
    assert (path.read_bytes(), issues(hass)) == (OLD, [f"blueprint_edited/{NAME}"])


async def test_the_repair_keeps_until_there_is_something_new_again(
    hass: HomeAssistant,
    broker: MqttMockHAClient,
    place: Place,
    tmp_path: Path,
    hass_client: ClientSessionGenerator,
) -> None:
    path = place(OLD)
    await set_up(hass)
    await fix(hass, hass_client, "keep")
    await blueprints.async_install(hass)
    assert (path.read_bytes(), issues(hass)) == (OLD, [])
    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / NAME).write_bytes(b"# Version 1.1.0\n")
    with patch.object(blueprints, "BUNDLED", newer):
        await blueprints.async_install(hass)
    assert (path.read_bytes(), issues(hass)) == (OLD, [f"blueprint_edited/{NAME}"])


async def test_what_the_owner_deleted_stays_away_until_it_is_asked_for(
    hass: HomeAssistant, broker: MqttMockHAClient, installed: Path
) -> None:
    await set_up(hass)
    (installed / NAME).unlink()
    answer = await hass.services.async_call(DOMAIN, "install_blueprints", {}, blocking=True, return_response=True)
    assert answer["deleted"] == [NAME]
    assert not (installed / NAME).exists()
    answer = await hass.services.async_call(
        DOMAIN, "install_blueprints", {"overwrite": True}, blocking=True, return_response=True
    )
    assert answer["installed"] == [NAME]
    assert len(answer["current"]) == len(FILES) - 1


async def test_the_action_overwrites_edited_files_when_told_to(
    hass: HomeAssistant, broker: MqttMockHAClient, place: Place
) -> None:
    path = place(OLD)
    await set_up(hass)
    answer = await hass.services.async_call(
        DOMAIN, "install_blueprints", {"overwrite": True}, blocking=True, return_response=True
    )
    assert answer["replaced"] == [NAME]
    assert path.read_bytes() == (SOURCE / NAME).read_bytes()


async def test_the_action_is_for_administrators(
    hass: HomeAssistant, broker: MqttMockHAClient, hass_read_only_user: MockUser
) -> None:
    await set_up(hass)
    context = Context(user_id=hass_read_only_user.id)
    with pytest.raises(Unauthorized):
        await hass.services.async_call(DOMAIN, "install_blueprints", {}, blocking=True, context=context)


async def test_a_link_to_somewhere_else_is_left_alone(
    hass: HomeAssistant, broker: MqttMockHAClient, installed: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_bytes(OLD)
    installed.mkdir(parents=True)
    (installed / NAME).symlink_to(elsewhere)
    await set_up(hass)
    assert elsewhere.read_bytes() == OLD
    await hass.services.async_call(DOMAIN, "install_blueprints", {"overwrite": True}, blocking=True)
    assert elsewhere.read_bytes() == OLD


async def test_a_disk_that_is_full_stops_neither_the_others_nor_the_integration(
    hass: HomeAssistant, broker: MqttMockHAClient, installed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    installed.mkdir(parents=True)
    (installed / f".{NAME}.new").mkdir()  # nothing can be written there
    entry = await set_up(hass)
    assert entry.state.value == "loaded"
    assert sorted(path.name for path in installed.glob("*.yaml")) == [name for name in FILES if name != NAME]
    assert f"The blueprint {NAME} could not be installed" in caplog.text


async def test_a_broken_installer_does_not_stop_the_integration(
    hass: HomeAssistant, broker: MqttMockHAClient, caplog: pytest.LogCaptureFixture
) -> None:
    with patch.object(blueprints, "install", side_effect=ValueError("broken")):
        entry = await set_up(hass)
    assert entry.state.value == "loaded"
    assert "The blueprints could not be installed" in caplog.text


async def test_automations_use_a_new_version_at_once(
    hass: HomeAssistant, broker: MqttMockHAClient, place: Place
) -> None:
    place(b"blueprint: {name: old, domain: automation}\ntriggers: []\nactions: []\n")
    config = {"id": "x", "alias": "x", "use_blueprint": {"path": f"smartair/{NAME}", "input": {}}}
    config["use_blueprint"]["input"] = {"sensors": ["sensor.a"], "ventilators": ["switch.a"]}
    assert await async_setup_component(hass, "automation", {"automation": config})
    await hass.async_block_till_done()
    with patch("homeassistant.core.ServiceRegistry.async_call") as call:
        await set_up(hass)
        await blueprints.async_install(hass, overwrite=True)
    assert [one.args for one in call.call_args_list if one.args[0] == "automation"] == [("automation", "reload")]


async def test_when_the_last_hub_goes_the_files_stay_and_all_else_is_forgotten(
    hass: HomeAssistant, broker: MqttMockHAClient, installed: Path
) -> None:
    entry = await set_up(hass)
    (installed / NAME).unlink()
    await hass.config_entries.async_remove(entry.entry_id)
    assert len(list(installed.iterdir())) == len(FILES) - 1
    await blueprints.async_install(hass)
    assert sorted(path.name for path in installed.iterdir()) == FILES


# --- languages ----------------------------------------------------------------------------------

RUSSIAN = ROOT / "blueprints" / "ru" / "automation" / "smartair"


async def speak(hass: HomeAssistant, language: str) -> None:
    await hass.config.async_update(language=language)
    await hass.async_block_till_done()


async def test_they_are_written_in_the_language_of_the_house_and_again_when_that_changes(
    hass: HomeAssistant, broker: MqttMockHAClient, installed: Path
) -> None:
    hass.config.language = "ru"
    await set_up(hass)
    assert sorted(path.name for path in installed.iterdir()) == FILES
    assert (installed / NAME).read_bytes() == (RUSSIAN / NAME).read_bytes()
    await speak(hass, "en-GB")
    assert (installed / NAME).read_bytes() == (SOURCE / NAME).read_bytes()
    await speak(hass, "ru")
    assert (installed / NAME).read_bytes() == (RUSSIAN / NAME).read_bytes()
    assert issues(hass) == []


async def test_another_language_rewrites_nothing_that_was_edited_and_is_no_news(
    hass: HomeAssistant, broker: MqttMockHAClient, place: Place, installed: Path
) -> None:
    await set_up(hass)
    path = place(OLD)
    (installed / "pump_guard.yaml").unlink()
    await speak(hass, "ru")
    assert path.read_bytes() == OLD
    assert issues(hass) == []
    assert not (installed / "pump_guard.yaml").exists()
    assert (installed / "morning_digest.yaml").read_bytes() == (RUSSIAN / "morning_digest.yaml").read_bytes()


async def test_a_house_in_a_language_that_there_is_not_reads_english(
    hass: HomeAssistant, broker: MqttMockHAClient, installed: Path
) -> None:
    hass.config.language = "fi"
    await set_up(hass)
    assert (installed / NAME).read_bytes() == (SOURCE / NAME).read_bytes()
    await hass.config.async_update(latitude=1)
    await hass.async_block_till_done()
    assert (installed / NAME).read_bytes() == (SOURCE / NAME).read_bytes()
