"""A file that many ask to be written."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smartair.store import CONCERNS, HubStore, SharedSave, concern_store

from .conftest import Wait


class SlowStore(Store[dict[str, Any]]):
    """Counts what is written, and writes when it is let."""

    def __init__(self, hass: HomeAssistant) -> None:
        super().__init__(hass, 1, "smartair.test")
        self.written: list[int] = []
        self.gate = asyncio.Event()

    @override
    async def async_save(self, data: dict[str, Any]) -> None:
        await self.gate.wait()
        self.written.append(data["n"])
        await super().async_save(data)


@pytest.fixture
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def store(hass: HomeAssistant) -> SlowStore:
    return SlowStore(hass)


@pytest.fixture
def shared(store: SlowStore, numbers: Iterator[int]) -> SharedSave:
    return SharedSave(store, lambda: {"n": next(numbers)})


async def test_a_hundred_that_ask_at_once_are_two_writes_and_all_are_answered(
    store: SlowStore, shared: SharedSave
) -> None:
    asked = [asyncio.ensure_future(shared.async_save()) for _ in range(100)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in asked)
    store.gate.set()
    await asyncio.gather(*asked)
    assert store.written == [1, 2], "the first was being written when the others came"


async def test_who_waits_for_what_is_written_already_writes_nothing(store: SlowStore, shared: SharedSave) -> None:
    store.gate.set()
    await shared.async_save()
    await shared.async_written()
    assert store.written == [1]


async def test_a_write_that_is_given_up_is_not_taken_for_done(store: SlowStore, shared: SharedSave) -> None:
    given_up = asyncio.ensure_future(shared.async_save())
    await asyncio.sleep(0)
    waiting = asyncio.ensure_future(shared.async_written())
    await asyncio.sleep(0)
    given_up.cancel()
    store.gate.set()
    await waiting
    assert len(store.written) == 1


async def test_who_keeps_asking_does_not_put_the_write_off(
    hass_storage: dict[str, Any], shared: SharedSave, wait: Wait, freezer: FrozenDateTimeFactory
) -> None:
    for _ in range(3):
        shared.async_save_soon(10)
        await wait(4)
    assert hass_storage["smartair.test"]["data"] == {"n": 1}
    shared.async_save_soon(10)
    await wait(11)
    assert hass_storage["smartair.test"]["data"] == {"n": 2}


async def test_a_file_that_everybody_could_read_is_made_private_when_it_is_loaded(hass: HomeAssistant) -> None:
    store = concern_store(hass, "hub", "firmware")
    path = Path(store.path)

    def begin() -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
        path.chmod(0o644)

    await hass.async_add_executor_job(begin)
    await SharedSave(store, dict).async_load()
    assert (await hass.async_add_executor_job(path.stat)).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("concern", ["", *CONCERNS])
async def test_what_is_written_is_private(
    hass: HomeAssistant, hub: MockConfigEntry, concern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant's own writing is played in tests; what it is told is what counts."""
    made: list[dict[str, Any]] = []
    init = Store.__init__

    def remember(store: Store[Any], *args: Any, **kwargs: Any) -> None:
        made.append({"key": args[2], **kwargs})
        init(store, *args, **kwargs)

    monkeypatch.setattr(Store, "__init__", remember)
    HubStore(hass, "hub")
    key = f"smartair.hub.{concern}" if concern else "smartair.hub"
    assert [one["private"] for one in made if one["key"] == key] == [True]
