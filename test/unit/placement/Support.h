#ifndef JANUS_TEST_UNIT_PLACEMENT_SUPPORT_H
#define JANUS_TEST_UNIT_PLACEMENT_SUPPORT_H

#include "runtime/placement/Placement.h"

#include <vector>

namespace janus {

inline LayerSlots SlotsOf(const Placement &placement, int64_t layer) {
  LayerSlots slots(placement.shape().instances);
  for (int64_t g = 0; g < placement.shape().instances; ++g)
    for (int64_t s = 0; s < placement.shape().slots; ++s)
      if (placement.expert(layer, g, s) >= 0)
        slots[g].push_back(placement.expert(layer, g, s));
  return slots;
}

/// Replicas of each expert of a layer, counted in the slots.
inline std::vector<int> ReplicasOf(const Placement &placement, int64_t layer) {
  std::vector<int> replicas(placement.shape().experts[layer]);
  for (const auto &held : SlotsOf(placement, layer))
    for (int32_t e : held)
      ++replicas[e];
  return replicas;
}

} // namespace janus

#endif // JANUS_TEST_UNIT_PLACEMENT_SUPPORT_H
