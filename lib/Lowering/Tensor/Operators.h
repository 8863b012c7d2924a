//===- Operators.h - one lowering per onnx operator -------------*- C++ -*-===//
//
// A lowering reads the buffers of an op's inputs and fills those of its
// outputs. Inputs and outputs are by ONNX position; absent ones are null.
// Reports an error on the op and fails when the op asks for what generated
// code does not do.
//
// Where the extents of results are known only from data, the operator has a
// second function, which is generated first: it computes the extents.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LOWERING_TENSOR_OPERATORS_H
#define JANUS_LOWERING_TENSOR_OPERATORS_H

#include "lib/Lowering/Tensor/Emitter.h"
#include "mlir/IR/Operation.h"

#include <functional>

namespace janus::lowering {

/// What a lowering sees of the function that is being generated.
struct OperatorContext {
  Emitter &e;
  mlir::Operation *op;
  llvm::SmallVector<const Buffer *> inputs;  // by ONNX position
  llvm::SmallVector<const Buffer *> outputs; // by ONNX position; none while extents are computed
  /// Memory for this op alone.
  std::function<Buffer(mlir::Type element, llvm::ArrayRef<onnx::SymExpr> shape)> scratch;
  /// Ends the program with an error about this op unless the condition holds. Not inside a loop.
  std::function<void(mlir::Value condition, llvm::StringRef what)> check;

  const Buffer *input(unsigned position) const { return position < inputs.size() ? inputs[position] : nullptr; }
  const Buffer *output(unsigned position) const { return position < outputs.size() ? outputs[position] : nullptr; }
  int64_t integer(llvm::StringRef attribute, int64_t otherwise) const;
  double real(llvm::StringRef attribute, double otherwise) const;
  llvm::StringRef text(llvm::StringRef attribute, llvm::StringRef otherwise) const;
  /// The attribute `axis`, from the front.
  int64_t axis(int64_t otherwise, int64_t rank) const;
  /// The input as integers when it is a constant of the graph.
  std::optional<llvm::SmallVector<int64_t>> constants(unsigned position) const;
};

using OperatorLowering = llvm::LogicalResult (*)(OperatorContext &);
/// The extents of each output, by ONNX position.
using Extents = llvm::SmallVector<Emitter::Values>;
using ExtentsLowering = llvm::FailureOr<Extents> (*)(OperatorContext &);

/// The lowering of an operator by name ("Add"), or null.
OperatorLowering findElementwise(llvm::StringRef name);
OperatorLowering findLayout(llvm::StringRef name);
OperatorLowering findIndexing(llvm::StringRef name);
OperatorLowering findReduction(llvm::StringRef name);
OperatorLowering findSelection(llvm::StringRef name);
OperatorLowering findProduct(llvm::StringRef name);
OperatorLowering findNorm(llvm::StringRef name);
OperatorLowering findAttention(llvm::StringRef name);
OperatorLowering findState(llvm::StringRef name);
OperatorLowering findExperts(llvm::StringRef name);
OperatorLowering findQuantised(llvm::StringRef name);
ExtentsLowering findExtents(llvm::StringRef name);

/// Operators whose output is the input's memory under another shape.
bool isAlias(llvm::StringRef name);

// --- Shared pieces.

/// Axes of an input that is known at run time or earlier: for each of `rank` dimensions whether it is named (i1).
Emitter::Values namedAxes(OperatorContext &c, const Buffer &axes, int64_t rank);
/// Which dimensions a reduction folds (i1 each): by attribute, by input, or all.
Emitter::Values reducedDims(OperatorContext &c);
/// First position, step and count of a Slice along each dimension.
struct SliceBounds {
  Emitter::Values begin, step, count;
};
SliceBounds sliceBounds(OperatorContext &c);
/// How many elements a Pad puts before (behind) each dimension.
Emitter::Values padsBefore(OperatorContext &c, bool behind);
/// Elements of an axis, one apart `stride` elements, for each of `outer` * `stride` lines.
struct Lines {
  mlir::Value outer, stride, length;
  mlir::Value count(Emitter &e) const { return e.mul(outer, stride); }
  /// Position of a line's first element.
  mlir::Value first(Emitter &e, mlir::Value line) const;
};
Lines linesOf(Emitter &e, const Buffer &x, int64_t axis);
/// The same for an axis known at run time.
Lines linesOf(Emitter &e, const Buffer &x, mlir::Value axis);
/// Integers of a buffer lie in [-extent, extent); ends the program where they do not.
void checkIndices(OperatorContext &c, unsigned position, mlir::Value extent);

/// Numbers of two f32 vectors in memory multiplied and added: 16 virtual lanes, lane j takes elements j, j + 16, ... as
/// one chain of fused multiply-adds; lanes are combined by halving (8, 4, 2, 1). Other types: one chain.
mlir::Value dot(Emitter &e, const Buffer &x, mlir::Value xBegin, const Buffer &y, mlir::Value yBegin,
                mlir::Value length);
/// x * y + z, fused for floats.
mlir::Value multiplyAdd(Emitter &e, mlir::Value x, mlir::Value y, mlir::Value z);

} // namespace janus::lowering

#endif // JANUS_LOWERING_TENSOR_OPERATORS_H
