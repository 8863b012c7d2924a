//===- Polynomials.h - exp, log, tanh, erf in generated code ----*- C++ -*-===//
//
// The functions of kernels/common/Math.h, operation by operation, on vectors of
// 16 lanes or on single numbers (CodeBuilder::lanes): the same bits as in
// kernels. Largest errors against f64 over all f32 inputs: exp 1.1 ulp,
// log 1.1 ulp, tanh 2.0 ulp, erf 2.0 ulp, sigmoid 3.0 ulp from -88.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LIB_LOWERING_POLYNOMIALS_H
#define JANUS_LIB_LOWERING_POLYNOMIALS_H

#include "lib/Lowering/CodeBuilder.h"

namespace janus::lowering {

mlir::Value emitExp(CodeBuilder &code, mlir::Value x);
mlir::Value emitLog(CodeBuilder &code, mlir::Value x);
mlir::Value emitTanh(CodeBuilder &code, mlir::Value x);
mlir::Value emitErf(CodeBuilder &code, mlir::Value x);
mlir::Value emitSigmoid(CodeBuilder &code, mlir::Value x);

/// condition ? a : b for `a < b`-like comparisons of lanes.
mlir::Value emitSelect(CodeBuilder &code, mlir::arith::CmpFPredicate predicate, mlir::Value a, mlir::Value b,
                       mlir::Value yes, mlir::Value no);

} // namespace janus::lowering

#endif // JANUS_LIB_LOWERING_POLYNOMIALS_H
