#include "runtime/base/WorkerPool.h"

#include "runtime/base/FloatEnvironment.h"
#include "test/unit/base/CountAllocations.h"
#include "gtest/gtest.h"

#include <atomic>
#include <chrono>
#include <limits>
#include <thread>
#include <vector>

namespace janus {
namespace {

struct Marks {
  std::vector<std::atomic<int>> seen;
  std::atomic<int64_t> smallest{std::numeric_limits<int64_t>::max()};
  std::atomic<uint32_t> workers{0};
  int64_t count;

  explicit Marks(int64_t count) : seen(count), count(count) {}
  static void Run(const void *args, int64_t begin, int64_t end, uint32_t worker) {
    auto *marks = static_cast<Marks *>(const_cast<void *>(args));
    for (int64_t i = begin; i < end; ++i)
      marks->seen[i].fetch_add(1);
    if (end != marks->count)
      marks->smallest.store(std::min(marks->smallest.load(), end - begin));
    marks->workers.fetch_or(1u << worker);
  }
};

class PoolSize : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, PoolSize, testing::Values(1, 2, 3, 4, 8));

TEST_P(PoolSize, EveryTaskRunsOnceInChunksOfAtLeastTheGrain) {
  WorkerPool pool(GetParam());
  EXPECT_EQ(pool.threads(), GetParam());
  for (int64_t count : {0, 1, 2, 3, 7, 64, 1000, 4096})
    for (int64_t grain : {1, 3, 64, 10000}) {
      Marks marks(count);
      pool.Parallel(Marks::Run, &marks, count, grain);
      for (int64_t i = 0; i < count; ++i)
        ASSERT_EQ(marks.seen[i].load(), 1) << "task " << i << " of " << count << ", grain " << grain;
      EXPECT_GE(marks.smallest.load(), grain);
      EXPECT_LT(marks.workers.load(), 1u << GetParam());
    }
}

TEST_P(PoolSize, ManyCallsInARowSeeEachOthersWrites) {
  WorkerPool pool(GetParam());
  std::vector<int64_t> values(257, 0);
  for (int64_t call = 1; call <= 2000; ++call)
    pool.Parallel(
        [](const void *args, int64_t begin, int64_t end, uint32_t) {
          auto &values = *static_cast<std::vector<int64_t> *>(const_cast<void *>(args));
          for (int64_t i = begin; i < end; ++i)
            values[i] += i;
        },
        &values, values.size(), 1);
  for (int64_t i = 0; i < 257; ++i)
    ASSERT_EQ(values[i], 2000 * i);
}

TEST_P(PoolSize, TooManyTasksForTheTicketStillRunOnce) {
  WorkerPool pool(GetParam());
  struct Sum {
    std::atomic<int64_t> tasks{0}, indices{0};
  } sum;
  const int64_t count = int64_t{1} << 40;
  pool.Parallel(
      [](const void *args, int64_t begin, int64_t end, uint32_t) {
        auto &sum = *static_cast<Sum *>(const_cast<void *>(args));
        sum.tasks += end - begin;
        sum.indices ^= begin ^ end;
      },
      &sum, count, 1);
  EXPECT_EQ(sum.tasks.load(), count);
  EXPECT_EQ(sum.indices.load(), count); // inner ends meet the next begin
}

TEST(WorkerPool, SleepersWakeAndSteadyCallsNeitherWakeNorAllocate) {
  WorkerPool pool(2);
  Marks marks(64);
  while (pool.wakeups() == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100)); // past the idle limit
    pool.Parallel(Marks::Run, &marks, 64, 1);
  }
  // A loaded machine may take this thread off its core for longer than the idle
  // limit, which is no steady run: one quiet round is enough.
  int64_t woken = -1;
  for (int round = 0; round < 50 && woken != 0; ++round) {
    const int64_t wakeups = pool.wakeups(), allocations = CountAllocations();
    for (int call = 0; call < 1000; ++call)
      pool.Parallel(Marks::Run, &marks, 64, 1);
    EXPECT_EQ(CountAllocations(), allocations);
    woken = pool.wakeups() - wakeups;
  }
  EXPECT_EQ(woken, 0);
}

TEST(WorkerPool, BothThreadsTakePart) {
  WorkerPool pool(2);
  struct Meet {
    std::atomic<int> arrived{0};
  } meet;
  // Each of the two tasks waits for the other: only two threads can end this.
  pool.Parallel(
      [](const void *args, int64_t, int64_t, uint32_t) {
        auto &meet = *static_cast<Meet *>(const_cast<void *>(args));
        meet.arrived.fetch_add(1);
        while (meet.arrived.load() < 2)
          std::this_thread::yield();
      },
      &meet, 2, 1);
  EXPECT_EQ(meet.arrived.load(), 2);
}

TEST(WorkerPool, TasksSeeTheFixedFloatEnvironmentAndTheCallerGetsItsOwnBack) {
#if defined(__SSE__)
  const uint32_t flush = 0x1f80 | 0x8040;
  const uint32_t before = _mm_getcsr();
  _mm_setcsr(flush);
  struct Modes {
    std::atomic<uint32_t> any{0};
  } modes;
  WorkerPool pool(3); // workers inherit the caller's flush mode and must drop it
  pool.Parallel(
      [](const void *args, int64_t, int64_t, uint32_t) {
        auto &modes = *static_cast<Modes *>(const_cast<void *>(args));
        modes.any.fetch_or((_mm_getcsr() & ~0x3fu) ^ kMxcsr);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      },
      &modes, 32, 1);
  EXPECT_EQ(modes.any.load(), 0u);
  EXPECT_EQ(_mm_getcsr() & ~0x3fu, flush);
  _mm_setcsr(before);
#endif
}

} // namespace
} // namespace janus
