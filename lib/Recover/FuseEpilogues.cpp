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

/// A branch beside the experts that ends in this sum: a shared expert, a dense MLP.
bool isBranch(Value value) {
  return value.hasOneUse() && (value.getDefiningOp<moe::GateOp>() || absorbing(value)) &&
         !value.getDefiningOp<moe::CombineOp>();
}

/// The experts' sum that `value` is and that nothing was added to yet; null otherwise.
moe::CombineOp openCombine(Value value) {
  auto combine = value.getDefiningOp<moe::CombineOp>();
  return combine && value.hasOneUse() && !combine.getShared() && !combine.getResidual() ? combine : moe::CombineOp();
}

struct FuseEpilogues : impl::FuseEpiloguesPassBase<FuseEpilogues> {
  using Base::Base;

  /// A sum of a branch and the residual that is itself added to the experts: it is taken apart there.
  static bool waits(moe::AddOp add) {
    if (!add.getResult().hasOneUse() || (!isBranch(add.getA()) && !isBranch(add.getB())))
      return false;
    auto outer = dyn_cast<moe::AddOp>(*add->user_begin());
    return outer && (openCombine(outer.getA()) || openCombine(outer.getB()));
  }

  /// experts + branch, or experts + (branch + residual): the branch is the combine's shared operand, so that it need
  /// not wait for the experts.
  static bool addBranch(moe::AddOp add) {
    bool first = static_cast<bool>(openCombine(add.getA()));
    moe::CombineOp combine = openCombine(first ? add.getA() : add.getB());
    Value other = first ? add.getB() : add.getA();
    if (!combine)
      return false;
    auto inner = other.getDefiningOp<moe::AddOp>();
    bool nested = inner && other.hasOneUse() && (isBranch(inner.getA()) || isBranch(inner.getB()));
    if (!nested && !isBranch(other))
      return false;
    combine->moveBefore(add);
    if (nested) {
      bool left = isBranch(inner.getA());
      combine.getSharedMutable().assign(left ? inner.getA() : inner.getB());
      combine.getResidualMutable().assign(left ? inner.getB() : inner.getA());
    } else {
      combine.getSharedMutable().assign(other);
    }
    add.getResult().replaceAllUsesWith(combine.getResult());
    add.erase();
    if (nested)
      inner.erase();
    return true;
  }

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    for (auto add : llvm::make_early_inc_range(step.front().getOps<moe::AddOp>())) {
      if (waits(add) || addBranch(add))
        continue;
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
