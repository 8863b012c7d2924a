#include "lib/Recover/Meaning/Term.h"

#include "llvm/ADT/Hashing.h"

#include <cmath>

using namespace mlir;

namespace janus::recover {

size_t Terms::Hash::operator()(T term) const {
  auto hash = llvm::hash_combine(term->kind, term->fn, term->id, term->table,
                                 llvm::hash_value(llvm::bit_cast<uint64_t>(term->number)),
                                 llvm::hash_combine_range(term->operands.begin(), term->operands.end()),
                                 llvm::hash_combine_range(term->vars.begin(), term->vars.end()));
  for (const Index &index : term->indices)
    hash = llvm::hash_combine(hash, index.kind, index.value);
  return hash;
}

bool Terms::Equal::operator()(T a, T b) const {
  return a->kind == b->kind && a->fn == b->fn && a->id == b->id && a->table == b->table &&
         llvm::bit_cast<uint64_t>(a->number) == llvm::bit_cast<uint64_t>(b->number) && a->operands == b->operands &&
         a->indices == b->indices && a->vars == b->vars;
}

/// Free variables: those of the operands but the bound ones, the indices' and `extra`.
T Terms::intern(Term term, ArrayRef<Var> extra) {
  if (auto it = interned_.find(&term); it != interned_.end())
    return *it;
  Dim free(extra);
  for (T operand : term.operands) {
    free.append(operand->free.begin(), operand->free.end());
    for (int32_t choice : operand->routed)
      if (!llvm::is_contained(term.routed, choice))
        term.routed.push_back(choice);
  }
  Dim bound;
  if (term.kind == Term::kSum || term.kind == Term::kMax)
    bound = space_.resolve(term.vars);
  if (term.kind == Term::kPick)
    bound = space_.resolve({choice(term.id).over});
  if (term.kind == Term::kDense && choice(term.id).rank >= 0)
    bound = space_.resolve({choice(term.id).rank});
  for (const Index &index : term.indices)
    if (index.kind == Index::kVar)
      free.push_back(static_cast<Var>(index.value));
  free = space_.resolve(free);
  llvm::sort(free);
  free.erase(std::unique(free.begin(), free.end()), free.end());
  llvm::erase_if(free, [&](Var var) { return llvm::is_contained(bound, var) && !llvm::is_contained(extra, var); });
  term.free = std::move(free);
  storage_.push_back(std::move(term));
  interned_.insert(&storage_.back());
  return &storage_.back();
}

/// Variables that the expert of a pair depends on.
Dim Terms::pairVars(int32_t id) const {
  Dim result = rowVars(id);
  if (Var rank = choice(id).rank; rank >= 0)
    result.append(space_.resolve({rank}));
  return result;
}

Dim Terms::rowVars(int32_t id) const {
  const Choice &made = choice(id);
  Dim over = space_.resolve({made.over}), result;
  for (Var var : space_.resolve(made.input->free))
    if (!llvm::is_contained(over, var))
      result.push_back(var);
  return result;
}

//===-- constructors without rules ----------------------------------------===//

T Terms::value(int32_t id, ArrayRef<Var> vars) {
  return intern({.kind = Term::kValue, .id = id, .vars = Dim(vars)}, vars);
}

T Terms::number(double number) {
  return intern({.kind = Term::kNumber, .number = number == 0 ? 0.0 : number}); // one zero
}

T Terms::size(Extent extent) {
  if (auto constant = space_.constant(extent))
    return number(static_cast<double>(*constant));
  return intern({.kind = Term::kSize, .id = extent});
}

T Terms::weight(int32_t id, ArrayRef<Index> indices) {
  Term term{.kind = Term::kWeight, .id = id, .indices = llvm::SmallVector<Index, 3>(indices)};
  Dim extra;
  for (const Index &index : indices)
    if (index.kind == Index::kChosen) {
      extra.append(pairVars(static_cast<int32_t>(index.value)));
      term.routed.push_back(static_cast<int32_t>(index.value));
    }
  return intern(std::move(term), extra);
}

T Terms::id(int32_t choice) { return intern({.kind = Term::kId, .id = choice, .routed = {choice}}, pairVars(choice)); }

T Terms::table(int32_t choice, ArrayRef<double> values) {
  bool identity = true, indicator = true;
  int64_t ones = 0, one = -1;
  for (auto [i, value] : llvm::enumerate(values)) {
    identity &= value == static_cast<double>(i);
    indicator &= value == 0 || value == 1;
    if (value == 1)
      ++ones, one = static_cast<int64_t>(i);
  }
  if (llvm::all_equal(values))
    return number(values.front());
  if (identity)
    return id(choice);
  if (indicator && ones == 1)
    return chosen(choice, Index::number(one));
  auto [it, inserted] = tableIndex_.try_emplace(values.vec(), static_cast<int32_t>(tables_.size()));
  if (inserted)
    tables_.push_back(it->first);
  return intern({.kind = Term::kTable, .id = choice, .table = it->second, .routed = {choice}}, pairVars(choice));
}

T Terms::chosen(int32_t choice, Index index) {
  if (this->choice(choice).rank < 0) // one rank: whether that one chose it
    return dense(choice, index, 0, number(1));
  return intern({.kind = Term::kChosen, .id = choice, .indices = {index}, .routed = {choice}}, pairVars(choice));
}

/// Of an order of all experts, those before (not before) a rank: the best so many (all others).
T Terms::bestOf(int32_t id, Index index, T term) {
  const Choice &made = choice(id);
  if (made.k != made.width || made.rank < 0 || made.of >= 0 || !made.members.empty() || term->kind != Term::kApply ||
      term->operands.size() != 2)
    return nullptr;
  bool less = term->fn == Fn::kLess || term->fn == Fn::kLessEqual;
  bool greater = term->fn == Fn::kGreater || term->fn == Fn::kGreaterEqual;
  for (unsigned i : {0u, 1u}) {
    T rank = term->operands[i];
    auto number = numberOf(term->operands[1 - i]);
    bool is = (less || greater) && number && *number == std::floor(*number) && rank->kind == Term::kIndex &&
              space_.same(rank->vars, {made.rank});
    if (!is)
      continue;
    bool before = (i == 0) == less; // rank < n, rank <= n; else the opposite
    bool with = before ? term->fn == Fn::kLessEqual || term->fn == Fn::kGreaterEqual
                       : term->fn == Fn::kLess || term->fn == Fn::kGreater;
    double count = *number + (with ? 1 : 0);
    if (count < 1 || count >= static_cast<double>(made.k))
      return nullptr;
    return dense(firstOf(id, static_cast<int64_t>(count)), index, before ? 0 : 1, this->number(before ? 1 : 0));
  }
  return nullptr;
}

T Terms::dense(int32_t choice, Index index, double base, T term) {
  if (numberOf(term) == base)
    return number(base);
  if (T best = bestOf(choice, index, term))
    return best;
  return intern({.kind = Term::kDense,
                 .id = choice,
                 .number = base == 0 ? 0.0 : base,
                 .operands = {term},
                 .indices = {index},
                 .routed = {choice}},
                rowVars(choice));
}

T Terms::count(int32_t choice, Index index) {
  return intern({.kind = Term::kCount, .id = choice, .indices = {index}, .routed = {choice}});
}

T Terms::offset(int32_t choice, Index index) {
  if (index.kind == Index::kNumber && index.value < 0)
    return number(0);
  return intern({.kind = Term::kOffset, .id = choice, .indices = {index}, .routed = {choice}});
}

T Terms::place(Var list) {
  const PairList *pairs = space_.list(list);
  return intern({.kind = Term::kPlace, .vars = {list}, .routed = {pairs->choice}}, pairs->covers);
}

T Terms::inverse(Var list) {
  const PairList *pairs = space_.list(list);
  return intern({.kind = Term::kInverse, .vars = {list}, .routed = {pairs->choice}}, pairs->covers);
}

T Terms::index(ArrayRef<Var> vars) {
  return vars.empty() ? number(0) : intern({.kind = Term::kIndex, .vars = Dim(vars)}, vars);
}

T Terms::family(Var var, ArrayRef<T> operands) {
  if (llvm::all_equal(operands))
    return operands.front();
  bool counts = true;
  for (auto [i, operand] : llvm::enumerate(operands))
    counts &= numberOf(operand) == static_cast<double>(i);
  if (counts)
    return index({var});
  return intern({.kind = Term::kFamily, .operands = llvm::SmallVector<T, 2>(operands), .vars = {var}}, {var});
}

T Terms::choose(int32_t choice, ArrayRef<T> operands) {
  if (llvm::all_equal(operands))
    return operands.front();
  // Of the pair is what is a factor whatever the expert.
  Dim pairs = pairVars(choice);
  auto ofPair = [&](T term) { return term->kind != Term::kNumber && onlyOn(term, pairs); };
  auto split = [&](auto &self, T term, llvm::SmallVectorImpl<T> &out) -> void {
    if (term->kind != Term::kApply || term->fn != Fn::kMul || ofPair(term))
      return out.push_back(term);
    for (T operand : term->operands)
      self(self, operand, out);
  };
  llvm::SmallVector<llvm::SmallVector<T, 4>> parts(operands.size());
  for (auto [part, operand] : llvm::zip(parts, operands))
    split(split, operand, part);
  llvm::SmallVector<T, 4> common;
  for (T factor : llvm::SmallVector<T, 4>(parts.front())) {
    bool everywhere =
        ofPair(factor) && llvm::all_of(parts, [&](const auto &part) { return llvm::is_contained(part, factor); });
    if (!everywhere)
      continue;
    common.push_back(factor);
    for (auto &part : parts)
      part.erase(llvm::find(part, factor));
  }
  if (!common.empty()) {
    llvm::SmallVector<T, 8> rest;
    for (const auto &part : parts)
      rest.push_back(product(part));
    return apply(Fn::kMul, {choose(choice, rest), product(common)});
  }
  return intern(
      {.kind = Term::kSwitch, .id = choice, .operands = llvm::SmallVector<T, 2>(operands), .routed = {choice}},
      pairVars(choice));
}

T Terms::running(int32_t choice, Index index, ArrayRef<Var> order) {
  Dim extra = rowVars(choice);
  extra.append(order.begin(), order.end());
  return intern(
      {.kind = Term::kRunning, .id = choice, .indices = {index}, .vars = space_.resolve(order), .routed = {choice}},
      extra);
}

T Terms::slotted(Var slots, Index index, T term) {
  int32_t choice = space_.list(slots)->choice;
  return intern({.kind = Term::kSlotted,
                 .id = choice,
                 .operands = {term},
                 .indices = {index},
                 .vars = {slots},
                 .routed = {choice}});
}

//===-- queries -----------------------------------------------------------===//

bool Terms::dependsOn(T term, Var var) const {
  Dim wanted = space_.resolve({var});
  for (Var free : term->free)
    for (Var part : space_.resolve({free}))
      if (llvm::is_contained(wanted, part))
        return true;
  return false;
}

bool Terms::onlyOn(T term, ArrayRef<Var> vars) const {
  Dim allowed = space_.resolve(vars);
  return llvm::all_of(space_.resolve(term->free), [&](Var var) { return llvm::is_contained(allowed, var); });
}

bool Terms::isConsistent(T term, ArrayRef<T> stop) const {
  llvm::DenseSet<T> seen(stop.begin(), stop.end());
  SmallVector<T> stack{term};
  while (!stack.empty()) {
    T next = stack.pop_back_val();
    if (!seen.insert(next).second)
      continue;
    Dim vars = space_.resolve(next->free);
    llvm::sort(vars);
    if (std::adjacent_find(vars.begin(), vars.end()) != vars.end())
      return false;
    stack.append(next->operands.begin(), next->operands.end());
    if (next->kind >= Term::kId && next->kind <= Term::kTable) {
      stack.push_back(choice(next->id).input);
      for (int32_t member : choice(next->id).members)
        stack.push_back(choice(member).input);
    }
  }
  return true;
}

bool Terms::isRouted(T term, int32_t id) const {
  auto depends = [&](int32_t choice) {
    return llvm::any_of(term->routed, [&](int32_t other) { return wholeOf(other) == wholeOf(choice); });
  };
  return depends(id) || llvm::any_of(choice(id).members, depends);
}

void Terms::factors(T term, llvm::SmallVectorImpl<T> &out) const {
  // What no choice takes part in is a factor as a whole: a normalised row, a hidden value.
  auto isProduct = [](T t) { return t->kind == Term::kApply && t->fn == Fn::kMul; };
  auto isOpen = [&](T t) {
    return isProduct(t) &&
           (!t->routed.empty() || llvm::any_of(t->operands, [](T f) { return f->kind == Term::kNumber; }));
  };
  if (!isProduct(term))
    return out.push_back(term);
  for (T operand : term->operands) {
    if (isOpen(operand))
      factors(operand, out);
    else
      out.push_back(operand);
  }
}

T Terms::product(ArrayRef<T> factors) {
  T result = number(1);
  for (T factor : factors)
    result = apply(Fn::kMul, {result, factor});
  return result;
}

std::optional<double> Terms::numberOf(T term) const {
  return term->kind == Term::kNumber ? std::optional(term->number) : std::nullopt;
}

int32_t Terms::addWeight(StoredWeight weight) {
  weights_.push_back(std::move(weight));
  return static_cast<int32_t>(weights_.size()) - 1;
}

int32_t Terms::addChoice(const Choice &choice) {
  std::vector<int32_t> members(choice.members.begin(), choice.members.end());
  auto [it, inserted] =
      choiceIndex_.try_emplace({choice.input, choice.over, choice.k, members, choice.of, choice.at}, choiceCount());
  if (inserted)
    choices_.push_back(choice);
  return it->second;
}

std::optional<int32_t> Terms::joinChoices(ArrayRef<int32_t> choices) {
  if (choices.size() < 2)
    return std::nullopt;
  Choice joint = choice(choices[0]);
  auto rowsOf = [&](int32_t id) {
    Dim rows = rowVars(id);
    llvm::sort(rows);
    return rows;
  };
  for (int32_t id : choices) {
    const Choice &made = choice(id);
    if (made.rank >= 0 || made.width != joint.width || rowsOf(id) != rowsOf(choices[0]) ||
        llvm::is_contained(joint.members, id) || !space_.same({made.over}, {joint.over}))
      return std::nullopt;
    joint.members.push_back(id);
  }
  joint.of = -1, joint.at = 0;
  if (int32_t of = choice(choices[0]).of; of >= 0 && choice(of).k == static_cast<int64_t>(choices.size())) {
    bool inOrder = true;
    for (auto [i, id] : llvm::enumerate(choices))
      inOrder &= choice(id).of == of && choice(id).at == static_cast<int64_t>(i);
    if (inOrder)
      return of;
  }
  joint.k = static_cast<int64_t>(choices.size());
  joint.rank = space_.fresh(space_.extent(onnx::SymExpr(joint.k)));
  return addChoice(joint);
}

int32_t Terms::rankOf(int32_t id, int64_t at) {
  if (!choice(id).members.empty())
    return choice(id).members[at];
  Choice rank = choice(id);
  rank.k = 1, rank.rank = -1;
  rank.of = id, rank.at = at;
  return addChoice(rank);
}

int32_t Terms::firstOf(int32_t id, int64_t count) {
  Choice first = choice(id);
  first.k = count, first.rank = count == 1 ? -1 : space_.fresh(space_.extent(onnx::SymExpr(count)));
  return addChoice(first);
}

llvm::SmallVector<int32_t> Terms::restsOn(int32_t id) const {
  llvm::SmallVector<int32_t> result(choice(id).members.begin(), choice(id).members.end());
  if (choice(id).of >= 0)
    result.push_back(choice(id).of);
  llvm::append_range(result, choice(id).input->routed);
  return result;
}

Dim Terms::indexVars(const Index &index) const {
  return index.kind == Index::kVar ? space_.resolve({static_cast<Var>(index.value)}) : Dim();
}

bool Terms::sameIndex(const Index &a, const Index &b) const {
  return a.kind == b.kind && (a.kind == Index::kVar ? indexVars(a) == indexVars(b) : a.value == b.value);
}

} // namespace janus::recover
