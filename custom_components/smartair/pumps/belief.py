"""Which of the channels that a device speaks of are taken for pumps: those it had, and new ones that stand."""

from collections.abc import Callable, Iterable, Sequence

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr

from ..connection import Connection
from ..const import DOMAIN
from ..devices.device import SmartAirDevice
from ..issues import Issues
from ..pysmartair import Telemetry
from ..pysmartair.channels import MAX_PUMPS, PumpSpec

STANDS_S = 5.0
"""Seconds for which a new description must stand before its new channels are believed: what is garbled does not."""
_NAMED = 5


class Belief:
    """Judges new channels, of which no single message makes a pump, and a device's life no more than MAX_PUMPS."""

    def __init__(
        self, connection: Connection, issues: Issues, channels: Callable[[SmartAirDevice], Iterable[str]]
    ) -> None:
        """Believe nothing yet."""
        self._connection = connection
        self._issues = issues
        self._channels = channels
        # When each new channel of a description was first seen, and which were in the last report of a device.
        self._described: dict[str, dict[str, float]] = {}
        self._reported: dict[str, frozenset[str]] = {}
        self._crowded: set[str] = set()

    def judge(
        self,
        device: SmartAirDevice,
        specs: Sequence[PumpSpec],
        *,
        now: float,
        approved: bool = False,
        message: Telemetry | None = None,
    ) -> list[PumpSpec]:
        """Return which of the new pumps are to be had now; what its owner has just `approved` is believed at once."""
        if not specs:
            self._described.pop(device.uid, None)
            self._tell(device, [])
            return []
        had = self.had(device)
        new = [one for one in specs if one.channel not in had]
        room = max(0, MAX_PUMPS - len(had))
        self._tell(device, [one.channel for one in new[room:]])
        believed = [one for one in specs if one.channel in had]
        if not approved:
            described = device.snapshot.descriptor is not None and bool(device.snapshot.descriptor.channels)
            new = self._stand(device.uid, new, now) if described else self._repeated(device.uid, new, message)
        return [*believed, *new[:room]]

    def had(self, device: SmartAirDevice) -> set[str]:
        """Return the channels that a device ever had, as long as its owner has not deleted them."""
        channels = set(self._channels(device))
        if device.device_id is not None:
            registry = dr.async_get(self._connection.hass)
            prefix = f"{self._connection.namespace}{device.uid}:"
            for child in dr.async_entries_for_parent_device(registry, device.device_id):
                channels |= {
                    name.removeprefix(prefix)
                    for domain, name in child.identifiers
                    if domain == DOMAIN and name.startswith(prefix)
                }
        return channels

    def _stand(self, uid: str, new: Iterable[PumpSpec], now: float) -> list[PumpSpec]:
        """Return those whose description has stood for a while."""
        before = self._described.get(uid, {})
        self._described[uid] = since = {one.channel: before.get(one.channel, now) for one in new}
        stood = [one for one in new if now - since[one.channel] >= STANDS_S]
        if len(stood) == len(since):
            del self._described[uid]
        return stood

    def _repeated(self, uid: str, new: Iterable[PumpSpec], message: Telemetry | None) -> list[PumpSpec]:
        """Return those that two reports in a row speak of."""
        if message is None:
            return []
        before = self._reported.get(uid, frozenset())
        self._reported[uid] = frozenset(message.channels)
        return [one for one in new if one.channel in before and one.channel in message.channels]

    def due(self, now: float) -> list[str]:
        """Return the devices whose descriptions have stood for long enough."""
        return [uid for uid, since in self._described.items() if since and now - min(since.values()) >= STANDS_S]

    def _tell(self, device: SmartAirDevice, crowded: Sequence[str]) -> None:
        if crowded:
            self._crowded.add(device.uid)
            more = ", …" if len(crowded) > _NAMED else ""
            self._issues.async_create(
                "too_many_pumps", device.uid, most=str(MAX_PUMPS), channels=", ".join(crowded[:_NAMED]) + more
            )
        elif device.uid in self._crowded:
            self._crowded.discard(device.uid)
            self._issues.async_delete("too_many_pumps", device.uid)

    @callback
    def async_forget(self, uid: str) -> None:
        """Keep nothing of a device that is gone."""
        self._described.pop(uid, None)
        self._reported.pop(uid, None)
        self._crowded.discard(uid)
