#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_REWRITETOROWSPASS
#include "lib/Recover/Passes.h.inc"

namespace {
struct RewriteToRows : impl::RewriteToRowsPassBase<RewriteToRows> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    recover::RowForm form(step);
    Operation *terminator = step.front().getTerminator();
    OpBuilder builder(terminator);
    if (Value rows = form.toRows(builder, terminator->getOperand(0)))
      terminator->setOperands(rows);
    recover::eraseDead(step);
    // Rows -> graph -> rows.
    step.walk([&](UnrealizedConversionCastOp cast) {
      auto inner = cast.getInputs()[0].getDefiningOp<UnrealizedConversionCastOp>();
      if (inner && inner.getInputs()[0].getType() == cast.getResult(0).getType())
        cast.getResult(0).replaceAllUsesWith(inner.getInputs()[0]);
    });
    recover::eraseDead(step);

    llvm::BitVector unused(step.getNumArguments());
    for (unsigned i = recover::kStepArguments; i < step.getNumArguments(); ++i)
      unused[i] = step.getArgument(i).use_empty();
    step.setFunctionType(builder.getFunctionType(step.getArgumentTypes(), terminator->getOperandTypes()));
    if (failed(step.eraseArguments(unused)))
      return signalPassFailure();
    step->removeAttr(recover::kTokensAttr);
  }
};
} // namespace
} // namespace janus
