//===- Routes.h - who relays for whom ---------------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_EXECUTOR_ROUTES_H
#define JANUS_RUNTIME_EXECUTOR_ROUTES_H

#include "runtime/traffic/Topology.h"

#include <cstdint>
#include <vector>

namespace janus::executor {

/// The instances of one role on one node.
struct NodeGroup {
  int32_t node = 0;
  std::vector<int32_t> members; // ascending
  int32_t leader() const { return members.front(); }
};

/// The logical nodes as transfers see them (docs/transfers.md). Instances that
/// are lost are no members, nodes without members no groups.
struct Routes {
  std::vector<NodeGroup> attention, expert;           // ascending by node
  std::vector<int32_t> attention_group, expert_group; // by instance: index in the above; -1: lost
  std::vector<int32_t> experts;                       // expert instances, ascending

  /// case2: index of the expert node that attention node `group` sends to.
  int32_t designated(int32_t group) const { return group % static_cast<int32_t>(expert.size()); }
};

/// `lost_attention` and `lost_experts` are ascending.
Routes MakeRoutes(const Topology &topology, const std::vector<int32_t> &lost_attention = {},
                  const std::vector<int32_t> &lost_experts = {});

} // namespace janus::executor

#endif // JANUS_RUNTIME_EXECUTOR_ROUTES_H
