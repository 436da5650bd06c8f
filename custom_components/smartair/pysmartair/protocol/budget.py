"""How much of somebody's words is listened to: so many a second, with room for a burst, in messages and in bytes."""

from collections.abc import Mapping
from typing import NamedTuple

from .topics import Channel


class Allowance(NamedTuple):
    """Messages and bytes a second, and how many may come at once after a silence."""

    rate: float
    burst: float
    byte_rate: float
    byte_burst: float


# Measurements are cheap to take in, and a script that was offline for a day sends them one by one, as fast as it can:
# 2,880 of a day at one each 30 s. What else a device says is dear (registries, entities, alerts) and seldom.
_MEASUREMENTS = Allowance(50, 3_000, 128 * 1024, 2 * 1024 * 1024)
_SELDOM = Allowance(2, 20, 32 * 1024, 512 * 1024)
ALLOWANCES: Mapping[Channel, Allowance] = {
    Channel.TELEMETRY: _MEASUREMENTS,
    Channel.DATA: _MEASUREMENTS,
    Channel.STATUS: _SELDOM,
    Channel.INFO: _SELDOM,
    Channel.CONFIG_STATE: _SELDOM,
    # Progress in steps of one per cent, on a fast network.
    Channel.OTA_STATE: Allowance(5, 120, 32 * 1024, 512 * 1024),
    Channel.EVENT: Allowance(5, 50, 32 * 1024, 512 * 1024),
    # A pump node answers each of its pumps twice for a run.
    Channel.COMMAND_RESPONSE: Allowance(20, 200, 32 * 1024, 512 * 1024),
}
STRANGERS = Allowance(200, 500, 512 * 1024, 2 * 1024 * 1024)
"""For all together who are not approved: a fleet that is found takes seconds longer, an invented one costs little."""
CHANGES = Allowance(1, 20, 1, 1)
"""How often one device may change what registries, repairs and stores hold of it."""


class Bucket:
    """What is left of an allowance; it refills with time."""

    __slots__ = ("_at", "_burst", "_byte_burst", "_byte_rate", "_bytes", "_rate", "_tokens")

    def __init__(self, of: Allowance, now: float) -> None:
        """Begin full."""
        self._rate, self._burst, self._byte_rate, self._byte_burst = of
        self._at = now
        self._tokens = self._burst
        self._bytes = self._byte_burst

    def take(self, now: float, size: float) -> bool:
        """Tell whether a message of this size may pass, and take it off what is left; `now` is monotonic."""
        # Called with every message: plain comparisons take half the time of a call each.
        passed = now - self._at
        self._at = now
        tokens = self._tokens + passed * self._rate
        if tokens > self._burst:  # noqa: PLR1730
            tokens = self._burst
        left = self._bytes + passed * self._byte_rate
        if left > self._byte_burst:  # noqa: PLR1730
            left = self._byte_burst
        passes = tokens >= 1 and left >= size
        self._tokens = tokens - 1 if passes else tokens
        self._bytes = left - size if passes else left
        return passes
