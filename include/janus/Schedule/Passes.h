//===- Passes.h - the schedule stage ----------------------------*- C++ -*-===//
//
// routed experts  ->  schedule and experts by assignment.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_SCHEDULE_PASSES_H
#define JANUS_SCHEDULE_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>

namespace janus {

#define GEN_PASS_DECL
#include "lib/Schedule/Passes.h.inc"

/// The passes of the stage in order, verification last.
void buildSchedulePipeline(mlir::OpPassManager &manager);

/// Registers the passes and the pipeline `--janus-schedule`.
void registerSchedulePasses();

} // namespace janus

#endif // JANUS_SCHEDULE_PASSES_H
