// Samples from standard input, three numbers a line; the measurement on standard output.
#include <cstdio>
#include "../../components/smartair_vibration/vibration.h"

int main() {
  static esphome::smartair::VibrationMeter meter;
  meter.begin(1000);
  float x, y, z;
  while (scanf("%f %f %f", &x, &y, &z) == 3)
    meter.add(x, y, z);
  const auto v = meter.take();
  printf("%.6f %.6f %.6f %.6f\n", v.rms, v.peak, v.crest, v.frequency);
  return 0;
}
