//===- Serve.h - traffic that changes, replayed -----------------*- C++ -*-===//
//
// Steps of one kind of traffic after the other under a placement that stays,
// under one that runtime/placement's Rebalancer moves (the class that the
// runtime's controller drives), and under the placement fitted to each kind.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLANNER_SERVE_H
#define JANUS_RUNTIME_PLANNER_SERVE_H

#include "runtime/placement/Rebalancer.h"
#include "runtime/planner/Fit.h"
#include "runtime/planner/Measure.h"

namespace janus::planner {

/// Some steps of one kind of traffic.
struct Phase {
  std::string name;
  std::vector<trace::TraceSequence> sequences;
  int64_t steps = 0;
};

struct ServeOptions {
  std::vector<int64_t> layers; // of the trace, by index
  int64_t batch = 1;
  uint64_t seed = 0;
  RowFilter rows;
  RebalanceOptions rebalance;
  std::vector<int64_t> expert_bytes; // by layers: of one expert
  int64_t plan_steps = 16;           // that go by while a plan is made
  int64_t fit_steps = 2000;          // of the placements fitted to each phase; 0: none
  int64_t work = PlannerOptions().work;
  int threads = 1;
};

/// Of all layers together: means over them of a_max and its limit.
struct ServedStep {
  double limit = 0, stays = 0, moves = 0, fitted = 0;
  int64_t bytes = 0;  // ordered in this step
  uint32_t epoch = 0; // in which it was scheduled
};
struct ServeResult {
  std::vector<ServedStep> steps; // of all phases
  std::vector<Measure> stays;    // by layers, over all steps, of the placement that stays
  RebalanceStats stats;
  std::vector<LayerSlots> last; // what the rebalancer left, by layers
};

/// `placement`: its layers are ServeOptions::layers, in that order. Fitted
/// placements are fitted to other batches of the phase's sequences.
absl::StatusOr<ServeResult> Serve(trace::Trace &trace, const Placement &placement, absl::Span<const Phase> phases,
                                  const ServeOptions &options, const Progress &progress);

} // namespace janus::planner

#endif // JANUS_RUNTIME_PLANNER_SERVE_H
