// EPLB against the worked example of its README (github.com/deepseek-ai/EPLB), and what it does without groups.
#include "runtime/placement/Policies.h"
#include "test/unit/placement/PlannerSupport.h"

#include "gtest/gtest.h"

namespace janus {
namespace {

/// Two layers of 12 experts in 4 groups, 16 replicas on 2 nodes of 4 instances each.
TEST(Eplb, TheExampleOfItsReadme) {
  const std::vector<double> first = {90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86},
                            second = {20, 107, 104, 64, 19, 197, 187, 157, 172, 86, 16, 27};
  EXPECT_EQ(Eplb(first, 8, 2, 4, 2), (LayerSlots{{5, 6}, {5, 7}, {8, 4}, {3, 4}, {10, 9}, {10, 2}, {0, 1}, {11, 1}}));
  EXPECT_EQ(Eplb(second, 8, 2, 4, 2), (LayerSlots{{7, 10}, {6, 8}, {6, 11}, {8, 9}, {2, 4}, {5, 1}, {5, 0}, {3, 1}}));
}

/// Global: spare replicas go to 0 (60) and then 1 (40 against 30 a replica). Heaviest first, to the lightest of 2
/// instances that is not full: 0 (30) | 2 (30), 0 (30) |, | 1 (20), | 1 (20), 3 (10) |.
TEST(Eplb, WithoutGroups) {
  EXPECT_EQ(Eplb(std::vector<double>{60, 40, 30, 10}, 2, 3, 1, 1), (LayerSlots{{0, 0, 3}, {2, 1, 1}}));
  // Groups that nodes do not divide are not kept together.
  EXPECT_EQ(Eplb(std::vector<double>{60, 40, 30, 10}, 2, 3, 1, 2), (LayerSlots{{0, 0, 3}, {2, 1, 1}}));
}

/// With one slot each, replica i is on instance i.
TEST(Eplb, OneSlotEach) {
  EXPECT_EQ(Eplb(std::vector<double>{10, 40, 20}, 4, 1, 1, 1), (LayerSlots{{0}, {1}, {2}, {1}}));
}

/// The second replica of 0 on an instance serves nothing more: as a plan, another expert takes its slot.
TEST(Eplb, ReplicasTwiceOnAnInstance) {
  ActivationWindow window(4);
  LayerProblem problem = ProblemOf(window, {3, 3});
  problem.tokens = {60, 40, 30, 10};
  EXPECT_EQ(Plan(problem, PlacementPolicy::kEplb).slots, (LayerSlots{{0, 1, 3}, {0, 1, 2}}));
}

} // namespace
} // namespace janus
