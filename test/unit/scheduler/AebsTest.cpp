// The scheduling rule: each step as documented, the corners, and what must not influence the result.
#include "test/unit/base/CountAllocations.h"
#include "test/unit/scheduler/Cases.h"

#include "gtest/gtest.h"

#include <algorithm>

namespace janus::scheduler {
namespace {

/// Instance that serves each expert, or kIdle, kNoReplica.
std::vector<int32_t> Hosts(const Case &input, const Outcome &outcome) {
  const Table table(input);
  std::vector<int32_t> hosts;
  for (int32_t choice : outcome.chosen)
    hosts.push_back(choice < 0 ? choice : table.instance[choice]);
  return hosts;
}

/// The greedy rule, written from its description: experts with one live replica, then the others by (live replicas,
/// id), each to its least loaded host, ties to the lower instance.
std::vector<int32_t> Greedy(const Case &input) {
  const std::vector<bool> activated = input.Activated();
  std::vector<std::pair<int, int>> order;
  std::vector<int32_t> result(input.hosts.size(), kIdle), load(input.instances);
  for (size_t e = 0; e < input.hosts.size(); ++e)
    if (activated[e])
      order.emplace_back(std::count_if(input.hosts[e].begin(), input.hosts[e].end(), [](int32_t g) { return g >= 0; }),
                         e);
  std::sort(order.begin(), order.end());
  for (auto [live, e] : order) {
    result[e] = kNoReplica;
    for (int32_t host : input.hosts[e])
      if (host >= 0 && (result[e] < 0 || std::pair(load[host], host) < std::pair(load[result[e]], result[e])))
        result[e] = host;
    if (result[e] >= 0)
      ++load[result[e]];
  }
  return result;
}

TEST(Aebs, GreedyAndItsTiesAreAsDocumented) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 3000; ++i) {
    const Case input = RandomCase(random, 24, 8);
    ASSERT_EQ(Hosts(input, Schedule(input, false)), Greedy(input)) << "case " << i;
  }
}

/// Replicas e0{g0,g1}, e1{g2,g3}, e2{g0,g2}: greedy gives 2, the optimum is 1.
TEST(Aebs, GreedyIsNotOptimal) {
  Case input;
  input.instances = 4;
  input.hosts = {{0, 1}, {2, 3}, {0, 2}};
  input.ids = {0, 1, 2};
  EXPECT_EQ(Schedule(input, false).result.a_max, 2);
  const Outcome repaired = Schedule(input);
  EXPECT_EQ(repaired.result.a_max, 1);
  EXPECT_EQ(Trouble(input, repaired), "");
}

/// A path of many moves: a chain in which every expert has to step aside for the one before.
TEST(Aebs, ALongAlternatingPath) {
  for (int length : {2, 5, 31}) {
    Case input;
    input.instances = length + 1;
    for (int e = 0; e < length; ++e) // greedy takes the lower of two idle hosts: expert e on instance e
      input.hosts.push_back({e, e + 1});
    input.hosts.push_back({0}); // and this one must have instance 0
    for (int e = 0; e <= length; ++e)
      input.ids.push_back(e);
    const Outcome outcome = Schedule(input);
    EXPECT_EQ(outcome.result.a_max, 1) << length;
    EXPECT_EQ(Trouble(input, outcome), "");
  }
}

TEST(Aebs, NoRows) {
  Case input;
  input.instances = 3;
  input.hosts = {{0}, {1, 2}, {}};
  const Outcome outcome = Schedule(input);
  EXPECT_EQ(outcome.result.a_max, 0);
  EXPECT_EQ(outcome.result.activated, 0);
  EXPECT_EQ(outcome.result.missing, 0);
  EXPECT_EQ(outcome.chosen, (std::vector<int32_t>{kIdle, kIdle, kIdle}));
}

/// k equal to the number of experts: everything is activated by one row.
TEST(Aebs, EveryExpertChosen) {
  for (int instances : {1, 2, 3, 5}) {
    Case input;
    input.instances = instances;
    for (int e = 0; e < 15; ++e) {
      input.hosts.push_back({});
      for (int g = 0; g < instances; ++g)
        input.hosts.back().push_back(g);
      input.ids.push_back(14 - e);
    }
    const Outcome outcome = Schedule(input);
    EXPECT_EQ(outcome.result.activated, 15);
    EXPECT_EQ(outcome.result.a_max, (15 + instances - 1) / instances);
    EXPECT_EQ(Trouble(input, outcome), "");
  }
}

/// An expert without a live replica is reported, and does not disturb the others.
TEST(Aebs, AnExpertWithoutLiveReplica) {
  Case input;
  input.instances = 2;
  input.hosts = {{0, 1}, {-1, -1}, {0}, {}, {-1, 1}};
  input.ids = {0, 1, 2, 3, 4};
  const Outcome outcome = Schedule(input);
  EXPECT_EQ(outcome.result.missing, 2);
  EXPECT_EQ(outcome.result.activated, 5);
  EXPECT_EQ(outcome.result.a_max, 2);
  EXPECT_EQ(outcome.chosen[1], kNoReplica);
  EXPECT_EQ(outcome.chosen[3], kNoReplica);
  EXPECT_EQ(Hosts(input, outcome)[4], 1);
  input.ids = {0, 2, 4}; // not activated: not missing
  EXPECT_EQ(Schedule(input).result.missing, 0);
}

TEST(Aebs, NoInstances) {
  Case input;
  input.instances = 0;
  input.hosts = {{}, {-1}};
  input.ids = {1};
  const Outcome outcome = Schedule(input);
  EXPECT_EQ(outcome.result.a_max, 0);
  EXPECT_EQ(outcome.result.missing, 1);
}

TEST(Aebs, PaddingIsNotCounted) {
  Case input;
  input.instances = 2;
  input.hosts = {{0}, {1}};
  input.ids = {-1, 2, 1, INT32_MAX, INT32_MIN, 1};
  const Outcome outcome = Schedule(input);
  EXPECT_EQ(outcome.result.activated, 1);
  EXPECT_EQ(outcome.result.a_max, 1);
  EXPECT_EQ(outcome.chosen[0], kIdle);
}

/// The schedule is a function of the set of activated experts and the table: not of the order of rows, of how often an
/// expert was chosen, nor of what the memory held before.
TEST(Aebs, DependsOnTheActivatedSetAlone) {
  std::mt19937_64 random(9);
  for (int i = 0; i < 1000; ++i) {
    Case input = RandomCase(random, 24, 8);
    const Outcome outcome = Schedule(input);
    std::shuffle(input.ids.begin(), input.ids.end(), random);
    for (size_t j = 0, count = input.ids.size(); j < count; ++j)
      if (random() % 2)
        input.ids.push_back(input.ids[j]);
    input.ids.push_back(-1);
    const Outcome again = Schedule(input);
    ASSERT_EQ(again.chosen, outcome.chosen) << "case " << i;
    ASSERT_EQ(again.result.a_max, outcome.result.a_max);
  }
}

TEST(Aebs, AllocatesNothing) {
  std::mt19937_64 random(10);
  for (int i = 0; i < 100; ++i) {
    const Case input = RandomCase(random, 64, 16);
    const Table table(input);
    std::vector<int32_t> workspace(AebsWorkspace(table.view.experts, table.view.instances)), chosen(input.hosts.size());
    AebsResult result;
    SerialBlock block;
    const int64_t before = CountAllocations();
    Aebs(block, input.ids.data(), static_cast<int64_t>(input.ids.size()), table.view, chosen.data(), workspace.data(),
         &result);
    ASSERT_EQ(CountAllocations(), before);
  }
}

} // namespace
} // namespace janus::scheduler
