//===- PastCaches.h - where a graph keeps keys and values -------*- C++ -*-===//
#ifndef JANUS_RECOVER_PASTCACHES_H
#define JANUS_RECOVER_PASTCACHES_H

#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>

namespace janus::recover {

/// An argument that an operator puts before new keys or values, or whose slots it overwrites with them.
struct PastCache {
  mlir::BlockArgument past;
  mlir::Operation *user; // the Concat, a scatter, or an attention operator
  unsigned operand;      // the past's position in the user
  unsigned axis;         // the past's dimension that counts tokens
  mlir::Value present;   // null when the user hands out none; of a scatter perhaps with its dimensions permuted back
  bool fixed = false;    // its extent counts slots, more than there are tokens
  unsigned slot = 0;     // of a scatter: the dimension of its data that counts slots
};
/// Operators that write a cache of fixed size: TensorScatter, ScatterElements, ScatterND.
bool isCacheWrite(mlir::Operation *op);
/// Does this use of an argument lead to such an operator, as its data?
bool isWritten(mlir::BlockArgument argument, mlir::OpOperand &use);

/// The attention operators that take past keys and values themselves: positions of past key and past value, present
/// results by position, and queries, keys, values. Nothing for other operators.
struct PastOperands {
  unsigned pastKey, pastValue, presentKey, presentValue;
};
std::optional<PastOperands> pastOperands(mlir::Operation *op);

/// Every cache of the function; fails with an operator and a reason where an argument of three or more dimensions is
/// used in another way.
struct PastProblem {
  mlir::Operation *op = nullptr;
  std::string reason;
};
std::optional<llvm::SmallVector<PastCache>> findCaches(mlir::func::FuncOp step, PastProblem &problem);

} // namespace janus::recover

#endif // JANUS_RECOVER_PASTCACHES_H
