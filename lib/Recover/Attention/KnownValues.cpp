#include "lib/Recover/Attention/KnownValues.h"

#include "lib/Recover/Attention/KnownTransfer.h"
#include "mlir/IR/SymbolTable.h"

#include <cmath>

using namespace mlir;

namespace janus::recover {

using onnx::Dims;
using onnx::SymExpr;

namespace {

ElementRef constantElement(ElementPool &pool, Attribute number, Type type) {
  auto format = realFormat(type);
  if (auto real = dyn_cast<FloatAttr>(number))
    return format ? pool.real(real.getValueAsDouble(), *format) : nullptr;
  auto integer = dyn_cast<IntegerAttr>(number);
  if (!integer)
    return nullptr;
  if (type.isInteger(1))
    return pool.truth(!integer.getValue().isZero());
  return integer.getValue().getSignificantBits() <= 64
             ? pool.integer(SymExpr(type.isUnsignedInteger() ? static_cast<int64_t>(integer.getValue().getZExtValue())
                                                             : integer.getValue().getSExtValue()))
             : nullptr;
}

constexpr int64_t kMaxAffine = 1 << 17; // numbers of a table that are looked at

/// sum of slope * index + offset, where every number is that; nothing for other tables.
std::optional<SymExpr> affine(const StoredNumbers::Tensor &tensor) {
  SmallVector<int64_t> strides(tensor.shape.size(), 1);
  for (size_t d = strides.size(); d-- > 1;)
    strides[d - 1] = strides[d] * tensor.shape[d];
  SymExpr result(static_cast<int64_t>(tensor.numbers[0]));
  SmallVector<double> slopes;
  for (size_t d = 0; d < strides.size(); ++d) {
    slopes.push_back(tensor.shape[d] > 1 ? tensor.numbers[strides[d]] - tensor.numbers[0] : 0);
    if (std::fabs(slopes[d]) > INT32_MAX || std::fabs(tensor.numbers[0]) > INT32_MAX)
      return std::nullopt;
    result = result + SymExpr(static_cast<int64_t>(slopes[d])) * indexSymbol(d);
  }
  for (int64_t i = 0, n = tensor.numbers.size(); i < n; ++i) {
    double want = tensor.numbers[0];
    for (size_t d = 0; d < strides.size(); ++d)
      want += slopes[d] * static_cast<double>(i / strides[d] % tensor.shape[d]);
    if (want != tensor.numbers[i])
      return std::nullopt;
  }
  return result;
}

} // namespace

std::optional<RealFormat> realFormat(Type type) {
  if (type.isF32())
    return RealFormat::kF32;
  if (type.isF64())
    return RealFormat::kF64;
  if (type.isF16())
    return RealFormat::kF16;
  if (type.isBF16())
    return RealFormat::kBF16;
  return std::nullopt;
}

std::optional<ElementType> elementType(Type type) {
  if (realFormat(type))
    return ElementType::kReal;
  if (type.isInteger(1))
    return ElementType::kTruth;
  return isa<IntegerType>(type) ? std::optional(ElementType::kInteger) : std::nullopt;
}

KnownValues::KnownValues(func::FuncOp step, const ModelInterface &interface, StoredNumbers *numbers) {
  pool_.declarePositive(interface.batch);
  pool_.declarePositive(interface.sequence);
  for (BlockArgument argument : step.getArguments())
    addArgument(argument, interface);
  const SymbolTable symbols(step->getParentOfType<ModuleOp>());
  llvm::DenseMap<StringAttr, Value> stored; // one value for an initializer that is read more than once
  for (Operation &op : step.front()) {
    auto type = op.getNumResults() == 1 ? dyn_cast<RankedTensorType>(op.getResult(0).getType()) : RankedTensorType();
    DenseElementsAttr elements;
    Value tensor = type ? Value(op.getResult(0)) : Value();
    if (auto constant = dyn_cast<onnx::ConstantValueOp>(op)) {
      elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    } else if (auto read = dyn_cast<onnx::InitializerValueOp>(op)) {
      tensor = stored.try_emplace(read.getInitializerAttr().getAttr(), tensor).first->second;
      if (auto initializer = symbols.lookup<onnx::InitializerOp>(read.getInitializerAttr().getAttr()))
        elements = dyn_cast<DenseElementsAttr>(initializer.getData());
    } else if (isa<onnx::ShapeInterface>(op)) {
      KnownTransfer(*this, &op).run();
      continue;
    } else {
      continue;
    }
    auto kind = type ? elementType(type.getElementType()) : std::nullopt;
    auto dims = kind ? onnx::getDims(type) : std::nullopt;
    if (!dims)
      continue;
    Known known{*dims, nullptr, {}};
    if (elements && elements.isSplat() && elements.getNumElements() > 0) {
      known.element = constantElement(pool_, elements.getSplatValue<Attribute>(), type.getElementType());
    } else if (elements && type.getRank() <= 1 && elements.getNumElements() <= kMaxItems) {
      for (Attribute number : elements.getValues<Attribute>())
        known.items.push_back(constantElement(pool_, number, type.getElementType()));
      if (llvm::is_contained(known.items, nullptr))
        continue;
    }
    if (numbers && *kind == ElementType::kInteger && type.getRank() > 0 && type.hasStaticShape() && !known.element &&
        known.items.empty() && type.getNumElements() > 1 && type.getNumElements() <= kMaxAffine)
      if (const StoredNumbers::Tensor *table = numbers->read(op.getResult(0)))
        if (auto formula = affine(*table))
          known.element = pool_.integer(*formula);
    if (!known.element && known.items.empty()) {
      SmallVector<SymExpr> index;
      for (unsigned d = 0; d < dims->size(); ++d)
        index.push_back(indexSymbol(d));
      known.element = pool_.stored(tensor, index, *kind, realFormat(type.getElementType()).value_or(RealFormat::kF32));
    }
    known_[op.getResult(0)] = known;
  }
}

void KnownValues::addArgument(BlockArgument argument, const ModelInterface &interface) {
  auto type = dyn_cast<RankedTensorType>(argument.getType());
  auto dims = onnx::getDims(argument.getType());
  StringRef role = inputRole(argument);
  if (!type || !dims || dims->size() > 2)
    return;
  Known known{*dims, nullptr, {}};
  if (role == "written" || role == "valid") {
    known.element = pool_.integer(role == "valid" ? interface.keys() : interface.past);
    known_[argument] = known;
    return;
  }
  if (dims->empty())
    return;
  if (role == "positions") {
    if (!type.getElementType().isInteger() || type.getElementType().isInteger(1))
      return;
    known.element = pool_.integer(interface.past + indexSymbol(dims->size() - 1));
  } else if (role == "mask") {
    auto format = realFormat(type.getElementType());
    known.element = format                               ? pool_.real(1, *format)
                    : type.getElementType().isInteger(1) ? pool_.truth(true)
                                                         : pool_.integer(SymExpr(1));
    if (interface.slots && dims->back() == *interface.slots) { // of a cache of fixed size: 0 behind the valid ones
      pool_.setExtents(*dims);
      ElementRef valid = pool_.atLeast0(interface.keys() - SymExpr(1) - indexSymbol(dims->size() - 1));
      ElementRef none = format                               ? pool_.real(0, *format)
                        : type.getElementType().isInteger(1) ? pool_.truth(false)
                                                             : pool_.integer(SymExpr(0));
      known.element = pool_.apply(ElementFn::kSelect, {valid, known.element, none}, format.value_or(RealFormat::kF32));
    }
  } else {
    return;
  }
  known_[argument] = known;
}

const Known *KnownValues::find(Value value) const {
  auto it = known_.find(value);
  return it == known_.end() ? nullptr : &it->second;
}

ElementRef KnownValues::at(const Known &known, ArrayRef<SymExpr> index) {
  if (known.element) {
    ElementPool::Substitution values;
    for (auto [d, at] : llvm::enumerate(index))
      values[indexName(d)] = at;
    return pool_.substitute(known.element, values);
  }
  if (known.items.empty())
    return nullptr;
  if (known.items.size() == 1)
    return known.items[0];
  if (auto n = index[0].constant())
    return *n >= 0 && *n < static_cast<int64_t>(known.items.size()) ? known.items[*n] : nullptr;
  bool affine = llvm::all_of(known.items, [](ElementRef e) { return e->kind == Element::Kind::kInteger; });
  SymExpr first = affine ? known.items[0]->value : SymExpr(0),
          slope = affine ? known.items[1]->value - first : SymExpr(0);
  for (size_t i = 2; affine && i < known.items.size(); ++i)
    affine = known.items[i]->value == first + SymExpr(static_cast<int64_t>(i)) * slope;
  if (affine && slope.constant())
    return pool_.integer(first + slope * index[0]);
  ElementRef result = known.items.back();
  for (int64_t i = static_cast<int64_t>(known.items.size()) - 2; i >= 0; --i)
    result = pool_.apply(ElementFn::kSelect, {pool_.equals0(index[0] - SymExpr(i)), known.items[i], result},
                         known.items[i]->format);
  return result;
}

ElementRef KnownValues::broadcast(const Known &known, ArrayRef<SymExpr> dims) {
  if (known.dims.size() > dims.size())
    return nullptr;
  SmallVector<SymExpr> index;
  size_t shift = dims.size() - known.dims.size();
  for (unsigned d = 0; d < known.dims.size(); ++d)
    index.push_back(known.dims[d].isConstant(1) ? SymExpr(0) : indexSymbol(d + shift));
  return at(known, index);
}

std::optional<RotaryPlaces> rotaryPlaces(Operation *op) {
  if (isa<onnx::MicrosoftRotaryEmbeddingOp>(op))
    return RotaryPlaces{2, 3, 1};
  if (isa<onnx::RotaryEmbeddingOp>(op))
    return RotaryPlaces{1, 2, 3};
  if (isa<onnx::GroupQueryAttentionOp>(op))
    return RotaryPlaces{7, 8, 9};
  return std::nullopt;
}

std::optional<Known> KnownValues::rowsOf(Value table, Value indices) {
  const Known *rows = table ? find(table) : nullptr, *at = indices ? find(indices) : nullptr;
  if (!rows || !at || rows->dims.size() != 2)
    return std::nullopt;
  Known result{at->dims, nullptr, {}};
  result.dims.push_back(rows->dims[1]);
  pool_.setExtents(result.dims);
  SmallVector<SymExpr> index;
  for (unsigned d = 0; d < at->dims.size(); ++d)
    index.push_back(at->dims[d].isConstant(1) ? SymExpr(0) : indexSymbol(d));
  ElementRef row = this->at(*at, index);
  if (!row || row->kind != Element::Kind::kInteger)
    return std::nullopt;
  result.element = this->at(*rows, {row->value, indexSymbol(at->dims.size())});
  return result.element ? std::optional(result) : std::nullopt;
}

std::optional<double> KnownValues::constant(Value value) const {
  const Known *known = find(value);
  if (!known)
    return std::nullopt;
  if (known->element)
    return known->element->constant();
  return known->items.size() == 1 ? known->items[0]->constant() : std::nullopt;
}

std::optional<SmallVector<int64_t>> KnownValues::integers(Value value) const {
  const Known *known = value ? find(value) : nullptr;
  if (!known || known->dims.size() > 1)
    return std::nullopt;
  SmallVector<ElementRef> items = known->items;
  if (items.empty() && known->element) {
    auto count = known->dims.empty() ? std::optional<int64_t>(1) : known->dims[0].constant();
    if (!count || *count > kMaxItems)
      return std::nullopt;
    items.assign(*count, known->element);
  }
  SmallVector<int64_t> result;
  for (ElementRef item : items) {
    auto n = item->kind == Element::Kind::kInteger ? item->value.constant() : std::nullopt;
    if (!n)
      return std::nullopt;
    result.push_back(*n);
  }
  return result;
}

} // namespace janus::recover
