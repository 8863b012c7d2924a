//===- Register.h - every dialect and pass of Janus ---------------*- C++ -*-===//
#pragma once
#include "mlir/IR/DialectRegistry.h"

namespace janus {

/// The dialects of every stage, and those of MLIR that the lower stage uses. Nothing is loaded.
void registerAllDialects(mlir::DialectRegistry &registry);

/// The passes and pipelines of every stage, and MLIR's canonicalize, cse, inline and symbol-dce. Call once a process.
void registerAllPasses();

} // namespace janus
