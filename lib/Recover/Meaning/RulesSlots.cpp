// Rows in the slots of an expert's buffer: put there by a sum over rows or by a scatter, looked up by a sum over slots
// or by a gather.
#include "lib/Recover/Meaning/Rules.h"

#include <cmath>

using namespace mlir;

namespace janus::recover {

/// The list of slots that these pairs are in; the same for equal arguments.
Var OperatorRules::slotsOf(const SlotMask &mask, Extent extent) {
  std::vector<Var> order(mask.order.begin(), mask.order.end());
  std::vector<int32_t> before(mask.before.begin(), mask.before.end());
  auto [it, inserted] = in_.slots_.try_emplace({mask.choice, order, before, extent}, -1);
  if (inserted) {
    PairList list;
    list.covers = terms_.rowsOf(mask.choice, mask.order);
    list.choice = mask.choice;
    list.slots = true;
    it->second = space_.freshList(extent, list);
  }
  return it->second;
}

/// A pair's `term` with its mask, as what its slot holds.
T OperatorRules::intoSlots(Var slots, const SlotMask &mask, T term) {
  Var rank = terms_.choice(mask.choice).rank;
  SmallVector<T, 4> all, ofPair, others;
  terms_.factors(term, all);
  for (T factor : all) {
    bool own = (factor->kind == Term::kDense || factor->kind == Term::kChosen) && factor->id == mask.choice &&
               factor->number == 0 && terms_.sameIndex(factor->indices[0], *mask.expert);
    if (own && factor->kind == Term::kChosen)
      continue;
    if (own && factor->operands[0]->kind != Term::kNumber)
      ofPair.push_back(factor->operands[0]);
    else if (own)
      others.push_back(factor->operands[0]);
    else
      (rank >= 0 && terms_.dependsOn(factor, rank) ? ofPair : others).push_back(factor);
  }
  T result = terms_.product(others);
  if (!ofPair.empty())
    result = terms_.apply(Fn::kMul, {terms_.dense(mask.choice, *mask.expert, 0, terms_.product(ofPair)), result});
  return terms_.slotted(slots, *mask.expert, result);
}

/// The sum of `product` over `vars`, where that puts each row into its slot: the axis of slots becomes a list of them.
std::optional<Meaning> OperatorRules::dispatch(Axes axes, ArrayRef<Var> vars, T product) {
  SmallVector<T, 4> all;
  terms_.factors(product, all);
  Var slot = -1;
  for (T factor : all)
    slot = slot < 0 ? terms_.slotOf(factor) : slot;
  axes = space_.resolveAll(axes);
  Dim summed = space_.resolve(vars);
  if (slot < 0 || space_.list(slot) || llvm::count(space_.flat(axes), slot) != 1)
    return std::nullopt;
  SlotMask mask;
  T rest = terms_.withoutSlot(product, slot, mask);
  if (!rest)
    return std::nullopt;
  Dim pairs = terms_.rowsOf(mask.choice, mask.order);
  if (mask.byPair)
    pairs.append(space_.resolve({terms_.choice(mask.choice).rank}));
  llvm::sort(pairs), llvm::sort(summed);
  if (pairs != summed)
    return std::nullopt;
  Var slots = slotsOf(mask, space_.extentOfVar(slot));
  for (Dim &dim : axes)
    llvm::replace(dim, slot, slots);
  return Meaning{axes, intoSlots(slots, mask, rest), -1};
}

/// A sum over slots of `there`, a mask of them, times `slotted`, along `slots`: both become what they are at the row.
bool OperatorRules::outOfSlots(T &there, Var slot, T &slotted, Var slots) {
  SlotMask mask;
  T rest = space_.list(slot) ? nullptr : terms_.withoutSlot(there, slot, mask);
  if (!rest || slotsOf(mask, space_.extentOfVar(slot)) != slots)
    return fail("it adds up slots of experts in another way than their rows were put there");
  T value = terms_.atSlot(slotted, slots, *mask.expert);
  if (!value)
    return fail("it adds up slots of other experts than the rows chose");
  there = rest, slotted = value;
  return true;
}

/// No sum over a list of pairs is one over a variable.
bool OperatorRules::addsLists(ArrayRef<Var> vars) {
  if (llvm::none_of(space_.resolve(vars), [&](Var var) { return space_.list(var); }))
    return false;
  fail("it adds up along an axis that data determines");
  return true;
}

bool OperatorRules::isPosition(T term) const {
  return terms_.positionOf(term->kind == Term::kDense ? term->operands[0] : term).has_value();
}

/// OneHot of positions.
bool OperatorRules::slotHot(const Meaning &indices, size_t axis, ArrayRef<double> values) {
  Dim slots = space_.freshDim(outExtents()[axis]);
  T at = terms_.index(slots);
  T hot = terms_.apply(Fn::kEqual, {at, indices.term});
  if (hot->kind == Term::kApply && terms_.mayDrop(hot->fn, hot->operands))
    return fail(kMayDrop);
  if (values[0] != 0 || values[1] != 1)
    hot = terms_.apply(Fn::kAdd,
                       {terms_.number(values[0]), terms_.apply(Fn::kMul, {terms_.number(values[1] - values[0]), hot})});
  Axes axes = indices.axes;
  axes.insert(axes.begin() + static_cast<int64_t>(axis), slots);
  return set(0, axes, hot);
}

/// Coordinates that are an expert and a position among its pairs, or the place of both in a row of all slots: which
/// expert's choice that is. `extent`: of the slots, for a place in a row; else -1.
std::optional<Position> OperatorRules::slotAt(ArrayRef<T> coordinates, Extent &extent) {
  extent = -1;
  T expert = coordinates.size() == 2 ? coordinates[0] : nullptr, scaled = nullptr;
  auto position =
      coordinates.size() > 2 ? std::nullopt : terms_.positionOf(coordinates.back(), expert ? nullptr : &scaled);
  if (!position || position->expert || position->first != 0 || (!expert && !scaled))
    return std::nullopt;
  for (unsigned i : {0u, 1u}) {
    T size = scaled ? scaled->operands[1 - i] : nullptr;
    if (!size || scaled->operands[i]->kind != Term::kId)
      continue;
    expert = scaled->operands[i];
    auto number = terms_.numberOf(size);
    if (size->kind == Term::kSize)
      extent = size->id;
    else if (number && *number > 0 && *number == std::floor(*number) && *number < 0x1p31)
      extent = space_.extent(onnx::SymExpr(static_cast<int64_t>(*number)));
    else
      return std::nullopt;
  }
  return expert->kind == Term::kId && expert->id == position->choice ? position : std::nullopt;
}

/// Every pair put where its expert and its position are.
bool OperatorRules::scatterSlots(const Meaning &data, ArrayRef<T> coordinates, const Meaning &indices,
                                 const Meaning &updates) {
  constexpr StringLiteral kNot = "it scatters to places that are not followed";
  Extent extent;
  auto position = slotAt(coordinates, extent);
  size_t depth = coordinates.size();
  if (!position || data.axes.size() < depth || updates.mixture >= 0 || terms_.numberOf(data.term) != 0 ||
      indices.axes.size() + data.axes.size() != updates.axes.size() + depth)
    return fail(kNot);
  const Choice made = terms_.choice(position->choice);
  Dim pairs = terms_.pairVars(position->choice), listed = space_.flat(indices.axes);
  bool all =
      pairs.size() == listed.size() && llvm::all_of(pairs, [&](Var var) { return llvm::is_contained(listed, var); });
  if (!all)
    return fail(kNot);
  if (depth == 2)
    extent = space_.extentOf(data.axes[1]);
  Extent experts = space_.extent(onnx::SymExpr(made.width));
  if (space_.extentOf(data.axes[0]) != (depth == 2 ? experts : space_.multiply(experts, extent)))
    return fail(kNot);
  if (!terms_.hasRoom(space_.expr(extent), *position))
    return fail(kMayDrop);
  for (auto [d, dim] : llvm::enumerate(indices.axes))
    if (!space_.align(dim, updates.axes[d]))
      return fail("its operands' dimensions do not run together");
  SlotMask mask{position->choice, position->order, position->before, Index::var(made.over), true};
  Var slots = slotsOf(mask, extent);
  Axes axes{Dim{made.over}, Dim{slots}};
  if (depth == 1)
    axes = Axes{Dim{made.over, slots}};
  axes.append(updates.axes.begin() + static_cast<int64_t>(indices.axes.size()), updates.axes.end());
  return set(0, axes, intoSlots(slots, mask, updates.term));
}

/// What is where a pair's expert and its position are.
bool OperatorRules::gatherSlots(const Meaning &data, ArrayRef<T> coordinates, const Axes &indexAxes, unsigned axis) {
  size_t depth = coordinates.size();
  Extent extent;
  auto position = depth <= 2 && axis + depth <= data.axes.size() ? slotAt(coordinates, extent) : std::nullopt;
  Dim experts = space_.resolve(data.axes[axis]), slots = experts;
  if (!position || experts.empty())
    return false;
  if (depth == 2)
    slots = space_.resolve(data.axes[axis + 1]);
  else
    slots = Dim{experts.pop_back_val()};
  const Choice made = terms_.choice(position->choice);
  SlotMask mask{position->choice, position->order, position->before};
  if (slots.size() != 1 || !isSlots(slots[0]) || (depth == 1 && space_.extentOfVar(slots[0]) != extent) ||
      slotsOf(mask, space_.extentOfVar(slots[0])) != slots[0] || !space_.align(experts, {made.over}))
    return false;
  T value = terms_.atSlot(data.term, slots[0], Index::var(made.over));
  if (!value)
    return fail("it looks up slots of other experts than the rows chose");
  Axes axes(data.axes.begin(), data.axes.begin() + axis);
  axes.append(indexAxes.begin(), indexAxes.end());
  axes.append(data.axes.begin() + axis + static_cast<int64_t>(depth), data.axes.end());
  return set(0, axes, terms_.pick(position->choice, value));
}

} // namespace janus::recover
