#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"
#include "lib/Recover/StoredWeight.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_RECOVERLINEARPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using recover::RowForm;
using recover::StoredWeight;

/// A vector [N] that is added to every row, from [N], [1, N], ...; nothing else.
std::optional<StoredWeight> traceVector(const RowForm &form, Value value, int64_t columns) {
  auto vector = form.trace(value);
  return vector && llvm::product_of(vector->shape()) == columns ? vector->reshape({columns}) : std::nullopt;
}

struct RecoverLinear : impl::RecoverLinearPassBase<RecoverLinear> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    RowForm form(step);
    for (Operation &op : llvm::make_early_inc_range(step.front())) {
      if (auto product = dyn_cast<onnx::MatMulOp>(op))
        rewrite(form, &op, product.getA(), form.trace(product.getB()), Value());
      else if (auto gemm = dyn_cast<onnx::GemmOp>(op))
        rewriteGemm(form, gemm);
      else if (auto quantised = dyn_cast<onnx::MatMulNBitsOp>(op))
        rewriteQuantised(form, quantised);
      else if (auto add = dyn_cast<onnx::AddOp>(op))
        if (!foldBias(form, add, add.getA(), add.getB()))
          foldBias(form, add, add.getB(), add.getA());
    }
  }

  void rewriteGemm(const RowForm &form, onnx::GemmOp gemm) {
    auto weight = form.trace(gemm.getB());
    if (!weight || gemm.getTransA() || !gemm.getAlpha().isExactlyValue(1) ||
        (gemm.getC() && !gemm.getBeta().isExactlyValue(1)))
      return;
    rewrite(form, gemm, gemm.getA(), gemm.getTransB() ? weight->transpose({1, 0}) : weight, gemm.getC());
  }

  void rewriteQuantised(const RowForm &form, onnx::MatMulNBitsOp product) {
    auto weight = form.trace(recover::quantisedOf(product));
    if (weight && !product.getGIdx() && !product.getWeightPrepacked())
      rewrite(form, product, product.getA(), weight->transpose({1, 0}), product.getBias());
  }

  /// y = x . weight[K, N] + bias
  void rewrite(const RowForm &form, Operation *op, Value x, std::optional<StoredWeight> weight, Value bias) {
    Value y = op->getResult(0);
    if (!weight || weight->shape().size() != 2 || !form.isWhole(x.getType()) || !form.isWhole(y.getType()))
      return;
    weight = weight->transpose({1, 0});
    if (!weight->isStorable())
      return;
    std::optional<StoredWeight> vector;
    if (bias && !(vector = traceVector(form, bias, weight->shape()[0])))
      return;
    OpBuilder builder(op);
    Value rows = form.toRows(builder, x);
    if (!rows)
      return;
    Value matrix = weight->materialise(builder, form.symbols());
    Value added = vector ? vector->materialise(builder, form.symbols()) : Value();
    Value result = moe::LinearOp::create(builder, op->getLoc(), form.rowsType(weight->shape()[0]), rows, matrix, added,
                                         Value(), UnitAttr(), IntegerAttr());
    y.replaceAllUsesWith(form.fromRows(builder, result, y.getType()));
    op->erase();
  }

  /// sum + a constant [N], where the sum is a linear layer that nothing else uses.
  bool foldBias(const RowForm &form, onnx::AddOp add, Value sum, Value constant) {
    auto conversion = sum.getDefiningOp<UnrealizedConversionCastOp>();
    auto linear = conversion ? conversion.getInputs()[0].getDefiningOp<moe::LinearOp>() : nullptr;
    if (!linear || linear.getBias() || !sum.hasOneUse() || !linear.getResult().hasOneUse() ||
        sum.getType() != add.getC().getType())
      return false;
    auto type = cast<RankedTensorType>(linear.getResult().getType());
    auto vector = traceVector(form, constant, type.getShape().back());
    if (!vector)
      return false;
    OpBuilder builder(linear);
    linear.getBiasMutable().assign(vector->materialise(builder, form.symbols()));
    add.getC().replaceAllUsesWith(sum);
    add.erase();
    return true;
  }
};
} // namespace
} // namespace janus
