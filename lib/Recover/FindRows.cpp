#include "janus/Recover/Passes.h"
#include "lib/Recover/InputUses.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_FINDROWSPASS
#include "lib/Recover/Passes.h.inc"

namespace {
struct FindRows : impl::FindRowsPassBase<FindRows> {
  using Base::Base;

  void runOnOperation() override {
    auto step = getOperation().lookupSymbol<func::FuncOp>(moe::kStepFunction);
    if (!step || step->hasAttr(recover::kRowsAttr))
      return;
    BlockArgument tokens = recover::findTokens(step);
    auto dims = tokens ? onnx::getDims(tokens.getType()) : std::nullopt;
    if (!dims) {
      StringRef reason = "expects one integer argument that indexes an embedding table";
      emitRemark(step.getLoc()) << "rows cannot be told apart: " << reason;
      (void)recover::giveUp(getOperation(), step.getLoc(), reason);
      return step.erase();
    }
    onnx::SymExpr rows(1);
    for (const onnx::SymExpr &dim : *dims)
      rows = rows * dim;
    Builder builder(&getContext());
    step->setAttr(recover::kRowsAttr, builder.getStringAttr(rows.str()));
    step->setAttr(recover::kTokensAttr, builder.getI64IntegerAttr(tokens.getArgNumber()));
  }
};
} // namespace
} // namespace janus
