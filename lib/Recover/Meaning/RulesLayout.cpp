// Operators that move elements.
#include "lib/Recover/Meaning/Rules.h"

using namespace mlir;

namespace janus::recover {

static constexpr StringLiteral kConstantCut = "it cuts constant sizes out of an axis that data determines";

bool OperatorRules::reshape() {
  Meaning x = in(0);
  if (outExtents().size() == 1) { // all in a row, whatever their number
    x.axes = Axes{space_.flat(x.axes)};
    return set(0, x);
  }
  auto axes = space_.regroup(x.axes, outExtents());
  if (!axes)
    return fail("it cuts dimensions in a way that is not followed");
  x.axes = *axes;
  return set(0, x);
}

bool OperatorRules::transpose() {
  Meaning x = in(0);
  auto perm = op_->getAttrOfType<DenseI64ArrayAttr>("perm");
  Axes axes;
  for (size_t i = 0, rank = x.axes.size(); i < rank; ++i)
    axes.push_back(x.axes[perm ? perm[i] : rank - 1 - i]);
  x.axes = axes;
  return set(0, x);
}

/// Sizes: one for each dimension, or their product.
bool OperatorRules::shape() {
  auto extents = space_.extents(operand(0).getType());
  if (!extents)
    return fail("its operand's dimensions are not known");
  auto rank = static_cast<int64_t>(extents->size());
  if (op_->getName().stripDialect() == "Size") {
    T product = terms_.number(1);
    for (Extent extent : *extents)
      product = terms_.apply(Fn::kMul, {product, terms_.size(extent)});
    return set(0, Axes(), product);
  }
  auto bound = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
  int64_t begin = bound(attribute("start", 0)), end = bound(attribute("end", rank));
  SmallVector<T> sizes;
  for (int64_t i = begin; i < end; ++i)
    sizes.push_back(terms_.size((*extents)[i]));
  if (sizes.empty())
    return fail("it has no elements");
  Axes axes{space_.freshDim(outExtents()[0])};
  return set(0, axes, sizes.size() == 1 ? sizes[0] : terms_.family(axes[0][0], sizes));
}

bool OperatorRules::expand() {
  Meaning x = in(0);
  ArrayRef<Extent> out = outExtents();
  Axes axes;
  for (size_t i = 0; i < out.size(); ++i) {
    Dim dim = x.axes.size() + i < out.size() ? Dim() : x.axes[x.axes.size() + i - out.size()];
    axes.push_back(dim.empty() ? space_.freshDim(out[i]) : dim);
  }
  x.axes = axes;
  return set(0, x);
}

bool OperatorRules::tile() {
  Meaning x = in(0);
  ArrayRef<Extent> out = outExtents();
  for (size_t i = 0; i < out.size(); ++i) {
    Extent have = space_.extentOf(x.axes[i]);
    if (have == out[i])
      continue;
    auto repeats = space_.ratio(out[i], have);
    if (!repeats)
      return fail("its repeats are not known");
    Dim dim = space_.freshDim(*repeats);
    dim.append(x.axes[i].begin(), x.axes[i].end());
    x.axes[i] = dim;
  }
  return set(0, x);
}

bool OperatorRules::concat() {
  SmallVector<Meaning> parts;
  for (unsigned i = 0; i < op_->getNumOperands(); ++i)
    parts.push_back(in(i));
  size_t rank = parts[0].axes.size();
  auto axis = axisOf("axis", 0, static_cast<int64_t>(rank));
  if (!axis)
    return fail("its axis is not known");
  // The other dimensions run together.
  Axes axes = parts[0].axes;
  for (const Meaning &part : parts)
    for (size_t d = 0; d < rank; ++d)
      if (d != static_cast<size_t>(*axis) && part.axes[d].empty() != axes[d].empty())
        return fail("its operands' dimensions do not run together");
      else if (d != static_cast<size_t>(*axis) && !space_.align(axes[d], part.axes[d]))
        return fail("its operands' dimensions do not run together");
  SmallVector<T> terms;
  for (const Meaning &part : parts)
    terms.push_back(part.term);

  // One operand for each index of a new variable.
  if (llvm::all_of(parts, [&](const Meaning &part) { return part.axes[*axis].empty(); })) {
    SmallVector<int32_t> choices;
    for (T term : terms)
      if (term->kind == Term::kId)
        choices.push_back(term->id);
    if (auto joint = choices.size() == terms.size() ? terms_.joinChoices(choices) : std::nullopt) {
      in_.makers_.try_emplace(*joint, op_);
      axes[*axis] = {terms_.choice(*joint).rank};
      return set(0, axes, terms_.id(*joint));
    }
    axes[*axis] = space_.freshDim(outExtents()[*axis]);
    T term = parts.size() == 1 ? terms[0] : terms_.family(axes[*axis][0], terms);
    return set(0, axes, term);
  }

  // The stretches of a sorted list, in the order of experts: the list.
  auto listOf = [&](const Meaning &part) {
    Dim dim = space_.resolve(part.axes[*axis]);
    return dim.size() == 1 ? space_.list(dim[0]) : nullptr;
  };
  const PairList *first = listOf(parts[0]);
  if (!first || first->sorted < 0)
    return fail("it joins parts that are not followed");
  if (static_cast<int64_t>(parts.size()) != terms_.choice(first->choice).width)
    return fail("it joins " + Twine(parts.size()) + " experts' rows, the router chooses among " +
                Twine(terms_.choice(first->choice).width));
  for (auto [i, part] : llvm::enumerate(parts)) {
    const PairList *list = listOf(part);
    if (!list || list->sorted != first->sorted || list->expert != static_cast<int64_t>(i))
      return fail("it joins parts that are not the stretches of one sorted order");
    terms[i] = terms_.restrict(terms[i], first->choice, list->expert);
  }
  axes[*axis] = {first->sorted};
  return set(0, axes, terms_.choose(first->choice, terms));
}

/// How many pairs chose each expert, in their order?
bool OperatorRules::areCounts(T sizes, int32_t choice) const {
  if (sizes->kind == Term::kCount)
    return sizes->id == choice && terms_.sameIndex(sizes->indices[0], Index::var(terms_.choice(choice).over));
  return sizes->kind == Term::kFamily && static_cast<int64_t>(sizes->operands.size()) == terms_.choice(choice).width &&
         llvm::all_of(llvm::enumerate(sizes->operands), [&](const auto &size) {
           T count = size.value();
           return count->kind == Term::kCount && count->id == choice &&
                  count->indices[0] == Index::number(static_cast<int64_t>(size.index()));
         });
}

/// Pieces of a dimension: by number, or every `step`-th index from `begin`.
bool OperatorRules::split() {
  Meaning x = in(0);
  auto axis = axisOf("axis", 0, static_cast<int64_t>(x.axes.size()));
  if (!axis)
    return fail("its axis is not known");
  Dim dim = space_.resolve(x.axes[*axis]);
  const PairList *list = dim.size() == 1 ? space_.list(dim[0]) : nullptr;
  if (list && list->expert < 0 && !list->experts && has(1))
    if (T sizes = in(1).term;
        areCounts(sizes, list->choice) && terms_.choice(list->choice).width == op_->getNumResults()) {
      for (unsigned i = 0; i < op_->getNumResults(); ++i) {
        Meaning piece = x;
        piece.axes[*axis] = {stretchOf(dim[0], i, outExtents(i)[*axis])};
        if (!set(i, piece))
          return false;
      }
      return true;
    }
  if (list && !list->slots && op_->getNumResults() > 1 && (!has(1) || numbersOf(1))) {
    in_.refusals_.push_back(
        {op_, list->choice, list->experts ? static_cast<int64_t>(op_->getNumResults()) : -1, kConstantCut.str()});
    return fail(kConstantCut);
  }
  int64_t begin = 0;
  for (unsigned i = 0; i < op_->getNumResults(); ++i) {
    auto count = space_.constant(outExtents(i)[*axis]);
    if (!count)
      return fail("its pieces are of unknown size");
    auto piece = cut(x, static_cast<size_t>(*axis), begin, 1, *count);
    if (!piece || !set(i, *piece))
      return false;
    begin += *count;
  }
  return true;
}

/// The first ranks of a choice: what the choice of so many fewer makes; nothing when the dimension is none of ranks.
std::optional<Meaning> OperatorRules::bestOf(Meaning x, size_t axis, const Dim &ranks, int64_t count) {
  for (int32_t id : SmallVector<int32_t>(x.term->routed.begin(), x.term->routed.end())) {
    const Choice made = terms_.choice(id);
    if (made.rank < 0 || !made.members.empty() || !space_.same(ranks, {made.rank}))
      continue;
    int32_t best = terms_.firstOf(id, count);
    auto cut = [&](auto &self, T term) -> T {
      if (!terms_.dependsOn(term, made.rank))
        return term;
      switch (term->kind) {
      case Term::kId:
        return term->id == id ? terms_.id(best) : nullptr;
      case Term::kPick:
        return term->id == id && !terms_.dependsOn(term->operands[0], made.rank) ? terms_.pick(best, term->operands[0])
                                                                                 : nullptr;
      case Term::kWeight: {
        SmallVector<Index> indices(term->indices);
        llvm::replace(indices, Index::chosen(id), Index::chosen(best));
        return terms_.weight(term->id, indices);
      }
      case Term::kApply: {
        SmallVector<T, 3> operands;
        for (T operand : term->operands)
          operands.push_back(self(self, operand));
        return llvm::is_contained(operands, nullptr) ? nullptr : terms_.apply(term->fn, operands);
      }
      default:
        return nullptr;
      }
    };
    T term = cut(cut, x.term);
    if (!term || terms_.dependsOn(term, made.rank))
      return std::nullopt;
    if (Operation *maker = in_.makers_.lookup(id))
      in_.makers_.try_emplace(best, maker);
    x.axes[axis] = {terms_.choice(best).rank};
    x.term = term, x.mixture = -1;
    return x;
  }
  return std::nullopt;
}

std::optional<Meaning> OperatorRules::cut(Meaning x, size_t axis, int64_t begin, int64_t step, int64_t count) {
  Dim dim = space_.resolve(x.axes[axis]);
  auto size = space_.sizeOf(dim);
  if (begin == 0 && step == 1 && size == count)
    return x;
  auto stop = [&](const char *why) -> std::optional<Meaning> {
    fail(why);
    return std::nullopt;
  };
  if (dim.size() == 1 && space_.list(dim[0]))
    return stop("it cuts a constant size out of an axis that data determines");
  if (dim.empty() || !size)
    return stop("it cuts a dimension that is not followed");
  if (count <= 0 || begin + (count - 1) * step >= *size)
    return stop("it cuts nothing out");
  if (begin == 0 && step == 1 && count > 1)
    if (auto best = bestOf(x, axis, dim, count))
      return best;
  Substitution by{dim, begin, step, count, std::nullopt};
  x.axes[axis] = count == 1 ? Dim() : space_.freshDim(space_.extent(onnx::SymExpr(count)));
  if (count != 1)
    by.to = x.axes[axis][0];
  x.term = terms_.substitute(x.term, by);
  x.mixture = -1;
  return x.term ? std::optional(x) : stop("it cuts what is not followed");
}

/// Do the ends along those axes leave all of x? A list of elements is as long as the rows that it repeats.
bool OperatorRules::isWhole(const Meaning &x, ArrayRef<int64_t> axes, T ends) {
  for (auto [i, axis] : llvm::enumerate(axes)) {
    T end = ends->kind == Term::kFamily && ends->operands.size() == axes.size() ? ends->operands[i] : ends;
    if (axes.size() > 1 && end == ends && end->kind != Term::kNumber)
      return false;
    Extent extent = space_.extentOf(x.axes[axis]);
    auto known = end->kind == Term::kSize ? in_.lengths_.find(end->id) : in_.lengths_.end();
    Extent length = known == in_.lengths_.end() ? -1 : space_.extentOf(known->second);
    bool all = end->kind == Term::kSize && (end->id == extent || length == extent);
    if (auto number = terms_.numberOf(end))
      all = space_.constant(extent) && *number >= static_cast<double>(*space_.constant(extent));
    if (!all)
      return false;
  }
  return true;
}

bool OperatorRules::slice() {
  Meaning x = in(0);
  auto rank = static_cast<int64_t>(x.axes.size());
  auto starts = numbersOf(1), ends = numbersOf(2);
  auto axes = has(3) ? axesOperand(3, "axes", rank) : std::nullopt;
  auto steps = has(4) ? numbersOf(4) : std::nullopt;
  if ((has(3) && !axes) || (has(4) && !steps))
    return fail("its axes or steps are not known");
  // As long as before, in steps of 1: all of it, wherever its bounds come from.
  bool byOne = !steps || llvm::all_of(*steps, [](double step) { return step == 1; });
  if (byOne && space_.extents(operand(0).getType()) == std::optional(outExtents()))
    return set(0, x);
  if (!axes) {
    auto extents = space_.extents(operand(1).getType());
    auto count = extents && extents->size() == 1 ? space_.constant((*extents)[0]) : std::nullopt;
    if (!count)
      return fail("its axes are not known");
    axes = llvm::to_vector(llvm::seq<int64_t>(*count));
  }
  if (starts && !ends && byOne && llvm::all_of(*starts, [](double start) { return start == 0; }) &&
      isWhole(x, *axes, in(2).term))
    return set(0, x);
  if (!starts || !ends)
    return axes->size() == 1 ? stretch(x, static_cast<size_t>((*axes)[0])) : fail("its bounds are not known");
  for (auto [i, axis] : llvm::enumerate(*axes)) {
    Extent before = space_.extentOf(x.axes[axis]), after = outExtents()[axis];
    int64_t step = steps ? static_cast<int64_t>((*steps)[i]) : 1;
    if (before == after && step == 1)
      continue;
    auto size = space_.constant(before), count = space_.constant(after);
    Dim dim = space_.resolve(x.axes[axis]);
    const PairList *list = dim.size() == 1 ? space_.list(dim[0]) : nullptr;
    if (list && list->expert < 0 && !list->slots) { // other rows would need other bounds
      in_.refusals_.push_back({op_, list->choice, -1, kConstantCut.str()});
      return fail(kConstantCut);
    }
    if (!size || !count || step <= 0)
      return fail("it cuts a dimension of unknown size");
    auto begin = static_cast<int64_t>(std::clamp<double>((*starts)[i], -1e15, 1e15));
    begin = std::clamp<int64_t>(begin < 0 ? begin + *size : begin, 0, *size);
    auto piece = cut(x, static_cast<size_t>(axis), begin, step, *count);
    if (!piece)
      return false;
    x = *piece;
  }
  return set(0, x);
}

/// x[offset of e - 1 : offset of e] of a sorted list: the pairs of expert e.
bool OperatorRules::stretch(Meaning x, size_t axis) {
  Dim dim = space_.resolve(x.axes[axis]);
  const PairList *list = dim.size() == 1 ? space_.list(dim[0]) : nullptr;
  auto expert = list ? expertOf(in(1).term, in(2).term, list->choice) : std::nullopt;
  if (!expert)
    return fail("its bounds are not known");
  x.axes[axis] = {stretchOf(dim[0], *expert, outExtents()[axis])};
  return set(0, x);
}

} // namespace janus::recover
