// Traffic that changes: who is scheduled by what, and what may be copied when.
#include "runtime/planner/Serve.h"
#include "runtime/planner/Selection.h"
#include "test/unit/planner/Support.h"

#include "gtest/gtest.h"

namespace janus::planner {
namespace {

constexpr int64_t kExpertBytes = 100;

ServeOptions Options(const std::string &rebalance) {
  ServeOptions options;
  options.layers = {0, 1};
  options.batch = 6;
  options.rebalance = *ParseRebalance(rebalance);
  options.expert_bytes = {kExpertBytes, kExpertBytes};
  options.fit_steps = 300;
  options.work = 100000;
  return options;
}

/// Right for "low": its experts lie apart; those of "high" crowd two of the instances.
Placement ForLow() {
  const LayerSlots slots = {{0, 1, 6, 7}, {2, 3, 8, 0}, {4, 9, 10, 1}, {5, 11, 2, 3}};
  const LayerSlots crowded = {{0, 6, 7, 8}, {1, 9, 10, 11}, {2, 3, 0, 1}, {4, 5, 2, 3}};
  return *Placement::Make({{kExperts, kExperts}, 4, 4}, {slots, crowded});
}

absl::StatusOr<ServeResult> ServeLowThenHigh(const ServeOptions &options, int64_t before, int64_t after) {
  std::unique_ptr<trace::Trace> trace = TwoDomains(20);
  const std::vector<trace::TraceSequence> all = *trace->Sequences();
  const Phase phases[] = {{"low", *Select(all, {{"low"}}), before}, {"high", *Select(all, {{"high"}}), after}};
  return Serve(*trace, ForLow(), phases, options, {});
}

TEST(Serve, StaysWhereNothingMoves) {
  const absl::StatusOr<ServeResult> result = ServeLowThenHigh(Options("off"), 100, 100);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->steps.size(), 200u);
  for (const ServedStep &step : result->steps) {
    EXPECT_EQ(step.stays, step.moves);
    EXPECT_GE(step.stays, step.limit - 1e-12);
    EXPECT_GE(step.fitted, step.limit - 1e-12);
    EXPECT_EQ(step.bytes, 0);
    EXPECT_EQ(step.epoch, 0u);
  }
  double stays = 0;
  for (const ServedStep &step : result->steps)
    stays += step.stays / 200;
  EXPECT_NEAR(stays, MeanOf(result->stays).a_max, 1e-9);
  for (size_t l = 0; l < 2; ++l)
    EXPECT_EQ(result->last[l], ForLow().layer(static_cast<int64_t>(l)));
}

TEST(Serve, MovesWithinTheBudgetAndOnlyWhatIsComplete) {
  ServeOptions options = Options("auto,budget=60");
  options.plan_steps = 5;
  const absl::StatusOr<ServeResult> result = ServeLowThenHigh(options, 150, 500);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->stats.moves, 0);
  EXPECT_EQ(result->stats.bytes, result->stats.moves * kExpertBytes);
  int64_t copied = 0;
  for (size_t s = 0; s < result->steps.size(); ++s) {
    const ServedStep &step = result->steps[s];
    EXPECT_LE(step.bytes, 60);
    if (s > 0 && step.epoch != result->steps[s - 1].epoch) {
      EXPECT_EQ(step.epoch, result->steps[s - 1].epoch + 1);
      EXPECT_GE(copied, step.epoch * kExpertBytes) << "an epoch before its experts are there";
    }
    if (copied == 0) {
      EXPECT_EQ(step.stays, step.moves);
    }
    copied += step.bytes;
  }
  EXPECT_EQ(copied, result->stats.bytes);
  double moves = 0, fitted = 0, stays = 0;
  for (size_t s = 450; s < 650; ++s) {
    moves += result->steps[s].moves;
    fitted += result->steps[s].fitted;
    stays += result->steps[s].stays;
  }
  EXPECT_LT(moves, 1.03 * fitted);
  EXPECT_LT(moves, 0.9 * stays);
}

TEST(Serve, TheSameAgain) {
  ServeOptions options = Options("auto");
  const ServeResult first = *ServeLowThenHigh(options, 100, 300);
  options.threads = 3;
  const ServeResult second = *ServeLowThenHigh(options, 100, 300);
  EXPECT_EQ(first.last, second.last);
  EXPECT_EQ(first.stats.moves, second.stats.moves);
  for (size_t s = 0; s < first.steps.size(); ++s) {
    EXPECT_EQ(first.steps[s].moves, second.steps[s].moves);
    EXPECT_EQ(first.steps[s].fitted, second.steps[s].fitted);
  }
}

} // namespace
} // namespace janus::planner
