//===- ActivityCounters.h - what a layer's traffic is like ------*- C++ -*-===//
//
// Fed with each step as it was scheduled. A step costs as many writes as it has
// distinct experts; nothing is allocated after construction. One thread.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLACEMENT_ACTIVITYCOUNTERS_H
#define JANUS_RUNTIME_PLACEMENT_ACTIVITYCOUNTERS_H

#include "absl/types/span.h"
#include "runtime/placement/ActivationWindow.h"

#include <cstdint>
#include <vector>

namespace janus {

/// One layer in one step.
struct LayerActivity {
  int64_t layer = 0;
  absl::Span<const uint16_t> experts; // distinct activated ones, ascending
  absl::Span<const uint32_t> rows;    // that chose each of them
  int32_t a_max = 0;                  // of the schedule that was used
};

/// An exponential window: a step counts 2^(-age / half_life).
class ActivityCounters {
public:
  /// The last `window` steps are kept whole as well.
  ActivityCounters(int64_t experts, int64_t window, double half_life);

  /// `limit`: the least a_max that any placement allows, ceil(distinct / live instances).
  void Add(const LayerActivity &activity, int64_t limit);

  int64_t steps() const { return steps_; }
  const ActivationWindow &window() const { return window_; }
  /// c(e) and a(e, f), of the steps in the window, weighted by age.
  ActivationStatistics Statistics() const { return Count(window_, half_life_); }
  /// Rows a step that chose the expert, weighted by age.
  double tokens(int64_t expert) const { return weight_sum_ > 0 ? tokens_[expert] / weight_sum_ : 0; }
  /// Means, weighted by age.
  double a_max() const { return weight_sum_ > 0 ? a_max_ / weight_sum_ : 0; }
  double limit() const { return weight_sum_ > 0 ? limit_ / weight_sum_ : 0; }
  double distinct() const { return weight_sum_ > 0 ? distinct_ / weight_sum_ : 0; }

private:
  void Rescale();

  ActivationWindow window_;
  double half_life_, growth_;
  // Instead of all sums shrinking with every step, what is added grows.
  double weight_ = 1, weight_sum_ = 0, a_max_ = 0, limit_ = 0, distinct_ = 0;
  std::vector<double> tokens_; // [experts]
  int64_t steps_ = 0;
};

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_ACTIVITYCOUNTERS_H
