// What the transport counted is what the schemes' expressions predict from the
// topology, the rows of each step and its routing: every phase, every class.
#include "runtime/executor/Scheduling.h"
#include "runtime/traffic/Schemes.h"
#include "test/unit/executor/Deployment.h"

#include "gtest/gtest.h"

namespace janus::hand {
namespace {

using traffic::Kind;
using Counts = decltype(TransportCounters::by_phase);

Phase PhaseOf(Kind kind, const std::string &name) {
  const bool back = kind == Kind::kReturn;
  if (kind == Kind::kExchange)
    return Phase::kExchange;
  if (name == "send")
    return back ? Phase::kReturn : Phase::kDirect;
  if (name == "gather")
    return back ? Phase::kReturnGather : Phase::kGather;
  if (name == "node")
    return back ? Phase::kReturnNode : Phase::kNode;
  if (name == "exchange")
    return Phase::kRelay;
  if (name == "fanout")
    return Phase::kFanout;
  EXPECT_EQ(name, "scatter");
  return Phase::kScatter;
}

void Add(Counts &counts, Kind kind, int scheme, const std::map<std::string, int64_t> &symbols) {
  const auto phases = traffic::Predict(traffic::SchemesOf(kind)[kind == Kind::kExchange ? 0 : scheme], symbols);
  ASSERT_TRUE(phases.ok()) << phases.status();
  for (const traffic::PhaseAmount &phase : *phases) {
    auto &count = counts[static_cast<int>(PhaseOf(kind, phase.phase))][static_cast<int>(phase.link)];
    count.messages += phase.amount.messages;
    count.bytes += phase.amount.bytes;
  }
}

void CountersEqualPrediction(const Options &options) {
  Deployment deployment(options);
  Counts predicted{};
  executor::Scheduler scheduler;
  scheduler.Bind(*deployment.placement);
  scheduler.Reserve(1024);
  const bool routed = options.side == GateSide::kAttention;
  int64_t recorded = 0;
  deployment.recorder = [&](const LayerRouting &of) {
    ++recorded;
    ASSERT_TRUE(scheduler.Run(of.layer, of.ids, of.rows * of.k).ok());
    for (int64_t e = 0; e < of.experts; ++e)
      ASSERT_EQ(scheduler.slot(e), of.slots[e]) << "expert " << e;
    traffic::Assignment instances;
    for (int64_t i = 0; i < of.rows * of.k; ++i)
      instances.push_back(static_cast<int32_t>(of.slots[of.ids[i]] / of.slots_per_instance));
    const auto symbols =
        traffic::Symbols(deployment.topology, deployment.rows_of_step.at(of.step), kHidden, of.k, &instances);
    Add(predicted, routed ? Kind::kRoutedDispatch : Kind::kDispatch, options.scheme, symbols);
    Add(predicted, Kind::kReturn, options.scheme, symbols);
    if (routed)
      Add(predicted, Kind::kExchange, options.scheme, symbols);
  };
  ASSERT_TRUE(deployment.Create([](Address) { return true; }).ok());
  absl::StatusOr<std::vector<Outcome>> outcomes = deployment.Play(TestSequences());
  ASSERT_TRUE(outcomes.ok()) << outcomes.status();
  uint64_t steps = 0, active = 0;
  for (const auto &[step, rows] : deployment.rows_of_step) {
    steps += 1;
    for (int64_t r : rows)
      active += r > 0;
  }
  EXPECT_EQ(recorded, static_cast<int64_t>(steps) * kLayers);
  Counts counted = deployment.controller->counters().by_phase;
  for (const auto &endpoint : deployment.endpoints)
    for (int phase = 0; phase < kPhaseCount; ++phase)
      for (int link = 0; link < 3; ++link) {
        counted[phase][link].messages += endpoint->counters().by_phase[phase][link].messages;
        counted[phase][link].bytes += endpoint->counters().by_phase[phase][link].bytes;
      }
  for (int phase = 0; phase < kPhaseCount; ++phase)
    for (int link = 0; link < 3; ++link) {
      const auto what = options.str() + " " + Name(static_cast<Phase>(phase)) + " link " + std::to_string(link);
      uint64_t messages = predicted[phase][link].messages;
      const bool control = link == static_cast<int>(Link::kControl);
      if (phase == static_cast<int>(Phase::kStep))
        messages = control ? steps * (options.m + options.n) : 0;
      else if (phase == static_cast<int>(Phase::kResult))
        messages = control ? active : 0;
      else
        EXPECT_EQ(counted[phase][link].bytes, predicted[phase][link].bytes) << what;
      EXPECT_EQ(counted[phase][link].messages, messages) << what;
    }
}

TEST(Traffic, CountersEqualPrediction) {
  for (auto [m, n] : {std::pair(1, 1), std::pair(2, 1), std::pair(1, 6), std::pair(3, 2), std::pair(4, 7)})
    for (int nodes : {1, 2, 3})
      for (int scheme : {0, 1, 2})
        for (GateSide side : {GateSide::kExpert, GateSide::kAttention}) {
          Options options;
          options.m = m, options.n = n, options.nodes = nodes, options.scheme = scheme, options.side = side;
          options.replicas = nodes == 2;
          options.chunk = 16;
          CountersEqualPrediction(options);
        }
}

/// Duplicates of the transport are not messages of ours.
TEST(Traffic, StrictCountsTheSame) {
  Options options;
  options.m = 2, options.n = 5, options.nodes = 2, options.scheme = 2, options.mail = Options::Mail::kStrict;
  CountersEqualPrediction(options);
}

} // namespace
} // namespace janus::hand
