#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_SELECTWANTEDPASS
#include "lib/Recover/Passes.h.inc"

namespace {

/// The row operand through which a selection may move up; null where it must stay.
OpOperand *rowOperand(Operation *op) {
  if (!op || !op->hasOneUse())
    return nullptr;
  if (auto linear = dyn_cast<moe::LinearOp>(op))
    return linear.getResidual() ? nullptr : &linear.getXMutable();
  if (auto activate = dyn_cast<moe::ActivateOp>(op))
    return activate.getUp() ? nullptr : &activate.getGateMutable();
  if (isa<moe::MapOp>(op)) {
    auto isRows = [](OpOperand &operand) { return cast<RankedTensorType>(operand.get().getType()).getRank() == 2; };
    return llvm::count_if(op->getOpOperands(), isRows) == 1 ? &*llvm::find_if(op->getOpOperands(), isRows) : nullptr;
  }
  if (isa<moe::NormOp, moe::ColumnsOp>(op))
    return &op->getOpOperand(0);
  return nullptr;
}

struct SelectWanted : impl::SelectWantedPassBase<SelectWanted> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    recover::RowForm form(step);
    // The highest place: up to a value that is used otherwise or made of several.
    OpOperand *place = &step.front().getTerminator()->getOpOperand(0);
    auto isRows = [](Value value) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      return type && type.getRank() == 2 && type.isDynamicDim(0) && !type.isDynamicDim(1) && !type.getEncoding() &&
             type.getElementType().isF32();
    };
    if (!isRows(place->get()))
      return;
    while (OpOperand *above = rowOperand(place->get().getDefiningOp()))
      place = above;
    OpBuilder builder(place->getOwner());
    auto select = moe::SelectOp::create(builder, place->get().getLoc(), place->get().getType(), place->get(),
                                        form.argument(recover::kWanted));
    place->set(select);
  }
};
} // namespace
} // namespace janus
