// The same source run by a block of real threads, as on a GPU: the same schedule as by one thread. Under
// ThreadSanitizer (preset `tsan`) this also shows that the barriers suffice.
#include "test/unit/scheduler/Cases.h"

#include "gtest/gtest.h"

#include <atomic>
#include <barrier>
#include <deque>
#include <thread>

namespace janus::scheduler {
namespace {

struct ThreadBlock {
  int index, count;
  std::barrier<> *barrier;
  int thread() const { return index; }
  int threads() const { return count; }
  void sync() { barrier->arrive_and_wait(); }
  void set(uint8_t *p) { std::atomic_ref<uint8_t>(*p).store(1, std::memory_order_relaxed); }
};

TEST(Block, ThreadsGiveTheSerialSchedule) {
  std::mt19937_64 random(11);
  std::vector<Case> cases;
  for (int i = 0; i < 60; ++i)
    cases.push_back(RandomCase(random, i % 6 ? 64 : 1024, i % 6 ? 16 : 200));
  for (Rule rule : {Rule::kExact, Rule::kJanusGreedy, Rule::kMetroGreedy})
    for (int count : {2, 3, 7}) {
      std::deque<Job> jobs;
      for (const Case &input : cases)
        jobs.emplace_back(input, rule);
      std::barrier<> barrier(count);
      std::vector<std::thread> threads;
      for (int index = 0; index < count; ++index)
        threads.emplace_back([&, index] {
          ThreadBlock block{index, count, &barrier};
          for (Job &job : jobs)
            job.Run(block);
        });
      for (std::thread &thread : threads)
        thread.join();
      for (size_t i = 0; i < cases.size(); ++i)
        ASSERT_TRUE(jobs[i].Take() == Solve(cases[i], rule)) << count << " threads, case " << i;
    }
}

} // namespace
} // namespace janus::scheduler
