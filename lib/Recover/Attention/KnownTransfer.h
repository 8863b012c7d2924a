//===- KnownTransfer.h - formulas through one operator ----------*- C++ -*-===//
#ifndef JANUS_RECOVER_ATTENTION_KNOWNTRANSFER_H
#define JANUS_RECOVER_ATTENTION_KNOWNTRANSFER_H

#include "lib/Recover/Attention/KnownValues.h"

namespace janus::recover {

/// The longest vector that is kept item by item.
inline constexpr int64_t kMaxItems = 64;

std::optional<RealFormat> realFormat(mlir::Type type);
std::optional<ElementType> elementType(mlir::Type type);

/// Computes what is known of an operator's results from what is known of its operands, and enters it.
class KnownTransfer {
public:
  KnownTransfer(KnownValues &values, mlir::Operation *op) : values_(values), pool_(values.pool_), op_(op) {}
  void run();

private:
  using Dims = onnx::Dims;
  using SymExpr = onnx::SymExpr;

  // KnownTransfer.cpp
  const Known *input(unsigned position) const;
  /// Enters a result whose element at (.0, .1, ...) of its dimensions `make` yields; extents are set. Short vectors of
  /// which something is known item by item are entered so.
  void enter(mlir::Value result, llvm::function_ref<ElementRef(llvm::ArrayRef<SymExpr> index)> make);
  bool elementwise();
  ElementRef combine(llvm::ArrayRef<ElementRef> args, RealFormat format);
  ElementRef convert(ElementRef element, mlir::Type type);
  void reduce();
  void cumulate();
  void product();

  // KnownIndexing.cpp
  bool indexing();
  void shape();
  void reshape();
  void slice();
  void split();
  void concat();
  void gather();
  void gatherND();
  void gatherElements();
  void range();
  void trilu();
  /// Index of a tensor with dimensions `from` whose element is at `index` of the same elements under `to`; nothing when
  /// that cannot be told.
  std::optional<llvm::SmallVector<SymExpr>> relayout(llvm::ArrayRef<SymExpr> from, llvm::ArrayRef<SymExpr> to,
                                                     llvm::ArrayRef<SymExpr> index);
  /// An index found in data, counted from the front.
  std::optional<SymExpr> position(ElementRef element, const SymExpr &extent);

  KnownValues &values_;
  ElementPool &pool_;
  mlir::Operation *op_;
};

} // namespace janus::recover

#endif // JANUS_RECOVER_ATTENTION_KNOWNTRANSFER_H
