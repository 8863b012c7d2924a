#include "runtime/placement/Placement.h"

#include "runtime/base/Random.h"
#include "runtime/placement/Policies.h"

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"

#include <algorithm>
#include <numeric>

namespace janus {
namespace {

/// Every layer's experts in an order of its own.
std::vector<LayerSlots> InOrder(const PlacementShape &shape, absl::FunctionRef<void(std::vector<int32_t> &)> reorder) {
  std::vector<LayerSlots> slots;
  for (int64_t experts : shape.experts) {
    std::vector<int32_t> order(experts);
    std::iota(order.begin(), order.end(), 0);
    reorder(order);
    Layout layout({experts, std::vector<int64_t>(shape.instances, shape.slots), {}});
    PlaceInOrder(layout, order);
    LayerSlots &layer = slots.emplace_back();
    for (int64_t g = 0; g < shape.instances; ++g)
      layer.emplace_back(layout.held(g).begin(), layout.held(g).end());
  }
  return slots;
}

} // namespace

absl::Status PlacementShape::Check() const {
  if (instances < 1)
    return absl::InvalidArgumentError(
        absl::StrCat("placement: found ", instances, " expert instances, expected at least 1"));
  const int64_t most = experts.empty() ? 0 : *std::max_element(experts.begin(), experts.end());
  if (most > scheduler::kMaxExperts || instances > scheduler::kMaxInstances || slots > INT32_MAX / instances)
    return absl::InvalidArgumentError(absl::StrCat("placement: found ", most, " experts a layer on ", instances,
                                                   " instances with ", slots, " slots, expected at most ",
                                                   scheduler::kMaxExperts, " on ", scheduler::kMaxInstances, " with ",
                                                   INT32_MAX, " slots together"));
  const int64_t needed = MinimumSlots(experts, instances);
  if (slots < needed)
    return absl::InvalidArgumentError(absl::StrCat("placement: ", instances, " instances with ", slots,
                                                   " slots cannot hold ", most, " experts a layer; expected --slots ",
                                                   needed, " or more, or more expert instances"));
  return absl::OkStatus();
}

int64_t MinimumSlots(absl::Span<const int64_t> experts, int64_t instances) {
  int64_t most = 0;
  for (int64_t count : experts)
    most = std::max(most, count);
  return instances > 0 ? (most + instances - 1) / instances : most;
}

absl::StatusOr<Placement> Placement::Make(const PlacementShape &shape, std::vector<LayerSlots> slots, uint32_t epoch,
                                          std::vector<int32_t> dead) {
  if (absl::Status status = shape.Check(); !status.ok())
    return status;
  if (slots.size() != shape.experts.size())
    return absl::InvalidArgumentError(absl::StrCat("placement: found ", slots.size(), " layers, expected ",
                                                   shape.experts.size(), " as in the model"));
  Placement placement;
  placement.shape_ = shape;
  placement.epoch_ = epoch;
  placement.layers_.resize(slots.size());
  for (size_t l = 0; l < slots.size(); ++l)
    if (absl::Status status = placement.SetLayer(static_cast<int64_t>(l), slots[l]); !status.ok())
      return status;
  if (absl::Status status = placement.SetDead(std::move(dead)); !status.ok())
    return status;
  return placement;
}

absl::StatusOr<Placement> Placement::With(const std::map<int64_t, LayerSlots> &changed, uint32_t epoch,
                                          std::vector<int32_t> dead) const {
  Placement placement = *this;
  placement.epoch_ = epoch;
  for (const auto &[layer, slots] : changed) {
    if (layer < 0 || layer >= layers())
      return absl::InvalidArgumentError(absl::StrCat("placement: found layer ", layer, ", expected one of ", layers()));
    if (absl::Status status = placement.SetLayer(layer, slots); !status.ok())
      return status;
  }
  if (absl::Status status = placement.SetDead(std::move(dead)); !status.ok())
    return status;
  return placement;
}

absl::Status Placement::SetLayer(int64_t index, const LayerSlots &slots) {
  auto bad = [&](auto... what) {
    return absl::InvalidArgumentError(absl::StrCat("placement: layer ", index, ": ", what...));
  };
  if (static_cast<int64_t>(slots.size()) != shape_.instances)
    return bad("found ", slots.size(), " instances, expected ", shape_.instances);
  Layer layer;
  layer.slots.assign(shape_.instances * shape_.slots, -1);
  std::vector<std::vector<std::pair<int32_t, int32_t>>> hosts(shape_.experts[index]);
  for (int64_t g = 0; g < shape_.instances; ++g) {
    if (static_cast<int64_t>(slots[g].size()) > shape_.slots)
      return bad("instance ", g, " holds ", slots[g].size(), " experts, expected at most ", shape_.slots, " (--slots)");
    for (size_t s = 0; s < slots[g].size(); ++s) {
      const int32_t expert = slots[g][s];
      if (expert == -1)
        continue;
      if (expert < 0 || expert >= shape_.experts[index])
        return bad("instance ", g, " names expert ", expert, ", expected 0 to ", shape_.experts[index] - 1);
      if (!hosts[expert].empty() && hosts[expert].back().first == g)
        return bad("instance ", g, " holds expert ", expert, " twice");
      hosts[expert].emplace_back(g, s);
      layer.slots[g * shape_.slots + static_cast<int64_t>(s)] = expert;
    }
  }
  layer.begin.push_back(0);
  for (int64_t e = 0; e < shape_.experts[index]; ++e) {
    if (hosts[e].empty())
      return bad("expert ", e, " is on no instance; every expert needs a slot");
    for (auto [instance, slot] : hosts[e]) {
      layer.host.push_back(instance);
      layer.slot.push_back(static_cast<int32_t>(instance * shape_.slots) + slot);
    }
    layer.begin.push_back(static_cast<int32_t>(layer.host.size()));
  }
  layer.instance = layer.host;
  layers_[index] = std::move(layer);
  return absl::OkStatus();
}

absl::Status Placement::SetDead(std::vector<int32_t> dead) {
  for (size_t i = 0; i < dead.size(); ++i)
    if (dead[i] < 0 || dead[i] >= shape_.instances || (i > 0 && dead[i] <= dead[i - 1]))
      return absl::InvalidArgumentError(absl::StrCat("placement: found dead instance ", dead[i],
                                                     ", expected ids below ", shape_.instances, ", ascending"));
  dead_ = std::move(dead);
  for (Layer &layer : layers_)
    std::transform(layer.host.begin(), layer.host.end(), layer.instance.begin(),
                   [&](int32_t g) { return std::binary_search(dead_.begin(), dead_.end(), g) ? -1 : g; });
  return absl::OkStatus();
}

LayerSlots Placement::layer(int64_t layer) const {
  LayerSlots slots(shape_.instances);
  for (int64_t g = 0; g < shape_.instances; ++g)
    slots[g].assign(layers_[layer].slots.begin() + g * shape_.slots,
                    layers_[layer].slots.begin() + (g + 1) * shape_.slots);
  return slots;
}

scheduler::ReplicaList Placement::replicas(int64_t layer) const {
  const Layer &l = layers_[layer];
  return {static_cast<int32_t>(shape_.experts[layer]), static_cast<int32_t>(shape_.instances), l.begin.data(),
          l.instance.data(), l.slot.data()};
}

absl::StatusOr<Placement> Placement::Even(const PlacementShape &shape) {
  if (absl::Status status = shape.Check(); !status.ok())
    return status;
  return Make(shape, InOrder(shape, [](std::vector<int32_t> &) {}));
}

absl::StatusOr<Placement> Placement::Random(const PlacementShape &shape, uint64_t seed) {
  if (absl::Status status = shape.Check(); !status.ok())
    return status;
  janus::Random random(seed);
  return Make(shape, InOrder(shape, [&](std::vector<int32_t> &order) { random.Shuffle(order); }));
}

} // namespace janus
