#pragma once
// May the pump run? The checks of the pump safety contract (safety.md) that remember nothing. No ESPHome types and no
// heap: the same files are compiled into the device and, with sanitizers, into tests that live through days in
// milliseconds.
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
  ZONE_LOCKED,
  WRONG_RELAY,
};

/// What about the reason was the case: a value was measured to be unsafe, or no value was there that could be safe.
enum class Cause : uint8_t { NONE, MEASURED, FLOAT_OPEN, LEAK, UNKNOWN, FROZEN, SLOW, RISING };

inline const char *word(Reason reason) {
  static const char *const WORDS[] = {"none",          "dry_run",     "no_flow",           "overcurrent",
                                      "pump_stuck_on", "overflow",    "max_run",           "too_many_failures",
                                      "interlock",     "update_in_progress", "max_run_missing", "zone_locked",
                                      "wrong_relay"};
  return WORDS[static_cast<size_t>(reason)];
}
inline const char *word(Cause cause) {
  static const char *const WORDS[] = {"none", "measured", "float_open", "leak", "unknown", "frozen", "slow", "rising"};
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
  float rate{NAN};            // % of the tank a second that the pump moves, where that is known
  bool wrong_relay{false};    // on a contact whose rest is not the pump's
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
  /// Percent of the tank between where it should stop and where harm begins: an overflow, or air in the pump.
  float margin() const {
    static constexpr float LEAST = 2, MIN_LEVEL = 10, MAX_LEVEL = 95;
    const float left = this->draws() ? (std::isnan(this->min_level) ? MIN_LEVEL : this->min_level)
                                     : 100 - (std::isnan(this->max_level) ? MAX_LEVEL : this->max_level);
    return left > LEAST ? left : LEAST;
  }
};

/// One input. How often it was updated is counted, because a trip needs more than one reading (S7).
struct Input {
  bool wired{false};
  float value{NAN};
  uint64_t at{0};
  uint32_t count{0};
  static constexpr uint32_t GAPS = 3, SHORTEST_GAP_MS = 500;
  uint32_t gaps[GAPS]{}, gap_count{0};
  /// False on the level of a shared sensor that another pump moves just now.
  bool ours{true};

  /// A sensor that says that it cannot tell is believed at once, but that is no reading.
  void update(float v, uint64_t now) {
    if (!std::isfinite(v)) {
      this->value = NAN;
      return;
    }
    // What comes sooner says nothing of the pace: nobody has to report more often than that.
    if (this->count != 0 && now - this->at >= SHORTEST_GAP_MS)
      this->gaps[this->gap_count++ % GAPS] = now - this->at < UINT32_MAX ? now - this->at : UINT32_MAX;
    this->value = v;
    this->at = now;
    this->count++;
  }
  /// The interval in which it is seen to speak, 0 as long as that is not known: one lost reading changes nothing.
  uint32_t interval_ms() const {
    const uint32_t a = this->gaps[0], b = this->gaps[1], c = this->gaps[2];
    if (this->gap_count < GAPS)
      return a > b ? a : b;
    const uint32_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
  }
  /// Whether its last word was that it cannot tell.
  bool gave_up() const { return this->count != 0 && std::isnan(this->value); }
  /// NaN unless it is fresh and could be true (S6).
  float known(uint64_t now, uint64_t term_ms, float lowest, float highest) const {
    const bool fresh = this->count != 0 && now - this->at <= term_ms;
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
  float rate{NAN};  // % a second that the pump was measured to move the level
};

/// What the gate must know beside the limits and the inputs.
struct Situation {
  Verdict lock;
  bool interlocked{false};  // the opposite pump runs
  bool zone_stuck{false};   // another pump of the zone cannot be switched off
  bool zone_locked{false};  // another pump of the zone is locked by what also speaks against filling and draining
  bool updating{false};
};

enum class Asked : uint8_t { ORDER, FAIL_SAFE };

/// The checks that do not depend on what happened before.
class Gate {
 public:
  Gate(const Limits &limits, const Inputs &inputs, uint64_t now) : limits_(limits), in_(inputs), now_(now) {}

  /// In which a pump that fills or drains passes from where it should stop to harm.
  uint64_t harm_ms() const {
    // 5 % of a tank of 60 litres at 3 l/min, which is a small pump's.
    static constexpr uint64_t RATE_UNKNOWN_MS = 60000;
    const float stated = this->limits_.rate, measured = this->in_.rate;
    // Written so that a rate that is not known never wins.
    const float rate = stated > 0 && !(measured > stated) ? stated : measured;
    return rate > 0 ? static_cast<uint64_t>(this->limits_.margin() * 1000.0f / rate + 0.5f) : RATE_UNKNOWN_MS;
  }
  /// For how long an input is believed (S6): three times the interval that is seen, and never past harm.
  uint64_t term_ms(const Input &input) const {
    const uint64_t seen = 3ULL * input.interval_ms();
    const uint64_t term = seen > this->limits_.stale_after_ms ? seen : this->limits_.stale_after_ms;
    return this->limits_.normally_closed() || term < this->harm_ms() ? term : this->harm_ms();
  }

  // What lies a little beyond the possible is measured, by a sensor that is a little off: below empty is dry, above
  // full is full (sound at 5 °C is 2.5 % slower than an ultrasonic sensor reckons). Far beyond, it is broken.
  float level() const { return this->known_(this->in_.level, -10, 120); }
  float flow() const { return this->known_(this->in_.flow, -5, 500); }
  float current() const { return this->known_(this->in_.current, -200, 60000); }

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

  /// A source that speaks less often than the pump needs for harm cannot guard it.
  Verdict slow() const {
    if (this->limits_.normally_closed())
      return {};
    // A reading comes late by a quarter of its interval now and then.
    const float longest = this->harm_ms() / 1.25f;
    const bool fills = this->limits_.role == Role::FILL;
    const bool guarded = !std::isnan(fills ? this->limits_.max_level : this->limits_.min_level);
    const Reason level = fills ? Reason::OVERFLOW : Reason::DRY_RUN;
    if (guarded && this->in_.level.wired && this->in_.level.interval_ms() > longest)
      return {level, Cause::SLOW, this->in_.level.interval_ms() / 1000.0f, longest / 1000.0f};
    if (this->in_.current.wired && this->in_.current.interval_ms() > longest)
      return {Reason::OVERCURRENT, Cause::SLOW, this->in_.current.interval_ms() / 1000.0f, longest / 1000.0f};
    if (this->in_.flow.wired && this->in_.flow.interval_ms() > longest)
      return {Reason::NO_FLOW, Cause::SLOW, this->in_.flow.interval_ms() / 1000.0f, longest / 1000.0f};
    return {};
  }

  /// What the run needs to know and does not, or not often enough.
  Verdict blind() const {
    for (const Verdict &v : {this->reservoir(), this->room(), this->watched(), this->slow()}) {
      if (v.cause == Cause::UNKNOWN || v.cause == Cause::SLOW)
        return v;
    }
    return {};
  }
  /// Whose silence that is.
  const Input &source(const Verdict &blind) const {
    return blind.reason == Reason::OVERCURRENT ? this->in_.current
           : blind.reason == Reason::NO_FLOW   ? this->in_.flow
                                               : this->in_.level;
  }
  /// The patience with a source that is silent: it too ends before harm begins.
  uint32_t grace_ms(const Verdict &blind) const {
    const uint32_t grace = this->limits_.stale_grace_ms;
    if (this->limits_.normally_closed())
      return grace;
    const uint64_t left = this->harm_ms() - this->term_ms(this->source(blind));
    return left < grace ? static_cast<uint32_t>(left) : grace;
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

  /// The one gate (S2): every path that energises a pump asks it.
  Verdict may_run(const Situation &s, Asked asked) const {
    if (asked == Asked::FAIL_SAFE)
      return holds_circulation(s.lock) ? s.lock : Verdict{};
    if (!s.lock.allowed())
      return s.lock;
    if (this->limits_.wrong_relay)
      return {Reason::WRONG_RELAY};
    if (s.updating)
      return {Reason::UPDATE_IN_PROGRESS};
    if (s.zone_stuck)
      return {Reason::PUMP_STUCK_ON};
    if (s.interlocked)
      return {Reason::INTERLOCK};
    if (s.zone_locked && !this->limits_.normally_closed())
      return {Reason::ZONE_LOCKED};
    Verdict first;
    for (const Verdict &v : {this->reservoir(), this->room(), this->watched()}) {
      if (first.allowed())
        first = v;
    }
    if (!first.allowed() && first.cause != Cause::UNKNOWN)
      return first;
    // That a source is too slow says more than that it is not heard just now.
    const Verdict slow = this->slow();
    return slow.allowed() ? first : slow;
  }

  /// May this lock be taken away? Refused while the cause is there, or cannot be seen to be gone (S3).
  /// `by_right`: circulation runs as it should, so that what flows says nothing.
  Verdict may_reset(const Verdict &lock, bool by_right = false) const {
    switch (lock.reason) {
      case Reason::DRY_RUN:
        return this->thawed_(lock, this->reservoir());
      case Reason::OVERFLOW:
        return this->thawed_(lock, this->room());
      case Reason::OVERCURRENT:
        if (this->in_.current.wired && std::isnan(this->current()))
          return {Reason::OVERCURRENT, Cause::UNKNOWN, NAN, this->limits_.max_current_ma};
        return this->overcurrent();
      case Reason::NO_FLOW:
        // Only a run can show whether water flows again; a meter that is silent could not show even that.
        if (this->in_.flow.wired && std::isnan(this->flow()))
          return {Reason::NO_FLOW, Cause::UNKNOWN, NAN, this->limits_.min_flow};
        return {};
      case Reason::PUMP_STUCK_ON:
        return by_right ? Verdict{} : this->opened_(lock);
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
  float known_(const Input &input, float lowest, float highest) const {
    return input.known(this->now_, this->term_ms(input), lowest, highest);
  }
  /// A level that was found frozen: only one that moves is seen to be alive.
  Verdict thawed_(const Verdict &lock, const Verdict &otherwise) const {
    if (!otherwise.allowed() || lock.cause != Cause::FROZEN)
      return otherwise;
    const float level = this->level();
    const bool moved = !std::isnan(level) && !(std::fabs(level - lock.value) < this->limits_.level_step);
    return moved ? Verdict{} : Verdict{lock.reason, Cause::FROZEN, level, lock.limit};
  }
  /// What saw the pump move must see that it no longer does.
  Verdict opened_(const Verdict &lock) const {
    const Verdict stuck = this->stuck();
    if (!stuck.allowed())
      return stuck;
    const Input &current = this->in_.current, &flow = this->in_.flow;
    const bool blind = (current.wired && (!current.ours || std::isnan(this->current()))) ||
                       (flow.wired && (!flow.ours || std::isnan(this->flow())));
    if (blind || (lock.cause == Cause::MEASURED && !current.wired && !flow.wired))
      return {Reason::PUMP_STUCK_ON, Cause::UNKNOWN, NAN, lock.limit};
    return {};
  }

  const Limits &limits_;
  const Inputs &in_;
  uint64_t now_;
};

}  // namespace esphome::smartair
