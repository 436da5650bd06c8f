"""The limits of what devices measure: whose holds where, and a watch over each, out of the way of all else.

What a device offers of its own counts: its CO₂ threshold, its night, and whether it is to alert at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
import logging
import time
from typing import Any, Self

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..connection import Connection
from ..const import SUBENTRY_ALERT_LIMIT
from ..devices.device import SmartAirDevice
from ..devices.devices import Devices
from ..pysmartair import (
    KEY_CONFIG,
    LIMIT_CODES,
    USUAL,
    Alert,
    Bounds,
    Limit,
    NumberSetting,
    Place,
    Severity,
    Side,
    Steady,
    Turn,
    Watched,
    due,
    is_night,
    steady,
    watch,
)
from ..store import Night
from .log import AlertLog

_LOGGER = logging.getLogger(__name__)

# Warmth and moisture are no matter of fresh air.
CO2_THRESHOLD = "co2_threshold"
AIR = frozenset({"co2", "pm1", "pm25", "pm4", "pm10", "voc", "voc_index", "nox_index"})

_NOTHING: Mapping[str, float] = {}


@dataclass(frozen=True, slots=True)
class Rule:
    """The bounds of a measurement that the owner set, for devices, for types of devices, or for all."""

    metric: str
    bounds: Bounds
    title: str = ""
    devices: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()

    @classmethod
    def from_subentry(cls, subentry: ConfigSubentry) -> Self:
        """Return the rule of a subentry."""
        data = subentry.data
        return cls(
            metric=data["metric"],
            bounds=read_bounds(data),
            title=subentry.title,
            devices=frozenset(data.get("devices", ())),
            types=frozenset(data.get("types", ())),
        )

    def closeness(self, device: SmartAirDevice) -> int:
        """Return how closely the rule fits a device: 0 where it does not, 3 where it names it."""
        if device.device_id in self.devices:
            return 3
        if device.snapshot.device_type in self.types:
            return 2
        return 0 if self.devices or self.types else 1


def read_bounds(data: Mapping[str, Any]) -> Bounds:
    """Return the bounds as a form gives them: delays in minutes, hours as text."""
    return Bounds(
        high=data.get("high"),
        low=data.get("low"),
        hysteresis=data["hysteresis"],
        delay=data["delay"] * 60,
        severity=Severity(data["severity"]),
        night_high=data.get("night_high"),
        night_quiet=data["night_quiet"],
        # By the rule that the form judged them by: an hour of one digit is one.
        night_begin=cv.time(data["night_begin"]),
        night_end=cv.time(data["night_end"]),
    )


@lru_cache(maxsize=1024)
def _limits_of(metric: str, bounds: Bounds) -> tuple[Limit, ...]:
    """Return the limits of a measurement, shared by the devices of a fleet."""
    return bounds.limits(metric)


class Watcher:
    """Watches over the limits of one device, in one listener for all that it measures."""

    __slots__ = ("_alerts", "_device", "_due", "_end", "_limits", "_states", "_steady", "_timer")

    def __init__(self, device: SmartAirDevice, alerts: AlertLog) -> None:
        """Watch nothing yet."""
        self._device = device
        self._alerts = alerts
        self._limits: tuple[Limit, ...] | None = None
        self._states: list[Watched] = []
        self._steady: tuple[Steady, ...] = ()
        self._end: CALLBACK_TYPE | None = None
        self._timer: CALLBACK_TYPE | None = None
        self._due: float | None = None

    @callback
    def async_set(self, limits: tuple[Limit, ...]) -> None:
        """Watch over these limits from now on."""
        if limits == self._limits:
            return
        self.async_stop()
        self._limits = limits
        now = time.time()
        self._states = [Watched(raised=self._active(limit) is not None, gap=now) for limit in limits]
        if limits:
            metrics = dict.fromkeys(limit.metric for limit in limits)
            self._end = self._device.async_listen(metrics, self._async_changed)
            self._async_look()

    @callback
    def async_stop(self) -> None:
        """Watch no more."""
        if self._end is not None:
            self._end()
            self._end = None
        self._wait_until(None, 0)

    def _active(self, limit: Limit) -> Alert | None:
        return self._alerts.book.active.get(Place(limit.code, self._device.uid))

    @callback
    def _async_changed(self) -> None:
        """Look closer where a value is not what leaves all as it is: nearly every report of a fleet is."""
        device = self._device
        values = device.snapshot.values if device.available else _NOTHING
        for metric, lowest, highest in self._steady:
            value = values.get(metric)
            if lowest <= highest if value is None else not lowest <= value <= highest:
                self._async_look()
                return

    @callback
    def _async_look(self) -> None:
        """Find out where each measurement stands, from what is known now and nothing else."""
        device, now = self._device, time.time()
        values = device.snapshot.values if device.available else _NOTHING
        for index, limit in enumerate(self._limits or ()):
            before = self._states[index]
            night = limit.nightly and is_night(dt_util.now().time(), limit.night_begin, limit.night_end)
            after, turn = watch(before, limit, values.get(limit.metric), now=now, night=night)
            self._states[index] = after
            match turn:
                case Turn.RAISE:
                    self._raise(limit, values[limit.metric], limit.level_at(night=night))
                case Turn.RESOLVE:
                    self._alerts.async_resolve(limit.code, uid=device.uid)
                case None:  # pragma: no branch - the union is closed
                    self._mark(limit, before, after)
        self._settle(now)

    def _settle(self, now: float) -> None:
        """Wait for the first that is due, and know which values change nothing until then."""
        pairs = list(zip(self._states, self._limits or (), strict=True))
        moments = [moment for state, limit in pairs if (moment := due(state, limit)) is not None]
        self._wait_until(min(moments, default=None), now)
        self._steady = tuple(steady(state, limit) for state, limit in pairs)

    def _raise(self, limit: Limit, value: float, level: float) -> None:
        values = {"value": value, "limit": level, "known": True}
        self._alerts.async_raise(limit.code, uid=self._device.uid, severity=limit.severity, values=values)

    def _mark(self, limit: Limit, before: Watched, after: Watched) -> None:
        """Say of what is raised whether it is still known; an absent broker says so itself, and only once."""
        turned = after.raised and (before.gap is None) != (after.gap is None)
        if not turned or not self._device.connection.connected or (alert := self._active(limit)) is None:
            return
        values = {**alert.values, "known": after.gap is None}
        self._alerts.async_raise(limit.code, uid=self._device.uid, severity=alert.severity, values=values)

    def _wait_until(self, first: float | None, now: float) -> None:
        """Look again when the first that waits has waited long enough."""
        if first == self._due:
            return
        if self._timer is not None:
            self._timer()
            self._timer = None
        self._due = first
        if first is not None:
            job = HassJob(self._async_ring, cancel_on_shutdown=True)
            self._timer = async_call_later(self._device.connection.hass, max(first - now, 0), job)

    @callback
    def _async_ring(self, _now: datetime) -> None:
        self._timer = self._due = None
        self._async_look()


class Limits:
    """The watchers of a hub's devices."""

    def __init__(self, connection: Connection, devices: Devices, alerts: AlertLog) -> None:
        """Know no rules yet."""
        self._connection = connection
        self._devices = devices
        self._alerts = alerts
        self._rules: tuple[Rule, ...] = ()
        self._watchers: dict[str, Watcher] = {}
        self._air: dict[str, tuple[Limit, ...]] = {}
        # What a device's own threshold was asked to become, and from what: each is asked for once.
        self._aligned: dict[str, set[tuple[float, float]]] = {}

    @callback
    def async_start(self) -> None:
        """Watch over the devices that there are and those that come."""
        self._rules = self._read_rules()
        unload = self._connection.entry.async_on_unload
        unload(self._devices.async_listen(self._async_added))
        unload(self._devices.async_listen_growth(self._refresh))

    @callback
    def async_stop(self) -> None:
        """Watch no more."""
        for watcher in self._watchers.values():
            watcher.async_stop()

    @callback
    def async_forget(self, uid: str) -> None:
        """Watch no more over a device that is gone."""
        self._watchers.pop(uid).async_stop()
        self._air.pop(uid, None)
        self._aligned.pop(uid, None)

    @callback
    def async_begin_again(self, device: SmartAirDevice) -> None:
        """Forget how long a device has been beyond its limits: nobody was told."""
        self._watchers[device.uid].async_set(())
        self._refresh(device)

    @callback
    def async_rules_changed(self) -> None:
        """Watch by the rules that hold now, if they are others than before."""
        rules = self._read_rules()
        if rules != self._rules:
            self._rules = rules
            for device in self._devices.values():
                self._refresh(device)

    def _read_rules(self) -> tuple[Rule, ...]:
        found = self._connection.entry.subentries.values()
        return tuple(Rule.from_subentry(one) for one in found if one.subentry_type == SUBENTRY_ALERT_LIMIT)

    @callback
    def _async_added(self, devices: Iterable[SmartAirDevice]) -> None:
        for device in devices:
            self._watchers[device.uid] = Watcher(device, self._alerts)
            device.async_listen((KEY_CONFIG,), partial(self._refresh, device))
            self._refresh(device)

    def _refresh(self, device: SmartAirDevice) -> None:
        metrics = device.snapshot.metrics
        self._air[device.uid] = self._air_limits(device)
        off = device.setting("alerts_enabled") is False
        limits = tuple(
            limit
            for metric in USUAL
            if metric in metrics and not off
            for limit in _limits_of(metric, self.bounds(device, metric))
        )
        kept = {limit.code for limit in limits}
        for (metric, _), code in LIMIT_CODES.items():
            # After a crash it may not be known any more that the device measures what there is an alert of.
            if code not in kept and (off or metric in metrics):
                self._alerts.async_resolve(code, uid=device.uid)
        self._watchers[device.uid].async_set(limits)
        self._align(device)

    def _align(self, device: SmartAirDevice) -> None:
        """Have the device use the limit that its owner set here, and its own again when that is gone."""
        record, own = device.record, self.own_threshold(device)
        if own is None or device.pending:
            return
        level = self.threshold_by_rule(device)
        if level is None:
            record.own_threshold = None if own == record.own_threshold else record.own_threshold
        elif record.own_threshold is None:
            record.own_threshold = own
        wanted = record.own_threshold if level is None else level
        if wanted is None:
            return
        # One that was changed on the spot is asked once more; one that rounds or refuses is not asked for ever.
        tried = self._aligned.setdefault(device.uid, set())
        if own != wanted and (wanted, own) not in tried:
            tried.add((wanted, own))
            self._connection.async_create_task(self._async_align(device, wanted), f"CO2 threshold of {device.uid}")

    async def _async_align(self, device: SmartAirDevice, level: float) -> None:
        try:
            await device.async_configure({CO2_THRESHOLD: int(level) if level == int(level) else level})
        except HomeAssistantError as err:
            _LOGGER.info("The CO2 threshold of %s could not be set to that of its alert limit: %s", device.uid, err)
            self._aligned.pop(device.uid, None)

    def threshold_by_rule(self, device: SmartAirDevice) -> float | None:
        """Return the level that an alert limit sets for the device's own CO₂ threshold, where it offers one."""
        setting = device.snapshot.settings.get(CO2_THRESHOLD)
        rule = self.rule(device, "co2")
        level = rule.bounds.high if rule else None
        fits = (
            isinstance(setting, NumberSetting) and level is not None and setting.minimum <= level <= setting.maximum
        )
        return level if fits else None

    def fresh(self, device: SmartAirDevice) -> bool | None:
        """Tell whether the air is fresh, None where the device measures nothing of it; unknown is not fresh."""
        values = device.snapshot.values if device.available else _NOTHING
        limits = self._air_limits(device)
        if not limits:
            return None
        now = dt_util.now().time()
        return all(
            limit.metric in values
            and not limit.beyond(values[limit.metric], night=is_night(now, limit.night_begin, limit.night_end))
            and Place(limit.code, device.uid) not in self._alerts.book.active
            for limit in limits
        )

    def air(self, device: SmartAirDevice) -> tuple[Limit, ...]:
        """Return the limits of the air of a device, whether or not it is to alert."""
        return self._air.get(device.uid, ())

    def _air_limits(self, device: SmartAirDevice) -> tuple[Limit, ...]:
        return tuple(
            limit
            for metric in sorted(AIR & device.snapshot.metrics)
            for limit in _limits_of(metric, self.bounds(device, metric))
            if limit.side is Side.HIGH
        )

    def rule(self, device: SmartAirDevice, metric: str) -> Rule | None:
        """Return the alert limit that fits the device best; of two that fit alike, the one that was made later."""
        rules = [rule for rule in self._rules if rule.metric == metric and rule.closeness(device)]
        return max(reversed(rules), key=lambda rule: rule.closeness(device), default=None)

    @staticmethod
    def own_threshold(device: SmartAirDevice) -> float | None:
        """Return the device's own CO₂ threshold, where it has one."""
        threshold = device.setting(CO2_THRESHOLD)
        return threshold if isinstance(threshold, (int, float)) and not isinstance(threshold, bool) else None

    def bounds(self, device: SmartAirDevice, metric: str) -> Bounds:
        """Return the bounds of a measurement of a device: the closest rule's, the device's own, or the usual ones."""
        if (rule := self.rule(device, metric)) is not None:
            bounds = rule.bounds
            night = Night.from_setting(device.setting("night_mode"))
            return replace(bounds, night_begin=night.start, night_end=night.end) if night else bounds
        usual = USUAL[metric]
        threshold = self.own_threshold(device) if metric == "co2" else None
        if threshold is not None:
            # A tenth: a hundred below four hundred is air that there is not.
            return replace(usual, high=threshold, hysteresis=threshold / 10)
        return usual
