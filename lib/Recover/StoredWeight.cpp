#include "lib/Recover/StoredWeight.h"

#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace janus::recover {

namespace {

SmallVector<int64_t> rowMajor(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (int64_t i = static_cast<int64_t>(shape.size()) - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

bool isStorage(Type type) { return type.isF32() || type.isF16() || type.isBF16(); }

} // namespace

std::optional<StoredWeight> StoredWeight::trace(Value value, Find find) {
  auto type = dyn_cast_or_null<RankedTensorType>(value ? value.getType() : Type());
  Operation *op = value ? value.getDefiningOp() : nullptr;
  if (!op || !type || !type.hasStaticShape() || !isStorage(type.getElementType()))
    return std::nullopt;

  if (auto transpose = dyn_cast<onnx::TransposeOp>(op)) {
    auto base = trace(transpose.getX(), find);
    if (!base)
      return std::nullopt;
    SmallVector<int64_t> permutation;
    for (int64_t i = 0, rank = type.getRank(); i < rank; ++i)
      permutation.push_back(transpose.getPerm() ? (*transpose.getPerm())[i] : rank - 1 - i);
    return base->transpose(permutation);
  }
  if (isa<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp, onnx::IdentityOp>(op)) {
    auto base = trace(op->getOperand(0), find);
    return base ? base->reshape(type.getShape()) : std::nullopt;
  }
  if (auto cast = dyn_cast<onnx::CastOp>(op)) // from f16 or bf16 to f32, or to itself: exact
    return type.getElementType().isF32() || cast.getX().getType() == type ? trace(cast.getX(), find) : std::nullopt;

  StoredWeight weight(op->getLoc());
  weight.shape_ = SmallVector<int64_t>(type.getShape());
  weight.strides_ = rowMajor(type.getShape());
  Attribute data;
  if (auto constant = dyn_cast<onnx::ConstantValueOp>(op)) {
    weight.name_ = "constant";
    data = constant.getValue();
  } else if (auto read = dyn_cast<onnx::InitializerValueOp>(op)) {
    auto initializer =
        find ? find(read) : SymbolTable::lookupNearestSymbolFrom<onnx::InitializerOp>(op, read.getInitializerAttr());
    if (!initializer)
      return std::nullopt;
    weight.name_ = initializer.getSymName().str();
    weight.loc_ = NameLoc::get(StringAttr::get(op->getContext(), weight.name_), initializer.getLoc());
    data = initializer.getData();
  }
  if (auto range = dyn_cast_or_null<onnx::RangeAttr>(data)) {
    if (!isStorage(range.getStorage()))
      return std::nullopt;
    weight.file_ = range.getFile().str();
    weight.storage_ = range.getStorage();
    weight.offset_ = range.getOffset();
    return weight;
  }
  weight.values_ = dyn_cast_or_null<DenseElementsAttr>(data);
  if (!weight.values_ || !isa<FloatType>(weight.values_.getElementType()))
    return std::nullopt;
  return weight;
}

StoredWeight StoredWeight::transpose(ArrayRef<int64_t> permutation) const {
  StoredWeight result = *this;
  for (auto [i, from] : llvm::enumerate(permutation)) {
    result.shape_[i] = shape_[from];
    result.strides_[i] = strides_[from];
  }
  return result;
}

StoredWeight StoredWeight::slice(unsigned dim, int64_t begin, int64_t step, int64_t count) const {
  StoredWeight result = *this;
  result.begin_ += begin * strides_[dim];
  result.shape_[dim] = count;
  result.strides_[dim] *= step;
  return result;
}

std::optional<StoredWeight> StoredWeight::reshape(ArrayRef<int64_t> shape) const {
  SmallVector<int64_t> from, fromStrides, to;
  for (auto [size, stride] : llvm::zip(shape_, strides_))
    if (size != 1)
      from.push_back(size), fromStrides.push_back(stride);
  for (int64_t size : shape)
    if (size != 1)
      to.push_back(size);
  StoredWeight result = *this;
  result.shape_ = SmallVector<int64_t>(shape);
  if (from == to) { // only extents of 1 come and go
    result.strides_.clear();
    unsigned next = 0;
    for (int64_t size : shape)
      result.strides_.push_back(size == 1 ? 0 : fromStrides[next++]);
    return result;
  }
  if (strides_ != rowMajor(shape_))
    return std::nullopt;
  result.strides_ = rowMajor(shape);
  return result;
}

StoredWeight StoredWeight::split(unsigned dim, int64_t minor) const {
  StoredWeight result = *this;
  result.shape_[dim] = shape_[dim] / minor;
  result.strides_[dim] = strides_[dim] * minor;
  result.shape_.insert(result.shape_.begin() + dim + 1, minor);
  result.strides_.insert(result.strides_.begin() + dim + 1, strides_[dim]);
  return result;
}

StoredWeight StoredWeight::drop(unsigned dim, int64_t index) const {
  StoredWeight result = *this;
  result.begin_ += index * strides_[dim];
  result.shape_.erase(result.shape_.begin() + dim);
  result.strides_.erase(result.strides_.begin() + dim);
  return result;
}

void StoredWeight::appendTo(SmallVectorImpl<float> &out) const {
  SmallVector<APFloat> numbers(values_.getValues<APFloat>());
  for (int64_t i = 0, n = llvm::product_of(shape_); i < n; ++i) {
    int64_t rest = i, at = begin_;
    for (int64_t d = static_cast<int64_t>(shape_.size()) - 1; d >= 0; --d) {
      at += rest % shape_[d] * strides_[d];
      rest /= shape_[d];
    }
    bool lost;
    APFloat number = numbers[at];
    number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
    out.push_back(number.convertToFloat());
  }
}

Attribute StoredWeight::view(MLIRContext *context) const {
  int64_t bytes = storage_.getIntOrFloatBitWidth() / 8;
  return moe::ViewAttr::get(context, file_, storage_, offset_ + begin_ * bytes, shape_, strides_);
}

namespace {

/// A moe.weight in front of `function`, read at the builder's place.
Value makeWeight(OpBuilder &builder, func::FuncOp function, Location loc, StringRef name, RankedTensorType type,
                 ArrayRef<Attribute> views, ArrayRef<float> numbers) {
  auto module = function->getParentOfType<ModuleOp>();
  ArrayAttr list = views.empty() ? ArrayAttr() : builder.getArrayAttr(views);
  ElementsAttr value = views.empty() ? ElementsAttr(DenseElementsAttr::get(type, numbers)) : ElementsAttr();
  OpBuilder top(function);
  auto weight = moe::WeightOp::create(top, loc, builder.getStringAttr("moe:" + name), TypeAttr::get(type), list, value);
  return moe::GetWeightOp::create(builder, loc, type, FlatSymbolRefAttr::get(SymbolTable(module).insert(weight)));
}

} // namespace

Value StoredWeight::materialise(OpBuilder &builder, func::FuncOp function) const {
  auto type = RankedTensorType::get(shape_, builder.getF32Type());
  if (!isInline())
    return makeWeight(builder, function, loc_, name_, type, view(builder.getContext()), {});
  SmallVector<float> numbers;
  appendTo(numbers);
  return makeWeight(builder, function, loc_, name_, type, {}, numbers);
}

Value StoredWeight::splat(OpBuilder &builder, func::FuncOp function, Location loc, int64_t size, float number) {
  auto type = RankedTensorType::get({size}, builder.getF32Type());
  return makeWeight(builder, function, loc, "splat", type, {}, SmallVector<float>(size, number));
}

Value StoredWeight::stack(OpBuilder &builder, func::FuncOp function, ArrayRef<StoredWeight> parts) {
  const StoredWeight &first = parts.front();
  SmallVector<int64_t> shape{static_cast<int64_t>(parts.size())};
  shape.append(first.shape_);
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  if (llvm::any_of(parts, [&](const StoredWeight &part) { return part.isInline() != first.isInline(); }))
    return nullptr;
  if (first.isInline()) {
    SmallVector<float> numbers;
    for (const StoredWeight &part : parts)
      part.appendTo(numbers);
    return makeWeight(builder, function, first.loc_, first.name_, type, {}, numbers);
  }
  // One view for each run of parts at equal distances.
  SmallVector<Attribute> views;
  SmallVector<Location> locations;
  auto place = [](const StoredWeight &part) {
    return part.offset_ + part.begin_ * (part.storage_.getIntOrFloatBitWidth() / 8);
  };
  for (size_t begin = 0, end; begin < parts.size(); begin = end) {
    const StoredWeight &part = parts[begin];
    int64_t bytes = part.storage_.getIntOrFloatBitWidth() / 8, stride = 0;
    for (end = begin + 1; end < parts.size(); ++end) {
      const StoredWeight &next = parts[end];
      int64_t distance = place(next) - place(parts[end - 1]);
      if (next.file_ != part.file_ || next.storage_ != part.storage_ || next.strides_ != part.strides_ ||
          distance < 0 || distance % bytes || (end > begin + 1 && distance != stride * bytes))
        break;
      stride = distance / bytes;
    }
    SmallVector<int64_t> viewShape(shape), strides{stride};
    viewShape[0] = static_cast<int64_t>(end - begin);
    strides.append(part.strides_);
    views.push_back(
        moe::ViewAttr::get(builder.getContext(), part.file_, part.storage_, place(part), viewShape, strides));
    for (size_t i = begin; i < end; ++i)
      if (locations.empty() || locations.back() != parts[i].loc_)
        locations.push_back(parts[i].loc_);
  }
  return makeWeight(builder, function, builder.getFusedLoc(locations), first.name_, type, views, {});
}

} // namespace janus::recover
