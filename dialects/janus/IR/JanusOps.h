//===- JanusOps.h - where things run and how data moves ---------*- C++ -*-===//
//
// The janus dialect (namespace janus::dist); see JanusOps.td for every op.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_DIALECTS_JANUS_IR_JANUSOPS_H
#define JANUS_DIALECTS_JANUS_IR_JANUSOPS_H

#include "dialects/moe/IR/MoEOps.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/janus/IR/JanusOpsDialect.h.inc"
#include "dialects/janus/IR/JanusOpsEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/janus/IR/JanusOpsAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/janus/IR/JanusOpsTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/janus/IR/JanusOps.h.inc"

namespace janus::dist {

/// Names of the two meshes and of the dialect's discardable attributes.
inline constexpr llvm::StringLiteral kAttentionMesh = "attention";
inline constexpr llvm::StringLiteral kExpertMesh = "expert";
inline constexpr llvm::StringLiteral kGateSideAttr = "janus.gate_side"; // on a step function: "expert" | "attention"
inline constexpr llvm::StringLiteral kMeshAttr = "janus.mesh";          // on an op of the model
inline constexpr llvm::StringLiteral kOriginAttr = "janus.origin";      // beside kMeshAttr

} // namespace janus::dist

#endif // JANUS_DIALECTS_JANUS_IR_JANUSOPS_H
