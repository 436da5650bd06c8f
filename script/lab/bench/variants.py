"""What is compared: SmartAir, Home Assistant's own MQTT discovery, and the floor."""

from abc import ABC, abstractmethod
import json
from pathlib import Path
import shutil
from typing import TYPE_CHECKING, override

from lab.bench import devices
from lab.client import eventually
from lab.hass import DOMAIN, REPOSITORY

if TYPE_CHECKING:
    from lab.bench.wire import Packet
    from lab.client import Client

_HERE = Path(__file__).parent
COMPONENT = REPOSITORY / "custom_components" / DOMAIN
PROBE = "smartair_probe"
FLOOR = "smartair_floor"
EXPECT = "expect.json"
"""The file that tells the probe how many entities to wait for from the start."""


def install(folder: Path, domain: str, source: Path, *, config_flow: bool = False) -> None:
    """Put a component of the bench into a configuration; only there does it become an integration."""
    target = folder / "custom_components" / domain
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = {
        "domain": domain,
        "name": domain,
        "version": "0.0.0",
        "codeowners": [],
        "dependencies": ["mqtt"] if config_flow else ["websocket_api"],
        "documentation": "https://github.com",
        "config_flow": config_flow,
        "integration_type": "hub",
        "iot_class": "local_push",
        "requirements": [],
    }
    (target / "manifest.json").write_text(json.dumps(manifest))


def install_probe(folder: Path) -> None:
    """Put the probe into a configuration."""
    install(folder, PROBE, _HERE / "probe")


class Variant(ABC):
    """One way of having the devices in Home Assistant."""

    name: str
    title: str
    component: Path | None = None
    """An integration of the repository that is linked into the configuration."""
    stops: bool = False
    """Whether its devices can be told to stop."""

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Put what is needed into the configuration, before the first start."""

    @abstractmethod
    async def set_up(self, client: Client) -> None:
        """Set up what is to find the devices."""

    def introduce(self, uid: str) -> list[Packet]:
        """Return what describes a device."""
        return [devices.info(uid), devices.status(uid)]

    @property
    @abstractmethod
    def platform(self) -> str:
        """The integration that the entities belong to."""


class SmartAir(Variant):
    """The integration, on its usual root, letting every device in."""

    name = "smartair"
    title = "SmartAir"
    component = COMPONENT
    platform = DOMAIN
    stops = True

    @override
    def prepare(self, folder: Path) -> None:
        """Do nothing: the lab's Home Assistant links it."""

    @override
    async def set_up(self, client: Client) -> None:
        step = await client.start_flow(DOMAIN)
        result = await client.continue_flow(step["flow_id"], {"topic_root": devices.ROOT})
        menu = await client.start_options(result["result"]["entry_id"])
        options = await client.continue_options(menu["flow_id"], {"next_step_id": "devices"})
        await client.continue_options(options["flow_id"], {"add_new_devices": "automatic"})


class Discovery(Variant):
    """Home Assistant's own MQTT device discovery."""

    name = "discovery"
    title = "HA MQTT"
    platform = "mqtt"

    @override
    def prepare(self, folder: Path) -> None:
        """Do nothing: it comes with Home Assistant."""

    @override
    async def set_up(self, client: Client) -> None:
        """Do nothing: it listens as soon as MQTT is set up."""

    @override
    def introduce(self, uid: str) -> list[Packet]:
        return [devices.discovery(uid), devices.status(uid)]


class Floor(Variant):
    """The least that can be done."""

    name = "floor"
    title = "Floor"
    platform = FLOOR

    @override
    def prepare(self, folder: Path) -> None:
        install(folder, FLOOR, _HERE / "floor", config_flow=True)

    @override
    async def set_up(self, client: Client) -> None:
        await client.start_flow(FLOOR)

        async def loaded() -> bool:
            return any(entry["state"] == "loaded" for entry in await client.entries(FLOOR))

        await eventually(loaded, what="the floor set up")


VARIANTS: dict[str, Variant] = {variant.name: variant for variant in (SmartAir(), Discovery(), Floor())}
