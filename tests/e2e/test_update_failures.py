"""Every way in which an update can fail, against a real Home Assistant and devices that download for real."""

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from lab.client import HassError
from lab.simulator.device import Identity
from lab.simulator.ota import Fault
from tests.firmware import image

from .firmware import folder, install, look, pump, put, reachable, stage, until_stage, updatable

if TYPE_CHECKING:
    from lab.simulator.ota import Updater

    from .conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

# About as large as a real one.
IMAGES = {"1.0.0": image("1.0.0", sectors=200), "2.0.0": image("2.0.0", sectors=200)}
numbers = iter(range(1, 100))


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _ready(house: House) -> None:
    await reachable(house)
    put(house, IMAGES)
    # The hub's card comes with the first device.
    house.script.publish("devices/first/status", "online", retain=True)
    await house.add_hub()


async def device(house: House, fault: Fault | None = None, model: str | None = None) -> tuple[str, Updater]:
    uid = f"co2_{next(numbers):03}"
    identity = Identity(uid=uid, device_type="co2", name=f"Air {uid}", area="Bedroom", model=model)
    updater = await updatable(house, identity, fault)
    await look(house, uid)
    return uid, updater


async def fetch(house: House, address: str, **headers: str) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as answer:
        return answer.status, await answer.read()


async def test_an_update_is_downloaded_whole_and_confirmed(house: House) -> None:
    uid, updater = await device(house)
    await install(house, uid)
    end = await until_stage(house, uid, "confirmed")
    assert (end["installed_version"], end["update_percentage"]) == ("2.0.0", None)
    assert updater.installed == IMAGES["2.0.0"]
    status, _ = await fetch(house, updater.orders[-1]["url"])
    assert status == 404, "an address is good for one order"


@pytest.mark.parametrize(
    ("fault", "end", "reason"),
    [
        (Fault.CORRUPTED, "failed", "checksum_mismatch"),
        (Fault.TRUNCATED, "failed", "download_failed"),
        (Fault.DIES_AT_BOOT, "rolled_back", "rolled_back"),
    ],
)
async def test_a_failure_is_shown_with_its_reason_and_the_old_version_runs(
    house: House, fault: Fault, end: str, reason: str
) -> None:
    uid, _ = await device(house, fault)
    await install(house, uid)
    shown = await until_stage(house, uid, "confirmed", "failed", "rolled_back")
    assert (shown["stage"], shown["reason"], shown["installed_version"]) == (end, reason, "1.0.0")
    assert shown["in_progress"] is False


async def test_a_checksum_that_failed_is_not_offered_again_and_a_broken_connection_is(house: House) -> None:
    bad, _ = await device(house, Fault.CORRUPTED)
    cut, updater = await device(house, Fault.TRUNCATED)
    for uid in (bad, cut):
        await install(house, uid)
        await until_stage(house, uid, "failed")
    assert (await stage(house, bad))["latest_version"] == "1.0.0"
    assert (await stage(house, cut))["latest_version"] == "2.0.0"
    updater.fault = None
    await install(house, cut)
    await until_stage(house, cut, "confirmed")


async def test_an_image_that_vanished_from_the_server_is_a_404_to_the_device(house: House) -> None:
    uid, updater = await device(house)
    pump(house, uid, on=True)
    await install(house, uid)
    shown = await until_stage(house, uid, "deferred")
    assert shown["reason"] == "pump_running"
    # While it waits, the address is taken back: as if Home Assistant had been restored from an older backup.
    (folder(house) / "co2-2.0.0.bin").rename(folder(house) / "gone.bin")
    other, _ = await device(house)
    assert (await stage(house, other))["latest_version"] == "1.0.0"
    updater.orders[-1]["url"] += "x"
    pump(house, uid, on=False)
    shown = await until_stage(house, uid, "failed")
    assert shown["reason"] == "http_404"
    (folder(house) / "gone.bin").rename(folder(house) / "co2-2.0.0.bin")
    await look(house, uid)


async def test_an_update_waits_while_a_pump_runs_and_says_so(house: House) -> None:
    uid, _ = await device(house)
    pump(house, uid, on=True)
    await install(house, uid)
    assert (await until_stage(house, uid, "deferred"))["reason"] == "pump_running"
    pump(house, uid, on=False)
    assert (await until_stage(house, uid, "confirmed"))["installed_version"] == "2.0.0"


async def test_an_image_for_another_chip_is_never_offered_and_refused_by_name(house: House) -> None:
    uid, _ = await device(house)
    put(house, {"3.0.0": image("3.0.0", chip="ESP32-S3")}, name="co2-s3", chip="ESP32-S3")
    put(house, {"4.0.0": image("4.0.0", chip="ESP32-S3")}, name="co2-lie")
    await look(house, uid)
    assert (await stage(house, uid))["latest_version"] == "2.0.0"
    with pytest.raises(HassError, match="another chip"):
        await install(house, uid, version="3.0.0")
    with pytest.raises(HassError, match=r"no version 4\.0\.0"):
        await install(house, uid, version="4.0.0")


async def test_a_slow_download_shows_how_far_it_has_come_and_survives_a_loss_of_the_broker(house: House) -> None:
    uid, _ = await device(house, Fault.SLOW)
    await install(house, uid)
    await until_stage(house, uid, "downloading")
    await house.broker.stop()
    await house.until(f"{uid}-update", lambda shown: shown == "unavailable")
    await asyncio.sleep(2)
    await house.broker.start()
    end = await until_stage(house, uid, "confirmed", within=60)
    assert end["installed_version"] == "2.0.0"


async def test_home_assistant_killed_during_a_download_picks_up_what_became_of_it(house: House) -> None:
    # More than the sockets of two processes hold between them.
    put(house, {"2.0.0": image("2.0.0", sectors=6000)}, name="big", model="smartair-big")
    uid, updater = await device(house, Fault.SLOW, "smartair-big")
    await install(house, uid)
    await until_stage(house, uid, "downloading")
    await asyncio.sleep(2)
    await house.hass.kill()
    await house.hass.start()
    shown = await until_stage(house, uid, "failed", within=60)
    # The server died in the middle of the body; the device said so to the broker, which told us.
    assert shown["reason"] == "download_failed"
    updater.fault = None
    await install(house, uid)
    await until_stage(house, uid, "confirmed")


async def test_home_assistant_killed_while_an_update_waits_serves_it_afterwards(house: House) -> None:
    uid, _ = await device(house)
    pump(house, uid, on=True)
    await install(house, uid)
    await until_stage(house, uid, "deferred")
    await house.hass.kill()
    await house.hass.start()
    assert (await until_stage(house, uid, "deferred", within=60))["in_progress"] is True
    pump(house, uid, on=False)
    await until_stage(house, uid, "confirmed", within=60)


async def test_addresses_cannot_be_guessed_nor_lead_anywhere(house: House) -> None:
    uid, updater = await device(house, Fault.SLOW)
    await install(house, uid)
    await until_stage(house, uid, "downloading")
    address = updater.orders[-1]["url"]
    size = len(IMAGES["2.0.0"])
    assert await fetch(house, address) == (200, IMAGES["2.0.0"])
    assert await fetch(house, address, Range="bytes=10-19") == (206, IMAGES["2.0.0"][10:20])
    assert await fetch(house, address, Range="bytes=-5") == (206, IMAGES["2.0.0"][-5:])
    assert (await fetch(house, address, Range=f"bytes={size}-"))[0] == 416
    base = address.rsplit("/", 1)[0]
    secrets = ("../../../secrets.yaml", "..%2f..%2fsecrets.yaml", "%2e%2e/%2e%2e/.storage/auth", "co2-2.0.0.bin", "")
    for guess in (*secrets, address.rsplit("/", 1)[1][:-1], "A" * 43):
        assert (await fetch(house, f"{base}/{guess}"))[0] in {400, 404}, guess
    await until_stage(house, uid, "confirmed", within=60)
    assert (await fetch(house, address))[0] == 404
