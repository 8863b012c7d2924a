#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace janus::lowering;

bool janus::lowering::isAlias(StringRef name) {
  return llvm::StringSwitch<bool>(name)
      .Cases({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"}, true)
      .Default(false);
}

namespace {

int64_t axisOf(OperatorContext &c, int64_t otherwise, int64_t rank) {
  int64_t axis = c.integer("axis", otherwise);
  return axis < 0 ? axis + rank : axis;
}

/// A possibly negative position along an extent, as a position from the front.
Value fromFront(Emitter &e, Value position, Value extent) {
  return e.select(e.less(position, e.i64(0)), e.add(position, extent), position);
}
Value asI64(Emitter &e, Value value) {
  return value.getType().isInteger(64) ? value : Value(arith::ExtSIOp::create(e.b, e.loc(), e.b.getI64Type(), value));
}

LogicalResult lowerTranspose(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  SmallVector<int64_t> perm;
  if (auto given = c.op->getAttrOfType<DenseI64ArrayAttr>("perm"))
    perm.assign(given.asArrayRef().begin(), given.asArrayRef().end());
  else
    for (int64_t d = x.rank(); d-- > 0;)
      perm.push_back(d);
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Emitter::Values source(x.rank());
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
    Emitter::Values source;
    for (auto [i, extent] : llvm::zip(index, x.extents))
      source.push_back(arith::RemUIOp::create(c.e.b, c.e.loc(), i, extent));
    return c.e.load(x, c.e.linear(source, x.extents));
  });
  return success();
}

LogicalResult lowerConcat(OperatorContext &c) {
  const Buffer &out = *c.output(0);
  int64_t axis = axisOf(c, 0, out.rank());
  Value offset = c.e.i64(0);
  for (const Buffer *part : c.inputs) {
    c.e.parallel(c.e.product(part->extents), [&](Value position) {
      Emitter::Values index = c.e.delinear(position, part->extents);
      index[axis] = c.e.add(index[axis], offset);
      c.e.store(out, c.e.linear(index, out.extents), c.e.load(*part, position));
    });
    offset = c.e.add(offset, part->extents[axis]);
  }
  return success();
}

LogicalResult lowerSplit(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  int64_t axis = axisOf(c, 0, x.rank());
  Value offset = c.e.i64(0);
  for (const Buffer *part : c.outputs) {
    if (!part)
      continue;
    c.e.fill(*part, [&](ValueRange index) {
      Emitter::Values source(index.begin(), index.end());
      source[axis] = c.e.add(source[axis], offset);
      return c.e.load(x, c.e.linear(source, x.extents));
    });
    offset = c.e.add(offset, part->extents[axis]);
  }
  return success();
}

LogicalResult lowerSlice(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  // starts, ends, axes and steps are tensors; the count along an axis is the output's extent.
  Emitter::Values begin(x.rank(), c.e.i64(0)), step(x.rank(), c.e.i64(1));
  auto entries = c.input(1)->shape.empty() ? std::optional<int64_t>(1) : c.input(1)->shape[0].constant();
  if (!entries)
    return c.op->emitOpError("expects a known number of sliced axes");
  for (int64_t n = 0; n < *entries; ++n) {
    Value at = c.e.i64(n);
    Value axis = c.input(3) ? asI64(c.e, c.e.load(*c.input(3), at)) : at;
    axis = fromFront(c.e, axis, c.e.i64(x.rank()));
    Value stride = c.input(4) ? asI64(c.e, c.e.load(*c.input(4), at)) : c.e.i64(1);
    Value start = asI64(c.e, c.e.load(*c.input(1), at));
    for (int64_t d = 0; d < x.rank(); ++d) {
      Value isAxis = arith::CmpIOp::create(c.e.b, c.e.loc(), arith::CmpIPredicate::eq, axis, c.e.i64(d));
      Value front = fromFront(c.e, start, x.extents[d]);
      Value last = c.e.sub(x.extents[d], c.e.i64(1));
      Value backward = c.e.less(stride, c.e.i64(0));
      Value limit = c.e.select(backward, last, x.extents[d]);
      Value clamped =
          arith::MinSIOp::create(c.e.b, c.e.loc(), limit, arith::MaxSIOp::create(c.e.b, c.e.loc(), front, c.e.i64(0)));
      begin[d] = c.e.select(isAxis, clamped, begin[d]);
      step[d] = c.e.select(isAxis, stride, step[d]);
    }
  }
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Emitter::Values source;
    for (auto [i, from, by] : llvm::zip(index, begin, step))
      source.push_back(c.e.add(from, c.e.mul(i, by)));
    return c.e.load(x, c.e.linear(source, x.extents));
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
  TypedAttr element =
      attribute ? cast<TypedAttr>(attribute.getValues<Attribute>()[0]) : TypedAttr(c.e.b.getF32FloatAttr(0));
  c.e.fill(*c.output(0), [&](ValueRange) -> Value { return arith::ConstantOp::create(c.e.b, c.e.loc(), element); });
  return success();
}

LogicalResult lowerRange(OperatorContext &c) {
  Value start = c.e.load(*c.input(0), c.e.i64(0)), delta = c.e.load(*c.input(2), c.e.i64(0));
  c.e.fill(*c.output(0), [&](ValueRange index) -> Value {
    auto &b = c.e.b;
    if (isa<FloatType>(start.getType())) {
      Value i = arith::SIToFPOp::create(b, c.e.loc(), start.getType(), index[0]);
      return arith::AddFOp::create(b, c.e.loc(), start, arith::MulFOp::create(b, c.e.loc(), i, delta));
    }
    Value i = start.getType().isInteger(64) ? index[0]
                                            : Value(arith::TruncIOp::create(b, c.e.loc(), start.getType(), index[0]));
    return arith::AddIOp::create(b, c.e.loc(), start, arith::MulIOp::create(b, c.e.loc(), i, delta));
  });
  return success();
}

/// An index read from data, clamped into the axis: a wrong index must not read outside the buffer.
Value safeIndex(Emitter &e, Value index, Value extent) {
  Value front = fromFront(e, asI64(e, index), extent);
  Value last = e.sub(extent, e.i64(1));
  return arith::MinSIOp::create(e.b, e.loc(), last, arith::MaxSIOp::create(e.b, e.loc(), front, e.i64(0)));
}

LogicalResult lowerGather(OperatorContext &c) {
  const Buffer &data = *c.input(0), &indices = *c.input(1);
  int64_t axis = axisOf(c, 0, data.rank()), count = indices.rank();
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Value position = c.e.load(indices, c.e.linear(index.slice(axis, count), indices.extents));
    Emitter::Values source(index.begin(), index.begin() + axis);
    source.push_back(safeIndex(c.e, position, data.extents[axis]));
    source.append(index.begin() + axis + count, index.end());
    return c.e.load(data, c.e.linear(source, data.extents));
  });
  return success();
}

LogicalResult lowerGatherElements(OperatorContext &c) {
  const Buffer &data = *c.input(0), &indices = *c.input(1);
  int64_t axis = axisOf(c, 0, data.rank());
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Emitter::Values source(index.begin(), index.end());
    source[axis] = safeIndex(c.e, c.e.load(indices, c.e.linear(index, indices.extents)), data.extents[axis]);
    return c.e.load(data, c.e.linear(source, data.extents));
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
      .Case("Shape", lowerShape)
      .Case("Size", lowerSize)
      .Case("ConstantOfShape", lowerConstantOfShape)
      .Case("Range", lowerRange)
      .Case("Gather", lowerGather)
      .Case("GatherElements", lowerGatherElements)
      .Default(nullptr);
}
