// Operators that choose, sort, list and count.
#include "lib/Recover/Meaning/Rules.h"

using namespace mlir;

namespace janus::recover {

bool OperatorRules::topK() {
  Meaning x = in(0);
  auto axis = axisOf("axis", -1, static_cast<int64_t>(x.axes.size()));
  if (!axis)
    return fail("its axis is not known");
  ArrayRef<Extent> before = *space_.extents(operand(0).getType());
  if (before[*axis] == outExtents()[*axis] && x.axes.size() == 1 && attribute("sorted", 1))
    return sort(x, attribute("largest", 1));
  Dim over = space_.resolve(x.axes[*axis]);
  auto k = space_.constant(outExtents()[*axis]);
  if (k == 1 && over.empty()) // the only one
    return set(0, x) && set(1, Axes(x.axes.size()), terms_.number(0));
  bool largest = attribute("largest", 1);
  // The experts of an order of all, sorted: the rank of each.
  if (x.term->kind == Term::kId && !largest && k == terms_.choice(x.term->id).k) {
    const Choice made = terms_.choice(x.term->id);
    if (made.k == made.width && made.members.empty() && made.of < 0 && space_.same(over, {made.rank})) {
      Axes axes = x.axes;
      axes[*axis] = {made.over};
      return set(0, axes, terms_.index({made.over})) &&
             set(1, axes, terms_.dense(x.term->id, Index::var(made.over), 0, terms_.index({made.rank})));
    }
  }
  if (!k || over.empty() || llvm::any_of(over, [&](Var var) { return space_.list(var); }))
    return fail("it chooses among what is not followed");
  auto width = space_.sizeOf(over);
  if (!width)
    return fail("it chooses among an unknown number");
  if (largest)
    return choose(x, static_cast<size_t>(*axis), *k, *width, /*hasValues=*/true);
  // The least are the largest of the negative ones.
  T values = x.term;
  x.term = terms_.apply(Fn::kNeg, {x.term});
  if (!choose(x, static_cast<size_t>(*axis), *k, *width, /*hasValues=*/true))
    return false;
  Meaning ids = in_.meaning(onnx::getOutput(op_, 1));
  return set(0, ids.axes, terms_.pick(ids.term->id, values));
}

bool OperatorRules::choose(const Meaning &x, size_t axis, int64_t k, int64_t width, bool hasValues) {
  Var over = space_.bundle(x.axes[axis]);
  Var rank = k == 1 ? -1 : space_.fresh(space_.extent(onnx::SymExpr(k)));
  int32_t id = terms_.addChoice({x.term, over, rank, k, width});
  in_.makers_.try_emplace(id, op_);
  rank = terms_.choice(id).rank;
  Axes axes = x.axes;
  axes[axis] = rank < 0 ? Dim() : Dim{rank};
  if (!hasValues && !attribute("keepdims", 1))
    axes.erase(axes.begin() + static_cast<int64_t>(axis));
  if (hasValues && !set(0, axes, terms_.pick(id, x.term)))
    return false;
  return set(hasValues ? 1 : 0, axes, terms_.id(id));
}

bool OperatorRules::argMax() {
  Meaning x = in(0);
  auto axis = axisOf("axis", 0, static_cast<int64_t>(x.axes.size()));
  Dim over = axis ? space_.resolve(x.axes[*axis]) : Dim();
  auto width = space_.sizeOf(over);
  bool lists = llvm::any_of(over, [&](Var var) { return space_.list(var) != nullptr; });
  if (over.empty() || !width || lists || attribute("select_last_index", 0))
    return fail("it chooses among what is not followed");
  return choose(x, static_cast<size_t>(*axis), 1, *width, /*hasValues=*/false);
}

/// All elements of a vector in order: of the experts of all pairs, a list of the pairs by expert; of the positions that
/// such a list holds, the inverse of it.
bool OperatorRules::sort(const Meaning &x, int64_t largest) {
  Dim dim = space_.resolve(x.axes[0]);
  if (x.term->kind == Term::kId && !largest) {
    Dim pairs = terms_.pairVars(x.term->id);
    bool all = pairs.size() == dim.size() && llvm::all_of(pairs, [&](Var var) { return llvm::is_contained(dim, var); });
    if (!all)
      return fail("it sorts what is not followed");
    PairList list;
    list.covers = dim;
    list.choice = x.term->id;
    list.uniqueRows = terms_.choice(x.term->id).k == 1;
    Var sorted = space_.freshList(space_.extentOf(dim), list);
    in_.sortedLists_.push_back({list.choice, sorted});
    ++in_.lists_;
    return set(0, Axes{Dim{sorted}}, x.term) && set(1, Axes{Dim{sorted}}, terms_.index(dim));
  }
  const PairList *list = dim.size() == 1 ? space_.list(dim[0]) : nullptr;
  if (list && !largest && list->expert < 0 && x.term->kind == Term::kIndex && space_.same(x.term->vars, list->covers)) {
    Dim covers = space_.resolve(list->covers);
    return set(0, Axes{covers}, terms_.index(covers)) && set(1, Axes{covers}, terms_.inverse(dim[0]));
  }
  return fail("it sorts what is not followed");
}

bool OperatorRules::oneHot() {
  Meaning indices = in(0);
  auto depth = constantNumbers(operand(1)), values = constantNumbers(operand(2));
  auto rank = static_cast<int64_t>(indices.axes.size());
  int64_t axis = attribute("axis", -1);
  axis = axis < 0 ? axis + rank + 1 : axis;
  if (values && values->size() == 2 && indices.term->kind != Term::kId && isPosition(indices.term))
    return slotHot(indices, static_cast<size_t>(axis), *values);
  if (indices.term->kind != Term::kId || !values || values->size() != 2)
    return fail("its indices are no experts");
  const Choice made = terms_.choice(indices.term->id);
  auto width = space_.constant(outExtents()[axis]);
  if (!width || *width < 2)
    return fail("its width is not known");
  (void)depth;
  // Of another width: classes that are cut off, or that no expert has.
  Var classes = width == made.width ? made.over : space_.fresh(outExtents()[axis]);
  T hot = width == made.width ? terms_.chosen(indices.term->id, Index::var(made.over))
                              : terms_.apply(Fn::kEqual, {terms_.index({classes}), indices.term});
  if ((*values)[0] != 0 || (*values)[1] != 1)
    hot = terms_.apply(Fn::kAdd, {terms_.number((*values)[0]),
                                  terms_.apply(Fn::kMul, {terms_.number((*values)[1] - (*values)[0]), hot})});
  Axes axes = indices.axes;
  axes.insert(axes.begin() + axis, Dim{classes});
  return set(0, axes, hot);
}

/// The experts that any pair chose: those whose count is not 0.
bool OperatorRules::hits(const Meaning &x) {
  T term = x.term, count = nullptr;
  for (T operand : term->operands)
    count = operand->kind == Term::kCount ? operand : count;
  if (term->kind != Term::kApply || !count || x.axes.size() != 1)
    return false;
  for (double pairs : {0.0, 1.0, 2.0}) {
    SmallVector<double, 3> numbers;
    for (T operand : term->operands) {
      if (operand != count && operand->kind != Term::kNumber)
        return false;
      numbers.push_back(operand == count ? pairs : operand->number);
    }
    if ((evaluate(term->fn, numbers) != 0) != (pairs > 0))
      return false;
  }
  PairList list;
  list.covers = space_.resolve(x.axes[0]);
  list.choice = count->id;
  list.experts = true;
  Var axis = space_.freshList(outExtents()[1], list);
  return set(0, Axes{Dim(), Dim{axis}}, terms_.index(list.covers));
}

/// The pairs that chose an expert, one column each: their coordinates.
bool OperatorRules::nonZero() {
  Meaning x = in(0);
  T term = x.term;
  if (hits(x))
    return true;
  bool pairs = term->kind == Term::kChosen;
  bool rows = term->kind == Term::kDense && term->number == 0 && terms_.numberOf(term->operands[0]).value_or(0) != 0;
  if ((!pairs && !rows) || term->indices[0].kind != Index::kNumber)
    return fail("it lists what is not followed");
  Dim covers = space_.flat(x.axes), all = pairs ? terms_.pairVars(term->id) : terms_.rowVars(term->id), repeated;
  // A mask repeated along the last dimensions lists each pair as often.
  while (!covers.empty() && !llvm::is_contained(all, covers.back()) && !space_.list(covers.back()))
    repeated.insert(repeated.begin(), covers.pop_back_val());
  // In a sorted order: the stretch of the expert.
  const PairList *order = covers.size() == 1 ? space_.list(covers[0]) : nullptr;
  if (order && order->expert < 0 && !order->experts && order->choice == term->id) {
    Dim coordinate = space_.freshDim(outExtents()[0]);
    bool isNew = !in_.stretches_.contains({covers[0], term->indices[0].value});
    if (isNew && !repeated.empty()) {
      needsList_ = true;
      return fail("it lists elements of rows that nothing lists");
    }
    in_.lists_ += isNew;
    Dim axis{stretchOf(covers[0], term->indices[0].value, outExtents()[1])};
    axis.append(repeated);
    in_.lengths_[outExtents()[1]] = axis;
    SmallVector<T> places;
    for (const Dim &dim : x.axes)
      places.push_back(space_.same(dim, {covers[0]}) ? terms_.place(covers[0]) : terms_.index(dim));
    return set(0, Axes{coordinate, axis}, coordinate.empty() ? places[0] : terms_.family(coordinate[0], places));
  }
  if (covers.size() != all.size() || !llvm::all_of(all, [&](Var var) { return llvm::is_contained(covers, var); }))
    return fail("it lists what is not followed");
  ArrayRef<Extent> out = outExtents();
  PairList list;
  list.covers = covers;
  list.choice = term->id;
  list.expert = term->indices[0].value;
  list.uniqueRows = true; // ranks of a row choose different experts
  Var &listed = in_.listed_.try_emplace({list.choice, list.expert}, -1).first->second;
  if (!repeated.empty() && (listed < 0 || !space_.same(space_.list(listed)->covers, covers))) {
    needsList_ = true;
    return fail("it lists elements of rows that nothing lists");
  }
  if (repeated.empty()) {
    listed = space_.freshList(out[1], list);
    ++in_.lists_;
  }
  Dim coordinate = space_.freshDim(out[0]), axis{listed};
  axis.append(repeated);
  in_.lengths_[out[1]] = axis;
  SmallVector<T> coordinates;
  for (const Dim &dim : x.axes)
    coordinates.push_back(terms_.index(dim));
  T index = coordinate.empty() ? coordinates[0] : terms_.family(coordinate[0], coordinates);
  return set(0, Axes{coordinate, axis}, index);
}

std::optional<int64_t> OperatorRules::expertOf(T begin, T end, int32_t choice) {
  auto expert = [&](T t) -> std::optional<int64_t> { // the last one before the offset
    if (terms_.numberOf(t) == 0)
      return -1;
    return t->kind == Term::kOffset && t->id == choice && t->indices[0].kind == Index::kNumber
               ? std::optional(t->indices[0].value)
               : std::nullopt;
  };
  auto first = expert(begin), last = expert(end);
  return first && last && *last == *first + 1 ? last : std::nullopt;
}

Var OperatorRules::stretchOf(Var sorted, int64_t expert, Extent extent) {
  auto [it, inserted] = in_.stretches_.try_emplace({sorted, expert}, -1);
  if (inserted) {
    PairList list = *space_.list(sorted);
    list.expert = expert;
    list.sorted = sorted;
    list.uniqueRows = true;
    it->second = space_.freshList(extent, list);
  }
  return it->second;
}

bool OperatorRules::range() {
  Meaning start = in(0), limit = in(1);
  auto delta = constantNumbers(operand(2));
  if (!delta || delta->size() != 1 || (*delta)[0] != 1)
    return fail("its step is not 1");
  // Positions of one expert's pairs in the order that the offsets belong to.
  T offset = limit.term->kind == Term::kOffset ? limit.term : nullptr;
  if (auto expert = offset ? expertOf(start.term, limit.term, offset->id) : std::nullopt) {
    for (const auto &[choice, sorted] : in_.sortedLists_)
      if (choice == offset->id) {
        Var axis = stretchOf(sorted, *expert, outExtents()[0]);
        return set(0, Axes{Dim{axis}}, terms_.place(sorted));
      }
    if (!in_.listedAll_) {
      needsList_ = true;
      return fail("nothing is sorted by the choice whose pairs it counts");
    }
  }
  if (terms_.numberOf(start.term) != 0)
    return fail("it does not start at 0");
  Axes axes{space_.freshDim(outExtents()[0])};
  return set(0, axes, terms_.index(axes[0]));
}

/// How many pairs chose an expert, up to each one: the positions of pairs among those of their expert.
bool OperatorRules::runs(Meaning x, size_t axis) {
  T term = x.term;
  bool byPair = term->kind == Term::kChosen;
  bool byRow = term->kind == Term::kDense && term->number == 0 && terms_.numberOf(term->operands[0]) == 1;
  if ((!byPair && !byRow) || attribute("reverse", 0))
    return false;
  Dim order = space_.resolve(x.axes[axis]), all = byPair ? terms_.pairVars(term->id) : terms_.rowVars(term->id);
  bool pairs = llvm::all_of(order, [&](Var var) { return llvm::is_contained(all, var); });
  // Each rank by itself would have positions of its own.
  if (order.empty() || !pairs ||
      (byPair && !llvm::is_contained(order, space_.resolve({terms_.choice(term->id).rank})[0])))
    return false;
  x.term = terms_.running(term->id, term->indices[0], order);
  if (attribute("exclusive", 0))
    x.term = terms_.apply(Fn::kSub, {x.term, term});
  return set(0, x);
}

bool OperatorRules::cumSum() {
  Meaning x = in(0);
  auto axis = constantNumbers(operand(1));
  auto rank = static_cast<double>(x.axes.size());
  if (axis && axis->size() == 1 && (*axis)[0] >= -rank && (*axis)[0] < rank &&
      runs(x, static_cast<size_t>((*axis)[0] < 0 ? (*axis)[0] + rank : (*axis)[0])))
    return true;
  if (!axis || x.axes.size() != 1 || x.term->kind != Term::kCount || attribute("reverse", 0) ||
      attribute("exclusive", 0) || x.term->indices[0].kind != Index::kVar)
    return fail("it adds up what is not followed");
  x.term = terms_.offset(x.term->id, x.term->indices[0]);
  return set(0, x);
}

bool OperatorRules::constantOfShape() {
  T term = terms_.number(0);
  if (auto value = op_->getAttrOfType<DenseElementsAttr>("value")) {
    if (isa<FloatType>(value.getElementType()))
      term = terms_.number(value.getValues<APFloat>()[0].convertToDouble());
    else
      term = terms_.number(static_cast<double>(value.getValues<APInt>()[0].getSExtValue()));
  }
  return set(0, Axes(outExtents().size()), term);
}

/// com.microsoft.MoE: softmax over all experts, the k best, renormalised if so asked; the experts are the operator's.
bool OperatorRules::fusedMoE() {
  constexpr unsigned kRouterWeights = 14; // of QMoE: what the chosen are weighted by, in place of their softmax
  bool hasWeights = isa<onnx::QMoEOp>(op_) && has(kRouterWeights);
  Meaning x = in(0), router = in(1), given = hasWeights ? in(kRouterWeights) : router;
  if (router.axes.empty() || given.axes.empty() || !space_.align(router.axes.back(), given.axes.back()))
    return fail("its router logits and weights do not run together");
  Dim over = router.axes.empty() ? Dim() : space_.resolve(router.axes.back());
  auto width = space_.sizeOf(over);
  int64_t k = attribute("k", 1);
  if (over.empty() || !width)
    return fail("its router logits are not followed");
  if (k < 1 || k > *width)
    return fail("k = " + Twine(k) + " of " + Twine(*width) + " experts (JNS-ONNX-014)");
  bool mixer = attribute("use_sparse_mixer", 0) != 0;
  if (mixer && hasWeights)
    return fail("use_sparse_mixer = 1 beside router_weights (JNS-ONNX-014)");
  if (mixer && k != 2)
    return fail("k = " + Twine(k) + " with use_sparse_mixer = 1, which is defined for 2 (JNS-ONNX-014)");
  Axes rows(router.axes.begin(), router.axes.end() - 1);
  Axes givenRows(given.axes.begin(), given.axes.end() - 1);
  if (space_.flat(rows) != in_.rows_ || space_.flat(givenRows) != in_.rows_)
    return fail("its router logits are not by row");
  T scores = mixer || hasWeights ? router.term : terms_.softmax(over, router.term);
  Var rank = k == 1 ? -1 : space_.fresh(space_.extent(onnx::SymExpr(k)));
  Mixture mixture;
  mixture.form = Mixture::kFused;
  mixture.choice = terms_.addChoice({scores, space_.bundle(over), rank, k, *width});
  in_.makers_.try_emplace(mixture.choice, op_);
  rank = terms_.choice(mixture.choice).rank;
  mixture.weight = terms_.pick(mixture.choice, hasWeights ? given.term : scores);
  if (attribute("normalize_routing_weights", 0) && !mixer)
    mixture.weight =
        terms_.apply(Fn::kDiv, {mixture.weight, rank < 0 ? mixture.weight : terms_.sum({rank}, mixture.weight)});
  mixture.weighted = mixture.whole = true;
  mixture.sparseMixer = mixer;
  mixture.op = op_;
  mixture.at = onnx::getOutput(op_, 0);
  Meaning result{x.axes, nullptr, in_.mixtures_.add(mixture)};
  // The output has columns of its own.
  result.axes.back() = space_.freshDim(outExtents().back());
  return set(0, leaf(result, onnx::getOutput(op_, 0)));
}

} // namespace janus::recover
