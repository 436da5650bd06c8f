"""Take out the guards one by one, and tell which of them no test misses.

python -m lab.mutants [MODULE...] [--only TEXT] [--every N] [--budget SECONDS] [--jobs N]

Each mutant is judged by the tests that come by its line, the quickest first. What is never noticed and cannot be is
explained in tests/mutants.md, by its name.
"""

import argparse
import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
import json
import os
from pathlib import Path
import signal
import sys
import time
from types import CodeType, ModuleType
from typing import Any, override

import homeassistant.core  # noqa: F401 - before the plug-in, and once for all mutants
import pytest
import pytest_homeassistant_custom_component.plugins  # noqa: F401 - once for all mutants

from .mutation import Mutant, mutants, mutate

ROOT = Path(__file__).parents[2]
PACKAGE = "custom_components.smartair"
PURE = (
    "guard.guard",
    "guard.answers",
    "guard.memory",
    "guard.transition",
    "guard.watch",
    "safety",
    "water.cycle",
    "water.change",
    "water.model",
    "water.memory",
)
GLUE = ("pumps.pumps", "pumps.pump", "zones.zone", "zones.sources", "pumps.actuator", "zones.hands")
PURE_TESTS = ("tests/pysmartair/test_*.py", "tests/proof/test_*.py")
# What is not about pumps takes minutes, and would notice nothing.
ELSEWHERE = (
    "alerts",
    "device",
    "firmware",
    "fuzz",
    "history",
    "metrics",
    "parser",
    "profiles",
    "recordings",
    "rollout",
    "thresholds",
    "topics",
    "updating",
)
GLUE_TESTS = ("tests/test_pump*.py", "tests/test_zone*.py", "tests/test_foreign*.py", "tests/test_usage*.py")
QUIET = ("-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", "--tb=no", "-W", "ignore")
KEPT = ROOT / "artifacts" / "mutants"
EXPLAINED = ROOT / "tests" / "mutants.md"
MOST_TESTS = 250
PATIENCE = 4.0
"""A mutant that makes the tests take so many times as long goes round in circles."""
TOOL = sys.monitoring.OPTIMIZER_ID
"""A place among the tools that watch a program which no debugger and no coverage takes."""


@dataclass(frozen=True)
class Tests:
    """Which tests come by which lines of a module, and how long each takes."""

    lines: dict[str, dict[str, list[int]]]
    seconds: dict[str, float]

    def of(self, mutant: Mutant, budget: float) -> list[str]:
        """Return what can notice a mutant, the quickest first, and no more than the budget allows."""
        span = range(mutant.line, mutant.last_line + 1)
        concerned = [test for test, lines in self.lines.get(mutant.module, {}).items() if set(lines) & set(span)]
        chosen: list[str] = []
        spent = 0.0
        for test in sorted(concerned, key=lambda one: self.seconds.get(one, 0.0)):
            spent += self.seconds.get(test, 0.0)
            if chosen and (spent > budget or len(chosen) >= MOST_TESTS):
                break
            chosen.append(test)
        return chosen


def path_of(module: str) -> Path:
    """Return the file of a module."""
    folder = Path(PACKAGE.replace(".", "/"))
    return ROOT / (folder / "pysmartair" if module in PURE else folder) / f"{module.replace('.', '/')}.py"


# --- which test comes by which line ---------------------------------------------------------------


class Recorder:
    """A plug-in that writes down which lines each test comes by."""

    def __init__(self, modules: Sequence[str]) -> None:
        """Begin to watch."""
        self.files = {str(path_of(one)): one for one in modules}
        self.lines: dict[str, dict[str, set[int]]] = {one: {} for one in modules}
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: set[str] = set()
        self.test = ""
        sys.monitoring.use_tool_id(TOOL, "mutants")
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.LINE, self._line)
        sys.monitoring.set_events(TOOL, sys.monitoring.events.LINE)

    def _line(self, code: CodeType, line: int) -> Any:
        module = self.files.get(code.co_filename)
        if module is not None and self.test:
            self.lines[module].setdefault(self.test, set()).add(line)
        return sys.monitoring.DISABLE

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Begin a test."""
        self.test = nodeid
        sys.monitoring.restart_events()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """End a part of a test."""
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)

    def written(self) -> dict[str, Any]:
        """Return what was seen; a test that fails by itself notices nothing."""
        return {
            "lines": {
                module: {test: sorted(lines) for test, lines in tests.items() if test not in self.failed}
                for module, tests in self.lines.items()
            },
            "seconds": dict(self.seconds),
            "failed": sorted(self.failed),
        }


def _test_files(patterns: Sequence[str]) -> list[str]:
    files = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    elsewhere = {f"test_{one}.py" for one in ELSEWHERE}
    return [str(path.relative_to(ROOT)) for path in files if path.name not in elsewhere]


def tests_of(modules: Sequence[str], patterns: Sequence[str]) -> Tests:
    """Return which tests come by which line; found out once for a state of the files."""
    files = _test_files(patterns)
    key = sha256(json.dumps([*modules, *files]).encode())
    for path in sorted({path_of(one) for one in modules} | {*(ROOT / "tests").rglob("*.py")}):
        key.update(path.read_bytes())
    kept = KEPT / f"tests-{key.hexdigest()[:16]}.json"
    if not kept.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        print(f"finding out which tests of {' '.join(patterns)} come by which lines ...", flush=True)
        child = os.fork()
        if child == 0:
            recorder = Recorder(modules)
            with _silence(KEPT / "tests.log"):
                pytest.main([*QUIET, *files], plugins=[recorder])
            kept.write_text(json.dumps(recorder.written()))
            os._exit(0)
        os.waitpid(child, 0)
    found = json.loads(kept.read_text())
    if found["failed"]:
        print(f"{len(found['failed'])} tests fail by themselves and are left out: {found['failed'][:5]}")
    return Tests(found["lines"], found["seconds"])


class _silence:  # noqa: N801 - it is used like a function
    """Send what is printed into a file."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w")

    def __enter__(self) -> None:
        self.out, self.err = redirect_stdout(self.file), redirect_stderr(self.file)
        self.out.__enter__()
        self.err.__enter__()

    def __exit__(self, *_: object) -> None:
        self.file.flush()


# --- one mutant -----------------------------------------------------------------------------------


class _Loader(SourceFileLoader):
    """Loads a module in which a guard is taken out."""

    tree: ast.Module

    @override
    def get_code(self, fullname: str) -> CodeType:
        return compile(self.tree, self.path, "exec")


class _Finder(MetaPathFinder):
    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self.name, self.loader = name, _Loader(name, str(path))
        self.loader.tree = tree

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return spec_from_file_location(fullname, self.loader.path, loader=self.loader)


def _try(mutant: Mutant, chosen: Sequence[str], log: Path) -> int:
    """Run the tests on a mutant; this process is of no use afterwards."""
    path = path_of(mutant.module)
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    sys.meta_path.insert(0, _Finder(name, path, mutate(path.read_text(), mutant.number)))
    with _silence(log):
        return int(pytest.main([*QUIET, "-x", *chosen]))


@dataclass(frozen=True)
class Job:
    """A mutant that is being tried."""

    mutant: Mutant
    tests: int
    deadline: float


def results(todo: Sequence[tuple[Mutant, list[str], float]], jobs: int) -> Iterator[tuple[Mutant, str]]:
    """Try mutants, a few at once, and yield what became of each."""
    waiting, running = list(todo), dict[int, Job]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant, chosen, seconds = waiting.pop(0)
            if not chosen:
                yield mutant, "no test comes by"
                continue
            child = os.fork()
            if child == 0:
                os.setpgid(0, 0)
                code = 1
                with suppress(BaseException):
                    code = _try(mutant, chosen, KEPT / f"mutant-{os.getpid()}.log")
                os._exit(code)
            running[child] = Job(mutant, len(chosen), time.monotonic() + PATIENCE * seconds + 60)
        yield from _ended(running)
        time.sleep(0.02)


def _ended(running: dict[int, Job]) -> Iterator[tuple[Mutant, str]]:
    for child, job in list(running.items()):
        late = time.monotonic() > job.deadline
        if late:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        pid, status = os.waitpid(child, 0 if late else os.WNOHANG)
        if pid == 0:
            continue
        del running[child]
        (KEPT / f"mutant-{child}.log").unlink(missing_ok=True)
        passed = not late and os.waitstatus_to_exitcode(status) == 0
        yield job.mutant, f"survives {job.tests} tests" if passed else "noticed"


# --- all of them ----------------------------------------------------------------------------------


def explained() -> set[str]:
    """Return the names of what cannot be noticed: each its own heading, with the reason below."""
    if not EXPLAINED.exists():
        return set()
    lines = EXPLAINED.read_text().splitlines()
    return {line.removeprefix("* `").rpartition("`")[0] for line in lines if line.startswith("* `")}


def _todo(modules: Sequence[str], args: argparse.Namespace) -> list[Mutant]:
    found = [one for module in modules for one in mutants(module, path_of(module).read_text())]
    return [one for one in found if args.only in one.name][:: args.every]


def _rounds(modules: Sequence[str], args: argparse.Namespace) -> Iterator[tuple[Mutant, str]]:
    """Try the tests of the pure rules first, and what survives them with those in Home Assistant."""
    rounds = [(PURE, PURE_TESTS), (PURE, GLUE_TESTS), (GLUE, GLUE_TESTS)]
    left = _todo(modules, args)
    for place, (group, patterns) in enumerate(rounds):
        mine = [one for one in left if one.module in group]
        if not mine:
            continue
        tests = tests_of(group, patterns)
        chosen = [(one, tests.of(one, args.budget)) for one in mine]
        todo = [(one, ids, sum(tests.seconds.get(test, 0.0) for test in ids)) for one, ids in chosen]
        for mutant, result in results(todo, args.jobs):
            if result == "noticed" or place > 0:
                left.remove(mutant)
                yield mutant, result


def main() -> int:
    """Try the mutants of the modules that are named, or of all."""
    parser = argparse.ArgumentParser(prog="script/test --mutants", description="Take out the guards one by one.")
    parser.add_argument("module", nargs="*", help=f"of {', '.join(PURE + GLUE)}; or pure, or glue")
    parser.add_argument("--only", default="", help="mutants with this in their name")
    parser.add_argument("--every", type=int, default=1, help="each so-manieth mutant")
    parser.add_argument("--budget", type=float, default=45.0, help="seconds of tests for one mutant, at most")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    names = {"pure": PURE, "glue": GLUE}
    modules = [one for name in args.module or ("pure", "glue") for one in names.get(name, (name,))]
    unknown = set(modules) - {*PURE, *GLUE}
    if unknown:
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    return report(_rounds(modules, args))


def report(tried: Iterator[tuple[Mutant, str]]) -> int:
    """Print what survives, and how many of each module were noticed."""
    known = explained()
    count, noticed, excused = Counter[str](), Counter[str](), Counter[str]()
    for mutant, result in tried:
        count[mutant.module] += 1
        if result == "noticed":
            noticed[mutant.module] += 1
        elif mutant.name in known:
            excused[mutant.module] += 1
        else:
            print(f"{result}: line {mutant.line} {mutant.name}", flush=True)
    for module in [*count, "all"]:
        sums = [sum(one.values()) if module == "all" else one[module] for one in (count, noticed, excused)]
        share = 100 * sums[1] / max(1, sums[0])
        print(f"{module:16} {sums[0]:5} mutants, {sums[1]:5} noticed ({share:.1f} %), {sums[2]:4} explained")
    return 0


if __name__ == "__main__":
    sys.exit(main())
