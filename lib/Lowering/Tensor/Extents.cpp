// Extents of results that are known only from data.
#include "dialects/onnx/IR/OnnxOps.h"
#include "lib/Lowering/Tensor/Formulas.h"
#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace janus;
using namespace janus::lowering;
using Values = Emitter::Values;

std::optional<SmallVector<int64_t>> OperatorContext::constants(unsigned position) const {
  Value value = onnx::getInput(op, position);
  auto constant = value ? value.getDefiningOp<onnx::ConstantValueOp>() : nullptr;
  auto elements = constant ? dyn_cast<DenseIntElementsAttr>(constant.getValue()) : nullptr;
  if (!elements)
    return std::nullopt;
  SmallVector<int64_t> numbers;
  for (const APInt &number : elements.getValues<APInt>())
    numbers.push_back(number.getSExtValue());
  return numbers;
}

namespace {
/// The number of elements of a list, which inference has made sure of.
int64_t lengthOf(const Buffer &list) { return list.shape.empty() ? 1 : list.shape[0].constant().value_or(0); }

/// Entry `position` of the compacted list of those dimensions that are not `named`.
Value compacted(Emitter &e, ValueRange extents, ValueRange named, int64_t position) {
  Value before = e.i64(0), result = e.i64(1);
  for (auto [extent, drop] : llvm::zip(extents, named)) {
    Value here = e.both(e.negated(drop), e.equal(before, e.i64(position)));
    result = e.select(here, extent, result);
    before = e.select(drop, before, e.add(before, e.i64(1)));
  }
  return result;
}

/// The number of elements for which a condition holds.
Value countWhere(Emitter &e, Value length, llvm::function_ref<Value(Value)> condition) {
  return e.fold(e.i64(0), length, ValueRange{e.i64(0)}, [&](Value i, ValueRange s) {
    return Values{e.add(s[0], e.select(condition(i), e.i64(1), e.i64(0)))};
  })[0];
}

void checkCount(OperatorContext &c, ValueRange extents) {
  c.check(c.e.equal(c.e.product(extents), c.e.product(c.input(0)->extents)),
          "expects a shape with as many elements as its input");
}

FailureOr<Extents> reshapeExtents(OperatorContext &c) {
  const Buffer &x = *c.input(0), &shape = *c.input(1);
  Emitter &e = c.e;
  bool zeros = c.integer("allowzero", 0);
  Values extents;
  Value open = e.i64(-1), known = e.i64(1), opens = e.i64(0);
  for (int64_t i = 0; i < lengthOf(shape); ++i) {
    Value dim = e.loadIndex(shape, e.i64(i));
    if (!zeros && i < x.rank())
      dim = e.select(e.equal(dim, e.i64(0)), x.extents[i], dim);
    Value isOpen = e.equal(dim, e.i64(-1));
    opens = e.add(opens, e.select(isOpen, e.i64(1), e.i64(0)));
    known = e.mul(known, e.select(isOpen, e.i64(1), dim));
    open = e.select(isOpen, e.i64(i), open);
    extents.push_back(dim);
  }
  c.check(e.less(opens, e.i64(2)), "expects at most one -1 in its shape");
  Value rest = integerQuotient(e, e.product(x.extents), known, false);
  for (auto [i, extent] : llvm::enumerate(extents))
    extent = e.select(e.equal(open, e.i64(i)), rest, extent);
  checkCount(c, extents);
  return Extents{extents};
}

FailureOr<Extents> squeezeExtents(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  Values named = namedAxes(c, *c.input(1), x.rank()), extents;
  for (int64_t j = 0; j < x.rank() - lengthOf(*c.input(1)); ++j)
    extents.push_back(compacted(c.e, x.extents, named, j));
  checkCount(c, extents);
  return Extents{extents};
}

FailureOr<Extents> unsqueezeExtents(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  Emitter &e = c.e;
  int64_t rank = x.rank() + lengthOf(*c.input(1));
  Values named = namedAxes(c, *c.input(1), rank), extents;
  Value next = e.i64(0);
  for (Value inserted : named) {
    Value extent = e.i64(1);
    for (int64_t d = 0; d < x.rank(); ++d)
      extent = e.select(e.both(e.negated(inserted), e.equal(next, e.i64(d))), x.extents[d], extent);
    extents.push_back(extent);
    next = e.select(inserted, next, e.add(next, e.i64(1)));
  }
  checkCount(c, extents);
  return Extents{extents};
}

FailureOr<Extents> expandExtents(OperatorContext &c) {
  const Buffer &x = *c.input(0), &shape = *c.input(1);
  Emitter &e = c.e;
  int64_t asked = lengthOf(shape), rank = std::max(x.rank(), asked);
  Values extents;
  for (int64_t i = 0; i < rank; ++i) {
    int64_t own = i - (rank - x.rank()), wanted = i - (rank - asked);
    Value have = own >= 0 ? x.extents[own] : e.i64(1),
          want = wanted >= 0 ? e.loadIndex(shape, e.i64(wanted)) : e.i64(1);
    Value haveOne = e.equal(have, e.i64(1)), wantOne = e.equal(want, e.i64(1));
    c.check(e.either(e.either(haveOne, wantOne), e.equal(have, want)), "cannot broadcast its input to its shape");
    extents.push_back(e.select(haveOne, want, have));
  }
  return Extents{extents};
}

FailureOr<Extents> tileExtents(OperatorContext &c) {
  Values extents;
  for (auto [i, extent] : llvm::enumerate(c.input(0)->extents))
    extents.push_back(c.e.mul(extent, c.e.loadIndex(*c.input(1), c.e.i64(i))));
  return Extents{extents};
}

FailureOr<Extents> constantOfShapeExtents(OperatorContext &c) {
  Values extents;
  for (int64_t i = 0; i < lengthOf(*c.input(0)); ++i)
    extents.push_back(c.e.loadIndex(*c.input(0), c.e.i64(i)));
  return Extents{extents};
}

FailureOr<Extents> rangeExtents(OperatorContext &c) {
  Emitter &e = c.e;
  Type type = c.input(0)->element;
  Value start = e.load(*c.input(0), e.i64(0)), limit = e.load(*c.input(1), e.i64(0)),
        delta = e.load(*c.input(2), e.i64(0));
  if (isa<FloatType>(type)) {
    Type f64 = e.b.getF64Type();
    start = e.convert(start, type, f64), limit = e.convert(limit, type, f64), delta = e.convert(delta, type, f64);
    Value span = arith::SubFOp::create(e.b, e.loc(), limit, start);
    Value steps = math::CeilOp::create(e.b, e.loc(), arith::DivFOp::create(e.b, e.loc(), span, delta));
    c.check(arith::CmpFOp::create(e.b, e.loc(), arith::CmpFPredicate::ONE, delta, e.real(f64, 0)),
            "expects a delta other than 0");
    return Extents{{e.max(e.convert(steps, f64, e.b.getI64Type()), e.i64(0))}};
  }
  Type i64 = e.b.getI64Type();
  start = e.convert(start, type, i64), limit = e.convert(limit, type, i64), delta = e.convert(delta, type, i64);
  c.check(e.negated(e.equal(delta, e.i64(0))), "expects a delta other than 0");
  // ceil(span / delta) for a span of delta's sign.
  Value span = e.sub(limit, start), backward = e.less(delta, e.i64(0));
  Value far = e.select(backward, e.sub(e.i64(0), span), span), by = e.select(backward, e.sub(e.i64(0), delta), delta);
  Value steps = integerQuotient(e, e.add(e.max(far, e.i64(0)), e.sub(by, e.i64(1))), by, false);
  return Extents{{e.max(steps, e.i64(0))}};
}

FailureOr<Extents> splitExtents(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0), &split = *c.input(1);
  int64_t axis = c.axis(0, x.rank());
  Extents result;
  Value total = e.i64(0);
  for (int64_t i = 0; i < lengthOf(split); ++i) {
    result.push_back(x.extents);
    result.back()[axis] = e.loadIndex(split, e.i64(i));
    c.check(e.less(e.i64(-1), result.back()[axis]), "expects extents of at least 0 in split");
    total = e.add(total, result.back()[axis]);
  }
  c.check(e.equal(total, x.extents[axis]), "expects extents in split that add up to that of its axis");
  return result;
}

FailureOr<Extents> topKExtents(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  int64_t axis = c.axis(-1, x.rank());
  Values extents = x.extents;
  extents[axis] = c.e.loadIndex(*c.input(1), c.e.i64(0));
  c.check(c.e.negated(c.e.less(x.extents[axis], extents[axis])), "expects k of at most the extent of its axis");
  return Extents{extents, extents};
}

FailureOr<Extents> oneHotExtents(OperatorContext &c) {
  const Buffer &indices = *c.input(0);
  Values extents = indices.extents;
  extents.insert(extents.begin() + c.axis(-1, indices.rank() + 1),
                 c.e.convert(c.e.load(*c.input(1), c.e.i64(0)), c.input(1)->element, c.e.b.getI64Type()));
  return Extents{extents};
}

FailureOr<Extents> nonZeroExtents(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  Value count = countWhere(c.e, c.e.product(x.extents),
                           [&](Value i) { return c.e.convert(c.e.load(x, i), x.element, c.e.b.getI1Type()); });
  return Extents{{c.e.i64(x.rank()), count}};
}

FailureOr<Extents> compressExtents(OperatorContext &c) {
  const Buffer &x = *c.input(0), &condition = *c.input(1);
  bool flat = !c.op->hasAttr("axis");
  int64_t axis = flat ? 0 : c.axis(0, x.rank());
  Value length = flat ? c.e.product(x.extents) : x.extents[axis];
  Value count = countWhere(c.e, c.e.min(length, condition.extents[0]), [&](Value i) { return c.e.load(condition, i); });
  if (flat)
    return Extents{{count}};
  Values extents = x.extents;
  extents[axis] = count;
  return Extents{extents};
}

FailureOr<Extents> sliceExtents(OperatorContext &c) { return Extents{sliceBounds(c).count}; }

FailureOr<Extents> padExtents(OperatorContext &c) {
  Values extents, before = padsBefore(c, false), behind = padsBefore(c, true);
  for (auto [extent, first, last] : llvm::zip(c.input(0)->extents, before, behind))
    extents.push_back(c.e.add(extent, c.e.add(first, last)));
  return Extents{extents};
}

FailureOr<Extents> reduceExtents(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  Values reduced = reducedDims(c), extents;
  if (c.integer("keepdims", 1)) {
    for (auto [extent, drop] : llvm::zip(x.extents, reduced))
      extents.push_back(c.e.select(drop, c.e.i64(1), extent));
    return Extents{extents};
  }
  for (int64_t j = 0; j < x.rank() - lengthOf(*c.input(1)); ++j)
    extents.push_back(compacted(c.e, x.extents, reduced, j));
  return Extents{extents};
}
} // namespace

Values janus::lowering::namedAxes(OperatorContext &c, const Buffer &axes, int64_t rank) {
  Emitter &e = c.e;
  Values named(rank, e.i1(false));
  for (int64_t i = 0; i < lengthOf(axes); ++i) {
    Value axis = e.fromFront(e.loadIndex(axes, e.i64(i)), e.i64(rank)), known = e.i1(false);
    for (int64_t d = 0; d < rank; ++d) {
      Value here = e.equal(axis, e.i64(d));
      known = e.either(known, e.both(here, e.negated(named[d]))); // and not named before
      named[d] = e.either(named[d], here);
    }
    c.check(known, "expects different axes within the rank of its input");
  }
  return named;
}

Values janus::lowering::reducedDims(OperatorContext &c) {
  Emitter &e = c.e;
  int64_t rank = c.input(0)->rank();
  bool all = !c.integer("noop_with_empty_axes", 0);
  std::optional<SmallVector<int64_t>> axes;
  if (auto attribute = c.op->getAttrOfType<DenseI64ArrayAttr>("axes"))
    axes = SmallVector<int64_t>(attribute.asArrayRef());
  else
    axes = c.input(1) ? c.constants(1) : SmallVector<int64_t>();
  if (c.input(1) && !axes && lengthOf(*c.input(1)))
    return namedAxes(c, *c.input(1), rank);
  if (!axes || axes->empty())
    return Values(rank, e.i1(all));
  Values reduced(rank, e.i1(false));
  for (int64_t axis : *axes)
    reduced[axis < 0 ? axis + rank : axis] = e.i1(true);
  return reduced;
}

SliceBounds janus::lowering::sliceBounds(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0);
  SliceBounds bounds{Values(x.rank(), e.i64(0)), Values(x.rank(), e.i64(1)), x.extents};
  auto axes = c.input(3) ? c.constants(3) : std::nullopt;
  for (int64_t n = 0; n < lengthOf(*c.input(1)); ++n) {
    Value at = e.i64(n), axis = at;
    if (c.input(3))
      axis = axes ? e.i64((*axes)[n]) : e.loadIndex(*c.input(3), at);
    axis = e.fromFront(axis, e.i64(x.rank()));
    Value step = c.input(4) ? e.loadIndex(*c.input(4), at) : e.i64(1);
    Value start = e.loadIndex(*c.input(1), at), stop = e.loadIndex(*c.input(2), at);
    for (int64_t d = 0; d < x.rank(); ++d) {
      std::optional<int64_t> here = !c.input(3) ? n
                                    : axes      ? std::optional((*axes)[n] < 0 ? (*axes)[n] + x.rank() : (*axes)[n])
                                                : std::nullopt;
      if (here && *here != d)
        continue;
      Value isAxis = here ? e.i1(true) : e.equal(axis, e.i64(d)), extent = x.extents[d], zero = e.i64(0);
      Value backward = e.less(step, zero), last = e.sub(extent, e.i64(1));
      // Forward positions lie in [0, extent], backward ones in [-1, extent - 1].
      Value least = e.select(backward, e.i64(-1), zero), most = e.select(backward, last, extent);
      auto clamped = [&](Value position) { return e.min(most, e.max(least, e.fromFront(position, extent))); };
      Value first = clamped(start), end = clamped(stop);
      Value span = e.select(backward, e.sub(first, end), e.sub(end, first));
      // A step of less than -2^62 has no opposite that can be added to; no extent is so large.
      Value bounded = e.max(step, e.i64(-(int64_t{1} << 62)));
      Value by = e.max(e.select(backward, e.sub(zero, bounded), e.min(bounded, e.i64(int64_t{1} << 62))), e.i64(1));
      Value count = e.divide(e.add(e.max(span, zero), e.sub(by, e.i64(1))), by);
      bounds.begin[d] = e.select(isAxis, first, bounds.begin[d]);
      bounds.step[d] = e.select(isAxis, step, bounds.step[d]);
      bounds.count[d] = e.select(isAxis, count, bounds.count[d]);
    }
  }
  return bounds;
}

Values janus::lowering::padsBefore(OperatorContext &c, bool behind) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0), &pads = *c.input(1);
  int64_t count = lengthOf(pads) / 2;
  Values result(x.rank(), e.i64(0));
  for (int64_t n = 0; n < count; ++n) {
    Value pad = e.loadIndex(pads, e.i64(n + (behind ? count : 0)));
    Value axis = c.input(3) ? e.fromFront(e.loadIndex(*c.input(3), e.i64(n)), e.i64(x.rank())) : e.i64(n);
    for (int64_t d = 0; d < x.rank(); ++d)
      if (c.input(3) || d == n)
        result[d] = e.select(e.equal(axis, e.i64(d)), pad, result[d]);
  }
  return result;
}

ExtentsLowering janus::lowering::findExtents(StringRef name) {
  return llvm::StringSwitch<ExtentsLowering>(name)
      .Case("Reshape", reshapeExtents)
      .Case("Squeeze", squeezeExtents)
      .Case("Unsqueeze", unsqueezeExtents)
      .Case("Expand", expandExtents)
      .Case("Tile", tileExtents)
      .Case("ConstantOfShape", constantOfShapeExtents)
      .Case("Range", rangeExtents)
      .Case("Split", splitExtents)
      .Case("TopK", topKExtents)
      .Case("OneHot", oneHotExtents)
      .Case("NonZero", nonZeroExtents)
      .Case("Compress", compressExtents)
      .Case("Slice", sliceExtents)
      .Case("Pad", padExtents)
      .StartsWith("Reduce", reduceExtents)
      .Default(nullptr);
}
