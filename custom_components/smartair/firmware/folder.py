"""The firmware folder: catalogues and images on disk, each image checked when it enters and again when it leaves."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
import hashlib
from io import BufferedReader
import logging
import os
from pathlib import Path
import stat
import tempfile

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..pysmartair import firmware

_LOGGER = logging.getLogger(__name__)

# What SmartAir itself put here, and may take away again; what its owner put beside it stays.
OWN = "own"
MAX_FILES = 64
"""Catalogue files in a folder that are looked at."""

# A link could lead out of the folder, and a pipe could hold up whoever opens it.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Stored:
    """An image and where it lies."""

    image: firmware.Image
    path: Path


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What changes when a file does."""

    size: int
    modified: int
    inode: int


class FirmwareFolder:
    """The images below `<config>/smartair/firmware`, shared by all hubs."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Name the folder; nothing is read yet, and nothing is written before there is something to keep."""
        self._hass = hass
        self.path = Path(hass.config.path(DOMAIN, "firmware"))
        self.refused: Counter[str] = Counter()
        self._stored: tuple[Stored, ...] = ()
        self._by_checksum: dict[str, Stored] = {}
        self._looked: dict[tuple[Path, _Stamp, str], firmware.Flaw | bool] = {}
        # A file that did not change since it was found to be whole is not read once more.
        self._whole: dict[str, _Stamp] = {}
        self._turn = asyncio.Lock()
        self._listeners: list[Callable[[], None]] = []

    @property
    def images(self) -> tuple[firmware.Image, ...]:
        """The images there are."""
        return tuple(one.image for one in self._stored)

    def image(self, sha256: str) -> firmware.Image | None:
        """Return the image with a checksum."""
        stored = self._by_checksum.get(sha256)
        return stored.image if stored else None

    @callback
    def async_listen(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Call the listener when images have come or gone; return how to end that."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    async def async_scan(self) -> None:
        """Look what is there now."""
        async with self._turn:
            stored, refused = await self._hass.async_add_executor_job(self._scan)
        if refused != self.refused and refused:
            _LOGGER.warning("Firmware that cannot be used in %s: %s", self.path, dict(refused))
        self.refused = refused
        if stored != self._stored:
            self._stored = stored
            # Of the entries with the same bytes, the first tells where these lie.
            self._by_checksum = {one.image.sha256: one for one in reversed(stored)}
            for listener in tuple(self._listeners):
                listener()

    async def async_has(self, sha256: str) -> bool:
        """Tell whether an image is at hand, and its bytes are still those that were checked."""
        file = await self.async_open(sha256)
        if file is None:
            return False
        await self._hass.async_add_executor_job(file.close)
        return True

    async def async_open(self, sha256: str) -> BufferedReader | None:
        """Return the open file of an image, to be read in pieces, if its bytes are still those that were checked."""
        async with self._turn:
            stored = self._by_checksum.get(sha256)
            return await self._hass.async_add_executor_job(self._open, stored) if stored else None

    async def async_add(self, image: firmware.Image, data: bytes) -> None:
        """Keep an image that was checked; raise OSError where the disk does not take it."""
        async with self._turn:
            await self._hass.async_add_executor_job(self._write, image, data)
        await self.async_scan()

    async def async_prune(self, devices: Collection[firmware.Subject], ordered: Collection[str]) -> None:
        """Delete what SmartAir itself keeps and nobody needs any more."""
        own = [one for one in self._stored if one.path.parent.name == OWN]
        old = firmware.superseded([one.image for one in own], devices, ordered=ordered)
        if not old:
            return
        gone = {image.sha256 for image in old}
        async with self._turn:
            for one in own:
                if one.image.sha256 in gone:
                    await self._hass.async_add_executor_job(_delete, one.path)
        _LOGGER.info("Deleted firmware that was superseded: %s", ", ".join(f"{i.name} {i.version}" for i in old))
        await self.async_scan()

    # --- in the executor ------------------------------------------------------------------------

    def _open(self, stored: Stored) -> BufferedReader | None:
        sha256 = stored.image.sha256
        try:
            file = os.fdopen(os.open(stored.path, _READ), "rb")
        except OSError:
            return None
        found = os.fstat(file.fileno())
        stamp = _Stamp(found.st_size, found.st_mtime_ns, found.st_ino)
        good = stat.S_ISREG(found.st_mode) and found.st_size == stored.image.size
        if good and (self._whole.get(sha256) == stamp or _checksum(file) == sha256):
            self._whole[sha256] = stamp
            return file
        file.close()
        return None

    def _scan(self) -> tuple[tuple[Stored, ...], Counter[str]]:
        stored: dict[object, Stored] = {}
        refused: Counter[str] = Counter()
        looked: dict[tuple[Path, _Stamp, str], firmware.Flaw | bool] = {}
        for folder in (self.path, self.path / OWN):
            for path in _catalogues(folder):
                payload = _read(path, firmware.MAX_CATALOGUE)
                try:
                    catalogue = firmware.read_catalogue(payload if payload is not None else b"")
                except firmware.CatalogueError as err:
                    refused[err.reason] += 1
                    continue
                refused += catalogue.refused
                for image in catalogue.images:
                    verdict = self._look(folder / image.file, image, looked)
                    if isinstance(verdict, bool):
                        found = Stored(replace(image, signed=verdict), folder / image.file)
                        stored.setdefault(firmware.identity(image), found)
                    else:
                        refused[verdict] += 1
        self._looked = looked
        return tuple(stored.values()), refused

    def _look(
        self, path: Path, image: firmware.Image, looked: dict[tuple[Path, _Stamp, str], firmware.Flaw | bool]
    ) -> bool | str:
        """Return whether an image is signed, or what is wrong with it; a file that did not change is read once."""
        stamp = _stamp(path)
        if stamp is None:
            return "missing"
        key = (path, stamp, image.sha256)
        verdict = self._looked.get(key)
        if verdict is None:
            data = _read(path, firmware.MAX_IMAGE)
            if data is None:
                return "missing"
            verdict = firmware.check(image, data) or firmware.look_into(data).signed
        looked[key] = verdict
        return verdict

    def _write(self, image: firmware.Image, data: bytes) -> None:
        folder = self.path / OWN
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink():
            raise NotADirectoryError(f"{folder} is a link")
        # Every part of the name was judged when the entry was read; the checksum makes it one of its kind.
        stem = f"{image.name}-{image.version}-{image.sha256[:12]}"
        kept = replace(image, file=f"{stem}.bin", url=f"{stem}.bin")
        _put(folder / f"{stem}.bin", data)
        _put(folder / f"{stem}.json", firmware.write_catalogue([kept]).encode())


def _catalogues(folder: Path) -> Iterator[Path]:
    """Yield the catalogue files of a folder that is one itself."""
    with suppress(OSError):
        if stat.S_ISDIR(folder.lstat().st_mode):
            names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".json"))
            yield from (folder / name for name in names[:MAX_FILES] if _stamp(folder / name))


def _stamp(path: Path) -> _Stamp | None:
    """Return what identifies a regular file; anything else, links included, is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return _Stamp(found.st_size, found.st_mtime_ns, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _read(path: Path, limit: int) -> bytes | None:
    """Return a regular file of at most `limit` bytes."""
    try:
        with os.fdopen(os.open(path, _READ), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
                return None
            data = file.read(limit + 1)
    except OSError:
        return None
    return data if len(data) <= limit else None


def _checksum(file: BufferedReader) -> str | None:
    """Return the checksum of a file, which is then at its beginning again."""
    try:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
    except OSError:
        return None
    return found


def _put(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)  # noqa: PTH105 - a name, not a Path, is what was made
    except OSError:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise


def _delete(path: Path) -> None:
    # The catalogue first: an image without one is not seen, a catalogue without its image is complained of.
    for one in (path.with_suffix(".json"), path):
        one.unlink(missing_ok=True)


_FOLDER: HassKey[FirmwareFolder] = HassKey(f"{DOMAIN}_firmware")


@callback
def async_get_folder(hass: HomeAssistant) -> FirmwareFolder:
    """Return the one folder of this Home Assistant."""
    return hass.data.setdefault(_FOLDER, FirmwareFolder(hass))
