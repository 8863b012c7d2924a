//===- Policies.h - placements made in one go -------------------*- C++ -*-===//
//
// docs/placement.md describes each. All respect the layout's room and pins,
// place every expert and leave no slot empty that could hold a replica. Loads
// are by expert. Internal to runtime/placement.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLACEMENT_POLICIES_H
#define JANUS_RUNTIME_PLACEMENT_POLICIES_H

#include "runtime/placement/ActivationWindow.h"
#include "runtime/placement/Layout.h"

#include "absl/types/span.h"

#include <cstdint>
#include <vector>

namespace janus {

/// Experts in the order given, in blocks proportional to the room; then spare
/// slots in the same order.
void PlaceInOrder(Layout &layout, absl::Span<const int32_t> order);

/// Replicas by load, each to where it meets least.
void PlaceGreedily(Layout &layout, absl::Span<const double> load, const ActivationStatistics &statistics);

/// What `current` ([instance][slot]) holds, as far as it fits beside the pins;
/// experts that are on no instance then go where there is room, or take the slot
/// of the replica that is missed least.
void PlaceCurrent(Layout &layout, const std::vector<std::vector<int32_t>> &current, absl::Span<const double> load);

/// EPLB over `instances` of `slots` each: [instance][slot]. Hierarchical where
/// nodes divide both groups and instances and groups divide experts, else global.
std::vector<std::vector<int32_t>> Eplb(absl::Span<const double> load, int64_t instances, int64_t slots, int64_t groups,
                                       int64_t nodes);

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_POLICIES_H
