#include "janus/Recover/Passes.h"
#include "lib/Recover/RowAnalysis.h"
#include "lib/Recover/RowForm.h"
#include "lib/Recover/StoredWeight.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_RECOVEREMBEDDINGPASS
#include "lib/Recover/Passes.h.inc"

namespace {
struct RecoverEmbedding : impl::RecoverEmbeddingPassBase<RecoverEmbedding> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    recover::RowForm form(step);
    auto tokens = step->getAttrOfType<IntegerAttr>(recover::kTokensAttr).getInt();
    for (auto gather : llvm::make_early_inc_range(step.front().getOps<onnx::GatherOp>())) {
      BlockArgument argument = recover::traceArgument(gather.getIndices());
      auto table = recover::StoredWeight::trace(gather.getData());
      auto columns = form.columns(gather.getY().getType());
      if (!argument || argument.getArgNumber() != tokens || !table || table->shape().size() != 2 ||
          gather.getAxis() != 0 || columns != table->shape()[1])
        continue;
      OpBuilder builder(gather);
      Value weight = table->materialise(builder, step);
      Value rows = moe::EmbeddingOp::create(builder, gather.getLoc(), form.rowsType(*columns),
                                            form.argument(recover::kIds), weight);
      gather.getY().replaceAllUsesWith(form.fromRows(builder, rows, gather.getY().getType()));
      gather.erase();
    }
  }
};
} // namespace
} // namespace janus
