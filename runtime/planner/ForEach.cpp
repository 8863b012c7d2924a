#include "runtime/planner/ForEach.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace janus::planner {

absl::Status ForEach(int64_t count, int threads, absl::FunctionRef<absl::Status(int64_t)> unit, const char *what,
                     const Progress &progress) {
  std::atomic<int64_t> next = 0, done = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  absl::Status first;
  int64_t first_unit = count;
  auto work = [&](bool tells) {
    while (!failed) {
      const int64_t i = next++;
      if (i >= count)
        return;
      if (absl::Status status = unit(i); !status.ok()) {
        const std::lock_guard lock(mutex);
        failed = true;
        if (i < first_unit)
          first_unit = i, first = status;
      }
      ++done;
      if (tells && progress)
        progress(what, done, count);
    }
  };
  std::vector<std::thread> others;
  for (int64_t t = 1; t < std::min<int64_t>(threads, count); ++t)
    others.emplace_back(work, false);
  work(true);
  for (std::thread &other : others)
    other.join();
  return first;
}

} // namespace janus::planner
