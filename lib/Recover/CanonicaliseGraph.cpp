#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

#include <map>
#include <string>

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_CANONICALISEGRAPHPASS
#include "lib/Recover/Passes.h.inc"

namespace {

/// An integer, but no bool: a cast to bool compares with 0.
bool isInteger(Value value) {
  auto tensor = dyn_cast<RankedTensorType>(value.getType());
  return tensor && tensor.getElementType().isInteger() && !tensor.getElementType().isInteger(1);
}

/// The value that `op` hands on unchanged; null when it does something.
Value passedOn(Operation &op) {
  if (!isa<onnx::IdentityOp, onnx::CastOp, onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp,
           onnx::TransposeOp, onnx::ExpandOp, onnx::DropoutOp, onnx::ConcatOp, onnx::SumOp, onnx::MaxOp, onnx::MinOp>(
          op))
    return nullptr;
  Value x = op.getOperand(0);
  if (isa<onnx::ConcatOp, onnx::SumOp, onnx::MaxOp, onnx::MinOp>(op) && op.getNumOperands() > 1)
    return nullptr;
  if (x.getType() != op.getResult(0).getType())
    return nullptr;
  if (auto transpose = dyn_cast<onnx::TransposeOp>(op))
    if (!transpose.getPerm() || !llvm::is_sorted(*transpose.getPerm()))
      return nullptr;
  return x;
}

struct CanonicaliseGraph : impl::CanonicaliseGraphPassBase<CanonicaliseGraph> {
  using Base::Base;

  void runOnOperation() override {
    auto step = getOperation().lookupSymbol<func::FuncOp>(moe::kStepFunction);
    if (!step)
      return;
    step.walk<WalkOrder::PreOrder>([&](Operation *op) {
      // Casts among integers: token ids and lengths fit in the narrowest type.
      if (auto cast = dyn_cast<onnx::CastOp>(op))
        if (auto inner = cast.getX().getDefiningOp<onnx::CastOp>())
          if (isInteger(cast.getY()) && isInteger(inner.getY()) && isInteger(inner.getX()))
            cast->setOperand(0, inner.getX());
      if (Value x = passedOn(*op))
        op->getResult(0).replaceAllUsesWith(x);
    });
    shareLists(step);
    recover::eraseDead(step);
  }

  /// The places where a mask is not 0, listed again: the first list, whose length is that of the others.
  static void shareLists(func::FuncOp step) {
    DenseMap<Value, onnx::NonZeroOp> first;
    std::map<std::string, onnx::SymExpr> lengths;
    for (auto list : step.getOps<onnx::NonZeroOp>()) {
      auto [known, inserted] = first.try_emplace(list.getX(), list);
      auto here = onnx::getDims(list.getY().getType()), there = onnx::getDims(known->second.getY().getType());
      if (inserted || !here || !there || here->size() != 2 || !here->back().asSymbol())
        continue;
      lengths.emplace(*here->back().asSymbol(), there->back());
      list.getY().replaceAllUsesWith(known->second.getY());
    }
    if (lengths.empty())
      return;
    step.walk([&](Operation *op) {
      for (Value result : op->getResults()) {
        auto dims = onnx::getDims(result.getType());
        if (!dims)
          continue;
        for (onnx::SymExpr &dim : *dims)
          dim = dim.substitute(lengths);
        result.setType(onnx::getTensorType(*dims, cast<RankedTensorType>(result.getType()).getElementType()));
      }
    });
  }
};
} // namespace
} // namespace janus
