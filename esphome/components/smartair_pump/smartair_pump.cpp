#include "smartair_pump.h"
#include <algorithm>
#include "esphome/core/application.h"
#include "esphome/core/log.h"

namespace esphome::smartair {

static const char *const TAG = "smartair.pump";
// Six looks within the shortest dwell (300 ms overcurrent).
static constexpr uint64_t TICK_MS = 50;

static const char *role_word(Role role) {
  switch (role) {
    case Role::RECIRCULATION:
      return "recirculation";
    case Role::FILL:
      return "fill";
    case Role::DRAIN:
      return "drain";
  }
  return "";
}

// ---- life -------------------------------------------------------------------------------------------------------

void SmartAirPump::setup() {
  this->lock_store_ = global_preferences->make_preference<StoredLock>(fnv1_hash("smartair_lock_" + this->channel_), true);
  StoredLock stored{};
  Verdict lock;
  if (this->lock_store_.load(&stored) && stored.reason <= static_cast<uint8_t>(Reason::TOO_MANY_FAILURES) &&
      stored.cause <= static_cast<uint8_t>(Cause::RISING))
    lock = {static_cast<Reason>(stored.reason), static_cast<Cause>(stored.cause), stored.value, stored.limit};
  this->saved_lock_ = lock;
  this->contact_lost_at_ = millis_64();
  this->rules_.begin(millis_64(), lock);
  this->was_running_ = this->rules_.running();
  this->write_();
  if (!this->rules_.limits.normally_closed())
    this->guard_.start(this->stall_ms_, [this]() { this->relay_->turn_off(); });
}

void SmartAirPump::on_shutdown() {
  this->rules_.to_fail_safe(millis_64());
  this->write_();
}

void SmartAirPump::loop() {
  const uint64_t now = millis_64();
  this->guard_.alive();
  if (now - this->last_tick_ < TICK_MS)
    return;
  const float seconds = this->last_tick_ == 0 ? 0 : (now - this->last_tick_) / 1000.0f;
  this->last_tick_ = now;
  this->look_around_();
  if (this->rules_.running() && this->in_.flow.wired) {
    const float flow = Gate(this->rules_.limits, this->in_, now).flow();
    if (flow > 0)
      this->litres_ += flow * seconds / 60.0f;
  }
  if (this->guard_.acted() && this->rules_.running() && !this->rules_.limits.normally_closed()) {
    this->rules_.fail(now, {Reason::MAX_RUN, Cause::UNKNOWN});
    this->act_on_(Happened::TRIPPED);
    return;
  }
  const Happened happened = this->rules_.tick(now, this->in_, this->contact_, this->contact_lost_at_);
  if (happened != Happened::NOTHING)
    this->act_on_(happened);
}

void SmartAirPump::dump_config() {
  const Limits &l = this->rules_.limits;
  ESP_LOGCONFIG(TAG,
                "Pump %s:\n"
                "  Role: %s, relay %s\n"
                "  Longest run: %us, longest pause: %us, contact timeout: %us\n"
                "  Lock: %s",
                this->channel_.c_str(), role_word(l.role), l.normally_closed() ? "normally closed" : "normally open",
                static_cast<unsigned>(l.max_run_ms / 1000), static_cast<unsigned>(l.max_off_ms / 1000),
                static_cast<unsigned>(l.contact_timeout_ms / 1000), word(this->rules_.lock().reason));
}

// ---- inputs -----------------------------------------------------------------------------------------------------

void SmartAirPump::feed_(sensor::Sensor *sensor, Input *input, float factor) {
  input->wired = true;
  sensor->add_on_state_callback([input, factor](float value) { input->update(value * factor, millis_64()); });
}

void SmartAirPump::feed_(binary_sensor::BinarySensor *sensor, Contact *contact) {
  contact->wired = true;
  sensor->add_full_state_callback([contact](optional<bool>, optional<bool> state) {
    contact->known = state.has_value();
    contact->on = state.value_or(false);
  });
}

// A sensor that two pumps share says nothing about the one that stands still.
void SmartAirPump::look_around_() {
  this->in_.flow.ours = this->in_.current.ours = true;
  for (auto *other : this->zone_) {
    if (!other->running())
      continue;
    if (other->flow_ == this->flow_)
      this->in_.flow.ours = false;
    if (other->current_ == this->current_)
      this->in_.current.ours = false;
  }
}

Situation SmartAirPump::situation_() const {
  Situation s;
  s.updating = this->held_;
  s.interlocked = std::any_of(this->interlocks_.begin(), this->interlocks_.end(), [](auto *o) { return o->running(); });
  s.zone_stuck = std::any_of(this->zone_.begin(), this->zone_.end(), [](auto *o) { return o->stuck(); });
  s.zone_locked = std::any_of(this->zone_.begin(), this->zone_.end(), [](auto *o) { return o->bars_the_zone(); });
  return s;
}

void SmartAirPump::on_contact(bool contact) {
  this->contact_ = contact;
  this->contact_lost_at_ = millis_64();
}

bool SmartAirPump::busy() const {
  return this->rules_.limits.normally_closed() ? this->rules_.held_off_by_order() : this->rules_.running();
}

void SmartAirPump::hold(bool held) {
  this->held_ = held;
  if (!held)
    return;
  this->rules_.to_fail_safe(millis_64());
  this->after_change_();
}

// ---- orders -----------------------------------------------------------------------------------------------------

bool SmartAirPump::handle_command(const Command &command, Answer &answer) {
  // A stop that names no channel means all of them.
  const bool everything = command.name == "stop_pump" && command.params["channel"].isNull();
  const char *channel = command.params["channel"] | "";
  if (!everything && this->channel_ != channel)
    return false;
  if (command.name == "run_pump")
    answer = this->run_(command);
  else if (command.name == "stop_pump")
    answer = this->stop_(command);
  else if (command.name == "reset_safety_lock")
    answer = this->reset_();
  else
    return false;
  return true;
}

// Seconds of a parameter as milliseconds; 0 where it is absent, -1 where it makes no sense.
static int64_t seconds_of(JsonObjectConst params, const char *key) {
  if (params[key].isNull())
    return 0;
  if (!params[key].is<float>())
    return -1;
  const float seconds = params[key].as<float>();
  return seconds > 0 && seconds <= 86400 ? static_cast<int64_t>(seconds * 1000.0f) : -1;
}

Answer SmartAirPump::run_(const Command &command) {
  const int64_t bound = seconds_of(command.params, "max_run_s"), duration = seconds_of(command.params, "duration_s");
  if (bound < 0 || duration < 0)
    return Answer::error("bad_params", this->details_({}));
  const bool was_running = this->rules_.running();
  const Verdict verdict =
      this->rules_.start(millis_64(), this->in_, static_cast<uint32_t>(bound), static_cast<uint32_t>(duration), this->situation_());
  if (!verdict.allowed()) {
    this->hub_->event("run_refused", [&](JsonObject o) {
      o["channel"] = this->channel_;
      o["code"] = word(verdict.reason);
      o["cause"] = word(verdict.cause);
      o["cmd_id"] = command.id;
    });
    return Answer::error(word(verdict.reason), this->details_(verdict));
  }
  if (!was_running)
    this->litres_ = 0;
  else if (!this->run_id_.empty())
    this->hub_->answer_later("run_pump", this->run_id_, {"DONE", "", this->details_({})});
  this->run_id_ = this->rules_.limits.normally_closed() ? "" : command.id;
  this->after_change_();
  return {this->run_id_.empty() ? "DONE" : "ACCEPTED", "", this->details_({})};
}

Answer SmartAirPump::stop_(const Command &command) {
  // A nonsensical pause is no reason to let the pump run: the longest one that is allowed holds then.
  const int64_t off = std::max<int64_t>(0, seconds_of(command.params, "max_off_s"));
  const std::string purpose = command.params["purpose"] | "";
  this->rules_.stop(millis_64(), static_cast<uint32_t>(off), purpose == "water_change");
  this->end_run_("stopped", nullptr);
  this->after_change_();
  return {"DONE", "", this->details_({})};
}

Answer SmartAirPump::reset_() {
  const Verdict before = this->rules_.lock();
  const Verdict verdict = this->rules_.reset(millis_64(), this->in_);
  if (!verdict.allowed())
    return Answer::error(word(verdict.reason), this->details_(verdict));
  this->after_change_();
  if (!before.allowed()) {
    this->hub_->event("safety_reset", [&](JsonObject o) {
      o["channel"] = this->channel_;
      o["code"] = word(before.reason);
    });
  }
  return {"DONE", "", this->details_({})};
}

// ---- what the rules decided -------------------------------------------------------------------------------------

void SmartAirPump::act_on_(Happened happened) {
  // The relay first: telling people about it can wait.
  this->write_();
  const Verdict trip = this->rules_.last_trip();
  switch (happened) {
    case Happened::FINISHED:
      this->end_run_("finished", nullptr);
      break;
    case Happened::CONTACT_LOST:
      this->hub_->event("contact_lost", [&](JsonObject o) {
        o["cmd_id"] = this->run_id_;
        this->put_record_(o);
      });
      this->end_run_("contact_lost", nullptr);
      break;
    case Happened::TRIPPED:
      this->hub_->event("safety_trip", [&](JsonObject o) {
        o["channel"] = this->channel_;
        o["code"] = word(trip.reason);
        o["cause"] = word(trip.cause);
        if (!std::isnan(trip.value))
          o["value"] = trip.value;
        if (!std::isnan(trip.limit))
          o["limit"] = trip.limit;
        o["locked"] = !this->rules_.lock().allowed();
        if (!this->run_id_.empty())
          o["cmd_id"] = this->run_id_;
      });
      this->end_run_("tripped", &trip);
      break;
    case Happened::RUNS_OVER:
      this->hub_->event("overflow_at_rest", [&](JsonObject o) {
        const Verdict &trouble = this->rules_.still_water();
        o["channel"] = this->channel_;
        o["cause"] = word(trouble.cause);
        o["value"] = trouble.value;
        o["limit"] = trouble.limit;
      });
      break;
    case Happened::RELEASED_MAX_OFF:
    case Happened::RELEASED_CONTACT:
      this->hub_->event("circulation_released", [&](JsonObject o) {
        o["channel"] = this->channel_;
        o["cause"] = happened == Happened::RELEASED_CONTACT ? "contact_lost" : "max_off";
      });
      break;
    default:
      break;
  }
  this->after_change_();
}

// The record of a run that moved water, as the later answer to the command that began it.
void SmartAirPump::end_run_(const char *how, const Verdict *trip) {
  if (this->run_id_.empty() || this->rules_.running())
    return;
  const std::string id = this->run_id_;
  this->run_id_.clear();
  std::string details = json::build_json([&](JsonObject o) {
    this->put_record_(o);
    o["ended_by"] = how;
  });
  if (trip == nullptr)
    return this->hub_->answer_later("run_pump", id, {"DONE", "", details});
  this->hub_->answer_later("run_pump", id, Answer::error(word(trip->reason), this->details_(*trip)));
}

void SmartAirPump::put_record_(JsonObject o) const {
  o["channel"] = this->channel_;
  o["seconds"] = (this->rules_.changed_at() - this->rules_.started()) / 1000.0f;
  if (this->in_.flow.wired)
    o["litres"] = this->litres_;
}

void SmartAirPump::after_change_() {
  this->write_();
  this->save_lock_();
}

void SmartAirPump::write_() {
  const bool coil = this->rules_.running() != this->rules_.limits.normally_closed();
  // Written again when the guard had its hand on it, so the state is never only believed.
  if (this->written_ && coil == this->coil_ && this->was_running_ == this->rules_.running())
    return;
  this->written_ = true;
  for (auto *other : this->zone_)
    other->rules_.stirred(millis_64());
  this->coil_ = coil;
  this->was_running_ = this->rules_.running();
  this->relay_->set_state(coil);
  ESP_LOGI(TAG, "%s %s", this->channel_.c_str(), this->rules_.running() ? "runs" : "stands still");
}

void SmartAirPump::save_lock_() {
  const Verdict &lock = this->rules_.lock();
  if (lock.reason == this->saved_lock_.reason && lock.cause == this->saved_lock_.cause)
    return;
  this->saved_lock_ = lock;
  StoredLock stored{static_cast<uint8_t>(lock.reason), static_cast<uint8_t>(lock.cause), lock.value, lock.limit};
  this->lock_store_.save(&stored);
  // A lock that a power cut could take away is none.
  global_preferences->sync();
}

std::string SmartAirPump::details_(const Verdict &verdict) const {
  return json::build_json([&](JsonObject o) {
    o["channel"] = this->channel_;
    if (!verdict.allowed())
      o["cause"] = word(verdict.cause);
    const char *const key = verdict.reason == Reason::OVERCURRENT  ? "current_ma"
                            : verdict.reason == Reason::NO_FLOW    ? "flow_l_min"
                            : verdict.reason == Reason::DRY_RUN    ? "level"
                            : verdict.reason == Reason::OVERFLOW   ? "level"
                                                                   : "value";
    if (!std::isnan(verdict.value))
      o[key] = verdict.value;
    if (!std::isnan(verdict.limit))
      o[verdict.reason == Reason::OVERCURRENT ? "threshold_ma" : "threshold"] = verdict.limit;
  });
}

// ---- what the hub wants to know ---------------------------------------------------------------------------------

void SmartAirPump::describe(JsonArray channels) {
  const bool nc = this->rules_.limits.normally_closed();
  JsonObject o = channels.add<JsonObject>();
  o["id"] = this->channel_;
  o["type"] = "pump";
  o["role"] = role_word(this->rules_.limits.role);
  o["fail_safe_mode"] = nc ? "NC" : "NO";
  o["controlled_by"] = "relay";
  o["relay_logic"] = nc ? "active_open" : "active_close";
}

void SmartAirPump::report(JsonObject channels) {
  const Gate gate(this->rules_.limits, this->in_, millis_64());
  JsonObject o = channels[this->channel_].to<JsonObject>();
  // What really flows, where that can be measured: a welded relay is not off because it was told so.
  o["on"] = this->rules_.running() || (this->rules_.stuck() && !gate.stuck().allowed());
  if (!std::isnan(gate.current()))
    o["current_ma"] = gate.current();
  if (!std::isnan(gate.flow()))
    o["flow_l_min"] = gate.flow();
  const Verdict &lock = this->rules_.lock();
  if (lock.allowed())
    o["lock"] = nullptr;
  else
    o["lock"] = word(lock.reason);
}

// Home Assistant may tighten what is compiled in, never loosen it.
void SmartAirPump::offer_limits() {
  Limits &l = this->rules_.limits;
  if (this->in_.current.wired)
    this->limit_("max_current_ma", &l.max_current_ma, this->compiled_.max_current_ma, 10);
  if (this->in_.flow.wired)
    this->limit_("min_flow", &l.min_flow, this->compiled_.min_flow, 100);
  if (l.draws() && !std::isnan(l.min_level))
    this->limit_("min_level", &l.min_level, this->compiled_.min_level, 100);
  if (l.role == Role::FILL)
    this->limit_("max_level", &l.max_level, this->compiled_.max_level, 1);
  if (l.normally_closed()) {
    this->limit_s_("max_off_s", &l.max_off_ms, this->compiled_.max_off_ms, 1000);
  } else {
    this->limit_s_("max_run_s", &l.max_run_ms, this->compiled_.max_run_ms, 1000);
  }
}

void SmartAirPump::limit_(const char *key, float *value, float loosest, float tightest) {
  this->hub_->add_setting(this->channel_ + "_" + key, std::min(loosest, tightest), std::max(loosest, tightest), loosest,
                          false, [value](float wanted) { *value = wanted; });
}

void SmartAirPump::limit_s_(const char *key, uint32_t *ms, uint32_t loosest_ms, uint32_t tightest_ms) {
  this->hub_->add_setting(this->channel_ + "_" + key, tightest_ms / 1000.0f, loosest_ms / 1000.0f, loosest_ms / 1000.0f,
                          true, [ms](float wanted) { *ms = static_cast<uint32_t>(wanted * 1000.0f); });
}

}  // namespace esphome::smartair
