//===- Replay.h - a_max of a placement over observed steps ------*- C++ -*-===//
#ifndef JANUS_RUNTIME_PLACEMENT_REPLAY_H
#define JANUS_RUNTIME_PLACEMENT_REPLAY_H

#include "runtime/placement/ActivationWindow.h"
#include "runtime/placement/Placement.h"
#include "runtime/scheduler/SerialScheduler.h"

#include "absl/types/span.h"

#include <cstdint>
#include <vector>

namespace janus {

/// Schedules one layer's steps under a placement with the runtime's own exact
/// scheduler. Reusable; not shared between threads.
class Replayer {
public:
  /// slots: [instance][slot], -1 empty, ids below `experts`; instances in `dead`
  /// serve nothing.
  Replayer(int64_t experts, const LayerSlots &slots, absl::Span<const int32_t> dead = {});

  struct Step {
    int32_t a_max = 0;   // active experts on the busiest instance
    int32_t active = 0;  // distinct active experts, D
    int32_t missing = 0; // of them without a live replica
  };
  /// Active experts: bit e % 64 of word e / 64, as ActivationWindow::step. Greedy:
  /// the paper's rule without repair, for comparison.
  Step Schedule(absl::Span<const uint64_t> active, bool greedy = false);
  /// Active experts that each instance served in the last step.
  absl::Span<const int32_t> load() const { return load_; }

private:
  scheduler::ReplicaTable exact_, greedy_;
  scheduler::SerialScheduler scheduler_;
  std::vector<int32_t> load_;
};

/// ceil(D / instances): no placement serves a step in less.
inline int64_t StepLimit(int64_t active, int64_t instances) {
  return instances > 0 ? (active + instances - 1) / instances : 0;
}

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_REPLAY_H
