#include "runtime/placement/Policies.h"

namespace janus {

void PlaceInOrder(Layout &layout, absl::Span<const int32_t> order) {
  std::vector<int64_t> room = layout.shape().room; // less what pins take
  int64_t total = 0, unplaced = 0;
  for (int64_t g = 0; g < layout.instances(); ++g)
    total += room[g] -= static_cast<int64_t>(layout.held(g).size());
  for (int32_t e : order)
    unplaced += layout.replicas(e) == 0;
  int64_t g = 0, end = layout.instances() ? room[0] : 0, i = 0;
  for (int32_t e : order) {
    if (layout.replicas(e) > 0)
      continue;
    while (i * total / unplaced >= end)
      end += room[++g];
    layout.Add(g, e);
    ++i;
  }
  for (int64_t misses = 0, next = 0; misses < layout.experts(); ++next) {
    const int32_t e = order[next % layout.experts()];
    int64_t best = -1, most = 0;
    for (int64_t h = 0; h < layout.instances(); ++h) {
      const int64_t free = layout.shape().room[h] - static_cast<int64_t>(layout.held(h).size());
      if (free > most && !layout.Holds(h, e))
        best = h, most = free;
    }
    misses = best < 0 ? misses + 1 : 0;
    if (best >= 0)
      layout.Add(best, e);
  }
}

} // namespace janus
