//===- Repair.h - a placement without some of its instances -----*- C++ -*-===//
#ifndef JANUS_RUNTIME_PLACEMENT_REPAIR_H
#define JANUS_RUNTIME_PLACEMENT_REPAIR_H

#include "runtime/placement/Placement.h"

namespace janus {

/// `present` without what lies on `lost` instances (ascending; their slots are
/// kept for their return). An expert that has no replica left in a layer is put,
/// experts ascending, into a free slot of the live instance with most of them
/// (ties: the lower), else in place of an expert that keeps another replica: the
/// one with most replicas (ties: on the instance that has been given fewest,
/// then the lower instance, then the lower slot). Unavailable: layers that the
/// live instances cannot hold.
absl::StatusOr<Placement> Repair(const Placement &present, const std::vector<int32_t> &lost, uint32_t epoch);

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_REPAIR_H
