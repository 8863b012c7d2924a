//===- Passes.h - the recover stage -----------------------------*- C++ -*-===//
//
// imported graph (onnx, @main)  ->  model (moe, @step), or the graph untouched and a warning that says why.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_PASSES_H
#define JANUS_RECOVER_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>

namespace janus {

#define GEN_PASS_DECL
#include "lib/Recover/Passes.h.inc"

/// The passes of the stage in order, verification last. `modelDir`: where the files with weights are; of those only
/// small tables are read. With `require`, a model that is not recovered is an error and not a warning. Afterwards the
/// module has `moe.model` exactly when it was recovered.
void buildRecoverPipeline(mlir::OpPassManager &manager, const std::string &modelDir = "", bool require = false);

/// Registers the passes and the pipeline `--janus-recover[="require model-dir=DIR"]`.
void registerRecoverPasses();

} // namespace janus

#endif // JANUS_RECOVER_PASSES_H
