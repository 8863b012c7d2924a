// Plans of every policy: what holds for any problem, unequal and dead instances, pins, slots that cannot be filled,
// experts never seen, moves that must pay, and what is refused.
#include "test/unit/placement/PlannerSupport.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <atomic>
#include <cmath>
#include <set>

namespace janus {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr PlacementPolicy kAll[] = {PlacementPolicy::kSearch, PlacementPolicy::kContiguous, PlacementPolicy::kRandom,
                                    PlacementPolicy::kEplb, PlacementPolicy::kGreedy};

bool Holds(const LayerSlots &slots, int64_t g, int64_t e) {
  return std::find(slots[g].begin(), slots[g].end(), e) != slots[g].end();
}
bool Dead(const LayerProblem &problem, int64_t g) {
  return std::find(problem.dead.begin(), problem.dead.end(), g) != problem.dead.end();
}

/// Every expert somewhere, none twice on an instance, pins kept, dead instances empty.
void ExpectSound(const LayerProblem &problem, const LayerPlan &plan) {
  ASSERT_EQ(plan.slots.size(), problem.slots.size());
  std::vector<int> replicas(problem.experts);
  for (size_t g = 0; g < plan.slots.size(); ++g) {
    ASSERT_EQ(std::ssize(plan.slots[g]), problem.slots[g]);
    std::set<int32_t> seen;
    for (int32_t e : plan.slots[g]) {
      ASSERT_GE(e, -1);
      ASSERT_LT(e, problem.experts);
      if (e < 0)
        continue;
      EXPECT_TRUE(seen.insert(e).second) << "expert " << e << " twice on " << g;
      EXPECT_FALSE(Dead(problem, static_cast<int64_t>(g)));
      ++replicas[e];
    }
  }
  for (int64_t e = 0; e < problem.experts; ++e)
    EXPECT_GT(replicas[e], 0) << "expert " << e;
  for (const Pin &pin : problem.pins)
    EXPECT_TRUE(Dead(problem, pin.instance) || Holds(plan.slots, pin.instance, pin.expert));
}

/// A slot is empty only where its instance holds every expert.
void ExpectFull(const LayerProblem &problem, const LayerPlan &plan) {
  for (size_t g = 0; g < plan.slots.size(); ++g) {
    const int64_t held = std::count_if(plan.slots[g].begin(), plan.slots[g].end(), [](int32_t e) { return e >= 0; });
    if (!Dead(problem, static_cast<int64_t>(g))) {
      EXPECT_EQ(held, std::min(problem.slots[g], problem.experts)) << "instance " << g;
    }
  }
}

/// Whatever the problem: sound, full, a_max as an independent solver has it, the same again.
TEST(Planner, AnyProblem) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 120; ++i) {
    const int64_t experts = 1 + static_cast<int64_t>(random() % 30), instances = 1 + static_cast<int64_t>(random() % 7);
    const ActivationWindow window = TopicSteps(random, experts, static_cast<int64_t>(random() % 40));
    LayerProblem problem = ProblemOf(window, {});
    int64_t room = 0;
    for (int64_t g = 0; g < instances; ++g) {
      problem.slots.push_back(static_cast<int64_t>(random() % 9) + (random() % 20 == 0 ? 40 : 0));
      if (random() % 6 == 0)
        problem.dead.push_back(static_cast<int32_t>(g));
      else
        room += std::min(problem.slots[g], experts);
    }
    for (int64_t g = 0; room < experts; g = (g + 1) % instances) // the fewest that do
      if (!Dead(problem, g) || std::ssize(problem.dead) == instances) {
        if (Dead(problem, g))
          problem.dead.clear();
        problem.slots[g] += experts;
        room = experts;
      }
    std::vector<int64_t> pinned(instances);
    for (uint64_t pins = random() % 4; pins > 0; --pins) {
      const Pin pin = {static_cast<int32_t>(random() % experts), static_cast<int32_t>(random() % instances)};
      if (pinned[pin.instance] < std::min(problem.slots[pin.instance], experts) && random() % 2)
        problem.pins.push_back(pin), ++pinned[pin.instance];
    }
    for (PlacementPolicy policy : kAll) {
      PlannerOptions options;
      options.policy = policy;
      options.seed = random();
      options.work = 20'000;
      const absl::StatusOr<LayerPlan> plan = PlanLayer(problem, options);
      if (!plan.ok()) { // EPLB takes only equal slots and no pins; pins of one expert may leave too few slots
        ASSERT_TRUE(absl::IsFailedPrecondition(plan.status()) ? policy == PlacementPolicy::kEplb
                                                              : absl::IsResourceExhausted(plan.status()))
            << plan.status() << ", case " << i;
        continue;
      }
      SCOPED_TRACE("case " + std::to_string(i) + ", " + std::string(PolicyName(policy)));
      ExpectSound(problem, *plan);
      ExpectFull(problem, *plan);
      EXPECT_NEAR(plan->a_max, ExactMean(plan->slots, window), 1e-9);
      EXPECT_LE(plan->limit, plan->a_max);
      EXPECT_EQ(PlanLayer(problem, options)->slots, plan->slots);
    }
  }
}

/// Unequal instances share in proportion to their slots.
TEST(Planner, ContiguousBlocksFollowTheRoom) {
  const ActivationWindow window(8);
  EXPECT_EQ(Plan(ProblemOf(window, {2, 4, 2}), PlacementPolicy::kContiguous).slots,
            (LayerSlots{{0, 1}, {2, 3, 4, 5}, {6, 7}}));
  LayerProblem dead = ProblemOf(window, {4, 4, 4});
  dead.dead = {1};
  EXPECT_EQ(Plan(dead, PlacementPolicy::kContiguous).slots, (LayerSlots{{0, 1, 2, 3}, {-1, -1, -1, -1}, {4, 5, 6, 7}}));
}

/// Experts that no step activated are placed too, and get spare slots last.
TEST(Planner, ExpertsNeverSeen) {
  ActivationWindow window(6);
  window.Begin();
  window.Activate(5);
  for (PlacementPolicy policy : kAll) {
    ExpectSound(ProblemOf(window, {3, 3, 3}), Plan(ProblemOf(window, {3, 3, 3}), policy));
    const ActivationWindow empty(6);
    ExpectSound(ProblemOf(empty, {4, 4}), Plan(ProblemOf(empty, {4, 4}), policy));
  }
  const LayerPlan plan = Plan(ProblemOf(window, {3, 4}), PlacementPolicy::kGreedy);
  EXPECT_TRUE(Holds(plan.slots, 0, 5) && Holds(plan.slots, 1, 5)) << "the only one that is used gets the spare slot";
}

/// A layer without experts has empty slots.
TEST(Planner, NoExperts) {
  const ActivationWindow none(0);
  for (PlacementPolicy policy : kAll)
    EXPECT_EQ(Plan(ProblemOf(none, {2, 1}), policy).slots, (LayerSlots{{-1, -1}, {-1}})) << PolicyName(policy);
}

TEST(Planner, SeedsAndThreadsOfManyLayers) {
  std::mt19937_64 random(3);
  const ActivationWindow window = TopicSteps(random, 24, 200);
  const std::vector<LayerProblem> problems(5, ProblemOf(window, {5, 5, 5, 5, 5, 5}));
  PlannerOptions options;
  options.work = 50'000;
  const std::vector<LayerPlan> one = *PlanLayers(problems, options, 1), three = *PlanLayers(problems, options, 3);
  for (size_t l = 0; l < problems.size(); ++l)
    EXPECT_EQ(one[l].slots, three[l].slots);
  EXPECT_NE(one[0].slots, one[1].slots) << "layers have seeds of their own";
  std::vector<LayerProblem> wrong = problems;
  wrong[3].slots = {1};
  EXPECT_THAT(std::string(PlanLayers(wrong, options, 2).status().message()), HasSubstr("layer 3"));
}

/// The bound is work, not time; what time cuts is sound and says so.
TEST(Planner, WorkTimeAndStop) {
  std::mt19937_64 random(4);
  const ActivationWindow window = TopicSteps(random, 32, 400);
  const LayerProblem problem = ProblemOf(window, {4, 4, 4, 4, 4, 4, 4, 4});
  PlannerOptions options;
  options.work = 0;
  const LayerPlan none = *PlanLayer(problem, options);
  options.work = 300'000;
  const LayerPlan some = *PlanLayer(problem, options);
  EXPECT_LT(some.a_max, none.a_max);
  EXPECT_FALSE(some.cut);
  EXPECT_LT(some.work, 400'000);
  options.work = INT64_MAX;
  options.time_bound = absl::Milliseconds(20);
  const LayerPlan cut = *PlanLayer(problem, options);
  EXPECT_TRUE(cut.cut);
  ExpectSound(problem, cut);
  const std::atomic<bool> stop = true;
  options.time_bound = absl::InfiniteDuration();
  options.stop = &stop;
  const LayerPlan stopped = *PlanLayer(problem, options);
  EXPECT_TRUE(stopped.cut);
  EXPECT_EQ(stopped.slots, none.slots);
}

class Moving : public testing::Test {
protected:
  Moving()
      : random(9), before(TopicSteps(random, 32, 300)), after(32, 600), problem(ProblemOf(after, {10, 10, 10, 10})) {
    for (int64_t s = 0; s < 600; ++s) { // the same traffic with other experts: e becomes 5 e mod 32
      const ActivationWindow one = TopicSteps(random, 32, 1);
      after.Begin();
      for (int64_t e = 0; e < 32; ++e)
        if (one.Active(0, e))
          after.Activate(e * 5 % 32);
    }
    problem.current = Plan(ProblemOf(before, problem.slots), PlacementPolicy::kSearch).slots;
  }
  /// Experts in slots that other experts were in.
  int64_t Differences(const LayerPlan &plan) const {
    int64_t differences = 0;
    for (size_t g = 0; g < plan.slots.size(); ++g)
      for (size_t s = 0; s < plan.slots[g].size(); ++s)
        differences += plan.slots[g][s] != problem.current[g][s];
    return differences;
  }

  std::mt19937_64 random;
  ActivationWindow before, after;
  LayerProblem problem;
};

/// The higher the price the fewer moves; a plan that gains less than it costs is not made.
TEST_F(Moving, PriceAgainstGain) {
  problem.horizon = 1000;
  problem.move_price = 1e-6;
  const LayerPlan cheap = Plan(problem, PlacementPolicy::kSearch);
  EXPECT_LT(cheap.a_max, cheap.current_a_max);
  EXPECT_NEAR(cheap.current_a_max, ExactMean(problem.current, after), 1e-9);
  int64_t moves = cheap.moves + 1;
  for (double price : {5.0, 20.0, 100.0, 1e6}) {
    problem.move_price = price;
    const LayerPlan plan = Plan(problem, PlacementPolicy::kSearch);
    ExpectSound(problem, plan);
    EXPECT_LE(plan.moves, moves) << price;
    EXPECT_EQ(plan.moves, Differences(plan)) << "what stays keeps its slot";
    EXPECT_TRUE(plan.kept
                    ? plan.moves == 0
                    : (plan.current_a_max - plan.a_max) * problem.horizon > price * static_cast<double>(plan.moves))
        << price;
    moves = plan.moves;
  }
  EXPECT_EQ(moves, 0);
  EXPECT_TRUE(Plan(problem, PlacementPolicy::kSearch).kept);
  // Judged by other steps than those it is fitted to: where there is nothing to gain, nothing moves.
  problem.move_price = 0.5;
  problem.check = &before;
  EXPECT_TRUE(Plan(problem, PlacementPolicy::kSearch).kept);
}

TEST_F(Moving, AtMostSoMany) {
  for (int64_t most : {0, 2, 7}) {
    problem.max_moves = most;
    const LayerPlan plan = Plan(problem, PlacementPolicy::kSearch);
    EXPECT_LE(plan.moves, most);
    EXPECT_EQ(plan.moves, Differences(plan));
    if (most > 0) {
      EXPECT_LT(plan.a_max, plan.current_a_max);
    }
  }
}

/// An instance dies: what lived only there takes slots of replicas elsewhere, whatever moves cost, and nothing else
/// moves.
TEST_F(Moving, DeadInstance) {
  problem.dead = {2};
  problem.slots = {11, 11, 10, 11};
  problem.horizon = 1;
  problem.move_price = 1e9;
  const LayerPlan plan = Plan(problem, PlacementPolicy::kSearch);
  ExpectSound(problem, plan);
  int64_t lost = 0;
  for (int32_t e : problem.current[2])
    lost += !Holds(problem.current, 0, e) && !Holds(problem.current, 1, e) && !Holds(problem.current, 3, e);
  EXPECT_GT(lost, 3) << "so that replicas have to make room";
  EXPECT_EQ(plan.moves, lost);
  EXPECT_LE(plan.a_max, plan.current_a_max);
}

/// Instance 2 dies with 4. The slots left are full: 0 and 1 have two replicas, active in 9 steps and in 2, so that 4
/// takes the slot of a replica of 1.
TEST(Planner, TheReplicaMissedLeastMakesRoom) {
  ActivationWindow window(5);
  for (int s = 0; s < 9; ++s) {
    window.Begin();
    window.Activate(0);
    if (s < 2)
      window.Activate(1);
  }
  LayerProblem problem = ProblemOf(window, {3, 3, 1});
  problem.current = {{0, 1, 2}, {3, 1, 0}, {4}};
  problem.dead = {2};
  problem.max_moves = 0;
  EXPECT_EQ(Plan(problem, PlacementPolicy::kSearch, 0, 0).slots, (LayerSlots{{0, 4, 2}, {3, 1, 0}, {-1}}));
}

TEST(Planner, Refusals) {
  const ActivationWindow four(4), five(5);
  auto message = [](const LayerProblem &problem, absl::StatusCode code = absl::StatusCode::kInvalidArgument,
                    PlacementPolicy policy = PlacementPolicy::kSearch) {
    PlannerOptions options;
    options.policy = policy;
    const absl::Status status = PlanLayer(problem, options).status();
    EXPECT_EQ(status.code(), code) << status;
    return std::string(status.message());
  };
  const LayerProblem good = ProblemOf(four, {3, 2});
  EXPECT_TRUE(PlanLayer(good, {}).ok());
  auto with = [&](auto change) {
    LayerProblem problem = good;
    change(problem);
    return problem;
  };
  EXPECT_THAT(message(with([](auto &p) { p.slots = {}; })), HasSubstr("0 instances"));
  EXPECT_THAT(message(with([](auto &p) { p.steps = nullptr; })), HasSubstr("expected 4"));
  EXPECT_THAT(message(with([&](auto &p) { p.steps = &five; })), AllOf(HasSubstr("5 experts"), HasSubstr("expected 4")));
  EXPECT_THAT(message(with([&](auto &p) { p.check = &five; })), HasSubstr("expected 4"));
  EXPECT_THAT(message(with([](auto &p) { p.slots = {-1, 9}; })), HasSubstr("-1 slots"));
  EXPECT_THAT(message(with([](auto &p) { p.slots = {INT64_MAX, 9}; })), HasSubstr("slots"));
  EXPECT_THAT(message(with([](auto &p) { p.dead = {2}; })), HasSubstr("dead instance 2"));
  EXPECT_THAT(message(with([](auto &p) { p.tokens = {1, 2}; })), HasSubstr("token counts of 2"));
  EXPECT_THAT(message(with([](auto &p) { p.tokens = {1, 2, -3, 4}; })), HasSubstr("-3"));
  EXPECT_THAT(message(with([](auto &p) { p.tokens = {1, 2, std::nan(""), 4}; })), HasSubstr("nan"));
  EXPECT_THAT(message(with([](auto &p) { p.pins = {{4, 0}}; })), HasSubstr("expert 4 pinned"));
  EXPECT_THAT(message(with([](auto &p) { p.pins = {{0, -1}}; })), HasSubstr("instance -1"));
  EXPECT_THAT(message(with([](auto &p) { p.pins = {{0, 1}, {1, 1}, {2, 1}}; })), HasSubstr("instance 1 has 2 slots"));
  EXPECT_THAT(message(with([](auto &p) { p.current = {{0}}; })), HasSubstr("on 1 instances"));
  EXPECT_THAT(message(with([](auto &p) { p.current = {{0, 4}, {}}; })), HasSubstr("expert 4"));
  EXPECT_THAT(message(with([](auto &p) { p.current = {{0, 0}, {}}; })), HasSubstr("twice"));
  EXPECT_THAT(message(with([](auto &p) { p.move_price = 1; })), HasSubstr("horizon"));
  EXPECT_THAT(message(with([](auto &p) { p.move_price = -1, p.horizon = 1; })), HasSubstr("-1"));
  EXPECT_THAT(message(with([](auto &p) { p.max_moves = -1; })), HasSubstr("-1 moves"));
  const auto full = absl::StatusCode::kResourceExhausted, undefined = absl::StatusCode::kFailedPrecondition;
  EXPECT_THAT(message(with([](auto &p) { p.dead = {1}; }), full), AllOf(HasSubstr("3 slots"), HasSubstr("at least 4")));
  EXPECT_THAT(message(with([](auto &p) {
                        p.slots = {9, 0};
                        p.dead = {0, 1};
                      }),
                      full),
              HasSubstr("0 live instances"));
  EXPECT_THAT(message(with([](auto &p) {
                        p.slots = {3, 1};
                        p.pins = {{0, 0}, {0, 1}};
                      }),
                      full),
              HasSubstr("pins"));
  EXPECT_THAT(message(good, undefined, PlacementPolicy::kEplb), HasSubstr("3 and 2 slots"));
  EXPECT_THAT(message(with([](auto &p) {
                        p.slots = {3, 3};
                        p.pins = {{0, 0}};
                      }),
                      undefined, PlacementPolicy::kEplb),
              HasSubstr("pinned"));
  EXPECT_THAT(std::string(ParsePolicy("best").status().message()), AllOf(HasSubstr("'best'"), HasSubstr("search")));
  for (PlacementPolicy policy : kAll)
    EXPECT_EQ(*ParsePolicy(PolicyName(policy)), policy);
}

} // namespace
} // namespace janus
