"""The tests of the blueprints notice what is broken; python -m tests.blueprints.mutants all tries every break."""

import subprocess
import sys

from .conftest import ROOT
from .mutants import MUTANTS, SAMPLE, SOURCE


def test_each_break_still_breaks_something() -> None:
    assert [one for one in MUTANTS if one.was not in (SOURCE / f"{one.blueprint}.yaml").read_text()] == []


def test_a_break_in_each_blueprint_is_noticed() -> None:
    command = [sys.executable, "-m", "tests.blueprints.mutants"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert run.stdout == f"{len(SAMPLE)} tried, 0 not noticed\n", run.stdout + run.stderr
