// Even and random placements, replica tables, and placements that are refused.
#include "test/unit/placement/Support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <set>

namespace janus {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::vector<PlacementShape> Shapes() {
  std::vector<PlacementShape> shapes;
  for (int64_t experts : {1, 4, 5, 16, 32, 33})
    for (int64_t instances : {1, 2, 3, 7, 16})
      for (int64_t spare : {0, 1, 3, 40}) {
        const int64_t fewest = (experts + instances - 1) / instances;
        shapes.push_back({{experts, experts}, instances, fewest + spare});
      }
  shapes.push_back({{8, 0, 3}, 2, 4}); // layers of different sizes, one without experts
  return shapes;
}

std::string Name(const PlacementShape &shape) {
  return "E " + std::to_string(shape.experts[0]) + ", n " + std::to_string(shape.instances) + ", C " +
         std::to_string(shape.slots);
}

/// What every placement promises, seen in the slots and in the replica table alike.
void ExpectSound(const Placement &placement) {
  const PlacementShape &shape = placement.shape();
  for (int64_t l = 0; l < placement.layers(); ++l) {
    const LayerSlots slots = SlotsOf(placement, l);
    std::vector<std::set<int32_t>> hosts(shape.experts[l]);
    for (int64_t g = 0; g < shape.instances; ++g) {
      EXPECT_LE(static_cast<int64_t>(slots[g].size()), shape.slots);
      for (int32_t e : slots[g]) {
        ASSERT_TRUE(e < shape.experts[l]);
        EXPECT_TRUE(hosts[e].insert(g).second) << Name(shape) << ": expert " << e << " twice on " << g;
      }
    }
    const scheduler::ReplicaList table = placement.replicas(l);
    ASSERT_EQ(table.experts, shape.experts[l]);
    ASSERT_EQ(table.instances, shape.instances);
    for (int32_t e = 0; e < table.experts; ++e) {
      EXPECT_FALSE(hosts[e].empty()) << Name(shape) << ": expert " << e << " is nowhere";
      const std::vector<int32_t> listed(table.instance + table.begin[e], table.instance + table.begin[e + 1]);
      EXPECT_EQ(listed, std::vector<int32_t>(hosts[e].begin(), hosts[e].end())) << "ascending by instance";
      for (int32_t r = table.begin[e]; r < table.begin[e + 1]; ++r)
        EXPECT_EQ(placement.expert(l, table.instance[r], table.slot[r] - table.instance[r] * shape.slots), e);
    }
  }
}

/// No slot that could hold a replica stays empty, and experts have about as many replicas: they are dealt in turn, and
/// only the last slots may be left for few of them.
void ExpectFull(const Placement &placement) {
  const PlacementShape &shape = placement.shape();
  for (int64_t l = 0; l < placement.layers(); ++l) {
    const std::vector<int> replicas = ReplicasOf(placement, l);
    int64_t total = 0;
    for (int count : replicas)
      total += count;
    const int64_t wanted = std::min(shape.instances * shape.slots, shape.instances * shape.experts[l]);
    EXPECT_EQ(total, wanted) << Name(shape);
    const auto [fewest, most] = std::minmax_element(replicas.begin(), replicas.end());
    EXPECT_TRUE(replicas.empty() || *most - *fewest <= 2) << Name(shape);
  }
}

TEST(Placement, EvenIsSoundAndFull) {
  for (const PlacementShape &shape : Shapes()) {
    const absl::StatusOr<Placement> placement = Placement::Even(shape);
    ASSERT_TRUE(placement.ok()) << placement.status();
    ExpectSound(*placement);
    ExpectFull(*placement);
    const LayerSlots slots = SlotsOf(*placement, 0);
    for (int64_t e = 0; e < shape.experts[0]; ++e) {
      const std::vector<int32_t> &block = slots[e * shape.instances / shape.experts[0]];
      EXPECT_NE(std::find(block.begin(), block.end(), e), block.end()) << Name(shape) << ", expert " << e;
    }
  }
}

TEST(Placement, EvenByHand) {
  EXPECT_EQ(SlotsOf(*Placement::Even({{5}, 2, 3}), 0), (LayerSlots{{0, 1, 2}, {3, 4, 0}}));
  EXPECT_EQ(SlotsOf(*Placement::Even({{4}, 2, 3}), 0), (LayerSlots{{0, 1, 2}, {2, 3, 0}}));
}

TEST(Placement, RandomIsSoundAndItsSeedsDiffer) {
  for (const PlacementShape &shape : Shapes()) {
    std::set<std::string> different;
    for (uint64_t seed : {0, 1, 2, 3}) {
      const absl::StatusOr<Placement> placement = Placement::Random(shape, seed);
      ASSERT_TRUE(placement.ok()) << placement.status();
      ExpectSound(*placement);
      ExpectFull(*placement);
      EXPECT_EQ(Placement::Random(shape, seed)->ToJson(), placement->ToJson()) << "the same seed";
      different.insert(placement->ToJson());
    }
    if (shape.experts[0] >= 16 && shape.instances > 1 && shape.slots < shape.experts[0]) {
      EXPECT_EQ(different.size(), 4u) << Name(shape);
    }
  }
  const Placement two = *Placement::Random({{16, 16}, 4, 4}, 5);
  EXPECT_NE(SlotsOf(two, 0), SlotsOf(two, 1)) << "each layer is shuffled by itself";
}

TEST(Placement, TooFewSlots) {
  for (const absl::StatusOr<Placement> &placement :
       {Placement::Even({{4, 9}, 2, 4}), Placement::Random({{4, 9}, 2, 4}, 1),
        Placement::Make({{4, 9}, 2, 4}, {{{0, 1}, {2, 3}}, {{0, 1, 2, 3}, {4, 5, 6, 7}}})}) {
    EXPECT_EQ(placement.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(placement.status().message()),
                AllOf(HasSubstr("9 experts"), HasSubstr("4 slots"), HasSubstr("--slots 5")));
  }
  EXPECT_EQ(MinimumSlots({4, 9}, 2), 5);
  EXPECT_EQ(MinimumSlots({4, 9}, 3), 3);
  EXPECT_EQ(MinimumSlots({}, 3), 0);
  EXPECT_THAT(std::string(Placement::Even({{4}, 0, 4}).status().message()), HasSubstr("0 expert instances"));
}

/// Ids of experts and instances are 16 bits in the scheduler, slots 32.
TEST(Placement, LargerThanTheScheduler) {
  for (const PlacementShape &shape :
       {PlacementShape{{4, 65536}, 2, 65536}, PlacementShape{{4}, 65536, 1}, PlacementShape{{4}, 1024, 1 << 22}})
    EXPECT_THAT(std::string(shape.Check().message()), HasSubstr("at most 65535 on 65535"));
  EXPECT_TRUE((PlacementShape{{65535}, 2, 32768}).Check().ok());
}

TEST(Placement, Refusals) {
  const PlacementShape shape = {{4}, 2, 3};
  auto message = [&](LayerSlots slots) {
    const absl::Status status = Placement::Make(shape, {std::move(slots)}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("layer 0"));
    return std::string(status.message());
  };
  EXPECT_TRUE(Placement::Make(shape, {{{0, 1}, {2, -1, 3}}}).ok());
  EXPECT_THAT(message({{0, 1}, {2}}), HasSubstr("expert 3 is on no instance"));
  EXPECT_THAT(message({{0, 1, 0}, {2, 3}}), AllOf(HasSubstr("instance 0"), HasSubstr("expert 0 twice")));
  EXPECT_THAT(message({{0, 1}, {3, 2, 3}}), AllOf(HasSubstr("instance 1"), HasSubstr("expert 3 twice")));
  EXPECT_THAT(message({{0, 1, 2, 3}, {}}), AllOf(HasSubstr("instance 0 holds 4"), HasSubstr("at most 3")));
  EXPECT_THAT(message({{0, 1, -1, -1}, {2, 3}}), HasSubstr("instance 0 holds 4"));
  EXPECT_THAT(message({{0, 1}, {2, 4, 3}}), AllOf(HasSubstr("expert 4"), HasSubstr("0 to 3")));
  EXPECT_THAT(message({{0, 1}, {2, -2, 3}}), HasSubstr("expert -2"));
  EXPECT_THAT(message({{0, 1, 2, 3}}), AllOf(HasSubstr("1 instances"), HasSubstr("expected 2")));
  EXPECT_THAT(message({{0, 1}, {2}, {3}}), HasSubstr("3 instances"));
  for (size_t layers : {0, 2}) {
    const absl::Status status =
        Placement::Make(shape, std::vector<LayerSlots>(layers, LayerSlots{{0, 1}, {2, 3}})).status();
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(std::to_string(layers) + " layers"), HasSubstr("expected 1")));
  }
}

} // namespace
} // namespace janus
