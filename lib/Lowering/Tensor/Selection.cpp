// TopK: the best k elements of each line, in order, ties to the lower index.
#include "lib/Lowering/Tensor/Formulas.h"
#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace janus::lowering;
using Values = Emitter::Values;

namespace {

/// A number as a signed integer of the same order: all elements differ or are equal, NaN too (the greatest). -0 is 0.
Value orderedKey(Emitter &e, Value x, Type stored) {
  auto &b = e.b;
  Location loc = e.loc();
  Type type = x.getType();
  unsigned width = type.getIntOrFloatBitWidth();
  Type integer = b.getIntegerType(width);
  Value key = x;
  if (isa<FloatType>(type)) {
    Value positive = arith::AddFOp::create(b, loc, x, e.real(type, 0)); // -0 + 0 is 0
    Value number = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, x, x);
    Value bits = arith::BitcastOp::create(b, loc, integer, positive);
    Value most = arith::ConstantOp::create(b, loc, b.getIntegerAttr(integer, APInt::getSignedMaxValue(width)));
    Value mirrored = arith::XOrIOp::create(b, loc, bits, most);
    key = e.select(number, e.select(e.less(bits, e.integer(integer, 0)), mirrored, bits), most);
  } else if (stored.isUnsignedInteger()) { // the sign bit flipped
    Value least = arith::ConstantOp::create(b, loc, b.getIntegerAttr(integer, APInt::getSignedMinValue(width)));
    key = arith::XOrIOp::create(b, loc, x, least);
  }
  return width == 64 ? key : Value(arith::ExtSIOp::create(b, loc, b.getI64Type(), key));
}

/// Each round finds the best element behind the one before in the order (key, index).
LogicalResult lowerTopK(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0), &values = *c.output(0), &indices = *c.output(1);
  int64_t axis = c.axis(-1, x.rank());
  bool largest = c.integer("largest", 1);
  Lines from = linesOf(e, x, axis), to = linesOf(e, values, axis);
  Value none = e.i64(-1);
  e.parallel(
      from.count(e),
      [&](Value line) {
        Value first = from.first(e, line), target = to.first(e, line);
        auto keyAt = [&](Value i) {
          Value key = orderedKey(e, e.load(x, e.add(first, e.mul(i, from.stride))), x.element);
          return largest ? key : Value(arith::XOrIOp::create(e.b, e.loc(), key, none)); // the order reversed
        };
        e.fold(e.i64(0), to.length, ValueRange{e.i64(0), none}, [&](Value round, ValueRange last) {
          Value start = e.equal(last[1], none);
          Values best = e.fold(e.i64(0), from.length, ValueRange{e.i64(0), none}, [&](Value i, ValueRange s) {
            Value key = keyAt(i);
            Value behind = e.either(e.less(key, last[0]), e.both(e.equal(key, last[0]), e.less(last[1], i)));
            Value better = e.either(e.equal(s[1], none), e.less(s[0], key));
            Value take = e.both(e.either(start, behind), better);
            return Values{e.select(take, key, s[0]), e.select(take, i, s[1])};
          });
          Value slot = e.add(target, e.mul(round, to.stride));
          e.store(values, slot, e.load(x, e.add(first, e.mul(best[1], from.stride))));
          e.store(indices, slot, best[1]);
          return best;
        });
      },
      1);
  return success();
}

} // namespace

OperatorLowering janus::lowering::findSelection(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name).Case("TopK", lowerTopK).Default(nullptr);
}
