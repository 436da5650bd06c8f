"""The gate before the house: devices that were heard but that nobody has approved yet."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from hashlib import sha256
import hmac
import time
from typing import Any

from homeassistant.config_entries import SOURCE_IGNORE, SOURCE_INTEGRATION_DISCOVERY
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import discovery_flow, issue_registry as ir
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.start import async_at_started

from ..connection import Connection
from ..const import ADD_AUTOMATIC, CONF_ADD_NEW_DEVICES, DOMAIN
from ..pysmartair import (
    Buffered,
    Descriptor,
    Message,
    Pairing,
    Snapshot,
    Status,
    Telemetry,
    fold,
    without_markup,
)
from ..store import HubStore

MAX_CARDS = 20
# A flood of invented uids may push out other candidates, which come back with their next word, but not fill memory.
MAX_CANDIDATES = 5_000
MAX_BYTES = 8 * 1024 * 1024
"""What their messages may come to: a description is 2 kB, and of what is invented each may be 64."""
FORGET_NAME = 86_400
FORGET_DEVICE = 7 * 86_400
"""Seconds of silence after which a mere name, or a device, waits no longer; with its next word it is back."""
MAX_TRIES = 5
TRIES_PAUSE = 300
_LOOK_AGAIN = timedelta(seconds=30)
_BATCH = 0.2
# To look through thousands takes longer, and a person does not see the difference.
_MANY, _BATCH_OF_MANY = 500, 1.0


@dataclass(slots=True)
class Candidate:
    """A device that waits for approval.

    What it says is taken as retained messages are: it tells what the device is and which metrics it has, while of
    its measurements none counts. Only its last live one is kept, to be shown with the approval.
    """

    uid: str
    known: Snapshot
    words: int = 0
    size: int = 0
    heard: float = 0
    tries: list[float] = field(default_factory=list)
    last: tuple[Telemetry, float] | None = None

    @property
    def descriptor(self) -> Descriptor | None:
        """What the device says that it is."""
        return self.known.descriptor

    @property
    def worth_a_card(self) -> bool:
        """Whether it is no mere name: it has described itself, or spoken twice."""
        return self.known.descriptor is not None or self.words > 1

    @property
    def name(self) -> str:
        """The name that the device gives itself, or its uid."""
        return without_markup((self.descriptor and self.descriptor.name) or self.uid)

    @property
    def pairing(self) -> Pairing | None:
        """What a code is checked against, where the device asks for one."""
        return self.descriptor.pairing if self.descriptor else None


type Approve = Callable[[Iterable[str]], Coroutine[Any, Any, None]]


class Approval:
    """The devices that wait, their cards, and the codes that people try."""

    def __init__(self, connection: Connection, store: HubStore, approve: Approve) -> None:
        """Begin with nobody waiting."""
        self._connection = connection
        self._store = store
        self._approve = approve
        self._hass = connection.hass
        self.candidates: dict[str, Candidate] = {}
        # Those among them that are not worth a card yet, the oldest first.
        self._names: dict[str, None] = {}
        self._bytes = 0
        self._offer: asyncio.TimerHandle | None = None
        self._ends: list[CALLBACK_TYPE] = []
        self._started = False

    @property
    def automatic(self) -> bool:
        """Whether the owner lets every device in."""
        return self._connection.entry.options.get(CONF_ADD_NEW_DEVICES) == ADD_AUTOMATIC

    @callback
    def async_start(self) -> None:
        """Look from time to time whether a place among the cards has become free."""
        self._ends = [
            async_track_time_interval(self._hass, self._async_look_again, _LOOK_AGAIN),
            # Home Assistant holds cards back until it has started; offered before, they could not be counted.
            async_at_started(self._hass, self._async_started),
        ]

    @callback
    def _async_started(self, _hass: HomeAssistant) -> None:
        self._started = True
        self._schedule_offer()

    @callback
    def async_stop(self) -> None:
        """Withdraw every card."""
        for end in self._ends:
            end()
        if self._offer is not None:
            self._offer.cancel()
        self._started = False
        for uid in self.candidates:
            self._withdraw_card(uid)
        self.candidates.clear()
        self._names.clear()
        self._bytes = 0
        ir.async_delete_issue(self._hass, DOMAIN, self._issue_id)

    # --- who waits ------------------------------------------------------------------------------

    @callback
    def async_consider(self, message: Message, *, now: float, size: int, retained: bool) -> None:
        """Note that an unknown device spoke: it waits for approval once it has said something sensible."""
        if isinstance(message, Status) and not message.online and not message.asleep:
            # It says what it is again when it comes back.
            self._store.deleted.pop(message.uid, None)
        candidate = self.candidates.get(message.uid)
        if candidate is None:
            if not _introduces(message):
                return
            candidate = self._add(message.uid)
        worth = candidate.worth_a_card
        candidate.words += 1
        candidate.heard = now
        if size > candidate.size:
            self._bytes += size - candidate.size
            candidate.size = size
            self._make_room(candidate)
        candidate.known, _ = fold(candidate.known, message, now=now, retained=True)
        if isinstance(message, Telemetry) and not retained:
            candidate.last = message, now
        if candidate.worth_a_card is not worth:
            self._names.pop(message.uid, None)
            self._schedule_offer()

    def _add(self, uid: str) -> Candidate:
        if len(self.candidates) >= MAX_CANDIDATES:
            self._forget(self._least())
        deleted = self._store.deleted.get(uid)
        known = Snapshot(uid=uid) if deleted is None else deleted.snapshot()
        candidate = self.candidates[uid] = Candidate(uid, known)
        self._names[uid] = None
        self._schedule_offer()
        return candidate

    def _least(self, kept: Candidate | None = None) -> str:
        """Return who gives way to others: the oldest mere name, or else the oldest of all."""
        spared = kept.uid if kept is not None else None
        return next(uid for among in (self._names, self.candidates) for uid in among if uid != spared)

    def _make_room(self, kept: Candidate) -> None:
        while self._bytes > MAX_BYTES and len(self.candidates) > 1:
            self._forget(self._least(kept))

    def _forget(self, uid: str) -> None:
        self._withdraw_card(uid)
        self._names.pop(uid, None)
        self._bytes -= self.candidates.pop(uid).size

    @callback
    def async_release(self, uid: str, flow_id: str | None = None) -> Candidate | None:
        """Let a device go from among those who wait, and its card with it unless that is this very flow."""
        self._withdraw_card(uid, flow_id)
        self._schedule_offer()
        candidate = self.candidates.pop(uid, None)
        if candidate is not None:
            self._names.pop(uid, None)
            self._bytes -= candidate.size
        return candidate

    # --- cards ----------------------------------------------------------------------------------

    def _schedule_offer(self) -> None:
        """Offer after a moment, so that a device whose messages come in a burst is shown as what it is."""
        if self._offer is None and self._started:
            pause = _BATCH if len(self.candidates) < _MANY else _BATCH_OF_MANY
            self._offer = self._hass.loop.call_later(pause, self._async_offer)

    @callback
    def async_reconsider(self) -> None:
        """Look again who may come in, after the owner has changed the options."""
        if self.candidates:
            self._schedule_offer()

    @callback
    def _async_look_again(self, _now: datetime) -> None:
        now = time.time()
        for uid, one in list(self.candidates.items()):
            if now - one.heard > (FORGET_DEVICE if one.worth_a_card else FORGET_NAME):
                self._forget(uid)
        self.async_reconsider()

    @callback
    def _async_offer(self) -> None:
        """Show cards for those who wait, as long as there is room, and say in one repair how many more there are."""
        self._offer = None
        wanted = self.waiting()
        if self.automatic:
            self._report_waiting(0)
            if wanted:
                self._connection.async_create_task(self._approve([one.uid for one in wanted]), "approve devices")
            return
        shown = self._shown()
        devices = [one for one in wanted if one.worth_a_card]
        # A name that was heard once may be a slip, or made up: it has a card as long as no device needs the place.
        names = [one for one in wanted if not one.worth_a_card]
        waiting = sum(not self._offer_card(one, shown, names) for one in devices)
        for one in names:
            if len(shown) >= MAX_CARDS:
                break
            self._offer_card(one, shown, ())
        self._report_waiting(waiting)

    def _offer_card(self, candidate: Candidate, shown: set[str], names: Iterable[Candidate]) -> bool:
        """Show a card, in the place of a mere name if there is no other; return whether there is one now."""
        unique_id = self._unique_id(candidate.uid)
        if unique_id in shown:
            return True
        if len(shown) >= MAX_CARDS:
            least = next((one for one in names if self._unique_id(one.uid) in shown), None)
            if least is None:
                return False
            self._withdraw_card(least.uid)
            shown.discard(self._unique_id(least.uid))
        shown.add(unique_id)
        self._show_card(candidate)
        return True

    def waiting(self) -> list[Candidate]:
        """Return who waits and was not ignored: that stands until the owner takes it back."""
        ignored = self._ignored()
        return [one for uid, one in self.candidates.items() if self._unique_id(uid) not in ignored]

    def _show_card(self, candidate: Candidate) -> None:
        discovery_flow.async_create_flow(
            self._hass,
            DOMAIN,
            {"source": SOURCE_INTEGRATION_DISCOVERY},
            {"entry_id": self._connection.entry.entry_id, "uid": candidate.uid},
            discovery_key=discovery_flow.DiscoveryKey(domain=DOMAIN, key=self._unique_id(candidate.uid), version=1),
        )

    def _unique_id(self, uid: str) -> str:
        return f"{self._connection.namespace}{uid}"

    def _ignored(self) -> set[str | None]:
        entries = self._hass.config_entries.async_entries(DOMAIN, include_ignore=True)
        return {entry.unique_id for entry in entries if entry.source == SOURCE_IGNORE}

    def _shown(self) -> set[str]:
        flows = self._hass.config_entries.flow.async_progress_by_handler(
            DOMAIN,
            include_uninitialized=True,
            match_context={"source": SOURCE_INTEGRATION_DISCOVERY},
        )
        return {unique_id for flow in flows if (unique_id := flow["context"].get("unique_id"))}

    def _withdraw_card(self, uid: str, except_flow: str | None = None) -> None:
        flows = self._hass.config_entries.flow.async_progress_by_handler(
            DOMAIN,
            match_context={
                "source": SOURCE_INTEGRATION_DISCOVERY,
                "unique_id": self._unique_id(uid),
            },
        )
        for flow in flows:
            if flow["flow_id"] != except_flow:
                self._hass.config_entries.flow.async_abort(flow["flow_id"])

    @property
    def _issue_id(self) -> str:
        return f"devices_waiting/{self._connection.entry.entry_id}"

    def _report_waiting(self, waiting: int) -> None:
        if not waiting:
            ir.async_delete_issue(self._hass, DOMAIN, self._issue_id)
            return
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            self._issue_id,
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key="devices_waiting",
            translation_placeholders={"count": str(waiting), "shown": str(MAX_CARDS)},
            data={"entry_id": self._connection.entry.entry_id},
        )

    # --- codes ----------------------------------------------------------------------------------

    def wait_for_tries(self, uid: str) -> int:
        """Return for how many seconds no further code may be tried."""
        candidate = self.candidates.get(uid)
        if candidate is None:
            return 0
        now = time.time()
        candidate.tries = [at for at in candidate.tries if now - TRIES_PAUSE < at <= now]
        if len(candidate.tries) < MAX_TRIES:
            return 0
        return max(1, round(candidate.tries[-1] + TRIES_PAUSE - now))

    def check_code(self, uid: str, code: str) -> bool:
        """Tell whether this is the code of a waiting device, counting the try when it is not."""
        candidate = self.candidates[uid]
        if candidate.pairing is None:
            return True
        digits = "".join(code.split()).replace("-", "")
        digest = sha256((candidate.pairing.salt + digits).encode("utf-8", "replace")).hexdigest()
        if hmac.compare_digest(digest, candidate.pairing.sha256):
            return True
        candidate.tries.append(time.time())
        return False

    def matching(self, pattern: str) -> tuple[list[str], list[str]]:
        """Return the waiting devices that match a pattern: those free to approve, and those that ask for a code."""
        found = [one for one in self.waiting() if fnmatchcase(one.uid, pattern)]
        return _split(found)


def _split(candidates: Iterable[Candidate]) -> tuple[list[str], list[str]]:
    free: list[str] = []
    coded: list[str] = []
    for candidate in candidates:
        (coded if candidate.pairing else free).append(candidate.uid)
    return free, coded


def _introduces(message: Message) -> bool:
    """Tell whether an unknown device has shown by this that it is one of ours."""
    match message:
        case Descriptor():
            return True
        case Status():
            # That a device is gone is no reason to ask whether it is wanted.
            return message.online or message.asleep
        case Telemetry():
            # Also by values that cannot be taken: the card says so, where nothing would be seen at all.
            return bool(message.sample.values or message.channels or message.sample.rejected)
        case Buffered():
            return any(sample.values for sample in message.samples)
        case _:
            return False
