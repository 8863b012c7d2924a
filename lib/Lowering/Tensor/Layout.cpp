// Operators that rearrange or create elements.
#include "lib/Lowering/Tensor/Formulas.h"
#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace janus::lowering;
using Values = Emitter::Values;

bool janus::lowering::isAlias(StringRef name) {
  return llvm::StringSwitch<bool>(name)
      .Cases({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"}, true)
      .Default(false);
}

namespace {

LogicalResult lowerTranspose(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  SmallVector<int64_t> perm;
  if (auto given = c.op->getAttrOfType<DenseI64ArrayAttr>("perm"))
    perm.assign(given.asArrayRef().begin(), given.asArrayRef().end());
  else
    for (int64_t d = x.rank(); d-- > 0;)
      perm.push_back(d);
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Values source(x.rank());
    for (auto [to, from] : llvm::enumerate(perm))
      source[from] = index[to];
    return c.e.load(x, c.e.linear(source, x.extents));
  });
  return success();
}

LogicalResult lowerExpand(OperatorContext &c) {
  c.e.fill(*c.output(0), [&](ValueRange index) { return c.e.loadBroadcast(*c.input(0), index); });
  return success();
}

LogicalResult lowerTile(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Values source;
    for (auto [i, extent] : llvm::zip(index, x.extents))
      source.push_back(arith::RemUIOp::create(c.e.b, c.e.loc(), i, extent));
    return c.e.load(x, c.e.linear(source, x.extents));
  });
  return success();
}

LogicalResult lowerConcat(OperatorContext &c) {
  const Buffer &out = *c.output(0);
  int64_t axis = c.axis(0, out.rank());
  Value offset = c.e.i64(0);
  for (const Buffer *part : c.inputs) {
    c.e.parallel(c.e.product(part->extents), [&](Value position) {
      Values index = c.e.delinear(position, part->extents);
      index[axis] = c.e.add(index[axis], offset);
      c.e.store(out, c.e.linear(index, out.extents), c.e.load(*part, position));
    });
    offset = c.e.add(offset, part->extents[axis]);
  }
  return success();
}

LogicalResult lowerSplit(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  int64_t axis = c.axis(0, x.rank());
  Value offset = c.e.i64(0);
  for (const Buffer *part : c.outputs) {
    if (!part)
      continue;
    c.e.fill(*part, [&](ValueRange index) {
      Values source(index.begin(), index.end());
      source[axis] = c.e.add(source[axis], offset);
      return c.e.load(x, c.e.linear(source, x.extents));
    });
    offset = c.e.add(offset, part->extents[axis]);
  }
  return success();
}

LogicalResult lowerSlice(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  SliceBounds bounds = sliceBounds(c);
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Values source;
    for (auto [i, from, by] : llvm::zip(index, bounds.begin, bounds.step))
      source.push_back(c.e.add(from, c.e.mul(i, by)));
    return c.e.load(x, c.e.linear(source, x.extents));
  });
  return success();
}

/// constant: `value` outside; edge: the nearest element; reflect: mirrored without the edge; wrap: periodic.
LogicalResult lowerPad(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  Emitter &e = c.e;
  StringRef mode = c.text("mode", "constant");
  Values before = padsBefore(c, false);
  if (mode != "constant")
    for (Value extent : x.extents)
      c.check(e.either(e.less(e.i64(0), extent), e.equal(e.product(c.output(0)->extents), e.i64(0))),
              "cannot pad from an extent of 0");
  auto periodic = [&](Value i, Value period) { // i modulo period, not negative
    Value rest = arith::RemSIOp::create(e.b, e.loc(), i, period);
    return e.fromFront(rest, period);
  };
  e.fill(*c.output(0), [&](ValueRange index) {
    Values source;
    Value inside = e.i1(true);
    for (auto [i, pad, extent] : llvm::zip(index, before, x.extents)) {
      Value at = e.sub(i, pad), last = e.sub(extent, e.i64(1));
      if (mode == "edge") {
        at = e.min(last, e.max(at, e.i64(0)));
      } else if (mode == "wrap") {
        at = periodic(at, extent);
      } else if (mode == "reflect") { // positions repeat after 2 * (extent - 1)
        Value turn = e.max(e.add(last, last), e.i64(1)), there = periodic(at, turn);
        at = e.min(there, e.sub(e.add(last, last), there));
        at = e.max(at, e.i64(0));
      } else {
        inside = e.both(inside, e.both(e.less(e.i64(-1), at), e.less(at, extent)));
      }
      source.push_back(at);
    }
    if (mode != "constant")
      return e.load(x, e.linear(source, x.extents));
    return e.branch(
        inside, [&] { return e.load(x, e.linear(source, x.extents)); },
        [&] { return c.input(2) ? e.load(*c.input(2), e.i64(0)) : e.number(computeType(x.element), 0); });
  });
  return success();
}

LogicalResult lowerShape(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  int64_t rank = x.rank(), begin = c.integer("start", 0), end = c.integer("end", rank);
  begin = std::clamp<int64_t>(begin < 0 ? begin + rank : begin, 0, rank);
  end = std::clamp<int64_t>(end < 0 ? end + rank : end, 0, rank);
  for (int64_t d = begin; d < end; ++d)
    c.e.store(*c.output(0), c.e.i64(d - begin), x.extents[d]);
  return success();
}

LogicalResult lowerSize(OperatorContext &c) {
  c.e.store(*c.output(0), c.e.i64(0), c.e.product(c.input(0)->extents));
  return success();
}

LogicalResult lowerConstantOfShape(OperatorContext &c) {
  auto attribute = c.op->getAttrOfType<DenseElementsAttr>("value");
  Type stored = c.output(0)->element, type = computeType(stored);
  Value value;
  if (attribute && isa<IntegerType>(type)) {
    value =
        arith::ConstantOp::create(c.e.b, c.e.loc(), c.e.b.getIntegerAttr(type, *attribute.getValues<APInt>().begin()));
  } else {
    APFloat number = attribute ? *attribute.getValues<APFloat>().begin() : APFloat(0.0f);
    bool inexact;
    number.convert(cast<FloatType>(type).getFloatSemantics(), APFloat::rmNearestTiesToEven, &inexact);
    value = arith::ConstantOp::create(c.e.b, c.e.loc(), c.e.b.getFloatAttr(type, number));
  }
  c.e.fillFlat(*c.output(0), [&](Value) { return value; });
  return success();
}

LogicalResult lowerRange(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &out = *c.output(0);
  Type stored = out.element, type = computeType(stored);
  Value start = e.load(*c.input(0), e.i64(0)), delta = e.load(*c.input(2), e.i64(0));
  e.fillFlat(out, [&](Value i) {
    Value steps = e.convert(i, e.b.getI64Type(), isa<FloatType>(type) ? type : stored);
    return sum(e, start, product(e, steps, delta));
  });
  return success();
}

LogicalResult lowerEyeLike(OperatorContext &c) {
  Type type = computeType(c.output(0)->element);
  Value one = c.e.number(type, 1), zero = c.e.number(type, 0), k = c.e.i64(c.integer("k", 0));
  c.e.fill(*c.output(0),
           [&](ValueRange index) { return c.e.select(c.e.equal(c.e.sub(index[1], index[0]), k), one, zero); });
  return success();
}

LogicalResult lowerTrilu(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0);
  if (x.rank() < 2)
    return c.op->emitOpError("expects an input of rank 2 or more");
  Value k = c.input(1) ? e.loadIndex(*c.input(1), e.i64(0)) : e.i64(0), zero = e.number(computeType(x.element), 0);
  bool upper = c.integer("upper", 1);
  e.fillFlat(*c.output(0), [&](Value position) {
    Values index = e.delinear(position, x.extents);
    Value diagonal = e.sub(index.back(), index[index.size() - 2]);
    Value drop = upper ? e.less(diagonal, k) : e.less(k, diagonal);
    return e.select(drop, zero, e.load(x, position));
  });
  return success();
}

} // namespace

OperatorLowering janus::lowering::findLayout(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name)
      .Case("Transpose", lowerTranspose)
      .Case("Expand", lowerExpand)
      .Case("Tile", lowerTile)
      .Case("Concat", lowerConcat)
      .Case("Split", lowerSplit)
      .Case("Slice", lowerSlice)
      .Case("Pad", lowerPad)
      .Case("Shape", lowerShape)
      .Case("Size", lowerSize)
      .Case("ConstantOfShape", lowerConstantOfShape)
      .Case("Range", lowerRange)
      .Case("EyeLike", lowerEyeLike)
      .Case("Trilu", lowerTrilu)
      .Default(nullptr);
}
