"""MPU6050 through its FIFO: velocity RMS, peak, crest factor and dominant frequency."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.const import CONF_FREQUENCY, CONF_ID, CONF_RANGE, STATE_CLASS_MEASUREMENT, UNIT_HERTZ

from esphome.components import i2c, sensor

from ..smartair import smartair_ns

DEPENDENCIES = ["i2c"]
CODEOWNERS = ["@smartair"]

SmartAirVibration = smartair_ns.class_("SmartAirVibration", cg.PollingComponent, i2c.I2CDevice)

CONF_CREST = "crest"
CONF_PEAK = "peak"
CONF_RMS = "rms"
RANGES = {"2g": 0, "4g": 1, "8g": 2, "16g": 3}


def _sensor(unit, decimals):
    return sensor.sensor_schema(
        unit_of_measurement=unit, accuracy_decimals=decimals, state_class=STATE_CLASS_MEASUREMENT
    )


CONFIG_SCHEMA = (
    cv.Schema(
        {
            cv.GenerateID(): cv.declare_id(SmartAirVibration),
            # Gravity takes one of the g; a small pump adds less than three.
            cv.Optional(CONF_RANGE, default="4g"): cv.enum(RANGES, lower=True),
            cv.Optional(CONF_RMS): _sensor("mm/s", 2),
            cv.Optional(CONF_PEAK): _sensor("mm/s", 2),
            cv.Optional(CONF_CREST): _sensor("", 2),
            cv.Optional(CONF_FREQUENCY): _sensor(UNIT_HERTZ, 1),
        }
    )
    .extend(cv.polling_component_schema("10s"))
    .extend(i2c.i2c_device_schema(0x68))
)


async def to_code(config):
    """Generate the reader and its sensors."""
    var = cg.new_Pvariable(config[CONF_ID])
    await cg.register_component(var, config)
    await i2c.register_i2c_device(var, config)
    cg.add(var.set_range(RANGES[config[CONF_RANGE]]))
    sensors = sensor.sub_sensors(config)
    await sensors(CONF_RMS, var.set_rms_sensor)
    await sensors(CONF_PEAK, var.set_peak_sensor)
    await sensors(CONF_CREST, var.set_crest_sensor)
    await sensors(CONF_FREQUENCY, var.set_frequency_sensor)
