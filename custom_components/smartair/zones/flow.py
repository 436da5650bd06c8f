"""Adding a zone to a hub, and changing it."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigSubentry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import (
    CONF_NAME,
    PERCENTAGE,
    UnitOfConductivity,
    UnitOfLength,
    UnitOfTime,
    UnitOfVolume,
    UnitOfVolumeFlowRate,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    AreaSelector,
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    ObjectSelector,
    ObjectSelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TimeSelector,
)
from homeassistant.util.unit_conversion import BaseUnitConverter, DistanceConverter, VolumeConverter
import voluptuous as vol

from ..const import DOMAIN
from ..hub import SmartAirHub
from ..issues import word
from ..pysmartair.safety import Role
from ..pysmartair.water.model import NormalRecirc
from ..pysmartair.water.schedule import in_minutes
from ..pysmartair.water.tank import Tank
from .nodes import Nodes, zones_of
from .settings import (
    CONF_AREA,
    CONF_AUTOMATIC,
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
    CONF_NODE,
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


# What is written otherwise in other languages.
_SPELLED = {UnitOfTime.SECONDS, UnitOfTime.MINUTES, UnitOfTime.DAYS, UnitOfLength.CENTIMETERS}


def _sensor(name: str) -> EntitySelector:
    device_class = DEVICE_CLASSES.get(name)
    config = EntitySelectorConfig(domain="sensor")
    if device_class is not None:
        config["device_class"] = device_class
    return EntitySelector(config)


def _number(low: float, high: float, unit: str | None = None, *, step: float | Literal["any"] = 1) -> NumberSelector:
    config = NumberSelectorConfig(min=low, max=high, step=step, mode=NumberSelectorMode.BOX)
    if unit is not None:
        config["unit_of_measurement"] = unit
    if unit in _SPELLED:
        config["translation_key"] = "zone_unit"
    return NumberSelector(config)


_LEVEL = _number(0, 100, PERCENTAGE)
_PH = _number(0, 14, step=0.1)
_EC = _number(0, 20, UnitOfConductivity.MILLISIEMENS_PER_CM, step=0.1)
_DAYS = _number(1, 365, UnitOfTime.DAYS)

LIMITS: dict[str, NumberSelector] = {
    CONF_MIN: _LEVEL,
    CONF_EMPTY: _LEVEL,
    CONF_TARGET: _LEVEL,
    CONF_MAX: _LEVEL,
    CONF_PH_LOW: _PH,
    CONF_PH_HIGH: _PH,
    CONF_EC_LOW: _EC,
    CONF_EC_HIGH: _EC,
    CONF_TANK: _number(1, 100_000, UnitOfVolume.LITERS),
    CONF_HEIGHT: _number(1, 1000, UnitOfLength.CENTIMETERS, step=0.1),
    CONF_GAP: _number(0, 1000, UnitOfLength.CENTIMETERS, step=0.1),
    CONF_FILL_RATE: _number(0.1, 1000, UnitOfVolumeFlowRate.LITERS_PER_MINUTE, step=0.1),
    CONF_STALE: _number(10, 600, UnitOfTime.SECONDS),
    **{name: _number(0.01, 10_000, step=0.01) for name in MAX_POWER},
}
CYCLE: dict[str, BooleanSelector | NumberSelector | TimeSelector | ObjectSelector] = {
    CONF_AUTOMATIC: BooleanSelector(),
    CONF_INTERVAL: _DAYS,
    CONF_TIME: TimeSelector(),
    CONF_MAX_AGE: _DAYS,
    CONF_DRIFT: _number(5, 100, PERCENTAGE),
    CONF_SCHEDULE: ObjectSelector(
        # Without a field for the label, the list shows them all.
        ObjectSelectorConfig(
            multiple=True,
            translation_key="schedule",
            fields={
                "from": {"selector": TimeSelector(), "required": True},
                "to": {"selector": TimeSelector(), "required": True},
                "on_minutes": {"selector": _number(1, 240, UnitOfTime.MINUTES, step="any"), "required": True},
                "off_minutes": {"selector": _number(0, 30, UnitOfTime.MINUTES, step="any"), "required": True},
            },
        )
    ),
    # Roots in a channel without water begin to suffer after half an hour.
    CONF_MAX_OFF: _number(1, 30, UnitOfTime.MINUTES),
    # A pump ends a run by itself after twenty minutes, where its device has no other limit.
    CONF_DRAIN_TIMEOUT: _number(1, 20, UnitOfTime.MINUTES),
    CONF_FILL_TIMEOUT: _number(1, 20, UnitOfTime.MINUTES),
    CONF_STABILIZE: _number(1, 120, UnitOfTime.MINUTES),
}
_FIELDS: dict[str, tuple[str, ...]] = {
    SECTION_PUMPS: (*PUMPS, CONF_INVERTED),
    SECTION_SENSORS: (
        *(name for sensor in SENSORS for name in ((sensor, CONF_FROM_ABOVE) if sensor == "level" else (sensor,))),
        *(name for contact in CONTACTS.items() for name in contact),
        CONF_FLOW_OF,
        *POWER,
    ),
    SECTION_LIMITS: tuple(LIMITS),
    SECTION_CYCLE: tuple(CYCLE),
}
"""The fields of each section of what is stored."""
_STEPS: dict[str, tuple[str, ...]] = {
    "pumps": (SECTION_PUMPS, SECTION_SENSORS),
    "limits": (SECTION_LIMITS,),
    "cycle": (SECTION_CYCLE,),
}
"""The steps, each with its sections: a form shows an error beside its field only where that lies in no section."""
_BESIDE: dict[str, tuple[str, ...]] = {"pumps": (CONF_NAME, CONF_AREA, "base")}
"""What a step asks for, or says, beside its sections."""
# What is asked for in the unit of the house, and stored in this one.
_MEASURES: dict[str, tuple[SensorDeviceClass, type[BaseUnitConverter], str]] = {
    CONF_TANK: (SensorDeviceClass.VOLUME, VolumeConverter, UnitOfVolume.LITERS),
    CONF_HEIGHT: (SensorDeviceClass.DISTANCE, DistanceConverter, UnitOfLength.CENTIMETERS),
    CONF_GAP: (SensorDeviceClass.DISTANCE, DistanceConverter, UnitOfLength.CENTIMETERS),
}
NO_NODE = "none"
# What is offered where pH or EC is measured: what most leafy greens and fruit grow in.
OFFERED = {"ph": {CONF_PH_LOW: 5.5, CONF_PH_HIGH: 6.5}, "ec": {CONF_EC_LOW: 0.8, CONF_EC_HIGH: 3.0}}


def _field(name: str) -> vol.Marker:
    return vol.Required(name, default=DEFAULTS[name]) if name in DEFAULTS else vol.Optional(name)


def _plain(value: float) -> float:
    return int(value) if value == int(value) else value


class ZoneFlow(ConfigSubentryFlow):
    """The flow of a zone: which node, then its pumps and sensors, its limits, and when its water is changed."""

    def __init__(self) -> None:
        """Begin with an empty draft of what is stored, but for the entities, which have their present names."""
        self._draft: dict[str, Any] = {name: {} for name in SECTIONS}

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which pump node the zone is made of, if there is one."""
        nodes = Nodes(self.hass, self._hub)
        if user_input is not None:
            self._draft |= nodes.draft(user_input[CONF_NODE])
            self._draft[SECTION_LIMITS] = dict(self._offered())
            return await self.async_step_pumps()
        options = [SelectOptionDict(value=uid, label=label) for uid, label in nodes.labels.items()]
        if not options:
            return await self.async_step_pumps()
        options.append(SelectOptionDict(value=NO_NODE, label=word(self.hass, "zone_node", NO_NODE)))
        node = SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST))
        first = nodes.unused or options[0]["value"]
        return self.async_show_form(
            step_id="user", data_schema=vol.Schema({vol.Required(CONF_NODE, default=first): node}), last_step=False
        )

    async def async_step_reconfigure(self, _user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what of a zone is to be changed, unless it is changing its water."""
        subentry = self._get_reconfigure_subentry()
        if self._zone is not None and not isinstance(self._zone.memory.state, NormalRecirc):
            return self.async_abort(reason="water_change_running")
        self._draft = self._shown(subentry)
        return self.async_show_menu(
            step_id="reconfigure", menu_options=list(_STEPS), description_placeholders=self._words()
        )

    async def async_step_pumps(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the name, the pumps and the sensors."""
        return await self._async_step("pumps", user_input)

    async def async_step_limits(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the limits."""
        return await self._async_step("limits", user_input)

    async def async_step_cycle(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask when the water is changed, and when circulation rests."""
        return await self._async_step("cycle", user_input)

    async def _async_step(self, step_id: str, user_input: dict[str, Any] | None) -> SubentryFlowResult:
        if user_input is None:
            return self._form(step_id, {})
        self._take(step_id, user_input)
        errors = self._errors()
        if wrong := _of_step(step_id, errors):
            return self._form(step_id, wrong)
        if self.source == SOURCE_RECONFIGURE:
            # What was chosen here may want something of another step, as a level in centimetres does of the tank.
            other = next((one for one in _STEPS if _of_step(one, errors)), None)
            return self._form(other, _of_step(other, errors)) if other is not None else await self._async_change()
        steps = list(_STEPS)
        following = steps[steps.index(step_id) + 1 :]
        if following:
            if step_id == "pumps" and not self._draft[SECTION_LIMITS]:
                self._draft[SECTION_LIMITS] = dict(self._offered())
            return self._form(following[0], {})
        return self.async_create_entry(title=self._draft[CONF_NAME], data=self._stored())

    async def _async_change(self) -> SubentryFlowResult:
        entry, subentry, data = self._get_entry(), self._get_reconfigure_subentry(), self._stored()
        area, automatic = data.pop(CONF_AREA, None), data[SECTION_CYCLE].pop(CONF_AUTOMATIC)
        if (zone := self._zone) is not None:
            # From now on these are kept where people change them otherwise as well.
            zone.async_set_area(area)
            if automatic is not zone.memory.automatic:
                await zone.async_set_automatic(on=automatic)
        return self.async_update_and_abort(entry, subentry, title=self._draft[CONF_NAME], data=data)

    # --- forms ----------------------------------------------------------------------------------

    def _form(self, step_id: str, errors: dict[str, str]) -> SubentryFlowResult:
        shown = {name: value for section in _STEPS[step_id] for name, value in self._draft[section].items()}
        shown |= {name: self._draft[name] for name in _BESIDE.get(step_id, ()) if name in self._draft}
        shown |= {name: self._in_house(name, value) for name, value in shown.items() if name in _MEASURES}
        if isinstance(schedule := shown.get(CONF_SCHEDULE), list):
            longest = self._draft[SECTION_CYCLE].get(CONF_MAX_OFF, DEFAULTS[CONF_MAX_OFF])
            shown[CONF_SCHEDULE] = [in_minutes(one, longest) for one in schedule]
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(self._schema(step_id), shown),
            errors=errors,
            description_placeholders=self._words(),
            last_step=step_id == list(_STEPS)[-1] or self.source == SOURCE_RECONFIGURE,
        )

    def _words(self) -> dict[str, str]:
        return {"sensors": self._told(), "zone": self._draft.get(CONF_NAME, "")}

    def _schema(self, step_id: str) -> vol.Schema:
        match step_id:
            case "pumps":
                sensors = _sensors() | (
                    {vol.Optional(name): _sensor(name) for name in POWER} if self._foreign else {}
                )
                return vol.Schema({vol.Required(CONF_NAME): TextSelector(), **self._pumps(), **sensors})
            case "limits":
                return vol.Schema({_field(name): self._limit(name) for name in LIMITS if self._has_limit(name)})
            case _:
                return vol.Schema({_field(name): selector for name, selector in CYCLE.items()})

    def _pumps(self) -> dict[vol.Marker, Any]:
        pump = EntitySelector(EntitySelectorConfig(domain="switch", include_entities=self._offered_pumps()))
        inverted = SelectSelector(
            SelectSelectorConfig(options=list(PUMPS), multiple=True, translation_key=CONF_FLOW_OF)
        )
        pumps: dict[vol.Marker, Any] = {vol.Optional(CONF_AREA): AreaSelector()}
        pumps |= {vol.Optional(name): pump for name in PUMPS}
        return pumps | ({vol.Optional(CONF_INVERTED): inverted} if self._foreign else {})

    @property
    def _foreign(self) -> bool:
        """Whether a pump is, or may become, a switch of another make, of which more is to be told."""
        chosen, hub = [one for role in PUMPS if (one := self._draft[SECTION_PUMPS].get(role))], self._hub
        return not chosen or hub is None or not all(hub.zones.is_ours(one) for one in chosen)

    def _has_limit(self, name: str) -> bool:
        """Tell whether a limit is asked for: the most that a pump may draw only where that is measured."""
        if name not in MAX_POWER or name in self._draft[SECTION_LIMITS]:
            return True
        measured = next(power for power, role in POWER.items() if role is MAX_POWER[name])
        return measured in self._draft[SECTION_SENSORS]

    def _limit(self, name: str) -> NumberSelector:
        selector = LIMITS[name]
        if name not in _MEASURES or (unit := self._unit_of_house(name)) == _MEASURES[name][2]:
            return selector
        low, high = (self._in_house(name, selector.config[one]) for one in ("min", "max"))
        return _number(low, high, unit, step="any")

    def _offered_pumps(self) -> list[str]:
        """Return the switches that may be pumps: those of pumps, and of others what is no setting of something."""
        registry = er.async_get(self.hass)
        offered = [*Nodes(self.hass, self._hub).switches]
        for entity_id in self.hass.states.async_entity_ids("switch"):
            entry = registry.async_get(entity_id)
            if entry is None or (entry.platform != DOMAIN and entry.entity_category is None):
                offered.append(entity_id)
        # What was chosen before stays what is chosen, also while it is not there.
        offered += [one for role in PUMPS if (one := self._draft[SECTION_PUMPS].get(role))]
        return list(dict.fromkeys(offered))

    def _offered(self) -> Mapping[str, float]:
        """Return the limits of pH and EC that are offered where something measures them."""
        sensors = self._draft[SECTION_SENSORS]
        return {
            name: value for what, limits in OFFERED.items() if sensors.get(what) for name, value in limits.items()
        }

    def _told(self) -> str:
        """Return in words what is known of the sensors that were chosen, and how each is judged."""
        hub = self._hub
        chosen, limits = self._draft[SECTION_SENSORS], self._draft[SECTION_LIMITS]
        lines: list[str] = []
        for what in (*SENSORS, *POWER):
            if hub is None or not (entity_id := chosen.get(what)) or metric_of(hub, entity_id):
                # Each report of our own devices counts, and there is nothing to be told.
                continue
            source = known_source(hub.zones.values(), what, entity_id)
            judged = Judged.CHANGES
            pace, term = None, limits.get(CONF_STALE, DEFAULTS[CONF_STALE])
            if source is not None:
                judged, pace = source.judged(term), source.hearing.pace
            words = word(self.hass, "source_judged", judged)
            lines.append(f"- `{entity_id}`: {words}" + (f" ({pace:.0f} s)" if pace is not None else ""))
        return "\n".join(lines)

    # --- units of the house ---------------------------------------------------------------------

    def _unit_of_house(self, name: str) -> str:
        device_class, _, unit = _MEASURES[name]
        return self.hass.config.units.get_converted_unit(device_class, unit) or unit

    def _in_house(self, name: str, value: float) -> float:
        _, converter, unit = _MEASURES[name]
        house = self._unit_of_house(name)
        return value if house == unit else round(converter.convert(value, unit, house), 2)

    def _from_house(self, name: str, value: float) -> float:
        """Return what is stored for what was typed; what is shown rounded and left as it is changes nothing."""
        before = self._draft[SECTION_LIMITS].get(name)
        if before is not None and self._in_house(name, before) == value:
            return float(before)
        _, converter, unit = _MEASURES[name]
        return _plain(round(converter.convert(value, self._unit_of_house(name), unit), 2))

    # --- what is stored -------------------------------------------------------------------------

    @property
    def _hub(self) -> SmartAirHub | None:
        return getattr(self._get_entry(), "runtime_data", None)

    @property
    def _zone(self) -> Zone | None:
        hub = self._hub
        return hub.zones.get(self._get_reconfigure_subentry().subentry_id) if hub is not None else None

    def _take(self, step_id: str, user_input: Mapping[str, Any]) -> None:
        """Take what was typed into the draft."""
        given = dict(user_input)
        given |= {name: self._from_house(name, value) for name, value in given.items() if name in _MEASURES}
        for section in _STEPS[step_id]:
            self._draft[section] = {name: given[name] for name in _FIELDS[section] if name in given}
        if step_id == "pumps":
            self._draft[CONF_NAME] = given[CONF_NAME].strip()
            self._draft.pop(CONF_AREA, None)
            self._draft |= {CONF_AREA: given[CONF_AREA]} if given.get(CONF_AREA) else {}

    def _stored(self) -> dict[str, Any]:
        """Return what is stored: entities are named by what outlives a rename."""
        data = {name: dict(self._draft[name]) for name in SECTIONS}
        for one, name in _entities(data):
            one[name] = reference_of(self.hass, one[name])
        return data | ({CONF_AREA: self._draft[CONF_AREA]} if CONF_AREA in self._draft else {})

    def _shown(self, subentry: ConfigSubentry) -> dict[str, Any]:
        """Return what is stored with entities named as they are now; one that is gone is left out."""
        data = {name: dict(subentry.data[name]) for name in SECTIONS}
        for one, name in _entities(data):
            if (entity_id := entity_id_of(self.hass, one[name])) is not None:
                one[name] = entity_id
            else:
                del one[name]
        draft: dict[str, Any] = {CONF_NAME: subentry.title, **data}
        zone = self._zone
        if zone is not None:
            draft[SECTION_CYCLE] |= {CONF_AUTOMATIC: zone.memory.automatic}
            device = zone.registered
            draft |= {CONF_AREA: device.area_id} if device is not None and device.area_id else {}
        return draft

    # --- what is wrong --------------------------------------------------------------------------

    def _errors(self) -> dict[str, str]:
        """Return what is wrong, each at its field."""
        draft, data = self._draft, self._stored()
        errors = judge(data)
        this = self._get_reconfigure_subentry() if self.source == SOURCE_RECONFIGURE else None
        others = [other for other in zones_of(self.hass) if this is None or other.subentry_id != this.subentry_id]
        name = draft[CONF_NAME]
        if not name:
            errors[CONF_NAME] = "name_missing"
        elif name.casefold() in {other.title.casefold() for other in others}:
            errors[CONF_NAME] = "name_taken"
        taken = {other.data[SECTION_PUMPS].get(role) for other in others for role in PUMPS}
        for role in PUMPS:
            entity = data[SECTION_PUMPS].get(role)
            if entity and entity in taken:
                errors[role] = "pump_of_other_zone"
            elif entity and self._has_other_role(draft[SECTION_PUMPS][role], PUMPS[role]):
                errors[role] = "pump_has_other_role"
        if (inverted := self._inverted(draft[SECTION_PUMPS])) is not None:
            errors[CONF_INVERTED] = inverted
        if data[SECTION_PUMPS].keys().isdisjoint(PUMPS) and not data[SECTION_SENSORS].keys() & {*MEASURED}:
            errors["base"] = "nothing_chosen"
        errors |= self._judge_units(draft[SECTION_SENSORS], tank_of(data))
        return errors | self._judge_power(draft[SECTION_PUMPS], draft[SECTION_SENSORS])

    def _judge_units(self, sensors: Mapping[str, Any], tank: Tank) -> dict[str, str]:
        """Return what is wrong with the units of sensors; those of SmartAir devices are known."""
        errors: dict[str, str] = {}
        hub = self._hub
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
        hub = self._hub
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
        hub = self._hub
        for role in pumps.get(CONF_INVERTED, ()):
            if not pumps.get(role):
                return "inverted_without_pump"
            if hub is not None and hub.zones.is_ours(pumps[role]):
                return "inverted_of_device"
        return None

    def _has_other_role(self, entity_id: str, role: Role) -> bool:
        hub = self._hub
        pump = hub.zones.pump_of(entity_id) if hub is not None else None
        return pump is not None and pump.role is not role


def _of_step(step_id: str, errors: Mapping[str, str]) -> dict[str, str]:
    fields = {*_BESIDE.get(step_id, ()), *(name for section in _STEPS[step_id] for name in _FIELDS[section])}
    return {name: error for name, error in errors.items() if name in fields}


def _sensors() -> dict[vol.Marker, Any]:
    sensors: dict[vol.Marker, Any] = {}
    for name in SENSORS:
        sensors[vol.Optional(name)] = _sensor(name)
        if name == "level":
            sensors[vol.Optional(CONF_FROM_ABOVE, default=False)] = BooleanSelector()
    for name, inverted_contact in CONTACTS.items():
        sensors[vol.Optional(name)] = EntitySelector(EntitySelectorConfig(domain="binary_sensor"))
        sensors[vol.Optional(inverted_contact, default=False)] = BooleanSelector()
    flow_of = SelectSelector(SelectSelectorConfig(options=list(PUMPS), translation_key=CONF_FLOW_OF))
    sensors[vol.Required(CONF_FLOW_OF, default=FLOW_OF)] = flow_of
    return sensors


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
