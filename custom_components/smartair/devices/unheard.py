"""Who speaks in vain: names that cannot be taken, and devices of which no message can be understood."""

from enum import StrEnum

from homeassistant.core import callback
from homeassistant.helpers import issue_registry as ir

from ..connection import Connection
from ..const import DOMAIN
from ..issues import word
from ..pysmartair import Message, Telemetry, without_markup
from ..pysmartair.protocol.topics import BadUid, bad_uid

SHOWN = 10
"""How many are named in a repair: enough to see what is wrong, whoever invents more."""
IN_VAIN = 3
"""How many messages in a row can be a slip; whoever says no other is in need of help."""


class Vain(StrEnum):
    """Why a message that can be read says nothing all the same."""

    NAMES = "names_unknown"
    CASE = "topic_case"


def says_nothing_known(message: Message) -> bool:
    """Tell whether a report has values, and none by a name that is known here."""
    if not isinstance(message, Telemetry) or message.channels:
        return False
    sample = message.sample
    return bool(sample.unknown) and not sample.values and not sample.odd


class Unheard:
    """Shows in one repair of each kind who speaks to a hub in vain, and why."""

    def __init__(self, connection: Connection) -> None:
        """Know of nobody yet."""
        self._connection = connection
        self.names: dict[str, BadUid] = {}
        # Of each: the last reason, and how many messages there were; a good one takes them out.
        self.broken: dict[str, tuple[str, int]] = {}

    @callback
    def async_look(self, topic: str) -> None:
        """Note a topic that would be a device's, had it a name that can be taken."""
        found = bad_uid(self._connection.root, topic)
        if found is None:
            return
        self._connection.counts["error_bad_uid"] += 1
        if found.text not in self.names and len(self.names) < SHOWN:
            self.names[found.text] = found
            self._show("names_not_taken", [self._about_name(one) for one in self.names.values()])

    @callback
    def async_broken(self, uid: str, reason: str) -> None:
        """Note a message that cannot be understood, of a device that has said nothing else."""
        before, count = self.broken.get(uid, ("", 0))
        if not count and len(self.broken) >= SHOWN:
            return
        self.broken[uid] = reason, count + 1
        if count + 1 == IN_VAIN or (count >= IN_VAIN and reason != before):
            self._show_broken()

    @callback
    def async_understood(self, uid: str) -> None:
        """Take out whoever has said something that can be understood."""
        _, count = self.broken.pop(uid)
        if count >= IN_VAIN:
            self._show_broken()

    @callback
    def async_stop(self) -> None:
        """Take back what is shown; whoever still speaks in vain is shown again."""
        for key in ("names_not_taken", "nothing_understood"):
            self._show(key, [])

    def _show_broken(self) -> None:
        hass = self._connection.hass
        self._show(
            "nothing_understood",
            [
                f"{uid}: {word(hass, 'broken_message', reason)}"
                for uid, (reason, count) in self.broken.items()
                if count >= IN_VAIN
            ],
        )

    def _about_name(self, found: BadUid) -> str:
        flaw = word(self._connection.hass, "name_flaw", found.flaw)
        return f"{found.text or '–'}: {flaw}{f' „{found.signs}“' if found.signs else ''}"

    def _show(self, key: str, lines: list[str]) -> None:
        issue_id = f"{key}/{self._connection.entry.entry_id}"
        if not lines:
            ir.async_delete_issue(self._connection.hass, DOMAIN, issue_id)
            return
        ir.async_create_issue(
            self._connection.hass,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=key,
            translation_placeholders={
                "root": without_markup(self._connection.root),
                "list": "\n".join(f"- {without_markup(line)}" for line in lines),
            },
        )
