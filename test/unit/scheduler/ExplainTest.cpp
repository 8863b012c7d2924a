// Each reason, on tables where it is known.
#include "runtime/scheduler/Explain.h"
#include "runtime/scheduler/SerialScheduler.h"

#include "gtest/gtest.h"

#include <map>

namespace janus::scheduler {
namespace {

TEST(Explain, EachReason) {
  // The counter-example of greedy: e0 on {0, 1}, e1 on {2, 3}, e2 on {0, 2}; e3 on {3} alone; e4 on {0, 1, 3} is idle.
  const std::vector<int32_t> begin = {0, 2, 4, 6, 7, 10}, instance = {0, 1, 2, 3, 0, 2, 3, 0, 1, 3};
  std::vector<int32_t> slot(instance.size());
  for (size_t r = 0; r < slot.size(); ++r)
    slot[r] = 10 * instance[r] + static_cast<int32_t>(r);
  ReplicaTable table;
  table.Set({5, 4, begin.data(), instance.data(), slot.data()});
  SerialScheduler scheduler;
  scheduler.Reserve(5, 4);
  const std::vector<uint16_t> ids = {0, 1, 2, 3};
  EXPECT_EQ(scheduler.Run(table.view(), {ids.data(), 4, 1}).a_max, 1);
  std::map<int32_t, Explanation> all;
  for (const Explanation &of : Explain(table.view(), {scheduler.lookup(), 5})) {
    all[of.expert] = of;
    EXPECT_EQ(of.slot, scheduler.lookup()[of.expert]);
    EXPECT_EQ(of.instance, of.slot / 10);
  }
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[3].why, "only replica");
  EXPECT_EQ(all[1].why, "least loaded of 2 (0), 3 (1)");
  EXPECT_EQ(all[0].instance, 1);
  EXPECT_EQ(all[0].why, "moved by repair from 0, least loaded of 0 (0), 1 (0)");
  EXPECT_EQ(all[2].why, "least loaded of 0 (1), 2 (1)");
}

TEST(Explain, NothingActivatedAndNoReplica) {
  const std::vector<int32_t> begin = {0, 1, 2}, instance = {-1, 0}, slot = {0, 1};
  ReplicaTable table;
  table.Set({2, 1, begin.data(), instance.data(), slot.data()});
  EXPECT_TRUE(Explain(table.view(), std::vector<int32_t>{kIdle, kIdle}).empty());
  const std::vector<Explanation> all = Explain(table.view(), std::vector<int32_t>{kNoReplica, 1});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].expert, 1);
}

} // namespace
} // namespace janus::scheduler
