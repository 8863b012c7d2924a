//===- Passes.h - the import stage ---------------------------------*- C++ -*-===//
//
// model.onnx  ->  onnx ops with shapes.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace janus {

#define GEN_PASS_DECL
#include "lib/Import/Passes.h.inc"

/// The passes of the stage in order, verification last; to run on what importOnnx returns.
void buildImportPipeline(mlir::OpPassManager &manager);

/// Registers the passes and the pipeline `--janus-import`.
void registerImportPasses();

} // namespace janus
