"""The catalogue of images, and the signing of them, without any tool chain."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.build import ESPHOME

sys.path.insert(0, str(ESPHOME / "tools"))
import catalogue

URL = "https://example.org/firmware/"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ESPHOME / "tools/catalogue.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images as `build` leaves them: real descriptions, made-up bytes."""
    folder = tmp_path_factory.mktemp("images")
    devices = catalogue.workplace(tmp_path_factory.mktemp("work"))
    for name in ("co2-scd4x", "zone-node", "co2-mhz19"):
        product = catalogue.describe(name, devices)
        (folder / f"{name}.json").write_text(json.dumps(catalogue.asdict(product)))
        for kind in ("ota", "factory"):
            (folder / f"{name}-{product.version}.{kind}.bin").write_bytes(f"{name} {kind}".encode() * 100)
    return folder


def test_a_product_describes_itself(images: Path) -> None:
    zone = json.loads((images / "zone-node.json").read_text())
    assert zone == {
        "name": "zone-node",
        "title": "Zone node",
        "device_type": "pump",
        "version": "1.0.0",
        "chip": "ESP32-S3",
    }
    assert json.loads((images / "co2-scd4x.json").read_text())["chip"] == "ESP32-C3"
    assert json.loads((images / "co2-mhz19.json").read_text())["chip"] == "ESP32"


def test_the_catalogue_has_what_home_assistant_reads(images: Path, tmp_path: Path) -> None:
    (tmp_path / "changes.md").write_text("Quieter at night.\n")
    done = run(
        "write",
        str(images),
        str(tmp_path / "out"),
        "--url",
        URL,
        "--channel",
        "beta",
        "--changelog",
        str(tmp_path / "changes.md"),
    )
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "out/firmware.json").read_text())
    [entry] = [e for e in content["firmware"] if e["name"] == "zone-node"]
    data = (images / "zone-node-1.0.0.ota.bin").read_bytes()
    assert entry == {
        "name": "zone-node",
        "title": "Zone node",
        "device_type": "pump",
        "model": "smartair-zone-node",
        "version": "1.0.0",
        "channel": "beta",
        "chip": "ESP32-S3",
        "url": "https://example.org/firmware/zone-node-1.0.0.ota.bin",
        "size": len(data),
        "md5": hashlib.md5(data).hexdigest(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "changelog": "Quieter at night.",
    }
    assert (tmp_path / "out/zone-node-1.0.0.ota.bin").read_bytes() == data


def test_the_flasher_file_points_to_the_first_flash(images: Path, tmp_path: Path) -> None:
    assert run("write", str(images), str(tmp_path), "--url", URL).returncode == 0
    flasher = json.loads((tmp_path / "flash/zone-node.json").read_text())
    [build] = flasher["builds"]
    assert build["chipFamily"] == "ESP32-S3"
    [part] = build["parts"]
    assert part["offset"] == 0
    assert (tmp_path / "flash" / part["path"]).resolve().exists()


def test_no_file_is_called_like_an_integrations_manifest(images: Path, tmp_path: Path) -> None:
    assert run("write", str(images), str(tmp_path), "--url", URL).returncode == 0
    assert not list(tmp_path.rglob("manifest.json"))
    assert not list(ESPHOME.rglob("manifest.json"))


def test_a_missing_image_and_an_unknown_device_are_said(images: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(images, half)
    (half / "zone-node-1.0.0.factory.bin").unlink()
    done = run("write", str(half), str(tmp_path / "out"), "--url", URL)
    assert done.returncode != 0
    assert "zone-node-1.0.0.factory.bin is missing" in done.stderr
    assert "no such device: toaster" in run("build", str(tmp_path / "x"), "--device", "toaster").stderr


def test_signing_makes_images_that_verify_with_the_digest_that_the_firmware_knows(tmp_path: Path) -> None:
    tools = Path(sys.executable).parent
    environment = {"PATH": f"{tools}:/usr/bin:/bin"}

    def espsecure(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(tools / "espsecure"), *arguments], capture_output=True, text=True, check=False
        )

    key = tmp_path / "key.pem"
    assert (
        espsecure("generate-signing-key", "--version", "2", "--scheme", "rsa3072", str(key)).returncode == 0
    )
    (tmp_path / "zone-node-1.0.0.ota.bin").write_bytes(b"\xe9" + bytes(9000))
    done = subprocess.run(
        [str(ESPHOME / "tools/sign.sh"), str(key), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    signed = tmp_path / "zone-node-1.0.0.ota.bin"
    assert signed.stat().st_size % 4096 == 0
    assert espsecure("verify-signature", "--version", "2", "--keyfile", str(key), str(signed)).returncode == 0
    digest = espsecure("digest-sbv2-public-key", "--keyfile", str(key), "--output", str(tmp_path / "digest"))
    assert digest.returncode == 0, digest.stdout + digest.stderr
    assert len((tmp_path / "digest").read_bytes()) == 32
