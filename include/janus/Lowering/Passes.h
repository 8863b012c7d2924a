//===- Passes.h - the lower stage -------------------------------*- C++ -*-===//
//
// step functions of fragments, or @main of onnx operations  ->  LLVM dialect functions and role programs.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LOWERING_PASSES_H
#define JANUS_LOWERING_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>

namespace janus {

#define GEN_PASS_DECL
#include "lib/Lowering/Passes.h.inc"

/// The passes of the stage in order, verification last.
void buildLoweringPipeline(mlir::OpPassManager &manager);

/// The same for a tensor program: the verified import stage in, one role with one fragment out.
void buildTensorLoweringPipeline(mlir::OpPassManager &manager);

/// Conversion of what the passes above leave (scf, arith, and math and vector of tensor programs) to the LLVM dialect.
void buildToLLVMPipeline(mlir::OpPassManager &manager);

/// Registers the passes and the pipelines `--janus-lower`, `--janus-lower-tensor-program` and `--janus-lower-to-llvm`.
void registerLoweringPasses();

} // namespace janus

#endif // JANUS_LOWERING_PASSES_H
