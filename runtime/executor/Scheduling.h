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

/// AEBS over the placement's replicas. Only Bind and Reserve allocate.
class Scheduler {
public:
  /// Takes the placement's replicas on live instances; `placement` is not kept.
  void Bind(const Placement &placement);
  /// Room for the choices of a step: rows * k at most.
  void Reserve(int64_t choices);
  /// Bytes that Reserve takes.
  static int64_t Bytes(int64_t choices) { return choices * static_cast<int64_t>(sizeof(uint16_t)); }

  /// Chooses for the ids [rows * k] of a layer. DataLoss: an id is no expert.
  /// FailedPrecondition: activated experts have no live replica; missing() says
  /// which, the others are scheduled.
  absl::Status Run(int64_t layer, const int32_t *ids, int64_t count);
  /// Where the pairs of an activated expert go: instance * slots per instance
  /// + slot; as the last Run chose. Negative: not activated, or missing.
  int32_t slot(int64_t expert) const { return kernel.lookup()[expert]; }
  /// The same as an array over the layer's experts.
  const int32_t *slot_of_expert() const { return kernel.lookup(); }
  int64_t a_max() const { return kernel.result().a_max; }
  int64_t distinct() const { return kernel.result().activated; }
  /// Activated experts without a live replica, ascending.
  absl::Span<const uint16_t> missing() const {
    return {kernel.missing(), static_cast<size_t>(kernel.result().missing)};
  }

private:
  std::vector<scheduler::ReplicaTable> tables; // by layer
  std::vector<uint16_t> choices;               // [rows * k]
  scheduler::SerialScheduler kernel;
};

} // namespace janus::executor

#endif // JANUS_RUNTIME_EXECUTOR_SCHEDULING_H
