#include "runtime/placement/ActivationWindow.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace janus {

void ActivationWindow::Begin() {
  at_ = (at_ + 1) % capacity_;
  steps_ = std::min(steps_ + 1, capacity_);
  std::fill_n(active_.begin() + at_ * words_, words_, 0);
}

int64_t ActivationWindow::Both(int64_t expert, int64_t other) const {
  int64_t both = 0;
  for (int64_t s = 0; s < steps_; ++s)
    both += Active(s, expert) && Active(s, other);
  return both;
}

namespace {

/// a(e, f) for f <= e, by the steps' bits transposed: a word of 64 steps of each expert.
void CountPairs(const ActivationWindow &window, ActivationStatistics &counted) {
  const int64_t experts = window.experts(), words = (window.steps() + 63) / 64;
  std::vector<uint64_t> active(experts * words);
  for (int64_t s = 0; s < window.steps(); ++s)
    for (int64_t w = 0; w < std::ssize(window.step(s)); ++w)
      for (uint64_t bits = window.step(s)[w]; bits; bits &= bits - 1)
        active[(w * 64 + std::countr_zero(bits)) * words + s / 64] |= uint64_t{1} << s % 64;
  for (int64_t e = 0; e < experts; ++e)
    for (int64_t f = 0; f <= e; ++f) {
      int64_t both = 0;
      for (int64_t w = 0; w < words; ++w)
        both += std::popcount(active[e * words + w] & active[f * words + w]);
      counted.both[e * experts + f] = static_cast<double>(both);
    }
  counted.steps = static_cast<double>(window.steps());
}

void WeighPairs(const ActivationWindow &window, double half_life, ActivationStatistics &counted) {
  std::vector<int64_t> active;
  for (int64_t s = 0; s < window.steps(); ++s) {
    const double weight = std::exp2(static_cast<double>(s + 1 - window.steps()) / half_life);
    active.clear();
    for (int64_t w = 0; w < std::ssize(window.step(s)); ++w)
      for (uint64_t bits = window.step(s)[w]; bits; bits &= bits - 1)
        active.push_back(w * 64 + std::countr_zero(bits));
    counted.steps += weight;
    for (size_t i = 0; i < active.size(); ++i)
      for (size_t j = 0; j <= i; ++j)
        counted.both[active[i] * window.experts() + active[j]] += weight;
  }
}

} // namespace

ActivationStatistics Count(const ActivationWindow &window, double half_life) {
  const int64_t experts = window.experts();
  ActivationStatistics counted;
  counted.experts = experts;
  counted.both.resize(experts * experts);
  if (half_life > 0)
    WeighPairs(window, half_life, counted);
  else
    CountPairs(window, counted);
  for (int64_t e = 0; e < experts; ++e)
    for (int64_t f = e + 1; f < experts; ++f)
      counted.both[e * experts + f] = counted.both[f * experts + e];
  return counted;
}

} // namespace janus
