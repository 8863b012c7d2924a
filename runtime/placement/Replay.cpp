#include "runtime/placement/Replay.h"

#include <algorithm>

namespace janus {

Replayer::Replayer(int64_t experts, const LayerSlots &slots, absl::Span<const int32_t> dead) : load_(slots.size()) {
  const auto instances = static_cast<int32_t>(slots.size());
  std::vector<std::vector<std::pair<int32_t, int32_t>>> hosts(experts);
  for (int32_t g = 0; g < instances; ++g)
    for (size_t s = 0; s < slots[g].size(); ++s)
      if (slots[g][s] >= 0)
        hosts[slots[g][s]].emplace_back(g, s);
  std::vector<int32_t> begin = {0}, instance, slot;
  for (const auto &of_expert : hosts) {
    for (auto [g, s] : of_expert) {
      instance.push_back(g);
      slot.push_back(s);
    }
    begin.push_back(static_cast<int32_t>(instance.size()));
  }
  std::vector<uint8_t> live(instances, 1);
  for (int32_t g : dead)
    if (g >= 0 && g < instances)
      live[g] = 0;
  const scheduler::ReplicaList list = {static_cast<int32_t>(experts), instances, begin.data(), instance.data(),
                                       slot.data()};
  exact_.Set(list, live.data());
  greedy_.Set(list, live.data(), scheduler::Rule::kJanusGreedy);
  scheduler_.Reserve(experts, instances);
}

Replayer::Step Replayer::Schedule(absl::Span<const uint64_t> active, bool greedy) {
  const scheduler::ReplicaTableView table = (greedy ? greedy_ : exact_).view();
  for (int32_t e = 0; e < table.experts; ++e)
    scheduler_.marks()[e] = active[e / 64] >> e % 64 & 1;
  const scheduler::AebsResult &result = scheduler_.RunMarked(table);
  std::fill(load_.begin(), load_.end(), 0);
  for (int32_t e = 0; e < table.experts; ++e)
    if (scheduler_.chosen()[e] >= 0)
      ++load_[table.instance[scheduler_.chosen()[e]]];
  return {result.a_max, result.activated, result.missing};
}

} // namespace janus
