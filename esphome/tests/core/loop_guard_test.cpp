// The ESP32 branch of the loop guard, on a timer that is played here.
#define USE_ESP32
#include <cassert>
#include <cstdio>
#include "../../components/smartair_pump/loop_guard.h"

int main() {
  the_time = UINT32_MAX - 1000;  // millis() wraps in the middle
  int stopped = 0;
  static esphome::smartair::LoopGuard guard;
  guard.start(2000, [&stopped]() { stopped++; });
  assert(the_period_us == 250000);
  const auto pass = [](uint32_t ms) {
    the_time += ms;
    the_timer.callback(the_timer.arg);
  };
  for (int i = 0; i < 40; i++) {
    pass(250);
    guard.alive();
  }
  assert(stopped == 0 && !guard.acted());
  for (int i = 0; i < 7; i++)
    pass(250);
  assert(stopped == 0);
  pass(250);
  assert(stopped == 1);
  pass(250);
  assert(stopped == 2);  // as long as it lasts: something else might have switched it on again
  assert(guard.acted() && !guard.acted());
  guard.alive();
  pass(250);
  assert(stopped == 2);
  puts("ok");
}
