// Policies beside each other: sizes, what is left out, and that neither threads nor neighbours change a number.
#include "runtime/planner/Compare.h"
#include "runtime/planner/Selection.h"
#include "test/unit/planner/Support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <set>

namespace janus::planner {
namespace {

CompareOptions Options() {
  CompareOptions options;
  options.instances.slots = {4, 4, 4, 4};
  options.policies.assign(Policies().begin(), Policies().end());
  options.batches = {4, 8};
  options.fit_steps = 200;
  options.test_steps = 50;
  options.seeds = 2;
  options.work = 100000;
  options.layers = {0, 1};
  return options;
}

std::vector<Split> Splits(trace::Trace &trace) {
  const std::vector<trace::TraceSequence> all = *trace.Sequences();
  const auto low = *Select(all, {{"low"}}), high = *Select(all, {{"high"}});
  return {{"low", "high", low, high}, {"high", "low", high, low}};
}

TEST(Compare, CellsAndPolicies) {
  std::unique_ptr<trace::Trace> trace = TwoDomains(10);
  const std::vector<Split> splits = Splits(*trace);
  const CompareOptions options = Options();
  const absl::StatusOr<std::vector<CellResult>> cells = Compare(*trace, splits, options, {});
  ASSERT_TRUE(cells.ok()) << cells.status();
  ASSERT_EQ(cells->size(), 4u);
  for (size_t c = 0; c < cells->size(); ++c) {
    const CellResult &cell = (*cells)[c];
    EXPECT_EQ(cell.split, c / 2);
    EXPECT_EQ(cell.batch, options.batches[c % 2]);
    ASSERT_EQ(cell.policies.size(), options.policies.size());
    EXPECT_EQ(cell.policies[0].difference, 0);
    EXPECT_EQ(cell.policies[0].interval, 0);
    for (const PolicyResult &policy : cell.policies) {
      ASSERT_EQ(policy.layers.size(), 2u);
      EXPECT_EQ(policy.mean.steps, 50 * 2 * 2);
      EXPECT_GE(policy.mean.a_max, policy.mean.limit);
      EXPECT_DOUBLE_EQ(policy.mean.limit, cell.policies[0].mean.limit) << "the same steps for all";
      EXPECT_NEAR(policy.difference, policy.mean.a_max - cell.policies[0].mean.a_max, 1e-12);
      for (const LayerSlots &slots : policy.slots) {
        std::set<int32_t> held;
        for (const auto &instance : slots)
          held.insert(instance.begin(), instance.end());
        held.erase(-1);
        EXPECT_EQ(std::ssize(held), kExperts);
      }
    }
    // The test half of the experts alone is active.
    for (const ActivationWindow &steps : cell.steps)
      for (int64_t s = 0; s < steps.steps(); ++s)
        EXPECT_EQ(steps.step(s)[0] & (cell.split == 0 ? 0x3f : 0xfc0), 0u);
  }
}

TEST(Compare, NeitherThreadsNorNeighboursChangeANumber) {
  std::unique_ptr<trace::Trace> trace = TwoDomains(10);
  const std::vector<Split> splits = Splits(*trace);
  CompareOptions options = Options();
  const std::vector<CellResult> all = *Compare(*trace, splits, options, {});
  options.threads = 4;
  const std::vector<CellResult> threads = *Compare(*trace, splits, options, {});
  for (size_t c = 0; c < all.size(); ++c)
    for (size_t p = 0; p < options.policies.size(); ++p) {
      EXPECT_EQ(all[c].policies[p].mean.a_max, threads[c].policies[p].mean.a_max);
      EXPECT_EQ(all[c].policies[p].slots, threads[c].policies[p].slots);
    }
  options.batches = {8};
  options.layers = {1};
  options.policies.resize(1);
  const std::vector<CellResult> one = *Compare(*trace, splits, options, {});
  ASSERT_EQ(one.size(), 2u);
  EXPECT_EQ(one[0].policies[0].layers[0].a_max, all[1].policies[0].layers[1].a_max);
}

TEST(Compare, BatchesThatAPartCannotFill) {
  std::unique_ptr<trace::Trace> trace = TwoDomains(6);
  const std::vector<Split> splits = Splits(*trace);
  CompareOptions options = Options();
  options.policies.resize(1);
  EXPECT_EQ(Compare(*trace, splits, options, {})->size(), 2u) << "of 4 rows each";
  options.batches = {8};
  const absl::Status status = Compare(*trace, splits, options, {}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("a batch of 8"));
}

TEST(Fit, NamesAndSeeds) {
  for (const Policy &policy : Policies())
    EXPECT_STREQ(FindPolicy(policy.name)->name, policy.name);
  EXPECT_THAT(std::string(FindPolicy("best").status().message()),
              testing::HasSubstr("ours, paper, paper-greedy, eplb, contiguous, random"));
  std::set<uint64_t> seeds;
  for (uint64_t seed : {0, 1, 2})
    for (Use use : {Use::kFit, Use::kTest, Use::kServe})
      for (uint64_t number : {0, 1})
        seeds.insert(SeedFor(seed, use, number));
  EXPECT_EQ(seeds.size(), 18u);
}

} // namespace
} // namespace janus::planner
