//===- Fit.h - a policy's placement for some steps --------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_PLANNER_FIT_H
#define JANUS_RUNTIME_PLANNER_FIT_H

#include "runtime/placement/Planner.h"
#include "runtime/placement/TraceSteps.h"
#include "runtime/planner/ForEach.h"

#include <string>
#include <vector>

namespace janus::planner {

/// A way to place, and the scheduler that is used with it.
struct Policy {
  const char *name;
  PlacementPolicy placement;
  bool greedy; // the paper's scheduler, instead of the exact one
  const char *words;
};
/// "ours" first.
absl::Span<const Policy> Policies();
/// InvalidArgument lists the names.
absl::StatusOr<Policy> FindPolicy(const std::string &name);

/// Where experts may lie.
struct Instances {
  std::vector<int64_t> slots; // by instance
  std::vector<int32_t> dead;
  std::vector<Pin> pins;         // in every layer that has the expert
  int64_t groups = 1, nodes = 1; // of EPLB
  int64_t live() const { return static_cast<int64_t>(slots.size() - dead.size()); }
};

/// What is drawn for different uses with one seed of the user's is different.
enum class Use : uint64_t { kFit = 1, kTest, kServe };
uint64_t SeedFor(uint64_t seed, Use use, uint64_t number = 0);

struct FitOptions {
  uint64_t seed = 0;
  int64_t work = PlannerOptions().work;
  // Minimal movement, as in LayerProblem; not owned.
  LayerSlots current = {};
  double move_price = 0, horizon = 0;
  const ActivationWindow *check = nullptr;
};
/// The layer with this seed and number alone decides the plan, not what is
/// fitted beside it.
absl::StatusOr<LayerPlan> FitLayer(const Policy &policy, const Instances &instances, const ActivationWindow &steps,
                                   absl::Span<const double> tokens, int64_t layer, const FitOptions &options);

} // namespace janus::planner

#endif // JANUS_RUNTIME_PLANNER_FIT_H
