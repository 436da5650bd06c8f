#pragma once
#include "esphome/components/i2c/i2c.h"
#include "esphome/components/sensor/sensor.h"
#include "esphome/core/component.h"
#include "vibration.h"

namespace esphome::smartair {

/// Reads an MPU6050 through its FIFO at 1 kHz. ESPHome's own driver takes single readings, at most 60 a second:
/// nothing of a pump's hum would be left.
class SmartAirVibration : public PollingComponent, public i2c::I2CDevice {
 public:
  void setup() override;
  void loop() override;
  void update() override;
  void dump_config() override;
  float get_setup_priority() const override { return setup_priority::DATA; }

  void set_range(uint8_t range) { this->range_ = range; }
  void set_rms_sensor(sensor::Sensor *s) { this->rms_ = s; }
  void set_peak_sensor(sensor::Sensor *s) { this->peak_ = s; }
  void set_crest_sensor(sensor::Sensor *s) { this->crest_ = s; }
  void set_frequency_sensor(sensor::Sensor *s) { this->frequency_ = s; }

 protected:
  bool configure_();
  bool reset_fifo_();
  bool read_fifo_();

  uint8_t range_{1};
  uint32_t last_read_{0}, last_good_{0};
  VibrationMeter meter_;
  sensor::Sensor *rms_{nullptr}, *peak_{nullptr}, *crest_{nullptr}, *frequency_{nullptr};
};

}  // namespace esphome::smartair
