"""The firmware of a real device, compiled for this machine, meets a real broker and a real Home Assistant."""

from pathlib import Path
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from lab.client import eventually
from lab.process import Child

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
ESPHOME = ROOT / ".venv-esphome/bin/python"
COMPILE = (
    "import sys; sys.path.insert(0, 'esphome/tests'); from lab.build import host_image; print(host_image('air'))"
)
AIR = {
    "co2": 640,
    "temperature": 21.5,
    "humidity": 40,
    "pm1": 3,
    "pm25": 5,
    "pm10": 8,
    "voc_index": 90,
    "nox_index": 1,
}


class Board:
    """The firmware as a process: its sensors read files, and its serial log is a file too."""

    def __init__(self, image: Path, folder: Path, port: int) -> None:
        self.inputs = folder / "inputs"
        self.inputs.mkdir()
        environment = {
            "ESPHOME_PREFDIR": str(folder / "flash"),
            "SMARTAIR_SIM": str(self.inputs),
            "SMARTAIR_MQTT_PORT": str(port),
        }
        self.process = Child([str(image)], folder / "serial.log", environment)

    def measure(self, **values: float) -> None:
        for name, value in values.items():
            new = self.inputs / f".{name}"
            new.write_text(str(value), encoding="utf-8")
            new.replace(self.inputs / name)

    async def logged(self, pattern: str) -> str:
        """Return what the serial log says of this, as a person reads it off a screen."""

        async def find() -> str | None:
            found = re.search(pattern, self.process.log.read_text(encoding="utf-8", errors="replace"))
            return found[1] if found else None

        return str(await eventually(find, what=f"{pattern} in the serial log"))


@pytest.fixture(scope="module")
def image() -> Path:
    """The air monitor's firmware, compiled once and kept while nothing of it changes."""
    if not ESPHOME.exists():
        pytest.skip("ESPHome's environment is missing: run script/bootstrap esphome")
    done = subprocess.run(
        [ESPHOME, "-c", COMPILE], cwd=ROOT, capture_output=True, text=True, timeout=580, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return Path(done.stdout.strip().splitlines()[-1])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def board(house: House, image: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Board]:
    """The board, switched on."""
    one = Board(image, tmp_path_factory.mktemp("board"), house.broker.port)
    one.measure(**AIR)
    one.process.start()
    yield one
    await one.process.kill()


async def _uid(house: House) -> str:
    async def find() -> str | None:
        topics = house.script.retained("devices/+/info")
        return next((topic.split("/")[1] for topic in topics), None)

    return str(await eventually(find, what="the descriptor of the board"))


async def test_the_board_is_found_and_approved_with_the_code_of_its_serial_log(house: House, board: Board) -> None:
    code = await board.logged(r"Pairing code: (\d{8})")
    uid = await _uid(house)
    await house.add_hub()
    card = await house.card(uid)
    wrong = await house.client.continue_flow(card["flow_id"], {"code": "00000000"})
    assert wrong["errors"] == {"code": "wrong_code"}
    right = await house.client.continue_flow(card["flow_id"], {"code": code})
    assert right["reason"] == "device_added"


async def test_what_its_sensors_measure_is_shown(house: House, board: Board) -> None:
    uid = await _uid(house)
    for name, value in AIR.items():
        await house.until(f"{uid}-{name}", lambda shown, value=value: _near(shown, value))
    board.measure(co2=1450)
    await house.until(f"{uid}-co2", lambda shown: _near(shown, 1450))


async def test_a_report_interval_that_is_set_is_confirmed_and_kept(house: House, board: Board) -> None:
    uid = await _uid(house)
    entity_id = (await house.entity_ids())[f"{uid}-setting_report_interval"]
    await house.client.action("number", "set_value", {"entity_id": entity_id}, value=2)
    await house.until(f"{uid}-settings_pending", lambda shown: shown == "off")
    state: dict[str, Any] = await house.state(f"{uid}-setting_report_interval") or {}
    assert (float(state["state"]), state["attributes"]["pending"]) == (2, False)


async def test_a_command_is_answered(house: House, board: Board) -> None:
    uid = await _uid(house)
    entity_id = (await house.entity_ids())[f"{uid}-identify"]
    await house.client.action("button", "press", {"entity_id": entity_id})


async def test_a_restart_of_the_broker_loses_nothing(house: House, board: Board) -> None:
    uid = await _uid(house)
    before = await house.inventory()
    await house.broker.stop()
    await house.until(f"{uid}-humidity", lambda shown: shown == "unavailable")
    # Not CO2: a value of that which stands still for seconds is a frozen sensor to this firmware.
    board.measure(humidity=55)
    await house.broker.start()
    await house.until(f"{uid}-humidity", lambda shown: _near(shown, 55), within=60)
    assert await house.inventory() == before


async def test_a_power_cut_of_the_board_is_seen_and_its_settings_survive_it(house: House, board: Board) -> None:
    uid = await _uid(house)
    await board.process.kill()
    await house.until(f"{uid}-online", lambda shown: shown == "off", within=60)
    board.measure(humidity=60)
    board.process.start()
    await house.until(f"{uid}-humidity", lambda shown: _near(shown, 60), within=60)
    await house.until(f"{uid}-setting_report_interval", lambda shown: _near(shown, 2))
    await house.until(f"{uid}-settings_pending", lambda shown: shown == "off")


def _near(shown: str | None, value: float) -> bool:
    try:
        return abs(float(shown or "nan") - value) < 0.051
    except ValueError:
        return False
