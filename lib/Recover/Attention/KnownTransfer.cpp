#include "lib/Recover/Attention/KnownTransfer.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace janus::recover {

using onnx::Dims;
using onnx::SymExpr;

namespace {

constexpr int64_t kMaxContraction = 8; // of a product that is written out

std::optional<ElementFn> unaryFn(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<ElementFn>>(op)
      .Case([](onnx::NegOp) { return ElementFn::kNeg; })
      .Case([](onnx::AbsOp) { return ElementFn::kAbs; })
      .Case([](onnx::CosOp) { return ElementFn::kCos; })
      .Case([](onnx::SinOp) { return ElementFn::kSin; })
      .Case([](onnx::ExpOp) { return ElementFn::kExp; })
      .Case([](onnx::LogOp) { return ElementFn::kLog; })
      .Case([](onnx::SqrtOp) { return ElementFn::kSqrt; })
      .Case([](onnx::ReciprocalOp) { return ElementFn::kReciprocal; })
      .Case([](onnx::FloorOp) { return ElementFn::kFloor; })
      .Case([](onnx::TanhOp) { return ElementFn::kTanh; })
      .Case([](onnx::NotOp) { return ElementFn::kNot; })
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<ElementFn> binaryFn(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<ElementFn>>(op)
      .Case([](onnx::AddOp) { return ElementFn::kAdd; })
      .Case([](onnx::SubOp) { return ElementFn::kSub; })
      .Case([](onnx::MulOp) { return ElementFn::kMul; })
      .Case([](onnx::AndOp) { return ElementFn::kAnd; })
      .Case([](onnx::OrOp) { return ElementFn::kOr; })
      .Case([](onnx::EqualOp) { return ElementFn::kEqual; })
      .Case([](onnx::LessOp) { return ElementFn::kLess; })
      .Case([](onnx::MinOp) { return ElementFn::kMin; })
      .Case([](onnx::MaxOp) { return ElementFn::kMax; })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace

const Known *KnownTransfer::input(unsigned position) const {
  Value value = onnx::getInput(op_, position);
  return value ? values_.find(value) : nullptr;
}

void KnownTransfer::run() {
  for (Value operand : op_->getOperands())
    if (!values_.find(operand) && !isa<onnx::ShapeOp, onnx::SizeOp, onnx::EyeLikeOp>(op_))
      return;
  if (elementwise() || indexing())
    return;
  if (isa<onnx::ReduceSumOp, onnx::ReduceMeanOp, onnx::ReduceMaxOp, onnx::ReduceMinOp, onnx::ReduceProdOp>(op_))
    reduce();
  else if (isa<onnx::CumSumOp>(op_))
    cumulate();
  else if (isa<onnx::MatMulOp>(op_))
    product();
}

void KnownTransfer::enter(Value result, llvm::function_ref<ElementRef(ArrayRef<SymExpr>)> make) {
  auto dims = result ? onnx::getDims(result.getType()) : std::nullopt;
  if (!dims || dims->size() > 10)
    return;
  Known known{*dims, nullptr, {}};
  int64_t count = kMaxItems + 1;
  if (dims->size() <= 1)
    count = dims->empty() ? 1 : dims->front().constant().value_or(count);
  pool_.setExtents({});
  if (count <= kMaxItems) {
    for (int64_t i = 0; i < count; ++i) {
      ElementRef item = make(dims->empty() ? ArrayRef<SymExpr>() : ArrayRef<SymExpr>(SymExpr(i)));
      if (!item)
        return;
      known.items.push_back(item);
    }
    if (!known.items.empty() && llvm::all_equal(known.items))
      known.element = known.items.front();
  } else {
    SmallVector<SymExpr> index;
    for (unsigned d = 0; d < dims->size(); ++d)
      index.push_back(dims->operator[](d).isConstant(1) ? SymExpr(0) : indexSymbol(d));
    pool_.setExtents(*dims);
    known.element = make(index);
    if (!known.element)
      return;
  }
  values_.known_[result] = std::move(known);
}

ElementRef KnownTransfer::convert(ElementRef element, Type type) {
  auto kind = elementType(type);
  if (!kind || !element)
    return nullptr;
  if (*kind == ElementType::kReal)
    return pool_.apply(ElementFn::kToReal, {element}, *realFormat(type));
  return pool_.apply(*kind == ElementType::kTruth ? ElementFn::kToTruth : ElementFn::kToInteger, {element});
}

/// The operator's result from its operands' elements; null when it is not elementwise.
ElementRef KnownTransfer::combine(ArrayRef<ElementRef> args, RealFormat format) {
  if (llvm::is_contained(args, nullptr))
    return nullptr;
  if (auto fn = unaryFn(op_))
    return pool_.apply(*fn, {args[0]}, format);
  if (auto fn = binaryFn(op_)) {
    ElementRef result = args[0];
    for (ElementRef arg : args.drop_front())
      result = pool_.apply(*fn, {result, arg}, format);
    return result;
  }
  auto negate = [&](ElementRef x) { return pool_.apply(ElementFn::kNot, {x}); };
  return llvm::TypeSwitch<Operation *, ElementRef>(op_)
      .Case([&](onnx::IdentityOp) { return args[0]; })
      .Case([&](onnx::CastOp cast) {
        return convert(args[0], mlir::cast<RankedTensorType>(cast.getY().getType()).getElementType());
      })
      .Case([&](onnx::WhereOp) { return pool_.apply(ElementFn::kSelect, args, format); })
      .Case([&](onnx::GreaterOp) { return pool_.apply(ElementFn::kLess, {args[1], args[0]}); })
      .Case([&](onnx::LessOrEqualOp) { return negate(pool_.apply(ElementFn::kLess, {args[1], args[0]})); })
      .Case([&](onnx::GreaterOrEqualOp) { return negate(pool_.apply(ElementFn::kLess, args)); })
      .Case([&](onnx::XorOp) { return negate(pool_.apply(ElementFn::kEqual, args)); })
      .Case([&](onnx::DivOp) { return pool_.divide(args[0], args[1], format); })
      .Case([&](onnx::ModOp) { return pool_.modulo(args[0], args[1], format); })
      .Case([&](onnx::PowOp) {
        ElementRef exponent = args[1];
        if (args[0]->type == ElementType::kReal && exponent->type == ElementType::kInteger)
          exponent = pool_.apply(ElementFn::kToReal, {exponent}, format);
        return pool_.apply(ElementFn::kPow, {args[0], exponent}, format);
      })
      .Case([&](onnx::IsNaNOp) { return pool_.apply(ElementFn::kIsNan, args); })
      .Default([](Operation *) -> ElementRef { return nullptr; });
}

bool KnownTransfer::elementwise() {
  if (!unaryFn(op_) && !binaryFn(op_) &&
      !isa<onnx::IdentityOp, onnx::CastOp, onnx::WhereOp, onnx::GreaterOp, onnx::LessOrEqualOp, onnx::GreaterOrEqualOp,
           onnx::XorOp, onnx::DivOp, onnx::ModOp, onnx::PowOp, onnx::IsNaNOp, onnx::ExpandOp, onnx::CastLikeOp>(op_))
    return false;
  Value result = op_->getResult(0);
  auto type = dyn_cast<RankedTensorType>(result.getType());
  auto dims = type ? onnx::getDims(type) : std::nullopt;
  if (!dims)
    return true;
  RealFormat format = realFormat(type.getElementType()).value_or(RealFormat::kF32);
  bool first = isa<onnx::ExpandOp, onnx::CastLikeOp>(op_); // the others say only what shape or type
  enter(result, [&](ArrayRef<SymExpr> index) -> ElementRef {
    SmallVector<ElementRef> args;
    for (unsigned i = 0, n = first ? 1 : op_->getNumOperands(); i < n; ++i) {
      const Known &known = *values_.find(op_->getOperand(i));
      SmallVector<SymExpr> at;
      size_t shift = index.size() - known.dims.size();
      if (known.dims.size() > index.size())
        return nullptr;
      for (unsigned d = 0; d < known.dims.size(); ++d)
        at.push_back(known.dims[d].isConstant(1) ? SymExpr(0) : index[d + shift]);
      args.push_back(values_.at(known, at));
    }
    if (first)
      return args[0] ? isa<onnx::ExpandOp>(op_) ? args[0] : convert(args[0], type.getElementType()) : nullptr;
    return combine(args, format);
  });
  return true;
}

void KnownTransfer::reduce() {
  const Known *x = input(0);
  SmallVector<int64_t> axes;
  if (auto attribute = op_->getAttrOfType<DenseI64ArrayAttr>("axes")) {
    axes.assign(attribute.asArrayRef().begin(), attribute.asArrayRef().end());
  } else if (Value list = onnx::getInput(op_, 1)) {
    auto known = values_.integers(list);
    if (!known)
      return;
    axes = *known;
  }
  int64_t rank = x->dims.size();
  if (axes.empty()) {
    if (op_->getAttrOfType<IntegerAttr>("noop_with_empty_axes").getInt())
      return;
    axes = llvm::to_vector(llvm::seq<int64_t>(rank));
  }
  SmallVector<bool> reduced(rank);
  for (int64_t axis : axes) {
    if (axis < -rank || axis >= rank)
      return;
    reduced[axis < 0 ? axis + rank : axis] = true;
  }
  bool keep = op_->getAttrOfType<IntegerAttr>("keepdims").getInt(), mean = isa<onnx::ReduceMeanOp>(op_);
  Type element = cast<RankedTensorType>(op_->getResult(0).getType()).getElementType();
  enter(op_->getResult(0), [&](ArrayRef<SymExpr> index) -> ElementRef {
    SmallVector<SymExpr> at;
    SmallVector<std::pair<std::string, SymExpr>> variables;
    unsigned next = 0;
    SymExpr count(1);
    for (int64_t d = 0; d < rank; ++d) {
      if (!reduced[d]) {
        at.push_back(index[next++]);
        continue;
      }
      next += keep;
      std::string name = ".r" + std::to_string(values_.variables_++);
      pool_.setExtent(name, x->dims[d]);
      variables.push_back({name, x->dims[d]});
      at.push_back(SymExpr::symbol(name));
      count = count * x->dims[d];
    }
    if (!x->element && x->items.size() > 1) { // a short vector, item by item
      ElementRef total = x->items[0];
      for (ElementRef item : llvm::drop_begin(x->items)) {
        if (isa<onnx::ReduceMeanOp>(op_))
          return nullptr;
        total = pool_.apply(isa<onnx::ReduceSumOp>(op_)    ? ElementFn::kAdd
                            : isa<onnx::ReduceProdOp>(op_) ? ElementFn::kMul
                            : isa<onnx::ReduceMaxOp>(op_)  ? ElementFn::kMax
                                                           : ElementFn::kMin,
                            {total, item}, item->format);
      }
      return total;
    }
    ElementRef result = values_.at(*x, at);
    if (isa<onnx::ReduceProdOp>(op_))
      return count.isConstant(1) ? result : nullptr;
    for (const auto &[name, extent] : llvm::reverse(variables))
      result = pool_.reduce(isa<onnx::ReduceMaxOp>(op_)   ? ReduceFn::kMax
                            : isa<onnx::ReduceMinOp>(op_) ? ReduceFn::kMin
                                                          : ReduceFn::kSum,
                            result, name, extent);
    if (mean && result)
      result = pool_.divide(result, convert(pool_.integer(count), element), result->format);
    return result;
  });
}

void KnownTransfer::cumulate() {
  auto op = cast<onnx::CumSumOp>(op_);
  const Known *x = input(0);
  auto axes = values_.integers(op.getAxis());
  int64_t rank = x->dims.size();
  if (!axes || axes->size() != 1 || axes->front() < -rank || axes->front() >= rank)
    return;
  unsigned axis = axes->front() < 0 ? axes->front() + rank : axes->front();
  enter(op.getY(), [&](ArrayRef<SymExpr> index) -> ElementRef {
    SymExpr skipped(op.getExclusive() ? 1 : 0);
    SymExpr count = (op.getReverse() ? x->dims[axis] - index[axis] : index[axis] + SymExpr(1)) - skipped;
    std::string name = ".r" + std::to_string(values_.variables_++);
    pool_.setExtent(name, count);
    SmallVector<SymExpr> at(index);
    at[axis] = SymExpr::symbol(name) + (op.getReverse() ? index[axis] + skipped : SymExpr(0));
    return pool_.reduce(ReduceFn::kSum, values_.at(*x, at), name, count);
  });
}

/// An outer product, or a contraction over a few: frequencies times positions.
void KnownTransfer::product() {
  const Known *a = input(0), *b = input(1);
  if (a->dims.size() < 2 || b->dims.size() < 2)
    return;
  auto count = a->dims.back().constant();
  if (!count || *count > kMaxContraction || *count < 1)
    return;
  enter(op_->getResult(0), [&](ArrayRef<SymExpr> index) -> ElementRef {
    auto batch = [&](const Known &x) {
      SmallVector<SymExpr> at;
      size_t shift = index.size() - x.dims.size();
      for (unsigned d = 0; d + 2 < x.dims.size(); ++d)
        at.push_back(x.dims[d].isConstant(1) ? SymExpr(0) : index[d + shift]);
      return at;
    };
    ElementRef sum = nullptr;
    for (int64_t i = 0; i < *count; ++i) {
      SmallVector<SymExpr> atA = batch(*a), atB = batch(*b);
      atA.append({index[index.size() - 2], SymExpr(i)});
      atB.append({SymExpr(i), index.back()});
      ElementRef x = values_.at(*a, atA), y = values_.at(*b, atB);
      if (!x || !y)
        return nullptr;
      ElementRef term = pool_.apply(ElementFn::kMul, {x, y}, x->format);
      sum = sum ? pool_.apply(ElementFn::kAdd, {sum, term}, x->format) : term;
    }
    return sum;
  });
}

} // namespace janus::recover
