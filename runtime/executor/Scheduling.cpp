#include "runtime/executor/Scheduling.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>

namespace janus::executor {

void Scheduler::Bind(const Placement &placement) {
  const PlacementShape &shape = placement.shape();
  int64_t experts = 0;
  std::vector<uint8_t> live(shape.instances, 1);
  for (int32_t instance : placement.dead())
    live[instance] = 0;
  tables.resize(placement.layers());
  for (int64_t layer = 0; layer < placement.layers(); ++layer) {
    experts = std::max(experts, shape.experts[layer]);
    tables[layer].Set(placement.replicas(layer), live.data());
  }
  kernel.Reserve(experts, shape.instances);
}

void Scheduler::Reserve(int64_t count) { choices.resize(count); }

absl::Status Scheduler::Run(int64_t layer, const int32_t *ids, int64_t count) {
  const scheduler::ReplicaTableView table = tables[layer].view();
  if (count > static_cast<int64_t>(choices.size()))
    return absl::InternalError(
        absl::StrCat("found ", count, " choices, expected at most the reserved ", choices.size()));
  const auto experts = static_cast<uint32_t>(table.experts);
  bool known = true;
  for (int64_t i = 0; i < count; ++i) {
    known &= static_cast<uint32_t>(ids[i]) < experts;
    choices[i] = static_cast<uint16_t>(ids[i]);
  }
  if (!known) {
    const auto *bad = std::find_if(ids, ids + count, [&](int32_t id) { return static_cast<uint32_t>(id) >= experts; });
    return absl::DataLossError(
        absl::StrCat("choice ", bad - ids, ": found expert ", *bad, ", expected an expert below ", table.experts));
  }
  const int32_t lost = kernel.Run(table, {choices.data(), count}).missing;
  if (lost == 1)
    return absl::FailedPreconditionError(
        absl::StrCat("expert ", missing()[0], " is activated but has no live replica; load it on another instance"));
  if (lost > 1)
    return absl::FailedPreconditionError(absl::StrCat(
        "experts ", absl::StrJoin(missing().first(std::min(lost, 8)), ", "), lost > 8 ? ", ..." : "",
        " are activated but have no live replica (", lost, " of ", distinct(), "); load them on other instances"));
  return absl::OkStatus();
}

} // namespace janus::executor
