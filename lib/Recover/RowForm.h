//===- RowForm.h - the candidate and its row form ---------------*- C++ -*-===//
//
// The candidate is @step with `moe.rows`. A value of the graph that carries rows has the row form tensor<?xC>: its
// elements in the same order, one row a token. An unrealized_conversion_cast leads from one form to the other.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_ROWFORM_H
#define JANUS_RECOVER_ROWFORM_H

#include "dialects/moe/IR/MoEOps.h"
#include "dialects/onnx/IR/OnnxOps.h"
#include "lib/Recover/StoredWeight.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

#include <memory>
#include <optional>

namespace janus::recover {

/// The context of a model whose positions nothing limits: no table, no mask, no configuration beside the file.
inline constexpr int64_t kDefaultContext = 4096;

inline constexpr llvm::StringLiteral kRowsAttr = "moe.rows";     // on @step: number of rows, an expression
inline constexpr llvm::StringLiteral kTokensAttr = "moe.tokens"; // on @step: index of the argument with token ids
inline constexpr llvm::StringLiteral kReasonAttr = "moe.reason"; // on an op that could not be recovered: why
inline constexpr llvm::StringLiteral kPlaceAttr = "moe.place";   // on a module beside it: where, a location

/// On an operator of a graph with caches or states: it mixes the tokens that one call is given.
inline constexpr llvm::StringLiteral kPieceAttr = "moe.piece";

inline constexpr llvm::StringLiteral kLimitAttr = "moe.limit"; // on @step: positions that its masks were told for

enum StepArgument : unsigned { kIds = 0, kPositions = 1, kWanted = 2, kStepArguments = 3 };

/// The candidate, or null.
mlir::func::FuncOp findCandidate(mlir::ModuleOp module);

/// The model takes at most `limit` positions, besides other limits.
void limitPositions(mlir::func::FuncOp step, int64_t limit);

/// Notes on `op` why it is not recovered, with a remark. Always fails.
mlir::LogicalResult notRecovered(mlir::Operation *op, const llvm::Twine &reason);

/// Notes on the module why its candidate is given up and where that showed, for janus-finish-recovery. Always fails.
mlir::LogicalResult giveUp(mlir::ModuleOp module, mlir::Location at, const llvm::Twine &reason);

/// Erases what is not used and has no effect, until nothing changes.
void eraseDead(mlir::func::FuncOp function);

class RowForm {
public:
  explicit RowForm(mlir::func::FuncOp step);
  mlir::func::FuncOp step() const { return step_; }
  mlir::Value argument(StepArgument which) const { return step().getArgument(which); }
  /// The argument with the token ids.
  mlir::BlockArgument tokens() const;

  /// What StoredWeight::trace finds behind a value, null included, or a quantised tensor.
  std::optional<StoredWeight> trace(mlir::Value value) const { return StoredWeight::trace(value, *symbols_); }
  std::optional<StoredWeight> trace(const QuantisedTensor &tensor) const {
    return StoredWeight::trace(tensor, *symbols_);
  }
  /// The module's symbols, to insert weights: known once for the pass that makes this.
  mlir::SymbolTable &symbols() const { return *symbols_; }

  /// Elements a row of a value of this type holds; nothing when that is no constant.
  std::optional<int64_t> columns(mlir::Type type) const;
  /// Does the last dimension hold a whole row?
  bool isWhole(mlir::Type type) const;
  /// The row form of an f32 value; null when it has none.
  mlir::Value toRows(mlir::OpBuilder &builder, mlir::Value value) const;
  /// The value in the graph's form.
  mlir::Value fromRows(mlir::OpBuilder &builder, mlir::Value rows, mlir::Type type) const;
  /// tensor<?xCxf32>
  mlir::RankedTensorType rowsType(int64_t columns) const;

private:
  mlir::func::FuncOp step_;
  onnx::SymExpr rows_;
  std::unique_ptr<mlir::SymbolTable> symbols_;
};

/// An epsilon that a norm can have: neither negative nor NaN.
inline bool isEpsilon(mlir::FloatAttr epsilon) {
  return !epsilon.getValue().isNaN() && !epsilon.getValue().isNegative();
}

} // namespace janus::recover

#endif // JANUS_RECOVER_ROWFORM_H
