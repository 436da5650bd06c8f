"""The least that can be done: one subscription, one JSON parse, prepared states, nothing written without a change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, override

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.storage import Store
import orjson

DOMAIN = "smartair_floor"
PLATFORMS = (Platform.BINARY_SENSOR, Platform.EVENT, Platform.SENSOR)
_PAUSE = 0.2

type FloorConfigEntry = ConfigEntry[Floor]
type Factory = Callable[[str, dict[str, Any]], list[FloorEntity]]


class FloorEntity(Entity):
    """An entity of a device."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    _attr_available = False

    def __init__(self, uid: str, info: dict[str, Any], key: str) -> None:
        """Belong to a device."""
        self.key = key
        self.shown: Any = None
        self.added = False
        self.online = False
        self.attributes: Mapping[str, Any] | None = None
        self._attr_unique_id = f"{uid}-{key}"
        self._attr_name = key.replace("_", " ").capitalize()
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, uid)},
            name=info["name"],
            model=info["model"],
            manufacturer=info["manufacturer"],
            sw_version=info["firmware_version"],
            hw_version=info["hardware_revision"],
        )

    @override
    async def async_added_to_hass(self) -> None:
        self.added = True

    def set_online(self, *, online: bool) -> None:
        """Write whether the device is there."""
        self.online = online
        self.attributes = None
        self._attr_available = online
        if self.added:
            self.async_write_ha_state()


class MetricEntity(FloorEntity):
    """An entity whose state is written with attributes that were prepared by its first write."""

    def show(self, value: Any) -> None:
        """Write a value that is another than the one before."""
        self.shown = value
        if self.attributes is not None:
            self.hass.states.async_set(self.entity_id, str(value), self.attributes)
            return
        self._attr_native_value = value
        if self.added:
            self.async_write_ha_state()
            if self.online:
                self.attributes = self.hass.states.get(self.entity_id).attributes  # type: ignore[union-attr]


@dataclass(slots=True)
class FloorDevice:
    """One device."""

    metrics: list[MetricEntity] = field(default_factory=list)
    others: list[FloorEntity] = field(default_factory=list)


class Floor:
    """One topic root."""

    def __init__(self, hass: HomeAssistant, entry: FloorConfigEntry) -> None:
        """Begin with no devices."""
        self.hass = hass
        self.devices: dict[str, FloorDevice] = {}
        self.known: dict[str, dict[str, Any]] = {}
        self.adders: dict[Platform, AddConfigEntryEntitiesCallback] = {}
        self.factories: dict[Platform, Factory] = {}
        self._store: Store[dict[str, Any]] = Store(hass, 1, DOMAIN)
        self._waiting: dict[str, dict[str, Any]] = {}
        self._online: set[str] = set()
        self._entry = entry

    async def async_load(self) -> None:
        """Bring back the devices that are known."""
        self.known = await self._store.async_load() or {}
        self._waiting = dict(self.known)

    async def async_listen(self) -> None:
        """Add the devices that are known, and listen."""
        self._add()
        self._entry.async_on_unload(await mqtt.async_subscribe(self.hass, "devices/#", self._receive, 1, None))

    @callback
    def _receive(self, message: mqtt.ReceiveMessage) -> None:
        _, uid, what = message.topic.split("/", 2)
        if what == "telemetry":
            device = self.devices.get(uid)
            if device is not None:
                content = orjson.loads(message.payload)
                for entity in device.metrics:
                    value = content.get(entity.key)
                    if value != entity.shown:
                        entity.show(value)
        elif what == "status":
            self._set_online(uid, online=message.payload == b"online")
        elif what == "info" and uid not in self.known:
            self.known[uid] = self._waiting[uid] = orjson.loads(message.payload)
            self._store.async_delay_save(lambda: self.known, 10)
            if len(self._waiting) == 1:
                self.hass.loop.call_later(_PAUSE, self._add)

    def _set_online(self, uid: str, *, online: bool) -> None:
        (self._online.add if online else self._online.discard)(uid)
        if device := self.devices.get(uid):
            for entity in (*device.metrics, *device.others):
                if entity.online != online:
                    entity.set_online(online=online)

    @callback
    def _add(self) -> None:
        waiting, self._waiting = self._waiting, {}
        added: dict[Platform, list[FloorEntity]] = {platform: [] for platform in PLATFORMS}
        for uid, info in waiting.items():
            device = self.devices[uid] = FloorDevice()
            for platform in PLATFORMS:
                made = self.factories[platform](uid, info)
                for entity in made:
                    if isinstance(entity, MetricEntity):
                        device.metrics.append(entity)
                    else:
                        device.others.append(entity)
                added[platform] += made
            if uid in self._online:
                self._set_online(uid, online=True)
        for platform, entities in added.items():
            self.adders[platform](entities)


async def async_setup_entry(hass: HomeAssistant, entry: FloorConfigEntry) -> bool:
    """Set up the devices that are known, then listen."""
    await mqtt.async_wait_for_mqtt_client(hass)
    floor = entry.runtime_data = Floor(hass, entry)
    await floor.async_load()
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    await floor.async_listen()
    return True
