//===- WorkerPool.h - fork and join over spinning workers -------*- C++ -*-===//
//
// A sleeping thread takes 25-70 us to wake, a MoE layer 300 us, so workers wait
// for the next call in three stages: they spin (pause), then yield, and sleep
// only after a long idle time; when the pool has more threads than the process
// has cores, they yield almost at once.
//
// A call is published in one 64-bit ticket, (call number, next chunk). Threads
// claim chunks by compare-and-swap on it; a claim succeeds only while the call
// is open, and the call ends when all *chunks* are done. So nobody waits for a
// worker that has claimed nothing (it may be descheduled for as long as the
// system likes), and a late worker cannot touch the arguments of a call that
// has ended.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_BASE_WORKERPOOL_H
#define JANUS_RUNTIME_BASE_WORKERPOOL_H

#include "janus/ABI/Kernels.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace janus {

/// One thread at a time may call Parallel; tasks may not call it. A steady call
/// allocates and locks nothing. No thread is pinned. Every task runs under
/// ScopedFloatEnvironment.
class WorkerPool {
public:
  /// The caller of Parallel counts as one of `threads` (clamped to 1 .. 1024),
  /// so `threads - 1` workers start. Where the system refuses one, the pool is
  /// smaller; threads() tells.
  explicit WorkerPool(int threads);
  /// No call may be in progress.
  ~WorkerPool();
  WorkerPool(const WorkerPool &) = delete;
  WorkerPool &operator=(const WorkerPool &) = delete;

  /// Threads that run tasks, the caller included.
  int threads() const { return static_cast<int>(workers.size()) + 1; }

  /// Runs tasks [0, count) of `task(args, begin, end, worker)` on all threads
  /// and returns when all are done; `worker` is 0 for the caller, below
  /// threads(). Chunks are at least `grain` (>= 1) tasks, except the last; a
  /// call of one chunk runs on the caller alone. What tasks wrote is visible to
  /// the caller afterwards.
  void Parallel(abi::Task task, const void *args, int64_t count, int64_t grain);

  /// Futex wake-ups of sleeping workers so far: 0 more in a steady step.
  int64_t wakeups() const { return wake_count.load(std::memory_order_relaxed); }

private:
  struct Job;
  void Work(uint32_t worker);
  int64_t RunChunks(uint64_t call, uint32_t worker);
  uint64_t AwaitCall(uint64_t last);
  bool Sleep(uint64_t last);
  void WakeSleepers();

  std::unique_ptr<Job> job;
  std::atomic<int64_t> wake_count{0};
  int64_t spin_ns, yield_ns;
  std::vector<std::thread> workers;
};

} // namespace janus

#endif // JANUS_RUNTIME_BASE_WORKERPOOL_H
