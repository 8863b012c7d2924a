// Terms with a part of what they depend on replaced.
#include "lib/Recover/Meaning/Term.h"

using namespace mlir;

namespace janus::recover {

T Terms::rebuild(T term, llvm::function_ref<bool(T)> touches, Leaf leaf, llvm::DenseMap<T, T> &memo) {
  if (!touches(term))
    return term;
  if (auto it = memo.find(term); it != memo.end())
    return it->second;
  T result = nullptr;
  if (std::optional<T> replaced = leaf(term)) {
    result = *replaced;
  } else {
    llvm::SmallVector<T, 4> operands;
    for (T operand : term->operands) {
      T rebuilt = rebuild(operand, touches, leaf, memo);
      if (!rebuilt)
        return memo[term] = nullptr;
      operands.push_back(rebuilt);
    }
    if (llvm::equal(operands, term->operands)) // made again it could be another term, since variables became one
      return memo[term] = term;
    switch (term->kind) {
    case Term::kApply:
      result = apply(term->fn, operands);
      break;
    case Term::kSum:
      result = sum(term->vars, operands[0]);
      break;
    case Term::kMax:
      result = max(term->vars, operands[0]);
      break;
    case Term::kSoftmax:
      result = softmax(term->vars, operands[0]);
      break;
    case Term::kPick:
      result = pick(term->id, operands[0]);
      break;
    case Term::kDense:
      result = dense(term->id, term->indices[0], term->number, operands[0]);
      break;
    case Term::kFamily:
      result = family(term->vars[0], operands);
      break;
    case Term::kSwitch:
      result = choose(term->id, operands);
      break;
    case Term::kSlotted:
      result = slotted(term->vars[0], term->indices[0], operands[0]);
      break;
    default: // no operands: unchanged
      result = term;
      break;
    }
  }
  return memo[term] = result;
}

/// The stored tensor with the dimensions of an index cut along the variables that the index is bound to.
T Terms::splitIndices(T term) {
  llvm::SmallVector<Index, 3> indices;
  StoredWeight stored = weightOf(term->id);
  std::vector<int64_t> key{-1};
  bool changed = false;
  for (const Index &index : term->indices) {
    Dim vars = indexVars(index);
    auto dim = static_cast<unsigned>(indices.size());
    for (size_t i = 0; i + 1 < vars.size(); ++i) {
      auto minor = space_.sizeOf(ArrayRef(vars).drop_front(i + 1));
      if (!minor || !stored.isDivisible(dim + static_cast<unsigned>(i)))
        return nullptr;
      stored = stored.split(dim + static_cast<unsigned>(i), *minor);
      key.push_back(dim + static_cast<int64_t>(i));
      key.push_back(*minor);
      indices.push_back(Index::var(vars[i]));
      changed = true;
    }
    indices.push_back(vars.size() > 1 ? Index::var(vars.back()) : index);
  }
  if (!changed)
    return term;
  auto [it, inserted] = slices_.try_emplace({term->id, key}, -1);
  if (inserted)
    it->second = addWeight(std::move(stored));
  return weight(it->second, indices);
}

T Terms::substitute(T term, const Substitution &by) {
  llvm::DenseMap<T, T> memo;
  Dim replaced = space_.resolve(by.vars);
  auto isReplaced = [&](const Index &index) { return indexVars(index) == replaced; };
  auto mentions = [&](ArrayRef<Var> vars) {
    return llvm::any_of(space_.resolve(vars), [&](Var var) { return llvm::is_contained(replaced, var); });
  };
  // One rank of a choice, as the choice of that rank alone.
  auto rankOf = [&](int32_t id) -> std::optional<int32_t> {
    const Choice &made = choice(id);
    if (by.to || made.rank < 0 || space_.resolve({made.rank}) != replaced)
      return std::nullopt;
    return this->rankOf(id, by.begin);
  };
  auto leaf = [&](T t) -> std::optional<T> {
    switch (t->kind) {
    case Term::kValue:
    case Term::kPlace:
    case Term::kInverse:
    case Term::kInSlot:
      return nullptr;
    case Term::kRunning:
      return by.to || !isReplaced(t->indices[0]) ? nullptr : running(t->id, Index::number(by.begin), t->vars);
    case Term::kSlotted: {
      if (!mentions(indexVars(t->indices[0])))
        return std::nullopt;
      T operand = by.to || !isReplaced(t->indices[0]) ? nullptr : substitute(t->operands[0], by);
      return operand ? slotted(t->vars[0], Index::number(by.begin), operand) : nullptr;
    }
    case Term::kId:
    case Term::kTable:
      if (auto rank = rankOf(t->id))
        return t->kind == Term::kId ? id(*rank) : table(*rank, tableOf(t));
      return nullptr;
    case Term::kSwitch:
      if (auto rank = rankOf(t->id)) {
        llvm::SmallVector<T, 8> experts;
        for (T operand : t->operands)
          if (T one = substitute(operand, by))
            experts.push_back(one);
        return experts.size() == t->operands.size() ? choose(*rank, experts) : nullptr;
      }
      return std::nullopt;
    case Term::kIndex:
      if (space_.resolve(t->vars) != replaced)
        return nullptr;
      if (!by.to)
        return number(static_cast<double>(by.begin));
      return apply(Fn::kAdd, {number(static_cast<double>(by.begin)),
                              apply(Fn::kMul, {number(static_cast<double>(by.step)), index({*by.to})})});
    case Term::kWeight: {
      bool inPart = llvm::any_of(t->indices, [&](const Index &i) { return mentions(indexVars(i)) && !isReplaced(i); });
      T cut = inPart ? splitIndices(t) : t;
      if (!cut)
        return nullptr;
      llvm::SmallVector<Index, 3> indices(cut->indices);
      StoredWeight stored = weightOf(cut->id);
      std::vector<int64_t> key;
      for (auto [dim, index] : llvm::enumerate(indices)) {
        if (index.kind == Index::kChosen)
          if (auto rank = rankOf(static_cast<int32_t>(index.value)))
            index = Index::chosen(*rank);
        if (!isReplaced(index))
          continue;
        if (!stored.isDivisible(static_cast<unsigned>(dim)))
          return nullptr;
        index = by.to ? Index::var(*by.to) : Index::number(by.begin);
        if (by.to) {
          stored = stored.slice(static_cast<unsigned>(dim), by.begin, by.step, by.count);
          key.insert(key.end(), {static_cast<int64_t>(dim), by.begin, by.step, by.count});
        }
      }
      int32_t id = cut->id;
      if (!key.empty()) {
        auto [it, inserted] = slices_.try_emplace({cut->id, key}, -1);
        if (inserted)
          it->second = addWeight(std::move(stored));
        id = it->second;
      }
      T result = weight(id, indices);
      return mentions(result->free) ? nullptr : result;
    }
    case Term::kChosen:
      if (auto rank = rankOf(t->id))
        return chosen(*rank, t->indices[0]);
      [[fallthrough]];
    case Term::kCount:
    case Term::kOffset:
      if (by.to || !isReplaced(t->indices[0]))
        return nullptr;
      return t->kind == Term::kChosen  ? chosen(t->id, Index::number(by.begin))
             : t->kind == Term::kCount ? count(t->id, Index::number(by.begin))
                                       : offset(t->id, Index::number(by.begin));
    case Term::kDense: {
      if (!isReplaced(t->indices[0]) || by.to)
        return mentions(indexVars(t->indices[0])) ? std::optional<T>(nullptr) : std::nullopt;
      T operand = substitute(t->operands[0], by);
      return operand ? dense(t->id, Index::number(by.begin), t->number, operand) : nullptr;
    }
    case Term::kFamily:
      if (space_.resolve(t->vars) != replaced)
        return std::nullopt;
      if (!by.to)
        return t->operands[by.begin];
      {
        llvm::SmallVector<T, 4> kept;
        for (int64_t i = 0; i < by.count; ++i)
          kept.push_back(t->operands[by.begin + i * by.step]);
        return family(*by.to, kept);
      }
    case Term::kPick: { // the largest and the least of the scores that were chosen by
      const Choice made = choice(t->id);
      auto rank = rankOf(t->id);
      if (!rank)
        return std::nullopt;
      if (made.k == made.width && made.members.empty() && t->operands[0] == made.input && by.begin > 0 &&
          by.begin + 1 < made.k) { // of an order of all: the least of the best so many
        int32_t first = firstOf(t->id, by.begin + 1);
        return apply(Fn::kNeg, {max({choice(first).rank}, apply(Fn::kNeg, {pick(first, made.input)}))});
      }
      if (!made.members.empty() || t->operands[0] != made.input || (by.begin != 0 && by.begin != made.k - 1)) {
        T operand = mentions(t->operands[0]->free) ? substitute(t->operands[0], by) : t->operands[0];
        return operand ? pick(*rank, operand) : nullptr;
      }
      if (by.begin == 0)
        return max({made.rank}, t);
      return apply(Fn::kNeg, {max({made.rank}, apply(Fn::kNeg, {t}))});
    }
    case Term::kSoftmax: { // one of those that it is taken over
      if (!mentions(t->vars))
        return std::nullopt;
      T here = by.to || space_.resolve(t->vars) != replaced ? nullptr : substitute(t->operands[0], by);
      if (!here)
        return nullptr;
      return apply(Fn::kDiv, {apply(Fn::kExp, {here}), sum(t->vars, apply(Fn::kExp, {t->operands[0]}))});
    }
    default:
      return std::nullopt;
    }
  };
  T result = rebuild(term, [&](T t) { return mentions(t->free); }, leaf, memo);
  return result && mentions(result->free) ? nullptr : result;
}

/// Is it a function of experts chosen and of nothing else, by its values?
static bool isMask(T term) {
  switch (term->kind) {
  case Term::kNumber:
  case Term::kId:
  case Term::kTable:
  case Term::kChosen:
    return true;
  case Term::kApply:
    return llvm::all_of(term->operands, isMask);
  default:
    return false;
  }
}

T Terms::restrict(T term, int32_t id, int64_t expert) {
  llvm::DenseMap<T, T> memo;
  Dim pairs = pairVars(id);
  auto leaf = [&](T t) -> std::optional<T> {
    // Of one rank it is known of each expert whether it was chosen.
    if (t->kind == Term::kDense && t->id == id && choice(id).rank < 0 && t->indices[0].kind == Index::kNumber &&
        t->operands[0]->kind == Term::kNumber)
      return number(t->indices[0].value == expert ? t->operands[0]->number : t->number);
    // A pair's weight stays what it is: it may add up what other ranks chose.
    if (onlyOn(t, pairs) && !isMask(t))
      return t;
    bool own = t->id == id;
    switch (t->kind) {
    case Term::kId:
      return own ? number(static_cast<double>(expert)) : t;
    case Term::kTable:
      return own ? number(tableOf(t)[expert]) : t;
    case Term::kChosen:
      return own && t->indices[0].kind == Index::kNumber ? number(t->indices[0].value == expert) : t;
    case Term::kSwitch:
      return own ? std::optional(t->operands[expert]) : std::nullopt;
    case Term::kPick: // weights stay what they are
    case Term::kDense:
    case Term::kSum:
      return t->kind == Term::kSum ? std::nullopt : std::optional(t);
    case Term::kWeight: {
      llvm::SmallVector<Index, 3> indices(t->indices);
      for (Index &index : indices)
        if (index == Index::chosen(id))
          index = Index::number(expert);
      return weight(t->id, indices);
    }
    default:
      return std::nullopt;
    }
  };
  return rebuild(term, [&](T t) { return isRouted(t, id); }, leaf, memo);
}

T Terms::given(T term, int32_t id, Index index, bool masksOnly) {
  llvm::DenseMap<T, T> memo;
  auto leaf = [&](T t) -> std::optional<T> {
    bool known = t->kind == Term::kDense && t->id == id && sameIndex(t->indices[0], index);
    return known && (!masksOnly || t->operands[0]->kind == Term::kNumber) ? std::optional(t->operands[0])
                                                                          : std::nullopt;
  };
  return rebuild(term, [&](T t) { return isRouted(t, id); }, leaf, memo);
}

} // namespace janus::recover
