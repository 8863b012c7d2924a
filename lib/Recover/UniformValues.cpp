#include "lib/Recover/UniformValues.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace janus::recover {

using onnx::SymExpr;

std::optional<SmallVector<int64_t>> constantIntegers(Value value) {
  Operation *op = value ? value.getDefiningOp() : nullptr;
  Attribute data;
  if (auto constant = dyn_cast_or_null<onnx::ConstantValueOp>(op))
    data = constant.getValue();
  else if (auto read = dyn_cast_or_null<onnx::InitializerValueOp>(op))
    if (auto initializer = SymbolTable::lookupNearestSymbolFrom<onnx::InitializerOp>(op, read.getInitializerAttr()))
      data = initializer.getData();
  auto elements = dyn_cast_or_null<DenseElementsAttr>(data);
  if (!elements || !isa<IntegerType>(elements.getElementType()) || elements.getNumElements() > 64)
    return std::nullopt;
  SmallVector<int64_t> result;
  for (APInt number : elements.getValues<APInt>())
    result.push_back(number.getSExtValue());
  return result;
}

namespace {

/// Both masks, when they are the same or one is missing.
std::optional<BlockArgument> joinMasks(BlockArgument a, BlockArgument b) {
  if (a && b && a != b)
    return std::nullopt;
  return a ? a : b;
}

/// gather(shape(x), i): the extent of a dimension.
std::optional<UniformValue> evaluateGather(onnx::GatherOp gather) {
  auto shape = gather.getData().getDefiningOp<onnx::ShapeOp>();
  auto index = constantIntegers(gather.getIndices());
  auto dims = shape ? onnx::getDims(shape.getX().getType()) : std::nullopt;
  if (!dims || !index || index->size() != 1)
    return std::nullopt;
  int64_t rank = dims->size(), begin = shape.getStart(), at = index->front();
  int64_t end = shape.getEnd().value_or(rank);
  begin = std::clamp<int64_t>(begin < 0 ? begin + rank : begin, 0, rank);
  end = std::clamp<int64_t>(end < 0 ? end + rank : end, begin, rank);
  at += at < 0 ? end : begin;
  if (at < begin || at >= end)
    return std::nullopt;
  return UniformValue{(*dims)[at], {}};
}

std::optional<UniformValue> evaluateReduceSum(onnx::ReduceSumOp sum) {
  auto in = evaluateUniform(sum.getX());
  auto dims = onnx::getDims(sum.getX().getType());
  if (!in || !dims)
    return std::nullopt;
  SmallVector<int64_t> axes;
  if (sum.getAxes()) {
    axes = SmallVector<int64_t>(*sum.getAxes());
  } else if (sum.getAxesInput()) {
    auto known = constantIntegers(sum.getAxesInput());
    if (!known)
      return std::nullopt;
    axes = *known;
  } else {
    axes = llvm::to_vector(llvm::seq<int64_t>(dims->size()));
  }
  for (int64_t axis : axes)
    in->value = in->value * (*dims)[axis < 0 ? axis + dims->size() : axis];
  return in;
}

} // namespace

std::optional<UniformValue> evaluateUniform(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.getElementType().isInteger())
    return std::nullopt;
  if (auto argument = dyn_cast<BlockArgument>(value))
    return type.getRank() == 2 ? std::optional(UniformValue{SymExpr(1), argument}) : std::nullopt;
  if (auto known = constantIntegers(value))
    return !known->empty() && llvm::all_equal(*known) ? std::optional(UniformValue{SymExpr(known->front()), {}})
                                                      : std::nullopt;
  Operation *op = value.getDefiningOp();
  if (isa<onnx::CastOp, onnx::IdentityOp, onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp,
          onnx::ExpandOp>(op))
    return evaluateUniform(op->getOperand(0));
  if (auto gather = dyn_cast<onnx::GatherOp>(op))
    return evaluateGather(gather);
  if (auto sum = dyn_cast<onnx::ReduceSumOp>(op))
    return evaluateReduceSum(sum);
  if (isa<onnx::AddOp, onnx::SubOp, onnx::MulOp>(op)) {
    auto a = evaluateUniform(op->getOperand(0)), b = evaluateUniform(op->getOperand(1));
    auto mask = a && b ? joinMasks(a->mask, b->mask) : std::nullopt;
    if (!mask)
      return std::nullopt;
    SymExpr result = isa<onnx::AddOp>(op)   ? a->value + b->value
                     : isa<onnx::SubOp>(op) ? a->value - b->value
                                            : a->value * b->value;
    return UniformValue{result, *mask};
  }
  return std::nullopt;
}

} // namespace janus::recover
