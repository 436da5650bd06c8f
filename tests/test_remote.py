"""Firmware that comes from elsewhere: uploaded by hand, or from a catalogue on the internet."""

from collections.abc import Callable, Iterator
from pathlib import Path
import socket
import threading
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import aiohttp
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker

from custom_components.smartair.const import CONF_ADD_NEW_DEVICES, CONF_CATALOGUES
from custom_components.smartair.firmware.folder import async_get_folder
from custom_components.smartair.firmware.remote import RemoteError, judge_url
from custom_components.smartair.pysmartair import firmware

from . import firmware as made
from .conftest import Wait
from .firmware import catalogue, image
from .updates import UPDATE, Orders, device, entry, folder, images, install, orders

__all__ = ["device", "entry", "folder", "images", "orders"]

HOME = "https://firmware.example/stable/firmware.json"
# What is asked is the address that the name was found at.
PUBLIC = "https://93.184.215.14/stable"


@pytest.fixture
def resolve() -> Iterator[Callable[..., None]]:
    """Play the resolver: every name is found at these addresses."""
    found = ["93.184.215.14"]

    def at(*addresses: str) -> None:
        found[:] = addresses

    async def getaddrinfo(_loop: Any, host: str, port: int, **_: Any) -> list[Any]:
        if not found:
            raise OSError("no such host")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    with patch("asyncio.base_events.BaseEventLoop.getaddrinfo", getaddrinfo):
        yield at


async def step(hass: HomeAssistant, hub: MockConfigEntry, name: str, data: dict[str, Any]) -> ConfigFlowResult:
    menu = await hass.config_entries.options.async_init(hub.entry_id)
    assert menu["type"] is FlowResultType.MENU
    form = await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": name})
    assert form["type"] is FlowResultType.FORM
    result = await hass.config_entries.options.async_configure(form["flow_id"], data)
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


# --- upload ------------------------------------------------------------------------------------


@pytest.fixture
def upload(tmp_path: Path) -> Iterator[Callable[[bytes | str], str]]:
    """Upload a file as the frontend does."""
    files: dict[str, Path] = {}

    def put(content: bytes | str) -> str:
        name = str(uuid4())
        files[name] = tmp_path / name
        files[name].write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    class Taken:
        def __init__(self, _hass: HomeAssistant, name: str) -> None:
            if name not in files:
                raise ValueError("File does not exist")
            self.path = files.pop(name)

        def __enter__(self) -> Path:
            return self.path

        def __exit__(self, *_: object) -> None:
            self.path.unlink()

    with patch("custom_components.smartair.options_flow.process_uploaded_file", Taken):
        yield put


type Upload = Callable[[bytes | str], str]


async def test_an_image_with_its_catalogue_is_checked_and_kept(
    hass: HomeAssistant, hub: MockConfigEntry, upload: Upload, folder: Path
) -> None:
    data, other = image("5.0.0"), image("4.0.0")
    described = catalogue(made.entry("4.0.0", other), made.entry("5.0.0", data))
    result = await step(hass, hub, "upload", {"catalogue": upload(described), "image": upload(data)})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "firmware_added")
    assert result["description_placeholders"]["version"] == "5.0.0"
    assert "5.0.0" in [one.version for one in async_get_folder(hass).images]
    assert len(list((folder / "own").iterdir())) == 2


SIGNED, PLAIN = image("5.0.0"), image("5.0.0", signed=False)


@pytest.mark.parametrize(
    ("described", "data", "errors"),
    [
        ("junk", SIGNED, {"catalogue": "no_catalogue"}),
        (catalogue(), SIGNED, {"catalogue": "no_entry"}),
        ("x" * (firmware.MAX_CATALOGUE + 1), SIGNED, {"catalogue": "unreadable"}),
        (catalogue(made.entry("5.0.0", SIGNED)), None, {"image": "unreadable"}),
        (catalogue(made.entry("5.0.0", SIGNED)), SIGNED[:-1], {"image": "size_mismatch"}),
        (catalogue(made.entry("5.0.0", SIGNED)), SIGNED[:-1] + b"x", {"image": "checksum_mismatch"}),
        (catalogue(made.entry("5.0.0", SIGNED, chip="ESP32")), SIGNED, {"image": "wrong_chip"}),
        (catalogue(made.entry("5.0.0", PLAIN)), PLAIN, {"image": "unsigned"}),
    ],
    ids=["junk", "empty", "huge", "no file", "cut", "changed", "chip", "unsigned"],
)
async def test_what_does_not_belong_together_is_refused_and_nothing_is_written(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    upload: Upload,
    folder: Path,
    described: str,
    data: bytes | None,
    errors: dict[str, str],
) -> None:
    given = {"catalogue": upload(described), "image": upload(data) if data else str(uuid4())}
    result = await step(hass, hub, "upload", given)
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, errors)
    assert not (folder / "own").exists()


async def test_checksums_are_worked_out_beside_the_event_loop(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, remote: bytes, upload: Upload, orders: Orders
) -> None:
    threads: list[int] = []
    check = firmware.check

    def note(*args: Any, **kwargs: Any) -> firmware.Flaw | None:
        threads.append(threading.get_ident())
        return check(*args, **kwargs)

    with patch.object(firmware, "check", note):
        described = upload(catalogue(made.entry("5.0.0", SIGNED)))
        assert (await step(hass, hub, "upload", {"catalogue": described, "image": upload(SIGNED)}))["reason"]
        await subscribe(hass, hub, HOME)
        await install(hass)
    assert orders()[-1]["version"] == "7.0.0"
    assert len(threads) >= 2
    assert threading.get_ident() not in threads


async def test_an_unsigned_image_is_taken_when_its_owner_says_so(
    hass: HomeAssistant, hub: MockConfigEntry, upload: Upload
) -> None:
    described = upload(catalogue(made.entry("5.0.0", PLAIN)))
    given = {"catalogue": described, "image": upload(PLAIN), "allow_unsigned": True}
    assert (await step(hass, hub, "upload", given))["reason"] == "firmware_added"


async def test_a_folder_that_cannot_be_written_is_said_to_be(
    hass: HomeAssistant, hub: MockConfigEntry, upload: Upload, folder: Path
) -> None:
    (folder / "own").write_text("in the way")
    given = {"catalogue": upload(catalogue(made.entry("5.0.0", SIGNED))), "image": upload(SIGNED)}
    assert (await step(hass, hub, "upload", given))["errors"] == {"base": "not_written"}


# --- catalogues on the internet ----------------------------------------------------------------


@pytest.fixture
def remote(aioclient_mock: AiohttpClientMocker, resolve: Callable[..., None]) -> bytes:
    """A catalogue that offers version 7."""
    data = image("7.0.0")
    entry = made.entry("7.0.0", data, url="https://firmware.example/stable/co2-7.0.0.bin")
    aioclient_mock.get(f"{PUBLIC}/firmware.json", content=catalogue(entry).encode())
    aioclient_mock.get(f"{PUBLIC}/co2-7.0.0.bin", content=data)
    return data


async def subscribe(hass: HomeAssistant, hub: MockConfigEntry, *addresses: str) -> ConfigFlowResult:
    return await step(hass, hub, "catalogues", {CONF_CATALOGUES: list(addresses)})


async def test_a_catalogue_is_read_before_it_is_accepted_and_offered_afterwards(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, remote: bytes, aioclient_mock: AiohttpClientMocker
) -> None:
    result = await subscribe(hass, hub, HOME, f" {HOME} ", "")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert hub.options == {CONF_ADD_NEW_DEVICES: "ask", CONF_CATALOGUES: [HOME]}
    assert hass.states.get(UPDATE).attributes["latest_version"] == "7.0.0"
    method, url, _, headers = aioclient_mock.mock_calls[0]
    assert (method, str(url), headers["Host"]) == ("GET", f"{PUBLIC}/firmware.json", "firmware.example")


async def test_an_image_is_fetched_when_it_is_ordered_and_served_from_here(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, remote: bytes, orders: Orders, folder: Path
) -> None:
    await subscribe(hass, hub, HOME)
    await install(hass)
    assert orders()[-1]["url"].startswith("http://192.168.1.10:8123/")
    (kept,) = (folder / "own").glob("*.bin")
    assert kept.read_bytes() == remote


async def test_what_was_offered_is_still_there_after_a_restart_without_internet(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    device: str,
    remote: bytes,
    resolve: Callable[..., None],
    wait: Wait,
) -> None:
    await subscribe(hass, hub, HOME)
    resolve()
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert [image.version for image in hub.runtime_data.updates.remote.images] == ["7.0.0"]
    assert hub.runtime_data.updates.remote.errors == {HOME: "not_found"}
    await subscribe(hass, hub)
    assert hub.runtime_data.updates.remote.images == ()


async def test_a_catalogue_that_is_added_again_is_read_at_once(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, remote: bytes
) -> None:
    for offered, addresses in (("7.0.0", [HOME]), ("2.0.0", []), ("7.0.0", [HOME])):
        await subscribe(hass, hub, *addresses)
        await hass.async_block_till_done(wait_background_tasks=True)
        assert hass.states.get(UPDATE).attributes["latest_version"] == offered


async def test_a_catalogue_is_read_where_the_internet_has_no_older_addresses(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    device: str,
    resolve: Callable[..., None],
    aioclient_mock: AiohttpClientMocker,
) -> None:
    resolve("64:ff9b::5db8:d70e")
    aioclient_mock.get("https://[64:ff9b::5db8:d70e]/stable/firmware.json", content=catalogue().encode())
    assert (await subscribe(hass, hub, HOME))["type"] is FlowResultType.CREATE_ENTRY


async def test_what_was_fetched_as_a_beta_is_offered_to_all_when_its_catalogue_calls_it_stable(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    device: str,
    resolve: Callable[..., None],
    aioclient_mock: AiohttpClientMocker,
    orders: Orders,
    wait: Wait,
) -> None:
    data = image("7.0.0")
    beta = firmware.read_image(made.entry("7.0.0", data, channel="beta"))
    assert isinstance(beta, firmware.Image)
    await async_get_folder(hass).async_add(beta, data)
    assert hass.states.get(UPDATE).attributes["latest_version"] == "2.0.0"
    aioclient_mock.get(f"{PUBLIC}/firmware.json", content=catalogue(made.entry("7.0.0", data)).encode())
    await subscribe(hass, hub, HOME)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(UPDATE).attributes["latest_version"] == "7.0.0"
    await install(hass)
    assert orders()[-1]["version"] == "7.0.0"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (image("6.0.0"), "checksum_mismatch"),
        (image("7.0.0")[:-4096], "size_mismatch"),
        (image("7.0.0") + b"x", "too_large"),
    ],
    ids=["another", "shorter", "longer"],
)
async def test_an_image_that_is_not_what_the_catalogue_says_is_not_kept(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    device: str,
    remote: bytes,
    aioclient_mock: AiohttpClientMocker,
    orders: Orders,
    folder: Path,
    content: bytes,
    reason: str,
) -> None:
    await subscribe(hass, hub, HOME)
    offered = catalogue(made.entry("7.0.0", remote, url="co2-7.0.0.bin")).encode()
    aioclient_mock.clear_requests()
    aioclient_mock.get(f"{PUBLIC}/firmware.json", content=offered)
    aioclient_mock.get(f"{PUBLIC}/co2-7.0.0.bin", content=content)
    with pytest.raises(HomeAssistantError) as caught:
        await install(hass)
    assert caught.value.translation_key == "firmware_not_fetched"
    assert caught.value.translation_placeholders["error"] == reason
    assert not (folder / "own").exists()
    assert orders() == []


async def test_an_unsigned_image_from_elsewhere_is_recognised_before_it_is_ordered(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    device: str,
    resolve: Callable[..., None],
    aioclient_mock: AiohttpClientMocker,
    orders: Orders,
) -> None:
    data = image("7.0.0", signed=False)
    aioclient_mock.get(f"{PUBLIC}/firmware.json", content=catalogue(made.entry("7.0.0", data, url="x.bin")).encode())
    aioclient_mock.get(f"{PUBLIC}/x.bin", content=data)
    await subscribe(hass, hub, HOME)
    with pytest.raises(HomeAssistantError) as caught:
        await install(hass)
    assert caught.value.translation_key == "update_unsigned"
    assert orders() == []
    assert hass.states.get(UPDATE).attributes["latest_version"] == "2.0.0"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://elsewhere.example/co2-7.0.0.bin", "elsewhere"),
        ("http://firmware.example/co2-7.0.0.bin", "not_https"),
        ("https://firmware.example:444/co2-7.0.0.bin", "elsewhere"),
        ("https://[/co2-7.0.0.bin", "bad_url"),
    ],
)
async def test_images_come_from_the_server_of_their_catalogue_only(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    device: str,
    resolve: Callable[..., None],
    aioclient_mock: AiohttpClientMocker,
    url: str,
    reason: str,
) -> None:
    entry = made.entry("7.0.0", image("7.0.0"), url=url)
    aioclient_mock.get(f"{PUBLIC}/firmware.json", content=catalogue(entry).encode())
    await subscribe(hass, hub, HOME)
    with pytest.raises(HomeAssistantError) as caught:
        await install(hass)
    assert caught.value.translation_placeholders["error"] == reason


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["192.168.1.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["0.0.0.0"],  # noqa: S104 - an address that must be refused
        ["224.0.0.1"],
        ["::1"],
        ["fe80::1%eth0"],
        ["fd00::1"],
        ["::ffff:192.168.1.1"],
        ["2002:c0a8:0101::1"],
        ["64:ff9b::c0a8:101"],
        ["64:ff9b:1::1"],
        ["::192.168.1.1"],
        ["fec0::1"],
        ["93.184.215.14", "192.168.1.1"],
    ],
)
async def test_a_name_that_leads_into_a_private_network_is_not_asked(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    resolve: Callable[..., None],
    aioclient_mock: AiohttpClientMocker,
    addresses: list[str],
) -> None:
    resolve(*addresses)
    result = await subscribe(hass, hub, HOME)
    assert result["errors"] == {CONF_CATALOGUES: "private_address"}
    assert aioclient_mock.call_count == 0
    assert CONF_CATALOGUES not in hub.options


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 302, "headers": {"Location": "http://169.254.169.254/"}}, "redirect"),
        ({"status": 404}, "not_read"),
        ({"content": b"<html>"}, "not_read"),
        ({"content": b" " * (firmware.MAX_CATALOGUE + 1)}, "not_read"),
        ({"exc": aiohttp.ClientConnectionError()}, "not_reachable"),
        ({"exc": TimeoutError()}, "not_reachable"),
    ],
    ids=["redirect", "missing", "page", "huge", "refused", "silent"],
)
async def test_what_is_no_catalogue_is_refused_and_the_others_stay(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    resolve: Callable[..., None],
    aioclient_mock: AiohttpClientMocker,
    answer: dict[str, Any],
    error: str,
) -> None:
    aioclient_mock.get(f"{PUBLIC}/firmware.json", **answer)
    result = await subscribe(hass, hub, HOME)
    assert result["errors"] == {CONF_CATALOGUES: error}


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("http://firmware.example/firmware.json", "not_https"),
        ("file:///etc/passwd", "not_https"),
        ("https://user:word@firmware.example/firmware.json", "bad_url"),
        ("https:///firmware.json", "bad_url"),
        ("https://[::1/", "bad_url"),
        ("https://firmware.example/\ud800.json", "bad_url"),
        ("https://\udfff.example/firmware.json", "bad_url"),
        ("https://firmware.example/firmware\x00.json", "bad_url"),
    ],
)
async def test_only_plain_https_addresses_are_taken(
    hass: HomeAssistant, hub: MockConfigEntry, resolve: Callable[..., None], address: str, error: str
) -> None:
    result = await subscribe(hass, hub, address)
    assert result["errors"] == {CONF_CATALOGUES: error}
    with pytest.raises(RemoteError):
        judge_url(address)


async def test_no_more_than_sixteen_catalogues_are_read(
    hass: HomeAssistant, hub: MockConfigEntry, resolve: Callable[..., None], aioclient_mock: AiohttpClientMocker
) -> None:
    many = [f"https://firmware.example/stable/{number}.json" for number in range(17)]
    for number in range(17):
        aioclient_mock.get(f"{PUBLIC}/{number}.json", content=catalogue().encode())
    assert (await subscribe(hass, hub, *many))["errors"] == {CONF_CATALOGUES: "too_many"}


async def test_a_catalogue_is_read_again_after_six_hours_and_keeps_what_it_had_while_it_is_gone(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    device: str,
    remote: bytes,
    resolve: Callable[..., None],
    aioclient_mock: AiohttpClientMocker,
    wait: Wait,
) -> None:
    await subscribe(hass, hub, HOME)
    read = aioclient_mock.call_count
    await wait(3601)
    assert aioclient_mock.call_count == read
    resolve()
    for _ in range(6):
        await wait(3601)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert [image.version for image in hub.runtime_data.updates.remote.images] == ["7.0.0"]
    with pytest.raises(HomeAssistantError):
        await hub.runtime_data.updates.async_fetch(hub.runtime_data.updates.remote.images[0])
