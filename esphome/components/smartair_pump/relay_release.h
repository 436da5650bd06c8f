#pragma once
#include <cstdint>
#include "esphome/core/log.h"
#ifdef USE_ESP32
#include <driver/gpio.h>
#endif

namespace esphome::smartair {

/// Takes a relay's coil down before anything else has begun.
///
/// A crash resets the processor and not its pins: without this, a relay keeps through boot loader and start what it was
/// told before, and in safe mode, where no output is ever constructed, for good.
inline void release_relay(uint8_t pin, bool inverted) {
#ifdef USE_ESP32
  const auto number = static_cast<gpio_num_t>(pin);
  // The level first: the pin must not become an output with the wrong one.
  gpio_set_level(number, inverted);
  gpio_config_t config{};
  config.pin_bit_mask = 1ULL << pin;
  config.mode = GPIO_MODE_OUTPUT;
  gpio_config(&config);
#else
  ESP_LOGD("host", "Setting pin %u to %s", static_cast<unsigned>(pin), inverted ? "HIGH" : "LOW");
#endif
}

}  // namespace esphome::smartair
