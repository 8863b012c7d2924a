#include "runtime/executor/Executor.h"

#include "runtime/base/WorkerPool.h"
#include "runtime/executor/Clock.h"

#include <algorithm>
#include <sched.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace janus {
namespace {

constexpr int kSpins = 2000;

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

} // namespace

Executor::Executor(WorkerPool &pool, ExecutorOptions options)
    : pool(pool), options(options), last_progress_ns(Nanoseconds()) {}

Instance &Executor::Add(std::unique_ptr<Instance> instance) {
  instance->ShareSchedules(schedules);
  all.push_back(std::move(instance));
  return *all.back();
}

bool Executor::Poll() {
  bool progress = false, busy = false;
  for (const std::unique_ptr<Instance> &instance : all) {
    if (!instance)
      continue;
    progress |= instance->Advance(pool);
    busy |= !instance->idle();
  }
  if (progress || !busy || options.deadline_ms <= 0) {
    last_progress_ns = Nanoseconds();
    return progress;
  }
  const int64_t waited_ms = (Nanoseconds() - last_progress_ns) / 1000000;
  if (waited_ms < options.deadline_ms)
    return false;
  for (const std::unique_ptr<Instance> &instance : all)
    if (instance)
      instance->Expire(waited_ms);
  last_progress_ns = Nanoseconds();
  return true;
}

void Executor::Run() {
  int idle = 0;
  while (!std::all_of(all.begin(), all.end(), [](const auto &instance) { return !instance || instance->stopped(); })) {
    if (Poll())
      idle = 0;
    else if (++idle < kSpins)
      Pause();
    else
      sched_yield();
  }
}

} // namespace janus
