#pragma once
// The pump safety contract (safety.md), in firmware. No ESPHome types and no heap: the same file is compiled into
// the device and, with sanitizers, into a test that lives through days in milliseconds.
//
// Time is millis_64(): it does not wrap, so no comparison below has to survive a wrap.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace esphome::smartair {

enum class Role : uint8_t { RECIRCULATION, FILL, DRAIN };

/// Why a pump may not run. Up to TOO_MANY_FAILURES these are the codes of safety.md, without their prefix `biz_`.
enum class Reason : uint8_t {
  NONE,
  DRY_RUN,
  NO_FLOW,
  OVERCURRENT,
  PUMP_STUCK_ON,
  OVERFLOW,
  MAX_RUN,
  TOO_MANY_FAILURES,
  INTERLOCK,
  UPDATE_IN_PROGRESS,
  MAX_RUN_MISSING,
};

/// What about the reason was the case: a value was measured to be unsafe, or no value was there that could be safe.
enum class Cause : uint8_t { NONE, MEASURED, FLOAT_OPEN, LEAK, UNKNOWN };

inline const char *word(Reason reason) {
  static const char *const WORDS[] = {"none",    "dry_run", "no_flow",           "overcurrent", "pump_stuck_on",     "overflow",
                                      "max_run", "too_many_failures", "interlock",   "update_in_progress", "max_run_missing"};
  return WORDS[static_cast<size_t>(reason)];
}
inline const char *word(Cause cause) {
  static const char *const WORDS[] = {"none", "measured", "float_open", "leak", "unknown"};
  return WORDS[static_cast<size_t>(cause)];
}

/// Allowed, or refused with a reason: never a bare bool, so that lock, log, screen and test say the same word.
struct Verdict {
  Reason reason{Reason::NONE};
  Cause cause{Cause::NONE};
  float value{NAN}, limit{NAN};
  bool allowed() const { return this->reason == Reason::NONE; }
};

struct Limits {
  Role role{Role::FILL};
  float min_level{NAN};       // %; at or below this a pump that draws from the reservoir would run dry
  float max_level{NAN};       // %
  float min_flow{0.3f};       // L/min
  float max_current_ma{1500};
  float idle_current_ma{50};
  float level_step{1};        // %; what the level must move in progress_ms where there is no flow sensor
  uint32_t max_run_ms{0};
  uint32_t max_off_ms{0};     // recirculation only
  uint32_t drain_off_ms{0};   // recirculation only: the drain step of a water change
  uint32_t contact_timeout_ms{120000};
  uint32_t start_grace_ms{10000};
  uint32_t flow_dwell_ms{5000};
  uint32_t dry_dwell_ms{3000};
  uint32_t inrush_ms{500};
  uint32_t current_dwell_ms{300};
  uint32_t stuck_dwell_ms{5000};
  uint32_t stale_after_ms{15000};
  uint32_t stale_grace_ms{5000};
  uint32_t progress_ms{60000};
  bool normally_closed() const { return this->role == Role::RECIRCULATION; }
  bool draws() const { return this->role != Role::FILL; }
};

/// One input. How often it was updated is counted, because a trip needs more than one reading (S7).
struct Input {
  bool wired{false};
  float value{NAN};
  uint64_t at{0};
  uint32_t count{0};
  /// False on the level of a shared sensor that another pump moves just now.
  bool ours{true};

  /// A sensor that says that it cannot tell is believed at once, but that is no reading.
  void update(float v, uint64_t now) {
    if (!std::isfinite(v)) {
      this->value = NAN;
      return;
    }
    this->value = v;
    this->at = now;
    this->count++;
  }
  /// Whether its last word was that it cannot tell.
  bool gave_up() const { return this->count != 0 && std::isnan(this->value); }
  /// NaN unless it is fresh and could be true (S6).
  float known(uint64_t now, uint32_t stale_after_ms, float lowest, float highest) const {
    const bool fresh = this->count != 0 && now - this->at <= stale_after_ms;
    return fresh && this->value >= lowest && this->value <= highest ? this->value : NAN;
  }
};

/// A switch: a float that must be closed, a leak detector that must be dry.
struct Contact {
  bool wired{false}, known{false}, on{false};
};

struct Inputs {
  Input level, flow, current;
  Contact float_switch, leak;
};

/// What the gate must know beside the limits and the inputs.
struct Situation {
  Verdict lock;
  bool interlocked{false};  // the opposite pump runs
  bool zone_stuck{false};   // another pump of the zone cannot be switched off
  bool updating{false};
};

enum class Asked : uint8_t { ORDER, FAIL_SAFE };

/// The checks that do not depend on what happened before.
class Gate {
 public:
  Gate(const Limits &limits, const Inputs &inputs, uint64_t now) : limits_(limits), in_(inputs), now_(now) {}

  // What lies a little beyond the possible is measured, by a sensor that is a little off: below empty is dry, above
  // full is full (sound at 5 °C is 2.5 % slower than an ultrasonic sensor reckons). Far beyond, it is broken.
  float level() const { return this->in_.level.known(this->now_, this->limits_.stale_after_ms, -10, 120); }
  float flow() const { return this->in_.flow.known(this->now_, this->limits_.stale_after_ms, -5, 500); }
  float current() const { return this->in_.current.known(this->now_, this->limits_.stale_after_ms, -200, 60000); }

  Verdict reservoir() const {
    if (!this->limits_.draws())
      return {};
    const Contact &f = this->in_.float_switch;
    if (f.wired && !f.known)
      return {Reason::DRY_RUN, Cause::UNKNOWN};
    if (f.wired && !f.on)
      return {Reason::DRY_RUN, Cause::FLOAT_OPEN};
    if (!this->in_.level.wired || std::isnan(this->limits_.min_level))
      return {};
    const float level = this->level();
    if (std::isnan(level))
      return {Reason::DRY_RUN, Cause::UNKNOWN, NAN, this->limits_.min_level};
    if (level < this->limits_.min_level)
      return {Reason::DRY_RUN, Cause::MEASURED, level, this->limits_.min_level};
    return {};
  }

  Verdict room() const {
    if (this->limits_.role != Role::FILL)
      return {};
    const Contact &l = this->in_.leak;
    if (l.wired && !l.known)
      return {Reason::OVERFLOW, Cause::UNKNOWN};
    if (l.wired && l.on)
      return {Reason::OVERFLOW, Cause::LEAK};
    const float level = this->level();
    if (std::isnan(level))
      return {Reason::OVERFLOW, Cause::UNKNOWN, NAN, this->limits_.max_level};
    if (level >= this->limits_.max_level)
      return {Reason::OVERFLOW, Cause::MEASURED, level, this->limits_.max_level};
    return {};
  }

  /// The sensors that watch a run. Circulation goes on without them (S5: whatever is broken).
  Verdict watched() const {
    if (this->limits_.normally_closed())
      return {};
    if (this->in_.current.wired && std::isnan(this->current()))
      return {Reason::OVERCURRENT, Cause::UNKNOWN, NAN, this->limits_.max_current_ma};
    if (this->in_.flow.wired && std::isnan(this->flow()))
      return {Reason::NO_FLOW, Cause::UNKNOWN, NAN, this->limits_.min_flow};
    return {};
  }

  Verdict overcurrent() const {
    if (!this->in_.current.wired)
      return {};
    const float current = this->current();
    if (current > this->limits_.max_current_ma)
      return {Reason::OVERCURRENT, Cause::MEASURED, current, this->limits_.max_current_ma};
    return {};
  }

  /// Something still flows although the pump is off.
  Verdict stuck() const {
    const float current = this->in_.current.wired && this->in_.current.ours ? this->current() : NAN;
    if (current > this->limits_.idle_current_ma)
      return {Reason::PUMP_STUCK_ON, Cause::MEASURED, current, this->limits_.idle_current_ma};
    const float flow = this->in_.flow.wired && this->in_.flow.ours ? this->flow() : NAN;
    if (flow > this->limits_.min_flow)
      return {Reason::PUMP_STUCK_ON, Cause::MEASURED, flow, this->limits_.min_flow};
    return {};
  }

  /// What cannot be seen now is not gone (S3).
  Verdict maybe_stuck() const {
    const Verdict stuck = this->stuck();
    if (!stuck.allowed())
      return stuck;
    const bool blind = (this->in_.current.wired && !this->in_.current.ours) || (this->in_.flow.wired && !this->in_.flow.ours);
    if (blind || (this->in_.current.wired && std::isnan(this->current())) || (this->in_.flow.wired && std::isnan(this->flow())))
      return {Reason::PUMP_STUCK_ON, Cause::UNKNOWN};
    return {};
  }

  /// The one gate (S2): every path that energises a pump asks it.
  Verdict may_run(const Situation &s, Asked asked) const {
    if (asked == Asked::FAIL_SAFE)
      return holds_circulation(s.lock) ? s.lock : Verdict{};
    if (!s.lock.allowed())
      return s.lock;
    if (s.updating)
      return {Reason::UPDATE_IN_PROGRESS};
    if (s.zone_stuck)
      return {Reason::PUMP_STUCK_ON};
    if (s.interlocked)
      return {Reason::INTERLOCK};
    for (const Verdict &v : {this->reservoir(), this->room(), this->watched()}) {
      if (!v.allowed())
        return v;
    }
    return {};
  }

  /// May this lock be taken away? Refused with the cause while the cause is still there (S3).
  Verdict may_reset(const Verdict &lock) const {
    switch (lock.reason) {
      case Reason::DRY_RUN:
        return this->reservoir();
      case Reason::OVERFLOW:
        return this->room();
      case Reason::OVERCURRENT:
        if (this->in_.current.wired && std::isnan(this->current()))
          return {Reason::OVERCURRENT, Cause::UNKNOWN, NAN, this->limits_.max_current_ma};
        return this->overcurrent();
      case Reason::PUMP_STUCK_ON:
        return this->maybe_stuck();
      default:
        return {};
    }
  }

  /// The locks that keep a recirculation pump off for longer than max_off (S5). That nothing is known of the
  /// level is none of them: a dead sensor must not kill the plants.
  static bool holds_circulation(const Verdict &lock) {
    return lock.reason == Reason::OVERCURRENT || (lock.reason == Reason::DRY_RUN && lock.cause != Cause::UNKNOWN);
  }

 protected:
  const Limits &limits_;
  const Inputs &in_;
  uint64_t now_;
};

/// Why a run came to its end, or why circulation came back by itself.
enum class Happened : uint8_t { NOTHING, STOPPED, FINISHED, TRIPPED, CONTACT_LOST, RELEASED_MAX_OFF, RELEASED_CONTACT };

/// One pump channel: what it does now, and what has to happen next.
class PumpRules {
 public:
  Limits limits;

  /// Power up with the lock that flash has kept. An NC pump runs from here on, an NO pump stands still (S9).
  void begin(uint64_t now, const Verdict &kept) {
    this->lock_ = kept;
    this->stuck_on_ = kept.reason == Reason::PUMP_STUCK_ON;
    this->off_limit_ms_ = this->limits.max_off_ms;
    this->set_(this->limits.normally_closed() && !Gate::holds_circulation(kept), now);
  }

  /// bound_ms ends the run as a failure, duration_ms as planned. An NC pump has neither: running is its rest.
  Verdict start(uint64_t now, const Inputs &in, uint32_t bound_ms, uint32_t duration_ms, const Situation &around) {
    Situation s = around;
    s.lock = this->lock_;
    const Verdict v = Gate(this->limits, in, now).may_run(s, Asked::ORDER);
    if (!v.allowed())
      return v;
    if (!this->limits.normally_closed() && bound_ms == 0 && duration_ms == 0)
      return {Reason::MAX_RUN_MISSING};
    if (!this->running_) {
      this->set_(true, now);
      this->level_at_start_(in, now);
    }
    if (this->limits.normally_closed())
      return v;
    // A renewed order moves the end, but one run never gets longer than the channel allows.
    const uint64_t last = this->started_ + this->limits.max_run_ms;
    const bool planned = duration_ms != 0 && (bound_ms == 0 || duration_ms <= bound_ms);
    const uint64_t wanted = now + (planned ? duration_ms : bound_ms);
    this->ends_at_ = wanted < last ? wanted : last;
    this->planned_end_ = planned && wanted <= last;
    return v;
  }

  /// Off is never gated (S1). For circulation it ends by itself after off_ms at the latest (S5).
  void stop(uint64_t now, uint32_t off_ms = 0, bool water_change = false) {
    const uint32_t most = water_change ? this->limits.drain_off_ms : this->limits.max_off_ms;
    this->off_limit_ms_ = off_ms != 0 && off_ms < most ? off_ms : most;
    this->water_change_ = water_change && this->limits.normally_closed();
    // Asked again while it is off: the time that it has been off already counts.
    this->set_(false, now);
  }

  Verdict reset(uint64_t now, const Inputs &in) {
    const Gate gate(this->limits, in, now);
    Verdict v = this->lock_.reason == Reason::PUMP_STUCK_ON ? Verdict{} : gate.may_reset(this->lock_);
    // While it runs by right, what flows is no proof that it cannot be switched off.
    if (v.allowed() && this->stuck_on_ && !this->running_)
      v = gate.maybe_stuck();
    if (!v.allowed())
      return v;
    this->lock_ = {};
    this->stuck_on_ = false;
    this->failures_ = 0;
    if (this->limits.normally_closed() && !this->water_change_)
      this->release_(now);
    return v;
  }

  /// To be called at least ten times a second.
  Happened tick(uint64_t now, const Inputs &in, bool contact, uint64_t contact_lost_at) {
    const Gate gate(this->limits, in, now);
    this->ticks_++;
    const bool lost = !contact && now - contact_lost_at >= this->limits.contact_timeout_ms;
    if (this->running_)
      return this->watch_run_(now, gate, in, lost);
    return this->watch_rest_(now, gate, in, lost);
  }

  /// A fault that only the glue can see, such as a main loop that stood still: ends the run as a failed one.
  void fail(uint64_t now, const Verdict &why) { this->end_failed_(now, why, false); }
  /// An NO pump stands still, circulation is in its fail-safe state.
  void to_fail_safe(uint64_t now) {
    this->water_change_ = false;
    if (!this->limits.normally_closed())
      this->set_(false, now);
    else
      this->release_(now);
  }

  bool running() const { return this->running_; }
  const Verdict &lock() const { return this->lock_; }
  /// It was seen to run although it was switched off, beside whatever lock there is; until a reset.
  bool stuck() const { return this->stuck_on_; }
  /// What ended the last run, where it was a fault.
  const Verdict &last_trip() const { return this->trip_; }
  uint64_t started() const { return this->started_; }
  uint64_t changed_at() const { return this->running_ ? this->started_ : this->stopped_; }
  /// Off because it was told so: neither at rest nor locked.
  bool held_off_by_order() const {
    return this->limits.normally_closed() && !this->running_ && this->lock_.allowed();
  }

 protected:
  // A condition that must hold for a time and over several readings before it trips (S7).
  struct Dwell {
    static constexpr uint64_t MUTE_MS = 5000;
    bool active{false};
    uint64_t since{0}, seen{0};
    uint32_t from{0};
    /// `mute`: just now nothing can be told, which for a while neither proves nor disproves it.
    bool held(bool now_true, uint64_t now, uint32_t count, uint32_t ms, bool mute = false) {
      if (!now_true) {
        this->active = this->active && mute && now - this->seen <= MUTE_MS;
        return false;
      }
      this->seen = now;
      if (!this->active) {
        this->active = true;
        this->since = now;
        this->from = count;
      }
      return now - this->since >= ms && count != this->from;
    }
  };
  static constexpr size_t FAILED_RUNS = 3;
  static constexpr uint64_t FAILED_WINDOW_MS = 3600000;

  void set_(bool on, uint64_t now) {
    if (on == this->running_)
      return;
    this->running_ = on;
    (on ? this->started_ : this->stopped_) = now;
    if (on)
      this->water_change_ = false;
    this->dry_ = this->flow_ = this->current_ = this->idle_ = this->stuck_ = this->stale_ = {};
  }

  bool release_(uint64_t now) {
    Situation s;
    s.lock = this->lock_;
    static const Limits NONE;
    static const Inputs NOTHING;
    if (this->running_ || !Gate(NONE, NOTHING, now).may_run(s, Asked::FAIL_SAFE).allowed())
      return false;
    this->set_(true, now);
    return true;
  }

  void level_at_start_(const Inputs &in, uint64_t now) {
    this->window_at_ = now;
    this->window_level_ = Gate(this->limits, in, now).level();
    this->window_count_ = in.level.count;
  }

  Happened watch_run_(uint64_t now, const Gate &gate, const Inputs &in, bool lost) {
    const bool nc = this->limits.normally_closed();
    const uint64_t ran = now - this->started_;
    if (lost && !nc) {
      this->set_(false, now);
      return Happened::CONTACT_LOST;
    }
    const Verdict current = gate.overcurrent();
    if (this->current_.held(!current.allowed() && ran >= this->limits.inrush_ms, now, in.current.count,
                            this->limits.current_dwell_ms, in.current.gave_up()))
      return this->end_failed_(now, current, true);
    const Verdict room = gate.room();
    if (!room.allowed() && room.cause != Cause::UNKNOWN)
      return this->end_failed_(now, room, true);
    const Verdict dry = gate.reservoir();
    const bool measured = !dry.allowed() && dry.cause != Cause::UNKNOWN;
    const uint32_t count = dry.cause == Cause::FLOAT_OPEN ? this->ticks_ : in.level.count;
    if (this->dry_.held(measured, now, count, this->limits.dry_dwell_ms, in.level.gave_up()))
      return this->end_failed_(now, dry, true);
    // Circulation that came back although it is locked is stopped only by what may hold it off.
    if (nc && !this->lock_.allowed())
      return Happened::NOTHING;
    const Verdict unknown = !dry.allowed() ? dry : !room.allowed() ? room : gate.watched();
    // Circulation runs from power up, when no sensor has spoken yet.
    const bool blind = !unknown.allowed() && unknown.cause == Cause::UNKNOWN && (!nc || ran >= this->limits.start_grace_ms);
    if (this->stale_.held(blind, now, this->ticks_, this->limits.stale_grace_ms))
      return this->end_failed_(now, unknown, unknown.reason == Reason::DRY_RUN);
    if (ran >= this->limits.start_grace_ms) {
      const Verdict flow = this->no_flow_(now, gate, in);
      if (!flow.allowed())
        return this->end_failed_(now, flow, true);
      // A pump that draws nothing is unplugged, or its sensor has lost its power and reads 0 for ever: then nothing
      // would see an overcurrent.
      const float drawn = in.current.wired && !nc ? gate.current() : NAN;
      if (this->idle_.held(drawn <= this->limits.idle_current_ma, now, in.current.count, this->limits.stale_grace_ms,
                           in.current.gave_up()))
        return this->end_failed_(now, {Reason::OVERCURRENT, Cause::UNKNOWN, drawn, this->limits.idle_current_ma}, false);
    }
    if (nc || now < this->ends_at_)
      return Happened::NOTHING;
    if (this->planned_end_) {
      this->set_(false, now);
      return Happened::FINISHED;
    }
    return this->end_failed_(now, {Reason::MAX_RUN, Cause::MEASURED, ran / 1000.0f, (this->ends_at_ - this->started_) / 1000.0f},
                             false);
  }

  Verdict no_flow_(uint64_t now, const Gate &gate, const Inputs &in) {
    if (in.flow.wired) {
      const float flow = gate.flow();
      if (this->flow_.held(flow < this->limits.min_flow, now, in.flow.count, this->limits.flow_dwell_ms,
                           in.flow.gave_up()))
        return {Reason::NO_FLOW, Cause::MEASURED, flow, this->limits.min_flow};
      return {};
    }
    if (!in.level.wired || this->limits.role == Role::RECIRCULATION || now - this->window_at_ < this->limits.progress_ms)
      return {};
    const float moved = gate.level() - this->window_level_;
    const float right_way = this->limits.role == Role::FILL ? moved : -moved;
    const bool counted = in.level.count - this->window_count_ >= 2;
    this->level_at_start_(in, now);
    if (counted && right_way < this->limits.level_step)
      return {Reason::NO_FLOW, Cause::MEASURED, right_way, this->limits.level_step};
    return {};
  }

  Happened watch_rest_(uint64_t now, const Gate &gate, const Inputs &in, bool lost) {
    const Verdict stuck = gate.stuck();
    const uint32_t count = in.current.count + in.flow.count;
    if (!this->stuck_on_ && this->stuck_.held(!stuck.allowed(), now, count, this->limits.stuck_dwell_ms)) {
      this->trip_ = stuck;
      this->stuck_on_ = true;
      // A lock that holds circulation off must not be replaced by one that lets it go.
      if (!this->limits.normally_closed() || !Gate::holds_circulation(this->lock_))
        this->lock_ = stuck;
      return Happened::TRIPPED;
    }
    if (!this->limits.normally_closed())
      return Happened::NOTHING;
    if (lost && !this->water_change_ && this->release_(now))
      return Happened::RELEASED_CONTACT;
    if (now - this->stopped_ >= this->off_limit_ms_ && this->release_(now))
      return Happened::RELEASED_MAX_OFF;
    return Happened::NOTHING;
  }

  Happened end_failed_(uint64_t now, const Verdict &why, bool locks) {
    this->trip_ = why;
    this->set_(false, now);
    this->off_limit_ms_ = this->limits.max_off_ms;
    if (locks) {
      this->lock_ = why;
      return Happened::TRIPPED;
    }
    // A sliding window: the third failure within the hour, wherever the hour began.
    if (this->failures_ == FAILED_RUNS) {
      this->failed_at_[0] = this->failed_at_[1];
      this->failed_at_[1] = this->failed_at_[2];
      this->failures_--;
    }
    this->failed_at_[this->failures_++] = now;
    if (this->failures_ == FAILED_RUNS && now - this->failed_at_[0] <= FAILED_WINDOW_MS) {
      const Reason reason = why.reason == Reason::MAX_RUN ? Reason::MAX_RUN : Reason::TOO_MANY_FAILURES;
      this->lock_ = {reason, Cause::MEASURED, static_cast<float>(FAILED_RUNS), static_cast<float>(FAILED_RUNS)};
    }
    return Happened::TRIPPED;
  }

  bool running_{false}, planned_end_{false}, water_change_{false}, stuck_on_{false};
  Verdict lock_, trip_;
  uint64_t started_{0}, stopped_{0}, ends_at_{0}, failed_at_[FAILED_RUNS]{};
  uint32_t off_limit_ms_{0}, ticks_{0}, window_count_{0};
  uint64_t window_at_{0};
  float window_level_{NAN};
  size_t failures_{0};
  Dwell dry_, flow_, current_, idle_, stuck_, stale_;
};

}  // namespace esphome::smartair
