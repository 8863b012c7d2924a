//===- Operators.h - one lowering per onnx operator -------------*- C++ -*-===//
//
// A lowering reads the buffers of an op's inputs and fills those of its
// outputs. Inputs and outputs are by ONNX position; absent ones are null.
// Reports an error on the op and fails when the op asks for what generated
// code does not do.
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
  llvm::SmallVector<const Buffer *> outputs; // by ONNX position
  /// Memory of the workspace for this op alone.
  std::function<Buffer(mlir::Type element, llvm::ArrayRef<onnx::SymExpr> shape)> scratch;

  const Buffer *input(unsigned position) const { return position < inputs.size() ? inputs[position] : nullptr; }
  const Buffer *output(unsigned position) const { return position < outputs.size() ? outputs[position] : nullptr; }
  int64_t integer(llvm::StringRef attribute, int64_t otherwise) const;
  double real(llvm::StringRef attribute, double otherwise) const;
  llvm::StringRef text(llvm::StringRef attribute, llvm::StringRef otherwise) const;
};

using OperatorLowering = llvm::LogicalResult (*)(OperatorContext &);

/// The lowering of an operator by name ("Add"), or null.
OperatorLowering findElementwise(llvm::StringRef name);
OperatorLowering findLayout(llvm::StringRef name);
OperatorLowering findReduction(llvm::StringRef name);
OperatorLowering findModel(llvm::StringRef name);

/// Operators whose output is the input's memory under another shape.
bool isAlias(llvm::StringRef name);

// Shared pieces.
mlir::Value sigmoid(Emitter &e, mlir::Value x);
/// Numbers of two f32 vectors in memory multiplied and added: 16 virtual lanes, lane j takes elements j, j + 16, ... as
/// one chain of fused multiply-adds; lanes are combined by halving (8, 4, 2, 1).
mlir::Value dot(Emitter &e, const Buffer &x, mlir::Value xBegin, const Buffer &y, mlir::Value yBegin,
                mlir::Value length);

} // namespace janus::lowering

#endif // JANUS_LOWERING_TENSOR_OPERATORS_H
