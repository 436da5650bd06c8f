#pragma once
// Vibration velocity from acceleration, between 10 Hz and the sensor's own low-pass. No ESPHome types, no heap.
//
// RMS, peak and crest come from filters that run through all samples, so that no window has edges; only the dominant
// frequency needs a spectrum.
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace esphome::smartair {

constexpr double PI_D = 3.14159265358979323846;

/// Second-order Butterworth high-pass, bilinear transform. In double: integration makes small errors large.
class HighPass {
 public:
  void design(double cutoff_hz, double rate_hz) {
    const double k = std::tan(PI_D * cutoff_hz / rate_hz);
    const double norm = 1 / (1 + std::sqrt(2.0) * k + k * k);
    this->b_ = norm;
    this->a1_ = 2 * (k * k - 1) * norm;
    this->a2_ = (1 - std::sqrt(2.0) * k + k * k) * norm;
  }
  void reset() { this->z1_ = this->z2_ = 0; }
  double step(double x) {
    const double y = this->b_ * x + this->z1_;
    this->z1_ = -2 * this->b_ * x - this->a1_ * y + this->z2_;
    this->z2_ = this->b_ * x - this->a2_ * y;
    return y;
  }

 protected:
  double b_{1}, a1_{0}, a2_{0}, z1_{0}, z2_{0};
};

/// One axis: acceleration in m/s² in, statistics of the velocity in mm/s out.
class Axis {
 public:
  void design(double rate_hz) {
    for (auto &filter : this->filters_)
      filter.design(CUTOFF_HZ, rate_hz);
    this->step_eighth_ = 0.125 / rate_hz;
    this->restart();
  }
  void restart() {
    for (auto &filter : this->filters_)
      filter.reset();
    this->started_ = false;
    this->velocity_ = this->last_ = 0;
    this->clear();
  }
  /// Begins a new measurement; the filters go on.
  void clear() {
    this->squares_ = this->peak_ = 0;
    this->count_ = 0;
  }
  void add(double acceleration, bool settled) {
    // Gravity is taken off at once: as a step it would ring through the filters.
    if (!this->started_) {
      this->started_ = true;
      this->offset_ = acceleration;
    }
    const double a = this->filters_[0].step(acceleration - this->offset_);
    // Al-Alaoui's rule: where the trapezoid loses 11 % at 180 Hz, this one loses 1.4 %.
    this->velocity_ += (7 * a + this->last_) * this->step_eighth_;
    this->last_ = a;
    const double v = this->filters_[1].step(this->velocity_) * 1000;
    if (!settled)
      return;
    this->squares_ += v * v;
    this->peak_ = std::fabs(v) > this->peak_ ? std::fabs(v) : this->peak_;
    this->count_++;
  }
  double rms() const { return this->count_ == 0 ? NAN : std::sqrt(this->squares_ / this->count_); }
  double peak() const { return this->count_ == 0 ? NAN : this->peak_; }

 protected:
  static constexpr double CUTOFF_HZ = 10;
  HighPass filters_[2];
  bool started_{false};
  double step_eighth_{0}, offset_{0}, velocity_{0}, last_{0}, squares_{0}, peak_{0};
  uint32_t count_{0};
};

/// The strongest frequency in a block of samples; 0 when there is none above the noise.
template<size_t N> class Spectrum {
 public:
  static_assert((N & (N - 1)) == 0, "a power of two");
  static double dominant(const float *samples, double rate_hz, double from_hz) {
    static float re[N], im[N];
    double mean = 0;
    for (size_t i = 0; i < N; i++)
      mean += samples[i];
    mean /= N;
    for (size_t i = 0; i < N; i++) {
      const double hann = 0.5 - 0.5 * std::cos(2 * PI_D * i / N);
      re[i] = static_cast<float>((samples[i] - mean) * hann);
      im[i] = 0;
    }
    transform_(re, im);
    const size_t from = static_cast<size_t>(std::ceil(from_hz * N / rate_hz));
    size_t best = 0;
    double most = 0, total = 0;
    for (size_t i = from; i < N / 2 - 1; i++) {
      const double power = power_(re, im, i);
      total += power;
      if (power > most) {
        most = power;
        best = i;
      }
    }
    // A line stands out of its band by far; the highest of white noise is some ten times the mean.
    if (best < 1 || most < 30 * total / (N / 2 - from))
      return 0;
    // Between the bins: the vertex of the parabola through the logarithms, which for a Hann window is nearly exact.
    const double l = std::log(power_(re, im, best - 1) + 1e-30), m = std::log(most + 1e-30),
                 r = std::log(power_(re, im, best + 1) + 1e-30);
    return (best + 0.5 * (l - r) / (l - 2 * m + r)) * rate_hz / N;
  }

 protected:
  static double power_(const float *re, const float *im, size_t i) {
    return static_cast<double>(re[i]) * re[i] + static_cast<double>(im[i]) * im[i];
  }
  static void transform_(float *re, float *im) {
    for (size_t i = 1, j = 0; i < N; i++) {
      size_t bit = N >> 1;
      for (; j & bit; bit >>= 1)
        j ^= bit;
      j ^= bit;
      if (i < j) {
        const float a = re[i], b = im[i];
        re[i] = re[j], im[i] = im[j];
        re[j] = a, im[j] = b;
      }
    }
    for (size_t len = 2; len <= N; len <<= 1) {
      const double angle = -2 * PI_D / len;
      const float wr = static_cast<float>(std::cos(angle)), wi = static_cast<float>(std::sin(angle));
      for (size_t start = 0; start < N; start += len) {
        float cr = 1, ci = 0;
        for (size_t k = start; k < start + len / 2; k++) {
          const size_t o = k + len / 2;
          const float tr = re[o] * cr - im[o] * ci, ti = re[o] * ci + im[o] * cr;
          re[o] = re[k] - tr, im[o] = im[k] - ti;
          re[k] += tr, im[k] += ti;
          const float next = cr * wr - ci * wi;
          ci = cr * wi + ci * wr;
          cr = next;
        }
      }
    }
  }
};

struct Vibration {
  float rms{NAN}, peak{NAN}, crest{NAN}, frequency{NAN};
};

/// Three axes; the one that shakes most is the answer, as standards for machines want it.
class VibrationMeter {
 public:
  static constexpr size_t BLOCK = 512;

  void begin(double rate_hz) {
    this->rate_hz_ = rate_hz;
    for (auto &axis : this->axes_)
      axis.design(rate_hz);
    this->restart();
  }
  /// After samples were lost: what came before does not connect to what comes now.
  void restart() {
    for (auto &axis : this->axes_)
      axis.restart();
    this->seen_ = this->measured_ = this->filled_ = 0;
    this->moved_ = false;
  }
  void add(float x, float y, float z) {
    const float values[3] = {x, y, z};
    const bool settled = this->seen_ >= SETTLE;
    this->seen_++;
    for (size_t i = 0; i < 3; i++) {
      this->axes_[i].add(values[i], settled);
      this->moved_ = this->moved_ || (this->seen_ > 1 && values[i] != this->blocks_[i][(this->at_ + BLOCK - 1) % BLOCK]);
      this->blocks_[i][this->at_] = values[i];
    }
    this->at_ = (this->at_ + 1) % BLOCK;
    this->filled_ += this->filled_ < BLOCK;
    this->measured_ += settled;
  }
  /// The measurement since the last one; not a number before there are samples enough, or when the sensor hangs:
  /// a real one never gives the same value for a whole block.
  Vibration take() {
    Vibration out;
    const bool hung = !this->moved_ && this->filled_ == BLOCK;
    if (this->measured_ >= BLOCK && this->filled_ == BLOCK && !hung) {
      size_t strongest = 0;
      for (size_t i = 1; i < 3; i++) {
        if (this->axes_[i].rms() > this->axes_[strongest].rms())
          strongest = i;
      }
      const Axis &axis = this->axes_[strongest];
      out.rms = static_cast<float>(axis.rms());
      out.peak = static_cast<float>(axis.peak());
      out.crest = out.rms > 0 ? out.peak / out.rms : NAN;
      static float ordered[BLOCK];
      for (size_t i = 0; i < BLOCK; i++)
        ordered[i] = this->blocks_[strongest][(this->at_ + i) % BLOCK];
      out.frequency = static_cast<float>(Spectrum<BLOCK>::dominant(ordered, this->rate_hz_, 10));
    }
    for (auto &axis : this->axes_)
      axis.clear();
    this->measured_ = 0;
    this->moved_ = false;
    return out;
  }

 protected:
  // Half a second, in which both filters forget how they began.
  static constexpr uint32_t SETTLE = 500;
  double rate_hz_{1000};
  Axis axes_[3];
  float blocks_[3][BLOCK]{};
  size_t at_{0}, filled_{0};
  uint32_t seen_{0}, measured_{0};
  bool moved_{false};
};

}  // namespace esphome::smartair
