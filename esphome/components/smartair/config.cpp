// What the owner wants of the device: retained on the broker, kept in flash, answered key by key.
#include <algorithm>
#include <cmath>
#include <cstring>
#include "esphome/core/log.h"
#include "smartair.h"

namespace esphome::smartair {

static const char *const TAG = "smartair.config";
// Of what it does not know, an answer names so many, and none with a longer name: it must fit into what is published.
static constexpr size_t MAX_STRANGERS = 40, MAX_KEY = 64;
static constexpr uint32_t MIN_INTERVAL = 1, MAX_INTERVAL = 3600;

// "below 1", not "below 1.000000".
static std::string number(float value) {
  char text[24];
  snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

static std::string out_of_range(JsonVariantConst value, float min, float max, bool integer) {
  if (!value.is<float>())
    return "not a number";
  const float v = value.as<float>();
  if (!std::isfinite(v))
    return "not a number";
  if (v < min)
    return "below " + number(min);
  if (v > max)
    return "above " + number(max);
  return integer && v != std::floor(v) ? "not a whole number" : "";
}

void SmartAir::add_setting(const std::string &key, float min, float max, float initial, bool integer,
                           std::function<void(float)> apply) {
  Setting setting{key, min, max, initial, integer, std::move(apply), {}};
  // One preference each: settings may come, go and change places with a new firmware.
  setting.store = global_preferences->make_preference<float>(fnv1_hash("smartair_setting_" + key), true);
  float stored;
  if (setting.store.load(&stored) && stored >= min && stored <= max)
    setting.value = stored;
  if (setting.apply)
    setting.apply(setting.value);
  this->settings_.push_back(std::move(setting));
}

float SmartAir::setting(const char *key) const {
  for (auto &s : this->settings_) {
    if (s.key == key)
      return s.value;
  }
  return NAN;
}

// An hour, or "HH:MM"; -1 when it is neither.
static int minute_of_day(JsonVariantConst value) {
  if (value.is<int>()) {
    const int hour = value.as<int>();
    return hour >= 0 && hour < 24 ? hour * 60 : -1;
  }
  if (!value.is<const char *>())
    return -1;
  unsigned hour, minute;
  char rest;
  const char *text = value.as<const char *>();
  if (strlen(text) > 5 || sscanf(text, "%2u:%2u%c", &hour, &minute, &rest) != 2 || hour > 23 || minute > 59)
    return -1;
  return static_cast<int>(hour * 60 + minute);
}

bool SmartAir::set_night_(JsonVariantConst value, StoredConfig &next) const {
  if (value.isNull()) {
    next.night_start = next.night_end = -1;
    return true;
  }
  if (!value.is<JsonObjectConst>())
    return false;
  const int start = minute_of_day(value["start"]), end = minute_of_day(value["end"]);
  if (start < 0 || end < 0)
    return false;
  next.night_start = static_cast<int16_t>(start);
  next.night_end = static_cast<int16_t>(end);
  return true;
}

void SmartAir::set_config_key_(const std::string &key, JsonVariantConst value, StoredConfig &next,
                               JsonObject rejected) {
  std::string why;
  if (key == "report_interval") {
    why = out_of_range(value, MIN_INTERVAL, MAX_INTERVAL, true);
    if (why.empty())
      next.report_interval = value.as<uint32_t>();
  } else if (key == "alerts_enabled") {
    if (value.is<bool>())
      next.alerts_enabled = value.as<bool>();
    else
      why = "not true or false";
  } else if (key == "night_mode") {
    if (!this->set_night_(value, next))
      why = "start and end must be hours or HH:MM";
  } else {
    auto setting = std::find_if(this->settings_.begin(), this->settings_.end(),
                                [&key](const Setting &s) { return s.key == key; });
    if (setting == this->settings_.end()) {
      why = "unknown";
    } else if (why = out_of_range(value, setting->min, setting->max, setting->integer); why.empty()) {
      const float wanted = value.as<float>();
      if (wanted != setting->value) {
        setting->value = wanted;
        setting->store.save(&setting->value);
        if (setting->apply)
          setting->apply(wanted);
      }
    }
  }
  if (!why.empty())
    rejected[key] = why;
}

bool SmartAir::knows_setting_(const std::string &key) const {
  if (key == "revision" || key == "timestamp" || key == "report_interval" || key == "alerts_enabled" || key == "night_mode")
    return true;
  return std::any_of(this->settings_.begin(), this->settings_.end(), [&key](const Setting &s) { return s.key == key; });
}

void SmartAir::on_config_(const std::string &payload) {
  // What a broker sends when the retained configuration was taken away: the device keeps what it has.
  if (payload.empty())
    return;
  StoredConfig next = this->config_;
  bool parsed = false;
  std::string rejected;
  size_t strangers = 0;
  json::parse_json(payload, [&](JsonObject root) {
    if (root.isNull() || !root["revision"].is<int64_t>())
      return true;
    parsed = true;
    next.revision = root["revision"].as<int64_t>();
    rejected = json::build_json([&](JsonObject reasons) {
      for (JsonPair pair : root) {
        const std::string key = pair.key().c_str();
        const bool known = this->knows_setting_(key);
        if (!known && (key.size() > MAX_KEY || strangers++ >= MAX_STRANGERS))
          continue;
        if (key != "revision" && key != "timestamp")
          this->set_config_key_(key, pair.value(), next, reasons);
      }
    });
    return true;
  });
  if (!parsed) {
    ESP_LOGW(TAG, "A configuration that is not an object with a revision was ignored");
    return this->publish_config_state_(false, "{\"revision\":\"missing\"}");
  }
  if (memcmp(&next, &this->config_, sizeof(next)) != 0) {
    this->config_ = next;
    this->config_store_.save(&this->config_);
    this->next_sample_ = std::min<uint64_t>(this->next_sample_, millis_64() + next.report_interval * 1000ULL);
    this->next_night_ = 0;
  }
  global_preferences->sync();
  this->publish_config_state_(true, rejected == "{}" ? "" : rejected);
  this->config_trigger_.trigger();
}

static void put_time(JsonObject target, const char *key, int minute) {
  if (minute % 60 == 0) {
    target[key] = minute / 60;
    return;
  }
  char text[8];
  snprintf(text, sizeof(text), "%02d:%02d", minute / 60, minute % 60);
  target[key] = std::string(text);
}

void SmartAir::put_config_(JsonObject target) const {
  target["report_interval"] = this->config_.report_interval;
  target["alerts_enabled"] = this->config_.alerts_enabled;
  if (this->config_.night_start < 0) {
    target["night_mode"] = nullptr;
  } else {
    JsonObject night = target["night_mode"].to<JsonObject>();
    put_time(night, "start", this->config_.night_start);
    put_time(night, "end", this->config_.night_end);
  }
  for (auto &s : this->settings_)
    target[s.key] = s.value;
}

void SmartAir::publish_config_state_(bool applied, const std::string &rejected) {
  std::string payload = json::build_json([&](JsonObject root) {
    root["revision"] = this->config_.revision;
    root["applied"] = applied;
    this->put_config_(root["config"].to<JsonObject>());
  });
  payload.pop_back();
  payload += ",\"rejected\":" + (rejected.empty() ? "{}" : rejected) + "}";
  this->publish_("config/state", payload, true);
}

}  // namespace esphome::smartair
