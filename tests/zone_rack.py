"""A zone of a real hub around a played node: its water moves as its pumps run."""

from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smartair.const import DOMAIN, SUBENTRY_ZONE
from custom_components.smartair.zones.zone import Zone

from .conftest import Wait
from .pump_node import INFO, Node, begin

RACK_INFO: dict[str, Any] = INFO | {"metrics": ["water_level", "ph", "ec", "water_temperature"]}
CYCLE: dict[str, Any] = {"interval_days": 7, "time_of_day": "10:00:00", "stabilize_minutes": 1}


def settings(hass: HomeAssistant, hub: MockConfigEntry, uid: str = "rack_a", **sections: Any) -> dict[str, Any]:
    """Return the settings of a zone of a node's pumps and sensors, with some fields otherwise."""
    registry = er.async_get(hass)

    def named(domain: str, key: str) -> str:
        return registry.async_get_or_create(domain, DOMAIN, f"{uid}-{key}", config_entry=hub).id

    data: dict[str, Any] = {
        "pumps": {
            "recirculation": named("switch", "pump_recirc:pump"),
            "fill": named("switch", "pump_fill:pump"),
            "drain": named("switch", "pump_drain:pump"),
        },
        "sensors": {
            "level": named("sensor", "water_level"),
            "ph": named("sensor", "ph"),
            "ec": named("sensor", "ec"),
            "temperature": named("sensor", "water_temperature"),
            "flow_of": "fill",
        },
        "limits": {"tank_volume": 100, "empty_level": 15, "target_level": 80},
        "water_cycle": dict(CYCLE),
    }
    for name, content in sections.items():
        data[name] = {key: value for key, value in (data[name] | content).items() if value is not None}
    return data


def subentry(data: dict[str, Any], title: str = "Tent") -> ConfigSubentry:
    """Return the subentry of a zone."""
    return ConfigSubentry(data=MappingProxyType(data), subentry_type=SUBENTRY_ZONE, title=title, unique_id=None)


async def add_zone(hass: HomeAssistant, hub: MockConfigEntry, data: dict[str, Any], title: str = "Tent") -> Zone:
    """Add a zone as its owner does."""
    one = subentry(data, title)
    hass.config_entries.async_add_subentry(hub, one)
    await hass.async_block_till_done()
    zone: Zone = hub.runtime_data.zones[one.subentry_id]
    return zone


class Rack:
    """The node, its water, and the time that passes for both."""

    def __init__(self, node: Node, wait: Wait) -> None:
        """Begin with a full tank."""
        self.node = node
        self.wait = wait
        self.level = 80.0
        self.flow = 1.0
        self.blocked = False
        self.silent = False
        self.values: dict[str, float] = {"ph": 6.0, "ec": 1.8, "water_temperature": 21.0}

    async def second(self, seconds: int = 1) -> None:
        """Let seconds pass, one by one."""
        for _ in range(seconds):
            if not self.blocked:
                self.level -= self.flow * self.node.on["pump_drain"]
                self.level += self.flow * self.node.on["pump_fill"]
            await self.wait(1)
            if not self.silent:
                self.node.level = self.level
                await self.node.report(**self.values)

    async def until(self, zone: Zone, kind: str, at_most: int = 300) -> None:
        """Let seconds pass until the zone is in a state."""
        for _ in range(at_most):
            if type(zone.memory.state).__name__ == kind:
                return
            await self.second()
        raise AssertionError(f"{kind} did not come: {zone.memory.state}")


async def rack_of(hass: HomeAssistant, broker: Any, hub: MockConfigEntry, wait: Wait) -> Rack:
    """Return a rack whose node was approved and has reported."""
    rack = Rack(await begin(hass, broker, hub.runtime_data, RACK_INFO), wait)
    await rack.second()
    return rack
