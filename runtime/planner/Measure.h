//===- Measure.h - how a placement does on some steps -----------*- C++ -*-===//
#ifndef JANUS_RUNTIME_PLANNER_MEASURE_H
#define JANUS_RUNTIME_PLANNER_MEASURE_H

#include "runtime/placement/ActivationWindow.h"
#include "runtime/placement/Placement.h"

#include <vector>

namespace janus::planner {

/// Of one layer, or a mean over several. Loads are active experts of an instance.
struct Measure {
  int64_t steps = 0;
  double a_max = 0;           // mean load of the busiest instance
  double limit = 0;           // mean of ceil(D / live instances), which no placement beats
  double active = 0;          // mean distinct active experts, D
  double p99 = 0;             // a_max of the step that is busier than 99 % of them
  double worst = 0;           // a_max of the busiest step
  std::vector<double> load;   // by instance, mean
  std::vector<double> ranked; // mean of the busiest instance, of the second busiest, ...
  double ratio() const { return limit > 0 ? a_max / limit : 1; }
};

/// Schedules every step, exactly or by the paper's greedy rule.
Measure MeasureLayer(const LayerSlots &slots, absl::Span<const int32_t> dead, const ActivationWindow &steps,
                     bool greedy = false);
/// Over all layers; a_max and limit stay means, so that ratio() is that of the means.
Measure MeanOf(absl::Span<const Measure> layers);

/// Summed co-activation of pairs of experts that lie on the same instance, over
/// that of all pairs of slots: 1 / instances where it is spread evenly, less
/// where experts that are active together lie apart.
double SharedActivity(const LayerSlots &slots, const ActivationStatistics &statistics);

} // namespace janus::planner

#endif // JANUS_RUNTIME_PLANNER_MEASURE_H
