#include "runtime/placement/Repair.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace janus {
namespace {

/// A layer while it is repaired.
class LayerRepair {
public:
  LayerRepair(const Placement &present, int64_t layer, const std::vector<int32_t> &lost)
      : slots_(present.layer(layer)), live_(slots_.size(), 1), given_(slots_.size()),
        replicas_(present.shape().experts[layer]) {
    for (int32_t g : lost)
      live_[g] = 0;
    for (size_t g = 0; g < slots_.size(); ++g) {
      slots_[g].resize(present.shape().slots, -1);
      for (int32_t expert : slots_[g])
        if (live_[g] && expert >= 0)
          ++replicas_[expert];
    }
  }

  /// The lowest expert that has no replica; -1: none.
  int32_t Missing() const {
    const auto missing = std::find(replicas_.begin(), replicas_.end(), 0);
    return missing == replicas_.end() ? -1 : static_cast<int32_t>(missing - replicas_.begin());
  }
  bool Put(int32_t expert) {
    int32_t *slot = FreeSlot();
    if (!slot)
      slot = RedundantSlot();
    if (!slot)
      return false;
    if (*slot >= 0)
      --replicas_[*slot];
    *slot = expert;
    ++replicas_[expert];
    return true;
  }
  int64_t missing() const { return std::count(replicas_.begin(), replicas_.end(), 0); }
  const LayerSlots &slots() const { return slots_; }

private:
  int32_t *FreeSlot() {
    int32_t *best = nullptr;
    int64_t most = 0;
    for (size_t g = 0; g < slots_.size(); ++g) {
      const int64_t free = live_[g] ? std::count(slots_[g].begin(), slots_[g].end(), -1) : 0;
      if (free > most)
        most = free, best = &*std::find(slots_[g].begin(), slots_[g].end(), -1);
    }
    return best;
  }
  int32_t *RedundantSlot() {
    int32_t *best = nullptr;
    size_t host = 0;
    std::tuple<int64_t, int64_t> least; // replicas, negative; given to the instance
    for (size_t g = 0; g < slots_.size(); ++g)
      for (int32_t &expert : slots_[g]) {
        if (!live_[g] || expert < 0 || replicas_[expert] < 2)
          continue;
        const std::tuple price(-replicas_[expert], given_[g]);
        if (!best || price < least)
          best = &expert, least = price, host = g;
      }
    given_[host] += best != nullptr;
    return best;
  }

  LayerSlots slots_;
  std::vector<char> live_;
  std::vector<int64_t> given_;    // experts in place of others, by instance
  std::vector<int64_t> replicas_; // live ones, by expert
};

} // namespace

absl::StatusOr<Placement> Repair(const Placement &present, const std::vector<int32_t> &lost, uint32_t epoch) {
  std::map<int64_t, LayerSlots> changed;
  for (int64_t layer = 0; layer < present.layers(); ++layer) {
    LayerRepair repair(present, layer, lost);
    if (repair.Missing() < 0)
      continue;
    for (int32_t expert = repair.Missing(); expert >= 0; expert = repair.Missing())
      if (!repair.Put(expert)) {
        const int64_t live = present.shape().instances - static_cast<int64_t>(lost.size());
        return absl::UnavailableError(absl::StrCat("layer ", layer, ": found ", live, " expert instances with ",
                                                   present.shape().slots, " slots, expected room for ",
                                                   present.shape().experts[layer], " experts; ", repair.missing(),
                                                   " have none"));
      }
    changed[layer] = repair.slots();
  }
  return present.With(changed, epoch, lost);
}

} // namespace janus
