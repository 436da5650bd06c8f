#pragma once
// What was measured while there was no contact: a bounded ring, oldest first. No ESPHome types.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace esphome::smartair {

class SampleRing {
 public:
  /// The only allocation: afterwards the ring never grows, however long the contact is away.
  void reserve(size_t samples, size_t metrics) {
    this->capacity_ = samples;
    this->width_ = metrics;
    this->at_.resize(samples);
    this->values_.resize(samples * metrics);
  }
  void push(uint64_t at_ms, const float *values) {
    if (this->capacity_ == 0)
      return;
    if (this->count_ == this->capacity_) {
      this->pop(1);
      this->dropped_++;
    }
    const size_t i = (this->first_ + this->count_) % this->capacity_;
    this->at_[i] = at_ms;
    for (size_t k = 0; k < this->width_; k++)
      this->values_[i * this->width_ + k] = values[k];
    this->count_++;
  }
  void pop(size_t n) {
    n = n < this->count_ ? n : this->count_;
    if (n == 0)
      return;
    this->first_ = (this->first_ + n) % this->capacity_;
    this->count_ -= n;
  }
  uint64_t at(size_t n) const { return this->at_[(this->first_ + n) % this->capacity_]; }
  const float *values(size_t n) const {
    return this->values_.data() + ((this->first_ + n) % this->capacity_) * this->width_;
  }
  size_t size() const { return this->count_; }
  bool empty() const { return this->count_ == 0; }
  /// Samples that had to make room since the last time this was cleared.
  uint32_t dropped() const { return this->dropped_; }
  void clear_dropped() { this->dropped_ = 0; }

 protected:
  size_t capacity_{0}, width_{0}, first_{0}, count_{0};
  uint32_t dropped_{0};
  std::vector<uint64_t> at_;
  std::vector<float> values_;
};

}  // namespace esphome::smartair
