//===- Layout.h - a layer's placement while it is made ----------*- C++ -*-===//
//
// What the policies build and the search changes: experts by instance and
// instances by expert, kept in step. Internal to runtime/placement.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLACEMENT_LAYOUT_H
#define JANUS_RUNTIME_PLACEMENT_LAYOUT_H

#include "absl/types/span.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace janus {

/// Where experts may go: the checked part of a LayerProblem.
struct LayoutShape {
  int64_t experts = 0;
  std::vector<int64_t> room;                       // slots by instance; 0: dead or none
  std::vector<std::pair<int32_t, int32_t>> pinned; // (expert, instance), distinct
  int64_t instances() const { return static_cast<int64_t>(room.size()); }
  int64_t slots() const;
  /// Instances with a slot.
  int64_t live() const;
};

/// An expert is at most once on an instance; an instance holds at most its room.
/// Pinned replicas are there from the start and stay.
class Layout {
public:
  explicit Layout(const LayoutShape &shape);

  const LayoutShape &shape() const { return shape_; }
  int64_t experts() const { return shape_.experts; }
  int64_t instances() const { return shape_.instances(); }
  /// In no order.
  absl::Span<const int32_t> held(int64_t instance) const { return held_[instance]; }
  absl::Span<const int32_t> hosts(int64_t expert) const { return hosts_[expert]; }
  int64_t replicas(int64_t expert) const { return static_cast<int64_t>(hosts_[expert].size()); }
  bool Holds(int64_t instance, int64_t expert) const { return state_[instance * experts() + expert] != kAbsent; }
  bool Pinned(int64_t instance, int64_t expert) const { return state_[instance * experts() + expert] == kPinned; }
  bool HasRoom(int64_t instance) const { return static_cast<int64_t>(held_[instance].size()) < shape_.room[instance]; }
  bool CanAdd(int64_t instance, int64_t expert) const { return HasRoom(instance) && !Holds(instance, expert); }

  void Add(int64_t instance, int64_t expert);
  /// It is there and not pinned.
  void Remove(int64_t instance, int64_t expert);

private:
  enum : uint8_t { kAbsent, kHeld, kPinned };
  LayoutShape shape_;
  std::vector<std::vector<int32_t>> held_, hosts_;
  std::vector<uint8_t> state_; // [instances][experts]
};

/// Fills what room is left: each time the expert with the largest load a replica
/// (ties:
/// fewer replicas, then the lower id) that some instance with room does not hold, on the one
/// of them with most room (ties: the lower).
void FillSpare(Layout &layout, absl::Span<const double> load);

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_LAYOUT_H
