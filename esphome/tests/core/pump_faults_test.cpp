// One fault each, named as what must be true: the test of that name runs this program with it.
#include <cstdio>
#include <initializer_list>
#include <cstring>
#include "rig.h"

static const Role ROLES[] = {Role::RECIRCULATION, Role::FILL, Role::DRAIN};

static Rig with_lock(Role role, const Verdict &lock) {
  Rig r(role);
  r.rules.begin(r.now, lock);
  return r;
}

// ---- a relay that does not open -----------------------------------------------------------------------------------

static void a_pump_that_cannot_be_switched_off_is_told_once_whatever_lock_there_is() {
  for (Role role : ROLES) {
    for (int reason = 0; reason <= static_cast<int>(Reason::TOO_MANY_FAILURES); reason++) {
      for (Cause cause : {Cause::MEASURED, Cause::UNKNOWN}) {
        const Verdict lock{static_cast<Reason>(reason), cause};
        Rig r = with_lock(role, lock);
        r.rules.stop(r.now);
        r.current_at_rest = 900;
        const bool known_before = lock.reason == Reason::PUMP_STUCK_ON;
        assert(r.trips(MINUTE) == (known_before ? 0 : 1));
        assert(r.rules.stuck() && !r.rules.lock().allowed());
        assert(known_before || r.rules.last_trip().reason == Reason::PUMP_STUCK_ON);
        // A lock that holds circulation off must not be replaced by one that lets it go.
        const bool held = role == Role::RECIRCULATION && Gate::holds_circulation(lock);
        assert(r.rules.lock().reason == (held ? lock.reason : Reason::PUMP_STUCK_ON));
      }
    }
  }
}
static void a_pump_that_could_not_be_switched_off_is_told_again_after_a_reset() {
  for (const Verdict lock : {Verdict{}, Verdict{Reason::OVERCURRENT, Cause::MEASURED}}) {
    Rig r = with_lock(Role::RECIRCULATION, lock);
    for (int i = 0; i < 2; i++) {
      r.rules.stop(r.now);
      r.current_at_rest = 900;
      assert(r.trips(MINUTE) == 1);
      assert(r.reset().reason == Reason::PUMP_STUCK_ON || !lock.allowed());
      r.current_at_rest = 0;
      r.live(1000);
      assert(r.reset().allowed() && !r.rules.stuck() && r.rules.lock().allowed());
    }
  }
}
static void a_reset_of_any_lock_is_refused_while_current_flows_unasked() {
  Rig r = with_lock(Role::RECIRCULATION, {Reason::OVERCURRENT, Cause::MEASURED});
  r.current_at_rest = 900;
  r.live(MINUTE);
  assert(r.rules.lock().reason == Reason::OVERCURRENT && r.rules.stuck());
  assert(r.reset().reason == Reason::PUMP_STUCK_ON);
  assert(!r.rules.running());
}
static void a_stuck_pump_is_reset_while_it_runs_by_right() {
  Rig r(Role::RECIRCULATION);
  r.live(1000);
  r.rules.stop(r.now);
  r.current_at_rest = 900;
  r.live(10000);
  assert(r.rules.stuck());
  r.current_at_rest = 0;
  r.live(31 * MINUTE);
  assert(r.rules.running() && r.rules.stuck());
  assert(r.reset().allowed() && !r.rules.stuck() && r.rules.running());
}
static void a_stuck_pump_is_not_reset_while_nothing_can_be_seen_of_it() {
  for (Role role : ROLES) {
    Rig r(role);
    r.rules.stop(r.now);
    r.current_at_rest = 900;
    r.live(10000);
    r.current_at_rest = 0;
    r.flow = r.current = r.flow_at_rest = r.current_at_rest = NAN;  // unplugged
    r.live(20000);
    const Verdict v = r.reset();
    assert(v.reason == Reason::PUMP_STUCK_ON && v.cause == Cause::UNKNOWN && r.rules.stuck());
  }
}
static void a_pump_that_runs_down_is_not_stuck() {
  Rig r(Role::DRAIN);
  r.live(1000);
  for (int i = 0; i < 5; i++) {
    r.current_at_rest = 900;
    assert(r.trips(4000) == 0);  // the dwell is five seconds
    r.current_at_rest = 0;
    assert(r.run(5000, 2000));
    r.live(2500);
  }
  assert(r.rules.lock().allowed());
}
static void what_another_pump_moves_through_a_shared_sensor_is_not_taken_for_ones_own() {
  Rig r(Role::DRAIN);
  r.in.current.ours = r.in.flow.ours = false;
  r.current_at_rest = 900;
  r.flow_at_rest = 3;
  assert(r.trips(MINUTE) == 0);
  r.in.current.ours = true;
  assert(r.trips(MINUTE) == 1);
}

// ---- sensors that say nothing ---------------------------------------------------------------------------------------

static void not_a_number_takes_effect_at_once_and_counts_no_reading() {
  for (Role role : {Role::FILL, Role::DRAIN}) {
    Rig r(role);
    r.live(1000);
    const uint32_t count = r.in.level.count;
    r.in.level.update(NAN, r.now);
    assert(r.in.level.count == count);
    assert(!r.run(MINUTE));
    r.in.level.update(INFINITY, r.now);
    assert(!r.run(MINUTE) && r.in.level.count == count);
    r.in.level.update(50, r.now);
    assert(r.run(MINUTE));
  }
}
static void a_tank_that_reads_a_little_below_empty_is_dry_and_one_above_full_is_full() {
  for (float level : {-0.1f, -3.0f, -10.0f}) {
    Rig r(Role::RECIRCULATION);
    r.level = level;
    assert(r.trips(MINUTE) == 1 && r.rules.lock().cause == Cause::MEASURED);
    r.live(HOUR);
    assert(!r.rules.running());
  }
  for (float level : {100.1f, 111.0f, 120.0f}) {
    Rig r(Role::FILL);
    r.live(1000);
    assert(r.run(10 * MINUTE));
    r.level = level;
    assert(r.trips(200) == 1 && r.rules.lock().cause == Cause::MEASURED);
  }
  for (float level : {-10.5f, 121.0f, 4000.0f}) {
    Rig r(Role::FILL);
    r.level = level;
    r.live(1000);
    const Verdict v = r.rules.start(r.now, r.in, MINUTE, 0, {});
    assert(v.reason == Reason::OVERFLOW && v.cause == Cause::UNKNOWN);
  }
}
static void a_meter_that_turns_backwards_and_a_current_sensor_that_is_off_are_believed() {
  Rig r(Role::DRAIN);
  r.flow_at_rest = -4.5f;
  r.current_at_rest = -180;
  r.live(1000);
  assert(r.run(10 * MINUTE));
  r.flow = -4.5f;
  r.live(16000);
  assert(r.rules.lock().reason == Reason::NO_FLOW);
}
static void a_level_that_is_missed_now_and_then_still_ends_a_dry_run() {
  Rig r(Role::DRAIN);
  r.live(1000);
  assert(r.run(10 * MINUTE));
  r.live(20000);
  r.level = NAN;  // the rig is silent, the sensor below is not
  for (int i = 0; i < 20 && r.rules.running(); i++) {
    r.in.level.update(5, r.now);
    r.live(500);
    r.in.level.update(NAN, r.now);
    r.live(500);
  }
  assert(!r.rules.running() && r.rules.lock().reason == Reason::DRY_RUN && r.rules.lock().cause == Cause::MEASURED);
}
static void one_low_reading_among_hours_of_silence_does_not_trip() {
  Rig r(Role::RECIRCULATION);
  r.live(20000);
  r.current = NAN;
  r.in.current.update(3000, r.now);
  r.live(100);
  r.in.current.update(NAN, r.now);
  r.live(HOUR);
  r.in.current.update(3000, r.now);
  r.live(100);
  assert(r.rules.running() && r.rules.lock().allowed());
}
static void a_pump_that_draws_nothing_ends_its_run_but_circulation_goes_on() {
  for (Role role : ROLES) {
    Rig r(role);
    r.live(1000);
    r.current = 0;
    if (role != Role::RECIRCULATION)
      assert(r.run(10 * MINUTE));
    r.live(14000);
    assert(r.rules.running());
    r.live(3000);
    assert(r.rules.running() == (role == Role::RECIRCULATION));
    assert(r.rules.lock().allowed());
    if (role != Role::RECIRCULATION)
      assert(r.rules.last_trip().reason == Reason::OVERCURRENT && r.rules.last_trip().cause == Cause::UNKNOWN);
  }
}
static void circulation_that_starts_before_its_sensors_speak_goes_on() {
  Rig r(Role::RECIRCULATION);
  r.level = NAN;
  r.live(12000);
  assert(r.rules.running());
  r.level = 50;
  assert(r.trips(MINUTE) == 0 && r.rules.running());
}
static void one_reading_is_no_proof_that_the_level_does_not_move() {
  Rig r(Role::FILL);
  r.in.flow.wired = false;
  r.rules.limits.stale_after_ms = HOUR;
  r.live(1000);
  assert(r.run(10 * MINUTE));
  r.level = NAN;
  r.live(30000);
  r.in.level.update(50, r.now);
  assert(r.trips(40000) == 0 && r.rules.running());
  r.level = 50;
  assert(r.trips(2 * MINUTE) == 1 && r.rules.lock().reason == Reason::NO_FLOW);
}

// ---- runs and pauses ------------------------------------------------------------------------------------------------

static void a_run_that_its_channel_cuts_short_has_failed() {
  Rig r(Role::DRAIN);
  r.live(1000);
  assert(r.run(0, 2 * HOUR));
  assert(r.trips(21 * MINUTE) == 1 && r.rules.last_trip().reason == Reason::MAX_RUN);
}
static void a_pause_that_is_asked_for_is_never_longer_than_the_longest_one() {
  for (uint32_t asked : {0u, 40u * 60000, 86400000u}) {
    Rig r(Role::RECIRCULATION);
    r.rules.stop(r.now, asked);
    r.live(29 * MINUTE);
    assert(!r.rules.running());
    r.live(2 * MINUTE);
    assert(r.rules.running());
  }
}
static void a_reset_in_the_drain_step_leaves_circulation_off() {
  Rig r = with_lock(Role::RECIRCULATION, {Reason::NO_FLOW, Cause::MEASURED});
  r.rules.stop(r.now, 0, true);
  r.live(1000);
  assert(r.reset().allowed() && !r.rules.running());
  r.rules.stop(r.now);
  assert(r.reset().allowed() && r.rules.running());
}
static void circulation_that_came_back_is_stopped_again_only_by_what_may_hold_it() {
  Rig r(Role::RECIRCULATION);
  r.flow = 0;
  r.live(20000);
  assert(!r.rules.running() && r.rules.lock().reason == Reason::NO_FLOW);
  r.live(31 * MINUTE);
  assert(r.rules.running());
  assert(r.trips(HOUR) == 0 && r.rules.running());
  r.level = 5;
  r.live(10000);
  assert(!r.rules.running() && r.rules.lock().reason == Reason::DRY_RUN);
}
static void what_a_run_has_seen_is_forgotten_before_the_next() {
  Rig r(Role::DRAIN);
  r.live(1000);
  assert(r.run(10 * MINUTE));
  r.live(8000);
  r.flow = 0;
  r.live(6000);  // four seconds of no flow, a second too few
  assert(r.rules.running());
  r.rules.stop(r.now);
  r.live(MINUTE);
  assert(r.run(10 * MINUTE));
  r.live(14500);
  assert(r.rules.running());
  r.live(1000);
  assert(!r.rules.running());
}

// ---- the drain step of a water change -------------------------------------------------------------------------------

static void a_plain_stop_ends_the_exemption_of_the_drain_step() {
  Rig r(Role::RECIRCULATION);
  r.rules.stop(r.now, 0, true);
  r.live(MINUTE);
  r.contact = false;
  r.lost_at = r.now;
  r.live(5 * MINUTE);
  assert(!r.rules.running());
  r.contact = true;
  r.rules.stop(r.now);
  r.live(MINUTE);
  assert(!r.rules.running());
  r.contact = false;
  r.lost_at = r.now;
  r.live(119000);
  assert(!r.rules.running());
  r.live(2000);
  assert(r.rules.running());
}
static void a_bound_of_a_run_does_not_end_circulation() {
  Rig r(Role::RECIRCULATION);
  r.live(1000);
  r.rules.stop(r.now);
  r.live(1000);
  assert(r.run(10000, 5000));
  r.live(HOUR);
  assert(r.rules.running());
}

#define STORY(name) {#name, name}
static const struct {
  const char *name;
  void (*tell)();
} STORIES[] = {
    STORY(a_pump_that_cannot_be_switched_off_is_told_once_whatever_lock_there_is),
    STORY(a_pump_that_could_not_be_switched_off_is_told_again_after_a_reset),
    STORY(a_reset_of_any_lock_is_refused_while_current_flows_unasked),
    STORY(a_stuck_pump_is_reset_while_it_runs_by_right),
    STORY(a_stuck_pump_is_not_reset_while_nothing_can_be_seen_of_it),
    STORY(a_pump_that_runs_down_is_not_stuck),
    STORY(what_another_pump_moves_through_a_shared_sensor_is_not_taken_for_ones_own),
    STORY(not_a_number_takes_effect_at_once_and_counts_no_reading),
    STORY(a_tank_that_reads_a_little_below_empty_is_dry_and_one_above_full_is_full),
    STORY(a_meter_that_turns_backwards_and_a_current_sensor_that_is_off_are_believed),
    STORY(a_level_that_is_missed_now_and_then_still_ends_a_dry_run),
    STORY(one_low_reading_among_hours_of_silence_does_not_trip),
    STORY(a_pump_that_draws_nothing_ends_its_run_but_circulation_goes_on),
    STORY(circulation_that_starts_before_its_sensors_speak_goes_on),
    STORY(one_reading_is_no_proof_that_the_level_does_not_move),
    STORY(a_run_that_its_channel_cuts_short_has_failed),
    STORY(a_pause_that_is_asked_for_is_never_longer_than_the_longest_one),
    STORY(a_reset_in_the_drain_step_leaves_circulation_off),
    STORY(circulation_that_came_back_is_stopped_again_only_by_what_may_hold_it),
    STORY(what_a_run_has_seen_is_forgotten_before_the_next),
    STORY(a_plain_stop_ends_the_exemption_of_the_drain_step),
    STORY(a_bound_of_a_run_does_not_end_circulation),
};

int main(int argc, char **argv) {
  for (const auto &story : STORIES) {
    if (argc > 1 && strcmp(argv[1], story.name) != 0)
      continue;
    story.tell();
    puts(story.name);
  }
  return 0;
}
