#pragma once
#include <string>
#include <vector>
#include "esphome/components/binary_sensor/binary_sensor.h"
#include "esphome/components/output/binary_output.h"
#include "esphome/components/sensor/sensor.h"
#include "esphome/components/smartair/smartair.h"
#include "loop_guard.h"
#include "pump_rules.h"

namespace esphome::smartair {

/// One pump channel: carries what it is told to the rules, and what the rules say to the relay.
class SmartAirPump : public Component, public Participant {
 public:
  void setup() override;
  void loop() override;
  void dump_config() override;
  // Right after the relay output itself, long before the network.
  float get_setup_priority() const override { return setup_priority::HARDWARE - 1.0f; }
  // App.reboot() calls only this one, not on_safe_shutdown().
  void on_shutdown() override;

  void set_hub(SmartAir *hub) { this->hub_ = hub; }
  void set_channel(const char *channel) { this->channel_ = channel; }
  void set_relay(output::BinaryOutput *relay) { this->relay_ = relay; }
  void set_limits(const Limits &limits) { this->rules_.limits = this->compiled_ = limits; }
  void set_stall_limit(uint32_t ms) { this->stall_ms_ = ms; }
  void set_level(sensor::Sensor *s) { this->feed_(s, &this->in_.level, 1.0f); }
  void set_flow(sensor::Sensor *s) {
    this->flow_ = s;
    this->feed_(s, &this->in_.flow, 1.0f);
  }
  // ESPHome's current sensors give ampere.
  void set_current(sensor::Sensor *s) {
    this->current_ = s;
    this->feed_(s, &this->in_.current, 1000.0f);
  }
  void set_float_switch(binary_sensor::BinarySensor *b) { this->feed_(b, &this->in_.float_switch); }
  void set_leak(binary_sensor::BinarySensor *b) { this->feed_(b, &this->in_.leak); }
  void add_interlock(SmartAirPump *other) { this->interlocks_.push_back(other); }
  void add_to_zone(SmartAirPump *other) { this->zone_.push_back(other); }
  /// Called when hub and pump are wired: the limits that Home Assistant may tighten.
  void offer_limits();

  bool running() const { return this->rules_.running(); }
  bool stuck() const { return this->rules_.stuck(); }
  /// Locked by what also speaks against filling and draining in the same zone.
  bool bars_the_zone() const {
    const Reason lock = this->rules_.lock().reason;
    return lock == Reason::OVERCURRENT || lock == Reason::NO_FLOW || lock == Reason::DRY_RUN;
  }

  bool handle_command(const Command &command, Answer &answer) override;
  void describe(JsonArray channels) override;
  void report(JsonObject channels) override;
  void on_contact(bool contact) override;
  bool busy() const override;
  void hold(bool held) override;

 protected:
  struct StoredLock {
    uint8_t reason, cause;
    float value, limit;
  } __attribute__((packed));

  void feed_(sensor::Sensor *sensor, Input *input, float factor);
  void feed_(binary_sensor::BinarySensor *sensor, Contact *contact);
  void look_around_();
  Situation situation_() const;
  Answer run_(const Command &command);
  Answer stop_(const Command &command);
  Answer reset_();
  void act_on_(Happened happened);
  void after_change_();
  void end_run_(const char *how, const Verdict *trip);
  void put_record_(JsonObject o) const;
  void write_();
  void save_lock_();
  std::string details_(const Verdict &verdict) const;
  void limit_(const char *key, float *value, float loosest, float tightest);
  void limit_s_(const char *key, uint32_t *ms, uint32_t loosest_ms, uint32_t tightest_ms);

  SmartAir *hub_{nullptr};
  std::string channel_;
  output::BinaryOutput *relay_{nullptr};
  sensor::Sensor *flow_{nullptr}, *current_{nullptr};
  std::vector<SmartAirPump *> interlocks_, zone_;
  PumpRules rules_;
  Limits compiled_;
  Inputs in_;
  LoopGuard guard_;
  uint32_t stall_ms_{2000};
  bool contact_{false}, held_{false}, was_running_{false}, coil_{false}, written_{false};
  uint64_t contact_lost_at_{0}, last_tick_{0};
  float litres_{0};
  std::string run_id_;
  Verdict saved_lock_;
  ESPPreferenceObject lock_store_;
};

}  // namespace esphome::smartair
