// SHA-256 of standard input, fed in pieces of the sizes that downloads come in.
#include <cstdio>
#include <cstdlib>
#include "../../components/smartair/sha256.h"

int main(int argc, char **argv) {
  const size_t piece = argc > 1 ? strtoul(argv[1], nullptr, 10) : 1024;
  esphome::smartair::Sha256 hash;
  static unsigned char buffer[65536];
  for (size_t n; (n = fread(buffer, 1, piece, stdin)) > 0;)
    hash.add(buffer, n);
  for (unsigned byte : hash.finish())
    printf("%02x", byte);
  return 0;
}
