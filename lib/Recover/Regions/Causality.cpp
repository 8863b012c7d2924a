#include "lib/Recover/Regions/Causality.h"

#include "lib/Recover/Regions/States.h"

using namespace mlir;

namespace janus::recover {

using onnx::Dims;
using onnx::SymExpr;

namespace {

/// Operands that say how large a result is; the result's type says it, too.
bool isShapeOperand(Operation *op, unsigned position) {
  return position > 0 && isa<onnx::ReshapeOp, onnx::ExpandOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::SplitOp,
                             onnx::TileOp, onnx::ReduceSumOp, onnx::ReduceMaxOp, onnx::TopKOp, onnx::CumSumOp>(op);
}

unsigned countInputs(Operation *op) {
  auto shaped = dyn_cast<onnx::ShapeInterface>(op);
  return shaped ? std::max<size_t>(shaped.getInputKinds().size(), op->getNumOperands()) : op->getNumOperands();
}

void include(Reach &reach, unsigned axis, int64_t shift) {
  auto [it, added] = reach.axes.try_emplace(axis, shift);
  it->second = std::max(it->second, shift);
}

} // namespace

Causality::Causality(const ModelInterface &interface, KnownValues &known, const RegionFinder &finder,
                     const Region &region)
    : interface_(interface), known_(known), finder_(finder), region_(region) {}

Dims Causality::dims(Value value) const {
  Dims dims = onnx::getDims(value.getType()).value_or(Dims());
  if (auto batch = interface_.batch.asSymbol())
    for (SymExpr &dim : dims)
      dim = dim.substitute({{*batch, SymExpr(1)}});
  return dims;
}

Reach Causality::depends(Operation *op, const Twine &why) const {
  Reach reach;
  reach.culprit = op, reach.reason = why.str();
  return reach;
}

bool Causality::prove() {
  for (Value input : region_.inputs) {
    Reach rows;
    for (auto [d, dim] : llvm::enumerate(dims(input)))
      if (counts(dim))
        rows.axes[d] = 0;
    reach_[input] = rows;
  }
  for (Operation *op : region_.operators) {
    auto shaped = dyn_cast<onnx::ShapeInterface>(op);
    unsigned results = shaped ? std::max<size_t>(shaped.getOutputKinds().size(), op->getNumResults()) : 0;
    for (Value result : op->getResults())
      reach_[result] = depends(op, "holds graphs of its own");
    for (unsigned i = 0; i < results && !op->getNumRegions(); ++i)
      if (Value result = onnx::getOutput(op, i)) {
        Reach reach = transfer(op, i);
        normalise(reach);
        reach_[result] = reach;
      }
  }
  for (Value output : region_.outputs) {
    const Reach &found = reach(output);
    culprit = found.culprit, reason = found.reason;
    if (found.all())
      return false;
    Dims extents = dims(output);
    for (auto [axis, shift] : found.axes)
      if (shift > 0 || !counts(extents[axis])) {
        culprit = output.getDefiningOp();
        reason = ("its row depends on rows up to " + Twine(shift) + " behind it").str();
        return false;
      }
  }
  return true;
}

const Reach &Causality::reach(Value value) {
  static const Reach kNoRow;
  auto it = reach_.find(value);
  return it == reach_.end() ? kNoRow : it->second;
}

/// What is the same in every step is made of numbers, or of sizes, or is told by a formula.
bool Causality::dependsOnLength(Value value) {
  if (reach_.contains(value))
    return false; // rows
  if (const Known *known = known_.find(value)) {
    auto sequence = interface_.sequence.asSymbol();
    auto depends = [&](ElementRef element) { return !element || (sequence && element->dependsOn(*sequence)); };
    if (known->element)
      return depends(known->element);
    return llvm::any_of(known->items, depends);
  }
  auto it = lengthy_.find(value);
  if (it != lengthy_.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  bool lengthy = !op || llvm::any_of(dims(value), [&](const SymExpr &dim) { return counts(dim); }) ||
                 (isa<onnx::ShapeOp, onnx::SizeOp>(op)
                      ? llvm::any_of(dims(op->getOperand(0)), [&](const SymExpr &dim) { return counts(dim); })
                      : llvm::any_of(usedValues(op), [&](Value v) { return dependsOnLength(v); }));
  return lengthy_[value] = lengthy;
}

/// Where an axis of rows is in the result: in a group of its own, but for extents of 1.
std::optional<unsigned> Causality::target(ArrayRef<onnx::DimGroup> groups, unsigned axis, const Dims &in,
                                          const Dims &out) const {
  for (const onnx::DimGroup &group : groups) {
    if (axis < group.operandBegin || axis >= group.operandEnd)
      continue;
    std::optional<unsigned> found;
    for (unsigned d = group.operandBegin; d < group.operandEnd; ++d)
      if (d != axis && !in[d].isConstant(1))
        return std::nullopt;
    for (unsigned d = group.resultBegin; d < group.resultEnd; ++d)
      if (out[d] == in[axis] && !found)
        found = d;
      else if (!out[d].isConstant(1))
        return std::nullopt;
    return found;
  }
  return std::nullopt;
}

/// Behind the query all elements are a number: the keys' rows that an element depends on are among the query's.
void Causality::normalise(Reach &reach) const {
  if (reach.all() || !reach.cut)
    return;
  auto key = reach.axes.find(reach.cut->key);
  if (key == reach.axes.end())
    return;
  int64_t shift = key->second + reach.cut->shift;
  reach.axes.erase(key);
  include(reach, reach.cut->query, shift);
}

/// The rule for operators that hand on dimensions unmixed.
Reach Causality::byGroups(Operation *op, unsigned result) {
  auto effects = dyn_cast<onnx::ShapeInterface>(op);
  if (!effects)
    return depends(op, "is no operator whose rows are known");
  Dims out = dims(onnx::getOutput(op, result));
  Reach made;
  for (unsigned i = 0, count = countInputs(op); i < count; ++i) {
    Value operand = onnx::getInput(op, i);
    if (!operand || isShapeOperand(op, i))
      continue;
    const Reach &given = reach(operand);
    if (given.all())
      return given;
    if (dependsOnLength(operand))
      return depends(op, "input " + Twine(i) + " depends on the number of rows");
    Dims in = dims(operand);
    auto groups = effects.getRowEffect(i, result);
    for (unsigned d = 0; d < in.size(); ++d) {
      if (!counts(in[d]))
        continue;
      auto at = target(groups, d, in, out);
      if (!at)
        return depends(op, "mixes all rows of input " + Twine(i));
      if (auto it = given.axes.find(d); it != given.axes.end())
        include(made, *at, it->second);
    }
  }
  made.cut = cutOfResult(op, result);
  return made;
}

Reach Causality::transfer(Operation *op, unsigned result) {
  if (isa<onnx::ShapeOp, onnx::SizeOp>(op))
    return {};
  if (isa<onnx::MatMulOp, onnx::EinsumOp>(op))
    return contraction(op);
  if (auto softmaxed = dyn_cast<onnx::SoftmaxOp>(op))
    return softmax(softmaxed);
  if (isa<onnx::ReduceSumOp, onnx::ReduceMaxOp>(op))
    return reduction(op);
  if (auto conv = dyn_cast<onnx::ConvOp>(op))
    return convolution(conv);
  if (isa<onnx::CausalConvWithStateOp, onnx::MicrosoftCausalConvWithStateOp>(op))
    return causalConvolution(op, result);
  if (auto padded = dyn_cast<onnx::PadOp>(op))
    return pad(padded);
  if (auto sliced = dyn_cast<onnx::SliceOp>(op))
    return slice(sliced);
  if (auto joined = dyn_cast<onnx::ConcatOp>(op))
    return concat(joined);
  if (isa<onnx::CumSumOp, onnx::CumProdOp>(op))
    return runningSum(op);
  if (isa<onnx::AttentionOp, onnx::MultiHeadAttentionOp, onnx::GroupQueryAttentionOp>(op))
    return attention(op, result);
  return byGroups(op, result);
}

/// A product that sums over an axis of rows: one factor is zero behind the query.
Reach Causality::contraction(Operation *op) {
  auto effects = cast<onnx::ShapeInterface>(op);
  Dims out = dims(op->getResult(0));
  Reach made;
  std::optional<unsigned> summed[2];
  std::optional<Cut> cuts[2];
  for (unsigned i = 0; i < op->getNumOperands(); ++i) {
    Value operand = op->getOperand(i);
    const Reach &given = reach(operand);
    if (given.all())
      return given;
    if (dependsOnLength(operand))
      return depends(op, "input " + Twine(i) + " depends on the number of rows");
    Dims in = dims(operand);
    auto groups = effects.getRowEffect(i, 0);
    for (unsigned d = 0; d < in.size(); ++d) {
      if (!counts(in[d]))
        continue;
      auto at = target(groups, d, in, out);
      if (!at && (i > 1 || summed[i]))
        return depends(op, "sums over rows in a way that no rule covers");
      if (!at)
        summed[i] = d;
      else if (auto it = given.axes.find(d); it != given.axes.end())
        include(made, *at, it->second);
    }
    if (i < 2 && summed[i])
      cuts[i] = given.cut ? given.cut : cutOfKnown(operand, onnx::getDims(operand.getType()).value_or(Dims()));
  }
  if (!summed[0] && !summed[1])
    return made;
  for (unsigned i = 0; i < 2; ++i) {
    const auto &cut = cuts[i];
    if (!summed[0] || !summed[1] || !cut || cut->fill != Cut::kZero || cut->key != *summed[i])
      continue;
    auto query = target(effects.getRowEffect(i, 0), cut->query, dims(op->getOperand(i)), out);
    if (!query)
      continue;
    for (unsigned j = 0; j < 2; ++j) {
      const Reach &given = reach(op->getOperand(j));
      if (auto it = given.axes.find(*summed[j]); it != given.axes.end())
        include(made, *query, it->second + cut->shift);
    }
    return made;
  }
  return depends(op, "sums over all rows, and no mask that is known hides later ones");
}

Reach Causality::reduction(Operation *op) {
  const Reach &given = reach(op->getOperand(0));
  auto groups = cast<onnx::ShapeInterface>(op).getRowEffect(0, 0);
  Dims in = dims(op->getOperand(0)), out = dims(op->getResult(0));
  std::optional<Cut> cut = given.cut;
  if (!given.all() && !reach_.contains(op->getOperand(0)))
    cut = cutOfKnown(op->getOperand(0), onnx::getDims(op->getOperand(0).getType()).value_or(Dims()));
  if (given.all() || !cut || cut->fill != (isa<onnx::ReduceSumOp>(op) ? Cut::kZero : Cut::kHidden) ||
      dependsOnLength(op->getOperand(0)))
    return byGroups(op, 0);
  Reach made;
  for (unsigned d = 0; d < in.size(); ++d) {
    if (!counts(in[d]))
      continue;
    auto at = target(groups, d, in, out);
    if (!at && d == cut->key)
      continue;
    if (!at)
      return byGroups(op, 0);
    if (auto it = given.axes.find(d); it != given.axes.end())
      include(made, *at, it->second);
  }
  return made;
}

Reach Causality::softmax(onnx::SoftmaxOp op) {
  const Reach &given = reach(op.getX());
  int64_t rank = dims(op.getX()).size(), axis = op.getAxis();
  axis = axis < 0 ? axis + rank : axis;
  if (given.all() || !given.cut || given.cut->key != axis || given.cut->fill != Cut::kHidden)
    return byGroups(op, 0);
  Reach made = given; // no element depends on the axis any more
  made.cut->fill = Cut::kZero;
  return made;
}

/// Taps reach from `ahead` rows behind on backwards.
Reach Causality::convolution(onnx::ConvOp op) {
  const Reach &given = reach(op.getX());
  Dims in = dims(op.getX()), kernel = dims(op.getW());
  if (given.all())
    return given;
  auto number = [](std::optional<ArrayRef<int64_t>> list, unsigned at, int64_t otherwise) {
    return list && at < list->size() ? (*list)[at] : otherwise;
  };
  if (in.size() < 3 || kernel.size() != in.size() || op.getAutoPad() != "NOTSET" || counts(in[0]) || counts(in[1]) ||
      reach_.contains(op.getW()))
    return depends(op, "is no convolution along rows with pads that are known");
  Reach made;
  for (unsigned d = 2; d < in.size(); ++d) {
    if (!counts(in[d]))
      continue;
    auto taps = kernel[d].constant();
    if (!taps || number(op.getStrides(), d - 2, 1) != 1)
      return depends(op, "is a convolution along rows that skips some");
    int64_t ahead = (*taps - 1) * number(op.getDilations(), d - 2, 1) - number(op.getPads(), d - 2, 0);
    if (auto it = given.axes.find(d); it != given.axes.end())
      include(made, d, it->second + ahead);
  }
  return made;
}

Reach Causality::causalConvolution(Operation *op, unsigned result) {
  const Reach &given = reach(op->getOperand(0));
  if (given.all())
    return given;
  if (result)
    return depends(op, "its state after all rows is used as a value");
  Reach made;
  made.axes = given.axes;
  return made;
}

Reach Causality::pad(onnx::PadOp op) {
  const Reach &given = reach(op.getX());
  if (given.all())
    return given;
  auto pads = known_.integers(op.getPads());
  auto axes = op.getAxes() ? known_.integers(op.getAxes()) : std::nullopt;
  int64_t rank = dims(op.getX()).size();
  if (!pads || (op.getAxes() && !axes) || op.getMode() != "constant")
    return depends(op, "pads rows by what is no constant");
  Reach made = given;
  made.cut.reset();
  for (unsigned i = 0; i < pads->size() / 2; ++i) {
    int64_t axis = axes ? (*axes)[i] : i;
    if (auto it = made.axes.find(axis < 0 ? axis + rank : axis); it != made.axes.end())
      it->second -= (*pads)[i];
  }
  return made;
}

Reach Causality::slice(onnx::SliceOp op) {
  const Reach &given = reach(op.getX());
  if (given.all())
    return given;
  auto starts = known_.find(op.getStarts());
  auto axes = op.getAxes() ? known_.integers(op.getAxes()) : std::nullopt;
  auto steps = op.getSteps() ? known_.integers(op.getSteps()) : std::nullopt;
  Dims in = dims(op.getX());
  int64_t rank = in.size(), count = dims(op.getStarts()).empty() ? 0 : dims(op.getStarts())[0].constant().value_or(0);
  if (!starts || (op.getAxes() && !axes) || (op.getSteps() && !steps))
    return depends(op, "cuts rows at places that are no constants");
  Reach made = given;
  for (int64_t i = 0; i < count; ++i) {
    int64_t axis = axes ? (*axes)[i] : i;
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis >= rank)
      return depends(op, "cuts along no axis");
    if (!counts(in[axis]))
      continue;
    ElementRef start = known_.at(*starts, SymExpr(i));
    auto first = start && start->kind == Element::Kind::kInteger ? start->value.constant() : std::nullopt;
    if (!first || *first < 0 || (steps && (*steps)[i] != 1))
      return depends(op, "cuts rows counted from the last one, or some of them");
    if (auto it = made.axes.find(axis); it != made.axes.end())
      it->second += *first;
    if (made.cut && made.cut->key == axis)
      made.cut->shift -= *first;
    if (made.cut && made.cut->query == axis)
      made.cut->shift += *first;
  }
  return made;
}

Reach Causality::concat(onnx::ConcatOp op) {
  Dims out = dims(op.getY());
  int64_t axis = op.getAxis();
  axis = axis < 0 ? axis + static_cast<int64_t>(out.size()) : axis;
  Reach made;
  SymExpr before(0);
  for (auto [i, operand] : llvm::enumerate(op.getInputs())) {
    const Reach &given = reach(operand);
    if (given.all())
      return given;
    if (dependsOnLength(operand))
      return depends(op, "input " + Twine(i) + " depends on the number of rows");
    Dims in = dims(operand);
    for (auto [d, shift] : given.axes)
      include(made, d, d == axis ? shift - before.constant().value_or(0) : shift);
    // Behind rows stands what moves when they are more.
    if (!before.constant() && !reach_.contains(operand))
      return depends(op, "puts something behind the last row");
    before = before + in[axis];
  }
  std::optional<Cut> cut = cutOf(op, 0, 0);
  for (unsigned i = 1; i < op.getInputs().size() && cut; ++i) {
    auto other = cutOf(op, i, 0);
    if (!other || other->query != cut->query || other->key != cut->key || other->shift != cut->shift ||
        other->fill != cut->fill)
      cut.reset();
  }
  if (cut && cut->query != axis && cut->key != axis)
    made.cut = cut;
  return made;
}

Reach Causality::runningSum(Operation *op) {
  const Reach &given = reach(op->getOperand(0));
  if (given.all())
    return given;
  auto reverse = op->getAttrOfType<IntegerAttr>("reverse");
  if ((reverse && reverse.getInt()) || dependsOnLength(op->getOperand(0)) || !known_.integers(op->getOperand(1)))
    return byGroups(op, 0);
  Reach made;
  made.axes = given.axes;
  return made;
}

/// An attention operator: causal by its attribute, or by a mask that hides later keys.
Reach Causality::attention(Operation *op, unsigned result) {
  Dims out = dims(onnx::getOutput(op, result));
  if (result || (out.size() != 3 && out.size() != 4))
    return depends(op, "hands out keys, values or scores of all rows");
  auto integer = [&](StringRef name) {
    auto attribute = op->getAttrOfType<IntegerAttr>(name);
    return attribute ? attribute.getInt() : 0;
  };
  bool group = isa<onnx::GroupQueryAttentionOp>(op), multi = isa<onnx::MultiHeadAttentionOp>(op);
  bool causal = group ? integer("causal") != 0 : multi ? integer("unidirectional") != 0 : integer("is_causal") != 0;
  unsigned maskAt = group ? 10 : multi ? 5 : 3;
  Value mask = onnx::getInput(op, maskAt);
  if (mask && !causal) {
    Dims scores = onnx::getDims(mask.getType()).value_or(Dims());
    auto cut = reach_.contains(mask) ? reach(mask).cut : cutOfKnown(mask, scores);
    causal = cut && cut->shift <= 0 && scores.size() >= 2 && cut->query == scores.size() - 2 &&
             cut->key == scores.size() - 1 && cut->fill == Cut::kHidden;
  }
  if (!causal)
    return depends(op, "no mask that is known hides later keys");
  Reach made;
  unsigned tokens = out.size() == 3 ? 1 : 2;
  for (unsigned i = 0, count = countInputs(op); i < count; ++i) {
    Value operand = onnx::getInput(op, i);
    if (!operand)
      continue;
    if (group && (i == 5 || i == 6)) { // all keys up to the last query's
      const Known *counted = known_.find(operand);
      ElementRef count = counted ? counted->element : nullptr;
      if (!count || count->kind != Element::Kind::kInteger || count->value != interface_.keys() - SymExpr(6 - i))
        return depends(op, Twine(i == 5 ? "seqlens_k" : "total_sequence_length") + " is " + describe(count));
      continue;
    }
    const Reach &given = reach(operand);
    if (given.all())
      return given;
    if (dependsOnLength(operand))
      return depends(op, "input " + Twine(i) + " depends on the number of rows");
    Dims in = dims(operand);
    for (auto [axis, shift] : given.axes) {
      bool own = i < 3 ? axis == (in.size() == 4 ? 2 : 1) : i == maskAt && axis + 2 == in.size();
      if (!own)
        return depends(op, "input " + Twine(i) + " has its rows in an unusual place");
      include(made, tokens, shift);
    }
  }
  return made;
}

} // namespace janus::recover
