// Shapes and values of operators that read shapes, select or create elements.
#include "dialects/onnx/IR/Infer.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace janus::onnx {
namespace {
/// A position of a slice clamped into [0, extent]; positions known to be negative count from the end.
SymExpr clampPosition(SymExpr position, const SymExpr &extent) {
  auto number = position.constant();
  if (number && *number < 0)
    position = position + extent;
  return SymExpr::min(SymExpr::max(position, SymExpr(0)), extent);
}

/// What a slice along one dimension reads: the first position and how many; nothing when that is known only at run
/// time.
struct SliceRange {
  SymExpr begin, length;
};
std::optional<SliceRange> rangeOf(const SymExpr &start, const SymExpr &stop, int64_t step, const SymExpr &extent) {
  if (step < 0) {
    bool whole = start.isConstant(-1) && stop.constant() && *stop.constant() <= std::numeric_limits<int32_t>::min() + 1;
    if (whole && step > std::numeric_limits<int32_t>::min())
      return SliceRange{extent - SymExpr(1), SymExpr::ceildiv(extent, SymExpr(-step))};
    if (!extent.constant() || !start.constant() || !stop.constant() || step < std::numeric_limits<int32_t>::min())
      return std::nullopt;
    int64_t e = *extent.constant(), b = *start.constant(), s = *stop.constant();
    b = std::clamp<int64_t>(b < 0 ? b + e : b, -1, e - 1);
    s = s < 0 ? std::max<int64_t>(s + e, -1) : std::min(s, e);
    return SliceRange{b, SymExpr(std::max<int64_t>(0, (b - s - step - 1) / -step))};
  }
  bool wholeEnd = stop.constant() && *stop.constant() >= std::numeric_limits<int32_t>::max();
  SymExpr begin = clampPosition(start, extent), end = wholeEnd ? extent : clampPosition(stop, extent);
  SymExpr length = end - begin;
  if (length.constant() && *length.constant() < 0)
    length = SymExpr(0);
  else if (!length.isNonNegative())
    length = SymExpr::max(length, SymExpr(0));
  return SliceRange{begin, SymExpr::ceildiv(length, SymExpr(step))};
}
} // namespace

LogicalResult inferSlice(Operation *op, ShapeContext &c) {
  auto slice = cast<SliceOp>(op);
  Dims dims = *c.dims(slice.getX());
  int64_t rank = dims.size();
  auto count = listLength(op, c, slice.getStarts(), "starts");
  if (failed(count))
    return failure();
  int64_t n = *count;
  if (auto endDims = *c.dims(slice.getEnds()); endDims.size() != 1 || !endDims[0].isConstant(n))
    return op->emitOpError() << "expects " << n << " ends, as many as starts";
  for (auto [input, what] : {std::pair(slice.getAxes(), "axes"), std::pair(slice.getSteps(), "steps")})
    if (input)
      if (auto given = *c.dims(input); given.size() != 1 || !given[0].isConstant(n))
        return op->emitOpError() << "expects " << n << " " << what << ", as many as starts";
  std::optional<SmallVector<int64_t>> axes = llvm::to_vector(llvm::seq<int64_t>(0, n));
  if (slice.getAxes()) {
    auto known = knownAxes(op, c, slice.getAxes(), rank);
    if (failed(known))
      return failure();
    axes = *known;
  } else if (n > rank) {
    return op->emitOpError() << "expects at most " << rank << " starts, found " << n;
  }
  if (!axes) { // any dimension may shrink
    for (SymExpr &dim : dims)
      dim = c.fresh("slice", dim);
    c.set(slice.getY(), c.element(slice.getX()), dims);
    return success();
  }
  auto steps = slice.getSteps() ? c.constants(slice.getSteps()) : SmallVector<int64_t>(n, 1);
  if (steps && llvm::is_contained(*steps, 0))
    return op->emitOpError() << "expects a step other than 0";
  auto starts = c.values(slice.getStarts()), ends = c.values(slice.getEnds());
  auto values = rank == 1 ? c.values(slice.getX()) : std::nullopt;
  for (int64_t i = 0; i < n; ++i) {
    SymExpr &dim = dims[(*axes)[i]], extent = dim;
    auto range = starts && ends && steps ? rangeOf((*starts)[i], (*ends)[i], (*steps)[i], extent) : std::nullopt;
    dim = range ? range->length : c.fresh("slice", extent);
    if (!range || !values || !range->begin.constant() || !range->length.constant()) {
      values = std::nullopt;
      continue;
    }
    Dims picked;
    for (int64_t k = 0, at = *range->begin.constant(); k < *range->length.constant(); ++k, at += (*steps)[i])
      picked.push_back((*values)[at]);
    values = picked;
  }
  c.set(slice.getY(), c.element(slice.getX()), dims);
  if (values)
    c.setValues(slice.getY(), *values);
  return success();
}

LogicalResult inferShapeOf(Operation *op, ShapeContext &c) {
  auto shape = cast<ShapeOp>(op);
  Dims dims = *c.dims(shape.getX());
  int64_t rank = dims.size(), start = shape.getStart(), end = shape.getEnd().value_or(rank);
  start = std::clamp<int64_t>(start < 0 ? start + rank : start, 0, rank);
  end = std::clamp<int64_t>(end < 0 ? end + rank : end, start, rank);
  Dims values(dims.begin() + start, dims.begin() + end);
  c.set(shape.getY(), IntegerType::get(op->getContext(), 64), SymExpr(values.size()));
  c.setValues(shape.getY(), values);
  return success();
}

LogicalResult inferSize(Operation *op, ShapeContext &c) {
  c.set(op->getResult(0), IntegerType::get(op->getContext(), 64), {});
  c.setValues(op->getResult(0), product(*c.dims(op->getOperand(0))));
  return success();
}

LogicalResult inferConstantOfShape(Operation *op, ShapeContext &c) {
  auto fill = cast<ConstantOfShapeOp>(op);
  auto rank = listLength(op, c, fill.getShape(), "a shape");
  if (failed(rank))
    return failure();
  auto known = c.values(fill.getShape());
  Dims dims = known ? *known : freshDims(c, "shape", *rank);
  Type element = Float32Type::get(op->getContext());
  std::optional<int64_t> value;
  if (auto given = dyn_cast_or_null<DenseElementsAttr>(fill.getValueAttr())) {
    element = given.getElementType();
    if (given.getNumElements() != 1)
      return op->emitOpError() << "expects one value, found " << given.getNumElements();
    if (isa<IntegerType>(element)) {
      APInt number = given.getSplatValue<APInt>();
      bool positive = element.isInteger(1) || element.isUnsignedInteger();
      value = positive ? static_cast<int64_t>(number.getZExtValue()) : number.getSExtValue();
    }
  }
  c.set(fill.getY(), element, dims);
  if (value && dims.size() <= 1) {
    int64_t n = dims.empty() ? 1 : dims[0].constant().value_or(-1);
    if (n >= 0 && n <= static_cast<int64_t>(ShapeContext::kMaxValues))
      c.setValues(fill.getY(), Dims(n, SymExpr(*value)));
  }
  return success();
}

LogicalResult inferRange(Operation *op, ShapeContext &c) {
  auto range = cast<RangeOp>(op);
  auto start = c.values(range.getStart()), limit = c.values(range.getLimit()), delta = c.values(range.getDelta());
  for (Value input : op->getOperands())
    if (!product(*c.dims(input)).isConstant(1) || c.element(input) != c.element(range.getStart()))
      return op->emitOpError() << "expects start, limit and delta to be single numbers of one type, found "
                               << input.getType();
  if (!start || !limit || !delta) {
    c.set(range.getY(), c.element(range.getStart()), c.fresh("range"));
    return success();
  }
  if ((*delta)[0].isConstant(0))
    return op->emitOpError() << "expects a delta other than 0";
  SymExpr length = SymExpr::ceildiv((*limit)[0] - (*start)[0], (*delta)[0]);
  if (length.constant())
    length = SymExpr(std::max<int64_t>(0, *length.constant()));
  else if (!length.isNonNegative())
    length = SymExpr::max(length, SymExpr(0));
  c.set(range.getY(), c.element(range.getStart()), length);
  auto n = length.constant();
  if (n && *n <= static_cast<int64_t>(ShapeContext::kMaxValues)) {
    Dims values;
    for (int64_t i = 0; i < *n; ++i)
      values.push_back((*start)[0] + SymExpr(i) * (*delta)[0]);
    c.setValues(range.getY(), values);
  }
  return success();
}

LogicalResult inferEyeLike(Operation *op, ShapeContext &c) {
  auto eye = cast<EyeLikeOp>(op);
  if (failed(expectRank(op, c, eye.getX(), 2, "a matrix")))
    return failure();
  Type element = eye.getDtype() ? getElementType(op->getContext(), *eye.getDtype()) : c.element(eye.getX());
  if (!element)
    return op->emitOpError() << "expects dtype to be a numeric TensorProto.DataType, found " << *eye.getDtype();
  c.set(eye.getY(), element, *c.dims(eye.getX()));
  return success();
}

LogicalResult inferPad(Operation *op, ShapeContext &c) {
  auto pad = cast<PadOp>(op);
  Dims dims = *c.dims(pad.getX());
  int64_t rank = dims.size();
  if (!llvm::is_contained({"constant", "edge", "reflect", "wrap"}, pad.getMode()))
    return op->emitOpError() << "expects mode constant, edge, reflect or wrap, found '" << pad.getMode() << "'";
  auto count = listLength(op, c, pad.getPads(), "pads");
  if (failed(count))
    return failure();
  std::optional<SmallVector<int64_t>> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (pad.getAxes()) {
    auto known = knownAxes(op, c, pad.getAxes(), rank);
    auto length = listLength(op, c, pad.getAxes(), "axes");
    if (failed(known) || failed(length))
      return failure();
    if (*count != 2 * *length)
      return op->emitOpError() << "expects two pads for each of " << *length << " axes, found " << *count;
    axes = *known;
  } else if (*count != 2 * rank) {
    return op->emitOpError() << "expects two pads for each of " << rank << " dimensions, found " << *count;
  }
  auto pads = c.values(pad.getPads());
  if (!axes) { // any dimension may grow
    dims = freshDims(c, "pad", rank);
  } else {
    for (auto [i, axis] : llvm::enumerate(*axes))
      dims[axis] = pads ? dims[axis] + (*pads)[i] + (*pads)[axes->size() + i] : c.fresh("pad");
  }
  c.set(pad.getY(), c.element(pad.getX()), dims);
  return success();
}
} // namespace janus::onnx
