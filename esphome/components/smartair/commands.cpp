// Orders from Home Assistant. Each is carried out at most once, and never when it may be an old one.
#include <algorithm>
#include <cmath>
#include "esphome/core/application.h"
#include "esphome/core/log.h"
#include "smartair.h"

namespace esphome::smartair {

static const char *const TAG = "smartair.commands";
static constexpr size_t MAX_COMMAND = 4096;
static constexpr size_t MAX_ID = 64;
// A broker sends what it has retained within a round trip of the subscription. ESPHome does not tell a component
// whether a message was retained, so in this time one counts as retained unless its own timestamp shows otherwise.
static constexpr uint64_t SETTLE_MS = 2000;
// A timestamp of whole seconds lies up to one second before the moment that it means.
static constexpr int64_t SKEW_MS = 1000;
// A timestamp from further ahead proves nothing: the two clocks are not one.
static constexpr int64_t AHEAD_MS = 2000;

// Of a cmd_id: eight bytes of a good hash, so that two ids never meet.
static uint64_t fingerprint(const std::string &id) {
  Sha256 hash;
  hash.add(id.data(), id.size());
  const auto digest = hash.finish();
  uint64_t out;
  memcpy(&out, digest.data(), sizeof(out));
  return out;
}

bool SmartAir::too_early_to_trust_(JsonObjectConst message) const {
  if (this->contact_ && millis_64() - this->contact_since_ >= SETTLE_MS)
    return false;
  const int64_t now = this->now_ms_();
  if (now == 0 || !this->contact_ || !message["timestamp"].is<double>())
    return true;
  const int64_t since = now - static_cast<int64_t>(millis_64() - this->contact_since_);
  const int64_t stamp = static_cast<int64_t>(message["timestamp"].as<double>() * 1000.0);
  return stamp < since - SKEW_MS || stamp > now + AHEAD_MS;
}

bool SmartAir::expired_(JsonObjectConst message) const {
  const int64_t now = this->now_ms_();
  // Without a clock only the settling time protects; see README, "No clock".
  if (now == 0 || message["expires"].isNull())
    return false;
  return !message["expires"].is<double>() || now > static_cast<int64_t>(message["expires"].as<double>() * 1000.0);
}

void SmartAir::on_command_(const std::string &payload) {
  if (payload.empty())
    return;
  if (payload.size() > MAX_COMMAND)
    return this->reject_("too_long");
  bool parsed = false;
  json::parse_json(payload, [&](JsonObject root) {
    if (root.isNull())
      return true;
    parsed = true;
    Command command{root["command"] | (root["cmd"] | ""), root["cmd_id"] | "", root["params"].as<JsonObjectConst>()};
    if (this->obey_stop_(command))
      return true;
    if (command.name.empty() || command.id.empty() || command.id.size() > MAX_ID || command.name.size() > MAX_ID) {
      this->reject_("bad_command");
      return true;
    }
    if (this->answer_duplicate_(command))
      return true;
    if (this->expired_(root)) {
      this->respond_(command.name, command.id, {"EXPIRED", "expired", ""});
      return true;
    }
    if (this->too_early_to_trust_(root)) {
      this->respond_(command.name, command.id, Answer::error("maybe_retained"));
      return true;
    }
    const Answer answer = this->execute_(command);
    this->remember_(command, answer);
    this->respond_(command.name, command.id, answer);
    return true;
  });
  if (!parsed)
    this->reject_("bad_json");
}

// Off is never gated (S1): late, repeated, without a cmd_id or with one of nonsense, and for all pumps where it names
// none. Once more does no harm: the time that circulation has been off already counts.
bool SmartAir::obey_stop_(const Command &command) {
  if (command.name != "stop_pump" || this->participants_.empty())
    return false;
  Answer answer = Answer::error("unknown_channel");
  size_t stopped = 0;
  for (auto *participant : this->participants_)
    stopped += participant->handle_command(command, answer);
  if (stopped > 1)
    answer = {};
  if (command.id.empty() || command.id.size() > MAX_ID)
    return true;
  this->respond_(command.name, command.id, answer);
  return true;
}

// Without a cmd_id nobody waits for an answer; it is told as something that happened.
void SmartAir::reject_(const char *code) {
  this->event("command_rejected", [code](JsonObject o) { o["code"] = code; });
}

Answer SmartAir::execute_(const Command &command) {
  if (command.name == "identify") {
    this->identify_trigger_.trigger();
    this->show_code_();
    return {};
  }
  if (command.name == "live")
    return this->live_(command.params);
  if (command.name == "calibrate")
    return this->calibrate_(command.params);
  if (command.name == "restart") {
    if (this->updater_.active())
      return Answer::error("update_in_progress");
    // After the answer has left.
    if (!this->restarting_)
      this->set_timeout(500, []() { App.safe_reboot(); });
    this->restarting_ = true;
    return {"ACCEPTED", "", ""};
  }
  for (auto *participant : this->participants_) {
    Answer answer;
    if (participant->handle_command(command, answer))
      return answer;
  }
  const bool pump_command = command.name == "run_pump" || command.name == "reset_safety_lock";
  return Answer::error(pump_command && !this->participants_.empty() ? "unknown_channel" : "unknown_command");
}

Answer SmartAir::live_(JsonObjectConst params) {
  const float seconds = params["seconds"] | 60.0f, interval = params["interval"] | 1.0f;
  if (!(seconds >= 0 && seconds <= 3600) || !(interval >= 1 && interval <= 60))
    return Answer::error("bad_params");
  this->live_interval_ = static_cast<uint32_t>(interval);
  this->live_until_ = millis_64() + static_cast<uint64_t>(seconds * 1000.0f);
  this->next_sample_ = millis_64();
  return {};
}

Answer SmartAir::calibrate_(JsonObjectConst params) {
  const std::string metric = params["metric"] | "";
  for (auto &calibration : this->calibrations_) {
    if (metric != calibration.metric)
      continue;
    const float reference = params["reference"].is<float>() ? params["reference"].as<float>() : NAN;
    if (!(reference >= calibration.min && reference <= calibration.max))
      return Answer::error("bad_reference", json::build_json([&](JsonObject o) {
                             o["metric"] = metric;
                             o["min"] = calibration.min;
                             o["max"] = calibration.max;
                           }));
    calibration.trigger->trigger(reference);
    this->event("calibrated", [&](JsonObject o) {
      o["metric"] = metric;
      o["reference"] = reference;
    });
    return {};
  }
  return Answer::error("unknown_metric");
}

bool SmartAir::answer_duplicate_(const Command &command) {
  for (auto &a : this->answered_) {
    if (a.id != command.id)
      continue;
    // Which answer it had the first time belongs to the details; the status only says that nothing was done now.
    Answer again = a.answer;
    again.details = json::build_json([&](JsonObject details) {
      if (!a.answer.details.empty()) {
        json::parse_json(a.answer.details, [&](JsonObject first) {
          // As std::string: ArduinoJson keeps a bare pointer, and the first answer's document is gone by then.
          for (JsonPair pair : first)
            details[std::string(pair.key().c_str())] = pair.value();
          return true;
        });
      }
      details["first_status"] = a.answer.status;
    });
    again.status = "DUPLICATE";
    this->respond_(a.name, a.id, again);
    return true;
  }
  if (!this->executed_before_(command.id))
    return false;
  // Carried out before the last restart; the answer went with the memory.
  this->respond_(command.name, command.id, {"DUPLICATE", "", "{\"first_status\":\"unknown\"}"});
  return true;
}

bool SmartAir::executed_before_(const std::string &id) const {
  const auto &ids = this->executed_.ids;
  return std::find(std::begin(ids), std::end(ids), fingerprint(id)) != std::end(ids);
}

void SmartAir::mark_executed_(const std::string &id) {
  this->executed_.ids[this->executed_.next % REMEMBERED] = fingerprint(id);
  this->executed_.next = (this->executed_.next + 1) % REMEMBERED;
  this->commands_store_.save(&this->executed_);
}

void SmartAir::remember_(const Command &command, const Answer &answer) {
  this->answered_.push_back({command.id, command.name, answer});
  if (this->answered_.size() > REMEMBERED)
    this->answered_.pop_front();
  // What may happen again does not push out what must not, also after a restart.
  if (command.name == "identify" || command.name == "live")
    return;
  this->mark_executed_(command.id);
  global_preferences->sync();
}

void SmartAir::respond_(const std::string &name, const std::string &id, const Answer &answer) {
  ESP_LOGI(TAG, "%s %s: %s %s", name.c_str(), id.c_str(), answer.status, answer.error_code.c_str());
  this->publish_("command_response", answer_payload_(name, id, answer));
}

std::string SmartAir::answer_payload_(const std::string &name, const std::string &id, const Answer &answer) {
  std::string payload = json::build_json([&](JsonObject root) {
    root["cmd"] = name;
    root["cmd_id"] = id;
    root["status"] = answer.status;
    if (!answer.error_code.empty())
      root["error_code"] = answer.error_code;
  });
  if (!answer.details.empty()) {
    payload.pop_back();
    payload += ",\"details\":" + answer.details + "}";
  }
  return payload;
}

void SmartAir::answer_later(const std::string &name, const std::string &id, const Answer &answer) {
  for (auto &a : this->answered_) {
    if (a.id == id)
      a.answer = answer;
  }
  ESP_LOGI(TAG, "%s %s: %s %s", name.c_str(), id.c_str(), answer.status, answer.error_code.c_str());
  this->keep_(true, answer_payload_(name, id, answer));
  if (this->contact_ && this->announced_)
    this->flush_pending_();
}

void SmartAir::on_ota_(const std::string &payload) {
  if (payload.empty())
    return;
  UpdateOrder order;
  bool parsed = false, expired = false, early = false;
  json::parse_json(payload, [&](JsonObject root) {
    parsed = !root.isNull();
    order.cmd_id = root["cmd_id"] | "";
    order.version = root["version"] | "";
    order.url = root["url"] | "";
    order.checksum = root["checksum"] | "";
    order.size = root["size"] | 0u;
    order.retry = root["retry"] | false;
    order.cancel = root["cancel"] | false;
    expired = this->expired_(root);
    early = this->too_early_to_trust_(root);
    return true;
  });
  if (!parsed || order.cmd_id.empty() || order.cmd_id.size() > MAX_ID)
    return this->updater_.refuse(order, "bad_order");
  // To do nothing is as harmless as a stop: whenever it comes, and only for the order that it names.
  if (order.cancel)
    return this->updater_.cancel(order.cmd_id);
  if (expired)
    return this->updater_.refuse(order, "expired");
  // A repeated order gets the state that the update has come to, as the retained ota/state has it.
  if (this->executed_before_(order.cmd_id))
    return this->updater_.on_contact();
  if (early)
    return this->updater_.refuse(order, "maybe_retained");
  this->mark_executed_(order.cmd_id);
  this->updater_.order(order);
}

}  // namespace esphome::smartair
