// Shapes and values of operators that read or write at positions found in data.
#include "dialects/onnx/IR/Infer.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace janus::onnx {
namespace {
LogicalResult expectIndices(Operation *op, ShapeContext &c, Value indices) {
  Type element = c.element(indices);
  if (element.isSignlessInteger(64) || element.isSignlessInteger(32))
    return success();
  return op->emitOpError() << "expects indices of int32 or int64, found " << element;
}

LogicalResult expectReduction(Operation *op, ShapeContext &c) {
  StringRef reduction = op->getAttrOfType<StringAttr>("reduction").getValue();
  if (!llvm::is_contained({"none", "add", "mul", "max", "min"}, reduction))
    return op->emitOpError() << "expects reduction none, add, mul, max or min, found '" << reduction << "'";
  if (c.element(getInput(op, 0)) != c.element(getInput(op, 2)))
    return op->emitOpError() << "expects data and updates of one element type, found " << c.element(getInput(op, 0))
                             << " and " << c.element(getInput(op, 2));
  return expectIndices(op, c, getInput(op, 1));
}
} // namespace

LogicalResult inferGather(Operation *op, ShapeContext &c) {
  auto gather = cast<GatherOp>(op);
  Dims data = *c.dims(gather.getData()), indices = *c.dims(gather.getIndices()), out;
  auto axis = normalizeAxis(op, gather.getAxis(), data.size());
  if (failed(axis) || failed(expectIndices(op, c, gather.getIndices())))
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
  if (failed(normalizeAxis(op, gather.getAxis(), data.size())) || failed(expectIndices(op, c, gather.getIndices())))
    return failure();
  c.set(gather.getY(), c.element(gather.getData()), indices);
  return success();
}

LogicalResult inferGatherND(Operation *op, ShapeContext &c) {
  auto gather = cast<GatherNDOp>(op);
  Dims data = *c.dims(gather.getData()), indices = *c.dims(gather.getIndices());
  int64_t batch = gather.getBatchDims(), rank = data.size();
  if (batch < 0 || batch >= static_cast<int64_t>(std::min(data.size(), indices.size())))
    return op->emitOpError() << "expects batch_dims below the ranks " << rank << " and " << indices.size() << ", found "
                             << batch;
  auto tuple = indices.back().constant();
  if (!tuple || *tuple < 1 || *tuple > rank - batch)
    return op->emitOpError() << "expects index tuples of known length in [1, " << rank - batch << "], found "
                             << indices.back().str();
  if (failed(expectIndices(op, c, gather.getIndices())))
    return failure();
  Dims out;
  for (int64_t i = 0; i < batch; ++i) {
    if (failed(c.require(op, data[i], indices[i], "batch extents of data and indices")))
      return failure();
    out.push_back(data[i]);
  }
  out.append(indices.begin() + batch, indices.end() - 1);
  out.append(data.begin() + batch + *tuple, data.end());
  c.set(gather.getY(), c.element(gather.getData()), out);
  return success();
}

LogicalResult inferScatterElements(Operation *op, ShapeContext &c) {
  auto scatter = cast<ScatterElementsOp>(op);
  Dims data = *c.dims(scatter.getData()), indices = *c.dims(scatter.getIndices()),
       updates = *c.dims(scatter.getUpdates());
  if (data.size() != indices.size() || updates.size() != indices.size())
    return op->emitOpError() << "expects data, indices and updates of one rank, found " << data.size() << ", "
                             << indices.size() << " and " << updates.size();
  if (failed(normalizeAxis(op, scatter.getAxis(), data.size())) || failed(expectReduction(op, c)))
    return failure();
  for (auto [a, b] : llvm::zip(indices, updates))
    if (failed(c.require(op, a, b, "extents of indices and updates")))
      return failure();
  c.set(scatter.getY(), c.element(scatter.getData()), data);
  return success();
}

LogicalResult inferScatterND(Operation *op, ShapeContext &c) {
  auto scatter = cast<ScatterNDOp>(op);
  Dims data = *c.dims(scatter.getData()), indices = *c.dims(scatter.getIndices()),
       updates = *c.dims(scatter.getUpdates());
  int64_t rank = data.size();
  auto tuple = indices.empty() ? std::optional<int64_t>() : indices.back().constant();
  if (!tuple || *tuple < 1 || *tuple > rank)
    return op->emitOpError() << "expects index tuples of known length in [1, " << rank << "], found "
                             << (indices.empty() ? "a scalar" : indices.back().str());
  Dims want(indices.begin(), indices.end() - 1);
  want.append(data.begin() + *tuple, data.end());
  if (failed(expectReduction(op, c)) || failed(expectRank(op, c, scatter.getUpdates(), want.size(), "updates")))
    return failure();
  for (auto [a, b] : llvm::zip(want, updates))
    if (failed(c.require(op, a, b, "extents of updates and of what the indices select")))
      return failure();
  c.set(scatter.getY(), c.element(scatter.getData()), data);
  return success();
}

LogicalResult inferTensorScatter(Operation *op, ShapeContext &c) {
  auto scatter = cast<TensorScatterOp>(op);
  Dims past = *c.dims(scatter.getPastCache()), update = *c.dims(scatter.getUpdate());
  auto axis = normalizeAxis(op, scatter.getAxis(), past.size());
  if (failed(axis) || failed(expectRank(op, c, scatter.getUpdate(), past.size(), "update")))
    return failure();
  if (*axis == 0)
    return op->emitOpError() << "expects an axis other than the batch, 0";
  if (!llvm::is_contained({"linear", "circular"}, scatter.getMode()))
    return op->emitOpError() << "expects mode linear or circular, found '" << scatter.getMode() << "'";
  if (c.element(scatter.getPastCache()) != c.element(scatter.getUpdate()))
    return op->emitOpError() << "expects cache and update of one element type, found "
                             << c.element(scatter.getPastCache()) << " and " << c.element(scatter.getUpdate());
  for (size_t i = 0; i < past.size(); ++i)
    if (static_cast<int64_t>(i) != *axis && failed(c.require(op, past[i], update[i], "extents of cache and update")))
      return failure();
  if (Value indices = scatter.getWriteIndices())
    if (failed(expectIndices(op, c, indices)) || failed(expectRank(op, c, indices, 1, "write_indices")) ||
        failed(c.require(op, (*c.dims(indices))[0], past[0], "extents of write_indices and the batch")))
      return failure();
  c.set(scatter.getPresentCache(), c.element(scatter.getPastCache()), past);
  return success();
}

LogicalResult inferOneHot(Operation *op, ShapeContext &c) {
  auto hot = cast<OneHotOp>(op);
  Dims dims = *c.dims(hot.getIndices());
  auto axis = normalizeAxis(op, hot.getAxis(), dims.size() + 1);
  if (failed(axis) || failed(expectRank(op, c, hot.getValues(), 1, "values")))
    return failure();
  for (Value one : {hot.getDepth(), hot.getValues()})
    if (!product(*c.dims(one)).isConstant(one == hot.getDepth() ? 1 : 2))
      return op->emitOpError() << "expects one depth and two values, found " << one.getType();
  auto depth = c.values(hot.getDepth());
  dims.insert(dims.begin() + *axis, depth && depth->size() == 1 ? (*depth)[0] : c.fresh("depth"));
  c.set(hot.getY(), c.element(hot.getValues()), dims);
  // Repeats of one dimension are written as [[1, k, 1]]: a k where one index says.
  auto index = c.constants(hot.getIndices());
  int64_t count = depth && depth->size() == 1 ? (*depth)[0].constant().value_or(0) : 0;
  auto choice = c.values(hot.getValues());
  if (index && index->size() == 1 && choice && choice->size() == 2 && count > 0 &&
      count <= static_cast<int64_t>(ShapeContext::kMaxValues)) {
    Dims values(count, (*choice)[0]);
    int64_t at = index->front() < 0 ? index->front() + count : index->front();
    if (at >= 0 && at < count)
      values[at] = (*choice)[1];
    c.setValues(hot.getY(), values);
  }
  return success();
}

LogicalResult inferNonZero(Operation *op, ShapeContext &c) {
  Dims dims = *c.dims(op->getOperand(0));
  SymExpr count = c.fresh("nonzero", product(dims));
  c.set(op->getResult(0), IntegerType::get(op->getContext(), 64), {SymExpr(dims.size()), count});
  return success();
}

LogicalResult inferCompress(Operation *op, ShapeContext &c) {
  auto compress = cast<CompressOp>(op);
  Dims dims = *c.dims(compress.getX());
  if (failed(expectRank(op, c, compress.getCondition(), 1, "the condition")))
    return failure();
  if (!c.element(compress.getCondition()).isInteger(1))
    return op->emitOpError() << "expects a condition of bool, found " << c.element(compress.getCondition());
  SymExpr all = product(dims);
  if (auto given = compress.getAxis()) {
    auto axis = normalizeAxis(op, *given, dims.size());
    if (failed(axis))
      return failure();
    dims[*axis] = c.fresh("compress", dims[*axis]);
  } else {
    dims = {c.fresh("compress", all)};
  }
  c.set(compress.getY(), c.element(compress.getX()), dims);
  return success();
}
} // namespace janus::onnx
