#include "runtime/placement/Policies.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace janus {
namespace {

class Greedy {
public:
  Greedy(Layout &layout, absl::Span<const double> load, const ActivationStatistics &statistics)
      : layout(layout), load(load), statistics(statistics), replicas(layout.experts()), carried(layout.instances()) {}

  void Place() {
    CountReplicas();
    for (int64_t g = 0; g < layout.instances(); ++g)
      for (int32_t e : layout.held(g))
        carried[g] += Share(e);
    std::vector<int32_t> order(layout.experts());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t e, int32_t f) { return Heavier(e, f); });
    for (int32_t e : order)
      while (layout.replicas(e) < replicas[e] && (PlaceFree(e) || PlaceBySwap(e))) {
      }
  }

private:
  /// load(e) / R(e) > load(f) / R(f).
  bool Heavier(int64_t e, int64_t f) const {
    return load[e] * static_cast<double>(replicas[f]) > load[f] * static_cast<double>(replicas[e]);
  }
  double Share(int32_t e) const { return load[e] / static_cast<double>(replicas[e]); }

  /// Summed co-activation of an expert with those an instance holds, without `but`.
  double Meets(int32_t e, int64_t g, int32_t but = -1) const {
    double sum = 0;
    for (int32_t f : layout.held(g))
      sum += f == but ? 0 : statistics.Both(e, f);
    return sum;
  }

  void CountReplicas() {
    int64_t spare = layout.shape().slots();
    const int64_t live = layout.shape().live();
    for (int64_t e = 0; e < layout.experts(); ++e)
      spare -= replicas[e] = std::max<int64_t>(1, layout.replicas(e));
    for (; spare > 0; --spare) {
      int64_t best = -1;
      for (int64_t e = 0; e < layout.experts(); ++e)
        if (replicas[e] < live && (best < 0 || Heavier(e, best)))
          best = e;
      if (best < 0)
        return;
      ++replicas[best];
    }
  }

  bool PlaceFree(int32_t e) {
    int64_t best = -1;
    std::tuple<double, double, size_t> least;
    for (int64_t g = 0; g < layout.instances(); ++g) {
      if (!layout.CanAdd(g, e))
        continue;
      const std::tuple<double, double, size_t> cost = {Meets(e, g), carried[g], layout.held(g).size()};
      if (best < 0 || cost < least)
        best = g, least = cost;
    }
    if (best < 0)
      return false;
    layout.Add(best, e);
    carried[best] += Share(e);
    return true;
  }

  /// Every instance with room holds e already: one of another instance's experts, x, goes there and e takes its slot.
  bool PlaceBySwap(int32_t e) {
    int64_t from = -1, to = -1;
    int32_t moved = -1;
    double least = 0;
    for (int64_t g = 0; g < layout.instances(); ++g)
      for (int64_t h = 0; layout.HasRoom(g) && h < layout.instances(); ++h) {
        if (layout.Holds(h, e))
          continue;
        for (int32_t x : layout.held(h)) {
          if (layout.Holds(g, x) || layout.Pinned(h, x))
            continue;
          const double cost = Meets(x, g) + Meets(e, h, x) - Meets(x, h, x);
          if (from < 0 || cost < least)
            from = h, to = g, moved = x, least = cost;
        }
      }
    if (from < 0)
      return false;
    layout.Remove(from, moved);
    layout.Add(to, moved);
    layout.Add(from, e);
    carried[to] += Share(moved);
    carried[from] += Share(e) - Share(moved);
    return true;
  }

  Layout &layout;
  absl::Span<const double> load;
  const ActivationStatistics &statistics;
  std::vector<int64_t> replicas; // wanted
  std::vector<double> carried;   // summed load a replica, by instance
};

} // namespace

void PlaceGreedily(Layout &layout, absl::Span<const double> load, const ActivationStatistics &statistics) {
  Greedy(layout, load, statistics).Place();
  FillSpare(layout, load);
}

} // namespace janus
