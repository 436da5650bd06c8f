"""The firmware folder and what is served from it: what is checked, what is refused, and who gets it."""

import asyncio
from collections.abc import Callable, Iterator
import hashlib
from http import HTTPStatus
import os
from pathlib import Path
import random
from typing import Any

from aiohttp import ClientConnectionResetError, ClientError, ClientTimeout, web
from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, MqttMockHAClient

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.firmware import serving
from custom_components.smartair.firmware.folder import FirmwareFolder, async_get_folder
from custom_components.smartair.firmware.serving import LIFETIME, PATH
from custom_components.smartair.pysmartair import firmware

from . import firmware as made
from .conftest import Say, Wait
from .firmware import catalogue, fill, image
from .updates import UID, UPDATE, Orders, device, entry, folder, images, install, orders, report, shown, tell

__all__ = ["device", "entry", "folder", "images", "orders"]


@pytest.fixture
async def address(hass: HomeAssistant, device: str, orders: Orders) -> str:
    """The path at which the ordered image is served."""
    await install(hass)
    return str(orders()[-1]["url"].removeprefix("http://192.168.1.10:8123"))


# --- serving -----------------------------------------------------------------------------------


async def test_an_image_is_served_whole_with_its_length(
    address: str, hass_client_no_auth: ClientSessionGenerator, images: dict[str, bytes]
) -> None:
    client = await hass_client_no_auth()
    answer = await client.get(address)
    assert answer.status == HTTPStatus.OK
    assert answer.headers["Content-Length"] == str(len(images["2.0.0"]))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "Transfer-Encoding" not in answer.headers
    assert await answer.read() == images["2.0.0"]


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=5-999999999", slice(5, None)),
        ("bytes=-999999999", slice(0, None)),
        ("Bytes=0-0", slice(0, 1)),
    ],
)
async def test_a_part_is_served_where_a_part_is_asked_for(
    address: str, hass_client_no_auth: ClientSessionGenerator, images: dict[str, bytes], wanted: str, part: slice
) -> None:
    client = await hass_client_no_auth()
    answer = await client.get(address, headers={"Range": wanted})
    expected = images["2.0.0"][part]
    start = part.indices(len(images["2.0.0"]))[0]
    assert answer.status == HTTPStatus.PARTIAL_CONTENT
    assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{len(images['2.0.0'])}"
    assert await answer.read() == expected


@pytest.mark.parametrize("wanted", ["lines=1-2", "bytes=0-1,5-6"])
async def test_a_wish_for_parts_that_are_not_served_is_passed_over(
    address: str, hass_client_no_auth: ClientSessionGenerator, images: dict[str, bytes], wanted: str
) -> None:
    client = await hass_client_no_auth()
    answer = await client.get(address, headers={"Range": wanted})
    assert answer.status == HTTPStatus.OK
    assert "Content-Range" not in answer.headers
    assert await answer.read() == images["2.0.0"]


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}])
async def test_the_length_can_be_asked_for_alone(
    address: str, hass_client_no_auth: ClientSessionGenerator, images: dict[str, bytes], headers: dict[str, str]
) -> None:
    client = await hass_client_no_auth()
    answer = await client.head(address, headers=headers)
    assert (answer.status, await answer.read()) == (HTTPStatus.OK, b"")
    assert answer.headers["Content-Length"] == str(len(images["2.0.0"]))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert (await client.head(f"{address}x")).status == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("wanted", ["bytes=999999999-", "bytes=9-3", "bytes=-0", "bytes=-", "bytes=x", "bytes"])
async def test_a_part_that_is_none_is_refused(
    address: str, hass_client_no_auth: ClientSessionGenerator, images: dict[str, bytes], wanted: str
) -> None:
    client = await hass_client_no_auth()
    answer = await client.get(address, headers={"Range": wanted})
    assert answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    assert answer.headers["Content-Range"] == f"bytes */{len(images['2.0.0'])}"


async def test_guesses_paths_and_other_methods_find_nothing(
    address: str, hass_client_no_auth: ClientSessionGenerator
) -> None:
    client = await hass_client_no_auth()
    token = address.rsplit("/", 1)[1]
    for guess in ("", token[:-1], f"{token}x", "co2-2.0.0.ota.bin", "firmware.json", "A" * 43):
        assert (await client.get(f"{PATH}/{guess}")).status == HTTPStatus.NOT_FOUND, guess
    # Home Assistant itself does not even look at these.
    for path in ("..%2Ffirmware.json", "%2e%2e%2f%2e%2e%2fsecrets.yaml"):
        assert (await client.get(f"{PATH}/{path}")).status == HTTPStatus.BAD_REQUEST, path
    assert (await client.get(f"{PATH}/../../../configuration.yaml")).status == HTTPStatus.NOT_FOUND
    assert (await client.post(address)).status == HTTPStatus.METHOD_NOT_ALLOWED


async def test_one_device_has_a_few_readers_at_once_and_one_more_is_asked_to_wait(
    address: str, hass_client_no_auth: ClientSessionGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await hass_client_no_auth()
    go_on, inside = asyncio.Event(), asyncio.Semaphore(0)
    send = serving._send  # noqa: SLF001 - where a slow reader would be

    async def slowly(*args: Any) -> None:
        inside.release()
        await go_on.wait()
        await send(*args)

    monkeypatch.setattr(serving, "_send", slowly)
    readers = [asyncio.ensure_future(client.get(address)) for _ in range(serving.MAX_READERS)]
    for _ in readers:
        await inside.acquire()
    refused = await client.get(address)
    assert (refused.status, refused.headers["Retry-After"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "30")
    go_on.set()
    for reader in readers:
        assert len(await (await reader).read()) > 0
    assert (await client.get(address)).status == HTTPStatus.OK


async def test_a_reader_that_stands_still_is_ended(
    address: str, hass_client_no_auth: ClientSessionGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await hass_client_no_auth()
    monkeypatch.setattr(serving, "STANDS_STILL", 0)

    async def still(_response: web.StreamResponse, _data: bytes) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(web.StreamResponse, "write", still)
        with pytest.raises(ClientError):
            await (await client.get(address)).read()
    assert len(await (await client.get(address)).read()) > 0


async def test_a_reader_that_leaves_is_quiet(
    address: str,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = await hass_client_no_auth()

    async def gone(_response: web.StreamResponse, _data: bytes) -> None:
        raise ClientConnectionResetError("Cannot write to closing transport")

    monkeypatch.setattr(web.StreamResponse, "write", gone)
    with pytest.raises((ClientError, TimeoutError)):
        await (await client.get(address, timeout=ClientTimeout(total=1))).read()
    # That nothing is logged as an error is looked at after each test.
    assert "A reader of an image has not read it to its end" in caplog.text


async def test_each_order_has_an_address_of_its_own_that_ends_with_it(
    hass: HomeAssistant, address: str, orders: Orders, say: Say, hass_client_no_auth: ClientSessionGenerator
) -> None:
    client = await hass_client_no_auth()
    await tell(say, orders()[-1], "failed", 0, "download_failed")
    assert (await client.get(address)).status == HTTPStatus.NOT_FOUND
    await install(hass)
    assert orders()[-1]["url"] != orders()[0]["url"]
    assert (await client.get(address)).status == HTTPStatus.NOT_FOUND


async def test_the_address_of_a_deleted_device_leads_nowhere(
    hub: MockConfigEntry, address: str, hass_client_no_auth: ClientSessionGenerator
) -> None:
    client = await hass_client_no_auth()
    await hub.runtime_data.async_forget(UID)
    assert (await client.get(address)).status == HTTPStatus.NOT_FOUND


async def test_an_address_expires(
    address: str, orders: Orders, say: Say, hass_client_no_auth: ClientSessionGenerator, wait: Wait
) -> None:
    client = await hass_client_no_auth()
    await tell(say, orders()[-1], "deferred", 0)
    await wait(LIFETIME - 2000)
    assert (await client.get(address)).status == HTTPStatus.OK
    await wait(2001)
    assert (await client.get(address)).status == HTTPStatus.NOT_FOUND


async def test_an_address_outlives_a_restart_and_a_file_that_changed_does_not(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    address: str,
    folder: Path,
    images: dict[str, bytes],
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    client = await hass_client_no_auth()
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (await client.get(address)).status == HTTPStatus.OK
    (folder / "co2-2.0.0.ota.bin").write_bytes(image("6.6.6"))
    await async_get_folder(hass).async_scan()
    # It was served from memory until something else was asked for; now nothing of an image is kept there.
    assert await async_get_folder(hass).async_has(hashlib.sha256(images["1.0.0"]).hexdigest())
    assert (await client.get(address)).status == HTTPStatus.NOT_FOUND


# --- the folder --------------------------------------------------------------------------------


@pytest.fixture
def alone(hass: HomeAssistant, folder: Path) -> FirmwareFolder:
    """The folder without a hub."""
    return FirmwareFolder(hass)


async def test_without_a_folder_there_is_nothing_and_nothing_is_written(alone: FirmwareFolder, folder: Path) -> None:
    await alone.async_scan()
    assert (alone.images, list(alone.refused)) == ((), [])
    assert not folder.parent.exists()


async def test_links_pipes_and_folders_are_no_firmware(alone: FirmwareFolder, folder: Path, tmp_path: Path) -> None:
    fill(folder, "1.0.0", "2.0.0", "3.0.0", "4.0.0")
    outside = tmp_path / "outside.bin"
    outside.write_bytes(image("1.0.0"))
    (folder / "co2-1.0.0.ota.bin").unlink()
    (folder / "co2-1.0.0.ota.bin").symlink_to(outside)
    (folder / "co2-2.0.0.ota.bin").unlink()
    os.mkfifo(folder / "co2-2.0.0.ota.bin")
    (folder / "co2-3.0.0.ota.bin").unlink()
    (folder / "co2-3.0.0.ota.bin").mkdir()
    (folder / "linked.json").symlink_to(folder / "firmware.json")
    os.mkfifo(folder / "pipe.json")
    (folder / "folder.json").mkdir()
    (folder / "own").symlink_to(tmp_path, target_is_directory=True)
    await alone.async_scan()
    assert [one.version for one in alone.images] == ["4.0.0"]
    assert alone.refused == {"missing": 3}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: data[:-1], "size_mismatch"),
        (lambda data: data[:-1] + b"x", "checksum_mismatch"),
    ],
)
async def test_what_is_not_what_its_entry_says_is_refused(
    alone: FirmwareFolder, folder: Path, spoil: Callable[[bytes], bytes], reason: str
) -> None:
    images = fill(folder, "1.0.0", "2.0.0")
    (folder / "co2-2.0.0.ota.bin").write_bytes(spoil(images["2.0.0"]))
    await alone.async_scan()
    assert [one.version for one in alone.images] == ["1.0.0"]
    assert alone.refused == {reason: 1}


async def test_an_image_for_another_chip_than_its_entry_says_is_refused(alone: FirmwareFolder, folder: Path) -> None:
    folder.mkdir(parents=True)
    data = image("2.0.0", chip="ESP32-S3")
    (folder / "x.bin").write_bytes(data)
    (folder / "x.json").write_text(catalogue(made.entry("2.0.0", data, url="x.bin")))
    await alone.async_scan()
    assert alone.refused == {"wrong_chip": 1}


async def test_a_broken_catalogue_spoils_no_other(alone: FirmwareFolder, folder: Path) -> None:
    fill(folder, "1.0.0")
    (folder / "broken.json").write_text("{")
    (folder / "huge.json").write_bytes(b" " * (firmware.MAX_CATALOGUE + 1))
    await alone.async_scan()
    assert [one.version for one in alone.images] == ["1.0.0"]
    assert alone.refused == {"not_json": 2}


async def test_a_file_is_read_once_and_again_when_it_has_changed(alone: FirmwareFolder, folder: Path) -> None:
    fill(folder, "1.0.0")
    await alone.async_scan()
    changes: list[None] = []
    alone.async_listen(lambda: changes.append(None))
    await alone.async_scan()
    assert changes == []
    fill(folder, "2.0.0")
    await alone.async_scan()
    assert ([one.version for one in alone.images], len(changes)) == (["2.0.0"], 1)


async def test_a_thousand_hostile_folders_lead_nowhere(alone: FirmwareFolder, folder: Path, tmp_path: Path) -> None:
    chance = random.Random(6)  # noqa: S311 - always the same
    folder.mkdir(parents=True)
    secret = tmp_path / "secrets.yaml"
    secret.write_text("secret")
    before = sorted(tmp_path.rglob("*"))
    names = ["../../secrets.yaml", "..", "/etc/passwd", "a/../../secrets.yaml", "secrets.yaml", "\0", "x" * 300, "-"]

    def entries() -> Iterator[str]:
        for _ in range(1_000):
            data = chance.randbytes(chance.randrange(64))
            changes = {
                chance.choice(["url", "name", "version", "chip", "title", "sha256"]): chance.choice(names)
                for _ in range(chance.randrange(3))
            }
            yield catalogue(made.entry("1.0.0", data) | changes)

    for text in entries():
        (folder / "firmware.json").write_text(text)
        await alone.async_scan()
        assert alone.images == ()
    (folder / "firmware.json").unlink()
    assert sorted(tmp_path.rglob("*")) == before
    assert secret.read_text() == "secret"


async def test_what_is_added_is_kept_under_a_name_of_ours(alone: FirmwareFolder, folder: Path) -> None:
    data = image("2.0.0")
    one = firmware.read_image(made.entry("2.0.0", data))
    assert isinstance(one, firmware.Image)
    await alone.async_add(one, data)
    assert sorted(path.name for path in (folder / "own").iterdir()) == [
        f"co2-2.0.0-{one.sha256[:12]}.bin",
        f"co2-2.0.0-{one.sha256[:12]}.json",
    ]
    file = await alone.async_open(one.sha256)
    assert file is not None
    with file:
        assert file.read() == data
    assert alone.image(one.sha256).signed is True


async def test_nothing_is_written_through_a_link(alone: FirmwareFolder, folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "own").symlink_to(elsewhere, target_is_directory=True)
    data = image("2.0.0")
    one = firmware.read_image(made.entry("2.0.0", data))
    with pytest.raises(NotADirectoryError):
        await alone.async_add(one, data)
    assert list(elsewhere.iterdir()) == []


async def test_a_full_disk_leaves_no_half_file(
    alone: FirmwareFolder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = image("2.0.0")
    one = firmware.read_image(made.entry("2.0.0", data))

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        await alone.async_add(one, data)
    assert list((folder / "own").iterdir()) == []


async def test_what_we_keep_is_let_go_when_nobody_needs_it_and_what_the_owner_put_there_stays(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, folder: Path
) -> None:
    found = async_get_folder(hass)
    for version in ("0.1.0", "0.2.0", "1.0.0", "2.1.0", "2.2.0", "2.3.0"):
        data = image(version + "o")
        one = firmware.read_image(made.entry(version, data))
        assert isinstance(one, firmware.Image)
        await found.async_add(one, data)
    await hub.runtime_data.updates.async_look()
    kept = {path.name.split("-")[1] for path in (folder / "own").glob("*.bin")}
    # 1.0.0 is what the device runs.
    assert kept == {"1.0.0", "2.1.0", "2.2.0", "2.3.0"}
    assert len(list(folder.glob("*.bin"))) == 3


# --- the repair --------------------------------------------------------------------------------


@pytest.fixture
async def rolled_back(hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders) -> str:
    """The repair about a version that did not hold."""
    await async_setup_component(hass, "repairs", {})
    await install(hass)
    await tell(say, orders()[-1], "rolled_back", 100, "rolled_back")
    await report(say, "1.0.0")
    return f"firmware_rolled_back/{hub.entry_id}/{UID}/"


async def choose(hass_client: ClientSessionGenerator, issue_id: str, *steps: dict[str, str]) -> dict[str, object]:
    client = await hass_client()
    answer = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id})
    flow: dict[str, object] = await answer.json()
    for step in steps:
        answer = await client.post(f"/api/repairs/issues/fix/{flow['flow_id']}", json=step)
        flow = {**flow, **await answer.json()}
    return flow


async def test_the_repair_tries_again_though_the_device_remembers_it(
    hass: HomeAssistant, rolled_back: str, hass_client: ClientSessionGenerator, orders: Orders
) -> None:
    menu = await choose(hass_client, rolled_back)
    assert menu["menu_options"] == ["retry", "wait", "report"]
    done = await choose(hass_client, rolled_back, {"next_step_id": "retry"})
    assert done["type"] == "create_entry"
    assert (orders()[-1]["version"], orders()[-1]["retry"]) == ("2.0.0", True)
    assert shown(hass)[1] is True


async def test_the_repair_says_why_it_cannot_try_again(
    hass: HomeAssistant, hub: MockConfigEntry, rolled_back: str, hass_client: ClientSessionGenerator, say: Say
) -> None:
    await say(UID, "status", "offline")
    refused = await choose(hass_client, rolled_back, {"next_step_id": "retry"})
    assert refused["reason"] == "not_ordered"
    await hass.config_entries.async_unload(hub.entry_id)
    refused = await choose(hass_client, rolled_back, {"next_step_id": "retry"})
    assert refused["reason"] == "hub_not_loaded"


async def test_the_repair_waits_or_tells_where_to_report(
    hass: HomeAssistant, rolled_back: str, hass_client: ClientSessionGenerator, issue_registry: ir.IssueRegistry
) -> None:
    form = await choose(hass_client, rolled_back, {"next_step_id": "report"})
    assert form["description_placeholders"]["address"].startswith("https://")
    assert (DOMAIN, rolled_back) in issue_registry.issues
    done = await choose(hass_client, rolled_back, {"next_step_id": "wait"})
    assert done["type"] == "create_entry"
    assert (DOMAIN, rolled_back) not in issue_registry.issues
    assert hass.states.get(UPDATE).attributes["latest_version"] == "1.0.0"


async def test_the_repair_ends_after_the_report(
    rolled_back: str, hass_client: ClientSessionGenerator, issue_registry: ir.IssueRegistry
) -> None:
    done = await choose(hass_client, rolled_back, {"next_step_id": "report"}, {})
    assert done["type"] == "create_entry"
    assert (DOMAIN, rolled_back) not in issue_registry.issues


async def test_an_image_that_is_gone_when_the_order_is_sent_again_is_not_ordered(
    hass: HomeAssistant, device: str, folder: Path, orders: Orders, wait: Wait, broker: MqttMockHAClient
) -> None:
    await install(hass)
    (folder / "co2-2.0.0.ota.bin").unlink()
    await async_get_folder(hass).async_scan()
    for connected in (False, True):
        broker.connected = connected
        async_dispatcher_send(hass, MQTT_CONNECTION_STATE, connected)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert len(orders()) == 1
    await wait(75)
    assert shown(hass)[3] == "failed"
