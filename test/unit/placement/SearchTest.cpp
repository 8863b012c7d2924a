// Schedules that follow a changing layout, against the independent solver; the search against all placements of small
// cases, and on steps it has not seen.
#include "runtime/placement/Search.h"
#include "runtime/placement/Policies.h"
#include "runtime/placement/Schedules.h"
#include "test/unit/placement/PlannerSupport.h"

#include "gtest/gtest.h"

#include <functional>
#include <numeric>

namespace janus {
namespace {

LayerSlots Held(const Layout &layout) {
  LayerSlots slots;
  for (int64_t g = 0; g < layout.instances(); ++g) {
    slots.emplace_back(layout.held(g).begin(), layout.held(g).end());
    std::sort(slots.back().begin(), slots.back().end());
  }
  return slots;
}

Layout InOrder(const LayoutShape &shape) {
  Layout layout(shape);
  std::vector<int32_t> order(shape.experts);
  std::iota(order.begin(), order.end(), 0);
  PlaceInOrder(layout, order);
  return layout;
}

/// A change that the layout allows; false when the drawn one does not.
bool Draw(std::mt19937_64 &random, const Layout &layout, LayoutChange &change) {
  const int32_t g = static_cast<int32_t>(random() % layout.instances()),
                h = static_cast<int32_t>(random() % layout.instances());
  if (g == h || layout.held(g).empty() || layout.held(h).empty())
    return false;
  const int32_t e = layout.held(g)[random() % layout.held(g).size()],
                f = layout.held(h)[random() % layout.held(h).size()];
  if (layout.Holds(h, e) || layout.Holds(g, f))
    return false;
  if (layout.HasRoom(h))
    change = {{}, {{e, h}}, 0, 1};
  else if (layout.replicas(f) > 1 && random() % 2)
    change = {{{f, h}}, {{e, h}}, 1, 1};
  else
    change = {{{e, g}, {f, h}}, {{e, h}, {f, g}}, 2, 2};
  return true;
}

/// After any number of changes, taken or refused, a_max of every step is the optimum, and hosts and loads agree.
/// Refused changes leave everything as it was.
TEST(Schedules, ExactAfterEveryChange) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 25; ++i) {
    const int64_t experts = 6 + static_cast<int64_t>(random() % 20), instances = 2 + static_cast<int64_t>(random() % 6);
    const ActivationWindow window = TopicSteps(random, experts, 70), more = TopicSteps(random, experts, 30);
    const int64_t room = (experts + instances - 1) / instances + static_cast<int64_t>(random() % 3);
    Layout layout = InOrder({experts, std::vector<int64_t>(instances, room), {}});
    const auto extra = static_cast<int32_t>(random() % instances); // and one slot to fill
    layout.Remove(extra, *std::find_if(layout.held(extra).begin(), layout.held(extra).end() - 1,
                                       [&](int32_t e) { return layout.replicas(e) > 1; }));
    for (int64_t e = 0; e < experts; ++e)
      if (layout.replicas(e) == 0)
        layout.Add(extra, e);
    Schedules schedules(layout, {{&window, 3}, {&more, 1}});
    int64_t taken = 0, refused = 0;
    for (int c = 0; c < 60; ++c) {
      LayoutChange change;
      if (!Draw(random, layout, change))
        continue;
      const LayerSlots before = Held(layout);
      const int64_t total = schedules.total(), most = static_cast<int64_t>(random() % 12) - 4;
      const int64_t growth = schedules.Try(change, most);
      (growth > most ? refused : taken) += 1;
      if (growth > most) {
        ASSERT_EQ(Held(layout), before);
        ASSERT_EQ(schedules.total(), total);
      } else {
        ASSERT_EQ(schedules.total(), total + growth);
      }
      int64_t expected = 0;
      for (int64_t s = 0; s < 100; ++s) {
        const bool first = s < 70;
        const ActivationWindow &of = first ? window : more;
        expected += (first ? 3 : 1) * ExactLargest(Held(layout), of, first ? s : s - 70);
        std::vector<int> load(instances);
        for (int64_t e = 0; e < experts; ++e) {
          const uint16_t host = schedules.host(s, e);
          ASSERT_EQ(host != Schedules::kInactive, of.Active(first ? s : s - 70, e));
          if (host == Schedules::kInactive)
            continue;
          ASSERT_TRUE(layout.Holds(host, e)) << "case " << i << ", change " << c;
          ++load[host];
        }
        for (int64_t g = 0; g < instances; ++g)
          ASSERT_EQ(schedules.load(s, g), load[g]);
      }
      ASSERT_EQ(schedules.total(), expected) << "case " << i << ", change " << c;
    }
    EXPECT_GT(taken, 0);
    EXPECT_GT(refused, 0);
  }
}

/// The least mean a_max of all placements with these slots, tried one by one.
double Least(const ActivationWindow &window, const std::vector<int64_t> &room) {
  double least = 1e9;
  LayerSlots slots(room.size());
  const std::function<void(size_t, int32_t)> fill = [&](size_t g, int32_t from) {
    if (g == room.size()) {
      std::vector<bool> there(window.experts());
      for (const auto &held : slots)
        for (int32_t e : held)
          there[e] = true;
      if (std::find(there.begin(), there.end(), false) == there.end())
        least = std::min(least, ExactMean(slots, window));
      return;
    }
    if (std::ssize(slots[g]) == room[g])
      return fill(g + 1, 0);
    for (int32_t e = from; e < window.experts(); ++e) {
      slots[g].push_back(e);
      fill(g, e + 1);
      slots[g].pop_back();
    }
  };
  fill(0, 0);
  return least;
}

TEST(Search, FindsTheBestOfAllPlacements) {
  std::mt19937_64 random(12);
  for (int i = 0; i < 12; ++i) {
    const ActivationWindow window = TopicSteps(random, 6, 25);
    for (const std::vector<int64_t> &room : {std::vector<int64_t>{2, 2, 2}, {3, 2, 2}, {4, 3}})
      EXPECT_NEAR(Plan(ProblemOf(window, room), PlacementPolicy::kSearch).a_max, Least(window, room), 1e-9)
          << "case " << i;
  }
}

/// Experts that are active often and seldom, those of a topic together.
ActivationWindow SkewedSteps(std::mt19937_64 &random, int64_t steps) {
  ActivationWindow window(32, steps);
  for (int64_t s = 0; s < steps; ++s) {
    window.Begin();
    const uint64_t topic = random() % 4;
    for (uint64_t e = 0; e < 32; ++e) {
      const uint64_t often = 5 + e * 7 % 32 * 3; // in 100
      if (random() % 100 < (e / 8 == topic ? std::min<uint64_t>(often * 2, 95) : often / 2))
        window.Activate(static_cast<int64_t>(e));
    }
  }
  return window;
}

/// Fitted on one half and measured on the other, at all sizes of spare: no other policy is better, and most are far
/// worse.
TEST(Search, HelpsOnStepsItHasNotSeen) {
  constexpr double kNoise = 0.01;
  std::mt19937_64 random(13);
  const ActivationWindow fit = SkewedSteps(random, 4000), test = SkewedSteps(random, 2000);
  for (int64_t slots : {8, 10, 12}) {
    LayerProblem problem = ProblemOf(fit, {slots, slots, slots, slots});
    problem.check = &test;
    const double searched = Plan(problem, PlacementPolicy::kSearch, 1, 2'000'000).a_max;
    for (PlacementPolicy other :
         {PlacementPolicy::kContiguous, PlacementPolicy::kRandom, PlacementPolicy::kEplb, PlacementPolicy::kGreedy})
      EXPECT_LT(searched, Plan(problem, other).a_max + kNoise) << PolicyName(other) << ", " << slots << " slots";
  }
}

/// However early the search ends, it returns the best that it met.
TEST(Search, NeverWorseThanItsStart) {
  std::mt19937_64 random(15);
  const ActivationWindow window = SkewedSteps(random, 300);
  const LayerProblem problem = ProblemOf(window, {10, 10, 10, 10});
  const double start = Plan(problem, PlacementPolicy::kSearch, 0, 0).a_max;
  for (uint64_t seed = 0; seed < 30; ++seed)
    EXPECT_LE(Plan(problem, PlacementPolicy::kSearch, seed, 6000 + 500 * static_cast<int64_t>(seed)).a_max, start)
        << seed;
}

/// Filled steps hold what the steps hold, and as many experts as fit under the same limit.
TEST(Search, FilledSteps) {
  std::mt19937_64 random(14);
  const ActivationWindow window = TopicSteps(random, 30, 100), filled = FillSteps(window, 7, 1);
  ASSERT_EQ(filled.steps(), window.steps());
  for (int64_t s = 0; s < window.steps(); ++s) {
    int64_t active = 0, more = 0;
    for (int64_t e = 0; e < 30; ++e) {
      EXPECT_TRUE(filled.Active(s, e) || !window.Active(s, e));
      active += window.Active(s, e);
      more += filled.Active(s, e);
    }
    EXPECT_EQ(more, std::min<int64_t>((active + 6) / 7 * 7, 30));
  }
}

} // namespace
} // namespace janus
