#pragma once
// The pump safety contract (safety.md), in firmware: what a channel does between two looks.
//
// Time is millis_64(): it does not wrap, so no comparison below has to survive a wrap.
#include "pump_gate.h"
#include "still_water.h"

namespace esphome::smartair {

/// Why a run came to its end, or why circulation came back by itself.
enum class Happened : uint8_t {
  NOTHING,
  STOPPED,
  FINISHED,
  TRIPPED,
  CONTACT_LOST,
  RELEASED_MAX_OFF,
  RELEASED_CONTACT,
  RUNS_OVER,  // a tank at rest is full, or fills by itself
};

/// One pump channel: what it does now, and what has to happen next.
class PumpRules {
 public:
  Limits limits;

  /// Power up with the lock that flash has kept. An NC pump runs from here on, an NO pump stands still (S9).
  void begin(uint64_t now, const Verdict &kept) {
    this->lock_ = kept;
    this->stuck_on_ = kept.reason == Reason::PUMP_STUCK_ON;
    this->begun_ = this->quiet_since_ = now;
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
    if (!this->running_ && !this->still_water_.trouble().allowed())
      return this->still_water_.trouble();
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
    // While it runs by right, what flows is no proof that it cannot be switched off.
    Verdict v = gate.may_reset(this->lock_, this->running_);
    if (v.allowed() && this->stuck_on_)
      v = gate.may_reset({Reason::PUMP_STUCK_ON, Cause::MEASURED}, this->running_);
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

  /// A pump of the same tank was switched: its water takes a while to come to rest.
  void stirred(uint64_t now) { this->quiet_since_ = now; }
  const Verdict &still_water() const { return this->still_water_.trouble(); }

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
  static constexpr size_t FAILED_RUNS = 3;
  static constexpr uint64_t FAILED_WINDOW_MS = 3600000;

  void set_(bool on, uint64_t now) {
    if (on == this->running_)
      return;
    this->running_ = on;
    (on ? this->started_ : this->stopped_) = this->quiet_since_ = now;
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
    // Circulation runs from power up, when no sensor has spoken yet.
    const Verdict blind = gate.blind();
    const bool waits = nc && (ran < this->limits.start_grace_ms || this->awaited_(gate.source(blind), now));
    if (this->stale_.held(!blind.allowed() && !waits, now, this->ticks_, gate.grace_ms(blind)))
      return this->end_failed_(now, blind, blind.reason == Reason::DRY_RUN && blind.cause == Cause::UNKNOWN);
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

  /// A source that has not spoken since the start, or only once, has its term first (S6).
  bool awaited_(const Input &input, uint64_t now) const {
    return (input.at <= this->begun_ || input.gap_count == 0) && now - this->begun_ <= this->limits.stale_after_ms;
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
    if (!this->limits.normally_closed()) {
      const bool fills = this->limits.role == Role::FILL && in.level.wired;
      // Its own overflow has been told already.
      const bool news = fills && this->still_water_.look(now, this->limits, in, this->quiet_since_);
      return news && this->lock_.reason != Reason::OVERFLOW ? Happened::RUNS_OVER : Happened::NOTHING;
    }
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
  StillWater still_water_;
  uint64_t begun_{0}, quiet_since_{0}, started_{0}, stopped_{0}, ends_at_{0}, failed_at_[FAILED_RUNS]{};
  uint32_t off_limit_ms_{0}, ticks_{0}, window_count_{0};
  uint64_t window_at_{0};
  float window_level_{NAN};
  size_t failures_{0};
  Dwell dry_, flow_, current_, idle_, stuck_, stale_;
};

}  // namespace esphome::smartair
