#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#ifdef USE_ESP32
#include <esp_timer.h>
#else
#include <thread>
#endif
#include "esphome/core/hal.h"

namespace esphome::smartair {

/// Watches the main loop from outside it: rules that run in the loop cannot stop a pump while the loop stands still.
///
/// The watchdog resets the chip after five seconds, but only if it is not raised, as some drivers do.
class LoopGuard {
 public:
  /// `act` runs outside the main loop: it may only write pins.
  void start(uint32_t limit_ms, std::function<void()> act) {
    this->limit_ms_ = limit_ms;
    this->act_ = std::move(act);
    this->alive();
#ifdef USE_ESP32
    esp_timer_create_args_t args{};
    args.callback = [](void *self) { static_cast<LoopGuard *>(self)->look_(); };
    args.arg = this;
    args.name = "pump_guard";
    esp_timer_handle_t timer;
    if (esp_timer_create(&args, &timer) == ESP_OK)
      esp_timer_start_periodic(timer, PERIOD_MS * 1000ULL);
#else
    std::thread([this]() {
      while (true) {
        delay(PERIOD_MS);
        this->look_();
      }
    }).detach();
#endif
  }
  void alive() { this->last_ = millis(); }
  /// Whether it had to act since it was asked last.
  bool acted() { return this->acted_.exchange(false); }

 protected:
  static constexpr uint32_t PERIOD_MS = 250;
  void look_() {
    // Unsigned difference of 32 bit values: right also when millis() wraps.
    if (millis() - this->last_ < this->limit_ms_)
      return;
    this->act_();
    this->acted_ = true;
  }
  std::atomic<uint32_t> last_{0};
  std::atomic<bool> acted_{false};
  uint32_t limit_ms_{0};
  std::function<void()> act_;
};

}  // namespace esphome::smartair
