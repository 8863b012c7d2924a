#include "janus/Partition/Passes.h"

#include "dialects/moe/IR/MoEOps.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_DROPUNUSEDWEIGHTSPASS
#include "lib/Partition/Passes.h.inc"

namespace {
struct DropUnusedWeights : impl::DropUnusedWeightsPassBase<DropUnusedWeights> {
  void runOnOperation() override {
    llvm::DenseSet<StringAttr> used;
    getOperation().walk([&](moe::GetWeightOp op) { used.insert(op.getWeightAttr().getAttr()); });
    for (auto weight : llvm::make_early_inc_range(getOperation().getOps<moe::WeightOp>()))
      if (!used.contains(weight.getSymNameAttr())) {
        emitRemark(weight.getLoc()) << "weight @" << weight.getSymName() << " is dropped: nothing reads it";
        weight.erase();
      }
  }
};
} // namespace
} // namespace janus
