#include "janus/Partition/MeshAnalysis.h"
#include "janus/Partition/Passes.h"

#include "dialects/janus/IR/JanusOps.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_ASSIGNMESHESPASS
#include "lib/Partition/Passes.h.inc"

namespace {
struct AssignMeshes : impl::AssignMeshesPassBase<AssignMeshes> {
  void runOnOperation() override {
    for (auto step : getOperation().getOps<func::FuncOp>()) {
      if (!step->hasAttr(dist::kGateSideAttr))
        continue;
      FailureOr<MeshAnalysis> analysis = MeshAnalysis::compute(step);
      if (failed(analysis))
        return signalPassFailure();
      for (const auto &[op, choice] : analysis->choices()) {
        op->setAttr(dist::kMeshAttr, StringAttr::get(&getContext(), choice.mesh));
        op->setAttr(dist::kOriginAttr, StringAttr::get(&getContext(), choice.origin));
        if (choice.origin == "user" || isa<moe::RouteOp, moe::ExpertsOp>(op))
          emitRemark(op->getLoc()) << "'" << op->getName() << "' runs on @" << choice.mesh << " (" << choice.origin
                                   << ")";
      }
    }
  }
};
} // namespace
} // namespace janus
