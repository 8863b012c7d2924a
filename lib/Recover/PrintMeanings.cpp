#include "janus/Recover/Passes.h"
#include "lib/Recover/Meaning/Meaning.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_PRINTMEANINGSPASS
#include "lib/Recover/Passes.h.inc"

namespace {
struct PrintMeanings : impl::PrintMeaningsPassBase<PrintMeanings> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    recover::RowForm form(step);
    recover::Interpreter in(form);
    for (Operation &op : step.front().without_terminator())
      if (isa<onnx::ShapeInterface>(op) && !isa<onnx::ConstantValueOp, onnx::InitializerValueOp>(op)) {
        InFlightDiagnostic remark = emitRemark(op.getLoc()) << op.getName() << ":";
        for (Value result : op.getResults())
          if (isa<RankedTensorType>(result.getType()))
            remark << " " << in.text(in.meaning(result), depth);
        if (StringRef reason = in.reason(&op); !reason.empty())
          remark << " (" << reason << ")";
      }
  }
};
} // namespace
} // namespace janus
