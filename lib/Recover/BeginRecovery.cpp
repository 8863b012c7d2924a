#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_BEGINRECOVERYPASS
#include "lib/Recover/Passes.h.inc"

namespace {
struct BeginRecovery : impl::BeginRecoveryPassBase<BeginRecovery> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = module.lookupSymbol<func::FuncOp>("main");
    if (!main || main.isExternal()) {
      module.emitError("expects a function @main; the import stage makes it");
      return signalPassFailure();
    }
    if (Operation *old = module.lookupSymbol(moe::kStepFunction)) {
      old->emitError("expects no function @step before recovery");
      return signalPassFailure();
    }
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfter(main);
    auto step = cast<func::FuncOp>(builder.clone(*main));
    step.setName(moe::kStepFunction);
    step.setPrivate();
    Type rows = RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
    for (unsigned i = 0; i < recover::kStepArguments; ++i)
      if (failed(step.insertArgument(i, rows, {}, step.getLoc())))
        return signalPassFailure();
  }
};
} // namespace
} // namespace janus
