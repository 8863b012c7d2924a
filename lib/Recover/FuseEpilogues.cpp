#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_FUSEEPILOGUESPASS
#include "lib/Recover/Passes.h.inc"

namespace {

/// The operation behind `value`, when it can take a residual and only `value`'s one user sees it.
Operation *absorbing(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !value.hasOneUse())
    return nullptr;
  if (auto linear = dyn_cast<moe::LinearOp>(op))
    return linear.getResidual() || linear.getRouter() ? nullptr : op;
  if (auto combine = dyn_cast<moe::CombineOp>(op))
    return combine.getResidual() ? nullptr : op;
  return nullptr;
}

struct FuseEpilogues : impl::FuseEpiloguesPassBase<FuseEpilogues> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    for (auto add : llvm::make_early_inc_range(step.front().getOps<moe::AddOp>())) {
      Operation *a = absorbing(add.getA()), *b = absorbing(add.getB());
      if (!a && !b)
        continue;
      bool second = b && (!a || a->isBeforeInBlock(b));
      Operation *absorber = second ? b : a;
      Value residual = second ? add.getA() : add.getB();
      // At the add's place the residual is there; the absorber has no other user.
      absorber->moveBefore(add);
      if (auto linear = dyn_cast<moe::LinearOp>(absorber))
        linear.getResidualMutable().assign(residual);
      else
        cast<moe::CombineOp>(absorber).getResidualMutable().assign(residual);
      add.getResult().replaceAllUsesWith(absorber->getResult(0));
      add.erase();
    }
  }
};
} // namespace
} // namespace janus
