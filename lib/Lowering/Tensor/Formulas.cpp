#include "lib/Lowering/Tensor/Formulas.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace janus::lowering {
namespace {
bool isReal(Value value) { return isa<FloatType>(value.getType()); }
Value plus(Emitter &e, Value x, double y) { return arith::AddFOp::create(e.b, e.loc(), x, e.real(x.getType(), y)); }
Value times(Emitter &e, Value x, double y) { return arith::MulFOp::create(e.b, e.loc(), x, e.real(x.getType(), y)); }
} // namespace

Value multiply(Emitter &e, Value x, Value y) { return arith::MulFOp::create(e.b, e.loc(), x, y); }

Value sigmoid(Emitter &e, Value x) {
  Value one = e.real(x.getType(), 1);
  Value exponential = math::ExpOp::create(e.b, e.loc(), arith::NegFOp::create(e.b, e.loc(), x));
  return arith::DivFOp::create(e.b, e.loc(), one, arith::AddFOp::create(e.b, e.loc(), one, exponential));
}

Value softplus(Emitter &e, Value x) {
  Value small =
      math::ExpOp::create(e.b, e.loc(), arith::NegFOp::create(e.b, e.loc(), math::AbsFOp::create(e.b, e.loc(), x)));
  Value log = math::LogOp::create(e.b, e.loc(), plus(e, small, 1));
  return arith::AddFOp::create(e.b, e.loc(), arith::MaximumFOp::create(e.b, e.loc(), x, e.real(x.getType(), 0)), log);
}

Value softsign(Emitter &e, Value x) {
  return arith::DivFOp::create(e.b, e.loc(), x, plus(e, math::AbsFOp::create(e.b, e.loc(), x), 1));
}

Value mish(Emitter &e, Value x) { return multiply(e, x, math::TanhOp::create(e.b, e.loc(), softplus(e, x))); }

Value hardSigmoid(Emitter &e, Value x, double alpha, double beta) {
  Value line = plus(e, times(e, x, alpha), beta), one = e.real(x.getType(), 1), zero = e.real(x.getType(), 0);
  return arith::MaximumFOp::create(e.b, e.loc(), zero, arith::MinimumFOp::create(e.b, e.loc(), one, line));
}

Value elu(Emitter &e, Value x, double alpha, double scale) {
  Value inner = scale == 1 ? x : Value(arith::DivFOp::create(e.b, e.loc(), x, e.real(x.getType(), scale)));
  Value below = times(e, plus(e, math::ExpOp::create(e.b, e.loc(), inner), -1), alpha);
  Value negative = arith::CmpFOp::create(e.b, e.loc(), arith::CmpFPredicate::OLT, x, e.real(x.getType(), 0));
  return e.select(negative, below, x);
}

Value swish(Emitter &e, Value x, double alpha) {
  return multiply(e, x, sigmoid(e, alpha == 1 ? x : times(e, x, alpha)));
}

Value gelu(Emitter &e, Value x) {
  Value inner = math::ErfOp::create(e.b, e.loc(), times(e, x, 0.7071067811865476));
  return multiply(e, times(e, x, 0.5), plus(e, inner, 1));
}

Value geluTanh(Emitter &e, Value x) {
  Value cube = multiply(e, x, multiply(e, x, x));
  Value line = arith::AddFOp::create(e.b, e.loc(), x, times(e, cube, 0.044715));
  Value inner = math::TanhOp::create(e.b, e.loc(), times(e, line, 0.7978845608028654));
  return multiply(e, times(e, x, 0.5), plus(e, inner, 1));
}

Value integerQuotient(Emitter &e, Value x, Value y, bool isUnsigned) {
  Value zero = e.integer(x.getType(), 0), none = e.equal(y, zero);
  Value safe = e.select(none, e.integer(x.getType(), 1), y);
  if (isUnsigned)
    return e.select(none, zero, arith::DivUIOp::create(e.b, e.loc(), x, safe));
  Value minusOne = e.equal(y, e.integer(x.getType(), -1));
  safe = e.select(minusOne, e.integer(x.getType(), 1), safe);
  Value quotient = arith::DivSIOp::create(e.b, e.loc(), x, safe);
  return e.select(none, zero, e.select(minusOne, e.sub(zero, x), quotient));
}

Value realRemainder(Emitter &e, Value x, Value y) {
  auto &b = e.b;
  Location loc = e.loc();
  Type type = x.getType(), f64 = b.getF64Type();
  bool wide = type == f64;
  Value a = wide ? x : Value(arith::ExtFOp::create(b, loc, f64, x)),
        d = wide ? y : Value(arith::ExtFOp::create(b, loc, f64, y));
  d = math::AbsFOp::create(b, loc, d);
  auto compare = [&](arith::CmpFPredicate predicate, Value p, Value q) -> Value {
    return arith::CmpFOp::create(b, loc, predicate, p, q);
  };
  Value infinity = e.real(f64, std::numeric_limits<double>::infinity());
  // Each step takes away a whole number of divisors, exactly: the quotient loses 50 bits. One that overflows is taken
  // by a larger divisor first.
  Value rest = e.fold(e.i64(0), e.i64(wide ? 44 : 8), ValueRange{a}, [&](Value, ValueRange s) {
    Value ratio = arith::DivFOp::create(b, loc, s[0], d);
    Value large = compare(arith::CmpFPredicate::OEQ, math::AbsFOp::create(b, loc, ratio), infinity);
    Value by = e.select(large, arith::MulFOp::create(b, loc, d, e.real(f64, 0x1p700)), d);
    Value whole = math::TruncOp::create(b, loc, arith::DivFOp::create(b, loc, s[0], by));
    return Emitter::Values{math::FmaOp::create(b, loc, arith::NegFOp::create(b, loc, whole), by, s[0])};
  })[0];
  // A quotient that was rounded up leaves a rest of the other sign.
  Value zero = e.real(f64, 0), negative = compare(arith::CmpFPredicate::OLT, a, zero);
  Value turned = e.select(negative, arith::NegFOp::create(b, loc, rest), rest);
  turned = e.select(compare(arith::CmpFPredicate::OLT, turned, zero), arith::AddFOp::create(b, loc, turned, d), turned);
  Value result = math::CopySignOp::create(b, loc, turned, a);
  Value unbounded = e.both(compare(arith::CmpFPredicate::OEQ, d, infinity),
                           compare(arith::CmpFPredicate::OLT, math::AbsFOp::create(b, loc, a), infinity));
  result = e.select(unbounded, a, result);
  return wide ? result : Value(arith::TruncFOp::create(b, loc, type, result));
}

namespace {
/// |x|^y by exp(y log|x|) in f64, with the sign and the exceptions of IEEE 754's pow.
Value realPower(Emitter &e, Value x, Value y) {
  auto &b = e.b;
  Location loc = e.loc();
  Type f64 = b.getF64Type();
  auto compare = [&](arith::CmpFPredicate predicate, Value a, Value c) -> Value {
    return arith::CmpFOp::create(b, loc, predicate, a, c);
  };
  Value zero = e.real(f64, 0), one = e.real(f64, 1);
  Value magnitude = math::AbsFOp::create(b, loc, x);
  Value raw = math::ExpOp::create(b, loc, multiply(e, y, math::LogOp::create(b, loc, magnitude)));
  // 1^y and (-1)^infinity: the logarithm is 0, and 0 * infinity no number.
  raw = e.select(compare(arith::CmpFPredicate::OEQ, magnitude, one), one, raw);
  Value whole = compare(arith::CmpFPredicate::OEQ, math::FloorOp::create(b, loc, y), y);
  Value half = multiply(e, y, e.real(f64, 0.5));
  Value odd = e.both(whole, compare(arith::CmpFPredicate::ONE, math::FloorOp::create(b, loc, half), half));
  Value negative = compare(arith::CmpFPredicate::OLT, x, zero);
  Value result = e.select(e.both(negative, odd), arith::NegFOp::create(b, loc, raw), raw);
  Value nan = e.real(f64, std::numeric_limits<double>::quiet_NaN());
  Value finite = compare(arith::CmpFPredicate::OLT, magnitude, e.real(f64, std::numeric_limits<double>::infinity()));
  result = e.select(e.both(e.both(negative, finite), e.negated(whole)), nan, result);
  Value unit = e.either(compare(arith::CmpFPredicate::OEQ, y, zero), compare(arith::CmpFPredicate::OEQ, x, one));
  return e.select(unit, one, result);
}

/// Integers by squaring; a negative exponent gives what the exact quotient is without its fraction.
Value integerPower(Emitter &e, Value x, Value y, bool isUnsigned) {
  Type type = x.getType();
  Value one = e.integer(type, 1), zero = e.integer(type, 0), i64One = e.i64(1);
  Value raised = e.fold(e.i64(0), e.i64(64), ValueRange{one, x, y}, [&](Value, ValueRange s) {
    Value set = e.equal(arith::AndIOp::create(e.b, e.loc(), s[2], i64One), i64One);
    return Emitter::Values{e.select(set, e.mul(s[0], s[1]), s[0]), e.mul(s[1], s[1]),
                           arith::ShRUIOp::create(e.b, e.loc(), s[2], i64One)};
  })[0];
  if (isUnsigned)
    return raised;
  Value odd = e.equal(arith::AndIOp::create(e.b, e.loc(), y, i64One), i64One);
  Value minusOne = e.integer(type, -1);
  Value below = e.select(e.equal(x, one), one, e.select(e.equal(x, minusOne), e.select(odd, minusOne, one), zero));
  return e.select(e.less(y, e.i64(0)), below, raised);
}
} // namespace

Value power(Emitter &e, Value x, Type xType, Value y, Type yType) {
  Type f64 = e.b.getF64Type(), i64 = e.b.getI64Type();
  if (isa<IntegerType>(xType) && isa<IntegerType>(yType))
    return integerPower(e, x, e.convert(y, yType, i64), xType.isUnsignedInteger());
  return e.convert(realPower(e, e.convert(x, xType, f64), e.convert(y, yType, f64)), f64, xType);
}

Value sum(Emitter &e, Value x, Value y) {
  return isReal(x) ? Value(arith::AddFOp::create(e.b, e.loc(), x, y)) : e.add(x, y);
}
Value product(Emitter &e, Value x, Value y) { return isReal(x) ? multiply(e, x, y) : e.mul(x, y); }
Value largest(Emitter &e, Value x, Value y, bool isUnsigned) {
  if (isReal(x))
    return arith::MaximumFOp::create(e.b, e.loc(), x, y);
  return isUnsigned ? Value(arith::MaxUIOp::create(e.b, e.loc(), x, y)) : e.max(x, y);
}
Value smallest(Emitter &e, Value x, Value y, bool isUnsigned) {
  if (isReal(x))
    return arith::MinimumFOp::create(e.b, e.loc(), x, y);
  return isUnsigned ? Value(arith::MinUIOp::create(e.b, e.loc(), x, y)) : e.min(x, y);
}
Value isLess(Emitter &e, Value x, Value y, bool isUnsigned) {
  if (isReal(x))
    return arith::CmpFOp::create(e.b, e.loc(), arith::CmpFPredicate::OLT, x, y);
  return arith::CmpIOp::create(e.b, e.loc(), isUnsigned ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt, x, y);
}

Value lowest(Emitter &e, Type stored) {
  Type type = computeType(stored);
  if (isa<FloatType>(type))
    return e.real(type, -std::numeric_limits<double>::infinity());
  unsigned width = type.getIntOrFloatBitWidth();
  bool none = stored.isUnsignedInteger() || width == 1; // false is the least bool
  return arith::ConstantOp::create(
      e.b, e.loc(), e.b.getIntegerAttr(type, none ? APInt::getMinValue(width) : APInt::getSignedMinValue(width)));
}
Value highest(Emitter &e, Type stored) {
  Type type = computeType(stored);
  if (isa<FloatType>(type))
    return e.real(type, std::numeric_limits<double>::infinity());
  unsigned width = type.getIntOrFloatBitWidth();
  bool none = stored.isUnsignedInteger() || width == 1;
  return arith::ConstantOp::create(
      e.b, e.loc(), e.b.getIntegerAttr(type, none ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width)));
}
} // namespace janus::lowering
