// Normalisation over the last dimensions: statistics of a row in f32 (f64 for f64).
#include "lib/Lowering/Tensor/Formulas.h"
#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace janus::lowering;
using Values = Emitter::Values;

namespace {

struct Norm {
  const Buffer &x, &y;
  const Buffer *scale, *bias, *meanOut, *inverseOut;
  int64_t axis;
  bool centred; // layer normalisation: the mean is subtracted first
};

/// The element of a scale or bias for element i of a row: the row's own shape, or one that broadcasts.
Value parameter(Emitter &e, const Buffer &buffer, const Norm &n, Value row, Value i) {
  ArrayRef<janus::onnx::SymExpr> rowShape = ArrayRef(n.x.shape).drop_front(n.axis);
  if (ArrayRef(buffer.shape) == rowShape)
    return e.load(buffer, i);
  Values index = e.delinear(row, ArrayRef(n.x.extents).take_front(n.axis));
  index.append(e.delinear(i, ArrayRef(n.x.extents).drop_front(n.axis)));
  return e.loadBroadcast(buffer, index);
}

void normalise(OperatorContext &c, const Norm &n) {
  Emitter &e = c.e;
  auto &b = e.b;
  double epsilon = c.real("epsilon", 1e-5);
  Value count = e.product(ArrayRef(n.x.extents).take_front(n.axis)),
        length = e.product(ArrayRef(n.x.extents).drop_front(n.axis));
  Type type = computeType(n.x.element);
  e.parallel(
      count,
      [&](Value row) {
        Location loc = e.loc();
        Value begin = e.mul(row, length), zero = e.real(type, 0);
        Value divisor = arith::SIToFPOp::create(b, loc, type, length);
        auto at = [&](Value i) { return e.load(n.x, e.add(begin, i)); };
        Value centre = zero;
        if (n.centred) {
          Value total = e.fold(e.i64(0), length, ValueRange{zero}, [&](Value i, ValueRange s) {
            return Values{arith::AddFOp::create(b, loc, s[0], at(i))};
          })[0];
          centre = arith::DivFOp::create(b, loc, total, divisor);
        }
        Value squares = e.fold(e.i64(0), length, ValueRange{zero}, [&](Value i, ValueRange s) {
          Value difference = arith::SubFOp::create(b, loc, at(i), centre);
          return Values{arith::AddFOp::create(b, loc, s[0], arith::MulFOp::create(b, loc, difference, difference))};
        })[0];
        Value variance =
            arith::AddFOp::create(b, loc, arith::DivFOp::create(b, loc, squares, divisor), e.real(type, epsilon));
        Value deviation = math::SqrtOp::create(b, loc, variance);
        e.serial(e.i64(0), length, [&](Value i) {
          Value normal = arith::DivFOp::create(b, loc, arith::SubFOp::create(b, loc, at(i), centre), deviation);
          Value result = arith::MulFOp::create(b, loc, normal, parameter(e, *n.scale, n, row, i));
          if (n.bias)
            result = arith::AddFOp::create(b, loc, result, parameter(e, *n.bias, n, row, i));
          e.store(n.y, e.add(begin, i), result);
        });
        if (n.meanOut)
          e.store(*n.meanOut, row, e.convert(centre, type, n.meanOut->element));
        if (n.inverseOut) {
          Value inverse = arith::DivFOp::create(b, loc, e.real(type, 1), deviation);
          e.store(*n.inverseOut, row, e.convert(inverse, type, n.inverseOut->element));
        }
      },
      1);
}

LogicalResult lowerNorm(OperatorContext &c) {
  StringRef name = c.op->getName().stripDialect();
  const Buffer &x = *c.input(0);
  bool layer = name == "LayerNormalization";
  normalise(c, {x, *c.output(0), c.input(1), layer ? c.input(2) : nullptr, layer ? c.output(1) : nullptr,
                c.output(layer ? 2 : 1), c.axis(-1, x.rank()), layer});
  return success();
}

/// Skip(Simplified)LayerNormalization: the sum of input, skip and bias, and its norm.
LogicalResult lowerSkipNorm(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0);
  bool layer = c.op->getName().stripDialect() == "SkipLayerNormalization";
  const Buffer *bias = c.input(layer ? 4 : 3);
  // The sum is normalised as it is, not as it is rounded for the output.
  bool narrow = computeType(x.element) != x.element;
  Buffer total = c.output(3) && !narrow ? *c.output(3) : c.scratch(computeType(x.element), c.output(0)->shape);
  e.fill(total, [&](ValueRange index) {
    Value s = sum(e, e.loadBroadcast(x, index), e.loadBroadcast(*c.input(1), index));
    return bias ? sum(e, s, e.loadBroadcast(*bias, index)) : s;
  });
  if (c.output(3) && narrow)
    e.fillFlat(*c.output(3), [&](Value position) { return e.load(total, position); });
  normalise(c, {total, *c.output(0), c.input(2), layer ? c.input(3) : nullptr, c.output(1), c.output(2),
                total.rank() - 1, layer});
  return success();
}

} // namespace

OperatorLowering janus::lowering::findNorm(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name)
      .Cases({"LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"}, lowerNorm)
      .Cases({"SkipSimplifiedLayerNormalization", "SkipLayerNormalization"}, lowerSkipNorm)
      .Default(nullptr);
}
