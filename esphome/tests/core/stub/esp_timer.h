#pragma once
// The three names of ESP-IDF that the loop guard uses, so that its ESP32 branch is at least compiled and run.
#include <cstdint>
struct esp_timer_create_args_t {
  void (*callback)(void *);
  void *arg;
  int dispatch_method;
  const char *name;
  bool skip_unhandled_events;
};
using esp_timer_handle_t = esp_timer_create_args_t *;
using esp_err_t = int;
constexpr esp_err_t ESP_OK = 0;
inline esp_timer_create_args_t the_timer;
inline uint64_t the_period_us = 0;
inline esp_err_t esp_timer_create(const esp_timer_create_args_t *args, esp_timer_handle_t *out) {
  the_timer = *args;
  *out = &the_timer;
  return ESP_OK;
}
inline esp_err_t esp_timer_start_periodic(esp_timer_handle_t, uint64_t us) {
  the_period_us = us;
  return ESP_OK;
}
