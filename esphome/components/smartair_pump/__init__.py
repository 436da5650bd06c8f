"""Pumps under the safety contract: what would be unsafe is refused here, before there is any firmware."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.const import (
    CONF_CHANNEL,
    CONF_CURRENT,
    CONF_ID,
    CONF_INVERTED,
    CONF_LEVEL,
    CONF_NUMBER,
    CONF_OUTPUT,
    CONF_PIN,
    CONF_PLATFORM,
)
from esphome.core import CORE, ID, CoroPriority, Lambda, coroutine_with_priority
import esphome.final_validate as fv

from esphome import pins
from esphome.components import binary_sensor, output, sensor

from ..smartair import SmartAir, channel_id, smartair_ns

DEPENDENCIES = ["smartair"]
AUTO_LOAD = ["binary_sensor", "output", "sensor"]
CODEOWNERS = ["@smartair"]
MULTI_CONF = True

SmartAirPump = smartair_ns.class_("SmartAirPump", cg.Component)
Limits = smartair_ns.struct("Limits")
Role = smartair_ns.enum("Role", is_class=True)
ROLES = {"recirculation": Role.RECIRCULATION, "fill": Role.FILL, "drain": Role.DRAIN}

CONF_CONTACT_TIMEOUT = "contact_timeout"
CONF_DRAIN_OFF = "drain_off"
CONF_FLOAT_SWITCH = "float_switch"
CONF_FLOW = "flow"
CONF_LEAK = "leak"
CONF_MAX_CURRENT = "max_current"
CONF_MAX_LEVEL = "max_level"
CONF_MAX_OFF = "max_off"
CONF_MAX_RUN = "max_run"
CONF_MIN_FLOW = "min_flow"
CONF_MIN_LEVEL = "min_level"
CONF_RELAY = "relay"
CONF_RELAY_CONTACT = "relay_contact"
CONF_ROLE = "role"
CONF_SMARTAIR_ID = "smartair_id"
CONF_STALL_LIMIT = "stall_limit"

NORMALLY_CLOSED = "normally_closed"
NORMALLY_OPEN = "normally_open"

# What a duration is called in the rules, and its value in safety.md.
TIMES = {
    "start_grace": ("start_grace_ms", "10s"),
    "flow_dwell": ("flow_dwell_ms", "5s"),
    "dry_dwell": ("dry_dwell_ms", "3s"),
    "inrush": ("inrush_ms", "500ms"),
    "current_dwell": ("current_dwell_ms", "300ms"),
    "stuck_dwell": ("stuck_dwell_ms", "5s"),
    "stale_after": ("stale_after_ms", "15s"),
    "stale_grace": ("stale_grace_ms", "5s"),
    "progress_time": ("progress_ms", "60s"),
}


def current_ma(value):
    """Ampere, milliampere, or a plain number of ampere, as ESPHome writes currents."""
    amps = cv.current(value)
    if amps <= 0:
        raise cv.Invalid("a current limit must be above 0")
    return amps * 1000.0


def percent(value):
    """A level in percent of the reservoir."""
    return cv.float_range(min=0, max=100)(cv.float_(str(value).removesuffix("%")))


def percent_per_minute(value):
    """How fast the pump moves the level; the rules reckon by the second."""
    return cv.positive_not_null_float(value) / 60.0


def _relay(config):
    role, contact = config[CONF_ROLE], config[CONF_RELAY_CONTACT]
    if role == "recirculation" and contact != NORMALLY_CLOSED:
        raise cv.Invalid(
            "a recirculation pump must hang on a normally closed contact: with the power off, in a crash and "
            "in safe mode it has to run",
            path=[CONF_RELAY_CONTACT],
        )
    if role != "recirculation" and contact != NORMALLY_OPEN:
        raise cv.Invalid(
            f"a {role} pump must hang on a normally open contact: with the power off, in a crash and in "
            "safe mode it has to stand still",
            path=[CONF_RELAY_CONTACT],
        )
    return config


def _limits(config):
    role = config[CONF_ROLE]
    required = {
        "recirculation": {CONF_MAX_OFF: "or nothing would bring circulation back"},
        "fill": {
            CONF_MAX_LEVEL: "or nothing would stop it before the water runs over",
            CONF_LEVEL: "or nothing would stop it before the water runs over",
            CONF_MAX_RUN: "or a run would have no end",
        },
        "drain": {CONF_MAX_RUN: "or a run would have no end"},
    }[role]
    for key, why in required.items():
        if key not in config:
            raise cv.Invalid(f"{key} is required for a {role} pump, {why}")
    for sensor_key, limit in ((CONF_CURRENT, CONF_MAX_CURRENT), (CONF_FLOW, CONF_MIN_FLOW)):
        if (sensor_key in config) != (limit in config):
            raise cv.Invalid(f"{sensor_key} and {limit} are only of use together")
    draws = role != "fill"
    if draws and CONF_LEVEL in config and CONF_MIN_LEVEL not in config:
        raise cv.Invalid(f"min_level is required for a {role} pump with a level sensor, or it would run dry")
    if draws and CONF_LEVEL not in config and CONF_FLOAT_SWITCH not in config:
        raise cv.Invalid(f"a {role} pump needs level or float_switch, or it would run dry unseen")
    if role == "recirculation" and CONF_MAX_RUN in config:
        raise cv.Invalid("max_run makes no sense for a recirculation pump: running is its rest; see max_off")
    if role != "recirculation" and CONF_MAX_OFF in config:
        raise cv.Invalid(f"max_off makes no sense for a {role} pump: standing still is its rest; see max_run")
    return config


def bounded(low, high):
    """A duration with the bounds that sense sets."""
    return cv.All(
        cv.positive_time_period_milliseconds,
        cv.Range(min=cv.TimePeriod(milliseconds=low), max=cv.TimePeriod(milliseconds=high)),
    )


HOUR = 3600 * 1000

CONFIG_SCHEMA = cv.All(
    cv.Schema(
        {
            cv.GenerateID(): cv.declare_id(SmartAirPump),
            cv.GenerateID(CONF_SMARTAIR_ID): cv.use_id(SmartAir),
            cv.Required(CONF_CHANNEL): channel_id,
            cv.Required(CONF_ROLE): cv.one_of(*ROLES, lower=True),
            cv.Required(CONF_RELAY): cv.use_id(output.BinaryOutput),
            cv.Required(CONF_RELAY_CONTACT): cv.one_of(NORMALLY_CLOSED, NORMALLY_OPEN, lower=True),
            cv.Optional(CONF_LEVEL): cv.use_id(sensor.Sensor),
            cv.Optional(CONF_FLOW): cv.use_id(sensor.Sensor),
            cv.Optional(CONF_CURRENT): cv.use_id(sensor.Sensor),
            cv.Optional(CONF_FLOAT_SWITCH): cv.use_id(binary_sensor.BinarySensor),
            cv.Optional(CONF_LEAK): cv.use_id(binary_sensor.BinarySensor),
            cv.Optional(CONF_MIN_LEVEL): percent,
            cv.Optional(CONF_MAX_LEVEL): percent,
            cv.Optional(CONF_MIN_FLOW): cv.positive_not_null_float,
            cv.Optional(CONF_MAX_CURRENT): current_ma,
            cv.Optional("idle_current", default="50mA"): current_ma,
            cv.Optional("level_step", default=1): cv.positive_not_null_float,
            cv.Optional("level_rate"): percent_per_minute,
            cv.Optional(CONF_MAX_RUN): bounded(1000, 6 * HOUR),
            cv.Optional(CONF_MAX_OFF): bounded(1000, 2 * HOUR),
            cv.Optional(CONF_DRAIN_OFF, default="30min"): bounded(1000, 2 * HOUR),
            cv.Optional(CONF_CONTACT_TIMEOUT, default="2min"): bounded(1000, HOUR),
            # Below the task watchdog's five seconds, so that it acts first.
            cv.Optional(CONF_STALL_LIMIT, default="2s"): bounded(500, 5000),
            **{cv.Optional(key, default=default): bounded(50, HOUR) for key, (_, default) in TIMES.items()},
        }
    ).extend(cv.COMPONENT_SCHEMA),
    _relay,
    _limits,
)


def _output(full, relay):
    """The configuration of a relay's output."""
    return next(out for out in full[CONF_OUTPUT] if out[CONF_ID].id == relay.id)


def _uses(value, relay):
    """Whether a part of the configuration names the relay."""
    if isinstance(value, dict):
        return any(_uses(part, relay) for part in value.values())
    if isinstance(value, list):
        return any(_uses(part, relay) for part in value)
    if isinstance(value, Lambda):
        return any(part.id == relay.id for part in value.requires_ids)
    return isinstance(value, ID) and value.id == relay.id


def _relay_is_ours(full, relay):
    """Refuse a relay that something else could reach, or that the loop guard could not."""
    out = _output(full, relay)
    others = {key: part for key, part in full.items() if key not in (CONF_OUTPUT, "smartair_pump")}
    others[CONF_OUTPUT] = [other for other in full[CONF_OUTPUT] if other is not out]
    for key, part in others.items():
        if _uses(part, relay):
            raise cv.Invalid(
                f"{key} uses the relay {relay}: that would be a second way to the pump, past every check",
                path=[CONF_RELAY],
            )
    if not CORE.is_esp32:
        return
    if out[CONF_PLATFORM] != "gpio" or pins.PIN_SCHEMA_REGISTRY.get_key(out[CONF_PIN]) != CORE.target_platform:
        raise cv.Invalid(
            f"the relay {relay} must be on a pin of the chip itself: what stops a pump when the main loop hangs "
            "may only write such pins",
            path=[CONF_RELAY],
        )


def _final_validate(config):
    full = fv.full_config.get()
    _relay_is_ours(full, config[CONF_RELAY])
    if CORE.is_esp32 and not full["mqtt"].get("idf_send_async"):
        raise cv.Invalid(
            "mqtt: idf_send_async: must be true on a device with pumps, or publishing may hold up their protections "
            "for ten seconds"
        )
    pumps = full["smartair_pump"]
    for key, what in ((CONF_RELAY, "relay"), (CONF_CHANNEL, "channel")):
        values = [str(pump[key]) for pump in pumps]
        if values.count(str(config[key])) > 1:
            raise cv.Invalid(f"the {what} {config[key]} is used by two pumps", path=[key])
    for component, why in (
        ("deep_sleep", "a sleeping device protects nothing"),
        ("web_server", "it would be a second way to the relays, past every check"),
    ):
        if component in full:
            raise cv.Invalid(f"{component} must not be on a device with pumps: {why}")
    for component in ("wifi", "api"):
        timeout = full.get(component, {}).get("reboot_timeout")
        if timeout is not None and timeout.total_milliseconds != 0:
            raise cv.Invalid(
                f"{component}: reboot_timeout: must be 0s on a device with pumps, or it moves relays for nothing"
            )


FINAL_VALIDATE_SCHEMA = _final_validate


def _limits_struct(config):
    fields = [("role", ROLES[config[CONF_ROLE]])]
    for key, field in (
        (CONF_MIN_LEVEL, "min_level"),
        (CONF_MAX_LEVEL, "max_level"),
        (CONF_MIN_FLOW, "min_flow"),
        (CONF_MAX_CURRENT, "max_current_ma"),
        ("idle_current", "idle_current_ma"),
        ("level_step", "level_step"),
        ("level_rate", "rate"),
    ):
        if key in config:
            fields.append((field, config[key]))
    durations = {CONF_MAX_RUN: "max_run_ms", CONF_MAX_OFF: "max_off_ms", CONF_DRAIN_OFF: "drain_off_ms"}
    durations[CONF_CONTACT_TIMEOUT] = "contact_timeout_ms"
    durations.update({key: field for key, (field, _) in TIMES.items()})
    fields += [(field, config[key].total_milliseconds) for key, field in durations.items() if key in config]
    return cg.StructInitializer(Limits, *fields)


# So early that it stands before safe_mode's way out of the generated setup(): see relay_release.h.
@coroutine_with_priority(CoroPriority.PLATFORM - 1)
async def to_code(config):
    """Generate one channel."""
    out = _output(CORE.config, config[CONF_RELAY])
    if out[CONF_PLATFORM] == "gpio":
        cg.add(smartair_ns.release_relay(out[CONF_PIN][CONF_NUMBER], out[CONF_PIN][CONF_INVERTED]))
    # Everything else belongs behind the hub, and is not there in safe mode.
    hub = await cg.get_variable(config[CONF_SMARTAIR_ID])
    var = cg.new_Pvariable(config[CONF_ID])
    await cg.register_component(var, config)
    cg.add(var.set_hub(hub))
    cg.add(var.set_channel(config[CONF_CHANNEL]))
    cg.add(var.set_relay(await cg.get_variable(config[CONF_RELAY])))
    cg.add(var.set_limits(_limits_struct(config)))
    cg.add(var.set_stall_limit(config[CONF_STALL_LIMIT].total_milliseconds))
    for key in (CONF_LEVEL, CONF_FLOW, CONF_CURRENT, CONF_FLOAT_SWITCH, CONF_LEAK):
        if key in config:
            cg.add(getattr(var, f"set_{key}")(await cg.get_variable(config[key])))
    # All pumps of one device stand in one zone; filling and draining at once is never wanted.
    opposite = {"fill": "drain", "drain": "fill"}.get(config[CONF_ROLE])
    for other in CORE.config["smartair_pump"]:
        if other[CONF_ID].id == config[CONF_ID].id:
            continue
        pump = await cg.get_variable(other[CONF_ID])
        cg.add(var.add_to_zone(pump))
        if other[CONF_ROLE] == opposite:
            cg.add(var.add_interlock(pump))
    cg.add(var.offer_limits())
    cg.add(hub.add_participant(var))
