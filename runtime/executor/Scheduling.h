//===- Scheduling.h - the scheduler kernel on one instance ------*- C++ -*-===//
#ifndef JANUS_RUNTIME_EXECUTOR_SCHEDULING_H
#define JANUS_RUNTIME_EXECUTOR_SCHEDULING_H

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "runtime/placement/Placement.h"
#include "runtime/scheduler/SerialScheduler.h"

#include <cstdint>
#include <vector>

namespace janus::executor {

/// The last schedule that a process computed. A schedule is a pure function of
/// replicas and choices, and all instances that schedule a layer have the same;
/// those of one process find it here by comparing both, all of both. Nothing an
/// instance knows reaches another through it. For one thread.
class ScheduleMemo {
public:
  void Reserve(int64_t experts, int64_t instances, int64_t replicas, int64_t choices);
  /// The schedule of `choices`, each a valid id of the table; `computed` says
  /// whether it had to be computed. Valid until the next Run.
  const scheduler::SerialScheduler &Run(const scheduler::ReplicaTable &table, absl::Span<const uint16_t> choices,
                                        bool &computed);

private:
  scheduler::ReplicaTable table_;
  std::vector<uint16_t> choices_;
  int64_t count_ = -1; // of choices; -1: nothing is held
  scheduler::SerialScheduler kernel_;
};

/// AEBS over the placement's replicas. Only Bind, Reserve and Share allocate.
class Scheduler {
public:
  /// Takes the placement's replicas on live instances; `placement` is not kept.
  void Bind(const Placement &placement);
  /// Of a placement that was bound: live[g] = 0: expert instance g serves nobody.
  /// All instances that schedule a step must have the same set.
  void SetLive(const Placement &placement, absl::Span<const uint8_t> live);
  /// Room for the choices of a step: rows * k at most.
  void Reserve(int64_t choices);
  /// Bytes that Reserve takes.
  static int64_t Bytes(int64_t choices) { return choices * static_cast<int64_t>(sizeof(uint16_t)); }
  /// Looks for schedules in `memo`, which outlives this. After Reserve.
  void Share(ScheduleMemo &memo);

  /// Chooses for the ids [rows * k] of a layer. DataLoss: an id is no expert.
  /// FailedPrecondition: activated experts have no live replica; missing() says
  /// which, the others are scheduled.
  absl::Status Run(int64_t layer, const int32_t *ids, int64_t count);
  /// Where the pairs of an activated expert go: instance * slots per instance
  /// + slot; as the last Run chose. Negative: not activated, or missing.
  int32_t slot(int64_t expert) const { return slots[expert]; }
  /// The same as an array over the layer's experts.
  const int32_t *slot_of_expert() const { return slots.data(); }
  /// The ids of the last Run.
  absl::Span<const uint16_t> last_choices(int64_t count) const { return {choices.data(), static_cast<size_t>(count)}; }
  int64_t a_max() const { return result.a_max; }
  int64_t distinct() const { return result.activated; }
  /// Activated experts without a live replica, ascending.
  absl::Span<const uint16_t> missing() const { return {lost.data(), static_cast<size_t>(result.missing)}; }
  /// Whether the last Run computed, or found the schedule in the memo.
  bool computed() const { return computed_; }

private:
  void ReserveKernel();
  absl::Status CheckMissing() const;

  std::vector<scheduler::ReplicaTable> tables;      // by layer
  int64_t experts = 0, instances = 0, replicas = 0; // at most, in a layer
  std::vector<uint16_t> choices;                    // [rows * k]
  ScheduleMemo *memo = nullptr;
  scheduler::SerialScheduler kernel; // without a memo
  bool computed_ = true;
  scheduler::AebsResult result; // of the last Run, with the following
  std::vector<int32_t> slots;   // [experts]
  std::vector<uint16_t> lost;   // [experts]
};

} // namespace janus::executor

#endif // JANUS_RUNTIME_EXECUTOR_SCHEDULING_H
