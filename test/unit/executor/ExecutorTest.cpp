// The hand-written model on every kind of deployment: right, and the same bytes.
#include "test/unit/executor/Deployment.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

namespace janus::hand {
namespace {

std::vector<Outcome> PlayAll(const Options &options) {
  Deployment deployment(options);
  absl::Status status = deployment.Create([](Address) { return true; });
  EXPECT_TRUE(status.ok()) << status << " " << options.str();
  if (!status.ok())
    return {};
  absl::StatusOr<std::vector<Outcome>> outcomes = deployment.Play(TestSequences());
  EXPECT_TRUE(outcomes.ok()) << outcomes.status() << " " << options.str();
  return outcomes.ok() ? *std::move(outcomes) : std::vector<Outcome>();
}

TEST(Executor, LogitsMatchTheReference) {
  const std::vector<Sequence> sequences = TestSequences();
  const std::vector<Outcome> outcomes = PlayAll({});
  ASSERT_EQ(outcomes.size(), sequences.size());
  const Numbers numbers = MakeNumbers(7);
  for (size_t s = 0; s < sequences.size(); ++s) {
    std::vector<int32_t> tokens = sequences[s].prompt;
    tokens.insert(tokens.end(), outcomes[s].tokens.begin(), outcomes[s].tokens.end() - 1);
    const std::vector<double> expected = Reference(numbers, tokens);
    ASSERT_EQ(outcomes[s].logits.size(), expected.size());
    double most = 0, error = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      most = std::max(most, std::abs(expected[i]));
      error = std::max(error, std::abs(expected[i] - outcomes[s].logits[i]));
    }
    EXPECT_LT(error, 1e-4 * most) << "sequence " << s;
  }
}

} // namespace
} // namespace janus::hand
