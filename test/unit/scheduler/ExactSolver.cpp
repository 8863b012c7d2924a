#include "test/unit/scheduler/ExactSolver.h"

#include <algorithm>
#include <functional>

namespace janus::scheduler {
namespace {

/// Maximum flow of a unit from every expert into hosts of equal capacity, by augmenting paths.
class Flow {
public:
  Flow(const std::vector<std::vector<int32_t>> &hosts, int instances, int bound)
      : hosts(hosts), served(instances), bound(bound) {}
  bool ServesAll() {
    for (size_t expert = 0; expert < hosts.size(); ++expert) {
      seen.assign(served.size(), false);
      if (!hosts[expert].empty() && !Serve(static_cast<int>(expert)))
        return false;
    }
    return true;
  }

private:
  bool Serve(int expert) {
    for (int32_t host : hosts[expert]) {
      if (seen[host])
        continue;
      seen[host] = true;
      if (static_cast<int>(served[host].size()) < bound) {
        served[host].push_back(expert);
        return true;
      }
      for (int &other : served[host])
        if (Serve(other)) {
          other = expert;
          return true;
        }
    }
    return false;
  }

  const std::vector<std::vector<int32_t>> &hosts;
  std::vector<std::vector<int>> served; // by host
  std::vector<bool> seen;
  int bound;
};

} // namespace

int ExactOptimum(const std::vector<std::vector<int32_t>> &hosts, int instances) {
  int low = 0, high = static_cast<int>(hosts.size()); // high is always enough
  while (low < high) {
    const int middle = (low + high) / 2;
    if (Flow(hosts, instances, middle).ServesAll())
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

int OptimumByTrying(const std::vector<std::vector<int32_t>> &hosts, int instances) {
  std::vector<int> load(instances);
  int best = static_cast<int>(hosts.size());
  const std::function<void(size_t)> place = [&](size_t expert) {
    if (expert == hosts.size()) {
      best = std::min(best, load.empty() ? 0 : *std::max_element(load.begin(), load.end()));
      return;
    }
    if (hosts[expert].empty())
      return place(expert + 1);
    for (int32_t host : hosts[expert]) {
      ++load[host];
      place(expert + 1);
      --load[host];
    }
  };
  place(0);
  return best;
}

} // namespace janus::scheduler
