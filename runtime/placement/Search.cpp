#include "runtime/placement/Search.h"

#include "runtime/base/Random.h"
#include "runtime/placement/Schedules.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace janus {
namespace {

constexpr int64_t kStepWeight = 8;    // of a step against a filled one
constexpr int kFills = 2;             // ways to fill each step
constexpr int64_t kFruitless = 10000; // proposals in a row that could not be tried: there is nothing to try
constexpr double kHeat = 0.1;         // of the first changes, times the square root of the steps

class Annealing {
public:
  Annealing(Layout &layout, absl::Span<const Schedules::Part> parts, const SearchOptions &options, uint64_t seed)
      : layout(layout), options(options), schedules(layout, parts), random(seed) {
    for (int64_t g = 0; g < layout.instances(); ++g)
      for (int64_t s = 0; s < layout.shape().room[g]; ++s)
        slots.push_back(static_cast<int32_t>(g));
    for (int64_t g = 0; g < layout.instances(); ++g)
      for (int32_t e : layout.held(g))
        moves += Paid(e, g);
    most_moves = options.max_moves < INT64_MAX - moves ? moves + options.max_moves : INT64_MAX;
    price = options.price * static_cast<double>(schedules.steps());
  }

  /// True when no step is above its limit.
  bool Run(int64_t work, absl::FunctionRef<bool()> cut, SearchResult &result) {
    Keep();
    const double hot = kHeat * std::sqrt(static_cast<double>(schedules.steps()));
    int64_t fruitless = 0;
    for (int64_t proposals = 0; schedules.work() + proposals < work && schedules.loose() > 0 && fruitless < kFruitless;
         ++proposals) {
      if (proposals % 8 == 0 && cut()) {
        result.cut = true;
        break;
      }
      ++fruitless;
      LayoutChange change;
      if (!Propose(change))
        continue;
      const int64_t paid = Paid(change);
      if (paid > 0 && moves + paid > most_moves)
        continue;
      fruitless = 0;
      ++result.tried;
      const double left = 1 - static_cast<double>(schedules.work()) / static_cast<double>(work);
      const double accepted = -hot * left * left * std::log(1 - random.Uniform());
      const int64_t most = static_cast<int64_t>(std::floor(accepted - price * static_cast<double>(paid)));
      if (schedules.Try(change, most) > most)
        continue;
      ++result.taken;
      moves += paid;
      if (Cost() < best_cost)
        Keep();
    }
    Restore();
    result.work += schedules.work();
    return schedules.loose() == 0;
  }

private:
  int64_t Paid(int64_t expert, int64_t instance) const {
    return !options.current.empty() && !options.current[instance * layout.experts() + expert];
  }
  /// Replicas that are new after a change, less those before.
  int64_t Paid(const LayoutChange &change) const {
    int64_t paid = 0;
    for (int i = 0; i < change.additions; ++i)
      paid += Paid(change.added[i].expert, change.added[i].instance);
    for (int i = 0; i < change.removals; ++i)
      paid -= Paid(change.removed[i].expert, change.removed[i].instance);
    return paid;
  }
  double Cost() const { return static_cast<double>(schedules.total()) + price * static_cast<double>(moves); }
  int32_t AnyInstance() { return slots[random.Below(std::ssize(slots))]; }
  int32_t AnyExpert(int64_t g) { return layout.held(g)[random.Below(std::ssize(layout.held(g)))]; }

  /// An expert and the instance that holds it. In an aimed proposal the expert is served there in a step above its
  /// limit, and the instance is one of those that keep the step there.
  bool ProposeExpert(int64_t step, int32_t &expert, int32_t &instance) {
    for (int tries = 0; tries < 8; ++tries) {
      instance = AnyInstance();
      if (layout.held(instance).empty() || (step >= 0 && !schedules.InClosedSet(step, instance)))
        continue;
      expert = AnyExpert(instance);
      if (step < 0 || schedules.host(step, expert) == instance)
        return true;
    }
    return false;
  }

  bool Propose(LayoutChange &change) {
    const int64_t step = random.Next() % 2 ? schedules.loose_step(random.Below(schedules.loose())) : -1;
    int32_t e, g;
    if (!ProposeExpert(step, e, g))
      return false;
    const int32_t h = AnyInstance();
    if (h == g || layout.Holds(h, e) || (step >= 0 && schedules.InClosedSet(step, h)))
      return false;
    if (layout.HasRoom(h)) {
      change = {{}, {{e, h}}, 0, 1};
      return true;
    }
    const int32_t f = AnyExpert(h);
    if (layout.Pinned(h, f))
      return false;
    if (layout.replicas(f) > 1 && random.Next() % 2) {
      change = {{{f, h}}, {{e, h}}, 1, 1};
      return true;
    }
    if (layout.Holds(g, f) || layout.Pinned(g, e))
      return false;
    change = {{{e, g}, {f, h}}, {{e, h}, {f, g}}, 2, 2};
    return true;
  }

  void Keep() {
    best_cost = Cost();
    best.resize(layout.instances());
    for (int64_t g = 0; g < layout.instances(); ++g)
      best[g].assign(layout.held(g).begin(), layout.held(g).end());
  }

  void Restore() {
    auto has = [](absl::Span<const int32_t> held, int32_t e) {
      return std::find(held.begin(), held.end(), e) != held.end();
    };
    for (int64_t g = 0; g < layout.instances(); ++g) {
      const std::vector<int32_t> now(layout.held(g).begin(), layout.held(g).end());
      for (int32_t e : now)
        if (!has(best[g], e))
          layout.Remove(g, e);
      for (int32_t e : best[g])
        if (!layout.Holds(g, e))
          layout.Add(g, e);
    }
  }

  Layout &layout;
  const SearchOptions &options;
  Schedules schedules;
  Random random;
  std::vector<int32_t> slots; // instance of each
  double price;
  int64_t moves = 0, most_moves;
  std::vector<std::vector<int32_t>> best;
  double best_cost = 0;
};

} // namespace

SearchResult Search(Layout &layout, const ActivationWindow &window, const SearchOptions &options,
                    absl::FunctionRef<bool()> cut) {
  SearchResult result;
  const bool met = Annealing(layout, {{&window, 1}}, options, options.seed).Run(options.work, cut, result);
  if (!met || result.cut || options.price > 0 || result.work >= options.work)
    return result;
  std::vector<ActivationWindow> filled;
  std::vector<Schedules::Part> parts = {{&window, kStepWeight}};
  for (int i = 0; i < kFills; ++i)
    filled.push_back(FillSteps(window, layout.shape().live(), options.seed + static_cast<uint64_t>(i)));
  for (const ActivationWindow &steps : filled)
    parts.push_back({&steps, 1});
  Annealing(layout, parts, options, ~options.seed).Run(options.work - result.work, cut, result);
  return result;
}

ActivationWindow FillSteps(const ActivationWindow &window, int64_t instances, uint64_t seed) {
  ActivationWindow filled(window.experts(), std::max<int64_t>(window.steps(), 1));
  Random random(seed);
  std::vector<int64_t> others;
  for (int64_t s = 0; s < window.steps(); ++s) {
    filled.Begin();
    int64_t active = 0;
    for (int64_t e = 0; e < window.experts(); ++e)
      if (window.Active(s, e)) {
        filled.Activate(e);
        ++active;
      }
    int64_t wanted = std::min((active + instances - 1) / instances * instances, window.experts()) - active;
    for (int tries = 0; wanted > 0 && tries < 8; ++tries) {
      const int64_t other = random.Below(window.steps());
      others.clear();
      for (int64_t e = 0; e < window.experts(); ++e)
        if (window.Active(other, e) && !filled.Active(s, e))
          others.push_back(e);
      random.Shuffle(others);
      for (int64_t i = 0; i < std::min(wanted, std::ssize(others)); ++i)
        filled.Activate(others[i]);
      wanted -= std::min(wanted, std::ssize(others));
    }
  }
  return filled;
}

} // namespace janus
