// Plans beside the steps: the same plan, within a share of a core, and stopped at once. Run under ThreadSanitizer, too.
#include "runtime/engine/PlanRunner.h"

#include "runtime/base/Random.h"

#include "gtest/gtest.h"

#include <chrono>
#include <ctime>
#include <thread>

namespace janus {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kExperts = 32, kInstances = 4, kSlots = 10, kTopK = 4, kRows = 8;

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

/// A plan for `layers` layers whose rows mostly choose the first experts.
PlanRequest Request(int64_t layers, int64_t work) {
  PlanRequest request = {*ParseRebalance("auto,price=0"),
                         *Placement::Even({std::vector<int64_t>(layers, kExperts), kInstances, kSlots}),
                         {},
                         64,
                         0};
  request.options.work = work;
  request.options.batches = 200;
  Random random(3);
  for (int64_t layer = 0; layer < layers; ++layer) {
    ActivityCounters &counters = request.counters.emplace_back(kExperts, kTopK, 256, 4096, 32);
    for (int64_t step = 0; step < 64; ++step) {
      std::vector<uint16_t> ids;
      for (int64_t i = 0; i < kRows * kTopK; ++i)
        ids.push_back(static_cast<uint16_t>(random.Below(i % 4 ? 8 : kExperts)));
      counters.Add({layer, kRows, ids, 12, 6}, 3);
    }
  }
  return request;
}

/// Waits at most two minutes: beside others, the lowest priority gets little of a busy machine.
std::optional<PlanResult> Await(PlanRunner &runner) {
  std::optional<PlanResult> plan;
  for (const auto begin = Clock::now(); !plan && Seconds(Clock::now() - begin) < 120; plan = runner.Take())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return plan;
}

void ExpectEqual(const PlanResult &found, const PlanResult &expected) {
  EXPECT_TRUE(found.status.ok()) << found.status;
  ASSERT_EQ(found.layers.size(), expected.layers.size());
  for (size_t i = 0; i < found.layers.size(); ++i) {
    EXPECT_EQ(found.layers[i].layer, expected.layers[i].layer);
    EXPECT_EQ(found.layers[i].slots, expected.layers[i].slots);
  }
}

TEST(PlanRunner, BesideAndInlineMakeTheSamePlan) {
  const PlanRequest request = Request(3, 5000);
  const PlanResult expected = MakePlan(request);
  EXPECT_FALSE(expected.layers.empty());
  PlanRunner beside(false), at_once(true);
  EXPECT_FALSE(beside.Take());
  at_once.Start(request);
  std::optional<PlanResult> plan = at_once.Take();
  ASSERT_TRUE(plan);
  ExpectEqual(*plan, expected);
  for (int i = 0; i < 3; ++i) {
    beside.Start(request);
    plan = Await(beside);
    ASSERT_TRUE(plan);
    ExpectEqual(*plan, expected);
    EXPECT_FALSE(beside.Take()) << "taken once";
  }
}

TEST(PlanRunner, ANewPlanTakesThePlaceOfOneThatIsBeingMade) {
  const PlanRequest small = Request(1, 5000);
  PlanRunner runner(false);
  const auto begin = Clock::now();
  runner.Start(Request(200, 2'000'000)); // a minute and more
  runner.Start(small);
  std::optional<PlanResult> plan = Await(runner);
  ASSERT_TRUE(plan);
  ExpectEqual(*plan, MakePlan(small));
  runner.Start(Request(200, 2'000'000));
  std::this_thread::sleep_for(std::chrono::milliseconds(20)); // and it may end in the middle of one
  EXPECT_LT(Seconds(Clock::now() - begin), 60);
}

/// Time of the whole process, in which nothing else goes on.
TEST(PlanRunner, WorksAQuarterOfTheTime) {
  auto processor = [] {
    timespec time = {};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  PlanRunner runner(false);
  const PlanRequest request = Request(12, 5000);
  const double worked = processor();
  const auto begin = Clock::now();
  runner.Start(request);
  ASSERT_TRUE(Await(runner));
  EXPECT_LE(processor() - worked, 0.3 * Seconds(Clock::now() - begin) + 0.01);
}

} // namespace
} // namespace janus
