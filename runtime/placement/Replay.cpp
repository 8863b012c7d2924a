#include "runtime/placement/Replay.h"

#include "runtime/scheduler/Aebs.h"

#include <algorithm>
#include <bit>

namespace janus {

Replayer::Replayer(int64_t experts, const LayerSlots &slots, absl::Span<const int32_t> dead)
    : experts_(experts), instances_(static_cast<int64_t>(slots.size())), chosen_(experts),
      workspace_(scheduler::AebsWorkspace(experts, instances_)), load_(instances_) {
  std::vector<std::vector<std::pair<int32_t, int32_t>>> hosts(experts);
  for (int64_t g = 0; g < instances_; ++g)
    for (size_t s = 0; s < slots[g].size(); ++s)
      if (slots[g][s] >= 0 && std::find(dead.begin(), dead.end(), g) == dead.end())
        hosts[slots[g][s]].emplace_back(g, s);
  begin_.push_back(0);
  for (const auto &of_expert : hosts) {
    for (auto [instance, slot] : of_expert) {
      instance_.push_back(instance);
      slot_.push_back(slot);
    }
    begin_.push_back(static_cast<int32_t>(instance_.size()));
  }
}

Replayer::Step Replayer::Schedule(absl::Span<const uint64_t> active, bool greedy) {
  ids_.clear();
  for (size_t w = 0; w < active.size(); ++w)
    for (uint64_t bits = active[w]; bits; bits &= bits - 1)
      ids_.push_back(static_cast<int32_t>(w * 64) + std::countr_zero(bits));
  const scheduler::ReplicaTableView table = {static_cast<int32_t>(experts_), static_cast<int32_t>(instances_),
                                             begin_.data(), instance_.data(), slot_.data()};
  scheduler::SerialBlock block;
  scheduler::AebsResult result;
  scheduler::Aebs(block, ids_.data(), static_cast<int64_t>(ids_.size()), table, chosen_.data(), workspace_.data(),
                  &result, !greedy);
  std::fill(load_.begin(), load_.end(), 0);
  for (int32_t e : ids_)
    if (chosen_[e] >= 0)
      ++load_[instance_[chosen_[e]]];
  return {result.a_max, result.activated, result.missing};
}

} // namespace janus
