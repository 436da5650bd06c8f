#pragma once
// SHA-256 (FIPS 180-4) in plain C++.
//
// ESPHome has a component for this, but on ESP32 it drives the hash hardware and must stay within one stack
// frame; an update is hashed in slices over minutes, and whether it may be installed hangs on the result.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace esphome::smartair {

class Sha256 {
 public:
  static constexpr size_t SIZE = 32;
  using Digest = std::array<uint8_t, SIZE>;

  void add(const void *data, size_t len) {
    const auto *bytes = static_cast<const uint8_t *>(data);
    this->total_ += len;
    while (len > 0) {
      const size_t take = len < BLOCK - this->fill_ ? len : BLOCK - this->fill_;
      std::memcpy(this->block_ + this->fill_, bytes, take);
      this->fill_ += take;
      bytes += take;
      len -= take;
      if (this->fill_ == BLOCK) {
        this->compress_();
        this->fill_ = 0;
      }
    }
  }

  /// Ends the message; the object cannot be used any further.
  Digest finish() {
    const uint64_t bits = this->total_ * 8;
    const uint8_t one = 0x80, zero = 0;
    this->add(&one, 1);
    while (this->fill_ != BLOCK - 8)
      this->add(&zero, 1);
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
      length[i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
    this->add(length, sizeof(length));
    Digest out;
    for (size_t i = 0; i < SIZE; i++)
      out[i] = static_cast<uint8_t>(this->state_[i / 4] >> (24 - 8 * (i % 4)));
    return out;
  }

 protected:
  static constexpr size_t BLOCK = 64;
  // The first 32 bits of the fractional parts of the square roots of the first 8 primes.
  uint32_t state_[8]{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t block_[BLOCK]{};
  size_t fill_{0};
  uint64_t total_{0};

  static uint32_t turn_(uint32_t v, int by) { return (v >> by) | (v << (32 - by)); }

  void compress_() {
    // The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    static const uint32_t K[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    uint32_t w[64];
    for (int i = 0; i < 16; i++)
      w[i] = static_cast<uint32_t>(this->block_[4 * i]) << 24 | static_cast<uint32_t>(this->block_[4 * i + 1]) << 16 |
             static_cast<uint32_t>(this->block_[4 * i + 2]) << 8 | this->block_[4 * i + 3];
    for (int i = 16; i < 64; i++) {
      const uint32_t s0 = turn_(w[i - 15], 7) ^ turn_(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const uint32_t s1 = turn_(w[i - 2], 17) ^ turn_(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    std::memcpy(v, this->state_, sizeof(v));
    for (int i = 0; i < 64; i++) {
      const uint32_t s1 = turn_(v[4], 6) ^ turn_(v[4], 11) ^ turn_(v[4], 25);
      const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
      const uint32_t t1 = v[7] + s1 + choice + K[i] + w[i];
      const uint32_t s0 = turn_(v[0], 2) ^ turn_(v[0], 13) ^ turn_(v[0], 22);
      const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
      const uint32_t t2 = s0 + majority;
      v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + t1;
      v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
      this->state_[i] += v[i];
  }
};

}  // namespace esphome::smartair
