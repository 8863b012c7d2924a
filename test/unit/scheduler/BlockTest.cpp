// The same source run by a block of real threads, as on a GPU: the same schedule as by one thread. Under
// ThreadSanitizer (-DJANUS_SANITIZE=thread) this also shows that the barriers suffice.
#include "test/unit/scheduler/Cases.h"

#include "gtest/gtest.h"

#include <atomic>
#include <barrier>
#include <thread>

namespace janus::scheduler {
namespace {

struct ThreadBlock {
  int index, count;
  std::barrier<> *barrier;
  int thread() const { return index; }
  int threads() const { return count; }
  void sync() { barrier->arrive_and_wait(); }
  void set(int32_t *p) { std::atomic_ref<int32_t>(*p).store(1, std::memory_order_relaxed); }
};

TEST(Block, ThreadsGiveTheSerialSchedule) {
  std::mt19937_64 random(11);
  std::vector<Case> cases;
  for (int i = 0; i < 60; ++i)
    cases.push_back(RandomCase(random, 64, 16));
  for (int count : {2, 3, 7}) {
    std::vector<Outcome> outcomes(cases.size());
    std::vector<std::vector<int32_t>> workspaces;
    std::vector<Table> tables(cases.begin(), cases.end());
    for (size_t i = 0; i < cases.size(); ++i) {
      outcomes[i].chosen.resize(cases[i].hosts.size());
      workspaces.emplace_back(AebsWorkspace(tables[i].view.experts, tables[i].view.instances), 99);
    }
    std::barrier<> barrier(count);
    std::vector<std::thread> threads;
    for (int index = 0; index < count; ++index)
      threads.emplace_back([&, index] {
        ThreadBlock block{index, count, &barrier};
        for (size_t i = 0; i < cases.size(); ++i)
          Aebs(block, cases[i].ids.data(), static_cast<int64_t>(cases[i].ids.size()), tables[i].view,
               outcomes[i].chosen.data(), workspaces[i].data(), &outcomes[i].result);
      });
    for (std::thread &thread : threads)
      thread.join();
    for (size_t i = 0; i < cases.size(); ++i) {
      const Outcome serial = Schedule(cases[i]);
      ASSERT_EQ(outcomes[i].chosen, serial.chosen) << count << " threads, case " << i;
      ASSERT_EQ(outcomes[i].result.a_max, serial.result.a_max);
      ASSERT_EQ(outcomes[i].result.missing, serial.result.missing);
    }
  }
}

} // namespace
} // namespace janus::scheduler
