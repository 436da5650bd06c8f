"""The device side of the SmartAir protocol: one hub per device, over ESPHome's own mqtt component."""

import re

import esphome.codegen as cg
from esphome.components.safe_mode import SafeModeComponent
import esphome.config_validation as cv
from esphome.const import (
    CONF_CHANNEL,
    CONF_ID,
    CONF_MODEL,
    CONF_NAME,
    CONF_PLATFORM,
    CONF_SENSOR,
    CONF_TIME_ID,
    CONF_TRIGGER_ID,
)
from esphome.core import CORE
import esphome.final_validate as fv

from esphome import automation
from esphome.components import esp32, sensor, socket, time as time_

AUTO_LOAD = ["json", "network", "sensor", "socket"]
DEPENDENCIES = ["mqtt", "ota", "safe_mode", "time"]
CODEOWNERS = ["@smartair"]

smartair_ns = cg.esphome_ns.namespace("smartair")
SmartAir = smartair_ns.class_("SmartAir", cg.Component)

CONF_BUFFER = "buffer"
CONF_CALIBRATIONS = "calibrations"
CONF_CONTACT = "contact"
CONF_DEADLINE = "deadline"
CONF_DEVICE_TYPE = "device_type"
CONF_FROZEN_AFTER = "frozen_after"
CONF_HARDWARE_REVISION = "hardware_revision"
CONF_INITIAL = "initial"
CONF_INTEGER = "integer"
CONF_MANUFACTURER = "manufacturer"
CONF_MAX = "max"
CONF_METRIC = "metric"
CONF_METRICS = "metrics"
CONF_MIN = "min"
CONF_ON_CONFIG = "on_config"
CONF_ON_IDENTIFY = "on_identify"
CONF_ON_NIGHT = "on_night"
CONF_OPTIONAL = "optional"
CONF_PAIRING_CODE = "pairing_code"
CONF_REPORT_INTERVAL = "report_interval"
CONF_ROOT = "root"
CONF_SAFE_MODE_ID = "safe_mode_id"
CONF_SELF_TEST = "self_test"
CONF_SETTING = "setting"
CONF_SETTINGS = "settings"
CONF_STALE_AFTER = "stale_after"
CONF_UID = "uid"
CONF_UPDATE_LIMIT = "update_limit"

DEVICE_TYPES = ("co2", "temp", "dust", "multi", "pump", "vibration", "host")

# The canonical names of the protocol's catalogue, with the unit that the value must have on the wire.
METRICS = {
    "co2": "ppm",
    "temperature": "°C",
    "humidity": "%",
    "pm1": "µg/m³",
    "pm25": "µg/m³",
    "pm4": "µg/m³",
    "pm10": "µg/m³",
    "voc": "ppb",
    "voc_index": "",
    "nox_index": "",
    "pressure": "hPa",
    "lux": "lx",
    "ph": "",
    "ec": "mS/cm",
    "water_temperature": "°C",
    "water_level": "%",
    "flow_rate": "L/min",
    "pump_current": "mA",
    "vibration_rms": "mm/s",
    "vibration_peak": "mm/s",
    "vibration_crest": "",
    "vibration_frequency": "Hz",
    "battery": "%",
    "rssi": "dBm",
}


def uid(value):
    """The uid is part of every topic."""
    value = cv.string_strict(value)
    if value and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", value):
        raise cv.Invalid("a uid is 1 to 64 letters, digits, _ and -, and begins with a letter or a digit")
    return value


def topic_root(value):
    """May have several levels, but must be a topic that can be published to."""
    value = cv.publish_topic(value)
    if value.startswith("/") or value.endswith("/"):
        raise cv.Invalid("a topic root neither begins nor ends with /")
    return value


def pairing_code(value):
    """Only for devices whose code is printed on a label; others make one up."""
    value = cv.string_strict(value)
    if not re.fullmatch(r"\d{8}", value):
        raise cv.Invalid("a pairing code is 8 digits")
    return value


def channel_id(value):
    """Channels appear as keys in telemetry and in commands."""
    value = cv.string_strict(value)
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", value):
        raise cv.Invalid("a channel id is 1 to 32 small letters, digits and _, and begins with a letter")
    return value


def bounds(config):
    """A setting must be able to hold its first value."""
    if not config[CONF_MIN] <= config[CONF_INITIAL] <= config[CONF_MAX]:
        raise cv.Invalid("initial must lie between min and max")
    return config


def unique_metrics(config):
    """Two sensors under one name would overwrite each other in every message."""
    names = [(m[CONF_METRIC], m.get(CONF_CHANNEL)) for m in config]
    for name in names:
        if names.count(name) > 1:
            raise cv.Invalid(f"the metric {name[0]} is given twice")
    return config


METRIC_SCHEMA = cv.Schema(
    {
        cv.Required(CONF_METRIC): cv.one_of(*METRICS),
        cv.Required(CONF_SENSOR): cv.use_id(sensor.Sensor),
        cv.Optional(CONF_CHANNEL): channel_id,
        # A socket that may be empty: an update is kept although nothing answers there.
        cv.Optional(CONF_OPTIONAL, default=False): cv.boolean,
        cv.Optional(CONF_FROZEN_AFTER, default="0s"): cv.positive_time_period_milliseconds,
    }
)

SETTING_SCHEMA = cv.All(
    cv.Schema(
        {
            cv.Required(CONF_SETTING): channel_id,
            cv.Required(CONF_MIN): cv.float_,
            cv.Required(CONF_MAX): cv.float_,
            cv.Required(CONF_INITIAL): cv.float_,
            cv.Optional(CONF_INTEGER, default=False): cv.boolean,
        }
    ),
    bounds,
)

CALIBRATION_SCHEMA = automation.validate_automation(
    {
        cv.GenerateID(CONF_TRIGGER_ID): cv.declare_id(automation.Trigger.template(cg.float_)),
        cv.Required(CONF_METRIC): cv.one_of(*METRICS),
        cv.Required(CONF_MIN): cv.float_,
        cv.Required(CONF_MAX): cv.float_,
    }
)

CONFIG_SCHEMA = cv.All(
    cv.Schema(
        {
            cv.GenerateID(): cv.declare_id(SmartAir),
            cv.GenerateID(CONF_TIME_ID): cv.use_id(time_.RealTimeClock),
            cv.GenerateID(CONF_SAFE_MODE_ID): cv.use_id(SafeModeComponent),
            cv.Optional(CONF_ROOT, default="devices"): topic_root,
            # Empty: the device type and the MAC address, so that one binary serves many devices.
            cv.Optional(CONF_UID, default=""): uid,
            cv.Required(CONF_DEVICE_TYPE): cv.one_of(*DEVICE_TYPES),
            cv.Optional(CONF_NAME, default="SmartAir"): cv.string_strict,
            cv.Required(CONF_MODEL): cv.string_strict,
            cv.Optional(CONF_MANUFACTURER, default="SmartAir"): cv.string_strict,
            cv.Optional(CONF_HARDWARE_REVISION, default=""): cv.string_strict,
            cv.Optional(CONF_PAIRING_CODE): pairing_code,
            cv.Optional(CONF_REPORT_INTERVAL, default="30s"): cv.All(
                cv.positive_time_period_seconds,
                cv.Range(min=cv.TimePeriod(seconds=1), max=cv.TimePeriod(hours=1)),
            ),
            cv.Optional(CONF_BUFFER, default=360): cv.int_range(1, 5000),
            cv.Optional(CONF_STALE_AFTER, default="5min"): cv.positive_time_period_milliseconds,
            cv.Optional(CONF_METRICS, default=[]): cv.All(cv.ensure_list(METRIC_SCHEMA), unique_metrics),
            cv.Optional(CONF_SETTINGS, default=[]): cv.ensure_list(SETTING_SCHEMA),
            cv.Optional(CONF_CALIBRATIONS, default=[]): CALIBRATION_SCHEMA,
            cv.Optional(CONF_SELF_TEST, default={}): cv.Schema(
                {
                    cv.Optional(CONF_CONTACT, default="30s"): cv.positive_time_period_milliseconds,
                    cv.Optional(CONF_DEADLINE, default="3min"): cv.positive_time_period_milliseconds,
                }
            ),
            cv.Optional(CONF_UPDATE_LIMIT, default="30min"): cv.positive_time_period_milliseconds,
            cv.Optional(CONF_ON_IDENTIFY): automation.validate_automation(single=True),
            cv.Optional(CONF_ON_NIGHT): automation.validate_automation(single=True),
            cv.Optional(CONF_ON_CONFIG): automation.validate_automation(single=True),
        }
    ).extend(cv.COMPONENT_SCHEMA),
    socket.consume_sockets(1, "smartair"),
)


def _final_validate(config):
    full = fv.full_config.get()
    if "project" not in full["esphome"]:
        raise cv.Invalid("esphome: project: is needed, because its version decides about updates")
    # The captive portal brings an update page along: no password, no signature, for whoever is near. It is left out,
    # as ESPHome's own final validation does with doubles of it.
    if "captive_portal" in full and "web_server" not in full:
        full["ota"] = [update for update in full["ota"] if update[CONF_PLATFORM] != "web_server"]
    mqtt = full["mqtt"]
    if not mqtt["clean_session"]:
        raise cv.Invalid(
            "mqtt: clean_session: must be true, or the broker keeps commands for a device that is away and "
            "delivers them hours later"
        )
    if mqtt["reboot_timeout"].total_milliseconds != 0:
        raise cv.Invalid("mqtt: reboot_timeout: must be 0s, or the device restarts whenever the broker is away")


FINAL_VALIDATE_SCHEMA = _final_validate


def signed_updates() -> bool:
    """Whether this build accepts only images with a valid signature."""
    esp32 = CORE.config.get("esp32") or {}
    advanced = esp32.get("framework", {}).get("advanced", {})
    return "signed_ota_verification" in advanced


def _mqtt_client():
    """Settings of ESP-IDF's MQTT client that ESPHome leaves at their defaults."""
    if not CORE.is_esp32:
        return
    esp32.add_idf_sdkconfig_option("CONFIG_MQTT_USE_CUSTOM_CONFIG", value=True)
    # A dead link is noticed after 22 s; by default, what was sent into it is thrown away after 30.
    esp32.add_idf_sdkconfig_option("CONFIG_MQTT_OUTBOX_EXPIRED_TIMEOUT_MS", 86400000)
    # A batch of samples in one piece; the default is 1024.
    esp32.add_idf_sdkconfig_option("CONFIG_MQTT_BUFFER_SIZE", 4096)


async def to_code(config):
    """Generate the hub."""
    socket.require_tcp_client_link()
    var = cg.new_Pvariable(config[CONF_ID])
    await cg.register_component(var, config)
    version = CORE.config["esphome"]["project"]["version"]
    cg.add(var.set_identity(config[CONF_ROOT], config[CONF_UID], config[CONF_DEVICE_TYPE], version))
    cg.add(
        var.set_description(
            config[CONF_NAME], config[CONF_MODEL], config[CONF_MANUFACTURER], config[CONF_HARDWARE_REVISION]
        )
    )
    cg.add(var.set_signed_updates(signed_updates()))
    if CONF_PAIRING_CODE in config:
        cg.add(var.set_pairing_code(config[CONF_PAIRING_CODE]))
    cg.add(var.set_time(await cg.get_variable(config[CONF_TIME_ID])))
    cg.add(var.set_safe_mode(await cg.get_variable(config[CONF_SAFE_MODE_ID])))
    cg.add(var.set_report_interval(config[CONF_REPORT_INTERVAL].total_seconds))
    cg.add(var.set_buffer(config[CONF_BUFFER]))
    cg.add(var.set_stale_after(config[CONF_STALE_AFTER].total_milliseconds))
    test = config[CONF_SELF_TEST]
    cg.add(var.set_self_test(test[CONF_CONTACT].total_milliseconds, test[CONF_DEADLINE].total_milliseconds))
    cg.add(var.set_update_limit(config[CONF_UPDATE_LIMIT].total_milliseconds))
    _mqtt_client()
    for metric in config[CONF_METRICS]:
        channel = metric.get(CONF_CHANNEL)
        cg.add(
            var.add_metric(
                metric[CONF_METRIC],
                cg.nullptr if channel is None else channel,
                await cg.get_variable(metric[CONF_SENSOR]),
                metric[CONF_FROZEN_AFTER].total_milliseconds,
                metric[CONF_OPTIONAL],
            )
        )
    for setting in config[CONF_SETTINGS]:
        cg.add(
            var.add_setting(
                setting[CONF_SETTING],
                setting[CONF_MIN],
                setting[CONF_MAX],
                setting[CONF_INITIAL],
                setting[CONF_INTEGER],
            )
        )
    for calibration in config[CONF_CALIBRATIONS]:
        trigger = cg.new_Pvariable(calibration[CONF_TRIGGER_ID])
        await automation.build_automation(trigger, [(cg.float_, "reference")], calibration)
        cg.add(var.add_calibration(calibration[CONF_METRIC], calibration[CONF_MIN], calibration[CONF_MAX], trigger))
    for key, getter, args in (
        (CONF_ON_IDENTIFY, var.get_identify_trigger(), []),
        (CONF_ON_NIGHT, var.get_night_trigger(), [(cg.bool_, "night")]),
        (CONF_ON_CONFIG, var.get_config_trigger(), []),
    ):
        if key in config:
            await automation.build_automation(getter, args, config[key])
