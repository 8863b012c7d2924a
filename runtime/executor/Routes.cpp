#include "runtime/executor/Routes.h"

#include <algorithm>
#include <map>

namespace janus::executor {
namespace {

std::vector<NodeGroup> Group(const std::vector<int> &nodes, const std::vector<int32_t> &lost,
                             std::vector<int32_t> &group_of) {
  std::map<int32_t, std::vector<int32_t>> members;
  for (size_t i = 0; i < nodes.size(); ++i)
    if (!std::binary_search(lost.begin(), lost.end(), static_cast<int32_t>(i)))
      members[nodes[i]].push_back(static_cast<int32_t>(i));
  std::vector<NodeGroup> groups;
  group_of.assign(nodes.size(), -1);
  for (auto &[node, instances] : members) {
    for (int32_t instance : instances)
      group_of[instance] = static_cast<int32_t>(groups.size());
    groups.push_back({node, std::move(instances)});
  }
  return groups;
}

} // namespace

Routes MakeRoutes(const Topology &topology, const std::vector<int32_t> &lost_attention,
                  const std::vector<int32_t> &lost_experts) {
  Routes routes;
  routes.attention = Group(topology.attention_nodes(), lost_attention, routes.attention_group);
  routes.expert = Group(topology.expert_nodes(), lost_experts, routes.expert_group);
  for (int32_t i = 0; i < topology.experts(); ++i)
    if (routes.expert_group[i] >= 0)
      routes.experts.push_back(i);
  return routes;
}

} // namespace janus::executor
