"""The word for the air: a sensor of each device that measures some of it, and one of each room."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from functools import partial
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.core import CALLBACK_TYPE, Event, callback
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from ..alerts.limits import AIR
from ..devices.device import SmartAirDevice
from ..devices.entity import SmartAirEntity, SmartAirEntityDescription, async_setup_entities
from ..hub import SmartAirConfigEntry, SmartAirHub, hub_of
from ..pysmartair import KEY_CONFIG
from ..pysmartair.air.word import UNKNOWN, Verdict, Word, Words, room, verdict, words
from .ventilation import is_at_home, ventilation_of


@dataclass(frozen=True, kw_only=True)
class AirDescription(SensorEntityDescription, SmartAirEntityDescription):
    """Describes the word for the air of a device."""


_ANY_TIME = time(12)
_NOTHING: Mapping[str, float] = {}
_WORDS = [str(word) for word in Word]
DEVICE_AIR = AirDescription(
    key="air",
    translation_key="air",
    device_class=SensorDeviceClass.ENUM,
    options=_WORDS,
    listens_to=(*sorted(AIR), KEY_CONFIG),
)
ROOM_AIR = SensorEntityDescription(
    key="room_air", translation_key="room_air", device_class=SensorDeviceClass.ENUM, options=_WORDS
)


def async_setup_air(entry: SmartAirConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback) -> None:
    """Add the sensors of devices, and those of the rooms that the devices are in."""
    rooms = Rooms(entry.runtime_data, async_add_entities)
    rooms.async_clear()
    entry.async_on_unload(rooms.async_start())
    async_setup_entities(entry, async_add_entities, partial(_air_of, rooms))
    async_setup_entities(entry, async_add_entities, ventilation_of)


def _air_of(rooms: Rooms, device: SmartAirDevice) -> list[SmartAirEntity]:
    return [AirSensor(rooms, device)] if AIR & device.snapshot.metrics else []


def _attributes(shown: Verdict) -> Mapping[str, Any]:
    return {"cause": shown.cause, "help": shown.help and str(shown.help)}


class AirSensor(SmartAirEntity, SensorEntity):
    """The word for the air of a device."""

    entity_description: AirDescription
    verdict: Verdict = UNKNOWN

    @property
    @override
    def entity_registry_enabled_default(self) -> bool:
        """Whether the house is one in which somebody looks at each device."""
        return is_at_home(self.device)

    def __init__(self, rooms: Rooms, device: SmartAirDevice) -> None:
        """Belong to a device and to the room that it is in."""
        self._rooms = rooms
        self._words: Words = {}
        super().__init__(device, DEVICE_AIR)

    @override
    async def async_added_to_hass(self) -> None:
        """Count for the room from now on."""
        await super().async_added_to_hass()
        self._rooms.async_join(self)

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Count for no room any more."""
        self._rooms.async_leave(self)

    @callback
    @override
    def _async_changed(self) -> None:
        """Write only another word: nearly every report leaves it as it was."""
        before, there = self.verdict, self._there
        self.async_refresh()
        if self.verdict != before or self.device.available != there:
            self._there = self.device.available
            self.async_write_ha_state()
            self._rooms.async_changed(self)

    _there = False

    @override
    def async_refresh(self) -> None:
        """Find the word for what is measured now."""
        device = self.device
        limits = hub_of(device).limits.air(device)
        values = device.snapshot.values if device.available else _NOTHING
        # Few limits are others at night, and to ask for the time of day costs more than all the rest.
        now = dt_util.now().time() if any(limit.nightly for limit in limits) else _ANY_TIME
        self._words = words(self._words, limits, values, now)
        self.verdict = verdict(self._words, limits)

    @property
    @override
    def native_value(self) -> str | None:
        """The word, or None where it is not known."""
        return self.verdict.word

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """What it is for, and what helps."""
        return _attributes(self.verdict)


class RoomAirSensor(SensorEntity):
    """The word for the air of a room: that of its worst device."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    entity_description = ROOM_AIR

    def __init__(self, hub: SmartAirHub, area: ar.AreaEntry, sensors: Callable[[], list[AirSensor]]) -> None:
        """Belong to the hub, and stand in the room."""
        self.area_id = area.id
        self._sensors = sensors
        self._attr_unique_id = f"{hub.unique_prefix}air/{area.id}"
        self._attr_translation_placeholders = {"area": area.name}
        self.device_entry = hub.registered
        self.async_refresh()

    @override
    async def async_added_to_hass(self) -> None:
        """Stand in the room, unless the owner has put the sensor somewhere."""
        if self.registry_entry is not None and self.registry_entry.area_id is None:
            er.async_get(self.hass).async_update_entity(self.entity_id, area_id=self.area_id)

    @callback
    def async_refresh(self) -> None:
        """Take over the worst word of the room's devices."""
        found = room(sensor.verdict for sensor in self._sensors())
        self._attr_native_value = found.word
        self._attr_extra_state_attributes = dict(_attributes(found))

    @callback
    def async_tell(self) -> None:
        """Write the word if it is another one."""
        before = (self._attr_native_value, self._attr_extra_state_attributes)
        self.async_refresh()
        if before != (self._attr_native_value, self._attr_extra_state_attributes) and self.hass is not None:
            self.async_write_ha_state()


class Rooms:
    """Which devices are in which room, and the sensor of each room."""

    def __init__(self, hub: SmartAirHub, async_add_entities: AddConfigEntryEntitiesCallback) -> None:
        """Know no room yet."""
        self._hub = hub
        self._add = async_add_entities
        self._where: dict[AirSensor, str | None] = {}
        self._rooms: dict[str, RoomAirSensor] = {}

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Follow devices that are moved to another room; return how to end that."""
        return self._hub.hass.bus.async_listen(
            dr.EVENT_DEVICE_REGISTRY_UPDATED, self._async_moved, event_filter=self._moves
        )

    @callback
    def async_join(self, sensor: AirSensor) -> None:
        """Take in the sensor of a device."""
        self._where[sensor] = None
        self._place(sensor)

    @callback
    def async_leave(self, sensor: AirSensor) -> None:
        """Forget the sensor of a device."""
        area = self._where.pop(sensor, None)
        # What is only unloaded comes back, and its room with it.
        if sensor.device.uid not in self._hub.devices:
            self._look(area)

    @callback
    def async_changed(self, sensor: AirSensor) -> None:
        """Tell the room of a sensor that has another word."""
        self._look(self._where.get(sensor))

    @callback
    def _moves(self, data: Mapping[str, Any]) -> bool:
        return data["action"] == "update" and "area_id" in data.get("changes", ())

    @callback
    def _async_moved(self, event: Event[Any]) -> None:
        for sensor in list(self._where):
            if sensor.device.device_id == event.data["device_id"]:
                self._place(sensor)

    def _place(self, sensor: AirSensor) -> None:
        device_id = sensor.device.device_id
        entry = dr.async_get(self._hub.hass).async_get(device_id) if device_id else None
        before, area = self._where[sensor], entry.area_id if entry else None
        self._where[sensor] = area
        self._look(area)
        if before != area:
            self._look(before)

    def _sensors(self, area_id: str) -> list[AirSensor]:
        return [sensor for sensor, where in self._where.items() if where == area_id]

    def _look(self, area_id: str | None) -> None:
        """Have a sensor for the room while something in it measures the air."""
        if area_id is None:
            return
        found, there = self._rooms.get(area_id), bool(self._sensors(area_id))
        if found is not None and there:
            found.async_tell()
        elif found is not None and found.registry_entry is not None:
            del self._rooms[area_id]
            er.async_get(self._hub.hass).async_remove(found.entity_id)
        elif there and (area := ar.async_get(self._hub.hass).async_get_area(area_id)) is not None:
            sensor = self._rooms[area_id] = RoomAirSensor(self._hub, area, partial(self._sensors, area_id))
            self._add([sensor])

    @callback
    def async_clear(self) -> None:
        """Remove the sensors of rooms that are gone since."""
        registry, areas = er.async_get(self._hub.hass), ar.async_get(self._hub.hass)
        prefix = f"{self._hub.unique_prefix}air/"
        for entity in er.async_entries_for_config_entry(registry, self._hub.entry.entry_id):
            room_id = entity.unique_id.removeprefix(prefix)
            if room_id != entity.unique_id and areas.async_get_area(room_id) is None:
                registry.async_remove(entity.entity_id)
