//===- DoubleMath.h - functions of f64 in generated code --------*- C++ -*-===//
//
// For tensor programs over f64; speed is no concern. Largest errors against
// the correctly rounded result, over the arguments that the tests try: exp, log,
// sin, cos 2 ulp, tanh and erf 4 ulp; sin and cos for |x| <= 2^30.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LIB_LOWERING_DOUBLEMATH_H
#define JANUS_LIB_LOWERING_DOUBLEMATH_H

#include "mlir/IR/Builders.h"

namespace janus::lowering {

/// `function` is one of math.exp, math.log, math.tanh, math.erf, math.sin and math.cos.
mlir::Value emitDouble(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef function, mlir::Value x);

} // namespace janus::lowering

#endif // JANUS_LIB_LOWERING_DOUBLEMATH_H
