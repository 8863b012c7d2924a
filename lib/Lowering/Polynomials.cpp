#include "lib/Lowering/Polynomials.h"

using namespace mlir;

namespace janus::lowering {
namespace {

using Predicate = arith::CmpFPredicate;

Type bitsType(CodeBuilder &c) {
  auto vector = dyn_cast<VectorType>(c.lanes);
  return vector ? Type(vector.clone(c.i32)) : c.i32;
}
Value bits(CodeBuilder &c, Value x) { return arith::BitcastOp::create(c.b, c.loc, bitsType(c), x); }
Value fromBits(CodeBuilder &c, Value x) { return arith::BitcastOp::create(c.b, c.loc, c.lanes, x); }
Value splatBits(CodeBuilder &c, int32_t value) {
  auto vector = dyn_cast<VectorType>(bitsType(c));
  TypedAttr bits = c.b.getI32IntegerAttr(value);
  return arith::ConstantOp::create(c.b, c.loc, vector ? DenseElementsAttr::get(vector, value) : bits);
}
Value abs(CodeBuilder &c, Value x) {
  return fromBits(c, arith::AndIOp::create(c.b, c.loc, bits(c, x), splatBits(c, 0x7fffffff)));
}
/// |magnitude| with the sign of x.
Value withSign(CodeBuilder &c, Value magnitude, Value x) {
  Value sign = arith::AndIOp::create(c.b, c.loc, bits(c, x), splatBits(c, INT32_MIN));
  return fromBits(c, arith::OrIOp::create(c.b, c.loc, bits(c, abs(c, magnitude)), sign));
}
/// Horner's rule with FMA; the first coefficient is that of the highest power.
Value polynomial(CodeBuilder &c, Value x, ArrayRef<float> coefficients) {
  Value p = c.splat(coefficients.front());
  for (float coefficient : coefficients.drop_front())
    p = c.fma(p, x, c.splat(coefficient));
  return p;
}

} // namespace

Value emitSelect(CodeBuilder &c, Predicate predicate, Value a, Value b, Value yes, Value no) {
  return arith::SelectOp::create(c.b, c.loc, arith::CmpFOp::create(c.b, c.loc, predicate, a, b), yes, no);
}

Value emitExp(CodeBuilder &c, Value x) {
  Value low = c.splat(-105.0f), high = c.splat(90.0f);
  Value clamped = emitSelect(c, Predicate::OLT, x, low, low, x);
  clamped = emitSelect(c, Predicate::OGT, clamped, high, high, clamped);
  Value magic = c.splat(0x1.8p23f); // adding it rounds to an integer
  Value shifted = c.fma(clamped, c.splat(0x1.715476p+0f), magic);
  Value n = c.subf(shifted, magic);
  Value r = c.fma(n, c.splat(-0x1.62e4p-1f), clamped);
  r = c.fma(n, c.splat(-0x1.7f7d1cp-20f), r);
  Value p = polynomial(c, r, {0x1.6db4e4p-10f, 0x1.123be0p-7f, 0x1.55545ep-5f, 0x1.55548ep-3f, 0.5f});
  p = c.fma(p, c.mulf(r, r), r);
  p = c.addf(p, c.splat(1.0f));
  // 2^n in two steps, so that a subnormal result is rounded once.
  Value exponent = arith::SubIOp::create(c.b, c.loc, bits(c, shifted), splatBits(c, 0x4b400000));
  Value half = arith::ShRSIOp::create(c.b, c.loc, exponent, splatBits(c, 1));
  auto power = [&](Value e) {
    Value biased = arith::AddIOp::create(c.b, c.loc, e, splatBits(c, 127));
    return fromBits(c, arith::ShLIOp::create(c.b, c.loc, biased, splatBits(c, 23)));
  };
  Value rest = arith::SubIOp::create(c.b, c.loc, exponent, half);
  Value result = c.mulf(c.mulf(p, power(half)), power(rest));
  return emitSelect(c, Predicate::OEQ, x, x, result, x);
}

Value emitLog(CodeBuilder &c, Value x) {
  auto shift = [&](auto op, Value value, int32_t by) -> Value {
    return decltype(op)::create(c.b, c.loc, value, splatBits(c, by));
  };
  Value zero = c.splat(0.0f), one = c.splat(1.0f), infinity = c.splat(std::numeric_limits<float>::infinity());
  Value smallest = c.splat(0x1p-126f);
  Value normal = emitSelect(c, Predicate::OLT, x, smallest, c.mulf(x, c.splat(0x1p23f)), x);
  Value raised = shift(arith::SubIOp(), bits(c, normal), 0x3f3504f3); // sqrt(1/2)
  Value mantissa = shift(arith::AndIOp(), raised, 0x007fffff);
  Value m = fromBits(c, shift(arith::AddIOp(), mantissa, 0x3f3504f3));
  Value exponent = shift(arith::AddIOp(), shift(arith::ShRSIOp(), raised, 23), 0x4b400000);
  Value e = c.subf(fromBits(c, exponent), c.splat(0x1.8p23f));
  e = c.subf(e, emitSelect(c, Predicate::OLT, x, smallest, c.splat(23.0f), zero));
  Value f = c.subf(m, one), square = c.mulf(f, f);
  Value p = polynomial(c, f,
                       {0x1.1b3e98p-4f, -0x1.e2e7d0p-4f, 0x1.e65188p-4f, -0x1.fb438cp-4f, 0x1.2332b6p-3f,
                        -0x1.5562e0p-3f, 0x1.99a546p-3f, -0x1.ffffeep-3f, 0x1.555546p-2f});
  Value tail = c.fma(c.mulf(p, f), square, c.mulf(e, c.splat(0x1.7f7d1cp-20f)));
  tail = c.fma(c.splat(-0.5f), square, tail);
  Value result = c.fma(e, c.splat(0x1.62e4p-1f), c.addf(f, tail));
  result = emitSelect(c, Predicate::OEQ, x, infinity, x, result);
  result = emitSelect(c, Predicate::OEQ, x, zero, c.splat(-std::numeric_limits<float>::infinity()), result);
  return emitSelect(c, Predicate::OGE, x, zero, result, c.splat(std::numeric_limits<float>::quiet_NaN()));
}

Value emitTanh(CodeBuilder &c, Value x) {
  Value a = abs(c, x), z = c.mulf(x, x);
  Value p = polynomial(c, z, {-0x1.6a52eep-8f, 0x1.4f9936p-6f, -0x1.b7da4ep-5f, 0x1.11044ep-3f, -0x1.555526p-2f});
  Value small = c.fma(c.mulf(p, z), x, x);
  Value one = c.splat(1.0f);
  Value large = c.subf(one, c.divf(c.splat(2.0f), c.addf(emitExp(c, c.addf(a, a)), one)));
  return emitSelect(c, Predicate::OLT, a, c.splat(0.65f), small, withSign(c, large, x));
}

Value emitErf(CodeBuilder &c, Value x) {
  Value a = abs(c, x), z = c.mulf(x, x);
  Value p = polynomial(c, z,
                       {0x1.496a28p-14f, -0x1.a3f6fcp-11f, 0x1.5405b2p-8f, -0x1.b7f90cp-6f, 0x1.ce2cf8p-4f,
                        -0x1.81273ep-2f, 0x1.06eba8p-3f});
  Value small = c.fma(p, x, x);
  Value four = c.splat(4.0f);
  Value b = emitSelect(c, Predicate::OLT, a, four, a, four);
  Value q = polynomial(c, b,
                       {-0x1.63d9a6p-21f, -0x1.9db8b4p-17f, 0x1.9379e4p-12f, -0x1.070596p-8f, 0x1.968864p-6f,
                        -0x1.b9fb54p-4f, -0x1.446accp-1f, -0x1.21202ap+0f, 0x1.41aa6ap-13f});
  Value large = withSign(c, c.subf(c.splat(1.0f), emitExp(c, q)), x);
  Value result = emitSelect(c, Predicate::OLT, a, c.splat(0.95f), small, large);
  return emitSelect(c, Predicate::OEQ, x, x, result, x);
}

Value emitSigmoid(CodeBuilder &c, Value x) {
  Value one = c.splat(1.0f);
  Value negative = arith::NegFOp::create(c.b, c.loc, x);
  return c.divf(one, c.addf(one, emitExp(c, negative)));
}

} // namespace janus::lowering
