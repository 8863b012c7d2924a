//===- Passes.h - the partition stage ---------------------------*- C++ -*-===//
//
// model IR (@step)  ->  fragments on meshes (@step_egate, @step_agate).
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_PARTITION_PASSES_H
#define JANUS_PARTITION_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>

namespace janus {

#define GEN_PASS_DECL
#include "lib/Partition/Passes.h.inc"

/// The passes of the stage in order, verification last. `gateSide` is "expert", "attention" or "auto"; anything else is
/// an error when the pipeline runs.
void buildPartitionPipeline(mlir::OpPassManager &manager, const std::string &gateSide);

/// Registers the passes and the pipeline `--janus-partition=gate-side=...`.
void registerPartitionPasses();

} // namespace janus

#endif // JANUS_PARTITION_PASSES_H
