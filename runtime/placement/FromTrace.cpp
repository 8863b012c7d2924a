// A placement fitted to recorded steps. Per layer: replicas by activation frequency, then each replica to the instance
// whose experts are least often active in the same steps.
#include "runtime/placement/Placement.h"
#include "runtime/placement/RoutingTrace.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace janus {
namespace {

class LayerFit {
public:
  LayerFit(const ActivationWindow &window, int64_t instances, int64_t slots)
      : experts(window.experts()), instances(instances), slots(slots), frequency(experts), replicas(experts, 1),
        both(experts * experts), held(instances), load(instances) {
    for (int64_t e = 0; e < experts; ++e)
      for (int64_t f = 0; f < experts; ++f)
        both[e * experts + f] = f < e ? both[f * experts + e] : static_cast<int32_t>(window.Both(e, f));
    for (int64_t e = 0; e < experts; ++e)
      frequency[e] = both[e * experts + e];
  }

  std::vector<std::vector<int32_t>> Place() {
    CountReplicas();
    std::vector<int32_t> order(experts);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t e, int32_t f) { return Heavier(e, f); });
    for (int32_t e : order)
      for (int64_t r = 0; r < replicas[e]; ++r)
        if (!PlaceFree(e))
          PlaceBySwap(e);
    return std::move(held);
  }

private:
  /// c(e) / R(e) > c(f) / R(f), exactly.
  bool Heavier(int64_t e, int64_t f) const { return frequency[e] * replicas[f] > frequency[f] * replicas[e]; }
  double Share(int32_t e) const { return static_cast<double>(frequency[e]) / static_cast<double>(replicas[e]); }
  bool Holds(int64_t g, int32_t e) const { return std::find(held[g].begin(), held[g].end(), e) != held[g].end(); }
  bool HasRoom(int64_t g) const { return static_cast<int64_t>(held[g].size()) < slots; }

  /// Summed co-activation of an expert with those an instance holds, without `but`.
  int64_t Meets(int32_t e, int64_t g, int32_t but = -1) const {
    int64_t sum = 0;
    for (int32_t f : held[g])
      sum += f == but ? 0 : both[e * experts + f];
    return sum;
  }

  /// Each spare slot to the expert with the most steps a replica, at most one replica an instance.
  void CountReplicas() {
    for (int64_t spare = instances * slots - experts; spare > 0; --spare) {
      int64_t best = -1;
      for (int64_t e = 0; e < experts; ++e)
        if (replicas[e] < instances && (best < 0 || Heavier(e, best)))
          best = e;
      if (best < 0)
        return;
      ++replicas[best];
    }
  }

  bool PlaceFree(int32_t e) {
    int64_t best = -1;
    std::tuple<int64_t, double, size_t> least;
    for (int64_t g = 0; g < instances; ++g) {
      if (!HasRoom(g) || Holds(g, e))
        continue;
      const std::tuple<int64_t, double, size_t> cost = {Meets(e, g), load[g], held[g].size()};
      if (best < 0 || cost < least)
        best = g, least = cost;
    }
    if (best < 0)
      return false;
    held[best].push_back(e);
    load[best] += Share(e);
    return true;
  }

  /// Every instance with room holds e already: one of another instance's experts, x, goes there and e takes its slot.
  /// There is such an x: e is not on all instances, and an instance with room holds fewer experts than a full one.
  void PlaceBySwap(int32_t e) {
    int64_t from = -1, to = -1, least = 0;
    size_t at = 0;
    for (int64_t g = 0; g < instances; ++g)
      for (int64_t h = 0; HasRoom(g) && h < instances; ++h)
        for (size_t i = 0; !Holds(h, e) && i < held[h].size(); ++i) {
          const int32_t x = held[h][i];
          if (Holds(g, x))
            continue;
          const int64_t cost = Meets(x, g) + Meets(e, h, x) - Meets(x, h, x);
          if (from < 0 || cost < least)
            from = h, to = g, at = i, least = cost;
        }
    const int32_t x = held[from][at];
    held[to].push_back(x);
    held[from][at] = e;
    load[to] += Share(x);
    load[from] += Share(e) - Share(x);
  }

  const int64_t experts, instances, slots;
  std::vector<int64_t> frequency, replicas;
  std::vector<int32_t> both; // [experts][experts]
  std::vector<std::vector<int32_t>> held;
  std::vector<double> load; // summed steps a replica
};

} // namespace

absl::StatusOr<Placement> Placement::FromTrace(const PlacementShape &shape,
                                               const std::vector<ActivationWindow> &windows) {
  if (absl::Status status = shape.Check(); !status.ok())
    return status;
  if (windows.size() != shape.experts.size())
    return absl::InvalidArgumentError(absl::StrCat("routing trace: found ", windows.size(), " layers, expected ",
                                                   shape.experts.size(), " as in the model"));
  std::vector<std::vector<std::vector<int32_t>>> slots;
  for (size_t l = 0; l < windows.size(); ++l) {
    if (windows[l].experts() != shape.experts[l])
      return absl::InvalidArgumentError(absl::StrCat("routing trace: layer ", l, ": found ", windows[l].experts(),
                                                     " experts, expected ", shape.experts[l], " as in the model"));
    if (windows[l].steps() == 0)
      return absl::InvalidArgumentError(
          absl::StrCat("routing trace: layer ", l, ": found no step; record a longer run"));
    slots.push_back(LayerFit(windows[l], shape.instances, shape.slots).Place());
  }
  return Make(shape, std::move(slots));
}

} // namespace janus
