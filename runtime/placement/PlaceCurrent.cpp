#include "runtime/placement/Policies.h"

namespace janus {
namespace {

/// Instance with most room, or -1.
int64_t Roomiest(const Layout &layout) {
  int64_t best = -1, most = 0;
  for (int64_t g = 0; g < layout.instances(); ++g)
    if (const int64_t room = layout.shape().room[g] - std::ssize(layout.held(g)); room > most)
      best = g, most = room;
  return best;
}

/// Takes away the replica whose expert has the least load a replica afterwards. There is one: there are as many slots
/// as experts and pins need, so that of some expert there is a second replica, and one of them is not pinned.
int64_t MakeRoom(Layout &layout, absl::Span<const double> load) {
  int64_t from = -1;
  int32_t least = -1;
  auto missed = [&](int32_t e) { return load[e] / static_cast<double>(layout.replicas(e) - 1); };
  for (int64_t g = 0; g < layout.instances(); ++g)
    for (int32_t e : layout.held(g))
      if (layout.replicas(e) > 1 && !layout.Pinned(g, e) &&
          (from < 0 || missed(e) < missed(least) || (missed(e) == missed(least) && e < least)))
        from = g, least = e;
  layout.Remove(from, least);
  return from;
}

} // namespace

void PlaceCurrent(Layout &layout, const std::vector<std::vector<int32_t>> &current, absl::Span<const double> load) {
  for (int64_t g = 0; g < layout.instances(); ++g)
    for (int32_t e : current[g])
      if (e >= 0 && layout.CanAdd(g, e))
        layout.Add(g, e);
  for (int64_t e = 0; e < layout.experts(); ++e)
    if (layout.replicas(e) == 0) {
      const int64_t g = Roomiest(layout);
      layout.Add(g >= 0 ? g : MakeRoom(layout, load), e);
    }
}

} // namespace janus
