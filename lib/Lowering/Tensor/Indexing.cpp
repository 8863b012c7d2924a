// Operators that read or write at positions found in data. Positions outside end the program with an error.
#include "lib/Lowering/Tensor/Formulas.h"
#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace janus::lowering;
using Values = Emitter::Values;

void janus::lowering::checkIndices(OperatorContext &c, unsigned position, Value extent) {
  const Buffer &indices = *c.input(position);
  Emitter &e = c.e;
  Value good = e.fold(e.i64(0), e.product(indices.extents), ValueRange{e.i1(true)}, [&](Value i, ValueRange s) {
    Value at = e.fromFront(e.loadIndex(indices, i), extent);
    return Values{e.both(s[0], e.both(e.less(e.i64(-1), at), e.less(at, extent)))};
  })[0];
  c.check(good, "has an index outside of its axis");
}

namespace {

/// The value at `position` combined with an update as the attribute `reduction` says.
Value reduced(OperatorContext &c, const Buffer &out, Value position, Value update) {
  StringRef reduction = c.text("reduction", "none");
  if (reduction == "none")
    return update;
  Emitter &e = c.e;
  Value old = e.load(out, position);
  bool isUnsigned = out.element.isUnsignedInteger() || out.element.isInteger(1);
  if (reduction == "add")
    return sum(e, old, update);
  if (reduction == "mul")
    return product(e, old, update);
  return reduction == "max" ? largest(e, old, update, isUnsigned) : smallest(e, old, update, isUnsigned);
}

void copy(OperatorContext &c) {
  c.e.fillFlat(*c.output(0), [&](Value position) { return c.e.load(*c.input(0), position); });
}

LogicalResult lowerGather(OperatorContext &c) {
  const Buffer &data = *c.input(0), &indices = *c.input(1);
  int64_t axis = c.axis(0, data.rank()), count = indices.rank();
  if (!c.constants(1) || !data.shape[axis].constant()) // inference has looked at constants
    checkIndices(c, 1, data.extents[axis]);
  else if (auto known = c.constants(1))
    for (int64_t index : *known)
      if (int64_t extent = *data.shape[axis].constant(); index < -extent || index >= extent)
        return c.op->emitOpError("expects indices in [") << -extent << ", " << extent << "), found " << index;
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Value position = c.e.loadIndex(indices, c.e.linear(index.slice(axis, count), indices.extents));
    Values source(index.begin(), index.begin() + axis);
    source.push_back(c.e.fromFront(position, data.extents[axis]));
    source.append(index.begin() + axis + count, index.end());
    return c.e.load(data, c.e.linear(source, data.extents));
  });
  return success();
}

LogicalResult lowerGatherElements(OperatorContext &c) {
  const Buffer &data = *c.input(0), &indices = *c.input(1);
  int64_t axis = c.axis(0, data.rank());
  checkIndices(c, 1, data.extents[axis]);
  for (int64_t d = 0; d < data.rank(); ++d)
    if (d != axis && !(data.shape[d] == indices.shape[d]))
      c.check(c.e.negated(c.e.less(data.extents[d], indices.extents[d])), "expects indices no larger than its data");
  c.e.fillFlat(*c.output(0), [&](Value position) {
    Values source = c.e.delinear(position, indices.extents);
    source[axis] = c.e.fromFront(c.e.loadIndex(indices, position), data.extents[axis]);
    return c.e.load(data, c.e.linear(source, data.extents));
  });
  return success();
}

/// Index tuples: `length` numbers each, the first for dimension `first` of data. Ends the program where one lies
/// outside.
void checkTuples(OperatorContext &c, const Buffer &data, const Buffer &indices, int64_t first, int64_t length) {
  Emitter &e = c.e;
  Value tuples = e.product(ArrayRef(indices.extents).drop_back());
  Value good = e.fold(e.i64(0), tuples, ValueRange{e.i1(true)}, [&](Value i, ValueRange s) {
    Value all = s[0];
    for (int64_t k = 0; k < length; ++k) {
      Value extent = data.extents[first + k];
      Value at = e.fromFront(e.loadIndex(indices, e.add(e.mul(i, e.i64(length)), e.i64(k))), extent);
      all = e.both(all, e.both(e.less(e.i64(-1), at), e.less(at, extent)));
    }
    return Values{all};
  })[0];
  c.check(good, "has an index outside of its axis");
}
Values tupleAt(Emitter &e, const Buffer &data, const Buffer &indices, Value tuple, int64_t first, int64_t length) {
  Values index;
  for (int64_t k = 0; k < length; ++k)
    index.push_back(
        e.fromFront(e.loadIndex(indices, e.add(e.mul(tuple, e.i64(length)), e.i64(k))), data.extents[first + k]));
  return index;
}

LogicalResult lowerGatherND(OperatorContext &c) {
  const Buffer &data = *c.input(0), &indices = *c.input(1);
  int64_t batch = c.integer("batch_dims", 0), length = *indices.shape.back().constant(), listed = indices.rank() - 1;
  checkTuples(c, data, indices, batch, length);
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Value tuple = c.e.linear(index.take_front(listed), ArrayRef(indices.extents).drop_back());
    Values source(index.begin(), index.begin() + batch);
    source.append(tupleAt(c.e, data, indices, tuple, batch, length));
    source.append(index.begin() + listed, index.end());
    return c.e.load(data, c.e.linear(source, data.extents));
  });
  return success();
}

/// Lines along the axis in parallel, updates of a line in order: the last of equal indices stays.
LogicalResult lowerScatterElements(OperatorContext &c) {
  const Buffer &data = *c.input(0), &indices = *c.input(1), &updates = *c.input(2), &out = *c.output(0);
  Emitter &e = c.e;
  int64_t axis = c.axis(0, data.rank());
  checkIndices(c, 1, data.extents[axis]);
  for (int64_t d = 0; d < data.rank(); ++d)
    if (d != axis && !(data.shape[d] == indices.shape[d]))
      c.check(e.negated(e.less(data.extents[d], indices.extents[d])), "expects indices no larger than its data");
  copy(c);
  Lines lines = linesOf(e, indices, axis);
  e.parallel(
      lines.count(e),
      [&](Value line) {
        Value first = lines.first(e, line);
        e.serial(e.i64(0), lines.length, [&](Value i) {
          Value from = e.add(first, e.mul(i, lines.stride));
          Values index = e.delinear(from, indices.extents);
          index[axis] = e.fromFront(e.loadIndex(indices, from), data.extents[axis]);
          Value to = e.linear(index, out.extents);
          e.store(out, to, reduced(c, out, to, e.load(updates, from)));
        });
      },
      1);
  return success();
}

/// Elements of a slice in parallel, slices in order.
LogicalResult lowerScatterND(OperatorContext &c) {
  const Buffer &data = *c.input(0), &indices = *c.input(1), &updates = *c.input(2), &out = *c.output(0);
  Emitter &e = c.e;
  int64_t length = *indices.shape.back().constant();
  checkTuples(c, data, indices, 0, length);
  copy(c);
  Value tuples = e.product(ArrayRef(indices.extents).drop_back());
  Value slice = e.product(ArrayRef(data.extents).drop_front(length));
  e.parallel(slice, [&](Value inner) {
    e.serial(e.i64(0), tuples, [&](Value tuple) {
      Value block = e.linear(tupleAt(e, data, indices, tuple, 0, length), ArrayRef(data.extents).take_front(length));
      Value to = e.add(e.mul(block, slice), inner);
      e.store(out, to, reduced(c, out, to, e.load(updates, e.add(e.mul(tuple, slice), inner))));
    });
  });
  return success();
}

LogicalResult lowerTensorScatter(OperatorContext &c) {
  const Buffer &past = *c.input(0), &update = *c.input(1), &out = *c.output(0);
  Emitter &e = c.e;
  bool circular = c.text("mode", "linear") == "circular";
  int64_t axis = c.integer("axis", -2);
  axis = axis < 0 ? axis + past.rank() : axis;
  Value room = past.extents[axis], rows = update.extents[axis];
  c.check(e.negated(e.less(room, rows)), "expects an update no longer than its cache");
  if (const Buffer *indices = c.input(2)) {
    Value good = e.fold(e.i64(0), indices->extents[0], ValueRange{e.i1(true)}, [&](Value i, ValueRange s) {
      Value at = e.loadIndex(*indices, i); // any number: nothing is added to it
      Value inside =
          e.both(e.less(e.i64(-1), at), circular ? e.less(at, room) : e.negated(e.less(e.sub(room, rows), at)));
      return Values{e.both(s[0], inside)};
    })[0];
    c.check(good, "has a write index outside of its cache");
  }
  copy(c);
  e.parallel(e.product(update.extents), [&](Value from) {
    Values index = e.delinear(from, update.extents);
    if (c.input(2))
      index[axis] = e.add(index[axis], e.loadIndex(*c.input(2), index[0]));
    if (circular)
      index[axis] = e.select(e.less(index[axis], room), index[axis], e.sub(index[axis], room));
    e.store(out, e.linear(index, out.extents), e.load(update, from));
  });
  return success();
}

LogicalResult lowerOneHot(OperatorContext &c) {
  const Buffer &indices = *c.input(0), &values = *c.input(2), &out = *c.output(0);
  Emitter &e = c.e;
  int64_t axis = c.axis(-1, out.rank());
  Value depth = out.extents[axis];
  e.fill(out, [&](ValueRange index) {
    Values where(index.begin(), index.end());
    where.erase(where.begin() + axis);
    Value at = e.convert(e.load(indices, e.linear(where, indices.extents)), indices.element, e.b.getI64Type());
    return e.load(values, e.select(e.equal(e.fromFront(at, depth), index[axis]), e.i64(1), e.i64(0)));
  });
  return success();
}

LogicalResult lowerNonZero(OperatorContext &c) {
  const Buffer &x = *c.input(0), &out = *c.output(0);
  Emitter &e = c.e;
  e.fold(e.i64(0), e.product(x.extents), ValueRange{e.i64(0)}, [&](Value i, ValueRange s) {
    Value found = e.convert(e.load(x, i), x.element, e.b.getI1Type());
    e.when(found, [&] {
      for (auto [d, at] : llvm::enumerate(e.delinear(i, x.extents)))
        e.store(out, e.add(e.mul(e.i64(d), out.extents[1]), s[0]), at);
    });
    return Values{e.add(s[0], e.select(found, e.i64(1), e.i64(0)))};
  });
  return success();
}

LogicalResult lowerCompress(OperatorContext &c) {
  const Buffer &x = *c.input(0), &condition = *c.input(1), &out = *c.output(0);
  Emitter &e = c.e;
  bool flat = !c.op->hasAttr("axis");
  int64_t axis = flat ? 0 : c.axis(0, x.rank());
  Lines from = flat ? Lines{e.i64(1), e.i64(1), e.product(x.extents)} : linesOf(e, x, axis);
  Lines to = linesOf(e, out, axis);
  Value length = e.min(from.length, condition.extents[0]);
  e.parallel(
      from.count(e),
      [&](Value line) {
        Value source = from.first(e, line), target = to.first(e, line);
        e.fold(e.i64(0), length, ValueRange{e.i64(0)}, [&](Value i, ValueRange s) {
          Value keep = e.load(condition, i);
          e.when(keep, [&] {
            Value value = e.load(x, e.add(source, e.mul(i, from.stride)));
            e.store(out, e.add(target, e.mul(s[0], to.stride)), value);
          });
          return Values{e.add(s[0], e.select(keep, e.i64(1), e.i64(0)))};
        });
      },
      1);
  return success();
}

} // namespace

OperatorLowering janus::lowering::findIndexing(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name)
      .Case("Gather", lowerGather)
      .Case("GatherElements", lowerGatherElements)
      .Case("GatherND", lowerGatherND)
      .Case("ScatterElements", lowerScatterElements)
      .Case("ScatterND", lowerScatterND)
      .Case("TensorScatter", lowerTensorScatter)
      .Case("OneHot", lowerOneHot)
      .Case("NonZero", lowerNonZero)
      .Case("Compress", lowerCompress)
      .Default(nullptr);
}
