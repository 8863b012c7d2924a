#include "runtime/executor/Scheduling.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>

namespace janus::executor {

void ScheduleMemo::Reserve(int64_t experts, int64_t instances, int64_t replicas, int64_t choices) {
  table_.Reserve(experts, replicas);
  kernel_.Reserve(experts, instances);
  choices_.resize(std::max(choices, static_cast<int64_t>(choices_.size())));
}

const scheduler::SerialScheduler &ScheduleMemo::Run(const scheduler::ReplicaTable &table,
                                                    absl::Span<const uint16_t> choices, bool &computed) {
  const auto count = static_cast<int64_t>(choices.size());
  computed = count != count_ || !std::equal(choices.begin(), choices.end(), choices_.begin()) || !(table == table_);
  if (computed) {
    table_ = table;
    count_ = count;
    std::copy(choices.begin(), choices.end(), choices_.begin());
    kernel_.Run(table_.view(), {choices_.data(), count});
  }
  return kernel_;
}

void Scheduler::Bind(const Placement &placement) {
  const PlacementShape &shape = placement.shape();
  std::vector<uint8_t> live(shape.instances, 1);
  for (int32_t instance : placement.dead())
    live[instance] = 0;
  tables.resize(placement.layers());
  for (int64_t of_layer : shape.experts)
    experts = std::max(experts, of_layer);
  instances = shape.instances;
  replicas = shape.instances * shape.slots;
  SetLive(placement, live);
  slots.resize(experts);
  lost.resize(experts);
  ReserveKernel();
}

void Scheduler::SetLive(const Placement &placement, absl::Span<const uint8_t> live) {
  for (int64_t layer = 0; layer < placement.layers(); ++layer)
    tables[layer].Set(placement.replicas(layer), live.data());
}

void Scheduler::Reserve(int64_t count) {
  choices.resize(count);
  ReserveKernel();
}

void Scheduler::Share(ScheduleMemo &with) {
  memo = &with;
  ReserveKernel();
}

void Scheduler::ReserveKernel() {
  if (memo)
    memo->Reserve(experts, instances, replicas, static_cast<int64_t>(choices.size()));
  else
    kernel.Reserve(experts, instances);
}

absl::Status Scheduler::Run(int64_t layer, const int32_t *ids, int64_t count) {
  const scheduler::ReplicaTable &table = tables[layer];
  const auto known = static_cast<uint32_t>(table.view().experts);
  if (count > static_cast<int64_t>(choices.size()))
    return absl::InternalError(
        absl::StrCat("found ", count, " choices, expected at most the reserved ", choices.size()));
  bool all_known = true;
  for (int64_t i = 0; i < count; ++i) {
    all_known &= static_cast<uint32_t>(ids[i]) < known;
    choices[i] = static_cast<uint16_t>(ids[i]);
  }
  if (!all_known) {
    const auto *bad = std::find_if(ids, ids + count, [&](int32_t id) { return static_cast<uint32_t>(id) >= known; });
    return absl::DataLossError(
        absl::StrCat("choice ", bad - ids, ": found expert ", *bad, ", expected an expert below ", known));
  }
  if (!memo)
    kernel.Run(table.view(), {choices.data(), count});
  const scheduler::SerialScheduler &schedule =
      memo ? memo->Run(table, absl::MakeConstSpan(choices).first(count), computed_) : kernel;
  result = schedule.result();
  std::copy_n(schedule.lookup(), known, slots.begin());
  std::copy_n(schedule.missing(), result.missing, lost.begin());
  return CheckMissing();
}

absl::Status Scheduler::CheckMissing() const {
  if (result.missing == 0)
    return absl::OkStatus();
  if (result.missing == 1)
    return absl::FailedPreconditionError(
        absl::StrCat("expert ", lost[0], " is activated but has no live replica; load it on another instance"));
  return absl::FailedPreconditionError(
      absl::StrCat("experts ", absl::StrJoin(missing().first(std::min(result.missing, 8)), ", "),
                   result.missing > 8 ? ", ..." : "", " are activated but have no live replica (", result.missing,
                   " of ", distinct(), "); load them on other instances"));
}

} // namespace janus::executor
