//===- InputElements.h - numbers of an input that say a shape ---*- C++ -*-===//
//
// A small integer input (`size` of a resampling) may say the shape of other
// values. Its elements are symbols then, like the extents of inputs, which
// generated code reads from the input's memory.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_DIALECTS_ONNX_IR_INPUTELEMENTS_H
#define JANUS_DIALECTS_ONNX_IR_INPUTELEMENTS_H

#include "dialects/onnx/IR/ShapeContext.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>

namespace janus::onnx {

/// On a function: dictionary symbol -> [number of the argument, number of its element] (i64), row-major. A number that
/// is an extent somewhere is not negative when the function is right, which the entry code checks.
inline constexpr llvm::StringLiteral kElementsAttr = "onnx.elements";

/// Gives symbols to the elements of each argument that has at most 16, is of rank 0 or 1, and reaches the shape of
/// an Expand or a ConstantOfShape through operators that only move elements.
void nameElements(mlir::func::FuncOp function, ShapeContext &context);

/// Whether a symbol of the expression is such a number, in the function around `op`. It may be 1 where it broadcasts,
/// and 0 or -1 where these have a meaning.
bool hasInputElement(mlir::Operation *op, const SymExpr &expression);

} // namespace janus::onnx

#endif // JANUS_DIALECTS_ONNX_IR_INPUTELEMENTS_H
