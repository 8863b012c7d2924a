//===- States.h - what a model remembers besides keys and values -*- C++ -*-===//
//
// A state is an input with the batch in front and constant extents behind that comes out of the model again, renewed:
// the last inputs of a convolution, the matrix of a linear attention. It is zero before a sequence's first row.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_REGIONS_STATES_H
#define JANUS_RECOVER_REGIONS_STATES_H

#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace janus::recover {

/// A tensor of f32 with the batch, or 1, in front and constant extents behind.
bool isStateType(mlir::Type type);
/// The arguments of @step that are states; keys and values of fixed size, which an operator writes by position, are
/// none.
llvm::SmallVector<mlir::BlockArgument> findStates(mlir::func::FuncOp step);

/// The results of @step (by number) that renew states, for those that names or the number of candidates decide.
llvm::DenseMap<mlir::BlockArgument, unsigned> pairByName(mlir::func::FuncOp step,
                                                         llvm::ArrayRef<mlir::BlockArgument> states);
/// Are they the same but for the batch?
bool sameState(mlir::Type a, mlir::Type b);
/// For reports: [batch, 64, 2] of f32.
std::string describeType(mlir::Type type);

} // namespace janus::recover

#endif // JANUS_RECOVER_REGIONS_STATES_H
