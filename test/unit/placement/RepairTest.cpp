// A placement without some of its instances holds every expert, or says that it cannot; what need not move does not.
#include "runtime/placement/Repair.h"
#include "test/unit/placement/Support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <random>
#include <set>

namespace janus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Placement Of(std::vector<int64_t> experts, int64_t slots, std::vector<LayerSlots> layers) {
  PlacementShape shape;
  shape.instances = static_cast<int64_t>(layers[0].size());
  shape.experts = std::move(experts);
  shape.slots = slots;
  return *Placement::Make(shape, std::move(layers), 7);
}

TEST(Repair, ReplicasElsewhereAreEnough) {
  const Placement present = Of({3}, 2, {{{0, 1}, {1, 2}, {2, 0}}});
  const Placement next = *Repair(present, {1}, 8);
  EXPECT_EQ(next.layer(0), present.layer(0)) << "its slots are kept for its return";
  EXPECT_EQ(next.epoch(), 8u);
  EXPECT_THAT(next.dead(), ElementsAre(1));
}

TEST(Repair, FreeSlotsFirstOfWhoHasMost) {
  const Placement next = *Repair(Of({4}, 3, {{{0, 1}, {2}, {3}}}), {2}, 8);
  EXPECT_THAT(next.layer(0)[0], ElementsAre(0, 1, -1));
  EXPECT_THAT(next.layer(0)[1], ElementsAre(2, 3, -1));
}

TEST(Repair, ThenInPlaceOfTheMostRedundant) {
  // 5 and 6 are lost. 0 has three live replicas, 1 two: 0's first go, each time where least was given.
  const Placement next = *Repair(Of({7}, 3, {{{0, 1, 2}, {0, 1, 3}, {0, 4, 2}, {5, 6, 0}}}), {3}, 8);
  EXPECT_THAT(next.layer(0)[0], ElementsAre(5, 1, 2));
  EXPECT_THAT(next.layer(0)[1], ElementsAre(6, 1, 3))
      << "0 has two replicas as 1 and 2 have; instance 1 was given none";
  EXPECT_THAT(next.layer(0)[2], ElementsAre(0, 4, 2));
}

TEST(Repair, LayersApart) {
  const Placement present = Of({2, 0, 2}, 2, {{{0}, {1}}, {{}, {}}, {{1, 0}, {0, 1}}});
  const Placement next = *Repair(present, {1}, 9);
  EXPECT_THAT(next.layer(0)[0], ElementsAre(0, 1));
  EXPECT_EQ(next.layer(2), present.layer(2));
}

TEST(Repair, SaysWhatHasNoRoom) {
  const absl::Status status = Repair(Of({6}, 2, {{{0, 1}, {2, 3}, {4, 5}}}), {0, 2}, 8).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(status.message(),
            "layer 0: found 1 expert instances with 2 slots, expected room for 6 experts; 4 have none");
}

TEST(Repair, AnyPlacementAnyLoss) {
  std::mt19937_64 random(1);
  int repaired = 0;
  for (int run = 0; run < 2000; ++run) {
    PlacementShape shape;
    shape.instances = 2 + static_cast<int64_t>(random() % 6);
    for (int64_t layer = 0; layer < 3; ++layer)
      shape.experts.push_back(1 + static_cast<int64_t>(random() % 12));
    shape.slots = MinimumSlots(shape.experts, shape.instances) + static_cast<int64_t>(random() % 4);
    const Placement present = *Placement::Random(shape, run);
    std::vector<int32_t> lost;
    for (int32_t g = 0; g < shape.instances; ++g)
      if (random() % 3 == 0)
        lost.push_back(g);
    const int64_t live = shape.instances - static_cast<int64_t>(lost.size());
    const bool fits = *std::max_element(shape.experts.begin(), shape.experts.end()) <= live * shape.slots;
    const absl::StatusOr<Placement> next = Repair(present, lost, 1);
    ASSERT_EQ(next.ok(), fits) << next.status();
    if (!fits)
      continue;
    ++repaired;
    for (int64_t layer = 0; layer < next->layers(); ++layer) {
      std::set<int32_t> before, after; // on live instances
      int64_t moved = 0;
      for (int64_t g = 0; g < shape.instances; ++g)
        for (int64_t slot = 0; slot < shape.slots; ++slot) {
          const int32_t was = present.expert(layer, g, slot), is = next->expert(layer, g, slot);
          if (std::find(lost.begin(), lost.end(), g) != lost.end()) {
            ASSERT_EQ(was, is);
            continue;
          }
          before.insert(was), after.insert(is);
          moved += was != is;
        }
      before.erase(-1), after.erase(-1);
      ASSERT_EQ(static_cast<int64_t>(after.size()), shape.experts[layer]);
      ASSERT_EQ(moved, shape.experts[layer] - static_cast<int64_t>(before.size())) << "only what is missing moves";
    }
  }
  EXPECT_GT(repaired, 500);
}

} // namespace
} // namespace janus
