#include "lib/Lowering/DoubleMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace janus::lowering {
namespace {
class DoubleMath {
public:
  DoubleMath(OpBuilder &builder, Location loc)
      : b(builder), loc(loc), f64(builder.getF64Type()), i64(builder.getI64Type()) {}

  /// x = n log 2 + r with |r| <= log(2) / 2, log 2 in two parts; Taylor's polynomial of degree 13 leaves out less than
  /// 1e-17. The scale 2^n is applied in two steps, so that neither overflows where the result does not.
  Value exp(Value x) {
    // Beyond these the result is 0 or infinity. Both comparisons are false for NaN, which goes through.
    Value clamped = select(below(x, real(-800)), real(-800), select(below(real(800), x), real(800), x));
    Value magic = real(0x1.8p52), shifted = fma(clamped, real(0x1.71547652b82fep+0), magic);
    Value n = sub(shifted, magic);
    Value r = fma(n, real(-0x1.62e42fefa39efp-1), clamped);
    r = fma(n, real(-0x1.abc9e3b39803fp-56), r);
    Value p = real(1.0 / 6227020800);
    for (double factorial : {479001600., 39916800., 3628800., 362880., 40320., 5040., 720., 120., 24., 6., 2., 1., 1.})
      p = fma(p, r, real(1 / factorial));
    Value bits = arith::BitcastOp::create(b, loc, i64, shifted), base = arith::BitcastOp::create(b, loc, i64, magic);
    Value count = arith::SubIOp::create(b, loc, bits, base);
    Value half = arith::ShRSIOp::create(b, loc, count, integer(1)), rest = arith::SubIOp::create(b, loc, count, half);
    return mul(mul(p, powerOfTwo(half)), powerOfTwo(rest));
  }

  /// x = 2^n m with m in [1/sqrt 2, sqrt 2); log m = 2 artanh((m - 1) / (m + 1)) as a series of 12 terms.
  Value log(Value x) {
    Value isSmall = below(x, real(0x1p-1022));
    Value scaled = select(isSmall, mul(x, real(0x1p54)), x);
    Value bits = arith::BitcastOp::create(b, loc, i64, scaled);
    // The bits of 1/sqrt 2 subtracted, the exponent of what is left is n.
    Value offset = arith::SubIOp::create(b, loc, bits, integer(0x3fe6a09e667f3bcd));
    Value n = arith::ShRSIOp::create(b, loc, offset, integer(52));
    Value mantissa = arith::SubIOp::create(b, loc, bits, arith::ShLIOp::create(b, loc, n, integer(52)));
    Value m = arith::BitcastOp::create(b, loc, f64, mantissa), f = sub(m, real(1));
    Value s = arith::DivFOp::create(b, loc, f, add(f, real(2))), z = mul(s, s);
    Value p = real(2.0 / 23);
    for (int64_t k = 10; k >= 1; --k)
      p = fma(p, z, real(2.0 / static_cast<double>(2 * k + 1)));
    Value series = fma(mul(s, z), p, mul(s, real(2)));
    Value exponent = arith::SIToFPOp::create(b, loc, f64, n);
    exponent = sub(exponent, select(isSmall, real(54), real(0)));
    Value result = fma(exponent, real(0x1.62e42fefa39efp-1), fma(exponent, real(0x1.abc9e3b39803fp-56), series));
    double infinity = std::numeric_limits<double>::infinity();
    result = select(equal(x, real(infinity)), real(infinity), result);
    result = select(equal(x, real(0)), real(-infinity), result);
    Value inside = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE, x, real(0));
    return select(inside, result, real(std::numeric_limits<double>::quiet_NaN()));
  }

  /// 1 - 2 / (exp(2x) + 1); below 1/2, where that cancels, with exp(2x) - 1 as Taylor's polynomial.
  Value tanh(Value x) {
    Value a = math::AbsFOp::create(b, loc, x), twice = add(a, a);
    Value p = real(1);
    for (int64_t k = 20; k >= 2; --k)
      p = fma(p, arith::DivFOp::create(b, loc, twice, real(static_cast<double>(k))), real(1));
    Value expm1 = mul(p, twice), small = arith::DivFOp::create(b, loc, expm1, add(expm1, real(2)));
    Value large = sub(real(1), arith::DivFOp::create(b, loc, real(2), add(exp(twice), real(1))));
    return math::CopySignOp::create(b, loc, select(below(a, real(0.5)), small, large), x);
  }

  /// 2 / sqrt(pi) exp(-x^2) sum x (2 x^2)^n / (1 3 5 .. (2n + 1)): all terms are of one sign. 1 from 6 on.
  Value erf(Value x) {
    Value a = math::AbsFOp::create(b, loc, x), near = below(a, real(6)), y = select(near, a, real(0)),
          square = mul(y, y);
    auto loop = scf::ForOp::create(b, loc, index(0), index(200), index(1), ValueRange{y, y, real(3)});
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      auto state = loop.getRegionIterArgs();
      Value term = arith::DivFOp::create(b, loc, mul(state[1], add(square, square)), state[2]);
      scf::YieldOp::create(b, loc, ValueRange{add(state[0], term), term, add(state[2], real(2))});
    }
    Value sum = mul(loop.getResult(0), mul(exp(arith::NegFOp::create(b, loc, square)), real(1.1283791670955126)));
    Value isNumber = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, x, x);
    return select(isNumber, math::CopySignOp::create(b, loc, select(near, sum, real(1)), x), x);
  }

  /// `quarter` turns ahead of the sine. The argument less a multiple of pi / 2, which is a sum of three f64.
  Value sine(Value x, int64_t quarter) {
    Value magic = real(0x1.8p52), shifted = fma(x, real(0x1.45f306dc9c883p-1), magic);
    Value n = arith::NegFOp::create(b, loc, sub(shifted, magic));
    Value r = fma(n, real(0x1.921fb54442d18p+0), x);
    r = fma(n, real(0x1.1a62633145c07p-54), r);
    r = fma(n, real(-0x1.f1976b7ed8fbcp-110), r);
    Value z = mul(r, r), odd = real(1.0 / 355687428096000), even = real(-1.0 / 6402373705728000);
    for (double c :
         {-1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6})
      odd = fma(odd, z, real(c));
    for (double c : {1.0 / 20922789888000, -1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720,
                     1.0 / 24, -0.5, 1.0})
      even = fma(even, z, real(c));
    Value sin = fma(mul(r, z), odd, r);
    Value turns = arith::AddIOp::create(b, loc, arith::BitcastOp::create(b, loc, i64, shifted), integer(quarter));
    Value value = select(bit(turns, 1), even, sin);
    value = select(bit(turns, 2), arith::NegFOp::create(b, loc, value), value);
    Value inside =
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, math::AbsFOp::create(b, loc, x), real(0x1p50));
    return select(inside, value, real(std::numeric_limits<double>::quiet_NaN()));
  }

private:
  Value real(double value) { return arith::ConstantOp::create(b, loc, b.getF64FloatAttr(value)); }
  Value integer(int64_t value) { return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value)); }
  Value index(int64_t value) { return integer(value); }
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(b, loc, x, y, z); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value below(Value x, Value y) { return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, y); }
  Value equal(Value x, Value y) { return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, x, y); }
  Value select(Value c, Value x, Value y) { return arith::SelectOp::create(b, loc, c, x, y); }
  Value powerOfTwo(Value n) {
    Value biased = arith::AddIOp::create(b, loc, n, integer(1023));
    return arith::BitcastOp::create(b, loc, f64, arith::ShLIOp::create(b, loc, biased, integer(52)));
  }
  Value bit(Value bits, int64_t mask) {
    Value masked = arith::AndIOp::create(b, loc, bits, integer(mask));
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, masked, integer(0));
  }

  OpBuilder &b;
  Location loc;
  Type f64, i64;
};
} // namespace

Value emitDouble(OpBuilder &builder, Location loc, StringRef function, Value x) {
  DoubleMath math(builder, loc);
  if (function == "math.exp")
    return math.exp(x);
  if (function == "math.log")
    return math.log(x);
  if (function == "math.tanh")
    return math.tanh(x);
  if (function == "math.erf")
    return math.erf(x);
  return math.sine(x, function == "math.cos");
}

} // namespace janus::lowering
