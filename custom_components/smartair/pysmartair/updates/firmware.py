"""Firmware images: what a catalogue says of them, which are newer, which fit a device, which may go.

A catalogue is what `esphome/tools/catalogue.py` writes. It may come from anywhere, so each entry is judged by itself:
one that is hostile or broken is left out with a reason and spoils no other.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
import zlib

from ..protocol.fields import clean_text, type_code
from .versions import VersionKey, newer, same_version, version_key

if TYPE_CHECKING:
    from ..device import Snapshot

SCHEMA = 1
MAX_CATALOGUE = 1024 * 1024
"""Bytes of a catalogue file; ten products with long notes are 100 kB."""
MAX_IMAGES = 500
MAX_IMAGE = 32 * 1024 * 1024
"""Bytes of an image: the largest flash of a chip that ESPHome knows."""
MAX_NOTES = 16_000
MAX_VERSION = 23
"""Signs of a version: what the firmware keeps of it over its restart."""
KEEP = 3
"""Versions of a product and channel that are kept whether or not a device runs them."""

# It becomes a part of a file's name.
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]*(?:\.[A-Za-z0-9_+-]+)*", re.ASCII)
_PRODUCT = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}", re.ASCII)
_HARDWARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,31}", re.ASCII)
_MAX_FILE = 128
_MAX_URL = 1024


class ReleaseChannel(StrEnum):
    """How far a release has been tried."""

    STABLE = "stable"
    BETA = "beta"


class CatalogueError(ValueError):
    """A catalogue of which nothing can be used; `reason` is a fixed word."""

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One entry of a catalogue: size in bytes, checksums in lower-case hexadecimal, `chip` as `same_chip` has it."""

    name: str
    title: str
    device_type: str
    model: str | None
    version: str
    channel: ReleaseChannel
    chip: str
    url: str
    file: str
    size: int
    md5: str | None
    sha256: str
    changelog: str = ""
    release_url: str | None = None
    hardware: tuple[str, ...] = ()
    signed: bool | None = None
    """Whether the image carries a signature; None until somebody has looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The good entries of a catalogue, and how many were left out for which reason."""

    images: tuple[Image, ...]
    refused: Counter[str]


# --- reading -----------------------------------------------------------------------------------


def read_catalogue(payload: bytes) -> Catalogue:
    """Return the good entries of a catalogue; raise CatalogueError where it is none at all."""
    if len(payload) > MAX_CATALOGUE:
        raise CatalogueError("too_large")
    try:
        content = json.loads(payload.decode())
    except (ValueError, RecursionError) as err:
        raise CatalogueError("not_json") from err
    if not isinstance(content, dict) or type(content.get("schema")) is not int:
        raise CatalogueError("no_catalogue")
    if content["schema"] != SCHEMA:
        raise CatalogueError("unknown_schema")
    entries = content.get("firmware")
    if not isinstance(entries, list):
        raise CatalogueError("no_catalogue")
    images: dict[tuple[str, str, str, ReleaseChannel], Image] = {}
    refused: Counter[str] = Counter()
    if len(entries) > MAX_IMAGES:
        refused["too_many"] = len(entries) - MAX_IMAGES
    for entry in entries[:MAX_IMAGES]:
        image = read_image(entry)
        if isinstance(image, str):
            refused[image] += 1
        elif images.setdefault((image.name, image.chip, image.version, image.channel), image) is not image:
            # Which of two images is meant by one version, nobody can tell; the first was there first.
            refused["duplicate"] += 1
    return Catalogue(images=tuple(images.values()), refused=refused)


def read_image(entry: object) -> Image | str:
    """Return an entry of a catalogue, or the reason why it is none."""
    if not isinstance(entry, dict):
        return "not_an_object"
    judged = {key: judge(entry.get(key)) for key, judge in _NEEDED.items()}
    for key, value in judged.items():
        if value is None:
            return f"bad_{key}"
    return Image(
        **judged,
        file=file_name(judged["url"]) or "",
        title=clean_text(entry.get("title")) or judged["name"],
        model=clean_text(entry.get("model")),
        md5=_hexadecimal(entry.get("md5"), _MD5),
        changelog=notes(entry.get("changelog")),
        release_url=_release_url(entry.get("release_url")),
    )


def _version(value: object) -> str | None:
    good = isinstance(value, str) and len(value) <= MAX_VERSION and _VERSION.fullmatch(value) and version_key(value)
    return value if good and isinstance(value, str) else None


def _hexadecimal(value: object, pattern: re.Pattern[str] = _SHA256) -> str | None:
    text = value.lower() if isinstance(value, str) else ""
    return text if pattern.fullmatch(text) else None


def _channel(value: object) -> ReleaseChannel | None:
    return ReleaseChannel(value) if isinstance(value, str) and value in set(ReleaseChannel) else None


def _size(value: object) -> int | None:
    return value if type(value) is int and 0 < value <= MAX_IMAGE else None


def _url(value: object) -> str | None:
    return value if isinstance(value, str) and file_name(value) else None


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and _PRODUCT.fullmatch(value) else None


def write_image(image: Image) -> dict[str, Any]:
    """Return an entry as `read_image` reads it."""
    return {
        "name": image.name,
        "title": image.title,
        "device_type": image.device_type,
        "model": image.model,
        "version": image.version,
        "channel": image.channel.value,
        "chip": image.chip,
        "url": image.url,
        "size": image.size,
        "md5": image.md5,
        "sha256": image.sha256,
        "changelog": image.changelog,
        "release_url": image.release_url,
        "hardware": list(image.hardware),
    }


def write_catalogue(images: Iterable[Image]) -> str:
    """Return a catalogue as `read_catalogue` reads it."""
    return json.dumps({"schema": SCHEMA, "firmware": [write_image(image) for image in images]}, indent=1)


def file_name(url: object) -> str | None:
    """Return the file that a URL ends with, if it is a plain name that cannot lead anywhere."""
    if not isinstance(url, str) or len(url) > _MAX_URL or not url.isprintable():
        return None
    name = url.rsplit("/", 1)[-1]
    return name if len(name) <= _MAX_FILE and _FILE.fullmatch(name) and not name.endswith(".json") else None


def same_chip(value: object) -> str | None:
    """Return a chip's name as it compares: ESP32-C3, esp32c3 and ESP32_C3 are one."""
    text = clean_text(value, 24)
    bare = re.sub(r"[^A-Z0-9]", "", text.upper()) if text else ""
    return bare or None


def notes(value: object) -> str:
    """Return release notes as Markdown that shows text and links only, at most MAX_NOTES signs."""
    if not isinstance(value, str):
        return ""
    text = "".join(sign for sign in value[:MAX_NOTES] if sign == "\n" or sign.isprintable())
    return text.replace("<", "‹").replace(">", "›").replace("![", "[").strip()


def _release_url(value: object) -> str | None:
    good = isinstance(value, str) and len(value) <= _MAX_URL and value.isprintable() and " " not in value
    return value if good and isinstance(value, str) and value.startswith("https://") else None


def _hardware(value: object) -> tuple[str, ...] | None:
    """Return the hardware revisions that an image is for, none for all; None where the list cannot be read."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) and _HARDWARE.fullmatch(one) for one in value):
        return None
    return tuple(value)


_NEEDED: Mapping[str, Callable[[object], Any]] = {
    "name": _name,
    "version": _version,
    "sha256": _hexadecimal,
    "device_type": type_code,
    "channel": _channel,
    "size": _size,
    "chip": same_chip,
    "url": _url,
    "hardware": _hardware,
}


def identity(image: Image) -> tuple[str, str, str, ReleaseChannel]:
    """Return what makes two entries one: the same bytes may be of several products, and rise from beta to stable."""
    return image.sha256, image.name, image.version, image.channel


# --- the bytes of an image ---------------------------------------------------------------------

# Little-endian at offset 12 of every ESP image; the numbers are those of esptool.
_CHIPS = {
    0: "ESP32",
    2: "ESP32S2",
    5: "ESP32C3",
    9: "ESP32S3",
    12: "ESP32C2",
    13: "ESP32C6",
    16: "ESP32H2",
    18: "ESP32P4",
    20: "ESP32C61",
    23: "ESP32C5",
}
_SECTOR = 4096
_SIGNATURE = 1216
HOST = "HOST"


@dataclass(frozen=True, slots=True)
class Contents:
    """What the bytes of an image say themselves: for which chip they are, and whether they are signed."""

    chip: str | None
    signed: bool


def look_into(data: bytes) -> Contents:
    """Read chip and signature from an image; that the signature is a good one only the device can tell."""
    if data[:4] == b"\x7fELF":
        return Contents(HOST, signed=False)
    if len(data) < 24 or data[0] != 0xE9:  # noqa: PLR2004 - header and magic byte of an ESP image
        return Contents(None, signed=False)
    return Contents(_CHIPS.get(int.from_bytes(data[12:14], "little")), signed=_is_signed(data))


def _is_signed(data: bytes) -> bool:
    """Tell whether the last sector holds a signature block (secure boot v2, RSA or ECDSA) of what precedes it."""
    if len(data) <= _SECTOR or len(data) % _SECTOR:
        return False
    block = data[-_SECTOR:][:_SIGNATURE]
    return (
        block[0] == 0xE7  # noqa: PLR2004 - the block's magic byte
        and block[1] in {2, 3}
        and zlib.crc32(block[:1196]) == int.from_bytes(block[1196:1200], "little")
        and block[4:36] == hashlib.sha256(data[:-_SECTOR]).digest()
    )


class Flaw(StrEnum):
    """Why a file is not the image that a catalogue describes."""

    SIZE = "size_mismatch"
    CHECKSUM = "checksum_mismatch"
    CHIP = "wrong_chip"
    UNSIGNED = "unsigned"


def check(image: Image, data: bytes, *, signed: bool = False) -> Flaw | None:
    """Return what is wrong with the bytes of an image; `signed`: an ESP image must carry a signature."""
    if len(data) != image.size:
        return Flaw.SIZE
    if hashlib.sha256(data).hexdigest() != image.sha256:
        return Flaw.CHECKSUM
    contents = look_into(data)
    if contents.chip != image.chip:
        return Flaw.CHIP
    return Flaw.UNSIGNED if signed and contents.chip != HOST and not contents.signed else None


# --- which image for which device --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What of a device decides which images fit it; `bad` are checksums that failed on it."""

    device_type: str
    chip: str | None
    model: str | None = None
    hardware: str | None = None
    signed_only: bool = False
    installed: str | None = None
    previous: str | None = None
    bad: frozenset[str] = frozenset()
    updates: bool = True


class Denied(StrEnum):
    """Why an image is not given to a device."""

    UNKNOWN_VERSION = "unknown_version"
    WRONG_CHIP = "wrong_chip"
    TAKES_NO_UPDATES = "takes_no_updates"
    WRONG_DEVICE_TYPE = "wrong_device_type"
    WRONG_MODEL = "wrong_model"
    WRONG_HARDWARE = "wrong_hardware"
    UNSIGNED = "unsigned"
    KNOWN_BAD = "known_bad"
    INSTALLED = "already_installed"


def subject(
    snapshot: Snapshot, *, previous: str | None = None, bad: Collection[str] = (), installed: str | None = None
) -> Subject:
    """Return what of a device decides which images fit it."""
    descriptor = snapshot.descriptor
    return Subject(
        device_type=snapshot.device_type,
        chip=same_chip(descriptor.chip) if descriptor else None,
        model=descriptor.model if descriptor else None,
        hardware=descriptor.hardware_revision if descriptor else None,
        updates=snapshot.takes_updates,
        signed_only=descriptor is not None and descriptor.signed_ota,
        installed=installed or snapshot.firmware_version,
        previous=previous,
        bad=frozenset(bad),
    )


def unfit(image: Image, device: Subject) -> Denied | None:
    """Return why an image must never run on a device, or None when it may.

    Two products may share type and chip and differ in their sensors: so the model must agree as well.
    """
    if image.device_type != device.device_type:
        return Denied.WRONG_DEVICE_TYPE
    if image.chip != device.chip:
        return Denied.WRONG_CHIP
    if not device.updates:
        return Denied.TAKES_NO_UPDATES
    if image.model is not None and image.model != device.model:
        return Denied.WRONG_MODEL
    if image.hardware and device.hardware not in image.hardware:
        return Denied.WRONG_HARDWARE
    return Denied.UNSIGNED if device.signed_only and image.signed is False else None


def fitting(images: Iterable[Image], device: Subject) -> tuple[Image, ...]:
    """Return the images that may run on a device, newest first; of equal versions those that came first."""
    return tuple(
        sorted(
            (image for image in images if unfit(image, device) is None),
            key=_order,
            reverse=True,
        )
    )


def latest(images: Iterable[Image], device: Subject, channel: ReleaseChannel) -> Image | None:
    """Return the newest image to offer: of the channel, higher than what runs, and not known to be bad here."""
    channels = {ReleaseChannel.STABLE, channel}
    for image in fitting(images, device):
        if image.channel in channels and image.sha256 not in device.bad:
            return image if newer(image.version, device.installed) else None
    return None


def unordered(images: Iterable[Image], device: Subject, channel: ReleaseChannel) -> Image | None:
    """Return the newest image of the channel where it cannot be told whether it is newer than what runs."""
    if device.installed is None or version_key(device.installed) is not None:
        return None
    channels = {ReleaseChannel.STABLE, channel}
    return next(
        (one for one in fitting(images, device) if one.channel in channels and one.sha256 not in device.bad), None
    )


def wanted(images: Sequence[Image], device: Subject, version: str, *, force: bool = False) -> Image | Denied:
    """Return the image of a version that was asked for by name, lower ones included, or why there is none."""
    exact = [image for image in images if image.version == version]
    # Of two builds of one version, the one that is meant is the one that is spelled so.
    named = exact or [image for image in images if same_version(image.version, version)]
    if not named:
        return Denied.UNKNOWN_VERSION
    good = fitting(named, device)
    if not good:
        # The nearest miss says most: of ten products only one has the right type.
        misses = [why for image in named if (why := unfit(image, device))]
        return max(misses, key=list(Denied).index)
    if force:
        return good[0]
    if same_version(device.installed, version):
        return Denied.INSTALLED
    return next((image for image in good if image.sha256 not in device.bad), Denied.KNOWN_BAD)


def superseded(
    images: Iterable[Image], devices: Collection[Subject], *, ordered: Collection[str] = (), keep: int = KEEP
) -> tuple[Image, ...]:
    """Return the images that may be deleted.

    Kept are the newest `keep` of a product and channel, what runs on a device or what that might return to, and what
    is ordered (checksums).
    """
    seen: Counter[tuple[str, str, ReleaseChannel]] = Counter()
    old: list[Image] = []
    ordering = sorted(images, key=_order, reverse=True)
    for image in ordering:
        line = (image.name, image.chip, image.channel)
        seen[line] += 1
        if seen[line] > keep and image.sha256 not in ordered and not any(_needs(one, image) for one in devices):
            old.append(image)
    return tuple(old)


def _needs(device: Subject, image: Image) -> bool:
    runs = any(same_version(image.version, one) for one in (device.installed, device.previous))
    return runs and image.device_type == device.device_type


def _order(image: Image) -> VersionKey:
    return version_key(image.version) or ((), False, (), (0, False))
