#include "lib/Communication/PlanMemory.h"
#include "janus/Communication/Facts.h"

#include "dialects/janus/IR/JanusOps.h"
#include "janus/ABI/Kernels.h"

#include <set>
#include <string>

using namespace mlir;
using nlohmann::json;

namespace janus {
namespace {

int64_t roundUp(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }
int64_t aligned(int64_t floats) { return roundUp(floats * 4, abi::kAlignment); }
ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

/// Panels of 32 columns for `rows` of n each, k numbers a column; in bytes.
int64_t panels(int64_t n, int64_t rows, int64_t k, Value weight) {
  moe::BlocksAttr blocks = moe::blocksOf(weight.getType());
  abi::WeightFormat format;
  if (blocks)
    format = {blocks.getBits(), blocks.getSize(), static_cast<int64_t>(blocks.getZeros())};
  return roundUp(roundUp(n, rows) / rows * abi::PanelBytes(format, k), abi::kAlignment);
}

/// One expert of a layer: gate and up interleaved or gate alone, down, biases.
int64_t slotBytes(dist::ExpertsOp experts) {
  ArrayRef<int64_t> gate = shapeOf(experts.getGate());
  int64_t inner = gate[1], hidden = gate[2];
  bool gated = static_cast<bool>(experts.getUp());
  int64_t bytes = panels(inner, gated ? abi::kPanel / 2 : abi::kPanel, hidden, experts.getGate());
  bytes += panels(hidden, abi::kPanel, inner, experts.getDown());
  if (experts.getGateBias() || experts.getUpBias())
    bytes += aligned(gated ? 2 * inner : inner);
  if (experts.getDownBias())
    bytes += aligned(hidden);
  return bytes;
}

/// Packed weights that a fragment reads, the routed experts' aside; `seen` keeps a shared weight from counting twice.
int64_t weightBytes(dist::FragmentOp fragment, std::set<std::string> &seen) {
  int64_t bytes = 0;
  for (auto weight : fragment.getBlock().getOps<moe::GetWeightOp>())
    for (OpOperand &use : weight.getResult().getUses()) {
      if (isa<dist::ExpertsOp>(use.getOwner()))
        continue;
      auto linear = dyn_cast<moe::LinearOp>(use.getOwner());
      bool packed = linear && linear.getWeight() == weight.getResult();
      if (!seen.insert((packed ? "panels " : "rows ") + weight.getWeight().str()).second)
        continue;
      auto type = cast<RankedTensorType>(weight.getResult().getType());
      bytes += packed ? panels(type.getDimSize(0), abi::kPanel, type.getDimSize(1), weight.getResult())
                      : aligned(type.getNumElements());
    }
  return bytes;
}

} // namespace

json memoryPlan(func::FuncOp step) {
  int64_t attention = 0, expert = 0, kv = 0, states = 0;
  json slots = json::array(), experts = json::array();
  std::set<std::string> attentionSeen, expertSeen;
  for (auto fragment : step.getOps<dist::FragmentOp>()) {
    bool onExpert = fragment.getMesh() == dist::kExpertMesh;
    (onExpert ? expert : attention) += weightBytes(fragment, onExpert ? expertSeen : attentionSeen);
    for (auto op : fragment.getBlock().getOps<dist::ExpertsOp>()) {
      slots.push_back(slotBytes(op));
      experts.push_back(shapeOf(op.getGate())[0]);
    }
    for (auto op : fragment.getBlock().getOps<moe::AttentionOp>())
      kv += static_cast<int64_t>(op.getKvHeads() * (op.getHeadDim() + op.getValueDim())) * 4;
    for (auto op : fragment.getBlock().getOps<moe::SequenceOp>()) {
      states += 2 * 4 * stateElements(op); // of the step before, and of this one
      for (Value input : op.getInputs())
        if (auto type = cast<RankedTensorType>(input.getType()); op.getHistory() && !type.hasStaticShape())
          kv += (type.getRank() > 1 ? type.getDimSize(1) : 1) * 4;
    }
  }
  json plan = {{"attention", {{"weights", attention}, {"kv_per_token", kv}}},
               {"expert", {{"weights", expert}, {"slot", slots}, {"experts", experts}}}};
  if (states)
    plan["attention"]["states_per_sequence"] = states;
  return plan;
}

} // namespace janus
