//===- ActivityCounters.h - what a layer's traffic is like ------*- C++ -*-===//
//
// Fed with each step as it was scheduled. A step costs as many writes as it has
// choices; nothing is allocated after construction. One thread. A copy is a
// snapshot.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLACEMENT_ACTIVITYCOUNTERS_H
#define JANUS_RUNTIME_PLACEMENT_ACTIVITYCOUNTERS_H

#include "absl/types/span.h"
#include "runtime/placement/ActivationWindow.h"
#include "runtime/placement/RowWindow.h"

#include <cstdint>
#include <vector>

namespace janus {

/// One layer in one step.
struct LayerActivity {
  int64_t layer = 0;
  int64_t rows = 0;               // of the step
  absl::Span<const uint16_t> ids; // [rows or some of them][k] experts that they chose
  int32_t distinct = 0;           // experts that any row chose
  int32_t a_max = 0;              // of the schedule that was used
};

/// Means are over an exponential window: a step counts 2^(-age / half_life).
class ActivityCounters {
public:
  /// The last `steps` steps and the last `rows` rows are kept as well.
  ActivityCounters(int64_t experts, int64_t k, int64_t steps, int64_t rows, double half_life);

  /// `limit`: the least a_max that any placement allows, ceil(distinct / live instances).
  void Add(const LayerActivity &activity, int64_t limit);

  int64_t steps() const { return steps_; }
  const ActivationWindow &window() const { return window_; }
  const RowWindow &row_window() const { return row_window_; }
  /// c(e) and a(e, f), of the steps in the window, weighted by age.
  ActivationStatistics Statistics() const { return Count(window_, half_life_); }
  /// Choices a step of the expert, and the share of steps in which it was active.
  double tokens(int64_t expert) const { return Mean(tokens_[expert]); }
  double frequency(int64_t expert) const { return Mean(frequency_[expert]); }
  double a_max() const { return Mean(a_max_); }
  double limit() const { return Mean(limit_); }
  double distinct() const { return Mean(distinct_); }
  double rows() const { return Mean(rows_); }

private:
  double Mean(double sum) const { return weight_sum_ > 0 ? sum / weight_sum_ : 0; }
  void Rescale();

  ActivationWindow window_;
  RowWindow row_window_;
  double half_life_, growth_;
  // Instead of all sums shrinking with every step, what is added grows.
  double weight_ = 1, weight_sum_ = 0, a_max_ = 0, limit_ = 0, distinct_ = 0, rows_ = 0;
  std::vector<double> tokens_, frequency_; // [experts]
  std::vector<int64_t> seen_in_;           // [experts] last step + 1 that activated it
  int64_t steps_ = 0;
};

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_ACTIVITYCOUNTERS_H
