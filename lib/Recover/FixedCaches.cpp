#include "lib/Recover/FixedCaches.h"

#include "lib/Recover/Attention/MaskShape.h"

using namespace mlir;

namespace janus::recover {

using onnx::Dims;
using onnx::SymExpr;

bool FixedCaches::fail(Operation *op, const Twine &why) {
  culprit = op;
  reason = why.str();
  return false;
}

const FixedCaches::Slots *FixedCaches::slots(Value value) const {
  auto it = value ? slots_.find(value) : slots_.end();
  return it == slots_.end() ? nullptr : &it->second;
}

//===-- writing -----------------------------------------------------------===//

bool FixedCaches::isIndex(ElementRef element, const std::string &symbol, bool shifted) const {
  return element && element->kind == Element::Kind::kInteger &&
         element->value == SymExpr::symbol(symbol) + (shifted ? interface_.past : SymExpr(0));
}

bool FixedCaches::provesWrite(const PastCache &cache) {
  Operation *op = cache.user;
  Value data = op->getOperand(0), updates = isa<onnx::TensorScatterOp>(op) ? op->getOperand(1) : op->getOperand(2);
  Dims from = *onnx::getDims(data.getType());
  auto to = onnx::getDims(updates.getType());
  if (!to || to->size() != from.size() || (*to)[cache.slot] != interface_.sequence)
    return fail(op, "does not write one key or value for each new token");
  for (unsigned d = 0; d < from.size(); ++d)
    if (d != cache.slot && (*to)[d] != from[d])
      return fail(op, "writes a part of each key or value");
  ElementPool &pool = known_.pool();
  if (auto scatter = dyn_cast<onnx::TensorScatterOp>(op)) {
    if (scatter.getMode() != "linear")
      return fail(op, "a circular cache: new keys overwrite those that earlier rows of the same step still see");
    const Known *begin = scatter.getWriteIndices() ? known_.find(scatter.getWriteIndices()) : nullptr;
    ElementRef element = begin ? begin->element : nullptr;
    if (!element && begin && begin->items.size() == 1)
      element = begin->items[0];
    if (!element || element->kind != Element::Kind::kInteger || element->value != interface_.past)
      return fail(op, "writes at " + (scatter.getWriteIndices() ? describe(element) : std::string("0")) +
                          ", expected the number of past tokens");
    return true;
  }
  if (op->getAttrOfType<StringAttr>("reduction").getValue() != "none")
    return fail(op, "combines new keys or values with old ones");
  const Known *indices = known_.find(op->getOperand(1));
  if (!indices)
    return fail(op, "writes at places that depend on the tokens");
  SmallVector<SymExpr> index;
  pool.setExtents({});
  for (unsigned d = 0; d < indices->dims.size(); ++d) {
    index.push_back(indices->dims[d].isConstant(1) && d != cache.slot ? SymExpr(0) : indexSymbol(d));
    pool.setExtent(indexName(d), indices->dims[d]);
  }
  auto place = [&](ElementRef element) {
    return isIndex(element, indexName(cache.slot), true) ||
           fail(op,
                "writes at " + describe(element) + ", expected " + (interface_.past + indexSymbol(cache.slot)).str());
  };
  if (isa<onnx::ScatterElementsOp>(op))
    return place(known_.at(*indices, index));
  // ScatterND: tuples that run over all of the dimensions before the slots.
  for (unsigned d = 0; d <= cache.slot; ++d) {
    index.back() = SymExpr(static_cast<int64_t>(d));
    ElementRef element = known_.at(*indices, index);
    if (d == cache.slot)
      return place(element);
    bool one = from[d].isConstant(1) && element && element->isInteger(0);
    if (!one && !isIndex(element, indexName(d), false))
      return fail(op, "writes at " + describe(element) + " of dimension " + Twine(d));
  }
  return fail(op, "writes at no slot");
}

//===-- slots through operators -------------------------------------------===//

bool FixedCaches::follow(func::FuncOp step) {
  PastProblem problem;
  auto caches = findCaches(step, problem);
  if (!caches)
    return fail(problem.op, problem.reason);
  for (const PastCache &cache : *caches)
    if (cache.fixed && isCacheWrite(cache.user))
      slots_[cache.user->getResult(0)] = {cache.slot, 0, Rest::kAnything};
  for (Operation &op : step.front().without_terminator())
    if (llvm::any_of(op.getOperands(), [&](Value v) { return slots(v) != nullptr; }) && !transfer(&op))
      return false;
  return true;
}

bool FixedCaches::transfer(Operation *op) {
  if (auto attention = dyn_cast<onnx::AttentionOp>(op))
    return this->attention(attention);
  if (isa<onnx::MatMulOp, onnx::FusedMatMulOp>(op))
    return product(op);
  if (isa<onnx::ShapeOp, onnx::SizeOp>(op)) // the number of slots would become that of keys
    return op->use_empty() || fail(op, "counts slots of a cache of fixed size");
  const Slots *first = slots(op->getOperand(0));
  if (auto concat = dyn_cast<onnx::ConcatOp>(op); concat && first) {
    int64_t rank = cast<RankedTensorType>(concat->getResult(0).getType()).getRank(), axis = concat.getAxis();
    if ((axis < 0 ? axis + rank : axis) == first->dim)
      return this->concat(concat, *first);
  }
  if (auto slice = dyn_cast<onnx::SliceOp>(op); slice && first) {
    auto in = onnx::getDims(slice.getX().getType()), out = onnx::getDims(slice.getY().getType());
    if (in && out && (*in)[first->dim] != (*out)[first->dim])
      return cut(slice, *first);
  }
  if (auto softmax = dyn_cast<onnx::SoftmaxOp>(op)) {
    int64_t rank = cast<RankedTensorType>(softmax.getX().getType()).getRank(), axis = softmax.getAxis();
    if ((axis < 0 ? axis + rank : axis) != first->dim)
      return fail(op, "is not over the slots");
    if (first->rest != Rest::kHidden)
      return fail(op, "goes over slots that hold no key, and no mask hides them");
    slots_[softmax.getY()] = {first->dim, first->extra, Rest::kZero};
    return true;
  }
  if (isa<onnx::ReduceMaxOp, onnx::ReduceLogSumExpOp, onnx::ReduceSumOp>(op) && first) {
    auto groups = cast<onnx::ShapeInterface>(op).getRowEffect(0, 0);
    bool kept = llvm::any_of(groups, [&](const onnx::DimGroup &group) { return group.operandBegin == first->dim; });
    if (!kept && !groups.empty())
      return first->rest == (isa<onnx::ReduceSumOp>(op) ? Rest::kZero : Rest::kHidden) ||
             fail(op, "goes over slots that hold no key, and no mask hides them");
  }
  return carry(op);
}

bool FixedCaches::attention(onnx::AttentionOp op) {
  const Slots *key = slots(op.getK()), *value = slots(op.getV());
  unsigned dim = cast<RankedTensorType>(op.getK().getType()).getRank() == 4 ? 2 : 1;
  if (!key || !value || slots(op.getQ()) || key->dim != dim || value->dim != dim)
    return fail(op, "takes slots of a cache of fixed size in another way than as keys and values");
  if (Value count = op.getNonpadKvSeqlen()) {
    const Known *known = known_.find(count);
    ElementRef valid = known && !known->element && known->items.size() == 1 ? known->items[0]
                       : known                                              ? known->element
                                                                            : nullptr;
    return (valid && valid->kind == Element::Kind::kInteger && valid->value == interface_.keys()) ||
           fail(op, "nonpad_kv_seqlen is " + describe(valid) + ", expected " + interface_.keys().str());
  }
  if (op.getIsCausal())
    return fail(op, "counts its queries from slot 0, not from the number of past tokens");
  ElementRef seen = op.getAttnMask() ? behind(op.getAttnMask(), 3, 4) : nullptr;
  auto number = seen ? seen->constant() : std::nullopt;
  bool hides = number && (seen->type == ElementType::kTruth ? *number == 0 : *number <= kHidden);
  return hides || fail(op, "goes over slots that hold no key, and no mask hides them");
}

bool FixedCaches::product(Operation *op) {
  bool turned = false;
  if (auto fused = dyn_cast<onnx::FusedMatMulOp>(op)) {
    if (fused.getTransA() || fused.getTransBatchA() || fused.getTransBatchB())
      return fail(op, "transposes its operands");
    turned = fused.getTransB() != 0;
  }
  const Slots *a = slots(op->getOperand(0)), *b = slots(op->getOperand(1));
  auto rank = [&](unsigned i) -> unsigned { return cast<RankedTensorType>(op->getOperand(i).getType()).getRank(); };
  if (rank(0) < 2 || rank(1) < 2)
    return fail(op, "multiplies vectors");
  unsigned depth = rank(1) - (turned ? 1 : 2);
  if (a && a->dim == rank(0) - 1) { // over slots
    if (!b || b->dim != depth || a->extra || b->extra)
      return fail(op, "goes over slots on one side");
    return a->rest == Rest::kZero || b->rest == Rest::kZero ||
           fail(op, "goes over slots that hold no key, and no mask hides them");
  }
  unsigned result = cast<RankedTensorType>(op->getResult(0).getType()).getRank();
  if (!a && b && b->dim == rank(1) - (turned ? 2 : 1)) {
    slots_[op->getResult(0)] = {result - 1, b->extra, Rest::kAnything};
    return true;
  }
  if (a && !b && a->dim == rank(0) - 2) {
    slots_[op->getResult(0)] = {result - 2, a->extra, Rest::kAnything};
    return true;
  }
  return fail(op, "takes slots of a cache of fixed size in another way than as keys and values");
}

bool FixedCaches::concat(onnx::ConcatOp op, const Slots &slots) {
  int64_t more = 0;
  for (Value operand : op->getOperands().drop_front()) {
    auto dims = onnx::getDims(operand.getType());
    int64_t count = dims ? (*dims)[slots.dim].constant().value_or(-1) : -1;
    if (!known_.find(operand) || count < 0 || count > INT32_MAX)
      return fail(op, "puts something behind the slots of a cache of fixed size");
    more += count;
  }
  slots_[op->getResult(0)] = {slots.dim, slots.extra + more, slots.rest};
  return true;
}

bool FixedCaches::cut(onnx::SliceOp op, const Slots &slots) {
  Dims in = *onnx::getDims(op.getX().getType()), out = *onnx::getDims(op.getY().getType());
  auto starts = known_.integers(op.getStarts()), axes = known_.integers(op.getAxes());
  auto steps = op.getSteps() ? known_.integers(op.getSteps()) : std::optional(SmallVector<int64_t>{1});
  auto less = (in[slots.dim] - out[slots.dim]).constant();
  int64_t rank = in.size();
  bool front = starts && starts->size() == 1 && starts->front() == 0 && axes && axes->size() == 1 &&
               (axes->front() < 0 ? axes->front() + rank : axes->front()) == slots.dim && steps && steps->size() == 1 &&
               steps->front() == 1;
  if (!front || !less || *less < 0 || *less > slots.extra)
    return fail(op, "moves or cuts slots of a cache of fixed size");
  slots_[op.getY()] = {slots.dim, slots.extra - *less, slots.rest};
  return true;
}

namespace {
/// The one dimension of [begin, end) that is not of extent 1; nothing where there are several, or none.
std::optional<unsigned> only(const Dims &dims, unsigned begin, unsigned end) {
  std::optional<unsigned> found;
  for (unsigned d = begin; d < end; ++d) {
    if (dims[d].isConstant(1))
      continue;
    if (found)
      return std::nullopt;
    found = d;
  }
  return found;
}
} // namespace

/// Operators that leave slots where they are.
bool FixedCaches::carry(Operation *op) {
  auto effects = dyn_cast<onnx::ShapeInterface>(op);
  std::optional<Slots> result;
  for (unsigned i = 0, n = effects ? std::max<size_t>(effects.getInputKinds().size(), op->getNumOperands()) : 0; i < n;
       ++i) {
    const Slots *from = slots(onnx::getInput(op, i));
    if (!from)
      continue;
    auto in = onnx::getDims(onnx::getInput(op, i).getType()), out = onnx::getDims(onnx::getOutput(op, 0).getType());
    std::optional<unsigned> to;
    for (const onnx::DimGroup &group : effects.getRowEffect(i, 0))
      if (in && out && group.operandBegin <= from->dim && from->dim < group.operandEnd &&
          only(*in, group.operandBegin, group.operandEnd) == from->dim)
        to = only(*out, group.resultBegin, group.resultEnd);
    if (!to || op->getNumResults() == 0 || (result && (result->dim != *to || result->extra != from->extra)))
      return fail(op, "moves or cuts slots of a cache of fixed size");
    bool keeps = !result && isa<onnx::IdentityOp, onnx::CastOp, onnx::DropoutOp, onnx::ReshapeOp, onnx::TransposeOp,
                                onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::ExpandOp, onnx::AddOp>(op);
    keeps |= i == 0 && isa<onnx::SubOp>(op);
    result = Slots{*to, from->extra, keeps ? from->rest : Rest::kAnything};
  }
  if (!result)
    return fail(op, "takes slots of a cache of fixed size in another way than as keys and values");
  for (Value y : op->getResults()) {
    auto dims = onnx::getDims(y.getType());
    if (!dims || result->dim >= dims->size())
      return fail(op, "moves or cuts slots of a cache of fixed size");
    unsigned rank = dims->size();
    // Numbers that are no known ones have slots, too, or are the same for all.
    for (Value x : op->getOperands()) {
      auto other = onnx::getDims(x.getType());
      if (slots(x) || known_.find(x) || !other)
        continue;
      int64_t d = static_cast<int64_t>(result->dim) - rank + other->size();
      if (d >= 0 && !(*other)[d].isConstant(1))
        return fail(op, "combines slots of a cache of fixed size with what has none");
    }
    Slots here = *result;
    if (isa<onnx::AddOp, onnx::SubOp, onnx::WhereOp>(op)) {
      Rest made = hidden(op, here.dim, rank);
      here.rest = made == Rest::kAnything ? here.rest : made;
    }
    slots_[y] = here;
  }
  return true;
}

FixedCaches::Rest FixedCaches::hidden(Operation *op, unsigned dim, unsigned rank) {
  auto low = [](ElementRef element) {
    auto number = element && element->type == ElementType::kReal ? element->constant() : std::nullopt;
    return number && *number <= kHidden;
  };
  auto zero = [](ElementRef element) {
    return element && element->type == ElementType::kReal && element->constant() == 0.0;
  };
  if (isa<onnx::AddOp>(op)) {
    for (Value operand : op->getOperands())
      if (known_.find(operand) && low(behind(operand, dim, rank)))
        return Rest::kHidden;
    return Rest::kAnything;
  }
  auto where = dyn_cast<onnx::WhereOp>(op);
  if (!where)
    return Rest::kAnything;
  auto restOf = [&](Value x) {
    if (const Slots *from = slots(x))
      return from->rest;
    ElementRef element = known_.find(x) ? behind(x, dim, rank) : nullptr;
    return low(element) ? Rest::kHidden : zero(element) ? Rest::kZero : Rest::kAnything;
  };
  Rest x = restOf(where.getX()), y = restOf(where.getY());
  ElementRef condition = known_.find(where.getCondition()) ? behind(where.getCondition(), dim, rank) : nullptr;
  if (auto truth = condition ? condition->constant() : std::nullopt)
    return *truth != 0 ? x : y;
  return x == y ? x : Rest::kAnything;
}

ElementRef FixedCaches::behind(Value value, unsigned dim, unsigned rank) {
  const Known *known = known_.find(value);
  if (!known || known->dims.size() > rank)
    return nullptr;
  ElementPool &pool = known_.pool();
  SmallVector<SymExpr> index;
  size_t shift = rank - known->dims.size();
  pool.setExtents(known->dims);
  for (unsigned d = 0; d < known->dims.size(); ++d)
    index.push_back(known->dims[d].isConstant(1) ? SymExpr(0)
                    : d + shift == dim           ? interface_.keys() + SymExpr::symbol(".j")
                                                 : indexSymbol(d));
  return known_.at(*known, index);
}

void FixedCaches::retype() {
  for (const auto &[value, slots] : slots_) {
    Value changed = value;
    auto type = cast<RankedTensorType>(changed.getType());
    Dims dims = *onnx::getDims(type);
    dims[slots.dim] = interface_.keys() + SymExpr(slots.extra);
    changed.setType(onnx::getTensorType(dims, type.getElementType()));
  }
}

} // namespace janus::recover
