//===- Register.h - every dialect and pass of Janus ---------------*- C++ -*-===//
#pragma once
#include "mlir/IR/DialectRegistry.h"

namespace janus {

/// The dialects of every stage, and those of MLIR that the lower stage uses. Nothing is loaded.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Leaves the options that LLVM's libraries have registered for themselves to --help-hidden. Call first in main, before
/// a tool registers its own.
void hideLibraryOptions();

/// The passes and pipelines of every stage, and MLIR's canonicalize, cse, inline and symbol-dce. Call once a process.
void registerAllPasses();

} // namespace janus
