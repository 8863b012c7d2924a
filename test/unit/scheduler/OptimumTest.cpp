// a_max is the optimum: against an exact solver, which is itself held against trying everything.
#include "test/unit/scheduler/Cases.h"
#include "test/unit/scheduler/ExactSolver.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace janus::scheduler {
namespace {

constexpr uint64_t kSeed = 20250613;

TEST(Optimum, TheExactSolverIsExact) {
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 2000; ++i) {
    const Case input = RandomCase(random, 7, 5);
    const auto hosts = input.ActivatedHosts();
    ASSERT_EQ(ExactOptimum(hosts, input.instances), OptimumByTrying(hosts, input.instances)) << "case " << i;
  }
}

TEST(Optimum, TenThousandRandomCases) {
  std::mt19937_64 random(kSeed);
  int64_t greedy_worse = 0;
  for (int i = 0; i < 10000; ++i) {
    const Case input = RandomCase(random, i % 10 ? 48 : 160, i % 10 ? 12 : 32);
    const Outcome outcome = Solve(input), greedy = Solve(input, Rule::kJanusGreedy);
    ASSERT_EQ(Trouble(input, outcome), "") << "case " << i << " of seed " << kSeed;
    ASSERT_EQ(Trouble(input, greedy), "") << "case " << i << " of seed " << kSeed;
    ASSERT_EQ(outcome.result.a_max, ExactOptimum(input.ActivatedHosts(), input.instances))
        << "case " << i << " of seed " << kSeed << ": " << input.hosts.size() << " experts on " << input.instances;
    ASSERT_GE(greedy.result.a_max, outcome.result.a_max);
    greedy_worse += greedy.result.a_max > outcome.result.a_max;
  }
  // The cases are hard enough that the repair has work.
  EXPECT_GT(greedy_worse, 200);
  std::printf("seed %llu: the greedy rule alone is worse in %lld of 10000 cases\n",
              static_cast<unsigned long long>(kSeed), static_cast<long long>(greedy_worse));
}

/// The sizes of the scheduler's budget: 160 experts, 6 chosen, 8 and 16 instances, up to 4096 rows.
TEST(Optimum, LargeSteps) {
  std::mt19937_64 random(kSeed);
  for (int instances : {8, 16})
    for (int rows : {1, 16, 64, 512, 4096}) {
      Case input;
      input.instances = instances;
      for (int e = 0; e < 160; ++e) {
        std::vector<int32_t> hosts = {static_cast<int32_t>(e * instances / 160)};
        if (e % 3 == 0)
          hosts.push_back(static_cast<int32_t>((hosts[0] + 1 + random() % (instances - 1)) % instances));
        std::sort(hosts.begin(), hosts.end());
        input.hosts.push_back(hosts);
      }
      for (int i = 0; i < rows * 6; ++i)
        input.ids.push_back(static_cast<uint16_t>(random() % 160 * (random() % 160) / 160)); // skewed to low ids
      const Outcome outcome = Solve(input);
      ASSERT_EQ(Trouble(input, outcome), "");
      EXPECT_EQ(outcome.result.a_max, ExactOptimum(input.ActivatedHosts(), instances)) << rows << " rows";
    }
}

/// As many experts as instances, and a hidden assignment with one each: nothing but that is optimal, and paths are
/// long.
TEST(Optimum, AHiddenPerfectAssignment) {
  std::mt19937_64 random(kSeed);
  for (int size : {16, 100, 1024})
    for (int replicas : {2, 3}) {
      std::vector<int32_t> hidden(size);
      std::iota(hidden.begin(), hidden.end(), 0);
      std::shuffle(hidden.begin(), hidden.end(), random);
      Case input;
      input.instances = size;
      for (int e = 0; e < size; ++e) {
        std::set<int32_t> hosts = {hidden[e]};
        while (static_cast<int>(hosts.size()) < replicas)
          hosts.insert(static_cast<int32_t>(random() % size));
        input.hosts.emplace_back(hosts.begin(), hosts.end());
        input.ids.push_back(static_cast<uint16_t>(e));
      }
      const Outcome outcome = Solve(input);
      EXPECT_EQ(Trouble(input, outcome), "");
      EXPECT_EQ(outcome.result.a_max, 1) << size;
      EXPECT_GT(Solve(input, Rule::kJanusGreedy).result.a_max, 1) << size;
    }
}

/// The largest sizes: 1,024 experts of which 16 are chosen by each of 65,536 rows, up to 1,024 instances, some dead,
/// every fifth row masked.
TEST(Optimum, TheLargestSteps) {
  std::mt19937_64 random(kSeed);
  for (int instances : {32, 128, 1024}) {
    Case input;
    input.instances = instances;
    input.k = 16;
    for (int g = 0; g < instances; ++g)
      input.live.push_back(random() % 16 != 0);
    for (int e = 0; e < 1024; ++e) {
      std::set<int32_t> hosts;
      for (uint64_t r = 0; r <= random() % 4; ++r)
        hosts.insert(static_cast<int32_t>(random() % instances * (random() % instances) / instances));
      input.hosts.emplace_back(hosts.begin(), hosts.end());
    }
    const int experts = 900 + instances / 10;
    for (int row = 0; row < 65536; ++row) {
      input.row_mask.push_back(row % 5 != 0);
      for (int rank = 0; rank < 16; ++rank)
        input.ids.push_back(static_cast<uint16_t>(random() % experts));
    }
    const Outcome outcome = Solve(input);
    ASSERT_EQ(Trouble(input, outcome), "");
    EXPECT_GT(outcome.result.missing, 0);
    EXPECT_EQ(outcome.result.a_max, ExactOptimum(input.ActivatedHosts(), instances)) << instances;
  }
}

} // namespace
} // namespace janus::scheduler
