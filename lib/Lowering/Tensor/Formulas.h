//===- Formulas.h - functions of numbers in registers -----------*- C++ -*-===//
//
// Arithmetic on f32 or f64 (compute types), and on signless integers where
// said. What is exp, tanh, erf or pow here becomes polynomials later.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LOWERING_TENSOR_FORMULAS_H
#define JANUS_LOWERING_TENSOR_FORMULAS_H

#include "lib/Lowering/Tensor/Emitter.h"

namespace janus::lowering {

mlir::Value multiply(Emitter &e, mlir::Value x, mlir::Value y);
/// 1 / (1 + exp(-x)).
mlir::Value sigmoid(Emitter &e, mlir::Value x);
/// log(1 + exp(x)) without overflow: max(x, 0) + log(1 + exp(-|x|)).
mlir::Value softplus(Emitter &e, mlir::Value x);
mlir::Value softsign(Emitter &e, mlir::Value x);
mlir::Value mish(Emitter &e, mlir::Value x);
/// max(0, min(1, alpha x + beta)).
mlir::Value hardSigmoid(Emitter &e, mlir::Value x, double alpha, double beta);
/// x, below 0 alpha (exp(x / scale) - 1).
mlir::Value elu(Emitter &e, mlir::Value x, double alpha, double scale);
/// x sigmoid(alpha x).
mlir::Value swish(Emitter &e, mlir::Value x, double alpha);
mlir::Value gelu(Emitter &e, mlir::Value x);
mlir::Value geluTanh(Emitter &e, mlir::Value x);
/// Rounds towards 0. A divisor of 0 gives 0, and the least number by -1 itself: nothing traps.
mlir::Value integerQuotient(Emitter &e, mlir::Value x, mlir::Value y, bool isUnsigned);
/// The remainder of x / y, of the sign of x, exactly (IEEE 754's fmod): floats of any compute type.
mlir::Value realRemainder(Emitter &e, mlir::Value x, mlir::Value y);
/// x to the power y as a number of x's type; `xType`, `yType` as stored. Floats through f64.
mlir::Value power(Emitter &e, mlir::Value x, mlir::Type xType, mlir::Value y, mlir::Type yType);

/// x + y, the larger (smaller) of x and y by `isUnsigned`, of any compute type; NaN wins.
mlir::Value sum(Emitter &e, mlir::Value x, mlir::Value y);
mlir::Value product(Emitter &e, mlir::Value x, mlir::Value y);
mlir::Value largest(Emitter &e, mlir::Value x, mlir::Value y, bool isUnsigned);
mlir::Value smallest(Emitter &e, mlir::Value x, mlir::Value y, bool isUnsigned);
/// x < y of any compute type; false with NaN.
mlir::Value isLess(Emitter &e, mlir::Value x, mlir::Value y, bool isUnsigned);
/// The least (greatest) number of the type, infinite for floats: what max (min) starts from.
mlir::Value lowest(Emitter &e, mlir::Type stored);
mlir::Value highest(Emitter &e, mlir::Type stored);

} // namespace janus::lowering

#endif // JANUS_LOWERING_TENSOR_FORMULAS_H
