#include "runtime/base/WorkerPool.h"

#include "runtime/base/AvailableCores.h"
#include "runtime/base/FloatEnvironment.h"

#include <algorithm>
#include <climits>
#include <ctime>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace janus {
namespace {

/// Bits of the ticket that hold the next chunk; the call number has the rest.
constexpr int kChunkBits = 20;
/// The chunk number of a call that cannot be claimed from.
constexpr uint64_t kClosed = (uint64_t{1} << kChunkBits) - 1;
/// Chunks per thread: few enough that claiming costs nothing, enough that
/// threads of unequal speed end together.
constexpr int64_t kChunksPerThread = 32;

// How long a thread without work spins, and then yields, before it sleeps.
constexpr int64_t kSpinNs = 2'000'000, kYieldNs = 50'000'000;
constexpr int64_t kCrowdedSpinNs = 3'000, kCrowdedYieldNs = 5'000'000;
/// How long the caller spins for the last chunks of others before it yields.
constexpr int64_t kJoinSpinNs = 50'000;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

int64_t Now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// Repeats `ready` until it is true or `yield_ns` have passed; spins for the
/// first `spin_ns`, then gives the core to whoever wants it between two looks.
template <typename Ready> bool SpinThenYield(Ready ready, int64_t spin_ns, int64_t yield_ns) {
  for (int i = 0; i < 64; ++i) {
    if (ready())
      return true;
    Pause();
  }
  const int64_t start = Now();
  while (true) {
    for (int i = 0; i < 16; ++i) {
      if (ready())
        return true;
      Pause();
    }
    const int64_t waited = Now() - start;
    if (waited >= yield_ns)
      return ready();
    if (waited >= spin_ns)
      sched_yield();
  }
}

} // namespace

/// Descriptor fields are atomic because a late worker may read them while the
/// next call is written; it then fails to claim and drops what it read.
struct WorkerPool::Job {
  alignas(64) std::atomic<uint64_t> ticket{0};
  alignas(64) std::atomic<abi::Task> task{nullptr};
  std::atomic<const void *> args{nullptr};
  std::atomic<int64_t> count{0}, chunk{1};
  std::atomic<uint64_t> chunks{0};
  alignas(64) std::atomic<uint64_t> done{0};
  alignas(64) std::atomic<int32_t> sleepers{0};
  std::atomic<uint32_t> wake_word{0};
  std::atomic<bool> stop{false};
};

WorkerPool::WorkerPool(int threads) : job(new Job) {
  threads = std::clamp(threads, 1, 1024);
  const bool crowded = threads > AvailableCores();
  spin_ns = crowded ? kCrowdedSpinNs : kSpinNs;
  yield_ns = crowded ? kCrowdedYieldNs : kYieldNs;
  workers.reserve(threads - 1);
  try {
    for (int i = 1; i < threads; ++i)
      workers.emplace_back([this, i] { Work(i); });
  } catch (const std::system_error &) {
    // The system's limit of threads: go on with those that started.
  }
}

WorkerPool::~WorkerPool() {
  job->stop.store(true);
  WakeSleepers();
  for (std::thread &worker : workers)
    worker.join();
}

void WorkerPool::Parallel(abi::Task task, const void *args, int64_t count, int64_t grain) {
  if (count <= 0)
    return;
  ScopedFloatEnvironment environment;
  int64_t chunk = std::max<int64_t>({grain, 1, count / (threads() * kChunksPerThread)});
  if (workers.empty() || count <= chunk) {
    task(args, 0, count, 0);
    return;
  }
  chunk = std::max<int64_t>(chunk, count >> (kChunkBits - 1));
  const uint64_t chunks = (count + chunk - 1) / chunk;

  // All chunks of the last call are done, but a late worker may still be about
  // to claim one more. It must fail even if it already sees the new fields, so
  // the ticket moves on before they are written (release) and again after.
  const uint64_t closed = (job->ticket.load(std::memory_order_relaxed) >> kChunkBits) + 1, call = closed + 1;
  job->ticket.store(closed << kChunkBits | kClosed, std::memory_order_relaxed);
  job->task.store(task, std::memory_order_release);
  job->args.store(args, std::memory_order_release);
  job->count.store(count, std::memory_order_release);
  job->chunk.store(chunk, std::memory_order_release);
  job->chunks.store(chunks, std::memory_order_release);
  job->done.store(0, std::memory_order_relaxed);
  job->ticket.store(call << kChunkBits, std::memory_order_seq_cst);
  if (job->sleepers.load(std::memory_order_seq_cst) > 0)
    WakeSleepers();

  const uint64_t mine = RunChunks(call, 0);
  const auto joined = [&] { return job->done.load(std::memory_order_acquire) + mine == chunks; };
  while (!SpinThenYield(joined, std::min(spin_ns, kJoinSpinNs), INT64_MAX)) {
  }
}

/// Claims and runs chunks of `call` until none is left; returns how many.
int64_t WorkerPool::RunChunks(uint64_t call, uint32_t worker) {
  int64_t ran = 0;
  uint64_t ticket = job->ticket.load(std::memory_order_acquire);
  while (ticket >> kChunkBits == call) {
    const uint64_t next = ticket & kClosed;
    const abi::Task task = job->task.load(std::memory_order_acquire);
    const void *args = job->args.load(std::memory_order_acquire);
    const int64_t count = job->count.load(std::memory_order_acquire);
    const int64_t chunk = job->chunk.load(std::memory_order_acquire);
    if (next == kClosed || next >= job->chunks.load(std::memory_order_acquire))
      break;
    if (!job->ticket.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel, std::memory_order_acquire))
      continue;
    const int64_t begin = static_cast<int64_t>(next) * chunk;
    task(args, begin, std::min(begin + chunk, count), worker);
    ++ran;
    ticket = job->ticket.load(std::memory_order_acquire);
  }
  return ran;
}

void WorkerPool::Work(uint32_t worker) {
  ScopedFloatEnvironment environment;
  uint64_t call = 0;
  while (!job->stop.load(std::memory_order_relaxed)) {
    call = AwaitCall(call);
    if (const int64_t ran = RunChunks(call, worker))
      job->done.fetch_add(ran, std::memory_order_release);
  }
}

/// The number of the current call once it is not `last`, or `last` when the
/// pool stops.
uint64_t WorkerPool::AwaitCall(uint64_t last) {
  const auto ready = [&] {
    return job->ticket.load(std::memory_order_acquire) >> kChunkBits != last ||
           job->stop.load(std::memory_order_relaxed);
  };
  while (!SpinThenYield(ready, spin_ns, yield_ns) && !Sleep(last)) {
  }
  return job->ticket.load(std::memory_order_acquire) >> kChunkBits;
}

/// Sleeps until woken; true if there is something to do. Either this thread
/// sees the new ticket or Parallel sees this sleeper: both use seq_cst.
bool WorkerPool::Sleep(uint64_t last) {
  const uint32_t word = job->wake_word.load(std::memory_order_seq_cst);
  job->sleepers.fetch_add(1, std::memory_order_seq_cst);
  const auto ready = [&] {
    return job->ticket.load(std::memory_order_seq_cst) >> kChunkBits != last ||
           job->stop.load(std::memory_order_seq_cst);
  };
  if (!ready())
    syscall(SYS_futex, &job->wake_word, FUTEX_WAIT_PRIVATE, word, nullptr, nullptr, 0);
  job->sleepers.fetch_sub(1, std::memory_order_seq_cst);
  return ready();
}

void WorkerPool::WakeSleepers() {
  job->wake_word.fetch_add(1, std::memory_order_seq_cst);
  const long woken = syscall(SYS_futex, &job->wake_word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  if (woken > 0)
    wake_count.fetch_add(woken, std::memory_order_relaxed);
}

} // namespace janus
