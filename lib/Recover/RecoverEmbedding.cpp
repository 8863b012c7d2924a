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
    auto rewrite = [&](Operation *gather, Value indices, Value result, std::optional<recover::StoredWeight> table) {
      BlockArgument argument = recover::traceArgument(indices);
      auto columns = form.columns(result.getType());
      if (!argument || argument.getArgNumber() != tokens || !table || table->shape().size() != 2 ||
          columns != table->shape()[1] || !table->isStorable())
        return;
      OpBuilder builder(gather);
      Value weight = table->materialise(builder, form.symbols());
      Value rows = moe::EmbeddingOp::create(builder, gather->getLoc(), form.rowsType(*columns),
                                            form.argument(recover::kIds), weight);
      result.replaceAllUsesWith(form.fromRows(builder, rows, result.getType()));
      gather->erase();
    };
    for (Operation &op : llvm::make_early_inc_range(step.front())) {
      if (auto gather = dyn_cast<onnx::GatherOp>(op); gather && gather.getAxis() == 0)
        rewrite(gather, gather.getIndices(), gather.getY(), form.trace(gather.getData()));
      if (auto gather = dyn_cast<onnx::GatherBlockQuantizedOp>(op))
        if (auto tensor = recover::quantisedOf(gather))
          rewrite(gather, gather.getIndices(), gather.getY(), form.trace(*tensor));
    }
  }
};
} // namespace
} // namespace janus
