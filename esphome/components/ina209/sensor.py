"""INA209 as a sensor platform, with the options of ESPHome's INA219."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.const import (
    CONF_BUS_VOLTAGE,
    CONF_CURRENT,
    CONF_ID,
    CONF_MAX_CURRENT,
    CONF_POWER,
    CONF_SHUNT_RESISTANCE,
    CONF_SHUNT_VOLTAGE,
    DEVICE_CLASS_CURRENT,
    DEVICE_CLASS_POWER,
    DEVICE_CLASS_VOLTAGE,
    STATE_CLASS_MEASUREMENT,
    UNIT_AMPERE,
    UNIT_VOLT,
    UNIT_WATT,
)

from esphome.components import i2c, sensor

DEPENDENCIES = ["i2c"]
CODEOWNERS = ["@smartair"]

ina209_ns = cg.esphome_ns.namespace("ina209")
INA209Component = ina209_ns.class_("INA209Component", cg.PollingComponent, i2c.I2CDevice)

# The largest shunt voltage that its amplifier can take.
MAX_SHUNT_V = 0.32


def measurable(config):
    """A range that the chip cannot measure would read as its end, and no overcurrent would ever be seen."""
    drop = config[CONF_SHUNT_RESISTANCE] * config[CONF_MAX_CURRENT]
    if drop > MAX_SHUNT_V:
        raise cv.Invalid(
            f"{config[CONF_MAX_CURRENT]:g} A through {config[CONF_SHUNT_RESISTANCE]:g} ohm drop "
            f"{drop:.2f} V; the chip measures up to {MAX_SHUNT_V} V"
        )
    return config


def _sensor(unit, decimals, device_class):
    return sensor.sensor_schema(
        unit_of_measurement=unit,
        accuracy_decimals=decimals,
        device_class=device_class,
        state_class=STATE_CLASS_MEASUREMENT,
    )


CONFIG_SCHEMA = cv.All(
    cv.Schema(
        {
            cv.GenerateID(): cv.declare_id(INA209Component),
            cv.Optional(CONF_SHUNT_VOLTAGE): _sensor(UNIT_VOLT, 5, DEVICE_CLASS_VOLTAGE),
            cv.Optional(CONF_BUS_VOLTAGE): _sensor(UNIT_VOLT, 2, DEVICE_CLASS_VOLTAGE),
            cv.Optional(CONF_CURRENT): _sensor(UNIT_AMPERE, 3, DEVICE_CLASS_CURRENT),
            cv.Optional(CONF_POWER): _sensor(UNIT_WATT, 2, DEVICE_CLASS_POWER),
            cv.Optional(CONF_SHUNT_RESISTANCE, default=0.1): cv.All(
                cv.resistance, cv.Range(min=0.0001, max=10)
            ),
            cv.Optional(CONF_MAX_CURRENT, default=3.2): cv.All(cv.current, cv.Range(min=0.001)),
        }
    )
    .extend(cv.polling_component_schema("60s"))
    .extend(i2c.i2c_device_schema(0x40)),
    measurable,
)


async def to_code(config):
    """Generate the chip and its sensors."""
    var = cg.new_Pvariable(config[CONF_ID])
    await cg.register_component(var, config)
    await i2c.register_i2c_device(var, config)
    cg.add(var.set_shunt(config[CONF_SHUNT_RESISTANCE], config[CONF_MAX_CURRENT]))
    sensors = sensor.sub_sensors(config)
    await sensors(CONF_SHUNT_VOLTAGE, var.set_shunt_voltage_sensor)
    await sensors(CONF_BUS_VOLTAGE, var.set_bus_voltage_sensor)
    await sensors(CONF_CURRENT, var.set_current_sensor)
    await sensors(CONF_POWER, var.set_power_sensor)
