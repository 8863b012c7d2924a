//===- Passes.h - the communicate stage -------------------------*- C++ -*-===//
//
// edges between meshes  ->  transfers with schemes.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_COMMUNICATION_PASSES_H
#define JANUS_COMMUNICATION_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>

namespace janus {

#define GEN_PASS_DECL
#include "lib/Communication/Passes.h.inc"

/// The passes of the stage in order, verification last.
void buildCommunicationPipeline(mlir::OpPassManager &manager);

/// Registers the passes and the pipeline `--janus-communicate`.
void registerCommunicationPasses();

} // namespace janus

#endif // JANUS_COMMUNICATION_PASSES_H
