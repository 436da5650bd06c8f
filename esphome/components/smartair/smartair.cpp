#include "smartair.h"
#include <sys/time.h>
#include <algorithm>
#include <cmath>
#include "esphome/components/mqtt/mqtt_client.h"
#include "esphome/components/network/util.h"
#include "esphome/core/application.h"
#include "esphome/core/log.h"

namespace esphome::smartair {

static const char *const TAG = "smartair";
// A batch must fit the 4 KB that ESP-IDF's MQTT client moves in one piece.
static constexpr size_t MAX_BATCH_BYTES = 3800;
static constexpr size_t MAX_BATCH_SAMPLES = 200;
static constexpr size_t MAX_PENDING = 40;
// Between two batches of a long backlog, so that live values and answers get through.
static constexpr uint64_t FLUSH_PAUSE_MS = 250;
// A broker that comes back has all its devices back in the same second; their backlogs need not come in it too.
static constexpr uint32_t BACKLOG_SPREAD_MS = 3000;
// 2020-01-01, the date before which the protocol takes a clock for not set.
static constexpr int64_t CLOCK_SET_MS = 1577836800000LL;

// ---- who the device is ------------------------------------------------------------------------------------------

void SmartAir::setup_identity_() {
  if (this->uid_.empty()) {
    char mac[MAC_ADDRESS_BUFFER_SIZE];
    get_mac_address_into_buffer(mac);
    this->uid_ = this->device_type_ + "-" + mac;
  }
  this->boot_id_ = format_hex(random_uint32());
  this->pairing_store_ = global_preferences->make_preference<StoredPairing>(fnv1_hash("smartair_pairing"), true);
  StoredPairing stored{};
  const bool known = this->pairing_store_.load(&stored);
  if (!known) {
    uint8_t salt[8];
    random_bytes(salt, sizeof(salt));
    format_hex_to(stored.salt, salt, sizeof(salt));
    uint32_t random;
    random_bytes(reinterpret_cast<uint8_t *>(&random), sizeof(random));
    snprintf(stored.code, sizeof(stored.code), "%08u", static_cast<unsigned>(random % 100000000u));
  }
  if (!this->fixed_code_.empty())
    strncpy(stored.code, this->fixed_code_.c_str(), sizeof(stored.code) - 1);
  if (!known || !this->fixed_code_.empty()) {
    this->pairing_store_.save(&stored);
    global_preferences->sync();
  }
  this->salt_ = stored.salt;
  this->pairing_code_ = stored.code;
}

void SmartAir::setup() {
  this->started_at_ = millis_64();
  this->setup_identity_();

  this->config_store_ = global_preferences->make_preference<StoredConfig>(fnv1_hash("smartair_config"), true);
  if (!this->config_store_.load(&this->config_))
    this->config_ = {0, this->default_interval_, -1, -1, true};
  this->commands_store_ = global_preferences->make_preference<StoredCommands>(fnv1_hash("smartair_commands"), true);
  if (!this->commands_store_.load(&this->executed_))
    this->executed_ = {};

  this->backlog_.reserve(this->buffer_size_, this->metrics_.size());
  this->updater_.pumps_busy = [this]() {
    for (auto *p : this->participants_) {
      if (p->busy())
        return true;
    }
    return false;
  };
  this->updater_.hold_pumps = [this](bool held) {
    for (auto *p : this->participants_)
      p->hold(held);
  };
  this->updater_.sensors_answering = [this]() { return this->sensors_answering_(); };
  this->updater_.report = [this](const std::string &payload) { this->publish_("ota/state", payload, true); };
  this->updater_.setup(this->version_);
  this->setup_transport_();
  this->show_code_();
  this->event("boot", [this](JsonObject o) {
    o["boot_id"] = this->boot_id_;
    o["firmware_version"] = this->version_;
  });
}

void SmartAir::dump_config() {
  ESP_LOGCONFIG(TAG,
                "SmartAir:\n"
                "  Topic: %s/%s\n"
                "  Firmware version: %s",
                this->root_.c_str(), this->uid_.c_str(), this->version_.c_str());
}

// At INFO, as products log: the configuration above is compiled out there, and most have no display.
void SmartAir::show_code_() const {
  ESP_LOGI(TAG, "Pairing code: %s (%s/%s)", this->pairing_code_.c_str(), this->root_.c_str(), this->uid_.c_str());
}

static void put_ip(JsonObject target) {
  char text[network::IP_ADDRESS_BUFFER_SIZE];
  for (auto &address : network::get_ip_addresses()) {
    const std::string ip = address.str_to(text);
    if (ip.empty() || ip == "0.0.0.0")
      continue;
    target["ip"] = ip;
    return;
  }
}

void SmartAir::announce_() {
  char mac[MAC_ADDRESS_PRETTY_BUFFER_SIZE];
  get_mac_address_pretty_into_buffer(mac);
  Sha256 hash;
  const std::string secret = this->salt_ + this->pairing_code_;
  hash.add(secret.data(), secret.size());
  const auto digest = hash.finish();
  char hex[2 * Sha256::SIZE + 1];
  format_hex_to(hex, digest.data(), digest.size());
  const std::string payload = json::build_json([&](JsonObject root) {
    root["protocol"] = 1;
    root["device_type"] = this->device_type_;
    root["name"] = this->name_;
    root["model"] = this->model_;
    root["manufacturer"] = this->manufacturer_;
    root["firmware_version"] = this->version_;
    if (!this->hardware_revision_.empty())
      root["hardware_revision"] = this->hardware_revision_;
#ifdef USE_ESP32
    root["chip"] = ESPHOME_VARIANT;
#else
    root["chip"] = "host";
#endif
    root["mac"] = mac;
    put_ip(root);
    JsonArray metrics = root["metrics"].to<JsonArray>();
    for (auto &m : this->metrics_) {
      if (m.channel == nullptr)
        metrics.add(m.name);
    }
    JsonArray channels = root["channels"].to<JsonArray>();
    for (auto &m : this->metrics_) {
      if (m.channel == nullptr)
        continue;
      JsonObject channel = channels.add<JsonObject>();
      channel["id"] = m.channel;
      channel["type"] = m.name;
    }
    for (auto *p : this->participants_)
      p->describe(channels);
    JsonObject config = root["config"].to<JsonObject>();
    config["report_interval"]["min"] = 1;
    config["report_interval"]["max"] = 3600;
    for (auto &s : this->settings_) {
      config[s.key]["min"] = s.min;
      config[s.key]["max"] = s.max;
      config[s.key]["step"] = s.integer ? 1.0f : 0.1f;
    }
    JsonArray commands = root["commands"].to<JsonArray>();
    for (const char *name : {"restart", "identify", "live"})
      commands.add(name);
    if (!this->participants_.empty()) {
      for (const char *name : {"run_pump", "stop_pump", "reset_safety_lock"})
        commands.add(name);
    }
    if (!this->calibrations_.empty())
      commands.add("calibrate");
    root["pairing"]["salt"] = this->salt_;
    root["pairing"]["sha256"] = std::string(hex);
    root["ota"]["signed"] = this->signed_;
  });
  // A truncated descriptor would be broken JSON for ever, as it is retained.
  if (payload.size() >= 4096)
    ESP_LOGE(TAG, "The descriptor is %zu bytes long; take settings or channels away", payload.size());
  if (this->publish_("info", payload, true)) {
    this->announced_ = true;
    // Again with each contact: whoever plugs in a cable later sees it too.
    this->show_code_();
    this->publish_config_state_(true, "");
    this->updater_.on_contact();
  }
}

// ---- contact ----------------------------------------------------------------------------------------------------

void SmartAir::setup_transport_() {
  auto *client = mqtt::global_mqtt_client;
  const std::string status = this->topic_("status");
  client->set_client_id("smartair-" + this->uid_);
  client->set_last_will({status, "offline", 1, true});
  client->set_birth_message({status, "online", 1, true});
  client->set_shutdown_message({status, "offline", 1, true});
  client->subscribe(this->topic_("config"), [this](const std::string &, const std::string &p) { this->on_config_(p); }, 1);
  client->subscribe(this->topic_("commands"), [this](const std::string &, const std::string &p) { this->on_command_(p); }, 1);
  client->subscribe(this->topic_("ota"), [this](const std::string &, const std::string &p) { this->on_ota_(p); }, 1);
}

bool SmartAir::connected() const { return mqtt::global_mqtt_client->is_connected(); }

bool SmartAir::publish_(const char *suffix, const std::string &payload, bool retain) {
  return mqtt::global_mqtt_client->publish(this->topic_(suffix), payload, 1, retain);
}

void SmartAir::follow_contact_() {
  const bool contact = this->connected();
  if (contact != this->contact_) {
    this->contact_ = contact;
    this->contact_since_ = millis_64();
    this->announced_ = false;
    // A backlog right after the connection would compete with the retained configuration.
    this->next_flush_ = millis_64() + 1000;
    this->next_backlog_ = this->next_flush_ + random_uint32() % BACKLOG_SPREAD_MS;
    for (auto *p : this->participants_)
      p->on_contact(contact);
  }
  if (contact && !this->announced_)
    this->announce_();
}

void SmartAir::loop() {
  this->follow_contact_();
  const uint64_t now = millis_64();
  const bool live = now < this->live_until_;
  if (now >= this->next_sample_) {
    const uint32_t interval = live ? this->live_interval_ : this->config_.report_interval;
    // From the time it was due, so that a busy pass of the loop does not shift every sample after it.
    const uint64_t next = this->next_sample_ + interval * 1000ULL;
    this->next_sample_ = next > now ? next : now + interval * 1000ULL;
    this->take_sample_();
  }
  if (this->contact_ && this->announced_ && now >= this->next_flush_) {
    this->next_flush_ = now + FLUSH_PAUSE_MS;
    this->flush_pending_();
    if (now >= this->next_backlog_)
      this->flush_backlog_();
  }
  this->follow_night_();
  this->follow_self_test_();
  this->updater_.loop();
}

size_t SmartAir::sensors_answering_() const {
  const uint64_t now = millis_64();
  return std::count_if(this->metrics_.begin(), this->metrics_.end(), [&](const Metric &m) {
    return !m.optional && !m.gave_up && m.updated_at != 0 && now - m.updated_at <= this->stale_ms_;
  });
}

void SmartAir::follow_self_test_() {
  if (this->tested_)
    return;
  const uint64_t now = millis_64();
  size_t wanted = 0;
  for (auto &m : this->metrics_)
    wanted += !m.optional;
  if (this->updater_.on_trial())
    wanted = std::min(wanted, this->updater_.answering_before());
  if (this->sensors_answering_() >= wanted && this->contact_ && now - this->contact_since_ >= this->test_contact_ms_) {
    this->tested_ = true;
    this->updater_.self_test_passed();
  } else if (now - this->started_at_ >= this->test_deadline_ms_ && this->updater_.on_trial()) {
    this->tested_ = true;
    this->updater_.self_test_failed();
  }
}

// ---- time -------------------------------------------------------------------------------------------------------

int64_t SmartAir::now_ms_() const {
  struct timeval now {};
  gettimeofday(&now, nullptr);
  const int64_t ms = static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_usec / 1000;
  return ms >= CLOCK_SET_MS ? ms : 0;
}

// Taken from the monotonic clock when it is sent: right also for what was measured before the clock was set.
int64_t SmartAir::stamp_ms_(uint64_t at_ms) const {
  const int64_t now = this->now_ms_();
  return now == 0 ? 0 : now - static_cast<int64_t>(millis_64() - at_ms);
}

uint64_t SmartAir::uptime_ms_() const { return millis_64() - this->started_at_; }

void SmartAir::follow_night_() {
  const uint64_t now = millis_64();
  if (now < this->next_night_)
    return;
  this->next_night_ = now + 1000;
  bool night = false;
  const auto local = this->time_->now();
  if (this->config_.night_start >= 0 && local.is_valid()) {
    const int minute = local.hour * 60 + local.minute;
    const int start = this->config_.night_start, end = this->config_.night_end;
    night = start <= end ? minute >= start && minute < end : minute >= start || minute < end;
  }
  if (night != this->night_) {
    this->night_ = night;
    this->night_trigger_.trigger(night);
  }
}

// ---- measurements -----------------------------------------------------------------------------------------------

void SmartAir::add_metric(const char *name, const char *channel, sensor::Sensor *sensor, uint32_t frozen_ms,
                          bool optional) {
  this->metrics_.push_back({name, channel, sensor, frozen_ms, optional});
  const size_t index = this->metrics_.size() - 1;
  sensor->add_on_state_callback([this, index](float value) {
    Metric &m = this->metrics_[index];
    m.gave_up = !std::isfinite(value);
    if (m.gave_up)
      return;
    m.updated_at = millis_64();
    if (value == m.last)
      return;
    m.last = value;
    m.changed_at = m.updated_at;
  });
}

void SmartAir::collect_(std::vector<float> &values) {
  const uint64_t now = millis_64();
  for (auto &m : this->metrics_) {
    const bool fresh = !m.gave_up && m.updated_at != 0 && now - m.updated_at <= this->stale_ms_;
    const bool frozen = fresh && m.frozen_ms != 0 && now - m.changed_at > m.frozen_ms;
    if (frozen && !m.frozen) {
      this->event("sensor_frozen", [&m](JsonObject o) {
        o["metric"] = m.name;
        o["value"] = m.last;
      });
    }
    m.frozen = frozen;
    values.push_back(fresh && !frozen ? m.last : NAN);
  }
}

void SmartAir::take_sample_() {
  std::vector<float> values;
  values.reserve(this->metrics_.size());
  this->collect_(values);
  if (this->contact_ && this->announced_ && this->send_live_(values.data()))
    return;
  // A sample in which nothing was measured would only push out one in which something was.
  if (std::any_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    this->backlog_.push(millis_64(), values.data());
}

void SmartAir::put_metrics_(JsonObject target, const float *values) const {
  for (size_t i = 0; i < this->metrics_.size(); i++) {
    if (!std::isfinite(values[i]))
      continue;
    const Metric &m = this->metrics_[i];
    if (m.channel == nullptr)
      target[m.name] = values[i];
    else
      target["channels"][m.channel][m.name] = values[i];
  }
}

bool SmartAir::send_live_(const float *values) {
  const int64_t now = this->now_ms_();
  const std::string payload = json::build_json([&](JsonObject root) {
    root["device_uid"] = this->uid_;
    if (now != 0)
      root["timestamp"] = now / 1000;
    root["boot_id"] = this->boot_id_;
    root["seq"] = this->seq_ + 1;
    this->put_metrics_(root, values);
    root["firmware_version"] = this->version_;
    put_ip(root);
    root["uptime"] = this->uptime_ms_() / 1000;
    if (!this->participants_.empty()) {
      JsonObject channels = root["channels"].is<JsonObject>() ? root["channels"].as<JsonObject>()
                                                              : root["channels"].to<JsonObject>();
      for (auto *p : this->participants_)
        p->report(channels);
    }
  });
  if (!this->publish_("telemetry", payload))
    return false;
  this->seq_++;
  return true;
}

void SmartAir::flush_backlog_() {
  // Without a clock the samples would count as measured on arrival; they wait for it.
  if (this->backlog_.empty() || this->now_ms_() == 0)
    return;
  std::string payload = "{\"device_uid\":\"" + this->uid_ + "\",\"boot_id\":\"" + this->boot_id_ +
                        "\",\"seq\":" + std::to_string(this->seq_ + 1) + ",\"buffered\":true,";
  if (this->backlog_.dropped() > 0)
    payload += "\"dropped\":" + std::to_string(this->backlog_.dropped()) + ",";
  payload += "\"samples\":[";
  size_t n = 0;
  while (n < this->backlog_.size() && n < MAX_BATCH_SAMPLES) {
    const std::string sample = json::build_json([&](JsonObject root) {
      root["timestamp"] = this->stamp_ms_(this->backlog_.at(n)) / 1000;
      this->put_metrics_(root, this->backlog_.values(n));
    });
    if (n > 0 && payload.size() + sample.size() + 3 > MAX_BATCH_BYTES)
      break;
    if (n > 0)
      payload += ',';
    payload += sample;
    n++;
  }
  payload += "]}";
  if (!this->publish_("telemetry", payload))
    return;
  this->seq_++;
  this->backlog_.pop(n);
  this->backlog_.clear_dropped();
}

void SmartAir::event(const char *type, const std::function<void(JsonObject)> &fill) {
  const std::string body = json::build_json([&](JsonObject root) {
    root["event"] = type;
    if (fill)
      fill(root);
  });
  ESP_LOGI(TAG, "Event %s", body.c_str());
  this->keep_(false, body.substr(1));
}

void SmartAir::keep_(bool answer, const std::string &body) {
  if (this->pending_.size() >= MAX_PENDING) {
    this->pending_.pop_front();
    this->events_dropped_++;
  }
  this->pending_.push_back({millis_64(), answer, body});
}

std::string SmartAir::event_payload_(const Pending &event) const {
  const int64_t stamp = this->stamp_ms_(event.at_ms);
  std::string payload = "{\"device_uid\":\"" + this->uid_ + "\",";
  if (stamp != 0)
    payload += "\"timestamp\":" + std::to_string(stamp / 1000) + ",";
  if (this->events_dropped_ > 0)
    payload += "\"dropped\":" + std::to_string(this->events_dropped_) + ",";
  return payload + event.body;
}

void SmartAir::flush_pending_() {
  while (!this->pending_.empty()) {
    const Pending &first = this->pending_.front();
    if (!this->publish_(first.answer ? "command_response" : "event", first.answer ? first.body : this->event_payload_(first)))
      return;
    if (!first.answer)
      this->events_dropped_ = 0;
    this->pending_.pop_front();
  }
}

}  // namespace esphome::smartair
