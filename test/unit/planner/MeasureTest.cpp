// What is measured, worked out by hand.
#include "runtime/planner/Measure.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace janus::planner {
namespace {

using testing::ElementsAre;

ActivationWindow Steps(int64_t experts, const std::vector<std::vector<int64_t>> &steps) {
  ActivationWindow window(experts, std::ssize(steps));
  for (const std::vector<int64_t> &step : steps) {
    window.Begin();
    for (int64_t e : step)
      window.Activate(e);
  }
  return window;
}

/// Expert 0 lies on both instances and goes where less is to do.
TEST(Measure, OneLayer) {
  const LayerSlots slots = {{0, 1, 2, 3}, {0, 4, -1, -1}};
  const Measure measure = MeasureLayer(slots, {}, Steps(5, {{0, 1, 2}, {1, 2, 3, 4}, {4}, {0, 4}}));
  EXPECT_EQ(measure.steps, 4);
  EXPECT_DOUBLE_EQ(measure.a_max, (2 + 3 + 1 + 1) / 4.0);
  EXPECT_DOUBLE_EQ(measure.limit, (2 + 2 + 1 + 1) / 4.0);
  EXPECT_DOUBLE_EQ(measure.active, (3 + 4 + 1 + 2) / 4.0);
  EXPECT_THAT(measure.load, ElementsAre((2 + 3 + 0 + 1) / 4.0, (1 + 1 + 1 + 1) / 4.0));
  EXPECT_THAT(measure.ranked, ElementsAre((2 + 3 + 1 + 1) / 4.0, (1 + 1 + 0 + 1) / 4.0));
  EXPECT_EQ(measure.worst, 3);
  EXPECT_DOUBLE_EQ(measure.ratio(), 7 / 6.0);
}

TEST(Measure, TheLimitIsThatOfTheLivingAndP99LeavesOneInAHundred) {
  std::vector<std::vector<int64_t>> steps(200, std::vector<int64_t>{0});
  steps[17] = steps[18] = {0, 1, 2, 3};
  const Measure measure = MeasureLayer({{0, 1, 2, 3}, {0, 1, 2, 3}}, std::vector<int32_t>{1}, Steps(4, steps));
  EXPECT_DOUBLE_EQ(measure.limit, (198 + 2 * 4) / 200.0);
  EXPECT_DOUBLE_EQ(measure.a_max, measure.limit);
  EXPECT_EQ(measure.worst, 4);
  EXPECT_EQ(measure.p99, 1);
  EXPECT_EQ(MeasureLayer({{0}}, {}, ActivationWindow(1)).steps, 0);
}

/// The ratio of means, not the mean of ratios.
TEST(Measure, MeanOfLayers) {
  Measure first = MeasureLayer({{0, 1}, {2, 3}}, {}, Steps(4, {{0, 1}, {0, 1}})),
          second = MeasureLayer({{0, 1}, {2, 3}}, {}, Steps(4, {{0, 1, 2, 3}, {0, 1, 2, 3}}));
  const Measure mean = MeanOf({first, second});
  EXPECT_DOUBLE_EQ(mean.a_max, 2);
  EXPECT_DOUBLE_EQ(mean.limit, 1.5);
  EXPECT_DOUBLE_EQ(mean.ratio(), 2 / 1.5);
  EXPECT_THAT(mean.load, ElementsAre(2, 1));
  EXPECT_EQ(MeanOf({}).steps, 0);
}

/// 0 and 1 meet in two steps, 2 and 3 in one: of both pairs together, what shares an instance.
TEST(Measure, SharedActivity) {
  const ActivationStatistics statistics = Count(Steps(4, {{0, 1}, {0, 1}, {2, 3}}));
  EXPECT_DOUBLE_EQ(SharedActivity({{0, 1}, {2, 3}}, statistics), 1);
  EXPECT_DOUBLE_EQ(SharedActivity({{0, 2}, {1, 3}}, statistics), 0);
  EXPECT_DOUBLE_EQ(SharedActivity({{0, 1, 2}, {3, -1}}, statistics), 2 / 3.0);
  EXPECT_DOUBLE_EQ(SharedActivity({{}, {}}, statistics), 0);
}

} // namespace
} // namespace janus::planner
