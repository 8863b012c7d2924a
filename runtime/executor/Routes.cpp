#include "runtime/executor/Routes.h"

#include <map>

namespace janus::executor {
namespace {

std::vector<NodeGroup> Group(const std::vector<int> &nodes, std::vector<int32_t> &group_of) {
  std::map<int32_t, std::vector<int32_t>> members;
  for (size_t i = 0; i < nodes.size(); ++i)
    members[nodes[i]].push_back(static_cast<int32_t>(i));
  std::vector<NodeGroup> groups;
  group_of.resize(nodes.size());
  for (auto &[node, instances] : members) {
    for (int32_t instance : instances)
      group_of[instance] = static_cast<int32_t>(groups.size());
    groups.push_back({node, std::move(instances)});
  }
  return groups;
}

} // namespace

Routes MakeRoutes(const Topology &topology) {
  Routes routes;
  routes.attention = Group(topology.attention_nodes(), routes.attention_group);
  routes.expert = Group(topology.expert_nodes(), routes.expert_group);
  return routes;
}

} // namespace janus::executor
