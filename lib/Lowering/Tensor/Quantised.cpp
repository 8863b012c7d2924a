#include "lib/Lowering/Tensor/Quantised.h"
#include "lib/Lowering/Tensor/Formulas.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace janus::lowering {
using Values = Emitter::Values;

Value unpack(Emitter &e, const Buffer &bytes, Value index, int64_t bits) {
  Buffer fields = bytes;
  fields.element = e.b.getIntegerType(static_cast<unsigned>(bits), false);
  fields.packed = true;
  return e.loadIndex(fields, index);
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

/// The element of data at an index whose number along gather_axis is picked; in bytes, data and zero points lie packed
/// along their last dimension. An index outside gives 0.
LogicalResult lowerGatherBlockQuantized(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &data = *c.input(0), &indices = *c.input(1), &scales = *c.input(2), &out = *c.output(0);
  const Buffer *zeros = c.input(3);
  bool bytes = data.element.isUnsignedInteger(8);
  int64_t rank = data.rank(), bits = c.integer("bits", 4), block = c.integer("block_size", 128),
          fields = bytes ? 8 / bits : 1;
  auto integer = [&](const Buffer &buffer, Value index, Type type) {
    return bytes ? e.convert(unpack(e, buffer, index, bits), e.b.getI64Type(), type)
                 : e.convert(e.load(buffer, index), buffer.element, type);
  };
  auto axisOf = [&](StringRef name, int64_t otherwise) {
    int64_t axis = c.integer(name, otherwise);
    return axis < 0 ? axis + rank : axis;
  };
  int64_t axis = axisOf("gather_axis", 0), blocked = axisOf("quantize_axis", 1), count = indices.rank();
  Type type = computeType(scales.element);
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
          Value number = integer(data, e.linear(source, whole), type);
          Values where = source;
          where[blocked] = e.divide(where[blocked], e.i64(block));
          Value zero = e.real(type, bytes ? 1 << (bits - 1) : 0);
          if (zeros) {
            Values packed(zeros->extents);
            packed.back() = e.mul(packed.back(), e.i64(fields));
            zero = integer(*zeros, e.linear(where, packed), type);
          }
          Value scale = e.load(scales, e.linear(where, scales.extents));
          return multiply(e, arith::SubFOp::create(e.b, e.loc(), number, zero), scale);
        },
        [&] { return e.real(type, 0); });
  });
  return success();
}

/// Differences are of integers, and exact.
LogicalResult lowerDequantizeLinear(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0), &scales = *c.input(1), *zeros = c.input(2);
  int64_t block = c.integer("block_size", 0);
  bool single = !block && llvm::all_of(scales.shape, [](const onnx::SymExpr &dim) { return dim.isConstant(1); });
  int64_t axis = single ? 0 : c.axis(1, x.rank());
  Type f32 = e.b.getF32Type(), i64 = e.b.getI64Type();
  e.fill(*c.output(0), [&](ValueRange index) {
    Values where = single ? Values() : Values{index[single ? 0 : axis]};
    if (block) {
      where = Values(index);
      where[axis] = e.divide(where[axis], e.i64(block));
    }
    Value scale = e.i64(0);
    if (!single)
      scale = e.linear(where, scales.extents);
    Value number = e.loadIndex(x, e.linear(index, x.extents));
    if (zeros)
      number = e.sub(number, e.loadIndex(*zeros, scale));
    return multiply(e, e.convert(number, i64, f32), e.convert(e.load(scales, scale), scales.element, f32));
  });
  return success();
}

} // namespace

OperatorLowering findQuantised(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name)
      .Case("MatMulNBits", lowerMatMulNBits)
      .Case("GatherBlockQuantized", lowerGatherBlockQuantized)
      .Case("DequantizeLinear", lowerDequantizeLinear)
      .Default(nullptr);
}
} // namespace janus::lowering
