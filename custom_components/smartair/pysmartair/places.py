"""Where a thing is, in the words of its owner: its area, the device that it belongs to, and its name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import re

SEPARATOR = " · "


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that has a name; a part of another thing has its `parent` before it in any list."""

    key: str
    name: str
    area: str | None = None
    parent: str | None = None


def place_text(*parts: str | None) -> str:
    """Return the parts of a place, from the area to the thing itself; one that a later part says is left out."""
    said = [part.strip() for part in parts if part and part.strip()]
    return SEPARATOR.join(
        part for at, part in enumerate(said) if not any(_says(later, part) for later in said[at + 1 :])
    )


def places(things: Iterable[Thing]) -> dict[str, str]:
    """Return the place of each thing by its key; of those that read the same, all but the first get a number."""
    names: dict[str, str] = {}
    texts: dict[str, str] = {}
    taken: set[str] = set()
    for thing in things:
        owners = (thing.area, names.get(thing.parent or ""))
        names[thing.key], texts[thing.key] = _free(taken, owners, thing.name)
        taken.add(texts[thing.key].casefold())
    return texts


def _free(taken: set[str], owners: Sequence[str | None], name: str) -> tuple[str, str]:
    """Return a name, with the first number that no other thing has, and the place that it makes."""
    number, numbered = 1, name
    while (text := place_text(*owners, numbered)).casefold() in taken:
        number += 1
        numbered = f"{name} {number}"
    return numbered, text


def _says(text: str, part: str) -> bool:
    """Tell whether a text contains another as whole words."""
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text, re.IGNORECASE) is not None
