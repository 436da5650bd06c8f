#pragma once
#include "esphome/components/i2c/i2c.h"
#include "esphome/components/sensor/sensor.h"
#include "esphome/core/component.h"

namespace esphome::ina209 {

/// TI INA209 (datasheet SBOS403). It has the converter of an INA219, but other registers: where an INA219 has its
/// shunt voltage, this one has status bits.
class INA209Component : public PollingComponent, public i2c::I2CDevice {
 public:
  void setup() override;
  void update() override;
  void dump_config() override;
  float get_setup_priority() const override { return setup_priority::DATA; }

  void set_shunt(float ohm, float max_ampere) {
    this->ohm_ = ohm;
    this->max_ampere_ = max_ampere;
  }
  void set_shunt_voltage_sensor(sensor::Sensor *s) { this->shunt_voltage_ = s; }
  void set_bus_voltage_sensor(sensor::Sensor *s) { this->bus_voltage_ = s; }
  void set_current_sensor(sensor::Sensor *s) { this->current_ = s; }
  void set_power_sensor(sensor::Sensor *s) { this->power_ = s; }

 protected:
  uint16_t configuration_() const;
  bool configure_();

  float ohm_{0.1f}, max_ampere_{3.2f};
  sensor::Sensor *shunt_voltage_{nullptr}, *bus_voltage_{nullptr}, *current_{nullptr}, *power_{nullptr};
};

}  // namespace esphome::ina209
