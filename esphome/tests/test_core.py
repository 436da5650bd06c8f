"""The portable rules, without any ESPHome: plain g++ with sanitizers, and the vectors shared with the integration."""

import json
from pathlib import Path
import subprocess

import pytest

from lab.build import BUILD, ESPHOME, ROOT, TESTS

VECTORS = json.loads((ROOT / "tests/vectors/pump_safety.json").read_text())
# libstdc++'s own checks beside the sanitizers: this code runs on pumps.
FLAGS = ["-std=gnu++20", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fno-exceptions", "-D_GLIBCXX_ASSERTIONS"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compiled(name: str) -> Path:
    """Compile tests/core/<name>.cpp when it or a header is newer."""
    source = TESTS / "core" / f"{name}.cpp"
    target = BUILD / "core" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    newest = max(p.stat().st_mtime for p in [source, *(ESPHOME / "components").rglob("*.h")])
    if not target.exists() or target.stat().st_mtime < newest:
        subprocess.run(["g++", *FLAGS, *SANITIZE, "-o", target, source], check=True)
    return target


def test_the_rules_hold_over_days_and_across_the_wrap_of_millis() -> None:
    done = subprocess.run([compiled("pump_rules_test")], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "ok\n"


def pairs(values: dict) -> list[str]:
    return [f"{k}={'1' if v is True else v}" for k, v in values.items() if v is not None and v is not False]


def answers(lines: list[str]) -> list[str]:
    done = subprocess.run(
        [compiled("pump_rules_test"), "vectors"], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def said(verdict: object) -> str:
    return verdict if isinstance(verdict, str) else f"{verdict['refused']} {verdict['cause']}"


@pytest.mark.parametrize("case", VECTORS["start"], ids=lambda c: c["name"])
def test_the_gate_says_what_the_shared_vectors_say(case: dict) -> None:
    line = " ".join(["kind=start", *pairs(case["limits"]), *pairs(case["readings"]), *pairs(case["situation"])])
    assert answers([line]) == [said(case["verdict"])]


@pytest.mark.parametrize("case", VECTORS["reset"], ids=lambda c: c["name"])
def test_a_reset_is_allowed_exactly_where_the_shared_vectors_allow_it(case: dict) -> None:
    line = f"kind=reset lock={case['lock']} lock_cause={case['lock_cause']} "
    assert answers([line + " ".join(pairs(case["limits"]) + pairs(case["readings"]))]) == [said(case["verdict"])]


@pytest.mark.parametrize("case", VECTORS["run"], ids=lambda c: c["name"])
def test_a_run_trips_when_the_shared_vectors_say(case: dict) -> None:
    lines = [" ".join([f"kind=run run={case['kind']} segments={len(case['segments'])}", *pairs(case["limits"])])]
    lines += [" ".join([f"for_s={s['for_s']}", *pairs(s["readings"])]) for s in case["segments"]]
    [answer] = answers(lines)
    if case["trip"] is None:
        assert answer == "none"
        return
    code, cause, lock, at = answer.split()
    trip = case["trip"]
    assert (code, cause, lock) == (trip["code"], trip["cause"], "locked" if trip["locks"] else "open")
    low, high = trip["between_s"]
    assert low <= float(at) <= high
