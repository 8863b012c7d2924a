// A step that is stopped at any moment and begun again, once or several times, with all instances or without some: the
// same bytes. The test plays the controller, so that moments come up that no failure would bring about.
#include "test/unit/executor/Deployment.h"

#include "gtest/gtest.h"

#include <random>

namespace janus::hand {
namespace {

std::vector<Outcome> PlayAll(Deployment &deployment) {
  EXPECT_TRUE(deployment.Create([](Address) { return true; }).ok());
  absl::StatusOr<std::vector<Outcome>> outcomes = deployment.Play(TestSequences());
  EXPECT_TRUE(outcomes.ok()) << outcomes.status() << " " << deployment.options.str();
  return outcomes.ok() ? *std::move(outcomes) : std::vector<Outcome>();
}

const std::vector<Outcome> &Expected() {
  static const std::vector<Outcome> expected = [] {
    Deployment deployment((Options()));
    return PlayAll(deployment);
  }();
  return expected;
}

Options Any(uint64_t seed, GateSide side, int scheme) {
  Options options;
  options.m = 4, options.n = 5, options.nodes = 2, options.scheme = scheme, options.side = side;
  options.replicas = true;
  options.seed = seed;
  options.chunk = seed % 2 ? 7 : 64;
  options.mail = seed % 4 ? Options::Mail::kStrict : Options::Mail::kInproc;
  return options;
}

TEST(Retry, StoppedAtAnyMoment) {
  int64_t attempts = 0, relayed = 0;
  for (uint64_t seed = 0; seed < 12; ++seed)
    for (GateSide side : {GateSide::kExpert, GateSide::kAttention})
      for (int scheme : {0, 1, 2}) {
        Deployment deployment(Any(seed, side, scheme));
        std::mt19937_64 random(seed);
        deployment.begun = [&](const StepDescriptor &step, const std::vector<std::vector<StepSequence>> &sequences) {
          const uint64_t stops = random() % 4;
          for (uint16_t attempt = 1; attempt <= stops; ++attempt, ++attempts) {
            for (uint64_t polls = random() % (random() % 4 ? 60 : 400); polls > 0; --polls)
              deployment.Pump();
            ASSERT_TRUE(deployment.Retry(step, sequences, attempt, {}));
          }
        };
        ASSERT_TRUE(Same(PlayAll(deployment), Expected())) << deployment.options.str();
        for (const auto &instance : deployment.executor.instances())
          relayed += instance->stats().relayed_behind;
      }
  EXPECT_GT(attempts, 500);
  EXPECT_GT(relayed, 0) << "a leader that has its own results of a layer relayed for who has not";
}

/// From some step on an expert instance is not heard of any more.
TEST(Retry, WithoutAnExpertInstance) {
  for (uint64_t seed = 0; seed < 12; ++seed)
    for (GateSide side : {GateSide::kExpert, GateSide::kAttention})
      for (int scheme : {0, 1, 2}) {
        Options options = Any(seed, side, scheme);
        Deployment deployment(options);
        // One whose experts are all elsewhere too.
        const Placement &placement = *deployment.placement;
        std::vector<int32_t> lost;
        for (int32_t g = 0; g < options.n && lost.empty(); ++g) {
          bool needed = false;
          for (int64_t layer = 0; layer < kLayers; ++layer)
            for (int64_t slot = 0; slot < placement.shape().slots; ++slot) {
              const int32_t expert = placement.expert(layer, g, slot);
              const scheduler::ReplicaList table = placement.replicas(layer);
              needed |= expert >= 0 && table.begin[expert + 1] - table.begin[expert] == 1;
            }
          if (!needed)
            lost.push_back(g);
        }
        if (lost.empty())
          continue;
        std::mt19937_64 random(seed);
        const uint64_t when = 1 + seed % 3;
        deployment.begun = [&](const StepDescriptor &step, const std::vector<std::vector<StepSequence>> &sequences) {
          if (step.step < when)
            return;
          for (uint64_t polls = step.step == when ? random() % 40 : 0; polls > 0; --polls)
            deployment.Pump();
          ASSERT_TRUE(deployment.Retry(step, sequences, 1, lost));
        };
        ASSERT_TRUE(Same(PlayAll(deployment), Expected())) << options.str() << " without expert " << lost[0];
      }
}

} // namespace
} // namespace janus::hand
