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
} // namespace

LogicalResult inferSlice(Operation *op, ShapeContext &c) {
  auto slice = cast<SliceOp>(op);
  Dims dims = *c.dims(slice.getX());
  auto starts = c.values(slice.getStarts()), ends = c.values(slice.getEnds());
  SmallVector<int64_t> axes, steps;
  auto startDims = *c.dims(slice.getStarts());
  if (startDims.size() != 1 || !startDims[0].constant())
    return op->emitOpError() << "expects starts of rank 1 and known extent";
  int64_t n = *startDims[0].constant();
  if (auto endDims = *c.dims(slice.getEnds()); endDims.size() != 1 || !endDims[0].isConstant(n))
    return op->emitOpError() << "expects " << n << " ends, as many as starts";
  for (int64_t i = 0; i < n; ++i)
    axes.push_back(i), steps.push_back(1);
  for (auto [input, list, what] :
       {std::tuple(slice.getAxes(), &axes, "axes"), std::tuple(slice.getSteps(), &steps, "steps")}) {
    if (!input)
      continue;
    auto known = c.constants(input);
    if (!known || static_cast<int64_t>(known->size()) != n)
      return op->emitOpError() << "expects " << n << " " << what << " known at compile time";
    *list = *known;
  }
  auto values = dims.size() == 1 ? c.values(slice.getX()) : std::nullopt;
  for (int64_t i = 0; i < n; ++i) {
    auto axis = normalizeAxis(op, axes[i], dims.size());
    if (failed(axis))
      return failure();
    if (steps[i] == 0)
      return op->emitOpError() << "expects a step other than 0";
    SymExpr extent = dims[*axis];
    if (!starts || !ends) {
      dims[*axis] = c.fresh("slice", extent);
      values = std::nullopt;
      continue;
    }
    SymExpr begin = (*starts)[i], end = (*ends)[i];
    bool wholeEnd = end.constant() && *end.constant() >= std::numeric_limits<int32_t>::max();
    if (steps[i] < 0) {
      bool whole = begin.isConstant(-1) && end.constant() && *end.constant() <= std::numeric_limits<int32_t>::min() + 1;
      if (!whole && !(extent.constant() && begin.constant() && end.constant()))
        return op->emitOpError() << "expects constant positions or the whole extent for a negative step";
      if (!whole) {
        int64_t e = *extent.constant(), b = *begin.constant(), s = *end.constant();
        b = std::min(b < 0 ? b + e : b, e - 1);
        s = s < 0 ? std::max<int64_t>(s + e, -1) : std::min(s, e);
        dims[*axis] = SymExpr(std::max<int64_t>(0, (b - s - steps[i] - 1) / -steps[i]));
      } else {
        dims[*axis] = SymExpr::ceildiv(extent, SymExpr(-steps[i]));
      }
      values = std::nullopt;
      continue;
    }
    begin = clampPosition(begin, extent);
    end = wholeEnd ? extent : clampPosition(end, extent);
    SymExpr length = end - begin;
    if (length.constant() && *length.constant() < 0)
      length = SymExpr(0);
    else if (!length.isNonNegative())
      length = SymExpr::max(length, SymExpr(0));
    dims[*axis] = SymExpr::ceildiv(length, SymExpr(steps[i]));
    if (!values || !begin.constant() || !end.constant()) {
      values = std::nullopt;
      continue;
    }
    Dims picked;
    for (int64_t k = *begin.constant(); k < *end.constant() && k < static_cast<int64_t>(values->size()); k += steps[i])
      picked.push_back((*values)[k]);
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
  auto dims = c.values(fill.getShape());
  if (!dims)
    return op->emitOpError() << "expects a shape that is a function of the inputs' shapes";
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
  c.set(fill.getY(), element, *dims);
  if (value && dims->size() <= 1) {
    int64_t n = dims->empty() ? 1 : (*dims)[0].constant().value_or(-1);
    if (n >= 0 && n <= static_cast<int64_t>(ShapeContext::kMaxValues))
      c.setValues(fill.getY(), Dims(n, SymExpr(*value)));
  }
  return success();
}

LogicalResult inferRange(Operation *op, ShapeContext &c) {
  auto range = cast<RangeOp>(op);
  auto start = c.values(range.getStart()), limit = c.values(range.getLimit()), delta = c.values(range.getDelta());
  if (!start || !limit || !delta || start->size() != 1 || limit->size() != 1 || delta->size() != 1)
    return op->emitOpError() << "expects start, limit and delta that are functions of the inputs' shapes";
  if ((*delta)[0].isConstant(0))
    return op->emitOpError() << "expects a delta other than 0";
  SymExpr length = SymExpr::ceildiv((*limit)[0] - (*start)[0], (*delta)[0]);
  if (length.constant())
    length = SymExpr(std::max<int64_t>(0, *length.constant()));
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

LogicalResult inferGather(Operation *op, ShapeContext &c) {
  auto gather = cast<GatherOp>(op);
  Dims data = *c.dims(gather.getData()), indices = *c.dims(gather.getIndices()), out;
  auto axis = normalizeAxis(op, gather.getAxis(), data.size());
  if (failed(axis))
    return failure();
  out.append(data.begin(), data.begin() + *axis);
  out.append(indices);
  out.append(data.begin() + *axis + 1, data.end());
  c.set(gather.getY(), c.element(gather.getData()), out);
  auto values = c.values(gather.getData());
  auto picks = c.constants(gather.getIndices());
  if (!values || !picks || data.size() != 1)
    return success();
  Dims picked;
  int64_t n = values->size();
  for (int64_t index : *picks) {
    if (index < -n || index >= n)
      return op->emitOpError() << "expects indices in [" << -n << ", " << n << "), found " << index;
    picked.push_back((*values)[index < 0 ? index + n : index]);
  }
  c.setValues(gather.getY(), picked);
  return success();
}

LogicalResult inferGatherElements(Operation *op, ShapeContext &c) {
  auto gather = cast<GatherElementsOp>(op);
  Dims data = *c.dims(gather.getData()), indices = *c.dims(gather.getIndices());
  if (data.size() != indices.size())
    return op->emitOpError() << "expects indices of rank " << data.size() << ", found " << indices.size();
  if (failed(normalizeAxis(op, gather.getAxis(), data.size())))
    return failure();
  c.set(gather.getY(), c.element(gather.getData()), indices);
  return success();
}

LogicalResult inferTopK(Operation *op, ShapeContext &c) {
  auto topk = cast<TopKOp>(op);
  Dims dims = *c.dims(topk.getX());
  auto axis = normalizeAxis(op, topk.getAxis(), dims.size());
  if (failed(axis))
    return failure();
  auto k = c.values(topk.getK());
  SymExpr extent = k && k->size() == 1 ? (*k)[0] : c.fresh("topk", dims[*axis]);
  if (extent.constant() && dims[*axis].constant() && *extent.constant() > *dims[*axis].constant())
    return op->emitOpError() << "expects k of at most " << dims[*axis].str() << ", found " << extent.str();
  dims[*axis] = extent;
  c.set(topk.getValues(), c.element(topk.getX()), dims);
  c.set(topk.getIndices(), IntegerType::get(op->getContext(), 64), dims);
  return success();
}

LogicalResult inferNonZero(Operation *op, ShapeContext &c) {
  Dims dims = *c.dims(op->getOperand(0));
  SymExpr count = c.fresh("nonzero", product(dims));
  c.set(op->getResult(0), IntegerType::get(op->getContext(), 64), {SymExpr(dims.size()), count});
  return success();
}
} // namespace janus::onnx
