#include "test/unit/scheduler/Cases.h"

#include <algorithm>
#include <numeric>

namespace janus::scheduler {

Table::Table(const Case &input) : begin(1, 0) {
  for (const auto &hosts : input.hosts) {
    for (int32_t host : hosts) {
      instance.push_back(host);
      slot.push_back(static_cast<int32_t>(slot.size()));
    }
    begin.push_back(static_cast<int32_t>(instance.size()));
  }
  view = {static_cast<int32_t>(input.hosts.size()), input.instances, begin.data(), instance.data(), slot.data()};
}

std::vector<bool> Case::Activated() const {
  std::vector<bool> activated(hosts.size());
  for (int32_t id : ids)
    if (id >= 0 && id < static_cast<int64_t>(hosts.size()))
      activated[id] = true;
  return activated;
}

std::vector<std::vector<int32_t>> Case::ActivatedHosts() const {
  std::vector<std::vector<int32_t>> live;
  const std::vector<bool> activated = Activated();
  for (size_t e = 0; e < hosts.size(); ++e)
    if (activated[e]) {
      live.emplace_back();
      for (int32_t host : hosts[e])
        if (host >= 0)
          live.back().push_back(host);
      if (live.back().empty())
        live.pop_back();
    }
  return live;
}

Outcome Schedule(const Case &input, bool repair) {
  const Table table(input);
  constexpr int32_t kGuard = 0x5a5a5a5a;
  const int64_t size = AebsWorkspace(table.view.experts, table.view.instances);
  std::vector<int32_t> workspace(size + 16, kGuard);
  Outcome outcome;
  outcome.chosen.assign(input.hosts.size(), 77777);
  SerialBlock block;
  Aebs(block, input.ids.data(), static_cast<int64_t>(input.ids.size()), table.view, outcome.chosen.data(),
       workspace.data(), &outcome.result, repair);
  if (std::any_of(workspace.begin() + size, workspace.end(), [](int32_t value) { return value != kGuard; }))
    outcome.result.a_max = -1; // wrote beyond its workspace: no outcome is right
  return outcome;
}

std::string Trouble(const Case &input, const Outcome &outcome) {
  const Table table(input);
  const std::vector<bool> activated = input.Activated();
  std::vector<int32_t> load(input.instances);
  int32_t count = 0, missing = 0;
  for (size_t e = 0; e < input.hosts.size(); ++e) {
    const std::string name = "expert " + std::to_string(e);
    const int32_t choice = outcome.chosen[e];
    const bool alive = std::any_of(input.hosts[e].begin(), input.hosts[e].end(), [](int32_t g) { return g >= 0; });
    if (!activated[e] || !alive) {
      if (choice != (activated[e] ? kNoReplica : kIdle))
        return name + " is " + (activated[e] ? "without a replica" : "idle") + " and was given " +
               std::to_string(choice);
      count += activated[e], missing += activated[e];
      continue;
    }
    ++count;
    if (choice < table.begin[e] || choice >= table.begin[e + 1])
      return name + " was given replica " + std::to_string(choice) + " of another";
    if (table.instance[choice] < 0)
      return name + " was given a dead replica";
    ++load[table.instance[choice]];
  }
  const int32_t most = load.empty() ? 0 : *std::max_element(load.begin(), load.end());
  if (outcome.result.a_max != most)
    return "a_max is " + std::to_string(outcome.result.a_max) + " but the busiest instance has " + std::to_string(most);
  if (outcome.result.activated != count || outcome.result.missing != missing)
    return "activated and missing are counted wrongly";
  return "";
}

Case RandomCase(std::mt19937_64 &random, int max_experts, int max_instances) {
  const auto below = [&](int end) { return static_cast<int>(random() % end); };
  Case result;
  result.instances = 1 + below(max_instances);
  const int experts = 1 + below(max_experts), style = below(5);
  std::vector<int32_t> instances(result.instances);
  std::iota(instances.begin(), instances.end(), 0);
  // Styles: one replica for most, two for all, up to all instances, crowded on few instances, some of them dead.
  const int most = style == 0 ? 1 + (below(4) == 0) : style == 1 ? 2 : result.instances;
  const int crowd = style == 3 ? 1 + below(result.instances) : result.instances;
  for (int e = 0; e < experts; ++e) {
    std::shuffle(instances.begin(), instances.begin() + crowd, random);
    const int replicas = style == 1 ? std::min(2, crowd) : 1 + below(std::min({most, crowd, 4}));
    std::vector<int32_t> hosts(instances.begin(), instances.begin() + replicas);
    std::sort(hosts.begin(), hosts.end());
    for (int32_t &host : hosts)
      if (style == 4 && below(4) == 0)
        host = -1;
    result.hosts.push_back(hosts);
    std::sort(instances.begin(), instances.end());
  }
  const int k = 1 + below(std::min(experts, 8)), rows = below(2) ? below(8) : below(80);
  const int favoured = 1 + below(experts);
  for (int i = 0; i < rows * k; ++i)
    result.ids.push_back(below(16) == 0 ? (below(2) ? -1 : experts + below(3)) : below(below(3) ? experts : favoured));
  return result;
}

} // namespace janus::scheduler
