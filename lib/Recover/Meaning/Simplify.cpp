// The constructors of terms that have rules.
#include "lib/Recover/Meaning/Term.h"

using namespace mlir;

namespace janus::recover {

namespace {

/// Values of a term that is 0 or 1 whatever its indices.
bool isBoolean(T term) { return term->kind == Term::kChosen || term->kind == Term::kInSlot; }

/// A function of the expert chosen and of nothing else.
bool isTable(T term) {
  return term->kind == Term::kId || term->kind == Term::kTable ||
         (term->kind == Term::kChosen && term->indices[0].kind == Index::kNumber);
}

/// An integer that is never below 0, whatever its indices.
bool isCount(T term) {
  switch (term->kind) {
  case Term::kSize:
  case Term::kIndex:
  case Term::kId:
  case Term::kChosen:
  case Term::kCount:
  case Term::kOffset:
  case Term::kPlace:
  case Term::kInverse:
  case Term::kRunning:
  case Term::kInSlot:
    return true;
  default:
    return false;
  }
}

/// An integer whatever its indices.
bool isInteger(T term, unsigned depth = 8) {
  if (isCount(term) || depth == 0)
    return isCount(term);
  auto whole = [](double number) { return number == std::floor(number) && std::fabs(number) < 0x1p53; };
  switch (term->kind) {
  case Term::kNumber:
    return whole(term->number);
  case Term::kApply:
    if (!llvm::is_contained({Fn::kAdd, Fn::kSub, Fn::kMul, Fn::kMax, Fn::kMin}, term->fn))
      return false;
    break;
  case Term::kDense:
    if (!whole(term->number))
      return false;
    break;
  case Term::kPick:
  case Term::kSum:
    break;
  default:
    return false;
  }
  return llvm::all_of(term->operands, [&](T operand) { return isInteger(operand, depth - 1); });
}

/// A number that is never below 0.
bool isNonNegative(T term) {
  if (term->kind == Term::kApply && term->fn == Fn::kDiv)
    return isNonNegative(term->operands[0]) && term->operands[1]->kind == Term::kNumber &&
           term->operands[1]->number > 0;
  return isCount(term);
}

bool isApply(T term, Fn fn) { return term->kind == Term::kApply && term->fn == fn; }

/// Wider choices than this are no routers.
constexpr int64_t kMaxTable = 4096;

} // namespace

T Terms::apply(Fn fn, ArrayRef<T> operands) {
  if (llvm::all_of(operands, [](T t) { return t->kind == Term::kNumber; })) {
    llvm::SmallVector<double, 3> numbers;
    for (T operand : operands)
      numbers.push_back(operand->number);
    return number(evaluate(fn, numbers));
  }
  if (T simpler = simplifyApply(fn, operands))
    return simpler;
  llvm::SmallVector<T, 2> ordered(operands);
  if (isCommutative(fn) && std::less<T>()(ordered[1], ordered[0]))
    std::swap(ordered[0], ordered[1]);
  return intern({.kind = Term::kApply, .fn = fn, .operands = ordered});
}

T Terms::simplifyApply(Fn fn, ArrayRef<T> x) {
  auto is = [&](unsigned i, double value) { return numberOf(x[i]) == value; };
  switch (fn) {
  case Fn::kAdd:
    if (is(0, 0) || is(1, 0))
      return x[is(0, 0) ? 1 : 0];
    break;
  case Fn::kSub:
    if (is(1, 0))
      return x[0];
    break;
  case Fn::kMul:
    if (is(0, 1) || is(1, 1))
      return x[is(0, 1) ? 1 : 0];
    for (unsigned i : {0u, 1u}) // floor(y) * sign(y), a division that rounds to 0
      if (T y = isApply(x[1 - i], Fn::kSign) ? x[1 - i]->operands[0] : nullptr;
          y && isNonNegative(y) && x[i] == apply(Fn::kFloor, {y}))
        return x[i];
    if (T result = takeSlots(x))
      return result;
    break;
  case Fn::kNeg:
    if (isApply(x[0], Fn::kNeg))
      return x[0]->operands[0];
    break;
  case Fn::kAbs:
    if (isNonNegative(x[0]))
      return x[0];
    break;
  case Fn::kDiv:
  case Fn::kIntDiv:
    if (is(1, 1))
      return x[0];
    break;
  case Fn::kTruncate:
  case Fn::kFloor:
  case Fn::kCeil:
    if (isInteger(x[0]))
      return x[0];
    if (fn != Fn::kCeil && isApply(x[0], Fn::kDiv) && isInteger(x[0]->operands[0]) && isNonNegative(x[0]))
      return apply(Fn::kIntDiv, x[0]->operands);
    break;
  case Fn::kToBool:
    if (slotOf(x[0]) >= 0)
      if (T result = takenSlots(x[0]))
        return result;
    break;
  case Fn::kAnd:
    if (is(0, 0) || is(1, 0))
      return number(0);
    break;
  case Fn::kWhere:
    if (auto condition = numberOf(x[0]))
      return x[*condition != 0 ? 1 : 2];
    if (x[1] == x[2])
      return x[1];
    if (T result = mapMask(x))
      return result;
    if (is(2, 0) && (isBoolean(x[0]) || x[0]->kind == Term::kDense)) // a mask
      return apply(Fn::kMul, {apply(Fn::kToBool, {x[0]}), x[1]});
    if (T result = selectExpert(x))
      return result;
    break;
  default:
    break;
  }
  if (T result = indexArithmetic(fn, x))
    return result;
  if (T result = compareWithLast(fn, x))
    return result;
  if (T result = comparePosition(fn, x))
    return result;
  if (T result = mapDense(fn, x))
    return result;
  if (T result = mapTable(fn, x))
    return result;
  return fn == Fn::kAdd ? addSelected(x) : nullptr;
}

/// Scores against that of the last expert chosen by them: whether an expert was chosen.
T Terms::compareWithLast(Fn fn, ArrayRef<T> x) {
  if (fn != Fn::kLess && fn != Fn::kLessEqual && fn != Fn::kGreater && fn != Fn::kGreaterEqual)
    return nullptr;
  for (unsigned i : {0u, 1u}) {
    T scores = x[i], last = x[1 - i];
    bool least = isApply(last, Fn::kNeg) && last->operands[0]->kind == Term::kMax;
    if (least && isApply(last->operands[0]->operands[0], Fn::kNeg)) // of those chosen
      last = last->operands[0]->operands[0]->operands[0];
    if (last->kind != Term::kPick || last->operands[0] != scores || choice(last->id).input != scores ||
        choice(last->id).of >= 0 || least != (choice(last->id).rank >= 0))
      continue;
    bool below = i == 0 ? fn == Fn::kLess : fn == Fn::kGreater; // scores < last
    bool notBelow = i == 0 ? fn == Fn::kGreaterEqual : fn == Fn::kLessEqual;
    if (below || notBelow)
      return dense(last->id, Index::var(choice(last->id).over), below ? 1 : 0, number(below ? 0 : 1));
  }
  return nullptr;
}

/// Does it depend on nothing but the rows of a choice and the expert chosen among?
bool Terms::isOfExperts(T term, int32_t id) const {
  Dim vars = rowVars(id);
  vars.push_back(choice(id).over);
  return onlyOn(term, vars);
}

/// Where one expert was chosen, or another: where the choice of both was it.
T Terms::joinDense(T a, T b) {
  if (a->number != 0 || b->number != 0 || a->id == b->id || !sameIndex(a->indices[0], b->indices[0]))
    return nullptr;
  llvm::SmallVector<std::pair<int32_t, T>> ranks;
  for (T term : {a, b}) {
    const Choice made = choice(term->id);
    if (made.rank < 0)
      ranks.push_back({term->id, term->operands[0]});
    else if (made.members.empty())
      return nullptr;
    for (auto [i, member] : llvm::enumerate(made.members)) {
      T value = substitute(term->operands[0], {{made.rank}, static_cast<int64_t>(i), 1, 1, std::nullopt});
      if (!value)
        return nullptr;
      ranks.push_back({member, value});
    }
  }
  llvm::sort(ranks, [&](const auto &x, const auto &y) { return isBefore(x.first, y.first); });
  llvm::SmallVector<int32_t> choices;
  llvm::SmallVector<T> values;
  for (auto [id, value] : ranks)
    choices.push_back(id), values.push_back(value);
  auto joint = joinChoices(choices);
  return joint ? dense(*joint, a->indices[0], 0, family(choice(*joint).rank, values)) : nullptr;
}

/// One thing where an expert was chosen, a number where it was not.
T Terms::mapMask(ArrayRef<T> x) {
  T mask = x[0];
  if (mask->kind != Term::kDense || mask->operands[0]->kind != Term::kNumber || mask->indices[0].kind != Index::kVar ||
      (mask->number != 0) == (mask->operands[0]->number != 0))
    return nullptr;
  T there = x[mask->operands[0]->number != 0 ? 1 : 2], elsewhere = x[mask->number != 0 ? 1 : 2];
  if (elsewhere->kind != Term::kNumber || !isOfExperts(there, mask->id))
    return nullptr;
  return dense(mask->id, mask->indices[0], elsewhere->number, pick(mask->id, there));
}

/// Is a factor 0?
static bool isMasked(T term) {
  return isApply(term, Fn::kMul) ? llvm::any_of(term->operands, isMasked)
                                 : term->kind == Term::kNumber && term->number == 0;
}

/// One thing for the pairs of an expert, another for those of others.
T Terms::selectExpert(ArrayRef<T> x) {
  T mask = x[0];
  bool only = mask->kind == Term::kDense && choice(mask->id).rank < 0 && mask->number == 0 &&
              numberOf(mask->operands[0]).value_or(0) != 0; // of one rank
  if ((mask->kind != Term::kChosen && !only) || mask->indices[0].kind != Index::kNumber ||
      choice(mask->id).width > kMaxTable)
    return nullptr;
  llvm::SmallVector<T, 8> experts;
  for (int64_t e = 0; e < choice(mask->id).width; ++e) {
    T part = x[e == mask->indices[0].value ? 1 : 2];
    part = part->kind == Term::kSwitch && part->id == mask->id ? part->operands[e] : restrict(part, mask->id, e);
    if (!part)
      return nullptr;
    part = given(part, mask->id, Index::number(e), /*masksOnly=*/true);
    experts.push_back(isMasked(part) ? number(0) : part);
  }
  return choose(mask->id, experts);
}

/// F for the pairs of one expert, next to what is there for the others.
T Terms::addSelected(ArrayRef<T> x) {
  auto expertOf = [&](T term, llvm::SmallVectorImpl<T> &rest) -> T {
    T mask = nullptr;
    factors(term, rest);
    for (T factor : rest)
      if (bool ofOne = factor->kind == Term::kDense && choice(factor->id).rank < 0 && factor->number == 0 &&
                       numberOf(factor->operands[0]) == 1;
          (factor->kind == Term::kChosen || ofOne) && factor->indices[0].kind == Index::kNumber)
        mask = factor;
    llvm::erase(rest, mask);
    return mask && choice(mask->id).width <= kMaxTable ? mask : nullptr;
  };
  llvm::SmallVector<T, 4> left, right;
  for (bool swap : {false, true}) {
    T added = x[swap ? 0 : 1], there = x[swap ? 1 : 0];
    left.clear(), right.clear();
    T mask = expertOf(added, left);
    if (!mask)
      continue;
    int64_t width = choice(mask->id).width;
    llvm::SmallVector<T, 8> experts(width, number(0));
    T other = nullptr;
    if (there->kind == Term::kSwitch && there->id == mask->id)
      experts.assign(there->operands.begin(), there->operands.end());
    else if (!(other = expertOf(there, right)) || other->id != mask->id || other->indices[0] == mask->indices[0])
      continue; // of one expert: its hidden values
    auto add = [&](T at, llvm::ArrayRef<T> rest) {
      int64_t e = at->indices[0].value;
      T part = restrict(product(rest), mask->id, e);
      part = isMasked(part) ? number(0) : part;
      experts[e] = apply(Fn::kAdd, {experts[e], part});
    };
    if (other)
      add(other, right);
    add(mask, left);
    return choose(mask->id, experts);
  }
  return nullptr;
}

/// Positions: never negative; row-major combination and its inverse.
T Terms::indexArithmetic(Fn fn, ArrayRef<T> x) {
  if (x.size() != 2)
    return nullptr;
  auto extentIs = [&](T term, ArrayRef<Var> vars) {
    Extent extent = space_.extentOf(vars);
    if (auto constant = space_.constant(extent))
      return numberOf(term) == static_cast<double>(*constant);
    return term->kind == Term::kSize && term->id == extent;
  };
  auto sizeOf = [&](T term) -> std::optional<Extent> {
    if (term->kind == Term::kSize)
      return term->id;
    auto number = numberOf(term);
    bool counts = number && *number >= 1 && *number == std::floor(*number) && *number < 0x1p53;
    return counts ? std::optional(space_.extent(onnx::SymExpr(static_cast<int64_t>(*number)))) : std::nullopt;
  };
  if (fn == Fn::kMul && (x[0]->kind == Term::kSize || x[1]->kind == Term::kSize))
    if (auto a = sizeOf(x[0]), b = sizeOf(x[1]); a && b)
      return size(space_.multiply(*a, *b));
  bool position = x[0]->kind == Term::kIndex;
  if (fn == Fn::kLess && position && numberOf(x[1]).value_or(1) <= 0)
    return number(0);
  if (fn == Fn::kGreaterEqual && position && numberOf(x[1]).value_or(1) <= 0)
    return number(1);
  if (fn == Fn::kEqual)
    for (unsigned i : {0u, 1u}) { // the position along a variable against the expert
      T id = x[i], at = x[1 - i];
      if (id->kind != Term::kId || at->kind != Term::kIndex)
        continue;
      const Choice &made = choice(id->id);
      if (space_.sizeOf(at->vars) == made.width && space_.align(at->vars, {made.over}))
        return chosen(id->id, Index::var(made.over));
    }
  if (position && (fn == Fn::kIntDiv || fn == Fn::kMod)) {
    Dim vars = space_.resolve(x[0]->vars);
    for (size_t cut = 1; cut <= vars.size(); ++cut)
      if (ArrayRef<Var> minor = ArrayRef(vars).drop_front(cut - 1); extentIs(x[1], minor))
        return fn == Fn::kMod ? index(minor) : index(ArrayRef(vars).take_front(cut - 1));
  }
  if (fn == Fn::kAdd)
    for (unsigned i : {0u, 1u}) {
      T minor = x[i], scaled = x[1 - i];
      if (minor->kind != Term::kIndex || !isApply(scaled, Fn::kMul))
        continue;
      for (unsigned j : {0u, 1u}) {
        T major = scaled->operands[j];
        if (major->kind != Term::kIndex || !extentIs(scaled->operands[1 - j], minor->vars))
          continue;
        Dim vars(major->vars);
        vars.append(minor->vars.begin(), minor->vars.end());
        return index(vars);
      }
    }
  return nullptr;
}

/// A function of one dense term and numbers, or of dense terms by the same choice at the same index, is dense. A dense
/// term times something of its row is dense, too.
T Terms::mapDense(Fn fn, ArrayRef<T> operands) {
  T first = nullptr;
  bool all = true;
  for (T operand : operands) {
    if (operand->kind == Term::kDense) {
      first = first ? first : operand;
      all &= operand->id == first->id && sameIndex(operand->indices[0], first->indices[0]);
    } else {
      all &= operand->kind == Term::kNumber;
    }
  }
  if (!first)
    return nullptr;
  if (all) {
    llvm::SmallVector<double, 3> bases;
    llvm::SmallVector<T, 3> values;
    for (T operand : operands) {
      bases.push_back(operand->number);
      values.push_back(operand->kind == Term::kDense ? operand->operands[0] : operand);
    }
    return dense(first->id, first->indices[0], evaluate(fn, bases), apply(fn, values));
  }
  if (fn == Fn::kAdd && operands[0]->kind == Term::kDense && operands[1]->kind == Term::kDense)
    return joinDense(operands[0], operands[1]);
  if (operands.size() != 2 || (fn != Fn::kMul && fn != Fn::kDiv) || (fn == Fn::kDiv && first != operands[0]) ||
      first->number != 0)
    return nullptr;
  T other = operands[first == operands[0] ? 1 : 0];
  if (other->kind != Term::kDense && first->indices[0].kind == Index::kVar && isOfExperts(other, first->id))
    other = pick(first->id, other);
  else if (other->kind == Term::kDense || !onlyOn(other, rowVars(first->id)))
    return nullptr;
  return dense(first->id, first->indices[0], 0, apply(fn, {first->operands[0], other}));
}

/// A function of the expert chosen, by its values.
T Terms::mapTable(Fn fn, ArrayRef<T> operands) {
  T first = nullptr;
  for (T operand : operands) {
    if (isTable(operand)) {
      if (first && first->id != operand->id)
        return nullptr;
      first = operand;
    } else if (operand->kind != Term::kNumber && !isBoolean(operand)) {
      return nullptr;
    }
  }
  if (operands.size() == 1 || llvm::count_if(operands, [](T t) { return t->kind != Term::kNumber; }) == 1) {
    // What keeps 0 and 1 keeps a boolean.
    auto *boolean = llvm::find_if(operands, isBoolean);
    if (boolean != operands.end()) {
      double values[2];
      for (int value : {0, 1}) {
        llvm::SmallVector<double, 3> numbers;
        for (T operand : operands)
          numbers.push_back(operand == *boolean ? value : operand->number);
        values[value] = evaluate(fn, numbers);
      }
      if (values[0] == 0 && values[1] == 1)
        return *boolean;
      if (values[0] == values[1])
        return number(values[0]);
    }
  }
  if (!first || llvm::any_of(operands, [](T t) { return t->kind != Term::kNumber && !isTable(t); }))
    return nullptr;
  int64_t width = choice(first->id).width;
  if (width > kMaxTable)
    return nullptr;
  if (fn == Fn::kEqual) // without a table: there is one for each expert of an unrolled loop
    for (unsigned i : {0u, 1u})
      if (auto expert = numberOf(operands[1 - i]); expert && operands[i]->kind == Term::kId)
        return *expert == std::floor(*expert) && *expert >= 0 && *expert < static_cast<double>(width)
                   ? chosen(first->id, Index::number(static_cast<int64_t>(*expert)))
                   : number(0);
  std::vector<double> values;
  for (int64_t expert = 0; expert < width; ++expert) {
    llvm::SmallVector<double, 3> numbers;
    for (T operand : operands)
      numbers.push_back(operand->kind == Term::kNumber   ? operand->number
                        : operand->kind == Term::kId     ? static_cast<double>(expert)
                        : operand->kind == Term::kChosen ? operand->indices[0].value == expert
                                                         : tableOf(operand)[expert]);
    values.push_back(evaluate(fn, numbers));
  }
  return table(first->id, values);
}

T Terms::sum(ArrayRef<Var> vars, T term) {
  llvm::SmallVector<T, 4> all, inside, outside;
  factors(term, all);
  Dim summed, idle;
  for (Var var : space_.resolve(vars))
    (dependsOn(term, var) ? summed : idle).push_back(var);
  for (T factor : all)
    (llvm::any_of(summed, [&](Var var) { return dependsOn(factor, var); }) ? inside : outside).push_back(factor);
  if (!idle.empty())
    outside.push_back(size(space_.extentOf(idle)));
  if (summed.empty())
    return product(outside);

  T result = nullptr;
  // Pairs that chose each of other classes than the experts are.
  T alone = inside.size() == 1 && isApply(inside[0], Fn::kEqual) ? inside[0] : nullptr;
  for (unsigned j : {0u, 1u}) {
    T at = alone ? alone->operands[j] : nullptr, chose = alone ? alone->operands[1 - j] : nullptr;
    if (!alone || at->kind != Term::kIndex || at->vars.size() != 1 || chose->kind != Term::kId)
      continue;
    Dim pairs = pairVars(chose->id);
    if (pairs.size() == summed.size() && llvm::all_of(pairs, [&](Var var) { return llvm::is_contained(summed, var); }))
      result = count(chose->id, Index::var(at->vars[0]));
  }
  for (auto [i, factor] : llvm::enumerate(inside)) {
    if (result)
      break;
    if (factor->kind != Term::kChosen && factor->kind != Term::kDense)
      continue;
    const Choice &made = choice(factor->id);
    llvm::SmallVector<T, 4> rest(inside);
    rest.erase(rest.begin() + static_cast<int64_t>(i));
    Dim pairs = pairVars(factor->id);
    bool everyPair = rest.empty() && pairs.size() == summed.size() &&
                     llvm::all_of(pairs, [&](Var var) { return llvm::is_contained(summed, var); });
    // Ranks of a row choose different experts, so that rows that chose one are pairs that did.
    Dim rows = rowVars(factor->id);
    everyPair |= rest.empty() && factor->kind == Term::kDense && factor->number == 0 && rows.size() == summed.size() &&
                 llvm::all_of(rows, [&](Var var) { return llvm::is_contained(summed, var); });
    if (everyPair && (factor->kind == Term::kChosen || numberOf(factor->operands[0]) == 1))
      result = count(factor->id, factor->indices[0]);
    else if (factor->kind == Term::kChosen && summed == space_.resolve({made.rank}) &&
             llvm::none_of(rest, [](T t) { return t->kind == Term::kChosen; }))
      result = dense(factor->id, factor->indices[0], 0, product(rest));
    else if (factor->kind == Term::kChosen && !rest.empty() && summed == indexVars(factor->indices[0]) &&
             summed == space_.resolve({made.over}))
      result = pick(factor->id, product(rest)); // looked up by a one-hot
    else if (factor->kind == Term::kDense && factor->number == 0 && rest.empty() &&
             summed == indexVars(factor->indices[0]))
      result = made.rank < 0 ? factor->operands[0] : sum({made.rank}, factor->operands[0]);
    if (result)
      break;
  }
  for (T factor : inside) { // rank by rank, then the rest
    if (result || factor->kind != Term::kChosen)
      continue;
    Dim ranks = space_.resolve({choice(factor->id).rank}), rest;
    llvm::copy_if(summed, std::back_inserter(rest), [&](Var var) { return !llvm::is_contained(ranks, var); });
    if (!rest.empty() && rest.size() < summed.size())
      result = sum(rest, sum(ranks, product(inside)));
  }
  if (!result)
    result = intern({.kind = Term::kSum, .operands = {product(inside)}, .vars = summed});
  outside.push_back(result);
  return product(outside);
}

T Terms::max(ArrayRef<Var> vars, T term) {
  Dim taken;
  for (Var var : space_.resolve(vars))
    if (dependsOn(term, var))
      taken.push_back(var);
  if (taken.empty())
    return term;
  if (term->kind == Term::kChosen && taken == space_.resolve({choice(term->id).rank}))
    return dense(term->id, term->indices[0], 0, number(1));
  return intern({.kind = Term::kMax, .operands = {term}, .vars = taken});
}

T Terms::softmax(ArrayRef<Var> vars, T term) {
  Dim over = space_.resolve(vars);
  auto depends = [&](T t) { return llvm::any_of(over, [&](Var var) { return dependsOn(t, var); }); };
  if (isApply(term, Fn::kSub) && !depends(term->operands[1])) // a shift changes nothing
    return softmax(vars, term->operands[0]);
  if (isApply(term, Fn::kLog)) {
    T x = term->operands[0];
    logarithms_.push_back(x);
    return apply(Fn::kDiv, {x, sum(over, x)});
  }
  // Over experts of which all but the chosen are as good as left out: over those.
  constexpr double kLeftOut = -1e4;
  if (term->kind == Term::kDense && term->number <= kLeftOut && over == indexVars(term->indices[0])) {
    Var rank = choice(term->id).rank;
    return dense(term->id, term->indices[0], 0, rank < 0 ? number(1) : softmax({rank}, term->operands[0]));
  }
  return intern({.kind = Term::kSoftmax, .operands = {term}, .vars = over}, over);
}

T Terms::pick(int32_t id, T term) {
  const Choice &made = choice(id);
  if (!dependsOn(term, made.over))
    return term;
  bool own = (term->kind == Term::kChosen || term->kind == Term::kDense) && term->id == id &&
             indexVars(term->indices[0]) == space_.resolve({made.over});
  if (own)
    return term->kind == Term::kChosen ? number(1) : term->operands[0];
  bool others = term->kind == Term::kDense && term->id != id && made.rank < 0 && choice(term->id).rank < 0 &&
                indexVars(term->indices[0]) == space_.resolve({made.over}) && areDisjoint(term->id, id);
  if (others)
    return number(term->number);
  if (term->kind == Term::kApply) {
    llvm::SmallVector<T, 3> picked;
    for (T operand : term->operands)
      picked.push_back(pick(id, operand));
    return apply(term->fn, picked);
  }
  if (term->kind == Term::kWeight) {
    llvm::SmallVector<Index, 3> indices(term->indices);
    for (Index &index : indices)
      if (index.kind == Index::kVar && indexVars(index) == space_.resolve({made.over}))
        index = Index::chosen(id);
    T picked = weight(term->id, indices);
    if (!dependsOn(picked, made.over))
      return picked;
  }
  if (term->kind == Term::kIndex && space_.resolve(term->vars) == space_.resolve({made.over}))
    return this->id(id);
  if (term->kind == Term::kFamily && space_.resolve(term->vars) == space_.resolve({made.over}))
    return choose(id, term->operands);
  // What experts made of a row; scores of a row are looked up where they are.
  if ((term->kind == Term::kSum || term->kind == Term::kMax) && !isOfExperts(term, id)) {
    T picked = pick(id, term->operands[0]);
    return term->kind == Term::kSum ? sum(term->vars, picked) : max(term->vars, picked);
  }
  return intern({.kind = Term::kPick, .id = id, .operands = {term}, .routed = {id}}, pairVars(id));
}

} // namespace janus::recover
