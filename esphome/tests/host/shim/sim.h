#pragma once
// Inputs of the simulation: one file each in the folder SMARTAIR_SIM. No file, or "nan": the sensor is dead.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

inline std::string sim_path(const char *name) {
  const char *folder = getenv("SMARTAIR_SIM");
  return std::string(folder ? folder : ".") + "/" + name;
}
inline float sim_input(const char *name) {
  std::ifstream file(sim_path(name));
  std::string text;
  return file >> text ? strtof(text.c_str(), nullptr) : NAN;
}
// A relay whose level is seen at once. The log of another thread waits for the main loop, which may stand still.
inline void sim_pin(int pin, bool level) {
  printf("[D][host:033]: Setting pin %d to %s\n", pin, level ? "HIGH" : "LOW");
  fflush(stdout);
}
inline void sim_forget(const char *name) { std::remove(sim_path(name).c_str()); }
