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

std::optional<StoredWeight> StoredWeight::trace(Value value) {
  auto type = dyn_cast_or_null<RankedTensorType>(value ? value.getType() : Type());
  Operation *op = value ? value.getDefiningOp() : nullptr;
  if (!op || !type || !type.hasStaticShape() || !isStorage(type.getElementType()))
    return std::nullopt;

  if (auto transpose = dyn_cast<onnx::TransposeOp>(op)) {
    auto base = trace(transpose.getX());
    if (!base)
      return std::nullopt;
    SmallVector<int64_t> permutation;
    for (int64_t i = 0, rank = type.getRank(); i < rank; ++i)
      permutation.push_back(transpose.getPerm() ? (*transpose.getPerm())[i] : rank - 1 - i);
    return base->transpose(permutation);
  }
  if (isa<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp, onnx::IdentityOp>(op)) {
    auto base = trace(op->getOperand(0));
    return base ? base->reshape(type.getShape()) : std::nullopt;
  }
  if (auto cast = dyn_cast<onnx::CastOp>(op)) // from f16 or bf16 to f32, or to itself: exact
    return type.getElementType().isF32() || cast.getX().getType() == type ? trace(cast.getX()) : std::nullopt;

  StoredWeight weight(op->getLoc());
  weight.shape_ = SmallVector<int64_t>(type.getShape());
  weight.strides_ = rowMajor(type.getShape());
  Attribute data;
  if (auto constant = dyn_cast<onnx::ConstantValueOp>(op)) {
    weight.name_ = "constant";
    data = constant.getValue();
  } else if (auto read = dyn_cast<onnx::InitializerValueOp>(op)) {
    auto initializer = SymbolTable::lookupNearestSymbolFrom<onnx::InitializerOp>(op, read.getInitializerAttr());
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

Value StoredWeight::materialise(OpBuilder &builder, func::FuncOp function) const {
  auto module = function->getParentOfType<ModuleOp>();
  auto type = RankedTensorType::get(shape_, builder.getF32Type());
  ArrayAttr views;
  ElementsAttr value;
  if (!file_.empty()) {
    int64_t bytes = storage_.getIntOrFloatBitWidth() / 8;
    views = builder.getArrayAttr(
        moe::ViewAttr::get(builder.getContext(), file_, storage_, offset_ + begin_ * bytes, shape_, strides_));
  } else {
    SmallVector<APFloat> numbers(values_.getValues<APFloat>());
    SmallVector<float> result;
    for (int64_t i = 0, n = type.getNumElements(); i < n; ++i) {
      int64_t rest = i, at = begin_;
      for (int64_t d = type.getRank() - 1; d >= 0; --d) {
        at += rest % shape_[d] * strides_[d];
        rest /= shape_[d];
      }
      bool lost;
      APFloat number = numbers[at];
      number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
      result.push_back(number.convertToFloat());
    }
    value = DenseElementsAttr::get(type, ArrayRef(result));
  }
  OpBuilder::InsertPoint here = builder.saveInsertionPoint();
  builder.setInsertionPoint(function);
  auto weight =
      moe::WeightOp::create(builder, loc_, builder.getStringAttr("moe:" + name_), TypeAttr::get(type), views, value);
  StringAttr symbol = SymbolTable(module).insert(weight);
  builder.restoreInsertionPoint(here);
  return moe::GetWeightOp::create(builder, loc_, type, FlatSymbolRefAttr::get(symbol));
}

} // namespace janus::recover
