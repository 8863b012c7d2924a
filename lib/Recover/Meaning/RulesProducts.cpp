// Contractions and reductions.
#include "lib/Recover/Meaning/Rules.h"

using namespace mlir;

namespace janus::recover {

/// a [..., M, K] . b [..., K, N], broadcast over the leading dimensions.
std::optional<Meaning> OperatorRules::contract(const Meaning &a, const Meaning &b) {
  Axes left = a.axes, right = b.axes;
  Dim inner = space_.resolve(left.pop_back_val()), other = space_.resolve(right[right.size() - 2]);
  T x = a.term, y = b.term;
  // What a mask of slots is multiplied by is there already.
  SmallVector<std::pair<Var, Var>, 1> looked; // by x, by y
  for (size_t back = 1; back <= std::min(inner.size(), other.size());) {
    auto left = inner.end() - static_cast<ptrdiff_t>(back), right = other.end() - static_cast<ptrdiff_t>(back);
    if (isSlots(*left) == isSlots(*right)) {
      ++back;
      continue;
    }
    looked.push_back({*left, *right});
    inner.erase(left), other.erase(right);
  }
  if (inner.empty() != other.empty() || !space_.align(inner, other)) {
    fail("the dimensions that it contracts do not run together");
    return std::nullopt;
  }
  Dim rows = left.pop_back_val(), columns = right.back();
  right.pop_back_n(2);
  SmallVector<Extent> batch;
  for (size_t i = 0, rank = std::max(left.size(), right.size()); i < rank; ++i) {
    auto at = [&](const Axes &axes) { return axes.size() + i < rank ? Dim() : axes[axes.size() + i - rank]; };
    Dim dim = at(left).empty() ? at(right) : at(left);
    batch.push_back(space_.extentOf(dim));
  }
  auto axes = alignAll({left, right}, batch);
  if (!axes) {
    fail("its operands' dimensions do not run together");
    return std::nullopt;
  }
  axes->push_back(rows);
  axes->push_back(columns);
  // The contracted variable must be no other dimension.
  Axes all = *axes;
  all.push_back(inner);
  if (hasDuplicates(all)) {
    fail("two of its dimensions run together");
    return std::nullopt;
  }
  if (addsLists(inner))
    return std::nullopt;
  for (auto [left, right] : looked)
    if (isSlots(right) ? !outOfSlots(x, left, y, right) : !outOfSlots(y, right, x, left))
      return std::nullopt;
  T product = terms_.apply(Fn::kMul, {x, y});
  if (auto slots = dispatch(*axes, inner, product))
    return slots;
  return Meaning{*axes, terms_.sum(inner, product), -1};
}

bool OperatorRules::matmul() {
  Meaning a = in(0), b = in(1);
  bool vectorA = a.axes.size() == 1, vectorB = b.axes.size() == 1;
  if (a.axes.empty() || b.axes.empty())
    return fail("a product of numbers");
  if (vectorA)
    a.axes.insert(a.axes.begin(), Dim());
  if (vectorB)
    b.axes.push_back(Dim());
  auto result = contract(a, b);
  if (!result)
    return false;
  if (vectorA)
    result->axes.erase(result->axes.end() - 2);
  if (vectorB)
    result->axes.pop_back();
  return set(0, close(*result, onnx::getOutput(op_, 0)));
}

bool OperatorRules::matmulNBits() {
  auto op = cast<onnx::MatMulNBitsOp>(op_);
  if (op.getGIdx() || op.getWeightPrepacked())
    return fail("g_idx or packed weights");
  Meaning a = in(0);
  auto stored = in_.form_.trace(quantisedOf(op));
  if (!stored || a.axes.empty())
    return fail("its weights are no constants");
  Axes axes; // [N, K]
  SmallVector<Index> indices;
  for (int64_t size : stored->shape()) {
    axes.push_back(space_.freshDim(space_.extent(onnx::SymExpr(size))));
    indices.push_back(axes.back().empty() ? Index::number(0) : Index::var(axes.back()[0]));
  }
  T weight = terms_.weight(terms_.addWeight(*stored), indices);
  bool vector = a.axes.size() == 1;
  if (vector)
    a.axes.insert(a.axes.begin(), Dim());
  auto result = contract(a, Meaning{{axes[1], axes[0]}, weight, -1});
  if (!result)
    return false;
  if (vector)
    result->axes.erase(result->axes.end() - 2);
  if (op.getBias() && !(result = combine(Fn::kAdd, {*result, in(5)}, outExtents())))
    return false;
  return set(0, close(*result, onnx::getOutput(op_, 0)));
}

bool OperatorRules::gemm() {
  Meaning a = in(0), b = in(1);
  if (attribute("transA", 0))
    std::swap(a.axes[0], a.axes[1]);
  if (attribute("transB", 0))
    std::swap(b.axes[0], b.axes[1]);
  auto result = contract(a, b);
  if (!result)
    return false;
  auto factor = [&](StringRef name) {
    auto value = op_->getAttrOfType<FloatAttr>(name);
    return terms_.number(value ? value.getValueAsDouble() : 1.0);
  };
  result->term = terms_.apply(Fn::kMul, {factor("alpha"), result->term});
  if (has(2)) {
    Meaning c = in(2);
    c.term = terms_.apply(Fn::kMul, {factor("beta"), c.term});
    result = combine(Fn::kAdd, {*result, c}, outExtents());
    if (!result)
      return false;
  }
  return set(0, close(*result, onnx::getOutput(op_, 0)));
}

bool OperatorRules::einsum() {
  auto equation = op_->getAttrOfType<StringAttr>("equation");
  if (!equation)
    return fail("it has no equation");
  std::string text = equation.getValue().str();
  llvm::erase(text, ' ');
  if (text.find('.') != std::string::npos)
    return fail("an ellipsis in its equation");
  auto [inputs, output] = StringRef(text).split("->");
  SmallVector<StringRef> sides;
  inputs.split(sides, ',');
  if (sides.size() != op_->getNumOperands())
    return fail("its equation does not fit its operands");
  std::map<char, Dim> letters;
  T term = terms_.number(1);
  struct Slotted {
    T term;
    char letter;
    Var slots;
  };
  SmallVector<Slotted, 1> slotted; // what masks of slots are multiplied by
  for (auto [i, side] : llvm::enumerate(sides)) {
    Meaning x = in(static_cast<unsigned>(i));
    if (side.size() != x.axes.size())
      return fail("its equation does not fit its operands");
    bool isSlotted = false;
    for (auto [letter, dim] : llvm::zip(side, x.axes)) {
      bool summed = StringRef(text).contains("->") && !output.contains(letter) && StringRef(inputs).count(letter) > 1;
      if (summed && dim.size() == 1 && isSlots(dim[0]) && !isSlotted) {
        slotted.push_back({x.term, letter, dim[0]});
        isSlotted = true;
        continue;
      }
      Dim &known = letters[letter];
      if (known.empty())
        known = dim;
      else if (!dim.empty() && !space_.align(known, dim))
        return fail("dimensions of one letter do not run together");
    }
    if (!isSlotted)
      term = terms_.apply(Fn::kMul, {term, x.term});
  }
  for (Slotted &part : slotted) {
    Dim slot = space_.resolve(letters[part.letter]);
    letters.erase(part.letter);
    if (slot.size() != 1 || isSlots(slot[0]))
      return fail("it adds up slots of experts");
    if (!outOfSlots(term, slot[0], part.term, part.slots))
      return false;
    term = terms_.apply(Fn::kMul, {term, part.term});
  }
  std::string result = output.str();
  if (text.find("->") == std::string::npos) // letters that occur once, in order
    for (const auto &[letter, dim] : letters)
      if (llvm::count(inputs, letter) == 1)
        result.push_back(letter);
  Axes axes, all;
  Dim summed;
  for (char letter : result)
    axes.push_back(letters[letter]);
  for (const auto &[letter, dim] : letters) {
    all.push_back(dim);
    if (result.find(letter) == std::string::npos)
      summed.append(dim);
  }
  if (hasDuplicates(all))
    return fail("two of its dimensions run together");
  summed = space_.resolve(summed);
  if (addsLists(summed))
    return false;
  if (auto slots = dispatch(axes, summed, term))
    return set(0, *slots);
  return set(0, close(Meaning{axes, terms_.sum(summed, term), -1}, onnx::getOutput(op_, 0)));
}

bool OperatorRules::reduce() {
  Meaning x = in(0);
  auto axes = axesOperand(1, "axes", static_cast<int64_t>(x.axes.size()));
  if (!axes)
    return fail("its axes are not known");
  if (axes->empty() && !attribute("noop_with_empty_axes", 0))
    axes = llvm::to_vector(llvm::seq<int64_t>(static_cast<int64_t>(x.axes.size())));
  bool keep = attribute("keepdims", 1);
  Dim reduced;
  Axes kept;
  for (auto [d, dim] : llvm::enumerate(space_.resolveAll(x.axes))) {
    bool gone = llvm::is_contained(*axes, static_cast<int64_t>(d));
    if (gone)
      reduced.append(dim);
    if (!gone || keep)
      kept.push_back(gone ? Dim() : dim);
  }
  // A sum over a list of pairs is one over the variables that it binds, if it holds them all.
  for (Var &var : llvm::make_early_inc_range(reduced))
    if (const PairList *list = space_.list(var)) {
      if (list->expert >= 0 || list->slots || reduced.size() != 1)
        return fail("a sum over the rows of one expert");
      Dim covers = space_.resolve(list->covers);
      reduced = covers;
      break;
    }
  // A reduction is a sum or maximum of f(x), and a function of that.
  StringRef name = op_->getName().stripDialect();
  auto apply = [&](Fn fn, T t) { return terms_.apply(fn, {t}); };
  T term = x.term;
  if (name == "ReduceL1")
    term = apply(Fn::kAbs, term);
  else if (name == "ReduceL2" || name == "ReduceSumSquare")
    term = terms_.apply(Fn::kMul, {term, term});
  else if (name == "ReduceLogSumExp")
    term = apply(Fn::kExp, term);
  else if (name == "ReduceMin")
    term = apply(Fn::kNeg, term);
  bool largest = name == "ReduceMax" || name == "ReduceMin";
  term = largest ? terms_.max(reduced, term) : terms_.sum(reduced, term);
  if (name == "ReduceMean")
    term = terms_.apply(Fn::kDiv, {term, terms_.size(space_.extentOf(reduced))});
  else if (name == "ReduceL2")
    term = apply(Fn::kSqrt, term);
  else if (name == "ReduceLogSum" || name == "ReduceLogSumExp")
    term = apply(Fn::kLog, term);
  else if (name == "ReduceMin")
    term = apply(Fn::kNeg, term);
  Meaning result{kept, term, -1};
  Value at = onnx::getOutput(op_, 0);
  if (name == "ReduceSum")
    result = reduced.empty() ? closeOne(result, at) : close(result, at);
  return set(0, result);
}

bool OperatorRules::softmax() {
  Meaning x = in(0);
  auto axis = axisOf("axis", -1, static_cast<int64_t>(x.axes.size()));
  if (!axis)
    return fail("its axis is not known");
  if (llvm::any_of(space_.resolve(x.axes[*axis]), [&](Var var) { return space_.list(var); }))
    return fail("its axis is one that data determines");
  x.term = x.axes[*axis].empty() ? terms_.number(1) : terms_.softmax(x.axes[*axis], x.term);
  if (op_->getName().stripDialect() == "LogSoftmax")
    x.term = terms_.apply(Fn::kLog, {x.term});
  return set(0, x);
}

} // namespace janus::recover
