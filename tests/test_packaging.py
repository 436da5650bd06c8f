"""What is shipped is whole, agrees with itself, and carries nothing that does not belong to it."""

import ast
import json
from pathlib import Path
import re
import struct
import subprocess
import tomllib
from typing import Any
import zipfile

from homeassistant.const import Platform
from homeassistant.util.yaml import load_yaml_dict, parse_yaml
import pytest

ROOT = Path(__file__).resolve().parent.parent
INTEGRATION = ROOT / "custom_components" / "smartair"

FOLDERS = {".ci", ".github", "blueprints", "custom_components", "docs", "esphome", "script", "tests"}
LARGEST_FILE = 400_000

# Put together here, so that this file does not name them either.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("anaconda", "org"),
        ("maven", "org"),
        ("proxy", "golang", "org"),
        ("ghcr", "io"),
        ("docker", "io"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
    )
]

ALWAYS_LOADED = {"frontend", "homeassistant", "persistent_notification", "system_health", "websocket_api"}

ICONS = {"icon.png": 256, "icon@2x.png": 512, "dark_icon.png": 256, "dark_icon@2x.png": 512}
LOGOS = {
    "logo.png": (128, 256),
    "logo@2x.png": (256, 512),
    "dark_logo.png": (128, 256),
    "dark_logo@2x.png": (256, 512),
}

HACS_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "homeassistant": str,
    "zip_release": bool,
    "filename": str,
    "hide_default_branch": bool,
    "persistent_directory": str,
    "content_in_root": bool,
    "country": (str, list),
    "hacs": str,
    "render_readme": bool,
}

BRONZE = """
    action-setup appropriate-polling brands common-modules config-flow config-flow-test-coverage
    dependency-transparency docs-actions docs-conditions docs-high-level-description
    docs-installation-instructions docs-removal-instructions docs-triggers entity-event-setup
    entity-unique-id has-entity-name runtime-data test-before-configure test-before-setup unique-config-entry
"""
SILVER = """
    action-exceptions config-entry-unloading docs-configuration-parameters docs-installation-parameters
    entity-unavailable integration-owner log-when-unavailable parallel-updates reauthentication-flow
    test-coverage
"""
GOLD = """
    devices diagnostics discovery discovery-update-info docs-data-update docs-examples docs-known-limitations
    docs-supported-devices docs-supported-functions docs-troubleshooting docs-use-cases dynamic-devices
    entity-category entity-device-class entity-disabled-by-default entity-translations exception-translations
    icon-translations reconfiguration-flow repair-issues stale-devices
"""
PLATINUM = "async-dependency inject-websession strict-typing"
RULES = {*BRONZE.split(), *SILVER.split(), *GOLD.split(), *PLATINUM.split()}


def git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout  # noqa: S603


def tracked() -> list[str]:
    return [name for name in git("ls-files", "-z").split("\0") if name and (ROOT / name).is_file()]


def tracked_text() -> dict[str, str]:
    contents = {name: (ROOT / name).read_bytes() for name in tracked()}
    return {name: content.decode() for name, content in contents.items() if b"\0" not in content[:8000]}


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture
def manifest() -> dict[str, Any]:
    content: dict[str, Any] = read_json(INTEGRATION / "manifest.json")
    return content


def package(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "script" / "package"), *arguments]
    return subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603


def test_archive_unpacks_into_a_working_integration(tmp_path: Path, manifest: dict[str, Any]) -> None:
    result = package("--to", str(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr
    with zipfile.ZipFile(tmp_path / "smartair.zip") as archive:
        names = archive.namelist()
        assert json.loads(archive.read("manifest.json")) == manifest
        assert archive.testzip() is None
        assert archive.read("translations/en.json") == (INTEGRATION / "translations/en.json").read_bytes()
    assert "__init__.py" in names
    assert names == sorted(names)
    assert not [name for name in names if name.startswith(("/", "..")) or "__pycache__" in name]


def test_archive_is_the_same_each_time(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        package("--to", str(tmp_path / folder))
    assert (tmp_path / "one/smartair.zip").read_bytes() == (tmp_path / "two/smartair.zip").read_bytes()


def test_archive_is_built_for_the_tag_of_its_version(tmp_path: Path, manifest: dict[str, Any]) -> None:
    assert package("--to", str(tmp_path), "--tag", f"v{manifest['version']}").returncode == 0


def test_archive_is_not_built_for_another_tag(tmp_path: Path) -> None:
    result = package("--to", str(tmp_path), "--tag", "v99.0.0")
    assert result.returncode == 1
    assert "the tag says 99.0.0" in result.stdout
    assert not list(tmp_path.iterdir())


def test_the_notes_of_a_release_are_what_the_changelog_says_of_its_version(manifest: dict[str, Any]) -> None:
    printed = package("--changes").stdout
    assert printed.startswith("The first version." if manifest["version"] == "0.1.0" else "### ")
    assert "\n## [" not in printed


def workflow(name: str) -> dict[str, Any]:
    return load_yaml_dict(ROOT / ".github" / "workflows" / f"{name}.yml")


WORKFLOWS = sorted(path.stem for path in (ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_of_others_are_pinned_to_a_commit_and_get_no_credentials(name: str) -> None:
    steps = [step for job in workflow(name)["jobs"].values() for step in job.get("steps", ())]
    used = [step["uses"] for step in steps if "uses" in step]
    assert not [one for one in used if not re.fullmatch(r"[\w-]+(/[\w-]+)+@[0-9a-f]{40}", one)]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_only_a_job_that_publishes_may_write(name: str) -> None:
    content = workflow(name)
    assert content["permissions"] == {}
    rights = {job_name: job["permissions"] for job_name, job in content["jobs"].items()}
    writing = {job_name for job_name, granted in rights.items() if "write" in granted.values()}
    assert writing == ({"publish"} if name in {"release", "pages"} else set())


def test_a_release_is_published_last_with_its_archive_and_after_every_check() -> None:
    jobs = workflow("release")["jobs"]
    assert set(jobs["publish"]["needs"]) == {"tests", "validate", "build"}
    done = jobs["publish"]["steps"][-1]["run"]
    assert done.index("--draft --verify-tag") < done.index("release upload") < done.index("--draft=false")


@pytest.mark.parametrize("name", ["triggers", "conditions", "services"])
def test_what_has_a_target_is_offered_for_entities_of_smartair_alone(name: str) -> None:
    targets = [
        one["target"] for one in load_yaml_dict(INTEGRATION / f"{name}.yaml").values() if one and "target" in one
    ]
    assert targets
    for target in targets:
        offered = target["entity"] if isinstance(target["entity"], list) else [target["entity"]]
        assert {one["integration"] for one in offered} == {"smartair"}


def test_versions_agree(manifest: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert manifest["version"] == project["version"]
    assert f"\n## [{manifest['version']}]" in (ROOT / "CHANGELOG.md").read_text()


def test_manifest_has_what_hacs_and_the_marketplace_ask_for(manifest: dict[str, Any]) -> None:
    assert manifest["domain"] == INTEGRATION.name
    assert manifest["config_flow"] is True
    assert manifest["iot_class"] == "local_push"
    assert manifest["integration_type"] == "hub"
    assert "mqtt" in manifest["dependencies"]
    assert manifest["connectivity"] == ["mqtt"]
    assert manifest["categories"]
    assert manifest["codeowners"]
    assert all(owner.startswith("@") for owner in manifest["codeowners"])
    assert manifest["documentation"].startswith("https://")
    assert manifest["issue_tracker"].startswith("https://")
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])


def test_manifest_keys_are_in_the_order_that_hassfest_wants(manifest: dict[str, Any]) -> None:
    keys = list(manifest)
    assert keys[:2] == ["domain", "name"]
    assert keys[2:] == sorted(keys[2:])


def test_there_is_one_integration() -> None:
    assert [name for name in tracked() if Path(name).name == "manifest.json"] == [
        "custom_components/smartair/manifest.json"
    ]


def test_hacs_file_is_valid(manifest: dict[str, Any]) -> None:
    hacs = read_json(ROOT / "hacs.json")
    assert hacs["name"] == manifest["name"]
    assert hacs["zip_release"] is True
    assert hacs["filename"] == "smartair.zip"
    assert re.fullmatch(r"\d{4}\.\d{1,2}\.\d+(b\d+)?", hacs["homeassistant"])
    assert not [key for key, value in hacs.items() if not isinstance(value, HACS_KEYS[key])]


def test_quality_scale_answers_every_rule(manifest: dict[str, Any]) -> None:
    answers = load_yaml_dict(INTEGRATION / "quality_scale.yaml")["rules"]
    assert len(RULES) == 54
    assert set(answers) == RULES
    statuses = {
        rule: (answer, "") if isinstance(answer, str) else (answer["status"], answer["comment"])
        for rule, answer in answers.items()
    }
    assert {status for status, _ in statuses.values()} <= {"done", "todo", "exempt"}
    assert not [rule for rule, (status, why) in statuses.items() if status == "exempt" and not why.strip()]
    if manifest["quality_scale"] == "platinum":
        assert [rule for rule, (status, _) in statuses.items() if status == "todo"] == []


def imported_integrations(path: Path) -> set[str]:
    """Return which of Home Assistant's integrations a module needs when it runs."""
    nodes: list[ast.AST] = [ast.parse(path.read_text())]
    found: set[str] = set()
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "homeassistant.components":
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("homeassistant.components."):
            found.add((node.module or "").split(".")[2])
        nodes += ast.iter_child_nodes(node)
    return found


def test_imported_integrations_are_dependencies(manifest: dict[str, Any]) -> None:
    """A platform may import the integration that it is a platform of."""
    platforms = {path.stem for path in INTEGRATION.glob("*.py")} | set(Platform)
    allowed = {*platforms, *ALWAYS_LOADED, *manifest["dependencies"], *manifest.get("after_dependencies", [])}
    needed = {path.name: imported_integrations(path) - allowed for path in INTEGRATION.rglob("*.py")}
    assert {name: missing for name, missing in needed.items() if missing} == {}


def image_size(path: Path) -> tuple[int, int]:
    header = path.read_bytes()[:26]
    assert header[:8] == b"\x89PNG\r\n\x1a\n", f"{path.name} is not a PNG"
    width, height = struct.unpack(">II", header[16:24])
    return width, height


def test_brand_has_only_the_images_that_are_served() -> None:
    assert {path.name for path in (INTEGRATION / "brand").iterdir()} == {*ICONS, *LOGOS}


@pytest.mark.parametrize(("name", "size"), ICONS.items())
def test_icon_is_square(name: str, size: int) -> None:
    assert image_size(INTEGRATION / "brand" / name) == (size, size)


@pytest.mark.parametrize(("name", "limits"), LOGOS.items())
def test_logo_is_a_landscape(name: str, limits: tuple[int, int]) -> None:
    width, height = image_size(INTEGRATION / "brand" / name)
    assert width > height
    assert limits[0] <= height <= limits[1]


def test_brand_images_are_light() -> None:
    assert not [path.name for path in (INTEGRATION / "brand").iterdir() if path.stat().st_size > 60_000]


def test_top_level_folders_are_the_agreed_ones() -> None:
    assert {name.split("/", 1)[0] for name in tracked() if "/" in name} <= FOLDERS


def test_no_file_is_large() -> None:
    assert not [name for name in tracked() if (ROOT / name).stat().st_size > LARGEST_FILE]


def test_no_file_names_a_package_registry() -> None:
    """Which registry to ask is for the machine's own settings to say."""
    assert not [(name, host) for name, text in tracked_text().items() for host in REGISTRIES if host in text.lower()]


def test_no_file_names_a_place_on_the_machine_of_its_author() -> None:
    """Temporary and home folders are asked for, not written down."""
    place = re.compile(r"(?<![\w.$}/-])/(?:home/(?!assistant)\w+|work|Users)/")
    assert not [(name, found[0]) for name, text in tracked_text().items() if (found := place.search(text))]


def test_scripts_can_be_run() -> None:
    rows = [line.split(maxsplit=3) for line in git("ls-files", "-s", "script", ".ci").splitlines()]
    assert not [row[3] for row in rows if (ROOT / row[3]).read_bytes().startswith(b"#!") and row[0] != "100755"]


@pytest.mark.parametrize("name", [name for name in tracked() if name.endswith((".yml", ".json"))])
def test_data_files_can_be_read(name: str) -> None:
    text = (ROOT / name).read_text()
    assert json.loads(text) if name.endswith(".json") else parse_yaml(text)


def test_the_blueprints_are_as_script_blueprints_writes_them(tmp_path: Path) -> None:
    for part in ("script/blueprints", "blueprints", "custom_components/smartair/blueprints"):
        target = tmp_path / part
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["/bin/cp", "-r", ROOT / part, target], check=True)  # noqa: S603
    made = subprocess.run([tmp_path / "script/blueprints"], check=False, capture_output=True, text=True)  # noqa: S603
    assert (made.returncode, made.stderr) == (0, "")
    for folder in ("blueprints", "custom_components/smartair/blueprints"):
        for path in (tmp_path / folder).rglob("*.yaml"):
            assert path.read_text() == (ROOT / path.relative_to(tmp_path)).read_text(), path
