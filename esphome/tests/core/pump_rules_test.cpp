// The rules alone: the shared vectors from standard input, then days of simulated operation.
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include "rig.h"

using Words = std::map<std::string, std::string>;

static Words words(const std::string &line) {
  Words out;
  std::istringstream in(line);
  for (std::string token; in >> token;) {
    const size_t eq = token.find('=');
    out[token.substr(0, eq)] = token.substr(eq + 1);
  }
  return out;
}
static float number(const Words &w, const char *key, float otherwise) {
  auto it = w.find(key);
  return it == w.end() ? otherwise : strtof(it->second.c_str(), nullptr);
}
static std::string text(const Words &w, const char *key, const char *otherwise) {
  auto it = w.find(key);
  return it == w.end() ? otherwise : it->second;
}
static uint64_t milliseconds(const Words &w, const char *key, float otherwise) {
  return static_cast<uint64_t>(number(w, key, otherwise) * 1000.0f + 0.5f);
}
static Limits limits(const Words &w) {
  Limits l;
  const std::string role = text(w, "role", "");
  l.role = role == "recirculation" ? Role::RECIRCULATION : role == "fill" ? Role::FILL : Role::DRAIN;
  l.min_level = number(w, "min_level", NAN);
  l.max_level = number(w, "max_level", NAN);
  l.min_flow = number(w, "min_flow", 0.3f);
  l.max_current_ma = number(w, "max_current_ma", 1500);
  l.max_run_ms = 3600000;
  l.max_off_ms = milliseconds(w, "max_off_s", 3600);
  l.drain_off_ms = milliseconds(w, "drain_off_s", 3600);
  l.contact_timeout_ms = milliseconds(w, "contact_timeout_s", 120);
  l.stale_after_ms = milliseconds(w, "stale_after_s", 15);
  l.rate = number(w, "rate", NAN);
  l.wrong_relay = w.count("wrong_relay");
  return l;
}
template<typename E> static E named(const std::string &name, E last) {
  for (int i = 0; i <= static_cast<int>(last); i++) {
    if (name == word(static_cast<E>(i)))
      return static_cast<E>(i);
  }
  fprintf(stderr, "unknown word %s\n", name.c_str());
  abort();
}
static void feed(Input &input, const Words &w, const char *key, uint64_t now) {
  const std::string value = text(w, key, "absent");
  input.wired = value != "absent";
  if (value == "stale") {
    // In a run the last value stays and ages out; here it has done so already.
    if (input.count != 0 && now - input.at <= 15000)
      input.at = now - 15001;
    if (input.count == 0)
      input.update(50, now - 15001);
  } else if (value != "never" && value != "absent") {
    input.update(strtof(value.c_str(), nullptr), now);
  }
}
static void feed(Inputs &in, const Words &w, uint64_t now) {
  feed(in.level, w, "level", now);
  feed(in.flow, w, "flow", now);
  feed(in.current, w, "current_ma", now);
  const std::string f = text(w, "float_switch", "absent"), l = text(w, "leak", "absent");
  in.float_switch = {f != "absent", f != "unknown", f == "closed"};
  in.leak = {l != "absent", l != "unknown", l == "wet"};
}
static void say(const Verdict &v) {
  if (v.allowed())
    puts("allowed");
  else
    printf("%s %s\n", word(v.reason), word(v.cause));
}

// For how long a source of this pace is believed, and whether it is too slow.
static void freshness(const Words &w, const Limits &l) {
  Inputs in;
  in.level.wired = true;
  in.rate = number(w, "measured_rate", NAN);
  const uint64_t interval = milliseconds(w, "interval_s", 0);
  for (uint64_t i = 0; i < (interval != 0 ? 4 : 1); i++)
    in.level.update(50, 1000 + i * interval);
  const Gate gate(l, in, in.level.at);
  const Verdict slow = gate.slow();
  assert(slow.allowed() || slow.cause == Cause::SLOW);
  printf("%.3f %d %.3f\n", gate.term_ms(in.level) / 1000.0, !slow.allowed(), slow.allowed() ? NAN : slow.limit);
}
// What a level says while nothing fills: when it is told, and by what.
static void tank(const Words &w, const Limits &l) {
  PumpRules rules;
  rules.limits = l;
  Inputs in;
  in.level.wired = true;
  const uint64_t begin = 10000000;
  rules.begin(begin, {});
  rules.stirred(begin + static_cast<int64_t>(number(w, "quiet_from_s", 0) * 1000));
  uint64_t at = begin, next = begin;
  int sign = 1;
  std::string line, answer = "none";
  for (int n = atoi(text(w, "segments", "0").c_str()); n > 0; n--) {
    std::getline(std::cin, line);
    const Words s = words(line);
    const uint64_t from = at, length = milliseconds(s, "for_s", 0);
    for (; at < from + length; at += 50) {
      if (at >= next) {
        const float share = static_cast<float>(at - from) / length, first = number(s, "from", 0);
        in.level.update(first + (number(s, "to", 0) - first) * share + sign * number(s, "noise", 0), at);
        sign = -sign;
        next = at + milliseconds(s, "every_s", 1);
      }
      if (rules.tick(at, in, true, 0) != Happened::RUNS_OVER || answer != "none")
        continue;
      // Told once, a fill is refused and nothing locked.
      assert(rules.lock().allowed() && !rules.start(at, in, 60000, 0, {}).allowed());
      char buffer[64];
      snprintf(buffer, sizeof(buffer), "%s %.2f", word(rules.still_water().cause), (at - begin) / 1000.0);
      answer = buffer;
    }
    next = at;
  }
  puts(answer.c_str());
}
// When circulation that was switched off runs again.
static void pause(const Words &w, const Limits &l) {
  PumpRules rules;
  rules.limits = l;
  rules.limits.role = Role::RECIRCULATION;
  const Inputs in;
  bool contact = true;
  uint64_t lost_at = 0, at = 10000000;
  const uint64_t begin = at;
  rules.begin(begin - 1000, {});
  std::string line;
  for (int n = atoi(text(w, "events", "0").c_str()); n > 0; n--) {
    std::getline(std::cin, line);
    const Words e = words(line);
    for (; at < begin + milliseconds(e, "at", 0); at += 50)
      rules.tick(at, in, contact, lost_at);
    if (e.count("contact")) {
      contact = number(e, "contact", 0) != 0;
      lost_at = at;
    } else {
      rules.stop(at, milliseconds(e, "off_s", 0), e.count("water_change"));
    }
  }
  while (!rules.running())
    rules.tick(at += 50, in, contact, lost_at);
  printf("%.2f\n", (at - begin) / 1000.0);
}

// Each line is a case; the answer is one line.
static void vectors() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const Words w = words(line);
    const std::string kind = text(w, "kind", "");
    const Limits l = limits(w);
    const uint64_t now = 10000000;
    const Verdict lock{named(text(w, "lock", "none"), Reason::WRONG_RELAY), named(text(w, "lock_cause", "none"), Cause::RISING),
                       number(w, "lock_value", NAN)};
    if (kind == "freshness" || kind == "tank" || kind == "pause") {
      (kind == "freshness" ? freshness : kind == "tank" ? tank : pause)(w, l);
      continue;
    }
    if (kind == "start" || kind == "reset") {
      Inputs in;
      feed(in, w, now);
      const Gate gate(l, in, now);
      if (kind == "reset") {
        say(gate.may_reset(lock, w.count("running")));
        continue;
      }
      Situation s;
      s.lock = lock;
      s.interlocked = w.count("interlocked");
      s.zone_stuck = w.count("zone_stuck");
      s.zone_locked = w.count("zone_locked");
      s.updating = w.count("updating");
      say(gate.may_run(s, w.count("fail_safe") ? Asked::FAIL_SAFE : Asked::ORDER));
      continue;
    }
    // A run: "run=<kind> segments=<n>" and then one line of readings each.
    PumpRules rules;
    rules.limits = l;
    rules.limits.progress_ms = 3600000;
    Inputs in;
    uint64_t at = now;
    bool begun = false;
    std::string answer = "none";
    for (int n = atoi(text(w, "segments", "0").c_str()); n > 0; n--) {
      std::getline(std::cin, line);
      const Words readings = words(line);
      const uint64_t end = at + static_cast<uint64_t>(number(readings, "for_s", 0) * 1000);
      for (; at < end && answer == "none"; at += 50) {
        if ((at - now) % 100 == 0)
          feed(in, readings, at);
        if (!begun) {
          begun = true;
          rules.begin(at, {});
          if (text(w, "run", "") == "run" && l.role != Role::RECIRCULATION) {
            // The first reading may be the very fault that the run shall end with.
            Inputs good = in;
            good.level.value = 50;
            const Verdict v = rules.start(at, good, 3600000, 0, {});
            assert(v.allowed());
          }
          if (text(w, "run", "") == "rest")
            rules.stop(at);
        }
        if (rules.tick(at, in, true, 0) == Happened::TRIPPED) {
          char buffer[96];
          snprintf(buffer, sizeof(buffer), "%s %s %s %.2f", word(rules.last_trip().reason), word(rules.last_trip().cause),
                   rules.lock().allowed() ? "open" : "locked", (at - now) / 1000.0);
          answer = buffer;
        }
      }
    }
    puts(answer.c_str());
  }
}

// ---- days in milliseconds ---------------------------------------------------------------------------------------

static void a_day_of_circulation_needs_nobody() {
  Rig r(Role::RECIRCULATION);
  r.live(DAY);
  assert(r.rules.running() && r.rules.lock().allowed());
}
static void the_wrap_of_millis_is_no_event() {
  for (Role role : {Role::RECIRCULATION, Role::FILL, Role::DRAIN}) {
    Rig r(role, (1ULL << 32) - 5 * MINUTE);
    if (role != Role::RECIRCULATION) {
      r.live(1000);
      assert(r.run(15 * MINUTE));
    }
    r.live(14 * MINUTE);
    assert(r.now > (1ULL << 32) && r.rules.running());
    r.live(2 * MINUTE);
    assert(r.rules.running() == (role == Role::RECIRCULATION));
  }
}
// A 32 bit clock would take a sensor that died 49.7 days ago for a fresh one.
static void a_sensor_that_died_long_ago_stays_dead() {
  Rig r(Role::DRAIN);
  r.live(1000);
  r.level = NAN;
  r.now += 1ULL << 32;
  r.live(1000);
  assert(!r.run(1000));
}
static void a_run_never_exceeds_its_channel_however_often_it_is_renewed() {
  Rig r(Role::DRAIN);
  r.live(1000);
  assert(r.run(MINUTE));
  const uint64_t start = r.now;
  while (r.rules.running()) {
    r.run(MINUTE);
    r.live(500);
  }
  assert(r.now - start <= 20 * MINUTE + 1000 && r.now - start >= 20 * MINUTE - 1000);
}
static void circulation_is_never_off_for_longer_than_max_off() {
  Rig r(Role::RECIRCULATION);
  r.rules.stop(r.now);
  r.live(29 * MINUTE);
  assert(!r.rules.running());
  r.rules.stop(r.now);  // again, which must not start the time anew
  r.live(MINUTE + 1000);
  assert(r.rules.running());
}
static void lost_contact_releases_circulation_but_not_from_a_measured_dry_run() {
  Rig r(Role::RECIRCULATION);
  r.rules.stop(r.now);
  r.contact = false;
  r.lost_at = r.now;
  r.live(119000);
  assert(!r.rules.running());
  r.live(2000);
  assert(r.rules.running());
  r.level = 5;
  r.live(10000);
  assert(!r.rules.running() && r.rules.lock().reason == Reason::DRY_RUN);
  r.live(DAY);
  assert(!r.rules.running());
}
static void a_water_change_keeps_circulation_off_without_contact_but_not_for_ever() {
  Rig r(Role::RECIRCULATION);
  r.rules.stop(r.now, 0, true);
  r.contact = false;
  r.lost_at = r.now;
  r.live(44 * MINUTE);
  assert(!r.rules.running());
  r.live(2 * MINUTE);
  assert(r.rules.running());
}
static void three_failures_lock_only_within_an_hour() {
  Rig r(Role::FILL);
  r.live(1000);
  for (int i = 0; i < 4; i++) {
    assert(r.run(10000));
    r.live(31 * MINUTE);
    assert(r.rules.lock().allowed());
  }
  for (int i = 0; i < 2; i++) {
    assert(r.run(10000));
    r.live(MINUTE);
  }
  assert(r.rules.lock().reason == Reason::MAX_RUN);
  assert(!r.run(10000));
  assert(r.rules.reset(r.now, r.in).allowed());
  assert(r.run(10000));
  r.live(MINUTE);
  assert(r.rules.lock().allowed());
}
static void a_kept_lock_holds_from_power_up() {
  for (const Verdict lock : {Verdict{Reason::OVERCURRENT, Cause::MEASURED}, Verdict{Reason::NO_FLOW, Cause::MEASURED}}) {
    Rig r(Role::RECIRCULATION);
    r.rules.begin(r.now, lock);
    PumpRules fresh;
    fresh.limits = r.rules.limits;
    fresh.begin(r.now, lock);
    assert(fresh.running() == (lock.reason == Reason::NO_FLOW) && fresh.lock().reason == lock.reason);
  }
}
static void a_frozen_reading_is_not_counted_twice() {
  Rig r(Role::DRAIN);
  r.live(1000);
  assert(r.run(10 * MINUTE));
  r.live(20000);
  r.level = 5;
  do
    r.step();
  while (r.in.level.value != 5);
  r.level = NAN;  // one low reading, then silence
  r.live(4000);
  assert(r.rules.running());
  r.live(20000);
  assert(!r.rules.running() && r.rules.lock().cause == Cause::UNKNOWN);
}

// Whatever happens in whatever order: the invariants hold at every step.
static void chaos() {
  std::mt19937 random(20261121);
  auto chance = [&](int one_in) { return random() % one_in == 0; };
  for (int round = 0; round < 60; round++) {
    const Role role = static_cast<Role>(round % 3);
    Rig r(role, (1ULL << 32) - HOUR);
    uint64_t off_since = 0;
    for (int i = 0; i < 4 * 72000; i++) {
      if (chance(4000))
        r.level = chance(5) ? NAN : random() % 101;
      if (chance(4000))
        r.flow = chance(5) ? NAN : (random() % 40) / 10.0f;
      if (chance(8000))
        r.current = chance(5) ? NAN : random() % 2000;
      if (chance(4000)) {
        r.contact = !r.contact;
        r.lost_at = r.now;
      }
      if (chance(1500)) {
        const bool was = r.rules.running();
        const Verdict lock = r.rules.lock();
        const bool ok = r.rules.start(r.now, r.in, chance(3) ? 0 : random() % 1800000, chance(3) ? random() % 600000 : 0, {}).allowed();
        if (!lock.allowed())
          assert(!ok && r.rules.running() == was);  // S2, S3: nothing gets past a lock
      }
      if (chance(3000)) {
        r.rules.stop(r.now, random() % 4000000, chance(2));
        assert(!r.rules.running());  // S1
      }
      if (chance(6000))
        r.rules.reset(r.now, r.in);
      r.step();
      const Limits &l = r.rules.limits;
      if (role == Role::RECIRCULATION) {
        if (r.rules.running()) {
          off_since = 0;
        } else {
          if (off_since == 0)
            off_since = r.now;
          const bool hard = Gate::holds_circulation(r.rules.lock());
          assert(hard || r.now - off_since <= l.drain_off_ms + 100);  // S5
          if (hard)
            off_since = r.now;
        }
      } else if (r.rules.running()) {
        assert(r.rules.lock().allowed());
        assert(r.now - r.rules.started() <= l.max_run_ms);                               // S4
        assert(r.contact || r.now - r.lost_at < l.contact_timeout_ms);
        if (role == Role::FILL)
          assert(std::isnan(r.level) || r.in.level.value < l.max_level || r.now - r.in.level.at > 15000);
      }
    }
  }
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "vectors") == 0) {
    vectors();
    return 0;
  }
  a_day_of_circulation_needs_nobody();
  the_wrap_of_millis_is_no_event();
  a_sensor_that_died_long_ago_stays_dead();
  a_run_never_exceeds_its_channel_however_often_it_is_renewed();
  circulation_is_never_off_for_longer_than_max_off();
  lost_contact_releases_circulation_but_not_from_a_measured_dry_run();
  a_water_change_keeps_circulation_off_without_contact_but_not_for_ever();
  three_failures_lock_only_within_an_hour();
  a_kept_lock_holds_from_power_up();
  a_frozen_reading_is_not_counted_twice();
  chaos();
  puts("ok");
  return 0;
}
