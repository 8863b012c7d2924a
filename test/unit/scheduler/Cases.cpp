#include "test/unit/scheduler/Cases.h"

#include <algorithm>
#include <numeric>

namespace janus::scheduler {
namespace {

constexpr size_t kGuards = 16;
constexpr int kGuard = 0x5a;

template <typename T> void Fill(std::vector<T> &values, int64_t size) {
  values.assign(size + kGuards, static_cast<T>(kGuard));
}
template <typename T> bool Guarded(const std::vector<T> &values) {
  return std::all_of(values.end() - kGuards, values.end(), [](T value) { return value == kGuard; });
}
template <typename T> std::vector<T> Unguarded(const std::vector<T> &values) {
  return {values.begin(), values.end() - kGuards};
}

} // namespace

Choices Case::choices() const {
  return {ids.data(), static_cast<int64_t>(ids.size()) / k, k, row_mask.empty() ? nullptr : row_mask.data()};
}

std::vector<bool> Case::Activated() const {
  std::vector<bool> activated(hosts.size());
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] < hosts.size() && (row_mask.empty() || row_mask[i / k]))
      activated[ids[i]] = true;
  return activated;
}

std::vector<std::vector<int32_t>> Case::ActivatedHosts() const {
  std::vector<std::vector<int32_t>> result;
  const std::vector<bool> activated = Activated();
  for (size_t e = 0; e < hosts.size(); ++e)
    if (activated[e]) {
      result.emplace_back();
      for (int32_t host : hosts[e])
        if (Live(host))
          result.back().push_back(host);
      if (result.back().empty())
        result.pop_back();
    }
  return result;
}

int32_t SlotOf(const Case &input, int32_t expert, int32_t instance) {
  return instance * static_cast<int32_t>(input.hosts.size()) + expert;
}

bool operator==(const Outcome &a, const Outcome &b) {
  return a.result.a_max == b.result.a_max && a.result.activated == b.result.activated &&
         a.result.missing == b.result.missing && a.hosts == b.hosts && a.missing == b.missing && a.slots == b.slots;
}

Job::Job(const Case &input, Rule rule) : input(input) {
  std::vector<int32_t> begin = {0}, instance, slot;
  for (size_t e = 0; e < input.hosts.size(); ++e) {
    for (int32_t host : input.hosts[e]) {
      instance.push_back(host);
      slot.push_back(SlotOf(input, static_cast<int32_t>(e), host));
    }
    begin.push_back(static_cast<int32_t>(instance.size()));
  }
  const auto experts = static_cast<int32_t>(input.hosts.size());
  table.Set({experts, input.instances, begin.data(), instance.data(), slot.data()},
            input.live.empty() ? nullptr : input.live.data(), rule);
  Fill(marks, MarksBytes(experts));
  Fill(chosen, experts);
  Fill(missing, experts);
  Fill(workspace, MatchWorkspace(experts, input.instances));
  Fill(lookup, LookupSize(experts));
  Fill(slots, static_cast<int64_t>(input.ids.size()));
}

Outcome MakeOutcome(const ReplicaTableView &table, const AebsResult &result, const std::vector<int32_t> &chosen,
                    const std::vector<uint16_t> &missing, const std::vector<int32_t> &slots) {
  Outcome outcome;
  outcome.result = result;
  for (int32_t choice : chosen)
    outcome.hosts.push_back(choice < 0 ? choice : choice < table.replicas ? table.instance[choice] : INT32_MAX);
  outcome.missing.assign(missing.begin(), missing.begin() + result.missing);
  outcome.slots = slots;
  return outcome;
}

Outcome Job::Take() const {
  Outcome outcome = MakeOutcome(table.view(), result, Unguarded(chosen), missing, Unguarded(slots));
  if (!Guarded(marks) || !Guarded(chosen) || !Guarded(missing) || !Guarded(workspace) || !Guarded(lookup) ||
      !Guarded(slots))
    outcome.result.a_max = -1;
  return outcome;
}

Outcome Solve(const Case &input, Rule rule) {
  Job job(input, rule);
  SerialBlock block;
  job.Run(block);
  return job.Take();
}

std::string Trouble(const Case &input, const Outcome &outcome) {
  const std::vector<bool> activated = input.Activated();
  std::vector<int32_t> load(input.instances);
  std::vector<uint16_t> missing;
  for (size_t e = 0; e < input.hosts.size(); ++e) {
    const std::string name = "expert " + std::to_string(e);
    const int32_t host = outcome.hosts[e];
    const auto &hosts = input.hosts[e];
    if (!activated[e]) {
      if (host != kIdle)
        return name + " is idle and was given " + std::to_string(host);
    } else if (std::none_of(hosts.begin(), hosts.end(), [&](int32_t g) { return input.Live(g); })) {
      missing.push_back(static_cast<uint16_t>(e));
      if (host != kNoReplica)
        return name + " is without a replica and was given " + std::to_string(host);
    } else if (!input.Live(host) || std::find(hosts.begin(), hosts.end(), host) == hosts.end()) {
      return name + " was given to " + std::to_string(host) + ", which has no live replica of it";
    } else {
      ++load[host];
    }
  }
  const int32_t most = load.empty() ? 0 : *std::max_element(load.begin(), load.end());
  if (outcome.result.a_max != most)
    return "a_max is " + std::to_string(outcome.result.a_max) + " but the busiest instance has " + std::to_string(most);
  if (outcome.result.activated != std::count(activated.begin(), activated.end(), true))
    return "activated is " + std::to_string(outcome.result.activated);
  if (outcome.missing != missing || outcome.result.missing != static_cast<int32_t>(missing.size()))
    return "the missing experts are wrong";
  for (size_t i = 0; i < input.ids.size(); ++i) {
    const uint16_t id = input.ids[i];
    const bool counts = id < input.hosts.size() && (input.row_mask.empty() || input.row_mask[i / input.k]);
    const int32_t expected = !counts                 ? kIdle
                             : outcome.hosts[id] < 0 ? outcome.hosts[id]
                                                     : SlotOf(input, id, outcome.hosts[id]);
    if (outcome.slots[i] != expected)
      return "choice " + std::to_string(i) + " went to slot " + std::to_string(outcome.slots[i]) + " instead of " +
             std::to_string(expected);
  }
  return "";
}

Case RandomCase(std::mt19937_64 &random, int max_experts, int max_instances) {
  const auto below = [&](int end) { return static_cast<int>(random() % end); };
  Case result;
  result.instances = 1 + below(max_instances);
  const int experts = 1 + below(max_experts), style = below(6);
  std::vector<int32_t> instances(result.instances);
  std::iota(instances.begin(), instances.end(), 0);
  // Styles: one replica for most, two for all, up to four, crowded on few instances, some replicas dead, some
  // instances dead.
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
  if (style == 5)
    for (int g = 0; g < result.instances; ++g)
      result.live.push_back(below(4) != 0);
  result.k = 1 + below(std::min(experts, 8));
  const int rows = below(2) ? below(8) : below(80);
  const int favoured = 1 + below(experts);
  for (int64_t i = 0; i < rows * result.k; ++i)
    result.ids.push_back(static_cast<uint16_t>(below(16) == 0 ? (below(2) ? kNoExpert : experts + below(3))
                                                              : below(below(3) ? experts : favoured)));
  if (below(3) == 0)
    for (int row = 0; row < rows; ++row)
      result.row_mask.push_back(static_cast<uint8_t>(below(3) ? 1 + below(255) : 0));
  return result;
}

} // namespace janus::scheduler
