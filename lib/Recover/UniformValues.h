//===- UniformValues.h - integers when every token is valid -----*- C++ -*-===//
//
// Evaluates the small integer arithmetic that prepares lengths for attention, under the assumption of the
// language-model contract: every position of the attention mask is valid, so the mask is all ones.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_UNIFORMVALUES_H
#define JANUS_RECOVER_UNIFORMVALUES_H

#include "dialects/onnx/IR/OnnxOps.h"

#include <optional>

namespace janus::recover {

struct UniformValue {
  onnx::SymExpr value;      // of every element
  mlir::BlockArgument mask; // whose elements it was computed from; null when none
};

/// The integer that all elements of `value` equal; nothing when that cannot be told. A mask is an integer argument of
/// two dimensions.
std::optional<UniformValue> evaluateUniform(mlir::Value value);

/// The elements of a constant integer tensor; nothing when it is none.
std::optional<llvm::SmallVector<int64_t>> constantIntegers(mlir::Value value);

} // namespace janus::recover

#endif // JANUS_RECOVER_UNIFORMVALUES_H
