// Terms about the slots of an expert's buffer: who is in which.
#include "lib/Recover/Meaning/Term.h"

#include <cmath>

using namespace mlir;

namespace janus::recover {

namespace {

bool isApply(T term, Fn fn) { return term->kind == Term::kApply && term->fn == fn; }

/// A number above 0 whatever its indices, but for rounding.
bool isPositive(T term, unsigned depth = 16) {
  auto each = [&] { return llvm::all_of(term->operands, [&](T t) { return isPositive(t, depth - 1); }); };
  if (depth == 0)
    return false;
  switch (term->kind) {
  case Term::kNumber:
    return term->number > 0;
  case Term::kSoftmax:
    return true;
  case Term::kMax: { // of what is left when the experts chosen before are left out
    T of = term->operands[0];
    bool left = isApply(of, Fn::kWhere) && of->operands[0]->kind == Term::kDense &&
                of->operands[1]->kind == Term::kNumber && isPositive(of->operands[2], depth - 1);
    return left || each();
  }
  case Term::kSum:
  case Term::kPick:
  case Term::kFamily:
  case Term::kSwitch:
    return each();
  case Term::kApply:
    switch (term->fn) {
    case Fn::kExp:
    case Fn::kSigmoid:
    case Fn::kSoftplus:
      return true;
    case Fn::kAdd:
    case Fn::kMul:
    case Fn::kDiv:
    case Fn::kMin:
    case Fn::kSqrt:
    case Fn::kAbs:
    case Fn::kReciprocal:
      return each();
    case Fn::kMax:
      return llvm::any_of(term->operands, [&](T t) { return isPositive(t, depth - 1); });
    case Fn::kNeg: // the least of positive ones
      return term->operands[0]->kind == Term::kMax && isApply(term->operands[0]->operands[0], Fn::kNeg) &&
             isPositive(term->operands[0]->operands[0]->operands[0], depth - 1);
    default:
      return false;
    }
  default:
    return false;
  }
}

constexpr double kLeftOut = -1e4; // a score as good as left out

} // namespace

/// Does a row choose different experts by the two, because one is a rank of the same choice, or leaves out what the
/// other chose?
bool Terms::areDisjoint(int32_t a, int32_t b) const {
  if (choice(a).of >= 0 && choice(a).of == choice(b).of)
    return choice(a).at != choice(b).at;
  auto leavesOut = [&](int32_t id, int32_t other) {
    SmallVector<T> stack{choice(id).input};
    while (!stack.empty()) {
      T term = stack.pop_back_val();
      auto isMask = [&](T t, double there) {
        return t->kind == Term::kDense && t->id == other && numberOf(t->operands[0]) == there &&
               indexVars(t->indices[0]) == space_.resolve({choice(id).over});
      };
      if (isApply(term, Fn::kWhere)) { // of a mask
        if (isMask(term->operands[0], 1) && term->operands[0]->number == 0 &&
            numberOf(term->operands[1]).value_or(0) <= kLeftOut)
          return true;
        if (numberOf(term->operands[1]).value_or(0) <= kLeftOut)
          stack.push_back(term->operands[2]);
      }
      for (unsigned i : {0u, 1u}) // positive scores times 0
        if (isApply(term, Fn::kMul) && isMask(term->operands[i], 0) && term->operands[i]->number == 1) {
          if (isPositive(term->operands[1 - i]))
            return true;
          stack.push_back(term->operands[1 - i]);
        }
    }
    return false;
  };
  return leavesOut(a, b) || leavesOut(b, a);
}

std::optional<Position> Terms::positionOf(T term, T *scaled) {
  Position result;
  SmallVector<std::pair<int32_t, T>, 2> counts; // by the choice whose expert it is looked up for, or -1
  SmallVector<T, 1> own;                        // pairs that are left out of their own count
  double offset = 0;
  auto add = [&](auto &self, T t, int sign) -> bool {
    if (auto number = numberOf(t)) {
      offset += sign * *number;
      return true;
    }
    if (isApply(t, Fn::kAdd) || isApply(t, Fn::kSub))
      return self(self, t->operands[0], sign) && self(self, t->operands[1], t->fn == Fn::kAdd ? sign : -sign);
    if (scaled && !*scaled && sign > 0 && isApply(t, Fn::kMul) &&
        llvm::any_of(t->operands, [](T factor) { return factor->kind == Term::kId; })) {
      *scaled = t;
      return true;
    }
    if (sign < 0 && (t->kind == Term::kChosen || t->kind == Term::kDense)) {
      own.push_back(t);
      offset -= 1;
      return true;
    }
    bool looked = t->kind == Term::kPick;
    T inner = looked ? t->operands[0] : t;
    if (sign < 0 || (inner->kind == Term::kRunning && result.choice >= 0))
      return false;
    if (inner->kind != Term::kRunning) {
      counts.push_back({looked ? t->id : -1, inner});
      return true;
    }
    const Choice &made = choice(inner->id);
    if (looked && (t->id != inner->id || indexVars(inner->indices[0]) != space_.resolve({made.over})))
      return false;
    result.choice = inner->id;
    if (!looked)
      result.expert = inner->indices[0];
    // Row by row it does not matter in which order a row's ranks, which chose different experts, are counted.
    result.order = space_.resolve(inner->vars);
    if (!result.order.empty() && made.rank >= 0 && space_.same({result.order.back()}, {made.rank}))
      result.order.pop_back();
    return true;
  };
  bool sums =
      term->kind == Term::kRunning || term->kind == Term::kPick || isApply(term, Fn::kAdd) || isApply(term, Fn::kSub);
  if (!sums || !add(add, term, 1) || result.choice < 0 || offset != std::floor(offset) || std::fabs(offset) > 0x1p31)
    return std::nullopt;
  result.first = static_cast<int64_t>(offset) + 1;
  for (T mask : own) {
    bool one = mask->kind == Term::kChosen || (mask->number == 0 && numberOf(mask->operands[0]).value_or(0) == 1);
    if (!one || mask->id != result.choice || !result.expert || !sameIndex(mask->indices[0], *result.expert))
      return std::nullopt;
  }
  auto isOrder = [&](Dim vars) {
    Dim order = result.order;
    llvm::sort(order), llvm::sort(vars);
    return order == vars;
  };
  for (auto [looked, t] : counts) {
    T hit = t->kind == Term::kSum && isOrder(space_.resolve(t->vars)) ? t->operands[0] : t;
    bool ones = hit != t && hit->kind == Term::kDense && hit->number == 0 && numberOf(hit->operands[0]) == 1;
    bool all = t->kind == Term::kCount && isOrder(rowVars(t->id));
    if (!ones && !all)
      return std::nullopt;
    const Index &of = hit->indices[0];
    bool same = result.expert ? looked < 0 && sameIndex(of, *result.expert)
                              : looked == result.choice && indexVars(of) == space_.resolve({choice(looked).over});
    if (!same || choice(hit->id).rank >= 0 || choice(result.choice).rank >= 0)
      return std::nullopt;
    result.before.push_back(hit->id);
  }
  SmallVector<int32_t, 4> all(result.before.begin(), result.before.end());
  all.push_back(result.choice);
  for (size_t i = 0; i < all.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (all[i] == all[j] || !areDisjoint(all[i], all[j]))
        return std::nullopt;
  llvm::sort(result.before);
  return result;
}

bool Terms::hasRoom(const onnx::SymExpr &slots, const Position &position) {
  return (slots - space_.expr(space_.extentOf(rowsOf(position.choice, position.order)))).isNonNegative();
}

Dim Terms::rowsOf(int32_t id, ArrayRef<Var> order) const {
  Dim ranks = choice(id).rank < 0 ? Dim() : space_.resolve({choice(id).rank}), rows;
  llvm::copy_if(order, std::back_inserter(rows), [&](Var var) { return !llvm::is_contained(ranks, var); });
  return rows;
}

/// Of positions, and of what is 0 where no pair is: a number that none of them exceeds. There are rows where there is a
/// position, so that 0 does not.
std::optional<onnx::SymExpr> Terms::largestOf(T term) {
  auto isMask = [&](T t) {
    return t->kind == Term::kChosen ||
           (t->kind == Term::kDense && t->number == 0 && numberOf(t->operands[0]).value_or(0) == 1);
  };
  if (term->kind == Term::kDense)
    return term->number <= 0 ? largestOf(term->operands[0]) : std::nullopt;
  if (isApply(term, Fn::kMul) || isApply(term, Fn::kMax))
    for (unsigned i : {0u, 1u})
      if (term->fn == Fn::kMul ? isMask(term->operands[i]) : numberOf(term->operands[i]).value_or(1) <= 0)
        return largestOf(term->operands[1 - i]);
  if (isApply(term, Fn::kSub))
    if (auto number = numberOf(term->operands[1]); number && *number == 1 && isApply(term->operands[0], Fn::kMul))
      if (auto largest = largestOf(term->operands[0]))
        return *largest - onnx::SymExpr(1);
  auto position = positionOf(term);
  if (!position || position->first < 0)
    return std::nullopt;
  return space_.expr(space_.extentOf(rowsOf(position->choice, position->order))) + onnx::SymExpr(position->first - 1);
}

T Terms::inSlot(Var slot, const Position &position) {
  Dim extra = pairVars(position.choice), vars{slot};
  extra.push_back(slot);
  vars.append(position.order);
  llvm::SmallVector<Index, 3> before;
  for (int32_t choice : position.before)
    before.push_back(Index::number(choice));
  return intern(
      {.kind = Term::kInSlot, .id = position.choice, .indices = before, .vars = vars, .routed = {position.choice}},
      extra);
}

/// A position against a slot, or against the number of slots.
T Terms::comparePosition(Fn fn, ArrayRef<T> x) {
  if (x.size() != 2 || llvm::all_of(x, [](T t) { return t->routed.empty(); }))
    return nullptr;
  for (unsigned i : {0u, 1u}) {
    T position = x[i], other = x[1 - i];
    if (fn == Fn::kEqual && other->kind == Term::kIndex && other->vars.size() == 1) {
      auto found = positionOf(position);
      Var slot = other->vars[0];
      bool all = found && !found->expert && found->first == 0 && space_.resolve({slot}).size() == 1 &&
                 hasRoom(space_.expr(space_.extentOfVar(slot)), *found);
      if (all)
        return inSlot(slot, *found);
    }
    auto number = numberOf(other);
    if (fn == Fn::kMax && number && *number <= 0)
      if (auto found = positionOf(position); found && !found->expert && found->first >= 0)
        return position; // the first one's is that much
    bool less = fn == Fn::kLess || fn == Fn::kLessEqual, greater = fn == Fn::kGreater || fn == Fn::kGreaterEqual;
    if ((!less && !greater) || (other->kind != Term::kSize && (!number || *number != std::floor(*number))))
      continue;
    auto most = largestOf(position);
    if (!most)
      continue;
    bool below = (i == 0) == less; // position < slots, position <= slots; else the opposite
    bool strict = below ? fn == Fn::kLess || fn == Fn::kGreater : fn == Fn::kLessEqual || fn == Fn::kGreaterEqual;
    onnx::SymExpr slots = number ? onnx::SymExpr(static_cast<int64_t>(*number)) : space_.expr(other->id);
    if ((slots - *most - onnx::SymExpr(strict ? 1 : 0)).isNonNegative())
      return this->number(below ? 1 : 0);
  }
  return nullptr;
}

bool Terms::mayDrop(Fn fn, ArrayRef<T> x) {
  bool orders = fn == Fn::kLess || fn == Fn::kLessEqual || fn == Fn::kGreater || fn == Fn::kGreaterEqual;
  if (x.size() != 2 || (!orders && fn != Fn::kEqual))
    return false;
  for (unsigned i : {0u, 1u}) {
    T position = x[i]->kind == Term::kDense ? x[i]->operands[0] : x[i], other = x[1 - i];
    bool slot = fn == Fn::kEqual && other->kind == Term::kIndex;
    bool slots = orders && other->free.empty() && other->routed.empty() && numberOf(other).value_or(2) > 1;
    if (slots && largestOf(x[i]))
      return true;
    auto found = slot ? positionOf(position) : std::nullopt;
    if (found && !hasRoom(space_.expr(space_.extentOf(other->vars)), *found))
      return true;
  }
  return false;
}

/// Of an expert's pairs those in a slot.
T Terms::takeSlots(ArrayRef<T> x) {
  for (unsigned i : {0u, 1u}) {
    T mask = x[i], other = x[1 - i];
    bool byPair = mask->kind == Term::kChosen;
    if (!byPair && (mask->kind != Term::kDense || mask->number != 0))
      continue;
    bool alone = choice(mask->id).rank < 0;
    auto put = [&](T slot) {
      return byPair ? apply(Fn::kMul, {mask, slot})
                    : dense(mask->id, mask->indices[0], 0, apply(Fn::kMul, {mask->operands[0], slot}));
    };
    if (other->kind == Term::kInSlot && other->id == mask->id && alone)
      return put(other);
    if (!isApply(other, Fn::kEqual) || !isRouted(other, mask->id))
      continue;
    for (unsigned j : {0u, 1u}) {
      T at = other->operands[j], position = other->operands[1 - j];
      if (at->kind != Term::kIndex || at->vars.size() != 1 || space_.resolve(at->vars).size() != 1)
        continue;
      bool inside = position->kind == Term::kDense && position->id == mask->id &&
                    sameIndex(position->indices[0], mask->indices[0]);
      auto found = positionOf(inside ? position->operands[0] : position);
      if (!found || found->choice != mask->id || found->first != 0 ||
          !hasRoom(space_.expr(space_.extentOfVar(at->vars[0])), *found))
        continue;
      bool same = found->expert ? sameIndex(*found->expert, mask->indices[0]) : inside || alone;
      if (same)
        return put(inSlot(at->vars[0], *found));
    }
  }
  return nullptr;
}

Var Terms::slotOf(T term) const {
  if (term->routed.empty())
    return -1;
  switch (term->kind) {
  case Term::kInSlot: {
    Dim slot = space_.resolve({term->vars[0]});
    return slot.size() == 1 ? slot[0] : -1;
  }
  case Term::kDense:
    return slotOf(term->operands[0]);
  case Term::kFamily:
    return slotOf(term->operands[0]);
  case Term::kApply:
    if (term->fn == Fn::kMul)
      for (T operand : term->operands)
        if (Var slot = slotOf(operand); slot >= 0)
          return slot;
    return -1;
  default:
    return -1;
  }
}

/// Is it not 0? Of products of slots and positive numbers.
T Terms::takenSlots(T term) {
  if (term->kind == Term::kInSlot || term->kind == Term::kChosen)
    return term;
  if (isPositive(term))
    return number(1);
  if (isApply(term, Fn::kMul)) {
    T a = takenSlots(term->operands[0]), b = takenSlots(term->operands[1]);
    return a && b ? apply(Fn::kMul, {a, b}) : nullptr;
  }
  if (term->kind == Term::kDense && term->number == 0) {
    T operand = takenSlots(term->operands[0]);
    return operand ? dense(term->id, term->indices[0], 0, operand) : nullptr;
  }
  if (term->kind != Term::kFamily)
    return nullptr;
  llvm::SmallVector<T, 4> operands;
  for (T operand : term->operands)
    if (T taken = takenSlots(operand))
      operands.push_back(taken);
  return operands.size() == term->operands.size() ? family(term->vars[0], operands) : nullptr;
}

T Terms::withoutSlotOf(T term, Var slot, int32_t within, SlotMask &mask) {
  switch (term->kind) {
  case Term::kInSlot:
    if (mask.choice >= 0 || !space_.same({term->vars[0]}, {slot}))
      return nullptr;
    mask.choice = term->id, mask.order = space_.resolve(ArrayRef(term->vars).drop_front());
    for (const Index &before : term->indices)
      mask.before.push_back(static_cast<int32_t>(before.value));
    return number(1);
  case Term::kApply:
    if (term->fn != Fn::kMul)
      return nullptr;
    for (unsigned i : {0u, 1u})
      if (dependsOn(term->operands[i], slot) && !dependsOn(term->operands[1 - i], slot)) {
        T rest = withoutSlotOf(term->operands[i], slot, within, mask);
        return rest ? apply(Fn::kMul, {rest, term->operands[1 - i]}) : nullptr;
      }
    return nullptr;
  case Term::kDense: {
    T rest = term->number == 0 ? withoutSlotOf(term->operands[0], slot, term->id, mask) : nullptr;
    if (!rest || mask.choice != term->id)
      return nullptr;
    mask.expert = term->indices[0];
    return dense(term->id, term->indices[0], 0, rest);
  }
  case Term::kFamily: { // of the choices that are ranks of one: each after the pairs of those before
    if (within < 0 || space_.resolve(term->vars) != space_.resolve({choice(within).rank}))
      return nullptr;
    llvm::SmallVector<T, 4> operands;
    llvm::SmallVector<std::pair<int32_t, SlotMask>> members;
    for (auto [i, operand] : llvm::enumerate(term->operands)) {
      members.push_back({rankOf(within, static_cast<int64_t>(i)), {}});
      auto &[member, own] = members.back();
      T rest = withoutSlotOf(operand, slot, -1, own);
      if (!rest || own.choice != member || own.order != members.front().second.order)
        return nullptr;
      operands.push_back(rest);
    }
    llvm::sort(members, [](const auto &a, const auto &b) { return a.second.before.size() < b.second.before.size(); });
    llvm::SmallVector<int32_t, 2> before;
    for (const auto &[member, own] : members) {
      if (own.before != before)
        return nullptr;
      before.push_back(member);
      llvm::sort(before);
    }
    mask.choice = within, mask.order = members.front().second.order;
    return family(term->vars[0], operands);
  }
  default:
    return nullptr;
  }
}

T Terms::withoutSlot(T term, Var slot, SlotMask &mask) {
  T rest = withoutSlotOf(term, slot, -1, mask);
  if (!rest || dependsOn(rest, slot))
    return nullptr;
  llvm::SmallVector<T, 4> all;
  factors(rest, all);
  for (T factor : all) {
    if (mask.expert || factor->id != mask.choice)
      continue;
    mask.byPair = factor->kind == Term::kChosen;
    if (mask.byPair || (factor->kind == Term::kDense && factor->number == 0 && choice(factor->id).rank < 0))
      mask.expert = factor->indices[0];
  }
  return mask.expert ? rest : nullptr;
}

T Terms::atSlot(T term, Var slots, const Index &expert) {
  int32_t id = space_.list(slots)->choice;
  llvm::DenseMap<T, T> memo;
  auto leaf = [&](T t) -> std::optional<T> {
    if (t->kind == Term::kSlotted)
      return space_.same(t->vars, {slots}) && sameIndex(t->indices[0], expert) ? t->operands[0] : nullptr;
    if (t->kind != Term::kFamily || space_.resolve(t->vars) != indexVars(expert) || expert.kind != Index::kVar)
      return std::nullopt;
    llvm::SmallVector<T, 8> operands;
    for (auto [e, operand] : llvm::enumerate(t->operands))
      if (T one = atSlot(operand, slots, Index::number(static_cast<int64_t>(e))))
        operands.push_back(one);
    return operands.size() == t->operands.size() ? family(t->vars[0], operands) : nullptr;
  };
  T result = rebuild(term, [&](T t) { return isRouted(t, id); }, leaf, memo);
  return result && !dependsOn(result, slots) ? result : nullptr;
}

} // namespace janus::recover
