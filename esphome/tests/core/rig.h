#pragma once
// A channel and its sensors, lived through in steps of fifty milliseconds: hours take milliseconds.
#include <cassert>
#include <cmath>
#include "../../components/smartair_pump/pump_rules.h"

using namespace esphome::smartair;

struct Rig {
  PumpRules rules;
  Inputs in;
  uint64_t now, lost_at{0}, steps{0};
  bool contact{true};
  float level{50}, flow{3}, current{800}, flow_at_rest{0}, current_at_rest{0};
  explicit Rig(Role role, uint64_t start = 5000) : now(start) {
    Limits &l = rules.limits;
    l.role = role;
    l.min_level = role == Role::FILL ? NAN : 10;
    l.max_level = 95;
    l.max_run_ms = 20 * 60000;
    l.max_off_ms = 30 * 60000;
    l.drain_off_ms = 45 * 60000;
    in.level.wired = in.flow.wired = in.current.wired = true;
    rules.begin(now, {});
  }
  Happened step() {
    now += 50;
    if (++steps % 2 == 0) {
      if (!std::isnan(level))
        in.level.update(level, now);
      if (!std::isnan(flow))
        in.flow.update(rules.running() ? flow : flow_at_rest, now);
      if (!std::isnan(current))
        in.current.update(rules.running() ? current : current_at_rest, now);
    }
    return rules.tick(now, in, contact, lost_at);
  }
  void live(uint64_t ms) {
    for (const uint64_t end = now + ms; now < end;)
      step();
  }
  /// How often it tripped in this time.
  int trips(uint64_t ms) {
    int n = 0;
    for (const uint64_t end = now + ms; now < end;)
      n += step() == Happened::TRIPPED;
    return n;
  }
  Verdict reset() { return rules.reset(now, in); }
  bool run(uint32_t bound_ms, uint32_t duration_ms = 0) { return rules.start(now, in, bound_ms, duration_ms, {}).allowed(); }
};
static const uint64_t MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
