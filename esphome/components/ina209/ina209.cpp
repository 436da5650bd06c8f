#include "ina209.h"
#include "esphome/core/log.h"

namespace esphome::ina209 {

static const char *const TAG = "ina209";

static constexpr uint8_t CONFIGURATION = 0x00;
static constexpr uint8_t SHUNT_VOLTAGE = 0x03;  // 10 µV, signed
static constexpr uint8_t BUS_VOLTAGE = 0x04;    // 4 mV in bits 15..3
static constexpr uint8_t CALIBRATION = 0x16;

static constexpr uint16_t BUS_RANGE_32V = 1 << 13;
// Eight samples averaged: 4.3 ms for each of both voltages, so that a reading each 100 ms is always a new one.
static constexpr uint16_t AVERAGE_8 = 0b1011;
static constexpr uint16_t CONTINUOUS = 0b111;

uint16_t INA209Component::configuration_() const {
  // The smallest of the amplifier's ranges (40, 80, 160, 320 mV) that holds the largest current.
  uint16_t gain = 0;
  while (gain < 3 && this->ohm_ * this->max_ampere_ > 0.04f * (1 << gain))
    gain++;
  return BUS_RANGE_32V | gain << 11 | AVERAGE_8 << 7 | AVERAGE_8 << 3 | CONTINUOUS;
}

bool INA209Component::configure_() {
  // Calibration is not needed, as the current is taken from the shunt voltage. But only an INA209 has a register
  // there that keeps what was written, which is what tells it from an INA219 or INA226 at the same address.
  static constexpr uint16_t MARK = 0x1A2C;
  uint16_t readback = 0;
  return this->write_byte_16(CONFIGURATION, this->configuration_()) && this->write_byte_16(CALIBRATION, MARK) &&
         this->read_byte_16(CALIBRATION, &readback) && readback == MARK &&
         this->read_byte_16(CONFIGURATION, &readback) && readback == this->configuration_();
}

void INA209Component::setup() {
  if (!this->configure_())
    this->mark_failed(LOG_STR("no INA209 answers"));
}

void INA209Component::dump_config() {
  ESP_LOGCONFIG(TAG, "INA209: shunt %.4f ohm, up to %.2f A", this->ohm_, this->max_ampere_);
  LOG_I2C_DEVICE(this);
  LOG_UPDATE_INTERVAL(this);
  LOG_SENSOR("  ", "Shunt voltage", this->shunt_voltage_);
  LOG_SENSOR("  ", "Bus voltage", this->bus_voltage_);
  LOG_SENSOR("  ", "Current", this->current_);
  LOG_SENSOR("  ", "Power", this->power_);
}

void INA209Component::update() {
  uint16_t configuration, shunt_raw, bus_raw;
  // Nothing is published when something is wrong: who depends on the value sees its age.
  if (!this->read_byte_16(CONFIGURATION, &configuration) || !this->read_byte_16(SHUNT_VOLTAGE, &shunt_raw) ||
      !this->read_byte_16(BUS_VOLTAGE, &bus_raw))
    return this->status_set_warning(LOG_STR("no answer"));
  if (configuration != this->configuration_()) {
    // It was without power: the next reading counts again.
    this->configure_();
    return this->status_set_warning(LOG_STR("had lost its configuration"));
  }
  this->status_clear_warning();
  const float shunt = static_cast<int16_t>(shunt_raw) * 10e-6f;
  const float bus = (bus_raw >> 3) * 4e-3f;
  const float current = shunt / this->ohm_;
  if (this->shunt_voltage_ != nullptr)
    this->shunt_voltage_->publish_state(shunt);
  if (this->bus_voltage_ != nullptr)
    this->bus_voltage_->publish_state(bus);
  if (this->current_ != nullptr)
    this->current_->publish_state(current);
  if (this->power_ != nullptr)
    this->power_->publish_state(bus * current);
}

}  // namespace esphome::ina209
