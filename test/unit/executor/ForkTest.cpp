// One process per instance, over shared memory: the same bytes as one process.
#include "test/unit/executor/Deployment.h"

#include "gtest/gtest.h"

#include <cstring>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace janus::hand {
namespace {

std::vector<Outcome> PlayForked(Options options) {
  options.mail = Options::Mail::kShm;
  Deployment deployment(options);
  deployment.idle = [] { sched_yield(); };
  std::vector<pid_t> children;
  for (int i = 0; i < options.m + options.n; ++i) {
    const Address address = i < options.m ? Address{EndpointKind::kAttention, i}
                                          : Address{EndpointKind::kExpert, i - options.m};
    const pid_t child = fork();
    if (child == 0) {
      if (!deployment.Create([&](Address other) { return other == address; }).ok())
        _exit(2);
      deployment.executor.Run();
      _exit(0);
    }
    children.push_back(child);
  }
  absl::StatusOr<std::vector<Outcome>> outcomes = deployment.Play(TestSequences());
  EXPECT_TRUE(outcomes.ok()) << outcomes.status();
  deployment.Shutdown();
  for (pid_t child : children) {
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
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

} // namespace
} // namespace janus::hand
