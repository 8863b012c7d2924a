//===- InputUses.h - what an input is used for ------------------*- C++ -*-===//
//
// Inputs of exported models have names that prove nothing; how they are used says what they are.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_INPUTUSES_H
#define JANUS_RECOVER_INPUTUSES_H

#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace janus::recover {

/// Integers that are no truths.
bool isIntegerTensor(mlir::Type type);

/// What the uses of an integer, truth or number input say: rows of tables are chosen by positions, or they are
/// multiplied as numbers; a mask is summed, compared, or made a truth. Caches of fixed size are told how many tokens
/// are written already, and how many are valid. Looks at a bounded number of values.
struct InputUses {
  bool positions = false, mask = false, written = false, valid = false;
};
InputUses examineUses(mlir::BlockArgument argument);

/// The integer argument that indexes the table whose rows become the residual stream; null when there is none, or
/// several.
mlir::BlockArgument findTokens(mlir::func::FuncOp step);

} // namespace janus::recover

#endif // JANUS_RECOVER_INPUTUSES_H
