#include "runtime/engine/KvBudget.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>

namespace janus {

KvBudget::KvBudget(int attention_instances, int64_t pages_per_instance, int64_t slots_per_instance)
    : instances_(attention_instances), pages_(pages_per_instance), slots_(slots_per_instance) {
  for (int i = 0; i < attention_instances; ++i)
    Reset(i, true);
}

void KvBudget::Reset(int32_t number, bool live) {
  Instance &instance = instances_[number];
  instance.pages.clear();
  instance.slots.clear();
  for (int64_t i = live ? pages_ : 0; i-- > 0;)
    instance.pages.push_back(static_cast<int32_t>(i));
  for (int64_t i = live ? slots_ : 0; i-- > 0;)
    instance.slots.push_back(static_cast<int32_t>(i));
}

KvBudget::Reservation KvBudget::Reserve(int64_t pages) {
  Reservation reservation;
  for (size_t i = 0; i < instances_.size(); ++i) {
    const Instance &instance = instances_[i];
    if (instance.slots.empty() || static_cast<int64_t>(instance.pages.size()) < pages)
      continue;
    if (reservation.home < 0 || instance.pages.size() > instances_[reservation.home].pages.size())
      reservation.home = static_cast<int32_t>(i);
  }
  if (reservation.home < 0)
    return reservation;
  Instance &home = instances_[reservation.home];
  reservation.slot = home.slots.back();
  home.slots.pop_back();
  for (int64_t i = 0; i < pages; ++i) {
    reservation.pages.push_back(home.pages.back());
    home.pages.pop_back();
  }
  return reservation;
}

void KvBudget::Release(int32_t home, int32_t slot, const std::vector<int32_t> &pages) {
  Instance &instance = instances_[home];
  auto insert = [](std::vector<int32_t> &free, int32_t value) {
    free.insert(std::lower_bound(free.begin(), free.end(), value, std::greater<>()), value);
  };
  insert(instance.slots, slot);
  for (int32_t page : pages)
    insert(instance.pages, page);
}

namespace {

/// A number in a file of the control group; -1 without limit.
int64_t ReadLimit(const char *path) {
  std::ifstream file(path);
  int64_t value;
  return file >> value ? value : -1;
}

} // namespace

int64_t AvailableMemory() {
  int64_t available = int64_t{1} << 62;
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);) {
    constexpr std::string_view kKey = "MemAvailable:"; // then the number and " kB"
    if (line.starts_with(kKey))
      available = std::strtoll(line.c_str() + kKey.size(), nullptr, 10) * 1024;
  }
  const int64_t limit = ReadLimit("/sys/fs/cgroup/memory.max"), used = ReadLimit("/sys/fs/cgroup/memory.current");
  if (limit >= 0 && used >= 0)
    available = std::min(available, std::max<int64_t>(0, limit - used));
  return available;
}

} // namespace janus
