//===- PlacementRepair.h - every expert on a live instance ------*- C++ -*-===//
//
// While no step can go on: experts that lived only on lost instances are loaded
// from the artifact on the others, as an epoch (Orders.h) that the next attempt
// names. Where slots own their bytes, spare blocks bound how much one epoch can
// change; then it takes several, and the instances switch to each when they are
// asked again where they are (docs/failures.md).
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_ENGINE_PLACEMENTREPAIR_H
#define JANUS_RUNTIME_ENGINE_PLACEMENTREPAIR_H

#include "absl/status/statusor.h"
#include "runtime/engine/Controller.h"
#include "runtime/placement/Placement.h"

#include <vector>

namespace janus {

struct RepairOptions {
  std::vector<int64_t> expert_bytes; // by layer, of one expert
  int64_t spare = 0;                 // loads that an instance can have under way; 0: any number
  int64_t piece = 0;                 // the largest bytes of an expert in one message
  int64_t deadline_ms = 0;           // without news; 0: never
};

struct RepairResult {
  Placement placement; // that every instance is ready for, and that the controller names
  bool complete = true;
  int64_t moves = 0;
};

/// `present`: what the instances have, or are ready to switch to, as the
/// controller's epoch says. Waits until all live ones are ready for `epoch`.
/// Unavailable: those that are left cannot hold the model. Aborted: another
/// instance may be lost. Else what an instance reported.
absl::StatusOr<RepairResult> RepairPlacement(Controller &controller, const Placement &present, uint32_t epoch,
                                             const RepairOptions &options);

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_PLACEMENTREPAIR_H
