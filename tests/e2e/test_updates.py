"""The real chain: compiled firmware downloads its successor from a real Home Assistant and runs it."""

import asyncio
import contextlib
from pathlib import Path
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from playwright.async_api import expect
import pytest
import pytest_asyncio

from lab.browser import PATIENCE, find_browser, log_in, open_page
from lab.client import HassError, eventually

from .firmware import install, look, put, reachable, stage, until_stage
from .test_browser import shoot
from .test_firmware import AIR, COMPILE, ESPHOME, ROOT, Board

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

UID = "multi-025a00000001"
PRODUCT = {"name": "air-sim", "device_type": "multi", "model": "smartair-air-sim", "chip": "host"}
BUSY = ("accepted", "downloading", "verifying", "installing", "rebooting", "on_trial")


def compiled(**substitutions: str) -> Path:
    """Return the air monitor's firmware, compiled once and kept while nothing of it changes."""
    if not ESPHOME.exists():
        pytest.skip("ESPHome's environment is missing: run script/bootstrap esphome")
    more = "".join(f", {name}={value!r}" for name, value in substitutions.items())
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [ESPHOME, "-c", COMPILE.replace("('air')", f"('air'{more})")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def old() -> bytes:
    return compiled().read_bytes()


@pytest.fixture(scope="module")
def new() -> bytes:
    return compiled(version="2.0.0").read_bytes()


class Slots(Board):
    """A board with a boot loader: an image that stops before it was confirmed is not started again."""

    def __init__(self, image: bytes, folder: Path, port: int) -> None:
        self.image = folder / "image"
        self.image.write_bytes(image)
        self.image.chmod(0o755)
        self.kept = folder / "slot0"
        shutil.copy(self.image, self.kept)
        super().__init__(self.image, folder, port)
        self.rollbacks = 0

    async def boot_loader(self) -> None:
        """Start the board whenever it has stopped."""
        while True:
            await asyncio.sleep(0.05)
            if not self.process.running:
                if self.image.read_bytes() != self.kept.read_bytes():
                    shutil.copy(self.kept, self.image)
                    self.rollbacks += 1
                self.process.start()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def board(
    house: House, old: bytes, new: bytes, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Slots]:
    """The board with firmware 1, approved, and a folder that has firmware 1 and 2."""
    await reachable(house)
    put(house, {"1.0.0": old, "2.0.0": new}, **PRODUCT)
    one = Slots(old, tmp_path_factory.mktemp("board"), house.broker.port)
    one.measure(**AIR)
    loader = asyncio.create_task(one.boot_loader())
    code = await one_code(one)
    await house.add_hub()
    card = await house.card(UID)
    await house.client.continue_flow(card["flow_id"], {"code": code})
    await house.until_live(f"{UID}-co2")
    yield one
    loader.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loader
    await one.process.kill()


async def one_code(board: Slots) -> str:
    async def there() -> bool:
        return board.process.log.exists()

    await eventually(there, what="the serial log")
    return await board.logged(r"Pairing code: (\d{8})")


@pytest.mark.skipif(find_browser() is None, reason="there is no browser on this machine")
async def test_a_person_presses_update_and_the_new_firmware_is_confirmed(house: House, board: Slots) -> None:
    await look(house, UID)
    async with open_page() as page:
        await log_in(page, house.hass)
        await page.goto(f"{house.hass.url}/config/updates")
        await page.locator("ha-config-updates").get_by_text("2.0.0").click()
        dialog = page.locator("ha-more-info-dialog")
        await expect(dialog.get_by_text("1.0.0")).to_be_visible(timeout=PATIENCE)
        await expect(dialog.get_by_text("2.0.0", exact=True)).to_be_visible()
        await expect(dialog.get_by_text("What is new in 2.0.0")).to_be_visible()
        await shoot(page, "update-offered")
        await dialog.get_by_role("button", name=re.compile("^(Update|Install)$")).click()
        await until_stage(house, UID, *BUSY)
        await expect(dialog.locator("ha-progress-bar")).to_be_visible()
        await shoot(page, "update-under-way")
        end = await until_stage(house, UID, "confirmed", within=60)
        await expect(dialog.get_by_text("Up-to-date")).to_be_visible()
        await shoot(page, "update-confirmed")
    assert (end["installed_version"], end["in_progress"]) == ("2.0.0", False)
    assert board.rollbacks == 0


async def test_asked_for_by_its_number_the_older_firmware_comes_back(house: House, board: Slots) -> None:
    await look(house, UID)
    await install(house, UID, version="1.0.0")
    end = await until_stage(house, UID, "confirmed", within=60)
    assert end["target_version"] == end["installed_version"] == "1.0.0"
    assert board.image.read_bytes() == board.kept.read_bytes()


async def test_an_image_that_dies_before_it_is_confirmed_is_rolled_back_and_shown(house: House, board: Slots) -> None:
    await look(house, UID)
    offered = await stage(house, UID)
    assert (offered["installed_version"], offered["latest_version"]) == ("1.0.0", "2.0.0")
    # Nothing that the new image measures: its self test cannot pass.
    await install(house, UID)
    await until_stage(house, UID, "rebooting", "on_trial", within=60)
    await until_stage(house, UID, "on_trial", within=30)
    await board.process.kill()
    end = await until_stage(house, UID, "rolled_back", within=60)
    assert board.rollbacks == 1
    assert end["installed_version"] == "1.0.0"
    # What failed on this device is not offered to it again.
    assert end["latest_version"] == "1.0.0"
    issues = await house.client.issues("smartair")
    assert [key for key in issues if key.startswith("firmware_rolled_back/")]
    with pytest.raises(HassError, match="has failed on"):
        await install(house, UID, version="2.0.0")


async def test_forced_again_it_runs_and_is_confirmed_by_what_it_reports(house: House, board: Slots) -> None:
    issues = await house.client.issues("smartair")
    (issue_id,) = [key for key in issues if key.startswith("firmware_rolled_back/")]
    flow = await house.client.request(
        "POST", "/api/repairs/issues/fix", {"handler": "smartair", "issue_id": issue_id}
    )
    await house.client.request("POST", f"/api/repairs/issues/fix/{flow['flow_id']}", {"next_step_id": "retry"})
    end = await until_stage(house, UID, "confirmed", within=90)
    assert (end["installed_version"], end["in_progress"]) == ("2.0.0", False)
    assert board.image.read_bytes() != board.kept.read_bytes()
    assert board.rollbacks == 1
    assert not [key for key in await house.client.issues("smartair") if key.startswith("firmware_rolled_back/")]
