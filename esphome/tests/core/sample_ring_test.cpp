// The ring against a deque, which is obviously right.
#include <cassert>
#include <cstdio>
#include <deque>
#include <random>
#include "../../components/smartair/sample_ring.h"

int main() {
  std::mt19937 random(1);
  for (size_t capacity : {0, 1, 2, 7, 100}) {
    esphome::smartair::SampleRing ring;
    ring.reserve(capacity, 2);
    std::deque<uint64_t> model;
    uint32_t dropped = 0;
    for (uint64_t i = 0; i < 20000; i++) {
      if (random() % 3 != 0) {
        const float values[2] = {static_cast<float>(i), -static_cast<float>(i)};
        ring.push(i, values);
        if (capacity > 0)
          model.push_back(i);
        if (model.size() > capacity) {
          model.pop_front();
          dropped++;
        }
      } else {
        const size_t n = random() % 5;
        ring.pop(n);
        for (size_t k = 0; k < n && !model.empty(); k++)
          model.pop_front();
      }
      assert(ring.size() == model.size() && ring.empty() == model.empty() && ring.dropped() == dropped);
      if (!model.empty()) {
        const size_t at = random() % model.size();
        assert(ring.at(at) == model[at] && ring.values(at)[1] == -static_cast<float>(model[at]));
      }
    }
  }
  puts("ok");
}
