"""The contacts of a zone: leak detectors and float switches, as any binary sensor of the house."""

from functools import partial
import time
from typing import Protocol

from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers.event import async_track_state_change_event

from ..alerts.log import AlertLog
from ..connection import Connection
from ..pumps.pump import Pump
from ..pysmartair import Code
from ..pysmartair.freshness import FRESH_S
from ..pysmartair.guard.model import Running, Starting, Stopping, Touched
from ..pysmartair.hearing import begin, hear, lose, renew, wait
from ..pysmartair.safety import Contact, Role
from .settings import CONF_FLOAT, CONF_LEAK, CONTACTS, ZoneSettings


class ContactSource:
    """A contact, which says nothing while nothing changes: only its owner tells that it is lost."""

    def __init__(self, hass: HomeAssistant, entity_id: str, *, inverted: bool) -> None:
        """Look at it."""
        self.entity_id = entity_id
        self.inverted = inverted
        self.hearing = begin(time.monotonic())
        self._said = Contact.UNKNOWN
        self.take(hass.states.get(entity_id))

    @callback
    def take(self, state: State | None) -> None:
        """Take in what it says."""
        now = time.monotonic()
        if state is None or state.state not in {STATE_ON, STATE_OFF}:
            lost = self.hearing.lost_at is not None
            self.hearing = renew(self.hearing, now) if lost and state is not None else lose(self.hearing, now)
            return
        self.hearing = hear(self.hearing, now, equal=False)
        self._said = Contact.ON if (state.state == STATE_ON) is not self.inverted else Contact.OFF

    def now(self) -> Contact:
        """Return what it says now."""
        return self._said if self.hearing.lost_at is None else Contact.UNKNOWN

    def within(self, term: float) -> Contact:
        """Return what it has said within a term."""
        age = self.hearing.age(time.monotonic(), term)
        return Contact.UNKNOWN if age is None or age > term else self._said

    def waits(self, term: float, *, starting: bool) -> bool:
        """Tell whether it has yet to speak since a start, and still has its term for that (S6)."""
        if self.hearing.heard_at is not None and not self.hearing.renewed:
            return False
        now = time.monotonic()
        if starting:
            self.hearing = wait(self.hearing, now)
        return now < self.hearing.due(term)


class Owner(Protocol):
    """What contacts need of their zone."""

    connection: Connection
    alerts: AlertLog
    settings: ZoneSettings
    pumps: dict[Role, Pump]
    zone_id: str

    def async_tick(self) -> None:
        """Look at the zone again."""


class Contacts:
    """The contacts of one zone."""

    def __init__(self, zone: Owner) -> None:
        """Begin with none."""
        self.zone = zone
        self.sources: dict[str, ContactSource] = {}
        self._ends: list[CALLBACK_TYPE] = []

    @callback
    def async_bind(self, entity_ids: dict[str, str]) -> None:
        """Listen to the contacts as they are named now; one that has not changed its name goes on as it was."""
        before = self.sources
        self.async_end()
        hass, settings = self.zone.connection.hass, self.zone.settings
        for what, entity_id in entity_ids.items():
            inverted = what in settings.inverted_contacts
            source = before.get(what)
            if source is None or (source.entity_id, source.inverted) != (entity_id, inverted):
                source = ContactSource(hass, entity_id, inverted=inverted)
            self.sources[what] = source
            changed = partial(self._changed, source)
            self._ends.append(async_track_state_change_event(hass, entity_id, changed))
        self.async_lend()

    @callback
    def async_end(self) -> None:
        """Listen no longer, and lend nothing."""
        for end in self._ends:
            end()
        self._ends.clear()
        self.sources = {}
        for pump in self.zone.pumps.values():
            self._touch(pump, Touched())

    @callback
    def async_lend(self) -> None:
        """Tell the pumps what the contacts say, and people of a leak."""
        for pump in self.zone.pumps.values():
            said = {what: self._for(pump, what) for what in CONTACTS}
            self._touch(pump, Touched(float_switch=said[CONF_FLOAT], leak=said[CONF_LEAK]))
        leak = self.sources.get(CONF_LEAK)
        if leak is not None and leak.now() is Contact.ON:
            self.zone.alerts.async_raise(Code.LEAK, zone=self.zone.zone_id, cause="leak")
        elif leak is None or leak.now() is Contact.OFF:
            self.zone.alerts.async_resolve(Code.LEAK, zone=self.zone.zone_id)

    @staticmethod
    def _touch(pump: Pump, event: Touched) -> None:
        readings = pump.guard.readings
        if (readings.float_switch, readings.leak) != (event.float_switch, event.leak):
            pump.async_take(event)

    def _for(self, pump: Pump, what: str) -> Contact:
        """Return what a contact is for a pump: a start needs it now, and what runs bridges a short loss."""
        source = self.sources.get(what)
        if source is None:
            # One that was chosen and is gone says nothing that could be believed.
            return Contact.UNKNOWN if what in self.zone.settings.sensors else Contact.ABSENT
        term = self.zone.settings.stale_after
        if pump.limits.circulates:
            said = source.within(term)
            waits = said is Contact.UNKNOWN and source.waits(term, starting=not self.zone.connection.hass.is_running)
            return Contact.ABSENT if waits else said
        moves = isinstance(pump.state, Starting | Running | Stopping)
        return source.within(min(term, FRESH_S)) if moves else source.now()

    @callback
    def _changed(self, source: ContactSource, event: Event[EventStateChangedData]) -> None:
        source.take(event.data["new_state"])
        self.async_lend()
        self.zone.async_tick()
