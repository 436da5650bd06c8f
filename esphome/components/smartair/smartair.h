#pragma once
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>
#include "esphome/components/json/json_util.h"
#include "esphome/components/sensor/sensor.h"
#include "esphome/components/time/real_time_clock.h"
#include "esphome/core/automation.h"
#include "esphome/core/component.h"
#include "esphome/core/defines.h"
#include "esphome/core/preferences.h"
#include "sample_ring.h"
#include "updater.h"

namespace esphome::smartair {

struct Command {
  std::string name, id;
  JsonObjectConst params;
};

/// What command_response says about one command.
struct Answer {
  const char *status{"DONE"};
  std::string error_code;
  /// The members of `details`, already JSON: kept as text so that a duplicate gets the same answer again.
  std::string details;

  static Answer error(const std::string &code, const std::string &details = "") { return {"ERROR", code, details}; }
};

/// A part of the device that has channels, commands and a safe state of its own: the pumps.
class Participant {
 public:
  virtual ~Participant() = default;
  /// False when the command is not for this participant.
  virtual bool handle_command(const Command &command, Answer &answer) = 0;
  virtual void describe(JsonArray channels) = 0;
  virtual void report(JsonObject channels) = 0;
  virtual void on_contact(bool contact) = 0;
  /// True while it is anywhere but in its fail-safe state.
  virtual bool busy() const = 0;
  /// Goes to the fail-safe state and stays there until it is let go.
  virtual void hold(bool held) = 0;
};

/// The device side of the SmartAir protocol.
class SmartAir : public Component {
 public:
  void setup() override;
  void loop() override;
  void dump_config() override;
  // Before mqtt sets up: what is subscribed later than that, mqtt subscribes only a second after its connection.
  float get_setup_priority() const override { return setup_priority::AFTER_WIFI + 1.0f; }

  void set_identity(const char *root, const char *uid, const char *device_type, const char *version) {
    this->root_ = root;
    this->uid_ = uid;
    this->device_type_ = device_type;
    this->version_ = version;
  }
  void set_description(const char *name, const char *model, const char *manufacturer, const char *hardware_revision) {
    this->name_ = name;
    this->model_ = model;
    this->manufacturer_ = manufacturer;
    this->hardware_revision_ = hardware_revision;
  }
  void set_signed_updates(bool value) { this->signed_ = value; }
  void set_pairing_code(const char *code) { this->fixed_code_ = code; }
  void set_time(time::RealTimeClock *time) { this->time_ = time; }
  void set_report_interval(uint32_t seconds) { this->default_interval_ = seconds; }
  void set_buffer(size_t samples) { this->buffer_size_ = samples; }
  void set_stale_after(uint32_t ms) { this->stale_ms_ = ms; }
  void set_update_limit(uint32_t ms) { this->updater_.set_limit(ms); }
  void set_self_test(uint32_t contact_ms, uint32_t deadline_ms) {
    this->test_contact_ms_ = contact_ms;
    this->test_deadline_ms_ = deadline_ms;
  }
  void set_safe_mode(safe_mode::SafeModeComponent *safe_mode) { this->updater_.set_safe_mode(safe_mode); }
  void add_metric(const char *name, const char *channel, sensor::Sensor *sensor, uint32_t frozen_ms,
                  bool optional);
  void add_participant(Participant *participant) { this->participants_.push_back(participant); }
  void add_setting(const std::string &key, float min, float max, float initial, bool integer,
                   std::function<void(float)> apply = nullptr);
  void add_calibration(const char *metric, float min, float max, Trigger<float> *trigger) {
    this->calibrations_.push_back({metric, min, max, trigger});
  }
  Trigger<> *get_identify_trigger() { return &this->identify_trigger_; }
  Trigger<bool> *get_night_trigger() { return &this->night_trigger_; }
  Trigger<> *get_config_trigger() { return &this->config_trigger_; }

  // For lambdas and displays.
  const std::string &uid() const { return this->uid_; }
  const std::string &pairing_code() const { return this->pairing_code_; }
  float setting(const char *key) const;
  bool alerts_enabled() const { return this->config_.alerts_enabled; }
  bool is_night() const { return this->night_; }
  bool connected() const;

  /// Queues an event; it is sent when there is contact, with the time at which it happened.
  void event(const char *type, const std::function<void(JsonObject)> &fill = nullptr);
  /// The later answer to a command that was ACCEPTED before; it waits for contact as an event does.
  void answer_later(const std::string &name, const std::string &id, const Answer &answer);

 protected:
  struct Metric {
    const char *name, *channel;
    sensor::Sensor *sensor;
    uint32_t frozen_ms;
    bool optional;
    uint64_t updated_at{0}, changed_at{0};
    float last{NAN};
    bool frozen{false};
    /// Its last word was that it cannot tell.
    bool gave_up{false};
  };
  struct Setting {
    std::string key;
    float min, max, value;
    bool integer;
    std::function<void(float)> apply;
    ESPPreferenceObject store;
  };
  struct Calibration {
    const char *metric;
    float min, max;
    Trigger<float> *trigger;
  };
  struct StoredConfig {
    int64_t revision;
    uint32_t report_interval;
    int16_t night_start, night_end;  // minutes of the day; -1 = no night mode
    bool alerts_enabled;
  } __attribute__((packed));
  struct StoredPairing {
    char salt[17], code[9];
  } __attribute__((packed));
  // As many as fit into the 255 bytes that the host's preferences take.
  static constexpr size_t REMEMBERED = 30;
  struct StoredCommands {
    uint64_t ids[REMEMBERED];
    uint64_t next;
  };
  struct Answered {
    std::string id, name;
    Answer answer;
  };
  /// What must not be lost while nobody listens: an event, or the final answer to a command.
  struct Pending {
    uint64_t at_ms;
    bool answer;
    std::string body;
  };

  std::string topic_(const char *suffix) const { return this->root_ + "/" + this->uid_ + "/" + suffix; }
  bool publish_(const char *suffix, const std::string &payload, bool retain = false);
  void announce_();
  void show_code_() const;
  void setup_identity_();
  void setup_transport_();
  void follow_contact_();
  void follow_night_();
  void follow_self_test_();
  size_t sensors_answering_() const;
  int64_t now_ms_() const;
  int64_t stamp_ms_(uint64_t at_ms) const;
  uint64_t uptime_ms_() const;

  void take_sample_();
  void collect_(std::vector<float> &values);
  void put_metrics_(JsonObject target, const float *values) const;
  bool send_live_(const float *values);
  void keep_(bool answer, const std::string &body);
  std::string event_payload_(const Pending &event) const;
  void flush_pending_();
  void flush_backlog_();

  void on_config_(const std::string &payload);
  void set_config_key_(const std::string &key, JsonVariantConst value, StoredConfig &next, JsonObject rejected);
  bool knows_setting_(const std::string &key) const;
  bool set_night_(JsonVariantConst value, StoredConfig &next) const;
  void put_config_(JsonObject target) const;
  void publish_config_state_(bool applied, const std::string &rejected);

  void on_command_(const std::string &payload);
  bool obey_stop_(const Command &command);
  void on_ota_(const std::string &payload);
  bool too_early_to_trust_(JsonObjectConst message) const;
  bool expired_(JsonObjectConst message) const;
  Answer execute_(const Command &command);
  Answer live_(JsonObjectConst params);
  Answer calibrate_(JsonObjectConst params);
  bool answer_duplicate_(const Command &command);
  bool executed_before_(const std::string &id) const;
  void mark_executed_(const std::string &id);
  void remember_(const Command &command, const Answer &answer);
  void reject_(const char *code);
  void respond_(const std::string &name, const std::string &id, const Answer &answer);
  static std::string answer_payload_(const std::string &name, const std::string &id, const Answer &answer);

  std::string root_, uid_, device_type_, version_, name_, model_, manufacturer_, hardware_revision_;
  std::string fixed_code_, salt_, pairing_code_, boot_id_;
  bool signed_{false};
  time::RealTimeClock *time_{nullptr};

  std::vector<Metric> metrics_;
  std::vector<Participant *> participants_;
  std::vector<Setting> settings_;
  std::vector<Calibration> calibrations_;
  Trigger<> identify_trigger_, config_trigger_;
  Trigger<bool> night_trigger_;

  StoredConfig config_{};
  ESPPreferenceObject config_store_, pairing_store_, commands_store_;
  uint32_t default_interval_{30}, stale_ms_{300000};

  SampleRing backlog_;
  size_t buffer_size_{360};
  std::deque<Pending> pending_;
  uint32_t events_dropped_{0};
  std::deque<Answered> answered_;
  StoredCommands executed_{};

  uint64_t started_at_{0}, next_sample_{0}, live_until_{0}, contact_since_{0}, next_flush_{0}, next_backlog_{0},
      next_night_{0};
  uint32_t live_interval_{1}, seq_{0};
  bool contact_{false}, announced_{false}, night_{false}, tested_{false}, restarting_{false};
  uint32_t test_contact_ms_{30000}, test_deadline_ms_{180000};
  Updater updater_;
};

}  // namespace esphome::smartair
