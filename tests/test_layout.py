"""The map of the house: which room may know of which, imports for types included."""

import ast
from collections.abc import Mapping
import os
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "custom_components" / "smartair"
NAME = "custom_components.smartair"
MOST_AT_THE_TOP = 26


def modules() -> dict[str, Path]:
    """Return every module of the house by its name in it."""
    found = {}
    for path in sorted(HOUSE.rglob("*.py")):
        parts = path.relative_to(HOUSE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: set[str], more: str = "") -> set[str]:
    """Return the modules of the house that one imports, with what a line more would."""
    found = set[str]()
    package = [*NAME.split("."), *filter(None, name.split("."))]
    if path.name != "__init__.py":
        package.pop()
    for node in ast.walk(ast.parse(f"{path.read_text()}\n{more}")):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = package[: len(package) - node.level + 1] if node.level else []
        target = ".".join([*base, *filter(None, [node.module])])
        if target != NAME and not target.startswith(f"{NAME}."):
            continue
        target = target.removeprefix(NAME).removeprefix(".")
        found |= {
            full if (full := f"{target}.{alias.name}".removeprefix(".")) in known else target for alias in node.names
        }
    return found - {name}


def circle(of: Mapping[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle, or nothing."""
    left = {name: set(others) for name, others in of.items()}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def test_a_newcomer_sees_the_map_at_the_top() -> None:
    assert len(list(HOUSE.glob("*.py"))) <= MOST_AT_THE_TOP


def test_no_two_files_need_each_other_even_for_types() -> None:
    known = modules()
    found = {name: imports(name, path, set(known)) for name, path in known.items()}
    assert circle(found) == []
    more = "if TYPE_CHECKING:\n    from ..hub import SmartAirHub\n"
    found["devices.device"] = imports("devices.device", known["devices.device"], set(known), more)
    assert "hub" in circle(found)


def contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    """Judge the imports of the house in a folder by the contracts of the project."""
    return subprocess.run(  # noqa: S603 - the own command
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache", ROOT / "pyproject.toml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("devices/device.py", "    from ..hub import SmartAirHub"),
        ("pumps/pump.py", "    from ..zones.zones import Zones"),
        ("alerts/log.py", "    from ..pumps.usage import UsageLog"),
        ("pysmartair/safety.py", "    from .guard import step"),
        ("pysmartair/device.py", "    from homeassistant.core import HomeAssistant"),
    ],
)
def test_an_import_that_leads_back_breaks_a_contract(tmp_path: Path, where: str, line: str) -> None:
    house = tmp_path / "smartair"
    shutil.copytree(HOUSE, house, ignore=lambda _, names: {one for one in names if one == "__pycache__"})
    assert contracts(tmp_path).returncode == 0
    with (house / where).open("a") as file:
        file.write(f"\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n{line}\n")
    judged = contracts(tmp_path)
    assert judged.returncode == 1
    assert "BROKEN" in judged.stdout
