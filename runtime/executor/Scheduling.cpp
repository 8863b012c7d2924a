#include "runtime/executor/Scheduling.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus::executor {

void Scheduler::Bind(const Placement &bound) {
  placement = &bound;
  int64_t experts = 0;
  for (int64_t count : bound.shape().experts)
    experts = std::max(experts, count);
  chosen.resize(experts);
  slots.resize(experts);
  workspace.resize(scheduler::AebsWorkspace(experts, bound.shape().instances));
}

absl::Status Scheduler::Run(int64_t layer, const int32_t *ids, int64_t count) {
  const scheduler::ReplicaTableView table = placement->table(layer);
  for (int64_t i = 0; i < count; ++i)
    if (ids[i] < 0 || ids[i] >= table.experts)
      return absl::DataLossError(
          absl::StrCat("choice ", i, ": found expert ", ids[i], ", expected an expert below ", table.experts));
  scheduler::SerialBlock block;
  scheduler::Aebs(block, ids, count, table, chosen.data(), workspace.data(), &result);
  const int64_t per_instance = placement->shape().slots;
  for (int32_t expert = 0; expert < table.experts; ++expert) {
    const int32_t replica = chosen[expert];
    if (replica == scheduler::kNoReplica)
      return absl::FailedPreconditionError(
          absl::StrCat("expert ", expert, " is activated but has no live replica; load it on another instance"));
    slots[expert] =
        replica < 0 ? -1 : static_cast<int32_t>(table.instance[replica] * per_instance) + table.slot[replica];
  }
  return absl::OkStatus();
}

} // namespace janus::executor
