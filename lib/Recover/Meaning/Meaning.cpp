#include "lib/Recover/Meaning/Meaning.h"

#include "lib/Recover/Meaning/Rules.h"

using namespace mlir;

namespace janus::recover {

namespace {

DenseElementsAttr constantData(Value value) {
  Operation *op = value ? value.getDefiningOp() : nullptr;
  if (auto constant = dyn_cast_or_null<onnx::ConstantValueOp>(op))
    return dyn_cast<DenseElementsAttr>(constant.getValue());
  return {};
}

double toDouble(const APFloat &number) {
  bool lost;
  APFloat wide = number;
  wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
  return wide.convertToDouble();
}

} // namespace

std::optional<SmallVector<double>> constantNumbers(Value value) {
  DenseElementsAttr data = constantData(value);
  if (!data || data.getNumElements() > 4096)
    return std::nullopt;
  SmallVector<double> result;
  if (isa<FloatType>(data.getElementType())) {
    for (const APFloat &number : data.getValues<APFloat>())
      result.push_back(toDouble(number));
  } else if (data.getElementType().isInteger()) {
    bool isUnsigned = data.getElementType().isInteger(1) || data.getElementType().isUnsignedInteger();
    for (const APInt &number : data.getValues<APInt>())
      result.push_back(isUnsigned ? static_cast<double>(number.getZExtValue())
                                  : static_cast<double>(number.getSExtValue()));
  } else {
    return std::nullopt;
  }
  return result;
}

Interpreter::Interpreter(const RowForm &form, const llvm::DenseSet<Operation *> &plain)
    : form_(form), plain_(plain), terms_(space_), mixtures_(terms_) {
  if (auto extents = space_.extents(form.tokens().getType()))
    for (Extent extent : *extents)
      if (!space_.isOne(extent)) {
        rowExtents_.push_back(extent);
        rows_.push_back(space_.fresh(extent, /*fixed=*/true));
      }
  auto resume = [&] {
    awaited_.clear();
    for (Operation *op : std::exchange(waiting_, {}))
      interpret(op);
  };
  for (Operation &op : form.step().front().without_terminator()) {
    size_t before = lists_;
    interpret(&op);
    if (lists_ > before)
      resume();
  }
  listedAll_ = true;
  resume();
}

StringRef Interpreter::reason(Operation *op) const {
  auto it = reasons_.find(op);
  return it == reasons_.end() ? StringRef() : StringRef(it->second);
}

Meaning Interpreter::opaque(Value value) {
  Meaning meaning;
  auto extents = space_.extents(value.getType());
  if (!extents) { // a type that is no tensor of known dimensions
    values_.push_back(value);
    meaning.term = terms_.value(static_cast<int32_t>(values_.size()) - 1, {});
    return meaning;
  }
  // Leading dimensions with the token's extents are the rows.
  Axes axes;
  size_t row = 0;
  Extent rows = space_.extentOf(rows_);
  for (Extent extent : *extents) {
    if (row == rows_.size())
      break;
    if (space_.isOne(extent)) {
      axes.emplace_back();
      continue;
    }
    if (row == 0 && extent == rows) {
      axes.push_back(rows_);
      row = rows_.size();
    } else if (extent == rowExtents_[row]) {
      axes.push_back({rows_[row++]});
    } else {
      break;
    }
  }
  if (row != rows_.size())
    axes.clear();
  Dim vars = space_.flat(axes);
  for (Extent extent : extents->drop_front(axes.size())) {
    axes.push_back(space_.freshDim(extent));
    vars.append(axes.back());
  }
  values_.push_back(value);
  meaning.axes = std::move(axes);
  meaning.term = terms_.value(static_cast<int32_t>(values_.size()) - 1, vars);
  return meaning;
}

std::optional<Meaning> Interpreter::constant(Value value) {
  Operation *op = value.getDefiningOp();
  auto extents = space_.extents(value.getType());
  if (!op || !extents)
    return std::nullopt;
  auto fresh = [&] {
    Axes axes;
    for (Extent extent : *extents)
      axes.push_back(space_.freshDim(extent));
    return axes;
  };
  if (DenseElementsAttr data = constantData(value)) {
    auto numbers = data.isSplat() || data.getNumElements() <= 4096 ? constantNumbers(value) : std::nullopt;
    if (data.isSplat() && numbers && !numbers->empty())
      return Meaning{fresh(), terms_.number(numbers->front()), -1};
    if (numbers && data.getElementType().isInteger()) {
      Axes axes = fresh();
      Dim vars = space_.flat(axes);
      bool counts = true;
      for (auto [i, number] : llvm::enumerate(*numbers))
        counts &= number == static_cast<double>(i);
      if (counts)
        return Meaning{axes, terms_.index(vars), -1};
      if (vars.size() != 1 || numbers->size() > 64)
        return std::nullopt;
      SmallVector<T> terms;
      for (double number : *numbers)
        terms.push_back(terms_.number(number));
      return Meaning{axes, terms_.family(vars[0], terms), -1};
    }
  }
  if (!isa<onnx::ConstantValueOp, onnx::InitializerValueOp, onnx::TransposeOp, onnx::ReshapeOp, onnx::SqueezeOp,
           onnx::UnsqueezeOp, onnx::FlattenOp, onnx::IdentityOp, onnx::CastOp, onnx::DequantizeLinearOp>(op))
    return std::nullopt;
  auto [it, inserted] = weights_.try_emplace(value, -1);
  if (inserted)
    if (auto stored = form_.trace(value))
      it->second = terms_.addWeight(*stored);
  if (it->second < 0)
    return std::nullopt;
  Axes axes = fresh();
  SmallVector<Index> indices;
  for (const Dim &dim : axes)
    indices.push_back(dim.empty() ? Index::number(0) : Index::var(dim[0]));
  return Meaning{axes, terms_.weight(it->second, indices), -1};
}

Meaning Interpreter::meaning(Value value) {
  auto it = meanings_.find(value);
  if (it == meanings_.end()) {
    if (auto found = constant(value))
      return *found;
    record(value, opaque(value));
    it = meanings_.find(value);
  }
  Meaning result = it->second;
  if (result.term->kind == Term::kNumber) { // a constant after all: new variables at each use
    if (auto extents = space_.extents(value.getType())) {
      result.axes.clear();
      for (Extent extent : *extents)
        result.axes.push_back(space_.freshDim(extent));
    }
    return result;
  }
  result.axes = space_.resolveAll(result.axes);
  Dim flat = space_.flat(result.axes);
  bool counts = result.term->kind == Term::kIndex && space_.resolve(result.term->vars) == flat &&
                llvm::none_of(flat, [&](Var var) { return space_.list(var); });
  if (counts) { // positions are the same whatever they count: what shares them need not run together
    for (Dim &dim : result.axes)
      for (Var &var : dim)
        var = space_.fresh(space_.extentOfVar(var));
    result.term = terms_.index(space_.flat(result.axes));
  }
  return result;
}

void Interpreter::record(Value value, Meaning meaning) {
  Dim flat = space_.flat(meaning.axes);
  auto type = dyn_cast<RankedTensorType>(value.getType());
  bool rows = type && flat.size() >= rows_.size() && std::equal(rows_.begin(), rows_.end(), flat.begin()) &&
              isa<FloatType>(type.getElementType());
  if (rows && !meaning.term->free.empty())
    byTerm_.try_emplace(meaning.term, value);
  meanings_[value] = std::move(meaning);
}

/// Does it need the list of pairs that its operands are positions in, and nothing made it yet? The order of nodes may
/// put such positions, and what is made of them alone, in front of the sort.
bool Interpreter::waits(Operation *op) const {
  return !listedAll_ && llvm::any_of(op->getOperands(), [&](Value value) { return awaited_.contains(value); });
}

void Interpreter::interpret(Operation *op) {
  if (isa<onnx::ConstantValueOp, onnx::InitializerValueOp>(op) ||
      (isa<onnx::DequantizeLinearOp>(op) && constant(op->getResult(0)))) // a weight, looked up where it is used
    return;
  OperatorRules rules(*this, op);
  bool known = !waits(op) && !plain_.contains(op) && rules.run();
  if (known)
    return;
  if (!listedAll_ && (rules.needsList() || waits(op))) {
    waiting_.push_back(op);
    awaited_.insert(op->result_begin(), op->result_end());
    return;
  }
  if (!rules.reason().empty())
    reasons_[op] = rules.reason();
  for (Value result : op->getResults())
    if (!meanings_.contains(result) && isa<RankedTensorType>(result.getType()))
      record(result, opaque(result));
}

} // namespace janus::recover
