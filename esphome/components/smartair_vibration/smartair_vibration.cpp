#include "smartair_vibration.h"
#include <algorithm>
#include "esphome/core/log.h"

namespace esphome::smartair {

static const char *const TAG = "smartair.vibration";

static constexpr uint8_t RATE_DIVIDER = 0x19, CONFIG = 0x1A, ACCEL_CONFIG = 0x1C, FIFO_ENABLE = 0x23, INT_STATUS = 0x3A,
                         USER_CONTROL = 0x6A, POWER_1 = 0x6B, FIFO_COUNT = 0x72, FIFO = 0x74, WHO_AM_I = 0x75;
static constexpr uint8_t OVERFLOW_BIT = 0x10;
static constexpr double RATE_HZ = 1000;
static constexpr size_t SAMPLE_BYTES = 6;
// The FIFO holds 1024 bytes, 170 ms; read three times as often.
static constexpr uint32_t READ_MS = 50;
static constexpr size_t CHUNK_SAMPLES = 20;
// Clones report other identities, with the same registers.
static constexpr uint8_t IDENTITIES[] = {0x68, 0x70, 0x71, 0x72, 0x98};

bool SmartAirVibration::configure_() {
  uint8_t who = 0;
  if (!this->read_byte(WHO_AM_I, &who) || std::find(std::begin(IDENTITIES), std::end(IDENTITIES), who) == std::end(IDENTITIES))
    return false;
  return this->write_byte(POWER_1, 0x01) &&      // awake, clocked by a gyro, which is steadier than the inner oscillator
         this->write_byte(CONFIG, 0x01) &&       // low-pass at 184 Hz, well below half the rate
         this->write_byte(RATE_DIVIDER, 0x00) &&  // 1 kHz
         this->write_byte(ACCEL_CONFIG, this->range_ << 3) && this->write_byte(FIFO_ENABLE, 0x08) && this->reset_fifo_();
}

bool SmartAirVibration::reset_fifo_() {
  this->meter_.restart();
  return this->write_byte(USER_CONTROL, 0x04) && this->write_byte(USER_CONTROL, 0x40);
}

void SmartAirVibration::setup() {
  this->meter_.begin(RATE_HZ);
  if (!this->configure_())
    this->mark_failed(LOG_STR("no MPU6050 answers"));
}

void SmartAirVibration::dump_config() {
  ESP_LOGCONFIG(TAG, "Vibration, MPU6050 at %.0f Hz, range %d g", RATE_HZ, 2 << this->range_);
  LOG_I2C_DEVICE(this);
  LOG_UPDATE_INTERVAL(this);
  LOG_SENSOR("  ", "RMS", this->rms_);
  LOG_SENSOR("  ", "Peak", this->peak_);
  LOG_SENSOR("  ", "Crest", this->crest_);
  LOG_SENSOR("  ", "Frequency", this->frequency_);
}

void SmartAirVibration::loop() {
  const uint32_t now = millis();
  if (now - this->last_read_ < READ_MS)
    return;
  this->last_read_ = now;
  if (this->read_fifo_()) {
    this->last_good_ = now;
    this->status_clear_warning();
    return;
  }
  this->status_set_warning(LOG_STR("no answer"));
  // It may have been without power, and would then sleep for ever.
  if (now - this->last_good_ > 2000) {
    this->last_good_ = now;
    this->configure_();
  }
}

bool SmartAirVibration::read_fifo_() {
  uint8_t status;
  uint16_t count;
  if (!this->read_byte(INT_STATUS, &status) || !this->read_byte_16(FIFO_COUNT, &count))
    return false;
  // Overflow means that samples were lost somewhere in between, and that the rest may begin in the middle of one.
  if ((status & OVERFLOW_BIT) != 0 || count > 1024 || count % SAMPLE_BYTES != 0) {
    ESP_LOGW(TAG, "Samples were lost; starting again");
    return this->reset_fifo_();
  }
  if (count == 0)
    return false;
  const float scale = (2 << this->range_) * 9.80665f / 32768.0f;
  uint8_t data[CHUNK_SAMPLES * SAMPLE_BYTES];
  for (size_t left = count / SAMPLE_BYTES; left > 0;) {
    const size_t n = std::min(left, CHUNK_SAMPLES);
    if (!this->read_bytes(FIFO, data, n * SAMPLE_BYTES)) {
      this->meter_.restart();
      return false;
    }
    for (size_t i = 0; i < n; i++) {
      const uint8_t *p = data + i * SAMPLE_BYTES;
      const auto axis = [p, scale](size_t k) { return static_cast<int16_t>(p[2 * k] << 8 | p[2 * k + 1]) * scale; };
      this->meter_.add(axis(0), axis(1), axis(2));
    }
    left -= n;
  }
  return true;
}

void SmartAirVibration::update() {
  const Vibration v = this->meter_.take();
  // Nothing is published without a measurement: who depends on the value sees its age.
  if (std::isnan(v.rms))
    return;
  if (this->rms_ != nullptr)
    this->rms_->publish_state(v.rms);
  if (this->peak_ != nullptr)
    this->peak_->publish_state(v.peak);
  if (this->crest_ != nullptr)
    this->crest_->publish_state(v.crest);
  if (this->frequency_ != nullptr)
    this->frequency_->publish_state(v.frequency);
}

}  // namespace esphome::smartair
