#include "janus/Recover/Passes.h"
#include "lib/Recover/Regions/RegionFunction.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_NUMBERREGIONSPASS
#include "lib/Recover/Passes.h.inc"

namespace {
struct NumberRegions : impl::NumberRegionsPassBase<NumberRegions> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto step = module.lookupSymbol<func::FuncOp>(moe::kStepFunction);
    if (!step || !module->hasAttr(moe::kModelAttr))
      return;
    SymbolTable symbols(module);
    Builder b(&getContext());
    llvm::SetVector<func::FuncOp> functions;
    int64_t states = 0, histories = 0;
    for (auto sequence : step.front().getOps<moe::SequenceOp>()) {
      auto function = symbols.lookup<func::FuncOp>(sequence.getCallee());
      functions.insert(function);
      sequence.setState(states);
      states += function.getNumArguments() - sequence.getInputs().size();
      if (!sequence.getHistory())
        continue;
      sequence.setHistory(histories);
      histories += llvm::count_if(sequence.getInputs().getTypes(), [](Type type) {
        auto tensor = cast<RankedTensorType>(type);
        return tensor.getRank() && tensor.isDynamicDim(0);
      });
    }
    // Out of the way first: the new names may be among the old ones.
    auto rename = [&](func::FuncOp function, const Twine &name) {
      StringAttr old = function.getSymNameAttr(), chosen = b.getStringAttr(name);
      for (auto sequence : step.front().getOps<moe::SequenceOp>())
        if (sequence.getCalleeAttr().getAttr() == old)
          sequence.setCallee(chosen);
      function.setSymNameAttr(chosen);
    };
    for (auto [i, function] : llvm::enumerate(functions))
      rename(function, "moe:region_" + Twine(i));
    for (auto [i, function] : llvm::enumerate(functions)) {
      rename(function, "region_" + Twine(i));
      function->moveBefore(step);
    }
  }
};
} // namespace
} // namespace janus
