#include "lib/Lowering/ValueSlots.h"

#include "dialects/janus/IR/JanusOps.h"
#include "dialects/moe/IR/MoEOps.h"

#include <limits>

using namespace mlir;

namespace janus::lowering {

Liveness::Liveness(func::FuncOp step) {
  Block &block = step.getBody().front();
  llvm::DenseMap<int64_t, int64_t> collects;
  int64_t next = 0;
  for (Operation &op : block) {
    positions[&op] = next++;
    if (auto collect = dyn_cast<dist::CollectOp>(op))
      collects[collect.getTransfer()] = positions[&op];
  }
  auto extend = [&](Value value, int64_t position) {
    auto [entry, fresh] = last.try_emplace(value, position);
    if (!fresh)
      entry->second = std::max(entry->second, position);
  };
  llvm::SmallVector<int64_t> until(next); // position of the collect that an operation stands before
  int64_t awaited = 0;
  for (Operation &op : llvm::reverse(block)) {
    if (isa<dist::CollectOp>(op))
      awaited = positions[&op];
    until[positions[&op]] = awaited;
    if (isa<dist::DispatchOp>(op))
      awaited = 0;
  }
  // Backwards, so that the result of an exchange is complete when its operand is visited.
  for (Operation &op : llvm::reverse(block)) {
    int64_t position = positions[&op];
    if (op.hasTrait<OpTrait::IsTerminator>())
      position = std::numeric_limits<int64_t>::max();
    if (isa<func::CallOp, moe::SequenceOp>(op))
      position = std::max(position, until[position]);
    if (auto dispatch = dyn_cast<dist::DispatchOp>(op))
      position = std::max(position, collects.lookup(dispatch.getTransfer()));
    if (auto exchange = dyn_cast<dist::ExchangeOp>(op))
      position = std::max(position, lastUse(exchange.getResult()));
    for (Value operand : op.getOperands())
      extend(operand, position);
  }
  for (Value argument : block.getArguments())
    last[argument] = std::numeric_limits<int64_t>::max();
}

int64_t Liveness::lastUse(Value value) const {
  auto found = last.find(value);
  if (found != last.end())
    return found->second;
  return value.getDefiningOp() ? positions.lookup(value.getDefiningOp()) : 0;
}

int64_t ValueSlots::define(Value value, StringRef name) {
  ValueDesc wanted;
  wanted.name = name.str();
  wanted.type =
      cast<RankedTensorType>(value.getType()).getElementType().isInteger() ? ElementType::kI32 : ElementType::kF32;
  wanted.symbol = symbols.get(value);
  wanted.columns = columnsOf(value.getType());
  int64_t slot = -1;
  for (int64_t *it = free.begin(); it != free.end(); ++it) {
    const ValueDesc &old = program.values[*it];
    if (old.type == wanted.type && old.symbol == wanted.symbol && old.columns == wanted.columns) {
      slot = *it;
      free.erase(it);
      break;
    }
  }
  if (slot < 0) {
    slot = static_cast<int64_t>(program.values.size());
    if (!program.values.empty() && wanted.name.empty())
      wanted.name = "v" + std::to_string(slot);
    if (wanted.name.empty())
      wanted.name = "v0";
    program.values.push_back(wanted);
  }
  slots[value] = slot;
  live.push_back(value);
  return slot;
}

void ValueSlots::release(int64_t position) {
  llvm::erase_if(live, [&](Value value) {
    if (liveness.lastUse(value) > position)
      return false;
    free.insert(llvm::lower_bound(free, slot(value)), slot(value));
    return true;
  });
}

} // namespace janus::lowering
