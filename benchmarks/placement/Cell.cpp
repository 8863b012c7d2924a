#include "benchmarks/placement/Cell.h"

#include "runtime/placement/Planner.h"
#include "runtime/placement/Replay.h"
#include "runtime/placement/RowWindow.h"
#include "runtime/placement/Schedules.h"

#include <atomic>
#include <cmath>
#include <thread>

namespace janus {
namespace {

constexpr PlacementPolicy kPolicyOf[] = {PlacementPolicy::kSearch, PlacementPolicy::kContiguous,
                                         PlacementPolicy::kRandom, PlacementPolicy::kEplb,
                                         PlacementPolicy::kGreedy, PlacementPolicy::kGreedy};

/// One seed and layer.
struct Unit {
  absl::Status status;
  double limit = 0, fit = 0, fit_limit = 0, filled = 0, single = 0;
  int64_t above = 0, stuck_on = 0, stuck_one = 0;
  std::array<double, kPolicies.size()> a_max = {};
};

/// What keeps the steps above their limit there.
void Explain(const LayerProblem &problem, const LayerSlots &slots, const ActivationWindow &steps, Unit &unit) {
  Layout layout({problem.experts, problem.slots, {}});
  for (size_t g = 0; g < slots.size(); ++g)
    for (int32_t e : slots[g])
      if (e >= 0)
        layout.Add(static_cast<int64_t>(g), e);
  for (int64_t e = 0; e < problem.experts; ++e)
    unit.single += layout.replicas(e) == 1 ? 1.0 / static_cast<double>(problem.experts) : 0;
  const Schedules schedules(layout, {{&steps, 1}});
  unit.above = schedules.loose();
  for (int64_t i = 0; i < schedules.loose(); ++i) {
    int64_t closed = 0;
    for (int64_t g = 0; g < layout.instances(); ++g)
      closed += schedules.InClosedSet(schedules.loose_step(i), g);
    unit.stuck_on += closed;
    unit.stuck_one += closed == 1;
  }
}

ActivationWindow FromRows(const Routing &routing, const Cell &cell, const CellOptions &options, int64_t layer,
                          uint64_t seed, const std::vector<std::vector<int64_t>> &seen) {
  RowWindow rows(routing.experts, routing.k, cell.batch * std::ssize(seen));
  for (const std::vector<int64_t> &batch : seen)
    for (int64_t row : batch)
      rows.Add({routing.ids[layer].data() + row * routing.k, static_cast<size_t>(routing.k)});
  return rows.Draw(cell.batch, options.fit_steps, seed);
}

Unit MeasureUnit(const Routing &routing, const Cell &cell, const CellOptions &options, int64_t layer, uint64_t seed,
                 const std::vector<std::vector<int64_t>> &fit, const std::vector<std::vector<int64_t>> &test) {
  const ActivationWindow fitted = options.window ? FromRows(routing, cell, options, layer, seed, fit)
                                                 : routing.Steps(layer, fit),
                         tested = routing.Steps(layer, test);
  const double steps = static_cast<double>(tested.steps());
  Unit unit;
  for (size_t p = 0; p < kPolicies.size(); ++p) {
    LayerProblem problem;
    problem.experts = routing.experts;
    problem.slots.assign(cell.instances, cell.slots);
    problem.steps = &fitted;
    if (p + 1 < kPolicies.size())
      problem.tokens = routing.Tokens(layer, kFit);
    PlannerOptions planner;
    planner.policy = kPolicyOf[p];
    planner.seed = seed * 1000 + static_cast<uint64_t>(layer);
    planner.work = options.work;
    const absl::StatusOr<LayerPlan> plan = PlanLayer(problem, planner);
    if (!plan.ok()) {
      unit.status = plan.status();
      return unit;
    }
    Replayer replayer(routing.experts, plan->slots);
    for (int64_t s = 0; s < tested.steps(); ++s) {
      const Replayer::Step step = replayer.Schedule(tested.step(s));
      unit.a_max[p] += step.a_max / steps;
      if (p == 0) {
        const int64_t limit = StepLimit(step.active, cell.instances);
        unit.limit += static_cast<double>(limit) / steps;
        unit.filled += static_cast<double>(step.active) / static_cast<double>(limit * cell.instances) / steps;
      }
    }
    if (p == 0) {
      unit.fit = plan->a_max;
      unit.fit_limit = plan->limit;
      Explain(problem, plan->slots, tested, unit);
    }
  }
  return unit;
}

/// 97.5 % of Student's t, Cornish-Fisher; off by less than 0.3 % from 4 degrees on.
double StudentT(double degrees) {
  const double z = 1.959964, z3 = z * z * z, z5 = z3 * z * z;
  return z + (z3 + z) / (4 * degrees) + (5 * z5 + 16 * z3 + 3 * z) / (96 * degrees * degrees);
}

} // namespace

absl::StatusOr<CellResult> Measure(const Routing &routing, const Cell &cell, const CellOptions &options) {
  std::vector<std::vector<std::vector<int64_t>>> fit, test;
  for (int64_t seed = 0; seed < options.seeds; ++seed) {
    fit.push_back(routing.Batches(kFit, cell.batch, options.window ? options.window : options.fit_steps, 2 * seed));
    test.push_back(routing.Batches(kTest, cell.batch, options.test_steps, 2 * seed + 1));
  }
  std::vector<Unit> units(options.seeds * routing.layers);
  std::atomic<int64_t> next = 0;
  auto work = [&] {
    for (int64_t i; (i = next++) < std::ssize(units);) {
      const int64_t seed = i / routing.layers;
      units[i] = MeasureUnit(routing, cell, options, i % routing.layers, seed, fit[seed], test[seed]);
    }
  };
  std::vector<std::thread> threads;
  for (int64_t t = 1; t < options.threads; ++t)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();

  CellResult result;
  result.cell = cell;
  const double count = static_cast<double>(units.size());
  double fit_limit = 0, above = 0;
  for (const Unit &unit : units) {
    if (!unit.status.ok())
      return unit.status;
    result.limit += unit.limit / count;
    result.fit += unit.fit / count;
    fit_limit += unit.fit_limit / count;
    result.filled += unit.filled / count;
    result.single += unit.single / count;
    above += static_cast<double>(unit.above);
    result.stuck_on += static_cast<double>(unit.stuck_on);
    result.stuck_one += static_cast<double>(unit.stuck_one);
    for (size_t p = 0; p < kPolicies.size(); ++p)
      result.a_max[p] += unit.a_max[p] / count;
  }
  result.fit /= fit_limit;
  result.stuck_on /= std::max(above, 1.0);
  result.stuck_one /= std::max(above, 1.0);
  result.above = above / (count * static_cast<double>(options.test_steps));
  for (size_t p = 1; p < kPolicies.size(); ++p) {
    result.difference[p] = result.a_max[p] - result.a_max[0];
    double squares = 0;
    for (const Unit &unit : units) {
      const double off = unit.a_max[p] - unit.a_max[0] - result.difference[p];
      squares += off * off;
    }
    result.interval[p] = StudentT(count - 1) * std::sqrt(squares / (count - 1) / count);
  }
  return result;
}

} // namespace janus
