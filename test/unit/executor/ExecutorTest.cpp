// The hand-written model on every kind of deployment: right, and the same bytes.
#include "kernels/Kernels.h"
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

void ExpectReference(const std::vector<Outcome> &outcomes, const std::string &what) {
  const std::vector<Sequence> sequences = TestSequences();
  ASSERT_EQ(outcomes.size(), sequences.size()) << what;
  const Numbers numbers = MakeNumbers(7);
  for (size_t s = 0; s < sequences.size(); ++s) {
    std::vector<int32_t> tokens = sequences[s].prompt;
    tokens.insert(tokens.end(), outcomes[s].tokens.begin(), outcomes[s].tokens.end() - 1);
    const std::vector<double> expected = Reference(numbers, tokens);
    ASSERT_EQ(outcomes[s].logits.size(), expected.size()) << what;
    double most = 0, error = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      most = std::max(most, std::abs(expected[i]));
      error = std::max(error, std::abs(expected[i] - outcomes[s].logits[i]));
    }
    EXPECT_LT(error, 1e-4 * most) << what << " sequence " << s;
  }
}

TEST(Executor, LogitsMatchTheReference) {
  for (const abi::KernelTable *kernels : AvailableKernels()) {
    Options options;
    options.kernels = kernels->name;
    ExpectReference(PlayAll(options), kernels->name);
  }
}

/// Fails with the first difference in bits.
void ExpectSameBits(const std::vector<Outcome> &expected, const std::vector<Outcome> &found, const Options &options) {
  ASSERT_EQ(found.size(), expected.size()) << options.str();
  for (size_t s = 0; s < expected.size(); ++s) {
    EXPECT_EQ(found[s].tokens, expected[s].tokens) << options.str() << " sequence " << s;
    ASSERT_EQ(found[s].logits.size(), expected[s].logits.size()) << options.str();
    for (size_t i = 0; i < expected[s].logits.size(); ++i)
      ASSERT_EQ(std::memcmp(&found[s].logits[i], &expected[s].logits[i], 4), 0)
          << options.str() << " sequence " << s << " position " << i / kVocab << " column " << i % kVocab << ": "
          << found[s].logits[i] << " " << expected[s].logits[i];
  }
}

constexpr std::pair<int, int> kShapes[] = {{1, 1}, {2, 1}, {1, 6}, {3, 2}, {2, 5}, {4, 7}};

TEST(Executor, SameBitsOnEveryDeployment) {
  const std::vector<Outcome> expected = PlayAll({});
  uint64_t seed = 0;
  for (auto [m, n] : kShapes)
    for (int nodes : {1, 2, 3})
      for (int scheme : {0, 1, 2})
        for (GateSide side : {GateSide::kExpert, GateSide::kAttention})
          for (bool replicas : {false, true}) {
            // The remaining axes take turns.
            ++seed;
            Options options;
            options.m = m, options.n = n, options.nodes = nodes, options.scheme = scheme, options.side = side;
            options.replicas = replicas;
            options.seed = seed;
            options.own = seed % 4 == 0;
            options.threads = seed % 16 == 0 ? 2 : 1;
            options.chunk = seed % 3 == 0 ? 7 : seed % 3 == 1 ? 64 : 4;
            options.mail = seed % 5 < 2 ? Options::Mail::kStrict : Options::Mail::kInproc;
            ExpectSameBits(expected, PlayAll(options), options);
            if (HasFailure())
              return;
          }
}

TEST(Executor, SameBitsWithAnyVectorWidth) {
  const std::vector<Outcome> expected = PlayAll({});
  for (const abi::KernelTable *kernels : AvailableKernels()) {
    Options options;
    options.m = 2, options.n = 5, options.kernels = kernels->name;
    if (options.kernels != "reference") // which accumulates in double
      ExpectSameBits(expected, PlayAll(options), options);
  }
}

TEST(Executor, SameBitsOnAnyThreads) {
  const std::vector<Outcome> expected = PlayAll({});
  for (int threads : {2, 4}) {
    Options options;
    options.m = 2, options.n = 3, options.nodes = 2, options.scheme = 1, options.threads = threads;
    ExpectSameBits(expected, PlayAll(options), options);
  }
}

} // namespace
} // namespace janus::hand
