"""Firmware for the demo: a version newer than what its CO₂ meters run, in Home Assistant's firmware folder."""

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "2.1.0"
DEVICE_TYPE = "co2"
_SIZE = 1024 * 1024
"""As much as a device of the demo downloads in some seconds."""
# What the chip reads first: magic, segments, mode, flash, eight bytes of addresses, and the number of an ESP32-C3.
_HEADER = bytes([0xE9, 1, 2, 0x20]) + bytes(8) + (5).to_bytes(2, "little") + bytes(10)


def put_firmware(folder: Path) -> None:
    """Put the newer version, and the catalogue that describes it, into a firmware folder."""
    data = (_HEADER + VERSION.encode() * (_SIZE // len(VERSION)))[:_SIZE]
    file = f"{DEVICE_TYPE}-{VERSION}.ota.bin"
    entry = {
        "name": DEVICE_TYPE,
        "title": "CO₂ meter",
        "device_type": DEVICE_TYPE,
        "model": f"smartair-{DEVICE_TYPE}",
        "version": VERSION,
        "channel": "stable",
        "chip": "ESP32-C3",
        "url": file,
        "size": len(data),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "changelog": "Warms up in half the time, and **calibrates itself** once a week.",
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(data)
    (folder / "demo.json").write_text(json.dumps({"schema": 1, "firmware": [entry]}))
