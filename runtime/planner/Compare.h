//===- Compare.h - policies beside each other -------------------*- C++ -*-===//
//
// Every policy is fitted to steps of one part of a trace and measured on steps
// of another, at one or more batch sizes, all on the same steps.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLANNER_COMPARE_H
#define JANUS_RUNTIME_PLANNER_COMPARE_H

#include "runtime/planner/Fit.h"
#include "runtime/planner/Measure.h"

namespace janus::planner {

/// Fit on one part, test on another.
struct Split {
  std::string fit, test; // names
  std::vector<trace::TraceSequence> fit_sequences, test_sequences;
};

struct CompareOptions {
  Instances instances;
  std::vector<Policy> policies; // the first is compared with all others
  std::vector<int64_t> batches;
  int64_t fit_steps = 2000, test_steps = 200, seeds = 3;
  uint64_t seed = 0;
  int64_t work = PlannerOptions().work;
  std::vector<int64_t> layers; // of the trace, by index
  RowFilter rows;
  int threads = 1;
};

/// A policy at one batch size of one split.
struct PolicyResult {
  std::vector<Measure> layers; // by CompareOptions::layers: means over the seeds
  Measure mean;
  /// a_max less that of the first policy, a pair for each seed and layer: mean,
  /// and half of its 95 % interval (Student's t).
  double difference = 0, interval = 0;
  std::vector<LayerSlots> slots; // of the first seed
};
struct CellResult {
  size_t split = 0;
  int64_t batch = 0;
  std::vector<PolicyResult> policies;
  std::vector<ActivationWindow> steps; // tested, of the first seed, by layer
};

/// A cell for each split and batch, in that order. Batches of more sequences
/// than a split has on either side are left out; InvalidArgument when that
/// leaves none. The same for any number of threads.
absl::StatusOr<std::vector<CellResult>> Compare(trace::Trace &trace, absl::Span<const Split> splits,
                                                const CompareOptions &options, const Progress &progress);

} // namespace janus::planner

#endif // JANUS_RUNTIME_PLANNER_COMPARE_H
