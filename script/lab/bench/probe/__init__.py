"""Inside the Home Assistant that is measured: how late the event loop is, and what the states show."""

from contextlib import suppress
import gc
import json
from pathlib import Path
import time
from typing import Any

from homeassistant.components import websocket_api
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

PREFIX = "bench_"
MORE = ("_air", "_air_changes", "_co2_limit_reached_in")
"""How the names of entities end that not all sides have."""
DOMAINS = ("binary_sensor", "event", "sensor")
PERIOD = 0.02
"""Seconds between two looks at the clock."""
GLANCE = 0.1
"""Seconds between two counts of the entities while all of them are waited for."""
EXPECT = "expect.json"
"""A file beside the configuration that says how many entities to wait for from the start."""


class Probe:
    """What is measured inside."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin to measure."""
        self.hass = hass
        self.complete: float | None = None
        self._schedule()
        self.lags: list[float] = []

    def restart(self) -> None:
        """Forget the lags so far."""
        self._timer.cancel()
        self._schedule()
        self.lags = []

    def _schedule(self) -> None:
        self._due = self.hass.loop.time() + PERIOD
        self._timer = self.hass.loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self.lags.append(max(0.0, self.hass.loop.time() - self._due))
        self._schedule()

    def wait_for(self, count: int) -> None:
        """Note when so many entities are there and available."""
        if self.counts()["available"] < count:
            self.hass.loop.call_later(GLANCE, self.wait_for, count)
        else:
            self.complete = time.time()

    def counts(self, values: tuple[float, ...] = ()) -> dict[str, int]:
        """Return how many entities there are, are available, have a value, and have one of these values."""
        wanted = frozenset(values)
        found = available = valued = settled = 0
        for state in self.hass.states.async_all(DOMAINS):
            domain, _, name = state.entity_id.partition(".")
            if not name.startswith(PREFIX) or name.endswith(MORE):
                continue
            found += 1
            if state.state == "unavailable":
                continue
            available += 1
            if domain == "sensor" and state.state != "unknown":
                valued += 1
                with suppress(ValueError):
                    settled += float(state.state) in wanted
        return {"found": found, "available": available, "valued": valued, "settled": settled}


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Offer the measurements over the WebSocket API."""
    probe = Probe(hass)
    expect = Path(hass.config.path(EXPECT))
    if await hass.async_add_executor_job(expect.exists):
        probe.wait_for(json.loads(await hass.async_add_executor_job(expect.read_text)))

    @websocket_api.websocket_command({vol.Required("type"): "smartair_probe/reset"})
    @callback
    def reset(_hass: HomeAssistant, connection: websocket_api.ActiveConnection, message: dict[str, Any]) -> None:
        """Collect the garbage, forget the lags, and return the processor's time so far."""
        gc.collect()
        probe.restart()
        connection.send_result(message["id"], {"cpu": time.process_time()})

    @websocket_api.websocket_command({vol.Required("type"): "smartair_probe/read"})
    @callback
    def read(_hass: HomeAssistant, connection: websocket_api.ActiveConnection, message: dict[str, Any]) -> None:
        """Return what was measured since the last reset."""
        result = {"cpu": time.process_time(), "lags": probe.lags, "complete": probe.complete}
        connection.send_result(message["id"], result)

    @websocket_api.websocket_command(
        {vol.Required("type"): "smartair_probe/count", vol.Optional("values", default=[]): list}
    )
    @callback
    def count(_hass: HomeAssistant, connection: websocket_api.ActiveConnection, message: dict[str, Any]) -> None:
        """Return what the states show, and how many show one of these values."""
        connection.send_result(message["id"], probe.counts(tuple(message["values"])))

    websocket_api.async_register_command(hass, count)
    websocket_api.async_register_command(hass, read)
    websocket_api.async_register_command(hass, reset)
    return True
