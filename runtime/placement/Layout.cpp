#include "runtime/placement/Layout.h"

#include <algorithm>
#include <numeric>

namespace janus {

int64_t LayoutShape::slots() const { return std::accumulate(room.begin(), room.end(), int64_t{0}); }

int64_t LayoutShape::live() const {
  return std::count_if(room.begin(), room.end(), [](int64_t slots) { return slots > 0; });
}

Layout::Layout(const LayoutShape &shape)
    : shape_(shape), held_(shape.room.size()), hosts_(shape.experts), state_(shape.instances() * shape.experts) {
  for (const auto &[expert, instance] : shape.pinned) {
    Add(instance, expert);
    state_[instance * experts() + expert] = kPinned;
  }
}

void Layout::Add(int64_t instance, int64_t expert) {
  held_[instance].push_back(static_cast<int32_t>(expert));
  hosts_[expert].push_back(static_cast<int32_t>(instance));
  state_[instance * experts() + expert] = kHeld;
}

void Layout::Remove(int64_t instance, int64_t expert) {
  auto erase = [](std::vector<int32_t> &from, int64_t what) {
    *std::find(from.begin(), from.end(), what) = from.back();
    from.pop_back();
  };
  erase(held_[instance], expert);
  erase(hosts_[expert], instance);
  state_[instance * experts() + expert] = kAbsent;
}

void FillSpare(Layout &layout, absl::Span<const double> load) {
  auto roomiest = [&](int64_t expert) {
    int64_t best = -1, most = 0;
    for (int64_t g = 0; g < layout.instances(); ++g) {
      const int64_t room = layout.shape().room[g] - static_cast<int64_t>(layout.held(g).size());
      if (room > most && !layout.Holds(g, expert))
        best = g, most = room;
    }
    return best;
  };
  auto before = [&](int64_t e, int64_t f) {
    const double mine = load[e] * static_cast<double>(layout.replicas(f)),
                 other = load[f] * static_cast<double>(layout.replicas(e));
    return mine > other || (mine == other && layout.replicas(e) < layout.replicas(f));
  };
  while (true) {
    int64_t best = -1, where = -1;
    for (int64_t e = 0; e < layout.experts(); ++e) {
      if (best >= 0 && !before(e, best))
        continue;
      if (const int64_t g = roomiest(e); g >= 0)
        best = e, where = g;
    }
    if (best < 0)
      return;
    layout.Add(where, best);
  }
}

} // namespace janus
