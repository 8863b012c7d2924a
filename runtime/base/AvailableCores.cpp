#include "runtime/base/AvailableCores.h"

#include <algorithm>
#include <fstream>
#include <sched.h>
#include <sstream>
#include <thread>

namespace janus {
namespace {

std::string ReadLine(const std::string &path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The tighter of two limits, where 0 is no limit.
int Tighter(int a, int b) {
  if (a == 0 || b == 0)
    return std::max(a, b);
  return std::min(a, b);
}

/// The limit of one group and of all groups that enclose it.
template <typename ReadLimit> int LimitUpwards(std::string group, ReadLimit read) {
  int limit = 0;
  while (true) {
    limit = Tighter(limit, read(group == "/" ? "" : group));
    if (group.empty() || group == "/")
      return limit;
    group.resize(group.find_last_of('/') == std::string::npos ? 0 : group.find_last_of('/'));
  }
}

int GroupLimit() {
  int limit = 0;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos)
      continue;
    std::string controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
    if (controllers.empty()) {
      limit = Tighter(limit, LimitUpwards(group, [](const std::string &path) {
                        return QuotaCores(ReadLine("/sys/fs/cgroup" + path + "/cpu.max"));
                      }));
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      limit = Tighter(limit, LimitUpwards(group, [](const std::string &path) {
                        std::string base = "/sys/fs/cgroup/cpu" + path;
                        return QuotaCores(ReadLine(base + "/cpu.cfs_quota_us") + " " +
                                          ReadLine(base + "/cpu.cfs_period_us"));
                      }));
    }
  }
  return limit;
}

} // namespace

int QuotaCores(const std::string &text) {
  std::istringstream stream(text);
  long long quota = 0, period = 0;
  if (!(stream >> quota >> period) || quota <= 0 || period <= 0)
    return 0;
  return static_cast<int>(std::min((quota + period - 1) / period, 1LL << 20));
}

int AvailableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                          : static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, Tighter(cores, GroupLimit()));
}

} // namespace janus
