"""The bench runs, and nothing is lost in it; how fast it is depends on the machine, and is not judged here."""

from dataclasses import fields
import json
from pathlib import Path
import subprocess

import pytest

from lab.bench.devices import ENTITIES
from lab.bench.measure import Figures
from lab.bench.report import ROWS
from lab.bench.variants import VARIANTS
from lab.broker import REPOSITORY


@pytest.mark.timeout(420)
def test_the_bench_runs_and_nothing_is_lost(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    argv = [REPOSITORY / "script/bench", "--smoke", "--output", output]
    ran = subprocess.run(argv, check=False, capture_output=True, text=True)  # noqa: S603 (it is ours)
    assert ran.returncode == 0, ran.stdout + ran.stderr

    result = json.loads(output.read_text())
    figures = result["figures"]["10"]
    assert set(figures) == set(VARIANTS)
    assert {name: set(one) for name, one in figures.items()} == {
        name: {field.name for field in fields(Figures)} for name in VARIANTS
    }
    assert {name: one["lost"] for name, one in figures.items()} == dict.fromkeys(VARIANTS, 0)
    # All have the same to do.
    assert {name: one["entities"] for name, one in figures.items()} == dict.fromkeys(VARIANTS, 10 * ENTITIES)
    assert set(result["ratios"]["10"]) == {row.key for row in ROWS}
