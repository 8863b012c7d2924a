#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_RECOVERLAYOUTPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using recover::RowForm;

struct RecoverLayout : impl::RecoverLayoutPassBase<RecoverLayout> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    RowForm form(step);
    for (Operation &op : llvm::make_early_inc_range(step.front())) {
      if (isa<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp, onnx::IdentityOp>(op))
        passThrough(form, op);
      else if (auto split = dyn_cast<onnx::SplitOp>(op))
        rewriteSplit(form, split);
      else if (auto add = dyn_cast<onnx::AddOp>(op))
        rewriteAdd(form, add);
    }
  }

  void passThrough(const RowForm &form, Operation &op) {
    OpBuilder builder(&op);
    Value result = op.getResult(0);
    Value rows = form.toRows(builder, op.getOperand(0));
    if (!rows || form.columns(result.getType()) != form.columns(op.getOperand(0).getType()))
      return;
    result.replaceAllUsesWith(form.fromRows(builder, rows, result.getType()));
    op.erase();
  }

  void rewriteSplit(const RowForm &form, onnx::SplitOp split) {
    auto type = dyn_cast<RankedTensorType>(split.getX().getType());
    int64_t axis = split.getAxis();
    if (!type || !form.isWhole(type) || (axis != -1 && axis != type.getRank() - 1))
      return;
    OpBuilder builder(split);
    Value rows = form.toRows(builder, split.getX());
    if (!rows)
      return;
    int64_t offset = 0;
    for (Value piece : split.getOutputs()) {
      int64_t width = cast<RankedTensorType>(piece.getType()).getShape().back();
      Value columns = moe::ColumnsOp::create(builder, split.getLoc(), form.rowsType(width), rows,
                                             builder.getI64IntegerAttr(offset));
      piece.replaceAllUsesWith(form.fromRows(builder, columns, piece.getType()));
      offset += width;
    }
    split.erase();
  }

  void rewriteAdd(const RowForm &form, onnx::AddOp add) {
    Type type = add.getC().getType();
    if (add.getA().getType() != type || add.getB().getType() != type || !form.isWhole(type))
      return;
    OpBuilder builder(add);
    Value a = form.toRows(builder, add.getA()), b = form.toRows(builder, add.getB());
    if (!a || !b)
      return;
    Value sum = moe::AddOp::create(builder, add.getLoc(), a, b);
    add.getC().replaceAllUsesWith(form.fromRows(builder, sum, type));
    add.erase();
  }
};
} // namespace
} // namespace janus
