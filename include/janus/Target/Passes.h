//===- Passes.h - passes of the target stage --------------------*- C++ -*-===//
#ifndef JANUS_TARGET_PASSES_H
#define JANUS_TARGET_PASSES_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>

namespace janus {

#define GEN_PASS_DECL
#include "lib/Target/Passes.h.inc"

/// Registers `--janus-select-role`.
void registerTargetPasses();

} // namespace janus

#endif // JANUS_TARGET_PASSES_H
