//===- Stats.h - what an instance measures ----------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_EXECUTOR_STATS_H
#define JANUS_RUNTIME_EXECUTOR_STATS_H

#include <cstdint>
#include <vector>

namespace janus {

/// Sums over the steps an instance took part in. Times in nanoseconds of wall
/// clock; a layer's `attention` and `expert` are fragment calls, `wait` is the
/// time between asking for a message and getting it.
struct LayerStats {
  int64_t attention_ns = 0, transfer_ns = 0, schedule_ns = 0, expert_ns = 0, wait_ns = 0;
  /// Of schedules computed here. All instances that schedule a layer compute
  /// the same one, so read these from one instance, not from all.
  int64_t schedules = 0;
  /// Of these, found in the process's memo instead of computed: another instance
  /// of the process had the same choices. 0 where each instance is a process.
  int64_t schedules_reused = 0;
  int64_t a_max_sum = 0, a_max_last = 0, a_max_max = 0;
  int64_t distinct_sum = 0, distinct_last = 0;
  int64_t limit_sum = 0;                // ceil(distinct / live instances)
  std::vector<int64_t> a_max_schedules; // [slots of an instance + 1] schedules with that a_max
  /// [experts] rows routed to each expert; the same on every instance that
  /// schedules. Empty unless InstanceConfig::count_tokens.
  std::vector<int64_t> tokens;
};

struct InstanceStats {
  std::vector<LayerStats> layers; // by layer; calls outside a layer are in `outside`
  LayerStats outside;             // embedding, head, sampling
  int64_t steps = 0;
  int64_t failed_steps = 0;
  int64_t abandoned_steps = 0; // superseded by a later descriptor
  int64_t epochs = 0;          // switches
  int64_t suspensions = 0;     // of steps, for another attempt
  int64_t relayed_behind = 0;  // transfers relayed for instances that were a layer behind
  int64_t activity_ns = 0;     // of collecting what steps chose, and reporting it to the controller
  /// Messages that were recognised by name and dropped.
  int64_t dropped_duplicate = 0, dropped_old = 0, dropped_unexpected = 0;
};

/// Bytes of one instance. Planned before creation (PlanMemory) and measured
/// after it (Instance::memory); the two are equal.
struct InstanceMemory {
  int64_t weights = 0; // plain tensors, mapped
  int64_t slots = 0;   // expert replicas: mapped, or owned with their spare blocks
  int64_t kv = 0;      // page pool and page tables
  int64_t buffers = 0; // values, workspace, staging of transfers, states of sequences
  int64_t total() const { return weights + slots + kv + buffers; }
};

} // namespace janus

#endif // JANUS_RUNTIME_EXECUTOR_STATS_H
