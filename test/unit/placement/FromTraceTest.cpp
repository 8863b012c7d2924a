// A placement fitted to recorded steps: cases worked out by hand from docs/placement-file.md, what holds for any
// window, and that it helps.
#include "runtime/placement/ActivationWindow.h"
#include "runtime/placement/Planner.h"
#include "runtime/scheduler/SerialScheduler.h"
#include "test/unit/placement/Support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <numeric>
#include <random>

namespace janus {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Step = std::vector<int32_t>;

ActivationWindow Window(int64_t experts, const std::vector<std::pair<int, Step>> &steps) {
  ActivationWindow window(experts);
  for (const auto &[times, active] : steps)
    for (int i = 0; i < times; ++i) {
      window.Begin();
      for (int32_t e : active)
        window.Activate(e);
    }
  return window;
}

LayerSlots Fit(const ActivationWindow &window, int64_t instances, int64_t slots,
               PlacementPolicy policy = PlacementPolicy::kGreedy) {
  LayerProblem problem;
  problem.experts = window.experts();
  problem.slots.assign(instances, slots);
  problem.steps = &window;
  PlannerOptions options;
  options.policy = policy;
  const absl::StatusOr<LayerPlan> plan = PlanLayer(problem, options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? plan->slots : LayerSlots();
}

/// Experts that are active in the same steps come apart.
TEST(FromTrace, CoActiveExpertsAreSeparated) {
  EXPECT_EQ(Fit(Window(4, {{10, {0, 1}}, {10, {2, 3}}}), 2, 2), (LayerSlots{{0, 2}, {1, 3}}));
  EXPECT_EQ(Fit(Window(4, {{10, {0, 2}}, {10, {1, 3}}}), 2, 2), (LayerSlots{{0, 3}, {1, 2}}));
}

/// c = 8, 8, 2, 1: the spare slots go to 0 (the lower id) and to 1.
TEST(FromTrace, ReplicasGoToTheMostFrequentlyActive) {
  const ActivationWindow window = Window(4, {{5, {0, 1}}, {2, {0, 1, 2}}, {1, {0, 1, 3}}});
  EXPECT_EQ(Fit(window, 2, 3), (LayerSlots{{0, 1, 2}, {0, 1, 3}}));
}

/// Frequency counts steps, not rows: the window cannot even tell, so one replica is enough for c = 1 of 8 steps.
TEST(FromTrace, AReplicaMoreNeverExceedsTheInstances) {
  EXPECT_EQ(Fit(Window(2, {{100, {0}}}), 3, 2), (LayerSlots{{0, 1}, {0, 1}, {0, 1}}));
}

/// Loads 0: 11, 1: 10, 2: 8, 3: 7, 4: 12 / 2. Instance 0 gets 0, 2 and 3 (2 and 3 meet 1), instance 1 gets 1 and 4; the
/// other replica of 4 finds room only where 4 is, so that 0, which meets nobody, moves there.
TEST(FromTrace, ASwapMakesRoom) {
  const ActivationWindow window = Window(5, {{5, {1, 2}}, {5, {1, 3}}, {3, {2}}, {2, {3}}, {11, {0}}, {12, {4}}});
  EXPECT_EQ(Fit(window, 2, 3), (LayerSlots{{2, 3, 4}, {0, 1, 4}}));
}

/// Steps in which two experts were active together, and steps alone until expert e was active in `frequency[e]`.
ActivationWindow Meetings(std::vector<int> frequency, const std::vector<std::pair<int, Step>> &together) {
  std::vector<std::pair<int, Step>> steps = together;
  for (const auto &[times, active] : together)
    for (int32_t e : active)
      frequency[e] -= times;
  for (size_t e = 0; e < frequency.size(); ++e)
    steps.push_back({frequency[e], {static_cast<int32_t>(e)}});
  return Window(static_cast<int64_t>(frequency.size()), steps);
}

/// As above, instance 0 gets 0, 2 and 3, instance 1 gets 1 and 4. Moving x adds what x meets on instance 1 and what 4
/// meets of those that stay, less what x met of them: 0 costs 2, 2 costs 1, 3 costs 5; then 3 meets 0 (-1, 1, 2); then
/// 4 meets 2 (5, 4, 8).
TEST(FromTrace, TheCheapestSwap) {
  const std::vector<int> frequency = {30, 29, 28, 27, 40};
  EXPECT_EQ(Fit(Meetings(frequency, {{2, {0, 1}}, {1, {1, 2}}, {5, {1, 3}}}), 2, 3),
            (LayerSlots{{0, 3, 4}, {1, 2, 4}}));
  EXPECT_EQ(Fit(Meetings(frequency, {{2, {0, 1}}, {1, {1, 2}}, {5, {1, 3}}, {3, {0, 3}}}), 2, 3),
            (LayerSlots{{2, 3, 4}, {0, 1, 4}}));
  EXPECT_EQ(Fit(Meetings(frequency, {{2, {0, 1}}, {1, {1, 2}}, {5, {1, 3}}, {3, {2, 4}}}), 2, 3),
            (LayerSlots{{0, 3, 4}, {1, 2, 4}}));
}

/// Experts that were never active are spread too.
TEST(FromTrace, IdleExpertsAreSpread) {
  EXPECT_EQ(Fit(Window(6, {{1, {0}}}), 3, 2), (LayerSlots{{0, 5}, {1, 3}, {2, 4}}));
}

/// Whatever the window and the shape: sound (Make checks that), replicas by the rule, nothing left empty, and the same
/// again.
TEST(FromTrace, AnyWindowAndShape) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 400; ++i) {
    const int64_t experts = 1 + random() % 24, instances = 1 + random() % 7;
    const int64_t slots = (experts + instances - 1) / instances + random() % 4;
    std::vector<std::pair<int, Step>> steps(1 + random() % 20);
    for (auto &[times, active] : steps) {
      times = 1 + random() % 3;
      for (int64_t e = 0; e < experts; ++e)
        if (random() % (2 + e) == 0)
          active.push_back(e);
    }
    const ActivationWindow window = Window(experts, steps);
    const PlacementShape shape = {{experts}, instances, slots};
    const absl::StatusOr<Placement> placement = Placement::Make(shape, {Fit(window, instances, slots)});
    ASSERT_TRUE(placement.ok()) << placement.status() << ", case " << i;
    std::vector<int> replicas(experts, 1);
    for (int64_t spare = instances * slots - experts; spare > 0; --spare) {
      int best = -1;
      for (int e = 0; e < experts; ++e)
        if (replicas[e] < instances &&
            (best < 0 || window.Frequency(e) * replicas[best] > window.Frequency(best) * replicas[e]))
          best = e;
      if (best >= 0)
        ++replicas[best];
    }
    ASSERT_EQ(ReplicasOf(*placement, 0), replicas) << "case " << i;
    ASSERT_EQ(Fit(window, instances, slots), Fit(window, instances, slots));
  }
}

double MeanLargestLoad(const Placement &placement, const std::vector<Step> &steps) {
  scheduler::ReplicaTable replicas;
  replicas.Set(placement.replicas(0));
  const scheduler::ReplicaTableView table = replicas.view();
  scheduler::SerialScheduler scheduler;
  scheduler.Reserve(table.experts, table.instances);
  double sum = 0;
  for (const Step &step : steps) {
    const std::vector<uint16_t> ids(step.begin(), step.end());
    sum += scheduler.Run(table, {ids.data(), static_cast<int64_t>(ids.size())}).a_max;
  }
  return sum / static_cast<double>(steps.size());
}

/// Steps of hidden topics, each with its experts next to each other: what `even` does worst. Fitted on one half and
/// measured on the other, against the least possible.
TEST(FromTrace, HelpsOnStepsItHasNotSeen) {
  std::mt19937_64 random(5);
  std::vector<Step> fit, test;
  for (int i = 0; i < 600; ++i) {
    const int topic = random() % 4;
    Step step;
    for (int e = 0; e < 32; ++e)
      if (e / 8 == topic ? random() % 8 != 0 : random() % 16 == 0)
        step.push_back(e);
    (i % 2 ? fit : test).push_back(step);
  }
  ActivationWindow window(32);
  double limit = 0;
  for (const Step &step : fit) {
    window.Begin();
    for (int32_t e : step)
      window.Activate(e);
  }
  for (const Step &step : test)
    limit += static_cast<double>((step.size() + 3) / 4) / static_cast<double>(test.size());
  for (int64_t slots : {8, 10}) {
    const PlacementShape shape = {{32}, 4, slots};
    const double fitted = MeanLargestLoad(*Placement::FromTrace(shape, {window}), test),
                 even = MeanLargestLoad(*Placement::Even(shape), test),
                 shuffled = MeanLargestLoad(*Placement::Random(shape, 1), test);
    EXPECT_LT(fitted, 0.6 * even) << slots << " slots";
    EXPECT_LT(fitted, shuffled) << slots << " slots";
    EXPECT_LT(fitted, limit * 1.25) << slots << " slots";
  }
}

/// Layers without experts have no steps, and no slots in use.
TEST(FromTrace, LayersWithoutExperts) {
  const ActivationWindow four = Window(4, {{1, {0}}}), none(0), five = Window(5, {{1, {0}}});
  const absl::StatusOr<Placement> placement = Placement::FromTrace({{0, 4, 0, 5, 0}, 2, 3}, {none, four, none, five});
  ASSERT_TRUE(placement.ok()) << placement.status();
  EXPECT_EQ(SlotsOf(*placement, 2), (LayerSlots{{}, {}}));
  EXPECT_EQ(SlotsOf(*placement, 1), SlotsOf(*Placement::FromTrace({{4}, 2, 3}, {four}), 0));
}

TEST(FromTrace, Refusals) {
  const ActivationWindow four = Window(4, {{1, {0}}}), five = Window(5, {{1, {0}}});
  auto message = [&](const PlacementShape &shape, const std::vector<ActivationWindow> &windows) {
    const absl::Status status = Placement::FromTrace(shape, windows).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_TRUE(Placement::FromTrace({{4, 5}, 2, 3}, {four, five}).ok());
  EXPECT_THAT(message({{4, 4}, 2, 3}, {four, five}),
              AllOf(HasSubstr("layer 1"), HasSubstr("5 experts"), HasSubstr("expected 4")));
  EXPECT_THAT(message({{4, 5}, 2, 3}, {four}), AllOf(HasSubstr("layer 1: found 0 experts"), HasSubstr("expected 5")));
  EXPECT_THAT(message({{4}, 2, 3}, {four, five}),
              AllOf(HasSubstr("layer 1: found 5 experts"), HasSubstr("expected 0")));
  EXPECT_THAT(message({{4}, 2, 3}, {ActivationWindow(4)}), HasSubstr("no step"));
  EXPECT_THAT(message({{4}, 2, 1}, {four}), HasSubstr("--slots 2"));
}

} // namespace
} // namespace janus
