#include "janus/Lowering/Passes.h"
#include "lib/Lowering/DoubleMath.h"
#include "lib/Lowering/Polynomials.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_EXPANDMATHPASS
#include "lib/Lowering/Passes.h.inc"

namespace {
using namespace lowering;

/// sin and cos of one f32. With n = round(x * 2 / pi) and r = x - n pi / 2 in f64, where pi / 2 is a sum of two f64, r
/// is good to 2^-53 for |n| < 2^50; Taylor's polynomials on |r| <= pi / 4 leave out less than 1e-11.
class Trigonometry {
public:
  Trigonometry(OpBuilder &builder, Location loc)
      : b(builder), loc(loc), f64(builder.getF64Type()), i64(builder.getI64Type()) {}

  /// `quarter` turns ahead of the sine: 0 is sin, 1 is cos.
  Value emit(Value x, int64_t quarter) {
    Value d = arith::ExtFOp::create(b, loc, f64, x), magic = real(0x1.8p52); // adding it rounds to an integer
    Value shifted = fma(d, real(0x1.45f306dc9c883p-1), magic);
    Value n = arith::NegFOp::create(b, loc, arith::SubFOp::create(b, loc, shifted, magic));
    Value r = fma(n, real(0x1.1a62633145c07p-54), fma(n, real(0x1.921fb54442d18p+0), d));
    Value z = arith::MulFOp::create(b, loc, r, r);
    Value odd = polynomial(z, {-1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6});
    Value sine = fma(arith::MulFOp::create(b, loc, r, z), odd, r);
    Value cosine = polynomial(z, {1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -0.5, 1.0});
    Value bits = arith::BitcastOp::create(b, loc, i64, shifted);
    Value turns = arith::AddIOp::create(b, loc, bits, integer(quarter));
    Value value = arith::SelectOp::create(b, loc, bit(turns, 1), cosine, sine);
    Value negative = arith::NegFOp::create(b, loc, value);
    value = arith::SelectOp::create(b, loc, bit(turns, 2), negative, value);
    Value inside =
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, math::AbsFOp::create(b, loc, d), real(0x1p50));
    Value nan = real(std::numeric_limits<double>::quiet_NaN());
    return arith::TruncFOp::create(b, loc, x.getType(), arith::SelectOp::create(b, loc, inside, value, nan));
  }

private:
  Value real(double value) { return arith::ConstantOp::create(b, loc, b.getF64FloatAttr(value)); }
  Value integer(int64_t value) { return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value)); }
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(b, loc, x, y, z); }
  Value polynomial(Value z, ArrayRef<double> coefficients) {
    Value p = real(coefficients.front());
    for (double coefficient : coefficients.drop_front())
      p = fma(p, z, real(coefficient));
    return p;
  }
  Value bit(Value bits, int64_t mask) {
    Value masked = arith::AndIOp::create(b, loc, bits, integer(mask));
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, masked, integer(0));
  }

  OpBuilder &b;
  Location loc;
  Type f64, i64;
};

struct ExpandMath : impl::ExpandMathPassBase<ExpandMath> {
  void runOnOperation() override {
    SmallVector<Operation *> functions;
    getOperation().walk([&](Operation *op) {
      if (isa<math::ExpOp, math::LogOp, math::TanhOp, math::ErfOp, math::SinOp, math::CosOp>(op))
        functions.push_back(op);
    });
    for (Operation *op : functions) {
      Value x = op->getOperand(0);
      if (!x.getType().isF32() && !x.getType().isF64()) {
        op->emitOpError("is generated for f32 and f64 only, found ") << x.getType();
        return signalPassFailure();
      }
      OpBuilder builder(op);
      op->getResult(0).replaceAllUsesWith(expand(builder, op, x));
      op->erase();
    }
  }

  Value expand(OpBuilder &builder, Operation *op, Value x) {
    if (x.getType().isF64())
      return emitDouble(builder, op->getLoc(), op->getName().getStringRef(), x);
    CodeBuilder code(builder, op->getLoc(), x.getType());
    if (isa<math::ExpOp>(op))
      return emitExp(code, x);
    if (isa<math::LogOp>(op))
      return emitLog(code, x);
    if (isa<math::TanhOp>(op))
      return emitTanh(code, x);
    if (isa<math::ErfOp>(op))
      return emitErf(code, x);
    return Trigonometry(builder, op->getLoc()).emit(x, isa<math::CosOp>(op));
  }
};
} // namespace
} // namespace janus
