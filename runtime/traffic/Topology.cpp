#include "runtime/traffic/Topology.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include <algorithm>
#include <map>

namespace janus {

Topology::Topology(int attention, int experts) : attention_nodes_(attention, 0), expert_nodes_(experts, 0) {}

absl::StatusOr<Topology> Topology::Make(std::vector<int> attention_nodes, std::vector<int> expert_nodes) {
  if (attention_nodes.empty() || expert_nodes.empty())
    return absl::InvalidArgumentError(absl::StrCat("topology: found ", attention_nodes.size(), " attention and ",
                                                   expert_nodes.size(),
                                                   " expert instances, expected at least one of each"));
  for (const std::vector<int> *nodes : {&attention_nodes, &expert_nodes})
    for (int node : *nodes)
      if (node < 0)
        return absl::InvalidArgumentError(
            absl::StrCat("topology: found node ", node, ", expected a number of 0 or more"));
  Topology topology;
  topology.attention_nodes_ = std::move(attention_nodes);
  topology.expert_nodes_ = std::move(expert_nodes);
  return topology;
}

absl::StatusOr<Topology> Topology::Parse(absl::string_view text, int attention, int experts) {
  std::vector<int> attention_nodes(std::max(attention, 0), -1), expert_nodes(std::max(experts, 0), -1);
  auto bad = [&](auto... what) {
    return absl::InvalidArgumentError(absl::StrCat("--nodes: ", what...,
                                                   "; expected e.g. a0,a1@0;e0,e1@1 that names each of ", attention,
                                                   " attention and ", experts, " expert instances once"));
  };
  for (absl::string_view group : absl::StrSplit(text, ';', absl::SkipEmpty())) {
    std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(group, absl::MaxSplits('@', 1));
    int node;
    if (!absl::SimpleAtoi(parts.second, &node) || node < 0)
      return bad("found '", group, "' without a node number after '@'");
    for (absl::string_view name : absl::StrSplit(parts.first, ',')) {
      int id;
      if (name.size() < 2 || (name[0] != 'a' && name[0] != 'e') || !absl::SimpleAtoi(name.substr(1), &id))
        return bad("found instance '", name, "'");
      std::vector<int> &nodes = name[0] == 'a' ? attention_nodes : expert_nodes;
      if (id < 0 || id >= static_cast<int>(nodes.size()))
        return bad("instance '", name, "' does not exist");
      if (nodes[id] >= 0)
        return bad("instance '", name, "' is placed twice");
      nodes[id] = node;
    }
  }
  for (const auto &[prefix, nodes] : {std::pair('a', &attention_nodes), std::pair('e', &expert_nodes)})
    if (auto missing = std::find(nodes->begin(), nodes->end(), -1); missing != nodes->end())
      return bad("instance '", std::string(1, prefix), missing - nodes->begin(), "' has no node");
  return Make(std::move(attention_nodes), std::move(expert_nodes));
}

std::string Topology::str() const {
  std::string text;
  for (const auto &[prefix, nodes] : {std::pair("a", &attention_nodes_), std::pair("e", &expert_nodes_)}) {
    std::map<int, std::string> groups;
    for (size_t i = 0; i < nodes->size(); ++i)
      absl::StrAppend(&groups[(*nodes)[i]], groups[(*nodes)[i]].empty() ? "" : ",", prefix, i);
    for (const auto &[node, members] : groups)
      absl::StrAppend(&text, text.empty() ? "" : ";", members, "@", node);
  }
  return text;
}

} // namespace janus
