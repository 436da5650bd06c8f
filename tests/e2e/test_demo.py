"""The demo, as a person runs it."""

import asyncio
import os
from pathlib import Path
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

from lab.client import eventually
from lab.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(240)

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = str(REPOSITORY / "script/demo")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The demo with its output in a file; a test that fails leaves nothing running."""
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 (our own script)
            [DEMO, "--devices", "1", "--port", str(free_port())],
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        )
    yield process, output
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


async def until_welcomed(output: Path) -> str:
    async def welcomed() -> bool:
        return "Ctrl-C ends everything" in output.read_text()

    await eventually(welcomed, within=120, what="the demo's welcome")
    return output.read_text()


def say(folder: Path) -> subprocess.CompletedProcess[str]:
    """Publish a device of one's own into the demo whose whereabouts lie in a folder."""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    command = [DEMO, "--say", '{"co2": 920}']
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603


async def until_gone(children: list[psutil.Process]) -> None:
    async def gone() -> bool:
        return not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]

    await eventually(gone, within=30, what="the end of every process that the demo started")


async def test_the_check_prints_live_values_of_every_device_updates_one_and_ends_well() -> None:
    command = [DEMO, "--check", "--scenario", "update"]
    check = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)

    assert check.returncode == 0, check.stdout + check.stderr
    assert "It runs 2.1.0." in check.stdout
    rows = dict(re.findall(r"^  ([a-z0-9]+_\d{3}) +(.*)$", check.stdout, re.MULTILINE))
    assert {uid.split("_")[0] for uid in rows} == {"co2", "temp", "dust", "multi", "pump", "vib", "host"}
    assert {"co2_001", "co2_002", "co2_003"} <= set(rows)
    for uid, row in rows.items():
        assert re.search(r"[a-z0-9] -?\d", row), uid
        assert "unknown" not in row
        assert "unavailable" not in row


async def test_a_scenario_trips_locks_refuses_the_reset_and_lets_it_be_reset_after_the_repair() -> None:
    command = [DEMO, "--check", "--devices", "7", "--scenario", "dry"]
    check = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)

    assert check.returncode == 0, check.stdout + check.stderr
    told = ("the reservoir runs empty", "the lock of pump_recirc: dry_run", "Refused: ", "The lock is gone")
    places = [check.stdout.find(one) for one in told]
    assert -1 not in places, check.stdout
    assert places == sorted(places)


async def test_ctrl_c_ends_everything_that_it_started(running: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, output = running
    text = await until_welcomed(output)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    assert re.search(r"user name +smartair", text)
    assert re.search(r"pairing code \d{8}", text)
    assert re.search(r"mosquitto_pub -h 127\.0\.0\.1 -p \d+ -t devices/my_sensor/telemetry -m '{\"co2\": 920}'", text)
    assert "script/demo --say '{\"co2\": 920}'" in text
    said = await asyncio.to_thread(say, output.parent)
    assert (said.returncode, said.stdout) == (0, 'Said on devices/my_sensor/telemetry: {"co2": 920}\n')

    process.send_signal(signal.SIGINT)

    assert await asyncio.to_thread(process.wait, 30) == 0
    await until_gone(children)
    said = await asyncio.to_thread(say, output.parent)
    assert (said.returncode, said.stdout.partition(".")[0]) == (1, "No demo is running here")


async def test_the_demo_ends_when_a_part_of_it_dies(running: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, output = running
    await until_welcomed(output)
    children = psutil.Process(process.pid).children(recursive=True)
    broker = next(child for child in children if "mosquitto" in " ".join(child.cmdline()))

    broker.kill()

    assert await asyncio.to_thread(process.wait, 60) == 1
    assert "The broker has ended" in output.read_text()
    await until_gone(children)
