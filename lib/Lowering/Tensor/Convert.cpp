// Numbers of one element type as another, in registers.
#include "lib/Lowering/Tensor/Emitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace janus::lowering;

namespace {
/// An f64 as an f32 rounded to odd: what is then rounded to fewer bits is rounded once, as if from the f64.
Value roundToOdd(Emitter &e, Value x) {
  auto &b = e.b;
  Location loc = e.loc();
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  Value near = arith::TruncFOp::create(b, loc, f32, x), back = arith::ExtFOp::create(b, loc, x.getType(), near);
  Value bits = arith::BitcastOp::create(b, loc, i32, near);
  Value away = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, math::AbsFOp::create(b, loc, back),
                                     math::AbsFOp::create(b, loc, x));
  // Infinity from a finite number stays: it is out of range of the smaller type too.
  Value finite = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, math::AbsFOp::create(b, loc, near),
                                       e.real(f32, std::numeric_limits<float>::infinity()));
  Value towards = e.select(away, arith::SubIOp::create(b, loc, bits, e.integer(i32, 1)), bits);
  Value odd = arith::OrIOp::create(b, loc, towards, e.integer(i32, 1));
  Value inexact = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ONE, back, x);
  return arith::BitcastOp::create(b, loc, f32, e.select(e.both(inexact, finite), odd, bits));
}

/// A float as an integer of `to`, rounded towards 0; the nearest there is for numbers out of range, 0 for NaN.
Value saturated(Emitter &e, Value x, Type to) {
  auto &b = e.b;
  Location loc = e.loc();
  Type real = x.getType(), type = computeType(to);
  unsigned width = type.getIntOrFloatBitWidth();
  bool isUnsigned = to.isUnsignedInteger();
  double above = std::ldexp(1.0, isUnsigned ? width : width - 1), below = isUnsigned ? -1 : -above - 1;
  if (!isUnsigned &&
      width >= (real.isF64() ? 53u : 24u)) // below the least integer there is no number but -2^(w-1) - more
    below = -above * (1 + (real.isF64() ? 0x1p-52 : 0x1p-23));
  Value high = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE, x, e.real(real, above));
  Value low = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, x, e.real(real, below));
  Value none = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
  Value safe = e.select(e.either(e.either(high, low), none), e.real(real, 0), x);
  Value inside = isUnsigned ? Value(arith::FPToUIOp::create(b, loc, type, safe))
                            : Value(arith::FPToSIOp::create(b, loc, type, safe));
  auto limit = [&](const APInt &value) { return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value)); };
  Value most = limit(isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width)),
        least = limit(isUnsigned ? APInt::getMinValue(width) : APInt::getSignedMinValue(width));
  return e.select(high, most, e.select(low, least, inside));
}
} // namespace

Value Emitter::rounded(Value x, Type stored) {
  if (!stored || computeType(stored) == stored)
    return x;
  Type type = x.getType();
  Value narrow = arith::TruncFOp::create(b, loc_, stored, convert(x, type, computeType(stored)));
  Value wide = arith::ExtFOp::create(b, loc_, computeType(stored), narrow);
  return convert(wide, computeType(stored), type);
}

Value Emitter::convert(Value x, Type from, Type to) {
  Type have = x.getType(), want = computeType(to);
  if (from == to)
    return x;
  bool real = isa<FloatType>(have);
  if (to.isInteger(1))
    return real ? Value(arith::CmpFOp::create(b, loc_, arith::CmpFPredicate::UNE, x, this->real(have, 0)))
                : Value(arith::CmpIOp::create(b, loc_, arith::CmpIPredicate::ne, x, integer(have, 0)));
  bool isUnsigned = from.isUnsignedInteger() || from.isInteger(1);
  unsigned width = have.getIntOrFloatBitWidth(), wanted = want.getIntOrFloatBitWidth();
  if (real && isa<FloatType>(want)) {
    if (width == 64 && (to.isF16() || to.isBF16()))
      return roundToOdd(*this, x);
    if (have == want)
      return x;
    return wanted > width ? Value(arith::ExtFOp::create(b, loc_, want, x))
                          : Value(arith::TruncFOp::create(b, loc_, want, x));
  }
  if (real)
    return saturated(*this, x, to);
  if (isa<FloatType>(want)) {
    if (width == 64 && (to.isF16() || to.isBF16())) // rounded once
      return roundToOdd(*this, convert(x, from, b.getF64Type()));
    return isUnsigned ? Value(arith::UIToFPOp::create(b, loc_, want, x))
                      : Value(arith::SIToFPOp::create(b, loc_, want, x));
  }
  if (wanted == width)
    return x;
  if (wanted < width)
    return arith::TruncIOp::create(b, loc_, want, x);
  return isUnsigned ? Value(arith::ExtUIOp::create(b, loc_, want, x)) : Value(arith::ExtSIOp::create(b, loc_, want, x));
}
