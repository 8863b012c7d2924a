//===- ShapeContext.h - what inference knows, and row effects ----*- C++ -*-===//
#pragma once
#include "dialects/onnx/IR/SymExpr.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>
#include <set>
#include <utility>

namespace janus::onnx {

using Dims = llvm::SmallVector<SymExpr, 4>;

/// Consecutive dimensions of an operand and of a result that carry the same index: flattened in row-major order, both
/// sides have the same extent, and the result's elements with index i depend on this operand only through its elements
/// with index i. Elementwise ops give one group a dimension; a reshape [B,S,H] -> [B*S,H] gives {0,2,0,1} and
/// {2,3,1,2}. An operand dimension in no group is mixed (a result may depend on every index along it) or broadcast
/// (extent 1); a result dimension in no group is not determined by this operand.
///
/// Row proof: if an operand's rows are the dimensions [0,t), row i of a result depends only on row i of that operand
/// when groups cover exactly [0,t) on the operand's side and exactly [0,u) on the result's, in the same order;
/// `carryRows` answers that.
struct DimGroup {
  unsigned operandBegin, operandEnd, resultBegin, resultEnd;
};

/// The u of the row proof above: leading result dimensions that carry the operand's rows [0,t); nothing when rows mix.
std::optional<unsigned> carryRows(llvm::ArrayRef<DimGroup> groups, unsigned t);

/// The symbolic dimensions that a type's encoding states (static extents as integers); nothing for an unknown type.
std::optional<Dims> getDims(mlir::Type type);
/// The tensor type with these dimensions: `?` and an encoding where a dimension is not an integer.
mlir::RankedTensorType getTensorType(llvm::ArrayRef<SymExpr> dims, mlir::Type element);

/// The value at an ONNX input (output) position of an onnx op; null when absent.
mlir::Value getInput(mlir::Operation *op, unsigned position);
mlir::Value getOutput(mlir::Operation *op, unsigned position);

/// What is known while a function is inferred: types of values, small integer tensors by value, symbols made on the
/// way with their upper bounds, and equalities that must hold at run time.
class ShapeContext {
public:
  /// Dimensions of a value; empty optional when the value is null or its type is not known yet.
  std::optional<Dims> dims(mlir::Value value) const;
  mlir::Type element(mlir::Value value) const;
  /// Elements of an integer tensor of rank 0 or 1, row-major; nothing when unknown or longer than kMaxValues.
  std::optional<Dims> values(mlir::Value value) const;
  /// The same of any rank.
  std::optional<Dims> elements(mlir::Value value) const;
  /// The same for a tensor whose elements all equal an integer constant or are known integers.
  std::optional<llvm::SmallVector<int64_t>> constants(mlir::Value value) const;

  /// A negative extent, which only a wrong model asks for, is kept for takeNegative; the type gets 0 in its place. One
  /// that may be negative is required not to be (`min(0,S-4) == 0`).
  void set(mlir::Value value, mlir::Type element, llvm::ArrayRef<SymExpr> dims);
  /// The first negative extent set since the last call; nothing when there was none.
  std::optional<int64_t> takeNegative() { return std::exchange(negative_, std::nullopt); }
  /// Row-major, of any rank.
  void setValues(mlir::Value value, llvm::ArrayRef<SymExpr> values);

  /// A new symbol for a size known only from data, at most `bound` where that is known. Generated code gives it its
  /// value at the op that has it as the extent of a result.
  SymExpr fresh(llvm::StringRef stem, const std::optional<SymExpr> &bound = std::nullopt);
  const llvm::MapVector<mlir::StringAttr, SymExpr> &bounds() const { return bounds_; }
  /// Names that fresh() must not give.
  void reserve(llvm::StringRef name) { reserved_.insert(name.str()); }

  /// States a == b. Integers that differ fail with an error on `op`; otherwise the equality is kept for the entry
  /// check.
  llvm::LogicalResult require(mlir::Operation *op, const SymExpr &a, const SymExpr &b, llvm::StringRef what);
  llvm::ArrayRef<std::pair<SymExpr, SymExpr>> requirements() const { return requirements_; }

  static constexpr size_t kMaxValues = 1024;
  explicit ShapeContext(mlir::MLIRContext *context) : context_(context) {}

private:
  mlir::MLIRContext *context_;
  llvm::DenseMap<mlir::Value, Dims> values_;
  llvm::MapVector<mlir::StringAttr, SymExpr> bounds_;
  void keep(const SymExpr &a, const SymExpr &b);
  llvm::SmallVector<std::pair<SymExpr, SymExpr>> requirements_;
  std::set<std::pair<SymExpr, SymExpr>> required_; // those
  std::set<std::string> reserved_;
  unsigned opaque_ = 0, fresh_ = 0;
  std::optional<int64_t> negative_;
};

/// Infers every operator of a block in order, graphs inside included. Reports every op that fails, not only the first.
llvm::LogicalResult inferBlock(mlir::Block &block, ShapeContext &context);

} // namespace janus::onnx
