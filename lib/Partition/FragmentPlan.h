//===- FragmentPlan.h - which operations form which fragment ----*- C++ -*-===//
//
// The part of --janus-form-fragments that decides. An operation's stage is the
// number of mesh changes on the longest way to it: even on @attention, odd on
// @expert.
//
//   stage 0        | 1              | 2                      | 3
//   embed .. h_0   | route, experts | combine .. h_1 , shared | ...
//
// An attention stage is split in two where the next expert stage does not wait
// for all of it, and where a moe.sequence stands: that is a fragment by itself.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LIB_PARTITION_FRAGMENTPLAN_H
#define JANUS_LIB_PARTITION_FRAGMENTPLAN_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>
#include <vector>

namespace janus {

struct PlannedFragment {
  llvm::StringRef mesh;
  std::string origin;                        // joined origins of the operations
  int64_t layer = 0;                         // of the experts it is or feeds; the last: of the experts before it
  std::vector<mlir::Operation *> operations; // in program order, without moe.get_weight
};

/// Fragments in execution order. Operations carry janus.mesh and janus.origin; one without is an error.
mlir::FailureOr<std::vector<PlannedFragment>> planFragments(mlir::func::FuncOp step);

} // namespace janus

#endif // JANUS_LIB_PARTITION_FRAGMENTPLAN_H
