"""ESPHome's command line: check, generate and compile, each build made once and kept as long as nothing changed."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
ESPHOME = TESTS.parent
ROOT = ESPHOME.parent
HOST = TESTS / "host"
BUILD = ROOT / "build" / "firmware"


def esphome(*arguments: str, data: Path, timeout: float = 560) -> subprocess.CompletedProcess[str]:
    """Run ESPHome, with everything it writes outside the source tree."""
    return subprocess.run(
        [sys.executable, "-m", "esphome", *arguments],
        env={**os.environ, "ESPHOME_DATA_DIR": str(data), "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        check=False,
    )


def overlay() -> Path:
    """The mqtt component for the host, made from the installed ESPHome."""
    out = BUILD / "overlay"
    subprocess.run([sys.executable, str(HOST / "make_overlay.py"), str(out)], check=True)
    return out


def secrets(folder: Path) -> None:
    """The example's secrets, so that it is proven to be complete."""
    target = folder / "secrets.yaml"
    text = (ESPHOME / "secrets.example.yaml").read_text()
    if not target.exists() or target.read_text() != text:
        target.write_text(text)


def tree(folder: Path) -> Path:
    """A copy of esphome/ that secrets may be put into; the source tree stays as it is."""
    for part in ("components", "packages", "devices", "tests/host"):
        shutil.copytree(
            ESPHOME / part,
            folder / part,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("__pycache__", "secrets.yaml", ".esphome"),
        )
    secrets(folder / "devices")
    secrets(folder / "tests/host")
    return folder


def fingerprint(*extra: str) -> str:
    """Of all that decides what a host build contains."""
    digest = hashlib.sha256(repr(extra).encode())
    for part in ("components", "packages", "tests/host"):
        for path in sorted((ESPHOME / part).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.name != "secrets.yaml":
                digest.update(str(path.relative_to(ESPHOME)).encode() + path.read_bytes())
    return digest.hexdigest()


def host_image(name: str, **substitutions: str) -> Path:
    """Compile tests/host/<name>.yaml for the host; returns the program."""
    label = "-".join([name, *(f"{k}={v}" for k, v in sorted(substitutions.items()))])
    folder = BUILD / "host" / hashlib.sha256(label.encode()).hexdigest()[:8]
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "program"
    stamp = folder / "stamp"
    wanted = fingerprint(label)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.exists() and stamp.exists() and stamp.read_text() == wanted:
            return program
        with (BUILD / "lock").open("w") as common:
            # Tests run side by side; the sources that all builds share are written by one of them at a time.
            fcntl.flock(common, fcntl.LOCK_EX)
            source = tree(BUILD / "tree")
            patched = overlay()
        arguments = ["-s", "shim", str(source / "tests/host/shim"), "-s", "overlay", str(patched)]
        for key, value in substitutions.items():
            arguments += ["-s", key, value]
        result = esphome(*arguments, "compile", str(source / f"tests/host/{name}.yaml"), data=folder / "data")
        assert result.returncode == 0, result.stdout[-6000:]
        built = sorted((folder / "data" / "build").glob("*/.pioenvs/*/program"))
        shutil.copy(built[0], program)
        stamp.write_text(wanted)
        return program
