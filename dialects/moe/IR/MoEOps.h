//===- MoEOps.h - what the model is -----------------------------*- C++ -*-===//
//
// The moe dialect (namespace janus::moe); see MoEOps.td for every op.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_DIALECTS_MOE_IR_MOEOPS_H
#define JANUS_DIALECTS_MOE_IR_MOEOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <limits>

#include "dialects/moe/IR/MoEOpsDialect.h.inc"
#include "dialects/moe/IR/MoEOpsEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/moe/IR/MoEOpsAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/moe/IR/MoEOps.h.inc"

namespace janus::moe {

/// Module attribute of a recovered model (keys: the dialect's description) and the name of its function.
inline constexpr llvm::StringLiteral kModelAttr = "moe.model";
inline constexpr llvm::StringLiteral kStepFunction = "step";

/// Tokens of a KV page, the model attribute's page_tokens: a multiple of abi::kKeyBlock.
inline constexpr int64_t kPageTokens = 32;

/// The encoding of a quantised weight's type; null for any other.
BlocksAttr blocksOf(mlir::Type type);

} // namespace janus::moe

#endif // JANUS_DIALECTS_MOE_IR_MOEOPS_H
