#include "janus/Partition/Passes.h"

#include "dialects/janus/IR/JanusOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_SELECTGATESIDEPASS
#include "lib/Partition/Passes.h.inc"

namespace {
struct SelectGateSide : impl::SelectGateSidePassBase<SelectGateSide> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (gateSide != "expert" && gateSide != "attention" && gateSide != "auto") {
      module.emitError() << "expects gate-side=expert, attention or auto but found '" << gateSide << "'";
      return signalPassFailure();
    }
    auto step = module.lookupSymbol<func::FuncOp>("step");
    if (!step) {
      module.emitError("expects a function @step; the recover stage makes it");
      return signalPassFailure();
    }
    auto name = [&](func::FuncOp function, const char *suffix, const char *side) {
      function.setName(("step_" + Twine(suffix)).str());
      function->setAttr(dist::kGateSideAttr, StringAttr::get(&getContext(), side));
      emitRemark(function.getLoc()) << "the router runs on the " << side << " side in @" << function.getName();
    };
    if (gateSide == "auto") {
      OpBuilder builder(&getContext());
      builder.setInsertionPointAfter(step);
      auto clone = cast<func::FuncOp>(builder.clone(*step));
      name(step, "egate", "expert");
      name(clone, "agate", "attention");
      return;
    }
    name(step, gateSide == "expert" ? "egate" : "agate", gateSide.c_str());
  }
};
} // namespace
} // namespace janus
