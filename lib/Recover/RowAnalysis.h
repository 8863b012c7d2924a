//===- RowAnalysis.h - does every row depend on itself alone? ---*- C++ -*-===//
//
// The part of recovery that decides. It changes no IR.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_ROWANALYSIS_H
#define JANUS_RECOVER_ROWANALYSIS_H

#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

#include <optional>
#include <string>

namespace janus::recover {

/// What is known of a value.
struct RowState {
  enum Kind {
    kConstant, // the same in every step, or made of sizes only
    kRows,     // carries rows: dims [0, dims) flattened are the rows, each cut into `pieces`
    kSequence, // belongs to sequences: caches, masks, lengths
    kMixed,    // rows are mixed; `culprit` says where
  };
  Kind kind = kConstant;
  unsigned dims = 0;
  int64_t pieces = 1;
  mlir::Operation *culprit = nullptr;
  std::string reason;
};

class RowAnalysis {
public:
  /// `tokens`: the argument with the token ids, [batch, sequence].
  RowAnalysis(mlir::func::FuncOp function, mlir::BlockArgument tokens);
  const RowState &state(mlir::Value value) const { return states_.find(value)->second; }
  const onnx::SymExpr &rows() const { return rows_; }

private:
  RowState transfer(mlir::Operation *op, unsigned result);
  RowState recovered(mlir::Operation *op, mlir::Value result);
  llvm::DenseMap<mlir::Value, RowState> states_;
  onnx::SymExpr rows_{1};
};

/// The block argument behind integer casts, identities and reshapes; null when there is something else.
mlir::BlockArgument traceArgument(mlir::Value value);

} // namespace janus::recover

#endif // JANUS_RECOVER_ROWANALYSIS_H
