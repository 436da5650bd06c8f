"""What the caller of an action may do, where Home Assistant does not check it: it does so for entities alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.const import Platform
from homeassistant.core import ServiceCall
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er

from ..devices.device import SmartAirDevice
from ..hub import SmartAirHub
from ..pumps.pump import Pump
from ..pysmartair import Alert
from .target import devices_of_alert

# What only shows something is in nobody's control.
_SHOW_ONLY = frozenset({Platform.BINARY_SENSOR, Platform.EVENT, Platform.SENSOR})


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of whoever called an action; an automation has no user and may do everything."""

    call: ServiceCall
    user: User | None

    @classmethod
    async def async_of(cls, call: ServiceCall) -> Self:
        """Return the rights of the caller; raise UnknownUser where the user does not exist."""
        if call.context.user_id is None:
            return cls(call, None)
        user = await call.hass.auth.async_get_user(call.context.user_id)
        if user is None:
            raise UnknownUser(context=call.context)
        return cls(call, user)

    # --- control --------------------------------------------------------------------------------

    def check_device(self, device: SmartAirDevice) -> None:
        """Raise Unauthorized where the caller may not control all that a device offers to be controlled.

        A command to the device may do what none of its entities does, so one of them is not enough.
        """
        if not self._all(POLICY_CONTROL) and not self._controls(device.device_id):
            raise Unauthorized(context=self.call.context, permission=POLICY_CONTROL)

    def check_pump(self, pump: Pump) -> None:
        """Raise Unauthorized where the caller may not control a pump's switch."""
        if not self.controls_pump(pump):
            raise Unauthorized(context=self.call.context, entity_id=pump.entity_id, permission=POLICY_CONTROL)

    def controls_pump(self, pump: Pump) -> bool:
        """Tell whether the caller may control a pump's switch."""
        return self._all(POLICY_CONTROL) or (pump.entity_id is not None and self._one(pump.entity_id, POLICY_CONTROL))

    def check_stop(self) -> None:
        """Raise Unauthorized where the caller may control nothing at all; whoever may, can stop every pump (S1)."""
        registry = er.async_get(self.call.hass)
        if not self._all(POLICY_CONTROL) and not any(self._one(one, POLICY_CONTROL) for one in registry.entities):
            raise Unauthorized(context=self.call.context, permission=POLICY_CONTROL)

    def check_alert(self, hub: SmartAirHub, alert: Alert) -> None:
        """Raise Unauthorized where the caller may not control what an alert is about."""
        if not self._all(POLICY_CONTROL) and not any(self._controls(one) for one in _about(hub, alert)):
            raise Unauthorized(context=self.call.context, permission=POLICY_CONTROL)

    def _controls(self, device_id: str | None) -> bool:
        entities = self._entities(device_id)
        able = [one for one in entities if one.partition(".")[0] not in _SHOW_ONLY] or entities
        return bool(able) and all(self._one(one, POLICY_CONTROL) for one in able)

    # --- reading --------------------------------------------------------------------------------

    def reads_alert(self, hub: SmartAirHub, alert: Alert) -> bool:
        """Tell whether the caller may read something of what an alert is about."""
        return self._all(POLICY_READ) or self._reads(_about(hub, alert))

    def reads_water(self, hub: SmartAirHub, *, uid: str | None, channel: str, zone: str | None) -> bool:
        """Tell whether the caller may read something of the pump, or of the zone, that moved water."""
        if self._all(POLICY_READ):
            return True
        pump = hub.pumps.get((uid or "", channel))
        found = hub.zones.get(zone or "")
        node = hub.devices.get(uid or "")
        ids = {one.device_id for one in (pump, found, node) if one is not None}
        # A switch of another integration is a pump by its own name.
        return self._reads(ids) or (uid is None and self._one(channel, POLICY_READ))

    def _reads(self, device_ids: Iterable[str | None]) -> bool:
        return any(self._one(one, POLICY_READ) for device in device_ids for one in self._entities(device))

    # --- what both are made of ------------------------------------------------------------------

    def _all(self, policy: str) -> bool:
        user = self.user
        return user is None or user.is_admin or user.permissions.access_all_entities(policy)

    def _one(self, entity_id: str, policy: str) -> bool:
        return self.user is None or self.user.permissions.check_entity(entity_id, policy)

    def _entities(self, device_id: str | None) -> list[str]:
        if device_id is None:
            return []
        registry = er.async_get(self.call.hass)
        found = er.async_entries_for_device(registry, device_id, include_disabled_entities=True)
        return [entry.entity_id for entry in found]


def _about(hub: SmartAirHub, alert: Alert) -> set[str | None]:
    """Return the devices that an alert is about: the hub only where it is about nothing else."""
    others = devices_of_alert(hub, alert) - {hub.device_id or ""}
    return {*others} or {hub.device_id}
