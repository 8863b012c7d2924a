//===- Function.h - elementwise functions -----------------------*- C++ -*-===//
#ifndef JANUS_RECOVER_MEANING_FUNCTION_H
#define JANUS_RECOVER_MEANING_FUNCTION_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <optional>

namespace janus::recover {

/// Functions of numbers; booleans are 0 and 1.
enum class Fn : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kIntDiv,
  kPow,
  kMod,
  kMin,
  kMax, // two operands
  kEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAnd,
  kOr,
  kXor,
  kNeg,
  kAbs,
  kSqrt,
  kReciprocal,
  kExp,
  kLog,
  kSigmoid,
  kTanh,
  kErf,
  kRelu,
  kSoftplus,
  kFloor,
  kCeil,
  kNot,
  kIsNaN, // one
  kTruncate,
  kToBool,
  kSin,
  kCos,
  kSign,
  kWhere, // three
};

double evaluate(Fn fn, llvm::ArrayRef<double> operands);
/// The value does not depend on the order of the two operands.
bool isCommutative(Fn fn);
/// The function of an onnx operator that has one, with its operands as they are; Cast by the types. Clip, Sum, Gelu
/// and the like are compositions (Meaning.h).
std::optional<Fn> functionOf(mlir::Operation *op);

} // namespace janus::recover

#endif // JANUS_RECOVER_MEANING_FUNCTION_H
