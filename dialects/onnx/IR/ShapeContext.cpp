#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace janus::onnx {

std::optional<Dims> getDims(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return std::nullopt;
  auto encoding = dyn_cast_or_null<DimsAttr>(tensor.getEncoding());
  Dims dims;
  for (int64_t i = 0; i < tensor.getRank(); ++i) {
    if (!tensor.isDynamicDim(i)) {
      dims.push_back(SymExpr(tensor.getDimSize(i)));
      continue;
    }
    auto expr = encoding ? SymExpr::parse(encoding.getDims()[i].getValue().str()) : std::nullopt;
    if (!expr)
      return std::nullopt;
    dims.push_back(*expr);
  }
  return dims;
}

RankedTensorType getTensorType(ArrayRef<SymExpr> dims, Type element) {
  SmallVector<int64_t> shape;
  SmallVector<StringAttr> names;
  for (const SymExpr &dim : dims) {
    shape.push_back(dim.constant().value_or(ShapedType::kDynamic));
    names.push_back(StringAttr::get(element.getContext(), dim.str()));
  }
  Attribute encoding;
  if (llvm::is_contained(shape, ShapedType::kDynamic))
    encoding = DimsAttr::get(element.getContext(), names);
  return RankedTensorType::get(shape, element, encoding);
}

std::optional<Dims> ShapeContext::dims(Value value) const { return value ? getDims(value.getType()) : std::nullopt; }

Type ShapeContext::element(Value value) const {
  auto tensor = value ? dyn_cast<RankedTensorType>(value.getType()) : nullptr;
  return tensor ? tensor.getElementType() : Type();
}

std::optional<Dims> ShapeContext::elements(Value value) const {
  auto it = values_.find(value);
  return it != values_.end() ? std::optional(it->second) : values(value);
}

std::optional<Dims> ShapeContext::values(Value value) const {
  if (!value)
    return std::nullopt;
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (auto it = values_.find(value); it != values_.end() && (!type || type.getRank() <= 1))
    return it->second;
  if (type && type.getRank() == 1 && type.getDimSize(0) == 0 && isa<IntegerType>(type.getElementType()))
    return Dims();
  auto constant = value.getDefiningOp<ConstantValueOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : nullptr;
  if (!elements || elements.getType().getRank() > 1 || elements.getNumElements() > static_cast<int64_t>(kMaxValues) ||
      !isa<IntegerType>(elements.getElementType()))
    return std::nullopt;
  Dims result;
  bool isSigned = !elements.getElementType().isUnsignedInteger() && !elements.getElementType().isInteger(1);
  for (APInt number : elements.getValues<APInt>())
    result.push_back(SymExpr(isSigned ? number.getSExtValue() : static_cast<int64_t>(number.getZExtValue())));
  return result;
}

std::optional<SmallVector<int64_t>> ShapeContext::constants(Value value) const {
  auto known = values(value);
  if (!known)
    return std::nullopt;
  SmallVector<int64_t> numbers;
  for (const SymExpr &expr : *known) {
    if (!expr.constant())
      return std::nullopt;
    numbers.push_back(*expr.constant());
  }
  return numbers;
}

void ShapeContext::set(Value value, Type element, ArrayRef<SymExpr> dims) {
  if (!value)
    return;
  Dims bounded(dims.begin(), dims.end());
  for (SymExpr &dim : bounded) {
    if (dim.isLarge()) // opaque from here on; it has no bound that could be written
      dim = SymExpr::symbol(("large" + Twine(opaque_++)).str());
    if (auto extent = dim.constant(); extent && *extent < 0) {
      negative_ = negative_ ? negative_ : extent;
      dim = SymExpr(0);
    } else if (!extent && !dim.isNonNegative()) {
      keep(SymExpr::min(SymExpr(0), dim), SymExpr(0));
    }
  }
  value.setType(getTensorType(bounded, element));
}

void ShapeContext::setValues(Value value, ArrayRef<SymExpr> values) {
  if (value && values.size() <= kMaxValues && llvm::none_of(values, [](const SymExpr &expr) { return expr.isLarge(); }))
    values_[value] = Dims(values.begin(), values.end());
}

SymExpr ShapeContext::fresh(StringRef stem, const std::optional<SymExpr> &bound) {
  std::string name;
  do
    name = (stem + Twine(fresh_++)).str();
  while (reserved_.contains(name));
  if (bound)
    bounds_.insert({StringAttr::get(context_, name), *bound});
  return SymExpr::symbol(name);
}

LogicalResult ShapeContext::require(Operation *op, const SymExpr &a, const SymExpr &b, StringRef what) {
  if (a == b)
    return success();
  if ((a - b).constant())
    return op->emitOpError() << "expects equal " << what << ", found " << a.str() << " and " << b.str();
  keep(a, b);
  return success();
}

void ShapeContext::keep(const SymExpr &a, const SymExpr &b) {
  if (required_.insert({a, b}).second)
    requirements_.push_back({a, b});
}

} // namespace janus::onnx
