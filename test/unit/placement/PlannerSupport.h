#ifndef JANUS_TEST_UNIT_PLACEMENT_PLANNERSUPPORT_H
#define JANUS_TEST_UNIT_PLACEMENT_PLANNERSUPPORT_H

#include "runtime/placement/Planner.h"
#include "test/unit/scheduler/ExactSolver.h"

#include <algorithm>
#include <random>

namespace janus {

/// Steps in which the experts of one of a few hidden topics are active, and some others; topics are of neighbouring
/// experts.
inline ActivationWindow TopicSteps(std::mt19937_64 &random, int64_t experts, int64_t steps) {
  ActivationWindow window(experts, std::max<int64_t>(steps, 1));
  for (int64_t s = 0; s < steps; ++s) {
    window.Begin();
    const int64_t topic = static_cast<int64_t>(random() % 4);
    for (int64_t e = 0; e < experts; ++e)
      if (e * 4 / experts == topic ? random() % 4 != 0 : random() % 6 == 0)
        window.Activate(e);
  }
  return window;
}

/// a_max of one step by the solver that knows nothing of the scheduler.
inline int ExactLargest(const LayerSlots &slots, const ActivationWindow &window, int64_t step) {
  std::vector<std::vector<int32_t>> hosts;
  for (int64_t e = 0; e < window.experts(); ++e) {
    if (!window.Active(step, e))
      continue;
    hosts.emplace_back();
    for (size_t g = 0; g < slots.size(); ++g)
      if (std::find(slots[g].begin(), slots[g].end(), e) != slots[g].end())
        hosts.back().push_back(static_cast<int32_t>(g));
  }
  return scheduler::ExactOptimum(hosts, static_cast<int>(slots.size()));
}

inline double ExactMean(const LayerSlots &slots, const ActivationWindow &window) {
  double sum = 0;
  for (int64_t s = 0; s < window.steps(); ++s)
    sum += ExactLargest(slots, window, s);
  return sum / static_cast<double>(std::max<int64_t>(window.steps(), 1));
}

inline LayerProblem ProblemOf(const ActivationWindow &window, std::vector<int64_t> slots) {
  LayerProblem problem;
  problem.experts = window.experts();
  problem.slots = std::move(slots);
  problem.steps = &window;
  return problem;
}

inline LayerPlan Plan(const LayerProblem &problem, PlacementPolicy policy, uint64_t seed = 0, int64_t work = 200'000) {
  PlannerOptions options;
  options.policy = policy;
  options.seed = seed;
  options.work = work;
  absl::StatusOr<LayerPlan> plan = PlanLayer(problem, options);
  return plan.ok() ? *std::move(plan) : LayerPlan();
}

} // namespace janus

#endif // JANUS_TEST_UNIT_PLACEMENT_PLANNERSUPPORT_H
