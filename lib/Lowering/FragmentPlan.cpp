#include "lib/Lowering/FragmentPlan.h"

#include "dialects/janus/IR/JanusOps.h"
#include "dialects/moe/IR/MoEOps.h"

#include <functional>

using namespace mlir;

namespace janus::lowering {

bool isKernelOp(Operation *op) { return isa<moe::LinearOp, moe::AttentionOp, moe::RouteOp, dist::ExpertsOp>(op); }

static int64_t roundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

FragmentPlan::FragmentPlan(func::FuncOp function) : weights(collectWeights(function.getBody().front())) {
  for (BlockArgument argument : function.getArguments())
    if (auto rows = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kRows))
      symbols.set(argument, symbolOf(rows));
  for (Operation &op : function.getBody().front())
    symbols.visit(&op);
  placeOperands(function);
  formGroups(function);
  placeWorkspace(function);
}

/// Inputs, then outputs. A result of an operation is computed in place once; what else is returned is copied.
void FragmentPlan::placeOperands(func::FuncOp function) {
  int64_t inputs = function->getAttrOfType<IntegerAttr>(kInputs).getInt();
  auto view = [&](Value value) {
    int64_t columns = columnsOf(value.getType());
    return View{false, operands++, 0, columns, columns, symbols.get(value)};
  };
  for (BlockArgument argument : function.getArguments().take_front(inputs))
    if (!isAssignment(argument.getType()))
      views[argument] = view(argument);
  for (Value value : function.getBody().front().getTerminator()->getOperands()) {
    View target = view(value);
    Operation *op = value.getDefiningOp();
    if (op && !isa<moe::ColumnsOp>(op) && !views.contains(value))
      views[value] = target;
    else
      copies.push_back({value, target});
  }
}

void FragmentPlan::formGroups(func::FuncOp function) {
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (isa<moe::ColumnsOp>(op))
      continue;
    bool kernel = isKernelOp(&op);
    int64_t symbol = symbols.get(op.getResult(0));
    if (kernel || groups.empty() || groups.back().kernel || groups.back().symbol != symbol)
      groups.push_back({kernel, symbol, {}});
    groups.back().ops.push_back(&op);
  }
}

View FragmentPlan::allocate(int64_t symbol, int64_t columns, SmallVectorImpl<unsigned> &free) {
  int64_t width = roundUp(columns, 16);
  for (unsigned *it = free.begin(); it != free.end(); ++it)
    if (slots[*it].symbol == symbol && slots[*it].columns >= width) {
      View view{true, *it, 0, columns, columns, symbol};
      free.erase(it);
      return view;
    }
  slots.push_back({symbol, width});
  return View{true, static_cast<unsigned>(slots.size() - 1), 0, columns, columns, symbol};
}

/// A slot is taken back after the group of its last use: rows of a group run on several workers at once, so that two
/// values of one group never share memory.
void FragmentPlan::placeWorkspace(func::FuncOp function) {
  llvm::DenseMap<Operation *, size_t> groupOf;
  for (auto [index, group] : llvm::enumerate(groups))
    for (Operation *op : group.ops)
      groupOf[op] = index;
  std::function<size_t(Value)> last = [&](Value value) {
    size_t position = groupOf.lookup(value.getDefiningOp());
    for (Operation *user : value.getUsers())
      position = std::max(position, isa<func::ReturnOp>(user)   ? groups.size()
                                    : isa<moe::ColumnsOp>(user) ? last(user->getResult(0))
                                                                : groupOf.lookup(user));
    return position;
  };
  SmallVector<unsigned> free;
  SmallVector<std::pair<size_t, unsigned>> taken; // (last group, slot)
  size_t current = 0;
  auto release = [&](size_t now) {
    llvm::erase_if(taken, [&](std::pair<size_t, unsigned> entry) {
      if (entry.first >= now)
        return false;
      free.insert(llvm::lower_bound(free, entry.second), entry.second);
      return true;
    });
  };
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (auto columns = dyn_cast<moe::ColumnsOp>(op)) {
      View view = views.lookup(columns.getX());
      view.offset += columns.getOffset();
      view.columns = columnsOf(columns.getType());
      views[columns.getResult()] = view;
      continue;
    }
    size_t group = groupOf.lookup(&op);
    if (group != current)
      release(current = group);
    for (Value result : op.getResults()) {
      if (views.contains(result))
        continue;
      View view = allocate(symbols.get(result), columnsOf(result.getType()), free);
      views[result] = view;
      taken.push_back({last(result), view.index});
    }
    if (auto experts = dyn_cast<dist::ExpertsOp>(op)) {
      int64_t intermediate = cast<RankedTensorType>(experts.getGate().getType()).getDimSize(1);
      View view = allocate(abi::kPairs, roundUp(intermediate, 16), free);
      scratch[&op] = view;
      taken.push_back({group, view.index});
    }
  }
}

std::array<int64_t, abi::kSymbolCount> FragmentPlan::prefix(unsigned slot) const {
  std::array<int64_t, abi::kSymbolCount> sums{};
  for (const WorkspaceSlot &before : ArrayRef(slots).take_front(slot))
    sums[before.symbol] += before.columns;
  return sums;
}

} // namespace janus::lowering
