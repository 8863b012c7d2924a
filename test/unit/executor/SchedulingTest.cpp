// Schedules of one process are computed once, and those of the memo are the ones an instance would have computed
// itself.
#include "runtime/executor/Scheduling.h"
#include "test/unit/base/CountAllocations.h"
#include "test/unit/executor/Deployment.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <random>

namespace janus::executor {
namespace {

using testing::HasSubstr;

struct Deed {
  absl::Status status;
  std::vector<int32_t> slots;
  std::vector<uint16_t> missing;
  int64_t a_max = 0, distinct = 0;
};

Deed Do(Scheduler &scheduler, const Placement &placement, int64_t layer, const std::vector<int32_t> &ids) {
  Deed deed;
  deed.status = scheduler.Run(layer, ids.data(), static_cast<int64_t>(ids.size()));
  deed.slots.assign(scheduler.slot_of_expert(), scheduler.slot_of_expert() + placement.shape().experts[layer]);
  deed.missing.assign(scheduler.missing().begin(), scheduler.missing().end());
  deed.a_max = scheduler.a_max();
  deed.distinct = scheduler.distinct();
  return deed;
}

/// Instances with placements of their own, some equal, in any order over the same and other steps, against one that
/// computes everything itself.
TEST(ScheduleMemo, GivesWhatAnInstanceWouldCompute) {
  std::mt19937_64 random(3);
  const PlacementShape shape = {{12, 7, 20}, 4, 6};
  std::vector<Placement> placements;
  for (uint64_t seed : {1, 1, 2})
    placements.push_back(*Placement::Random(shape, seed));
  placements.push_back(*placements[0].With({}, 1, {2})); // an instance dead
  ScheduleMemo memo;
  std::vector<Scheduler> sharing(placements.size()), alone(placements.size());
  for (size_t i = 0; i < placements.size(); ++i) {
    for (Scheduler *scheduler : {&sharing[i], &alone[i]}) {
      scheduler->Bind(placements[i]);
      scheduler->Reserve(64);
    }
    sharing[i].Share(memo);
  }
  int reused = 0;
  std::vector<int32_t> ids;
  for (int step = 0; step < 3000; ++step) {
    const auto layer = static_cast<int64_t>(random() % 3);
    if (random() % 3 == 0) {
      ids.assign(random() % 64, 0);
      for (int32_t &id : ids)
        id = static_cast<int32_t>(random() % 7);
    } else if (!ids.empty() && random() % 4 == 0) {
      ids[random() % ids.size()] = static_cast<int32_t>(random() % 7);
    }
    const size_t i = random() % placements.size();
    const Deed expected = Do(alone[i], placements[i], layer, ids), found = Do(sharing[i], placements[i], layer, ids);
    ASSERT_EQ(found.status, expected.status) << "step " << step;
    ASSERT_EQ(found.slots, expected.slots) << "step " << step;
    ASSERT_EQ(found.missing, expected.missing) << "step " << step;
    ASSERT_EQ(found.a_max, expected.a_max) << "step " << step;
    ASSERT_EQ(found.distinct, expected.distinct) << "step " << step;
    ASSERT_TRUE(alone[i].computed());
    reused += !sharing[i].computed();
  }
  EXPECT_GT(reused, 100);
}

TEST(Scheduler, NothingIsAllocatedInAStep) {
  const PlacementShape shape = {{40, 40}, 4, 15};
  const Placement placement = *Placement::Random(shape, 1);
  ScheduleMemo memo;
  Scheduler schedulers[2];
  for (Scheduler &scheduler : schedulers) {
    scheduler.Bind(placement);
    scheduler.Reserve(400);
    scheduler.Share(memo);
  }
  std::vector<int32_t> ids(400);
  const std::vector<uint8_t> live = {1, 1, 0, 1};
  const int64_t before = CountAllocations();
  for (int step = 0; step < 50; ++step) {
    for (size_t i = 0; i < ids.size(); ++i)
      ids[i] = static_cast<int32_t>((i * 7 + step) % (step % 40 + 1));
    for (Scheduler &scheduler : schedulers)
      (void)scheduler.Run(step % 2, ids.data(), step * 8);
  }
  for (Scheduler &scheduler : schedulers)
    scheduler.SetLive(placement, live);
  EXPECT_EQ(CountAllocations(), before);
}

/// Who has no live replica is named: one, several, and not a thousand.
TEST(Scheduler, MissingExperts) {
  const PlacementShape shape = {{24}, 2, 12};
  const Placement placement = *Placement::Even(shape); // 0 to 11 on instance 0, 12 to 23 on 1
  Scheduler scheduler;
  scheduler.Bind(placement);
  scheduler.Reserve(24);
  const std::vector<uint8_t> live = {1, 0};
  scheduler.SetLive(placement, live);
  std::vector<int32_t> ids = {3, 15, 4};
  EXPECT_THAT(std::string(Do(scheduler, placement, 0, ids).status.message()), HasSubstr("expert 15 is activated"));
  ids = {3, 20, 15};
  const Deed two = Do(scheduler, placement, 0, ids);
  EXPECT_THAT(std::string(two.status.message()), HasSubstr("experts 15, 20 are activated"));
  EXPECT_EQ(two.missing, (std::vector<uint16_t>{15, 20}));
  EXPECT_EQ(two.slots[3], 3);
  EXPECT_LT(two.slots[15], 0);
  ids = {23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12};
  EXPECT_THAT(std::string(Do(scheduler, placement, 0, ids).status.message()), HasSubstr("19, ... are activated"));
  ids = {3, 24};
  EXPECT_THAT(std::string(Do(scheduler, placement, 0, ids).status.message()), HasSubstr("found expert 24"));
  ids = {-1};
  EXPECT_EQ(Do(scheduler, placement, 0, ids).status.code(), absl::StatusCode::kDataLoss);
  ids.assign(25, 0);
  EXPECT_EQ(Do(scheduler, placement, 0, ids).status.code(), absl::StatusCode::kInternal);
}

/// All instances that schedule a layer of a step do it, and one of them computes.
TEST(Scheduler, OnceInAProcess) {
  for (GateSide side : {GateSide::kExpert, GateSide::kAttention})
    for (int scheme : {0, 1, 2}) {
      hand::Options options;
      options.m = 3, options.n = 5, options.nodes = 2, options.scheme = scheme, options.side = side;
      options.replicas = true;
      hand::Deployment deployment(options);
      int64_t recorded = 0;
      deployment.recorder = [&](const LayerRouting &) { ++recorded; };
      ASSERT_TRUE(deployment.Create([](Address) { return true; }).ok());
      ASSERT_TRUE(deployment.Play(hand::TestSequences()).ok());
      int64_t schedules = 0, reused = 0;
      for (const auto &instance : deployment.executor.instances())
        for (const LayerStats &layer : instance->stats().layers)
          schedules += layer.schedules, reused += layer.schedules_reused;
      EXPECT_EQ(schedules - reused, recorded) << options.str();
      EXPECT_GT(reused, recorded) << options.str();
      if (side == GateSide::kExpert) {
        EXPECT_EQ(schedules, options.n * recorded);
      }
    }
}

} // namespace
} // namespace janus::executor
