"""The map of the house: which room may know of which, imports for types included."""

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "custom_components" / "smartair"
NAME = "custom_components.smartair"
MOST_AT_THE_TOP = 26

# What the hub is made of, from below: a room may know of those before it, and of none after it.
FLOORS = (
    {"const", "pysmartair"},
    {"isolation", "careful_store"},
    {"store", "connection"},
    {"issues"},
    {"devices"},
    {"alerts"},
    {"pumps", "firmware"},
    {"zones"},
    {"hub"},
)
# Entities, actions and flows stand in their wing and are set up with the hub: they may name it.
DOWNSTAIRS = (
    {"freshness", "hearing", "places"},
    {"protocol"},
    {"device", "safety", "alerts"},
    {"air", "history", "channels", "usage", "updates", "water", "guard"},
)


def modules() -> dict[str, Path]:
    """Return every module of the house by its name in it."""
    found = {}
    for path in sorted(HOUSE.rglob("*.py")):
        parts = path.relative_to(HOUSE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: set[str], more: str = "") -> tuple[set[str], set[str]]:
    """Return the modules of the house that one imports, with what a line more would, and the packages of others."""
    inside, outside = set[str](), set[str]()
    package = [*NAME.split("."), *filter(None, name.split("."))]
    if path.name != "__init__.py":
        package.pop()
    for node in ast.walk(ast.parse(f"{path.read_text()}\n{more}")):
        if isinstance(node, ast.Import):
            outside |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *filter(None, [node.module])])
            if target != NAME and not target.startswith(f"{NAME}."):
                outside.add(target)
                continue
            target = target.removeprefix(NAME).removeprefix(".")
            inside |= {
                full if (full := f"{target}.{alias.name}".removeprefix(".")) in known else target
                for alias in node.names
            }
    return inside - {name}, outside


def graph() -> dict[str, set[str]]:
    """Return which module of the house imports which."""
    found = modules()
    return {name: imports(name, path, set(found))[0] for name, path in found.items()}


def circle(of: Mapping[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle, or nothing."""
    left = {name: set(others) for name, others in of.items()}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def reached(of: Mapping[str, set[str]], start: str) -> set[str]:
    """Return what a module imports, and what that imports, and so on."""
    found, todo = set[str](), [start]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += of[name]
    return found


def upwards(of: Mapping[str, set[str]], floors: tuple[set[str], ...], among: Iterable[str]) -> list[str]:
    """Return the imports that run up the floors, or to another room of the same floor."""
    floor = {room: number for number, rooms in enumerate(floors) for room in rooms}
    wrong = []
    for name in sorted(among):
        room = name.partition(".")[0]
        for other in sorted(of[name]):
            below = other.partition(".")[0]
            if below != room and floor[below] >= floor[room]:
                wrong.append(f"{name} imports {other}")
    return wrong


def test_a_newcomer_sees_the_map_at_the_top() -> None:
    assert len(list(HOUSE.glob("*.py"))) <= MOST_AT_THE_TOP


def test_no_two_files_need_each_other_even_for_types() -> None:
    assert circle(graph()) == []


def test_what_the_hub_is_made_of_knows_only_what_is_below_it() -> None:
    found = graph()
    among = {name for name in reached(found, "hub") if not name.startswith("pysmartair")}
    assert upwards(found, FLOORS, among) == []


def test_downstairs_knows_only_what_is_below_it() -> None:
    found = {
        name.removeprefix("pysmartair."): {other.removeprefix("pysmartair.") for other in others}
        for name, others in graph().items()
        if name.startswith("pysmartair.")
    }
    assert upwards(found, DOWNSTAIRS, found) == []


def test_downstairs_knows_nothing_of_home_assistant() -> None:
    found = modules()
    for name, path in found.items():
        if name.startswith("pysmartair"):
            inside, outside = imports(name, path, set(found))
            assert not {one for one in outside if one.partition(".")[0] in {"homeassistant", "voluptuous"}}, name
            assert not {one for one in inside if not one.startswith("pysmartair")}, name


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("devices.device", "from ..hub import SmartAirHub"),
        ("pumps.pump", "from ..zones.zones import Zones"),
        ("alerts.log", "from ..pumps.pumps import Pumps"),
        ("alerts.log", "from ..pumps.usage import UsageLog"),
    ],
)
def test_an_import_that_leads_back_is_found(where: str, line: str) -> None:
    found, known = graph(), modules()
    assert where in reached(found, "hub")
    more = f"if TYPE_CHECKING:\n    {line}\n"
    found[where] = imports(where, known[where], set(known), more)[0]
    assert circle(found) or upwards(found, FLOORS, {where})
