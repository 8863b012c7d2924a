#include "janus/Target/Passes.h"

#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

namespace janus {

#define GEN_PASS_REGISTRATION
#define GEN_PASS_DEF_SELECTROLEPASS
#include "lib/Target/Passes.h.inc"

namespace {
struct SelectRole : impl::SelectRolePassBase<SelectRole> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Builder builder(&getContext());
    if (role != "attention" && role != "expert" && role != "tensor") {
      module.emitError() << "expects role=attention, expert or tensor but found '" << role << "'";
      return signalPassFailure();
    }
    if (cpu != "x86-64-v3" && cpu != "x86-64-v4") {
      module.emitError() << "expects cpu=x86-64-v3 or x86-64-v4 but found '" << cpu << "'";
      return signalPassFailure();
    }
    module->setDiscardableAttrs(DictionaryAttr::get(&getContext()));
    for (Operation &op : llvm::make_early_inc_range(*module.getBody())) {
      if (isa<LLVM::GlobalOp>(op))
        continue;
      auto function = dyn_cast<LLVM::LLVMFuncOp>(op);
      auto owner = op.getAttrOfType<StringAttr>("janus.role");
      if (!function || (owner && owner.getValue() != role)) {
        op.erase();
        continue;
      }
      function->removeAttr("janus.role");
      function.setTargetCpu(StringRef(cpu));
      function.setNoUnwind(true);
      SmallVector<Attribute> passthrough = {builder.getStringAttr("no-builtins")};
      if (cpu == "x86-64-v4")
        passthrough.push_back(builder.getStrArrayAttr({"prefer-vector-width", "512"}));
      function.setPassthroughAttr(builder.getArrayAttr(passthrough));
    }
  }
};
} // namespace

void registerTargetPasses() { registerTargetStagePasses(); }

} // namespace janus
