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

ActivationStatistics Count(const ActivationWindow &window, double half_life) {
  const int64_t experts = window.experts();
  ActivationStatistics counted;
  counted.experts = experts;
  counted.both.resize(experts * experts);
  std::vector<int64_t> active;
  for (int64_t s = 0; s < window.steps(); ++s) {
    const double weight = half_life > 0 ? std::exp2(static_cast<double>(s + 1 - window.steps()) / half_life) : 1;
    active.clear();
    const absl::Span<const uint64_t> words = window.step(s);
    for (size_t w = 0; w < words.size(); ++w)
      for (uint64_t bits = words[w]; bits; bits &= bits - 1)
        active.push_back(static_cast<int64_t>(w * 64) + std::countr_zero(bits));
    counted.steps += weight;
    for (size_t i = 0; i < active.size(); ++i)
      for (size_t j = 0; j <= i; ++j)
        counted.both[active[i] * experts + active[j]] += weight;
  }
  for (int64_t e = 0; e < experts; ++e)
    for (int64_t f = e + 1; f < experts; ++f)
      counted.both[e * experts + f] = counted.both[f * experts + e];
  return counted;
}

} // namespace janus
