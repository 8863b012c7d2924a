// The scheduling rules: each step as documented, the corners, and what must not influence the result.
#include "test/unit/base/CountAllocations.h"
#include "test/unit/scheduler/Cases.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <tuple>

namespace janus::scheduler {
namespace {

/// A greedy rule, written from its description: experts by (class of their live replicas, id), each to its least loaded
/// host, ties to the lower instance.
std::vector<int32_t> Greedy(const Case &input, Rule rule) {
  const std::vector<bool> activated = input.Activated();
  std::vector<std::pair<int, int>> order;
  std::vector<int32_t> result(input.hosts.size(), kIdle), load(input.instances);
  for (size_t e = 0; e < input.hosts.size(); ++e) {
    const auto live =
        std::count_if(input.hosts[e].begin(), input.hosts[e].end(), [&](int32_t g) { return input.Live(g); });
    if (activated[e])
      order.emplace_back(rule == Rule::kJanusGreedy && live > 1, e);
  }
  std::sort(order.begin(), order.end());
  for (auto [several, e] : order) {
    result[e] = kNoReplica;
    for (int32_t host : input.hosts[e])
      if (input.Live(host) && (result[e] < 0 || std::pair(load[host], host) < std::pair(load[result[e]], result[e])))
        result[e] = host;
    if (result[e] >= 0)
      ++load[result[e]];
  }
  return result;
}

TEST(Aebs, GreedyRulesAndTheirTiesAreAsDocumented) {
  std::mt19937_64 random(7);
  int differ = 0;
  for (int i = 0; i < 3000; ++i) {
    const Case input = RandomCase(random, 24, 8);
    const Outcome janus = Solve(input, Rule::kJanusGreedy), metro = Solve(input, Rule::kMetroGreedy);
    ASSERT_EQ(janus.hosts, Greedy(input, Rule::kJanusGreedy)) << "case " << i;
    ASSERT_EQ(metro.hosts, Greedy(input, Rule::kMetroGreedy)) << "case " << i;
    ASSERT_EQ(Trouble(input, janus), "") << "case " << i;
    ASSERT_EQ(Trouble(input, metro), "") << "case " << i;
    differ += janus.hosts != metro.hosts;
  }
  EXPECT_GT(differ, 100);
}

/// Where nothing has to be repaired, the exact rule is greedy too: by (live replicas, id), ties to the lower instance.
TEST(Aebs, OrderOfTheExactRule) {
  Case input;
  input.instances = 3;
  input.hosts = {{0, 1, 2}, {0, 1}, {0, 2}, {1}, {1, 2}};
  input.ids = {0, 1, 2, 3, 4};
  // 3 to 1; then those with two: 1 to 0, 2 to 2 (0 is busier), 4 to 1 (a tie); then 0 to the least loaded, 0.
  EXPECT_EQ(Solve(input).hosts, (std::vector<int32_t>{0, 0, 2, 1, 1}));
  input.ids = {0, 4};
  EXPECT_EQ(Solve(input).hosts, (std::vector<int32_t>{0, kIdle, kIdle, kIdle, 1}));
}

/// Replicas e0{g0,g1}, e1{g2,g3}, e2{g0,g2}: every greedy rule gives 2, the optimum is 1.
TEST(Aebs, GreedyIsNotOptimal) {
  Case input;
  input.instances = 4;
  input.hosts = {{0, 1}, {2, 3}, {0, 2}};
  input.ids = {0, 1, 2};
  EXPECT_EQ(Solve(input, Rule::kJanusGreedy).result.a_max, 2);
  EXPECT_EQ(Solve(input, Rule::kMetroGreedy).result.a_max, 2);
  const Outcome exact = Solve(input);
  EXPECT_EQ(exact.result.a_max, 1);
  EXPECT_EQ(Trouble(input, exact), "");
}

/// A path of many moves: a chain in which every expert has to step aside for the one before.
TEST(Aebs, ALongAlternatingPath) {
  for (int length : {2, 5, 31, 32, 1023}) {
    Case input;
    input.instances = length + 1;
    for (int e = 0; e < length; ++e) // greedy takes the lower of two idle hosts: expert e on instance e
      input.hosts.push_back({e, e + 1});
    input.hosts.push_back({0}); // and this one must have instance 0
    for (int e = 0; e <= length; ++e)
      input.ids.push_back(static_cast<uint16_t>(e));
    const Outcome outcome = Solve(input);
    EXPECT_EQ(outcome.result.a_max, 1) << length;
    EXPECT_EQ(Trouble(input, outcome), "");
  }
}

/// The same with two replicas each, so that greedy goes wrong late: the last expert finds both its hosts taken.
TEST(Aebs, APathBackThroughTheWholeChain) {
  for (int length : {2, 3, 64, 1000}) {
    Case input;
    input.instances = length + 1;
    for (int e = 0; e < length; ++e)
      input.hosts.push_back({e, e + 1});
    input.hosts.push_back({0, length - 1});
    for (int e = 0; e <= length; ++e)
      input.ids.push_back(static_cast<uint16_t>(e));
    EXPECT_EQ(Solve(input, Rule::kJanusGreedy).result.a_max, 2) << length;
    const Outcome outcome = Solve(input);
    EXPECT_EQ(outcome.result.a_max, 1) << length;
    EXPECT_EQ(Trouble(input, outcome), "");
  }
}

TEST(Aebs, NoRows) {
  Case input;
  input.instances = 3;
  input.hosts = {{0}, {1, 2}, {}};
  const Outcome outcome = Solve(input);
  EXPECT_EQ(outcome.result.a_max, 0);
  EXPECT_EQ(outcome.result.activated, 0);
  EXPECT_EQ(outcome.result.missing, 0);
  EXPECT_EQ(outcome.hosts, (std::vector<int32_t>{kIdle, kIdle, kIdle}));
}

TEST(Aebs, NoExperts) {
  Case input;
  input.ids = {0, kNoExpert};
  const Outcome outcome = Solve(input);
  EXPECT_EQ(outcome.result.a_max, 0);
  EXPECT_EQ(outcome.slots, (std::vector<int32_t>{kIdle, kIdle}));
}

/// k equal to the number of experts: everything is activated by one row.
TEST(Aebs, EveryExpertChosen) {
  for (int instances : {1, 2, 3, 5}) {
    Case input;
    input.instances = instances;
    input.k = 15;
    for (int e = 0; e < 15; ++e) {
      input.hosts.emplace_back();
      for (int g = 0; g < instances; ++g)
        input.hosts.back().push_back(g);
      input.ids.push_back(static_cast<uint16_t>(14 - e));
    }
    const Outcome outcome = Solve(input);
    EXPECT_EQ(outcome.result.activated, 15);
    EXPECT_EQ(outcome.result.a_max, (15 + instances - 1) / instances);
    EXPECT_EQ(Trouble(input, outcome), "");
  }
}

/// Experts without a live replica are named, and do not disturb the others.
TEST(Aebs, ExpertsWithoutLiveReplica) {
  Case input;
  input.instances = 2;
  input.hosts = {{0, 1}, {-1, -1}, {0}, {}, {-1, 1}};
  input.ids = {0, 1, 2, 3, 4};
  const Outcome outcome = Solve(input);
  EXPECT_EQ(outcome.missing, (std::vector<uint16_t>{1, 3}));
  EXPECT_EQ(outcome.result.activated, 5);
  EXPECT_EQ(outcome.result.a_max, 2);
  EXPECT_EQ(outcome.hosts[1], kNoReplica);
  EXPECT_EQ(outcome.slots[1], kNoReplica);
  EXPECT_EQ(outcome.hosts[4], 1);
  input.ids = {0, 2, 4}; // not activated: not missing
  EXPECT_EQ(Solve(input).result.missing, 0);
}

/// A dead instance serves nobody: its experts go to their other replicas, or are missing.
TEST(Aebs, ADeadInstance) {
  Case input;
  input.instances = 3;
  input.hosts = {{0, 1}, {1, 2}, {1}, {0, 2}};
  input.live = {1, 0, 1};
  input.ids = {0, 1, 2, 3};
  const Outcome outcome = Solve(input);
  EXPECT_EQ(outcome.hosts, (std::vector<int32_t>{0, 2, kNoReplica, 0}));
  EXPECT_EQ(outcome.missing, (std::vector<uint16_t>{2}));
  EXPECT_EQ(outcome.result.a_max, 2);
  input.live = {0, 0, 0};
  EXPECT_EQ(Solve(input).missing, (std::vector<uint16_t>{0, 1, 2, 3}));
}

TEST(Aebs, NoInstances) {
  Case input;
  input.instances = 0;
  input.hosts = {{}, {-1}};
  input.ids = {1};
  const Outcome outcome = Solve(input);
  EXPECT_EQ(outcome.result.a_max, 0);
  EXPECT_EQ(outcome.result.missing, 1);
}

TEST(Aebs, PaddingIsNotCounted) {
  Case input;
  input.instances = 2;
  input.hosts = {{0}, {1}};
  input.ids = {kNoExpert, 2, 1, 1024, 32768, 1};
  const Outcome outcome = Solve(input);
  EXPECT_EQ(outcome.result.activated, 1);
  EXPECT_EQ(outcome.result.a_max, 1);
  EXPECT_EQ(outcome.hosts[0], kIdle);
  const int32_t slot = SlotOf(input, 1, 1);
  EXPECT_EQ(outcome.slots, (std::vector<int32_t>{kIdle, kIdle, slot, kIdle, kIdle, slot}));
}

/// A masked row activates nothing and goes nowhere, whatever its ids say; also when another row chose the same expert.
TEST(Aebs, MaskedRowsAreNotScheduled) {
  Case input;
  input.instances = 3;
  input.k = 2;
  input.hosts = {{0}, {1}, {2}};
  input.ids = {0, 1, 1, 2, 2, 0};
  input.row_mask = {1, 0, 0};
  const Outcome outcome = Solve(input);
  EXPECT_EQ(outcome.result.activated, 2);
  EXPECT_EQ(outcome.hosts, (std::vector<int32_t>{0, 1, kIdle}));
  EXPECT_EQ(outcome.slots,
            (std::vector<int32_t>{SlotOf(input, 0, 0), SlotOf(input, 1, 1), kIdle, kIdle, kIdle, kIdle}));
}

/// The schedule is a function of the set of activated experts and the table: not of the order of rows, of how often an
/// expert was chosen, nor of what the memory held before.
TEST(Aebs, DependsOnTheActivatedSetAlone) {
  std::mt19937_64 random(9);
  for (int i = 0; i < 1000; ++i) {
    Case input = RandomCase(random, 24, 8);
    const Outcome outcome = Solve(input);
    for (size_t j = 0; j < input.ids.size(); ++j) // masked rows become choices that do not count
      if (!input.row_mask.empty() && !input.row_mask[j / input.k])
        input.ids[j] = kNoExpert;
    input.row_mask.clear();
    input.k = 1;
    std::shuffle(input.ids.begin(), input.ids.end(), random);
    for (size_t j = 0, count = input.ids.size(); j < count; ++j)
      if (random() % 2)
        input.ids.push_back(input.ids[j]);
    const Outcome again = Solve(input);
    ASSERT_EQ(again.hosts, outcome.hosts) << "case " << i;
    ASSERT_EQ(again.result.a_max, outcome.result.a_max);
  }
}

TEST(Aebs, AllocatesNothing) {
  std::mt19937_64 random(10);
  for (int i = 0; i < 100; ++i) {
    const Case input = RandomCase(random, 64, 16);
    Job job(input);
    SerialBlock block;
    const int64_t before = CountAllocations();
    job.Run(block);
    ASSERT_EQ(CountAllocations(), before);
  }
}

/// A table is set again without allocating when an instance dies, and equals one that was made so.
TEST(ReplicaTable, IsSetAgainInPlace) {
  std::mt19937_64 random(12);
  int changed = 0;
  for (int i = 0; i < 100; ++i) {
    Case input = RandomCase(random, 64, 16);
    Job job(input);
    const ReplicaTable before = job.table;
    input.live.assign(input.instances, 1);
    input.live[random() % input.instances] = 0;
    std::vector<int32_t> begin = {0}, instance, slot;
    for (size_t e = 0; e < input.hosts.size(); ++e) {
      for (int32_t host : input.hosts[e]) {
        instance.push_back(host);
        slot.push_back(SlotOf(input, static_cast<int32_t>(e), host));
      }
      begin.push_back(static_cast<int32_t>(instance.size()));
    }
    const ReplicaList list = {static_cast<int32_t>(input.hosts.size()), input.instances, begin.data(), instance.data(),
                              slot.data()};
    job.table.Reserve(list.experts, static_cast<int64_t>(slot.size()));
    const int64_t count = CountAllocations();
    job.table.Set(list, input.live.data());
    ASSERT_EQ(CountAllocations(), count);
    ASSERT_TRUE(job.table == Job(input).table);
    changed += !(job.table == before);
  }
  EXPECT_GT(changed, 50);
}

} // namespace
} // namespace janus::scheduler
