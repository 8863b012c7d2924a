// One process per instance, over shared memory: the same bytes as one process.
#include "test/unit/executor/Forked.h"

#include "gmock/gmock.h"

#include <csignal>
#include <cstring>

namespace janus::hand {
namespace {

std::vector<Outcome> PlayForked(Options options) {
  options.mail = Options::Mail::kShm;
  Deployment deployment(options);
  const std::vector<pid_t> children = Fork(deployment);
  absl::StatusOr<std::vector<Outcome>> outcomes = deployment.Play(TestSequences());
  EXPECT_TRUE(outcomes.ok()) << outcomes.status();
  deployment.Shutdown();
  ExpectExits(children);
  return outcomes.ok() ? *std::move(outcomes) : std::vector<Outcome>();
}

TEST(Fork, SameBitsInOneProcessPerInstance) {
  Deployment alone((Options()));
  ASSERT_TRUE(alone.Create([](Address) { return true; }).ok());
  const std::vector<Outcome> expected = *alone.Play(TestSequences());
  for (GateSide side : {GateSide::kExpert, GateSide::kAttention})
    for (int scheme : {0, 2}) {
      Options options;
      options.m = 2, options.n = 3, options.nodes = 2, options.scheme = scheme, options.side = side;
      const std::vector<Outcome> found = PlayForked(options);
      ASSERT_EQ(found.size(), expected.size());
      for (size_t s = 0; s < expected.size(); ++s) {
        EXPECT_EQ(found[s].tokens, expected[s].tokens);
        ASSERT_EQ(found[s].logits.size(), expected[s].logits.size());
        EXPECT_EQ(std::memcmp(found[s].logits.data(), expected[s].logits.data(), expected[s].logits.size() * 4), 0);
      }
    }
}

/// A step does not wait for its deadline when the awaited process is gone.
TEST(Fork, AProcessThatDiedIsNamed) {
  Options options;
  options.m = 1, options.n = 2, options.mail = Options::Mail::kShm;
  Deployment deployment(options);
  std::vector<pid_t> children = Fork(deployment);
  ASSERT_TRUE(deployment.Play({TestSequences()[0]}).ok());
  kill(children.back(), SIGKILL);
  waitpid(children.back(), nullptr, 0);
  children.pop_back();
  StepSequence sequence;
  sequence.tokens = {1};
  sequence.opens = true;
  sequence.pages = {0};
  StepDescriptor step;
  step.step = deployment.next_step++;
  step.rows = {1};
  step.sequences = {sequence};
  deployment.Send({EndpointKind::kAttention, 0}, step);
  step.sequences.clear();
  deployment.Send({EndpointKind::kExpert, 0}, step);
  const std::vector<std::pair<Address, StepResult>> results = deployment.Await(step.step, 1);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].second.error_code, static_cast<int>(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(results[0].second.error.begin(), results[0].second.error.end()),
              testing::HasSubstr("expert 1 is gone"));
  step.shutdown = true;
  step.step = deployment.next_step++;
  deployment.Send({EndpointKind::kAttention, 0}, step);
  deployment.Send({EndpointKind::kExpert, 0}, step);
  ExpectExits(children);
}

} // namespace
} // namespace janus::hand
