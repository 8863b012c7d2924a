#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_NAMEWEIGHTSPASS
#include "lib/Recover/Passes.h.inc"

namespace {

/// Which of q, k, v of an attention the value ends up in: bits 0, 1, 2.
unsigned attentionRole(Value value) {
  unsigned role = 0;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (isa<moe::AttentionOp>(user))
      role |= use.getOperandNumber() < 3 ? 1u << use.getOperandNumber() : 0;
    else if (isa<moe::ArrangeOp>(user) ||
             (isa<moe::ColumnsOp, moe::NormOp, moe::RotaryOp>(user) && use.getOperandNumber() == 0))
      role |= attentionRole(user->getResult(0));
  }
  return role;
}

std::string joinRole(unsigned role) {
  return std::string(role & 1 ? "q" : "") + (role & 2 ? "k" : "") + (role & 4 ? "v" : "");
}

/// Names of the weights that an operation reads, as it is met in program order.
class Namer {
public:
  explicit Namer(func::FuncOp step) {
    step.walk([&](moe::AttentionOp) { ++attentions_; });
  }

  std::string name(Operation *op, unsigned operand) {
    Value value = op->getOperand(operand);
    auto is = [&](Value other) { return other && other == value; };
    if (auto embedding = dyn_cast<moe::EmbeddingOp>(op))
      return embedding.getIds() == op->getParentOfType<func::FuncOp>().getArgument(recover::kPositions)
                 ? "embed_positions"
                 : "embed";
    if (auto rotary = dyn_cast<moe::RotaryOp>(op))
      return is(rotary.getCos()) ? "rotary.cos" : "rotary.sin";
    if (auto experts = dyn_cast<moe::ExpertsOp>(op)) {
      const char *part = is(experts.getGate())       ? "gate"
                         : is(experts.getUp())       ? "up"
                         : is(experts.getDown())     ? "down"
                         : is(experts.getGateBias()) ? "gate_bias"
                         : is(experts.getUpBias())   ? "up_bias"
                                                     : "down_bias";
      return layer(experts.getLayer()) + part;
    }
    if (auto attention = dyn_cast<moe::AttentionOp>(op))
      return layer(attention.getCache()) + "sinks";
    if (auto norm = dyn_cast<moe::NormOp>(op))
      return normName(norm) + (is(norm.getBias()) ? "_bias" : "");
    if (auto linear = dyn_cast<moe::LinearOp>(op))
      return linearName(linear) + (is(linear.getBias()) ? "_bias" : "");
    if (auto route = dyn_cast<moe::RouteOp>(op))
      return layer(route.getLayer()) + (is(route.getSelectBias()) ? "select_bias" : "expert_scale");
    if (auto sequence = dyn_cast<moe::SequenceOp>(op))
      return layer(std::max<int64_t>(attention_ - 1, 0)) + sequence.getCallee().str();
    return "weight";
  }

  /// To be called after the operation was named.
  void pass(Operation *op) {
    if (isa<moe::AttentionOp>(op))
      ++attention_;
  }

private:
  static std::string layer(int64_t number) { return "l" + std::to_string(number) + "."; }

  std::string normName(moe::NormOp norm) {
    if (unsigned role = attentionRole(norm.getResult()))
      return layer(attention_) + joinRole(role) + "_norm";
    bool ahead = false, head = attention_ == attentions_;
    for (Operation *user : norm->getUsers()) {
      auto linear = dyn_cast<moe::LinearOp>(user);
      ahead |= linear && attentionRole(linear.getResult());
      head &= !isa<moe::ExpertsOp>(user) && !(linear && linear.getRouter());
    }
    return ahead ? layer(attention_) + "attn_norm" : head ? "final_norm" : layer(attention_ - 1) + "ffn_norm";
  }

  std::string linearName(moe::LinearOp linear) {
    if (linear.getRouter())
      return layer(*linear.getLayer()) + "router";
    if (unsigned role = attentionRole(linear.getResult()))
      return layer(attention_) + joinRole(role);
    if (isa_and_nonnull<moe::AttentionOp, moe::ArrangeOp>(linear.getX().getDefiningOp()))
      return layer(attention_ - 1) + "o";
    if (llvm::any_of(linear->getUsers(), [](Operation *user) { return isa<func::ReturnOp>(user); }))
      return "head";
    return layer(std::max<int64_t>(attention_ - 1, 0)) + "linear";
  }

  int64_t attention_ = 0, attentions_ = 0; // attention layers passed, and all
};

struct NameWeights : impl::NameWeightsPassBase<NameWeights> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto step = module.lookupSymbol<func::FuncOp>(moe::kStepFunction);
    if (!step || !module->hasAttr(moe::kModelAttr))
      return;

    recover::eraseDead(step);
    // One weight for equal ones.
    llvm::StringMap<moe::WeightOp> bySymbol;
    llvm::MapVector<Attribute, moe::WeightOp> byContent;
    for (auto weight : module.getOps<moe::WeightOp>()) {
      Attribute content = weight.getViewsAttr() ? Attribute(weight.getViewsAttr()) : Attribute(weight.getValueAttr());
      bySymbol[weight.getSymName()] = byContent.insert({content, weight}).first->second;
    }

    llvm::MapVector<Operation *, SmallVector<moe::GetWeightOp>> readers;
    llvm::DenseMap<Operation *, std::string> names;
    Namer namer(step);
    for (Operation &op : step.front()) {
      for (OpOperand &operand : op.getOpOperands()) {
        auto read = operand.get().getDefiningOp<moe::GetWeightOp>();
        if (!read)
          continue;
        Operation *weight = bySymbol.lookup(read.getWeight());
        auto &list = readers[weight];
        if (!llvm::is_contained(list, read))
          list.push_back(read);
        if (!names.contains(weight))
          names[weight] = namer.name(&op, operand.getOperandNumber());
      }
      namer.pass(&op);
    }

    for (auto weight : llvm::make_early_inc_range(module.getOps<moe::WeightOp>()))
      if (!readers.contains(weight))
        weight.erase();
    llvm::StringMap<unsigned> used;
    Operation *first = &module.getBody()->front();
    for (auto &[op, list] : readers) {
      std::string name = names[op];
      if (unsigned count = used[name]++)
        name += "." + std::to_string(count);
      auto weight = cast<moe::WeightOp>(op);
      weight.setSymName(name);
      for (moe::GetWeightOp read : list)
        read.setWeight(name);
      if (first != op)
        op->moveBefore(first);
      else
        first = op->getNextNode();
    }
  }
};
} // namespace
} // namespace janus
