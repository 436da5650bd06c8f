#!/usr/bin/env python3
"""Build the products, and write what Home Assistant and a flasher page read about them.

    catalogue.py build    IMAGES [--device NAME]...   compile every product into the folder IMAGES
    catalogue.py write    IMAGES OUT --url URL        describe the images, after they have been signed

Between the two, the update images are signed (README, "Signing"): the private key is never near a build.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

ESPHOME = Path(__file__).resolve().parents[1]
DEVICES = ESPHOME / "devices"
# What ESP Web Tools calls the chips.
FAMILIES = {"ESP32": "ESP32", "ESP32C3": "ESP32-C3", "ESP32S3": "ESP32-S3"}
CATALOGUE = "firmware.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What a device file says about itself."""

    name: str
    title: str
    device_type: str
    version: str
    chip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One image in the catalogue: the fields that Home Assistant reads."""

    name: str
    title: str
    device_type: str
    model: str
    version: str
    channel: str
    chip: str
    url: str
    size: int
    md5: str
    sha256: str
    changelog: str


def products(only: list[str]) -> list[str]:
    """Names of the device files, without the factory ones."""
    names = sorted(
        p.stem for p in DEVICES.glob("*.yaml") if not p.stem.endswith(".factory") and p.stem != "secrets"
    )
    if unknown := set(only) - set(names):
        raise SystemExit(f"no such device: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return only or names


def esphome(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run ESPHome on a device of this checkout."""
    command = [
        sys.executable,
        "-m",
        "esphome",
        "-s",
        "components_source",
        str(ESPHOME / "components"),
        *arguments,
    ]
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


def workplace(folder: Path) -> Path:
    """Device files with secrets: the owner's, else the example's, good for release images only."""
    for part in ("packages", "devices"):
        shutil.copytree(ESPHOME / part, folder / part, ignore=shutil.ignore_patterns(".esphome"))
    secrets = folder / "devices" / "secrets.yaml"
    if not secrets.exists():
        shutil.copy(ESPHOME / "secrets.example.yaml", secrets)
    return folder / "devices"


def describe(name: str, devices: Path) -> Product:
    """Ask ESPHome what the device file comes to, packages and substitutions included."""
    result = esphome("config", f"{name}.yaml", cwd=devices)
    if result.returncode != 0:
        raise SystemExit(f"{name}: {result.stdout[-2000:]}")

    def value(pattern: str) -> str:
        found = re.search(pattern, result.stdout, re.MULTILINE)
        if not found:
            raise SystemExit(f"{name}: ESPHome's output has no {pattern}")
        return found[1].strip("'\"")

    return Product(
        name=name,
        title=value(r"^  friendly_name: (.+)$"),
        device_type=value(r"^  device_type: (\S+)$"),
        version=value(r"^    version: (\S+)$"),
        chip=FAMILIES[value(r"^  variant: (\S+)$").upper()],
    )


def build(images: Path, only: list[str]) -> int:
    """Compile the products; leaves three files for each: the update, the first flash, and what they are."""
    images.mkdir(parents=True, exist_ok=True)
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        devices = workplace(Path(folder))
        for name in products(only):
            product = describe(name, devices)
            built = {}
            for source, kind in ((name, "ota"), (f"{name}.factory", "factory")):
                result = esphome("compile", f"{source}.yaml", cwd=devices)
                found = sorted(devices.rglob(f"firmware.{kind}.bin"), key=lambda p: p.stat().st_mtime)
                if result.returncode != 0 or not found:
                    print(f"{source}: not built\n{result.stdout[-800:]}", file=sys.stderr)
                    failed.append(source)
                    break
                built[kind] = found[-1].read_bytes()
            else:
                for kind, data in built.items():
                    (images / f"{name}-{product.version}.{kind}.bin").write_bytes(data)
                (images / f"{name}.json").write_text(json.dumps(asdict(product), indent=1) + "\n")
                print(f"{name} {product.version} for {product.chip}")
    if failed:
        print(
            f"not built: {', '.join(failed)}. ESPHome fetches its tool chains from the internet.",
            file=sys.stderr,
        )
    return 1 if failed else 0


def write(images: Path, out: Path, url: str, channel: str, changelog: str) -> int:
    """Write the catalogue of all images in the folder, and one flasher file for each product."""
    releases = []
    (out / "flash").mkdir(parents=True, exist_ok=True)
    for description in sorted(images.glob("*.json")):
        product = Product(**json.loads(description.read_text()))
        update = images / f"{product.name}-{product.version}.ota.bin"
        first = images / f"{product.name}-{product.version}.factory.bin"
        for image in (update, first):
            if not image.exists():
                raise SystemExit(f"{image.name} is missing")
            shutil.copy(image, out / image.name)
        data = update.read_bytes()
        releases.append(
            Release(
                **asdict(product),
                model=f"smartair-{product.name}",
                channel=channel,
                url=f"{url.rstrip('/')}/{update.name}",
                size=len(data),
                md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
                sha256=hashlib.sha256(data).hexdigest(),
                changelog=changelog,
            )
        )
        flasher = {
            "name": f"SmartAir {product.title}",
            "version": product.version,
            "home_assistant_domain": "smartair",
            "new_install_prompt_erase": True,
            "builds": [{"chipFamily": product.chip, "parts": [{"path": f"../{first.name}", "offset": 0}]}],
        }
        (out / "flash" / f"{product.name}.json").write_text(json.dumps(flasher, indent=1) + "\n")
    if not releases:
        raise SystemExit(f"no images in {images}")
    catalogue = {"schema": 1, "firmware": [asdict(release) for release in releases]}
    (out / CATALOGUE).write_text(json.dumps(catalogue, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(releases)} images in {out / CATALOGUE}")
    return 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True)
    one = actions.add_parser("build")
    one.add_argument("images", type=Path)
    one.add_argument("--device", action="append", default=[])
    two = actions.add_parser("write")
    two.add_argument("images", type=Path)
    two.add_argument("out", type=Path)
    two.add_argument("--url", required=True, help="where OUT will be found")
    two.add_argument("--channel", choices=("stable", "beta"), default="stable")
    two.add_argument("--changelog", type=Path)
    arguments = parser.parse_args()
    if arguments.action == "build":
        return build(arguments.images, arguments.device)
    changelog = arguments.changelog.read_text().strip() if arguments.changelog else ""
    return write(arguments.images, arguments.out, arguments.url, arguments.channel, changelog)


if __name__ == "__main__":
    sys.exit(main())
