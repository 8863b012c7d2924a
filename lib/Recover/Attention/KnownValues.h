//===- KnownValues.h - what does not depend on the tokens -------*- C++ -*-===//
//
// Follows element formulas through the operators that shape, index and combine elements. It changes no IR.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_ATTENTION_KNOWNVALUES_H
#define JANUS_RECOVER_ATTENTION_KNOWNVALUES_H

#include "lib/Recover/Attention/ElementExpr.h"
#include "lib/Recover/Attention/StoredNumbers.h"
#include "lib/Recover/ModelInterface.h"

namespace janus::recover {

/// Where a rotary operator has its tables [rows, rotary / 2] and the positions that choose rows of them (absent: tables
/// by batch and token, or the operator counts tokens itself); nothing for other operators.
struct RotaryPlaces {
  unsigned cos, sin, positions;
};
std::optional<RotaryPlaces> rotaryPlaces(mlir::Operation *op);

/// A tensor by its elements. `items` lists a short vector (rank 0 or 1) one by one; `element` is null where only the
/// items are known and differ.
struct Known {
  onnx::Dims dims;
  ElementRef element = nullptr;
  llvm::SmallVector<ElementRef> items;
};

class KnownValues {
public:
  /// With `numbers`, stored integers that are affine in their index (an arange) are formulas, not tables.
  KnownValues(mlir::func::FuncOp step, const ModelInterface &interface, StoredNumbers *numbers = nullptr);

  /// Null when the value depends on tokens, or in a way that formulas cannot say.
  const Known *find(mlir::Value value) const;
  /// The element at an index, simplified under the pool's extents of now; null when it is not known.
  ElementRef at(const Known &known, llvm::ArrayRef<onnx::SymExpr> index);
  /// The element of `value` that broadcasting puts at index (.0, .1, ...) of a tensor with `dims`, whose extents are
  /// set.
  ElementRef broadcast(const Known &known, llvm::ArrayRef<onnx::SymExpr> dims);
  /// A number or truth that all elements equal, and that depends on nothing.
  std::optional<double> constant(mlir::Value value) const;
  /// The elements of a short integer vector.
  std::optional<llvm::SmallVector<int64_t>> integers(mlir::Value value) const;
  /// Rows of a known table [rows, columns] at known indices: what Gather on dimension 0 yields.
  std::optional<Known> rowsOf(mlir::Value table, mlir::Value indices);
  ElementPool &pool() { return pool_; }

private:
  friend class KnownTransfer;
  void addArgument(mlir::BlockArgument argument, const ModelInterface &interface);
  ElementPool pool_;
  llvm::DenseMap<mlir::Value, Known> known_;
  unsigned variables_ = 0;
};

} // namespace janus::recover

#endif // JANUS_RECOVER_ATTENTION_KNOWNVALUES_H
