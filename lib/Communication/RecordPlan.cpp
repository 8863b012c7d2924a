#include "janus/Communication/Explain.h"
#include "janus/Communication/Passes.h"
#include "runtime/base/Json.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_RECORDPLANPASS
#include "lib/Communication/Passes.h.inc"

namespace {
struct RecordPlan : impl::RecordPlanPassBase<RecordPlan> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    module->setAttr(kPlanAttr, StringAttr::get(&getContext(), JsonText(explainJson(module, {}))));
  }
};
} // namespace
} // namespace janus
