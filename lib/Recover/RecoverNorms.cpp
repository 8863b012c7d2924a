#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"
#include "lib/Recover/StoredWeight.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_RECOVERNORMSPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using recover::notRecovered;
using recover::RowForm;

struct RecoverNorms : impl::RecoverNormsPassBase<RecoverNorms> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    RowForm form(step);
    for (Operation &op : llvm::make_early_inc_range(step.front())) {
      if (auto skip = dyn_cast<onnx::SkipSimplifiedLayerNormalizationOp>(op))
        (void)rewriteSkip(form, skip);
      else if (isa<onnx::SimplifiedLayerNormalizationOp, onnx::RMSNormalizationOp, onnx::LayerNormalizationOp>(op))
        (void)rewriteNorm(form, &op);
    }
  }

  /// The norm of `rows`, which stand for `type`, over the last dimension of `type`.
  Value makeNorm(OpBuilder &builder, const RowForm &form, Operation *op, moe::NormKind kind, Value rows, Type type,
                 Value scale, Value bias, FloatAttr epsilon) {
    int64_t last = cast<RankedTensorType>(type).getShape().back();
    auto scales = form.trace(scale), biases = form.trace(bias);
    auto vector = scales ? scales->reshape({last}) : std::nullopt;
    auto shift = biases ? biases->reshape({last}) : std::nullopt;
    if (!vector || llvm::product_of(scales->shape()) != last ||
        (bias && (!shift || llvm::product_of(biases->shape()) != last)))
      return nullptr;
    int64_t columns = *form.columns(type);
    return moe::NormOp::create(
        builder, op->getLoc(), form.rowsType(columns), moe::NormKindAttr::get(&getContext(), kind), rows,
        vector->materialise(builder, form.symbols()), shift ? shift->materialise(builder, form.symbols()) : Value(),
        epsilon, builder.getI64IntegerAttr(last == columns ? 0 : last));
  }

  LogicalResult rewriteNorm(const RowForm &form, Operation *op) {
    auto type = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
    int64_t axis = op->getAttrOfType<IntegerAttr>("axis").getInt();
    for (Value statistics : op->getResults().drop_front())
      if (!statistics.use_empty())
        return notRecovered(op, "its statistics are used");
    if (!type || (axis != -1 && axis != type.getRank() - 1))
      return notRecovered(op, "axis " + Twine(axis) + " is not the last dimension");
    if (!recover::isEpsilon(op->getAttrOfType<FloatAttr>("epsilon")))
      return notRecovered(op, "its epsilon is negative or no number");
    OpBuilder builder(op);
    Value rows = form.toRows(builder, op->getOperand(0));
    if (!rows)
      return notRecovered(op, "its input is not f32 by row");
    bool layer = isa<onnx::LayerNormalizationOp>(op);
    Value bias = layer ? onnx::getInput(op, 2) : Value();
    Value y = makeNorm(builder, form, op, layer ? moe::NormKind::layer : moe::NormKind::rms, rows, type,
                       onnx::getInput(op, 1), bias, op->getAttrOfType<FloatAttr>("epsilon"));
    if (!y)
      return notRecovered(op, "scale and bias are no constants of the last dimension's size");
    op->getResult(0).replaceAllUsesWith(form.fromRows(builder, y, type));
    op->erase();
    return success();
  }

  LogicalResult rewriteSkip(const RowForm &form, onnx::SkipSimplifiedLayerNormalizationOp op) {
    for (Value statistics : {op.getMean(), op.getInvStd()})
      if (statistics && !statistics.use_empty())
        return notRecovered(op, "its statistics are used");
    if (op.getBias())
      return notRecovered(op, "a bias in the sum");
    if (!recover::isEpsilon(op.getEpsilonAttr()))
      return notRecovered(op, "its epsilon is negative or no number");
    Type type = op.getX().getType();
    OpBuilder builder(op);
    Value x = form.toRows(builder, op.getX()), skip = form.toRows(builder, op.getSkip());
    if (!x || !skip || x.getType() != skip.getType())
      return notRecovered(op, "its inputs are not f32 by row, alike");
    Value sum = moe::AddOp::create(builder, op.getLoc(), x, skip);
    Value y = makeNorm(builder, form, op, moe::NormKind::rms, sum, type, op.getGamma(), Value(), op.getEpsilonAttr());
    if (!y) {
      sum.getDefiningOp()->erase();
      return notRecovered(op, "gamma is no constant of the last dimension's size");
    }
    op.getY().replaceAllUsesWith(form.fromRows(builder, y, type));
    if (op.getSum())
      op.getSum().replaceAllUsesWith(form.fromRows(builder, sum, type));
    op->erase();
    return success();
  }
};
} // namespace
} // namespace janus
