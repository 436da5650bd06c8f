"""Adding a zone to a hub, and changing it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.config_entries import ConfigSubentry, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import (
    CONF_NAME,
    PERCENTAGE,
    UnitOfConductivity,
    UnitOfLength,
    UnitOfTime,
    UnitOfVolume,
    UnitOfVolumeFlowRate,
)
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    ObjectSelector,
    ObjectSelectorConfig,
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TimeSelector,
)
import voluptuous as vol

from ..alerts.announce import word
from ..const import DOMAIN, SUBENTRY_ZONE
from ..pysmartair.safety import Role
from ..pysmartair.water.model import NormalRecirc
from ..pysmartair.water.tank import Tank
from .settings import (
    CONF_DRAIN_TIMEOUT,
    CONF_DRIFT,
    CONF_EC_HIGH,
    CONF_EC_LOW,
    CONF_EMPTY,
    CONF_FILL_RATE,
    CONF_FILL_TIMEOUT,
    CONF_FLOW_OF,
    CONF_FROM_ABOVE,
    CONF_GAP,
    CONF_HEIGHT,
    CONF_INTERVAL,
    CONF_INVERTED,
    CONF_MAX,
    CONF_MAX_AGE,
    CONF_MAX_OFF,
    CONF_MIN,
    CONF_PH_HIGH,
    CONF_PH_LOW,
    CONF_SCHEDULE,
    CONF_STABILIZE,
    CONF_STALE,
    CONF_TANK,
    CONF_TARGET,
    CONF_TIME,
    CONTACTS,
    DEFAULTS,
    FLOW_OF,
    MAX_POWER,
    MEASURED,
    POWER,
    PUMPS,
    SECTION_CYCLE,
    SECTION_LIMITS,
    SECTION_PUMPS,
    SECTION_SENSORS,
    SENSORS,
    judge,
    tank_of,
)
from .sources import (
    METRICS,
    Judged,
    Source,
    StateSource,
    Trouble,
    drawn_as,
    entity_id_of,
    is_length,
    metric_of,
    reference_of,
    unit_of,
    unit_trouble,
)

if TYPE_CHECKING:
    from ..hub import SmartAirHub
    from .zone import Zone

SECTIONS = (SECTION_PUMPS, SECTION_SENSORS, SECTION_LIMITS, SECTION_CYCLE)
# What a sensor may be, where Home Assistant has a word for it; a level in percent has none.
DEVICE_CLASSES: dict[str, list[str]] = {
    "flow": [SensorDeviceClass.VOLUME_FLOW_RATE],
    "ph": [SensorDeviceClass.PH],
    "ec": [SensorDeviceClass.CONDUCTIVITY],
    "temperature": [SensorDeviceClass.TEMPERATURE],
    **{name: [SensorDeviceClass.POWER, SensorDeviceClass.CURRENT] for name in POWER},
}


def _sensor(name: str) -> EntitySelector:
    device_class = DEVICE_CLASSES.get(name)
    config = EntitySelectorConfig(domain="sensor")
    if device_class is not None:
        config["device_class"] = device_class
    return EntitySelector(config)


def _number(low: float, high: float, unit: str | None = None, *, step: float = 1) -> NumberSelector:
    config = NumberSelectorConfig(min=low, max=high, step=step, mode=NumberSelectorMode.BOX)
    if unit is not None:
        config["unit_of_measurement"] = unit
    return NumberSelector(config)


_LEVEL = _number(0, 100, PERCENTAGE)
_PH = _number(0, 14, step=0.1)
_EC = _number(0, 20, UnitOfConductivity.MILLISIEMENS_PER_CM, step=0.1)
_DAYS = _number(1, 365, UnitOfTime.DAYS)

LIMITS: dict[str, NumberSelector] = {
    CONF_TANK: _number(1, 100_000, UnitOfVolume.LITERS),
    CONF_HEIGHT: _number(1, 1000, UnitOfLength.CENTIMETERS, step=0.1),
    CONF_GAP: _number(0, 1000, UnitOfLength.CENTIMETERS, step=0.1),
    CONF_FILL_RATE: _number(0.1, 1000, UnitOfVolumeFlowRate.LITERS_PER_MINUTE, step=0.1),
    CONF_MIN: _LEVEL,
    CONF_EMPTY: _LEVEL,
    CONF_TARGET: _LEVEL,
    CONF_MAX: _LEVEL,
    CONF_STALE: _number(10, 600, UnitOfTime.SECONDS),
    CONF_PH_LOW: _PH,
    CONF_PH_HIGH: _PH,
    CONF_EC_LOW: _EC,
    CONF_EC_HIGH: _EC,
    **{name: _number(0.01, 10_000, step=0.01) for name in MAX_POWER},
}
CYCLE: dict[str, NumberSelector | TimeSelector | ObjectSelector] = {
    CONF_INTERVAL: _DAYS,
    CONF_TIME: TimeSelector(),
    CONF_MAX_AGE: _DAYS,
    CONF_DRIFT: _number(5, 100, PERCENTAGE),
    # Roots in a channel without water begin to suffer after half an hour.
    CONF_MAX_OFF: _number(1, 30, UnitOfTime.MINUTES),
    CONF_SCHEDULE: ObjectSelector(
        ObjectSelectorConfig(
            multiple=True,
            label_field="from",
            description_field="to",
            translation_key="schedule",
            fields={
                "from": {"selector": TimeSelector(), "required": True},
                "to": {"selector": TimeSelector(), "required": True},
                "duty_cycle": {"selector": _number(0, 1, step=0.05), "required": True},
            },
        )
    ),
    # A pump ends a run by itself after twenty minutes, where its device has no other limit.
    CONF_DRAIN_TIMEOUT: _number(1, 20, UnitOfTime.MINUTES),
    CONF_FILL_TIMEOUT: _number(1, 20, UnitOfTime.MINUTES),
    CONF_STABILIZE: _number(1, 120, UnitOfTime.MINUTES),
}
_FIELDS: dict[str, tuple[str, ...]] = {
    SECTION_PUMPS: (*PUMPS, CONF_INVERTED),
    SECTION_SENSORS: (*MEASURED, CONF_FROM_ABOVE),
    SECTION_LIMITS: tuple(LIMITS),
    SECTION_CYCLE: tuple(CYCLE),
}


def _field(name: str) -> vol.Marker:
    return vol.Required(name, default=DEFAULTS[name]) if name in DEFAULTS else vol.Optional(name)


def _schema() -> vol.Schema:
    pump = EntitySelector(EntitySelectorConfig(domain="switch"))
    flow_of = SelectSelector(SelectSelectorConfig(options=list(PUMPS), translation_key=CONF_FLOW_OF))
    inverted = SelectSelector(SelectSelectorConfig(options=list(PUMPS), multiple=True, translation_key=CONF_FLOW_OF))
    pumps: dict[vol.Marker, Any] = {vol.Optional(name): pump for name in PUMPS}
    pumps[vol.Optional(CONF_INVERTED)] = inverted
    sensors: dict[vol.Marker, Any] = {}
    for name in SENSORS:
        sensors[vol.Optional(name)] = _sensor(name)
        if name == "level":
            sensors[vol.Optional(CONF_FROM_ABOVE, default=False)] = BooleanSelector()
    for name, inverted_contact in CONTACTS.items():
        sensors[vol.Optional(name)] = EntitySelector(EntitySelectorConfig(domain="binary_sensor"))
        sensors[vol.Optional(inverted_contact, default=False)] = BooleanSelector()
    sensors[vol.Required(CONF_FLOW_OF, default=FLOW_OF)] = flow_of
    sensors |= {vol.Optional(name): _sensor(name) for name in POWER}
    return vol.Schema(
        {
            vol.Required(CONF_NAME): TextSelector(),
            vol.Required(SECTION_PUMPS): section(vol.Schema(pumps)),
            vol.Required(SECTION_SENSORS): section(vol.Schema(sensors)),
            vol.Required(SECTION_LIMITS): section(
                vol.Schema({_field(name): selector for name, selector in LIMITS.items()}), {"collapsed": True}
            ),
            vol.Required(SECTION_CYCLE): section(
                vol.Schema({_field(name): selector for name, selector in CYCLE.items()}), {"collapsed": True}
            ),
        }
    )


class ZoneFlow(ConfigSubentryFlow):
    """The flow of a zone."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Add a zone."""
        errors: dict[str, str] = {}
        if user_input is not None:
            data = self._referring(user_input)
            errors = self._judge(user_input, data)
            if not errors:
                return self.async_create_entry(title=user_input[CONF_NAME].strip(), data=data)
        return self._form("user", user_input, errors)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change a zone, unless it is changing its water."""
        subentry = self._get_reconfigure_subentry()
        if self._busy(subentry):
            return self.async_abort(reason="water_change_running")
        errors: dict[str, str] = {}
        if user_input is not None:
            data = self._referring(user_input)
            errors = self._judge(user_input, data, subentry)
            if not errors:
                title = user_input[CONF_NAME].strip()
                return self.async_update_and_abort(self._get_entry(), subentry, title=title, data=data)
        shown = user_input or {CONF_NAME: subentry.title, **self._shown(subentry.data)}
        return self._form("reconfigure", shown, errors)

    def _form(self, step_id: str, shown: Mapping[str, Any] | None, errors: dict[str, str]) -> SubentryFlowResult:
        schema = self.add_suggested_values_to_schema(_schema(), shown)
        told = {"sensors": self._told(shown or {})}
        return self.async_show_form(step_id=step_id, data_schema=schema, errors=errors, description_placeholders=told)

    def _told(self, shown: Mapping[str, Any]) -> str:
        """Return in words what is known of the sensors that were chosen, and how each is judged."""
        hub = getattr(self._get_entry(), "runtime_data", None)
        chosen = shown.get(SECTION_SENSORS, {})
        lines: list[str] = []
        for what in (*SENSORS, *POWER):
            if hub is None or not (entity_id := chosen.get(what)):
                continue
            source = known_source(hub.zones.values(), what, entity_id)
            judged = Judged.DEVICE if metric_of(hub, entity_id) else Judged.CHANGES
            pace, term = None, shown[SECTION_LIMITS].get(CONF_STALE, DEFAULTS[CONF_STALE])
            if source is not None:
                judged, pace = source.judged(term), source.hearing.pace
            words = word(self.hass, "source_judged", judged)
            lines.append(f"- `{entity_id}`: {words}" + (f" ({pace:.0f} s)" if pace is not None else ""))
        return "\n".join(lines)

    def _busy(self, subentry: ConfigSubentry) -> bool:
        hub = getattr(self._get_entry(), "runtime_data", None)
        zone = hub.zones.get(subentry.subentry_id) if hub is not None else None
        return zone is not None and not isinstance(zone.memory.state, NormalRecirc)

    # --- names of entities ----------------------------------------------------------------------

    def _referring(self, user_input: Mapping[str, Any]) -> dict[str, Any]:
        """Return the input with entities named by what outlives a rename."""
        data = {name: dict(user_input[name]) for name in SECTIONS}
        for one, name in _entities(data):
            one[name] = reference_of(self.hass, one[name])
        return data

    def _shown(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is stored with entities named as they are now; one that is gone is left out."""
        data = {name: dict(stored[name]) for name in SECTIONS}
        for one, name in _entities(data):
            if (entity_id := entity_id_of(self.hass, one[name])) is not None:
                one[name] = entity_id
            else:
                del one[name]
        return data

    # --- what is wrong --------------------------------------------------------------------------

    def _judge(
        self, user_input: Mapping[str, Any], data: dict[str, Any], subentry: ConfigSubentry | None = None
    ) -> dict[str, str]:
        """Return what is wrong, each at its field, and at the section that the field may be folded away in."""
        errors = judge(data)
        others = [other for other in self._zones() if subentry is None or other.subentry_id != subentry.subentry_id]
        name = user_input[CONF_NAME].strip()
        if not name:
            errors[CONF_NAME] = "name_missing"
        elif name.casefold() in {other.title.casefold() for other in others}:
            errors[CONF_NAME] = "name_taken"
        taken = {other.data[SECTION_PUMPS].get(role) for other in others for role in PUMPS}
        for role in PUMPS:
            entity = data[SECTION_PUMPS].get(role)
            if entity and entity in taken:
                errors[role] = "pump_of_other_zone"
            elif entity and self._has_other_role(user_input[SECTION_PUMPS][role], PUMPS[role]):
                errors[role] = "pump_has_other_role"
        if (inverted := self._inverted(user_input[SECTION_PUMPS])) is not None:
            errors[CONF_INVERTED] = inverted
        if data[SECTION_PUMPS].keys().isdisjoint(PUMPS) and not data[SECTION_SENSORS].keys() & {*MEASURED}:
            errors["base"] = "nothing_chosen"
        errors |= self._judge_units(user_input[SECTION_SENSORS], tank_of(data))
        errors |= self._judge_power(user_input[SECTION_PUMPS], user_input[SECTION_SENSORS])
        for name, fields in _FIELDS.items():
            wrong = [errors[one] for one in fields if one in errors]
            errors |= {name: wrong[0]} if wrong else {}
        return errors

    def _judge_units(self, sensors: Mapping[str, Any], tank: Tank) -> dict[str, str]:
        """Return what is wrong with the units of sensors; those of SmartAir devices are known."""
        errors: dict[str, str] = {}
        hub = getattr(self._get_entry(), "runtime_data", None)
        for what in SENSORS:
            entity_id = sensors.get(what)
            if not entity_id or (hub is not None and metric_of(hub, entity_id) is not None):
                continue
            length = is_length(unit_of(self.hass, entity_id))
            match unit_trouble(self.hass, what, entity_id, tank):
                case Trouble.UNIT:
                    errors[what] = f"unit_of_{what}"
                case Trouble.MEASURES:
                    errors |= {CONF_HEIGHT: "height_missing"} if length else {CONF_TANK: "volume_missing"}
                case _:
                    pass
            if what == "level" and sensors.get(CONF_FROM_ABOVE) and unit_of(self.hass, entity_id) and not length:
                errors[CONF_FROM_ABOVE] = "not_a_distance"
        return errors

    def _judge_power(self, pumps: Mapping[str, Any], sensors: Mapping[str, Any]) -> dict[str, str]:
        """Return what is wrong with what measures what the pumps draw, as far as a running hub can tell."""
        hub: SmartAirHub | None = getattr(self._get_entry(), "runtime_data", None)
        errors: dict[str, str] = {}
        for what, role in POWER.items():
            entity_id, pump = sensors.get(what), pumps.get(str(role))
            if not entity_id or not pump or hub is None:
                continue
            if hub.zones.is_ours(pump):
                errors[what] = "power_of_device"
            elif (found := metric_of(hub, entity_id)) is not None:
                errors |= {} if found[1] == METRICS["current"] else {what: "unit_of_power"}
            elif unit_trouble(self.hass, drawn_as(hub, entity_id), entity_id, Tank()) is Trouble.UNIT:
                errors[what] = "unit_of_power"
        return errors

    def _inverted(self, pumps: Mapping[str, Any]) -> str | None:
        """Return what is wrong with the pumps whose switch opens the contact when it is on."""
        hub = getattr(self._get_entry(), "runtime_data", None)
        for role in pumps.get(CONF_INVERTED, ()):
            if not pumps.get(role):
                return "inverted_without_pump"
            if hub is not None and hub.zones.is_ours(pumps[role]):
                return "inverted_of_device"
        return None

    def _zones(self) -> Iterator[ConfigSubentry]:
        for entry in self.hass.config_entries.async_entries(DOMAIN):
            yield from (one for one in entry.subentries.values() if one.subentry_type == SUBENTRY_ZONE)

    def _has_other_role(self, entity_id: str, role: Role) -> bool:
        hub = getattr(self._get_entry(), "runtime_data", None)
        pump = hub.zones.pump_of(entity_id) if hub is not None else None
        return pump is not None and pump.role is not role


def known_source(zones: Iterable[Zone], what: str, entity_id: str) -> Source | None:
    """Return what the zones have heard of a sensor, None where none of them listens to it."""
    for zone in zones:
        source = zone.sources.get(what)
        if isinstance(source, StateSource) and source.entity_id == entity_id:
            return source
    return None


def _entities(data: Mapping[str, dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
    pumps, sensors = data[SECTION_PUMPS], data[SECTION_SENSORS]
    return [(pumps, one) for one in PUMPS if one in pumps] + [(sensors, one) for one in MEASURED if one in sensors]
