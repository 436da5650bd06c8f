// Lets a test drive the firmware's rules line by line: an order or a look on stdin, what became of it on stdout.
#include <cstdint>
#include <iostream>
#include <string>
#include "pump_rules.h"

using namespace esphome::smartair;

int main() {
  PumpRules rules;
  Inputs in;
  std::string word;
  while (std::cin >> word) {
    uint64_t now = 0;
    std::cin >> now;
    Verdict verdict;
    Happened happened = Happened::NOTHING;
    if (word == "new") {
      int role, metered, reason, cause;
      std::cin >> role >> metered >> reason >> cause;
      rules = PumpRules();
      in = Inputs();
      rules.limits.role = static_cast<Role>(role);
      rules.limits.min_level = 10;
      rules.limits.max_level = 95;
      rules.limits.max_run_ms = 1200000;
      rules.limits.max_off_ms = rules.limits.drain_off_ms = 1800000;
      in.level.wired = in.current.wired = true;
      in.flow.wired = metered != 0;
      in.leak.wired = in.leak.known = true;
      rules.begin(now, {static_cast<Reason>(reason), static_cast<Cause>(cause)});
    } else if (word == "level" || word == "flow" || word == "current") {
      float value;
      std::cin >> value;
      (word == "level" ? in.level : word == "flow" ? in.flow : in.current).update(value, now);
    } else if (word == "leak") {
      std::cin >> in.leak.on;
    } else if (word == "start") {
      uint32_t bound, duration;
      Situation around;
      std::cin >> bound >> duration >> around.interlocked >> around.zone_stuck >> around.zone_locked >> around.updating;
      verdict = rules.start(now, in, bound, duration, around);
    } else if (word == "stop") {
      uint32_t off;
      bool water_change;
      std::cin >> off >> water_change;
      rules.stop(now, off, water_change);
    } else if (word == "reset") {
      verdict = rules.reset(now, in);
    } else if (word == "safe") {
      rules.to_fail_safe(now);
    } else if (word == "tick") {
      bool contact;
      uint64_t lost_at;
      std::cin >> contact >> lost_at;
      happened = rules.tick(now, in, contact, lost_at);
    }
    const Verdict &lock = rules.lock();
    std::cout << rules.running() << ' ' << esphome::smartair::word(lock.reason) << ' '
              << esphome::smartair::word(lock.cause) << ' ' << esphome::smartair::word(verdict.reason) << ' '
              << esphome::smartair::word(verdict.cause) << ' ' << static_cast<int>(happened) << std::endl;
  }
}
