"""Who last switched a pump: what was ordered counts once the pump is seen to have done it."""

from dataclasses import dataclass
from enum import StrEnum, auto

from homeassistant.core import Context


class Hand(StrEnum):
    """Who switches pumps: `device` is the device itself, or somebody at it."""

    PERSON = auto()
    AUTOMATION = auto()
    ZONE = auto()
    DEVICE = auto()


def hand_of(context: Context | None) -> Hand:
    """Return who is behind a context of Home Assistant: only a person has a user."""
    return Hand.AUTOMATION if context is None or context.user_id is None else Hand.PERSON


@dataclass(frozen=True, slots=True)
class _Order:
    on: bool
    hand: Hand
    run_id: str | None


class LastHand:
    """Who last switched one pump, None where that is not known."""

    def __init__(self, *, on: bool) -> None:
        """Begin with whether the pump ran when it was last heard."""
        self.hand: Hand | None = None
        self._on = on
        self._order: _Order | None = None

    def restore(self, kept: object) -> None:
        """Take over who it was before a restart."""
        if isinstance(kept, str) and kept in set(Hand):
            self.hand = Hand(kept)

    def ordered(self, hand: Hand, *, on: bool, run_id: str | None = None) -> None:
        """Note who gave an order."""
        self._order = _Order(on, hand, run_id)

    def failed(self, run_id: str) -> None:
        """Forget an order that came to nothing."""
        if self._order is not None and self._order.run_id == run_id:
            self._order = None

    def seen(self, on: bool | None) -> bool:  # noqa: FBT001 - a state, and no option
        """Take in whether the pump runs, and return whether somebody else switched it."""
        if on is None:
            return False
        order = self._order
        obeyed = order is not None and order.on is on
        if obeyed:
            self._order = None
        if on is self._on:
            return False
        self._on, before = on, self.hand
        if order is not None and obeyed:
            self.hand = order.hand
        elif on:
            # That a run comes to its end is nobody's doing; that one begins is.
            self.hand = Hand.DEVICE
        return self.hand is not before
