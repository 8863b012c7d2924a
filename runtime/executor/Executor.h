//===- Executor.h - drives instances in dataflow order ----------*- C++ -*-===//
//
// Any number of instances over one worker pool: all of a deployment in one
// process, or one instance a process; the instances cannot tell.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_EXECUTOR_H
#define JANUS_RUNTIME_EXECUTOR_EXECUTOR_H

#include "runtime/executor/Instance.h"
#include "runtime/executor/Scheduling.h"

#include <vector>

namespace janus {

struct ExecutorOptions {
  /// A step fails when no instance of this executor made progress for so long
  /// while a step was in progress. 0: never.
  int64_t deadline_ms = 60000;
};

/// Not thread-safe: one thread polls.
class Executor {
public:
  /// `pool` is borrowed and outlives the executor.
  Executor(WorkerPool &pool, ExecutorOptions options);
  Instance &Add(std::unique_ptr<Instance> instance);
  /// Destroys instance number `index`, in the order of Add.
  void Remove(size_t index) { all[index].reset(); }
  /// Puts one in its place.
  void Replace(size_t index, std::unique_ptr<Instance> instance) { all[index] = std::move(instance); }

  /// Advances every instance as far as it can. True if any made progress; a
  /// caller without other work may spin for a while and then yield. Errors,
  /// an expired deadline among them, reach the controller as StepResult::error.
  bool Poll();
  /// Polls until every instance was shut down; spins, then yields.
  void Run();

  /// Null: removed.
  const std::vector<std::unique_ptr<Instance>> &instances() const { return all; }

private:
  WorkerPool &pool;
  ExecutorOptions options;
  executor::ScheduleMemo schedules; // of all instances
  std::vector<std::unique_ptr<Instance>> all;
  int64_t last_progress_ns = 0;
};

} // namespace janus

#endif // JANUS_RUNTIME_EXECUTOR_EXECUTOR_H
