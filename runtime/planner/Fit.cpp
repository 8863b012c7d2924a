#include "runtime/planner/Fit.h"

#include "runtime/base/Random.h"

#include "absl/strings/str_cat.h"

namespace janus::planner {
namespace {

constexpr Policy kPolicies[] = {
    {"ours", PlacementPolicy::kSearch, false, "activation frequency, co-activation, search on replayed steps"},
    {"paper", PlacementPolicy::kGreedy, false, "the paper's: token counts, co-activation greedy"},
    {"paper-greedy", PlacementPolicy::kGreedy, true, "the same under the paper's greedy scheduler"},
    {"eplb", PlacementPolicy::kEplb, false, "DeepSeek's EPLB: token counts, packed by load"},
    {"contiguous", PlacementPolicy::kContiguous, false, "blocks of experts in id order"},
    {"random", PlacementPolicy::kRandom, false, "the same, shuffled"},
};

} // namespace

absl::Span<const Policy> Policies() { return kPolicies; }

absl::StatusOr<Policy> FindPolicy(const std::string &name) {
  std::string names;
  for (const Policy &policy : kPolicies) {
    if (policy.name == name)
      return policy;
    absl::StrAppend(&names, names.empty() ? "" : ", ", policy.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("found policy '", name, "', expected one of ", names));
}

uint64_t SeedFor(uint64_t seed, Use use, uint64_t number) {
  return Random(Random(seed).Next() + static_cast<uint64_t>(use) * 0x9e3779b97f4a7c15 + number).Next();
}

absl::StatusOr<LayerPlan> FitLayer(const Policy &policy, const Instances &instances, const ActivationWindow &steps,
                                   absl::Span<const double> tokens, int64_t layer, const FitOptions &options) {
  LayerProblem problem;
  problem.experts = steps.experts();
  problem.slots = instances.slots;
  problem.dead = instances.dead;
  for (const Pin &pin : instances.pins)
    if (pin.expert < problem.experts)
      problem.pins.push_back(pin);
  problem.steps = &steps;
  problem.tokens.assign(tokens.begin(), tokens.end());
  problem.current = options.current;
  problem.move_price = options.move_price;
  problem.horizon = options.horizon;
  problem.check = options.check;
  PlannerOptions planner;
  planner.policy = policy.placement;
  planner.seed = SeedFor(options.seed, Use::kFit, static_cast<uint64_t>(layer));
  planner.work = options.work;
  planner.groups = instances.groups;
  planner.nodes = instances.nodes;
  absl::StatusOr<LayerPlan> plan = PlanLayer(problem, planner);
  if (!plan.ok())
    return absl::Status(plan.status().code(), absl::StrCat("layer ", layer, ": ", plan.status().message()));
  return plan;
}

} // namespace janus::planner
