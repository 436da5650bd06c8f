"""What keeps one failure from becoming another's: each is called by itself, and nothing is waited for without end."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
import logging
import time
from typing import Any

_LOGGER = logging.getLogger(__name__)

LEAVE_S = 15.0
"""Seconds that an end waits for what was begun: a device has 10 s to answer, and Home Assistant's own stop 20 s."""
# What goes wrong each second must not fill the log of an SD card.
_SAID_AGAIN_S = 3600.0


class Isolation:
    """Calls one after the other, whatever goes wrong in one of them."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._said: dict[str, float] = {}
        self._since: Counter[str] = Counter()

    def call[**P](self, name: str, work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call something; what it raises goes to the log, once an hour for each name and kind."""
        try:
            work(*args, **kwargs)
        except Exception as err:  # noqa: BLE001 - whatever it is, the next one must have its turn
            self.async_say(name, err)

    def async_say(self, name: str, err: BaseException) -> None:
        """Write to the log what went wrong with something, once an hour for each name and kind."""
        what = f"{name}: {type(err).__name__}"
        self._since[what] += 1
        now = time.monotonic()
        if what in self._said and now - self._said[what] < _SAID_AGAIN_S:
            return
        self._said[what] = now
        times = self._since.pop(what)
        _LOGGER.error("%s failed (%s times), and everything else goes on: %s", name, times, err, exc_info=err)


class Together:
    """While one message is taken in nobody acts on half of it: who would, does so once, when all of it is known."""

    def __init__(self, isolation: Isolation) -> None:
        """Begin with nobody waiting."""
        self._isolation = isolation
        # Counted up before a message and down after it by whoever takes it in: calls would be a tenth of its work.
        self.depth = 0
        self.due: dict[Callable[[], object], str] = {}

    def end(self) -> None:
        """Have those act who waited for the end of the message."""
        while self.due and not self.depth:
            work = next(iter(self.due))
            self._isolation.call(self.due.pop(work), work)

    def puts_off(self, work: Callable[[], object], name: str) -> bool:
        """Tell whether a message is being taken in, after which this is called."""
        if self.depth:
            self.due.setdefault(work, name)
        return self.depth > 0


async def async_bounded(work: Iterable[asyncio.Future[Any]], what: str, seconds: float = LEAVE_S) -> bool:
    """Wait until all is done, and no longer than some seconds; return whether all was, whatever came of it."""
    if not (waiting := {one for one in work if not one.done()}):
        return True
    _, hanging = await asyncio.wait(waiting, timeout=seconds)
    if hanging:
        _LOGGER.warning("After %g seconds it is not known what came of %s; it is waited for no longer", seconds, what)
    return not hanging


class Listeners[**P]:
    """Callables that are called in the order in which they were added, each by itself where there is an isolation."""

    def __init__(self, isolation: Isolation | None = None, name: str = "A listener") -> None:
        """Initialize with none; what one raises is logged under the name, or ends the call without an isolation."""
        self._isolation = isolation
        self._name = name
        self._all: list[Callable[P, object]] = []

    def __bool__(self) -> bool:
        """Tell whether there is one."""
        return bool(self._all)

    def add(self, listener: Callable[P, object]) -> Callable[[], None]:
        """Add a listener; return what removes it."""
        self._all.append(listener)
        return partial(self._all.remove, listener)

    def call(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call all that are there now."""
        for listener in tuple(self._all):
            if self._isolation is None:
                listener(*args, **kwargs)
            else:
                self._isolation.call(self._name, listener, *args, **kwargs)
