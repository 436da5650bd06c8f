"""Setting the limits of a measurement: first which, then for whom and how much."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from homeassistant.config_entries import ConfigEntryState, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import UnitOfTemperature
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.selector import (
    BooleanSelector,
    DeviceFilterSelectorConfig,
    DeviceSelector,
    DeviceSelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    TimeSelector,
)
from homeassistant.util.unit_conversion import TemperatureConverter
import voluptuous as vol

from ..const import DOMAIN
from ..issues import word
from ..notices.text import measured_text
from ..pysmartair import CATALOGUE, LIMIT_CODES, PROFILES, USUAL, Metric, Severity, Side, without_markup
from .limits import read_bounds

if TYPE_CHECKING:
    from ..devices.device import SmartAirDevice
    from ..hub import SmartAirConfigEntry, SmartAirHub

_MOST_LISTED = 12
_LEVELS = ("high", "low", "night_high")
# A day: what lasts longer is no matter of an alert.
_LONGEST_DELAY = 24 * 60


class AlertLimitFlow(ConfigSubentryFlow):
    """Adds or changes the limits of a measurement."""

    _metric: str

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which measurement is meant."""
        if user_input is not None:
            self._metric = user_input["metric"]
            return await self.async_step_bounds()
        options = SelectSelectorConfig(options=list(USUAL), translation_key="alert_metric")
        return self.async_show_form(
            step_id="user", data_schema=vol.Schema({vol.Required("metric"): SelectSelector(options)})
        )

    async def async_step_reconfigure(self, _user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask again for the limits of the same measurement."""
        self._metric = self._get_reconfigure_subentry().data["metric"]
        return await self.async_step_bounds()

    async def async_step_bounds(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the limits, and for whom they hold."""
        errors: dict[str, str] = {}
        house = _House.of(self.hass, CATALOGUE[self._metric])
        known = self._known()
        shown = house.shown(known)
        if user_input is not None:
            stored = house.stored(user_input, known)
            fault = read_bounds(stored).fault(self._metric)
            if fault is None:
                return self._finish(stored)
            errors["base"] = fault
            shown = user_input
        return self.async_show_form(
            step_id="bounds",
            data_schema=self.add_suggested_values_to_schema(_schema(CATALOGUE[self._metric], house), shown),
            errors=errors,
            description_placeholders={
                "metric": word(self.hass, "alert_metric", self._metric),
                "in_force": self._in_force(),
            },
        )

    def _in_force(self) -> str:
        """Return which limit holds for which device now, and why."""
        entry: SmartAirConfigEntry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return "–"
        hub = entry.runtime_data
        lines = [
            f"- {without_markup(device.place)}: {self._reason(hub, device)}"
            for device in hub.devices.values()
            if self._metric in device.snapshot.metrics
        ]
        more = [f"- … {len(lines) - _MOST_LISTED}"] if len(lines) > _MOST_LISTED else []
        return "\n".join([*sorted(lines)[:_MOST_LISTED], *more]) or "–"

    def _reason(self, hub: SmartAirHub, device: SmartAirDevice) -> str:
        bounds, rule = hub.limits.bounds(device, self._metric), hub.limits.rule(device, self._metric)
        levels = [measured_text(self.hass, self._metric, one) for one in (bounds.low, bounds.high) if one is not None]
        own = rule is None and self._metric == "co2" and hub.limits.own_threshold(device) is not None
        by = "by_device" if own else "by_default"
        why = without_markup(rule.title) if rule else word(self.hass, "notice", by)
        return f"{' – '.join(levels) or '–'} ({why})"

    def _finish(self, user_input: dict[str, Any]) -> SubentryFlowResult:
        data = {"metric": self._metric, **user_input}
        if self.source == "reconfigure":
            entry, subentry = self._get_entry(), self._get_reconfigure_subentry()
            return self.async_update_and_abort(entry, subentry, data=data, title=self._title(data))
        return self.async_create_entry(title=self._title(data), data=data)

    def _known(self) -> dict[str, Any]:
        if self.source == "reconfigure":
            return dict(self._get_reconfigure_subentry().data)
        usual = USUAL[self._metric]
        return {
            "high": usual.high,
            "low": usual.low,
            "hysteresis": usual.hysteresis,
            "delay": usual.delay / 60,
            "severity": usual.severity.value,
            "night_quiet": usual.night_quiet,
            "night_begin": usual.night_begin.isoformat(),
            "night_end": usual.night_end.isoformat(),
        }

    def _title(self, data: dict[str, Any]) -> str:
        """Return the measurement and for whom the limits hold, in the language of the house."""
        registry = dr.async_get(self.hass)
        devices = [registry.async_get(one) for one in data.get("devices", ())]
        names = [without_markup(one.name_by_user or one.name or "") for one in devices if one is not None]
        names += [word(self.hass, "device_type", one) for one in data.get("types", ())]
        whom = ", ".join(names) or word(self.hass, "alert_for", "all")
        return f"{word(self.hass, 'alert_metric', self._metric)}: {whom}"


@dataclass(frozen=True, slots=True)
class _House:
    """The unit in which the house reads a measurement; limits are stored in that of the measurement."""

    unit: str
    stored_unit: str

    @classmethod
    def of(cls, hass: HomeAssistant, metric: Metric) -> Self:
        """Return what the house reads a temperature in; everything else it reads as it is."""
        unit = hass.config.units.temperature_unit if metric.unit == UnitOfTemperature.CELSIUS else metric.unit
        return cls(unit or "", metric.unit or "")

    def level(self, value: float) -> float:
        """Return a stored level as it is shown."""
        if self.unit == self.stored_unit:
            return value
        return round(TemperatureConverter.convert(value, self.stored_unit, self.unit), 1)

    def width(self, value: float) -> float:
        """Return a stored difference as it is shown."""
        if self.unit == self.stored_unit:
            return value
        return round(TemperatureConverter.convert_interval(value, self.stored_unit, self.unit), 1)

    def shown(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is stored as it is shown."""
        ways = {"hysteresis": self.width, **dict.fromkeys(_LEVELS, self.level)}
        return {
            name: ways[name](value) if name in ways and value is not None else value for name, value in stored.items()
        }

    def stored(self, given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was typed as it is stored; what is shown rounded and left as it is changes nothing."""
        if self.unit == self.stored_unit:
            return dict(given)
        before, found = self.shown(known), dict(given)
        for name in {"hysteresis", *_LEVELS} & given.keys():
            convert = TemperatureConverter.convert_interval if name == "hysteresis" else TemperatureConverter.convert
            same = known.get(name) is not None and before[name] == given[name]
            found[name] = known[name] if same else round(convert(given[name], self.unit, self.stored_unit), 2)
        return found


def _schema(metric: Metric, house: _House) -> vol.Schema:
    sides = [side for side in Side if (metric.name, side) in LIMIT_CODES]
    level = _number(house.level(metric.minimum), house.level(metric.maximum), house.unit or None)
    width = _number(0, house.width(metric.maximum - metric.minimum), house.unit or None)
    night: dict[vol.Marker, Any] = {vol.Optional("night_high"): level} if Side.HIGH in sides else {}
    devices = DeviceSelectorConfig(filter=[DeviceFilterSelectorConfig(integration=DOMAIN)], multiple=True)
    types = SelectSelectorConfig(options=list(PROFILES), multiple=True, translation_key="device_type")
    severities = SelectSelectorConfig(options=list(Severity), translation_key="alert_severity")
    return vol.Schema(
        {
            vol.Optional("devices"): DeviceSelector(devices),
            vol.Optional("types"): SelectSelector(types),
            **{vol.Optional(side.value): level for side in sides},
            vol.Required("hysteresis"): width,
            vol.Required("delay"): _number(0, _LONGEST_DELAY, "min"),
            vol.Required("severity"): SelectSelector(severities),
            **night,
            vol.Required("night_quiet"): BooleanSelector(),
            vol.Required("night_begin"): TimeSelector(),
            vol.Required("night_end"): TimeSelector(),
        }
    )


def _number(minimum: float, maximum: float, unit: str | None) -> NumberSelector:
    config = NumberSelectorConfig(min=minimum, max=maximum, step="any", mode=NumberSelectorMode.BOX)
    if unit is not None:
        config["unit_of_measurement"] = unit
    return NumberSelector(config)
