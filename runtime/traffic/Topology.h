//===- Topology.h - instances on logical nodes ------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_TRAFFIC_TOPOLOGY_H
#define JANUS_RUNTIME_TRAFFIC_TOPOLOGY_H

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include <string>
#include <vector>

namespace janus {

/// m attention and n expert instances, each on a logical node; a node may hold
/// both kinds. Node numbers are those of the user; groups are sorted by them.
class Topology {
public:
  /// All instances on node 0.
  Topology(int attention, int experts);
  /// InvalidArgument unless both lists are non-empty and nodes are not negative.
  static absl::StatusOr<Topology> Make(std::vector<int> attention_nodes, std::vector<int> expert_nodes);
  /// Parses "a0,a1@0;e0,e1,e2@1": every instance once, a list of instances and
  /// the node they are on. InvalidArgument names what is missing or doubled.
  static absl::StatusOr<Topology> Parse(absl::string_view text, int attention, int experts);

  int attention() const { return static_cast<int>(attention_nodes_.size()); }
  int experts() const { return static_cast<int>(expert_nodes_.size()); }
  int attention_node(int instance) const { return attention_nodes_[instance]; }
  int expert_node(int instance) const { return expert_nodes_[instance]; }
  const std::vector<int> &attention_nodes() const { return attention_nodes_; }
  const std::vector<int> &expert_nodes() const { return expert_nodes_; }
  /// "a0,a1@0;e0,e1,e2@1"
  std::string str() const;

private:
  Topology() = default;
  std::vector<int> attention_nodes_, expert_nodes_;
};

} // namespace janus

#endif // JANUS_RUNTIME_TRAFFIC_TOPOLOGY_H
