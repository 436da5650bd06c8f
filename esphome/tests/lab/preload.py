"""The small libraries that stand between the firmware and the machine, built when first needed."""

import subprocess
from pathlib import Path

from .build import BUILD, HOST


def library(name: str) -> Path:
    """Build host/<name>.c as a library for LD_PRELOAD."""
    source = HOST / f"{name}.c"
    target = BUILD / f"{name}.so"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", target, source, "-ldl"], check=True
        )
    return target
