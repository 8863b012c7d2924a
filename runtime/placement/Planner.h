//===- Planner.h - which experts should lie where ---------------*- C++ -*-===//
//
// Plans the placement of one layer: from steps that were observed to the
// experts that each instance should hold, so that the mean over steps of a_max
// (distinct active experts on the busiest instance, under the exact scheduler)
// is small. Layers are independent of each other. docs/placement.md describes
// the policies and the rule for moves.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLACEMENT_PLANNER_H
#define JANUS_RUNTIME_PLACEMENT_PLANNER_H

#include "runtime/placement/ActivationWindow.h"
#include "runtime/placement/Placement.h"

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

namespace janus {

enum class PlacementPolicy {
  kSearch,     // ours: replicas by activation frequency, co-activation greedy, local search on replayed steps
  kContiguous, // blocks of experts in id order; what `even` is
  kRandom,     // the same, shuffled
  kEplb,       // DeepSeek's EPLB
  kGreedy,     // the paper's: replicas by load, co-activation greedy
};
/// "search", "contiguous", "random", "eplb", "greedy".
std::string_view PolicyName(PlacementPolicy policy);
absl::StatusOr<PlacementPolicy> ParsePolicy(std::string_view name);

/// A replica of `expert` has to lie on `instance`; others may lie elsewhere.
struct Pin {
  int32_t expert = 0, instance = 0;
};

/// What is to be planned. Only experts, slots and steps are needed.
struct LayerProblem {
  int64_t experts = 0;
  std::vector<int64_t> slots;              // by instance; they may differ, and be 0
  std::vector<int32_t> dead;               // instances that can hold nothing
  std::vector<Pin> pins;                   // those to dead instances are ignored
  const ActivationWindow *steps = nullptr; // of these experts, in batches as large as those served; not owned
  std::vector<double> tokens;              // by expert: rows that chose it (kEplb, kGreedy); empty: active steps

  // Minimal movement: leave empty to plan from nothing.
  LayerSlots current;    // by instance: the experts it holds now
  double move_price = 0; // of one expert loaded into a slot, in steps * experts read: a load that delays one step by as
                         // much as reading one expert costs 1
  double horizon = 0;    // steps that the plan is expected to serve; above 0 where move_price is
  int64_t max_moves = INT64_MAX;
};

struct PlannerOptions {
  PlacementPolicy policy = PlacementPolicy::kSearch;
  uint64_t seed = 0;
  /// Bound of the search in units of work (about 10 ns each), so that the same
  /// problem and seed have the same plan on every machine; 0: no search.
  int64_t work = 50'000'000;
  /// A cap in seconds, for a machine that is slower than thought. A plan that it
  /// cut short is sound and says so; how good it is depends on the machine.
  absl::Duration time_bound = absl::InfiniteDuration();
  /// Polled while searching; true ends the search as the time bound does.
  const std::atomic<bool> *stop = nullptr;
  /// kEplb: expert groups and nodes; hierarchical where nodes divide groups.
  int64_t groups = 1, nodes = 1;
};

struct LayerPlan {
  /// [instance][slot]: an expert or -1. As long as the problem's slots. Experts
  /// that stay keep the slot that `current` has them in.
  LayerSlots slots;
  double a_max = 0;         // mean over the problem's steps, each scheduled exactly
  double limit = 0;         // mean of ceil(D / live instances), which no placement beats
  double current_a_max = 0; // of `current` over the same steps, without what dead instances hold; 0 without current
  int64_t moves = 0;        // (expert, instance) that are new; 0 without current
  int64_t work = 0;         // units used
  bool cut = false;         // the time bound or `stop` ended the search
};

/// Plans one layer. InvalidArgument: sizes that do not match, ids out of range,
/// an expert twice on an instance, pins beyond an instance's slots.
/// ResourceExhausted: the live instances have fewer slots than there are experts.
/// FailedPrecondition: the policy does not define such a problem (kEplb with
/// unequal slots or pins). Messages say what was found and expected.
/// Deterministic unless cut. Allocates; called off the step path; several
/// threads may plan at once.
absl::StatusOr<LayerPlan> PlanLayer(const LayerProblem &problem, const PlannerOptions &options);

/// PlanLayer for each problem, over `threads` threads; problem l with a seed of
/// (options.seed, l), so that the plans do not depend on the threads. The first
/// error, by layer, names its layer.
absl::StatusOr<std::vector<LayerPlan>> PlanLayers(absl::Span<const LayerProblem> problems,
                                                  const PlannerOptions &options, int threads = 1);

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_PLANNER_H
