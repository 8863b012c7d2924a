#include "benchmarks/scheduler/Routing.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace janus::scheduler {
namespace {

std::vector<int32_t> Shuffled(int32_t count, std::mt19937_64 &random) {
  std::vector<int32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  return order;
}

} // namespace

Layout MakeLayout(int32_t experts, int32_t instances, int32_t slots, std::mt19937_64 &random) {
  std::vector<std::vector<int32_t>> hosts(experts);
  std::vector<int32_t> held(instances);
  const std::vector<int32_t> order = Shuffled(experts, random);
  for (int32_t i = 0; i < experts; ++i) {
    const auto g = static_cast<int32_t>(int64_t{i} * instances / experts);
    hosts[order[i]].push_back(g);
    ++held[g];
  }
  std::vector<double> weights;
  for (int32_t e = 0; e < experts; ++e)
    weights.push_back(1.0 / (1 + e));
  std::discrete_distribution<int32_t> draw(weights.begin(), weights.end());
  const int32_t room = (slots + instances - 1) / instances;
  for (int32_t spare = slots - experts, tries = 0; spare > 0 && tries < 1000 * slots; ++tries) {
    const int32_t e = tries % 4 ? order[draw(random)] : static_cast<int32_t>(random() % experts);
    const auto g = static_cast<int32_t>(random() % instances);
    if (held[g] >= room || std::find(hosts[e].begin(), hosts[e].end(), g) != hosts[e].end())
      continue;
    hosts[e].push_back(g);
    ++held[g];
    --spare;
  }
  Layout layout;
  layout.experts = experts, layout.instances = instances;
  std::vector<int32_t> next(instances);
  layout.begin.push_back(0);
  for (auto &of : hosts) {
    std::sort(of.begin(), of.end());
    for (int32_t g : of) {
      layout.instance.push_back(g);
      layout.slot.push_back(g * room + next[g]++);
    }
    layout.begin.push_back(static_cast<int32_t>(layout.slot.size()));
  }
  return layout;
}

std::vector<uint16_t> MakeRouting(int64_t rows, int32_t k, int32_t experts, double skew, std::mt19937_64 &random) {
  const std::vector<int32_t> order = Shuffled(experts, random);
  std::vector<double> weights;
  for (int32_t e = 0; e < experts; ++e)
    weights.push_back(std::pow(1 + e, -skew));
  std::discrete_distribution<int32_t> draw(weights.begin(), weights.end());
  std::vector<uint16_t> ids;
  for (int64_t row = 0; row < rows; ++row)
    for (const size_t first = ids.size(); ids.size() < first + k;) {
      const auto e = static_cast<uint16_t>(order[draw(random)]);
      if (std::find(ids.begin() + static_cast<int64_t>(first), ids.end(), e) == ids.end())
        ids.push_back(e);
    }
  return ids;
}

} // namespace janus::scheduler
