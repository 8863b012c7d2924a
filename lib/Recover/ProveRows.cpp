#include "janus/Recover/Passes.h"
#include "lib/Recover/ModelInterface.h"
#include "lib/Recover/RowAnalysis.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_PROVEROWSPASS
#include "lib/Recover/Passes.h.inc"

namespace {

struct ProveRows : impl::ProveRowsPassBase<ProveRows> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (step && step->hasAttr(recover::kTokensAttr) && failed(prove(step)))
      step.erase();
  }

  LogicalResult prove(func::FuncOp step) {
    BlockArgument tokens = step.getArgument(step->getAttrOfType<IntegerAttr>(recover::kTokensAttr).getInt());
    recover::RowAnalysis analysis(step, tokens);

    Operation *terminator = step.front().getTerminator();
    Value logits;
    for (Value value : terminator->getOperands()) {
      const recover::RowState &state = analysis.state(value);
      if (state.kind == recover::RowState::kMixed)
        return refuse(state.culprit->getLoc(), state.culprit->getName().getStringRef() + " " + state.reason);
      if (state.kind != recover::RowState::kRows || state.pieces != 1)
        return refuse(terminator->getLoc(), "expects results that are logits by row");
      if (logits)
        return refuse(terminator->getLoc(), "expects one result by row, the logits, found several");
      logits = value;
    }
    if (!logits)
      return refuse(terminator->getLoc(), "expects a result by row, the logits");

    OpBuilder builder(&getContext());
    terminator->setOperands(logits);
    step.setFunctionType(builder.getFunctionType(step.getArgumentTypes(), logits.getType()));
    step.removeResAttrsAttr();
    emitRemark(step.getLoc()) << "every row depends on itself alone outside attention; rows are "
                              << analysis.rows().str();
    return success();
  }

  LogicalResult refuse(Location loc, const Twine &reason) {
    emitRemark(loc) << "rows cannot be told apart: " << reason;
    // An attention that was not recovered mixes rows, too: its own reason says more.
    std::string text = reason.str();
    recover::findCandidate(getOperation()).walk([&](Operation *op) {
      auto why = op->getAttrOfType<StringAttr>(recover::kReasonAttr);
      if (why)
        text = (op->getName().getStringRef() + ": " + why.getValue()).str(), loc = op->getLoc();
      return why ? WalkResult::interrupt() : WalkResult::advance();
    });
    return recover::giveUp(getOperation(), loc, text);
  }
};
} // namespace
} // namespace janus
