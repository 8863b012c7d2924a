// Gathers and scatters.
#include "lib/Recover/Meaning/Rules.h"

using namespace mlir;

namespace janus::recover {

/// data with the dimensions from `axis` on, one for each coordinate, replaced by those of the index tensor.
bool OperatorRules::gatherAt(const Meaning &data, ArrayRef<T> coordinates, const Axes &indexAxes, unsigned axis) {
  Meaning result = data;
  result.mixture = -1;
  Axes axes(data.axes.begin(), data.axes.begin() + axis);
  axes.append(indexAxes.begin(), indexAxes.end());
  axes.append(data.axes.begin() + axis + coordinates.size(), data.axes.end());
  result.axes = axes;
  if (data.term->kind == Term::kNumber) // the same everywhere
    return set(0, result);
  if (gatherSlots(data, coordinates, indexAxes, axis))
    return true;
  for (auto [i, at] : llvm::enumerate(coordinates)) {
    Dim dim = space_.resolve(data.axes[axis + i]);
    if (dim.empty())
      continue;
    if (auto number = terms_.numberOf(at)) {
      auto size = space_.sizeOf(dim);
      auto index = static_cast<int64_t>(*number);
      for (Var var : dim)
        if (const PairList *list = space_.list(var); list && list->expert < 0 && !list->slots) {
          in_.refusals_.push_back({op_, list->choice, -1, "it takes a constant place of an axis that data determines"});
          return fail(in_.refusals_.back().text);
        }
      if (index < 0 && size)
        index += *size;
      if (!size || index < 0 || index >= *size || llvm::any_of(dim, [&](Var var) { return space_.list(var); }))
        return fail("it selects in a dimension that is not followed");
      result.term = terms_.substitute(result.term, {dim, index, 1, 1, std::nullopt});
      if (!result.term)
        return fail("it selects an element of what is not followed");
    } else if (at->kind == Term::kId) {
      const Choice &made = terms_.choice(at->id);
      if (space_.sizeOf(dim) != made.width || !space_.align(dim, {made.over}))
        return fail("it selects by the expert among " + Twine(space_.sizeOf(dim).value_or(-1)) + ", the router has " +
                    Twine(made.width));
      result.term = terms_.pick(at->id, result.term);
    } else if (at->kind == Term::kIndex) { // the elements of the pairs that the index tensor lists
      if (!space_.same(dim, at->vars) && !space_.align(dim, at->vars))
        return fail("it selects rows that are not followed");
    } else if (at->kind == Term::kPlace || at->kind == Term::kInverse) {
      if (!space_.same(dim, at->vars))
        return fail("it selects in an order that is not followed");
    } else {
      return fail("its indices are not followed");
    }
  }
  return set(0, result);
}

bool OperatorRules::gather() {
  Meaning data = in(0), indices = in(1);
  auto axis = axisOf("axis", 0, static_cast<int64_t>(data.axes.size()));
  return axis ? gatherAt(data, {indices.term}, indices.axes, static_cast<unsigned>(*axis))
              : fail("its axis is not known");
}

/// The coordinates in the last dimension of an index tensor; empty when they are not followed.
static SmallVector<T> coordinatesOf(Terms &terms, IndexSpace &space, Meaning &indices) {
  Dim last = space.resolve(indices.axes.pop_back_val());
  if (last.empty())
    return {indices.term};
  auto count = space.sizeOf(last);
  SmallVector<T> result;
  for (int64_t i = 0; count && i < *count && last.size() == 1; ++i) {
    T at = terms.substitute(indices.term, {last, i, 1, 1, std::nullopt});
    if (!at)
      return {};
    result.push_back(at);
  }
  return result;
}

bool OperatorRules::gatherNd() {
  Meaning data = in(0), indices = in(1);
  if (attribute("batch_dims", 0) != 0 || indices.axes.empty())
    return fail("batch dimensions");
  SmallVector<T> coordinates = coordinatesOf(terms_, space_, indices);
  if (coordinates.empty() || coordinates.size() > data.axes.size())
    return fail("its indices are not followed");
  return gatherAt(data, coordinates, indices.axes, 0);
}

bool OperatorRules::gatherElements() {
  Meaning data = in(0), indices = in(1);
  auto axis = axisOf("axis", 0, static_cast<int64_t>(data.axes.size()));
  if (axis && data.axes[*axis].empty() && indices.axes[*axis].empty() && terms_.numberOf(indices.term) == 0)
    return set(0, data); // of one element each
  if (!axis || indices.term->kind != Term::kId)
    return fail("its indices are no experts");
  const Choice &made = terms_.choice(indices.term->id);
  for (size_t d = 0; d < data.axes.size(); ++d)
    if (d == static_cast<size_t>(*axis)
            ? !space_.align(data.axes[d], {made.over})
            : data.axes[d].empty() != indices.axes[d].empty() || !space_.align(data.axes[d], indices.axes[d]))
      return fail("its operands' dimensions do not run together");
  return set(0, indices.axes, terms_.pick(indices.term->id, data.term));
}

/// Are the rows of an expert's pairs all pairs of the choice, each with a value that no weight belongs to yet?
bool OperatorRules::isEveryPair(const Dim &target, const Meaning &updates, int32_t choice) const {
  Dim pairs = terms_.pairVars(choice);
  if (target.size() != pairs.size() || !llvm::all_of(pairs, [&](Var var) { return llvm::is_contained(target, var); }))
    return false;
  SmallVector<T, 4> factors;
  terms_.factors(updates.term, factors);
  return updates.mixture < 0 &&
         (terms_.choice(choice).rank >= 0 ||
          llvm::none_of(
              factors, [&](T factor) { return factor->kind != Term::kNumber && terms_.onlyOn(factor, pairs); }));
}

/// Are the updates what is there already, plus an expert?
bool OperatorRules::addsToRows(const Meaning &data, const PairList *pairs, const Meaning &updates) {
  if (updates.mixture < 0 || pairs->expert < 0 || !pairs->uniqueRows)
    return false;
  const Mixture &part = in_.mixtures_.at(updates.mixture);
  return part.form == Mixture::kEach && part.choice == pairs->choice && in_.mixtures_.countOf(part) == 1 &&
         in_.mixtures_.isOf(part, pairs->expert) && part.rest.size() == 1 &&
         in_.meaning(part.rest[0]).term == data.term;
}

/// data plus that expert.
bool OperatorRules::putSum(const Meaning &data, const Dim &target, const Meaning &updates) {
  Value at = onnx::getOutput(op_, 0);
  Meaning result{data.axes, nullptr, -1};
  result.axes[0] = target;
  for (size_t d = 1; d < data.axes.size(); ++d)
    if (!space_.align(data.axes[d], updates.axes[d]))
      return fail("its operands' dimensions do not run together");
  Mixture part = in_.mixtures_.at(updates.mixture);
  part.rest.clear();
  part.at = at;
  int32_t mixture = in_.mixtures_.add(part);
  if (data.mixture >= 0 && (!in_.mixtures_.at(data.mixture).whole || in_.mixtures_.areRanks(data.mixture, mixture))) {
    auto joined = in_.mixtures_.join(data.mixture, mixture, at);
    if (!joined)
      return fail("it adds experts with other weights");
    mixture = *joined;
  } else {
    mixture = in_.mixtures_.plus(mixture, operand(0), at);
  }
  result.mixture = mixture;
  return set(0, leaf(result, at));
}

/// What an expert's stretch of a sorted order holds is put (added) where the stretch is.
bool OperatorRules::scatterPlaces(const Meaning &data, const PairList &pairs, const Meaning &updates, bool adds) {
  if (updates.mixture >= 0 || !space_.align(data.axes[0], {pairs.sorted}))
    return fail("it scatters to places that are not followed");
  Meaning result{data.axes, nullptr, -1};
  result.axes[0] = {pairs.sorted};
  for (size_t d = 1; d < data.axes.size(); ++d) {
    if (data.term->kind != Term::kNumber && !space_.align(data.axes[d], updates.axes[d]))
      return fail("its operands' dimensions do not run together");
    result.axes[d] = updates.axes[d];
  }
  T mask = terms_.chosen(pairs.choice, Index::number(pairs.expert));
  T value = adds ? terms_.apply(Fn::kAdd, {data.term, updates.term}) : updates.term;
  result.term = terms_.apply(Fn::kWhere, {mask, value, data.term});
  return set(0, result);
}

/// A sum without one of its addends, `there`; null when that is none.
static T without(Terms &terms, T sum, T there) {
  if (sum->kind != Term::kApply || sum->fn != Fn::kAdd)
    return nullptr;
  for (unsigned i : {0u, 1u}) {
    if (sum->operands[i] == there)
      return sum->operands[1 - i];
    if (T rest = without(terms, sum->operands[i], there))
      return terms.apply(Fn::kAdd, {rest, sum->operands[1 - i]});
  }
  return nullptr;
}

/// `updates`, listed along `list`, are put (added) into rows of data.
bool OperatorRules::scatterRows(const Meaning &data, T rows, const Dim &list, const Meaning &given, bool adds) {
  Meaning updates = given;
  const PairList *pairsOfOne = list.size() == 1 ? space_.list(list[0]) : nullptr;
  // Rows looked up, added to and put back: an addition.
  if (!adds && pairsOfOne && pairsOfOne->expert >= 0 && pairsOfOne->uniqueRows && updates.mixture < 0 &&
      data.term->kind != Term::kNumber)
    if (T added = without(terms_, updates.term, data.term)) {
      updates.term = added;
      adds = true;
    }
  const PairList *pairs = list.size() == 1 ? space_.list(list[0]) : nullptr;
  Value at = onnx::getOutput(op_, 0);
  if (pairs && rows->kind == Term::kPlace && space_.same(rows->vars, {pairs->sorted}))
    return scatterPlaces(data, *pairs, updates, adds);
  if (!pairs || rows->kind != Term::kIndex)
    return fail("it scatters to rows that are not followed");
  Dim target = space_.resolve(rows->vars);
  if (!space_.align(data.axes[0], target))
    return fail("it scatters to rows that are not followed");
  if (pairs->expert < 0 && !adds && space_.same(target, pairs->covers)) { // every pair back to its place
    Meaning result{data.axes, updates.term, -1};
    for (size_t d = 1; d < data.axes.size(); ++d)
      result.axes[d] = updates.axes[d];
    result.axes[0] = target;
    return set(0, result);
  }
  if (pairs->expert >= 0 && !adds && isEveryPair(target, updates, pairs->choice)) { // in place of what is there
    Meaning result{data.axes, nullptr, -1};
    result.axes[0] = target;
    for (size_t d = 1; d < data.axes.size(); ++d) {
      if (data.term->kind != Term::kNumber && !space_.align(data.axes[d], updates.axes[d]))
        return fail("its operands' dimensions do not run together");
      result.axes[d] = updates.axes[d];
    }
    T mask = terms_.chosen(pairs->choice, Index::number(pairs->expert));
    result.term = terms_.apply(Fn::kWhere, {mask, updates.term, data.term});
    return set(0, result);
  }
  if (!space_.same(target, terms_.rowVars(pairs->choice)))
    return fail("it scatters to rows that are not followed");
  bool zero = terms_.numberOf(data.term) == 0;
  auto takesMore = [&](int32_t mixture) { // in the sum that data is
    return data.mixture >= 0 &&
           (!in_.mixtures_.at(data.mixture).whole || in_.mixtures_.areRanks(data.mixture, mixture));
  };
  if (!adds && !pairs->uniqueRows) {
    constexpr StringLiteral kLost =
        "a scatter without addition to rows that can repeat, one for each expert that a row "
        "chose: all but one of them are lost";
    in_.refusals_.push_back({op_, pairs->choice, -1, kLost.str()});
    return fail(kLost);
  }
  if (!adds && !zero && addsToRows(data, pairs, updates))
    return putSum(data, target, updates);
  if (!adds && !zero)
    return fail("a scatter without addition into what is not zero");
  Meaning result{data.axes, nullptr, -1};
  result.axes[0] = target;
  for (size_t d = 1; d < data.axes.size(); ++d) {
    if (!zero && !space_.align(data.axes[d], updates.axes[d]))
      return fail("its operands' dimensions do not run together");
    result.axes[d] = updates.axes[d];
  }

  if (pairs->expert < 0) { // all pairs: the sum over the ranks
    const Choice &made = terms_.choice(pairs->choice);
    T sum = made.rank >= 0 ? terms_.sum({made.rank}, updates.term) : updates.term;
    result.term = sum;
    result = made.rank >= 0 ? close(result, at) : closeOne(result, at);
    return zero ? set(0, result) : fail("it adds to what is not zero");
  }
  // The pairs of one expert: weight of the pair times the expert.
  Index index = Index::number(pairs->expert);
  SmallVector<T, 4> factors, weights, bodies;
  terms_.factors(updates.term, factors);
  Dim covered = terms_.pairVars(pairs->choice);
  for (T factor : factors)
    if (factor->kind != Term::kNumber && terms_.onlyOn(factor, covered))
      weights.push_back(terms_.given(factor, pairs->choice, index, /*masksOnly=*/false));
    else
      bodies.push_back(factor);
  if (bodies.empty())
    return fail("it adds up weights without an expert");
  T body = terms_.restrict(terms_.product(bodies), pairs->choice, pairs->expert);
  body = terms_.given(body, pairs->choice, index, /*masksOnly=*/true);
  int32_t mixture = in_.mixtures_.single(pairs->choice, pairs->expert, weights, body, at);
  if (takesMore(mixture)) {
    auto joined = in_.mixtures_.join(data.mixture, mixture, at);
    if (!joined)
      return fail("it adds experts with other weights");
    mixture = *joined;
  } else if (!zero) {
    mixture = in_.mixtures_.plus(mixture, operand(0), at);
  }
  result.mixture = mixture;
  return set(0, leaf(result, at));
}

bool OperatorRules::scatterElements() {
  Meaning data = in(0), indices = in(1), updates = in(2);
  auto axis = axisOf("axis", 0, static_cast<int64_t>(data.axes.size()));
  auto reduction = op_->getAttrOfType<StringAttr>("reduction");
  bool adds = reduction && reduction.getValue() == "add";
  if (!axis || (reduction && reduction.getValue() != "add" && reduction.getValue() != "none"))
    return fail("its reduction is neither none nor add");
  auto along = static_cast<size_t>(*axis);
  auto base = terms_.numberOf(data.term);
  // Indices and updates run together; updates may be a number.
  for (size_t d = 0; d < indices.axes.size(); ++d)
    if (!updates.axes[d].empty() && !indices.axes[d].empty() && !space_.align(indices.axes[d], updates.axes[d]))
      return fail("its operands' dimensions do not run together");

  if (data.axes[along].empty() && indices.axes[along].empty() && terms_.numberOf(indices.term) == 0) {
    // Into the only element of each.
    auto result = adds ? combine(Fn::kAdd, {data, updates}, outExtents()) : std::optional(updates);
    return result && set(0, *result);
  }
  if (indices.term->kind == Term::kId && base) {
    int32_t id = indices.term->id;
    const Choice made = terms_.choice(id);
    Dim pairs = space_.resolve(indices.axes[along]);
    Dim all = terms_.pairVars(id);
    if (space_.sizeOf(data.axes[along]) != made.width)
      return fail("it scatters over " + Twine(space_.sizeOf(data.axes[along]).value_or(-1)) +
                  " experts, the router has " + Twine(made.width));
    const PairList *list = pairs.size() == 1 ? space_.list(pairs[0]) : nullptr;
    bool everyPair =
        data.axes.size() == 1 &&
        ((list && list->expert < 0 && list->choice == id) ||
         (pairs.size() == all.size() && llvm::all_of(pairs, [&](Var v) { return llvm::is_contained(all, v); })));
    if (everyPair) { // how often each expert was chosen
      if (!adds || *base != 0 || terms_.numberOf(updates.term) != 1)
        return fail("it counts in another way than by ones");
      space_.align(data.axes[0], {made.over});
      return set(0, Axes{Dim{made.over}}, terms_.count(id, Index::var(made.over)));
    }
    bool ranks = made.rank < 0 ? pairs.empty() : space_.same(pairs, {made.rank});
    if (!ranks)
      return fail("it scatters along another dimension than the ranks'");
    Axes axes = indices.axes;
    axes[along] = {made.over};
    if (!space_.align(data.axes[along], {made.over}))
      return fail("its operands' dimensions do not run together");
    T value = adds ? terms_.apply(Fn::kAdd, {terms_.number(*base), updates.term}) : updates.term;
    return set(0, axes, terms_.dense(id, Index::var(made.over), *base, value));
  }
  if (indices.term->kind == Term::kId) { // over what is there, where an expert was chosen
    int32_t id = indices.term->id;
    const Choice made = terms_.choice(id);
    Dim ranks = space_.resolve(indices.axes[along]);
    if (made.rank < 0 ? !ranks.empty() : !space_.same(ranks, {made.rank}))
      return fail("it scatters along another dimension than the ranks'");
    for (size_t d = 0; d < data.axes.size(); ++d)
      if (d == along ? !space_.align(data.axes[d], {made.over})
                     : data.axes[d].empty() != indices.axes[d].empty() || !space_.align(data.axes[d], indices.axes[d]))
        return fail("its operands' dimensions do not run together");
    Index expert = Index::var(made.over);
    T value = terms_.numberOf(updates.term) && !adds ? updates.term : terms_.dense(id, expert, 0, updates.term);
    T hit = terms_.dense(id, expert, 0, terms_.number(1));
    return set(0, data.axes,
               adds ? terms_.apply(Fn::kAdd, {data.term, value}) : terms_.apply(Fn::kWhere, {hit, value, data.term}));
  }
  if (along == 0 && indices.term->kind == Term::kIndex && data.axes.size() > 1)
    return scatterRows(data, indices.term, space_.resolve(indices.axes[0]), updates, adds);
  if (along == 0 && data.axes.size() == 1)
    return invert(indices, updates);
  return fail("its indices are not followed");
}

/// Positions scattered to what a sorted list holds there: the inverse order.
bool OperatorRules::invert(const Meaning &indices, const Meaning &updates) {
  Dim list = space_.resolve(indices.axes[0]);
  const PairList *pairs = list.size() == 1 ? space_.list(list[0]) : nullptr;
  if (!pairs || pairs->expert >= 0 || indices.term->kind != Term::kIndex ||
      !space_.same(indices.term->vars, pairs->covers))
    return fail("its indices are not followed");
  // The updates count along the list.
  if (updates.term->kind != Term::kIndex || !space_.align(updates.term->vars, list))
    return fail("its updates do not count");
  return set(0, Axes{space_.resolve(pairs->covers)}, terms_.inverse(list[0]));
}

/// Elements of whole rows, one by one, as rows: how many of the coordinates are the rows'; 0 when they are none.
size_t OperatorRules::joinElements(ArrayRef<T> coordinates, Meaning &indices, Meaning &updates) {
  if (coordinates.size() < 2 || indices.axes.size() != 1 || updates.axes.size() != 1)
    return 0;
  Dim at = space_.resolve(indices.axes[0]), from = space_.resolve(updates.axes[0]), columns;
  if (at.empty() || from.empty())
    return 0;
  const PairList *list = space_.list(at[0]);
  Dim covers = list ? space_.resolve(list->covers) : Dim();
  Axes rows{Dim{at[0]}};
  size_t count = 1;
  for (T coordinate : coordinates.drop_front()) {
    if (coordinate->kind != Term::kIndex)
      return 0;
    Dim vars = space_.resolve(coordinate->vars);
    if (columns.empty() && llvm::all_of(vars, [&](Var var) { return llvm::is_contained(covers, var); })) {
      ++count;
      continue;
    }
    rows.push_back(vars);
    columns.append(vars);
  }
  if (columns.empty() || columns != Dim(at.begin() + 1, at.end()) || from[0] != at[0] ||
      !space_.align(Dim(from.begin() + 1, from.end()), columns))
    return 0;
  updates.axes = space_.resolveAll(rows);
  indices.axes[0] = {at[0]};
  return count;
}

/// The weight of each expert for each row: put where a row and the expert that it chose are.
bool OperatorRules::scatterWeights(const Meaning &data, ArrayRef<T> coordinates, const Meaning &indices,
                                   const Meaning &updates, bool adds) {
  int32_t id = coordinates.back()->id;
  const Choice made = terms_.choice(id);
  auto base = terms_.numberOf(data.term);
  Axes axes;
  Dim rows, listed = space_.flat(indices.axes), pairs = terms_.pairVars(id);
  for (T at : coordinates.drop_back()) {
    if (at->kind != Term::kIndex)
      return fail("its indices are not followed");
    axes.push_back(space_.resolve(at->vars));
    rows.append(axes.back());
  }
  auto holds = [](const Dim &a, const Dim &b) {
    return a.size() == b.size() && llvm::all_of(a, [&](Var var) { return llvm::is_contained(b, var); });
  };
  bool all = base && holds(rows, terms_.rowVars(id)) && holds(listed, pairs) &&
             data.axes.size() == coordinates.size() && space_.sizeOf(data.axes.back()) == made.width;
  for (auto [d, dim] : llvm::enumerate(axes))
    all &= all && space_.extentOf(dim) == space_.extentOf(data.axes[d]);
  if (!all || updates.axes.size() != indices.axes.size())
    return fail("it scatters to places that are not followed");
  for (auto [dim, update] : llvm::zip(indices.axes, updates.axes))
    if (!update.empty() && !space_.align(dim, update))
      return fail("its operands' dimensions do not run together");
  axes.push_back({made.over});
  T value = adds ? terms_.apply(Fn::kAdd, {terms_.number(*base), updates.term}) : updates.term;
  return set(0, axes, terms_.dense(id, Index::var(made.over), *base, value));
}

bool OperatorRules::scatterNd() {
  Meaning data = in(0), indices = in(1), updates = in(2);
  auto reduction = op_->getAttrOfType<StringAttr>("reduction");
  bool adds = reduction && reduction.getValue() == "add";
  if (reduction && reduction.getValue() != "add" && reduction.getValue() != "none")
    return fail("its reduction is neither none nor add");
  SmallVector<T> coordinates = indices.axes.empty() ? SmallVector<T>() : coordinatesOf(terms_, space_, indices);
  if (size_t rows = joinElements(coordinates, indices, updates))
    coordinates.resize(rows);
  Extent slots;
  if (!coordinates.empty() && slotAt(coordinates, slots))
    return scatterSlots(data, coordinates, indices, updates);
  if (coordinates.size() > 1 && coordinates.back()->kind == Term::kId && coordinates.size() == data.axes.size())
    return scatterWeights(data, coordinates, indices, updates, adds);
  bool isRows = coordinates.size() > 1 && data.axes.size() > coordinates.size() &&
                llvm::all_of(coordinates, [](T at) { return at->kind == Term::kIndex; });
  if (isRows) { // rows of several dimensions, as of one
    Dim flat = space_.flat(ArrayRef(data.axes).take_front(coordinates.size())), rows;
    for (T at : coordinates) {
      rowDims_.push_back(Dim(at->vars));
      rows.append(at->vars.begin(), at->vars.end());
    }
    data.axes.erase(data.axes.begin(), data.axes.begin() + static_cast<int64_t>(coordinates.size()));
    data.axes.insert(data.axes.begin(), flat);
    coordinates.assign(1, terms_.index(rows));
  }
  if (coordinates.size() != 1 || indices.axes.size() != 1)
    return fail("its indices are not followed");
  indices.term = coordinates[0];
  if (!updates.axes[0].empty() && !space_.align(indices.axes[0], updates.axes[0]))
    return fail("its operands' dimensions do not run together");
  if (data.axes.size() == 1 && !adds)
    return invert(indices, updates);
  return scatterRows(data, indices.term, space_.resolve(indices.axes[0]), updates, adds);
}

} // namespace janus::recover
