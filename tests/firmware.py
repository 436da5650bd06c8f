"""Firmware for tests: images as chips read them, and catalogues as esphome/tools writes them."""

import hashlib
import json
from pathlib import Path
from typing import Any
import zlib

CHIPS = {"ESP32": 0, "ESP32-C3": 5, "ESP32-S3": 9}


def image(version: str, *, chip: str = "ESP32-C3", signed: bool = True, sectors: int = 4) -> bytes:
    """Return the bytes of an image: its header names the chip, its last sector is a signature block."""
    header = bytes([0xE9, 1, 2, 0x20]) + bytes(8) + CHIPS[chip].to_bytes(2, "little") + bytes(10)
    size = sectors * 4096
    body = (header + version.encode() * (size // len(version) + 1))[:size]
    if not signed:
        return body
    block = bytes([0xE7, 2, 0, 0]) + hashlib.sha256(body).digest()
    block = block.ljust(1196, b"\0")
    block += zlib.crc32(block).to_bytes(4, "little") + bytes(16)
    return body + block.ljust(4096, b"\xff")


def entry(version: str, data: bytes, **changes: Any) -> dict[str, Any]:
    """Return an entry of a catalogue."""
    content = {
        "name": "co2",
        "title": "Air monitor",
        "device_type": "co2",
        "model": "smartair-co2",
        "version": version,
        "channel": "stable",
        "chip": "ESP32-C3",
        "url": f"https://firmware.example/co2-{version}.ota.bin",
        "size": len(data),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "changelog": f"What is new in {version}",
    }
    return {**content, **changes}


def catalogue(*entries: dict[str, Any]) -> str:
    """Return a catalogue."""
    return json.dumps({"schema": 1, "firmware": list(entries)})


def fill(folder: Path, *versions: str, **changes: Any) -> dict[str, bytes]:
    """Put a catalogue and its images into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {version: image(version) for version in versions}
    for version, data in images.items():
        (folder / f"co2-{version}.ota.bin").write_bytes(data)
    entries = [entry(version, data, **changes) for version, data in images.items()]
    (folder / "firmware.json").write_text(catalogue(*entries))
    return images
