//===- Placement.h - which expert lies in which slot ------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_PLACEMENT_PLACEMENT_H
#define JANUS_RUNTIME_PLACEMENT_PLACEMENT_H

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/scheduler/ReplicaTable.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace janus {

/// One layer of a placement: [instance][slot], an expert or -1.
using LayerSlots = std::vector<std::vector<int32_t>>;

/// Sizes that a placement must fit.
struct PlacementShape {
  std::vector<int64_t> experts; // by layer; 0: the layer has no experts
  int64_t instances = 1;
  int64_t slots = 0; // per instance and layer
  /// InvalidArgument when no placement fits.
  absl::Status Check() const;
};

class ActivationWindow;

/// For each layer the experts in the slots of each instance. Every expert has
/// at least one slot, none twice on one instance. Immutable; a new placement is
/// a new epoch.
class Placement {
public:
  /// slots[layer][instance]: expert ids, -1 for an empty slot, at most
  /// shape.slots of them. InvalidArgument names the layer, instance and expert
  /// that do not fit. Nothing lies on `dead` instances, though their slots are
  /// kept: in tables their replicas have instance -1, and an expert may then have
  /// no other.
  static absl::StatusOr<Placement> Make(const PlacementShape &shape, std::vector<LayerSlots> slots, uint32_t epoch = 0,
                                        std::vector<int32_t> dead = {});

  /// Expert e of E on instance floor(e * n / E) of n: contiguous blocks; then spare
  /// slots are filled with replicas in id order, each on the instance with most
  /// free slots (ties: the lower) that does not hold it.
  static absl::StatusOr<Placement> Even(const PlacementShape &shape);
  /// The same with the experts of each layer shuffled by a generator seeded with
  /// `seed`.
  static absl::StatusOr<Placement> Random(const PlacementShape &shape, uint64_t seed);
  /// Fitted to recorded steps, a window for each layer, by the rules of
  /// docs/placement-file.md. InvalidArgument when they are another model's.
  static absl::StatusOr<Placement> FromTrace(const PlacementShape &shape, const std::vector<ActivationWindow> &windows);
  /// Parses the JSON of docs/placement-file.md.
  static absl::StatusOr<Placement> FromJson(const PlacementShape &shape, std::string_view text);
  std::string ToJson() const;

  const PlacementShape &shape() const { return shape_; }
  uint32_t epoch() const { return epoch_; }
  int64_t layers() const { return static_cast<int64_t>(shape_.experts.size()); }
  /// Expert in a slot, -1 when empty.
  int32_t expert(int64_t layer, int64_t instance, int64_t slot) const {
    return layers_[layer].slots[instance * shape_.slots + slot];
  }
  /// The slots of a layer.
  LayerSlots layer(int64_t layer) const;
  /// This placement with other slots in some layers, as Make takes them.
  absl::StatusOr<Placement> With(const std::map<int64_t, LayerSlots> &changed, uint32_t epoch,
                                 std::vector<int32_t> dead) const;
  /// Dead instances, ascending.
  absl::Span<const int32_t> dead() const { return dead_; }
  /// Replicas of each expert of a layer, those on dead instances marked; physical
  /// slot instance * shape().slots + slot of the instance. Valid while the
  /// placement lives.
  scheduler::ReplicaList replicas(int64_t layer) const;

private:
  struct Layer {
    std::vector<int32_t> slots;                 // [instances * slots]
    std::vector<int32_t> begin, instance, slot; // ReplicaList
    std::vector<int32_t> host;                  // [replicas] instance, dead or not
  };
  absl::Status SetLayer(int64_t index, const LayerSlots &slots);
  absl::Status SetDead(std::vector<int32_t> dead);

  PlacementShape shape_;
  uint32_t epoch_ = 0;
  std::vector<int32_t> dead_;
  std::vector<Layer> layers_;
};

/// The fewest slots an instance needs: ceil(experts / instances) of the largest layer.
int64_t MinimumSlots(absl::Span<const int64_t> experts, int64_t instances);

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_PLACEMENT_H
