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
  const ActivationWindow *steps = nullptr; // of these experts, in batches as large as those served; a few thousand are
                                           // best (RowWindow draws them). Not owned
  std::vector<double> tokens;              // by expert: rows that chose it (kEplb, kGreedy); empty: active steps

  // Minimal movement, for kSearch: leave empty to plan from nothing.
  LayerSlots current;    // by instance: the experts it holds now
  double move_price = 0; // of one replica loaded into a slot, in experts read by one step: 1 when it delays the steps
                         // together by as much as an instance takes to read one expert more
  double horizon = 0;    // steps that the plan is expected to serve; above 0 where move_price is
  int64_t max_moves = INT64_MAX;           // besides those that an expert on no live instance makes necessary
  const ActivationWindow *check = nullptr; // steps by which a_max and the gain are judged; null: `steps`. Not owned
};

struct PlannerOptions {
  PlacementPolicy policy = PlacementPolicy::kSearch;
  uint64_t seed = 0;
  /// Bound of the search in steps looked at (about 10 ns each), so that the same
  /// problem and seed have the same plan on every machine; 0: no search.
  int64_t work = 10'000'000;
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
  double a_max = 0;         // mean over the steps (`check` where given), each scheduled exactly
  double limit = 0;         // mean of ceil(D / live instances), which no placement beats
  double current_a_max = 0; // of `current`, with experts on no live instance put somewhere; 0 without current
  int64_t moves = 0;        // replicas that `current` does not have there; 0 without current
  int64_t work = 0;         // steps looked at
  bool cut = false;         // the time bound or `stop` ended the search
  bool kept = false;        // nothing would gain more than its moves cost: `current`, with what had to be put somewhere
};

/// Plans one layer. With a price, a plan is proposed only where
///   (current_a_max - a_max) * horizon > move_price * moves.
/// InvalidArgument: sizes that do not match, ids out of range,
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
