// Where values become mixtures: additions, sums over ranks or experts, products by what the router decides.
#include "lib/Recover/Meaning/Rules.h"

using namespace mlir;

namespace janus::recover {

/// The meaning with an element of `value` itself as its term.
Meaning OperatorRules::leaf(Meaning meaning, Value value) {
  in_.values_.push_back(value);
  meaning.term = terms_.value(static_cast<int32_t>(in_.values_.size()) - 1, space_.flat(meaning.axes));
  return meaning;
}

/// A dense term for one expert; null when there is none in a few steps.
static T findDense(T term, unsigned depth = 12) {
  if (term->kind == Term::kDense && term->number == 0 && term->indices[0].kind == Index::kNumber)
    return term;
  if (term->routed.empty() || depth == 0 || (term->kind != Term::kApply && term->kind != Term::kSum))
    return nullptr;
  for (T operand : term->operands)
    if (T found = findDense(operand, depth - 1))
      return found;
  return nullptr;
}

/// dense(e, 0, w) * F for a number e, or F with it in its input: the mixture of that expert. -1 when the term is
/// something else.
int32_t OperatorRules::singleOf(const Meaning &meaning, Value at) {
  if (meaning.term->routed.empty() || (meaning.term->kind != Term::kApply && meaning.term->kind != Term::kSum))
    return -1;
  SmallVector<T, 4> factors, weights, bodies;
  terms_.factors(meaning.term, factors);
  T first = nullptr;
  for (T factor : factors)
    if (factor->kind == Term::kDense)
      first = first ? first : findDense(factor);
  if (!first && !(first = findDense(meaning.term)))
    return -1;
  Dim rows = terms_.rowVars(first->id);
  for (T factor : factors) {
    if (factor->kind == Term::kDense && factor->id == first->id && factor->indices[0] == first->indices[0])
      weights.push_back(factor->operands[0]);
    else if (terms_.onlyOn(factor, rows) && terms_.isRouted(factor, first->id))
      weights.push_back(factor);
    else
      bodies.push_back(factor);
  }
  if (bodies.empty())
    return -1;
  T body = terms_.given(terms_.product(bodies), first->id, first->indices[0], /*masksOnly=*/true);
  if (terms_.onlyOn(body, rows))
    return -1;
  return in_.mixtures_.single(first->id, first->indices[0].value, weights, body, at);
}

/// The only expert of a row next to what it is added to, the residual: a mixture.
void OperatorRules::closeApart(MutableArrayRef<Meaning> operands) {
  auto isApart = [](const Meaning &m) {
    return m.term->routed.empty() && m.term->kind != Term::kNumber && m.term->kind != Term::kWeight;
  };
  auto isOpen = [&](const Meaning &m) { return m.mixture >= 0 && !in_.mixtures_.at(m.mixture).whole; };
  for (unsigned i : {0u, 1u})
    if (operands.size() == 2 && isApart(operands[1 - i]) && !isOpen(operands[1 - i]) && !isApart(operands[i]) &&
        operands[i].mixture < 0) {
      operands[i] = closeOne(operands[i], operand(i));
      if (operands[i].mixture >= 0)
        in_.record(operand(i), operands[i]);
    }
}

/// The experts of several ranks, each chosen by itself, next to each other: a mixture each.
void OperatorRules::closeRanks(MutableArrayRef<Meaning> operands) {
  SmallVector<int32_t, 2> choices;
  bool isNew = false;
  for (const Meaning &operand : operands) {
    if (operand.mixture >= 0) {
      if (!in_.mixtures_.at(operand.mixture).whole)
        return;
      for (int32_t rank : in_.mixtures_.ranksOf(operand.mixture))
        choices.push_back(in_.mixtures_.at(rank).choice);
    } else if (auto one = operands.size() > 1 ? mixtureOfOne(operand.term) : std::nullopt) {
      choices.push_back(one->choice);
      isNew = true;
    } else {
      return;
    }
  }
  llvm::sort(choices, [&](int32_t a, int32_t b) { return terms_.isBefore(a, b); });
  if (!isNew || !terms_.joinChoices(choices))
    return;
  for (auto [i, operand] : llvm::enumerate(operands)) {
    Value at = this->operand(static_cast<unsigned>(i));
    if (operand.mixture >= 0)
      continue;
    operand = closeOne(operand, at);
    in_.record(at, operand);
  }
}

/// Sums of experts, and of what else is added to them.
std::optional<Meaning> OperatorRules::join(const Meaning &a, const Meaning &b, ArrayRef<Extent> out) {
  Mixtures &mixtures = in_.mixtures_;
  auto isOpen = [&](int32_t mixture) { return mixture >= 0 && !mixtures.at(mixture).whole; };
  // In an order of pairs there are no rows yet.
  if (llvm::any_of(space_.flat(a.axes), [&](Var var) { return space_.list(var); }))
    return std::nullopt;
  int32_t left = a.mixture >= 0 ? a.mixture : singleOf(a, operand(0));
  int32_t right = b.mixture >= 0 ? b.mixture : singleOf(b, operand(1));
  if (left < 0 || right < 0 || !mixtures.areRanks(left, right)) {
    left = isOpen(left) ? left : -1;
    right = isOpen(right) ? right : -1;
  }
  if (left < 0 && right < 0)
    return std::nullopt;
  auto axes = alignAll({a.axes, b.axes}, out);
  if (!axes || axes->size() != a.axes.size() || axes->size() != b.axes.size())
    return std::nullopt;
  Value at = onnx::getOutput(op_, 0);
  Meaning result{*axes, nullptr, -1};
  if (left >= 0 && right >= 0) {
    auto joined = mixtures.join(left, right, at);
    if (!joined)
      return std::nullopt;
    result.mixture = *joined;
  } else {
    const Meaning &other = left >= 0 ? b : a;
    int32_t mixture = left >= 0 ? left : right;
    if (terms_.numberOf(other.term) == 0) {
      result.term = (left >= 0 ? a : b).term;
      result.mixture = mixture;
      return result;
    }
    bool byRow = llvm::any_of(in_.rows_, [&](Var row) { return terms_.dependsOn(other.term, row); });
    if (!byRow || op_->getNumOperands() != 2) // a bias of what is masked; no value of the graph is the rest
      return std::nullopt;
    result.mixture = mixtures.plus(mixture, operand(left >= 0 ? 1 : 0), at);
  }
  return leaf(std::move(result), at);
}

/// A whole mixture times (divided by) a number or what the router decides of the row: its weights are scaled.
std::optional<Meaning> OperatorRules::scale(Fn fn, const Meaning &a, const Meaning &b) {
  auto isWhole = [&](const Meaning &m) { return m.mixture >= 0 && in_.mixtures_.at(m.mixture).whole; };
  bool first = isWhole(a);
  if (!first && (fn == Fn::kDiv || !isWhole(b)))
    return std::nullopt;
  const Meaning &mixed = first ? a : b, &other = first ? b : a;
  const Mixture &scaled = in_.mixtures_.at(mixed.mixture);
  if (!scaled.weighted || scaled.sparseMixer || !scaled.rest.empty())
    return std::nullopt;
  // By the choice, or by one that it rests on: chosen logs as the logits of a fused operator.
  bool decided =
      other.term->kind == Term::kNumber || terms_.isRouted(other.term, scaled.choice) ||
      llvm::any_of(terms_.restsOn(scaled.choice), [&](int32_t choice) { return terms_.isRouted(other.term, choice); });
  if (!decided || !terms_.onlyOn(other.term, terms_.rowVars(scaled.choice)))
    return std::nullopt;
  // Nothing else may see the mixture as it was.
  Value seen = operand(first ? 0 : 1);
  for (Value value = seen; value != scaled.at;) {
    Operation *view = value.getDefiningOp();
    if (!view || view->getNumOperands() == 0)
      return std::nullopt;
    value = view->getOperand(0);
    if (llvm::count_if(value.getUsers(), [](Operation *user) { return !isa<onnx::ShapeOp>(user); }) != 1)
      return std::nullopt;
  }
  if (llvm::count_if(seen.getUsers(), [](Operation *user) { return !isa<onnx::ShapeOp>(user); }) != 1)
    return std::nullopt;
  auto axes = alignAll({a.axes, b.axes}, outExtents());
  if (!axes)
    return std::nullopt;
  Value at = onnx::getOutput(op_, 0);
  Meaning result{*axes, nullptr, in_.mixtures_.scale(mixed.mixture, fn, other.term, at)};
  return leaf(std::move(result), at);
}

/// The mixture that a sum over ranks or over experts is.
std::optional<Mixture> OperatorRules::mixtureOf(T term) {
  SmallVector<T, 4> factors, outside, inside;
  terms_.factors(term, factors);
  T sum = nullptr;
  for (T factor : factors) {
    if (factor->kind == Term::kSum && !factor->routed.empty() && !sum)
      sum = factor;
    else
      outside.push_back(factor);
  }
  if (!sum)
    return std::nullopt;
  terms_.factors(sum->operands[0], inside);
  for (int32_t choice : sum->routed) {
    const Choice &made = terms_.choice(choice);
    bool ranks = made.rank >= 0 && space_.same(sum->vars, {made.rank});
    bool experts = space_.same(sum->vars, {made.over});
    if (!ranks && !experts)
      continue;
    Dim pairs = terms_.pairVars(choice);
    Index index = Index::var(made.over);
    SmallVector<T, 4> weights, bodies;
    bool dense = false;
    for (T factor : outside)
      if (factor->kind == Term::kNumber) // an activation's as well as a router's; it can move
        bodies.push_back(factor);
      else if (terms_.isRouted(factor, choice) && terms_.onlyOn(factor, terms_.rowVars(choice)))
        weights.push_back(factor);
      else
        return std::nullopt;
    for (T factor : inside) {
      if (experts && factor->kind == Term::kDense && factor->id == choice && factor->number == 0 &&
          terms_.sameIndex(factor->indices[0], index)) {
        weights.push_back(factor->operands[0]);
        dense = true;
      } else if (ranks && factor->kind != Term::kNumber && terms_.onlyOn(factor, pairs)) {
        weights.push_back(factor);
      } else {
        bodies.push_back(factor);
      }
    }
    T body = terms_.product(bodies);
    if (bodies.empty() || terms_.onlyOn(body, pairs) || (ranks && !terms_.isRouted(body, choice)))
      continue;
    Mixture mixture;
    mixture.form = ranks ? Mixture::kByChoice : Mixture::kByIndex;
    mixture.choice = choice;
    mixture.over = experts ? made.over : -1;
    mixture.body = experts ? terms_.given(body, choice, index, /*masksOnly=*/true) : body;
    llvm::sort(weights);
    mixture.weight = terms_.product(weights);
    mixture.weighted = !weights.empty();
    if (experts && !dense && (!terms_.isRouted(body, choice) || !weights.empty()))
      continue; // every expert for every row, not a mixture
    mixture.whole = true;
    return mixture;
  }
  return std::nullopt;
}

/// Does the expert chosen select weights in the term, besides what is decided of the row?
static bool selects(const Terms &terms, T term, int32_t choice, ArrayRef<Var> rows, llvm::DenseSet<T> &seen) {
  if (!terms.isRouted(term, choice) || terms.onlyOn(term, rows) || !seen.insert(term).second)
    return false;
  return (term->kind == Term::kSwitch && term->id == choice) ||
         (term->kind == Term::kWeight && llvm::is_contained(term->indices, Index::chosen(choice))) ||
         llvm::any_of(term->operands, [&](T operand) { return selects(terms, operand, choice, rows, seen); });
}

/// Is it made of the term?
static bool isMadeOf(T term, T part, llvm::DenseSet<T> &seen) {
  return term == part || (seen.insert(term).second &&
                          llvm::any_of(term->operands, [&](T operand) { return isMadeOf(operand, part, seen); }));
}

/// Of a choice of one expert there is no sum: its weight times the expert chosen.
std::optional<Mixture> OperatorRules::mixtureOfOne(T term) {
  for (int32_t choice : term->routed) {
    if (terms_.choice(choice).rank >= 0)
      continue;
    Dim rows = terms_.rowVars(choice);
    SmallVector<T, 4> factors, weights, bodies;
    terms_.factors(term, factors);
    for (T factor : factors) {
      llvm::DenseSet<T> seen; // the largest score is the weight of the expert that has it
      bool weight = factor->kind != Term::kNumber && terms_.onlyOn(factor, rows) &&
                    (terms_.isRouted(factor, choice) || isMadeOf(factor, terms_.choice(choice).input, seen));
      (weight ? weights : bodies).push_back(factor);
    }
    T body = terms_.product(bodies);
    llvm::DenseSet<T> seen;
    if (!selects(terms_, body, choice, rows, seen) || terms_.dependsOn(body, terms_.choice(choice).over))
      continue;
    llvm::sort(weights);
    Mixture mixture;
    mixture.form = Mixture::kByChoice;
    mixture.choice = choice;
    mixture.body = body;
    mixture.weight = terms_.product(weights);
    mixture.weighted = mixture.whole = true;
    return mixture;
  }
  return std::nullopt;
}

Meaning OperatorRules::closeOne(Meaning result, Value at) {
  auto mixture = result.mixture < 0 ? mixtureOfOne(result.term) : std::nullopt;
  if (!mixture)
    return result;
  mixture->at = at;
  result.axes = space_.resolveAll(result.axes);
  result.mixture = in_.mixtures_.add(*mixture);
  return leaf(std::move(result), at);
}

/// A sum that is a mixture becomes one.
Meaning OperatorRules::close(Meaning sum, Value at) {
  if (sum.term->routed.empty())
    return sum;
  auto mixture = mixtureOf(sum.term);
  if (!mixture)
    return sum;
  mixture->at = at;
  sum.axes = space_.resolveAll(sum.axes);
  sum.mixture = in_.mixtures_.add(*mixture);
  return leaf(std::move(sum), at);
}

} // namespace janus::recover
