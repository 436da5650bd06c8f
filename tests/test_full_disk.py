"""A disk that is full: what is kept is written in the end, and a person is told meanwhile."""

from collections.abc import Generator
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util.file import WriteError
import pytest

from custom_components.smartair.careful_store import CarefulStore
from custom_components.smartair.const import DOMAIN
from custom_components.smartair.store import SharedSave

from .conftest import Wait

KEY = f"{DOMAIN}.test.pumps"


class Disk:
    """A disk that may be full."""

    def __init__(self) -> None:
        """Begin with room."""
        self.error: Exception | None = None
        self.tries = 0
        self.content: Any = None

    async def write(self, data: dict[str, Any]) -> None:
        """Write a file, if there is room."""
        if data["key"] != KEY:
            return
        self.tries += 1
        if self.error is not None:
            raise self.error
        self.content = dict(data["data"])


@pytest.fixture
def disk() -> Generator[Disk]:
    """A disk."""
    one = Disk()
    with patch("homeassistant.helpers.storage.Store._async_write_data", one.write):
        yield one


def told(hass: HomeAssistant) -> bool:
    return (DOMAIN, "storage_not_written") in ir.async_get(hass).issues


@pytest.mark.parametrize("error", [WriteError("No space left on device"), OSError(28, "No space left on device")])
async def test_a_lock_made_while_the_disk_was_full_is_on_disk_once_there_is_room(
    hass: HomeAssistant, disk: Disk, wait: Wait, error: Exception
) -> None:
    locks = {"lock": "dry_run"}
    file = SharedSave(CarefulStore(hass, 1, KEY), lambda: dict(locks))
    disk.error = error
    await file.async_save()
    assert told(hass)
    await wait(6)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert disk.tries == 2
    locks["lock"] = "overflow"
    await file.async_save()
    disk.error = None
    await wait(11)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert disk.content == {"lock": "overflow"}, "it is not on disk although there is room again"
    assert not told(hass)
    tries = disk.tries
    await wait(3600)
    assert disk.tries == tries


async def test_what_is_tried_again_is_tried_with_growing_pauses(hass: HomeAssistant, disk: Disk, wait: Wait) -> None:
    file = SharedSave(CarefulStore(hass, 1, KEY), lambda: {"lock": "dry_run"})
    disk.error = WriteError("full")
    await file.async_save()
    for _ in range(3600):
        await wait(1)
    assert 10 <= disk.tries <= 25
    file.async_save_soon(1)
    disk.error = None
    await wait(2)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert disk.content == {"lock": "dry_run"}
    assert not told(hass)


async def test_a_reload_while_the_disk_is_full_loses_no_lock(hass: HomeAssistant, disk: Disk, wait: Wait) -> None:
    await SharedSave(CarefulStore(hass, 1, KEY), lambda: {"lock": None}).async_save()
    disk.error = WriteError("full")
    await SharedSave(CarefulStore(hass, 1, KEY), lambda: {"lock": "dry_run"}).async_save()
    again = CarefulStore(hass, 1, KEY)
    assert await again.async_load() == {"lock": "dry_run"}, "the reload brings back what was before"
    disk.error = None
    await wait(6)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert disk.content == {"lock": "dry_run"}
    assert not told(hass)


async def test_a_hub_that_is_deleted_is_written_no_more(hass: HomeAssistant, disk: Disk, wait: Wait) -> None:
    store = CarefulStore(hass, 1, KEY)
    disk.error = OSError("full")
    await store.async_save({"lock": "dry_run"})
    await store.async_remove()
    disk.error = None
    await wait(600)
    assert disk.content is None
    assert not told(hass)
