#include "lib/Lowering/Fragments.h"

#include "dialects/janus/IR/JanusOps.h"
#include "dialects/moe/IR/MoEOps.h"
#include "runtime/base/WeightFormat.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace janus::lowering {

static constexpr llvm::StringLiteral kSymbolNames[] = {"rows", "step_rows", "pairs", "wanted"};

StringRef symbolName(int64_t symbol) { return kSymbolNames[symbol]; }

int64_t symbolOf(StringRef name) {
  for (auto [index, known] : llvm::enumerate(kSymbolNames))
    if (known == name)
      return static_cast<int64_t>(index);
  return -1;
}

int64_t columnsOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return 0;
  int64_t columns = 1;
  for (int64_t size : tensor.getShape().drop_front())
    columns *= size;
  return columns;
}

bool isAssignment(Type type) { return isa<dist::AssignmentType>(type); }

void RowSymbols::visit(Operation *op) {
  int64_t symbol = -1;
  if (isa<dist::ExpertsOp>(op))
    symbol = abi::kPairs;
  else if (auto select = dyn_cast<moe::SelectOp>(op))
    symbol = get(select.getWanted());
  else
    for (Value operand : op->getOperands())
      if (has(operand)) {
        symbol = get(operand);
        break;
      }
  if (symbol >= 0)
    for (Value result : op->getResults())
      set(result, symbol);
}

abi::WeightFormat formatOf(Type type) {
  moe::BlocksAttr blocks = moe::blocksOf(type);
  return blocks ? abi::WeightFormat{blocks.getBits(), blocks.getSize(), static_cast<int64_t>(blocks.getZeros())}
                : abi::WeightFormat{};
}

std::string layoutName(WeightLayout layout, Type type) {
  switch (layout) {
  case WeightLayout::kRows:
    break;
  case WeightLayout::kPanel:
    return "panel32." + WeightFormatName(formatOf(type));
  case WeightLayout::kExpertUp:
    return "expert-up32." + WeightFormatName(formatOf(type));
  }
  return "rows.f32";
}

unsigned WeightTable::add(WeightLayout layout, bool perExpert, ArrayRef<Value> parts) {
  for (auto [index, entry] : llvm::enumerate(entries))
    if (entry.layout == layout && entry.perExpert == perExpert && ArrayRef<Value>(entry.parts) == parts)
      return index;
  entries.push_back({layout, perExpert, SmallVector<Value, 2>(parts)});
  return entries.size() - 1;
}

WeightTable collectWeights(Block &block) {
  auto isVector = [](Value value) { return cast<RankedTensorType>(value.getType()).getRank() == 1; };
  WeightTable table;
  auto rows = [&](Value value) {
    if (value)
      table.add(WeightLayout::kRows, false, value);
  };
  for (Operation &op : block)
    llvm::TypeSwitch<Operation *>(&op)
        .Case([&](moe::EmbeddingOp op) { rows(op.getTable()); })
        .Case([&](moe::NormOp op) {
          rows(op.getScale());
          rows(op.getBias());
        })
        .Case([&](moe::LinearOp op) {
          table.add(WeightLayout::kPanel, false, op.getWeight());
          rows(op.getBias());
        })
        .Case([&](moe::RotaryOp op) {
          rows(op.getCos());
          rows(op.getSin());
        })
        .Case([&](moe::AttentionOp op) { rows(op.getSinks()); })
        .Case([&](moe::RouteOp op) {
          rows(op.getSelectBias());
          rows(op.getExpertScale());
        })
        .Case([&](moe::MapOp op) {
          for (Value input : op.getInputs())
            if (isVector(input))
              rows(input);
        })
        .Case([&](dist::ExpertsOp op) {
          if (op.getUp())
            table.add(WeightLayout::kExpertUp, true, {op.getGate(), op.getUp()});
          else
            table.add(WeightLayout::kPanel, true, op.getGate());
          table.add(WeightLayout::kPanel, true, op.getDown());
          if (op.getGateBias() && op.getUpBias())
            table.add(WeightLayout::kRows, true, {op.getGateBias(), op.getUpBias()});
          else if (op.getGateBias())
            table.add(WeightLayout::kRows, true, op.getGateBias());
          if (op.getDownBias())
            table.add(WeightLayout::kRows, true, op.getDownBias());
        });
  return table;
}

} // namespace janus::lowering
