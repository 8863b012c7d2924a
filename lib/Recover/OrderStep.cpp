#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_ORDERSTEPPASS
#include "lib/Recover/Passes.h.inc"

namespace {
struct OrderStep : impl::OrderStepPassBase<OrderStep> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    recover::eraseDead(step);
    OpBuilder builder(&getContext());
    for (Operation &op : llvm::make_early_inc_range(step.front()))
      if (auto weight = dyn_cast<moe::GetWeightOp>(op))
        for (OpOperand &use : llvm::make_early_inc_range(llvm::drop_begin(weight->getUses()))) {
          builder.setInsertionPointAfter(weight);
          use.set(builder.clone(*weight)->getResult(0));
        }
    // Depth first, without recursion: a model is as deep as it has layers.
    Operation *terminator = step.front().getTerminator();
    DenseSet<Operation *> placed;
    SmallVector<std::pair<Operation *, unsigned>> path{{terminator, 0}};
    while (!path.empty()) {
      auto &[op, next] = path.back();
      if (next < op->getNumOperands()) {
        Operation *operand = op->getOperand(next++).getDefiningOp();
        if (operand && !placed.contains(operand))
          path.push_back({operand, 0});
        continue;
      }
      if (op != terminator)
        op->moveBefore(terminator);
      placed.insert(op);
      path.pop_back();
    }
  }
};
} // namespace
} // namespace janus
