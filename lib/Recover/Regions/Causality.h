//===- Causality.h - does row i depend on rows up to i alone? ---*- C++ -*-===//
//
// For each value of a region: along which of its axes the rows lie that an element depends on, and how far ahead. An
// element at index i depends on rows up to the largest i[axis] + shift. Scores have two such axes, queries and keys; a
// mask makes them one: behind query + shift the elements are a number, so that what sums them up sees rows up to the
// query's. What no rule covers depends on all rows. It changes no IR.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_REGIONS_CAUSALITY_H
#define JANUS_RECOVER_REGIONS_CAUSALITY_H

#include "lib/Recover/Regions/Region.h"

namespace janus::recover {

/// Elements with index[key] > index[query] + shift are the same number.
struct Cut {
  enum Fill : uint8_t { kZero, kHidden }; // hidden: so small that its exponential is 0
  unsigned query, key;
  int64_t shift;
  Fill fill;
};

/// Which rows an element depends on.
struct Reach {
  std::map<unsigned, int64_t> axes; // axis -> shift; none: no row
  std::optional<Cut> cut;
  mlir::Operation *culprit = nullptr; // where it came to depend on all rows
  std::string reason;
  bool all() const { return culprit != nullptr; }
};

class Causality {
public:
  Causality(const ModelInterface &interface, KnownValues &known, const RegionFinder &finder, const Region &region);

  /// Do all outputs depend on rows up to their own alone? Otherwise `culprit` and `reason` say why not.
  bool prove();
  mlir::Operation *culprit = nullptr;
  std::string reason;

private:
  Reach transfer(mlir::Operation *op, unsigned result);
  Reach byGroups(mlir::Operation *op, unsigned result);
  Reach contraction(mlir::Operation *op);
  Reach reduction(mlir::Operation *op);
  Reach softmax(onnx::SoftmaxOp op);
  Reach convolution(onnx::ConvOp op);
  Reach causalConvolution(mlir::Operation *op, unsigned result);
  Reach pad(onnx::PadOp op);
  Reach slice(onnx::SliceOp op);
  Reach concat(onnx::ConcatOp op);
  Reach runningSum(mlir::Operation *op);
  Reach attention(mlir::Operation *op, unsigned result);

  std::optional<Cut> cutOfResult(mlir::Operation *op, unsigned result);
  /// The cut of an operand, by the result's axes: its own, or that of a known value.
  std::optional<Cut> cutOf(mlir::Operation *op, unsigned operand, unsigned result);
  std::optional<Cut> cutOfKnown(mlir::Value value, const onnx::Dims &result);
  std::optional<Cut> branchCut(onnx::WhereOp op);
  void normalise(Reach &reach) const;

  const Reach &reach(mlir::Value value);
  /// Is the value's element at an index another one when the sequence is longer?
  bool dependsOnLength(mlir::Value value);
  onnx::Dims dims(mlir::Value value) const; // for one sequence
  bool counts(const onnx::SymExpr &dim) const { return !dim.constant(); }
  std::optional<unsigned> target(llvm::ArrayRef<onnx::DimGroup> groups, unsigned axis, const onnx::Dims &in,
                                 const onnx::Dims &out) const;
  Reach depends(mlir::Operation *op, const llvm::Twine &why) const;

  ModelInterface interface_;
  KnownValues &known_;
  const RegionFinder &finder_;
  const Region &region_;
  llvm::DenseMap<mlir::Value, Reach> reach_;
  llvm::DenseMap<mlir::Value, bool> lengthy_;
};

} // namespace janus::recover

#endif // JANUS_RECOVER_REGIONS_CAUSALITY_H
