//===- OnnxOps.h - the onnx dialect --------------------------------*- C++ -*-===//
#pragma once
#include "dialects/onnx/IR/ShapeContext.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/onnx/IR/OnnxOpsDialect.h.inc"
#include "dialects/onnx/IR/ShapeInterface.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/onnx/IR/OnnxOpsAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/onnx/IR/OnnxOpsTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/onnx/IR/OnnxOps.h.inc"

namespace janus::onnx {

/// Names of the attributes the importer writes. Arguments and results of @main: the names in the model.
inline constexpr llvm::StringLiteral kNameAttr = "onnx.name";
/// On func @main: dictionary new symbol -> upper bound, e.g. {nonzero0 = "batch*S"}.
inline constexpr llvm::StringLiteral kBoundsAttr = "onnx.bounds";
/// On func @main: equalities the entry code checks, each "a == b".
inline constexpr llvm::StringLiteral kRequireAttr = "onnx.require";
/// On results of @main until shapes are inferred: the type that the model declares.
inline constexpr llvm::StringLiteral kDeclaredAttr = "onnx.declared";
/// On the module: ai.onnx opset (i64), IR version (i64), producer (string), file name of the model (string).
inline constexpr llvm::StringLiteral kOpsetAttr = "onnx.opset", kIrVersionAttr = "onnx.ir_version",
                                     kProducerAttr = "onnx.producer", kFileAttr = "onnx.file";
/// On the module, when the model's folder has a genai_config.json: {context_length, vocab_size, eos, bos, pad (i64),
/// type (string)}.
inline constexpr llvm::StringLiteral kGenaiAttr = "onnx.genai";
/// On the module: positions that the config.json beside the model states (i64).
inline constexpr llvm::StringLiteral kContextAttr = "onnx.context";

/// ONNX's TensorProto.DataType <-> MLIR element types; null (0) for types that have no counterpart (strings).
mlir::Type getElementType(mlir::MLIRContext *context, int64_t dataType);
int64_t getDataType(mlir::Type element);
/// Bits that a stored number of the type takes (bool: 8).
int64_t getStorageBits(mlir::Type element);

/// The dimensions' labels in an Einsum: letters, and ".k" for the k-th last dimension of an ellipsis.
struct EinsumLabels {
  llvm::SmallVector<llvm::SmallVector<std::string>> inputs;
  llvm::SmallVector<std::string> output;
};
/// The labels of an onnx.Einsum whose inputs have these ranks; fails with an error on the op when its equation has
/// none.
llvm::FailureOr<EinsumLabels> einsumLabels(mlir::Operation *op, llvm::ArrayRef<size_t> ranks);

} // namespace janus::onnx
