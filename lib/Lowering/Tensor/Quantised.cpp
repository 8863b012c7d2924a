#include "lib/Lowering/Tensor/Quantised.h"
#include "lib/Lowering/Tensor/Formulas.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace janus::lowering {
using Values = Emitter::Values;

Value unpack(Emitter &e, const Buffer &bytes, Value index, int64_t bits) {
  Type byte = e.b.getIntegerType(8, false);
  Buffer raw = bytes;
  raw.element = byte;
  int64_t fields = 8 / bits;
  if (fields == 1)
    return e.convert(e.load(raw, index), byte, e.b.getI64Type());
  Value place = e.divide(index, e.i64(fields)), field = e.sub(index, e.mul(place, e.i64(fields)));
  Value whole = e.convert(e.load(raw, place), byte, e.b.getI64Type());
  Value shifted = arith::ShRUIOp::create(e.b, e.loc(), whole, e.mul(field, e.i64(bits)));
  return arith::AndIOp::create(e.b, e.loc(), shifted, e.i64((1 << bits) - 1));
}

Value Blocks::at(Emitter &e, Value row, Value column, Type type) const {
  if (!bits)
    return e.convert(e.load(*weights, e.add(e.mul(row, e.i64(columns)), column)), weights->element, type);
  int64_t fields = 8 / bits, perRow = blocksPerRow(),
          stored = padded ? perRow * block : (columns + fields - 1) / fields * fields;
  Type i64 = e.b.getI64Type();
  Value number = e.convert(unpack(e, *weights, e.add(e.mul(row, e.i64(stored)), column), bits), i64, type);
  Value inRow = e.divide(column, e.i64(block)), which = e.add(e.mul(row, e.i64(perRow)), inRow);
  Value zero = e.real(type, 1 << (bits - 1));
  if (zeros && zeros->element.isUnsignedInteger(8)) {
    Value packedRow = e.i64((perRow + fields - 1) / fields * fields);
    zero = e.convert(unpack(e, *zeros, e.add(e.mul(row, packedRow), inRow), bits), i64, type);
  } else if (zeros) {
    zero = e.convert(e.load(*zeros, which), zeros->element, type);
  }
  Value scale = e.convert(e.load(*scales, which), scales->element, type);
  return multiply(e, arith::SubFOp::create(e.b, e.loc(), number, zero), scale);
}

Value Blocks::dotRow(Emitter &e, Value row, const Buffer &x, Value begin) const {
  if (!bits)
    return dot(e, x, begin, *weights, e.mul(row, e.i64(columns)), e.i64(columns));
  Type type = computeType(x.element);
  return e.fold(e.i64(0), e.i64(columns), ValueRange{e.real(type, 0)}, [&](Value i, ValueRange s) {
    return Values{multiplyAdd(e, e.load(x, e.add(begin, i)), at(e, row, i, type), s[0])};
  })[0];
}

namespace {

LogicalResult lowerMatMulNBits(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &a = *c.input(0);
  if (c.input(4))
    return c.op->emitOpError("expects no g_idx");
  if (c.integer("weight_prepacked", 0))
    return c.op->emitOpError("expects weight_prepacked = 0");
  int64_t n = c.integer("N", 0), k = c.integer("K", 0), bits = c.integer("bits", 4),
          block = c.integer("block_size", 32);
  Blocks matrix{c.input(1), c.input(2), c.input(3), k, bits, block, /*padded=*/true};
  e.fillFlat(*c.output(0), [&](Value position) {
    Value line = e.divide(position, e.i64(n)), column = e.sub(position, e.mul(line, e.i64(n)));
    Value result = matrix.dotRow(e, column, a, e.mul(line, e.i64(k)));
    return c.input(5) ? sum(e, result, e.convert(e.load(*c.input(5), column), c.input(5)->element, result.getType()))
                      : result;
  });
  return success();
}

/// The element of data at an index whose number along gather_axis is picked; data and zero points lie packed along
/// their last dimension. An index outside gives 0.
LogicalResult lowerGatherBlockQuantized(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &data = *c.input(0), &indices = *c.input(1), &scales = *c.input(2), &out = *c.output(0);
  const Buffer *zeros = c.input(3);
  bool bytes = data.element.isUnsignedInteger(8);
  if (!bytes)
    return c.op->emitOpError("expects data packed in bytes");
  int64_t rank = data.rank(), bits = c.integer("bits", 4), block = c.integer("block_size", 128), fields = 8 / bits;
  auto axisOf = [&](StringRef name, int64_t otherwise) {
    int64_t axis = c.integer(name, otherwise);
    return axis < 0 ? axis + rank : axis;
  };
  int64_t axis = axisOf("gather_axis", 0), blocked = axisOf("quantize_axis", 1), count = indices.rank();
  Type type = computeType(scales.element), i64 = e.b.getI64Type();
  Values whole(data.extents);
  whole.back() = e.mul(whole.back(), e.i64(fields));
  e.fill(out, [&](ValueRange index) {
    Value given = e.loadIndex(indices, e.linear(index.slice(axis, count), indices.extents));
    Value picked = e.fromFront(given, whole[axis]);
    Value inside = e.both(e.less(e.i64(-1), picked), e.less(picked, whole[axis]));
    return e.branch(
        inside,
        [&] {
          Values source(index.begin(), index.begin() + axis);
          source.push_back(picked);
          source.append(index.begin() + axis + count, index.end());
          Value number = e.convert(unpack(e, data, e.linear(source, whole), bits), i64, type);
          Values where = source;
          where[blocked] = e.divide(where[blocked], e.i64(block));
          Value zero = e.real(type, 1 << (bits - 1));
          if (zeros) {
            Values packed(zeros->extents);
            packed.back() = e.mul(packed.back(), e.i64(fields));
            zero = e.convert(unpack(e, *zeros, e.linear(where, packed), bits), i64, type);
          }
          Value scale = e.load(scales, e.linear(where, scales.extents));
          return multiply(e, arith::SubFOp::create(e.b, e.loc(), number, zero), scale);
        },
        [&] { return e.real(type, 0); });
  });
  return success();
}

} // namespace

OperatorLowering findQuantised(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name)
      .Case("MatMulNBits", lowerMatMulNBits)
      .Case("GatherBlockQuantized", lowerGatherBlockQuantized)
      .Default(nullptr);
}
} // namespace janus::lowering
