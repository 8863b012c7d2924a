#include "lib/Recover/StoredWeight.h"

#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/Support/MathExtras.h"

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

bool isFloat(Type type) { return type.isF32() || type.isF16() || type.isBF16(); }
bool isByte(Type type) { return type.isUnsignedInteger(8) || type.isSignlessInteger(8); }
bool isNibble(Type type) { return type.isUnsignedInteger(4) || type.isSignlessInteger(4); }
bool isNarrowInteger(Type type) {
  return isByte(type) || isNibble(type) || type.isUnsignedInteger(2) || type.isSignlessInteger(2);
}

} // namespace

/// Scales and zero points of integers.
struct StoredWeight::Blocks {
  StoredWeight scales;
  std::optional<StoredWeight> zeros;
  int64_t size;
  unsigned dim; // along which blocks lie
};

bool StoredWeight::isSame(const StoredWeight &other) const {
  auto view = [](const StoredWeight &w) {
    return std::tie(w.file_, w.storage_, w.offset_, w.begin_, w.values_, w.shape_, w.strides_);
  };
  if (view(*this) != view(other) || !blocks_ != !other.blocks_)
    return false;
  if (!blocks_)
    return true;
  const Blocks &a = *blocks_, &b = *other.blocks_;
  return a.size == b.size && a.dim == b.dim && a.scales.isSame(b.scales) && !a.zeros == !b.zeros &&
         (!a.zeros || a.zeros->isSame(*b.zeros));
}

std::optional<StoredWeight> StoredWeight::trace(Value value, const SymbolTable &symbols) {
  auto weight = traceAs(value, symbols, isFloat);
  // A vector is used as it lies there.
  return weight && (weight->shape_.size() > 1 || weight->isStorable()) ? weight : std::nullopt;
}

std::optional<StoredWeight> StoredWeight::traceAs(Value value, const SymbolTable &symbols,
                                                  function_ref<bool(Type)> isStorage) {
  auto type = dyn_cast_or_null<RankedTensorType>(value ? value.getType() : Type());
  Operation *op = value ? value.getDefiningOp() : nullptr;
  if (!op || !type || !type.hasStaticShape() || !isStorage(type.getElementType()))
    return std::nullopt;

  if (auto transpose = dyn_cast<onnx::TransposeOp>(op)) {
    auto base = traceAs(transpose.getX(), symbols, isStorage);
    if (!base)
      return std::nullopt;
    SmallVector<int64_t> permutation;
    for (int64_t i = 0, rank = type.getRank(); i < rank; ++i)
      permutation.push_back(transpose.getPerm() ? (*transpose.getPerm())[i] : rank - 1 - i);
    return base->transpose(permutation);
  }
  if (isa<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp, onnx::IdentityOp>(op)) {
    auto base = traceAs(op->getOperand(0), symbols, isStorage);
    return base ? base->reshape(type.getShape()) : std::nullopt;
  }
  if (auto cast = dyn_cast<onnx::CastOp>(op)) // from f16 or bf16 to f32, or to itself: exact
    return type.getElementType().isF32() || cast.getX().getType() == type ? traceAs(cast.getX(), symbols, isFloat)
                                                                          : std::nullopt;

  if (auto numbers = dyn_cast<onnx::DequantizeLinearOp>(op))
    return type.getElementType().isF32() ? trace(numbers, symbols) : std::nullopt;

  if (auto slice = dyn_cast<onnx::SliceOp>(op)) { // of one dimension, forwards
    auto number = [](Value list) -> std::optional<int64_t> {
      auto constant = list ? list.getDefiningOp<onnx::ConstantValueOp>() : nullptr;
      auto numbers = constant ? dyn_cast<DenseIntElementsAttr>(constant.getValue()) : nullptr;
      return numbers && numbers.getNumElements() == 1
                 ? std::optional((*numbers.getValues<APInt>().begin()).getSExtValue())
                 : std::nullopt;
    };
    auto base = traceAs(slice.getX(), symbols, isStorage);
    auto begin = number(slice.getStarts()), axis = number(slice.getAxes());
    auto step = slice.getSteps() ? number(slice.getSteps()) : std::optional<int64_t>(1);
    if (!base || !begin || !axis || !step || *step < 1 || *axis < -type.getRank() || *axis >= type.getRank())
      return std::nullopt;
    unsigned dim = *axis < 0 ? *axis + type.getRank() : *axis;
    int64_t extent = base->shape()[dim], first = *begin < 0 ? *begin + extent : *begin, count = type.getDimSize(dim);
    if (first < 0 || count < 1 || first >= extent || (extent - first - 1) / *step < count - 1 ||
        !base->isDivisible(dim))
      return std::nullopt;
    return base->slice(dim, first, *step, count);
  }

  StoredWeight weight(op->getLoc());
  weight.shape_ = SmallVector<int64_t>(type.getShape());
  weight.strides_ = rowMajor(type.getShape());
  Attribute data;
  if (auto constant = dyn_cast<onnx::ConstantValueOp>(op)) {
    weight.name_ = "constant";
    data = constant.getValue();
  } else if (auto read = dyn_cast<onnx::InitializerValueOp>(op)) {
    auto initializer = symbols.lookup<onnx::InitializerOp>(read.getInitializerAttr().getAttr());
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
  Type stored = weight.values_ ? weight.values_.getElementType() : Type();
  if (!stored || (isa<IntegerType>(type.getElementType()) ? stored != type.getElementType() : !isa<FloatType>(stored)))
    return std::nullopt;
  weight.storage_ = stored;
  return weight;
}

std::optional<StoredWeight> StoredWeight::asIntegers(int64_t bits, ArrayRef<int64_t> shape) const {
  int64_t bytes = 1, rows = 1, most = int64_t{1} << 60;
  for (int64_t size : shape_)
    if (llvm::MulOverflow(bytes, size, bytes) || bytes > most)
      return std::nullopt;
  for (int64_t size : shape.drop_back())
    if (size < 1 || llvm::MulOverflow(rows, size, rows))
      return std::nullopt;
  if (strides_ != rowMajor(shape_) || bytes % rows || bytes / rows * (8 / bits) < shape.back())
    return std::nullopt;
  StoredWeight result = *this;
  result.shape_ = SmallVector<int64_t>(shape);
  SmallVector<int64_t> stored(shape); // a row may have bytes behind its last integer
  stored.back() = bytes / rows * (8 / bits);
  result.strides_ = rowMajor(stored);
  result.begin_ *= 8 / bits;
  result.storage_ = IntegerType::get(storage_.getContext(), static_cast<unsigned>(bits), IntegerType::Unsigned);
  return result;
}

StoredWeight StoredWeight::zeroPoints(Value integers, ArrayRef<int64_t> shape) {
  StoredWeight zeros(integers.getLoc());
  auto byte = IntegerType::get(integers.getContext(), 8, IntegerType::Unsigned);
  zeros.values_ = DenseElementsAttr::get(RankedTensorType::get({1}, byte), uint8_t{0});
  zeros.storage_ = byte;
  zeros.shape_ = SmallVector<int64_t>(shape);
  zeros.strides_.assign(shape.size(), 0);
  return zeros;
}

StoredWeight StoredWeight::withScales(StoredWeight scales, std::optional<StoredWeight> zeros, int64_t block,
                                      unsigned dim) const {
  StoredWeight result = *this;
  result.blocks_ = std::make_shared<const Blocks>(Blocks{std::move(scales), std::move(zeros), block, dim});
  return result;
}

std::optional<StoredWeight> StoredWeight::trace(const QuantisedTensor &tensor, const SymbolTable &symbols) {
  int64_t columns = tensor.shape.back();
  if (columns < 2 || tensor.block < 1 || (tensor.bits != 2 && tensor.bits != 4 && tensor.bits != 8))
    return std::nullopt;
  SmallVector<int64_t> blockShape(tensor.shape);
  blockShape.back() = (columns - 1) / tensor.block + 1;
  bool elements = isNibble(getElementTypeOrSelf(tensor.integers.getType()));
  auto integersIn = [&](Value value, ArrayRef<int64_t> shape) -> std::optional<StoredWeight> {
    auto stored = traceAs(value, symbols, elements ? isNibble : isByte);
    if (!elements)
      return stored ? stored->asIntegers(tensor.bits, shape) : std::nullopt;
    return stored && stored->shape_ == shape ? stored : std::nullopt;
  };
  auto numbersIn = [&](Value value) -> std::optional<StoredWeight> {
    auto stored = traceAs(value, symbols, isFloat);
    bool fits = stored && !stored->blocks_ && llvm::product_of(stored->shape()) == llvm::product_of(blockShape);
    return fits ? stored->reshape(blockShape) : std::nullopt;
  };
  auto integers = integersIn(tensor.integers, tensor.shape), scales = numbersIn(tensor.scales);
  std::optional<StoredWeight> zeros;
  if (tensor.zeros)
    zeros = isFloat(getElementTypeOrSelf(tensor.zeros.getType())) ? numbersIn(tensor.zeros)
                                                                  : integersIn(tensor.zeros, blockShape);
  else if (integers && elements && integers->storage_.isUnsignedInteger())
    zeros = zeroPoints(tensor.integers, blockShape);
  if (!integers || !scales || (tensor.zeros && !zeros))
    return std::nullopt;
  return integers->withScales(*scales, zeros, tensor.block, static_cast<unsigned>(tensor.shape.size()) - 1);
}

std::optional<StoredWeight> StoredWeight::spread(ArrayRef<int64_t> shape, int64_t axis) const {
  bool single = llvm::product_of(shape_) == 1;
  if (!single && (shape_.size() != 1 || shape[axis] != shape_[0]))
    return std::nullopt;
  StoredWeight result = *this;
  result.shape_ = SmallVector<int64_t>(shape);
  result.strides_.assign(shape.size(), 0);
  if (!single)
    result.strides_[axis] = strides_[0];
  return result;
}

std::optional<StoredWeight> StoredWeight::trace(onnx::DequantizeLinearOp op, const SymbolTable &symbols) {
  auto integers = traceAs(op.getX(), symbols, isNarrowInteger), scales = traceAs(op.getXScale(), symbols, isFloat),
       zeros = traceAs(op.getXZeroPoint(), symbols, isNarrowInteger);
  if (!integers || !scales || scales->blocks_ || integers->shape_.empty() || (op.getXZeroPoint() && !zeros))
    return std::nullopt;
  int64_t rank = static_cast<int64_t>(integers->shape_.size()), axis = op.getAxis(), block = op.getBlockSize();
  axis += axis < 0 ? rank : 0;
  if (block && integers->shape_[axis] == 1)
    block = 1;
  if (!block) { // as blocks of one number each, many of which have the same scale
    axis = llvm::product_of(scales->shape_) == 1 ? rank - 1 : axis;
    scales = scales->spread(integers->shape_, axis);
    zeros = zeros ? zeros->spread(integers->shape_, axis) : zeros;
    if (!scales || (op.getXZeroPoint() && !zeros))
      return std::nullopt;
  }
  if (!zeros && integers->storage_.isUnsignedInteger())
    zeros = zeroPoints(op.getX(), scales->shape_);
  return integers->withScales(*scales, zeros, std::max<int64_t>(block, 1), static_cast<unsigned>(axis));
}

QuantisedTensor quantisedOf(onnx::MatMulNBitsOp op) {
  return {op.getB(),
          op.getScales(),
          op.getZeroPoints(),
          {static_cast<int64_t>(op.getN()), static_cast<int64_t>(op.getK())},
          static_cast<int64_t>(op.getBits()),
          static_cast<int64_t>(op.getBlockSize())};
}

std::optional<QuantisedTensor> quantisedOf(onnx::GatherBlockQuantizedOp op) {
  auto data = dyn_cast<RankedTensorType>(op.getData().getType()),
       scales = dyn_cast<RankedTensorType>(op.getScales().getType());
  int64_t bits = op.getBits(), axis = op.getGatherAxis(), blocked = op.getQuantizeAxis();
  bool elements = data && isNibble(data.getElementType());
  if (!data || !scales || data.getRank() != 2 || !data.hasStaticShape() ||
      (!elements && !isByte(data.getElementType())) || (axis != 0 && axis != -2) || (blocked != 1 && blocked != -1) ||
      bits < 1 || 8 % bits)
    return std::nullopt;
  return QuantisedTensor{op.getData(),
                         op.getScales(),
                         op.getZeroPoints(),
                         {data.getDimSize(0), data.getDimSize(1) * (elements ? 1 : 8 / bits)},
                         bits,
                         static_cast<int64_t>(op.getBlockSize())};
}

int64_t StoredWeight::bits() const { return storage_.getIntOrFloatBitWidth(); }

moe::BlocksAttr StoredWeight::blocks(MLIRContext *context) const {
  if (!blocks_)
    return nullptr;
  moe::ZeroPoints zeros = !blocks_->zeros                            ? moe::ZeroPoints::middle
                          : isa<FloatType>(blocks_->zeros->storage_) ? moe::ZeroPoints::numbers
                                                                     : moe::ZeroPoints::integers;
  return moe::BlocksAttr::get(context, bits(), blockSize(), zeros);
}

int64_t StoredWeight::blockSize() const {
  auto isSame = [](const StoredWeight &part) { return part.strides_.back() == 0; };
  bool whole = blocks_->size == 1 && shape_.size() > 1 && isSame(blocks_->scales) &&
               (!blocks_->zeros || isSame(*blocks_->zeros));
  return whole ? shape_.back() : blocks_->size;
}

bool StoredWeight::isStorable() const {
  auto isWhole = [](const StoredWeight &numbers) {
    return numbers.isInline() || numbers.begin_ % std::max<int64_t>(1, 8 / numbers.bits()) == 0;
  };
  if (!blocks_)
    return true;
  return (blocks_->size == 1 || blocks_->dim + 1 == shape_.size()) && isWhole(*this) &&
         (!blocks_->zeros || isWhole(*blocks_->zeros));
}

bool StoredWeight::isDivisible(unsigned dim) const { return !blocks_ || blocks_->size == 1 || blocks_->dim != dim; }

/// This with scales and zero points changed as it was, and its blocks along `dim`.
StoredWeight StoredWeight::withBlocks(function_ref<StoredWeight(const StoredWeight &)> change, unsigned dim) const {
  StoredWeight result = *this;
  if (!blocks_)
    return result;
  Blocks blocks{change(blocks_->scales), std::nullopt, blocks_->size, dim};
  if (blocks_->zeros)
    blocks.zeros = change(*blocks_->zeros);
  result.blocks_ = std::make_shared<const Blocks>(std::move(blocks));
  return result;
}

StoredWeight StoredWeight::transpose(ArrayRef<int64_t> permutation) const {
  unsigned dim = 0;
  for (auto [i, from] : llvm::enumerate(permutation))
    if (blocks_ && blocks_->dim == from)
      dim = static_cast<unsigned>(i);
  StoredWeight result = withBlocks([&](const StoredWeight &part) { return part.transpose(permutation); }, dim);
  for (auto [i, from] : llvm::enumerate(permutation)) {
    result.shape_[i] = shape_[from];
    result.strides_[i] = strides_[from];
  }
  return result;
}

StoredWeight StoredWeight::slice(unsigned dim, int64_t begin, int64_t step, int64_t count) const {
  assert(isDivisible(dim) && "blocks stay whole");
  StoredWeight result = withBlocks([&](const StoredWeight &part) { return part.slice(dim, begin, step, count); },
                                   blocks_ ? blocks_->dim : 0);
  result.begin_ += begin * strides_[dim];
  result.shape_[dim] = count;
  result.strides_[dim] *= step;
  return result;
}

std::optional<StoredWeight> StoredWeight::reshape(ArrayRef<int64_t> shape) const {
  if (blocks_ && blocks_->size == 1) {
    StoredWeight plain = *this;
    plain.blocks_ = nullptr;
    auto integers = plain.reshape(shape), scales = blocks_->scales.reshape(shape),
         zeros = blocks_->zeros ? blocks_->zeros->reshape(shape) : std::nullopt;
    if (!integers || !scales || (blocks_->zeros && !zeros))
      return std::nullopt;
    return integers->withScales(*scales, zeros, 1, static_cast<unsigned>(shape.size()) - 1);
  }
  if (blocks_) { // only extents of 1 come and go, and the blocks' dimension is none
    SmallVector<int64_t> keep, wanted;
    unsigned place = 0, dim = 0;
    for (auto [i, size] : llvm::enumerate(shape_))
      if (size != 1)
        place = i == blocks_->dim ? static_cast<unsigned>(keep.size()) : place, keep.push_back(size);
    for (auto [i, size] : llvm::enumerate(shape))
      if (size != 1)
        dim = wanted.size() == place ? static_cast<unsigned>(i) : dim, wanted.push_back(size);
    if (keep != wanted || shape_[blocks_->dim] == 1)
      return std::nullopt;
    // The permutation-free way: drop every extent of 1, then put those of `shape` in.
    StoredWeight result = *this;
    for (unsigned i = static_cast<unsigned>(shape_.size()); i-- > 0;)
      if (shape_[i] == 1)
        result = result.drop(i, 0);
    for (auto [i, size] : llvm::enumerate(shape))
      if (size == 1)
        result = result.insert(static_cast<unsigned>(i));
    return result;
  }
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
  if (llvm::all_of(fromStrides, [](int64_t stride) { return stride == 0; })) { // one number
    result.strides_.assign(shape.size(), 0);
    return result;
  }
  if (strides_ != rowMajor(shape_))
    return std::nullopt;
  result.strides_ = rowMajor(shape);
  return result;
}

StoredWeight StoredWeight::insert(unsigned dim) const {
  StoredWeight result = withBlocks([&](const StoredWeight &part) { return part.insert(dim); },
                                   blocks_ ? blocks_->dim + (blocks_->dim >= dim ? 1 : 0) : 0);
  result.shape_.insert(result.shape_.begin() + dim, 1);
  result.strides_.insert(result.strides_.begin() + dim, 0);
  return result;
}

StoredWeight StoredWeight::split(unsigned dim, int64_t minor) const {
  assert(isDivisible(dim) && "blocks stay whole");
  StoredWeight result = withBlocks([&](const StoredWeight &part) { return part.split(dim, minor); },
                                   blocks_ ? blocks_->dim + (blocks_->dim > dim ? 1 : 0) : 0);
  result.shape_[dim] = shape_[dim] / minor;
  result.strides_[dim] = strides_[dim] * minor;
  result.shape_.insert(result.shape_.begin() + dim + 1, minor);
  result.strides_.insert(result.strides_.begin() + dim + 1, strides_[dim]);
  return result;
}

StoredWeight StoredWeight::drop(unsigned dim, int64_t index) const {
  assert(isDivisible(dim) && "blocks stay whole");
  StoredWeight result = withBlocks([&](const StoredWeight &part) { return part.drop(dim, index); },
                                   blocks_ ? blocks_->dim - (blocks_->dim > dim ? 1 : 0) : 0);
  result.begin_ += index * strides_[dim];
  result.shape_.erase(result.shape_.begin() + dim);
  result.strides_.erase(result.strides_.begin() + dim);
  return result;
}

/// Positions of the elements in row-major order.
void StoredWeight::forEach(function_ref<void(int64_t)> body) const {
  for (int64_t i = 0, n = llvm::product_of(shape_); i < n; ++i) {
    int64_t rest = i, at = begin_;
    for (int64_t d = static_cast<int64_t>(shape_.size()) - 1; d >= 0; --d) {
      at += rest % shape_[d] * strides_[d];
      rest /= shape_[d];
    }
    body(at);
  }
}

void StoredWeight::appendTo(SmallVectorImpl<float> &out) const {
  SmallVector<APFloat> numbers(values_.getValues<APFloat>());
  forEach([&](int64_t at) {
    bool lost;
    APFloat number = numbers[at];
    number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
    out.push_back(number.convertToFloat());
  });
}

Attribute StoredWeight::part(MLIRContext *context) const {
  if (!isInline()) {
    int64_t place = begin_ * bits() / 8;
    return moe::ViewAttr::get(context, file_, storage_, offset_ + place, shape_, strides_);
  }
  Builder builder(context);
  if (isa<FloatType>(storage_)) {
    SmallVector<float> numbers;
    appendTo(numbers);
    return DenseElementsAttr::get(RankedTensorType::get(shape_, builder.getF32Type()), ArrayRef(numbers));
  }
  SmallVector<APInt> stored(values_.getValues<APInt>()); // bytes that hold several numbers, or the numbers
  SmallVector<uint8_t> numbers;
  int64_t fields = stored.empty() ? 1 : stored[0].getBitWidth() / bits();
  uint64_t mask = (1u << bits()) - 1, sign = storage_.isSignlessInteger() ? 1u << (bits() - 1) : 0;
  forEach([&](int64_t at) {
    uint64_t number = stored[at / fields].getZExtValue() >> (at % fields * bits()) & mask;
    numbers.push_back(static_cast<uint8_t>(number ^ sign));
  });
  return DenseElementsAttr::get(RankedTensorType::get(shape_, IntegerType::get(context, 8, IntegerType::Unsigned)),
                                ArrayRef(numbers));
}

Attribute StoredWeight::view(MLIRContext *context) const {
  if (!blocks_)
    return part(context);
  bool whole = blockSize() != blocks_->size; // each row has one scale
  unsigned last = static_cast<unsigned>(shape_.size()) - 1;
  auto ofBlocks = [&](const StoredWeight &numbers) {
    return (whole ? numbers.slice(last, 0, 1, 1) : numbers).part(context);
  };
  return moe::QuantisedAttr::get(context, part(context), ofBlocks(blocks_->scales),
                                 blocks_->zeros ? ofBlocks(*blocks_->zeros) : Attribute());
}

namespace {

/// A moe.weight in front of @step, read at the builder's place.
Value makeWeight(OpBuilder &builder, SymbolTable &symbols, Location loc, StringRef name, RankedTensorType type,
                 ArrayRef<Attribute> views, ArrayRef<float> numbers) {
  ArrayAttr list = views.empty() ? ArrayAttr() : builder.getArrayAttr(views);
  ElementsAttr value = views.empty() ? ElementsAttr(DenseElementsAttr::get(type, numbers)) : ElementsAttr();
  OpBuilder top(symbols.lookup(moe::kStepFunction));
  auto weight = moe::WeightOp::create(top, loc, builder.getStringAttr("moe:" + name), TypeAttr::get(type), list, value);
  return moe::GetWeightOp::create(builder, loc, type, FlatSymbolRefAttr::get(symbols.insert(weight)));
}

} // namespace

Value StoredWeight::materialise(OpBuilder &builder, SymbolTable &symbols) const {
  assert(isStorable() && "blocks lie along the last dimension");
  auto type = RankedTensorType::get(shape_, builder.getF32Type(), blocks(builder.getContext()));
  if (!isInline() || blocks_)
    return makeWeight(builder, symbols, loc_, name_, type, view(builder.getContext()), {});
  SmallVector<float> numbers;
  appendTo(numbers);
  return makeWeight(builder, symbols, loc_, name_, type, {}, numbers);
}

Value StoredWeight::splat(OpBuilder &builder, SymbolTable &symbols, Location loc, int64_t size, float number) {
  auto type = RankedTensorType::get({size}, builder.getF32Type());
  return makeWeight(builder, symbols, loc, "splat", type, {}, SmallVector<float>(size, number));
}

Value StoredWeight::stack(OpBuilder &builder, SymbolTable &symbols, ArrayRef<StoredWeight> parts) {
  const StoredWeight &first = parts.front();
  SmallVector<int64_t> shape{static_cast<int64_t>(parts.size())};
  shape.append(first.shape_);
  MLIRContext *context = builder.getContext();
  auto type = RankedTensorType::get(shape, builder.getF32Type(), first.blocks(context));
  if (llvm::any_of(parts, [&](const StoredWeight &part) {
        return part.blocks(context) != first.blocks(context) || !part.isStorable();
      }))
    return nullptr;
  if (first.blocks_) {
    SmallVector<Attribute> views;
    SmallVector<Location> locations;
    for (const StoredWeight &part : parts) {
      views.push_back(part.insert(0).view(context));
      locations.push_back(part.loc_);
    }
    return makeWeight(builder, symbols, builder.getFusedLoc(locations), first.name_, type, views, {});
  }
  if (llvm::any_of(parts, [&](const StoredWeight &part) { return part.isInline() != first.isInline(); }))
    return nullptr;
  if (first.isInline()) {
    SmallVector<float> numbers;
    for (const StoredWeight &part : parts)
      part.appendTo(numbers);
    return makeWeight(builder, symbols, first.loc_, first.name_, type, {}, numbers);
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
  return makeWeight(builder, symbols, builder.getFusedLoc(locations), first.name_, type, views, {});
}

} // namespace janus::recover
