// EPLB, written from the description in its README and checked against the example there: groups to nodes, replicas
// within a node, replicas to instances; each packing gives every pack the same number of items.
#include "runtime/placement/Policies.h"

#include <algorithm>
#include <numeric>

namespace janus {
namespace {

/// Indices by descending weight, ties by index.
std::vector<int32_t> Descending(absl::Span<const double> weight) {
  std::vector<int32_t> order(weight.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return weight[a] > weight[b]; });
  return order;
}

/// The items of each pack in the order they came: heaviest item first, to the lightest pack that is not full. With one
/// item a pack, item i is pack i.
std::vector<std::vector<int32_t>> Pack(absl::Span<const double> weight, int64_t packs) {
  std::vector<std::vector<int32_t>> packed(packs);
  const size_t each = weight.size() / packs;
  if (each == 1) {
    for (int64_t p = 0; p < packs; ++p)
      packed[p] = {static_cast<int32_t>(p)};
    return packed;
  }
  std::vector<double> carried(packs);
  for (int32_t item : Descending(weight)) {
    int64_t best = -1;
    for (int64_t p = 0; p < packs; ++p)
      if (packed[p].size() < each && (best < 0 || carried[p] < carried[best]))
        best = p;
    packed[best].push_back(item);
    carried[best] += weight[item];
  }
  return packed;
}

/// The item that each of `total` replicas is of: one each, then always of the item with the most weight a replica.
std::vector<int32_t> Replicate(absl::Span<const double> weight, int64_t total, std::vector<int64_t> &count) {
  std::vector<int32_t> replicas(weight.size());
  std::iota(replicas.begin(), replicas.end(), 0);
  count.assign(weight.size(), 1);
  while (static_cast<int64_t>(replicas.size()) < total) {
    int32_t best = 0;
    for (size_t i = 1; i < weight.size(); ++i)
      if (weight[i] / static_cast<double>(count[i]) > weight[best] / static_cast<double>(count[best]))
        best = static_cast<int32_t>(i);
    replicas.push_back(best);
    ++count[best];
  }
  return replicas;
}

} // namespace

std::vector<std::vector<int32_t>> Eplb(absl::Span<const double> load, int64_t instances, int64_t slots, int64_t groups,
                                       int64_t nodes) {
  const int64_t experts = static_cast<int64_t>(load.size());
  if (groups % nodes != 0 || instances % nodes != 0 || experts % groups != 0)
    groups = nodes = 1;
  const int64_t group = experts / groups, per_node = instances / nodes;
  std::vector<double> group_load(groups);
  for (int64_t e = 0; e < experts; ++e)
    group_load[e / group] += load[e];

  std::vector<std::vector<int32_t>> placed;
  for (const std::vector<int32_t> &node : Pack(group_load, nodes)) {
    std::vector<int32_t> members; // experts of the node, group by group
    std::vector<double> member_load, replica_load;
    for (int32_t g : node)
      for (int64_t e = g * group; e < (g + 1) * group; ++e) {
        members.push_back(static_cast<int32_t>(e));
        member_load.push_back(load[e]);
      }
    std::vector<int64_t> count;
    const std::vector<int32_t> replicas = Replicate(member_load, per_node * slots, count);
    for (int32_t member : replicas)
      replica_load.push_back(member_load[member] / static_cast<double>(count[member]));
    for (const std::vector<int32_t> &pack : Pack(replica_load, per_node)) {
      std::vector<int32_t> &held = placed.emplace_back();
      for (int32_t replica : pack)
        held.push_back(members[replicas[replica]]);
    }
  }
  return placed;
}

} // namespace janus
