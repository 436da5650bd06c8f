#pragma once
// What a level says while nothing fills: that a tank is full, or that water comes from somewhere.
#include "pump_gate.h"

namespace esphome::smartair {

/// A condition that must hold for a time and over several readings before it trips (S7).
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

/// A tank at rest. What is found refuses fills; it locks nothing and stops no circulation.
class StillWater {
 public:
  /// Looks at the tank that a pump would fill. True when something is found that was not known before.
  bool look(uint64_t now, const Limits &limits, const Inputs &in, uint64_t quiet_since) {
    const float level = Gate(limits, in, now).level();
    const bool full = level >= limits.max_level;
    const bool long_full = this->full_.held(full, now, in.level.count, limits.dry_dwell_ms, in.level.gave_up());
    if (std::isnan(level))
      return false;
    this->sample_(in.level.at, level, quiet_since);
    const Cause before = this->trouble_.cause;
    this->trouble_ = this->judge_(long_full, level, limits);
    return before == Cause::NONE && !this->trouble_.allowed();
  }
  const Verdict &trouble() const { return this->trouble_; }

 protected:
  static constexpr size_t SAMPLES = 6;
  static constexpr float RISE = 2, CALM = 1;  // % a minute; and % below full at which it is full no more
  static constexpr uint64_t SETTLE_MS = 60000;  // in which water runs back from pipes once a pump was switched
  static constexpr uint64_t STEP_MS = 20000;    // three samples and three lie a minute apart

  void sample_(uint64_t at, float level, uint64_t quiet_since) {
    if (at < quiet_since + SETTLE_MS) {
      this->count_ = 0;
      return;
    }
    if (this->count_ != 0 && at - this->at_[this->count_ - 1] < STEP_MS)
      return;
    if (this->count_ == SAMPLES) {
      for (size_t i = 1; i < SAMPLES; i++) {
        this->at_[i - 1] = this->at_[i];
        this->level_[i - 1] = this->level_[i];
      }
      this->count_--;
    }
    this->at_[this->count_] = at;
    this->level_[this->count_++] = level;
  }
  static float median_(const float *v) {
    const float low = std::fmin(v[0], v[1]), high = std::fmax(v[0], v[1]);
    return std::fmax(low, std::fmin(high, v[2]));
  }
  /// % a minute, by medians, for a level is restless; NAN as long as too little is known.
  float rise_() const {
    if (this->count_ < SAMPLES)
      return NAN;
    const float rise = median_(this->level_ + SAMPLES / 2) - median_(this->level_);
    const float a_minute = rise * 60000.0f / (this->at_[SAMPLES - 2] - this->at_[1]);
    // A sensor that speaks each few minutes drifts by as much with the warmth of the day.
    return a_minute > 0 ? std::fmin(rise, a_minute) : a_minute;
  }
  Verdict judge_(bool long_full, float level, const Limits &limits) const {
    if (long_full)
      return {Reason::OVERFLOW, Cause::MEASURED, level, limits.max_level};
    const float rise = this->rise_();
    if (rise >= RISE)
      return {Reason::OVERFLOW, Cause::RISING, rise, RISE};
    const bool still_full = this->trouble_.cause == Cause::MEASURED && level >= limits.max_level - CALM;
    const bool still_rising = this->trouble_.cause == Cause::RISING && !(rise < CALM);
    return still_full || still_rising ? this->trouble_ : Verdict{};
  }

  Dwell full_;
  Verdict trouble_;
  uint64_t at_[SAMPLES]{};
  float level_[SAMPLES]{};
  size_t count_{0};
};

}  // namespace esphome::smartair
