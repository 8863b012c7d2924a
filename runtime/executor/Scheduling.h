//===- Scheduling.h - the scheduler kernel on one instance ------*- C++ -*-===//
#ifndef JANUS_RUNTIME_EXECUTOR_SCHEDULING_H
#define JANUS_RUNTIME_EXECUTOR_SCHEDULING_H

#include "absl/status/status.h"
#include "runtime/placement/Placement.h"

#include <cstdint>
#include <vector>

namespace janus::executor {

/// AEBS over the placement's replica table. All memory is allocated by Bind.
class Scheduler {
public:
  void Bind(const Placement &placement);
  /// Chooses for the ids [count] of a layer. DataLoss: an id is no expert.
  /// FailedPrecondition: an activated expert has no live replica.
  absl::Status Run(int64_t layer, const int32_t *ids, int64_t count);
  /// Where the pairs of an activated expert go: instance * slots per instance
  /// + slot; as the last Run chose.
  int32_t slot(int64_t expert) const { return slots[expert]; }
  /// The same as an array over the layer's experts; -1: not activated.
  const int32_t *slot_of_expert() const { return slots.data(); }
  int64_t a_max() const { return result.a_max; }
  int64_t distinct() const { return result.activated; }
  int64_t bytes() const { return static_cast<int64_t>((chosen.size() + slots.size() + workspace.size()) * 4); }

private:
  const Placement *placement = nullptr;
  std::vector<int32_t> chosen, slots, workspace;
  scheduler::AebsResult result;
};

} // namespace janus::executor

#endif // JANUS_RUNTIME_EXECUTOR_SCHEDULING_H
