"""One variant with one number of devices, measured from its first start to its restart."""

import asyncio
from dataclasses import dataclass
import json
import math
import statistics
import time
from typing import TYPE_CHECKING, Any

import psutil

from lab.bench import devices
from lab.bench.stops import PAUSE, Listener, stop_many
from lab.bench.variants import EXPECT, PROBE, install_probe
from lab.bench.wire import Publisher
from lab.broker import Broker
from lab.client import eventually
from lab.hass import Hass

if TYPE_CHECKING:
    from lab.bench.variants import Variant

INTEGRATIONS = ("api", "config")
"""What runs beside MQTT: no recorder, which would write the same for everybody."""

CONFIGURATION: dict[str, Any] = {"logger": {"default": "warning"}, PROBE: {}}

GUARD = 19
"""Messages of a device in a second that SmartAir writes at once, less one: beyond, it holds values back."""
BEHIND = 1.0
"""Seconds of lag, or of work left when the last message was sent, from which on the loop has fallen behind."""
_TAIL = 0.2
"""Seconds that the last messages of a load are given to arrive."""
_FLEET = 500
"""Devices from which on all may speak at once without one of them being held back."""
_FLOOD = 15
"""Messages of each device when all come at once."""
_AT_REST = 0.02
"""Processor seconds between two looks at a process that has nothing to do."""
COMMON_RATE = 1000
"""Messages in a second at which processor time and lag are measured, for all alike."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How thoroughly to measure."""

    seconds: float
    """How long each load lasts."""
    settle: float
    """How long to wait until the memory is at rest."""
    turns: int
    """How often to measure processor time, of which the best counts: what else the machine does only adds."""
    ramp: bool
    """Whether to look for the most messages in a second."""
    stops: int
    """How many devices to stop while all of them talk."""


THOROUGH = Effort(seconds=4, settle=5, turns=3, ramp=True, stops=200)
SMOKE = Effort(seconds=1, settle=0.2, turns=1, ramp=False, stops=20)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured of a variant with a number of devices."""

    entities: int
    """Enabled entities."""
    disabled: int
    """Entities in the registry that are disabled."""
    discovery_s: float
    """From the first descriptor to every entity being there with a value."""
    discovery_cpu_s: float
    """Processor time of the same."""
    memory_kib: float
    """Unshared memory for each device, after the discovery."""
    memory_restarted_kib: float
    """The same after a restart."""
    rate: float
    """Messages in a second during the next figures."""
    cpu_changing_us: float
    """Processor time of a message, all of whose values are new, at this rate, the loop's waking for it included."""
    cpu_unchanged_us: float
    """The same of a message without a new value."""
    lag_p50_ms: float
    lag_p99_ms: float
    lag_max_ms: float
    """How late the event loop was while all values changed."""
    throughput: float
    """Messages in a second, all of whose values are new, until the event loop falls behind."""
    throughput_bounded: bool
    """Whether it was the bench that ended at this rate, so as not to be helped by held back writes."""
    queued_changing_us: float
    """Processor time of a message, all of whose values are new, while others wait behind it; 0 where not measured."""
    queued_unchanged_us: float
    """The same of a message without a new value."""
    stop_p50_ms: float
    stop_p99_ms: float
    stop_max_ms: float
    """From the call of the action to its message at a subscriber, at the same rate; 0 where there is none."""
    start_s: float
    """From the start of the process to every known entity being available."""
    start_cpu_s: float
    """Processor time from the start to Home Assistant running with all of them."""
    start_empty_s: float
    """From the start of the process without a device to Home Assistant running."""
    messages: int
    lost: int
    """Values that were sent last and are not shown, and stops that were not heard."""


class Measurement:
    """One Home Assistant under measurement."""

    def __init__(self, variant: Variant, count: int, effort: Effort) -> None:
        """Begin with nothing started."""
        self._variant = variant
        self._effort = effort
        self._uids = devices.uids(count)
        self._sensors = count * len(devices.METRICS)
        self._entities = count * devices.ENTITIES
        self._round = 0
        self._messages = 0
        self._lost = 0
        self._hass = Hass(integrations=INTEGRATIONS, configuration=CONFIGURATION, custom_components=variant.component)

    async def run(self) -> Figures:
        """Measure everything."""
        hass = self._hass
        async with Broker() as broker:
            self._variant_files()
            try:
                return await self._measure(broker)
            finally:
                await hass.__aexit__(None, None, None)

    def _variant_files(self) -> None:
        folder = self._hass.folder
        install_probe(folder)
        self._variant.prepare(folder)

    async def _measure(self, broker: Broker) -> Figures:
        hass = self._hass
        await hass.start()
        await hass.add_mqtt(broker)
        await self._variant.set_up(hass.client)
        start_empty = await self._restart(0)
        await asyncio.sleep(self._effort.settle)
        empty = await self._memory()
        with Publisher(broker.port) as publisher:
            discovery, discovery_cpu = await self._discover(publisher)
            await asyncio.sleep(self._effort.settle)
            memory = await self._memory()
            enabled, disabled = await self._count_entities()
            idle = await self._idle()
            rate = min(float(COMMON_RATE), float(GUARD * len(self._uids)))
            lags: list[float] = []
            changing = unchanged = float("inf")
            for _ in range(self._effort.turns):
                spent, late = await self._load(publisher, rate, idle, changing=True)
                changing = min(changing, spent)
                lags += late
                unchanged = min(unchanged, (await self._load(publisher, rate, idle, changing=False))[0])
            stops = await self._stops(publisher, broker.port, rate) if self._variant.stops else [0.0, 0.0]
            throughput, bounded = await self._ramp(publisher, changing) if self._effort.ramp else (0.0, True)
            queued = await self._flood(publisher, changing=True) if self._effort.ramp else 0.0
            repeats = await self._flood(publisher, changing=False) if self._effort.ramp else 0.0
            self._lost += devices.missing(await hass.client.states(), self._uids, self._round - 1)
        start = await self._restart(self._entities)
        start_cpu = sum(psutil.Process(hass.pid).cpu_times()[:2])
        await asyncio.sleep(self._effort.settle)
        restarted = await self._memory()
        return Figures(
            entities=enabled,
            disabled=disabled,
            discovery_s=discovery,
            discovery_cpu_s=discovery_cpu,
            memory_kib=(memory - empty) / 1024 / len(self._uids),
            memory_restarted_kib=(restarted - empty) / 1024 / len(self._uids),
            rate=rate,
            cpu_changing_us=changing * 1e6,
            cpu_unchanged_us=unchanged * 1e6,
            lag_p50_ms=statistics.median(lags) * 1e3,
            lag_p99_ms=statistics.quantiles(lags, n=100)[98] * 1e3,
            lag_max_ms=max(lags) * 1e3,
            throughput=throughput,
            throughput_bounded=bounded,
            queued_changing_us=queued * 1e6,
            queued_unchanged_us=repeats * 1e6,
            stop_p50_ms=statistics.median(stops) * 1e3,
            stop_p99_ms=statistics.quantiles(stops, n=100)[98] * 1e3,
            stop_max_ms=max(stops) * 1e3,
            start_s=start,
            start_cpu_s=start_cpu,
            start_empty_s=start_empty,
            messages=self._messages,
            lost=self._lost,
        )

    # What is measured

    async def _restart(self, entities: int) -> float:
        """Stop, start, and return the seconds until so many entities were available, or it ran without any."""
        hass = self._hass
        await hass.stop()
        (hass.folder / EXPECT).write_text(json.dumps(entities))
        started = time.time()
        await hass.start(within=300)

        async def complete() -> float | None:
            return (await self._read())["complete"] if entities else time.time()

        at = await eventually(complete, within=300, what="all entities available after a restart")
        return float(at or 0) - started

    async def _memory(self) -> int:
        """Return the process' unshared memory once it is tidied up."""
        await self._hass.client.call(f"{PROBE}/reset")
        return int(psutil.Process(self._hass.pid).memory_full_info().uss)

    async def _discover(self, publisher: Publisher) -> tuple[float, float]:
        """Introduce the devices, let each speak once when all are there; return the time and processor time."""
        before = await self._reset()
        started = time.perf_counter()
        packets = [packet for uid in self._uids for packet in self._variant.introduce(uid)]
        await asyncio.to_thread(publisher.publish, packets)

        async def there() -> bool:
            return bool((await self._counts())["available"] >= self._entities)

        await eventually(there, within=300, what="all entities there")
        await self._speak(publisher, 1)
        await self._settled(within=300)
        return time.perf_counter() - started, (await self._read())["cpu"] - before

    async def _count_entities(self) -> tuple[int, int]:
        listed = await self._hass.client.entities(self._variant.platform)
        # A hub has entities of its own, which do not grow with its devices.
        entities = [entity for name, entity in listed.items() if devices.is_compared(name)]
        disabled = sum(entity["disabled_by"] is not None for entity in entities)
        return len(entities) - disabled, disabled

    async def _idle(self) -> float:
        """Return the processor's seconds in a second without messages."""
        before = await self._reset()
        await asyncio.sleep(self._effort.seconds / 2)
        spent: float = (await self._read())["cpu"] - before
        return spent / (self._effort.seconds / 2)

    async def _load(
        self, publisher: Publisher, rate: float, idle: float, *, changing: bool
    ) -> tuple[float, list[float]]:
        """Return the processor's seconds for a message at this rate, and the lags of the event loop."""
        rounds = max(2, round(rate * self._effort.seconds / len(self._uids)))
        if not changing:
            # The first round of them brings the values that the others repeat.
            await self._speak(publisher, 1, rate)
            await self._settled(within=60)
            self._round -= 1
        before = await self._reset()
        started = time.perf_counter()
        await self._speak(publisher, rounds, rate, changing=changing)
        await asyncio.sleep(_TAIL)
        read = await self._read()
        spent = read["cpu"] - before - idle * (time.perf_counter() - started)
        await self._settled(within=60)
        return spent / (rounds * len(self._uids)), read["lags"]

    async def _stops(self, publisher: Publisher, port: int, rate: float) -> list[float]:
        """Return the seconds that each stop took to its device while the others talked at this rate."""
        # As long as the stops last, and then some: the last of them shall have it no easier.
        rounds = math.ceil(rate * (self._effort.stops * PAUSE * 1.5 + 1) / len(self._uids))
        with Listener(port) as listener:
            talk = asyncio.create_task(self._speak(publisher, rounds, rate))
            took = await stop_many(self._hass.client, listener, self._effort.stops)
            await talk
        await self._settled(within=60)
        heard = [seconds for seconds in took if seconds < math.inf]
        self._lost += len(took) - len(heard)
        return heard if len(heard) > 1 else [math.inf] * 2

    async def _ramp(self, publisher: Publisher, cost: float) -> tuple[float, bool]:
        """Return the most messages in a second before the loop falls behind, and whether we dared not go on."""
        highest = float(GUARD * len(self._uids))
        kept, broken = 0.0, highest
        rate = min(0.7 / cost, highest)
        while broken / max(kept, 1) > 1.04:  # noqa: PLR2004 (nearer is within what two runs differ by)
            if await self._keeps_up(publisher, rate):
                kept = rate
                if rate >= highest:
                    return highest, True
            else:
                broken = rate
            rate = min(rate * 1.25, highest) if broken >= highest else (kept + broken) / 2
            if kept == 0:
                rate = broken * 0.7
        return kept, False

    async def _flood(self, publisher: Publisher, *, changing: bool) -> float:
        """Return the processor's seconds for a message when they all come at once; 0 with too few devices.

        This is the processor time of a message that the goals mean. At a gentle pace the greater part of it is the
        loop's waking for each message, which is the same for everybody and of which no integration can save any.
        """
        if len(self._uids) < _FLEET:
            return 0.0
        best = math.inf
        for _ in range(self._effort.turns):
            if not changing:
                await self._speak(publisher, 1)
                await self._settled(within=60)
                self._round -= 1
            before = await self._reset()
            await self._speak(publisher, _FLOOD, changing=changing)
            await asyncio.sleep(_TAIL)
            spent, now = -1.0, 0.0
            while now - spent > _AT_REST:
                await asyncio.sleep(_TAIL)
                spent, now = now, float((await self._read())["cpu"]) - before
            best = min(best, now / (_FLOOD * len(self._uids)))
            await self._settled(within=60)
        return best

    async def _keeps_up(self, publisher: Publisher, rate: float) -> bool:
        """Tell whether the event loop keeps up with a rate."""
        rounds = max(2, round(rate * self._effort.seconds / 2 / len(self._uids)))
        await self._reset()
        lasted = await self._speak(publisher, rounds, rate)
        planned = rounds * len(self._uids) / rate
        late = await self._settled(within=120)
        lags = (await self._read())["lags"]
        return late <= BEHIND and max(lags) <= BEHIND and lasted <= planned + BEHIND

    # How it is measured

    async def _speak(
        self, publisher: Publisher, rounds: int, rate: float | None = None, *, changing: bool = True
    ) -> float:
        """Have every device speak so many times; return how long that took."""
        numbers = range(self._round, self._round + rounds)
        if not changing:
            # The same values again and again: those of one round.
            numbers = range(self._round - rounds + 1, self._round + 1)
        self._round = numbers[-1] + 1
        packets = list(devices.telemetry(self._uids, numbers, changing=changing))
        self._messages += len(packets)
        return await asyncio.to_thread(publisher.publish, packets, rate)

    async def _settled(self, *, within: float) -> float:
        """Wait until every sensor shows the last value; return how long that took."""
        values = list(devices.expected(self._round - 1).values())
        started = time.perf_counter()

        async def settled() -> bool:
            return bool((await self._counts(values))["settled"] >= self._sensors)

        try:
            await eventually(settled, within=within, what="the last values shown")
        except TimeoutError:
            self._lost += self._sensors - int((await self._counts(values))["settled"])
        return time.perf_counter() - started

    async def _reset(self) -> float:
        return float((await self._hass.client.call(f"{PROBE}/reset"))["cpu"])

    async def _read(self) -> dict[str, Any]:
        return dict(await self._hass.client.call(f"{PROBE}/read"))

    async def _counts(self, values: list[float] | None = None) -> dict[str, int]:
        return dict(await self._hass.client.call(f"{PROBE}/count", values=values or []))
