// --rebalance in the engine: the same tokens, what it reports, and what it allocates.
#include "test/unit/base/CountAllocations.h"
#include "test/unit/engine/HandRuntime.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <set>

namespace janus::hand {
namespace {

using testing::HasSubstr;

RuntimeOptions Options(const std::string &rebalance) {
  RuntimeOptions options;
  options.attention = 2;
  options.experts = 3;
  options.slots = 3; // 50 % replicas
  options.max_batch = 4;
  options.step_rows = 16;
  options.rebalance = rebalance;
  return options;
}

/// Tokens of four requests.
std::vector<std::vector<int32_t>> Generate(HandRuntime &runtime) {
  std::vector<RequestId> ids;
  for (int32_t i = 0; i < 4; ++i)
    ids.push_back(runtime.Submit(Prompt({i, 5 * i + 1, 7}, 60)));
  std::vector<std::vector<int32_t>> tokens;
  for (RequestId id : ids) {
    RequestResult result;
    tokens.push_back(runtime.Finish(id, result));
    EXPECT_TRUE(result.status.ok()) << result.status;
  }
  return tokens;
}

TEST(Rebalance, TheSameTokens) {
  HandRuntime still(Options("off"));
  const std::vector<std::vector<int32_t>> expected = Generate(still);
  for (const char *rebalance : {"every=2,plan=random,budget=100000", "every=1,plan=random,from=artifact,budget=100000",
                                "every=2,price=0,window=4", "every=2,plan=random", "auto,price=0,plan=inline"})
    for (const char *transport : {"inproc", "strict:3"}) {
      RuntimeOptions options = Options(rebalance);
      options.transport = transport;
      HandRuntime runtime(options);
      EXPECT_EQ(Generate(runtime), expected) << rebalance << " " << transport;
      const RunReport report = runtime->report();
      if (absl::StrContains(rebalance, "budget")) {
        EXPECT_GT(report.rebalance.moves, 20) << rebalance << " " << transport;
        EXPECT_GT(report.rebalance.epochs, 5) << rebalance << " " << transport;
      }
      EXPECT_EQ(report.rebalance.failed, 0) << report.rebalance.last;
    }
}

TEST(Rebalance, ReportsWhatMoved) {
  HandRuntime runtime(Options("every=2,plan=random,budget=30000"));
  Generate(runtime);
  EXPECT_TRUE(runtime->Close().ok());
  const RunReport report = runtime->report();
  int64_t moves = 0, bytes = 0, epochs = 0;
  for (const LayerReport &layer : report.layers) {
    moves += layer.moves, bytes += layer.moved_bytes, epochs += layer.epochs;
    EXPECT_EQ(layer.slots, 9);
    EXPECT_EQ(layer.slots_used, 9);
    EXPECT_LE(layer.mean_a_max, static_cast<double>(layer.p99_a_max));
    EXPECT_LE(layer.p99_a_max, layer.worst_a_max);
    EXPECT_GE(layer.mean_a_max, layer.mean_limit);
    EXPECT_GE(layer.imbalance, 1);
    EXPECT_GT(layer.schedule_us, 0);
  }
  EXPECT_EQ(moves, report.rebalance.moves);
  EXPECT_EQ(bytes, report.rebalance.moved_bytes);
  EXPECT_GE(epochs, report.rebalance.epochs);
  // What the transport counted: the bytes that peers sent, and a head for each message; orders and answers.
  EXPECT_GT(report.rebalance.peer_pieces, 0);
  const auto pieces = static_cast<uint64_t>(report.rebalance.pieces), instances = uint64_t{2 + 3};
  const TrafficReport &weights = report.traffic.at("weights").at("intra");
  EXPECT_EQ(weights.messages, static_cast<uint64_t>(report.rebalance.peer_pieces));
  EXPECT_EQ(weights.bytes, static_cast<uint64_t>(report.rebalance.peer_bytes) + weights.messages * 28);
  EXPECT_EQ(report.traffic.at("load").at("control").messages, pieces);
  EXPECT_EQ(report.traffic.at("loaded").at("control").messages, pieces);
  EXPECT_EQ(report.traffic.at("epoch").at("control").messages, static_cast<uint64_t>(report.rebalance.announcements));
  EXPECT_EQ(report.traffic.at("ready").at("control").messages, report.rebalance.announced * instances);
  EXPECT_EQ(report.rebalance.ready, static_cast<int64_t>(report.rebalance.announced * instances));
  EXPECT_EQ(report.traffic.at("activity").at("control").messages, static_cast<uint64_t>(report.steps));
  EXPECT_NE(report.placement, HandRuntime(Options("off"))->report().placement);
}

/// Slots are the instance's own, planned and measured alike; without --rebalance they are the artifact's.
TEST(Rebalance, MemoryIsWhatWasPlanned) {
  for (const char *rebalance : {"off", "auto"}) {
    HandRuntime runtime(Options(rebalance));
    Generate(runtime);
    for (const InstanceReport &instance : runtime->instances()) {
      EXPECT_EQ(instance.slots, instance.planned_slots) << instance.name;
      EXPECT_EQ(instance.buffers, instance.planned_buffers) << instance.name;
      EXPECT_EQ(instance.weights, instance.planned_weights) << instance.name;
      EXPECT_EQ(instance.kv, instance.planned_kv) << instance.name;
    }
  }
}

TEST(Rebalance, APlanThatDoesNotPayIsNotApplied) {
  HandRuntime runtime(Options("every=10,price=1000000,plan=inline"));
  Generate(runtime);
  const RunReport report = runtime->report();
  EXPECT_GT(report.rebalance.plans, 2);
  EXPECT_EQ(report.rebalance.applied, 0);
  EXPECT_EQ(report.rebalance.moves, 0);
  EXPECT_GT(report.rebalance.layers_not_moved, 0);
  EXPECT_THAT(report.rebalance.last, HasSubstr("not applied"));
  EXPECT_FALSE(report.traffic.contains("weights"));
}

TEST(Rebalance, WrongOptions) {
  HandRuntime runtime;
  RuntimeOptions options = Options("often");
  EXPECT_THAT(std::string(runtime.Create(options).status().message()),
              AllOf(HasSubstr("--rebalance: found 'often'"), HasSubstr("every=N")));
}

/// Watching allocates nothing in a steady step; moving allocates, and stops doing so.
TEST(Rebalance, SteadyStepsAllocateNothing) {
  HandRuntime runtime(Options("every=30,price=1000000,plan=inline"));
  std::vector<RequestId> ids;
  for (int32_t i = 0; i < 4; ++i)
    ids.push_back(runtime.Submit(Prompt({i, i + 1}, 80)));
  auto steps = [&](int count) {
    const int64_t before = CountAllocations();
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(*runtime->Step());
      for (RequestId id : ids)
        for (TokenEvent event; runtime->Next(id, event);)
          continue;
    }
    return CountAllocations() - before;
  };
  EXPECT_GT(steps(32), 0) << "the first plan is made";
  EXPECT_EQ(steps(25), 0);
}

TEST(Explain, OneStepsSchedule) {
  RuntimeOptions options = Options("off");
  options.explain_step = 3;
  HandRuntime runtime(options);
  EXPECT_TRUE(runtime->report().explained.empty());
  Generate(runtime);
  const RunReport report = runtime->report();
  ASSERT_EQ(report.explained.size(), static_cast<size_t>(kLayers));
  for (const LayerSchedule &layer : report.explained) {
    int64_t rows = 0;
    std::map<int64_t, int64_t> load;
    std::set<int64_t> experts;
    for (const ServedExpert &expert : layer.experts) {
      rows += expert.rows;
      ++load[expert.instance];
      experts.insert(expert.expert);
      EXPECT_GE(expert.instance, 0);
      EXPECT_LT(expert.instance, options.experts);
      EXPECT_LT(expert.slot, options.slots);
      EXPECT_FALSE(expert.why.empty());
    }
    EXPECT_EQ(rows, layer.rows * kTopK);
    EXPECT_EQ(experts.size(), layer.experts.size());
    int64_t most = 0;
    for (const auto &[instance, count] : load)
      most = std::max(most, count);
    EXPECT_EQ(most, layer.a_max);
    EXPECT_GE(layer.a_max, layer.limit);
  }
}

} // namespace
} // namespace janus::hand
