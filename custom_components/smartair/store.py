"""What survives a restart: the approved devices, what they are, and what the owner wants of them."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import time
import json
import logging
from pathlib import Path
from typing import Any, Self

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .careful_store import CarefulStore
from .const import DOMAIN
from .pysmartair import (
    CATALOGUE,
    Channel,
    ConfigState,
    ConfigValue,
    Descriptor,
    ParseError,
    Snapshot,
    config_values,
    parse,
    topic_for,
    unparse_descriptor,
    valid_uid,
)

_LOGGER = logging.getLogger(__name__)

STORAGE_VERSION = 1
CONCERNS = ("alerts", "firmware", "pumps", "readings", "usage", "zones")
"""What has a file of its own beside the devices: a lock must not wait for a thousand descriptors to be written."""
# What devices say of themselves may be written late: after a crash they say it again.
_SAVE_DELAY = 10
_DELETED_AT_MOST = 20
# Any root will do to have a payload parsed that was parsed before under another.
_ROOT = "stored"


@dataclass(frozen=True, slots=True)
class Night:
    """When night begins and ends, kept while night mode is off, when a device knows no hours."""

    start: time = time(22)
    end: time = time(7)

    def as_setting(self) -> dict[str, str]:
        """Return the night as a setting."""
        return {"start": self.start.strftime("%H:%M"), "end": self.end.strftime("%H:%M")}

    @classmethod
    def from_setting(cls, value: ConfigValue) -> Self | None:
        """Return the night of a setting that was parsed, or None where night mode is off or unknown."""
        if not isinstance(value, dict):
            return None
        return cls(time.fromisoformat(value["start"]), time.fromisoformat(value["end"]))


@dataclass(slots=True)
class DeviceRecord:
    """What is kept of one approved device."""

    uid: str
    metrics: list[str] = field(default_factory=list)
    descriptor: Descriptor | None = None
    applied: ConfigState | None = None
    firmware_version: str | None = None
    device_type: str | None = None
    desired: dict[str, ConfigValue] = field(default_factory=dict)
    revision: int = 0
    night: Night = field(default_factory=Night)
    own_threshold: float | None = None
    """The device's own CO₂ threshold, while that of an alert limit stands in its place."""

    def snapshot(self) -> Snapshot:
        """Return what is known of the device before it has said anything."""
        return Snapshot(
            uid=self.uid,
            metrics=frozenset(self.metrics),
            descriptor=self.descriptor,
            applied=self.applied,
            firmware_version=self.firmware_version,
            hinted_type=self.device_type,
        )

    def learn(self, snapshot: Snapshot) -> None:
        """Take over from a snapshot what is worth keeping."""
        self.metrics = sorted(snapshot.metrics)
        self.descriptor = snapshot.descriptor
        self.applied = snapshot.applied
        self.firmware_version = snapshot.firmware_version
        self.device_type = snapshot.hinted_type
        if self.applied and (night := Night.from_setting(self.applied.config.get("night_mode"))):
            self.night = night

    def as_dict(self) -> dict[str, Any]:
        """Return the record as it is stored."""
        return {
            "metrics": self.metrics,
            "info": unparse_descriptor(self.descriptor) if self.descriptor else None,
            "config_state": {
                "revision": self.applied.revision,
                "applied": self.applied.applied,
                "config": dict(self.applied.config),
                "rejected": dict(self.applied.rejected),
            }
            if self.applied
            else None,
            "firmware_version": self.firmware_version,
            "device_type": self.device_type,
            "desired": self.desired,
            "revision": self.revision,
            "night": self.night.as_setting(),
            **({} if self.own_threshold is None else {"own_threshold": self.own_threshold}),
        }

    @classmethod
    def from_dict(cls, uid: str, data: Mapping[str, Any]) -> Self:
        """Return a stored record, judged by the parser that judges devices; raise ValueError if it is broken."""
        if not valid_uid(uid):
            raise ValueError(f"not a device uid: {uid!r}")
        descriptor = _reparse(uid, Channel.INFO, data.get("info"))
        applied = _reparse(uid, Channel.CONFIG_STATE, data.get("config_state"))
        night = config_values({"night_mode": data.get("night")}).get("night_mode")
        return cls(
            uid=uid,
            metrics=[name for name in data.get("metrics", ()) if name in CATALOGUE],
            descriptor=descriptor if isinstance(descriptor, Descriptor) else None,
            applied=applied if isinstance(applied, ConfigState) else None,
            firmware_version=data.get("firmware_version"),
            device_type=data.get("device_type"),
            desired=config_values(data.get("desired", {})),
            revision=int(data.get("revision", 0)),
            night=Night.from_setting(night) or Night(),
            own_threshold=None if data.get("own_threshold") is None else float(data["own_threshold"]),
        )


def _reparse(uid: str, channel: Channel, content: Mapping[str, Any] | None) -> object:
    return parse(_ROOT, topic_for(_ROOT, uid, channel), json.dumps(content)) if content else None


def concern_store(hass: HomeAssistant, entry_id: str, concern: str) -> CarefulStore:
    """Return the file of one of the CONCERNS of a hub, which goes when the hub does."""
    return CarefulStore(hass, STORAGE_VERSION, f"{DOMAIN}.{entry_id}.{concern}")


class SharedSave:
    """A file that many may ask to be written at once, which is then done once."""

    def __init__(self, store: Store[dict[str, Any]], data: Callable[[], dict[str, Any]]) -> None:
        """Name the file and what goes into it."""
        self._store = store
        self._data = data
        self._turn = asyncio.Lock()
        self._asked = 0
        self._written = 0
        self._soon = False

    async def async_load(self) -> dict[str, Any]:
        """Return what was written, or nothing."""
        # Pairing and tokens lie in these files, which earlier versions let everybody read.
        await self._store.hass.async_add_executor_job(_make_private, Path(self._store.path))
        data = await self._store.async_load()
        return data if isinstance(data, dict) else {}

    async def async_save(self) -> None:
        """Return once everything up to now is written."""
        self._asked += 1
        await self.async_written()

    async def async_written(self) -> None:
        """Return once everything is written that was asked for."""
        mine = self._asked
        async with self._turn:
            if self._written < mine:
                covered = self._asked
                await self._store.async_save(self._collect())
                self._written = covered

    @callback
    def async_save_soon(self, delay: float) -> None:
        """Write after some seconds; who asks again meanwhile does not put it off, for some fleets are never quiet."""
        if not self._soon:
            self._soon = True
            self._store.async_delay_save(self._collect, delay)

    async def async_remove(self) -> None:
        """Delete the file."""
        await self._store.async_remove()

    def _collect(self) -> dict[str, Any]:
        self._soon = False
        return self._data()


def _make_private(path: Path) -> None:
    with suppress(OSError):
        path.chmod(0o600)


class HubStore:
    """The stored devices of one hub."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file; nothing is read yet."""
        self._concerns = [concern_store(hass, entry_id, concern) for concern in CONCERNS]
        store = CarefulStore(hass, STORAGE_VERSION, f"{DOMAIN}.{entry_id}")
        self._file = SharedSave(store, self._data)
        self.devices: dict[str, DeviceRecord] = {}
        # Deleted while they were online: such a device does not say again what it is until it connects again.
        self.deleted: dict[str, DeviceRecord] = {}

    async def async_load(self) -> None:
        """Read the file; a device whose record is broken is left out, and the others stay."""
        data = await self._file.async_load()
        self.devices.update(_read_records(data.get("devices")))
        self.deleted.update(_read_records(data.get("deleted")))

    def keep_deleted(self, record: DeviceRecord) -> None:
        """Keep what a deleted device is, for when it is added again; only of the last few."""
        self.deleted.pop(record.uid, None)
        self.deleted[record.uid] = record
        while len(self.deleted) > _DELETED_AT_MOST:
            del self.deleted[next(iter(self.deleted))]

    @callback
    def async_save_soon(self) -> None:
        """Write within seconds; for what the devices would say again after a crash."""
        self._file.async_save_soon(_SAVE_DELAY)

    async def async_save_now(self) -> None:
        """Write before going on; for what only the owner can say again."""
        await self._file.async_save()

    async def async_remove(self) -> None:
        """Delete the file, and those of every concern."""
        await self._file.async_remove()
        for store in self._concerns:
            await store.async_remove()

    def _data(self) -> dict[str, Any]:
        data = {"devices": {uid: record.as_dict() for uid, record in self.devices.items()}}
        if self.deleted:
            data["deleted"] = {uid: record.as_dict() for uid, record in self.deleted.items()}
        return data


def _read_records(stored: object) -> dict[str, DeviceRecord]:
    records: dict[str, DeviceRecord] = {}
    for uid, record in stored.items() if isinstance(stored, dict) else ():
        try:
            records[uid] = DeviceRecord.from_dict(uid, record)
        except (ParseError, ValueError, TypeError, AttributeError) as err:
            _LOGGER.warning("The stored record of device %s cannot be read and is left out: %s", uid, err)
    return records
